"""How many videos a question needs, by drawing larger and smaller samples from a pilot."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import Floats
from siming.metrics.comparison.joint import statistics_on_same_cells
from siming.metrics.measured import Measured
from siming.metrics.planning.planner import MOST_VIDEOS, Plan, describe_goal, normal_quantile
from siming.metrics.registry import Metric, get_metric
from siming.metrics.resample import BATCH_FLOATS, FEWEST_CLUSTERS, MOST_UNDEFINED
from siming.metrics.statistic import Statistic
from siming.metrics.totals import CORRELATION_BOUNDS

METHOD = "simulation from the pilot"
MOST_TRIES = 12
CLOSE_ENOUGH = 0.005
"""Share by which a simulated error may miss the goal; 10,000 replicates know it no better."""


def plan_from_pilot(
    metric: str | Metric,
    first: ArrayLike,
    second: ArrayLike,
    *,
    cluster: ArrayLike,
    rival: ArrayLike | None = None,
    step: ArrayLike | None = None,
    n_labels: int | None = None,
    power: float | None = None,
    width: float | None = None,
    null: float = 0.0,
    alpha: float = 0.05,
    replicates: int = 10_000,
    seed: int = 0,
) -> Plan:
    """Videos that any metric needs, simulated by drawing more or fewer of the pilot's videos.

    At each number of videos, so many of the pilot's are drawn with replacement; the central share 1 - alpha of
    the values is the width, and power is the share of values that lie beyond z standard errors from `null`
    (of correlations on Fisher's scale, else as they are, like the intervals that siming makes of them).
    A pilot of N videos shows (N - 1) / N of the variance; that is put right. What it cannot show is that its
    value may be wrong: plan with the value you would regret to miss, not the luckiest one.

    Args:
        metric: Name in `METRICS`, or one of its metrics.
        first, second: Pilot labels, calls or totals: the reference and a model, or two raters.
        cluster: Video of each cell.
        rival: A second model; then the question is the difference of the two models' values.
        step, n_labels: As in `paired_difference`.
        power, width: The goal, exactly one of them.
        null: Value that the metric (or the difference) is to be told from.
        alpha: 1 - level of the interval, or two-sided error of the test.
        replicates: Samples drawn at each number of videos.
        seed: Seed of the draws; the same at each number.

    Raises:
        LabelError: As the metric itself; not exactly one goal; fewer than 100 replicates.
        TaskError: Unknown metric.
    """
    chosen = get_metric(metric) if isinstance(metric, str) else metric
    models = {"the second": second} if rival is None else {"the second": second, "the rival": rival}
    sides = statistics_on_same_cells(chosen, first, models, cluster, step, n_labels)
    statistic = sides[0]
    if rival is not None:
        ours, theirs = sides
        gone = " or ".join(s.why_undefined for s in sides)
        statistic = replace(ours, of=lambda w: ours.of(w) - theirs.of(w), why_undefined=gone, scale="plain")
    n = statistic.n_clusters
    what = f"{chosen.name}{'' if rival is None else ' difference'} as in the pilot"
    if n < FEWEST_CLUSTERS:
        why = f"a pilot of {n} videos is smaller than {FEWEST_CLUSTERS}"
        return Plan(describe_goal(what, power, width, alpha), None, METHOD, reason=why)

    def draw(rng: np.random.Generator, videos: int, rows: int) -> Floats:
        return rng.multinomial(videos, np.full(n, 1 / n), size=rows).astype(np.float64)

    skewed = rival is None and statistic.bounds == CORRELATION_BOUNDS and chosen.kind == "totals"
    pilot = _Pilot(statistic, what, np.ones(n), n, draw, widen=math.sqrt(n / (n - 1)), skewed=skewed)
    return _simulated(pilot, power, width, null, alpha, replicates, seed)


def plan_from_table(
    table: ArrayLike,
    *,
    cells_per_video: float,
    design_effect: float = 1.0,
    metric: str | Metric = "qwk",
    power: float | None = None,
    width: float | None = None,
    null: float = 0.0,
    alpha: float = 0.05,
    replicates: int = 10_000,
    seed: int = 0,
) -> Plan:
    """The same where all that a pilot left is its table of counts: first rater's labels down, second's across.

    Cells are drawn one by one from the table, as many as `cells_per_video` x videos / `design_effect`. A table
    does not show how alike the cells of one video are, so say it: `design_effect` of an earlier dataset.

    Args:
        table: Counts or shares, (n_labels, n_labels); 2 x 2 for metrics of wrong/right calls, right first.
        cells_per_video: Steps judged per video.
        design_effect: How many cells of one video are worth one independent cell.
        metric: A metric of labels or calls that does not work by step.
        power, width, null, alpha, replicates, seed: As in `plan_from_pilot`.

    Raises:
        LabelError: A table that is not square or empty; as `plan_from_pilot`.
    """
    chosen = get_metric(metric) if isinstance(metric, str) else metric
    counts: Floats = np.asarray(table, dtype=np.float64)
    square = counts.ndim == 2 and counts.shape[0] == counts.shape[1] >= 2
    if not square or not (counts >= 0).all() or not counts.sum() > 0:
        raise LabelError(f"the table has shape {counts.shape}; give a square one of counts, such as 4 rows of 4")
    if chosen.kind == "totals" or chosen.by_step:
        raise LabelError(f"metric {chosen.name!r} cannot be had from one table of counts; give one such as 'qwk'")
    if not (cells_per_video > 0 and design_effect > 0):
        raise LabelError("cells_per_video and design_effect are above 0")
    rows, columns = np.indices(counts.shape)
    k = len(counts)
    options = {"n_labels": k} if chosen.kind == "label" else {}
    statistic = chosen.statistic(rows.ravel(), columns.ravel(), cluster=np.arange(k * k), **options)
    shares = counts.ravel() / counts.sum()

    def draw(rng: np.random.Generator, videos: int, n: int) -> Floats:
        cells = max(1, round(videos * cells_per_video / design_effect))
        return rng.multinomial(cells, shares, size=n).astype(np.float64)

    # Shares, which say nothing of the size of a pilot, add up to 1: begin with a hundred videos then.
    begin = round(counts.sum() / cells_per_video) or 100
    pilot = _Pilot(statistic, f"{chosen.name} as in the table", counts.ravel(), begin, draw, widen=1.0)
    return _simulated(pilot, power, width, null, alpha, replicates, seed)


def table_with_kappa(kappa: float, shares: ArrayLike) -> Floats:
    """A table of shares with this kappa, whatever its weights, for a plan where nothing was counted yet.

    Both raters use the labels with these shares; with probability kappa they see the same, else each deals blindly:
    kappa diag(shares) + (1 - kappa) shares x shares.

    Args:
        kappa: Expected value, in [0, 1).
        shares: Of each label in order; they are made to add up to 1.

    Raises:
        LabelError: Fewer than two labels in use, a negative share, or a kappa out of range.

    >>> table_with_kappa(0.5, [0.2, 0.8]).round(2).tolist()
    [[0.12, 0.08], [0.08, 0.72]]
    """
    each: Floats = np.asarray(shares, dtype=np.float64)
    if each.ndim != 1 or not (each >= 0).all() or (each > 0).sum() < 2:
        raise LabelError(f"shares are {each.tolist()}; give one of 0 or more per label, at least two of them above 0")
    if not 0 <= kappa < 1:
        raise LabelError(f"expected kappa is {kappa}; give a number from 0 to less than 1")
    each = each / each.sum()
    return kappa * np.diag(each) + (1 - kappa) * np.outer(each, each)


@dataclass(frozen=True, slots=True)
class _Pilot:
    statistic: Statistic
    what: str
    weights: Floats
    """Of the pilot itself."""
    videos: int
    """In the pilot, as a place to begin."""
    draw: Callable[[np.random.Generator, int, int], Floats]
    """Generator, videos and rows to rows of weights."""
    widen: float
    """What the spread is to be multiplied by, because a pilot is not the world."""
    skewed: bool = False
    """Whether errors are nearer to normal on Fisher's scale, as those of correlations are."""

    def scale(self, values: Floats | float) -> Floats:
        """The values on the scale on which a test of them works."""
        if not self.skewed:
            return np.asarray(values, dtype=np.float64)
        on_scale: Floats = np.arctanh(np.clip(values, -1 + 1e-12, 1 - 1e-12))
        return on_scale

    def values(self, videos: int, replicates: int, seed: int) -> Floats:
        """The metric in so many samples of so many videos; those in which it is undefined are left out."""
        rng = np.random.default_rng(seed)
        size = max(1, BATCH_FLOATS // max(self.statistic.n_clusters, self.statistic.floats_per_replicate))
        rows = [min(size, replicates - start) for start in range(0, replicates, size)]
        drawn: Floats = np.concatenate([self.statistic.of(self.draw(rng, videos, n)) for n in rows])
        defined: Floats = drawn[~np.isnan(drawn)]
        return defined


def _simulated(
    pilot: _Pilot,
    power: float | None,
    width: float | None,
    null: float,
    alpha: float,
    replicates: int,
    seed: int,
) -> Plan:
    goal = describe_goal(pilot.what, power, width, alpha)
    if replicates < 100:
        raise LabelError(f"{replicates} replicates cannot hold a tail; ask for at least 100")
    value = float(pilot.statistic.of(pilot.weights[None])[0])
    if math.isnan(value):
        return Plan(goal, None, METHOD, reason=f"the pilot has no value: {pilot.statistic.why_undefined}")
    if power is not None and abs(value - null) < 1e-12:
        return Plan(goal, None, METHOD, reason=f"the pilot's value is {null:g} itself")

    z = normal_quantile(1 - alpha / 2)

    def simulate(videos: int) -> tuple[float, float]:
        """What so many videos reach, and by which factor their standard error is too large for the goal."""
        drawn = pilot.values(videos, replicates, seed)
        if len(drawn) < (1 - MOST_UNDEFINED) * replicates:
            return math.nan, 2.0  # so few videos that the metric itself often fails
        if width is not None:
            low, high = np.quantile(drawn, [alpha / 2, 1 - alpha / 2])
            found = float(high - low) * pilot.widen
            return found, found / width
        assert power is not None
        away = pilot.scale(value) - pilot.scale(null) + (pilot.scale(drawn) - pilot.scale(value)) * pilot.widen
        found = float((np.abs(away) > z * away.std()).mean())
        seen = min(max(found, alpha), 1 - 0.5 / replicates)
        return found, (z + normal_quantile(power)) / (z + normal_quantile(seen))

    # Errors shrink with the root of the number of videos, nearly; so each try tells where to try next.
    videos = max(FEWEST_CLUSTERS, pilot.videos)
    for _ in range(MOST_TRIES):
        reached, factor = simulate(videos)
        wanted = max(FEWEST_CLUSTERS, math.ceil(videos * factor**2))
        if wanted > MOST_VIDEOS:
            return Plan(goal, None, METHOD, reason=f"more than {MOST_VIDEOS} videos")
        if wanted == videos or abs(factor - 1) < CLOSE_ENOUGH:
            break
        videos = wanted
    return Plan(
        goal,
        videos,
        METHOD,
        reached=Measured(reached, videos, videos),
        notes=(f"the pilot's value is {value:.4f}",),
        seed=seed,
        replicates=replicates,
    )
