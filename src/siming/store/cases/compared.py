"""Comparisons made and kept: one row for each pair of locked works and tolerance.

They are pure functions of rows that never change, so they can be thrown away and made again at any time.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, case, delete, func, insert, select

from siming.errors import SheetError
from siming.rubric.labels import exact
from siming.store.cases.comparison import KINDS, LETTERS, Cell, compare
from siming.store.cases.pairs import INDEPENDENT, Pair, works_of
from siming.store.database import Database
from siming.store.media.rated import are_one_film
from siming.store.policy import Policy
from siming.store.projects.rubrics import rubric_in
from siming.store.schema import assignment, comparison, project, submission

AT_ONCE = 200
"""Comparisons made in one transaction."""


def compare_pair(connection: Connection, pair: Pair, *, tolerance: float) -> tuple[Cell, ...]:
    """Every step of every rubric that the two works were given.

    Raises:
        SheetError: the two were given different rubrics or versions, of whose steps there is no map (invariant 3); or
            other films, in which the same second is another moment (invariant 6).
    """
    first, second = pair
    if first.rubrics != second.rubrics:
        raise SheetError("the two works stand on different rubrics or versions; have one rated again")
    if not _of_one_film(connection, pair):
        raise SheetError(
            "the two works stand on other films, and their evidence on other moments; have one rated again"
        )
    cells: list[Cell] = []
    for version_id in first.rubrics:
        rubric = rubric_in(connection, version_id)
        cells += compare(first.sheets[rubric.id], second.sheets[rubric.id], rubric, tolerance=tolerance)
    return tuple(cells)


def _of_one_film(connection: Connection, pair: Pair) -> bool:
    hashes = {work.media_sha256 for work in pair if work.media_sha256 is not None}
    if len(hashes) < 2:
        return True
    owner = select(assignment.c.attempt).where(assignment.c.id == pair[0].assignment)
    return are_one_film(connection, connection.execute(owner).scalar_one(), hashes)


def keep(connection: Connection, pair: Pair, *, attempt_id: str, project_id: str, tolerance: float) -> tuple[Cell, ...]:
    """Compare a pair and keep what came out for the grid; no cells where it cannot be compared."""
    first, second = pair
    row: dict[str, Any] = {
        "first": first.submission,
        "second": second.submission,
        "tolerance": tolerance_text(tolerance),
        "attempt": attempt_id,
        "project": project_id,
        "problem": None,
    }
    try:
        cells = compare_pair(connection, pair, tolerance=tolerance)
    except (SheetError, KeyError) as error:
        cells, row["problem"] = (), str(error)
    version_of = {rubric_in(connection, version_id).id: version_id for version_id in first.rubrics}
    letters: dict[str, str] = {}
    points: dict[str, list[list[float | None]]] = {}
    for cell in cells:
        version_id = version_of[cell.rubric]
        letters[version_id] = letters.get(version_id, "") + LETTERS[cell.kind]
        points.setdefault(version_id, []).append([cell.first.points, cell.second.points])
    row |= {"cells": letters, "points": points}
    row |= {f"n_{kind}": sum(cell.kind == kind for cell in cells) for kind in KINDS}
    # Also that of an earlier pair: a slot that was empty then can have been filled since.
    earlier = and_(comparison.c.attempt == attempt_id, comparison.c.tolerance == row["tolerance"])
    connection.execute(delete(comparison).where(earlier))
    connection.execute(insert(comparison).values(**row))
    return cells


def tolerance_text(tolerance: float) -> str:
    """The tolerance as comparisons are filed under it.

    >>> tolerance_text(0), tolerance_text(0.5)
    ('0', '1/2')
    """
    return str(exact(tolerance))


def policy_of(connection: Connection, project_id: str) -> Policy:
    """The policy of a project as it stands."""
    return Policy.model_validate(
        connection.execute(select(project.c.policy).where(project.c.id == project_id)).scalar()
    )


def catch_up(db: Database, project_id: str) -> None:
    """Make the comparisons that are not there yet: after a change of the tolerance, or of an older database."""
    while True:
        with db.read() as connection:
            tolerance = policy_of(connection, project_id).tolerance
            missing = _not_compared(connection, project_id, tolerance)
        if not missing:
            return
        with db.write() as connection:
            for attempt_id, first, second in missing:
                pair = works_of(connection, first, second)
                keep(connection, pair, attempt_id=attempt_id, project_id=project_id, tolerance=tolerance)


def _not_compared(connection: Connection, project_id: str, tolerance: float) -> list[tuple[str, str, str]]:
    """Up to `AT_ONCE` attempts with two locked works and no comparison under this tolerance."""
    slots = (
        select(
            assignment.c.attempt,
            submission.c.id.label("submission"),
            func.row_number()
            .over(
                partition_by=assignment.c.attempt,
                order_by=(assignment.c.slot, assignment.c.created_at, assignment.c.id),
            )
            .label("place"),
        )
        .select_from(assignment)
        .outerjoin(
            submission,
            and_(
                submission.c.assignment == assignment.c.id,
                submission.c.revision == 1,
                submission.c.purpose.in_(INDEPENDENT),
            ),
        )
        .where(
            assignment.c.project == project_id,
            assignment.c.purpose.in_(INDEPENDENT),
            assignment.c.state != "withdrawn",
        )
        .subquery()
    )
    first = func.max(case((slots.c.place == 1, slots.c.submission))).label("first")
    second = func.max(case((slots.c.place == 2, slots.c.submission))).label("second")
    pairs = (
        select(slots.c.attempt, first, second)
        .where(slots.c.place <= 2)
        .group_by(slots.c.attempt)
        .having(func.count(slots.c.submission) == 2)
        .subquery()
    )
    wanted = (
        select(pairs.c.attempt, pairs.c.first, pairs.c.second)
        .outerjoin(
            comparison,
            and_(
                comparison.c.first == pairs.c.first,
                comparison.c.second == pairs.c.second,
                comparison.c.tolerance == tolerance_text(tolerance),
            ),
        )
        .where(comparison.c.first.is_(None))
        .limit(AT_ONCE)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(wanted)]
