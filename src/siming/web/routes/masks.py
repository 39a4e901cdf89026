"""What a recipe would mask in an original, looked at before a video for raters is made with it."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from siming.errors import ConflictError, InputError, MissingExtraError, VideoError
from siming.store.media import attempts, media, media_access, uploads
from siming.store.projects import projects
from siming.video.ingest import preview_apart
from siming.video.recipe import Recipe
from siming.video.review import Preview
from siming.web.ingest import checked_recipe, faces_can_be_masked, media_folder
from siming.web.page import render
from siming.web.seen import session_of
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)

N_PICTURES = 6
MOST_TIMES = 24
TIME_LIMIT_S = 120.0
MAX_SIDE = 960
"""Of the pictures on the page."""


@pages.get("/p/{slug}/attempts/{code}/media/{media_id}/masks")
def masks(
    request: Request,
    slug: str,
    code: str,
    media_id: str,
    who: Annotated[SignedIn, Depends(signed_in)],
    faces: Annotated[str, Query(max_length=20)] = "blur",
    sound: Annotated[str, Query(max_length=20)] = "keep",
    max_side: int = 1280,
    at: Annotated[str, Query(max_length=400)] = "",
) -> Response:
    """Pictures of the original with the masks outlined, spread over it or at the times that are named.

    Nothing is changed, so it is asked for by GET; that somebody looked at the original stands in the audit.
    """
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    who.actor.require("manage_attempts", project.id)
    found = attempts.get_attempt(db, who.actor, project.id, code)
    item = next((m for m in media.media_of_attempt(db, who.actor, found.id) if m.id == media_id), None)
    if item is None or item.kind != "original":
        raise media.no_media()
    chosen = checked_recipe({"faces": faces, "sound": sound, "max_side": max_side})
    problem, pictures = "", list[Preview]()
    try:
        times = times_of(at)
        media_access.view_media(db, who.actor, media_id, session=session_of(who))
        recipe = Recipe.from_json({**chosen, "max_side": min(max_side, MAX_SIDE)})
        pictures = _previews(request, item, recipe, times)
    except InputError as error:
        problem = error.code
    except MissingExtraError:
        problem = "faces_missing"
    except VideoError as error:  # its words name the file on the disk
        problem = error.kind
    return render(
        request, "masks.html", who=who, project=project, here="attempts", attempt=found, media=item, at=at,
        chosen=chosen, pictures=[_shown(picture) for picture in pictures], problem=problem, known=uploads.PROBLEMS,
        faces=faces_can_be_masked(), status=422 if problem else 200,
    )  # fmt: skip


def times_of(text: str) -> list[float] | None:
    """Times as people write them, ``0:12 83.4 1:02:03``, in seconds; None where there are none.

    Raises:
        InputError: something else stands there, or too many.
    """
    words = [word for word in re.split(r"[\s,;，；、]+", text.replace("：", ":")) if word]
    if not all(re.fullmatch(r"(\d{1,4}:){0,2}\d{1,6}(\.\d{1,3})?", word) for word in words) or len(words) > MOST_TIMES:
        raise InputError(
            f"at is {text[:40]!r}; give up to {MOST_TIMES} times such as 0:12", field="at", code="times_form"
        )
    seconds = [sum(float(part) * 60**place for place, part in enumerate(reversed(w.split(":")))) for w in words]
    return seconds or None


def _previews(request: Request, item: media.Media, recipe: Recipe, times: list[float] | None) -> list[Preview]:
    """One look at a time: each decodes a recording and may look for faces in it."""
    line = request.app.state.previewing
    if not line.acquire(blocking=False):
        raise ConflictError(
            "somebody is looking at masks at this moment; try again in a minute", kind="state", code="masks_busy"
        )
    try:
        path = media_folder(request.app).path_of(item.path)
        return preview_apart(path, recipe, N_PICTURES, times=times, time_limit_s=TIME_LIMIT_S)
    finally:
        line.release()


def _shown(picture: Preview) -> dict[str, Any]:
    inline = base64.b64encode(picture.jpeg).decode()
    return {"src": f"data:image/jpeg;base64,{inline}", "time_s": picture.time_s, "masked": len(picture.masked)}
