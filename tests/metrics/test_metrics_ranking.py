"""How far a ranking of models can be trusted."""

from __future__ import annotations

import numpy as np
import pytest

from siming.errors import LabelError
from siming.metrics.comparison.joint import joint_bootstrap
from siming.metrics.comparison.ranking import rank_models, tie_groups


def models_of(merits, n, seed):
    """Reference totals and one model per merit."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    return truth, {name: merit * truth + rng.normal(size=n) for name, merit in merits.items()}


def ranking_of(merits, n=200, seed=0, **options):
    truth, models = models_of(merits, n, seed)
    return rank_models(joint_bootstrap("plcc", truth, models, cluster=np.arange(n), replicates=2000), **options)


def test_models_far_apart_have_certain_ranks_and_groups_of_their_own():
    ranking = ranking_of({"bad": 0.0, "good": 3.0, "fair": 0.8})
    assert [place.name for place in ranking.places] == ["good", "fair", "bad"]
    assert [(p.rank.interval.low, p.rank.value, p.rank.interval.high) for p in ranking.places] == [
        (1, 1, 1),
        (2, 2, 2),
        (3, 3, 3),
    ]
    assert [place.group for place in ranking.places] == [1, 2, 3]
    assert ranking.places[0].best.value == 1
    assert ranking.groups == [["good"], ["fair"], ["bad"]]


def test_equal_models_share_one_group_and_may_hold_any_rank():
    ranking = ranking_of(dict.fromkeys("abcdef", 0.1))
    assert len(ranking.groups) == 1
    assert {place.group for place in ranking.places} == {1}
    assert all((p.rank.interval.low, p.rank.interval.high) == (1, 6) for p in ranking.places)
    assert sum(place.best.value for place in ranking.places) == pytest.approx(1)


def test_a_model_entered_twice_is_level_with_itself():
    truth, models = models_of({"a": 2.0, "c": 0.0}, 100, seed=1)
    models["b"] = models["a"]
    ranking = rank_models(joint_bootstrap("plcc", truth, models, cluster=np.arange(100), replicates=500))
    a, b, _ = ranking.places
    assert a.rank.value == b.rank.value == 1
    assert a.best.value == b.best.value == 0.5
    assert ranking.groups == [["a", "b"], ["c"]]


def test_of_errors_the_smallest_is_best():
    truth, models = models_of({"a": 1.0}, 100, seed=2)
    models["far"] = models["a"] + 5
    draws = joint_bootstrap("mae", truth, models, cluster=np.arange(100), replicates=500)
    ranking = rank_models(draws, better="lower")
    assert ranking.groups == [["a"], ["far"]]
    assert ranking.places[0].value.interval.low < ranking.places[0].value.value < ranking.places[0].value.interval.high


def test_a_model_without_a_value_comes_last_with_its_reason():
    truth, models = models_of({"a": 1.0, "b": 0.5}, 100, seed=3)
    models["constant"] = np.full(100, 61.0)
    ranking = rank_models(joint_bootstrap("plcc", truth, models, cluster=np.arange(100), replicates=500))
    last = ranking.places[-1]
    assert (last.name, last.group) == ("constant", None)
    assert "every video the total 61" in last.rank.reason
    assert ranking.groups[-1] == ["constant"]


def verdicts(n, seed, *shares):
    """Reference verdicts of four steps in n videos, and models that repeat all but a share of them."""
    rng = np.random.default_rng(seed)
    wrong = rng.random((n, 4)) < 0.4
    models = {f"m{i}": wrong ^ (rng.random(wrong.shape) < share) for i, share in enumerate(shares)}
    return wrong, models, np.indices(wrong.shape)[0].ravel()


def test_a_model_that_hangs_on_one_video_is_not_ranked_and_spoils_nothing_for_the_others():
    wrong, models, video = verdicts(60, 0, 0.1, 0.4)
    models["once"] = np.zeros_like(wrong)
    models["once"][7, np.argmax(wrong[7])] = True
    flat = {name: side.ravel() for name, side in models.items()}
    draws = joint_bootstrap("mcc", wrong.ravel(), flat, cluster=video, replicates=500)
    ranking = rank_models(draws)
    assert ranking.groups == [["m0"], ["m1"], ["once"]]
    last = ranking.places[-1]
    # Not drawn in (59/60)^60 = 36.5 % of the replicates.
    assert 150 < int(last.rank.reason.split()[2]) < 215
    assert last.value.value > 0
    assert last.group is None


def test_replicates_that_are_undefined_for_one_model_are_kept_for_the_others():
    wrong, models, video = verdicts(40, 1, 0.1, 0.2)
    models["seldom"] = np.zeros_like(wrong)
    models["seldom"][[3, 9, 20, 30], 0] = True  # drawn in none of (36/40)^40 = 1.5 %
    flat = {name: side.ravel() for name, side in models.items()}
    draws = joint_bootstrap("precision", wrong.ravel(), flat, cluster=video, replicates=2000)
    alone = joint_bootstrap("precision", wrong.ravel(), {"m0": flat["m0"]}, cluster=video, replicates=2000)
    assert 0 < np.isnan(draws.draws[:, 2]).sum() < 100
    assert (draws.draws[:, 0] == alone.draws[:, 0]).all()
    ranking = rank_models(draws)
    assert next(p for p in ranking.places if p.name == "seldom").value.interval.undefined > 0


def test_a_gap_that_nothing_can_change_tells_models_apart():
    # A perfect model and one that gives every step its usual label: within-step kappa 1 and 0, whoever is left out.
    labels = np.random.default_rng(2).integers(0, 4, size=(12, 5))
    video, step = np.indices(labels.shape)
    models = {"perfect": labels.ravel(), "constant": np.full(60, 3)}
    options = {"cluster": video.ravel(), "step": step.ravel(), "n_labels": 4, "replicates": 200}
    ranking = rank_models(joint_bootstrap("qwk_within_step", labels.ravel(), models, **options))
    assert ranking.groups == [["perfect"], ["constant"]]


def test_a_single_model_is_first_of_one():
    ranking = ranking_of({"a": 0.3}, n=30)
    place = ranking.places[0]
    assert (place.rank.interval.low, place.rank.interval.high, place.best.value, place.group) == (1, 1, 1, 1)


def test_four_videos_tell_nobody_apart():
    truth, models = models_of({"a": 5.0, "b": 0.0}, 4, seed=4)
    ranking = rank_models(joint_bootstrap("plcc", truth, models, cluster=np.arange(4), replicates=500))
    assert {place.group for place in ranking.places} == {1}
    assert ranking.places[0].rank.interval_reason == "4 clusters are fewer than 5"
    assert ranking.places[0].best.reason == "4 clusters are fewer than 5"


def test_the_seed_repeats_a_ranking():
    assert ranking_of({"a": 0.1, "b": 0.2}) == ranking_of({"a": 0.1, "b": 0.2})


def test_a_level_that_is_no_share_is_refused():
    with pytest.raises(LabelError, match=r"such as 0\.95"):
        ranking_of({"a": 0.1}, n=10, level=95)


def test_tie_groups_follow_their_head():
    # c is told apart from a, not from b; it still opens a group, since a heads the first.
    values = {"a": 0.9, "b": 0.8, "c": 0.7, "d": None}
    assert tie_groups(values, {frozenset("ac")}) == [["a", "b"], ["c"], ["d"]]
    assert tie_groups(values, set()) == [["a", "b", "c"], ["d"]]


@pytest.mark.slow
def test_all_rank_intervals_hold_the_true_ranks_at_once():
    merits = {"a": 0.6, "b": 0.3, "c": 0.3, "d": 0.0}
    lowest, highest = {"a": 1, "b": 2, "c": 2, "d": 4}, {"a": 1, "b": 3, "c": 3, "d": 4}
    held = []
    for seed in range(300):
        ranking = ranking_of(merits, n=80, seed=seed)
        held.append(
            all(
                p.rank.interval.low <= lowest[p.name] and p.rank.interval.high >= highest[p.name]
                for p in ranking.places
            )
        )
    assert np.mean(held) >= 0.92  # at least 95 % wanted; 300 trials have a standard error of 1.3 %


@pytest.mark.slow
@pytest.mark.parametrize("n", [10, 30])
def test_equal_models_are_told_apart_no_oftener_than_promised(n):
    told = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        percept = 0.5 * rng.normal(size=(n, 1)) + rng.normal(size=(n, 8))
        video = np.indices(percept.shape)[0].ravel()
        models = {name: (percept + rng.normal(size=percept.shape) < -0.5).ravel() for name in "abcdef"}
        draws = joint_bootstrap("mcc", (percept < -0.5).ravel(), models, cluster=video, replicates=500)
        told.append(bool(rank_models(draws).apart))
    # 5 % wanted; 300 trials have a standard error of 1.3 %. With bootstrap errors and a normal tail it was 20 % of 10.
    assert np.mean(told) <= 0.10
