"""Simulated physicians also say when they handed in a sheet and what they thought of the whole performance."""

from __future__ import annotations

from datetime import datetime
from random import Random

import numpy as np
import pytest

from siming.rubric import Sheet, examine, load_dataset
from siming.simulate import simulate_dataset, simulate_exam
from siming.simulate.faults import builtin_rubrics
from siming.simulate.physicians import GLOBAL_RATING_SCALE, WEI, rate


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("impressions") / "d"
    simulate_dataset(folder, attempts=80, seed=6, draw=False)
    return load_dataset(folder)


def test_a_sheet_keeps_its_global_rating_and_one_without_it_says_nothing_of_it():
    plain = {
        "schema": "siming.sheet/1",
        "attempt": "A-001",
        "rubric": "cpr",
        "rubric_version": "1",
        "author": {"kind": "physician", "name": "Wei"},
        "steps": {},
    }
    assert "global_rating" not in Sheet.from_plain(plain).to_plain()
    assert Sheet.from_plain({**plain, "global_rating": 2}).to_plain()["global_rating"] == 2
    with pytest.raises(ValueError, match=r"global_rating: .*integer"):
        Sheet.from_plain({**plain, "global_rating": 2.5})


def test_impression_and_time_move_no_point():
    exam = simulate_exam(3)
    truth = [examine(rubric, exam.events) for rubric in builtin_rubrics()]
    without = rate(WEI, truth, exam.segments, Random(1))
    beside = rate(WEI, truth, exam.segments, Random(1), aside=Random(2))
    assert [sheet.steps for sheet in without] == [sheet.steps for sheet in beside]
    assert {sheet.global_rating for sheet in without} == {None}
    assert all(sheet.submitted_at for sheet in beside)


def test_global_ratings_follow_the_truth_with_noise_and_stay_on_the_scale_the_dataset_names(dataset):
    assert tuple(dataset.info.global_rating_scale) == GLOBAL_RATING_SCALE
    truth = {
        (s.attempt, s.rubric): s.total(dataset.rubrics[s.rubric]) for s in dataset.sheets if s.author.kind == "examiner"
    }
    sheets = dataset.sheets_of("physician")
    grades = [sheet.global_rating for sheet in sheets]
    assert set(grades) == set(GLOBAL_RATING_SCALE)
    assert 0.7 < np.corrcoef(grades, [truth[s.attempt, s.rubric] for s in sheets])[0, 1] < 0.98
    one, other = (
        {(s.attempt, s.rubric): s.global_rating for s in sheets if s.author.name == n} for n in ("Wei", "Okafor")
    )
    assert 0.3 < np.mean([one[key] == other[key] for key in one]) < 0.9
    assert all(s.global_rating is None for s in dataset.sheets if s.author.kind != "physician")


def test_each_physician_goes_through_the_exams_in_an_order_of_his_own(dataset):
    times = {
        name: [
            datetime.fromisoformat(s.submitted_at)
            for s in dataset.sheets_of("physician", name)
            if s.rubric == "bmv-adult"
        ]
        for name in ("Wei", "Okafor")
    }
    ranks = [np.argsort(np.argsort([when.timestamp() for when in own])) for own in times.values()]
    assert abs(np.corrcoef(*ranks)[0, 1]) < 0.3
    for own in times.values():
        assert abs(np.corrcoef(np.argsort(np.argsort([w.timestamp() for w in own])), range(len(own)))[0, 1]) < 0.3
        assert all(when.weekday() < 5 and 8 <= when.hour <= 16 for when in own)


def test_exams_take_place_at_two_sites_drawn_by_attempt(dataset, tmp_path):
    sites = [attempt.site for attempt in dataset.attempts]
    assert 20 < sites.count("north") < 60
    assert set(sites) == {"north", "south"}
    again = simulate_dataset(tmp_path / "d", attempts=3, seed=6, draw=False)
    assert [attempt.site for attempt in again.attempts] == sites[:3]
