"""From runs and a dataset to one report: every number with its interval, its denominator and its baselines.

Nothing here needs a model, a network or a video: predictions and sheets are enough.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from siming import __version__
from siming.bench.arena import metric_for
from siming.bench.cells import Answers, answers_of, reference_column
from siming.bench.clinical.setting import SETTINGS
from siming.bench.contest import Contest
from siming.bench.dossier import attempt_pages
from siming.bench.folder import Run
from siming.bench.missing import Policy, check_policy
from siming.bench.table import Row, Table
from siming.rating.agreement import physician_columns
from siming.rating.cells import Grid, grid_of
from siming.rubric import Dataset
from siming.rubric.files import write_text

SCHEMA = "siming.report/1"
POLARITY = "positive = step done wrong"
MOST_SHUFFLES = 500
"""Shuffles behind the expected best of guessers: a mean and a 95 % point need no more."""

ORDER = tuple(setting.name for setting in SETTINGS)


def score(
    runs: Sequence[Run],
    dataset: Dataset,
    *,
    missing: Policy = "strict",
    replicates: int = 2000,
    seed: int = 0,
    baselines: bool = True,
    humans: bool = True,
) -> dict[str, Any]:
    """Everything a report shows, as plain values (`siming.report/1`).

    The reference is the dataset's consensus. The order of runs, attempts, sheets and predictions changes nothing.

    Args:
        missing: What a missing answer counts for: ``strict`` (the worst admissible value) or ``drop`` (left
            out, for all runs of the setting); see `siming.bench.missing`.
        replicates: Bootstrap replicates for intervals of totals and for ranks, and swaps for comparisons.
        seed: Of both, and of the baselines that draw.
        baselines: Whether to put the blind baselines beside the runs.
        humans: Whether to put physicians beside them.

    Raises:
        DatasetError: the dataset has no consensus sheets.
        RunError: a run that was made for another dataset.
        TaskError: an unknown policy.
    """
    check_policy(missing)
    grid = grid_of(dataset)
    reference = reference_column(dataset, grid)
    physicians = physician_columns(dataset, grid)
    answers = named_answers(runs, dataset, grid)
    rows: dict[str, list[Row]] = {"run": [], "baseline": [], "human": []}
    warnings: list[dict[str, str]] = []
    contests: dict[str, Contest] = {}
    for setting in SETTINGS:
        own = [a for a in answers if a.setting.name == setting.name]
        if not own:
            continue
        table = Table(dataset, grid, reference, setting, own, missing, replicates, seed)
        found = list(table.runs())
        rows["run"] += found
        beside = list(table.baselines()) if baselines else []
        rows["baseline"] += beside
        if humans:
            rows["human"] += list(table.humans(physicians))
        contest = table.hold(
            metric_for(None, asks=setting.asks),
            permutations=replicates,
            shuffles=min(replicates, MOST_SHUFFLES),
            blind=baselines,
        )
        contests[setting.name] = contest
        warnings += table.cautions([*found, *beside], contest)
    info = dataset.info
    return {
        "schema": SCHEMA,
        "siming": __version__,
        "dataset": {
            "name": info.name,
            "version": info.version,
            "licence": info.licence,
            "provenance": info.provenance,
            "n_attempts": len(dataset.attempts),
            "rubrics": [f"{ref.id} {ref.version}" for ref in info.rubrics],
        },
        "reference": "consensus",
        "polarity": POLARITY,
        "missing_policy": missing,
        "ordinal_map": _ordinal_map(dataset),
        "seed": seed,
        "replicates": replicates,
        "entries": [row.json for kind in ("run", "baseline", "human") for row in rows[kind]],
        "groups": next((contest.groups for contest in contests.values()), []),
        "groups_by_setting": {name: contest.groups for name, contest in contests.items()},
        "rankings": {name: contest.to_plain() for name, contest in contests.items()},
        "comparisons": [pair.to_plain() for contest in contests.values() for pair in contest.pairs],
        "warnings": warnings,
        "attempts": attempt_pages(dataset, grid, reference, physicians, answers),
    }


def write_report_json(report: Mapping[str, Any], path: Path) -> None:
    """Write report.json whole; it holds no NaN, so any JSON reader takes it."""
    write_text(path, json.dumps(report, ensure_ascii=False, allow_nan=False, indent=1) + "\n")


def coverage_reached(report: Mapping[str, Any], wanted: float = 1.0) -> bool:
    """Whether every run answered at least this share of the cells it asked about.

    False where there is no run, or a run that asked nothing: that is no success either.
    """
    shares = [entry["coverage"]["share"] for entry in report["entries"] if entry["kind"] == "run"]
    return bool(shares) and all(share is not None and share >= wanted for share in shares)


def named_answers(runs: Sequence[Run], dataset: Dataset, grid: Grid) -> list[Answers]:
    """The runs read, in a fixed order, under names that tell them apart."""
    ordered = sorted(runs, key=lambda run: (_place(run.info.setting), run.info.name, str(run.folder)))
    alike = Counter(run.info.name for run in ordered)
    alike_here = Counter((run.info.name, run.info.setting) for run in ordered)
    numbered: Counter[tuple[str, str]] = Counter()
    out = []
    for run in ordered:
        name, setting = run.info.name, run.info.setting
        numbered[name, setting] += 1
        shown = name if alike[name] == 1 else f"{name} ({setting})"
        if alike_here[name, setting] > 1:
            shown += f" #{numbered[name, setting]}"
        out.append(answers_of(run, dataset, grid, name=shown))
    return out


def _place(setting: str) -> int:
    return ORDER.index(setting) if setting in ORDER else len(ORDER)


def _ordinal_map(dataset: Dataset) -> dict[str, Any]:
    maps = {rubric_id: rubric.ordinal_map.model_dump(mode="json") for rubric_id, rubric in dataset.rubrics.items()}
    first = next(iter(maps.values()))
    if any(other != first for other in maps.values()):
        return {**first, "by_rubric": maps}
    return first
