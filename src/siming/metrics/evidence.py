"""Do two raters who give a step the same label mean the same seconds of the video?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from siming.errors import LabelError
from siming.metrics.cells import Floats, Ints, number_ids, read_cells
from siming.metrics.measured import Measured
from siming.metrics.resample import ClusterBootstrap, IntervalMethod, measure
from siming.metrics.statistic import OfSums, Statistic, ratio

Bools = NDArray[np.bool_]

Evidence = Sequence[tuple[float, float]] | None
"""Intervals (start_s, end_s) of one rater for one cell; empty where he marked none, None where the cell is missing."""

BOOTSTRAP = ClusterBootstrap()
"""Default of evidence agreement: percentile limits, whole videos redrawn."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """What two raters' evidence for the same cells has in common; one entry per cell."""

    shared_s: Floats
    """Seconds that both marked."""
    covered_s: Floats
    """Seconds that at least one marked; overlapping intervals of one rater count once."""
    meets: Bools
    """Whether the two have an instant in common, the ends of intervals included."""
    missing: Bools
    """Cells that one rater lacks altogether."""
    marked_first: Bools
    """Cells in which the first rater marked anything."""
    marked_second: Bools


def evidence_iou(
    first: Sequence[Evidence],
    second: Sequence[Evidence],
    *,
    cluster: ArrayLike | None = None,
    strict: bool = False,
    interval: IntervalMethod | None = BOOTSTRAP,
) -> Measured:
    """Mean temporal IoU of two raters' evidence: seconds both marked / seconds either marked, cell by cell.

    Args:
        first, second: For each cell the intervals (start_s, end_s) that rater marked; an empty list where he
            marked none, None where the cell is missing.
        cluster: Video of each cell; without it there is a value but no interval.
        strict: Count a cell where only one rater marked evidence as 0. Else it is left out, because marking
            may be optional; `left_out["one_sided"]` says how many there are.
        interval: How to make the interval; None for none.

    Returns:
        A value in [0, 1] over the cells where both marked something that lasts; None when there is no such
        cell. `left_out` also counts cells ``missing``, ``unmarked`` by both, and ``instants`` without length.

    Raises:
        LabelError: An interval that is no pair of finite seconds or ends before it starts, or lists of
            different length.

    Source: Jaccard 1901, of time.

    >>> evidence_iou([[(0, 10)], []], [[(5, 15)], [(3, 4)]]).value == 5 / 15
    True
    """
    return _measured(evidence_iou_statistic(first, second, cluster=cluster, strict=strict), interval)


def evidence_iou_by_step(
    first: Sequence[Evidence],
    second: Sequence[Evidence],
    *,
    step: ArrayLike,
    cluster: ArrayLike | None = None,
    strict: bool = False,
    interval: IntervalMethod | None = BOOTSTRAP,
) -> dict[int | str, Measured]:
    """`evidence_iou` of each step alone, by step id in sorted order.

    >>> by_step = evidence_iou_by_step([[(0, 2)], [(0, 2)]], [[(0, 1)], [(5, 6)]], step=["a", "b"])
    >>> {step: one.value for step, one in by_step.items()}
    {'a': 0.5, 'b': 0.0}
    """
    overlap = overlap_of(first, second)
    n = len(overlap.missing)
    numbers, _ = number_ids(step, n, "step ids")
    clusters = None if cluster is None else number_ids(cluster, n, "cluster ids")[0]
    return {
        one.item(): _measured(_iou_statistic(overlap, np.flatnonzero(numbers == at), clusters, strict), interval)
        for at, one in enumerate(np.unique(np.asarray(step)))
    }


def disjoint_evidence(
    first: Sequence[Evidence],
    second: Sequence[Evidence],
    *,
    first_label: ArrayLike,
    second_label: ArrayLike,
    n_labels: int,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = BOOTSTRAP,
) -> Measured:
    """Of the cells with equal labels and evidence from both, the share whose evidence has no instant in common.

    High values mean that raters agree on the label for different reasons. Evidence that only touches, such as
    (0, 10) and (10, 20), has an instant in common.

    Args:
        first, second, cluster, interval: As in `evidence_iou`.
        first_label, second_label: Labels in [0, n_labels) of the same cells, -1 or None where missing.
        n_labels: Length of the scale.

    Returns:
        A value in [0, 1]; None when no cell has equal labels and evidence from both. `left_out` counts cells
        with ``unequal`` labels, ``missing`` ones, ``unmarked`` and ``one_sided`` evidence.

    Raises:
        LabelError: As in `evidence_iou`, or a label outside the scale.

    Source: specification of siming, statistic A13.

    >>> disjoint_evidence([[(0, 2)], [(0, 2)]], [[(0, 1)], [(5, 6)]], first_label=[3, 3], second_label=[3, 3], n_labels=4).value
    0.5
    """
    statistic = disjoint_evidence_statistic(
        first, second, first_label=first_label, second_label=second_label, n_labels=n_labels, cluster=cluster
    )
    return _measured(statistic, interval)


def evidence_iou_statistic(
    first: Sequence[Evidence], second: Sequence[Evidence], *, cluster: ArrayLike | None = None, strict: bool = False
) -> Statistic:
    """`evidence_iou` with its data filled in, for resampling and comparison."""
    overlap = overlap_of(first, second)
    n = len(overlap.missing)
    clusters = None if cluster is None else number_ids(cluster, n, "cluster ids")[0]
    return _iou_statistic(overlap, np.arange(n), clusters, strict)


def disjoint_evidence_statistic(
    first: Sequence[Evidence],
    second: Sequence[Evidence],
    *,
    first_label: ArrayLike,
    second_label: ArrayLike,
    n_labels: int,
    cluster: ArrayLike | None = None,
) -> Statistic:
    """`disjoint_evidence` with its data filled in, for resampling and comparison."""
    overlap = overlap_of(first, second)
    n = len(overlap.missing)
    # The cell's own number rides along as its step, so that it can be found again among those kept.
    cells = read_cells(first_label, second_label, n_labels=n_labels, step=np.arange(len(np.asarray(first_label))))
    if cells.n_steps != n:
        raise LabelError(f"found {cells.n_steps} labels beside evidence for {n} cells; give one for each cell")
    clusters = None if cluster is None else number_ids(cluster, n, "cluster ids")[0]
    labelled, equal = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    labelled[cells.step] = True
    equal[cells.step] = cells.first == cells.second
    there = labelled & ~overlap.missing
    candidates = there & equal
    used = candidates & overlap.marked_first & overlap.marked_second
    return _mean_statistic(
        np.where(overlap.meets, 0.0, 1.0),
        np.flatnonzero(used),
        clusters,
        why="no cell with equal labels and evidence of both raters",
        left_out={
            "missing": int((~there).sum()),
            "unequal": int((there & ~equal).sum()),
            "unmarked": int((candidates & ~overlap.marked_first & ~overlap.marked_second).sum()),
            "one_sided": int((candidates & (overlap.marked_first ^ overlap.marked_second)).sum()),
        },
    )


def overlap_of(first: Sequence[Evidence], second: Sequence[Evidence]) -> Overlap:
    """Seconds shared and covered by two raters' evidence, cell by cell.

    All cells are swept at once: the ends of all intervals in order of time, and a count of how many intervals
    of each rater are open between one end and the next.

    Raises:
        LabelError: As in `evidence_iou`.
    """
    if len(first) != len(second):
        raise LabelError(
            f"found evidence for {len(second)} cells of the second rater beside {len(first)} of the first; "
            "give one list for each cell, in the same order, empty where nothing was marked"
        )
    n = len(first)
    cell_a, times_a = _flat(first, "the first rater")
    cell_b, times_b = _flat(second, "the second rater")
    cell = np.concatenate([cell_a, cell_b])
    times = np.concatenate([times_a, times_b])
    rater = np.repeat([0, 1], [len(cell_a), len(cell_b)])
    # Each interval opens once and closes once; at the same instant openings come first, so that touching
    # intervals meet.
    at, closes = times.T.ravel(), np.repeat([0, 1], len(cell))
    order = np.lexsort((closes, at, np.tile(cell, 2)))
    step_up = np.where(closes, -1, 1)
    open_a, open_b = (np.cumsum((step_up * (np.tile(rater, 2) == side))[order]) for side in (0, 1))
    both, either = (open_a > 0) & (open_b > 0), (open_a > 0) | (open_b > 0)
    owner = np.tile(cell, 2)[order]
    # After the last end in a cell nothing is open, so the jump to the next cell's first end counts for nothing.
    lasts = np.diff(at[order], append=0.0)
    return Overlap(
        shared_s=np.bincount(owner[both], weights=lasts[both], minlength=n).astype(np.float64),
        covered_s=np.bincount(owner[either], weights=lasts[either], minlength=n).astype(np.float64),
        meets=np.bincount(owner[both], minlength=n) > 0,
        missing=np.array([a is None or b is None for a, b in zip(first, second, strict=True)], dtype=bool),
        marked_first=np.bincount(cell_a, minlength=n) > 0,
        marked_second=np.bincount(cell_b, minlength=n) > 0,
    )


def _flat(evidence: Sequence[Evidence], who: str) -> tuple[Ints, Floats]:
    """Cell number and (start_s, end_s) of every interval."""
    mend = "give pairs (start_s, end_s) of finite seconds, the end not before the start"
    marked: list[Sequence[tuple[float, float]]] = [() if one is None else one for one in evidence]
    cells = np.repeat(np.arange(len(marked)), [len(intervals) for intervals in marked])
    pairs = [pair for intervals in marked for pair in intervals]
    for cell, pair in zip(cells, pairs, strict=True):
        if not isinstance(pair, Sequence | np.ndarray) or isinstance(pair, str) or len(pair) != 2:
            raise LabelError(f"evidence of {who} at cell {cell} holds {pair!r}; {mend}")
    try:
        times = np.array(pairs, dtype=np.float64).reshape(len(pairs), 2)
    except (TypeError, ValueError) as error:
        raise LabelError(f"evidence of {who} cannot be read as numbers ({error}); {mend}") from error
    broken = np.flatnonzero(~np.isfinite(times).all(axis=1) | (times[:, 0] > times[:, 1]))
    if len(broken):
        start, end = times[broken[0]]
        raise LabelError(f"evidence of {who} at cell {cells[broken[0]]} runs from {start:g} s to {end:g} s; {mend}")
    return cells, times


def _measured(statistic: Statistic, interval: IntervalMethod | None) -> Measured:
    if statistic.n:
        return measure(statistic, interval)
    # Not "no pairs": both raters may have judged every cell and marked nothing.
    return Measured(None, 0, left_out=statistic.left_out, reason=statistic.why_undefined)


def _iou_statistic(overlap: Overlap, cells: Ints, clusters: Ints | None, strict: bool) -> Statistic:
    there = cells[~overlap.missing[cells]]
    marks = overlap.marked_first[there].astype(int) + overlap.marked_second[there]
    lasting = overlap.covered_s[there] > 0
    used = lasting & (marks >= (1 if strict else 2))
    left_out = {
        "missing": len(cells) - len(there),
        "unmarked": int((marks == 0).sum()),
        "one_sided": 0 if strict else int((marks == 1).sum()),
        "instants": int((~lasting & (marks >= (1 if strict else 2))).sum()),
    }
    iou = ratio(overlap.shared_s, overlap.covered_s)
    why = "no cell in which " + ("a rater" if strict else "both raters") + " marked evidence that lasts"
    return _mean_statistic(iou, there[used], clusters, why=why, left_out=left_out)


def _mean_statistic(
    values: Floats, used: Ints, clusters: Ints | None, *, why: str, left_out: dict[str, int]
) -> Statistic:
    """Mean of the values of the cells used."""
    if clusters is None:
        owner, n_clusters = np.zeros(len(used), dtype=np.int64), 1
    else:
        owner, n_clusters = number_ids(clusters[used], len(used), "cluster ids")
    n = np.bincount(owner, minlength=n_clusters).astype(np.float64)
    total = np.bincount(owner, weights=values[used], minlength=n_clusters)
    return Statistic(
        of=OfSums(np.column_stack([total, n]), lambda sums: ratio(*sums.T)),
        n=len(used),
        n_clusters=n_clusters,
        floats_per_replicate=2,
        why_undefined=why,
        clustered=clusters is not None,
        left_out=left_out,
        bounds=(0.0, 1.0),
    )
