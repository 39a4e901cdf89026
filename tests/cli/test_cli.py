"""The command line as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from siming.cli import app
from siming.rubric import Event, builtin_rubric, write_lines, write_rubric

ROOT = Path(__file__).resolve().parents[2]


def leaves(command, path=()):
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
    else:
        for name, child in children.items():
            yield from leaves(child, (*path, name))


COMMANDS = list(leaves(get_command(app)))


def siming(*args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "siming", *args]
    return subprocess.run(command, capture_output=True, text=True, input=stdin, check=False)


@pytest.fixture
def events(tmp_path) -> Path:
    path = tmp_path / "events.jsonl"
    rows = [("aed01", 0, 3), ("aed02", 3, 5)]
    write_lines(
        path,
        [
            Event(attempt="Tan", id=f"e{i}", action=a, start_s=s, end_s=e, faults=(), source="physician")
            for i, (a, s, e) in enumerate(rows)
        ],
    )
    return path


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=lambda x: " ".join(x) if isinstance(x, tuple) else "")
def test_every_command_has_help_with_an_example_and_says_what_each_option_means(path, command):
    done = CliRunner().invoke(app, [*path, "--help"])
    assert done.exit_code == 0
    assert f"siming {' '.join(path)}" in (command.epilog or ""), "no example"
    for param in command.params:
        assert getattr(param, "help", None), f"{param.name} has no help"


def test_the_commands_of_the_reference_page_are_the_commands_there_are():
    page = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    assert {f"## siming {' '.join(path)}" for path, _ in COMMANDS} == {
        line for line in page.splitlines() if line.startswith("## ")
    }


def test_results_go_to_stdout_and_talk_to_stderr(events):
    done = siming("rubric", "examine", "aed-adult", str(events), "--json")
    assert done.returncode == 0
    [exam] = json.loads(done.stdout)
    assert exam["attempt"] == "Tan"
    assert done.stderr == ""


def test_a_mistake_in_a_file_is_one_line_on_stderr_and_exit_status_2(tmp_path):
    done = siming("rubric", "examine", "aed-adult", str(tmp_path / "none.jsonl"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("siming: ")
    assert "there is no such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_checking_rubrics_lists_the_bad_one_and_exits_1(tmp_path):
    write_rubric(builtin_rubric("bmv-adult"), tmp_path / "good.yaml")
    text = (tmp_path / "good.yaml").read_text(encoding="utf-8")
    (tmp_path / "bad.yaml").write_text(text.replace("max_points: 24", "max_points: -1"), encoding="utf-8")
    done = siming("rubric", "check", str(tmp_path / "good.yaml"), str(tmp_path / "bad.yaml"))
    assert done.returncode == 1
    good, bad = done.stdout.splitlines()
    assert good.startswith("✓")
    assert "steps.2.max_points" in bad


def test_the_mend_offered_for_a_misspelt_option_value_is_accepted(events):
    done = siming("rubric", "examine", "aed-adult", str(events), "--absent", "unsen")
    assert done.returncode == 2
    advice = done.stderr.split("did you mean '")[1].split("'")[0]
    assert siming("rubric", "examine", "aed-adult", str(events), "--absent", advice).returncode == 0


def test_events_may_come_from_standard_input(events):
    done = siming("rubric", "examine", "aed-adult", "-", "--json", stdin=events.read_text())
    assert json.loads(done.stdout)[0]["steps"][0]["points"] == 8


def test_a_mistyped_action_is_told_and_does_not_look_like_a_missing_step(events):
    events.write_text(events.read_text().replace('"aed02"', '"aed2"'))
    done = siming("rubric", "examine", "aed-adult", str(events))
    assert "'aed2' is in no rubric siming knows and was passed over; did you mean 'aed02'?" in done.stderr


def test_markup_in_an_events_note_is_shown_as_it_stands(events):
    row = {"schema": "siming.event/1", "attempt": "a[/b]", "id": "e9", "action": "aed03", "start_s": 5,
           "source": "physician", "status": "not_assessable", "note": "[/bold] dark"}  # fmt: skip
    events.write_text(json.dumps(row) + "\n")
    done = siming("rubric", "examine", "aed-adult", str(events))
    assert done.returncode == 0
    assert "[/bold] dark" in done.stdout


def test_only_the_events_of_a_stretch_can_be_examined(events):
    done = siming("rubric", "examine", "aed-adult", str(events), "--to", "4", "--json")
    status = {s["step"]: s["status"] for s in json.loads(done.stdout)[0]["steps"]}
    assert (status["aed01"], status["aed02"]) == ("judged", "not_done")


def test_a_param_can_be_changed_for_one_exam(events):
    done = siming("rubric", "examine", "aed-adult", str(events), "--param", "shock_advised=false", "--json")
    status = {s["step"]: s["status"] for s in json.loads(done.stdout)[0]["steps"]}
    assert status["aed08"] == "not_applicable"
    assert siming("rubric", "examine", "aed-adult", str(events), "--param", "shock=1").returncode == 2


def test_the_table_of_an_examination_speaks_chinese(events):
    done = siming("rubric", "examine", "aed-adult", str(events), "--lang", "zh")
    assert "打开AED电源" in done.stdout
    assert "未执行" in done.stdout


def test_starting_up_loads_no_heavy_package():
    code = "import sys; import siming.cli; print(sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for package in ("numpy", "scipy", "av", "PIL", "pydantic", "torch", "openai"):
        assert f"'{package}'" not in loaded, f"{package} is loaded before any command runs"


def test_a_frame_key_of_a_hostile_predictions_file_cannot_lead_out_of_the_store(tmp_path):
    from siming.cli.scoring import pictures

    (tmp_path / "secret.jpg").write_bytes(b"x")
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "own.jpg").write_bytes(b"y")
    picture = pictures(tmp_path / "frames")
    assert picture("own.jpg") == b"y"
    assert picture("../secret.jpg") is None
    assert picture(str(tmp_path / "secret.jpg")) is None
