"""Every text a person sees in the exam room: one file per language, the same keys in both."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import yaml

from siming.errors import RoomError

LOG = logging.getLogger("siming.web")

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")


@cache
def texts(language: Language) -> Mapping[str, Any]:
    """The texts of one language by dotted key: plain ones as text, counted ones as {"one": ..., "other": ...}."""
    raw = files(__package__).joinpath(f"{language}.yaml").read_text("utf-8")
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # every value is a text: "On" is a word here
    return dict(_flat(yaml.load(raw, Loader=loader), ""))  # noqa: S506 - builds texts and nothing else


def text(language: Language, key: str, **values: object) -> str:
    """The text of a key with its places filled: ``text("en", "queue.left", n=3)``.

    A text written as ``one:`` and ``other:`` is chosen by `n`.

    Raises:
        KeyError: there is no such text, or a value for it is missing.
    """
    found = pattern(language, key, values.get("n"))
    return found.format(**values) if values else found


def pattern(language: Language, key: str, n: object = None) -> str:
    """The text of a key with its places open."""
    found = texts(language)[key]
    if isinstance(found, Mapping):
        found = found["one"] if n == 1 and "one" in found else found["other"]
    return str(found)


def has_text(key: str) -> bool:
    """Whether there is a text of that key."""
    return key in texts("en")


def say_error(language: Language, error: RoomError) -> str:
    """A refusal in the reader's language; the message itself where no text has its code.

    Of its values, a refusal is said in its turn, a list is written out, `field` may be the key of a label, and `why` or
    `reason` a code below ``error.why``.
    """
    key = f"error.{error.code}"
    if error.code and has_text(key):
        try:
            return text(language, key, **_said(language, error.params))
        except (KeyError, IndexError):
            LOG.error("the text %s asks for values that the error does not give", key)
    return str(error)


def say_invalid(language: Language, found: Mapping[str, Any]) -> str:
    """What pydantic found wrong with one value, in the reader's language."""
    key = f"error.why.{invalid_kind(found['type'])}"
    if not has_text(key):
        return str(found["msg"])[:300] if language == "en" else text(language, "error.why.form")
    return text(language, key, **found.get("ctx", {}))


def invalid_kind(kind: str) -> str:
    """The code below ``error.why`` of pydantic's name for what is wrong with a value."""
    first = kind.partition("_")[0]
    return {"int": "whole_number", "float": "number", "finite": "number", "bool": "yes_or_no"}.get(
        first, {"string_type": "text", "enum": "literal_error", **dict.fromkeys(_CONTAINERS, "form")}.get(kind, kind)
    )


_CONTAINERS = ("tuple_type", "list_type", "dict_type", "mapping_type", "model_type", "model_attributes_type")


def _said(language: Language, params: Mapping[str, Any]) -> dict[str, Any]:
    comma = text(language, "error.comma")
    values = {name: _value(language, value, comma) for name, value in params.items()}
    for name in ("why", "reason"):
        key = f"error.why.{invalid_kind(str(values.get(name)))}"
        if has_text(key):
            values[name] = text(language, key, **values)
    field = values.get("field")
    if isinstance(field, str) and has_text(field):
        values["field"] = text(language, field)
    return values


MOST_LISTED = 12


def _value(language: Language, value: object, comma: str) -> object:
    if isinstance(value, RoomError):
        return say_error(language, value)
    if not isinstance(value, list | tuple):
        return value
    if any(isinstance(one, RoomError) for one in value):
        return " ".join(str(_value(language, one, comma)) for one in value)
    return comma.join(str(one) for one in value[:MOST_LISTED]) + ("…" if len(value) > MOST_LISTED else "")


def group(language: Language, prefix: str) -> dict[str, Any]:
    """Every text below a key, for a page's script: ``group("en", "rate.script")``."""
    start = prefix + "."
    return {key[len(start) :]: value for key, value in texts(language).items() if key.startswith(start)}


def _flat(tree: Mapping[str, Any], start: str) -> list[tuple[str, Any]]:
    out: list[tuple[str, Any]] = []
    for key, value in tree.items():
        if isinstance(value, dict) and "other" not in value:
            out += _flat(value, f"{start}{key}.")
        else:
            out.append((f"{start}{key}", value))
    return out
