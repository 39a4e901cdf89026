"""The beat that an AED or a metronome gives: a short pure tone at machine-steady intervals.

It is reported apart from the strokes, so that its rate is never taken for the rescuer's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from siming.measure.rhythm import Peaks, Rhythm, find_trains
from siming.measure.spectrum import STEP_S, TONE_HZ, Spectrum, find_rises

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tick:
    """What a metronome sounds like."""

    rhythm: Rhythm = field(
        default_factory=lambda: Rhythm(shortest_s=0.4, tempo=0.06, missing=0.4, passed_over=0.0, least=5.0)
    )
    rise_db: tuple[float, float] = (10.0, 20.0)
    """Rise of one narrow band over its neighbours: by the first it is nothing, by the second a full tick."""
    steady_s: float = 0.02
    """Root mean square distance of ticks from an exact beat. Hands are not that steady, machines are."""


@dataclass(frozen=True, slots=True)
class Metronome:
    """One stretch during which a metronome beats."""

    start_s: float
    end_s: float
    rate_per_min: float
    tone_hz: float
    """Middle of the 100 Hz band in which it was heard."""


def find_metronome(spectrum: Spectrum, tick: Tick) -> list[Metronome]:
    """Stretches with a metronome in time order; times count from the first sample."""
    pitch = _pure(spectrum.tone_db)
    band = _beating_band(pitch, tick)
    if band is None:
        return []
    level = pitch[:, band]
    at, rise_db = find_rises(level, tick.rise_db[0])
    peaks = Peaks(
        time_s=(at * STEP_S).astype(np.float64),
        weight=np.interp(rise_db, tick.rise_db, (0, 1)),
        level_db=spectrum.tone_db[at, band].astype(np.float64),
        colour_db=np.zeros((len(at), 1)),
    )
    stretches = []
    for train in find_trains(peaks, tick.rhythm):
        beat = np.concatenate([[0], np.cumsum(train.beats)])
        times_s = peaks.time_s[list(train.members)]
        interval_s, first_s = np.polyfit(beat, times_s, 1)
        if np.sqrt(np.mean((times_s - first_s - interval_s * beat) ** 2)) <= tick.steady_s:
            stretches.append(
                Metronome(
                    start_s=float(times_s[0]),
                    end_s=float(times_s[-1]),
                    rate_per_min=float(60 / interval_s),
                    tone_hz=float(TONE_HZ[band : band + 2].mean()),
                )
            )
    return stretches


def _pure(tone_db: NDArray[np.float32]) -> Floats:
    """How far each narrow band stands above its neighbours 200 to 500 Hz away: clicks vanish, tones stay."""
    n_bands = tone_db.shape[1]
    near = [[j for j in range(max(0, i - 5), min(n_bands, i + 6)) if abs(j - i) >= 2] for i in range(n_bands)]
    return np.stack([tone_db[:, i] - np.median(tone_db[:, near[i]], axis=1) for i in range(n_bands)], axis=1)


def _beating_band(pitch: Floats, tick: Tick) -> int | None:
    """The band whose tone repeats most strongly at the pace of a metronome; None where none does."""
    strength = np.clip(pitch - tick.rise_db[0], 0, tick.rise_db[1])
    strength = strength - strength.mean(axis=0)
    n = 1 << (2 * len(strength) - 1).bit_length()
    echo = np.fft.irfft(np.abs(np.fft.rfft(strength, n, axis=0)) ** 2, axis=0)
    lags = slice(round(tick.rhythm.shortest_s / STEP_S), round(tick.rhythm.longest_s / STEP_S))
    beating = echo[lags].max(axis=0, initial=0.0)
    best = int(beating.argmax())
    return best if beating[best] > 0 else None
