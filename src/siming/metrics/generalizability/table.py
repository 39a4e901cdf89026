"""Scores of a generalizability study as one table: a row per person, a column per combination of conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from siming.errors import LabelError
from siming.metrics.cells import Floats, Ints, number_ids
from siming.metrics.generalizability.design import Design

MOST_CELLS = 10**8
"""Cells a table may have, empty ones included: 800 MB of scores."""


@dataclass(frozen=True, slots=True)
class Table:
    """Scores of every person (row) under every combination of conditions (column)."""

    design: Design
    scores: Floats
    """Shape (n_persons, n_columns), less the grand mean; 0 where there is none."""
    present: NDArray[np.bool_]
    """Same shape."""
    mean: float
    """Of all scores."""
    conditions: tuple[str, ...]
    """The facets other than the object, in the order of the columns' axes."""
    shape: tuple[int, ...]
    """Levels of each of them (within its nest the most there are); their product is n_columns."""
    levels: Mapping[str, float]
    """Facet to its number of levels; for a nested facet per nest, the harmonic mean where nests differ."""
    balanced: bool
    """No score is missing and all nests are of one size."""
    missing: int
    """Cells without a score, those not counted that no level stands behind (a small nest's end)."""
    cluster: Ints
    """Cluster number of each person."""
    n_clusters: int

    @property
    def n(self) -> int:
        """Scores there are."""
        return int(self.present.sum())

    def summed(self, values: Floats, facets: frozenset[str]) -> Floats:
        """Values of the columns (rows, n_columns), added up within each level of the facets: (rows, n_groups)."""
        axes = tuple(a for a, facet in enumerate(self.conditions, start=1) if facet not in facets)
        sums: Floats = values.reshape(len(values), *self.shape).sum(axis=axes)
        return sums.reshape(len(values), -1)

    def groups(self, facets: frozenset[str]) -> tuple[Ints, int]:
        """Of each column the number of its level of the facets, the object apart, and how many there are."""
        kept = tuple(n if facet in facets else 1 for facet, n in zip(self.conditions, self.shape, strict=True))
        numbers = np.broadcast_to(np.arange(int(np.prod(kept))).reshape(kept), self.shape)
        return numbers.ravel().astype(np.int64), int(np.prod(kept))


def read_table(
    scores: ArrayLike, design: Design, *, facets: Mapping[str, ArrayLike] | None, cluster: ArrayLike | None
) -> Table:
    """Check the scores and lay them out; see `g_study` for the two forms that are read.

    Raises:
        LabelError: Wrong shape, an infinite score, none at all, two scores in one cell, a facet without ids or
            with one level, or a person in two clusters.
    """
    raw = _numbers(scores)
    if facets is None:
        n_axes = len(design.facets)
        if raw.ndim != n_axes:
            raise LabelError(
                f"scores have {raw.ndim} axes, design {design.text!r} has {n_axes} facets; give one axis per facet in "
                "the order of the text, or flat scores with facets={...}"
            )
        if cluster is not None:
            place = design.facets.index(design.object)
            along = _per_person(cluster, raw.shape[place], design.object)
            cluster = np.expand_dims(along, tuple(a for a in range(n_axes) if a != place))
            cluster = np.broadcast_to(cluster, raw.shape).ravel()
        if not np.isnan(raw).any():
            flat_cluster = None if cluster is None else np.asarray(cluster)
            return _laid_out(raw, design, flat_cluster)
        facets = {name: numbers.ravel() for name, numbers in zip(design.facets, np.indices(raw.shape), strict=True)}
        raw = raw.ravel()
    return _gathered(raw, design, facets, cluster)


def _numbers(scores: ArrayLike) -> Floats:
    mend = "give finite numbers, NaN or None where one is missing"
    if isinstance(scores, np.ma.MaskedArray):
        scores = np.ma.filled(scores.astype(np.float64), np.nan)
    raw = np.asarray(scores)
    if raw.dtype.kind not in "biufO":
        raise LabelError(f"scores are of type {raw.dtype}, wanted numbers; {mend}")
    try:
        numbers: Floats = raw.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise LabelError(f"scores cannot be read as numbers ({error}); {mend}") from error
    if np.isinf(numbers).any():
        raise LabelError(f"the score at place {int(np.flatnonzero(np.isinf(numbers))[0])} is infinite; {mend}")
    if np.isnan(numbers).all():
        raise LabelError(f"found no score at all, wanted at least one; {mend}")
    return numbers


def _per_person(cluster: ArrayLike, n_persons: int, name: str) -> NDArray[np.generic]:
    ids = np.asarray(cluster)
    if ids.shape != (n_persons,):
        raise LabelError(
            f"cluster ids have shape {ids.shape} beside {n_persons} levels of {name!r}; give one for each, in order"
        )
    return ids


def _laid_out(raw: Floats, design: Design, cluster: NDArray[np.generic] | None) -> Table:
    """A complete array needs no numbering: its axes are the levels."""
    place = design.facets.index(design.object)
    moved = np.moveaxis(raw, place, 0)
    n_persons, shape = moved.shape[0], moved.shape[1:]
    clusters, n_clusters = np.arange(n_persons, dtype=np.int64), n_persons
    if cluster is not None:
        numbers, n_clusters = number_ids(cluster, raw.size, "cluster ids")
        clusters = np.moveaxis(numbers.reshape(raw.shape), place, 0).reshape(n_persons, -1)[:, 0]
    mean = _mean(moved)
    conditions = tuple(facet for facet in design.facets if facet != design.object)
    levels = dict(zip((design.object, *conditions), map(float, moved.shape), strict=True))
    _check_levels(design, levels)
    return Table(
        design=design,
        scores=np.ascontiguousarray(moved - mean).reshape(n_persons, -1),
        present=np.ones((n_persons, int(np.prod(shape))), dtype=bool),
        mean=mean,
        conditions=conditions,
        shape=shape,
        levels=levels,
        balanced=True,
        missing=0,
        cluster=clusters,
        n_clusters=n_clusters,
    )


def _gathered(raw: Floats, design: Design, facets: Mapping[str, ArrayLike], cluster: ArrayLike | None) -> Table:
    """From one score per line, with its ids, to the table."""
    if raw.ndim != 1:
        raise LabelError(f"scores have shape {raw.shape}, wanted one flat row beside facets={{...}}")
    unknown, absent = sorted(set(facets) - set(design.facets)), sorted(set(design.facets) - set(facets))
    if unknown or absent:
        wrong = f"lacks ids of facet {absent[0]!r}" if absent else f"has ids of {unknown[0]!r}, no facet of it"
        raise LabelError(f"facets={{...}} {wrong}; design {design.text!r} wants {', '.join(design.facets)}")
    used = ~np.isnan(raw)
    ids = {name: number_ids(facets[name], len(raw), f"ids of facet {name!r}")[0][used] for name in design.facets}
    values = raw[used]
    conditions = tuple(facet for facet in design.facets if facet != design.object)
    order = (design.object, *conditions)
    numbers = _numbered_within(ids, design)
    shape = tuple(int(numbers[facet].max()) + 1 for facet in order)
    if np.prod(shape, dtype=np.float64) > MOST_CELLS:
        raise LabelError(
            f"{len(values)} scores spread over a table of {' x '.join(map(str, shape))} cells, more than {MOST_CELLS}; "
            "write a facet whose levels hardly ever meet the others' as nested, such as 'r:t'"
        )
    place = np.ravel_multi_index(tuple(numbers[facet] for facet in order), shape)
    known, counts = np.unique(place, return_counts=True)
    if len(known) < len(place):
        line = int(np.flatnonzero(place == known[counts > 1][0])[1])
        where = ", ".join(f"{name} {np.asarray(facets[name])[np.flatnonzero(used)[line]]}" for name in design.facets)
        raise LabelError(
            f"a second score for the cell ({where}) at place {int(np.flatnonzero(used)[line])}; "
            "keep one, or name what tells the two apart as a facet of its own"
        )
    mean = _mean(values)
    scores, present = np.zeros(shape), np.zeros(shape, dtype=bool)
    scores.ravel()[place] = values - mean
    present.ravel()[place] = True
    levels, possible = _levels(present, design, order)
    _check_levels(design, levels)
    clusters, n_clusters = np.arange(shape[0], dtype=np.int64), shape[0]
    if cluster is not None:
        numbers_of_lines, _ = number_ids(cluster, len(raw), "cluster ids")
        clusters, n_clusters = _clusters_of(numbers[design.object], numbers_of_lines[used], design)
    missing = possible - len(values)
    return Table(
        design=design,
        scores=scores.reshape(shape[0], -1),
        present=present.reshape(shape[0], -1),
        mean=mean,
        conditions=conditions,
        shape=shape[1:],
        levels=levels,
        balanced=len(values) == present.size,
        missing=missing,
        cluster=clusters,
        n_clusters=n_clusters,
    )


def _mean(values: Floats) -> float:
    """Equal scores have exactly their value as mean, so that nothing is left of them once it is taken off."""
    first = float(values.ravel()[0])
    return first if (values == first).all() else float(values.mean())


def _numbered_within(ids: Mapping[str, Ints], design: Design) -> dict[str, Ints]:
    """Numbers from 0 for each facet, starting anew in every level of what it nests in.

    So it does not matter whether the first rater of each station is called 1 or has a name of his own.
    """
    numbers: dict[str, Ints] = {}
    for facet in sorted(design.facets, key=lambda name: len(design.within[name])):
        outer = [numbers[name] for name in design.facets if name in design.within[facet]]
        if not outer:
            _, number = np.unique(ids[facet], return_inverse=True)
            numbers[facet] = number.astype(np.int64)
            continue
        nest = np.unique(np.column_stack(outer), axis=0, return_inverse=True)[1].ravel()
        pair = nest.astype(np.int64) * (int(ids[facet].max()) + 1) + ids[facet]
        known, number = np.unique(pair, return_inverse=True)
        nest_of_known = known // (int(ids[facet].max()) + 1)
        first = np.searchsorted(nest_of_known, nest_of_known)
        numbers[facet] = (np.arange(len(known)) - first)[number].astype(np.int64)
    return numbers


def _levels(present: NDArray[np.bool_], design: Design, order: tuple[str, ...]) -> tuple[dict[str, float], int]:
    """Levels of each facet, and how many cells have a level of every facet behind them."""
    levels, possible = {}, np.ones(present.shape, dtype=bool)
    for facet in design.facets:
        own = design.within[facet] | {facet}
        others = tuple(axis for axis, name in enumerate(order) if name not in own)
        exists = present.any(axis=others, keepdims=True)
        possible &= exists
        per_nest = exists.sum(axis=order.index(facet)).ravel()
        per_nest = per_nest[per_nest > 0]
        levels[facet] = float(len(per_nest) / (1 / per_nest).sum())
    return levels, int(possible.sum())


def _check_levels(design: Design, levels: Mapping[str, float]) -> None:
    for facet in design.facets:
        if levels[facet] <= 1 and facet != design.object:
            raise LabelError(
                f"facet {facet!r} of design {design.text!r} has one level"
                f"{' in every nest' if design.within[facet] else ''}, so its variance cannot be told from that of the "
                "rest; leave it out of the design"
            )


def _clusters_of(person: Ints, cluster: Ints, design: Design) -> tuple[Ints, int]:
    of = np.zeros(int(person.max()) + 1, dtype=np.int64)
    of[person] = cluster
    if (of[person] != cluster).any():
        raise LabelError(f"a level of {design.object!r} sits in two clusters; give all its scores one cluster id")
    known, number = np.unique(of, return_inverse=True)
    return number.astype(np.int64), len(known)
