"""Parts of files, as a player asks for them while it seeks (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from anyio import CancelScope, create_task_group
from anyio.to_thread import run_sync
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PIECE: Final = 256 * 1024
"""Bytes read at once: a player that hangs up after a seek has cost little more."""

_ONE: Final = re.compile(r"bytes=[ \t]*([0-9]{0,4000})-([0-9]{0,4000})[ \t]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.stop - self.start


class Unsatisfiable(ValueError):
    """Nothing of the file lies in the range."""


def span_of(header: str | None, size: int) -> Span | None:
    """The part of a file of `size` bytes that a Range header asks for; None for the whole.

    A header that asks for several parts, counts in another unit, or cannot be understood is passed over, as the
    standard allows.

    Raises:
        Unsatisfiable: The range begins behind the end of the file, or asks for its last 0 bytes.

    >>> span_of("bytes=2-5", 10), span_of("bytes=-3", 10), span_of("bytes=8-", 10)
    (Span(start=2, stop=6), Span(start=7, stop=10), Span(start=8, stop=10))
    """
    found = _ONE.fullmatch(header) if header is not None else None
    if found is None or found[1] == found[2] == "":
        return None
    if not found[1]:
        last = int(found[2])
        if last == 0 or size == 0:
            raise Unsatisfiable
        return Span(max(0, size - last), size)
    start = int(found[1])
    if found[2] and int(found[2]) < start:
        return None  # by the grammar no range at all
    if start >= size:
        raise Unsatisfiable
    return Span(start, min(size, int(found[2]) + 1) if found[2] else size)


def is_unchanged(header: str | None, etag: str) -> bool:
    """Whether If-None-Match names the file as it is, so that it need not be sent."""
    if header is None:
        return False
    named = [part.strip().removeprefix("W/") for part in header.split(",")]
    return "*" in named or etag in named


class FilePart(Response):
    """A file, or the part of it that was asked for; read in a thread, so that other requests go on meanwhile."""

    def __init__(self, path: Path, *, etag: str, media_type: str, asked: Mapping[str, str], head: bool) -> None:
        """`asked`: the request's headers; `head`: whether only headers are wanted."""
        size = path.stat().st_size
        wanted = asked.get("range")
        condition = asked.get("if-range")
        if condition is not None and condition.strip() != etag:
            wanted = None  # the client holds part of another file; it gets the whole of this one
        headers = {"Accept-Ranges": "bytes", "ETag": etag, "Content-Disposition": "inline"}
        status, span = 200, Span(0, size)
        if is_unchanged(asked.get("if-none-match"), etag):
            status, span = 304, Span(0, 0)
        else:
            try:
                part = span_of(wanted, size)
            except Unsatisfiable:
                status, span = 416, Span(0, 0)
                headers["Content-Range"] = f"bytes */{size}"
            else:
                if part is not None:
                    status, span = 206, part
                    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        super().__init__(status_code=status, headers=headers, media_type=media_type)
        if status == 304:
            del self.headers["content-length"]
        else:
            self.headers["Content-Length"] = str(span.length)
        self._path, self._span = path, Span(0, 0) if head else span

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, piece by piece."""
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        if not self._span.length:
            await send(start)
            await send({"type": "http.response.body", "body": b""})
            return
        number = await run_sync(partial(os.open, self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW))
        try:
            await send(start)
            async with create_task_group() as group:
                group.start_soon(_until_gone, receive, group.cancel_scope)
                await self._send_pieces(number, send)
                group.cancel_scope.cancel()
        finally:
            os.close(number)

    async def _send_pieces(self, number: int, send: Send) -> None:
        at = self._span.start
        while at < self._span.stop:
            piece = await run_sync(os.pread, number, min(PIECE, self._span.stop - at), at)
            if not piece:
                raise OSError(f"{self._path} became shorter while it was sent")
            at += len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": at < self._span.stop})


async def _until_gone(receive: Receive, scope: CancelScope) -> None:
    """A server goes on swallowing pieces for a client that has hung up; a seek would then read the whole file."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
