"""The severity map: candidates, raters and steps on one logit axis (a Wright map laid on its side).

On its side, because names of raters and steps then stand one under the other and never overlap, on a phone as well.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from siming.report.bilingual import both, reason
from siming.report.column import Plain, bracket, number
from siming.report.figures import forest_axis, forest_row, legend, place, svg
from siming.report.markup import Html, tag
from siming.report.rating_page.pieces import (
    Ids,
    cell,
    folded,
    group_row,
    interval_of,
    measured_in,
    name_of,
    no_interval,
    nothing,
    stands_on,
    table,
    title_of,
    value_of,
)
from siming.report.rating_page.plot import Axis, axis_over

HISTOGRAM_HEIGHT = 84
FURTHEST = 2.5
"""Logits beyond the outermost value at which an interval is cut off, lest one extreme step flattens all."""


def severity_map(plain: Plain, ids: Ids) -> Html:
    """The map, and all its numbers beneath; a reason where nothing could be placed."""
    title = both("rating.map.title")
    raters, steps = list(plain.get("raters") or ()), list(plain.get("steps") or ())
    attempts = list(plain.get("attempts") or ())
    abilities = [value for each in attempts if (value := value_of(each.get("ability"))) is not None]
    places = [*(each["severity"] for each in raters), *(each["difficulty"] for each in steps)]
    values = [*abilities, *(value for each in places if (value := value_of(each)) is not None)]
    if not values:
        why = next((str(each["reason"]) for each in places if each.get("reason")), "")
        return nothing(title, why or both("rating.map.none"), level="h3")
    ends = [limit for each in places for limit in interval_of(each) or ()]
    low, high = min(values) - FURTHEST, max(values) + FURTHEST
    axis = axis_over([*values, *(min(max(limit, low), high) for limit in ends)], most=8)
    name, told = ids.new("t"), ids.new("d")
    ruler = forest_axis(axis.low, axis.high, ticks=axis.ticks, decimals=axis.decimals)
    raters.sort(key=lambda each: highest_first(each["severity"]))
    steps.sort(key=lambda each: highest_first(each["difficulty"]))
    rows: list[Html] = [
        tag(
            "div",
            tag("span", both("rating.map.axis"), class_="track-name axis-words"),
            ruler,
            tag("span"),
            class_="track-row track-axis",
            aria_hidden="true",
        ),
        _histogram(abilities, attempts, axis),
        group_row(both("rating.map.raters")),
        *(_row(tag("bdi", each["rater"]), each["severity"], "run", axis) for each in raters),
        group_row(both("rating.map.steps")),
        *(_row(title_of(each), each["difficulty"], "human", axis) for each in steps),
    ]
    keys = [
        ("bar-first", both("rating.map.key.attempts")),
        ("dot run", both("rating.map.key.raters")),
        ("dot human", both("rating.map.key.steps")),
    ]
    return tag(
        "figure",
        tag("figcaption", tag("h3", title, id=name), tag("p", both("rating.map.how"), id=told)),
        tag("div", *rows, class_="tracks forest rating-forest severity-map", role="table", aria_labelledby=name, aria_describedby=told),
        legend(keys),
        stands_on(places),
        folded(both("rating.numbers"), *_tables(steps, attempts, ids)),
        class_="panel",
    )  # fmt: skip


def highest_first(found: object) -> float:
    """A key that sorts numbers from the highest down, and what is undefined to the end."""
    value = value_of(found)
    return math.inf if value is None else -value


def _histogram(abilities: Sequence[float], attempts: Sequence[Plain], axis: Axis) -> Html:
    n_bins = 40
    width = (axis.high - axis.low) / n_bins
    counts = Counter(min(int((value - axis.low) / width), n_bins - 1) for value in abilities)
    most = max(counts.values(), default=1)
    bars = [
        tag(
            "line",
            x1=place(t, axis.low, axis.high),
            x2=place(t, axis.low, axis.high),
            y1=0,
            y2="100%",
            class_="zero" if t == 0 else "grid",
        )
        for t in axis.ticks
    ]
    for index, n in sorted(counts.items()):
        depth = (HISTOGRAM_HEIGHT - 14) * n / most
        x, end = axis.low + index * width, axis.low + (index + 1) * width
        bars.append(
            tag(
                "rect",
                tag("title", f"{number(x)} … {number(end)}: {n}"),
                x=place(x, axis.low, axis.high), y=f"{HISTOGRAM_HEIGHT - depth:.4g}",
                width=f"{92 / n_bins:.4g}%", height=f"{depth:.4g}", class_="bar-first",
            )
        )  # fmt: skip
    extreme = sum(1 for each in attempts if each.get("extreme"))
    mean = sum(abilities) / len(abilities) if abilities else None
    spread = (
        math.sqrt(sum((v - mean) ** 2 for v in abilities) / (len(abilities) - 1))
        if mean is not None and len(abilities) > 1
        else None
    )
    words = [both("rating.map.mean", mean=number(mean), sd=number(spread))]
    if extreme:
        words.append(both("rating.map.extreme", n=extreme))
    return tag(
        "div",
        tag("span", both("rating.map.attempts", n=len(abilities)), class_="track-name", role="rowheader"),
        tag("div", svg(*bars, height=HISTOGRAM_HEIGHT, class_="histogram")),
        tag("span", *(tag("small", each) for each in words), class_="track-value stacked", role="cell"),
        class_="track-row histogram-row",
        role="row",
    )


def _row(name: Html, measured: Plain, kind: str, axis: Axis) -> Html:
    value, interval = value_of(measured), interval_of(measured)
    if value is None:
        drawn = tag(
            "div", tag("div", reason(str(measured.get("reason") or "")), class_="forest-cell words why"), role="cell"
        )
        shown = [tag("b", number(None)), tag("small", both("undefined.short"))]
    else:
        drawn = forest_row(measured, kind=kind, domain=(axis.low, axis.high), ticks=axis.ticks)
        shown = [
            tag("b", number(value, signed=True)),
            tag("small", bracket(interval) if interval else no_interval(measured)),
        ]
    return tag(
        "div",
        tag("span", name, class_="track-name", role="rowheader"),
        drawn,
        tag("span", *shown, class_="track-value", role="cell"),
        class_=f"track-row {kind}",
        role="row",
    )


def _tables(steps: Sequence[Plain], attempts: Sequence[Plain], ids: Ids) -> list[Html]:
    keys = [key for key in ("difficulty", "infit", "outfit") if any(measured_in(step.get(key)) for step in steps)]
    head = [both("steps.step"), *(name_of(key, "effects") for key in keys)]
    rows = [[title_of(step), *(cell(step.get(key), signed=key == "difficulty") for key in keys)] for step in steps]
    out = [table(ids, both("rating.map.steps"), head, rows)] if rows else []
    best = sorted(attempts, key=lambda each: highest_first(each.get("ability")))
    ends = best if len(best) <= 20 else [*best[:10], *best[-10:]]
    lines = [
        [
            tag("bdi", each["attempt"]),
            cell(each.get("ability"), signed=True),
            tag("td", both("rating.map.is_extreme") if each.get("extreme") else None),
        ]
        for each in ends
    ]
    title = both("rating.map.ends" if len(best) > 20 else "rating.map.attempts_table")
    if lines:
        out.append(tag("h4", title, class_="table-title"))
        out.append(table(ids, title, [both("rating.attempt"), both("rating.effects.ability"), ""], lines))
    return out
