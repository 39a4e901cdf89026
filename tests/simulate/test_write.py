"""A simulated dataset is the same whenever it is written, and a broken-off one is finished."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from siming.errors import DatasetError, TaskError
from siming.rubric import examine, load_dataset
from siming.simulate import simulate_dataset, write

RECORDS = ("dataset.yaml", "attempts.jsonl", "sheets.jsonl", "events.jsonl")


def written(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RECORDS}


@pytest.fixture
def quick_pen(monkeypatch) -> list[str]:
    """Stands in for the film: writes a few bytes and says which attempts were drawn."""
    drawn: list[str] = []

    def draw_exam(exam, path, *, fps):
        drawn.append(exam.attempt.id)
        path.write_bytes(f"{exam.attempt.id} at {fps}".encode())

    monkeypatch.setattr(write, "draw_exam", draw_exam)
    return drawn


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        simulate_dataset(tmp_path / name, attempts=6, seed=4, draw=False)
    assert written(tmp_path / "one") == written(tmp_path / "two")


def test_a_larger_dataset_of_the_same_seed_begins_with_the_same_exams(tmp_path):
    small = simulate_dataset(tmp_path / "small", attempts=2, seed=4, draw=False)
    large = simulate_dataset(tmp_path / "large", attempts=3, seed=4, draw=False)
    assert small.attempts == large.attempts[:2]
    assert small.sheets == large.sheets[: len(small.sheets)]


def test_what_is_written_is_read_back_and_the_examiners_sheets_are_the_truth(tmp_path):
    simulate_dataset(tmp_path / "d", attempts=5, seed=4, draw=False)
    dataset = load_dataset(tmp_path / "d")
    assert len(dataset.sheets) == 5 * 3 * 4
    assert dataset.info.licence == "CC0-1.0"
    assert "seed 4" in dataset.info.provenance
    for sheet in dataset.sheets_of("examiner"):
        again = examine(dataset.rubrics[sheet.rubric], dataset.events_of(sheet.attempt)).sheet()
        assert again.steps == sheet.steps
    assert {sheet.author.name for sheet in dataset.sheets_of("physician")} == {"Wei", "Okafor"}


@pytest.mark.parametrize(("physicians", "kinds"), [(0, {"examiner"}), (1, {"examiner", "physician"})])
def test_without_two_physicians_there_is_no_consensus(physicians, kinds, tmp_path):
    dataset = simulate_dataset(tmp_path / "d", attempts=1, seed=4, physicians=physicians, draw=False)
    assert {sheet.author.kind for sheet in dataset.sheets} == kinds


def test_a_drawn_video_is_named_with_its_length_and_checksum(tmp_path):
    dataset = simulate_dataset(tmp_path / "d", attempts=1, seed=4, fps=1, workers=1)
    [attempt] = dataset.attempts
    video = dataset.video_path(attempt)
    assert hashlib.sha256(video.read_bytes()).hexdigest() == attempt.video.sha256
    assert 150 < attempt.video.duration_s < 220
    line = (tmp_path / "d" / "videos" / "SHA256SUMS").read_text()
    assert line == f"{attempt.video.sha256}  A-001.mp4\n"


def test_a_second_call_keeps_the_finished_videos(tmp_path, quick_pen):
    simulate_dataset(tmp_path / "d", attempts=3, seed=4, workers=1)
    before = written(tmp_path / "d")
    told = []
    simulate_dataset(tmp_path / "d", attempts=3, seed=4, workers=1, on_progress=lambda *n: told.append(n))
    assert quick_pen == ["A-001", "A-002", "A-003"]
    assert told == [(3, 3)]
    assert written(tmp_path / "d") == before


def test_a_damaged_or_missing_video_is_drawn_again(tmp_path, quick_pen):
    simulate_dataset(tmp_path / "d", attempts=3, seed=4, workers=1)
    (tmp_path / "d" / "videos" / "A-001.mp4").unlink()
    (tmp_path / "d" / "videos" / "A-003.mp4").write_bytes(b"half")
    simulate_dataset(tmp_path / "d", attempts=3, seed=4, workers=1)
    assert quick_pen[3:] == ["A-001", "A-003"]


def test_a_call_that_was_broken_off_goes_on_where_it_stopped(tmp_path, quick_pen):
    def stop(done: int, of: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_dataset(tmp_path / "d", attempts=4, seed=4, workers=1, on_progress=stop)
    simulate_dataset(tmp_path / "d", attempts=4, seed=4, workers=1)
    assert quick_pen == ["A-001", "A-002", "A-003", "A-004"]
    assert len(load_dataset(tmp_path / "d").attempts) == 4


def test_another_picture_rate_draws_all_videos_again(tmp_path, quick_pen):
    simulate_dataset(tmp_path / "d", attempts=2, seed=4, workers=1)
    simulate_dataset(tmp_path / "d", attempts=2, seed=4, workers=1, fps=5)
    assert quick_pen == ["A-001", "A-002"] * 2


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "thesis.txt").write_text("all I have")
    with pytest.raises(DatasetError, match="new or an empty folder"):
        simulate_dataset(tmp_path / "d", attempts=1, seed=4, draw=False)
    assert [path.name for path in (tmp_path / "d").iterdir()] == ["thesis.txt"]
    simulate_dataset(tmp_path / "new", attempts=1, seed=4, draw=False)  # the mend


def test_a_dataset_of_another_seed_is_not_overwritten(tmp_path):
    simulate_dataset(tmp_path / "d", attempts=1, seed=4, draw=False)
    before = written(tmp_path / "d")
    with pytest.raises(DatasetError, match="seed 4"):
        simulate_dataset(tmp_path / "d", attempts=1, seed=5, draw=False)
    assert written(tmp_path / "d") == before


@pytest.mark.parametrize("bad", [{"attempts": 0}, {"physicians": 3}, {"fps": 0}, {"workers": 0}])
def test_numbers_out_of_range_are_refused_before_anything_is_written(bad, tmp_path):
    with pytest.raises(TaskError, match=next(iter(bad))):
        simulate_dataset(tmp_path / "d", **{"attempts": 1, "seed": 4, **bad})
    assert not (tmp_path / "d").exists()


@pytest.mark.slow
def test_several_processes_draw_the_same_bytes_as_one(tmp_path):
    one = simulate_dataset(tmp_path / "one", attempts=2, seed=4, fps=1, workers=1)
    two = simulate_dataset(tmp_path / "two", attempts=2, seed=4, fps=1, workers=2)
    assert [a.video.sha256 for a in one.attempts] == [a.video.sha256 for a in two.attempts]
