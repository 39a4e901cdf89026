"""A submission scored from its files: in the official evaluator's way or in the strict one, as one record."""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, overload

from siming import __version__
from siming.bench.medvid.columns import COLUMNS, task_of
from siming.bench.medvid.data import MOST_BYTES as MOST_TRUTH_BYTES
from siming.bench.medvid.data import Question, questions_of
from siming.bench.medvid.official.captions import ASPECTS, Grades
from siming.bench.medvid.submission import MOST_BYTES as MOST_SUBMISSION_BYTES
from siming.bench.medvid.submission import Answer, answers_of
from siming.errors import DatasetError, TaskError
from siming.metrics.measured import Measured

if TYPE_CHECKING:
    from siming.bench.medvid.strict.run import StrictScore

SCHEMA: Final = "siming.medvid-score/1"

Mode = Literal["leaderboard", "strict"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class JsonFile:
    """A file that was read, and what it was at that moment."""

    name: str
    sha256: str
    content: Any

    def to_plain(self) -> Plain:
        """Name, digest and number of rows."""
        n_rows = len(self.content) if isinstance(self.content, list | dict) else None
        return {"file": self.name, "sha256": self.sha256, "rows": n_rows}


@dataclass(frozen=True, slots=True)
class Given:
    """Everything a score is made of."""

    submission: JsonFile
    truth: JsonFile
    grades: Mapping[str, Grades] | None = None
    """Of the judge, by pair; None where none has run."""
    judged: str | None = None
    """Folder of the judge."""
    judge: str | None = None
    """What the judge is called there."""


@dataclass(frozen=True)
class MedvidScore:
    """What a submission is worth in one mode."""

    mode: Mode
    columns: Mapping[str, Measured]
    """The ten columns under their official names."""
    beside: Mapping[str, Measured]
    """Further numbers of strict mode, such as the F1 of TAL."""
    per_source: Mapping[str, Mapping[str, Measured]]
    macro: Mapping[str, float]
    """Column to the mean of its sources' values."""
    coverage: Mapping[str, Mapping[str, int]]
    """Column to the rows ``asked`` and the rows that were ``read``, wholly or in part."""
    readings: Mapping[str, Mapping[str, int]]
    """Task to how its answers were read."""
    matched: Mapping[str, Any]
    """How answers and questions were brought together."""
    given: Given
    rows: Sequence[Plain] = field(repr=False)
    stored: Mapping[str, float | None] | None = None
    """Leaderboard mode: the ten columns as the board keeps them, rounded twice, 0 for what is missing."""
    task_errors: Mapping[str, str] = field(default_factory=dict)
    """Leaderboard mode: tasks lost whole to one row."""
    strict: StrictScore | None = field(default=None, repr=False)
    """Strict mode: what the scorer gave, for comparisons."""

    def to_plain(self) -> Plain:
        """For strict JSON, full precision; what is no number is null, with its reason."""
        return {**self.to_plain_without_rows(), "rows": [_finite(row) for row in self.rows]}

    def to_plain_without_rows(self) -> Plain:
        """As `to_plain`, for those who keep many scores."""
        plain: Plain = {
            "schema": SCHEMA,
            "siming": __version__,
            "mode": self.mode,
            "submission": self.given.submission.to_plain(),
            "truth": self.given.truth.to_plain(),
            "judged": None if self.given.judged is None else {"folder": self.given.judged, "by": self.given.judge},
            "columns": {name: _with_interval(measured) for name, measured in self.columns.items()},
            "beside": {name: _with_interval(measured) for name, measured in self.beside.items()},
            "per_source": {
                name: {source: _with_interval(measured) for source, measured in sources.items()}
                for name, sources in self.per_source.items()
            },
            "macro": dict(self.macro),
            "coverage": {name: dict(counts) for name, counts in self.coverage.items()},
            "readings": {task: dict(counts) for task, counts in self.readings.items()},
            "matched": dict(self.matched),
            "task_errors": dict(self.task_errors),
        }
        if self.stored is not None:
            plain["stored"] = dict(self.stored)
        return plain


def score(
    submission: Path | str, truth: Path | str, *, mode: Mode = "leaderboard", judged: Path | str | None = None
) -> MedvidScore:
    """Score a submission.

    Args:
        submission: JSON file, a list of ``{id, qa_type, prediction}``.
        truth: The benchmark's JSON file with its answers.
        mode: ``leaderboard``: the official evaluator's numbers, its defects among them. ``strict``: none of them.
        judged: Folder that `siming medvid judge` wrote; without it the three judged columns are undefined.

    Raises:
        DatasetError: A file that cannot be read; in strict mode also one whose rows are not what they must be.
        TaskError: Leaderboard mode: a submission that the official evaluator refuses too.
        MissingExtraError: Next actions in free text need the sentence encoder, which is not installed.
    """
    return score_given(read_given(submission, truth, judged=judged), mode=mode)


def read_given(submission: Path | str, truth: Path | str, *, judged: Path | str | None = None) -> Given:
    """Read what is to be scored, once, for either mode.

    Raises:
        DatasetError: A file is missing, too large or no JSON, or the truth is no list.
    """
    read_truth = read_json(Path(truth), most_bytes=MOST_TRUTH_BYTES)
    if not isinstance(read_truth.content, list):
        kind = type(read_truth.content).__name__
        raise DatasetError(f"{truth}: holds a {kind}, wanted a list of rows; name the benchmark's own file")
    grades, judge = None, None
    if judged is not None:
        from siming.bench.medvid.judge.folder import load_grades, load_info

        grades = load_grades(judged)
        judge = load_info(Path(judged)).model or Path(judged).name
    read_submission = read_json(Path(submission), most_bytes=MOST_SUBMISSION_BYTES)
    return Given(read_submission, read_truth, grades, None if judged is None else str(judged), judge)


def read_json(path: Path, *, most_bytes: int) -> JsonFile:
    """A JSON file of any form, with its digest.

    Raises:
        DatasetError: Missing, too large, or no JSON.
    """
    try:
        size = path.stat().st_size
        if size > most_bytes:
            raise DatasetError(f"{path}: has {size} bytes, and more than {most_bytes} are refused")
        raw = path.read_bytes()
        return JsonFile(path.name, hashlib.sha256(raw).hexdigest(), json.loads(raw))
    except FileNotFoundError:
        raise DatasetError(f"{path}: there is no such file; check its name") from None
    except (ValueError, RecursionError) as cause:
        raise DatasetError(f"{path}: is no JSON ({cause}); write it again, or name another file") from cause


def score_given(given: Given, *, mode: Mode) -> MedvidScore:
    """As `score`, of files that were read already."""
    if mode not in MODES:
        raise TaskError(f"mode {mode!r} is not one of {', '.join(MODES)}")
    return _leaderboard(given) if mode == "leaderboard" else _strict(given)


# ---- leaderboard ----------------------------------------------------------------------------------------------


def _leaderboard(given: Given) -> MedvidScore:
    from siming.bench.medvid.official.measured import measured_columns
    from siming.bench.medvid.official.run import score_official

    found = score_official(given.truth.content, given.submission.content, grades=given.grades)
    records: Sequence[Mapping[str, Any]] = given.truth.content
    if found.merged:
        own = given.submission.content
        records = list(own.values()) if isinstance(own, dict) else own
    videos = [_video(record) for record in records]
    columns = measured_columns(found, videos, given.grades)
    per_source = {
        name: {source: _of_source(value, name, source, found.rows) for source, value in sources.items()}
        for name, sources in found.per_source.items()
    }
    finite = {name: [m.value for m in sources.values() if m.value is not None] for name, sources in per_source.items()}
    asked = _asked(records)
    return MedvidScore(
        mode="leaderboard",
        columns=columns,
        beside={},
        per_source=per_source,
        macro={name: fmean(values) for name, values in finite.items() if values},
        coverage={
            name: {"asked": asked[COLUMNS[name].task], "read": measured.n}
            for name, measured in columns.items()
            if not COLUMNS[name].judged and asked[COLUMNS[name].task]
        },
        readings={},
        matched=_by_position(given, merged=found.merged),
        given=given,
        rows=LazyRows(lambda: _official_rows(found, records, videos, given.grades)),
        stored={name: value if math.isfinite(value) else None for name, value in found.stored.items()},
        task_errors={str(task): words for task, words in found.task_errors.items()},
    )


def _video(record: Mapping[str, Any]) -> str:
    metadata = record.get("metadata")
    named = metadata.get("video_id") if isinstance(metadata, Mapping) else None
    return str(named or str(record.get("id", "")).split("&&")[0])


def _asked(records: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    out: dict[str, int] = defaultdict(int)
    for record in records:
        task = task_of(record.get("qa_type"))
        if task:
            out[task] += 1
    return out


def _of_source(value: float, name: str, source: str, rows: Sequence[Any]) -> Measured:
    own = [row for row in rows if row.task == COLUMNS[name].task and row.source == source]
    n = sum(row.counted for row in own)
    if not math.isfinite(value):
        return Measured(None, n, reason="not a number")
    return Measured(value, n, interval_reason="not asked for")


def _by_position(given: Given, *, merged: bool) -> Plain:
    """Rows are matched by place alone; how many do not answer the question at their place is only told."""
    found: Plain = {"by": "position", "merged": merged, "questions": len(given.truth.content)}
    rows = given.submission.content
    if not merged and isinstance(rows, list):
        pairs = list(zip(given.truth.content, rows, strict=True))
        found["other_id"] = sum(one.get("id") != other.get("id") for one, other in pairs)
        found["other_qa_type"] = sum(one.get("qa_type") != other.get("qa_type") for one, other in pairs)
    return found


def _official_rows(
    found: Any, records: Sequence[Mapping[str, Any]], videos: Sequence[str], grades: Mapping[str, Grades] | None
) -> list[Plain]:
    """One record per row of the tasks that ran, and per row that the judge graded."""
    from siming.bench.medvid.official.run import FIELDS

    marks: dict[int, list[float]] = defaultdict(list)
    for pair in found.pairs:
        if grades is not None and pair.key in grades:
            marks[pair.position].append(fmean(grades[pair.key][aspect] for aspect in ASPECTS))
    fields: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, key in FIELDS.items():
        fields[COLUMNS[name].task].append((name, key))
    values = {row.position: row for row in found.rows}
    judged = {"vs": "VS_llm", "rc": "RC_llm", "dvc": "DVC_llm"}
    out = []
    for position, record in enumerate(records):
        task = task_of(record.get("qa_type"))
        row = values.get(position)
        if task is None or (row is None and task not in judged):
            continue
        columns: dict[str, float] = {}
        if row is not None and row.counted:
            columns = {name: float(row.values[key]) for name, key in fields[task]}
            if row.values.get("correct") and task in ("cvs_assessment", "skill_assessment"):
                name = "CVS_acc" if task == "cvs_assessment" else "SA_acc"
                columns[name] = fmean(row.values["correct"].values())
        if marks.get(position):
            columns[judged[task]] = fmean(marks[position])
        out.append(
            {
                "position": position,
                "id": record.get("id"),
                "qa_type": record.get("qa_type"),
                "task": task,
                "source": record.get("data_source") or record.get("dataset_name") or "Unknown",
                "video": videos[position],
                "counted": bool(columns),
                "columns": columns,
                "read": {} if row is None else dict(row.values),
            }
        )
    return out


# ---- strict ---------------------------------------------------------------------------------------------------


def questions_and_answers(given: Given) -> tuple[list[Question], list[Answer]]:
    """Both files read with distrust, as strict mode wants them.

    Raises:
        DatasetError: The submission is no list of rows, or its rows or those of the truth are not what they must be.
    """
    rows = given.submission.content
    if not isinstance(rows, list):
        kind = type(rows).__name__
        raise DatasetError(f"{given.submission.name}: holds a {kind}, wanted a list of rows, one per question")
    return questions_of(given.truth.content, where=given.truth.name), answers_of(rows, where=given.submission.name)


def _strict(given: Given) -> MedvidScore:
    from siming.bench.medvid.strict.run import score_strict

    questions, answers = questions_and_answers(given)
    found = score_strict(questions, answers, grades_of=given.grades)
    readings: dict[str, dict[str, int]] = {
        str(task): {str(how): n for how, n in counts.items()} for task, counts in found.readings.items()
    }
    return MedvidScore(
        mode="strict",
        columns={name: found.columns[name] for name in COLUMNS},
        beside={name: measured for name, measured in found.columns.items() if name not in COLUMNS},
        per_source=found.per_source,
        macro=found.macro,
        coverage={
            name: {
                "asked": sum(readings[column.task].values()),
                "read": sum(readings[column.task].get(how, 0) for how in ("read", "partly read")),
            }
            for name, column in COLUMNS.items()
            if column.task in readings
        },
        readings=readings,
        matched={
            "by": "question",
            "questions": len(questions),
            "answers": len(answers),
            "missing": len(found.matched.missing),
            "extra": len(found.matched.extra),
            "moved": found.matched.moved,
            "by_order": found.matched.by_order,
        },
        given=given,
        rows=LazyRows(lambda: [row.to_plain() for row in found.rows]),
        strict=found,
    )


class LazyRows(Sequence[Plain]):
    """Rows that are made plain when somebody looks: most who score never do."""

    def __init__(self, make: Callable[[], list[Plain]]) -> None:
        self._make = make
        self._made: list[Plain] | None = None

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> Plain: ...
    @overload
    def __getitem__(self, place: slice) -> list[Plain]: ...
    def __getitem__(self, place: int | slice) -> Plain | list[Plain]:
        return self._rows[place]

    @property
    def _rows(self) -> list[Plain]:
        if self._made is None:
            self._made = self._make()
        return self._made


# ---- plain ----------------------------------------------------------------------------------------------------


def _with_interval(measured: Measured) -> Plain:
    """Every number has the key ``interval``, and a reason where that is null."""
    plain = measured.to_json()
    plain.setdefault("interval", None)
    return plain


def _finite(value: Any) -> Any:
    """What strict JSON can hold: a number that is none becomes null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value
