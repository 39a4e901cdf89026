"""The one result type of every statistic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval and how it was made."""

    low: float
    high: float
    level: float
    """Nominal coverage, 0.95 unless asked otherwise."""
    method: str
    """Such as ``jackknife by video`` or ``cluster bootstrap (percentile)``."""
    seed: int | None = None
    """Seed of the resampling; None where nothing is drawn."""
    replicates: int | None = None
    """Replicates drawn, or clusters left out in turn; None for a closed form."""
    undefined: int = 0
    """Replicates in which the statistic was undefined; the limits stand on the others."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A number, how many items it stands on, and what was left out and why.

    `value` is None exactly when `reason` is set: an undefined statistic is never 0 and never NaN.
    """

    value: float | None
    n: int
    """Cells (or videos, for totals) the value stands on."""
    n_clusters: int | None = None
    """Videos behind the cells."""
    interval: Interval | None = None
    interval_reason: str | None = None
    """Why there is no interval, when there is a value and none could be made."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    reason: str | None = None
    notes: tuple[str, ...] = ()
    """What a reader must know beside a value that is defined, such as ``constant rater: ...``."""

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError("a Measured has either a value or a reason, and not both")

    def to_json(self) -> dict[str, Any]:
        """A plain dict for JSON; keys are the field names, intervals as ``[low, high]`` plus their method."""
        out: dict[str, Any] = {"value": self.value, "n": self.n}
        if self.n_clusters is not None:
            out["n_clusters"] = self.n_clusters
        if self.interval is not None:
            out["interval"] = [self.interval.low, self.interval.high]
            out["interval_method"] = self.interval.method
            out["interval_level"] = self.interval.level
            if self.interval.seed is not None:
                out["seed"] = self.interval.seed
            if self.interval.replicates is not None:
                out["replicates"] = self.interval.replicates
            if self.interval.undefined:
                out["undefined_replicates"] = self.interval.undefined
        elif self.interval_reason is not None:
            out["interval"] = None
            out["interval_reason"] = self.interval_reason
        if self.left_out:
            out["left_out"] = dict(self.left_out)
        if self.reason is not None:
            out["reason"] = self.reason
        if self.notes:
            out["notes"] = list(self.notes)
        return out
