"""Checks of one row of a printed table by itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from siming.errors import LabelError
from siming.metrics.audit.finding import ONE_TABLE, Finding, Status, in_words
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
    low, high = f1_from(p.low, r.low), f1_from(p.high, r.high)
    message = f"precision {precision.text} and recall {recall.text} give F1 {in_words(low, high)}, printed {f1.text}"
    return _finding("f1", row, f1.meets(low, high), f"{message}; if {ONE_TABLE}")


def _mcc_sign(row: ReadRow, share: Printed, precision: Printed, mcc: Printed) -> Finding:
    wrong = (mcc.low > 0 and precision.high < share.low) or (mcc.high < 0 and precision.low > share.high)
    message = f"MCC {mcc.text} with precision {precision.text} at prevalence {share.text}: MCC is above 0 exactly where"
    return _finding("mcc_sign", row, not wrong, f"{message} precision is above the prevalence; if {ONE_TABLE}")


def _mcc(row: ReadRow, share: Printed, precision: Printed, recall: Printed, mcc: Printed) -> Finding:
    lows, highs = mcc_range(precision, recall, prevalence_grid(share, precision, recall, points=201))
    figures = f"precision {precision.text}, recall {recall.text} and prevalence {share.text}"
    if np.isnan(lows).all():
        return _finding("mcc", row, False, f"no table of counts has {figures}; if {ONE_TABLE}")
    # Between two points of the grid MCC may go a little further than at either.
    slack = float(np.nan_to_num(np.abs(np.diff([lows, highs]))).max())
    low, high = float(np.nanmin(lows)) - slack, float(np.nanmax(highs)) + slack
    message = f"{figures} give MCC {in_words(low, high)}, printed {mcc.text}; if {ONE_TABLE}"
    return _finding("mcc", row, mcc.meets(low, high), message)


def _kappa_floor(row: ReadRow, kind: str, share: Printed, disagreement: Printed, kappa: Printed) -> Iterator[Finding]:
    d = disagreement.within(0, 1).high
    # The share printed may be one rater's, or the consensus's: the mean of both lies within d / 2 of it.
    ends = [max(p, d / 2) for p in (share.low - d / 2, share.high + d / 2)]
    if ends[1] > 1 - d / 2:
        return  # full marks are so rare that raters may differ without any; no floor is known then
    floor = min(kappa_floor(d, p, weights="nominal" if kind == "kappa" else "quadratic") for p in ends)
    message = (
        f"raters who differ in {disagreement.text} of cells, with {share.text} of labels below full, have a "
        f"{'quadratic ' if kind == 'qwk' else ''}kappa of at least {floor:.3f}, printed {kappa.text}; if the "
        f"disagreement is between these two raters{' on four levels' if kind == 'qwk' else ''}"
    )
    yield _finding("kappa_floor", row, kappa.high >= floor - 1e-9, message)


def _count(row: ReadRow, total: Printed | None, count: Printed, percent: Printed) -> Finding:
    share, k = _as_share(percent).within(0, 1), round(count.low)
    largest = k / share.low if share.low > 0 else MOST_VIDEOS
    fitting = whole_multiples(max(k / share.high, k, 1), largest) if share.high > 0 else None
    fits = "no whole denominator" if fitting is None else f"a denominator from {fitting[0]} to {fitting[1]}"

    def found(status: Status, message: str) -> Finding:
        return Finding("count", (row.name,), status, message, fitting)

    if total is None:
        ok = fitting is not None or k == 0
        return found("pass" if ok else "impossible", f"{count.text} is {percent.text} per cent of {fits}")
    n = round(total.low)
    if 0 < n >= k and share.meets(k / n, k / n):
        return found("pass", f"{count.text} of {total.text} is {percent.text} per cent")
    real = f"{100 * k / n:.3g} per cent" if n > 0 else "undefined"
    message = f"{count.text} of {total.text} is {real}, printed {percent.text}; it would need {fits}"
    return found("impossible" if fitting is None else "needs denominator", message)


def _share(row: ReadRow, percent: Printed, total: Printed) -> Finding:
    share, n = _as_share(percent), round(total.low)
    counts = whole_multiples(max(share.low, 0) * n, min(share.high, 1) * n)
    whole = "no whole count" if counts is None else f"a count from {counts[0]} to {counts[1]}"
    return _finding("share", row, counts is not None, f"{percent.text} per cent of {total.text} is {whole}")


def _grim(row: ReadRow, mean: Printed, n: Printed, grain: Printed) -> Finding:
    step = (grain.low + grain.high) / 2
    if step <= 0:
        raise LabelError(f"{row.name}: grain {grain.text} is not above 0; give the smallest step of a score, such as 1")
    sums = whole_multiples(mean.low * n.low / step, mean.high * n.low / step)
    message = f"a mean of {mean.text} over {n.text} scores in steps of {grain.text} is "
    return _finding("grim", row, sums is not None, message + ("impossible" if sums is None else "possible"))


def check_difference(name: str, before: Printed, after: Printed, delta: Printed) -> Finding:
    """Whether a printed difference is that of the two numbers beside it."""
    low, high = after.low - before.high, after.high - before.low
    message = f"{after.text} less {before.text} is {in_words(low, high)}, printed {delta.text}"
    return Finding("delta", (name,), "pass" if delta.meets(low, high) else "impossible", message)


def _p_value(row: ReadRow, r: Printed, n: Printed, p: Printed) -> Finding:
    size = round(n.low)
    far, near = max(abs(r.low), abs(r.high)), 0.0 if r.low <= 0 <= r.high else min(abs(r.low), abs(r.high))

    def bounds(videos: int) -> tuple[float, float]:
        return p_of_correlation(min(far, 1.0), videos)[0], p_of_correlation(min(near, 1.0), videos)[1]

    if size < 4:
        return _finding("p_value", row, True, f"{n.text} videos are too few to check a p value")
    low, high = bounds(size)
    message = f"r = {r.text} over {n.text} videos has a two-sided p of {in_words(low, high)}, printed {p.text}"
    if p.meets(low, high):
        return Finding("p_value", (row.name,), "pass", message)
    first = smallest(lambda videos: bounds(videos)[0] <= p.high, 4)
    beyond = smallest(lambda videos: bounds(videos)[1] < p.low, 4)
    last = (beyond or MOST_VIDEOS) - 1
    if first is None or first > last:
        return Finding("p_value", (row.name,), "impossible", message)
    message += f"; it would need {first} to {last} videos"
    return Finding("p_value", (row.name,), "needs denominator", message, (first, last))


def _as_share(percent: Printed) -> Printed:
    by = 1 if percent.text.rstrip("*_ ").endswith(("%", "\N{FULLWIDTH PERCENT SIGN}")) else 100
    return Printed(percent.text, percent.low / by, percent.high / by)


def _finding(check: str, row: ReadRow, ok: bool, message: str) -> Finding:
    return Finding(check, (row.name,), "pass" if ok else "impossible", message)
