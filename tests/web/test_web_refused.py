"""Forms that were refused: a way back, the reason, and what was typed when the session had ended meanwhile."""

from __future__ import annotations

import re

import pytest

from siming.store.accounts import sessions
from siming.store.media import attempts
from siming.store.projects import members


@pytest.mark.parametrize(
    ("path", "back"),
    [
        ("/p/spring/attempts/A-001/conflict", "/p/spring/attempts/A-001"),
        ("/p/spring/members/me_x/end", "/p/spring/members/me_x"),
        ("/p/spring/attempts/import", "/p/spring/attempts"),
        ("/people/pe_x/disable", "/people"),
    ],
)
def test_a_refused_form_leads_back_to_its_page(web, path, back):
    attempts.add_attempt(web.room.db, web.room.coordinator, web.room.project, code="A-001")
    client = web.client(web.room.coordinator)
    answer = client.post(path, data={"csrf": "of another session"}, headers={"X-CSRF-Token": "no"})
    assert answer.status_code == 403
    assert f'<a class="button" href="{back}">Back to the page</a>' in answer.text


def test_a_form_that_is_too_large_says_how_large_it_may_be(web):
    answer = web.client(web.room.owner).post("/p/spring/members", data={"note": "x" * 1_100_000})
    assert answer.status_code == 413
    assert "the 1 MB that are taken here" in answer.text
    assert 'href="/p/spring/members"' in answer.text


def sent_too_late(web, actor, path, **data):
    """What comes of a form whose session ended of idleness after its page had been opened."""
    begun = sessions.begin(web.room.db, actor.id)
    client = web.visitor()
    client.cookies.set("siming_session", begun.token)
    web.room.clock.pass_by(hours=13)
    return client, client.post(path, data={"csrf": begun.csrf, **data})


def signed_in_again(web, client, actor):
    begun = sessions.begin(web.room.db, actor.id)
    client.cookies.clear()
    client.cookies.set("siming_session", begun.token)


NEW = {
    "who": "new",
    "code": "R09",
    "login": "tan",
    "name": "<b>Tan</b>",
    "roles": ["rater", "adjudicator"],
    "note": "two\nlines",
}


def test_a_form_sent_after_the_session_ended_waits_for_its_sender_and_does_nothing_by_itself(web):
    room = web.room
    before = len(members.members(room.db, room.owner, room.project))
    client, answer = sent_too_late(web, room.owner, "/p/spring/members", **NEW)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=/again")
    assert "tan" not in answer.headers["location"]
    assert "What you typed is kept" in client.get(answer.headers["location"]).text
    signed_in_again(web, client, room.owner)
    again = answer.headers["location"].partition("next=")[2].replace("%3F", "?").replace("%3D", "=")
    page = client.get(again).text
    assert "&lt;b&gt;Tan&lt;/b&gt;" in page
    assert len(members.members(room.db, room.owner, room.project)) == before
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page[page.index("<main") :])
    data: dict[str, list[str]] = {}
    for name, value in fields:
        data.setdefault(name, []).append(value.replace("&lt;", "<").replace("&gt;", ">"))
    assert data["roles"] == ["rater", "adjudicator"]
    done = client.post("/p/spring/members", data=data)
    assert done.status_code == 303, re.findall(r'id="trouble">([^<]*)', done.text)
    assert [m.name for m in members.members(room.db, room.owner, room.project) if m.login == "tan"] == ["<b>Tan</b>"]


def test_what_somebody_typed_is_shown_to_nobody_else(web):
    client, answer = sent_too_late(web, web.room.owner, "/p/spring/members", **NEW)
    again = answer.headers["location"].partition("next=")[2].replace("%3F", "?").replace("%3D", "=")
    signed_in_again(web, client, web.room.coordinator)
    assert client.get(again).status_code == 303


def test_a_form_of_another_site_is_kept_for_nobody_and_a_password_never(web):
    _, answer = sent_too_late(web, web.room.owner, "/p/spring/members", **{**NEW, "csrf": "made up"})
    assert answer.headers["location"] == "/sign-in?next=/p/spring/members"
    _, answer = sent_too_late(web, web.room.owner, "/account/password", password="a long secret", new_password="x")
    assert "again" not in answer.headers["location"]
    assert web.visitor().post("/p/spring/members", data={"csrf": "made up"}).status_code == 403


def test_a_session_that_is_over_altogether_is_no_longer_known_by_its_token(web):
    begun = sessions.begin(web.room.db, web.room.owner.id)
    assert sessions.whose_form(web.room.db, begun.csrf) == web.room.owner.id
    web.room.clock.pass_by(days=15)
    sessions.begin(web.room.db, web.room.owner.id)
    assert sessions.whose_form(web.room.db, begun.csrf) is None


def test_a_list_of_people_with_a_gap_is_refused_with_the_number_of_its_line(web):
    typed = "K1; Li Na; 1\n\nK2;\nK3; Wu"
    answer = web.client(web.room.owner).post("/p/spring/identities", data={"kind": "candidate", "people": typed})
    assert answer.status_code == 422
    assert "Line 3 (“K2;”) lacks its code or its name" in answer.text
    assert "K3; Wu" in answer.text
