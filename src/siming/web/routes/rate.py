"""The rating page: its shell, the keyboard map, and each person's own keys. What is rated comes by `rating_api.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from siming.errors import InputError, NotFoundError
from siming.store.accounts import people
from siming.web import texts
from siming.web.page import STATIC, language_of, render
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1", tags=["rating"])

SPEEDS = tuple(f"{quarter / 4:g}" for quarter in range(1, 13))

ASSIGNMENT = re.compile(r"as_[0-9a-z]+")
KEY = re.compile(
    r"(Ctrl\+)?(Shift\+)?([!-@\[-~]|Space|Enter|Tab|Backspace|Delete|Insert|Home|End|Page(Up|Down)|Arrow(Up|Down|Left|Right)|F([1-9]|1[0-2]))"
)
"""A key as `static/rate/keys.js` writes it; letters are lower case, Shift stands before letters and named keys only."""
MOST_KEYS = 4
RESERVED = frozenset(
    {"Ctrl+w", "Ctrl+t", "Ctrl+n", "Ctrl+Shift+t", "Ctrl+Shift+n", "Ctrl+Shift+w", "Ctrl+r", "F5", "F11", "F12"}
)
"""Keys that a browser does not hand to a page, or that a person would miss."""


@cache
def keymap() -> Mapping[str, Sequence[str]]:
    """What every key does where a person has chosen nothing else: action to keys."""
    found: dict[str, list[str]] = json.loads((STATIC / "rate" / "keymap.json").read_text("utf-8"))
    return found


def read_keys(chosen: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """A person's own keys, for the actions that differ from the map.

    Raises:
        InputError: an action that does not exist, a key that cannot be, or one key for two actions.
    """
    for action, keys in chosen.items():
        if action not in keymap():
            raise InputError(f"there is no action {action[:40]!r}", field="keys", code="key_action")
        if not 1 <= len(keys) <= MOST_KEYS:
            raise InputError(
                f"{action}: give 1 to {MOST_KEYS} keys", field="keys", code="key_number", params={"most": MOST_KEYS}
            )
        for key in keys:
            if not KEY.fullmatch(key) or key in RESERVED:
                raise InputError(
                    f"{action}: {key[:40]!r} cannot be used as a key",
                    field="keys",
                    code="key_form",
                    params={"pressed": key[:40]},
                )
    seen: dict[str, str] = {}
    for action, keys in {**keymap(), **chosen}.items():
        for key in keys:
            if seen.setdefault(key, action) != action:
                raise InputError(
                    f"{key!r} is the key of both {seen[key]} and {action}; choose another",
                    field="keys",
                    code="key_clash",
                    params={"pressed": key, "first": seen[key], "second": action},
                )
    return {action: list(keys) for action, keys in chosen.items() if list(keys) != list(keymap()[action])}


def keys_of(settings: Mapping[str, object]) -> dict[str, list[str]]:
    """The keys that a person keeps; none where what is kept no longer fits the map."""
    kept = settings.get("keys")
    try:
        return read_keys(OwnKeys.model_validate({"keys": kept or {}}).keys)
    except (ValueError, InputError):
        return {}


class OwnKeys(BaseModel):
    """Keys a person has chosen: action to keys, for the actions that differ from the map."""

    keys: dict[str, list[Annotated[str, Field(max_length=40)]]] = Field(max_length=100)


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
        "keymap": keymap(),
        "keys": keys_of(who.person.settings),
    }
    summary = f"/rate/{assignment}/summary"
    return render(request, "rate.html", who=who, data=data, speeds=SPEEDS, summary=summary)


@pages.get("/rate-offline")
def never_opened(request: Request, who: Annotated[SignedIn, Depends(signed_in)]) -> Response:
    """What a device shows without a network for an attempt that was never opened on it."""
    return render(request, "rate_offline.html", who=who)


@api.get("/me/keys")
def get_keys(who: Annotated[SignedIn, Depends(signed_in)]) -> OwnKeys:
    """The keys you have chosen for the rating page."""
    return OwnKeys(keys=keys_of(who.person.settings))


@api.put("/me/keys")
def put_keys(request: Request, body: OwnKeys, who: Annotated[SignedIn, Depends(signed_in)]) -> OwnKeys:
    """Choose keys for the rating page; an empty map brings the shipped ones back. One key for two actions is refused."""
    own = read_keys(body.keys)
    people.change_person(database(request), who.actor, settings={"keys": own})
    return OwnKeys(keys=own)
