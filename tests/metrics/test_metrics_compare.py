"""Two models on the same cells."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from siming import metrics as m
from siming.errors import LabelError
from siming.metrics import METRICS


def exam(n_videos: int, n_steps: int, seed: int, noise: tuple[float, float]):
    """A reference and two models of different noise, as flat cells with video and step."""
    rng = np.random.default_rng(seed)
    easiness = np.linspace(-1, 1, n_steps)
    percept = rng.normal(size=(n_videos, n_steps)) + rng.normal(0, 0.5, (n_videos, 1)) + easiness
    sides = [percept, *(percept + spread * rng.normal(size=percept.shape) for spread in noise)]
    video, step = np.indices(percept.shape)
    labels = [np.digitize(side, [-1.5, -0.8, -0.2]).ravel() for side in sides]
    return labels, {"cluster": video.ravel(), "step": step.ravel()}


def as_kind(metric, labels, where):
    """The same exam in the form the metric wants, and its keywords."""
    if metric.kind == "totals":
        totals = [np.bincount(where["cluster"], weights=side) for side in labels]
        return totals, {"cluster": np.arange(len(totals[0]))}
    if metric.kind == "binary":
        return [side < 3 for side in labels], {"cluster": where["cluster"]}
    return labels, where | {"n_labels": 4}


@pytest.mark.parametrize("name", METRICS)
def test_the_difference_is_that_of_the_two_values_for_every_metric(name):
    sides, where = as_kind(METRICS[name], *exam(15, 6, seed=0, noise=(0.3, 1.0)))
    pair = m.paired_difference(name, *sides, **where, permutations=200)
    assert pair.difference.value == pytest.approx(pair.first.value - pair.second.value, abs=1e-12)
    alone = {key: value for key, value in where.items() if key != "step" or METRICS[name].by_step}
    for measured, model in ((pair.first, sides[1]), (pair.second, sides[2])):
        assert measured.value == METRICS[name].function(sides[0], model, **alone).value
    assert pair.difference.n == pair.first.n
    assert pair.difference.n_clusters == 15


@pytest.mark.parametrize("name", METRICS)
def test_changing_the_models_places_turns_the_sign_and_keeps_p(name):
    sides, where = as_kind(METRICS[name], *exam(9, 6, seed=1, noise=(0.3, 1.0)))
    one = m.paired_difference(name, *sides, **where, interval=m.Jackknife())
    other = m.paired_difference(name, sides[0], sides[2], sides[1], **where, interval=m.Jackknife())
    assert other.difference.value == pytest.approx(-one.difference.value, abs=1e-12)
    assert other.p_value == one.p_value
    if one.difference.interval is not None:
        assert other.difference.interval.low == pytest.approx(-one.difference.interval.high, abs=1e-12)


def test_a_difference_of_shares_has_the_paired_t_interval_of_scipy():
    (truth, ours, theirs), where = exam(20, 6, seed=2, noise=(0.3, 0.8))
    pair = m.paired_difference("raw_agreement", truth, ours, theirs, cluster=where["cluster"], n_labels=4)
    right = [np.reshape(truth == model, (20, 6)).mean(axis=1) for model in (ours, theirs)]
    expected = stats.ttest_rel(*right).confidence_interval()
    made = pair.difference.interval
    assert (made.low, made.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("name", ["qwk", "qwk_within_step"])
def test_p_of_few_videos_is_the_share_of_all_swaps_at_least_as_far_apart(name):
    (truth, ours, theirs), where = exam(6, 4, seed=17, noise=(0.7, 0.9))
    pair = m.paired_difference(name, truth, ours, theirs, **where, n_labels=4)
    options = {"n_labels": 4} | ({"step": where["step"]} if METRICS[name].by_step else {})
    video = where["cluster"]
    observed = abs(pair.difference.value)
    as_far = 0
    for swap in itertools.product([False, True], repeat=6):
        swapped = np.array(swap)[video]
        a, b = np.where(swapped, theirs, ours), np.where(swapped, ours, theirs)
        gap = METRICS[name].function(truth, a, **options).value - METRICS[name].function(truth, b, **options).value
        as_far += abs(gap) >= observed - 1e-12
    assert pair.exact
    assert pair.permutations == 64
    assert 4 < as_far < 60  # else a wrong swap could hide
    assert pair.p_value == as_far / 64


def test_a_swap_that_cannot_be_judged_speaks_for_chance():
    # Two steps in six videos, the first done wrong and the second right. One model calls wrong in three videos,
    # each time justly; the other in the other three, each time unjustly: precision 1 against 0.
    wrong = np.tile([True, False], 6)
    ours, theirs = np.zeros(12, dtype=bool), np.zeros(12, dtype=bool)
    ours[[0, 2, 4]] = True
    theirs[[7, 9, 11]] = True
    pair = m.paired_difference("precision", wrong, ours, theirs, cluster=np.repeat(np.arange(6), 2))
    assert pair.difference.value == 1
    # Of the 64 swaps, none and all are as far apart; two leave one model without a call.
    assert pair.p_value == 4 / 64


def standardised(totals):
    return (totals - totals.mean()) / totals.std()


def test_swaps_of_totals_work_their_ranks_out_anew():
    rng = np.random.default_rng(8)
    truth, ours, theirs = rng.normal(size=(3, 6))
    pair = m.paired_difference("srcc", truth, ours, theirs, cluster=np.arange(6))
    observed = abs(stats.spearmanr(truth, ours).statistic - stats.spearmanr(truth, theirs).statistic)
    a, b = standardised(ours), standardised(theirs)
    gaps = [
        abs(
            stats.spearmanr(truth, np.where(swap, b, a)).statistic
            - stats.spearmanr(truth, np.where(swap, a, b)).statistic
        )
        for swap in itertools.product([False, True], repeat=6)
    ]
    assert pair.p_value == np.mean(np.array(gaps) >= observed - 1e-12)


@pytest.mark.parametrize(("name", "moves"), [("plcc", 2), ("srcc", 2), ("icc_consistency", 1), ("mae", 0)])
def test_a_model_that_is_milder_or_uses_less_of_the_scale_is_not_told_apart_for_that_where_the_metric_does_not_see_it(
    name, moves
):
    rng = np.random.default_rng(9)
    truth, ours, theirs = rng.normal(60, 10, size=(3, 30))
    ours += truth
    kinder = {0: theirs, 1: theirs + 25, 2: theirs * 0.2 + 70}[moves]
    options = {"cluster": np.arange(30), "permutations": 500}
    plain = m.paired_difference(name, truth, ours, theirs, **options)
    moved = m.paired_difference(name, truth, ours, kinder, **options)
    assert moved.difference.value == pytest.approx(plain.difference.value)
    assert moved.p_value == plain.p_value


def test_a_clearly_better_model_is_told_apart_and_the_seed_repeats_it():
    (truth, ours, theirs), where = exam(40, 10, seed=4, noise=(0.2, 1.5))
    options = where | {"n_labels": 4, "permutations": 2000}
    pair = m.paired_difference("qwk_within_step", truth, ours, theirs, **options, seed=7)
    assert pair.p_value == 1 / 2001
    assert not pair.exact
    assert pair.difference.interval.low > 0
    assert pair == m.paired_difference("qwk_within_step", truth, ours, theirs, **options, seed=7)


def test_a_model_compared_with_itself_differs_by_0_with_p_1():
    (truth, ours, _), where = exam(30, 5, seed=5, noise=(0.5, 0.5))
    pair = m.paired_difference("qwk", truth, ours, ours, cluster=where["cluster"], n_labels=4)
    assert pair.difference.value == 0
    assert pair.difference.interval is None
    assert pair.p_value == 1


def test_models_are_compared_on_the_cells_that_both_of_them_answered():
    (truth, ours, theirs), where = exam(10, 6, seed=6, noise=(0.4, 0.6))
    ours, theirs = ours.copy(), theirs.copy()
    ours[[0, 1]] = -1
    theirs[[1, 2]] = -1
    pair = m.paired_difference("qwk", truth, ours, theirs, cluster=where["cluster"], n_labels=4)
    both = np.arange(60) > 2
    alone = m.quadratic_weighted_kappa(truth[both], ours[both], n_labels=4)
    assert pair.first.value == alone.value
    assert pair.first.n == pair.second.n == pair.difference.n == 57
    assert pair.difference.left_out == {"missing": 3}


def test_totals_are_compared_on_the_videos_that_both_models_answered():
    truth, ours, theirs = np.random.default_rng(0).normal(60, 10, (3, 12))
    ours[[0, 1]] = np.nan
    theirs[[1, 2]] = np.nan
    pair = m.paired_difference("mae", truth, ours, theirs, cluster=np.arange(12))
    assert pair.first.value == pytest.approx(np.abs(truth - ours)[3:].mean())
    assert pair.second.value == pytest.approx(np.abs(truth - theirs)[3:].mean())
    assert pair.difference.left_out == {"missing": 3}


def test_an_undefined_side_makes_the_difference_undefined_and_names_the_side():
    (truth, ours, _), where = exam(10, 6, seed=6, noise=(0.4, 0.6))
    never = np.zeros(60, dtype=bool)
    pair = m.paired_difference("mcc", truth < 3, ours < 3, never, cluster=where["cluster"])
    assert pair.first.value is not None
    assert pair.difference.value is None
    assert pair.difference.reason.startswith("second model: no variation")
    assert pair.p_value is None
    assert pair.p_reason == pair.difference.reason


def test_four_videos_are_too_few_for_an_interval_or_a_p_value():
    (truth, ours, theirs), where = exam(4, 6, seed=6, noise=(0.4, 0.6))
    pair = m.paired_difference("qwk", truth, ours, theirs, cluster=where["cluster"], n_labels=4)
    assert pair.difference.value is not None
    assert pair.difference.interval_reason == pair.p_reason == "4 clusters are fewer than 5"


def test_nothing_in_common_is_said_and_not_crashed_on():
    blank = np.full(12, -1)
    labels = np.tile([0, 3], 6)
    pair = m.paired_difference("qwk", labels, labels, blank, cluster=np.repeat(np.arange(6), 2), n_labels=4)
    assert pair.difference.value is None
    assert "no pairs" in pair.difference.reason


@pytest.mark.parametrize(
    ("metric", "options", "message"),
    [
        ("qwk", {}, "give n_labels"),
        ("qwk_within_step", {"n_labels": 4}, "give step"),
        ("qwk", {"n_labels": 4, "permutations": 5}, "at least 100"),
        ("qwk", {"n_labels": 4, "cluster": [0]}, "cluster ids"),
    ],
)
def test_a_comparison_says_what_it_lacks(metric, options, message):
    labels = [0, 1, 2, 3]
    with pytest.raises(LabelError, match=message):
        m.paired_difference(metric, labels, labels, labels, **({"cluster": [0, 1, 2, 3]} | options))


def test_models_of_different_length_are_refused():
    with pytest.raises(LabelError, match="the second model has 2 cells and the reference 3"):
        m.paired_difference("qwk", [0, 1, 2], [0, 1, 2], [0, 1], cluster=[0, 1, 2], n_labels=4)


@pytest.mark.slow
def test_p_values_of_equal_models_are_even():
    below = []
    for seed in range(300):
        (truth, ours, theirs), where = exam(12, 6, seed=seed + 1000, noise=(0.7, 0.7))
        pair = m.paired_difference(
            "qwk", truth, ours, theirs, cluster=where["cluster"], n_labels=4, permutations=500, seed=seed
        )
        below.append(pair.p_value <= 0.1)
    # 300 trials at 10 %: the share has a standard error of 1.7 %.
    assert 0.05 <= np.mean(below) <= 0.15


@pytest.mark.slow
def test_p_values_of_equal_models_are_even_when_one_is_milder_and_bolder():
    below = []
    for seed in range(300):
        truth, ours, theirs = np.random.default_rng(seed).normal(size=(3, 25))
        ours, theirs = ours + 0.5 * truth, 4 * (theirs + 0.5 * truth) + 30
        pair = m.paired_difference("plcc", truth, ours, theirs, cluster=np.arange(25), permutations=500, seed=seed)
        below.append(pair.p_value <= 0.1)
    assert 0.05 <= np.mean(below) <= 0.15
