"""Ranks with what the data leave open: a bar over every place that a model may hold, and the published groups."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

from siming.report.bilingual import both, named, reason
from siming.report.column import MISSING, Plain, bracket, number, percent
from siming.report.figures import legend, place, svg
from siming.report.markup import Html, tag

MOST_TICKS = 12
"""More places than these are not all numbered."""


def rank_picture(ranking: Plain, name_of: Callable[[str], Html]) -> Html:
    """One setting's ranking as a picture.

    Args:
        ranking: ``rankings[SETTING]`` of a report, or one of ``settings`` of a comparison.
        name_of: How a model's name is shown.
    """
    ranked = [model for model in ranking["models"] if model["group"] is not None]
    others = [model for model in ranking["models"] if model["group"] is None]
    n = len(ranked)
    rows: list[Html] = []
    if ranked:
        rows.append(_row(tag("span"), rank_axis(n), tag("span", both("ranking.best_share"), class_="rank-share")))
    for group, together in itertools.groupby(ranked, key=lambda model: int(model["group"])):
        members = list(together)
        key = "ranking.group" if len(members) == 1 else "ranking.group_tied"
        rows.append(tag("div", both(key, rank=group), class_="rank-group"))
        rows += [_model(model, n, name_of) for model in members]
    if others:
        rows.append(tag("div", both("ranking.unranked"), class_="rank-group"))
        rows += [_unranked(model, name_of) for model in others]
    why_not = next((model["rank"]["reason"] for model in ranked if model["rank"]["low"] is None), None)
    metric = named("metric", str(ranking["metric"]))
    return tag(
        "figure",
        tag(
            "figcaption",
            tag("h4", both("ranking.title", metric=metric)),
            tag("p", both("ranking.how", level=f"{ranking['level'] * 100:g} %", videos=ranking["n_videos"])),
        ),
        tag("div", *rows, class_="tracks forest ranks"),
        tag("p", both("ranking.none", reason=reason(str(why_not))), class_="note") if why_not else None,
        legend([("dot", both("ranking.dot")), ("rank-bar", both("ranking.bar"))]) if ranked and not why_not else None,
        class_="panel",
    )


def places_of(rank: Plain) -> str:
    """The places that a model may hold, in words.

    >>> places_of({"low": 1, "high": 3}), places_of({"low": 2, "high": 2}), places_of({"low": None, "high": None})
    ('1–3', '2', '–')
    """
    if rank["low"] is None:
        return MISSING
    return str(rank["low"]) if rank["low"] == rank["high"] else f"{rank['low']}–{rank['high']}"


def rank_axis(n: int) -> Html:
    """The numbers of the places, first on the left."""
    labels = [tag("text", rank, x=place(rank, 0.5, n + 0.5), y=15, class_="middle") for rank in rank_ticks(n)]
    return svg(*labels, height=22, class_="axis")


def rank_ticks(n: int) -> Sequence[int]:
    """Places to number: all where they are few; else the first, and every so many.

    >>> list(rank_ticks(3)), list(rank_ticks(40))
    ([1, 2, 3], [1, 5, 10, 15, 20, 25, 30, 35, 40])
    """
    if n <= MOST_TICKS:
        return range(1, n + 1)
    step = 5 * math.ceil(n / (5 * MOST_TICKS))
    return [1, *range(step, n + 1, step)]


def _model(model: Plain, n: int, name_of: Callable[[str], Html]) -> Html:
    rank, value = model["rank"], model["value"]
    drawn = [
        tag("line", x1=at, x2=at, y1=0, y2="100%", class_="grid")
        for at in (place(tick, 0.5, n + 0.5) for tick in rank_ticks(n))
    ]
    if rank["low"] is not None:
        left, right = (place(edge, 0.5, n + 0.5) for edge in (rank["low"] - 0.36, rank["high"] + 0.36))
        width = f"{float(right[:-1]) - float(left[:-1]):.4g}%"
        drawn.append(tag("rect", x=left, width=width, y="22%", height="56%", rx=7, class_="rank-bar"))
    drawn.append(tag("circle", cx=place(rank["value"], 0.5, n + 0.5), cy="50%", r=5, class_="dot run"))
    under = tag("small", number(value["value"]), " ", bracket(value["interval"]) if value.get("interval") else None)
    said = [tag("b", places_of(rank)), tag("small", percent(rank["best_share"]))]
    return _row(
        tag("span", name_of(str(model["name"])), under, class_="track-name"),
        tag("div", svg(*drawn, height="100%", class_="forest-track"), class_="forest-cell"),
        tag("span", *said, class_="track-value rank-share"),
    )


def _unranked(model: Plain, name_of: Callable[[str], Html]) -> Html:
    value = model["value"]["value"]
    why = str(model["rank"]["reason"] or MISSING)
    shown = [number(value), " · "] if value is not None else []
    return _row(
        tag("span", name_of(str(model["name"])), class_="track-name"),
        tag("span", *shown, reason(why), class_="note"),
        tag("span", MISSING, class_="track-value rank-share"),
    )


def _row(name: Html, drawing: Html, value: Html) -> Html:
    return tag("div", name, drawing, value, class_="track-row")
