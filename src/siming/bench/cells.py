"""From a run folder to a column: what the model says in every cell, and why it says nothing where it does not.

Only replies that came back whole, or cut at the token limit and read as far as they go, become answers. A call
that failed, a refusal and an unreadable reply leave their cells empty, each with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from siming.bench.clinical.reply import read_reply
from siming.bench.clinical.setting import Setting, get_setting
from siming.bench.folder import Run
from siming.bench.request import Request
from siming.errors import DatasetError, RunError
from siming.rating.cells import CANNOT_JUDGE, Bools, Column, Grid, column_of, column_of_entries
from siming.rubric import Dataset, Entry

NOT_ANSWERED = "not answered"
UNREADABLE_STEP = "unreadable step"
MISSING_STEP = "missing step"
"""The reply came and does not mention the step."""
SKIPPED = "skipped"

_WHY = {"cannot_judge": CANNOT_JUDGE, "unreadable": UNREADABLE_STEP}


@dataclass(frozen=True)
class Answers:
    """What a run says about a dataset."""

    name: str
    """Unique among the runs that are scored together."""
    run: Run
    setting: Setting
    column: Column
    asked: Bools
    """Cells that the run asked about, or should have: a request that could not be made counts."""
    words: Mapping[int, str]
    """By number of the cell: what the model wrote about the step, or what went wrong."""

    @property
    def answered(self) -> Bools:
        """Cells with an answer of the kind that was asked for."""
        return self.asked & said(self.column, self.setting)

    @property
    def by_status(self) -> dict[str, int]:
        """Requests by the status of their answer; `not answered` where none is there yet."""
        counted = Counter(
            self.run.predictions[request.id].status if request.id in self.run.predictions else NOT_ANSWERED
            for request in self.run.requests
        )
        if self.run.info.skipped:
            counted[SKIPPED] += len(self.run.info.skipped)
        return dict(sorted(counted.items()))


def said(column: Column, setting: Setting) -> Bools:
    """Cells in which a column holds what the setting asks for: points, or a verdict."""
    return column.has_points if setting.asks == "points" else column.has_verdict


def reference_column(dataset: Dataset, grid: Grid) -> Column:
    """The consensus sheets, whom models are scored against and of whom blind baselines know other attempts.

    Raises:
        DatasetError: the dataset has none.
    """
    sheets = dataset.sheets_of("consensus")
    if not sheets:
        kinds = ", ".join(sorted({sheet.author.kind for sheet in dataset.sheets})) or "none at all"
        raise DatasetError(
            f"{dataset.folder}: has no consensus sheets to score against (sheets there: {kinds}); join two "
            "physicians' sheets with siming.rating.consensus and add the result to sheets.jsonl"
        )
    return column_of(grid, sheets, name="consensus")


def answers_of(run: Run, dataset: Dataset, grid: Grid, *, name: str | None = None) -> Answers:
    """Read every reply of a run.

    A step clip that could not be cut because nobody knows where the step lies was never a question; any other
    request that the run skipped was, and its cells are missing.

    Raises:
        RunError: the run was made for another dataset, or asks about an attempt or step that is not there.
    """
    setting = get_setting(run.info.setting)
    _check_dataset(run, dataset)
    asked = np.zeros(grid.n, dtype=bool)
    entries: list[Entry | None] = [None] * grid.n
    why: dict[int, str] = {}
    words: dict[int, str] = {}
    for request in run.requests:
        cells = _cells_of(request, run, grid)
        asked[list(cells.values())] = True
        prediction = run.predictions.get(request.id)
        if prediction is None or prediction.status not in ("ok", "truncated"):
            why.update(dict.fromkeys(cells.values(), NOT_ANSWERED if prediction is None else prediction.status))
            if prediction is not None and prediction.error:
                words.update(dict.fromkeys(cells.values(), prediction.error))
            continue
        rubrics = [r for r in dataset.rubrics.values() if f"{r.id} {r.version}" in request.rubrics]
        reading = read_reply(
            prediction.text or "",
            steps=request.steps,
            rubrics=rubrics,
            asks=setting.asks,
            truncated=prediction.status == "truncated",
        )
        for step in reading.steps:
            cell = cells[step.step]
            if step.status == "read":
                entries[cell] = Entry(points=step.points, wrong=step.wrong)
            else:
                why[cell] = MISSING_STEP if step.cause == "missing" else _WHY[step.status]
            if spoken := step.reason or step.why():
                words[cell] = spoken
    for request_id, reason in run.info.skipped.items():
        for cell in _skipped_cells(request_id, dataset, grid, setting):
            asked[cell] = True
            why[cell], words[cell] = SKIPPED, reason
    column = column_of_entries(grid, entries, name=name or run.info.name)
    return Answers(column.name, run, setting, column.explained(why), asked, words)


def _cells_of(request: Request, run: Run, grid: Grid) -> dict[str, int]:
    """Cell by step of a request."""
    out = {}
    for step_id in request.steps:
        cell = grid.places.get((request.attempt, step_id))
        if cell is None:
            raise RunError(
                f"{run.folder}: request {request.id!r} asks for step {step_id!r} of attempt {request.attempt!r}, which "
                "the dataset does not have; score the run with the dataset it was made for"
            )
        out[step_id] = cell
    return out


def _skipped_cells(request_id: str, dataset: Dataset, grid: Grid, setting: Setting) -> list[int]:
    """The cells that a request which was never made would have asked for."""
    attempt_id, _, step_id = request_id.partition("/")
    attempt = dataset.attempts_by_id.get(attempt_id)
    if attempt is None:
        return []
    if setting.scope == "full":
        return [int(cell) for cell in np.flatnonzero(grid.attempt == grid.attempts.index(attempt_id))]
    # Where a step has no stretch on the video (it was left out, say) there is no clip, so nothing to ask.
    has_clip = any(start_s < end_s for start_s, end_s in attempt.segments.get(step_id, ()))
    cell = grid.places.get((attempt_id, step_id))
    return [cell] if has_clip and cell is not None else []


def _check_dataset(run: Run, dataset: Dataset) -> None:
    made_for = (run.info.dataset, run.info.dataset_version)
    if made_for != (dataset.info.name, dataset.info.version):
        raise RunError(
            f"{run.folder}: was made for dataset {' '.join(made_for)}, not {dataset.info.name} {dataset.info.version}; "
            "score it with that dataset, or ask the models again"
        )
    rubrics = {f"{ref.id} {ref.version}" for ref in dataset.info.rubrics}
    strange = sorted(set(run.info.rubrics) - rubrics)
    if strange:
        raise RunError(
            f"{run.folder}: asked by rubric {strange[0]}, the dataset has {', '.join(sorted(rubrics))}; "
            "points under two versions of a rubric cannot be compared, so ask again"
        )
