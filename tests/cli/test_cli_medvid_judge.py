"""`siming medvid judge` and `siming medvid judges` as a user meets them."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from siming.cli import app

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "medvid"))

from judging import write_captions


def invoke(*args, status=0):
    done = CliRunner().invoke(app, ["medvid", *map(str, args)])
    assert done.exit_code == status, done.output + repr(done.exception)
    return done


@pytest.fixture
def files(tmp_path):
    return write_captions(tmp_path / "files", 40)


@pytest.fixture
def unlucky(files):
    """The same, with one text that the stub fails on: its bytes and the reference's add up to a multiple of 17."""
    submission, truth = (json.loads(path.read_text()) for path in files)
    reference = truth[0]["conversations"][1]["value"]
    over = sum((submission[0]["prediction"] + reference).encode()) % 17
    submission[0]["prediction"] += chr(6 * 17 - over)
    files[0].write_text(json.dumps(submission))
    return files


@pytest.fixture
def replies(tmp_path, files):
    """Two judges' replies to all forty pairs, of whom the second gives now and then one less."""
    from siming.bench.medvid.judge.pairs import pairs_wanted
    from siming.bench.medvid.judge.prompt import codes_of, request_name

    submission, truth = (json.loads(path.read_text()) for path in files)
    rng = random.Random(0)
    paths = tmp_path / "wei.jsonl", tmp_path / "okafor.jsonl"
    lines: tuple[list[str], list[str]] = ([], [])
    for each in pairs_wanted(truth, submission):
        name = request_name(each.pair.task, each.pair.key)
        grades = [rng.randint(2, 5) for _ in range(5)]
        for number, kept in enumerate(lines):
            text = "\n".join(
                f"{code}: {grade - number * rng.randint(0, 1)}"
                for code, grade in zip(codes_of("quality"), grades, strict=True)
            )
            kept.append(json.dumps({"request": name, "text": text}) + "\n")
    for path, kept in zip(paths, lines, strict=True):
        path.write_text("".join(kept))
    return paths


def judge(files, out, *more, status=0):
    return invoke("judge", files[0], "--truth", files[1], "--out", out, *more, status=status)


def test_a_judged_submission_is_told_of_and_can_be_scored(tmp_path, files, replies):
    done = judge(files, tmp_path / "judged", "--model", f"replay:{replies[0]}", "--lang", "en")
    assert "40 of 40 pairs of texts graded" in done.stderr
    assert f"--judged {tmp_path / 'judged'}" in done.stderr
    assert done.stdout == ""
    scored = invoke("score", files[0], "--truth", files[1], "--judged", tmp_path / "judged", "--json", "-")
    columns = json.loads(scored.stdout)["columns"]
    assert 2 <= columns["VS_llm"]["value"] <= 5
    assert columns["RC_llm"]["n"] == 20


def test_json_alone_stands_on_stdout(tmp_path, files, replies):
    plain = json.loads(judge(files, tmp_path / "judged", "--model", f"replay:{replies[0]}", "--json").stdout)
    assert (plain["pairs"], plain["graded"], plain["coverage"]) == (40, 40, 1.0)
    assert plain["by_task"] == {"vs": {"graded": 20, "wanted": 20}, "rc": {"graded": 20, "wanted": 20}}
    assert plain["missing"] == []


def test_the_exit_status_says_that_grades_are_missing_unless_less_is_enough(tmp_path, unlucky):
    done = judge(unlucky, tmp_path / "stub", "--model", "stub", "--lang", "en", status=1)
    assert "the stub fails on this pair" in done.stderr
    assert "None of them is scored" in done.stderr
    assert "asks again what has no grades" in done.stderr
    judge(unlucky, tmp_path / "stub", "--model", "stub", "--coverage", "0.5")


def test_it_speaks_chinese(tmp_path, unlucky):
    done = judge(unlucky, tmp_path / "stub", "--model", "stub", "--lang", "zh", status=1)
    assert "40 对文本中已评分" in done.stderr
    assert "这些调用都不计分" in done.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--model", "stub", "--mode", "comparativ"], "did you mean 'comparative'"),
        (["--model", "stub", "--for", "leaderbord"], "did you mean 'leaderboard'"),
        (["--model", "gpt"], "openai:NAME@"),
    ],
)
def test_a_slip_of_the_pen_is_met_with_advice(tmp_path, files, more, said):
    done = CliRunner().invoke(app, ["medvid", "judge", str(files[0]), "--truth", str(files[1]), "--out",
                                    str(tmp_path / "x"), *more])  # fmt: skip
    assert done.exit_code != 0
    assert said in str(done.exception) + done.output


def test_two_judges_are_laid_side_by_side(tmp_path, files, replies):
    folders = tmp_path / "wei", tmp_path / "okafor"
    for folder, replay in zip(folders, replies, strict=True):
        judge(files, folder, "--model", f"replay:{replay}")
    said = invoke("judges", *folders, "--lang", "en").stdout
    assert "Graded by both 40" in said
    assert "R8 specificity" in said
    assert "VS_llm" in said
    assert "评审" in invoke("judges", *folders, "--lang", "zh").stdout
    (plain,) = json.loads(invoke("judges", *folders, "--json").stdout)
    assert plain["folders"] == [str(folder) for folder in folders]
    low, high = plain["all_aspects"]["difference"]["interval"]
    assert 0 < low < 0.5 < high < 1  # the second gives one less in half of the cases
    assert plain["all_aspects"]["raw"]["value"] == pytest.approx(0.5, abs=0.1)


def test_three_judges_are_compared_two_by_two(tmp_path, files, replies):
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder, replay in zip(folders, [*replies, replies[0]], strict=True):
        judge(files, folder, "--model", f"replay:{replay}")
    plain = json.loads(invoke("judges", *folders, "--json").stdout)
    assert [each["all_aspects"]["raw"]["value"] == 1 for each in plain] == [False, True, False]


def test_one_judge_has_nobody_to_agree_with(tmp_path, files, replies):
    judge(files, tmp_path / "a", "--model", f"replay:{replies[0]}")
    done = CliRunner().invoke(app, ["medvid", "judges", str(tmp_path / "a")])
    assert done.exit_code != 0
    assert "name two folders" in str(done.exception) + done.output
