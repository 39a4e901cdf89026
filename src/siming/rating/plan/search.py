"""Filling the open places: an incomplete block design, balanced as well as the conflicts allow.

What is made small is a sum of squares: of each rater's minutes from his fair share (in lengths of a typical video), of
the attempts that each pair of raters shares, and, more lightly, of each rater's attempts per site. Places are filled
greedily, the hardest attempts first, and then single raters are replaced or exchanged as long as that helps. The order
of ids and one seeded generator decide every tie, so a seed gives one plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

EMPTY = -1
"""A place nobody has yet."""
CLOSED = -2
"""A place that the attempt does not have."""
PAIRS = 1.0
"""Weight of the pairs beside the minutes."""
SITES = 0.25
OVER = 1000.0
"""Weight of minutes beyond a rater's limit."""
MOST_EXCHANGES = 400
"""Places tried for an exchange with one place; drawn anew each time where there are more."""
MOST_TRIES = 1_000_000
"""Places tried in all, so that a large plan stops improving before anyone stops waiting."""
MOST_REPAIRS = 4000
_BETTER = 1e-9


@dataclass
class Board:
    """Attempts down, places across; who sits where, and everything that is balanced."""

    members: Ints
    """(attempts, places): a rater, `EMPTY` or `CLOSED`."""
    movable: Flags
    """(attempts, places): whether the search may choose."""
    allowed: Flags
    """(attempts, raters)."""
    minutes: Floats
    """What a place of the attempt costs its rater; 0 where he watches the attempt anyway."""
    load: Floats
    """Minutes of each rater; the seated ones are added when the board is made."""
    target: Floats
    limit: Floats
    site: Ints
    site_target: Floats
    """(raters, sites): attempts of each site that would be fair."""
    pairs: Floats = field(init=False)
    """(raters, raters): attempts in whose places both sit."""
    at_site: Floats = field(init=False)
    """(raters, sites)."""
    unit: float = field(init=False)
    """Minutes of a typical video."""

    def __post_init__(self) -> None:
        n_raters = len(self.load)
        self.unit = float(np.mean(self.minutes[self.minutes > 0])) if (self.minutes > 0).any() else 1.0
        self.pairs = np.zeros((n_raters, n_raters))
        self.at_site = np.zeros_like(self.site_target)
        for attempt, row in enumerate(self.members):
            seated = [int(rater) for rater in row if rater >= 0]
            for rater in seated:
                self.load[rater] += self.minutes[attempt]
                self.at_site[rater, self.site[attempt]] += 1
            for one, other in combinations(seated, 2):
                self.pairs[one, other] += 1
                self.pairs[other, one] += 1

    def others(self, attempt: int, place: int) -> list[int]:
        """Raters in the attempt's other places."""
        return [int(r) for p, r in enumerate(self.members[attempt]) if p != place and r >= 0]

    def put(self, attempt: int, place: int, rater: int) -> None:
        """Seat a rater, in place of whoever sat there."""
        others = self.others(attempt, place)
        for who, by in ((int(self.members[attempt, place]), -1), (rater, +1)):
            if who >= 0:
                self.load[who] += by * self.minutes[attempt]
                self.at_site[who, self.site[attempt]] += by
                for other in others:
                    self.pairs[who, other] += by
                    self.pairs[other, who] += by
        self.members[attempt, place] = rater

    def strain(self, load: Floats, raters: Ints | slice = slice(None)) -> Floats:
        """What loads cost these raters."""
        away = (load - self.target[raters]) / self.unit
        over = np.maximum(0.0, load - self.limit[raters]) / self.unit
        out: Floats = away * away + OVER * over * over
        return out

    def price(self, attempt: int, place: int) -> Floats:
        """What seating each rater at a place would add, infinite where he may not sit. The place counts as empty."""
        out: Floats = self.strain(self.load + self.minutes[attempt]) - self.strain(self.load)
        site = self.site[attempt]
        out += SITES * (2 * (self.at_site[:, site] - self.site_target[:, site]) + 1)
        others = self.others(attempt, place)
        for other in others:
            out += PAIRS * (2 * self.pairs[other] + 1)
        out[~self.allowed[attempt]] = np.inf
        out[others] = np.inf
        return out


def fill(board: Board, rng: np.random.Generator) -> None:
    """Seat somebody in every empty place, then improve until nothing helps."""
    jitter = 1e-6 * rng.random(len(board.load))
    empty = np.argwhere(board.members == EMPTY)
    if not len(empty):
        return
    choices = board.allowed.sum(axis=1)
    tie = rng.random(len(board.members))
    # Hardest first: fewest raters to choose from, then longest, which leaves the short ones to even things out.
    order = sorted(
        map(tuple, empty.tolist()), key=lambda at: (choices[at[0]], -board.minutes[at[0]], tie[at[0]], at[1])
    )
    for attempt, place in order:
        board.put(attempt, place, int(np.argmin(board.price(attempt, place) + jitter)))
    _improve(board, rng)


def _improve(board: Board, rng: np.random.Generator) -> None:
    places = np.argwhere(board.movable)
    few = len(places) <= MOST_EXCHANGES
    tries = 0
    helped = True
    while helped and tries < MOST_TRIES:
        helped = False
        for attempt, place in rng.permutation(places).tolist():
            if _replace(board, attempt, place):
                helped = True
            partners = places if few else places[rng.integers(len(places), size=MOST_EXCHANGES // 4)]
            if _exchange(board, attempt, place, partners):
                helped = True
            tries += len(partners)


def _replace(board: Board, attempt: int, place: int) -> bool:
    """Give a place to whoever costs least in it."""
    before = int(board.members[attempt, place])
    board.put(attempt, place, EMPTY)
    price = board.price(attempt, place)
    best = int(np.argmin(price))
    better = price[best] < price[before] - _BETTER
    board.put(attempt, place, best if better else before)
    return bool(better)


def _exchange(board: Board, attempt: int, place: int, partners: Ints) -> bool:
    """Let two raters change places, where that helps most."""
    mine = int(board.members[attempt, place])
    at, seat = partners[:, 0], partners[:, 1]
    theirs = board.members[at, seat]
    inside = (board.members[at] == mine).any(axis=1)
    own = board.others(attempt, place)
    possible = (
        (at != attempt)
        & (theirs != mine)
        & ~inside
        & board.allowed[attempt, theirs]
        & board.allowed[at, mine]
        & ~_one_of(theirs, own)
    )
    if not possible.any():
        return False
    at, seat, theirs = at[possible], seat[possible], theirs[possible]
    shift = board.minutes[at] - board.minutes[attempt]  # what I gain and they lose
    mine_now = board.strain(board.load[[mine]], np.array([mine]))[0]
    change = board.strain(board.load[mine] + shift, np.full(len(at), mine)) - mine_now
    change += board.strain(board.load[theirs] - shift, theirs) - board.strain(board.load[theirs], theirs)
    change += _sites(board, mine, theirs, int(board.site[attempt]), board.site[at])
    pairs = board.pairs
    for other in own:
        change += 2 * PAIRS * (pairs[other, theirs] - pairs[other, mine] + 1)
    for column in range(board.members.shape[1]):
        other_of_them = board.members[at, column]
        real = (other_of_them >= 0) & (column != seat)
        one = 2 * PAIRS * (pairs[other_of_them, mine] - pairs[other_of_them, theirs] + 1)
        # A partner both attempts share keeps both pairs: the two terms above would count a change that is none.
        same = _one_of(other_of_them, own)
        change += np.where(real, one - 4 * PAIRS * same, 0.0)
    best = int(np.argmin(change))
    if not change[best] < -_BETTER:
        return False
    _move(board, [(attempt, place, int(theirs[best])), (int(at[best]), int(seat[best]), mine)])
    return True


def _one_of(raters: Ints, few: list[int]) -> Flags:
    """Whether each rater is one of a few; for so few much quicker than `numpy.isin`."""
    out: Flags = np.zeros(len(raters), dtype=np.bool_)
    for rater in few:
        out |= raters == rater
    return out


def _sites(board: Board, mine: int, theirs: Ints, from_site: int, to_site: Ints) -> Floats:
    """Change in the balance of sites: I move from my attempt's site to theirs, they the other way."""
    away = board.at_site - board.site_target
    change = 2 * (away[mine, to_site] - away[mine, from_site] + 1) + 2 * (
        away[theirs, from_site] - away[theirs, to_site] + 1
    )
    out: Floats = SITES * np.where(to_site == from_site, 0.0, change)
    return out


def connect(board: Board, links: Floats, rng: np.random.Generator) -> None:
    """Join groups of raters that share no attempt, by exchanging two raters or, failing that, by replacing one.

    Args:
        links: (raters, raters): attempts they share besides the places of the board.
    """
    wanted = np.asarray(board.allowed.any(axis=0), dtype=np.bool_)
    group, n_groups = _groups(board, links, wanted)
    tries = 0
    while n_groups > 1:
        for move in _joining(board, group, rng):
            tries += 1
            if tries > MOST_REPAIRS:
                return
            back = _move(board, move)
            now, left = _groups(board, links, wanted)
            if left < n_groups:
                group, n_groups = now, left
                break
            _move(board, back)
        else:
            return


Move = list[tuple[int, int, int]]
"""(attempt, place, rater) of each seat that changes."""


def _joining(board: Board, group: Ints, rng: np.random.Generator) -> Iterator[Move]:
    """Moves that bring a rater of one group into an attempt of another; exchanges, which keep loads even, first."""
    shared = (board.members >= 0).sum(axis=1) > 1
    places = rng.permutation(np.argwhere(board.movable & shared[:, None])).tolist()
    for number, (attempt, place) in enumerate(places):
        mine = int(board.members[attempt, place])
        for other, seat in places[number + 1 :]:
            theirs = int(board.members[other, seat])
            if group[mine] != group[theirs] and board.allowed[attempt, theirs] and board.allowed[other, mine]:
                yield [(attempt, place, theirs), (other, seat, mine)]
    for attempt, place in places:
        mine = int(board.members[attempt, place])
        price = board.price(attempt, place)
        for rater in np.argsort(price, kind="stable").tolist():
            if np.isfinite(price[rater]) and group[rater] != group[mine]:
                yield [(attempt, place, rater)]


def _move(board: Board, move: Move) -> Move:
    """Make a move; returns the one that takes it back."""
    back = [(attempt, place, int(board.members[attempt, place])) for attempt, place, _ in move]
    for attempt, place, _ in move:
        board.put(attempt, place, EMPTY)
    for attempt, place, rater in move:
        board.put(attempt, place, rater)
    return back


def _groups(board: Board, links: Floats, wanted: Flags) -> tuple[Ints, int]:
    """For each rater the number of his group, and how many groups there are among those who may rate at all."""
    _, group = csgraph.connected_components(sparse.csr_matrix(board.pairs + links), directed=False)
    numbers: Ints = group.astype(np.int64)
    return numbers, len(np.unique(numbers[wanted]))
