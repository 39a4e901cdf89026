"""Ingest in a process of its own: what an upload can do to the decoder, it does not do to the server.

The process gets a bound on its memory and on its time, no secrets in its environment, a lower priority, and no terminal.
It is this Python with this module, told what to do through its standard input; no shell is involved.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final

from siming.errors import MissingExtraError, TaskError, VideoError
from siming.video.asset import Derivative, Limits
from siming.video.faces import lacking
from siming.video.mask import MaskTrack
from siming.video.recipe import Recipe
from siming.video.review import Preview, preview_masks

KEPT_ENVIRONMENT: Final = (
    "PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT",
)  # fmt: skip
"""All that the process learns of the server's environment, which may hold keys and addresses of databases."""

LEAST_MEMORY: Final = 1 << 30
"""The libraries themselves need some hundred megabytes of addresses."""

MOST_LINE: Final = 1 << 28
"""Longest line taken from the process; a time map of 900,000 uneven pictures has 20 MB."""


def ingest_apart(
    source: Path,
    target: Path,
    recipe: Recipe,
    *,
    on_progress: Callable[[float], None] | None = None,
    time_limit_s: float = 3600.0,
    memory_limit_bytes: int = 4 << 30,
    limits: Limits | None = None,
) -> Derivative:
    """`siming.video.derivative.make_derivative` in a process of its own; blocks until that has ended.

    Args:
        source: The original; it is only read.
        target: The MP4 file to be; its folder must exist. It is there whole, or not at all.
        on_progress: Called in this thread with the share done. What it raises stops the process and comes through.
        time_limit_s: Longer work is stopped.
        memory_limit_bytes: Address space of the process, from 1 GiB up; where the system cannot bound it, it is not.
        limits: The largest original taken in.

    Raises:
        VideoError: As `make_derivative`; also ``too_slow`` after `time_limit_s`, ``too_large`` where the memory did
            not do, ``damaged`` where the decoder itself broke down.
        MissingExtraError: Faces are to be masked and the detector is not installed.
        TaskError: A limit that cannot be.
    """
    source, target = Path(source).absolute(), Path(target).absolute()
    part = target.with_name(f".{target.name}.{secrets.token_hex(8)}.part")
    job = {
        "do": "ingest",
        "source": str(source),
        "target": str(target),
        "part": str(part),
        "recipe": recipe.to_json(),
        "limits": asdict(limits or Limits()),
    }
    try:
        return Derivative.from_json(_apart(source, job, on_progress, time_limit_s, memory_limit_bytes))
    finally:
        with suppress(OSError):
            part.unlink()


def preview_apart(
    source: Path,
    recipe: Recipe,
    n: int = 8,
    *,
    times: Sequence[float] | None = None,
    masks: MaskTrack | None = None,
    time_limit_s: float = 300.0,
    memory_limit_bytes: int = 4 << 30,
) -> list[Preview]:
    """`siming.video.review.preview_masks` in a process of its own, for it decodes the upload too.

    Raises:
        VideoError, MissingExtraError, TaskError: As `ingest_apart` and `preview_masks`.
    """
    source = Path(source).absolute()
    job = {
        "do": "preview",
        "source": str(source),
        "recipe": recipe.to_json(),
        "n": n,
        "times": None if times is None else list(times),
        "masks": None if masks is None else masks.to_json(),
    }
    return [Preview.from_json(one) for one in _apart(source, job, None, time_limit_s, memory_limit_bytes)]


def _apart(
    source: Path,
    job: dict[str, Any],
    on_progress: Callable[[float], None] | None,
    time_limit_s: float,
    memory_limit_bytes: int,
) -> Any:
    """Have a job done by a process of its own, and give its result; the process is gone when this returns."""
    if not (math.isfinite(time_limit_s) and time_limit_s > 0) or memory_limit_bytes < LEAST_MEMORY:
        raise TaskError(
            f"time_limit_s={time_limit_s}, memory_limit_bytes={memory_limit_bytes}: give a time above 0 and at least "
            f"{LEAST_MEMORY} bytes"
        )
    job = job | {"memory_limit_bytes": memory_limit_bytes, "time_limit_s": time_limit_s}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            [sys.executable, "-P", "-c", f"import sys; from {__name__} import main; sys.exit(main())"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env={name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ} | QUIET,
            start_new_session=True,
        )
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(time_limit_s, stop)
        timer.daemon = True
        timer.start()
        try:
            answer = _talk(process, job, on_progress)
            process.wait()
        finally:
            timer.cancel()
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()
        if answer is not None and "done" in answer:
            return answer["done"]
        if late.is_set():
            raise VideoError(
                f"{source}: the work on it took longer than {time_limit_s:g} s and was stopped; cut the recording, or "
                "raise time_limit_s",
                kind="too_slow",
            )
        if answer is not None:
            raise _error_of(answer)
        raise _broken_down(source, process.returncode, memory_limit_bytes, said)


QUIET: Final = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1"}
"""Each thread of those libraries takes a share of the address space, whether it works or not."""


def _talk(
    process: subprocess.Popen[bytes], job: dict[str, Any], on_progress: Callable[[float], None] | None
) -> dict[str, Any] | None:
    """Tell the process its job and listen until it falls silent; its last word, if it said one."""
    assert process.stdin is not None  # both were asked for
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps(job).encode())
        process.stdin.close()
    while line := process.stdout.readline(MOST_LINE):
        try:
            word = json.loads(line)
        except ValueError:
            return None
        if not isinstance(word, dict):
            return None
        if "share" not in word:
            return word
        if on_progress is not None:
            on_progress(float(word["share"]))
    return None


def _error_of(answer: dict[str, Any]) -> Exception:
    message = str(answer.get("error"))
    if answer.get("class") == "TaskError":
        return TaskError(message)
    if answer.get("class") == "MissingExtraError":
        return lacking()
    return VideoError(message, kind=str(answer.get("kind", "damaged")))


def _broken_down(source: Path, code: int, memory_limit_bytes: int, said: IO[bytes]) -> VideoError:
    """Why a process ended without a word."""
    said.seek(max(0, said.seek(0, os.SEEK_END) - 2000))
    last = " ".join(said.read().decode(errors="replace").split())[-300:]
    name = signal.Signals(-code).name if code < 0 and -code in set(signal.Signals) else f"status {code}"
    if code in (-signal.SIGKILL, OUT_OF_MEMORY) or "bad_alloc" in last or "MemoryError" in last:
        return VideoError(
            f"{source}: the work on it needs more memory than {memory_limit_bytes / 2**30:.1f} GiB; scale the recording down, "
            "or raise memory_limit_bytes",
            kind="too_large",
        )
    return VideoError(
        f"{source}: the decoder broke down over it ({name}; {last or 'it said nothing'}); convert the recording to "
        "H.264 and upload that",
        kind="damaged",
    )


OUT_OF_MEMORY: Final = 77
"""Exit status of a process that found no memory even to say so."""


def _bound(job: dict[str, Any]) -> None:
    """Bound this process; what the system does not know is left out."""
    with suppress(AttributeError, OSError):
        os.nice(5)  # raters save their work meanwhile
    with suppress(ImportError):
        import resource

        seconds = math.ceil(job["time_limit_s"] * (os.cpu_count() or 1)) + 1
        for name, most in (
            ("RLIMIT_AS", job["memory_limit_bytes"]),
            ("RLIMIT_CPU", seconds),
            ("RLIMIT_CORE", 0),
            ("RLIMIT_NOFILE", 64),
        ):
            with suppress(AttributeError, ValueError, OSError):
                _, hard = resource.getrlimit(getattr(resource, name))
                bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
                resource.setrlimit(getattr(resource, name), (bound, bound))


def main() -> int:
    """Do the job that comes through standard input; progress and the result go to standard output, a line each."""
    job = json.load(sys.stdin)
    _bound(job)
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer

    def say(**word: Any) -> None:
        out.write(json.dumps(word) + "\n")
        out.flush()  # a server that is gone breaks the pipe here, and this process ends with it

    try:
        say(done=_done(job, lambda share: say(share=round(share, 4))))
    except (VideoError, TaskError, MissingExtraError) as error:
        say(**{"class": type(error).__name__, "error": str(error), "kind": getattr(error, "kind", None)})
    except MemoryError:
        return OUT_OF_MEMORY
    return 0


def _done(job: dict[str, Any], progress: Callable[[float], None]) -> Any:
    """The result of a job as plain JSON."""
    source, recipe = Path(job["source"]), Recipe.from_json(job["recipe"])
    if job["do"] == "preview":
        masks = None if job["masks"] is None else MaskTrack.from_json(job["masks"])
        previews = preview_masks(source, recipe, job["n"], times=job["times"], masks=masks)
        return [preview.to_json() for preview in previews]
    from siming.video.derivative import make_derivative  # it loads the decoder, which the server itself does without

    made = make_derivative(
        source,
        Path(job["target"]),
        recipe=recipe,
        progress=progress,
        limits=Limits(**job["limits"]),
        part=Path(job["part"]),
    )
    return made.to_json()
