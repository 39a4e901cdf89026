"""Two correlations from the same videos: published examples, and what they share with simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from siming.errors import LabelError
from siming.metrics.comparison.dependent import (
    compare_correlations,
    compare_printed_correlations,
    fisher_limits,
    meng_test,
    steiger_test,
    williams_test,
    zou_interval,
)


def test_the_example_of_zou():
    # Zou 2007, example of correlations with one criterion: -.093 to .517.
    found = zou_interval(0.396, 0.179, 0.088, n=66)
    assert found.value == pytest.approx(0.217)
    assert found.interval.low == pytest.approx(-0.0929, abs=5e-5)
    assert found.interval.high == pytest.approx(0.5168, abs=5e-5)


def test_the_example_of_meng_rosenthal_and_rubin():
    found = meng_test(0.63, -0.03, -0.19, n=15)
    assert found.statistic.value == pytest.approx(1.6794, abs=5e-5)  # published 1.68
    assert found.p_value.value == pytest.approx(2 * stats.norm.sf(1.6794), abs=1e-5)


def test_williams_t_as_the_psych_package_prints_it():
    found = williams_test(0.4, 0.5, 0.1, n=103)
    assert found.statistic.value == pytest.approx(-0.8913, abs=5e-5)
    assert found.degrees == 100
    assert found.p_value.value == pytest.approx(2 * stats.t.sf(0.8913, 100), abs=5e-5)


def test_steigers_z_of_correlations_that_share_no_variable_as_the_psych_package_prints_it():
    found = steiger_test(0.5, 0.6, r13=0.5, r14=0.5, r23=0.7, r24=0.8, n=103)
    assert found.statistic.value == pytest.approx(-1.202657, abs=5e-6)


def test_steigers_z_of_unrelated_pairs_is_that_of_independent_correlations():
    found = steiger_test(0.3, 0.1, r13=0, r14=0, r23=0, r24=0, n=100)
    assert found.statistic.value == pytest.approx((np.arctanh(0.3) - np.arctanh(0.1)) / np.sqrt(2 / 97))


@pytest.mark.parametrize("test", [meng_test, williams_test])
def test_changing_the_models_places_turns_the_sign_and_keeps_p(test):
    here, there = test(0.4, 0.1, 0.3, n=50), test(0.1, 0.4, 0.3, n=50)
    assert here.statistic.value == pytest.approx(-there.statistic.value)
    assert here.p_value.value == pytest.approx(there.p_value.value)


def test_models_that_agree_are_told_apart_with_fewer_videos():
    narrow, wide = (zou_interval(0.4, 0.2, between, n=100).interval for between in (0.8, 0.0))
    assert narrow.high - narrow.low < 0.6 * (wide.high - wide.low)


def test_totals_give_the_same_as_their_printed_correlations():
    reference, ours, theirs = np.random.default_rng(0).normal(size=(3, 40))
    theirs[5] = np.nan
    kept = np.arange(40) != 5
    r = np.corrcoef([reference[kept], ours[kept], theirs[kept]])
    expected = compare_printed_correlations(r[0, 1], r[0, 2], r[1, 2], n=39)
    found = compare_correlations(reference, ours, theirs)
    assert found.difference.value == pytest.approx(expected.difference.value)
    assert found.williams.statistic.value == pytest.approx(expected.williams.statistic.value)
    assert found.difference.n == 39


def test_fishers_limits_are_those_of_scipy():
    x, y = np.random.default_rng(1).normal(size=(2, 30))
    found = stats.pearsonr(x, y)
    limits = found.confidence_interval(0.95)
    assert fisher_limits(found.statistic, n=30) == pytest.approx((limits.low, limits.high))


def test_what_cannot_be_said_is_undefined_with_its_reason():
    assert zou_interval(0.4, 0.2, 0.1, n=3).interval_reason == "3 videos are fewer than 4"
    assert meng_test(1.0, 0.2, 0.2, n=30).p_value.reason.startswith("a correlation of exactly 1")
    assert "constant" in compare_correlations([1, 2, 3, 4, 5], [1, 1, 1, 1, 1], [1, 2, 3, 5, 4]).difference.reason
    same = compare_printed_correlations(0.3, 0.3, 1.0, n=50)
    assert same.difference.value == 0
    assert "perfectly correlated" in same.meng.statistic.reason


def test_correlations_that_cannot_occur_together_are_refused():
    with pytest.raises(LabelError, match="cannot occur together"):
        zou_interval(0.9, -0.9, 0.9, n=50)
    with pytest.raises(LabelError, match="not from -1 to 1"):
        williams_test(15.8, 0.1, 0.1, n=200)
    with pytest.raises(LabelError, match="3 videos are fewer than 4"):
        fisher_limits(0.5, n=3)


@pytest.mark.slow
def test_intervals_hold_the_truth_and_tests_err_as_often_as_they_say():
    rng = np.random.default_rng(2)
    cause = np.linalg.cholesky([[1, 0.4, 0.4], [0.4, 1, 0.3], [0.4, 0.3, 1]])
    held, small = [], []
    for _ in range(2000):
        reference, ours, theirs = cause @ rng.normal(size=(3, 60))
        found = compare_correlations(reference, ours, theirs)
        held.append(found.difference.interval.low <= 0 <= found.difference.interval.high)
        small.append([found.meng.p_value.value < 0.05, found.williams.p_value.value < 0.05])
    # 2,000 trials: a share of 5 % has a standard error of 0.5 %.
    assert 0.935 <= np.mean(held) <= 0.965
    assert np.all(np.abs(np.mean(small, axis=0) - 0.05) < 0.015)
