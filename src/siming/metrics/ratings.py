"""Labels of any number of raters on the same cells, some of them missing, as counts per cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import Floats, Ints, number_ids, read_labels


@dataclass(frozen=True, slots=True)
class Ratings:
    """The cells that at least one rater labelled."""

    labels: Ints
    """Shape (n_cells, n_raters), -1 where that rater gave none."""
    counts: Floats
    """Raters per cell and label, shape (n_cells, n_labels)."""
    per_cell: Floats
    """Raters who labelled each cell, at least 1."""
    cluster: Ints
    n_clusters: int
    clustered: bool
    """False where the caller gave no cluster ids; then all cells sit in cluster 0 and no interval is made."""
    n_labels: int
    missing: int
    """Cells handed in that fewer than two raters labelled."""

    @property
    def n_paired(self) -> int:
        """Cells that two or more raters labelled: the ones that can show agreement."""
        return int((self.per_cell > 1).sum())

    @property
    def left_out(self) -> dict[str, int]:
        """Cells without a pair, and labels missing in the cells that have one."""
        paired = self.per_cell > 1
        gaps = self.labels.shape[1] * int(paired.sum()) - int(self.per_cell[paired].sum())
        return {"missing": self.missing, "missing_labels": gaps}

    def per_cluster(self, by_cell: Floats) -> Floats:
        """Sums of (n_cells, width) over the cells of each cluster: (n_clusters, width)."""
        columns = [np.bincount(self.cluster, weights=column, minlength=self.n_clusters) for column in by_cell.T]
        return np.column_stack(columns)


def read_ratings(
    raters: Sequence[ArrayLike], *, n_labels: int, cluster: ArrayLike | None = None, fewest: int = 1
) -> Ratings:
    """Check the labels of two or more raters and keep the cells that at least `fewest` of them labelled.

    Raises:
        LabelError: A label outside the scale, arrays of different length, no cells at all, fewer than two
            raters, or a scale of fewer than two labels.
    """
    if n_labels < 2:
        raise LabelError(f"n_labels is {n_labels}; a scale has at least 2 labels: give its length")
    if len(raters) < 2:
        raise LabelError(f"agreement needs labels of at least 2 raters, found {len(raters)}; give one array each")
    columns = [read_labels(values, f"rater {number}", n_labels) for number, values in enumerate(raters, start=1)]
    for number, column in enumerate(columns[1:], start=2):
        if len(column) != len(columns[0]):
            raise LabelError(
                f"found {len(column)} labels of rater {number} beside {len(columns[0])} cells of rater 1; "
                "give one for each cell, in the same order, -1 where one is missing"
            )
    labels = np.column_stack(columns)
    counts = np.zeros((len(labels), n_labels))
    for column in columns:
        for label in range(n_labels):
            counts[:, label] += column == label
    per_cell = counts.sum(axis=1)
    missing = int((per_cell < 2).sum())
    if cluster is None:
        clusters, n_clusters = np.zeros(len(labels), dtype=np.int64), 1
    else:
        clusters, n_clusters = number_ids(cluster, len(labels), "cluster ids")
    used = per_cell >= fewest
    if not used.all():
        labels, counts, per_cell, clusters = labels[used], counts[used], per_cell[used], clusters[used]
        if cluster is not None:
            # Numbered again now that cells are gone: a video without a label cannot vary anything.
            clusters, n_clusters = number_ids(clusters, len(labels), "cluster ids")
    return Ratings(
        labels=labels,
        counts=counts,
        per_cell=per_cell,
        cluster=clusters,
        n_clusters=n_clusters,
        clustered=cluster is not None,
        n_labels=n_labels,
        missing=missing,
    )
