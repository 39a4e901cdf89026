"""Accessibility by a checker that is not ours: axe-core looks at every screen, in both languages and both themes."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("fastapi", reason="needs the web extra: pip install 'siming[web]'")
pytest.importorskip("axe_playwright_python", reason="needs axe-core: pip install 'siming[test]'")

from axe_playwright_python.base import AXE_FILE_PATH
from screens import NOT_SCREENS, SCREENS, filled

from siming.web.routes import PAGES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCRIPT = AXE_FILE_PATH.read_text("utf-8")
LOOK = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
  .filter((v) => ['serious', 'critical'].includes(v.impact))
  .flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary.split('\\n').slice(1).join(' ')}`))"""


@pytest.fixture(scope="module")
def room():
    with filled() as made:
        yield made


def test_no_page_is_left_out(room):
    """Screens are listed by hand; a new page has to be among them."""
    shown = [re.sub(r"[?#].*", "", s.path.format(**room.ids)) for s in SCREENS]
    pages = {r.path for p in PAGES for r in p.routes if "GET" in r.methods} - set(NOT_SCREENS)
    unseen = {path for path in pages if not any(re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), one) for one in shown)}
    assert unseen == set()


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("zh", "dark")])
def test_axe_finds_nothing_serious_on_any_screen(browser, room, language, theme):
    room.chosen(language, theme)
    found = {}
    for who in dict.fromkeys(screen.who for screen in SCREENS):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        room.begin(context, who, language, theme)
        page = context.new_page()
        for screen in (s for s in SCREENS if s.who == who):
            room.show(page, screen)
            page.evaluate(SCRIPT)
            wrong = page.evaluate(LOOK)
            if wrong:
                found[screen.name] = wrong
        context.close()
    assert not found, "\n".join(f"{name}:\n  " + "\n  ".join(wrong) for name, wrong in found.items())
