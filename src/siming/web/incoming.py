"""Files with sheets that people bring in: who may not is refused unread, and a file is read in a process of its own.

A file of a few megabytes can take minutes and gigabytes to read. Beside the server it costs the one who brought it a
refusal, and no rater a save.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from siming.errors import ConflictError, InputError, RoomError
from siming.store.access import Right
from siming.store.projects import projects
from siming.web.who import SignedOut, database, maybe_signed_in

P = ParamSpec("P")
Found = TypeVar("Found")
Door = TypeVar("Door", bound=Callable[..., object])

MOST_SECONDS = 120.0
"""For one file, the start of its process included."""
MOST_MEMORY = 2 << 30
"""Bytes that reading one file may take, above what the process needs to begin."""
MOST_WAITING = 4
"""Files that may wait for the one being read, itself included; each waiting one holds a thread of the server."""


class Reading:
    """Reads one file after the other, each in a process of its own that does not outlive it."""

    def __init__(self, *, seconds: float = MOST_SECONDS, memory: int = MOST_MEMORY) -> None:
        self._seconds, self._memory = seconds, memory
        self._places = threading.BoundedSemaphore(MOST_WAITING)
        self._line = threading.Lock()

    def run(self, act: Callable[P, Found], *args: P.args, **options: P.kwargs) -> Found:
        """What the act finds; its refusals are raised here.

        Raises:
            InputError: it took too long, or more memory than it may.
            ConflictError: too many files are waiting already.
        """
        if not self._places.acquire(blocking=False):
            raise ConflictError(
                "several files are being read already; try again in a minute", kind="state", code="import_busy"
            )
        try:
            with self._line:
                found: Found = self._apart(act, args, options)
            return found
        finally:
            self._places.release()

    def _apart(self, act: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        context = get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_read, args=(theirs, self._memory, act, args, options), daemon=True)
        process.start()
        theirs.close()
        try:
            if not ours.poll(self._seconds):
                raise InputError(
                    f"the file was not read within {self._seconds:g} s; bring it in in parts",
                    field="file",
                    code="import_slow",
                    params={"seconds": f"{self._seconds:g}"},
                )
            found = ours.recv()
        except EOFError:
            process.join()
            if (process.exitcode or 0) > 0:
                raise RuntimeError(f"reading a file failed with status {process.exitcode}; its log says why") from None
            found = None  # the system ended it
        finally:
            process.kill()
            process.join()
            ours.close()
        if found is None:
            raise InputError(
                f"the file takes more than {self._memory >> 20} MiB of memory to read; bring it in in parts",
                field="file",
                code="import_memory",
                params={"mib": self._memory >> 20},
            )
        if isinstance(found, RoomError):
            raise found
        return found


def _read(
    to: Connection, memory: int, act: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]
) -> None:
    """In the other process: do it, and send what came of it; None where the memory did not suffice."""
    _be_modest(memory)
    try:
        found = act(*args, **options)
    except MemoryError:
        found = None
    except RoomError as error:
        # Some refusals have values of their own and cannot be carried between processes; this one can.
        found = InputError(str(error), field=getattr(error, "field", None), code=error.code, params=error.params)
    to.send(found)


def _be_modest(memory: int) -> None:
    """Come after the raters, and take no more memory than this above what is held already; where the system can."""
    if sys.platform == "win32":
        return
    import resource

    with suppress(OSError):
        os.nice(10)
    with suppress(OSError, ValueError):
        held = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + memory, held + memory))


@contextmanager
def reading_beside(app: FastAPI) -> Iterator[None]:
    """Open while the server runs; see `routes.WORKERS`."""
    app.state.reading = Reading()
    yield


def read_apart(request: Request, act: Callable[P, Found], *args: P.args, **options: P.kwargs) -> Found:
    """What the act finds in a file, beside the server where one runs. Raises as `Reading.run`."""
    beside: Reading | None = getattr(request.app.state, "reading", None)
    return act(*args, **options) if beside is None else beside.run(act, *args, **options)


def takes_files(
    router: APIRouter, path: str, right: Right, *, status_code: int | None = None
) -> Callable[[Door], Door]:
    """Make a function the answer to a POST that brings large files in, below ``{slug}``.

    Who may not hears so before a byte of a file is read. The function's own check comes too late for that, because its
    parameters are the file.
    """

    class RightFirst(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            answer = super().get_route_handler()

            async def looked_first(request: Request) -> Response:
                await run_in_threadpool(_require, request, right)
                return await answer(request)

            return looked_first

    def add(door: Door) -> Door:
        router.add_api_route(path, door, methods=["POST"], status_code=status_code, route_class_override=RightFirst)
        return door

    return add


def _require(request: Request, right: Right) -> None:
    who = maybe_signed_in(request)
    if who is None:
        raise SignedOut
    project = projects.get_project(database(request), who.actor, request.path_params["slug"])
    who.actor.require(right, project.id)
