"""Every fault of a simulated exam costs what its sum by hand says, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from siming.errors import TaskError
from siming.rubric import examine
from siming.simulate import FAULTS, Exam, Fault, get_fault, simulate_exam
from siming.simulate.faults import builtin_rubrics, compatible, draw_faults, steps_failed


def points_lost(exam: Exam) -> dict[str, float]:
    lost = {}
    for rubric in builtin_rubrics():
        for step_id, result in examine(rubric, exam.events).steps.items():
            assert result.points is not None, f"{step_id}: {result.why}"
            if result.points != rubric.get_step(step_id).max_points:
                lost[step_id] = rubric.get_step(step_id).max_points - result.points
    return lost


def totals(exam: Exam) -> Mapping[str, float]:
    return {rubric.id: examine(rubric, exam.events).points for rubric in builtin_rubrics()}


@pytest.mark.parametrize("seed", range(25))
def test_the_faultless_exam_scores_full_marks_in_all_three_rubrics(seed):
    assert points_lost(simulate_exam(seed, faults=[])) == {}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_single_fault_costs_exactly_what_was_worked_out_by_hand(fault: Fault):
    assert points_lost(simulate_exam(11, faults=[fault.id])) == dict(fault.expects)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 108))
def test_what_a_fault_costs_does_not_depend_on_the_seed(seed):
    for fault in FAULTS:
        assert points_lost(simulate_exam(seed, faults=[fault.id])) == dict(fault.expects), fault.id


@pytest.mark.parametrize(
    ("fault", "rubric", "total"),
    # the worked examples of the rubrics' README: numbers 4, 5, 6 and 7
    [
        ("pads-before-power", "aed-adult", 92),
        ("touched-before-shock", "aed-adult", 74),
        ("no-head-tilt", "bmv-adult", 51),
        ("skip-mouth", "cpr-adult-single", 95),
    ],
)
def test_the_worked_examples_of_the_rubrics_come_out_as_printed(fault, rubric, total):
    assert totals(simulate_exam(2, faults=[fault]))[rubric] == total


def test_an_all_seeing_author_leaves_no_question_open():
    for number in range(20):
        exam = simulate_exam(4, attempt=f"A-{number:03d}")
        for rubric in builtin_rubrics():
            assert examine(rubric, exam.events).open_questions == []


def test_the_touch_that_voids_the_shock_is_named_as_its_cause():
    exam = simulate_exam(2, faults=["touched-before-shock"])
    [touch] = [event for event in exam.events if event.action == "ev_touch_patient"]
    [shock] = [event for event in exam.events if event.action == "ev_shock_button"]
    assert shock.start_s - touch.start_s == pytest.approx(1.0)
    aed = next(rubric for rubric in builtin_rubrics() if rubric.id == "aed-adult")
    [reason] = examine(aed, exam.events).reasons("aed08", "en")
    assert "everyone_clear" in reason
    assert "ev_touch_patient" in reason
    assert f"{touch.start_s:.1f} s" in reason


def test_about_one_step_in_six_is_done_wrong():
    wrong = cells = 0
    for number in range(120):
        exam = simulate_exam(1, attempt=f"A-{number:03d}")
        for rubric in builtin_rubrics():
            for result in examine(rubric, exam.events).steps.values():
                cells += 1
                wrong += result.label < rubric.binary_map.correct_when_label_at_least
    assert 0.15 < wrong / cells < 0.20


def test_drawn_faults_never_get_in_each_others_way():
    for seed in range(300):
        drawn = draw_faults(Random(seed))
        assert len(drawn) <= 6
        assert compatible(drawn)


def test_faults_that_fail_steps_are_drawn_more_often_than_slips():
    drawn = [fault for seed in range(300) for fault in draw_faults(Random(seed))]
    grave = [fault for fault in FAULTS if steps_failed(fault) >= 2]
    slips = [fault for fault in FAULTS if steps_failed(fault) == 0]
    per_grave = sum(fault in grave for fault in drawn) / len(grave)
    per_slip = sum(fault in slips for fault in drawn) / len(slips)
    assert per_grave > 3 * per_slip


def test_steps_failed_counts_steps_that_lose_more_than_a_third():
    # aed02 loses 5 of 10 (label 1), aed04 3 of 18 (label 2)
    assert steps_failed(get_fault("pads-before-power")) == 1


def test_two_faults_of_one_part_are_refused_and_one_of_them_is_taken():
    with pytest.raises(TaskError, match="leave one out"):
        simulate_exam(0, faults=["rate-85", "rate-128"])
    assert simulate_exam(0, faults=["rate-85"]).faults[0].id == "rate-85"


def test_an_unknown_fault_is_answered_with_the_known_ones():
    with pytest.raises(TaskError, match="skip-mouth"):
        simulate_exam(0, faults=["skip-muoth"])


def test_every_fault_has_its_own_id_and_a_title_in_both_languages():
    assert len({fault.id for fault in FAULTS}) == len(FAULTS) >= 30
    assert all(fault.title.isascii() and not fault.title_zh.isascii() for fault in FAULTS)
