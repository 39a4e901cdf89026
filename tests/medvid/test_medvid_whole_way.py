"""From a folder of data to a row of a board, by the commands alone, with a real (tiny) model and a judge."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from made_release import make_release
from typer.testing import CliRunner

from siming.cli import app

sys.path.append(str(Path(__file__).resolve().parents[1] / "run"))  # its tiny model


def siming(*args, code=0):
    done = CliRunner().invoke(app, [str(arg) for arg in args], env={"COLUMNS": "160"})
    assert done.exit_code == code, done.output + str(done.exception)
    return done


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    pytest.importorskip("torch", reason="needs siming[local]")
    pytest.importorskip("transformers", reason="needs siming[local]")
    from tiny_model import build

    return build(tmp_path_factory.mktemp("tiny"), positions=8192)


@pytest.fixture(scope="module")
def page(tmp_path_factory, tiny):
    """The board's page after a tiny model was asked, its answers judged by the stub, scored and admitted."""
    at = tmp_path_factory.mktemp("whole")
    data = make_release(at / "data")
    siming("medvid", "check", data, "--frames", data.parent / "frames", "--json")
    siming("medvid", "ask", data, "--out", at / "run", "--frames", data.parent / "frames", "--max-side", 64)
    siming("bench", "run", at / "run", "--model", f"local:{tiny}", "--option", "max_new_tokens=12")
    siming("medvid", "submission", at / "run", "--out", at / "submission.json")
    siming("medvid", "judge", at / "submission.json", "--truth", data, "--model", "stub", "--out", at / "judged")
    for mode in ("leaderboard", "strict"):
        siming("medvid", "score", at / "submission.json", "--truth", data, "--mode", mode, "--judged", at / "judged",
               "--json", at / f"{mode}.json")  # fmt: skip
    siming("board", "add", at / "submission.json", "--truth", data, "--name", "Tiny", "--org", "Tan's lab",
           "--judged", at / "judged", "--board", at / "board", "--date", "2026-05-01")  # fmt: skip
    siming("board", "show", "--board", at / "board", "--published", "--html", at / "board.html")
    return at


@pytest.mark.local
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_score_holds_the_ten_official_columns_and_every_row(page):
    for mode in ("leaderboard", "strict"):
        score = json.loads((page / f"{mode}.json").read_text())
        assert score["mode"] == mode
        assert list(score["columns"])[:10] == [
            "CVS_acc", "NAP_acc", "SA_acc", "STG_mIoU", "TAG_mIoU@0.3", "TAG_mIoU@0.5", "DVC_F1", "DVC_llm", "VS_llm",
            "RC_llm",
        ]  # fmt: skip
        assert score["rows"]
    strict = json.loads((page / "strict.json").read_text())["columns"]
    assert (strict["TAG_mIoU@0.3"]["value"], strict["TAG_mIoU@0.3"]["n"]) == (0.0, 3)  # random words hold no span


@pytest.mark.local
@pytest.mark.browser
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_model_stands_on_the_boards_page_in_both_languages(page, playwright):
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        pytest.skip("no chromium here")
    browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    shown = browser.new_page(viewport={"width": 1280, "height": 900})
    shown.goto((page / "board.html").as_uri())
    assert shown.get_by_text("Tiny", exact=True).first.is_visible()
    for language, word in (("zh", "榜单"), ("en", "The board")):
        shown.click(f"[data-set-lang={language}]")
        assert shown.get_by_text(word, exact=True).first.is_visible()
    assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    browser.close()
