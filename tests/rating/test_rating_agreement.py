"""Two physicians over a dataset: the arithmetic by which models are scored, with nobody as the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, matthews_corrcoef

from siming.errors import SheetError
from siming.rating import agree, column_of, grid_of, measure_pair, pair_of, physician_pairs
from siming.rating.cells import totals_of
from siming.rubric import (
    Attempt,
    Author,
    Dataset,
    DatasetInfo,
    Entry,
    RubricRef,
    Sheet,
    builtin_rubric,
    builtin_rubric_ids,
    labels_of_sheet,
    wrong_of_entry,
)

RUBRICS = {rubric_id: builtin_rubric(rubric_id) for rubric_id in builtin_rubric_ids()}
REFS = tuple(RubricRef(id=r.id, version=r.version) for r in RUBRICS.values())
CANNOT = Entry(status="cannot_judge", reason="the camera was blocked")


def sheets_of(name, attempts, seed, blank=0.0):
    rng = np.random.default_rng(seed)
    out = []
    for attempt in attempts:
        for rubric in RUBRICS.values():
            steps = {}
            for step in rubric.steps:
                points = step.max_points if rng.random() < 0.6 else round(2 * rng.random() * step.max_points) / 2
                steps[step.id] = CANNOT if rng.random() < blank else Entry(points=points)
            author = Author(kind="physician", name=name)
            out.append(
                Sheet(attempt=attempt, rubric=rubric.id, rubric_version=rubric.version, author=author, steps=steps)
            )
    return out


def exam(sheets, n=10):
    attempts = [Attempt(id=f"A-{i}", rubrics=REFS) for i in range(n)]
    info = DatasetInfo(name="small", version="1", licence="CC0-1.0", rubrics=REFS, provenance="drawn for a test")
    return Dataset(Path("small"), info, RUBRICS, attempts, sheets)


IDS = [f"A-{i}" for i in range(10)]


def test_agreement_over_whole_exams_is_that_of_other_peoples_libraries():
    wei, okafor = sheets_of("wei", IDS, 1, blank=0.05), sheets_of("okafor", IDS, 2, blank=0.05)
    found = agree(exam(wei + okafor), "wei", "okafor", replicates=200)
    labels, wrong = [], []
    for one, other in zip(wei, okafor, strict=True):
        rubric = RUBRICS[one.rubric]
        first, second = labels_of_sheet(one, rubric), labels_of_sheet(other, rubric)
        for step in rubric.steps:
            if first[step.id] is not None and second[step.id] is not None:
                labels.append((first[step.id], second[step.id]))
                wrong.append(tuple(wrong_of_entry(s.steps[step.id], step, rubric) for s in (one, other)))
    expected = cohen_kappa_score(*zip(*labels, strict=True), labels=[0, 1, 2, 3], weights="quadratic")
    assert found["qwk"].value == pytest.approx(expected)
    assert found["mcc"].value == pytest.approx(matthews_corrcoef(*zip(*wrong, strict=True)))
    assert found["qwk"].n == len(labels)
    assert found["qwk"].n_clusters == 10


SYMMETRIC = ("raw_agreement", "qwk", "qwk_within_step", "ac2", "mcc", "f1", "plcc", "srcc", "icc_a1")


def test_agreement_does_not_depend_on_who_is_named_first():
    data = exam(sheets_of("wei", IDS, 1, blank=0.02) + sheets_of("okafor", IDS, 2, blank=0.02))
    grid = grid_of(data)
    one, other = (column_of(grid, data.sheets_of("physician", name), name=name) for name in ("wei", "okafor"))
    used, whole = one.has_points & other.has_points, one.has_points | other.has_points
    there, back = (
        measure_pair(pair_of(grid, *pair, used=used, whole=whole), replicates=200)
        for pair in ((one, other), (other, one))
    )
    for name in SYMMETRIC:
        assert there[name].value == pytest.approx(back[name].value), name
    assert there["mean_difference"].value == pytest.approx(-back["mean_difference"].value)
    assert there["precision"].value == pytest.approx(back["recall"].value)


def test_a_rater_against_himself_agrees_wholly():
    wei = sheets_of("wei", IDS, 1)
    twin = [s.model_copy(update={"author": Author(kind="physician", name="twin")}) for s in wei]
    for name, found in agree(exam(wei + twin), "wei", "twin", replicates=200).items():
        assert found.value == (0 if name == "mean_difference" else 1), name


def test_only_attempts_that_both_rated_are_compared():
    wei, okafor = sheets_of("wei", IDS[:7], 1), sheets_of("okafor", IDS[4:], 2)
    found = agree(exam(wei + okafor), "wei", "okafor", replicates=200)
    assert (found["qwk"].n, found["qwk"].n_clusters) == (3 * 33, 3)
    assert found["plcc"].n == 3


def test_raters_without_an_attempt_in_common_are_no_pair():
    data = exam(sheets_of("wei", IDS[:5], 1) + sheets_of("okafor", IDS[5:], 2))
    assert agree(data, "wei", "okafor") == {}
    assert list(physician_pairs(data)) == []


def test_a_total_is_the_mean_of_the_rubrics_and_needs_every_step():
    data = exam(sheets_of("wei", IDS, 1), n=10)
    grid = grid_of(data)
    wei = column_of(grid, data.sheets, name="wei")
    everything = np.ones(grid.n, dtype=bool)
    by_sheet = {(s.attempt, s.rubric): s.total(RUBRICS[s.rubric]) for s in data.sheets}
    expected = [np.mean([by_sheet[a, r] for r in RUBRICS]) for a in grid.attempts]
    assert totals_of(grid, wei.points, everything) == pytest.approx(expected)
    holed = wei.points.copy()
    holed[grid.places["A-3", "aed04"]] = np.nan
    assert np.flatnonzero(np.isnan(totals_of(grid, holed, everything))).tolist() == [3]
    without = everything.copy()
    without[grid.places["A-3", "aed04"]] = False
    assert not np.isnan(totals_of(grid, holed, without)).any()


def test_a_column_holds_one_author():
    data = exam(sheets_of("wei", IDS, 1) + sheets_of("okafor", IDS, 2))
    with pytest.raises(SheetError, match="one per attempt and rubric"):
        column_of(grid_of(data), data.sheets, name="physicians")
