"""Drift of a rater in the course of the exam, and the refusal where it cannot be told from the videos."""

from __future__ import annotations

import numpy as np
import pytest
from test_metrics_rasch import simulate

from siming.errors import LabelError
from siming.metrics.raters.drift import cumulative_drift, linear_drift, severity_by_block


def totals_with_drift(seed, *, n=200, drift=0.0, sd_video=6.0, sd_rating=4.0, same_order=False):
    """Totals of Wei, who drifts by `drift` marks per 100 videos, and Okafor, who does not, each in a random order."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(70, sd_video, n)
    wei_time = rng.permutation(n) + 1
    okafor_time = wei_time if same_order else rng.permutation(n) + 1
    wei = truth + rng.normal(0, sd_rating, n) - drift * wei_time / 100
    okafor = truth + rng.normal(0, sd_rating, n)
    return {
        "totals": np.concatenate([wei, okafor]),
        "video": np.tile(np.arange(n), 2),
        "rater": ["Wei"] * n + ["Okafor"] * n,
        "time": np.concatenate([wei_time, okafor_time]),
    }


def test_the_slope_is_exact_where_nothing_but_drift_varies():
    data = totals_with_drift(0, n=30, drift=2.7, sd_rating=0.0)
    found = linear_drift(**data)
    assert found["Wei"].value == pytest.approx(-2.7)
    assert found["Okafor"].value == pytest.approx(0, abs=1e-9)


def test_the_slope_is_that_of_least_squares_with_a_dummy_for_every_video():
    data = totals_with_drift(1, n=25, drift=3)
    video = np.eye(25)[data["video"]]
    wei = np.array([name == "Wei" for name in data["rater"]], dtype=float)
    time = data["time"].astype(float)
    design = np.column_stack([video, wei, wei * time, (1 - wei) * time])
    slopes = np.linalg.lstsq(design, data["totals"], rcond=None)[0][-2:] * 100
    found = linear_drift(**data)
    assert [found["Wei"].value, found["Okafor"].value] == pytest.approx(slopes)


def test_drift_of_2_7_marks_per_100_videos_is_found_in_about_seven_of_ten_exams_and_no_drift_in_one_of_twenty():
    # Section 7 of the specification says 70 % and leaves the noise open. Its latent model gives paired differences an SD of
    # 8.2 marks (half of the steps full, rho .2), and 8.8 is what 70 % stands for. The slope's SE is s sqrt(2) / (SD of the order x sqrt(n)): with s = 6.2
    # marks, 6.2 x 1.414 / (.577 x 14.14) = 1.075 per 100 videos, and P(|t| > 1.97) at 2.7 / 1.075 = 2.51 is .70.
    found = {2.7: 0, 0.0: 0}
    for drift in found:
        for seed in range(100):
            slope = linear_drift(**totals_with_drift(seed, drift=drift, sd_rating=6.2))["Wei"]
            found[drift] += not slope.interval.low <= 0 <= slope.interval.high
    assert 55 <= found[2.7] <= 85
    assert found[0.0] <= 11


def test_drift_is_refused_where_both_raters_saw_the_videos_in_one_order():
    found = linear_drift(**totals_with_drift(2, drift=5, same_order=True))
    assert found["Wei"].value is None
    assert "not independent" in found["Wei"].reason
    assert "own random order" in found["Wei"].reason


def test_drift_is_refused_where_one_order_is_the_other_reversed():
    data = totals_with_drift(2, n=40, same_order=True)
    data["time"] = np.concatenate([data["time"][:40], -data["time"][:40]])
    assert "not independent" in linear_drift(**data)["Wei"].reason


def test_a_rater_who_shares_no_video_has_no_yardstick():
    data = totals_with_drift(3, n=20)
    data["video"] = np.arange(40)
    assert "no yardstick" in linear_drift(**data)["Wei"].reason


def test_hours_and_days_are_times_like_any_other():
    data = totals_with_drift(4, n=60, drift=6, sd_rating=0.0)
    by_video = linear_drift(**data, per=1)["Wei"].value
    data["time"] = data["time"] / 10  # ten videos an hour
    assert linear_drift(**data, per=1)["Wei"].value == pytest.approx(10 * by_video)


def test_two_times_for_one_video_of_a_rater_are_refused():
    data = totals_with_drift(5, n=10)
    with pytest.raises(LabelError, match="two totals for one video"):
        linear_drift(**{**data, "video": np.zeros(20)})


def test_a_jump_in_mid_exam_bends_the_path_there():
    data = totals_with_drift(6, n=120, sd_rating=2.0)
    wei, okafor = data["totals"][:120], data["totals"][120:]
    jump = np.where(data["time"][:120] > 80, 4.0, 0.0)
    found = cumulative_drift(
        wei + jump, okafor, video=np.arange(120), first_time=data["time"][:120], second_time=data["time"][120:]
    )
    assert found.p_value.value < 0.001
    assert abs(found.videos.index(found.turn) + 1 - 80) <= 8
    assert found.path[-1] == pytest.approx(0, abs=1e-12)
    assert found.peak.value == pytest.approx(np.abs(found.path).max())


def test_the_cumulated_path_is_the_sum_of_standardised_differences():
    # differences 1 -1 3 1 1 1: mean 1, sums of deviations 0 -2 0 0 0 0; SD = sqrt(8 / 5), n = 6
    found = cumulative_drift(
        [11, 9, 13, 11, 11, 11],
        [10] * 6,
        video=list("abcdef"),
        first_time=[1, 2, 3, 4, 5, 6],
        second_time=[3, 1, 6, 5, 2, 4],
    )
    assert found.path == pytest.approx([0, -2 / np.sqrt(9.6), 0, 0, 0, 0], abs=1e-12)
    assert found.turn == "b"


def test_the_p_value_of_a_path_without_drift_is_not_small_too_often():
    small = 0
    for seed in range(100):
        data = totals_with_drift(seed, n=40)
        found = cumulative_drift(
            data["totals"][:40],
            data["totals"][40:],
            video=np.arange(40),
            first_time=data["time"][:40],
            second_time=data["time"][40:],
            replicates=199,
        )
        small += found.p_value.value is not None and found.p_value.value <= 0.05
    assert small <= 11


def test_a_path_in_one_common_order_is_refused():
    order = np.arange(20)
    found = cumulative_drift(np.arange(20.0), np.zeros(20), video=order, first_time=order, second_time=order)
    assert found.p_value.value is None
    assert "not independent" in found.p_value.reason


def drifting_labels(seed, *, drift, n=120, same_order=False):
    """Wei is milder than Okafor in the first half of his sequence and, by `drift` logits, more severe in the second."""
    rng = np.random.default_rng(seed)
    wei, okafor = rng.permutation(n), rng.permutation(n)
    okafor = wei if same_order else okafor
    half = drift / 2
    data, _ = simulate(seed, n_videos=n, n_steps=10, severity=(-half, half, 0.0))
    late = wei[data["video"]] >= n // 2
    kept = (data["rater"] == 2) | ((data["rater"] == 1) == late)
    cut = {name: column[kept] for name, column in data.items() if name != "n_labels"}
    cut["rater"] = np.where(cut["rater"] == 2, "Okafor", "Wei")
    order = np.where(cut["rater"] == "Wei", wei[cut["video"]], okafor[cut["video"]])
    return {**cut, "n_labels": 4, "order": order}


def test_severity_by_block_finds_the_half_in_which_a_rater_turned_severe():
    found = {one.rater: one for one in severity_by_block(**drifting_labels(1, drift=1.0), blocks=2)}
    wei, okafor = found["Wei"], found["Okafor"]
    assert [block.value for block in wei.blocks] == pytest.approx([-0.5, 0.5], abs=0.15)
    assert wei.trend.value == pytest.approx(1.0, abs=0.3)
    assert wei.trend.interval.low > 0
    assert wei.homogeneity.value < 0.001
    assert okafor.trend.interval.low < 0 < okafor.trend.interval.high


def test_blocks_of_one_common_order_are_refused():
    found = severity_by_block(**drifting_labels(1, drift=1.0, same_order=True), blocks=2)
    assert all(one.trend.value is None and "not independent" in one.trend.reason for one in found)


def test_one_block_shows_no_change_and_is_refused():
    with pytest.raises(LabelError, match="at least 2"):
        severity_by_block(**drifting_labels(1, drift=0.0), blocks=1)


def test_a_block_with_hardly_a_video_has_no_interval():
    data = drifting_labels(2, drift=0.0, n=12)
    found = {one.rater: one for one in severity_by_block(**data, blocks=3)}
    assert found["Wei"].blocks[0].value is not None
    assert "4 clusters are fewer than 5" in found["Wei"].blocks[0].interval_reason
