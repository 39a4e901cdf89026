"""The D study: how precise scores would be with other numbers of raters, steps and stations.

Two kinds of error. Relative error blurs the order of persons; absolute error also moves every score alike, as a
strict rater or a hard step does, and counts where a mark decides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from siming.errors import LabelError
from siming.metrics.cells import Floats
from siming.metrics.generalizability.design import Design
from siming.metrics.generalizability.study import GStudy
from siming.metrics.measured import Measured
from siming.metrics.statistic import ratio


@dataclass(frozen=True, slots=True)
class DStudy:
    """Precision of a mean score over given numbers of conditions."""

    levels: Mapping[str, float]
    """Facet other than the object to the number of its conditions; for a nested one per nest."""
    fixed: tuple[str, ...]
    """Facets whose conditions are all that one ever asks about; the others stand for more of their kind."""
    universe_variance: Measured
    """Variance of the scores that persons would have over all conditions of the random facets."""
    relative_error: Measured
    """Error variance of differences between persons."""
    absolute_error: Measured
    """Error variance of a score by itself; its root is the standard error of measurement."""
    e_rho2: Measured
    """Generalizability coefficient: universe variance / (universe variance + relative error)."""
    phi: Measured
    """Index of dependability: universe variance / (universe variance + absolute error)."""
    cut: float | None
    """Pass mark, as a mean score."""
    phi_cut: Measured | None
    """Phi(lambda): the dependability of passing and failing at the cut; None where no cut was given."""


def d_study(
    study: GStudy,
    *,
    levels: Mapping[str, float] | None = None,
    fixed: Collection[str] = (),
    cut: float | None = None,
) -> DStudy:
    """Error variances and coefficients of the mean over some number of conditions of each facet.

    With n' conditions of each facet f, the variance of an effect counts divided by the product of n'_f over its
    facets other than the object. An effect with the object and fixed facets only belongs to the universe variance;
    with a random facet it is relative error; without the object but with a random facet it adds to absolute
    error. With steps fixed, for one, the universe variance is p + pi / n_i.

    Phi(lambda) = (universe + d) / (universe + d + absolute error), d = (mean - cut)^2 less the variance of the
    mean, which would otherwise pass for distance.

    Args:
        study: Its interval method serves here as well, without resampling anew.
        levels: Facet to n'; those not named keep their number in the study.
        fixed: Facets to hold fixed. What a fixed facet nests in random ones cannot be fixed.
        cut: Pass mark on the scale of a mean score (total / number of scores in it).

    Returns:
        Everything in squares of the scores' unit, coefficients in [0, 1]; a variance estimated below 0 counts as 0
        and is noted; a coefficient of no variance at all is None.

    Raises:
        LabelError: An unknown facet, the object among the conditions, a number below 1, another number of
            conditions of a fixed facet than the study has, or a fixed facet nested in a random one.

    Source: Cronbach, Gleser, Nanda and Rajaratnam 1972; Brennan 2001, chapters 4 and 5; Phi(lambda): Brennan and
    Kane 1977.

    >>> from siming.metrics.generalizability.study import g_study
    >>> judges = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> study = g_study(judges, design="p x r")
    >>> [round(point.e_rho2.value, 3) for point in d_curve(study, levels={"r": [1, 2, 4]})]
    [0.715, 0.834, 0.909]
    """
    design = study.design
    used, held = _levels(study, levels or {}), _fixed(design, fixed)
    for facet in held:
        if used[facet] != study.levels[facet]:
            raise LabelError(
                f"facet {facet!r} is fixed: its universe are the {study.levels[facet]:g} conditions of the study, and "
                f"{used[facet]:g} were asked for; leave its number out, or let it be random"
            )
    parts = _Parts(design, used, held)
    universe, relative, absolute = parts.of_universe, parts.of_relative, parts.of_absolute

    def measured(quantity: Callable[[Floats], Floats], shares: Floats, most: float = np.inf) -> Measured:
        return _measured(study, quantity, notes=_notes(study, used, shares), most=most)

    return DStudy(
        levels=used,
        fixed=held,
        universe_variance=measured(parts.universe, universe),
        relative_error=measured(parts.relative, relative),
        absolute_error=measured(parts.absolute, absolute),
        e_rho2=measured(lambda e: _share(parts.universe(e), parts.relative(e)), universe + relative, most=1.0),
        phi=measured(lambda e: _share(parts.universe(e), parts.absolute(e)), universe + absolute, most=1.0),
        cut=cut,
        phi_cut=None if cut is None else _phi_cut(study, parts, cut, _notes(study, used, parts.random)),
    )


def d_curve(
    study: GStudy,
    *,
    levels: Mapping[str, Sequence[float]],
    fixed: Collection[str] = (),
    cut: float | None = None,
) -> tuple[DStudy, ...]:
    """A D study for every combination of the numbers given, the last facet named changing fastest.

    ``d_curve(study, levels={"r": range(1, 5), "t": [4, 8, 12]})`` has 12 points. Arguments else as in `d_study`.
    """
    for facet, numbers in levels.items():
        if not len(numbers):
            raise LabelError(f"no number of conditions of facet {facet!r} to study; give one or more, such as [1, 2]")
    return tuple(
        d_study(study, levels=dict(zip(levels, numbers, strict=True)), fixed=fixed, cut=cut)
        for numbers in product(*levels.values())
    )


class _Parts:
    """Which share of each component is universe variance, relative error and absolute error."""

    def __init__(self, design: Design, levels: Mapping[str, float], fixed: tuple[str, ...]) -> None:
        m = len(design.effects)
        self.of_universe, self.of_relative, self.of_absolute = np.zeros(m), np.zeros(m), np.zeros(m)
        self.random = np.zeros(m)
        """1 for effects that would differ, were the study repeated: those with persons or a random facet."""
        for place, effect in enumerate(design.effects):
            conditions = effect.facets - {design.object}
            share = 1 / float(np.prod([levels[facet] for facet in conditions]))
            drawn = not conditions <= set(fixed)
            measures = design.object in effect.facets
            self.of_universe[place] = share * (measures and not drawn)
            self.of_relative[place] = share * (measures and drawn)
            self.of_absolute[place] = share * drawn
            self.random[place] = measures or drawn

    def universe(self, estimates: Floats) -> Floats:
        return _variances(estimates) @ self.of_universe

    def relative(self, estimates: Floats) -> Floats:
        return _variances(estimates) @ self.of_relative

    def absolute(self, estimates: Floats) -> Floats:
        return _variances(estimates) @ self.of_absolute


def _variances(estimates: Floats) -> Floats:
    return np.maximum(estimates[:, :-1], 0)  # NaN stays NaN


def _share(part: Floats, rest: Floats) -> Floats:
    return ratio(part, part + rest)


def _measured(study: GStudy, quantity: Callable[[Floats], Floats], *, notes: tuple[str, ...], most: float) -> Measured:
    return study.resampled.measured(
        quantity, why_undefined="no variation: universe and error variance are both 0", bounds=(0.0, most), notes=notes
    )


def _phi_cut(study: GStudy, parts: _Parts, cut: float, notes: tuple[str, ...]) -> Measured:
    if not np.isfinite(cut):
        raise LabelError(f"the cut is {cut}; give a mean score, such as 1.8 on labels from 0 to 3")
    of_mean = study.mean_weights * parts.random

    def distance(estimates: Floats) -> Floats:
        return np.square(estimates[:, -1] - cut) - _variances(estimates) @ of_mean

    def quantity(estimates: Floats) -> Floats:
        return _share(parts.universe(estimates) + np.maximum(distance(estimates), 0), parts.absolute(estimates))

    if distance(study.resampled.plain)[0] < 0:
        notes = (*notes, "the mean is no farther from the cut than chance puts it: their distance counts as 0")
    return _measured(study, quantity, notes=notes, most=1.0)


def _levels(study: GStudy, asked: Mapping[str, float]) -> dict[str, float]:
    conditions = [facet for facet in study.design.facets if facet != study.design.object]
    for facet, number in asked.items():
        if facet not in conditions:
            raise LabelError(
                f"{facet!r} is no condition of design {study.design.text!r}; give numbers of {', '.join(conditions)}"
            )
        if not (np.isfinite(number) and number >= 1):
            raise LabelError(f"{number} conditions of facet {facet!r} cannot be; give 1 or more")
    return {facet: float(asked.get(facet, study.levels[facet])) for facet in conditions}


def _fixed(design: Design, fixed: Collection[str]) -> tuple[str, ...]:
    conditions = [facet for facet in design.facets if facet != design.object]
    if isinstance(fixed, str):
        raise LabelError(f"fixed={fixed!r} is a text; give a collection of facets, such as ({fixed!r},)")
    for facet in fixed:
        if facet not in conditions:
            raise LabelError(
                f"{facet!r} is no condition of design {design.text!r}; fix some of {', '.join(conditions)}"
            )
        drawn = sorted(design.within[facet] - set(fixed))
        if drawn:
            raise LabelError(
                f"facet {facet!r} is nested in {drawn[0]!r}, which is random, so it comes anew with each of its "
                f"levels and cannot be fixed; fix {drawn[0]!r} too, or neither"
            )
    return tuple(facet for facet in conditions if facet in fixed)


def _notes(study: GStudy, levels: Mapping[str, float], shares: Floats) -> tuple[str, ...]:
    """What a reader must know of the components that enter with a share."""
    entering = {name for name, share in zip(study.design.names, shares, strict=True) if share}
    notes = [f"variance of {name} estimated below 0, used as 0" for name in study.negative if name in entering]
    uneven = [facet for facet, number in levels.items() if number != round(number)]
    notes += [
        f"numbers of {facet} differ between nests: {levels[facet]:.3g} is their harmonic mean" for facet in uneven
    ]
    return tuple(notes)
