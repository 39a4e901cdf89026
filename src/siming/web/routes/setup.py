"""The first page of a fresh room: it makes the first owner, once."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from siming.errors import InputError, NotFoundError
from siming.store.accounts import people, sessions
from siming.web.page import language_of, redirect, render
from siming.web.routes.sign_in import start_session
from siming.web.who import database, settings

pages = APIRouter(include_in_schema=False)


@pages.get("/setup")
def show(request: Request, token: str = "") -> Response:
    """The form, for who holds the token that `siming serve` printed."""
    _require_fresh(request, token)
    return render(request, "setup.html", token=token, values={}, problem=None)


@pages.post("/setup")
def make(
    request: Request,
    token: Annotated[str, Form()] = "",
    login: Annotated[str, Form()] = "",
    name: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
) -> Response:
    """Make the owner and sign him in."""
    _require_fresh(request, token)
    db = database(request)
    try:
        made = people.set_up_owner(db, login=login, name=name, password=password, language=language_of(request, None))
    except InputError as error:
        values = {"login": login, "name": name}
        return render(request, "setup.html", status=422, token=token, values=values, problem=error)
    response = redirect("/", flash="setup.done")
    start_session(request, response, sessions.begin(db, made.id))
    return response


def _require_fresh(request: Request, token: str) -> None:
    wanted = settings(request).setup_token
    if people.has_people(database(request)) or not hmac.compare_digest(token.encode(), wanted.encode()):
        raise NotFoundError(
            "this page opens only in a fresh room, by the address that `siming serve` printed", code="setup_closed"
        )
