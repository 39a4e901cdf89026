"""Calibration: a rater's own result on gold videos, and for coordinators everybody's and the gold sheets.

A rater is told of the panel's points only for what he has locked himself; see `store/blind/calibration.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Path, Request, UploadFile
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field

from siming.errors import ConflictError, InputError, NotAllowedError, RoomError, SimingError
from siming.exchange import FORMATS
from siming.rating.texts import reason_in
from siming.store.blind import calibration
from siming.store.blind.calibration import CalibrationResult
from siming.store.figures import model_runs
from siming.store.media import attempts
from siming.store.projects import projects, rubrics
from siming.store.projects.projects import Project
from siming.web.figures import figure_of
from siming.web.form import SentForm
from siming.web.incoming import read_apart, takes_files
from siming.web.page import language_of, redirect, render
from siming.web.reading import LARGEST_FILE, panel_sheets
from siming.web.security import takes_bodies_up_to
from siming.web.seen import seen
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1/projects/{slug}/calibration", tags=["calibration"])

Who = Annotated[SignedIn, Depends(signed_in)]
Slug = Annotated[str, Path(max_length=80)]
GOLD_FORMATS = ("csv", "xlsx", "siming")
METRICS = ("qwk", "raw_agreement", "ac2", "mean_difference")
"""In the order shown; kappa first, because the pass mark is one."""


class MeasuredAnswer(BaseModel):
    """A figure, or the reason why there is none."""

    value: float | None
    n: int
    interval: tuple[float, float] | None = None
    interval_reason: str | None = Field(default=None, description="Why there is a value and no interval.")
    reason: str | None = None


class StepAnswer(BaseModel):
    """One step: what the rater gave and what the panel gave."""

    attempt: str
    rubric: str
    step: str
    own: float | None
    panel: float | None
    max_points: float


class CalibrationAnswer(BaseModel):
    """How a rater stands against the expert panel, over the gold videos that he has submitted."""

    rater: str
    n_videos: int
    n_open: int = Field(description="Gold videos given and not yet submitted.")
    metrics: dict[str, MeasuredAnswer]
    pass_kappa: float | None
    passed: bool | None = Field(description="Null while nothing is asked for, or gold videos are open.")
    steps: list[StepAnswer]


class GoldAnswer(BaseModel):
    """A gold attempt."""

    code: str
    source: str | None
    n_sheets: int
    n_given: int
    n_submitted: int


class GoldAdded(BaseModel):
    """The panel's sheets of an attempt are kept."""

    sheets: int


@pages.get("/calibration")
def my_calibration(request: Request, who: Who) -> Response:
    """The calibration of the project in which one rates; a choice where there are several."""
    mine = [p for p in projects.projects_of(database(request), who.actor) if who.actor.may("rate", p.id)]
    if not mine:
        raise NotAllowedError("you rate in no project; ask a coordinator for the role")
    if len(mine) == 1:
        return RedirectResponse(f"/p/{mine[0].slug}/calibration", status_code=303)
    return render(request, "calibration_choice.html", who=who, here="queue", projects=mine)


@pages.get("/p/{slug}/calibration")
def calibration_page(request: Request, slug: Slug, who: Who) -> Response:
    """One's own result, for a rater; everybody's, for who may see raters."""
    return _page(request, slug, who)


@takes_files(pages, "/p/{slug}/calibration/gold", "manage_attempts")
@takes_bodies_up_to(LARGEST_FILE + 10_000)
def add_gold_form(request: Request, slug: Slug, who: Who, form: SentForm) -> Response:
    """Bring the panel's sheets of an attempt in."""
    try:
        n = _add_gold(
            request,
            who,
            slug,
            form.text("attempt"),
            form.text("format"),
            form.text("source"),
            form.file("file"),
            form.file_name("file"),
        )
    except (InputError, ConflictError) as error:
        values = {name: form.text(name) for name in ("attempt", "format", "source")}
        return _page(request, slug, who, problem=error, values=values)
    return redirect(f"/p/{slug}/calibration", flash="calibration.gold_added", n=n, code=form.text("attempt"))


def _page(
    request: Request,
    slug: str,
    who: SignedIn,
    *,
    problem: RoomError | None = None,
    values: dict[str, str] | None = None,
) -> Response:
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    language = language_of(request, who)
    shared: dict[str, Any] = {
        "who": who,
        "project": project,
        "here": "calibration",
        "path": f"/p/{slug}/calibration",
        "names": METRICS,
        "figures": lambda found: [
            figure_of(name, found.metrics[name].to_json(), lambda reason: reason_in(language, reason))
            for name in METRICS
            if name in found.metrics
        ],
        "pass_kappa": project.policy.calibration_pass_kappa,
    }
    if who.actor.may("rate", project.id):
        own = calibration.own_calibration(db, who.actor, project.id)
        _told(request, who, project, (own,))
        return render(
            request, "calibration_own.html", own=own, titles=_titles(request, who, project, language), **shared
        )
    results = calibration.calibrations(db, who.actor, project.id)
    _told(request, who, project, results)
    manages = who.actor.may("manage_attempts", project.id)
    return render(
        request,
        "calibration.html",
        status=200 if problem is None else 409 if isinstance(problem, ConflictError) else 422,
        problem=problem,
        results=results,
        gold=calibration.gold_attempts(db, who.actor, project.id) if manages else (),
        values=values or dict.fromkeys(("attempt", "format", "source"), ""),
        formats=[FORMATS[name] for name in GOLD_FORMATS],
        **shared,
    )


@api.get("")
def own(request: Request, slug: Slug, who: Who) -> CalibrationAnswer:
    """Your own result, over what you have locked."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    found = calibration.own_calibration(db, who.actor, project.id)
    _told(request, who, project, (found,))
    return _answer(found)


@api.get("/raters")
def everybody(request: Request, slug: Slug, who: Who) -> list[CalibrationAnswer]:
    """Every rater's result, by code."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    found = calibration.calibrations(db, who.actor, project.id)
    _told(request, who, project, found)
    return [_answer(each) for each in found]


@api.get("/gold")
def gold(request: Request, slug: Slug, who: Who) -> list[GoldAnswer]:
    """The gold attempts, without anybody's points."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    found = calibration.gold_attempts(db, who.actor, project.id)
    return [GoldAnswer(**{name: getattr(line, name) for name in GoldAnswer.model_fields}) for line in found]


@takes_files(api, "/gold/{code}", "manage_attempts")
@takes_bodies_up_to(LARGEST_FILE + 10_000)
def add_gold(
    request: Request,
    slug: Slug,
    code: Annotated[str, Path(max_length=64)],
    who: Who,
    file: Annotated[UploadFile, File()],
    source: Annotated[str, Form(max_length=200)],
    form: Annotated[str, Form(alias="format", max_length=20)] = "csv",
) -> GoldAdded:
    """Keep the panel's sheets of an attempt; it is a gold one from then on."""
    return GoldAdded(
        sheets=_add_gold(request, who, slug, code, form, source, file.file.read(LARGEST_FILE + 1), file.filename or "")
    )


def _add_gold(
    request: Request, who: SignedIn, slug: str, code: str, form: str, source: str, raw: bytes, called: str
) -> int:
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    who.actor.require("manage_attempts", project.id)
    found = attempts.get_attempt(db, who.actor, project.id, code.strip())
    if form not in GOLD_FORMATS:
        raise InputError(f"there is no format {form[:20]!r} for gold sheets", field="format", code="import_form")
    room = model_runs.room_for(db, who.actor, project.id)
    sheets = read_apart(request, panel_sheets, raw, form, room, attempt=found.code, name=called)
    try:
        calibration.add_gold(db, who.actor, found.id, sheets, source=source)
    except RoomError:
        raise
    except SimingError as error:
        raise InputError(str(error), code="gold_unfit", params={"why": str(error)}) from error
    return len(sheets)


def _titles(request: Request, who: SignedIn, project: Project, language: str) -> dict[tuple[str, str], str]:
    """Titles of the steps, by rubric and step."""
    db = database(request)
    versions = rubrics.project_rubrics(db, who.actor, project.id)
    return {
        (rubric.id, step.id): (step.title_zh if language == "zh" else step.title)
        for rubric in (rubrics.get_rubric(db, version.id) for version in versions)
        for step in rubric.steps
    }


def _told(request: Request, who: SignedIn, project: Project, results: Sequence[CalibrationResult]) -> None:
    """The panel's points stand beside those of a rater: whoever is shown them has seen the gold sheets."""
    if any(result.steps for result in results):
        seen(request, who, f"project:{project.id}", act="calibration.view", project=project.id)


def _answer(found: CalibrationResult) -> CalibrationAnswer:
    return CalibrationAnswer(
        rater=found.rater,
        n_videos=found.n_videos,
        n_open=found.n_open,
        metrics={name: _measured(found.metrics[name]) for name in METRICS if name in found.metrics},
        pass_kappa=found.pass_kappa,
        passed=found.passed,
        steps=[StepAnswer(**{name: getattr(step, name) for name in StepAnswer.model_fields}) for step in found.steps],
    )


def _measured(found: Any) -> MeasuredAnswer:
    between = None if found.interval is None else (found.interval.low, found.interval.high)
    return MeasuredAnswer(
        value=found.value,
        n=found.n,
        interval=between,
        interval_reason=found.interval_reason if between is None and found.value is not None else None,
        reason=found.reason,
    )
