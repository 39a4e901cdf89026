"""`siming report`: everything about some runs as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siming.cli.console import language_of_terminal, talk

EXAMPLES = "Example: [bold]siming report runs/* --dataset exams --out report.html[/]"


def report(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.", metavar="RUN...")],
    dataset: Annotated[Path, typer.Option(help="The dataset they were asked about.")],
    out: Annotated[Path, typer.Option(help="The page; report.json is written beside it.")],
    missing: Annotated[
        str, typer.Option(help="strict: a missing answer counts as the worst; drop: only cells all runs answered.")
    ] = "strict",
    replicates: Annotated[int, typer.Option(help="Bootstrap replicates.", min=100)] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = 0,
    frames: Annotated[Path | None, typer.Option(help="Where cut frames are kept; DATASET/frames by default.")] = None,
    lang: Annotated[str | None, typer.Option(help="Language the page opens in: en or zh; it holds both.")] = None,
) -> None:
    """Write one self-contained page: agreement with intervals, confusions, steps, every attempt with its reasons."""
    from siming.cli.arguments import language
    from siming.cli.scoring import pictures, scored
    from siming.report import write_report
    from siming.rubric import load_dataset

    found = scored(runs, load_dataset(dataset), missing=missing, replicates=replicates, seed=seed)
    shown = pictures(frames or dataset / "frames")
    _, page = write_report(found, out, frames=shown, language=language(lang or language_of_terminal()))
    talk(f"open {page}")
