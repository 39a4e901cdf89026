"""What the examiner does beyond the worked examples."""

from __future__ import annotations

import random

import pytest
from performances import Performance, aed, bmv, cpr

from siming.errors import EventError, RubricError
from siming.rubric import Event, builtin_rubric, check_sheet, examine

CPR, AED, BMV = (builtin_rubric(name) for name in ("cpr-adult-single", "aed-adult", "bmv-adult"))


def strokes_only(*bouts: tuple[float, int, float]) -> list[Event]:
    p = Performance()
    for start_s, n, rate in bouts:
        p.strokes(start_s, n, rate)
    return p.events()


def test_the_order_in_which_events_are_written_down_changes_nothing():
    p = aed()
    p.event("ev_touch_patient", 36.5)
    events = p.events()
    expected = examine(AED, events).to_plain()
    for seed in range(20):
        shuffled = events[:]
        random.Random(seed).shuffle(shuffled)
        assert examine(AED, shuffled).to_plain() == expected


def test_the_sheet_of_an_examination_fits_its_rubric():
    for rubric, p in ((CPR, cpr()), (AED, aed()), (BMV, bmv())):
        sheet = examine(rubric, p.events()).sheet()
        check_sheet(sheet, rubric)
        assert sheet.total(rubric) == 100


def test_lost_points_add_up_to_what_is_missing_from_the_maximum():
    p = cpr([(24, 85), (15, 131)], pauses_s=[13]).without("cpr01", "cpr05", "cpr14")
    exam = examine(CPR, p.events())
    for result in exam.steps.values():
        maximum = CPR.get_step(result.step).max_points
        assert result.points == pytest.approx(maximum - sum(loss.points for loss in result.losses))
        assert 0 <= result.points <= maximum


def test_a_step_that_was_not_done_says_so_and_its_cascade_names_it():
    exam = examine(AED, aed().without("aed05").events())
    assert exam.reasons("aed05", "en") == ["aed05 not done: all 6 points lost"]
    assert exam.steps["aed06"].void
    assert exam.reasons("aed06", "en")[0] == "aed06 void: state connector_in was never set: aed05 was not done"
    # without an analysis there is nothing to clear for and no safe shock
    assert exam.steps["aed07"].void
    assert "aed06 was void" in exam.reasons("aed07", "en")[0]
    assert exam.steps["aed08"].void


def test_reasons_exist_in_chinese():
    p = aed()
    p.event("ev_touch_patient", 36.5)
    assert examine(AED, p.events()).reasons("aed08", "zh")[0] == (
        "aed08 无效：状态 everyone_clear（已确认所有人离开）在 36.5 秒被 ev_touch_patient（有人接触患者）取消"
    )


def test_a_clear_check_that_is_too_old_has_expired_at_the_shock():
    p = aed().without("aed07", "ev_prompt_charged", "ev_shock_button", "aed08")
    p.step("aed07", 30.2, 31)
    p.event("ev_prompt_charged", 35)
    p.event("ev_shock_button", 37.5)
    p.step("aed08", 36.5, 38)
    exam = examine(AED, p.events())
    assert exam.reasons("aed08", "en")[0] == "aed08 void: state everyone_clear, set by aed07, had expired at 36.0 s"
    # the age of the check is its own fault, the smaller one: nobody touched the patient
    assert exam.steps["aed07"].points == 11


def test_a_shock_that_is_not_advised_leaves_two_steps_out():
    p = aed().without("aed07", "aed08", "ev_shock_button", "ev_prompt_charged", "ev_prompt_shock_advised")
    exam = examine(AED.with_params(shock_advised=False), p.events())
    assert exam.steps["aed07"].status == exam.steps["aed08"].status == "not_applicable"
    assert exam.max_points == 100 - 16 - 10
    sheet = exam.sheet()
    assert sheet.steps["aed08"].points is None
    assert sheet.total(AED) == 100


def test_a_blocked_camera_takes_a_step_out_of_the_sum_and_is_not_zero():
    p = cpr().without("cpr11")
    p.step("cpr11", 25, 41, status="not_assessable", note="no depth sensor")
    exam = examine(CPR, p.events())
    assert exam.steps["cpr11"].points is None
    assert exam.steps["cpr11"].why == "no depth sensor"
    assert (exam.points, exam.max_points) == (92, 92)
    assert exam.sheet().total(CPR) == 100


def test_a_safety_check_that_nobody_could_see_voids_nothing_but_a_touch_after_it_does():
    hidden = aed().change("aed07", status="not_assessable", note="the examiner stood before the camera")
    exam = examine(AED, hidden.events())
    assert exam.steps["aed07"].points is None
    assert exam.steps["aed08"].void is not True  # before the check somebody touched the patient; after it, who knows
    [end_s] = [e.end_s for e in hidden.events() if e.action == "aed07"]
    [shock_s] = [e.start_s for e in hidden.events() if e.action == "ev_shock_button"]
    hidden.event("ev_touch_patient", (end_s + shock_s) / 2)
    assert examine(AED, hidden.events()).steps["aed08"].void


def test_a_value_within_the_error_of_measurement_of_its_target_costs_nothing():
    exam = examine(CPR, cpr(pauses_s=[10.4]).events())  # tolerance of pauses is 0.5 s
    assert exam.steps["cpr17"].points == 7
    [pause] = [q for q in exam.quantities if q.name == "handsoff_interval"]
    assert pause.within_tolerance
    assert examine(CPR, cpr(pauses_s=[10.6]).events()).steps["cpr17"].points == 6


def test_a_state_that_comes_within_half_a_second_of_a_steps_start_was_there_in_time():
    early = cpr().change("cpr12", start_s=24.7, end_s=41)  # the label starts before the first stroke at 25 s
    assert examine(CPR, early.events()).steps["cpr12"].points == 6


def test_an_instruments_strokes_alone_judge_the_measured_steps_and_nothing_else():
    exam = examine(CPR, strokes_only((18, 24, 91.4), (40, 30, 110)), absent="unseen")
    judged = [r.step for r in exam.steps.values() if r.points is not None]
    assert judged == ["cpr10", "cpr13", "cpr17"]
    assert exam.steps["cpr10"].points == 5  # 91 and 110: one bout in 90..99 (2) and a drift over 15 (1)
    assert exam.steps["cpr13"].points == 3
    assert exam.why_no_points("cpr01", "en") == "nobody looked at this step"
    open_refs = {(q.step, q.ref) for q in exam.open_questions}
    assert ("cpr10", "no_pulse_no_breathing") in open_refs  # required, and nobody watched the check
    assert ("cpr13", "d5") in open_refs  # counting aloud


def test_a_fault_in_words_stays_open_until_somebody_answers():
    looked = cpr().change("cpr04", faults=None)
    exam = examine(CPR, looked.events())
    assert {q.ref for q in exam.open_questions if q.step == "cpr04"} == {"d1", "d2", "d3", "d4", "patient_supine_firm"}
    assert exam.steps["cpr04"].points == 3
    answered = cpr().change("cpr04", faults=None, answers={"d1": False, "d2": True, "d3": False, "d4": False})
    exam = examine(CPR, answered.events())
    assert exam.open_questions == []
    assert exam.steps["cpr04"].points == 2


def test_strokes_after_the_shock_are_no_bout_of_the_cpr_before_it():
    p = cpr()
    p.strokes(200, 8, 110)
    assert examine(CPR, p.events()).points == 100


def test_events_of_another_rubric_are_passed_over_and_counted():
    other = [e.model_copy(update={"id": "other"}) for e in cpr().events() if e.action == "cpr01"]
    exam = examine(AED, aed().events() + other)
    assert exam.points == 100
    assert exam.ignored == {"cpr01": 1}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"action": "cpr05", "faults": ("d9",)}, "has no deduction 'd9'"),
        ({"action": "cpr05", "answers": {"airway_open": True}}, "has no question 'airway_open'"),
        ({"action": "cpr05", "measured": {"speed": 3}}, "measures no 'speed'"),
        ({"action": "cpr99", "rubric": "cpr-adult-single"}, "has no step or event 'cpr99'"),
    ],
)
def test_an_event_the_rubric_cannot_understand_is_refused(row, message):
    event = Event(attempt="Tan", id="e1", start_s=0, end_s=1, source="physician", **row)
    with pytest.raises(EventError, match=message):
        examine(CPR, [event])


def test_two_attempts_at_once_are_refused():
    one, other = (Event(attempt=a, id="e1", action="cpr01", start_s=0, end_s=1, source="physician") for a in "AB")
    with pytest.raises(EventError, match="one at a time"):
        examine(CPR, [one, other])


def test_a_param_of_the_exam_changes_the_judgement():
    events = cpr().events()
    assert examine(CPR, events).steps["cpr17"].points == 7
    strict = examine(CPR.with_params(cycles_required=5), events)
    assert strict.steps["cpr17"].losses[0].ref in ("d3", "d5")
    assert strict.steps["cpr18"].points == 3  # rechecked before the required cycles: charged once


@pytest.mark.parametrize(
    ("rates", "points"),
    [
        ([110, 131], 5),  # one bout outside (2) and a drift over 15 (1)
        ([110, 145, 145], 2),  # most bouts outside (5), drift (1)
        ([79, 79, 103], 2),
        ([75, 75], 0),  # mean under 80
    ],
)
def test_no_compression_rate_falls_between_the_deductions(rates, points):
    p = cpr([(30, rate) for rate in rates])
    exam = examine(CPR.with_params(cycles_required=len(rates)), p.events())
    assert exam.steps["cpr10"].points == points


def test_pauses_between_breaths_are_not_measured_where_breaths_come_in_pairs():
    p = Performance()
    for start in (14.0, 16.0, 40.0, 42.0):
        p.step("bmv04", start, start + 1, answers={"breath_delivered": True})
    in_pairs = examine(BMV.with_params(mode="cpr_30_2", breaths_required=4), p.events())
    assert not [q for q in in_pairs.quantities if q.name == "breath_interval"]
    alone = examine(BMV, p.events())
    assert [q.value for q in alone.quantities if q.name == "breath_interval"] == [2, 24, 2]


def test_a_touch_at_the_very_instant_of_the_shock_is_a_touch_wherever_it_stands_in_the_file():
    p = aed()
    p.event("ev_touch_patient", 37.5)  # the instant of the button
    events = p.events()
    for order in (events, events[::-1]):
        exam = examine(AED, order)
        assert exam.points == 74
        assert exam.steps["aed08"].void


def two_shocks() -> Performance:
    """A second cycle of analysis and shock after the first, without a fault."""
    p = aed()
    p.event("ev_prompt_analysing", 61)
    p.step("aed06", 60, 71, answers={"rhythm_analysed": True})
    p.event("ev_prompt_shock_advised", 71)
    p.step("aed07", 72, 75)
    p.event("ev_prompt_charged", 75)
    p.event("ev_shock_button", 77)
    p.step("aed08", 76, 78)
    last = p.strokes(79, 8, 110)
    p.step("aed09", 79, last)
    return p


def test_a_second_shock_is_judged_like_the_first():
    assert examine(AED, two_shocks().events()).points == 100
    late = two_shocks().without("compression")
    late.strokes(39, 8, 110)
    late.strokes(99, 8, 110)  # 22 s after the second shock
    assert examine(AED, late.events()).steps["aed09"].points == 4
    touched = two_shocks()
    touched.event("ev_touch_patient", 65)  # inside the second analysis
    assert [loss.ref for loss in examine(AED, touched.events()).steps["aed06"].losses] == ["r_no_touch_analysis"]


def test_every_press_of_the_button_inside_the_step_is_looked_at():
    p = aed()
    p.event("ev_touch_patient", 37.7)
    p.event("ev_shock_button", 37.9)  # pressed again, somebody in contact
    assert examine(AED, p.events()).steps["aed08"].void


def test_a_button_just_after_the_steps_border_still_belongs_to_the_step():
    p = aed().change("aed08", end_s=37.4)  # the border was set 0.1 s early
    assert examine(AED, p.events()).points == 100
    p.event("ev_touch_patient", 37.45)
    assert examine(AED, p.events()).steps["aed08"].void


def test_a_shock_without_a_noted_button_leaves_a_question():
    exam = examine(AED, aed().without("ev_shock_button").events())
    assert ("aed08", "everyone_clear") in {(q.step, q.ref) for q in exam.open_questions}


@pytest.mark.parametrize("event", ["ev_pad_lifted", "ev_unplugged", "ev_powered_off"])
def test_no_shock_can_be_given_through_a_device_that_is_not_attached(event):
    p = aed()
    p.event(event, 37.0)
    exam = examine(AED, p.events())
    assert exam.steps["aed08"].void
    assert event in exam.reasons("aed08", "en")[0]


def test_a_pad_that_comes_off_during_the_analysis_voids_it():
    p = aed()
    p.event("ev_pad_lifted", 25)
    exam = examine(AED, p.events())
    assert exam.reasons("aed06", "en")[0] == "aed06 void: state pads_on was cleared at 25.0 s by ev_pad_lifted"


def test_contact_during_the_analysis_is_charged_under_either_name():
    for event in ("ev_touch_patient", "ev_touch_during_analysis"):
        p = aed()
        p.event(event, 25)
        assert examine(AED, p.events()).steps["aed06"].points == 5


def test_a_counter_that_did_not_count_far_enough_says_how_far_it_came():
    exam = examine(CPR.with_params(cycles_required=5), cpr().events())
    [note] = exam.steps["cpr18"].notes
    assert note.absence.how == "too_few"
    assert any("cycle_complete had been reached 2 / 5 times" in text for text in exam.reasons("cpr18", "en"))


def test_an_event_written_twice_is_refused():
    events = cpr().events()
    with pytest.raises(EventError, match="'e001' stands twice in attempt Tan; delete the copy"):
        examine(CPR, events + events[:1])


def test_a_step_without_an_end_has_no_duration_and_is_not_too_short():
    p = cpr().without("cpr05")
    p.step("cpr05", 12, 12)
    assert examine(CPR, p.events()).steps["cpr05"].points == 7


def test_one_answered_recurrence_does_not_answer_for_the_others():
    p = cpr().without("cpr08")
    p.step("cpr08", 23.5, 25, answers={"d1": False})
    p.step("cpr08", 47, 48.3)
    half = [e.model_copy(update={"faults": None}) if e.action == "cpr08" else e for e in p.events()]
    open_refs = {(q.step, q.ref) for q in examine(CPR, half).open_questions}
    assert ("cpr08", "d1") in open_refs


@pytest.mark.parametrize("value", ["many", True, -5, float("inf")])
def test_a_param_keeps_its_kind(value):
    with pytest.raises(RubricError, match="cannot become"):
        CPR.with_params(cycles_required=value)
