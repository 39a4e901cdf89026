"""Checks of one row of a printed table by itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from siming.errors import LabelError
from siming.metrics.audit.finding import Fact, Finding, Status
from siming.metrics.audit.identities import (
    f1_from,
    kappa_floor,
    mcc_range,
    p_of_correlation,
    prevalence_grid,
    whole_multiples,
)
from siming.metrics.audit.printed import Printed, ReadRow
from siming.metrics.planning.planner import MOST_VIDEOS, smallest

_PER_CENT = "*_ %\N{FULLWIDTH PERCENT SIGN}"


def checks_of_row(row: ReadRow, prevalence: Printed | None) -> Iterator[Finding]:
    """All checks that the row's figures allow."""
    if found := row.get("precision", "recall", "f1"):
        yield _f1(row, *found)
    if prevalence is not None:
        share = prevalence.within(0, 1)
        if found := row.get("precision", "mcc"):
            yield _mcc_sign(row, share, *found)
        if found := row.get("precision", "recall", "mcc"):
            yield _mcc(row, share, *found)
        for kind in ("kappa", "qwk"):
            if found := row.get("disagreement", kind):
                yield from _kappa_floor(row, kind, share, *found)
    if found := row.get("count", "percent"):
        yield _count(row, row.cells.get("total"), *found)
    elif found := row.get("percent", "total"):
        yield _share(row, *found)
    if found := row.get("mean", "n", "grain"):
        yield _grim(row, *found)
    if found := row.get("before", "after", "delta"):
        yield check_difference(row.name, *found)
    if found := row.get("r", "n", "p_value"):
        yield _p_value(row, *found)


def _f1(row: ReadRow, precision: Printed, recall: Printed, f1: Printed) -> Finding:
    p, r = precision.within(0, 1), recall.within(0, 1)
    span = f1_from(p.low, r.low), f1_from(p.high, r.high)
    return _finding("f1", row, f1.meets(*span), "f1", precision=precision, recall=recall, f1=f1, range=span)


def _mcc_sign(row: ReadRow, share: Printed, precision: Printed, mcc: Printed) -> Finding:
    wrong = (mcc.low > 0 and precision.high < share.low) or (mcc.high < 0 and precision.low > share.high)
    return _finding("mcc_sign", row, not wrong, "mcc_sign", mcc=mcc, precision=precision, prevalence=share)


def _mcc(row: ReadRow, share: Printed, precision: Printed, recall: Printed, mcc: Printed) -> Finding:
    lows, highs = mcc_range(precision, recall, prevalence_grid(share, precision, recall, points=201))
    if np.isnan(lows).all():
        return _finding("mcc", row, False, "mcc_no_table", precision=precision, recall=recall, prevalence=share)
    # Between two points of the grid MCC may go a little further than at either.
    slack = float(np.nan_to_num(np.abs(np.diff([lows, highs]))).max())
    span = float(np.nanmin(lows)) - slack, float(np.nanmax(highs)) + slack
    return _finding(
        "mcc", row, mcc.meets(*span), "mcc", precision=precision, recall=recall, prevalence=share, range=span, mcc=mcc
    )


def _kappa_floor(row: ReadRow, kind: str, share: Printed, disagreement: Printed, kappa: Printed) -> Iterator[Finding]:
    d = disagreement.within(0, 1).high
    # The share printed may be one rater's, or the consensus's: the mean of both lies within d / 2 of it.
    ends = [max(p, d / 2) for p in (share.low - d / 2, share.high + d / 2)]
    if ends[1] > 1 - d / 2:
        return  # full marks are so rare that raters may differ without any; no floor is known then
    floor = min(kappa_floor(d, p, weights="nominal" if kind == "kappa" else "quadratic") for p in ends)
    yield _finding(
        "kappa_floor",
        row,
        kappa.high >= floor - 1e-9,
        f"{kind}_floor",
        disagreement=disagreement,
        prevalence=share,
        floor=f"{floor:.3f}",
        kappa=kappa,
    )


def _count(row: ReadRow, total: Printed | None, count: Printed, percent: Printed) -> Finding:
    share, k = _as_share(percent).within(0, 1), round(count.low)
    largest = k / share.low if share.low > 0 else MOST_VIDEOS
    fitting = whole_multiples(max(k / share.high, k, 1), largest) if share.high > 0 else None

    def found(status: Status, said: str, **more: Fact) -> Finding:
        facts = {"count": count.text, "percent": percent.text.rstrip(_PER_CENT), **more}
        if fitting is not None and said != "count":
            return Finding("count", (row.name,), status, said, {**facts, **_ends(fitting)}, fitting)
        return Finding("count", (row.name,), status, said if said == "count" else f"{said}_none", facts, fitting)

    if total is None:
        ok = fitting is not None or k == 0
        return found("pass" if ok else "impossible", "count_no_total")
    n = round(total.low)
    if 0 < n >= k and share.meets(k / n, k / n):
        return found("pass", "count", total=total.text)
    real = f"{100 * k / n:.3g}" if n > 0 else "—"
    return found("impossible" if fitting is None else "needs denominator", "count_differs", total=total.text, real=real)


def _share(row: ReadRow, percent: Printed, total: Printed) -> Finding:
    share, n = _as_share(percent), round(total.low)
    counts = whole_multiples(max(share.low, 0) * n, min(share.high, 1) * n)
    facts: dict[str, Fact] = {"percent": percent.text.rstrip(_PER_CENT), "total": total.text}
    if counts is None:
        return Finding("share", (row.name,), "impossible", "share_none", facts)
    return Finding("share", (row.name,), "pass", "share", {**facts, **_ends(counts)})


def _grim(row: ReadRow, mean: Printed, n: Printed, grain: Printed) -> Finding:
    step = (grain.low + grain.high) / 2
    if step <= 0:
        raise LabelError(f"{row.name}: grain {grain.text} is not above 0; give the smallest step of a score, such as 1")
    possible = whole_multiples(mean.low * n.low / step, mean.high * n.low / step) is not None
    return _finding("grim", row, possible, "grim" if possible else "grim_none", mean=mean, n=n, grain=grain)


def check_difference(name: str, before: Printed, after: Printed, delta: Printed) -> Finding:
    """Whether a printed difference is that of the two numbers beside it."""
    span = after.low - before.high, after.high - before.low
    facts: dict[str, Fact] = {"before": before.text, "after": after.text, "range": span, "delta": delta.text}
    return Finding("delta", (name,), "pass" if delta.meets(*span) else "impossible", "delta", facts)


def _p_value(row: ReadRow, r: Printed, n: Printed, p: Printed) -> Finding:
    size = round(n.low)
    far, near = max(abs(r.low), abs(r.high)), 0.0 if r.low <= 0 <= r.high else min(abs(r.low), abs(r.high))

    def bounds(videos: int) -> tuple[float, float]:
        return p_of_correlation(min(far, 1.0), videos)[0], p_of_correlation(min(near, 1.0), videos)[1]

    if size < 4:
        return _finding("p_value", row, True, "p_value_few", n=n)
    facts: dict[str, Fact] = {"r": r.text, "n": n.text, "range": bounds(size), "p": p.text}
    if p.meets(*bounds(size)):
        return Finding("p_value", (row.name,), "pass", "p_value", facts)
    first = smallest(lambda videos: bounds(videos)[0] <= p.high, 4)
    beyond = smallest(lambda videos: bounds(videos)[1] < p.low, 4)
    last = (beyond or MOST_VIDEOS) - 1
    if first is None or first > last:
        return Finding("p_value", (row.name,), "impossible", "p_value", facts)
    fitting = (first, last)
    said = "p_value_more" if beyond is None else "p_value_needs"
    return Finding("p_value", (row.name,), "needs denominator", said, facts | _ends(fitting), fitting)


def _ends(span: tuple[int, int]) -> dict[str, Fact]:
    return {"first": str(span[0]), "last": str(span[1])}


def _as_share(percent: Printed) -> Printed:
    by = 1 if percent.text.rstrip("*_ ").endswith(("%", "\N{FULLWIDTH PERCENT SIGN}")) else 100
    return Printed(percent.text, percent.low / by, percent.high / by)


def _finding(check: str, row: ReadRow, ok: bool, said: str, **facts: Printed | Fact) -> Finding:
    plain = {name: fact.text if isinstance(fact, Printed) else fact for name, fact in facts.items()}
    return Finding(check, (row.name,), "pass" if ok else "impossible", said, plain)
