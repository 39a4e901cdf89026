"""Runs compared with one another and with the blind baselines: which models can the data tell apart?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from siming import __version__
from siming.bench.arena import metric_for
from siming.bench.cautions import contest_cautions, most_important_first
from siming.bench.cells import reference_column
from siming.bench.clinical.setting import SETTINGS, get_setting
from siming.bench.contest import Contest
from siming.bench.folder import Run
from siming.bench.missing import Policy, check_policy
from siming.bench.score import named_answers
from siming.bench.table import Table
from siming.errors import TaskError
from siming.metrics.registry import get_metric
from siming.rating.cells import grid_of
from siming.rubric import Dataset

SCHEMA = "siming.comparison/1"


@dataclass(frozen=True)
class SettingComparison:
    """What can be said of the models of one setting."""

    contest: Contest
    coverage: Mapping[str, float | None]
    """Share of the cells asked about that each run answered."""
    cautions: Sequence[Mapping[str, str]]
    """What a reader must know first, in both languages."""

    def to_plain(self) -> dict[str, Any]:
        """One of `settings` in `siming.comparison/1`."""
        plain = self.contest.to_plain()
        models = [{**model, "coverage": self.coverage[model["name"]]} for model in plain["models"]]
        pairs = [pair.to_plain() for pair in self.contest.pairs]
        return {**plain, "models": models, "pairs": pairs, "cautions": [dict(found) for found in self.cautions]}


@dataclass(frozen=True)
class Comparison:
    """Runs compared on one dataset, setting by setting."""

    dataset: Dataset
    metric: str | None
    """The metric that was asked for; None for what leaderboards rank by."""
    missing: Policy
    settings: Sequence[SettingComparison]
    replicates: int
    permutations: int
    seed: int

    def to_plain(self) -> dict[str, Any]:
        """As `siming.comparison/1`: strict JSON."""
        info = self.dataset.info
        return {
            "schema": SCHEMA,
            "siming": __version__,
            "dataset": {
                "name": info.name,
                "version": info.version,
                "licence": info.licence,
                "provenance": info.provenance,
                "n_attempts": len(self.dataset.attempts),
                "rubrics": [f"{ref.id} {ref.version}" for ref in info.rubrics],
            },
            "reference": "consensus",
            "metric": self.metric,
            "missing_policy": self.missing,
            "seed": self.seed,
            "replicates": self.replicates,
            "permutations": self.permutations,
            "settings": [found.to_plain() for found in self.settings],
        }


def compare_runs(
    runs: Sequence[Run],
    dataset: Dataset,
    *,
    metric: str | None = None,
    setting: str | None = None,
    missing: Policy = "strict",
    permutations: int = 10_000,
    replicates: int = 10_000,
    shuffles: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare runs on the same cells, within each setting; the reference is the dataset's consensus.

    Args:
        runs: At least one; a single run is compared with the blind baselines.
        metric: Name in `siming.metrics.METRICS`; None for within-step QWK where points are asked for, MCC else.
        setting: Only this one; None for all that the runs were made in and the metric is defined for.
        missing: What a missing answer counts for; see `siming.bench.missing`.
        permutations: Swaps of two models in random videos, for p.
        replicates: Draws of whole videos, for rank intervals and intervals of differences of totals.
        shuffles: Shuffles of the reference's videos, for the best that luck gives.
        seed: Of all of these, and of the baselines that draw.

    Raises:
        DatasetError: The dataset has no consensus sheets.
        RunError: A run that was made for another dataset.
        TaskError: No run in the setting; an unknown metric, setting or policy; a metric that the setting cannot
            define, or on which no model is better than another.
    """
    check_policy(missing)
    if metric is not None:
        get_metric(metric)
    grid = grid_of(dataset)
    reference = reference_column(dataset, grid)
    answers = named_answers(runs, dataset, grid)
    made_in = {a.setting.name: a.setting for a in answers}
    if setting is not None and get_setting(setting).name not in made_in:
        raise TaskError(
            f"no run was made in the setting {setting!r}; these were made in {', '.join(made_in) or 'none: give a run'}"
        )
    wanted = [s for s in SETTINGS if s.name in made_in and setting in (None, s.name)]
    if not wanted:
        raise TaskError("found no run to compare; give at least one run folder")
    # With a metric of points, runs that were asked for verdicts are passed over unless they are all there is.
    able = [s for s in wanted if metric is None or s.asks == "points" or get_metric(metric).kind == "binary"]
    found = []
    for chosen in able or wanted:
        own = [a for a in answers if a.setting.name == chosen.name]
        table = Table(dataset, grid, reference, chosen, own, missing, replicates, seed)
        contest = table.hold(metric_for(metric, asks=chosen.asks), permutations=permutations, shuffles=shuffles)
        shares = {a.name: int(a.answered.sum()) / int(a.asked.sum()) if a.asked.any() else None for a in own}
        found.append(SettingComparison(contest, shares, most_important_first(contest_cautions(table.titles, contest))))
    return Comparison(dataset, metric, missing, found, replicates, permutations, seed)
