"""Originals stay apart, raters see what was released, and what should not be seen goes away."""

from __future__ import annotations

import math
import stat
from dataclasses import dataclass

import pytest
from films import add_attempt_with_film, add_film, keep, sha256, time_map
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, update

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError, StoreError
from siming.store import Actor, audit
from siming.store.media import attempts, exclusion, media, media_access
from siming.store.media.erasure import erase_media
from siming.store.media.media import NewDerivative, check_evidence
from siming.store.media.media_folder import MediaFolder
from siming.store.schema import assignment, audit_event, media_view, upload
from siming.store.schema import media as media_table


@pytest.fixture
def folder(room):
    return MediaFolder(room.media)


def assign(room, rater: Actor, attempt_id: str, **values):
    """Give an attempt to a rater."""
    row = {
        "id": f"as_{rater.login:x<12}", "project": room.project, "attempt": attempt_id, "rater": rater.id, "slot": 0,
        "position": 0, "purpose": "score", "rubrics": [], "state": "queued", "created_at": room.db.stamp(),
    }  # fmt: skip
    with room.db.write() as c:
        c.execute(insert(assignment).values(**row | values))


def rated(room, attempt_id):
    with room.db.read() as c:
        return media.media_for_rating(c, attempt_id)


# --- where files lie ------------------------------------------------------------------------------------------------


def test_an_original_lies_apart_and_only_the_server_can_read_it(room, folder):
    name, digest, size = keep(folder, "originals", b"Tan's exam")
    assert name == f"originals/sha256/{digest[:2]}/{digest[2:4]}/{digest}"
    assert (digest, size) == (sha256(b"Tan's exam"), 10)
    path = folder.path_of(name)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for parent in path.parents[:4]:
        assert stat.S_IMODE(parent.stat().st_mode) == 0o700, parent


def test_files_with_the_same_bytes_are_one_file(folder):
    first, again = keep(folder, "originals", b"same"), keep(folder, "originals", b"same")
    assert first == again
    assert len([path for path in (folder.root / "originals").rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize(
    "name",
    [
        "../room.db",
        "/etc/passwd",
        "originals/sha256/aa/bb/../../../../room.db",
        "",
        "originals/sha256/aa/bb/" + "G" * 64,
    ],
)
def test_a_path_that_the_folder_did_not_give_out_leads_nowhere(folder, name):
    with pytest.raises(StoreError):
        folder.path_of(name)


# --- from review to raters ------------------------------------------------------------------------------------------


def test_raters_are_shown_released_derivatives_only_and_never_an_original(room):
    made, film = add_attempt_with_film(room, released=False)
    assert film.state == "review"
    assert rated(room, made.id) == []
    media.release(room.db, room.coordinator, film.id)
    (shown,) = rated(room, made.id)
    assert (shown.id, shown.sha256, shown.duration_s, shown.sound) == (film.id, film.sha256, 10.0, True)
    original = next(m for m in media.media_of_attempt(room.db, room.coordinator, made.id) if m.kind == "original")
    with pytest.raises(ConflictError):
        media.release(room.db, room.coordinator, original.id)
    media.quarantine(room.db, room.coordinator, film.id, "name on a badge")
    assert rated(room, made.id) == []


def test_a_film_that_is_released_takes_the_place_of_the_one_of_the_same_camera(room):
    made, first = add_attempt_with_film(room)
    second = add_film(room, made.id, content=b"masked otherwise", original=b"original of a film")
    media.release(room.db, room.coordinator, second.id)
    assert [m.id for m in rated(room, made.id)] == [second.id]
    side = add_film(room, made.id, content=b"from the side", camera="side")
    media.release(room.db, room.coordinator, side.id)
    media.set_clock_offset(room.db, room.coordinator, side.id, -1.25)
    assert [(m.camera, m.clock_offset_s) for m in rated(room, made.id)] == [("main", 0.0), ("side", -1.25)]
    assert first.id not in {m.id for m in rated(room, made.id)}


def test_bytes_that_are_there_already_are_the_same_original_and_belong_to_one_attempt(room, folder):
    made, _ = add_attempt_with_film(room)
    other = attempts.add_attempt(room.db, room.coordinator, room.project, code="A-032")
    path, digest, size = keep(folder, "originals", b"original of a film")
    again = media.add_original(room.db, room.coordinator, made.id, camera="main", sha256=digest, bytes=size, path=path)
    originals = [m for m in media.media_of_attempt(room.db, room.coordinator, made.id) if m.kind == "original"]
    assert [m.id for m in originals] == [again.id]
    with pytest.raises(ConflictError) as refused:
        media.add_original(room.db, room.coordinator, other.id, camera="main", sha256=digest, bytes=size, path=path)
    assert refused.value.code == "same_recording"


# --- time (invariant 6) ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{}, {"pictures": 0}, time_map("0" * 64, "1" * 64)])
def test_a_derivative_without_the_time_map_of_its_own_two_files_is_refused(room, wrong):
    _made, film = add_attempt_with_film(room)
    new = NewDerivative(
        sha256=film.sha256, bytes=film.bytes, path=film.path, duration_s=10.0, width=640, height=360, rate="25",
        time_map=wrong, recipe={},
    )  # fmt: skip
    with pytest.raises(InputError) as refused:
        media.add_derivative(room.db, room.coordinator, film.made_from, new)
    assert refused.value.field == "time_map"
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError), room.db.write() as c:
        c.execute(update(media_table).where(media_table.c.id == film.id).values(time_map=None))


@dataclass
class Film:
    duration_s: float | None


@pytest.mark.parametrize("inside", [(0, 0), (0, 10), (9.9999999, 10.0), (-1e-6, 10.000001), (3, 3)])
def test_evidence_inside_the_film_is_taken(inside):
    check_evidence(Film(10.0), *inside)


@pytest.mark.parametrize(
    "outside", [(-0.01, 1), (9, 10.01), (5, 4), (math.nan, 1), (0, math.nan), (0, math.inf), (-math.inf, 0), (11, 12)]
)
def test_evidence_outside_the_film_is_refused(outside):
    with pytest.raises(InputError) as refused:
        check_evidence(Film(10.0), *outside)
    assert refused.value.field == "evidence"


@given(st.floats(), st.floats(), st.none() | st.floats(0.001, 1e5))
def test_evidence_is_taken_exactly_where_it_lies_inside(start_s, end_s, length_s):
    inside = length_s is not None and -media.SLACK_S <= start_s <= end_s <= length_s + media.SLACK_S
    if inside:
        check_evidence(Film(length_s), start_s, end_s)
    else:
        with pytest.raises(InputError):
            check_evidence(Film(length_s), start_s, end_s)


# --- who may look ---------------------------------------------------------------------------------------------------


def looks(room, actor, media_id) -> bool:
    try:
        media_access.view_media(room.db, actor, media_id, session="s")
    except NotFoundError:
        return False
    return True


def test_a_rater_sees_the_films_of_his_own_attempts_and_no_others(room):
    made, film = add_attempt_with_film(room)
    assign(room, room.wei, made.id)
    assert looks(room, room.wei, film.id)
    assert not looks(room, room.okafor, film.id)
    assert not looks(room, room.analyst, film.id)
    assert not looks(room, room.lin, film.id)  # adjudicates, but there is no case
    assert looks(room, room.coordinator, film.id)


def test_a_withdrawn_assignment_and_one_whose_day_has_not_come_open_nothing(room):
    made, film = add_attempt_with_film(room)
    assign(room, room.wei, made.id, state="withdrawn")
    assign(room, room.okafor, made.id, not_before="2026-03-15T00:00:00.000000Z", purpose="repeat")
    assert not looks(room, room.wei, film.id)
    assert not looks(room, room.okafor, film.id)
    room.clock.pass_by(days=20)
    assert looks(room, room.okafor, film.id)


def test_a_film_that_was_not_released_is_not_there_for_a_rater(room):
    made, film = add_attempt_with_film(room, released=False)
    assign(room, room.wei, made.id)
    assert not looks(room, room.wei, film.id)
    assert looks(room, room.coordinator, film.id)


def test_an_original_opens_to_the_right_for_it_only_and_each_look_is_audited(room):
    made, film = add_attempt_with_film(room)
    assign(room, room.wei, made.id)
    assert not looks(room, room.wei, film.made_from)
    assert looks(room, room.coordinator, film.made_from)
    with room.db.read() as c:
        acts = c.execute(select(audit_event.c.actor).where(audit_event.c.act == "media.view_original")).scalars().all()
    assert acts == [room.coordinator.id]


def test_the_view_log_has_one_line_a_session_however_many_ranges_were_asked_for(room):
    made, film = add_attempt_with_film(room)
    assign(room, room.wei, made.id)
    for session in ("monday", "monday", "tuesday", "monday"):
        media_access.view_media(room.db, room.wei, film.id, session=session)
    with room.db.read() as c:
        assert c.scalar(select(func.count()).select_from(media_view)) == 2
        assert c.scalar(select(func.count()).where(audit_event.c.act == "media.view")) == 2
        assert "monday" not in str(c.execute(select(media_view)).all())
    assert [view.person for view in media_access.who_saw(room.db, room.coordinator, film.id)] == [room.wei.id] * 2


# --- leaks ----------------------------------------------------------------------------------------------------------


def test_a_reported_leak_takes_the_film_away_and_names_who_saw_it(room):
    made, film = add_attempt_with_film(room)
    assign(room, room.wei, made.id)
    assign(room, room.okafor, made.id, slot=1)
    for actor in (room.wei, room.okafor):
        media_access.view_media(room.db, actor, film.id, session=actor.id)
    media_access.report_leak(room.db, room.wei, film.id, "badge reads Tan at 0:31")
    assert rated(room, made.id) == []
    assert not looks(room, room.okafor, film.id)
    with room.db.read() as c:
        line = c.execute(select(audit_event).where(audit_event.c.act == "media.leak")).one()
    assert line.detail == {"seen_by": sorted([room.wei.id, room.okafor.id])}
    assert "Tan" not in str(line)
    kept = next(m for m in media.media_of_attempt(room.db, room.coordinator, made.id) if m.id == film.id)
    assert (kept.state, kept.state_reason) == ("quarantined", "leak: badge reads Tan at 0:31")


def test_only_who_can_see_a_film_can_report_it(room):
    _, film = add_attempt_with_film(room)
    with pytest.raises(NotFoundError):
        media_access.report_leak(room.db, room.wei, film.id)


# --- deletion by law (invariant 8) ----------------------------------------------------------------------------------


def test_erasing_by_law_removes_the_files_and_keeps_rows_hashes_and_the_audit(room, folder):
    made, film = add_attempt_with_film(room)
    with room.db.write() as c:
        row = {
            "id": "up_000000000000", "project": room.project, "attempt": made.id, "person": room.coordinator.id,
            "file_name": "Tan Wei Ming.mp4", "fingerprint": "x", "size": 1, "received": 1, "recipe": {},
            "state": "done", "created_at": "x", "changed_at": "x", "original": film.made_from,
        }  # fmt: skip
        c.execute(insert(upload).values(**row))
    erased = erase_media(room.db, room.coordinator, folder, film.made_from, ground="consent_withdrawn")
    assert set(erased.media) == {film.id, film.made_from}
    assert (erased.files, erased.kept_elsewhere) == (3, 0)  # original, derivative, its preview picture
    assert [path for path in folder.root.rglob("*") if path.is_file()] == []
    after = media.media_of_attempt(room.db, room.coordinator, made.id)
    assert {m.state for m in after} == {"erased"}
    assert {m.sha256 for m in after} == {film.sha256, sha256(b"original of a film")}
    assert next(m for m in after if m.id == film.id).time_map is not None
    assert rated(room, made.id) == []
    assert not looks(room, room.coordinator, film.id)
    with room.db.read() as c:
        assert "Tan" not in str(c.execute(select(upload)).all())
    assert audit.verify(room.db).ok


def test_erasing_again_takes_what_a_crash_left(room, folder):
    _, film = add_attempt_with_film(room)
    erase_media(room.db, room.coordinator, folder, film.made_from, ground="law")
    keep(folder, "originals", b"original of a film")
    assert erase_media(room.db, room.coordinator, folder, film.made_from, ground="law").files == 1
    with room.db.read() as c:
        n = c.scalar(select(func.count()).where(audit_event.c.act == "media.erase"))
    assert n == 2


def test_a_file_that_another_attempt_holds_too_stays_and_is_named(room, folder):
    _, film = add_attempt_with_film(room, "A-1", content=b"same", original=b"first take")
    add_attempt_with_film(room, "A-2", content=b"same", original=b"second take")
    erased = erase_media(room.db, room.coordinator, folder, film.made_from, ground="wrong_upload")
    assert erased.kept_elsewhere == 1
    assert folder.path_of(film.path).is_file()


def test_only_who_manages_attempts_erases_and_only_on_a_ground_of_the_list(room, folder):
    _, film = add_attempt_with_film(room)
    with pytest.raises(NotAllowedError):
        erase_media(room.db, room.wei, folder, film.id, ground="law")
    with pytest.raises(InputError):
        erase_media(room.db, room.coordinator, folder, film.id, ground="because")


def test_an_excluded_attempt_keeps_its_films(room):
    made, film = add_attempt_with_film(room)
    exclusion.exclude(room.db, room.coordinator, made.id, "duplicate")
    assert [m.id for m in rated(room, made.id)] == [film.id]
