"""What the runner asks of whatever answers: one request in, one answer out, or an account of why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from siming.bench.prediction import Status
from siming.bench.request import Request
from siming.errors import ModelCallError
from siming.run.frames import Frame

Shows = Literal["frames", "video", "nothing"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a model is shown: places on disk, never bytes. A backend reads them when it makes its call."""

    frames: Sequence[Frame] = ()
    video: Path | None = None
    """The whole recording, for a request whose plan sends it natively."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from one call."""

    status: Status
    text: str | None = None
    finish_reason: str | None = None
    usage: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None
    """Why there is no readable answer, for a status that is neither ok nor truncated."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options that were used otherwise than asked, such as an answer schema the server does not know."""


class CallError(ModelCallError):
    """A call without an answer, and what the runner should do about it."""

    def __init__(
        self,
        message: str,
        *,
        status: Status = "failed",
        retryable: bool = False,
        retry_after_s: float | None = None,
        slow_down: bool = False,
        stops_run: bool = False,
    ) -> None:
        """
        Args:
            status: What the prediction records once all tries are spent.
            retry_after_s: The server's own wish, seconds.
            slow_down: The server takes fewer calls than it gets: all others wait too.
            stops_run: Every other call would fail in the same way (a wrong key, an unknown model).
        """
        super().__init__(message, status=status, retryable=retryable)
        self.retry_after_s = retry_after_s
        self.slow_down = slow_down
        self.stops_run = stops_run


class Backend(Protocol):
    """Whatever answers requests. It is opened and closed by the run that uses it, and may be used again."""

    model: str
    """As it was named; goes into every prediction."""
    options: Mapping[str, Any]
    """Options that change answers; never a key."""
    most_at_once: int | None = None
    """Calls it can take at once; None for as many as the runner likes."""

    def shows(self, request: Request) -> Shows:
        """What must lie ready before this request is asked."""
        ...

    async def answer(self, request: Request, shown: Shown) -> Answer:
        """Ask once.

        Raises:
            ModelCallError: No answer came; a `CallError` also says what to do about it.
        """
        ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None
