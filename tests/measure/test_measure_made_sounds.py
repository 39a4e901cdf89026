"""The instrument against sounds whose strokes are known exactly, and against sounds without any."""

from __future__ import annotations

import json

import numpy as np
import pytest
from thumps import RATE_HZ, add, bout_times, played, room, spoken, thump, with_metronome

from siming.measure import measure_compressions
from siming.video.sound import Sound


@pytest.mark.parametrize("rate_per_min", [70, 90, 110, 130, 150])
def test_strokes_are_counted_at_every_pace_a_rescuer_may_have(rate_per_min):
    times_s = bout_times(3.0, 20, rate_per_min)
    (bout,) = measure_compressions(played([times_s], times_s[-1] + 3)).bouts
    assert bout.n == 20
    assert bout.rate_per_min == pytest.approx(60 * 19 / (times_s[-1] - times_s[0]), abs=1)


@pytest.mark.parametrize("pitch_hz", [110.0, 250.0, 400.0])
def test_a_manikin_may_sound_lower_or_higher(pitch_hz):
    times_s = bout_times(3.0, 15, 105)
    (bout,) = measure_compressions(played([times_s], 15, pitch_hz=pitch_hz)).bouts
    assert bout.n == 15


def test_a_bounce_between_strokes_is_no_stroke():
    times_s = bout_times(3.0, 20, 80)
    sound = played([times_s], 21)
    for time_s in times_s:
        add(sound, time_s + 0.34, thump(strength=0.08))
    (bout,) = measure_compressions(sound).bouts
    assert bout.n == 20


@pytest.mark.parametrize("pause_s", [4.0, 10.0, 30.0])
def test_a_pause_is_measured_from_stroke_to_stroke(pause_s):
    first = bout_times(2.0, 15, 110)
    second = bout_times(first[-1] + pause_s, 15, 110, seed=5)
    report = measure_compressions(played([first, second], second[-1] + 2))
    (pause,) = report.hands_off
    assert pause.seconds == pytest.approx(pause_s, abs=0.05)
    assert report.n_strokes == 30


def test_one_soft_stroke_inside_a_bout_is_inferred_and_says_so():
    times_s = bout_times(3.0, 20, 100)
    sound = played([times_s[:9] + times_s[10:]], 17)
    add(sound, times_s[9], thump(strength=0.04))
    (bout,) = measure_compressions(sound).bouts
    assert bout.n == 20
    assert bout.n_low < 20
    assert "inferred" in bout.flags


def test_a_beat_left_out_in_silence_is_not_made_up():
    times_s = bout_times(3.0, 20, 100)
    (bout,) = measure_compressions(played([times_s[:9] + times_s[10:]], 17)).bouts
    assert bout.n == 19
    assert bout.n_low == 19


def test_a_metronome_beside_strokes_changes_neither_count_nor_rate():
    times_s = bout_times(4.0, 25, 125)
    report = measure_compressions(with_metronome(played([times_s], 18), 105))
    (bout,) = report.bouts
    assert bout.n == 25
    assert bout.rate_per_min == pytest.approx(60 * 24 / (times_s[-1] - times_s[0]), abs=1)
    (stretch,) = report.metronome
    assert stretch.rate_per_min == pytest.approx(105, abs=0.5)


@pytest.mark.parametrize("tone_hz", [1250.0, 1900.0, 2750.0])
def test_a_metronome_alone_is_no_compressions(tone_hz):
    report = measure_compressions(with_metronome(room(25), 110, tone_hz=tone_hz))
    assert report.bouts == ()
    (stretch,) = report.metronome
    assert abs(stretch.tone_hz - tone_hz) <= 100


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_speech_is_no_compressions(seed):
    assert measure_compressions(spoken(60, seed=seed)).bouts == ()


def chords(seconds: float) -> np.ndarray:
    """Music of held notes, changing every half second: as regular as strokes, but nothing thumps."""
    rng = np.random.default_rng(2)
    sound = room(seconds)
    t = np.arange(RATE_HZ // 2) / RATE_HZ
    for at_s in np.arange(0.0, seconds - 0.5, 0.5):
        pitch_hz = 220 * 2 ** (rng.integers(0, 12) / 12)
        note = sum(np.sin(2 * np.pi * pitch_hz * k * t) / k for k in (1, 2, 3))
        add(sound, float(at_s), 0.05 * note * np.exp(-t / 0.5))
    return sound


def knocks(seconds: float) -> np.ndarray:
    """Handling noise: thumps at chance moments."""
    rng = np.random.default_rng(8)
    sound = room(seconds)
    at_s = 1.0
    while at_s < seconds - 1:
        add(sound, at_s, thump(strength=rng.uniform(0.02, 0.3)))
        at_s += 0.3 + rng.exponential(1.0)
    return sound


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(RATE_HZ * 20),
        np.zeros(0),
        np.random.default_rng(1).standard_normal(RATE_HZ * 60) * 0.05,
        room(60, level=0.05),
        chords(40),
        knocks(60),
    ],
    ids=["silence", "nothing", "hiss", "rumble", "chords", "knocks"],
)
def test_a_sound_without_strokes_has_no_bout(sound):
    report = measure_compressions(sound)
    assert report.bouts == ()
    assert report.n_strokes == 0
    assert report.compression_fraction is None
    assert report.metronome == ()


def test_four_strokes_are_no_bout():
    assert measure_compressions(played([bout_times(3.0, 4, 100)], 10)).bouts == ()


def test_a_bout_at_either_edge_of_the_recording_says_so():
    times_s = bout_times(0.3, 20, 110)
    (bout,) = measure_compressions(played([times_s], times_s[-1] + 0.3)).bouts
    assert bout.n == 20
    assert {"starts_with_recording", "ends_with_recording"} <= set(bout.flags)


def test_times_are_on_the_clock_of_the_recording():
    times_s = bout_times(3.0, 15, 110)
    samples = played([times_s], 14)
    at_zero = measure_compressions(Sound(samples, RATE_HZ)).bouts[0]
    later = measure_compressions(Sound(samples, RATE_HZ, start_s=2.5))
    assert later.bouts[0].first_s == pytest.approx(at_zero.first_s + 2.5)
    assert later.start_s == 2.5


def test_every_stroke_becomes_an_event_the_examiner_can_read():
    times_s = bout_times(3.0, 20, 100)
    report = measure_compressions(played([times_s], 17))
    events = report.to_events(attempt="A-031")
    assert len(events) == 20
    assert events[0] == {
        "schema": "siming.event/1",
        "attempt": "A-031",
        "id": "c0001",
        "action": "compression",
        "start_s": report.bouts[0].first_s,
        "end_s": report.bouts[0].first_s,
        "source": "instrument",
        "by": "siming.measure.compressions",
        "measured": {},
    }
    assert len({event["id"] for event in events}) == 20


def test_an_inferred_stroke_says_so_in_its_event():
    times_s = bout_times(3.0, 20, 100)
    sound = played([times_s[:9] + times_s[10:]], 17)
    add(sound, times_s[9], thump(strength=0.04))
    events = measure_compressions(sound).to_events(attempt="A-031")
    assert events[9].get("note") == "inferred under other sound"
    assert sum("note" in event for event in events) == 1


def test_the_report_is_strict_json_and_carries_an_envelope_to_draw():
    report = measure_compressions(played([bout_times(3.0, 15, 110)], 14))
    data = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert data["bouts"][0]["n"] == 15
    assert data["envelope"]["rate_hz"] == 20
    assert len(data["envelope"]["db"]) == pytest.approx(14 * 20, abs=2)
    assert max(data["envelope"]["db"]) == 0
