"""Which devices may still hold work, and what a coordinator can do about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, File, Form, Path, Query, Request, UploadFile
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from siming.errors import ConflictError, InputError, NotFoundError, RoomError
from siming.store.blind import devices as store
from siming.store.blind import handover
from siming.store.projects import projects
from siming.web.page import redirect, render
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1/projects/{slug}", tags=["devices"])

Who = Annotated[SignedIn, Depends(signed_in)]
Slug = Annotated[str, Path(max_length=80)]
After = Annotated[str, Query(max_length=1000)]
ON_A_PAGE = 100


class DeviceAnswer(BaseModel):
    """A tab of a browser that opened an assignment."""

    client: str
    assignment: str
    attempt_code: str
    rater_code: str
    assignment_state: str
    unsent: int
    seen_at: str
    condition: str = Field(description="unsent, unknown, in_contact, settled or written_off.")
    written_off_reason: str | None
    browser: str | None = Field(description="Its family and system, such as Chrome, Android.")
    cursor: str = Field(description="What to give as `after` for the devices that come after this one.")


class WriteOffBody(BaseModel):
    """Nothing more is to be expected of a device."""

    model_config = ConfigDict(extra="forbid")

    client: str = Field(max_length=80)
    assignment: str = Field(max_length=60)
    reason: str = Field(max_length=4000)


class HandedOverAnswer(BaseModel):
    """What came of a hand-over file."""

    assignment: str
    n_changes: int
    n_aside: int


@pages.get("/p/{slug}/devices")
def show_devices(request: Request, slug: Slug, who: Who, after: After = "") -> Response:
    """Devices, those to look after first."""
    return _page(request, slug, who, after=after)


@pages.post("/p/{slug}/devices/write-off")
def write_off_form(
    request: Request,
    slug: Slug,
    who: Who,
    client: Annotated[str, Form(max_length=80)],
    assignment: Annotated[str, Form(max_length=60)],
    reason: Annotated[str, Form(max_length=4000)] = "",
) -> Response:
    """Write a device off, by name and with a reason."""
    try:
        _write_off(request, slug, who, client, assignment, reason)
    except (InputError, NotFoundError) as error:
        return _page(request, slug, who, problem=error)
    return redirect(f"/p/{slug}/devices", flash="devices.written_off_done")


@pages.post("/p/{slug}/devices/hand-over")
def hand_over_form(request: Request, slug: Slug, who: Who, file: Annotated[UploadFile, File()]) -> Response:
    """Bring a hand-over file in."""
    try:
        done = _bring_in(request, slug, who, file.file.read(handover.LONGEST_FILE + 1))
    except (InputError, ConflictError, NotFoundError) as error:
        return _page(request, slug, who, problem=error)
    return redirect(f"/p/{slug}/devices", flash="devices.brought_in", n=done.n_changes, aside=done.n_aside)


@api.get("/devices")
def get_devices(
    request: Request,
    slug: Slug,
    who: Who,
    after: After = "",
    limit: Annotated[int, Query(ge=1, le=store.MOST_AT_ONCE)] = 200,
) -> list[DeviceAnswer]:
    """Devices of a project, those to look after first; go on with the `cursor` of the last one until fewer come."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    found = store.devices(db, who.actor, project.id, after=after, limit=limit)
    return [DeviceAnswer(**asdict(device), cursor=device.cursor) for device in found]


@api.post("/devices/write-off", status_code=204)
def write_off(request: Request, slug: Slug, body: WriteOffBody, who: Who) -> None:
    """Write a device off, by name and with a reason."""
    _write_off(request, slug, who, body.client, body.assignment, body.reason)


@api.post("/hand-over")
def hand_over(request: Request, slug: Slug, who: Who, file: Annotated[UploadFile, File()]) -> HandedOverAnswer:
    """Bring in a file that a device sealed because it could not send; the same file again changes nothing."""
    return HandedOverAnswer(**asdict(_bring_in(request, slug, who, file.file.read(handover.LONGEST_FILE + 1))))


def _write_off(request: Request, slug: str, who: SignedIn, client: str, assignment: str, reason: str) -> None:
    db = database(request)
    projects.get_project(db, who.actor, slug)
    store.write_off(db, who.actor, client, assignment, reason=reason)


def _bring_in(request: Request, slug: str, who: SignedIn, raw: bytes) -> handover.HandedOver:
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    return handover.bring_in(db, who.actor, project.id, raw)


def _page(request: Request, slug: str, who: SignedIn, *, after: str = "", problem: RoomError | None = None) -> Response:
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    found = store.devices(db, who.actor, project.id, after=after, limit=ON_A_PAGE + 1)
    return render(
        request,
        "devices.html",
        who=who,
        here="devices",
        project=project,
        status=200 if problem is None else 409 if isinstance(problem, ConflictError) else 422,
        devices=found[:ON_A_PAGE],
        more=found[ON_A_PAGE - 1].cursor if len(found) > ON_A_PAGE else None,
        after=after,
        n_open=store.n_open_devices(db, who.actor, project.id),
        problem=problem,
    )
