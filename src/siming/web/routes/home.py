"""The first page: one's projects; raters go to their queue."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from siming.store.accounts import people
from siming.store.projects import projects
from siming.web.page import keep, redirect, render
from siming.web.routes.sign_in import safe_next
from siming.web.who import SignedIn, database, maybe_signed_in, signed_in

pages = APIRouter(include_in_schema=False)

YEAR = 365 * 24 * 3600


@pages.get("/")
def home(request: Request, who: Annotated[SignedIn, Depends(signed_in)]) -> Response:
    """Projects by what one does in them."""
    held = frozenset().union(*who.actor.roles.values()) if who.actor.roles else frozenset()
    if held == {"rater"} and not who.actor.is_owner:
        return redirect("/queue")
    mine = projects.projects_of(database(request), who.actor)
    if held == {"adjudicator"} and not who.actor.is_owner and len(mine) == 1:
        return redirect(f"/p/{mine[0].slug}/cases")
    return render(request, "home.html", who=who, projects=mine, here="home")


@pages.post("/language")
def language(
    request: Request,
    who: Annotated[SignedIn | None, Depends(maybe_signed_in)],
    to: Annotated[Literal["en", "zh"], Form()],
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Read on in the other language."""
    if who is not None:
        people.change_person(database(request), who.actor, language=to)
    response = redirect(safe_next(next))
    keep(request, response, "siming_language", to, seconds=YEAR)
    return response


@pages.post("/theme")
def theme(
    request: Request,
    who: Annotated[SignedIn | None, Depends(maybe_signed_in)],
    to: Annotated[Literal["auto", "light", "dark"], Form()],
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Light, dark, or as the system says."""
    if who is not None:
        people.change_person(database(request), who.actor, settings={"theme": to})
    response = redirect(safe_next(next))
    keep(request, response, "siming_theme", to, seconds=YEAR)
    return response
