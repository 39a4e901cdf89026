"""Going on with a run whose questions are already written: any model, on the pictures that the run was made for."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from siming.bench.folder import load_run
from siming.bench.request import Request
from siming.errors import RunError, TaskError
from siming.methods.medvid import FORM
from siming.run import ModelName, Pacing, PictureFrames, Progress, RunOutcome, open_backend, run

LIMITS = ("max_tokens", "max_new_tokens")
"""What backends call the room for an answer."""


def go_on(
    asked: Path,
    *,
    model: str,
    out: Path | None = None,
    options: Mapping[str, Any] | None = None,
    pacing: Pacing | None = None,
    pictures: Path | None = None,
    store: Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> RunOutcome:
    """Ask a model the requests of a run folder; called again, go on where it ended.

    Args:
        asked: The folder with the requests.
        out: Where the answers go; the same folder unless given. A second model needs a folder of its own.
        pictures: Where the requests' pictures lie now, if no longer where they were.
        store: Where the pictures that are shown are kept; in the folder with the requests unless given, so that
            several models share them.

    Raises:
        TaskError, RunError, MissingExtraError: The call cannot be carried out as given.
    """
    found = load_run(asked)
    if any(not request.pictures for request in found.requests):
        raise RunError(
            f"{asked}: asks about recordings, and does not hold them; name their dataset: "
            f"siming bench run DATASET --setting {found.info.setting} --model {model} --out {out or asked}"
        )
    name = ModelName.parse(model)
    if name.kind == "baseline":
        raise TaskError("there are no baselines for questions without a rubric; try mock:random, or replay:FILE")
    folder = out or asked
    backend = open_backend(name, options)
    where = pictures or Path(found.info.pictures or "")
    told = found.info.model_copy(
        update={
            "name": folder.resolve().name,
            "model": str(name),
            "options": _told(backend.options, options or {}, found.requests),
            "pictures": str(where.resolve()),
        }
    )
    frames = PictureFrames(where, store or asked / "frames")
    outcome = run(folder, told, found.requests, backend, frames, pacing=pacing, on_progress=on_progress)
    if out is not None and (asked / FORM).exists() and not (out / FORM).exists():
        shutil.copyfile(asked / FORM, out / FORM)
    return replace(outcome, skipped=found.info.skipped)


def is_asked_run(folder: Path) -> bool:
    """Whether a folder is a run and not a dataset."""
    return (folder / "run.yaml").exists() and not (folder / "dataset.yaml").exists()


def _told(options: Mapping[str, Any], given: Mapping[str, Any], requests: Sequence[Request]) -> dict[str, Any]:
    """The options as run.yaml keeps them: a limit that every request sets itself is said to be theirs."""
    theirs = any(request.max_tokens is not None for request in requests)
    return {
        name: "as each request says" if theirs and name in LIMITS and name not in given else value
        for name, value in options.items()
    }
