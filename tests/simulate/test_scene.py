"""What is done can be seen, and what is done wrong looks different."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest

from siming.simulate import simulate_exam
from siming.simulate.choreography import stages
from siming.simulate.exam import Exam
from siming.simulate.scene import SIZE, draw
from siming.simulate.stage import CHEST, Stage


def seen(exam: Exam, *times_s: float) -> list[Stage]:
    """The stage at some instants (to a tenth of a second)."""
    wanted = [round(t, 1) for t in times_s]
    shown = {}
    for number, stage in enumerate(stages(exam.timed, fps=10, duration_s=exam.duration_s)):
        if number / 10 in wanted:
            shown[number / 10] = deepcopy(stage)
    return [shown[t] for t in wanted]


def during(exam: Exam, act_id: str, share: float = 0.5) -> Stage:
    one = next(one for one in exam.timed if one.act.id == act_id)
    [stage] = seen(exam, one.start_s + share * one.act.lasts_s)
    return stage


def test_every_step_of_the_exam_looks_different():
    exam = simulate_exam(1, faults=[])
    once = [one for one in exam.timed if one.act.kind[:3] in ("cpr", "aed", "bmv") and one.act.id != "cpr08.2"]
    pictures = [draw(stage).astype(int) for stage in seen(exam, *(one.start_s + 0.5 * one.act.lasts_s for one in once))]
    assert pictures[0].shape == (SIZE[1], SIZE[0], 3)
    for i, first in enumerate(pictures):
        for j, second in enumerate(pictures[:i]):
            changed = (np.abs(first - second).max(axis=2) > 40).mean()
            assert changed > 0.004, (once[i].act.id, once[j].act.id)


def test_the_chest_sinks_with_every_stroke_and_less_when_compressions_are_shallow():
    depth = {}
    for fault in ([], ["shallow"]):
        exam = simulate_exam(2, faults=fault)
        bout = next(one for one in exam.timed if one.act.id == "bout.1")
        shown = seen(exam, *(bout.at(stroke) for stroke in bout.act.strokes_s[:12]))
        depth[tuple(fault)] = max(stage.patient.sink for stage in shown)
    assert depth[()] > 9
    assert depth[("shallow",)] < 5


def test_the_chest_does_not_come_all_the_way_up_under_somebody_who_leans():
    lowest = {}
    for fault in ([], ["leaning"]):
        exam = simulate_exam(2, faults=fault)
        bout = next(one for one in exam.timed if one.act.id == "bout.1")
        shown = seen(exam, *(bout.start_s + 2 + k / 10 for k in range(20)))
        lowest[tuple(fault)] = min(stage.patient.sink for stage in shown)
    assert lowest[()] < 2
    assert lowest[("leaning",)] > 5


def test_the_head_stays_flat_where_the_airway_is_not_opened():
    assert during(simulate_exam(2, faults=[]), "squeeze.2").patient.tilt > 20
    assert during(simulate_exam(2, faults=["no-head-tilt"]), "squeeze.2").patient.tilt == 0


def test_a_breath_raises_the_chest_unless_the_mask_leaks():
    assert during(simulate_exam(2, faults=[]), "squeeze.3", 0.9).patient.rise > 6
    assert during(simulate_exam(2, faults=["leak-once"]), "squeeze.3", 0.9).patient.rise == 0


def test_pads_are_on_before_the_lamp_where_power_comes_late():
    usual = during(simulate_exam(2, faults=[]), "aed04", 0.2)
    assert (usual.device.power, usual.patient.pads) == (True, [])
    early = during(simulate_exam(2, faults=["pads-before-power"]), "aed02", 0.1)
    assert early.device.power is False
    assert len(early.patient.pads) == 2


def test_a_bystanders_hand_lies_on_the_patient_at_the_shock():
    exam = simulate_exam(2, faults=["touched-before-shock"])
    [shock] = [event.start_s for event in exam.events if event.action == "ev_shock_button"]
    [stage] = seen(exam, shock + 0.1)
    assert stage.helper.pose == "touch"
    [clear] = seen(simulate_exam(2, faults=[]), shock - 1.0)
    assert clear.helper.pose == "back"


def test_the_shirt_is_closed_over_a_chest_that_was_not_bared():
    assert during(simulate_exam(2, faults=[]), "bout.1").patient.shirt_open == 1
    assert during(simulate_exam(2, faults=["skip-expose"]), "bout.1").patient.shirt_open == 0


@pytest.mark.parametrize(("fault", "x"), [("site-abdomen", 252), ("site-off", 283)])
def test_hands_press_where_the_fault_says(fault, x):
    stage = during(simulate_exam(2, faults=[fault]), "bout.1")
    assert stage.trainee.left[0] == pytest.approx(x, abs=6)
    assert during(simulate_exam(2, faults=[]), "bout.1").trainee.left[0] == pytest.approx(CHEST[0], abs=6)
