"""Pictures are cut once: what the store shares, notices and survives."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading

import pytest
from recordings import number_in

from siming.video import FramePlan, FrameStore, cut_frames
from siming.video import decode as decoder

TIMES = FramePlan.parse("middle:10").times([(0.0, 4.0)])
NUMBERS = [6, 18, 30, 42, 54, 66, 78, 90, 102, 114]  # 30 a second: (0.2 + 0.4 k) * 30


@pytest.fixture
def decoded(monkeypatch):
    """Packets that were really decoded since the test began."""
    packets = []
    original = decoder.decode_pictures

    def watched(path, index, wanted, **options):
        packets.extend(wanted)
        return original(path, index, wanted, **options)

    monkeypatch.setattr(decoder, "decode_pictures", watched)
    return packets


def aged(path):
    """The file as if it had lain there for an hour, which is when its note may be trusted."""
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def test_a_second_request_decodes_nothing_and_says_the_same(recording, tmp_path, decoded):
    store = FrameStore(tmp_path)
    first = store.frames(recording("closed.mp4"), TIMES, max_side=80)
    assert [number_in(frame.path) for frame in first] == NUMBERS
    assert len(decoded) == 10
    assert store.frames(recording("closed.mp4"), TIMES, max_side=80) == first
    assert FrameStore(tmp_path).frames(recording("closed.mp4"), TIMES, max_side=80) == first
    assert len(decoded) == 10
    assert [(frame.width, frame.height) for frame in first] == [(80, 48)] * 10
    assert all(store.path_of(frame.key) == frame.path for frame in first)


def test_the_stored_picture_is_the_one_a_plain_cut_gives(recording, tmp_path):
    stored = FrameStore(tmp_path).frames(recording("hevc.mp4"), TIMES, max_side=80)
    plain = cut_frames(recording("hevc.mp4"), TIMES, max_side=80)
    assert [frame.path.read_bytes() for frame in stored] == [frame.jpeg for frame in plain]
    assert [frame.shown_s for frame in stored] == [frame.shown_s for frame in plain]


def test_budgets_and_clips_share_the_pictures_they_have_in_common(recording, tmp_path, decoded):
    store = FrameStore(tmp_path)
    store.frames(recording("closed.mp4"), [0.5, 1.0, 1.5], max_side=80)
    store.frames(recording("closed.mp4"), [1.0, 1.0, 1.51, 2.0], max_side=80)  # 1.51 s still shows the picture of 1.5 s
    assert len(decoded) == 4


def test_several_budgets_are_decoded_as_one(recording, tmp_path, decoded):
    budgets = [FramePlan.parse(f"middle:{n}").times([(0.0, 4.0)]) for n in (3, 5, 9)]
    answers = FrameStore(tmp_path).frames_of_all(recording("closed.mp4"), budgets, max_side=80)
    assert [[number_in(frame.path) for frame in frames] for frames in answers] == [
        [int(time * 30 + 1e-6) for time in times] for times in budgets
    ]
    assert len(decoded) == len(set(decoded)) < 17  # the middle one of each is the same picture


def test_the_same_content_under_another_name_is_the_same(recording, tmp_path, decoded):
    store = FrameStore(tmp_path / "store")
    first = store.frames(recording("closed.mp4"), TIMES, max_side=80)
    shutil.copy(recording("closed.mp4"), tmp_path / "copy.mp4")
    assert store.frames(tmp_path / "copy.mp4", TIMES, max_side=80) == first
    assert len(decoded) == 10


def test_another_size_is_another_picture(recording, tmp_path):
    store = FrameStore(tmp_path)
    (small,), (large,) = (store.frames(recording("closed.mp4"), [1.0], max_side=side) for side in (80, 120))
    assert small.key != large.key
    assert (large.width, large.height) == (120, 72)


def test_a_file_is_hashed_once_as_long_as_it_does_not_change(recording, tmp_path, monkeypatch):
    path = aged(shutil.copy(recording("closed.mp4"), tmp_path / "a.mp4"))
    store = FrameStore(tmp_path / "store")
    monkeypatch.setattr("siming.video.store.SETTLED_S", -1e9)
    hashed = []
    from siming.video import store as module

    original = module.sha256_of
    monkeypatch.setattr(module, "sha256_of", lambda file: hashed.append(file) or original(file))
    first = store.sha256_of(path)
    assert store.sha256_of(path) == first
    assert len(hashed) == 1
    shutil.copy(recording("open.mp4"), path)
    aged(path)
    assert store.sha256_of(path) != first


def test_a_file_changed_a_moment_ago_is_not_trusted_to_stay(recording, tmp_path):
    path = shutil.copy(recording("closed.mp4"), tmp_path / "a.mp4")
    os.utime(path)
    store = FrameStore(tmp_path / "store")
    store.sha256_of(path)
    assert not (tmp_path / "store" / "notes").exists()


@pytest.mark.parametrize(
    "spoil", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"x" * len(data)]
)
def test_a_spoilt_picture_is_noticed_and_cut_again(recording, tmp_path, decoded, spoil):
    store = FrameStore(tmp_path)
    first = store.frames(recording("closed.mp4"), TIMES, max_side=80)
    whole = first[4].path.read_bytes()
    first[4].path.write_bytes(spoil(whole))
    assert store.frames(recording("closed.mp4"), TIMES, max_side=80) == first
    assert first[4].path.read_bytes() == whole
    assert len(decoded) == 11


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pts": [1], "flags": "0102"}'])
def test_a_spoilt_packet_table_is_made_again(recording, tmp_path, text):
    store = FrameStore(tmp_path)
    first = store.frames(recording("closed.mp4"), TIMES, max_side=80)
    (table,) = tmp_path.glob("*/*/index-*.json")
    whole = json.loads(table.read_text())
    table.write_text(text)
    assert store.frames(recording("closed.mp4"), TIMES, max_side=80) == first
    assert json.loads(table.read_text()) == whole


def test_many_threads_cut_every_picture_once(recording, tmp_path, decoded):
    store = FrameStore(tmp_path)
    answers = []

    def ask():
        answers.append(store.frames(recording("closed.mp4"), TIMES, max_side=80))

    recording("closed.mp4")
    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all(answer == answers[0] for answer in answers)
    assert len(decoded) == 10


def cut_in_a_process(path, root, results):
    results.put([number_in(frame.path) for frame in FrameStore(root).frames(path, TIMES, max_side=80)])


def test_many_processes_share_a_store(recording, tmp_path):
    path = recording("closed.mp4")
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    processes = [context.Process(target=cut_in_a_process, args=(path, tmp_path, results)) for _ in range(3)]
    for process in processes:
        process.start()
    assert [results.get(timeout=30) for _ in processes] == [NUMBERS] * 3
    for process in processes:
        process.join()
    assert not list(tmp_path.rglob(".*"))  # nothing half-written stays


def test_a_hit_needs_neither_decoder_nor_picture_library(recording, tmp_path):
    path = recording("closed.mp4")
    FrameStore(tmp_path).frames(path, TIMES, max_side=80)
    code = (
        "import sys; from siming.video import FrameStore\n"
        f"frames = FrameStore({str(tmp_path)!r}).frames({str(path)!r}, {list(TIMES)}, max_side=80)\n"
        "assert len(frames) == 10\n"
        "print([name for name in ('av', 'PIL', 'numpy', 'pydantic', 'typer') if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_an_approximate_picture_is_labelled_and_does_not_pass_for_the_exact_one(recording, tmp_path):
    store = FrameStore(tmp_path)
    (near,) = store.frames(recording("closed.mp4"), [0.9], max_side=80, approx_keyframes=True)
    (exact,) = store.frames(recording("closed.mp4"), [0.9], max_side=80)
    assert (near.approximate, number_in(near.path)) == (True, 30)
    assert (exact.approximate, number_in(exact.path)) == (False, 27)
