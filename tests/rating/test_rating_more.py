"""Every other two-rater statistic, for those who ask for all of them."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from siming.cli import app
from siming.metrics import METRICS
from siming.rating import agreement_report
from siming.rating.panel import SHOWN
from siming.rubric import load_dataset
from siming.simulate import simulate_dataset


@pytest.fixture(scope="module")
def exams(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exams") / "exams"
    simulate_dataset(folder, attempts=8, seed=5, draw=False)
    return folder


def test_all_statistics_stand_beside_the_panel_each_with_what_it_measures(exams):
    (found,) = agreement_report(load_dataset(exams), everything=True).to_plain()["more"]
    assert set(found["metrics"]) == (set(METRICS) - SHOWN) | {"share_within", "evidence_iou", "disjoint_evidence"}
    assert set(found["measures"]) == set(found["metrics"])
    assert all(said["en"] and said["zh"] for said in found["measures"].values())
    assert all("value" in measured and "n" in measured for measured in found["metrics"].values())


def test_nothing_of_it_is_computed_unasked(exams):
    assert "more" not in agreement_report(load_dataset(exams)).to_plain()


def test_the_command_shows_them_in_terminal_json_and_page(exams, tmp_path):
    def agree(*args):
        done = CliRunner().invoke(app, ["rating", "agree", str(exams), "--all", *args], env={"COLUMNS": "120"})
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "krippendorff_ordinal" in agree("--lang", "en")
    assert "ccc" in json.loads(agree("--json"))["more"][0]["metrics"]
    agree("--html", str(tmp_path / "page.html"))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert 'id="more"' in page
    assert "kendall_tau_b" in page
