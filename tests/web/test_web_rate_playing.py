"""Marks set while the video plays name the picture that was on the screen when the key went down.

What was on the screen is told by Chromium's own recording of its screen (the DevTools screencast), in which every
picture has the moment at which it was shown: it knows nothing of the page's script and goes on while that is busy.
"""

from __future__ import annotations

import base64
import io
import itertools
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
from PIL import Image
from rated_exam import FILMS, exam
from rating_page import CPR, Rater, at
from recordings import number_in

from siming.video.timemap import TimeMap

pytestmark = pytest.mark.browser

REFRESH_MS = 1000 / 60
SPEEDS = (0.25, 0.5, 1, 2, 3)


@dataclass
class Watched:
    """A rater's page whose screen is recorded while the film plays, and whose keys are noted with their moments."""

    wei: Rater
    times: TimeMap
    shots: list[tuple[float, int]] = field(default_factory=list)
    """When a picture came on the screen, in milliseconds of the page's clock; the number drawn in it."""
    checked: int = 0
    """So many marks were looked at before."""

    @classmethod
    def begin(cls, visit, served, kind: str, **options) -> Watched:
        """Open the page on a film of some kind."""
        made = exam(served.room, kind, **options)
        wei = at(visit, made, viewport={"width": 1000, "height": 700})
        return cls(wei, TimeMap.from_json(made.time_map))

    def played(self, speed: float, act) -> list[int]:
        """Play from the start at a speed, do `act`: by how many pictures each mark whose truth is certain lies off."""
        self.wei.go("0")
        self.play(speed, act)
        marks = self.marks()
        fresh, self.checked = marks[self.checked :], len(marks)
        return self.errors(fresh, speed)

    def play(self, speed: float, act) -> None:
        """Play at a speed, record the screen, do `act`, pause."""
        page = self.wei.page
        page.evaluate(
            """(speed) => {
              if (!window.pressed) {
                addEventListener('keydown', ({ key, timeStamp }) => window.pressed.push([key, timeStamp]), true)
              }
              window.pressed = []
              document.querySelector('video').playbackRate = speed
            }""",
            speed,
        )
        began = page.evaluate("performance.timeOrigin")
        line = page.context.new_cdp_session(page)
        taken = []

        def take(shot) -> None:
            taken.append((shot["metadata"]["timestamp"] * 1000 - began, shot["data"]))
            line.send("Page.screencastFrameAck", {"sessionId": shot["sessionId"]})

        line.on("Page.screencastFrame", take)
        box = self._box()
        line.send("Page.startScreencast", {"format": "jpeg", "quality": 70, "maxWidth": 500, "maxHeight": 350})
        self.wei.keys("Space")
        self.wei.until("document.querySelector('video').currentTime > 0.3")
        act(self)
        page.wait_for_timeout(100)
        if page.evaluate("!document.querySelector('video').paused"):
            self.wei.keys("Space")
        page.wait_for_timeout(100)
        line.send("Page.stopScreencast")
        numbered = [(when, number_in(Image.open(io.BytesIO(base64.b64decode(data))).crop(box))) for when, data in taken]
        self.shots = sorted((when, number) for when, number in numbered if number >= 0)

    def _box(self) -> tuple[int, int, int, int]:
        """Where the film lies in a recorded picture, which is half as wide as the page."""
        x, y, width, height, film_width, film_height = self.wei.page.evaluate(
            """(() => {
              const video = document.querySelector('video')
              const { x, y, width, height } = video.getBoundingClientRect()
              return [x, y, width, height, video.videoWidth, video.videoHeight]
            })()"""
        )
        scale = min(width / film_width, height / film_height)
        left, top = x + (width - film_width * scale) / 2, y + (height - film_height * scale) / 2
        corners = (left, top, left + film_width * scale, top + film_height * scale)
        return tuple(round(corner / 2) for corner in corners)

    def press(self, key: str, *, busy_ms: int = 0) -> None:
        """Press a key, if wished in the midst of a stretch in which the page's script is busy."""
        page = self.wei.page
        if busy_ms:
            page.evaluate(
                """(ms) => void setTimeout(() => {
                  const end = performance.now() + ms
                  while (performance.now() < end);
                }, 10)""",
                busy_ms,
            )
            page.wait_for_timeout(10 + busy_ms * 0.6)
        self.wei.keys(key)

    def on_screen(self, moment: float) -> tuple[int, int]:
        """First and last picture that may have been on the screen at a moment: the same one where the recording has
        a picture that was surely still there (it stays for one refresh at least, and until another one comes)."""
        before = [shot for shot in self.shots if shot[0] <= moment + 0.5]
        after = [shot for shot in self.shots if shot[0] > moment + 0.5]
        if not before or not after:
            return (0, len(self.times))
        (when, first), last = before[-1], after[0][1]
        return (first, first) if moment - when < REFRESH_MS - 2 else (first, max(first, last))

    def ran_evenly(self, moment: float, speed: float) -> bool:
        """Whether the film kept its pace around a moment. A machine that cannot keep up shows pictures at other times
        than the browser says, and no page can know."""
        starts = self.times.frame_times()
        around = [(when, number) for when, number in self.shots if abs(when - moment) < 250]
        late = [when - starts[number] * 1000 / speed for when, number in around if number < len(starts) - 1]
        stays = max(later - earlier for earlier, later in itertools.pairwise(starts)) * 1000 / speed
        return len(late) >= 4 and max(late) - min(late) < stays + 2 * REFRESH_MS

    def errors(self, marks: list[float], speed: float) -> list[int]:
        """By how many pictures each mark whose truth is certain lies off."""
        pressed = [moment for key, moment in self.wei.page.evaluate("window.pressed") if key in "io"]
        assert len(marks) == len(pressed)
        off = []
        for second, moment in zip(marks, pressed, strict=True):
            first, last = self.on_screen(moment)
            if first == last and self.ran_evenly(moment, speed):
                off.append(self.times.frame_at(second) - first)
        return off

    def marks(self) -> list[float]:
        """Starts and ends of evidence that the server holds, one pair a step."""
        self.wei.page.wait_for_timeout(700)  # a film that is stuck keeps a mark waiting
        self.wei.saved()
        steps = self.wei.drafted.get("steps", {}).get(CPR, {})
        return [second for step in sorted(steps) for interval in steps[step]["evidence"] for second in interval]


def pairs(n: int, *, seed: int = 1, busy_ms: int = 0):
    """Press I and O in turn at moments drawn by chance, each pair for a step of its own."""
    chance = random.Random(seed)

    def act(watched: Watched) -> None:
        for _ in range(n):
            for key in "io":
                watched.wei.page.wait_for_timeout(chance.uniform(90, 190))
                watched.press(key, busy_ms=busy_ms)
            watched.wei.keys("ArrowDown")

    return act


def share(off: Counter, most: int) -> float:
    """Share of marks that lie off by so many pictures at most. Tests ask for less than all: where the machine is short
    of breath the recording's own times are a refresh off, which is a picture or two of a film that plays fast."""
    return sum(n for by, n in off.items() if abs(by) <= most) / off.total()


def tell(capsys, what: str, off: Counter) -> None:
    """Say how the errors are spread."""
    if off.total() < 5:
        pytest.skip(f"this machine is too busy to play a film evenly: {off.total()} marks could be judged, wanted 5")
    with capsys.disabled():
        print(f"\n{what}: {off.total()} marks, {share(off, 0):.0%} exact, pictures off: {dict(sorted(off.items()))}")


@pytest.mark.alone
@pytest.mark.parametrize("kind", FILMS)
def test_a_mark_set_while_the_film_plays_at_any_speed_names_the_picture_on_the_screen(visit, served, kind, capsys):
    watched = Watched.begin(visit, served, kind)
    off = Counter()
    for seed, speed in enumerate(SPEEDS):
        off.update(watched.played(speed, pairs(3, seed=seed)))
    tell(capsys, kind, off)
    assert share(off, 0) >= 0.6
    assert share(off, 1) >= 0.9


@pytest.mark.alone
@pytest.mark.parametrize("kind", FILMS)
def test_a_mark_set_while_the_page_was_busy_names_the_picture_of_the_key_and_not_of_its_handling(
    visit, served, kind, capsys
):
    watched = Watched.begin(visit, served, kind)
    off = Counter()
    for seed, speed in enumerate((0.5, 1)):
        off.update(watched.played(speed, pairs(4, seed=seed, busy_ms=200)))
    tell(capsys, f"{kind}, busy for 200 ms", off)
    assert share(off, 1) >= 0.75


# --- the player by itself: a film whose pictures come exactly when the test says -----------------------------------------

FILM = """
  class Film extends EventTarget {
    paused = false; ended = false; seeking = false; playbackRate = 1; readyState = 4; currentTime = 0; duration = 6
    count = 0
    requestVideoFrameCallback(tell) { this.tell = tell }
    // Picture `number` comes on the screen at a moment; `unseen` others went by since the last one that was reported.
    shows(number, at, { unseen = 0, handed = at - 16 } = {}) {
      this.count += 1 + unseen
      this.tell(at, { mediaTime: number / 25, expectedDisplayTime: at, presentationTime: handed, presentedFrames: this.count })
    }
    play() { return Promise.resolve() }
    pause() {}
  }
  const now = performance.now()
  const film = new Film()
  const begin = async (media = {}, film_table = { time_base: [1, 25], ticks: Array.from({ length: 150 }, (_, k) => k), end: 150 }) => {
    const player = new Player(film, { frames: async () => film_table })
    await player.use({ id: 'main', url: '', duration_s: 6, clock_offset_s: 0 })
    if (media.id) await player.use({ url: '', duration_s: 6, ...media })
    return player
  }
  const numbers = []
  const ask = (player, moment) => player.onScreen(moment, ({ start }) => numbers.push(Math.round(start * 25)))
"""


@pytest.fixture
def run(visit, served):
    """Run a script with the page's player and such a film; it answers with what it returns."""
    page = visit.page(served.room.wei, "/rate-offline")

    def call(script):
        return page.evaluate(
            f"async () => {{ const {{ Player }} = await import('/static/rate/player.js')\n{FILM}\n{script} }}"
        )

    return call


def test_a_key_handled_late_marks_the_picture_of_its_own_moment(run):
    script = """
      const player = await begin()
      for (let k = 0; k < 10; k++) film.shows(k, now - 400 + 40 * k)
      for (const back of [281, 279, 241, 200]) ask(player, now - back)
      return numbers
    """
    assert run(script) == [2, 3, 3, 5]  # picture k came at 400 - 40 k before now


def test_a_mark_waits_for_the_picture_that_the_browser_has_not_reported_yet(run):
    script = """
      const player = await begin()
      film.shows(0, now - 80)
      ask(player, now - 1)
      const before = [...numbers]
      film.shows(1, now - 40)
      const still = [...numbers]
      film.shows(2, now - 2)
      film.shows(3, now + 38)
      return [before, still, numbers]
    """
    assert run(script) == [[], [], [2]]


def test_marks_are_answered_in_the_order_of_their_keys_and_a_page_that_is_left_answers_at_once(run):
    script = """
      const player = await begin()
      film.shows(4, now - 100)
      ask(player, now - 90)
      film.shows(5, now - 50)
      ask(player, now - 10)
      ask(player, now - 70)
      const before = [...numbers]
      dispatchEvent(new Event('beforeunload'))
      return [before, numbers]
    """
    assert run(script) == [[4], [4, 5, 4]]


def test_a_film_that_gets_stuck_does_not_keep_a_mark_waiting(run):
    script = """
      const player = await begin()
      film.shows(7, now - 30)
      ask(player, now)
      await new Promise((resolve) => setTimeout(resolve, 900))
      return numbers
    """
    assert run(script) == [7]


def test_pictures_that_came_while_the_page_was_busy_are_worked_out(run):
    script = """
      const player = await begin()
      for (let k = 0; k < 10; k++) film.shows(k, now - 800 + 40 * k)
      film.shows(20, now, { unseen: 10 })
      // In the middle of pictures 9 to 19, each on the screen for 40 ms.
      for (let k = 9; k < 20; k++) ask(player, now - 800 + 40 * k + 20)
      return numbers
    """
    assert run(script) == list(range(9, 20))


def test_at_another_speed_as_well(run):
    script = """
      film.playbackRate = 2
      const player = await begin()
      film.playbackRate = 2
      for (let k = 0; k < 10; k++) film.shows(k, now - 400 + 20 * k, { handed: now - 400 + 20 * k - 10 })
      film.shows(20, now, { unseen: 10, handed: now - 10 })
      for (let k = 9; k < 20; k++) ask(player, now - 400 + 20 * k + 10)
      return numbers
    """
    assert run(script) == list(range(9, 20))


def test_nothing_is_worked_out_across_a_jump(run):
    script = """
      const player = await begin()
      for (let k = 0; k < 5; k++) film.shows(k, now - 400 + 40 * k)
      film.dispatchEvent(new Event('seeking'))
      film.shows(90, now, { unseen: 3 })
      ask(player, now - 100)
      ask(player, now)
      film.shows(91, now + 40)
      return numbers
    """
    assert run(script) == [4, 90]


def test_a_picture_that_a_slow_machine_hands_over_late_counts_from_then(run):
    script = """
      const player = await begin()
      film.shows(3, now - 100)
      film.shows(4, now - 60, { handed: now - 20 })
      ask(player, now - 40)
      return numbers
    """
    assert run(script) == [3]


@pytest.mark.parametrize(("offset_s", "number", "wanted"), [(-3, 50, 0), (-1, 50, 1), (5, 50, 6), (0, 149, 5.96)])
def test_a_mark_never_lies_outside_the_film_of_the_main_camera(run, offset_s, number, wanted):
    script = f"""
      const player = await begin({{ id: 'side', clock_offset_s: {offset_s} }})
      film.shows({number}, now - 40)
      film.shows({number}, now + 40)
      let mark
      player.onScreen(now, ({{ start, end }}) => (mark = [start, end]))
      return mark
    """
    start, end = run(script)
    assert start == pytest.approx(wanted)
    assert start <= end <= 6


# --- a seek that is asked for between the end of another and the browser's word of it -----------------------------------

SEEKS = """
  film.paused = true
  const player = await begin()
  const asked = []
  let at = 0
  Object.defineProperty(film, 'currentTime', {
    get: () => at, set: (to) => { at = to; film.seeking = true; asked.push(Math.floor(to * 25)) } })
  const word = () => film.dispatchEvent(new Event('seeked'))
  const rests = () => new Promise((resolve) => setTimeout(resolve, 80))
"""


def test_a_key_between_the_end_of_a_seek_and_the_word_of_it_loses_no_picture(run):
    script = """
      film.shows(0, now - 100)
      player.step(1)
      player.step(1)         // waits for the first
      film.seeking = false   // the first is over, its event is yet to come
      player.step(1)
      word()
      film.seeking = false
      word()
      return asked
    """
    assert run(SEEKS + script) == [1, 3]


@pytest.mark.parametrize("order", ["film.shows(1, now - 60); ends()", "ends(); film.shows(1, now - 60)"])
def test_a_mark_after_a_seek_waits_for_its_picture_and_no_longer(run, order):
    script = f"""
      const ends = () => {{ film.seeking = false; word() }}
      film.shows(0, now - 100)
      player.step(1)
      {order}
      await rests()
      ask(player, performance.now())
      return numbers
    """
    assert run(SEEKS + script) == [1]


def test_a_mark_while_the_picture_of_a_seek_is_late_waits_for_it(run):
    script = """
      film.shows(0, now - 100)
      player.step(1)
      film.seeking = false
      word()
      await rests()
      const asked_at = performance.now()
      ask(player, asked_at)
      const before = [...numbers]
      film.shows(1, asked_at - 1)
      await rests()
      return [before, numbers]
    """
    assert run(SEEKS + script) == [[], [1]]


# --- keys that are held --------------------------------------------------------------------------------------------------


def test_a_key_held_down_marks_once(visit, served):
    wei = at(visit, exam(served.room))
    wei.go("3")
    for _ in range(4):
        wei.page.keyboard.down("e")
    wei.page.keyboard.up("e")
    for _ in range(4):
        wei.page.keyboard.down("b")
    wei.page.keyboard.up("b")
    assert wei.entry("cpr01")["evidence"] == [[1, 4]]
    assert [seconds for seconds, _ in wei.drafted["bookmarks"]] == [3]


def test_the_key_that_asks_for_a_letter_is_no_letter_while_it_is_held(visit, served):
    wei = at(visit, exam(served.room))
    for _ in range(3):
        wei.page.keyboard.down("n")
    assert wei.page.get_attribute("[data-waiting]", "data-waiting") == "reason"
    wei.page.keyboard.up("n")
    wei.keys("Escape", "q")
    assert wei.entry("cpr01") == {"unsure": True}


@pytest.mark.alone
def test_a_mark_belongs_to_the_step_that_was_open_at_the_key(visit, served):
    wei = at(visit, exam(served.room))
    wei.keys("[", "[", "[", "Space")
    wei.until("document.querySelector('video').currentTime > 0.2")
    wei.keys("e", "ArrowDown")
    wei.page.wait_for_timeout(700)
    wei.keys("e", "u", "Space")
    wei.page.wait_for_timeout(700)
    assert len(wei.entry("cpr01")["evidence"]) == 1
    assert not wei.entry("cpr02").get("evidence")
