"""A consensus read out: totals per skill, provenance and label of each step, the difference to each rater. All derived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, and_, exists, func, select

from siming.errors import InputError
from siming.rubric import Entry, Rubric
from siming.rubric.labels import exact, label_of_entry
from siming.store.access import Actor
from siming.store.cases.case_acts import Act, Key
from siming.store.cases.consensus import Made, Provenance, made_of, why_not_lock
from siming.store.cases.origins import acts_behind
from siming.store.cases.pairs import INDEPENDENT, Work, has_open_work, require_or_hide, work_of_assignment
from siming.store.database import Database
from siming.store.projects.rubrics import rubric_in
from siming.store.schema import adjudication_case, assignment, attempt, consensus_version, person, submission

AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class ResultStep:
    """One step of a consensus."""

    step: str
    entry: Entry
    label: int | None
    provenance: Provenance
    given: tuple[Entry, ...]
    """What each rater gave."""
    differences: tuple[float | None, ...]
    """Consensus minus each rater, in points; None where either left the step blank."""
    decision: Act | None
    """The decision behind an adjudicated step."""


@dataclass(frozen=True, slots=True)
class ResultSkill:
    """One rubric of a consensus."""

    rubric: Rubric
    steps: tuple[ResultStep, ...]
    points: float | None
    max_points: float
    """Points that could be reached on the steps that were judged."""
    percent: float | None
    differences: tuple[float | None, ...]
    """Points minus each rater's, over the steps that both judged."""


@dataclass(frozen=True, slots=True)
class Result:
    """A version, read out."""

    made: Made
    skills: tuple[ResultSkill, ...]
    raters: tuple[str, ...] | None
    """Codes; None without the right to see them."""
    seats: tuple[int, ...]
    """What number each rater has in the case that was decided, where sides are shuffled; 1, 2 without a case."""
    made_by: str | None
    locked_by: str | None
    may_lock: bool
    lock_refused: str | None
    """Code of what keeps this asker from locking."""
    under_appeal: bool


@dataclass(frozen=True, slots=True)
class ResultLine:
    """The newest version of one attempt, for the list."""

    id: str
    code: str
    number: int
    state: str
    agreed: int
    adjudicated: int
    single: int
    created_at: str
    locked_at: str | None


@dataclass(frozen=True, slots=True)
class ResultPage:
    """A page of the list."""

    lines: tuple[ResultLine, ...]
    total: int
    offset: int
    singles: tuple[tuple[str, str], ...]
    """Attempts with one locked rating, no second one assigned and no consensus: id and code."""


def read_result(db: Database, actor: Actor, consensus_id: str) -> Result:
    """One version with everything derived from it.

    Raises:
        NotFoundError: no right to compare, or no such version.
    """
    with db.read() as connection:
        made = made_of(connection, actor, consensus_id)
        works = _works(connection, made)
        acts = acts_behind(connection, made.case, made.case_version)
        refused = why_not_lock(connection, actor, made)
        provisional = made.state == "provisional"
        may = provisional and refused is None and actor.may("lock_consensus", made.project)
        sees = actor.may("see_raters", made.project)
        return Result(
            made=made,
            skills=tuple(_skill(rubric_in(connection, version_id), made, works, acts) for version_id in made.rubrics),
            raters=tuple(next(iter(work.sheets.values())).author.name for work in works) if sees else None,
            seats=(2, 1) if len(works) == 2 and _swapped(connection, made) else tuple(range(1, len(works) + 1)),
            made_by=_name(connection, made.made_by),
            locked_by=_name(connection, made.locked_by),
            may_lock=may,
            lock_refused=refused.code if provisional and refused is not None else None,
            under_appeal=refused is not None and refused.code == "consensus_under_appeal",
        )


def list_results(
    db: Database,
    actor: Actor,
    project_id: str,
    *,
    state: Literal["provisional", "locked", "all"] = "all",
    search: str = "",
    offset: int = 0,
    limit: int = 100,
) -> ResultPage:
    """The newest version of every attempt that has one, by the attempt's code.

    Raises:
        NotFoundError: no right to compare.
    """
    require_or_hide(actor, "compare", project_id)
    if offset < 0 or not 1 <= limit <= AT_ONCE:
        raise InputError(f"a page starts at 0 or later and holds 1 to {AT_ONCE} attempts", code="case_page")
    newest = (
        select(consensus_version.c.attempt, func.max(consensus_version.c.number).label("number"))
        .group_by(consensus_version.c.attempt)
        .subquery()
    )
    fitting = [attempt.c.project == project_id, attempt.c.state != "excluded", ~has_open_work(actor, attempt.c.id)]
    if search.strip():
        fitting.append(attempt.c.code.icontains(search.strip(), autoescape=True))
    if state != "all":
        fitting.append(consensus_version.c.state == state)
    wanted = (
        select(consensus_version, attempt.c.code)
        .join(
            newest,
            and_(newest.c.attempt == consensus_version.c.attempt, newest.c.number == consensus_version.c.number),
        )
        .join(attempt, attempt.c.id == consensus_version.c.attempt)
        .where(*fitting)
    )
    with db.read() as connection:
        total = connection.execute(select(func.count()).select_from(wanted.subquery())).scalar_one()
        rows = connection.execute(wanted.order_by(attempt.c.code).offset(offset).limit(limit))
        lines = []
        for row in rows:
            origins = [origin for steps in row.provenance.values() for origin in steps.values()]
            lines.append(
                ResultLine(
                    id=row.id,
                    code=row.code,
                    number=row.number,
                    state=row.state,
                    agreed=origins.count("agreed"),
                    adjudicated=origins.count("adjudicated"),
                    single=origins.count("single"),
                    created_at=row.created_at,
                    locked_at=row.locked_at,
                )
            )
        return ResultPage(tuple(lines), total, offset, _singles(connection, actor, project_id))


def _singles(connection: Connection, actor: Actor, project_id: str) -> tuple[tuple[str, str], ...]:
    live = and_(
        assignment.c.attempt == attempt.c.id,
        assignment.c.purpose.in_(INDEPENDENT),
        assignment.c.state != "withdrawn",
    )
    n_live = select(func.count()).select_from(assignment).where(live).scalar_subquery()
    rows = connection.execute(
        select(attempt.c.id, attempt.c.code)
        .where(
            attempt.c.project == project_id,
            attempt.c.state == "usable",
            n_live == 1,
            exists().where(live, submission.c.assignment == assignment.c.id),
            ~exists().where(consensus_version.c.attempt == attempt.c.id),
            ~has_open_work(actor, attempt.c.id),
        )
        .order_by(attempt.c.code)
        .limit(AT_ONCE)
    )
    return tuple((row.id, row.code) for row in rows)


def _skill(rubric: Rubric, made: Made, works: tuple[Work, ...], acts: dict[Key, Act]) -> ResultSkill:
    sheet = made.sheets[rubric.id]
    steps = []
    for step in rubric.steps:
        entry = sheet.steps[step.id]
        given = tuple(work.sheets[rubric.id].steps[step.id] for work in works)
        act = acts.get((rubric.id, step.id))
        origin = made.provenance[rubric.id][step.id]
        steps.append(
            ResultStep(
                step=step.id,
                entry=entry,
                label=label_of_entry(entry, step, rubric.ordinal_map),
                provenance=origin,
                given=given,
                differences=tuple(_minus(entry, other) for other in given),
                decision=act if origin == "adjudicated" and act is not None and act.entry == entry else None,
            )
        )
    return ResultSkill(
        rubric=rubric,
        steps=tuple(steps),
        points=sheet.points,
        max_points=sheet.max_points(rubric),
        percent=sheet.total(rubric),
        differences=tuple(_sum([step.differences[n] for step in steps]) for n in range(len(works))),
    )


def _minus(one: Entry, other: Entry) -> float | None:
    if one.points is None or other.points is None:
        return None
    return float(exact(one.points) - exact(other.points))


def _sum(differences: list[float | None]) -> float | None:
    known = [exact(difference) for difference in differences if difference is not None]
    return float(sum(known)) if known else None


def _works(connection: Connection, made: Made) -> tuple[Work, ...]:
    found = []
    for submission_id in made.submissions:
        owner = connection.execute(select(submission.c.assignment).where(submission.c.id == submission_id)).scalar_one()
        work = work_of_assignment(connection, owner)
        if work is not None:
            found.append(work)
    return tuple(found)


def _swapped(connection: Connection, made: Made) -> bool:
    wanted = select(adjudication_case.c.swapped).where(adjudication_case.c.id == made.case)
    return made.case is not None and bool(connection.scalar(wanted))


def _name(connection: Connection, who: str | None) -> str | None:
    if who is None:
        return None
    return connection.execute(select(person.c.display_name).where(person.c.id == who)).scalar()
