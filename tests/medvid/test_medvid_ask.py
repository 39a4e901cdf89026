"""What is asked: the words, the example, the room for the answer, the frames, the region."""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files
from itertools import product

import pytest
from golden import golden
from made_release import ASPECTS, SOURCES, make_release, rows_of, write_rows

from siming.bench.medvid.ask import ONE_SHOT, TASKS, build_requests, example_text, position_of, prompt_texts
from siming.bench.medvid.budgets import DEFAULTS, budgets, most_tokens
from siming.bench.medvid.checked import RELEASE_TYPES
from siming.bench.medvid.columns import task_of
from siming.bench.medvid.data import questions_of, read_questions
from siming.bench.medvid.official import cvs, dvc, sa, stg, tal
from siming.bench.medvid.places import FramePlaces, plain_parts
from siming.bench.medvid.regions import Marked, Unmarked, marked_region
from siming.bench.medvid.strict import dvc as strict_dvc
from siming.bench.medvid.strict import stg as strict_stg
from siming.bench.medvid.strict.grades import read_grades
from siming.bench.medvid.strict.stretches import read_stretches
from siming.errors import TaskError

EXAMPLES = {qa_type: example for task in TASKS for qa_type, example in prompt_texts(task)["examples"].items()}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_release(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def questions(data):
    return read_questions(data)


@pytest.fixture(scope="module")
def asked(data, questions):
    return build_requests(questions, data.parent / "frames")


def request(asked, qa_type):
    return next(each for each in asked.requests if each.id.startswith(qa_type))


def words(request):
    return "\n".join(part.text for part in request.parts if part.type == "text")


# --- words: the form that is asked for is one that both readers read


def test_every_question_type_of_the_release_has_an_example_of_its_own():
    assert set(EXAMPLES) == set(RELEASE_TYPES)
    assert len({example["question"] for example in EXAMPLES.values()}) == 11


def test_the_form_shown_for_intervals_is_read_in_both_modes():
    for text, n in ((prompt_texts("tal")["form"], 2), (EXAMPLES["tal"]["answer"], 2)):
        said = re.search(r"\d[\d., -]*-[\d., -]*seconds", text)[0]
        assert len(tal.read_segments(said)) == len(read_stretches(said)) == n
    assert tal.read_segments("none") == []


def test_the_form_shown_for_boxes_is_read_in_both_modes():
    shown = re.search(r"1\.0 seconds: .*?900\.00\]", prompt_texts("stg")["form"])[0]
    for said, times in ((shown, (1.0, 5.0)), (EXAMPLES["stg"]["answer"], (0.0, 2.0, 4.0))):
        read = stg.read_boxes(said, [])
        assert list(read) == [f"{time:.1f}" for time in times]  # as the official look-up spells a time
        assert strict_stg.read_boxes(said, list(times)) == {float(time): box for time, box in read.items()}


def test_the_form_shown_for_events_is_read_in_both_modes():
    texts = [line for line in prompt_texts("dvc")["form"].splitlines() if line[0].isdigit()]
    assert len(texts) == 1
    for said in (*texts, EXAMPLES["dense_captioning_gpt"]["answer"], EXAMPLES["dense_captioning_gemini"]["answer"]):
        official, strict = dvc.read_events(said), strict_dvc.read_events(said)
        assert len(official) == len(strict) == len(said.splitlines())
        assert [tuple(event[:2]) for event in official] == [tuple(event[:2]) for event in strict]


def test_the_form_shown_for_grades_is_read_in_both_modes():
    said = re.search(r"Two structures: A.*?C\.", prompt_texts("cvs_assessment")["form"])[0]
    for letter, grade in zip("ABC", "210", strict=True):
        said = said.replace(f": {letter}", f": {grade}")
    graded = {"two_structures": 2, "cystic_plate": 1, "hepatocystic_triangle": 0}
    assert cvs.read_components(said) == read_grades(said, cvs.COMPONENTS, range(3)) == graded
    form = " ".join(prompt_texts("skill_assessment")["form"].split())
    said = re.sub(r"[A-F]/5", "4/5", re.search(r"Respect.*?F/5", form)[0])
    wanted = dict.fromkeys(ASPECTS, 4)
    assert sa.read_aspects(said) == read_grades(said, tuple(ASPECTS), range(1, 6)) == wanted
    assert set(sa.read_aspects(EXAMPLES["skill_assessment"]["answer"])) == set(ASPECTS)


def test_no_example_is_taken_from_the_benchmark():
    theirs = {turn["value"].strip() for row in golden("ground_truth") for turn in row["conversations"]}
    assert not [
        example for example in EXAMPLES.values() if example["answer"] in theirs or example["question"] in theirs
    ]


def test_a_request_asks_the_question_after_the_frames_and_says_the_form_of_the_answer(asked):
    one = request(asked, "tal/00000")
    assert [part.type for part in one.parts] == ["frames", "text"]
    assert words(one).startswith("When does cutting take place?\nAnswer with all intervals")
    assert "time in seconds from the start of the clip" in one.system
    assert "Example" not in one.system
    assert "<video>" not in words(one)


def test_boxes_are_asked_for_in_pixels_of_the_original_frame_whose_size_is_told(asked):
    assert "320 pixels wide and 180 pixels high" in words(request(asked, "stg"))
    assert "pixels wide" not in words(request(asked, "tal"))


def test_one_shot_shows_the_example_of_the_questions_own_type(data, questions):
    asked = build_requests(questions, data.parent / "frames", one_shot=True)
    for one in asked.requests:
        others = [text["question"] for qa_type, text in EXAMPLES.items() if qa_type != one.steps[0]]
        assert EXAMPLES[one.steps[0]]["question"] in one.system
        assert not any(other in one.system for other in others)
        assert one.setting == ONE_SHOT


def test_the_grades_of_the_cvs_example_are_drawn_per_row_and_alike_for_everyone(questions):
    from dataclasses import replace

    row = next(q for q in questions if q.task == "cvs_assessment")
    drawn = []
    for position in range(600):
        (said,) = re.findall(r"Answer: (.*)", example_text(replace(row, position=position)))
        drawn.append(tuple(cvs.read_components(said).values()))
        assert example_text(replace(row, position=position)).endswith(said)
    assert drawn[:3] == [tuple(cvs.read_components(example_text(replace(row, position=n))).values()) for n in range(3)]
    # All 27 occur; each value of each criterion about a third of the time, so a copied example is right by luck only.
    assert set(drawn) == set(product(range(3), repeat=3))
    for place in range(3):
        assert all(150 < n < 250 for n in Counter(grades[place] for grades in drawn).values())


def test_a_type_without_an_example_of_its_own_takes_the_tasks(questions):
    from dataclasses import replace

    bare = replace(questions[3], qa_type="dc")
    assert EXAMPLES["dense_captioning_gpt"]["question"] in example_text(bare)


def test_every_task_has_a_form_and_every_prompt_file_a_task():
    names = {file.name for file in files("siming.bench.medvid.prompts").iterdir() if file.name.endswith(".yaml")}
    assert names == {f"{task}.yaml" for task in TASKS} | {"system.yaml"}
    assert len(TASKS) == 8


# --- room for the answer


def test_without_references_the_room_is_what_was_measured_to_suffice(asked):
    assert {task_of(r.steps[0]): r.max_tokens for r in asked.requests} == dict(DEFAULTS)
    assert DEFAULTS["stg"] == 512


def test_longer_references_make_more_room_for_their_whole_task_and_for_no_other(tmp_path, data):
    rows = rows_of(data)
    rows[0]["conversations"][1]["value"] = ", ".join(f"{n}.5-{n}.9" for n in range(10, 90)) + " seconds."
    longer = budgets(questions_of(rows, where="x"))
    # Eighty times 10.5-10.9 and a comma: 6 digits, 2 points, a hyphen and a comma make 10; a quarter more is 1000.
    assert longer["tal"] == 1024
    assert {task: n for task, n in longer.items() if task != "tal"} == {t: n for t, n in DEFAULTS.items() if t != "tal"}
    asked = build_requests(questions_of(rows, where="x"), tmp_path)
    assert {r.max_tokens for r in asked.requests if r.steps[0] == "tal"} == {1024}


def test_tokens_are_estimated_upwards():
    # A measured box of STG is about 25 tokens.
    assert most_tokens("1.0 seconds: [235.08, 261.2, 561.58, 905.6]") >= 25
    assert most_tokens("") == 0
    assert most_tokens("胆囊") == 2


# --- which questions, which frames


def test_every_frame_is_shown_at_its_own_time(asked):
    late = next(r for r in asked.requests if r.video == "VID25")
    assert late.plan.times_s == pytest.approx((0, 2, 4, 6.28, 8, 10, 12))  # the fourth frame is 7 of 25 a second late
    assert [p.path.split("/")[0] for p in late.pictures] == ["CholecT50"] * 7
    marked = [len(r.pictures) == len(r.plan.times_s) for r in asked.requests]
    assert all(marked)


def test_requests_are_named_by_type_and_place_even_true_duplicates(asked):
    assert [position_of(r.id) for r in asked.requests] == list(range(14))
    first, twin = asked.requests[0], asked.requests[13]
    assert words(first) == words(twin)
    assert first.id != twin.id


def test_tasks_and_types_can_be_chosen_and_limited(data, questions):
    frames = data.parent / "frames"
    chosen = build_requests(questions, frames, tasks=["stg", "video_summary_gemini"])
    assert [r.steps[0] for r in chosen.requests] == ["stg", "video_summary_gemini"]
    assert len(build_requests(questions, frames, tasks=["vs"]).requests) == 2
    assert len(build_requests(questions, frames, limit=3).requests) == 3
    with pytest.raises(TaskError, match="there is no task 'tag'; there are cvs_assessment"):
        build_requests(questions, frames, tasks=["tag"])
    with pytest.raises(TaskError, match="limit=0"):
        build_requests(questions, frames, limit=0)


def test_rows_that_nobody_scores_are_not_asked(data):
    rows = rows_of(data)
    rows[1]["qa_type"] = "phase_recognition"
    asked = build_requests(questions_of(rows, where="x"), data.parent / "frames")
    assert len(asked.requests) == 13
    assert asked.skipped == {}


def test_a_row_without_frames_or_with_one_that_leads_out_is_skipped_with_its_reason(data):
    rows = rows_of(data)
    rows[0]["video"] = []
    rows[1]["video"][2] = "../../etc/passwd"
    asked = build_requests(questions_of(rows, where="x"), data.parent / "frames")
    assert "lists no frames" in asked.skipped["tal/00000"]
    assert "'../../etc/passwd' leads out" in asked.skipped["tal/00001"]
    assert len(asked.requests) == 12


def test_half_a_character_in_a_question_is_asked_as_a_question_mark(data):
    rows = rows_of(data)
    rows[0]["conversations"][0]["value"] = "When \ud800 now?"
    rows[0]["id"] += "\udfff"
    asked = build_requests(questions_of(rows, where="x"), data.parent / "frames")
    assert words(asked.requests[0]).startswith("When ? now?\n")
    asked.requests[0].to_line().encode()


def test_frames_that_are_not_there_yet_are_counted(data, questions, tmp_path, asked):
    assert asked.n_missing == 0
    assert build_requests(questions, tmp_path).n_missing == 7 * len(SOURCES)


# --- where frames lie


@pytest.mark.parametrize("prefix", ["", "frames/", "/root/data/MedVidBench/frames/"])
def test_frames_are_found_with_and_without_the_folders_before_the_sources(tmp_path, prefix):
    questions = read_questions(make_release(tmp_path, prefix=prefix))
    places = FramePlaces.learn(tmp_path / "frames", questions)
    for question in questions:
        for path in question.frames:
            assert (tmp_path / "frames" / places.within(path, question.source)).is_file()


def test_a_folder_with_the_prefix_in_it_is_found_as_well(tmp_path):
    questions = read_questions(make_release(tmp_path, prefix="frames/"))
    places = FramePlaces.learn(tmp_path, questions)
    assert places.within(questions[0].frames[0], "AVOS").startswith("frames/AVOS/")


def test_one_sources_frames_are_never_taken_for_anothers(tmp_path):
    """Two sources may have a recording and a frame of the same name; only the folder tells them apart."""
    path = make_release(tmp_path)
    rows = [row for row in rows_of(path) if row["data_source"] == "AVOS"]
    for row in rows:
        row["data_source"] = "CholecT50"
        row["video"] = [frame.replace("AVOS", "CholecT50") for frame in row["video"]]
    questions = read_questions(write_rows(tmp_path / "other", rows))
    # Below frames/AVOS there is xA1/frame_0000100.jpg, but it is AVOS's.
    places = FramePlaces.learn(tmp_path / "frames" / "AVOS", questions)
    assert places.within(questions[0].frames[0], "CholecT50") == "CholecT50/xA1/frame_0000100.jpg"


def test_a_folder_of_one_source_alone_is_found_by_its_name(tmp_path):
    questions = [q for q in read_questions(make_release(tmp_path)) if q.source == "AVOS"]
    places = FramePlaces.learn(tmp_path / "frames" / "AVOS", questions)
    assert places.within(questions[0].frames[0], "AVOS") == "xA1/frame_0000100.jpg"


@pytest.mark.parametrize(
    "path", ["../a.jpg", "a/../../b.jpg", "..\\a.jpg", "", "/", "a\0b.jpg", "a\ud800b.jpg", "a\nb.jpg"]
)
def test_paths_that_lead_upwards_or_hold_what_no_path_holds_name_no_frame(path):
    assert plain_parts(path) is None


# --- regions


def region_row(data, **changes):
    row = next(row for row in rows_of(data) if row["qa_type"] == "region_caption_gpt")
    row["RC_info"] = {**row["RC_info"], **changes}
    return questions_of([row], where="x")[0]


def test_the_region_is_drawn_on_its_frame_alone(asked):
    one = request(asked, "region_caption_gpt")
    assert [p.region for p in one.pictures] == [None, None, (30, 200, 90, 280), None, None, None, None]


def test_the_regions_frame_is_found_by_another_prefix_too(data):
    frame = region_row(data).frames[4]
    for path in (frame, f"frames/{frame}", f"/x/y/{frame}"):
        assert marked_region(region_row(data, start_frame=path)) == Marked(4, (30, 200, 90, 280))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"start_frame": "EgoSurgery/09_5/frame_0009999.jpg"}, "frame-unknown"),
        ({"start_frame": "frame_0000104.jpg"}, "frame-unknown"),
        ({"start_frame": "../x.jpg"}, "frame-unknown"),
        ({"start_frame_bbox": [90, 200, 30, 280]}, "outside"),
        ({"start_frame_bbox": [0, 0, 0, 0]}, "outside"),
    ],
)
def test_a_region_that_cannot_be_drawn_says_why(data, changes, fault):
    found = marked_region(region_row(data, **changes))
    assert isinstance(found, Unmarked)
    assert found.fault == fault


def test_a_question_without_a_region_is_asked_without_a_box(questions):
    assert marked_region(questions[0]) is None
