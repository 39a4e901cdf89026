"""Agreement label by label: how often raters agree on a label, given that one of them used it.

Raw agreement of a rare label is high because both raters hardly ever say it. Specific agreement asks only
where somebody said it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from siming.metrics.cells import Floats
from siming.metrics.measured import Measured
from siming.metrics.ratings import read_ratings
from siming.metrics.resample import JACKKNIFE, IntervalMethod, measure
from siming.metrics.statistic import OfSums, Statistic, ratio


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """Agreement on one label against all others. For two raters a cells carry it twice, b + c once, d never."""

    label: int
    raw: Measured
    """Share of cells (a + d) / n on which the raters agree whether it is this label."""
    positive: Measured
    """2a / (2a + b + c): if one rater gave this label, how likely another one gave it too."""
    negative: Measured
    """2d / (2d + b + c): if one rater gave another label, how likely another one did not give it either."""


def label_agreement(
    raters: Sequence[ArrayLike],
    *,
    n_labels: int,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> tuple[LabelAgreement, ...]:
    """Raw, positive and negative specific agreement of two or more raters on each label of the scale, in order.

    With r_q of a cell's r raters giving label q, specific agreement is sum r_q (r_q - 1) / sum r_q (r - 1);
    raw agreement is the share of rater pairs, averaged over cells. Arguments and missing values as in
    `fleiss_kappa`.

    Returns:
        One record per label; positive agreement is None for a label that nobody gave, negative agreement for
        one that everybody gave.

    Raises:
        LabelError: As in `fleiss_kappa`.

    Source: Cicchetti and Feinstein 1990; several raters, Fleiss, Levin and Paik 2003, chapter 18.

    >>> [one.positive.value for one in label_agreement([[0, 1, 1, 1], [0, 1, 1, 2]], n_labels=3)]
    [1.0, 0.8, 0.0]
    """
    return tuple(
        LabelAgreement(
            label=label,
            raw=measure(_raw(raters, label, n_labels, cluster), interval),
            positive=measure(_positive(raters, label, n_labels, cluster), interval),
            negative=measure(_negative(raters, label, n_labels, cluster), interval),
        )
        for label in range(n_labels)
    )


def positive_agreement(
    first_wrong: ArrayLike,
    second_wrong: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """If one rater calls a step wrong, how likely the other does too: 2a / (2a + b + c). Positive = done WRONG.

    Equal to `f1`, which names one side the reference. Undefined when nobody calls a step wrong.

    Source: Cicchetti and Feinstein 1990.

    >>> round(positive_agreement([True, True, False], [True, False, False]).value, 4)
    0.6667
    """
    return measure(positive_agreement_statistic(first_wrong, second_wrong, cluster=cluster), interval)


def negative_agreement(
    first_wrong: ArrayLike,
    second_wrong: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """If one rater calls a step right, how likely the other does too: 2d / (2d + b + c). Positive = done WRONG.

    Undefined when nobody calls a step right. Source: Cicchetti and Feinstein 1990.

    >>> negative_agreement([True, True, True], [True, True, False]).value
    0.0
    """
    return measure(negative_agreement_statistic(first_wrong, second_wrong, cluster=cluster), interval)


def positive_agreement_statistic(
    first_wrong: ArrayLike, second_wrong: ArrayLike, *, cluster: ArrayLike | None = None
) -> Statistic:
    """`positive_agreement` with its data filled in, for resampling and comparison."""
    return _positive([first_wrong, second_wrong], 1, 2, cluster)


def negative_agreement_statistic(
    first_wrong: ArrayLike, second_wrong: ArrayLike, *, cluster: ArrayLike | None = None
) -> Statistic:
    """`negative_agreement` with its data filled in, for resampling and comparison."""
    return _negative([first_wrong, second_wrong], 1, 2, cluster)


def _raw(raters: Sequence[ArrayLike], label: int, n_labels: int, cluster: ArrayLike | None) -> Statistic:
    def shares(given: Floats, others: Floats) -> tuple[Floats, Floats]:
        n = given + others
        return (given * (given - 1) + others * (others - 1)) / (n * (n - 1)), np.ones_like(n)

    return _share(raters, shares, label, n_labels, cluster, why="no pairs")


def _positive(raters: Sequence[ArrayLike], label: int, n_labels: int, cluster: ArrayLike | None) -> Statistic:
    def shares(given: Floats, others: Floats) -> tuple[Floats, Floats]:
        return given * (given - 1), given * (given + others - 1)

    return _share(raters, shares, label, n_labels, cluster, why=f"no rater gave the label {label}")


def _negative(raters: Sequence[ArrayLike], label: int, n_labels: int, cluster: ArrayLike | None) -> Statistic:
    def shares(given: Floats, others: Floats) -> tuple[Floats, Floats]:
        return others * (others - 1), others * (given + others - 1)

    return _share(raters, shares, label, n_labels, cluster, why=f"every label given is {label}")


def _share(
    raters: Sequence[ArrayLike],
    shares: Callable[[Floats, Floats], tuple[Floats, Floats]],
    label: int,
    n_labels: int,
    cluster: ArrayLike | None,
    *,
    why: str,
) -> Statistic:
    """A ratio of two sums over cells, each a function of the raters who gave the label and who gave another."""
    ratings = read_ratings(raters, n_labels=n_labels, cluster=cluster, fewest=2)
    given = ratings.counts[:, label]
    units = ratings.per_cluster(np.column_stack(shares(given, ratings.per_cell - given)))

    return Statistic(
        of=OfSums(units, lambda sums: ratio(*sums.T)),
        n=ratings.n_paired,
        n_clusters=ratings.n_clusters,
        floats_per_replicate=2,
        why_undefined=why,
        clustered=ratings.clustered,
        left_out=ratings.left_out,
        bounds=(0.0, 1.0),
    )
