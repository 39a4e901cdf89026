"""Pass marks: borderline regression and group, contrasting groups, Angoff, Ebel, Hofstee."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from siming.errors import LabelError
from siming.metrics.standards.contrast import contrasting_groups
from siming.metrics.standards.panel import angoff, ebel, hofstee
from siming.metrics.standards.regression import borderline_group, borderline_regression, exam_borderline_regression

GRADES = [1, 2, 2, 3, 3, 3, 4, 4, 5, 5]
SCORES = [40, 52, 55, 60, 63, 66, 74, 71, 85, 88]
SCALE = [1, 2, 3, 4, 5]


def test_borderline_regression_checked_with_lm_of_r():
    found = borderline_regression(SCORES, GRADES, borderline=2, scale=SCALE)
    assert found.slope.value == pytest.approx(11.102564, abs=5e-7)
    assert found.intercept.value == pytest.approx(29.871795, abs=5e-7)
    assert found.cut.value == pytest.approx(52.076923, abs=5e-7)
    assert found.r_squared.value == pytest.approx(0.976917, abs=5e-7)
    assert found.standard_error.value == pytest.approx(1.045088, abs=5e-7)


def test_the_regressions_intervals_are_those_of_scipy():
    theirs = stats.linregress(GRADES, SCORES)
    t = stats.t.ppf(0.975, 8)
    found = borderline_regression(SCORES, GRADES, borderline=2, scale=SCALE)
    assert found.slope.interval.high - found.slope.value == pytest.approx(t * theirs.stderr)
    assert found.intercept.interval.high - found.intercept.value == pytest.approx(t * theirs.intercept_stderr)
    assert found.cut.interval.high - found.cut.value == pytest.approx(t * 1.045088, abs=1e-5)


def test_the_bootstrap_error_of_the_cut_is_that_of_refitted_lines():
    found = borderline_regression(SCORES, GRADES, borderline=2, scale=SCALE, replicates=4000, seed=5)
    rng = np.random.default_rng(99)  # other draws, so near and not equal
    cuts = []
    for _ in range(4000):
        drawn = rng.integers(0, 10, 10)
        slope, intercept = np.polyfit(np.array(GRADES)[drawn], np.array(SCORES)[drawn], 1)
        cuts.append(intercept + 2 * slope)
    rmse = np.sqrt(np.mean((np.array(cuts) - found.cut.value) ** 2))
    assert found.bootstrap_rmse.value == pytest.approx(rmse, rel=0.06)
    assert "4000 replicates, seed 5" in found.bootstrap_rmse.notes[0]


def test_a_borderline_grade_nobody_got_and_a_falling_line_are_noted():
    beyond = borderline_regression(SCORES, GRADES, borderline=1.5, scale=SCALE)
    assert "read between the grades given" in beyond.cut.notes[0]
    falling = borderline_regression(SCORES[::-1], GRADES, borderline=2, scale=SCALE)
    assert "does not rise" in falling.cut.notes[0]


def test_grades_that_are_all_alike_give_no_line():
    found = borderline_regression([50, 60, 70], [2, 2, 2], borderline=2, scale=SCALE)
    for each in (found.cut, found.slope, found.intercept, found.standard_error, found.bootstrap_rmse):
        assert each.reason == "no variation: every candidate got the same grade"
    two = borderline_regression([50, 60], [1, 2], borderline=2, scale=SCALE)
    assert two.cut.value == pytest.approx(60)
    assert two.standard_error.reason == "fewer than 3 candidates"


def test_a_grade_off_the_scale_is_refused_and_the_mend_is_accepted():
    with pytest.raises(LabelError, match="grade 6 is not on the scale"):
        borderline_regression([1, 2], [5, 6], borderline=2, scale=SCALE)
    assert borderline_regression([1, 2], [5, 6], borderline=2, scale=[*SCALE, 6]).slope.value == pytest.approx(1)
    with pytest.raises(LabelError, match="borderline is 9"):
        borderline_regression([1, 2], [5, 4], borderline=9, scale=SCALE)


def test_a_candidate_without_a_grade_is_left_out_and_counted():
    found = borderline_regression([*SCORES, 99], [*GRADES, None], borderline=2, scale=SCALE)
    assert found.cut.value == pytest.approx(52.076923, abs=5e-7)
    assert found.cut.left_out == {"missing": 1}


def test_an_exams_cut_is_the_mean_of_its_stations_each_on_the_candidates_it_has():
    scores = np.column_stack([SCORES, np.array(SCORES) / 2 + [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]])
    grades = np.column_stack([GRADES, GRADES]).astype(float)
    grades[3, 1] = np.nan
    found = exam_borderline_regression(scores, grades, borderline=2, scale=SCALE)
    alone = borderline_regression(scores[:, 1], grades[:, 1], borderline=2, scale=SCALE)
    assert found.stations[1].cut == alone.cut
    assert found.stations[1].cut.n == 9
    assert found.cut.value == pytest.approx((52.0769230769 + alone.cut.value) / 2)
    assert found.cut.interval.method == "cluster bootstrap (BCa)"
    assert found.bootstrap_rmse.value > 0
    with pytest.raises(LabelError, match="shape"):
        exam_borderline_regression(scores, grades[:, :1], borderline=2, scale=SCALE)


def test_the_same_station_twice_is_no_surer_than_once():
    once = borderline_regression(SCORES, GRADES, borderline=2, scale=SCALE).bootstrap_rmse
    twice = exam_borderline_regression(
        np.column_stack([SCORES] * 2), np.column_stack([GRADES] * 2), borderline=2, scale=SCALE
    ).bootstrap_rmse
    assert twice.value == pytest.approx(once.value, rel=1e-9)


def test_the_borderline_group_is_the_middle_of_those_graded_borderline():
    assert borderline_group(SCORES, GRADES, borderline=3, scale=SCALE).value == 63
    assert borderline_group(SCORES, GRADES, borderline=2, scale=SCALE).value == 53.5
    mean = borderline_group(SCORES, GRADES, borderline=2, scale=SCALE, average="mean")
    assert mean.value == 53.5
    assert (mean.n, mean.left_out) == (2, {"missing": 0, "other_grades": 8})
    assert mean.interval_reason == "2 clusters are fewer than 5"
    nobody = borderline_group(SCORES, GRADES, borderline=1.5, scale=SCALE)
    assert nobody.reason == "no candidate has the borderline grade 1.5"


def test_the_median_of_redrawn_candidates_is_numpys_median_of_them():
    rng = np.random.default_rng(2)
    scores = rng.normal(60, 8, 31).round(1)
    found = borderline_group(scores, [2] * 31, borderline=2, scale=SCALE)
    medians = np.median(scores[rng.integers(0, 31, (6000, 31))], axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high), abs=0.5)


def judged(seed, n=150):
    rng = np.random.default_rng(seed)
    marks = rng.normal(60, 10, n).round()
    return marks, (rng.random(n) < 1 / (1 + np.exp(-(marks - 55) / 6))).astype(float)


def test_contrasting_groups_cut_where_the_logistic_curve_of_statsmodels_is_one_half():
    sm = pytest.importorskip("statsmodels.api", reason="witness of the logistic fit")
    for seed in range(5):
        marks, competent = judged(seed)
        intercept, slope = sm.Logit(competent, sm.add_constant(marks)).fit(disp=0).params
        found = contrasting_groups(marks, competent)
        assert found.cut.value == pytest.approx(-intercept / slope, abs=1e-6)
        cut = found.cut.value
        assert found.false_pass.value == pytest.approx(np.mean(marks[competent == 0] >= cut))
        assert found.false_fail.value == pytest.approx(np.mean(marks[competent == 1] < cut))
        assert found.cut.interval.low < cut < found.cut.interval.high


def test_groups_that_mirror_each_other_are_cut_in_the_middle():
    marks = [40, 50, 55, 65, 70, 80]
    found = contrasting_groups(marks, [0, 0, 1, 0, 1, 1])
    assert found.cut.value == pytest.approx(60)


def test_groups_without_overlap_give_no_cut_but_the_gap():
    found = contrasting_groups([40, 50, 60, 70], [False, False, True, True])
    assert found.cut.reason == "the groups do not overlap: any cut from 50 to 60 marks separates them"
    assert found.false_pass.value is None
    assert "not have the higher marks" in contrasting_groups([40, 50, 60, 70], [1, 0, 1, 0]).cut.reason
    assert contrasting_groups([40, 50], [1, 1]).cut.reason == "every candidate was judged competent"
    with pytest.raises(LabelError, match="yes and no"):
        contrasting_groups([40, 50], [1, 2])


def test_angoff_adds_up_what_judges_expect_with_the_error_over_judges():
    # Five judges, steps of 10 and 20 points: cuts 16, 17, 18, 19, 20; SD sqrt(2.5), error sqrt(2.5 / 5).
    judges = [[0.6, 0.5], [0.5, 0.6], [0.8, 0.5], [0.7, 0.6], [0.6, 0.7]]
    found = angoff(judges, max_points=[10, 20])
    assert found.rounds[0].by_judge == pytest.approx((16, 17, 18, 19, 20))
    assert found.cut.value == pytest.approx(18)
    assert found.rounds[0].standard_error.value == pytest.approx(0.5**0.5)
    half = stats.t.ppf(0.975, 4) * 0.5**0.5
    assert found.cut.interval.high == pytest.approx(18 + half)


def test_the_last_angoff_round_holds_and_the_shift_is_paired():
    first = np.array([[0.2], [0.4], [0.9], [0.5], [0.5]])
    second = np.array([[0.4], [0.4], [0.6], [np.nan], [0.6]])
    found = angoff(first, second, max_points=10)
    assert found.cut.value == pytest.approx(5.0)
    assert found.cut.left_out == {"judges": 1}
    assert found.rounds[1].by_judge[3] is None
    # 2, 0, -3, 1 over the four judges of both rounds
    assert found.shifts[0].value == pytest.approx(0.0)
    assert found.shifts[0].n == 4


def test_angoff_refuses_percentages_and_rounds_of_another_panel():
    with pytest.raises(LabelError, match="holds 60"):
        angoff([[60, 50]])
    with pytest.raises(LabelError, match="round 2 has shape"):
        angoff([[0.5, 0.5]], [[0.5]])
    with pytest.raises(LabelError, match="at least one round"):
        angoff()
    assert angoff([[np.nan]]).cut.reason == "every judge left out a step"
    assert angoff([[0.5]]).rounds[0].standard_error.reason == "fewer than 2 judges"


def test_ebel_weighs_each_box_by_its_points():
    # Boxes: essential-easy 90 %, essential-hard 60 %, useful-easy 50 %, useful-hard never used.
    shares = [[[0.9, 0.6], [0.5, np.nan]], [[0.7, 0.4], [0.3, np.nan]]]
    found = ebel(shares, relevance=[0, 0, 1], difficulty=[0, 1, 0], max_points=[10, 5, 2])
    assert found.by_judge == pytest.approx((9 + 3 + 1, 7 + 2 + 0.6))
    assert found.cut.value == pytest.approx((13 + 9.6) / 2)
    assert found.standard_error.value == pytest.approx(3.4 / 2)
    with pytest.raises(LabelError, match="difficulty of step 2 is 2"):
        ebel(shares, relevance=[0, 0], difficulty=[0, 2])


BOX = {"lowest_cut": [50, 60], "highest_cut": 65, "lowest_fail": 0.1, "highest_fail": [0.2, 0.4]}
"""Cuts 55 to 65, fails 10 to 30 %: the line is 30 % - 2 points per mark."""


def test_hofstee_cuts_where_the_fails_meet_the_judges_line():
    # 20 of 100 candidates have 50 marks, the others 80: between, 20 % fail; the line is there at 60 marks.
    found = hofstee([50] * 20 + [80] * 80, **BOX, interval=None)
    assert found.cut.value == pytest.approx(60)
    assert found.fail_rate.value == pytest.approx(0.2)
    # A crowd at 58 marks lifts the fails from 20 to 70 % there, above the line's 24 %: the cut stops at 58.
    crowd = hofstee([50] * 20 + [58] * 50 + [80] * 30, **BOX, interval=None)
    assert crowd.cut.value == 58
    assert crowd.fail_rate.value == pytest.approx(0.2)


def test_the_cut_of_hofstee_lies_on_the_line_or_at_a_jump_over_it():
    rng = np.random.default_rng(8)
    met = 0
    for _ in range(60):
        marks = rng.normal(66, 9, 80).round()
        found = hofstee(marks, **BOX, interval=None)
        if found.cut.value is None:
            continue
        met += 1
        line = 0.3 - 0.02 * (found.cut.value - 55)
        assert np.mean(marks < found.cut.value) <= line + 1e-12
        assert np.mean(marks <= found.cut.value) >= line - 1e-12
    assert met > 30


def test_a_curve_that_misses_hofstees_line_gives_no_cut_and_says_why():
    many = hofstee([40] * 50 + [80] * 50, **BOX)
    assert many.cut.reason == "even the lowest cut, 55, fails 50.0% of candidates, and the judges bear 30.0%"
    few = hofstee([80] * 50, **BOX)
    assert few.cut.reason == "even the highest cut, 65, fails 0.0% of candidates, and the judges want 10.0%"
    assert few.fail_rate.value is None
    with pytest.raises(LabelError, match="in order"):
        hofstee([1, 2], lowest_cut=60, highest_cut=50, lowest_fail=0, highest_fail=0.5)


def test_hofstees_interval_redraws_candidates():
    rng = np.random.default_rng(1)
    found = hofstee(rng.normal(66, 9, 300).round(), **BOX)
    assert found.cut.interval.method == "cluster bootstrap (percentile)"
    assert 55 <= found.cut.interval.low <= found.cut.value <= found.cut.interval.high <= 65
