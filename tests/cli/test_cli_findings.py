"""What commands say where an input, a place or a recording is not as hoped."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from siming.bench.clinical import answer_text, get_setting
from siming.bench.folder import load_run
from siming.cli.console import progress
from siming.methods import judge
from siming.rubric import Dataset, load_dataset, write_lines
from siming.simulate import simulate_dataset


def siming(*args: object, status: int = 0, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "siming", *map(str, args)]
    done = subprocess.run(command, capture_output=True, input=stdin, check=False)
    told = subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())
    assert told.returncode == status, told.stderr + told.stdout
    assert "Traceback" not in told.stderr
    return told


@pytest.fixture(scope="module")
def exams(tmp_path_factory) -> Dataset:
    """Four simulated exams whose recordings were never drawn; the third has lost its video altogether."""
    made = simulate_dataset(tmp_path_factory.mktemp("findings") / "exams", attempts=4, seed=3, draw=False)
    lines = []
    for number, attempt in enumerate(made.attempts):
        end_s = max(end_s for stretches in attempt.segments.values() for _, end_s in stretches)
        video = {"path": f"videos/{attempt.id}.mp4", "duration_s": end_s + 1}
        lines.append(type(attempt).from_plain(attempt.to_plain() | {"video": None if number == 2 else video}))
    write_lines(made.folder / "attempts.jsonl", lines)
    return load_dataset(made.folder)


def clips_of(exams: Dataset) -> dict[bool, set[str]]:
    """Steps of the attempt without a video, by whether they have a stretch on it."""
    lost = exams.attempts[2]
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for rubric in exams.rubrics_of(lost):
        for step in rubric.steps:
            found[bool(lost.segments.get(step.id))].add(f"{lost.id}/{step.id}")
    return found


# Attempts that cannot be asked about.


def test_an_attempt_without_a_video_is_named_and_lowers_the_coverage_of_a_run(exams, tmp_path):
    args = ("bench", "run", exams.folder, "--setting", "full-points", "--n", 4, "--model", "baseline:all-correct")
    told = json.loads(siming(*args, "--out", tmp_path / "a", "--json", status=1).stdout)
    assert (told["requests"], told["coverage"]) == (3, 0.75)
    [skipped] = told["skipped"]
    assert (skipped["request"], skipped["counts_as_missing"]) == (exams.attempts[2].id, True)
    assert "has no video" in skipped["why"]
    said = siming(*args, "--out", tmp_path / "b", "--coverage", 0.75).stderr
    assert "coverage 75.0%" in said
    assert re.search(rf"1 request.* could not be made.*\n +{exams.attempts[2].id}: .*has no video", said)


def test_a_step_without_a_stretch_is_listed_but_was_never_a_question(exams, tmp_path):
    outcome = judge(exams, tmp_path / "run", setting="clip-points", model="baseline:all-correct")
    steps = clips_of(exams)
    assert steps[True] | steps[False] <= outcome.skipped.keys()
    assert steps[False] <= outcome.no_clip
    assert not steps[True] & outcome.no_clip
    n_lost = len(steps[True])
    assert outcome.coverage == outcome.n_requests / (outcome.n_requests + n_lost) < 1
    whole = replace(exams, attempts=exams.attempts[:2])
    there = judge(whole, tmp_path / "whole", setting="clip-points", model="baseline:all-correct")
    assert there.coverage == 1.0


def test_the_coverage_of_a_run_is_the_coverage_of_its_score(exams, tmp_path):
    run = tmp_path / "run"
    outcome = judge(exams, run, setting="clip-points", model="baseline:all-correct")
    args = ("bench", "score", run, "--dataset", exams.folder, "--replicates", 100, "--json")
    scored = json.loads(siming(*args, status=1).stdout)
    [entry] = [e for e in scored["entries"] if e["kind"] == "run"]
    assert entry["coverage"]["share"] == pytest.approx(outcome.coverage)


# What to do about missing answers.


def scored_with(exams: Dataset, folder: Path, texts: dict[int, str | None]) -> str:
    """What `bench score` says about a replayed run in which the n-th reply is another one, or none."""
    siming("bench", "ask", exams.folder, "--setting", "full-points", "--n", 4, "--limit", 2, "--out", folder / "run")
    asks = get_setting("full-points").asks
    lines = []
    for number, request in enumerate(load_run(folder / "run").requests):
        sheets = [s for s in exams.sheets_of("consensus") if s.attempt == request.attempt]
        right = answer_text(sheets, request, tuple(exams.rubrics.values()), asks)
        text = texts.get(number, right)
        if text is not None:
            lines.append(json.dumps({"request": request.id, "text": text}))
    (folder / "answers.jsonl").write_text("\n".join(lines) + "\n")
    run = ("bench", "run", exams.folder, "--setting", "full-points", "--n", 4, "--limit", 2, "--out", folder / "run")
    siming(*run, "--model", f"replay:{folder / 'answers.jsonl'}", "--coverage", 0)
    score = ("bench", "score", folder / "run", "--dataset", exams.folder, "--replicates", 100)
    return siming(*score, status=1).stderr


def test_only_answers_that_a_rerun_would_bring_are_answered_with_rerun(exams, tmp_path):
    (tmp_path / "lost").mkdir()
    lost = scored_with(exams, tmp_path / "lost", {0: None})
    assert "skipped cells; rerun `siming bench run`" in lost
    assert "look at the replies" not in lost
    (tmp_path / "spoken").mkdir()
    spoken = scored_with(exams, tmp_path / "spoken", {0: "I would rather talk about the weather."})
    assert "look at the replies in predictions.jsonl, a rerun asks none of them again" in spoken
    assert "rerun `siming bench run`" not in spoken


# Places and inputs that cannot be used.


def test_a_place_that_the_system_refuses_is_one_line_and_exit_status_2(exams, tmp_path):
    (tmp_path / "file").write_text("here already")
    run = ("bench", "run", exams.folder, "--setting", "full-points", "--n", 4, "--model", "baseline:all-correct")
    for place in (tmp_path / "file", tmp_path / "file" / "inside", Path("/proc/x")):
        said = siming(*run, "--out", place, status=2).stderr
        [line] = [line for line in said.splitlines() if line.startswith("siming: ")]
        assert str(place) in line


def test_standard_input_that_is_no_text_is_refused_with_its_line():
    said = siming("rubric", "examine", "aed-adult", "-", stdin=b"\xff\xfe", status=2).stderr
    assert said.startswith("siming: standard input line 1: ")
    assert "utf-8" in said
    assert "siming: standard input: holds no events" in siming(
        "rubric", "examine", "aed-adult", "-", stdin=b"", status=2
    ).stderr  # fmt: skip


def test_brackets_in_names_are_no_markup(tmp_path):
    sound = write_sound(tmp_path / "exam [red] 7.mp3", seconds=3)
    assert "exam [red] 7.mp3" in siming("measure", "compressions", sound, "--lang", "en").stdout
    with progress() as bar:
        bar.add_task("openai:org/[/b]@http://127.0.0.1:1/v1", note="[/]")
        bar.refresh()


def test_the_page_to_open_is_the_page_that_was_written(exams, tmp_path):
    run = tmp_path / "run"
    judge(exams, run, setting="full-points", model="baseline:all-correct")
    args = ("report", run, "--dataset", exams.folder, "--replicates", 100)
    said = siming(*args, "--out", tmp_path / "pages").stderr
    [page] = re.findall(r"open (.+)", said)
    assert Path(page) == tmp_path / "pages" / "report.html"
    assert Path(page).is_file()


# Recordings that stop before their header says.


def write_sound(path: Path, *, seconds: int) -> Path:
    rng = np.random.default_rng(1)
    with av.open(str(path), "w") as out:
        audio = out.add_stream("mp3", rate=16000)
        for k in range(seconds):
            noise = rng.normal(0, 300, (1, 16000)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(noise, format="s16p", layout="mono")
            frame.rate, frame.pts = 16000, 16000 * k
            out.mux(audio.encode(frame))
        out.mux(audio.encode(None))
    return path


def write_exam(path: Path, *, seconds: int) -> Path:
    """Picture and sound, with the index in front, so that a copy cut short can still be opened."""
    rng = np.random.default_rng(2)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as out:
        video, audio = out.add_stream("mpeg4", rate=10), out.add_stream("aac", rate=8000)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for k in range(seconds):
            for _ in range(10):
                picture = rng.integers(0, 255, (48, 64, 3), np.uint8)
                out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            noise = rng.normal(0, 0.05, (1, 8000)).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
            frame.rate, frame.pts = 8000, 8000 * k
            out.mux(audio.encode(frame))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))
    return path


def cut_short(path: Path, share: float) -> Path:
    part = path.with_name(f"part-{path.name}")
    part.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return part


def test_frames_of_a_recording_that_stops_early_come_with_a_warning(tmp_path):
    whole = write_exam(tmp_path / "exam.mp4", seconds=20)
    done = siming("video", "frames", whole, "--n", 3, "--out", tmp_path / "whole", "--json")
    assert json.loads(done.stdout)["warnings"] == []
    assert "warning" not in done.stderr
    part = cut_short(whole, 0.5)
    done = siming("video", "frames", part, "--n", 3, "--out", tmp_path / "part", "--json")
    [warning] = [w for w in json.loads(done.stdout)["warnings"] if "stops at" in w]
    assert re.search(r"stops at (9|10|11)\.\d s of 20\.0 s", warning)
    assert f"warning: {warning}" in done.stderr
    # a time that the header promised and the file does not hold is no mere warning
    args = ("video", "frames", part, "--n", 3, "--from", 15, "--to", 19, "--out", tmp_path / "late")
    assert "stops at" in siming(*args, status=2).stderr


@pytest.mark.parametrize("name", ["exam.mp4", "exam.mp3"])
def test_sound_that_stops_early_comes_with_a_warning(tmp_path, name):
    write = write_exam if name.endswith("mp4") else write_sound
    whole = write(tmp_path / name, seconds=20)
    assert json.loads(siming("measure", "compressions", whole, "--json").stdout)["warnings"] == []
    part = cut_short(whole, 0.5)
    done = siming("measure", "compressions", part, "--json")
    [warning] = json.loads(done.stdout)["warnings"]
    assert re.search(r"the sound stops at (9|10|11)\.\d s of 20\.\d s", warning)
    assert f"warning: {warning}" in done.stderr
    events = siming("measure", "compressions", part, "--events")
    assert events.stdout == ""
    assert warning in events.stderr


def test_probe_says_nothing_of_a_hash_that_nobody_asked_for(tmp_path):
    exam = write_exam(tmp_path / "exam.mp4", seconds=2)
    assert "None" not in siming("video", "probe", exam).stdout
    assert re.search(r"sha256 +[0-9a-f]{64}", siming("video", "probe", exam, "--sha256").stdout)
