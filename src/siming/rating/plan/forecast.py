"""What a plan will be able to say, before the first rating: expected half-widths and errors under named assumptions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from siming.errors import TaskError
from siming.metrics import Measured, get_metric
from siming.metrics.planning import table_with_kappa
from siming.metrics.planning.planner import normal_quantile
from siming.metrics.resample import FEWEST_CLUSTERS

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What is taken for granted where no rating exists yet. Replace what a pilot of your own has shown."""

    kappa: float = 0.7
    """Expected QWK of two raters on step labels; about what two physicians reach."""
    label_shares: tuple[float, ...] = (3.0, 4.5, 7.5, 85.0)
    """Share of labels 0 to 3; most steps are done well."""
    cells_per_attempt: float = 33.0
    """Steps judged in one attempt."""
    design_effect: float = 1.5
    """How many cells of one video are worth one independent cell (Kish 1965)."""
    icc: float = 0.7
    """Expected ICC(A,1) of totals."""
    difference_sd: float = 6.0
    """Standard deviation, over videos, of one rater's total less another's, in points of 100."""
    level: float = 0.95
    """Of the intervals."""
    power: float = 0.8
    """For the smallest correlation that would be found."""
    replicates: int = 4000
    """Tables drawn for the half-width of QWK."""

    def __post_init__(self) -> None:
        shares = tuple(self.label_shares)
        within = {
            "kappa": 0 <= self.kappa < 1,
            "label_shares": len(shares) > 1 and all(s >= 0 for s in shares) and sum(s > 0 for s in shares) > 1,
            "cells_per_attempt": 0 < self.cells_per_attempt < math.inf,
            "design_effect": 0 < self.design_effect < math.inf,
            "icc": 0 < self.icc < 1,
            "difference_sd": 0 < self.difference_sd < math.inf,
            "level": 0 < self.level < 1,
            "power": 0 < self.power < 1,
            "replicates": self.replicates >= 100,
        }
        wanted = {
            "kappa": "a number from 0 to less than 1",
            "label_shares": "one share of 0 or more per label, two of them above 0",
            "replicates": "at least 100",
        }
        for name, fine in within.items():
            if not fine:
                mend = wanted.get(
                    name, "a number between 0 and 1" if name in ("icc", "level", "power") else "more than 0"
                )
                raise TaskError(f"assumption {name} is {getattr(self, name)}; give {mend}")


@dataclass(frozen=True)
class Forecast:
    """Every figure with the number of videos it stands on, or the reason why it cannot be had."""

    assumptions: Assumptions
    qwk_half_width: Measured
    """Of pooled QWK over all attempts with two sheets."""
    pair_qwk_half_width: Measured
    """The same for a typical pair of raters alone."""
    icc_single_half_width: Measured
    """Of ICC(A,1): one rater's totals."""
    icc_mean_half_width: Measured
    """Of ICC(A,k): the mean of the raters of an attempt."""
    repeat_qwk_half_width: Measured
    """Of the agreement of raters with themselves, over the repeats."""
    severity_error: Mapping[str, Measured]
    """Rater to the standard error of his severity against the mean of his group, points of 100."""
    severity_difference_error: Measured
    """Of the two raters who are worst linked."""
    smallest_correlation: Measured
    """The smallest PLCC of a model with the consensus that would be told from 0 with the assumed power."""


def forecast_of(
    seats: Sequence[Sequence[str]],
    views: Sequence[Sequence[str]],
    raters: Sequence[str],
    *,
    pair_counts: Sequence[int],
    n_repeats: int,
    raters_per_attempt: int,
    assumptions: Assumptions,
    seed: int,
) -> tuple[Forecast, Measured]:
    """The forecast of a plan, and its algebraic connectivity.

    Args:
        seats: Raters in the compared slots of each attempt.
        views: Raters of each attempt, link ratings included.
        pair_counts: Attempts compared between each pair of raters.
    """
    n_double = sum(1 for row in seats if len(row) > 1)
    n_rated = sum(1 for row in seats if row)
    errors, worst, algebraic = severity_errors(views, raters, difference_sd=assumptions.difference_sd)
    single, mean = icc_half_widths(n_double, raters=raters_per_attempt, assumptions=assumptions)
    some = [count for count in pair_counts if count]
    typical = round(float(np.median(some))) if some else 0
    found = Forecast(
        assumptions=assumptions,
        qwk_half_width=qwk_half_width(n_double, assumptions, seed=seed),
        pair_qwk_half_width=qwk_half_width(typical, assumptions, seed=seed),
        icc_single_half_width=single,
        icc_mean_half_width=mean,
        repeat_qwk_half_width=qwk_half_width(n_repeats, assumptions, seed=seed),
        severity_error=errors,
        severity_difference_error=worst,
        smallest_correlation=smallest_correlation(n_rated, assumptions),
    )
    return found, algebraic


def qwk_half_width(videos: int, assumptions: Assumptions, *, seed: int) -> Measured:
    """Half the width of the interval of QWK over so many videos rated twice, simulated.

    Cells are drawn from the table of labels with the assumed kappa, as many as videos x cells / design effect; half the
    distance of the outer quantiles is the answer.

    >>> round(qwk_half_width(200, Assumptions(), seed=0).value, 2)
    0.04
    """
    if videos < FEWEST_CLUSTERS:
        return Measured(None, videos, videos, reason=_too_few(videos))
    n_labels = len(assumptions.label_shares)
    table = table_with_kappa(assumptions.kappa, assumptions.label_shares)
    rows, columns = np.indices(table.shape)
    statistic = get_metric("qwk").statistic(
        rows.ravel(), columns.ravel(), cluster=np.arange(n_labels**2), n_labels=n_labels
    )
    cells = max(1, round(videos * assumptions.cells_per_attempt / assumptions.design_effect))
    drawn = np.random.default_rng(seed).multinomial(cells, table.ravel(), size=assumptions.replicates)
    values = statistic.of(drawn.astype(np.float64))
    values = values[~np.isnan(values)]
    if len(values) < 0.95 * assumptions.replicates:
        return Measured(None, videos, videos, reason=f"kappa is often undefined with {cells} cells")
    low, high = np.quantile(values, [(1 - assumptions.level) / 2, (1 + assumptions.level) / 2])
    return Measured(float(high - low) / 2, videos, videos)


def icc_half_widths(videos: int, *, raters: int, assumptions: Assumptions) -> tuple[Measured, Measured]:
    """Half-widths of ICC(A,1) and of ICC(A,k), by Bonett's formula turned round and by Spearman and Brown.

    n = 8 z^2 (1 - R)^2 (1 + (k - 1) R)^2 / (k (k - 1) w^2) + 1 is solved for w; for two raters and R of 0.7 or more
    5 R videos count less, as `plan_icc` asks for them beforehand. Raters are taken for interchangeable: with few of
    them the severity of those who happen to rate adds to it.

    Source: Bonett 2002.
    """
    reason = None
    r, k = assumptions.icc, raters
    if k < 2:
        reason = "attempts are rated by one rater"
    elif videos < FEWEST_CLUSTERS:
        reason = _too_few(videos)
    if reason is not None:
        return (Measured(None, videos, videos, reason=reason),) * 2
    counted = videos - 1 - (5 * r if k == 2 and r >= 0.7 else 0.0)
    if counted <= 0:
        return (Measured(None, videos, videos, reason=f"{videos} videos are too few for Bonett's formula"),) * 2
    z = normal_quantile((1 + assumptions.level) / 2)
    half = z * math.sqrt(2 / (k * (k - 1) * counted)) * (1 - r) * (1 + (k - 1) * r)
    low, high = (_mean_of(max(-1 / (k - 1) + 1e-9, min(1.0, limit)), k) for limit in (r - half, r + half))
    return Measured(half, videos, videos), Measured((high - low) / 2, videos, videos)


def _mean_of(icc: float, raters: int) -> float:
    """Reliability of the mean of so many raters, from that of one."""
    return raters * icc / (1 + (raters - 1) * icc)


def severity_errors(
    views: Sequence[Sequence[str]], raters: Sequence[str], *, difference_sd: float
) -> tuple[dict[str, Measured], Measured, Measured]:
    """Standard errors of severities, that of the worst linked two raters, and the algebraic connectivity.

    Marks are attempt + severity + error; each attempt with m raters adds (identity - 1/m) among them to the
    information. The error of one mark is `difference_sd` / sqrt 2. Two raters who share n attempts and nobody else's
    then differ with a standard error of `difference_sd` / sqrt n, as in `plan_link_videos`.

    Source: least squares of a two-way additive model (Searle 1971); Fiedler 1973.
    """
    place = {rater: number for number, rater in enumerate(raters)}
    information = np.zeros((len(raters), len(raters)))
    shared = dict.fromkeys(raters, 0)
    for row in views:
        if len(row) > 1:
            own = np.array([place[rater] for rater in row])
            information[np.ix_(own, own)] -= 1 / len(row)
            information[own, own] += 1
            for rater in row:
                shared[rater] += 1
    value, vector = np.linalg.eigh(information)
    real = value > 1e-9 * max(1.0, float(value.max(initial=0.0)))
    inverse = (vector[:, real] / value[real]) @ vector[:, real].T if real.any() else np.zeros_like(information)
    sigma = difference_sd / math.sqrt(2)
    errors = {
        rater: Measured(sigma * math.sqrt(max(0.0, inverse[n, n])), shared[rater], shared[rater])
        if shared[rater]
        else Measured(None, 0, 0, reason="shares no attempt with another rater")
        for rater, n in place.items()
    }
    n_links = sum(1 for row in views if len(row) > 1)
    if len(raters) < 2:
        one = Measured(None, n_links, n_links, reason="there is one rater")
        return errors, one, one
    algebraic = Measured(float(max(0.0, value[1])) if real[1:].all() else 0.0, n_links, n_links)
    if int((~real).sum()) > 1:
        worst = Measured(None, n_links, n_links, reason="the raters fall into groups that share no attempt")
    else:
        variance = np.diag(inverse)[:, None] + np.diag(inverse) - 2 * inverse
        worst = Measured(sigma * math.sqrt(max(0.0, float(variance.max()))), n_links, n_links)
    return errors, worst, algebraic


def smallest_correlation(videos: int, assumptions: Assumptions) -> Measured:
    """The smallest correlation that so many videos tell from 0 with the assumed power.

    Source: Fisher 1921.

    >>> round(smallest_correlation(194, Assumptions()).value, 2)
    0.2
    """
    if videos < FEWEST_CLUSTERS:
        return Measured(None, videos, videos, reason=_too_few(videos))
    z = normal_quantile((1 + assumptions.level) / 2) + normal_quantile(assumptions.power)
    return Measured(math.tanh(z / math.sqrt(videos - 3)), videos, videos)


def _too_few(videos: int) -> str:
    return f"{videos} clusters are fewer than {FEWEST_CLUSTERS}"
