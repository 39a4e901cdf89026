"""Adjudication: the list of cases, the page of one case, and what its keys and buttons ask of the server."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from siming.store.cases import case_view, cases, joint
from siming.store.cases.case_view import CaseLine, CaseStep, CaseView, Line, Somebody
from siming.store.cases.cases import TEMPLATES, Moved
from siming.store.cases.comparison import Kind
from siming.store.policy import Policy
from siming.store.projects import projects
from siming.store.projects.projects import code_of
from siming.web import texts
from siming.web.keys import keymap, keys_of
from siming.web.page import language_of, redirect, render
from siming.web.routes.compare import SYMBOLS, EntryAnswer, entry_answer, films
from siming.web.routes.rating_answers import BlankReason, MediaAnswer, RubricAnswer, blank_reason_texts, rubric_answer
from siming.web.seen import seen
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1", tags=["adjudication"])

Who = Annotated[SignedIn, Depends(signed_in)]
Slug = Annotated[str, Path(max_length=80)]
CaseId = Annotated[str, Path(max_length=60)]
Text = Annotated[str, Field(max_length=8000)]
Short = Annotated[str, Field(max_length=200)]

PAGE = 100


class PersonAnswer(BaseModel):
    """A person as the asker may see him."""

    name: str | None = Field(description="Null where identity is hidden.")
    place: Literal["first", "second"] | None = Field(description="The side, for one of the two raters.")
    me: bool


class LineAnswer(BaseModel):
    """One act of a case's history."""

    version: int
    kind: str
    rubric: str
    step: str
    choice: str | None
    entry: EntryAnswer | None
    template: str | None
    rationale: str
    undoes: int | None
    by: PersonAnswer
    at: str


class CaseStepAnswer(BaseModel):
    """One step of a case."""

    rubric: str
    step: str
    kind: Kind
    state: Literal["agreed", "open", "decided"]
    first: EntryAnswer
    second: EntryAnswer
    standing: LineAnswer | None


class LateAnswer(BaseModel):
    """What came too late and was kept."""

    id: str
    payload: dict[str, Any]
    because: str
    at: str


class CaseAnswer(BaseModel):
    """A whole case, as the asker may see it. Sides are shuffled once per case."""

    id: str
    project: str
    attempt: str
    mode: Literal["third", "joint"]
    state: str
    version: int
    part: Literal["adjudicator", "rater", "reader"]
    mine: Literal["first", "second"] | None
    holder: PersonAnswer | None
    lease_until: str | None
    raters: tuple[str | None, str | None]
    rubrics: list[RubricAnswer]
    steps: list[CaseStepAnswer]
    n_open: int
    confirmed: list[PersonAnswer]
    lacking: list[str]
    history: list[LineAnswer]
    can_undo: bool
    late_writes: list[LateAnswer]
    media: list[MediaAnswer]
    blank_reasons: list[BlankReason]
    templates: list[str]
    viewer_code: str
    watermark: bool
    server_time: str


class CaseStateAnswer(BaseModel):
    """Where a case stands, for pages that wait."""

    version: int
    state: str
    holder: PersonAnswer | None
    lease_until: str | None
    n_open: int
    n_confirmed: int


class CaseLineAnswer(BaseModel):
    """A case in the list."""

    id: str
    attempt: str
    mode: str
    state: str
    n_open: int
    n_critical: int
    holder: PersonAnswer | None
    opened_at: str


class CasesAnswer(BaseModel):
    """A page of the list."""

    total: int
    offset: int
    cases: list[CaseLineAnswer]


class MovedAnswer(BaseModel):
    """Where a case stands after an act."""

    case: str
    version: int
    fence: int
    state: str
    n_open: int
    n_critical: int
    lease_until: str | None
    consensus: str | None


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class TakeBody(_Body):
    """Ask for the pen."""

    fence: int | None = Field(default=None, ge=0, le=2**31 - 1, description="The number this window holds already.")
    take_over: bool = Field(default=False, description="Take it from your own other window.")


class FenceBody(_Body):
    """Who writes."""

    fence: int = Field(ge=0, le=2**31 - 1)


class ActBody(FenceBody):
    """Who writes, and what he saw."""

    version: int = Field(ge=0, le=2**31 - 1)


class ConfirmBody(_Body):
    """What is agreed to."""

    version: int = Field(ge=0, le=2**31 - 1)


class DecideBody(ActBody):
    """A decision on one step."""

    rubric: Short
    step: Short
    choice: Literal["first", "second", "other"] = Field(description="By the sides as shown.")
    rationale: Text = ""
    template: Annotated[str, Field(max_length=60)] | None = None
    points: Annotated[float, Field(ge=0, le=1e6)] | None = None
    blank: Literal["cannot_judge", "not_applicable"] | None = None
    blank_reason: Annotated[str, Field(max_length=500)] = ""
    deductions: list[Short] = Field(default=[], max_length=200)
    evidence: list[tuple[float, float]] = Field(default=[], max_length=200)


class ReopenBody(ActBody):
    """An agreed step that is to be judged after all."""

    rubric: Short
    step: Short
    reason: Text


class DisagreeBody(ConfirmBody):
    """A decided step that is to be judged again."""

    rubric: Short
    step: Short
    reason: Text


class UndoBody(ActBody):
    """Take back the last act, of one step or of the case."""

    rubric: Short | None = None
    step: Short | None = None


@pages.get("/p/{slug}/cases")
def show_cases(
    request: Request,
    slug: Slug,
    who: Who,
    show: Annotated[Literal["waiting", "done", "all"], Query()] = "waiting",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> Response:
    """Cases, those with critical steps first."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    found = case_view.list_cases(db, who.actor, project.id, state=show, offset=(page - 1) * PAGE, limit=PAGE)
    return render(
        request,
        "cases.html",
        who=who,
        project=project,
        here="cases",
        found=found,
        show=show,
        page=page,
        pages=max(1, -(-found.total // PAGE)),
    )


@pages.get("/p/{slug}/cases/next")
def next_case(request: Request, slug: Slug, who: Who, after: Annotated[str, Query(max_length=60)] = "") -> Response:
    """On to the first case that waits for this person; to the list where there is none."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    found = case_view.list_cases(db, who.actor, project.id, state="waiting", limit=PAGE)
    for line in found.lines:
        elsewhere = line.holder is not None and not line.holder.me
        if line.id != after and line.part != "reader" and not elsewhere:
            return redirect(f"/cases/{line.id}")
    return redirect(f"/p/{slug}/cases", flash="cases.none_waiting")


@pages.get("/cases/{case}")
def show_case(request: Request, case: CaseId, who: Who) -> Response:
    """The page of one case."""
    view = case_view.view_case(database(request), who.actor, case)
    seen(request, who, f"case:{case}", act="case.view", project=view.project)
    project = projects.get_project_by_id(database(request), who.actor, view.project)
    language = language_of(request, who)
    data = {
        "case": case,
        "csrf": who.csrf,
        "person": {"id": who.actor.id, "login": who.actor.login, "name": who.actor.name},
        "language": language,
        "texts": {**texts.group(language, "rate.script"), **texts.group(language, "adjudicate.script")},
        "keymap": keymap("case", who.person.settings),
        "keys": keys_of("case", who.person.settings),
        "symbols": dict(SYMBOLS),
    }
    return render(request, "adjudicate.html", who=who, slug=project.slug, view=view, data=data)


@api.get("/projects/{slug}/cases")
def get_cases(
    request: Request,
    slug: Slug,
    who: Who,
    show: Literal["waiting", "done", "all"] = "waiting",
    offset: Annotated[int, Query(ge=0, le=100_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = PAGE,
) -> CasesAnswer:
    """The cases you may see."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    found = case_view.list_cases(db, who.actor, project.id, state=show, offset=offset, limit=limit)
    return CasesAnswer(total=found.total, offset=found.offset, cases=[_line_answer(line) for line in found.lines])


@api.get("/cases/{case}")
def get_case(request: Request, case: CaseId, who: Who) -> CaseAnswer:
    """One case with both sides."""
    db = database(request)
    view = case_view.view_case(db, who.actor, case)
    seen(request, who, f"case:{case}", act="case.view", project=view.project)
    with db.read() as connection:
        code = code_of(connection, view.project, who.actor.id) or ""
    project = projects.get_project_by_id(db, who.actor, view.project)
    return _case_answer(view, films(request, who, view.attempt, view.media_sha256), code, project.policy, db.stamp())


@api.get("/cases/{case}/state")
def get_state(request: Request, case: CaseId, who: Who) -> CaseStateAnswer:
    """Whether a case has moved on."""
    view = case_view.view_case(database(request), who.actor, case)
    return CaseStateAnswer(
        version=view.version,
        state=view.state,
        holder=_person(view.holder),
        lease_until=view.lease_until,
        n_open=view.n_open,
        n_confirmed=len(view.confirmed),
    )


@api.post("/cases/{case}/take")
def take(request: Request, case: CaseId, body: TakeBody, who: Who) -> MovedAnswer:
    """Take the pen for two minutes. 409 `leased` while somebody else holds it."""
    return _moved(cases.take_case(database(request), who.actor, case, fence=body.fence, take_over=body.take_over))


@api.post("/cases/{case}/heartbeat")
def beat(request: Request, case: CaseId, body: FenceBody, who: Who) -> MovedAnswer:
    """Keep the pen for two minutes more. 409 `stale_writer` when it is gone."""
    return _moved(cases.heartbeat(database(request), who.actor, case, fence=body.fence))


@api.post("/cases/{case}/release", status_code=204)
def release(request: Request, case: CaseId, body: FenceBody, who: Who) -> None:
    """Put the pen down."""
    cases.release_case(database(request), who.actor, case, fence=body.fence)


@api.post("/cases/{case}/decide")
def decide(request: Request, case: CaseId, body: DecideBody, who: Who) -> MovedAnswer:
    """Decide on a step. A decision that comes too late is refused with 409, kept, and given back in `detail.kept`."""
    return _moved(
        cases.decide(
            database(request),
            who.actor,
            case,
            fence=body.fence,
            version=body.version,
            rubric=body.rubric,
            step=body.step,
            choice=body.choice,
            rationale=body.rationale,
            template=body.template,
            points=body.points,
            blank=body.blank,
            blank_reason=body.blank_reason,
            deductions=body.deductions,
            evidence=body.evidence,
        )
    )


@api.post("/cases/{case}/reopen")
def reopen(request: Request, case: CaseId, body: ReopenBody, who: Who) -> MovedAnswer:
    """Reopen an agreed step, with a reason."""
    return _moved(
        cases.reopen_agreed(
            database(request),
            who.actor,
            case,
            fence=body.fence,
            version=body.version,
            rubric=body.rubric,
            step=body.step,
            reason=body.reason,
        )
    )


@api.post("/cases/{case}/undo")
def undo(request: Request, case: CaseId, body: UndoBody, who: Who) -> MovedAnswer:
    """Take back the last act; both stay in the history."""
    step = (body.rubric, body.step) if body.rubric and body.step else None
    return _moved(cases.undo(database(request), who.actor, case, fence=body.fence, version=body.version, step=step))


@api.post("/cases/{case}/close")
def close(request: Request, case: CaseId, body: ActBody, who: Who) -> MovedAnswer:
    """Lock the case. In joint mode it then waits for everybody's confirmation."""
    return _moved(cases.close_case(database(request), who.actor, case, fence=body.fence, version=body.version))


@api.post("/cases/{case}/confirm")
def confirm(request: Request, case: CaseId, body: ConfirmBody, who: Who) -> MovedAnswer:
    """In joint mode: agree to a version. The last to do so makes the consensus."""
    return _moved(cases.confirm(database(request), who.actor, case, version=body.version))


@api.post("/cases/{case}/disagree")
def disagree(request: Request, case: CaseId, body: DisagreeBody, who: Who) -> MovedAnswer:
    """In joint mode, instead of confirming: say which step is to be judged again, and why."""
    moved = joint.disagree(
        database(request), who.actor, case, version=body.version, rubric=body.rubric, step=body.step, reason=body.reason
    )
    return _moved(moved)


def _moved(moved: Moved) -> MovedAnswer:
    return MovedAnswer(
        case=moved.case,
        version=moved.version,
        fence=moved.fence,
        state=moved.state,
        n_open=moved.n_open,
        n_critical=moved.n_critical,
        lease_until=moved.lease_until,
        consensus=moved.consensus,
    )


def _person(somebody: Somebody | None) -> PersonAnswer | None:
    if somebody is None:
        return None
    return PersonAnswer(name=somebody.name, place=somebody.place, me=somebody.me)


def _line_answer(line: CaseLine) -> CaseLineAnswer:
    return CaseLineAnswer(
        id=line.id,
        attempt=line.code,
        mode=line.mode,
        state=line.state,
        n_open=line.n_open,
        n_critical=line.n_critical,
        holder=_person(line.holder),
        opened_at=line.opened_at,
    )


def _act(line: Line) -> LineAnswer:
    return LineAnswer(
        version=line.version,
        kind=line.kind,
        rubric=line.rubric,
        step=line.step,
        choice=line.choice,
        entry=None if line.entry is None else entry_answer(line.entry, None),
        template=line.template,
        rationale=line.rationale,
        undoes=line.undoes,
        by=PersonAnswer(name=line.by.name, place=line.by.place, me=line.by.me),
        at=line.at,
    )


def _step(step: CaseStep) -> CaseStepAnswer:
    return CaseStepAnswer(
        rubric=step.rubric,
        step=step.step,
        kind=step.kind,
        state=step.state,
        first=entry_answer(step.first, step.labels[0]),
        second=entry_answer(step.second, step.labels[1]),
        standing=None if step.standing is None else _act(step.standing),
    )


def _case_answer(
    view: CaseView, media: list[MediaAnswer], viewer_code: str, policy: Policy, server_time: str
) -> CaseAnswer:
    return CaseAnswer(
        id=view.id,
        project=view.project,
        attempt=view.code,
        mode=view.mode,
        state=view.state,
        version=view.version,
        part=view.part,
        mine=view.mine,
        holder=_person(view.holder),
        lease_until=view.lease_until,
        raters=view.raters,
        rubrics=[rubric_answer(rubric) for rubric in view.rubrics],
        steps=[_step(step) for step in view.steps],
        n_open=view.n_open,
        confirmed=[PersonAnswer(name=who.name, place=who.place, me=who.me) for who in view.confirmed],
        lacking=list(view.lacking),
        history=[_act(line) for line in view.history],
        can_undo=view.can_undo,
        late_writes=[
            LateAnswer(id=w.id, payload=dict(w.payload), because=w.because, at=w.at) for w in view.late_writes
        ],
        media=media,
        blank_reasons=blank_reason_texts(),
        templates=list(TEMPLATES),
        viewer_code=viewer_code,
        watermark=policy.watermark,
        server_time=server_time,
    )
