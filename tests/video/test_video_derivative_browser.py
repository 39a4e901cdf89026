"""What a real browser says of a derivative: the picture on its screen is the one the time map names."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from recordings import KINDS, X264, number_in, record

from siming.video import Recipe
from siming.video.derivative import make_derivative

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH"),
]

MORE: dict[str, dict[str, Any]] = {
    "5994.mp4": {"options": X264, "fps": Fraction(60000, 1001)},
    "dropped.mp4": {"options": X264, "stamps_ms": [40 * k for k in range(150) if k % 10 not in (3, 4)], "sound": True},
}

SHOW = """async ([data, times]) => {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0))
  const video = document.createElement('video')
  video.muted = true
  video.src = URL.createObjectURL(new Blob([bytes], {type: 'video/mp4'}))
  document.body.append(video)
  await new Promise((done, fail) => { video.onloadeddata = done; video.onerror = () => fail(video.error.message) })
  const canvas = document.createElement('canvas')
  canvas.width = video.videoWidth
  canvas.height = video.videoHeight
  const seen = []
  for (const time of times) {
    const shown = new Promise(done => video.requestVideoFrameCallback((_, facts) => done(facts.mediaTime)))
    video.currentTime = time
    const mediaTime = await shown
    canvas.getContext('2d').drawImage(video, 0, 0)
    seen.push([mediaTime, canvas.toDataURL('image/png').split(',')[1]])
  }
  return {duration: video.duration, size: [canvas.width, canvas.height], seen}
}"""


@pytest.fixture(scope="module")
def page(playwright: Any) -> Iterator[Any]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    page = browser.new_page()
    page.goto("about:blank")
    yield page
    browser.close()


@pytest.mark.parametrize(
    "name", ["closed.mp4", "phone.mp4", "5994.mp4", "dropped.mp4", "turned90.mp4", "late.mkv", "vp9.webm", "plain.avi"]
)
def test_the_picture_on_screen_is_the_one_that_its_time_names(page, tmp_path: Path, name: str):
    source = record(tmp_path / name, **(MORE[name] if name in MORE else KINDS[name]))
    made = make_derivative(source, tmp_path / "a.mp4", recipe=Recipe())
    starts = [*made.time_map.frame_times(), made.duration_s]
    numbers = [1, 7, 14, 15, 16, 44, 59, 60, 98, 118, 119, 3]
    times = [(starts[k] + starts[k + 1]) / 2 for k in numbers]  # the middle of each picture's time on show
    data = base64.b64encode((tmp_path / "a.mp4").read_bytes()).decode()
    told = page.evaluate(SHOW, [data, times])
    assert told["size"] == [made.width, made.height] == [160, 96]
    assert told["duration"] == pytest.approx(made.duration_s, abs=0.03)
    for number, (media_s, png) in zip(numbers, told["seen"], strict=True):
        assert number_in(base64.b64decode(png)) == number
        assert made.time_map.frame_at(media_s) == number
        assert made.time_map.original_s(media_s) == pytest.approx(made.time_map.original_times()[number], abs=1e-5)
