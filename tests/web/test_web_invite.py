"""Invitations and first passwords: a link that can be copied and opened elsewhere, a login that fits, a password seen."""

from __future__ import annotations

import pytest
from rooms_web import SETUP_TOKEN, serving

from siming.store.accounts import invitations
from siming.store.database import Database
from siming.store.migrate import migrate
from siming.store.projects import members

ADD = {"login": "tan", "name": "Tan", "roles": "rater"}


def test_a_link_that_opens_on_this_computer_only_says_so(web, tmp_path):
    client = web.client(web.room.owner)

    def invited():
        answer = client.post(f"/p/spring/members/{new.id}/invite")
        return client.get(answer.headers["location"]).text

    client.post("/p/spring/members", data=ADD)
    new = next(m for m in members.members(web.room.db, web.room.owner, web.room.project) if m.login == "tan")
    assert "works on this computer only" not in invited()
    object.__setattr__(web.settings, "address", "http://127.0.0.1:8572")
    assert "works on this computer only" in invited()


def test_the_plan_names_raters_who_have_not_come_in_yet(web):
    client = web.client(web.room.coordinator)
    before = client.get("/p/spring/plan").text
    client.post("/p/spring/members", data={**ADD, "code": "R77"})
    after = client.get("/p/spring/plan").text
    assert "R77" not in before
    assert "R77 has not come in yet" in after or "R77 have not come in yet" in after


@pytest.mark.browser
def test_a_link_is_copied_by_a_press(visit, served):
    page = visit.page(served.room.owner, "/p/spring/members", permissions=["clipboard-read", "clipboard-write"])
    for name in ("login", "name"):
        page.fill(f"#add [name={name}]", ADD[name])
    page.check("#add [value=rater]")
    page.click("#add button.main")
    link = page.locator("#invitation-link").inner_text().strip()
    assert "/welcome?token=" in link
    page.click("#invitation [data-copies]")
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == link


@pytest.mark.browser
def test_a_first_password_can_be_looked_at_and_a_login_that_cannot_be_is_refused_before_anything_is_sent(visit, served):
    _, invitation = invitations.create_person(served.room.db, served.room.owner, login="tan", name="Tan")
    page = visit.page(None, f"/welcome?token={invitation.token}")
    assert page.get_attribute("#f-password", "type") == "password"
    page.get_by_label("Show the password").check()
    page.fill("#f-password", "four words in a row")
    assert page.get_attribute("#f-password", "type") == "text"
    page.click("button.main")
    page.wait_for_url(lambda url: "/welcome" not in url)


@pytest.mark.browser
def test_the_set_up_page_says_what_a_login_is(browser, tmp_path):
    from dataclasses import replace

    from rooms import build_room

    room = build_room(tmp_path)
    folder = tmp_path / "fresh"
    folder.mkdir()
    fresh = Database(f"sqlite:///{folder / 'room.db'}")
    migrate(fresh)
    with serving(replace(room, db=fresh)) as made:
        page = browser.new_page()
        page.goto(f"{made.address}/setup?token={SETUP_TOKEN}")
        page.fill("#f-login", "王芳")
        assert page.evaluate("document.getElementById('f-login').validity.patternMismatch")
        page.fill("#f-login", "Wang.Fang@example.org")
        assert page.evaluate("document.getElementById('f-login').validity.valid")
        assert "wangfang" in page.inner_text("#h-login")
        page.close()
    room.db.close()
    fresh.close()
