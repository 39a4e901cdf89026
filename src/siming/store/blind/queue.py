"""What a rater sees of the plan: his own queue.

It depends on his own work and on the plan, on nothing that another rater does: no counts, no order and no state of the
others (invariant 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Select, and_, case, exists, func, not_, or_, select

from siming.store.access import Actor
from siming.store.blind.assignments import n_steps
from siming.store.blind.calibration import may_start_scoring
from siming.store.blind.desk import repeat_waits
from siming.store.database import Database
from siming.store.schema import assignment, attempt, media, project

ShownPurpose = Literal["score", "calibration", "ai_assisted"]
Waiting = Literal["calibration", "media"]

ON_A_PAGE = 100


@dataclass(frozen=True, slots=True)
class Card:
    """An assignment as its rater sees it in the queue."""

    id: str
    project: str
    project_title: str
    attempt_code: str
    purpose: ShownPurpose
    state: str
    position: int
    """Place in this queue, from 1."""
    done: int
    steps: int
    duration_s: float | None
    due_at: str | None
    waiting_for: Waiting | None
    """Why it cannot be opened yet: a calibration to pass first, or a video that is not ready."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A rater's own work."""

    cards: tuple[Card, ...]
    total: int
    """Cards on all pages."""
    n_finished: int
    """Submitted ones."""
    n_shut: int
    """Of those asked for, submitted ones that are not listed: their rater is to rate something of the project once more."""
    next_id: str | None
    """What Enter opens: the first that was begun, else the first that can be opened."""


def queue(
    db: Database,
    actor: Actor,
    *,
    project_id: str | None = None,
    finished: bool = False,
    page: int = 1,
    per_page: int = ON_A_PAGE,
) -> Queue:
    """The asker's own assignments in his own order; calibration first where it must be passed before the rest.

    Args:
        project_id: Only of this project; None for all in which he rates.
        finished: The submitted ones in place of those to do.
        page: From 1.
    """
    projects = [p for p in actor.roles if actor.may("rate", p) and project_id in (None, p)]
    page, per_page = max(1, page), min(max(1, per_page), 1000)
    with db.read() as c:
        closed = [p for p in projects if not may_start_scoring(c, actor.id, p)]
        waits = and_(assignment.c.project.in_(closed), assignment.c.purpose != "calibration")
        in_order = (assignment.c.position, assignment.c.created_at, assignment.c.id)
        own = _own(actor, projects, db.stamp())
        wanted = own.where((assignment.c.state == "submitted") == finished)
        if finished:  # what comes again in the queue stands nowhere else by its name
            wanted = wanted.where(not_(repeat_waits(actor.id, assignment.c.project)))
        n_finished = _count(c, own.where(assignment.c.state == "submitted"))
        total = _count(c, wanted)
        rows = c.execute(
            wanted.add_columns(waits.label("waits"))
            .order_by(case((waits, 1), else_=0), *in_order)
            .limit(per_page)
            .offset((page - 1) * per_page)
        ).all()
        ready = wanted.where(not_(waits), exists().where(media.c.attempt == assignment.c.attempt, *_SHOWN))
        begun = case((assignment.c.state.in_(("open", "in_progress", "reopened")), 0), else_=1)
        next_row = None if finished else c.execute(ready.order_by(begun, *in_order).limit(1)).first()
        durations = _durations(c, [row.attempt for row in rows])
    first = (page - 1) * per_page + 1
    return Queue(
        cards=tuple(_card(row, number, durations.get(row.attempt)) for number, row in enumerate(rows, start=first)),
        total=total,
        n_finished=n_finished,
        n_shut=n_finished - total if finished else 0,
        next_id=None if next_row is None else next_row.id,
    )


_SHOWN = (media.c.kind == "derivative", media.c.state == "verified")


def _own(actor: Actor, projects: Sequence[str], now: str) -> Select[Any]:
    """What of the plan is the rater's to see by now."""
    return (
        select(
            assignment.c.id,
            assignment.c.project,
            assignment.c.attempt,
            assignment.c.purpose,
            assignment.c.state,
            assignment.c.done,
            assignment.c.rubrics,
            assignment.c.due_at,
            attempt.c.code,
            project.c.title,
        )
        .join(attempt, attempt.c.id == assignment.c.attempt)
        .join(project, project.c.id == assignment.c.project)
        .where(
            assignment.c.rater == actor.id,
            assignment.c.project.in_(projects),
            assignment.c.state != "withdrawn",
            attempt.c.state != "excluded",
            project.c.state == "open",
            or_(assignment.c.not_before.is_(None), assignment.c.not_before <= now),
        )
    )


def _count(c: Connection, wanted: Select[Any]) -> int:
    return int(c.execute(wanted.with_only_columns(func.count())).scalar_one())


def shown_purpose(purpose: str) -> ShownPurpose:
    """What a rater is told of an assignment's purpose. A repeat that is named as one is no repeat, and a link tells that
    others rate the same: both read as scoring."""
    return purpose if purpose in ("calibration", "ai_assisted") else "score"  # type: ignore[return-value]


def _card(row: Any, position: int, duration_s: float | None) -> Card:
    waiting: Waiting | None = None
    if row.state != "submitted":
        waiting = "calibration" if row.waits else "media" if duration_s is None else None
    return Card(
        id=row.id,
        project=row.project,
        project_title=row.title,
        attempt_code=row.code,
        purpose=shown_purpose(row.purpose),
        state=row.state,
        position=position,
        done=row.done,
        steps=n_steps(row.rubrics),
        duration_s=duration_s,
        due_at=row.due_at,
        waiting_for=waiting,
    )


def _durations(c: Connection, attempts: Sequence[str]) -> dict[str, float]:
    """Seconds of the longest film that raters are shown of each attempt."""
    rows = c.execute(select(media.c.attempt, media.c.duration_s).where(media.c.attempt.in_(attempts), *_SHOWN))
    out: dict[str, float] = {}
    for row in rows:
        out[row.attempt] = max(out.get(row.attempt, 0.0), row.duration_s or 0.0)
    return out
