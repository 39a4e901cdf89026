"""`siming rating agree`: how far physicians agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siming.cli.console import console, language_of_terminal, print_json

if TYPE_CHECKING:
    from siming.rating.panel import Panel

EXAMPLES = "Examples: [bold]siming rating agree exams[/]   [bold]siming rating agree exams --by skill --json[/]"


def agree(
    dataset: Annotated[Path, typer.Argument(help="A dataset folder with sheets of two or more physicians.")],
    by: Annotated[str, typer.Option(help="pair, skill, step or site.")] = "pair",
    replicates: Annotated[int, typer.Option(help="Bootstrap replicates, for intervals of totals.", min=100)] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """The agreement panel of each pair of physicians: values, intervals, what chance and a blind rater would get."""
    from siming.cli.arguments import choice, language
    from siming.rating.panel import panels
    from siming.rubric import load_dataset

    parts = choice("--by", by, ("pair", "skill", "step", "site"))
    found = panels(load_dataset(dataset), by=parts, replicates=replicates, seed=seed)  # type: ignore[arg-type]
    if as_json:
        print_json([panel.to_plain() for panel in found])
        return
    for panel in found:
        _print(panel, language(lang or language_of_terminal()))


def _print(panel: Panel, language: str) -> None:
    from rich.table import Table

    from siming.rating.panel import texts

    say: Any = texts(language)
    head = say["head"]
    title = f"{panel.first} – {panel.second}" + (f" · {panel.part}" if panel.part else "")
    counts = (
        f"{head['videos']} {panel.n_videos} · {head['cells']} {panel.n_cells} · {head['missing']} {panel.n_missing}"
    )
    table = Table(title=f"{title}\n{counts}", title_justify="left")
    table.add_column("")
    for name in ("value", "interval"):
        table.add_column(head[name], justify="right")
    for name, measured in panel.rows.items():
        value = "—" if measured.value is None else f"{measured.value:.2f}"
        interval = measured.interval
        shown = (
            f"[{interval.low:.2f}, {interval.high:.2f}]" if interval else measured.reason or measured.interval_reason
        )
        table.add_row(say["rows"][name], value, (shown or "—").replace("[", r"\["))
    out = console()
    out.print(table)
    if panel.limits:
        out.print(head["limits"].format(low=f"{panel.limits[0]:.1f}", high=f"{panel.limits[1]:.1f}"))
    for code in panel.warnings:
        out.print(f"! {say['warnings'][code]}")
