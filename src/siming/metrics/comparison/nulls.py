"""How good the best of several guessers looks: what the top of a table must beat before it means anything."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import Floats, Ints
from siming.metrics.measured import Measured
from siming.metrics.registry import Metric, get_metric
from siming.metrics.resample import MOST_UNDEFINED

Null = Literal["t", "fisher_z"]
"""Distribution of a correlation of unrelated totals: Student's t (exact for normal totals), or Fisher's z."""


@dataclass(frozen=True, slots=True)
class BestOfNulls:
    """The largest value among models that know nothing of the videos."""

    models: int
    expected: Measured
    """Its mean."""
    exceeded: Measured
    """The value that it passes with probability `alpha`."""
    alpha: float
    p_value: Measured | None
    """Probability that it reaches the observed value or more; None where none was given."""


def critical_correlation(n: int, *, alpha: float = 0.05, comparisons: int = 1, null: Null = "t") -> Measured:
    """|r| that a correlation over n videos must pass to differ from 0, two-sided.

    Args:
        n: Videos.
        alpha: Probability of a false finding in the whole family.
        comparisons: Correlations in the family; `alpha` is shared among them (Bonferroni).
        null: ``t`` is exact for normal totals; ``fisher_z`` is what many printed tables use.

    >>> round(critical_correlation(200).value, 3)
    0.139
    """
    _check_share(alpha, "alpha")
    _check_models(comparisons)
    tail = alpha / comparisons / 2
    if n < _fewest(null):
        return Measured(None, n, n, reason=f"{n} videos are fewer than {_fewest(null)}")
    return Measured(-float(_null_quantile(np.array([tail]), n, null)[0]), n, n)


def p_best_of_nulls(r: float, *, models: int, n: int, null: Null = "t") -> Measured:
    """Probability that the best of so many unrelated models reaches a correlation of r over n videos, one-sided.

    1 - P(one stays below r)^models. The models are taken as independent; models that err alike reach it less
    often. `best_of_shuffled` keeps their likeness.

    >>> round(p_best_of_nulls(0.158, models=12, n=200).value, 3)
    0.142
    """
    _check_models(models)
    if not -1 <= r <= 1:
        raise LabelError(f"correlation {r:g} is not from -1 to 1; give it as printed, such as 0.158")
    if n < _fewest(null):
        return Measured(None, n, n, reason=f"{n} videos are fewer than {_fewest(null)}")
    above = float(_null_above(np.array([r]), n, null)[0])
    # log1p and expm1: twelve tails of 1e-20 are not 0.
    return Measured(-math.expm1(models * math.log1p(-above)) if above < 1 else 1.0, n, n)


def best_of_nulls(
    models: int, n: int, *, observed: float | None = None, alpha: float = 0.05, null: Null = "t"
) -> BestOfNulls:
    """The largest correlation to be expected of unrelated models over n videos.

    E max = L - integral from -L to L of F(r)^models dr, F the null distribution, by Gauss-Legendre quadrature.

    Args:
        models: Models in the table; taken as independent.
        n: Videos.
        observed: Top correlation of the table, for its p value.
        alpha: Tail of `BestOfNulls.exceeded`.
        null: As in `critical_correlation`.

    >>> round(best_of_nulls(12, 200).expected.value, 3)
    0.115
    """
    _check_models(models)
    _check_share(alpha, "alpha")
    p = None if observed is None else p_best_of_nulls(observed, models=models, n=n, null=null)
    if n < _fewest(null):
        nothing = Measured(None, n, n, reason=f"{n} videos are fewer than {_fewest(null)}")
        return BestOfNulls(models, nothing, nothing, alpha, p)
    edge = min(1.0, 12 / math.sqrt(n - 2))
    nodes, weights = np.polynomial.legendre.leggauss(400)
    below = 1 - _null_above(edge * nodes, n, null)
    expected = edge - edge * float((weights * below**models).sum())
    tail = -math.expm1(math.log1p(-alpha) / models)
    exceeded = -float(_null_quantile(np.array([tail]), n, null)[0])
    return BestOfNulls(models, Measured(expected, n, n), Measured(exceeded, n, n), alpha, p)


def best_of_shuffled(
    metric: str | Metric,
    reference: ArrayLike,
    models: Mapping[str, ArrayLike],
    *,
    within: ArrayLike | None = None,
    n_labels: int | None = None,
    draws: int = 1000,
    seed: int = 0,
    alpha: float = 0.05,
) -> BestOfNulls:
    """The largest value of any metric to be expected if no model told one video from another.

    The reference's videos change places at random, whole, so steps stay steps: a model keeps what it earns by
    knowing which steps are hard, and models keep their likeness. The observed best counts as one draw, so p is
    never 0.

    Args:
        metric: Name in `METRICS`, or one of its metrics; higher must be better.
        reference: One row per video: labels or wrong/right calls (n_videos, n_steps), or totals (n_videos,).
        models: The same of each model by name.
        within: One id per video; only videos with the same id change places, such as those with the same steps.
        n_labels: Length of the scale, for metrics of labels.
        draws: Shuffles.
        seed: Seed of the shuffles.
        alpha: Tail of `BestOfNulls.exceeded`.

    Raises:
        LabelError: Arrays of different shape, no model, or too few draws; and as the metric itself.
        TaskError: Unknown metric.

    Source: permutation distribution of the maximum, Westfall and Young 1993.
    """
    chosen = get_metric(metric) if isinstance(metric, str) else metric
    _check_share(alpha, "alpha")
    _check_models(len(models))
    if draws < 100:
        raise LabelError(f"{draws} shuffles cannot show a small p; ask for at least 100")
    truth = np.asarray(reference)
    sides = {name: np.asarray(side) for name, side in models.items()}
    wanted = 1 if chosen.kind == "totals" else 2
    for name, side in {"the reference": truth, **sides}.items():
        if side.ndim != wanted or side.shape != truth.shape:
            raise LabelError(
                f"{name} has shape {side.shape}, wanted {'one total' if wanted == 1 else 'one row of steps'} "
                f"per video as in the reference {truth.shape}"
            )
    n = len(truth)
    places = _places(within, n)
    step = np.broadcast_to(np.arange(truth.shape[-1]), truth.shape).ravel() if wanted == 2 else None
    options = chosen.options(n_labels=n_labels, step=step)

    def best(arranged: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> float:
        found = np.array([chosen.statistic(arranged.ravel(), s.ravel(), **options).value() for s in sides.values()])
        return float(found[~np.isnan(found)].max(initial=-math.inf))

    rng = np.random.default_rng(seed)
    observed = best(truth)
    nulls = np.array([best(truth[_shuffled(places, n, rng)]) for _ in range(draws)])
    lost = int(np.isinf(nulls).sum())
    if math.isinf(observed) or lost > MOST_UNDEFINED * draws:
        why = "no model has a value" if math.isinf(observed) else f"undefined in {lost} of {draws} shuffles"
        nothing = Measured(None, n, n, reason=why)
        return BestOfNulls(len(models), nothing, nothing, alpha, nothing)
    kept = nulls[np.isfinite(nulls)]
    notes = (f"{draws} shuffles of the reference's videos, seed {seed}",)
    reached = int((kept >= observed - 1e-12).sum()) + lost
    return BestOfNulls(
        len(models),
        Measured(float(kept.mean()), n, n, notes=notes),
        Measured(float(np.quantile(kept, 1 - alpha)), n, n, notes=notes),
        alpha,
        Measured((1 + reached) / (1 + draws), n, n, notes=notes),
    )


def _places(within: ArrayLike | None, n: int) -> list[Ints]:
    """Numbers of the videos that may change places with one another, group by group."""
    ids = np.zeros(n) if within is None else np.asarray(within)
    if len(ids) != n:
        raise LabelError(f"found {len(ids)} ids in `within` beside {n} videos; give one for each, in the same order")
    return [np.flatnonzero(ids == one) for one in np.unique(ids)]


def _shuffled(places: Sequence[Ints], n: int, rng: np.random.Generator) -> Ints:
    order = np.empty(n, dtype=np.int64)
    for group in places:
        order[group] = rng.permutation(group)
    return order


def _null_above(r: Floats, n: int, null: Null) -> Floats:
    """P(correlation of unrelated totals >= r)."""
    above: Floats
    with np.errstate(divide="ignore"):
        if null == "t":
            above = scipy.special.stdtr(n - 2, -r * np.sqrt(np.divide(n - 2, 1 - r * r)))
        else:
            above = scipy.special.ndtr(-np.arctanh(r) * math.sqrt(n - 3))
    return above


def _null_quantile(share: Floats, n: int, null: Null) -> Floats:
    quantile: Floats
    if null == "t":
        t = scipy.special.stdtrit(n - 2, share)
        quantile = t / np.sqrt(n - 2 + t * t)
    else:
        quantile = np.tanh(scipy.special.ndtri(share) / math.sqrt(n - 3))
    return quantile


def _fewest(null: Null) -> int:
    if null not in ("t", "fisher_z"):
        raise LabelError(f"unknown null {null!r}; give 't' or 'fisher_z'")
    return 3 if null == "t" else 4


def _check_models(models: int) -> None:
    if models < 1:
        raise LabelError(f"found {models} models, wanted at least 1")


def _check_share(share: float, what: str) -> None:
    if not 0 < share < 1:
        raise LabelError(f"{what} is {share}; give a share between 0 and 1, such as 0.05")
