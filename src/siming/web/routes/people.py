"""Everybody with an account; for owners of the installation."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from siming.errors import ConflictError, InputError
from siming.store.accounts import invitations, people
from siming.web.errors_page import status_of
from siming.web.form import SentForm
from siming.web.once import redirect_showing, shown_once
from siming.web.page import redirect, render
from siming.web.routes.members import link_of, reached_here_only
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)

Who = Annotated[SignedIn, Depends(signed_in)]


@pages.get("/people")
def show(request: Request, who: Who) -> Response:
    """Every account."""
    return _page(request, who, **shown_once(request, who))


@pages.post("/people")
def add(request: Request, who: Who, form: SentForm) -> Response:
    """An account, and the link that opens it."""
    try:
        made, invitation = invitations.create_person(
            database(request),
            who.actor,
            login=form.text("login"),
            name=form.text("name"),
            is_owner=form.ticked("is_owner"),
        )
    except (InputError, ConflictError) as problem:
        values = {"login": form.text("login"), "name": form.text("name")}
        return _page(request, who, problem=problem, values=values)
    return redirect_showing(request, who, "/people", invited=made.name, link=link_of(request, invitation))


@pages.post("/people/{person}/invite")
def invite(request: Request, person: str, who: Who) -> Response:
    """A new link, such as for a password forgotten."""
    db = database(request)
    link = link_of(request, invitations.invite(db, who.actor, person))
    return redirect_showing(request, who, "/people", invited=people.get_person(db, person).name, link=link)


@pages.post("/people/{person}/disable")
def disable(request: Request, person: str, who: Who, form: SentForm) -> Response:
    """Close an account, or open it again."""
    disabled = form.text("to") != "open"
    people.disable_person(database(request), who.actor, person, disabled=disabled)
    return redirect("/people", flash="people.closed" if disabled else "people.opened")


@pages.post("/people/{person}/erase")
def erase(request: Request, person: str, who: Who, form: SentForm) -> Response:
    """Deletion by law."""
    try:
        people.erase_person(database(request), who.actor, person, reason=form.text("reason"))
    except (InputError, ConflictError) as problem:
        return _page(request, who, problem=problem)
    return redirect("/people", flash="people.erased")


def _page(
    request: Request,
    who: SignedIn,
    *,
    problem: Any = None,
    values: dict[str, str] | None = None,
    invited: str = "",
    link: str | None = None,
) -> Response:
    return render(
        request,
        "people.html",
        who=who,
        status=200 if problem is None else status_of(problem),
        people=people.people(database(request), who.actor),
        problem=problem,
        values=values or {},
        invited=invited,
        link=link,
        here_only=reached_here_only(request),
        here="people",
    )
