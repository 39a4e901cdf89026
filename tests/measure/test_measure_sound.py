"""Reading the sound of a file: exact times, clear refusals."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from thumps import add, tick

from siming.errors import VideoError
from siming.video.sound import read_sound

RATE_HZ = 8000


def write(
    path: Path,
    samples: np.ndarray | None,
    *,
    codec: str = "pcm_s16le",
    late_s: float = 0.0,
    hole: tuple[float, float] | None = None,
    picture: bool = False,
) -> Path:
    """A file with the given sound, optionally `late_s` after the picture's start, optionally with a hole in time."""
    with av.open(str(path), "w") as container:
        if picture:
            video = container.add_stream("mpeg4", rate=10)
            video.width = video.height = 64
            video.pix_fmt = "yuv420p"
        if samples is not None:
            audio = container.add_stream(codec, rate=RATE_HZ)
            audio.layout = "mono"
        if picture:
            for _ in range(30):
                frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
        for i in range(0, 0 if samples is None else len(samples), 800):
            if hole and hole[0] <= i / RATE_HZ < hole[1]:
                continue
            block = (samples[None, i : i + 800] * 32767).astype(np.int16)
            sound = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
            sound.rate = RATE_HZ
            sound.pts = i + round(late_s * RATE_HZ)
            sound.time_base = Fraction(1, RATE_HZ)
            container.mux(audio.encode(sound))
        if samples is not None:
            container.mux(audio.encode(None))
    return path


def ticks_at(times_s: list[float], seconds: float) -> np.ndarray:
    sound = np.zeros(round(seconds * RATE_HZ), np.float32)
    for time_s in times_s:
        add(sound, time_s, tick(strength=0.8))
    return sound


def loudest_s(samples: np.ndarray, rate_hz: int, start_s: float = 0.0) -> float:
    return float(np.abs(samples).argmax()) / rate_hz + start_s


@pytest.mark.parametrize(("name", "codec"), [("a.wav", "pcm_s16le"), ("a.mkv", "pcm_s16le"), ("a.flac", "flac")])
@pytest.mark.parametrize("rate_hz", [8000, 16000, 5000])
def test_a_sound_keeps_its_place_in_time_at_every_rate(name, codec, rate_hz, tmp_path):
    sound = read_sound(write(tmp_path / name, ticks_at([1.5], 3), codec=codec), rate_hz=rate_hz)
    assert sound.rate_hz == rate_hz
    assert sound.duration_s == pytest.approx(3, abs=0.01)
    assert loudest_s(sound.samples, rate_hz) == pytest.approx(1.503, abs=0.005)


def test_sound_that_begins_after_the_picture_is_counted_on_the_pictures_clock(tmp_path):
    path = write(tmp_path / "late.mkv", ticks_at([1.0], 2), late_s=0.7, picture=True)
    sound = read_sound(path)
    assert sound.start_s == pytest.approx(0.7, abs=0.002)
    assert loudest_s(sound.samples, RATE_HZ, sound.start_s) == pytest.approx(1.703, abs=0.005)


def test_a_hole_in_the_recording_is_silence_and_moves_nothing_behind_it(tmp_path):
    path = write(tmp_path / "hole.mkv", ticks_at([0.5, 3.5], 4), hole=(1.0, 3.0))
    sound = read_sound(path)
    assert sound.duration_s == pytest.approx(4, abs=0.01)
    assert not sound.samples[9000:23000].any()
    assert loudest_s(sound.samples[RATE_HZ * 2 :], RATE_HZ, 2.0) == pytest.approx(3.503, abs=0.005)


def refusal(path: Path | str, **options: float) -> VideoError:
    with pytest.raises(VideoError) as caught:
        read_sound(path, **options)
    assert Path(path).name in str(caught.value)
    return caught.value


def test_a_missing_file_and_an_empty_one_are_told_apart(tmp_path):
    assert refusal(tmp_path / "nowhere.mp3").kind == "missing"
    (tmp_path / "empty.mp3").touch()
    assert refusal(tmp_path / "empty.mp3").kind == "empty"


def test_a_text_a_folder_and_a_device_are_no_recordings(tmp_path):
    (tmp_path / "notes.mp4").write_text("thirty compressions, two breaths\n" * 50)
    assert refusal(tmp_path / "notes.mp4").kind == "not_a_video"
    assert refusal(tmp_path).kind == "not_a_video"
    assert refusal("/dev/zero").kind == "not_a_video"


def test_a_silent_film_says_that_it_has_no_sound_track(tmp_path):
    assert refusal(write(tmp_path / "film.mkv", None, picture=True)).kind == "no_audio_stream"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.ffconcat", "ffconcat version 1.0\nfile 'secret.wav'\n"),
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nsecret.wav\n#EXT-X-ENDLIST\n"),
    ],
)
def test_a_playlist_cannot_open_other_files(name, text, tmp_path):
    write(tmp_path / "secret.wav", ticks_at([1.0], 2))
    (tmp_path / name).write_text(text)
    assert refusal(tmp_path / name).kind == "not_a_video"


def test_an_address_is_looked_for_as_a_file(tmp_path):
    assert refusal("http://127.0.0.1:9/exam.mp4").kind == "missing"
    assert refusal("concat:a.wav|b.wav").kind == "missing"


def test_a_name_with_a_colon_is_still_a_file(tmp_path):
    assert (
        read_sound(write(tmp_path / "exam.wav", ticks_at([1.0], 2)).rename(tmp_path / "concat:exam.wav")).duration_s
        == 2
    )


def test_sound_over_the_limit_is_refused_and_the_limit_can_be_raised_as_the_message_says(tmp_path):
    path = write(tmp_path / "long.wav", ticks_at([1.0], 3))
    error = refusal(path, max_s=2)
    assert error.kind == "too_large"
    assert re.search("raise max_s", str(error))
    assert read_sound(path, max_s=4).duration_s == 3


def test_a_cut_off_recording_gives_what_is_left(tmp_path):
    path = write(tmp_path / "cut.wav", ticks_at([0.5], 4))
    path.write_bytes(path.read_bytes()[:40000])
    sound = read_sound(path)
    assert 2.3 < sound.duration_s < 2.6
    assert loudest_s(sound.samples, RATE_HZ) == pytest.approx(0.503, abs=0.005)
