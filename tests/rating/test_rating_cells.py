"""Cells: whatever order files and sheets come in, every judgement lands in its place and is read for what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from siming.rating.cells import CANNOT_JUDGE, MISSING, NO_SHEET, column_of, column_of_entries, grid_of, labels_of
from siming.rubric import Attempt, Author, Dataset, DatasetInfo, Entry, RubricRef, Sheet, builtin_rubric
from siming.rubric.labels import ALTERNATIVE_MAPS

RUBRICS = {rubric_id: builtin_rubric(rubric_id) for rubric_id in ("bmv-adult", "aed-adult")}
REFS = {rubric_id: RubricRef(id=rubric_id, version=rubric.version) for rubric_id, rubric in RUBRICS.items()}


def attempt(attempt_id: str, *rubric_ids: str, candidate: str | None = None) -> Attempt:
    return Attempt(id=attempt_id, rubrics=tuple(REFS[one] for one in rubric_ids), candidate=candidate)


def sheet(attempt_id: str, rubric_id: str, entries: dict[str, Entry]) -> Sheet:
    author = Author(kind="physician", name="wei")
    version = RUBRICS[rubric_id].version
    return Sheet(attempt=attempt_id, rubric=rubric_id, rubric_version=version, author=author, steps=entries)


def full_marks(rubric_id: str) -> dict[str, Entry]:
    return {step.id: Entry(points=step.max_points) for step in RUBRICS[rubric_id].steps}


def exam(*attempts: Attempt, sheets: tuple[Sheet, ...] = ()) -> Dataset:
    info = DatasetInfo(name="small", version="1", licence="CC0-1.0", rubrics=tuple(REFS.values()), provenance="a test")
    return Dataset(Path("small"), info, RUBRICS, attempts, sheets)


def test_cells_stand_in_the_order_of_attempts_and_rubrics_whatever_the_order_of_the_files():
    both = ("bmv-adult", "aed-adult")
    grid = grid_of(exam(attempt("A-2", "aed-adult", candidate="tan"), attempt("A-1", *both[::-1], candidate="tan")))
    steps = {one: [step.id for step in RUBRICS[one].steps] for one in both}
    in_order = [("A-1", step) for one in both for step in steps[one]] + [("A-2", step) for step in steps["aed-adult"]]
    assert list(grid.keys) == in_order
    assert [grid.places[key] for key in in_order] == list(range(grid.n))
    assert grid.part.tolist() == [0] * 5 + [1] * 9 + [2] * 9
    assert grid.attempt.tolist() == [0] * 14 + [1] * 9
    assert grid.step.tolist() == [*range(14), *range(5, 14)]  # the second attempt repeats the AED's numbers
    assert set(grid.cluster.tolist()) == {0}  # one candidate
    assert grid.max_points.tolist() == [step.max_points for step in grid.steps]


def test_an_exam_without_attempts_has_no_cells():
    grid = grid_of(exam())
    assert grid.n == len(grid.attempt) == len(grid.max_points) == 0
    assert column_of(grid, [], name="wei").labels.tolist() == []


def test_a_sheet_that_names_its_steps_in_another_order_fills_the_same_cells():
    steps = RUBRICS["bmv-adult"].steps
    entries = {step.id: Entry(points=number) for number, step in enumerate(steps)}
    backwards = dict(reversed(entries.items()))
    grid = grid_of(exam(attempt("A-1", "bmv-adult")))
    for order in (entries, backwards):
        assert column_of(grid, [sheet("A-1", "bmv-adult", order)], name="wei").points.tolist() == [0, 1, 2, 3, 4]


def test_a_step_that_a_sheet_leaves_out_has_no_sheet_and_one_it_cannot_judge_says_so():
    entries = full_marks("bmv-adult") | {"bmv02": Entry(status="cannot_judge", reason="dark")}
    del entries["bmv04"]
    grid = grid_of(exam(attempt("A-1", "bmv-adult"), attempt("A-2", "bmv-adult")))
    column = column_of(grid, [sheet("A-1", "bmv-adult", entries)], name="wei")
    assert column.labels.tolist() == [3, MISSING, 3, MISSING, 3] + [MISSING] * 5
    assert column.wrong.tolist() == [0, MISSING, 0, MISSING, 0] + [MISSING] * 5
    assert column.why == (None, CANNOT_JUDGE, None, NO_SHEET, None, *[NO_SHEET] * 5)
    assert column.has_points.tolist() == [True, False, True, False, True] + [False] * 5


def test_a_sheet_of_an_attempt_that_is_not_there_fills_nothing():
    grid = grid_of(exam(attempt("A-1", "bmv-adult")))
    column = column_of(grid, [sheet("A-9", "bmv-adult", full_marks("bmv-adult"))], name="wei")
    assert not column.has_points.any()


def test_equal_points_are_read_apart_where_one_was_void_or_took_a_critical_deduction():
    # bmv01 is worth 18: of 15 points, 3 are lost, a sixth, which is minor unless the step failed outright.
    said = [
        Entry(points=15),
        Entry(points=15, void=True),
        Entry(points=15, deductions=("d5",)),
        Entry(points=15, deductions=("d1",)),
        Entry(points=15, note="the same, with a note"),
    ]
    grid = grid_of(exam(*(attempt(f"A-{n}", "bmv-adult") for n in range(len(said)))))
    entries: list[Entry | None] = [None] * grid.n
    entries[::5] = said
    assert labels_of(grid, entries)[::5].tolist() == [2, 0, 0, 2, 2]
    assert column_of_entries(grid, entries, name="wei").labels[::5].tolist() == [2, 0, 0, 2, 2]


def test_the_same_entries_are_read_anew_under_another_mapping():
    half = {step.id: Entry(points=step.max_points / 2) for step in RUBRICS["bmv-adult"].steps}
    grid = grid_of(exam(attempt("A-1", "bmv-adult")))
    column = column_of(grid, [sheet("A-1", "bmv-adult", half)], name="wei")
    minor_to_a_half = next(one for one in ALTERNATIVE_MAPS if one.name == "minor-to-a-half")
    assert column.labels.tolist() == [1] * 5
    assert labels_of(grid, column.entries, minor_to_a_half).tolist() == [2] * 5


def test_a_verdict_of_its_own_stands_where_there_are_no_points():
    verdicts = {step.id: Entry(wrong=n % 2 == 1) for n, step in enumerate(RUBRICS["bmv-adult"].steps)}
    grid = grid_of(exam(attempt("A-1", "bmv-adult")))
    column = column_of(grid, [sheet("A-1", "bmv-adult", verdicts)], name="wei")
    assert column.wrong.tolist() == [0, 1, 0, 1, 0]
    assert (column.labels == MISSING).all()
    assert np.isnan(column.points).all()
    assert column.why == (None,) * 5
