"""Whether variance components of a generalizability study are right on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from siming.metrics.generalizability.study import g_study
from simulation_checks.outcome import Table, Tick

DESIGN = "p x i x r"
TRUTH = {"p": 0.25, "i": 0.5, "r": 0.1, "pi": 0.3, "pr": 0.1, "ir": 0.05, "pir": 0.6}
MISSING = 0.2


@dataclass(frozen=True)
class Size:
    """How much is simulated."""

    anova: int = 5000
    henderson: int = 3000
    reml: int = 500
    shape: tuple[int, int, int] = (30, 8, 4)


FULL = Size()
QUICK = Size(anova=500, henderson=500, reml=30)


@dataclass(frozen=True)
class Bias:
    """One component, over all studies."""

    mean: float
    error: float
    """Standard error of the mean."""
    z: float
    """(mean - truth) / error."""


def draw(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """Normal scores of persons x steps x raters in which each effect has its true variance."""
    scores = np.zeros(shape)
    for effect, variance in TRUTH.items():
        own = [n if facet in effect else 1 for facet, n in zip("pir", shape, strict=True)]
        scores = scores + np.sqrt(variance) * rng.normal(size=own)
    return scores


def biases(
    method: Literal["anova", "henderson", "reml"],
    studies: int,
    *,
    shape: tuple[int, int, int],
    missing: float,
    seed: int,
) -> dict[str, Bias]:
    """Mean of each component less the truth, in standard errors of the mean."""
    rng = np.random.default_rng([seed, 6, int(100 * missing), shape[0]])
    drawn = []
    for _ in range(studies):
        scores = draw(rng, shape)
        scores[rng.random(shape) < missing] = np.nan
        found = g_study(scores, design=DESIGN, method=method, interval=None).components
        drawn.append([found[effect].value for effect in TRUTH])
    values = np.array(drawn, dtype=float)
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(studies)
    return {
        effect: Bias(float(mean[k]), float(error[k]), float((mean[k] - TRUTH[effect]) / error[k]))
        for k, effect in enumerate(TRUTH)
    }


def run(size: Size, *, seed: int, tick: Tick) -> list[Table]:
    """Analysis of variance on complete tables; Henderson's method and REML with scores missing."""
    plans: list[tuple[Literal["anova", "henderson", "reml"], int, float]] = [
        ("anova", size.anova, 0.0),
        ("henderson", size.henderson, MISSING),
        ("reml", size.reml, MISSING),
    ]
    rows = []
    for method, studies, missing in plans:
        found = biases(method, studies, shape=size.shape, missing=missing, seed=seed)
        cells = []
        for one in found.values():
            text = f"{one.mean:.4f} (z {one.z:+.1f})"
            cells.append(text if abs(one.z) <= 2 else f"**{text}**")
        rows.append([method, f"{studies:,}", f"{100 * missing:.0f} %", *cells])
        tick(f"components, {method}")
    persons, steps, raters = size.shape
    caption = (
        f"Mean estimate over studies of {persons} persons × {steps} steps × {raters} raters with normal effects, and its "
        "distance from the truth in standard errors of that mean. Target within 2; bold where missed. Of "
        f"{len(plans) * len(TRUTH)} unbiased entries one is expected beyond 2 by chance."
    )
    columns = ["method", "studies", "missing", *(f"{effect} = {value:g}" for effect, value in TRUTH.items())]
    return [Table("Variance components on average", caption, columns, rows)]


def cells(size: Size) -> int:
    """Ticks of a run."""
    return 3
