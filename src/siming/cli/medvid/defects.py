"""`siming medvid defects`: what is wrong with the official evaluator, computed and not told."""

from __future__ import annotations

from typing import Annotated

import typer

from siming.cli.console import console, language_of_terminal, print_json, strings

EXAMPLES = "Examples: [bold]siming medvid defects[/]   [bold]siming medvid defects --json[/]"


def defects(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """The sixteen defects of the official evaluator: a small case each, its value there and in strict mode.

    Both values are computed now, by the scorers that `siming medvid score` runs.
    """
    from rich.markup import escape
    from rich.table import Table

    from siming.bench.medvid.defects import table_of_defects
    from siming.cli.arguments import language

    chosen = language(lang or language_of_terminal())
    rows = table_of_defects(chosen)
    if as_json:
        print_json(rows)
        return
    say = strings(chosen)
    table = Table(show_lines=True)
    for head in (
        "#",
        *(say[f"medvid_defects_{name}"] for name in ("defect", "case", "column", "official", "strict", "repair")),
    ):
        table.add_column(escape(head))
    for row in rows:
        cells = (
            row["number"],
            row["defect"],
            row["case"],
            row["column"],
            row["official"],
            row["strict"],
            row["repair"],
        )
        table.add_row(*(escape(_word(cell)) for cell in cells))
    console().print(table)


def _word(value: object) -> str:
    if value is None:
        return "—"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
