"""What every key does on the two pages that are worked by keyboard, and the keys that a person has chosen instead."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from siming.errors import InputError
from siming.web.page import STATIC

Page = Literal["rate", "case"]
KeyMap = Mapping[str, Sequence[str]]
"""Action to keys."""

FILES: Mapping[Page, str] = {"rate": "rate/keymap.json", "case": "adjudicate/keymap.json"}
KEPT: Mapping[Page, str] = {"rate": "keys", "case": "case_keys"}
"""Where a person's settings keep what he has chosen."""

KEY = re.compile(
    r"(Ctrl\+)?(Shift\+)?([!-@\[-~]|Space|Enter|Tab|Backspace|Delete|Insert|Home|End|Page(Up|Down)|Arrow(Up|Down|Left|Right)|F([1-9]|1[0-2]))"
)
"""A key as `static/rate/keys.js` writes it; letters are lower case, Shift stands before letters and named keys only."""
MOST_KEYS = 4
RESERVED = frozenset(
    {"Ctrl+w", "Ctrl+t", "Ctrl+n", "Ctrl+Shift+t", "Ctrl+Shift+n", "Ctrl+Shift+w", "Ctrl+r", "F5", "F11", "F12"}
)
"""Keys that a browser does not hand to a page, or that a person would miss."""


class OwnKeys(BaseModel):
    """Keys a person has chosen: action to keys, for the actions that differ from the map."""

    keys: dict[str, list[Annotated[str, Field(max_length=40)]]] = Field(max_length=100)


@cache
def shipped(page: Page) -> KeyMap:
    """What every key does where a person has chosen nothing."""
    found: dict[str, list[str]] = json.loads((STATIC / FILES[page]).read_text("utf-8"))
    return found


def keymap(page: Page, settings: Mapping[str, object]) -> KeyMap:
    """The map that a person's choice for a page differs from.

    The player of a case begins with the keys he has for the player on the rating page, as far as they are free there.
    """
    if page == "rate":
        return shipped("rate")
    map_, theirs = shipped("case"), shipped("rate")
    player = {
        action: keys
        for action, keys in keys_of("rate", settings).items()
        if action in map_ and map_[action] == theirs[action]
    }
    return map_ if _clash({**map_, **player}) else {**map_, **player}


def keys_of(page: Page, settings: Mapping[str, object]) -> dict[str, list[str]]:
    """The keys that a person has chosen for a page; none where what is kept no longer fits its map."""
    try:
        kept = OwnKeys.model_validate({"keys": settings.get(KEPT[page]) or {}}).keys
        return read_keys(keymap(page, settings), kept)
    except (ValueError, InputError):
        return {}


def read_keys(map_: KeyMap, chosen: KeyMap) -> dict[str, list[str]]:
    """A person's own keys, for the actions that differ from the map.

    Raises:
        InputError: an action that does not exist, a key that cannot be, or one key for two actions.
    """
    for action, keys in chosen.items():
        if action not in map_:
            raise _wrong(f"there is no action {action[:40]!r}", "key_action")
        if not 1 <= len(keys) <= MOST_KEYS:
            raise _wrong(f"{action}: give 1 to {MOST_KEYS} keys", "key_number", most=MOST_KEYS)
        for key in keys:
            if not KEY.fullmatch(key) or key in RESERVED:
                raise _wrong(f"{action}: {key[:40]!r} cannot be used as a key", "key_form", pressed=key[:40])
    both = _clash({**map_, **chosen})
    if both:
        key, first, second = both
        raise _wrong(
            f"{key!r} is the key of both {first} and {second}; choose another",
            "key_clash",
            pressed=key,
            first=first,
            second=second,
        )
    return {action: list(keys) for action, keys in chosen.items() if list(keys) != list(map_[action])}


def _clash(map_: KeyMap) -> tuple[str, str, str] | None:
    seen: dict[str, str] = {}
    for action, keys in map_.items():
        for key in keys:
            if seen.setdefault(key, action) != action:
                return key, seen[key], action
    return None


def _wrong(message: str, code: str, **params: Any) -> InputError:
    return InputError(message, field="keys", code=code, params=params)
