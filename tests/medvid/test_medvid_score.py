"""A score from its files: official and strict values, intervals, and what is no number."""

from __future__ import annotations

import json
import math
import random

import numpy as np
import pytest
from golden import by_name, differences, golden, scenario, scenario_names, stub_grades
from scipy import stats
from scipy.optimize import linear_sum_assignment

from siming.bench.medvid.columns import COLUMNS, task_of
from siming.bench.medvid.compare import compare_given
from siming.bench.medvid.official.run import official_pairs, score_official
from siming.bench.medvid.score import Given, JsonFile, read_given, score, score_given
from siming.bench.medvid.strict import stretches
from siming.errors import DatasetError, TaskError


def given(truth, submission, grades=None):
    return Given(JsonFile("submission.json", "0" * 64, submission), JsonFile("truth.json", "1" * 64, truth), grades)


def written(tmp_path, truth, submission):
    paths = tmp_path / "submission.json", tmp_path / "truth.json"
    for path, rows in zip(paths, (submission, truth), strict=True):
        path.write_text(json.dumps(rows), encoding="utf-8")
    return paths


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_gives_the_official_columns_and_stays_strict_json(name):
    truth, submission, expected = scenario(name)
    if "full" not in expected:
        with pytest.raises(TaskError):
            score_given(given(truth, submission), mode="leaderboard")
        return
    found = score_given(given(truth, submission), mode="leaderboard")
    plain = json.loads(json.dumps(found.to_plain(), allow_nan=False))
    assert list(plain["columns"]) == list(COLUMNS)
    wanted = by_name(expected["full"])
    values = {
        column: math.nan if each["reason"].startswith("not a number") else each["value"]
        for column, each in ((column, {"reason": "", **each}) for column, each in plain["columns"].items())
        if column in wanted
    }
    assert differences(wanted, values) == []


def test_judged_columns_have_intervals_and_rows_too():
    truth, submission = golden("ground_truth"), golden("submission")
    grades = stub_grades(official_pairs(truth, submission))
    found = score_given(given(truth, submission, grades), mode="leaderboard")
    expected = golden("expected")["leaderboard_stub_judge"]
    assert differences(by_name(expected["full"]), {n: m.value for n, m in found.columns.items()}) == []
    assert all(found.columns[name].interval for name in ("DVC_llm", "VS_llm", "RC_llm"))
    judged = [row["columns"]["VS_llm"] for row in found.rows if "VS_llm" in row["columns"]]
    assert np.mean(judged) == pytest.approx(found.columns["VS_llm"].value)


@pytest.mark.parametrize("column", ["CVS_acc", "SA_acc", "DVC_F1", "STG_mIoU", "TAG_mIoU@0.5", "DVC_llm"])
def test_an_official_interval_is_that_of_the_evaluator_run_again_without_each_video(column):
    truth, submission = golden("ground_truth"), golden("submission")
    grades = stub_grades(official_pairs(truth, submission))
    found = score_given(given(truth, submission, grades), mode="leaderboard").columns[column]
    task = COLUMNS[column].task
    counts = {row.position for row in score_official(truth, submission).rows if row.counted}
    # A plain mean has no use for a video without a row that counts; the other rules weigh sources by all their rows.
    plain_mean = column.startswith(("STG", "TAG"))
    own = [n for n, row in enumerate(truth) if task_of(row["qa_type"]) == task and (n in counts or not plain_mean)]
    again = []
    for video in {truth[n]["metadata"]["video_id"] for n in own}:
        kept = [n for n in own if truth[n]["metadata"]["video_id"] != video]
        rows, answers = [truth[n] for n in kept], [submission[n] for n in kept]
        again.append(score_official(rows, answers, grades=grades).full[column])
    n = len(again)
    half = stats.t.ppf(0.975, n - 1) * math.sqrt((n - 1) / n * np.square(again - np.mean(again)).sum())
    assert found.n_clusters == n
    assert found.interval.low == pytest.approx(max(COLUMNS[column].low, found.value - half))
    assert found.interval.high == pytest.approx(min(COLUMNS[column].high, found.value + half))


def test_values_are_in_full_precision_and_stored_ones_rounded_twice(tmp_path):
    plain = score(*written(tmp_path, golden("ground_truth"), golden("submission"))).to_plain()
    assert plain["schema"] == "siming.medvid-score/1"
    assert plain["columns"]["CVS_acc"]["value"] == pytest.approx(
        golden("expected")["leaderboard"]["full"]["cvs_acc"], abs=1e-15
    )
    assert plain["stored"]["CVS_acc"] == golden("expected")["leaderboard"]["stored"]["cvs_acc"]
    assert len(plain["submission"]["sha256"]) == 64


def test_a_column_that_is_no_number_is_null_with_its_reason():
    truth, submission = golden("ground_truth"), golden("submission")
    place = next(n for n, row in enumerate(truth) if row["qa_type"] == "stg" and row["struc_info"])
    time = next(iter(truth[place]["struc_info"][0].get("bbox_dict", truth[place]["struc_info"][0])))
    submission[place] = {**submission[place], "prediction": f"{time} seconds: [nan, 1, 2, 3]"}
    plain = score_given(given(truth, submission), mode="leaderboard").to_plain()
    assert plain["columns"]["STG_mIoU"]["value"] is None
    assert plain["columns"]["STG_mIoU"]["reason"].startswith("not a number")
    assert plain["stored"]["STG_mIoU"] is None
    assert [row["columns"]["STG_mIoU"] for row in plain["rows"] if row["position"] == place] == [None]
    json.dumps(plain, allow_nan=False)


def test_silence_is_not_counted_as_answered():
    truth, submission = golden("ground_truth"), golden("submission")
    silent = [{**row, "prediction": ""} for row in submission]
    coverage = score_given(given(truth, silent), mode="leaderboard").coverage["CVS_acc"]
    assert coverage == {"asked": 32, "read": 0}


def test_a_submission_less_itself_is_nothing_and_less_a_worse_one_is_something():
    truth, submission = golden("ground_truth"), golden("submission")
    worse = [{**row, "prediction": "" if n % 3 == 0 else row["prediction"]} for n, row in enumerate(submission)]
    found = score_given(given(truth, submission), mode="strict")
    same = compare_given(found, given(truth, submission))["columns"]["TAG_mIoU@0.3"]
    assert (same["value"], same["p_holm"]) == (0, 1)
    less = compare_given(found, given(truth, worse))["columns"]
    assert less["TAG_mIoU@0.3"]["value"] > 0.1
    assert less["TAG_mIoU@0.3"]["p_holm"] < 0.05
    assert less["TAG_mIoU@0.3"]["p"] <= less["TAG_mIoU@0.3"]["p_holm"]


def test_submissions_are_compared_in_strict_mode_only():
    truth, submission = golden("ground_truth"), golden("submission")
    with pytest.raises(TaskError, match="--mode strict"):
        compare_given(score_given(given(truth, submission), mode="leaderboard"), given(truth, submission))


def test_files_that_cannot_be_read_say_why(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(DatasetError, match="is no JSON"):
        read_given(path, path)
    with pytest.raises(DatasetError, match="no such file"):
        read_given(path, tmp_path / "none.json")
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(DatasetError, match="holds a dict"):
        read_given(path, path)


def test_stretches_are_paired_as_well_as_an_optimal_assignment_pairs_them():
    draw = random.Random(1)

    def some(most):
        return [tuple(sorted(round(draw.uniform(0, 20), 1) for _ in range(2))) for _ in range(draw.randint(1, most))]

    for _ in range(500):
        wanted, shown = some(6), some(9)
        likeness = np.zeros((len(wanted), len(shown)))
        for one, other, overlap in stretches.overlapping(wanted, shown):
            likeness[one, other] = overlap
        for threshold in (0.3, 0.5):
            pairs = stretches.matched(wanted, shown, threshold)
            worth = np.where(likeness >= threshold, 1 + likeness, 0)
            best = worth[linear_sum_assignment(worth, maximize=True)].sum()
            assert sum(1 + overlap for _, _, overlap in pairs) == pytest.approx(best)
            assert len({one for one, _, _ in pairs}) == len({other for _, other, _ in pairs}) == len(pairs)


@pytest.mark.parametrize("limit", ["FEW_PAIRS", "FEW_WAYS"])
def test_many_stretches_go_another_way_to_the_same_pairs(monkeypatch, limit):
    draw = random.Random(2)
    spans = [[tuple(sorted(draw.uniform(0, 20) for _ in range(2))) for _ in range(6)] for _ in range(60)]
    here = [stretches.matched(one, other, 0.3) for one, other in zip(spans[::2], spans[1::2], strict=True)]
    monkeypatch.setattr(stretches, limit, 0)
    there = [stretches.matched(one, other, 0.3) for one, other in zip(spans[::2], spans[1::2], strict=True)]
    assert here == there
