"""Agreement of physicians: the panel in its one order, totals against each other, labels, steps."""

from __future__ import annotations

from collections.abc import Sequence

from siming.report.bilingual import both, named, pair, reason
from siming.report.column import MISSING, Plain, bracket, number, percent
from siming.report.figures import forest_axis, forest_domain, forest_row
from siming.report.markup import Html, html, join, tag
from siming.report.rating_page.bland_altman import bland_altman
from siming.report.rating_page.labels import confusion, label_use
from siming.report.rating_page.pieces import (
    IN_MARKS,
    Ids,
    asked,
    cell,
    group_row,
    help_of,
    interval_of,
    measured_in,
    name_of,
    nothing,
    section,
    stands_on,
    table,
    value_of,
    warnings_box,
)
from siming.report.rating_page.step_forest import step_forest

ORDER = (
    "raw_agreement", "qwk", "qwk_within_step", "ac2", "ac2_at_chance", "prior_qwk", "mean_difference", "icc_a1",
    "reference_prevalence", "predicted_prevalence", "prevalence_index", "bias_index",
)  # fmt: skip
"""What a panel shows, and in which order (specification of statistics, section 6); anything else follows."""

MOST_PICTURES = 40
"""Panels that get their pictures; the table at the top has them all, and the page says so."""

OPEN_PANELS = 4
"""With more panels than these, all but the first are folded."""


def agreement_sections(plain: Plain, ids: Ids) -> list[tuple[str, Html, Html]]:
    """The page's parts: (id, words of the bar, content)."""
    panels = list(plain.get("panels") or ())
    out = [
        (
            "panels",
            both("rating.nav.panels"),
            section(
                "panels", both("rating.agreement.title"), overview(panels, ids), lead=both("rating.agreement.lead")
            ),
        )
    ]
    for number_, each in enumerate(panels[:MOST_PICTURES]):
        id_ = f"panel-{number_ + 1}"
        out.append(
            (id_, panel_name(each), pair_section(each, id_, ids, closed=len(panels) > OPEN_PANELS and number_ > 0))
        )
    if plain.get("all_raters"):
        out.append(("all-raters", both("rating.nav.all_raters"), all_raters(plain["all_raters"], ids)))
    if plain.get("more"):
        out.append(("more", both("rating.more.title"), more_section(plain["more"], ids)))
    return out


def more_section(found: Sequence[Plain], ids: Ids) -> Html:
    """Every other statistic of each pair, with a line on what it measures."""
    head = [both(f"rating.more.{key}") for key in ("statistic", "value", "measures")]
    tables = []
    for each in found:
        name = join([tag("bdi", each["first"]), " – ", tag("bdi", each["second"])])
        rows = [
            [
                tag("code", key),
                cell(measured),
                tag("td", pair(each["measures"][key]["en"], each["measures"][key]["zh"])),
            ]
            for key, measured in each["metrics"].items()
        ]
        tables.append(table(ids, name, head, rows, class_="agreement"))
    return section("more", both("rating.more.title"), *tables, lead=both("rating.more.how"))


def panel_name(panel: Plain) -> Html:
    """The pair and, where the panel is about a part only, the part."""
    names = [tag("bdi", panel["first"]), " – ", tag("bdi", panel["second"])]
    part = [] if panel.get("part") in (None, "") else [" · ", tag("bdi", panel["part"])]
    return join([*names, *part])


def metrics_in_order(panels: Sequence[Plain]) -> list[str]:
    """Every metric that a panel has, those of the specification first and in its order."""
    met = dict.fromkeys(name for panel in panels for name in panel.get("metrics") or {})
    return [*(name for name in ORDER if name in met), *(name for name in met if name not in ORDER)]


def overview(panels: Sequence[Plain], ids: Ids) -> Html:
    """All panels, one row each, nothing left out of the order."""
    if not panels:
        return nothing(both("rating.panel.title"), both("rating.agreement.none"), level="h3")
    metrics = metrics_in_order(panels)
    head = [both("rating.panel.pair"), *(both(f"table.{key}") for key in ("videos", "cells", "missing"))]
    head += [name_of(metric) for metric in metrics]
    rows = []
    for each in panels:
        marks = [f"{len(each.get('warnings') or ())} ⚠"] if each.get("warnings") else []
        name = join([panel_name(each), tag("small", *marks, aria_hidden="true") if marks else None])
        row: list[object] = [name, *(tag("td", each.get(key, MISSING)) for key in ("n_videos", "n_cells", "n_missing"))]
        for metric in metrics:
            in_marks = metric in IN_MARKS
            row.append(cell(each["metrics"].get(metric), decimals=1 if in_marks else 2, signed=in_marks))
        rows.append(row)
    left = len(panels) - MOST_PICTURES
    note = tag("p", both("rating.agreement.left", n=left, most=MOST_PICTURES), class_="note") if left > 0 else None
    return join([table(ids, both("rating.agreement.title"), head, rows, class_="agreement panels"), note])


def pair_section(panel: Plain, id_: str, ids: Ids, *, closed: bool) -> Html:
    """Everything about one pair: warnings first, then the panel, then the pictures."""
    facts = [(both(f"table.{key}"), panel.get(f"n_{key}", MISSING)) for key in ("videos", "cells", "missing")]
    if value_of(panel.get("adjudication_rate")) is not None:
        facts.append((both("rating.panel.adjudication"), percent(value_of(panel["adjudication_rate"]))))
    pictures = [
        bland_altman(panel, ids),
        tag("div", confusion(panel, ids), label_use(panel, ids), class_="two-up"),
        step_forest(panel, ids),
    ]
    top = [
        tag("dl", *(tag("div", tag("dt", term), tag("dd", fact)) for term, fact in facts), class_="facts counts"),
        warnings_box(panel.get("warnings") or ()),
    ]
    content = [panel_forest(panel, ids), *pictures]
    if closed:
        content = [
            tag("details", tag("summary", both("rating.panel.open")), *content, open=True, class_="closes block")
        ]
    return section(id_, panel_name(panel), *top, *content)


def panel_forest(panel: Plain, ids: Ids) -> Html:
    """The panel: every number with its interval, drawn where its scale allows."""
    metrics = metrics_in_order([panel])
    found = panel.get("metrics") or {}
    drawable = [m for name, m in found.items() if name not in IN_MARKS and value_of(m) is not None]
    domain = forest_domain([min((value_of(m) or 0.0, *(interval_of(m) or ()))) for m in drawable])
    name = ids.new("t")
    axis = tag("div", tag("span"), forest_axis(*domain), tag("span"), class_="track-row track-axis", aria_hidden="true")
    known = [metric for metric in metrics if measured_in(found[metric])]
    rows = [_row(metric, found[metric], panel, domain, ids) for metric in known if metric in ORDER]
    beside = [_row(metric, found[metric], panel, domain, ids) for metric in known if metric not in ORDER]
    if beside:
        rows += [group_row(both("rating.panel.beside")), *beside]
    return tag(
        "figure",
        tag("figcaption", tag("h3", both("rating.panel.title"), id=name), tag("p", both("rating.panel.how"))),
        tag("div", axis, *rows, class_="tracks forest rating-forest", role="table", aria_labelledby=name),
        stands_on([found[metric] for metric in metrics if metric not in IN_MARKS]),
        class_="panel",
    )


def _row(metric: str, measured: Plain, panel: Plain, domain: tuple[float, float], ids: Ids) -> Html:
    in_marks = metric in IN_MARKS
    kind = "baseline" if metric in ("ac2_at_chance", "prior_qwk") else "human"
    if value_of(measured) is None:
        drawn = tag("div", reason(str(measured.get("reason") or "")), class_="forest-cell words why")
    elif in_marks:
        drawn = tag("div", limits_words(panel), class_="forest-cell words")
    else:
        drawn = forest_row(measured, kind=kind, domain=domain)
    label = join([name_of(metric), tag("small", help_of(metric), class_="help")])
    shown = asked(measured, ids, title=name_of(metric), decimals=1 if in_marks else 2, signed=in_marks)
    return tag(
        "div",
        tag("span", label, class_="track-name", role="rowheader"),
        tag("div", drawn, role="cell") if in_marks or value_of(measured) is None else drawn,
        tag("span", shown, class_="track-value", role="cell"),
        class_=f"track-row {kind}",
        role="row",
    )


def limits_words(panel: Plain) -> Html | None:
    """Between which differences about 95 % of attempts lie, with the intervals of both limits."""
    limits = panel.get("limits_of_agreement")
    if not limits:
        return None
    lower, upper = limits["lower"], limits["upper"]
    if value_of(lower) is None or value_of(upper) is None:
        return both("rating.limits.none", reason=reason(str(lower.get("reason") or upper.get("reason") or "")))
    return both("rating.limits.words", low=_limit(lower), high=_limit(upper))


def _limit(measured: Plain) -> Html:
    interval = measured.get("interval")
    words = number(measured["value"], 1, signed=True)
    return html(f"{words} {bracket(interval, 1)}" if interval else words)


def all_raters(found: Plain, ids: Ids) -> Html:
    """One number for all raters together, where there are more than two or where sheets are missing."""
    raters = join((tag("bdi", rater) for rater in found.get("raters") or ()), ", ")
    rows: list[Sequence[object]] = [
        [name_of(metric), cell(measured), tag("td", help_of(metric), class_="words")]
        for metric, measured in (found.get("metrics") or {}).items()
    ]
    head = [named("rating.panel", "metric"), both("rating.panel.value"), both("rating.panel.meaning")]
    counts = both(
        "rating.all_raters.counts", videos=found.get("n_videos", MISSING), cells=found.get("n_cells", MISSING)
    )
    return section(
        "all-raters",
        both("rating.all_raters.title"),
        tag("p", raters, " · ", counts, class_="note"),
        table(ids, both("rating.all_raters.title"), head, rows, class_="wide-words"),
        stands_on(list((found.get("metrics") or {}).values())),
        lead=both("rating.all_raters.lead"),
    )
