"""Consensus: the list, one attempt's result with where each value comes from, locking, appeal."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from siming.errors import ConflictError, InputError, RoomError
from siming.store.cases import appeal as appeals
from siming.store.cases import consensus, consensus_view
from siming.store.cases.consensus import Made
from siming.store.cases.consensus_view import Result, ResultLine
from siming.store.cases.pairs import nothing_there
from siming.store.projects import projects
from siming.web import numbers
from siming.web.page import redirect, render
from siming.web.routes.compare import EntryAnswer, entry_answer
from siming.web.routes.rating_answers import Both
from siming.web.seen import seen
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1/projects/{slug}", tags=["consensus"])

Who = Annotated[SignedIn, Depends(signed_in)]
Slug = Annotated[str, Path(max_length=80)]
Name = Annotated[str, Path(max_length=200)]
Id = Annotated[str, Path(max_length=60)]
PAGE = 100


class ResultLineAnswer(BaseModel):
    """The newest version of one attempt."""

    id: str
    attempt: str
    number: int
    state: str
    agreed: int
    adjudicated: int
    single: int
    created_at: str
    locked_at: str | None


class ResultsAnswer(BaseModel):
    """A page of the list."""

    total: int
    offset: int
    results: list[ResultLineAnswer]
    singles: list[str] = Field(description="Attempts with one locked rating, no second one assigned and no consensus.")


class ResultStepAnswer(BaseModel):
    """One step of a consensus."""

    step: str
    title: Both
    max_points: float
    entry: EntryAnswer
    provenance: Literal["agreed", "adjudicated", "single"]
    given: list[float | None]
    differences: list[float | None] = Field(description="Consensus minus each rater; null where either is blank.")
    template: str | None
    rationale: str | None


class SkillAnswer(BaseModel):
    """One rubric of a consensus; totals are derived."""

    rubric: str
    version: str
    points: float | None
    max_points: float
    percent: float | None
    differences: list[float | None]
    steps: list[ResultStepAnswer]


class VersionAnswer(BaseModel):
    """One version in the history."""

    id: str
    number: int
    state: str
    reason: str | None
    created_at: str
    locked_at: str | None
    supersedes: str | None
    sha256: str


class ResultAnswer(BaseModel):
    """One attempt's consensus."""

    attempt: str
    version: VersionAnswer
    skills: list[SkillAnswer]
    raters: list[str] | None
    history: list[VersionAnswer]


class AppealBody(BaseModel):
    """Steps to be judged again."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=8000)
    steps: list[tuple[Annotated[str, Field(max_length=200)], Annotated[str, Field(max_length=200)]]] = Field(
        max_length=500, description="Rubric and step."
    )


class AppealAnswer(BaseModel):
    """The case that waits for new decisions."""

    case: str


class SingleBody(BaseModel):
    """Why one rating is enough."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=8000)


@pages.get("/p/{slug}/consensus")
def show_results(
    request: Request,
    slug: Slug,
    who: Who,
    show: Annotated[Literal["all", "provisional", "locked"], Query()] = "all",
    search: Annotated[str, Query(max_length=200)] = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> Response:
    """The newest version of every attempt."""
    return _list_page(request, slug, who, show=show, search=search, page=page)


@pages.get("/p/{slug}/consensus/{attempt}")
def show_result(
    request: Request,
    slug: Slug,
    attempt: Name,
    who: Who,
    version: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
) -> Response:
    """One attempt's result."""
    return _result_page(request, slug, attempt, who, version=version)


@pages.post("/p/{slug}/consensus/{attempt}/lock")
def lock_form(
    request: Request, slug: Slug, attempt: Name, who: Who, consensus_id: Annotated[str, Form(max_length=60)]
) -> Response:
    """Lock a version."""
    try:
        consensus.lock(database(request), who.actor, _own(request, slug, attempt, who, consensus_id))
    except ConflictError as error:
        return _result_page(request, slug, attempt, who, problem=error)
    return redirect(f"/p/{slug}/consensus/{attempt}", flash="consensus.locked_done", code=attempt)


@pages.post("/p/{slug}/consensus/{attempt}/appeal")
def appeal_form(
    request: Request,
    slug: Slug,
    attempt: Name,
    who: Who,
    consensus_id: Annotated[str, Form(max_length=60)],
    reason: Annotated[str, Form(max_length=8000)] = "",
    step: Annotated[list[str] | None, Form(max_length=500)] = None,
) -> Response:
    """Appeal against a version."""
    steps = [(rubric, name) for rubric, _, name in (value[:400].partition("/") for value in step or [])]
    try:
        appeals.appeal(
            database(request),
            who.actor,
            _own(request, slug, attempt, who, consensus_id),
            steps=steps,
            reason=reason,
        )
    except (InputError, ConflictError) as error:
        return _result_page(request, slug, attempt, who, problem=error, reason=reason)
    return redirect(f"/p/{slug}/consensus/{attempt}", flash="consensus.appeal_done", code=attempt)


@pages.post("/p/{slug}/consensus/{attempt}/single")
def single_form(
    request: Request, slug: Slug, attempt: Name, who: Who, reason: Annotated[str, Form(max_length=8000)] = ""
) -> Response:
    """Let one rating stand alone."""
    try:
        consensus.accept_single(database(request), who.actor, _attempt_id(request, slug, attempt, who), reason=reason)
    except (InputError, ConflictError) as error:
        return _list_page(request, slug, who, problem=error)
    return redirect(f"/p/{slug}/consensus/{attempt}", flash="consensus.single_done", code=attempt)


@api.get("/consensus")
def get_results(
    request: Request,
    slug: Slug,
    who: Who,
    show: Literal["all", "provisional", "locked"] = "all",
    search: Annotated[str, Query(max_length=200)] = "",
    offset: Annotated[int, Query(ge=0, le=100_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = PAGE,
) -> ResultsAnswer:
    """The newest version of every attempt."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    found = consensus_view.list_results(
        db, who.actor, project.id, state=show, search=search, offset=offset, limit=limit
    )
    return ResultsAnswer(
        total=found.total,
        offset=found.offset,
        results=[_line(line) for line in found.lines],
        singles=[code for _, code in found.singles],
    )


@api.get("/consensus/{attempt}")
def get_result(
    request: Request,
    slug: Slug,
    attempt: Name,
    who: Who,
    version: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
) -> ResultAnswer:
    """One attempt's result with its history."""
    result, history = _read(request, slug, attempt, who, version)
    return ResultAnswer(
        attempt=result.made.code,
        version=_version(result.made),
        skills=[
            SkillAnswer(
                rubric=skill.rubric.id,
                version=skill.rubric.version,
                points=skill.points,
                max_points=skill.max_points,
                percent=skill.percent,
                differences=list(skill.differences),
                steps=[
                    ResultStepAnswer(
                        step=step.step,
                        title=Both(
                            en=skill.rubric.get_step(step.step).title, zh=skill.rubric.get_step(step.step).title_zh
                        ),
                        max_points=skill.rubric.get_step(step.step).max_points,
                        entry=entry_answer(step.entry, step.label),
                        provenance=step.provenance,
                        given=[entry.points for entry in step.given],
                        differences=list(step.differences),
                        template=None if step.decision is None else step.decision.template,
                        rationale=None if step.decision is None else step.decision.rationale,
                    )
                    for step in skill.steps
                ],
            )
            for skill in result.skills
        ],
        raters=None if result.raters is None else list(result.raters),
        history=[_version(made) for made in history],
    )


@api.post("/consensus/{attempt}/{version}/lock")
def lock(request: Request, slug: Slug, attempt: Name, version: Id, who: Who) -> VersionAnswer:
    """Lock a version, by its id."""
    return _version(consensus.lock(database(request), who.actor, _own(request, slug, attempt, who, version)))


@api.post("/consensus/{attempt}/{version}/appeal")
def appeal(request: Request, slug: Slug, attempt: Name, version: Id, body: AppealBody, who: Who) -> AppealAnswer:
    """Have steps judged again; the version in force stays so until a new one is locked."""
    made = _own(request, slug, attempt, who, version)
    return AppealAnswer(case=appeals.appeal(database(request), who.actor, made, steps=body.steps, reason=body.reason))


@api.post("/consensus/{attempt}/single")
def accept_single(request: Request, slug: Slug, attempt: Name, body: SingleBody, who: Who) -> VersionAnswer:
    """Let the one rating of an attempt stand alone, every step marked single."""
    db = database(request)
    consensus.accept_single(db, who.actor, _attempt_id(request, slug, attempt, who), reason=body.reason)
    project = projects.get_project(db, who.actor, slug)
    return _version(consensus.versions_of(db, who.actor, project.id, attempt)[0])


def _list_page(
    request: Request,
    slug: str,
    who: SignedIn,
    *,
    show: Literal["all", "provisional", "locked"] = "all",
    search: str = "",
    page: int = 1,
    problem: RoomError | None = None,
) -> Response:
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    found = consensus_view.list_results(
        db, who.actor, project.id, state=show, search=search, offset=(page - 1) * PAGE, limit=PAGE
    )
    return render(
        request,
        "consensus.html",
        who=who,
        project=project,
        here="consensus",
        status=_status(problem),
        found=found,
        show=show,
        search=search,
        page=page,
        pages=max(1, -(-found.total // PAGE)),
        problem=problem,
        may_lock=who.actor.may("lock_consensus", project.id),
    )


def _result_page(
    request: Request,
    slug: str,
    attempt: str,
    who: SignedIn,
    *,
    version: int | None = None,
    problem: RoomError | None = None,
    reason: str = "",
) -> Response:
    project = projects.get_project(database(request), who.actor, slug)
    result, history = _read(request, slug, attempt, who, version)
    return render(
        request,
        "consensus_attempt.html",
        who=who,
        project=project,
        here="consensus",
        status=_status(problem),
        result=result,
        history=history,
        problem=problem,
        reason=reason,
        points=numbers.points,
        signed=numbers.signed,
        newest=result.made.id == history[0].id,
        may_appeal=who.actor.may("lock_consensus", project.id)
        and result.made.id == history[0].id
        and len(result.made.submissions) == 2
        and not result.under_appeal,
    )


def _status(problem: RoomError | None) -> int:
    return 200 if problem is None else 409 if isinstance(problem, ConflictError) else 422


def _read(
    request: Request, slug: str, attempt: str, who: SignedIn, version: int | None
) -> tuple[Result, tuple[Made, ...]]:
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    history = consensus.versions_of(db, who.actor, project.id, attempt)
    wanted = next((made for made in history if version in (None, made.number)), None)
    if wanted is None:
        raise nothing_there()
    found = consensus_view.read_result(db, who.actor, wanted.id)
    seen(request, who, f"consensus:{wanted.id}", act="consensus.view", project=project.id)
    return found, history


def _own(request: Request, slug: str, attempt: str, who: SignedIn, consensus_id: str) -> str:
    """The id, if it is a version of this attempt."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    if all(made.id != consensus_id for made in consensus.versions_of(db, who.actor, project.id, attempt)):
        raise nothing_there()
    return consensus_id


def _attempt_id(request: Request, slug: str, attempt: str, who: SignedIn) -> str:
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    return consensus.attempt_id_of(db, who.actor, project.id, attempt)


def _line(line: ResultLine) -> ResultLineAnswer:
    return ResultLineAnswer(
        id=line.id,
        attempt=line.code,
        number=line.number,
        state=line.state,
        agreed=line.agreed,
        adjudicated=line.adjudicated,
        single=line.single,
        created_at=line.created_at,
        locked_at=line.locked_at,
    )


def _version(made: Made) -> VersionAnswer:
    return VersionAnswer(
        id=made.id,
        number=made.number,
        state=made.state,
        reason=made.reason,
        created_at=made.created_at,
        locked_at=made.locked_at,
        supersedes=made.supersedes,
        sha256=made.sha256,
    )
