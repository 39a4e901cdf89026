"""Reading a table of numbers by video, whatever its columns mean: steps, stations, grades, raters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import Floats, Rows, read_totals


def read_columns(columns: Mapping[str, ArrayLike], *, cluster: ArrayLike | None = None, complete: bool = True) -> Rows:
    """Check the named columns, one entry per video each, and keep the videos that can be used.

    Args:
        columns: Name (for errors) to values, NaN or None where missing.
        cluster: Candidate of each video, where one candidate has several; else each video is its own cluster.
        complete: Keep only videos without a gap. If False, only videos without any value are dropped, and
            `Rows.totals` holds NaN in the gaps.

    Raises:
        LabelError: A value that is no finite number, columns of different length, or no videos at all.
    """
    read = {name: read_totals(values, name) for name, values in columns.items()}
    first, *others = read
    for name in others:
        if len(read[name]) != len(read[first]):
            raise LabelError(
                f"found {len(read[name])} values of {name} beside {len(read[first])} of {first}; "
                "give one for each video, in the same order"
            )
    table = np.column_stack(list(read.values()))
    gaps = np.isnan(table)
    used = ~gaps.any(axis=1) if complete else ~gaps.all(axis=1)
    ids = np.arange(len(table)) if cluster is None else np.asarray(cluster)
    if ids.shape != (len(table),):
        raise LabelError(f"found cluster ids of shape {ids.shape} beside {len(table)} videos; give one id per video")
    known, number = np.unique(ids[used], return_inverse=True)
    order = np.argsort(number, kind="stable")
    return Rows(
        totals=table[used][order],
        cluster=number[order].astype(np.int64),
        n_clusters=len(known),
        missing=len(table) - int(used.sum()),
    )


def read_table(
    points: ArrayLike, what: str, *, cluster: ArrayLike | None = None, complete: bool = True, fewest: int = 2
) -> Rows:
    """The same from one array of shape (videos, columns); `what` names a column, such as ``step``.

    Raises:
        LabelError: As in `read_columns`, or an array that is not a table with at least `fewest` columns.
    """
    raw = (
        np.ma.filled(points.astype(np.float64), np.nan) if isinstance(points, np.ma.MaskedArray) else np.asarray(points)
    )
    if raw.ndim != 2 or raw.shape[1] < fewest:
        raise LabelError(
            f"points have shape {raw.shape}, wanted (videos, {what}s) with at least {fewest} {what}s; "
            f"give one row per video and one column per {what}"
        )
    return read_columns(
        {f"{what} {number}": column for number, column in enumerate(raw.T, start=1)}, cluster=cluster, complete=complete
    )


def read_maxima(max_points: ArrayLike, n_columns: int, what: str) -> Floats:
    """The most points each step allows, one number for all or one for each.

    Raises:
        LabelError: Another count than there are steps, or a maximum that is not above 0.
    """
    maxima = np.asarray(max_points, dtype=np.float64)
    if maxima.shape not in ((), (n_columns,)):
        raise LabelError(f"found max_points of shape {maxima.shape} beside {n_columns} {what}s; give one for each")
    full = np.broadcast_to(maxima, (n_columns,)).astype(np.float64)
    broken = np.flatnonzero(~(np.isfinite(full) & (full > 0)))
    if len(broken):
        at = broken[0]
        raise LabelError(
            f"max_points of {what} {at + 1} is {full[at]:g}; give the points a faultless one earns, above 0"
        )
    return full
