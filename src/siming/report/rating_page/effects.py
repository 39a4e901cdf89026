"""Rater effects: who is severe, what else raters do, whether they drift, and what would hang on it."""

from __future__ import annotations

from collections.abc import Sequence

from siming.report.bilingual import both, named, reason
from siming.report.column import MISSING, Plain, bracket, number, percent
from siming.report.figures import forest_axis, forest_row
from siming.report.markup import Html, join, tag
from siming.report.rating_page.adjustment import latent, links
from siming.report.rating_page.drift import drift_section
from siming.report.rating_page.pieces import (
    Ids,
    cell,
    folded,
    interval_of,
    measured_in,
    name_of,
    no_interval,
    nothing,
    p_cell,
    reach_of,
    section,
    sentences,
    stands_on,
    table,
    value_of,
)
from siming.report.rating_page.plot import Axis, axis_over
from siming.report.rating_page.severity_map import severity_map

FITS_WIDE, FITS_NARROW = 0.05, 0.12
"""Shares from which a number fits into its stretch of a bar, on a desk and on a phone."""


def effects_sections(plain: Plain, ids: Ids) -> list[tuple[str, Html, Html]]:
    """The page's parts: (id, words of the bar, content)."""
    out = [
        ("severity", both("rating.nav.severity"), severity(plain, ids)),
        ("raters", both("rating.nav.raters"), raters_table(plain, ids)),
        ("drift", both("rating.nav.drift"), drift_section(plain, ids)),
        ("groups", both("rating.nav.groups"), groups_and_repeats(plain, ids)),
        ("links", both("rating.nav.links"), links(plain, ids)),
    ]
    if plain.get("latent"):
        out.append(("latent", both("rating.nav.latent"), latent(plain, ids)))
    return out


# ---- severity -----------------------------------------------------------------------------------------------


def severity(plain: Plain, ids: Ids) -> Html:
    """Whether raters can be compared at all; then the map, and who differs from whom."""
    return section(
        "severity",
        both("rating.severity.title"),
        connection(plain, ids),
        sentences(plain, "severity"),
        severity_map(plain, ids),
        contrasts(plain.get("contrasts") or (), ids),
        lead=both("rating.severity.lead"),
    )


def connection(plain: Plain, ids: Ids) -> Html | None:
    """The raters that share attempts, directly or through others; a warning where they fall apart."""
    found = plain.get("connectivity") or {}
    groups = found.get("groups") or ()
    if not found:
        return None
    if found.get("connected"):
        n = sum(int(group.get("n_videos") or 0) for group in groups)
        return tag("p", both("rating.connected", n=n), class_="note")
    lines = [
        tag(
            "li",
            join((tag("bdi", rater) for rater in group.get("raters") or ()), ", "),
            " · ",
            both("rating.group.videos", n=group.get("n_videos", MISSING)),
        )
        for group in groups
    ]
    words = sentences(plain, "connectivity") or tag("p", reason(str(found.get("explanation") or "")))
    name = ids.new("t")
    return tag(
        "aside",
        tag("h3", both("rating.disconnected"), id=name),
        words,
        tag("ul", *lines),
        class_="warnings",
        aria_labelledby=name,
    )


def contrasts(found: Sequence[Plain], ids: Ids) -> Html:
    """First less second, in logits, with the interval."""
    title = both("rating.contrasts.title")
    if not found:
        return nothing(title, both("rating.contrasts.none"), level="h3")
    axis = axis_over([*reach_of(each["difference"] for each in found), 0.0])
    rows = [_contrast(each, axis) for each in found]
    name = ids.new("t")
    ruler = forest_axis(axis.low, axis.high, ticks=axis.ticks, decimals=axis.decimals)
    return tag(
        "figure",
        tag("figcaption", tag("h3", title, id=name), tag("p", both("rating.contrasts.how"))),
        tag(
            "div",
            tag("div", tag("span"), ruler, tag("span"), class_="track-row track-axis", aria_hidden="true"),
            *rows,
            class_="tracks forest rating-forest", role="table", aria_labelledby=name,
        ),
        stands_on([each["difference"] for each in found]),
        class_="panel",
    )  # fmt: skip


def _contrast(each: Plain, axis: Axis) -> Html:
    measured = each["difference"]
    value, interval = value_of(measured), interval_of(measured)
    if value is None:
        drawn = tag(
            "div", tag("div", reason(str(measured.get("reason") or "")), class_="forest-cell words why"), role="cell"
        )
    else:
        drawn = forest_row(measured, kind="human", domain=(axis.low, axis.high), ticks=axis.ticks)
    marks = value_of(each.get("marks"))
    under = bracket(interval) if interval else no_interval(measured)
    points = (
        tag("small", both("rating.contrasts.marks", n=number(marks, 1, signed=True))) if marks is not None else None
    )
    return tag(
        "div",
        tag(
            "span",
            tag("bdi", each["first"]),
            " − ",
            tag("bdi", each["second"]),
            points,
            class_="track-name",
            role="rowheader",
        ),
        drawn,
        tag("span", tag("b", number(value, signed=True)), tag("small", under), class_="track-value", role="cell"),
        class_="track-row human",
        role="row",
    )


# ---- raters -------------------------------------------------------------------------------------------------


def raters_table(plain: Plain, ids: Ids) -> Html:
    """Every rater's numbers, the habits among them, and how well the raters can be told apart."""
    raters = list(plain.get("raters") or ())
    fixed = [
        key
        for key in ("severity", "marks", "fair_average", "infit", "outfit", "infit_z", "outfit_z")
        if any(measured_in(r.get(key)) for r in raters)
    ]
    habits = list(dict.fromkeys(key for rater in raters for key in rater.get("habits") or {}))
    head = [
        both("rating.rater"),
        both("rating.effects.n_ratings"),
        *(name_of(key, "effects") for key in (*fixed, *habits)),
    ]
    rows = []
    for rater in raters:
        note = tag("small", reason(str(rater["extreme"]))) if rater.get("extreme") not in (None, False) else None
        rows.append(
            [
                join([tag("bdi", rater["rater"]), note]),
                tag("td", rater.get("n_ratings", MISSING)),
                *(cell(rater.get(key), signed=key in ("severity", "marks")) for key in fixed),
                *(cell((rater.get("habits") or {}).get(key)) for key in habits),
            ]
        )
    meanings = [(name_of(key, "effects"), named("rating.effects.help", key)) for key in (*fixed, *habits)]
    glossary = tag("dl", *(tag("div", tag("dt", term), tag("dd", words)) for term, words in meanings), class_="method")
    return section(
        "raters",
        both("rating.raters.title"),
        sentences(plain, "fit", "habits"),
        table(ids, both("rating.raters.title"), head, rows)
        if raters
        else nothing(both("rating.raters.title"), "no raters"),
        stands_on([rater.get("severity") for rater in raters]),
        folded(both("rating.raters.meaning"), glossary) if meanings else None,
        level_use(raters),
        separation(plain.get("separation") or {}, ids),
        lead=both("rating.raters.lead"),
    )


def level_use(raters: Sequence[Plain]) -> Html | None:
    """How each rater spreads labels over the scale: a bar per rater, a shade per label."""
    rows = []
    for rater in raters:
        shares = rater.get("level_use") or ()
        if not shares:
            continue
        at, rects = 0.0, []
        for level, share in enumerate(shares):
            tooltip = tag("title", f"{level}: {percent(share)}")
            rects.append(
                tag(
                    "rect",
                    tooltip,
                    x=f"{100 * at:.4g}%",
                    width=f"{100 * share:.4g}%",
                    y=0,
                    height=22,
                    class_=f"l{min(level, 3)}",
                )
            )
            if share > FITS_WIDE:
                fits = "" if share > FITS_NARROW else " wide-only"
                words = f"on l{min(level, 3)}{fits}"
                rects.append(tag("text", percent(share), x=f"{100 * (at + share / 2):.4g}%", y=15, class_=words))
            at += share
        bar = tag("svg", *rects, width="100%", height=22, class_="strip", aria_hidden="true", focusable="false")
        words = tag("span", ", ".join(f"{level}: {percent(share)}" for level, share in enumerate(shares)), class_="vh")
        rows.append(
            tag(
                "div",
                tag("span", tag("bdi", rater["rater"]), class_="track-name"),
                tag("div", bar, words),
                class_="track-row two",
            )
        )
    if not rows:
        return None
    keys = tag(
        "ul",
        *(tag("li", tag("i", class_=f"swatch l{level}"), both(f"label.{level}")) for level in range(4)),
        class_="legend",
    )
    caption = tag("figcaption", tag("h3", both("rating.level_use.title")), tag("p", both("rating.level_use.how")))
    return tag("figure", caption, tag("div", *rows, class_="tracks"), keys, class_="panel")


def separation(found: Plain, ids: Ids) -> Html | None:
    """How well the data tell raters, attempts and steps apart."""
    keys = list(dict.fromkeys(key for each in found.values() for key in each))
    if not keys:
        return None
    rows = [
        [
            named("rating.facet", facet),
            *(p_cell(each.get(key)) if key == "homogeneity" else cell(each.get(key)) for key in keys),
        ]
        for facet, each in found.items()
    ]
    head = [both("rating.separation.facet"), *(name_of(key, "separation") for key in keys)]
    title = both("rating.separation.title")
    return tag(
        "div",
        tag("h3", title),
        tag("p", both("rating.separation.how"), class_="note"),
        table(ids, title, head, rows),
        class_="block",
    )


# ---- groups, repeats ----------------------------------------------------------------------------------------


def groups_and_repeats(plain: Plain, ids: Ids) -> Html:
    """Whether a rater treats a group of attempts otherwise; and how a rater agrees with himself."""
    groups, repeats = plain.get("groups") or (), plain.get("repeats") or ()
    title, again = both("rating.groups.title"), both("rating.repeats.title")
    if groups:
        head = [both("rating.rater"), both("rating.groups.group"), both("rating.groups.contrast")]
        rows = [
            [tag("bdi", each["rater"]), tag("td", _towards(each)), cell(each["contrast"], signed=True)]
            for each in groups
        ]
        shown = join(
            [tag("h3", title), table(ids, title, head, rows), stands_on([each["contrast"] for each in groups])]
        )
    else:
        shown = nothing(title, plain.get("groups_reason") or both("rating.groups.none"), level="h3")
    if repeats:
        keys = list(dict.fromkeys(key for each in repeats for key in each["metrics"]))
        rows = [[tag("bdi", each["rater"]), *(cell(each["metrics"].get(key)) for key in keys)] for each in repeats]
        second = join(
            [tag("h3", again), table(ids, again, [both("rating.rater"), *(name_of(key) for key in keys)], rows)]
        )
    else:
        second = nothing(again, plain.get("repeats_reason") or both("rating.repeats.none"), level="h3")
    return section(
        "groups",
        both("rating.groups.heading"),
        sentences(plain, "groups", "repeats"),
        shown,
        tag("div", second, class_="block"),
        lead=both("rating.groups.lead"),
    )


def _towards(each: Plain) -> Html:
    parts = [each["group"], ": ", tag("bdi", each["value"])]
    return join([*parts, " − ", tag("bdi", each["other"])] if each.get("other") is not None else parts)
