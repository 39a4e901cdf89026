"""Jackknife and bootstrap: against plain loops, closed forms, and their nominal coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from siming import metrics as m
from siming.metrics import METRICS, resample
from siming.metrics.evidence import evidence_iou_statistic
from siming.metrics.icc_missing import reml_statistic
from siming.metrics.kappa import kappa_statistic
from siming.metrics.kendall import kendall_statistic
from siming.metrics.krippendorff import krippendorff_statistic
from siming.metrics.many_raters import conger_statistic, fleiss_statistic
from siming.metrics.statistic import LeavesOut, Statistic, sums_without_each
from siming.metrics.totals import mean_difference_statistic, spearman_statistic


def rated_exams(n_videos: int, n_steps: int, seed: int):
    """Labels of two raters, with candidates and steps that differ, as flat cells."""
    rng = np.random.default_rng(seed)
    shape = (n_videos, n_steps)
    skill = rng.normal(0, 0.5, (n_videos, 1)) + rng.normal(0, 0.7, n_steps)
    wei, okafor = (np.digitize(skill + rng.normal(size=shape), [-1.5, -1, -0.3]) for _ in range(2))
    video = np.broadcast_to(np.arange(n_videos)[:, None], shape)
    step = np.broadcast_to(np.arange(n_steps), shape)
    return tuple(cells.ravel() for cells in (wei, okafor, video, step))


def test_the_jackknife_value_and_error_of_a_mean_are_the_mean_and_s_over_root_n():
    marks = np.array([61.0, 64, 70, 58, 66, 90])
    statistic = mean_difference_statistic(marks, np.zeros(6))
    left_out = resample.leave_one_out(statistic)
    pseudo_values = 6 * statistic.value() - 5 * left_out
    assert pseudo_values == pytest.approx(marks)
    assert pseudo_values.mean() == pytest.approx(marks.mean())
    assert resample.jackknife_error(left_out) == pytest.approx(stats.sem(marks))


def leave_out_by_weights(statistic: Statistic) -> np.ndarray:
    """The slow way: a row of weights for each cluster, its own weight 0."""
    n = statistic.n_clusters
    return statistic.of(np.ones((n, n)) - np.eye(n))


def totals_with_ties(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 8, (2, n)).astype(float)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("n_candidates", [30, 11])
def test_leaving_out_every_video_at_once_equals_leaving_them_out_one_by_one(name, n_candidates):
    metric = METRICS[name]
    wei, okafor, video, step = rated_exams(30, 4, seed=3)
    candidate = np.arange(30) % n_candidates
    if metric.kind == "totals":
        (wei, okafor), video = totals_with_ties(30, seed=3), np.arange(30)
    elif metric.kind == "binary":
        wei, okafor = wei < 3, okafor < 3
    options = metric.options(n_labels=4, step=step)
    statistic = metric.statistic(wei, okafor, cluster=candidate[video], **options)
    assert resample.leave_one_out(statistic) == pytest.approx(leave_out_by_weights(statistic), abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("of_totals", [spearman_statistic, kendall_statistic], ids=["srcc", "tau"])
def test_a_rank_correlation_without_a_video_is_that_of_the_others(of_totals):
    wei, okafor = totals_with_ties(25, seed=8)
    wei[7] = 99.0
    peer = {spearman_statistic: stats.spearmanr, kendall_statistic: stats.kendalltau}[of_totals]
    others = [np.arange(25) != video for video in range(25)]
    expected = [peer(wei[rest], okafor[rest]).statistic for rest in others]
    assert resample.leave_one_out(of_totals(wei, okafor)) == pytest.approx(expected)


@pytest.mark.parametrize("of_totals", [spearman_statistic, kendall_statistic], ids=["srcc", "tau"])
def test_a_rank_correlation_is_undefined_without_the_only_video_that_differs(of_totals):
    wei, okafor = np.array([5.0, 5, 5, 5, 6]), np.array([1.0, 2, 3, 4, 5])
    assert np.isnan(resample.leave_one_out(of_totals(wei, okafor))).tolist() == [False] * 4 + [True]


def statistics_of_gaps_and_many_raters():
    rng = np.random.default_rng(0)
    raters = rng.integers(0, 4, (3, 60))
    raters[0, ::7] = -1
    video = np.repeat(np.arange(12), 5)
    totals = rng.normal(60, 9, 12) + rng.normal(0, 4, (3, 12))
    totals[1, ::5] = np.nan
    spans = [[(float(start), float(start + 9))] for start in rng.integers(0, 9, 60)]
    return {
        "fleiss": fleiss_statistic(raters, n_labels=4, cluster=video),
        "conger": conger_statistic(raters, n_labels=4, cluster=video),
        "alpha": krippendorff_statistic(raters, n_labels=4, cluster=video),
        "reml": reml_statistic(totals, form="ICC(A,1)"),
        "evidence": evidence_iou_statistic(spans, spans[::-1], cluster=video),
    }


@pytest.mark.parametrize("name", statistics_of_gaps_and_many_raters())
def test_many_raters_and_gaps_are_left_out_in_one_pass_too(name):
    statistic = statistics_of_gaps_and_many_raters()[name]
    assert isinstance(statistic.of, LeavesOut)
    # A likelihood is climbed to within 1e-9, whatever the order in which its sums were made.
    assert resample.leave_one_out(statistic) == pytest.approx(leave_out_by_weights(statistic), abs=1e-8)


def test_what_is_left_without_the_largest_video_is_exact():
    units = np.array([[1.0], [1e17], [2.0]])
    assert sums_without_each(units)[1, 0] == 3
    assert (units.sum(axis=0) - units[1])[0] != 3  # what taking it away from the total would leave


def test_a_rater_stays_constant_whichever_video_is_left_out():
    rng = np.random.default_rng(2)
    wei, okafor = rng.integers(0, 4, 60), np.full(60, 3)
    kappas = resample.leave_one_out(kappa_statistic(wei, okafor, n_labels=4, cluster=np.repeat(np.arange(12), 5)))
    assert (kappas == 0).all()


def test_draws_that_are_kept_for_the_next_statistic_are_those_that_are_not(monkeypatch):
    kept = np.concatenate(list(resample.bootstrap_weights(30, replicates=200, seed=4, batch=64)))
    monkeypatch.setattr(resample, "MOST_KEPT", 0)
    drawn_anew = np.concatenate(list(resample.bootstrap_weights(30, replicates=200, seed=4, batch=64)))
    assert (kept == drawn_anew).all()


@pytest.mark.parametrize("name", METRICS)
def test_a_bootstrap_from_sums_equals_a_plain_loop_over_the_redrawn_videos(name):
    metric = METRICS[name]
    wei, okafor, video, step = rated_exams(8, 5, seed=2)
    if metric.kind == "totals":
        wei, okafor = (np.bincount(video, weights=side) for side in (wei, okafor))
        video = np.arange(8)
    elif metric.kind == "binary":
        wei, okafor = wei < 3, okafor < 3
    options = {"n_labels": 4} if metric.kind == "label" else {}
    fast = resample.bootstrap_values(
        metric.statistic(wei, okafor, cluster=video, **options, **({"step": step} if metric.by_step else {})),
        replicates=100,
        seed=9,
    )
    (weights,) = resample.bootstrap_weights(8, replicates=100, seed=9, batch=100)
    for counts, value in zip(weights.astype(int), fast, strict=True):
        cells = np.concatenate([np.flatnonzero(video == one) for one in np.repeat(np.arange(8), counts)])
        by_step = {"step": step[cells]} if metric.by_step else {}
        slow = metric.function(wei[cells], okafor[cells], interval=None, **options, **by_step).value
        assert (slow is None) == np.isnan(value)
        if slow is not None:
            assert value == pytest.approx(slow, abs=1e-12)


@pytest.mark.parametrize("name", [one.name for one in METRICS.values() if one.kind == "totals"])
def test_videos_of_one_candidate_are_drawn_together(name):
    rng = np.random.default_rng(6)
    wei, okafor = rng.integers(50, 60, (2, 12)).astype(float)
    candidate = np.array([4, 0, 0, 1, 1, 1, 2, 3, 3, 4, 2, 2])
    statistic = METRICS[name].statistic(wei, okafor, cluster=candidate)
    (weights,) = resample.bootstrap_weights(5, replicates=100, seed=1, batch=100)
    fast = resample.bootstrap_values(statistic, replicates=100, seed=1)
    for counts, value in zip(weights.astype(int), fast, strict=True):
        rows = np.concatenate([np.flatnonzero(candidate == one) for one in np.repeat(np.arange(5), counts)])
        assert value == pytest.approx(METRICS[name].function(wei[rows], okafor[rows], interval=None).value)


@pytest.mark.parametrize("name", ["plcc", "srcc", "icc_agreement"])
def test_a_replicate_that_drew_one_video_only_is_undefined(name):
    wei, okafor = np.random.default_rng(0).normal(60, 10, (2, 40))
    drew_one_video_seven_times = 7 * np.eye(40)
    assert np.isnan(METRICS[name].statistic(wei, okafor).of(drew_one_video_seven_times)).all()


def test_every_replicate_draws_as_many_videos_as_there_are():
    (weights,) = resample.bootstrap_weights(20, replicates=500, seed=0, batch=500)
    assert (weights.sum(axis=1) == 20).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(20), abs=0.2)


def test_the_size_of_the_batches_changes_no_draw():
    whole = np.concatenate(list(resample.bootstrap_weights(7, replicates=50, seed=3, batch=50)))
    pieces = np.concatenate(list(resample.bootstrap_weights(7, replicates=50, seed=3, batch=3)))
    assert (whole == pieces).all()


def test_batches_stay_small_for_large_exams():
    wei, okafor, video, _ = rated_exams(3000, 2, seed=0)
    statistic = kappa_statistic(wei, okafor, n_labels=4, cluster=video)
    assert resample.batch_rows(statistic) * statistic.n_clusters <= resample.BATCH_FLOATS


def test_percentile_limits_are_quantiles_of_the_replicates():
    wei, okafor, video, _ = rated_exams(20, 5, seed=1)
    statistic = kappa_statistic(wei, okafor, n_labels=4, cluster=video)
    values = resample.bootstrap_values(statistic, replicates=400, seed=5)
    how = m.ClusterBootstrap(replicates=400, seed=5, level=0.9)
    made = m.quadratic_weighted_kappa(wei, okafor, n_labels=4, cluster=video, interval=how).interval
    assert (made.low, made.high) == pytest.approx(tuple(np.quantile(values, [0.05, 0.95])))
    assert made.method == "cluster bootstrap (percentile)"


def test_a_few_undefined_replicates_are_counted_and_many_forbid_the_interval():
    def errors_in(n_videos_with_errors: int, n_videos: int) -> m.Measured:
        wrong = np.zeros((n_videos, 3), dtype=bool)
        wrong[:n_videos_with_errors, 0] = True
        called = wrong.copy()
        called[::2, 1] = True
        video = np.repeat(np.arange(n_videos), 3)
        how = m.ClusterBootstrap(replicates=2000, seed=0)
        return m.mcc(wrong.ravel(), called.ravel(), cluster=video, interval=how)

    # A replicate is undefined when it draws no video with an error: (1 - 4/20)^20 = 1.2 %, (19/20)^20 = 36 %.
    few, many = errors_in(4, 20), errors_in(1, 20)
    assert few.interval.undefined == pytest.approx(2000 * 0.8**20, abs=20)
    assert few.to_json()["undefined_replicates"] == few.interval.undefined
    assert many.value is not None
    assert many.interval is None
    assert "bootstrap replicates, more than 5 %" in many.interval_reason


def test_the_jackknife_refuses_when_one_video_alone_holds_the_errors():
    wrong = np.zeros((10, 3), dtype=bool)
    wrong[0, 0] = True
    video = np.repeat(np.arange(10), 3)
    recall = m.recall(wrong.ravel(), wrong.ravel(), cluster=video)
    assert recall.value == 1
    assert recall.interval_reason == "undefined when 1 of the 10 clusters is left out alone"


def test_no_limit_is_shown_beyond_what_is_possible():
    wei = np.tile([0, 3, 0, 3], 8)
    okafor = wei.copy()
    okafor[0] = 3
    kappa = m.quadratic_weighted_kappa(wei, okafor, n_labels=4, cluster=np.repeat(np.arange(8), 4))
    assert kappa.interval.high == 1


def test_intervals_by_video_are_wider_than_by_cell_when_a_rater_has_moods():
    rng = np.random.default_rng(4)
    mood = rng.normal(0, 1.5, (40, 1))
    percept = rng.normal(size=(40, 10))
    wei = np.digitize(percept, [-1, 0, 1]).ravel()
    okafor = np.digitize(percept + mood, [-1, 0, 1]).ravel()

    def width(cluster):
        made = m.quadratic_weighted_kappa(wei, okafor, n_labels=4, cluster=cluster).interval
        return made.high - made.low

    assert width(np.repeat(np.arange(40), 10)) > 1.3 * width(np.arange(400))


def latent_labels(rng, n_videos: int, n_steps: int = 33, rho: float = 0.6, halo: float = 0.3):
    """Truth and rater as labels of one latent model: 85 % full, percepts that correlate at rho, some halo."""
    total_sd = np.sqrt(0.5**2 + 0.7**2 + 1)
    easiness = EASINESS[:n_steps]
    candidate = rng.normal(0, 0.5, (n_videos, 1))
    truth = (candidate + easiness + rng.normal(size=(n_videos, n_steps))) / total_sd
    own = np.sqrt(halo) * rng.normal(size=(n_videos, 1)) + np.sqrt(1 - halo) * rng.normal(size=truth.shape)
    percept = rho * truth + np.sqrt(1 - rho**2) * own
    # The non-full 15 % split 20/30/50 into failed, deficient, minor.
    cuts = stats.norm.ppf(np.cumsum([0.15 * 0.2, 0.15 * 0.3, 0.15 * 0.5]))
    return np.digitize(truth, cuts), np.digitize(percept, cuts)


EASINESS = 0.7 * stats.norm.ppf((np.arange(33) + 0.5) / 33)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["qwk", "qwk_within_step"])
def test_jackknife_intervals_cover_the_population_value_about_as_often_as_they_say(name):
    metric = METRICS[name]
    rng = np.random.default_rng(11)
    step = np.broadcast_to(np.arange(33), (20_000, 33))

    def measured(n_videos, interval):
        truth, rater = latent_labels(rng, n_videos)
        video = np.broadcast_to(np.arange(n_videos)[:, None], truth.shape)
        options = {"step": step[:n_videos].ravel()} if metric.by_step else {}
        return metric.function(
            truth.ravel(), rater.ravel(), n_labels=4, cluster=video.ravel(), interval=interval, **options
        )

    population = measured(20_000, None).value
    made = [measured(50, m.Jackknife()).interval for _ in range(600)]
    covered = np.mean([one.low <= population <= one.high for one in made])
    # 600 intervals: the share itself has a standard error of 0.9 %.
    assert 0.92 <= covered <= 0.98


@pytest.mark.slow
def test_bca_intervals_of_a_correlation_cover_about_as_often_as_they_say():
    rng = np.random.default_rng(12)
    covered = 0
    for seed in range(300):
        wei = rng.normal(size=40)
        okafor = 0.7 * wei + np.sqrt(1 - 0.7**2) * rng.normal(size=40)
        how = m.ClusterBootstrap(replicates=1000, seed=seed, limits="bca")
        made = m.pearson_correlation(wei, okafor, interval=how).interval
        covered += made.low <= 0.7 <= made.high
    assert 0.89 <= covered / 300 <= 0.98
