"""Locking a rater's work, its receipt, and what counts for agreement."""

from __future__ import annotations

import pytest
from rating_rooms import FILM_S, Tab, add_rated_attempt, give, submitted, unguard
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from siming.store import audit
from siming.store.blind.submissions import (
    first_submissions,
    receipts,
    reopen,
    submissions_of,
    verify_submissions,
)
from siming.store.blind.summary import summary
from siming.store.schema import assignment


@pytest.fixture
def tab(room):
    """Wei's tab on A-031, open."""
    made = Tab(room, room.wei, give(room, add_rated_attempt(room), room.wei))
    made.open()
    return made


def problems(tab):
    found = summary(tab.room.db, tab.actor, tab.assignment).problems
    return {(p.step, p.code) for p in found if p.blocking}


def first(room, **more):
    with room.db.read() as c:
        return first_submissions(c, room.project, **more)


# --- what stands in the way -----------------------------------------------------------------------------------------


def test_a_faultless_performance_needs_nothing_but_its_points(tab):
    tab.rate_all()
    assert problems(tab) == set()


def test_every_open_step_is_named(tab):
    tab.rate_all()
    tab.set("points", None, step="aed04")
    assert problems(tab) == {("aed04", "unscored")}


@pytest.mark.parametrize(
    ("explain", "points", "ticked", "note", "code"),
    [
        ("exact", 15, [], "", "unexplained"),
        ("exact", 15, ["d1"], "", None),  # d1 of aed04 costs 3 of 18
        ("exact", 14, ["d1"], "", "unexplained"),
        ("exact", 14, ["d1"], "and a slip", None),
        ("exact", 18, ["d1"], "", "overexplained"),
        ("exact", 18, ["d1"], "made good at once", None),
        ("exact", 15, [], " \n ", "unexplained"),
        ("some", 14, ["d1"], "", None),
        ("some", 14, [], "", "unexplained"),
        ("none", 14, [], "", None),
    ],
)
def test_what_a_lost_point_needs_is_the_projects_policy(room, tab, explain, points, ticked, note, code):
    room.policy(explain=explain, evidence_required=False)
    tab.rate_all()
    tab.save(
        tab.change("points", points, step="aed04"),
        tab.change("deductions", ticked, step="aed04"),
        tab.change("note", note, step="aed04"),
    )
    assert problems(tab) == ({("aed04", code)} if code else set())


def test_lost_points_need_a_place_in_the_video(room, tab):
    tab.rate_all()
    tab.save(tab.change("points", 15, step="aed04"), tab.change("deductions", ["d1"], step="aed04"))
    assert problems(tab) == {("aed04", "evidence_missing")}
    room.policy(evidence_required=False)
    assert problems(tab) == set()


@pytest.mark.parametrize(
    ("blank", "note", "code"),
    [
        ({"status": "cannot_judge", "reason": ""}, "", "reason_missing"),
        ({"status": "cannot_judge", "reason": "hidden"}, "", None),
        ({"status": "cannot_judge", "reason": "a bag stands before it"}, "", None),
        ({"status": "cannot_judge", "reason": "another"}, "", "another_unexplained"),
        ({"status": "cannot_judge", "reason": "another"}, "steam on the lens", None),
        ({"status": "not_applicable", "reason": ""}, "", None),
    ],
)
def test_a_step_left_blank_says_why(tab, blank, note, code):
    tab.rate_all()
    tab.save(
        tab.change("points", None, step="aed04"),
        tab.change("blank", blank, step="aed04"),
        tab.change("note", note, step="aed04"),
    )
    assert problems(tab) == ({("aed04", code)} if code else set())


def test_a_step_with_points_and_a_reason_for_none_must_be_decided(tab):
    tab.rate_all()
    tab.set("blank", {"status": "cannot_judge", "reason": "hidden"}, step="aed04")
    assert problems(tab) == {("aed04", "points_and_blank")}


def test_too_much_unseen_video_stands_in_the_way(room, tab):
    tab.rate_all(played_s=0.85 * FILM_S)
    assert problems(tab) == {(None, "unseen")}
    room.policy(unseen_max_share=0.15)
    assert problems(tab) == set()
    room.policy(unseen_max_share=None)
    tab.set("played", [])
    assert problems(tab) == set()


def test_a_wanted_overall_impression_is_asked_for(room, tab):
    room.policy(global_rating=True)
    tab.rate_all()
    assert problems(tab) == {(None, "global_rating_missing")}
    tab.set("global_rating", 4, rubric="aed-adult")
    assert problems(tab) == set()
    tab.submit()
    assert first(tab.room)[0].sheets[0].global_rating == 4


def test_unsure_steps_and_contradictions_are_shown_and_do_not_block(tab):
    tab.rate_all()
    tab.set("unsure", True, step="aed01")
    found = summary(tab.room.db, tab.actor, tab.assignment)
    assert [(p.step, p.code, p.blocking) for p in found.problems] == [("aed01", "unsure", False)]
    assert found.ready


# --- locking --------------------------------------------------------------------------------------------------------


def test_what_is_locked_is_what_was_entered(room, tab):
    tab.rate_all(lost=2)
    receipt = tab.submit(initials="W. W.")
    (locked,) = first(room)
    (sheet,) = locked.sheets
    assert (sheet.attempt, sheet.author.name, sheet.author.kind) == ("A-031", "R01", "physician")
    assert sheet.points == 98
    assert sheet.steps["aed01"].points == 6
    assert sheet.steps["aed01"].evidence == ((2.5, 4.0),)
    assert (locked.sha256, locked.purpose, locked.revision) == (receipt.sha256, "score", 1)
    assert locked.played_share == 1.0
    assert locked.rubrics[0]["sha256"] == room.rubrics[1].sha256
    assert locked.media_sha256


def test_device_and_server_must_hold_the_same(tab):
    tab.rate_all()
    with pytest.raises(ConflictError) as caught:
        tab.submit(snapshot="0" * 64)
    assert (caught.value.kind, caught.value.code) == ("incomplete", "snapshot_differs")


def test_open_steps_cannot_be_locked(tab):
    with pytest.raises(ConflictError) as caught:
        tab.submit()
    assert (caught.value.kind, caught.value.code) == ("incomplete", "problems_left")
    assert len(caught.value.detail["problems"]) == 10, "nine steps and the unseen video"


def test_only_the_writer_submits(room, tab):
    tab.rate_all()
    Tab(room, room.wei, tab.assignment).open(take_over=True)
    with pytest.raises(ConflictError) as caught:
        tab.submit()
    assert caught.value.kind == "stale_writer"


@pytest.mark.parametrize("initials", ["", "   ", "x" * 21])
def test_initials_are_needed(tab, initials):
    tab.rate_all()
    with pytest.raises(InputError):
        tab.submit(initials=initials)


def test_nobody_submits_for_another(room, tab):
    tab.rate_all()
    for somebody in (room.okafor, room.coordinator, room.owner):
        with pytest.raises(NotFoundError):
            Tab(room, somebody, tab.assignment, client=tab.client, opened=tab.opened).submit(snapshot="0" * 64)


def test_submitting_again_after_a_lost_answer_gives_the_same_receipt(room, tab):
    tab.rate_all()
    digest = summary(room.db, room.wei, tab.assignment).snapshot_sha256
    one = tab.submit(snapshot=digest)
    room.clock.pass_by(minutes=3)
    assert tab.submit(snapshot=digest) == one
    assert len(first(room)) == 1


def test_changes_after_locking_are_kept_aside(room, tab):
    tab.rate_all()
    tab.submit()
    with pytest.raises(ConflictError) as caught:
        tab.set("points", 0, step="aed01")
    assert caught.value.kind == "locked"
    assert len(caught.value.detail["kept_aside"]) == 1
    assert verify_submissions(room.db).ok


def test_locking_is_audited_with_the_receipt(room, tab):
    tab.rate_all()
    receipt = tab.submit()
    with room.db.read() as c:
        (line,) = [line for line in audit.lines(c) if line["act"] == "submission.lock"]
    assert (line["after"], line["actor"]) == (receipt.sha256, room.wei.id)
    assert audit.verify(room.db).ok


# --- invariants -----------------------------------------------------------------------------------------------------


def test_invariant_2_locked_submissions_never_change_and_agreement_uses_the_first(room):
    done, receipt = submitted(room, add_rated_attempt(room), room.wei, lost=2)
    for statement in ("UPDATE submission SET initials = 'X'", "DELETE FROM submission"):
        with pytest.raises(DatabaseError, match="append-only"), room.db.write() as c:
            c.execute(text(statement))
    assert reopen(room.db, room.coordinator, done, reason="the wrong candidate was named") == 2
    again = Tab(room, room.wei, done)
    again.open()
    again.set("points", 8, step="aed01")
    second = again.submit()
    assert (second.revision, second.reason) == (2, "the wrong candidate was named")
    assert [r.sha256 for r in receipts(room.db, room.wei, done)] == [receipt.sha256, second.sha256]
    (counted,) = first(room)
    assert (counted.revision, counted.sheets[0].points) == (1, 98)
    with room.db.read() as c:
        assert [s.sheets[0].points for s in submissions_of(c, done)] == [98, 100]
    assert verify_submissions(room.db).ok


def test_reopening_needs_a_reason_a_right_and_something_to_reopen(room, tab):
    with pytest.raises(ConflictError):
        reopen(room.db, room.coordinator, tab.assignment, reason="too early")
    tab.rate_all()
    tab.submit()
    with pytest.raises(InputError):
        reopen(room.db, room.coordinator, tab.assignment, reason=" ")
    with pytest.raises(NotAllowedError):
        reopen(room.db, room.wei, tab.assignment, reason="I want to")
    reopen(room.db, room.coordinator, tab.assignment, reason="by request")
    with pytest.raises(ConflictError) as caught:
        tab.set("points", 0, step="aed01")
    assert caught.value.kind == "stale_writer", "a tab from before must open the assignment anew"


def test_invariant_5_totals_and_levels_follow_from_points_and_what_was_charged_adds_up(room, tab):
    tab.rate_all()
    tab.save(
        tab.change("points", 15, step="aed04"),
        tab.change("deductions", ["d1"], step="aed04"),
        tab.change("evidence", [[1, 2]], step="aed04"),
    )
    found = summary(room.db, room.wei, tab.assignment)
    row = next(row for row in found.rows if row.step == "aed04")
    # 3 of 18 lost is a sixth, so a minor deduction; d1 costs exactly 3, so nothing is left to explain
    assert (row.points, row.label, row.problems) == (15, 2, ())
    assert found.totals["aed-adult"].points == sum(r.points for r in found.rows) == 97
    tab.submit()
    sheet = first(room)[0].sheets[0]
    assert sheet.points == 97
    assert "total" not in sheet.to_plain()


def test_invariant_6_evidence_lies_in_the_film_and_the_submission_names_its_hash(room, tab):
    with pytest.raises(InputError, match="inside the video"):
        tab.set("evidence", [[1, FILM_S + 1]], step="aed01")
    tab.rate_all(lost=2)
    tab.submit()
    with room.db.read() as c:
        film = c.execute(text("SELECT sha256 FROM media WHERE kind = 'derivative'")).scalar_one()
    (locked,) = first(room)
    assert locked.media_sha256 == film
    assert all(0 <= s <= e <= FILM_S for e_ in locked.sheets[0].steps.values() for s, e in e_.evidence)


def test_invariant_9_ai_assisted_work_is_labelled_for_ever_and_counts_for_nothing(room):
    attempt = add_rated_attempt(room)
    submitted(room, attempt, room.wei)
    helped, _ = submitted(room, attempt, room.okafor, slot=1, purpose="ai_assisted")
    assert [s.rater for s in first(room)] == [room.wei.id]
    (locked,) = first(room, purposes=["ai_assisted"])
    assert locked.sheets[0].to_plain()["purpose"] == "ai_assisted", "the mark rides on the sheet itself"
    with room.db.write() as c:  # whoever turns the assignment into an ordinary one turns nothing that is locked
        c.execute(assignment.update().where(assignment.c.id == helped).values(purpose="score"))
    assert [s.rater for s in first(room)] == [room.wei.id]
    with pytest.raises(DatabaseError, match="append-only"), room.db.write() as c:
        c.execute(text("UPDATE submission SET purpose = 'score'"))


def test_repeats_and_calibration_do_not_count_as_independent_either(room):
    attempt = add_rated_attempt(room)
    submitted(room, attempt, room.wei)
    submitted(room, attempt, room.wei, slot=1, purpose="repeat", wait_days=0, despite=["early_repeat"], reason="a test")
    submitted(room, add_rated_attempt(room, "G-1"), room.wei, purpose="calibration")
    submitted(room, add_rated_attempt(room, "L-1"), room.wei, purpose="link")
    assert [(s.attempt_code, s.purpose) for s in first(room)] == [("A-031", "score"), ("L-1", "link")]


def test_receipts_are_verified_against_content_and_log(room):
    submitted(room, add_rated_attempt(room), room.wei)
    assert verify_submissions(room.db).n == 1
    with room.db.write() as c:
        unguard(c, "submission", "submission_no_update")
        c.exec_driver_sql("UPDATE submission SET sheets = replace(sheets, '\"points\":8.0', '\"points\":7.0')")
    found = verify_submissions(room.db)
    assert not found.ok
    assert "receipt" in found.problems[0]


def test_a_log_that_was_bent_shows_against_the_receipt(room):
    submitted(room, add_rated_attempt(room), room.wei)
    with room.db.write() as c:
        unguard(c, "rating_event", "rating_event_no_update")
        c.execute(text("UPDATE rating_event SET new = '0' WHERE field = 'points' AND step = 'aed01'"))
    found = verify_submissions(room.db)
    assert "log" in found.problems[0]


def test_the_time_spent_is_first_to_last_change(room, tab):
    tab.set("points", 8, step="aed01")
    room.clock.pass_by(minutes=5)
    tab.rate_all()
    room.clock.pass_by(minutes=5)
    tab.submit()
    assert first(room)[0].work_s == pytest.approx(300, abs=1)


def test_a_submitted_assignment_stands_in_the_table_as_such(room):
    submitted(room, add_rated_attempt(room), room.wei)
    with room.db.read() as c:
        row = c.execute(select(assignment.c.state, assignment.c.revision, assignment.c.writer)).one()
    assert tuple(row) == ("submitted", 1, None)
