"""What the people of a case see of it: both sides, what stands on each step, who holds the pen, what was refused.

Sides are shown shuffled (`swapped`) and without names where the policy hides them. Nothing of a model is ever read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, and_, func, or_, select

from siming.errors import InputError
from siming.rubric import Entry, Rubric
from siming.rubric.labels import label_of_entry
from siming.store.access import Actor
from siming.store.cases.case_access import CaseRow, Part, case_for, required_confirmations
from siming.store.cases.case_acts import Act, Choice, StepState, standing, state_of, undoable
from siming.store.cases.cases import acts_of
from siming.store.cases.compared import compare_pair
from siming.store.cases.comparison import Kind
from siming.store.cases.pairs import Pair, has_open_work, has_rated, nothing_there, works_of
from siming.store.database import Database, moment_of
from siming.store.projects.rubrics import rubric_in
from siming.store.schema import adjudication_case, assignment, attempt, late_write, person, submission

AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person as this asker may see him: a name, or a place such as rater 1."""

    name: str | None
    """None where identity is hidden."""
    place: Literal["first", "second"] | None
    """The side as shown, for one of the two raters."""
    me: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One act in the history, for people."""

    version: int
    kind: str
    rubric: str
    step: str
    choice: Choice | None
    """By the sides as shown."""
    entry: Entry | None
    template: str | None
    rationale: str
    undoes: int | None
    by: Somebody
    at: str


@dataclass(frozen=True, slots=True)
class CaseStep:
    """One step of a case."""

    rubric: str
    step: str
    kind: Kind
    state: StepState
    first: Entry
    """As shown on the left."""
    second: Entry
    labels: tuple[int | None, int | None]
    standing: Line | None
    """The decision or reopening that stands."""


@dataclass(frozen=True, slots=True)
class LateWrite:
    """What somebody wrote and could not save any more."""

    id: str
    payload: Mapping[str, Any]
    because: str
    at: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """A whole case."""

    id: str
    project: str
    attempt: str
    code: str
    mode: Literal["third", "joint"]
    state: str
    version: int
    part: Part
    mine: Literal["first", "second"] | None
    """The asker's own side, in joint mode."""
    holder: Somebody | None
    """Who holds the pen now; None where nobody does, or the lease has run out."""
    lease_until: str | None
    raters: tuple[str | None, str | None]
    """Codes by side; None where hidden."""
    rubrics: tuple[Rubric, ...]
    steps: tuple[CaseStep, ...]
    """Open ones by gravity first, then the others, each in the order of the rubrics."""
    n_open: int
    confirmed: tuple[Somebody, ...]
    lacking: tuple[str, ...]
    """Whose word a joint case still lacks: ``first``, ``second`` (as shown), ``adjudicator``."""
    history: tuple[Line, ...]
    can_undo: bool
    late_writes: tuple[LateWrite, ...]
    """The asker's own."""
    media_sha256: tuple[str | None, str | None]
    hide_raters: bool


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case in the list."""

    id: str
    code: str
    mode: str
    state: str
    n_open: int
    n_critical: int
    holder: Somebody | None
    opened_at: str
    part: Part


@dataclass(frozen=True, slots=True)
class CasePage:
    """A page of the list."""

    lines: tuple[CaseLine, ...]
    total: int
    offset: int


def view_case(db: Database, actor: Actor, case_id: str) -> CaseView:
    """A case as this asker may see it.

    Raises:
        NotFoundError: there is none, or he may not know of it.
    """
    with db.read() as connection:
        case = case_for(connection, actor, case_id)
        pair = works_of(connection, case.first, case.second)
        rubrics = tuple(rubric_in(connection, version_id) for version_id in pair[0].rubrics)
        acts = acts_of(connection, case.id)
        names = _Names(connection, actor, case)
        confirmations = required_confirmations(connection, case)
        live = case.holder is not None and case.lease_until is not None and moment_of(case.lease_until) > db.now()
        shown: Pair = (pair[1], pair[0]) if case.swapped else pair
        return CaseView(
            id=case.id,
            project=case.project,
            attempt=case.attempt,
            code=case.code,
            mode=case.mode,
            state=case.state,
            version=case.version,
            part=case.part,
            mine=names.place(actor.id),
            holder=names.of(case.holder) if live and case.holder is not None else None,
            lease_until=case.lease_until if live else None,
            raters=names.sides([next(iter(work.sheets.values())).author.name for work in shown]),
            rubrics=rubrics,
            steps=_steps(connection, case, pair, rubrics, acts, names),
            n_open=case.n_open,
            confirmed=tuple(names.of(who) for who in sorted(confirmations.given)),
            lacking=tuple(names.place(who) or "adjudicator" for who in confirmations.lacking),
            history=tuple(names.line(act) for act in acts),
            can_undo=case.state not in ("confirmed", "withdrawn") and undoable(acts) is not None,
            late_writes=_late_writes(connection, actor, case.id),
            media_sha256=(shown[0].media_sha256, shown[1].media_sha256),
            hide_raters=names.hidden,
        )


def list_cases(
    db: Database,
    actor: Actor,
    project_id: str,
    *,
    state: Literal["waiting", "done", "all"] = "waiting",
    offset: int = 0,
    limit: int = 100,
) -> CasePage:
    """The cases of a project that this asker may see, those with critical steps first, then those with most open steps.

    Raises:
        NotFoundError: he may see none at all: a rater of a project whose cases are decided by third persons, or who has
            no joint case.
    """
    if offset < 0 or not 1 <= limit <= AT_ONCE:
        raise InputError(f"a page starts at 0 or later and holds 1 to {AT_ONCE} cases", code="case_page")
    if not actor.roles.get(project_id):
        raise nothing_there()
    reads, judges = actor.may("compare", project_id), actor.may("adjudicate", project_id)
    own = (
        select(submission.c.id)
        .join(assignment, assignment.c.id == submission.c.assignment)
        .where(assignment.c.rater == actor.id)
    )
    his = or_(adjudication_case.c.first.in_(own), adjudication_case.c.second.in_(own))
    joint = adjudication_case.c.mode == "joint"
    seen = [and_(joint, his)]
    if judges:
        seen += [and_(joint, ~his), ~has_rated(actor.id, attempt.c.id)]
    if reads:
        seen.append(~his)
    fitting = [attempt.c.project == project_id, attempt.c.state != "excluded", or_(*seen)]
    fitting.append(~has_open_work(actor, attempt.c.id))
    with db.read() as connection:
        count = select(func.count()).select_from(adjudication_case).join(attempt)
        if not (judges or reads) and not connection.execute(count.where(*fitting)).scalar_one():
            raise nothing_there()
        if state != "all":
            done = adjudication_case.c.state.in_(("confirmed", "withdrawn"))
            fitting.append(done if state == "done" else ~done)
        total = connection.execute(count.where(*fitting)).scalar_one()
        rows = connection.execute(
            select(adjudication_case.c.id)
            .join(attempt)
            .where(*fitting)
            .order_by(adjudication_case.c.n_critical.desc(), adjudication_case.c.n_open.desc(), attempt.c.code)
            .offset(offset)
            .limit(limit)
        ).scalars()
        return CasePage(tuple(_line(db, connection, actor, case_id) for case_id in list(rows)), total, offset)


def _line(db: Database, connection: Connection, actor: Actor, case_id: str) -> CaseLine:
    case = case_for(connection, actor, case_id)
    opened = connection.execute(
        select(adjudication_case.c.created_at).where(adjudication_case.c.id == case_id)
    ).scalar_one()
    live = case.holder is not None and case.lease_until is not None and moment_of(case.lease_until) > db.now()
    state = "open" if case.state == "leased" and not live else case.state
    holder = _Names(connection, actor, case).of(case.holder) if live and case.holder is not None else None
    return CaseLine(case.id, case.code, case.mode, state, case.n_open, case.n_critical, holder, opened, case.part)


def _steps(
    connection: Connection,
    case: CaseRow,
    pair: Pair,
    rubrics: tuple[Rubric, ...],
    acts: tuple[Act, ...],
    names: _Names,
) -> tuple[CaseStep, ...]:
    by_id = {rubric.id: rubric for rubric in rubrics}
    last = standing(acts)
    steps = []
    for cell in compare_pair(connection, pair, tolerance=case.tolerance):
        rubric = by_id[cell.rubric]
        step = rubric.get_step(cell.step)
        act = last.get((cell.rubric, cell.step))
        sides = (cell.second, cell.first) if case.swapped else (cell.first, cell.second)
        labels = [label_of_entry(entry, step, rubric.ordinal_map) for entry in sides]
        steps.append(
            CaseStep(
                rubric=cell.rubric,
                step=cell.step,
                kind=cell.kind,
                state=state_of(cell, act),
                first=sides[0],
                second=sides[1],
                labels=(labels[0], labels[1]),
                standing=None if act is None else names.line(act),
            )
        )
    return tuple(sorted(steps, key=lambda step: (step.state == "agreed", step.kind != "critical_mismatch")))


def _late_writes(connection: Connection, actor: Actor, case_id: str) -> tuple[LateWrite, ...]:
    rows = connection.execute(
        select(late_write)
        .where(late_write.c.case == case_id, late_write.c.person == actor.id)
        .order_by(late_write.c.created_at.desc(), late_write.c.id)
        .limit(50)
    )
    return tuple(LateWrite(row.id, row.payload, row.refused_because, row.created_at) for row in rows)


class _Names:
    """People of a case, as far as this asker may know them."""

    def __init__(self, connection: Connection, actor: Actor, case: CaseRow) -> None:
        self._connection = connection
        self._actor = actor
        self._case = case
        self._known: dict[str, str] = {}
        # In joint mode the raters speak for themselves: until they have agreed nobody is told whose side is whose.
        together = case.mode == "joint" and case.state != "confirmed"
        self.hidden = case.policy.hide_raters_in_adjudication and (
            together or not actor.may("see_raters", case.project)
        )

    def place(self, who: str) -> Literal["first", "second"] | None:
        """The side of a rater, as shown."""
        if who not in self._case.raters:
            return None
        return "second" if (self._case.raters.index(who) == 1) != self._case.swapped else "first"

    def of(self, who: str) -> Somebody:
        """A person."""
        place, me = self.place(who), who == self._actor.id
        if place is not None and self.hidden and not me:
            return Somebody(None, place, me)
        if who not in self._known:
            found = select(person.c.display_name).where(person.c.id == who)
            self._known[who] = self._connection.execute(found).scalar() or ""
        return Somebody(self._known[who], place, me)

    def sides(self, codes: list[str]) -> tuple[str | None, str | None]:
        """Codes of the two raters, left and right."""
        return (None, None) if self.hidden else (codes[0], codes[1])

    def line(self, act: Act) -> Line:
        """An act for people."""
        return Line(
            version=act.version,
            kind=act.kind,
            rubric=act.rubric,
            step=act.step,
            choice=None if act.choice is None else self._case.true_side(act.choice),
            entry=act.entry,
            template=act.template,
            rationale=act.rationale,
            undoes=act.undoes,
            by=self.of(act.person),
            at=act.decided_at,
        )
