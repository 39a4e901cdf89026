"""Agreement of two raters' totals beyond correlation: concordance, error in marks, the pass decision."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.agreement import raw_agreement
from siming.metrics.cells import Floats, Rows, read_rows, read_totals
from siming.metrics.icc import Form
from siming.metrics.kappa import cohen_kappa
from siming.metrics.measured import Interval, Measured
from siming.metrics.moments import (
    MeanSquares,
    centred,
    lower_median,
    mean_squares,
    mean_statistic,
    per_cluster,
    row_statistic,
    square_deviation,
)
from siming.metrics.resample import BCA, JACKKNIFE, IntervalMethod, Jackknife, measure, t_quantile
from siming.metrics.statistic import OfSums, Statistic, ratio
from siming.metrics.totals import BlandAltman, bland_altman


def concordance_correlation(
    first: ArrayLike,
    second: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> Measured:
    """How near two raters' totals lie to the line of equality (Lin's CCC), in [-1, 1].

    2 s_xy / (s_x^2 + s_y^2 + (mean_x - mean_y)^2), with n in the denominators: the Pearson correlation, lowered
    where one rater is stricter or spreads the videos wider.

    Args:
        first, second: Marks per video, NaN or None where missing.
        cluster: Candidate of each video, where one candidate has several; else each video is its own cluster.
        interval: How to make the interval; None for none.

    Returns:
        0 with a note when one rater is constant; None when both are, at the same total.

    Raises:
        LabelError: An infinite total, no videos at all, or arrays of different length.

    Source: Lin 1989.

    >>> round(concordance_correlation([1, 2, 3], [2, 3, 4]).value, 6)
    0.571429
    """
    return measure(concordance_statistic(first, second, cluster=cluster), interval)


def root_mean_square_error(
    first: ArrayLike,
    second: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = BCA,
) -> Measured:
    """Root of the mean squared distance of two raters' totals (RMSE), in marks: large misses weigh more than in MAE.

    Arguments as in `concordance_correlation`.

    >>> root_mean_square_error([10, 20], [11, 27]).value
    5.0
    """
    return measure(root_mean_square_statistic(first, second, cluster=cluster), interval)


def share_within(
    first: ArrayLike,
    second: ArrayLike,
    *,
    tolerance: float,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = BCA,
) -> Measured:
    """Share of videos on which two raters' totals differ by `tolerance` marks or less.

    Arguments as in `concordance_correlation`.

    Raises:
        LabelError: As there, or a tolerance below 0.

    >>> share_within([10, 20], [12, 25], tolerance=2).value
    0.5
    """
    return measure(share_within_statistic(first, second, tolerance=tolerance, cluster=cluster), interval)


@dataclass(frozen=True, slots=True)
class PassDecision:
    """What two raters' totals mean for who passes."""

    agreement: Measured
    """Share of videos with the same decision."""
    kappa: Measured
    """The same beyond chance; unweighted, of pass and fail."""
    first_rate: Measured
    """Share that the first rater passes, of the videos both marked."""
    second_rate: Measured
    pass_mark: float


def pass_decision(
    first: ArrayLike,
    second: ArrayLike,
    *,
    pass_mark: float,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = BCA,
) -> PassDecision:
    """Whether two raters' totals pass the same candidates; a total equal to `pass_mark` passes.

    Arguments as in `concordance_correlation`.

    Raises:
        LabelError: As there, or a pass mark that is no finite number.

    >>> pass_decision([61, 58, 70, 40], [66, 62, 64, 35], pass_mark=60).agreement.value
    0.75
    """
    if not math.isfinite(pass_mark):
        raise LabelError(f"pass_mark is {pass_mark}; give the lowest total that passes")
    rows = read_rows([first, second], cluster=cluster)  # errors about totals are about totals, not about labels
    passed = [_passed(values, who, pass_mark) for values, who in ((first, "rater 1"), (second, "rater 2"))]
    each = np.arange(len(passed[0])) if cluster is None else cluster
    options = {"n_labels": 2, "cluster": each, "interval": interval}

    def rate(column: int) -> Measured:
        return measure(mean_statistic(rows, rows.totals[:, column] >= pass_mark, bounds=(0.0, 1.0)), interval)

    return PassDecision(
        agreement=raw_agreement(*passed, **options),  # type: ignore[arg-type]
        kappa=cohen_kappa(*passed, **options),  # type: ignore[arg-type]
        first_rate=rate(0),
        second_rate=rate(1),
        pass_mark=pass_mark,
    )


def proportional_bias(
    first: ArrayLike,
    second: ArrayLike,
    *,
    cluster: ArrayLike | None = None,
    level: float = 0.95,
) -> Measured:
    """Slope of the difference (first minus second) on the mean of two raters' totals; 0 without proportional bias.

    Above 0, the first rater spreads the videos wider: the better a candidate, the more he is ahead. The interval
    is the t interval of a regression slope with n - 2 degrees of freedom; where several videos share a cluster it
    would be too narrow, and the jackknife by cluster takes its place. Arguments as in `concordance_correlation`.

    Returns:
        None when the means of the two raters are all equal.

    Source: Bland and Altman 1999, section 3.2.

    >>> round(proportional_bias([10, 20, 30], [11, 19, 27]).value, 6)
    0.222222
    """
    rows = read_rows([first, second], cluster=cluster)
    difference, mean = rows.totals[:, 0] - rows.totals[:, 1], rows.totals.mean(axis=1)
    slope = measure(_slope_statistic(rows, mean, difference), Jackknife(level=level))
    if slope.value is None or slope.interval is None or not rows.row_is_cluster:
        return slope
    residual = difference - difference.mean() - slope.value * (mean - mean.mean())
    error = math.sqrt(float((residual**2).sum()) / (rows.n - 2) / float(((mean - mean.mean()) ** 2).sum()))
    half = t_quantile(level, rows.n - 2) * error
    return replace(slope, interval=Interval(slope.value - half, slope.value + half, level, "t, closed form"))


def bland_altman_exact(
    first: ArrayLike,
    second: ArrayLike,
    *,
    multiplier: float = 1.96,
    level: float = 0.95,
) -> BlandAltman:
    """`bland_altman` with exact intervals of the two limits, each limit taken singly.

    mean + t' s / sqrt(n), t' a quantile of the noncentral t with n - 1 degrees of freedom and noncentrality
    multiplier x sqrt(n). They are lopsided: further out than in. Each video must be its own cluster, so no
    cluster ids are taken.

    Source: Carkeet 2015.
    """
    found = bland_altman(first, second, multiplier=multiplier, level=level)
    if (
        found.mean.value is None
        or found.sd.value is None
        or found.lower.interval is None
        or found.upper.interval is None
    ):
        return found
    n = found.mean.n
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    near, far = scipy.special.nctdtrit(n - 1, multiplier * math.sqrt(n), tails) * found.sd.value / math.sqrt(n)
    below = Interval(found.mean.value - far, found.mean.value - near, level, "noncentral t, exact")
    above = Interval(found.mean.value + near, found.mean.value + far, level, "noncentral t, exact")
    return replace(found, lower=replace(found.lower, interval=below), upper=replace(found.upper, interval=above))


def standard_error_of_measurement(
    first: ArrayLike,
    second: ArrayLike,
    *others: ArrayLike,
    form: Form = "ICC(A,1)",
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = BCA,
) -> Measured:
    """Standard deviation, in marks, of a total about what the same video would get from raters without end (SEM).

    SD sqrt(1 - ICC), with SD^2 the total variance of the form's own model, so that nothing but the error is left:
    for ``A`` raters' severity and residual, for ``C`` the residual, for ``1`` all that differs within videos; with
    ``k`` the same divided by the number of raters. Arguments as in `concordance_correlation`, for two raters or more.

    Returns:
        None for fewer than two videos.

    Source: Shrout and Fleiss 1979 for the mean squares; de Vet, Terwee, Knol and Bouter 2006.

    >>> round(standard_error_of_measurement([10, 20, 30], [12, 18, 33], form="ICC(C,1)").value ** 2, 6)
    3.5
    """
    return measure(measurement_error_statistic(first, second, *others, form=form, cluster=cluster), interval)


def smallest_detectable_difference(
    first: ArrayLike,
    second: ArrayLike,
    *others: ArrayLike,
    form: Form = "ICC(A,1)",
    cluster: ArrayLike | None = None,
    multiplier: float = 1.96,
    interval: IntervalMethod | None = BCA,
) -> Measured:
    """How far two totals must lie apart, in marks, before more than the raters' error separates them.

    multiplier x sqrt(2) x `standard_error_of_measurement`; arguments as there.

    Source: de Vet, Terwee, Knol and Bouter 2006.
    """
    rows = read_rows([first, second, *others], cluster=cluster)
    return measure(_measurement_error(rows, form, scale=multiplier * math.sqrt(2)), interval)


def concordance_statistic(first: ArrayLike, second: ArrayLike, *, cluster: ArrayLike | None = None) -> Statistic:
    """`concordance_correlation` with its data filled in, for resampling and comparison."""
    rows = read_rows([first, second], cluster=cluster)
    x, y = (column - lower_median(rows.totals[:, 0]) for column in rows.totals.T)
    apart = x - y
    # The denominator from squared differences, not from means: raters who agree leave an exact 1.
    units = per_cluster(rows, np.column_stack([np.ones(rows.n), x, y, x * x, y * y, apart**2]))

    def of(sums: Floats) -> Floats:
        n, sx, sy, sxx, syy, squared = sums.T
        spread_x, spread_y = square_deviation(n, sx, sxx), square_deviation(n, sy, syy)
        shift = sx - sy
        whole = spread_x + spread_y + ratio(shift * shift, n)
        value = 1 - ratio(squared, whole)
        return np.where((spread_x > 0) & (spread_y > 0), value, np.where((whole > 0) & (n > 1), 0.0, np.nan))

    constant = [number for number, column in enumerate(rows.totals.T, 1) if rows.n > 1 and (column == column[0]).all()]
    notes = tuple(f"constant rater: rater {number} gave every video the same total" for number in constant)
    why = "no variation: both raters gave every video one and the same total" if rows.n > 1 else "fewer than 2 videos"
    return row_statistic(rows, OfSums(units, of), 6, why=why, bounds=(-1.0, 1.0), notes=notes, scale="fisher")


def root_mean_square_statistic(first: ArrayLike, second: ArrayLike, *, cluster: ArrayLike | None = None) -> Statistic:
    """`root_mean_square_error` with its data filled in, for resampling and comparison."""
    rows = read_rows([first, second], cluster=cluster)
    units = per_cluster(rows, np.column_stack([(rows.totals[:, 0] - rows.totals[:, 1]) ** 2, np.ones(rows.n)]))
    return row_statistic(rows, OfSums(units, lambda sums: np.sqrt(ratio(*sums.T))), 2, bounds=(0.0, math.inf))


def share_within_statistic(
    first: ArrayLike, second: ArrayLike, *, tolerance: float, cluster: ArrayLike | None = None
) -> Statistic:
    """`share_within` with its data filled in, for resampling and comparison."""
    if not tolerance >= 0:
        raise LabelError(f"tolerance is {tolerance} marks; give 0 or more")
    rows = read_rows([first, second], cluster=cluster)
    # 10.3 - 10.2 comes out a little above 0.1.
    slack = 1e-9 * float(np.abs(rows.totals).max(initial=1.0))
    near = np.abs(rows.totals[:, 0] - rows.totals[:, 1]) <= tolerance + slack
    return mean_statistic(rows, near, bounds=(0.0, 1.0))


def measurement_error_statistic(
    first: ArrayLike,
    second: ArrayLike,
    *others: ArrayLike,
    form: Form = "ICC(A,1)",
    cluster: ArrayLike | None = None,
) -> Statistic:
    """`standard_error_of_measurement` with its data filled in, for resampling and comparison."""
    return _measurement_error(read_rows([first, second, *others], cluster=cluster), form)


def _measurement_error(rows: Rows, form: Form, *, scale: float = 1.0) -> Statistic:
    squares = mean_squares(rows)

    def of(ms: MeanSquares) -> Floats:
        # By form, (total variance) (1 - ICC), from which the variance between videos has dropped out.
        variance = {"1": ms.within, "C": ms.error, "A": ratio(ms.raters + (ms.n - 1) * ms.error, ms.n)}[form[4]]
        return scale * np.sqrt(variance / (1 if form.endswith("1)") else ms.k))

    return row_statistic(rows, squares.into(of), squares.width, why="fewer than 2 videos", bounds=(0.0, math.inf))


def _slope_statistic(rows: Rows, x: Floats, y: Floats) -> Statistic:
    x, y = centred(x), centred(y)
    units = per_cluster(rows, np.column_stack([np.ones(rows.n), x, y, x * x, x * y]))

    def of(sums: Floats) -> Floats:
        n, sx, sy, sxx, sxy = sums.T
        return ratio(sxy - ratio(sx * sy, n), square_deviation(n, sx, sxx))

    why = "fewer than 2 videos" if rows.n < 2 else "no variation: the raters' mean total is the same for every video"
    return row_statistic(rows, OfSums(units, of), 5, why=why)


def _passed(values: ArrayLike, who: str, pass_mark: float) -> Floats:
    totals = read_totals(values, who)
    return np.where(np.isnan(totals), np.nan, totals >= pass_mark)
