"""Rater effects at the edges: whatever table comes in, a finite value or a reason goes out, and soon."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from siming.metrics.measured import Measured
from siming.metrics.rasch import many_facet_rasch, severity_contrast
from siming.metrics.raters import (
    cumulative_drift,
    dawid_skene,
    differential_functioning,
    intra_rater,
    linear_drift,
    link_adjustment,
    rater_habits,
    severity_by_block,
)

MEASURE_AT_MOST = 60
"""Logits: an extreme video by the rule, among steps and raters that may each lie at 20."""

SHAPES = ("random", "all alike", "nearly all full", "staircase of videos", "steps constant", "guttman", "ends only")
GAPS = ("none", "holes", "two of the raters", "no link", "blank labels")
SPOILS = ("nothing", "rater 0 full", "video 0 full", "step 0 constant", "no label 1")


@st.composite
def tables(draw):
    n_videos = draw(st.sampled_from([1, 2, 3, 6, 12]))
    n_steps, n_raters = draw(st.sampled_from([1, 2, 5])), draw(st.sampled_from([1, 2, 3, 6]))
    k = draw(st.sampled_from([2, 4]))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    video, step, rater = (axis.ravel() for axis in np.meshgrid(*map(np.arange, (n_videos, n_steps, n_raters))))
    labels = {
        "random": rng.integers(0, k, len(video)),
        "all alike": np.full(len(video), rng.integers(0, k)),
        "nearly all full": np.where(rng.random(len(video)) < 0.9, k - 1, rng.integers(0, k, len(video))),
        "staircase of videos": video * k // n_videos,
        "steps constant": step * k // n_steps,
        "guttman": np.clip((video + rater) * k // (n_videos + n_raters - 1), 0, k - 1),
        "ends only": rng.choice([0, k - 1], len(video)),
    }[draw(st.sampled_from(SHAPES))]
    spoil = draw(st.sampled_from(SPOILS))
    labels = {
        "nothing": labels,
        "rater 0 full": np.where(rater == 0, k - 1, labels),
        "video 0 full": np.where(video == 0, k - 1, labels),
        "step 0 constant": np.where(step == 0, rng.integers(0, k), labels),
        "no label 1": np.where(labels == 1, 0, labels),
    }[spoil]
    gap = draw(st.sampled_from(GAPS))
    pair = np.array([rng.choice(n_raters, min(2, n_raters), replace=False) for _ in range(n_videos)])
    kept = {
        "none": np.ones(len(video), dtype=bool),
        "holes": rng.random(len(video)) < 0.6,
        "two of the raters": (pair[video] == rater[:, None]).any(axis=1),
        "no link": video % n_raters == rater,
        "blank labels": np.ones(len(video), dtype=bool),
    }[gap]
    kept[0] = True
    if gap == "blank labels":
        labels = np.where(rng.random(len(video)) < 0.4, -1, labels)
    return {"labels": labels[kept], "video": video[kept], "step": step[kept], "rater": rater[kept], "n_labels": k}


def measures(found, path=""):
    """Every measured value inside a result, with its path."""
    if isinstance(found, Measured | float):
        yield path, found
    elif dataclasses.is_dataclass(found):
        for field in dataclasses.fields(found):
            if field.name not in {"structure", "posterior"}:
                yield from measures(getattr(found, field.name), f"{path}.{field.name}")
    elif isinstance(found, Mapping):
        for key, value in found.items():
            yield from measures(value, f"{path}[{key}]")
    elif isinstance(found, list | tuple):
        for place, value in enumerate(found):
            yield from measures(value, f"{path}[{place}]")


def assert_sound(found, *, at_most=math.inf):
    for path, one in measures(found):
        if isinstance(one, float):
            assert math.isfinite(one), path
        elif one.value is not None:
            assert math.isfinite(one.value), path
            if path.endswith("measure"):
                assert abs(one.value) < at_most, path
                assert (one.interval is None) == (one.interval_reason is not None), path
            if one.interval is not None:
                assert math.isfinite(one.interval.low), path
                assert one.interval.low <= one.value <= one.interval.high, path
                assert one.interval.high - one.interval.low < 1e4, path
        else:
            assert one.reason, path


LOOK = settings(derandomize=True, max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@LOOK
@given(
    tables(),
    st.sampled_from(["marginal", "joint"]),
    st.sampled_from(["partial_credit", "rating_scale"]),
    st.sampled_from(["by_rater", "one"]),
)
def test_a_fit_of_any_table_is_finite_or_has_reasons(data, method, thresholds, population):
    fit = many_facet_rasch(**data, method=method, thresholds=thresholds, population=population)
    assert_sound(fit, at_most=MEASURE_AT_MOST)
    raters = [one.name for one in fit.raters if one.measure.n]
    if len(raters) > 1:
        contrast = severity_contrast(fit, raters[0], raters[1])
        assert_sound([contrast])
        linked = any({raters[0], raters[1]} <= set(group) for group in fit.connectivity.raters)
        assert contrast.value is None or linked
    assert_sound(link_adjustment(fit, pass_mark=1.5))


@settings(LOOK, max_examples=25)
@given(tables(), st.integers(0, 100))
def test_drift_and_group_effects_of_any_table_are_finite_or_have_reasons(data, seed):
    rng = np.random.default_rng(seed)
    order = rng.random((12, 6))[data["video"], data["rater"]]
    assert_sound(severity_by_block(**data, order=order, blocks=2))
    for facet in ("rater", "step"):
        group = data["video"] % 2
        if len(np.unique(group)) == 2:
            assert_sound(differential_functioning(**data, group=group, facet=facet))


@settings(LOOK, max_examples=25)
@given(tables())
def test_habits_and_hidden_truth_of_any_table_are_finite_or_have_reasons(data):
    assert_sound(rater_habits(**data))
    consensus = np.zeros(len(data["labels"]), dtype=int)
    for prevalence in ("step", "pooled"):
        found = dawid_skene(**data, consensus=consensus, prevalence=prevalence, smoothing=0)
        assert_sound(found)
        if found.reason is None:
            assert found.posterior.sum(axis=1) == pytest.approx(1)


@settings(LOOK, max_examples=40)
@given(st.integers(1, 12), st.integers(1, 3), st.booleans(), st.integers(0, 1000))
def test_trends_of_any_totals_are_finite_or_have_reasons(n_videos, n_raters, ties, seed):
    rng = np.random.default_rng(seed)
    video, rater = (axis.ravel() for axis in np.meshgrid(np.arange(n_videos), np.arange(n_raters)))
    totals = rng.integers(60, 62 if ties else 90, len(video)).astype(float)
    totals[rng.random(len(video)) < 0.2] = np.nan
    time = rng.integers(0, 3, len(video)) if ties else rng.permutation(len(video))
    assert_sound(linear_drift(totals, video=video, rater=rater, time=time))
    occasion = rng.integers(0, 2, len(video))
    cell = np.unique(np.column_stack([video, rater, occasion]), axis=0, return_index=True)[1]
    repeats = intra_rater(
        "mean_difference", totals[cell], video=video[cell], rater=rater[cell], occasion=occasion[cell]
    )
    assert all(one.reason for one in repeats.values() if one.value is None)
    mine, other = totals[rater == 0], totals[rater == n_raters - 1]
    times = {"first_time": rng.permutation(n_videos), "second_time": rng.permutation(n_videos)}
    assert_sound(cumulative_drift(mine, other, video=np.arange(n_videos), replicates=99, **times))
