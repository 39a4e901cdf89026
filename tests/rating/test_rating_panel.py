"""The agreement panel: always the same numbers in the same order, none of them alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.metrics import cohen_kappa_score

from siming.errors import DatasetError
from siming.metrics.prior import step_prior
from siming.rating.panel import ORDER, panels, texts
from siming.rubric import (
    Attempt,
    Author,
    Dataset,
    DatasetInfo,
    Entry,
    RubricRef,
    Sheet,
    builtin_rubric,
    labels_of_sheet,
)

BMV = builtin_rubric("bmv-adult")
REF = RubricRef(id=BMV.id, version=BMV.version)
STEPS = [step.id for step in BMV.steps]


def sheet(name: str, attempt: str, lost: dict[str, float | None]) -> Sheet:
    entries = {}
    for step in BMV.steps:
        points = lost.get(step.id, 0)
        entries[step.id] = (
            Entry(status="cannot_judge", reason="dark") if points is None else Entry(points=step.max_points - points)
        )
    author = Author(kind="physician", name=name)
    return Sheet(attempt=attempt, rubric=BMV.id, rubric_version=BMV.version, author=author, steps=entries)


def exam(wei: list[dict], okafor: list[dict], sites: list[str] | None = None) -> Dataset:
    ids = [f"A-{i}" for i in range(len(wei))]
    attempts = [Attempt(id=a, rubrics=(REF,), site=(sites or [None] * len(ids))[i]) for i, a in enumerate(ids)]
    sheets = [
        sheet(name, a, lost)
        for name, rows in (("wei", wei), ("okafor", okafor))
        for a, lost in zip(ids, rows, strict=True)
    ]
    info = DatasetInfo(name="small", version="1", licence="CC0-1.0", rubrics=(REF,), provenance="made for a test")
    return Dataset(Path("small"), info, {BMV.id: BMV}, attempts, sheets)


WEI = [{"bmv02": 18}, {"bmv02": 18}, {}, {"bmv01": 4}, {"bmv02": 9}, {"bmv04": 14}]
OKAFOR = [{"bmv02": 18}, {"bmv02": 9}, {"bmv03": 6}, {}, {"bmv02": 18}, {"bmv04": None}]


def test_a_panel_shows_the_same_numbers_in_the_same_order_with_their_denominators():
    [panel] = panels(exam(WEI, OKAFOR), replicates=200)
    assert tuple(panel.rows) == ORDER
    assert (panel.first, panel.second) == ("okafor", "wei")
    assert (panel.n_videos, panel.n_cells, panel.n_missing) == (6, 29, 1)
    # six disagreements among 29 cells: A-1 bmv02, A-2 bmv03, A-3 bmv01, A-4 bmv02 ... counted by hand: 4
    assert panel.rows["raw_agreement"].value == pytest.approx(25 / 29)
    labels = {
        name: [
            label
            for s in exam(WEI, OKAFOR).sheets_of("physician", name)
            for step, label in labels_of_sheet(s, BMV).items()
            if (s.attempt, step) != ("A-5", "bmv04")
        ]
        for name in ("wei", "okafor")
    }
    expected = cohen_kappa_score(labels["okafor"], labels["wei"], labels=[0, 1, 2, 3], weights="quadratic")
    assert panel.rows["qwk"].value == pytest.approx(expected)
    plain = panel.to_plain()
    assert list(plain["metrics"]) == list(ORDER)
    assert plain["metrics"]["qwk"]["left_out"] == {"cannot judge": 1}


def test_the_blind_step_prior_knows_only_what_other_videos_say_of_a_step():
    #          video a    b    c       step 1 of a: the others say 3 and 0; the higher of equally frequent ones
    labels = [3, 0, 3, 0, 0, 0]
    step = [1, 2, 1, 2, 1, 2]
    video = ["a", "a", "b", "b", "c", "c"]
    assert step_prior(labels, n_labels=4, step=step, cluster=video).tolist() == [3, 0, 3, 0, 3, 0]
    alone = step_prior([2, 1], n_labels=4, step=[1, 2], cluster=["a", "a"])
    assert alone.tolist() == [-1, -1]  # nobody else to know it from


def test_parts_of_a_panel_hold_all_its_cells_once():
    data = exam(WEI, OKAFOR, sites=["north", "north", "south", "south", "south", "north"])
    [whole] = panels(data, replicates=200)
    for by, names in (("skill", ["BMV"]), ("step", STEPS), ("site", ["north", "south"])):
        parts = panels(data, by=by, replicates=200)
        assert [p.part for p in parts] == names
        assert sum(p.n_cells for p in parts) == whole.n_cells
        assert sum(p.n_missing for p in parts) == whole.n_missing


def test_many_equal_labels_and_few_videos_are_warned_of():
    nothing = [{}] * 4
    [panel] = panels(exam(nothing, nothing), replicates=200)
    assert set(panel.warnings) == {"skew", "few_videos"}
    assert panel.rows["qwk"].value is None  # both gave every step one label: 0/0
    for language in ("en", "zh"):
        say = texts(language)
        assert set(say["rows"]) == set(ORDER)
        assert set(panel.warnings) <= set(say["warnings"])


def test_agreement_of_one_physician_is_refused_with_the_mend():
    data = exam(WEI, OKAFOR)
    alone = Dataset(data.folder, data.info, data.rubrics, data.attempts, data.sheets_of("physician", "wei"))
    with pytest.raises(DatasetError, match=r"rated by: wei\); agreement needs sheets of two physicians"):
        panels(alone)
