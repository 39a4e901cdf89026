"""The fold of changes into a draft, and what a draft says."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siming.errors import InputError, SheetError
from siming.rubric import Author, builtin_rubric
from siming.store.blind.change import CLEARED, FIELDS, Paper, merged, read_change
from siming.store.blind.draft import (
    applied,
    folded,
    n_done,
    played_share,
    sheets_of,
    snapshot_sha256,
    totals,
    value_of,
)

AED = builtin_rubric("aed-adult")
PAPER = Paper((AED, builtin_rubric("bmv-adult")), 100.0)
WEI = Author(kind="physician", name="R01")


def change(field, value, step="aed04", rubric="aed-adult", **more):
    whole = field in ("bookmarks", "played")
    return {
        "client_seq": 1,
        "field": field,
        "rubric": None if whole else rubric,
        "step": None if whole or field == "global_rating" else step,
        "value": value,
        "media_s": 3.5,
        "at": "2026-03-01T08:00:00.000Z",
        **more,
    }


def draft_of(*changes):
    draft = {}
    for plain in changes:
        read = read_change(plain, PAPER)
        draft = applied(draft, read.field, read.rubric, read.step, read.value)
    return draft


def test_only_what_was_entered_is_in_the_draft():
    draft = draft_of(change("points", 0), change("note", "late"), change("unsure", True))
    assert draft == {"steps": {"aed-adult": {"aed04": {"points": 0, "note": "late", "unsure": True}}}}


@pytest.mark.parametrize(
    ("field", "value"),
    [("points", 12.5), ("deductions", ["d1"]), ("note", "x"), ("unsure", True), ("evidence", [[1, 2]]),
     ("blank", {"status": "cannot_judge", "reason": "hidden"}), ("global_rating", 3), ("bookmarks", [[1.0, "here"]]),
     ("played", [[0, 5]])],
)  # fmt: skip
def test_clearing_a_field_leaves_no_trace_of_it(field, value):
    assert draft_of(change(field, value), change(field, CLEARED[field])) == {}
    assert draft_of(change(field, value), change(field, None)) == {}


def test_zero_points_are_points_and_not_an_empty_field():
    draft = draft_of(change("points", 0))
    assert n_done(draft) == 1
    assert totals(draft, PAPER)["aed-adult"].left == 8


@pytest.mark.parametrize(
    ("plain", "says"),
    [
        (change("points", 18.5), "half points from 0 to 18"),
        (change("points", -1), "half points from 0 to 18"),
        (change("points", 1.25), "half points from 0 to 18"),
        (change("points", True), "half points from 0 to 18"),
        (change("points", float("nan")), "half points from 0 to 18"),
        (change("points", 10**400), "half points from 0 to 18"),
        (change("points", "3"), "half points from 0 to 18"),
        (change("deductions", ["d99"]), "no deduction 'd99'"),
        (change("deductions", ["d1", "d1"]), "different ids"),
        (change("deductions", "d1"), "different ids"),
        (change("evidence", [[5, 4]]), "run forward inside the video"),
        (change("evidence", [[-1, 4]]), "run forward inside the video"),
        (change("evidence", [[1, 100.1]]), "run forward inside the video"),
        (change("evidence", [[1, float("inf")]]), "start, end"),
        (change("evidence", [[1, 2]] * 201), "at most 200"),
        (change("note", "x" * 10_001), "at most 10000"),
        (change("note", "\ud800"), "cannot be kept"),
        (change("note", "a\x00b"), "cannot be kept"),
        (change("blank", {"status": "tired", "reason": ""}), "cannot_judge or not_applicable"),
        (change("blank", {"status": "cannot_judge", "why": ""}), "status and reason"),
        (change("unsure", 1), "true or false"),
        (change("global_rating", 6), "from 1 to 5"),
        (change("bookmarks", [[101, "late"]]), "second of the video"),
        (change("bookmarks", [[1, "x"]] * 201), "at most 200"),
        (change("played", [[0, 1]] * 5001), "at most 5000"),
        (change("points", 1, step="aed99"), "no step 'aed99'"),
        (change("points", 1, rubric="cpr-adult-single"), "no rubric 'cpr-adult-single'"),
        (change("points", 1, step=None), "needs rubric and step"),
        ({**change("played", [[0, 1]]), "rubric": "aed-adult"}, "needs no rubric"),
        (change("colour", 1), "wanted one of points"),
        (change("points", 1, client_seq=0), "whole number from 1"),
        (change("points", 1, client_seq=2**31), "whole number from 1"),
        (change("points", 1, at="yesterday"), "ISO 8601"),
        (change("points", 1, media_s=-2), "seconds of the video"),
    ],
)  # fmt: skip
def test_a_change_that_does_not_fit_is_refused_and_named(plain, says):
    with pytest.raises(InputError, match=says):
        read_change(plain, PAPER)


def test_evidence_may_end_where_the_video_ends_even_if_the_browser_rounds_up():
    assert read_change(change("evidence", [[99, 100.000001]]), PAPER).value == [[99, 100.000001]]


def test_without_a_video_no_time_can_be_named():
    with pytest.raises(InputError, match="inside the video"):
        read_change(change("evidence", [[0, 0]]), Paper((AED,), None))


def test_notes_are_kept_to_the_last_character_because_the_device_hashes_what_it_showed():
    assert read_change(change("note", "  two lines\r\n "), PAPER).value == "  two lines\r\n "


def test_played_stretches_become_one_where_they_touch_and_end_with_the_video():
    draft = draft_of(change("played", [[50, 70], [0, 10], [10.01, 20], [65, 130]]))
    assert draft["played"] == [[0, 20], [50, 100.0]]
    assert played_share(draft, 100.0) == pytest.approx(0.7)


def test_totals_leave_out_of_both_sides_what_could_not_be_judged():
    # AED: 9 steps, 100 points; aed04 (18) cannot be judged, aed01 (8) got 5, the rest is open
    blank = {"status": "cannot_judge", "reason": "hidden"}
    total = totals(draft_of(change("points", 5, step="aed01"), change("blank", blank)), PAPER)["aed-adult"]
    assert (total.points, total.max, total.left) == (5, 82, 7)


def test_a_draft_becomes_one_sheet_per_rubric_in_the_attempts_order():
    changes = [
        change("points", step.max_points, step=step.id, rubric=rubric.id)
        for rubric in PAPER.rubrics
        for step in rubric.steps
    ]
    blank = {"status": "not_applicable", "reason": ""}
    draft = draft_of(*changes, change("points", None), change("blank", blank), change("evidence", [[5, 6], [1, 2]]))
    aed, bmv = sheets_of(draft, PAPER.rubrics, attempt="A-031", author=WEI)
    assert (aed.rubric, bmv.rubric) == ("aed-adult", "bmv-adult")
    assert aed.steps["aed04"].status == "not_applicable"
    assert aed.steps["aed04"].evidence == ((1, 2), (5, 6))
    assert aed.points == 82


def test_a_draft_with_open_steps_is_no_sheet():
    with pytest.raises(SheetError, match="aed02, aed03"):
        sheets_of(draft_of(change("points", 8, step="aed01")), (AED,), attempt="A-031", author=WEI)


def test_the_digest_sees_every_field_of_a_step_and_nothing_else():
    empty = snapshot_sha256({}, PAPER.rubrics)
    seen = {"points": 1, "blank": {"status": "cannot_judge", "reason": "hidden"}, "deductions": ["d1"],
            "evidence": [[1, 2]], "note": "x", "unsure": True, "global_rating": 2}  # fmt: skip
    digests = {snapshot_sha256(draft_of(change(field, value)), PAPER.rubrics) for field, value in seen.items()}
    assert len(digests | {empty}) == len(seen) + 1
    for field, value in {"bookmarks": [[1, "x"]], "played": [[0, 9]]}.items():
        assert snapshot_sha256(draft_of(change(field, value)), PAPER.rubrics) == empty


def test_the_digest_does_not_depend_on_the_order_of_ticks_and_marks_or_on_how_a_number_is_written():
    one = draft_of(
        change("deductions", ["d2", "d1"]), change("evidence", [[5, 6], [0.1 + 0.2, 2]]), change("points", 6)
    )
    other = draft_of(
        change("points", 6.0), change("evidence", [[0.3, 2.0], [5.0, 6]]), change("deductions", ["d1", "d2"])
    )
    assert snapshot_sha256(one, PAPER.rubrics) == snapshot_sha256(other, PAPER.rubrics)


# --- properties -----------------------------------------------------------------------------------------------------

STEPS = [(r.id, s.id) for r in PAPER.rubrics for s in r.steps][:5]
TIMES = st.floats(0, 100, allow_nan=False).map(lambda s: round(s, 3))
SPANS = st.lists(st.tuples(TIMES, TIMES).map(lambda p: sorted(p)), max_size=4)
VALUES = {
    "points": st.none() | st.sampled_from([0, 0.5, 1, 2]),
    "blank": st.none() | st.just({"status": "cannot_judge", "reason": "hidden"}),
    "deductions": st.lists(st.sampled_from(["d1", "d2"]), unique=True),
    "evidence": SPANS,
    "note": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8),
    "unsure": st.booleans(),
    "global_rating": st.none() | st.integers(1, 5),
    "bookmarks": st.lists(st.tuples(TIMES, st.just("here")).map(list), max_size=2),
    "played": SPANS,
}


@st.composite
def changes(draw):
    field = draw(st.sampled_from(FIELDS))
    rubric, step = draw(st.sampled_from(STEPS))
    return change(field, draw(VALUES[field]), step=step, rubric=rubric)


@given(st.lists(changes(), max_size=25))
@settings(max_examples=150, deadline=None)
def test_replaying_the_log_from_nothing_gives_the_draft(batch):
    draft, log = {}, []
    for plain in batch:
        read = read_change(plain, PAPER)
        log.append({"field": read.field, "rubric": read.rubric, "step": read.step, "new": read.value, "aside": False})
        log.append({**log[-1], "new": None, "aside": True})
        draft = applied(draft, read.field, read.rubric, read.step, read.value)
    assert folded(json.loads(json.dumps(log))) == json.loads(json.dumps(draft))


@given(st.lists(changes(), max_size=15), changes())
@settings(max_examples=150, deadline=None)
def test_undo_restores_and_a_change_played_twice_does_what_it_did_once(batch, last):
    before = draft_of(*batch)
    read = read_change(last, PAPER)
    old = value_of(before, read.field, read.rubric, read.step)
    after = applied(before, read.field, read.rubric, read.step, read.value)
    assert applied(after, read.field, read.rubric, read.step, read.value) == after
    assert applied(after, read.field, read.rubric, read.step, old) == before


@given(SPANS)
@settings(deadline=None)
def test_merging_is_done_after_once_and_loses_nothing(spans):
    done = merged(spans)
    assert merged(done) == done
    assert all(any(s <= start and end <= e for s, e in done) for start, end in spans)


@given(st.lists(changes(), max_size=20))
@settings(max_examples=60, deadline=None)
def test_the_digest_is_of_what_is_kept_as_json(batch):
    draft = draft_of(*batch)
    assert snapshot_sha256(json.loads(json.dumps(draft)), PAPER.rubrics) == snapshot_sha256(draft, PAPER.rubrics)
