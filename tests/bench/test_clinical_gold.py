"""Gold through the pipe, and the reader's totality."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siming.bench.clinical import SETTINGS, answer_text, build_requests, get_setting, read_reply, to_sheets
from siming.bench.clinical.jsontree import Node, find_trees
from siming.rubric import (
    Attempt,
    Author,
    Dataset,
    DatasetInfo,
    Entry,
    RubricRef,
    Sheet,
    VideoRef,
    builtin_rubric,
    check_sheet,
    labels_of_sheet,
    wrong_of_entry,
)

RUBRICS = [builtin_rubric(name) for name in ("cpr-adult-single", "aed-adult", "bmv-adult")]
STEPS = [step for rubric in RUBRICS for step in rubric.steps]
IDS = tuple(step.id for step in STEPS)


def gold_sheets(seed):
    """Sheets with points in halves from nothing to full, and some steps that could not be judged."""
    rng = random.Random(seed)

    def entry(step):
        if rng.random() < 0.1:
            return Entry(status="cannot_judge", reason="camera blocked")
        return Entry(points=rng.randint(0, int(2 * step.max_points)) / 2, note=rng.choice([None, 'said "safe"', "迟"]))

    return [
        Sheet(
            attempt="A-001",
            rubric=rubric.id,
            rubric_version=rubric.version,
            author=Author(kind="consensus", name="Lin"),
            steps={step.id: entry(step) for step in rubric.steps},
        )
        for rubric in RUBRICS
    ]


def dataset():
    refs = tuple(RubricRef(id=rubric.id, version=rubric.version) for rubric in RUBRICS)
    attempt = Attempt(
        id="A-001",
        video=VideoRef(path="a.mp4", duration_s=170.0),
        rubrics=refs,
        segments={step_id: ((5.0 * i, 5.0 * i + 4),) for i, step_id in enumerate(IDS)},
    )
    info = DatasetInfo(name="d", version="1", licence="CC0-1.0", rubrics=refs, provenance="made up")
    return Dataset(Path(), info, {rubric.id: rubric for rubric in RUBRICS}, [attempt], ())


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("setting", [setting.name for setting in SETTINGS])
def test_a_sheet_written_as_a_models_answer_reads_back_exactly(setting, language):
    gold = gold_sheets(seed=setting)
    asks = get_setting(setting).asks
    asked = build_requests(dataset(), setting, language=language, n=1)
    assert sum(len(request.steps) for request in asked.requests) == len(IDS)
    back = {}
    for request in asked.requests:
        text = answer_text(gold, request, RUBRICS, asks)
        reading = read_reply(text, steps=request.steps, rubrics=RUBRICS, asks=asks)
        assert (reading.form, reading.extra, reading.notes) == ("json", (), ())
        for sheet in to_sheets(reading, request, RUBRICS, "replay"):
            back |= {k: entry for k, entry in sheet.steps.items() if entry.reason != "not asked"}
    for sheet, rubric in zip(gold, RUBRICS, strict=True):
        for step in rubric.steps:
            want, got = sheet.steps[step.id], back[step.id]
            assert got.status == want.status
            assert got.reason == want.reason
            assert got.note == want.note
            assert got.points == (want.points if asks == "points" else None)
            assert wrong_of_entry(got, step, rubric) == wrong_of_entry(want, step, rubric)


def test_sheets_of_a_reading_fit_their_rubrics_and_give_the_gold_labels():
    gold = gold_sheets(seed=1)
    (request,) = build_requests(dataset(), "full-points").requests
    reading = read_reply(answer_text(gold, request, RUBRICS, "points"), steps=IDS, rubrics=RUBRICS, asks="points")
    for sheet, want, rubric in zip(to_sheets(reading, request, RUBRICS, "m"), gold, RUBRICS, strict=True):
        check_sheet(sheet, rubric)
        assert sheet.author == Author(kind="model", name="m")
        assert labels_of_sheet(sheet, rubric) == labels_of_sheet(want, rubric)


def test_steps_a_clip_does_not_ask_about_stay_open_on_the_sheet():
    request = build_requests(dataset(), "clip-points").requests[0]
    reading = read_reply('{"points": 9}', steps=request.steps, rubrics=RUBRICS, asks="points")
    (sheet,) = to_sheets(reading, request, RUBRICS, "m")
    assert sheet.rubric == "cpr-adult-single"
    assert sheet.steps["cpr02"] == Entry(status="cannot_judge", reason="not asked")
    assert sheet.steps["cpr01"].reason == 'unreadable: the reply gives "9", the step has 0 to 3 points'


def test_a_step_that_no_sheet_judges_is_answered_with_null():
    request = build_requests(dataset(), "clip-errors").requests[0]
    answer = json.loads(answer_text([], request, RUBRICS, "errors"))
    assert answer == {"steps": [{"id": "cpr01", "error": None, "reason": "not on the sheet"}]}


# --- totality


def check_total(text, asks, steps=IDS):
    """What holds of every reading of every text."""
    reading = read_reply(text, steps=steps, rubrics=RUBRICS, asks=asks)
    assert tuple(s.step for s in reading.steps) == tuple(steps)
    for got, step in zip(reading.steps, (s for s in STEPS if s.id in steps), strict=True):
        assert (got.status == "read") == (got.cause is None)
        assert (got.points is not None) == (got.status == "read" and asks == "points")
        assert (got.wrong is not None) == (got.status == "read" and asks == "errors")
        assert got.points is None or 0 <= got.points <= step.max_points
        assert (got.why("zh") is None) == (got.why("en") is None) == (got.cause is None)
    for sheet in to_sheets(reading, REQUEST, RUBRICS, "m"):
        check_sheet(sheet, next(rubric for rubric in RUBRICS if rubric.id == sheet.rubric))
        sheet.to_line().encode()
    return reading


GOLD = gold_sheets(seed=7)
REQUEST = build_requests(dataset(), "full-points", n=1).requests[0]
PIECES = st.one_of(
    st.sampled_from("cpr01,aed 8,Step 3,第2步,1.,cpr02: 3/4,steps,id,points,得分,error,无,错误,not,correct".split(",")),  # noqa: SIM905
    st.sampled_from("<think>,</think>,```json,---, out of ,½,3,4.5,-1,％,NaN,null,true,max,\n,\ud800".split(",")),  # noqa: SIM905
    st.sampled_from("{}[]()\"'“”:：,，|/\\"),
)


@settings(max_examples=150, deadline=None)
@given(text=st.text(), asks=st.sampled_from(["points", "errors"]))
def test_every_text_has_a_reading(text, asks):
    check_total(text, asks)


@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(PIECES, max_size=60), asks=st.sampled_from(["points", "errors"]), clip=st.booleans())
def test_every_heap_of_the_words_of_answers_has_a_reading(pieces, asks, clip):
    check_total(" ".join(pieces), asks, steps=IDS[:1] if clip else IDS)
    check_total("".join(pieces), asks, steps=IDS[:1] if clip else IDS)


@settings(max_examples=150, deadline=None)
@given(data=st.data(), asks=st.sampled_from(["points", "errors"]))
def test_every_good_reply_that_was_damaged_has_a_reading(data, asks):
    text = answer_text(GOLD, REQUEST, RUBRICS, asks)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 12))
        text = text[:at] + data.draw(PIECES) + text[at + cut :]
    check_total(text, asks)


@settings(max_examples=60, deadline=None)
@given(end=st.integers(0, 4000))
def test_a_reply_cut_off_anywhere_gives_only_true_points(end):
    """Truncation may lose steps; it never changes a value."""
    text = answer_text(GOLD, REQUEST, RUBRICS, "points")[:end]
    truth = {step_id: entry.points for sheet in GOLD for step_id, entry in sheet.steps.items()}
    for got in check_total(text, "points").steps:
        assert got.points in (None, truth[got.step])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(value=JSON.filter(lambda v: isinstance(v, list | dict)), indent=st.sampled_from([None, 2]), ascii_=st.booleans())
def test_correct_json_is_read_as_json(value, indent, ascii_):
    def plain(node):
        if not isinstance(node, Node):
            return node
        if node.kind == "[":
            return [plain(v) for _, v in node.items]
        return {k: plain(v) for k, v in node.items}

    (root,) = find_trees(json.dumps(value, indent=indent, ensure_ascii=ascii_))
    assert root.closed
    assert plain(root) == value


@pytest.mark.parametrize(
    "garbage",
    [
        *(
            "{",
            "[",
            '"',
            '{"',
            '["',
            "\\",
            '{"a":',
            "'",
            "“",
            "|",
            "\n",
            " ",
            "9",
            "/",
            "no ",
            "cpr01",
            "cpr01: ",
            "1. 3/3\n",
        ),
        *(
            "| cpr01 | 3 |\n",
            '{"id":"cpr01","points":3},',
            "<think>",
            "Step ",
            "步骤",
            "score: ",
            "not ",
            "*",
            "( ",
            '{"k":1,',
        ),
    ],
)
@pytest.mark.parametrize("asks", ["points", "errors"])
def test_time_grows_with_the_length_of_garbage_and_no_faster(garbage, asks):
    """Sixteen times the text may cost some sixteen times the time, never 256 times."""

    def seconds(n_characters):
        text = (
            '{"' + garbage * (n_characters // len(garbage))
            if garbage == "\\"
            else garbage * (n_characters // len(garbage))
        )
        started = time.process_time()
        check_total(text, asks)
        return time.process_time() - started

    # The least of three, and a bound far below 256: the machine may be busy.
    least = [min(seconds(n) for _ in range(3)) for n in (5_000, 80_000)]
    assert least[1] < 100 * max(least[0], 0.003)
