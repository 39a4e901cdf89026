"""`siming stats list`: what there is."""

from __future__ import annotations

from typing import Annotated

import typer

from siming.cli.console import console, language_of_terminal, print_json, strings

EXAMPLES = "Examples: [bold]siming stats list[/]   [bold]siming stats list --theme totals --json[/]"


def list_statistics(
    theme: Annotated[
        str | None,
        typer.Option(help="agreement, totals, generalizability, raters, standards, comparison or planning; else all."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """Every statistic by theme: its name, what it measures, and the command that reaches it."""
    from rich.table import Table
    from rich.text import Text

    from siming.cli.arguments import choice, language
    from siming.metrics.registry import CATALOGUE, measures

    spoken = language(lang or language_of_terminal())
    themes = list(dict.fromkeys(entry.theme for entry in CATALOGUE.values()))
    if theme is not None:
        choice("--theme", theme, themes)
    words, say = measures(spoken), strings(spoken)
    chosen = [entry for entry in CATALOGUE.values() if theme in (None, entry.theme)]
    if as_json:
        print_json(
            [
                {
                    "name": entry.name,
                    "theme": entry.theme,
                    "measures": words[entry.name],
                    "formula": entry.formula,
                    "source": entry.source,
                    "from": entry.shape,
                    "needs": list(entry.needs),
                    "python": entry.path,
                    "command": entry.reached_by,
                    "also": entry.also,
                }
                for entry in chosen
            ]
        )
        return
    out = console()
    for one in themes:
        rows = [entry for entry in chosen if entry.theme == one]
        if rows:
            out.print(Text(f"\n{say[f'stats_theme_{one}']}", style="bold"))
            table = Table(box=None, show_header=False, pad_edge=False)
            table.add_column(no_wrap=True)
            table.add_column()
            table.add_column(style="dim")
            for entry in rows:
                table.add_row(entry.name, Text(words[entry.name]), Text(say[f"stats_from_{entry.shape}"]))
            out.print(table)
