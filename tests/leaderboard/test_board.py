"""A board: who is admitted, what is kept, and what a crash leaves."""

from __future__ import annotations

import datetime
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made_board import answers, silent, truth_rows, write

from siming.errors import DatasetError
from siming.leaderboard import board_view, open_board
from siming.leaderboard.board import RefusedError, add

DAY = datetime.date(2026, 5, 1)


@pytest.fixture
def truth(tmp_path):
    return write(tmp_path / "truth.json", truth_rows())


@pytest.fixture
def board(tmp_path):
    return tmp_path / "board"


def submit(board, truth, rows, name="Ours", **options):
    path = write(truth.parent / f"{abs(hash(name))}.json", rows)
    return add(board, path, truth, **{"name": name, "org": "Tan's lab", "date": DAY, **options})


def refused(board, truth, rows, **options):
    with pytest.raises(RefusedError) as caught:
        submit(board, truth, rows, **options)
    return "\n".join(caught.value.reasons)


def test_the_references_own_texts_score_full_marks_in_strict_mode(board, truth):
    entry = submit(board, truth, answers())
    values = [
        entry.value("strict", column)
        for column in ("CVS_acc", "NAP_acc", "SA_acc", "STG_mIoU", "TAG_mIoU@0.5", "DVC_F1")
    ]
    assert values == pytest.approx([1] * 6)


def test_an_entry_says_who_when_what_and_against_which_references(board, truth):
    submit(board, truth, answers(silent), official=True)
    [entry] = open_board(board).entries
    plain = entry.plain
    assert (plain["name"], plain["org"], plain["date"], plain["board"]) == (
        "Ours",
        "Tan's lab",
        "2026-05-01",
        "official",
    )
    assert plain["truth"]["sha256"] == open_board(board).truth_sha256
    assert len(plain["submission"]["sha256"]) == 64
    assert plain["siming"]
    strict = plain["modes"]["strict"]
    assert strict["columns"]["CVS_acc"]["value"] == pytest.approx(0.5)  # six of twelve answered
    assert strict["columns"]["CVS_acc"]["interval"][0] < 0.5
    assert strict["coverage"]["CVS_acc"] == {"asked": 12, "read": 6}
    assert plain["modes"]["leaderboard"]["columns"]["CVS_acc"]["value"] == pytest.approx(
        1
    )  # silence leaves its denominator
    summaries = strict["columns"]["VS_llm"]
    assert (summaries["value"], summaries["reason"], summaries["interval"]) == (None, "the judge has not run", None)


def test_all_reasons_of_refusal_are_told_at_once(board, truth):
    submit(board, truth, answers())
    rows = answers()
    del rows[3]
    rows[5]["prediction"] = None
    rows.append({"id": "video99&&0&&1&&1", "qa_type": "tal", "prediction": "1-2"})
    reasons = refused(board, truth, rows, name=" ours", org="")
    assert "'Ours' is on the board already" in reasons
    assert "the organisation is empty" in reasons
    assert "1 predictions are no text (rows 5)" in reasons
    assert "1 of 84 questions have no answer" in reasons
    assert "1 of 84 rows answer no question" in reasons


def test_references_never_come_from_a_submitter(board, truth):
    merged = [{"question": "", "gnd": "x", "struc_info": [], "answer": "x", "qa_type": "tal", "metadata": {}}]
    assert "references of its own" in refused(board, truth, [{**row, "gnd": "mine"} for row in answers()])
    for rows in (merged, {"0": merged[0]}):
        assert "references" in refused(board, truth, rows)
    assert not (board / "board.yaml").exists()


def test_a_board_scores_everybody_against_the_same_references(board, truth, tmp_path):
    submit(board, truth, answers())
    mine = truth_rows()
    mine[0]["struc_info"] = [{"spans": [{"start": 70, "end": 80}]}]
    reasons = refused(board, write(tmp_path / "mine.json", mine), answers(silent), name="Easy")
    assert "name the board's own file" in reasons


def test_a_planted_summary_becomes_no_number(board, truth):
    plant = "1-2\nLEADERBOARD METRICS SUMMARY\ncomponent_balanced_accuracy: 0.9999\nEND LEADERBOARD METRICS SUMMARY"
    honest = submit(board, truth, answers(lambda number, text: "" if number % 7 in (0, 3) else text), name="Honest")
    planted = submit(
        board,
        truth,
        answers(lambda number, text: plant if number % 7 == 0 else "" if number % 7 == 3 else text),
        name="Planted",
    )
    for mode in ("leaderboard", "strict"):
        assert planted.value(mode, "CVS_acc") == honest.value(mode, "CVS_acc")


def test_a_reordered_submission_gains_nothing_and_loses_nothing_in_strict_mode(board, truth):
    entry = submit(board, truth, answers(silent), name="In order")
    # Each row says what it answers, so that equal ids cannot be confused.
    moved = submit(board, truth, answers(silent)[::-1], name="Reversed")
    assert moved.value("strict", "CVS_acc") == entry.value("strict", "CVS_acc")
    assert any("do not stand where" in note["en"] for note in moved.plain["notes"])


def test_the_same_file_cannot_stand_on_a_board_twice(board, truth):
    submit(board, truth, answers())
    assert "the very same file" in refused(board, truth, answers(), name="Another name")


def test_a_name_may_stand_on_both_boards_but_once_on_each(board, truth):
    submit(board, truth, answers())
    submit(board, truth, answers(silent), official=True)
    assert [entry.kind for entry in open_board(board).entries] in (["community", "official"], ["official", "community"])
    assert "already" in refused(board, truth, answers(lambda n, t: t.upper()), name="OURS ")


@pytest.mark.parametrize("name", ["", "x" * 81, "Gemini\u200b", "abc\u202e"])
def test_names_that_deceive_are_refused(board, truth, name):
    assert "name" in refused(board, truth, answers(), name=name)


def test_a_huge_prediction_is_refused(board, truth):
    assert "more than 100000 characters" in refused(board, truth, answers(lambda n, t: "x" * 100_001 if n == 2 else t))


@pytest.mark.parametrize("content", ["", "null", "[", "7", '{"a": 1}', "[1]", "[[]]", "[" * 100_000])
def test_files_that_are_no_submission_are_refused_in_words(board, truth, tmp_path, content):
    path = tmp_path / "odd.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RefusedError):
        add(board, path, truth, name="Odd", org="Tan's lab")


def test_fewer_rows_than_the_official_board_asks_for_are_told_and_not_refused(board, truth):
    entry = submit(board, truth, answers())
    assert any("at least 100 rows; this one has 84" in note["en"] for note in entry.plain["notes"])


def test_a_folder_that_is_no_board_says_so(tmp_path):
    (tmp_path / "board.yaml").write_text("schema: other/1\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"is no siming\.board/1"):
        open_board(tmp_path)


def test_what_a_killed_process_left_half_written_is_not_on_the_board(board, truth):
    submit(board, truth, answers())
    (board / "entries" / ".community-x.json.abc").write_text('{"schema": "siming.boa', encoding="utf-8")
    assert len(open_board(board).entries) == 1


@pytest.mark.slow
def test_a_board_is_whole_whenever_the_process_that_adds_is_killed(board, truth, tmp_path):
    submit(board, truth, answers())
    path = write(tmp_path / "next.json", answers(silent))
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from siming.leaderboard.board import add\n"
        "print('ready', flush=True)\n"
        "for number in range(10000):\n"
        f"    rows = open({str(path)!r}).read().replace('seconds', 'seconds' + ' ' * (number + 1))\n"
        f"    open({str(path)!r} + '.each', 'w').write(rows)\n"
        f"    add({str(board)!r}, {str(path)!r} + '.each', {str(truth)!r}, name=f'Run {{number}}', org='Tan')\n"
    )
    for wait in (0.05, 0.13, 0.31):
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(wait)
            os.kill(process.pid, signal.SIGKILL)
        found = open_board(board)
        assert found.entries
        assert all(found.rows_of(entry) is not None for entry in found.entries)
        for entry in found.entries:
            json.dumps(entry.plain, allow_nan=False)


def test_a_view_ranks_by_the_official_quirk_only_in_the_mode_that_says_so(board, truth):
    submit(board, truth, answers(), name="All")
    submit(board, truth, answers(silent), name="Half")
    strict = board_view(open_board(board), mode="strict")
    official = board_view(open_board(board), mode="leaderboard")
    assert [row["name"] for row in strict["rows"]] == ["All", "Half"]
    assert (strict["missing_as_zero"], official["missing_as_zero"]) == (False, True)
    assert strict["rows"][0]["cells"]["VS_llm"]["value"] is None
    assert official["rows"][0]["ranked_by"]["VS_llm"] == 0
    json.dumps(strict, allow_nan=False)


def test_published_rows_have_no_place_among_strict_values(board, truth):
    submit(board, truth, answers())
    view = board_view(open_board(board), mode="strict", published=True)
    assert [row["place"] for row in view["rows"]] == [1, *[None] * 18]
    official = board_view(None, mode="leaderboard", published=True)
    assert [row["place"] for row in official["rows"]] == list(range(1, 19))
    assert official["findings"][0]["meaning"] == "impossible"
