"""What a list of assignments amounts to: workload, pairs, connections and forecast."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from siming.rating.plan.assignment import Assignment, AssignmentPlan, Connections, PairCount, Purpose, Workload
from siming.rating.plan.forecast import Assumptions, forecast_of
from siming.rating.plan.roster import PlanAttempt
from siming.rating.plan.standing import Standing


def described(
    stands: Standing,
    assignments: tuple[Assignment, ...],
    *,
    seed: int,
    seeds: Mapping[str, int],
    raters_per_attempt: int,
    not_before_days: int,
    assumptions: Assumptions,
    notes: tuple[str, ...],
) -> AssignmentPlan:
    """The plan of these assignments, with everything that is worked out from them."""
    who = stands.who
    # One view per rater and attempt, however many rubrics it has; work on attempts no longer planned with is left out.
    views = {(a.attempt, a.rater, a.purpose): a for a in assignments if a.attempt in who.attempt_number}
    seats: dict[str, list[str]] = {attempt.id: [] for attempt in who.attempts}
    viewers: dict[str, list[str]] = {attempt.id: [] for attempt in who.attempts}
    n_repeats = 0
    for (attempt, rater, purpose), a in views.items():
        if purpose == "repeat":
            n_repeats += 1
            continue
        viewers[attempt].append(rater)
        if purpose == "score" and not a.reassigned:
            seats[attempt].append(rater)
    scored, shared = (_pair_counts(rows.values()) for rows in (seats, viewers))
    pairs = tuple(
        PairCount(one, other, scored[one, other], shared[one, other])
        for one, other in combinations(sorted(who.names), 2)
    )
    forecast, algebraic = forecast_of(
        list(seats.values()),
        list(viewers.values()),
        sorted(who.names),
        pair_counts=[pair.scored for pair in pairs],
        n_repeats=n_repeats,
        raters_per_attempt=raters_per_attempt,
        assumptions=assumptions,
        seed=seed,
    )
    groups = _groups(sorted(who.names), pairs)
    return AssignmentPlan(
        assignments=assignments,
        seed=seed,
        rater_seeds=dict(seeds),
        workload=_workload(stands, views),
        pairs=pairs,
        connections=Connections(
            groups,
            sum(1 for row in viewers.values() if len(row) > 1),
            algebraic,
            math.ceil((len(who.names) - 1) / max(1, raters_per_attempt - 1)),
        ),
        forecast=forecast,
        n_attempts=len(who.attempts),
        n_double=sum(1 for row in seats.values() if len(row) > 1),
        link_attempts=tuple(who.attempts[number].id for number in sorted(stands.links)),
        raters_per_attempt=raters_per_attempt,
        not_before_days=not_before_days,
        notes=notes,
    )


def _pair_counts(rows: Iterable[Sequence[str]]) -> Counter[tuple[str, str]]:
    out: Counter[tuple[str, str]] = Counter()
    for row in rows:
        out.update(combinations(sorted(row), 2))
    return out


def _groups(names: Sequence[str], pairs: Sequence[PairCount]) -> tuple[tuple[str, ...], ...]:
    """Raters in groups within which chains of shared attempts lead from everyone to everyone."""
    place = {name: number for number, name in enumerate(names)}
    met = [(place[pair.first], place[pair.second]) for pair in pairs if pair.shared]
    graph = sparse.coo_matrix(
        (np.ones(len(met)), tuple(np.array(met, dtype=np.int64).reshape(-1, 2).T)), shape=(len(names), len(names))
    )
    _, group = csgraph.connected_components(graph, directed=False)
    members: dict[int, list[str]] = {}
    for name, number in zip(names, group.tolist(), strict=True):
        members.setdefault(number, []).append(name)
    return tuple(sorted(tuple(own) for own in members.values()))


def _workload(stands: Standing, views: Iterable[tuple[str, str, Purpose]]) -> tuple[Workload, ...]:
    who = stands.who
    mine: dict[str, list[tuple[PlanAttempt, Purpose]]] = {name: [] for name in who.names}
    for attempt, rater, purpose in views:
        mine[rater].append((who.attempts[who.attempt_number[attempt]], purpose))
    out = []
    for name, own in mine.items():
        sites = Counter(attempt.site or "" for attempt, _ in own)
        out.append(
            Workload(
                rater=name,
                attempts=len(own),
                minutes=float(sum(attempt.minutes for attempt, _ in own)),
                repeats=sum(1 for _, purpose in own if purpose == "repeat"),
                links=sum(1 for _, purpose in own if purpose == "link"),
                sites=dict(sorted(sites.items())),
            )
        )
    return tuple(sorted(out, key=lambda w: w.rater))
