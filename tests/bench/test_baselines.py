"""Baselines answer like models and know nothing of the attempt they answer for."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from small_exam import ALL_SETTINGS, CANNOT, GOLD, SAID, STEPS, dataset, many, requests_of, row_of, run_of, value

from siming.bench.baselines import BASELINES, BLIND, baseline_answers, baseline_sheets
from siming.bench.score import score
from siming.errors import DatasetError, TaskError
from siming.rubric import labels_of_sheet


def points(sheets):
    return {s.attempt: tuple(s.steps[step].points for step in STEPS) for s in sheets}


def test_all_correct_and_all_wrong_are_what_they_say():
    data = dataset(GOLD)
    assert set(points(baseline_sheets("all-correct", data)).values()) == {(10, 10, 10)}
    assert set(points(baseline_sheets("all-wrong", data)).values()) == {(0, 0, 0)}


def test_the_step_prior_gives_what_is_most_frequent_among_the_others():
    data = dataset({"a": (10, 7, 0), "b": (10, 7, 5), "c": (0, 7, 5), "d": (0, 5, 0)})
    # for a, t1: 10 once, 0 twice; t3: 5 twice; for d, t1: 10 twice; t3: 5 twice
    found = points(baseline_sheets("step-prior", data))
    assert found["a"] == (0, 7, 5)
    assert found["d"] == (10, 7, 5)


def test_of_equally_frequent_points_the_step_prior_takes_the_most_favourable():
    data = dataset({"a": (0, 0, 0), "b": (10, 7, 5), "c": (5, 10, 0)})
    assert points(baseline_sheets("step-prior", data))["a"] == (10, 10, 5)


def test_in_error_detection_the_step_prior_counts_verdicts_and_not_points():
    # t1 among the others of a: 10 (right) twice, but three different ways of being wrong
    data = dataset({x: (p, 10, 10) for x, p in {"a": 10, "b": 10, "c": 10, "d": 5, "e": 4, "f": 0}.items()})
    by_points = {s.attempt: s for s in baseline_sheets("step-prior", data)}
    by_verdict = {s.attempt: s for s in baseline_sheets("step-prior", data, asks="errors")}
    assert by_points["a"].steps["t1"].points == 10
    assert by_verdict["a"].steps["t1"].wrong is True


@pytest.mark.parametrize("name", BLIND)
@pytest.mark.parametrize("asks", ["points", "errors"])
def test_a_blind_baseline_does_not_depend_on_the_sheet_of_the_attempt_it_answers_for(name, asks):
    gold = many(9)
    before = {s.attempt: s for s in baseline_sheets(name, dataset(gold), asks=asks, seed=1)}
    after = {s.attempt: s for s in baseline_sheets(name, dataset({**gold, "v04": (0, 0, 0)}), asks=asks, seed=1)}
    assert before["v04"] == after["v04"]


@pytest.mark.parametrize("name", BLIND)
def test_nor_on_another_attempt_of_the_same_candidate(name):
    gold = many(9)
    tan = {"v04": "tan", "v05": "tan"}
    before = {s.attempt: s for s in baseline_sheets(name, dataset(gold, candidates=tan))}
    after = {s.attempt: s for s in baseline_sheets(name, dataset({**gold, "v05": (0, 0, 0)}, candidates=tan))}
    assert before["v04"] == after["v04"]


@pytest.mark.parametrize("name", BLIND)
def test_draws_hang_on_the_seed_and_not_on_the_order(name):
    data = dataset(many(9))
    turned = replace(data, attempts=data.attempts[::-1], sheets=data.sheets[::-1])
    assert baseline_sheets(name, data, seed=3) == baseline_sheets(name, turned, seed=3)
    if name in ("chance", "step-prior-sampled"):
        assert baseline_sheets(name, data, seed=3) != baseline_sheets(name, data, seed=4)


def test_chance_uses_each_label_as_often_as_the_reference_does():
    gold = many(400, cells=(10, 10, 10, 10, 10, 7, 7, 5, 0, 0))
    data = dataset(gold)
    shares = []
    for sheets in (data.sheets, baseline_sheets("chance", data)):
        labels = [x for s in sheets for x in labels_of_sheet(s, data.rubrics["tiny"]).values()]
        shares.append(np.bincount(labels, minlength=4) / len(labels))
    assert shares[0] == pytest.approx([0.2, 0.1, 0.2, 0.5], abs=0.04)
    # 1200 draws: four standard errors of a share of .5 are .058
    assert shares[1] == pytest.approx(shares[0], abs=0.058)


def test_chance_agrees_with_the_reference_no_better_than_chance():
    data = dataset(many(300))
    run = run_of(data, "full-points", baseline_answers("chance", data, requests_of(data, "full-points"), "full-points"))
    row = row_of(score([run], data, baselines=False, replicates=100))
    # the standard error of a kappa of 900 independent cells is about 1 / sqrt(900)
    assert abs(value(row, "qwk")) < 4 / 30
    assert abs(value(row, "mcc")) < 4 / 30


@pytest.mark.parametrize("setting", ALL_SETTINGS)
@pytest.mark.parametrize("name", BLIND)
def test_a_baseline_run_like_a_model_scores_as_the_baseline_beside_the_models(name, setting):
    data = dataset(many(9))
    answers = baseline_answers(name, data, requests_of(data, setting), setting, seed=2)
    report = score([run_of(data, setting, answers)], data, seed=2, replicates=100)
    as_model, beside = row_of(report), row_of(report, f"baseline:{name}", "baseline")
    assert as_model["metrics"] == beside["metrics"]
    assert as_model["coverage"]["share"] == 1


def test_the_second_physician_answers_with_his_own_sheet():
    data = dataset(GOLD, physicians={"wei": SAID, "okafor": GOLD})
    assert points(baseline_sheets("second-physician", data)) == SAID


def test_where_only_one_physician_rated_he_is_the_one_who_answers():
    data = dataset(GOLD, physicians={"okafor": GOLD})
    assert points(baseline_sheets("baseline:second-physician", data)) == GOLD


def test_a_step_no_other_candidate_was_judged_on_cannot_be_guessed():
    data = dataset({"a": (10, 7, 5), "b": (10, CANNOT, 5)})
    entry = next(s for s in baseline_sheets("step-prior", data) if s.attempt == "a").steps["t2"]
    assert (entry.status, entry.reason) == ("cannot_judge", "no other candidate's sheet judges this step")


def test_an_unknown_baseline_is_refused_and_the_mend_offered_is_accepted():
    data = dataset(GOLD)
    with pytest.raises(TaskError) as caught:
        baseline_answers("step-pryor", data, requests_of(data, "full-points"), "full-points")
    advice = re.search(r"did you mean '(.+?)'", str(caught.value))[1]
    assert advice == "step-prior"
    assert baseline_answers(advice, data, requests_of(data, "full-points"), "full-points")


@pytest.mark.parametrize("name", ["chance", "step-prior", "second-physician"])
def test_a_baseline_that_lacks_its_sheets_says_which(name):
    data = replace(dataset(GOLD), sheets=[])
    with pytest.raises(DatasetError, match="physician" if name == "second-physician" else "consensus"):
        baseline_sheets(name, data)


def test_every_blind_baseline_is_a_baseline():
    assert set(BLIND) < set(BASELINES)
