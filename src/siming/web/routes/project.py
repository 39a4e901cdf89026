"""A project: made, looked at, its rules, closed and opened; and the glass an owner of the installation may break."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from siming.errors import ConflictError, InputError
from siming.rubric import builtin_rubric, builtin_rubric_ids
from siming.store import Policy
from siming.store.access import Actor
from siming.store.accounts.people import actor_of
from siming.store.database import Database
from siming.store.figures.flow import flow
from siming.store.projects import projects, rubrics
from siming.web.errors_page import status_of
from siming.web.form import Sent, SentForm
from siming.web.page import redirect, render
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)

Who = Annotated[SignedIn, Depends(signed_in)]

SWITCHES = (
    "evidence_required",
    "show_total",
    "global_rating",
    "hide_raters_in_adjudication",
    "lock_needs_second_person",
    "exclusion_needs_second_person",
    "watermark",
)
CHOICES = {"mode": ("third", "joint"), "explain": ("exact", "some", "none")}
NUMBERS = ("tolerance", "unseen_max_share", "calibration_pass_kappa", "session_minutes")


@pages.get("/projects/new")
def ask(request: Request, who: Who) -> Response:
    """The form of a new project."""
    return _new(request, who, {}, None)


@pages.post("/projects/new")
def make(request: Request, who: Who, form: SentForm) -> Response:
    """Make it; its maker becomes its owner."""
    db = database(request)
    values = {"title": form.text("title"), "slug": form.text("slug"), "rubrics": form.texts("rubrics")}
    try:
        made = projects.create_project(db, who.actor, slug=form.text("slug"), title=form.text("title"))
        actor = actor_of(db, who.actor.id)
        rubrics.set_project_rubrics(
            db, actor, made.id, [version_chosen(db, actor, name) for name in form.texts("rubrics")]
        )
    except (InputError, ConflictError) as problem:
        return _new(request, who, values, problem)
    return redirect(f"/p/{made.slug}/members", flash="project.made", title=made.title)


@pages.get("/p/{slug}")
def show(request: Request, slug: str, who: Who) -> Response:
    """How far the project has come, and what one can do in it."""
    return _overview(request, slug, who, None)


@pages.get("/p/{slug}/settings")
def settings(request: Request, slug: str, who: Who) -> Response:
    """The project's rules as a form."""
    project = projects.get_project(database(request), who.actor, slug)
    who.actor.require("manage_project", project.id)
    return _settings(request, who, project, project.policy.model_dump(), None)


@pages.post("/p/{slug}/settings")
def change(request: Request, slug: str, who: Who, form: SentForm) -> Response:
    """Change the rules; what was decided keeps the rules it was decided under."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    who.actor.require("manage_project", project.id)
    plain: dict[str, Any] = {name: form.text(name) for name in CHOICES}
    try:
        plain |= _numbers(form) | {name: form.ticked(name) for name in SWITCHES}
        policy = projects.policy_from(plain)
        projects.change_project(db, who.actor, project.id, title=form.text("title"), policy=policy)
    except (InputError, ConflictError) as problem:
        sent = {**plain, **{name: form.text(name) for name in NUMBERS}, **{n: form.ticked(n) for n in SWITCHES}}
        return _settings(request, who, project, sent, problem)
    return redirect(f"/p/{slug}/settings", flash="project.changed")


@pages.post("/p/{slug}/state")
def set_state(request: Request, slug: str, who: Who, form: SentForm) -> Response:
    """Close the project, or open it again."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    closed = form.text("to") == "closed"
    try:
        projects.set_project_state(db, who.actor, project.id, closed=closed)
    except ConflictError as problem:
        return _overview(request, slug, who, problem)
    return redirect(f"/p/{slug}", flash="project.closed" if closed else "project.reopened")


@pages.get("/break-glass")
def glass(request: Request, who: Who) -> Response:
    """The form by which an owner of the installation enters a project that has lost its owner."""
    return render(request, "break_glass.html", who=who, problem=None, values={}, here="people")


@pages.post("/break-glass")
def break_glass(request: Request, who: Who, form: SentForm) -> Response:
    """Enter it; the audit of the project says so."""
    try:
        entered = projects.break_glass(database(request), who.actor, form.text("slug"), reason=form.text("reason"))
    except (InputError, ConflictError) as problem:
        values = {"slug": form.text("slug"), "reason": form.text("reason")}
        return render(
            request,
            "break_glass.html",
            who=who,
            status=status_of(problem),
            problem=problem,
            values=values,
            here="people",
        )
    return redirect(f"/p/{entered.slug}", flash="project.glass_broken")


def offered(db: Database, actor: Actor) -> list[dict[str, Any]]:
    """Rubrics to choose from: published versions, and built-in ones that nobody has published yet."""
    published = [v for v in rubrics.rubric_versions(db, actor) if v.state == "published"]
    out = [
        {
            "value": v.id,
            "title": {"en": v.title, "zh": v.title_zh},
            "rubric": v.rubric,
            "version": v.version,
            "n": v.n_steps,
            "status": v.status,
        }
        for v in published
    ]
    for name in builtin_rubric_ids():
        built = builtin_rubric(name)
        if not any((v.rubric, v.version) == (built.id, built.version) for v in published):
            out.append(
                {
                    "value": f"builtin:{name}",
                    "title": {"en": built.title, "zh": built.title_zh},
                    "rubric": built.id,
                    "version": built.version,
                    "n": len(built.steps),
                    "status": built.status,
                }
            )
    order = {name: place for place, name in enumerate(builtin_rubric_ids())}
    return sorted(out, key=lambda choice: order.get(choice["rubric"], len(order)))


def version_chosen(db: Database, actor: Actor, value: str) -> str:
    """The version that was chosen; a built-in one is published when it is first wanted."""
    kind, _, name = value.partition(":")
    return rubrics.publish_builtin(db, actor, name).id if kind == "builtin" and name else value


def _numbers(form: Sent) -> dict[str, Any]:
    percent = form.number("unseen_max_share")
    minutes = form.number("session_minutes")
    return {
        "tolerance": form.number("tolerance") or 0.0,
        "unseen_max_share": None if percent is None else percent / 100,
        "calibration_pass_kappa": form.number("calibration_pass_kappa"),
        "session_minutes": Policy().session_minutes if minutes is None else round(minutes),
    }


STAGE_PAGES = {
    "members": "members",
    "video": "upload",
    "release": "attempts?video=review",
    "plan": "plan",
    "rate": "plan",
    "compare": "compare",
    "adjudicate": "cases",
    "lock": "consensus",
    "export": "export",
}
"""The page of each stage, below the project's address."""


def _overview(request: Request, slug: str, who: SignedIn, problem: ConflictError | None) -> Response:
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    stages = flow(db, who.actor, project.id)
    waiting = [stage for stage in stages if stage.todo and stage.name != "rate"]
    return render(
        request,
        "project.html",
        who=who,
        status=200 if problem is None else status_of(problem),
        project=project,
        rubrics=rubrics.project_rubrics(db, who.actor, project.id),
        roles=sorted(who.actor.roles[project.id]),
        stages=stages,
        stage_pages=STAGE_PAGES,
        next_stage=waiting[0].name if waiting and project.state == "open" else None,
        problem=problem,
        here="project",
    )


def _new(request: Request, who: SignedIn, values: Mapping[str, Any], problem: Any) -> Response:
    choices = offered(database(request), who.actor)
    first = {c["rubric"]: c["value"] for c in reversed(choices) if c["rubric"] in builtin_rubric_ids()}
    chosen = values.get("rubrics", list(first.values()))
    status = 200 if problem is None else status_of(problem)
    return render(
        request,
        "project_new.html",
        who=who,
        status=status,
        values=values,
        problem=problem,
        choices=choices,
        chosen=chosen,
        here="home",
    )


def _settings(
    request: Request, who: SignedIn, project: projects.Project, values: Mapping[str, Any], problem: Any
) -> Response:
    shown = dict(values)
    if problem is None and shown.get("unseen_max_share") is not None:
        shown["unseen_max_share"] = round(100 * shown["unseen_max_share"], 1)
    return render(
        request,
        "project_settings.html",
        who=who,
        status=200 if problem is None else status_of(problem),
        project=project,
        values=shown,
        problem=problem,
        choices=CHOICES,
        switches=SWITCHES,
        numbers=NUMBERS,
        here="settings",
    )
