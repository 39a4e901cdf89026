"""What the instruments hear: a hundred spectra a second, folded into a few bands."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import fft, signal

Floats32 = NDArray[np.float32]

RATE_HZ = 8000
"""The instruments work at this rate; it holds everything below 4 kHz."""
STEP_S = 0.01
WINDOW_S = 0.08
"""Long enough to see the double sound of one stroke (down, click) as one peak."""

THUMP_HZ = (120.0, 450.0)
"""A manikin's chest sounds here. Below lie rumble and handling, above lie ticks and most of the voice."""
COLOUR_HZ = np.geomspace(100, 3600, 13)
"""Edges of the bands whose relative levels are the colour of a sound."""
TONE_HZ = np.arange(1000.0, 3601.0, 100.0)
"""Edges of the narrow bands in which a metronome is looked for."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Levels in decibels every `STEP_S`; the first at time 0 of the samples."""

    thump_db: Floats32
    """Level in `THUMP_HZ`; shape (n,)."""
    colour_db: Floats32
    """Shape (n, bands)."""
    tone_db: Floats32
    """Shape (n, narrow bands)."""


def listen(samples: NDArray[np.float32], rate_hz: int) -> Spectrum:
    """The band levels of a recording, whatever its rate. Works in blocks: memory grows by 0.3 kB a frame."""
    if rate_hz != RATE_HZ:
        divisor = int(np.gcd(rate_hz, RATE_HZ))
        samples = signal.resample_poly(samples, RATE_HZ // divisor, rate_hz // divisor).astype(np.float32)
    step, width = round(STEP_S * RATE_HZ), round(WINDOW_S * RATE_HZ)
    padded = np.pad(np.asarray(samples, np.float32), width // 2)
    frames = sliding_window_view(padded, width)[::step]
    window = np.hanning(width).astype(np.float32)
    hz = fft.rfftfreq(width, 1 / RATE_HZ)
    # One matrix product folds the bins of a spectrum into all bands at once.
    edges = [THUMP_HZ, *pairwise(COLOUR_HZ), *pairwise(TONE_HZ)]
    folding = np.array([(hz >= low) & (hz < high) for low, high in edges], np.float32).T / width
    blocks = [np.abs(fft.rfft(frames[i : i + 2000] * window)) ** 2 @ folding for i in range(0, len(frames), 2000)]
    power: Floats32 = np.concatenate(blocks).astype(np.float32)
    # 70 dB below the loudest moment is silence in any room. A relative floor makes gain irrelevant, and
    # digital silence no bottomless valley. The absolute one is 16 bit rounding.
    thump, colour, tone = power[:, 0], power[:, 1 : len(COLOUR_HZ)], power[:, len(COLOUR_HZ) :]
    return Spectrum(*(_decibels(band) for band in (thump, colour, tone)))


def find_rises(level_db: NDArray[Any], least_db: float) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Frames of the peaks that rise at least `least_db` above half a second on either side, and their rises."""
    with warnings.catch_warnings():
        # SciPy warns of peaks that do not rise at all; they are exactly those that `least_db` removes.
        warnings.simplefilter("ignore", RuntimeWarning)
        at, found = signal.find_peaks(level_db, prominence=least_db, distance=8, wlen=101)
    return at, found["prominences"]


def _decibels(power: Floats32) -> Floats32:
    floor = max(float(power.max(initial=0.0)) * 1e-7, 1e-10)
    return np.asarray(10 * np.log10(np.maximum(power, floor)), np.float32)
