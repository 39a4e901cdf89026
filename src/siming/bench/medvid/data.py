"""Questions of MedVidBench as the public release writes them: a JSON list, and frames in folders beside it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from siming.bench.medvid.columns import Task, task_of
from siming.bench.medvid.keys import Key, key_of, question_words
from siming.bench.medvid.times import Extent, FrameTimes, extent_of, frame_times, number_in
from siming.errors import DatasetError

MOST_BYTES = 2**30
"""A file of questions larger than this is not one."""


@dataclass(frozen=True, slots=True)
class Region:
    """The box that a region caption asks about."""

    frame: str
    """Path of the frame that it is drawn on, as it stands among the question's frames."""
    box: tuple[float, float, float, float]
    """x1, y1, x2, y2 in pixels of the source frame."""


@dataclass(frozen=True)
class Question:
    """One row of the release."""

    position: int
    """Place in the file, from 0: the order of a submission."""
    id: str
    """``VIDEO&&START&&END&&FPS``; many questions share one."""
    qa_type: str
    task: Task | None
    source: str
    question: str
    """Without the place of the video."""
    reference: str | None
    """The reference answer's text; None in the public test file."""
    structure: Any
    """The structured reference, `struc_info`, as it stands in the file."""
    video: str
    """Name of the recording: clips of one recording are not independent."""
    fps: float
    """Frames per second of the sampled frames."""
    frames: tuple[str, ...]
    """Paths, as the release writes them."""
    frame_numbers: tuple[int, ...]
    extent: Extent | None
    region: Region | None
    record: Mapping[str, Any]
    """The row as it was read."""

    @cached_property
    def key(self) -> Key:
        """What names the question."""
        return key_of(self.id, self.qa_type, self.question)

    @property
    def times(self) -> FrameTimes:
        """Seconds from the start of the clip of each frame, and how they were found."""
        if len(self.frame_numbers) != len(self.frames):
            return FrameTimes(tuple(place / self.fps for place in range(len(self.frames))), "index")
        return frame_times(self.frame_numbers, fps=self.fps, extent=self.extent, paths=self.frames)


def read_questions(path: Path | str) -> list[Question]:
    """Read a file of the release, with references or without.

    Raises:
        DatasetError: No JSON list of rows with `id`, `qa_type`, `conversations` and `metadata`; every row at fault,
            up to twenty, with its mend.
    """
    return questions_of(read_json_list(Path(path)), where=str(path))


def data_file(path: Path | str) -> Path:
    """The file of questions: the path itself, or the only JSON file of a folder.

    Raises:
        DatasetError: A folder with none, or with several.
    """
    path = Path(path)
    if not path.is_dir():
        return path
    found = sorted(path.glob("*.json"))
    if len(found) != 1:
        names = ", ".join(each.name for each in found[:5]) or "none"
        raise DatasetError(f"{path}: holds {len(found)} JSON files ({names}); name the one with the questions")
    return found[0]


def questions_of(records: Sequence[Any], *, where: str) -> list[Question]:
    """The questions in a JSON list that was read already. Errors as in `read_questions`."""
    complaints: list[str] = []
    questions = []
    for position, record in enumerate(records):
        problem = problem_of(record)
        if problem:
            complaints.append(f"row {position}: {problem}")
        else:
            questions.append(question_of(position, record))
    if complaints:
        more = f"; and {len(complaints) - 20} more" if len(complaints) > 20 else ""
        raise DatasetError(f"{where}: " + "; ".join(complaints[:20]) + more)
    return questions


def duplicates(questions: Sequence[Question]) -> dict[Key, list[int]]:
    """Keys that several questions share, each with their positions."""
    counts = Counter(question.key for question in questions)
    out: dict[Key, list[int]] = {}
    for question in questions:
        if counts[question.key] > 1:
            out.setdefault(question.key, []).append(question.position)
    return out


def read_json_list(path: Path, *, most_bytes: int = MOST_BYTES) -> list[Any]:
    """A JSON list, whole.

    Raises:
        DatasetError: No such file, too large, no JSON, or no list.
    """
    try:
        size = path.stat().st_size
        if size > most_bytes:
            raise DatasetError(f"{path}: has {size} bytes, more than {most_bytes}; it is no file of questions")
        loaded = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DatasetError(f"{path}: there is no such file; name the JSON file of the release") from None
    except (ValueError, RecursionError) as cause:
        raise DatasetError(f"{path}: is no JSON ({cause}); download it again, or name another file") from cause
    if not isinstance(loaded, list):
        raise DatasetError(
            f"{path}: holds a {type(loaded).__name__}, wanted a list of rows; name the release's own file"
        )
    return loaded


def problem_of(record: Any) -> str | None:
    """Why a row cannot be read, and the mend; None where it can."""
    if not isinstance(record, Mapping):
        return f"is {type(record).__name__}, wanted an object"
    for name, kind in (("id", str), ("qa_type", str), ("conversations", list), ("metadata", Mapping)):
        if not isinstance(record.get(name), kind):
            found = "missing" if name not in record else f"{type(record[name]).__name__}"
            return f"`{name}` is {found}; take the row from the release again"
    if said(record, ("human", "user")) is None:
        return "`conversations` holds no question (from: human); take the row from the release again"
    return None


def question_of(position: int, record: Mapping[str, Any]) -> Question:
    """The question of a row in which `problem_of` finds nothing."""
    metadata = record["metadata"]
    fps = number_in(metadata.get("fps"))
    reference = said(record, ("gpt", "assistant"))
    return Question(
        position=position,
        id=record["id"],
        qa_type=record["qa_type"],
        task=task_of(record["qa_type"]),
        source=str(record.get("data_source") or record.get("dataset_name") or "Unknown"),
        question=question_words(str(said(record, ("human", "user")))),
        reference=reference if isinstance(reference, str) else None,
        structure=record.get("struc_info"),
        video=str(metadata.get("video_id") or record["id"].split("&&")[0]),
        fps=fps if fps and fps > 0 else 1.0,
        frames=tuple(path for path in _list(record.get("video")) if isinstance(path, str)),
        frame_numbers=_frame_numbers(_list(record.get("sampled_video_frames"))),
        extent=extent_of(metadata),
        region=_region(record),
        record=record,
    )


def said(record: Mapping[str, Any], who: Sequence[str]) -> Any:
    """The first turn of a conversation by one of some speakers; None without one."""
    turns = [turn for turn in record["conversations"] if isinstance(turn, Mapping)]
    return next((turn.get("value") for turn in turns if turn.get("from") in who), None)


def _region(record: Mapping[str, Any]) -> Region | None:
    info = record.get("RC_info")
    info = info[0] if isinstance(info, list) and info else info
    if not isinstance(info, Mapping):
        return None
    box = [number_in(side) for side in _list(info.get("start_frame_bbox"))]
    frame = info.get("start_frame")
    if not isinstance(frame, str) or len(box) != 4 or None in box:
        return None
    x1, y1, x2, y2 = (side for side in box if side is not None)
    return Region(frame, (x1, y1, x2, y2))


def _frame_numbers(values: list[Any]) -> tuple[int, ...]:
    if all(type(value) is int for value in values):
        return tuple(values)
    return tuple(int(number) for value in values if (number := number_in(value)) is not None)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
