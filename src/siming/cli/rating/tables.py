"""Tables and sentences of the rating commands, from the plain values that JSON has too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siming.cli.console import console, language_of_terminal, print_json, talk

Plain = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """What stands in a table, and what a reader must be told about it below."""

    text: str
    why: str | None = None
    """Why there is no number, or no interval beside it."""

    def __str__(self) -> str:
        return self.text


def shown(measured: Plain | None, decimals: int = 2, *, times: float = 1.0) -> Cell:
    """A number with its interval, or a dash; with the reason for what is lacking."""
    from siming.rating.words import amount, bracket

    if measured is None:
        return Cell("—")
    if measured["value"] is None:
        return Cell("—", measured.get("reason"))
    number = amount(times * measured["value"], decimals)
    interval = bracket(measured, decimals, times=times)
    return Cell(f"{number} {interval}") if interval else Cell(number, measured.get("interval_reason"))


def value(measured: Plain | None, decimals: int = 2, *, times: float = 1.0) -> Cell:
    """The number alone, or a dash with its reason."""
    from siming.rating.words import amount

    if measured is None:
        return Cell("—")
    if measured["value"] is None:
        return Cell("—", measured.get("reason"))
    return Cell(amount(times * measured["value"], decimals))


def probability(measured: Plain | None) -> Cell:
    """A p value: never 0, which no test can find."""
    found = value(measured, 3)
    return Cell("< 0.001") if found.text == "0.000" else found


def step_name(step: Plain, language: str) -> str:
    """Id and title of a step, where the title is another."""
    title = step["title"][language]
    return str(step["step"]) if title == step["step"] else f"{step['step']} {title}"


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str | Cell]],
    *,
    language: str,
    one_line: bool = False,
) -> None:
    """A table with its first column to the left and numbers to the right; nothing where there is no row.

    Numbers are never broken over lines. The reasons of cells are told once each below the table, by number.

    Args:
        one_line: The first column is cut rather than folded: a long table of steps stays one line per step.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    from siming.rating.texts import reason_in

    listed = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    if not listed:
        return
    whys = list(dict.fromkeys(cell.why for row in listed for cell in row if cell.why))
    texts = [[cell.text + (_mark(whys.index(cell.why)) if cell.why else "") for cell in row] for row in listed]
    widths = [max(map(cell_len, column)) for column in zip(*texts, strict=True)]
    out = console()
    heads = list(columns)
    if sum(max(width, cell_len(head)) + 2 for width, head in zip(widths, heads, strict=True)) > out.width:
        heads = [_folded(head, max(width, _NARROWEST)) for width, head in zip(widths, heads, strict=True)]
    table = Table(title=escape(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    taken = [max(width, *map(cell_len, head.split("\n"))) + 2 for width, head in zip(widths, heads, strict=True)]
    longest_id = max(cell_len(row[0].partition(" ")[0]) for row in texts)
    for place, (head, width) in enumerate(zip(heads, widths, strict=True)):
        table.add_column(
            escape(head),
            justify="right" if place else "left",
            overflow="fold",
            no_wrap=place > 0 and width <= _WIDEST_NUMBER,
            max_width=max(longest_id, out.width - sum(taken[1:])) if one_line and not place else None,
        )
    for first, *rest in texts:
        name = Text(first, no_wrap=True, overflow="ellipsis") if one_line else escape(first)
        table.add_row(name, *map(escape, rest))
    out.print(table)
    for number, why in enumerate(whys):
        out.print(f"{_mark(number)} {reason_in(language, why)}", markup=False, highlight=False)
    if whys:
        out.print()


_NARROWEST = 6
_WIDEST_NUMBER = 26
"""So many characters hold a number with its interval; longer cells are words, which may be folded."""


def _mark(number: int) -> str:
    """The number of a note, raised."""
    return str(number + 1).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _folded(head: str, width: int) -> str:
    """A heading in lines of about a width, broken between words, or between signs where it has no blanks."""
    from rich.cells import cell_len, chop_cells

    lines = [""]
    for word in head.split(" "):
        for piece in chop_cells(word, width) if not word.isascii() else [word]:
            joined = f"{lines[-1]} {piece}".strip() if piece == word else lines[-1] + piece
            if cell_len(joined) <= width or not lines[-1]:
                lines[-1] = joined
            else:
                lines.append(piece)
    return "\n".join(lines)


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
    from siming.rating.spreadsheet.note import told_in

    chosen = language(lang or language_of_terminal())
    for note in plain["notes"]:
        if note not in told:
            talk(told_in(chosen, note))
    if page is not None:
        from siming.report.rating_page import write_rating_page

        write_rating_page(plain, page, language=chosen)
        talk(f"page: {page}")
    if as_json:
        print_json(plain)
        return None
    return chosen
