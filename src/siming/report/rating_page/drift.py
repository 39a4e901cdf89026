"""Drift: each rater's severity along his own order, and the cumulated difference from a colleague."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from siming.report.bilingual import both, named, reason
from siming.report.column import MISSING, Plain, number
from siming.report.figures import legend
from siming.report.markup import Html, html, join, tag
from siming.report.rating_page.pieces import (
    Ids,
    cell,
    interval_of,
    measured_in,
    name_of,
    nothing,
    p_cell,
    reach_of,
    section,
    sentences,
    stands_on,
    table,
    value_of,
)
from siming.report.rating_page.plot import Axis, Plot, axis_over

P_VALUES = frozenset({"homogeneity", "p_value"})


def drift_section(plain: Plain, ids: Ids) -> Html:
    """A pair of drawings for each rater on common scales; a reason where order and candidates cannot be told apart."""
    found = plain.get("drift") or {}
    title = both("rating.drift.title")
    raters = list(found.get("raters") or ())
    if found.get("reason") or not raters:
        why = found.get("reason") or both("rating.drift.none")
        return section(
            "drift", title, nothing(both("rating.drift.blocks"), why, level="h3"), lead=both("rating.drift.lead")
        )
    blocks = [block for rater in raters for block in rater.get("blocks") or ()]
    severity = axis_over([*reach_of(block["severity"] for block in blocks), 0.0], most=5)
    sums = axis_over([*(value for rater in raters for value in rater.get("cumulative") or ()), 0.0], most=5)
    charts = [_rater(rater, severity, sums, ids) for rater in raters]
    return section(
        "drift",
        title,
        sentences(plain, "drift"),
        tag("p", both("rating.drift.order", order=named("rating.order", str(found["order"]))), class_="note")
        if found.get("order")
        else None,
        tag("div", *charts, class_="two-up"),
        legend([("dot human", both("rating.drift.key.block")), ("line-sum", both("rating.drift.key.sum"))]),
        stands_on([block["severity"] for block in blocks]),
        _trends(raters, ids),
        lead=both("rating.drift.lead"),
    )


def _rater(rater: Plain, severity: Axis, sums: Axis, ids: Ids) -> Html:
    name, told = ids.new("t"), ids.new("d")
    words = tag("p", _words(rater), id=told)
    return tag(
        "figure",
        tag("figcaption", tag("h3", tag("bdi", rater["rater"]), id=name), words),
        _blocks(rater, severity, name, told),
        _sums(rater, sums, name, told),
        class_="panel",
    )


def _words(rater: Plain) -> Html:
    trend = measured_in(rater.get("trend"))
    if trend is None:
        return html("")
    if trend["value"] is None:
        return both("rating.drift.no_trend", reason=reason(str(trend.get("reason") or "")))
    interval = interval_of(trend)
    limits = f" [{number(interval[0])}, {number(interval[1])}]" if interval else ""
    return both("rating.drift.words", trend=number(trend["value"], signed=True) + limits)


def _blocks(rater: Plain, axis: Axis, name: str, told: str) -> Html:
    blocks = [block for block in rater.get("blocks") or () if value_of(block["severity"]) is not None]
    if not blocks:
        found = rater.get("blocks") or ()
        why = next((str(b["severity"].get("reason")) for b in found if b["severity"].get("reason")), "")
        return tag("p", both("rating.nothing", reason=reason(why)), class_="why")
    last = max(float(block["to"]) for block in blocks)
    plot = Plot(axis_over([0.0, last], most=5, whole=True, ends=(0.0, last)), axis, height=190)
    middles = [((float(b["from"]) + float(b["to"])) / 2, float(b["severity"]["value"]), b) for b in blocks]
    marks = [plot.segment((x, y), (x2, y2), "line-block") for (x, y, _), (x2, y2, _) in itertools.pairwise(middles)]
    for x, y, block in middles:
        limits = interval_of(block["severity"])
        if limits:
            marks.append(plot.whisker(x, *limits, "reach human"))
        span = f"{block['from']}–{block['to']}: {number(y, signed=True)}"
        marks.append(plot.dot(x, y, "dot human", r=5, tooltip=f"{span}, n = {block.get('n', MISSING)}"))
    return plot.frame(
        *marks, x_title=both("rating.drift.x"), y_title=both("rating.drift.y"), labelled_by=name, described_by=told
    )  # fmt: skip


def _sums(rater: Plain, axis: Axis, name: str, told: str) -> Html:
    path = [float(value) for value in rater.get("cumulative") or ()]
    if not path:
        why = (measured_in(rater.get("p_value")) or {}).get("reason")
        return tag(
            "p",
            both("rating.drift.no_sum", reason=reason(str(why)) if why else both("rating.drift.no_colleague")),
            class_="why",
        )
    plot = Plot(axis_over([0.0, len(path)], most=5, whole=True, ends=(0.0, len(path))), axis, height=130)
    points = [(0.0, 0.0), *((float(at), value) for at, value in enumerate(path, 1))]
    peak = max(points, key=lambda point: abs(point[1]))
    marks = [
        plot.path(points, "line-sum"),
        plot.dot(*peak, "dot run", r=4, tooltip=f"{int(peak[0])}: {number(peak[1])}"),
    ]
    colleague = tag("bdi", rater["colleague"]) if rater.get("colleague") else None
    title = both("rating.drift.sum_against", colleague=colleague) if colleague is not None else both("rating.drift.sum")
    return plot.frame(*marks, x_title=both("rating.drift.x"), y_title=title, labelled_by=name, described_by=told)


def _trends(raters: Sequence[Plain], ids: Ids) -> Html:
    keys = [
        key
        for key in ("trend", "homogeneity", "per_100_attempts", "per_hour", "per_day", "p_value")
        if any(measured_in(rater.get(key)) for rater in raters)
    ]
    n_blocks = max((len(rater.get("blocks") or ()) for rater in raters), default=0)
    head = [both("rating.rater"), *(name_of(key, "drift") for key in keys), both("rating.drift.turn")]
    rows = []
    for rater in raters:
        turn = tag("td", tag("bdi", rater["turn"])) if rater.get("turn") is not None else tag("td", MISSING)
        numbers = [p_cell(rater.get(key)) if key in P_VALUES else cell(rater.get(key), signed=True) for key in keys]
        rows.append([tag("bdi", rater["rater"]), *numbers, turn])
    title = both("rating.drift.trends")
    block_head = [both("rating.rater"), *(both("rating.drift.block", n=at + 1) for at in range(n_blocks))]
    block_rows = [[tag("bdi", rater["rater"]), *_block_cells(rater, n_blocks)] for rater in raters]
    again = both("rating.drift.blocks")
    return tag(
        "div",
        tag("h3", title),
        table(ids, title, head, rows),
        tag("h3", again, class_="table-title"),
        table(ids, again, block_head, block_rows) if n_blocks else None,
        class_="block",
    )


def _block_cells(rater: Plain, n_blocks: int) -> list[Html]:
    blocks = list(rater.get("blocks") or ())
    return [*map(_block_cell, blocks), *(tag("td", MISSING) for _ in range(n_blocks - len(blocks)))]


def _block_cell(block: Plain) -> Html:
    measured = block["severity"]
    value, limits = value_of(measured), interval_of(measured)
    if value is None:
        return tag(
            "td", MISSING, tag("small", reason(str(measured.get("reason") or "")), class_="why"), class_="undefined"
        )
    under = f"[{number(limits[0])}, {number(limits[1])}]" if limits else ""
    return tag(
        "td", join([number(value, signed=True), tag("small", under), tag("small", f"{block['from']}–{block['to']}")])
    )
