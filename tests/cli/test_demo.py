"""The demo tells the whole story, and tells it again without doing the work twice."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_demo_ends_with_a_report_of_all_four_settings_and_goes_on_where_it_was(tmp_path):
    out = tmp_path / "demo"
    command = [sys.executable, "-m", "siming", "demo", "--out", str(out), "--attempts", "6", "--lang", "zh"]
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    runs = [(e["model"], e["setting"]) for e in report["entries"] if e["kind"] == "run"]
    assert {setting for _, setting in runs} == {"full-points", "full-errors", "clip-points", "clip-errors"}
    baselines = {e["name"] for e in report["entries"] if e["kind"] == "baseline"}
    assert {"baseline:all-correct", "baseline:step-prior"} <= baselines
    shown = [reply for a in report["attempts"] for reply in a["replies"] if reply["entry"] == "mock-full-points"]
    assert len(shown) == 6
    assert all(len(reply["frames"]) == 8 for reply in shown)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64") >= 6
    made = {path: path.stat().st_mtime_ns for path in (out / "exams" / "videos").iterdir() if path.suffix == ".mp4"}
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert again.stdout == first.stdout
    assert {path: path.stat().st_mtime_ns for path in made} == made
