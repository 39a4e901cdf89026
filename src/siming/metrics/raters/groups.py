"""Differential functioning: is a rater more severe, or a step harder, for one group of candidates than for another?

Groups may differ in ability; that is no bias. Bias is the interaction: what is left for one rater (or step) once the groups'
abilities and the average rater (or step) are taken out. Whether a group may be recorded at all is a question of law.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import Floats
from siming.metrics.measured import Measured
from siming.metrics.rasch.facets import combination
from siming.metrics.rasch.fit import Structure, fit_structure
from siming.metrics.rasch.quality import joint_test
from siming.metrics.rasch.scale import Thresholds
from siming.metrics.rasch.table import numbered, one_per_video, read_rating_table


@dataclass(frozen=True, slots=True)
class GroupContrast:
    """Two groups compared."""

    first: Hashable
    second: Hashable
    contrasts: dict[Hashable, Measured]
    """Rater (or step) to logits by which it is more severe (harder) for the first group than for the second, beyond the
    average of the raters (steps) that judged both."""
    homogeneity: Measured
    """p value of the hypothesis that all contrasts are 0 (Hotelling's T^2, jackknife by cluster)."""


def differential_functioning(
    labels: ArrayLike,
    *,
    video: ArrayLike,
    step: ArrayLike,
    rater: ArrayLike,
    group: ArrayLike,
    n_labels: int,
    facet: Literal["rater", "step"] = "rater",
    cluster: ArrayLike | None = None,
    thresholds: Thresholds = "rating_scale",
    level: float = 0.95,
) -> tuple[GroupContrast, ...]:
    """Interaction of rater (or step) and group, for every pair of groups.

    contrast = (c_rg - mean of c_.g) - (c_rh - mean of c_.h), each rater counting as one rater per group in one many-facet
    Rasch fit. Steps likewise, with d for c.

    Args:
        labels, video, step, rater, n_labels, cluster, level: As in `many_facet_rasch`.
        group: Site, sex or other group of the video, the same for each of its ratings.
        facet: Whether raters or steps are examined.
        thresholds: Shared by default: a group often lacks labels of a step, and difficulties over different stretches of
            the scale would not be comparable.

    Raises:
        LabelError: As `many_facet_rasch`, a video in two groups, or fewer than 2 groups.

    Source: differential facet functioning, Linacre 1989; contrast of interactions, Myford and Wolfe 2004.
    """
    if facet not in ("rater", "step"):
        raise LabelError(f"unknown facet {facet!r}; give 'rater' or 'step'")
    length = len(np.asarray(video))
    videos, video_ids = numbered(video, length, "video ids")
    of_video, groups = one_per_video(group, videos, video_ids, "groups")
    if len(groups) < 2:
        raise LabelError(f"found one group ({groups[0]!r}); differential functioning compares at least 2")
    element, names = numbered(rater if facet == "rater" else step, length, f"{facet} ids")
    split = element * len(groups) + of_video[videos]
    table = read_rating_table(
        labels,
        video=video,
        step=step if facet == "rater" else split,
        rater=split if facet == "rater" else rater,
        n_labels=n_labels,
        cluster=cluster,
    )
    structure = fit_structure(table, thresholds=thresholds, method="marginal")
    return tuple(
        _compare(structure, facet, names, groups, first, second, level)
        for first, second in combinations(range(len(groups)), 2)
    )


def _compare(
    structure: Structure,
    facet: Literal["rater", "step"],
    names: tuple[Hashable, ...],
    groups: tuple[Hashable, ...],
    first: int,
    second: int,
    level: float,
) -> GroupContrast:
    ids = structure.table.raters if facet == "rater" else structure.table.steps
    parts = structure.connectivity.raters if facet == "rater" else structure.connectivity.steps
    place = {name: number for number, name in enumerate(ids)}
    part = {name: number for number, members in enumerate(parts) for name in members}
    own = {number: (number * len(groups) + first, number * len(groups) + second) for number in range(len(names))}
    both = [number for number, pair in own.items() if all(one in part for one in pair)]
    why: dict[int, str] = {}
    for number in range(len(names)):
        if structure.reason is not None:
            why[number] = structure.reason
        elif number not in both:
            why[number] = f"this {facet} has no rating that tells anything in one of the two groups"
        elif len(both) < 2:
            why[number] = f"no other {facet} to compare with in both groups"
        elif any(len({part[own[one][side]] for one in both}) > 1 for side in (0, 1)):
            why[number] = f"not linked: inside a group, no shared videos join the {facet}s"
    rows = np.zeros((len(names), len(ids)))
    for number in both:
        rows[number, place[own[number][0]]] = 1
        rows[number, place[own[number][1]]] = -1
    if both:
        rows[both] -= rows[both].mean(axis=0)
    contrasts: dict[Hashable, Measured] = {}
    for number, name in enumerate(names):
        if number in why:
            n = int(
                np.isin(
                    (structure.table.rater if facet == "rater" else structure.table.step),
                    [place[o] for o in own[number] if o in place],
                ).sum()
            )
            contrasts[name] = Measured(None, n, reason=why[number])
        else:
            contrasts[name] = combination(structure, facet, rows[number], level=level)
    n = structure.table.n
    if any(number in why for number in both) or not both:
        reason = next(iter(why.values()))
        return GroupContrast(groups[first], groups[second], contrasts, Measured(None, n, reason=reason))
    free = rows[both][1:]
    return GroupContrast(groups[first], groups[second], contrasts, _test(structure, facet, free, n))


def _test(structure: Structure, facet: Literal["rater", "step"], rows: Floats, n: int) -> Measured:
    measures = structure.severity if facet == "rater" else structure.difficulty
    influence = structure.rater_influence() if facet == "rater" else structure.step_influence()
    return joint_test(rows @ np.nan_to_num(measures), influence @ rows.T, n)
