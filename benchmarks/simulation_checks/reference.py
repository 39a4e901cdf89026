"""The reference simulations of the specification, section 7: what each setting should give, and what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from siming.metrics.raters.drift import linear_drift
from simulation_checks.coverage import covers, population
from simulation_checks.latent import Exam
from simulation_checks.measures import TITLES, measure
from simulation_checks.outcome import Share, Table, Tick

N_VIDEOS = 200
BLIND = Exam(full=0.85, rho=0.0)
SHARP = Exam(full=0.85, rho=0.9)
HALO = Exam(full=0.85, rho=0.2, halo=0.3)


@dataclass(frozen=True)
class Expected:
    """One line of the specification's table."""

    exam: Exam
    name: str
    value: float
    slack: float
    """How far the mean over exams may lie from `value`."""


EXPECTED = (
    Expected(BLIND, "qwk", 0.0, 0.005),
    Expected(BLIND, "ac2", 0.86, 0.006),
    Expected(BLIND, "plcc", 0.0, 0.03),
    Expected(SHARP, "qwk", 0.77, 0.01),
    Expected(SHARP, "ac2", 0.97, 0.006),
    Expected(SHARP, "mcc", 0.67, 0.01),
    Expected(SHARP, "plcc", 0.91, 0.015),
    Expected(replace(SHARP, full=0.50), "qwk", 0.82, 0.01),
    Expected(replace(SHARP, full=0.50), "ac2", 0.89, 0.006),
    Expected(replace(SHARP, full=0.98), "qwk", 0.66, 0.02),
    Expected(replace(SHARP, full=0.98), "ac2", 0.995, 0.001),
    Expected(HALO, "qwk", 0.10, 0.01),
    Expected(HALO, "plcc", 0.12, 0.03),
    Expected(replace(HALO, halo=0.0), "plcc", 0.23, 0.05),
)


@dataclass(frozen=True)
class Size:
    """How much is simulated."""

    exams: int = 300
    coverage: int = 2000
    rankings: int = 1000
    drifts: int = 2000


FULL = Size()
QUICK = Size(exams=40, coverage=300, rankings=150, drifts=300)


def spread(exam: Exam, names: Sequence[str], *, exams: int, seed: int) -> dict[str, tuple[float, float]]:
    """Mean over exams of 200 videos, and half the width that holds 95 % of them."""
    rng = np.random.default_rng([seed, 7])
    values: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(exams):
        truth, given = exam.draw(rng, N_VIDEOS)
        for name, found in values.items():
            value = measure(name, truth, given, interval=None).value
            assert value is not None
            found.append(value)
    return {name: (float(np.mean(found)), 1.96 * float(np.std(found, ddof=1))) for name, found in values.items()}


def qwk_coverage(*, data_sets: int, truth_videos: int, seed: int) -> Share:
    """Coverage of the default QWK interval over 50 videos, halo 30 %."""
    value, _ = population(HALO, ("qwk",), videos=truth_videos, seed=seed)["qwk"]
    return covers(HALO, {"qwk": value}, videos=50, data_sets=data_sets, seed=seed)["qwk"].held


def best_of_twelve_blind(*, rankings: int, seed: int) -> Share:
    """How often the best of 12 models that know nothing reaches a PLCC of 0.158."""
    rng = np.random.default_rng([seed, 8])
    reached = 0
    for _ in range(rankings):
        quality = BLIND.qualities(rng, N_VIDEOS)
        truth = BLIND.truth(quality)
        found = [measure("plcc", truth, BLIND.rater(rng, quality), interval=None).value for _ in range(12)]
        reached += max(value for value in found if value is not None) >= 0.158
    return Share(reached, rankings)


def hardest_flagged_blindly(*, exams: int, seed: int) -> dict[str, float]:
    """Mean MCC and within-step QWK of a rater who fails the hardest 20 % of steps in every video, unseen."""
    exam = Exam(full=0.815, rho=0.0, step_sd=0.35)
    rng = np.random.default_rng([seed, 9])
    given = np.full((N_VIDEOS, exam.n_steps), 3, dtype=np.int8)
    given[:, : round(0.2 * exam.n_steps)] = 0  # steps are ordered, hardest first
    names = ("mcc", "qwk_within_step")
    found = [
        [measure(name, truth, given, interval=None).value for name in names]
        for truth in (exam.truth(exam.qualities(rng, N_VIDEOS)) for _ in range(exams))
    ]
    return dict(zip(names, np.array(found, dtype=float).mean(axis=0).tolist(), strict=True))


def drift_found(drift: float, *, exams: int, seed: int) -> Share:
    """How often drift of that many marks per 100 videos is told from 0.

    Two raters, each in a random order of 200 videos, whose marks scatter by 6.2 about the candidate's own.
    """
    rng = np.random.default_rng([seed, 10, int(10 * drift)])
    found = 0
    for _ in range(exams):
        own = rng.normal(70, 6, N_VIDEOS)
        times = [rng.permutation(N_VIDEOS) + 1.0 for _ in range(2)]
        wei, okafor = (own + rng.normal(0, 6.2, N_VIDEOS) for _ in range(2))
        slope = linear_drift(
            totals=np.concatenate([wei - drift * times[0] / 100, okafor]),
            video=np.tile(np.arange(N_VIDEOS), 2),
            rater=np.repeat(["Wei", "Okafor"], N_VIDEOS),
            time=np.concatenate(times),
        )["Wei"]
        assert slope.interval is not None
        found += not slope.interval.low <= 0 <= slope.interval.high
    return Share(found, exams)


def run(size: Size, *, seed: int, tick: Tick) -> list[Table]:
    """Every line of the specification's table."""
    rows = []
    for exam in dict.fromkeys(line.exam for line in EXPECTED):
        lines = [line for line in EXPECTED if line.exam == exam]
        found = spread(exam, [line.name for line in lines], exams=size.exams, seed=seed)
        for line in lines:
            mean, half = found[line.name]
            text = f"{mean:.3f} ± {half:.3f}"
            near = abs(mean - line.value) <= line.slack
            rows.append([str(exam), TITLES[line.name], f"{line.value:g}", text if near else f"**{text}**"])
        tick(f"reference, {exam}")
    held = qwk_coverage(data_sets=size.coverage, truth_videos=100_000, seed=seed)
    rows.append([f"{HALO}, 50 videos", "coverage of QWK, %", "92 to 98", held.text((0.92, 0.98))])
    tick("reference, coverage at 50 videos")
    top = best_of_twelve_blind(rankings=size.rankings, seed=seed)
    rows.append(["12 blind models, ρ 0", "best PLCC ≥ 0.158, %", "near 14", top.text((0.11, 0.17))])
    tick("reference, best of twelve")
    blind = hardest_flagged_blindly(exams=size.exams, seed=seed)
    setting = "hardest 20 % of steps failed unseen, step SD 0.35, full 0.815"
    rows.append([setting, "MCC", "0.17", f"{blind['mcc']:.3f}"])
    rows.append([setting, "QWK within step", "0", f"{blind['qwk_within_step']:.3f}"])
    tick("reference, blind flags")
    for drift, wanted, target in ((2.7, "about 70", (0.6, 0.8)), (0.0, "5", (0.03, 0.07))):
        told = drift_found(drift, exams=size.drifts, seed=seed)
        rows.append([f"drift of {drift:g} marks per 100 over 200 videos", "told from 0, %", wanted, told.text(target)])
        tick(f"reference, drift {drift:g}")
    caption = (
        f"{N_VIDEOS} videos × 33 steps unless said otherwise. Mean over {size.exams} exams ± what holds 95 % of single "
        "exams; shares with the simulation's own 95 % limits. Bold where the mean is off by more than the table's rounding."
    )
    return [Table("Reference simulations", caption, ["setting", "what", "expected", "found"], rows)]


def cells(size: Size) -> int:
    """Ticks of a run."""
    return len({line.exam for line in EXPECTED}) + 5
