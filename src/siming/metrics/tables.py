"""From cells to counts per cluster, and from counts to the few sums that agreement is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from siming.errors import LabelError
from siming.metrics.cells import Cells, Floats
from siming.metrics.statistic import OfSums, Statistic, weighted_sums

Weights = Literal["nominal", "linear", "quadratic"] | ArrayLike
"""How much two labels agree: a named scheme, or an own (n_labels, n_labels) table with 1 on the diagonal."""


@dataclass(frozen=True, slots=True)
class Margins:
    """What chance-corrected agreement needs of a table of counts, over any leading axes."""

    disagreement: Floats
    """Sum over cells of distance(first, second)."""
    first: Floats
    """Cells per label of the first rater, last axis n_labels."""
    second: Floats
    """Cells per label of the second rater, last axis n_labels."""
    distance: Floats
    """unit x (1 - w), shape (n_labels, n_labels)."""
    unit: float

    @property
    def n(self) -> Floats:
        """Cells."""
        total: Floats = self.first.sum(axis=-1)
        return total

    @property
    def chance_disagreement(self) -> Floats:
        """Disagreement expected, in cells, if both raters kept their labels and dealt them out blindly."""
        crossed: Floats = (np.tensordot(self.first, self.distance, axes=1) * self.second).sum(axis=-1)
        n = self.n
        return np.divide(crossed, n, out=np.zeros_like(crossed), where=n > 0)


def count_tables(cells: Cells) -> Floats:
    """Cells per cluster, first label and second label: (n_clusters, n_labels, n_labels)."""
    k = cells.n_labels
    place = (cells.cluster * k + cells.first) * k + cells.second
    counts = np.bincount(place, minlength=cells.n_clusters * k * k)
    return counts.reshape(cells.n_clusters, k, k).astype(np.float64)


def total_table(cells: Cells) -> NDArray[np.int64]:
    """Cells per first label (rows) and second label (columns)."""
    k = cells.n_labels
    return np.bincount(cells.first * k + cells.second, minlength=k * k).reshape(k, k)


def distances(weights: Weights, n_labels: int) -> tuple[Floats, float]:
    """How far apart every two labels are, and the distance at which agreement w has fallen to 0.

    Whole numbers for the named schemes: sums stay exact, so kappa of a constant rater is 0 and not 1e-16.

    >>> distance, unit = distances("quadratic", 3)
    >>> distance.tolist(), unit
    ([[0.0, 1.0, 4.0], [1.0, 0.0, 1.0], [4.0, 1.0, 0.0]], 4.0)

    Raises:
        LabelError: An unknown name, or a table that is not square of the scale's size, leaves [0, 1], or
            does not call equal labels fully agreeing.
    """
    labels = np.arange(n_labels)
    apart: Floats = np.abs(labels[:, None] - labels).astype(np.float64)
    if isinstance(weights, str):
        named = {"nominal": np.sign(apart), "linear": apart, "quadratic": apart**2}
        if weights not in named:
            raise LabelError(f"unknown weights {weights!r}; give {', '.join(map(repr, named))} or a table")
        return named[weights], float(named[weights].max())
    own: Floats = np.asarray(weights, dtype=np.float64)
    if own.shape != (n_labels, n_labels):
        raise LabelError(f"weights have shape {own.shape}, wanted {(n_labels, n_labels)}: one per pair of labels")
    if not ((own >= 0) & (own <= 1)).all() or not (np.diag(own) == 1).all():
        raise LabelError("weights are agreement: each lies from 0 to 1, and equal labels weigh 1")
    return 1 - own, 1.0


def margin_statistic(
    cells: Cells,
    coefficient: Callable[[Margins], Floats],
    *,
    weights: Weights,
    by_step: bool,
    why_undefined: str,
    notes: tuple[str, ...] = (),
    bounds: tuple[float, float],
) -> Statistic:
    """A coefficient of margins, with the margins summed over clusters.

    With `by_step` the margins keep a steps axis, (batch, n_steps, ...), and the steps without chance
    disagreement are counted in `left_out`; else they are (batch, ...).
    """
    distance, unit = distances(weights, cells.n_labels)
    n_steps, k = cells.n_steps if by_step else 1, cells.n_labels
    units = _margins_per_cluster(cells, distance, n_steps)

    def margins(sums: Floats) -> Margins:
        sums = sums.reshape(len(sums), n_steps, 1 + 2 * k)
        if not by_step:
            sums = sums[:, 0]
        return Margins(sums[..., 0], sums[..., 1 : 1 + k], sums[..., 1 + k :], distance, unit)

    left_out = {"missing": cells.missing}
    if by_step:
        everything = margins(weighted_sums(np.ones((1, cells.n_clusters)), units))
        left_out["undefined_steps"] = int((everything.chance_disagreement == 0).sum())
    return Statistic(
        of=OfSums(units, lambda sums: coefficient(margins(sums))),
        n=cells.n,
        n_clusters=cells.n_clusters,
        floats_per_replicate=units.shape[1],
        why_undefined=why_undefined,
        clustered=cells.clustered,
        left_out=left_out,
        notes=notes,
        bounds=bounds,
    )


def _margins_per_cluster(cells: Cells, distance: Floats, n_steps: int) -> Floats:
    """Disagreement and either rater's labels, side by side for each step: (n_clusters, n_steps x (1 + 2 k))."""
    k = cells.n_labels
    place = cells.cluster * n_steps + cells.step if n_steps > 1 else cells.cluster
    size = cells.n_clusters * n_steps
    units = np.empty((size, 1 + 2 * k))
    units[:, 0] = np.bincount(place, weights=distance[cells.first, cells.second], minlength=size)
    for start, labels in ((1, cells.first), (1 + k, cells.second)):
        units[:, start : start + k] = np.bincount(place * k + labels, minlength=size * k).reshape(size, k)
    return units.reshape(cells.n_clusters, n_steps * (1 + 2 * k))


def constant_notes(cells: Cells) -> tuple[str, ...]:
    """One note for each rater who gave every cell the same label."""
    return tuple(
        f"constant rater: the {who} gave every cell the label {labels[0]}"
        for who, labels in (("first", cells.first), ("second", cells.second))
        if len(labels) and (labels == labels[0]).all()
    )
