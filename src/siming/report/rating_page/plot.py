"""Drawings with two axes: points, lines, bands and squares over a grid with numbers.

Along the page places are percentages, so that a drawing fills whatever width it has and its text never shrinks; down
the page they are pixels. Lines and areas of many corners stand in an inner drawing that is stretched to fit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from siming.report.bilingual import both
from siming.report.column import number
from siming.report.figures import place
from siming.report.markup import Html, html, tag

MOST_POINTS = 2_000
"""More points than these are counted in squares: a page must stay small, and a black cloud tells nothing."""

SQUARES = (60, 30)
"""Along and down, where points are counted."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a drawing: its ends, and the values that are written along it."""

    low: float
    high: float
    ticks: tuple[float, ...]
    decimals: int

    def share(self, value: float) -> float:
        """Where a value stands, from 0 at the low end to 1; values beyond the ends stand at the ends."""
        return (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)


def axis_over(values: Iterable[float], *, most: int = 6, whole: bool = False, ends: Iterable[float] = ()) -> Axis:
    """An axis with round ends that holds all values.

    Args:
        values: What must be in sight.
        most: Ticks to aim at.
        whole: Only whole numbers are written.
        ends: Bounds that the axis never passes, such as 0 and 100 of marks.

    >>> axis_over([0.2, 9.1]).ticks
    (0.0, 2.0, 4.0, 6.0, 8.0, 10.0)
    >>> axis_over([]).ticks
    (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    """
    seen = [float(value) for value in values if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(seen), max(seen)
    if low == high:
        low, high = low - 0.5, high + 0.5
    rough = (high - low) / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * nice for nice in (1, 2, 2.5, 5, 10) if power * nice >= rough * 0.999)
    step = max(1.0, float(round(step))) if whole else step
    bounds = list(ends)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    if bounds:
        first = max(first, math.ceil(min(bounds) / step - 1e-9))
        last = min(last, math.floor(max(bounds) / step + 1e-9))
    ticks = tuple(round(index * step, 10) for index in range(first, max(first + 1, last) + 1))
    decimals = next((d for d in range(4) if all(abs(t * 10**d - round(t * 10**d)) < 1e-6 for t in ticks)), 4)
    return Axis(
        min(ticks[0], low) if bounds else ticks[0], max(ticks[-1], high) if bounds else ticks[-1], ticks, decimals
    )


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing with two axes, to be filled with marks."""

    x: Axis
    y: Axis
    height: int = 320

    def at_x(self, value: float) -> str:
        """Place along the page."""
        return place(value, self.x.low, self.x.high)

    def at_y(self, value: float) -> str:
        """Place down the page, in pixels."""
        return f"{self.height * (1 - self.y.share(value)):.5g}"

    def frame(self, *marks: object, x_title: Html, y_title: Html, labelled_by: str, described_by: str) -> Html:
        """The marks over the grid, with the numbers beside and below, and what the axes mean in words.

        Args:
            labelled_by, described_by: Ids of the words that name and tell the drawing to those who hear it.
        """
        grid = [
            tag("line", x1="0%", x2="100%", y1=self.at_y(t), y2=self.at_y(t), class_="zero" if t == 0 else "grid")
            for t in self.y.ticks
        ]
        grid += [
            tag("line", x1=self.at_x(t), x2=self.at_x(t), y1=0, y2=self.height, class_="grid") for t in self.x.ticks
        ]
        beside = [
            tag("text", number(t, self.y.decimals), x=-8, y=self.at_y(t), dy=4, class_="end tick") for t in self.y.ticks
        ]
        below = [
            tag("text", number(t, self.x.decimals), x=self.at_x(t), y=self.height + 18, class_=self._anchor(t))
            for t in self.x.ticks
        ]
        drawing = tag(
            "svg", *grid, *beside, *below, *marks,
            width="100%", height=self.height, class_="plot", role="img", focusable="false",
            aria_labelledby=labelled_by, aria_describedby=described_by,
        )  # fmt: skip
        return tag(
            "div",
            tag("p", "↑ ", y_title, class_="axis-title"),
            tag("div", drawing, class_="plot-area"),
            tag("p", x_title, " →", class_="axis-title along"),
            class_="plot-frame",
        )

    def _anchor(self, value: float) -> str:
        return "end tick" if self.x.share(value) > 0.97 else "middle tick"

    # ---- marks ----------------------------------------------------------------------------------------------

    def dot(self, x: float, y: float, class_: str, *, r: float = 3.5, tooltip: str | None = None) -> Html:
        """One point."""
        return tag("circle", _told(tooltip), cx=self.at_x(x), cy=self.at_y(y), r=r, class_=class_)

    def level(self, y: float, class_: str) -> Html:
        """A line across the whole drawing."""
        return tag("line", x1="0%", x2="100%", y1=self.at_y(y), y2=self.at_y(y), class_=class_)

    def level_band(self, low: float, high: float, class_: str) -> Html:
        """An area across the whole drawing, such as the interval of a line."""
        top = float(self.at_y(high))
        depth = max(float(self.at_y(low)) - top, 0.5)
        return tag("rect", x="0%", width="100%", y=f"{top:.5g}", height=f"{depth:.5g}", class_=class_)

    def whisker(self, x: float, low: float, high: float, class_: str) -> Html:
        """An interval as an upright line."""
        return tag("line", x1=self.at_x(x), x2=self.at_x(x), y1=self.at_y(low), y2=self.at_y(high), class_=class_)

    def segment(self, start: Point, end: Point, class_: str) -> Html:
        """A straight line between two points."""
        return tag(
            "line", x1=self.at_x(start[0]), y1=self.at_y(start[1]), x2=self.at_x(end[0]), y2=self.at_y(end[1]), class_=class_
        )  # fmt: skip

    def path(self, points: Sequence[Point], class_: str) -> Html:
        """A line through many points."""
        corners = " ".join(f"{100 * self.x.share(x):.4g},{100 * (1 - self.y.share(y)):.4g}" for x, y in points)
        line = tag("polyline", points=corners, vector_effect="non-scaling-stroke", class_=class_)
        return tag("svg", line, viewBox="0 0 100 100", preserveAspectRatio="none", width="100%", height=self.height)

    def note(self, x: float, y: float, words: Html, class_: str, *, dy: int = -6) -> Html:
        """Words at a place; built markup for drawings, or text."""
        return tag("text", html(words), x=self.at_x(x), y=self.at_y(y), dy=dy, class_=f"in-plot {class_}")

    def cloud(self, points: Sequence[Point], class_: str) -> tuple[Html, Html | None]:
        """All points, or their counts in squares where they are many; and, then, the words that say so."""
        if len(points) <= MOST_POINTS:
            return tag("g", *(self.dot(x, y, class_) for x, y in points)), None
        across, down = SQUARES
        counts = Counter(
            (min(int(self.x.share(x) * across), across - 1), min(int(self.y.share(y) * down), down - 1))
            for x, y in points
        )
        most = max(counts.values())
        depth = self.height / down
        squares = [
            tag(
                "rect",
                tag("title", count),
                x=f"{100 * column / across:.4g}%",
                y=f"{self.height - (row + 1) * depth:.4g}",
                width=f"{100 / across:.4g}%",
                height=f"{depth:.4g}",
                class_=f"h{1 + round(9 * math.sqrt(count / most))}",
            )
            for (column, row), count in sorted(counts.items())
        ]
        return tag("g", *squares), both("rating.plot.squares", n=len(points), most=most)


def _told(tooltip: str | None) -> Html | None:
    return None if tooltip is None else tag("title", tooltip)
