"""Pictures and sound come back from the file as they went in."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest

from siming.errors import VideoError
from siming.video.encode import write_video
from siming.video.sound import read_sound

RATE_HZ = 16_000


def pictures(n: int, size: tuple[int, int] = (64, 96)) -> list[np.ndarray]:
    return [np.full((*size, 3), 10 + 6 * k, np.uint8) for k in range(n)]


@pytest.mark.parametrize("fps", [10, Fraction(30000, 1001)])
def test_every_picture_comes_back_at_its_time(fps, tmp_path):
    write_video(tmp_path / "a.mp4", pictures(30), fps=fps)
    with av.open(str(tmp_path / "a.mp4")) as container:
        frames = [(frame.time, frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]
    assert [time for time, _ in frames] == pytest.approx([k / float(fps) for k in range(30)], abs=1e-4)
    assert [grey for _, grey in frames] == pytest.approx([10 + 6 * k for k in range(30)], abs=4)


def test_a_click_is_heard_when_it_was_written(tmp_path):
    sound = np.zeros(RATE_HZ * 3, np.float32)
    sound[RATE_HZ : RATE_HZ + 60] = 0.9
    write_video(tmp_path / "a.mp4", pictures(30), fps=10, sound=sound, sound_rate_hz=RATE_HZ)
    heard = read_sound(tmp_path / "a.mp4", rate_hz=RATE_HZ)
    loud = np.flatnonzero(np.abs(heard.samples) > 0.4)
    assert heard.start_s + loud[0] / RATE_HZ == pytest.approx(1.0, abs=0.005)


def test_the_same_pictures_give_the_same_bytes(tmp_path):
    noise = np.random.default_rng(1).standard_normal(RATE_HZ).astype(np.float32) * 0.1
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, pictures(20), fps=10, sound=noise)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_film_that_breaks_off_leaves_no_file(tmp_path):
    def breaking():
        yield from pictures(5)
        raise RuntimeError("the pen broke")

    with pytest.raises(RuntimeError, match="pen"):
        write_video(tmp_path / "a.mp4", breaking(), fps=10)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("shown", "says"),
    [([], "no pictures"), (pictures(1, (63, 96)), "even"), ([*pictures(1), *pictures(1, (32, 32))], "one size")],
)
def test_pictures_that_cannot_be_a_film_are_refused(shown, says, tmp_path):
    with pytest.raises(VideoError, match=says):
        write_video(tmp_path / "a.mp4", shown, fps=10)
    assert list(tmp_path.iterdir()) == []
