"""All compared attempts of a project at a glance, for coordinators: attempts down, steps across.

Nothing is compared before both works are locked. Comparisons are kept in a table (`compared.py`), because filtering
10,000 attempts must not read 20,000 sheets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Connection, and_, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from siming.errors import InputError, SheetError
from siming.rubric import Rubric
from siming.store.access import Actor
from siming.store.cases.compared import catch_up, compare_pair, policy_of, tolerance_text
from siming.store.cases.comparison import KIND_OF_LETTER, KINDS, LETTERS, Cell, Kind
from siming.store.cases.pairs import Pair, has_open_work, nothing_there, pair_of, require_or_hide
from siming.store.database import Database
from siming.store.projects.rubrics import rubric_in
from siming.store.schema import (
    adjudication_case,
    assignment,
    attempt,
    comparison,
    consensus_version,
    membership,
    submission,
)

Order = Literal["gravest", "code"]
ORDERS: tuple[Order, ...] = get_args(Order)
AT_ONCE = 200
"""Attempts a page may hold."""


@dataclass(frozen=True, slots=True)
class GridColumn:
    """One step of one rubric."""

    rubric: str
    """Id inside the document, such as cpr-adult-single."""
    step: str
    order: int
    title: str
    title_zh: str


@dataclass(frozen=True, slots=True)
class GridRow:
    """One compared attempt."""

    attempt: str
    code: str
    site: str | None
    kinds: Mapping[tuple[str, str], Kind]
    """By rubric and step; empty where the two works cannot be compared."""
    points: Mapping[tuple[str, str], tuple[float | None, float | None]]
    raters: tuple[str, str] | None
    """Codes of the two members; None without the right to see them."""
    n_open: int
    n_critical: int
    case: str | None
    case_state: str | None
    consensus_state: str | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Grid:
    """One page of the grid."""

    columns: tuple[GridColumn, ...]
    rows: tuple[GridRow, ...]
    total: int
    """Attempts that fit the filter."""
    counts: Mapping[Kind, int]
    """Cells of each kind over all attempts that fit."""
    offset: int
    waiting: int
    """Attempts of the project that have not two locked works."""


@dataclass(frozen=True, slots=True)
class CellInFull:
    """One step of one attempt with both entries."""

    attempt: str
    code: str
    cell: Cell
    rubric: Rubric
    raters: tuple[str, str] | None
    media_sha256: tuple[str | None, str | None]
    """Of what each of the two watched."""
    case: str | None
    """Of the attempt; None where nothing differed."""


def grid(
    db: Database,
    actor: Actor,
    project_id: str,
    *,
    kinds: Iterable[Kind] = (),
    step: tuple[str, str] | None = None,
    search: str = "",
    rater: str | None = None,
    state: Literal["open", "decided", "none"] | None = None,
    order: Order = "gravest",
    offset: int = 0,
    limit: int = 50,
) -> Grid:
    """A page of all attempts with two locked works.

    Args:
        kinds: Attempts with at least one cell of one of these.
        step: Rubric and step that this cell must be in; also what a page is narrowed to.
        search: Part of the attempt's code.
        rater: Code of a member; only for who may see raters.
        state: ``open``: a case waits; ``decided``: a case is done; ``none``: nothing differed.
        order: ``gravest``: most critical cells first, then most open ones; ``code``: by attempt.

    Raises:
        NotFoundError: no right to compare, worded as if there were nothing.
        InputError: a kind, order or page that cannot be.
    """
    require_or_hide(actor, "compare", project_id)
    wanted = tuple(kinds)
    if any(kind not in KINDS for kind in wanted) or order not in ORDERS:
        raise InputError(f"kinds are {', '.join(KINDS)}; orders are {', '.join(ORDERS)}", code="grid_filter")
    if offset < 0 or not 1 <= limit <= AT_ONCE:
        raise InputError(f"a page starts at 0 or later and holds 1 to {AT_ONCE} attempts", code="grid_page")
    catch_up(db, project_id)
    sees_raters = actor.may("see_raters", project_id)
    with db.read() as connection:
        tolerance = policy_of(connection, project_id).tolerance
        fitting = [
            comparison.c.project == project_id,
            comparison.c.tolerance == tolerance_text(tolerance),
            attempt.c.state != "excluded",
            ~has_open_work(actor, attempt.c.id),
        ]
        if search.strip():
            fitting.append(attempt.c.code.icontains(search.strip(), autoescape=True))
        if rater is not None:
            fitting.append(_by_rater(project_id, rater) if sees_raters else attempt.c.id.is_(None))
        if state is not None:
            fitting.append(_in_state(state))
        if wanted and step is None:
            fitting.append(or_(*(comparison.c[f"n_{kind}"] > 0 for kind in wanted)))
        columns = _columns(connection, project_id)
        if step is not None and wanted:
            fitting.append(comparison.c.attempt.in_(_with_step(connection, fitting, step, wanted)))
        sums = [func.coalesce(func.sum(comparison.c[f"n_{kind}"]), 0) for kind in KINDS]
        counted = connection.execute(_from(func.count(), *sums).where(*fitting)).one()
        critical, others = comparison.c.n_critical_mismatch, comparison.c.n_discrepant + comparison.c.n_blank
        by = [critical.desc(), others.desc(), attempt.c.code] if order == "gravest" else [attempt.c.code]
        rows = connection.execute(
            _from(
                comparison,
                attempt.c.code,
                attempt.c.site,
                adjudication_case.c.id.label("case"),
                adjudication_case.c.state.label("case_state"),
            )
            .where(*fitting)
            .order_by(*by)
            .offset(offset)
            .limit(limit)
        ).all()
        names = _rater_codes(connection, project_id, rows) if sees_raters else {}
        rubrics = {v: rubric_in(connection, v) for v in dict.fromkeys(v for row in rows for v in row.cells)}
        consensus = _consensus_states(connection, [row.attempt for row in rows])
        return Grid(
            columns=columns,
            rows=tuple(_grid_row(row, rubrics, names, consensus) for row in rows),
            total=counted[0],
            counts=dict(zip(KINDS, (int(n) for n in counted[1:]), strict=True)),
            offset=offset,
            waiting=_waiting(connection, actor, project_id),
        )


def cell_in_full(
    db: Database, actor: Actor, project_id: str, attempt_code: str, rubric_id: str, step_id: str
) -> CellInFull:
    """Both entries of one cell.

    Raises:
        NotFoundError: no right to compare, no such attempt or step, or not both works are locked.
    """
    require_or_hide(actor, "compare", project_id)
    with db.read() as connection:
        found = connection.execute(
            select(attempt.c.id).where(
                attempt.c.project == project_id,
                attempt.c.code == attempt_code,
                attempt.c.state != "excluded",
                ~has_open_work(actor, attempt.c.id),
            )
        ).scalar_one_or_none()
        pair = None if found is None else pair_of(connection, found)
        if found is None or pair is None:
            raise nothing_there()
        try:
            cells = compare_pair(connection, pair, tolerance=policy_of(connection, project_id).tolerance)
        except (SheetError, KeyError):
            raise nothing_there() from None
        cell = next((c for c in cells if (c.rubric, c.step) == (rubric_id, step_id)), None)
        if cell is None:
            raise nothing_there()
        rubric = next(r for r in (rubric_in(connection, v) for v in pair[0].rubrics) if r.id == rubric_id)
        sees = actor.may("see_raters", project_id)
        return CellInFull(
            attempt=found,
            code=attempt_code,
            cell=cell,
            rubric=rubric,
            raters=_names(pair) if sees else None,
            media_sha256=(pair[0].media_sha256, pair[1].media_sha256),
            case=connection.execute(
                select(adjudication_case.c.id).where(
                    adjudication_case.c.first == pair[0].submission, adjudication_case.c.second == pair[1].submission
                )
            ).scalar_one_or_none(),
        )


def _from(*what: Any) -> Any:
    same = and_(adjudication_case.c.first == comparison.c.first, adjudication_case.c.second == comparison.c.second)
    return (
        select(*what)
        .select_from(comparison)
        .join(attempt, attempt.c.id == comparison.c.attempt)
        .outerjoin(adjudication_case, same)
    )


def _in_state(state: str) -> ColumnElement[bool]:
    if state == "none":
        return adjudication_case.c.id.is_(None)
    return adjudication_case.c.state.in_(("open", "leased") if state == "open" else ("decided", "confirmed"))


def _by_rater(project_id: str, code: str) -> ColumnElement[bool]:
    theirs = (
        select(submission.c.id)
        .join(assignment, assignment.c.id == submission.c.assignment)
        .join(membership, and_(membership.c.person == assignment.c.rater, membership.c.project == project_id))
        .where(membership.c.code == code)
    )
    return or_(comparison.c.first.in_(theirs), comparison.c.second.in_(theirs))


def _columns(connection: Connection, project_id: str) -> tuple[GridColumn, ...]:
    """The steps of every rubric that the project's attempts carry, each rubric once, the newest version's titles."""
    used = connection.execute(select(attempt.c.rubrics).where(attempt.c.project == project_id).distinct()).scalars()
    found: dict[str, Rubric] = {}
    for version_id in dict.fromkeys(version_id for versions in used for version_id in versions):
        rubric = rubric_in(connection, version_id)
        found[rubric.id] = rubric
    return tuple(
        GridColumn(rubric.id, step.id, step.order, step.title, step.title_zh)
        for rubric in found.values()
        for step in rubric.steps
    )


def _with_step(
    connection: Connection,
    fitting: Sequence[ColumnElement[bool]],
    step: tuple[str, str],
    kinds: Sequence[Kind],
) -> list[str]:
    """Attempts in which the step is of one of the kinds; the step's place is looked up once for each rubric version."""
    letters = {LETTERS[kind] for kind in kinds}
    places: dict[str, int | None] = {}
    found = []
    for row in connection.execute(_from(comparison.c.attempt, comparison.c.cells).where(*fitting)):
        for version_id, cells in row.cells.items():
            if version_id not in places:
                rubric = rubric_in(connection, version_id)
                ids = [s.id for s in rubric.steps]
                places[version_id] = ids.index(step[1]) if rubric.id == step[0] and step[1] in ids else None
            place = places[version_id]
            if place is not None and cells[place] in letters:
                found.append(row.attempt)
    return found


def _grid_row(
    row: Any, rubrics: Mapping[str, Rubric], names: Mapping[str, str], consensus: Mapping[str, str]
) -> GridRow:
    kinds: dict[tuple[str, str], Kind] = {}
    points: dict[tuple[str, str], tuple[float | None, float | None]] = {}
    for version_id, letters in row.cells.items():
        rubric = rubrics[version_id]
        for step, letter, given in zip(rubric.steps, letters, row.points[version_id], strict=True):
            kinds[rubric.id, step.id] = KIND_OF_LETTER[letter]
            points[rubric.id, step.id] = (given[0], given[1])
    return GridRow(
        attempt=row.attempt,
        code=row.code,
        site=row.site,
        kinds=kinds,
        points=points,
        raters=(names.get(row.first, ""), names.get(row.second, "")) if names else None,
        n_open=row.n_discrepant + row.n_blank + row.n_critical_mismatch,
        n_critical=row.n_critical_mismatch,
        case=row.case,
        case_state=row.case_state,
        consensus_state=consensus.get(row.attempt),
        problem=row.problem,
    )


def _rater_codes(connection: Connection, project_id: str, rows: Sequence[Any]) -> dict[str, str]:
    wanted = [row.first for row in rows] + [row.second for row in rows]
    found = connection.execute(
        select(submission.c.id, membership.c.code)
        .join(assignment, assignment.c.id == submission.c.assignment)
        .join(membership, and_(membership.c.person == assignment.c.rater, membership.c.project == project_id))
        .where(submission.c.id.in_(wanted))
    )
    return {row.id: row.code for row in found}


def _names(pair: Pair) -> tuple[str, str]:
    first, second = (next(iter(work.sheets.values())).author.name for work in pair)
    return first, second


def _consensus_states(connection: Connection, attempts: Sequence[str]) -> dict[str, str]:
    rows = connection.execute(
        select(consensus_version.c.attempt, consensus_version.c.state)
        .where(consensus_version.c.attempt.in_(attempts))
        .order_by(consensus_version.c.number)
    )
    return {row.attempt: row.state for row in rows}


def _waiting(connection: Connection, actor: Actor, project_id: str) -> int:
    """Attempts without two locked works, but for those that the asker himself still has before him."""
    compared = select(comparison.c.attempt).where(comparison.c.project == project_id)
    return connection.execute(
        select(func.count())
        .select_from(attempt)
        .where(
            attempt.c.project == project_id,
            attempt.c.state != "excluded",
            attempt.c.id.not_in(compared),
            ~has_open_work(actor, attempt.c.id),
        )
    ).scalar_one()
