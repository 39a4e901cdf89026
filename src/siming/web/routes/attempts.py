"""The coordinator's attempts: the table, one attempt with its films, exclusion, release to raters."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Form, Query, Request, UploadFile
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from siming.errors import ConflictError, InputError, RoomError
from siming.store.media import attempt_editing, attempts, exclusion, media, media_access, uploads
from siming.store.media.attempt_table import MOST_BYTES, read_attempt_table
from siming.store.media.attempts import Attempt, AttemptState, MediaFilter
from siming.store.media.erasure import GROUNDS, erase_media
from siming.store.media.media import Media
from siming.store.projects import members, projects, rubrics
from siming.store.projects.projects import Project
from siming.web import signing, texts
from siming.web.errors_page import status_of
from siming.web.form import SentForm, number
from siming.web.incoming import takes_files
from siming.web.ingest import checked_recipe, faces_can_be_masked, media_folder, worker
from siming.web.once import claimed, left_for, redirect_showing, shown_once
from siming.web.page import language_of, redirect, render
from siming.web.security import takes_bodies_up_to
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1/projects/{slug}/attempts", tags=["attempts"])

Who = Annotated[SignedIn, Depends(signed_in)]

AGREE_WITHIN_S = 900
"""How long a list waits for its sender to agree to what it changes."""


class AttemptIn(BaseModel):
    """A new attempt."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    code: str = Field(max_length=64)
    site: str | None = Field(default=None, max_length=100)
    occasion: str | None = Field(default=None, max_length=100)
    candidate_code: str | None = Field(default=None, max_length=100)
    rubrics: list[str] | None = Field(default=None, max_length=50, description="Ids, or names such as cpr@1.0.")
    params: dict[str, bool | int | float | str] = Field(default_factory=dict)
    gold: bool = False


class AttemptChange(BaseModel):
    """What an attempt is to hold; what is not sent stays. An empty text takes a value out."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    code: str | None = Field(default=None, max_length=64, description="Stays once the attempt is assigned.")
    site: str | None = Field(default=None, max_length=100)
    occasion: str | None = Field(default=None, max_length=100)
    candidate_code: str | None = Field(default=None, max_length=100)
    rubrics: list[str] | None = Field(default=None, max_length=50, description="Stay once the attempt is assigned.")
    params: dict[str, bool | int | float | str] | None = Field(default=None, description="The same.")
    gold: bool | None = None


class AttemptOut(BaseModel):
    """An attempt."""

    id: str
    code: str
    site: str | None
    occasion: str | None
    candidate_code: str | None
    rubrics: list[str]
    params: dict[str, bool | int | float | str]
    state: str
    excluded_reason: str | None
    gold: bool
    created_at: str
    media: dict[str, int] = Field(default_factory=dict, description="State to number of derivatives.")


class AttemptList(BaseModel):
    """Part of the list."""

    attempts: list[AttemptOut]
    total: int
    page: int
    pages: int


class Reason(BaseModel):
    """Why an attempt is left out."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=40, description=f"One of {', '.join(exclusion.REASONS)}.")


# --- the table ------------------------------------------------------------------------------------------------------


@pages.get("/p/{slug}/attempts")
def table(
    request: Request,
    slug: str,
    who: Who,
    text: Annotated[str, Query(max_length=100)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    video: Annotated[str, Query(max_length=20)] = "",
    site: Annotated[str, Query(max_length=100)] = "",
    page: int = 1,
) -> Response:
    """Every attempt of a project, filtered, a page at a time."""
    asked = shown_once(request, who).get("asked")
    return _table(request, slug, who, text=text, state=state, video=video, site=site, page=page, asked=asked)


def _table(
    request: Request,
    slug: str,
    who: SignedIn,
    *,
    text: str = "",
    state: str = "",
    video: str = "",
    site: str = "",
    page: int = 1,
    problem: str | None = None,
    status: int = 422,
    values: dict[str, Any] | None = None,
    asked: dict[str, Any] | None = None,
) -> Response:
    db, project = database(request), _project(request, slug, who)
    known_state: AttemptState | None = state if state in _STATES else None  # type: ignore[assignment]
    known_video: MediaFilter | None = video if video in _VIDEOS else None  # type: ignore[assignment]
    found = attempts.list_attempts(
        db, who.actor, project.id, text=text, state=known_state, media_state=known_video, site=site or None, page=page
    )
    chosen = {"text": text, "state": state, "video": video, "site": site}
    query = urlencode({name: value for name, value in chosen.items() if value})
    return render(
        request, "attempts.html", who=who, project=project, here="attempts", found=found, chosen=chosen, query=query,
        states=_STATES, videos=_VIDEOS, rubrics=rubrics.project_rubrics(db, who.actor, project.id), problem=problem,
        values=values or dict.fromkeys(("code", "site", "occasion", "candidate_code"), ""), asked=asked,
        status=200 if problem is None else status,
    )  # fmt: skip


@pages.post("/p/{slug}/attempts")
def add(
    request: Request,
    slug: str,
    who: Who,
    code: Annotated[str, Form()] = "",
    site: Annotated[str, Form()] = "",
    occasion: Annotated[str, Form()] = "",
    candidate_code: Annotated[str, Form()] = "",
    rubric: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """One more attempt."""
    project = _project(request, slug, who)
    values = {"code": code, "site": site, "occasion": occasion, "candidate_code": candidate_code}
    try:
        made = attempts.add_attempt(
            database(request), who.actor, project.id, code=code.strip(), site=site, occasion=occasion,
            candidate_code=candidate_code, rubrics=rubric,
        )  # fmt: skip
    except InputError as error:
        said = texts.say_error(language_of(request, who), error)
        return _table(request, slug, who, problem=said, values=values)
    return redirect(_address(slug, made.code), flash="attempts.added", code=made.code)


@takes_files(pages, "/p/{slug}/attempts/import", "manage_attempts")
@takes_bodies_up_to(MOST_BYTES + 100_000)
def import_table(request: Request, slug: str, who: Who, table: UploadFile) -> Response:
    """Many attempts from a CSV file: all of them, or none. What would change an attempt is shown and asked first."""
    raw = table.file.read(MOST_BYTES + 1)
    try:
        found = _bring_in(request, slug, who, raw)
    except (InputError, ConflictError) as error:
        return _refused_list(request, slug, who, error)
    if not found.done:
        return redirect_showing(request, who, f"/p/{slug}/attempts", asked=_question(request, slug, who, found, raw))
    return redirect(f"/p/{slug}/attempts", flash=_flash_of(found), **_counts(found))


@pages.post("/p/{slug}/attempts/import/agreed")
def import_agreed(
    request: Request,
    slug: str,
    who: Who,
    claim: Annotated[str, Form(max_length=80)] = "",
    agreed: Annotated[str, Form(max_length=80)] = "",
) -> Response:
    """The list that was shown, once it is agreed to what it changes; asked again where that is something else now."""
    _project(request, slug, who)
    raw = claimed(request, who, claim, f"/p/{slug}/attempts/import").get("raw")
    if raw is None:
        return redirect(f"/p/{slug}/attempts", flash="attempts.list_gone", kind="problem")
    try:
        found = _bring_in(request, slug, who, raw, agreed)
    except (InputError, ConflictError) as error:
        return _refused_list(request, slug, who, error)
    if not found.done:
        return redirect_showing(request, who, f"/p/{slug}/attempts", asked=_question(request, slug, who, found, raw))
    return redirect(f"/p/{slug}/attempts", flash=_flash_of(found), **_counts(found))


def _bring_in(
    request: Request, slug: str, who: SignedIn, raw: bytes, agreed: str | None = None
) -> attempt_editing.Import:
    project, wanted = _project(request, slug, who), read_attempt_table(raw)
    return attempt_editing.import_attempts(database(request), who.actor, project.id, wanted, agreed=agreed)


def _question(
    request: Request, slug: str, who: SignedIn, found: attempt_editing.Import, raw: bytes
) -> dict[str, object]:
    claim = left_for(request, who.actor.id, f"/p/{slug}/attempts/import", seconds=AGREE_WITHIN_S, raw=raw)
    return {"found": found, "claim": claim}


def _refused_list(request: Request, slug: str, who: SignedIn, error: RoomError) -> Response:
    said = texts.say_error(language_of(request, who), error)
    return _table(request, slug, who, problem=said, status=status_of(error))


def _flash_of(found: attempt_editing.Import) -> str:
    return "attempts.updated" if found.edits or found.same else "attempts.imported"


def _counts(found: attempt_editing.Import) -> dict[str, Any]:
    return {"n": len(found.added), "changed": len(found.edits), "same": found.same}


# --- one attempt ----------------------------------------------------------------------------------------------------


@pages.get("/p/{slug}/attempts/{code}")
def one(request: Request, slug: str, code: str, who: Who) -> Response:
    """An attempt with its films, pictures of the masks, and what is to be known of it."""
    return _one(request, slug, code, who)


def _one(
    request: Request,
    slug: str,
    code: str,
    who: SignedIn,
    *,
    problem: RoomError | None = None,
    values: dict[str, Any] | None = None,
) -> Response:
    db, project = database(request), _project(request, slug, who)
    found = attempts.get_attempt(db, who.actor, project.id, code)
    files = media.media_of_attempt(db, who.actor, found.id)
    with db.read() as c:
        conflicts = attempts.conflicts_of(c, found.id)
    shown = [_shown(request, who, item) for item in files if item.kind == "derivative" and item.state != "erased"]
    seen = {item["media"].id: media_access.who_saw(db, who.actor, item["media"].id) for item in shown}
    people = members.members(db, who.actor, project.id)
    names = {member.person: member.name for member in people}
    free = [m for m in people if "rater" in m.roles and not m.ended_at and "named" not in conflicts.get(m.person, ())]
    versions = {version.id: version for version in rubrics.project_rubrics(db, who.actor, project.id)}
    return render(
        request, "attempt.html", who=who, project=project, here="attempts", attempt=found, films=shown, seen=seen,
        originals=[_shown(request, who, item) for item in files if item.kind == "original"], names=names,
        erased=[item for item in files if item.state == "erased"], reasons=exclusion.REASONS, grounds=GROUNDS, problems=uploads.PROBLEMS,
        versions=versions, conflicts=conflicts, free=free, faces=faces_can_be_masked(),
        working=[u for u in uploads.list_uploads(db, who.actor, project.id) if u.attempt == found.id and u.state in _BUSY],
        data={"csrf": who.csrf}, problem=problem, status=200 if problem is None else status_of(problem), values=values or {},
        offered=rubrics.project_rubrics(db, who.actor, project.id), fixed=attempt_editing.is_fixed(db, who.actor, found.id),
        deletable=attempt_editing.is_deletable(db, who.actor, found.id),
    )  # fmt: skip


@pages.post("/p/{slug}/attempts/{code}/edit")
def edit(request: Request, slug: str, code: str, who: Who, form: SentForm) -> Response:
    """Put right what an attempt is called and where it comes from."""
    db, project = database(request), _project(request, slug, who)
    found = attempts.get_attempt(db, who.actor, project.id, code)
    wanted: dict[str, Any] = {name: form.text(name) for name in attempt_editing.DESCRIBED}
    if form.text("code"):
        wanted["code"] = form.text("code").strip()
    if form.ticked("choose_rubrics"):
        wanted["rubrics"] = form.texts("rubric")
    try:
        made = attempt_editing.change_attempt(db, who.actor, found.id, wanted)
    except (InputError, ConflictError) as error:
        return _one(request, slug, code, who, problem=error, values=wanted)
    return redirect(_address(slug, made.code), flash="attempt.did_edit")


@pages.post("/p/{slug}/attempts/{code}/delete")
def delete(request: Request, slug: str, code: str, who: Who) -> Response:
    """Take out an attempt that nothing came of."""
    db, project = database(request), _project(request, slug, who)
    found = attempts.get_attempt(db, who.actor, project.id, code)
    try:
        attempt_editing.delete_attempt(db, who.actor, media_folder(request.app), found.id)
    except ConflictError as error:
        return _one(request, slug, code, who, problem=error)
    return redirect(f"/p/{slug}/attempts", flash="attempt.did_delete", code=code)


@pages.post("/p/{slug}/attempts/{code}/{act}")
def change(
    request: Request,
    slug: str,
    code: str,
    act: Literal["exclude", "confirm", "take-back", "gold", "not-gold", "conflict", "no-conflict"],
    who: Who,
    reason: Annotated[str, Form()] = "",
    person: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Leave an attempt out, agree to that, take it back; use it for calibration; say who may not rate it."""
    db, project = database(request), _project(request, slug, who)
    found = attempts.get_attempt(db, who.actor, project.id, code)
    match act:
        case "exclude":
            exclusion.exclude(db, who.actor, found.id, reason)
        case "confirm":
            exclusion.confirm_exclusion(db, who.actor, found.id)
        case "take-back":
            exclusion.take_back_exclusion(db, who.actor, found.id)
        case "gold" | "not-gold":
            attempts.set_gold(db, who.actor, found.id, act == "gold")
        case "conflict" | "no-conflict":
            attempts.set_conflict(db, who.actor, found.id, person, conflict=act == "conflict")
    return redirect(_address(slug, code), flash=f"attempt.did_{act.replace('-', '_')}")


@pages.post("/p/{slug}/attempts/{code}/media/{media_id}/{act}")
def change_media(
    request: Request,
    slug: str,
    code: str,
    media_id: str,
    act: Literal["release", "quarantine", "erase", "again", "clock"],
    who: Who,
    reason: Annotated[str, Form()] = "",
    faces: Annotated[str, Form()] = "none",
    sound: Annotated[str, Form()] = "keep",
    max_side: Annotated[int, Form()] = 1280,
    offset_s: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Release a film to raters, lock it away, set its clock, make it anew from its original, or erase it by law."""
    db, project = database(request), _project(request, slug, who)
    found = attempts.get_attempt(db, who.actor, project.id, code)
    there = {item.id: item for item in media.media_of_attempt(db, who.actor, found.id)}
    if media_id not in there:
        raise media.no_media()
    flash = f"attempt.did_{act}"
    match act:
        case "release":
            media.release(db, who.actor, media_id)
            shown = {m.camera for m in there.values() if m.kind == "derivative" and m.state == "verified"}
            if there[media_id].camera in shown:
                flash = "attempt.did_release_instead"
        case "quarantine":
            media.quarantine(db, who.actor, media_id, reason)
        case "erase":
            erase_media(db, who.actor, media_folder(request.app), media_id, ground=reason)
        case "clock":
            media.set_clock_offset(db, who.actor, media_id, number(offset_s, "offset_s") or 0.0)
        case "again":
            recipe = checked_recipe({"faces": faces, "sound": sound, "max_side": max_side})
            uploads.make_again(db, who.actor, media_id, recipe)
            worker(request.app).wake()
    return redirect(_address(slug, code), flash=flash)


# --- the same for programs ------------------------------------------------------------------------------------------


@api.get("")
def listed(
    request: Request,
    slug: str,
    who: Who,
    text: Annotated[str, Query(max_length=100)] = "",
    state: AttemptState | None = None,
    video: MediaFilter | None = None,
    site: Annotated[str | None, Query(max_length=100)] = None,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    per_page: Annotated[int, Query(ge=1, le=attempts.MOST_ON_A_PAGE)] = 50,
) -> AttemptList:
    """The attempts of a project, by code."""
    db, project = database(request), _project(request, slug, who)
    found = attempts.list_attempts(
        db, who.actor, project.id, text=text, state=state, media_state=video, site=site, page=page, per_page=per_page
    )
    return AttemptList(
        attempts=[_out(line.attempt, dict(line.media)) for line in found.lines],
        total=found.total,
        page=found.page,
        pages=found.pages,
    )


@api.post("", status_code=201)
def added(request: Request, slug: str, body: AttemptIn, who: Who) -> AttemptOut:
    """One more attempt."""
    project = _project(request, slug, who)
    return _out(attempts.add_attempt(database(request), who.actor, project.id, **body.model_dump()))


@api.get("/{code}")
def shown(request: Request, slug: str, code: str, who: Who) -> AttemptOut:
    """One attempt."""
    project = _project(request, slug, who)
    return _out(attempts.get_attempt(database(request), who.actor, project.id, code))


@api.patch("/{code}")
def changed(request: Request, slug: str, code: str, body: AttemptChange, who: Who) -> AttemptOut:
    """Put an attempt right."""
    db, project = database(request), _project(request, slug, who)
    found = attempts.get_attempt(db, who.actor, project.id, code)
    wanted = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    return _out(attempt_editing.change_attempt(db, who.actor, found.id, wanted))


@api.delete("/{code}", status_code=204)
def deleted(request: Request, slug: str, code: str, who: Who) -> None:
    """Take out an attempt without video, sheets and assignments."""
    db, project = database(request), _project(request, slug, who)
    found = attempts.get_attempt(db, who.actor, project.id, code)
    attempt_editing.delete_attempt(db, who.actor, media_folder(request.app), found.id)


@api.post("/{code}/exclusion")
def ask_exclusion(request: Request, slug: str, code: str, body: Reason, who: Who) -> AttemptOut:
    """Ask that an attempt be left out."""
    db, project = database(request), _project(request, slug, who)
    found = attempts.get_attempt(db, who.actor, project.id, code)
    return _out(exclusion.exclude(db, who.actor, found.id, body.reason))


@api.post("/{code}/exclusion/confirm")
def agree(request: Request, slug: str, code: str, who: Who) -> AttemptOut:
    """Agree, as a second person, that an attempt is left out."""
    db, project = database(request), _project(request, slug, who)
    found = attempts.get_attempt(db, who.actor, project.id, code)
    return _out(exclusion.confirm_exclusion(db, who.actor, found.id))


@api.delete("/{code}/exclusion")
def take_back(request: Request, slug: str, code: str, who: Who) -> AttemptOut:
    """Use an attempt after all."""
    db, project = database(request), _project(request, slug, who)
    found = attempts.get_attempt(db, who.actor, project.id, code)
    return _out(exclusion.take_back_exclusion(db, who.actor, found.id))


_STATES = ("usable", "exclusion_asked", "excluded")
_VIDEOS = ("none", "ingest", "review", "verified", "quarantined")
_BUSY = ("receiving", "queued", "working")


def _project(request: Request, slug: str, who: SignedIn) -> Project:
    project = projects.get_project(database(request), who.actor, slug)
    who.actor.require("manage_attempts", project.id)
    return project


def _address(slug: str, code: str) -> str:
    return f"/p/{slug}/attempts/{quote(code)}"


def _out(found: Attempt, states: dict[str, int] | None = None) -> AttemptOut:
    return AttemptOut(
        id=found.id,
        code=found.code,
        site=found.site,
        occasion=found.occasion,
        candidate_code=found.candidate_code,
        rubrics=list(found.rubrics),
        params=dict(found.params),
        state=found.state,
        excluded_reason=found.excluded_reason,
        gold=found.gold,
        created_at=found.created_at,
        media=states or {},
    )


def _shown(request: Request, who: SignedIn, item: Media) -> dict[str, Any]:
    """A film with what its page needs: its address, and the addresses of its pictures."""
    pictures = [
        {"url": f"/media/{item.id}/preview/{n}", "time_s": picture["time_s"], "masked": picture["masked"]}
        for n, picture in enumerate(item.facts.get("previews", ()))
    ]
    url = signing.media_address(database(request), item.id, who.actor.id).url
    return {"media": item, "url": url, "pictures": pictures}
