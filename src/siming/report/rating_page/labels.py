"""Labels: which one rater gave where the other gave which, and how often each was used at all."""

from __future__ import annotations

from collections.abc import Sequence

from siming.report.bilingual import both
from siming.report.column import MISSING, Plain, number, percent
from siming.report.figures import heat_class
from siming.report.markup import Html, join, tag
from siming.report.rating_page.pieces import Ids, cell, folded, measured_in, nothing, p_cell, table, value_of


def confusion(panel: Plain, ids: Ids) -> Html:
    """Squares with the count and the share of the row; rows are the first rater's labels."""
    counts = panel.get("confusion") or []
    title = both("rating.confusion.title")
    total = sum(map(sum, counts))
    if not total:
        return nothing(title, panel.get("confusion_reason") or "no pairs", level="h3")
    levels = list(panel.get("levels") or range(len(counts)))
    head = tag(
        "tr",
        tag("td", class_="corner"),
        *(tag("th", level, scope="col") for level in levels),
        tag("th", both("rating.confusion.row"), scope="col", class_="sum"),
    )
    rows = []
    for level, row in zip(levels, counts, strict=True):
        whole = sum(row)
        cells = [
            tag(
                "td",
                count,
                tag("small", percent(count / whole) if whole else "–"),
                class_=heat_class(count / whole if whole else None),
            )
            for count in row
        ]
        rows.append(tag("tr", tag("th", level, scope="row"), *cells, tag("td", whole, class_="sum")))
    columns = [sum(row[at] for row in counts) for at in range(len(levels))]
    foot = tag(
        "tr",
        tag("th", both("rating.confusion.column"), scope="row", class_="sum"),
        *(tag("td", n, class_="sum") for n in columns),
        tag("td", total, class_="sum"),
    )
    equal = sum(counts[at][at] for at in range(len(counts)))
    axes = both("rating.confusion.axes", first=tag("bdi", panel["first"]), second=tag("bdi", panel["second"]))
    name = ids.new("t")
    return tag(
        "figure",
        tag("figcaption", tag("h3", title, id=name), tag("p", both("rating.confusion.how"))),
        tag(
            "div",
            tag(
                "table",
                tag("caption", axes),
                tag("thead", head),
                tag("tbody", *rows),
                tag("tfoot", foot),
                class_="confusion shares",
                aria_labelledby=name,
            ),
            class_="confusion-frame",
        ),
        tag(
            "p",
            both("rating.confusion.facts", n=total, equal=equal, missing=panel.get("n_missing", 0)),
            class_="note stands-on",
        ),
        class_="panel",
    )


def label_use(panel: Plain, ids: Ids) -> Html | None:
    """How often each rater used each label, and whether one is systematically milder."""
    counts = panel.get("confusion") or []
    total = sum(map(sum, counts))
    if not total:
        return None
    levels = list(panel.get("levels") or range(len(counts)))
    shares = {
        "first": [sum(row) / total for row in counts],
        "second": [sum(row[at] for row in counts) / total for at in range(len(counts))],
    }
    title = both("rating.marginals.title")
    bars = []
    for level in reversed(range(len(levels))):
        row = [tag("span", levels[level], class_="level")]
        for side in ("first", "second"):
            share = shares[side][level]
            bar = tag(
                "svg", tag("rect", x=0, y=0, width=f"{100 * share:.4g}%", height="100%", class_=f"bar-{side}"),
                width="100%", height=12, aria_hidden="true", focusable="false",
            )  # fmt: skip
            row.append(tag("span", bar, tag("small", percent(share)), class_="use"))
        bars.append(tag("div", *row, class_="use-row"))
    heads = tag("div", tag("span"), tag("bdi", panel["first"]), tag("bdi", panel["second"]), class_="use-row heads")
    return tag(
        "figure",
        tag("figcaption", tag("h3", title), tag("p", both("rating.marginals.how"))),
        tag("div", heads, *bars, class_="uses"),
        _stricter(panel, ids),
        tag("p", both("rating.facts.n", n=total), class_="note stands-on"),
        class_="panel",
    )


def _stricter(panel: Plain, ids: Ids) -> Html | None:
    """Whether the difference in the use of labels is more than chance, over all steps and step by step."""
    found = panel.get("marginals") or {}
    level, homogeneity = found.get("mean_level_difference") or {}, found.get("stuart_maxwell") or {}
    title = both("rating.marginals.tests")
    rows: list[Sequence[object]] = []
    if measured_in(level.get("difference")):
        p = level.get("p_value")
        rows.append([both("rating.marginals.level"), cell(level["difference"], signed=True), p_cell(p)])
    if measured_in(homogeneity.get("p_value")):
        chi = tag("td", "χ²(", homogeneity.get("degrees"), ") = ", number(value_of(homogeneity.get("statistic"))))
        rows.append([both("rating.marginals.stuart_maxwell"), chi, p_cell(homogeneity["p_value"])])
    steps = [
        [
            tag("code", tag("bdi", each["step"])),
            tag("td", each.get("only_first", MISSING)),
            tag("td", each.get("only_second", MISSING)),
            p_cell(each.get("p_value")),
            p_cell(each.get("p_holm")),
            tag("td", tag("bdi", each["stricter"]) if each.get("stricter") else MISSING),
        ]
        for each in found.get("mcnemar") or ()
    ]
    if not rows and not steps:
        return None
    stricter = found.get("stricter")
    words = (
        both("rating.marginals.stricter", rater=tag("bdi", stricter))
        if stricter
        else both("rating.marginals.undecided")
    )
    head = [both("rating.panel.metric"), both("rating.panel.value"), both("rating.marginals.p")]
    by_step = both("rating.marginals.by_step")
    columns = ("only_first", "only_second", "p", "p_holm", "stricter_one")
    return join(
        [
            tag("p", words, class_="note"),
            table(ids, title, head, rows) if rows else None,
            folded(
                by_step,
                table(ids, by_step, [both("steps.step"), *(both(f"rating.marginals.{key}") for key in columns)], steps),
            )
            if steps
            else None,
        ]
    )
