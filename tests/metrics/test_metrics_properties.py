"""What must hold for every statistic of the catalogue; a new one joins by being listed there.

Each entry says of what shape its data are. An `Exam` holds the labels of three raters as one block (raters, videos,
steps), rearranges it, and hands it out in any shape.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
import json
import math
import pkgutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import siming.metrics
from siming.errors import LabelError, TaskError
from siming.metrics import METRICS, ClusterBootstrap, Jackknife, Measured, Metric, get_metric
from siming.metrics.registry import CATALOGUE, Entry, get_statistic, measures
from siming.metrics.registry.parts import measured_in, to_plain

ELSEWHERE = ("numbers", "printed table", "sheets")
"""Shapes without cells to rearrange; the first are printed numbers, the others have tests of their own."""

COMPUTED = [entry for entry in CATALOGUE.values() if entry.shape not in ELSEWHERE and entry.name != "plan_from_table"]
EVERY = pytest.mark.parametrize("entry", COMPUTED, ids=str)
RATERS = ("labels", "verdicts", "totals", "labels of many", "totals of many", "evidence")

ANSWERS: dict[str, Any] = {
    "tolerance": 2,
    "pass_mark": 12,
    "max_points": 3,
    "design": "p x i x r",
    "levels": {"r": [1, 2], "i": [4, 6]},
    "borderline": 3,
    "scale": [1, 2, 3, 4, 5],
    "relevance": [0, 0, 0, 1, 1, 1],
    "difficulty": [0, 1, 2, 0, 1, 2],
    "lowest_cut": 9,
    "highest_cut": 14,
    "lowest_fail": 0.05,
    "highest_fail": 0.6,
    "metric": "qwk",
}
"""What the tests answer to an entry's `needs`."""

NUMBERS: dict[str, Any] = {
    **{"r": 0.2, "n": 66, "r_first": 0.4, "r_second": 0.2, "r_between": 0.1, "models": 12, "observed": 0.2},
    **{"r12": 0.5, "r34": 0.6, "r13": 0.5, "r14": 0.5, "r23": 0.7, "r24": 0.8},
    **{"disagreement": 0.0106, "imperfect": 0.183},
}

FEWER = {"replicates": 200, "permutations": 200, "draws": 100}
"""So that a walk takes seconds."""


@dataclass(frozen=True)
class Exam:
    """Labels of three raters, rearranged and handed out in any shape."""

    labels: np.ndarray
    """(raters, videos, steps), -1 where missing."""
    order: np.ndarray | None = None
    """Of the cells (of the videos, where a row is a video)."""
    videos: tuple[str, ...] = ()
    raters: tuple[str, ...] = ("Lin", "Okafor", "Wei")
    shift: float = 0.0
    scale: float = 1.0
    """What is done to the second rater's totals."""
    seed: int = 5
    options: dict[str, Any] = field(default_factory=dict)

    def compute(self, entry: Entry, **changed: Any) -> Any:
        """The statistic of these labels."""
        return exam_of(self, entry, **changed)

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.labels.shape  # type: ignore[return-value]

    @property
    def names(self) -> np.ndarray:
        return np.array(self.videos or [f"A-{v:02}" for v in range(self.shape[1])])

    def totals(self, rater: int) -> np.ndarray:
        marks = self.labels[rater].astype(float)
        marks[marks < 0] = np.nan
        total = marks.sum(axis=1)
        return total * self.scale + self.shift if rater == 1 else total


def drawn(seed: int = 0, n_videos: int = 12, n_steps: int = 6) -> Exam:
    """Three raters who see the same candidates, each with errors of his own."""
    rng = np.random.default_rng(seed)
    ability = rng.normal(size=(n_videos, 1)) + 0.7 * rng.normal(size=(1, n_steps))
    seen = ability + 0.7 * rng.normal(size=(3, n_videos, n_steps)) + np.array([0, 0.3, -0.2])[:, None, None]
    return Exam(np.digitize(seen, [-1.0, -0.2, 0.7]))


def exam_of(exam: Exam, entry: Entry, **changed: Any) -> Any:
    n_raters, n_videos, n_steps = exam.shape
    rows = n_videos if _by_video(entry, exam) else n_videos * n_steps
    order = np.arange(rows) if exam.order is None else exam.order[exam.order < rows]
    video = exam.names if rows == n_videos else np.repeat(exam.names, n_steps)
    step = np.tile([f"s{i}" for i in range(n_steps)], n_videos)
    kind = _kind(entry, exam)

    def column(rater: int) -> np.ndarray:
        if kind == "totals":
            return exam.totals(rater)[order]
        cells = exam.labels[rater].ravel()
        if kind == "verdicts":
            cells = np.where(cells < 0, -1, cells < 2)
        return cells[order]

    options: dict[str, Any] = {name: ANSWERS[name] for name in entry.needs if name in ANSWERS}
    if entry.takes("n_labels") and (kind == "labels" or entry.shape == "steps"):
        options["n_labels"] = 4
    if entry.takes("cluster"):
        options["cluster"] = video[order]
    if (entry.by_step or entry.takes("step")) and rows != n_videos:
        options["step"] = step[order]
    if entry.takes("permutations") or entry.takes("draws") or entry.takes("replicates"):
        options |= {name: fewer for name, fewer in FEWER.items() if entry.takes(name)}
    shape = entry.shape
    if shape in ("labels", "verdicts", "totals"):
        data: tuple[Any, ...] = (column(0), column(1))
    elif shape == "labels of many":
        data = ([column(r) for r in range(n_raters)],)
    elif shape == "totals of many":
        data = tuple(column(r) for r in range(n_raters))
    elif shape == "steps":
        marks = exam.labels[0].astype(float)[order]
        marks[marks < 0] = np.nan
        data = (marks,)
    elif shape == "judges":
        shares = exam.labels[0].astype(float)[order] / 3
        shares[shares < 0] = np.nan
        data = (shares.reshape(len(order), 2, n_steps // 2) if entry.name == "ebel" else shares,)
    elif shape == "scores":
        marks = exam.labels.astype(float)
        marks[marks < 0] = np.nan
        data = (marks.transpose(1, 2, 0)[order],)
    elif shape == "marks":
        data = (column(0),)
    elif shape == "p values":
        data = ([None if math.isnan(t) else t / 100 for t in column(0)],)
    elif shape == "grades":
        data = (column(0), _grades(entry, exam)[order])
    elif shape == "two models":
        data = (column(0), column(1), column(2))
    elif shape == "models":
        rows_of = (n_videos, n_steps) if entry.name == "best_of_shuffled" else (-1,)
        data = (column(0).reshape(rows_of), {"one": column(1).reshape(rows_of), "two": column(2).reshape(rows_of)})
    elif shape == "evidence":
        data = tuple(_evidence(exam, rater, order) for rater in (0, 1))
        if entry.takes("first_label"):
            options |= {"first_label": column(0), "second_label": column(1)}
    else:
        data, options = _ratings(entry, exam, options)
    options |= {name: value for name, value in {**exam.options, **changed}.items() if entry.takes(name)}
    return entry.compute(*data, **options)


def _kind(entry: Entry, exam: Exam) -> str:
    """What one rater's column holds."""
    metric = {**entry.options, **{n: ANSWERS[n] for n in entry.needs if n == "metric"}, **exam.options}.get("metric")
    if metric:
        return {"label": "labels", "binary": "verdicts", "totals": "totals"}[METRICS[metric].kind]
    if entry.shape in ("labels", "labels of many", "ratings", "evidence"):
        return "labels"
    return "verdicts" if entry.shape == "verdicts" else "totals"


def _by_video(entry: Entry, exam: Exam) -> bool:
    return entry.shape in ("steps", "scores", "judges") or _kind(entry, exam) == "totals"


def _grades(entry: Entry, exam: Exam) -> np.ndarray:
    grade = np.clip(np.nan_to_num(exam.totals(1)) // 4 + 1, 1, 5)
    if entry.name == "contrasting_groups":
        return grade > 2
    return grade


def _evidence(exam: Exam, rater: int, order: np.ndarray) -> list[Any]:
    cells = exam.labels[rater].ravel()
    out: list[Any] = [None if label < 0 else [(10.0 * at, 10.0 * at + 2 + label)] for at, label in enumerate(cells)]
    return [out[at] for at in order]


def _ratings(entry: Entry, exam: Exam, options: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """One rating per line; columns by the names of the function's parameters."""
    module, _, name = (entry.via or entry.path).rpartition(".")
    parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    n_raters, n_videos, n_steps = exam.shape
    rng = np.random.default_rng(exam.seed)
    turns = np.argsort(rng.random((n_raters, n_videos)), axis=1)  # each rater's own order of videos
    if "first_time" in parameters:
        options |= {"video": exam.names, "first_time": turns[0], "second_time": turns[1]}
        return (exam.totals(0), exam.totals(1)), {n: v for n, v in options.items() if n in parameters}
    totals = "totals" in parameters
    size = (n_raters, n_videos) if totals else exam.shape
    rater, video, *step = (axis.ravel() for axis in np.indices(size))
    values = np.array([exam.totals(r) for r in range(n_raters)]).ravel() if totals else exam.labels.ravel()
    order = np.arange(len(values)) if exam.order is None else np.random.default_rng(1).permutation(len(values))
    columns = {
        "video": exam.names[video],
        "rater": np.array(exam.raters)[rater],
        "time": turns[rater, video],
        "order": turns[rater, video],
        "group": np.where(video % 2 == 0, "north", "south"),
        "cluster": exam.names[video],
        "occasion": np.zeros(len(values)),
    }
    if step:
        columns["step"] = np.array([f"s{i}" for i in range(n_steps)])[step[0]]
    if "occasion" in parameters:
        # The first two raters stand for two occasions of one.
        columns["occasion"], columns["rater"] = rater.astype(float), np.full(len(values), exam.raters[0])
    options |= {n: column[order] for n, column in columns.items() if n in parameters}
    if "first" in entry.needs:
        options |= {"first": exam.raters[0], "second": exam.raters[1]}
    positional = any(p.kind == p.POSITIONAL_OR_KEYWORD and p.name != "metric" for p in parameters.values())
    return ((values[order],) if positional else ()), options


def found(result: Any) -> list[Measured]:
    """Every number of a result."""
    return [one for _, one in measured_in(result)]


def values(result: Any, *, limits: bool = False) -> list[float]:
    """Every value of a result (with its limits), in no order; what is undefined counts as one and the same."""
    out = []
    for one in found(result):
        ends = () if one.interval is None or not limits else (one.interval.low, one.interval.high)
        out += [math.inf if one.value is None else one.value, *ends]
    return sorted(out)


def close(one: list[float], other: list[float], tolerance: float = 1e-6) -> bool:
    return len(one) == len(other) and one == pytest.approx(other, abs=tolerance, rel=tolerance)


def check_honest(result: Any, *, may_have_interval: bool = True) -> None:
    """A value or a reason, never both and never a bad number, and strict JSON."""
    text = json.dumps(to_plain(result), allow_nan=False)
    assert "NaN" not in text
    for one in found(result):
        assert (one.value is None) == (one.reason is not None)
        if one.value is not None:
            assert math.isfinite(one.value)
        else:
            assert one.interval is None
            assert len(one.reason) > 3
        if one.interval is not None:
            assert one.interval.low <= one.interval.high
            # The ability of one video stands on its own ratings, not on other videos.
            assert may_have_interval or one.interval.method.startswith("information"), f"{one} has an interval"


def refused_or(entry: Entry, exam: Exam) -> Any:
    """The result, or None where the data are refused in words."""
    try:
        return exam.compute(entry)
    except LabelError:
        return None


# ---- all entries -----------------------------------------------------------------------------------------------------


@EVERY
def test_ordinary_data_give_numbers_that_go_into_strict_json(entry):
    result = drawn().compute(entry)
    check_honest(result)
    numbers = found(result)
    assert not numbers or any(one.value is not None for one in numbers)


@EVERY
def test_the_order_of_the_lines_changes_neither_values_nor_limits(entry):
    if entry.takes("seed") and not entry.takes("cluster"):
        pytest.skip("its rows are videos as they come, and it shuffles them by number")
    exam = drawn()
    shuffled = replace(exam, order=np.random.default_rng(1).permutation(exam.labels[0].size))
    assert close(values(exam.compute(entry), limits=True), values(shuffled.compute(entry), limits=True))


@EVERY
def test_the_names_of_the_videos_change_no_value(entry):
    exam = drawn()
    if entry.takes("seed"):
        pytest.skip("it draws videos by their number in sorted order")
    renamed = replace(exam, videos=tuple(f"B-{900 - 7 * v}" for v in range(exam.shape[1])))  # sorts the other way round
    own = {"interval": Jackknife()} if entry.takes("interval") else {}
    assert close(values(exam.compute(entry, **own)), values(renamed.compute(entry, **own)))


@EVERY
def test_the_order_of_the_steps_changes_no_value(entry):
    if entry.name == "ebel":
        pytest.skip("its boxes are told apart by their place")
    exam = drawn()
    turned = replace(exam, labels=exam.labels[:, :, ::-1])
    assert close(values(exam.compute(entry)), values(turned.compute(entry)))


@pytest.mark.parametrize("entry", [one for one in COMPUTED if one.shape in RATERS], ids=str)
def test_swapping_raters_changes_nothing_where_the_catalogue_says_so(entry):
    exam = drawn()
    swapped = replace(exam, labels=exam.labels[[1, 0, 2]])
    one, other = values(exam.compute(entry)), values(swapped.compute(entry))
    if one:
        assert close(one, other) == entry.symmetric


LABELS = [one for one in COMPUTED if one.shape in ("labels", "labels of many")]


@pytest.mark.parametrize("entry", LABELS, ids=str)
def test_other_names_for_the_labels_change_nothing_where_the_catalogue_says_so(entry):
    exam = drawn()
    renamed = replace(exam, labels=np.array([1, 3, 0, 2])[exam.labels])
    one, other = values(exam.compute(entry)), values(renamed.compute(entry))
    if one:
        assert close(one, other) == ("relabelling" in entry.unmoved_by)


TOTALS = [one for one in COMPUTED if one.shape in ("totals", "totals of many")]


@pytest.mark.parametrize("entry", TOTALS, ids=str)
@pytest.mark.parametrize("change", ["shift", "scale"])
def test_a_stricter_rater_moves_every_statistic_of_totals_that_the_catalogue_does_not_except(entry, change):
    exam = drawn()
    moved = replace(exam, **({"shift": -3.0} if change == "shift" else {"scale": 0.5}))
    assert close(values(exam.compute(entry)), values(moved.compute(entry))) == (change in entry.unmoved_by)


@EVERY
def test_fewer_than_5_videos_have_no_interval(entry):
    exam = drawn()
    few = refused_or(entry, replace(exam, labels=exam.labels[:, :4]))
    if entry.shape == "judges":
        return  # rows are judges there, and few judges are the rule
    check_honest(few, may_have_interval=False)


@EVERY
@pytest.mark.parametrize("case", ["both constant and equal", "one constant", "one missing", "all missing", "one video"])
def test_where_nothing_can_be_said_the_reason_is_said(entry, case):
    exam = drawn()
    labels = exam.labels.copy()
    if case == "both constant and equal":
        labels[:] = 3
    elif case == "one constant":
        labels[1] = 3
    elif case == "one missing":
        labels[1] = -1
    elif case == "all missing":
        labels[:] = -1
    else:
        labels = labels[:, :1]
    check_honest(refused_or(entry, replace(exam, labels=labels)))


@EVERY
def test_a_gap_here_and_there_is_survived(entry):
    exam = drawn(n_videos=15)
    labels = exam.labels.copy()
    labels[0, 2, 1] = labels[1, 7, 3] = labels[2, 7, 3] = -1
    check_honest(refused_or(entry, replace(exam, labels=labels)))


SMALL = [one for one in COMPUTED if one.shape in RATERS and one.name not in ("attainable_kappa",)]


@pytest.mark.parametrize("entry", SMALL, ids=str)
@given(labels=arrays.arrays(np.int64, (3, 5, 2), elements=st.integers(-1, 3)))
@settings(derandomize=True, max_examples=12, deadline=None)
def test_whatever_the_labels_the_numbers_are_honest(entry, labels):
    check_honest(refused_or(entry, Exam(labels, options={"interval": Jackknife()})))


# ---- what the specification says of single ones (section 5.1) --------------------------------------------------------

ALL_EQUAL = {
    "raw_agreement": 1, "ac1": 1, "ac2": 1, "brennan_prediger": 1, "agreement_of_many": 1, "ac1_of_many": 1,
    "ac2_of_many": 1, "brennan_prediger_of_many": 1, "kappa": None, "kappa_linear": None, "qwk": None,
    "qwk_within_step": None, "qwk_median_step": None, "scott_pi": None, "fleiss_kappa": None, "conger_kappa": None,
    "krippendorff_nominal": None, "krippendorff_ordinal": None, "krippendorff_interval": None,
    "krippendorff_ratio": None, "mcc": None, "plcc": None, "srcc": None, "kendall_tau_b": None, "ccc": None,
    "icc_agreement": None, "cronbach_alpha": None, "mae": 0, "rmse": 0, "mean_difference": 0,
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), ALL_EQUAL.items())
def test_raters_who_give_one_and_the_same_label(name, value):
    exam = drawn()
    (one,) = found(replace(exam, labels=np.full_like(exam.labels, 3)).compute(CATALOGUE[name]))
    assert one.value == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kappa", 0),
        ("qwk", 0),
        ("qwk_within_step", 0),
        ("mcc", None),
        ("plcc", None),
        ("srcc", None),
        ("kendall_tau_b", None),
    ],
)
def test_one_constant_rater(name, value):
    exam = drawn()
    labels = exam.labels.copy()
    labels[1] = 3
    (one,) = found(replace(exam, labels=labels).compute(CATALOGUE[name]))
    assert one.value == (None if value is None else pytest.approx(value, abs=1e-12))
    if value is not None:
        assert any("constant rater" in note for note in one.notes)


def test_consistency_is_alpha_and_generalizability_is_intraclass_correlation():
    exam = drawn()
    (consistency,) = found(exam.compute(CATALOGUE["icc_consistency_mean"]))
    marks = np.array([exam.totals(rater) for rater in range(3)]).T
    assert CATALOGUE["cronbach_alpha"].compute(marks).value == pytest.approx(consistency.value)
    study = CATALOGUE["d_study"].compute(marks, design="p x r", levels={"r": 1})
    (one,) = found(exam.compute(CATALOGUE["icc_consistency"]))
    (absolute,) = found(exam.compute(CATALOGUE["icc_agreement"]))
    assert study.e_rho2.value == pytest.approx(one.value)
    assert study.phi.value == pytest.approx(absolute.value)


def test_alpha_nears_scotts_pi_and_quadratic_kappa_nears_the_intraclass_correlation_of_the_labels():
    exam = drawn(seed=3, n_videos=400, n_steps=10)
    pi = CATALOGUE["scott_pi"].compute(*exam.labels[:2].reshape(2, -1), n_labels=4).value
    alpha = CATALOGUE["krippendorff_nominal"].compute(list(exam.labels[:2].reshape(2, -1)), n_labels=4, interval=None)
    assert alpha.value == pytest.approx(pi, abs=1e-3)
    kappa = METRICS["qwk"].function(*exam.labels[:2].reshape(2, -1), n_labels=4).value
    icc = METRICS["icc_agreement"].function(*exam.labels[:2].reshape(2, -1).astype(float), interval=None).value
    assert kappa == pytest.approx(icc, abs=1e-3)


@pytest.mark.parametrize("entry", [one for one in CATALOGUE.values() if one.shape == "numbers" and one.needs], ids=str)
def test_statistics_of_printed_numbers_give_numbers(entry):
    result = entry.compute(**{name: NUMBERS[name] for name in entry.needs})
    check_honest(result)


# ---- the catalogue itself --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=str)
def test_every_statistic_is_found_explained_and_sourced_in_both_languages(entry):
    assert entry.function.__doc__
    assert entry.formula
    assert entry.source
    assert entry.reached_by.startswith("siming ")
    for language in ("en", "zh"):
        assert measures(language)[entry.name]


def test_the_lines_of_both_languages_are_those_of_the_catalogue():
    assert set(measures("en")) == set(measures("zh")) == set(CATALOGUE)
    for words in (measures("en"), measures("zh")):
        assert len(set(words.values())) == len(words), "two statistics with one description"


def test_every_metric_of_two_raters_is_in_the_catalogue():
    assert set(METRICS) <= set(CATALOGUE)


def test_a_misspelt_statistic_is_answered_with_the_nearest():
    with pytest.raises(TaskError, match="did you mean 'krippendorff_ordinal'") as caught:
        get_statistic("kripendorff-ordinal")
    assert get_statistic(str(caught.value).split("'")[-2])


def test_what_a_statistic_needs_and_does_not_know_is_said():
    with pytest.raises(LabelError, match="needs tolerance"):
        CATALOGUE["share_within"].compute([1, 2], [1, 2])
    with pytest.raises(LabelError, match=r"knows no colour; it takes .*interval"):
        CATALOGUE["plcc"].compute([1, 2], [1, 2], colour=3)


# ---- metrics of two raters: what reports, comparisons and plans count on -----------------------------------------------

EVERY_METRIC = pytest.mark.parametrize("metric", METRICS.values(), ids=str)
N_VIDEOS, N_STEPS = 12, 6
CORRECTED = ("krippendorff", "icc", "sem", "sdd")
"""Their formulas hold n - 1 of cells or videos, so that doubled rows move them a little."""


class Pair:
    """Cells of two raters as any metric wants them, with room for rearranging."""

    def __init__(self, metric: Metric, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.metric = metric
        if metric.kind == "totals":
            self.video = np.arange(N_VIDEOS)
            self.wei = np.round(rng.normal(60, 10, N_VIDEOS) * 2) / 2
            self.okafor = self.wei + rng.integers(-4, 4, N_VIDEOS)
        else:
            self.video = np.repeat(np.arange(N_VIDEOS), N_STEPS)
            self.step = np.tile(np.arange(N_STEPS), N_VIDEOS)
            size = 2 if metric.kind == "binary" else 4
            self.wei = rng.integers(0, size, N_VIDEOS * N_STEPS)
            guess = rng.integers(0, size, N_VIDEOS * N_STEPS)
            self.okafor = np.where(rng.random(N_VIDEOS * N_STEPS) < 0.6, self.wei, guess)

    def measure(self, order=None, *, swap=False, n_labels=4, interval=None, **changed) -> Measured:
        data = {"first": self.wei, "second": self.okafor, "cluster": self.video}
        if self.metric.by_step:
            data["step"] = self.step
        data |= changed
        if order is not None:
            data = {name: values[order] for name, values in data.items()}
        first, second = data.pop("first"), data.pop("second")
        if swap:
            first, second = second, first
        if self.metric.kind == "label":
            data["n_labels"] = n_labels
        return self.metric.function(first, second, interval=interval or self.metric.interval, **data)


def same(one: Measured, other: Measured) -> bool:
    """Equal values and limits, up to the order of summing."""
    return one.value == pytest.approx(other.value, abs=1e-12) and (
        (one.interval.low, one.interval.high) == pytest.approx((other.interval.low, other.interval.high), abs=1e-9)
    )


@EVERY_METRIC
def test_the_order_of_the_cells_changes_nothing(metric):
    exam = Pair(metric)
    shuffled = np.random.default_rng(1).permutation(len(exam.wei))
    assert same(exam.measure(), exam.measure(shuffled))


@EVERY_METRIC
def test_the_names_and_order_of_the_videos_change_nothing(metric):
    exam = Pair(metric)
    renamed = np.array([f"A-{900 - 7 * video}" for video in exam.video])  # sorts the other way round
    assert same(exam.measure(interval=Jackknife()), exam.measure(interval=Jackknife(), cluster=renamed))


@EVERY_METRIC
def test_swapping_the_raters_changes_nothing_where_the_metric_says_so(metric):
    exam = Pair(metric)
    unchanged = exam.measure().value == pytest.approx(exam.measure(swap=True).value, abs=1e-12)
    assert unchanged == metric.symmetric


@pytest.mark.parametrize("metric", [one for one in METRICS.values() if one.perfect is not None], ids=str)
def test_a_rater_compared_with_himself_reaches_the_perfect_value_exactly(metric):
    exam = Pair(metric)
    exam.okafor = exam.wei
    perfect = exam.measure()
    assert perfect.value == metric.perfect
    assert perfect.interval is None
    assert "cannot tell a width" in perfect.interval_reason


@EVERY_METRIC
def test_doubling_every_video_within_itself_changes_neither_value_nor_interval(metric):
    exam = Pair(metric)
    twice = np.concatenate([np.arange(len(exam.wei))] * 2)
    if metric.name.startswith(CORRECTED):
        # The interval by cluster must not shrink all the same.
        once, doubled = exam.measure(interval=Jackknife()), exam.measure(twice, interval=Jackknife())
        widths = [made.interval.high - made.interval.low for made in (once, doubled)]
        assert widths[1] == pytest.approx(widths[0], rel=0.15)
        return
    assert same(exam.measure(interval=Jackknife()), exam.measure(twice, interval=Jackknife()))


@EVERY_METRIC
def test_a_missing_cell_is_counted_and_otherwise_as_if_it_had_never_been(metric):
    exam = Pair(metric)
    blank = np.nan if metric.kind == "totals" else -1
    gone = [3, 7]
    okafor = exam.okafor.astype(float)
    okafor[gone] = blank
    without = np.setdiff1d(np.arange(len(exam.wei)), gone)
    blanked = exam.measure(second=okafor)
    assert same(blanked, exam.measure(without))
    assert blanked.left_out["missing"] == 2
    assert blanked.n == len(exam.wei) - 2


@EVERY_METRIC
@pytest.mark.parametrize("spelling", ["none", "nan", "masked"])
def test_every_spelling_of_missing_means_the_same(metric, spelling):
    exam = Pair(metric)
    wei = list(map(float, exam.wei))
    if spelling == "masked":
        odd = np.ma.masked_array(exam.wei, mask=np.arange(len(wei)) == 5)
    else:
        wei[5] = None if spelling == "none" else float("nan")
        odd = wei
    measured = exam.measure(first=odd)
    assert measured.left_out["missing"] == 1
    assert same(measured, exam.measure(np.delete(np.arange(len(wei)), 5)))


@EVERY_METRIC
def test_all_cells_missing_for_one_rater_leaves_no_pairs(metric):
    exam = Pair(metric)
    nothing = exam.measure(second=np.full(len(exam.wei), np.nan))
    assert nothing.value is None
    assert nothing.reason.startswith("no pairs")
    assert nothing.left_out["missing"] == len(exam.wei)
    assert nothing.n == nothing.n_clusters == 0


@EVERY_METRIC
def test_four_videos_give_a_value_but_no_interval(metric):
    exam = Pair(metric)
    few = exam.measure(exam.video < 4)
    assert few.value is not None
    assert few.interval is None
    assert few.interval_reason == "4 clusters are fewer than 5"


@EVERY_METRIC
def test_the_same_seed_gives_the_same_interval_and_another_seed_another(metric):
    exam = Pair(metric)
    one, again, other = (
        exam.measure(interval=ClusterBootstrap(replicates=500, seed=seed)).interval for seed in (1, 1, 2)
    )
    assert one == again
    assert (one.low, one.high) != (other.low, other.high)
    assert one.seed == 1
    assert one.replicates == 500


@EVERY_METRIC
def test_the_value_lies_in_its_interval_and_says_how_many_it_stands_on(metric):
    measured = Pair(metric).measure()
    assert measured.interval.low < measured.value < measured.interval.high
    assert measured.n_clusters == N_VIDEOS
    assert measured.n == (N_VIDEOS if metric.kind == "totals" else N_VIDEOS * N_STEPS)


NAMES_ONLY = ("raw_agreement", "kappa", "scott_pi", "krippendorff_nominal", "krippendorff_ordinal")


@pytest.mark.parametrize("metric", [one for one in METRICS.values() if one.kind == "label"], ids=str)
def test_a_label_nobody_used_still_keeps_its_neighbours_apart(metric):
    exam = Pair(metric)
    exam.wei, exam.okafor = (np.where(side == 2, 3, side) for side in (exam.wei, exam.okafor))
    four = exam.measure()
    squeezed = {0: 0, 1: 1, 3: 2}
    wei, okafor = (np.array([squeezed[label] for label in side]) for side in (exam.wei, exam.okafor))
    three = exam.measure(first=wei, second=okafor, n_labels=3)
    unmoved = four.value == pytest.approx(three.value, abs=1e-12)
    # Without a scale in the formula, the names of the labels are nothing but names.
    # Krippendorff's ordinal distance counts the labels in between that were given, and none was.
    assert unmoved == (metric.name in NAMES_ONLY)


@pytest.mark.parametrize("name", ["plcc", "srcc"])
def test_correlation_ignores_how_a_rater_sets_his_scale_and_absolute_agreement_does_not(name):
    exam = Pair(METRICS[name])
    stricter = exam.okafor * 0.5 - 7
    assert same(exam.measure(), exam.measure(second=stricter))
    icc = Pair(METRICS["icc_agreement"])
    assert icc.measure(second=icc.okafor - 7).value < icc.measure().value


@EVERY_METRIC
def test_every_metric_names_its_formula_and_its_source(metric):
    assert METRICS[metric.name] is metric
    assert metric.formula
    assert metric.source


def test_an_unknown_metric_is_answered_with_those_there_are():
    with pytest.raises(siming.errors.TaskError) as caught:
        get_metric("kapa")
    assert get_metric(str(caught.value).rsplit(", ", 1)[1]).name in METRICS


@pytest.mark.parametrize("module", [one.name for one in pkgutil.iter_modules(siming.metrics.__path__)])
def test_the_examples_in_the_docstrings_run(module):
    assert doctest.testmod(importlib.import_module(f"siming.metrics.{module}")).failed == 0


def test_importing_the_statistics_loads_no_distribution_and_no_optimiser():
    code = (
        "import sys, siming.metrics; print([m for m in sys.modules if m in ('scipy.stats', 'scipy.optimize', 'yaml')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", siming.metrics.__all__)
def test_every_public_name_explains_itself(name):
    public = getattr(siming.metrics, name)
    assert name in ("CATALOGUE", "METRICS") or public.__doc__
