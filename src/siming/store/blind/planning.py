"""From a project's attempts and raters to assignments: planned first, looked at, then given out.

A plan is made anew from what stands each time, with the same seed the same plan; so what was looked at is what is given
out, or the difference is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean
from typing import Any

from sqlalchemy import Connection, Row, func, select

from siming.errors import ConflictError, InputError, TaskError
from siming.rating.plan import (
    Assignment,
    AssignmentPlan,
    Assumptions,
    PlanAttempt,
    PlanError,
    PlanRater,
    plan_assignments,
    replan,
)
from siming.store.access import Actor
from siming.store.blind.assignments import REPEAT_DAYS, Assigned, Despite, Planned, assign, n_steps
from siming.store.blind.past import Seen, seen_ratings
from siming.store.canonical import digest
from siming.store.database import Database, time_text
from siming.store.projects.rubrics import rubric_in
from siming.store.schema import assignment, attempt, media, membership, project_rubric, rubric_version

BEGUN = ("open", "in_progress", "submitted", "reopened")
PLANNED_PURPOSES = ("score", "link", "repeat")
MOST_VIDEOS, MOST_RATERS = 5000, 100
"""What a forecast is asked for at most: a page should answer while its reader waits."""
USUAL_MINUTES = 3.0
"""Length of a video where none is there to be measured."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What a coordinator asks of a plan; the defaults are the paper's protocol."""

    raters_per_attempt: int = 2
    double_share: float = 1.0
    link_attempts: int = 0
    repeat_share: float = 0.05
    not_before_days: int = REPEAT_DAYS
    early_because: str = ""
    """Why repeats come after fewer days than `REPEAT_DAYS`; the audit keeps it."""
    same_site_allowed: bool = False
    seed: int = 0
    due_days: int | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan that has not been given out."""

    plan: AssignmentPlan
    new: tuple[Planned, ...]
    """What giving it out would add."""
    replaced: tuple[Assigned, ...]
    """Assignments that nobody has begun and whose rater has left or has a conflict by now: withdrawn when it is given
    out."""
    mark: str
    """Digest of what changes; hand it back to give out exactly this."""
    not_ready: tuple[str, ...]
    """Codes of attempts without a video that raters may see; they are not planned."""


def propose(db: Database, actor: Actor, project_id: str, options: PlanOptions) -> Proposal:
    """Plan what is open; nothing that stands is moved, nothing is given out.

    Raises:
        InputError: no attempt is ready, nobody rates, or the plan is impossible; the message says what would do.
    """
    actor.require("plan", project_id)
    with db.read() as c:
        return _proposal(c, db, project_id, options)


def give_out(db: Database, actor: Actor, project_id: str, options: PlanOptions, *, mark: str) -> int:
    """Give a proposal out. Returns how many assignments were added.

    Raises:
        ConflictError: attempts, raters or assignments have changed since it was looked at; look again.
    """
    actor.require("plan", project_id)
    with db.read() as c:
        proposal = _proposal(c, db, project_id, options)
    if proposal.mark != mark:
        raise ConflictError(
            "attempts, raters or assignments have changed since this plan was made; look at the new one",
            kind="stale_version",
            code="plan_changed",
        )
    despite: list[Despite] = ["same_site"] if options.same_site_allowed else []
    if options.early_because.strip():
        despite.append("early_repeat")
    # Two coordinators at once cannot both pass: `assign` refuses a slot that is taken.
    added = assign(
        db, actor, project_id, proposal.new, instead_of=[one.id for one in proposal.replaced], despite=despite,
        reason=options.early_because.strip() or "allowed in the plan",
    )  # fmt: skip
    return len(added)


def forecast(
    db: Database,
    actor: Actor,
    project_id: str,
    options: PlanOptions,
    *,
    videos: int,
    raters: int,
    minutes: float = USUAL_MINUTES,
) -> AssignmentPlan:
    """What so many videos and raters would be able to say, before there is a single one of them.

    Raises:
        InputError: the project has no rubric, or numbers that cannot be.
    """
    actor.require("plan", project_id)
    if not (1 <= videos <= MOST_VIDEOS and 1 <= raters <= MOST_RATERS):
        raise InputError(
            f"{videos} videos and {raters} raters: give 1 to {MOST_VIDEOS} videos and 1 to {MOST_RATERS} raters",
            field="videos",
            code="forecast_range",
            params={"videos": MOST_VIDEOS, "raters": MOST_RATERS},
        )
    with db.read() as c:
        chosen = select(project_rubric.c.rubric_version).where(project_rubric.c.project == project_id)
        rubrics = [rubric_in(c, version_id) for version_id in c.execute(chosen).scalars().all()]
    if not rubrics:
        raise InputError("the project has no rubric yet; choose one first", code="project_without_rubric")
    if raters < options.raters_per_attempt:
        raise InputError(
            f"{options.raters_per_attempt} raters per video are asked for and there are {raters}; say more raters, or ask "
            "for fewer of them per video",
            field="raters",
            code="forecast_raters",
            params={"raters": raters, "asked": options.raters_per_attempt},
        )
    ids = tuple(rubric.id for rubric in rubrics)
    try:
        return plan_assignments(
            [PlanAttempt(f"V{n:04d}", minutes, ids) for n in range(1, videos + 1)],
            [PlanRater(f"R{n:02d}") for n in range(1, raters + 1)],
            raters_per_attempt=options.raters_per_attempt,
            double_share=options.double_share,
            link_attempts=options.link_attempts,
            repeat_share=options.repeat_share,
            not_before_days=options.not_before_days,
            seed=options.seed,
            assumptions=Assumptions(cells_per_attempt=float(sum(len(rubric.steps) for rubric in rubrics))),
        )
    except TaskError as error:
        raise _impossible(error) from error


@dataclass(frozen=True, slots=True)
class GivenOut:
    """A page of what is assigned."""

    lines: tuple[Assigned, ...]
    total: int
    page: int
    pages: int
    counts: tuple[tuple[str, str, int], ...]
    """(purpose, state, how many) of the whole project."""


@dataclass(frozen=True, slots=True)
class RaterLine:
    """Somebody who rates in a project, as who plans sees him."""

    person: str
    code: str
    site: str | None
    minutes: float | None
    conflicts: tuple[str, ...]
    given: int
    """Assignments that are not withdrawn."""
    submitted: int


def raters_of(db: Database, actor: Actor, project_id: str) -> tuple[RaterLine, ...]:
    """Everybody who rates, by code."""
    actor.require("plan", project_id)
    with db.read() as c:
        counted: dict[str, dict[str, int]] = {}
        for person, state, n in c.execute(
            select(assignment.c.rater, assignment.c.state, func.count())
            .where(assignment.c.project == project_id, assignment.c.state != "withdrawn")
            .group_by(assignment.c.rater, assignment.c.state)
        ):
            counted.setdefault(person, {})[state] = n
        return tuple(
            RaterLine(
                row.person,
                row.code,
                row.site,
                row.minutes,
                tuple(row.conflicts),
                sum(counted.get(row.person, {}).values()),
                counted.get(row.person, {}).get("submitted", 0),
            )
            for row in _raters(c, project_id)
        )


def given_out(
    db: Database,
    actor: Actor,
    project_id: str,
    *,
    rater: str | None = None,
    state: str | None = None,
    text: str = "",
    page: int = 1,
    per_page: int = 50,
) -> GivenOut:
    """What is assigned, by attempt and slot.

    Args:
        rater: Id of a person.
        state: Of the assignment; None for all that are not withdrawn.
        text: Part of the attempt's code.
    """
    actor.require("plan", project_id)
    where = [assignment.c.project == project_id]
    where.append(assignment.c.state == state if state else assignment.c.state != "withdrawn")
    if rater:
        where.append(assignment.c.rater == rater)
    if text.strip():
        where.append(attempt.c.code.icontains(text.strip()[:64].replace("\0", ""), autoescape=True))
    join = assignment.join(attempt, attempt.c.id == assignment.c.attempt)
    with db.read() as c:
        total = c.execute(select(func.count()).select_from(join).where(*where)).scalar_one()
        pages = max(1, -(-total // per_page))
        page = min(max(1, page), pages)
        rows = c.execute(
            select(assignment, attempt.c.code.label("attempt_code"))
            .select_from(join)
            .where(*where)
            .order_by(attempt.c.code, assignment.c.slot, assignment.c.created_at, assignment.c.id)
            .limit(per_page)
            .offset((page - 1) * per_page)
        ).all()
        counts = c.execute(
            select(assignment.c.purpose, assignment.c.state, func.count())
            .where(assignment.c.project == project_id)
            .group_by(assignment.c.purpose, assignment.c.state)
            .order_by(assignment.c.purpose, assignment.c.state)
        ).all()
    counted = tuple((purpose, name, n) for purpose, name, n in counts)
    return GivenOut(tuple(_assigned(row) for row in rows), total, page, pages, counted)


def assign_calibration(db: Database, actor: Actor, project_id: str) -> int:
    """Give every rater the gold videos that he has not been given yet. Returns how many assignments were added."""
    actor.require("plan", project_id)
    with db.read() as c:
        gold = c.execute(
            select(attempt.c.id)
            .where(attempt.c.project == project_id, attempt.c.gold.is_(True), attempt.c.state == "usable")
            .order_by(attempt.c.code)
        ).scalars()
        golden = list(gold)
        given = {
            (row.attempt, row.rater): row.position
            for row in c.execute(
                select(assignment.c.attempt, assignment.c.rater, assignment.c.position).where(
                    assignment.c.project == project_id, assignment.c.state != "withdrawn"
                )
            )
        }
        people = _raters(c, project_id)
        barred = _barred(c, project_id, seen_ratings(c, project_id))
        codes = {
            row.id: row.code for row in c.execute(select(attempt.c.id, attempt.c.code).where(attempt.c.id.in_(golden)))
        }
    new = []
    for row in people:
        person, kept_out = row.person, {*row.conflicts, *barred.get(row.person, ())}
        last = max((position for (_, rater), position in given.items() if rater == person), default=0)
        missing = [one for one in golden if (one, person) not in given and codes[one] not in kept_out]
        new += [Planned(one, person, 0, last + n, "calibration") for n, one in enumerate(missing, start=1)]
    return len(assign(db, actor, project_id, new))


def _proposal(c: Connection, db: Database, project_id: str, options: PlanOptions) -> Proposal:
    if options.not_before_days < REPEAT_DAYS and options.repeat_share > 0 and not options.early_because.strip():
        raise InputError(
            f"repeats after {options.not_before_days} days are remembered; let {REPEAT_DAYS} pass, or say why they come "
            "sooner",
            field="not_before_days",
            code="plan_repeat_early",
            params={"days": REPEAT_DAYS},
        )
    attempts, not_ready, of_code, steps = _attempts(c, project_id)
    people = _raters(c, project_id)
    persons = {row.code: row.person for row in people}
    held, begun, of_row = _held(c, project_id)
    seen = seen_ratings(c, project_id)
    barred, unrepeatable = _barred(c, project_id, seen), seen | _going_over(c, project_id)
    if not attempts:
        raise InputError(
            "no attempt is ready to be rated: bring in videos, look at their masks and release them to raters first",
            code="plan_no_attempts",
        )
    if not people:
        raise InputError("nobody rates in this project yet: give members the role of rater", code="plan_no_raters")
    try:
        plan = replan(
            held,
            attempts,
            [
                PlanRater(
                    row.code,
                    row.site,
                    row.minutes,
                    frozenset({*row.conflicts, *barred.get(row.person, ())}),
                    same_site_allowed=options.same_site_allowed,
                )
                for row in people
            ],
            begun=begun,
            raters_per_attempt=options.raters_per_attempt,
            double_share=options.double_share,
            link_attempts=options.link_attempts,
            repeat_share=options.repeat_share,
            not_before_days=options.not_before_days,
            seed=options.seed,
            assumptions=Assumptions(cells_per_attempt=fmean(steps[code] for code in of_code)),
        )
    except TaskError as error:
        raise _impossible(error) from error
    known = {(a.attempt, a.rater, a.purpose) for a in held}
    now = db.now()

    def due(wait: int) -> str | None:
        """Counted from the day it opens; a repeat's day is set anew once its first rating is locked."""
        return None if options.due_days is None else time_text(now + timedelta(days=options.due_days + wait))

    views = {(a.attempt, a.rater, a.purpose): a for a in plan.assignments}
    new = tuple(
        Planned(
            attempt=of_code[code],
            rater=persons[rater],
            slot=found.slot,
            position=found.order,
            purpose=purpose,
            due_at=due(found.not_before_days if purpose == "repeat" else 0),
            wait_days=found.not_before_days if purpose == "repeat" else None,
        )
        for (code, rater, purpose), found in views.items()
        if (code, rater, purpose) not in known
        and rater in persons
        and not (purpose == "repeat" and (persons[rater], of_code[code]) in unrepeatable)
    )
    # Where a rater has left, his queued assignments stand in nobody's plan any more, and their places are given anew.
    replaced = tuple(of_row[view] for view in of_row if view not in views and of_row[view].attempt_code in of_code)
    mark = digest(
        [[[p.attempt, p.rater, p.slot, p.position, p.purpose] for p in new], sorted(one.id for one in replaced)]
    )
    return Proposal(plan, new, replaced, mark, tuple(not_ready))


def _barred(c: Connection, project_id: str, seen: Iterable[Seen]) -> dict[str, set[str]]:
    """By person, codes of attempts of which he has seen what others made."""
    rows = c.execute(select(attempt.c.id, attempt.c.code).where(attempt.c.project == project_id))
    code_of = {row.id: row.code for row in rows}
    found: dict[str, set[str]] = {}
    for person, attempt_id in seen:
        found.setdefault(person, set()).add(code_of[attempt_id])
    return found


def _going_over(c: Connection, project_id: str) -> set[Seen]:
    """(person, attempt) of what is being worked over: no repeat is planned of it until it is locked."""
    rows = c.execute(
        select(assignment.c.rater, assignment.c.attempt).where(
            assignment.c.project == project_id, assignment.c.state == "reopened"
        )
    )
    return {(row.rater, row.attempt) for row in rows}


def _impossible(error: TaskError) -> InputError:
    if isinstance(error, PlanError):
        return InputError(str(error), code=f"plan_{error.code}", params=error.facts)
    return InputError(str(error), code="plan_impossible")


def _assigned(row: Any) -> Assigned:
    names = [name for name in Assigned.__dataclass_fields__ if name != "steps"]
    return Assigned(steps=n_steps(row.rubrics), **{name: getattr(row, name) for name in names})


def _attempts(c: Connection, project_id: str) -> tuple[list[PlanAttempt], list[str], dict[str, str], dict[str, int]]:
    """Attempts whose video raters may see, the codes of the others, ids by code, and steps by code."""
    versions = {row.id: row.rubric for row in c.execute(select(rubric_version.c.id, rubric_version.c.rubric))}
    n_of: dict[str, int] = {}
    seconds = {
        row.attempt: row.duration_s
        for row in c.execute(
            select(media.c.attempt, media.c.duration_s)
            .join(attempt, attempt.c.id == media.c.attempt)
            .where(attempt.c.project == project_id, media.c.kind == "derivative", media.c.state == "verified")
        )
    }
    ready: list[PlanAttempt] = []
    waiting: list[str] = []
    of_code: dict[str, str] = {}
    steps: dict[str, int] = {}
    wanted = select(attempt).where(
        attempt.c.project == project_id, attempt.c.state == "usable", attempt.c.gold.is_(False)
    )
    for row in c.execute(wanted.order_by(attempt.c.code)):
        if not seconds.get(row.id):
            waiting.append(row.code)
            continue
        for version_id in row.rubrics:
            if version_id not in n_of:
                n_of[version_id] = len(rubric_in(c, version_id).steps)
        of_code[row.code] = row.id
        steps[row.code] = sum(n_of[version_id] for version_id in row.rubrics)
        ready.append(
            PlanAttempt(
                id=row.code,
                minutes=seconds[row.id] / 60,
                rubrics=tuple(versions[version_id] for version_id in row.rubrics),
                site=row.site,
                candidate=row.candidate_code,
            )
        )
    return ready, waiting, of_code, steps


def _raters(c: Connection, project_id: str) -> list[Row[Any]]:
    rows = c.execute(
        select(membership)
        .where(membership.c.project == project_id, membership.c.ended_at.is_(None))
        .order_by(membership.c.code)
    )
    return [row for row in rows if "rater" in row.roles]


def _held(
    c: Connection, project_id: str
) -> tuple[list[Assignment], list[tuple[str, str]], dict[tuple[str, str, str], Assigned]]:
    """What stands, rubric by rubric as a plan has it; (attempt, rater) of what has begun; and what has not, by (attempt,
    rater, purpose)."""
    rows = c.execute(
        select(assignment, attempt.c.code.label("attempt_code"), membership.c.code.label("rater_code"))
        .join(attempt, attempt.c.id == assignment.c.attempt)
        .join(
            membership,
            (membership.c.person == assignment.c.rater) & (membership.c.project == assignment.c.project),
        )
        .where(
            assignment.c.project == project_id,
            assignment.c.state != "withdrawn",
            assignment.c.purpose.in_(PLANNED_PURPOSES),
            attempt.c.state == "usable",
        )
        .order_by(assignment.c.id)
    ).all()
    held = [
        Assignment(
            attempt=row.attempt_code,
            rubric=rubric["rubric"],
            rater=row.rater_code,
            slot=row.slot,
            order=row.position,
            purpose=row.purpose,
            not_before_days=row.wait_days or 0,
        )
        for row in rows
        for rubric in row.rubrics
    ]
    begun = {(row.attempt_code, row.rater_code) for row in rows if row.state in BEGUN}
    waiting = {
        (row.attempt_code, row.rater_code, row.purpose): _assigned(row)
        for row in rows
        if (row.attempt_code, row.rater_code) not in begun
    }
    return held, sorted(begun), waiting
