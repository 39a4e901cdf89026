"""How far a project has come, stage by stage, as far as the asker may know it.

A stage's counts are those of the pages that he may open; attempts that he himself has still to rate are left out of what
tells of the work of others (invariant 1). Somebody who only rates is told no count at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, not_, select

from siming.store.access import Actor
from siming.store.cases.pairs import INDEPENDENT, has_open_work
from siming.store.database import Database
from siming.store.schema import (
    adjudication_case,
    assignment,
    attempt,
    comparison,
    consensus_version,
    media,
    membership,
    person,
)

StageName = Literal["members", "video", "release", "plan", "rate", "compare", "adjudicate", "lock", "export"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the flow."""

    name: StageName
    counts: Mapping[str, int]
    """What its sentence tells; empty where the asker may know no number."""
    todo: int
    """How much waits for somebody at this stage; 0 where nothing does."""


def flow(db: Database, actor: Actor, project_id: str) -> tuple[Stage, ...]:
    """The stages of which the asker may know, in the order of the work."""
    rights = actor.rights_in(project_id)
    with db.read() as c:
        stages = []
        if "manage_members" in rights:
            stages.append(_members(c, project_id))
        if "manage_attempts" in rights:
            stages += _films(c, project_id)
        if "plan" in rights:
            stages += _rating(c, actor, project_id)
        elif "rate" in rights:
            stages.append(Stage("rate", {}, 0))
        if rights & {"compare", "adjudicate"}:
            stages += _cases(c, actor, project_id, compares="compare" in rights)
        if rights & {"lock_consensus", "export"}:
            stages += _consensus(c, actor, project_id, rights)
    return tuple(stages)


def _members(c: Connection, project_id: str) -> Stage:
    rows = c.execute(
        select(membership.c.roles, person.c.password_hash, person.c.oidc_subject)
        .join(person, person.c.id == membership.c.person)
        .where(membership.c.project == project_id, membership.c.ended_at.is_(None))
    ).all()
    raters = sum("rater" in row.roles for row in rows)
    absent = sum(row.password_hash is None and row.oidc_subject is None for row in rows)
    return Stage("members", {"n": len(rows), "raters": raters, "absent": absent}, max(0, 2 - raters))


def _films(c: Connection, project_id: str) -> list[Stage]:
    in_use = (attempt.c.project == project_id, attempt.c.state == "usable")
    total, without = _sums(c.execute(select(func.count(), _number(~_film())).select_from(attempt).where(*in_use)).one())
    waiting = (
        select(func.count())
        .select_from(media)
        .join(attempt, attempt.c.id == media.c.attempt)
        .where(*in_use, media.c.kind == "derivative", media.c.state == "review")
    )
    review = int(c.execute(waiting).scalar_one())
    return [
        Stage("video", {"n": total, "without": without}, without if total else 1),
        Stage("release", {"n": review}, review),
    ]


def _rating(c: Connection, actor: Actor, project_id: str) -> list[Stage]:
    ready = (attempt.c.project == project_id, attempt.c.state == "usable", _film("verified"))
    given = exists().where(
        assignment.c.attempt == attempt.c.id,
        assignment.c.state != "withdrawn",
        assignment.c.purpose.in_(INDEPENDENT),
    )
    free = int(
        c.execute(
            select(func.count()).select_from(attempt).where(*ready, attempt.c.gold.is_(False), not_(given))
        ).scalar_one()
    )
    total, locked = _sums(
        c.execute(
            select(func.count(), _number(assignment.c.state == "submitted"))
            .select_from(assignment)
            .where(
                assignment.c.project == project_id,
                assignment.c.purpose.in_(INDEPENDENT),
                assignment.c.state != "withdrawn",
                not_(has_open_work(actor, assignment.c.attempt)),
            )
        ).one()
    )
    return [
        Stage("plan", {"n": free, "given": total}, free),
        Stage("rate", {"n": locked, "of": total}, total - locked),
    ]


def _cases(c: Connection, actor: Actor, project_id: str, *, compares: bool) -> list[Stage]:
    may_know = not_(has_open_work(actor, attempt.c.id))
    total, to_decide, to_confirm = _sums(
        c.execute(
            select(
                func.count(),
                _number(adjudication_case.c.state.in_(("open", "leased"))),
                _number(adjudication_case.c.state == "decided"),
            )
            .select_from(adjudication_case)
            .join(attempt, attempt.c.id == adjudication_case.c.attempt)
            .where(
                attempt.c.project == project_id,
                attempt.c.state != "excluded",
                adjudication_case.c.state != "withdrawn",
                may_know,
            )
        ).one()
    )
    stages = []
    if compares:
        pairs = (
            select(func.count(func.distinct(attempt.c.id)))
            .select_from(comparison)
            .join(attempt, attempt.c.id == comparison.c.attempt)
            .where(attempt.c.project == project_id, may_know)
        )
        stages.append(Stage("compare", {"n": int(c.execute(pairs).scalar_one()), "cases": total}, 0))
    counts = {"n": to_decide, "confirm": to_confirm, "of": total}
    return [*stages, Stage("adjudicate", counts, to_decide + to_confirm)]


def _consensus(c: Connection, actor: Actor, project_id: str, rights: frozenset[str]) -> list[Stage]:
    newer = consensus_version.alias()
    newest = not_(
        exists().where(newer.c.attempt == consensus_version.c.attempt, newer.c.number > consensus_version.c.number)
    )
    waiting, locked = _sums(
        c.execute(
            select(
                _number(and_(newest, consensus_version.c.state == "provisional")),
                _number(consensus_version.c.state == "locked"),
            )
            .select_from(consensus_version)
            .join(attempt, attempt.c.id == consensus_version.c.attempt)
            .where(attempt.c.project == project_id, not_(has_open_work(actor, attempt.c.id)))
        ).one()
    )
    stages = []
    if "lock_consensus" in rights:
        stages.append(Stage("lock", {"n": waiting, "locked": locked}, waiting))
    if "export" in rights:
        stages.append(Stage("export", {"n": locked}, 0))
    return stages


def _film(state: str | None = None) -> ColumnElement[bool]:
    """As a condition: the attempt has a video, in that state where one is given."""
    found = exists().where(media.c.attempt == attempt.c.id, media.c.state != "erased", media.c.kind == "derivative")
    return found if state is None else found.where(media.c.state == state)


def _number(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return func.sum(case((condition, 1), else_=0))


def _sums(row: Any) -> tuple[int, ...]:
    return tuple(int(value or 0) for value in row)
