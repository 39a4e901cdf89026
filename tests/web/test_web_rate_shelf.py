"""What a rater's device keeps for work without a network goes when the server no longer gives it."""

from __future__ import annotations

import time

import pytest
from rated_exam import exam
from rating_page import at

from siming.store.blind import assignments
from siming.store.media import media

pytestmark = pytest.mark.browser

SHELF = """async () => {
  const cache = await caches.open('siming-shelf-1')
  return (await cache.keys()).map(({ url }) => new URL(url).pathname.replace('/kept/', '')).sort()
}"""


def held(page) -> list[str]:
    """What lies on the device's shelf, by kind and name."""
    return page.evaluate(SHELF)


def until_held(page, *kinds: str) -> None:
    """Wait until exactly these kinds of things lie there."""
    end = time.monotonic() + 20
    while sorted(name.split("/")[0] for name in held(page)) != sorted(kinds) and time.monotonic() < end:
        page.wait_for_timeout(50)
    assert sorted(name.split("/")[0] for name in held(page)) == sorted(kinds)


def kept(visit, made):
    """Wei's page with the film on the device."""
    wei = at(visit, made)
    wei.until("document.getElementById('keep-video').classList.contains('kept')", 30)
    until_held(wei.page, "table", "video", "view")
    return wei


def hold_back(room, made) -> None:
    """What a leak report of another rater comes to."""
    media.quarantine(room.db, room.coordinator, made.media, "a name badge at 12 s")


def test_a_film_that_was_held_back_leaves_the_device_when_the_queue_is_opened_and_other_films_stay(visit, served):
    gone, stays = exam(served.room), exam(served.room, code="A-002", n_frames=60)
    wei = kept(visit, gone)
    wei.page.goto(served.address + stays.path)
    wei.ready()
    until_held(wei.page, "table", "table", "video", "video", "view", "view")
    hold_back(served.room, gone)
    wei.page.goto(served.address + "/queue")
    until_held(wei.page, "table", "video", "view", "view")


def test_a_film_that_was_held_back_leaves_the_device_when_its_attempt_is_opened_again(visit, served):
    made = exam(served.room)
    wei = kept(visit, made)
    hold_back(served.room, made)
    wei.page.reload()
    until_held(wei.page)  # without a film there is nothing to open
    assert wei.page.evaluate("document.querySelector('video').src") == ""
    visit.complaints.clear()


def test_a_film_that_was_held_back_stops_where_it_is_being_watched(visit, served):
    made = exam(served.room)
    wei = kept(visit, made)
    hold_back(served.room, made)
    # As when the film's address comes to its end.
    wei.page.evaluate("document.querySelector('video').src = '/media/me_gone?until=1&for=x&sig=y'")
    wei.page.locator("#banner").get_by_text("taken away from everybody").wait_for()
    until_held(wei.page, "view")
    assert wei.page.evaluate("document.querySelector('video').readyState") == 0
    visit.complaints.clear()  # the browser says that the address failed


def test_an_attempt_that_was_withdrawn_leaves_nothing_on_the_device(visit, served):
    made = exam(served.room)
    wei = kept(visit, made)
    assignments.withdraw(served.room.db, served.room.coordinator, made.assignment, reason="ill")
    wei.page.goto(served.address + "/queue")
    until_held(wei.page)
    visit.complaints.clear()


def test_without_a_network_everything_stays(visit, served):
    wei = kept(visit, exam(served.room))
    wei.page.goto(served.address + "/queue")
    wei.page.route("**/api/v1/**", lambda route: route.abort())
    wei.page.reload()
    wei.page.locator("[data-kept]:visible").wait_for()
    assert len(held(wei.page)) == 3
    visit.complaints.clear()


def test_browsers_neither_offer_to_save_a_film_nor_show_a_kept_one_without_asking(visit, served):
    wei = kept(visit, exam(served.room))
    asked = wei.page.evaluate(
        """() => {
          const video = document.querySelector('video')
          return video.dispatchEvent(new MouseEvent('contextmenu', { bubbles: true, cancelable: true }))
        }"""
    )
    assert asked is False
    headers = wei.page.evaluate(
        """async () => {
          const { media } = await (await fetch('/api/v1/assignments/' + location.pathname.split('/').pop())).json()
          return Object.fromEntries((await fetch(media[0].url, { method: 'HEAD' })).headers)
        }"""
    )
    assert headers["cache-control"] == "private, no-cache"
    assert headers["etag"]
