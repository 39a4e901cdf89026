"""The agreement page: shows at once what was counted last, counts beside, and is nothing for raters."""

from __future__ import annotations

import re
import time
from html import unescape

import pytest
from exams import exam
from rating_rooms import add_rated_attempt, submitted, unguard
from rooms_web import serving
from sqlalchemy import update
from starlette.responses import Response

from siming.store.figures.snapshots import recompute, take_snapshot
from siming.store.schema import person, stat_snapshot
from siming.web import counting, texts
from siming.web.routes.agreement import SHOWN
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
        unguard(c, "stat_snapshot", "stat_snapshot_no_update")
        c.execute(update(stat_snapshot).values(inputs={"not": "read"}))
    assert web.client(room.coordinator).get(PAGE).status_code == 200


def rows_of(page: str, start: str) -> list[str]:
    """The rows of a table as text, those that begin with `start`."""
    rows = re.findall(rf"<tr{start}.*?</tr>", page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", unescape(row)).split()) for row in rows]


def reading(web, language):
    with web.room.db.write() as c:
        c.execute(update(person).where(person.c.id == web.room.coordinator.id).values(language=language))
    return web.client(web.room.coordinator)


@pytest.mark.parametrize(
    ("language", "videos", "cells", "none", "unit", "direction"),
    [
        ("en", "4 videos with both totals", "36 cells, 4 candidates", "None: 4", "points of 100", "R02 minus R01"),
        ("zh", "4 段有双方总分的视频", "36 个单元格, 4 位考生", "无： 4", "分（百分制）", "R02 减 R01"),
    ],
)
def test_no_figure_stands_without_its_interval_or_a_reason_and_what_it_stands_on(
    web, language, videos, cells, none, unit, direction
):
    room = web.room
    exam(room, 4, lost_wei=lambda n: 1.0, lost_okafor=lambda n: 0.0)
    figures = take_snapshot(room.db, room.project).figures["panels"][0]
    page = reading(web, language).get(PAGE).text
    rows = rows_of(page, ' class="f-')
    assert len(rows) == len(SHOWN)
    assert all(videos in row or cells in row for row in rows), rows
    assert sum(none in row for row in rows) == sum(
        figures["metrics"][name].get("interval") is None and figures["metrics"][name].get("value") is not None
        for name in SHOWN
    )
    assert all("[" in row or none[:2] in row or "–" in row for row in rows)
    [difference] = [row for row in rows if unit in row]
    assert figures["metrics"]["mean_difference"]["value"] > 0  # the second gave more
    assert re.search(r" \+\d", difference)
    assert direction.replace("R02", figures["second"]).replace("R01", figures["first"]) in page
    for name in SHOWN:
        assert texts.text(language, f"agreement.scale.{name}") in unescape(page)


def test_steps_stand_in_one_table_that_is_sorted_by_any_of_its_columns(web):
    room = web.room
    exam(room, 6)
    figures = take_snapshot(room.db, room.project, by="step").figures
    client = reading(web, "en")
    steps = [panel["part"] for panel in figures["panels"]]
    values = {panel["part"]: panel["metrics"]["raw_agreement"]["value"] for panel in figures["panels"]}

    def shown(**query):
        page = client.get(PAGE, params={"by": "step", **query}).text
        assert page.count('<table class="parts">') == 1
        assert 'class="figures"' not in page
        return [row.split()[0] for row in rows_of(page, '><th scope="row">') if row.split()[0] in steps], page

    assert shown()[0] == steps
    rising, page = shown(sort="raw_agreement")
    assert [values[step] for step in rising] == sorted(values.values())
    assert rising[0] == steps[0]
    assert 'aria-sort="ascending"' in page
    falling, page = shown(sort="raw_agreement", turned="1")
    assert [values[step] for step in falling] == sorted(values.values(), reverse=True)
    assert falling[-1] == steps[0]
    assert 'aria-sort="descending"' in page
    unknown = {p["part"] for p in figures["panels"] if p["metrics"]["qwk"]["value"] is None}
    for turned in ("0", "1"):
        found, page = shown(sort="qwk", turned=turned)
        assert set(found[len(steps) - len(unknown) :]) == unknown
    assert "Why a figure or an interval is lacking" in page
    assert shown(sort="nonsense")[0] == steps


def test_by_week_a_video_counts_in_the_week_of_its_later_sheet(web):
    room = web.room
    exam(room, 2)
    waits = add_rated_attempt(room, "A-900", candidate_code="T90")
    submitted(room, waits, room.wei)
    room.clock.pass_by(days=7)
    submitted(room, waits, room.okafor, slot=1)
    taken = take_snapshot(room.db, room.project, by="week")
    # 1 March 2026 is a Sunday: the last day of the ninth week
    assert [(panel["part"], panel["n_videos"]) for panel in taken.figures["panels"]] == [
        ("2026-W09", 2),
        ("2026-W10", 1),
    ]
    page = reading(web, "zh").get(PAGE, params={"by": "week"}).text
    assert [row.split()[0] for row in rows_of(page, '><th scope="row">')][:2] == ["2026-W09", "2026-W10"]
    assert recompute(room.db, taken.id)
