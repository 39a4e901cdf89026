"""`siming medvid ask`: the questions as a run that any model can be asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siming.cli.console import language_of_terminal, print_json, strings, talk
from siming.cli.medvid.check import DataFile, FramesFolder

EXAMPLES = (
    "Examples: [bold]siming medvid ask test.json --frames frames --out runs/questions[/]   "
    "[bold]siming medvid ask test.json --out runs/stg --one-shot --task stg --limit 50[/]   then   "
    "[bold]siming bench run runs/questions --model openai:NAME@http://127.0.0.1:8000/v1[/]"
)


def ask(
    data: DataFile,
    out: Annotated[Path, typer.Option(help="The run's folder, new or its own.")],
    frames: FramesFolder = None,
    one_shot: Annotated[
        bool, typer.Option("--one-shot", help="Put a made-up example of the question's type before it.")
    ] = False,
    task: Annotated[
        list[str] | None,
        typer.Option(
            help="tal, stg, next_action, dvc, cvs_assessment, skill_assessment, vs, rc, or a qa_type. Repeatable."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Ask the first so many questions only.", min=1)] = None,
    max_side: Annotated[int, typer.Option(help="Longest side of a frame, pixels.", min=2)] = 768,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh, of what is said here; the prompts are English.")] = None,
) -> None:
    """Write every question as a request: its frames with their times, its region, the form and room of its answer."""
    from siming.cli.arguments import language
    from siming.methods.medvid import ask as write_run

    say = strings(language(lang or language_of_terminal()))
    asked = write_run(data, out, frames=frames, one_shot=one_shot, tasks=task or (), limit=limit, max_side=max_side)
    if as_json:
        told = {"folder": str(out), "requests": len(asked.requests), "skipped": dict(asked.skipped)}
        print_json({**told, "max_tokens": dict(asked.budgets), "frames_missing": asked.n_missing})
    else:
        talk(say["medvid_ask_written"].format(n=len(asked.requests), path=out / "requests.jsonl"))
        rooms = ", ".join(f"{name} {n}" for name, n in asked.budgets.items())
        talk(say["medvid_ask_budgets"].format(budgets=rooms))
        for name, why in list(asked.skipped.items())[:10]:
            talk(say["medvid_ask_skipped"].format(name=name, why=why))
        if len(asked.skipped) > 10:
            talk(say["medvid_ask_more"].format(n=len(asked.skipped) - 10))
        if asked.n_missing:
            talk(say["medvid_ask_missing"].format(n=asked.n_missing))
        talk(say["medvid_ask_next"].format(out=out))
    if asked.skipped:
        raise typer.Exit(1)
