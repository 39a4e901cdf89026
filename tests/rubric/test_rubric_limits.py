"""What the page says while a physician rates: which earlier outcome limits this step, and points while ticking."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import Any

import performances
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siming.errors import SheetError
from siming.rubric import Entry, Event, Rubric, builtin_rubric, builtin_rubric_ids, examine, label_of_points
from siming.rubric.limits import Limit, contradictions, limits
from siming.rubric.loss import texts
from siming.rubric.points import deduction_points, legal_points, point_ranges
from siming.rubric.reading import missing_anyway

AED, CPR, BMV = (builtin_rubric(name) for name in ("aed-adult", "cpr-adult-single", "bmv-adult"))


def rated(points: float, *ticked: str, seen: tuple[float, float] | None = None, **more: Any) -> Entry:
    return Entry(points=points, deductions=ticked, evidence=(seen,) if seen else (), **more)


def short(found: tuple[Limit, ...]) -> list[tuple[str, str, str | None, bool]]:
    return [(limit.step, limit.kind, limit.because_step, limit.certain) for limit in found]


# ---------------------------------------------------------------- outcomes


@pytest.mark.parametrize("rubric_id", builtin_rubric_ids())
def test_nothing_is_limited_before_anything_is_rated_nor_by_a_faultless_sheet(rubric_id):
    rubric = builtin_rubric(rubric_id)
    assert limits(rubric, {}) == ()
    assert limits(rubric, {step.id: rated(step.max_points) for step in rubric.steps}) == ()
    assert missing_anyway(rubric) == frozenset()


def test_a_ticked_deduction_that_leaves_a_state_missing_surely_voids_what_needs_it():
    found = limits(AED, {"aed07": rated(0, "d4")})
    assert short(found) == [("aed08", "void", "aed07", True), ("aed09", "note", "aed08", True)]
    assert found[0].because_state == "everyone_clear"
    assert found[0].points == 0
    assert found[0].deductions == ("d4",)


def test_the_limit_is_one_sentence_in_both_languages():
    void, _ = limits(AED, {"aed07": rated(0, "d4")})
    assert void.text(AED, "en") == (
        "Step aed07 has d4 “neither looked nor said, or somebody in contact at the shock”: state “everyone clear” is "
        "missing, so step aed08 earns nothing (void)."
    )
    assert void.text(AED, "zh") == (
        "aed07（放电前再次清场）已扣 d4“既未查看也未口述，或放电时有人接触患者”：状态“已确认所有人离开”不成立，因此aed08（按下放电键（除颤））不得分（无效）。"
    )


def test_a_cap_says_the_most_that_can_be_earned_and_a_deduction_what_it_costs():
    (cap,) = limits(AED, {"aed03": rated(3, "d3")})  # clothing left in the way: chest not ready, aed04 at most 9 of 18
    assert (cap.step, cap.kind, cap.points, cap.certain) == ("aed04", "cap", 9, True)
    (cost,) = limits(CPR, {"cpr01": rated(0)})  # label 0, and the state needs label 1
    assert (cost.step, cost.kind, cost.points, cost.why, cost.certain) == ("cpr02", "deduct", 1, "points", True)
    assert cost.text(CPR, "en") == (
        "Step cpr01 earned 0 points of 3: state “scene safe” is missing, so step cpr02 loses 1 point."
    )


def test_zero_points_without_a_reason_may_mean_that_the_step_was_not_done():
    found = limits(AED, {"aed05": rated(0)})
    assert found[0] == Limit("aed06", "void", 0, "connector_in", "aed05", False, "not_done")
    assert found[0].text(AED, "en") == (
        "Step aed05 has 0 points; if it was not done, state “pads plugged in” is missing and step aed06 earns nothing (void)."
    )
    assert not any(limit.certain for limit in found)


def test_points_lost_without_a_tick_may_be_any_deduction_they_would_pay_for():
    # aed03: d3 costs 5, d4 costs 8; either leaves the chest unready
    (perhaps,) = limits(AED, {"aed03": rated(3)})
    assert (perhaps.why, perhaps.deductions, perhaps.unexplained) == ("unexplained", ("d3",), 5)
    assert limits(AED, {"aed03": rated(4)}) == ()  # 4 points pay for neither
    assert limits(AED, {"aed03": rated(4, "d1", "d2")}) == ()  # and here they are explained
    # d1 + d2 explain 4 of 5: what is left, 1 point, pays for nothing that matters
    assert limits(AED, {"aed03": rated(3, "d1", "d2")}) == ()


def test_points_that_a_limit_took_need_no_other_explanation():
    # pads stuck on before power on: 3 off by the missing state, so nothing of aed04 stays unexplained
    entries = {"aed02": rated(0, "d4"), "aed04": rated(15)}
    assert [limit for limit in limits(AED, entries) if limit.because_step == "aed04"] == []
    entries["aed04"] = rated(9)  # 6 more: d1 and d4 of the site, d2, d3; none of them unsticks the pads
    assert [limit for limit in limits(AED, entries) if limit.because_step == "aed04"] == []


def test_what_an_event_would_have_set_is_missing_when_its_step_was_not_done():
    (found,) = limits(CPR, {"cpr09": rated(0)})  # no compressions: none were running to recoil from
    assert (found.step, found.because_state, found.because_step) == ("cpr12", "compressions_running", "cpr09")


def test_a_void_step_voids_what_stands_on_it_whether_it_is_rated_or_not():
    found = limits(AED, {"aed04": rated(0, "d6")})  # pads on clothing: nothing that follows can count
    voids = [(limit.step, limit.because_step) for limit in found if limit.kind == "void"]
    assert voids == [
        ("aed05", "aed04"),
        ("aed06", "aed04"),
        ("aed07", "aed06"),
        ("aed08", "aed07"),
        ("aed08", "aed04"),
    ]
    assert all(limit.certain for limit in found)


def test_a_step_the_rater_called_void_sets_nothing_up():
    entries = {"aed07": rated(0, void=True)}
    found = limits(AED, entries)
    assert (found[0].step, found[0].because_step, found[0].why, found[0].certain) == ("aed08", "aed07", "void", True)


def test_a_step_that_cannot_be_judged_limits_nothing():
    blocked = Entry(status="cannot_judge", reason="camera blocked")
    assert limits(AED, {"aed07": blocked, "aed08": rated(10)}) == ()
    assert limits(AED, {"aed07": Entry(status="not_applicable")}) == ()


def test_a_step_that_does_not_apply_in_this_exam_is_not_limited():
    no_shock = AED.with_params(shock_advised=False)
    assert all(limit.step not in ("aed07", "aed08") for limit in limits(no_shock, {"aed04": rated(0, "d6")}))


def test_an_unknown_step_or_deduction_or_too_many_points_are_refused_with_the_mend():
    with pytest.raises(SheetError, match=r"step 'aed99' is not in rubric aed-adult \(it has aed01, "):
        limits(AED, {"aed99": rated(1)})
    with pytest.raises(SheetError, match=r"step 'aed01' has no deduction 'd9'; it has d1, d2, d3, d4"):
        limits(AED, {"aed01": rated(1, "d9")})
    with pytest.raises(SheetError, match=r"step 'aed01' has 9 points, the rubric allows 0–8"):
        limits(AED, {"aed01": rated(9)})


FAULTS = st.fixed_dictionaries(
    {step.id: st.sets(st.sampled_from([d.id for d in step.deductions]), max_size=2) for step in AED.steps}
)


@settings(max_examples=150, deadline=None)
@given(faults=FAULTS)
def test_certain_limits_are_exactly_the_missing_states_that_the_examiner_finds(faults):
    # The witness: a real, timed performance with these faults, judged by the examiner and rated as he would.
    acted = performances.aed()
    for step, ticked in faults.items():
        acted = acted.change(step, faults=tuple(sorted(ticked)))
    examination = examine(AED, acted.events())
    rater = {step: entry.model_copy(update={"evidence": ()}) for step, entry in examination.sheet().steps.items()}
    theirs = {
        (step, loss.absence.state, loss.effect)
        for step, result in examination.steps.items()
        for loss in (*result.losses, *result.notes)
        if loss.absence is not None
    }
    ours = {(limit.step, limit.because_state, limit.kind) for limit in limits(AED, rater) if limit.certain}
    assert ours == theirs
    assert contradictions(AED, rater) == ()  # the examiner's own sheet contradicts nothing


@settings(max_examples=60, deadline=None)
@given(data=st.data(), rubric=st.sampled_from([AED, CPR, BMV]))
def test_any_half_filled_sheet_gets_limits_that_can_be_said_in_both_languages(data, rubric: Rubric):
    entries = {}
    for step in data.draw(st.lists(st.sampled_from(rubric.steps), unique_by=lambda s: s.id)):
        points = data.draw(st.sampled_from(legal_points(step)))
        ticked = data.draw(st.lists(st.sampled_from([d.id for d in step.deductions]), unique=True))
        start = data.draw(st.floats(0, 200))
        spans = data.draw(st.sampled_from([(), ((start, start + 3),)]))
        entries[step.id] = Entry(points=float(points), deductions=tuple(ticked), evidence=spans)
    found = limits(rubric, entries)
    for limit in (*found, *contradictions(rubric, entries, found)):
        for language in ("en", "zh"):
            said = limit.text(rubric, language)
            assert "{" not in said
            assert "None" not in said
    assert dict(limits_by_identity(found)) == dict.fromkeys(limits_by_identity(found), 1)


def limits_by_identity(found: tuple[Limit, ...]) -> dict[tuple[Any, ...], int]:
    counted: dict[tuple[Any, ...], int] = {}
    for limit in found:
        key = (limit.step, limit.because_state, limit.rule)
        counted[key] = counted.get(key, 0) + 1
    return counted


# ---------------------------------------------------------------- evidence


def test_a_check_seen_only_after_the_act_it_should_precede_is_pointed_out_and_never_certain():
    entries = {"aed07": rated(16, seen=(80, 82)), "aed08": rated(10, seen=(71, 73))}
    found = {(limit.step, limit.why): limit for limit in limits(AED, entries)}
    after, broken = found["aed08", "after"], found["aed07", "rule"]
    assert (after.kind, after.because_step, after.because_state) == ("void", "aed07", "everyone_clear")
    assert (broken.kind, broken.rule, broken.points, broken.because_step) == (
        "order",
        "r_clear_before_shock",
        16,
        "aed08",
    )
    assert after.text(AED, "en") == (
        "By the evidence step aed07 (80.0–82.0 s) comes only after step aed08 (71.0–73.0 s): state “everyone clear” is "
        "missing, so step aed08 earns nothing (void)."
    )
    assert not any(limit.certain for limit in found.values())
    assert contradictions(AED, entries) == ()


def test_evidence_in_the_right_order_and_in_time_says_nothing():
    assert limits(AED, {"aed07": rated(16, seen=(68, 70)), "aed08": rated(10, seen=(71, 73))}) == ()
    # evidence is set by hand: what overlaps is in order
    assert limits(AED, {"aed07": rated(16, seen=(70, 74)), "aed08": rated(10, seen=(72, 73))}) == ()


def test_a_state_that_holds_five_seconds_has_expired_after_nine():
    (found,) = limits(AED, {"aed07": rated(16, seen=(60, 62)), "aed08": rated(10, seen=(71, 73))})
    assert (found.why, found.because_state, found.certain) == ("expired", "everyone_clear", False)
    assert "more than 5 s lie between step aed07 (60.0–62.0 s) and step aed08 (71.0–73.0 s)" in found.text(AED, "en")
    assert limits(AED, {"aed07": rated(16, seen=(60, 66)), "aed08": rated(10, seen=(71, 73))}) == ()  # 5 s: still good


def test_a_noted_event_ends_a_state():
    entries = {"aed07": rated(16, seen=(68, 70)), "aed08": rated(10, seen=(72, 74))}
    touch = Event(attempt="A-031", id="x", action="ev_touch_patient", start_s=71, end_s=71, source="physician")
    (found,) = limits(AED, entries, events=[touch])
    assert (found.step, found.why, found.event, found.because_step) == ("aed08", "cleared_at", "ev_touch_patient", None)
    assert found.text(AED, "zh").startswith(
        "按证据时间，aed08（按下放电键（除颤））（72.0～74.0 秒）之前发生了有人接触患者"
    )


def test_pulse_check_seen_after_the_first_compressions_breaks_the_order_rule():
    entries = {"cpr05": rated(7, seen=(20, 30)), "cpr09": rated(6, seen=(10, 18))}
    (found,) = limits(CPR, entries)
    assert (found.step, found.kind, found.rule, found.points) == ("cpr05", "order", "r_order_pulse", 3)


def test_a_fault_that_the_rater_charged_himself_is_not_pointed_out_again():
    entries = {"aed02": rated(10, seen=(30, 31)), "aed04": rated(18, seen=(10, 20))}
    assert [limit.rule for limit in limits(AED, entries) if limit.rule] == ["r_power_first"]
    entries["aed02"] = rated(5, "d2", seen=(30, 31))  # d2 is that very fault
    assert [limit.rule for limit in limits(AED, entries) if limit.rule] == []


def test_evidence_of_single_recurrences_is_no_complete_record():
    # compressions marked in the first bout, recoil in the third, breaths in the second: all in order by themselves
    entries = {
        "cpr09": rated(6, seen=(30, 47)),
        "cpr12": rated(6, seen=(80, 97)),
        "cpr15": rated(6, seen=(48, 50)),
        "cpr16": rated(8, seen=(75, 79)),
    }
    assert limits(CPR, entries) == ()


def test_evidence_of_a_step_that_earned_nothing_is_no_time_at_which_it_was_done():
    entries = {"aed07": rated(0, "d4", seen=(71, 73)), "aed08": rated(0, "d3", seen=(71, 73))}
    assert all(limit.certain for limit in limits(AED, entries))


# ---------------------------------------------------------------- contradictions


def test_points_above_what_a_certain_limit_allows_are_a_warning_and_stay_as_they_are():
    entries = {"aed03": rated(3, "d3"), "aed04": rated(18)}
    (warning,) = contradictions(AED, entries)
    assert (warning.step, warning.points, warning.allowed) == ("aed04", 18, 9)
    assert warning.text(AED, "en").startswith("Step aed04 has 18 points, the rubric allows 9 here. Step aed03 has d3 ")
    assert entries["aed04"].points == 18
    assert contradictions(AED, entries | {"aed04": rated(9)}) == ()


def test_a_warning_counts_the_ticked_deductions_as_well():
    entries = {"cpr01": rated(0), "cpr02": rated(3)}  # 4 - 1 for the missing state
    assert contradictions(CPR, entries) == ()
    dearer = next(d for d in CPR.get_step("cpr02").deductions if d.points == 1)
    (warning,) = contradictions(CPR, entries | {"cpr02": rated(3, dearer.id)})
    assert warning.allowed == 2


def test_what_is_only_possible_contradicts_nothing():
    assert contradictions(AED, {"aed05": rated(0), "aed06": rated(14)}) == ()


def test_every_sentence_of_the_banner_exists_in_both_languages():
    english, chinese = ({key for key in texts(language) if key.startswith("limit_")} for language in ("en", "zh"))
    assert english == chinese


def test_a_key_press_is_answered_at_once():
    # 33 steps are the three rubrics together; the best of some runs is compared, because others share the machine
    sheets = [
        (
            rubric,
            {
                step.id: rated(step.max_points / 2 if n % 2 else 0, seen=(4.0 * n, 4.0 * n + 3))
                for n, step in enumerate(rubric.steps)
            },
        )
        for rubric in (CPR, AED, BMV)
    ]
    for rubric, entries in sheets:
        took = []
        for _ in range(12):
            start = time.perf_counter()
            limits(rubric, entries)
            took.append(time.perf_counter() - start)
        assert min(took) < 0.005


# ---------------------------------------------------------------- points while ticking


def test_of_one_group_only_the_largest_counts_and_the_others_cost_nothing():
    running = deduction_points(AED.get_step("aed04"), ["d5", "d1", "d3"])  # 18 - 9 (site) - 3
    assert running.points == 6
    assert running.charged == {"d1": 0, "d3": 3, "d5": 9}
    assert not running.critical


def test_a_step_never_loses_more_than_it_has():
    step = CPR.get_step("cpr14")  # 4 points
    running = deduction_points(step, [d.id for d in step.deductions])  # 1 + 2 + 2 + 4 = 9
    assert running.points == 0
    assert sum(running.charged.values()) == 4
    assert running.critical


def test_a_cap_takes_what_still_lies_above_it_and_void_takes_all():
    pads = AED.get_step("aed04")
    assert deduction_points(pads, [], cap=9).points == 9
    assert deduction_points(pads, ["d3"], cap=9).by_limits == 6  # 18 - 3 = 15, down to 9
    assert deduction_points(pads, ["d5"], cap=9).by_limits == 0  # 18 - 9 is the cap already
    assert deduction_points(pads, ["d3"], deducted=[3]).points == 12
    assert deduction_points(pads, ["d3"], void=True).charged == {"d3": 0}


def test_tenths_add_up_exactly():
    step = AED.get_step("aed01").model_copy(
        update={
            "max_points": 1.0,
            "deductions": tuple(
                AED.get_step("aed01").deductions[0].model_copy(update={"id": f"d{n}", "points": 0.1}) for n in range(3)
            ),
        }
    )
    assert deduction_points(step, ["d0", "d1", "d2"]).points == Fraction(7, 10)


@settings(max_examples=150, deadline=None)
@given(faults=FAULTS)
def test_running_points_are_the_examiners_points(faults):
    acted = performances.aed()
    for step, ticked in faults.items():
        acted = acted.change(step, faults=tuple(sorted(ticked)))
    for step_id, result in examine(AED, acted.events()).steps.items():
        if any(loss.kind == "rule" for loss in result.losses):
            continue
        states = [loss for loss in result.losses if loss.kind == "state"]
        running = deduction_points(
            AED.get_step(step_id),
            faults[step_id],
            void=result.void,
            cap=result.cap,
            deducted=[loss.price for loss in states if loss.effect == "deduct"],
        )
        assert float(running.points) == result.points
        assert sum(running.charged.values()) + running.by_limits == running.lost
        assert running.lost == Fraction(str(AED.get_step(step_id).max_points)) - running.points


def test_each_level_key_shows_the_points_it_stands_for():
    # 18 points: minor up to a third lost (6), failed from three quarters (13.5)
    ranges = point_ranges(AED.get_step("aed04"), AED)
    assert {label: tuple(map(float, pair)) for label, pair in ranges.items() if pair} == {
        3: (18, 18),
        2: (12, 17.5),
        1: (5, 11.5),
        0: (0, 4.5),
    }
    # 2 points: the floor of one point is half of them, so nothing is left between minor and failed
    assert point_ranges(CPR.get_step("cpr06"), CPR)[1] is None


def test_legal_points_are_halves_from_nothing_to_the_maximum():
    assert [float(p) for p in legal_points(CPR.get_step("cpr06"))] == [0, 0.5, 1, 1.5, 2]
    odd = CPR.get_step("cpr06").model_copy(update={"max_points": 2.5})
    assert [float(p) for p in legal_points(odd, grain=Fraction(1))] == [0, 1, 2, 2.5]
    with pytest.raises(SheetError, match="give a grain above 0, such as 1/2"):
        legal_points(odd, grain=Fraction(0))
    assert legal_points(odd, grain=Fraction("1/2"))


@pytest.mark.parametrize("grain", [Fraction(1), Fraction(1, 2), Fraction(1, 4), Fraction(1, 10)])
def test_points_carry_the_label_in_whose_range_they_lie(grain):
    for rubric in (CPR, AED, BMV):
        for step in rubric.steps:
            ranges = point_ranges(step, rubric, grain=grain)
            for points in legal_points(step, grain=grain):
                label = label_of_points(float(points), step.max_points, rubric.ordinal_map)
                inside = [name for name, pair in ranges.items() if pair and pair[0] <= points <= pair[1]]
                assert inside == [label]
