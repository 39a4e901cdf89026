"""Two locked works side by side: what each cell says, when it says it, and to whom."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, update
from works import add_attempt, assign, lock_work, rated_twice, sheet_of

from siming.errors import InputError, NotFoundError
from siming.rubric import Entry, builtin_rubric
from siming.store.cases.case_view import list_cases
from siming.store.cases.comparison import KINDS, compare, is_state_critical
from siming.store.cases.grid import cell_in_full, grid
from siming.store.schema import assignment, attempt, comparison, submission

AED = builtin_rubric("aed-adult")
BLANK = Entry(status="cannot_judge", reason="view_blocked")
CRITICAL = next(d.id for d in AED.get_step("aed04").deductions if d.severity == "critical")


def cells(wei, okafor, *, tolerance=0.0):
    first = sheet_of(AED, wei, attempt="tan", name="R01", at="t")
    second = sheet_of(AED, okafor, attempt="tan", name="R02", at="t")
    return {cell.step: cell.kind for cell in compare(first, second, AED, tolerance=tolerance)}


def at(points, *spans, deductions=()):
    return Entry(points=points, evidence=spans, deductions=deductions)


@pytest.mark.parametrize(
    ("wei", "okafor", "tolerance", "kind"),
    [
        (at(15), at(15), 0, "exact"),
        (at(15), at(14), 0, "discrepant"),
        (at(15), at(14), 1, "within_tolerance"),
        (at(15), at(13.5), 1, "discrepant"),
        (at(15), BLANK, 0, "blank"),
        (BLANK, BLANK, 0, "blank"),
        (at(15, (1, 2)), at(15, (2, 3)), 0, "exact"),
        (at(15, (1, 2)), at(15, (2.1, 3)), 0, "evidence_disjoint"),
        (at(15, (1, 2)), at(15), 0, "exact"),
        (at(0, deductions=(CRITICAL,)), at(0), 0, "critical_mismatch"),
        (at(0), at(18), 0, "critical_mismatch"),
        (at(4), at(5), 0, "critical_mismatch"),
        (at(4), at(5), 1, "within_tolerance"),
    ],
)
def test_each_cell_says_how_two_judgements_of_a_step_stand_to_each_other(wei, okafor, tolerance, kind):
    # aed04 is worth 18 points and sets up the pads that later steps need; its label is 0 up to 4.5 points.
    assert cells({"aed04": wei}, {"aed04": okafor}, tolerance=tolerance)["aed04"] == kind
    assert cells({"aed04": okafor}, {"aed04": wei}, tolerance=tolerance)["aed04"] == kind


def test_a_step_that_both_call_not_applicable_is_no_difference():
    away = Entry(status="not_applicable", reason="no shock advised")
    assert cells({"aed08": away}, {"aed08": away})["aed08"] == "exact"


def test_a_step_is_state_critical_when_another_one_needs_what_it_sets_up():
    assert is_state_critical(AED.get_step("aed04"), AED)
    assert not is_state_critical(AED.get_step("aed09"), AED)
    # so a failed resumption of compressions (aed09) is a discrepancy and not a critical one
    assert cells({"aed09": 0}, {"aed09": 10})["aed09"] == "discrepant"


def test_nothing_is_compared_before_both_works_are_locked(room):
    made = add_attempt(room)
    first, second = assign(room, room.wei, made, 0), assign(room, room.okafor, made, 1)
    lock_work(room, first, {"aed04": 10})
    before = grid(room.db, room.coordinator, room.project)
    assert (before.rows, before.waiting) == ((), 1)
    with pytest.raises(NotFoundError):
        cell_in_full(room.db, room.coordinator, room.project, "A-001", "aed-adult", "aed04")
    with room.db.read() as c:
        assert c.execute(comparison.select()).all() == []
    lock_work(room, second, {"aed04": 9})
    after = grid(room.db, room.coordinator, room.project)
    assert [row.code for row in after.rows] == ["A-001"]
    assert after.rows[0].kinds["aed-adult", "aed04"] == "discrepant"
    assert after.rows[0].points["aed-adult", "aed04"] == (10, 9)
    assert after.waiting == 0


def test_the_grid_filters_by_kind_step_rater_and_state_and_counts_what_fits(room):
    rated_twice(room, {"aed04": 10}, {"aed04": 12}, code="A-001")
    rated_twice(room, {"aed09": BLANK}, {}, code="A-002")
    rated_twice(room, {}, {}, code="A-003")

    def codes(**filters):
        return [row.code for row in grid(room.db, room.coordinator, room.project, **filters).rows]

    assert codes(order="code") == ["A-001", "A-002", "A-003"]
    assert codes(kinds=["blank"]) == ["A-002"]
    assert codes(kinds=["discrepant"], step=("aed-adult", "aed04")) == ["A-001"]
    assert codes(kinds=["discrepant"], step=("aed-adult", "aed09")) == []
    assert codes(kinds=["blank", "discrepant"], order="code") == ["A-001", "A-002"]
    assert codes(state="none") == ["A-003"]
    assert codes(state="open", order="code") == ["A-001", "A-002"]
    assert codes(search="003") == ["A-003"]
    assert codes(search="%") == []
    assert codes(rater="R01", order="code") == ["A-001", "A-002", "A-003"]
    assert codes(rater="R09") == []
    assert codes(order="code", offset=1, limit=1) == ["A-002"]
    everything = grid(room.db, room.coordinator, room.project)
    assert everything.total == 3
    assert dict(everything.counts) == {**dict.fromkeys(KINDS, 0), "exact": 25, "discrepant": 1, "blank": 1}
    assert everything.rows[0].raters == ("R01", "R02")


def test_a_wider_tolerance_compares_everything_anew(room):
    rated_twice(room, {"aed04": 14}, {"aed04": 15})
    assert grid(room.db, room.coordinator, room.project).rows[0].n_open == 1
    room.policy(tolerance=1)
    row = grid(room.db, room.coordinator, room.project).rows[0]
    assert (row.kinds["aed-adult", "aed04"], row.n_open) == ("within_tolerance", 0)


def test_a_filter_that_cannot_be_is_refused(room):
    for wrong in ({"kinds": ["odd"]}, {"order": "luck"}, {"limit": 0}, {"offset": -1}, {"limit": 10_000}):
        with pytest.raises(InputError):
            grid(room.db, room.coordinator, room.project, **wrong)


def test_works_on_other_rubrics_are_shown_as_not_comparable_and_still_lock(room):
    made = add_attempt(room)
    first = assign(room, room.wei, made, 0)
    second = assign(room, room.okafor, made, 1)
    other = room.rubrics[2]
    with room.db.write() as c:
        c.execute(
            update(assignment)
            .where(assignment.c.id == second)
            .values(rubrics=[{"id": other.id, "rubric": other.rubric, "version": other.version, "sha256": ""}])
        )
    lock_work(room, first)
    lock_work(room, second)
    row = grid(room.db, room.coordinator, room.project).rows[0]
    assert row.kinds == {}
    assert "different rubrics" in row.problem
    assert row.case is None


def test_a_repeat_a_calibration_and_an_assisted_rating_are_nobodys_second_opinion(room):
    for number, purpose in enumerate(("repeat", "calibration", "ai_assisted")):
        made = add_attempt(room, f"A-{number}")
        lock_work(room, assign(room, room.wei, made, 0))
        lock_work(room, assign(room, room.okafor, made, 1, purpose=purpose))
    assert grid(room.db, room.coordinator, room.project).rows == ()


def test_a_slot_that_was_filled_later_makes_another_pair_and_leaves_no_row_behind(room):
    made = add_attempt(room)
    lock_work(room, assign(room, room.wei, made, 1), {"aed04": 1})
    lock_work(room, assign(room, room.okafor, made, 2))
    assert [row.n_open for row in grid(room.db, room.coordinator, room.project).rows] == [1]
    lock_work(room, assign(room, room.analyst, made, 0), {"aed04": 1})
    rows = grid(room.db, room.coordinator, room.project).rows
    assert [(row.code, row.n_open, row.consensus_state) for row in rows] == [("A-001", 0, "provisional")]
    waiting = list_cases(room.db, room.lin, room.project)
    assert waiting.lines == ()


def test_who_has_no_right_to_compare_finds_nothing_there(room):
    rated_twice(room, {"aed04": 10}, {})
    for actor in (room.wei, room.okafor, room.lin, room.analyst, room.auditor):
        with pytest.raises(NotFoundError):
            grid(room.db, actor, room.project)
        with pytest.raises(NotFoundError):
            cell_in_full(room.db, actor, room.project, "A-001", "aed-adult", "aed04")


def test_a_cell_in_full_holds_both_entries_with_their_reasons(room):
    rated_twice(room, {"aed04": at(9, (3, 4), deductions=("d5",))}, {"aed04": at(18)})
    found = cell_in_full(room.db, room.coordinator, room.project, "A-001", "aed-adult", "aed04")
    assert found.cell.kind == "discrepant"
    assert (found.cell.first.deductions, found.cell.first.evidence) == (("d5",), ((3.0, 4.0),))
    assert found.raters == ("R01", "R02")


@pytest.mark.slow
def test_the_grid_of_ten_thousand_attempts_counts_them_all_and_shows_a_page(room):
    n = 10_000
    first = sheet_of(AED, {}, attempt="x", name="R01", at="t").to_plain()
    stamp = room.db.stamp()
    with room.db.write() as c:
        for lot in range(0, n, 1000):
            numbers = range(lot, lot + 1000)
            c.execute(
                insert(attempt),
                [
                    {"id": f"at_{k}", "project": room.project, "code": f"A-{k:05}", "rubrics": [room.rubrics[1].id],
                     "params": {}, "state": "usable", "gold": False, "created_at": stamp}
                    for k in numbers
                ],
            )  # fmt: skip
            c.execute(
                insert(assignment),
                [
                    {"id": f"as_{k}_{s}", "project": room.project, "attempt": f"at_{k}", "rater": who.id, "slot": s,
                     "position": k, "purpose": "score", "state": "submitted", "rubrics": [{"id": room.rubrics[1].id}],
                     "revision": 1, "draft": {}, "seq": 0, "fence": 0, "created_at": stamp}
                    for k in numbers
                    for s, who in enumerate((room.wei, room.okafor))
                ],
            )  # fmt: skip
            c.execute(
                insert(submission),
                [
                    {"id": f"su_{k}_{s}", "assignment": f"as_{k}_{s}", "revision": 1, "purpose": "score",
                     "rubrics": [{"id": room.rubrics[1].id}], "sheets": [first],
                     "snapshot_sha256": "", "sha256": "", "initials": "x", "last_seq": 1, "locked_at": stamp}
                    for k in numbers
                    for s in (0, 1)
                ],
            )  # fmt: skip
            c.execute(
                insert(comparison),
                [
                    {"first": f"su_{k}_0", "second": f"su_{k}_1", "tolerance": "0", "attempt": f"at_{k}",
                     "project": room.project, "cells": {room.rubrics[1].id: "eeedeeeec" if k % 7 == 0 else "e" * 9},
                     "points": {room.rubrics[1].id: [[1, 1]] * 9}, "n_exact": 9, "n_evidence_disjoint": 0,
                     "n_within_tolerance": 0, "n_discrepant": int(k % 7 == 0), "n_blank": 0,
                     "n_critical_mismatch": int(k % 7 == 0)}
                    for k in numbers
                ],
            )  # fmt: skip
    for filters in ({}, {"kinds": ["discrepant"]}, {"kinds": ["discrepant"], "step": ("aed-adult", "aed04")}):
        page = grid(room.db, room.coordinator, room.project, offset=1000, **filters)
        assert page.total == (n if not filters else 1429)
