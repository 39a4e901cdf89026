"""Two submissions on the same questions: differences by column, with intervals by video and corrected p values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from siming.bench.medvid.columns import COLUMNS
from siming.bench.medvid.score import Given, MedvidScore, questions_and_answers
from siming.bench.medvid.strict.run import compare, score_strict
from siming.errors import TaskError
from siming.metrics.comparison import holm
from siming.metrics.measured import Measured
from siming.metrics.resample import t_quantile


def compare_given(score: MedvidScore, other: Given) -> dict[str, Any]:
    """A scored submission less another one, column by column, for strict JSON.

    The p values are of the t test that goes with the interval, corrected after Holm for the number of columns.

    Raises:
        TaskError: The score is not of strict mode, in which alone both have answers to the same questions.
    """
    if score.strict is None:
        raise TaskError("two submissions are compared in strict mode only, on the same questions; give --mode strict")
    found = compare(score.strict, score_strict(*questions_and_answers(other), grades_of=other.grades))
    ten = {name: found[name] for name in COLUMNS if found[name].value is not None}
    p_values = {name: p_of(measured) for name, measured in ten.items()}
    corrected = dict(zip(ten, holm(list(p_values.values())), strict=True))
    columns = {
        name: {"interval": None, **measured.to_json(), "p": p_values.get(name), "p_holm": corrected.get(name)}
        for name, measured in found.items()
    }
    return {"submission": other.submission.to_plain(), "columns": columns}


def p_of(difference: Measured) -> float | None:
    """Two-sided p value of no difference, from the jackknife interval; None where there is no interval.

    Two submissions that answer alike in every video have no interval, and nothing tells them apart.
    """
    from scipy.special import stdtr

    limits, value = difference.interval, difference.value
    if limits is None or value is None or difference.n_clusters is None:
        return 1.0 if value == 0 else None
    # Limits are cut where no difference can lie; the one that was not cut tells the width.
    half = max(limits.high - value, value - limits.low)
    if half <= 0:
        return None
    degrees = difference.n_clusters - 1
    return float(2 * stdtr(degrees, -abs(value) / half * t_quantile(limits.level, degrees)))


def apart(differences: Mapping[tuple[str, str], Measured], *, level: float = 0.95) -> frozenset[frozenset[str]]:
    """Pairs whose difference is no chance, after Holm over all pairs."""
    corrected = holm([p_of(measured) for measured in differences.values()])
    return frozenset(
        frozenset(pair) for pair, p in zip(differences, corrected, strict=True) if p is not None and p < 1 - level
    )
