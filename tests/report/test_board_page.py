"""The page of a board, as text and in a real browser."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest
from page_reader import read

sys.path.append(str(Path(__file__).resolve().parents[1] / "leaderboard"))

from made_board import answers, silent, truth_rows, write

from siming.leaderboard import board_view, open_board
from siming.leaderboard.board import add
from siming.report.board_page import render_board_page, write_board_page

CHROMIUM = shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]

HOSTILE = "</script><script>window.hacked = 1</script>"


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    truth = write(folder / "truth.json", truth_rows())
    add(folder / "board", write(folder / "a.json", answers()), truth, name="Ours", org="Tan's lab")
    add(folder / "board", write(folder / "b.json", answers(silent)), truth, name=HOSTILE, org="<b>Lab</b>")
    return lambda **options: board_view(open_board(folder / "board"), **options)


def test_names_are_text_and_never_markup(view):
    page = render_board_page(view())
    assert page.count("<script>") == 1
    assert "&lt;b&gt;Lab&lt;/b&gt;" in page


def test_a_missing_value_is_a_dash_and_says_how_it_is_ranked(view):
    strict, official = render_board_page(view(mode="strict")), render_board_page(view(mode="leaderboard"))
    assert "missing, ranked as 0" not in strict
    assert "missing, ranked as 0" in official
    assert ">0.000<" not in re.sub(r"<td[^>]*>", "<td>", strict).split('id="sources"')[0]


def test_the_page_says_which_mode_made_each_number_and_what_was_read(view):
    page = render_board_page(view(mode="strict", published=True))
    assert page.count('class="badge strict"') == 2
    assert "50.0 % read" in page
    assert "published in leaderboard mode" in page.lower()


def test_findings_of_the_published_rows_stand_on_the_page(view):
    page = render_board_page(board_view(None, mode="leaderboard", published=True))
    assert 'class="impossible"' in page
    assert "0.068" in page


@pytest.mark.parametrize(
    "options", [{}, {"mode": "leaderboard"}, {"rule": "cvs"}, {"rule": "normalised", "published": True}]
)
def test_every_page_is_well_formed_and_every_id_is_its_own(view, options):
    page = render_board_page(view(**options))
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert read(page).words.count("NaN") == 0


sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'siming[test]'")
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH")


@pytest.fixture(scope="module")
def browser(playwright):
    opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield opened
    opened.close()


@pytest.fixture
def visit(browser, view, tmp_path):
    complaints, contexts = [], []

    def open_page(language="en", width=1280, **options):
        path = tmp_path / "board.html"
        write_board_page(view(**options), path)
        context = browser.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{path.as_uri()}?lang={language}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def order(page):
    return page.locator(".board-table tbody:first-of-type .entry-name").all_inner_texts()


@pytest.mark.browser
@in_browser
def test_a_hostile_name_does_nothing(visit):
    page = visit()
    assert page.evaluate("window.hacked") is None
    assert HOSTILE in order(page)


@pytest.mark.browser
@in_browser
def test_the_board_is_sorted_by_key_and_the_focus_stays(visit):
    page = visit(mode="leaderboard", published=True)
    head = page.locator('[data-sort="NAP_acc"]')
    head.focus()
    page.keyboard.press("Enter")
    assert head.evaluate("e => e === document.activeElement")
    assert head.evaluate("e => e.closest('th').getAttribute('aria-sort')") == "descending"
    values = [
        float(v)
        for v in page.evaluate(
            "[...document.querySelectorAll('.board-table tbody tr')].map(r => r.children[3].dataset.value)"
        )
    ]
    assert values == sorted(values, reverse=True)
    page.keyboard.press("Enter")
    values = [
        float(v)
        for v in page.evaluate(
            "[...document.querySelectorAll('.board-table tbody tr')].map(r => r.children[3].dataset.value)"
        )
    ]
    assert values == sorted(values)
    assert page.locator("[aria-sort]").count() == 1


@pytest.mark.browser
@in_browser
def test_rows_without_a_value_stay_last_both_ways(visit):
    page = visit(mode="leaderboard", published=True)
    for _ in range(2):
        page.locator('[data-sort="VS_llm"]').click()
        assert set(order(page)[-2:]) == {"Ours", HOSTILE}


@pytest.mark.browser
@in_browser
def test_a_number_tells_by_key_how_it_was_made(visit):
    page = visit()
    page.locator(".board-table .num").first.focus()
    page.keyboard.press("Enter")
    card = page.locator(":popover-open").inner_text()
    assert "strict mode" in card
    assert "Read / asked" in card


@pytest.mark.browser
@in_browser
@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_makes_the_page_wider_than_the_window(visit, language):
    for options in ({}, {"mode": "leaderboard", "published": True}):
        page = visit(language, **options)
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
        for width in (360, 768, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, width
