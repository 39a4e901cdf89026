"""`siming rating agree`: how far physicians agree."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siming.cli.console import console
from siming.cli.rating.source import from_ratings
from siming.cli.rating.tables import finish, print_table, probability, step_name

if TYPE_CHECKING:
    from siming.rating.source import Source
    from siming.report.texts import Language

EXAMPLES = (
    "Examples: [bold]siming rating agree exams[/]   [bold]siming rating agree exams --by skill --html agreement.html[/]   "
    "[bold]siming rating agree marks.csv --rubric aed-adult --by step[/]   "
    "[bold]siming rating agree marks.xlsx --max 10 --by site --json[/]"
)

MOST_STEPS = 10
"""Steps printed of a part, those with the most differences; JSON and the page have all."""

IN_MARKS = ("mean_difference",)
"""Metrics in points of 100; all others are coefficients or shares."""


@from_ratings
def agree(
    source: Source,
    by: Annotated[str, typer.Option(help="pair, skill, step, site or week (of the later sheet).")] = "pair",
    replicates: Annotated[
        int, typer.Option(help="Bootstrap replicates, for the few intervals that are drawn.", min=100)
    ] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = 0,
    everything: Annotated[
        bool, typer.Option("--all", help="Every other two-rater statistic too, below the panels.")
    ] = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write a self-contained page.", metavar="FILE")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """The agreement panel of each two physicians: values, intervals, what chance and a blind rater would get, who is
    stricter, where they differ; with three or more physicians, all of them together."""
    from siming.cli.arguments import choice
    from siming.rating.agreement_report import agreement_report

    parts = choice("--by", by, ("pair", "skill", "step", "site"))
    plain = agreement_report(
        source.dataset,
        by=parts,  # type: ignore[arg-type]
        replicates=replicates,
        seed=seed,
        source=source.name,
        notes=source.notes,
        everything=everything,
    ).to_plain()
    language = finish(plain, as_json=as_json, page=html, lang=lang, told=source.notes)
    if language is not None:
        _Writer("zh" if language == "zh" else "en").print(plain)


class _Writer:
    """One report as tables in one language."""

    def __init__(self, language: Language) -> None:
        from siming.rating.texts import texts

        self._language = language
        self._say: Any = texts(language)

    def print(self, plain: Any) -> None:
        """Everything."""
        if plain["by"] == "step":
            for pair, panels in groupby(plain["panels"], key=lambda panel: (panel["first"], panel["second"])):
                self._steps_alone(pair, list(panels))
        else:
            for panel in plain["panels"]:
                self._panel(panel)
        if plain["all_raters"] is not None:
            self._all_raters(plain["all_raters"])
        for found in plain.get("more", ()):
            self._more(found)

    def _more(self, found: Any) -> None:
        """Every other statistic of two raters, with what it measures."""
        print_table(
            f"{found['first']} – {found['second']} · {self._say['agreement']['tables']['more']}",
            [
                "",
                self._say["head"]["value"],
                self._say["head"]["interval"],
                self._say["agreement"]["columns"]["measures"],
            ],
            [
                [name, _value(measured), self._interval(measured), found["measures"][name][self._language]]
                for name, measured in found["metrics"].items()
            ],
            language=self._language,
        )

    def _panel(self, panel: Any) -> None:
        head = self._say["head"]
        print_table(
            f"{self._title(panel)}\n{self._counts(panel)}",
            ["", head["value"], head["interval"]],
            [self._row(panel, name, measured) for name, measured in panel["metrics"].items()],
            language=self._language,
        )
        self._sentences(panel["words"][self._language])
        self._sentences([f"! {warning['text'][self._language]}" for warning in panel["warnings"]], style="yellow")
        self._confusion(panel)
        self._steps(panel)

    def _row(self, panel: Any, name: str, measured: Any) -> list[str]:
        title = self._say["rows"][name].format(first=panel["first"], second=panel["second"])
        return [title, _value(measured, 1 if name in IN_MARKS else 2), self._interval(measured, name in IN_MARKS)]

    def _confusion(self, panel: Any) -> None:
        say = self._say["agreement"]
        rows = [
            [f"{level}", *map(str, row), str(sum(row))]
            for level, row in zip(panel["levels"], panel["confusion"], strict=True)
        ]
        below = [sum(column) for column in zip(*panel["confusion"], strict=True)]
        title = say["tables"]["confusion"].format(first=panel["first"], second=panel["second"])
        heads = ["", *map(str, panel["levels"]), say["columns"]["sum"]]
        print_table(
            title, heads, [*rows, [say["columns"]["sum"], *map(str, below), str(sum(below))]], language=self._language
        )

    def _steps(self, panel: Any) -> None:
        """Where they differ, the steps with the most differences first."""
        say = self._say["agreement"]
        p_holm = {each["step"]: each for each in panel["marginals"]["mcnemar"]}
        rows = []
        ranked = sorted(panel["steps"], key=lambda step: -step["n_different"])
        shown = ranked if panel["part"] is None else ranked[:MOST_STEPS]
        for step in shown:
            test = p_holm.get(step["step"])
            rows.append(
                [
                    step_name(step, self._language),
                    str(step["n"]),
                    str(step["n_different"]),
                    *(_value(step["metrics"][name]) for name in ("raw_agreement", "qwk", "ac2")),
                    f"{test['only_first']} / {test['only_second']}" if test else "—",
                    probability(test["p_holm"]) if test else "—",
                ]
            )
        columns = ("step", "n", "different", "raw_agreement", "qwk", "ac2", "only_wrong", "p_holm")
        names = {"first": panel["first"], "second": panel["second"]}
        print_table(
            say["tables"]["steps"],
            [say["columns"][column].format(**names) for column in columns],
            rows,
            language=self._language,
            one_line=True,
        )
        if len(shown) < len(ranked):
            self._sentences([say["words"]["not_shown"].format(n=len(ranked) - len(shown))])

    def _steps_alone(self, pair: tuple[str, str], panels: Sequence[Any]) -> None:
        """With ``--by step``: one row per step in place of one panel per step."""
        say = self._say["agreement"]
        names = ("raw_agreement", "qwk", "qwk_interval", "ac2", "ac2_at_chance", "mean_difference")
        rows = []
        for panel in panels:
            metrics, test = panel["metrics"], panel["marginals"]["mcnemar"]
            rows.append(
                [
                    step_name(panel["steps"][0], self._language),
                    str(panel["n_cells"]),
                    str(panel["n_missing"]),
                    *(_value(metrics[name]) for name in ("raw_agreement", "qwk")),
                    _bracket(metrics["qwk"]) or "—",
                    *(_value(metrics[name]) for name in ("ac2", "ac2_at_chance")),
                    _value(metrics["mean_difference"], 1),
                    f"{test[0]['only_first']} / {test[0]['only_second']}" if test else "—",
                ]
            )
        columns = ("step", "n", "missing", *names, "only_wrong")
        of_pair = {"first": pair[0], "second": pair[1]}
        print_table(
            " – ".join(pair),
            [say["columns"][column].format(**of_pair) for column in columns],
            rows,
            language=self._language,
            one_line=True,
        )
        told: dict[str, int] = {}
        for panel in panels:
            for warning in panel["warnings"]:
                told[warning["code"]] = told.get(warning["code"], 0) + 1
        counts = [say["warned"][code].format(n=n, all=len(panels)) for code, n in told.items()]
        self._sentences([f"! {count}" for count in counts], style="yellow")

    def _all_raters(self, found: Any) -> None:
        say = self._say["agreement"]
        title = say["tables"]["all_raters"].format(raters=say["comma"].join(found["raters"]))
        print_table(
            f"{title}\n{self._counts(found)}",
            ["", self._say["head"]["value"], self._say["head"]["interval"]],
            [
                [say["all_raters"][name], _value(measured), self._interval(measured)]
                for name, measured in found["metrics"].items()
            ],
            language=self._language,
        )

    def _title(self, panel: Any) -> str:
        return f"{panel['first']} – {panel['second']}" + (f" · {panel['part']}" if panel["part"] else "")

    def _counts(self, found: Any) -> str:
        head = self._say["head"]
        counts = [f"{head['videos']} {found['n_videos']}", f"{head['cells']} {found['n_cells']}"]
        if "n_missing" in found:
            counts.append(f"{head['missing']} {found['n_missing']}")
        return " · ".join(counts)

    def _interval(self, measured: Any, in_marks: bool = False) -> str:
        """The interval, or why there is none."""
        from siming.rating.texts import reason_in

        shown = _bracket(measured, 1 if in_marks else 2)
        why = measured.get("reason") or measured.get("interval_reason")
        return shown or (reason_in(self._language, str(why)) if why else "—")

    def _sentences(self, sentences: Sequence[str], style: str | None = None) -> None:
        out = console()
        for sentence in sentences:
            out.print(sentence, markup=False, style=style)
        if sentences:
            out.print()


def _value(measured: Any, decimals: int = 2) -> str:
    value = measured["value"]
    return "—" if value is None else f"{round(value, decimals) + 0.0:.{decimals}f}"


def _bracket(measured: Any, decimals: int = 2) -> str:
    interval = measured.get("interval")
    return f"[{interval[0]:.{decimals}f}, {interval[1]:.{decimals}f}]" if interval else ""
