"""`siming sheets`: sheets in other people's formats, out of a dataset and back in; datasets as one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from siming.cli.console import console, language_of_terminal, print_json, talk

if TYPE_CHECKING:
    from siming.exchange import FrameTables, Imported
    from siming.rubric import Author, Dataset, Language

app = typer.Typer(
    help="Sheets: to and from CSV, Excel, Label Studio, ELAN, BORIS; evidence from CVAT, COCO, Datavyu, VIA; captions; releases.",
    no_args_is_help=True,
)

FORMATS_EXAMPLES = "Examples: [bold]siming sheets formats[/]   [bold]siming sheets formats --json[/]"
EXPORT_EXAMPLES = (
    "Examples: [bold]siming sheets export exams sheets.xlsx[/]   "
    "[bold]siming sheets export exams captions --format webvtt --lang zh --author consensus:lin[/]   "
    "[bold]siming sheets export exams release --format release[/]"
)
IMPORT_EXAMPLES = (
    "Examples: [bold]siming sheets import exams sheets.xlsx[/]   "
    "[bold]siming sheets import exams A-031.eaf --author physician:wei --add[/]   "
    "[bold]siming sheets import exams A-031.xml --format cvat --author physician:wei[/]"
)
PACK_EXAMPLES = (
    "Examples: [bold]siming sheets pack exams exams.zip[/]   [bold]siming sheets pack exams all.zip --videos[/]"
)
UNPACK_EXAMPLES = "Examples: [bold]siming sheets unpack exams.zip exams[/]"

Folder = Annotated[Path, typer.Argument(help="A dataset's folder.", metavar="DATASET")]
FormatId = Annotated[
    str | None, typer.Option("--format", help="One of `siming sheets formats`; the file's ending says it by default.")
]
Lang = Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(epilog=FORMATS_EXAMPLES)
def formats(as_json: AsJson = False, lang: Lang = None) -> None:
    """Every format: what it keeps of a sheet, and what it loses."""
    from siming.exchange import FORMATS

    spoken = _language(lang)
    if as_json:
        print_json([each.to_plain(spoken) for each in FORMATS.values()])
        return
    from rich.table import Table

    words = _words(spoken)
    table = Table(show_lines=True)
    for name in ("id", "title", "ways", "keeps", "loses"):
        table.add_column(words[name], overflow="fold", no_wrap=name == "id")
    comma = "、" if spoken == "zh" else ", "
    for each in FORMATS.values():
        ways = words["both" if each.can_read and each.can_write else "in" if each.can_read else "out"]
        table.add_row(
            each.id, each.about(spoken), ways, comma.join(each.keeps_in(spoken)), comma.join(each.loses_in(spoken))
        )
    console().print(table)


@app.command("export", epilog=EXPORT_EXAMPLES)
def export_(
    dataset: Folder,
    target: Annotated[Path, typer.Argument(help="A file, or a folder for several.", metavar="TARGET")],
    format_id: FormatId = None,
    attempt: Annotated[list[str] | None, typer.Option(help="Only this attempt; may be repeated.")] = None,
    author: Annotated[
        list[str] | None,
        typer.Option(help="Only this author, such as physician:wei; may be repeated.", metavar="KIND:NAME"),
    ] = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Write a dataset's sheets in a format. The same sheets give the same bytes each time."""
    from siming.exchange import export_sheets, format_of
    from siming.rubric import load_dataset

    spoken = _language(lang)
    paths = export_sheets(
        load_dataset(dataset),
        format_id or format_of(target),
        target,
        language=spoken,
        attempts=attempt or None,
        authors=[_author(each) for each in author] if author else None,
    )
    if as_json:
        print_json({"files": [str(path) for path in paths]})
    else:
        for path in paths:
            typer.echo(_words(spoken)["wrote"].format(path=path))


@app.command("import", epilog=IMPORT_EXAMPLES)
def import_(
    dataset: Folder,
    source: Annotated[Path, typer.Argument(help="A file, or a folder of files.", metavar="FILE")],
    format_id: FormatId = None,
    author: Annotated[
        str | None,
        typer.Option(help="Whose sheets: others are skipped; of a file that names nobody, all.", metavar="KIND:NAME"),
    ] = None,
    add: Annotated[bool, typer.Option("--add", help="Put them into the dataset.")] = False,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Read sheets out of a file, say what was found, and put them into the dataset if asked to."""
    from siming.exchange import add_sheets, format_of, import_sheets
    from siming.rubric import load_dataset, write_lines

    spoken = _language(lang)
    into = load_dataset(dataset)
    found = import_sheets(
        source,
        format_id or format_of(source),
        into,
        author=None if author is None else _author(author),
        frames=_frames_of(into),
    )
    if add:
        into = add_sheets(into, found.sheets)
        write_lines(dataset / "sheets.jsonl", into.sheets)
    if as_json:
        print_json(
            {
                "sheets": [sheet.to_plain() for sheet in found.sheets],
                "warnings": [each.text(spoken) for each in found.warnings],
                "skipped": dict(found.skipped),
                "added": add,
            }
        )
    else:
        _tell(found, into, spoken, folder=dataset if add else None)


@app.command(epilog=PACK_EXAMPLES)
def pack(
    dataset: Folder,
    target: Annotated[Path, typer.Argument(help="The zip file to write.", metavar="FILE")],
    videos: Annotated[bool, typer.Option("--videos", help="The recordings too; they show people.")] = False,
    lang: Lang = None,
) -> None:
    """Put a whole dataset into one zip file, its rubrics with it."""
    from siming.exchange import write_archive
    from siming.rubric import load_dataset

    write_archive(load_dataset(dataset), target, videos=videos)
    typer.echo(_words(_language(lang))["wrote"].format(path=target))


@app.command(epilog=UNPACK_EXAMPLES)
def unpack(
    source: Annotated[Path, typer.Argument(help="A dataset's zip file.", metavar="FILE")],
    folder: Annotated[Path, typer.Argument(help="A new folder for it.", metavar="DATASET")],
    lang: Lang = None,
) -> None:
    """Unpack a dataset from a zip file, which may be a stranger's."""
    from siming.exchange import read_archive

    read_archive(source, folder)
    typer.echo(_words(_language(lang))["wrote"].format(path=folder))


def _tell(found: Imported, dataset: Dataset, spoken: Language, *, folder: Path | None) -> None:
    words = _words(spoken)
    for each in found.warnings:
        talk(each.text(spoken))
    for what, n in found.skipped_in(spoken).items():
        talk(words["skipped"].format(what=what, n=n))
    authors = dict.fromkeys(f"{sheet.author.kind}:{sheet.author.name}" for sheet in found.sheets)
    attempts = {sheet.attempt for sheet in found.sheets}
    typer.echo(
        words["found"].format(
            n=len(found.sheets), attempts=len(attempts), authors=", ".join(authors) or words["nobody"]
        )
    )
    if folder is None:
        talk(words["not_added"])
    else:
        typer.echo(words["added"].format(folder=folder, n=len(dataset.sheets)))


def _frames_of(dataset: Dataset) -> FrameTables:
    """The pictures of the dataset's own videos, each read when a file asks for it and once."""
    from functools import cache

    from siming.exchange import Frames
    from siming.video.decode import read_index

    @cache
    def frames(attempt_id: str) -> Frames | None:
        attempt = dataset.attempts_by_id.get(attempt_id)
        path = None if attempt is None or attempt.video is None else dataset.folder / attempt.video.path
        if path is None or not path.is_file():
            return None
        index = read_index(path)
        starts = [float(index.pts[at] * index.time_base - index.start_s) for at in index.shown]
        return Frames(starts, index.duration_s)

    return frames


def _language(lang: str | None) -> Language:
    from siming.cli.arguments import language

    return language(lang or language_of_terminal())


def _words(spoken: Language) -> dict[str, str]:
    from siming.exchange.texts import texts

    words: dict[str, str] = texts(spoken)["console"]
    return words


def _author(text: str) -> Author:
    """An author as people type him; a name alone is a physician's."""
    from siming.exchange.authors import author_of

    return author_of(text)
