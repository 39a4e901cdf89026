"""The runner: asks a backend every request that has no answer yet and keeps each answer the moment it comes."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from siming.bench.folder import ANSWERED, RunInfo, load_run
from siming.bench.prediction import Prediction, Status
from siming.bench.request import Request
from siming.errors import ModelCallError, SimingError, VideoError
from siming.run.backend import Answer, Backend, CallError, Shown
from siming.run.claim import claim_folder
from siming.run.frames import FrameSource
from siming.run.journal import Journal, Lock
from siming.run.pace import Pace

LONGEST_WAIT_S = 300.0
"""A server that wants a longer pause than this gets its call recorded as failed; a later rerun asks again."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Handed to `on_progress` after every answer."""

    done: int
    """Requests with an answer, those of earlier runs among them."""
    total: int
    latest: Prediction


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How far a run came."""

    n_requests: int
    counts: Mapping[str, int]
    """Requests by status; ``unasked`` are those a run that stopped early never came to."""
    missing: tuple[tuple[str, str, str], ...]
    """Requests without a readable answer: id, status, why."""
    stopped: str | None = None
    """Why the run ended before all requests were asked, and the mend."""
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Requests that could not be made at all, id to reason; they are not among `n_requests`."""
    no_clip: frozenset[str] = frozenset()
    """Those of `skipped` about a step with no stretch on the video (it was left out, say): there was nothing to ask."""

    @property
    def n_wanted(self) -> int:
        """Requests made, and those that should have been."""
        return self.n_requests + len(self.skipped.keys() - self.no_clip)

    @property
    def coverage(self) -> float:
        """Share of the wanted requests whose answer is there to be read (ok or truncated); 1 where none was wanted."""
        read = self.counts.get("ok", 0) + self.counts.get("truncated", 0)
        return read / self.n_wanted if self.n_wanted else 1.0

    @property
    def complete(self) -> bool:
        """Whether a rerun would ask nothing: the model has spoken on every request, if only to decline."""
        return sum(self.counts.get(status, 0) for status in ANSWERED) == self.n_requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """How a run treats a server. Nothing here changes an answer, so none of it is part of the run's identity."""

    concurrency: int = 4
    """Calls out at once, at most."""
    retries: int = 4
    """How often a call that may succeed next time is made again."""
    timeout_s: float = 600.0
    """How long one call may take."""
    backoff_s: float = 1.0
    """Wait before the first retry; doubles each time, with jitter."""
    give_up_after: int = 20
    """Failed requests in a row, none answered between them, after which the run stops: the server is down."""
    cutters: int = 2
    """Threads that cut frames."""
    seed: int = 0
    """Of the jitter."""


def run(
    folder: Path | str,
    info: RunInfo,
    requests: Sequence[Request],
    backend: Backend,
    frames: FrameSource | None,
    *,
    pacing: Pacing | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> RunOutcome:
    """Ask all requests that have no answer yet; go on where an earlier run in this folder ended.

    Each answer is one line of predictions.jsonl, on disk before the next step. Ctrl-C ends the run cleanly: calls
    that are out are dropped, the outcome says how to go on. Calling again asks only what is missing: a request
    whose call failed or whose reply was broken is asked again; ok, truncated and refused ones are not.

    Args:
        frames: Where the pictures come from; None for a backend that shows none.

    Raises:
        RunError: The folder belongs to another run or another process.
        TaskError, MissingExtraError: The backend cannot do what is asked of it.
    """
    folder = Path(folder)
    try:
        return asyncio.run(run_async(folder, info, requests, backend, frames, pacing=pacing, on_progress=on_progress))
    except KeyboardInterrupt:
        # The journal was closed in order on the way out; where it never opened there is nothing to read.
        known = load_run(folder).predictions if (folder / "run.yaml").exists() else {}
        return _outcome(requests, known, "interrupted; run the same command again to go on from here")


async def run_async(
    folder: Path | str,
    info: RunInfo,
    requests: Sequence[Request],
    backend: Backend,
    frames: FrameSource | None,
    *,
    pacing: Pacing | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> RunOutcome:
    """`run` for callers that already have an event loop. Cancelling it leaves the folder in order."""
    folder = Path(folder)
    with Lock(folder):
        claim_folder(folder, info, requests)
        with Journal(folder, requests) as journal:
            async with backend:
                stopped = await _Run(requests, backend, frames, journal, pacing or Pacing(), on_progress).ask_all()
            return _outcome(requests, journal.latest, stopped)


class _Stop(Exception):
    """Ends the run early; its text says why."""


class _Run:
    """One sitting of a run: the state its workers share."""

    def __init__(
        self,
        requests: Sequence[Request],
        backend: Backend,
        frames: FrameSource | None,
        journal: Journal,
        pacing: Pacing,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._requests = requests
        self._backend = backend
        self._frames = frames
        self._journal = journal
        self._pacing = pacing
        self._on_progress = on_progress
        self._workers = max(1, min(pacing.concurrency, backend.most_at_once or pacing.concurrency))
        self._pace = Pace(self._workers)
        self._rng = random.Random(pacing.seed)  # noqa: S311 - jitter, no secret
        self._failed_in_a_row = 0
        self._done = sum(p.status in ANSWERED for p in journal.latest.values())

    async def ask_all(self) -> str | None:
        """Ask what has no answer.

        Returns:
            Why the run stopped early; None when every request had its turn.
        """
        todo = iter([r for r in self._requests if not self._has_answer(r)])
        cutters = ThreadPoolExecutor(self._pacing.cutters, thread_name_prefix="siming-cut")
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._workers):
                    group.create_task(self._work(todo, cutters))
        except ExceptionGroup as group:
            first = group.exceptions[0]
            if isinstance(first, _Stop):
                return str(first)
            raise first from None
        finally:
            # Not waited for: a cut that is under way only adds a file to the store.
            cutters.shutdown(wait=False, cancel_futures=True)
        return None

    def _has_answer(self, request: Request) -> bool:
        known = self._journal.latest.get(request.id)
        return known is not None and known.status in ANSWERED

    async def _work(self, todo: Iterator[Request], cutters: ThreadPoolExecutor) -> None:
        for request in todo:
            await self._ask(request, cutters)

    async def _ask(self, request: Request, cutters: ThreadPoolExecutor) -> None:
        """Ask one request until it is answered or its tries are spent, and write down what came of it."""
        started = datetime.now(UTC).isoformat(timespec="seconds")
        tries, latency_s, stop = 0, None, None
        shown = Shown()
        try:
            shown = await asyncio.get_running_loop().run_in_executor(cutters, self._make_ready, request)
            answer, tries, latency_s = await self._call(request, shown)
        except (VideoError, OSError) as error:
            answer = Answer("skipped", error=f"its video cannot be shown: {error}")
        except _Spent as spent:
            answer, tries = Answer(_status_of(spent.error), error=str(spent.error)), spent.tries
            if getattr(spent.error, "stops_run", False):
                stop = str(spent.error)
        self._write(request, shown, answer, started=started, tries=max(1, tries), latency_s=latency_s)
        if answer.status in ("failed", "unreadable"):
            self._failed_in_a_row += 1
            if stop is None and self._failed_in_a_row >= self._pacing.give_up_after:
                stop = f"the last {self._failed_in_a_row} requests all failed, the latest with: {answer.error}"
        elif answer.status in ANSWERED:
            self._failed_in_a_row = 0
        if stop is not None:
            raise _Stop(f"{stop}; mend that and run the same command again to go on from here")

    def _make_ready(self, request: Request) -> Shown:
        """Cut what the request shows. Runs in a thread."""
        kind = self._backend.shows(request)
        if kind == "nothing":
            return Shown()
        if self._frames is None:
            raise VideoError(
                f"{self._backend.model} wants pictures and the run was given no source of them", kind="missing"
            )
        if kind == "video":
            return Shown(video=self._frames.video(request))
        return Shown(frames=tuple(self._frames.frames(request)))

    async def _call(self, request: Request, shown: Shown) -> tuple[Answer, int, float]:
        """The answer, the tries it took, and the seconds the last of them lasted.

        Raises:
            _Spent: No answer after all tries, or an error that trying again cannot mend.
        """
        loop = asyncio.get_running_loop()
        tries = 0
        while True:
            tries += 1
            error: ModelCallError
            started_at = loop.time()
            try:
                async with self._pace:
                    started_at, clock = loop.time(), time.perf_counter()
                    async with asyncio.timeout(self._pacing.timeout_s):
                        answer = await self._backend.answer(request, shown)
                    self._pace.went_well()
                    return answer, tries, round(time.perf_counter() - clock, 3)
            except TimeoutError:
                error = CallError(f"no answer within {self._pacing.timeout_s:g} s", retryable=True)
            except ModelCallError as met:
                error = met
            except SimingError:
                raise
            except Exception as met:
                # A backend's bug must not cost the answers of the other requests.
                error = CallError(f"{type(met).__name__}: {met}")
            wait_s = self._wait_s(tries, error)
            if getattr(error, "slow_down", False):
                self._pace.slow_down(min(wait_s, LONGEST_WAIT_S), started_at=started_at)
            if not error.retryable or tries > self._pacing.retries or wait_s > LONGEST_WAIT_S:
                raise _Spent(error, tries)
            await asyncio.sleep(wait_s)

    def _wait_s(self, tries: int, error: ModelCallError) -> float:
        """Twice as long each time, somewhere in the upper half of it so that calls do not return in step."""
        own: float = min(60.0, self._pacing.backoff_s * 2 ** (tries - 1)) * (0.5 + self._rng.random() / 2)
        return max(own, getattr(error, "retry_after_s", None) or 0.0)

    def _write(
        self, request: Request, shown: Shown, answer: Answer, *, started: str, tries: int, latency_s: float | None
    ) -> None:
        prediction = Prediction(
            request=request.id,
            request_hash=request.hash,
            model=self._backend.model,
            options={**self._backend.options, **answer.options},
            status=answer.status,
            text=_in_unicode(answer.text),
            finish_reason=_in_unicode(answer.finish_reason),
            usage=answer.usage,
            latency_s=latency_s,
            tries=tries,
            error=_in_unicode(answer.error),
            frames=tuple(frame.key for frame in shown.frames),
            shown_s=tuple(frame.shown_s for frame in shown.frames),
            damaged_frames=_n_damaged(request, shown),
            started_at=started,
        )
        self._journal.add(prediction)
        self._done += prediction.status in ANSWERED
        if self._on_progress is not None:
            self._on_progress(Progress(self._done, len(self._requests), prediction))


class _Spent(Exception):
    """No answer came, and there will be no further try."""

    def __init__(self, error: ModelCallError, tries: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.tries = tries


def _n_damaged(request: Request, shown: Shown) -> int:
    """Frames that may be garbled, and those that damage left nothing of."""
    lost = len(request.plan.times_s) - len(shown.frames) if shown.frames else 0
    return lost + sum(frame.damaged for frame in shown.frames)


def _in_unicode(text: str | None) -> str | None:
    """The text with halves of surrogate pairs, which JSON lets a server send and UTF-8 cannot hold, replaced."""
    return text.encode("utf-8", "replace").decode() if text is not None else None


def _status_of(error: ModelCallError) -> Status:
    known: dict[str, Status] = {"refused": "refused", "unreadable": "unreadable", "skipped": "skipped"}
    return known.get(error.status, "failed")


def _outcome(requests: Sequence[Request], latest: Mapping[str, Prediction], stopped: str | None) -> RunOutcome:
    counts = Counter(latest[r.id].status if r.id in latest else "unasked" for r in requests)
    missing = tuple(
        (r.id, p.status if p else "unasked", (p.error if p else stopped) or "")
        for r in requests
        for p in [latest.get(r.id)]
        if p is None or p.status not in ("ok", "truncated")
    )
    return RunOutcome(len(requests), dict(counts), missing, stopped)
