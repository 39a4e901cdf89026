"""The page of one attempt: who may not rate it, a camera's clock, and the masks looked at before a video is made."""

from __future__ import annotations

import re

import pytest
from rated_exam import add_film, exam
from sqlalchemy import select

from siming.errors import InputError
from siming.store.media import attempts, media
from siming.store.schema import audit_event
from siming.web.routes.masks import times_of


def conflicts(room, attempt):
    with room.db.read() as c:
        return attempts.conflicts_of(c, attempt)


def test_a_coordinator_says_who_may_not_rate_an_attempt_and_takes_it_back(web):
    room = web.room
    made = attempts.add_attempt(room.db, room.coordinator, room.project, code="A-001")
    client, there = web.client(room.coordinator), f"/p/{room.slug}/attempts/A-001"
    assert f'<option value="{room.wei.id}">R01 Wei</option>' in client.get(there).text
    assert client.post(f"{there}/conflict", data={"person": room.wei.id}).headers["location"] == there
    assert conflicts(room, made.id) == {room.wei.id: ("named",)}
    page = client.get(there).text
    assert "named" in page
    assert f'<option value="{room.wei.id}">' not in page  # he is in the list above it
    member = client.get(f"/p/{room.slug}/members/{room.members['wei']}").text
    assert re.search(r'name="conflicts"[^>]*>A-001<', member)
    assert client.post(f"{there}/no-conflict", data={"person": room.wei.id}).status_code == 303
    assert conflicts(room, made.id) == {}
    assert client.post(f"{there}/conflict", data={"person": "pe_nobody"}).status_code == 404
    assert web.client(room.wei).post(f"{there}/conflict", data={"person": room.okafor.id}).status_code == 403
    assert conflicts(room, made.id) == {}


def test_a_rater_of_the_same_site_is_named_with_the_reason_and_is_not_taken_back_by_a_button(web):
    room = web.room
    attempts.add_attempt(room.db, room.coordinator, room.project, code="A-001", site="Ward 3")
    client, there = web.client(room.coordinator), f"/p/{room.slug}/attempts/A-001"
    client.post(
        f"/p/{room.slug}/members/{room.members['wei']}", data={"roles": "rater", "site": "Ward 3", "conflicts": ""}
    )
    page = client.get(there).text
    assert "same site" in page
    assert "no-conflict" not in page


def test_the_clock_of_a_second_camera_is_set_on_the_page_and_reaches_the_rater(web):
    room = web.room
    made = exam(room, n_frames=30)
    side = add_film(room, made.attempt, "constant", n_frames=40, camera="side")
    client, there = web.client(room.coordinator), f"/p/{room.slug}/attempts/A-001"
    for typed, kept in (("-1,25", -1.25), ("0.5", 0.5), ("", 0.0), ("−2", -2.0)):
        assert client.post(f"{there}/media/{side.id}/clock", data={"offset_s": typed}).status_code == 303
        offsets = {m.id: m.clock_offset_s for m in media.media_of_attempt(room.db, room.coordinator, made.attempt)}
        assert offsets[side.id] == kept
    page = client.get(there).text
    assert "Clock of this camera: −2 s" in page
    seen = web.client(room.wei).get(f"/api/v1/assignments/{made.assignment}").json()["media"]
    assert {m["camera"]: m["clock_offset_s"] for m in seen} == {"main": 0.0, "side": -2.0}
    for typed in ("soon", "nan", "90000"):
        answer = client.post(f"{there}/media/{side.id}/clock", data={"offset_s": typed})
        assert answer.status_code == 422, typed


def original_of(room, made):
    found = media.media_of_attempt(room.db, room.coordinator, made.attempt)
    return next(m for m in found if m.kind == "original").id


def test_masks_are_looked_at_before_a_video_is_made_and_the_audit_tells_who_did(web):
    room = web.room
    made = exam(room, n_frames=75)
    address = f"/p/{room.slug}/attempts/A-001/media/{original_of(room, made)}/masks"
    client = web.client(room.coordinator)
    assert address in client.get(f"/p/{room.slug}/attempts/A-001").text
    page = client.get(address, params={"faces": "none"})
    assert page.status_code == 200
    assert page.text.count("data:image/jpeg;base64,") == 6
    named = client.get(address, params={"faces": "none", "at": "0:01 2.5", "max_side": "640"})
    assert re.findall(r"<figcaption>(\d:\d\d\.\d)", named.text) == ["0:01.0", "0:02.5"]
    assert '<input type="hidden" name="max_side" value="640">' in named.text  # the video is made as it was looked at
    with room.db.read() as c:
        acts = c.execute(select(audit_event.c.actor).where(audit_event.c.act == "media.view_original")).scalars().all()
    assert acts == [room.coordinator.id]


def test_masks_that_cannot_be_shown_say_why_and_name_no_file(web):
    room = web.room
    made = exam(room, n_frames=30)
    original = original_of(room, made)
    address = f"/p/{room.slug}/attempts/A-001/media/{original}/masks"
    client = web.client(room.coordinator)
    for at in ("soon", "0:59", " ".join(["1"] * 25)):
        page = client.get(address, params={"faces": "none", "at": at})
        assert page.status_code == 422, at
        assert "Give times that lie within the video" in page.text
        assert str(room.media) not in page.text
    assert client.get(address, params={"faces": "everything"}).status_code == 422
    assert client.get(address.replace(original, made.media)).status_code == 404  # raters' video: its pictures are there
    assert web.client(room.wei).get(address).status_code == 403
    line = web.app.state.previewing
    with line:
        assert client.get(address, params={"faces": "none"}).status_code == 409


def test_times_are_read_as_people_write_them():
    assert times_of(" ") is None
    assert times_of("0:12, 83.4；1:02:03") == [12.0, 83.4, 3723.0]
    assert times_of("0：12、1") == [12.0, 1.0]
    for wrong in ("1:2:3:4", "-1", "1e3", "nan", "1:"):
        with pytest.raises(InputError):
            times_of(wrong)


def test_site_occasion_and_candidate_are_filled_in_after_an_upload_and_the_code_until_it_is_assigned(web):
    room = web.room
    attempts.add_attempt(room.db, room.coordinator, room.project, code="film2")
    client, there = web.client(room.coordinator), f"/p/{room.slug}/attempts/film2"
    sent = client.post(f"{there}/edit", data={"code": "A-007", "site": "north", "occasion": "spring"})
    assert sent.headers["location"] == f"/p/{room.slug}/attempts/A-007"
    kept = client.patch(f"/api/v1/projects/{room.slug}/attempts/A-007", json={"candidate_code": "K7"}).json()
    assert (kept["code"], kept["site"], kept["occasion"], kept["candidate_code"]) == ("A-007", "north", "spring", "K7")
    made = exam(room, n_frames=30)
    page = client.get(f"/p/{room.slug}/attempts/A-001").text
    assert 'name="code"' not in page
    assert 'name="site"' in page
    renamed = client.patch(f"/api/v1/projects/{room.slug}/attempts/A-001", json={"code": "B-1"})
    assert (renamed.status_code, renamed.json()["error"]["code"]) == (409, "attempt_fixed")
    refused = client.post(f"{there.replace('film2', 'A-001')}/edit", data={"code": "B-1", "site": "typed here"})
    assert refused.status_code == 409
    assert "typed here" in refused.text  # what was typed stands in the form again
    assert attempts.get_attempt(room.db, room.coordinator, room.project, "A-001").id == made.attempt
    assert web.client(room.wei).patch(f"/api/v1/projects/{room.slug}/attempts/A-007", json={}).status_code == 403


def test_an_attempt_that_nothing_came_of_is_deleted_and_one_with_work_is_not(web):
    room = web.room
    attempts.add_attempt(room.db, room.coordinator, room.project, code="notes")
    made = exam(room, n_frames=30)
    client = web.client(room.coordinator)
    assert "Delete the attempt" in client.get(f"/p/{room.slug}/attempts/notes").text
    assert "Delete the attempt" not in client.get(f"/p/{room.slug}/attempts/A-001").text
    assert web.client(room.wei).post(f"/p/{room.slug}/attempts/notes/delete").status_code == 403
    assert client.post(f"/p/{room.slug}/attempts/A-001/delete").status_code == 409
    assert client.post(f"/p/{room.slug}/attempts/notes/delete").status_code == 303
    assert client.get(f"/p/{room.slug}/attempts/notes").status_code == 404
    assert client.delete(f"/api/v1/projects/{room.slug}/attempts/A-001").status_code == 409
    assert attempts.get_attempt(room.db, room.coordinator, room.project, "A-001").id == made.attempt
