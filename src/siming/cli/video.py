"""`siming video`: look at a recording, take frames from it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from siming.cli.console import print_json, talk

app = typer.Typer(help="Recordings: probe them, take frames at exact times.", no_args_is_help=True)

PROBE_EXAMPLES = "Example: [bold]siming video probe exam.mp4 --json[/]"
FRAMES_EXAMPLES = (
    "Examples: [bold]siming video frames exam.mp4 --n 64 --out frames/[/]   "
    "[bold]siming video frames exam.mp4 --policy fps:2 --from 20 --to 35 --out clip/[/]"
)


@app.command(epilog=PROBE_EXAMPLES)
def probe(
    file: Annotated[Path, typer.Argument(help="A video file.")],
    sha256: Annotated[bool, typer.Option("--sha256", help="Also hash the file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a recording holds, and what is wrong with it."""
    from siming.video import probe as probe_file

    found = probe_file(file, sha256=sha256).to_json()
    if as_json:
        print_json(found)
        return
    width = max(len(name) for name in found)
    for name, value in found.items():
        if name != "warnings" and value is not None:
            typer.echo(f"{name:<{width}}  {value}")
    for warning in found.get("warnings", ()):
        typer.echo(f"{'warning':<{width}}  {warning}")


@app.command(epilog=FRAMES_EXAMPLES)
def frames(
    file: Annotated[Path, typer.Argument(help="A video file.")],
    out: Annotated[Path, typer.Option(help="Folder for the frames: 00000.jpg, 00001.jpg, ...")],
    n: Annotated[int | None, typer.Option(help="How many frames, or the cap of fps. 64 where one is needed.")] = None,
    policy: Annotated[str, typer.Option(help="middle, endpoints, fps:R, or a preset such as paper-64.")] = "middle",
    start_s: Annotated[float | None, typer.Option("--from", help="Start of the clip, seconds.")] = None,
    end_s: Annotated[float | None, typer.Option("--to", help="End of the clip, seconds.")] = None,
    max_side: Annotated[int, typer.Option(help="Longest side, pixels; frames are never enlarged.")] = 768,
    threads: Annotated[int | None, typer.Option(help="Cores to use; all by default.")] = None,
    approx_keyframes: Annotated[
        bool, typer.Option("--approx-keyframes", help="Nearest key picture: a quick preview, not for scoring.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: for each frame the time asked and shown.")
    ] = False,
) -> None:
    """Write the pictures on show at exact times as JPEG files."""
    from siming.errors import TaskError
    from siming.video import FramePlan, cut_frames
    from siming.video.decode import read_index
    from siming.video.probe import warnings_of

    began = time.perf_counter()
    if n is None and policy in ("middle", "endpoints"):
        n = 64
    within = None
    if start_s is not None or end_s is not None:
        if end_s is None:
            raise TaskError("--from needs --to: say where the clip ends, in seconds")
        within = [(start_s or 0.0, end_s)]
    index = read_index(file)
    warnings = warnings_of(index)
    for warning in warnings:
        talk(f"warning: {warning}")
    cut = cut_frames(
        file,
        FramePlan.parse(policy, n=n),
        within=within,
        max_side=max_side,
        out=out,
        threads=threads,
        approx_keyframes=approx_keyframes,
        known_index=index,
    )
    if as_json:
        shown_frames = [frame.to_json() for frame in cut]
        print_json({"file": str(file), "policy": policy, "warnings": warnings, "frames": shown_frames})
    else:
        for frame in cut:
            shown = "no picture" if frame.shown_s is None else f"{frame.shown_s:.3f}"
            name = frame.path.name if frame.path else "-"
            typer.echo(f"{name}  asked {frame.time_s:.3f} s  shown {shown} s{'  DAMAGED' if frame.damaged else ''}")
    damaged = sum(frame.damaged for frame in cut)
    talk(
        f"{len(cut)} frames in {out}, work_s={time.perf_counter() - began:.3f}"
        + (f", {damaged} damaged" if damaged else "")
    )
    if damaged:
        raise typer.Exit(1)
