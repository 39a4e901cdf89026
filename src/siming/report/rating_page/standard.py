"""Standards: where the pass mark lies, how it came about, and how sure one can be of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from siming.report.bilingual import both, drawn, named, reason
from siming.report.column import MISSING, Plain, number, percent
from siming.report.figures import legend
from siming.report.markup import Html, join, tag
from siming.report.rating_page.pieces import (
    Ids,
    cell,
    interval_of,
    measured_in,
    name_of,
    nothing,
    panel,
    reach_of,
    section,
    sentences,
    stands_on,
    table,
    value_of,
)
from siming.report.rating_page.plot import Axis, Plot, axis_over

NUMBERS = (
    "cut",
    "slope",
    "intercept",
    "r_squared",
    "standard_error",
    "bootstrap_rmse",
    "fail_rate",
    "critical_fails",
    "fail_rate_with_critical",
)
IN_SHARES = frozenset({"fail_rate", "fail_rate_with_critical", "r_squared", "false_pass", "false_fail"})
SPREAD = 0.28
"""Half the width over which candidates of one grade are spread, in grades."""


def standard_sections(plain: Plain, ids: Ids) -> list[tuple[str, Html, Html]]:
    """The page's parts: (id, words of the bar, content)."""
    stations = list(plain.get("stations") or ())
    out = [("cuts", both("rating.nav.cuts"), cuts(plain, stations, ids))]
    if stations:
        drawings = [station(each, plain, ids) for each in stations]
        grid = tag("div", *drawings, class_="two-up" if len(drawings) > 1 else None)
        out.append(
            (
                "stations",
                both("rating.nav.stations"),
                section("stations", both("rating.stations.title"), grid, _legend(), lead=both("rating.stations.lead")),
            )
        )
    return out


def cuts(plain: Plain, stations: Sequence[Plain], ids: Ids) -> Html:
    """All pass marks in one table: each station, then the exam."""
    exam = plain.get("exam") or {}
    keys = list(dict.fromkeys(key for each in [*stations, exam] for key, found in each.items() if measured_in(found)))
    keys = [*(key for key in NUMBERS if key in keys), *(key for key in keys if key not in NUMBERS)]
    rows = [
        [tag("bdi", each["skill"]), tag("td", each.get("n", MISSING)), *(_number(each.get(key), key) for key in keys)]
        for each in stations
    ]
    if exam:
        rows.append(
            [
                both("rating.standard.exam"),
                tag("td", exam.get("n", MISSING)),
                *(_number(exam.get(key), key) for key in keys),
            ]
        )
    title = both("rating.standard.title")
    head = [both("rating.standard.station"), both("rating.standard.n"), *(name_of(key, "standard") for key in keys)]
    method = both("rating.standard.method", method=named("rating.method", str(plain.get("method", ""))))
    return section(
        "cuts",
        title,
        sentences(plain, "stations", "quality", "exam"),
        tag("p", method, class_="note"),
        table(ids, title, head, rows)
        if rows
        else nothing(title, plain.get("reason") or both("rating.standard.none"), level="h3"),
        stands_on([each.get("cut") for each in [*stations, exam]]),
        lead=both("rating.standard.lead"),
    )


def _number(found: object, key: str) -> Html:
    fine = key in IN_SHARES or key in ("standard_error", "bootstrap_rmse", "slope")
    return cell(found, decimals=0 if key == "critical_fails" else 2 if fine else 1)


def _grade_axis(grades: Sequence[float]) -> Axis:
    """Every grade there is, with room at both ends for the spread of its points."""
    first, last = math.floor(grades[0]), math.ceil(grades[-1])
    return Axis(first - 0.5, last + 0.5, tuple(float(grade) for grade in range(first, last + 1)), 0)


def _legend() -> Html:
    keys = [("point", "point"), ("line-fit", "line"), ("line-cut", "cut"), ("band-mean", "band")]
    return legend([(class_, both(f"rating.stations.key.{key}")) for class_, key in keys])


def station(found: Plain, plain: Plain, ids: Ids) -> Html:
    """Marks against global grades, the line through them, and the pass mark it gives; or why there is none."""
    title = tag("bdi", found["skill"])
    points = [
        (float(grade), float(score))
        for grade, score in found.get("points") or ()
        if grade is not None and score is not None
    ]
    cut = measured_in(found.get("cut"))
    if not points:
        return nothing(title, str((cut or {}).get("reason") or "") or both("rating.stations.none"), level="h3")
    slope, intercept = value_of(found.get("slope")), value_of(found.get("intercept"))
    grades = sorted({grade for grade, _ in points})
    plot = Plot(
        _grade_axis(grades),
        axis_over([*(score for _, score in points), *reach_of([found.get("cut")])]),
        height=320,
    )
    shapes: list[Html] = []
    band = interval_of(found.get("cut"))
    if band:
        shapes.append(plot.level_band(*band, "band-mean"))
    seen: dict[float, int] = {}
    spread = []
    for grade, score in points:
        # Spread by a golden ratio: even, and the same each time the page is made.
        seen[grade] = seen.get(grade, 0) + 1
        spread.append((grade + SPREAD * (2 * (seen[grade] * 0.618034 % 1) - 1), score))
    cloud, squares = plot.cloud(spread, "point")
    shapes.append(cloud)
    if slope is not None and intercept is not None:
        ends = (grades[0], grades[-1])
        shapes.append(
            plot.segment((ends[0], intercept + slope * ends[0]), (ends[1], intercept + slope * ends[1]), "line-fit")
        )
    value = value_of(cut)
    if value is not None:
        shapes.append(plot.level(value, "line-cut"))
        shapes.append(plot.note(plot.x.high, value, drawn("rating.stations.cut", value=number(value, 1)), "end strong"))
        borderline = found.get("borderline", plain.get("borderline"))
        if borderline is None and slope and intercept is not None:
            borderline = (value - intercept) / slope
        if borderline is not None:
            shapes.append(plot.segment((float(borderline), plot.y.low), (float(borderline), value), "line-cut"))
    fail = value_of(found.get("fail_rate"))
    facts = [both("rating.facts.n", n=found.get("n", len(points)))]
    if fail is not None:
        facts.append(both("rating.stations.fail", share=percent(fail)))
    words = (
        both(
            "rating.stations.words",
            cut=number(value, 1),
            slope=number(slope),
            r2=number(value_of(found.get("r_squared"))),
        )
        if value is not None
        else both("undefined.because", reason=reason(str((cut or {}).get("reason") or "")))
    )
    return panel(
        ids,
        title,
        words,
        lambda name, told: plot.frame(
            *shapes, x_title=both("rating.stations.x"), y_title=both("rating.stations.y"), labelled_by=name, described_by=told
        ),
        tag("p", squares, class_="note") if squares is not None else None,
        stands_on([found.get("cut")]) or tag("p", join(facts, " · "), class_="note stands-on"),
        level="h3",
    )  # fmt: skip
