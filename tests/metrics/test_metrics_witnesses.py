"""The same numbers as scikit-learn and SciPy, on random sheets."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as witness

from siming import metrics as m

N_SHEETS = 300
LABELS = [0, 1, 2, 3]


def random_sheets():
    """Pairs of sheets of every kind: short and long, skewed and even, alike and unlike, constant."""
    for seed in range(N_SHEETS):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 80))
        shares = rng.dirichlet(np.full(4, rng.choice([0.1, 0.5, 5.0])))
        wei = rng.choice(4, size=n, p=shares)
        okafor = np.where(rng.random(n) < rng.random(), wei, rng.choice(4, size=n, p=shares))
        yield wei, okafor


def quietly(function, *arguments, **options):
    """A library's value, its warnings about undefined cases unheard: NaN or 0 then, as it likes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*arguments, **options)


@pytest.mark.parametrize(("weights", "theirs"), [("nominal", None), ("linear", "linear"), ("quadratic", "quadratic")])
def test_kappa_is_that_of_scikit_learn(weights, theirs):
    compared = 0
    for wei, okafor in random_sheets():
        ours = m.cohen_kappa(wei, okafor, n_labels=4, weights=weights).value
        if ours is None:
            assert len(set(wei) | set(okafor)) == 1
            continue
        compared += 1
        assert ours == pytest.approx(witness.cohen_kappa_score(wei, okafor, labels=LABELS, weights=theirs), abs=1e-12)
    assert compared > 250


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (m.mcc, witness.matthews_corrcoef),
        (m.precision, witness.precision_score),
        (m.recall, witness.recall_score),
        (m.f1, witness.f1_score),
        (m.specificity, lambda a, b: witness.recall_score(a, b, pos_label=0)),
        (m.balanced_accuracy, witness.balanced_accuracy_score),
    ],
)
def test_wrong_or_right_statistics_are_those_of_scikit_learn(ours, theirs):
    compared = 0
    for wei, okafor in random_sheets():
        wrong, called_wrong = wei < 3, okafor < 3
        value = ours(wrong, called_wrong).value
        if value is None:  # scikit-learn says 0 here, or warns and goes on
            continue
        compared += 1
        assert value == pytest.approx(quietly(theirs, wrong, called_wrong), abs=1e-12)
    assert compared > 150


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(m.pearson_correlation, stats.pearsonr), (m.spearman_correlation, stats.spearmanr)],
)
def test_correlations_of_totals_are_those_of_scipy(ours, theirs):
    compared = 0
    for wei, okafor in random_sheets():
        wei, okafor = wei * 2.5 + 61, okafor * 1.0
        value = ours(wei, okafor, interval=None).value
        expected = quietly(theirs, wei, okafor).statistic if len(wei) > 1 else np.nan
        assert (value is None) == np.isnan(expected)
        if value is not None:
            compared += 1
            assert value == pytest.approx(expected, abs=1e-12)
    assert compared > 200


def test_a_mean_difference_has_the_t_interval_of_scipy():
    rng = np.random.default_rng(0)
    wei, okafor = rng.normal(60, 8, 25), rng.normal(58, 8, 25)
    ours = m.mean_difference(wei, okafor)
    theirs = stats.ttest_rel(wei, okafor)
    interval = theirs.confidence_interval()
    assert (ours.interval.low, ours.interval.high) == pytest.approx((interval.low, interval.high))


def test_bca_limits_of_values_with_many_ties_are_those_of_scipy():
    apart = np.array([0] * 20 + [1] * 5)
    how = m.ClusterBootstrap(replicates=9999, limits="bca")
    ours = m.mean_absolute_error(apart, np.zeros(25), interval=how).interval
    theirs = stats.bootstrap(
        (apart,), np.mean, n_resamples=9999, random_state=np.random.default_rng(0)
    ).confidence_interval
    # Replicates are multiples of 1/25; the limits must be the same ones.
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_bca_limits_are_those_of_scipy_up_to_the_drawing():
    rng = np.random.default_rng(3)
    wei = rng.normal(60, 8, 60)
    okafor = wei + rng.normal(0, 5, 60)
    ours = m.pearson_correlation(wei, okafor, interval=m.ClusterBootstrap(limits="bca")).interval
    theirs = stats.bootstrap(
        (wei, okafor),
        lambda x, y: stats.pearsonr(x, y).statistic,
        paired=True,
        vectorized=False,
        n_resamples=2000,
        random_state=np.random.default_rng(0),
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.012)
