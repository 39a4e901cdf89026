"""`siming board`: a leaderboard of MedVidBench as a folder of files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from siming.cli.console import console, language_of_terminal, print_json, strings, talk

app = typer.Typer(
    help="Board: admit submissions to MedVidBench, rank them, check printed tables.", no_args_is_help=True
)

ADD_EXAMPLES = (
    'Examples: [bold]siming board add submission.json --truth test.json --name "Our model" --org "Our lab"[/]   '
    '[bold]siming board add submission.json --truth test.json --name "GPT-5.4" --org OpenAI --official --judged judged --board boards/2026[/]'
)
SHOW_EXAMPLES = (
    "Examples: [bold]siming board show --published[/]   "
    "[bold]siming board show --board boards/2026 --html board.html[/]   "
    "[bold]siming board show --board boards/2026 --mode leaderboard --rank cvs --json[/]"
)
CHECK_EXAMPLES = "Examples: [bold]siming board check[/]   [bold]siming board check table.csv --json[/]"

Folder = Annotated[
    Path | None, typer.Option("--board", help="The board's folder; ./board by default.", metavar="FOLDER")
]
Lang = Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

DEFAULT = Path("board")


@app.command(epilog=ADD_EXAMPLES)
def add(
    submission: Annotated[Path, typer.Argument(help="A submission, JSON.", metavar="SUBMISSION")],
    truth: Annotated[Path, typer.Option(help="The keeper's questions with their answers, JSON.", metavar="FILE")],
    name: Annotated[str, typer.Option(help="What the board shows.")],
    org: Annotated[str, typer.Option(help="Who submits it.")],
    board: Folder = None,
    judged: Annotated[
        Path | None, typer.Option(help="What `siming medvid judge` wrote; brings the judged columns.", metavar="DIR")
    ] = None,
    official: Annotated[bool, typer.Option("--official", help="The keepers ran the model themselves.")] = False,
    date: Annotated[
        datetime | None,
        typer.Option(help="Of the entry; today by default.", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD"),
    ] = None,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Admit a submission, score it in both modes and put it on a board; the first one begins the board.

    A submission that is refused (exit status 1) hears all reasons at once.
    """
    from siming.cli.arguments import language
    from siming.leaderboard.board import RefusedError
    from siming.leaderboard.board import add as add_to

    chosen = language(lang or language_of_terminal())
    say = strings(chosen)
    folder = board or DEFAULT
    try:
        entry = add_to(
            folder, submission, truth, name=name, org=org, judged=judged, official=official,
            date=date.date() if date else None,
        )  # fmt: skip
    except RefusedError as error:
        if as_json:
            print_json({"admitted": False, "reasons": list(error.reasons)})
        else:
            talk(say["board_refused"].format(n=len(error.reasons)))
            for reason in error.reasons:
                talk(f"  - {reason}")
        raise typer.Exit(1) from None
    if as_json:
        print_json({"admitted": True, **entry.plain})
        return
    talk(say["board_added"].format(name=entry.name, folder=folder, kind=say[f"board_kind_{entry.kind}"]))
    _print_entry(entry, say)
    for note in entry.plain["notes"]:
        talk(f"! {note[chosen]}")


@app.command(epilog=SHOW_EXAMPLES)
def show(
    board: Folder = None,
    as_json: AsJson = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write a self-contained page.", metavar="FILE")] = None,
    rank: Annotated[str, typer.Option(help="current (mean rank), normalised (mean share) or cvs.")] = "current",
    mode: Annotated[str | None, typer.Option(help="leaderboard or strict; strict where there is a board.")] = None,
    published: Annotated[bool, typer.Option("--published", help="Show the published rows of MedVidBench too.")] = False,
    lang: Lang = None,
) -> None:
    """Show a board: the table, a page, or JSON. Without a board, the published rows alone."""
    from siming.cli.arguments import choice, language
    from siming.leaderboard import board_view, open_board

    chosen = language(lang or language_of_terminal())
    rule = choice("--rank", rank, ("current", "normalised", "cvs"))
    folder = board or DEFAULT
    opened = open_board(folder) if board is not None or (folder / "board.yaml").exists() or not published else None
    wanted = choice("--mode", mode or ("strict" if opened else "leaderboard"), ("leaderboard", "strict"))
    plain = board_view(opened, mode=wanted, rule=rule, published=published)  # type: ignore[arg-type]
    if html is not None:
        from siming.report.board_page import write_board_page

        write_board_page(plain, html, language=chosen)
        talk(f"page: {html}")
    if as_json:
        print_json(plain)
    elif html is None:
        _print_board(plain, strings(chosen), chosen)


@app.command(epilog=CHECK_EXAMPLES)
def check(
    table: Annotated[
        Path | None, typer.Argument(help="A table, CSV or JSON; the published rows by default.", metavar="[TABLE]")
    ] = None,
    decimals: Annotated[int, typer.Option(help="Decimals that the values were rounded to.", min=1, max=12)] = 3,
    as_json: AsJson = False,
    lang: Lang = None,
) -> None:
    """Check whether the numbers of a board fit together; exit status 1 where some cannot be right."""
    from siming.cli.arguments import language
    from siming.leaderboard import check_rows, published_rows, read_table

    chosen = language(lang or language_of_terminal())
    rows = read_table(table) if table is not None else {row.name: row.values for row in published_rows()}
    findings = [finding.to_plain() for finding in check_rows(rows, decimals=decimals)]
    bad = sum(finding["meaning"] == "impossible" for finding in findings)
    if as_json:
        print_json({"schema": "siming.board-check/1", "rows": len(rows), "findings": findings})
    else:
        _print_findings(findings, strings(chosen), chosen)
        talk(strings(chosen)["board_checked"].format(rows=len(rows), n=len(findings), bad=bad))
    if bad:
        raise typer.Exit(1)


def _print_entry(entry: Any, say: Mapping[str, str]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for place, head in enumerate(("", "leaderboard", say["board_strict"], say["medvid_score_interval"])):
        table.add_column(escape(head), justify="left" if place == 0 else "right")
    strict = entry.plain["modes"]["strict"]["columns"]
    for name, found in strict.items():
        limits = found["interval"]
        shown = f"[{limits[0]:.4f}, {limits[1]:.4f}]" if limits else "—"
        table.add_row(name, _value(entry.value("leaderboard", name), 4), _value(found["value"], 4), escape(shown))
    console().print(table)


def _print_board(plain: Mapping[str, Any], say: Mapping[str, str], lang: str) -> None:
    from rich.markup import escape
    from rich.table import Table

    title = say["board_title"].format(mode=say[f"board_mode_{plain['mode']}"], rule=say[f"board_rule_{plain['rule']}"])
    table = Table(title=escape(title), title_justify="left", box=None, pad_edge=False)
    heads = ["#", say["board_range"], say["board_name"], say["board_kind"], say["board_score"]]
    heads += [column["name"].replace("_mIoU", "").replace("_acc", "") for column in plain["columns"]]
    for head in heads:
        table.add_column(
            escape(head),
            justify="left" if head in (say["board_name"], say["board_kind"]) else "right",
            no_wrap=head != say["board_name"],
        )
    for row in plain["rows"]:
        span = row["rank_range"]
        cells = ["—" if row["place"] is None else str(row["place"]), "—" if span is None else _span(span), row["name"]]
        cells += [say[f"board_kind_{row['kind']}"], _value(row["score"], 2)]
        cells += [_value(row["cells"][column["name"]]["value"], 3) for column in plain["columns"]]
        table.add_row(*map(escape, cells))
    out = console()
    out.print(table)
    for fact in plain["facts"]:
        out.print(fact[lang], markup=False, style="dim")
    _print_findings([f for f in plain["findings"] if f["meaning"] != "note"], say, lang)


def _print_findings(findings: Sequence[Mapping[str, Any]], say: Mapping[str, str], lang: str) -> None:
    style = {"impossible": "red", "doubtful": "yellow", "note": "dim"}
    for finding in findings:
        words = say[f"board_meaning_{finding['meaning']}"]
        console().print(f"{words}: {finding['text'][lang]}", markup=False, style=style[finding["meaning"]])


def _span(limits: Sequence[int]) -> str:
    return str(limits[0]) if limits[0] == limits[1] else f"{limits[0]}–{limits[1]}"


def _value(value: float | None, decimals: int) -> str:
    return "—" if value is None else f"{value:.{decimals}f}"
