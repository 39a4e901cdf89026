"""What is pressed can be pressed: 44 pixels high for a finger, 24 by 24 for everybody (WCAG 2.2, 2.5.8), on every screen."""

from __future__ import annotations

import pytest

pytest.importorskip("fastapi", reason="needs the web extra: pip install 'siming[web]'")

from screens import SCREENS, filled

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MEASURE = """([high, wide]) => {
  const found = new Set()
  const pressed = 'button, a[href], summary, select, input:not([type=hidden]), textarea, [role=button], [role=tab]'
  for (const element of document.querySelectorAll(pressed)) {
    // Bars and marks lie where their time is; each has a button or a line of a list that does the same.
    if (element.closest('.timeline, .lane, .spoken, .unseen') || element.disabled) continue
    if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue
    const modal = document.querySelector('dialog:modal')
    if (modal && !modal.contains(element)) continue
    // A link within a sentence is as high as its line.
    const sentence = element.matches('a') && getComputedStyle(element).display === 'inline'
      && [...element.parentElement.childNodes].some((node) => node.nodeType === 3 && node.data.trim().length > 1)
    if (sentence) continue
    const target = element.matches('[type=checkbox], [type=radio]') ? element.closest('label') ?? element : element
    const box = target.getBoundingClientRect()
    if (box.width < 2 || box.bottom < 0 || box.right < 0) continue // what is for screen readers, or comes by keyboard
    if (box.height < high - 0.5 || box.width < wide - 0.5) {
      const name = (element.getAttribute('aria-label') || element.textContent || element.name || '').trim().replace(/\\s+/g, ' ').slice(0, 40)
      const shape = target.tagName.toLowerCase() + [...target.classList].map((c) => '.' + c).join('')
      found.add(`${target.parentElement.tagName.toLowerCase()}.${target.parentElement.className} > ${shape} "${name}" ${Math.round(box.width)}x${Math.round(box.height)}`)
    }
  }
  return [...found].slice(0, 12)
}"""
TABLET = {"has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def room():
    with filled() as made:
        yield made


def too_small(browser, room, high, wide, **options):
    found = {}
    for who in dict.fromkeys(screen.who for screen in SCREENS):
        context = browser.new_context(reduced_motion="reduce", **options)
        room.begin(context, who, "en", "light")
        page = context.new_page()
        for screen in (s for s in SCREENS if s.who == who):
            room.show(page, screen)
            assert page.evaluate("matchMedia('(pointer: coarse)').matches") == options.get("has_touch", False)
            small = page.evaluate(MEASURE, [high, wide])
            if small:
                found[screen.name] = small
        context.close()
    return "\n".join(f"{name}:\n  " + "\n  ".join(small) for name, small in found.items())


@pytest.mark.parametrize(("width", "height"), [(820, 1180), (1180, 820)])
def test_everything_that_a_finger_presses_is_44_pixels_high(browser, room, width, height):
    small = too_small(browser, room, 44, 24, viewport={"width": width, "height": height}, **TABLET)
    assert not small, small


def test_nothing_that_is_pressed_is_smaller_than_24_by_24(browser, room):
    small = too_small(browser, room, 24, 24, viewport={"width": 1280, "height": 900})
    assert not small, small
