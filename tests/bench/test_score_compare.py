"""Models are ranked by groups that the data can tell apart, and a reader is warned before he believes a table."""

from __future__ import annotations

import re

import numpy as np
import pytest
from small_exam import dataset, many, row_of, run_of_points, value, worse

from siming.bench.cautions import best_of_nulls, design_effect, texts
from siming.bench.score import score
from siming.metrics import raw_agreement
from siming.metrics.comparison.multiplicity import holm


def codes(report):
    return [warning["code"] for warning in report["warnings"]]


def test_a_model_that_is_far_better_stands_in_a_group_of_its_own():
    gold = many(20)
    data = dataset(gold)
    runs = [
        run_of_points(data, worse(gold, seed, share), name=name)
        for name, seed, share in (("poor", 1, 0.9), ("good", 2, 0.05), ("also poor", 3, 0.9))
    ]
    report = score(runs, data, replicates=1000, baselines=False)
    assert report["groups"][0] == ["good"]
    assert sorted(report["groups"][1]) == ["also poor", "poor"]
    assert report["groups_by_setting"] == {"full-points": report["groups"]}
    pair = next(c for c in report["comparisons"] if (c["first"], c["second"]) == ("good", "poor"))
    assert (pair["metric"], pair["n_cells"]) == ("qwk_within_step", 60)
    own = [value(row_of(report, name), "qwk_within_step") for name in ("good", "poor")]
    assert pair["difference"]["value"] == pytest.approx(own[0] - own[1])
    assert pair["p"] <= pair["p_holm"] < 0.05


def test_two_models_that_said_the_same_are_tied():
    gold = many(12)
    data = dataset(gold)
    runs = [run_of_points(data, worse(gold, 1, 0.4), name=name) for name in ("one", "two")]
    report = score(runs, data, replicates=200, baselines=False)
    assert report["groups"] == [["one", "two"]]
    assert report["comparisons"][0]["difference"]["value"] == 0
    assert report["comparisons"][0]["p"] == 1


def test_verdicts_are_compared_by_mcc():
    gold = many(12)
    data = dataset(gold)
    runs = [
        run_of_points(data, worse(gold, s, 0.4), name=f"m{s}", setting="full-errors", status={"v00": "failed"})
        for s in (1, 2)
    ]
    pair = score(runs, data, replicates=200, missing="drop", baselines=False)["comparisons"][0]
    assert (pair["metric"], pair["setting"], pair["n_cells"]) == ("mcc", "full-errors", 33)


def test_models_that_were_asked_about_nothing_in_common_are_not_told_apart():
    gold = many(12)
    data = dataset(gold)
    status = dict.fromkeys(list(gold)[:6], "failed")
    others = dict.fromkeys(list(gold)[6:], "failed")
    runs = [run_of_points(data, gold, name="one", status=status), run_of_points(data, gold, name="two", status=others)]
    report = score(runs, data, replicates=200, missing="drop", baselines=False)
    assert report["comparisons"][0]["p"] is None
    assert report["comparisons"][0]["difference"]["reason"].startswith("no pairs")
    assert report["groups"] == [["one", "two"]]


def test_holm_multiplies_by_the_hypotheses_still_open_and_never_falls():
    # sorted .01 .02 .03 .5: x4 = .04, x3 = .06, x2 = .06, x1 = .5; and no p above 1
    assert holm([0.5, 0.01, 0.03, 0.02]) == pytest.approx([0.5, 0.04, 0.06, 0.06])
    assert holm([0.7, 0.8]) == pytest.approx([1, 1])
    assert holm([]) == []


# ---- warnings ---------------------------------------------------------------------------------------------


def test_every_warning_exists_in_both_languages_with_the_same_blanks():
    english, chinese = texts("en"), texts("zh")
    assert english.keys() == chinese.keys()
    for part in english:
        assert english[part].keys() == chinese[part].keys()
        for code, sentence in english[part].items():
            assert set(re.findall(r"\{(\w+)\}", sentence)) == set(re.findall(r"\{(\w+)\}", chinese[part][code])), code


def test_a_skewed_scale_is_pointed_out():
    gold = many(10, cells=(10,) * 9 + (0,))
    data = dataset(gold)
    report = score([run_of_points(data, worse(gold, 1, 0.2))], data)
    warning = next(w for w in report["warnings"] if w["code"] == "skew")
    assert "Full-video scoring" in warning["en"]
    assert "全程视频评分" in warning["zh"]


def test_knowing_which_steps_are_hard_is_told_apart_from_seeing():
    # every attempt alike but for one cell; the model knows the pattern and sees nothing
    gold = {f"v{i}": (10, 5, 0) for i in range(9)} | {"v9": (0, 10, 5)}
    data = dataset(gold)
    report = score([run_of_points(data, dict.fromkeys(gold, (10, 5, 0)))], data)
    assert {"step-difficulty", "blind-ahead"} <= set(codes(report))
    assert value(row_of(report), "qwk_within_step") == 0


def test_few_videos_and_wide_intervals_are_pointed_out():
    gold = many(4)
    data = dataset(gold)
    assert "few-videos" in codes(score([run_of_points(data, gold)], data))
    gold = many(8)
    data = dataset(gold)
    assert "wide-interval" in codes(score([run_of_points(data, worse(gold, 1, 0.5))], data))


def test_a_perfect_run_over_many_videos_draws_no_warning():
    gold = many(40)
    data = dataset(gold)
    assert codes(score([run_of_points(data, gold)], data, replicates=200)) == []


def test_the_luckiest_of_many_guessers_is_expected_where_theory_says():
    # mean of the largest of 12 standard normal values: 1.6292 (tables of normal order statistics)
    assert best_of_nulls(12, 200) == pytest.approx(1.6292 / 199**0.5, rel=0.02)
    gold = many(20)
    data = dataset(gold)
    runs = [run_of_points(data, many(20, seed), name=f"guesser {seed}") for seed in range(2, 8)]
    found = score(runs, data, replicates=100, baselines=False)
    best = max(value(row, "plcc") for row in found["entries"])
    assert ("best-of-nulls" in codes(found)) == (best <= best_of_nulls(6, 20))


def test_the_design_effect_of_independent_cells_is_near_one_and_of_copied_cells_their_number():
    rng = np.random.default_rng(1)
    one = rng.random(2000) < 0.7
    video = np.repeat(np.arange(200), 10)
    free = raw_agreement(one.astype(int), np.ones(2000, dtype=int), n_labels=2, cluster=video)
    assert design_effect({"raw_agreement": free}) == pytest.approx(1, abs=0.25)
    copied = np.repeat(rng.random(200) < 0.7, 10)
    tied = raw_agreement(copied.astype(int), np.ones(2000, dtype=int), n_labels=2, cluster=video)
    # all ten cells of a video are one: (s / sqrt 200)^2 against p (1 - p) / 2000, with n - 1 for n
    assert design_effect({"raw_agreement": tied}) == pytest.approx(10 * 200 / 199, rel=1e-6)
