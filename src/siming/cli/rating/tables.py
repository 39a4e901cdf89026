"""Tables and sentences of the rating commands, from the plain values that JSON has too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from siming.cli.console import console, language_of_terminal, print_json, talk

Plain = Mapping[str, Any]


def shown(measured: Plain | None, decimals: int = 2, *, times: float = 1.0) -> str:
    """A number with its interval, or why there is none."""
    from siming.rating.words import amount, bracket

    if measured is None:
        return "—"
    if measured["value"] is None:
        return str(measured.get("reason") or "—")
    return f"{amount(times * measured['value'], decimals)} {bracket(measured, decimals, times=times)}".strip()


def value(measured: Plain | None, decimals: int = 2, *, times: float = 1.0) -> str:
    """The number alone."""
    from siming.rating.words import amount

    if measured is None or measured["value"] is None:
        return "—"
    return amount(times * measured["value"], decimals)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table with its first column to the left and numbers to the right; nothing where there is no row."""
    from rich.markup import escape
    from rich.table import Table

    listed = list(rows)
    if not listed:
        return
    table = Table(title=escape(title), title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(escape(column), justify="left" if place == 0 else "right", overflow="fold")
    for row in listed:
        table.add_row(*map(escape, row))
    console().print(table)


def print_words(plain: Plain, section: str, language: str) -> None:
    """The sentences of a section."""
    out = console()
    for sentence in plain["words"][section][language]:
        out.print(sentence, markup=False)
    out.print()


def finish(
    plain: Plain, *, as_json: bool, page: Path | None = None, lang: str | None, told: Sequence[str] = ()
) -> str | None:
    """Write the page where one is asked for and print JSON where that is asked for.

    Notes go to stderr, but for those already `told`.

    Returns:
        The language in which to print tables, or None where there is nothing left to print.
    """
    from siming.cli.arguments import language

    chosen = language(lang or language_of_terminal())
    for note in plain["notes"]:
        if note not in told:
            talk(note)
    if page is not None:
        from siming.report.rating_page import write_rating_page

        write_rating_page(plain, page, language=chosen)
        talk(f"page: {page}")
    if as_json:
        print_json(plain)
        return None
    return chosen
