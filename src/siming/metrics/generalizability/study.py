"""The G study: how much of the variance of scores comes from persons, steps, raters, and each of their interactions.

What follows from it for other numbers of raters, steps and stations is the D study, in
`siming.metrics.generalizability.dstudy`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import Floats
from siming.metrics.generalizability.components import (
    Estimator,
    MeanSquares,
    anova_estimator,
    henderson_estimator,
    mean_variance_weights,
)
from siming.metrics.generalizability.design import Design, read_design
from siming.metrics.generalizability.reml import RemlEstimator
from siming.metrics.generalizability.resampled import Resampled, resample
from siming.metrics.generalizability.table import Table, read_table
from siming.metrics.measured import Measured
from siming.metrics.resample import JACKKNIFE, IntervalMethod

Method = Literal["auto", "anova", "henderson", "reml"]


@dataclass(frozen=True, slots=True)
class GStudy:
    """Variance components of one table of scores, and all that a D study needs of it."""

    design: Design
    method: Literal["anova", "henderson", "reml"]
    """How the components were estimated."""
    levels: Mapping[str, float]
    """Facet to its number of levels; for a nested facet per nest, the harmonic mean where nests differ."""
    components: Mapping[str, Measured]
    """Effect to its variance, as estimated: an estimate below 0 is shown so, and noted."""
    mean_squares: Mapping[str, Measured]
    """Effect to its mean square; empty where scores are missing, since expectations are no longer the textbook's."""
    degrees: Mapping[str, int]
    """Effect to its degrees of freedom; empty where scores are missing."""
    mean: Measured
    """Mean score."""
    balanced: bool
    resampled: Resampled = field(repr=False, compare=False)
    mean_weights: Floats = field(repr=False, compare=False)
    """Per effect the share of its variance in the variance of the mean score."""

    @property
    def shares(self) -> Mapping[str, float | None]:
        """Effect to its share of the variance of a single score, estimates below 0 counted as 0."""
        used = {name: None if m.value is None else max(m.value, 0.0) for name, m in self.components.items()}
        total = sum(value for value in used.values() if value is not None)
        return {name: None if value is None or total == 0 else value / total for name, value in used.items()}

    @property
    def negative(self) -> tuple[str, ...]:
        """Effects whose variance is estimated below 0."""
        return tuple(name for name, m in self.components.items() if m.value is not None and m.value < 0)


def g_study(
    scores: ArrayLike,
    *,
    design: str,
    facets: Mapping[str, ArrayLike] | None = None,
    object: str | None = None,
    cluster: ArrayLike | None = None,
    method: Method = "auto",
    interval: IntervalMethod | None = JACKKNIFE,
) -> GStudy:
    """Variance components of scores under a design such as ``p x i x r`` (persons by steps by raters).

    ``x`` crosses, ``:`` nests: ``p x r`` one score per person and rater, ``p x (r:t)`` raters of their own on each
    station, ``p x (i:s) x r`` steps within skills, ``r:p`` raters of his own for every person.

    Args:
        scores: Points or labels. Either an array with one axis per facet, in the order of the text (a nested facet
            counts anew in every nest), or, with `facets`, flat: one score per line. NaN or None where missing (-1
            is a score like any other here).
        design: See `read_design`.
        facets: Facet to its ids, one per score.
        object: The facet that is measured; the first of the text unless named.
        cluster: Candidate of each person (one per level of the object beside an array, one per score beside flat
            scores), where one candidate has several videos; else each person is a cluster.
        method: ``auto`` is analysis of variance for a complete table and Henderson's method I for any other, whose
            components are unbiased without any distribution. ``reml`` holds components at 0 or above and is more
            precise where much is missing and scores are near normal; resampling it refits it for every cluster.
        interval: `Jackknife`, `ClusterBootstrap` (persons redrawn, with Brennan's correction) or None; it serves
            all D studies made of the result as well.

    Intervals speak of other persons under these same steps and raters: how far two raters can be trusted to stand
    for all raters, no redrawing of persons can tell. Such components carry a note. With ``reml`` and scores missing
    here and there an interval takes a refit per cluster: a minute or two for 200 x 33 x 2, where Henderson's takes
    a hundredth of a second.

    Returns:
        Components as estimated, None with a reason where there are fewer than two persons, no variation for the
        likelihood to divide, or too few scores to tell the effects apart.

    Raises:
        LabelError: A design that cannot be read, scores that do not fit it, a facet with one level, or ``anova``
            asked for where scores are missing.

    Source: Cronbach, Gleser, Nanda and Rajaratnam 1972; Brennan 2001, chapters 3, 6 and 7.

    >>> judges = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> study = g_study(judges, design="p x r")
    >>> {name: round(component.value, 3) for name, component in study.components.items()}
    {'p': 2.556, 'r': 5.244, 'pr': 1.019}
    """
    read = read_design(design, object=object)
    table = read_table(scores, read, facets=facets, cluster=cluster)
    used = _method(method, table)
    resampled = resample(
        _ESTIMATORS[used](table), table, interval, why_undefined=_why_undefined(used, table), enough=_enough(table)
    )
    complete = table.balanced and _enough(table)
    return GStudy(
        design=read,
        method=used,
        levels=table.levels,
        components={name: _component(resampled, read, place, used) for place, name in enumerate(read.names)},
        mean_squares=_mean_squares(table) if complete else {},
        degrees=_degrees(table) if complete else {},
        mean=resampled.measured(lambda estimates: estimates[:, -1], why_undefined=""),
        balanced=table.balanced,
        resampled=resampled,
        mean_weights=mean_variance_weights(table),
    )


_ESTIMATORS: Mapping[str, Callable[[Table], Estimator]] = {
    "anova": anova_estimator,
    "henderson": henderson_estimator,
    "reml": RemlEstimator,
}


def _method(asked: Method, table: Table) -> Literal["anova", "henderson", "reml"]:
    if asked not in ("auto", *_ESTIMATORS):
        raise LabelError(f"unknown method {asked!r}; give 'auto', {', '.join(map(repr, _ESTIMATORS))}")
    if asked == "anova" and not table.balanced:
        raise LabelError(
            f"analysis of variance needs every score and nests of one size, and {table.missing} scores are missing "
            f"or nests differ in size (design {table.design.text!r}); give method='henderson' or 'reml'"
        )
    if asked == "auto":
        return "anova" if table.balanced else "henderson"
    return asked


def _enough(table: Table) -> bool:
    return table.levels[table.design.object] >= 2


def _why_undefined(used: str, table: Table) -> str:
    if not _enough(table):
        return f"fewer than 2 levels of the object of measurement {table.design.object!r}"
    if used == "reml" and not table.scores.any():
        return "no variation: every score is the same"
    if used == "reml":
        return (
            "the restricted likelihood has no single top: the scores that are there cannot tell the effects of this "
            "design apart, or leave no residual"
        )
    return "the scores that are there cannot tell the effects of this design apart"


def _component(resampled: Resampled, design: Design, place: int, used: str) -> Measured:
    value = resampled.plain[0, place]
    notes = []
    if value < 0:
        notes.append("estimated below 0: coefficients use 0")
    elif value == 0 and used == "reml":
        notes.append("at the limit of 0: the likelihood falls off from there")
    if design.object not in design.effects[place].facets and resampled.others is not None:
        notes.append(f"the interval is for other levels of {design.object}, the conditions being the same")
    return resampled.measured(lambda estimates: estimates[:, place], why_undefined="", notes=tuple(notes))


def _mean_squares(table: Table) -> dict[str, Measured]:
    squares = MeanSquares(table)
    values, _ = squares.of(squares.units.sum(axis=0, keepdims=True))
    return {
        name: Measured(float(value), table.n, table.n_clusters, interval_reason="not a parameter of the persons")
        for name, value in zip(table.design.names, values[0], strict=True)
    }


def _degrees(table: Table) -> dict[str, int]:
    squares, n_persons = MeanSquares(table), np.array([table.levels[table.design.object]])
    return {effect.name: int(squares.degrees(effect, n_persons)[0]) for effect in table.design.effects}
