"""Bland-Altman: the difference of two raters' totals, second minus first, against their mean, attempt by attempt."""

from __future__ import annotations

from siming.report.bilingual import both, drawn
from siming.report.column import Plain, number
from siming.report.figures import legend
from siming.report.markup import Html, join, tag
from siming.report.rating_page.pieces import (
    Ids,
    cell,
    folded,
    interval_of,
    nothing,
    panel,
    reach_of,
    stands_on,
    table,
    value_of,
)
from siming.report.rating_page.plot import Plot, axis_over

LINES = (("upper", "limit"), ("mean", "mean"), ("lower", "limit"))


def bland_altman(found: Plain, ids: Ids) -> Html:
    """The drawing for one pair, or the reason why there is none."""
    title = both("rating.bland_altman.title")
    limits, totals = found.get("limits_of_agreement"), found.get("totals") or {}
    pairs = [
        (str(attempt), float(a), float(b))
        for attempt, a, b in zip(
            totals.get("attempts") or (), totals.get("first") or (), totals.get("second") or (), strict=False
        )
        if a is not None and b is not None
    ]
    if not pairs:
        return nothing(title, found.get("totals_reason") or both("rating.bland_altman.no_totals"))
    if not limits or value_of(limits.get("mean")) is None:
        why = (limits or {}).get("mean", {}).get("reason") if limits else found.get("limits_reason")
        return nothing(title, why or both("rating.bland_altman.no_limits"))
    points = [((a + b) / 2, b - a) for _, a, b in pairs]
    marks = [limits[key] for key, _ in LINES if limits.get(key)]
    plot = Plot(
        axis_over([x for x, _ in points], ends=(0, 100)),
        axis_over([*(y for _, y in points), *reach_of(marks), 0.0]),
        height=340,
    )
    shapes: list[Html] = []
    for key, class_ in LINES:
        band = interval_of(limits.get(key))
        if band:
            shapes.append(plot.level_band(*band, f"band-{class_}"))
    cloud, squares = plot.cloud(points, "point")
    if squares is None:
        cloud = tag(
            "g",
            *(plot.dot((a + b) / 2, b - a, "point", tooltip=f"{attempt}: {number(a, 1)}, {number(b, 1)}") for attempt, a, b in pairs),
        )  # fmt: skip
    shapes.append(cloud)
    mean = value_of(limits.get("mean"))
    for key, class_ in LINES:
        value = value_of(limits.get(key))
        if value is None:
            continue
        shapes.append(plot.level(value, f"line-{class_}"))
        if key != "mean" and value == mean:  # all differences are equal, and the words would cover each other
            continue
        words = drawn(f"rating.bland_altman.{key}", value=number(value, 1, signed=True))
        shapes.append(plot.note(plot.x.high, value, words, "end"))
    rows = [
        [both(f"rating.bland_altman.{key}_name"), cell(limits.get(key), decimals=2, signed=key != "sd")]
        for key in ("mean", "sd", "lower", "upper")
        if limits.get(key)
    ]
    first, second = tag("bdi", found["first"]), tag("bdi", found["second"])
    keys = [
        ("point", squares or both("rating.bland_altman.point", n=len(pairs))),
        ("band-mean", both("rating.bland_altman.band_mean")),
        ("band-limit", both("rating.bland_altman.band_limit")),
    ]
    summary = both(
        "rating.bland_altman.summary",
        first=first,
        second=second,
        mean=number(value_of(limits["mean"]), 1, signed=True),
        low=number(value_of(limits.get("lower")), 1, signed=True),
        high=number(value_of(limits.get("upper")), 1, signed=True),
    )
    return panel(
        ids,
        title,
        join([both("rating.bland_altman.how"), " ", summary]),
        lambda name, told: plot.frame(
            *shapes,
            x_title=both("rating.bland_altman.x"),
            y_title=both("rating.bland_altman.y", first=first, second=second),
            labelled_by=name,
            described_by=told,
        ),
        legend(keys),
        stands_on(marks),
        folded(
            both("rating.numbers"),
            table(ids, title, [both("rating.panel.metric"), both("rating.panel.value")], rows),
            _furthest(pairs, ids),
        ),
        level="h3",
    )


def _furthest(pairs: list[tuple[str, float, float]], ids: Ids) -> Html:
    """The attempts on which the two lie furthest apart: where a look at the video pays first."""
    most = sorted(pairs, key=lambda row: -abs(row[1] - row[2]))[:10]
    rows = [
        [
            tag("bdi", attempt),
            *(tag("td", number(each, 1)) for each in (a, b)),
            tag("td", number(b - a, 1, signed=True)),
        ]
        for attempt, a, b in most
    ]
    head = [both("rating.attempt"), both("rating.panel.first"), both("rating.panel.second"), both("compare.difference")]
    title = both("rating.bland_altman.furthest")
    return join([tag("h4", title, class_="table-title"), table(ids, title, head, rows)])
