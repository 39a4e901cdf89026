"""Which entries the data can tell apart: paired differences on the same questions, by video, corrected for all pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np

from siming.bench.medvid.columns import COLUMNS
from siming.bench.medvid.compare import apart
from siming.metrics.cells import Floats
from siming.metrics.comparison import tie_groups
from siming.metrics.measured import Measured
from siming.metrics.resample import JACKKNIFE, measure
from siming.metrics.statistic import OfSums, Statistic, ratio

OVERALL: Final = "overall"
"""The mean over columns of each column's share of its scale."""

LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Ties:
    """Of one column, or of all together: who stands surely above whom."""

    groups: tuple[tuple[str, ...], ...]
    """Names, best first; those of one group are not told apart from its head."""
    ranges: Mapping[str, tuple[int, int]]
    """Name to the ranks that the data leave open."""
    differences: Mapping[tuple[str, str], Measured]
    """First less second, for every pair."""


def find_ties(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Ties]:
    """Ties in each column and overall, of entries that answered the same questions.

    Differences are those of strict mode, with a jackknife interval that leaves out one video at a time; a pair is told
    apart where its p value, after Holm over all pairs of the column, lies below 0.05.

    Args:
        rows: Name to what a board keeps of the entry's rows. Fewer than two give nothing.
    """
    if len(rows) < 2:
        return {}
    out = {}
    for column in COLUMNS:
        have = {name: each for name, each in rows.items() if column in each["columns"]}
        if len(have) > 1:
            out[column] = _ties(have, [column])
    shared = [column for column in COLUMNS if all(column in each["columns"] for each in rows.values())]
    if shared:
        out[OVERALL] = _ties(rows, shared)
    return out


def _ties(rows: Mapping[str, Mapping[str, Any]], columns: Sequence[str]) -> Ties:
    differences = {
        (one, other): difference(rows[one], rows[other], columns) for one, other in combinations(sorted(rows), 2)
    }
    told = apart(differences, level=LEVEL)
    above: dict[str, set[str]] = {name: set() for name in rows}
    for (one, other), measured in differences.items():
        if frozenset((one, other)) in told and measured.value:
            better, worse = (one, other) if measured.value > 0 else (other, one)
            above[worse].add(better)
    below = {name: sum(name in others for others in above.values()) for name in rows}
    values: dict[str, float | None] = {name: _value(each, columns) for name, each in rows.items()}
    ranges = {name: (1 + len(above[name]), len(rows) - below[name]) for name in rows}
    return Ties(tuple(tuple(group) for group in tie_groups(values, told)), ranges, differences)


def difference(one: Mapping[str, Any], other: Mapping[str, Any], columns: Sequence[str]) -> Measured:
    """The first entry less the second: the mean over columns of the mean difference on questions of both, by scale."""
    videos: dict[str, int] = {}
    parts: list[tuple[int, int, float]] = []
    for number, column in enumerate(columns):
        scale = COLUMNS[column].high - COLUMNS[column].low
        second = dict(zip(*other["columns"][column], strict=True))
        for position, value in zip(*one["columns"][column], strict=True):
            if position in second:
                video = videos.setdefault(str(one["videos"][str(position)]), len(videos))
                parts.append((video, number, (value - second[position]) / scale))
    if not parts:
        return Measured(None, 0, reason="no question counts for both")
    v, k = len(videos), len(columns)
    sums, counts = np.zeros((v, k)), np.zeros((v, k))
    place, number_, value_ = (np.array(each) for each in zip(*parts, strict=True))
    np.add.at(sums, (place.astype(int), number_.astype(int)), value_)
    np.add.at(counts, (place.astype(int), number_.astype(int)), 1)

    def of(units: Floats) -> Floats:
        means: Floats = ratio(units[:, :k], units[:, k:]).mean(axis=1)
        return means

    statistic = Statistic(
        of=OfSums(np.concatenate([sums, counts], axis=1), of),
        n=len(parts),
        n_clusters=v,
        floats_per_replicate=2 * k,
        why_undefined="no question counts for both in some column",
        bounds=(-1.0, 1.0),
    )
    return measure(statistic, JACKKNIFE)


def _value(rows: Mapping[str, Any], columns: Sequence[str]) -> float:
    return float(np.mean([np.mean(rows["columns"][c][1]) / (COLUMNS[c].high - COLUMNS[c].low) for c in columns]))
