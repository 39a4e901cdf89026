"""The agreement page: shows at once what was counted last, counts beside, and is nothing for raters."""

from __future__ import annotations

import time

import pytest
from exams import exam
from rating_rooms import add_rated_attempt, submitted
from rooms_web import serving
from sqlalchemy import update
from starlette.responses import Response

from siming.store.figures.snapshots import take_snapshot
from siming.store.schema import person, stat_snapshot
from siming.web import counting
from siming.web.security import CSP

PAGE, API = "/p/spring/agreement", "/api/v1/projects/spring/statistics/agreement"


def test_the_page_shows_the_newest_figures_and_says_how_many_sheets_came_since(web):
    room = web.room
    exam(room, 5)
    client = web.client(room.coordinator)
    assert "The first figures are being counted" in client.get(PAGE).text
    taken = take_snapshot(room.db, room.project)
    submitted(room, add_rated_attempt(room, "A-900"), room.wei)
    page = client.get(PAGE).text
    value = taken.figures["panels"][0]["metrics"]["qwk"]["value"]
    assert f"{value:.3f}" in page
    assert "11 first sheets are locked" in page
    answer = client.get(API).json()
    assert (answer["n_submissions"], answer["n_counted"], answer["up_to_date"]) == (11, 10, False)
    assert answer["figures"] == taken.figures


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ["agreement", "effects"])
def test_the_whole_report_runs_under_a_policy_of_its_own_that_lets_nothing_else_in(web, language, kind):
    room = web.room
    exam(room, 6)
    take_snapshot(room.db, room.project, kind=kind)
    with room.db.write() as c:
        c.execute(update(person).where(person.c.id == room.analyst.id).values(language=language))
    answer = web.client(room.analyst).get(f"{PAGE}/report", params={"kind": kind})
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "'self'" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert f'data-lang="{language}"' in answer.text


@pytest.mark.parametrize(
    "wanted",
    [
        "default-src *",
        "",
        "script-src 'unsafe-inline'",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
        "default-src 'none'; style-src 'sha256-" + "A" * 43 + "='; script-src 'sha256-" + "A" * 43 + "=' 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "default-src 'none'; style-src 'sha256-" + "A" * 43 + "='; script-src 'sha256-" + "A" * 43 + "='; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; connect-src *",
    ],
)  # fmt: skip
def test_no_answer_can_loosen_the_content_policy(web, wanted):
    web.app.add_api_route("/loose", lambda: Response("x", headers={"Content-Security-Policy": wanted}))
    assert web.visitor().get("/loose").headers["content-security-policy"] == CSP


def test_what_cannot_be_said_yet_is_said_in_the_readers_language(web):
    room = web.room
    submitted(room, add_rated_attempt(room, "A-000"), room.wei)
    take_snapshot(room.db, room.project)
    with room.db.write() as c:
        c.execute(update(person).where(person.c.id == room.coordinator.id).values(language="zh"))
    client = web.client(room.coordinator)
    for path in (PAGE, f"{PAGE}/report"):
        page = client.get(path).text
        assert "至少两位评分者" in page
        assert "sheets.jsonl" not in page


def test_nothing_of_it_is_for_raters_adjudicators_or_auditors(web):
    room = web.room
    exam(room, 5)
    take_snapshot(room.db, room.project)
    for actor in (room.wei, room.lin, room.auditor):
        for path in (PAGE, f"{PAGE}?by=step", f"{PAGE}/report", f"{PAGE}/report?kind=effects", API):
            assert web.client(actor).get(path).status_code == 403


def test_opening_the_page_counts_in_a_process_of_its_own_and_then_the_figures_are_there(web):
    room = web.room
    exam(room, 5)
    with serving(room) as served:
        client = web.client(room.coordinator)
        import httpx

        cookies = dict(client.cookies)
        address = served.address + API
        until = time.monotonic() + 90
        first = httpx.get(address, cookies=cookies).json()
        assert (first["snapshot"], first["counting"]) == (None, True)
        while not (found := httpx.get(address, cookies=cookies).json())["up_to_date"]:
            assert time.monotonic() < until, found
            time.sleep(0.3)
    assert found["n_counted"] == 10
    assert found["figures"]["panels"]


def test_counting_that_failed_is_told_and_not_tried_again_until_something_has_changed(web, monkeypatch):
    room = web.room
    exam(room, 5)
    made = counting.Counting(str(room.db.url))
    tried = []

    class Pool:
        def submit(self, *args):
            from concurrent.futures import Future

            tried.append(args)
            future = Future()
            future.set_exception(MemoryError("no room"))
            return future

        def shutdown(self, **_):
            pass

    made._pool = Pool()
    web.app.state.counting = made
    client = web.client(room.coordinator)
    first, second = client.get(API).json(), client.get(API).json()
    assert (first["problem"], second["problem"], second["counting"]) == ("no room", "no room", False)
    assert len(tried) == 1
    submitted(room, add_rated_attempt(room, "A-900"), room.wei)
    client.get(API)
    assert len(tried) == 2
    assert "Counting failed" in client.get(PAGE).text


def test_a_page_of_statistics_reads_no_list_of_what_went_in(web):
    room = web.room
    exam(room, 5)
    take_snapshot(room.db, room.project)
    with room.db.write() as c:
        c.execute(update(stat_snapshot).values(inputs={"not": "read"}))
    assert web.client(room.coordinator).get(PAGE).status_code == 200
