"""`siming medvid submission`: the answers of a run as the board wants them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siming.cli.console import language_of_terminal, print_json, strings, talk

EXAMPLES = (
    "Examples: [bold]siming medvid submission runs/name --out submission.json[/]   "
    "[bold]siming medvid submission runs/name --out half.json --partial --json[/]"
)


def submission(
    run: Annotated[Path, typer.Argument(help="A run folder of `siming medvid ask`, answered.", metavar="RUN")],
    out: Annotated[Path, typer.Option(help="The file to write.", metavar="FILE")],
    partial: Annotated[bool, typer.Option("--partial", help="Exit status 0 even where rows have no answer.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """Write a submission in official order: one row for every question of the file, empty text where there is no answer.

    Exit status 1 unless every question is answered.
    """
    from siming.cli.arguments import language
    from siming.methods.medvid import submission as write

    say = strings(language(lang or language_of_terminal()))
    filled = write(run, out)
    if as_json:
        print_json(
            {
                "file": str(out),
                "rows": filled.n_rows,
                "wanted": filled.n_wanted,
                "answered": filled.n_answered,
                "coverage": filled.coverage,
                "by_task": {task: dict(counts) for task, counts in filled.by_status.items()},
            }
        )
    else:
        talk(
            say["medvid_submission_written"].format(
                path=out, rows=filled.n_rows, answered=filled.n_answered, share=f"{filled.coverage:.1%}"
            )
        )
        for task, counts in filled.by_status.items():
            talk(f"  {task}: " + ", ".join(f"{n} {say[f'medvid_status_{status}']}" for status, n in counts.items()))
        if cut := filled.counted("truncated"):
            talk(say["medvid_submission_cut"].format(n=cut))
    if filled.coverage < 1 and not partial:
        talk(say["medvid_submission_partial"].format(n=filled.n_wanted - filled.n_answered))
        raise typer.Exit(1)
