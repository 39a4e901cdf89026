"""Films: signed addresses, parts of files, frame tables, and reports of what should not be seen."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from siming.store.media import media_access
from siming.store.media.media import Media, no_media
from siming.video.timemap import TimeMap
from siming.web import signing
from siming.web.ingest import media_folder
from siming.web.ranges import FilePart, is_unchanged
from siming.web.seen import session_of
from siming.web.who import SignedIn, database, maybe_signed_in, signed_in

pages = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1/media", tags=["media"])

PRIVATE = "private, max-age=86400, immutable"
"""What has this id never changes; but it is kept by the viewer's own browser only."""


class Address(BaseModel):
    """Where a browser fetches a film."""

    url: str
    until: int = Field(description="When it ends, in seconds since 1970.")


class FrameTable(BaseModel):
    """When each picture of a film comes on show."""

    time_base: tuple[int, int] = Field(description="Seconds per tick, as numerator and denominator.")
    ticks: list[int] = Field(description="Of each picture; the first is 0.")
    end: int = Field(description="Where the last picture ends.")


class Leak(BaseModel):
    """What should not be seen."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field(default="", max_length=1000, description="Where and what, for the coordinator.")


class LeakTaken(BaseModel):
    """The film is shown to nobody any more."""

    quarantined: bool = True


@pages.api_route("/media/{media_id}", methods=["GET", "HEAD"])
def film(
    request: Request,
    media_id: str,
    who: Annotated[SignedIn | None, Depends(maybe_signed_in)],
    until: Annotated[str, Query(max_length=20)] = "",
    whose: Annotated[str, Query(alias="for", max_length=40)] = "",
    sig: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """The file, or the part of it that a player asks for."""
    if who is None:
        raise HTTPException(401)  # a player cannot follow the way to the sign-in page
    db = database(request)
    signing.check_address(db, media_id, who.actor.id, until=until, whose=whose, signature=sig)
    found = media_access.view_media(db, who.actor, media_id, session=session_of(who)).media
    path = media_folder(request.app).path_of(found.path)
    if not path.is_file():
        raise no_media()
    response = FilePart(
        path,
        etag=f'"{found.sha256}"',
        media_type=_type_of(found, path.open("rb").read(16) if found.kind == "original" else b""),
        asked=request.headers,
        head=request.method == "HEAD",
    )
    # A browser may keep a film for raters, and asks each time whether it still may be seen.
    response.headers["Cache-Control"] = "private, no-cache" if found.kind == "derivative" else "no-store"
    return response


@pages.get("/media/{media_id}/preview/{number}")
def preview(request: Request, media_id: str, number: int, who: Annotated[SignedIn, Depends(signed_in)]) -> Response:
    """A picture for the coordinator who looks at the masks."""
    db = database(request)
    viewing = media_access.may_view(db, who.actor, media_id)
    pictures = viewing.media.facts.get("previews", [])
    if not who.actor.may("manage_attempts", viewing.project) or not 0 <= number < len(pictures):
        raise no_media()
    kept = str(pictures[number]["path"])
    path = media_folder(request.app).path_of(kept)
    if not path.is_file():
        raise no_media()
    etag = f'"{kept.rsplit("/", 1)[-1]}"'
    response = FilePart(path, etag=etag, media_type="image/jpeg", asked=request.headers, head=False)
    response.headers["Cache-Control"] = PRIVATE
    return response


@api.get("/{media_id}/address")
def new_address(request: Request, media_id: str, who: Annotated[SignedIn, Depends(signed_in)]) -> Address:
    """A fresh address of a film, for the page that is showing it when the old one ends."""
    db = database(request)
    media_access.may_view(db, who.actor, media_id)
    made = signing.media_address(db, media_id, who.actor.id)
    return Address(url=made.url, until=made.until)


@api.get("/{media_id}/frames", response_model=FrameTable)
def frames(request: Request, media_id: str, who: Annotated[SignedIn, Depends(signed_in)]) -> Response:
    """The frame table of a derivative: what a player steps by."""
    found = media_access.may_view(database(request), who.actor, media_id).media
    if found.time_map is None:
        raise no_media()
    etag = f'"frames-{found.sha256}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if is_unchanged(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    times = TimeMap.from_json(found.time_map)
    base = times.derivative_base
    table = {
        "time_base": [base.numerator, base.denominator],
        "ticks": list(times.derivative_ticks),
        "end": times.derivative_end,
    }
    return Response(json.dumps(table, separators=(",", ":")), media_type="application/json", headers=headers)


@api.post("/{media_id}/leak")
def leak(request: Request, media_id: str, body: Leak, who: Annotated[SignedIn, Depends(signed_in)]) -> LeakTaken:
    """Say that a film shows who somebody is; it is taken away from everybody at once."""
    media_access.report_leak(database(request), who.actor, media_id, body.note)
    return LeakTaken()


def _type_of(found: Media, head: bytes) -> str:
    if found.kind == "derivative":
        return "video/mp4"
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm"
    return "application/octet-stream"  # browsers play no others
