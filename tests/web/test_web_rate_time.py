"""Time fidelity: evidence set by keyboard names the very picture that was on the screen, in the original's time too."""

from __future__ import annotations

import itertools

import pytest
from rated_exam import FILMS, add_film, exam
from rating_page import at

from siming.video.timemap import TimeMap

pytestmark = pytest.mark.browser


def half_a_picture(times: TimeMap) -> float:
    """Half of the shortest stretch for which a picture is shown, in seconds of the original."""
    starts = times.original_times()
    return min(b - a for a, b in itertools.pairwise(starts)) / 2


@pytest.mark.parametrize("kind", FILMS)
def test_evidence_lies_within_half_a_picture_of_the_truth(visit, served, kind):
    made = exam(served.room, kind)
    times = TimeMap.from_json(made.time_map)
    wei = at(visit, made)
    pictures = len(times)
    marks = []
    for start, by in ((0, 1), (3, 2), (pictures // 2, 5), (pictures - 8, 3)):
        wei.go(f"{times.frame_times()[start] + 1e-4:.6f}")
        assert wei.picture() == start
        wei.keys("i")
        for _ in range(by):
            wei.keys(".")
        wei.still()
        assert wei.picture() == start + by
        wei.keys("o")
        marks.append((start, start + by))
    evidence = wei.entry("cpr01")["evidence"]
    assert len(evidence) == len(marks)
    truth = times.original_times()
    for (first, last), (start_s, end_s) in zip(marks, evidence, strict=True):
        assert (times.frame_at(start_s), times.frame_at(end_s)) == (first, last)
        assert abs(times.original_s(start_s) - truth[first]) < half_a_picture(times)
        assert abs(times.original_s(end_s) - truth[last]) < half_a_picture(times)


@pytest.mark.parametrize("kind", FILMS)
def test_every_key_press_moves_by_exactly_one_picture_in_both_directions(visit, served, kind):
    made = exam(served.room, kind)
    wei = at(visit, made)
    seen = []
    for key in "....,,.,":
        wei.keys(key)
        wei.still()
        seen.append(wei.picture())
    assert seen == [1, 2, 3, 4, 3, 2, 3, 2]


def test_keys_pressed_faster_than_the_video_can_follow_still_count(visit, served):
    wei = at(visit, exam(served.room))
    wei.keys(*["."] * 25, *[","] * 5)
    wei.still()
    wei.page.wait_for_timeout(400)
    assert wei.picture() == 20


@pytest.mark.alone
def test_evidence_marked_while_the_video_plays_names_the_picture_on_the_screen(visit, served):
    made = exam(served.room)
    times = TimeMap.from_json(made.time_map)
    wei = at(visit, made)
    # The picture is read in the same instant in which the key is handled.
    wei.page.evaluate(
        """() => {
          window.read = []
          const video = document.querySelector('video')
          addEventListener('keydown', ({ key }) => {
            if (key !== 'i' && key !== 'o') return
            const canvas = document.createElement('canvas')
            canvas.width = video.videoWidth; canvas.height = video.videoHeight
            canvas.getContext('2d').drawImage(video, 0, 0)
            window.read.push(canvas.toDataURL())
          }, true)
        }"""
    )
    wei.keys("[", "[", "Space")  # half speed: a picture stays for 80 ms
    wei.page.wait_for_timeout(700)
    wei.keys("i")
    wei.page.wait_for_timeout(500)
    wei.keys("o", "Space")
    wei.page.wait_for_timeout(600)  # a mark waits for the picture that comes next
    import base64

    from recordings import number_in

    shown = [number_in(base64.b64decode(url.split(",")[1])) for url in wei.page.evaluate("window.read")]
    [[start_s, end_s]] = wei.entry("cpr01")["evidence"]
    assert [times.frame_at(start_s), times.frame_at(end_s)] == pytest.approx(shown, abs=1)


def test_the_end_of_an_interval_is_moved_by_pictures_with_the_arrows_and_by_dragging(visit, served):
    made = exam(served.room)
    wei = at(visit, made)
    wei.go("1")
    wei.keys("i")
    wei.go("2")
    wei.keys("o")
    page = wei.page
    page.focus("[data-handle='0.1']")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert wei.entry("cpr01")["evidence"] == [[1, 2.12]]
    wei.still()
    assert wei.picture() == 53
    page.focus("[data-handle='0.0']")
    page.keyboard.press("Shift+ArrowLeft")
    assert wei.entry("cpr01")["evidence"] == [[0.6, 2.12]]
    box = page.locator("[data-handle='0.1']").bounding_box()
    track = page.locator(".scrubber").bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(track["x"] + track["width"] * 4 / 6, box["y"] + 5, steps=5)
    page.mouse.up()
    [[start, end]] = wei.entry("cpr01")["evidence"]
    assert start == 0.6
    assert end == pytest.approx(4, abs=0.05)
    assert (end * 25) == pytest.approx(round(end * 25))  # on the start of a picture


@pytest.mark.alone
def test_what_was_played_is_written_down_and_a_jump_is_not(visit, served):
    made = exam(served.room)
    wei = at(visit, made)
    wei.keys("Space")
    wei.until("document.querySelector('video').currentTime > 1")
    wei.keys("Space")
    wei.go("4")
    wei.keys("Space")
    wei.until("document.querySelector('video').currentTime > 4.6")
    wei.keys("Space")
    wei.saved()
    played = wei.drafted["played"]
    assert len(played) == 2
    # A stretch goes from the first to the last picture that the browser reported; both come late on a busy machine.
    assert played[0][0] == pytest.approx(0, abs=0.13)
    assert 1 - 0.13 <= played[0][1] < 2
    assert played[1][0] == pytest.approx(4, abs=0.1)


def test_the_next_camera_shows_the_same_moment_and_evidence_keeps_the_main_time(visit, served):
    from siming.store.media import media

    made = exam(served.room)
    side = add_film(served.room, made.attempt, "variable", camera="side")
    media.set_clock_offset(served.room.db, served.room.coordinator, side.id, 0.5)
    wei = at(visit, made)
    wei.go("4")
    wei.keys("c")
    wei.until("document.getElementById('t-camera').textContent.includes('side')")
    wei.still()
    times = TimeMap.from_json(side.time_map)
    assert wei.picture() == times.frame_at(3.5)
    wei.keys("e")
    [[start, end]] = wei.entry("cpr01")["evidence"]
    assert end - 1 == pytest.approx(4, abs=0.1)
    assert start == pytest.approx(end - 3)


def test_a_new_address_of_the_video_takes_over_without_losing_the_place(visit, served):
    made = exam(served.room)
    wei = at(visit, made)
    wei.until("document.getElementById('keep-video').classList.contains('kept')")
    wei.page.click("#keep-video")  # off the device again: the page needs the server's copy
    wei.go("3")
    wei.page.evaluate("document.querySelector('video').src = '/media/' + 'me_gone' + '?until=1&for=x&sig=y'")
    wei.until(
        "document.querySelector('video').readyState >= 2 && !document.querySelector('video').src.includes('me_gone')"
    )
    wei.still()
    assert wei.picture() == 75
    visit.complaints.clear()  # the browser says that the first address failed, which was the point
