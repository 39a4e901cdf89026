"""How far a ranking of models can be trusted: rank intervals, probability of being best, groups of ties."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from siming.errors import LabelError
from siming.metrics.cells import Floats
from siming.metrics.comparison.joint import JointDraws, undefined
from siming.metrics.measured import Interval, Measured


@dataclass(frozen=True, slots=True)
class Place:
    """One model's place in a ranking."""

    name: str
    value: Measured
    rank: Measured
    """1 + the number of better values; the interval holds the ranks that the data do not rule out."""
    best: Measured
    """Share of redrawn samples in which this model came first; models level in a sample share it."""
    group: int | None
    """Published rank: 1 for the leader and all who are not told apart from it; None without a value."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """All models of one comparison, best first; those without a value last."""

    metric: str
    places: tuple[Place, ...]
    level: float
    """Probability that all rank intervals hold their true ranks at once."""
    apart: frozenset[frozenset[str]]
    """Pairs of models that the data tell apart."""

    @property
    def groups(self) -> list[list[str]]:
        """Names by group, best first; models without a value form the last one."""
        return tie_groups(self._better_is_higher(), self.apart)

    def _better_is_higher(self) -> dict[str, float | None]:
        return {p.name: None if p.rank.value is None else -p.rank.value for p in self.places}


def rank_models(draws: JointDraws, *, level: float = 0.95, better: Literal["higher", "lower"] = "higher") -> Ranking:
    """Rank models by value, and say which ranks the data leave open.

    Every two models get an interval of their difference, d +- q SE(d), where q is the `level` quantile over
    replicates of the largest |d* - d| / SE(d) of all pairs. Models whose interval leaves out 0 are told apart.
    A model's best rank is 1 + the models surely above it, its worst the number of models less those surely
    below it. Quantiles of the ranks in replicates would be simpler, and too narrow where models are nearly
    equal: they take the luck of this sample for the truth. `Place.best` is such a count, so read it as a
    description of the sample.

    Args:
        draws: From `joint_bootstrap`.
        level: Probability with which all rank intervals hold at once.
        better: ``lower`` for errors such as ``mae``.

    Raises:
        LabelError: A level that is no share.

    Source: Mogstad, Romano, Shaikh and Wilhelm 2024, single-step, with a cluster bootstrap.
    """
    if not 0 < level < 1:
        raise LabelError(f"level is {level}; give a share between 0 and 1, such as 0.95")
    sign = 1.0 if better == "higher" else -1.0
    values = sign * draws.values
    why_not = draws.why_unusable
    surely = np.zeros((len(values), len(values)), dtype=bool)
    if why_not is None:
        surely = _surely_above(values, sign * draws.draws, level, draws.n_clusters)
    apart = frozenset(frozenset((draws.names[i], draws.names[j])) for i, j in zip(*np.nonzero(surely), strict=True))
    order = sorted(range(len(values)), key=lambda i: (-values[i], draws.names[i]))
    ranks = {draws.names[i]: float(1 + (values > values[i]).sum()) for i in order}
    groups = tie_groups({name: -rank for name, rank in ranks.items()}, apart)
    number = {name: place for place, group in enumerate(groups, start=1) for name in group}
    bests = _came_first(sign * draws.draws) if why_not is None else None
    places = []
    for i in order:
        name = draws.names[i]
        limits = np.quantile(draws.draws[:, i], [(1 - level) / 2, (1 + level) / 2]) if why_not is None else None
        possible = (1 + surely[:, i].sum(), len(values) - surely[i].sum())
        places.append(
            Place(
                name,
                _measured(draws, float(draws.values[i]), limits, level, "cluster bootstrap (percentile)"),
                _measured(
                    draws,
                    ranks[name],
                    None if why_not else np.array(possible),
                    level,
                    "simultaneous cluster bootstrap of all differences (max t)",
                ),
                undefined(draws, why_not or "")
                if bests is None
                else Measured(
                    float(bests[i]),
                    draws.n,
                    draws.n_clusters,
                    interval_reason="a share of replicates",
                    left_out=draws.left_out,
                ),
                number[name],
            )
        )
    for name, why in draws.undefined.items():
        nothing = undefined(draws, why)
        places.append(Place(name, nothing, nothing, nothing, None))
    return Ranking(draws.metric, tuple(places), level, apart)


def tie_groups(values: Mapping[str, float | None], apart: Collection[frozenset[str]]) -> list[list[str]]:
    """Models in groups, best first: a model joins the group above unless told apart from that group's head.

    Args:
        values: Value of each model, higher is better; None where undefined, which makes the last group.
        apart: Pairs of names that the data tell apart.

    >>> tie_groups({"a": 0.5, "b": 0.4, "c": 0.1}, {frozenset("ac")})
    [['a', 'b'], ['c']]
    """
    ranked = sorted((-value, name) for name, value in values.items() if value is not None)
    out: list[list[str]] = []
    for _, name in ranked:
        if out and frozenset((out[-1][0], name)) not in apart:
            out[-1].append(name)
        else:
            out.append([name])
    unranked = sorted(name for name, value in values.items() if value is None)
    return [*out, unranked] if unranked else out


def _surely_above(values: Floats, drawn: Floats, level: float, n_clusters: int) -> NDArray[np.bool_]:
    """Entry [i, j]: whether model i is told apart from model j and above it."""
    first, second = np.triu_indices(len(values), k=1)
    found = np.zeros((len(values), len(values)), dtype=bool)
    gap = values[first] - values[second]
    gaps = drawn[:, first] - drawn[:, second]
    error = gaps.std(axis=0, ddof=1) * np.sqrt(n_clusters / (n_clusters - 1))
    # Models that answer alike never differ; a gap that no redraw changes has no width to judge it by.
    varies = error > 1e-12
    if not varies.any():
        return found
    furthest = (np.abs(gaps - gap)[:, varies] / error[varies]).max(axis=1)
    apart = varies & (np.abs(gap) > np.quantile(furthest, level) * error)
    found[first, second] = apart & (gap > 0)
    found[second, first] = apart & (gap < 0)
    return found


def _came_first(drawn: Floats) -> Floats:
    leading = drawn == drawn.max(axis=1, keepdims=True)
    share: Floats = (leading / leading.sum(axis=1, keepdims=True)).mean(axis=0)
    return share


def _measured(draws: JointDraws, value: float, limits: Floats | None, level: float, method: str) -> Measured:
    lost = draws.replicates - len(draws.draws)
    interval = limits is not None and Interval(
        float(limits[0]), float(limits[1]), level, method, draws.seed, draws.replicates, lost
    )
    return Measured(
        value,
        draws.n,
        draws.n_clusters,
        interval=interval or None,
        interval_reason=None if interval else draws.why_unusable,
        left_out=draws.left_out,
    )
