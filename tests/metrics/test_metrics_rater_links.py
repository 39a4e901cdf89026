"""Adjusted totals: advice from the videos that several raters judged, and what hangs on a single one."""

from __future__ import annotations

import numpy as np
import pytest
from test_metrics_rasch import simulate

from siming.errors import LabelError
from siming.metrics.rasch.many_facet import many_facet_rasch, severity_contrast
from siming.metrics.raters.links import link_adjustment


def linked(seed, *, severity=(-0.5, 0.5), links=20, n_videos=80, n_steps=10):
    """Even videos by the mild rater, odd ones by the severe one, the first `links` by both."""
    data, truth = simulate(
        seed,
        n_videos=n_videos,
        n_steps=n_steps,
        severity=severity,
        keep=lambda video, step, rater: (video < links) | (video % 2 == rater),
    )
    return data, truth


def fitted(data, **options):
    return many_facet_rasch(**data, thresholds="rating_scale", **options)


def test_videos_of_the_severe_rater_are_advised_up_and_those_of_the_mild_one_down():
    data, _ = linked(1)
    for one in link_adjustment(fitted(data)).videos:
        if one.raters == (1,):
            assert one.adjusted.value > one.observed
        elif one.raters == (0,):
            assert one.adjusted.value < one.observed


def test_adjusted_totals_lie_nearer_to_the_truth_than_observed_ones():
    data, truth = linked(2, severity=(-0.8, 0.8), links=30, n_videos=200)
    advice = link_adjustment(fitted(data))
    alone = [one for one in advice.videos if len(one.raters) == 1]
    theta = truth["theta"][[one.video for one in alone]]
    observed = np.corrcoef(theta, [one.observed for one in alone])[0, 1]
    adjusted = np.corrcoef(theta, [one.adjusted.value for one in alone])[0, 1]
    assert adjusted > observed + 0.03


def test_observed_totals_are_the_marks_given_and_are_never_changed():
    data, _ = linked(3)
    points = np.arange(10)[:, None] + np.array([0, 0.5, 1, 2.0])  # a label earns other marks than its number
    before = {name: np.copy(column) for name, column in data.items()}
    advice = link_adjustment(fitted(data), points=points)
    alone = next(one for one in advice.videos if len(one.raters) == 1)
    rows = data["video"] == alone.video
    assert alone.observed == pytest.approx(points[data["step"][rows], data["labels"][rows]].sum())
    both = next(one for one in advice.videos if len(one.raters) == 2)
    rows = data["video"] == both.video
    assert both.observed == pytest.approx(points[data["step"][rows], data["labels"][rows]].sum() / 2)
    assert all((data[name] == before[name]).all() for name in before)
    assert "advice only" in advice.advice


def test_equally_severe_raters_leave_every_total_as_it_is():
    data, _ = linked(4)
    advice = link_adjustment(fitted(data, rater_anchors={0: 0.3, 1: 0.3}), pass_mark=18)
    assert all(one.adjusted.value == pytest.approx(one.observed, abs=1e-9) for one in advice.videos)
    assert advice.ranks_changed.value == advice.decisions_changed.value == 0


def test_changes_of_rank_and_of_decision_are_counted_from_the_list():
    data, _ = linked(5)
    advice = link_adjustment(fitted(data), pass_mark=18)
    assert advice.ranks_changed.value == sum(one.adjusted_rank != one.observed_rank for one in advice.videos) > 0
    assert advice.decisions_changed.value == sum(one.passed != one.would_pass for one in advice.videos) > 0
    best = max(advice.videos, key=lambda one: one.observed)
    assert best.observed_rank == 1
    assert all(one.passed == (one.observed >= 18) for one in advice.videos)


def test_dropping_a_link_moves_the_advice_as_a_refit_without_that_video_does():
    data, _ = linked(6, links=12)
    advice = link_adjustment(fitted(data))
    refits = []
    for link in range(12):
        kept = data["video"] != link
        part = {name: column[kept] for name, column in data.items() if name != "n_labels"}
        refits.append(
            {one.video: one.adjusted.value for one in link_adjustment(fitted({**part, "n_labels": 4})).videos}
        )
    for one in advice.videos:
        if one.video >= 12:
            told = [refit[one.video] for refit in refits]
            width = one.highest_without_a_link - one.lowest_without_a_link
            # First order, and theta held: the refit also moves the video's own measure a little.
            assert width == pytest.approx(max(told) - min(told), abs=0.25 * width + 0.02)
            assert one.lowest_without_a_link <= one.adjusted.value <= one.highest_without_a_link


def test_a_decision_that_turns_when_one_link_is_dropped_is_marked():
    data, _ = linked(7, links=6)
    advice = link_adjustment(fitted(data))
    shaky = max(advice.videos, key=lambda one: one.highest_without_a_link - one.lowest_without_a_link)
    mark = (shaky.lowest_without_a_link + shaky.adjusted.value) / 2
    again = {one.video: one for one in link_adjustment(fitted(data), pass_mark=mark).videos}
    assert again[shaky.video].hangs_on_a_link
    firm = link_adjustment(fitted(data), pass_mark=1.0)
    assert firm.decisions_on_one_link.value == 0


def test_the_only_link_between_two_raters_is_named_critical():
    data, _ = linked(8, links=1)
    advice = link_adjustment(fitted(data))
    assert advice.critical_links == (0,)
    assert advice.n_links == 1
    assert link_adjustment(fitted(linked(8, links=2)[0])).critical_links == ()


def test_more_links_make_the_advice_more_certain():
    widths = {6: [], 60: []}
    for links, found in widths.items():
        for seed in range(6):
            advice = link_adjustment(fitted(linked(20 + seed, links=links)[0], method="joint"))
            limits = [one.adjusted.interval for one in advice.videos if one.video >= 60]
            found.append(np.mean([one.high - one.low for one in limits]))
    # sqrt(10) in the long run, and more because six links leave few degrees of freedom
    assert np.mean(widths[60]) < np.mean(widths[6]) / 2.5


def test_the_contrast_of_two_raters_with_eight_links_covers_the_truth_about_as_often_as_it_says():
    hits = 0
    for seed in range(60):
        contrast = severity_contrast(fitted(linked(seed, links=8)[0]), 1, 0)
        hits += contrast.interval.low < 1 < contrast.interval.high
    assert hits >= 53  # binomial(60, .95) falls below 53 once in a hundred times


def test_unlinked_raters_get_no_advice():
    advice = link_adjustment(fitted(linked(10, links=0)[0]), pass_mark=18)
    assert all(one.adjusted.value is None and "not linked" in one.adjusted.reason for one in advice.videos)
    assert advice.decisions_changed.value is None


def test_points_of_the_wrong_shape_are_refused():
    data, _ = linked(11)
    with pytest.raises(LabelError, match="a row per step"):
        link_adjustment(fitted(data), points=[0, 1, 2, 3])


def test_a_rater_of_full_marks_only_does_not_blow_up_the_intervals_of_videos_he_never_saw():
    data, _ = linked(12)
    usual = np.mean(
        [one.adjusted.interval.high - one.adjusted.interval.low for one in link_adjustment(fitted(data)).videos]
    )
    generous = (data["video"] >= 70) & (data["video"] % 2 == 0)
    with_him = {
        **data,
        "rater": np.where(generous, 2, data["rater"]),
        "labels": np.where(generous, 3, data["labels"]),
    }
    advice = link_adjustment(fitted(with_him))
    unseen = [one for one in advice.videos if 2 not in one.raters]
    assert all("extreme" in one.adjusted.reason for one in advice.videos if 2 in one.raters)
    assert np.mean([one.adjusted.interval.high - one.adjusted.interval.low for one in unseen]) < 1.5 * usual


def test_advice_that_hangs_on_one_link_says_so_and_gives_no_range_without_it():
    advice = link_adjustment(fitted(linked(8, links=1)[0]), pass_mark=18)
    assert advice.critical_links == (0,)
    assert all(one.lowest_without_a_link is None for one in advice.videos)
    assert advice.decisions_on_one_link.value == len(advice.videos)


def test_anchored_severities_leave_no_width_and_the_reason_is_told():
    data, _ = linked(13)
    advice = link_adjustment(fitted(data, rater_anchors={0: -0.5, 1: 0.5}))
    assert all(one.adjusted.interval is None for one in advice.videos)
    assert all("anchors" in one.adjusted.interval_reason for one in advice.videos)


def test_the_advice_does_not_take_a_weak_site_for_a_severe_rater():
    def keep(video, step, rater):
        return (video < 40) | ((video < 120) == (rater == 0))

    strong, _ = simulate(14, n_steps=10, severity=(0.0, 0.0), keep=keep, mean=2.0)
    weak, _ = simulate(14, n_steps=10, severity=(0.0, 0.0), keep=keep, mean=1.0)
    data = {**strong, "labels": np.where(strong["video"] < 120, strong["labels"], weak["labels"])}
    moved = [one.adjusted.value - one.observed for one in link_adjustment(fitted(data)).videos if one.raters == (1,)]
    tied = link_adjustment(fitted(data, population="one"))
    tied_moved = [one.adjusted.value - one.observed for one in tied.videos if one.raters == (1,)]
    assert abs(np.mean(moved)) < 0.7 < np.mean(tied_moved)
