"""`siming board`: add, show, check."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

sys.path.append(str(Path(__file__).resolve().parents[1] / "leaderboard"))

from made_board import answers, silent, truth_rows, write

from siming.cli import app


@pytest.fixture
def files(tmp_path):
    truth = write(tmp_path / "truth.json", truth_rows())
    return truth, write(tmp_path / "ours.json", answers()), write(tmp_path / "half.json", answers(silent))


def board(*args, code=0):
    done = CliRunner().invoke(app, ["board", *map(str, args)], env={"COLUMNS": "200"})
    assert done.exit_code == code, done.output + str(done.exception)
    return done


@pytest.fixture
def filled(files, tmp_path):
    truth, ours, half = files
    folder = tmp_path / "board"
    for path, name in ((ours, "Ours"), (half, "Half <script>alert(1)</script>")):
        board(
            "add",
            path,
            "--truth",
            truth,
            "--name",
            name,
            "--org",
            "Tan's lab",
            "--board",
            folder,
            "--date",
            "2026-05-01",
        )
    return folder


def test_an_admitted_submission_is_shown_in_both_modes(files, tmp_path):
    truth, ours, _ = files
    done = board(
        "add", ours, "--truth", truth, "--name", "Ours", "--org", "Lab", "--board", tmp_path / "b", "--lang", "en"
    )
    assert "Ours is on the board" in done.stderr
    assert "leaderboard" in done.stdout
    assert "1.0000" in done.stdout


def test_a_refused_submission_hears_every_reason_and_ends_with_1(files, filled):
    truth, ours, _ = files
    done = board(
        "add", ours, "--truth", truth, "--name", "ours", "--org", " ", "--board", filled, "--lang", "en", code=1
    )
    assert "Refused, for 3 reason(s)" in done.stderr
    plain = json.loads(
        board("add", ours, "--truth", truth, "--name", "ours", "--org", " ", "--board", filled, "--json", code=1).stdout
    )
    assert plain["admitted"] is False
    assert len(plain["reasons"]) == 3


def test_the_board_is_ranked_by_the_rule_that_was_asked_for(filled):
    for rule in ("current", "normalised", "cvs"):
        plain = json.loads(board("show", "--board", filled, "--rank", rule, "--json").stdout)
        assert plain["rule"] == rule
        assert plain["rows"][0]["name"] == "Ours"
    out = board("show", "--board", filled, "--lang", "en").stdout
    assert out.index("Ours") < out.index("Half <script>")
    assert "—" in out


def test_published_rows_are_shown_without_a_board(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain = json.loads(board("show", "--published", "--json").stdout)
    assert len(plain["rows"]) == 18
    assert plain["mode"] == "leaderboard"


def test_a_page_is_written_with_names_as_text(filled, tmp_path):
    page = tmp_path / "board.html"
    board("show", "--board", filled, "--published", "--html", page, "--lang", "zh")
    text = page.read_text(encoding="utf-8")
    assert "Half &lt;script&gt;" in text
    assert text.count("<script>") == 1


def test_no_board_is_an_error_that_names_the_file(tmp_path):
    done = board("show", "--board", tmp_path / "none", code=1)
    assert "board.yaml" in str(done.exception)


def test_the_published_table_does_not_pass_its_check():
    done = board("check", "--lang", "en", code=1)
    assert "0.068" in done.stdout
    assert "1 that cannot be right" in done.stderr
    found = json.loads(board("check", "--json", code=1).stdout)["findings"]
    assert found[0]["rows"] == ["Qwen2.5VL-7B"]


def test_a_table_that_fits_together_passes(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("name,CVS,TAG@0.3,TAG@0.5\nours,0.897,0.482,0.429\n", encoding="utf-8")
    assert "0 that cannot be right" in board("check", table, "--lang", "en").stderr


def test_an_entry_with_judged_columns_says_who_judged(files, tmp_path):
    truth, ours, _ = files
    judge = ["medvid", "judge", str(ours), "--truth", str(truth), "--model", "stub", "--out", str(tmp_path / "judged")]
    assert CliRunner().invoke(app, judge).exit_code in (0, 1)  # the stub fails some calls by its own formula
    done = board("add", ours, "--truth", truth, "--name", "Ours", "--org", "Lab", "--judged", tmp_path / "judged",
                 "--board", tmp_path / "b", "--json")  # fmt: skip
    plain = json.loads(done.stdout)
    assert plain["judged"] == {"folder": "judged", "by": "stub"}
    assert any(plain["modes"]["leaderboard"]["columns"][name]["value"] for name in ("DVC_llm", "VS_llm"))
