"""Halo, level use and threshold spread of single raters."""

from __future__ import annotations

import numpy as np
import pytest

from siming.metrics.raters.halo import rater_habits


def exam(seed, *, n_videos=150, n_steps=12, halo=0.0, widen=0.0, n_raters=2):
    """The last rater judges by a general impression of size `halo` and has thresholds `widen` further apart."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(0, 0.6, n_videos)
    impression = rng.normal(0, 1, n_videos)
    difficulty = rng.normal(0, 0.6, n_steps)
    video, step, rater = (
        axis.ravel()
        for axis in np.meshgrid(np.arange(n_videos), np.arange(n_steps), np.arange(n_raters), indexing="ij")
    )
    last = rater == n_raters - 1
    place = theta[video] - difficulty[step] + halo * impression[video] * last
    apart = 1.2 + widen * last
    up = np.cumsum(np.column_stack([np.zeros(len(place)), place + apart, place, place - apart]), axis=1)
    p = np.exp(up - up.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    labels = (p.cumsum(axis=1) < rng.random(len(place))[:, None]).sum(axis=1)
    return {"labels": labels, "video": video, "step": step, "rater": rater, "n_labels": 4}


def test_without_halo_the_own_correlation_is_what_ability_explains():
    for habits in rater_habits(**exam(1)):
        assert habits.within_video.value > 0.03
        assert habits.halo.interval.low < 0 < habits.halo.interval.high
        assert habits.halo.value == pytest.approx(habits.within_video.value - habits.across_raters.value)


def test_a_rater_who_judges_by_general_impression_shows_halo_and_the_colleague_does_not():
    wei, okafor = rater_habits(**exam(2, halo=1.0))
    assert okafor.halo.interval.low > 0.1
    assert wei.halo.interval.low < 0 < wei.halo.interval.high


def test_a_colleague_who_uses_the_upper_levels_only_makes_little_halo_of_the_others():
    data = exam(2)
    lenient = np.where(data["rater"] == 1, np.minimum(data["labels"] + 1, 3), data["labels"])
    wei, _ = rater_habits(**{**data, "labels": lenient})
    assert abs(wei.halo.value) < 0.06


def test_the_own_correlation_is_the_mean_over_pairs_of_steps():
    data = exam(3, n_videos=20, n_steps=4)
    found = rater_habits(**data)[0].within_video.value
    own = data["rater"] == 0
    table = np.zeros((20, 4))
    table[data["video"][own], data["step"][own]] = data["labels"][own]
    covariance = np.cov(table.T, bias=True)
    between = covariance[~np.eye(4, dtype=bool)].mean()
    assert found == pytest.approx(between / np.diag(covariance).mean())


def test_a_rater_alone_has_no_halo_to_tell_from_ability():
    (wei,) = rater_habits(**exam(4, n_raters=1))
    assert wei.within_video.value is not None
    assert wei.halo.value is None
    assert "no yardstick" in wei.halo.reason


def test_entropy_is_1_for_even_use_and_0_for_one_level():
    steps = {"video": [1, 1, 1, 1] * 2, "step": list("abcd") * 2, "rater": ["W"] * 4 + ["O"] * 4, "n_labels": 4}
    okafor, wei = rater_habits(labels=[0, 1, 2, 3, 3, 3, 3, 3], **steps)
    assert wei.entropy.value == pytest.approx(1)
    assert okafor.entropy.value == 0
    assert okafor.level_use == (0, 0, 0, 1)


def test_entropy_of_three_quarters_and_one_quarter_by_hand():
    (wei,) = rater_habits(labels=[1, 1, 1, 0], video=[1, 2, 3, 4], step=["a"] * 4, rater=["W"] * 4, n_labels=2)
    assert wei.entropy.value == pytest.approx(-(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25)))


def test_a_rater_who_keeps_to_the_middle_has_thresholds_further_apart():
    wei, okafor = rater_habits(**exam(5, widen=0.8))
    # Half of .8 to either side of the average of the two.
    assert okafor.threshold_spread.value == pytest.approx(0.4, abs=0.12)
    assert wei.threshold_spread.value == pytest.approx(-0.4, abs=0.12)
    assert okafor.threshold_spread.interval.low > 0


def test_equal_raters_show_no_difference_of_spread():
    for habits in rater_habits(**exam(6)):
        assert habits.threshold_spread.interval.low < 0 < habits.threshold_spread.interval.high


def test_two_levels_have_nothing_to_spread():
    data = exam(7, n_videos=30)
    habits = rater_habits(**{**data, "labels": (data["labels"] > 1).astype(int), "n_labels": 2})
    assert "one threshold" in habits[0].threshold_spread.reason
