"""Run folders: `run.yaml` (everything needed to repeat it), `requests.jsonl`, `predictions.jsonl`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import yaml

from siming.bench.prediction import Prediction
from siming.bench.request import Request
from siming.errors import RunError
from siming.rubric.files import read_lines, read_yaml, write_lines, write_text
from siming.rubric.record import Record


class RunInfo(Record):
    """What `run.yaml` says."""

    SCHEMA: ClassVar[str] = "siming.run/1"

    name: str
    """Shown in reports; the folder's name unless given."""
    dataset: str
    """Name of the dataset."""
    dataset_version: str
    rubrics: tuple[str, ...]
    """``ID VERSION`` each."""
    setting: str
    model: str | None = None
    """None for a run that was only asked (`siming bench ask`)."""
    options: Mapping[str, Any] = {}
    """Options that change answers. Never a key."""
    plan: Mapping[str, Any] = {}
    """Frame policy, count or cap, max_side, time form."""
    language: Literal["en", "zh"] = "en"
    prompt_version: str = "1"
    limit: int | None = None
    """Attempts asked, when not all."""
    attempts: tuple[str, ...] = ()
    """Attempts this run asks about, in order."""
    pictures: str | None = None
    """Folder that the requests' pictures lie in, for runs about image files. Where it is changes no answer."""
    skipped: Mapping[str, str] = {}
    """Requests that could not be made, id to reason (such as no segment known for a step clip)."""
    siming: str
    """Version of siming that made the run."""


@dataclass(frozen=True)
class Run:
    """A run folder in memory."""

    folder: Path
    info: RunInfo
    requests: Sequence[Request]
    predictions: Mapping[str, Prediction]
    """By request id: the answer if there is one, else the last account of why there is none."""


def load_run(folder: Path) -> Run:
    """Read and check a run folder.

    An unfinished last line of predictions.jsonl (a process killed while writing) is left out.

    Raises:
        RunError: missing or broken files, or an answer that belongs to another question.
    """
    folder = Path(folder)
    info = load_run_info(folder)
    requests = read_lines(folder / "requests.jsonl", Request, error=RunError)
    path = folder / "predictions.jsonl"
    lines = read_lines(path, Prediction, error=RunError, allow_torn_end=True) if path.exists() else []
    return Run(folder, info, requests, latest_answers(requests, lines, where=str(path)))


def load_run_info(folder: Path) -> RunInfo:
    """Read `run.yaml`.

    Raises:
        RunError: the folder is no run, or the file is broken.
    """
    path = Path(folder) / "run.yaml"
    if not path.exists():
        raise RunError(
            f"{folder}: is no run (it has no run.yaml); make one with `siming bench run` or `siming bench ask`"
        )
    try:
        return RunInfo.from_plain(read_yaml(path, error=RunError))
    except ValueError as cause:
        raise RunError(f"{path}: {cause}") from cause


def write_run(folder: Path, info: RunInfo, requests: Sequence[Request]) -> None:
    """Write `run.yaml` and `requests.jsonl`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_lines(folder / "requests.jsonl", requests)
    write_text(folder / "run.yaml", yaml.safe_dump(info.to_plain(), sort_keys=False, allow_unicode=True))


def latest_answers(requests: Sequence[Request], lines: Sequence[Prediction], *, where: str) -> dict[str, Prediction]:
    """For each request its answer if any line holds one, else its last line.

    Raises:
        RunError: a line for a request that is not in the run, or for another wording of it.
    """
    hashes = {request.id: request.hash for request in requests}
    found: dict[str, Prediction] = {}
    for line in lines:
        if line.request not in hashes:
            raise RunError(
                f"{where}: holds an answer to {line.request!r}, which this run never asked; keep it with its own run"
            )
        if line.request_hash != hashes[line.request]:
            raise RunError(
                f"{where}: the answer to {line.request!r} belongs to another wording or frame plan "
                f"(hash {line.request_hash[:12]}, wanted {hashes[line.request][:12]}); start a new run folder for changed options"
            )
        if line.request not in found or found[line.request].status not in ANSWERED:
            found[line.request] = line
    return found


ANSWERED = ("ok", "truncated", "refused")
"""Statuses after which a rerun does not ask again: the model has spoken."""
