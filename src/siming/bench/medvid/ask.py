"""From the questions of MedVidBench to requests: the frames with their times, the words, the room for the answer."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import yaml

from siming.bench.medvid.budgets import budgets
from siming.bench.medvid.columns import COLUMNS, Task, task_of
from siming.bench.medvid.data import Question
from siming.bench.medvid.places import FramePlaces
from siming.bench.medvid.regions import Unmarked, marked_region
from siming.bench.request import FramesPart, Picture, Request, RequestPlan, TextPart
from siming.errors import TaskError, VideoError
from siming.video.still import still_size

ZERO_SHOT: Final = "medvid-zero-shot"
ONE_SHOT: Final = "medvid-one-shot"

TASKS: Final[tuple[Task, ...]] = tuple(dict.fromkeys(column.task for column in COLUMNS.values()))

SizeOf = Callable[[Path], tuple[int, int]]


@dataclass(frozen=True)
class Asked:
    """The requests of a run, and what could not be asked."""

    requests: tuple[Request, ...]
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Id of each request that could not be made, and why."""
    budgets: Mapping[Task, int] = field(default_factory=dict)
    """Tokens for an answer, by task."""
    n_missing: int = 0
    """Picture files that are not in the folder of frames yet; requests that show them will be skipped."""


def request_id(question: Question) -> str:
    """Names a question's request; the number is its place in the file, and in a submission.

    `position_of` reads it back.
    """
    return f"{_in_unicode(question.qa_type)}/{question.position:05d}"


def position_of(name: str) -> int:
    """The place of a request's question in its file.

    >>> position_of("tal/00042")
    42
    """
    return int(name.rpartition("/")[2])


def build_requests(
    questions: Sequence[Question],
    folder: Path,
    *,
    one_shot: bool = False,
    tasks: Sequence[str] = (),
    limit: int | None = None,
    max_side: int = 768,
    size_of: SizeOf = still_size,
) -> Asked:
    """The requests about some questions, in the order of the file.

    Args:
        folder: Where the frames lie; of each STG clip one is opened, to tell the size that its boxes count in.
        one_shot: Put an example of the question's type, made up by us, before it.
        tasks: Tasks or question types to ask; all unless given. Rows that no task knows are never asked.
        limit: Ask the first so many of them only.
        max_side: Longest side of a frame that is shown, pixels.

    Raises:
        TaskError: An unknown task, or an option outside its range.
    """
    if limit is not None and limit < 1:
        raise TaskError(f"limit={limit} asks nothing; give 1 or more, or leave it out for all")
    if max_side < 2:
        raise TaskError(f"max_side={max_side} leaves no picture; give the longest side in pixels, such as 768")
    chosen = _chosen(questions, tasks)[:limit]
    room = budgets(questions)
    places = FramePlaces.learn(folder, questions)
    requests, skipped = [], {}
    for question in chosen:
        made = _request(question, places, one_shot=one_shot, room=room, max_side=max_side, size_of=size_of)
        if isinstance(made, str):
            skipped[request_id(question)] = made
        else:
            requests.append(made)
    tasks_asked = {question.task for question in chosen}
    files = {picture.path for request in requests for picture in request.pictures}
    return Asked(
        tuple(requests),
        skipped,
        {task: room[task] for task in TASKS if task in tasks_asked},
        sum(not (folder / path).is_file() for path in files),
    )


def _chosen(questions: Sequence[Question], tasks: Sequence[str]) -> list[Question]:
    types = {question.qa_type for question in questions}
    for name in tasks:
        if name not in TASKS and name not in types and task_of(name) is None:
            raise TaskError(
                f"there is no task {name!r}; there are {', '.join(TASKS)}, and the question types themselves"
            )
    return [q for q in questions if q.task is not None and (not tasks or q.task in tasks or q.qa_type in tasks)]


def _request(
    question: Question,
    places: FramePlaces,
    *,
    one_shot: bool,
    room: Mapping[Task, int],
    max_side: int,
    size_of: SizeOf,
) -> Request | str:
    """A question's request, or why there is none."""
    assert question.task is not None  # others are not chosen
    if not question.frames:
        return "the row lists no frames; take it from the release again"
    paths = [places.within(path, question.source) for path in question.frames]
    outside = [frame for frame, path in zip(question.frames, paths, strict=True) if path is None]
    if outside:
        return f"the frame {outside[0]!r} leads out of the folder of frames; correct its path"
    marked = marked_region(question)
    if isinstance(marked, Unmarked):
        return marked.why
    pictures = tuple(
        Picture(path=str(path), region=marked.box if marked is not None and marked.frame == number else None)
        for number, path in enumerate(paths)
    )
    words = _in_unicode(question.question) + "\n" + prompt_texts(question.task)["form"]
    if question.task == "stg":
        words += _frame_size(places.folder, pictures, size_of)
    system = prompt_texts("system")["system"]
    if one_shot:
        system += "\n\n" + example_text(question)
    return Request(
        id=request_id(question),
        setting=ONE_SHOT if one_shot else ZERO_SHOT,
        attempt=_in_unicode(question.id),
        rubrics=(),
        steps=(_in_unicode(question.qa_type),),
        video=_in_unicode(question.video),
        plan=RequestPlan(policy="listed", times_s=question.times.times_s, max_side=max_side),
        system=system,
        parts=(FramesPart(), TextPart(text=words)),
        answer_schema={},
        prompt_version=prompt_texts("system")["version"],
        pictures=pictures,
        max_tokens=room[question.task],
    )


def _in_unicode(text: str) -> str:
    """The text with halves of surrogate pairs, which JSON may hold and UTF-8 cannot, replaced."""
    return text.encode("utf-8", "replace").decode()


def _frame_size(folder: Path, pictures: Sequence[Picture], size_of: SizeOf) -> str:
    """The size that boxes count in; nothing where no frame is there yet to tell it."""
    for picture in pictures[:3]:
        try:
            width, height = size_of(folder / picture.path)
        except VideoError:
            continue
        said: str = prompt_texts("system")["frame_size"]
        return " " + said.format(width=width, height=height)
    return ""


def example_text(question: Question) -> str:
    """The example of a question's type, made up by us; the task's first where the type has none of its own."""
    assert question.task is not None
    examples = prompt_texts(question.task)["examples"]
    example = examples.get(question.qa_type) or next(iter(examples.values()))
    answer = example["answer"]
    if "drawn" in example:
        rng = random.Random(question.position)  # noqa: S311 - the same for everyone who asks this row
        answer = answer.format(*(rng.choice(example["drawn"]) for _ in range(answer.count("{}"))))
    said: str = prompt_texts("system")["example"]
    return said.format(question=example["question"], answer=answer)


@cache
def prompt_texts(name: str) -> Mapping[str, Any]:
    """The texts of a task, or those of every request (``system``)."""
    text = files("siming.bench.medvid.prompts").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = yaml.safe_load(text)
    return loaded
