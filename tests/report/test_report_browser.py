"""The page in a real browser."""

from __future__ import annotations

import io
import re
import shutil

import pytest
from PIL import Image
from sample_report import sample_report

from siming.report import write_page

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'siming[test]'")
expect = sync_api.expect
CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH"),
]

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    out = io.BytesIO()
    Image.new("RGB", (320, 180), "teal").save(out, "JPEG")
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_page(sample_report(3), path, frames=lambda key: out.getvalue())
    return path


@pytest.fixture(scope="module")
def browser(playwright):
    opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield opened
    opened.close()


@pytest.fixture
def visit(browser, page_file):
    """Open the page; complaints of the browser and requests to anywhere else fail the test."""
    contexts, complaints, requests = [], [], []

    def open_page(address: str = "", **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(page_file.as_uri() + address)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith((page_file.as_uri(), "data:image/jpeg"))] == []


def shown_words(page, selector: str) -> str:
    return page.locator(selector).first.inner_text()


def test_the_language_switch_changes_texts_title_and_the_root_and_is_remembered(visit):
    page = visit()
    assert shown_words(page, "#headline-title") == "What can be said"
    page.get_by_role("button", name="中文").click()
    assert shown_words(page, "#headline-title") == "可以得出的结论"
    assert page.locator("html").get_attribute("lang") == "zh-Hans"
    assert page.title().endswith("司命报告")
    page.reload()
    assert shown_words(page, "#headline-title") == "可以得出的结论"


def test_the_address_can_ask_for_a_language(visit):
    assert shown_words(visit("?lang=zh"), ".kicker") == "一致性报告"
    assert shown_words(visit("?lang=xx"), ".kicker") == "Agreement report"


def test_colours_follow_the_system_until_the_reader_chooses(visit):
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    page = visit(color_scheme="dark")
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Light colours").click()
    light = page.evaluate(ground)
    assert sum(map(int, re.findall(r"\d+", dark))) < 120
    assert sum(map(int, re.findall(r"\d+", light))) > 660
    page.reload()
    assert page.evaluate(ground) == light


@pytest.mark.parametrize("place", ["", "#attempt-1", "#attempt-3"])
def test_nothing_makes_the_page_wider_than_the_window(visit, place):
    page = visit(place)
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    for language in ("中文", "EN"):
        page.get_by_role("button", name=language).click()
        for width in (360, 768, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (language, width)


def test_hostile_replies_and_names_do_nothing(visit):
    page = visit("#attempt-3")
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    page.wait_for_timeout(200)
    assert page.evaluate("window.hacked") is None
    assert page.locator(".attempt.open pre").first.inner_text().count("<script>window.hacked = 1</script>") == 1
    assert page.locator("script").count() == 1


def test_an_attempt_has_a_page_of_its_own_and_the_way_back(visit):
    page = visit()
    page.locator("#attempts a.card").nth(0).click()
    expect(page.locator("#attempt-1")).to_be_visible()
    expect(page.locator("#overview")).to_be_hidden()
    expect(page.locator("#attempt-2")).to_be_hidden()
    expect(page.locator("#attempt-1-title")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#attempt-2")).to_be_visible()
    page.go_back()
    expect(page.locator("#attempt-1")).to_be_visible()
    page.locator("#attempt-1").get_by_role("link", name="All attempts").click()
    expect(page.locator("#overview")).to_be_visible()


def test_a_number_tells_by_keyboard_how_it_was_made(visit):
    page = visit()
    dash = page.locator("#setting-0 tbody.baseline .num.dash").first
    dash.focus()
    page.keyboard.press("Enter")
    card = page.locator(":popover-open")
    assert "Undefined: no variation: the reference or the prediction calls every step the same." in card.inner_text()
    box = card.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 1280
    page.keyboard.press("Escape")
    assert page.locator(":popover-open").count() == 0
    page.locator("#setting-0 tbody.run .num").filter(has_text=re.compile(r"^0\.52")).first.click()
    words = page.locator(":popover-open").inner_text()
    assert all(part in words for part in ("cluster bootstrap (BCa)", "Seed", "7", "2000"))


def test_an_undefined_number_is_a_dash_and_the_word(visit):
    dash = visit("?lang=zh").locator("#setting-0 tbody.baseline .num.dash").first
    assert dash.inner_text().split() == ["–", "无定义"]


def test_the_keyboard_reaches_first_the_content_then_the_switches_and_the_focus_is_seen(visit):
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached = set()
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.trim()"))
    assert {"EN", "中文"} <= reached
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_every_button_and_link_and_scroll_region_has_a_name(visit):
    page = visit()
    nameless = """[...document.querySelectorAll('a, button, [role=region]')].filter((element) =>
      !element.innerText.trim() && !element.textContent.trim() && !element.getAttribute('aria-label')).length"""
    assert page.evaluate(nameless) == 0


def test_without_script_everything_is_there_in_the_first_language(visit):
    page = visit(java_script_enabled=False)
    assert page.locator("#attempt-1").is_visible()
    assert page.locator("#attempt-3 pre").first.is_visible()
    assert page.locator(".switch").first.is_hidden()
    assert shown_words(page, "#headline-title") == "What can be said"


def test_words_stand_out_from_their_ground_in_both_schemes(visit):
    """Contrast of the soft and faint inks, 4.5 to 1 at least (WCAG 2 AA, small text)."""
    script = """(names) => { const style = getComputedStyle(document.documentElement);
      return names.map((name) => style.getPropertyValue(name).trim()) }"""
    inks = ["--ink", "--soft", "--faint", "--accent", "--human", "--run", "--baseline", "--bad"]
    for scheme in ("light", "dark"):
        page = visit(color_scheme=scheme)
        for ground in page.evaluate(script, ["--ground", "--surface"]):
            for name, ink in zip(inks, page.evaluate(script, inks), strict=True):
                assert contrast(ink, ground) >= 4.5, (scheme, name, ground)


def contrast(first: str, second: str) -> float:
    def luminance(colour: str) -> float:
        digits = colour.lstrip("#")
        digits = "".join(d * 2 for d in digits) if len(digits) == 3 else digits
        channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)
