"""What one check of a printed table found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["pass", "impossible", "needs denominator"]

ONE_TABLE = "all are from one 2 x 2 table and not averages of several"
"""What the identities of precision and recall take for granted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one row, or of all rows of a test set."""

    check: str
    """``f1``, ``mcc``, ``mcc_sign``, ``signs``, ``all_positive``, ``prevalence``, ``kappa_floor``, ``count``, ``share``,
    ``grim``, ``delta`` or ``p_value``."""
    rows: tuple[str, ...]
    status: Status
    message: str
    """What is printed, what it would have to be, and what was taken for granted."""
    denominators: tuple[int, int] | None = None
    """Smallest and largest denominator with which the figures agree, where the check has one."""

    def to_json(self) -> dict[str, Any]:
        """A plain dict for JSON; keys are the field names."""
        out: dict[str, Any] = {
            "check": self.check,
            "rows": list(self.rows),
            "status": self.status,
            "message": self.message,
        }
        if self.denominators is not None:
            out["denominators"] = list(self.denominators)
        return out


def in_words(low: float, high: float) -> str:
    """A range of numbers, or the number where both ends print alike.

    >>> in_words(0.3085, 0.3101), in_words(0.5, 0.5)
    ('0.3085 to 0.3101', '0.5')
    """
    return f"{low:.4g}" if f"{low:.4g}" == f"{high:.4g}" else f"{low:.4g} to {high:.4g}"
