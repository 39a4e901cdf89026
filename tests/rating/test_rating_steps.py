"""Step analysis of a dataset: the statistics of `siming.metrics.standards`, on the marks that count."""

from __future__ import annotations

import json

import numpy as np
import pandas
import pingouin
import pytest
from exams_of_labels import dataset_of, rubric_of, sheet_of

from siming.errors import DatasetError
from siming.rating.steps import steps_report

RUBRIC = rubric_of(4)
LABELS = [[3, 3, 2, 0], [2, 3, 1, 0], [3, 1, 2, 1], [1, 0, 0, 3], [0, 0, 1, 3], [2, 2, 2, 1]]


def exam(*, consensus: bool = False):
    sheets = [
        sheet_of(RUBRIC, f"A-{n}", rater, [min(3, label + up) for label in row])
        for n, row in enumerate(LABELS)
        for rater, up in (("Wei", 0), ("Okafor", 1))
    ]
    if consensus:
        sheets += [sheet_of(RUBRIC, f"A-{n}", "Lin", row, kind="consensus") for n, row in enumerate(LABELS)]
    return dataset_of(sheets, [RUBRIC])


def test_alpha_with_and_without_each_step_is_that_of_another_library():
    report = steps_report(exam(), author="Wei")
    [skill] = report.skills
    table = pandas.DataFrame(LABELS)
    assert skill.alpha.value == pytest.approx(pingouin.cronbach_alpha(table)[0])
    for place, step in enumerate(skill.steps):
        assert step.alpha_without.value == pytest.approx(pingouin.cronbach_alpha(table.drop(columns=place))[0])


def test_difficulty_correlation_and_label_counts_by_hand():
    [skill] = steps_report(exam(), author="Wei").skills
    last = skill.steps[3]
    assert last.difficulty.value == pytest.approx((0 + 0 + 1 + 3 + 3 + 1) / 18)
    rest = [sum(row[:3]) for row in LABELS]
    assert last.step_rest.value == pytest.approx(np.corrcoef(rest, [row[3] for row in LABELS])[0, 1])
    assert last.step_rest.value < 0
    assert last.levels == (2, 2, 0, 2)
    # 27 % of 6 are 2 attempts: totals 8, 7 above, 4, 4 below
    assert last.upper_lower.value == pytest.approx((0 + 1 - 3 - 3) / 2 / 3)


def test_the_consensus_counts_where_there_is_one_else_the_mean_of_the_raters():
    assert steps_report(exam(consensus=True)).author == "consensus"
    mean = steps_report(exam())
    assert mean.author == "mean"
    first = [(row[0] + min(3, row[0] + 1)) / 2 for row in LABELS]
    assert mean.skills[0].steps[0].difficulty.value == pytest.approx(np.mean(first) / 3)
    assert sum(mean.skills[0].steps[0].levels) == 12  # both raters' labels


def test_an_author_who_gave_no_marks_is_refused_and_the_others_are_named():
    with pytest.raises(DatasetError, match="no marks of 'Tan'; there are Okafor, Wei"):
        steps_report(exam(), author="Tan")


def test_the_words_name_the_step_that_runs_against_the_others():
    plain = json.loads(json.dumps(steps_report(exam(), author="Wei").to_plain(), allow_nan=False))
    assert plain["schema"] == "siming.steps/1"
    sentences = plain["words"]["skills"]["en"]
    assert any("cpr04 goes least with the rest" in sentence for sentence in sentences)
    assert any(sentence.startswith("Without cpr04 alpha would be higher") for sentence in sentences)
    assert len(sentences) == len(plain["words"]["skills"]["zh"])
