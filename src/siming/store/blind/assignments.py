"""Who rates which attempt, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, get_args

from sqlalchemy import Connection, and_, insert, select, update

from siming.errors import ConflictError, InputError
from siming.store import audit
from siming.store.access import Actor
from siming.store.blind.desk import planners_row, rubric_by_hash
from siming.store.canonical import digest
from siming.store.cases.pairs import INDEPENDENT as INDEPENDENT
from siming.store.database import Database, moment_of, new_id, time_text
from siming.store.schema import assignment, attempt, membership, project, rubric_version, submission
from siming.store.text import free_text

Purpose = Literal["score", "link", "repeat", "calibration", "ai_assisted"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
LONGEST_PLAN = 100_000
AFTER_THE_FIRST = "9999-12-31T00:00:00.000000Z"
"""When a repeat may be seen whose first rating is not locked yet: the days are counted from then on."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One assignment that a plan asks for."""

    attempt: str
    """Id of the attempt."""
    rater: str
    """Id of the person."""
    slot: int = 0
    position: int = 0
    """In the rater's own order."""
    purpose: Purpose = "score"
    not_before: str | None = None
    """ISO 8601 in UTC."""
    due_at: str | None = None
    wait_days: int | None = None
    """Of a repeat: days between the locking of its first rating and this one; until then nobody sees it."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """An assignment as who plans sees it."""

    id: str
    attempt: str
    attempt_code: str
    rater: str
    slot: int
    position: int
    purpose: Purpose
    state: str
    done: int
    steps: int
    not_before: str | None
    due_at: str | None


# --- planning -------------------------------------------------------------------------------------------------------


def assign(
    db: Database, actor: Actor, project_id: str, planned: Sequence[Planned], *, instead_of: Sequence[str] = ()
) -> tuple[str, ...]:
    """Give attempts to raters: all of the plan or none of it. Returns the assignments' ids in the plan's order.

    Args:
        instead_of: Ids of assignments that the plan replaces; they are withdrawn with it.

    Raises:
        InputError: an attempt or rater that is not there, the same rater twice on one attempt (other than as a repeat),
            a conflict of interest, a slot that is taken.
        ConflictError: the project is closed, or a rubric is not published or not as it was.
    """
    actor.require("plan", project_id)
    if len(planned) > LONGEST_PLAN:
        raise InputError(f"a plan has at most {LONGEST_PLAN} assignments; give it in parts", code="plan_too_long")
    with db.write() as c:
        _lock_open_project(c, project_id)
        for replaced in instead_of:
            _withdraw(c, db, actor, planners_row(c, actor, replaced), "replaced by a new plan")
        check = _PlanCheck(c, project_id)
        rows = [check.row(db, number, plan) for number, plan in enumerate(planned, start=1)]
        if rows:
            c.execute(insert(assignment), rows)
            audit.record(
                c, db, actor, "assignment.plan", f"project:{project_id}", project=project_id,
                after=digest([[r["id"], r["attempt"], r["rater"], r["slot"], r["purpose"]] for r in rows]),
                detail={"n": len(rows)},
            )  # fmt: skip
    return tuple(row["id"] for row in rows)


def withdraw(db: Database, actor: Actor, assignment_id: str, *, reason: str) -> None:
    """Take an assignment back. What was entered stays in the log and in the draft.

    Raises:
        ConflictError: it is submitted (locked submissions stay), or withdrawn already.
    """
    reason = free_text(reason, "reason", at_most=1000, optional=False)
    with db.write() as c:
        row = planners_row(c, actor, assignment_id)
        _withdraw(c, db, actor, row, reason)


def reassign(db: Database, actor: Actor, assignment_id: str, rater: str, *, reason: str) -> str:
    """Give an attempt to another rater, in the same slot. Earlier work stays with the withdrawn assignment.

    Returns:
        Id of the new assignment, which begins empty: one rater's work is never handed to another.
    """
    reason = free_text(reason, "reason", at_most=1000, optional=False)
    with db.write() as c:
        row = planners_row(c, actor, assignment_id)
        _withdraw(c, db, actor, row, reason)
        plan = Planned(
            row.attempt, rater, row.slot, _last_position(c, row.project, rater) + 1, row.purpose, None, row.due_at,
            row.wait_days,
        )  # fmt: skip
        made = _PlanCheck(c, row.project).row(db, 1, plan)
        c.execute(insert(assignment).values(**made))
        audit.record(
            c, db, actor, "assignment.reassign", f"assignment:{made['id']}", project=row.project,
            detail={"instead_of": assignment_id},
        )  # fmt: skip
    return str(made["id"])


def set_due(db: Database, actor: Actor, assignment_id: str, due_at: str | None) -> None:
    """Move a due date, or take it away.

    Raises:
        InputError: not a time such as 2026-03-01T08:00:00.000000Z.
        ConflictError: the work is submitted or withdrawn.
    """
    with db.write() as c:
        row = planners_row(c, actor, assignment_id)
        if row.state in ("submitted", "withdrawn"):
            raise ConflictError(
                f"assignment {row.id} is {row.state}; it is due no more",
                kind="state",
                code="assignment_not_withdrawable",
            )
        due = _PlanCheck(c, row.project).time(1, "due_at", due_at)
        c.execute(update(assignment).where(assignment.c.id == assignment_id).values(due_at=due))
        audit.record(
            c, db, actor, "assignment.due", f"assignment:{assignment_id}", project=row.project, detail={"due_at": due}
        )


def free_repeats(c: Connection, db: Database, *, attempt_id: str, rater: str) -> None:
    """A first rating was locked: from now on count the days until its repeat may be seen."""
    waiting = select(assignment.c.id, assignment.c.wait_days).where(
        assignment.c.attempt == attempt_id,
        assignment.c.rater == rater,
        assignment.c.purpose == "repeat",
        assignment.c.not_before == AFTER_THE_FIRST,
    )
    for row in c.execute(waiting).all():
        begins = time_text(db.now() + timedelta(days=row.wait_days or 0))
        c.execute(update(assignment).where(assignment.c.id == row.id).values(not_before=begins))


def assignments(db: Database, actor: Actor, project_id: str) -> tuple[Assigned, ...]:
    """Every assignment of a project, by attempt and slot; for who plans."""
    actor.require("plan", project_id)
    named = [column for column in assignment.c if column.name in (*Assigned.__dataclass_fields__, "rubrics")]
    wanted = (  # without the drafts: those of a whole project do not fit into memory
        select(*named, attempt.c.code.label("attempt_code"))
        .join(attempt, attempt.c.id == assignment.c.attempt)
        .where(assignment.c.project == project_id)
        .order_by(attempt.c.code, assignment.c.slot, assignment.c.created_at, assignment.c.id)
    )
    with db.read() as c:
        return tuple(
            Assigned(
                steps=n_steps(row.rubrics),
                **{name: getattr(row, name) for name in Assigned.__dataclass_fields__ if name != "steps"},
            )
            for row in c.execute(wanted)
        )


def n_steps(refs: Sequence[Mapping[str, Any]]) -> int:
    """Steps of an assignment's rubrics."""
    return sum(int(ref["steps"]) for ref in refs)


# --- checks of a plan -----------------------------------------------------------------------------------------------


class _PlanCheck:
    """What a plan is held against; knows the rows it has let through."""

    def __init__(self, connection: Connection, project_id: str) -> None:
        self._connection = connection
        self._project = project_id
        self._attempts = {
            row.id: row for row in connection.execute(select(attempt).where(attempt.c.project == project_id))
        }
        self._members = {
            row.person: row
            for row in connection.execute(
                select(membership).where(membership.c.project == project_id, membership.c.ended_at.is_(None))
            )
        }
        self._given: dict[tuple[str, str], list[str]] = {}
        self._slots: set[tuple[str, int]] = set()
        self._refs: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        kept = select(assignment.c.attempt, assignment.c.rater, assignment.c.purpose, assignment.c.slot).where(
            assignment.c.project == project_id, assignment.c.state != "withdrawn"
        )
        for row in connection.execute(kept):
            self._note(row.attempt, row.rater, row.purpose, row.slot)

    def row(self, db: Database, number: int, plan: Planned) -> dict[str, Any]:
        """The table row for one line of the plan."""
        found = self._attempts.get(plan.attempt)
        if found is None:
            raise self._wrong(number, "attempt", "plan_attempt", f"there is no attempt {plan.attempt[:40]!r} here")
        if found.state != "usable":
            raise self._wrong(number, "attempt", "plan_attempt_excluded", f"attempt {found.code} is not usable")
        member = self._members.get(plan.rater)
        if member is None or "rater" not in member.roles:
            raise self._wrong(number, "rater", "plan_rater", f"{plan.rater[:40]!r} is no rater of this project")
        who = f"rater {member.code}, attempt {found.code}"
        if found.code in member.conflicts:
            raise self._wrong(
                number, "rater", "plan_conflict", f"{who}: a conflict of interest is noted; choose another"
            )
        if plan.purpose not in PURPOSES or not 0 <= plan.slot < 100 or not 0 <= plan.position < 10**6:
            raise self._wrong(number, "purpose", "plan_values", f"{who}: purpose, slot or position is out of range")
        earlier = self._given.get((plan.attempt, plan.rater), [])
        if plan.purpose == "repeat" and not any(p in INDEPENDENT for p in earlier):
            raise self._wrong(number, "rater", "plan_repeat", f"{who}: nothing there to repeat; plan a first rating")
        if plan.purpose != "repeat" and earlier:
            raise self._wrong(number, "rater", "plan_twice", f"{who}: rates it already; choose another")
        if plan.purpose in INDEPENDENT and (plan.attempt, plan.slot) in self._slots:
            raise self._wrong(number, "slot", "plan_slot", f"{who}: slot {plan.slot} is taken; choose another")
        self._note(plan.attempt, plan.rater, plan.purpose, plan.slot)
        return {
            "id": new_id("as"),
            "project": self._project,
            "attempt": plan.attempt,
            "rater": plan.rater,
            "slot": plan.slot,
            "position": plan.position,
            "purpose": plan.purpose,
            "rubrics": self._rubrics(tuple(found.rubrics)),
            "state": "queued",
            "not_before": self._begins(plan)
            if plan.wait_days is not None
            else self.time(number, "not_before", plan.not_before),
            "wait_days": plan.wait_days,
            "due_at": self.time(number, "due_at", plan.due_at),
            "draft": {},
            "created_at": db.stamp(),
        }

    def _note(self, attempt_id: str, rater: str, purpose: str, slot: int) -> None:
        self._given.setdefault((attempt_id, rater), []).append(purpose)
        if purpose in INDEPENDENT:
            self._slots.add((attempt_id, slot))

    def _rubrics(self, ids: tuple[str, ...]) -> list[dict[str, Any]]:
        """What is to be rated by, with the hashes that stand for it from now on."""
        if ids not in self._refs:
            rows = {
                row.id: row
                for row in self._connection.execute(select(rubric_version).where(rubric_version.c.id.in_(ids)))
            }
            refs = []
            for version_id in ids:
                row = rows.get(version_id)
                if row is None or row.state == "draft":
                    raise ConflictError(
                        f"rubric version {version_id} is not published; publish it before anybody rates by it",
                        kind="state",
                        code="rubric_not_published",
                        params={"rubric": row.rubric if row else version_id, "version": row.version if row else ""},
                    )
                rubric = rubric_by_hash(self._connection, version_id, row.sha256)
                refs.append(
                    {"id": row.id, "rubric": row.rubric, "version": row.version, "sha256": row.sha256,
                     "steps": len(rubric.steps)}
                )  # fmt: skip
            if not refs:
                raise ConflictError("the attempt has no rubric", kind="state", code="attempt_without_rubric")
            self._refs[ids] = refs
        return self._refs[ids]

    def _begins(self, plan: Planned) -> str:
        """When a repeat may be seen."""
        locked = self._connection.execute(
            select(submission.c.locked_at)
            .join(assignment, assignment.c.id == submission.c.assignment)
            .where(
                assignment.c.attempt == plan.attempt,
                assignment.c.rater == plan.rater,
                submission.c.revision == 1,
                submission.c.purpose.in_(INDEPENDENT),
            )
        ).scalar()
        return AFTER_THE_FIRST if locked is None else time_text(moment_of(locked) + timedelta(days=plan.wait_days or 0))

    def time(self, number: int, field: str, text: str | None) -> str | None:
        """A time as the tables hold it."""
        if text is None:
            return None
        try:
            return time_text(moment_of(text))
        except ValueError:
            raise self._wrong(
                number, field, "plan_values", f"{field} is {text[:40]!r}, wanted such as 2026-03-01T08:00:00.000000Z"
            ) from None

    def _wrong(self, number: int, field: str, code: str, message: str) -> InputError:
        return InputError(
            f"line {number} of the plan: {message}; nothing was assigned",
            field=field,
            code=code,
            params={"line": number, "reason": message},
        )


def _withdraw(c: Connection, db: Database, actor: Actor, row: Any, reason: str) -> None:
    held = c.execute(select(submission.c.id).where(submission.c.assignment == row.id)).first() is not None
    if held or row.state in ("submitted", "withdrawn"):
        raise ConflictError(
            f"assignment {row.id} is {row.state} and stays; locked submissions are never taken back",
            kind="state",
            code="assignment_not_withdrawable",
        )
    # The fence goes up so that a page that is still open learns of it with its next change, which is kept aside.
    values = {"state": "withdrawn", "writer": None, "fence": row.fence + 1}
    c.execute(update(assignment).where(assignment.c.id == row.id).values(**values))
    audit.record(
        c, db, actor, "assignment.withdraw", f"assignment:{row.id}", project=row.project, detail={"reason": reason}
    )


def _last_position(c: Connection, project_id: str, rater: str) -> int:
    rows = c.execute(
        select(assignment.c.position).where(and_(assignment.c.project == project_id, assignment.c.rater == rater))
    )
    return max(rows.scalars(), default=-1)


def _lock_open_project(c: Connection, project_id: str) -> None:
    """Plans of one project stand in line, so that no two of them give the same slot away."""
    state = c.execute(select(project.c.state).where(project.c.id == project_id).with_for_update()).scalar_one()
    if state != "open":
        raise ConflictError("the project is closed; open it again first", kind="state", code="project_closed")
