"""`siming rating effects`, `gstudy`, `standard` and `steps` as a user meets them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

sys.path.append(str(Path(__file__).resolve().parents[1] / "rating"))
from exams_of_labels import write_marks
from gleser import write_gleser

from siming.cli import app
from siming.errors import SimingError
from siming.simulate import simulate_dataset

GOLDEN = """candidate,total,grade
S1,40,1
S2,52,2
S3,55,2
S4,60,3
S5,63,3
S6,66,3
S7,74,4
S8,71,4
S9,85,5
S10,88,5
"""


@pytest.fixture(scope="module")
def exams(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("rating") / "exams"
    simulate_dataset(folder, attempts=20, seed=3, draw=False)
    return str(folder)


@pytest.fixture(scope="module")
def marks(tmp_path_factory) -> tuple[str, ...]:
    return str(write_marks(tmp_path_factory.mktemp("marks") / "marks.csv")), "--max", "3"


def siming(*args: str) -> str:
    done = CliRunner().invoke(app, ["rating", *args], env={"COLUMNS": "200"})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout


def plain(*args: str):
    return json.loads(siming(*args, "--json"))


def test_the_published_coefficient_of_gleser_cronbach_and_rajaratnam_comes_out_of_a_spreadsheet(tmp_path):
    path = str(write_gleser(tmp_path / "gleser.csv"))
    study = plain("gstudy", path, "--max", "6", "--design", "p x i x r", "--vary", "r=1,2")
    assert study["coefficients"]["e_rho2"]["value"] == pytest.approx(0.6566, abs=5e-5)
    assert study["coefficients"]["phi"]["value"] == pytest.approx(0.5838, abs=5e-5)
    assert [point["e_rho2"]["value"] for point in study["curves"]] == pytest.approx([0.5331, 0.6566], abs=5e-5)
    fixed = plain("gstudy", path, "--max", "6", "--fixed", "i")
    assert fixed["coefficients"]["e_rho2"]["value"] == pytest.approx(0.7683, abs=5e-5)
    assert "0.6566" in siming("gstudy", path, "--max", "6", "--lang", "en")


def test_the_golden_borderline_regression_comes_out_of_a_spreadsheet(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(GOLDEN, encoding="utf-8")
    found = plain("standard", str(path), "--method", "borderline-regression")
    assert found["stations"][0]["cut"]["value"] == pytest.approx(52.076923, abs=5e-7)
    shown = siming("standard", str(path), "--lang", "en")
    assert "the global rating 2 is expected to get 52.1 marks [49.7, 54.5], and that is the pass mark" in shown
    shifted = plain("standard", str(path), "--borderline", "3")
    assert shifted["stations"][0]["cut"]["value"] == pytest.approx(29.871795 + 3 * 11.102564, abs=1e-5)


def test_effects_of_a_spreadsheet_in_both_languages_with_its_times_and_sites(marks):
    english = siming("effects", *marks, "--block", "10", "--lang", "en")
    assert re.search(r"Wei is \d\.\d\d logits stricter than Okafor \[.*about \d+\.\d points of 100 \[", english)
    assert "Drift along each rater's own order" in english
    assert "stricter than towards" in english  # by site
    chinese = siming("effects", *marks, "--block", "10", "--lang", "zh")
    assert "评分者严厉度" in chinese
    assert "severity" not in chinese


def test_effects_print_json_with_decisions_where_a_pass_mark_is_given(marks):
    found = plain("effects", *marks, "--pass-mark", "50", "--block", "10", "--by", "occasion")
    assert found["schema"] == "siming.rater-effects/1"
    assert isinstance(found["links"]["decisions_changed"], int)
    assert found["groups_reason"] == "no attempt has a 'occasion'"
    assert [len(rater["blocks"]) for rater in found["drift"]["raters"]] == [4, 4]


def test_global_ratings_in_a_spreadsheet_of_points_set_a_standard(marks):
    found = plain("standard", *marks)
    [station] = found["stations"]
    assert station["cut"]["value"] == pytest.approx(25, abs=5)  # the ratings are the totals in quarters
    assert len(station["points"]) == 80
    assert set(station["between"]) == {"site", "rater"}


@pytest.mark.parametrize("command", ["effects", "gstudy", "standard"])
def test_a_page_is_written_where_one_is_asked_for(marks, tmp_path, command):
    page = tmp_path / "page.html"
    assert plain(command, *marks, "--html", str(page))["source"] == "marks.csv"
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert not re.search(r'(?:src|href)="https?://', text)


def test_the_page_of_steps_holds_every_step_with_its_numbers_in_both_languages(exams, tmp_path):
    found = plain("steps", exams)
    siming("steps", exams, "--html", str(tmp_path / "steps.html"))
    page = (tmp_path / "steps.html").read_text(encoding="utf-8")
    for step in (each for skill in found["skills"] for each in skill["steps"]):
        assert f"<code>{step['step']}</code>" in page
        assert f"{step['difficulty']['value']:.2f}" in page
    assert "步骤分析" in page
    assert "Step analysis" in page


def test_steps_and_stations_tables_show_every_skill(exams):
    steps = siming("steps", exams, "--lang", "en")
    standard = siming("standard", exams, "--lang", "en")
    for skill in ("CPR", "AED", "BMV"):
        assert re.search(rf"{skill} · 20 attempts · alpha", steps)
        assert f"attempts fail {skill}" in standard
    assert "cpr10" in steps
    assert plain("steps", exams, "--author", "Wei")["author"] == "Wei"


def test_an_angoff_panel_comes_from_a_file(exams, tmp_path):
    from siming.rubric import load_dataset

    steps = [step.id for rubric in load_dataset(Path(exams)).rubrics.values() for step in rubric.steps]
    panel = tmp_path / "panel.csv"
    panel.write_text("judge," + ",".join(steps) + "\nWei," + ",".join(["60%"] * len(steps)) + "\n", encoding="utf-8")
    found = plain("standard", exams, "--method", "angoff", "--judges", str(panel))
    assert [station["cut"]["value"] for station in found["stations"]] == pytest.approx([60, 60, 60])
    assert found["exam"]["cut"]["value"] == pytest.approx(60)


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("gstudy", "--vary", "r"), "write for example --vary r=1,2,3,4"),
        (("gstudy", "--method", "anovva"), "did you mean 'anova'"),
        (("standard", "--method", "angof"), "did you mean 'angoff'"),
        (("standard", "--scale", "low,high"), "write for example --scale 1,2,3"),
        (("standard", "--method", "hofstee"), "give their table with --judges FILE"),
    ],
)
def test_options_that_cannot_be_are_refused_with_their_mend(exams, args, complaint):
    command, *options = args
    with pytest.raises(SimingError, match=re.escape(complaint)):
        siming(command, exams, *options)


def test_the_python_of_the_how_to_page_runs_and_says_what_it_promises(tmp_path, monkeypatch, capsys):
    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "rater-effects-and-standards.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(blocks), str(page), "exec"), {})
    told = capsys.readouterr().out
    assert told.rstrip().endswith("52.08 11.1")
    assert "logits" in told
