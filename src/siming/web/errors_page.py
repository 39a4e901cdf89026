"""What goes wrong, told in the reader's words: a page for people, one shape of JSON for programs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError, RoomError, SimingError, StoreError
from siming.store.accounts import sessions
from siming.web import texts
from siming.web.once import left_for
from siming.web.page import language_of, redirect, render
from siming.web.who import SignedOut, Unsent, database, maybe_signed_in, session_cookie, settings

LOG = logging.getLogger("siming.web")


class Refusal(BaseModel):
    """Why something was not done."""

    code: str = Field(description="Stable, for programs, such as `initials_missing`.")
    kind: str | None = Field(description="Of a conflict or of the store's trouble, such as `stale_writer` or `full`.")
    message: str = Field(description="For people, in the language of who asked.")
    field: str | None = Field(description="The part of the request at fault.")
    detail: dict[str, Any] = Field(description="What a program needs to go on, such as what was kept.")


class Refused(BaseModel):
    """The answer to everything that was not done."""

    error: Refusal


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refused, "description": words}
    for status, words in {
        400: "The request cannot be read.",
        401: "Nobody is signed in.",
        403: "Who is signed in has no right to this, or the form token is missing.",
        404: "There is nothing of that name that the asker may know of.",
        409: "The thing has moved on since the asker saw it; `kind` and `detail` say how.",
        413: "The body is too large.",
        422: "Something in the request does not fit; `field` says what.",
        429: "Too many requests; `Retry-After` says how many seconds to wait.",
        503: "The database cannot be used now; nothing was saved.",
        507: "The disk is full; nothing was saved.",
    }.items()
}
"""What any route of the API may answer besides its own; `app.py` writes it into the OpenAPI document."""


def add_handlers(app: FastAPI) -> None:
    """Answer every error of ours, and every other one, without telling a client how the server is made."""
    for kind, handler in (
        (RoomError, _room_error),
        (StoreError, _store_error),
        (SimingError, _siming_error),
        (SignedOut, _signed_out),
        (RequestValidationError, _invalid),
        (HTTPException, _http_error),
    ):
        app.add_exception_handler(kind, handler)  # type: ignore[arg-type]


def status_of(error: RoomError) -> int:
    """The HTTP status of a refusal."""
    match error:
        case InputError():
            return 413 if error.code == "too_large" else 422
        case NotAllowedError():
            return 429 if error.code in ("too_many", "locked_out") else 403
        case NotFoundError():
            return 404
        case ConflictError():
            return 409
    return 422


def wants_json(request: Request) -> bool:
    """Whether a program asks."""
    return request.url.path.startswith("/api/") or "application/json" in request.headers.get("accept", "")


def problem(
    request: Request,
    status: int,
    code: str,
    message: str,
    *,
    kind: str | None = None,
    field: str | None = None,
    detail: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer to something that went wrong."""
    message, field = _sendable(message), None if field is None else _sendable(field)
    if wants_json(request):
        body = {"error": {"code": code, "kind": kind, "message": message, "field": field, "detail": dict(detail or {})}}
        response: Response = JSONResponse(body, status_code=status)
    else:
        back = page_above(request) if request.method not in ("GET", "HEAD") else "/"
        response = render(
            request, "error.html", status=status, code=code, message=message, status_code=status, back=back
        )
    for name, value in (headers or {}).items():
        response.headers[name] = value
    return response


def _sendable(text: str) -> str:
    """Half characters, which JSON can bring in and no answer can carry out, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _language(request: Request) -> texts.Language:
    try:
        return language_of(request, maybe_signed_in(request))
    except StoreError:  # it may be what failed in the first place
        return language_of(request, None)


def _room_error(request: Request, error: RoomError) -> Response:
    headers = {"Retry-After": str(error.params["seconds"])} if "seconds" in error.params else None
    generic = {403: "not_allowed", 404: "not_found", 409: "conflict", 422: "input"}
    status = status_of(error)
    if error.code == "csrf" and not wants_json(request) and maybe_signed_in(request) is None:
        onward = _sign_in_again(request)
        if onward is not None:
            return onward
    return problem(
        request,
        status,
        error.code or generic.get(status, "input"),
        texts.say_error(_language(request), error),
        kind=error.kind if isinstance(error, ConflictError) else None,
        field=error.field if isinstance(error, InputError) else None,
        detail=error.detail if isinstance(error, ConflictError) else None,
        headers=headers,
    )


def _store_error(request: Request, error: StoreError) -> Response:
    LOG.error("store: %s", error)
    status = 507 if error.kind == "full" else 503
    language = _language(request)
    key = f"error.store_{error.kind}"
    message = texts.text(language, key if texts.has_text(key) else "error.store_unreachable")
    if wants_json(request):
        return problem(request, status, "store", message, kind=error.kind)
    return _bare(request, status, message, language)


KEPT_UNSENT_S = 3600
"""How long a form that came too late waits for its sender to sign in again."""


def _sign_in_again(request: Request) -> Response | None:
    """The way on for who sent a form after his session had ended; None where the form is of no session of ours.

    What he typed waits for him, and is sent by nothing but his own press on a page that shows it.
    """
    unsent: Unsent | None = getattr(request.state, "unsent", None)
    whose = None if unsent is None else sessions.whose_form(database(request), unsent.csrf)
    back = page_above(request)
    if unsent is None or whose is None:
        if not request.cookies.get(session_cookie(settings(request))):
            return None
        return redirect(f"/sign-in?next={quote(back, safe='/')}", flash="sign_in.ended", kind="problem")
    kept = {"to": request.url.path, "fields": unsent.fields, "back": back}
    claim = left_for(request, whose, "/again", seconds=KEPT_UNSENT_S, **kept)
    return redirect(f"/sign-in?next={quote(f'/again?claim={claim}')}", flash="sign_in.ended_kept", kind="problem")


def page_above(request: Request) -> str:
    """The page whose form this address answers: the nearest address at or above it that can be opened."""
    known = getattr(request.app.state, "page_paths", None)
    if known is None:
        known = request.app.state.page_paths = frozenset(_page_paths(request.app.routes))
    made = getattr(request.scope.get("route"), "path", "").split("/")
    parts = request.url.path.split("/")
    if len(made) != len(parts):
        return "/"
    while len(made) > 1 and "/".join(made) not in known:
        made.pop()
    return quote("/".join(parts[: len(made)]), safe="/") or "/"


def _page_paths(routes: Iterable[Any]) -> Iterator[str]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _page_paths(inner.routes)
        elif "GET" in (getattr(route, "methods", None) or ()) and not route.path.startswith(("/api/", "/media/")):
            yield route.path


def _siming_error(request: Request, error: SimingError) -> Response:
    return problem(request, 422, "input", str(error))


def _signed_out(request: Request, error: SignedOut) -> Response:
    if wants_json(request):
        return problem(request, 401, "signed_out", texts.text(_language(request), "error.signed_out"))
    if request.method not in ("GET", "HEAD"):
        return RedirectResponse("/sign-in", status_code=303)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    there = "/sign-in" if wanted == "/" else f"/sign-in?next={quote(wanted, safe='/')}"
    return RedirectResponse(there, status_code=303)


def _invalid(request: Request, error: RequestValidationError) -> Response:
    first = error.errors()[0] if error.errors() else {"type": "form", "loc": (), "msg": ""}
    field = ".".join(str(part) for part in first["loc"][1:]) or None
    language = _language(request)
    why = texts.say_invalid(language, first)
    message = texts.text(language, "error.input", field=field or "?", why=why)
    return problem(request, 422, "input", message, field=field)


def _http_error(request: Request, error: HTTPException) -> Response:
    codes = {404: "not_found", 405: "method", 413: "too_large", 429: "too_many", 401: "signed_out", 403: "not_allowed"}
    code = codes.get(error.status_code, "input" if error.status_code < 500 else "server")
    key = f"error.{code}"
    language = _language(request)
    message = texts.text(language, "error.unread" if code == "input" else key)
    if code == "too_large" and str(error.detail).isdigit():
        message = texts.text(language, "error.too_large_mb", mb=f"{int(error.detail) / 1e6:.3g}")
    return problem(request, error.status_code, code, message, headers=error.headers)


def refusal(request: Request, error: RoomError) -> Response:
    """The answer of the guard, who knows neither the person nor the database."""
    language = language_of(request, None)
    message = texts.say_error(language, error)
    status = 421 if error.code == "host_unknown" else status_of(error)
    headers = {"Retry-After": str(error.params["seconds"])} if "seconds" in error.params else {}
    if wants_json(request):
        return problem(request, status, error.code, message, headers=headers)
    return _bare(request, status, message, language, headers)


def unforeseen(request: Request) -> Response:
    """The answer where our own code failed; what failed is in the log and nowhere else."""
    language = language_of(request, None)
    message = texts.text(language, "error.server")
    if wants_json(request):
        return problem(request, 500, "server", message)
    return _bare(request, 500, message, language)


def _bare(
    request: Request, status: int, message: str, language: texts.Language, headers: Mapping[str, str] | None = None
) -> Response:
    """A page that needs no database: it may be what failed."""
    title = escape(texts.text(language, "error.title"))
    html = (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f'<link rel="stylesheet" href="/static/tokens.css"><link rel="stylesheet" href="/static/room.css"><main><section class="card narrow"><h1>{title}</h1>'
        f'<p>{escape(message)}</p><p><a href="/">{escape(texts.text(language, "error.home"))}</a></p>'
        "</section></main></html>"
    )
    return Response(html, status_code=status, media_type="text/html; charset=utf-8", headers=dict(headers or {}))
