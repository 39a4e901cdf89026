"""The first page of a project: how far the work has come, the next thing to do, and nothing that blinding forbids."""

from __future__ import annotations

import re

import pytest
from rated_exam import exam

from siming.store.figures.flow import flow
from siming.store.media import attempts

pytest.importorskip("av")


def counts(room, actor):
    return {stage.name: dict(stage.counts) for stage in flow(room.db, actor, room.project)}


def test_the_flow_counts_what_waits_at_each_stage(web):
    room = web.room
    attempts.add_attempt(room.db, room.coordinator, room.project, code="A-099")
    exam(room, n_frames=30)  # A-001 with its film, given to Wei
    told = counts(room, room.coordinator)
    assert list(told) == ["members", "video", "release", "plan", "rate", "compare", "adjudicate", "lock", "export"]
    assert told["video"] == {"n": 2, "without": 1}
    assert told["plan"] == {"n": 0, "given": 1}
    assert told["rate"] == {"n": 0, "of": 1}
    page = web.client(room.coordinator).get("/p/spring").text
    assert "Attempts: 2, without a video: 1." in page
    assert re.search(r'class="next"><a href="/p/spring/upload">', page)


def test_each_role_is_told_of_the_stages_it_works_at_and_a_rater_of_no_number(web):
    room = web.room
    exam(room, n_frames=30)
    assert counts(room, room.wei) == {"rate": {}}
    assert counts(room, room.lin) == {"adjudicate": {"n": 0, "confirm": 0, "of": 0}}
    assert counts(room, room.analyst) == {"export": {"n": 0}}
    assert counts(room, room.auditor) == {}
    assert 'href="/queue"' in web.client(room.wei).get("/p/spring").text


def test_a_project_that_cannot_be_closed_says_why_on_its_own_page_and_leads_to_the_devices(web):
    room = web.room
    made = exam(room, n_frames=30)
    agent = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
    opened = web.client(room.wei).post(
        f"/api/v1/assignments/{made.assignment}/open", json={"client": "weis-tablet-1"}, headers={"User-Agent": agent}
    )
    assert opened.status_code == 200
    refused = web.client(room.owner).post("/p/spring/state", data={"to": "closed"})
    assert refused.status_code == 409
    assert 'id="trouble"' in refused.text
    assert 'href="/p/spring/devices">' in refused.text
    devices = web.client(room.coordinator).get("/p/spring/devices").text
    assert "Chrome, Android" in devices
    assert "Give up what it may hold" in devices
