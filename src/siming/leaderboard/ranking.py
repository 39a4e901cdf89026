"""Three rules that put rows of ten columns in order. They do not agree, so a board names the one that it uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Final, Literal, get_args

from siming.bench.medvid.columns import COLUMNS
from siming.errors import TaskError

Rule = Literal["current", "normalised", "cvs"]
RULES: Final[tuple[Rule, ...]] = get_args(Rule)

Values = Mapping[str, float | None]
"""Column to value; None, or no key, where there is none."""


@dataclass(frozen=True, slots=True)
class Place:
    """One row's place under a rule."""

    name: str
    place: int
    """1 is the best; every row has a place of its own, since the rules end with the name."""
    score: float | None
    """What the rule orders by: the mean rank (lower is better), the mean share, or CVS_acc. None: nothing to order by."""
    ranks: Mapping[str, int]
    """Dense rank in each column, 1 the highest value; missing values share the last one."""


def rank_rows(table: Mapping[str, Values], *, rule: Rule = "current", missing_as_zero: bool = False) -> list[Place]:
    """Rows in order, best first.

    ``current``, which the board's code applies: the mean of the ten dense ranks; ties go to more first places, then
    to the larger sum of value over the column's highest, then to the name. ``normalised``, which the board's text
    describes: the mean of ten shares, (s - 1) / 4 in the judged columns. ``cvs``: by CVS_acc, as the page stood in
    April 2026.

    Args:
        missing_as_zero: A missing value takes part as 0, as on the official board. Otherwise it is last in its column,
            and its share is the lowest.

    Raises:
        TaskError: An unknown rule.

    >>> [place.name for place in rank_rows({"a": {"CVS_acc": 0.1}, "b": {"CVS_acc": 0.2}}, rule="cvs")]
    ['b', 'a']
    """
    if rule not in RULES:
        raise TaskError(f"ranking rule {rule!r} is not one of {', '.join(RULES)}")
    filled = {
        name: {column: 0.0 if (v := values.get(column)) is None and missing_as_zero else v for column in COLUMNS}
        for name, values in table.items()
    }
    ranks = _ranks(filled)
    sort_key, score = _RULES[rule](filled, ranks)
    order = sorted(filled, key=lambda name: (*sort_key(name), name))
    return [Place(name, number, score(name), ranks[name]) for number, name in enumerate(order, start=1)]


def _ranks(table: Mapping[str, Values]) -> dict[str, dict[str, int]]:
    out: dict[str, dict[str, int]] = {name: {} for name in table}
    for column in COLUMNS:
        given = sorted({value for values in table.values() if (value := values[column]) is not None}, reverse=True)
        rank = {value: number for number, value in enumerate(given, start=1)}
        for name, values in table.items():
            value = values[column]
            out[name][column] = len(given) + 1 if value is None else rank[value]
    return out


Key = Callable[[str], tuple[float, ...]]
Score = Callable[[str], float | None]


def _current(table: Mapping[str, Values], ranks: Mapping[str, Mapping[str, int]]) -> tuple[Key, Score]:
    highest = {
        column: max((v for row in table.values() if (v := row[column]) is not None), default=0) for column in COLUMNS
    }

    def key(name: str) -> tuple[float, ...]:
        own = ranks[name].values()
        # The rule also names the smaller sum of ranks; of ten ranks each it says what their mean says already.
        share = sum((table[name][column] or 0.0) / highest[column] for column in COLUMNS if highest[column])
        return (fmean(own), -sum(rank == 1 for rank in own), -share)

    return key, lambda name: fmean(ranks[name].values())


def _normalised(table: Mapping[str, Values], _: Mapping[str, Mapping[str, int]]) -> tuple[Key, Score]:
    def score(name: str) -> float:
        return fmean(share_of(column, table[name][column]) for column in COLUMNS)

    return lambda name: (-score(name),), score


def _cvs(table: Mapping[str, Values], _: Mapping[str, Mapping[str, int]]) -> tuple[Key, Score]:
    def key(name: str) -> tuple[float, ...]:
        value = table[name]["CVS_acc"]
        return (1.0, 0.0) if value is None else (0.0, -value)

    return key, lambda name: table[name]["CVS_acc"]


def share_of(column: str, value: float | None) -> float:
    """A value on the column's scale from 0 to 1; the lowest where there is none.

    >>> share_of("VS_llm", 3.0), share_of("CVS_acc", 0.4), share_of("CVS_acc", None)
    (0.5, 0.4, 0.0)
    """
    found = COLUMNS[column]
    return 0.0 if value is None else (value - found.low) / (found.high - found.low)


_RULES: Mapping[Rule, Callable[[Mapping[str, Values], Mapping[str, Mapping[str, int]]], tuple[Key, Score]]] = {
    "current": _current,
    "normalised": _normalised,
    "cvs": _cvs,
}
