"""`siming bench compare` as a user meets it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from siming.cli import app
from siming.methods.direct import judge
from siming.rubric import load_dataset, write_lines
from siming.simulate import simulate_dataset


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Twelve simulated exams without recordings, one who looks (a physician's own sheets) and two who do not."""
    made = simulate_dataset(tmp_path_factory.mktemp("compare") / "exams", attempts=12, seed=5, draw=False)
    lines = []
    for attempt in made.attempts:
        end_s = max(end_s for stretches in attempt.segments.values() for _, end_s in stretches)
        video = {"path": f"videos/{attempt.id}.mp4", "duration_s": end_s + 1}
        lines.append(type(attempt).from_plain(attempt.to_plain() | {"video": video}))
    write_lines(made.folder / "attempts.jsonl", lines)
    exams = load_dataset(made.folder)
    runs = []
    for name in ("second-physician", "chance", "step-prior"):
        runs.append(made.folder.parent / name)
        judge(exams, runs[-1], setting="full-points", model=f"baseline:{name}")
    return made.folder, runs


def compare(folders, *more, status=0):
    exams, runs = folders
    args = [*map(str, runs), "--dataset", str(exams), "--permutations", "200", "--replicates", "200", *more]
    done = CliRunner().invoke(app, ["bench", "compare", *args])
    assert done.exit_code == status, done.output
    return done


def test_the_table_ranks_the_models_and_says_who_beats_the_blind(folders):
    said = compare(folders, "--lang", "en").stdout
    assert "QWK, within step on the same" in said
    assert said.index("second-physician") < said.index("step-prior")
    assert "Who is above the blind baselines?" in said
    assert "second-physician − chance" in said or "second-physician − step-prior" in said
    # p and the verdict come of two tests and may part: the reader is told which one the verdict is
    assert "Told apart: between models, the joint intervals" in " ".join(said.split())
    assert "-0.00" not in said
    assert "−0.00" not in said.replace("[−0.00", "")


def test_json_alone_stands_on_stdout_and_the_page_beside_it_holds_both_languages(folders, tmp_path):
    page = tmp_path / "deep" / "compare.html"
    done = compare(folders, "--json", "--html", str(page), "--setting", "full-points", "--metric", "mcc")
    plain = json.loads(done.stdout)
    (setting,) = plain["settings"]
    assert (plain["schema"], plain["metric"], setting["metric"]) == ("siming.comparison/1", "mcc", "mcc")
    assert setting["models"][0]["name"] == "second-physician"
    assert setting["blind"]["beaten_by"] == ["second-physician"]
    assert f"open {page}" in done.stderr
    written = page.read_text(encoding="utf-8")
    assert "Model comparison" in written
    assert "模型比较" in written


def test_the_terminal_speaks_chinese_when_asked(folders):
    assert "哪些模型高于盲基线？" in compare(folders, "--lang", "zh").stdout


def test_a_wrong_word_is_refused_with_advice(folders):
    caught = compare(folders, "--missing", "stric", status=1).exception
    assert "did you mean 'strict'" in str(caught)
    caught = compare(folders, "--metric", "kapa", status=1).exception
    assert "unknown metric 'kapa'" in str(caught)
