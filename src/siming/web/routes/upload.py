"""Bringing videos in: the page, and the protocol by which any program can send a file in pieces.

A client begins an upload, then sends chunks in order with PATCH, each with the header Upload-Offset. The answer to a
chunk means that it is on the server's disk. After anything went wrong it asks for the offset (GET or HEAD) and goes on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from anyio import fail_after
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from siming.errors import InputError, NotFoundError
from siming.store.media import attempts, media, uploads
from siming.store.media.uploads import Reception, Upload
from siming.store.projects import projects
from siming.web import texts
from siming.web.ingest import checked_recipe, faces_can_be_masked, media_folder, worker
from siming.web.page import language_of, render
from siming.web.security import takes_bodies_up_to
from siming.web.who import SignedIn, database, settings, signed_in

pages = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1/uploads", tags=["uploads"])

CHUNK: Final = 8 << 20
"""What the page sends at once."""

MOST_CHUNK: Final = 64 << 20
PIECE: Final = 1 << 20
"""Bytes gathered before they are written."""

SILENT_S: Final = 20.0
"""A sender whose network went away without a word would else keep everybody, himself included, from going on."""


class Begin(BaseModel):
    """A file that is about to be sent."""

    model_config = ConfigDict(extra="forbid")

    project: str = Field(max_length=80, description="Short name of the project.")
    attempt: str = Field(max_length=64, description="Code of the attempt; a new one is made.")
    file_name: str = Field(max_length=500)
    size: int = Field(ge=0, le=1 << 53)
    camera: str = Field(default="main", max_length=40)
    recipe: dict[str, Any] = Field(default_factory=dict, description="What is masked and removed.")
    fingerprint: str | None = Field(default=None, max_length=200)


class Status(BaseModel):
    """How far an upload is."""

    id: str
    attempt: str
    file_name: str
    fingerprint: str | None
    size: int
    offset: int = Field(description="Bytes that are on the server's disk for certain; the next chunk begins here.")
    camera: str
    state: str
    progress: float = Field(description="Of the ingest, 0 to 1.")
    problem: str | None
    message: str | None = Field(description="The problem in the reader's language.")
    original: str | None
    derivative: str | None
    mine: bool
    created_at: str
    chunk_bytes: int = CHUNK


class Again(BaseModel):
    """Another derivative of an original that is here."""

    model_config = ConfigDict(extra="forbid")

    original: str = Field(max_length=40)
    recipe: dict[str, Any] = Field(default_factory=dict)


@pages.get("/p/{slug}/upload")
def page(request: Request, slug: str, who: Annotated[SignedIn, Depends(signed_in)], attempt: str = "") -> Response:
    """Choose files, say what is masked, watch them arrive."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    who.actor.require("manage_attempts", project.id)
    language = language_of(request, who)
    known = uploads.list_uploads(db, who.actor, project.id, most=50)
    data = {
        "project": slug,
        "csrf": who.csrf,
        "texts": texts.group(language, "upload.script"),
        "uploads": [_status(upload, who, language).model_dump() for upload in known],
        "chunk": CHUNK,
    }
    return render(
        request, "upload.html", who=who, project=project, here="upload", data=data, attempt=attempt[:64],
        faces=faces_can_be_masked(), closed=project.state != "open",
    )  # fmt: skip


@api.post("", status_code=201)
def begin(request: Request, response: Response, body: Begin, who: Annotated[SignedIn, Depends(signed_in)]) -> Status:
    """Make ready to receive a file."""
    db = database(request)
    project = projects.get_project(db, who.actor, body.project)
    made = uploads.begin_upload(
        db, who.actor, media_folder(request.app), project.id, code=body.attempt, file_name=body.file_name,
        size=body.size, recipe=checked_recipe(body.recipe), camera=body.camera, fingerprint=body.fingerprint,
        most_bytes=settings(request).largest_upload,
    )  # fmt: skip
    response.headers["Location"] = f"/api/v1/uploads/{made.id}"
    return _answer(request, response, made, who)


@api.post("/again", status_code=201)
def again(request: Request, response: Response, body: Again, who: Annotated[SignedIn, Depends(signed_in)]) -> Status:
    """Mask an original that is here already in another way."""
    made = uploads.make_again(database(request), who.actor, body.original, checked_recipe(body.recipe))
    worker(request.app).wake()
    return _answer(request, response, made, who)


@api.get("/cameras")
def cameras(
    request: Request,
    who: Annotated[SignedIn, Depends(signed_in)],
    project: Annotated[str, Query(max_length=80)],
    attempt: Annotated[str, Query(max_length=64)],
) -> list[str]:
    """Cameras of which an attempt has a recording, or one on its way; none of an attempt that is not there."""
    db = database(request)
    found = projects.get_project(db, who.actor, project)
    try:
        here = attempts.get_attempt(db, who.actor, found.id, attempt)
    except NotFoundError:
        return []
    usable = ("ingest", "review", "verified")
    kept = {item.camera for item in media.media_of_attempt(db, who.actor, here.id) if item.state in usable}
    busy = ("receiving", "queued", "working")
    coming = uploads.list_uploads(db, who.actor, found.id, most=500)
    return sorted(kept | {item.camera for item in coming if item.attempt == here.id and item.state in busy})


@api.get("")
def listed(
    request: Request,
    who: Annotated[SignedIn, Depends(signed_in)],
    project: Annotated[str, Query(max_length=80)],
) -> list[Status]:
    """The last uploads of a project."""
    db = database(request)
    found = projects.get_project(db, who.actor, project)
    language = language_of(request, who)
    return [_status(upload, who, language) for upload in uploads.list_uploads(db, who.actor, found.id)]


@api.get("/{upload_id}")
def status(
    request: Request, response: Response, upload_id: str, who: Annotated[SignedIn, Depends(signed_in)]
) -> Status:
    """How far an upload is, and where its next chunk begins."""
    return _answer(request, response, uploads.get_upload(database(request), who.actor, upload_id), who)


@api.head("/{upload_id}", status_code=204)
def offset(request: Request, upload_id: str, who: Annotated[SignedIn, Depends(signed_in)]) -> Response:
    """Where the next chunk begins, in the header Upload-Offset."""
    found = uploads.get_upload(database(request), who.actor, upload_id)
    return Response(status_code=204, headers=_headers(found))


@api.patch(
    "/{upload_id}",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/offset+octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
@takes_bodies_up_to(MOST_CHUNK + 1)
async def chunk(
    request: Request,
    response: Response,
    upload_id: str,
    who: Annotated[SignedIn, Depends(signed_in)],
    upload_offset: Annotated[int, Header(ge=0, le=1 << 53)],
) -> Status:
    """Receive the next chunk. The answer says where the one after it begins; what came before is on the disk."""
    db, folder = database(request), media_folder(request.app)
    reception = await run_in_threadpool(Reception, db, who.actor, folder, upload_id, upload_offset)
    try:
        await _pour(request, reception)
    except (ClientDisconnect, _Silent):
        response.headers["Connection"] = "close"  # what has arrived is kept; mostly nobody hears the answer
    except BaseException:
        reception.take_back()
        raise
    done = await run_in_threadpool(reception.end)
    if done.state == "queued":
        worker(request.app).wake()
    return _answer(request, response, done, who)


@api.delete("/{upload_id}")
def cancel(
    request: Request, response: Response, upload_id: str, who: Annotated[SignedIn, Depends(signed_in)]
) -> Status:
    """Give up an upload that is not complete."""
    ended = uploads.cancel_upload(database(request), who.actor, media_folder(request.app), upload_id)
    return _answer(request, response, ended, who)


class _Silent(Exception):
    """Nothing came for too long."""


async def _heard(request: Request) -> AsyncIterator[bytes]:
    """The body of the request as it comes."""
    pieces = request.stream()
    while True:
        try:
            with fail_after(SILENT_S):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise _Silent from error
        yield piece


async def _pour(request: Request, reception: Reception) -> None:
    """The body of the request into the file, in pieces written by a thread."""
    gathered, total = bytearray(), 0
    async for piece in _heard(request):
        total += len(piece)
        if total > MOST_CHUNK:
            raise InputError(
                f"a chunk may have {MOST_CHUNK} bytes; send smaller ones", field="body", code="upload_chunk_too_large"
            )
        gathered += piece
        if len(gathered) >= PIECE:
            await run_in_threadpool(reception.write, bytes(gathered))
            gathered.clear()
    if gathered:
        await run_in_threadpool(reception.write, bytes(gathered))


def _answer(request: Request, response: Response, upload: Upload, who: SignedIn) -> Status:
    for name, value in _headers(upload).items():
        response.headers[name] = value
    return _status(upload, who, language_of(request, who))


def _headers(upload: Upload) -> dict[str, str]:
    return {"Upload-Offset": str(upload.received), "Upload-Length": str(upload.size), "Cache-Control": "no-store"}


def _status(upload: Upload, who: SignedIn, language: texts.Language) -> Status:
    return Status(
        id=upload.id,
        attempt=upload.code,
        file_name=upload.file_name,
        fingerprint=upload.fingerprint if upload.person == who.actor.id else None,
        size=upload.size,
        offset=upload.received,
        camera=upload.camera,
        state=upload.state,
        progress=upload.progress,
        problem=upload.problem,
        message=None if upload.problem is None else texts.text(language, f"upload.problem.{upload.problem}"),
        original=upload.original,
        derivative=upload.derivative,
        mine=upload.person == who.actor.id,
        created_at=upload.created_at,
    )
