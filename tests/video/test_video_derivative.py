"""What raters see of a recording: every shown picture at its own time, and nothing else of the file."""

from __future__ import annotations

import json
import os
import random
import re
import resource
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from recordings import KINDS, X264, boxes, picture, record, shown_numbers

from siming.errors import TaskError, VideoError
from siming.video import Recipe, Region, TimeMap, probe
from siming.video.asset import Derivative, Limits
from siming.video.decode import read_index
from siming.video.derivative import make_derivative
from siming.video.encode import write_video
from siming.video.ingest import ingest_apart
from siming.video.sound import read_sound

SHARED = Path(__file__).resolve().parents[3] / "shared" / "video"
CLIPS = ["orbit_block_handover.mp4", "orbit_needle_handover.mp4", "orbit_ring_pickplace.mp4"]

DROPPED_MS = [40 * k for k in range(150) if k % 10 not in (3, 4)]
"""25 a second, and two of every ten never came: 120 pictures in 6 s."""

MORE: dict[str, dict[str, object]] = {
    "5994.mp4": {"options": X264, "fps": Fraction(60000, 1001)},
    "5994.mkv": {"options": X264, "fps": Fraction(60000, 1001)},
    "2997.mov": {"options": X264, "fps": Fraction(30000, 1001), "container": "mov", "sound": True},
    "dropped.mp4": {"options": X264, "stamps_ms": DROPPED_MS},
    "phone.mov": {"options": X264, "stamps_ms": KINDS["phone.mp4"]["stamps_ms"], "turn": 90, "container": "mov"},
    "mjpeg.avi": {"codec": "mjpeg", "pixels": "yuvj420p", "fps": 25},
}
ALL = KINDS | MORE


@pytest.fixture(scope="module")
def original(recording, tmp_path_factory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("more")

    def find(name: str) -> Path:
        if name in KINDS:
            return recording(name)
        path = folder / name
        return path if path.exists() else record(path, **MORE[name])

    return find


def drawn_times(name: str) -> list[Fraction]:
    """When each of the 120 pictures was meant to be shown, counted from the first."""
    stamps = ALL[name].get("stamps_ms")
    if stamps is not None:
        return [Fraction(stamp - stamps[0], 1000) for stamp in stamps]
    return [k / Fraction(ALL[name].get("fps", 30)) for k in range(120)]


@pytest.mark.parametrize("name", ALL)
def test_each_picture_is_shown_once_and_at_its_own_time(original, tmp_path, name):
    source, target = original(name), tmp_path / "a.mp4"
    made = make_derivative(source, target, recipe=Recipe())
    truth = drawn_times(name)
    steps = [b - a for a, b in pairwise(truth)]
    with av.open(str(target)) as held:
        assert next(held.decode(video=0)).pts == 0  # the first picture stands at time 0 of the file itself
    shown = shown_numbers(target)
    assert [number for _, number in shown] == list(range(120))
    # containers round stamps to a millisecond and the 90,000th of a second; a tenth of a picture is the promise
    assert max(abs(time - true) for (time, _), true in zip(shown, truth, strict=True)) < min(steps) / 10

    time_map = made.time_map
    assert time_map.frame_times() == pytest.approx([float(time) for time, _ in shown], abs=1e-9)
    index = read_index(source)
    assert time_map.source_ticks == tuple(index.pts[packet] for packet in index.shown)
    assert time_map.original_times() == pytest.approx([index.shown_s(packet) for packet in index.shown])
    assert time_map.largest_error_s == 0  # every clock met here goes into the derivative's without rounding
    assert made.duration_s == pytest.approx(index.duration_s, abs=1e-4)
    assert (made.pictures, made.left_out, made.damaged) == (120, 0, 0)


@pytest.mark.parametrize("name", ["closed.mp4", "phone.mp4", "5994.mp4", "dropped.mp4", "vp9.webm"])
def test_any_picture_is_at_most_half_a_second_from_a_key_picture_and_none_is_reordered(original, tmp_path, name):
    make_derivative(original(name), tmp_path / "a.mp4", recipe=Recipe())
    index = read_index(tmp_path / "a.mp4")
    assert list(index.pts) == sorted(index.pts)
    longest = max(index.intervals) * index.time_base
    assert probe(tmp_path / "a.mp4").longest_key_interval_s < 0.5 + longest


@pytest.mark.parametrize("name", ["closed.mp4", "turned90.mp4", "vp9.webm"])
def test_the_file_is_one_that_every_browser_plays(original, tmp_path, name):
    make_derivative(original(name), tmp_path / "a.mp4", recipe=Recipe())
    names = [name for name, _, _ in boxes((tmp_path / "a.mp4").read_bytes())]
    assert names.index("moov") < names.index("mdat")  # playing begins before all is there
    with av.open(str(tmp_path / "a.mp4")) as held:
        video = held.streams.video[0].codec_context
        assert (video.name, video.profile, video.pix_fmt) == ("h264", "High", "yuv420p")
        assert [sound.codec_context.name for sound in held.streams.audio] == ["aac"] * (name == "closed.mp4")


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_what_a_phone_filmed_turned_is_upright_without_being_told_to_turn(original, tmp_path, turn):
    made = make_derivative(original(f"turned{turn}.mp4"), tmp_path / "a.mp4", recipe=Recipe())
    index = read_index(tmp_path / "a.mp4")
    assert (made.width, made.height) == (index.width, index.height) == (160, 96)
    assert index.rotation == 0


@pytest.mark.parametrize(("max_side", "size"), [(4096, (322, 182)), (200, (200, 114)), (64, (64, 36))])
def test_sides_are_even_and_no_longer_than_the_recipe_allows(tmp_path, max_side, size):
    source = record(
        tmp_path / "odd.avi",
        codec="mjpeg",
        pixels="yuvj444p",
        n_frames=3,
        draw=lambda n: picture(n, width=323, height=183),
    )
    made = make_derivative(source, tmp_path / "a.mp4", recipe=Recipe(max_side=max_side))
    assert (made.width, made.height) == size


@pytest.mark.parametrize(("ratio", "size"), [((16, 11), (232, 96)), ((1, 2), (160, 192)), ((1, 20), (160, 96))])
def test_pixels_are_made_square_unless_the_header_talks_nonsense(tmp_path, ratio, size):
    with av.open(str(tmp_path / "b.mkv"), "w") as out:
        stream = out.add_stream("libx264", rate=25, options=X264)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(*ratio)
        for k in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture(k), format="gray").reformat(format="yuv420p")))
        out.mux(stream.encode(None))
    made = make_derivative(tmp_path / "b.mkv", tmp_path / "a.mp4", recipe=Recipe())
    assert (made.width, made.height) == size


@pytest.mark.parametrize(
    ("codec", "pixels", "name"),
    [
        ("libx264", "yuv420p", "a.mp4"),
        ("mjpeg", "yuvj420p", "a.avi"),
        ("libx264", "yuv444p10le", "a.mkv"),
        ("png", "rgb24", "a.mov"),
        ("ffv1", "gray", "a.mkv"),
    ],
)
def test_grey_stays_the_same_grey_whatever_the_range_and_depth_of_the_original(tmp_path, codec, pixels, name):
    levels = np.repeat(np.array([40, 90, 128, 170, 220], np.uint8), 32)[None].repeat(96, axis=0)
    source = record(tmp_path / name, codec=codec, pixels=pixels, n_frames=3, draw=lambda _: levels)
    make_derivative(source, tmp_path / "out.mp4", recipe=Recipe(crf=10))
    with av.open(str(source)) as before, av.open(str(tmp_path / "out.mp4")) as after:
        first, second = (np.asarray(next(held.decode(video=0)).to_image().convert("L")) for held in (before, after))
    middles = np.arange(16, 160, 32)
    assert second[48, middles] == pytest.approx(first[48, middles].astype(int), abs=3)


@pytest.mark.parametrize("colour", [(200, 40, 40), (40, 200, 40), (40, 40, 200)])
def test_colours_stay(tmp_path, colour):
    flat = np.full((96, 160, 3), colour, np.uint8)
    with av.open(str(tmp_path / "a.mov"), "w") as out:
        stream = out.add_stream("png", rate=5)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "rgb24"
        for _ in range(3):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(flat, format="rgb24")))
        out.mux(stream.encode(None))
    make_derivative(tmp_path / "a.mov", tmp_path / "out.mp4", recipe=Recipe(crf=5))
    with av.open(str(tmp_path / "out.mp4")) as held:
        frame = next(held.decode(video=0))
        assert int(frame.colorspace) == 1  # said to be BT.709, so a player need not guess
        shown = frame.reformat(format="rgb24", src_colorspace=1, dst_colorspace=5).to_ndarray()[48, 80]
    assert shown.astype(int) == pytest.approx(colour, abs=6)


def flashes(path: Path, *, container: str, video_s: float, sound_s: float, flash_s: float) -> Path:
    """Six seconds of dark picture that begin at `video_s` of the container's clock, sound at `sound_s`; at `flash_s`
    one white picture and one click."""
    with av.open(str(path), "w", format=container) as out:
        video = out.add_stream("libx264", rate=25, options=X264)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        video.time_base = video.codec_context.time_base = Fraction(1, 1000)
        sound = out.add_stream("pcm_s16le" if container == "matroska" else "aac", rate=48000, layout="stereo")
        for k in range(150):
            time_ms = round(video_s * 1000) + 40 * k
            level = 235 if abs(time_ms / 1000 - flash_s) < 0.02 else 20
            frame = av.VideoFrame.from_ndarray(np.full((96, 64), level, np.uint8), format="yuv420p")
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        wave = np.zeros(6 * 48000, np.int16)
        at = round((flash_s - sound_s) * 48000)
        wave[at : at + 480] = 20000 * np.sign(np.sin(np.arange(480) / 4 + 0.1))
        for start in range(0, len(wave), 1024):
            block = np.repeat(wave[None, start : start + 1024], 2, axis=0)
            form = "s16" if container == "matroska" else "fltp"
            data = block.T.reshape(1, -1) if form == "s16" else (block / 32768).astype(np.float32)
            chunk = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=form, layout="stereo")
            chunk.sample_rate, chunk.time_base = 48000, Fraction(1, 48000)
            chunk.pts = round(sound_s * 48000) + start
            out.mux(sound.encode(chunk))
        out.mux(sound.encode(None))
    return path


@pytest.mark.parametrize("container", ["matroska", "mp4"])
@pytest.mark.parametrize(("video_s", "sound_s"), [(0, 0), (1, 0), (0, 1), (0.5, 0.13), (5, 5.7)])
def test_a_click_is_heard_when_its_picture_is_seen_whichever_begins_first(tmp_path, container, video_s, sound_s):
    flash_s = video_s + 3.0
    source = flashes(tmp_path / "a.bin", container=container, video_s=video_s, sound_s=sound_s, flash_s=flash_s)
    made = make_derivative(source, tmp_path / "a.mp4", recipe=Recipe())
    sound = read_sound(tmp_path / "a.mp4", rate_hz=48000)
    heard_s = sound.start_s + int(np.argmax(np.abs(sound.samples) > 0.3)) / 48000
    with av.open(str(tmp_path / "a.mp4")) as held:
        seen = [frame.time for frame in held.decode(video=0) if frame.to_ndarray()[:64].mean() > 150]
    assert seen == [pytest.approx(3.0, abs=1e-6)]
    assert heard_s == pytest.approx(3.0, abs=0.003)
    assert made.has_sound
    assert sound.start_s == pytest.approx(0, abs=0.03)
    # six seconds of sound, less what lies before the first picture or after the last
    assert sound.start_s + sound.duration_s == pytest.approx(min(6.0, sound_s - video_s + 6.0), abs=0.1)


def test_a_hole_in_the_sound_is_silence_and_shifts_nothing_after_it(tmp_path):
    source = flashes(tmp_path / "a.mkv", container="matroska", video_s=0, sound_s=0, flash_s=4.0)
    with av.open(str(source)) as held, av.open(str(tmp_path / "b.mkv"), "w") as out:
        copies = {stream.index: out.add_stream_from_template(stream) for stream in held.streams}
        for packet in held.demux():
            gone = packet.stream.type == "audio" and packet.pts is not None and 1 < packet.pts * packet.time_base < 3
            if packet.size and not gone:
                packet.stream = copies[packet.stream.index]
                out.mux(packet)
    make_derivative(tmp_path / "b.mkv", tmp_path / "a.mp4", recipe=Recipe())
    sound = read_sound(tmp_path / "a.mp4", rate_hz=48000)
    heard_s = sound.start_s + int(np.argmax(np.abs(sound.samples) > 0.3)) / 48000
    assert heard_s == pytest.approx(4.0, abs=0.003)


def test_sound_that_is_to_be_off_is_not_in_the_file(original, tmp_path):
    made = make_derivative(original("closed.mp4"), tmp_path / "a.mp4", recipe=Recipe(sound="off"))
    assert not made.has_sound
    with av.open(str(tmp_path / "a.mp4")) as held:
        assert [stream.type for stream in held.streams] == ["video"]


SECRETS = ["Tan Wei Ming", "+31.2304+121.4737", "2024-03-05", "iPhone of Nurse Lin", "Ward 7", "bed 12"]


def told(path: Path, container: str) -> Path:
    """A recording that says who, where and when in every place a file has for it."""
    name, place, day, device, ward, bed = SECRETS
    source = record(path.with_suffix(".plain.mkv"), n_frames=30, sound=True, options=X264)
    keep_all = {"movflags": "+use_metadata_tags"} if container != "matroska" else {}
    with av.open(str(source)) as held, av.open(str(path), "w", format=container, options=keep_all) as out:
        out.metadata.update(
            {"title": name, "location": place, "creation_time": f"{day}T10:11:12Z", "com.apple.quicktime.make": device}
        )
        copies = {}
        for stream in held.streams:
            copies[stream.index] = out.add_stream_from_template(stream)
            copies[stream.index].metadata.update({"handler_name": device, "title": ward, "language": "chi"})
        if container == "matroska":
            out.add_attachment("bed 12.txt", "text/plain", f"{name} {bed}".encode())
        out.set_chapters(
            [{"id": 1, "start": 0, "end": 500, "time_base": Fraction(1, 1000), "metadata": {"title": ward}}]
        )
        for packet in held.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                out.mux(packet)
    return path


@pytest.mark.parametrize("container", ["mp4", "mov", "matroska"])
def test_nothing_of_who_where_and_when_is_left(tmp_path, container):
    source = told(tmp_path / "a.bin", container)
    assert sum(secret.encode() in source.read_bytes() for secret in SECRETS) >= 4  # the test's own eyes work
    make_derivative(source, tmp_path / "a.mp4", recipe=Recipe())
    data = (tmp_path / "a.mp4").read_bytes()
    for word in [*SECRETS, "Tan", "Lin", "2024", "x264", "Lavf", "Lavc", "chi", str(tmp_path), "a.bin"]:
        assert word.encode() not in data
    with av.open(str(tmp_path / "a.mp4")) as held:
        assert [stream.type for stream in held.streams] == ["video", "audio"]
        assert set(held.metadata) <= {"major_brand", "minor_version", "compatible_brands"}
        assert [stream.metadata for stream in held.streams] == [
            {"language": "und", "handler_name": "VideoHandler"},
            {"language": "und", "handler_name": "SoundHandler"},
        ]
        assert held.chapters() == []
    for head in (b"mvhd", b"tkhd", b"mdhd"):  # version, flags, then the times of making and of change
        at = data.index(head)
        assert data[at + 8 : at + 16] == b"\0" * 8


def test_the_same_original_and_recipe_give_the_same_bytes(original, tmp_path):
    source = original("closed.mp4")
    first = make_derivative(source, tmp_path / "a.mp4", recipe=Recipe())
    again = make_derivative(source, tmp_path / "b.mp4", recipe=Recipe())
    apart = ingest_apart(source, tmp_path / "c.mp4", Recipe())
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes() == (tmp_path / "c.mp4").read_bytes()
    assert first == again == apart
    other = make_derivative(source, tmp_path / "d.mp4", recipe=Recipe(crf=30))
    assert other.sha256 != first.sha256


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc fills memory on demand")
def test_what_happens_to_lie_in_memory_does_not_reach_the_file(tmp_path):
    """x264's macroblock tree reads memory that it never wrote: one file in a hundred came out differently."""
    source = tmp_path / "walk.mp4"
    rng = np.random.default_rng(1)
    across, down = np.meshgrid(np.arange(480), np.arange(352))
    still = 128 + 60 * np.sin(across / 17) + 40 * np.cos(down / 23)
    noisy = (np.roll(still, 3 * k, 1) + rng.integers(-6, 7, still.shape) for k in range(60))
    write_video(
        source, (np.repeat(np.clip(p, 0, 255).astype(np.uint8)[..., None], 3, 2) for p in noisy), fps=30, crf=10
    )
    command = "import sys; from pathlib import Path; from siming.video.derivative import make_derivative\n"
    command += "from siming.video.recipe import Recipe; make_derivative(*map(Path, sys.argv[1:]), recipe=Recipe())"
    made = []
    for filled in ("0", "1", "2"):
        path = tmp_path / f"filled_{filled}.mp4"
        environment = os.environ | {"MALLOC_PERTURB_": filled}
        subprocess.run([sys.executable, "-c", command, str(source), str(path)], env=environment, check=True)
        made.append(path.read_bytes())
    assert made[1] == made[0]
    assert made[2] == made[0]


def test_a_derivative_of_a_derivative_shows_the_same_pictures_at_the_same_times(original, tmp_path):
    first = make_derivative(original("phone.mp4"), tmp_path / "a.mp4", recipe=Recipe())
    second = make_derivative(tmp_path / "a.mp4", tmp_path / "b.mp4", recipe=Recipe())
    assert second.time_map.frame_times() == first.time_map.frame_times()
    assert shown_numbers(tmp_path / "b.mp4") == shown_numbers(tmp_path / "a.mp4")


def test_the_record_written_and_read_is_the_same_record(original, tmp_path):
    recipe = Recipe(sound="off", regions=(Region(0.5, 0.5, 1, 1),))
    made = make_derivative(original("phone.mp4"), tmp_path / "a.mp4", recipe=recipe)
    again = Derivative.from_json(json.loads(json.dumps(made.to_json())))
    assert again == made
    assert again.recipe.sha256 == recipe.sha256
    assert (
        TimeMap.from_json(made.to_json()["time_map"]).source_sha256 == probe(original("phone.mp4"), sha256=True).sha256
    )


def test_a_fixed_region_is_black_in_every_picture_and_nothing_else_is(original, tmp_path):
    source = original("closed.mp4")
    make_derivative(source, tmp_path / "plain.mp4", recipe=Recipe(crf=10))
    make_derivative(source, tmp_path / "a.mp4", recipe=Recipe(crf=10, regions=(Region(0.55, 0.5, 0.9, 0.95),)))
    with av.open(str(tmp_path / "a.mp4")) as masked, av.open(str(tmp_path / "plain.mp4")) as plain:
        for with_mask, without in zip(masked.decode(video=0), plain.decode(video=0), strict=True):
            seen, was = (np.asarray(frame.to_image().convert("L")).astype(int) for frame in (with_mask, without))
            assert seen[52:88, 92:140].max() < 30
            outside = np.ones_like(seen, bool)
            outside[44:96, 84:148] = False
            assert np.abs(seen - was)[outside].max() < 40
            assert np.abs(seen - was)[outside].mean() < 2


def test_progress_rises_from_nothing_to_done(original, tmp_path):
    shares: list[float] = []
    make_derivative(original("closed.mp4"), tmp_path / "a.mp4", recipe=Recipe(), progress=shares.append)
    assert shares == sorted(shares)
    assert 0 <= shares[0] < 0.2
    assert shares[-1] == 1
    assert len(shares) > 20


@pytest.mark.parametrize("name", [CLIPS[-1], *(pytest.param(name, marks=pytest.mark.slow) for name in CLIPS[:-1])])
def test_clips_with_edit_lists_keep_exactly_the_pictures_that_are_shown(tmp_path, name):
    if not (SHARED / name).exists():
        pytest.skip("needs the shared clips beside the repository")
    made = make_derivative(SHARED / name, tmp_path / "a.mp4", recipe=Recipe(max_side=480))
    index = read_index(SHARED / name)
    assert len(index.pts) > len(index.shown) == made.pictures  # an edit list hides some
    assert made.time_map.largest_error_s == 0
    assert [time for time, _ in seen(tmp_path / "a.mp4")] == pytest.approx(list(made.time_map.frame_times()))
    # the pictures themselves: each is nearer to its own original than to the one 10 before or after
    before, after = seen(SHARED / name), seen(tmp_path / "a.mp4")
    for k in range(20, made.pictures - 10, 30):
        apart = {j: np.abs(after[k][1] - before[j][1]).mean() for j in (k - 10, k, k + 10)}
        assert min(apart, key=apart.get) == k or max(apart.values()) - min(apart.values()) < 0.3


def seen(path: Path) -> list[tuple[float, np.ndarray]]:
    """Every picture of a full decode, small and grey, with its time from the first."""
    with av.open(str(path)) as held:
        found = [
            (frame.time, np.asarray(frame.to_image(width=96, height=64).convert("L")).astype(float))
            for frame in held.decode(video=0)
        ]
    return [(time - found[0][0], grey) for time, grey in found]


@pytest.mark.slow
def test_the_re_enacted_exam_keeps_its_picture_and_its_sound(tmp_path):
    source = SHARED / "reenact_ng5_t3.mp4"
    if not source.exists():
        pytest.skip("needs the shared clips beside the repository")
    made = make_derivative(source, tmp_path / "a.mp4", recipe=Recipe())
    assert (made.pictures, made.width, made.height) == (3240, 480, 352)
    before, after = read_sound(source), read_sound(tmp_path / "a.mp4")
    n = min(len(before.samples), len(after.samples)) - 8000
    assert n > 125 * 8000
    shifts = range(-80, 81)
    likeness = [float(np.dot(before.samples[8000 : n - 8000], after.samples[8000 + s : n - 8000 + s])) for s in shifts]
    started = round((before.start_s - after.start_s) * 8000)
    assert abs(shifts[int(np.argmax(likeness))] - started) <= 16  # 2 ms


# --- originals that are damaged, too large, or none at all


def hole(path: Path, start: int, length: int, seed: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[start : start + length] = random.Random(seed).randbytes(length)
    path.write_bytes(data)


def test_what_damage_leaves_stays_at_its_own_time(tmp_path):
    options = {"preset": "veryfast", "g": "30", "bf": "3", "x264-params": "scenecut=0"}
    source = record(tmp_path / "a.mp4", options=options, container_options={"movflags": "+faststart"})
    hole(source, source.stat().st_size * 4 // 10, 3000)
    made = make_derivative(source, tmp_path / "out.mp4", recipe=Recipe())
    assert made.left_out + made.damaged > 0
    assert made.pictures + made.left_out == 120
    assert any("pictures" in warning for warning in made.warnings)
    times = made.time_map.original_times()
    right = [number == round(times[k] * 30) for k, (_, number) in enumerate(shown_numbers(tmp_path / "out.mp4"))]
    assert sum(right) >= 89  # the hole costs at most its group of 30
    assert made.time_map.frame_times() == pytest.approx([time - times[0] for time in times])


def test_a_recording_that_stops_early_gives_what_it_has_and_says_so(tmp_path):
    source = record(tmp_path / "a.mp4", options=X264, sound=True, container_options={"movflags": "+faststart"})
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 6 // 10])
    made = make_derivative(source, tmp_path / "out.mp4", recipe=Recipe())
    assert 30 < made.pictures < 110
    assert any("stops at" in warning for warning in made.warnings)


def refused(source: Path, target: Path, **options) -> VideoError:
    """What ingest says of an original; it leaves nothing behind."""
    target.parent.mkdir(exist_ok=True)
    with pytest.raises(VideoError) as caught:
        make_derivative(source, target, recipe=Recipe(), **options)
    assert list(target.parent.iterdir()) == []
    assert source.name in str(caught.value)
    return caught.value


def sound_only(path: Path) -> Path:
    with av.open(str(path), "w", format="mp4") as out:
        tone = out.add_stream("aac", rate=16000, layout="mono")
        for k in range(20):
            chunk = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            chunk.sample_rate, chunk.pts, chunk.time_base = 16000, k * 1024, Fraction(1, 16000)
            out.mux(tone.encode(chunk))
        out.mux(tone.encode(None))
    return path


def no_recording(folder: Path) -> dict[str, tuple[Path, str]]:
    """Files that are no recording, with what is said of each."""
    made = {
        "empty.mp4": b"",
        "text.mp4": b"notes of the exam\n" * 50,
        "noise.mp4": random.Random(1).randbytes(5000),
        "list.m3u8": b"#EXTM3U\n#EXTINF:4,\n/etc/passwd\n#EXT-X-ENDLIST\n",
        "page.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    }
    for name, content in made.items():
        (folder / name).write_bytes(content)
    Image.new("RGB", (64, 64)).save(folder / "still.jpg")
    sound_only(folder / "sound.m4a")
    kinds = dict.fromkeys((*made, "still.jpg"), "not_a_video")
    kinds |= {"empty.mp4": "empty", "sound.m4a": "no_video_stream", "nothing.mp4": "missing"}
    return {name: (folder / name, kind) for name, kind in kinds.items()}


def test_what_is_no_recording_is_refused_by_its_kind_and_leaves_nothing(tmp_path):
    for name, (source, kind) in no_recording(tmp_path).items():
        assert refused(source, tmp_path / "out" / "a.mp4").kind == kind, name


@pytest.mark.parametrize(
    ("limits", "word"),
    [
        (Limits(max_pixels=15_000), "160x96, the limit is 0.015 million"),
        (Limits(max_pictures=119), "more than 119 pictures"),
        (Limits(max_duration_s=3.9), "lasts 4 s .* the limit is 3.9 s"),
    ],
)
def test_an_original_beyond_a_limit_is_refused_and_the_limit_can_be_raised(original, tmp_path, limits, word):
    error = refused(original("closed.mp4"), tmp_path / "out" / "a.mp4", limits=limits)
    assert error.kind == "too_large"
    assert re.search(word, str(error))
    raised = Limits(max_pixels=160 * 96, max_pictures=120, max_duration_s=4.1)
    assert make_derivative(original("closed.mp4"), tmp_path / "b.mp4", recipe=Recipe(), limits=raised).pictures == 120


def test_pictures_that_claim_to_be_huge_are_refused_before_memory_is_taken(tmp_path):
    source = record(tmp_path / "a.webm", codec="libvpx", n_frames=5, draw=lambda n: picture(n, width=320, height=288))
    data = source.read_bytes()
    data = data.replace(
        b"\x9d\x01\x2a" + struct.pack("<HH", 320, 288), b"\x9d\x01\x2a" + struct.pack("<HH", 16383, 16383)
    )
    data = data.replace(b"\xb0\x82\x01\x40", b"\xb0\x82\xff\xff").replace(b"\xba\x82\x01\x20", b"\xba\x82\xff\xff")
    source.write_bytes(data)
    assert refused(source, tmp_path / "out" / "a.mp4").kind == "too_large"


def test_pictures_that_grow_in_the_middle_are_refused_too(tmp_path):
    small = record(tmp_path / "small.h264", n_frames=10, options=X264, container="h264")
    large = record(
        tmp_path / "large.h264",
        n_frames=10,
        options=X264,
        container="h264",
        draw=lambda n: picture(n, width=640, height=480),
    )
    source = tmp_path / "a.h264"
    source.write_bytes(small.read_bytes() + large.read_bytes())
    assert refused(source, tmp_path / "out" / "a.mp4", limits=Limits(max_pixels=100_000)).kind == "too_large"
    made = make_derivative(source, tmp_path / "b.mp4", recipe=Recipe())
    assert (made.width, made.height, made.pictures) == (160, 96, 20)


def test_one_wild_stamp_does_not_make_a_derivative_of_a_thousand_hours(tmp_path):
    source = record(tmp_path / "a.mkv", options=X264, n_frames=4, stamps_ms=[0, 40, 80, 3_600_000_000])
    assert refused(source, tmp_path / "out" / "a.mp4").kind == "too_large"


@pytest.mark.parametrize("name", ["closed.ts", "closed.mkv", "hevc.mp4", "vp9.webm", "plain.avi", "closed.mp4"])
def test_no_damage_makes_the_decoders_own_errors_escape(tmp_path, recording, name):
    data = recording(name).read_bytes()
    (tmp_path / "out").mkdir()
    for seed in range(6):
        draw = random.Random(seed)
        spoilt = bytearray(data)
        for _ in range(draw.choice([1, 3])):
            at = draw.randrange(len(data))
            spoilt[at : at + draw.choice([1, 30, 2000])] = draw.randbytes(draw.choice([1, 30, 2000]))
        spoilt = spoilt[: draw.randrange(len(spoilt) // 2, len(spoilt))] if seed % 2 else spoilt
        source = tmp_path / f"{seed}-{name}"
        source.write_bytes(spoilt)
        try:
            made = make_derivative(source, tmp_path / "out" / "a.mp4", recipe=Recipe())
        except VideoError:
            assert list((tmp_path / "out").iterdir()) == []
            continue
        assert len(read_index(tmp_path / "out" / "a.mp4").shown) == made.pictures
        (tmp_path / "out" / "a.mp4").unlink()


def test_an_original_that_changes_while_it_is_read_gives_no_derivative(tmp_path):
    source = record(tmp_path / "a.mkv", options=X264)
    (tmp_path / "out").mkdir()

    def upload_goes_on(share: float) -> None:
        if share > 0.5:
            with source.open("ab") as file:
                file.write(b"more")

    with pytest.raises(VideoError, match="changed while it was read"):
        make_derivative(source, tmp_path / "out" / "a.mp4", recipe=Recipe(), progress=upload_goes_on)
    assert list((tmp_path / "out").iterdir()) == []


def test_the_original_cannot_be_overwritten(original, tmp_path):
    source = original("closed.mp4")
    before = source.read_bytes()
    with pytest.raises(VideoError, match="is the original itself"):
        make_derivative(source, source, recipe=Recipe())
    assert source.read_bytes() == before


FULL = """
import resource, sys
from pathlib import Path
from siming.errors import VideoError
from siming.video import Recipe
from siming.video.derivative import make_derivative
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    make_derivative(Path(sys.argv[1]), Path(sys.argv[2]), recipe=Recipe(crf=5))
except VideoError as error:
    print(error.kind, error)
"""


def test_a_full_disk_is_said_and_leaves_neither_a_part_nor_the_old_file_hurt(original, tmp_path):
    # a bound on the size of a file stops the writer in the middle, as a full disk does
    target = tmp_path / "out" / "a.mp4"
    target.parent.mkdir()
    target.write_bytes(b"the derivative of yesterday")
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(original("closed.mp4")), str(target)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("no_space"), done.stderr
    assert "make room" in done.stdout
    assert [file.name for file in target.parent.iterdir()] == ["a.mp4"]
    assert target.read_bytes() == b"the derivative of yesterday"


def test_a_folder_that_is_not_there_is_named(original, tmp_path):
    with pytest.raises(VideoError, match="check the folder") as caught:
        make_derivative(original("closed.mp4"), tmp_path / "nowhere" / "a.mp4", recipe=Recipe())
    assert caught.value.kind == "missing"


# --- in a process of its own


def test_errors_come_through_from_the_other_process_as_they_were(tmp_path):
    for name, (source, kind) in list(no_recording(tmp_path).items())[::3]:
        with pytest.raises(VideoError) as caught:
            ingest_apart(source, tmp_path / "a.mp4", Recipe())
        assert caught.value.kind == kind
        assert name in str(caught.value)


def test_progress_comes_through_and_what_the_listener_raises_stops_the_work(original, tmp_path):
    class Cancelled(Exception):
        pass

    shares: list[float] = []

    def listen(share: float) -> None:
        shares.append(share)
        if share > 0.3:
            raise Cancelled

    (tmp_path / "out").mkdir()
    with pytest.raises(Cancelled):
        ingest_apart(original("closed.mp4"), tmp_path / "out" / "a.mp4", Recipe(), on_progress=listen)
    assert shares == sorted(shares)
    assert list((tmp_path / "out").iterdir()) == []


def test_work_that_takes_too_long_is_stopped_and_leaves_nothing(original, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(VideoError, match=r"longer than 0.05 s") as caught:
        ingest_apart(original("closed.mp4"), tmp_path / "out" / "a.mp4", Recipe(), time_limit_s=0.05)
    assert caught.value.kind == "too_slow"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.fixture
def started(monkeypatch) -> list[subprocess.Popen]:
    """The processes that ingest starts."""
    made: list[subprocess.Popen] = []
    real = subprocess.Popen

    def start(*args, **options):
        made.append(real(*args, **options))
        return made[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    return made


@pytest.mark.parametrize(
    ("number", "kind", "word"),
    [(signal.SIGSEGV, "damaged", "the decoder broke down"), (signal.SIGKILL, "too_large", "more memory than")],
)
def test_a_decoder_that_crashes_takes_nothing_with_it(original, tmp_path, started, number, kind, word):
    (tmp_path / "out").mkdir()
    with pytest.raises(VideoError, match=word) as caught:
        ingest_apart(
            original("closed.mp4"),
            tmp_path / "out" / "a.mp4",
            Recipe(),
            on_progress=lambda share: share > 0.1 and started[0].send_signal(number),
        )
    assert caught.value.kind == kind
    assert list((tmp_path / "out").iterdir()) == []


SERVER = """
import sys
from pathlib import Path
from siming.video import Recipe
from siming.video.ingest import ingest_apart
ingest_apart(Path(sys.argv[1]), Path(sys.argv[2]), Recipe(), on_progress=lambda share: print(share, flush=True))
"""


def test_a_server_that_is_killed_leaves_no_half_file_and_no_process_that_goes_on(tmp_path):
    source = record(tmp_path / "a.mp4", n_frames=900, options=X264 | {"preset": "ultrafast"})
    target = tmp_path / "out" / "a.mp4"
    target.parent.mkdir()
    with subprocess.Popen([sys.executable, "-c", SERVER, str(source), str(target)], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        for line in server.stdout:
            if float(line) > 0.2:
                break
        server.kill()
    for _ in range(200):
        left = [file.name for file in target.parent.iterdir()]
        if left in ([], ["a.mp4"]):
            break
        time.sleep(0.05)
    assert left in ([], ["a.mp4"])
    assert not left or read_index(target).shown  # it may just have been ready


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="reads /proc, which Linux has")
def test_the_process_knows_no_secrets_and_is_bound(original, tmp_path, started, monkeypatch):
    monkeypatch.setenv("SIMING_DB_PASSWORD", "correct horse")
    read: dict[str, str] = {}

    def look(_: float) -> None:
        folder = Path(f"/proc/{started[0].pid}")
        read.setdefault("environ", (folder / "environ").read_text())
        read.setdefault("limits", (folder / "limits").read_text())

    ingest_apart(original("closed.mp4"), tmp_path / "a.mp4", Recipe(), on_progress=look, memory_limit_bytes=2 << 30)
    assert "correct horse" not in read["environ"]
    bound = {line[:25].strip(): line[26:].split()[0] for line in read["limits"].splitlines()[1:]}
    assert bound["Max address space"] == str(2 << 30)
    assert bound["Max core file size"] == "0"
    assert bound["Max cpu time"] != "unlimited"


def test_memory_that_does_not_do_is_said_to_be_the_memory(tmp_path, monkeypatch):
    # 8000 x 4000 grey pixels are a few kilobytes in the file and hundreds of megabytes on the way through
    source = record(
        tmp_path / "a.avi",
        codec="mjpeg",
        pixels="yuvj444p",
        n_frames=2,
        draw=lambda _: np.full((4000, 8000), 99, np.uint8),
    )
    assert source.stat().st_size < 2_000_000
    monkeypatch.setattr("siming.video.ingest.LEAST_MEMORY", 1)
    with pytest.raises(VideoError) as caught:
        ingest_apart(source, tmp_path / "out.mp4", Recipe(), memory_limit_bytes=350 << 20)
    assert caught.value.kind == "too_large"
    assert ingest_apart(source, tmp_path / "out.mp4", Recipe()).pictures == 2
    assert resource.getrlimit(resource.RLIMIT_AS)[0] in (
        resource.RLIM_INFINITY,
        resource.getrlimit(resource.RLIMIT_AS)[1],
    )


@pytest.mark.parametrize("options", [{"time_limit_s": 0}, {"time_limit_s": float("nan")}, {"memory_limit_bytes": 1000}])
def test_limits_that_cannot_be_are_refused(tmp_path, options):
    with pytest.raises(TaskError):
        ingest_apart(tmp_path / "a.mp4", tmp_path / "b.mp4", Recipe(), **options)


# --- recipes


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"max_side": 20}, "max_side=20"),
        ({"max_side": 1280.5}, "whole number"),
        ({"max_side": True}, "whole number"),
        ({"sound": "loud"}, "choose one of keep, off"),
        ({"faces": "maybe"}, "choose one of none, blur, box"),
        ({"threshold": float("nan")}, "threshold=nan"),
        ({"hold_s": 0.05}, "make hold_s at least"),
        ({"regions": [(0, 0, 1, 1)]}, "four numbers"),
        ({"version": 2}, "unknown options version"),
        ({"schema": "siming.recipe/2"}, "this version reads"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(options, word):
    with pytest.raises((TaskError, TypeError), match=word if "version" not in options else None):
        Recipe.from_json(options) if {"version", "schema"} & set(options) else Recipe(**options)


@pytest.mark.parametrize("sides", [(0.5, 0, 0.5, 1), (-0.1, 0, 1, 1), (0, 0, 1, float("inf")), (0, 0.9, 1, 0.1)])
def test_a_region_outside_the_picture_is_refused(sides):
    with pytest.raises(TaskError, match="region"):
        Region(*sides)


def test_a_recipe_written_and_read_is_the_same_recipe_with_the_same_hash():
    recipe = Recipe(
        max_side=960, faces="box", hold_s=1, regions=(Region(0, 0.8, 0.4, 1),), spared=(Region(0, 0, 1, 0.5),)
    )
    again = Recipe.from_json(json.loads(json.dumps(recipe.to_json())))
    assert again == recipe
    assert again.sha256 == recipe.sha256 == Recipe.from_json(recipe.to_json() | {"hold_s": 1.0}).sha256
    assert recipe.sha256 != Recipe().sha256
    assert os.path.sep not in recipe.sha256
