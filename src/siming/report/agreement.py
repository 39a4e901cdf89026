"""One setting's section of the page: forest, agreement table, confusion of labels, agreement step by step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from siming.report.bilingual import both, entry_name, hidden, named, reason
from siming.report.column import (
    KINDS,
    MISSING,
    Column,
    Plain,
    Shown,
    ceiling,
    columns_of,
    entries_of,
    main_column,
    measured_of,
    n_missing,
    n_videos,
    percent,
    shown,
)
from siming.report.figures import forest_axis, forest_domain, forest_row, heat_class, legend
from siming.report.markup import Html, html, join, tag
from siming.report.number_card import definitions, how_made, opening
from siming.report.step_chart import step_chart

HOLLOW = {"qwk_within_step": "qwk"}
"""Drawn hollow beside the main metric: the gap is what knowing the steps' difficulty is worth."""

WITH_LIMITS = ("mean_difference",)
"""Metrics followed by a column for their limits of agreement."""


def setting_section(report: Plain, setting: str, index: int) -> Html:
    """Everything about one setting. `index` makes the ids of the page unique."""
    entries = entries_of(report, setting)
    return tag(
        "section",
        tag("h2", named("setting", setting), id=f"setting-{index}-title"),
        tag("p", named("setting.about", setting), class_="lead") if setting_known(setting) else None,
        forest(entries),
        agreement_table(entries, index),
        confusions(entries),
        step_chart(entries),
        alternative_maps(entries, report),
        id=f"setting-{index}",
        class_="setting",
        aria_labelledby=f"setting-{index}-title",
    )


def setting_known(setting: str) -> bool:
    """Whether the texts say what this setting asks."""
    return setting in ("full-points", "full-errors", "clip-points", "clip-errors")


# ---- forest -------------------------------------------------------------------------------------------------


def forest(entries: Sequence[Plain]) -> Html | None:
    """The main metric of all rows with its interval, one under the other."""
    column = main_column(entries)
    if column is None:
        return None
    hollow = HOLLOW.get(column.key)
    rows = [(entry, entry["metrics"].get(column.key)) for entry in entries if column.key in entry["metrics"]]
    rows.sort(key=_forest_place)
    lows = [m["interval"][0] if m.get("interval") else m["value"] for _, m in rows if m["value"] is not None]
    domain = forest_domain(lows)
    held_against = ceiling(entries, column)
    band = None if held_against is None else held_against["metrics"][column.key].get("interval")
    drawn = [tag("div", tag("span"), forest_axis(*domain), tag("span"), class_="track-row track-axis")]
    for entry, measured in rows:
        beside = entry["metrics"].get(hollow, {}).get("value") if hollow else None
        seen = shown(column, measured)
        drawn.append(
            tag(
                "div",
                tag("span", entry_name(entry), class_="track-name"),
                forest_row(measured, kind=entry["kind"], domain=domain, band=band, beside=beside),
                tag("span", tag("b", seen.value), tag("small", under(seen)), class_="track-value"),
                class_=f"track-row {entry['kind']}",
            )
        )  # fmt: skip
    keys = [("dot", both("forest.dot", metric=named("metric", column.key)))]
    if hollow:
        keys.append(("hollow", both("forest.hollow", metric=named("metric", hollow))))
    if held_against is not None and band:
        keys.append(("band", both("forest.band", name=entry_name(held_against))))
    return tag(
        "figure",
        tag("figcaption", tag("h3", named("metric", column.key)), tag("p", both(f"metric.help.{column.key}"))),
        tag("div", *drawn, class_="tracks forest"),
        legend(keys),
        class_="panel",
    )


def under(seen: Shown) -> Html:
    """What stands under or beside a number: its interval, or in a word why there is none."""
    if seen.reason is not None:
        return both("undefined.refused" if seen.refused else "undefined.short")
    return html(seen.interval) if seen.interval else both("interval.none")


def _forest_place(row: tuple[Plain, Plain]) -> tuple[int, float]:
    """Physicians as the report has them, the one to hold models against first; the others best first."""
    entry, measured = row
    value = measured["value"]
    below = 2.0 if value is None else -float(value)
    return KINDS.index(entry["kind"]), 0.0 if entry["kind"] == "human" else below


# ---- table --------------------------------------------------------------------------------------------------


def agreement_table(entries: Sequence[Plain], index: int) -> Html:
    """Rows are humans, runs and blind baselines; columns stand in the order in which they must be read."""
    columns = columns_of(entries)
    counts = ("videos", "cells", "missing")
    head = tag(
        "tr",
        tag("th", both("table.entry"), scope="col", class_="name"),
        *(tag("th", both(f"table.{key}"), scope="col") for key in counts),
        *(head for column in columns for head in _heads(column, f"h-{index}-{column.key}")),
        tag("th", both("table.prevalence"), scope="col"),
    )
    bodies = []
    row_number = 0
    for kind, group in groupby(entries, key=lambda entry: str(entry["kind"])):
        wide = 2 + len(counts) + sum(1 + (column.key in WITH_LIMITS) for column in columns)
        heading = tag("th", tag("span", both(f"kind.{kind}"), class_="stay"), scope="rowgroup", colspan=wide)
        rows = [tag("tr", heading, class_="group")]
        for entry in group:
            rows.append(_entry_row(entry, columns, f"m-{index}-{row_number}"))
            row_number += 1
        bodies.append(tag("tbody", *rows, class_=kind))
    title = f"table-{index}"
    return tag(
        "div",
        tag("h3", both("table.title"), id=title),
        tag("p", both("table.how"), class_="note"),
        tag(
            "div",
            tag("table", tag("thead", head), *bodies, class_="agreement"),
            class_="scroll", tabindex=0, role="region", aria_labelledby=title,
        ),
        class_="block",
    )  # fmt: skip


def _heads(column: Column, id_: str) -> list[Html]:
    help_ = [tag("h4", named("metric", column.key)), tag("p", both(f"metric.help.{column.key}"))]
    heads = [tag("th", *opening(id_, [named("metric", column.key)], help_), scope="col")]
    if column.key in WITH_LIMITS:
        heads.append(tag("th", both("table.limits"), scope="col"))
    return heads


def _entry_row(entry: Plain, columns: Sequence[Column], id_: str) -> Html:
    coverage = entry.get("coverage") or {}
    small = [tag("small", entry["model"], class_="model", title=entry["model"])] if entry["kind"] == "run" else []
    if entry.get("note"):
        small.append(tag("small", reason(str(entry["note"])), class_="entry-note"))
    videos = n_videos(entry)
    missing = n_missing(coverage)
    prevalence = entry.get("prevalence") or {}
    reference, predicted = prevalence.get("reference"), prevalence.get("prediction")
    return tag(
        "tr",
        tag("th", tag("span", entry_name(entry)), *small, scope="row", class_="name"),
        tag("td", MISSING if videos is None else videos),
        tag("td", coverage.get("cells_asked", MISSING)),
        tag("td", _coverage(coverage, missing, entry, f"{id_}-coverage"), class_="gaps" if missing else None),
        *(cell for column in columns for cell in _metric(column, entry, f"{id_}-{column.key}")),
        tag("td", percent(reference), tag("small", percent(predicted))),
    )


def _coverage(coverage: Plain, missing: int | None, entry: Plain, id_: str) -> Html:
    if missing is None:
        return html(MISSING)
    lines = [(named("status", status), count) for status, count in (coverage.get("by_status") or {}).items() if count]
    reasons = [(reason(why), count) for why, count in (coverage.get("cells_missing") or {}).items() if count]
    body = [
        tag("h4", both("coverage.title"), " · ", entry_name(entry)),
        definitions([(both("coverage.share"), percent(coverage.get("share"))), *lines]),
    ]
    if reasons:
        body += [tag("h5", both("coverage.why")), definitions(reasons)]
    return join(opening(id_, [missing, tag("small", percent(coverage.get("share")))], body))


def _metric(column: Column, entry: Plain, id_: str) -> list[Html]:
    measured = measured_of(entry, column)
    more = [tag("td")] if column.key in WITH_LIMITS else []
    if measured is None:
        return [tag("td", hidden("table.not_defined")), *more]
    seen = shown(column, measured)
    if more:
        more = [tag("td", tag("span", seen.limits or MISSING, class_="limits"))]
    class_ = "num" if seen.reason is None else "num dash"
    card = _how_made(column, measured, entry, seen.refused)
    return [tag("td", *opening(id_, [seen.value, tag("small", under(seen))], card, class_)), *more]


def _how_made(column: Column, measured: Plain, entry: Plain, refused: bool) -> list[Html]:
    totals = column.key in ("plcc", "srcc", "mean_difference", "icc_a1")
    return how_made(
        measured,
        title=join([named("metric", column.key), " · ", entry_name(entry)]),
        n_is=both("how.n_marks" if totals else "how.n"),
        decimals=2 if column.unit == "marks" else 4,
        refused=refused,
    )


# ---- confusion ----------------------------------------------------------------------------------------------


def confusions(entries: Sequence[Plain]) -> Html | None:
    """Which label the reference gave and which one this author gave, one small table each."""
    with_counts = [entry for entry in entries if entry.get("confusion")]
    if not with_counts:
        return None
    return tag(
        "div",
        tag("h3", both("confusion.title")),
        tag("p", both("confusion.how"), class_="note"),
        tag("div", *map(_confusion, with_counts), class_="cards"),
        class_="block",
    )


def _confusion(entry: Plain) -> Html:
    counts = entry["confusion"]
    labels = range(len(counts))
    head = tag("tr", tag("td"), *(tag("th", label, scope="col") for label in labels))
    rows = []
    for label, row in enumerate(counts):
        total = sum(row)
        cells = [tag("td", count, class_=heat_class(count / total if total else None)) for count in row]
        rows.append(tag("tr", tag("th", label, scope="row"), *cells))
    return tag(
        "figure",
        tag("figcaption", entry_name(entry)),
        tag("table", tag("caption", both("confusion.axes")), tag("thead", head), tag("tbody", *rows), class_="confusion"),
        class_=f"card {entry['kind']}",
    )  # fmt: skip


# ---- other readings of points as labels ---------------------------------------------------------------------


def alternative_maps(entries: Sequence[Plain], report: Plain) -> Html | None:
    """Pooled kappa under other ways to read points as labels: how much hangs on the assumption."""
    rows = [entry for entry in entries if entry.get("alternative_maps")]
    if not rows:
        return None
    maps = list(dict.fromkeys(name for entry in rows for name in entry["alternative_maps"]))
    own = str((report.get("ordinal_map") or {}).get("name", "rubric"))
    column = Column("qwk")
    body = []
    for entry in rows:
        readings = [entry["metrics"].get("qwk"), *(entry["alternative_maps"].get(name) for name in maps)]
        cells = [tag("td", _short(column, measured)) for measured in readings]
        body.append(tag("tr", tag("th", entry_name(entry), scope="row", class_="name"), *cells))
    head = [tag("th", both("table.entry"), scope="col", class_="name")]
    head += [tag("th", named("map", name), scope="col") for name in (own, *maps)]
    inner = tag("div", tag("table", tag("thead", tag("tr", *head)), tag("tbody", *body)), class_="scroll", tabindex=0)
    note = tag("p", both("maps.how"), class_="note")
    return tag("details", tag("summary", both("maps.title")), note, inner, open=True, class_="block closes")


def _short(column: Column, measured: Plain | None) -> Html:
    if measured is None:
        return html(MISSING)
    seen = shown(column, measured)
    words = under(seen) if seen.reason is None else reason(seen.reason)
    return join([seen.value, tag("small", words)])
