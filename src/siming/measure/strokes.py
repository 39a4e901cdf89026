"""Strokes in a recording: short thumps in a steady train."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from siming.measure.intervals import BOUT_GAP_S
from siming.measure.rhythm import Peaks, Rhythm, Train, find_trains
from siming.measure.spectrum import STEP_S, Spectrum, find_rises

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Thump:
    """What one stroke sounds like, and where the benefit of the doubt ends."""

    rhythm: Rhythm = field(default_factory=Rhythm)
    rise_db: tuple[float, float] = (4.0, 14.0)
    """A peak that stands out from its surroundings by the first is nothing, by the second a full stroke."""
    width_s: tuple[float, float] = (0.10, 0.25)
    """A peak this short is a full stroke, this long a syllable. Measured 8 dB below the top."""
    voice_weight: float = 0.3
    """What a peak as long as a syllable still counts: it may be a stroke under a voice."""
    firm_share: float = 0.5
    """Share of a bout's strokes that must be short and as loud as usual. A voice that counts in rhythm has fewer."""
    bass_db: tuple[float, float] = (-15.0, -5.0)
    """Stroke band over everything above 1 kHz: a peak below the first is a tick or a hiss, from the second on a
    thump. Real strokes have 6 to 25."""
    hide_db: float = 10.0
    """A stroke may be hidden where other sound is at most this far below the bout's own strokes."""
    soft_db: float = 20.0
    """Inside a bout that goes on in step, a stroke is taken for soft, not left out, down to this level."""
    strange_db: float = 6.0
    """A peak whose colour differs this much from its bout's is taken on rhythm alone: not sure."""
    alike_db: float = 3.0
    """A peak whose colour is this close to its bout's is a stroke of it even behind a covered one."""
    end_db: float = 7.0
    """A bout begins and ends with a stroke at most this far below its usual level: its rhythm alone proves
    nothing there, because a voice that falls on the next beat would prolong it."""
    least_strokes: int = 5
    """Fewer sure strokes are no bout."""
    least_quality: float = 0.1
    """Below this mean, the rhythm was found by choosing among many peaks."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One compression as heard."""

    time_s: float
    inferred: bool
    """True where the rhythm says there was a stroke and other sound covers it."""


@dataclass(frozen=True, slots=True)
class Run:
    """The strokes of one bout and how far they can be trusted."""

    strokes: tuple[Stroke, ...]
    hidden_before: int
    """Further strokes that other sound might hide before the first."""
    hidden_after: int
    quality: float
    """Mean of what the links of the train earned, 0 to 1."""


def find_strokes(spectrum: Spectrum, thump: Thump) -> list[Run]:
    """The bouts of a recording in time order; times count from its first sample."""
    peaks = _peaks(spectrum, thump)
    trains = find_trains(peaks, thump.rhythm)
    runs = [_run(group, peaks, spectrum, thump) for group in _joined(trains, peaks)]
    return [run for run in runs if run is not None and run.quality >= thump.least_quality]


def _peaks(spectrum: Spectrum, thump: Thump) -> Peaks:
    level = spectrum.thump_db.astype(np.float64)
    at, rise_db = find_rises(level, thump.rise_db[0])
    # Bands that hold only noise at that moment say nothing about the stroke: lift all to the room's own level.
    room = np.percentile(spectrum.colour_db, 10, axis=0) + 3 if len(level) else 0.0
    colour = np.maximum(spectrum.colour_db[at], room).astype(np.float64)
    # A stroke on top of a voice stands out by little: its width is taken where it still stands out.
    drop_db = np.minimum(8.0, 0.6 * rise_db)
    width_s = np.array([_width(level, int(i), drop) for i, drop in zip(at, drop_db, strict=True)]) * STEP_S
    rise = np.interp(rise_db, thump.rise_db, (0, 1))
    short = np.interp(width_s, thump.width_s, (1, thump.voice_weight))
    high_db = 10 * np.log10(np.sum(10 ** (spectrum.tone_db[at].astype(np.float64) / 10), axis=1))
    low = np.interp(level[at] - high_db, thump.bass_db, (0, 1))
    return Peaks(
        time_s=(at * STEP_S).astype(np.float64),
        weight=rise * short * low,
        level_db=level[at],
        colour_db=colour - colour.mean(axis=1, keepdims=True),
    )


def _width(level: Floats, at: int, drop_db: float, reach: int = 50) -> int:
    """Frames around a peak that stay within `drop_db` of it."""
    below = level[max(0, at - reach) : at + reach] < level[at] - drop_db
    top = min(at, reach)
    before = np.flatnonzero(below[:top])
    after = np.flatnonzero(below[top:])
    left = top - before[-1] - 1 if len(before) else top
    right = after[0] if len(after) else len(below) - top
    return int(left + right)


def _joined(trains: list[Train], peaks: Peaks) -> list[list[Train]]:
    """Trains that no real pause parts belong to one bout."""
    groups: list[list[Train]] = []
    for train in trains:
        start_s = peaks.time_s[train.members[0]]
        if groups and start_s - peaks.time_s[groups[-1][-1].members[-1]] < BOUT_GAP_S:
            groups[-1].append(train)
        else:
            groups.append([train])
    return groups


def _run(trains: list[Train], peaks: Peaks, spectrum: Spectrum, thump: Thump) -> Run | None:
    members = [i for train in trains for i in train.members]
    usual_db = float(np.median(peaks.level_db[members]))
    colour = np.median(peaks.colour_db[members], axis=0)
    unlike = np.sqrt(((peaks.colour_db - colour) ** 2).mean(axis=1))
    strange = unlike > thump.strange_db
    doubtful = strange | (peaks.weight < 0.25)
    firm = (peaks.weight > 0.5) & (peaks.level_db > usual_db - thump.end_db)
    beat_s = float(np.median(np.diff(peaks.time_s[members])))
    cover = _Cover(spectrum.thump_db, usual_db - thump.hide_db)
    soft = _Cover(spectrum.thump_db, usual_db - thump.soft_db)

    while members and not firm[members[0]]:
        members.pop(0)
    while members and not firm[members[-1]]:
        members.pop()
    if not members or firm[members].sum() < max(thump.least_strokes, thump.firm_share * len(members)):
        return None
    alike = firm & (unlike < thump.alike_db)
    loud = peaks.level_db > usual_db - 3
    members = _prolonged(members, peaks.time_s, firm, alike, loud)
    members = _prolonged(members[::-1], peaks.time_s, firm, alike, loud)[::-1]

    times_s = [float(peaks.time_s[i]) for i in members]
    strokes = [Stroke(times_s[0], False)]
    for i in range(1, len(members)):
        gap_s = times_s[i] - times_s[i - 1]
        # The gap is divided by the bout's own tempo: a train may have called two slow strokes one missing.
        n = max(1, round(gap_s / beat_s))
        due = [times_s[i - 1] + gap_s * q / n for q in range(1, n)]
        strokes += [Stroke(t, True) for t in due if soft.hides(t, beat_s)]
        strokes.append(Stroke(times_s[i], bool(doubtful[members[i]])))
    return Run(
        strokes=tuple(strokes),
        hidden_before=cover.count(times_s[0], -beat_s),
        hidden_after=cover.count(times_s[-1], beat_s),
        quality=float(np.clip(sum(t.score for t in trains) / len(members), 0, 1)),
    )


def _prolonged(
    members: list[int],
    time_s: Floats,
    firm: NDArray[np.bool_],
    alike: NDArray[np.bool_],
    loud: NDArray[np.bool_],
) -> list[int]:
    """The walk continued past its last member, in its direction, as long as firm strokes fall on the beat.

    A train ends before a stroke whose link does not pay, such as the last one behind a covered one. With the
    tempo known such a stroke needs less proof. One beat may be stepped over to a stroke that sounds just like the
    others, unless something as loud as strokes lies between: then a voice speaks, and its next syllable may fall
    on the beat too.
    """
    members = list(members)
    while True:
        last = members[-1]
        beat_s = float(np.median(np.diff(time_s[members[-6:]])))
        for beats, proof in ((1, firm), (2, alike)):
            due_s = time_s[last] + beats * beat_s
            near = np.flatnonzero(proof & (np.abs(time_s - due_s) < 0.2 * abs(beat_s)))
            if not len(near):
                continue
            found = int(near[np.abs(time_s[near] - due_s).argmin()])
            if beats == 1 or not loud[min(last, found) + 1 : max(last, found)].any():
                members.append(found)
                break
        else:
            return members


@dataclass(frozen=True, slots=True)
class _Cover:
    """Where other sound is loud enough to hide a stroke."""

    thump_db: NDArray[np.float32]
    loud_db: float

    def hides(self, time_s: float, beat_s: float) -> bool:
        near = 0.2 * abs(beat_s)
        low, high = round((time_s - near) / STEP_S), round((time_s + near) / STEP_S) + 1
        return bool((self.thump_db[max(0, low) : max(0, high)] >= self.loud_db).any())

    def count(self, from_s: float, step_s: float, most: int = 3) -> int:
        """Beats in a row, from `from_s` on, that could hide a stroke."""
        n = 0
        while n < most and self.hides(from_s + (n + 1) * step_s, step_s):
            n += 1
        return n
