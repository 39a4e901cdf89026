"""Stations: the totals and global ratings of one skill, from a dataset's sheets or from a table of results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from siming.errors import DatasetError, SheetError
from siming.rating.cells import Floats, totals_of
from siming.rating.heading_table import HeadingTable, read_heading_table
from siming.rating.ratings import (
    Ratings,
    Texts,
    cells_of_skill,
    final_points,
    global_scale,
    read_ratings,
)
from siming.rubric import Dataset, Sheet

RESULT_COLUMNS: Mapping[str, Sequence[str]] = {
    "attempt": ("candidate", "student", "id", "考生", "学号", "准考证号", "考号", "姓名"),
    "skill": ("station", "技能", "考站", "站点", "项目"),
    "rater": ("examiner", "评委", "考官", "评分者", "评分人"),
    "total": ("score", "marks", "points", "总分", "得分", "成绩"),
    "grade": ("global rating", "global grade", "global", "总体评价", "整体评价", "整体评分", "总体评分", "等级"),
    "site": ("centre", "center", "考点", "中心"),
}
"""Columns of a table of results, and other headings that mean them."""


@dataclass(frozen=True)
class Station:
    """One skill. The first arrays have a row per rater's sheet, the `final` ones a row per attempt."""

    skill: str
    attempt: Texts
    rater: Texts
    total: Floats
    """NaN where the rater left a step open."""
    grade: Floats
    """Global rating, NaN where none was given."""
    cluster: Texts
    """Candidate."""
    final_attempt: Texts
    final: Floats
    """The total that counts: of the consensus, else the mean of the raters."""
    final_cluster: Texts
    critical: Floats | None
    """Steps of an attempt with a deduction that the rubric calls critical; None where deductions are unknown."""
    site: tuple[str | None, ...]
    """Of each attempt."""


@dataclass(frozen=True)
class Stations:
    """All skills of an exam."""

    source: str
    stations: tuple[Station, ...]
    scale: tuple[int, ...]
    unit: str
    """``points of 100``, or ``marks`` where a table of results has its own."""
    whose: str
    """Whose totals count: ``consensus``, ``mean``, or a rater."""
    dataset: Dataset | None
    notes: tuple[str, ...] = ()

    def exam_totals(self) -> tuple[Floats, Texts]:
        """Mean over the stations of every attempt that has all of them, NaN else; and its candidates."""
        attempts = sorted({name for station in self.stations for name in station.final_attempt.tolist()})
        place = {name: number for number, name in enumerate(attempts)}
        table = np.full((len(attempts), len(self.stations)), np.nan)
        cluster = np.array(attempts, dtype=object)
        for column, station in enumerate(self.stations):
            at = [place[name] for name in station.final_attempt.tolist()]
            table[at, column] = station.final
            cluster[at] = station.final_cluster
        return table.mean(axis=1), cluster.astype(np.str_)


def stations_of(dataset: Dataset, *, notes: tuple[str, ...] = ()) -> Stations:
    """The stations of a dataset: each skill's totals in points of 100 and global ratings.

    Raises:
        DatasetError: no marks.
    """
    ratings = read_ratings(dataset, fewest=0)
    points, whose = final_points(ratings)
    found = tuple(
        station
        for rubric in dataset.rubrics.values()
        if (station := _station(ratings, rubric.id, rubric.skill, points, whose)) is not None
    )
    return Stations(str(dataset.folder), found, global_scale(dataset), "points of 100", whose, dataset, notes)


def read_results(path: Path, *, scale: Sequence[int] | None = None) -> Stations:
    """A table of results: a row per attempt (and station, and rater) with its total and its global rating.

    Columns: attempt, total; optional grade, skill, rater, site; other headings that mean them are in `RESULT_COLUMNS`.
    Marks are taken as they stand.

    Raises:
        SheetError: a column is lacking, a cell holds something else than a number, or a row stands twice.
    """
    table = read_heading_table(path, RESULT_COLUMNS)
    table.need(("attempt", "total"), what="a table of results")
    skills = table.texts("skill") if "skill" in table else ["exam"] * table.n
    raters = table.texts("rater") if "rater" in table else [""] * table.n
    attempts = table.texts("attempt")
    _check_once(table, attempts, skills, raters)
    totals = np.array(table.numbers("total"))
    grades = np.array(table.numbers("grade")) if "grade" in table else np.full(table.n, np.nan)
    sites = table.texts("site") if "site" in table else [""] * table.n
    stations = []
    for skill in dict.fromkeys(skills):
        rows = np.flatnonzero(np.array(skills) == skill)
        own = np.array(attempts)[rows]
        names, first = np.unique(own, return_index=True)
        final = np.array([_mean(totals[rows][own == name]) for name in names.tolist()])
        stations.append(
            Station(
                skill,
                own,
                np.array(raters)[rows],
                totals[rows],
                grades[rows],
                own,
                names,
                final,
                names,
                None,
                tuple(sites[at] or None for at in rows[first].tolist()),
            )
        )
    legal = tuple(scale) if scale else None
    if legal is None:
        known = grades[~np.isnan(grades)]
        legal = (1, 2, 3, 4, 5)
        if len(known) and not np.isin(known, legal).all():
            raise SheetError(
                f"{path}: holds the global rating {known[~np.isin(known, legal)][0]:g}, which is not on the scale 1 to 5; "
                "name the scale (--scale 0,1,2,3), or correct the cell"
            )
    whose = "mean" if len(set(raters)) > 1 else raters[0] or "the table"
    return Stations(str(path), tuple(stations), legal, "marks", whose, None, table.table.notes)


def is_results(path: Path) -> bool:
    """Whether a file is a table of results with global ratings, and not one of points per step."""
    if not path.is_file():
        return False
    try:
        table = read_heading_table(path, RESULT_COLUMNS)
    except SheetError:
        return False  # whoever reads it as points per step says what is wrong with it
    return {"attempt", "total", "grade"} <= set(table.columns) and set(table.columns) <= set(RESULT_COLUMNS)


def _check_once(table: HeadingTable, attempts: list[str], skills: list[str], raters: list[str]) -> None:
    seen: dict[tuple[str, str, str], int] = {}
    for row, key in enumerate(zip(attempts, skills, raters, strict=True), start=1):
        if key in seen:
            raise SheetError(
                f"{table.table.name} {table.table.line(row)}: attempt {key[0]!r} stands already in "
                f"{table.table.line(seen[key])}; name the station or the rater in a column, or delete one row"
            )
        seen[key] = row


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _station(ratings: Ratings, rubric_id: str, skill: str, points: Floats, whose: str) -> Station | None:
    dataset, grid = ratings.dataset, ratings.grid
    cells = cells_of_skill(ratings, skill)
    attempts = [attempt for attempt in dataset.attempts if any(ref.id == rubric_id for ref in attempt.rubrics)]
    if not attempts:
        return None
    candidate = {attempt.id: attempt.candidate or attempt.id for attempt in attempts}
    place = {name: number for number, name in enumerate(grid.attempts)}
    sheets = [sheet for sheet in dataset.sheets_of("physician") if sheet.rubric == rubric_id]
    totals = {
        name: totals_of(grid, column.points, cells & np.array([entry is not None for entry in column.entries]))
        for name, column in ratings.columns.items()
    }
    judged = cells & (~np.isnan(points) if whose == "mean" else np.ones(grid.n, dtype=bool))
    final = totals_of(grid, points, judged)
    names = [attempt.id for attempt in attempts]
    return Station(
        skill=skill,
        attempt=_texts(sheet.attempt for sheet in sheets),
        rater=_texts(sheet.author.name for sheet in sheets),
        total=np.array([totals[sheet.author.name][place[sheet.attempt]] for sheet in sheets]),
        grade=np.array([np.nan if sheet.global_rating is None else sheet.global_rating for sheet in sheets]),
        cluster=_texts(candidate[sheet.attempt] for sheet in sheets),
        final_attempt=_texts(names),
        final=final[[place[name] for name in names]],
        final_cluster=_texts(candidate[name] for name in names),
        critical=_critical(dataset, rubric_id, names, whose),
        site=tuple(attempt.site for attempt in attempts),
    )


def _texts(values: Any) -> Texts:
    return np.array(list(values), dtype=np.str_)


def _critical(dataset: Dataset, rubric_id: str, attempts: Sequence[str], whose: str) -> Floats | None:
    """Steps per attempt in which the consensus, or else every rater, took a critical deduction."""
    rubric = dataset.rubrics[rubric_id]
    critical = {(step.id, d.id) for step in rubric.steps for d in step.deductions if d.severity == "critical"}
    if not critical:
        return None
    kind = "consensus" if whose == "consensus" else "physician"
    by_attempt: dict[str, list[set[str]]] = {}
    for sheet in dataset.sheets:
        if sheet.rubric == rubric_id and sheet.author.kind == kind:
            by_attempt.setdefault(sheet.attempt, []).append(_failed(sheet, critical))
    return np.array(
        [len(set.intersection(*by_attempt[name])) if name in by_attempt else np.nan for name in attempts], dtype=float
    )


def _failed(sheet: Sheet, critical: set[tuple[str, str]]) -> set[str]:
    return {
        step_id
        for step_id, entry in sheet.steps.items()
        if any((step_id, deduction) in critical for deduction in entry.deductions)
    }


def need_grades(stations: Stations) -> None:
    """Stop where no sheet has a global rating.

    Raises:
        DatasetError: with the mend.
    """
    if not any((~np.isnan(station.grade)).any() for station in stations.stations):
        raise DatasetError(
            f"{stations.source}: no sheet has a global rating, and this method reads the cut off them; add global_rating "
            "to the sheets, a column of them to the spreadsheet (总体评价, or name it with --column global=HEADING), or a "
            "column 'grade' to a table of results; or use --method angoff, ebel or hofstee"
        )
