"""How long scoring takes: 200 videos x 33 steps, every coefficient with 10,000 cluster bootstrap replicates.

    python benchmarks/bench_scoring.py [--json]

The peer is what one writes first: a loop that redraws the videos, joins their cells and calls scikit-learn
and SciPy. Both run here, one after the other, in this process. The loop is timed on a few replicates only and
extrapolated, as its cost per replicate does not depend on how many there are.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
from scipy import stats
from sklearn import metrics as peer

from siming.metrics import METRICS, ClusterBootstrap

LIMIT_S = 2.0
N_LABELS = 4
LABEL_METRICS = ("raw_agreement", "qwk", "qwk_within_step")
BINARY_METRICS = ("mcc", "precision", "recall", "f1")
TOTALS_METRICS = ("plcc", "srcc")


class Exams:
    """Random labels with skew, and a model that is right about two times in three."""

    def __init__(self, n_videos: int, n_steps: int) -> None:
        rng = np.random.default_rng(5)
        shape = (n_videos, n_steps)
        easiness = rng.normal(0, 0.7, n_steps)
        percept = rng.normal(size=shape) + easiness
        self.reference = np.digitize(percept, [-2.2, -1.6, -1.0])
        self.model = np.digitize(0.8 * percept + 0.6 * rng.normal(size=shape), [-2.2, -1.6, -1.0])
        self.video = np.broadcast_to(np.arange(n_videos)[:, None], shape)
        self.step = np.broadcast_to(np.arange(n_steps), shape)


def ours(exams: Exams, how: ClusterBootstrap) -> dict[str, tuple[float, float]]:
    """Value and seconds of each coefficient through its public function."""
    out = {}
    cells = {"cluster": exams.video.ravel(), "interval": how}
    for name in (*LABEL_METRICS, *BINARY_METRICS, *TOTALS_METRICS):
        metric = METRICS[name]
        start = time.perf_counter()
        if metric.kind == "totals":
            measured = metric.function(exams.reference.sum(axis=1), exams.model.sum(axis=1), interval=how)
        elif metric.kind == "binary":
            wrong = (side.ravel() < N_LABELS - 1 for side in (exams.reference, exams.model))
            measured = metric.function(*wrong, **cells)
        else:
            extra = {"step": exams.step.ravel()} if metric.by_step else {}
            labels = (exams.reference.ravel(), exams.model.ravel())
            measured = metric.function(*labels, n_labels=N_LABELS, **cells, **extra)
        assert measured.interval is not None, f"{name}: {measured}"
        out[name] = (measured.value, time.perf_counter() - start)
    return out


def plain_loop(exams: Exams, replicates: int) -> dict[str, float]:
    """The same coefficients, one redraw of the videos at a time; returns those of the last redraw."""
    rng = np.random.default_rng(1)
    values: dict[str, float] = {}
    for _ in range(replicates):
        drawn = rng.integers(0, len(exams.reference), len(exams.reference))
        values = plain_values(exams.reference[drawn], exams.model[drawn])
    return values


def plain_values(reference: np.ndarray, model: np.ndarray) -> dict[str, float]:
    """Every coefficient once, with scikit-learn and SciPy."""
    labels = list(range(N_LABELS))
    a, b = reference.ravel(), model.ravel()
    wrong_a, wrong_b = a < N_LABELS - 1, b < N_LABELS - 1
    observed = expected = 0.0
    for x, y in zip(reference.T, model.T, strict=True):
        table = peer.confusion_matrix(x, y, labels=labels)
        distance = (np.arange(N_LABELS)[:, None] - np.arange(N_LABELS)) ** 2
        observed += (distance * table).sum()
        expected += (distance * np.outer(table.sum(axis=1), table.sum(axis=0))).sum() / table.sum()
    return {
        "raw_agreement": peer.accuracy_score(a, b),
        "qwk": peer.cohen_kappa_score(a, b, labels=labels, weights="quadratic"),
        "qwk_within_step": 1 - observed / expected,
        "mcc": peer.matthews_corrcoef(wrong_a, wrong_b),
        "precision": peer.precision_score(wrong_a, wrong_b),
        "recall": peer.recall_score(wrong_a, wrong_b),
        "f1": peer.f1_score(wrong_a, wrong_b),
        "plcc": stats.pearsonr(reference.sum(axis=1), model.sum(axis=1)).statistic,
        "srcc": stats.spearmanr(reference.sum(axis=1), model.sum(axis=1)).statistic,
    }


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--steps", type=int, default=33)
    parser.add_argument("--replicates", type=int, default=10_000)
    parser.add_argument("--loop-replicates", type=int, default=30, help="redraws of the plain loop to time")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")

    exams = Exams(options.videos, options.steps)
    how = ClusterBootstrap(replicates=options.replicates, seed=0)
    ours(exams, ClusterBootstrap(replicates=100))  # imports and first touches are not what is measured
    plain_loop(exams, 2)

    cpu_start = time.process_time()
    each = ours(exams, how)
    cpu = time.process_time() - cpu_start
    total = sum(spent for _, spent in each.values())
    witness = plain_values(exams.reference, exams.model)
    worst = max(abs(each[name][0] - witness[name]) for name in each)
    loop_timed = seconds(lambda: plain_loop(exams, options.loop_replicates))
    loop = loop_timed / options.loop_replicates * options.replicates

    result = {
        "videos": options.videos,
        "steps": options.steps,
        "replicates": options.replicates,
        "seconds": round(total, 3),
        "cpu_seconds": round(cpu, 3),
        "seconds_each": {name: round(spent, 4) for name, (_, spent) in each.items()},
        "limit_s": LIMIT_S,
        "loop_replicates_timed": options.loop_replicates,
        "loop_seconds_timed": round(loop_timed, 3),
        "loop_seconds_extrapolated": round(loop, 1),
        "ratio": round(loop / total),
        "largest_difference_from_peer": worst,
        "cpu_count": os.cpu_count(),
        "python": platform.python_version(),
    }
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"{options.videos} videos x {options.steps} steps, {options.replicates} replicates")
        for name, (value, spent) in each.items():
            print(f"  {name:<16} {value: .4f}   {spent * 1000:7.1f} ms")
        print(f"siming: {total:.3f} s for all (limit {LIMIT_S:g} s), of which {cpu:.3f} s of processor time")
        print(
            f"scikit-learn/SciPy loop: {loop:.0f} s, extrapolated from {options.loop_replicates} replicates "
            f"in {loop_timed:.2f} s; siming is {loop / total:.0f} times faster"
        )
        print(f"largest difference of a value from the peer's: {worst:.1e}")
    return 0 if total < LIMIT_S and worst < 1e-9 else 1


if __name__ == "__main__":
    sys.exit(main())
