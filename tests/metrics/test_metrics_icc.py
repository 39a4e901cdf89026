"""The six intraclass correlations: published values, their F limits, and tables with gaps."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import optimize

from siming.errors import LabelError
from siming.metrics import ClusterBootstrap, Jackknife, icc_agreement
from siming.metrics.icc import (
    FORMS,
    FInterval,
    intraclass_correlation,
    intraclass_correlations,
    intraclass_statistic,
)
from siming.metrics.icc_missing import reml_statistic

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)
"""Shrout and Fleiss 1979, table 2: 6 targets by 4 judges."""

PUBLISHED = {
    # form: value, published to 2 decimals, 95 % interval of psych 2.2.9 in R
    "ICC(1,1)": (0.16574, 0.17, -0.13293, 0.72256),
    "ICC(A,1)": (0.28976, 0.29, 0.018787, 0.76108),
    "ICC(C,1)": (0.71484, 0.71, 0.342465, 0.94586),
    "ICC(1,k)": (0.44280, 0.44, -0.884442, 0.91242),
    "ICC(A,k)": (0.62005, 0.62, 0.071137, 0.92723),
    "ICC(C,k)": (0.90932, 0.91, 0.675675, 0.98589),
}


def table(seed, *, videos=40, raters=3, gaps=0.0, severity=1.0):
    """Totals with a true ICC near one half, and a share of them missing."""
    rng = np.random.default_rng(seed)
    totals = (
        60
        + 3 * rng.normal(size=(videos, 1))
        + severity * rng.normal(size=raters)
        + 3 * rng.normal(size=(videos, raters))
    )
    totals[rng.random(totals.shape) < gaps] = np.nan
    return totals


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_shrout_and_fleiss_with_its_interval(form):
    value, printed, low, high = PUBLISHED[form]
    icc = intraclass_correlation(*SHROUT_FLEISS.T, form=form)
    assert icc.value == pytest.approx(value, abs=5.1e-6)
    assert round(icc.value, 2) == printed
    assert (icc.interval.low, icc.interval.high) == pytest.approx((low, high), abs=6e-6)
    assert icc.n == 6


def test_the_f_tests_and_mean_squares_of_shrout_and_fleiss():
    found = intraclass_correlations(*SHROUT_FLEISS.T)
    assert {name: round(each.value, 6) for name, each in found.mean_squares.items()} == {
        "videos": 11.241667,
        "within": 6.263889,
        "raters": 32.486111,
        "error": 1.019444,
    }
    assert found.two_way.degrees == (5, 15)
    assert found.two_way.f.value == pytest.approx(11.0272, abs=5e-5)
    assert found.two_way.p.value == pytest.approx(0.00013457, abs=5e-9)
    assert found.one_way.degrees == (5, 18)
    assert found.one_way.f.value == pytest.approx(1.7947, abs=5e-5)
    assert found.one_way.p.value == pytest.approx(0.16476881, abs=5e-9)
    assert {form: each.value for form, each in found.forms.items()} == {
        form: intraclass_correlation(*SHROUT_FLEISS.T, form=form).value for form in FORMS
    }


def test_all_forms_intervals_and_tests_are_those_of_pingouin():
    pd = pytest.importorskip("pandas", reason="pingouin reads data frames")
    pingouin = pytest.importorskip("pingouin", reason="witness of the intraclass correlations")
    for seed in range(5):
        totals = table(seed, videos=12, raters=4)
        video, rater = np.indices(totals.shape)
        long = pd.DataFrame({"video": video.ravel(), "rater": rater.ravel(), "total": totals.ravel()})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas deprecates what pingouin calls
            theirs = pingouin.intraclass_corr(long, targets="video", raters="rater", ratings="total")
        theirs = theirs.set_index("Type")
        ours = intraclass_correlations(*totals.T)
        for form in FORMS:
            line = theirs.loc[form]
            test = ours.one_way if form.startswith("ICC(1") else ours.two_way
            low, high = line.get("CI95", line.get("CI95%"))
            assert ours.forms[form].value == pytest.approx(line["ICC"], abs=1e-10)
            assert test.f.value == pytest.approx(line["F"], rel=1e-10)
            assert test.p.value == pytest.approx(line["pval"], rel=1e-8)
            limits = ours.forms[form].interval
            assert (limits.low, limits.high) == pytest.approx((low, high), abs=5.1e-3)  # it rounds to 2 decimals


def test_agreement_form_is_the_metric_icc_agreement():
    totals = table(1)
    by_form = intraclass_correlation(*totals.T, form="ICC(A,1)", interval=Jackknife())
    metric = icc_agreement(*totals.T, interval=Jackknife())
    assert by_form.value == pytest.approx(metric.value, abs=1e-14)
    assert by_form.interval.low == pytest.approx(metric.interval.low, abs=1e-14)


def test_a_stricter_rater_lowers_agreement_but_not_consistency():
    totals = table(2, severity=0.0)
    shifted = totals + np.array([0, 0, 8])
    for form in ("ICC(1,1)", "ICC(A,1)", "ICC(A,k)"):
        assert (
            intraclass_correlation(*shifted.T, form=form).value
            < intraclass_correlation(*totals.T, form=form).value - 0.1
        )
    for form in ("ICC(C,1)", "ICC(C,k)"):
        before = intraclass_correlation(*totals.T, form=form)
        after = intraclass_correlation(*shifted.T, form=form)
        assert after.value == pytest.approx(before.value, abs=1e-12)
        assert after.interval.low == pytest.approx(before.interval.low, abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_the_order_of_videos_and_of_raters_changes_nothing(form):
    totals = table(3)
    rng = np.random.default_rng(0)
    shuffled = totals[rng.permutation(len(totals))][:, [2, 0, 1]]
    assert intraclass_correlation(*shuffled.T, form=form).value == pytest.approx(
        intraclass_correlation(*totals.T, form=form).value, abs=1e-12
    )


def test_the_mean_of_k_raters_follows_spearman_and_brown():
    totals = table(4)
    for single, average in zip(FORMS[:3], FORMS[3:], strict=True):
        one = intraclass_correlation(*totals.T, form=single).value
        assert intraclass_correlation(*totals.T, form=average).value == pytest.approx(
            3 * one / (1 + 2 * one), abs=1e-12
        )


def test_the_bootstrap_draws_whole_videos_and_says_so():
    icc = intraclass_correlation(*table(5).T, interval=ClusterBootstrap(replicates=2000, seed=7))
    assert icc.interval.method == "cluster bootstrap (percentile)"
    assert (icc.interval.seed, icc.interval.replicates) == (7, 2000)
    by_f = intraclass_correlation(*table(5).T).interval
    assert icc.interval.low == pytest.approx(by_f.low, abs=0.12)


def test_f_limits_are_not_given_where_several_videos_share_a_candidate():
    totals = np.repeat(table(6, videos=20), 2, axis=0)
    candidate = np.repeat(np.arange(20), 2)
    icc = intraclass_correlation(*totals.T, cluster=candidate)
    assert icc.interval.method == "jackknife by cluster (t, Fisher's z)"
    assert (icc.n, icc.n_clusters) == (40, 20)
    # Each candidate twice is no news: the width is that of the candidates once, not of 40 videos.
    once = intraclass_correlation(*totals[::2].T, interval=Jackknife()).interval
    assert icc.interval.high - icc.interval.low == pytest.approx(once.high - once.low, rel=0.1)


def test_perfect_agreement_is_1_and_has_no_f():
    found = intraclass_correlations(*[[1.0, 2, 3, 4, 6]] * 3)
    assert {each.value for each in found.forms.values()} == {1.0}
    assert all("no F" in each.interval_reason for each in found.forms.values())
    assert "no noise" in found.two_way.f.reason


def test_constant_totals_and_a_single_video_are_undefined_with_the_reason():
    constant = intraclass_correlations([7.0] * 6, [7.0] * 6)
    assert {each.reason for each in constant.forms.values()} == {"no variation: every rater gave every video one total"}
    single = intraclass_correlations([7.0], [8.0])
    assert {each.reason for each in single.forms.values()} == {"fewer than 2 videos"}
    assert single.two_way.p.reason == "fewer than 2 videos"


def test_fewer_than_five_videos_give_a_value_and_no_interval():
    icc = intraclass_correlation([1, 2, 3, 5], [1, 3, 3, 4])
    assert icc.value is not None
    assert icc.interval_reason == "4 clusters are fewer than 5"


def test_an_unknown_form_is_refused_with_the_list():
    with pytest.raises(LabelError, match=r"ICC\(A,1\)"):
        intraclass_correlation([1, 2], [1, 2], form="ICC(2,1)")
    with pytest.raises(LabelError, match="level"):
        FInterval(level=95)


@pytest.mark.parametrize("form", FORMS)
def test_without_gaps_the_mixed_model_gives_the_values_of_the_mean_squares(form):
    for totals in (SHROUT_FLEISS, table(7), table(8, raters=2)):
        reml = reml_statistic(list(totals.T), form=form).value()
        assert reml == pytest.approx(intraclass_statistic(*totals.T, form=form).value(), abs=1e-6)


def dense_reml(totals, form):
    """Restricted likelihood written out with whole matrices: slow, and nothing left to get wrong."""
    video, rater = np.nonzero(~np.isnan(totals))
    y, n = totals[video, rater], len(video)
    same_video, same_rater = video[:, None] == video, rater[:, None] == rater
    fixed = np.eye(totals.shape[1])[rater] if form.startswith("ICC(C") else np.ones((n, 1))
    random_rater = form.startswith("ICC(A")

    def deviance(log_variances):
        a, b = np.exp(log_variances[0]), np.exp(log_variances[1]) if random_rater else 0.0
        v = np.eye(n) + a * same_video + b * same_rater
        vx, vy = np.linalg.solve(v, fixed), np.linalg.solve(v, y)
        information = fixed.T @ vx
        rest = y @ vy - (fixed.T @ vy) @ np.linalg.solve(information, fixed.T @ vy)
        degrees = n - fixed.shape[1]
        return degrees * np.log(rest) + np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1]

    start = np.zeros(2 if random_rater else 1)
    wanted = (lambda p: deviance(p)) if random_rater else (lambda p: deviance([p[0], 0.0]))
    best = optimize.minimize(
        wanted, start, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 2000}
    )
    a = np.exp(best.x[0])
    b = np.exp(best.x[1]) if random_rater else 0.0
    return a / (a + b + 1)


@pytest.mark.parametrize("form", ["ICC(1,1)", "ICC(A,1)", "ICC(C,1)"])
def test_with_gaps_the_mixed_model_is_that_of_the_likelihood_written_out(form):
    for seed in (11, 12):
        totals = table(seed, videos=25, raters=3, gaps=0.3)
        icc = intraclass_correlation(*totals.T, form=form)
        assert icc.value == pytest.approx(dense_reml(totals[~np.isnan(totals).all(axis=1)], form), abs=2e-5)


def test_with_gaps_the_mixed_model_is_that_of_statsmodels():
    pd = pytest.importorskip("pandas", reason="statsmodels reads data frames")
    smf = pytest.importorskip("statsmodels.formula.api", reason="witness of the mixed model")
    totals = table(13, videos=60, raters=3, gaps=0.25)
    video, rater = np.nonzero(~np.isnan(totals))
    long = pd.DataFrame({"video": video, "rater": rater.astype(str), "total": totals[video, rater]})
    for form, formula in (("ICC(C,1)", "total ~ rater"), ("ICC(1,1)", "total ~ 1")):
        fit = smf.mixedlm(formula, long, groups="video").fit(reml=True)
        between = float(fit.cov_re.iloc[0, 0])
        ours = intraclass_correlation(*totals.T, form=form).value
        assert ours == pytest.approx(between / (between + fit.scale), abs=1e-4)


def test_a_gap_is_kept_out_of_the_sum_and_counted():
    totals = table(14, gaps=0.2)
    whole = int((~np.isnan(totals).any(axis=1)).sum())
    kept = intraclass_correlation(*totals.T)
    dropped = intraclass_correlation(*totals.T, missing="leave out")
    refused = intraclass_correlation(*totals.T, missing="refuse")
    assert kept.left_out["missing_totals"] == int(np.isnan(totals[~np.isnan(totals).all(axis=1)]).sum())
    assert kept.n > dropped.n == whole
    assert kept.interval.method == "jackknife by cluster (t)"
    assert dropped.interval.method == "F, Satterthwaite"
    assert refused.value is None
    assert "missing='mixed model'" in refused.reason


@pytest.mark.parametrize(
    ("raters", "reason"),
    [
        ([[1, 2, np.nan], [np.nan, np.nan, 3]], "no video has totals of two raters"),
        ([[1, 2, 4], [2, 2, 5], [np.nan] * 3], "rater 3 marked no video"),
        ([[5, 5, 5, 5], [5, 5, 5, np.nan]], "the totals leave nothing for the model to divide into variances"),
    ],
)
def test_a_table_with_too_many_gaps_is_undefined_with_the_reason(raters, reason):
    assert intraclass_correlation(*raters).reason == reason
