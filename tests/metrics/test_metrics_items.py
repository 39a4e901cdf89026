"""Steps of an exam: alpha with Feldt's limits, difficulty, discrimination, use of labels; and stations."""

from __future__ import annotations

import numpy as np
import pytest

from siming.errors import LabelError
from siming.metrics.icc import intraclass_correlation
from siming.metrics.standards.items import (
    alpha_if_deleted,
    analyse_steps,
    cronbach_alpha,
    label_use,
    step_difficulty,
    step_rest_correlation,
    upper_lower_index,
)
from siming.metrics.standards.stations import between_group_share, station_metrics

SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)
"""Shrout and Fleiss 1979; its four judges read as four steps."""


def exam(seed, *, videos=60, steps=8):
    rng = np.random.default_rng(seed)
    ability = rng.normal(size=(videos, 1))
    return np.clip(np.round(1.5 + ability + rng.normal(size=(videos, steps))), 0, 3)


def test_alpha_of_shrout_and_fleiss_with_feldts_limits():
    alpha = cronbach_alpha(SHROUT_FLEISS)
    assert alpha.value == pytest.approx(0.90932, abs=5e-6)
    # published for alpha .9093, n 6, k 4: .6756, .9859
    assert (alpha.interval.low, alpha.interval.high) == pytest.approx((0.6756, 0.9859), abs=1e-4)
    assert alpha.interval.method == "F, Feldt"


def test_alpha_without_each_step_and_step_rest_correlations_of_shrout_and_fleiss():
    assert [each.value for each in alpha_if_deleted(SHROUT_FLEISS)] == pytest.approx(
        [0.88339, 0.86650, 0.87155, 0.91787], abs=5.1e-6
    )
    assert [each.value for each in step_rest_correlation(SHROUT_FLEISS)] == pytest.approx(
        [0.80579, 0.85930, 0.84448, 0.79020], abs=5.1e-6
    )


def test_alpha_is_that_of_pingouin():
    pd = pytest.importorskip("pandas", reason="pingouin reads data frames")
    pingouin = pytest.importorskip("pingouin", reason="witness of alpha and its interval")
    for seed in range(4):
        points = exam(seed)
        value, limits = pingouin.cronbach_alpha(pd.DataFrame(points))
        ours = cronbach_alpha(points)
        assert ours.value == pytest.approx(value, abs=1e-12)
        assert (ours.interval.low, ours.interval.high) == pytest.approx(tuple(limits), abs=5.1e-4)  # it rounds to 3


def test_alpha_is_the_consistency_of_the_steps_taken_as_raters():
    points = exam(5)
    assert cronbach_alpha(points).value == intraclass_correlation(*points.T, form="ICC(C,k)").value


def test_alpha_without_a_step_is_alpha_of_the_table_without_it():
    points = exam(6)
    assert alpha_if_deleted(points)[3] == cronbach_alpha(np.delete(points, 3, axis=1))
    with_two = alpha_if_deleted(points[:, :2])
    assert [each.reason for each in with_two] == ["one step is left, and alpha needs two"] * 2


def test_alpha_of_steps_that_run_against_each_other_is_negative_and_of_equal_totals_undefined():
    assert cronbach_alpha([[3, 0], [2, 0], [0, 2], [1, 1], [0, 1]]).value < 0
    assert cronbach_alpha([[3, 0], [2, 1], [0, 3]]).reason == "no variation: every video has the same total"
    assert cronbach_alpha([[3, 0]]).reason == "fewer than 2 videos"


def test_a_video_with_a_gap_is_left_out_and_counted():
    points = exam(7)
    gappy = points.copy()
    gappy[4, 2] = np.nan
    alpha = cronbach_alpha(gappy)
    assert alpha.left_out == {"missing": 1}
    assert alpha.value == cronbach_alpha(np.delete(points, 4, axis=0)).value
    assert cronbach_alpha(np.full((3, 2), np.nan)).reason.startswith("no pairs")
    assert step_rest_correlation(np.full((3, 2), np.nan))[0].reason == "no video has every step"
    assert step_difficulty(np.full((3, 2), np.nan), max_points=3)[1].reason == "no video has any step"


def test_alpha_of_candidates_seen_twice_takes_the_jackknife_by_candidate():
    points = np.repeat(exam(8), 2, axis=0)
    alpha = cronbach_alpha(points, cluster=np.repeat(np.arange(60), 2))
    assert alpha.interval.method == "jackknife by cluster (t)"
    assert (alpha.n, alpha.n_clusters) == (120, 60)


def test_step_rest_correlation_leaves_the_step_itself_out():
    points = exam(9)
    rest = points.sum(axis=1) - points[:, 0]
    found = step_rest_correlation(points)[0]
    assert found.value == pytest.approx(np.corrcoef(points[:, 0], rest)[0, 1], abs=1e-12)
    assert found.interval.low < found.value < found.interval.high
    flat = step_rest_correlation(np.column_stack([points, np.full(60, 2.0)]))[-1]
    assert flat.reason == "no variation: every video got 2 points"


def test_difficulty_is_the_mean_share_of_the_points_over_the_videos_that_have_the_step():
    points = [[2, 0, 1], [1, np.nan, 1], [0, 4, 1], [2, 4, 1], [2, 4, 1]]
    found = step_difficulty(points, max_points=[2, 4, 1])
    assert [each.value for each in found] == pytest.approx([7 / 10, 12 / 16, 1])
    assert [each.n for each in found] == [5, 4, 5]
    assert found[1].left_out == {"missing": 1}
    assert "changes nothing" in found[2].interval_reason


def test_points_above_the_maximum_are_refused_with_the_step():
    with pytest.raises(LabelError, match="step 2 has 3 points, its max_points is 2"):
        step_difficulty([[1, 1], [1, 3]], max_points=2)
    with pytest.raises(LabelError, match="max_points of step 1 is 0"):
        step_difficulty([[1, 1], [1, 3]], max_points=[0, 3])
    with pytest.raises(LabelError, match="shape"):
        step_difficulty([1, 2, 3], max_points=3)


def test_upper_lower_index_by_hand():
    # Totals 8 7 6 5 4 3 2 1 0 0: 27 % of 10 videos is 3. Step 1 above: 1 1 1, below: 0 0 0 -> 1.
    # Step 2, of 8 points, above: 7 6 5, below: 1 0 0 -> (18 - 1) / (3 x 8).
    step = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0])
    other = np.array([7, 6, 5, 4, 3, 3, 2, 1, 0, 0])
    found = upper_lower_index(np.column_stack([step, other]), max_points=[1, 8])
    assert [each.value for each in found] == pytest.approx([1.0, 17 / 24])


def test_videos_tied_at_the_groups_border_share_the_place():
    # Totals 2 1 1 0 with share 1/2: two places above, of which the two tied videos hold one together.
    points = np.array([[1, 1], [1, 0], [0, 1], [0, 0]])
    found = upper_lower_index(points, max_points=1, share=0.5, interval=None)
    # above: 1 + (1 + 0)/2 = 1.5 of 2; below: (1 + 0)/2 + 0 = .5 of 2
    assert [each.value for each in found] == pytest.approx([0.5, 0.5])
    shuffled = upper_lower_index(points[[2, 3, 0, 1]], max_points=1, share=0.5, interval=None)
    assert [each.value for each in shuffled] == [each.value for each in found]
    assert upper_lower_index([[1, 0], [0, 1]], max_points=1)[0].reason == "no variation: every video has the same total"


def test_label_use_counts_labels_that_nobody_used():
    first, second = label_use([[3, 0], [3, -1], [1, 0]], n_labels=4)
    assert first.counts == (0, 1, 0, 2)
    assert first.unused == (0, 2)
    assert (second.counts, second.missing, second.n) == ((2, 0, 0, 0), 1, 2)
    with pytest.raises(LabelError, match="step 2"):
        label_use([[3, 4]], n_labels=4)


def test_the_whole_analysis_puts_the_single_statistics_side_by_side():
    points = exam(10)
    found = analyse_steps(points, max_points=3)
    assert found.alpha == cronbach_alpha(points)
    assert len(found.steps) == 8
    assert found.steps[5].alpha_without == alpha_if_deleted(points)[5]
    assert found.steps[5].upper_lower == upper_lower_index(points, max_points=3)[5]


def test_fails_of_a_station_by_marks_and_with_critical_fails():
    totals = [70, 55, 60, 62, 40, np.nan]
    station = station_metrics(totals, pass_mark=60, critical=[0, 1, 0, 2, 0, 1])
    assert station.fail_rate.value == pytest.approx(2 / 5)  # 60 passes
    assert station.critical_fails.value == 3
    assert station.fail_rate_with_critical.value == pytest.approx(3 / 5)
    assert station.fail_rate.left_out == {"missing": 1}
    assert station.fail_rate.interval is not None
    assert station_metrics(totals, pass_mark=60).critical_fails is None


def test_the_share_between_sites_by_hand():
    # Means 50 and 60, n 2 and 4, N 6: SSB = 2 (50 - 340/6)^2 + 4 (60 - 340/6)^2 = 400/3, MSB the same (1 df).
    # SSW = 2 + 4 x 4 = 18, 4 df: MSW 4.5. n0 = (6 - 20/6) / 1 = 8/3.
    totals = [49, 51, 58, 62, 58, 62]
    share = between_group_share(totals, ["Oslo", "Oslo", "Wuhan", "Wuhan", "Wuhan", "Wuhan"], interval=None)
    msb, msw, n0 = 400 / 3, 4.5, 8 / 3
    assert share.value == pytest.approx((msb - msw) / (msb + (n0 - 1) * msw))


def test_the_share_between_equal_groups_is_the_one_way_intraclass_correlation():
    rng = np.random.default_rng(3)
    by_site = 60 + 2 * rng.normal(size=(12, 1)) + 3 * rng.normal(size=(12, 5))
    site = np.repeat(np.arange(12), 5)
    share = between_group_share(by_site.ravel(), site, interval=None)
    assert share.value == pytest.approx(intraclass_correlation(*by_site.T, form="ICC(1,1)").value, abs=1e-12)


def test_a_variance_below_0_between_sites_is_0_with_a_note():
    totals, site = [50, 60, 70, 51, 60, 69], [1, 1, 1, 2, 2, 2]
    share = between_group_share(totals, site)
    assert share.value == 0.0
    assert "below 0" in share.notes[0]
    assert share.interval is None or share.interval.low >= 0


def test_a_grouping_that_tells_nothing_is_undefined_with_the_reason():
    assert between_group_share([1, 2, 3], ["a", "a", None]).reason == "fewer than 2 groups have a total"
    assert between_group_share([1, 2, 3], [None, None, None]).reason is not None
    assert "single video" in between_group_share([1, 2, 3], ["a", "b", "c"]).reason
    assert between_group_share([4, 4, 4], ["a", "b", "b"]).reason == "no variation: every video has the same total"


def test_groupings_of_a_station_are_listed_by_name():
    station = station_metrics(
        [50, 60, 55, 70, 72, 65], pass_mark=50, groups={"site": ["a"] * 3 + ["b"] * 3, "cohort": [1, 2] * 3}
    )
    assert list(station.between) == ["site", "cohort"]
    assert station.between["site"].value > 0.5
    assert station.fail_rate.value == 0
