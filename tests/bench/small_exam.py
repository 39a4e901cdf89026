"""A small exam for tests: one rubric of three steps, as many candidates as wanted, points by hand."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from siming.bench.clinical.answer import answer_schema, answer_text
from siming.bench.clinical.setting import SETTINGS, get_setting
from siming.bench.folder import Run, RunInfo
from siming.bench.prediction import Prediction
from siming.bench.request import Request, RequestPlan, TextPart
from siming.rubric import Attempt, Author, Dataset, DatasetInfo, Entry, Rubric, RubricRef, Sheet, VideoRef
from siming.rubric.rubric import DeficientBand, MinorBand, OrdinalMap, Step

ALL_SETTINGS = tuple(setting.name for setting in SETTINGS)
STEPS = ("t1", "t2", "t3")

RUBRIC = Rubric(
    id="tiny",
    version="1",
    title="Tiny",
    title_zh="小",
    skill="CPR",
    ordinal_map=OrdinalMap(
        minor=MinorBand(max_ratio="1/3", floor_points=1), deficient=DeficientBand(below_ratio="3/4")
    ),
    steps=tuple(
        Step(id=step, order=n, title=f"Step {n}", title_zh=f"步骤{n}", max_points=10)
        for n, step in enumerate(STEPS, start=1)
    ),
)
"""Of 10 points, 10 is label 3; 7 is label 2 (lost 3/10 < 1/3); 5 is label 1; 0 is label 0. Below label 2 is wrong."""

Row = Sequence[float | Entry | None]
"""One attempt's points for t1, t2, t3; None where the step is not on the sheet."""


def sheet(kind: str, name: str, attempt: str, row: Row) -> Sheet:
    return Sheet(
        attempt=attempt,
        rubric="tiny",
        rubric_version="1",
        author=Author(kind=kind, name=name),
        steps={
            step: value if isinstance(value, Entry) else Entry(points=value)
            for step, value in zip(STEPS, row, strict=True)
            if value is not None
        },
    )


def dataset(
    gold: Mapping[str, Row],
    *,
    physicians: Mapping[str, Mapping[str, Row]] | None = None,
    candidates: Mapping[str, str] | None = None,
    segments: Sequence[str] = STEPS,
) -> Dataset:
    """Consensus points by attempt, and those of physicians by name and attempt."""
    attempts = [
        Attempt(
            id=attempt,
            video=VideoRef(path=f"videos/{attempt}.mp4", duration_s=60),
            rubrics=(RubricRef(id="tiny", version="1"),),
            candidate=(candidates or {}).get(attempt),
            segments=dict.fromkeys(segments, ((1.0, 2.0),)),
        )
        for attempt in gold
    ]
    sheets = [sheet("consensus", "consensus", attempt, row) for attempt, row in gold.items()]
    for name, rows in (physicians or {}).items():
        sheets += [sheet("physician", name, attempt, row) for attempt, row in rows.items()]
    info = DatasetInfo(
        name="small",
        version="1",
        licence="CC0-1.0",
        rubrics=(RubricRef(id="tiny", version="1"),),
        provenance="made by hand for a test",
    )
    return Dataset(Path("small"), info, {"tiny": RUBRIC}, attempts, sheets)


def requests_of(data: Dataset, setting: str) -> list[Request]:
    """The questions of a setting, without a look at any video."""
    asks = get_setting(setting).asks
    questions = []
    for attempt in data.attempts:
        if get_setting(setting).scope == "full":
            questions.append((attempt.id, attempt.id, tuple(s.id for r in data.rubrics_of(attempt) for s in r.steps)))
        else:
            questions += [(f"{attempt.id}/{step}", attempt.id, (step,)) for step in attempt.segments]
    return [
        Request(
            id=request_id,
            setting=setting,
            attempt=attempt,
            rubrics=tuple(f"{rubric.id} {rubric.version}" for rubric in data.rubrics.values()),
            steps=steps,
            video=f"videos/{attempt}.mp4",
            plan=RequestPlan(policy="middle:2", times_s=(1.0, 2.0), max_side=64),
            parts=(TextPart(text="How well was it done?"),),
            answer_schema=answer_schema(steps, asks),
        )
        for request_id, attempt, steps in questions
    ]


def run_of(
    data: Dataset,
    setting: str,
    texts: Mapping[str, str],
    *,
    name: str = "model",
    status: Mapping[str, str] | None = None,
    skipped: Mapping[str, str] | None = None,
) -> Run:
    """A run from replies by request id; `status` marks those that were no answers."""
    requests = requests_of(data, setting)
    predictions = {}
    for request in requests:
        how = (status or {}).get(request.id, "ok")
        text = texts.get(request.id)
        if text is None and how == "ok":
            continue
        predictions[request.id] = Prediction(
            request=request.id,
            request_hash=request.hash,
            model="replay:hand",
            status=how,
            text=text if how in ("ok", "truncated", "refused") else None,
            error=None if how in ("ok", "truncated") else f"made to be {how}",
        )
    info = RunInfo(
        name=name,
        dataset="small",
        dataset_version="1",
        rubrics=("tiny 1",),
        setting=setting,
        model="replay:hand",
        attempts=tuple(attempt.id for attempt in data.attempts),
        skipped=skipped or {},
        siming="0.1.0",
    )
    return Run(Path(name), info, requests, predictions)


def written_as_answers(data: Dataset, setting: str, sheets: Sequence[Sheet]) -> dict[str, str]:
    """Sheets as a model's replies in a setting."""
    asks = get_setting(setting).asks
    return {
        request.id: answer_text(
            [s for s in sheets if s.attempt == request.attempt],
            request,
            [r for r in data.rubrics.values() if f"{r.id} {r.version}" in request.rubrics],
            asks,
        )
        for request in requests_of(data, setting)
    }


def run_of_points(
    data: Dataset, points: Mapping[str, Row], *, setting: str = "full-points", name: str = "model", **more: object
) -> Run:
    """A run whose replies give these points."""
    sheets = [sheet("model", name, attempt, row) for attempt, row in points.items()]
    return run_of(data, setting, written_as_answers(data, setting, sheets), name=name, **more)


GOLD = {"a": (10, 7, 10), "b": (10, 5, 10), "c": (0, 10, 10)}  # labels 3 2 3, 3 1 3, 0 3 3
SAID = {"a": (10, 10, 7), "b": (7, 5, 10), "c": (0, 5, 10)}  # labels 3 3 2, 2 1 3, 0 1 3
CANNOT = Entry(status="cannot_judge", reason="the camera was blocked")


def row_of(report: dict[str, Any], name: str = "model", kind: str = "run") -> dict[str, Any]:
    """The entry of a report by its name."""
    return next(e for e in report["entries"] if (e["kind"], e["name"]) == (kind, name))


def value(row: dict[str, Any], metric: str) -> float | None:
    """A metric's value."""
    return row["metrics"][metric]["value"]


def many(n: int, seed: int = 0, cells: Sequence[float] = (10, 7, 5, 0)) -> dict[str, Row]:
    """Points of n attempts drawn from a few values."""
    rng = random.Random(seed)
    return {f"v{i:02d}": tuple(rng.choice(cells) for _ in range(3)) for i in range(n)}


def worse(points: Mapping[str, Row], seed: int, share: float) -> dict[str, Row]:
    """The same points with a share of the cells drawn anew."""
    rng = random.Random(seed)
    return {
        attempt: tuple(rng.choice((10, 7, 5, 0)) if rng.random() < share else x for x in row)
        for attempt, row in points.items()
    }
