"""One's own account: name, language, theme, password, sessions, tokens; and the page an invitation opens."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from siming.errors import InputError, NotAllowedError, NotFoundError
from siming.store.accounts import invitations, people, sessions, tokens
from siming.web.errors_page import status_of
from siming.web.form import SentForm
from siming.web.once import redirect_showing, shown_once
from siming.web.page import THEMES, language_of, redirect, render
from siming.web.routes.sign_in import start_session
from siming.web.security import Tries, address_of
from siming.web.texts import LANGUAGES
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)

Who = Annotated[SignedIn, Depends(signed_in)]


@pages.get("/account")
def show(request: Request, who: Who) -> Response:
    """The account."""
    return _page(request, who, **shown_once(request, who))


@pages.post("/account")
def change(request: Request, who: Who, form: SentForm) -> Response:
    """Name, language, theme."""
    language, theme = form.text("language"), form.text("theme")
    if language not in LANGUAGES or theme not in THEMES:
        raise InputError("choose a language and a theme from the lists", field="language")
    try:
        people.change_person(
            database(request),
            who.actor,
            name=form.text("name"),
            language=language,
            settings={"theme": theme},
        )
    except InputError as problem:
        return _page(request, who, problem=problem)
    return redirect("/account", flash="account.changed")


@pages.post("/account/password")
def password(request: Request, who: Who, form: SentForm) -> Response:
    """A new password; every other session ends, and every token unless the box says to keep them."""
    address, login = address_of(request), who.actor.login
    tries: Tries = request.app.state.tries
    try:
        tries.begin(login, address)
        people.change_password(
            database(request),
            who.actor,
            present=form.text("present"),
            new=form.text("new"),
            keep_session=who.session.token_hash if who.session else None,
            keep_tokens=form.ticked("keep_tokens"),
        )
    except (InputError, NotAllowedError) as problem:
        return _page(request, who, problem=problem, part="password")
    tries.succeeded(login, address)
    return redirect("/account", flash="account.password_changed")


@pages.post("/account/sign-out-elsewhere")
def elsewhere(request: Request, who: Who) -> Response:
    """End every session but this one."""
    n = sessions.end_all(database(request), who.actor, keep=who.session)
    return redirect("/account", flash="account.signed_out_elsewhere", n=n)


@pages.post("/account/tokens")
def make_token(request: Request, who: Who, form: SentForm) -> Response:
    """A token for a program, shown this once."""
    if who.session is None:
        raise NotAllowedError("a token cannot make another one; sign in with the browser", code="token_by_token")
    try:
        days = form.number("days")
        _, secret = tokens.make_token(
            database(request), who.actor, name=form.text("name"), days=None if days is None else round(days)
        )
    except InputError as problem:
        return _page(request, who, problem=problem, part="tokens")
    return redirect_showing(request, who, "/account", secret=secret)


@pages.post("/account/tokens/{token}/revoke")
def revoke_token(request: Request, token: str, who: Who) -> Response:
    """End a token."""
    tokens.revoke_token(database(request), who.actor, token)
    return redirect("/account", flash="account.token_revoked")


@pages.get("/welcome")
def welcome(request: Request, token: str = "") -> Response:
    """Where an invitation leads: choose a password."""
    held = invitations.invited(database(request), token)
    if held is None:
        raise NotFoundError("this link is unknown, was used, or is too old", code="invitation_gone")
    return render(request, "welcome.html", person=held, token=token, problem=None)


@pages.post("/welcome")
def accept(request: Request, token: Annotated[str, Form()] = "", password: Annotated[str, Form()] = "") -> Response:
    """Take the password and sign in."""
    db = database(request)
    try:
        person = invitations.accept_invitation(db, token, password, language=language_of(request, None))
    except InputError as problem:
        held = invitations.invited(db, token)
        return render(request, "welcome.html", status=422, person=held, token=token, problem=problem)
    response = redirect("/", flash="account.welcome", name=person.name)
    start_session(request, response, sessions.begin(db, person.id))
    return response


def _page(
    request: Request, who: SignedIn, *, problem: Any = None, part: str = "", secret: str | None = None
) -> Response:
    now, own = database(request).stamp(), tokens.tokens(database(request), who.actor)
    return render(
        request,
        "account.html",
        who=who,
        status=200 if problem is None else status_of(problem),
        problem=problem,
        part=part,
        secret=secret,
        tokens=own,
        live_tokens=sum(not each.revoked_at and (each.expires_at or now) >= now for each in own),
        now=now,
        here="account",
    )
