"""The picture given is the one on show at the instant asked for, whatever the recording is made of."""

from __future__ import annotations

import io
import random
import struct
from bisect import bisect_right
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from recordings import HEIGHT, KINDS, WIDTH, boxes, number_in, record, shown_numbers

from siming.errors import TaskError, VideoError
from siming.video import FramePlan, cut_frames, probe
from siming.video.decode import decode_pictures, read_index
from siming.video.picture import fit, to_jpeg, upright

SHARED = Path(__file__).resolve().parents[3] / "shared"

STEADY = [name for name in KINDS if not name.startswith(("turned", "late", "reordered"))]


def on_show(shown: list[tuple[Fraction, int]], time_s: float) -> int:
    return shown[bisect_right([time for time, _ in shown], Fraction(time_s) + Fraction(1, 10**6)) - 1][1]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", STEADY)
def test_every_instant_gives_the_picture_on_show(recording, name, threads):
    path = recording(name)
    shown = shown_numbers(path)
    assert [number for _, number in shown] == list(range(120))
    draw = random.Random(name)
    for n in (1, 3, 12, 40):
        times = [draw.uniform(0, float(shown[-1][0])) for _ in range(n)]
        frames = cut_frames(path, times, max_side=80, threads=threads)
        assert [number_in(frame.jpeg) for frame in frames] == [on_show(shown, time) for time in times]
        assert not any(frame.damaged for frame in frames)
        assert all(frame.shown_s <= frame.time_s + 1e-6 for frame in frames)


@pytest.mark.parametrize("name", STEADY)
def test_the_packet_table_names_exactly_the_pictures_of_a_full_decode(recording, name):
    index = read_index(recording(name))
    assert [index.shown_s(packet) for packet in index.shown] == [
        pytest.approx(float(time)) for time, _ in shown_numbers(recording(name))
    ]


def test_a_file_without_times_of_showing_is_shown_in_order_at_its_rate(recording):
    # AVI stores no presentation stamps; with pictures stored out of order even the decoder's own stamps are wrong
    times = [k / 30 for k in (0, 1, 2, 50, 118, 119)]
    frames = cut_frames(recording("reordered.avi"), times, max_side=80)
    assert [number_in(frame.jpeg) for frame in frames] == [0, 1, 2, 50, 118, 119]
    assert probe(recording("reordered.avi")).warnings


def test_all_pictures_of_an_open_gop_come_out_whole_each_once(recording):
    index = read_index(recording("open.mp4"))
    got = []
    decode_pictures(recording("open.mp4"), index, index.shown, deliver=got.append, max_side=80, threads=2)
    assert sorted((index.shown_s(p.packet), number_in(p.jpeg), p.damaged) for p in got) == [
        (pytest.approx(k / 30), k, False) for k in range(120)
    ]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_recording_filmed_turned_comes_out_upright(recording, turn):
    path = recording(f"turned{turn}.mp4")
    frames = cut_frames(path, FramePlan.parse("middle:6"), max_side=80)
    assert [number_in(frame.jpeg) for frame in frames] == [10, 30, 50, 70, 90, 110]
    assert {(frame.width, frame.height) for frame in frames} == {(80, 48)}
    facts = probe(path)
    assert (facts.width, facts.height, facts.rotation) == (WIDTH, HEIGHT, turn)


@pytest.mark.parametrize("name", ["late.mkv", "late.mp4"])
def test_times_count_from_the_first_picture_shown(recording, name):
    frames = cut_frames(recording(name), [0.0, 0.5, 4.0], max_side=80)
    assert [number_in(frame.jpeg) for frame in frames] == [0, 12, 100]  # 25 a second
    assert probe(recording(name)).duration_s == pytest.approx(4.8, abs=0.011)


def test_the_instant_a_picture_comes_on_show_already_belongs_to_it(recording):
    # 1/30 s is no binary number, and many files keep six decimals
    times = [round(k / 30, 6) for k in range(120)]
    frames = cut_frames(recording("closed.mp4"), times, max_side=80)
    assert [number_in(frame.jpeg) for frame in frames] == list(range(120))


def test_an_edit_list_hides_what_no_player_shows(recording, tmp_path):
    data = bytearray(recording("closed.mp4").read_bytes())
    where = data.index(b"elst") + 16  # past name, version and flags, number of entries, and the length to play
    (media_time,) = struct.unpack_from(">i", data, where)
    struct.pack_into(">i", data, where, media_time + 45 * 512)  # begin in the middle of the second group
    (ticks_per_s,) = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)  # past name, version, two dates
    struct.pack_into(">I", data, where - 4, int(2.5 * ticks_per_s))  # and play 2.5 s of it
    path = tmp_path / "edited.mp4"
    path.write_bytes(data)
    shown = shown_numbers(path)
    assert shown[0] == (0, 45)
    frames = cut_frames(path, FramePlan.parse("fps:30"), max_side=80)
    assert [number_in(frame.jpeg) for frame in frames] == [number for _, number in shown]
    facts = probe(path)
    assert (facts.frames, facts.header_frames) == (75, 120)
    assert len(facts.warnings) == 1
    assert "not shown" in facts.warnings[0]


@pytest.mark.parametrize("name", ["closed.ts", "open.ts"])
def test_a_recording_cut_out_of_a_longer_one_begins_with_its_first_whole_picture(recording, tmp_path, name):
    data = recording(name).read_bytes()
    path = tmp_path / "middle.ts"
    path.write_bytes(data[: 188 * 3] + data[len(data) // 3 // 188 * 188 :])
    shown = shown_numbers(path)
    assert 40 < len(shown) < 100
    index = read_index(path)
    assert len(index.shown) == len(shown)
    frames = cut_frames(path, [float(time) for time, _ in shown], max_side=80)
    assert [number_in(frame.jpeg) for frame in frames] == [number for _, number in shown]


def test_a_step_clip_is_cut_from_its_own_stretches_only(recording):
    frames = cut_frames(
        recording("closed.mp4"), FramePlan.parse("middle:4"), within=[(0.5, 1.0), (3.0, 3.5)], max_side=80
    )
    # joined length 1 s: offsets .125, .375, .625, .875
    assert [frame.time_s for frame in frames] == [0.625, 0.875, 3.125, 3.375]
    assert [number_in(frame.jpeg) for frame in frames] == [18, 26, 93, 101]


def test_the_nearest_key_picture_is_given_only_on_request_and_says_so(recording):
    frames = cut_frames(recording("closed.mp4"), [0.4, 0.6, 1.4, 3.9], max_side=80, approx_keyframes=True)
    assert [number_in(frame.jpeg) for frame in frames] == [0, 30, 30, 90]
    assert all(frame.approximate for frame in frames)
    assert not any(frame.approximate for frame in cut_frames(recording("closed.mp4"), [0.4], max_side=80))


def test_files_are_named_by_order_and_none_of_a_longer_cut_stays(recording, tmp_path):
    times = [2.0, 1.0, 2.0]  # any order; the same instant twice
    cut_frames(recording("closed.mp4"), FramePlan.parse("middle:8"), out=tmp_path, max_side=80)
    frames = cut_frames(recording("closed.mp4"), times, out=tmp_path, max_side=80)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["00000.jpg", "00001.jpg", "00002.jpg"]
    assert [number_in(frame.path) for frame in frames] == [60, 30, 60]
    assert [frame.time_s for frame in frames] == times


def test_pictures_are_shrunk_to_the_side_asked_for_and_never_enlarged(recording):
    small, same = (cut_frames(recording("closed.mp4"), [1.0], max_side=side)[0] for side in (101, 5000))
    assert (small.width, small.height) == (100, 60)
    assert (same.width, same.height) == (WIDTH, HEIGHT)
    image = Image.open(io.BytesIO(small.jpeg))
    assert image.size == (100, 60)
    assert image.layer[0][1:3] == (2, 2)  # colour at half resolution both ways
    assert fit(3840, 1600, 768) == (768, 320)
    assert fit(1081, 1921, 768) == (432, 768)


def test_a_side_or_quality_that_is_none_is_refused(recording):
    with pytest.raises(TaskError):
        cut_frames(recording("closed.mp4"), [1.0], max_side=0)
    with pytest.raises(TaskError):
        cut_frames(recording("closed.mp4"), [1.0], quality=200)


def test_an_instant_outside_the_recording_is_an_error_unless_clamped(recording):
    for time in (-0.1, 4.2, float("nan")):
        with pytest.raises(VideoError) as caught:
            cut_frames(recording("closed.mp4"), [1.0, time])
        assert caught.value.kind == "bad_time"
    frames = cut_frames(recording("closed.mp4"), [-0.1, 1000.0], clamp=True, max_side=80)
    assert [number_in(frame.jpeg) for frame in frames] == [0, 119]


def test_the_average_rate_is_a_fraction_and_a_wandering_one_is_called_so(recording):
    assert probe(recording("closed.mkv")).fps == 30  # stamps are whole milliseconds there
    assert not probe(recording("closed.mkv")).variable_rate
    assert probe(recording("phone.mp4")).variable_rate
    assert probe(recording("closed.mp4")).longest_key_interval_s == pytest.approx(1.0)


@pytest.mark.parametrize("lines", [480, 720])
def test_an_untagged_picture_is_bt709_from_720_lines_and_bt601_below(lines):
    def shade(tag: int | None = None) -> np.ndarray:
        frame = av.VideoFrame(16, lines, "yuv420p")
        for plane, value in zip(frame.planes, (120, 90, 200), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        if tag is not None:
            frame.colorspace = tag
        return np.asarray(upright(frame, 240))[5, 3].astype(int)

    red, blue = (0.2126, 0.0722) if lines == 720 else (0.299, 0.114)
    y, u, v = (120 - 16) / 219, (90 - 128) / 224, (200 - 128) / 224
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    g = (y - red * r - blue * b) / (1 - red - blue)
    assert np.abs(shade() - np.array([r, g, b]) * 255).max() <= 4
    bt709, bt601 = 1, 5
    assert list(shade(bt709)) != list(shade(bt601))  # a tag wins over the number of lines
    assert list(shade()) == list(shade(bt709 if lines == 720 else bt601))


@pytest.mark.parametrize(
    "name",
    [
        "orbit_needle_handover.mp4",
        pytest.param("orbit_block_handover.mp4", marks=pytest.mark.slow),
        pytest.param("orbit_ring_pickplace.mp4", marks=pytest.mark.slow),
        pytest.param("reenact_ng8_t0.mp4", marks=pytest.mark.slow),
        pytest.param("reenact_ng5_t3.mp4", marks=pytest.mark.slow),
    ],
)
def test_real_recordings_give_the_pixels_of_a_full_decode(name):
    path = SHARED / "video" / name
    if not path.exists():
        pytest.skip(f"the shared recording {name} is not beside the repository")
    asked = cut_frames(path, FramePlan.parse("middle:24"), max_side=96)
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        stream.thread_type = "AUTO"
        tick_s = stream.time_base
        stamps, pictures, n = [], {}, 0
        index = read_index(path)
        goal = set(index.packets_at([frame.time_s for frame in asked]))
        wanted = {index.pts[packet] for packet in goal}
        for frame in source.decode(stream):
            stamps.append(frame.pts)
            if frame.pts in wanted:
                pictures[frame.pts] = to_jpeg(upright(frame, 96), 85)
            n += 1
    known = {"orbit_needle_handover.mp4": 332, "orbit_block_handover.mp4": 368, "orbit_ring_pickplace.mp4": 211}
    assert len(index.shown) == n == known.get(name, n)
    for frame in asked:
        ticks = Fraction(frame.time_s) / tick_s + stamps[0]
        assert frame.jpeg == pictures[stamps[bisect_right(stamps, ticks) - 1]]


def test_a_recording_of_one_picture_is_one(tmp_path):
    path = record(tmp_path / "one.mp4", n_frames=1, options={"preset": "ultrafast"})
    assert [number_in(frame.jpeg) for frame in cut_frames(path, FramePlan.parse("endpoints:3"), max_side=80)] == [
        0,
        0,
        0,
    ]
    assert boxes(path.read_bytes())[0][0] == "ftyp"
