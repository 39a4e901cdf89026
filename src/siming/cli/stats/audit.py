"""`siming stats audit`: whether the figures of a printed table can stand beside one another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from siming.cli.console import console, language_of_terminal, print_json, strings, talk
from siming.errors import TaskError

if TYPE_CHECKING:
    from siming.metrics.audit import Audit
    from siming.rating.spreadsheet.table_file import Table
    from siming.rubric import Language

EXAMPLES = (
    "Examples: [bold]siming stats audit table3.csv[/]   "
    "[bold]siming stats audit table3.csv --n 200 --cells 6600 --prevalence 0.183[/]   "
    "[bold]siming stats audit table5.csv --column 'Wrong steps found=recall' --delta 'clip,full,gain' --json[/]"
)


def audit_figures(
    table: Annotated[
        Path, typer.Argument(help="A CSV or XLSX table, as printed: a row per model or result. - is standard input.")
    ],
    n: Annotated[int | None, typer.Option("--n", help="Videos behind every row, where no column says so.")] = None,
    cells: Annotated[
        int | None, typer.Option(help="Cells that counts and percentages are of, where no column says so.")
    ] = None,
    prevalence: Annotated[
        str | None, typer.Option(help="Share of positives (steps done wrong) as the text prints it, such as 0.183.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="HEADING=MEANING for a heading the auditor does not know, such as Found=recall. Repeatable."),
    ] = None,
    delta: Annotated[
        list[str] | None, typer.Option(help="BEFORE,AFTER,DIFFERENCE: three headings. Repeatable.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show what passed as well.")] = False,
    encoding: Annotated[str | None, typer.Option(help="utf-8, gb18030 ...; found out by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """Check printed figures against the identities they must obey; exit status 1 where some cannot stand together.

    Every printed number stands for all that round to it, so that rounding alone is never a contradiction. Headings are
    known by their usual names in English and Chinese: precision, recall, F1, MCC, accuracy, prevalence, kappa, QWK,
    disagreement, r (PLCC), n, p, count, total, percent, mean, grain, before, after, delta.
    """
    from siming.cli.arguments import language
    from siming.metrics.audit import audit_table

    rows = _rows(_read(table, encoding), n=n, cells=cells)
    own = dict(_split(pair) for pair in column or ())
    typed = [*own, *(heading for text in delta or () for heading in _triple(text))]
    unknown = [heading for heading in typed if not any(heading in row for row in rows)]
    if unknown:
        have = ", ".join(
            heading for heading in (rows[0] if rows else ()) if heading not in ("row", "n_videos", "n_cells")
        )
        raise TaskError(f"{table}: has no heading {unknown[0]!r}; it has {have}")
    found = audit_table(rows, prevalence=prevalence, columns=own, deltas=[_triple(text) for text in delta or ()])
    spoken = language(lang or language_of_terminal())
    if as_json:
        print_json({**found.to_json(), "findings": _plain(found)})
    else:
        _show(found, spoken, every=every)
    if found.contradictions:
        raise typer.Exit(1)


def _read(path: Path, encoding: str | None) -> Table:
    import sys
    import tempfile

    from siming.rating.spreadsheet.table_file import read_table

    if str(path) != "-":
        return read_table(path, encoding=encoding)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "standard input.csv"
        copy.write_bytes(sys.stdin.buffer.read())
        return read_table(copy, encoding=encoding)


def _rows(table: Table, *, n: int | None, cells: int | None) -> list[dict[str, object]]:
    """A mapping per line below the headings, which are the first line that has two known ones (a title may stand above)."""
    from siming.metrics.audit import column_of

    heads = next(
        (at for at, row in enumerate(table.rows) if sum(column_of(cell) is not None for cell in row if cell) > 1), 0
    )
    headings = table.rows[heads]
    known = {column_of(heading) for heading in headings if heading}
    added: dict[str, object] = {}
    if n is not None and "n" not in known:
        added["n_videos"] = str(n)
    if cells is not None and "total" not in known and known & {"count", "percent"}:
        added["n_cells"] = str(cells)
    rows: list[dict[str, object]] = []
    for row in table.rows[heads + 1 :]:
        named = {heading: cell for heading, cell in zip(headings, row, strict=True) if heading}
        if any(str(cell).strip() for cell in named.values()):
            rows.append({**named, **added})
    first = headings[0]
    if first and column_of(first) is None and "name" not in known:
        # The first column of a results table names its rows, whatever it is called.
        rows = [{"row" if heading == first else heading: cell for heading, cell in row.items()} for row in rows]
    return rows


def _split(pair: str) -> tuple[str, str]:
    heading, equals, meaning = pair.rpartition("=")
    if not equals:
        raise TaskError(f"--column {pair!r} is not HEADING=MEANING; write for example --column 'Found=recall'")
    return heading.strip(), meaning.strip()


def _triple(text: str) -> tuple[str, str, str]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3:
        raise TaskError(f"--delta {text!r} is not BEFORE,AFTER,DIFFERENCE; give three headings with commas")
    return parts[0], parts[1], parts[2]


def _plain(found: Audit) -> list[dict[str, object]]:
    """The findings with their sentences in both languages."""
    both: tuple[Language, ...] = ("en", "zh")
    return [
        {
            **finding.to_json(),
            "message": {spoken: finding.words(spoken) for spoken in both},
            "means": {spoken: finding.meaning(spoken) for spoken in both},
        }
        for finding in found.findings
    ]


def _show(found: Audit, language: Language, *, every: bool) -> None:
    from rich.text import Text

    say, out = strings(language), console()
    styles = {"pass": "green", "impossible": "bold red", "needs denominator": "bold yellow"}
    for finding in found.findings if every else found.contradictions:
        head = Text(f"{say[f'stats_audit_{finding.status}']}  ", style=styles[finding.status])
        head.append(f"{finding.check}  {', '.join(finding.rows)}", style="bold")
        out.print(head)
        out.print(Text(f"  {finding.words(language)}"))
        if finding.status != "pass":
            out.print(Text(f"  → {finding.meaning(language)}"))
    n, bad = len(found.findings), len(found.contradictions)
    out.print(say["stats_audit_summary" if n else "stats_audit_nothing"].format(n=n, bad=bad))
    if found.unused_columns:
        talk(say["stats_audit_unused"].format(columns=", ".join(found.unused_columns)))
