"""A board as one plain record, ready for JSON, a terminal or a page; nothing but this reads its files for showing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from siming import __version__
from siming.bench.medvid.columns import COLUMNS
from siming.bench.medvid.score import Mode
from siming.leaderboard.board import Board, Entry
from siming.leaderboard.checks import Finding, check_rows
from siming.leaderboard.published import published_facts, published_rows, published_sources
from siming.leaderboard.ranking import RULES, Rule, Values, rank_rows
from siming.leaderboard.ties import OVERALL, find_ties
from siming.leaderboard.words import LANGUAGES

SCHEMA: Final = "siming.board-view/1"

Plain = dict[str, Any]


def board_view(board: Board | None, *, mode: Mode = "strict", rule: Rule = "current", published: bool = False) -> Plain:
    """What a board shows.

    In leaderboard mode rows are ranked as the official board ranks them: by values rounded twice, a missing one taking
    part as 0. In strict mode a missing value is last in its column. Published rows exist in leaderboard mode only; in
    strict mode they stand below the others, without a place.

    Args:
        board: None shows published rows alone.
        mode: Whose values are shown and ranked.
        rule: What the rows are ordered by; the places under the other rules are told too.
        published: Show the rows that MedVidBench has published.
    """
    entries = list(board.entries) if board else []
    rows = [_entry_row(number, entry, mode) for number, entry in enumerate(entries)]
    if published:
        rows += [_published_row(number, each) for number, each in enumerate(published_rows())]
    ranked = [row for row in rows if mode == "leaderboard" or row["kind"] != "published"]
    table: dict[str, Values] = {row["id"]: row["ranked_by"] for row in ranked}
    quirk = mode == "leaderboard"
    places = {each: {p.name: p for p in rank_rows(table, rule=each, missing_as_zero=quirk)} for each in RULES}
    ties = _ties(board, entries)
    for row in rows:
        own = places[rule].get(row["id"])
        row["place"] = own.place if own else None
        row["score"] = own.score if own else None
        row["places"] = {each: places[each][row["id"]].place for each in RULES} if own else {}
        # What the data leave open was found on strict values, and says nothing about places by others.
        _mark(row, own.ranks if own else {}, ties if mode == "strict" else {})
    rows.sort(key=lambda row: (row["place"] is None, row["place"] or 0))
    names = {row["id"]: row["name"] for row in rows}
    return {
        "schema": SCHEMA,
        "siming": __version__,
        "name": board.name if board else None,
        "truth_sha256": board.truth_sha256 if board else None,
        "mode": mode,
        "rule": rule,
        "missing_as_zero": quirk,
        "columns": [
            {"name": c.name, "task": c.task, "low": c.low, "high": c.high, "judged": c.judged} for c in COLUMNS.values()
        ],
        "rows": rows,
        "groups": [[names[each] for each in group] for group in ties[OVERALL].groups] if OVERALL in ties else [],
        "findings": [finding.to_plain() for finding in _findings(rows)],
        "facts": published_facts() if published else [],
        "sources": {language: published_sources(language) for language in LANGUAGES} if published else {},
    }


def _entry_row(number: int, entry: Entry, mode: Mode) -> Plain:
    found = entry.plain["modes"][mode]
    coverage = found.get("coverage") or {}
    stored = found.get("stored")
    cells = {name: {**found["columns"][name], "coverage": coverage.get(name)} for name in COLUMNS}
    ranked_by = {name: cells[name]["value"] for name in COLUMNS}
    if stored is not None:
        ranked_by = {name: stored.get(name) for name in COLUMNS}
    return {
        "id": f"entry-{number}",
        "name": entry.name,
        "alias": None,
        "org": entry.plain["org"],
        "kind": entry.kind,
        "date": entry.plain["date"],
        "source": None,
        "mode": mode,
        "cells": cells,
        "stored": stored,
        "ranked_by": ranked_by,
        "beside": found.get("beside") or {},
        "per_source": found["per_source"],
        "macro": found["macro"],
        "readings": found.get("readings") or {},
        "submission": entry.plain["submission"],
        "judged": entry.plain["judged"],
        "siming": entry.plain["siming"],
        "notes": list(entry.plain["notes"]),
    }


def _published_row(number: int, row: Any) -> Plain:
    reason = "not published"
    return {
        "id": f"published-{number}",
        "name": row.name,
        "alias": row.alias,
        "org": row.org,
        "kind": "published",
        "date": row.date,
        "source": row.source,
        "mode": "published",
        "cells": {
            name: {"value": value, "n": None, "interval": None, "interval_reason": reason, "coverage": None}
            for name, value in row.values.items()
        },
        "stored": dict(row.values),
        "ranked_by": dict(row.values),
        "beside": {},
        "per_source": {},
        "macro": {},
        "readings": {},
        "submission": None,
        "judged": None,
        "siming": None,
        "notes": [],
    }


def _ties(board: Board | None, entries: Sequence[Entry]) -> Mapping[str, Any]:
    if board is None:
        return {}
    kept = {f"entry-{number}": board.rows_of(entry) for number, entry in enumerate(entries)}
    return find_ties({name: rows for name, rows in kept.items() if rows is not None})


def _mark(row: Plain, ranks: Mapping[str, int], ties: Mapping[str, Any]) -> None:
    """Ranks, and the ranks that the data leave open among the board's own entries."""
    for name, cell in row["cells"].items():
        cell["rank"] = ranks.get(name)
        found = ties.get(name)
        cell["rank_range"] = list(found.ranges[row["id"]]) if found and row["id"] in found.ranges else None
    overall = ties.get(OVERALL)
    row["rank_range"] = list(overall.ranges[row["id"]]) if overall and row["id"] in overall.ranges else None


def _findings(rows: Sequence[Plain]) -> list[Finding]:
    """Of what was published, as it was printed; of entries, in full precision."""
    printed = {_full_name(row): row["ranked_by"] for row in rows if row["kind"] == "published"}
    own = {row["name"]: {name: cell["value"] for name, cell in row["cells"].items()} for row in rows
           if row["kind"] != "published"}  # fmt: skip
    found = check_rows(printed) if printed else []
    if own:
        # Leaderboard and strict values follow from the submission; what is left to say is what no reader could see.
        found += [each for each in check_rows(own, decimals=None, counts={}) if each.check != "missing"]
    order = {"impossible": 0, "doubtful": 1, "note": 2}
    return sorted(found, key=lambda finding: order[finding.meaning])


def _full_name(row: Plain) -> str:
    return f"{row['name']} ({row['alias']})" if row["alias"] else str(row["name"])
