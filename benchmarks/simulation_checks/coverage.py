"""How often an interval that promises 95 % holds the value of all videos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from siming.metrics import ClusterBootstrap, Interval, get_metric
from siming.metrics.comparison.dependent import fisher_limits
from siming.metrics.icc import intraclass_correlation
from siming.metrics.resample import jackknife_error, leave_one_out
from simulation_checks.latent import Exam, Labels
from simulation_checks.measures import TITLES, keywords, measure, sides
from simulation_checks.outcome import Share, Table, Tick

TARGET = (0.92, 0.97)

EXAMS = (
    Exam(full=0.85, rho=0.9),
    Exam(full=0.85, rho=0.2, halo=0.3),
    Exam(full=0.50, rho=0.9),
    Exam(full=0.98, rho=0.9),
)

Maker = Callable[[str, Labels, Labels], Interval | None]
"""From a metric's name, true and given levels to an interval."""


def default(name: str, truth: Labels, given: Labels) -> Interval | None:
    """The interval that siming makes unless asked for another."""
    return measure(name, truth, given).interval


def percentile(name: str, truth: Labels, given: Labels) -> Interval | None:
    """Percentile limits of the cluster bootstrap."""
    return measure(name, truth, given, interval=ClusterBootstrap(replicates=REPLICATES)).interval


def bca(name: str, truth: Labels, given: Labels) -> Interval | None:
    """BCa limits of the cluster bootstrap."""
    return measure(name, truth, given, interval=ClusterBootstrap(replicates=REPLICATES, limits="bca")).interval


def normal_theory(name: str, truth: Labels, given: Labels) -> Interval | None:
    """The closed form that holds for normal totals: Fisher's z for PLCC, F limits for ICC(A,1)."""
    totals = sides(get_metric(name), truth, given)
    if name == "icc_agreement":
        return intraclass_correlation(*totals).interval
    value = measure(name, truth, given, interval=None).value
    return None if value is None else Interval(*fisher_limits(value, n=len(truth)), 0.95, "Fisher's z")


REPLICATES = 1000
BLOCKS = 200
RIVALS: dict[str, Maker] = {
    "percentile bootstrap": percentile,
    "BCa bootstrap": bca,
    "closed form for normal totals": normal_theory,
}


@dataclass(frozen=True)
class Size:
    """How much is simulated."""

    data_sets: int = 2000
    rival_data_sets: int = 2000
    videos: tuple[int, ...] = (30, 100, 200)
    population: int = 200_000
    """Videos behind the value that counts as true."""


FULL = Size()
QUICK = Size(data_sets=100, rival_data_sets=50, population=20_000)


@dataclass(frozen=True)
class Coverage:
    """Outcome of one cell."""

    held: Share
    too_low: int
    """Intervals that end below the true value."""
    too_high: int
    none: int
    """Data sets without an interval, in neither count."""
    mean_width: float


def population(exam: Exam, names: tuple[str, ...], *, videos: int, seed: int) -> dict[str, tuple[float, float]]:
    """Value over very many videos of the same steps, and its standard error (jackknife over blocks of videos)."""
    truth, given = exam.draw(np.random.default_rng([seed, 1]), videos)
    out = {}
    for name in names:
        metric = get_metric(name)
        blocks = keywords(metric, (truth.shape[0], truth.shape[1]), videos_per_cluster=videos // BLOCKS)
        statistic = metric.statistic(*sides(metric, truth, given), **blocks)
        out[name] = statistic.value(), jackknife_error(leave_one_out(statistic))
    return out


def covers(
    exam: Exam,
    wanted: dict[str, float],
    *,
    videos: int,
    data_sets: int,
    seed: int,
    maker: Maker = default,
) -> dict[str, Coverage]:
    """Per metric in `wanted` (its true value), how its intervals did."""
    rng = np.random.default_rng([seed, 2, videos])
    limits: dict[str, list[tuple[float, float]]] = {name: [] for name in wanted}
    for _ in range(data_sets):
        truth, given = exam.draw(rng, videos)
        for name, made in limits.items():
            found = maker(name, truth, given)
            made.append((np.nan, np.nan) if found is None else (found.low, found.high))
    out = {}
    for name, value in wanted.items():
        low, high = np.array(limits[name]).T
        there = ~np.isnan(low)
        below, above = int((high < value).sum()), int((low > value).sum())
        held = Share(int(there.sum()) - below - above, max(1, int(there.sum())))
        width = float((high - low)[there].mean()) if there.any() else float("nan")
        out[name] = Coverage(held, below, above, int((~there).sum()), width)
    return out


def run(size: Size, *, seed: int, tick: Tick) -> list[Table]:
    """Defaults of all six statistics in all settings, then other intervals for the totals."""
    names = tuple(TITLES)
    rows, rivals = [], []
    for number, exam in enumerate(EXAMS):
        own_seed = 1000 * seed + number
        true = population(exam, names, videos=size.population, seed=own_seed)
        wanted = {name: value for name, (value, _) in true.items()}
        tick(f"truth of {exam}")
        by_size = []
        for videos in size.videos:
            by_size.append(covers(exam, wanted, videos=videos, data_sets=size.data_sets, seed=own_seed))
            tick(f"coverage, {exam}, {videos} videos")
        for name in names:
            value, error = true[name]
            cells = [_cell(each[name]) for each in by_size]
            rows.append([str(exam), TITLES[name], f"{value:.4f} ± {error:.4f}", *cells])
        totals = {name: wanted[name] for name in ("plcc", "icc_agreement")}
        for title, maker in RIVALS.items():
            other = []
            for videos in size.videos:
                other.append(
                    covers(exam, totals, videos=videos, data_sets=size.rival_data_sets, seed=own_seed, maker=maker)
                )
                tick(f"{title}, {exam}, {videos} videos")
            rivals += [[str(exam), TITLES[name], title, *(_cell(each[name]) for each in other)] for name in totals]
    sizes = [f"{videos} videos" for videos in size.videos]
    return [
        Table(
            "Coverage of the default intervals",
            f"Per cent of {size.data_sets:,} data sets whose 95 % interval holds the value of all videos, with the "
            "simulation's own 95 % limits in round brackets, then in square brackets the per cent of intervals that lay "
            "too low and too high, and the mean width. Target 92 to 97; bold where missed. Truth ± standard error from "
            f"{size.population:,} videos.",
            ["setting", "statistic", "truth", *sizes],
            rows,
        ),
        Table(
            "Other intervals for totals",
            f"The same data sets ({size.rival_data_sets:,}) with other intervals; bootstraps of {REPLICATES:,} replicates. The "
            "closed forms are Fisher's z for PLCC and McGraw and Wong's F limits for ICC(A,1).",
            ["setting", "statistic", "interval", *sizes],
            rivals,
        ),
    ]


def cells(size: Size) -> int:
    """Ticks of a run."""
    return len(EXAMS) * (1 + len(size.videos) * (1 + len(RIVALS)))


def _cell(made: Coverage) -> str:
    n = made.held.n
    text = (
        f"{made.held.text(TARGET)} [{100 * made.too_low / n:.1f}, {100 * made.too_high / n:.1f}], {made.mean_width:.3f}"
    )
    return text + (f"; {made.none} without interval" if made.none else "")
