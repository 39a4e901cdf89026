"""The growing `predictions.jsonl` of a run: one line per answer, on disk before the next thing happens.

Whatever kills the process, only answers still in flight are lost. While a run goes on the file is in the order of
arrival; when it ends it is rewritten in the order of the requests with one line each, so that a run that was
killed and resumed ends with the same content as one that was left in peace.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from siming.bench.folder import load_run
from siming.bench.prediction import Prediction
from siming.bench.request import Request
from siming.errors import RunError

CIRCUMSTANCES = ("latency_s", "started_at", "tries")
"""Fields that tell how an answer came about and not what it is; two runs of the same questions differ in them."""


def content_of(prediction: Prediction) -> dict[str, Any]:
    """The prediction without the circumstances of its call: what must not depend on interruptions."""
    return {name: value for name, value in prediction.to_plain().items() if name not in CIRCUMSTANCES}


class Lock:
    """Keeps a second process out of a run folder. The system frees it when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stream: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        stream = (self._folder / ".lock").open("a+b")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as cause:
            stream.seek(0)
            owner = stream.read(32).decode("ascii", "replace").strip() or "unknown"
            stream.close()
            raise RunError(
                f"{self._folder}: another process (id {owner}) is running in this folder; wait until it ends, "
                "or give this run a folder of its own"
            ) from cause
        stream.truncate(0)
        stream.write(f"{os.getpid()}\n".encode())
        stream.flush()
        self._stream = stream
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


class Journal:
    """`predictions.jsonl` while it is being written. One process at a time: hold a `Lock` around it."""

    def __init__(self, folder: Path, requests: Sequence[Request]) -> None:
        self._folder = folder
        self._path = folder / "predictions.jsonl"
        self._requests = requests
        self._latest: dict[str, Prediction] = {}
        self._stream: BinaryIO | None = None

    def __enter__(self) -> Self:
        """Take in what earlier runs left, and open the file for more.

        Raises:
            RunError: A line that is broken or answers another question.
        """
        if self._path.exists():
            mend_torn_end(self._path)
            self._latest = dict(load_run(self._folder).predictions)
        self._stream = self._path.open("ab")
        _sync_folder(self._folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is None:
            return
        self._stream.close()
        self._stream = None
        part = self._path.with_name(".predictions.jsonl.part")
        with part.open("wb") as stream:
            stream.writelines(
                self._latest[request.id].to_line().encode() for request in self._requests if request.id in self._latest
            )
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(self._path)
        _sync_folder(self._folder)

    @property
    def latest(self) -> Mapping[str, Prediction]:
        """By request id: its answer, or the last account of why there is none."""
        return self._latest

    def add(self, prediction: Prediction) -> None:
        """Append one line and wait until it is on disk."""
        if self._stream is None:
            raise RuntimeError("the journal is not open")
        self._stream.write(prediction.to_line().encode())
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._latest[prediction.request] = prediction


def mend_torn_end(path: Path) -> bytes:
    """Take an unfinished last line off a JSON Lines file, so that the next line does not grow onto it.

    A last line that is whole but for its line feed gets it and stays.

    Returns:
        What was taken off; empty where nothing was.
    """
    with path.open("r+b") as stream:
        text = stream.read()
        kept = text.rfind(b"\n") + 1
        torn = text[kept:]
        if not torn:
            return b""
        try:
            whole = isinstance(json.loads(torn), dict)
        except ValueError:
            whole = False
        if whole:
            stream.write(b"\n")
        else:
            stream.truncate(kept)
        stream.flush()
        os.fsync(stream.fileno())
        return b"" if whole else torn


def _sync_folder(folder: Path) -> None:
    """Make a new or replaced file's name survive a power cut, too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
