"""What the board says, in both languages at once: its findings travel as data and are read by either."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

import yaml

from siming.rubric import Language

LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")


@cache
def texts(language: Language) -> Mapping[str, str]:
    """All texts of one language by key."""
    text = files("siming.leaderboard").joinpath("texts", f"{language}.yaml").read_text(encoding="utf-8")
    loaded: Mapping[str, str] = yaml.safe_load(text)
    return loaded


def said(key: str, **fields: object) -> dict[str, str]:
    """One text in every language, its fields filled in."""
    return {language: texts(language)[key].format(**fields) for language in LANGUAGES}
