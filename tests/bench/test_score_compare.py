"""Models are ranked by groups that the data can tell apart, and a reader is warned before he believes a table."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from small_exam import dataset, many, row_of, run_of_points, value, worse

from siming.bench import cautions
from siming.bench.cautions import IMPORTANCE, texts
from siming.bench.score import score
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


def test_what_undoes_a_conclusion_is_said_before_what_qualifies_it():
    known = {code for code in texts("en")["warnings"] if not code.startswith("coverage-")}
    assert set(IMPORTANCE) == known
    gold = many(8)
    data = dataset(gold)
    found = codes(score([run_of_points(data, many(8, 5), name=name) for name in ("one", "two")], data, replicates=200))
    assert {"best-of-nulls", "blind-level", "wide-interval"} <= set(found)
    assert found == sorted(found, key=IMPORTANCE.index)
    assert found.count("wide-interval") == 1


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


def warned(report, code):
    return [warning for warning in report["warnings"] if warning["code"] == code]


def test_the_best_of_many_guessers_is_shown_for_what_it_is():
    gold = many(20)
    data = dataset(gold)
    runs = [run_of_points(data, many(20, seed), name=f"guesser {seed}") for seed in range(2, 8)]
    found = score(runs, data, replicates=200, baselines=False)
    # 6 guessers: both for the totals' correlation, which ranks nobody, and for the metric that ranks
    said = [warning["en"] for warning in warned(found, "best-of-nulls")]
    assert len(said) == 2
    assert any("best PLCC of 6 models" in words for words in said)
    assert any("best within-step kappa of 6 models" in words for words in said)
    luck = found["rankings"]["full-points"]["best_of_nulls"]
    assert luck["models"] == 6
    assert luck["expected"]["value"] < luck["exceeded"]["value"]
    assert luck["p"]["value"] > 0.05


def test_a_model_that_sees_is_above_the_best_of_guessers():
    gold = many(20)
    data = dataset(gold)
    runs = [run_of_points(data, worse(gold, seed, 0.3), name=f"model {seed}") for seed in (1, 2)]
    assert warned(score(runs, data, replicates=200, baselines=False), "best-of-nulls") == []


def test_steps_of_one_video_that_err_together_are_pointed_out():
    # The model gets every step of a video right or every step of it wrong: three cells tell as much as one.
    gold = many(40)
    data = dataset(gold)
    said = {attempt: row if n % 2 else tuple(10 - x for x in row) for n, (attempt, row) in enumerate(gold.items())}
    found = score([run_of_points(data, said)], data, replicates=200, baselines=False)
    effect = found["rankings"]["full-points"]["models"][0]["design_effect"]["value"]
    assert effect > 1.5
    (warning,) = warned(found, "design-effect")
    assert f"{effect:.1f} times fewer" in warning["en"]


def test_a_correlation_without_an_interval_is_refused_aloud():
    gold = many(4)
    data = dataset(gold)
    found = score([run_of_points(data, worse(gold, 1, 0.5))], data, replicates=200, baselines=False)
    assert value(row_of(found), "plcc") is not None
    assert {w["en"].split("): ")[1].split()[0] for w in warned(found, "no-interval")} == {"PLCC", "SRCC"}


# ---- ranks ------------------------------------------------------------------------------------------------


def test_a_report_holds_ranks_with_the_places_that_the_data_leave_open():
    gold = many(20)
    data = dataset(gold)
    runs = [
        run_of_points(data, worse(gold, seed, share), name=name)
        for name, seed, share in (("poor", 1, 0.9), ("good", 2, 0.05), ("also poor", 3, 0.9))
    ]
    ranking = score(runs, data, replicates=500)["rankings"]["full-points"]
    assert (ranking["metric"], ranking["better"], ranking["n_videos"], ranking["n_cells"]) == (
        "qwk_within_step",
        "higher",
        20,
        60,
    )
    good, *others = ranking["models"]
    assert (good["name"], good["group"]) == ("good", 1)
    assert good["rank"] | {"reason": None} == {"value": 1, "low": 1, "high": 1, "best_share": 1, "reason": None}
    assert {(model["rank"]["low"], model["rank"]["high"], model["group"]) for model in others} == {(2, 3, 2)}
    assert ranking["tests"]["all_equal"]["p"]["value"] < 0.05


def test_a_model_asked_about_little_narrows_the_ranking_and_the_report_says_so():
    gold = many(12)
    data = dataset(gold)
    whole = run_of_points(data, worse(gold, 1, 0.3), name="whole")
    part = run_of_points(data, worse(gold, 2, 0.3), name="part")
    part = replace(part, requests=part.requests[:6])
    found = score([whole, part], data, replicates=200, baselines=False)
    ranking = found["rankings"]["full-points"]
    assert (ranking["n_cells"], ranking["n_cells_of_any"], ranking["n_videos"]) == (18, 36, 6)
    assert "18 cells (6 videos)" in warned(found, "common-cells")[0]["en"]


def test_a_warning_writes_no_signed_zero_and_one_sign_for_minus():
    assert [cautions._unsigned(value) for value in (-0.001, -0.304, 0.02)] == ["0.00", "−0.30", "0.02"]
    assert [cautions._signed(value) for value in (-0.001, 0.0, -0.304, 0.02)] == ["0.00", "0.00", "−0.30", "+0.02"]
