"""How long agreement takes: against scikit-learn, at 10,000 attempts, and against the targets of the specification.

    python benchmarks/bench_agreement.py [--json] [--attempts 10000]

Each part runs in a process of its own with one thread, so that its peak memory is its own. The peer is a loop
that redraws the videos and calls scikit-learn; it is timed on a few replicates and extrapolated. Ratios come
from one process, so a slow machine slows both sides.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

N_LABELS = 4
REPLICATES = 2000
"""Of the intervals of totals and of alpha, as `siming rating agree` draws."""


@dataclass(frozen=True)
class Row:
    """One measurement and what it is held against."""

    what: str
    value: float
    unit: str
    target: float
    at_least: bool = False
    """Whether more is better."""
    beside: str = ""

    @property
    def met(self) -> bool:
        return self.value >= self.target if self.at_least else self.value <= self.target


class Exams:
    """Labels of raters about as alike as two physicians, on steps that differ in how hard they are."""

    def __init__(self, n_videos: int, n_steps: int, n_raters: int) -> None:
        rng = np.random.default_rng(5)
        self.shape = (n_videos, n_steps)
        easiness = rng.normal(0, 1, n_steps)
        percept = rng.normal(0, 0.5, (n_videos, 1)) + easiness + rng.normal(size=self.shape)
        noise = rng.normal(0, 0.5, (n_raters, *self.shape))
        self.raters = np.digitize(percept + noise, [-2.2, -1.6, -1.0])
        self.labels = self.raters.reshape(n_raters, -1)
        self.totals = self.raters.sum(axis=2).astype(float)
        self.video = np.repeat(np.arange(n_videos), n_steps)
        self.step = np.tile(np.arange(n_steps), n_videos)


def seconds(work: Callable[[], object], *, times: int = 1) -> float:
    """Wall-clock time of the fastest of some calls."""
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return min(spent)


def peak_gb() -> float:
    """Most memory this process has held, in GB."""
    unit = 1 if platform.system() == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def against_scikit_learn(attempts: int) -> list[Row]:
    """QWK of 200 x 33 with 10,000 cluster bootstraps, beside a loop over redrawn videos."""
    from sklearn.metrics import cohen_kappa_score

    from siming.metrics import ClusterBootstrap, quadratic_weighted_kappa

    exams, replicates, timed = Exams(200, 33, 2), 10_000, 100
    first, second = exams.raters

    def ours(seed: int) -> Any:
        how = ClusterBootstrap(replicates=replicates, seed=seed)
        return quadratic_weighted_kappa(*exams.labels, n_labels=N_LABELS, cluster=exams.video, interval=how)

    def loop(n: int) -> np.ndarray:
        rng = np.random.default_rng(1)
        values = np.empty(n)
        for at in range(n):
            drawn = rng.integers(0, len(first), len(first))
            values[at] = cohen_kappa_score(
                first[drawn].ravel(), second[drawn].ravel(), labels=range(N_LABELS), weights="quadratic"
            )
        return values

    ours(0), loop(2)
    seeds = iter(range(1, 10))  # a new seed each time, so that the drawing is timed too
    spent = seconds(lambda: ours(next(seeds)), times=5)
    slow = seconds(lambda: loop(timed)) / timed * replicates
    value = cohen_kappa_score(first.ravel(), second.ravel(), labels=range(N_LABELS), weights="quadratic")
    assert abs(ours(0).value - value) < 1e-12
    beside = f"{1000 * spent:.0f} ms against {slow:.1f} s, extrapolated from {timed} replicates"
    return [Row("QWK, 10,000 bootstraps of 200 x 33, against scikit-learn", slow / spent, "times", 200, True, beside)]


def panels_from_arrays(attempts: int) -> list[Row]:
    """Three pairs' panels and the coefficients of all raters, from labels and totals."""
    from siming.metrics import METRICS, ClusterBootstrap, bland_altman, confusion_table, quadratic_weighted_kappa
    from siming.metrics.icc import intraclass_correlation
    from siming.metrics.krippendorff import krippendorff_alpha
    from siming.metrics.many_raters import (
        brennan_prediger_of_many,
        conger_kappa,
        fleiss_kappa,
        gwet_ac_of_many,
    )
    from siming.metrics.prior import step_prior

    exams = Exams(attempts, 40, 3)
    bca = ClusterBootstrap(replicates=REPLICATES, limits="bca")
    cells: dict[str, Any] = {"n_labels": N_LABELS, "cluster": exams.video}

    def pair(a: int, b: int) -> None:
        labels, totals = exams.labels[[a, b]], exams.totals[[a, b]]
        for name in ("raw_agreement", "qwk", "qwk_within_step", "ac2", "ac2_at_chance"):
            metric = METRICS[name]
            defined(metric.function(*labels, cluster=exams.video, **metric.options(n_labels=N_LABELS, step=exams.step)))
        prior = step_prior(labels[0], n_labels=N_LABELS, step=exams.step, cluster=exams.video)
        defined(quadratic_weighted_kappa(labels[0], prior, **cells))
        for name in ("reference_prevalence", "predicted_prevalence", "bias_index"):
            defined(METRICS[name].function(*(labels < N_LABELS - 1), cluster=exams.video))
        defined(METRICS["mean_difference"].function(*totals))
        defined(METRICS["icc_agreement"].function(*totals, interval=bca))
        bland_altman(*totals)
        confusion_table(*labels, n_labels=N_LABELS)

    def all_raters() -> None:
        raters = list(exams.labels)
        for of_many in (fleiss_kappa, conger_kappa, gwet_ac_of_many, brennan_prediger_of_many):
            defined(of_many(raters, weights="quadratic", **cells))
        defined(krippendorff_alpha(raters, interval=ClusterBootstrap(replicates=REPLICATES), **cells))
        defined(intraclass_correlation(*exams.totals, interval=bca))

    def work() -> None:
        for a, b in ((0, 1), (0, 2), (1, 2)):
            pair(a, b)
        all_raters()

    spent = timed(work)
    what = f"panel of {attempts:,} x 40 x 3, from arrays"
    return [Row(what, spent.wall, "s", 5, beside=spent.text), Row("  its memory", peak_gb(), "GB", 2)]


def panels_from_a_dataset(attempts: int) -> list[Row]:
    """All that `siming rating agree` shows, from sheets of three physicians in memory."""
    from siming.rating.agreement_report import agreement_report

    dataset = dataset_of(Exams(attempts, 40, 3))
    before = peak_gb()
    spent = timed(lambda: agreement_report(dataset, replicates=REPLICATES).to_plain())
    what = f"report of {attempts:,} x 40 x 3, from a dataset"
    beside = f"of which {before:.2f} GB are the sheets themselves"
    return [Row(what, spent.wall, "s", 5, beside=spent.text), Row("  its memory", peak_gb(), "GB", 2, beside=beside)]


def dataset_of(exams: Exams) -> Any:
    """The same labels as sheets: 10 points for label 3, and 7, 5 and 0."""
    from siming.rubric import Attempt, Author, Dataset, DatasetInfo, Entry, Rubric, RubricRef, Sheet
    from siming.rubric.rubric import DeficientBand, MinorBand, OrdinalMap, Step

    n_videos, n_steps = exams.shape
    steps = tuple(
        Step(id=f"s{n:02d}", order=n, title=f"Step {n}", title_zh=f"步骤{n}", max_points=10)
        for n in range(1, n_steps + 1)
    )
    bands = OrdinalMap(minor=MinorBand(max_ratio="1/3"), deficient=DeficientBand(below_ratio="3/4"))
    rubric = Rubric(id="made", version="1", title="Made", title_zh="拟", skill="CPR", ordinal_map=bands, steps=steps)
    ref = RubricRef(id=rubric.id, version=rubric.version)
    points = np.array([0.0, 5, 7, 10])[exams.raters].tolist()
    sheets = [
        Sheet(
            attempt=f"A-{video:05d}",
            rubric=rubric.id,
            rubric_version=rubric.version,
            author=Author(kind="physician", name=name),
            steps={step.id: Entry(points=given) for step, given in zip(steps, row, strict=True)},
        )
        for name, rows in zip(("lin", "okafor", "wei"), points, strict=True)
        for video, row in enumerate(rows)
    ]
    info = DatasetInfo(name="made", version="1", licence="CC0-1.0", rubrics=(ref,), provenance="drawn at random")
    attempts = [Attempt(id=f"A-{video:05d}", rubrics=(ref,)) for video in range(n_videos)]
    return Dataset(Path("made"), info, {rubric.id: rubric}, attempts, sheets)


def specification(attempts: int) -> list[Row]:
    """The targets of section 8, on one core."""
    from siming.metrics import METRICS, ClusterBootstrap, Jackknife
    from siming.metrics.generalizability import g_study
    from siming.metrics.rasch import many_facet_rasch

    exams = Exams(200, 33, 2)
    names = [name for name, metric in METRICS.items() if metric.kind != "totals"]

    def everything(how: Any, *, also: tuple[str, ...] = ()) -> None:
        for name in (*names, *also):
            metric = METRICS[name]
            if metric.kind == "totals":
                sides, cluster = exams.totals, None
            else:
                sides, cluster = (exams.labels < N_LABELS - 1 if metric.kind == "binary" else exams.labels), exams.video
            options = metric.options(n_labels=N_LABELS, step=exams.step)
            defined(metric.function(*sides, cluster=cluster, interval=how, **options))

    everything(Jackknife())
    seeds = iter(range(1, 10))
    bootstraps = seconds(
        lambda: everything(ClusterBootstrap(replicates=10_000, seed=next(seeds)), also=("plcc",)), times=3
    )
    update = seconds(lambda: everything(Jackknife()), times=5)

    flat = {
        "video": np.tile(exams.video, 2),
        "step": np.tile(exams.step, 2),
        "rater": np.repeat(["okafor", "wei"], exams.labels.shape[1]),
    }
    rasch = timed(lambda: many_facet_rasch(exams.labels.ravel(), n_labels=N_LABELS, **flat))

    rng = np.random.default_rng(2)
    person, step, rater = rng.normal(size=(10_000, 1, 1)), rng.normal(size=(1, 40, 1)), rng.normal(size=(1, 1, 2))
    scores = person + step + rater + rng.normal(size=(10_000, 40, 2))
    study = timed(lambda: g_study(scores, design="p x i x r"))
    return [
        Row(f"{len(names)} agreement statistics + PLCC, 10,000 bootstraps of 200", bootstraps, "s", 1),
        Row("all of them anew after a submission, jackknife, 200 x 33", 1000 * update, "ms", 20),
        Row("many-facet Rasch, 13,200 ratings", rasch.wall, "s", 2, beside=rasch.text),
        Row("G study, 10,000 x 40 x 2, with jackknife", study.wall, "s", 1, beside=study.text),
    ]


def defined(measured: Any) -> None:
    """Stop at a benchmark that would time a refusal."""
    assert measured.value is not None, measured
    assert measured.interval is not None, measured


@dataclass(frozen=True)
class Spent:
    """Time of one call."""

    wall: float
    cpu: float

    @property
    def text(self) -> str:
        return f"{self.cpu:.2f} s of processor time"


def timed(work: Callable[[], object]) -> Spent:
    """Time of the first and only call: it pays for every import and cache."""
    cpu = time.process_time()
    wall = seconds(work)
    return Spent(wall, time.process_time() - cpu)


PARTS = (against_scikit_learn, panels_from_arrays, panels_from_a_dataset, specification)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attempts", type=int, default=10_000)
    parser.add_argument("--only", choices=[part.__name__ for part in PARTS], help="one part")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[threads] = "1"  # for the processes of the parts, which load numpy anew

    rows: list[Row] = []
    for part in PARTS:
        if options.only in (None, part.__name__):
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as alone:
                rows += alone.submit(part, options.attempts).result()
    if options.json:
        about: Mapping[str, Any] = {"cpu_count": os.cpu_count(), "python": platform.python_version()}
        print(json.dumps({**about, "rows": [{**asdict(row), "met": row.met} for row in rows]}, indent=2))
    else:
        for row in rows:
            sign = "at least" if row.at_least else "at most"
            verdict = "met" if row.met else "MISSED"
            share = row.value / row.target
            print(
                f"{row.what:<62} {row.value:9.2f} {row.unit:<5} {sign:>8} {row.target:g}: {verdict}, "
                f"{share:.2f} of it{'; ' + row.beside if row.beside else ''}"
            )
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
