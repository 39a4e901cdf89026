"""Locked works without the rating page: what two raters handed in, written straight into the tables."""

from __future__ import annotations

from collections.abc import Mapping

from rooms import Room
from sqlalchemy import insert, select

from siming.rubric import Author, Entry, Rubric, Sheet
from siming.store import Actor, new_id
from siming.store.canonical import digest
from siming.store.cases.case_opening import after_submission
from siming.store.projects.rubrics import get_rubric
from siming.store.schema import assignment, attempt, membership, submission

Given = Mapping[str, Entry | float]
"""Step id to what was given; steps not named have full points."""


def add_attempt(room: Room, code: str = "A-001", *, rubrics: tuple[int, ...] = (1,)) -> str:
    """An attempt judged by some of the room's rubrics (0 CPR, 1 AED, 2 BMV); its id."""
    made = new_id("at")
    with room.db.write() as c:
        c.execute(
            insert(attempt).values(
                id=made,
                project=room.project,
                code=code,
                rubrics=[room.rubrics[n].id for n in rubrics],
                state="usable",
                created_at=room.db.stamp(),
            )
        )
    return made


def assign(room: Room, who: Actor, attempt_id: str, slot: int, *, purpose: str = "score", state: str = "queued") -> str:
    """An assignment; its id."""
    made = new_id("as")
    with room.db.write() as c:
        versions = c.execute(select(attempt.c.rubrics).where(attempt.c.id == attempt_id)).scalar_one()
        chosen = {version.id: version for version in room.rubrics}
        c.execute(
            insert(assignment).values(
                id=made,
                project=room.project,
                attempt=attempt_id,
                rater=who.id,
                slot=slot,
                position=1,
                purpose=purpose,
                rubrics=[
                    {"id": v, "rubric": chosen[v].rubric, "version": chosen[v].version, "sha256": chosen[v].sha256}
                    for v in versions
                ],
                state=state,
                created_at=room.db.stamp(),
            )
        )
    return made


def lock_work(room: Room, assignment_id: str, *given: Given, tell: bool = True) -> str:
    """What the rater gave, one mapping a rubric in the assignment's order, locked; the submission's id."""
    with room.db.write() as c:
        row = c.execute(select(assignment).where(assignment.c.id == assignment_id)).one()
        code = c.execute(select(attempt.c.code).where(attempt.c.id == row.attempt)).scalar_one()
        name = c.execute(select(membership.c.code).where(membership.c.person == row.rater)).scalar_one()
    stamp = room.db.stamp()
    rubrics = [get_rubric(room.db, version["id"]) for version in row.rubrics]
    filled = [*given, *({} for _ in rubrics[len(given) :])]
    sheets = [
        sheet_of(rubric, steps, attempt=code, name=name, at=stamp).to_plain()
        for rubric, steps in zip(rubrics, filled, strict=True)
    ]
    made = new_id("su")
    with room.db.write() as c:
        c.execute(
            insert(submission).values(
                id=made,
                assignment=assignment_id,
                revision=1,
                purpose=row.purpose,
                rubrics=row.rubrics,
                sheets=sheets,
                snapshot_sha256=digest(sheets),
                sha256=digest([made, sheets]),
                initials="xx",
                last_seq=1,
                locked_at=stamp,
            )
        )
        c.execute(
            assignment.update()
            .where(assignment.c.id == assignment_id)
            .values(state="submitted", revision=1, opened_at=stamp)
        )
        if tell:
            after_submission(c, room.db, made)
    return made


def sheet_of(rubric: Rubric, given: Given, *, attempt: str, name: str, at: str) -> Sheet:
    """A sheet with full points but for what is given."""
    steps = {}
    for step in rubric.steps:
        value = given.get(step.id, step.max_points)
        steps[step.id] = value if isinstance(value, Entry) else Entry(points=value)
    return Sheet(
        attempt=attempt,
        rubric=rubric.id,
        rubric_version=rubric.version,
        author=Author(kind="physician", name=name),
        steps=steps,
        submitted_at=at,
    )


def rated_twice(room: Room, wei: Given, okafor: Given, *, code: str = "A-001") -> str:
    """An AED attempt that Wei and Okafor have both locked; its id."""
    made = add_attempt(room, code)
    lock_work(room, assign(room, room.wei, made, 0), wei)
    lock_work(room, assign(room, room.okafor, made, 1), okafor)
    return made
