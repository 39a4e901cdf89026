"""`siming demo`: the whole story on simulated exams, with no key and no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siming.cli.console import console, language_of_terminal, progress, talk

EXAMPLES = "Example: [bold]siming demo --out my-demo[/]"


def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes.")] = Path("siming-demo"),
    attempts: Annotated[int, typer.Option(help="How many exams to simulate.", min=6)] = 20,
    seed: Annotated[int, typer.Option(help="The same seed tells the same story.")] = 7,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """Simulate exams, let two physicians rate them, ask baselines and a replayed model, measure, examine, report."""
    from siming.cli.arguments import language
    from siming.cli.story import tell

    with progress() as bar:
        task = bar.add_task("simulating", total=None, note="")
        page = tell(
            out,
            attempts=attempts,
            seed=seed,
            language=language(lang or language_of_terminal()),
            console=console(),
            on_progress=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        )
    talk(f"open {page}")
