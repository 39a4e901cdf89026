"""Every snapshot of a room counted again (invariant 10)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select

from siming import __version__
from siming.errors import SimingError
from siming.store.database import Database
from siming.store.figures.panels import Kept
from siming.store.figures.snapshots import first_difference
from siming.store.schema import project, stat_snapshot

Note = Callable[[int, int], None]
"""Told how many of how many are done."""


@dataclass(frozen=True, slots=True)
class Recounted:
    """Whether every figure that was shown comes out again."""

    n: int
    """Snapshots counted again."""
    n_other_version: int
    """Made by another siming, which may count otherwise: left alone."""
    problems: tuple[str, ...]
    """Which snapshot, and the first figure that differs."""

    @property
    def ok(self) -> bool:
        """Whether all of them do."""
        return not self.problems


def recount_all(db: Database, *, note: Note = lambda done, of: None) -> Recounted:
    """Count every snapshot of this version of siming again."""
    with db.read() as c:
        rows = c.execute(
            select(stat_snapshot.c.id, stat_snapshot.c.kind, stat_snapshot.c.code_version, project.c.slug)
            .join(project, project.c.id == stat_snapshot.c.project)
            .order_by(stat_snapshot.c.created_at, stat_snapshot.c.id)
        ).all()
    own = [row for row in rows if row.code_version == __version__]
    problems, kept = [], Kept()
    for number, row in enumerate(own):
        note(number, len(own))
        try:
            found = first_difference(db, row.id, kept=kept)
        except (SimingError, ValueError, KeyError, TypeError) as error:  # what it stands on was harmed
            found = f"it cannot be counted again ({error})"
        if found is not None:
            problems.append(f"{row.kind} {row.id} of {row.slug}: {found}")
    note(len(own), len(own))
    return Recounted(len(own), len(rows) - len(own), tuple(problems))
