"""Pass marks of an exam and its stations, by any of six methods, and how the stations behaved at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from siming.errors import DatasetError, TaskError
from siming.metrics import Measured
from siming.metrics.standards import (
    between_group_share,
    borderline_group,
    borderline_regression,
    contrasting_groups,
    exam_borderline_regression,
    station_metrics,
)
from siming.rating.judges import hofstee_of, judged_cuts
from siming.rating.plain import plain
from siming.rating.spreadsheet.note import in_both
from siming.rating.stations import Station, Stations, need_grades

SCHEMA = "siming.standard/1"

Method = Literal["borderline-regression", "borderline-group", "contrasting-groups", "angoff", "ebel", "hofstee"]
METHODS: tuple[Method, ...] = (
    "borderline-regression",
    "borderline-group",
    "contrasting-groups",
    "angoff",
    "ebel",
    "hofstee",
)
BY_GRADES = METHODS[:3]
"""Methods that need global ratings; the others need a table of judges."""


@dataclass(frozen=True)
class Cut:
    """A pass mark and what the method says beside it."""

    cut: Measured
    parts: Mapping[str, Any] = field(default_factory=dict)
    """Of borderline regression slope, intercept, r_squared, standard_error, bootstrap_rmse; of contrasting groups
    false_pass, false_fail; of judges standard_error, by_judge, rounds, shifts; of Hofstee the limits."""


@dataclass(frozen=True)
class StationStandard:
    """One station at its cut."""

    skill: str
    n: int
    """Rows with a total and, for methods that need it, a global rating."""
    cut: Measured
    parts: Mapping[str, Any]
    points: tuple[tuple[float, float], ...]
    """(global rating, total) of every sheet."""
    mean: float | None
    fail_rate: Measured
    critical_fails: Measured | None
    """Steps failed critically, over all attempts; None where deductions are unknown."""
    fail_rate_with_critical: Measured | None
    """Share below the cut or with a critical fail."""
    between: Mapping[str, Measured]
    """Share of the totals' variance between sites, and between raters."""


@dataclass(frozen=True)
class Standard:
    """What `set_standard` returns."""

    source: str
    notes: tuple[str, ...]
    method: str
    unit: str
    whose: str
    """Whose totals are held against the cut."""
    borderline: float | None
    scale: tuple[int, ...] | None
    stations: tuple[StationStandard, ...]
    exam: Mapping[str, Any]

    def to_plain(self) -> dict[str, Any]:
        """Plain values for JSON, with the sentences in both languages."""
        from siming.rating.words import words_of

        out = {"schema": SCHEMA, **plain(self), **in_both(self.notes)}
        # What a method says beside its cut stands with the station, as the page draws it.
        out["stations"] = [
            {**{name: value for name, value in each.items() if name != "parts"}, **each["parts"]}
            for each in out["stations"]
        ]
        return {**out, "words": words_of(out)}


def set_standard(
    stations: Stations,
    *,
    method: Method = "borderline-regression",
    borderline: float = 2,
    scale: Sequence[int] | None = None,
    judges: Path | None = None,
    boxes: Path | None = None,
    replicates: int = 2000,
    seed: int = 0,
) -> Standard:
    """Pass marks by one method, and the stations' fail rates at them.

    Args:
        stations: From `stations_of` or `read_results`.
        borderline: Global rating of a just acceptable candidate.
        scale: All global ratings there are; those of the source unless given.
        judges, boxes: Tables of judges, for Angoff, Ebel and Hofstee; see `siming.rating.judges`.
        replicates, seed: Of the bootstrap.

    Raises:
        TaskError: a method that lacks its judges, or another that was given some.
        DatasetError: no global ratings where the method needs them.
    """
    if method in BY_GRADES:
        if judges is not None or boxes is not None:
            raise TaskError(f"--method {method} reads global ratings and no judges; leave --judges and --boxes out")
        need_grades(stations)
    elif judges is None:
        raise TaskError(f"--method {method} stands on judges; give their table with --judges FILE (see the help)")
    legal = tuple(scale or stations.scale)
    cuts, exam = _cuts(stations, method, borderline, legal, judges, boxes, replicates, seed)
    by_grade = method in BY_GRADES
    totals, cluster = stations.exam_totals()
    return Standard(
        source=Path(stations.source).name,
        notes=stations.notes,
        method=method,
        unit=stations.unit,
        whose=stations.whose,
        borderline=borderline if by_grade else None,
        scale=legal if by_grade else None,
        stations=tuple(_at_cut(station, cut, by_grade) for station, cut in zip(stations.stations, cuts, strict=True)),
        exam={
            "cut": exam.cut,
            **exam.parts,
            "n": int((~np.isnan(totals)).sum()),
            "fail_rate": _fail_rate(totals, cluster, exam.cut),
        },
    )


def _cuts(
    stations: Stations,
    method: Method,
    borderline: float,
    scale: Sequence[int],
    judges: Path | None,
    boxes: Path | None,
    replicates: int,
    seed: int,
) -> tuple[list[Cut], Cut]:
    each = stations.stations
    if method == "borderline-regression":
        return _regression(stations, borderline, scale, replicates, seed)
    if method == "borderline-group":
        cuts = [
            Cut(borderline_group(s.total, s.grade, borderline=borderline, scale=scale, cluster=s.cluster)) for s in each
        ]
        return cuts, _mean_cut([cut.cut for cut in cuts])
    if method == "contrasting-groups":
        cuts = [_contrast(station, borderline) for station in each]
        return cuts, _mean_cut([cut.cut for cut in cuts])
    assert judges is not None
    if method == "hofstee":
        totals, cluster = stations.exam_totals()
        found = hofstee_of(judges, totals, cluster)
        why = "the judges spoke of the whole exam"
        nothing = Cut(Measured(None, 0, reason=why))
        return [nothing] * len(each), Cut(found.cut, {"limits": _limits(found)})
    if stations.dataset is None:
        raise DatasetError(
            f"{stations.source}: --method {method} adds up steps, and a table of results has none; give a dataset, "
            "or a spreadsheet with points per step"
        )
    if method == "ebel" and boxes is None:
        raise TaskError(
            "--method ebel sorts steps into boxes; give them with --boxes FILE (step, relevance, difficulty)"
        )
    found_cuts, exam = judged_cuts(stations.dataset, judges, boxes if method == "ebel" else None)
    return [Cut(*found_cuts[station.skill]) for station in each], Cut(*exam)


def _regression(
    stations: Stations, borderline: float, scale: Sequence[int], replicates: int, seed: int
) -> tuple[list[Cut], Cut]:
    cuts = []
    for station in stations.stations:
        found = borderline_regression(
            station.total,
            station.grade,
            borderline=borderline,
            scale=scale,
            cluster=station.cluster,
            replicates=replicates,
            seed=seed,
        )
        parts = {
            "slope": found.slope,
            "intercept": found.intercept,
            "r_squared": found.r_squared,
            "standard_error": found.standard_error,
            "bootstrap_rmse": found.bootstrap_rmse,
        }
        cuts.append(Cut(found.cut, parts))
    if len(cuts) == 1:
        return cuts, Cut(cuts[0].cut, {"bootstrap_rmse": cuts[0].parts["bootstrap_rmse"]})
    keys = sorted(
        {(a, r) for s in stations.stations for a, r in zip(s.attempt.tolist(), s.rater.tolist(), strict=True)}
    )
    row = {key: number for number, key in enumerate(keys)}
    marks = np.full((len(keys), len(stations.stations)), np.nan)
    grades = marks.copy()
    cluster = np.empty(len(keys), dtype=object)
    for column, station in enumerate(stations.stations):
        at = [row[key] for key in zip(station.attempt.tolist(), station.rater.tolist(), strict=True)]
        marks[at, column], grades[at, column], cluster[at] = station.total, station.grade, station.cluster
    exam = exam_borderline_regression(
        marks,
        grades,
        borderline=borderline,
        scale=scale,
        cluster=cluster.astype(np.str_),
        replicates=replicates,
        seed=seed,
    )
    return cuts, Cut(exam.cut, {"bootstrap_rmse": exam.bootstrap_rmse})


def _contrast(station: Station, borderline: float) -> Cut:
    """Above the borderline competent, below it not; who stands on it belongs to neither group."""
    clear = station.grade != borderline
    competent = np.where(np.isnan(station.grade) | ~clear, np.nan, station.grade > borderline)
    found = contrasting_groups(station.total, competent, cluster=station.cluster)
    return Cut(
        found.cut,
        {"false_pass": found.false_pass, "false_fail": found.false_fail, "n_borderline": int((~clear).sum())},
    )


def _mean_cut(cuts: Sequence[Measured]) -> Cut:
    """An exam's cut is the mean of its stations' cuts."""
    known = [cut.value for cut in cuts if cut.value is not None]
    if len(cuts) == 1:
        return Cut(cuts[0])
    n = sum(cut.n for cut in cuts)
    if len(known) < len(cuts):
        return Cut(Measured(None, n, reason=f"{len(cuts) - len(known)} of {len(cuts)} stations have no cut"))
    why = "candidates take all stations, so the stations' intervals do not add up"
    return Cut(Measured(float(np.mean(known)), n, interval_reason=why))


def _limits(found: Any) -> dict[str, float]:
    return {name: getattr(found, name) for name in ("lowest_cut", "highest_cut", "lowest_fail", "highest_fail")}


def _at_cut(station: Station, cut: Cut, by_grade: bool) -> StationStandard:
    used = ~np.isnan(station.total) & (~np.isnan(station.grade) if by_grade else True)
    graded = ~np.isnan(station.total) & ~np.isnan(station.grade)
    known = station.final[~np.isnan(station.final)]
    between = {}
    if len({site for site in station.site if site is not None}) > 1:
        between["site"] = between_group_share(station.final, station.site, cluster=station.final_cluster)
    if len(np.unique(station.rater)) > 1:
        between["rater"] = between_group_share(station.total, station.rater.tolist(), cluster=station.cluster)
    critical = rate = with_critical = None
    if cut.cut.value is None:
        rate = Measured(None, len(known), reason=cut.cut.reason)
    elif not len(known):
        rate = Measured(None, 0, reason="no attempt has a total")
    else:
        found = station_metrics(
            station.final, pass_mark=cut.cut.value, critical=station.critical, cluster=station.final_cluster
        )
        critical, rate, with_critical = found.critical_fails, found.fail_rate, found.fail_rate_with_critical
    return StationStandard(
        skill=station.skill,
        n=int(used.sum()),
        cut=cut.cut,
        parts=cut.parts,
        points=tuple(
            (float(grade), float(total))
            for grade, total in zip(station.grade[graded], station.total[graded], strict=True)
        ),
        mean=float(known.mean()) if len(known) else None,
        fail_rate=rate,
        critical_fails=critical,
        fail_rate_with_critical=with_critical,
        between=between,
    )


def _fail_rate(totals: Any, cluster: Any, cut: Measured) -> Measured:
    known = ~np.isnan(totals)
    if cut.value is None:
        return Measured(None, int(known.sum()), reason=cut.reason)
    if not known.any():
        return Measured(None, 0, reason="no attempt has a total in every station")
    return station_metrics(totals, pass_mark=cut.value, cluster=cluster).fail_rate
