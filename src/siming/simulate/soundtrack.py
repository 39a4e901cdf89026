"""The sound of an exam: strokes, breaths, voices, the device, and the room.

Strokes are thumps below 450 Hz, as a manikin makes them. Spoken words are vowel-like phrases without meaning: one
hears that the trainee speaks, and whether the device does, but not what. What a fault leaves unsaid is silent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from siming.simulate.script import Act, Timed

Samples = NDArray[np.float32]

RATE_HZ = 16_000
"""Enough for speech and the metronome at 1.9 kHz; the whole exam takes 11 MB."""
METRONOME_HZ = 1900.0
METRONOME_PER_MIN = 105.0
_THUMP_S = 0.16
_FORMANTS = ((730, 1090), (530, 1840), (300, 870), (660, 1720), (400, 800), (270, 2290))
"""First two formants of six vowels, Hz (the usual textbook figures for a male voice)."""

_SPOKEN = {
    # act: (seconds after it begins, syllables), several times where the trainee speaks more than once
    "cpr01": ((0.8, 7),),
    "cpr02": ((0.3, 5), (1.6, 4)),
    "cpr03": ((0.2, 13),),
    "cpr04": ((0.6, 4),),
    "cpr05": ((0.6, 2), (1.6, 2), (2.6, 2), (3.6, 2), (4.6, 2)),
    "cpr06": ((0.1, 6),),
    "cpr14": ((0.5, 5),),
    "cpr18": ((0.6, 2), (1.6, 2), (2.6, 2), (3.6, 2), (4.6, 4)),
    "cpr19": ((1.4, 12),),
    "aed01": ((1.5, 6),),
    "aed03": ((0.6, 8),),
    "aed06": ((1.6, 7),),
    "aed07": ((0.3, 7),),
    "bmv01": ((3.0, 7),),
    "bmv05": ((1.5, 11),),
}
_PROMPTS = {
    "ev_prompt_analysing": 9,
    "ev_prompt_shock_advised": 5,
    "ev_prompt_charged": 6,
    "ev_shock_button": 5,  # over before the hands are back on the chest
}


def soundtrack(timed: Sequence[Timed], *, duration_s: float, seed: int) -> Samples:
    """Mono samples at `RATE_HZ`, in [-1, 1].

    Args:
        seed: Decides the noise of the room and the vowels.
    """
    rng = np.random.default_rng(seed)
    sound = _room(rng, round(duration_s * RATE_HZ))
    for one in timed:
        for stroke_s in one.act.strokes_s:
            _add(sound, one.at(stroke_s), _thump(rng, one.act))
        for breath in one.act.breaths:
            _add(sound, one.at(breath.start_s), _whoosh(rng, breath.lasts_s, leaks="leak" in one.act.manner))
        _trainee(sound, one, rng)
        _device(sound, one, rng)
    peak = float(np.abs(sound).max())
    return np.asarray(sound * min(1.0, 0.95 / peak), dtype=np.float32)


def _room(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    hiss = rng.standard_normal(n) * 0.004
    hum = lfilter([0.02], [1, -0.98], rng.standard_normal(n)) * 0.012
    return np.asarray(hiss + hum, dtype=np.float64)


def _add(sound: NDArray[np.float64], at_s: float, piece: NDArray[np.float64]) -> None:
    first = round(at_s * RATE_HZ)
    last = min(len(sound), first + len(piece))
    sound[first:last] += piece[: last - first]


def _thump(rng: np.random.Generator, act: Act) -> NDArray[np.float64]:
    """One stroke on a manikin: a low knock with a little spring in it."""
    t = np.arange(round(_THUMP_S * RATE_HZ)) / RATE_HZ
    pitch = 96 * rng.uniform(0.97, 1.03)
    body = np.sin(2 * np.pi * pitch * t) * np.exp(-t / 0.035)
    knock = np.sin(2 * np.pi * 3.1 * pitch * t) * np.exp(-t / 0.014)
    rise = np.minimum(1.0, t / 0.004)
    strength = 0.3 if "shallow" in act.manner else 0.46
    return np.asarray(strength * rng.uniform(0.9, 1.1) * rise * (body + 0.5 * knock))


def _whoosh(rng: np.random.Generator, lasts_s: float, *, leaks: bool) -> NDArray[np.float64]:
    n = round(lasts_s * RATE_HZ)
    swell = np.sin(np.pi * np.arange(n) / n)
    air = rng.standard_normal(n)
    breath = np.diff(air, prepend=0.0) * 0.5  # high-passed, so that no breath sounds like a stroke
    hiss = np.diff(breath, prepend=0.0) * 1.6 if leaks else 0.0
    return np.asarray(0.07 * swell * (breath + hiss))


def _trainee(sound: NDArray[np.float64], one: Timed, rng: np.random.Generator) -> None:
    for at_s, syllables in _SPOKEN.get(one.act.kind, ()):
        if "silent" in one.act.manner or at_s > one.act.lasts_s:
            continue
        spoken = syllables // 2 if "short" in one.act.manner else syllables
        _add(sound, one.at(at_s), 0.16 * _voice(rng, spoken, pitch_hz=150, syllable_s=0.16))
    if one.act.kind == "bout":  # counts aloud, in tens
        for stroke_s in one.act.strokes_s[9::10]:
            _add(sound, one.at(stroke_s + 0.22), 0.1 * _voice(rng, 1, pitch_hz=150, syllable_s=0.16))


def _device(sound: NDArray[np.float64], one: Timed, rng: np.random.Generator) -> None:
    if one.act.kind == "aed02":
        tone = np.concatenate([_beep(880, 0.16), _beep(1320, 0.22)])
        _add(sound, one.at(0.62 * one.act.lasts_s), 0.25 * tone)
        _add(sound, one.at(0.62 * one.act.lasts_s + 0.6), 0.2 * _voice(rng, 8, pitch_hz=215, syllable_s=0.13))
    for mark in one.act.marks:
        if mark.action == "ev_prompt_charged":
            _add(sound, one.at(mark.at_s), 0.2 * np.concatenate([_beep(1500, 0.12)] * 3))
        if mark.action == "ev_shock_button":
            _add(sound, one.at(mark.at_s), 0.3 * _beep(620, 0.12))
        if mark.action in _PROMPTS:
            voice = _voice(rng, _PROMPTS[mark.action], pitch_hz=215, syllable_s=0.13)
            _add(sound, one.at(mark.at_s + 0.1), 0.2 * voice)
    if one.act.kind == "aed09":
        for k in range(int((one.act.lasts_s - 1.0) * METRONOME_PER_MIN / 60)):
            _add(sound, one.at(1.0 + 60 * k / METRONOME_PER_MIN), 0.14 * _beep(METRONOME_HZ, 0.03))


def _beep(pitch_hz: float, lasts_s: float) -> NDArray[np.float64]:
    t = np.arange(round(lasts_s * RATE_HZ)) / RATE_HZ
    fade = np.minimum(1.0, np.minimum(t, lasts_s - t) / 0.006)
    return np.asarray(fade * np.sin(2 * np.pi * pitch_hz * t))


def _voice(rng: np.random.Generator, syllables: int, *, pitch_hz: float, syllable_s: float) -> NDArray[np.float64]:
    """Vowels in a row: a buzz at the pitch of a voice, coloured by two resonances each."""
    pieces = []
    n = round(syllable_s * RATE_HZ)
    swell = np.sin(np.pi * np.arange(n) / n) ** 0.7
    for k in range(syllables):
        pitch = pitch_hz * (1.08 - 0.16 * k / max(1, syllables)) * rng.uniform(0.97, 1.03)
        phase = np.arange(n) * pitch / RATE_HZ % 1.0
        buzz = np.diff(phase, prepend=0.0) < 0
        vowel = buzz.astype(np.float64)
        for formant in _FORMANTS[rng.integers(len(_FORMANTS))]:
            vowel = _resonance(vowel, formant)
        peak = float(np.abs(vowel).max()) or 1.0
        pieces.append(swell * vowel / peak)
    return np.concatenate(pieces)


def _resonance(signal: NDArray[np.float64], centre_hz: float, width_hz: float = 110.0) -> NDArray[np.float64]:
    radius = np.exp(-np.pi * width_hz / RATE_HZ)
    turn = 2 * np.pi * centre_hz / RATE_HZ
    return np.asarray(lfilter([1 - radius], [1, -2 * radius * np.cos(turn), radius**2], signal))
