"""Which instants of a recording are shown: frame policies, without a decoder.

"64 frames" alone is not a specification; a policy says where they lie:

``endpoints``
    Evenly spaced with the first and the last picture among them; lmms-eval samples this way.
``middle``
    The middle of n equal stretches, so neither a black first picture nor a cut-off last one is drawn.
``fps:R``
    One picture every 1/R seconds from the start; with a cap, thinned evenly when there would be more.

Times are seconds from the first shown picture.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Literal, get_args

from siming.errors import TaskError, VideoError

Policy = Literal["endpoints", "middle", "fps"]
Stretch = tuple[float, float]
"""[start_s, stop_s) of a recording."""

PAPER_COUNTS = (64, 60, 50, 30, 240, 120)
"""Frame counts of the models in table 6 of the SiMing-Bench paper; the table gives no policy with them."""

MOST_FRAMES = 1_000_000
"""More instants than this are a slip of the keyboard, not a plan."""


@dataclass(frozen=True, slots=True)
class FramePlan:
    """A frame policy with its count or rate: everything needed to name the instants of any recording."""

    policy: Policy
    n_frames: int | None = None
    """How many; for ``fps`` the cap, None for no cap."""
    fps: Fraction | None = None
    """Pictures per second; set exactly for the policy ``fps``."""

    def __post_init__(self) -> None:
        if self.policy not in get_args(Policy):
            raise TaskError(f"unknown frame policy {self.policy!r}; known are {', '.join(get_args(Policy))}")
        if (self.fps is not None) != (self.policy == "fps"):
            raise TaskError(
                f"a rate belongs to the policy 'fps' and to no other; got {self.policy!r} with fps={self.fps}"
            )
        if self.fps is not None and self.fps <= 0:
            raise TaskError(f"a frame rate must be above 0, got {self.fps}")
        if self.n_frames is None and self.policy != "fps":
            raise TaskError(f"the policy {self.policy!r} needs a number of frames, such as '{self.policy}:64'")
        if self.n_frames is not None and not 1 <= self.n_frames <= MOST_FRAMES:
            raise TaskError(f"a plan takes 1 to {MOST_FRAMES} frames, got {self.n_frames}")

    @classmethod
    def parse(cls, text: str, *, n: int | None = None) -> FramePlan:
        """Read ``middle:64``, ``fps:2``, ``fps:2:120`` (rate and cap), or a preset such as ``paper-64``.

        Args:
            n: The number of frames where the text has none (``middle`` with n=64); the cap of ``fps``.

        Raises:
            TaskError: The text is no policy, or it and `n` name different numbers.

        >>> str(FramePlan.parse("middle", n=64)), str(FramePlan.parse("fps:30000/1001", n=120))
        ('middle:64', 'fps:30000/1001:120')
        """
        if text in PRESETS:
            plan = PRESETS[text]
            if n not in (None, plan.n_frames):
                raise TaskError(
                    f"preset {text!r} takes {plan.n_frames} frames, but n={n} was asked for; drop one of them"
                )
            return plan
        policy, *rest = text.strip().split(":")
        try:
            fps = Fraction(rest.pop(0)) if policy == "fps" else None
            counts = [int(part) for part in rest]
        except (ValueError, IndexError, ZeroDivisionError):
            raise TaskError(_not_a_policy(text)) from None
        if policy not in get_args(Policy) or len(counts) > 1:
            raise TaskError(_not_a_policy(text))
        if counts and n not in (None, counts[0]):
            raise TaskError(f"{text!r} takes {counts[0]} frames, but n={n} was asked for; drop one of them")
        return cls(policy, counts[0] if counts else n, fps)  # type: ignore[arg-type]  # checked just above

    def __str__(self) -> str:
        parts = (self.policy, self.fps, self.n_frames)
        return ":".join(str(part) for part in parts if part is not None)

    def times(self, stretches: Sequence[Stretch], *, last_picture_s: float = 0.0) -> tuple[float, ...]:
        """The instants to show, ascending, each inside a stretch.

        Several stretches are laid end to end and the instants spread over their joined length; overlapping ones
        are joined first, so that no moment counts twice.

        Args:
            last_picture_s: How long the last picture stays on show. ``endpoints`` puts its last instant that long
                before the end: on a constant rate these are the pictures of ``linspace(0, n_pictures - 1, n)``.

        Raises:
            VideoError: No stretch, or one that is empty, reversed, before 0 or not finite (``bad_time``).
            TaskError: A rate that would give more than a million frames.

        >>> FramePlan.parse("middle:4").times([(0, 10), (50, 60)])
        (2.5, 7.5, 52.5, 57.5)
        """
        joined = join_stretches(stretches)
        lengths = [stop - start for start, stop in joined]
        ends = list(accumulate(lengths))
        return tuple(_place(at, joined, ends) for at in self._offsets(ends[-1], last_picture_s))

    def _offsets(self, length_s: float, last_picture_s: float) -> Iterator[float]:
        """Instants on the joined stretches, from 0 up to their length."""
        n = self.n_frames or 0
        if self.policy == "middle":
            yield from (length_s * (2 * k + 1) / (2 * n) for k in range(n))
        elif self.policy == "endpoints":
            span = max(0.0, length_s - last_picture_s)
            yield from (span * k / (n - 1) if k else 0.0 for k in range(n))
        elif self.fps is not None:
            # A length that is a whole number of steps but for float dust must not gain a frame at its very end.
            most = max(1, math.ceil(Fraction(length_s) * self.fps - Fraction(1, 10**6)))
            if n and most > n:
                picked = [round(Fraction(k * (most - 1), n - 1)) if n > 1 else 0 for k in range(n)]
                yield from (float(k / self.fps) for k in picked)
            elif most > MOST_FRAMES:
                raise TaskError(f"{self} over {length_s:.0f} s would be {most} frames; lower the rate or give a cap")
            else:
                yield from (float(k / self.fps) for k in range(most))


PRESETS: dict[str, FramePlan] = {f"paper-{n}": FramePlan("endpoints", n) for n in PAPER_COUNTS}
"""The paper's frame budgets by count. Its policy is not published; ``endpoints`` is what lmms-eval would do."""


def join_stretches(stretches: Sequence[Stretch]) -> list[Stretch]:
    """The stretches in order of time, those that touch or overlap made one.

    Raises:
        VideoError: See `FramePlan.times`.

    >>> join_stretches([(8, 9), (0, 3), (2, 5)])
    [(0, 5), (8, 9)]
    """
    if not stretches:
        raise VideoError("a frame plan needs at least one stretch of time, got none", kind="bad_time")
    joined: list[Stretch] = []
    for start, stop in sorted(stretches):
        if not 0 <= start < stop < math.inf:
            raise VideoError(
                f"{start} s to {stop} s is no stretch of time; start at 0 or later, and stop after the start",
                kind="bad_time",
            )
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined


def _place(offset: float, joined: list[Stretch], ends: list[float]) -> float:
    """The recording's time of an offset on the joined stretches."""
    which = min(bisect_right(ends, offset), len(ends) - 1)
    start, stop = joined[which]
    before = ends[which - 1] if which else 0.0
    # A stretch is open at its end: its last instant is the last float before it.
    return min(start + max(0.0, offset - before), math.nextafter(stop, -math.inf))


def _not_a_policy(text: str) -> str:
    return (
        f"{text!r} is no frame policy; write 'endpoints:64', 'middle:64', 'fps:2', 'fps:2:120' (with a cap), "
        f"or one of {', '.join(PRESETS)}"
    )
