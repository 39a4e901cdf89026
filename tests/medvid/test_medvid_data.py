"""Reading the release: rows, keys, and when each frame was taken."""

from __future__ import annotations

import json

import pytest
from golden import golden
from made_release import make_release, rows_of, write_rows

from siming.bench.medvid.data import data_file, duplicates, questions_of, read_json_list, read_questions
from siming.bench.medvid.keys import key_of, question_words
from siming.bench.medvid.times import Extent, extent_of, frame_times, number_in
from siming.errors import DatasetError


def row(**changes):
    plain = {
        "id": "v&&0&&50&&1.0",
        "qa_type": "tal",
        "data_source": "AVOS",
        "metadata": {"video_id": "v", "fps": "1.0", "input_video_start_frame": "0", "input_video_end_frame": "50"},
        "video": ["AVOS/v/0.jpg", "AVOS/v/25.jpg", "AVOS/v/50.jpg"],
        "sampled_video_frames": [0, 25, 50],
        "conversations": [{"from": "human", "value": "<video>\nWhen?"}, {"from": "gpt", "value": "1-2 seconds."}],
        "struc_info": [],
    }
    return {**plain, **changes}


def only(**changes):
    (question,) = questions_of([row(**changes)], where="test.json")
    return question


# --- rows


def test_a_row_is_read_with_its_fps_as_text_and_its_question_without_the_place_of_the_video():
    question = only()
    assert (question.fps, question.question, question.reference, question.task) == (1.0, "When?", "1-2 seconds.", "tal")
    assert (question.video, question.source, question.extent) == ("v", "AVOS", Extent(0, 50, "frames"))


def test_the_public_test_file_has_no_answers_and_reads_all_the_same():
    question = only(conversations=[{"from": "user", "value": "When?"}])
    assert (question.question, question.reference) == ("When?", None)


def test_either_name_of_the_source_may_be_absent():
    plain = row(dataset_name="CoPESD")
    del plain["data_source"]
    assert questions_of([plain], where="x")[0].source == "CoPESD"
    del plain["dataset_name"]
    assert questions_of([plain], where="x")[0].source == "Unknown"


def test_a_region_is_a_path_and_a_box_and_half_of_one_is_none():
    region = only(RC_info={"start_frame": "AVOS/v/25.jpg", "start_frame_bbox": ["1", 2, 3.5, 4]}).region
    assert (region.frame, region.box) == ("AVOS/v/25.jpg", (1, 2, 3.5, 4))
    assert only(RC_info={"start_frame": "AVOS/v/25.jpg", "start_frame_bbox": [1, 2, 3]}).region is None
    assert only(RC_info={"start_frame": 25, "start_frame_bbox": [1, 2, 3, 4]}).region is None


def test_every_row_at_fault_is_named_at_once():
    broken = [row(), {"id": 3}, "text", row(conversations=[]), row(metadata=None)]
    with pytest.raises(DatasetError) as caught:
        questions_of(broken, where="test.json")
    for said in (
        "row 1: `id` is int",
        "row 2: is str",
        "row 3: `conversations` holds no question",
        "row 4: `metadata`",
    ):
        assert said in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', "[" * 100_000, "\xff"])
def test_a_file_that_is_no_list_of_rows_is_refused_and_never_a_crash(tmp_path, text):
    path = tmp_path / "test.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DatasetError, match=r"test\.json"):
        read_questions(path)


def test_a_file_that_is_too_large_is_not_even_opened(tmp_path):
    path = tmp_path / "test.json"
    path.write_text("[1, 2, 3]")
    with pytest.raises(DatasetError, match="has 9 bytes"):
        read_json_list(path, most_bytes=8)


def test_data_may_be_named_by_the_folder_that_holds_one_file(tmp_path):
    path = write_rows(tmp_path, [row()])
    assert data_file(tmp_path) == data_file(path) == path
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(DatasetError, match="holds 2 JSON files"):
        data_file(tmp_path)


# --- names


def test_a_question_is_named_by_id_type_and_words_whatever_their_spacing():
    assert question_words("<video>\n What\u00a0 cafe\u0301?\n") == "What café?"
    assert key_of("a", "tal", "<video>\nWhat  now?") == key_of("a", "tal", "What now?")
    assert key_of("a", "tal", "x") != key_of("a", "stg", "x") != key_of("b", "stg", "x")


def test_questions_that_share_an_id_are_told_apart_and_true_duplicates_are_found(tmp_path):
    questions = read_questions(make_release(tmp_path))
    assert len({q.id for q in questions}) == 8
    assert len({q.key for q in questions}) == 13
    assert list(duplicates(questions).values()) == [[0, 13]]


def test_half_a_character_in_a_question_breaks_no_key():
    assert len(key_of("a", "tal", "\ud800").question) == 64


# --- times


def test_a_known_duration_gives_the_rate_that_frame_numbers_count_at():
    # A clip of 4 s with 4 frames at 1 a second: the last lies one stride before the end, so 120 numbers take 3 s.
    times = frame_times([100, 130, 160, 220], fps=1.0, extent=Extent(10.0, 14.0, "seconds"))
    assert times.way == "duration"
    assert times.times_s == pytest.approx((0, 0.75, 1.5, 3.0))


def test_a_last_frame_at_the_very_end_of_a_known_duration():
    times = frame_times([0, 30, 60, 90], fps=1.0, extent=Extent(5.0, 8.0, "seconds"))
    assert times.times_s == pytest.approx((0, 1, 2, 3))


def test_the_rate_in_a_folders_name_comes_next():
    times = frame_times([0, 15, 30], fps=0.5, extent=Extent(0, 30, "frames"), paths=["J/Suturing_15fps/0.jpg"])
    assert (times.way, times.times_s) == ("folder rate", (0, 1, 2))
    half = frame_times([0, 25], fps=1.0, paths=["J/a_12.5fps/0.jpg"])
    assert half.times_s == (0, 2)


def test_else_the_usual_stride_is_one_step_of_the_sampled_rate_and_irregular_frames_keep_their_own_time():
    # stride 50 at 0.5 a second: 25 frames a second in the recording; the third frame is 7 late
    times = frame_times([100, 150, 207, 250, 300], fps=0.5, extent=Extent(100, 300, "frames"))
    assert (times.way, times.times_s) == ("median stride", (0, 2, 4.28, 6, 8))


@pytest.mark.parametrize("numbers", [[7], [5, 5, 5], [9, 4, 20], range(0)], ids=["one", "equal", "falling", "none"])
def test_numbers_that_tell_no_time_leave_it_to_the_place_in_the_list(numbers):
    times = frame_times(list(numbers), fps=2.0)
    assert (times.way, times.times_s) == ("index", tuple(place / 2 for place in range(len(numbers))))


def test_frames_without_as_many_numbers_are_timed_by_their_place():
    assert only(sampled_video_frames=[0, 25]).times.times_s == (0, 1, 2)
    assert only(sampled_video_frames=None, metadata={"fps": "0.5"}).times.times_s == (0, 2, 4)


def test_the_three_conventions_of_a_clips_extent():
    assert extent_of({"input_video_start_time": "1.5", "input_video_end_time": "4"}) == Extent(1.5, 4, "seconds")
    assert extent_of({"input_video_start_frame": "10", "input_video_end_frame": 40}) == Extent(10, 40, "frames")
    assert extent_of({"start_frame": 10, "end_frame": "40"}) == Extent(10, 40, "frames")
    assert extent_of({"start_frame": 10}) is None
    assert Extent(10, 40, "frames").duration_s is None


@pytest.mark.parametrize("fps", ["n/a", "0", "-1", "inf", None, True, "nan"])
def test_an_fps_that_is_no_rate_counts_as_one(fps):
    assert only(metadata={"fps": fps}).fps == 1.0


def test_numbers_given_as_text_are_numbers_and_those_without_an_end_are_none():
    assert [number_in(v) for v in ("2.50", 3, "1e400", "x", True, [1])] == [2.5, 3, None, None, None, None]


def test_the_golden_questions_have_a_time_for_every_frame_and_none_before_the_start():
    for question in questions_of(golden("ground_truth"), where="ground_truth.json"):
        times = question.times.times_s
        assert len(times) == len(question.frames)
        assert times[0] == 0
        assert list(times) == sorted(times)


def test_a_made_release_reads_as_it_was_written(tmp_path):
    path = make_release(tmp_path, references=False)
    assert [q.qa_type for q in read_questions(path)] == [r["qa_type"] for r in rows_of(path)]
    assert all(q.reference is None for q in read_questions(path))
    assert json.loads(path.read_text())[0]["struc_info"] == []
