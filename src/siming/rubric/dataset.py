"""Datasets: a folder with `dataset.yaml`, `attempts.jsonl`, `sheets.jsonl`, optional `events.jsonl` and `videos/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import yaml

from siming.errors import DatasetError, RubricError
from siming.rubric.attempt import Attempt, RubricRef
from siming.rubric.event import Event
from siming.rubric.files import numbered_lines, read_yaml, write_lines, write_text
from siming.rubric.load import builtin_rubric, builtin_rubric_ids, load_rubric
from siming.rubric.record import Record
from siming.rubric.rubric import Rubric, repeated
from siming.rubric.sheet import AuthorKind, Sheet, check_sheet


class DatasetInfo(Record):
    """What `dataset.yaml` says."""

    SCHEMA: ClassVar[str] = "siming.dataset/1"

    name: str
    version: str
    licence: str
    rubrics: tuple[RubricRef, ...]
    provenance: str
    rubric_files: tuple[str, ...] = ()
    """Rubrics that are not built in, relative to the folder."""


@dataclass(frozen=True)
class Dataset:
    """A dataset in memory; videos stay on disk."""

    folder: Path
    info: DatasetInfo
    rubrics: Mapping[str, Rubric]
    """By rubric id."""
    attempts: Sequence[Attempt]
    sheets: Sequence[Sheet]
    events: Sequence[Event] = field(default=())

    @cached_property
    def attempts_by_id(self) -> Mapping[str, Attempt]:
        """Attempts by their id."""
        return {attempt.id: attempt for attempt in self.attempts}

    def sheets_of(self, kind: AuthorKind, name: str | None = None) -> list[Sheet]:
        """Sheets of one kind of author (and of one name), in file order; without those that call themselves repeats."""
        return [s for s in self.sheets if s.author.kind == kind and name in (None, s.author.name) and not s.is_repeat]

    def events_of(self, attempt_id: str) -> list[Event]:
        """Events of one attempt, in file order."""
        return [event for event in self.events if event.attempt == attempt_id]

    def rubrics_of(self, attempt: Attempt) -> list[Rubric]:
        """The rubrics an attempt is judged by, with the params its exam changed."""
        out = []
        for ref in attempt.rubrics:
            rubric = self.rubrics[ref.id]
            out.append(rubric.with_params(**{k: v for k, v in attempt.params.items() if k in rubric.params}))
        return out

    def video_path(self, attempt: Attempt) -> Path:
        """Where the attempt's video lies.

        Raises:
            DatasetError: the attempt has no video, the file is missing, or a link leads out of the folder.
        """
        if attempt.video is None:
            raise DatasetError(
                f"attempt {attempt.id} of {self.folder} has no video (only events); "
                "draw it with `siming simulate`, or add `video` to its line in attempts.jsonl"
            )
        root = self.folder.resolve()
        path = (root / attempt.video.path).resolve()
        if not path.is_relative_to(root):
            raise DatasetError(
                f"attempt {attempt.id}: {attempt.video.path} leads out of {self.folder}; copy the file inside"
            )
        if not path.is_file():
            raise DatasetError(
                f"attempt {attempt.id}: video {attempt.video.path} is missing from {self.folder}; "
                "copy it there, or correct the path in attempts.jsonl"
            )
        return path


def load_dataset(folder: Path) -> Dataset:
    """Read and check a whole dataset folder (videos are not opened).

    Raises:
        DatasetError: naming file, line and mend: wrong schema, duplicate attempt, unknown rubric or step ...
        SheetError: a sheet that does not fit its rubric.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DatasetError(
            f"{folder}: there is no such folder; a dataset is a folder with dataset.yaml and attempts.jsonl"
        )
    try:
        info = DatasetInfo.from_plain(read_yaml(folder / "dataset.yaml", error=DatasetError))
    except ValueError as cause:
        raise DatasetError(f"{folder / 'dataset.yaml'}: {cause}") from cause
    rubrics = _rubrics(folder, info)
    attempts = _attempts(folder / "attempts.jsonl", rubrics)
    known = {attempt.id: attempt for attempt in attempts}
    sheets = _sheets(folder / "sheets.jsonl", rubrics, known)
    events_path = folder / "events.jsonl"
    events: list[Event] = []
    if events_path.exists():
        for number, event in numbered_lines(events_path, Event):
            _known_attempt(events_path, number, event.attempt, known)
            events.append(event)
    return Dataset(folder, info, rubrics, attempts, sheets, events)


def write_dataset(dataset: Dataset) -> None:
    """Write all files of a dataset but its videos and rubric files."""
    dataset.folder.mkdir(parents=True, exist_ok=True)
    write_text(
        dataset.folder / "dataset.yaml",
        yaml.safe_dump(dataset.info.to_plain(), sort_keys=False, allow_unicode=True),
    )
    write_lines(dataset.folder / "attempts.jsonl", dataset.attempts)
    write_lines(dataset.folder / "sheets.jsonl", dataset.sheets)
    if dataset.events:
        write_lines(dataset.folder / "events.jsonl", dataset.events)


def _rubrics(folder: Path, info: DatasetInfo) -> dict[str, Rubric]:
    own: dict[str, Rubric] = {}
    for name in info.rubric_files:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise DatasetError(
                f"{folder / 'dataset.yaml'}: rubric file {name} lies outside the dataset; copy it inside"
            )
        rubric = load_rubric(path)
        own[rubric.id] = rubric
    rubrics = {}
    for ref in info.rubrics:
        try:
            rubric = own.get(ref.id) or builtin_rubric(ref.id)
        except RubricError as cause:
            raise DatasetError(
                f"{folder / 'dataset.yaml'}: rubric {ref.id!r} is neither built in ({', '.join(builtin_rubric_ids())}) "
                "nor among rubric_files; add its file there"
            ) from cause
        if rubric.version != ref.version:
            raise DatasetError(
                f"{folder / 'dataset.yaml'}: wants rubric {ref.id} {ref.version}, siming carries {rubric.version}; "
                "put the rubric file of that version into the dataset and name it in rubric_files"
            )
        rubrics[ref.id] = rubric
    return rubrics


def _attempts(path: Path, rubrics: Mapping[str, Rubric]) -> list[Attempt]:
    attempts: list[Attempt] = []
    first_seen: dict[str, int] = {}
    for number, attempt in numbered_lines(path, Attempt):
        if attempt.id in first_seen:
            raise DatasetError(
                f"{path} line {number}: attempt {attempt.id!r} stands already in line {first_seen[attempt.id]}; "
                "give it another id, or delete one of the two lines"
            )
        first_seen[attempt.id] = number
        for ref in attempt.rubrics:
            rubric = rubrics.get(ref.id)
            if rubric is None:
                raise DatasetError(
                    f"{path} line {number}: attempt {attempt.id} names rubric {ref.id!r}, dataset.yaml lists "
                    f"{', '.join(rubrics)}; add it there or correct the id"
                )
            if rubric.version != ref.version:
                raise DatasetError(
                    f"{path} line {number}: attempt {attempt.id} names rubric {ref.id} {ref.version}, "
                    f"dataset.yaml has {rubric.version}; use one version for the whole dataset"
                )
        steps = [step.id for ref in attempt.rubrics for step in rubrics[ref.id].steps]
        twice = repeated(steps)
        if twice:
            raise DatasetError(
                f"{path} line {number}: step id {twice[0]!r} occurs in two rubrics of attempt {attempt.id}; rename one"
            )
        strange = sorted(set(attempt.segments) - set(steps))
        if strange:
            raise DatasetError(
                f"{path} line {number}: segments name step {strange[0]!r}, which no rubric of attempt {attempt.id} has; "
                "correct the id or take it out"
            )
        attempts.append(attempt)
    return attempts


def _sheets(path: Path, rubrics: Mapping[str, Rubric], attempts: Mapping[str, Attempt]) -> list[Sheet]:
    sheets: list[Sheet] = []
    seen: dict[tuple[str, str, str, str], int] = {}
    if not path.exists():
        return sheets
    for number, sheet in numbered_lines(path, Sheet):
        _known_attempt(path, number, sheet.attempt, attempts)
        rubric = rubrics.get(sheet.rubric)
        if rubric is None or sheet.rubric not in {ref.id for ref in attempts[sheet.attempt].rubrics}:
            raise DatasetError(
                f"{path} line {number}: sheet for attempt {sheet.attempt} names rubric {sheet.rubric!r}, the attempt is judged "
                f"by {', '.join(ref.id for ref in attempts[sheet.attempt].rubrics)}; correct the sheet or the attempt"
            )
        check_sheet(sheet, rubric, where=f"{path} line {number}")
        key = (sheet.attempt, sheet.rubric, sheet.author.kind, sheet.author.name)
        if key in seen:
            raise DatasetError(
                f"{path} line {number}: {sheet.author.kind} {sheet.author.name!r} has already a sheet for attempt "
                f"{sheet.attempt} and rubric {sheet.rubric} in line {seen[key]}; keep one"
            )
        seen[key] = number
        sheets.append(sheet)
    return sheets


def _known_attempt(path: Path, number: int, attempt_id: str, attempts: Mapping[str, Attempt]) -> None:
    if attempt_id not in attempts:
        raise DatasetError(
            f"{path} line {number}: attempt {attempt_id!r} is not in attempts.jsonl; add it there or correct the id"
        )
