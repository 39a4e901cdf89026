"""`siming medvid score` and `siming medvid defects`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

sys.path.append(str(Path(__file__).resolve().parents[1] / "leaderboard"))

from made_board import answers, silent, truth_rows, write

from siming.bench.medvid.columns import COLUMNS
from siming.cli import app


@pytest.fixture
def files(tmp_path):
    truth = write(tmp_path / "truth.json", truth_rows())
    return truth, write(tmp_path / "ours.json", answers()), write(tmp_path / "half.json", answers(silent))


def medvid(*args, code=0):
    done = CliRunner().invoke(app, ["medvid", *map(str, args)], env={"COLUMNS": "160"})
    assert done.exit_code == code, done.output + str(done.exception)
    return done


def test_the_table_has_ten_columns_with_intervals_coverage_and_sources(files):
    truth, _, half = files
    out = medvid("score", half, "--truth", truth, "--lang", "en").stdout
    assert all(name in out for name in COLUMNS)
    assert "6/12" in out  # half of the rows were read
    assert "By source" in out
    assert "the judge has not run" in out
    assert "—" in out


def test_json_holds_what_the_issue_asks_for(files, tmp_path):
    truth, _, half = files
    out = tmp_path / "score.json"
    medvid("score", half, "--truth", truth, "--mode", "strict", "--json", out)
    plain = json.loads(out.read_text(encoding="utf-8"))
    assert plain["mode"] == "strict"
    assert list(plain["columns"]) == list(COLUMNS)
    cvs = plain["columns"]["CVS_acc"]
    assert cvs["value"] == pytest.approx(0.5)
    assert cvs["n"] == 12
    assert cvs["interval"][0] < 0.5 < cvs["interval"][1]
    assert len(plain["rows"]) == len(truth_rows())
    assert plain["columns"]["VS_llm"]["value"] is None
    assert plain["columns"]["VS_llm"]["reason"] == "the judge has not run"


def test_a_dash_prints_the_json_and_nothing_else(files):
    truth, ours, _ = files
    plain = json.loads(medvid("score", ours, "--truth", truth, "--json", "-").stdout)
    assert plain["mode"] == "leaderboard"
    assert plain["stored"]["VS_llm"] == 0


def test_two_submissions_are_compared_on_the_same_questions(files):
    truth, ours, half = files
    plain = json.loads(
        medvid("score", ours, "--truth", truth, "--mode", "strict", "--against", half, "--json", "-").stdout
    )
    against = plain["against"]["columns"]["CVS_acc"]
    assert against["value"] == pytest.approx(0.5)
    assert against["p_holm"] < 0.05
    out = medvid("score", ours, "--truth", truth, "--mode", "strict", "--against", half, "--lang", "zh").stdout
    assert "本提交减去 half.json" in out


def test_the_terminal_speaks_chinese(files):
    truth, _, half = files
    out = medvid("score", half, "--truth", truth, "--mode", "strict", "--lang", "zh").stdout
    assert "严格模式" in out
    assert "评审尚未运行" in out


def test_an_unknown_mode_is_answered_with_the_nearest_one(files):
    truth, ours, _ = files
    done = medvid("score", ours, "--truth", truth, "--mode", "strickt", code=1)
    assert "did you mean 'strict'" in str(done.exception)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_sixteen_defects_are_shown_with_both_values(lang):
    rows = json.loads(medvid("defects", "--json", "--lang", lang).stdout)
    assert [row["number"] for row in rows] == list(range(1, 17))
    differ = [row["number"] for row in rows if row["official"] != row["strict"]]
    assert differ == [number for number in range(1, 17) if number != 15]  # no number hangs on a password
    assert all(row["defect"] and row["case"] and row["repair"] for row in rows)
    assert rows[2]["defect"][:6] in medvid("defects", "--lang", lang).stdout
