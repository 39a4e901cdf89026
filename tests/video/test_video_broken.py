"""Files that are no recording, or no longer a whole one: each says what it is, and no picture is silently wrong."""

from __future__ import annotations

import os
import random
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from recordings import boxes, number_in, picture, record, shown_numbers

from siming.errors import VideoError
from siming.video import FramePlan, FrameStore, cut_frames, probe
from siming.video.decode import decode_pictures, read_index
from siming.video.harvest import Picture

FLAT = {"preset": "veryfast", "g": "30", "bf": "3", "x264-params": "scenecut=0"}


def kind_of(path: Path) -> str:
    with pytest.raises(VideoError) as caught:
        probe(path)
    with pytest.raises(VideoError) as again:
        cut_frames(path, [0.0])
    assert caught.value.kind == again.value.kind
    assert path.name in str(caught.value)
    return caught.value.kind


def test_a_path_that_leads_nowhere_is_missing(tmp_path):
    assert kind_of(tmp_path / "nothing.mp4") == "missing"
    with pytest.raises(VideoError) as caught:
        probe("nul\0.mp4")
    assert caught.value.kind == "missing"


def test_a_folder_and_a_pipe_are_no_recording(tmp_path):
    assert kind_of(tmp_path) == "not_a_video"
    os.mkfifo(tmp_path / "pipe.mp4")  # opening it would wait for ever
    assert kind_of(tmp_path / "pipe.mp4") == "not_a_video"


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "a.mp4").touch()
    assert kind_of(tmp_path / "a.mp4") == "empty"


@pytest.mark.parametrize(
    "content",
    [b"notes of the exam\n" * 50, "考试记录".encode() * 500, random.Random(1).randbytes(5000), b"\0" * 5000, b"x"],
)
def test_text_and_noise_are_no_video_whatever_their_name(tmp_path, content):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    assert kind_of(path) == "not_a_video"


def test_a_picture_is_no_recording(tmp_path, recording):
    path = tmp_path / "a.jpg"
    path.write_bytes(cut_frames(recording("closed.mp4"), [0.0])[0].jpeg)
    assert kind_of(path) == "not_a_video"


def test_sound_alone_has_no_video_stream(tmp_path):
    path = record(tmp_path / "both.mp4", n_frames=30, sound=True, options=FLAT)
    import av

    with av.open(str(path)) as source, av.open(str(tmp_path / "sound.m4a"), "w", format="ipod") as out:
        copy = out.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = copy
                out.mux(packet)
    assert kind_of(tmp_path / "sound.m4a") == "no_video_stream"


def test_a_playlist_cannot_make_the_decoder_open_another_file(tmp_path, recording):
    other = tmp_path / "other.ts"
    shutil.copy(recording("closed.ts"), other)
    lists = {
        "a.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{other}\n#EXT-X-ENDLIST\n",
        "a.mp4": f"ffconcat version 1.0\nfile '{other.name}'\n",
        "a.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>other.ts</BaseURL></MPD>',
        "a.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    }
    for name, text in lists.items():
        (tmp_path / name).write_text(text)
        assert kind_of(tmp_path / name) == "not_a_video"


@pytest.mark.parametrize(
    "name", ["concat:other.ts", "http:__host_a.mp4", "file:other.ts", "subfile,,start,0,end,0,,:other.ts"]
)
def test_a_name_that_looks_like_an_address_is_only_a_name(tmp_path, recording, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VideoError) as caught:
        cut_frames(name, [0.0])
    assert caught.value.kind == "missing"
    shutil.copy(recording("closed.ts"), name)
    assert number_in(cut_frames(name, [1.0], max_side=80)[0].jpeg) == 30


def test_a_recording_whose_index_was_never_written_says_so(tmp_path, recording):
    data = recording("closed.mp4").read_bytes()
    moov = next(at for name, at, _ in boxes(data) if name == "moov")
    path = tmp_path / "a.mp4"
    path.write_bytes(data[:moov])
    assert kind_of(path) == "index_missing"


@pytest.mark.parametrize("told_by_container", [True, False])
def test_a_recording_that_claims_huge_pictures_is_refused_before_memory_is_taken(tmp_path, told_by_container):
    path = record(tmp_path / "a.webm", codec="libvpx", n_frames=5, draw=lambda n: picture(n, width=320, height=288))
    data = path.read_bytes()
    size = struct.pack("<HH", 320, 288)
    assert data.count(b"\x9d\x01\x2a" + size) == 1  # the size in the head of the only key picture of VP8
    data = data.replace(b"\x9d\x01\x2a" + size, b"\x9d\x01\x2a" + struct.pack("<HH", 16383, 16383))
    if told_by_container:
        data = data.replace(b"\xb0\x82\x01\x40", b"\xb0\x82\xff\xff").replace(b"\xba\x82\x01\x20", b"\xba\x82\xff\xff")
    path.write_bytes(data)
    assert kind_of(path) == ("too_large" if told_by_container else "damaged")


def front_indexed(path: Path) -> Path:
    return record(path, options=FLAT, container_options={"movflags": "+faststart"})


def test_a_recording_that_stops_early_gives_what_it_has_and_no_more(tmp_path):
    path = front_indexed(tmp_path / "a.mp4")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    facts = probe(path)
    assert facts.header_duration_s == pytest.approx(4.0)
    assert 1.0 < facts.duration_s < 3.5
    assert facts.frames < facts.header_frames == 120
    assert any("stops at" in warning for warning in facts.warnings)

    whole = [k / 30 + 0.01 for k in range(facts.frames - 12)]
    frames = cut_frames(path, whole, max_side=80)
    assert [number_in(frame.jpeg) for frame in frames] == list(range(len(whole)))
    assert not any(frame.damaged for frame in frames)

    with pytest.raises(VideoError) as caught:
        cut_frames(path, [3.9])
    assert caught.value.kind == "truncated"
    with pytest.raises(VideoError) as caught:
        cut_frames(path, [4.1])
    assert caught.value.kind == "bad_time"
    (last,) = cut_frames(path, [3.9], max_side=80, clamp=True)
    assert last.shown_s <= facts.duration_s
    assert last.damaged  # the last packet is cut through


def hole(path: Path, start: int, length: int, seed: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[start : start + length] = random.Random(seed).randbytes(length)
    path.write_bytes(data)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("length", [400, 3000])
def test_a_hole_costs_at_most_its_group_of_pictures_and_every_picture_hit_is_flagged(tmp_path, length, threads):
    path = front_indexed(tmp_path / "a.mp4")
    truth = shown_numbers(path)
    data = path.read_bytes()
    mdat = next(at for name, at, _ in boxes(data) if name == "mdat")
    hole(path, mdat + (len(data) - mdat) * 4 // 10, length)  # in the second of four groups of 30
    index = read_index(path)
    hit = []
    for wanted in (index.shown, index.shown[40:44], index.shown[3::17]):
        pictures: list[Picture] = []
        decode_pictures(path, index, wanted, deliver=pictures.append, max_side=80, threads=threads)
        got = {picture.packet: picture for picture in pictures}
        assert len(pictures) == len(got)
        assert set(got) == set(wanted)
        for place, packet in enumerate(index.shown):
            if packet in got:
                found = got[packet]
                right = found.jpeg is not None and number_in(found.jpeg) == truth[place][1]
                assert right or found.damaged
                hit += [place] if found.damaged else []
                if found.damaged and found.shown_packet not in (None, packet):
                    assert index.shown_s(found.shown_packet) < index.shown_s(packet)
    assert hit
    assert {place // 30 for place in hit} == {1}


def test_a_hole_is_announced_by_the_probe_and_marks_the_picture_whose_tail_it_took(tmp_path):
    path = front_indexed(tmp_path / "a.mp4")
    whole = probe(path)
    index = read_index(path)
    import av

    with av.open(str(path)) as source:
        places = [(packet.pos, packet.size) for packet in source.demux(video=0) if packet.size]
    key = index.keys[2]
    hole(path, places[key][0] + places[key][1] - 200, 1500)  # the end of a key picture, and the packets after it
    assert whole.warnings == ()
    assert any("stored incompletely, between 2.0 s" in warning for warning in probe(path).warnings)
    (frame,) = cut_frames(path, [2.0], max_side=80)  # alone: nothing of the rest of the hole need be decoded for it
    assert frame.damaged


def test_pixels_that_are_not_flagged_are_those_of_the_whole_recording(tmp_path):
    path = front_indexed(tmp_path / "a.mp4")
    whole = [frame.jpeg for frame in cut_frames(path, FramePlan.parse("fps:30"), max_side=80)]
    spoilt = 0
    size = path.stat().st_size
    for seed in range(8):
        broken = tmp_path / "b.mp4"
        shutil.copy(path, broken)
        hole(broken, random.Random(seed).randrange(size // 4, size - 4000), 2500, seed)
        frames = cut_frames(broken, FramePlan.parse("fps:30"), max_side=80)
        assert all(frame.damaged or frame.jpeg == true for frame, true in zip(frames, whole, strict=True))
        spoilt += sum(frame.damaged for frame in frames)
    assert spoilt > 8


@pytest.mark.parametrize("name", ["closed.ts", "closed.mkv", "hevc.mp4", "vp9.webm", "plain.avi", "closed.mp4"])
def test_no_damage_makes_the_decoders_own_errors_escape(tmp_path, recording, name):
    data = recording(name).read_bytes()
    for seed in range(12):
        draw = random.Random(seed)
        spoilt = bytearray(data)
        for _ in range(draw.choice([1, 3])):
            at = draw.randrange(len(data))
            spoilt[at : at + draw.choice([1, 30, 2000])] = draw.randbytes(draw.choice([1, 30, 2000]))
        spoilt = spoilt[: draw.randrange(len(spoilt) // 2, len(spoilt))] if seed % 2 else spoilt
        path = tmp_path / f"{seed}-{name}"
        path.write_bytes(spoilt)
        try:
            facts = probe(path)
            frames = cut_frames(path, FramePlan.parse("middle:5"), max_side=80, threads=1 + seed % 2)
        except VideoError:
            continue
        assert len(frames) == 5
        assert facts.frames > 0


def test_a_damaged_picture_stays_flagged_in_the_store(tmp_path):
    path = front_indexed(tmp_path / "a.mp4")
    size = path.stat().st_size
    hole(path, size * 4 // 10, 3000)
    store = FrameStore(tmp_path / "store")
    times = FramePlan.parse("middle:40").times([(0.0, 4.0)])
    first, second = store.frames(path, times, max_side=80), store.frames(path, times, max_side=80)
    assert first == second
    assert any(frame.damaged for frame in second)
    assert all(frame.damaged or number_in(frame.path) == int(frame.time_s * 30 + 1e-6) for frame in second)


def test_a_file_exchanged_between_indexing_and_decoding_is_noticed(tmp_path, recording):
    index = read_index(recording("closed.mp4"))
    with pytest.raises(VideoError, match="changed since"):
        decode_pictures(recording("phone.mp4"), index, index.shown[::20], deliver=lambda _: None)


def test_the_test_pictures_tell_their_number():
    assert number_in_array(picture(45981)) == 45981
    assert number_in_array(np.full((96, 160), 90, np.uint8)) == -1


def number_in_array(grey: np.ndarray) -> int:
    from PIL import Image

    return number_in(Image.fromarray(grey))
