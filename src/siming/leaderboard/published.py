"""The rows that MedVidBench's boards have published, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from siming.rubric import Language


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One row of a board, as it was printed."""

    name: str
    alias: str | None
    """A second name that the board gives in brackets."""
    org: str | None
    """Where the board says it."""
    source: str
    """Which board: a key of `published_sources`."""
    date: str | None
    """Day on which the values were verified, ISO; None where it is not known."""
    values: Mapping[str, float]
    """Column to value, three decimals."""


def published_rows() -> list[PublishedRow]:
    """All eighteen, in the order of the boards."""
    loaded = _loaded()
    columns = loaded["columns"]
    return [
        PublishedRow(
            name=row["name"],
            alias=row.get("alias"),
            org=row.get("org"),
            source=row["source"],
            date=_day(loaded["sources"][row["source"]]["date"]),
            values=dict(zip(columns, map(float, row["values"]), strict=True)),
        )
        for row in loaded["rows"]
    ]


def published_sources(language: Language) -> dict[str, str]:
    """Where the rows come from, by key."""
    return {key: source[language] for key, source in _loaded()["sources"].items()}


def published_facts() -> list[dict[str, str]]:
    """What a reader of the rows must know, in both languages."""
    return [dict(fact) for fact in _loaded()["facts"]]


@cache
def _loaded() -> Mapping[str, Any]:
    text = files(__package__).joinpath("published.yaml").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = yaml.safe_load(text)
    return loaded


def _day(value: Any) -> str | None:
    return None if value is None else str(value)
