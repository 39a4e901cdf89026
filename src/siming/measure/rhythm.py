"""Finding steady trains among many peaks.

Peaks of a recording are strokes, syllables, ticks and bumps together. Strokes are told apart by what they share
with their neighbours: a nearly constant interval, a similar level, a similar colour. A dynamic programme scores
every way of walking from peak to peak and keeps the best-scoring walks; it counts what a link earns instead of
asking each peak to pass a threshold, so a stroke that a voice half covers does not break its train.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What a train may look like, and what departing from it costs. A perfect link earns 1."""

    shortest_s: float = 0.32
    """Shortest interval between neighbours (188/min)."""
    longest_s: float = 1.0
    """Longest interval (60/min)."""
    tempo: float = 0.21
    """A change of interval by this ratio (natural logarithm) from one link to the next costs 1."""
    level_db: float = 12.6
    """A change of level by this much costs 1."""
    colour_db: float = 7.9
    """A change of spectrum by this much (root mean square over bands) costs 1."""
    link: float = 0.2
    """Cost of every link: peaks that fit only by being many must not add up to a train."""
    dearest: float = 1.5
    """No break of tempo costs more."""
    dearest_level: float = 0.6
    """No difference in level costs more."""
    dearest_colour: float = 0.45
    """No difference in colour costs more: a voice over a stroke changes it altogether."""
    missing: float = 0.7
    """Cost of a peak that should be there and is not."""
    most_missing: int = 2
    """Peaks in a row that may be missing."""
    passed_over: float = 0.3
    """Cost of each peak as loud as the train that the train steps over: discourages half the tempo."""
    give_up: float = 2.5
    """A train ends where its sum falls this far below its best."""
    least: float = 3.0
    """Trains that earn less are chance."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """Candidates in time order."""

    time_s: Floats
    weight: Floats
    """How much each looks like one beat, 0 to 1."""
    level_db: Floats
    colour_db: Floats
    """Spectrum relative to its own mean; shape (n, bands)."""


@dataclass(frozen=True, slots=True)
class Train:
    """A walk over peaks."""

    members: tuple[int, ...]
    """Indices of the peaks."""
    beats: tuple[int, ...]
    """Beats from each member to the next: 1, or more where peaks are missing; one shorter than `members`."""
    score: float


def find_trains(peaks: Peaks, rhythm: Rhythm) -> list[Train]:
    """The trains in time order; they do not overlap."""
    found: list[Train] = []
    waiting = [(0, len(peaks.time_s))]
    while waiting:
        low, high = waiting.pop()
        walk = _best_walk(peaks, rhythm, low, high)
        if walk is None:
            continue
        first, *later = _cut(*walk, rhythm)
        if first.score >= rhythm.least:
            found.append(first)
        waiting.append((low, first.members[0]))
        # Only the first piece began where it is best to begin. Behind a cut the walk still pays for how it
        # came there, which may cost a bout its first strokes: those pieces are looked for anew.
        behind = first.members[-1] + 1
        for train in later:
            waiting.append((behind, train.members[-1] + 1))
            behind = train.members[-1] + 1
        waiting.append((behind, high))
    return sorted(found, key=lambda train: train.members)


class _Link(NamedTuple):
    """The last link of a walk."""

    score: float
    """Sum of the whole walk."""
    interval_s: float
    gain: float
    """What this link added."""
    origin: int
    """The peak it comes from."""
    beats: int
    before: int | None
    """Position of the link before among those that end on `origin`; None where the walk begins."""


def _best_walk(peaks: Peaks, rhythm: Rhythm, low: int, high: int) -> tuple[list[int], list[int], list[float]] | None:
    """Members, beats and gains (one per member) of the best-scoring walk over peaks [low, high)."""
    ends: list[list[_Link]] = [[] for _ in range(high)]
    columns: dict[int, tuple[Floats, Floats]] = {}
    best: tuple[float, int, int] = (0.0, -1, -1)
    reach_s = rhythm.longest_s * (rhythm.most_missing + 1)
    for k in range(low, high):
        first = max(low, int(np.searchsorted(peaks.time_s, peaks.time_s[k] - reach_s)))
        unlike = _unlikeness(peaks, rhythm, first, k)
        for j in range(first, k):
            span_s = float(peaks.time_s[k] - peaks.time_s[j])
            for beats in range(1, rhythm.most_missing + 2):
                interval_s = span_s / beats
                if not rhythm.shortest_s <= interval_s <= rhythm.longest_s:
                    continue
                gain = float(peaks.weight[k] - unlike[j - first]) - rhythm.link - rhythm.missing * (beats - 1)
                gain -= rhythm.passed_over * _passed_over(peaks, j, k, interval_s)
                score, toll, before = float(peaks.weight[j]) + gain, 0.0, None
                if j in columns:
                    scores, intervals_s = columns[j]
                    change = np.log(interval_s / intervals_s) / rhythm.tempo
                    tolls = np.minimum(rhythm.dearest, change**2)
                    choice = int((scores - tolls).argmax())
                    if scores[choice] - tolls[choice] + gain > score:
                        toll, before = float(tolls[choice]), choice
                        score = float(scores[choice]) - toll + gain
                if score > 0:
                    ends[k].append(_Link(score, interval_s, gain - toll, j, beats, before))
        if ends[k]:
            columns[k] = (
                np.array([link.score for link in ends[k]]),
                np.array([link.interval_s for link in ends[k]]),
            )
            choice = int(columns[k][0].argmax())
            best = max(best, (ends[k][choice].score, k, choice))
    if best[0] < rhythm.least:
        return None
    _, k, at = best
    members, beats_back, gains = [k], [], []
    while True:
        link = ends[k][at]
        beats_back.append(link.beats)
        gains.append(link.gain)
        k = link.origin
        members.append(k)
        if link.before is None:
            gains.append(float(peaks.weight[k]))
            return members[::-1], beats_back[::-1], gains[::-1]
        at = link.before


def _unlikeness(peaks: Peaks, rhythm: Rhythm, first: int, k: int) -> Floats:
    """Cost of the differences in level and colour between peak k and each of [first, k)."""
    level = ((peaks.level_db[first:k] - peaks.level_db[k]) / rhythm.level_db) ** 2
    colour = ((peaks.colour_db[first:k] - peaks.colour_db[k]) ** 2).mean(axis=1) / rhythm.colour_db**2
    tolls: Floats = np.minimum(rhythm.dearest_level, level) + np.minimum(rhythm.dearest_colour, colour)
    return tolls


def _passed_over(peaks: Peaks, j: int, k: int, interval_s: float) -> int:
    """Peaks between j and k that are as loud as they are, and not where a missing beat is due."""
    if k - j < 2:
        return 0
    phase = (peaks.time_s[j + 1 : k] - peaks.time_s[j]) / interval_s
    off_beat = np.abs(phase - np.round(phase)) * interval_s > 0.1
    due = (np.round(phase) >= 1) & (np.round(phase) <= np.round((peaks.time_s[k] - peaks.time_s[j]) / interval_s) - 1)
    loud = peaks.level_db[j + 1 : k] > min(peaks.level_db[j], peaks.level_db[k]) - 3
    return int((loud & (off_beat | ~due)).sum())


def _cut(members: list[int], beats: list[int], gains: list[float], rhythm: Rhythm) -> list[Train]:
    """A walk cut where it earned less than it lost.

    The best walk crosses a pause whenever the two bouts it joins earn more than the pause costs; a bout ends
    nevertheless where the sum has fallen by `give_up`.
    """
    trains: list[Train] = []
    start = 0
    while start < len(members):
        total = best = 0.0
        end = start
        for i in range(start, len(members)):
            total += gains[i]
            if total > best:
                best, end = total, i + 1
            elif total < best - rhythm.give_up or total <= 0:
                break
        if end > start + 1:
            trains.append(Train(tuple(members[start:end]), tuple(beats[start : end - 1]), best))
        start = max(end, start + 1)
    return trains
