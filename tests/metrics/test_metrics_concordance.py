"""Rank order, concordance, error in marks and the pass decision, on published data and beside other libraries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from siming.errors import LabelError
from siming.metrics import ClusterBootstrap, bland_altman
from siming.metrics.concordance import (
    bland_altman_exact,
    concordance_correlation,
    concordance_statistic,
    pass_decision,
    proportional_bias,
    root_mean_square_error,
    share_within,
    smallest_detectable_difference,
    standard_error_of_measurement,
)
from siming.metrics.icc import FORMS, intraclass_correlation
from siming.metrics.kendall import kendall_correlation, kendall_statistic
from siming.metrics.resample import leave_one_out

WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
"""Bland and Altman 1986, peak flow of 17 subjects, first readings."""


def pairs(count=120):
    """Two raters' totals of every kind: few and many, coarse and fine, tied and constant."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        n, levels = int(rng.integers(2, 60)), int(rng.integers(1, 40))
        x = rng.integers(0, levels, n)
        y = np.where(rng.random(n) < 0.5, x, rng.integers(0, levels, n))
        yield x.astype(float), y.astype(float)


def test_concordance_of_the_two_peak_flow_meters():
    ccc = concordance_correlation(WRIGHT, MINI)
    assert ccc.value == pytest.approx(0.942742, abs=5e-6)
    assert ccc.interval.method == "jackknife by cluster (t, Fisher's z)"
    assert ccc.interval.low < ccc.value < ccc.interval.high


def test_concordance_is_lins_formula_with_n_in_the_denominators():
    for x, y in pairs():
        ours = concordance_correlation(x, y, interval=None).value
        below = x.var() + y.var() + (x.mean() - y.mean()) ** 2
        if below == 0:
            assert ours is None
            continue
        assert ours == pytest.approx(2 * np.mean((x - x.mean()) * (y - y.mean())) / below, abs=1e-12)


def test_a_rater_concords_with_himself_exactly_and_a_shift_lowers_it():
    marks = [61.1, 58.3, 70.7, 44.9]
    assert concordance_correlation(marks, marks).value == 1.0
    shifted = concordance_correlation(marks, np.array(marks) + 5).value
    assert shifted < 0.9


def test_a_constant_rater_has_concordance_0_with_a_note_and_two_of_them_none():
    flagged = concordance_correlation([50, 60, 70], [55, 55, 55])
    assert flagged.value == 0.0
    assert flagged.notes == ("constant rater: rater 2 gave every video the same total",)
    assert concordance_correlation([55] * 3, [55] * 3).reason.startswith("no variation")
    assert concordance_correlation([55], [60]).reason == "fewer than 2 videos"


def test_kendall_is_tau_b_of_scipy():
    compared = 0
    for x, y in pairs():
        ours = kendall_correlation(x, y, interval=None).value
        theirs = stats.kendalltau(x, y).statistic
        if ours is None:
            assert np.isnan(theirs)
            continue
        compared += 1
        assert ours == pytest.approx(theirs, abs=1e-12)
    assert compared > 100


def test_kendall_leaves_out_and_redraws_videos_as_if_the_data_were_typed_anew():
    x, y = next(pair for pair in pairs() if len(pair[0]) > 30 and len(set(pair[0])) > 5)
    statistic = kendall_statistic(x, y)
    by_hand = [stats.kendalltau(np.delete(x, i), np.delete(y, i)).statistic for i in range(len(x))]
    assert leave_one_out(statistic) == pytest.approx(by_hand, abs=1e-12)
    drawn = np.random.default_rng(0).integers(0, len(x), len(x))
    weights = np.bincount(drawn, minlength=len(x)).astype(float)[None]
    assert statistic.of(weights)[0] == pytest.approx(stats.kendalltau(x[drawn], y[drawn]).statistic, abs=1e-12)


def test_kendall_of_a_constant_rater_is_undefined():
    assert kendall_correlation([1, 2, 3], [60, 60, 60]).reason == "no variation: rater 2 gave every video the total 60"


def test_root_mean_square_error_by_hand():
    # differences 3, -4, 0: (9 + 16 + 0) / 3
    assert root_mean_square_error([63, 50, 40], [60, 54, 40]).value == pytest.approx((25 / 3) ** 0.5)


def test_the_tolerance_counts_its_own_border_whatever_binary_fractions_do():
    # 10.3 - 10.2 is 0.10000000000000142 in binary
    assert share_within([10.3, 20.0], [10.2, 21.0], tolerance=0.1).value == 0.5
    with pytest.raises(LabelError, match="tolerance"):
        share_within([1], [1], tolerance=-1)


def test_pass_decisions_agree_beyond_chance_by_hand():
    # passed by both 2, by Wei only 1, by Okafor only 0, by none 1: agreement 3/4; by chance 3/4 x 2/4 + 1/4 x 2/4 = 1/2
    wei, okafor = [60, 75, 61, 40], [66, 62, 59.5, 35]
    decision = pass_decision(wei, okafor, pass_mark=60)
    assert decision.agreement.value == 0.75
    assert decision.kappa.value == pytest.approx(0.5)
    assert (decision.first_rate.value, decision.second_rate.value) == (0.75, 0.5)


def test_a_missing_total_is_no_fail():
    decision = pass_decision([70, np.nan, 40], [70, 70, 40], pass_mark=60)
    assert decision.agreement.value == 1.0
    assert decision.agreement.n == 2
    assert decision.agreement.left_out == {"missing": 1}
    assert decision.first_rate.value == decision.second_rate.value == 0.5


def test_kappa_of_pass_decisions_is_undefined_when_all_pass():
    decision = pass_decision([70] * 6, [80] * 6, pass_mark=60)
    assert decision.agreement.value == 1.0
    assert decision.kappa.value is None


def test_the_slope_of_the_differences_is_that_of_scipy_with_its_t_interval():
    x, y = np.array(WRIGHT, float), np.array(MINI, float)
    theirs = stats.linregress((x + y) / 2, x - y)
    slope = proportional_bias(x, y)
    assert slope.value == pytest.approx(theirs.slope, abs=1e-12)
    half = stats.t.ppf(0.975, 15) * theirs.stderr
    assert slope.interval.high - slope.value == pytest.approx(half, rel=1e-9)
    assert slope.interval.method == "t, closed form"


def test_the_slope_leaves_the_closed_form_where_candidates_come_twice():
    candidate = np.repeat(np.arange(9), 2)[:17]
    slope = proportional_bias(WRIGHT, MINI, cluster=candidate)
    assert slope.interval.method == "jackknife by cluster (t)"
    assert proportional_bias([5, 5, 5], [5, 5, 5]).reason.startswith("no variation")


def test_the_exact_limits_cover_as_often_as_they_say():
    # Truth: differences are standard normal, so the upper limit is 1.96.
    rng = np.random.default_rng(4)
    draws = 600
    held = {"upper": 0, "lower": 0}
    for _ in range(draws):
        difference = rng.normal(size=12)
        found = bland_altman_exact(difference, np.zeros(12))
        held["upper"] += found.upper.interval.low <= 1.96 <= found.upper.interval.high
        held["lower"] += found.lower.interval.low <= -1.96 <= found.lower.interval.high
    # 95 % of 600 +- 3 standard errors of .0089
    assert 0.923 < held["upper"] / draws < 0.977
    assert 0.923 < held["lower"] / draws < 0.977


def test_the_exact_limits_change_only_the_limits_intervals_and_lean_outward():
    plain, exact = bland_altman(WRIGHT, MINI), bland_altman_exact(WRIGHT, MINI)
    assert exact.mean == plain.mean
    assert exact.upper.value == plain.upper.value
    assert exact.upper.interval.high - exact.upper.value > exact.upper.value - exact.upper.interval.low


@pytest.mark.parametrize("form", FORMS)
def test_the_error_of_measurement_is_what_the_correlation_leaves_of_the_variance(form):
    rng = np.random.default_rng(1)
    totals = 60 + 4 * rng.normal(size=(30, 1)) + [0, 2, -1] + 3 * rng.normal(size=(30, 3))
    grand, k, n = totals.mean(), 3, 30
    rows, columns = totals.mean(axis=1), totals.mean(axis=0)
    ms_rows = k * ((rows - grand) ** 2).sum() / (n - 1)
    ms_raters = n * ((columns - grand) ** 2).sum() / (k - 1)
    ms_error = ((totals - rows[:, None] - columns + grand) ** 2).sum() / ((n - 1) * (k - 1))
    ms_within = ((totals - rows[:, None]) ** 2).sum() / (n * (k - 1))
    noise = {"1": ms_within, "C": ms_error, "A": ms_error + (ms_raters - ms_error) / n}[form[4]]
    video = (ms_rows - (ms_within if form[4] == "1" else ms_error)) / k
    total_variance = video + noise / (1 if form.endswith("1)") else k)
    icc = intraclass_correlation(*totals.T, form=form).value
    sem = standard_error_of_measurement(*totals.T, form=form)
    assert sem.value == pytest.approx((total_variance * (1 - icc)) ** 0.5, rel=1e-10)
    assert sem.interval.low < sem.value < sem.interval.high


def test_the_smallest_detectable_difference_is_the_error_times_1_96_root_2():
    sem = standard_error_of_measurement(WRIGHT, MINI)
    sdd = smallest_detectable_difference(WRIGHT, MINI)
    assert sdd.value == pytest.approx(1.96 * 2**0.5 * sem.value)
    assert sdd.interval.high == pytest.approx(1.96 * 2**0.5 * sem.interval.high)


@pytest.mark.parametrize(
    "function",
    [
        kendall_correlation,
        concordance_correlation,
        root_mean_square_error,
        lambda x, y, **options: share_within(x, y, tolerance=20, **options),
        standard_error_of_measurement,
    ],
)
def test_swapping_raters_or_shuffling_videos_changes_nothing(function):
    x, y = np.array(WRIGHT, float), np.array(MINI, float)
    order = np.random.default_rng(0).permutation(17)
    value = function(x, y, interval=None).value
    assert function(y, x, interval=None).value == pytest.approx(value, abs=1e-12)
    assert function(x[order], y[order], interval=None).value == pytest.approx(value, abs=1e-10)


def test_candidates_seen_twice_are_drawn_with_both_videos():
    twice = np.repeat(np.arange(17), 2)
    x, y = np.repeat(WRIGHT, 2), np.repeat(MINI, 2)
    bootstrap = ClusterBootstrap(replicates=500, seed=3)
    for function in (kendall_correlation, concordance_correlation, root_mean_square_error):
        paired = function(x, y, cluster=twice, interval=bootstrap)
        single = function(WRIGHT, MINI, interval=bootstrap)
        assert paired.n_clusters == 17
        if function is kendall_correlation:
            continue  # twice the same video is a tie more
        assert (paired.interval.low, paired.interval.high) == pytest.approx((single.interval.low, single.interval.high))


def test_a_statistic_without_any_pair_says_so():
    assert concordance_statistic([np.nan], [1]).n == 0
    assert "no pairs" in concordance_correlation([np.nan], [1]).reason
    assert "no pairs" in kendall_correlation([np.nan], [1]).reason
