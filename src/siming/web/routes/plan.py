"""The coordinator's planner: what so many videos will be able to say, who rates what, and what is given out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData

from siming.errors import ConflictError, InputError, NotFoundError, RoomError
from siming.rating.plan import AssignmentPlan
from siming.rating.plan.words import assumptions_in, reason_in, sentences_in
from siming.store.blind import assignments as store
from siming.store.blind import planning
from siming.store.blind.planning import PlanOptions, Proposal
from siming.store.blind.submissions import reopen
from siming.store.database import time_text
from siming.store.projects import members, projects
from siming.store.projects.projects import Project
from siming.web import texts
from siming.web.form import Sent, SentForm
from siming.web.page import language_of, redirect, render
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1/projects/{slug}", tags=["planning"])

Who = Annotated[SignedIn, Depends(signed_in)]
Slug = Annotated[str, Path(max_length=80)]
AssignmentId = Annotated[str, Path(max_length=60)]

STATES = ("queued", "open", "in_progress", "submitted", "reopened", "withdrawn")
Wishes = TypeVar("Wishes", bound=BaseModel)
BOUNDS = ("ge", "gt", "le", "lt")
LABELS = {"minutes": "plan.minutes_each"}
"""Labels of fields whose text has another name."""
MOST_PAIRS = 24
"""Raters up to whom the table of pairs is drawn; beyond, its smallest and largest count are told."""


class PlanWishes(BaseModel):
    """What is asked of a plan; the defaults are the paper's protocol."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    raters_per_attempt: int = Field(default=2, ge=1, le=20)
    double_share: float = Field(default=1.0, ge=0, le=1, description="Share of attempts with so many raters.")
    link_attempts: int = Field(default=0, ge=0, le=1000, description="Attempts that every rater rates who may.")
    repeat_share: float = Field(default=0.05, ge=0, le=1, description="Share of ratings given a second time, blind.")
    not_before_days: int = Field(
        default=store.REPEAT_DAYS, ge=0, le=3650, description="Days between a rating and its repeat."
    )
    early_because: str = Field(default="", max_length=1000, description="Why repeats come after fewer days than usual.")
    same_site_allowed: bool = False
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    due_days: int | None = Field(default=None, ge=1, le=3650)

    def options(self) -> PlanOptions:
        """The same for the planner."""
        return PlanOptions(**self.model_dump())


class GiveOutBody(PlanWishes):
    """Give out the plan that was looked at."""

    mark: str = Field(max_length=64, description="Of the proposal that was looked at.")


class ForecastBody(PlanWishes):
    """A project that does not exist yet."""

    videos: int = Field(default=200, ge=1, le=planning.MOST_VIDEOS)
    raters: int = Field(default=2, ge=1, le=planning.MOST_RATERS)
    minutes: float = Field(default=planning.USUAL_MINUTES, gt=0, le=600, description="Of one video.")


class WorkloadAnswer(BaseModel):
    """What falls to one rater."""

    rater: str
    attempts: int
    minutes: float
    repeats: int
    links: int


class PairAnswer(BaseModel):
    """Attempts that two raters share."""

    first: str
    second: str
    scored: int
    shared: int


class ForecastAnswer(BaseModel):
    """What a plan amounts to, and what it will be able to say."""

    n_attempts: int
    n_double: int
    connected: bool
    groups: list[list[str]]
    workload: list[WorkloadAnswer]
    pairs: list[PairAnswer]
    forecast: dict[str, Any] = Field(description="Expected half-widths and errors, each with n or the reason it lacks.")
    words: dict[str, list[str]]
    assumed: dict[str, list[str]]
    notes: list[str]


class ProposalAnswer(ForecastAnswer):
    """A plan that has not been given out."""

    mark: str
    n_new: int
    n_replaced: int
    not_ready: list[str]


class GivenAnswer(BaseModel):
    """Assignments were added."""

    added: int


class DueBody(BaseModel):
    """Move a due date."""

    model_config = ConfigDict(extra="forbid")

    due_at: str | None = Field(max_length=40, description="Such as 2026-03-01T08:00:00.000000Z; null takes it away.")


@dataclass(frozen=True, slots=True)
class Figure:
    """One expected figure of a forecast, for the page."""

    name: str
    value: float | None
    n: int
    reason: str
    decimals: int


# --- pages ----------------------------------------------------------------------------------------------------------


@pages.get("/p/{slug}/plan")
def plan_page(request: Request, slug: Slug, who: Who) -> Response:
    """The forms; with ``look=plan`` what would be given out, with ``look=forecast`` what a project would be able to say."""
    return _page(request, slug, who)


@pages.post("/p/{slug}/plan/give-out")
def give_out_form(request: Request, slug: Slug, who: Who, form: SentForm) -> Response:
    """Give out what was looked at."""
    db, project = database(request), _project(request, who, slug)
    try:
        wishes = _wishes_of(form)
        added = planning.give_out(db, who.actor, project.id, wishes.options(), mark=form.text("mark"))
    except (InputError, ConflictError) as error:
        return _page(request, slug, who, problem=error, wishes=_wishes_or_default(form), look="plan")
    return redirect(f"/p/{slug}/plan", flash="plan.given", n=added)


@pages.post("/p/{slug}/plan/calibration")
def calibration_form(request: Request, slug: Slug, who: Who) -> Response:
    """Give every rater the gold videos."""
    project = _project(request, who, slug)
    try:
        added = planning.assign_calibration(database(request), who.actor, project.id)
    except (InputError, ConflictError) as error:
        return _page(request, slug, who, problem=error)
    return redirect(f"/p/{slug}/plan", flash="plan.calibration_given", n=added)


@pages.post("/p/{slug}/plan/{assignment_id}/{act}")
def change_form(
    request: Request, slug: Slug, assignment_id: AssignmentId, act: str, who: Who, form: SentForm
) -> Response:
    """Reassign, withdraw, reopen, or move the due date of one assignment."""
    db, project = database(request), _project(request, who, slug)
    try:
        if act == "reassign":
            despite: list[store.Despite] = ["same_site", "conflict"] if form.ticked("despite") else []
            to = form.text("rater")
            store.reassign(db, who.actor, assignment_id, to, reason=form.text("reason"), despite=despite)
        elif act == "withdraw":
            store.withdraw(db, who.actor, assignment_id, reason=form.text("reason"))
        elif act == "reopen":
            reopen(db, who.actor, assignment_id, reason=form.text("reason"))
        elif act == "due":
            store.set_due(db, who.actor, assignment_id, _end_of(form.text("due")))
        else:
            raise NotFoundError("there is no such act", code="not_found")
    except (InputError, ConflictError) as error:
        return _page(request, slug, who, problem=error, project=project)
    return redirect(f"/p/{slug}/plan#given", flash=f"plan.done_{act}")


def _page(
    request: Request,
    slug: str,
    who: SignedIn,
    *,
    problem: RoomError | None = None,
    project: Project | None = None,
    wishes: PlanWishes | None = None,
    look: str | None = None,
) -> Response:
    db = database(request)
    project = project or _project(request, who, slug)
    asked = _asked(request)
    look = look or asked.text("look")
    proposal: Proposal | None = None
    expected: AssignmentPlan | None = None
    try:
        wishes = wishes or _wishes_of(asked)
        future = _forecast_of(asked)
        if look == "plan":
            proposal = planning.propose(db, who.actor, project.id, wishes.options())
        elif look == "forecast":
            expected = _expected(request, who, project, future)
    except (InputError, ConflictError) as error:
        problem, wishes, future = problem or error, wishes or _wishes_or_default(asked), ForecastBody()
    raters = planning.raters_of(db, who.actor, project.id)
    given = planning.given_out(
        db,
        who.actor,
        project.id,
        rater=asked.text("rater") or None,
        state=asked.text("state") if asked.text("state") in STATES else None,
        text=asked.text("text"),
        page=_whole(asked.text("page"), 1),
    )
    plan = proposal.plan if proposal is not None else expected
    people = members.members(db, who.actor, project.id)
    absent = {member.code for member in people if "rater" in member.roles and not member.has_password}
    language = language_of(request, who)
    return render(
        request,
        "plan.html",
        who=who,
        here="plan",
        path=f"/p/{slug}/plan",
        project=project,
        status=200 if problem is None else 409 if isinstance(problem, ConflictError) else 422,
        problem=problem,
        wishes=wishes,
        future=future,
        look=look if plan is not None else "",
        proposal=proposal,
        plan=plan,
        figures=[] if plan is None else _figures(plan, language),
        words=[] if plan is None else sentences_in(plan, language),
        assumed=[] if plan is None else assumptions_in(plan.forecast.assumptions, language),
        notes=[] if plan is None else [reason_in(language, note) for note in plan.notes],
        matrix=None if plan is None else _matrix(plan),
        raters=raters,
        absent=absent,
        code_of={rater.person: rater.code for rater in raters},
        given=given,
        chosen={name: asked.text(name) for name in ("rater", "state", "text")},
        states=STATES,
        today=db.now().strftime("%Y-%m-%d"),
    )


def _figures(plan: AssignmentPlan, language: Any) -> list[Figure]:
    found = plan.forecast
    worst = max(
        (m for m in found.severity_error.values() if m.value is not None), key=lambda m: m.value or 0.0, default=None
    )
    rows = [
        ("qwk", found.qwk_half_width, 2),
        ("icc_single", found.icc_single_half_width, 2),
        ("icc_mean", found.icc_mean_half_width, 2),
        ("severity", worst, 1),
        ("severity_difference", found.severity_difference_error, 1),
        ("repeat_qwk", found.repeat_qwk_half_width, 2),
        ("correlation", found.smallest_correlation, 2),
    ]
    return [
        Figure(name, m.value, m.n, reason_in(language, m.reason or ""), decimals)
        for name, m, decimals in rows
        if m is not None
    ]


def _matrix(plan: AssignmentPlan) -> list[tuple[str, list[int | None]]] | None:
    """Compared attempts of each two raters, row by row; None for more raters than a table can show."""
    names = [work.rater for work in plan.workload]
    if len(names) > MOST_PAIRS or len(names) < 2:
        return None
    count = {(pair.first, pair.second): pair.scored for pair in plan.pairs}
    return [
        (
            one,
            [None if one == other else count.get((one, other), count.get((other, one), 0)) for other in names],
        )
        for one in names
    ]


# --- the API --------------------------------------------------------------------------------------------------------


@api.post("/plan/forecast")
def forecast(request: Request, slug: Slug, body: ForecastBody, who: Who) -> ForecastAnswer:
    """What so many videos and raters will be able to say, before there is a single one of them."""
    return ForecastAnswer(**_plain(_expected(request, who, _project(request, who, slug), body)))


@api.post("/plan/propose")
def propose(request: Request, slug: Slug, body: PlanWishes, who: Who) -> ProposalAnswer:
    """A plan for what is open; nothing is given out."""
    project = _project(request, who, slug)
    found = planning.propose(database(request), who.actor, project.id, body.options())
    return ProposalAnswer(
        **_plain(found.plan),
        mark=found.mark,
        n_new=len(found.new),
        n_replaced=len(found.replaced),
        not_ready=list(found.not_ready),
    )


@api.post("/plan/give-out")
def give_out(request: Request, slug: Slug, body: GiveOutBody, who: Who) -> GivenAnswer:
    """Give out the plan that was looked at; refused where things have moved since."""
    project = _project(request, who, slug)
    options = PlanOptions(**body.model_dump(exclude={"mark"}))
    return GivenAnswer(added=planning.give_out(database(request), who.actor, project.id, options, mark=body.mark))


@api.post("/plan/calibration")
def give_calibration(request: Request, slug: Slug, who: Who) -> GivenAnswer:
    """Give every rater the gold videos that he has not been given yet."""
    project = _project(request, who, slug)
    return GivenAnswer(added=planning.assign_calibration(database(request), who.actor, project.id))


@api.put("/assignments/{assignment_id}/due", status_code=204)
def move_due(request: Request, slug: Slug, assignment_id: AssignmentId, body: DueBody, who: Who) -> None:
    """Move a due date, or take it away."""
    _project(request, who, slug)
    store.set_due(database(request), who.actor, assignment_id, body.due_at)


# --- what both use --------------------------------------------------------------------------------------------------


def _project(request: Request, who: SignedIn, slug: str) -> Project:
    project = projects.get_project(database(request), who.actor, slug)
    who.actor.require("plan", project.id)
    return project


def _expected(request: Request, who: SignedIn, project: Project, body: ForecastBody) -> AssignmentPlan:
    options = PlanOptions(**body.model_dump(exclude={"videos", "raters", "minutes"}))
    return planning.forecast(
        database(request), who.actor, project.id, options, videos=body.videos, raters=body.raters, minutes=body.minutes
    )


def _plain(plan: AssignmentPlan) -> dict[str, Any]:
    whole = plan.to_plain()
    return {
        "n_attempts": plan.n_attempts,
        "n_double": plan.n_double,
        "connected": plan.connections.connected,
        "groups": [list(group) for group in plan.connections.groups],
        "workload": [{k: v for k, v in asdict(w).items() if k != "sites"} for w in plan.workload],
        "pairs": [asdict(pair) for pair in plan.pairs],
        **{name: whole[name] for name in ("forecast", "words", "assumed", "notes")},
    }


def _wishes_of(form: Sent) -> PlanWishes:
    """What a form asks for; what it does not say is as usual.

    Raises:
        InputError: a number out of range.
    """
    usual = PlanWishes()
    due = form.number("due_days")
    return _valid(
        PlanWishes,
        raters_per_attempt=_number(form, "raters_per_attempt", usual.raters_per_attempt),
        double_share=_number(form, "double_percent", 100 * usual.double_share) / 100,
        link_attempts=_number(form, "link_attempts", usual.link_attempts),
        repeat_share=_number(form, "repeat_percent", 100 * usual.repeat_share) / 100,
        not_before_days=_number(form, "not_before_days", usual.not_before_days),
        early_because=form.text("early_because"),
        same_site_allowed=form.ticked("same_site_allowed"),
        seed=_number(form, "seed", usual.seed),
        due_days=due,
    )


def _wishes_or_default(form: Sent) -> PlanWishes:
    try:
        return _wishes_of(form)
    except InputError:
        return PlanWishes()


def _forecast_of(form: Sent) -> ForecastBody:
    usual = ForecastBody()
    return _valid(
        ForecastBody,
        **_wishes_of(form).model_dump(),
        videos=_number(form, "videos", usual.videos),
        raters=_number(form, "raters", usual.raters),
        minutes=_number(form, "minutes", usual.minutes),
    )


def _number(form: Sent, name: str, usual: float) -> float:
    found = form.number(name)
    return usual if found is None else found


def _valid(model: type[Wishes], **values: object) -> Wishes:
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        # Shares are asked for in per cent.
        scale = 100 if name in ("double_share", "repeat_share") else 1
        bounds = {bound: f"{scale * value:g}" for bound, value in first.get("ctx", {}).items() if bound in BOUNDS}
        raise InputError(
            f"{name}: {first['msg']}",
            field=name,
            code="plan_number",
            params={"field": LABELS.get(name, f"plan.{name}"), "why": texts.invalid_kind(first["type"]), **bounds},
        ) from error


def _whole(text: str, usual: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else usual


def _end_of(day: str) -> str | None:
    """The end of a day, in UTC; None for no day."""
    if not day.strip():
        return None
    try:
        begins = datetime.strptime(day.strip(), "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise InputError(
            f"{day[:20]!r} is no day; give one such as 2026-03-01",
            field="due",
            code="plan_day",
            params={"text": day[:20]},
        ) from None
    return time_text(begins + timedelta(hours=23, minutes=59))


def _asked(request: Request) -> Sent:
    """The query as a form."""
    return Sent(FormData([(name, value) for name, value in request.query_params.multi_items()]))
