"""Which picture of a derivative is which picture of the original, and when each is shown: exact, in ticks.

Raters see a derivative; what they mark belongs to the original. A `TimeMap` holds the stamp of every picture in both
files. Times in seconds count, in both, from the first shown picture, as everywhere in siming.
"""

from __future__ import annotations

import json
import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

from siming.errors import VideoError

SCHEMA: Final = "siming.time-map/1"

SLACK_S: Final = Fraction(5, 10**6)
"""A time this little before a picture still means that picture: browsers count whole microseconds, and cut them off.
Pictures of a derivative are at least 8 microseconds apart."""


@dataclass(frozen=True)
class TimeMap:
    """The stamps of every shown picture in two files that show the same pictures."""

    source_sha256: str
    """Of the original file."""
    derivative_sha256: str
    """Of the file that raters see."""
    source_base: Fraction
    """Seconds per tick of the original."""
    derivative_base: Fraction
    """Seconds per tick of the derivative."""
    source_ticks: tuple[int, ...]
    """Stamp of each picture in the original, as its container stores it (it need not begin at 0). Rising."""
    derivative_ticks: tuple[int, ...]
    """Stamp of the same picture in the derivative; the first is 0. Rising."""
    source_zero: int
    """Tick of the original's first shown picture, from which its times count. The derivative begins later than that
    only where damage took the first pictures."""
    source_end: int
    """Where the last picture ends, in ticks of the original."""
    derivative_end: int
    """Where the last picture ends, in ticks of the derivative."""
    _seconds: tuple[Fraction, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        wrong = self._wrong()
        if wrong is not None:
            raise VideoError(f"time map: {wrong}; ingest the recording again", kind="damaged")
        object.__setattr__(self, "_seconds", tuple(t * self.derivative_base for t in self.derivative_ticks))

    def _wrong(self) -> str | None:
        """What is wrong with these numbers, in words; None where nothing is."""
        if not all(re.fullmatch("[0-9a-f]{64}", sha) for sha in (self.source_sha256, self.derivative_sha256)):
            return "a hash is not 64 hexadecimal digits"
        if self.source_base <= 0 or self.derivative_base <= 0:
            return f"time bases {self.source_base} and {self.derivative_base}, both must be above 0"
        if not self.source_ticks or len(self.source_ticks) != len(self.derivative_ticks):
            return f"{len(self.source_ticks)} pictures against {len(self.derivative_ticks)}, wanted as many, and some"
        if self.source_zero > self.source_ticks[0]:
            return f"the original begins at tick {self.source_zero}, after its first picture"
        if self.derivative_ticks[0] != 0:
            return f"the derivative begins at tick {self.derivative_ticks[0]}, wanted 0"
        for name, ticks, end in (
            ("original", self.source_ticks, self.source_end),
            ("derivative", self.derivative_ticks, self.derivative_end),
        ):
            if any(b <= a for a, b in pairwise((*ticks, end))):
                return f"the stamps of the {name} do not rise"
        return None

    def __len__(self) -> int:
        return len(self.source_ticks)

    @property
    def duration_s(self) -> float:
        """How long the derivative shows pictures."""
        return float(self.derivative_end * self.derivative_base)

    def frame_times(self) -> tuple[float, ...]:
        """When each picture of the derivative comes on show, in seconds: where a player steps to."""
        return tuple(float(time) for time in self._seconds)

    def original_times(self) -> tuple[float, ...]:
        """When each picture came on show in the original, in seconds from its first shown picture."""
        return tuple(float((tick - self.source_zero) * self.source_base) for tick in self.source_ticks)

    def frame_at(self, derivative_s: float) -> int:
        """Number, from 0, of the picture on show at a time of the derivative.

        What a browser reports of a picture (`mediaTime`) names exactly that picture.

        Raises:
            VideoError: A time outside the derivative (``bad_time``).
        """
        exact = self._inside(derivative_s)
        return bisect_right(self._seconds, exact + SLACK_S) - 1

    def original_s(self, derivative_s: float) -> float:
        """The same instant in the original, in seconds from its first shown picture; later never maps to earlier.

        The start of a picture maps to the start of that picture, what lies between two starts to the same share of
        the way.

        Raises:
            VideoError: A time outside the derivative (``bad_time``).
        """
        exact = self._inside(derivative_s)
        number = self.frame_at(derivative_s)
        starts, ticks = self._seconds, self.source_ticks
        last = number + 1 == len(ticks)
        end_s = self.derivative_end * self.derivative_base if last else starts[number + 1]
        end = self.source_end if last else ticks[number + 1]
        share = min(max(Fraction(0), (exact - starts[number]) / (end_s - starts[number])), Fraction(1))
        return float((ticks[number] - self.source_zero + share * (end - ticks[number])) * self.source_base)

    def _inside(self, derivative_s: float) -> Fraction:
        end_s = self.derivative_end * self.derivative_base
        if not math.isfinite(derivative_s) or not -SLACK_S <= Fraction(derivative_s) <= end_s + SLACK_S:
            raise VideoError(
                f"{derivative_s} s lies outside the derivative, which lasts from 0 to {float(end_s):.6f} s; "
                "mark a time inside it",
                kind="bad_time",
            )
        return min(max(Fraction(0), Fraction(derivative_s)), end_s)

    @property
    def largest_error_s(self) -> float:
        """The most by which a picture is shown earlier or later, after the first one, than in the original; 0 where the
        ticks are exact."""
        first = self.source_ticks[0]
        pairs = zip(self.source_ticks, self._seconds, strict=True)
        return float(max(abs((tick - first) * self.source_base - time) for tick, time in pairs))

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` takes back: stamps as runs of equal steps, ``[step, count, ...]``."""
        source = {
            "sha256": self.source_sha256,
            "time_base": str(self.source_base),
            "zero": self.source_zero,
            "first": self.source_ticks[0],
            "steps": _runs((*self.source_ticks, self.source_end)),
        }
        derivative: dict[str, Any] = {"sha256": self.derivative_sha256, "time_base": str(self.derivative_base)}
        scale = self._scale()
        # Where one is the other in finer ticks, the stamps need not be written twice.
        derivative |= (
            {"steps": _runs((*self.derivative_ticks, self.derivative_end))}
            if scale is None
            else {"ticks_per_source_tick": scale}
        )
        return {"schema": SCHEMA, "pictures": len(self), "source": source, "derivative": derivative}

    def _scale(self) -> int | None:
        scale = self.source_base / self.derivative_base
        first = self.source_ticks[0]
        both = zip((*self.source_ticks, self.source_end), (*self.derivative_ticks, self.derivative_end), strict=True)
        return int(scale) if scale.denominator == 1 and all((a - first) * scale == b for a, b in both) else None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TimeMap:
        """The map written by `to_json`.

        Raises:
            VideoError: Another schema, or stamps that cannot be.
        """
        if data.get("schema") != SCHEMA:
            raise VideoError(f"time map: schema {data.get('schema')!r}, this version reads {SCHEMA}", kind="damaged")
        try:
            n, source, derivative = int(data["pictures"]), data["source"], data["derivative"]
            first = int(source["first"])
            theirs = _stamps(first, source["steps"], n)
            if "steps" in derivative:
                ours = _stamps(0, derivative["steps"], n)
            else:
                ours = [(tick - first) * int(derivative["ticks_per_source_tick"]) for tick in theirs]
            return cls(
                source_sha256=str(source["sha256"]),
                derivative_sha256=str(derivative["sha256"]),
                source_base=Fraction(source["time_base"]),
                derivative_base=Fraction(derivative["time_base"]),
                source_ticks=tuple(theirs[:-1]),
                derivative_ticks=tuple(ours[:-1]),
                source_zero=int(source["zero"]),
                source_end=theirs[-1],
                derivative_end=ours[-1],
            )
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise VideoError(
                f"time map: cannot be read ({error!r}); ingest the recording again", kind="damaged"
            ) from error

    @cached_property
    def sha256(self) -> str:
        """Of the map itself, in its one canonical writing; ties evidence to hashes and stamps of both files."""
        import hashlib  # not at the top: it loads OpenSSL, which frames on their own do without

        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


MOST_PICTURES: Final = 10_000_000
"""More are no recording, and a line of text can claim any number."""


def _runs(stamps: Sequence[int]) -> list[int]:
    """Steps between stamps, as step and count by turns.

    >>> _runs((0, 40, 80, 120, 153))
    [40, 3, 33, 1]
    """
    runs: list[int] = []
    for a, b in pairwise(stamps):
        if runs and runs[-2] == b - a:
            runs[-1] += 1
        else:
            runs += (b - a, 1)
    return runs


def _stamps(first: int, runs: Sequence[int], n: int) -> list[int]:
    """The stamps of `n` pictures and the end of the last."""
    if n > MOST_PICTURES or len(runs) % 2 or sum(runs[1::2]) != n or any(count < 1 for count in runs[1::2]):
        raise ValueError(f"the steps are not those of {n} pictures")
    stamps = [first]
    for step, count in zip(runs[::2], runs[1::2], strict=True):
        stamps += range(stamps[-1] + step, stamps[-1] + step * (count + 1), step) if step > 0 else [stamps[-1]] * count
    return stamps
