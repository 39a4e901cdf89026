"""Every example runs, and says what it promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def run(name: str, *args: str) -> str:
    command = [sys.executable, "-W", "error", str(EXAMPLES / name), *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_one_touch_costs_26_points_and_the_reason_is_told():
    told = run("why_the_shock_was_void.py")
    assert "nobody touches: 100 of 100" in told
    assert "one touch: 74 of 100" in told
    assert "aed08 void: state everyone_clear was cleared at 36.5 s by ev_touch_patient" in told


def test_points_come_out_of_a_recordings_sound(shared_video):
    told = run("points_from_sound.py", str(shared_video / "egoems_ng8_t0_audio.mp3"))
    assert told.count("bout ") >= 4
    assert "cpr10: 6 points" in told


def test_no_example_is_forgotten_here():
    text = Path(__file__).read_text(encoding="utf-8")
    for example in EXAMPLES.glob("*.py"):
        assert f'"{example.name}"' in text, f"{example.name} is not run by any test"
