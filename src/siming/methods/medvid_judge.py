"""Captions put to a judge: any model grades pairs of texts through the runner, and every call that fails is counted."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

from siming import __version__
from siming.bench.folder import RunInfo
from siming.bench.medvid.judge.folder import REPLIED, Failure, FailureKind, count_failures, load_grades, load_info
from siming.bench.medvid.judge.pairs import For, Wanted, pairs_wanted
from siming.bench.medvid.judge.prompt import (
    SETTING,
    Mode,
    codes_of,
    key_in,
    prompt_version,
    request_name,
    requests_for,
)  # fmt: skip
from siming.bench.medvid.judge.reply import plants_grades, read_grades
from siming.bench.medvid.judge.stub import stub_grades
from siming.bench.medvid.score import read_given
from siming.bench.request import Request
from siming.errors import ModelCallError, ReplyError, TaskError
from siming.methods.turns import Turns
from siming.rubric.files import read_lines
from siming.run import ModelName, Pacing, Progress, RunOutcome, open_backend, run
from siming.run.backend import Answer, Backend, CallError, Shown, Shows
from siming.run.journal import mend_torn_end

STUB: Final = "stub"
"""Names the judge that is a formula."""

PACING: Final = Pacing(concurrency=8, timeout_s=120.0, backoff_s=0.25)

FIRST_PAUSE_S: Final = 0.5
"""Least wait of a call that was turned away, doubled each time."""

PATIENCE_S: Final = 600.0
"""How long one call waits in all for a server that asks for pauses."""

WAITING_ROOM: Final = 2
"""Workers for each call that may be out: one that pauses before it asks again keeps no place."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How far a judge came with one submission."""

    n_pairs: int
    """Different pairs of texts that the submission needs graded."""
    n_graded: int
    by_task: Mapping[str, tuple[int, int]]
    """Task to graded and wanted pairs."""
    missing: tuple[tuple[str, str, str], ...]
    """Pairs without grades: name, status of the last call, why."""
    failed_calls: Mapping[str, int]
    """Calls that brought no grades, by kind, over all sittings in this folder. Pairs that were graded in the end had them too."""
    planted: int
    """Pairs whose candidate holds what reads as grades; it was taken apart before the judge saw it."""
    stopped: str | None = None
    """Why it ended before every pair had its turn, and the mend."""

    @property
    def coverage(self) -> float:
        """Share of the pairs that are graded; 1 where there is none."""
        return self.n_graded / self.n_pairs if self.n_pairs else 1.0


def judge(
    submission: Path,
    truth: Path,
    folder: Path,
    *,
    model: str,
    mode: Mode = "quality",
    purpose: For = "both",
    options: Mapping[str, Any] | None = None,
    pacing: Pacing = PACING,
    per_minute: float | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Judgement:
    """Have the captions of a submission graded; called again, go on where it ended.

    A folder belongs to one judge (model, options, mode, wording) and may hold several submissions: texts that were graded
    are not sent again. A pair whose calls all failed gets no grades, and is asked again by the next call.

    Args:
        model: ``stub``, or a model as the runner names them (``openai:NAME@URL``, ``replay:FOLDER``, ``local:ID`` ...).
        purpose: Scores that the grades are for.
        pacing: Calls at once, tries, pauses, and seconds for each call.
        per_minute: Calls that may begin within a minute.

    Raises:
        DatasetError, TaskError, RunError, MissingExtraError: The call cannot be carried out as given.
    """
    if per_minute is not None and not per_minute > 0:
        raise TaskError(f"{per_minute:g} calls per minute are none; give more than 0, or leave the limit out")
    given = read_given(submission, truth)
    wanted = pairs_wanted(given.truth.content, given.submission.content, purpose=purpose)
    return judge_pairs(
        wanted, folder, model=model, mode=mode, options=options, pacing=pacing, per_minute=per_minute,
        on_progress=on_progress,
    )  # fmt: skip


def judge_pairs(
    wanted: Sequence[Wanted],
    folder: Path,
    *,
    model: str,
    mode: Mode = "quality",
    options: Mapping[str, Any] | None = None,
    pacing: Pacing = PACING,
    per_minute: float | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Judgement:
    """`judge` for pairs of texts from anywhere; the same arguments and errors."""
    answering = _stub(wanted, mode, options) if model == STUB else _backend(model, options)
    requests = _with_earlier(requests_for(wanted, mode), folder)
    info = RunInfo(
        name=folder.resolve().name,
        dataset="MedVidBench",
        dataset_version="pairs of texts",
        rubrics=(),
        setting=SETTING[mode],
        model=answering.model,
        options=answering.options,
        prompt_version=prompt_version(mode),
        siming=__version__,
    )
    own = min(pacing.concurrency, answering.most_at_once or pacing.concurrency)
    grader = _Grader(answering, codes_of(mode), folder, Turns(own, per_minute), timeout_s=pacing.timeout_s)
    outcome = run(folder, info, requests, grader, None, pacing=grader.pacing(pacing), on_progress=on_progress)
    return _judgement(wanted, outcome, folder, mode)


def _backend(model: str, options: Mapping[str, Any] | None) -> Backend:
    if ":" not in model:
        raise TaskError(
            f"{model!r} names no judge; write {STUB!r}, or for example 'openai:NAME@http://127.0.0.1:8000/v1'"
        )
    name = ModelName.parse(model)
    if name.kind == "baseline":
        raise TaskError(f"there are no baselines of judges; the one that needs no model is {STUB!r}")
    return open_backend(name, options)


def _with_earlier(requests: Sequence[Request], folder: Path) -> list[Request]:
    """The folder's own questions first, then those that are new. Equal texts keep the recording they were first met in."""
    path = folder / "requests.jsonl"
    if not path.exists():
        return list(requests)
    load_info(folder)
    known = {request.id: request for request in read_lines(path, Request)}
    now = {request.id: request for request in requests}
    for name in now.keys() & known.keys():
        now[name] = now[name].model_copy(update={"attempt": known[name].attempt})
    return [now.pop(name, old) for name, old in known.items()] + list(now.values())


def _judgement(wanted: Sequence[Wanted], outcome: RunOutcome, folder: Path, mode: Mode) -> Judgement:
    grades = load_grades(folder, mode=mode)
    missing = {key_in(name): (name, status, why) for name, status, why in outcome.missing}
    tasks: dict[str, Counter[bool]] = {}
    left = []
    for each in wanted:
        key = each.pair.key
        tasks.setdefault(each.pair.task, Counter())[key in grades] += 1
        if key not in grades:
            left.append(
                missing.get(key, (request_name(each.pair.task, key), "unreadable", "its reply has no five grades"))
            )
    return Judgement(
        n_pairs=len(wanted),
        n_graded=len(wanted) - len(left),
        by_task={task: (counts[True], counts.total()) for task, counts in tasks.items()},
        missing=tuple(left),
        failed_calls=count_failures(folder),
        planted=sum(plants_grades(str(each.pair.prediction), codes_of(mode)) for each in wanted),
        stopped=outcome.stopped,
    )


class _Grader(Backend):
    """A backend whose answer is there only when five grades can be read in it; what fails is written down before anything else."""

    def __init__(self, judge: Backend, codes: Sequence[str], folder: Path, turns: Turns, *, timeout_s: float) -> None:
        self.model = judge.model
        self.options = judge.options
        self._judge = judge
        self._codes = codes
        self._path = folder / "failures.jsonl"
        self._turns = turns
        self._timeout_s = timeout_s
        self._stream: BinaryIO | None = None

    def pacing(self, asked: Pacing) -> Pacing:
        """The runner's, which sees waiting for a turn as part of the call, and so must be more patient than the user is."""
        turns = self._turns
        patience_s = PATIENCE_S + 2 * WAITING_ROOM * (self._timeout_s + turns.n_places * turns.pause_s)
        gives_up = (
            asked.give_up_after if self.model != STUB else 10**9
        )  # the formula fails by design, and never goes down
        return replace(asked, concurrency=WAITING_ROOM * turns.n_places, timeout_s=patience_s, give_up_after=gives_up)

    def shows(self, request: Request) -> Shows:
        return "nothing"

    async def __aenter__(self) -> Self:
        await self._judge.__aenter__()
        if self._path.exists():
            mend_torn_end(self._path)
        self._stream = self._path.open("ab")
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        await self._judge.__aexit__(*error)

    async def answer(self, request: Request, shown: Shown) -> Answer:
        """Ask once, and read.

        Raises:
            ModelCallError: The judge's own; or unreadable, which asking again may mend.
        """
        answer = await self._ask(request, shown)
        if answer.status == "refused":
            self._keep(request, "refused", answer.error or "declined", answer.text)
            return answer
        if answer.status == "skipped":
            self._keep(request, "failed", answer.error or "skipped", None)
            return answer
        try:
            if answer.status not in REPLIED:
                raise ReplyError(answer.error or "the reply holds no text")
            read_grades(answer.text or "", self._codes, truncated=answer.status == "truncated")
        except ReplyError as error:
            self._keep(request, "unreadable", str(error), answer.text)
            raise CallError(str(error), status="unreadable", retryable=True) from error
        return answer

    async def _ask(self, request: Request, shown: Shown) -> Answer:
        """The judge's answer. A server that names the pause it wants is not failing: the call waits and costs no try."""
        waited_s, tries = 0.0, 0
        while True:
            started_at = 0.0
            try:
                async with self._turns:
                    started_at = asyncio.get_running_loop().time()
                    async with asyncio.timeout(self._timeout_s):
                        answer = await self._judge.answer(request, shown)
                self._turns.taken()
                return answer
            except TimeoutError:
                error = CallError(f"no reply within {self._timeout_s:g} s", retryable=True)
            except ModelCallError as met:
                error = met if isinstance(met, CallError) else CallError(str(met), retryable=met.retryable)
            self._keep(request, _kind_of(error), str(error), None)
            if not error.slow_down:
                self._turns.taken()
                raise error
            tries += 1
            wait_s = max(error.retry_after_s or 0.0, min(60.0, FIRST_PAUSE_S * 2 ** (tries - 1)))
            if wait_s <= PATIENCE_S:
                self._turns.turned_away(started_at, wait_s)
            if error.retry_after_s is None or waited_s + wait_s > PATIENCE_S:
                # The runner's own brake would halve the calls at once for one that had bad luck.
                raise CallError(str(error), retryable=error.retryable, retry_after_s=wait_s)
            waited_s += wait_s
            await asyncio.sleep(wait_s)

    def _keep(self, request: Request, kind: FailureKind, why: str, text: str | None) -> None:
        """One line on disk, so that no reply is lost and no failure forgotten, whatever happens next."""
        if self._stream is None:
            raise RuntimeError("the grader is not open; use it inside `async with`")
        plain = None if text is None else text.encode("utf-8", "replace").decode()
        failure = Failure(request=request.id, kind=kind, why=why.encode("utf-8", "replace").decode(), text=plain)
        self._stream.write(failure.to_line().encode())
        self._stream.flush()
        os.fsync(self._stream.fileno())


def _kind_of(error: ModelCallError) -> FailureKind:
    if getattr(error, "slow_down", False):
        return "busy"
    return "unreadable" if error.status == "unreadable" else "refused" if error.status == "refused" else "failed"


class _Stub(Backend):
    """The judge that is a formula over the pair's own texts, as they stand in the submission."""

    def __init__(self, pairs: Mapping[str, tuple[str, str]], codes: Sequence[str]) -> None:
        self.model = STUB
        self.options: Mapping[str, Any] = {}
        self._pairs = pairs
        self._codes = codes

    def shows(self, request: Request) -> Shows:
        return "nothing"

    async def answer(self, request: Request, shown: Shown) -> Answer:
        if request.id not in self._pairs:
            raise CallError("this pair is of an earlier submission; judge that one again to have it graded")
        grades = stub_grades(*self._pairs[request.id], self._codes)
        if grades is None:
            raise CallError("the stub fails on this pair")
        return Answer("ok", "\n".join(f"{code}: {grade}" for code, grade in grades.items()), "stop")


def _stub(wanted: Sequence[Wanted], mode: Mode, options: Mapping[str, Any] | None) -> Backend:
    if options:
        raise TaskError(f"the judge {STUB!r} has no options; leave out {', '.join(options)}")
    return _Stub(
        {
            request_name(each.pair.task, each.pair.key): (str(each.pair.reference), str(each.pair.prediction))
            for each in wanted
        },
        codes_of(mode),
    )
