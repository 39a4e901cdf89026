"""What must hold for every metric in the registry; a new one joins by being listed there."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import numpy as np
import pytest

import siming.metrics
from siming.metrics import METRICS, ClusterBootstrap, Jackknife, Measured, Metric, get_metric

EVERY_METRIC = pytest.mark.parametrize("metric", METRICS.values(), ids=str)
N_VIDEOS, N_STEPS = 12, 6


class Exam:
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
    exam = Exam(metric)
    shuffled = np.random.default_rng(1).permutation(len(exam.wei))
    assert same(exam.measure(), exam.measure(shuffled))


@EVERY_METRIC
def test_the_names_and_order_of_the_videos_change_nothing(metric):
    exam = Exam(metric)
    renamed = np.array([f"A-{900 - 7 * video}" for video in exam.video])  # sorts the other way round
    assert same(exam.measure(interval=Jackknife()), exam.measure(interval=Jackknife(), cluster=renamed))


@EVERY_METRIC
def test_swapping_the_raters_changes_nothing_where_the_metric_says_so(metric):
    exam = Exam(metric)
    unchanged = exam.measure().value == pytest.approx(exam.measure(swap=True).value, abs=1e-12)
    assert unchanged == metric.symmetric


@pytest.mark.parametrize("metric", [one for one in METRICS.values() if one.perfect is not None], ids=str)
def test_a_rater_compared_with_himself_reaches_the_perfect_value_exactly(metric):
    exam = Exam(metric)
    exam.okafor = exam.wei
    perfect = exam.measure()
    assert perfect.value == metric.perfect
    assert perfect.interval is None
    assert "cannot tell a width" in perfect.interval_reason


@EVERY_METRIC
def test_doubling_every_video_within_itself_changes_neither_value_nor_interval(metric):
    exam = Exam(metric)
    twice = np.concatenate([np.arange(len(exam.wei))] * 2)
    if metric.name == "icc_agreement":
        # Its n - 1 counts rows, so doubled rows move it a little; the interval by cluster must not shrink.
        once, doubled = exam.measure(interval=Jackknife()), exam.measure(twice, interval=Jackknife())
        widths = [made.interval.high - made.interval.low for made in (once, doubled)]
        assert widths[1] == pytest.approx(widths[0], rel=0.15)
        return
    assert same(exam.measure(interval=Jackknife()), exam.measure(twice, interval=Jackknife()))


@EVERY_METRIC
def test_a_missing_cell_is_counted_and_otherwise_as_if_it_had_never_been(metric):
    exam = Exam(metric)
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
    exam = Exam(metric)
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
    exam = Exam(metric)
    nothing = exam.measure(second=np.full(len(exam.wei), np.nan))
    assert nothing.value is None
    assert nothing.reason.startswith("no pairs")
    assert nothing.left_out["missing"] == len(exam.wei)
    assert nothing.n == nothing.n_clusters == 0


@EVERY_METRIC
def test_four_videos_give_a_value_but_no_interval(metric):
    exam = Exam(metric)
    few = exam.measure(exam.video < 4)
    assert few.value is not None
    assert few.interval is None
    assert few.interval_reason == "4 clusters are fewer than 5"


@EVERY_METRIC
def test_the_same_seed_gives_the_same_interval_and_another_seed_another(metric):
    exam = Exam(metric)
    one, again, other = (
        exam.measure(interval=ClusterBootstrap(replicates=500, seed=seed)).interval for seed in (1, 1, 2)
    )
    assert one == again
    assert (one.low, one.high) != (other.low, other.high)
    assert one.seed == 1
    assert one.replicates == 500


@EVERY_METRIC
def test_the_value_lies_in_its_interval_and_says_how_many_it_stands_on(metric):
    measured = Exam(metric).measure()
    assert measured.interval.low < measured.value < measured.interval.high
    assert measured.n_clusters == N_VIDEOS
    assert measured.n == (N_VIDEOS if metric.kind == "totals" else N_VIDEOS * N_STEPS)


@pytest.mark.parametrize("metric", [one for one in METRICS.values() if one.kind == "label"], ids=str)
def test_a_label_nobody_used_still_keeps_its_neighbours_apart(metric):
    exam = Exam(metric)
    exam.wei, exam.okafor = (np.where(side == 2, 3, side) for side in (exam.wei, exam.okafor))
    four = exam.measure()
    squeezed = {0: 0, 1: 1, 3: 2}
    wei, okafor = (np.array([squeezed[label] for label in side]) for side in (exam.wei, exam.okafor))
    three = exam.measure(first=wei, second=okafor, n_labels=3)
    unmoved = four.value == pytest.approx(three.value, abs=1e-12)
    # Without a scale in the formula, the names of the labels are nothing but names.
    assert unmoved == (metric.name in ("raw_agreement", "kappa"))


@pytest.mark.parametrize("name", ["plcc", "srcc"])
def test_correlation_ignores_how_a_rater_sets_his_scale_and_absolute_agreement_does_not(name):
    exam = Exam(METRICS[name])
    stricter = exam.okafor * 0.5 - 7
    assert same(exam.measure(), exam.measure(second=stricter))
    icc = Exam(METRICS["icc_agreement"])
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


@pytest.mark.parametrize("name", siming.metrics.__all__)
def test_every_public_name_explains_itself(name):
    public = getattr(siming.metrics, name)
    assert name == "METRICS" or public.__doc__
