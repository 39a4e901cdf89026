"""MedVidBench, asked: a run folder from a file of the release, and a submission from the answers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from siming import __version__
from siming.bench.clinical.reply import without_thinking as without_thinking
from siming.bench.folder import RunInfo, load_run, load_run_info
from siming.bench.medvid.ask import ONE_SHOT, ZERO_SHOT, Asked, build_requests, position_of, prompt_texts
from siming.bench.medvid.columns import task_of
from siming.bench.medvid.data import data_file, read_questions
from siming.bench.medvid.submission import fill_form, read_submission, write_submission
from siming.errors import RunError
from siming.run.claim import claim_folder

FORM = "form.json"
"""In a run's folder: a submission for the whole file in official order, every prediction still empty."""


def ask(
    data: Path,
    folder: Path,
    *,
    frames: Path | None = None,
    one_shot: bool = False,
    tasks: Sequence[str] = (),
    limit: int | None = None,
    max_side: int = 768,
) -> Asked:
    """Write a run of MedVidBench that any model can then be asked (`methods.asked.go_on`).

    Args:
        data: The release's JSON file, or a folder that holds one.
        folder: The run's folder, new or its own.
        frames: Where the frames lie; beside the data unless given.

    Raises:
        DatasetError: The data cannot be read.
        TaskError: An unknown task, or an option outside its range.
        RunError: The folder holds another run.
    """
    data = data_file(data)
    questions = read_questions(data)
    where = (frames or data.parent).resolve()
    asked = build_requests(questions, where, one_shot=one_shot, tasks=tasks, limit=limit, max_side=max_side)
    # Asked again with a larger limit, a run that a model has begun to answer grows and stays that model's.
    begun = load_run_info(folder) if (folder / "run.yaml").exists() else None
    info = RunInfo(
        name=folder.resolve().name,
        dataset=data.name,
        dataset_version=hashlib.sha256(data.read_bytes()).hexdigest()[:16],
        rubrics=(),
        setting=ONE_SHOT if one_shot else ZERO_SHOT,
        model=begun.model if begun else None,
        options=begun.options if begun else {},
        plan={"policy": "listed", "max_side": max_side, "time_form": "text"},
        prompt_version=prompt_texts("system")["version"],
        limit=limit,
        pictures=str(where),
        skipped=asked.skipped,
        siming=__version__,
    )
    claim_folder(folder, info, asked.requests)
    write_submission(folder / FORM, questions, {})
    return asked


@dataclass(frozen=True)
class Filled:
    """What a submission was made of."""

    n_rows: int
    n_wanted: int
    """Rows of a task that the board knows."""
    by_status: Mapping[str, Mapping[str, int]]
    """Task to what became of its rows: ``ok``, ``truncated``, ``refused``, ``failed`` ... and ``unasked``."""

    @property
    def n_answered(self) -> int:
        """Rows with a text of the model's, those that were cut among them."""
        return self.counted("ok") + self.counted("truncated")

    @property
    def coverage(self) -> float:
        """Share of the wanted rows that are answered."""
        return self.n_answered / self.n_wanted if self.n_wanted else 0.0

    def counted(self, status: str) -> int:
        """Rows of one status over all tasks."""
        return sum(counts.get(status, 0) for counts in self.by_status.values())


def submission(run: Path, out: Path) -> Filled:
    """Write the submission of a run in official order; a row without an answer gets an empty text and is counted.

    What a model thought before its answer is left out.

    Raises:
        RunError: The folder is no run of MedVidBench.
    """
    form = run / FORM
    if not form.exists():
        raise RunError(f"{run}: is no run of MedVidBench (it has no {FORM}); make one with `siming medvid ask`")
    found = load_run(run)
    rows = read_submission(form)
    predictions, became = {}, {}
    for request in found.requests:
        position, prediction = position_of(request.id), found.predictions.get(request.id)
        became[position] = "unasked" if prediction is None else prediction.status
        if prediction is not None and prediction.status in ("ok", "truncated"):
            predictions[position] = without_thinking(prediction.text or "", []).strip()
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        task = task_of(row.qa_type)
        if task is not None:
            counts.setdefault(task, Counter())[became.get(row.position, "unasked")] += 1
    fill_form(form, predictions, out)
    return Filled(len(rows), sum(sum(each.values()) for each in counts.values()), counts)
