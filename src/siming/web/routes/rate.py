"""The rating page: its shell, the keyboard map, and each person's own keys. What is rated comes by `rating_api.py`."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from siming.errors import NotFoundError
from siming.store.accounts import people
from siming.web import texts
from siming.web.keys import KEPT, OwnKeys, Page, keymap, keys_of, read_keys
from siming.web.page import language_of, render
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1", tags=["rating"])

SPEEDS = tuple(f"{quarter / 4:g}" for quarter in range(1, 13))

ASSIGNMENT = re.compile(r"as_[0-9a-z]+")


@pages.get("/rate/{assignment}")
def rate(request: Request, assignment: str, who: Annotated[SignedIn, Depends(signed_in)]) -> Response:
    """The shell of the page, the same for every assignment: it can be kept on the device and opened without a network."""
    if not ASSIGNMENT.fullmatch(assignment):
        raise NotFoundError("there is no such assignment of yours; go back to your queue", code="assignment_missing")
    data = {
        "assignment": assignment,
        "csrf": who.csrf,
        "language": language_of(request, who),
        "person": {"id": who.actor.id, "login": who.actor.login, "name": who.actor.name},
        "texts": texts.group(language_of(request, who), "rate.script"),
        "keymap": keymap("rate", who.person.settings),
        "keys": keys_of("rate", who.person.settings),
    }
    summary = f"/rate/{assignment}/summary"
    return render(request, "rate.html", who=who, data=data, speeds=SPEEDS, summary=summary)


@pages.get("/rate-offline")
def never_opened(request: Request, who: Annotated[SignedIn, Depends(signed_in)]) -> Response:
    """What a device shows without a network for an attempt that was never opened on it."""
    return render(request, "rate_offline.html", who=who)


@api.get("/me/keys")
def get_keys(who: Annotated[SignedIn, Depends(signed_in)], page: Page = "rate") -> OwnKeys:
    """The keys you have chosen for the rating page, or for the page of a case."""
    return OwnKeys(keys=keys_of(page, who.person.settings))


@api.put("/me/keys")
def put_keys(
    request: Request, body: OwnKeys, who: Annotated[SignedIn, Depends(signed_in)], page: Page = "rate"
) -> OwnKeys:
    """Choose keys for a page; an empty map brings the shipped ones back. One key for two actions is refused."""
    own = read_keys(keymap(page, who.person.settings), body.keys)
    people.change_person(database(request), who.actor, settings={KEPT[page]: own})
    return OwnKeys(keys=own)
