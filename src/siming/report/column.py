"""The columns of an agreement table, in the order in which they must be read, and how a number is written.

Shared by the terminal and the page, so that both say the same with the same digits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from siming.metrics.resample import FEWEST_CLUSTERS

Plain = Mapping[str, Any]
"""A part of a report: what JSON gives back."""

SETTINGS = ("full-points", "full-errors", "clip-points", "clip-errors")
"""Reading order of the settings; others follow in the order met."""

KINDS = ("human", "run", "baseline")
"""Reading order of a table's rows: the ceiling, what is judged, the floor."""

MISSING = "–"
"""Stands where there is no number. Never 0."""

MINUS = "\u2212"


@dataclass(frozen=True, slots=True)
class Column:
    """One metric of the table."""

    key: str
    """Key in an entry's ``metrics``; ``metric.KEY`` names it in the texts."""
    unit: Literal["share", "marks"] = "share"
    """``share``: at most 1 in size, two decimals. ``marks``: points of 100, one decimal."""
    refused_without_interval: bool = False
    """A correlation of a few totals means nothing without its width (specification of statistics, warning vi)."""


COLUMNS: tuple[Column, ...] = (
    Column("raw_agreement"),
    Column("qwk"),
    Column("qwk_within_step"),
    Column("ac2"),
    Column("ac2_at_chance"),
    Column("mcc"),
    Column("precision"),
    Column("recall"),
    Column("f1"),
    Column("plcc", refused_without_interval=True),
    Column("srcc", refused_without_interval=True),
    Column("mean_difference", unit="marks"),
    Column("icc_a1"),
    Column("bias_index"),
)

MAIN_METRICS = ("qwk_within_step", "mcc")
"""What models are ranked on: the first that a setting can define."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One number as a reader meets it: a value and its interval, or a dash and the reason."""

    value: str
    interval: str | None = None
    limits: str | None = None
    """Limits of agreement, where the metric has them: the range of single differences, not of their mean."""
    reason: str | None = None
    """Set exactly when `value` is the dash."""
    refused: bool = False
    """There is a value, and it is held back because it has no interval."""


def shown(column: Column, measured: Plain) -> Shown:
    """How a measured number is written in this column."""
    value = measured.get("value")
    if value is None:
        return Shown(MISSING, reason=str(measured.get("reason") or ""))
    interval = measured.get("interval")
    if interval is None and column.refused_without_interval and not _perfect(measured):
        return Shown(MISSING, reason=str(measured.get("interval_reason") or ""), refused=True)
    decimals = 1 if column.unit == "marks" else 2
    limits = measured.get("limits")
    return Shown(
        number(value, decimals, signed=column.unit == "marks"),
        interval=bracket(interval, decimals) if interval else None,
        limits=bracket(limits, decimals) if limits else None,
    )


def _perfect(measured: Plain) -> bool:
    """Whether a correlation is 1 on enough videos: it has no interval because no redrawing can change it."""
    return abs(float(measured["value"])) == 1 and int(measured.get("n_clusters") or 0) >= FEWEST_CLUSTERS


def number(value: float | None, decimals: int = 2, *, signed: bool = False) -> str:
    """A number with a true minus sign and no negative zero; a dash for None.

    >>> number(-0.001), number(-0.25), number(3.14159, 1, signed=True)
    ('0.00', '−0.25', '+3.1')
    """
    if value is None:
        return MISSING
    written = f"{value:.{decimals}f}"
    if float(written) == 0:
        written = written.lstrip("-")
    elif signed and value > 0:
        written = f"+{written}"
    return written.replace("-", MINUS)


def bracket(limits: Sequence[float], decimals: int = 2) -> str:
    """An interval; brackets, because a dash between negative numbers cannot be read.

    >>> bracket([-0.1, 0.25])
    '[−0.10, 0.25]'
    """
    return f"[{number(limits[0], decimals)}, {number(limits[1], decimals)}]"


def p_value(p: float | None) -> str:
    """A p value; no probability is 0.

    >>> p_value(0.16), p_value(0.0)
    ('0.160', '< 0.001')
    """
    return "< 0.001" if p is not None and p < 0.001 else number(p, 3)


def marks(points: float | None) -> str:
    """Points as people write them: no decimals unless there are some.

    >>> marks(3.0), marks(2.5), marks(None)
    ('3', '2.5', '–')
    """
    return MISSING if points is None else f"{points:g}".replace("-", MINUS)


def clock(seconds: float) -> str:
    """Minutes and seconds into a recording.

    >>> clock(71.4), clock(0)
    ('1:11.4', '0:00.0')
    """
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def percent(share: float | None) -> str:
    """A share in percent. Only what is complete reads 100 %.

    >>> percent(0.9996), percent(1), percent(None)
    ('99.9 %', '100 %', '–')
    """
    if share is None:
        return MISSING
    if share == 1:
        return "100 %"
    return f"{min(share * 100, 99.9):.1f} %"


def settings_of(report: Plain) -> list[str]:
    """Settings that have entries, in reading order."""
    met = [str(entry["setting"]) for entry in report["entries"] if entry.get("setting")]
    return sorted(dict.fromkeys(met), key=lambda s: SETTINGS.index(s) if s in SETTINGS else len(SETTINGS))


def entries_of(report: Plain, setting: str) -> list[Plain]:
    """Rows of one setting's table: humans, runs, baselines. An entry without a setting belongs to all."""
    rows = [entry for entry in report["entries"] if entry.get("setting") in (setting, None)]
    return sorted(rows, key=lambda entry: KINDS.index(entry["kind"]))


def measured_of(entry: Plain, column: Column) -> Plain | None:
    """What an entry says in a column: one of its metrics, or what stands beside them; None if neither."""
    found: Plain | None = entry["metrics"].get(column.key) or (entry.get("beside") or {}).get(column.key)
    return found


def ceiling(entries: Iterable[Plain], column: Column) -> Plain | None:
    """The physicians' row to hold models against: the first in the report that defines the metric.

    Not the highest: a physician against a consensus made with his own sheet stands too high.
    """
    humans = (entry for entry in entries if entry["kind"] == "human" and column.key in entry["metrics"])
    return next((entry for entry in humans if entry["metrics"][column.key]["value"] is not None), None)


def bare_name(entry: Plain) -> str:
    """An entry's name; a baseline's without the prefix that tells it from a model on the command line."""
    return str(entry["name"]).removeprefix("baseline:")


def groups_of(report: Plain) -> list[tuple[str | None, Sequence[Sequence[str]]]]:
    """Models that cannot be told apart, by setting; under None where the report does not say which."""
    by_setting = report.get("groups_by_setting")
    if by_setting is None:
        return [(None, report["groups"])] if report.get("groups") else []
    return [(setting, by_setting[setting]) for setting in settings_of(report) if by_setting.get(setting)]


def columns_of(entries: Iterable[Plain]) -> list[Column]:
    """Columns that at least one of the entries has, defined or not."""
    entries = list(entries)
    return [column for column in COLUMNS if any(measured_of(entry, column) is not None for entry in entries)]


def main_column(entries: Iterable[Plain]) -> Column | None:
    """The metric that ranks these entries: the first of `MAIN_METRICS` that a run has, else that any has."""
    entries = list(entries)
    runs = [entry for entry in entries if entry["kind"] == "run"] or entries
    for key in MAIN_METRICS:
        if any(key in entry["metrics"] for entry in runs):
            return next(column for column in COLUMNS if column.key == key)
    return None


def n_videos(entry: Plain) -> int | None:
    """Videos that an entry's numbers stand on, as far as a metric says."""
    counts = [m["n_clusters"] for m in entry["metrics"].values() if m.get("n_clusters") is not None]
    return max(counts, default=None)


def n_missing(coverage: Plain) -> int | None:
    """Cells that were asked for and have no answer."""
    asked, answered = coverage.get("cells_asked"), coverage.get("cells_answered")
    return None if asked is None or answered is None else int(asked) - int(answered)
