"""Locked sheets for statistics: read once, kept slim, so that ten thousand attempts fit and new ones cost what they are.

Statistics need status, points, deductions and verdicts, not notes or evidence. A physician has few different
judgements, so equal entries are one object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Text, func, select, type_coerce

from siming.rubric import Author, Entry, Sheet
from siming.store.canonical import digest
from siming.store.schema import assignment, attempt, submission

PORTION = 500
"""Submissions fetched with one statement."""


@dataclass(frozen=True, slots=True)
class Input:
    """A locked first submission that a statistic stands on."""

    submission: str
    sha256: str
    attempt: str
    """Id of the attempt."""


@dataclass(slots=True)
class SlimSheets:
    """Sheets of submissions already read. Submissions never change, so nothing here grows old."""

    _sheets: dict[str, tuple[Sheet, ...]] = field(default_factory=dict)
    _entries: dict[object, Entry] = field(default_factory=dict)

    def of(self, connection: Connection, submissions: Sequence[str]) -> list[Sheet]:
        """The sheets of some submissions, in the order given; what is new is read from the database."""
        lacking = [name for name in submissions if name not in self._sheets]
        for start in range(0, len(lacking), PORTION):
            wanted = select(submission.c.id, submission.c.sheets).where(
                submission.c.id.in_(lacking[start : start + PORTION])
            )
            for row in connection.execute(wanted):
                self._sheets[row.id] = tuple(self._slim(plain) for plain in row.sheets)
        return [sheet for name in submissions for sheet in self._sheets[name]]

    def _slim(self, plain: Mapping[str, Any]) -> Sheet:
        # The sheet was checked when it was locked; checking a million entries again would take minutes.
        return Sheet.model_construct(
            attempt=plain["attempt"],
            rubric=plain["rubric"],
            rubric_version=plain["rubric_version"],
            author=Author.model_construct(**plain["author"]),
            steps={step: self._entry(entry) for step, entry in plain["steps"].items()},
            submitted_at=plain.get("submitted_at"),
            global_rating=plain.get("global_rating"),
            **({"purpose": plain["purpose"]} if "purpose" in plain else {}),
        )

    def _entry(self, plain: Mapping[str, Any]) -> Entry:
        status, deductions = plain.get("status", "judged"), tuple(plain.get("deductions", ()))
        said = (status, plain.get("points"), deductions, plain.get("void", False), plain.get("wrong"))
        found = self._entries.get(said)
        if found is None:  # made only now: a sheet has forty entries, and nearly all of them are known
            found = self._entries[said] = Entry.model_construct(**dict(zip(_SAID, said, strict=True)))
        return found


_SAID = ("status", "points", "deductions", "void", "wrong")


def inputs_of(connection: Connection, project_id: str, *, purposes: Iterable[str]) -> list[Input]:
    """First submissions of a project's attempts that are not excluded, in the order of their ids."""
    wanted = (
        select(submission.c.id, submission.c.sha256, assignment.c.attempt)
        .join(assignment, assignment.c.id == submission.c.assignment)
        .join(attempt, attempt.c.id == assignment.c.attempt)
        .where(
            assignment.c.project == project_id,
            submission.c.revision == 1,
            submission.c.purpose.in_(sorted(purposes)),
            attempt.c.state != "excluded",
        )
        .order_by(submission.c.id)
    )
    return [Input(*row) for row in connection.execute(wanted)]


@dataclass(frozen=True, slots=True)
class Present:
    """How far a project has come."""

    n_submissions: int
    """First submissions of attempts that are not excluded."""
    fingerprint: str
    """Changes with everything that a statistic stands on, and with nothing else."""


def present_of(connection: Connection, project_id: str, *, purposes: Iterable[str]) -> Present:
    """How far a project has come, by counting alone.

    Submissions are never changed and never taken out, so an attempt with as many as before has the same ones.
    """
    # Texts are compared as they lie there: reading ten thousand of them as JSON would take longer than all the rest.
    rows = connection.execute(
        select(
            attempt.c.id,
            attempt.c.code,
            attempt.c.site,
            attempt.c.candidate_code,
            type_coerce(attempt.c.rubrics, Text),
            type_coerce(attempt.c.params, Text),
            func.count(),
        )
        .select_from(assignment)
        .join(submission, submission.c.assignment == assignment.c.id)
        .join(attempt, attempt.c.id == assignment.c.attempt)
        .where(
            assignment.c.project == project_id,
            submission.c.revision == 1,
            submission.c.purpose.in_(sorted(purposes)),
            attempt.c.state != "excluded",
        )
        .group_by(attempt.c.id)
        .order_by(attempt.c.id)
    ).all()
    return Present(sum(row[-1] for row in rows), digest([list(row) for row in rows]))
