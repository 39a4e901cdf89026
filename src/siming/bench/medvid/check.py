"""What is wrong with a copy of the data: its rows and its frames."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final, Literal

from siming.bench.medvid.budgets import budgets
from siming.bench.medvid.checked import BREAKS, NOTES, Checked, Finding
from siming.bench.medvid.data import Question, data_file, duplicates, problem_of, question_of, read_json_list
from siming.bench.medvid.official.stg import reference_boxes
from siming.bench.medvid.places import FramePlaces
from siming.bench.medvid.regions import Marked, Unmarked, marked_region
from siming.bench.medvid.times import number_in
from siming.errors import VideoError
from siming.video.still import check_still, inside_of, still_size

MOST_EXAMPLES: Final = 10

Depth = Literal["none", "heads", "whole"]


class _Notes:
    """Findings while they are collected."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = defaultdict(list)

    def add(self, code: str, where: str) -> None:
        self._counts[code] += 1
        if len(self._examples[code]) < MOST_EXAMPLES:
            self._examples[code].append(where)

    def findings(self) -> tuple[Finding, ...]:
        return tuple(
            Finding(code, self._counts[code], tuple(self._examples[code]))
            for code in (*BREAKS, *NOTES)
            if self._counts[code]
        )


def check(
    data: Path,
    frames: Path | None = None,
    *,
    depth: Depth = "heads",
    on_frame: Callable[[int, int], None] | None = None,
) -> Checked:
    """Look a copy of the data over.

    Args:
        data: The release's JSON file, or a folder that holds one.
        frames: Where the frames lie; beside the data unless given, and then only if any are found there.
        depth: How far frames are looked at: not at all, at their heads (size, and whether the file ends), or decoded.
        on_frame: Told of the frames looked at so far and of all.

    Raises:
        DatasetError: No JSON list can be read.
    """
    data = data_file(data)
    records = read_json_list(data)
    notes = _Notes()
    questions = []
    for position, record in enumerate(records):
        problem = problem_of(record)
        if problem is None:
            questions.append(question_of(position, record))
        else:
            notes.add("row-unreadable", f"row {position}: {problem}")
    fps = Counter(_fps_form(question, notes) for question in questions)
    for question in questions:
        _check_row(question, notes)
    return Checked(
        data=str(data),
        n_rows=len(records),
        n_read=len(questions),
        types=_counted(question.qa_type for question in questions),
        sources=_counted(question.source for question in questions),
        tasks=_counted(question.task for question in questions if question.task),
        extents=_counted(_extent_form(question) for question in questions),
        fps=dict(fps),
        times=_counted(question.times.way for question in questions if question.frames),
        names={
            "id": len({question.id for question in questions}),
            "id_and_type": len({(question.id, question.qa_type) for question in questions}),
            "key": len({question.key for question in questions}),
        },
        n_twins=sum(map(len, duplicates(questions).values())),
        n_references=sum(bool(question.reference) for question in questions),
        n_regions=sum(question.region is not None for question in questions),
        n_frames=sum(len(question.frames) for question in questions),
        frames=_check_frames(questions, data.parent, frames, depth, notes, on_frame),
        budgets={str(task): n for task, n in budgets(questions).items()},
        findings=notes.findings(),
    )


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _named(question: Question) -> str:
    return f"row {question.position} ({question.qa_type}, {question.id})"


def _fps_form(question: Question, notes: _Notes) -> str:
    given = question.record["metadata"].get("fps")
    if given is None:
        # The official evaluator takes 1.0, and so does siming.
        notes.add("fps-missing", _named(question))
        return "missing"
    number = number_in(given)
    if number is None or number <= 0:
        notes.add("fps-not-a-number", f"{_named(question)}: {given!r}")
        return "unreadable"
    return "text" if isinstance(given, str) else "number"


def _extent_form(question: Question) -> str:
    metadata = question.record["metadata"]
    for start, name in (
        ("input_video_start_time", "seconds"),
        ("input_video_start_frame", "input frames"),
        ("start_frame", "frames"),
    ):
        if start in metadata:
            return name
    return "none"


def _check_row(question: Question, notes: _Notes) -> None:
    """What can be said of a row without its frames."""
    where = _named(question)
    if question.task is None:
        notes.add("type-unknown", where)
    if not question.frames:
        notes.add("no-frames", where)
        return
    if question.extent is None:
        notes.add("extent-missing", where)
    listed = question.record.get("video")
    numbers = question.frame_numbers
    if not isinstance(listed, list) or not len(listed) == len(question.frames) == len(numbers):
        notes.add("frames-not-numbered", f"{where}: {len(question.frames)} frames, {len(numbers)} numbers")
    elif any(later <= earlier for earlier, later in pairwise(numbers)):
        notes.add("frame-numbers-fall", where)
    elif _irregular(numbers):
        notes.add("stride-irregular", where)
    if len(question.frames) > 1 and question.times.way == "index":
        notes.add("times-by-index", where)
    marked = marked_region(question)
    if isinstance(marked, Unmarked):
        notes.add(f"region-{marked.fault}", f"{where}: {marked.why}")
    elif marked is None and question.task == "rc":
        notes.add("region-missing", where)


def _irregular(numbers: Sequence[int]) -> bool:
    """Whether any stride but the last, which a clip's end may cut, is more than one frame off the usual one."""
    strides = [later - earlier for earlier, later in pairwise(numbers)][:-1]
    return any(abs(stride - median(strides)) > 1 for stride in strides)


def _check_frames(
    questions: Sequence[Question],
    beside: Path,
    given: Path | None,
    depth: Depth,
    notes: _Notes,
    on_frame: Callable[[int, int], None] | None,
) -> dict[str, Any]:
    """Look at the files of all frames, each once."""
    folder = given or beside
    places = FramePlaces.learn(folder, questions)
    files: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        for path in dict.fromkeys(question.frames):
            within = places.within(path, question.source)
            if within is None:
                notes.add("frame-path-outside", f"{_named(question)}: {path!r}")
            else:
                files[within].append(question)
    root = folder.resolve()
    some = list(files)[:: max(1, len(files) // 200)]
    told: dict[str, Any] = {"folder": str(folder), "depth": depth, "files_listed": len(files)}
    if depth == "none" or (given is None and not any((root / path).is_file() for path in some)):
        if files:
            notes.add("frames-not-looked-at", f"none of them lies below {folder}" if depth != "none" else "as asked")
        return {**told, "depth": "none", "files_found": None}
    sizes: dict[str, tuple[int, int]] = {}
    n_missing = 0
    for number, (path, asking) in enumerate(files.items(), start=1):
        try:
            sizes[path] = _size(root, path, depth)
        except VideoError as error:
            missing = error.kind == "missing"
            n_missing += missing
            notes.add("frame-missing" if missing else "frame-damaged", f"{_named(asking[0])}: {error}")
        if on_frame is not None:
            on_frame(number, len(files))
    for question in questions:
        _check_boxes(question, places, sizes, notes)
    prefixes = {f"{source}: {first}": n for (source, first), n in places.dropped.items() if n}
    return {**told, "files_found": len(files) - n_missing, "folders_dropped": prefixes}


def _size(root: Path, path: str, depth: Depth) -> tuple[int, int]:
    file = (root / path).resolve()
    if not file.is_relative_to(root):
        raise VideoError(f"{path} leads out of {root}; copy the file inside", kind="missing")
    if depth == "whole":
        return check_still(file)
    size = still_size(file)
    with file.open("rb") as stream:
        head = stream.read(2)
        stream.seek(-min(64, file.stat().st_size), 2)
        if head == b"\xff\xd8" and b"\xff\xd9" not in stream.read():
            raise VideoError(f"{file}: the file was cut short; copy it from the release again", kind="damaged")
    return size


def _check_boxes(question: Question, places: FramePlaces, sizes: Mapping[str, tuple[int, int]], notes: _Notes) -> None:
    """Boxes against the pictures that they count in."""
    where = _named(question)
    marked = marked_region(question)
    if isinstance(marked, Marked):
        size = sizes.get(str(places.within(question.frames[marked.frame], question.source)))
        inside = inside_of(marked.box, size) if size else marked.box
        if inside is None:
            notes.add("region-outside", f"{where}: {list(marked.box)} on {size}")
        elif inside != marked.box:
            notes.add("region-cut", f"{where}: {list(marked.box)} on {size}")
    if question.task != "stg" or not question.frames:
        return
    size = sizes.get(str(places.within(question.frames[0], question.source)))
    for time, box in (reference_boxes(question.structure) or {}).items():
        sides = [number_in(side) for side in box] if isinstance(box, list) and len(box) == 4 else []
        x1, y1, x2, y2 = sides if len(sides) == 4 else [None] * 4
        if size is None or x1 is None or y1 is None or x2 is None or y2 is None:
            continue
        if not (0 <= x1 <= x2 <= size[0] and 0 <= y1 <= y2 <= size[1]):
            notes.add("box-outside", f"{where} at {time}: {box} on {size}")
