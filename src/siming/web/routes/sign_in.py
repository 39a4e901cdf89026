"""Signing in and out, and signing in again without leaving the page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from siming.errors import InputError, NotAllowedError
from siming.store.accounts import people, sessions
from siming.store.accounts.people import Person
from siming.store.accounts.sessions import Begun
from siming.web.errors_page import status_of
from siming.web.once import looked_at
from siming.web.page import keep, redirect, render
from siming.web.security import Tries, address_of
from siming.web.who import (
    SignedIn,
    begins_session,
    database,
    maybe_signed_in,
    session_cookie,
    settings,
    signed_in,
    visitor_cookie,
)

pages = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1", tags=["session"])


@pages.get("/sign-in")
def show(request: Request, next: str = "/") -> Response:
    """The form."""
    if maybe_signed_in(request) is not None:
        return redirect(safe_next(next))
    if not people.has_people(database(request)):
        return render(request, "not_set_up.html", status=503)
    return render(request, "sign_in.html", next=safe_next(next), login="", problem=None, oidc=settings(request).oidc)


@pages.post("/sign-in")
def sign_in(
    request: Request,
    login: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Check the password and begin a session with a new token."""
    try:
        known = _known(request, login, password)
    except (InputError, NotAllowedError) as problem:
        status = status_of(problem)
        return render(
            request,
            "sign_in.html",
            status=status,
            next=safe_next(next),
            login=login,
            problem=problem,
            oidc=settings(request).oidc,
        )
    response = redirect(safe_next(next))
    start_session(request, response, sessions.begin(database(request), known.id, replaces=present_session(request)))
    return response


@pages.get("/again")
def again(
    request: Request, who: Annotated[SignedIn, Depends(signed_in)], claim: Annotated[str, Query(max_length=80)] = ""
) -> Response:
    """What stood in a form that came after its session had ended: its sender looks at it and sends it again."""
    kept = looked_at(request, who, claim, "/again")
    if not kept:
        return redirect("/", flash="sign_in.again_gone", kind="problem")
    return render(request, "again.html", who=who, here="", **kept)


@pages.post("/sign-out")
def sign_out(request: Request, who: Annotated[SignedIn, Depends(signed_in)]) -> Response:
    """End this session."""
    if who.session is not None:
        sessions.end(database(request), who.actor, who.session)
    response = redirect("/sign-in", flash="sign_in.out")
    response.delete_cookie(session_cookie(settings(request)), path="/", secure=settings(request).https)
    return response


class SessionView(BaseModel):
    """Who is signed in."""

    person: str
    login: str
    name: str
    language: str
    csrf: str
    expires_at: str | None


class Credentials(BaseModel):
    """A login and its password."""

    login: str = Field(max_length=200)
    password: str = Field(max_length=1001)


@api.get("/session")
def get_session(who: Annotated[SignedIn, Depends(signed_in)]) -> SessionView:
    """Who is signed in, with the form token of this session."""
    return _view(who.person, who.csrf, who.session.expires_at if who.session else None)


@api.post("/session")
@begins_session
def renew_session(request: Request, response: Response, body: Credentials) -> SessionView:
    """Sign in again without leaving the page; the browser gets a new cookie and the page a new form token."""
    known = _known(request, body.login, body.password)
    begun = sessions.begin(database(request), known.id, replaces=present_session(request), act="session.renew")
    start_session(request, response, begun)
    return _view(known, begun.csrf, begun.expires_at)


def start_session(request: Request, response: Response, begun: Begun) -> None:
    """Hand the session's token to the browser."""
    keep(request, response, session_cookie(settings(request)), begun.token, seconds=int(sessions.LASTS.total_seconds()))
    response.delete_cookie(visitor_cookie(settings(request)), path="/", secure=settings(request).https)


def safe_next(wanted: str) -> str:
    """A path of this room to go on to; anything else becomes the first page."""
    plain = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if plain and "\\" not in wanted else "/"


def _known(request: Request, login: str, password: str) -> Person:
    """Whose login and password these are; too many wrong ones have to wait."""
    address = address_of(request)
    tries: Tries = request.app.state.tries
    tries.begin(login, address)
    known = people.check_password(database(request), login, password)
    if known is None:
        raise InputError("login or password is not right", code="sign_in_wrong", field="password")
    tries.succeeded(login, address)
    return known


def present_session(request: Request) -> str | None:
    """Token of the session that this browser has now; a new one takes its place."""
    return request.cookies.get(session_cookie(settings(request)))


def _view(person: Person, csrf: str, expires_at: str | None) -> SessionView:
    return SessionView(
        person=person.id,
        login=person.login,
        name=person.name,
        language=person.language,
        csrf=csrf,
        expires_at=expires_at,
    )
