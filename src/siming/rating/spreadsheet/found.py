"""What the rows of a table hold, before maxima and scales give the cells their values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from siming.rating.spreadsheet.mark_cell import Reading
from siming.rating.spreadsheet.marks import Details


class Problem(NamedTuple):
    """Something to mend, and where."""

    row: int
    column: int
    text: str
    about_mark: bool
    """Whether a mark is wrong, and not the row it stands in."""


class Sum(NamedTuple):
    """A sum that the sheet states, to be held against the marks it covers."""

    row: int
    column: int
    said: float
    percent: bool
    choices: tuple[tuple[int, ...], ...]
    """Numbers of marks it may be the sum of."""


class Maximum(NamedTuple):
    """A maximum that a row states."""

    row: int
    column: int
    step: str
    value: float


@dataclass
class Found:
    """Everything read so far; the lists of marks are of one length."""

    attempts: list[str] = field(default_factory=list)
    raters: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    """Why the mark is missing; empty where it is there."""
    skills: dict[str, str] = field(default_factory=dict)
    """Steps and the skill that a column or a merged heading gives them."""
    details: Details = field(default_factory=Details)
    sums: list[Sum] = field(default_factory=list)
    maxima: list[Maximum] = field(default_factory=list)
    absent: dict[str, int] = field(default_factory=dict)
    """Attempts that did not take place, and the row that says so."""
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
