"""Differential functioning: the interaction of a rater, or a step, with a group of candidates."""

from __future__ import annotations

import numpy as np
import pytest

from siming.errors import LabelError
from siming.metrics.raters.groups import differential_functioning


def two_sites(seed, *, bias=0.0, ability=0.0, step_bias=0.0):
    """Site B's candidates are better by `ability`; rater 2 is more severe there by `bias`, step 0 harder by `step_bias`."""
    rng = np.random.default_rng(seed + 1000)
    theta, difficulty = rng.normal(1, 0.7, 120), rng.normal(0, 0.7, 8)
    site = np.arange(120) % 2
    video, step, rater = one_grid(120, 8, 3)
    harder = bias * ((rater == 2) & (site[video] == 1)) + step_bias * ((step == 0) & (site[video] == 1))
    place = theta[video] + ability * site[video] - difficulty[step] - harder
    up = np.cumsum(np.column_stack([np.zeros(len(place)), place + 1, place, place - 1]), axis=1)
    p = np.exp(up) / np.exp(up).sum(axis=1, keepdims=True)
    labels = (p.cumsum(axis=1) < rng.random(len(place))[:, None]).sum(axis=1)
    group = np.where(site[video] == 1, "B", "A")
    return {"labels": labels, "video": video, "step": step, "rater": rater, "group": group, "n_labels": 4}


def one_grid(*sizes):
    return tuple(axis.ravel() for axis in np.meshgrid(*map(np.arange, sizes), indexing="ij"))


def test_a_rater_severe_at_one_site_only_is_found_beyond_the_average_of_the_raters():
    (found,) = differential_functioning(**two_sites(1, bias=0.9))
    assert (found.first, found.second) == ("A", "B")
    # 0.9 less the mean over three raters, 0.3: A less B is -0.6 for rater 2 and +0.3 for the others.
    assert [found.contrasts[r].value for r in range(3)] == pytest.approx([0.3, 0.3, -0.6], abs=0.15)
    assert found.contrasts[2].interval.high < 0
    assert found.homogeneity.value < 1e-4


def test_a_better_site_is_no_bias_more_often_than_chance_has_it():
    small = sum(
        differential_functioning(**two_sites(100 + seed, ability=1.5))[0].homogeneity.value < 0.05 for seed in range(40)
    )
    assert small <= 6  # binomial(40, .05) exceeds 6 once in a hundred times


def test_contrasts_of_all_raters_cancel():
    (found,) = differential_functioning(**two_sites(3, bias=0.5))
    assert sum(one.value for one in found.contrasts.values()) == pytest.approx(0, abs=1e-9)


def test_a_step_harder_for_one_group_is_found():
    (found,) = differential_functioning(**two_sites(4, step_bias=1.2), facet="step")
    assert found.contrasts[0].value == pytest.approx(-1.2 * 7 / 8, abs=0.3)
    assert found.contrasts[0].interval.high < 0
    assert all(abs(found.contrasts[step].value) < 0.5 for step in range(1, 8))


def test_a_rater_who_worked_at_one_site_only_has_no_interaction():
    data = two_sites(5)
    kept = ~((data["rater"] == 2) & (data["group"] == "B"))
    cut = {name: column[kept] for name, column in data.items() if name != "n_labels"}
    (found,) = differential_functioning(**cut, n_labels=4)
    assert "one of the two groups" in found.contrasts[2].reason
    assert found.contrasts[0].value is not None


def test_raters_who_share_no_video_inside_a_site_are_refused():
    data = two_sites(6)
    kept = (data["rater"] == data["video"] // 2 % 3) | (data["group"] == "A")
    cut = {name: column[kept] for name, column in data.items() if name != "n_labels"}
    (found,) = differential_functioning(**cut, n_labels=4)
    assert all(one.value is None and "not linked" in one.reason for one in found.contrasts.values())
    assert found.homogeneity.value is None


def test_three_groups_give_three_pairs():
    data = two_sites(7)
    group = np.array(["A", "B", "C"])[data["video"] % 3]
    found = differential_functioning(**{**data, "group": group})
    assert [(one.first, one.second) for one in found] == [("A", "B"), ("A", "C"), ("B", "C")]


def test_a_video_in_two_groups_or_one_group_for_all_is_refused():
    data = two_sites(8)
    with pytest.raises(LabelError, match="two different groups"):
        differential_functioning(**{**data, "group": data["step"] % 2})
    with pytest.raises(LabelError, match="at least 2"):
        differential_functioning(**{**data, "group": ["A"] * len(data["labels"])})
