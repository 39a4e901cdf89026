"""Chest compressions from the sound of a recording.

A manikin's chest thumps at every stroke. The instrument finds trains of such thumps, told apart from speech,
device voice and metronome, and reports bouts, rates and pauses with what it is unsure of. How it works and how
far it was tested: ``docs/explanation/compressions-from-sound.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from siming.measure.intervals import compression_fraction, handsoff_intervals, rate_per_min
from siming.measure.metronome import Metronome, Tick, find_metronome
from siming.measure.spectrum import RATE_HZ, STEP_S, Spectrum, listen
from siming.measure.strokes import Run, Stroke, Thump, find_strokes
from siming.video.sound import Sound, read_sound

ENVELOPE_HZ = 20
"""Rate of the envelope kept for drawing: 30 points between two strokes at 40/min, 9 at 130/min."""

_BY = "siming.measure.compressions"


@dataclass(frozen=True, slots=True)
class Bout:
    """Strokes with no pause of `BOUT_GAP_S` between them."""

    strokes: tuple[Stroke, ...]
    """In time order; at least five."""
    n_high: int
    """Most strokes there may have been: `n` and those that other sound could hide before and after."""
    confidence: float
    """Share of the evidence a perfectly clear bout would give, 0 to 1. Clear real bouts reach 0.5 to 0.6; it
    orders bouts and is no probability."""
    flags: tuple[str, ...]
    """Any of ``start_covered``, ``end_covered`` (other sound could hide further strokes there), ``inferred``
    (strokes inside taken from the rhythm), ``starts_with_recording``, ``ends_with_recording``."""

    @property
    def n(self) -> int:
        """Best count of the strokes."""
        return len(self.strokes)

    @property
    def n_low(self) -> int:
        """Strokes that were heard themselves."""
        return sum(not stroke.inferred for stroke in self.strokes)

    @property
    def times_s(self) -> tuple[float, ...]:
        """Times of the sound peaks; their relation to the lowest point of the chest is not known."""
        return tuple(stroke.time_s for stroke in self.strokes)

    @property
    def first_s(self) -> float:
        """Time of the first stroke."""
        return self.strokes[0].time_s

    @property
    def last_s(self) -> float:
        """Time of the last stroke."""
        return self.strokes[-1].time_s

    @property
    def rate_per_min(self) -> float:
        """60 (n - 1) / (last - first)."""
        rate = rate_per_min(self.times_s)
        assert rate is not None, "a bout has five strokes at five times"
        return rate

    def to_json(self) -> dict[str, Any]:
        """A plain dict for JSON."""
        return {
            "first_s": self.first_s,
            "last_s": self.last_s,
            "n": self.n,
            "n_low": self.n_low,
            "n_high": self.n_high,
            "rate_per_min": round(self.rate_per_min, 1),
            "confidence": round(self.confidence, 2),
            "flags": list(self.flags),
            "strokes": [{"time_s": stroke.time_s, "inferred": stroke.inferred} for stroke in self.strokes],
        }


@dataclass(frozen=True, slots=True)
class HandsOff:
    """A pause: from the last stroke of a bout to the first of the next."""

    start_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        """Length of the pause."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class CompressionReport:
    """What was heard in one recording. Times are seconds on the recording's clock."""

    bouts: tuple[Bout, ...]
    metronome: tuple[Metronome, ...]
    """Stretches with a device's beat, which no stroke is taken from."""
    start_s: float
    """Where the sound begins."""
    duration_s: float
    envelope_db: tuple[float, ...]
    """Level of the stroke band, `ENVELOPE_HZ` values a second from `start_s` on, for drawing; its loudest is 0."""
    damaged: int = 0
    """Packets of the sound that could not be decoded."""

    @property
    def n_strokes(self) -> int:
        """Strokes of all bouts."""
        return sum(bout.n for bout in self.bouts)

    @property
    def hands_off(self) -> tuple[HandsOff, ...]:
        """Pauses between bouts; time before the first and after the last bout is none."""
        return tuple(HandsOff(*pause) for pause in handsoff_intervals([bout.times_s for bout in self.bouts]))

    @property
    def compression_fraction(self) -> float | None:
        """Share of the time from first to last stroke spent in bouts; None without a bout."""
        return compression_fraction([bout.times_s for bout in self.bouts])

    def to_json(self) -> dict[str, Any]:
        """A plain dict for JSON; seconds to the millisecond."""
        fraction = self.compression_fraction
        return {
            "by": _BY,
            "start_s": round(self.start_s, 3),
            "duration_s": round(self.duration_s, 3),
            "n_strokes": self.n_strokes,
            "bouts": [bout.to_json() for bout in self.bouts],
            "hands_off": [
                {"start_s": pause.start_s, "end_s": pause.end_s, "seconds": round(pause.seconds, 3)}
                for pause in self.hands_off
            ],
            "compression_fraction": None if fraction is None else round(fraction, 3),
            "metronome": [
                {
                    "start_s": stretch.start_s,
                    "end_s": stretch.end_s,
                    "rate_per_min": round(stretch.rate_per_min, 1),
                    "tone_hz": stretch.tone_hz,
                }
                for stretch in self.metronome
            ],
            "damaged": self.damaged,
            "envelope": {
                "rate_hz": ENVELOPE_HZ,
                "start_s": round(self.start_s, 3),
                "db": list(self.envelope_db),
            },
        }

    def to_events(self, *, attempt: str) -> list[dict[str, Any]]:
        """One `siming.event/1` dict per stroke, in time order, for the examiner."""
        strokes = [stroke for bout in self.bouts for stroke in bout.strokes]
        return [
            {
                "schema": "siming.event/1",
                "attempt": attempt,
                "id": f"c{i:04d}",
                "action": "compression",
                "start_s": stroke.time_s,
                "end_s": stroke.time_s,
                "source": "instrument",
                "by": _BY,
                "measured": {},
                **({"note": "inferred under other sound"} if stroke.inferred else {}),
            }
            for i, stroke in enumerate(strokes, start=1)
        ]


def measure_compressions(
    recording: str | Path | Sound | NDArray[np.float32],
    *,
    rate_hz: int = RATE_HZ,
    thump: Thump | None = None,
    tick: Tick | None = None,
) -> CompressionReport:
    """Bouts, strokes, pauses and metronome of a recording, from its sound alone.

    A recording without compressions gives a report without bouts; so does one whose strokes cannot be heard,
    which is why "no bouts" is never by itself proof of "no compressions".

    Args:
        recording: A media file; or sound already read; or mono samples of shape (n,), full scale 1.
        rate_hz: Rate of the samples; used for plain samples only.
        thump, tick: Thresholds; the defaults hold for all recordings and are there to be varied in tests.

    Raises:
        VideoError: The file has no readable sound; see `siming.video.sound.read_sound`.
    """
    if isinstance(recording, str | Path):
        sound = read_sound(recording, rate_hz=RATE_HZ)
    elif isinstance(recording, Sound):
        sound = recording
    else:
        sound = Sound(np.asarray(recording, np.float32), rate_hz)
    spectrum = listen(sound.samples, sound.rate_hz)
    end_s = sound.start_s + sound.duration_s
    return CompressionReport(
        bouts=tuple(_bout(run, sound.start_s, end_s) for run in find_strokes(spectrum, thump or Thump())),
        metronome=tuple(
            replace(
                stretch,
                start_s=_clock(stretch.start_s, sound.start_s),
                end_s=_clock(stretch.end_s, sound.start_s),
            )
            for stretch in find_metronome(spectrum, tick or Tick())
        ),
        start_s=sound.start_s,
        duration_s=sound.duration_s,
        envelope_db=_envelope(spectrum),
        damaged=sound.damaged,
    )


def _clock(time_s: float, start_s: float) -> float:
    return round(time_s + start_s, 3)


def _bout(run: Run, start_s: float, end_s: float) -> Bout:
    strokes = tuple(replace(stroke, time_s=_clock(stroke.time_s, start_s)) for stroke in run.strokes)
    beat_s = (strokes[-1].time_s - strokes[0].time_s) / (len(strokes) - 1)
    flags = {
        "start_covered": run.hidden_before > 0,
        "end_covered": run.hidden_after > 0,
        "inferred": any(stroke.inferred for stroke in strokes),
        "starts_with_recording": strokes[0].time_s - start_s < 1.5 * beat_s,
        "ends_with_recording": end_s - strokes[-1].time_s < 1.5 * beat_s,
    }
    return Bout(
        strokes=strokes,
        n_high=len(strokes) + run.hidden_before + run.hidden_after,
        confidence=run.quality,
        flags=tuple(flag for flag, holds in flags.items() if holds),
    )


def _envelope(spectrum: Spectrum) -> tuple[float, ...]:
    """The loudest value of each twentieth of a second, so that no stroke falls between two points."""
    each = round(1 / (ENVELOPE_HZ * STEP_S))
    level = spectrum.thump_db
    if not len(level):
        return ()
    padded = np.pad(level, (0, -len(level) % each), mode="edge")
    loudest = padded.reshape(-1, each).max(axis=1)
    return tuple(round(float(value), 1) for value in loudest - loudest.max())
