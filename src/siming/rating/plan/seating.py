"""From what stands to a filled board, the repeats, and the list of assignments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from siming.rating.plan.assignment import Assignment
from siming.rating.plan.queue import ordered
from siming.rating.plan.search import CLOSED, EMPTY, Board, Flags, Floats, Ints
from siming.rating.plan.standing import Standing

Repeats = dict[int, list[int]]
"""Rater to the attempts that he is to rate a second time."""


def board_of(stands: Standing, limit: Floats) -> tuple[Board, list[str]]:
    """The board with everybody seated who keeps his place, and what had to be left open.

    Args:
        limit: Most minutes of each rater.

    Raises:
        PlanError: an attempt that too few raters may rate.
    """
    who = stands.who
    members: Ints = np.full((len(who.attempts), max(stands.width)), CLOSED, dtype=np.int64)
    for number, width in enumerate(stands.width):
        members[number, :width] = EMPTY
    allowed = who.allowed.copy()
    load: Floats = np.zeros(len(who.names))
    for (number, column), a in stands.watching.items():
        seated = a.purpose == "score" and not a.reassigned
        if seated:
            members[number, a.slot] = column
        else:
            allowed[number, column] = False
        if not seated or number in stands.links:
            load[column] += who.minutes[number]
    for number, column in stands.repeating:
        load[column] += who.minutes[number]
    for number, column in new_viewers(stands):
        load[column] += who.minutes[number]
    notes = _close_or_refuse(stands, members, allowed)
    minutes = who.minutes.copy()
    minutes[sorted(stands.links)] = 0.0  # whoever may watches a link attempt anyway, whatever his place in it
    site, n_sites = who.sites
    places: Floats = np.bincount(site, weights=(members != CLOSED).sum(axis=1), minlength=n_sites).astype(np.float64)
    settled = load.copy()
    for row, cost in zip(members, minutes, strict=True):
        settled[row[row >= 0]] += cost
    target = _fair(settled, limit, float((minutes * (members == EMPTY).sum(axis=1)).sum()), who.n_raters)
    return (
        Board(
            members,
            members == EMPTY,
            allowed,
            minutes,
            load,
            target,
            limit,
            site,
            _fair_sites(who.allowed, target, site, places),
        ),
        notes,
    )


def new_viewers(stands: Standing) -> Iterator[tuple[int, int]]:
    """(attempt, rater) of everybody who may rate a link attempt and does not yet."""
    for number in sorted(stands.links):
        for column in np.flatnonzero(stands.who.allowed[number, : stands.who.n_raters]).tolist():
            if (number, column) not in stands.watching:
                yield number, column


def _close_or_refuse(stands: Standing, members: Ints, allowed: Flags) -> list[str]:
    """Stop where too few raters may take an attempt's open places; of a link attempt the place is closed instead."""
    notes = []
    for number, row in enumerate(members):
        wanted = int((row == EMPTY).sum())
        free = int(allowed[number].sum()) - len({int(r) for r in row if r >= 0 and allowed[number, r]})
        if wanted > free:
            if number not in stands.links or not (row >= 0).any():
                raise stands.who.too_few(number, wanted, free)
            row[np.flatnonzero(row == EMPTY)[free:]] = CLOSED
            notes.append(
                f"link attempt {stands.who.attempts[number].id!r} keeps a place open: "
                "everybody who may rate it does so already"
            )
    return notes


def _fair(settled: Floats, limit: Floats, more: float, n_raters: int) -> Floats:
    """Minutes that would be fair: one level for all, above what is settled and within what is allowed."""
    own, most = settled[:n_raters], np.maximum(limit[:n_raters], settled[:n_raters])
    low, high = 0.0, float(own.max(initial=0.0)) + more + 1.0
    wanted = float(own.sum()) + more
    for _ in range(100):
        level = (low + high) / 2
        if np.clip(level, own, most).sum() < wanted:
            low = level
        else:
            high = level
    out: Floats = np.concatenate([np.clip(high, own, most), settled[n_raters:]])
    return out


def _fair_sites(allowed: Flags, target: Floats, site: Ints, places: Floats) -> Floats:
    """(raters, sites): each site's places, shared among those who may see it in proportion to their minutes."""
    per_site = np.zeros((len(target), len(places)))
    for number in range(len(places)):
        own = allowed[site == number]
        per_site[:, number] = target * (own.mean(axis=0) if len(own) else 0.0)
    whole = per_site.sum(axis=0)
    out: Floats = per_site * np.divide(places, whole, out=np.zeros_like(whole), where=whole > 0)
    return out


def choose_repeats(stands: Standing, board: Board, *, share: float, rng: np.random.Generator) -> tuple[Repeats, int]:
    """Attempts that raters rate a second time, and how many did not fit into their minutes.

    One after the other goes to the rater with the fewest minutes, and of eight drawn at random the one that leaves the
    load most even; nobody gets more than his own share, rounded up.
    """
    who = stands.who
    own: dict[int, list[int]] = {column: [] for column in range(who.n_raters)}
    n_seats = 0
    for number, row in enumerate(board.members):
        for column in row[row >= 0].tolist():
            n_seats += 1
            if column in own and (number, column) not in stands.repeating:
                own[column].append(number)
    done = np.bincount([column for _, column in stands.repeating], minlength=len(who.names))
    most = {column: int(np.ceil(share * (len(seats) + done[column])) - done[column]) for column, seats in own.items()}
    load = board.load.copy()
    out: Repeats = {column: [] for column in own}
    wanted = round(share * n_seats) - len(stands.repeating)
    waiting = {column for column in own if own[column] and most[column] > 0}
    while wanted > 0 and waiting:
        column = min(waiting, key=lambda c: (load[c], c))
        left = [n for n in own[column] if n not in out[column] and load[column] + who.minutes[n] <= board.limit[column]]
        if not left or len(out[column]) >= most[column]:
            waiting.discard(column)
            continue
        level = float(load[: who.n_raters].mean()) + wanted * board.unit / who.n_raters
        ideal = (level - load[column]) / (most[column] - len(out[column]))
        drawn = rng.permutation(left)[:8].tolist()
        number = min(drawn, key=lambda n: abs(float(who.minutes[n]) - ideal))
        out[column].append(number)
        load[column] += who.minutes[number]
        wanted -= 1
    return {column: numbers for column, numbers in out.items() if numbers}, max(0, wanted)


def minutes_of(stands: Standing, board: Board, repeats: Mapping[int, list[int]]) -> Floats:
    """Minutes of each rater, repeats included."""
    out = board.load.copy()
    for column, numbers in repeats.items():
        out[column] += stands.who.minutes[numbers].sum()
    return out


def assignments_of(
    stands: Standing,
    board: Board,
    repeats: Mapping[int, list[int]],
    *,
    seeds: Mapping[str, int],
    not_before_days: int,
    rng: np.random.Generator,
) -> tuple[Assignment, ...]:
    """Everything that stands and everything new, by rater and place in his queue."""
    who = stands.who
    slots = _slots(stands, board, rng)
    links = {who.attempts[number].id for number in stands.links}
    first: dict[str, int] = {}
    for a in (*stands.kept, *stands.gone):
        first[a.rater] = max(first.get(a.rater, 0), a.order)
    out = [*stands.kept, *stands.gone]
    new_of: dict[int, dict[int, int]] = {}
    held_of: dict[int, dict[int, int]] = {}
    for (number, column), slot in slots.items():
        new_of.setdefault(column, {})[number] = slot
    for (number, column), a in stands.watching.items():
        held_of.setdefault(column, {})[number] = a.slot
    for column, rater in enumerate(who.raters):
        behind = first.get(rater.id, 0)
        new, held = new_of.get(column, {}), held_of.get(column, {})
        queue = ordered([who.attempts[n] for n in new], links, seed=seeds[rater.id], behind=behind)
        again = [who.attempts[n] for n in repeats.get(column, [])]
        queue_again = ordered(again, (), seed=seeds[rater.id], behind=behind + len(queue) + 1)
        for order, attempt in enumerate((*queue, *queue_again), start=behind + 1):
            number = who.attempt_number[attempt.id]
            repeat = order > behind + len(queue)
            slot = new[number] if number in new else held[number]
            purpose = "repeat" if repeat else ("score" if slot < stands.width[number] else "link")
            out += [
                Assignment(attempt.id, rubric, rater.id, slot, order, purpose, not_before_days if repeat else 0)  # type: ignore[arg-type]
                for rubric in attempt.rubrics
            ]
    return tuple(sorted(out, key=lambda a: (a.rater, a.order, a.attempt, a.rubric)))


def _slots(stands: Standing, board: Board, rng: np.random.Generator) -> dict[tuple[int, int], int]:
    """(attempt, rater) of everything new to its slot; nobody sits first more often than he must."""
    first = np.zeros(len(stands.who.names))
    tie = rng.random(len(stands.who.names))
    out: dict[tuple[int, int], int] = {}
    for number, row in enumerate(board.members):
        open_slots = np.flatnonzero(board.movable[number]).tolist()
        new = sorted((int(row[slot]) for slot in open_slots), key=lambda c: (first[c], tie[c]))
        for slot, column in zip(open_slots, new, strict=True):
            out[number, column] = slot
            first[column] += slot == 0
    free = {number: max([stands.width[number] - 1, *_link_slots(stands, number)]) + 1 for number in stands.links}
    for number, column in new_viewers(stands):
        if (number, column) not in out:
            out[number, column] = free[number]
            free[number] += 1
    return out


def _link_slots(stands: Standing, number: int) -> list[int]:
    return [a.slot for (n, _), a in stands.watching.items() if n == number]
