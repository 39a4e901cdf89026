"""The sound instrument hears in a simulated exam what was done in it."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import welch

from siming.measure.compressions import measure_compressions
from siming.simulate import Exam, simulate_exam
from siming.simulate.soundtrack import RATE_HZ, soundtrack


def save_sound(exam: Exam, path: Path) -> Path:
    samples = soundtrack(exam.timed, duration_s=exam.duration_s, seed=1)
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(RATE_HZ)
        stream.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


@pytest.mark.parametrize("faults", [[], ["rate-145", "shallow"], ["hitch"], ["count-15", "hyperventilation"]])
def test_the_instrument_counts_every_stroke_and_finds_the_rate(faults, tmp_path):
    exam = simulate_exam(3, faults=faults)
    heard = measure_compressions(save_sound(exam, tmp_path / "exam.wav")).bouts
    played = [one.act.strokes_s for one in exam.timed if one.act.strokes_s]
    assert [bout.n for bout in heard] == [len(strokes_s) for strokes_s in played]
    for bout, strokes_s in zip(heard, played, strict=True):
        assert bout.rate_per_min == pytest.approx(60 * (len(strokes_s) - 1) / (strokes_s[-1] - strokes_s[0]), abs=1)


def test_strokes_sound_below_450_hz():
    exam = simulate_exam(3, faults=[])
    samples = soundtrack(exam.timed, duration_s=exam.duration_s, seed=1)
    bout = next(one for one in exam.timed if one.act.id == "bout.1")
    first = round(bout.at(bout.act.strokes_s[3]) * RATE_HZ)
    hz, power = welch(samples[first : first + RATE_HZ // 8], fs=RATE_HZ, nperseg=1024)
    assert power[hz < 450].sum() > 0.95 * power.sum()


def test_what_is_left_unsaid_is_not_heard():
    def loudness(faults: list[str]) -> float:
        exam = simulate_exam(3, faults=faults)
        samples = soundtrack(exam.timed, duration_s=exam.duration_s, seed=1)
        clear = next(one for one in exam.timed if one.act.id == "aed07")
        # the device has finished its own sentence by then
        return float(np.std(samples[round(clear.at(0.95) * RATE_HZ) : round(clear.at(1.35) * RATE_HZ)]))

    assert loudness([]) > 3 * loudness(["clear-unsaid"])


def test_the_sound_is_as_long_as_the_exam_and_does_not_clip():
    exam = simulate_exam(3, faults=[])
    samples = soundtrack(exam.timed, duration_s=exam.duration_s, seed=1)
    assert len(samples) == round(exam.duration_s * RATE_HZ)
    assert np.abs(samples).max() < 1
