"""What a table, a comparison or a command asks about a metric of two raters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.measured import Measured
from siming.metrics.resample import BCA, JACKKNIFE, IntervalMethod
from siming.metrics.statistic import Statistic

Kind = Literal["label", "binary", "totals"]

Change = Literal["relabelling", "shift", "scale"]
"""Another order of the labels; so many marks more for each video; each total so many times as large."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric and all that a table, a comparison or a reference page asks about it."""

    name: str
    """Stable; files carry it."""
    kind: Kind
    """What the two raters hand in: step labels, wrong/right calls, or totals in marks."""
    function: Callable[..., Measured]
    """``function(first, second, cluster=..., interval=...)``; labels need ``n_labels`` too."""
    statistic: Callable[..., Statistic]
    """The same with the data filled in but nothing measured yet; same arguments less ``interval``."""
    formula: str
    source: str
    symmetric: bool = True
    """Whether swapping the raters changes nothing."""
    by_step: bool = False
    """Whether it needs ``step`` as well."""
    perfect: float | None = 1.0
    """Value of a rater against himself; None where that depends on the labels."""
    unmoved_by: frozenset[Change] = frozenset()
    """What may be done to one rater (``relabelling``: to both alike) without moving the value."""
    own_interval: IntervalMethod | None = None
    """The interval made unless another is asked for; None: the usual one of its kind."""

    def __str__(self) -> str:
        return self.name

    def options(self, *, n_labels: int | None = None, step: ArrayLike | None = None) -> dict[str, Any]:
        """Of these keywords the ones that the metric takes.

        Raises:
            LabelError: One that it needs is None.
        """
        taken: dict[str, Any] = {}
        if self.kind == "label":
            if n_labels is None:
                raise LabelError(f"metric {self.name!r} compares labels; give n_labels, the length of the scale")
            taken["n_labels"] = n_labels
        if self.by_step:
            if step is None:
                raise LabelError(f"metric {self.name!r} works step by step; give step, one id per cell")
            taken["step"] = np.asarray(step)
        return taken

    @property
    def interval(self) -> IntervalMethod:
        """The interval made unless another is asked for."""
        return self.own_interval or (BCA if self.kind == "totals" else JACKKNIFE)
