"""Statistics are counted in a process of their own, so that a rater's save never waits for a bootstrap."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

from fastapi import FastAPI, Request

from siming.store.database import Database
from siming.store.figures.panels import Kept
from siming.store.figures.snapshots import Kind, take_snapshot

LOG = logging.getLogger("siming.web")

Wanted = tuple[str, Kind, str]
"""Project, kind, by what it is parted."""


class Counting:
    """Takes snapshots on demand, each wanted one once at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._line = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None
        self._running: dict[Wanted, Future[str]] = {}
        self._failed: dict[Wanted, tuple[str, str]] = {}

    def ask(self, wanted: Wanted, *, at: str) -> None:
        """Begin to count, unless that is under way, or failed already.

        Args:
            at: The fingerprint of the project: what failed is tried again when it has moved on, not at every look.
        """
        with self._line:
            present = self._running.get(wanted)
            if present is not None and not present.done():
                return
            if self._failed.get(wanted, ("", ""))[0] == at:
                return
            if self._pool is None:
                self._pool = ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))
            self._failed.pop(wanted, None)
            try:
                future = self._pool.submit(_count, self._url, *wanted)
            except BrokenExecutor:
                # The counting process was killed, such as for want of memory; the next look begins another.
                self._pool = None
                return
            self._running[wanted] = future
        future.add_done_callback(lambda done: self._note(wanted, at, done))

    def problem(self, wanted: Wanted) -> str | None:
        """Why the last try failed, if it did."""
        with self._line:
            return self._failed[wanted][1] if wanted in self._failed else None

    def close(self) -> None:
        """Stop; what is being counted is dropped and can be counted again."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _note(self, wanted: Wanted, at: str, done: Future[str]) -> None:
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            LOG.error("statistics of project %s (%s by %s) failed: %s", *wanted, error)
            with self._line:
                self._failed[wanted] = (at, str(error) or type(error).__name__)


_KEPT: dict[str, tuple[Database, Kept]] = {}
"""Of the counting process: what was read and counted stays, so that a new sheet costs little more than itself."""


def _count(url: str, project_id: str, kind: Kind, by: str) -> str:
    if url not in _KEPT:
        _KEPT[url] = (Database(url), Kept())
    db, kept = _KEPT[url]
    return take_snapshot(db, project_id, kind=kind, by=by, kept=kept).id


@contextmanager
def counting_beside(app: FastAPI) -> Iterator[None]:
    """Open while the server runs; see `routes.WORKERS`."""
    db: Database = app.state.db
    app.state.counting = Counting(db.url.render_as_string(hide_password=False))
    try:
        yield
    finally:
        app.state.counting.close()


def counting(request: Request) -> Counting | None:
    """The server's counting, where one runs."""
    found: Counting | None = getattr(request.app.state, "counting", None)
    return found
