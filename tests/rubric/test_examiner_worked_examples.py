"""The worked examples of the rubric specification (everything not mentioned is done in full)."""

from __future__ import annotations

import pytest
from performances import Performance, aed, bmv, cpr

from siming.rubric import builtin_rubric
from siming.rubric.examiner import Examination, examine


def judge(rubric_id: str, performance: Performance, **params: float) -> Examination:
    rubric = builtin_rubric(rubric_id)
    return examine(rubric.with_params(**params) if params else rubric, performance.events())


def marks(exam: Examination, *steps: str) -> list[tuple[float | None, int | None]]:
    return [(exam.steps[s].points, exam.steps[s].label) for s in steps]


def lost_elsewhere(exam: Examination, *expected: str) -> list[str]:
    return [loss.step for loss in exam.losses if loss.points and loss.step not in expected]


@pytest.mark.parametrize(
    ("rubric_id", "performance"), [("cpr-adult-single", cpr()), ("aed-adult", aed()), ("bmv-adult", bmv())]
)
def test_example_1_nothing_wrong_gives_label_3_everywhere_and_100_points(rubric_id, performance):
    exam = judge(rubric_id, performance)
    assert exam.losses == []
    assert {result.label for result in exam.steps.values()} == {3}
    assert exam.points == 100


def test_example_2_slow_bouts_and_one_short_bout():
    performance = cpr([(24, 91), (30, 94), (30, 102), (30, 105)])
    exam = judge("cpr-adult-single", performance, cycles_required=4)
    assert marks(exam, "cpr10", "cpr13") == [(6, 2), (3, 1)]
    assert exam.points == 95
    assert lost_elsewhere(exam, "cpr10", "cpr13") == []


def test_example_3_two_long_pauses_are_one_fault_charged_once():
    performance = cpr([(30, 110)] * 3, pauses_s=[11, 11])
    exam = judge("cpr-adult-single", performance, cycles_required=3)
    assert marks(exam, "cpr17") == [(4, 1)]
    assert exam.points == 97
    [loss] = exam.steps["cpr17"].losses
    assert loss.ref == "d2"
    assert "r_handsoff" in loss.same_as


def pads_before_power() -> Performance:
    p = aed().without("aed02", "aed04")
    p.step("aed04", 8, 14)
    p.step("aed02", 14, 16)
    return p


def test_example_4_pads_before_power_is_charged_where_it_happened_and_where_it_mattered():
    exam = judge("aed-adult", pads_before_power())
    assert marks(exam, "aed02", "aed04") == [(5, 1), (15, 2)]
    assert exam.points == 92
    assert lost_elsewhere(exam, "aed02", "aed04") == []


def test_example_5_a_touch_before_the_shock_voids_the_shock_and_says_so():
    p = aed()
    p.event("ev_touch_patient", 36.5)
    exam = judge("aed-adult", p)
    assert marks(exam, "aed07", "aed08") == [(0, 0), (0, 0)]
    assert exam.steps["aed08"].void
    assert exam.points == 74
    assert exam.reasons("aed08", "en")[0] == (
        "aed08 void: state everyone_clear was cleared at 36.5 s by ev_touch_patient"
    )
    assert [note.ref for note in exam.steps["aed09"].notes] == ["shock_delivered"]
    assert exam.steps["aed09"].points == 10


def test_example_6_without_head_tilt_later_steps_are_capped():
    p = bmv().change("bmv02", faults=("d4",))
    exam = judge("bmv-adult", p)
    assert marks(exam, "bmv01", "bmv02", "bmv03", "bmv04", "bmv05") == [(18, 3), (0, 0), (12, 1), (9, 1), (12, 3)]
    assert exam.points == 51


def test_example_7_a_step_that_was_skipped_costs_a_later_one():
    exam = judge("cpr-adult-single", cpr().without("cpr14"))
    assert marks(exam, "cpr14", "cpr15") == [(0, 0), (5, 2)]
    assert exam.points == 95
    assert exam.reasons("cpr15", "en") == ["cpr15 −1: state mouth_clear was never set: cpr14 was not done"]
