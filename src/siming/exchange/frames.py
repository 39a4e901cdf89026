"""When each picture of a video is on show: what turns a picture's number into a time.

Programs that count pictures know no time: recordings have no fixed rate, and a number divided by one drifts. The table comes
from the video itself, through whoever can read it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from siming.errors import SheetError


@dataclass(frozen=True)
class Frames:
    """The pictures of one attempt's video."""

    starts_s: Sequence[float]
    """When each comes on show, from 0, in order."""
    end_s: float
    """When the last one goes."""

    def span(self, first: int, behind: int, place: str) -> tuple[float, float]:
        """From the beginning of one picture to the beginning of another, both numbered from 0.

        Args:
            behind: The first picture that no longer belongs; one past the last is the end.

        Raises:
            SheetError: the video has no such picture.
        """
        n = len(self.starts_s)
        if not 0 <= first < behind <= n:
            raise SheetError(
                f"{place}: pictures {first} to {behind - 1}, and the video has {n}, from 0 to {n - 1}; "
                "check that it is the same video"
            )
        return self.starts_s[first], self.starts_s[behind] if behind < n else self.end_s


FrameTables = Callable[[str], "Frames | None"]
"""An attempt's pictures by its id; None where nobody knows."""


def runs(numbers: Sequence[int], following: Callable[[int], int]) -> list[tuple[int, int]]:
    """Numbers that stand one behind the other as (first, last), in order.

    Args:
        following: The number that comes behind one.

    >>> runs([4, 0, 1, 2], lambda n: n + 1)
    [(0, 2), (4, 4)]
    """
    ordered = sorted(set(numbers))
    breaks = [at for at, (one, other) in enumerate(pairwise(ordered), start=1) if other != following(one)]
    ends = [*breaks, len(ordered)]
    return [(ordered[start], ordered[end - 1]) for start, end in zip([0, *breaks], ends, strict=True) if start < end]
