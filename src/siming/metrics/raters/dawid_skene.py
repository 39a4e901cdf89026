"""What the raters' agreement alone says of the truth, as a check of the consensus: a latent-class model.

Each cell has one true label that nobody sees; each rater has a table of how often a true label becomes which given one. Both are
estimated together. A consensus label that this model finds improbable deserves a second look; it is not thereby wrong, for
the model knows only the raters, takes their errors as independent, and would follow two raters who err together.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.cells import MISSING, Floats, Ints, read_labels
from siming.metrics.measured import Measured
from siming.metrics.rasch.table import RatingTable, read_rating_table, sums_by
from siming.metrics.resample import JACKKNIFE, IntervalMethod, measure
from siming.metrics.statistic import Statistic, ratio, weighted_sums

MOST_ROUNDS = 2_000
TOLERANCE = 1e-9
TWO_RATERS = (
    "two raters: their accuracies are told apart only by how much the steps differ in their shares of true labels; "
    "a third rater would make them firm"
)


@dataclass(frozen=True, slots=True)
class DoubtfulCell:
    """A cell whose consensus label the model finds improbable."""

    video: Hashable
    step: Hashable
    consensus: int
    likeliest: int
    probability: float
    """Of the consensus label."""


@dataclass(frozen=True, slots=True)
class LatentClasses:
    """What `dawid_skene` returns."""

    prevalence: tuple[float, ...]
    """Share of cells on each true label."""
    confusion: Mapping[Hashable, tuple[tuple[float, ...], ...]]
    """Rater to probabilities of the given label (column) for each true label (row)."""
    accuracy: Mapping[Hashable, Measured]
    """Share of each rater's labels expected to be true."""
    agreement: Measured
    """Share of consensus labels that are the likeliest label; None where no consensus was given."""
    doubtful: tuple[DoubtfulCell, ...]
    """Consensus labels with a probability below the one asked for, least probable first."""
    posterior: Floats = field(repr=False, compare=False)
    """Probability of each true label, (n_cells, n_labels), cells in sorted order of video, then step."""
    cells: tuple[tuple[Hashable, Hashable], ...] = field(repr=False, compare=False)
    log_likelihood: float
    rounds: int
    converged: bool
    notes: tuple[str, ...]
    reason: str | None
    """Why there is no answer, or None."""


def dawid_skene(
    labels: ArrayLike,
    *,
    video: ArrayLike,
    step: ArrayLike,
    rater: ArrayLike,
    n_labels: int,
    consensus: ArrayLike | None = None,
    prevalence: Literal["step", "pooled"] = "step",
    doubt_below: float = 0.5,
    smoothing: float = 0.01,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = JACKKNIFE,
) -> LatentClasses:
    """Probability of each true label from the raters alone, and the consensus labels it doubts.

    EM from the raters' votes. With `prevalence="step"` each step has its own share of true labels, which is what makes two raters
    enough (several populations, Hui and Walter 1980); with pooled shares three raters are needed, and fewer are refused.

    Args:
        labels, video, step, rater, n_labels, cluster: As in `many_facet_rasch`.
        consensus: Consensus label of the cell of each rating (the same for all its raters), -1 where there is none.
        prevalence: Whether each step has own shares of true labels.
        doubt_below: Probability below which a consensus label is listed.
        smoothing: Added to each count of a table, so that a confusion never seen is improbable and not impossible; each step's
            shares are drawn towards the pooled ones with the weight of one cell.
        interval: How to make the intervals, by cluster, the tables held fixed.

    Raises:
        LabelError: As `many_facet_rasch`, a cell with two consensus labels, or a probability or smoothing out of range.

    Source: Dawid and Skene 1979.
    """
    if not 0 < doubt_below <= 1:
        raise LabelError(f"doubt_below is {doubt_below}; give a probability above 0 and at most 1")
    if not smoothing >= 0:
        raise LabelError(f"smoothing is {smoothing}; give 0 or more")
    if prevalence not in ("step", "pooled"):
        raise LabelError(f"unknown prevalence {prevalence!r}; give 'step' or 'pooled'")
    table = read_rating_table(labels, video=video, step=step, rater=rater, n_labels=n_labels, cluster=cluster)
    pair, cell = np.unique(table.video * len(table.steps) + table.step, return_inverse=True)
    of_step, of_video = pair % len(table.steps), pair // len(table.steps)
    names = tuple((table.videos[v], table.steps[s]) for v, s in zip(of_video, of_step, strict=True))
    why = _why_not(table, prevalence)
    if why is not None:
        none = Measured(None, len(pair), reason=why)
        nothing = np.full((len(pair), n_labels), np.nan)
        everyone = dict.fromkeys(table.raters, none)
        return LatentClasses((), {}, everyone, none, (), nothing, names, 0.0, 0, False, (), why)
    population = of_step if prevalence == "step" else np.zeros(len(pair), dtype=np.int64)
    model = _Model(table, cell, population, smoothing)
    posterior, confusion, log_likelihood, rounds, converged = model.run()
    notes: tuple[str, ...] = () if converged else (f"EM had not settled after {rounds} rounds",)
    if len(np.unique(table.rater)) == 2:
        notes += (TWO_RATERS,)
    agreement, doubtful = _judge(table, consensus, video, step, posterior, of_video, of_step, doubt_below, interval)
    return LatentClasses(
        tuple(posterior.mean(axis=0).tolist()),
        {name: tuple(map(tuple, confusion[number].tolist())) for number, name in enumerate(table.raters)},
        {
            name: measure(_accuracy(table, posterior[cell, table.label], number), interval)
            for number, name in enumerate(table.raters)
        },
        agreement,
        doubtful,
        posterior,
        names,
        log_likelihood,
        rounds,
        converged,
        notes,
        None,
    )


def _why_not(table: RatingTable, prevalence: str) -> str | None:
    if table.n == 0:
        return "no rating"
    n_raters = len(np.unique(table.rater))
    n_steps = len(np.unique(table.step))
    if n_raters < 2:
        return "one rater cannot be checked against himself; the model needs at least 2"
    if n_raters == 2 and (prevalence == "pooled" or n_steps < 2):
        return (
            "not identified: two raters and one population fit many tables equally well; "
            "add a third rater, or several steps with prevalence='step'"
        )
    return None


class _Model:
    """EM over the different *patterns* of labels: cells of one step with the same labels by the same raters are alike, so
    that 400,000 cells are a few thousand patterns, each with its count."""

    def __init__(self, table: RatingTable, cell: Ints, population: Ints, smoothing: float) -> None:
        n_raters = len(table.raters)
        given = np.full((len(population), n_raters + 1), MISSING, dtype=np.int64)
        given[:, n_raters] = population
        given[cell, table.rater] = table.label
        patterns, pattern, self.count = np.unique(given, axis=0, return_inverse=True, return_counts=True)
        self.pattern = pattern.reshape(-1)
        self.population, self.n_populations = patterns[:, n_raters], int(population.max()) + 1
        self.row, self.rater = np.nonzero(patterns[:, :n_raters] != MISSING)
        self.label = patterns[self.row, self.rater]
        self.shape = len(patterns), n_raters, table.n_labels
        self.smoothing = smoothing

    def run(self) -> tuple[Floats, Floats, float, int, bool]:
        """Posterior of each cell, confusion tables, log likelihood, rounds and whether it settled."""
        n_patterns, _, k = self.shape
        posterior = np.zeros((n_patterns, k))
        np.add.at(posterior, (self.row, self.label), 1)
        posterior /= posterior.sum(axis=1, keepdims=True)
        rounds, converged = 0, False
        while True:
            confusion, shares = self._maximise(posterior)
            joint = np.log(np.maximum(shares, 1e-300))[self.population]
            log_confusion = np.log(np.maximum(confusion, 1e-300))[self.rater, :, self.label]
            for label in range(k):
                joint[:, label] += np.bincount(self.row, weights=log_confusion[:, label], minlength=n_patterns)
            each = scipy.special.logsumexp(joint, axis=1)
            new = np.exp(joint - each[:, None])
            change = float(np.abs(new - posterior).max())
            posterior, rounds = new, rounds + 1
            if change < TOLERANCE or rounds == MOST_ROUNDS:
                converged = change < TOLERANCE
                break
        return posterior[self.pattern], confusion, float(self.count @ each), rounds, converged

    def _maximise(self, posterior: Floats) -> tuple[Floats, Floats]:
        """Confusion tables and shares of the true labels, given what each cell probably is."""
        _, n_raters, k = self.shape
        cells = posterior * self.count[:, None]
        counts = np.full((n_raters, k, k), float(self.smoothing))
        for label in range(k):
            found = np.bincount(self.rater * k + self.label, weights=cells[self.row, label], minlength=n_raters * k)
            counts[:, label, :] += found.reshape(n_raters, k)
        total = counts.sum(axis=2, keepdims=True)
        # A true label that no cell has tells nothing of the rater; even odds say so without a division by 0.
        confusion = np.divide(counts, total, out=np.full_like(counts, 1 / k), where=total > 0)
        pooled = cells.sum(axis=0) / self.count.sum()
        if self.n_populations == 1:
            return confusion, pooled[None, :]
        shares = np.tile(pooled, (self.n_populations, 1))
        for label in range(k):
            shares[:, label] += np.bincount(self.population, weights=cells[:, label], minlength=self.n_populations)
        return confusion, shares / shares.sum(axis=1, keepdims=True)


def _accuracy(table: RatingTable, right: Floats, rater: int) -> Statistic:
    own = table.rater == rater
    clusters = table.cluster[table.video[own]]
    units = np.column_stack(
        [
            sums_by(clusters, table.n_clusters, right[own]),
            sums_by(clusters, table.n_clusters),
        ]
    )
    return _share(units, int(own.sum()), {"missing": table.missing})


def _share(units: Floats, n: int, left_out: Mapping[str, int]) -> Statistic:
    def of(weights: Floats) -> Floats:
        hits, cells = weighted_sums(weights, units).T
        return ratio(hits, cells)

    return Statistic(
        of=of,
        n=n,
        n_clusters=len(units),
        floats_per_replicate=2,
        why_undefined="no cell",
        left_out=left_out,
        bounds=(0.0, 1.0),
    )


def _judge(
    table: RatingTable,
    consensus: ArrayLike | None,
    video: ArrayLike,
    step: ArrayLike,
    posterior: Floats,
    of_video: Ints,
    of_step: Ints,
    doubt_below: float,
    interval: IntervalMethod | None,
) -> tuple[Measured, tuple[DoubtfulCell, ...]]:
    n_cells = len(posterior)
    if consensus is None:
        return Measured(None, n_cells, reason="no consensus was given"), ()
    agreed = _consensus_of_cells(table, consensus, video, step, of_video, of_step)
    there = np.flatnonzero(agreed != MISSING)
    if not len(there):
        return Measured(None, 0, reason="no consensus label beside any rated cell"), ()
    likeliest = posterior.argmax(axis=1)
    probability = posterior[there, agreed[there]]
    clusters = table.cluster[of_video[there]]
    units = np.column_stack(
        [
            sums_by(clusters, table.n_clusters, agreed[there] == likeliest[there]),
            sums_by(clusters, table.n_clusters),
        ]
    )
    doubtful = tuple(
        DoubtfulCell(
            table.videos[of_video[there[at]]],
            table.steps[of_step[there[at]]],
            int(agreed[there[at]]),
            int(likeliest[there[at]]),
            float(probability[at]),
        )
        for at in np.argsort(probability, kind="stable")
        if probability[at] < doubt_below
    )
    return measure(_share(units, len(there), {"without_consensus": n_cells - len(there)}), interval), doubtful


def _consensus_of_cells(
    table: RatingTable, consensus: ArrayLike, video: ArrayLike, step: ArrayLike, of_video: Ints, of_step: Ints
) -> Ints:
    """The consensus label of each rated cell, from one per rating handed in."""
    label = read_labels(consensus, "the consensus", table.n_labels)
    videos = np.unique(np.asarray(video), return_inverse=True)[1]
    steps = np.unique(np.asarray(step), return_inverse=True)[1]
    if len(label) != len(videos):
        raise LabelError(f"found {len(label)} consensus labels beside {len(videos)} ratings; give one for each")
    grid = np.full((len(table.videos), len(table.steps)), MISSING, dtype=np.int64)
    grid[videos, steps] = label
    split = np.flatnonzero(grid[videos, steps] != label)
    if len(split):
        at = split[0]
        raise LabelError(
            f"rating {at}: step {table.steps[steps[at]]!r} of video {table.videos[videos[at]]!r} has two consensus labels; "
            "give the same with each rater of a cell"
        )
    out: Ints = grid[of_video, of_step]
    return out
