"""Films of an attempt for programs: what the coordinator's page of an attempt does, as JSON."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, Field

from siming.store.media import attempts, media
from siming.store.media.erasure import erase_media
from siming.store.media.media import Media
from siming.store.projects import projects
from siming.web.ingest import media_folder
from siming.web.routes.projects_api import Body, Slug, Text
from siming.web.who import SignedIn, database, signed_in

api = APIRouter(prefix="/api/v1", tags=["media"])

Who = Annotated[SignedIn, Depends(signed_in)]
MediaId = Annotated[str, Path(max_length=40)]


class Reason(Body):
    """Why a film is held back."""

    reason: Text


class Clock(Body):
    """What must be added to a camera's own time to get the main camera's, in seconds."""

    offset_s: float = Field(ge=-86_400, le=86_400)


class Ground(Body):
    """Why a recording is erased."""

    ground: Literal["consent_withdrawn", "law", "wrong_upload"]


class FilmView(BaseModel):
    """A file of an attempt. Where it lies on the server is nobody's business."""

    id: str
    kind: Literal["original", "derivative"]
    made_from: str | None
    camera: str
    sha256: str
    bytes: int
    duration_s: float | None
    width: int | None
    height: int | None
    rate: str | None = Field(description="Mean pictures per second, as a fraction.")
    recipe: dict[str, Any] | None = Field(description="What was done so that nobody is recognised.")
    clock_offset_s: float
    state: str
    state_reason: str | None
    created_at: str


class ErasureView(BaseModel):
    """What was erased."""

    media: list[str]
    files: int
    kept_elsewhere: int = Field(description="Files that stay, because another attempt holds the same bytes.")


@api.get("/projects/{slug}/attempts/{code}/media")
def get_films(request: Request, slug: Slug, code: Slug, who: Who) -> list[FilmView]:
    """Originals and derivatives of an attempt."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    found = attempts.get_attempt(db, who.actor, project.id, code)
    return [_film(film) for film in media.media_of_attempt(db, who.actor, found.id)]


@api.post("/media/{media_id}/release")
def post_release(request: Request, media_id: MediaId, who: Who) -> FilmView:
    """Let raters see a derivative."""
    return _film(media.release(database(request), who.actor, media_id))


@api.post("/media/{media_id}/quarantine")
def post_quarantine(request: Request, media_id: MediaId, body: Reason, who: Who) -> FilmView:
    """Take a derivative away from everybody but the coordinators."""
    return _film(media.quarantine(database(request), who.actor, media_id, body.reason))


@api.put("/media/{media_id}/clock")
def put_clock(request: Request, media_id: MediaId, body: Clock, who: Who) -> FilmView:
    """Say how a camera's clock lies to the main camera's."""
    return _film(media.set_clock_offset(database(request), who.actor, media_id, body.offset_s))


@api.post("/media/{media_id}/erasure")
def post_erasure(request: Request, media_id: MediaId, body: Ground, who: Who) -> ErasureView:
    """Erase a recording for good, with everything made from it; ratings stay."""
    erased = erase_media(database(request), who.actor, media_folder(request.app), media_id, ground=body.ground)
    return ErasureView.model_validate(erased, from_attributes=True)


def _film(film: Media) -> FilmView:
    plain = {name: getattr(film, name) for name in FilmView.model_fields}
    return FilmView(**{**plain, "recipe": None if film.recipe is None else dict(film.recipe)})
