"""Runs compared with one another and with the blind baselines."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from small_exam import dataset, many, row_of, run_of_points, value, worse

from siming.bench.compare import compare_runs
from siming.bench.score import score
from siming.errors import TaskError
from siming.metrics import METRICS
from siming.metrics.comparison.dependent import compare_correlations
from siming.metrics.comparison.multiplicity import benjamini_hochberg, holm

FEW = {"permutations": 300, "replicates": 300, "shuffles": 100}


def compared(runs, data, **options):
    return compare_runs(runs, data, **FEW, **options).to_plain()


def exam(n=20, shares=(("good", 1, 0.05), ("poor", 2, 0.9), ("worst", 3, 1.0))):
    gold = many(n)
    data = dataset(gold)
    return data, [run_of_points(data, worse(gold, seed, share), name=name) for name, seed, share in shares]


def only(plain):
    (setting,) = plain["settings"]
    return setting


def totals(points):
    """Per cent of the points, in the order of the attempts' ids."""
    return np.array([100 * sum(points[attempt]) / 30 for attempt in sorted(points)])


def test_a_comparison_is_strict_json_with_its_schema_and_everything_needed_to_repeat_it():
    data, runs = exam()
    plain = compared(runs, data, seed=5)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["schema"] == "siming.comparison/1"
    assert (plain["seed"], plain["replicates"], plain["permutations"]) == (5, 300, 300)
    assert plain == compared(runs[::-1], data, seed=5)


def test_a_models_value_is_that_of_the_report():
    data, runs = exam()
    found, report = only(compared(runs, data)), score(runs, data, replicates=100)
    for model in found["models"]:
        assert model["value"]["value"] == pytest.approx(value(row_of(report, model["name"]), "qwk_within_step"))
        assert model["coverage"] == 1


def test_of_two_models_the_first_named_is_the_better_placed():
    data, runs = exam()
    found = only(compared(runs, data))
    assert found["models"][0]["name"] == "good"
    assert all(pair["difference"]["value"] >= 0 for pair in found["pairs"])
    assert [model["group"] for model in found["models"]] == [1, 2, 2]
    apart = {(pair["first"], pair["second"]): pair["apart"] for pair in found["pairs"]}
    assert sorted(apart.values()) == [False, True, True]


def test_p_is_corrected_over_all_pairs_of_the_setting():
    data, runs = exam(shares=tuple((f"m{i}", i, 0.3 + 0.1 * i) for i in range(4)))
    pairs = only(compared(runs, data))["pairs"]
    raw = [pair["p"] for pair in pairs]
    assert len(raw) == 6
    assert [pair["p_holm"] for pair in pairs] == holm(raw)
    assert [pair["p_bh"] for pair in pairs] == benjamini_hochberg(raw)


def test_a_model_that_sees_is_told_apart_from_the_best_blind_baseline_and_a_guesser_is_not():
    data, runs = exam()
    found = only(compared(runs, data))
    blind = found["blind"]
    values = {b["name"]: b["value"]["value"] for b in blind["baselines"]}
    assert values[blind["best"]] == max(v for v in values.values() if v is not None)
    assert blind["beaten_by"] == ["good"]
    assert {pair["second"] for pair in blind["pairs"]} == {blind["best"]}
    codes = {(c["code"], c["en"].split(" ")[0]) for c in found["cautions"]}
    assert {"poor", "worst"} == {name for code, name in codes if code.startswith("blind-")}


def test_a_single_run_is_compared_with_the_blind_baselines_only():
    data, runs = exam()
    found = only(compared(runs[:1], data))
    assert found["pairs"] == []
    assert found["best_of_nulls"] is None
    assert found["tests"]["all_equal"]["p"]["reason"] == "one model alone cannot differ from another"
    assert found["blind"]["beaten_by"] == ["good"]


def test_correlations_of_totals_come_with_their_closed_forms_and_a_word_that_nobody_is_ranked_by_them():
    gold = many(20)
    data = dataset(gold)
    points = {name: worse(gold, seed, 0.4) for name, seed in (("one", 1), ("two", 2))}
    found = only(compared([run_of_points(data, p, name=n) for n, p in points.items()], data, metric="plcc"))
    (pair,) = found["pairs"]
    expected = compare_correlations(totals(gold), totals(points[pair["first"]]), totals(points[pair["second"]]))
    forms = pair["closed_forms"]
    assert forms["zou"]["interval"] == pytest.approx(
        [expected.difference.interval.low, expected.difference.interval.high]
    )
    assert forms["meng"]["p"]["value"] == pytest.approx(expected.meng.p_value.value)
    assert forms["williams"]["p"]["value"] == pytest.approx(expected.williams.p_value.value)
    assert (found["unit"], found["n_cells"], pair["n_cells"]) == ("totals", 20, 20)
    assert "unranked" in {caution["code"] for caution in found["cautions"]}
    assert found["best_of_nulls"]["expected"]["n"] == 20


@pytest.mark.parametrize("metric", ["qwk", "mcc", "f1", "ac2", "srcc", "icc_agreement", "mae", "rmse", "ccc"])
def test_any_metric_with_a_good_end_can_be_compared_on(metric):
    data, runs = exam(60)
    found = only(compared(runs, data, metric=metric))
    assert found["models"][0]["name"] == "good"
    assert found["better"] == ("lower" if metric in ("mae", "rmse") else "higher")
    assert "good" in found["blind"]["beaten_by"]
    assert (found["tests"]["all_zero"] is None) == (metric in ("mae", "rmse", "f1"))


def test_with_drop_all_models_stand_on_the_cells_that_all_answered():
    gold = many(12)
    data = dataset(gold)
    half = dict.fromkeys(list(gold)[:6], "failed")
    runs = [run_of_points(data, worse(gold, 1, 0.3), name="one", status=half), run_of_points(data, gold, name="two")]
    dropped, strict = (only(compared(runs, data, missing=policy)) for policy in ("drop", "strict"))
    assert (dropped["n_cells"], strict["n_cells"]) == (18, 36)
    assert {model["name"]: model["coverage"] for model in dropped["models"]} == {"one": 0.5, "two": 1}
    assert (dropped["n_videos"], strict["n_videos"]) == (6, 12)


def test_each_setting_is_compared_by_itself_with_its_own_metric():
    gold = many(12)
    data = dataset(gold)
    runs = [
        run_of_points(data, worse(gold, seed, 0.3), name=f"m{seed}", setting=setting)
        for seed in (1, 2)
        for setting in ("full-points", "full-errors")
    ]
    plain = compared(runs, data)
    assert [(s["setting"], s["metric"]) for s in plain["settings"]] == [
        ("full-points", "qwk_within_step"),
        ("full-errors", "mcc"),
    ]
    assert [s["setting"] for s in compared(runs, data, metric="qwk")["settings"]] == ["full-points"]
    assert [s["setting"] for s in compared(runs, data, setting="full-errors")["settings"]] == ["full-errors"]


def test_what_cannot_be_compared_is_refused_with_a_mend_that_works():
    data, runs = exam(12)
    errors = [run_of_points(data, many(12, 4), name="e", setting="full-errors")]
    with pytest.raises(TaskError, match="no run was made in the setting 'clip-points'; these were made in full-points"):
        compared(runs, data, setting="clip-points")
    with pytest.raises(TaskError, match="give mcc or f1") as caught:
        compared(errors, data, metric="qwk")
    assert compared(errors, data, metric=re.search(r"give (\w+)", str(caught.value))[1])
    with pytest.raises(TaskError, match="does not say which of two models is better"):
        compared(runs, data, metric="bias_index")
    with pytest.raises(TaskError, match="unknown metric 'kapa'"):
        compared(runs, data, metric="kapa")
    with pytest.raises(TaskError, match="at least one run"):
        compared([], data)


def test_a_metric_without_a_good_end_is_never_compared_on():
    data, runs = exam(6)
    for metric in METRICS.values():
        if metric.perfect == 1 or metric.name in ("mae", "rmse"):
            continue
        with pytest.raises(TaskError):
            compared(runs, data, metric=metric.name)
