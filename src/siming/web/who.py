"""Who asks: found once per request, from the session's cookie or a bearer token."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from siming.errors import NotAllowedError
from siming.store.access import Actor
from siming.store.accounts import sessions, tokens
from siming.store.accounts.people import Person
from siming.store.accounts.sessions import Session
from siming.store.database import Database
from siming.store.secrets_kept import kept_key
from siming.web.settings import Settings

Route = TypeVar("Route", bound=Callable[..., object])

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person who is signed in."""

    actor: Actor
    person: Person
    csrf: str
    """Goes into every form and into the header X-CSRF-Token; empty for a bearer token, which needs none."""
    session: Session | None
    """None for a bearer token."""


@dataclass(frozen=True, slots=True)
class Unsent:
    """A form that came without a session, with the token that it carried."""

    csrf: str
    fields: tuple[tuple[str, str], ...]


class SignedOut(Exception):
    """Nobody is signed in, and the page needs somebody."""


def database(request: Request) -> Database:
    """The room's database."""
    db: Database = request.app.state.db
    return db


def settings(request: Request) -> Settings:
    """The server's settings."""
    found: Settings = request.app.state.settings
    return found


def session_cookie(settings: Settings) -> str:
    """The name of the session's cookie; by TLS one that no other host and no plain page can set."""
    return "__Host-siming" if settings.https else "siming_session"


def visitor_cookie(settings: Settings) -> str:
    """The name of the cookie that ties the sign-in form to this browser."""
    return "__Host-siming-visitor" if settings.https else "siming_visitor"


def maybe_signed_in(request: Request) -> SignedIn | None:
    """Who is signed in, or None; read once per request."""
    if not hasattr(request.state, "who"):
        request.state.who = _found(request)
    found: SignedIn | None = request.state.who
    return found


async def signed_in(who: Annotated[SignedIn | None, Depends(maybe_signed_in)]) -> SignedIn:
    """Who is signed in; pages send the others to the sign-in page, the API answers 401."""
    if who is None:
        raise SignedOut
    return who


async def csrf_ok(request: Request, who: Annotated[SignedIn | None, Depends(maybe_signed_in)]) -> AsyncIterator[None]:
    """For every unsafe method: the request comes from a page of ours. `app.py` puts it before every route."""
    try:
        await _check_form_token(request, who)
        yield
    finally:
        await request.close()  # files of a form that was read here


async def _check_form_token(request: Request, who: SignedIn | None) -> None:
    if request.method in SAFE or _bearer(request) is not None:
        return
    kind = request.headers.get("content-type", "").lower()
    begins = getattr(request.scope.get("endpoint"), "begins_session", False)
    if begins and kind.startswith("application/json"):
        return  # the old session may be over; another site's page cannot send JSON here, the browser would ask first
    given = request.headers.get("x-csrf-token")
    if given is None and kind.startswith(_FORMS) and (who is not None or not _takes_large_bodies(request)):
        value = (await request.form()).get("csrf")
        given = value if isinstance(value, str) else None
    wanted = who.csrf if who is not None else await run_in_threadpool(visitor_csrf, request)
    if not given or not wanted or not hmac.compare_digest(given.encode(), wanted.encode()):
        if who is None and not begins and request.url.path.startswith("/api/"):
            raise SignedOut  # the token went with the session; a program is to hear the reason, and sign in again
        request.state.unsent = await _typed(request, kind, given)
        raise NotAllowedError(
            "the form is not from this session; load the page again and send it once more", code="csrf"
        )


async def _typed(request: Request, kind: str, given: str | None) -> Unsent | None:
    """What stood in a form whose session may have ended; None where it is not to be kept for its sender."""
    if not given or not kind.startswith(_FORMS) or _takes_large_bodies(request):
        return None
    pairs = [(name, value) for name, value in (await request.form()).multi_items() if name != "csrf"]
    plain = tuple((name, value) for name, value in pairs if isinstance(value, str))
    secret = any("password" in name or name == "token" for name, _ in plain)
    return None if secret or len(plain) < len(pairs) else Unsent(given, plain)


def _takes_large_bodies(request: Request) -> bool:
    """Whether the route takes more than a form: of who is signed out no such body is read to find a token in it."""
    return hasattr(request.scope.get("endpoint"), "body_limit")


def begins_session(route: Route) -> Route:
    """Mark a route by which somebody signs in with JSON: there is no form token yet, or no longer."""
    route.begins_session = True  # type: ignore[attr-defined]
    return route


def visitor_csrf(request: Request) -> str:
    """The form token of somebody who is not signed in, made from his visitor cookie; empty without one."""
    visitor = request.cookies.get(visitor_cookie(settings(request)), "")
    return visitor_token(database(request), visitor) if visitor else ""


def visitor_token(db: Database, visitor: str) -> str:
    """The form token that belongs to a visitor cookie."""
    return hmac.new(kept_key(db, "visitor"), visitor.encode(), sha256).hexdigest()


_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def _found(request: Request) -> SignedIn | None:
    db, bearer = database(request), _bearer(request)
    if bearer is not None:
        known = tokens.find_by_token(db, bearer)
        return None if known is None else SignedIn(actor=known[1], person=known[0], csrf="", session=None)
    token = request.cookies.get(session_cookie(settings(request)))
    if not token:
        return None
    found = sessions.find(db, token)
    if found is None:
        return None
    return SignedIn(actor=found.actor, person=found.person, csrf=found.session.csrf, session=found.session)


def _bearer(request: Request) -> str | None:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" and value.strip() else None
