"""Checks of all rows of one test set together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from siming.metrics.audit.finding import Fact, Finding
from siming.metrics.audit.identities import accuracy_range, mcc_range, prevalence_grid
from siming.metrics.audit.printed import Printed, ReadRow


def checks_of_set(rows: Sequence[ReadRow], given: Printed | None) -> Iterator[Finding]:
    """All checks that the figures of several rows allow."""
    known = [(row, row.cells.get("prevalence", given)) for row in rows]
    ranges = [(row.name, p.low, p.high) for row, p in known if p is not None]
    for row in rows:
        if _calls_all_positive(row):
            precision = row.cells["precision"]
            wrong = [p for _, p in known if p is not None and not precision.meets(p.low, p.high)]
            if any(p is not None for _, p in known):
                facts: dict[str, Fact] = {"recall": row.cells["recall"].text, "precision": precision.text}
                if wrong:
                    facts["prevalence"] = wrong[0].text
                    yield Finding("all_positive", (row.name,), "impossible", "all_positive_differs", facts)
                else:
                    yield Finding("all_positive", (row.name,), "pass", "all_positive", facts)
            ranges.append((row.name, precision.low, precision.high))
        ranges.extend(_implied_prevalence(row))
    signs = _signs(rows)
    if signs is not None:
        yield signs
    if len(ranges) > 1:
        yield _one_prevalence(ranges)


def _calls_all_positive(row: ReadRow) -> bool:
    found = row.get("precision", "recall")
    return found is not None and found[1].high >= 1 and "mcc" in row.blank and found[0].high < 1


def _implied_prevalence(row: ReadRow) -> Iterator[tuple[str, float, float]]:
    """The prevalences at which a row's figures can stand beside one another; (2, 2) where at none."""
    for other, range_of in (("mcc", mcc_range), ("accuracy", accuracy_range)):
        found = row.get("precision", "recall", other)
        if found is None or found[0].high <= 0 or found[1].high <= 0:
            continue
        grid = prevalence_grid(Printed("", 0.0, 1.0), found[0], found[1], points=5001)
        lows, highs = range_of(found[0], found[1], grid)
        # Stretch by stretch: the figures may fit between two points of the grid and at neither.
        least, most = np.fmin(lows[:-1], lows[1:]), np.fmax(highs[:-1], highs[1:])
        fits = np.flatnonzero((least <= found[2].high + 1e-9) & (most >= found[2].low - 1e-9))
        if len(fits):
            yield row.name, float(grid[fits[0]]), float(grid[fits[-1] + 1])
        else:
            yield row.name, 2.0, 2.0


def _one_prevalence(ranges: Sequence[tuple[str, float, float]]) -> Finding:
    alone = next((name for name, low, _ in ranges if low > 1), None)
    if alone is not None:
        return Finding("prevalence", (alone,), "impossible", "prevalence_alone")
    highest = max(ranges, key=lambda each: each[1])
    lowest = min(ranges, key=lambda each: each[2])
    names = tuple(dict.fromkeys(name for name, _, _ in ranges))
    if highest[1] <= lowest[2] + 1e-9:
        return Finding("prevalence", names, "pass", "prevalence", {"range": (highest[1], lowest[2])})
    facts: dict[str, Fact] = {
        "first": highest[0],
        "first_range": highest[1:],
        "second": lowest[0],
        "second_range": lowest[1:],
    }
    both = tuple(dict.fromkeys((highest[0], lowest[0])))
    return Finding("prevalence", both, "impossible", "prevalence_differs", facts)


def _signs(rows: Sequence[ReadRow]) -> Finding | None:
    above: list[tuple[str, Printed]] = []
    below: list[tuple[str, Printed]] = []
    for row in rows:
        if found := row.get("precision", "mcc"):
            precision, mcc = found
            if mcc.low > 0:
                above.append((row.name, precision))
            elif mcc.high < 0:
                below.append((row.name, precision))
    if not above or not below:
        return None
    worst_above = min(above, key=lambda each: each[1].high)
    worst_below = max(below, key=lambda each: each[1].low)
    ok = worst_above[1].high >= worst_below[1].low - 1e-9
    facts: dict[str, Fact] = {
        "above": worst_above[0],
        "above_precision": worst_above[1].text,
        "below": worst_below[0],
        "below_precision": worst_below[1].text,
    }
    return Finding("signs", (worst_above[0], worst_below[0]), "pass" if ok else "impossible", "signs", facts)
