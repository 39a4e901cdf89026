"""The top and the end of the page: what this is, what can be said, warnings, comparisons, method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from siming.report.attempts import attempt_list, label_legend, reference_name
from siming.report.bilingual import both, entry_name, named, pair, reason
from siming.report.column import (
    MISSING,
    Column,
    Plain,
    bracket,
    ceiling,
    entries_of,
    groups_of,
    main_column,
    number,
    p_value,
    percent,
    settings_of,
    shown,
)
from siming.report.markup import Html, join, tag
from siming.report.ranking import rank_picture

FIRST_WARNINGS = 5
"""More than these are folded away, so that the numbers stay in sight."""


def hero(report: Plain) -> Html:
    """What the page is, what it is not, and whose judgement it shows."""
    dataset = report["dataset"]
    raters = dict.fromkeys(
        str(rater["name"])
        for attempt in report["attempts"]
        for step in attempt["steps"]
        for rater in step.get("raters") or ()
    )
    people = join((tag("bdi", rater) for rater in raters), ", ")
    authors = both("hero.authors", reference=reference_name(report), raters=people) if raters else both("hero.author", reference=reference_name(report))  # fmt: skip
    facts = [
        (both("hero.attempts"), dataset.get("n_attempts", len(report["attempts"]))),
        (both("hero.rubrics"), join((tag("span", rubric) for rubric in dataset.get("rubrics") or ()), ", ")),
        (both("hero.provenance"), tag("bdi", dataset.get("provenance") or MISSING)),
        (both("hero.licence"), dataset.get("licence") or MISSING),
    ]
    return tag(
        "div",
        tag("p", both("hero.kicker"), class_="kicker"),
        tag("h1", tag("bdi", dataset["name"]), " ", tag("small", dataset.get("version"))),
        tag("p", both("hero.purpose"), class_="purpose"),
        tag("p", authors, class_="authors"),
        tag("dl", *(tag("div", tag("dt", term), tag("dd", value)) for term, value in facts), class_="facts"),
        class_="hero",
    )


# ---- what can be said ---------------------------------------------------------------------------------------


def headline(report: Plain) -> Html:
    """Per setting: how far physicians agree, how far the best group of models, and what blindness earns."""
    cards = [_headline_card(report, setting, index) for index, setting in enumerate(settings_of(report))]
    return tag(
        "section",
        tag("h2", both("headline.title"), id="headline-title"),
        tag("p", both("headline.how"), class_="lead"),
        tag("div", *cards, class_="cards headline"),
        warnings(report.get("warnings") or ()),
        id="headline",
        aria_labelledby="headline-title",
    )


def _headline_card(report: Plain, setting: str, index: int) -> Html:
    entries = entries_of(report, setting)
    column = main_column(entries)
    if column is None:
        return tag("div", tag("h3", named("setting", setting)), tag("p", both("headline.nothing")), class_="card")
    lines = []
    for kind in ("human", "run", "baseline"):
        best = ceiling(entries, column) if kind == "human" else _best(entries, kind, column)
        if best is None:
            lines.append(tag("div", tag("dt", both(f"headline.{kind}")), tag("dd", MISSING), class_=kind))
            continue
        seen = shown(column, best["metrics"][column.key])
        tied = [n for n in _tie_of(report, str(best["name"])) if n != best["name"]] if kind == "run" else []
        tie = tag("span", both("headline.tie", n=len(tied)), class_="tie") if tied else None
        lines.append(
            tag(
                "div",
                tag("dt", both(f"headline.{kind}"), tag("small", entry_name(best), tie)),
                tag("dd", tag("b", seen.value), tag("small", seen.interval or both("interval.none"))),
                class_=kind,
            )
        )
    worst = min((entry for entry in entries if entry["kind"] == "run"), key=_share, default=None)
    foot = both("headline.coverage", share=percent(_share(worst))) if worst is not None else None
    return tag(
        "a",
        tag("h3", named("setting", setting)),
        tag("p", named("metric", column.key), class_="metric-name"),
        tag("dl", *lines),
        tag("p", foot, class_="foot"),
        href=f"#setting-{index}",
        class_="card",
    )


def _share(entry: Plain) -> float:
    share = (entry.get("coverage") or {}).get("share")
    return 0.0 if share is None else float(share)


def _best(entries: Sequence[Plain], kind: str, column: Column) -> Plain | None:
    """The row of this kind with the highest value of the main metric; None where all are undefined."""
    rows = [entry for entry in entries if entry["kind"] == kind and column.key in entry["metrics"]]
    rows = [entry for entry in rows if entry["metrics"][column.key]["value"] is not None]
    return max(rows, key=lambda entry: float(entry["metrics"][column.key]["value"]), default=None)


def _tie_of(report: Plain, name: str) -> Sequence[str]:
    return next((group for _, groups in groups_of(report) for group in groups if name in group), ())


def warnings(found: Sequence[Plain]) -> Html | None:
    """What a reader must know before using any number."""
    if not found:
        return None
    lines = [tag("li", pair(warning.get("en"), warning.get("zh"))) for warning in found]
    first, rest = lines[:FIRST_WARNINGS], lines[FIRST_WARNINGS:]
    summary = tag("summary", both("warnings.more", n=len(rest)))
    more = tag("details", summary, tag("ul", *rest), open=True, class_="closes") if rest else None
    return tag("aside", tag("h3", both("warnings.title")), tag("ul", *first), more, class_="warnings")


# ---- comparisons --------------------------------------------------------------------------------------------


def comparisons(report: Plain) -> Html | None:
    """Which models the data can tell apart, and the paired differences behind that."""
    groups, pairs = groups_of(report), report.get("comparisons") or ()
    if not groups and not pairs:
        return None
    entries = {str(entry["name"]): entry for entry in report["entries"]}
    content: list[Html] = [tag("p", both("groups.how"), class_="lead")]
    for setting, together in groups:
        if setting is not None:
            content.append(tag("h3", named("setting", setting), class_="tie-setting"))
        ranking = (report.get("rankings") or {}).get(setting)
        if ranking and len(ranking["models"]) > 1:
            content.append(tag("div", rank_picture(ranking, lambda name: _name(name, entries)), class_="ranking"))
        else:
            content.append(tag("ol", *(tag("li", *_group(names, entries)) for names in together), class_="ties"))
    if pairs:
        keys = ("compare.pair", "compare.metric", "compare.difference", "compare.p", "comparison.p_holm")
        head = [tag("th", both(key), scope="col") for key in (*keys, "compare.cells")]
        body = [tag("tr", *_comparison(row, entries)) for row in pairs]
        table = tag("table", tag("thead", tag("tr", *head)), tag("tbody", *body), class_="compare")
        content.append(tag("div", table, class_="scroll", tabindex=0, role="region", aria_labelledby="compare-title"))
    return tag("section", tag("h2", both("groups.title"), id="compare-title"), *content, id="compare")


def _group(names: Sequence[str], entries: Mapping[str, Plain]) -> list[Html]:
    chips = [tag("span", _name(name, entries), class_="chip") for name in names]
    return [*chips, tag("small", both("groups.tied"))] if len(chips) > 1 else chips


def _name(name: str, entries: Mapping[str, Plain]) -> Html:
    return entry_name(entries[name]) if name in entries else tag("bdi", name)


def _comparison(row: Plain, entries: Mapping[str, Plain]) -> list[Html]:
    difference, p = row["difference"], row.get("p")
    value = difference.get("value")
    interval = difference.get("interval")
    under = reason(str(difference.get("reason") or "")) if value is None else bracket(interval) if interval else both("interval.none")  # fmt: skip
    names = tag(
        "th",
        _name(row["first"], entries),
        tag("span", " − "),
        _name(row["second"], entries),
        scope="row",
        class_="name",
    )
    return [
        names,
        tag("td", named("metric", str(row["metric"]))),
        tag("td", number(value, signed=True), tag("small", under)),
        tag("td", p_value(p)),
        tag("td", p_value(row.get("p_holm"))),
        tag("td", row.get("n_cells", MISSING)),
    ]


# ---- method -------------------------------------------------------------------------------------------------


def method(report: Plain) -> Html:
    """How the numbers were made: what a reader would need to repeat or to doubt them."""
    policy = str(report.get("missing_policy", ""))
    ordinal = report.get("ordinal_map") or {}
    notes = [
        (both("method.reference"), reference_name(report)),
        (both("method.polarity"), both("method.polarity_is")),
        (both("method.missing"), named("method.missing", policy)),
        (both("method.map"), both("method.map_is", name=ordinal.get("name", MISSING), status=named("map.status", str(ordinal.get("status", ""))))),
        (both("method.intervals"), both("method.intervals_are", seed=report.get("seed", MISSING), replicates=report.get("replicates", MISSING))),
        (both("method.baselines"), both("method.baselines_are")),
        (both("method.made"), both("method.made_by", version=report.get("siming", MISSING), schema=report.get("schema", MISSING))),
    ]  # fmt: skip
    lines = [tag("div", tag("dt", term), tag("dd", words)) for term, words in notes]
    return tag(
        "section",
        tag("h2", both("method.title"), id="method-title"),
        tag("dl", *lines, class_="method"),
        id="method",
        aria_labelledby="method-title",
    )


def attempts_overview(report: Plain, n_shown: int) -> Html:
    """The list that leads to each attempt."""
    left = len(report["attempts"]) - n_shown
    shown_report = {**report, "attempts": report["attempts"][:n_shown]}
    return tag(
        "section",
        tag("h2", both("attempts.title"), id="attempts-title"),
        tag("p", both("attempts.how"), class_="lead"),
        tag("p", both("attempts.left", n=left), class_="note") if left else None,
        attempt_list(shown_report),
        label_legend(),
        id="attempts",
        aria_labelledby="attempts-title",
    )
