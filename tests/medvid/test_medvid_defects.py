"""Each of the sixteen defects: the official value, the strict value, and nothing gained by who games the official one."""

from __future__ import annotations

import math
import re

import pytest
from golden import golden, scenario

from siming.bench.medvid.data import questions_of
from siming.bench.medvid.defects import DEFECTS
from siming.bench.medvid.strict.run import score_strict
from siming.bench.medvid.submission import answers_of
from siming.errors import DatasetError

# Worked by hand from the small cases; see each case's words.
VALUES = {
    1: (0.0, 1.0),  # both answers are right, and stand at each other's place
    2: (None, 1 / 2),  # the null loses the column there, and one of two rows here
    3: (1.0, 1 / 4),
    4: (1.0, 1 / 20),  # one of the grid's 20 segments is the span
    5: (0.0, 1.0),
    6: (1.0, 1 / 4),  # one box for four times
    7: (math.nan, 1 / 2),
    8: (0.0, 1.0),
    9: (1.0, 1 / 3),
    10: (2 / 3, 1.0),  # there: precision 1, recall 1/2
    11: (4.0, (4 + 1) / 2),
    12: (0.9999, 0.0),
    13: (1.0, "refused"),
    14: (0.426, 0.42651),  # 0.4265 is below the half in binary
    16: (6 / 8, (1 + 0) / 2),
}


@pytest.mark.parametrize("defect", [each for each in DEFECTS if each.case], ids=lambda each: str(each.number))
def test_the_small_case_of_a_defect_has_both_values(defect):
    official, strict = VALUES[defect.number]
    case = defect.case()
    if official is None or isinstance(official, str):
        assert case.official == official
    else:
        assert float(case.official) == pytest.approx(official, abs=1e-9, nan_ok=True)
    assert case.strict == (strict if isinstance(strict, str) else pytest.approx(strict, abs=1e-9))


def test_all_sixteen_are_told_in_both_languages():
    assert [defect.number for defect in DEFECTS] == list(range(1, 17))
    for defect in DEFECTS:
        assert set(defect.words("en")) == set(defect.words("zh")) == {"defect", "case", "strict"}
        assert all(re.search(r"[\u4e00-\u9fff]", text) for text in defect.words("zh").values())


def strict_columns(truth, submission):
    rows = submission if isinstance(submission, list) else list(submission.values())
    score = score_strict(questions_of(truth, where="truth"), answers_of(rows, where="submission"))
    return {name: measured.value for name, measured in score.columns.items() if measured.value is not None}


HONEST = pytest.fixture(scope="module")(lambda: strict_columns(golden("ground_truth"), golden("submission")))


@pytest.mark.parametrize(
    "name",
    ["all_empty", "rotate_one", "tal_spam", "spoofed_summary", "answer_one_cvs_assessment",
     "answer_one_skill_assessment", "answer_one_dc", "answer_one_stg", "null_tal", "nan_stg"],
)  # fmt: skip
def test_who_games_the_official_evaluator_gains_nothing_in_strict_mode(name, HONEST):
    truth, submission, _ = scenario(name)
    gamed = strict_columns(truth, submission)
    assert all(gamed[column] <= value + 1e-12 for column, value in HONEST.items())


def test_reordering_a_submission_changes_nothing_in_strict_mode():
    questions = questions_of(golden("ground_truth"), where="truth")
    single = [q for q in questions if sum(other.key == q.key for other in questions) == 1]
    truth = [golden("ground_truth")[question.position] for question in single]
    rows = [
        {**golden("submission")[question.position], "id": question.id, "qa_type": question.qa_type,
         "question_sha256": question.key.question}
        for question in single
    ]  # fmt: skip
    assert len(rows) > 150
    assert strict_columns(truth, rows[::-1]) == strict_columns(truth, rows)


def test_an_upload_with_references_is_refused_with_the_mend():
    row = {"id": "a", "qa_type": "tal", "prediction": "1-2", "gnd": "1-2", "struc_info": []}
    with pytest.raises(DatasetError, match=r"gnd, struc_info.*leave only id, qa_type and prediction"):
        answers_of([row], where="upload.json")
    assert answers_of([{name: row[name] for name in ("id", "qa_type", "prediction")}], where="upload.json")
