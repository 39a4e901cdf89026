"""Who may look at a recording, who has, and what happens when somebody sees what should not be seen."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, and_, exists, insert, or_, select, update

from siming.errors import ConflictError
from siming.store import audit
from siming.store.access import Actor
from siming.store.cases.pairs import has_open_work, has_rated
from siming.store.database import Database
from siming.store.media.attempts import attempt_of
from siming.store.media.media import Media, check_id, media_of, no_media
from siming.store.schema import adjudication_case, assignment, attempt, media, media_view, project, submission
from siming.store.text import free_text


@dataclass(frozen=True, slots=True)
class Viewing:
    """A permission to look, and what to look at."""

    media: Media
    project: str


@dataclass(frozen=True, slots=True)
class View:
    """That a person saw a file, once a session."""

    person: str
    first_at: str


def view_media(db: Database, actor: Actor, media_id: str, *, session: str) -> Viewing:
    """Leave to look at a file, entered in the view log once per file and session (`session` is hashed before).

    Raters look at verified derivatives of attempts assigned to them, until the project is closed; adjudicators, and the
    raters of a joint case, at those of their cases'; none of them once the attempt was excluded. Who manages attempts
    looks at every derivative, and who has the right to see originals at originals, which the audit tells.

    Raises:
        NotFoundError: There is none that he may see.
    """
    with db.read() as c:
        viewing = _allowed(c, db, actor, media_id)
        key = hashlib.sha256(f"siming.view\n{session}".encode()).hexdigest()[:32]
        where = (media_view.c.media == media_id, media_view.c.person == actor.id, media_view.c.session == key)
        if c.execute(select(media_view.c.first_at).where(*where)).first() is not None:
            return viewing
    with db.write() as c:
        media_of(c, media_id, lock=True)  # two requests of one page stand in line here
        if c.execute(select(media_view.c.first_at).where(*where)).first() is None:
            act = "media.view_original" if viewing.media.kind == "original" else "media.view"
            c.execute(insert(media_view).values(media=media_id, person=actor.id, session=key, first_at=db.stamp()))
            audit.record(c, db, actor, act, f"media:{media_id}", project=viewing.project)
    return viewing


def may_view(db: Database, actor: Actor, media_id: str) -> Viewing:
    """Leave to look, without looking: for the address of a film that a page is about to show.

    Raises:
        NotFoundError: There is none that he may see.
    """
    with db.read() as c:
        return _allowed(c, db, actor, media_id)


def report_leak(db: Database, actor: Actor, media_id: str, note: str = "") -> list[View]:
    """Say that a film shows who somebody is: it is taken away from everybody at once, and the audit names who saw it.

    Args:
        note: Where and what, for the coordinator; kept with the file, not in the audit, as it may name a person.

    Raises:
        NotFoundError: He could not see the film himself.
        ConflictError: It is an original.
    """
    text = free_text(note, "note", at_most=1000)
    with db.read() as c:
        _allowed(c, db, actor, media_id)
    with db.write() as c:
        row = media_of(c, media_id, lock=True)
        project_id = attempt_of(c, row.attempt).project
        if row.kind != "derivative":
            raise ConflictError(
                "originals show people; they are not for raters", kind="state", code="media_not_reviewable"
            )
        seen = _views(c, media_id)
        if row.state != "quarantined":
            reason = f"leak: {text}" if text else "leak"
            c.execute(update(media).where(media.c.id == media_id).values(state="quarantined", state_reason=reason))
        audit.record(
            c, db, actor, "media.leak", f"media:{media_id}", project=project_id,
            detail={"seen_by": sorted({view.person for view in seen})},
        )  # fmt: skip
    return seen


def who_saw(db: Database, actor: Actor, media_id: str) -> list[View]:
    """Every person who looked at a file, and when first in each session; for coordinators."""
    actor.require_somewhere("manage_attempts")
    with db.read() as c:
        row = media_of(c, media_id)
        if not actor.may("manage_attempts", attempt_of(c, row.attempt).project):
            raise no_media()
        return _views(c, media_id)


def _views(c: Connection, media_id: str) -> list[View]:
    wanted = (
        select(media_view.c.person, media_view.c.first_at)
        .where(media_view.c.media == media_id)
        .order_by(media_view.c.first_at, media_view.c.person)
    )
    return [View(row.person, row.first_at) for row in c.execute(wanted)]


def _allowed(c: Connection, db: Database, actor: Actor, media_id: str) -> Viewing:
    found = c.execute(
        select(
            media.c.id,
            media.c.kind,
            media.c.state,
            media.c.attempt,
            attempt.c.project,
            attempt.c.state.label("attempt_state"),
        )
        .join(attempt, attempt.c.id == media.c.attempt)
        .where(media.c.id == check_id(media_id))
    ).first()
    if found is None or found.state == "erased":
        raise no_media()
    rights = actor.rights_in(found.project)
    if found.kind == "original":
        allowed = "see_originals" in rights
    elif "manage_attempts" in rights:
        allowed = True
    else:  # whether it is shown comes last: a film taken away must not be told by its answer's pace
        judges = "adjudicate" in rights
        allowed = (
            ("rate" in rights and _is_assigned(c, db, actor, found.attempt))
            or (("rate" in rights or judges) and _is_in_case(c, actor, found.attempt, judges=judges))
        ) and (found.state, found.attempt_state != "excluded") == ("verified", True)
    if not allowed:
        raise no_media()
    return Viewing(media_of(c, media_id), found.project)


def _is_assigned(c: Connection, db: Database, actor: Actor, attempt_id: str) -> bool:
    due = or_(assignment.c.not_before.is_(None), assignment.c.not_before <= db.stamp())
    wanted = (
        select(assignment.c.id)
        .join(project, project.c.id == assignment.c.project)
        .where(
            assignment.c.attempt == attempt_id,
            assignment.c.rater == actor.id,
            assignment.c.state != "withdrawn",
            project.c.state == "open",
            due,
        )
    )
    return bool(c.scalar(select(exists(wanted))))


def _is_in_case(c: Connection, actor: Actor, attempt_id: str, *, judges: bool) -> bool:
    """Whether he acts in a case of the attempt; the rules are those of `case_access.py`."""
    own = (
        select(submission.c.id)
        .join(assignment, assignment.c.id == submission.c.assignment)
        .where(assignment.c.attempt == attempt_id, assignment.c.rater == actor.id)
    )
    joint = adjudication_case.c.mode == "joint"
    his = and_(joint, or_(adjudication_case.c.first.in_(own), adjudication_case.c.second.in_(own)))
    wanted = select(adjudication_case.c.id).where(
        adjudication_case.c.attempt == attempt_id,
        adjudication_case.c.state != "withdrawn",
        ~has_open_work(actor, attempt_id),
        or_(his, joint, ~has_rated(actor.id, attempt_id)) if judges else his,
    )
    return bool(c.scalar(select(exists(wanted))))
