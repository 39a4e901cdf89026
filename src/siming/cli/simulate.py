"""`siming simulate`: a dataset of simulated exams whose truth is known exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siming.cli.console import print_json, progress, talk

EXAMPLES = (
    "Examples: [bold]siming simulate exams --attempts 24 --seed 7[/]   "
    "[bold]siming simulate exams --attempts 200 --no-video[/]"
)


def simulate(
    folder: Annotated[Path, typer.Argument(help="Folder for the dataset; made if needed.", metavar="DIR")],
    attempts: Annotated[int, typer.Option(help="How many exams.", min=1)] = 12,
    seed: Annotated[int, typer.Option(help="The same seed gives the same exams.")] = 0,
    physicians: Annotated[int, typer.Option(help="Simulated physicians who rate each exam (0 or 2).")] = 2,
    video: Annotated[
        bool, typer.Option("--video/--no-video", help="Draw the videos, or only write the events.")
    ] = True,
    fps: Annotated[int, typer.Option(help="Pictures per second of the drawn videos.")] = 10,
    workers: Annotated[int | None, typer.Option(help="Processes that draw; one per core by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Simulate exams: scripts with faults, events, gold sheets, physicians' sheets, drawn videos with sound.

    Run again with the same options it goes on where it was interrupted.
    """
    from siming.simulate import simulate_dataset

    with progress() as bar:
        task = bar.add_task("drawing exams" if video else "simulating exams", total=attempts, note="")
        dataset = simulate_dataset(
            folder,
            attempts=attempts,
            seed=seed,
            physicians=physicians,
            draw=video,
            fps=fps,
            workers=workers,
            on_progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if as_json:
        print_json({"folder": str(folder), "attempts": len(dataset.attempts), "sheets": len(dataset.sheets)})
    else:
        talk(f"{len(dataset.attempts)} simulated exams and {len(dataset.sheets)} sheets in {folder}")
