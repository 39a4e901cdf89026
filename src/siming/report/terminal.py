"""The report as tables in the terminal: the same rows, columns and digits as on the page."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from siming.report.column import (
    MISSING,
    Column,
    Plain,
    bare_name,
    bracket,
    columns_of,
    entries_of,
    groups_of,
    measured_of,
    n_missing,
    n_videos,
    number,
    p_value,
    percent,
    settings_of,
    shown,
)
from siming.report.markup import plain
from siming.report.ranking import places_of
from siming.report.texts import Language, find_text, reason_in, text

NAME_WIDTH = 24
METRIC_WIDTH = 16
"""Columns of the terminal that an author's name and one metric with its interval take."""

STYLES = {"human": "green", "run": "bold", "baseline": "dim"}


def print_report(report: Plain, console: Console | None = None, *, language: Language = "en") -> None:
    """Print the report's tables; names and replies of models are printed as text, never as markup."""
    console = console or Console()
    console.print(report_tables(report, language=language, width=console.width))


def report_tables(report: Plain, *, language: Language = "en", width: int = 100) -> Group:
    """Everything `print_report` prints, for callers with a console of their own.

    Args:
        width: Columns of the terminal; the metrics are laid out in as many tables as that takes.
    """
    writer = _Writer(report, language, width)
    parts: list[RenderableType] = [writer.heading()]
    for setting in settings_of(report):
        parts += writer.setting(setting)
    parts += writer.groups()
    parts += writer.warnings()
    parts += writer.notes()
    return Group(*parts)


class _Writer:
    """One report in one language."""

    def __init__(self, report: Plain, language: Language, width: int) -> None:
        self._report = report
        self._language = language
        self._width = width

    def _say(self, key: str, **fields: object) -> str:
        return text(key, self._language, **fields)

    def _named(self, prefix: str, name: str) -> str:
        return find_text(f"{prefix}.{name}", self._language) or plain(name)

    def _entry(self, entry: Plain) -> str:
        name = bare_name(entry)
        return plain(name) if entry["kind"] == "run" else self._named(str(entry["kind"]), name)

    def _reason(self, words: object) -> str:
        return plain(reason_in(self._language, str(words)))

    def heading(self) -> Text:
        dataset = self._report["dataset"]
        name = plain(f"{dataset['name']} {dataset.get('version') or ''}".strip())
        purpose = self._say("hero.purpose")
        return Text.assemble((name, "bold"), "\n", (purpose, "italic"), "\n")

    def setting(self, setting: str) -> list[RenderableType]:
        """The agreement tables, and under them every dash with its reason."""
        entries = entries_of(self._report, setting)
        columns = columns_of(entries)
        out: list[RenderableType] = [Text(self._named("setting", setting), "bold underline")]
        out.append(self._counts(entries))
        fits = max(1, (self._width - NAME_WIDTH) // METRIC_WIDTH)
        n_tables = -(-len(columns) // fits)
        share = -(-len(columns) // max(1, n_tables))  # tables of like width read better than one full and one stub
        for start in range(0, len(columns), share):
            out += [Text(""), self._metrics(entries, columns[start : start + share])]
        if any(measured.get("limits") for entry in entries for measured in entry["metrics"].values()):
            out.append(Text(f" * {self._say('table.limits')}", "dim"))
        out += [Padding(Text(line, "dim"), (0, 0, 0, 1)) for line in self._dashes(entries, columns)]
        out += [Padding(Text(line, "yellow"), (0, 0, 0, 1)) for line in self._coverage(entries)]
        return [*out, Text("")]

    def _table(self, entries: Sequence[Plain], heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
        table.add_column(self._say("table.entry"), overflow="fold", min_width=14, max_width=NAME_WIDTH - 2)
        for head in heads:
            table.add_column(head, justify="right", no_wrap=True)
        for previous, entry, row in zip([None, *entries], entries, rows, strict=False):
            if previous is not None and previous["kind"] != entry["kind"]:
                table.add_section()
            table.add_row(Text(self._entry(entry)), *map(Text, row), style=STYLES[entry["kind"]])
        return table

    def _counts(self, entries: Sequence[Plain]) -> Table:
        """What the numbers stand on, before any of them."""
        rows = []
        for entry in entries:
            coverage, prevalence = entry.get("coverage") or {}, entry.get("prevalence") or {}
            videos, missing = n_videos(entry), n_missing(coverage)
            wrong = f"{percent(prevalence.get('reference'))} / {percent(prevalence.get('prediction'))}"
            counts = (videos, coverage.get("cells_asked"), missing)
            rows.append([*(MISSING if count is None else str(count) for count in counts), wrong])
        heads = [self._say(f"table.{key}") for key in ("videos", "cells", "missing", "prevalence")]
        return self._table(entries, heads, rows)

    def _metrics(self, entries: Sequence[Plain], columns: Sequence[Column]) -> Table:
        rows = [[self._cell(column, entry) for column in columns] for entry in entries]
        return self._table(entries, [self._named("metric.brief", column.key) for column in columns], rows)

    def _cell(self, column: Column, entry: Plain) -> str:
        measured = measured_of(entry, column)
        if measured is None:
            return ""
        seen = shown(column, measured)
        lines = [seen.value, *filter(None, [seen.interval])]
        if seen.limits:
            lines.append(f"{seen.limits}*")
        return "\n".join(lines)

    def _dashes(self, entries: Sequence[Plain], columns: Sequence[Column]) -> list[str]:
        """One line for each reason, naming the metrics it took, because a dash alone says nothing."""
        lines = []
        for entry in entries:
            why: dict[str, list[str]] = {}
            for column in columns:
                measured = measured_of(entry, column)
                if measured is None:
                    continue
                seen = shown(column, measured)
                if seen.reason is not None:
                    reason = self._reason(seen.reason)
                    words = self._say("undefined.refused_because", reason=reason) if seen.refused else reason
                    why.setdefault(words, []).append(self._named("metric.brief", column.key))
            lines += [f"{MISSING} {self._entry(entry)}: {', '.join(keys)}: {words}" for words, keys in why.items()]
        return lines

    def _coverage(self, entries: Sequence[Plain]) -> list[str]:
        lines = []
        for entry in entries:
            coverage = entry.get("coverage") or {}
            if not n_missing(coverage):
                continue
            why = ", ".join(f"{self._reason(why)} {n}" for why, n in (coverage.get("cells_missing") or {}).items() if n)
            share = percent(coverage.get("share"))
            lines.append(self._say("coverage.line", entry=self._entry(entry), share=share, why=why))
        return lines

    def groups(self) -> list[RenderableType]:
        """Models that the data cannot tell apart, best first, and the paired differences."""
        groups, pairs = groups_of(self._report), self._report.get("comparisons") or ()
        if not groups and not pairs:
            return []
        out: list[RenderableType] = [Rule(self._say("groups.title"), align="left", style="dim")]
        for setting, tied_here in groups:
            if setting is not None:
                out.append(Text(self._named("setting", setting), "dim"))
            ranking = (self._report.get("rankings") or {}).get(setting)
            if ranking and len(ranking["models"]) > 1:
                out.append(self._ranking(ranking))
                continue
            for names in tied_here:
                joined = "  =  ".join(plain(str(name)) for name in names)
                tied = f"   ({self._say('groups.tied')})" if len(names) > 1 else ""
                out.append(Text.assemble(" ", (joined, "bold"), (tied, "dim")))
        if pairs:
            table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
            table.add_column(self._say("compare.pair"), overflow="fold")
            for key in ("compare.metric", "compare.difference", "compare.p", "comparison.p_holm", "compare.cells"):
                table.add_column(self._say(key), justify="right")
            for row in pairs:
                table.add_row(*self._comparison(row))
            out.append(table)
        return [*out, Text("")]

    def _ranking(self, ranking: Plain) -> Table:
        """Published ranks, and the places that the data leave open."""
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        table.add_column(self._say("ranking.rank"), justify="right")
        table.add_column(self._say("comparison.models"), overflow="fold")
        for key in ("ranking.places", "ranking.came_first"):
            table.add_column(self._say(key), justify="right")
        for model in ranking["models"]:
            rank = model["rank"]
            group = MISSING if model["group"] is None else str(model["group"])
            cells = (group, plain(str(model["name"])), places_of(rank), percent(rank["best_share"]))
            table.add_row(*map(Text, cells))
        return table

    def _comparison(self, row: Plain) -> list[Text]:
        difference, p = row["difference"], row.get("p")
        under = bracket(difference["interval"]) if difference.get("interval") else self._reason(difference.get("reason") or difference.get("interval_reason") or "")  # fmt: skip
        cells = [
            f"{plain(str(row['first']))} − {plain(str(row['second']))}",
            self._named("metric.brief", str(row["metric"])),
            f"{number(difference.get('value'), signed=True)}\n{under}",
            p_value(p),
            p_value(row.get("p_holm")),
            str(row.get("n_cells", MISSING)),
        ]
        return [Text(cell) for cell in cells]

    def warnings(self) -> list[RenderableType]:
        found = self._report.get("warnings") or ()
        if not found:
            return []
        lines = [Text(f"! {plain(str(w.get(self._language) or w.get('en')))}", "yellow") for w in found]
        return [Rule(self._say("warnings.title"), align="left", style="dim"), *lines, Text("")]

    def notes(self) -> list[RenderableType]:
        """The few facts without which the numbers cannot be read."""
        report = self._report
        reference = self._named("reference", str(report.get("reference", "")))
        ordinal = report.get("ordinal_map") or {}
        lines = [
            f"{self._say('method.reference')}: {reference}",
            f"{self._say('method.polarity')}: {self._say('method.polarity_is')}",
            f"{self._say('method.missing')}: {self._named('method.missing', str(report.get('missing_policy', '')))}",
            self._say("method.intervals_are", seed=report.get("seed", MISSING), replicates=report.get("replicates", MISSING)),
            self._say("method.map_is", name=ordinal.get("name", MISSING), status=self._named("map.status", str(ordinal.get("status", "")))),
        ]  # fmt: skip
        return [Text(plain(line), "dim") for line in lines]
