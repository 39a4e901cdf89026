"""How many videos a question needs, and how much cells of one video are worth."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from siming import metrics as m
from siming.errors import LabelError
from siming.metrics.planning.design import design_effect
from siming.metrics.planning.pilot import plan_from_pilot, plan_from_table, table_with_kappa
from siming.metrics.planning.planner import (
    double_rating_share,
    plan_correlation,
    plan_icc,
    plan_link_videos,
    power_of_correlation,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "what-200-videos-can-tell.md"


@pytest.mark.parametrize(("r", "videos"), [(0.1, 783), (0.158, 313), (0.2, 194), (0.3, 85)])
def test_videos_to_tell_a_correlation_from_0(r, videos):
    # G15: Fisher's formula at two-sided .05 and power .8.
    plan = plan_correlation(r, power=0.8)
    assert plan.videos == videos
    assert plan.reached.value >= 0.8
    assert power_of_correlation(r, videos - 10).value < 0.8


def test_a_correlation_with_an_interval_of_the_wanted_width():
    plan = plan_correlation(0.5, width=0.2)
    limits = [np.tanh(np.arctanh(0.5) + sign * 1.959964 / np.sqrt(plan.videos - 3)) for sign in (-1, 1)]
    assert limits[1] - limits[0] == pytest.approx(plan.reached.value)
    assert plan.reached.value <= 0.2 < plan.reached.value * 1.005


@pytest.mark.parametrize(("icc", "raters", "unrounded", "videos"), [(0.8, 2, 50.79, 51), (0.7, 3, 67.38, 68)])
def test_videos_for_an_intraclass_correlation(icc, raters, unrounded, videos):
    # G15: Bonett 2002.
    plan = plan_icc(icc, width=0.2, raters=raters, two_rater_correction=False)
    assert plan.unrounded == pytest.approx(unrounded, abs=0.005)
    assert plan.videos == videos


def test_two_raters_who_agree_well_need_the_correction():
    plan = plan_icc(0.8, width=0.2)
    assert plan.videos == 55  # 50.79 + 5 x 0.8 = 54.79
    assert "50.79 by the formula" in plan.notes[0]
    assert plan_icc(0.6, width=0.2).notes == ()


@pytest.mark.slow
def test_bonetts_number_gives_the_width_on_average():
    rng = np.random.default_rng(0)
    n, truth = plan_icc(0.7, width=0.2, raters=3).videos, 0.7
    widths = []
    for _ in range(400):
        person = np.sqrt(truth) * rng.normal(size=(n, 1))
        marks = person + np.sqrt(1 - truth) * rng.normal(size=(n, 3))
        between = 3 * marks.mean(axis=1).var(ddof=1)
        within = marks.var(axis=1, ddof=1).mean()
        f = between / within
        low, high = (f / stats.f.ppf(q, n - 1, 2 * n) for q in (0.975, 0.025))  # exact limits of ICC(1,1)
        widths.append((high - 1) / (high + 2) - (low - 1) / (low + 2))
    assert np.mean(widths) == pytest.approx(0.2, abs=0.006)


def totals_of(n, r, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, n))
    y -= np.polyval(np.polyfit(x, y, 1), x)
    x, y = (x - x.mean()) / x.std(), y / y.std()
    return x, r * x + np.sqrt(1 - r * r) * y


def test_a_large_pilot_of_normal_totals_plans_like_the_closed_form():
    x, y = totals_of(1500, 0.4, seed=0)
    options = {"cluster": np.arange(1500), "replicates": 2000}
    by_power = plan_from_pilot("plcc", x, y, power=0.8, **options)
    assert by_power.videos == pytest.approx(plan_correlation(0.4, power=0.8).videos, rel=0.12)
    by_width = plan_from_pilot("plcc", x, y, width=0.2, **options)
    assert by_width.videos == pytest.approx(plan_correlation(0.4, width=0.2).videos, rel=0.12)
    assert by_width.reached.value == pytest.approx(0.2, rel=0.01)


def exam(n_videos, n_steps, seed, halo=0.5):
    rng = np.random.default_rng(seed)
    percept = rng.normal(size=(n_videos, n_steps)) + np.linspace(-0.5, 0.5, n_steps)
    sides = [percept + halo * rng.normal(size=(n_videos, 1)) + 0.6 * rng.normal(size=percept.shape) for _ in range(3)]
    video, step = np.indices(percept.shape)
    return [np.digitize(side, [-1.5, -0.8, -0.2]).ravel() for side in sides], video.ravel(), step.ravel()


@pytest.mark.parametrize("metric", ["qwk", "qwk_within_step", "mcc", "ac2", "raw_agreement"])
def test_the_planned_number_has_about_the_planned_jackknife_width(metric):
    (first, second, _), video, step = exam(60, 10, seed=1)
    if metric == "mcc":
        first, second = first < 3, second < 3
    chosen = m.get_metric(metric)
    options = chosen.options(n_labels=4, step=step)
    found = chosen.function(first, second, cluster=video, **options)
    width = found.interval.high - found.interval.low
    keywords = {key: options[key] for key in ("n_labels", "step") if key in options}
    plan = plan_from_pilot(metric, first, second, cluster=video, width=width, **keywords)
    assert plan.videos == pytest.approx(60, rel=0.15)


def test_half_the_width_needs_four_times_the_videos():
    (first, second, _), video, _ = exam(60, 10, seed=2)
    wide, narrow = (
        plan_from_pilot("qwk", first, second, cluster=video, n_labels=4, width=width) for width in (0.1, 0.05)
    )
    assert narrow.videos / wide.videos == pytest.approx(4, rel=0.06)


def test_models_that_differ_little_need_more_videos_than_models_that_differ_much():
    (truth, ours, _), video, _ = exam(60, 10, seed=3)
    rng = np.random.default_rng(3)
    slightly, badly = (np.where(rng.random(len(ours)) < share, 3, ours) for share in (0.2, 0.7))
    plans = [
        plan_from_pilot("qwk", truth, ours, rival=rival, cluster=video, n_labels=4, power=0.8, replicates=2000)
        for rival in (slightly, badly)
    ]
    assert plans[0].videos > 2 * plans[1].videos
    assert plans[0].goal == "qwk difference as in the pilot: power 80% at two-sided 0.05"


def test_the_simulated_width_of_a_table_is_its_closed_form():
    # G3, Fleiss, Cohen and Everitt 1969: quadratic kappa has standard error .055666 over 200 cells.
    table = [[106, 10, 4], [22, 28, 10], [2, 12, 6]]
    plan = plan_from_table(table, cells_per_video=1, width=0.1)
    assert plan.videos == pytest.approx(200 * (2 * 1.96 * 0.055666 / 0.1) ** 2, rel=0.03)
    # 33 steps with a design effect of 3 are worth 11 independent cells.
    clustered = plan_from_table(table, cells_per_video=33, design_effect=3, width=0.1)
    assert clustered.videos == pytest.approx(plan.videos / 11, rel=0.03)


def test_plans_that_cannot_be_made_say_why():
    x, y = totals_of(50, 0.4, seed=4)
    assert plan_from_pilot("plcc", x[:4], y[:4], cluster=np.arange(4), width=0.1).reason.endswith("smaller than 5")
    constant = plan_from_pilot("plcc", x, np.ones(50), cluster=np.arange(50), width=0.1)
    assert constant.reason.startswith("the pilot has no value: no variation")
    tiny = plan_from_pilot("plcc", x, y, cluster=np.arange(50), width=1e-5, replicates=100)
    assert (tiny.videos, tiny.reason) == (None, "more than 1000000 videos")
    assert plan_correlation(0.0, power=0.8).reason == "a correlation of 0 cannot be told from 0"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: plan_correlation(0.3), "either power or width"),
        (lambda: plan_correlation(0.3, power=0.8, width=0.1), "either power or width"),
        (lambda: plan_correlation(1.0, power=0.8), "ends excluded"),
        (lambda: plan_icc(0.5, width=0.1, raters=1), "at least 2"),
        (lambda: plan_icc(0.5, width=-0.1), "more than 0"),
        (lambda: plan_from_table([[1, 2]], cells_per_video=1, width=0.1), "square"),
        (lambda: plan_from_table(np.eye(4), cells_per_video=1, width=0.1, metric="plcc"), "one table of counts"),
        (lambda: plan_link_videos(0, width=1), "more than 0"),
    ],
)
def test_a_plan_says_what_it_lacks(make, message):
    with pytest.raises(LabelError, match=message):
        make()


def test_videos_to_tell_an_intraclass_correlation_from_another():
    # Walter, Eliasziw and Donner 1998, table II: 0.8 against 0.6 with two ratings needs 39 (one-sided 0.05, power 0.8).
    found = plan_icc(0.8, power=0.8, null=0.6, alpha=0.10)
    assert found.videos == 39
    # C = (1 + 2 x 4) / (1 + 2 x 1.5) = 9/4; n = 1 + 4 (1.6449 + 0.8416)^2 / ln(9/4)^2
    assert found.unrounded == pytest.approx(1 + 4 * (1.6448536 + 0.8416212) ** 2 / np.log(9 / 4) ** 2)


@pytest.mark.parametrize(("raters", "null"), [(2, 0.6), (3, 0.5)])
def test_the_planned_number_has_the_planned_power(raters, null):
    videos = plan_icc(0.8, power=0.8, null=null, raters=raters).videos
    rng = np.random.default_rng(0)
    scores = np.sqrt(0.8) * rng.normal(size=(20_000, videos, 1)) + np.sqrt(0.2) * rng.normal(
        size=(20_000, videos, raters)
    )
    means = scores.mean(axis=2)
    between = raters * means.var(axis=1, ddof=1)
    within = ((scores - means[:, :, None]) ** 2).sum(axis=(1, 2)) / (videos * (raters - 1))
    f = between / within / (1 + raters * null / (1 - null))
    power = (f > stats.f.ppf(0.975, videos - 1, videos * (raters - 1))).mean()
    assert power == pytest.approx(0.8, abs=0.02)


def test_videos_to_tell_a_correlation_from_another_than_0():
    # (1.95996 + 0.84162)^2 / (atanh 0.5 - atanh 0.3)^2 + 3 = 139.2
    assert plan_correlation(0.5, power=0.8, null=0.3).videos == 140
    assert power_of_correlation(0.5, 140, null=0.3).value == pytest.approx(0.8, abs=0.005)
    assert plan_correlation(0.3, power=0.8, null=0.3).videos is None


@pytest.mark.parametrize("weights", ["nominal", "linear", "quadratic"])
def test_a_stated_table_has_the_stated_kappa_whatever_the_weights(weights):
    table = np.rint(table_with_kappa(0.6, [10, 20, 30, 40]) * 10_000).astype(int)
    first, second = np.indices(table.shape)
    labels = [np.repeat(side.ravel(), table.ravel()) for side in (first, second)]
    assert m.cohen_kappa(*labels, n_labels=4, weights=weights).value == pytest.approx(0.6, abs=1e-9)
    for broken in ([1], [0, 1], [-1, 2]):
        with pytest.raises(LabelError, match="one of 0 or more per label"):
            table_with_kappa(0.6, broken)
    with pytest.raises(LabelError, match="expected kappa is 1"):
        table_with_kappa(1, [1, 1])


def test_the_share_to_be_rated_twice():
    plan = plan_icc(0.7, width=0.2, raters=3)
    assert double_rating_share(plan, 200).value == 68 / 200
    assert double_rating_share(plan, 60).reason == "the goal needs 68 videos rated twice and there are 60"


def test_link_videos_by_hand():
    # n = 38: t(37) = 2.0262, 2 x 2.0262 x 6 / sqrt(38) = 3.944; n = 37: 2 x 2.0281 x 6 / sqrt(37) = 4.001.
    assert plan_link_videos(6, width=4).videos == 38
    assert plan_link_videos(6, width=4, hops=2).videos == pytest.approx(2 * 36, abs=2)


def test_plans_are_plain_in_json():
    plan = plan_correlation(0.158, power=0.8).to_json()
    assert plan["videos"] == 313
    assert plan["reached"]["value"] >= 0.8
    assert "reason" not in plan


def test_cells_that_know_nothing_of_their_video_have_a_design_effect_near_1():
    rng = np.random.default_rng(5)
    first = rng.integers(0, 4, 3000)
    second = np.where(rng.random(3000) < 0.7, first, rng.integers(0, 4, 3000))
    found = design_effect("qwk", first, second, cluster=np.repeat(np.arange(300), 10), n_labels=4)
    assert found.value == pytest.approx(1, abs=0.2)  # a variance from 300 clusters has an error of 8 %
    assert found.n == 3000


def test_a_video_copied_k_times_has_a_design_effect_of_k():
    rng = np.random.default_rng(6)
    first = rng.integers(0, 2, 100)
    second = np.where(rng.random(100) < 0.7, first, 1 - first)
    found = design_effect(
        "raw_agreement", np.repeat(first, 5), np.repeat(second, 5), cluster=np.repeat(np.arange(100), 5), n_labels=2
    )
    # Means: cluster variance s^2 / 100 with n - 1 = 99, cell variance s^2 / 500 with n - 1 = 499.
    assert found.value == pytest.approx(5 * (499 / 500) / (99 / 100))


@pytest.mark.parametrize("metric", ["qwk", "qwk_within_step", "mcc", "ac1"])
def test_leaving_out_kinds_of_cells_is_leaving_out_every_cell(metric):
    (first, second, _), video, step = exam(12, 5, seed=7)
    first[3] = -1
    if metric == "mcc":
        first, second = np.where(first < 0, -1, first < 3), second < 3
    chosen = m.get_metric(metric)
    options = chosen.options(n_labels=4, step=step)
    used = first >= 0
    kept = {key: value[used] if key == "step" else value for key, value in options.items()}
    cells = chosen.function(first[used], second[used], cluster=np.arange(used.sum()), **kept)
    videos = chosen.function(first, second, cluster=video, **options)
    on_scale = np.arctanh if "Fisher" in videos.interval.method else np.asarray
    errors = [
        (on_scale(x.value) - on_scale(x.interval.low)) / stats.t.ppf(0.975, x.n_clusters - 1) for x in (videos, cells)
    ]
    keywords = {key: options[key] for key in ("n_labels", "step") if key in options}
    found = design_effect(metric, first, second, cluster=video, **keywords)
    assert found.value == pytest.approx((errors[0] / errors[1]) ** 2)


def test_totals_of_candidates_with_several_videos_have_a_design_effect():
    rng = np.random.default_rng(8)
    candidate = np.repeat(np.arange(40), 3)
    gap = rng.normal(size=40)[candidate] + 0.1 * rng.normal(size=120)
    x = rng.normal(size=120)
    assert design_effect("mean_difference", x, x + gap, cluster=candidate).value == pytest.approx(3, abs=0.3)


def test_a_design_effect_that_cannot_be_had_says_why():
    same = np.tile([0, 3], 10)
    assert "does not vary" in design_effect("qwk", same, same, cluster=np.repeat(np.arange(10), 2), n_labels=4).reason
    assert "fewer than 5" in design_effect("qwk", same, 3 - same, cluster=np.repeat([0, 1], 10), n_labels=4).reason
    ones = np.ones(20, dtype=int)
    assert "no variation" in design_effect("qwk", ones, ones, cluster=np.repeat(np.arange(10), 2), n_labels=4).reason


def test_the_page_on_200_videos_says_what_the_code_computes():
    found = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8", optionflags=doctest.ELLIPSIS)
    assert found.attempted > 10
    assert found.failed == 0
