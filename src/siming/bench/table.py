"""One setting's rows: runs, blind baselines and physicians against the consensus, on comparable cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from siming.bench.arena import Arena, Standing
from siming.bench.baselines import BLIND, baseline_column
from siming.bench.cautions import contest_cautions, most_important_first, setting_cautions, texts
from siming.bench.cells import Answers, said
from siming.bench.clinical.setting import Setting
from siming.bench.contest import Contest
from siming.bench.missing import Policy, at_worst, farthest_labels, worst_case
from siming.metrics import Measured, mcc, quadratic_weighted_kappa
from siming.metrics.registry import Metric
from siming.rating.agreement import (
    BESIDE,
    POINTS,
    REPORTED,
    VERDICTS,
    Kind,
    Pair,
    binary_counts,
    confusion_of,
    kappa_of_labels,
    limits_of_agreement,
    measure_pair,
    pair_of,
    physician_pairs,
)
from siming.rating.cells import MISSING, Bools, Column, Grid, Ints, column_of_entries, labels_of
from siming.rubric import ALTERNATIVE_MAPS, N_LABELS, Dataset, Entry, Language
from siming.rubric.rubric import OrdinalMap

NO_ANSWER_OF_KIND = "no answer of the kind asked for"


@dataclass(frozen=True)
class Row:
    """One entry of the report and what later steps need of it."""

    json: dict[str, Any]
    """As it stands in report.json."""
    measured: Mapping[str, Measured]


@dataclass(frozen=True)
class _Answered:
    """An author's cells under the setting's policy for missing answers."""

    judged: Bools
    """Cells the reference judges."""
    answered: Bools
    whole: Bools
    used: Bools
    empty: Bools
    """Cells in use without an answer."""
    full: Column
    """The author's column with those filled."""


@dataclass(frozen=True)
class Table:
    """All that is compared in one setting."""

    dataset: Dataset
    grid: Grid
    reference: Column
    setting: Setting
    answers: Sequence[Answers]
    policy: Policy
    replicates: int
    seed: int

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What can be measured: all where points are asked for, verdicts else."""
        return POINTS if self.setting.asks == "points" else VERDICTS

    @property
    def titles(self) -> Mapping[Language, str]:
        """The setting's name by language."""
        return {"en": self.setting.title, "zh": self.setting.title_zh}

    def hold(self, metric: Metric, *, permutations: int, shuffles: int, blind: bool = True) -> Contest:
        """All runs against one another, and against the blind baselines if wanted."""
        arena = Arena(
            self.grid,
            self.reference,
            self.setting.name,
            metric,
            permutations=permutations,
            replicates=self.replicates,
            shuffles=shuffles,
            seed=self.seed,
        )
        runs = [self._standing(a.name, a.column, a.asked) for a in self.answers]
        beside = [self._standing(column.name, column, self.asked_by_any) for column in self._blind] if blind else []
        return arena.hold(runs, beside)

    @cached_property
    def judged(self) -> Bools:
        """Cells the reference judges."""
        return said(self.reference, self.setting)

    @cached_property
    def asked_by_any(self) -> Bools:
        """Cells on which baselines and people stand, under `strict`."""
        asked: Bools = np.logical_or.reduce([a.asked for a in self.answers])
        return asked

    @cached_property
    def asked_by_all(self) -> Bools:
        """Cells that may be compared under `drop`."""
        asked: Bools = np.logical_and.reduce([a.asked for a in self.answers])
        return asked

    @cached_property
    def answered_by_all(self) -> Bools:
        """Cells that are compared under `drop`, if the reference judges them."""
        answered: Bools = np.logical_and.reduce([a.answered for a in self.answers])
        return answered

    @cached_property
    def _blind(self) -> list[Column]:
        known: dict[str, Any] = {"asks": self.setting.asks, "seed": self.seed, "reference": self.reference}
        return [baseline_column(name, self.dataset, self.grid, **known) for name in BLIND]

    def runs(self) -> Iterator[Row]:
        """One row per run."""
        for a in self.answers:
            note = None if a.run.info.limit is None else "limit"
            coverage = {"requests": sum(a.by_status.values()), "by_status": a.by_status}
            model = a.run.info.model
            yield self._row(
                "run", a.name, model, a.column, a.asked, note=note, limit=a.run.info.limit, coverage=coverage
            )

    def baselines(self) -> Iterator[Row]:
        """One row per blind baseline."""
        for column in self._blind:
            yield self._row("baseline", column.name, column.name, column, self.asked_by_any)

    def humans(self, physicians: Mapping[str, Column]) -> Iterator[Row]:
        """One row per two physicians, then each against the consensus, and against the others where there are two."""
        for found in physician_pairs(self.dataset, self.grid):
            one, other = physicians[found.first], physicians[found.second]
            asked = found.asked & self.asked_by_any
            name = f"{found.first} – {found.second}"
            yield self._row("human", name, None, other, asked, against=one, note="pair")
        for name, column in physicians.items():
            asked = self.asked_by_any & np.array([entry is not None for entry in column.entries])
            if not asked.any():
                continue
            others = [c for other, c in physicians.items() if other != name]
            left_out = _median_of(self.grid, others)
            yield self._row("human", name, None, column, asked, against=self.reference, note="in-consensus")
            if left_out is not None and (asked & left_out.has_points).any():
                yield self._row("human", f"{name} – others", None, column, asked, against=left_out, note="left-out")

    def cautions(self, rows: Sequence[Row], contest: Contest) -> list[dict[str, str]]:
        """Warnings about these rows and about how their runs compare."""
        used = self.asked_by_any & self.judged
        labels = self.reference.labels[used] if self.setting.asks == "points" else np.array([], dtype=np.int64)
        own = setting_cautions(
            self.titles,
            [row.json for row in rows],
            [row.measured for row in rows],
            label_counts=np.bincount(labels[labels != MISSING], minlength=N_LABELS).tolist(),
            n_videos=len(np.unique(self.grid.cluster[used])),
            ranking=contest.metric.name,
            policy=self.policy,
        )
        return most_important_first([*own, *contest_cautions(self.titles, contest)])

    def _row(
        self,
        kind: str,
        name: str,
        model: str | None,
        column: Column,
        asked: Bools,
        *,
        against: Column | None = None,
        note: str | None = None,
        limit: int | None = None,
        coverage: Mapping[str, Any] | None = None,
    ) -> Row:
        reference = against or self.reference
        cells = self._answered(column, asked, reference, human=kind == "human")
        judged, answered, whole, used = cells.judged, cells.answered, cells.whole, cells.used
        empty, full = cells.empty, cells.full
        left_out = self._left_out(reference, column, asked, answered, used)
        pair = pair_of(self.grid, reference, full, used=used, whole=whole)
        limits_on = pair
        measured = self._measure(pair, REPORTED, left_out)
        if empty.any():
            alone = pair_of(self.grid, reference, column, used=used & answered, whole=whole)
            measured = at_worst(measured, self._measure(alone, REPORTED, left_out))
            if "mean_difference" in measured and measured["mean_difference"].n != pair.n_totals:
                limits_on = alone
        metrics = {key: value.to_json() for key, value in measured.items()}
        if metrics.get("mean_difference", {}).get("value") is not None:
            metrics["mean_difference"]["limits"] = limits_of_agreement(limits_on)
        counts = binary_counts(pair)
        points = self.setting.asks == "points"
        json_row = {
            "kind": kind,
            "name": name,
            "model": model,
            "setting": self.setting.name,
            "note": _note(note, "en", limit),
            "note_zh": _note(note, "zh", limit),
            "coverage": {
                "cells_asked": int(asked.sum()),
                "cells_answered": int(answered.sum()),
                "share": int(answered.sum()) / int(asked.sum()) if asked.any() else None,
                "requests": 0,
                "by_status": {},
                "cells_missing": _missing(reference, column, asked, answered, judged),
                **(coverage or {}),
            },
            "prevalence": _prevalence(counts),
            "metrics": metrics,
            "beside": {key: value.to_json() for key, value in self._measure(pair, BESIDE, {}).items()},
            "confusion": confusion_of(pair) if points else None,
            "binary": counts,
            "per_step": list(_per_step(pair, points=points)),
            "alternative_maps": self._alternative_maps(reference, column, used, empty) if points else {},
        }
        return Row(json_row, measured)

    def _standing(self, name: str, column: Column, asked: Bools) -> Standing:
        cells = self._answered(column, asked, self.reference)
        return Standing(name, cells.full, cells.used, cells.whole)

    def _answered(self, column: Column, asked: Bools, reference: Column, *, human: bool = False) -> _Answered:
        judged = said(reference, self.setting)
        answered = asked & said(column, self.setting)
        if human:
            whole = asked & (judged | answered) if reference is not self.reference else asked & judged
            used = asked & judged & answered
        elif self.policy == "drop":
            whole = asked & judged & self.asked_by_all
            used = whole & answered & self.answered_by_all
        else:
            whole = used = asked & judged
        empty = used & ~answered
        full = worst_case(self.grid, reference, column, empty) if empty.any() else column
        return _Answered(judged, answered, whole, used, empty, full)

    def _measure(self, pair: Pair, names: Mapping[str, str], left_out: Mapping[str, int]) -> dict[str, Measured]:
        return measure_pair(
            pair,
            kinds=self.kinds,
            names=names,
            left_out=left_out,
            replicates=self.replicates,
            seed=self.seed,
        )

    def _left_out(
        self, reference: Column, column: Column, asked: Bools, answered: Bools, used: Bools
    ) -> dict[str, int]:
        """Cells of the dataset that the metrics do not stand on, by the first reason that applies."""
        judged = said(reference, self.setting)
        counted: Counter[str] = Counter()
        counted["not asked"] = int((~asked).sum())
        for i in np.flatnonzero(asked & ~used):
            if not judged[i]:
                counted[f"{reference.why[i]} (reference)"] += 1
            elif not answered[i]:
                counted[column.why[i] or NO_ANSWER_OF_KIND] += 1
            else:
                counted["not answered by every run"] += 1
        return {why: n for why, n in sorted(counted.items()) if n}

    def _alternative_maps(
        self, reference: Column, column: Column, used: Bools, empty: Bools
    ) -> dict[str, dict[str, Any]]:
        out = {}
        for mapping in ALTERNATIVE_MAPS:
            truth = np.where(used, self._labels_under(mapping, reference), MISSING)
            given = np.where(used, self._labels_under(mapping, column), MISSING)
            filled = np.where(empty, farthest_labels(truth), given)
            measured = {"qwk": kappa_of_labels(self.grid, truth, filled)}
            if empty.any():
                alone = kappa_of_labels(self.grid, np.where(empty, MISSING, truth), given)
                measured = at_worst(measured, {"qwk": alone})
            out[mapping.name] = measured["qwk"].to_json()
        return out

    def _labels_under(self, mapping: OrdinalMap, column: Column) -> Ints:
        if column is not self.reference:
            return labels_of(self.grid, column.entries, mapping)
        if mapping.name not in self._reference_under:
            self._reference_under[mapping.name] = labels_of(self.grid, column.entries, mapping)
        return self._reference_under[mapping.name]

    @cached_property
    def _reference_under(self) -> dict[str, Ints]:
        """The reference's labels by mapping: every row of the table asks for them."""
        return {}


def _note(key: str | None, language: Language, limit: int | None) -> str | None:
    return None if key is None else str(texts(language)["notes"][key].format(limit=limit))


def _missing(reference: Column, column: Column, asked: Bools, answered: Bools, judged: Bools) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for i in np.flatnonzero(asked & ~answered):
        counted[column.why[i] or NO_ANSWER_OF_KIND] += 1
    for i in np.flatnonzero(asked & ~judged):
        counted[f"{reference.why[i]} (reference)"] += 1
    return dict(sorted(counted.items()))


def _prevalence(counts: Mapping[str, int]) -> dict[str, float | None]:
    n = sum(counts.values())
    if not n:
        return {"reference": None, "prediction": None}
    return {
        "reference": (counts["tp"] + counts["fn"]) / n,
        "prediction": (counts["tp"] + counts["fp"]) / n,
    }


def _per_step(pair: Pair, *, points: bool) -> Iterator[dict[str, Any]]:
    grid = pair.grid
    first, second = (pair.first_labels, pair.second_labels) if points else (pair.first_wrong, pair.second_wrong)
    for number in np.unique(grid.step):
        cells = np.flatnonzero(grid.step == number)
        compared = cells[first[cells] != MISSING]
        one, other = first[compared], second[compared]
        row: dict[str, Any] = {
            "step": grid.steps[cells[0]].id,
            "rubric": grid.rubric[cells[0]].id,
            "n": len(compared),
        }
        if not len(compared):
            blank = dict.fromkeys(("raw_agreement", "qwk", "mcc", "mean_reference", "mean_prediction"))
            yield {**row, **blank, "reason": "no pairs: no cell is compared"}
            continue
        verdicts = mcc(pair.first_wrong[compared], pair.second_wrong[compared], interval=None)
        found = {"mcc": verdicts}
        if points:
            found["qwk"] = quadratic_weighted_kappa(one, other, n_labels=N_LABELS, interval=None)
        reasons = [f"{name}: {m.reason}" for name, m in sorted(found.items(), reverse=True) if m.reason]
        yield {
            **row,
            "raw_agreement": float((one == other).mean()),
            "qwk": found["qwk"].value if points else None,
            "mcc": verdicts.value,
            "reason": "; ".join(reasons) or None,
            "mean_reference": float(one.mean()),
            "mean_prediction": float(other.mean()),
        }


def _median_of(grid: Grid, columns: Sequence[Column]) -> Column | None:
    """The middle of several physicians' points, cell by cell; None for fewer than two physicians."""
    if len(columns) < 2:
        return None
    entries: list[Entry | None] = []
    for said_here in zip(*(column.points for column in columns), strict=True):
        given = [points for points in said_here if not np.isnan(points)]
        entries.append(Entry(points=float(np.median(given))) if len(given) > 1 else None)
    return column_of_entries(grid, entries, name="others")
