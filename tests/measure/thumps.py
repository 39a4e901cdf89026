"""Sounds made for the tests: strokes, ticks, voices and rooms, with times that are known exactly."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import signal

RATE_HZ = 8000
Samples = NDArray[np.float32]


def room(seconds: float, *, level: float = 0.003, seed: int = 1) -> Samples:
    """Noise that falls with frequency, as in a quiet room."""
    rng = np.random.default_rng(seed)
    rumble = signal.lfilter([0.05], [1, -0.95], rng.standard_normal(round(seconds * RATE_HZ)))
    return (level * rumble / np.std(rumble)).astype(np.float32)


def add(sound: Samples, at_s: float, piece: NDArray[np.floating]) -> None:
    first = round(at_s * RATE_HZ)
    last = min(len(sound), first + len(piece))
    sound[first:last] += piece[: last - first].astype(np.float32)


def thump(*, pitch_hz: float = 180.0, strength: float = 0.3, seed: int = 0) -> NDArray[np.float64]:
    """One stroke: a knock of 30 ms with a click on top."""
    t = np.arange(960) / RATE_HZ
    click = 0.3 * np.random.default_rng(seed).standard_normal(len(t)) * np.exp(-t / 0.005)
    return strength * (np.sin(2 * np.pi * pitch_hz * t) * np.exp(-t / 0.03) + click)


def tick(*, tone_hz: float = 1900.0, strength: float = 0.3) -> NDArray[np.float64]:
    """One beat of a metronome."""
    t = np.arange(800) / RATE_HZ
    return strength * np.minimum(1, t / 0.002) * np.sin(2 * np.pi * tone_hz * t) * np.exp(-t / 0.025)


def bout_times(first_s: float, n: int, rate_per_min: float, *, jitter: float = 0.03, seed: int = 3) -> list[float]:
    """Times of n strokes whose intervals vary as hands do."""
    gaps_s = 60 / rate_per_min * (1 + jitter * np.random.default_rng(seed).standard_normal(n - 1))
    return [float(t) for t in first_s + np.concatenate([[0], np.cumsum(gaps_s)])]


def played(
    bouts: Iterable[Sequence[float]], seconds: float, *, level: float = 0.003, pitch_hz: float = 180.0
) -> Samples:
    """Bouts of strokes of slightly varying strength in a room."""
    sound = room(seconds, level=level)
    strength = np.random.default_rng(9)
    for bout in bouts:
        for time_s in bout:
            add(sound, time_s, thump(pitch_hz=pitch_hz, strength=0.3 * strength.uniform(0.8, 1.2)))
    return sound


def with_metronome(sound: Samples, rate_per_min: float, *, tone_hz: float = 1900.0, start_s: float = 1.0) -> Samples:
    """The same sound with ticks from `start_s` to the end."""
    sound = sound.copy()
    for time_s in np.arange(start_s, len(sound) / RATE_HZ - 0.2, 60 / rate_per_min):
        add(sound, float(time_s), tick(tone_hz=tone_hz))
    return sound


def spoken(seconds: float, *, seed: int = 4) -> Samples:
    """Syllables of a made-up voice: a gliding pulse train through two resonances, of uneven length and spacing."""
    rng = np.random.default_rng(seed)
    sound = room(seconds)
    at_s = 0.5
    while at_s < seconds - 0.6:
        n = round(rng.uniform(0.12, 0.35) * RATE_HZ)
        pitch_hz = rng.uniform(100, 200) * np.linspace(1, rng.uniform(0.85, 1.15), n)
        pulses = np.diff(np.floor(np.cumsum(pitch_hz) / RATE_HZ), prepend=0)
        voice = sum(
            signal.lfilter(*signal.iirpeak(formant_hz, 6, fs=RATE_HZ), pulses)
            for formant_hz in (rng.uniform(300, 800), rng.uniform(900, 2300))
        )
        add(sound, at_s, 0.2 * voice / np.abs(voice).max() * np.hanning(n) ** 0.5)
        at_s += n / RATE_HZ + rng.choice([0.03, 0.08, 0.5], p=[0.5, 0.3, 0.2])
    return sound
