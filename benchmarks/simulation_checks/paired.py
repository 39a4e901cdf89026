"""How often two models of equal merit are told apart, which should happen in 5 of 100 comparisons."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize

from siming.metrics import get_metric, paired_difference
from simulation_checks.latent import Exam, Labels
from simulation_checks.measures import TITLES, keywords, sides
from simulation_checks.outcome import Share, Table, Tick

TARGET = (0.03, 0.07)
ALPHA = 0.05
NAMES = ("qwk_within_step", "mcc", "plcc")

MODEL = Exam(full=0.85, rho=0.5)
MOODY = replace(MODEL, halo=0.6)
"""Equal to MODEL cell by cell, so that every statistic of cells is the same; its errors come in whole videos."""
STRICT = replace(MODEL, calls=2.0)
"""Calls twice as many steps wrong; its rho is then raised until the statistic equals MODEL's."""


@dataclass(frozen=True)
class Size:
    """How much is simulated."""

    data_sets: int = 2000
    unlike_data_sets: int = 1000
    """For models that are not exchangeable, where no target is promised."""
    videos: tuple[int, ...] = (30, 100, 200)
    permutations: int = 499
    calibration: int = 20_000
    """Videos on which a strict model's rho is fitted."""


FULL = Size()
QUICK = Size(data_sets=60, unlike_data_sets=60, permutations=199, calibration=5_000)


@dataclass(frozen=True)
class Rivals:
    """Two models whose value over all videos is the same."""

    title: str
    rival: Callable[[str, Size, int], Exam]
    """The second model, of the metric's name, size and seed; the first is MODEL."""
    names: tuple[str, ...] = NAMES
    exchangeable: bool = False


RIVALS = (
    Rivals("exchangeable: both ρ 0.5", lambda *_: MODEL, exchangeable=True),
    Rivals("one with halo 60 %", lambda *_: MOODY, names=("qwk_within_step", "mcc")),
    Rivals("one twice as strict, ρ raised", lambda name, size, seed: as_good_as_model(STRICT, name, size, seed)),
)


def as_good_as_model(exam: Exam, name: str, size: Size, seed: int) -> Exam:
    """The exam with that rho at which its rater's value is that of MODEL's, both on the same very many videos."""

    def value(one: Exam) -> float:
        truth, given = one.draw(np.random.default_rng([seed, 3]), size.calibration)
        return _value(name, truth, given)

    wanted = value(MODEL)
    rho = optimize.brentq(lambda rho: value(replace(exam, rho=rho)) - wanted, 0.2, 0.95, xtol=1e-3)
    return replace(exam, rho=round(float(rho), 4))


def _value(name: str, truth: Labels, given: Labels) -> float:
    metric = get_metric(name)
    extra = keywords(metric, (truth.shape[0], truth.shape[1]))
    del extra["cluster"]
    found = metric.function(*sides(metric, truth, given), interval=None, **extra).value
    assert found is not None
    return found


def rejects(name: str, rival: Exam, *, videos: int, data_sets: int, permutations: int, seed: int) -> dict[str, Share]:
    """How often p is at most 0.05, and how often the interval of the difference leaves out 0."""
    metric = get_metric(name)
    rng = np.random.default_rng([seed, 4, videos])
    extra = keywords(metric, (videos, MODEL.n_steps))
    by_p = by_interval = without = 0
    for _ in range(data_sets):
        quality = MODEL.qualities(rng, videos)
        tables = MODEL.truth(quality), MODEL.rater(rng, quality), rival.rater(rng, quality)
        found = paired_difference(metric, *sides(metric, *tables), permutations=permutations, **extra)
        assert found.p_value is not None
        by_p += found.p_value <= ALPHA
        interval = found.difference.interval
        if interval is None:
            without += 1
        else:
            by_interval += not interval.low <= 0 <= interval.high
    return {"p": Share(by_p, data_sets), "interval": Share(by_interval, max(1, data_sets - without))}


def run(size: Size, *, seed: int, tick: Tick) -> list[Table]:
    """All pairs of models, statistics and sizes."""
    rows = []
    for number, pair in enumerate(RIVALS):
        data_sets = size.data_sets if pair.exchangeable else size.unlike_data_sets
        for name in pair.names:
            own_seed = 1000 * seed + 10 * number + NAMES.index(name)
            rival = pair.rival(name, size, own_seed)
            by_p, by_interval = [], []
            for videos in size.videos:
                found = rejects(
                    name,
                    rival,
                    videos=videos,
                    data_sets=data_sets,
                    permutations=size.permutations,
                    seed=own_seed,
                )
                by_p.append(found["p"].text(TARGET))
                by_interval.append(found["interval"].text(TARGET))
                tick(f"{pair.title}, {TITLES[name]}, {videos} videos")
            title = f"{pair.title} to {rival.rho:.3f}" if rival.calls != 1 else pair.title
            rows.append([title, TITLES[name], "swap p ≤ .05", *by_p])
            rows.append([title, TITLES[name], "interval leaves out 0", *by_interval])
    caption = (
        f"Per cent of {size.data_sets:,} comparisons ({size.unlike_data_sets:,} where the models are not exchangeable) of two "
        "models of equal value that call them different, with the simulation's own 95 % limits; "
        f"{size.permutations} random swaps each. Full {MODEL.full:.2f}, 33 steps. "
        "Target 3 to 7; bold where missed."
    )
    columns = ["models", "statistic", "verdict by", *(f"{videos} videos" for videos in size.videos)]
    return [Table("Two models of equal merit told apart", caption, columns, rows)]


def cells(size: Size) -> int:
    """Ticks of a run."""
    return len(size.videos) * sum(len(pair.names) for pair in RIVALS)
