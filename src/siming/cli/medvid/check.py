"""`siming medvid check`: what is wrong with a copy of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from siming.cli.console import console, language_of_terminal, print_json, progress, strings, talk

EXAMPLES = (
    "Examples: [bold]siming medvid check test.json[/]   "
    "[bold]siming medvid check test.json --frames frames --decode[/]   "
    "[bold]siming medvid check medvidbench --json[/]"
)

FramesFolder = Annotated[
    Path | None, typer.Option("--frames", help="Where the frames lie; beside the data by default.", metavar="FOLDER")
]
DataFile = Annotated[Path, typer.Argument(help="The release's JSON file, or a folder that holds one.", metavar="DATA")]

SHOWN = 3


def check(
    data: DataFile,
    frames: FramesFolder = None,
    decode: Annotated[
        bool, typer.Option("--decode", help="Decode every frame; by default only its head is read.")
    ] = False,
    no_frames: Annotated[bool, typer.Option("--no-frames", help="Leave the frames alone.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """Say what a copy of the data holds and what is wrong with it. Exit status 1 where something would break a run."""
    from siming.bench.medvid.check import check as look
    from siming.cli.arguments import language

    say = strings(language(lang or language_of_terminal()))
    with progress() as bar:
        task = bar.add_task(say["medvid_check_looking"], total=None, note="")
        found = look(
            data,
            frames,
            depth="none" if no_frames else "whole" if decode else "heads",
            on_frame=lambda at, of: bar.update(task, completed=at, total=of),
        )
    plain = found.to_plain()
    if as_json:
        print_json(plain)
    else:
        _print(plain, say)
    if found.breaks:
        talk(say["medvid_check_breaks"])
        raise typer.Exit(1)


def _print(plain: dict[str, Any], say: dict[str, str]) -> None:
    out = console()
    out.print(
        say["medvid_check_rows"].format(data=plain["data"], rows=plain["n_rows"], read=plain["n_read"]), markup=False
    )
    known = plain["release"]
    out.print(
        say["medvid_check_release_same" if known["same_counts"] else "medvid_check_release_other"].format(
            rows=known["n_rows"]
        ),
        markup=False,
    )
    _types(plain, say)
    for name in ("sources", "extents", "fps", "times"):
        counts = ", ".join(f"{say.get(f'medvid_check_{name}_{each}', each)} {n}" for each, n in plain[name].items())
        out.print(f"{say[f'medvid_check_{name}']}: {counts}", markup=False)
    names = plain["names"]
    out.print(
        say["medvid_check_names"].format(
            id=names["id"], id_and_type=names["id_and_type"], key=names["key"], twins=plain["n_twins"]
        ),
        markup=False,
    )
    out.print(
        say["medvid_check_held"].format(references=plain["n_references"], regions=plain["n_regions"]), markup=False
    )
    frames = plain["frames"]
    if frames["files_found"] is not None:
        out.print(
            say["medvid_check_frames"].format(
                listed=plain["n_frames"],
                files=frames["files_listed"],
                found=frames["files_found"],
                folder=frames["folder"],
            ),
            markup=False,
        )
    if not plain["findings"]:
        out.print(say["medvid_check_nothing"], markup=False, style="green")
    for each in plain["findings"]:
        words = say["medvid_check_" + each["code"].replace("-", "_")]
        out.print(f"{each['n']}  {words}", markup=False, style="red" if each["breaks"] else "yellow")
        for example in each["examples"][:SHOWN]:
            out.print(f"     {example}", markup=False)


def _types(plain: dict[str, Any], say: dict[str, str]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for place, head in enumerate(("medvid_check_type", "medvid_check_here", "medvid_check_known")):
        table.add_column(escape(say[head]), justify="left" if place == 0 else "right")
    known = plain["release"]["types"]
    for name in dict.fromkeys([*known, *plain["types"]]):
        table.add_row(escape(name[:60]), str(plain["types"].get(name, 0)), str(known.get(name, "—")))
    console().print(table)
