"""A generalizability study through the whole door: from a spreadsheet or a dataset to components and coefficients."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from exams_of_labels import dataset_of, rubric_of, sheet_of
from gleser import ROWS, write_gleser

from siming.errors import DatasetError, LabelError, TaskError
from siming.metrics import METRICS
from siming.metrics.generalizability import g_study
from siming.rating.gstudy import generalizability
from siming.rating.source import load_ratings


@pytest.fixture(scope="module")
def gleser(tmp_path_factory):
    return load_ratings(write_gleser(tmp_path_factory.mktemp("g") / "gleser.csv"), max_points=6).dataset


def test_the_table_of_gleser_cronbach_and_rajaratnam_gives_its_published_components(gleser):
    study = generalizability(gleser, score="points")
    assert study.method == "anova"
    assert study.sizes == {"p": 12, "i": 6, "r": 2}
    published = {"p": 0.41869, "i": 0.46717, "r": -0.01414, "pi": 0.42727, "pr": 0.19192, "ir": 0.02045, "pir": 0.62121}
    assert {c.effect: pytest.approx(c.variance.value, abs=5e-6) for c in study.components} == published
    squares = {"p": 7.652, "r": 1.0, "i": 12.933, "pr": 1.773, "pi": 1.476, "ir": 0.867, "pir": 0.621}
    assert {c.effect: pytest.approx(c.mean_square, abs=5e-4) for c in study.components} == squares
    assert {c.effect: c.df for c in study.components} == {
        "p": 11,
        "r": 1,
        "i": 5,
        "pr": 11,
        "pi": 55,
        "ir": 5,
        "pir": 55,
    }


@pytest.mark.parametrize(
    ("fixed", "raters", "e_rho2", "phi"),
    [((), 2, 0.6566, 0.5838), (("i",), 2, 0.7683, 0.7663), ((), 1, 0.5331, 0.4831), (("i",), 1, 0.6238, 0.6211)],
)
def test_its_coefficients_with_random_and_with_fixed_items(gleser, fixed, raters, e_rho2, phi):
    study = generalizability(gleser, fixed=fixed, sizes={"r": [raters]})
    [point] = study.curves
    assert (point.e_rho2.value, point.phi.value) == (pytest.approx(e_rho2, abs=5e-5), pytest.approx(phi, abs=5e-5))


def test_shares_of_points_differ_from_points_by_the_unit_only(gleser):
    points, shares = (generalizability(gleser, score=score) for score in ("points", "share"))
    for a, b in zip(points.components, shares.components, strict=True):
        assert b.variance.value == pytest.approx(a.variance.value * (100 / 6) ** 2)
    assert shares.coefficients["sem"].value == pytest.approx(points.coefficients["sem"].value)


def test_a_component_below_0_is_shown_so_and_counts_as_0(gleser):
    [raters] = [c for c in generalizability(gleser).components if c.effect == "r"]
    assert raters.variance.value < 0
    assert raters.share == 0


def test_the_standard_error_of_a_total_by_hand(gleser):
    study = generalizability(gleser, score="points")
    # absolute error of the mean of 6 items by 2 judges, r at 0; one point of 6 is 100/6 points of 100
    error = 0.46717 / 6 + 0.42727 / 6 + 0.19192 / 2 + 0.02045 / 12 + 0.62121 / 12
    assert study.coefficients["sem"].value == pytest.approx(np.sqrt(error) * 100 / 6, abs=1e-3)


def test_missing_marks_are_no_scores_of_minus_1_and_anova_is_refused_with_a_mend_that_works(tmp_path):
    dataset = load_ratings(write_gleser(tmp_path / "gaps.csv", without=3), max_points=6).dataset
    with pytest.raises(LabelError, match="analysis of variance needs every score") as caught:
        generalizability(dataset, method="anova")
    mend = re.search(r"--method (\w+)", str(caught.value))[1]
    study = generalizability(dataset, method=mend, score="points")
    assert study.method == mend == "henderson"
    assert (study.n_scores, study.n_missing) == (141, 3)
    array = np.array([[float(digit) for digit in row] for row in ROWS]).reshape(12, 6, 2)
    array[11, 4, 1] = array[11, 5] = np.nan
    wanted = g_study(array, design="p x i x r", method="henderson").components
    assert {c.effect: c.variance.value for c in study.components} == {
        name: pytest.approx(component.value) for name, component in wanted.items()
    }
    assert generalizability(dataset).method == "henderson"


def test_reml_on_complete_data_puts_a_negative_estimate_at_0(gleser):
    study = generalizability(gleser, method="reml", score="points", intervals=False)
    [raters] = [c for c in study.components if c.effect == "r"]
    assert raters.variance.value == pytest.approx(0, abs=1e-6)


def test_the_generalizability_of_totals_is_the_icc_of_totals(gleser):
    study = generalizability(gleser, design="p x r", sizes={"r": [1]})
    assert study.score == "total"
    totals = np.array([[sum(map(int, row[judge::2])) for judge in (0, 1)] for row in ROWS]) * 100 / 36
    consistency = METRICS["icc_consistency"].function(totals[:, 0], totals[:, 1])
    agreement = METRICS["icc_agreement"].function(totals[:, 0], totals[:, 1])
    [point] = study.curves
    assert point.e_rho2.value == pytest.approx(consistency.value)
    # the raters' variance is estimated below 0 here, which the ICC does not cut off
    assert point.phi.value == pytest.approx(agreement.value, abs=0.03)


def test_a_design_without_raters_takes_their_mean_and_says_so(gleser):
    study = generalizability(gleser, design="p x i")
    assert "all raters, averaged" in study.notes[0]
    assert study.n_scores == 12 * 6


def two_skills(n: int = 8, n_steps: tuple[int, int] = (3, 5)):
    rng = np.random.default_rng(2)
    rubrics = [rubric_of(n_steps[0], "CPR"), rubric_of(n_steps[1], "AED")]
    sheets = [
        sheet_of(rubric, f"A-{number}", rater, rng.integers(0, 4, len(rubric.steps)).tolist())
        for number in range(n)
        for rater in ("Wei", "Okafor")
        for rubric in rubrics
    ]
    return dataset_of(sheets, rubrics)


def test_steps_nest_in_skills_and_raters_in_stations():
    dataset = two_skills()
    nested = generalizability(dataset, design="p x (i:s) x r")
    assert {c.effect for c in nested.components} >= {"s", "i:s", "pi:s", "pir:s"}
    assert nested.sizes["i"] == pytest.approx(2 / (1 / 3 + 1 / 5))  # harmonic mean of 3 and 5
    stations = generalizability(dataset, design="p x (r:t)")
    assert (stations.score, stations.sizes) == ("total", {"p": 8, "r": 2, "t": 2})


def test_the_mean_of_scaled_marks_is_the_exams_total_whatever_the_skills_weigh():
    dataset = two_skills()
    by_id = dataset.rubrics
    wanted = np.mean([sheet.total(by_id[sheet.rubric]) for sheet in dataset.sheets])
    for design in ("p x i x r", "p x r"):
        # a cut at the mean total is at distance 0, so that Φ(λ) is no more than Φ
        study = generalizability(dataset, design=design, score="marks", cut=float(wanted))
        assert study.coefficients["phi_lambda"].value == pytest.approx(study.coefficients["phi"].value)
        far = generalizability(dataset, design=design, score="marks", cut=float(wanted) + 30)
        assert far.coefficients["phi_lambda"].value > 0.5


@pytest.mark.parametrize(
    ("design", "complaint"),
    [
        ("p x q", r"facet 'q', which a dataset does not have; it has p attempts"),
        ("p x s x t", "names skills twice"),
        ("p x i x s", r"steps nest in skills; write \(i:s\)"),
        ("p x o x i", "names no candidate or no occasion"),
    ],
)
def test_designs_that_a_dataset_cannot_have_are_refused(design, complaint):
    with pytest.raises(TaskError, match=complaint):
        generalizability(two_skills(), design=design)


def test_a_design_with_raters_needs_two(gleser):
    alone = dataset_of(
        [sheet for sheet in gleser.sheets if sheet.author.name == "judge1"], list(gleser.rubrics.values())
    )
    with pytest.raises(DatasetError, match="rated by judge1 only, and this needs 2"):
        generalizability(alone)


def test_the_record_is_strict_json_and_its_words_hold_its_numbers(gleser):
    plain = json.loads(json.dumps(generalizability(gleser, cut=60).to_plain(), allow_nan=False))
    assert plain["schema"] == "siming.g-study/1"
    assert [point["sizes"] for point in plain["curves"]][:2] == [{"p": 12, "i": 6, "r": 1}, {"p": 12, "i": 6, "r": 2}]
    assert "E ρ² is 0.66" in plain["words"]["coefficients"]["en"][0]
    assert "E ρ²为0.66" in plain["words"]["coefficients"]["zh"][0]
