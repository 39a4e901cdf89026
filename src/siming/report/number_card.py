"""A number that can be asked how it was made: a button, and the card that it opens. Both work without script."""

from __future__ import annotations

from collections.abc import Sequence

from siming.report.bilingual import both, reason
from siming.report.column import Plain, bracket, number
from siming.report.markup import Html, tag


def opening(id_: str, face: Sequence[object], card: Sequence[object], class_: str = "num") -> tuple[Html, Html]:
    """A button with this face, and the card that it opens."""
    button = tag("button", *face, type="button", popovertarget=id_, class_=class_)
    return button, tag("div", *card, popover=True, id=id_, class_="pop")


def definitions(lines: Sequence[tuple[object, object]]) -> Html:
    """Terms and what they are, one line each."""
    return tag("dl", *(tag("div", tag("dt", term), tag("dd", value)) for term, value in lines))


def how_made(measured: Plain, *, title: Html, n_is: Html, decimals: int = 4, refused: bool = False) -> list[Html]:
    """What stands behind a number: everything needed to make it again.

    Args:
        title: Of the card.
        n_is: What `n` counts.
        decimals: More than in the table, since this is where one looks for them.
        refused: There is a value, and it is held back because it has no interval.
    """
    lines: list[tuple[object, object]] = []
    if measured["value"] is not None and not refused:
        lines.append((both("how.value"), number(measured["value"], decimals)))
    interval = measured.get("interval")
    if interval:
        level = f"{measured.get('interval_level', 0.95) * 100:g} %"
        lines.append((both("how.interval", level=level), bracket(interval, decimals)))
        lines.append((both("how.method"), reason(str(measured.get("interval_method", "")))))
        lines += [
            (both(f"how.{key}"), measured[key])
            for key in ("seed", "replicates", "undefined_replicates")
            if key in measured
        ]
    if measured.get("limits"):
        lines.append((both("how.limits"), bracket(measured["limits"], decimals)))
    lines.append((n_is, measured["n"]))
    if measured.get("n_clusters") is not None:
        lines.append((both("how.videos"), measured["n_clusters"]))
    lines += [(both("how.left_out", why=reason(why)), count) for why, count in (measured.get("left_out") or {}).items()]
    body = [tag("h4", title)]
    if measured["value"] is None:
        body.append(tag("p", both("undefined.because", reason=reason(str(measured.get("reason") or ""))), class_="why"))
    elif not interval:
        key = "undefined.refused_because" if refused else "interval.because"
        body.append(tag("p", both(key, reason=reason(str(measured.get("interval_reason") or ""))), class_="why"))
    body.append(definitions(lines))
    body += [tag("p", reason(note), class_="why") for note in measured.get("notes") or ()]
    return body
