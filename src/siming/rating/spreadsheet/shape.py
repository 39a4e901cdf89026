"""The shape of a table: what each of its columns is.

All shapes are one: a column of marks names its step and its rater, and what it does not name, the row does.
Long: the row names both. Wide: the column names the step. Blocks: the column names both. Steps down and
raters across: the column names the rater. Totals: the step is `TOTAL`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from siming.rating.spreadsheet.header import Header
from siming.rating.spreadsheet.headings import StepNames
from siming.rating.spreadsheet.marks import Kind


class MarkColumn(NamedTuple):
    """A column of marks."""

    column: int
    step: str | None
    """None where the row names it."""
    rater: str | None
    """None where the row or the caller names him."""
    group: str
    """The merged heading above, or empty."""


class DetailColumn(NamedTuple):
    """A column that tells of the attempt, or of the rater's whole sheet."""

    kind: Literal["candidate", "site", "time", "global"]
    column: int
    rater: str | None
    """Whose time or global rating; None where the row names him."""


class SumColumn(NamedTuple):
    """A column that should be the sum of others."""

    column: int
    covers: tuple[tuple[int, ...], ...]
    """What it may be the sum of: numbers of mark columns, the likeliest first."""


@dataclass(frozen=True)
class Layout:
    """What each column is."""

    shape: str
    header: Header
    attempt: int
    marks: tuple[MarkColumn, ...]
    rater: int | None = None
    step: int | None = None
    skill: int | None = None
    maximum: int | None = None
    remarks: tuple[int, ...] = ()
    """Columns without marks, which may still say that the attempt was absent."""
    sums: tuple[SumColumn, ...] = ()
    details: tuple[DetailColumn, ...] = ()
    max_points: Mapping[str, float] = field(default_factory=dict)
    """Maxima that stand in headings, by step."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wishes:
    """What the caller says about the table."""

    names: StepNames | None
    kind: Kind
    rater: str | None
    raters: tuple[str, ...]
    columns: Mapping[str, str]
    ignore: tuple[str, ...]
