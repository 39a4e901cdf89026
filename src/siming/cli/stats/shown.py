"""How results of `siming stats` look in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from siming.cli.console import console, strings

if TYPE_CHECKING:
    from siming.metrics import Measured
    from siming.metrics.registry import Entry

MOST_ROWS = 60
"""Parts that a terminal shows; `--json` has them all."""


def show(entry: Entry, result: Any, language: str) -> None:
    """The value or values with interval and n, then formula and source."""
    from rich.table import Table
    from rich.text import Text

    from siming.metrics.registry import measures
    from siming.metrics.registry.parts import measured_in

    say = strings(language)
    found = list(measured_in(result))
    out = console()
    out.print(Text(f"{entry.name}: {measures(language)[entry.name]}", style="bold"))
    if found:
        table = Table()
        for head, right in (("", False), ("value", True), ("interval", True), ("n", True)):
            table.add_column(say[f"stats_{head}"] if head else "", justify="right" if right else "left")
        for path, one in found[:MOST_ROWS]:
            table.add_row(Text(" · ".join(path)), number(one.value), Text(_interval(one, language)), str(one.n))
        out.print(table)
        if len(found) > MOST_ROWS:
            out.print(say["stats_more_rows"].format(n=len(found) - MOST_ROWS))
        for line in _remarks([one for _, one in found], say, language):
            out.print(Text(line))
    else:
        _show_plain(result)
    out.print(Text(f"{say['stats_formula']}: {entry.formula}"))
    out.print(Text(f"{say['stats_source']}: {entry.source}"))


def number(value: float | None) -> str:
    """Five digits; a dash where undefined."""
    return "—" if value is None else f"{value:.5g}"


def _interval(one: Measured, language: str) -> str:
    from siming.rating.texts import reason_in

    if one.interval is not None:
        return f"[{number(one.interval.low)}, {number(one.interval.high)}]"
    return reason_in(language, one.reason or one.interval_reason or "—")


def _remarks(found: list[Measured], say: dict[str, str], language: str) -> list[str]:
    """What was left out, how the intervals were made, and notes, each once."""
    from siming.rating.texts import reason_in

    lines = []
    for one in found:
        gone = ", ".join(f"{reason_in(language, name)} {count}" for name, count in one.left_out.items() if count)
        if gone:
            lines.append(f"{say['stats_left_out']}: {gone}")
        if one.interval is not None:
            made = one.interval
            drawn = "" if made.seed is None else f", {made.replicates} × , seed {made.seed}"
            lines.append(
                f"{say['stats_interval']}: {made.level:.0%}, {reason_in(language, made.method)}{drawn}".replace(
                    " × ", "×"
                )
            )
        lines += [f"! {reason_in(language, note)}" for note in one.notes]
    return list(dict.fromkeys(lines))


def _show_plain(result: Any) -> None:
    """A result without intervals: a table of counts, corrected p values, limits."""
    from rich.text import Text

    from siming.metrics.registry.parts import to_plain

    out = console()
    plain = to_plain(result)
    if isinstance(plain, dict):
        for name, value in plain.items():
            out.print(Text(f"{name}: {_flat(value)}"))
    elif isinstance(plain, list) and all(isinstance(row, list) for row in plain):
        for row in plain:
            out.print(Text("  ".join(f"{_flat(cell):>8}" for cell in row)))
    elif isinstance(plain, list):
        for row in plain:
            out.print(Text(_flat(row)))
    else:
        out.print(Text(_flat(plain)))


def _flat(value: Any) -> str:
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_flat(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_flat, value)) or "—"
    return "—" if value is None else str(value)
