"""From simulated exams to a report, through the command line: what a user does, end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from siming.bench.clinical import answer_text, get_setting
from siming.bench.folder import load_run
from siming.rubric import Dataset, load_dataset
from siming.simulate import simulate_dataset

SETTINGS = ("full-points", "full-errors", "clip-points", "clip-errors")


def siming(*args: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "siming", *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr + done.stdout
    return done


@pytest.fixture(scope="module")
def exams(tmp_path_factory) -> Dataset:
    """Eight simulated exams, drawn coarsely: here only the pipe is looked at."""
    return simulate_dataset(tmp_path_factory.mktemp("pipe") / "exams", attempts=8, seed=3, fps=1, workers=1)


def gold_answers(exams: Dataset, questions: Path, setting: str) -> list[dict[str, str]]:
    """The consensus, written down as a model would answer."""
    asks = get_setting(setting).asks
    rubrics = tuple(exams.rubrics.values())
    return [
        {
            "request": request.id,
            "text": answer_text(
                [s for s in exams.sheets_of("consensus") if s.attempt == request.attempt], request, rubrics, asks
            ),
        }
        for request in load_run(questions).requests
    ]


@pytest.mark.parametrize("setting", SETTINGS)
def test_gold_through_the_pipe_scores_exactly_1_on_every_defined_metric(exams, tmp_path, setting):
    run = tmp_path / "gold"
    siming("bench", "ask", exams.folder, "--setting", setting, "--n", 4, "--out", run)
    answers = tmp_path / "answers.jsonl"
    lines = gold_answers(exams, run, setting)
    answers.write_text("".join(json.dumps(line) + "\n" for line in reversed(lines)))  # order must not matter
    siming("bench", "run", exams.folder, "--setting", setting, "--n", 4, "--model", f"replay:{answers}", "--out", run)
    scored = json.loads(siming("bench", "score", run, "--dataset", exams.folder, "--replicates", 200, "--json").stdout)
    [entry] = [e for e in scored["entries"] if e["kind"] == "run"]
    perfect = {name: 0.0 if name == "mean_difference" else 1.0 for name in entry["metrics"]}
    assert {name: m["value"] for name, m in entry["metrics"].items()} == perfect
    assert {"mcc", "precision", "recall", "f1"} <= set(perfect)
    assert (setting in ("full-points", "clip-points")) == ({"qwk", "qwk_within_step", "plcc", "srcc"} <= set(perfect))
    assert entry["coverage"]["share"] == 1


def test_calls_that_failed_lower_the_coverage_and_the_exit_status_says_so(exams, tmp_path):
    run = tmp_path / "holes"
    siming("bench", "ask", exams.folder, "--setting", "clip-points", "--n", 4, "--out", run)
    lines = gold_answers(exams, run, "clip-points")
    kept = [line for number, line in enumerate(lines) if number % 10 != 3]
    answers = tmp_path / "answers.jsonl"
    answers.write_text("".join(json.dumps(line) + "\n" for line in kept))
    same = ("bench", "run", exams.folder, "--setting", "clip-points", "--n", 4, "--out", run)
    told = json.loads(siming(*same, "--model", f"replay:{answers}", "--json", status=1).stdout)
    n_lost = len(lines) - len(kept)
    assert told["by_status"] == {"ok": len(kept), "skipped": n_lost}
    assert len(told["missing"]) == n_lost
    done = siming("bench", "score", run, "--dataset", exams.folder, "--replicates", 200, "--json", status=1)
    [strict] = [e for e in json.loads(done.stdout)["entries"] if e["kind"] == "run"]
    assert strict["coverage"]["cells_answered"] == len(kept)
    assert strict["metrics"]["raw_agreement"]["value"] < 1
    done = siming(
        "bench", "score", run, "--dataset", exams.folder, "--missing", "drop", "--replicates", 200, "--json", status=1
    )
    [dropped] = [e for e in json.loads(done.stdout)["entries"] if e["kind"] == "run"]
    assert dropped["metrics"]["raw_agreement"]["value"] == 1  # what was answered was right ...
    assert dropped["metrics"]["raw_agreement"]["n"] < len(lines)  # ... and what was not is no answer
    # the mend: once the answers are there, the same command asks only what is missing and ends with status 0
    answers.write_text("".join(json.dumps(line) + "\n" for line in lines))
    siming(*same, "--model", f"replay:{answers}")


def test_a_report_is_one_file_with_every_attempt(exams, tmp_path):
    siming(
        "bench", "run", exams.folder, "--setting", "full-points", "--n", 4,
        "--model", "baseline:step-prior", "--out", tmp_path / "prior",
    )  # fmt: skip
    page = tmp_path / "report.html"
    siming("report", tmp_path / "prior", "--dataset", exams.folder, "--out", page, "--replicates", 200)
    text = page.read_text(encoding="utf-8")
    for attempt in exams.attempts:
        assert attempt.id in text
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert json.loads((tmp_path / "report.json").read_text())["schema"] == "siming.report/1"


def test_a_run_cannot_be_scored_against_another_dataset(exams, tmp_path):
    siming(
        "bench", "run", exams.folder, "--setting", "full-errors", "--n", 4,
        "--model", "baseline:all-correct", "--out", tmp_path / "run",
    )  # fmt: skip
    other = simulate_dataset(tmp_path / "other", attempts=2, seed=4, draw=False)
    done = siming("bench", "score", tmp_path / "run", "--dataset", other.folder, status=2)
    assert "siming: " in done.stderr
    assert "Traceback" not in done.stderr


def test_the_same_seed_writes_the_same_exams(exams, tmp_path):
    again = simulate_dataset(tmp_path / "again", attempts=8, seed=3, draw=False)
    for name in ("events.jsonl", "sheets.jsonl"):
        assert (again.folder / name).read_bytes() == (exams.folder / name).read_bytes()
    assert load_dataset(again.folder).sheets == exams.sheets
