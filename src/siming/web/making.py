"""Exports are made in a process of their own and sent from the disk: neither a rater's save nor the memory pays for them."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Literal, ParamSpec

from fastapi import FastAPI, Request
from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from siming.errors import DatasetError, InputError, RoomError, SheetError, SimingError, StoreError
from siming.exchange import NothingToShowError, export_bytes, write_archive
from siming.rubric import Dataset
from siming.store import Actor, Database
from siming.store.figures.dataset import What
from siming.store.figures.release import export_dataset, film_paths, released_dataset

P = ParamSpec("P")
PREFIX = "export-"
"""Of folders below the media folder in which exports are made: that disk has room for videos."""
LEFT_AFTER_S = 24 * 3600.0
"""A folder of a server that was killed is taken away by the next one after so long."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to leave."""

    actor: Actor
    form: str
    language: Literal["en", "zh"]
    videos: bool = False
    project: str | None = None
    """What is locked now of this project; or `release`."""
    release: str | None = None
    what: tuple[What, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """An export on the disk."""

    path: Path
    name: str
    media_type: str


class Making:
    """One export after the other."""

    def __init__(self) -> None:
        self._line = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def run(self, act: Callable[P, Made], *args: P.args, **options: P.kwargs) -> Made:
        """Wait for the act in the other process; its errors are raised here."""
        with self._line:
            if self._pool is None:
                self._pool = ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))
            pool = self._pool
        try:
            return pool.submit(act, *args, **options).result()
        except BrokenExecutor as error:
            with self._line:
                self._pool = None
            raise StoreError("the export was stopped; the server may lack memory", kind="unreachable") from error

    def close(self) -> None:
        """Stop."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def making_beside(app: FastAPI) -> Iterator[None]:
    """Open while the server runs; see `routes.WORKERS`."""
    for left in Path(app.state.settings.media).glob(f"{PREFIX}*"):
        if time.time() - left.stat().st_mtime > LEFT_AFTER_S:
            shutil.rmtree(left, ignore_errors=True)
    app.state.making = Making()
    try:
        yield
    finally:
        app.state.making.close()


def sent(request: Request, order: Order) -> FileResponse:
    """The export as a download.

    Raises:
        NotAllowedError, NotFoundError: as `export_dataset` and `released_dataset`.
        InputError: there is nothing in this format to export.
    """
    db: Database = request.app.state.db
    media: Path = request.app.state.settings.media
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=media))
    try:
        beside: Making | None = getattr(request.app.state, "making", None)
        if beside is None:
            made = make(db, media, folder, order)
        else:
            made = beside.run(make_apart, db.url.render_as_string(hide_password=False), media, folder, order)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return FileResponse(
        made.path,
        media_type=made.media_type,
        filename=made.name,
        background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
    )


def make_apart(url: str, media: Path, folder: Path, order: Order) -> Made:
    """`make`, in the other process."""
    db = Database(url)
    try:
        return make(db, media, folder, order)
    except RoomError as error:
        # Some refusals have values of their own and cannot be carried between processes; this one can.
        raise InputError(str(error), code=error.code, params=error.params) from None
    except SimingError as error:
        raise InputError(str(error)) from None
    finally:
        db.close()


def make(db: Database, media: Path, folder: Path, order: Order) -> Made:
    """Write an export into a folder of its own."""
    if order.release is not None:
        release, dataset = released_dataset(db, order.actor, order.release, form=order.form, videos=order.videos)
        project = release.project
    else:
        assert order.project is not None
        project = order.project
        dataset = export_dataset(db, order.actor, project, what=order.what, form=order.form, videos=order.videos)
    try:
        if order.videos:
            return _with_videos(db, media, folder, project, dataset)
        name, media_type, content = export_bytes(dataset, order.form, language=order.language)
    except NothingToShowError as error:
        raise InputError(str(error), code=f"export_{error.code}") from error
    except (DatasetError, SheetError) as error:
        raise InputError(str(error), code="export_empty", params={"why": str(error)}) from error
    path = folder / "export"
    path.write_bytes(content)
    return Made(path, Path(name).name, media_type)


def _with_videos(db: Database, media: Path, folder: Path, project: str, dataset: Dataset) -> Made:
    """The siming dataset with the films that raters see; originals stay."""
    wanted = {str(a.video.sha256): a.video.path for a in dataset.attempts if a.video is not None}
    lies = film_paths(db, project, wanted)
    for sha256, name in wanted.items():
        kept = media / lies.get(sha256, "")
        if sha256 not in lies or not kept.is_file():
            raise InputError(
                f"the video {name} is no longer there or no longer shown; export without videos",
                code="export_video_gone",
                params={"path": name},
            )
        link = folder / "dataset" / name
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(kept, link)  # on the same disk; a symbolic link would lead out of the dataset, which is refused
    path = folder / "export"
    write_archive(replace(dataset, folder=folder / "dataset"), path, videos=True)
    return Made(path, f"{dataset.info.name}.siming.zip", "application/zip")
