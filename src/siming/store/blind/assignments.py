"""Who rates which attempt, in which order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, Literal, get_args

from sqlalchemy import Connection, and_, func, insert, select, tuple_, update

from siming.errors import ConflictError, InputError
from siming.store import audit
from siming.store.access import Actor
from siming.store.blind.desk import planners_row, rubric_by_hash
from siming.store.blind.past import Seen, seen_ratings
from siming.store.canonical import digest
from siming.store.cases.pairs import INDEPENDENT as INDEPENDENT
from siming.store.database import Database, moment_of, new_id, time_text
from siming.store.schema import assignment, attempt, membership, project, rubric_version, submission
from siming.store.text import free_text

Purpose = Literal["score", "link", "repeat", "calibration", "ai_assisted"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
Despite = Literal["same_site", "conflict", "early_repeat"]
"""What who plans may go over, with a reason that the audit keeps: the rater is of the site where the attempt was made; a
conflict of interest is noted; a repeat comes sooner than two weeks."""
REPEAT_DAYS = 14
"""Days between a rating and its repeat, at least: a rater who remembers the video repeats his memory."""
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
    """Of a repeat: days between the locking of its first rating and this one; until then nobody sees it. None for
    `REPEAT_DAYS`."""


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
    db: Database,
    actor: Actor,
    project_id: str,
    planned: Sequence[Planned],
    *,
    instead_of: Sequence[str] = (),
    despite: Collection[Despite] = (),
    reason: str = "",
) -> tuple[str, ...]:
    """Give attempts to raters: all of the plan or none of it. Returns the assignments' ids in the plan's order.

    Args:
        instead_of: Ids of assignments that the plan replaces; they are withdrawn with it.
        despite: What does not stand in the way this time; where it would have, the audit says so.
        reason: Why; wanted with `despite`.

    Raises:
        InputError: an attempt or rater that is not there, the same rater twice on one attempt (other than as a repeat),
            somebody who has seen what others made of the attempt, a conflict of interest, the attempt's own site, a
            repeat that comes too soon, a slot that is taken.
        ConflictError: the project is closed, or a rubric is not published or not as it was.
    """
    actor.require("plan", project_id)
    reason = free_text(reason, "reason", at_most=1000, optional=not despite)
    if len(planned) > LONGEST_PLAN:
        raise InputError(f"a plan has at most {LONGEST_PLAN} assignments; give it in parts", code="plan_too_long")
    with db.write() as c:
        _lock_open_project(c, project_id)
        for replaced in instead_of:
            _withdraw(c, db, actor, planners_row(c, actor, replaced), "replaced by a new plan")
        check = _PlanCheck(c, project_id, despite)
        rows = [check.row(db, number, plan) for number, plan in enumerate(planned, start=1)]
        check.tell_audit(db, actor, reason)
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


def reassign(
    db: Database, actor: Actor, assignment_id: str, rater: str, *, reason: str, despite: Collection[Despite] = ()
) -> str:
    """Give an attempt to another rater, in the same slot. Earlier work stays with the withdrawn assignment.

    Args:
        despite: As in `assign`; the reason is this one's too.

    Returns:
        Id of the new assignment, which begins empty: one rater's work is never handed to another.

    Raises:
        InputError, ConflictError: as `assign` and `withdraw`.
    """
    reason = free_text(reason, "reason", at_most=1000, optional=False)
    with db.write() as c:
        row = planners_row(c, actor, assignment_id)
        _withdraw(c, db, actor, row, reason)
        plan = Planned(
            row.attempt, rater, row.slot, _last_position(c, row.project, rater) + 1, row.purpose, None, row.due_at,
            row.wait_days,
        )  # fmt: skip
        check = _PlanCheck(c, row.project, despite)
        made = check.row(db, 1, plan)
        c.execute(insert(assignment).values(**made))
        check.tell_audit(db, actor, reason)
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
    waiting = select(assignment.c.id, assignment.c.wait_days, assignment.c.due_at, assignment.c.created_at).where(
        assignment.c.attempt == attempt_id,
        assignment.c.rater == rater,
        assignment.c.purpose == "repeat",
        assignment.c.not_before == AFTER_THE_FIRST,
    )
    for row in c.execute(waiting).all():
        wait = timedelta(days=row.wait_days or 0)
        begins = db.now() + wait
        values = {"not_before": time_text(begins)}
        if row.due_at is not None:  # as many days as he was given, from the day it opens; never less than one
            given = max(moment_of(row.due_at) - moment_of(row.created_at) - wait, timedelta(days=1))
            values["due_at"] = max(row.due_at, time_text(begins + given))
        c.execute(update(assignment).where(assignment.c.id == row.id).values(**values))


def assignments(
    db: Database, actor: Actor, project_id: str, *, after: str | None = None, limit: int | None = None
) -> tuple[Assigned, ...]:
    """Every assignment of a project, by attempt and slot; for who plans.

    Args:
        after: Id of the last one that he has already; only those that come after it.
        limit: So many at most.

    Raises:
        InputError: `after` is no assignment of this project.
    """
    actor.require("plan", project_id)
    order = (attempt.c.code, assignment.c.slot, assignment.c.created_at, assignment.c.id)
    named = [column for column in assignment.c if column.name in (*Assigned.__dataclass_fields__, "rubrics")]
    wanted = (  # without the drafts: those of a whole project do not fit into memory
        select(*named, attempt.c.code.label("attempt_code"))
        .join(attempt, attempt.c.id == assignment.c.attempt)
        .where(assignment.c.project == project_id)
        .order_by(*order)
        .limit(limit)
    )
    with db.read() as c:
        if after is not None:
            place = select(*order).join(attempt, attempt.c.id == assignment.c.attempt)
            last = c.execute(place.where(assignment.c.project == project_id, assignment.c.id == after)).first()
            if last is None:
                raise InputError(
                    "after is no assignment of this project; begin again without it", field="after", code="cursor"
                )
            wanted = wanted.where(tuple_(*order) > tuple_(*last))
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

    def __init__(self, connection: Connection, project_id: str, despite: Collection[Despite] = ()) -> None:
        self._connection = connection
        self._project = project_id
        self._despite = despite
        self._gone_over: dict[Despite, list[str]] = {}
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
        self._reopened: set[tuple[str, str]] = set()
        kept = select(
            assignment.c.attempt, assignment.c.rater, assignment.c.purpose, assignment.c.slot, assignment.c.state
        ).where(assignment.c.project == project_id, assignment.c.state != "withdrawn")
        for row in connection.execute(kept):
            self._note(row.attempt, row.rater, row.purpose, row.slot)
            if row.state == "reopened":
                self._reopened.add((row.attempt, row.rater))

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
        in_range = 0 <= plan.slot < 100 and 0 <= plan.position < 10**6 and 0 <= (plan.wait_days or 0) < 10**5
        if plan.purpose not in PURPOSES or not in_range:
            raise self._wrong(number, "purpose", "plan_values", f"{who}: purpose, slot or position is out of range")
        earlier = self._given.get((plan.attempt, plan.rater), [])
        if plan.purpose == "repeat" and not any(p in INDEPENDENT for p in earlier):
            raise self._wrong(number, "rater", "plan_repeat", f"{who}: nothing there to repeat; plan a first rating")
        if plan.purpose == "repeat" and (plan.attempt, plan.rater) in self._reopened:
            message = f"{who}: goes over the first rating again; plan the repeat once it is locked"
            raise self._wrong(number, "rater", "plan_repeat_open", message)
        if plan.purpose != "repeat" and earlier:
            raise self._wrong(number, "rater", "plan_twice", f"{who}: rates it already; choose another")
        if plan.purpose in INDEPENDENT and (plan.attempt, plan.slot) in self._slots:
            raise self._wrong(number, "slot", "plan_slot", f"{who}: slot {plan.slot} is taken; choose another")
        if (plan.rater, plan.attempt) in self._seen:
            message = f"{who}: has seen what others made of it and cannot rate it blind; choose another"
            raise self._wrong(number, "rater", "plan_seen", message)
        made = new_id("as")
        self._check_interests(number, plan, found, member, who, made)
        self._note(plan.attempt, plan.rater, plan.purpose, plan.slot)
        return {
            "id": made,
            "project": self._project,
            "attempt": plan.attempt,
            "rater": plan.rater,
            "slot": plan.slot,
            "position": plan.position,
            "purpose": plan.purpose,
            "rubrics": self._rubrics(tuple(found.rubrics)),
            "state": "queued",
            "not_before": self._begins(number, plan),
            "wait_days": _wait_days(plan),
            "due_at": self.time(number, "due_at", plan.due_at),
            "draft": {},
            "created_at": db.stamp(),
        }

    @cached_property
    def _seen(self) -> frozenset[Seen]:
        return seen_ratings(self._connection, self._project)

    def _check_interests(self, number: int, plan: Planned, found: Any, member: Any, who: str, made: str) -> None:
        """What can be gone over with a reason. Of a repeat only its time: whoever repeats has rated the attempt."""
        wait = _wait_days(plan)
        if wait is not None:
            if wait < REPEAT_DAYS and not self._goes_over("early_repeat", made):
                message = f"{who}: a repeat after {wait} days; let {REPEAT_DAYS} pass, or give a reason"
                raise self._wrong(number, "wait_days", "plan_repeat_early", message, days=REPEAT_DAYS)
            return
        if {found.code, found.candidate_code} & set(member.conflicts) and not self._goes_over("conflict", made):
            message = f"{who}: a conflict of interest is noted; choose another"
            raise self._wrong(number, "rater", "plan_conflict", message)
        if plan.purpose == "calibration" or member.site is None or member.site != found.site:
            return
        if not self._goes_over("same_site", made):
            message = f"{who}: is of the site {found.site} where it was made; choose another"
            raise self._wrong(number, "rater", "plan_same_site", message)

    def _goes_over(self, what: Despite, made: str) -> bool:
        if what in self._despite:
            self._gone_over.setdefault(what, []).append(made)
        return what in self._despite

    def tell_audit(self, db: Database, actor: Actor, reason: str) -> None:
        """Write down what was gone over, of which assignments and why."""
        for what, made in sorted(self._gone_over.items()):
            audit.record(
                self._connection, db, actor, "assignment.despite", f"project:{self._project}", project=self._project,
                after=digest(made), detail={"despite": what, "n": len(made), "assignments": made[:100]},
                reason=reason,
            )  # fmt: skip

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

    def _begins(self, number: int, plan: Planned) -> str | None:
        """When it may be seen; a repeat not before its days have passed since his last word on the attempt."""
        asked, wait = self.time(number, "not_before", plan.not_before), _wait_days(plan)
        if wait is None:
            return asked
        locked = self._connection.execute(
            select(func.max(submission.c.locked_at))
            .join(assignment, assignment.c.id == submission.c.assignment)
            .where(
                assignment.c.attempt == plan.attempt,
                assignment.c.rater == plan.rater,
                submission.c.purpose.in_(INDEPENDENT),
            )
        ).scalar()
        if locked is None:
            return AFTER_THE_FIRST
        return max(asked or "", time_text(moment_of(locked) + timedelta(days=wait)))

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

    def _wrong(self, number: int, field: str, code: str, message: str, **params: int) -> InputError:
        return InputError(
            f"line {number} of the plan: {message}; nothing was assigned",
            field=field,
            code=code,
            params={"line": number, "reason": message, **params},
        )


def _wait_days(plan: Planned) -> int | None:
    """Days that a repeat waits; None for everything else."""
    if plan.purpose != "repeat":
        return None
    return REPEAT_DAYS if plan.wait_days is None else plan.wait_days


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
    audit.record(c, db, actor, "assignment.withdraw", f"assignment:{row.id}", project=row.project, reason=reason)


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
