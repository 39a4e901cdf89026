"""The order in which a rater meets his attempts: random by a seed of his own, with sites and links spread evenly."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

import numpy as np

from siming.rating.plan.roster import PlanAttempt


def rater_seed(seed: int, rater: str) -> int:
    """The seed of a rater's own order. Independent orders are what lets drift be told from better candidates."""
    digest = hashlib.sha256(f"{seed}/{rater}".encode()).digest()
    return int.from_bytes(digest[:6], "big")


def ordered(
    attempts: Sequence[PlanAttempt], links: Collection[str], *, seed: int, behind: int = 0
) -> list[PlanAttempt]:
    """The attempts in one rater's order.

    Within each site, and among the link attempts, the order is random; these strands are then drawn together so that
    each is spread evenly over the queue: no site and no link comes only when the rater is fresh or only when he is
    tired. Attempts of one candidate do not follow each other where that can be had.

    Args:
        behind: How many the rater has in his queue already; what comes behind them gets an order of its own.
    """
    rng = np.random.default_rng([seed, behind])
    strands: dict[tuple[bool, str], list[PlanAttempt]] = {}
    for attempt in sorted(attempts, key=lambda a: a.id):
        strands.setdefault((attempt.id in links, attempt.site or ""), []).append(attempt)
    keyed: list[tuple[float, str, PlanAttempt]] = []
    for _, strand in sorted(strands.items()):
        offset = rng.random()
        for place, number in enumerate(rng.permutation(len(strand)).tolist()):
            keyed.append(((place + offset) / len(strand), strand[number].id, strand[number]))
    return _apart([attempt for *_, attempt in sorted(keyed, key=lambda row: row[:2])])


def _apart(queue: list[PlanAttempt]) -> list[PlanAttempt]:
    """Part attempts of one candidate: by the next attempt of another, or at the end by going to an earlier gap."""
    for place in range(1, len(queue)):
        candidate = queue[place].candidate
        if candidate is None or queue[place - 1].candidate != candidate:
            continue
        later = next((p for p in range(place + 1, len(queue)) if queue[p].candidate != candidate), None)
        if later is not None:
            queue.insert(place, queue.pop(later))
            continue
        around = [None, *(attempt.candidate for attempt in queue[:place])]
        gap = next((p for p in range(place - 1, -1, -1) if candidate not in around[p : p + 2]), None)
        if gap is not None:
            queue.insert(gap, queue.pop(place))
    return queue
