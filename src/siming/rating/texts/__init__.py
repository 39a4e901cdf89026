"""What this room says to people, one file per language, and what the statistics say, in Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

MINUS = "\u2212"
"""Before a negative number in a sentence; a hyphen is too short beside figures."""

Pattern = tuple[re.Pattern[str], str]
"""A reason in English, and the same in Chinese with the parts of the English one."""


@cache
def texts(language: str) -> Mapping[str, Any]:
    """Everything in one language, ``en`` or ``zh``."""
    loaded: Mapping[str, Any] = yaml.safe_load(files(__package__).joinpath(f"{language}.yaml").read_text("utf-8"))
    return loaded


def reason_in(language: str, reason: str) -> str:
    """A reason, method or note of the statistics, which speak English, in the reader's language where it is known.

    An unknown reason stays as it is: an English reason is better than none.

    >>> reason_in("zh", "3 clusters are fewer than 5"), reason_in("zh", "the moon was full")
    ('3段视频，少于5段', 'the moon was full')
    """
    return reason if language == "en" else translated(reason, reason_patterns())


def translated(reason: str, patterns: Iterable[Pattern]) -> str:
    """A reason by the first pattern that it is; itself where none fits."""
    listed = tuple(patterns)
    for pattern, translation in listed:
        found = pattern.fullmatch(reason)
        if found:
            # A reason may hold another one; what is no reason, such as a number, comes back as it is.
            for number, part in enumerate(found.groups(), start=1):
                translation = translation.replace(f"\\{number}", translated(part or "", listed))
            return translation
    return reason


@cache
def reason_patterns() -> tuple[Pattern, ...]:
    """Everything that the statistics are known to say."""
    return patterns_of(files(__package__).joinpath("reasons.yaml").read_text("utf-8"))


def patterns_of(table: str) -> tuple[Pattern, ...]:
    """The rows of a table in YAML, each with ``en`` as a regular expression and ``zh``."""
    return tuple((re.compile(row["en"]), row["zh"]) for row in yaml.safe_load(table))
