"""The frames of a request: where they lie on disk and which times they carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, Protocol

from siming.bench.request import Picture, Request
from siming.errors import VideoError
from siming.video.still import keep_still
from siming.video.store import FrameStore


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture cut from a recording, as a file."""

    time_s: float
    """The instant asked for, seconds from the recording's first shown picture."""
    shown_s: float
    """When the picture on show at that instant came up; at or before `time_s`."""
    path: Path
    """A JPEG file."""
    key: str
    """Its content's name in the store."""
    damaged: bool = False
    """Whether the decoder met damage on the way to it."""


class FrameSource(Protocol):
    """Where a run gets its pictures from. Called from several threads at once."""

    def frames(self, request: Request) -> Sequence[Frame]:
        """The frames of the request's plan, in order of time, cut if they are not yet in the store.

        Raises:
            VideoError: The recording cannot be used.
        """
        ...

    def video(self, request: Request) -> Path:
        """The whole recording.

        Raises:
            VideoError: There is no such file.
        """
        ...


class StoredFrames:
    """The frames of a dataset's recordings, from a store that cuts each picture once."""

    def __init__(self, dataset: Path, store: FrameStore) -> None:
        """
        Args:
            dataset: The folder that the requests' video paths start from.
        """
        self._dataset = dataset
        self._store = store

    def frames(self, request: Request) -> list[Frame]:
        """The frames of the request's plan; one that damage left no picture of is left out."""
        path = self.video(request)
        plan = request.plan
        stored = self._store.frames(path, plan.times_s, max_side=plan.max_side)
        found = [
            Frame(one.time_s, one.shown_s, one.path, one.key, one.damaged)
            for one in stored
            if one.path is not None and one.key is not None and one.shown_s is not None
        ]
        if stored and not found:
            raise VideoError(f"{path}: damage left none of the {len(stored)} pictures asked for", kind="damaged")
        return found

    def video(self, request: Request) -> Path:
        """The recording, once it is known to lie inside the dataset and to be the one that was asked about."""
        root = self._dataset.resolve()
        path = (root / request.video).resolve()
        if not path.is_relative_to(root):
            raise VideoError(
                f"{request.video} leads out of the dataset {self._dataset}; copy the file inside", kind="missing"
            )
        sha256 = self._store.sha256_of(path)
        if request.video_sha256 not in (None, sha256):
            raise VideoError(
                f"{path}: is not the recording the question was made for (SHA-256 {sha256[:12]}, wanted "
                f"{str(request.video_sha256)[:12]}); bring that one back, or make the run anew",
                kind="damaged",
            )
        return path


class PictureFrames:
    """The frames of clips that exist as image files, made small and marked, each picture kept once in a store."""

    def __init__(self, folder: Path, store: Path) -> None:
        """
        Args:
            folder: What the requests' pictures are relative to. Nothing outside is ever read.
            store: Where the pictures that are shown are kept.
        """
        self._folder = folder
        self._store = store

    def frames(self, request: Request) -> list[Frame]:
        """The request's pictures at their times.

        A damaged one is left out and counted. A missing one is a fault of the copy, and so is a damaged one with a
        region on it: the request is not asked before that is mended.
        """
        times = request.plan.times_s
        if len(times) != len(request.pictures):
            raise VideoError(
                f"the request has {len(request.pictures)} pictures and {len(times)} times; make the run anew",
                kind="damaged",
            )
        found = []
        for time_s, picture in zip(times, request.pictures, strict=True):
            path = self._path(picture)
            try:
                key = keep_still(path, self._store, max_side=request.plan.max_side, box=picture.region)
            except VideoError as error:
                if error.kind != "damaged" or picture.region is not None:
                    raise
                continue
            found.append(Frame(time_s, time_s, self._store / key, key))
        if not found:
            raise VideoError(f"none of the {len(times)} pictures can be used", kind="damaged")
        return found

    def video(self, request: Request) -> Path:
        """There is none.

        Raises:
            VideoError: Always.
        """
        raise VideoError(
            f"{request.video}: is given as pictures; ask with frames, not with the recording", kind="missing"
        )

    def _path(self, picture: Picture) -> Path:
        """A picture's file, once it is known to lie inside the folder, links followed."""
        root = self._folder.resolve()
        path = (root / picture.path).resolve()
        if not path.is_relative_to(root):
            raise VideoError(
                f"{picture.path} leads out of the folder of pictures {self._folder}; copy the file inside",
                kind="missing",
            )
        return path


WORD_OF_SECONDS = {"en": "seconds", "zh": "秒"}


def time_texts(frames: Sequence[Frame], language: Literal["en", "zh"]) -> list[str]:
    """What is written before each frame: its time on the recording's clock.

    One decimal, the form Qwen3-VL was taught; two where frames lie so close that one would name two alike.

    >>> [time_texts([Frame(t, t, Path(), "") for t in ts], "en")[0] for ts in ([12.46, 20.0], [12.46, 12.5])]
    ['<12.5 seconds>', '<12.46 seconds>']
    """
    times = [frame.time_s for frame in frames]
    decimals = 2 if any(b - a < 0.1 for a, b in pairwise(times)) else 1
    return [f"<{time_s:.{decimals}f} {WORD_OF_SECONDS[language]}>" for time_s in times]
