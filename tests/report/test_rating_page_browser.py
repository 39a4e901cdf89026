"""The pages of the rating commands in a real browser."""

from __future__ import annotations

import re
import shutil

import pytest
from sample_rating import ALL

from siming.report.rating_page import write_rating_page

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'siming[test]'")
CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH"),
]

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, record in ALL.items():
        write_rating_page(record(), folder / f"{name}.html")
    return folder


@pytest.fixture(scope="module")
def browser(playwright):
    opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield opened
    opened.close()


@pytest.fixture
def visit(browser, pages):
    """Open a page; complaints of the browser and requests to anywhere else fail the test."""
    contexts, complaints, requests = [], [], []

    def open_page(name: str, address: str = "", **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto((pages / f"{name}.html").as_uri() + address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(pages.as_uri())] == []


def open_all(page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")


@pytest.mark.parametrize("name", ALL)
def test_nothing_makes_a_page_wider_than_the_window(visit, name):
    page = visit(name)
    open_all(page)
    for language in ("中文", "EN"):
        page.get_by_role("button", name=language, exact=True).click()
        for width in (360, 768, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (language, width)


def test_hostile_names_do_nothing(visit):
    page = visit("hostile")
    open_all(page)
    page.wait_for_timeout(200)
    assert page.evaluate("window.hacked") is None
    assert page.locator("script").count() == 1


@pytest.mark.parametrize(
    ("name", "english", "chinese"),
    [
        ("agreement", "Totals against each other (Bland-Altman)", "总分比较（Bland-Altman图）"),
        ("gstudy", "E ρ²", "概化系数 E ρ²"),
        ("effects", "wei", "wei"),
        ("standard", "CPR", "CPR"),
    ],
)
def test_a_drawing_is_named_in_the_language_that_is_shown(visit, name, english, chinese):
    page = visit(name)
    assert page.get_by_role("img", name=english, exact=True).count() >= 1
    page.get_by_role("button", name="中文").click()
    assert page.get_by_role("img", name=chinese, exact=True).count() >= 1


def test_words_inside_a_drawing_change_with_the_language(visit):
    page = visit("agreement")
    shown = "[...document.querySelectorAll('svg.plot text.in-plot tspan')].filter((t) => t.getComputedTextLength() > 0).map((t) => t.textContent)"
    assert page.evaluate(shown) == ["upper limit +7.3", "mean −1.3", "lower limit −9.9"]
    page.get_by_role("button", name="中文").click()
    assert page.evaluate(shown) == ["上限 +7.3", "均值 −1.3", "下限 −9.9"]


def test_a_number_of_the_panel_tells_by_keyboard_how_it_was_made(visit):
    page = visit("agreement")
    page.locator("#panel-1 .track-value .num").filter(has_text="0.73").first.focus()
    page.keyboard.press("Enter")
    words = page.locator(":popover-open").inner_text()
    assert all(
        part in words
        for part in ("QWK, pooled", "jackknife by video", "[0.6800, 0.7800]", "792", "Left out: cannot judge")
    )
    page.keyboard.press("Escape")
    assert page.locator(":popover-open").count() == 0


@pytest.mark.parametrize("name", ["agreement", "effects", "gstudy", "standard"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_words_inside_a_drawing_are_cut_or_leave_the_window(visit, name, width):
    page = visit(name, viewport={"width": width, "height": 900})
    outside = """(width) => [...document.querySelectorAll('svg text')].filter((text) => {
      const box = text.getBoundingClientRect();
      return box.width > 0 && (box.left < 0 || box.right > width) }).map((text) => text.textContent)"""
    assert page.evaluate(outside, width) == []


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("name", "width"), [("agreement", 390), ("agreement", 1280), ("gstudy", 390), ("effects", 390)]
)
def test_no_two_words_inside_a_drawing_lie_on_each_other(visit, name, width, language):
    page = visit(name, f"?lang={language}", viewport={"width": width, "height": 900})
    clashes = """() => [...document.querySelectorAll('svg')].flatMap((drawing) => {
      const boxes = [...drawing.querySelectorAll(':scope > text')]
        .map((text) => [text.textContent, text.getBoundingClientRect()]).filter(([, box]) => box.width > 0);
      const found = [];
      boxes.forEach(([words, a], i) => boxes.slice(i + 1).forEach(([others, b]) => {
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 1 && high > 4) found.push([words, others]);
      }));
      return found; })"""
    assert page.evaluate(clashes) == []


def test_sections_are_reached_from_the_bar(visit):
    page = visit("effects")
    page.get_by_role("link", name="Drift").click()
    sync_api.expect(page.locator("#drift-title")).to_be_in_viewport()


def test_without_script_everything_is_there(visit):
    page = visit("agreement", java_script_enabled=False)
    assert page.locator("#panel-1 details table").first.is_visible()
    assert page.locator(".switch").first.is_hidden()


def test_words_on_shades_stand_out_in_both_schemes(visit):
    """Contrast of the counts on their heat squares, 3.7 to 1 at least: every shade has the ink that suits it best."""
    for scheme in ("light", "dark"):
        page = visit("agreement", color_scheme=scheme)
        surface = colour(page.evaluate("getComputedStyle(document.querySelector('.panel')).backgroundColor"))
        page.evaluate(
            "const p = document.querySelector('.panel'); for (let i = 0; i <= 10; i++) { const e = document.createElement('b'); e.className = `probe h${i}`; p.append(e) }"
        )
        for ground, ink in page.evaluate(
            "[...document.querySelectorAll('.probe')].map((e) => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color])"
        ):
            *channels, alpha = [*colour(ground), 1.0][:4]
            mixed = [alpha * a + (1 - alpha) * b for a, b in zip(channels, surface, strict=False)]
            assert contrast(colour(ink), mixed) >= 3.7, (scheme, ground, ink)


def colour(words: str) -> list[float]:
    return [float(number) for number in re.findall(r"[\d.]+", words)]


def contrast(first: list[float], second: list[float]) -> float:
    def luminance(channels: list[float]) -> float:
        linear = [
            c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (each / 255 for each in channels[:3])
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)
