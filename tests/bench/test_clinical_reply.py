"""The reader: whatever a model writes becomes a value per step, or the reason why there is none.

Steps used here: cpr01 has 3 points, cpr02 4, cpr03 5; aed01 has 8, aed02 10.
"""

from __future__ import annotations

import json

import pytest

from siming.bench.clinical import read_reply
from siming.errors import RubricError
from siming.rubric import builtin_rubric

CPR, AED, BMV = (builtin_rubric(name) for name in ("cpr-adult-single", "aed-adult", "bmv-adult"))
THREE = ("cpr01", "cpr02", "cpr03")


def read(text, steps=THREE, rubrics=(CPR, AED), asks="points"):
    return read_reply(text, steps=steps, rubrics=rubrics, asks=asks)


def points(text, **more):
    """Points of each step, or the cause why there are none."""
    return [s.points if s.status == "read" else s.cause for s in read(text, **more).steps]


def verdicts(text, **more):
    """Whether each step is wrong, or the cause why nothing is known."""
    return [s.wrong if s.status == "read" else s.cause for s in read(text, asks="errors", **more).steps]


# --- JSON in any coat


@pytest.mark.parametrize(
    "text",
    [
        '{"steps":[{"id":"cpr01","points":3},{"id":"cpr02","points":2.5},{"id":"cpr03","points":0}]}',
        'Here you are:\n```json\n{"cpr01": 3, "cpr02": 2.5, "cpr03": 0}\n```\nThat is all.',
        '[{"step":"CPR-01","score":3},{"step":"cpr2","score":"2.5/4"},{"step":"cpr_003","score":"0 points"}]',
        '{"cpr01":{"points":3},"cpr02":{"points":2.5,"reason":"late"},"cpr03":{"points":0}}',
        '{"results":{"CPR":{"cpr01":"3分","cpr02":"２．５分","cpr03":"0分"}}}',
        '[{"编号":"cpr01","得分":3},{"编号":"cpr02","分数":2.5},{"编号":"cpr03","评分":0}]',
        "{'cpr01': 3, 'cpr02': 2.5, 'cpr03': 0,}",
        "{“cpr01”：3，“cpr02”：2.5，“cpr03”：0}",
        "{cpr01: 3, cpr02: 2.5, // late\n cpr03: 0}",
        '{"id":"cpr01","points":3}\n{"id":"cpr02","points":2.5}\n{"id":"cpr03","points":0}',
        '[{"points":3},{"points":2.5},{"points":0}]',
        '{"Check the scene and protect yourself": 3, "判断意识(轻拍重呼)": 2.5, "cpr03": 0}',
        '{"1": 3, "2": 2.5, "3": 0}',
        'I looked at [all of it. {"cpr01": 3, "cpr02": 2.5, "cpr03": 0}',
        '{"steps":[{"id":"cpr01","points":3,"reason":"says "safe", but late"},{"id":"cpr02","points":2.5},'
        '{"id":"cpr03","points":0}}',
    ],
)
def test_one_answer_in_many_shapes_reads_the_same(text):
    reading = read(text)
    assert [s.points for s in reading.steps] == [3, 2.5, 0]
    assert reading.form == "json"


def test_the_models_reason_is_kept():
    assert read('{"steps":[{"id":"cpr01","points":2,"reason":"没有环顾"}]}').of("cpr01").reason == "没有环顾"


def test_null_is_cannot_judge_with_the_models_reason_and_not_zero():
    step = read('{"steps":[{"id":"cpr01","points":null,"reason":"camera blocked"}]}').of("cpr01")
    assert (step.status, step.points, step.reason) == ("cannot_judge", None, "camera blocked")


@pytest.mark.parametrize("word", ["N/A", "cannot be judged", "not visible", "无法判断", "看不清"])
def test_words_that_decline_to_judge_are_cannot_judge(word):
    assert points(json.dumps({"cpr01": word}))[0] == "cannot_judge"
    assert verdicts(json.dumps({"cpr01": word}))[0] == "cannot_judge"


@pytest.mark.parametrize("tags", ["<think>{}</think>", "{}</think>", "<thinking>{}</thinking>", "[THINK]{}[/THINK]"])
def test_drafts_inside_thinking_are_no_answers(tags):
    draft = 'perhaps {"cpr01": 0, "cpr02": 0, "cpr03": 0}'
    assert points(tags.replace("{}", draft) + '\n{"cpr01": 3, "cpr02": 4}') == [3, 4, "missing"]


def test_a_reply_cut_off_while_thinking_answers_nothing_and_says_so():
    reading = read('<think>cpr01 looks fine: {"cpr01": 3}')
    assert reading.missing == THREE
    assert reading.form == "nothing"
    assert "nothing but thinking" in reading.notes[0]


def test_of_several_objects_the_last_complete_one_wins():
    text = '{"cpr01": 1, "cpr02": 1, "cpr03": 1} No, rather: {"cpr01": 2, "cpr02": 3}'
    assert points(text) == [2, 3, "missing"]
    assert "earlier drafts" in read(text).notes[0]


def test_an_object_with_one_answer_corrects_that_step_only():
    assert points('{"cpr01": 1, "cpr02": 4, "cpr03": 5} Correction: {"cpr01": 2}') == [2, 4, 5]


def test_of_a_json_cut_off_the_complete_answers_are_kept():
    whole = '{"steps":[{"id":"cpr01","points":3,"reason":"a"},{"id":"cpr02","points":4,"reason":"b"}]}'
    got = {tuple(points(whole[:end])[:2]) for end in range(len(whole))}
    assert got == {("missing", "missing"), (3, "missing"), (3, 4)}


@pytest.mark.parametrize("end", ['{"cpr01": 3, "cpr02": 1', '{"cpr01": 3, "cpr02": "1'])
def test_a_number_at_the_cut_is_not_taken_for_a_whole_one(end):
    assert points(end) == [3, "missing", "missing"]


@pytest.mark.parametrize("text", ["cpr01: 3\ncpr02: 1", "| cpr01 | 3 |\n| cpr02 | 1"])
def test_of_a_reply_known_to_be_cut_off_the_last_line_is_not_trusted(text):
    reading = read_reply(text, steps=THREE, rubrics=(CPR,), asks="points", truncated=True)
    assert [step.points for step in reading.steps] == [3, None, None]


def test_a_lost_quote_never_gives_a_step_the_points_of_its_neighbour():
    assert points('{"cpr01"*: 3, "cpr02": 4, "cpr03": 5}') == ["missing", "missing", 5]


# --- what is no value


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("4", "out_of_range"),  # cpr01 has 3 points
        ("-1", "out_of_range"),
        ("1e400", "not_a_number"),
        ("NaN", "not_a_number"),
        ("true", "not_a_number"),
        ('"three"', "not_a_number"),
        ('""', "not_a_number"),
        ("[3]", "not_a_number"),
        ('"3/4"', "other_scale"),
        ('"75%"', "other_scale"),
        ('"2 out of 5"', "other_scale"),
        ('"2分（满分5分）"', "other_scale"),
        ('"2-3"', "several_numbers"),
        ('"2 to 3 points"', "several_numbers"),
        ('"2,5"', "several_numbers"),
        ('"1 point deducted"', "deduction"),
        ('"2 (1 lost)"', 2.0),
        ('"2.5 points"', 2.5),
        ('"2½"', 2.5),
        ('"3 out of 3 points"', 3.0),
        ('"满分3分，得2分"', 2.0),
        ('"30 strokes: 3/3"', 3.0),
        ('"3 minutes"', "not_a_number"),
        ('"3分钟"', "not_a_number"),
        ('"30:2"', "not_a_number"),
    ],
)
def test_points_are_read_exactly_or_not_at_all(value, cause):
    assert points(f'{{"cpr01": {value}, "cpr02": 4}}')[:2] == [cause, 4]


def test_a_percentage_is_points_only_where_the_step_has_a_hundred():
    step = AED.steps[0].model_copy(update={"max_points": 100})
    rubric = AED.model_copy(update={"steps": (step,)})
    assert points('{"aed01": "75%"}', steps=("aed01",), rubrics=(rubric,)) == [75]


def test_a_stated_maximum_that_is_not_the_steps_makes_the_points_unreadable():
    assert points('[{"id":"cpr01","points":3,"max_points":10},{"id":"cpr02","points":3,"max_points":4}]')[:2] == [
        "other_scale",
        3,
    ]


def test_one_step_answered_twice_in_one_object_is_unreadable_only_if_the_answers_differ():
    assert points('{"cpr01": 3, "cpr02": 4, "cpr01": 2, "cpr02": "4/4"}')[:2] == ["contradiction", 4]
    assert points('[{"id":"cpr01","points":3,"score":1},{"id":"cpr02","points":3,"result":"well done"}]')[:2] == [
        "contradiction",
        3,
    ]


def test_missing_steps_are_listed_and_extra_ones_are_reported_and_left_out():
    reading = read('{"cpr02": 4, "aed01": 8, "cpr77": 1}')
    assert reading.missing == ("cpr01", "cpr03")
    assert reading.extra == ("aed01", "cpr77")
    assert [s.step for s in reading.steps] == list(THREE)


def test_why_a_step_has_no_value_is_said_in_both_languages_with_what_stood_there():
    step = read('{"cpr01": 7}').of("cpr01")
    assert step.why() == 'the reply gives "7", the step has 0 to 3 points'
    assert step.why("zh") == "回答给出“7”，超出该步骤0至3分的范围"
    assert read('{"cpr01": 3}').of("cpr01").why() is None


AED_TWO = ("aed01", "aed02")


@pytest.mark.parametrize(
    ("said", "got"),
    [
        ("8 -> 5", "several_numbers"),
        ("8 → 5 points", "several_numbers"),
        ("8 - 3 = 5", "several_numbers"),
        ("8 points maximum", "not_a_number"),
        ("8 (max)", "not_a_number"),
        ("8 (maximum)", "not_a_number"),
        ("8 points is the maximum", "not_a_number"),
        ("8 points possible", "not_a_number"),
        ("8分（满分）", "not_a_number"),
        ("Maximum score: 8", "not_a_number"),
        ("8 (max 8)", 8),
        ("8 of 8 possible points", 8),
        ("8 points, maximal care", 8),
        ("8 points maximum, score: 5", 5),
    ],
)
def test_a_number_corrected_or_named_as_the_maximum_is_not_the_points(said, got):
    assert points(f"aed01: {said}", steps=AED_TWO)[0] == got
    assert points(json.dumps({"aed01": said}), steps=AED_TWO)[0] == got


def test_a_note_of_the_maximum_beside_the_id_is_not_an_answer():
    assert points("aed01 (8 points max)\naed02 (9)", steps=AED_TWO) == ["not_a_number", 9]
    assert points("aed01: 8 points maximum\nScore: 5", steps=AED_TWO)[0] == 5


@pytest.mark.parametrize("key", ["label", "rating", "grade", "Final rating", "等级"])
def test_a_label_or_a_rating_is_on_a_scale_of_its_own_and_not_points(key):
    labelled = json.dumps([{"id": "aed01", key: 3}, {"id": "aed02", key: 2, "points": 9}])
    assert points(labelled, steps=AED_TWO) == ["not_a_number", 9]
    assert read(labelled, steps=AED_TWO).of("aed01").found == f"{key} 3"
    assert points(f"| Step | {key} |\n|-|-|\n| aed01 | 3 |", steps=AED_TWO)[0] == "not_a_number"
    assert points(f"aed01\n{key}: 3\naed02: 9", steps=AED_TWO) == ["missing", 9]
    assert points(json.dumps({key: 3}), steps=("aed01",)) == ["not_a_number"]
    assert verdicts(json.dumps({"aed01": {key: "wrong"}, "aed02": {key: 1}}), steps=AED_TWO) == [True, "no_verdict"]


def test_a_table_of_full_points_alone_gives_no_points():
    assert points("| Step | Max |\n|-|-|\n| aed01 | 8 |", steps=AED_TWO)[0] == "not_a_number"


@pytest.mark.parametrize(
    "several",
    [
        "aed01-aed09",
        "aed01 to aed09",
        "aed01–aed09",
        "aed01 至 aed09",
        "aed01-09",
        "aed01–05",
        "aed01, aed09",
        "aed01 and aed09",
        "aed01/aed09",
        "Step 1-9",
        "Step 1–5",
        "Step 1 to Step 9",
        "第1步至第9步",
    ],
)
def test_what_is_said_of_several_steps_at_once_is_said_of_none(several):
    whole = tuple(step.id for step in AED.steps)
    for text in (f"{several}: 8", json.dumps({several: 8}), f"| Step | Points |\n|-|-|\n| {several} | 8 |"):
        assert not [got for got in points(text, steps=whole) if isinstance(got, float)], text
        assert not [got for got in points(f"aed03: 1, {several}: 8", steps=whole)[3:] if isinstance(got, float)]
    assert not [got for got in verdicts(f"{several}: error", steps=whole) if got is True]


def test_a_range_does_not_spoil_the_steps_answered_by_themselves():
    assert points("aed01-aed02: done well\naed01: 8\naed02: 9", steps=AED_TWO) == [8, 9]
    title = AED.get_step("aed01").title
    assert points(f"aed01 - {title}: 7\naed02 – 9: late", steps=AED_TWO) == [7, 9]


# --- tables


def test_a_table_is_read_by_the_heads_of_its_columns():
    text = "| Step | Max | Points awarded | Reason |\n|---|:-:|---|---|\n| cpr01 | 3 | **2** | 1 late |\n| cpr02 | 4 | 4/4 | |"
    reading = read(text)
    assert [s.points for s in reading.steps[:2]] == [2, 4]
    assert reading.form == "table"
    assert reading.steps[0].reason == "1 late"
    assert points("| 步骤 | 满分 | 得分 |\n|--|--|--|\n| cpr01 评估环境 | 3 | 3 |\n| cpr02 | 5 | 4 |")[:2] == [
        3,
        "other_scale",
    ]


def test_a_table_without_heads_is_read_only_where_one_number_stands():
    assert points("| cpr01 | 2 | fine |\n| cpr02 | 4 | 3 |")[:2] == [2, "several_numbers"]


def test_a_table_of_verdicts():
    text = "| Step | Error? |\n|-|-|\n| cpr01 | Yes |\n| cpr02 | No |\n| cpr03 | n/a |"
    assert verdicts(text) == [True, False, "cannot_judge"]
    assert verdicts("| Step | Correct |\n|-|-|\n| cpr01 | Yes |\n| cpr02 | No |\n| cpr03 | ✓ |") == [False, True, False]


# --- prose


@pytest.mark.parametrize(
    "text",
    [
        "cpr01: 3/3\ncpr02: 2.5/4\ncpr03: 0/5",
        "- **cpr01** – 3 points, looked round\n- **cpr02** – 2.5 points\n- **cpr03** – 0 points: not done",
        "Step 1: 3/3\nStep 2 - 2.5 points\nStep 3: 0",
        "步骤1：3分\n步骤2：2.5分\n步骤3：0分",
        "第1步：得3分；第2步：得2.5分；第3步：得0分",
        "1. 3/3\n2. 2.5/4\n3. 0/5",
        "cpr01: 3, cpr02: 2.5, cpr03: 0. Total 5.5",
        "### cpr01 Check the scene and protect yourself (3 points)\nScore: 3\n\n### cpr02\n- Points: 2.5 of 4\n\n"
        "### Step 3: Call for help, activate the emergency system and send for an AED\nScore (max 5): 0",
        "cpr01: 3 points (cpr02: see below)\ncpr02: 2.5\ncpr03: 0, since cpr02 was late",
    ],
)
def test_prose_with_one_line_per_step_reads_the_same(text):
    reading = read(text)
    assert [s.points for s in reading.steps] == [3, 2.5, 0]
    assert reading.form == "prose"


def test_the_full_points_repeated_beside_a_title_are_not_an_answer():
    assert points("cpr01 Check the scene and protect yourself (3 points)")[0] == "not_a_number"
    assert points("cpr01 Check the scene and protect yourself (3 points): 1")[0] == 1


def test_a_step_spoken_of_without_a_value_is_unreadable_and_shows_what_was_said():
    step = read("cpr01: went well I think").of("cpr01")
    assert (step.status, step.cause, step.found) == ("unreadable", "not_a_number", ": went well I think")


def test_prose_that_contradicts_itself_is_unreadable():
    assert points("cpr01: 3\ncpr02: 4\ncpr01: 2")[:2] == ["contradiction", 4]


def test_numbers_of_steps_count_only_where_they_can_be_read_in_one_way():
    two = ("cpr01", "aed01")
    assert points("Step 1: 3\nStep 2: 8", steps=two) == [3, 8]
    assert points("Step 1: 3", steps=two) == ["ambiguous_number", "ambiguous_number"]
    assert points("Step 1: 3\nStep 1: 8", steps=two) == ["ambiguous_number", "ambiguous_number"]
    whole = tuple(step.id for step in CPR.steps)
    assert points("Step 2: 4", steps=whole)[1] == 4
    # A clip of step 8 may be numbered by its place in the request or on the sheet; "step 3" is neither.
    for number, got in ((1, 5.0), (8, 5.0), (3, "ambiguous_number")):
        assert points(f"Step {number}: 5", steps=("cpr08",)) == [got]


@pytest.mark.parametrize(
    "text", ["2", "2/3", "Score: 2", "Final score: 2/3\n\nReason: 1. late 2. silent", '{"points": 2, "reason": "late"}']
)
def test_a_clip_has_one_step_and_needs_no_name(text):
    assert points(text, steps=("cpr01",)) == [2]


def test_the_numbered_reasons_of_a_clip_are_no_answers():
    text = "1. Looked round: yes\n2. Said it was safe: no\n\n{}"
    assert points(text.format("Score: 2/3"), steps=("cpr01",)) == [2]
    assert verdicts(text.format("Error: yes"), steps=("cpr01",)) == [True]


# --- verdicts


def test_verdicts_in_json():
    text = '{"steps":[{"id":"cpr01","error":true},{"id":"cpr02","error":false},{"id":"cpr03","error":null}]}'
    assert verdicts(text) == [True, False, "cannot_judge"]
    assert verdicts('{"cpr01": true, "cpr02": {"correct": true}, "cpr03": {"是否错误": "是"}}') == [True, False, True]
    assert verdicts('{"cpr01": {"错误": 1}, "cpr02": {"verdict": true}, "cpr03": 1}') == [
        True,
        "no_verdict",
        "no_verdict",
    ]


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("error", True),
        ("no error", False),
        ("No errors seen.", False),
        ("no obvious error", False),
        ("not an error", False),
        ("nothing wrong", False),
        ("without mistakes", False),
        ("error-free", False),
        ("did not make an error", False),
        ("correct", False),
        ("done correctly", False),
        ("not correct", True),
        ("wasn't done correctly", True),
        ("incorrect", True),
        ("not incorrect", False),
        ("wrong", True),
        ("yes", True),
        ("no", False),
        ("Error - the correct depth was not reached", True),
        ("Correct. No wrong move.", False),
        ("错误", True),
        ("有误", True),
        ("无错误", False),
        ("没有错误", False),
        ("未见明显错误", False),
        ("不正确", True),
        ("未正确粘贴", True),
        ("正确", False),
        ("正确，无误", False),
        ("是", True),
        ("否", False),
        ("yes, correct", "unclear"),
        ("without any doubt wrong", "unclear"),
        ("without a doubt, wrong", True),
        ("no doubt correct", "unclear"),
        ("can't say it was wrong", "unclear"),
        ("cannot say that this was really wrong", "unclear"),
        ("cannot say it was done correctly", "unclear"),
        ("not only wrong but dangerous", "unclear"),
        ("the error of forgetting was not observed", "unclear"),
        ("this mistake didn't occur", "unclear"),
        ("no error was observed", False),
        ("an error was observed", True),
        ("wrong because the chest was not bared", True),
        ("was it wrong? no", "unclear"),
        ("不能说是错误", "unclear"),
        ("该错误没有出现", "unclear"),
        ("毫无疑问错误", True),
        ("the correct site was not used", "unclear"),
        ("partly correct and partly wrong", "unclear"),
        ("done", "no_verdict"),
        ("no look at the surroundings", "no_verdict"),
    ],
)
def test_words_of_a_verdict_and_their_negations(words, wrong):
    assert verdicts(json.dumps({"cpr01": words}))[0] == wrong
    assert verdicts(f"cpr01: {words}")[0] == wrong


def test_a_title_that_holds_a_word_of_verdict_is_not_a_verdict():
    title = AED.get_step("aed04").title_zh
    assert title.startswith("正确")
    assert verdicts(f"aed04 {title}：错误", steps=("aed04",)) == [True]
    assert verdicts(f"aed04 {title}：动作迟缓", steps=("aed04",)) == ["no_verdict"]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("aed04 正确粘贴电极：错误", True),
        ("aed04: 正确粘贴：动作迟缓", "no_verdict"),
        ("| aed04 | 正确粘贴 | 错误 |", True),
        ("aed04 Stick pads in the correct places - error", True),
        ("aed04 - Correct placement of pads: no error", False),
        ("aed04: Error in placement: too low", True),
        ("aed04: Not done correctly: the correct place was missed", True),
    ],
)
def test_a_title_in_the_models_own_words_is_not_a_verdict_either(line, wrong):
    assert verdicts(line, steps=("aed04", "aed05")) == [wrong, "missing"]


def test_points_are_no_verdict_and_a_verdict_no_points():
    assert verdicts('{"cpr01": {"points": 3}}')[0] == "no_verdict"
    assert points('{"cpr01": {"error": false}}')[0] == "not_a_number"


@pytest.mark.parametrize(
    "text", ["", "   ", "I am sorry, I cannot help with that.", "{}", "[]", "|", "```", "\x00\ud800"]
)
def test_a_reply_without_answers_leaves_every_step_missing(text):
    reading = read(text)
    assert reading.form == "nothing"
    assert reading.missing == THREE


def test_a_step_of_no_rubric_is_the_callers_mistake_and_is_said():
    with pytest.raises(RubricError, match="'cpr99' is in none of the rubrics"):
        read("", steps=("cpr99",))
