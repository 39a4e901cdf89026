"""Generalizability: where the variance of marks comes from, and what more raters or steps would buy."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from siming.report.bilingual import both, drawn, named, reason
from siming.report.column import MISSING, Plain, bracket, marks, number, percent
from siming.report.figures import legend, svg
from siming.report.markup import Html, join, tag
from siming.report.rating_page.pieces import (
    Ids,
    cell,
    digits_for,
    folded,
    interval_of,
    measured_in,
    name_of,
    no_interval,
    nothing,
    panel,
    reach_of,
    section,
    sentences,
    stands_on,
    table,
    value_of,
)
from siming.report.rating_page.plot import Plot, axis_over
from siming.report.texts import find_text

MOST_CURVES = 6
"""More curves than these cannot be told apart; the table has all."""

CURVES = ("e_rho2", "phi")


def gstudy_sections(plain: Plain, ids: Ids) -> list[tuple[str, Html, Html]]:
    """The page's parts: (id, words of the bar, content)."""
    return [
        ("components", both("rating.nav.components"), components(plain, ids)),
        ("precision", both("rating.nav.precision"), precision(plain, ids)),
    ]


def effect_name(effect: str) -> Html:
    """An effect as letters and in words, such as ``p x r`` and “attempts × raters”."""
    letters = [letter for letter in effect if letter.isalpha() and letter != "x"] or list(effect)
    known = all(find_text(f"rating.facet.{letter}", "en") is not None for letter in letters)
    words = join((named("rating.facet", letter) for letter in letters), " × ") if known else None
    return join([tag("code", tag("bdi", effect)), " ", tag("small", words)])


# ---- components ---------------------------------------------------------------------------------------------


def components(plain: Plain, ids: Ids) -> Html:
    """Bars of the shares, with the variances and their intervals."""
    rows = list(plain.get("components") or ())
    title = both("rating.components.title")
    if not rows:
        return section(
            "components", title, nothing(both("rating.components.bars"), both("rating.components.none"), level="h3")
        )
    drawn_rows = [_bar(each) for each in rows]
    name = ids.new("t")
    head = [
        both("rating.components.effect"),
        *(both(f"rating.components.{key}") for key in ("variance", "share", "df", "mean_square")),
    ]
    lines = [
        [
            join([effect_name(each["effect"]), *(tag("small", reason(str(note))) for note in each.get("notes") or ())]),
            cell(each["variance"], decimals=digits_for(value_of(each["variance"]))),
            tag("td", percent(each.get("share"))),
            tag("td", MISSING if each.get("df") is None else marks(each["df"])),
            tag("td", number(each.get("mean_square"), digits_for(each.get("mean_square")))),
        ]
        for each in rows
    ]
    figure = tag(
        "figure",
        tag("figcaption", tag("h3", both("rating.components.bars"), id=name), tag("p", both("rating.components.how"))),
        tag("div", *drawn_rows, class_="tracks rating-forest components", role="table", aria_labelledby=name),
        stands_on([each["variance"] for each in rows]),
        folded(both("rating.numbers"), table(ids, title, head, lines)),
        class_="panel",
    )
    return section("components", title, sentences(plain, "components"), figure, lead=both("rating.components.lead"))


def _bar(each: Plain) -> Html:
    share, variance = each.get("share"), each["variance"]
    value, interval = value_of(variance), interval_of(variance)
    width = 0.0 if share is None else 100 * float(share)
    bar = svg(
        tag("rect", x=0, y=6, width="100%", height=14, rx=3, class_="bar-ground"),
        tag("rect", x=0, y=6, width=f"{width:.4g}%", height=14, rx=3, class_="bar-object" if each["effect"] == "p" else "bar-first"),
        height=26, class_="component-bar",
    )  # fmt: skip
    under = (
        bracket(interval, digits_for(value))
        if interval
        else no_interval(variance)
        if value is not None
        else both("undefined.short")
    )
    return tag(
        "div",
        tag("span", effect_name(each["effect"]), class_="track-name", role="rowheader"),
        tag("div", bar),
        tag(
            "span",
            tag("b", percent(share)),
            tag("small", number(value, digits_for(value)), " ", under),
            class_="track-value",
            role="cell",
        ),
        class_="track-row",
        role="row",
    )


# ---- D study ------------------------------------------------------------------------------------------------


def precision(plain: Plain, ids: Ids) -> Html:
    """The coefficients of the design as it was, and the curves over designs that could be."""
    found = {key: each for key, each in (plain.get("coefficients") or {}).items() if measured_in(each)}
    rows: list[Sequence[object]] = [
        [
            name_of(key, "coefficient"),
            cell(each, decimals=3 if key in CURVES or key == "phi_lambda" else digits_for(value_of(each))),
            tag("td", named("rating.coefficient.help", key), class_="words"),
        ]
        for key, each in found.items()
    ]
    head = [both("rating.panel.metric"), both("rating.panel.value"), both("rating.panel.meaning")]
    title = both("rating.precision.title")
    observed = both("rating.precision.observed", sizes=sizes_words(plain.get("sizes") or {}))
    content = [
        sentences(plain, "coefficients", "curves"),
        tag("p", observed, class_="note"),
        table(ids, title, head, rows, class_="wide-words")
        if rows
        else nothing(title, both("rating.precision.none"), level="h3"),
        stands_on(list(found.values())) if rows else None,
        curves(plain, ids),
    ]
    return section("precision", title, *content, lead=both("rating.precision.lead"))


def sizes_words(sizes: Plain, without: Sequence[str] = ("p",)) -> Html:
    """Numbers of conditions, such as “2 raters, 33 steps”."""
    parts = [
        join([f"{float(n):.3g}", " ", named("rating.facet", facet)])
        for facet, n in sizes.items()
        if facet not in without and n is not None
    ]
    return join(parts, " · ")


def curves(plain: Plain, ids: Ids) -> Html:
    """E rho^2 and Phi along one facet, a line for each size of the others."""
    points = list(plain.get("curves") or ())
    title = both("rating.curves.title")
    if not points:
        return nothing(title, both("rating.curves.none"), level="h3")
    observed = {facet: float(n) for facet, n in (plain.get("sizes") or {}).items() if facet != "p" and n is not None}
    facets = list(dict.fromkeys(facet for point in points for facet in point["sizes"] if facet != "p"))
    spread = {
        facet: len({float(point["sizes"][facet]) for point in points if facet in point["sizes"]}) for facet in facets
    }
    # Along raters where they vary: it is raters that one can add.
    along = "r" if spread.get("r", 0) > 1 else max(facets, key=lambda facet: spread[facet])
    series: dict[tuple[tuple[str, float], ...], list[Plain]] = {}
    for point in points:
        others = tuple((f, float(point["sizes"][f])) for f in facets if f != along and f in point["sizes"])
        series.setdefault(others, []).append(point)
    names = sorted(series, key=lambda others: [n for _, n in others])
    base = tuple((facet, observed.get(facet, -1.0)) for facet in facets if facet != along)
    shown = (
        names
        if len(names) <= MOST_CURVES
        else [*([base] if base in names else []), *(n for n in names if n != base)][:MOST_CURVES]
    )
    shown = sorted(shown, key=lambda others: [n for _, n in others])
    figures = [_curve(plain, series, shown, base, along, observed, key, ids) for key in CURVES]
    keys = [
        ("reach-key human", both("rating.curves.key.interval")),
        ("hollow ring", both("rating.curves.key.observed")),
    ]
    head = [
        both("rating.curves.design"),
        *(name_of(key, "coefficient") for key in CURVES),
        *([name_of("sem", "coefficient")] if any(measured_in(p.get("sem")) for p in points) else []),
    ]
    rows = [
        [sizes_words(point["sizes"]), *(cell(point.get(key), decimals=3) for key in CURVES), *([cell(point.get("sem"), decimals=2)] if len(head) > 3 else [])]
        for point in points
    ]  # fmt: skip
    left = len(names) - len(shown)
    return tag(
        "div",
        tag("h3", title),
        tag("p", both("rating.curves.how", facet=named("rating.facet", along)), class_="note"),
        tag("div", *figures, class_="two-up"),
        legend(keys),
        tag("p", both("rating.curves.left", n=left), class_="note") if left else None,
        stands_on([point.get(key) for point in points for key in CURVES]),
        folded(both("rating.numbers"), table(ids, title, head, rows)),
        class_="block",
    )


def _curve(
    plain: Plain,
    series: dict[tuple[tuple[str, float], ...], list[Plain]],
    shown: Sequence[tuple[tuple[str, float], ...]],
    base: tuple[tuple[str, float], ...],
    along: str,
    observed: dict[str, float],
    key: str,
    ids: Ids,
) -> Html:
    defined = {name: [p for p in series[name] if value_of(p.get(key)) is not None] for name in shown}
    title = name_of(key, "coefficient")
    if not any(defined.values()):
        why = next((str(p[key].get("reason")) for ps in series.values() for p in ps if measured_in(p.get(key))), "")
        return nothing(title, why)
    xs = [float(p["sizes"][along]) for ps in series.values() for p in ps]
    lowest = min(reach_of(p.get(key) for name in shown for p in defined[name]))
    plot = Plot(
        axis_over([*xs, observed.get(along, xs[0])], whole=True, most=6),
        axis_over([min(lowest, 0.5), 1.0], ends=(min(0.0, lowest), 1.0)),
        height=260,
    )
    shapes: list[Html] = []
    labelled: list[tuple[float, float, Html]] = []
    for place, name in enumerate(shown):
        points = sorted(
            ((float(p["sizes"][along]), float(p[key]["value"]), p) for p in defined[name]), key=lambda row: row[0]
        )
        if not points:
            continue
        shade = "observed" if name == base or len(shown) == 1 else f"other-{place % MOST_CURVES}"
        shapes += [plot.segment(a[:2], b[:2], f"curve {shade}") for a, b in itertools.pairwise(points)]
        for x, y, p in points:
            limits = interval_of(p[key])
            if limits and shade == "observed":
                shapes.append(plot.whisker(x, *limits, "reach human"))
            shapes.append(plot.dot(x, y, f"curve-dot {shade}", r=4, tooltip=f"{marks(x)}: {number(y, 3)}"))
        if len(shown) > 1:
            labelled.append((points[-1][0], points[-1][1], _label(name)))
    shapes += _spread_labels(plot, labelled)
    here = value_of((plain.get("coefficients") or {}).get(key))
    if here is not None and along in observed:
        shapes.append(plot.dot(observed[along], here, "ring", r=8))
        shapes.append(
            plot.note(
                observed[along],
                here,
                drawn("rating.curves.here", value=number(here)),
                "middle strong",
                dy=24 if here > 0.1 else -14,
            )
        )
    return panel(
        ids,
        title,
        named("rating.coefficient.help", key),
        lambda name, told: plot.frame(
            *shapes, x_title=both("rating.curves.x", facet=named("rating.facet", along)), y_title=title, labelled_by=name, described_by=told
        ),
    )  # fmt: skip


def _label(name: Sequence[tuple[str, float]]) -> Html:
    return join((join([marks(n), " ", drawn(f"rating.facet.{facet}")]) for facet, n in name), " × ")


def _spread_labels(plot: Plot, labelled: Sequence[tuple[float, float, Html]]) -> list[Html]:
    """Names at the ends of curves, pushed apart so that none lies on another."""
    out, free = [], -1e9
    for x, y, words in sorted(labelled, key=lambda row: -row[1]):
        at = max(float(plot.at_y(y)), free)
        free = at + 15
        out.append(tag("text", words, x=plot.at_x(x), y=f"{at:.5g}", dx=-8, dy=-6, class_="in-plot end"))
    return out
