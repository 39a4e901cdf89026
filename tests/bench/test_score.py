"""Runs are scored against the consensus: every number has its denominator, and nothing depends on an order.

Wei and Okafor rate, Lin adjudicates, Tan is the candidate.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_exam import (
    ALL_SETTINGS,
    CANNOT,
    GOLD,
    RUBRIC,
    SAID,
    dataset,
    many,
    requests_of,
    row_of,
    run_of,
    run_of_points,
    sheet,
    value,
    worse,
    written_as_answers,
)

from siming.bench.prediction import Prediction
from siming.bench.score import coverage_reached, score, write_report_json
from siming.errors import DatasetError, RunError, TaskError
from siming.rubric import (
    Attempt,
    Author,
    Dataset,
    DatasetInfo,
    Entry,
    RubricRef,
    Sheet,
    VideoRef,
    builtin_rubric,
    builtin_rubric_ids,
)

# ---- a small example, worked out by hand --------------------------------------------------------------------


def test_three_videos_come_to_what_a_pencil_gives():
    data = dataset(GOLD)
    row = row_of(score([run_of_points(data, SAID)], data, baselines=False))
    # squared distances: 1 (a.t2) + 1 (a.t3) + 1 (b.t1) + 4 (c.t2) = 7
    # by chance over all cells: labels 0 1 2 3 used 1 1 1 6 times and 1 2 2 4 times, 189 / 9 = 21
    assert value(row, "qwk") == pytest.approx(1 - 7 / 21)
    # by chance inside steps: t1 33/3 = 11, t2 15/3 = 5, t3 3/3 = 1
    assert value(row, "qwk_within_step") == pytest.approx(1 - 7 / 17)
    assert value(row, "raw_agreement") == pytest.approx(5 / 9)
    # wrong: b.t2 and c.t1; called wrong: those and c.t2
    assert row["binary"] == {"tp": 2, "fp": 1, "fn": 0, "tn": 6}
    assert value(row, "precision") == pytest.approx(2 / 3)
    assert value(row, "recall") == 1
    assert value(row, "f1") == pytest.approx(4 / 5)
    assert value(row, "mcc") == pytest.approx(12 / math.sqrt(3 * 2 * 7 * 6))
    # of 30 points: 27 25 20 against 27 22 15
    assert value(row, "plcc") == pytest.approx(43 / math.sqrt(26 * (72 + 2 / 3)))
    assert value(row, "srcc") == 1
    assert value(row, "mean_difference") == pytest.approx((0 - 10 - 50 / 3) / 3)
    low, high = row["metrics"]["mean_difference"]["limits"]
    assert (low + high) / 2 == pytest.approx(value(row, "mean_difference"))
    assert row["confusion"] == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 1, 2, 3]]
    assert row["prevalence"] == {"reference": pytest.approx(2 / 9), "prediction": pytest.approx(3 / 9)}
    assert row["metrics"]["qwk"]["interval_reason"] == "3 clusters are fewer than 5"


def test_a_step_table_says_why_a_number_is_missing():
    data = dataset(GOLD)
    row = row_of(score([run_of_points(data, SAID)], data, baselines=False))
    third = row["per_step"][2]
    assert (third["step"], third["n"], third["raw_agreement"]) == ("t3", 3, pytest.approx(2 / 3))
    assert (third["mean_reference"], third["mean_prediction"]) == (3, pytest.approx(8 / 3))
    assert third["qwk"] == 0
    assert third["mcc"] is None
    assert third["reason"].startswith("mcc: no variation")


def test_kappa_is_shown_under_other_readings_of_the_labels():
    data = dataset(GOLD)
    maps = row_of(score([run_of_points(data, SAID)], data, baselines=False))["alternative_maps"]
    # minor-to-a-quarter makes 7 of 10 deficient: labels 3 1 3, 3 1 3, 0 3 3 against 3 3 1, 1 1 3, 0 1 3;
    # distances 4+4+4+4 = 16; chance: margins 1 2 0 6 and 1 4 0 4: (1*(4+36) + 2*(1+16) + 6*(9+16)) / 9 = 224/9
    assert maps["minor-to-a-quarter"]["value"] == pytest.approx(1 - 16 * 9 / 224)
    assert set(maps) == {"zero-only-at-zero", "minor-to-a-quarter", "minor-to-a-half"}


# ---- the whole pipe ---------------------------------------------------------------------------------------


def whole_exam(n=10):
    """Attempts with all three built-in rubrics, points in halves, some steps beyond judging."""
    rng = np.random.default_rng(5)
    rubrics = {rubric_id: builtin_rubric(rubric_id) for rubric_id in builtin_rubric_ids()}
    refs = tuple(RubricRef(id=r.id, version=r.version) for r in rubrics.values())
    attempts, sheets = [], []
    for i in range(n):
        segments = {s.id: ((1.0, 2.0),) for r in rubrics.values() for s in r.steps if rng.random() < 0.9}
        attempts.append(
            Attempt(
                id=f"A-{i:03d}",
                video=VideoRef(path=f"videos/{i}.mp4", duration_s=170),
                rubrics=refs,
                candidate=f"candidate {i // 2}",
                segments=segments,
            )
        )
        for rubric in rubrics.values():
            steps = {}
            for step in rubric.steps:
                points = step.max_points if rng.random() < 0.6 else round(2 * rng.random() * step.max_points) / 2
                steps[step.id] = CANNOT if rng.random() < 0.03 else Entry(points=points)
            author = Author(kind="consensus", name="lin")
            sheets.append(
                Sheet(attempt=f"A-{i:03d}", rubric=rubric.id, rubric_version=rubric.version, author=author, steps=steps)
            )
    info = DatasetInfo(name="small", version="1", licence="CC0-1.0", rubrics=refs, provenance="drawn for a test")
    return Dataset(Path("small"), info, rubrics, attempts, sheets)


def gold_runs(data):
    runs = []
    for setting in ALL_SETTINGS:
        run = run_of(data, setting, written_as_answers(data, setting, data.sheets), name=f"gold {setting}")
        rubrics = tuple(f"{r.id} {r.version}" for r in data.rubrics.values())
        runs.append(replace(run, info=run.info.model_copy(update={"rubrics": rubrics})))
    return runs


def test_the_consensus_written_as_a_models_answers_scores_one_on_every_defined_metric():
    data = whole_exam()
    for policy in ("strict", "drop"):
        report = score(gold_runs(data), data, missing=policy, baselines=False, replicates=100)
        assert len(report["entries"]) == 4
        for row in report["entries"]:
            assert len(row["metrics"]) == (12 if row["setting"].endswith("points") else 4)
            for name, found in row["metrics"].items():
                assert found["value"] == (0 if name == "mean_difference" else 1), (row["setting"], name)
            assert all(found["value"] == 1 for found in row["alternative_maps"].values())
            for step in row["per_step"]:
                assert step["raw_agreement"] in (1, None)
                assert step["qwk"] in (1, None)
                assert step["mcc"] in (1, None)


def test_every_undefined_value_has_a_reason_and_the_file_holds_no_nan(tmp_path):
    data = dataset({"a": (10, 10, 10), "b": (10, 10, 10)})
    report = score([run_of_points(data, {"a": (10, 10, 10), "b": (10, 10, 10)})], data)
    for row in report["entries"]:
        for found in (*row["metrics"].values(), *row["beside"].values()):
            assert (found["value"] is None) == ("reason" in found)
    assert value(row_of(report), "qwk") is None
    assert value(row_of(report), "raw_agreement") == 1
    write_report_json(report, tmp_path / "report.json")
    again = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert again == json.loads(json.dumps(report))
    assert again["schema"] == "siming.report/1"


def test_reordering_attempts_sheets_predictions_and_runs_changes_nothing():
    gold = many(9)
    data = dataset(gold, physicians={"wei": worse(gold, 1, 0.2), "okafor": worse(gold, 2, 0.3)})
    runs = [run_of_points(data, worse(gold, 3, 0.4), name="one"), run_of_points(data, worse(gold, 4, 0.2), name="two")]
    shuffled = replace(data, attempts=data.attempts[::-1], sheets=data.sheets[::-1])
    turned = [
        replace(r, requests=r.requests[::-1], predictions=dict(reversed(list(r.predictions.items()))))
        for r in runs[::-1]
    ]
    first, second = score(runs, data), score(turned, shuffled)
    assert json.dumps(first) == json.dumps(second)


def test_a_run_of_step_clips_is_asked_only_what_has_a_clip():
    data = dataset(GOLD, segments=("t1", "t3"))
    said = {attempt: (first, 0, third) for attempt, (first, _, third) in SAID.items()}
    skipped = {f"{a}/t2": "no segment" for a in GOLD}
    row = row_of(score([run_of_points(data, said, setting="clip-points", skipped=skipped)], data, baselines=False))
    assert row["coverage"]["cells_asked"] == 6
    assert row["coverage"]["share"] == 1
    assert row["metrics"]["qwk"]["left_out"] == {"not asked": 3}
    # totals are sums of the clips, of 20 points: 20 20 10 against 17 17 10
    assert value(row, "mean_difference") == pytest.approx((-15 - 15 + 0) / 3)


def test_error_detection_has_the_metrics_of_verdicts_only():
    data = dataset(GOLD)
    row = row_of(score([run_of_points(data, SAID, setting="full-errors")], data, baselines=False))
    assert list(row["metrics"]) == ["mcc", "precision", "recall", "f1"]
    assert row["binary"] == {"tp": 2, "fp": 1, "fn": 0, "tn": 6}
    assert row["confusion"] is None
    assert row["alternative_maps"] == {}


def test_attempts_of_one_candidate_are_one_cluster():
    gold = many(12)
    said = worse(gold, 1, 0.4)
    apart = dataset(gold)
    joined = dataset(gold, candidates={attempt: f"tan {i // 2}" for i, attempt in enumerate(gold)})
    one, other = (row_of(score([run_of_points(d, said)], d, baselines=False)) for d in (apart, joined))
    assert value(one, "qwk") == value(other, "qwk")
    assert one["metrics"]["qwk"]["n_clusters"] == 12
    assert other["metrics"]["qwk"]["n_clusters"] == 6
    assert one["metrics"]["plcc"]["n"] == other["metrics"]["plcc"]["n"] == 12


def test_the_same_seed_gives_the_same_report():
    gold = many(12)
    data = dataset(gold)
    run = run_of_points(data, worse(gold, 1, 0.4))
    once, again = (score([run], data, seed=3, replicates=500, baselines=False) for _ in range(2))
    assert json.dumps(once) == json.dumps(again)
    assert once["seed"] == 3


# ---- beside the runs --------------------------------------------------------------------------------------


def test_blind_baselines_and_physicians_stand_beside_the_runs_in_that_order():
    data = dataset(GOLD, physicians={"wei": GOLD, "okafor": SAID})
    report = score([run_of_points(data, SAID)], data)
    assert [(e["kind"], e["name"]) for e in report["entries"]] == [
        ("run", "model"),
        ("baseline", "baseline:all-correct"),
        ("baseline", "baseline:all-wrong"),
        ("baseline", "baseline:chance"),
        ("baseline", "baseline:step-prior"),
        ("baseline", "baseline:step-prior-sampled"),
        ("human", "okafor – wei"),
        ("human", "okafor"),
        ("human", "wei"),
    ]
    okafor = row_of(report, "okafor", "human")
    assert value(okafor, "qwk") == value(row_of(report), "qwk")  # he said what the model said
    assert "consensus was made with" in okafor["note"]


def test_what_one_physician_left_blank_is_left_out_of_the_pair_and_never_worst():
    data = dataset(GOLD, physicians={"wei": GOLD, "okafor": {**GOLD, "a": (10, CANNOT, 10)}})
    pair = row_of(score([run_of_points(data, SAID)], data), "okafor – wei", "human")
    assert value(pair, "raw_agreement") == 1
    assert pair["metrics"]["raw_agreement"]["n"] == 8
    assert pair["metrics"]["raw_agreement"]["left_out"] == {"cannot judge (reference)": 1}
    assert pair["metrics"]["plcc"]["left_out"] == {"attempts with an incomplete total": 1}


def test_with_three_physicians_each_is_also_held_against_the_others():
    gold = many(8)
    physicians = {"wei": gold, "okafor": gold, "lin": worse(gold, 1, 0.5)}
    data = dataset(gold, physicians=physicians)
    report = score([run_of_points(data, gold)], data)
    assert value(row_of(report, "lin – others", "human"), "qwk") == value(row_of(report, "lin", "human"), "qwk")
    assert value(row_of(report, "wei – others", "human"), "raw_agreement") < 1


def test_a_cell_the_reference_cannot_judge_is_left_out_and_counted():
    data = dataset({**GOLD, "a": (10, CANNOT, 10)})
    row = row_of(score([run_of_points(data, SAID)], data, baselines=False))
    # distances without a.t2: 6; a's total stands on the other two steps, for both sides alike
    assert row["metrics"]["raw_agreement"]["n"] == 8
    assert value(row, "raw_agreement") == pytest.approx(5 / 8)
    assert row["metrics"]["raw_agreement"]["left_out"] == {"cannot judge (reference)": 1}
    assert row["coverage"]["cells_missing"] == {"cannot judge (reference)": 1}
    assert row["coverage"]["share"] == 1
    assert value(row, "mean_difference") == pytest.approx((-15 - 10 - 50 / 3) / 3)


def test_an_attempt_page_carries_everybodys_points_and_the_raw_reply():
    why = Entry(points=7, reasons={"en": ("too slow",), "zh": ("太慢",)})
    data = dataset({**GOLD, "a": (10, why, 10)}, physicians={"wei": GOLD})
    run = run_of_points(data, SAID, status={"c": "refused"})
    pages = score([run], data)["attempts"]
    assert [page["id"] for page in pages] == ["a", "b", "c"]
    second = pages[0]["steps"][1]
    assert second["reference"] == {
        "points": 7,
        "label": 2,
        "wrong": False,
        "reason_en": ["too slow"],
        "reason_zh": ["太慢"],
    }
    assert second["raters"] == [{"name": "wei", "points": 7}]
    assert second["predictions"][0]["points"] == 10
    assert pages[0]["replies"][0]["text"] == run.predictions["a"].text
    refused = pages[2]["steps"][0]["predictions"][0]
    assert (refused["points"], refused["missing"]) == (None, "refused")


def test_two_runs_of_one_name_are_told_apart():
    data = dataset(GOLD)
    runs = [run_of_points(data, SAID), run_of_points(data, SAID, setting="clip-points")]
    names = [e["name"] for e in score(runs, data, baselines=False)["entries"]]
    assert names == ["model (full-points)", "model (clip-points)"]


# ---- bad input --------------------------------------------------------------------------------------------


def test_without_a_consensus_there_is_nothing_to_score_against_and_the_mend_works():
    from siming.rating import consensus

    wei, okafor = sheet("physician", "wei", "a", (10, 7, 10)), sheet("physician", "okafor", "a", (10, 5, 10))
    data = replace(dataset({"a": (10, 7, 10)}), sheets=[wei, okafor])
    with pytest.raises(DatasetError, match=r"siming\.rating\.consensus") as caught:
        score([run_of_points(data, {"a": (10, 7, 10)})], data)
    assert "sheets there: physician" in str(caught.value)
    mended = replace(data, sheets=[wei, okafor, consensus(wei, okafor, {"t2": 7}, RUBRIC)])
    assert value(row_of(score([run_of_points(mended, {"a": (10, 7, 10)})], mended)), "raw_agreement") == 1


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"dataset": "other"}, "was made for dataset other 1"),
        ({"dataset_version": "2"}, "was made for dataset small 2"),
        ({"rubrics": ("tiny 2",)}, "asked by rubric tiny 2"),
    ],
)
def test_a_run_of_something_else_is_refused(change, complaint):
    data = dataset(GOLD)
    run = run_of_points(data, SAID)
    with pytest.raises(RunError, match=complaint):
        score([replace(run, info=run.info.model_copy(update=change))], data)


def test_a_run_that_asks_about_an_attempt_nobody_has_is_refused():
    run = run_of_points(dataset(GOLD), SAID)
    with pytest.raises(RunError, match="attempt 'c', which the dataset does not have"):
        score([run], dataset({"a": (1, 1, 1), "b": (1, 1, 1)}))


def test_an_unknown_policy_is_refused():
    data = dataset(GOLD)
    with pytest.raises(TaskError, match="give 'strict' or 'drop'"):
        score([run_of_points(data, SAID)], data, missing="lenient")


def test_the_coverage_asked_for_is_reached_or_not():
    data = dataset(GOLD)
    whole = score([run_of_points(data, SAID)], data)
    part = score([run_of_points(data, SAID, status={"a": "failed"})], data)
    assert coverage_reached(whole)
    assert not coverage_reached(part)
    assert coverage_reached(part, wanted=0.66)
    assert not coverage_reached(score([], data))


def test_a_truncated_reply_is_read_as_far_as_it_goes():
    data = dataset(GOLD)
    texts = written_as_answers(data, "full-points", [sheet("model", "m", a, r) for a, r in SAID.items()])
    cut = texts["a"][: texts["a"].index('"t3"')]
    row = row_of(
        score([run_of(data, "full-points", {**texts, "a": cut}, status={"a": "truncated"})], data, missing="drop")
    )
    assert row["coverage"]["by_status"] == {"ok": 2, "truncated": 1}
    assert row["coverage"]["cells_answered"] == 8
    assert row["coverage"]["cells_missing"] == {"missing step": 1}


def test_questions_without_any_prediction_count_as_not_answered():
    data = dataset(GOLD)
    run = replace(run_of_points(data, SAID), predictions={})
    report = score([run], data, missing="drop")
    row = row_of(report)
    assert row["coverage"]["by_status"] == {"not answered": 3}
    assert row["coverage"]["share"] == 0
    assert all(found["value"] is None and found["reason"] for found in row["metrics"].values())


def test_the_answers_of_a_prediction_file_may_come_from_anywhere():
    """Prose and tables are read like JSON: what counts is what the reader finds."""
    data = dataset(GOLD)
    texts = {
        "a": "t1: 10\nt2: 10\nt3: 7",
        "b": "| step | points |\n|---|---|\n| t1 | 7 |\n| t2 | 5 |\n| t3 | 10 |",
        "c": '```json\n{"steps": [{"id": "t1", "points": 0}, {"id": "t2", "points": 5}, {"id": "t3", "points": 10}]}\n```',
    }
    row = row_of(score([run_of(data, "full-points", texts)], data))
    assert value(row, "qwk") == pytest.approx(1 - 7 / 21)


def test_predictions_are_never_read_from_a_status_that_is_no_answer():
    data = dataset(GOLD)
    requests = requests_of(data, "full-points")
    text = written_as_answers(data, "full-points", data.sheets)
    refused = {
        r.id: Prediction(request=r.id, request_hash=r.hash, model="m", status="refused", text=text[r.id])
        for r in requests
    }
    run = replace(run_of(data, "full-points", {}), predictions=refused)
    assert row_of(score([run], data))["coverage"]["cells_missing"] == {"refused": 9}
