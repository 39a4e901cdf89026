"""The comparison of models in the terminal: the same facts and digits as on its page."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from siming.report.column import MISSING, Plain, bracket, number, p_value, percent
from siming.report.comparison.findings import Findings
from siming.report.markup import plain
from siming.report.ranking import places_of
from siming.report.texts import Language, find_text, reason_in, text

MOST_PAIRS = 20
"""Pairs shown; the page and ``--json`` have all."""


def print_comparison(comparison: Plain, console: Console | None = None, *, language: Language = "en") -> None:
    """Print a ``siming.comparison/1``; names of models are printed as text, never as markup."""
    (console or Console()).print(comparison_tables(comparison, language=language))


def comparison_tables(comparison: Plain, *, language: Language = "en") -> Group:
    """Everything `print_comparison` prints, for callers with a console of their own."""
    writer = _Writer(language)
    dataset = comparison["dataset"]
    name = plain(f"{dataset['name']} {dataset['version']}")
    parts: list[RenderableType] = [
        Text.assemble((name, "bold"), "\n", (writer.say("hero.purpose"), "italic"), "\n"),
    ]
    for found in comparison["settings"]:
        parts += writer.setting(found)
    fields = {key: comparison[key] for key in ("replicates", "permutations", "seed")}
    missing = writer.named("method.missing", str(comparison["missing_policy"]))
    parts.append(Text(f"{writer.say('method.missing')}: {missing}", "dim"))
    parts.append(Text(writer.say("comparison.method_intervals", **fields), "dim"))
    return Group(*parts)


class _Writer:
    """Comparisons in one language."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def say(self, key: str, **fields: object) -> str:
        return text(key, self._language, **fields)

    def named(self, prefix: str, name: str) -> str:
        return find_text(f"{prefix}.{name}", self._language) or plain(name)

    def _reason(self, words: object) -> str:
        return plain(reason_in(self._language, str(words)))

    def setting(self, found: Plain) -> list[RenderableType]:
        """One setting: models by rank, what can be said, differences, warnings."""
        metric = self.named("metric", str(found["metric"]))
        on = self.say(f"comparison.on_{found['unit']}", metric=metric, videos=found["n_videos"], n=found["n_cells"])
        out: list[RenderableType] = [Text(self.named("setting", str(found["setting"])), "bold underline")]
        out += [Text(on, "dim"), self._models(found["models"])]
        findings = Findings(say=self.say, names=self._listed, baseline=self._author, reason=self._reason)
        out += [Text(f"· {question} {answer}") for question, answer in findings.of(found)]
        if found["pairs"]:
            out += [Text(""), self._pairs(found["pairs"])]
            if len(found["pairs"]) > MOST_PAIRS:
                out.append(Text(self.say("comparison.more", n=len(found["pairs"]) - MOST_PAIRS), "dim"))
        blind = found["blind"]
        if blind and blind["best"] is not None:
            out += [Text(""), self._pairs(blind["pairs"])]
        if found["pairs"] or (blind and blind["best"] is not None):
            out.append(Text(self.say("comparison.apart_is"), "dim"))
        out += [Text(f"! {plain(str(caution[self._language]))}", "yellow") for caution in found["cautions"]]
        return [*out, Text("")]

    def _models(self, models: Sequence[Plain]) -> Table:
        keys = ("ranking.rank", "ranking.places", "ranking.came_first", "comparison.value", "comparison.coverage")
        table = self._table("comparison.models", keys)
        before = None
        for model in models:
            if before is not None and before != model["group"]:
                table.add_section()
            before = model["group"]
            value, rank = model["value"], model["rank"]
            interval = bracket(value["interval"]) if value.get("interval") else ""
            cells = [
                MISSING if model["group"] is None else str(model["group"]),
                places_of(rank),
                percent(rank["best_share"]),
                f"{number(value['value'])}\n{interval}".strip(),
                percent(model["coverage"]),
            ]
            table.add_row(Text(plain(str(model["name"]))), *map(Text, cells))
        return table

    def _pairs(self, pairs: Sequence[Plain]) -> Table:
        keys = ("comparison.difference", "compare.p", "comparison.p_holm", "comparison.apart")
        table = self._table("compare.pair", keys)
        for pair in sorted(pairs, key=lambda pair: -abs(pair["difference"]["value"] or 0))[:MOST_PAIRS]:
            difference = pair["difference"]
            interval = difference.get("interval")
            under = bracket(interval) if interval else self._reason(difference.get("reason") or difference.get("interval_reason") or "")  # fmt: skip
            cells = [
                f"{number(difference['value'], signed=True)}\n{under}",
                *(p_value(pair[key]) for key in ("p", "p_holm")),
                self.say(f"comparison.apart_{'yes' if pair['apart'] else 'no'}"),
            ]
            names = f"{self._author(pair['first'])} − {self._author(pair['second'])}"
            table.add_row(Text(names), *map(Text, cells), style="bold" if pair["apart"] else "")
        return table

    def _listed(self, names: Sequence[str]) -> str:
        return ", ".join(plain(name) for name in names)

    def _author(self, name: str) -> str:
        known = find_text(f"baseline.{name.removeprefix('baseline:')}", self._language)
        return known if known and name.startswith("baseline:") else plain(name)

    def _table(self, first: str, keys: Sequence[str]) -> Table:
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1))
        table.add_column(self.say(first), overflow="fold", min_width=18)
        for key in keys:
            table.add_column(self.say(key), justify="right", no_wrap=True)
        return table
