"""What leaves: a preview, everything locked now, releases that never change; and what models bring in."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Form, Path, Query, Request, UploadFile
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import FileResponse

from siming.errors import ConflictError, InputError, RoomError
from siming.exchange import FORMATS, Format
from siming.store.figures import model_runs, release
from siming.store.figures.dataset import What
from siming.store.figures.release import Release
from siming.store.projects import projects
from siming.store.projects.projects import Project
from siming.store.text import free_text, one_line
from siming.web.form import SentForm
from siming.web.incoming import read_apart, takes_files
from siming.web.making import Order, sent
from siming.web.once import redirect_showing, shown_once
from siming.web.page import language_of, redirect, render
from siming.web.reading import LARGEST_FILE, model_sheets
from siming.web.security import takes_bodies_up_to
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1", tags=["export"])

Who = Annotated[SignedIn, Depends(signed_in)]
Slug = Annotated[str, Path(max_length=80)]
Language = Literal["en", "zh"]
Kinds = Annotated[list[What] | None, Query(max_length=4, description="Raters' first sheets and consensus by default.")]
WHAT: tuple[What, ...] = ("first", "repeat", "consensus", "model")
USUAL: tuple[What, ...] = ("first", "consensus")
COUNTED: tuple[What, ...] = ("first", "consensus", "model")
"""What the page counts before anything is chosen: repeats are nobody's first sheets."""


class LeavingAnswer(BaseModel):
    """What would leave with an export, before it does."""

    n_attempts: int
    n_excluded: int
    n_raters: int
    n_submissions: int
    n_consensus: int
    n_without_consensus: int
    n_open_cases: int
    n_models: int
    n_videos: int
    n_videos_unmasked: int = Field(description="Of them, films in which faces are as they were recorded.")
    rubrics: list[str]


class FormatAnswer(BaseModel):
    """A format, with what it keeps and what it loses."""

    id: str
    title: dict[str, str]
    about: dict[str, str]
    suffix: str
    can_read: bool
    can_write: bool
    keeps: list[str]
    loses: list[str]


class ReleaseAnswer(BaseModel):
    """A release: a fixed list, the same bytes for ever."""

    id: str
    name: str
    manifest_sha256: str
    licence: str
    agreements: list[str]
    n_attempts: int
    n_submissions: int
    n_consensus: int
    n_models: int
    created_at: str


class ReleaseBody(BaseModel):
    """Fix what leaves under a name."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=200)
    licence: str = Field(max_length=400)
    agreements: list[Annotated[str, Field(max_length=600)]] = Field(default=[], max_length=50)
    what: list[What] = Field(default=list(USUAL), min_length=1, max_length=4)


class ModelAnswer(BaseModel):
    """What is kept of a model."""

    model: str
    attempts: int
    newest_at: str


class ImportedAnswer(BaseModel):
    """What came of a model's file."""

    sheets: int
    remarks: list[str]


# --- pages ----------------------------------------------------------------------------------------------------------


@pages.get("/p/{slug}/export")
def export_page(request: Request, slug: Slug, who: Who) -> Response:
    """What would leave, in which format, and the releases."""
    return _page(request, slug, who)


@pages.post("/p/{slug}/export/download")
def download_form(request: Request, slug: Slug, who: Who, form: SentForm) -> Response:
    """Everything locked now."""
    try:
        what = tuple(name for name in WHAT if name in form.texts("what"))
        return _now(request, who, slug, form.text("format"), what, form.text("language"), form.ticked("videos"))
    except (InputError, ConflictError) as error:
        return _page(request, slug, who, problem=error)


@pages.post("/p/{slug}/export/release")
def release_form(request: Request, slug: Slug, who: Who, form: SentForm) -> Response:
    """Make a release."""
    project = _project(request, who, slug)
    try:
        what = tuple(name for name in WHAT if name in form.texts("what"))
        made = _released(request, who, project, form.text("name"), form.text("licence"), form.lines("agreements"), what)
    except (InputError, ConflictError) as error:
        values = {name: form.text(name) for name in ("name", "licence", "agreements")}
        return _page(request, slug, who, problem=error, values=values)
    return redirect(f"/p/{slug}/export#releases", flash="export.released", name=made.name)


@pages.post("/p/{slug}/export/releases/{release_id}")
def release_download_form(
    request: Request, slug: Slug, release_id: Annotated[str, Path(max_length=40)], who: Who, form: SentForm
) -> Response:
    """Download a release."""
    _project(request, who, slug)
    try:
        return _of_release(request, who, release_id, form.text("format"), form.text("language"), form.ticked("videos"))
    except (InputError, ConflictError) as error:
        return _page(request, slug, who, problem=error)


@pages.get("/p/{slug}/import")
def import_page(request: Request, slug: Slug, who: Who) -> Response:
    """Sheets of models come in here; sheets of people are rated, not brought."""
    return _import_page(request, slug, who, **shown_once(request, who))


@takes_files(pages, "/p/{slug}/import", "run_models")
@takes_bodies_up_to(LARGEST_FILE + 10_000)
def import_form(request: Request, slug: Slug, who: Who, form: SentForm) -> Response:
    """Bring a model's sheets in."""
    model, kind = form.text("model"), form.text("format")
    try:
        n, told = _imported(
            request, who, slug, kind, model, form.text("about"), form.file("file"), form.file_name("file")
        )
    except (InputError, ConflictError) as error:
        return _import_page(request, slug, who, problem=error, values={"model": model, "format": kind})
    if told:
        return redirect_showing(request, who, f"/p/{slug}/import", added=n, told=told)
    return redirect(f"/p/{slug}/import", flash="export.imported", n=n)


def _page(
    request: Request,
    slug: str,
    who: SignedIn,
    *,
    problem: RoomError | None = None,
    values: dict[str, str] | None = None,
) -> Response:
    db, project = database(request), _project(request, who, slug)
    leaving, releases = None, release.releases(db, who.actor, project.id)
    try:
        leaving = release.preview(db, who.actor, project.id, what=COUNTED)
    except ConflictError as error:
        problem = problem or error
    return render(
        request,
        "export.html",
        who=who,
        here="export",
        path=f"/p/{slug}/export",
        project=project,
        status=200 if problem is None else 409 if isinstance(problem, ConflictError) else 422,
        problem=problem,
        leaving=leaving,
        formats=[form for form in FORMATS.values() if form.can_write],
        releases=releases,
        unmasked=release.unmasked_of(db, who.actor, releases),
        values=values or {"name": "", "licence": "", "agreements": ""},
        whats=WHAT,
        usual=USUAL,
        may_videos=who.actor.may("manage_attempts", project.id),
    )


def _import_page(
    request: Request,
    slug: str,
    who: SignedIn,
    *,
    problem: RoomError | None = None,
    values: dict[str, str] | None = None,
    added: int | None = None,
    told: list[str] | None = None,
) -> Response:
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    return render(
        request,
        "import.html",
        who=who,
        here="import",
        path=f"/p/{slug}/import",
        project=project,
        status=200 if problem is None else 409 if isinstance(problem, ConflictError) else 422,
        problem=problem,
        models=model_runs.models_of(db, who.actor, project.id),
        formats=[form for form in FORMATS.values() if form.can_read],
        values=values or {"model": "", "format": ""},
        added=added,
        told=told or [],
    )


# --- the API --------------------------------------------------------------------------------------------------------

_FILE = {"schema": {"type": "string", "format": "binary"}}
_TYPES = {"application/zip", *(form.media_type.partition(";")[0] for form in FORMATS.values() if form.can_write)}
DOWNLOAD: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": dict.fromkeys(sorted(_TYPES), _FILE)}
}


@api.get("/formats")
def formats(who: Who) -> list[FormatAnswer]:
    """Every format that sheets leave or enter by, with what it keeps and loses."""
    return [_format(form) for form in FORMATS.values()]


@api.get("/projects/{slug}/export/preview")
def preview(request: Request, slug: Slug, who: Who, what: Kinds = None) -> LeavingAnswer:
    """What an export made now would hold."""
    project = _project(request, who, slug)
    found = release.preview(database(request), who.actor, project.id, what=what or USUAL)
    return LeavingAnswer(**{name: getattr(found, name) for name in LeavingAnswer.model_fields})


@api.get("/projects/{slug}/export", response_class=FileResponse, responses=DOWNLOAD)
def export(
    request: Request,
    slug: Slug,
    who: Who,
    form: Annotated[str, Query(alias="format", max_length=20)] = "siming",
    what: Kinds = None,
    language: Language = "en",
    videos: bool = False,
) -> Response:
    """Everything locked now. Raters' first sheets and consensus by default; repeats only where they are asked for, marked as such and in the
    siming format; never calibration or AI-assisted."""
    return _now(request, who, slug, form, tuple(what or USUAL), language, videos)


@api.get("/projects/{slug}/releases")
def list_releases(request: Request, slug: Slug, who: Who) -> list[ReleaseAnswer]:
    """Every release, newest first."""
    project = _project(request, who, slug)
    return [_release(found) for found in release.releases(database(request), who.actor, project.id)]


@api.post("/projects/{slug}/releases", status_code=201)
def make_release(request: Request, slug: Slug, body: ReleaseBody, who: Who) -> ReleaseAnswer:
    """Fix what leaves under a name; it never changes afterwards."""
    project = _project(request, who, slug)
    return _release(_released(request, who, project, body.name, body.licence, body.agreements, tuple(body.what)))


@api.get("/releases/{release_id}/export", response_class=FileResponse, responses=DOWNLOAD)
def export_release(
    request: Request,
    release_id: Annotated[str, Path(max_length=40)],
    who: Who,
    form: Annotated[str, Query(alias="format", max_length=20)] = "siming",
    language: Language = "en",
    videos: bool = False,
) -> Response:
    """A release in a format: the same bytes whenever it is asked for."""
    return _of_release(request, who, release_id, form, language, videos)


@api.get("/projects/{slug}/models")
def models(request: Request, slug: Slug, who: Who) -> list[ModelAnswer]:
    """The models whose sheets are here; none of their points."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    found = model_runs.models_of(db, who.actor, project.id)
    return [ModelAnswer(model=line.model, attempts=line.attempts, newest_at=line.newest_at) for line in found]


@takes_files(api, "/projects/{slug}/models", "run_models", status_code=201)
@takes_bodies_up_to(LARGEST_FILE + 10_000)
def add_model(
    request: Request,
    slug: Slug,
    who: Who,
    file: Annotated[UploadFile, File()],
    form: Annotated[str, Form(alias="format", max_length=20)] = "siming",
    model: Annotated[str, Form(max_length=200, description="Its name, where the file does not say.")] = "",
    about: Annotated[str, Form(max_length=4000, description="Prompt, settings, run.")] = "",
) -> ImportedAnswer:
    """Sheets of a model. Of the same model, attempt and rubric the newest counts; older ones stay for their releases."""
    n, told = _imported(request, who, slug, form, model, about, file.file.read(LARGEST_FILE + 1), file.filename or "")
    return ImportedAnswer(sheets=n, remarks=told)


# --- what both use --------------------------------------------------------------------------------------------------


def _project(request: Request, who: SignedIn, slug: str) -> Project:
    project = projects.get_project(database(request), who.actor, slug)
    who.actor.require("export", project.id)
    return project


def _now(
    request: Request, who: SignedIn, slug: str, form: str, what: tuple[What, ...], language: str, videos: bool
) -> FileResponse:
    project = _project(request, who, slug)
    if not what:
        raise InputError("choose at least one kind of sheets", field="what", code="export_what")
    _check(who, project.id, form, videos)
    order = Order(who.actor, form, "zh" if language == "zh" else "en", videos, project=project.id, what=what)
    return sent(request, order)


def _of_release(
    request: Request, who: SignedIn, release_id: str, form: str, language: str, videos: bool
) -> FileResponse:
    found = release.get_release(database(request), who.actor, release_id)
    _check(who, found.project, form, videos)
    return sent(request, Order(who.actor, form, "zh" if language == "zh" else "en", videos, release=found.id))


def _check(who: SignedIn, project_id: str, form: str, videos: bool) -> None:
    found = FORMATS.get(form)
    if found is None or not found.can_write:
        raise InputError(f"there is no format {form[:20]!r} to export to", field="format", code="export_form")
    if videos and form != "siming":
        raise InputError("videos leave only with the siming dataset", field="videos", code="export_videos")
    if videos:
        who.actor.require("manage_attempts", project_id)


def _released(
    request: Request,
    who: SignedIn,
    project: Project,
    name: str,
    licence: str,
    agreements: list[str],
    what: tuple[What, ...],
) -> Release:
    if not what:
        raise InputError("choose at least one kind of sheets", field="what", code="export_what")
    return release.make_release(
        database(request), who.actor, project.id, name=name, licence=licence, agreements=agreements, what=what
    )


def _imported(
    request: Request, who: SignedIn, slug: str, form: str, model: str, about: str, raw: bytes, called: str
) -> tuple[int, list[str]]:
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    who.actor.require("run_models", project.id)
    found = FORMATS.get(form)
    if found is None or not found.can_read:
        raise InputError(f"there is no format {form[:20]!r} to read", field="format", code="import_form")
    room = model_runs.room_for(db, who.actor, project.id)
    name = one_line(model, "model", optional=True)
    told = free_text(about, "about")
    counts_pictures = "evidence_frames" in found.keeps
    sheets, remarks = read_apart(
        request,
        model_sheets,
        raw,
        form,
        room,
        model=name,
        language=language_of(request, who),
        name=called,
        time_maps=model_runs.time_maps_of(db, project.id, room) if counts_pictures else None,
    )
    n = model_runs.add_model_sheets(db, who.actor, project.id, sheets, about={"about": told} if told else {})
    return n, list(remarks)


def _format(form: Format) -> FormatAnswer:
    return FormatAnswer(
        id=form.id,
        title={language: form.title(language) for language in ("en", "zh")},
        about={language: form.about(language) for language in ("en", "zh")},
        suffix=form.suffix,
        can_read=form.can_read,
        can_write=form.can_write,
        keeps=list(form.keeps),
        loses=list(form.loses),
    )


def _release(found: Release) -> ReleaseAnswer:
    return ReleaseAnswer(
        id=found.id,
        name=found.name,
        manifest_sha256=found.manifest_sha256,
        licence=found.manifest.licence,
        agreements=list(found.manifest.agreements),
        n_attempts=len(found.manifest.attempts),
        n_submissions=len(found.manifest.submissions),
        n_consensus=len(found.manifest.consensus),
        n_models=len(found.manifest.models),
        created_at=found.created_at,
    )
