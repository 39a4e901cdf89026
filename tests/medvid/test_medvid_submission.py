"""Submissions: read with distrust, matched by what was asked, written in official order."""

from __future__ import annotations

import json
import random

import pytest
from made_release import make_release, rows_of

from siming.bench.medvid.data import read_questions
from siming.bench.medvid.official.run import score_official
from siming.bench.medvid.submission import answers_of, fill_form, match, read_submission, write_submission
from siming.errors import DatasetError


@pytest.fixture
def questions(tmp_path):
    return read_questions(make_release(tmp_path))


def answered(tmp_path, questions, predictions=None):
    path = tmp_path / "submission.json"
    write_submission(path, questions, predictions or {q.position: f"answer {q.position}" for q in questions})
    return path


def test_a_submission_has_one_row_per_question_in_the_order_of_the_file(tmp_path, questions):
    rows = json.loads(answered(tmp_path, questions, {3: "three"}).read_text())
    assert [(row["id"], row["qa_type"]) for row in rows] == [(q.id, q.qa_type) for q in questions]
    assert [row["prediction"] for row in rows] == ["three" if n == 3 else "" for n in range(len(questions))]


def test_what_siming_writes_the_official_way_of_reading_takes(tmp_path, questions):
    truth = rows_of(tmp_path / "test.json")
    references = {q.position: q.reference for q in questions}
    rows = json.loads(answered(tmp_path, questions, references).read_text())
    assert score_official(truth, rows).full["TAG_mIoU@0.5"] == pytest.approx(1.0)


def test_answers_find_their_questions_in_any_order(tmp_path, questions):
    rows = json.loads(answered(tmp_path, questions).read_text())
    shuffled = rows[:13]  # the true duplicate at the end is told by order alone
    random.Random(5).shuffle(shuffled)
    found = match(questions[:13], answers_of(shuffled, where="x"))
    assert [a.prediction for a in found.answers] == [f"answer {n}" for n in range(13)]
    assert found.complete
    assert found.moved == sum(row["prediction"] != f"answer {n}" for n, row in enumerate(shuffled)) > 0
    assert found.by_order == 0


def test_true_duplicates_are_dealt_in_order_and_said_to_be(tmp_path, questions):
    found = match(questions, read_submission(answered(tmp_path, questions)))
    assert (found.answers[0].prediction, found.answers[13].prediction) == ("answer 0", "answer 13")
    assert (found.by_order, found.moved) == (2, 0)


def test_without_hashes_questions_that_share_id_and_type_are_dealt_in_order(questions):
    rows = [{"id": q.id, "qa_type": q.qa_type, "prediction": str(q.position)} for q in questions]
    found = match(questions, answers_of(rows, where="x"))
    assert [a.prediction for a in found.answers] == [str(n) for n in range(14)]
    assert found.by_order == 2


def test_the_question_in_words_serves_as_well_as_its_hash(questions):
    rows = [
        {"id": q.id, "qa_type": q.qa_type, "question": f"<video>\n {q.question} ", "prediction": str(q.position)}
        for q in questions
    ]
    found = match(questions[:13], answers_of(rows[:13][::-1], where="x"))
    assert [a.prediction for a in found.answers] == [str(n) for n in range(13)]


def test_missing_and_extra_answers_are_counted_and_never_shift_the_others(tmp_path, questions):
    rows = json.loads(answered(tmp_path, questions).read_text())
    del rows[4]
    rows.insert(2, {**rows[5], "question_sha256": "0" * 64})
    found = match(questions, answers_of(rows, where="x"))
    assert found.missing == (4,)
    assert found.extra == (2,)
    assert found.answers[5].prediction == "answer 5"
    assert not found.complete


def test_all_reasons_of_refusal_come_at_once():
    rows = [
        {"id": "a", "qa_type": "tal", "prediction": "x"},
        "text",
        {"id": 7, "qa_type": "tal"},
        {"id": "b", "qa_type": "tal", "prediction": "", "gnd": "1-2 seconds."},
    ]
    with pytest.raises(DatasetError) as caught:
        answers_of(rows, where="mine.json")
    said = str(caught.value)
    for part in ("row 1 is str", "row 2 has no text `id`", "row 2 has no `prediction`", "row 3 brings references"):
        assert part in said


def test_many_reasons_are_cut_to_twenty_and_counted():
    with pytest.raises(DatasetError, match="and 80 more"):
        answers_of(["x"] * 100, where="mine.json")


def test_an_empty_list_an_object_and_a_too_large_file_are_refused(tmp_path):
    path = tmp_path / "submission.json"
    for text, why in (("[]", "holds no rows"), ('{"0": {}}', "holds a dict"), ("[[[", "is no JSON")):
        path.write_text(text)
        with pytest.raises(DatasetError, match=why):
            read_submission(path)
    path.write_text("[" + " " * 100 + "]")
    with pytest.raises(DatasetError, match="more than 100"):
        read_submission(path, most_bytes=100)


def test_a_prediction_that_is_no_text_is_kept_for_the_scorer_to_report(questions):
    (answer,) = answers_of([{"id": "a", "qa_type": "tal", "prediction": None}], where="x")
    assert answer.prediction is None


def test_half_a_character_of_a_reply_is_written_and_read_again(tmp_path, questions):
    path = answered(tmp_path, questions, {0: "cut \ud83d here"})
    assert read_submission(path)[0].prediction == "cut \ud83d here"


def test_a_form_is_filled_without_the_data(tmp_path, questions):
    form, out = tmp_path / "form.json", tmp_path / "out.json"
    write_submission(form, questions, {})
    fill_form(form, {0: "first", 13: "last"}, out)
    wanted = answered(tmp_path, questions, {0: "first", 13: "last"})
    assert out.read_bytes() == wanted.read_bytes()
