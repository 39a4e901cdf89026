"""Krippendorff's alpha: any number of raters, any gaps, labels read as names, ranks or amounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import Floats
from siming.metrics.measured import Measured
from siming.metrics.ratings import Ratings, read_ratings
from siming.metrics.resample import ClusterBootstrap, IntervalMethod, measure
from siming.metrics.statistic import OfSums, Statistic, ratio

Scale = Literal["nominal", "ordinal", "interval", "ratio"]

BOOTSTRAP = ClusterBootstrap()
"""Default of alpha: percentile limits, whole videos redrawn."""


def krippendorff_alpha(
    raters: Sequence[ArrayLike],
    *,
    n_labels: int,
    scale: Scale = "ordinal",
    values: Sequence[float] | None = None,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = BOOTSTRAP,
) -> Measured:
    """1 - (observed distance of labels within cells) / (distance expected if all labels were shuffled).

    1 - (n - 1) sum o_ck d_ck / sum n_c n_k d_ck, with o the coincidence matrix, n_c the labels c in cells
    with at least two labels, n all of those. Cells with one label are not used. Without gaps, nominal alpha
    is Fleiss' kappa + (1 - kappa) / n.

    Args:
        raters, n_labels, cluster, interval: As in `fleiss_kappa`.
        scale: What a label is. ``nominal``, a name; ``ordinal``, a rank, where two labels are as far apart as
            the labels given between them; ``interval``, an amount, where d = (v - w)^2; ``ratio``, an amount
            with a true zero, where d = ((v - w) / (v + w))^2.
        values: Amount behind each label for ``interval`` and ``ratio``; 0, 1, 2 ... unless given.

    Returns:
        A value of at most 1 over the cells with two labels or more; None when all those labels are the same.

    Raises:
        LabelError: As in `fleiss_kappa`, an unknown scale, or values that do not fit it.

    Source: Krippendorff 2011, "Computing Krippendorff's alpha-reliability"; 2019, chapter 12.

    >>> round(krippendorff_alpha([[0, 1], [0, 1], [0, 0]], n_labels=2, scale="nominal").value, 3)  # 1 - 5 x 2/16
    0.375
    """
    statistic = krippendorff_statistic(raters, n_labels=n_labels, scale=scale, values=values, cluster=cluster)
    return measure(statistic, interval)


def krippendorff_statistic(
    raters: Sequence[ArrayLike],
    *,
    n_labels: int,
    scale: Scale = "ordinal",
    values: Sequence[float] | None = None,
    cluster: ArrayLike | None = None,
) -> Statistic:
    """`krippendorff_alpha` with its data filled in, for resampling and comparison."""
    ratings = read_ratings(raters, n_labels=n_labels, cluster=cluster, fewest=2)
    distance = _distance(scale, values, n_labels)
    units = _coincidences(ratings)

    def alpha(sums: Floats) -> Floats:
        together = sums.reshape(len(sums), n_labels, n_labels)
        used = together.sum(axis=2)
        # Ranks depend on how many labels lie between two, so they are worked out anew in each replicate.
        apart = distance(used)
        n = used.sum(axis=1)
        expected = (used[:, :, None] * used[:, None, :] * apart).sum(axis=(1, 2))
        return 1 - ratio((n - 1) * (together * apart).sum(axis=(1, 2)), expected)

    return Statistic(
        of=OfSums(units, alpha),
        n=ratings.n_paired,
        n_clusters=ratings.n_clusters,
        floats_per_replicate=2 * n_labels**2,
        why_undefined="no variation: every label given is the same",
        clustered=ratings.clustered,
        left_out=ratings.left_out,
        bounds=(-np.inf, 1.0),
    )


def _coincidences(ratings: Ratings) -> Floats:
    """Label pairs within cells, each cell weighing as many labels as it has: (n_clusters, n_labels^2)."""
    k = ratings.n_labels
    counts = np.ascontiguousarray(ratings.counts.T)
    units = np.empty((ratings.n_clusters, k, k))
    for label in range(k):
        each = counts[label] / (ratings.per_cell - 1)
        for other in range(label, k):
            pairs = each * (counts[other] - (label == other))
            summed = np.bincount(ratings.cluster, weights=pairs, minlength=ratings.n_clusters)
            units[:, label, other] = units[:, other, label] = summed
    return units.reshape(-1, k * k)


def _distance(scale: Scale, values: Sequence[float] | None, n_labels: int) -> Callable[[Floats], Floats]:
    """A function from labels used, (batch, n_labels), to distances, (batch or 1, n_labels, n_labels)."""
    if scale not in ("nominal", "ordinal", "interval", "ratio"):
        raise LabelError(f"unknown scale {scale!r}; give 'nominal', 'ordinal', 'interval' or 'ratio'")
    if values is not None and scale in ("nominal", "ordinal"):
        raise LabelError(f"a {scale} scale knows no amounts; leave values out, or give scale 'interval' or 'ratio'")
    if scale == "ordinal":
        return _ranks_apart
    amounts: Floats = np.asarray(np.arange(n_labels) if values is None else values, dtype=np.float64)
    if amounts.shape != (n_labels,) or not np.isfinite(amounts).all():
        raise LabelError(f"values are {amounts.tolist()}; give one finite amount for each of the {n_labels} labels")
    if scale == "ratio" and (amounts < 0).any():
        raise LabelError(f"a ratio scale has no amount below 0, found {amounts.min():g}; give scale 'interval'")
    apart = np.abs(amounts[:, None] - amounts)
    if scale == "nominal":
        fixed = 1 - np.eye(n_labels)
    elif scale == "interval":
        fixed = apart**2
    else:
        both = amounts[:, None] + amounts
        fixed = np.divide(apart, both, out=np.zeros_like(apart), where=both > 0) ** 2
    return lambda used: fixed[None]


def _ranks_apart(used: Floats) -> Floats:
    """Squared distance of the labels' mid-ranks, which are half of each label and all below it."""
    middle = np.cumsum(used, axis=1) - used / 2
    apart: Floats = (middle[:, :, None] - middle[:, None, :]) ** 2
    return apart
