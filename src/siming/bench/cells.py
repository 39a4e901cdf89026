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
from siming.bench.prediction import Prediction
from siming.bench.request import Request
from siming.errors import DatasetError, RunError
from siming.rating.cells import Bools, Column, Grid, column_of, column_of_entries
from siming.rubric import Dataset, Entry

NOT_ANSWERED = "not answered"
UNREADABLE_STEP = "unreadable step"
SKIPPED = "skipped"


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
    reasons: Mapping[int, str]
    """By number of the cell: what the model wrote about the step."""

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
    rubrics = tuple(dataset.rubrics.values())
    asked = np.zeros(grid.n, dtype=bool)
    entries: list[Entry | None] = [None] * grid.n
    why: dict[int, str] = {}
    reasons: dict[int, str] = {}
    for request in run.requests:
        cells = _cells_of(request, run, grid)
        asked[list(cells.values())] = True
        prediction = run.predictions.get(request.id)
        if prediction is None or prediction.status not in ("ok", "truncated"):
            status = NOT_ANSWERED if prediction is None else prediction.status
            why.update(dict.fromkeys(cells.values(), status))
            continue
    for request_id in run.info.skipped:
        for cell in _skipped_cells(request_id, dataset, grid, setting):
            asked[cell] = True
            why[cell] = SKIPPED
    column = column_of_entries(grid, entries, name=name or run.info.name)
    return Answers(name or run.info.name, run, setting, column.explained(why), asked, reasons)
