"""Figures as inline SVG: forest rows, strips of steps, the timeline of an attempt.

Horizontal places are percentages, so a figure fills whatever width it is given and its text never shrinks.
All colours are classes of the style sheet, so both schemes and print come for free.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from siming.report.column import Plain, clock, number
from siming.report.markup import Html, join, tag

LANE_HEIGHT = 22
TICK_STEPS_S = (5, 10, 20, 30, 60, 120, 300, 600)


def place(value: float, low: float, high: float) -> str:
    """Where a value stands between two ends, as a percentage.

    >>> place(0.5, -1, 1)
    '75%'
    """
    return f"{100 * (min(max(value, low), high) - low) / (high - low):.4g}%"


def svg(*children: object, height: float | str, class_: str) -> Html:
    """A drawing as wide as its place. Hidden from screen readers: the same facts stand beside it in words."""
    return tag("svg", *children, width="100%", height=height, class_=class_, aria_hidden="true", focusable="false")


# ---- forest -------------------------------------------------------------------------------------------------


def forest_domain(lows: Iterable[float]) -> tuple[float, float]:
    """Ends of the axis: up to 1, down to the quarter below the lowest limit, and always 0.

    >>> forest_domain([0.2, -0.3])
    (-0.5, 1.0)
    """
    return min(0.0, math.floor(min([0.0, *lows]) * 4) / 4), 1.0


def forest_ticks(low: float) -> list[float]:
    """Quarters from the low end to 1; halves where the axis is long."""
    step = 0.25 if low > -0.5 else 0.5
    start = math.ceil(low / step)
    return [i * step for i in range(start, round(1 / step) + 1)]


def forest_axis(low: float, high: float, *, ticks: Sequence[float] | None = None, decimals: int = 2) -> Html:
    """The numbers above a forest; quarters unless other ticks are given."""
    ticks = forest_ticks(low) if ticks is None else ticks
    labels = [
        tag("text", number(t, decimals), x=place(t, low, high), y=15, class_=_anchor(t, low, high)) for t in ticks
    ]
    return svg(*labels, height=22, class_="axis")


def _anchor(value: float, low: float, high: float) -> str:
    if value >= high:
        return "end"
    return "start" if value <= low else "middle"


def forest_row(
    measured: Plain,
    *,
    kind: str,
    domain: tuple[float, float],
    band: Sequence[float] | None = None,
    beside: float | None = None,
    ticks: Sequence[float] | None = None,
) -> Html:
    """One row of a forest: the interval as a line, the value as a dot.

    Args:
        band: Interval of the physicians, drawn behind every row as the height to reach.
        beside: A second value shown hollow, such as the pooled coefficient beside the within-step one.
        ticks: Where the upright lines stand; at the quarters unless given.
    """
    low, high = domain
    drawn: list[Html] = []
    if band:
        left, right = place(band[0], low, high), place(band[1], low, high)
        width = f"{float(right[:-1]) - float(left[:-1]):.4g}%"
        drawn.append(tag("rect", x=left, y=0, width=width, height="100%", class_="band"))
    for t in forest_ticks(low) if ticks is None else ticks:
        x = place(t, low, high)
        drawn.append(tag("line", x1=x, x2=x, y1=0, y2="100%", class_="zero" if t == 0 else "grid"))
    if beside is not None:
        drawn.append(tag("circle", cx=place(beside, low, high), cy="50%", r=4, class_=f"hollow {kind}"))
    interval, value = measured.get("interval"), measured.get("value")
    if interval:
        left, right = place(interval[0], low, high), place(interval[1], low, high)
        drawn.append(tag("line", x1=left, x2=right, y1="50%", y2="50%", class_=f"reach {kind}"))
    if value is not None:
        drawn.append(tag("circle", cx=place(value, low, high), cy="50%", r=5, class_=f"dot {kind}"))
    # As high as its row, which a long name may make higher: the lines of all rows then meet.
    return tag("div", svg(*drawn, height="100%", class_="forest-track"), class_="forest-cell")


# ---- strips of steps ----------------------------------------------------------------------------------------


def strip(cells: Sequence[tuple[str, str]], *, breaks: Iterable[int] = (), height: int = 24) -> Html:
    """A row of small squares, one per step: (class, tooltip). A gap stands before each index of `breaks`."""
    gaps = set(breaks) - {0}
    units = len(cells) + 0.6 * len(gaps)
    drawn, at = [], 0.0
    for index, (class_, tooltip) in enumerate(cells):
        at += 0.6 if index in gaps else 0
        title = tag("title", tooltip)
        x, width = f"{100 * at / units:.4g}%", f"{100 * 0.88 / units:.4g}%"
        drawn.append(tag("rect", title, x=x, y=0, width=width, height=height, rx=2, class_=class_))
        at += 1
    return svg(*drawn, height=height, class_="strip")


def heat_class(share: float | None) -> str:
    """One of eleven shades for a share of 1, or the class of what is not known.

    >>> heat_class(0.87), heat_class(None)
    ('h9', 'none')
    """
    return "none" if share is None else f"h{round(min(max(share, 0), 1) * 10)}"


# ---- timeline -----------------------------------------------------------------------------------------------


def lanes(spans: Sequence[tuple[float, float]], gap: float = 0.0) -> list[int]:
    """A lane for each span so that no two in one lane overlap; earlier spans get upper lanes.

    >>> lanes([(0, 5), (1, 2), (6, 7)])
    [0, 1, 0]
    """
    ends: list[float] = []
    out = [0] * len(spans)
    for index in sorted(range(len(spans)), key=lambda i: spans[i]):
        start, end = spans[index]
        lane = next((i for i, busy in enumerate(ends) if busy + gap <= start), len(ends))
        if lane == len(ends):
            ends.append(end)
        else:
            ends[lane] = end
        out[index] = lane
    return out


def time_axis(duration_s: float) -> Html:
    """Minutes and seconds along a timeline."""
    ticks = time_ticks(duration_s)
    return svg(
        *(
            tag("text", clock(t)[:-2], x=place(t, 0, duration_s), y=14, class_="start" if t == 0 else "middle")
            for t in ticks
        ),
        height=20,
        class_="axis",
    )


def time_ticks(duration_s: float) -> list[float]:
    """Round instants, at most nine of them, none so near the end that its label would be cut off.

    >>> time_ticks(65)
    [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
    """
    step = next((s for s in TICK_STEPS_S if duration_s / s <= 9), TICK_STEPS_S[-1])
    return [float(t) for t in range(0, max(1, math.ceil(duration_s * 0.97)), step)]


def span_lane(
    spans: Sequence[tuple[float, float, str, str, str]], *, duration_s: float, ticks: Sequence[float]
) -> Html:
    """Stretches of time as bars: (start, end, class, short label, tooltip), stacked where they overlap."""
    rows = lanes([(start, max(end, start)) for start, end, *_ in spans])
    height = LANE_HEIGHT * (max(rows, default=0) + 1)
    drawn = [_tick(t, duration_s, height) for t in ticks]
    for (start, end, class_, label, tooltip), row in zip(spans, rows, strict=True):
        top, share = row * LANE_HEIGHT + 2, (end - start) / duration_s
        x, width = place(start, 0, duration_s), f"{max(100 * share, 0.35):.4g}%"
        drawn.append(
            tag("rect", tag("title", tooltip), x=x, y=top, width=width, height=LANE_HEIGHT - 4, rx=3, class_=f"span {class_}")
        )  # fmt: skip
        if share > 0.018:
            drawn.append(
                tag("text", label, x=place((start + end) / 2, 0, duration_s), y=top + 13, class_=f"on {class_}")
            )
    return svg(*drawn, height=height, class_="lane")


def mark_lane(
    marks: Sequence[tuple[float, str]], *, duration_s: float, ticks: Sequence[float], class_: str, height: int
) -> Html:
    """Instants as upright strokes: (time, tooltip)."""
    drawn = [_tick(t, duration_s, height) for t in ticks]
    for at, tooltip in marks:
        x = place(at, 0, duration_s)
        drawn.append(tag("line", tag("title", tooltip), x1=x, x2=x, y1=3, y2=height - 3, class_=class_))
    return svg(*drawn, height=height, class_="lane")


def _tick(t: float, duration_s: float, height: float) -> Html:
    x = place(t, 0, duration_s)
    return tag("line", x1=x, x2=x, y1=0, y2=height, class_="grid")


def legend(items: Iterable[tuple[str, Html]]) -> Html:
    """Swatches and what they mean."""
    return tag(
        "ul", join(tag("li", tag("i", class_=f"swatch {class_}"), words) for class_, words in items), class_="legend"
    )
