"""Figures as pages write them: never alone, but with their interval or the reason why there is none, and what they stand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from siming.web.numbers import formatted

POINTS = frozenset({"mean_difference"})
"""In points of 100; the others are coefficients."""
OF_TOTALS = frozenset({"mean_difference", "icc_a1"})
"""They stand on videos, the others on cells."""
SHARES = frozenset({"raw_agreement"})
"""From 0 to 1; the other coefficients reach down to −1."""
_EDGE = 5e-3
"""What two decimals cannot tell from the end of the scale."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One statistic in words and digits."""

    name: str
    value: str | None
    """None where it is undefined."""
    interval: str | None
    """In square brackets; None where there is none, or where it holds every value there is."""
    why: str | None
    """Why there is no value or no interval, in the reader's language; None where there is one."""
    spans_all: bool
    """Whether the interval leaves every value possible."""
    n: int
    n_clusters: int | None
    """Candidates behind the cells."""
    of_totals: bool
    order: float | None
    """The value, for sorting."""


def figure_of(name: str, measured: Mapping[str, Any], say: Callable[[str], str], *, decimals: int = 3) -> Figure:
    """A measured value as a page shows it.

    Args:
        measured: What `Measured.to_json` makes.
        say: Puts a reason into the reader's language.
        decimals: Of a coefficient. Of its interval there are fewer where it is wide: they would pretend to be known.
    """
    value, interval = measured["value"], measured.get("interval")
    why = measured.get("reason") or (None if interval else measured.get("interval_reason"))
    spans_all = value is not None and interval is not None and _spans_all(name, interval)
    return Figure(
        name=name,
        value=None if value is None else _number(name, value, decimals),
        interval=None if value is None or not interval or spans_all else _bracket(name, interval, decimals),
        why=None if why is None else say(why),
        spans_all=spans_all,
        n=measured["n"],
        n_clusters=measured.get("n_clusters"),
        of_totals=name in OF_TOTALS,
        order=value,
    )


def _number(name: str, value: float, decimals: int) -> str:
    if name in POINTS:
        return formatted("%+.1f" if round(value, 1) else "%.1f", value)
    return formatted(f"%.{decimals}f", value)


def _scale(name: str) -> tuple[float, float]:
    if name in POINTS:
        return -100.0, 100.0
    return (0.0 if name in SHARES else -1.0), 1.0


def _spans_all(name: str, interval: tuple[float, float]) -> bool:
    low, high = _scale(name)
    return interval[0] <= low + _EDGE and interval[1] >= high - _EDGE


def _bracket(name: str, interval: tuple[float, float], decimals: int) -> str:
    """The ends, held to the values that there are, with as many decimals as the width deserves."""
    lowest, highest = _scale(name)
    low, high = max(lowest, interval[0]), min(highest, interval[1])
    if name in POINTS:
        digits = 0 if high - low >= 10 else 1
    else:
        digits = min(decimals, 2) if high - low >= 0.1 else decimals
    return formatted(f"[%.{digits}f, %.{digits}f]", low, high)
