"""Exams are decided by their seed, and pairs differ in one early act only."""

from __future__ import annotations

from itertools import pairwise

import pytest

from siming.errors import TaskError
from siming.rubric import examine
from siming.simulate import PAIRS, counterfactual_pair, simulate_exam
from siming.simulate.choreography import stages
from siming.simulate.faults import builtin_rubrics
from siming.simulate.scene import draw
from siming.simulate.script import stroke_times


def test_the_same_seed_gives_the_same_exam():
    assert simulate_exam(5, attempt="A-009") == simulate_exam(5, attempt="A-009")


def test_another_attempt_of_the_same_seed_is_another_exam():
    assert simulate_exam(5, attempt="A-001").events[0].end_s != simulate_exam(5, attempt="A-002").events[0].end_s


@pytest.mark.parametrize("seed", range(10))
def test_an_exam_lasts_about_as_long_as_the_recordings_of_the_paper(seed):
    assert 150 <= simulate_exam(seed, faults=[]).duration_s <= 185


def test_an_added_fault_leaves_the_length_of_the_other_acts_alone():
    whole, lacking = simulate_exam(3, faults=[]), simulate_exam(3, faults=["skip-declaration"])
    lengths = {one.act.id: one.act.lasts_s for one in whole.timed}
    del lengths["cpr06"]
    assert {one.act.id: one.act.lasts_s for one in lacking.timed} == lengths


def test_every_step_has_its_segment_and_every_bout_its_own():
    segments = simulate_exam(3, faults=[]).segments
    assert len(segments) == 33
    assert len(segments["cpr10"]) == 2
    assert len(segments["bmv04"]) == 1
    assert "cpr14" not in simulate_exam(3, faults=["skip-mouth"]).segments


@pytest.mark.parametrize("rate", [85.0, 104.2, 145.0])
def test_strokes_keep_their_rate_however_they_wander(rate):
    times = stroke_times(30, rate)
    assert 60 * 29 / (times[-1] - times[0]) == pytest.approx(rate, abs=0.01)
    assert len({round(b - a, 3) for a, b in pairwise(times)}) > 5


@pytest.mark.parametrize("act", PAIRS)
def test_a_pair_differs_in_one_early_act_and_the_later_steps_pay(act):
    pair = counterfactual_pair(6, act=act)
    gone = {(e.action, e.start_s) for e in pair.whole.events} ^ {(e.action, e.start_s) for e in pair.lacking.events}
    assert {action for action, _ in gone} == {act}
    for rubric in builtin_rubrics():
        before, after = examine(rubric, pair.whole.events), examine(rubric, pair.lacking.events)
        for step in rubric.steps:
            pays = after.steps[step.id].points < before.steps[step.id].points
            assert pays == (step.id == act or step.id in pair.later), step.id


def test_the_later_act_looks_the_same_in_both_exams_of_a_pair():
    pair = counterfactual_pair(6, act="cpr14")
    [[early, _]], [[late, _], _] = pair.whole.segments["cpr14"], pair.whole.segments["cpr16"]
    pictures = [
        {number / 5: draw(stage) for number, stage in enumerate(stages(exam.timed, fps=5, duration_s=late + 3))}
        for exam in (pair.whole, pair.lacking)
    ]

    def changed(time_s: float) -> float:
        return float((pictures[0][time_s] != pictures[1][time_s]).any(axis=2).mean())

    assert changed(round((early + 0.8) * 5) / 5) > 0.02
    # the body settles within a second; what is left are single points at its border
    assert max(changed(round((late + k) * 5) / 5) for k in (1, 2, 3 - 0.4)) < 0.002


def test_a_pair_on_which_nothing_leans_is_refused_with_the_acts_that_serve():
    with pytest.raises(TaskError, match="cpr14"):
        counterfactual_pair(6, act="cpr19")
