"""The planner's page: seen first, given out exactly so; a forecast before the first video; nothing for raters."""

from __future__ import annotations

import re

import pytest
from rating_rooms import add_rated_attempt, give, gone_over, submitted
from sqlalchemy import update

from siming.store.blind.assignments import assignments
from siming.store.projects import members
from siming.store.schema import person

PAGE, API = "/p/spring/plan", "/api/v1/projects/spring"


def hidden(page: str) -> dict[str, str]:
    """The fields of the form that gives a plan out."""
    form = page[page.index("/plan/give-out") :]
    form = form[: form.index("</form>")]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))


@pytest.mark.parametrize(("language", "words"), [("en", "QWK over all compared sheets: ± 0.04"), ("zh", "200 段视频")])
def test_before_the_first_video_the_page_says_what_two_hundred_will_be_able_to_say(web, language, words):
    room = web.room
    with room.db.write() as c:
        c.execute(update(person).where(person.c.id == room.coordinator.id).values(language=language))
    page = web.client(room.coordinator).get(f"{PAGE}?look=forecast&videos=200&raters=6")
    assert page.status_code == 200
    assert words in page.text
    answer = web.client(room.coordinator).post(f"{API}/plan/forecast", json={"videos": 200, "raters": 6}).json()
    assert answer["connected"]
    assert answer["forecast"]["qwk_half_width"]["n"] == 200
    assert sum(line["attempts"] for line in answer["workload"]) == 420


def test_a_plan_is_looked_at_and_then_given_out(web):
    room = web.room
    for n in range(4):
        add_rated_attempt(room, f"A-{n:03d}", candidate_code=f"T{n}")
    client = web.client(room.coordinator)
    page = client.get(f"{PAGE}?look=plan&repeat_percent=0&due_days=10").text
    assert assignments(room.db, room.coordinator, room.project) == ()
    assert "Giving this out adds 8 assignments" in page
    answer = client.post(f"{PAGE}/give-out", data=hidden(page))
    assert answer.status_code == 303
    given = assignments(room.db, room.coordinator, room.project)
    assert len(given) == 8
    assert all(a.due_at.startswith("2026-03-11") for a in given)
    assert "Everything that is ready is given out already" in client.get(f"{PAGE}?look=plan&repeat_percent=0").text


def test_a_plan_that_things_have_moved_on_from_is_shown_anew(web):
    room = web.room
    add_rated_attempt(room, "A-000")
    client = web.client(room.coordinator)
    fields = hidden(client.get(f"{PAGE}?look=plan&repeat_percent=0").text)
    add_rated_attempt(room, "A-001")
    answer = client.post(f"{PAGE}/give-out", data=fields)
    assert answer.status_code == 409
    assert "have changed since this plan was made" in answer.text
    assert hidden(answer.text)["mark"] != fields["mark"]
    assert client.post(f"{PAGE}/give-out", data=hidden(answer.text)).status_code == 303


def test_the_same_through_the_api(web):
    room = web.room
    for n in range(3):
        add_rated_attempt(room, f"A-{n:03d}")
    client = web.client(room.coordinator)
    found = client.post(f"{API}/plan/propose", json={"repeat_share": 0}).json()
    assert (found["n_new"], found["n_replaced"], found["not_ready"]) == (6, 0, [])
    stale = client.post(f"{API}/plan/give-out", json={"repeat_share": 0, "mark": "0"})
    assert (stale.status_code, stale.json()["error"]["code"]) == (409, "plan_changed")
    assert client.post(f"{API}/plan/give-out", json={"repeat_share": 0, "mark": found["mark"]}).json() == {"added": 6}


def test_assignments_are_given_to_another_withdrawn_reopened_and_dated(web):
    room = web.room
    attempt = add_rated_attempt(room, "A-000")
    locked, _ = submitted(room, attempt, room.wei)
    client = web.client(room.coordinator)
    other = add_rated_attempt(room, "A-001")
    given = give(room, other, room.wei)
    assert client.post(f"{PAGE}/{given}/due", data={"due": "2026-05-01"}).status_code == 303
    assert client.post(f"{PAGE}/{given}/due", data={"due": "soon"}).status_code == 422
    assert client.post(f"{PAGE}/{given}/reassign", data={"rater": room.okafor.id, "reason": ""}).status_code == 422
    assert client.post(f"{PAGE}/{given}/reassign", data={"rater": room.okafor.id, "reason": "ill"}).status_code == 303
    assert client.post(f"{PAGE}/{locked}/withdraw", data={"reason": "ill"}).status_code == 409
    assert client.post(f"{PAGE}/{locked}/reopen", data={"reason": "wrong key"}).status_code == 303
    states = {
        (a.attempt_code, a.rater, a.state, (a.due_at or "")[:10])
        for a in assignments(room.db, room.coordinator, room.project)
    }
    assert states == {
        ("A-000", room.wei.id, "reopened", ""),
        ("A-001", room.wei.id, "withdrawn", "2026-05-01"),
        ("A-001", room.okafor.id, "queued", "2026-05-01"),
    }
    assert client.post(f"{PAGE}/{given}/nonsense", data={"reason": "x"}).status_code == 404
    assert "A-001" in client.get(f"{PAGE}?text=a-001").text


@pytest.mark.parametrize(
    ("language", "words"), [("en", "at least 14 days after the first rating"), ("zh", "至少在第一次评分 14 天之后进行")]
)
def test_repeats_that_come_sooner_than_two_weeks_need_a_reason_on_the_page_too(web, language, words):
    room = web.room
    with room.db.write() as c:
        c.execute(update(person).where(person.c.id == room.coordinator.id).values(language=language))
    for n in range(4):
        add_rated_attempt(room, f"A-{n:03d}", candidate_code=f"T{n}")
    client = web.client(room.coordinator)
    wishes = "look=plan&repeat_percent=50&not_before_days=3"
    refused = client.get(f"{PAGE}?{wishes}")
    assert refused.status_code == 422
    assert words in refused.text
    page = client.get(f"{PAGE}?{wishes}&early_because=it+ends+on+Friday").text
    assert client.post(f"{PAGE}/give-out", data=hidden(page)).status_code == 303
    repeats = [a for a in assignments(room.db, room.coordinator, room.project) if a.purpose == "repeat"]
    assert len(repeats) == 4
    answer = client.post(f"{API}/plan/propose", json={"repeat_share": 0.9, "not_before_days": 3})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "plan_repeat_early")


@pytest.mark.parametrize(("language", "words"), [("en", "own site"), ("zh", "评分者所在的考点")])
def test_a_rater_of_the_same_site_is_given_it_only_where_that_is_ticked(web, language, words):
    room = web.room
    with room.db.write() as c:
        c.execute(update(person).where(person.c.id == room.coordinator.id).values(language=language))
    members.change_member(room.db, room.owner, room.members["okafor"], roles=["rater"], site="north")
    given = give(room, add_rated_attempt(room, "A-000", site="north"), room.wei)
    client = web.client(room.coordinator)
    to = {"rater": room.okafor.id, "reason": "Wei is ill"}
    refused = client.post(f"{PAGE}/{given}/reassign", data=to)
    assert refused.status_code == 422
    assert words in refused.text
    api = f"/api/v1/assignments/{given}/reassign"
    assert client.post(api, json=to).json()["error"]["code"] == "plan_same_site"
    assert client.post(api, json={**to, "despite": ["anything"]}).status_code == 422
    assert client.post(f"{PAGE}/{given}/reassign", data={**to, "despite": "1"}).status_code == 303
    moved = [a for a in assignments(room.db, room.coordinator, room.project) if a.state == "queued"]
    assert [a.rater for a in moved] == [room.okafor.id]
    assert [(line["despite"], line["reason"]) for line in gone_over(room)] == [("same_site", "Wei is ill")]


@pytest.mark.parametrize(
    "query", ["double_percent=abc", "raters_per_attempt=2.5", "repeat_percent=101", "seed=-1", "videos=99999", "page=x"]
)
def test_odd_numbers_are_answered_with_the_form_and_a_reason(web, query):
    add_rated_attempt(web.room, "A-000")
    answer = web.client(web.room.coordinator).get(f"{PAGE}?look=plan&{query}")
    assert answer.status_code in ((200,) if query == "page=x" else (422,))
    assert 'name="raters_per_attempt"' in answer.text


def test_raters_adjudicators_and_analysts_see_nothing_of_the_plan(web):
    room = web.room
    add_rated_attempt(room, "A-000")
    for actor in (room.wei, room.lin, room.analyst, room.auditor):
        client = web.client(actor)
        assert client.get(PAGE).status_code == 403
        for path in ("plan/propose", "plan/forecast", "plan/calibration"):
            assert client.post(f"{API}/{path}", json={}).status_code == 403
        assert client.post(f"{PAGE}/give-out", data={"mark": "x"}).status_code == 403
