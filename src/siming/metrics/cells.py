"""Reading what callers hand in: labels of two raters, or totals, with the video each belongs to.

A label is an int in [0, n_labels). Missing is -1, None, NaN or a masked entry of a numpy masked array:
four spellings of one thing, counted in `missing` and never used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from siming.errors import LabelError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MISSING = -1


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells that both raters labelled: one entry per cell in each array."""

    first: Ints
    second: Ints
    cluster: Ints
    """Number of the cell's cluster (video) in [0, n_clusters); clusters without a used cell have none."""
    n_clusters: int
    clustered: bool
    """False where the caller gave no cluster ids; then all cells sit in cluster 0 and no interval is made."""
    step: Ints
    """Number of the cell's step in [0, n_steps); all 0 where the caller gave none."""
    n_steps: int
    """Steps handed in, those that lost all their cells included."""
    n_labels: int
    missing: int
    """Cells that lack the label of one rater or of both."""

    @property
    def n(self) -> int:
        """Cells used."""
        return len(self.first)


@dataclass(frozen=True, slots=True)
class Rows:
    """The videos to which every rater gave a total: one row per video, one column per rater."""

    totals: Floats
    cluster: Ints
    """Number of the row's cluster in [0, n_clusters): the video itself unless the caller said otherwise."""
    n_clusters: int
    missing: int

    @property
    def n(self) -> int:
        """Rows used."""
        return len(self.totals)

    @property
    def row_is_cluster(self) -> bool:
        """Whether every row is a cluster of its own, in order."""
        return self.n_clusters == self.n


def read_cells(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_labels: int,
    cluster: ArrayLike | None = None,
    step: ArrayLike | None = None,
) -> Cells:
    """Check two raters' labels and keep the cells that both of them filled.

    Raises:
        LabelError: A label outside the scale, arrays of different length, no cells at all, or a scale of
            fewer than two labels.
    """
    if n_labels < 2:
        raise LabelError(f"n_labels is {n_labels}; a scale has at least 2 labels: give its length")
    a = read_labels(first, "the first rater", n_labels)
    b = read_labels(second, "the second rater", n_labels)
    _same_length(len(b), len(a), "labels of the second rater", "cells of the first")
    steps, n_steps = (np.zeros(len(a), dtype=np.int64), 1) if step is None else number_ids(step, len(a), "step ids")
    clusters, n_clusters = (
        (np.zeros(len(a), dtype=np.int64), 1) if cluster is None else number_ids(cluster, len(a), "cluster ids")
    )
    used = (a != MISSING) & (b != MISSING)
    missing = len(a) - int(used.sum())
    if missing:
        a, b, steps, clusters = a[used], b[used], steps[used], clusters[used]
        if cluster is not None:
            # Numbered again now that cells are gone: a video that lost all its cells cannot vary anything.
            clusters, n_clusters = _renumbered(clusters)
    return Cells(
        first=a,
        second=b,
        cluster=clusters,
        n_clusters=n_clusters,
        clustered=cluster is not None,
        step=steps,
        n_steps=n_steps,
        n_labels=n_labels,
        missing=missing,
    )


def read_rows(raters: Sequence[ArrayLike], *, cluster: ArrayLike | None = None) -> Rows:
    """Check the totals of two or more raters and keep the videos that all of them marked.

    Raises:
        LabelError: An infinite total, arrays of different length, no videos, or fewer than two raters.
    """
    if len(raters) < 2:
        raise LabelError(f"agreement needs totals of at least 2 raters, found {len(raters)}; give one array each")
    columns = [read_totals(values, f"rater {number}") for number, values in enumerate(raters, start=1)]
    for number, column in enumerate(columns[1:], start=2):
        _same_length(len(column), len(columns[0]), f"totals of rater {number}", "videos of rater 1")
    matrix = np.column_stack(columns)
    used = ~np.isnan(matrix).any(axis=1)
    n_used = int(used.sum())
    if cluster is None:
        clusters, n_clusters = np.arange(n_used, dtype=np.int64), n_used
    else:
        kept, _ = number_ids(cluster, len(matrix), "cluster ids")
        clusters, n_clusters = _renumbered(kept[used])
    order = np.argsort(clusters, kind="stable")
    return Rows(
        totals=matrix[used][order],
        cluster=clusters[order],
        n_clusters=n_clusters,
        missing=len(matrix) - n_used,
    )


def read_labels(values: ArrayLike, who: str, n_labels: int) -> Ints:
    """One side's labels as ints, -1 where missing; `who` names the side in errors."""
    mend = f"give labels from 0 to {n_labels - 1} (n_labels={n_labels}), or -1 where one is missing"
    if _are_whole(values) and values.min() >= MISSING and values.max() < n_labels:
        return values.astype(np.int64)  # as most come: no fraction and no None to look for
    raw = _one_row(values, f"labels of {who}", mend)
    whole = np.where(np.isnan(raw), MISSING, raw)
    broken = np.flatnonzero((whole != np.floor(whole)) | (whole < MISSING) | (whole >= n_labels))
    if len(broken):
        at = broken[0]
        raise LabelError(f"label {raw[at]:g} of {who} at cell {at} is not on the scale; {mend}")
    return whole.astype(np.int64)


def read_totals(values: ArrayLike, who: str) -> Floats:
    """One side's totals as floats, NaN where missing; `who` names the side in errors."""
    mend = "give a finite number of marks per video, or NaN where one is missing"
    raw = _one_row(values, f"totals of {who}", mend)
    infinite = np.flatnonzero(np.isinf(raw))
    if len(infinite):
        at = infinite[0]
        raise LabelError(f"total {raw[at]:g} of {who} at video {at} is not finite; {mend}")
    return _without_rounding_noise(raw)


def _without_rounding_noise(totals: Floats) -> Floats:
    """The totals to 12 significant digits of the largest.

    Points such as 0.1 and 0.2 add up to 0.3 or to 0.30000000000000004, as the order has it. Left so, equal
    totals would not be ties, and a constant rater would not be constant.
    """
    largest = np.abs(totals[~np.isnan(totals)]).max(initial=0)
    if largest == 0:
        return totals
    return np.round(totals, min(300, 12 - math.ceil(math.log10(largest))))


def _are_whole(values: ArrayLike) -> TypeGuard[Ints]:
    """Whether these are whole numbers in one row already."""
    if not isinstance(values, np.ndarray) or isinstance(values, np.ma.MaskedArray):
        return False
    return values.dtype.kind in "bi" and values.ndim == 1 and len(values) > 0


def _one_row(values: ArrayLike, what: str, mend: str) -> Floats:
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    raw = np.asarray(values)
    if raw.dtype.kind not in "biufO":  # numpy would read the text "3" as a number without a word
        raise LabelError(f"{what} are of type {raw.dtype}, wanted numbers; {mend}")
    try:
        raw = raw.astype(np.float64)  # a list with None in it is of type object, and None becomes NaN
    except (TypeError, ValueError) as error:
        raise LabelError(f"{what} cannot be read as numbers ({error}); {mend}") from error
    if raw.ndim != 1:
        raise LabelError(f"{what} have shape {raw.shape}, wanted one flat row; flatten them cell by cell")
    if not len(raw):
        raise LabelError(f"{what}: found none at all, wanted at least one; {mend}")
    return raw


def number_ids(ids: ArrayLike, length: int, what: str) -> tuple[Ints, int]:
    """Ids, one per cell, as numbers from 0, and how many there are.

    Raises:
        LabelError: not one id per cell.
    """
    raw = np.asarray(ids)
    if raw.ndim != 1:
        raise LabelError(f"{what} have shape {raw.shape}, wanted one id per cell in a flat row")
    _same_length(len(raw), length, what, "cells")
    return _renumbered(raw)


def _renumbered(ids: NDArray[np.generic]) -> tuple[Ints, int]:
    """Numbers from 0 in sorted order of the ids, so that the order of the cells decides nothing."""
    if ids.dtype.kind == "i" and len(ids):
        lowest = int(ids.min())
        if int(ids.max()) - lowest < 4 * len(ids):
            # Small numbers, as most ids are by the time they come here, are counted and not sorted.
            from_0 = ids.astype(np.int64) - lowest
            known = np.bincount(from_0) > 0
            return (np.cumsum(known) - 1)[from_0], int(known.sum())
    different, number = np.unique(ids, return_inverse=True)
    return number.astype(np.int64), len(different)


def _same_length(found: int, wanted: int, what: str, beside: str) -> None:
    if found != wanted:
        raise LabelError(f"found {found} {what} beside {wanted} {beside}; give one for each, in the same order")
