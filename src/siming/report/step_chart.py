"""Agreement step by step: a strip of shades per author, and the numbers beneath."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from siming.report.bilingual import both, entry_name, named
from siming.report.column import Plain, number
from siming.report.figures import heat_class, strip, svg
from siming.report.markup import Html, join, tag


def step_chart(entries: Sequence[Plain]) -> Html | None:
    """Raw agreement of every author on every step, as a strip; the numbers are in a table beneath."""
    rows = [entry for entry in entries if entry.get("per_step")]
    if not rows:
        return None
    steps = list(dict.fromkeys(str(line["step"]) for entry in rows for line in entry["per_step"]))
    breaks = step_breaks(steps)
    names = [steps[i] for i in (0, *breaks)]
    shares = [len(list(g)) for _, g in groupby(steps, key=step_family)]
    header = strip_header([step_family(name).upper() for name in names], shares)
    drawn = [tag("div", tag("span"), header, class_="track-row two track-axis")]
    for entry in rows:
        lines = {line["step"]: line for line in entry["per_step"]}
        cells = []
        for step in steps:
            share = lines.get(step, {}).get("raw_agreement")
            cells.append((f"cell {heat_class(share)}", f"{step}: {number(share)}"))
        name = tag("span", entry_name(entry), class_="track-name")
        drawn.append(tag("div", name, strip(cells, breaks=breaks), class_=f"track-row two {entry['kind']}"))
    return tag(
        "figure",
        tag("figcaption", tag("h3", both("steps.title")), tag("p", both("steps.how"))),
        tag("div", *drawn, class_="tracks"),
        tag("div", *(tag("i", class_=f"swatch h{i}") for i in range(0, 11, 2)), both("steps.scale"), class_="legend scale"),
        tag("details", tag("summary", both("steps.table")), _step_table(rows, steps), open=True, class_="closes"),
        class_="panel",
    )  # fmt: skip


def step_family(step: str) -> str:
    """The letters a step's id begins with: the steps of one rubric share them.

    >>> step_family("aed08")
    'aed'
    """
    return step.rstrip("0123456789").rstrip(".-_") or step


def step_breaks(steps: Sequence[str]) -> list[int]:
    """Where a new rubric's steps begin."""
    return [i for i in range(1, len(steps)) if step_family(steps[i]) != step_family(steps[i - 1])]


def strip_header(names: Sequence[str], counts: Sequence[int]) -> Html:
    """The rubrics' names above a strip, each over its first step."""
    units = sum(counts) + 0.6 * (len(counts) - 1)
    at, drawn = 0.0, []
    for name, count in zip(names, counts, strict=True):
        drawn.append(tag("text", name, x=f"{100 * at / units:.4g}%", y=15, class_="start"))
        at += count + 0.6
    return svg(*drawn, height=22, class_="axis")


def _step_table(rows: Sequence[Plain], steps: Sequence[str]) -> Html:
    head = [tag("th", both("steps.step"), scope="col", class_="name")]
    head += [tag("th", entry_name(entry), scope="col") for entry in rows]
    points = any(line.get("qwk") is not None for entry in rows for line in entry["per_step"])
    second = "qwk" if points else "mcc"
    body = []
    by_step = [{line["step"]: line for line in entry["per_step"]} for entry in rows]
    for step in steps:
        cells = []
        for lines in by_step:
            line = lines.get(step, {})
            small = number(line.get(second))
            cells.append(tag("td", number(line.get("raw_agreement")), tag("small", small)))
        body.append(tag("tr", tag("th", step, scope="row", class_="name"), *cells))
    return join(
        [
            tag("p", both("steps.cells", metric=named("metric", second)), class_="note"),
            tag("div", tag("table", tag("thead", tag("tr", *head)), tag("tbody", *body)), class_="scroll", tabindex=0),
        ]
    )
