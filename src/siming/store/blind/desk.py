"""What lies on a rater's desk: an assignment with all that is needed to check and keep what he does to it.

Saving happens every two seconds for every rater, so one statement reads it, and what never changes (a published rubric)
is parsed once per process.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, exists, select

from siming.errors import ConflictError, NotFoundError, RubricError
from siming.rubric import Rubric
from siming.store.access import Actor
from siming.store.blind.change import Paper
from siming.store.blind.draft import Draft
from siming.store.canonical import canonical_json
from siming.store.policy import Policy
from siming.store.projects.rubrics import parse_rubric
from siming.store.schema import assignment, attempt, media, project, rubric_version

ASSIGNMENT = re.compile(r"as_[0-9a-z]{1,40}")
"""What an assignment's id looks like; anything else is not asked of the database."""

WRITABLE = ("open", "in_progress", "reopened")
"""States in which the rater's changes are merged."""


@dataclass(frozen=True, slots=True)
class Desk:
    """An assignment as it is now."""

    id: str
    project: str
    attempt: str
    attempt_code: str
    attempt_state: str
    rater: str
    purpose: str
    state: str
    revision: int
    """Revision that is being worked on, from 1."""
    seq: int
    fence: int
    writer: str | None
    draft: Draft
    rubric_refs: Sequence[Mapping[str, Any]]
    media_sha256: str | None
    policy: Policy
    paper: Paper
    not_before: str | None
    reopened_reason: str | None
    project_open: bool

    @property
    def takes_changes(self) -> bool:
        """Whether changes are merged at all, whoever writes them."""
        return self.state in WRITABLE and self.project_open and self.attempt_state != "excluded"

    def is_writer(self, client: str, fence: int) -> bool:
        """Whether this client holds the lease."""
        return self.writer == client and self.fence == fence


def desk_of(connection: Connection, assignment_id: str, *, lock: bool = False) -> Desk:
    """Inside a transaction: the assignment.

    Args:
        lock: Hold the row until the transaction ends.

    Raises:
        NotFoundError: there is none.
    """
    statement = _LOCKED if lock else _DESK
    known = ASSIGNMENT.fullmatch(assignment_id)
    row = connection.execute(statement, {"assignment_id": assignment_id}).first() if known else None
    if row is None:
        raise no_assignment(assignment_id)
    rubrics = tuple(rubric_by_hash(connection, ref["id"], ref["sha256"], row.params) for ref in row.rubrics)
    return Desk(
        id=row.id,
        project=row.project,
        attempt=row.attempt,
        attempt_code=row.code,
        attempt_state=row.attempt_state,
        rater=row.rater,
        purpose=row.purpose,
        state=row.state,
        revision=max(1, row.revision),
        seq=row.seq,
        fence=row.fence,
        writer=row.writer,
        draft=row.draft,
        rubric_refs=row.rubrics,
        media_sha256=row.media_sha256,
        policy=Policy(**row.policy),
        paper=Paper(rubrics, row.duration_s),
        not_before=row.not_before,
        reopened_reason=row.reopened_reason,
        project_open=row.project_state == "open",
    )


def own_desk(connection: Connection, actor: Actor, assignment_id: str, *, lock: bool = False) -> Desk:
    """The assignment, if it is the asker's own; another rater's does not exist for him.

    Raises:
        NotFoundError: there is none of that id for him.
        NotAllowedError: he no longer rates in this project.
    """
    desk = desk_of(connection, assignment_id, lock=lock)
    if desk.rater != actor.id or not actor.roles.get(desk.project):
        raise no_assignment(assignment_id)
    actor.require("rate", desk.project)
    return desk


def no_assignment(assignment_id: str) -> NotFoundError:
    """One sentence for an assignment that is not there and for one that is not the asker's."""
    return NotFoundError(
        f"there is no assignment {assignment_id[:40]!r} of yours; go back to your queue", code="assignment_missing"
    )


def planners_row(connection: Connection, actor: Actor, assignment_id: str) -> Row[Any]:
    """Inside a writing transaction: the assignment's row, locked, for who plans the project.

    Raises:
        NotFoundError: there is none that he may know of.
        NotAllowedError: he plans nowhere.
    """
    actor.require_somewhere("plan")
    row = None
    if ASSIGNMENT.fullmatch(assignment_id):
        row = connection.execute(select(assignment).where(assignment.c.id == assignment_id).with_for_update()).first()
    if row is None or not actor.may("plan", row.project):
        raise NotFoundError(f"there is no assignment {assignment_id[:40]!r}", code="assignment_missing")
    return row


def repeat_waits(
    rater: str, project_id: ColumnElement[str] | str, attempt_id: str | None = None
) -> ColumnElement[bool]:
    """As a condition: something that he has rated in a project is before him once more, or will be.

    Args:
        attempt_id: Only a repeat of this attempt.
    """
    again, watched = assignment.alias("again"), attempt.alias("watched")
    where = [] if attempt_id is None else [again.c.attempt == attempt_id]
    return exists().where(
        again.c.project == project_id,
        again.c.rater == rater,
        again.c.purpose == "repeat",
        again.c.state.not_in(("submitted", "withdrawn")),
        watched.c.id == again.c.attempt,
        watched.c.state != "excluded",
        *where,
    )


def is_shut(connection: Connection, desk: Desk) -> bool:
    """Whether what a rater has locked is not shown to him: he is to rate something once more, and of none of it may
    he be told what he gave. All of the project is shut, for to shut one would say which comes again."""
    if desk.state != "submitted" or not desk.project_open:
        return False
    return bool(connection.execute(select(repeat_waits(desk.rater, desk.project))).scalar_one())


def refuse_if_shut(connection: Connection, desk: Desk) -> None:
    """Go on unless it is locked and shut.

    Raises:
        ConflictError: it is.
    """
    if is_shut(connection, desk):
        raise ConflictError(
            "what you have submitted in this project stays closed until all that is planned for you is done",
            kind="state",
            code="finished_shut",
        )


def refuse_if_closed(desk: Desk) -> None:
    """Go on if the assignment can be worked on at all.

    Raises:
        ConflictError: withdrawn, excluded, or the project is closed.
    """
    if not desk.project_open:
        raise ConflictError("the project is closed; ask its coordinator", kind="state", code="project_closed")
    if desk.state == "withdrawn":
        raise ConflictError(
            "this assignment was withdrawn; what you entered is kept", kind="state", code="assignment_withdrawn"
        )
    if desk.attempt_state == "excluded":
        raise ConflictError(
            "this attempt was excluded; what you entered is kept", kind="state", code="assignment_excluded"
        )


_PARSED: dict[tuple[str, str], Rubric] = {}
_LINE = threading.Lock()
_MOST_PARSED = 512


def rubric_by_hash(
    connection: Connection, version_id: str, sha256: str, params: Mapping[str, Any] | None = None
) -> Rubric:
    """A published rubric, parsed once per process, with the params that an attempt changed.

    Raises:
        RubricError: the document is not the one whose hash was noted.
    """
    key = (sha256, canonical_json(params or {}))
    found = _PARSED.get(key)
    if found is not None:
        return found
    document = connection.execute(
        select(rubric_version.c.document).where(rubric_version.c.id == version_id, rubric_version.c.sha256 == sha256)
    ).scalar()
    if document is None or hashlib.sha256(document.encode("utf-8")).hexdigest() != sha256:
        raise RubricError(
            f"rubric version {version_id} with sha256 {sha256[:12]} is not in the database as it was published; restore a backup"
        )
    rubric = parse_rubric(document)
    own = {name: value for name, value in (params or {}).items() if name in rubric.params}
    if own:
        rubric = rubric.with_params(**own)
    with _LINE:
        if len(_PARSED) >= _MOST_PARSED:
            _PARSED.clear()
        return _PARSED.setdefault(key, rubric)


def _statement() -> Select[Any]:
    return (
        select(
            assignment.c.id,
            assignment.c.project,
            assignment.c.attempt,
            assignment.c.rater,
            assignment.c.purpose,
            assignment.c.rubrics,
            assignment.c.media_sha256,
            assignment.c.state,
            assignment.c.revision,
            assignment.c.seq,
            assignment.c.fence,
            assignment.c.writer,
            assignment.c.draft,
            assignment.c.not_before,
            assignment.c.reopened_reason,
            attempt.c.code,
            attempt.c.params,
            attempt.c.state.label("attempt_state"),
            project.c.policy,
            project.c.state.label("project_state"),
            media.c.duration_s,
        )
        .join(attempt, attempt.c.id == assignment.c.attempt)
        .join(project, project.c.id == assignment.c.project)
        .outerjoin(
            media,
            and_(
                media.c.attempt == assignment.c.attempt,
                media.c.sha256 == assignment.c.media_sha256,
                media.c.kind == "derivative",
            ),
        )
        .where(assignment.c.id == bindparam("assignment_id"))
    )


_DESK = _statement()
_LOCKED = _statement().with_for_update(of=assignment)
