"""Consensus versions: made from two works and the decisions of their case, locked, appealed against, never changed.

A value in a consensus is agreed under the policy, or decided with a rationale, or marked single (invariant 4); which one
is kept for every step. Totals and labels are derived whenever they are shown (invariant 5).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, func, insert, select, update

from siming.errors import ConflictError
from siming.rating import consensus as joined_sheet
from siming.rubric import Author, Entry, Rubric, Sheet
from siming.store import audit
from siming.store.access import SYSTEM, Actor
from siming.store.canonical import digest
from siming.store.cases.case_access import CaseRow
from siming.store.cases.case_acts import Act, Key, act_of, standing
from siming.store.cases.compared import compare_pair, policy_of
from siming.store.cases.comparison import also_open
from siming.store.cases.pairs import (
    INDEPENDENT,
    Pair,
    Work,
    has_open_work,
    nothing_there,
    require_or_hide,
    work_of_assignment,
    works_of,
)
from siming.store.database import Database, new_id
from siming.store.policy import Policy
from siming.store.projects.rubrics import rubric_in
from siming.store.schema import (
    adjudication_case,
    assignment,
    attempt,
    confirmation,
    consensus_version,
    decision,
    submission,
)
from siming.store.text import free_text

Provenance = Literal["agreed", "adjudicated", "single"]


@dataclass(frozen=True, slots=True)
class Made:
    """A consensus version, as its table holds it."""

    id: str
    attempt: str
    code: str
    project: str
    number: int
    case: str | None
    sheets: Mapping[str, Sheet]
    """By rubric id."""
    provenance: Mapping[str, Mapping[str, Provenance]]
    submissions: tuple[str, ...]
    rubrics: tuple[str, ...]
    """Ids of the rubric versions, in order."""
    tolerance: float
    case_version: int | None
    """Of the case it was made from, when it was made; what was done there later belongs to a later version."""
    supersedes: str | None
    state: Literal["provisional", "locked", "superseded"]
    reason: str | None
    made_by: str | None
    locked_by: str | None
    created_at: str
    locked_at: str | None
    sha256: str


def build(
    connection: Connection,
    db: Database,
    *,
    attempt_id: str,
    pair: Pair,
    policy: Policy,
    actor: Actor,
    decided: Mapping[Key, Entry] | None = None,
    case: CaseRow | None = None,
    reason: str | None = None,
) -> str:
    """Write the next version of an attempt's consensus; returns its id.

    Raises:
        SheetError: an open step without a decision.
    """
    entries = dict(decided or {})
    cells = compare_pair(connection, pair, tolerance=policy.tolerance)
    first, second = pair
    sheets: list[Sheet] = []
    for version_id in first.rubrics:
        rubric = rubric_in(connection, version_id)
        own = {step: entry for (rubric_id, step), entry in entries.items() if rubric_id == rubric.id}
        sheets.append(
            joined_sheet(
                first.sheets[rubric.id],
                second.sheets[rubric.id],
                own,
                rubric,
                submitted_at=db.stamp(),
                tolerance=policy.tolerance,
                also=[*own, *also_open([cell for cell in cells if cell.rubric == rubric.id])],
            )
        )
    provenance = {
        sheet.rubric: {step: "adjudicated" if (sheet.rubric, step) in entries else "agreed" for step in sheet.steps}
        for sheet in sheets
    }
    return _write(
        connection,
        db,
        actor,
        attempt_id=attempt_id,
        works=pair,
        sheets=sheets,
        provenance=provenance,
        tolerance=policy.tolerance,
        case=None if case is None else (case.id, case.version),
        reason=reason,
    )


def build_from_case(connection: Connection, db: Database, actor: Actor, case: CaseRow) -> str:
    """The consensus of a case in which everything is decided and confirmed."""
    rows = connection.execute(select(decision).where(decision.c.case == case.id).order_by(decision.c.version))
    acts = [act_of(dict(row)) for row in rows.mappings()]
    decided = {key: act.entry for key, act in standing(acts).items() if act.kind == "decide" and act.entry is not None}
    appeal = _last_appeal(acts)
    return build(
        connection,
        db,
        attempt_id=case.attempt,
        pair=works_of(connection, case.first, case.second),
        policy=case.policy,
        actor=actor,
        decided=decided,
        case=case,
        reason=None if appeal is None else appeal.rationale,
    )


def accept_single(db: Database, actor: Actor, attempt_id: str, *, reason: str) -> str:
    """Let the one rating of an attempt stand as its consensus, every step marked single; returns the version's id.

    Raises:
        NotFoundError: no right to lock a consensus, or no such attempt.
        InputError: no reason.
        ConflictError: nobody has rated it, a second rating is under way or there, or a consensus stands already.
    """
    with db.write() as connection:
        about = _attempt(connection, actor, attempt_id)
        words = free_text(reason, "reason", optional=False)
        ids = connection.execute(
            select(assignment.c.id).where(
                assignment.c.attempt == attempt_id,
                assignment.c.purpose.in_(INDEPENDENT),
                assignment.c.state != "withdrawn",
            )
        ).scalars()
        works = [work_of_assignment(connection, assignment_id) for assignment_id in ids]
        if len(works) != 1 or works[0] is None or _newest(connection, attempt_id) is not None:
            raise ConflictError(
                "only an attempt with one single locked rating and no consensus can be taken as it is; withdraw the "
                "assignment that is still open, or wait for it",
                kind="state",
                code="not_single",
            )
        work = works[0]
        sheets = [_as_single(work.sheets[rubric.id], db.stamp()) for rubric in _rubrics(connection, work)]
        return _write(
            connection,
            db,
            actor,
            attempt_id=attempt_id,
            works=(work,),
            sheets=sheets,
            provenance={sheet.rubric: dict.fromkeys(sheet.steps, "single") for sheet in sheets},
            tolerance=policy_of(connection, about.project).tolerance,
            case=None,
            reason=words,
        )


def stands_on(connection: Connection, attempt_id: str, submissions: Collection[str]) -> bool:
    """Whether some version of the attempt's consensus was made from exactly these submissions."""
    rows = connection.execute(select(consensus_version.c.parents).where(consensus_version.c.attempt == attempt_id))
    return any(set(parents["submissions"]) == set(submissions) for parents in rows.scalars())


def _write(
    connection: Connection,
    db: Database,
    actor: Actor,
    *,
    attempt_id: str,
    works: tuple[Work, ...],
    sheets: Iterable[Sheet],
    provenance: Mapping[str, Mapping[str, str]],
    tolerance: float,
    case: tuple[str, int] | None,
    reason: str | None,
) -> str:
    project_id = connection.execute(
        select(attempt.c.project).where(attempt.c.id == attempt_id).with_for_update()
    ).scalar_one()
    before = _newest(connection, attempt_id)
    number = 1 if before is None else before.number + 1
    content = {
        "attempt": attempt_id,
        "number": number,
        "sheets": [sheet.to_plain() for sheet in sheets],
        "provenance": {rubric: dict(steps) for rubric, steps in provenance.items()},
        "parents": {
            "submissions": [work.submission for work in works],
            "rubrics": list(works[0].rubrics),
            "tolerance": tolerance,
            "case_version": None if case is None else case[1],
            "supersedes": None if before is None else before.id,
        },
        "reason": reason,
    }
    made = new_id("co")
    connection.execute(
        insert(consensus_version).values(
            id=made,
            case=None if case is None else case[0],
            state="provisional",
            made_by=None if actor.id == SYSTEM.id else actor.id,
            created_at=db.stamp(),
            sha256=digest(content),
            **content,
        )
    )
    if before is not None and before.state == "provisional":
        _set_state(connection, before.id, "superseded")
    audit.record(
        connection, db, actor, "consensus.make", f"consensus:{made}", project=project_id,
        before=None if before is None else before.sha256, after=digest(content), detail={"number": number},
    )  # fmt: skip
    return made


def _as_single(sheet: Sheet, stamp: str) -> Sheet:
    steps = {step: entry.model_copy(update={"note": None}) for step, entry in sheet.steps.items()}
    return Sheet(
        attempt=sheet.attempt,
        rubric=sheet.rubric,
        rubric_version=sheet.rubric_version,
        author=Author(kind="consensus", name="consensus"),
        steps=steps,
        submitted_at=stamp,
    )


def _rubrics(connection: Connection, work: Work) -> list[Rubric]:
    return [rubric_in(connection, version_id) for version_id in work.rubrics]


def lock(db: Database, actor: Actor, consensus_id: str) -> Made:
    """Make a version the attempt's result; what was locked before is superseded.

    Raises:
        NotFoundError: no right to lock, or no such version.
        ConflictError: ``state``: it is not the newest provisional version; or the policy wants a second person, and he
            rated, decided or confirmed himself.
    """
    with db.write() as connection:
        made = made_of(connection, actor, consensus_id, for_update=True)
        if not actor.may("lock_consensus", made.project):
            raise nothing_there()
        newest = _newest(connection, made.attempt)
        if made.state != "provisional" or newest is None or newest.id != made.id:
            raise ConflictError(
                f"version {made.number} is {made.state}; only the newest provisional version is locked",
                kind="state",
                detail={"state": made.state},
                code="consensus_not_provisional",
            )
        waiting = why_not_lock(connection, actor, made)
        if waiting is not None:
            raise waiting
        stamp = db.stamp()
        connection.execute(
            update(consensus_version)
            .where(consensus_version.c.attempt == made.attempt, consensus_version.c.state == "locked")
            .values(state="superseded")
        )
        connection.execute(
            update(consensus_version)
            .where(consensus_version.c.id == made.id)
            .values(state="locked", locked_by=actor.id, locked_at=stamp)
        )
        audit.record(
            connection, db, actor, "consensus.lock", f"consensus:{made.id}", project=made.project, after=made.sha256
        )
        return made_of(connection, actor, consensus_id)


def why_not_lock(connection: Connection, actor: Actor, made: Made) -> ConflictError | None:
    """What keeps this actor from locking a provisional version, if anything does."""
    under_way = select(adjudication_case.c.id).where(
        adjudication_case.c.first.in_(made.submissions),
        adjudication_case.c.second.in_(made.submissions),
        adjudication_case.c.state.not_in(("confirmed", "withdrawn")),
    )
    if connection.execute(under_way).first() is not None:
        return ConflictError(
            "the case of this version was opened again by an appeal; wait until it is decided",
            kind="state",
            code="consensus_under_appeal",
        )
    if policy_of(connection, made.project).lock_needs_second_person and actor.id in _hands_in(connection, made):
        return ConflictError(
            "in this project a consensus is locked by somebody who neither rated nor decided; ask a colleague",
            kind="state",
            code="second_person_needed",
        )
    return None


def _hands_in(connection: Connection, made: Made) -> set[str]:
    """Whoever rated, decided or confirmed what a version holds."""
    people = set(
        connection.execute(
            select(assignment.c.rater)
            .join(submission, submission.c.assignment == assignment.c.id)
            .where(submission.c.id.in_(made.submissions))
        ).scalars()
    )
    if made.case is not None:
        acted = select(decision.c.person).where(decision.c.case == made.case, decision.c.kind != "appeal")
        people |= set(connection.execute(acted).scalars())
        confirmed = select(confirmation.c.person).where(confirmation.c.case == made.case)
        people |= set(connection.execute(confirmed).scalars())
    return people


def _last_appeal(acts: Iterable[Act]) -> Act | None:
    return max((act for act in acts if act.kind == "appeal"), key=lambda act: act.version, default=None)


def made_of(connection: Connection, actor: Actor, consensus_id: str, *, for_update: bool = False) -> Made:
    """One version.

    Raises:
        NotFoundError: none of that id, no right to compare, or the asker has the attempt before him himself.
    """
    wanted = _versions().where(consensus_version.c.id == consensus_id)
    row = connection.execute(wanted.with_for_update(of=consensus_version) if for_update else wanted).one_or_none()
    if row is None:
        raise nothing_there()
    require_or_hide(actor, "compare", row.project)
    if connection.execute(select(has_open_work(actor, row.attempt))).scalar():
        raise nothing_there()
    return _made(row)


def versions_of(db: Database, actor: Actor, project_id: str, attempt_code: str) -> tuple[Made, ...]:
    """All versions of an attempt's consensus, the newest first.

    Raises:
        NotFoundError: no right to compare, no such attempt, or the asker has it before him himself.
    """
    attempt_id = attempt_id_of(db, actor, project_id, attempt_code)
    with db.read() as connection:
        wanted = _versions().where(consensus_version.c.attempt == attempt_id)
        return tuple(_made(row) for row in connection.execute(wanted.order_by(consensus_version.c.number.desc())))


def attempt_id_of(db: Database, actor: Actor, project_id: str, attempt_code: str) -> str:
    """The id of an attempt that the asker may see the result of.

    Raises:
        NotFoundError: as for `versions_of`.
    """
    require_or_hide(actor, "compare", project_id)
    with db.read() as connection:
        found = connection.execute(
            select(attempt.c.id).where(
                attempt.c.project == project_id, attempt.c.code == attempt_code, ~has_open_work(actor, attempt.c.id)
            )
        ).scalar_one_or_none()
    if found is None:
        raise nothing_there()
    return str(found)


def locked_in(connection: Connection, project_id: str) -> tuple[Made, ...]:
    """The versions in force, one for each attempt that has one, by the attempt's code."""
    wanted = _versions().where(attempt.c.project == project_id, consensus_version.c.state == "locked")
    return tuple(_made(row) for row in connection.execute(wanted.order_by(attempt.c.code)))


def _versions() -> Any:
    return select(consensus_version, attempt.c.code, attempt.c.project).join(
        attempt, attempt.c.id == consensus_version.c.attempt
    )


def _newest(connection: Connection, attempt_id: str) -> Any:
    newest = select(func.max(consensus_version.c.number)).where(consensus_version.c.attempt == attempt_id)
    return connection.execute(
        select(consensus_version).where(
            consensus_version.c.attempt == attempt_id, consensus_version.c.number == newest.scalar_subquery()
        )
    ).one_or_none()


def _set_state(connection: Connection, consensus_id: str, state: str) -> None:
    connection.execute(update(consensus_version).where(consensus_version.c.id == consensus_id).values(state=state))


def _attempt(connection: Connection, actor: Actor, attempt_id: str) -> Any:
    row = connection.execute(select(attempt).where(attempt.c.id == attempt_id).with_for_update()).one_or_none()
    if row is None or connection.execute(select(has_open_work(actor, attempt_id))).scalar():
        raise nothing_there()
    require_or_hide(actor, "lock_consensus", row.project)
    return row


def _made(row: Any) -> Made:
    sheets = [Sheet.from_plain(plain) for plain in row.sheets]
    return Made(
        id=row.id,
        attempt=row.attempt,
        code=row.code,
        project=row.project,
        number=row.number,
        case=row.case,
        sheets={sheet.rubric: sheet for sheet in sheets},
        provenance=row.provenance,
        submissions=tuple(row.parents["submissions"]),
        rubrics=tuple(row.parents["rubrics"]),
        tolerance=row.parents["tolerance"],
        case_version=row.parents["case_version"],
        supersedes=row.parents["supersedes"],
        state=row.state,
        reason=row.reason,
        made_by=row.made_by,
        locked_by=row.locked_by,
        created_at=row.created_at,
        locked_at=row.locked_at,
        sha256=row.sha256,
    )
