"""What hangs on the raters' severities: adjusted totals, as advice, and a check of the consensus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from siming.report.bilingual import both, reason
from siming.report.column import MISSING, Plain, number, percent
from siming.report.markup import Html, html, join, tag
from siming.report.rating_page.pieces import (
    Ids,
    cell,
    measured_in,
    nothing,
    section,
    sentences,
    stands_on,
    table,
    value_of,
)

MOST_ROWS = 25
"""Rows of a table of attempts; the JSON has all."""


def links(plain: Plain, ids: Ids) -> Html:
    """What totals would be with an average rater. Advice: the sheets stand."""
    found = plain.get("links") or {}
    title = both("rating.links.title")
    if not found or found.get("reason"):
        why = found.get("reason") or both("rating.links.none")
        return section(
            "links", title, nothing(both("rating.links.table"), why, level="h3"), lead=both("rating.links.lead")
        )
    attempts = list(found.get("attempts") or ())
    changed = [each for each in attempts if each.get("rank_change") or each.get("decision_changed")]
    moved = sorted(
        attempts,
        key=lambda each: (not each.get("decision_changed"), -abs(each.get("rank_change") or 0), str(each["attempt"])),
    )
    rows = [_adjusted(each, bool(found.get("pass_mark") is not None)) for each in moved[:MOST_ROWS]]
    head = [
        both("rating.attempt"),
        both("rating.links.total"),
        both("rating.links.adjusted"),
        both("rating.links.rank_change"),
    ]
    if found.get("pass_mark") is not None:
        head.append(both("rating.links.decision"))
    facts = [both("rating.links.facts", n=len(attempts), changed=len(changed))]
    if found.get("pass_mark") is not None:
        decisions = found.get("decisions_changed", sum(1 for each in attempts if each.get("decision_changed")))
        facts.append(both("rating.links.decisions", n=decisions, mark=number(found["pass_mark"], 1)))
    if found.get("n_links") is not None:
        facts.append(both("rating.links.n_links", n=found["n_links"]))
    critical = found.get("critical_links") or ()
    if critical:
        facts.append(both("rating.links.critical", n=len(critical)))
    left = len(moved) - MOST_ROWS
    return section(
        "links",
        title,
        sentences(plain, "links"),
        tag("p", join(facts, " · "), class_="note"),
        table(ids, both("rating.links.table"), head, rows),
        tag("p", both("rating.links.left", n=left), class_="note") if left > 0 else None,
        stands_on([each.get("adjusted") for each in attempts]),
        lead=both("rating.links.lead"),
    )


def _adjusted(each: Plain, decided: bool) -> list[object]:
    raters = (
        tag("small", join((tag("bdi", rater) for rater in each.get("raters") or ()), ", "))
        if each.get("raters")
        else None
    )
    change = each.get("rank_change")
    row: list[object] = [
        join([tag("bdi", each["attempt"]), raters]),
        tag("td", number(each.get("total"))),
        cell(each.get("adjusted"))
        if isinstance(each.get("adjusted"), Mapping)
        else tag("td", number(each.get("adjusted"))),
        tag("td", MISSING if change is None else number(float(change), 0, signed=True)),
    ]
    if decided:
        turned = each.get("decision_changed")
        words = (
            html(MISSING) if turned is None else both("rating.links.turned") if turned else both("rating.links.same")
        )
        hangs = tag("small", both("rating.links.hangs")) if each.get("hangs_on_a_link") else None
        row.append(tag("td", words, hangs))
    return row


def latent(plain: Plain, ids: Ids) -> Html:
    """The consensus beside the latent truth that the raters' labels suggest."""
    found = plain.get("latent") or {}
    title = both("rating.latent.title")
    accuracy = [(rater, each) for rater, each in (found.get("accuracy") or {}).items()]
    content: list[Html | None] = []
    if found.get("reason"):
        content.append(nothing(both("rating.latent.check"), str(found["reason"]), level="h3"))
    rows: list[Sequence[object]] = [[tag("bdi", rater), cell(each)] for rater, each in accuracy]
    if measured_in(found.get("agreement")) and value_of(found["agreement"]) is not None:
        rows.append([both("rating.latent.consensus"), cell(found["agreement"])])
    if rows:
        content.append(table(ids, title, [both("rating.rater"), both("rating.latent.accuracy")], rows))
        content.append(stands_on([each for _, each in accuracy]))
    doubtful = list(found.get("doubtful") or ())
    if doubtful:
        lines = [
            [tag("bdi", each["attempt"]), tag("td", tag("code", tag("bdi", each["step"])), class_="words"), *(tag("td", each[key]) for key in ("consensus", "likeliest")), tag("td", percent(each["probability"]))]
            for each in doubtful[:MOST_ROWS]
        ]  # fmt: skip
        head = [
            both("rating.attempt"),
            both("steps.step"),
            *(both(f"rating.latent.{key}") for key in ("consensus", "likeliest", "probability")),
        ]
        heading = both("rating.latent.doubtful", n=len(doubtful))
        content.append(tag("div", tag("h3", heading), table(ids, heading, head, lines), class_="block"))
    return section(
        "latent",
        title,
        sentences(plain, "latent"),
        *content,
        *(tag("p", reason(str(note)), class_="note") for note in found.get("notes") or ()),
        lead=both("rating.latent.lead"),
    )
