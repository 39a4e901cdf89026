"""The grid of all compared attempts, and one of its cells in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from siming.errors import NotFoundError
from siming.rubric import Entry, Rubric
from siming.rubric.labels import label_of_entry
from siming.store.blind.draft import BLANK_REASONS
from siming.store.cases import grid as store
from siming.store.cases.case_opening import open_missing_cases
from siming.store.cases.comparison import KINDS, OPEN, Kind
from siming.store.cases.grid import CellInFull, GridColumn, Order
from siming.store.cases.pairs import nothing_there, require_or_hide
from siming.store.media.media import films_as_rated
from siming.store.projects import projects
from siming.web import numbers
from siming.web.page import redirect, render
from siming.web.routes.agreement import brief_agreement
from siming.web.routes.rating_answers import Both, MediaAnswer, media_answer
from siming.web.seen import seen
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1/projects/{slug}", tags=["comparison"])

Who = Annotated[SignedIn, Depends(signed_in)]
Slug = Annotated[str, Path(max_length=80)]
Name = Annotated[str, Path(max_length=200)]

SYMBOLS: Mapping[Kind, str] = {
    "exact": "=",
    "evidence_disjoint": "∥",
    "within_tolerance": "≈",
    "discrepant": "≠",
    "blank": "?",
    "critical_mismatch": "!",
}
"""Beside its colour each kind has a sign, for who sees no colours."""
PAGE = 50
_NUMBERS: Mapping[str, Any] = {
    "points": numbers.points,
    "clock": numbers.clock,
    "reasons": frozenset(code for _, code in BLANK_REASONS),
}


class EntryAnswer(BaseModel):
    """What one author says about a step."""

    status: str
    points: float | None
    label: int | None
    deductions: list[str]
    evidence: list[tuple[float, float]]
    note: str | None
    reason: str | None
    unsure: bool


class GridRowAnswer(BaseModel):
    """One compared attempt."""

    attempt: str
    site: str | None
    kinds: dict[str, dict[str, Kind]] = Field(description="Rubric to step to how the two entries stand to each other.")
    points: dict[str, dict[str, tuple[float | None, float | None]]]
    raters: tuple[str, str] | None = Field(description="Codes; null without the right to see them.")
    n_open: int
    n_critical: int
    case: str | None
    case_state: str | None
    consensus_state: str | None
    problem: str | None


class GridAnswer(BaseModel):
    """A page of the grid."""

    total: int
    offset: int
    waiting: int = Field(description="Attempts that have not two locked works.")
    counts: dict[str, int] = Field(description="Cells of each kind over all attempts that fit.")
    rows: list[GridRowAnswer]


class CellAnswer(BaseModel):
    """One step of one attempt with both entries."""

    attempt: str
    rubric: str
    step: str
    title: Both
    order: int
    max_points: float
    kind: Kind
    raters: tuple[str, str] | None
    entries: tuple[EntryAnswer, EntryAnswer]
    deductions: dict[str, Both] = Field(description="Text of every deduction that one of the two took.")
    media: list[MediaAnswer]
    case: str | None = Field(description="The attempt's case; null where nothing differed.")


@pages.get("/p/{slug}/compare")
def show_grid(
    request: Request,
    slug: Slug,
    who: Who,
    kind: Annotated[list[str] | None, Query(max_length=20)] = None,
    step: Annotated[str, Query(max_length=200)] = "",
    skill: Annotated[str, Query(max_length=200)] = "",
    search: Annotated[str, Query(max_length=200)] = "",
    rater: Annotated[str, Query(max_length=80)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    order: Annotated[str, Query(max_length=20)] = "gravest",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    cell: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """Attempts down, steps across."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    kinds: list[Any] = [k for k in kind or [] if k in KINDS]
    rubric_id, _, step_id = step.partition("/")
    found = store.grid(
        db,
        who.actor,
        project.id,
        kinds=kinds,
        step=(rubric_id, step_id) if step_id else None,
        search=search,
        rater=rater or None,
        state=_state(state),
        order=_order(order),
        offset=(page - 1) * PAGE,
        limit=PAGE,
    )
    seen(request, who, f"project:{project.id}", act="project.compare", project=project.id)
    columns = [column for column in found.columns if column.rubric == skill] or list(found.columns)
    parts = cell.split("/")
    chosen = _cell_or_none(request, who, project.id, *parts) if len(parts) == 3 else None
    asked = [("kind", k) for k in kinds] + [
        (name, value)
        for name, value in (
            ("step", step),
            ("skill", skill),
            ("search", search),
            ("rater", rater),
            ("state", state),
            ("order", order),
        )
        if value
    ]
    return render(
        request,
        "compare.html",
        who=who,
        project=project,
        here="compare",
        grid=found,
        columns=columns,
        headings=_headings(columns),
        skills=list(dict.fromkeys(column.rubric for column in found.columns)),
        skill=skill,
        agreement=brief_agreement(request, who, project) if who.actor.may("see_statistics", project.id) else None,
        symbols=SYMBOLS,
        open_kinds=OPEN,
        kinds=kinds,
        step=step,
        search=search,
        rater=rater,
        state=state,
        order=order,
        page=page,
        pages=max(1, -(-found.total // PAGE)),
        asked=asked,
        here_with=f"/p/{slug}/compare?" + urlencode(asked),
        chosen=chosen,
        **_NUMBERS,
    )


@pages.get("/p/{slug}/compare/cell")
def show_cell(request: Request, slug: Slug, who: Who, cell: Annotated[str, Query(max_length=400)]) -> Response:
    """The panel of one cell alone, for a page that has the grid already."""
    project = projects.get_project(database(request), who.actor, slug)
    require_or_hide(who.actor, "compare", project.id)
    parts = cell.split("/")
    chosen = _cell_or_none(request, who, project.id, *parts) if len(parts) == 3 else None
    if chosen is None:
        raise nothing_there()
    return render(request, "compare_cell.html", who=who, chosen=chosen, symbols=SYMBOLS, **_NUMBERS)


@pages.post("/p/{slug}/compare/open-missing")
def open_missing_form(request: Request, slug: Slug, who: Who) -> Response:
    """Open cases for works that were locked before the room did it by itself, or under another tolerance."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    n = open_missing_cases(db, who.actor, project.id)
    return redirect(f"/p/{slug}/compare", flash="compare.opened", n=n)


@api.get("/comparisons")
def get_grid(
    request: Request,
    slug: Slug,
    who: Who,
    kind: Annotated[list[Kind] | None, Query(max_length=20)] = None,
    rubric: Annotated[str | None, Query(max_length=100)] = None,
    step: Annotated[str | None, Query(max_length=100)] = None,
    search: Annotated[str, Query(max_length=200)] = "",
    rater: Annotated[str | None, Query(max_length=80)] = None,
    state: Literal["open", "decided", "none"] | None = None,
    order: Order = "gravest",
    offset: Annotated[int, Query(ge=0, le=100_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = PAGE,
) -> GridAnswer:
    """Attempts with two locked works, and how the two stand to each other on every step."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    found = store.grid(
        db,
        who.actor,
        project.id,
        kinds=kind or (),
        step=(rubric, step) if rubric and step else None,
        search=search,
        rater=rater,
        state=state,
        order=order,
        offset=offset,
        limit=limit,
    )
    seen(request, who, f"project:{project.id}", act="project.compare", project=project.id)
    return GridAnswer(
        total=found.total,
        offset=found.offset,
        waiting=found.waiting,
        counts={**found.counts},
        rows=[
            GridRowAnswer(
                attempt=row.code,
                site=row.site,
                kinds=_nested(row.kinds),
                points=_nested(row.points),
                raters=row.raters,
                n_open=row.n_open,
                n_critical=row.n_critical,
                case=row.case,
                case_state=row.case_state,
                consensus_state=row.consensus_state,
                problem=row.problem,
            )
            for row in found.rows
        ],
    )


@api.get("/comparisons/{attempt}/{rubric}/{step}")
def get_cell(request: Request, slug: Slug, attempt: Name, rubric: Name, step: Name, who: Who) -> CellAnswer:
    """Both entries of one step."""
    project = projects.get_project(database(request), who.actor, slug)
    require_or_hide(who.actor, "compare", project.id)
    found = store.cell_in_full(database(request), who.actor, project.id, attempt, rubric, step)
    return _cell(request, who, project.id, found)


def entry_answer(entry: Entry, label: int | None) -> EntryAnswer:
    """An entry as the API gives it."""
    return EntryAnswer(
        status=entry.status,
        points=entry.points,
        label=label,
        deductions=list(entry.deductions),
        evidence=list(entry.evidence),
        note=entry.note,
        reason=entry.reason,
        unsure=bool((entry.model_extra or {}).get("unsure", False)),
    )


def films(request: Request, who: SignedIn, attempt_id: str, rated: tuple[str | None, str | None]) -> list[MediaAnswer]:
    """The films of an attempt with addresses for this person: those that were rated, by their hashes."""
    db = database(request)
    with db.read() as connection:
        found = films_as_rated(connection, attempt_id, rated)
    return [media_answer(db, who, film) for film in found]


def _cell(request: Request, who: SignedIn, project_id: str, found: CellInFull) -> CellAnswer:
    of = f"attempt:{found.attempt}/{found.cell.rubric}/{found.cell.step}"
    seen(request, who, of, act="attempt.compare", project=project_id)
    cell, step = found.cell, found.rubric.get_step(found.cell.step)
    entries = [
        entry_answer(entry, label_of_entry(entry, step, found.rubric.ordinal_map))
        for entry in (cell.first, cell.second)
    ]
    return CellAnswer(
        attempt=found.code,
        rubric=cell.rubric,
        step=cell.step,
        title=Both(en=step.title, zh=step.title_zh),
        order=step.order,
        max_points=step.max_points,
        kind=cell.kind,
        raters=found.raters,
        entries=(entries[0], entries[1]),
        deductions=deduction_texts(found.rubric, cell.step, [*cell.first.deductions, *cell.second.deductions]),
        media=films(request, who, found.attempt, found.media_sha256),
        case=found.case,
    )


def deduction_texts(rubric: Rubric, step_id: str, taken: list[str]) -> dict[str, Both]:
    """The words of deductions."""
    return {d.id: Both(en=d.when, zh=d.when_zh or d.when) for d in rubric.get_step(step_id).deductions if d.id in taken}


def _cell_or_none(request: Request, who: SignedIn, project_id: str, *parts: str) -> CellAnswer | None:
    try:
        found = store.cell_in_full(database(request), who.actor, project_id, *parts)
    except NotFoundError:
        return None
    return _cell(request, who, project_id, found)


def _headings(columns: Sequence[GridColumn]) -> list[tuple[str, int]]:
    """Rubrics over their steps: id and how many columns each spans."""
    spans: dict[str, int] = {}
    for column in columns:
        spans[column.rubric] = spans.get(column.rubric, 0) + 1
    return list(spans.items())


def _nested(flat: Mapping[tuple[str, str], Any]) -> dict[str, dict[str, Any]]:
    out: dict[str, dict[str, Any]] = {}
    for (rubric, step), value in flat.items():
        out.setdefault(rubric, {})[step] = value
    return out


def _state(value: str) -> Literal["open", "decided", "none"] | None:
    return value if value in ("open", "decided", "none") else None  # type: ignore[return-value]


def _order(value: str) -> Order:
    return "code" if value == "code" else "gravest"
