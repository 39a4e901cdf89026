"""Whether many-facet Rasch finds the severities again from which the ratings were drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from siming.metrics.rasch.many_facet import many_facet_rasch, severity_contrast
from simulation_checks.outcome import Share, Table, Tick

TARGET = 0.03
SEVERITY = np.array([-0.3, 0.3])


@dataclass(frozen=True)
class Size:
    """How much is simulated."""

    data_sets: int = 200
    n_videos: int = 200
    n_steps: int = 33


FULL = Size()
QUICK = Size(data_sets=20)


@dataclass(frozen=True)
class Recovery:
    """How near the estimates came."""

    rmse: float
    """Root mean squared error of a severity, in logits, severities centred to sum 0."""
    error: float
    """Standard error of `rmse`."""
    bias: float
    """Mean of the estimated contrast less the true one."""
    bias_error: float
    held: Share
    """Intervals of the contrast that hold the true one."""


def draw(rng: np.random.Generator, size: Size) -> dict[str, Any]:
    """Ratings of the partial credit model itself: two raters, every step of every video, fresh steps each time."""
    ability = rng.normal(1.5, 0.7, size.n_videos)
    steps = rng.normal(0, 0.8, (size.n_steps, 3))
    thresholds = np.sort(steps - steps.mean(axis=1, keepdims=True), axis=1) + rng.normal(0, 0.7, (size.n_steps, 1))
    above = ability[:, None, None, None] - thresholds[:, None] - SEVERITY[:, None]
    logit = np.concatenate([np.zeros((*above.shape[:3], 1)), above.cumsum(axis=3)], axis=3)
    share = np.exp(logit - logit.max(axis=3, keepdims=True))
    share /= share.sum(axis=3, keepdims=True)
    labels = (share.cumsum(axis=3)[..., :-1] < rng.random((*share.shape[:3], 1))).sum(axis=3)
    video, step, rater = np.indices(labels.shape)
    return {
        "labels": labels.ravel(),
        "video": video.ravel(),
        "step": step.ravel(),
        "rater": rater.ravel(),
        "n_labels": 4,
    }


def recover(size: Size, *, method: str, seed: int) -> Recovery:
    """Fit every data set and compare."""
    rng = np.random.default_rng([seed, 5])
    errors, contrasts, held = [], [], 0
    truth = SEVERITY[1] - SEVERITY[0]
    for _ in range(size.data_sets):
        fit = many_facet_rasch(**draw(rng, size), method=method)
        found = [rater.measure.value for rater in fit.raters]
        errors.append(np.square(np.array(found, dtype=float) - SEVERITY).mean())
        contrast = severity_contrast(fit, 1, 0)
        assert contrast.value is not None
        assert contrast.interval is not None
        contrasts.append(contrast.value - truth)
        held += contrast.interval.low <= truth <= contrast.interval.high
    rmse = float(np.sqrt(np.mean(errors)))
    root_n = np.sqrt(size.data_sets)
    return Recovery(
        rmse=rmse,
        error=float(np.std(errors, ddof=1) / root_n / (2 * rmse)),
        bias=float(np.mean(contrasts)),
        bias_error=float(np.std(contrasts, ddof=1) / root_n),
        held=Share(held, size.data_sets),
    )


def run(size: Size, *, seed: int, tick: Tick) -> list[Table]:
    """Both likelihoods."""
    rows = []
    for method in ("marginal", "joint"):
        found = recover(size, method=method, seed=seed)
        shown = f"{found.rmse:.4f} ± {found.error:.4f}"
        rows.append(
            [
                method,
                shown if found.rmse < TARGET else f"**{shown}**",
                f"{2 * found.rmse:.4f}",
                f"{found.bias:+.4f} ± {found.bias_error:.4f}",
                found.held.text(),
            ]
        )
        tick(f"severity, {method} likelihood")
    caption = (
        f"{size.data_sets} data sets of {size.n_videos} videos × {size.n_steps} steps × 2 raters, crossed, drawn from the "
        "partial credit model with severities −0.3 and +0.3 logits and new steps and videos each time. RMSE of a severity "
        f"(the two sum to 0) ± its standard error, target below {TARGET}; of two raters' contrast it is twice that."
    )
    columns = [
        "likelihood",
        "RMSE of a severity",
        "RMSE of the contrast",
        "bias of the contrast",
        "95 % interval holds, %",
    ]
    return [Table("Severity of raters found again", caption, columns, rows)]


def cells(size: Size) -> int:
    """Ticks of a run."""
    return 2
