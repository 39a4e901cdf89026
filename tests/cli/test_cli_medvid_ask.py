"""`siming medvid check`, `ask` and `submission`, and `siming bench run` on what was asked."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from siming.cli import app
from siming.errors import RunError, TaskError

sys.path.append(str(Path(__file__).resolve().parents[1] / "medvid"))
from made_release import make_release, rows_of, write_rows


@pytest.fixture
def data(tmp_path):
    return make_release(tmp_path / "data")


def siming(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def test_from_the_data_to_a_scored_submission_with_four_commands(tmp_path, data):
    frames, run, out = data.parent / "frames", tmp_path / "run", tmp_path / "submission.json"
    assert "14 rows, 14 of them readable" in siming("medvid", "check", data, "--frames", frames).stdout.replace(
        "\n", " "
    )
    asked = siming("medvid", "ask", data, "--frames", frames, "--out", run)
    assert f"next: siming bench run {run}" in asked.stderr
    assert "stg 512" in asked.stderr
    siming("bench", "run", run, "--model", "mock:random", "-o", "pictures=true")
    made = siming("medvid", "submission", run, "--out", out)
    assert "14 rows, 14 answered (100.0%)" in made.stderr
    scored = siming("medvid", "score", out, "--truth", data, "--json", "-")
    assert json.loads(scored.stdout)["columns"]["TAG_mIoU@0.5"]["value"] == 0


def test_check_as_json_and_its_exit_status(data):
    plain = json.loads(siming("medvid", "check", data, "--frames", data.parent / "frames", "--json").stdout)
    assert (plain["schema"], plain["breaks"]) == ("siming.medvid-check/1", False)
    rows = rows_of(data)
    rows[0]["metadata"]["fps"] = "n/a"
    broken = siming("medvid", "check", write_rows(data.parent, rows), "--json", code=1)
    assert [each["code"] for each in json.loads(broken.stdout)["findings"] if each["breaks"]] == ["fps-not-a-number"]


@pytest.mark.parametrize(("language", "said"), [("en", "frames that are not there"), ("zh", "个帧文件不存在")])
def test_check_tells_people_in_their_language_what_is_missing(data, language, said):
    (data.parent / "frames" / "AVOS" / "xA1" / "frame_0000100.jpg").unlink()
    told = siming("medvid", "check", data, "--frames", data.parent / "frames", "--lang", language, code=1)
    assert f"1  {said}" in told.stdout


def test_ask_says_what_it_could_not_ask_and_what_is_not_there(tmp_path, data):
    rows = rows_of(data)
    rows[0]["video"] = []
    path = write_rows(data.parent, rows)
    told = siming("medvid", "ask", path, "--out", tmp_path / "run", "--frames", tmp_path, code=1)
    assert "not asked, tal/00000: the row lists no frames" in told.stderr
    assert "56 frames are not there" in told.stderr


def test_ask_as_json_with_tasks_an_example_and_a_limit(tmp_path, data):
    words = ("--one-shot", "--task", "tal", "--task", "stg", "--limit", "2", "--json")
    plain = json.loads(siming("medvid", "ask", data.parent, "--out", tmp_path / "run", *words).stdout)
    assert (plain["requests"], plain["skipped"]) == (2, {})
    assert "tal" in plain["max_tokens"]
    lines = (tmp_path / "run" / "requests.jsonl").read_text().splitlines()
    assert [json.loads(line)["setting"] for line in lines] == ["medvid-one-shot"] * 2


def test_a_submission_with_gaps_is_written_counted_and_not_a_success_unless_said(tmp_path, data):
    run, out = tmp_path / "run", tmp_path / "submission.json"
    siming("medvid", "ask", data, "--frames", data.parent / "frames", "--out", run, "--task", "tal")
    siming("bench", "run", run, "--model", "mock:zero")
    told = siming("medvid", "submission", run, "--out", out, code=1)
    assert "11 questions have no answer" in told.stderr
    assert len(json.loads(out.read_text())) == 14
    plain = json.loads(siming("medvid", "submission", run, "--out", out, "--partial", "--json").stdout)
    assert plain["coverage"] == 3 / 14
    assert plain["by_task"]["stg"] == {"unasked": 1}


def test_cut_replies_are_warned_of_after_the_run_and_in_the_submission(tmp_path, data):
    run = tmp_path / "run"
    siming("medvid", "ask", data, "--frames", data.parent / "frames", "--out", run, "--task", "stg")
    answers = tmp_path / "answers.jsonl"
    cut = {"request": "stg/00002", "text": "1.0 seconds: [40, 30, 120", "status": "truncated"}
    answers.write_text(json.dumps(cut) + "\n")
    ran = siming("bench", "run", run, "--model", f"replay:{answers}")
    assert "1 replies were cut at the limit of tokens" in ran.stderr
    told = siming("medvid", "submission", run, "--out", tmp_path / "s.json", "--partial")
    assert "1 answers were cut at the limit of tokens" in told.stderr


def test_a_dataset_still_needs_its_setting_and_a_run_of_recordings_its_dataset(tmp_path):
    sys.path.append(str(Path(__file__).resolve().parents[1] / "run"))
    from questions import info, requests

    from siming.bench.folder import write_run

    with pytest.raises(TaskError, match="say --setting and --out"):
        siming("bench", "run", tmp_path, "--model", "mock:zero")
    write_run(tmp_path / "run", info(model=None), requests(1))
    with pytest.raises(RunError, match="siming bench run DATASET --setting full-points --model mock:zero --out"):
        siming("bench", "run", tmp_path / "run", "--model", "mock:zero")
