"""Leaderboard mode where answers and references are odd: each case names what the evaluator is said to do there."""

from __future__ import annotations

from typing import Any

import pytest
from golden import stub_grades

from siming.bench.medvid.columns import COLUMNS
from siming.bench.medvid.official.captions import JudgedPair
from siming.bench.medvid.official.cvs import read_components
from siming.bench.medvid.official.dvc import Event, cut_overlaps, read_events
from siming.bench.medvid.official.run import OfficialScore, official_pairs, score_official
from siming.bench.medvid.official.sa import read_aspects
from siming.bench.medvid.official.stg import read_boxes
from siming.bench.medvid.official.tal import read_segments


def question(
    qa_type: str, structure: Any = None, text: Any = "", *, asked: str = "What?", **fields: Any
) -> dict[str, Any]:
    said = [{"from": "human", "value": f"<video>\n{asked}"}, {"from": "gpt", "value": text}]
    row = {"qa_type": qa_type, "data_source": "AVOS", "metadata": {"video_id": "v", "fps": "1.0"}}
    return {**row, "struc_info": [] if structure is None else structure, "conversations": said, **fields}


def score(*cases: tuple[dict[str, Any], Any], judged: bool = False) -> OfficialScore:
    truth = [row for row, _ in cases]
    answers = [{"id": "x", "qa_type": row["qa_type"], "prediction": answer} for row, answer in cases]
    return score_official(truth, answers, grades=stub_grades(official_pairs(truth, answers)) if judged else None)


def spans(*pairs: tuple[Any, Any], **more: Any) -> list[Any]:
    return [{"spans": [{"start": start, "end": end} for start, end in pairs], **more}]


# What is read from an answer


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        # "every 'number [s| second| seconds] to number', case-insensitive"
        ("from 3s to 9s", [(3, 9)]),
        ("3 SECONDS TO 9", [(3, 9)]),
        ("3to9", [(3, 9)]),
        ("3 s to 9 s", []),
        ("3seconds to 9 seconds", []),
        ("3.014 to 9.016 to 11", [(3.01, 9.02)]),
        # "optional space, ASCII hyphen"; "any Unicode decimal digits"
        ("3\n-\t9", [(3, 9)]),
        ("٣-９", [(3, 9)]),
        ("3 – 9, 3s - 9s, none", []),
        # "`h:m:s to h:m:s`": here the words stand apart, or only the first rule bites
        ("00:00:05to00:00:12", [(5, 0)]),
    ],
)
def test_segments_are_found_by_the_letter(answer, read):
    assert read_segments(answer) == read


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        # "Not exactly four readable values: the box of the previous valid entry in the text is used"
        ("1 seconds: [1, 2, 3, 4] 2 seconds: [1, 2]", {"1.0": [1, 2, 3, 4], "2.0": [1, 2, 3, 4]}),
        ("1 seconds: [[1, 2, 3, 4]]", {"1.0": [1, 2, 3, 4]}),
        ("1 seconds: [1[, 2, 3, 4]", {}),
        # "`[` ... up to the next `]`": between the brackets stands at least something
        ("1 seconds: [] [[1, 2, 3, 4]]", {"7.0": [1, 2, 3, 4]}),
        ("1 seconds: [1, 2, 3, 4] 2 seconds: []", {"1.0": [1, 2, 3, 4]}),
        # "If nothing matches": an entry that cannot be read is a match all the same
        ("1 seconds: [a] [[1, 2, 3, 4]]", {}),
        ("[[1, 2, 3, 4, 5]] [[5, 6, 7, 8]]", {"7.0": [5, 6, 7, 8]}),
        ("1 second: [1, 2, 3, 4] 2 Seconds: [1, 2, 3, 4]", {}),
    ],
)
def test_boxes_are_found_by_the_letter(answer, read):
    assert read_boxes(answer, ["7.0", "9.0"]) == read


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        # "the text runs until a line that begins with the next such head, or the end"
        ("1-2 seconds: a  b\n\nc\n3-4 second: d", [Event(1, 2, "a  b  c"), Event(3, 4, "d")]),
        ("1-2 seconds:\n3-4 seconds: b", [Event(1, 2, "3-4 seconds: b")]),
        ("1-2 seconds:", []),
        # the fallback: "Start (Time)" with or without brackets; "text (whose trailing dots go)"
        ("Start Time 1 – 2 seconds: - cut..", [Event(1, 2, "cut")]),
        ("x Time  Range: 5. - 6seconds **Description:** tie", [Event(5, 6, "tie")]),
        ("Start Time: 1 - 2 seconds - cut", []),
        ("1 - 2 seconds -", []),
        # "line start": blanks may stand before and after
        ("a\n  1 - 2 seconds - cut\n3 - 4 seconds -  \nb", [Event(1, 2, "cut"), Event(3, 4, "")]),
    ],
)
def test_events_are_found_by_the_letter(answer, read):
    assert read_events(answer) == read


def test_neighbours_in_time_order_do_not_overlap_where_the_first_has_no_length():
    # "If two neighbours in time order overlap, all segments are cut": (1, 1) comes before (1, 5) and ends with it
    events = [Event(1, 5, "a"), Event(1, 1, "b")]
    assert sorted(cut_overlaps(events)) == sorted(events)


def test_a_part_that_names_two_components_belongs_to_the_first_of_them():
    assert read_components("two structures, cystic plate: 1") == {"cystic_plate": 1}
    assert read_components("two structures and cystic plate: 1") == {}
    assert read_components("Cystic plate: ٢, cystic plate: 1.5") == {"cystic_plate": 1}


def test_the_name_of_an_aspect_is_what_stands_before_its_colon():
    # "per part the first 'text without a colon, colon, blanks, digits/5'"
    assert read_aspects(" : 3/5: Time and motion: 4/5") == {"Time and motion": 4}
    assert read_aspects("Label: Time and motion:\n4/50") == {"Time and motion": 4}


# "A task is all or nothing. Any exception in a task (...) loses the whole task"


TIMED = [{"bbox_dict": {"1.0": [0, 0, 10, 10]}}]
CVS = [{"cvs_scores": {"two_structures": 1, "cystic_plate": 0, "hepatocystic_triangle": 2}}]
SA = [{"skill_level": "N", "skill_scores": {"Time and motion": 3}}]
EVENTS = [[{"start": 0, "end": 10, "caption": "cut"}]]


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        # "one null or non-string prediction", also where the row would not be counted
        (question("stg"), None),
        (question("dense_captioning"), None),
        (question("cvs_assessment"), 2),
        (question("skill_assessment"), None),
        (question("next_action", text="no such label"), None),
        # "one non-numeric fps"
        (question("stg", TIMED, metadata={"video_id": "v", "fps": "n/a"}), "1.0 seconds: [0, 0, 10, 10]"),
        (question("tal", spans((1, 2)), metadata={"video_id": "v", "fps": None}), "1-2"),
        (question("dc", EVENTS, metadata={"video_id": "v", "fps": [1]}), "0-10 seconds: cut"),
        # "Reference times given as text crash TAL"
        (question("tal", spans(("1", "2"))), ""),
        # blocks and boxes of no known form
        (question("tal", [None]), ""),
        (question("tal", [{"spans": None}]), ""),
        (question("stg", [None]), ""),
        (question("stg", [{"object": "grasper"}]), ""),
        (question("cvs_assessment", {"cvs_scores": {"two_structures": 1}}), "Two structures: 1"),
        (question("cvs_assessment", [{"cvs_scores": {"two_structures": "1"}}]), ""),
        (question("skill_assessment", [{"skill_level": "N", "skill_scores": {"Time": "3"}}]), "Time: 3/5"),
    ],
)
def test_one_row_loses_its_task_and_no_other(row, answer):
    kinds = {
        "tal": ("tal", spans((1, 2)), "1-2"),
        "stg": ("stg", TIMED, ""),
        "cvs_assessment": ("cvs_assessment", CVS, ""),
    }
    fine = [(question(kind, structure), reply) for kind, structure, reply in kinds.values()]
    without, found = score(*fine), score(*fine, (row, answer))
    lost = {"dense_captioning": "dvc", "dc": "dvc"}.get(row["qa_type"], row["qa_type"])
    assert set(found.task_errors) == {lost}
    kept = {name: value for name, value in without.full.items() if COLUMNS[name].task != lost}
    assert dict(found.full) == kept


@pytest.mark.parametrize(
    ("row", "answer", "column", "value"),
    [
        # "A missing fps counts as 1.0"; next-action prediction does not read it at all
        (question("tal", spans((1, 2)), metadata={"video_id": "v"}), "1-2", "TAG_mIoU@0.3", 1),
        (question("next_action", text="tying", metadata={"video_id": "v", "fps": "n/a"}), "tying", "NAP_acc", 1),
        # "not a list, empty, or no `spans`: no reference spans, row scores 0"
        (question("tal", spans((1, 2))[0]), "1-2", "TAG_mIoU@0.3", 0),
        (question("tal", [{"action": "x"}, *spans((1, 2))]), "1-2", "TAG_mIoU@0.3", 1),
        # "or **is** that dictionary; or a bare dictionary of either kind"
        (question("stg", {"1.0": [0, 0, 10, 10]}), "1 seconds: [0, 0, 10, 10]", "STG_mIoU", 1),
        (question("stg", TIMED[0]), "1 seconds: [0, 0, 10, 5]", "STG_mIoU", 0.5),
        # "integer-text reference times match timed answers but not bracket lists"
        (question("stg", {"4": [0, 0, 10, 10]}), "4 seconds: [0, 0, 10, 10]", "STG_mIoU", 1),
        (question("stg", {"4": [0, 0, 10, 10]}), "[[0, 0, 10, 10]]", "STG_mIoU", 0),
        # "reference times with two decimals never match a correct answer"
        (question("stg", {"1.25": [0, 0, 10, 10]}), "1.25 seconds: [0, 0, 10, 10]", "STG_mIoU", 0),
        # "reference text is parsed", where the structure has no grades or no level
        (question("cvs_assessment", [{"cvs_scores": {}}], "Cystic plate: 1"), "Cystic plate: 1", "CVS_acc", 1),
        (question("skill_assessment", [{"skill_level": "N"}], "Time: 3/5"), "Time: 3/5", "SA_acc", 1),
        (question("skill_assessment", [{"skill_scores": {"Time": 2}}], "Time: 3/5"), "Time: 2/5", "SA_acc", 1),
        # "(so is one whose reference gives no level)"
        (question("skill_assessment", [{"skill_scores": {"Time": 2}}], "good"), "Time: 2/5", "SA_acc", 0),
        # numbers of the reference may have a fraction
        (question("cvs_assessment", [{"cvs_scores": {"cystic_plate": 1.0}}]), "Cystic plate: 1", "CVS_acc", 1),
        # "crash TAL (...) but not plain DVC_F1"
        (question("dc", [{"start": "0", "end": "10", "caption": "c"}]), "0-10 seconds: c", "DVC_F1", 1),
    ],
)
def test_odd_references_that_do_no_harm(row, answer, column, value):
    found = score((row, answer))
    assert not found.task_errors
    assert found.full[column] == pytest.approx(value, abs=1e-9)


def test_an_open_list_never_looks_at_the_answer_to_an_empty_reference():
    # "(open lists: only empty references are dropped)"
    rows = [question("next_action", text=text, data_source="EgoSurgery") for text in ("closure", " ")]
    found = score((rows[0], "closure"), (rows[1], None))
    assert not found.task_errors
    assert found.full["NAP_acc"] == 1


def test_the_last_answer_of_a_conversation_is_the_reference():
    said = [
        {"from": "user", "value": "q"},
        {"from": "assistant", "value": "tying"},
        {"from": "gpt", "value": "cutting"},
    ]
    assert score((question("next_action", conversations=said), "cutting")).full["NAP_acc"] == 1


# Sources


def test_a_source_called_unknown_gives_way_to_the_data_set():
    # "`data_source` (falls back to `dataset_name`, then 'Unknown')"
    row = question("next_action", text="tying", data_source="Unknown", dataset_name="AVOS")
    assert list(score((row, "tying")).per_source["NAP_acc"]) == ["AVOS"]


@pytest.mark.parametrize(
    ("kind", "video", "asked", "source"),
    [
        ("next_action", "abcdefghijk", "What next?", "AVOS"),
        ("next_action", "abcdefghijk", "A nursing task?", "NurViD"),
        ("dc", "000094_part1", "A nursing task?", "CoPESD"),
        ("dc", "x", "A nursing task?", "Unknown"),
        ("cvs_assessment", "video05", "AVOS?", "Cholec80_CVS"),
        ("skill_assessment", "knot_tying_b001", "AVOS?", "jigsaws"),
        ("skill_assessment", "x", "Suturing?", "jigsaws"),
    ],
)
def test_a_row_without_a_source_is_given_one_by_its_recording_or_its_question(kind, video, asked, source):
    structure, text = {"dc": (EVENTS, ""), "next_action": ([], "Check")}.get(kind, ([], "Cystic plate: 1, Time: 3/5"))
    row = question(kind, structure, text, asked=asked, data_source=None, metadata={"video_id": video})
    answer = "0-10 seconds: cut" if kind == "dc" else text
    found = score((row, answer))
    (per_source,) = found.per_source.values()
    if source == "AVOS":  # the label is none of that source's, so that no row counts
        assert [value.source for value in found.rows] == ["AVOS"]
    else:
        assert list(per_source) == [source]


# The judge


def test_reference_times_as_text_crash_the_judged_dense_captions_and_leave_the_other_columns():
    # "Reference times given as text crash TAL, and the judged DVC run but not plain DVC_F1"
    dense = question("dc", [{"start": "0", "end": "10", "caption": "c"}])
    cases = [(dense, "0-10 seconds: c"), (question("video_summary", text="a"), "b")]
    assert set(score(*cases).full) == {"DVC_F1"}
    judged = score(*cases, judged=True)
    assert set(judged.full) == {"VS_llm"}
    assert judged.stored["DVC_F1"] == judged.stored["DVC_llm"] == 0
    assert set(judged.task_errors) == {"dvc"}


def test_a_broken_row_of_dense_captions_costs_summaries_nothing():
    cases = [(question("dc", EVENTS), None), (question("region_caption", text="a"), "b")]
    assert set(score(*cases, judged=True).full) == {"RC_llm"}


def test_only_what_is_empty_is_not_judged():
    # "rows with an empty prediction or reference are dropped"
    answers = ["", " ", None, "text"]
    truth = [question("video_summary", text="a") for _ in answers]
    pairs = official_pairs(truth, [{"prediction": answer} for answer in answers])
    assert [pair.prediction for pair in pairs] == [" ", "text"]


def test_an_event_without_a_reference_caption_is_not_judged():
    truth = [question("dc", [[{"start": 0, "end": 10, "caption": None}]])]
    pairs: list[JudgedPair] = official_pairs(truth, [{"prediction": "0-10 seconds: c"}])
    assert pairs == []
