"""Frames on their way from a recording to a request."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from questions import info, request, requests

from siming.bench.folder import load_run
from siming.bench.request import RequestPlan
from siming.errors import VideoError
from siming.run import Frame, StoredFrames, open_backend, run
from siming.run.frames import time_texts
from siming.video.store import FrameStore


def write_video(path: Path, *, seconds: int = 4) -> None:
    """One flat picture a second, each brighter by 40: what is on show at 2.5 s has brightness 20 + 2 * 40."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k in range(seconds):
            grey = np.full((48, 64, 3), 20 + 40 * k, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        file.mux(stream.encode(None))


def at(*times: float, side: int = 32, **changes):
    return request(plan=RequestPlan(policy="listed", times_s=times, max_side=side), **changes)


@pytest.fixture
def source(tmp_path) -> StoredFrames:
    write_video(tmp_path / "data" / "videos" / "A-001.mp4")
    return StoredFrames(tmp_path / "data", FrameStore(tmp_path / "store"))


def test_each_instant_gets_the_picture_on_show_then_at_the_size_asked_for(source):
    frames = source.frames(at(0.0, 1.2, 3.9))
    assert [(f.time_s, f.shown_s) for f in frames] == [(0.0, 0.0), (1.2, 1.0), (3.9, 3.0)]
    for frame, brightness in zip(frames, (20, 60, 140), strict=True):
        with Image.open(frame.path) as picture:
            assert picture.size == (32, 24)
            assert np.asarray(picture.convert("L")).mean() == pytest.approx(brightness, abs=6)


def test_a_picture_is_cut_once_for_all_requests_that_show_it(source):
    first = source.frames(at(1.2))[0]
    stamp = first.path.stat().st_mtime_ns
    again = source.frames(at(0.5, 1.7))[1]
    assert again.key == first.key
    assert again.path.stat().st_mtime_ns == stamp


def test_a_recording_that_is_another_one_now_is_not_shown(source):
    with pytest.raises(VideoError, match="is not the recording the question was made for"):
        source.frames(at(1.0, video_sha256="0" * 64))
    right = source._store.sha256_of(source.video(request()))
    assert source.frames(at(1.0, video_sha256=right))


def test_a_link_that_leads_out_of_the_dataset_is_not_followed(source, tmp_path):
    write_video(tmp_path / "private.mp4")
    (tmp_path / "data" / "videos" / "linked.mp4").symlink_to(tmp_path / "private.mp4")
    for out in ("videos/linked.mp4", "../private.mp4"):
        with pytest.raises(VideoError, match="leads out of the dataset"):
            source.video(request(video=out))
    (tmp_path / "data" / "videos" / "inside.mp4").symlink_to("A-001.mp4")
    assert source.frames(at(0.0, video="videos/inside.mp4"))


def test_a_run_over_real_recordings_skips_the_missing_one_and_shows_the_others(source, tmp_path):
    backend = open_backend("mock:random", {"pictures": True})
    asked = [at(0.0, 2.5), at(0.5, id="A-002", video="videos/gone.mp4")]
    outcome = run(tmp_path / "run", info(options=backend.options), asked, backend, source)
    assert outcome.counts == {"ok": 1, "skipped": 1}
    assert "gone.mp4" in outcome.missing[0][2]
    assert load_run(tmp_path / "run").predictions["A-001"].shown_s == (0.0, 2.0)


def test_a_backend_that_shows_pictures_needs_a_source(tmp_path):
    backend = open_backend("mock:random", {"pictures": True})
    outcome = run(tmp_path, info(options=backend.options), requests(1), backend, None)
    assert "given no source" in outcome.missing[0][2]


@pytest.mark.parametrize(
    ("times", "language", "texts"),
    [
        ([0.0, 12.449, 170.0], "en", ["<0.0 seconds>", "<12.4 seconds>", "<170.0 seconds>"]),
        ([1.5], "zh", ["<1.5 秒>"]),
        ([1.0, 1.04], "en", ["<1.00 seconds>", "<1.04 seconds>"]),
        ([], "en", []),
    ],
)
def test_the_time_before_a_frame(times, language, texts):
    assert time_texts([Frame(t, t, Path(), "") for t in times], language) == texts
