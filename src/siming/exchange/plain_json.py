"""JSON of strangers: read strictly, and looked at with the place of every value, so that a mistake can be named."""

from __future__ import annotations

import json
import math
from typing import NoReturn, TypeVar

from siming.errors import SheetError
from siming.rating.spreadsheet import UnreadError

T = TypeVar("T")


class Node:
    """A JSON value that knows where it stands."""

    __slots__ = ("place", "value")

    def __init__(self, value: object, place: str) -> None:
        self.value = value
        self.place = place

    def find(self, key: str) -> Node | None:
        """The value under a key of this object; None where it is missing or null."""
        value = self._as(dict, "an object {...}").get(key)
        return None if value is None else Node(value, f"{self.place}.{key}")

    def get(self, key: str) -> Node:
        """The value under a key that must be there."""
        found = self.find(key)
        if found is None:
            self.refuse(f"has no {key!r}; it is needed")
        return found

    def members(self) -> list[tuple[str, Node]]:
        """Keys and values of this object, in the file's order."""
        return [(key, Node(value, f"{self.place}.{key}")) for key, value in self._as(dict, "an object {...}").items()]

    def items(self) -> list[Node]:
        """The members of this list."""
        return [Node(value, f"{self.place}[{at}]") for at, value in enumerate(self._as(list, "a list [...]"))]

    def text(self) -> str:
        """This value as text; a number counts as the text that it is."""
        if isinstance(self.value, int | float) and not isinstance(self.value, bool):
            return str(self.value)
        return self._as(str, "text")

    def number(self) -> float:
        """This value as a finite number; a number in quotes counts."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            self.refuse(f"is {_kind(value)}, wanted a number")
        return number_of(value, self.place)

    def flag(self) -> bool:
        """This value as true or false."""
        return self._as(bool, "true or false")

    def refuse(self, complaint: str) -> NoReturn:
        """Say that this value cannot be used.

        Raises:
            SheetError: always.
        """
        raise SheetError(f"{self.place} {complaint}")

    def _as(self, kind: type[T], wanted: str) -> T:
        if not isinstance(self.value, kind):
            self.refuse(f"is {_kind(self.value)}, wanted {wanted}")
        return self.value


def number_of(value: float | str, place: str) -> float:
    """A finite number.

    Raises:
        SheetError: words, nothing, NaN, or a number beyond what a computer counts with.
    """
    try:
        number = float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise SheetError(f"{place} is {str(value)[:40]!r}, wanted a number such as 1.5; correct it")
    return number


def read_json(raw: bytes, name: str) -> Node:
    """The document in a JSON file.

    Raises:
        SheetError: not UTF-8, broken, nested too deeply, a key given twice, NaN, or half a character.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        raise SheetError(
            f"{name}: is not UTF-8 text ({cause.reason} at byte {cause.start}); export it again"
        ) from cause
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_each_once)
        if "\\ud" in text.casefold():
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as cause:
        raise SheetError(f"{name}: holds half a character (a lone surrogate such as \\ud800); delete it") from cause
    except (ValueError, RecursionError) as cause:
        why = "it is nested too deeply" if isinstance(cause, RecursionError) else str(cause)[:300]
        raise UnreadError(f"{name}: not valid JSON ({why}); export it again", "json", name=name) from cause
    return Node(value, f"{name}: document")


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is not a number JSON knows")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is beyond measure")
    return number


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    out = dict(pairs)
    if len(out) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:60]!r} stands twice in one object")
    return out


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
