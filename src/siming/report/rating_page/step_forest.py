"""Agreement step by step: weighted kappa with its interval, raw agreement beside it, and why a step has none."""

from __future__ import annotations

from itertools import groupby

from siming.report.bilingual import both, reason
from siming.report.column import MISSING, Plain, bracket, number
from siming.report.figures import forest_axis, forest_domain, forest_row, legend
from siming.report.markup import Html, html, tag
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

MAIN, BESIDE = "qwk", "raw_agreement"


def step_forest(panel: Plain, ids: Ids) -> Html:
    """One row per step, in the order of the rubrics, and the numbers beneath."""
    steps = list(panel.get("steps") or ())
    title = both("rating.steps.title")
    if not steps:
        return nothing(title, panel.get("steps_reason") or both("rating.steps.none"), level="h3")
    lows = [
        min((value_of(each) or 0.0, *(interval_of(each) or ())))
        for step in steps
        for key, each in step["metrics"].items()
        if key in (MAIN, BESIDE)
    ]
    domain = forest_domain(lows)
    name = ids.new("t")
    drawn = [
        tag("div", tag("span"), forest_axis(*domain), tag("span"), class_="track-row track-axis", aria_hidden="true")
    ]
    for skill, group in groupby(steps, key=lambda step: step.get("skill")):
        if skill:
            drawn.append(group_row(tag("bdi", skill)))
        drawn += [_row(step, domain) for step in group]
    metrics = list(dict.fromkeys(key for step in steps for key in step["metrics"]))
    head = [
        both("steps.step"),
        both("table.cells"),
        both("table.missing"),
        both("rating.steps.different"),
        *(name_of(key) for key in metrics),
    ]
    rows = [
        [title_of(step), *(tag("td", step.get(key, MISSING)) for key in ("n", "n_missing", "n_different")), *(cell(step["metrics"].get(key)) for key in metrics)]
        for step in steps
    ]  # fmt: skip
    return tag(
        "figure",
        tag("figcaption", tag("h3", title, id=name), tag("p", both("rating.steps.how"))),
        tag("div", *drawn, class_="tracks forest rating-forest by-step", role="table", aria_labelledby=name),
        legend([("dot human", both("rating.steps.dot")), ("hollow human", both("rating.steps.hollow"))]),
        stands_on([step["metrics"].get(MAIN) for step in steps]),
        folded(both("rating.numbers"), table(ids, title, head, rows)),
        class_="panel",
    )


def _row(step: Plain, domain: tuple[float, float]) -> Html:
    measured = measured_in(step["metrics"].get(MAIN)) or {"value": None, "n": 0, "reason": "not measured"}
    beside = value_of(step["metrics"].get(BESIDE))
    value, interval = value_of(measured), interval_of(measured)
    drawn = forest_row(measured, kind="human", domain=domain, beside=beside)
    if value is None:
        words = tag("span", reason(str(measured.get("reason") or "")), class_="why")
        drawn = tag("div", drawn, tag("span", words, class_="over"), class_="forest-cell layered")
    under = bracket(interval) if interval else no_interval(measured) if value is not None else both("undefined.short")
    raw = tag("small", html(f"{number(beside)}"), class_="vh")
    return tag(
        "div",
        tag("span", title_of(step), class_="track-name", role="rowheader"),
        drawn,
        tag("span", tag("b", number(value)), tag("small", under), raw, class_="track-value", role="cell"),
        class_="track-row human",
        role="row",
    )
