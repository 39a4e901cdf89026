"""What every section of a rating page is made of: panels with a drawing, its numbers and what they stand on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import count, zip_longest
from typing import Any

from siming.report.bilingual import both, named, pair, reason
from siming.report.column import MISSING, Plain, bracket, number, p_value
from siming.report.markup import Html, html, join, tag
from siming.report.number_card import how_made, opening
from siming.report.texts import LANGUAGES, find_text, load_texts

IN_MARKS = frozenset({"mean_difference", "mean_absolute_error", "sem", "smallest_detectable_difference"})
"""Metrics in points of 100: one decimal and, for a difference, a sign."""


NONE_BELONGS = ("a count", "not asked for", "none is made", "not a parameter")
"""How the reasons begin of numbers that describe, and have no interval."""


class Ids:
    """Ids that no other element of the page has: names given by users may hold anything, so numbers stand for them."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new(self, kind: str) -> str:
        """The next id."""
        return f"{kind}-{next(self._numbers)}"


def measured_in(found: object) -> Plain | None:
    """The number that stands at a place of the plain record, or None where there is none."""
    return found if isinstance(found, Mapping) and "value" in found else None


def value_of(found: object) -> float | None:
    """Its value, or None."""
    measured = measured_in(found)
    return None if measured is None or measured["value"] is None else float(measured["value"])


def interval_of(found: object) -> tuple[float, float] | None:
    """Its interval, or None."""
    limits = (measured_in(found) or {}).get("interval")
    return None if not limits else (float(limits[0]), float(limits[1]))


def reach_of(measured: Iterable[object]) -> list[float]:
    """Values and ends of intervals: what an axis must hold."""
    out: list[float] = []
    for each in measured:
        value = value_of(each)
        out += [] if value is None else [value]
        out += interval_of(each) or ()
    return out


def name_of(metric: str, prefix: str = "metric") -> Html:
    """What a metric is called, in both languages; its key where we have no word."""
    own = f"rating.{prefix}.{metric}"
    return both(own) if find_text(own, "en") is not None else named(prefix, metric)


def help_of(metric: str) -> Html | None:
    """What a metric means, where we have words for it."""
    keys = (f"rating.metric.help.{metric}", f"metric.help.{metric}")
    return next((both(key) for key in keys if find_text(key, "en") is not None), None)


def title_of(step: Plain) -> Html:
    """A step: its id and what it is about."""
    title = step.get("title") or {}
    words = pair(title.get("en"), title.get("zh")) if title else None
    return tag("span", tag("code", tag("bdi", step["step"])), " ", words, class_="step-title")


# ---- numbers ------------------------------------------------------------------------------------------------


def written(found: object, *, decimals: int = 2, signed: bool = False) -> Html:
    """A number with its interval under it, or a dash with its reason."""
    measured = measured_in(found)
    if measured is None:
        return html(MISSING)
    if measured["value"] is None:
        return join([MISSING, tag("small", reason(str(measured.get("reason") or "")), class_="why")])
    interval = measured.get("interval")
    under = bracket(interval, decimals) if interval else no_interval(measured)
    return join([number(measured["value"], decimals, signed=signed), tag("small", under)])


def no_interval(measured: Plain) -> Html | None:
    """The word that there is no interval; nothing where none belongs, as with a count or a p value."""
    why = str(measured.get("interval_reason") or "")
    return both("interval.none") if why and not why.startswith(NONE_BELONGS) else None


def cell(found: object, *, decimals: int = 2, signed: bool = False) -> Html:
    """A cell of a table that holds one number."""
    undefined = measured_in(found) is not None and value_of(found) is None
    return tag("td", written(found, decimals=decimals, signed=signed), class_="undefined" if undefined else None)


def p_cell(found: object) -> Html:
    """A cell of a table that holds a p value, or why there is none."""
    value = value_of(found)
    return cell(found) if value is None else tag("td", p_value(value))


def digits_for(value: float | None) -> int:
    """Decimals that leave about three digits in sight, for variances of any size.

    >>> digits_for(621.3), digits_for(18.6), digits_for(0.0042)
    (0, 1, 4)
    """
    if not value:
        return 2
    return min(max(2 - math.floor(math.log10(abs(value))), 0), 4)


def asked(
    found: Plain, ids: Ids, *, title: Html, n_is: Html | None = None, decimals: int = 2, signed: bool = False
) -> Html:
    """A number that tells, when chosen, how it was made."""
    value = found["value"]
    face: list[object] = [tag("b", number(value, decimals, signed=signed))]
    interval = found.get("interval")
    if value is None:
        face.append(tag("small", both("undefined.short")))
    elif interval:
        face.append(tag("small", bracket(interval, decimals)))
    else:
        face.append(tag("small", no_interval(found)))
    card = how_made(found, title=title, n_is=n_is or both("how.n"), decimals=decimals + 2)
    return join(opening(ids.new("n"), face, card, "num" if value is not None else "num dash"))


def stands_on(found: Sequence[object]) -> Html | None:
    """One line under a drawing: n, videos, how the intervals were made, what was left out."""
    numbers = [measured for each in found if (measured := measured_in(each)) is not None]
    if not numbers:
        return None
    parts = [both("rating.facts.n", n=_span([m["n"] for m in numbers]))]
    clusters = [m["n_clusters"] for m in numbers if m.get("n_clusters") is not None]
    if clusters:
        parts.append(both("rating.facts.videos", n=_span(clusters)))
    made = [(m.get("interval_level", 0.95), str(m.get("interval_method", ""))) for m in numbers if m.get("interval")]
    for level, method in list(dict.fromkeys(made))[:3]:
        parts.append(both("rating.facts.interval", level=f"{level * 100:g}", method=reason(method)))
    without = sum(1 for m in numbers if m["value"] is None)
    if without:
        parts.append(both("rating.facts.undefined", n=without))
    left: dict[str, int] = {}
    for each in numbers:
        for why, n in (each.get("left_out") or {}).items():
            left[why] = max(left.get(why, 0), n)
    parts += [both("rating.facts.left_out", why=reason(why), n=n) for why, n in left.items() if n]
    return tag("p", join(parts, " · "), class_="note stands-on")


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low}" if low == high else f"{low}–{high}"


# ---- panels -------------------------------------------------------------------------------------------------


def panel(
    ids: Ids, title: Html, about: Html, draw: Any, *below: object, class_: str = "panel", level: str = "h4"
) -> Html:
    """A drawing under its name.

    Args:
        draw: Given the ids of the name and of the words about it, gives the drawing.
        below: Legend, what the numbers stand on, tables.
    """
    name, told = ids.new("t"), ids.new("d")
    caption = tag("figcaption", tag(level, title, id=name), tag("p", about, id=told))
    return tag("figure", caption, draw(name, told), *below, class_=class_)


def nothing(title: Html, why: str | Html, *, level: str = "h4") -> Html:
    """Where there is nothing to draw: its name and the reason, and no empty frame."""
    words = why if isinstance(why, Html) else reason(why)
    return tag(
        "div", tag(level, title), tag("p", both("rating.nothing", reason=words), class_="why"), class_="panel nothing"
    )


def group_row(words: Html) -> Html:
    """A line that names the rows below it."""
    return tag("div", tag("span", words, role="rowheader"), class_="track-group", role="row")


def table(
    ids: Ids, caption: Html, head: Sequence[object], rows: Sequence[Sequence[object]], *, class_: str | None = None
) -> Html:
    """A table that scrolls in its own frame. The first cell of each row is its name; others are cells already."""
    id_ = ids.new("c")
    top = [tag("th", head[0], scope="col", class_="name"), *(tag("th", each, scope="col") for each in head[1:])]
    body = [tag("tr", tag("th", row[0], scope="row", class_="name"), *row[1:]) for row in rows]
    inner = tag(
        "table",
        tag("caption", caption, class_="vh", id=id_),
        tag("thead", tag("tr", *top)),
        tag("tbody", *body),
        class_=class_,
    )
    return tag("div", inner, class_="scroll", tabindex=0, role="region", aria_labelledby=id_)


def folded(summary: Html, *content: object) -> Html:
    """Numbers that are there when asked for, and there without script."""
    return tag("details", tag("summary", summary), *content, open=True, class_="closes")


def section(id_: str, title: Html, *content: object, lead: Html | None = None) -> Html:
    """One part of the page, that the bar leads to."""
    return tag(
        "section",
        tag("h2", title, id=f"{id_}-title"),
        tag("p", lead, class_="lead") if lead is not None else None,
        *content,
        id=id_,
        aria_labelledby=f"{id_}-title",
    )


def warning_words(warning: Plain) -> Html:
    """What a warning says, in both languages; its code where it brings no words."""
    words = warning.get("text") or {}
    return pair(words.get("en"), words.get("zh")) if words else html(warning.get("code"))


def warnings_box(found: Sequence[Plain]) -> Html | None:
    """What must be read before any number below it."""
    if not found:
        return None
    lines = [tag("li", warning_words(warning)) for warning in found]
    return tag("aside", tag("h4", both("warnings.title")), tag("ul", *lines), class_="warnings")


def sentences(plain: Plain, *sections: str) -> Html | None:
    """What the numbers of these sections say, in words that came with the data."""
    lines = []
    for name in sections:
        said = (plain.get("words") or {}).get(name) or {}
        english, chinese = said.get("en") or (), said.get("zh") or ()
        lines += [tag("li", pair(en, zh)) for en, zh in zip_longest(english, chinese)]
    return tag("ul", *lines, class_="said-words") if lines else None


def page_title(key: str, source: str) -> dict[Any, str]:
    """What the window is called, in each language."""
    return {code: f"{source} · {load_texts(code)[key]}" for code in LANGUAGES}
