"""Rubrics: what a project rates with, every version, one version to read, and publishing a new one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel

from siming.errors import ConflictError, InputError
from siming.rubric import Rubric, Step
from siming.rubric.points import point_ranges
from siming.store.projects import projects, rubrics
from siming.store.projects.rubrics import RubricVersion
from siming.web.errors_page import status_of
from siming.web.form import SentForm
from siming.web.page import redirect, render
from siming.web.routes.project import offered, version_chosen
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1", tags=["rubrics"])

Who = Annotated[SignedIn, Depends(signed_in)]


@pages.get("/p/{slug}/rubrics")
def show(request: Request, slug: str, who: Who) -> Response:
    """What the project rates with."""
    return _page(request, slug, who)


@pages.post("/p/{slug}/rubrics")
def choose(request: Request, slug: str, who: Who, form: SentForm) -> Response:
    """Say what the project rates with from now on, in the order of the rating page."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    who.actor.require("manage_project", project.id)
    try:
        wanted = sorted(form.texts("rubrics"), key=lambda value: form.number(f"place:{value}") or 0)
        chosen = [version_chosen(db, who.actor, value) for value in wanted]
        rubrics.set_project_rubrics(db, who.actor, project.id, chosen)
    except (InputError, ConflictError) as problem:
        return _page(request, slug, who, problem=problem)
    return redirect(f"/p/{slug}/rubrics", flash="rubrics.chosen")


@pages.post("/rubrics")
def publish(request: Request, who: Who, form: SentForm) -> Response:
    """Publish a rubric from its YAML file; it never changes again."""
    back = form.text("project")
    try:
        made = rubrics.publish_rubric(database(request), who.actor, form.file("document"))
    except (InputError, ConflictError) as problem:
        return _page(request, back, who, problem=problem) if back else _list(request, who, problem)
    return redirect(f"/rubrics/{made.id}", flash="rubrics.published", rubric=made.rubric, version=made.version)


@pages.get("/rubrics")
def versions(request: Request, who: Who) -> Response:
    """Every version that the reader may read."""
    return _list(request, who)


@pages.get("/rubrics/{version}")
def read(request: Request, version: str, who: Who) -> Response:
    """One version: steps, points, deductions, the states that steps need, set up and destroy."""
    db = database(request)
    found = rubrics.read_version(db, who.actor, version)
    rubric = rubrics.get_rubric(db, version)
    return render(
        request,
        "rubric.html",
        who=who,
        version=found,
        rubric=rubric,
        steps=[step_view(rubric, step) for step in rubric.steps],
        rules=[_rule_view(rubric, rule) for rule in rubric.rules],
        may_retire=rubrics.may_publish(who.actor),
        here="rubrics",
    )


@pages.get("/rubrics/{version}/document")
def document(request: Request, version: str, who: Who) -> Response:
    """The YAML as it was published, byte for byte."""
    db = database(request)
    found = rubrics.read_version(db, who.actor, version)
    name = f"{found.rubric}-{found.version}.yaml".replace('"', "")
    return Response(
        rubrics.document_of(db, version).encode("utf-8"),
        media_type="application/yaml",
        headers={"Content-Disposition": f'attachment; filename="{name.encode("ascii", "replace").decode()}"'},
    )


@pages.post("/rubrics/{version}/retire")
def retire(request: Request, version: str, who: Who) -> Response:
    """Take a version out of new work."""
    rubrics.retire_rubric(database(request), who.actor, version)
    return redirect(f"/rubrics/{version}", flash="rubrics.retired")


class RubricVersionView(BaseModel):
    """A published rubric version."""

    id: str
    rubric: str
    version: str
    sha256: str
    state: str
    published_at: str | None
    title: dict[str, str]
    status: str
    n_steps: int
    total_points: float


@api.get("/rubrics")
def list_rubrics(request: Request, who: Who) -> list[RubricVersionView]:
    """Every published rubric version that one may read: what comes with siming, and what one's projects rate with."""
    return [version_view(version) for version in rubrics.rubric_versions(database(request), who.actor)]


@api.get("/rubrics/{version}")
def get_rubric(request: Request, version: str, who: Who) -> dict[str, Any]:
    """A rubric as `siming.rubric/1`."""
    db = database(request)
    return rubrics.get_rubric(db, rubrics.read_version(db, who.actor, version).id).to_plain()


def step_view(rubric: Rubric, step: Step) -> dict[str, Any]:
    """A step with everything that the page tells of it, each text in both languages."""
    ranges = point_ranges(step, rubric)
    return {
        "id": step.id,
        "order": step.order,
        "title": {"en": step.title, "zh": step.title_zh},
        "max_points": step.max_points,
        "criteria": [{"en": c.text, "zh": c.text_zh or c.text} for c in step.criteria],
        "deductions": [
            {
                "id": d.id,
                "points": d.points,
                "severity": d.severity,
                "group": d.group,
                "text": {"en": d.when, "zh": d.when_zh or d.when},
            }
            for d in step.deductions
        ],
        "ranges": [
            (label, None if r is None else f"{float(r[0]):g}" if r[0] == r[1] else f"{float(r[0]):g}–{float(r[1]):g}")
            for label, r in ranges.items()
        ],
        "needs": [
            {
                "state": _state(rubric, need.state),
                "effect": need.on_missing.effect,
                "points": need.on_missing.points,
                "at_least": need.at_least,
            }
            for need in step.requires
        ],
        "sets": [_state(rubric, change.state) for change in step.establishes],
        "clears": [_state(rubric, change.state) for change in step.invalidates],
    }


def _state(rubric: Rubric, state_id: str) -> dict[str, str]:
    state = rubric.states_by_id.get(state_id)
    if state is None:
        return {"en": state_id, "zh": state_id}
    return {"en": str(getattr(state, "title", None) or state.text), "zh": state.title_zh}


def _rule_view(rubric: Rubric, rule: Any) -> dict[str, Any]:
    charge = rule.charge
    return {
        "id": rule.id,
        "title": {"en": rule.title, "zh": rule.title_zh},
        "step": None if charge is None else charge.step,
        "points": None if charge is None else charge.points,
        "severity": None if charge is None else charge.severity,
        "bands": [band.points for band in rule.bands],
    }


def _page(request: Request, slug: str, who: SignedIn, *, problem: Any = None) -> Response:
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    chosen = rubrics.project_rubrics(db, who.actor, project.id)
    places = {version.id: place for place, version in enumerate(chosen, start=1)}
    return render(
        request,
        "project_rubrics.html",
        who=who,
        status=200 if problem is None else status_of(problem),
        project=project,
        chosen=chosen,
        places=places,
        choices=offered(db, who.actor) if who.actor.may("manage_project", project.id) else [],
        may_publish=rubrics.may_publish(who.actor),
        problem=problem,
        here="rubrics",
    )


def _list(request: Request, who: SignedIn, problem: Any = None) -> Response:
    return render(
        request,
        "rubrics.html",
        who=who,
        status=200 if problem is None else status_of(problem),
        versions=rubrics.rubric_versions(database(request), who.actor),
        may_publish=rubrics.may_publish(who.actor),
        problem=problem,
        here="rubrics",
    )


def version_view(version: RubricVersion) -> RubricVersionView:
    return RubricVersionView(
        id=version.id,
        rubric=version.rubric,
        version=version.version,
        sha256=version.sha256,
        state=version.state,
        published_at=version.published_at,
        title={"en": version.title, "zh": version.title_zh},
        status=version.status,
        n_steps=version.n_steps,
        total_points=version.total_points,
    )
