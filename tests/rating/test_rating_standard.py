"""Pass marks through the whole door: results tables, datasets and judges' tables."""

from __future__ import annotations

import json

import numpy as np
import pytest
from exams_of_labels import dataset_of, rubric_of, sheet_of

from siming.errors import DatasetError, SheetError, TaskError
from siming.rating.standard import METHODS, set_standard
from siming.rating.stations import is_results, read_results, stations_of
from siming.simulate.write import simulate_dataset

GRADES = [1, 2, 2, 3, 3, 3, 4, 4, 5, 5]
SCORES = [40, 52, 55, 60, 63, 66, 74, 71, 85, 88]


@pytest.fixture
def results(tmp_path):
    rows = [f"S{n},{score},{grade}" for n, (score, grade) in enumerate(zip(SCORES, GRADES, strict=True), start=1)]
    path = tmp_path / "results.csv"
    path.write_text("\n".join(["考生,总分,总体评价", *rows]) + "\n", encoding="utf-8")
    return path


def test_borderline_regression_from_a_table_of_results_gives_the_golden_cut(results):
    # golden G15, checked there with R's lm
    assert is_results(results)
    found = set_standard(read_results(results))
    [station] = found.stations
    assert station.cut.value == pytest.approx(52.076923, abs=5e-7)
    assert station.parts["slope"].value == pytest.approx(11.102564, abs=5e-7)
    assert station.parts["intercept"].value == pytest.approx(29.871795, abs=5e-7)
    assert station.parts["r_squared"].value == pytest.approx(0.976917, abs=5e-7)
    assert station.parts["standard_error"].value == pytest.approx(1.045088, abs=5e-7)
    assert station.fail_rate.value == pytest.approx(2 / 10)  # 40 and 52 lie below
    assert found.exam["cut"].value == station.cut.value
    assert station.points[0] == (1.0, 40.0)


def test_borderline_group_is_the_median_of_those_on_the_borderline(results):
    [station] = set_standard(read_results(results), method="borderline-group").stations
    assert station.cut.value == 53.5


def test_contrasting_groups_leave_out_who_stands_on_the_borderline(results):
    [station] = set_standard(read_results(results), method="contrasting-groups", borderline=3).stations
    # below 3: 40, 52, 55; above: 74, 71, 85, 88: any cut in between separates them
    assert station.cut.value is None
    assert "any cut from 55 to 71" in station.cut.reason
    assert station.parts["n_borderline"] == 3


def test_several_stations_and_raters_are_told_apart_by_their_columns(tmp_path):
    rng = np.random.default_rng(1)
    lines = ["candidate,station,examiner,score,grade,site"]
    for number in range(20):
        for station, shift in (("CPR", 0), ("AED", 10)):
            for rater in ("Wei", "Okafor"):
                grade = 1 + number % 5
                lines.append(
                    f"S{number},{station},{rater},{30 + 10 * grade + shift + rng.integers(-3, 4)},{grade},"
                    f"{'north' if number < 10 else 'south'}"
                )
    path = tmp_path / "osce.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    found = set_standard(read_results(path))
    cuts = {station.skill: station.cut.value for station in found.stations}
    assert cuts == {"CPR": pytest.approx(50, abs=1.5), "AED": pytest.approx(60, abs=1.5)}
    assert found.exam["cut"].value == pytest.approx(np.mean(list(cuts.values())))
    assert found.exam["n"] == 20
    assert set(found.stations[0].between) == {"site", "rater"}
    assert found.stations[0].n == 40


def test_a_grade_off_the_scale_is_refused_and_the_scale_it_asks_for_is_taken(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("id,total,grade\nA,50,0\nB,60,1\nC,70,2\n", encoding="utf-8")
    with pytest.raises(
        SheetError, match=r"global rating 0, which is not on the scale 1 to 5; name the scale \(--scale"
    ):
        read_results(path)
    assert read_results(path, scale=[0, 1, 2]).scale == (0, 1, 2)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("id,total,grade\nA,50,2\nA,60,3\n", "attempt 'A' stands already in line 2"),
        ("id,total,grade\nA,fifty,2\n", "line 2 column total: found 'fifty', wanted a number"),
        ("id,grade\nA,2\n", "needs the columns attempt, total and lacks total"),
        ("id,total,score,grade\nA,1,1,2\n", "two columns are 'total'"),
    ],
)
def test_a_table_of_results_that_cannot_be_right_is_refused_with_its_place(tmp_path, text, complaint):
    path = tmp_path / "r.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SheetError, match=complaint):
        read_results(path)


RUBRICS = [rubric_of(2, "CPR"), rubric_of(3, "AED")]


def small_exam(*, grades: bool = True):
    rng = np.random.default_rng(4)
    sheets = []
    for number in range(12):
        for rubric in RUBRICS:
            for rater in ("Wei", "Okafor"):
                labels = np.clip(number // 3 + rng.integers(-1, 2, len(rubric.steps)), 0, 3).tolist()
                grade = 1 + round(sum(labels) / len(labels) * 4 / 3) if grades else None
                sheets.append(sheet_of(rubric, f"A-{number:02d}", rater, labels, grade=grade))
    return dataset_of(sheets, RUBRICS)


def test_global_ratings_on_sheets_give_every_skill_a_cut_in_points_of_100():
    found = set_standard(stations_of(small_exam()))
    assert [station.skill for station in found.stations] == ["CPR", "AED"]
    for station in found.stations:
        # grade 2 is a quarter of the way from 1 to 5
        assert station.cut.value == pytest.approx(25, abs=6)
        assert station.n == 24
    assert found.unit == "points of 100"
    assert found.whose == "mean"


def test_without_global_ratings_the_methods_that_need_them_say_what_to_add():
    with pytest.raises(DatasetError, match=r"no sheet has a global rating.*add global_rating"):
        set_standard(stations_of(small_exam(grades=False)))


def test_angoff_by_hand_in_two_rounds(tmp_path):
    path = tmp_path / "panel.csv"
    path.write_text(
        "judge,round,cpr01,cpr02,aed01,aed02,aed03\n"
        "Wei,1,0.2,0.2,0.5,0.5,0.5\nOkafor,1,0.4,0.4,0.5,0.5,0.5\n"
        "Wei,2,50%,70%,0.5,0.5,0.8\nOkafor,2,0.6,0.8,0.5,0.5,0.8\n",
        encoding="utf-8",
    )
    found = set_standard(stations_of(small_exam(grades=False)), method="angoff", judges=path)
    cpr, aed = found.stations
    assert cpr.cut.value == pytest.approx(100 * (0.6 + 0.7) / 2)  # steps of equal points: mean of 60 and 70 %
    assert aed.cut.value == pytest.approx(60)
    assert found.exam["cut"].value == pytest.approx((65 + 60) / 2)
    assert [round(each.value, 6) for each in cpr.parts["rounds"]] == [30, 65]
    assert cpr.parts["by_judge"] == {"Wei": pytest.approx(60), "Okafor": pytest.approx(70)}
    assert cpr.parts["shifts"][0].value == pytest.approx(35)
    assert "2 judges expect 65.0 points of 100" in found.to_plain()["words"]["stations"]["en"][0]


def test_ebel_by_hand(tmp_path):
    judges, boxes = tmp_path / "judges.csv", tmp_path / "boxes.csv"
    judges.write_text(
        "judge,relevance,difficulty,share\n"
        "Wei,essential,easy,0.9\nWei,essential,hard,0.6\nOkafor,essential,easy,0.7\nOkafor,essential,hard,0.4\n",
        encoding="utf-8",
    )
    boxes.write_text(
        "step,relevance,difficulty\ncpr01,essential,easy\ncpr02,essential,hard\n"
        "aed01,essential,easy\naed02,essential,easy\naed03,essential,hard\n",
        encoding="utf-8",
    )
    stations = stations_of(small_exam(grades=False))
    found = set_standard(stations, method="ebel", judges=judges, boxes=boxes)
    assert found.stations[0].cut.value == pytest.approx(100 * (0.8 + 0.5) / 2)
    assert found.stations[1].cut.value == pytest.approx(100 * (0.8 + 0.8 + 0.5) / 3)
    with pytest.raises(TaskError, match="give them with --boxes FILE"):
        set_standard(stations, method="ebel", judges=judges)


def test_hofstee_sets_one_cut_for_the_exam(tmp_path):
    path = tmp_path / "judges.csv"
    path.write_text(
        "judge,lowest_cut,highest_cut,lowest_fail,highest_fail\nWei,20,60,0,60%\nOkafor,30,70,10%,0.5\n",
        encoding="utf-8",
    )
    found = set_standard(stations_of(small_exam(grades=False)), method="hofstee", judges=path)
    assert 25 <= found.exam["cut"].value <= 65
    assert found.exam["limits"] == {
        "lowest_cut": 25,
        "highest_cut": 65,
        "lowest_fail": 0.05,
        "highest_fail": pytest.approx(0.55),
    }
    assert found.stations[0].cut.reason == "the judges spoke of the whole exam"
    assert "25.0 to 65.0" in found.to_plain()["words"]["exam"]["en"][0]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("judge,cpr01\nWei,0.5\n", "lacks cpr02, aed01, aed02, aed03"),
        ("judge,cpr01,cpr02,aed01,aed02,aed03\nWei,60,1,1,1,1\n", "found '60', wanted a share such as 0.6 or 60%"),
        ("judge,cpr01,cpr02,aed01,aed02,aed03\nWei,1,1,1,1,1\nWei,1,1,1,1,1\n", "judge 'Wei' speaks twice in round 1"),
    ],
)
def test_a_panel_that_cannot_be_right_is_refused(tmp_path, text, complaint):
    path = tmp_path / "panel.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SheetError, match=complaint):
        set_standard(stations_of(small_exam()), method="angoff", judges=path)


def test_judges_and_global_ratings_are_not_mixed(results):
    with pytest.raises(TaskError, match="leave --judges and --boxes out"):
        set_standard(read_results(results), judges=results)
    with pytest.raises(TaskError, match="give their table with --judges FILE"):
        set_standard(read_results(results), method="angoff")


def test_a_critical_fail_counts_where_the_consensus_holds_it(tmp_path):
    dataset = simulate_dataset(tmp_path / "d", attempts=30, seed=2, draw=False)
    found = set_standard(stations_of(dataset))
    critical = {
        (rubric.id, step.id, deduction.id)
        for rubric in dataset.rubrics.values()
        for step in rubric.steps
        for deduction in step.deductions
        if deduction.severity == "critical"
    }
    for station, rubric in zip(found.stations, dataset.rubrics.values(), strict=True):
        sheets = [sheet for sheet in dataset.sheets_of("consensus") if sheet.rubric == rubric.id]
        counted = sum(
            any((rubric.id, step, deduction) in critical for deduction in entry.deductions)
            for sheet in sheets
            for step, entry in sheet.steps.items()
        )
        assert station.critical_fails.value == counted > 0
        assert station.fail_rate_with_critical.value >= station.fail_rate.value
    assert found.whose == "consensus"
    assert found.scale == (1, 2, 3, 4, 5)


@pytest.mark.parametrize("method", METHODS[:3])
def test_the_record_is_strict_json(results, method):
    plain = json.loads(json.dumps(set_standard(read_results(results), method=method).to_plain(), allow_nan=False))
    assert plain["schema"] == "siming.standard/1"
    assert {"skill", "n", "cut", "points", "fail_rate"} <= set(plain["stations"][0])
    assert "parts" not in plain["stations"][0]
    assert all(len(each["en"]) == len(each["zh"]) for each in plain["words"].values())
