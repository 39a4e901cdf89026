"""`siming measure`: instruments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from siming.cli.console import console, language_of_terminal, print_json, talk

app = typer.Typer(help="Instruments: what can be measured from sound and picture.", no_args_is_help=True)

EXAMPLES = (
    "Examples: [bold]siming measure compressions exam.mp4[/]   "
    "[bold]siming measure compressions exam.mp3 --events > events.jsonl[/]"
)


@app.callback()
def _group() -> None:
    """Keeps `compressions` a verb of its own while it is the only one."""


@app.command(epilog=EXAMPLES)
def compressions(
    file: Annotated[Path, typer.Argument(help="A recording with sound.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    events: Annotated[
        bool, typer.Option("--events", help="Print one event per stroke, for `siming rubric examine`.")
    ] = False,
    attempt: Annotated[str | None, typer.Option(help="Attempt id for --events; the file's name by default.")] = None,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """Bouts, strokes, rate and hands-off time of chest compressions, from the sound."""
    from siming.cli.arguments import language
    from siming.measure import measure_compressions
    from siming.video.probe import sound_warnings

    report = measure_compressions(file)
    warnings = sound_warnings(file, sound_s=report.duration_s)
    for warning in warnings:
        talk(f"warning: {warning}")
    if events:
        for event in report.to_events(attempt=attempt or file.stem):
            typer.echo(json.dumps(event, ensure_ascii=False, allow_nan=False))
        return
    if as_json:
        print_json({**report.to_json(), "warnings": warnings})
        return
    from rich.table import Table
    from rich.text import Text

    zh = language(lang or language_of_terminal()) == "zh"
    table = Table(title=Text(file.name), title_justify="left")
    heads = ("轮次", "按压次数", "开始 (秒)", "结束 (秒)", "频率 (次/分)", "其后中断 (秒)") if zh else (
        "bout", "strokes", "first s", "last s", "rate /min", "hands off after, s")  # fmt: skip
    for head in heads:
        table.add_column(head, justify="right")
    pauses = [f"{pause.seconds:.1f}" for pause in report.hands_off] + ["—"]
    for number, (bout, pause) in enumerate(zip(report.bouts, pauses, strict=False), start=1):
        rate = "—" if bout.rate_per_min is None else f"{bout.rate_per_min:.1f}"
        table.add_row(str(number), str(bout.n), f"{bout.first_s:.2f}", f"{bout.last_s:.2f}", rate, pause)
    console().print(table)
    if not report.bouts:
        typer.echo(
            "没有听到按压声；这不等于没有按压。" if zh else "No compressions were heard; that is no proof of none."
        )
