"""After a form comes a redirect: a page that is loaded again sends nothing twice, and shows nothing twice."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator

import pytest
from walk import routes_of

from siming.store.accounts import people
from siming.store.accounts.vault import Identity, Vault, put_identities
from siming.store.projects import members
from siming.web.once import KEPT_S, Counter

DOWNLOADS = {"_now", "_of_release"}
"""What answers a form with a file, which the browser keeps beside the page."""
ONWARD = {"redirect", "redirect_showing", "RedirectResponse"}


def forms(app):
    return [route for route in routes_of(app) if route.method == "POST" and not route.path.startswith("/api/")]


def ends(function) -> Iterator[ast.expr]:
    """What a form's handler answers with when nothing was refused: returns outside of every `except`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    made = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    refused = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and id(node) not in refused:
            value = node.value
            yield made.get(value.id, value) if isinstance(value, ast.Name) else value


def name_of(value: ast.expr) -> str:
    return ast.unparse(value.func) if isinstance(value, ast.Call) else ast.unparse(value)


def test_every_form_that_did_something_is_answered_with_a_redirect(web):
    found = {
        (route.name, name_of(value))
        for route in forms(web.app)
        for value in ends(route.endpoint)
        if name_of(value) not in ONWARD | DOWNLOADS and "status=4" not in ast.unparse(value)
    }
    assert len(forms(web.app)) > 40
    assert found == set()


def sent_on(client, path, **data):
    """The page that a form leads to, and the same page loaded again."""
    answer = client.post(path, data=data)
    assert answer.status_code == 303
    assert "token=" not in str(answer.headers)  # neither the address nor a cookie carries what is shown
    to = answer.headers["location"]
    return client.get(to).text, client.get(to).text


def test_the_link_for_a_new_member_is_shown_once_and_loading_again_adds_nobody(web):
    room = web.room
    client = web.client(room.owner)
    page, again = sent_on(client, f"/p/{room.slug}/members", login="tan", name="Tan", roles="rater")
    assert "/welcome?token=" in page
    assert "/welcome?token=" not in again
    tans = [m for m in members.members(room.db, room.owner, room.project) if m.login == "tan"]
    assert len(tans) == 1
    new, again = sent_on(client, f"/p/{room.slug}/members/{tans[0].id}/invite")
    assert "Tan" in new
    assert "/welcome?token=" in new
    assert "/welcome?token=" not in again


def test_the_link_for_a_new_account_is_shown_once(web):
    client = web.client(web.room.owner)
    page, again = sent_on(client, "/people", login="tan", name="Tan")
    assert "/welcome?token=" in page
    assert "/welcome?token=" not in again
    tan = next(p for p in people.people(web.room.db, web.room.owner) if p.login == "tan")
    page, again = sent_on(client, f"/people/{tan.id}/invite")
    assert "/welcome?token=" in page
    assert "/welcome?token=" not in again


def test_a_token_for_a_program_is_shown_once(web):
    page, again = sent_on(web.client(web.room.wei), "/account/tokens", name="script", days="3")
    assert 'class="secret"' in page
    assert 'class="secret"' not in again


def test_who_is_behind_a_code_is_shown_once_for_a_reason_given_once(web):
    room = web.room
    vault = Vault(web.settings.vault_folder, clock=room.db.now)
    put_identities(room.db, vault, room.owner, room.project, "candidate", [Identity("T-001", "Tan Wei Ming")])
    vault.close()
    page, again = sent_on(web.client(room.owner), f"/p/{room.slug}/identities/open", reason="an appeal")
    assert "Tan Wei Ming" in page
    assert "Tan Wei Ming" not in again


def test_what_is_shown_once_goes_to_the_person_and_the_page_it_was_left_for(web):
    room = web.room
    owner, wei = web.client(room.owner), web.client(room.wei)
    owner.post("/people", data={"login": "tan", "name": "Tan"})
    assert "/welcome?token=" not in owner.get(f"/p/{room.slug}/members").text
    wei.cookies.set("siming_once", owner.cookies["siming_once"])
    assert "/welcome?token=" not in wei.get("/account").text
    assert "/welcome?token=" in owner.get("/people").text


def test_what_nobody_came_for_is_thrown_away_after_a_minute():
    now = [0.0]
    counter = Counter(lambda: now[0])
    claim = counter.leave("owner /people", {"link": "x"})
    now[0] = KEPT_S + 0.1
    assert counter.claim(claim, "owner /people") == {}
    many = [counter.leave("owner /people", {"n": n}) for n in range(501)]
    assert counter.claim(many[0], "owner /people") == {}
    assert counter.claim(many[-1], "owner /people") == {"n": 500}


@pytest.mark.browser
def test_loading_the_page_again_in_a_browser_asks_nothing_and_adds_nobody(visit, served):
    room = served.room
    page = visit.page(room.owner, "/people")
    page.fill("#f-login", "tan")
    page.fill("#f-name", "Tan")
    page.get_by_role("button", name="Add", exact=True).click()
    page.locator("output.secret").wait_for()
    posts = []
    page.on("request", lambda request: posts.append(request.method))
    page.reload()
    assert page.locator("output.secret").count() == 0
    assert "POST" not in posts
    assert page.get_by_role("alert").count() == 0
