"""Every text a reader of a report sees, one file per language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

import yaml

from siming.rating.texts import Pattern, patterns_of, reason_patterns, translated

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

LANGUAGE_TAGS: Mapping[Language, str] = {"en": "en", "zh": "zh-Hans"}
"""What the page's `lang` attributes carry; the browser picks glyphs and hyphenation by it."""


@cache
def load_texts(language: Language) -> Mapping[str, str]:
    """All texts of one language by key."""
    loaded: Mapping[str, str] = _load(f"{language}.yaml")
    return loaded


def text(key: str, language: Language, **fields: object) -> str:
    """One text with its fields filled in. An unknown key is a mistake of ours and raises KeyError."""
    return load_texts(language)[key].format(**fields)


def find_text(key: str, language: Language) -> str | None:
    """One text without fields, or None where no such key exists."""
    return load_texts(language).get(key)


def reason_in(language: Language, reason: str) -> str:
    """A reason given by the statistics or a benchmark, which speak English, in the reader's language where it is known.

    An unknown reason stays as it is: an English reason is better than none.
    """
    return reason if language == "en" else translated(reason, _patterns())


@cache
def _patterns() -> tuple[Pattern, ...]:
    own = resources.files(__package__).joinpath("reasons.yaml").read_text(encoding="utf-8")
    return (*patterns_of(own), *reason_patterns())


def _load(name: str) -> Any:
    return yaml.safe_load(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))
