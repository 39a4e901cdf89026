"""Whether a folder may hold this run: fresh, the same run going on, or something else that must not be touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from siming.bench.folder import RunInfo, load_run, load_run_info, write_run
from siming.bench.request import Request
from siming.errors import RunError

IDENTITY = (
    "dataset", "dataset_version", "rubrics", "setting", "model", "options", "plan", "language", "prompt_version",
)  # fmt: skip
"""Fields of `run.yaml` that must not change within one run. Name, version of siming and number of attempts may."""


def claim_folder(folder: Path, info: RunInfo, requests: Sequence[Request]) -> None:
    """Make `folder` the folder of this run, or make sure that it already is.

    A run may grow by further requests (a larger limit). A run that was only asked takes its first model.

    Raises:
        RunError: The folder belongs to other options, another wording, or fewer requests than it holds.
    """
    _refuse_twins(folder, requests)
    if not (folder / "run.yaml").exists():
        if (folder / "predictions.jsonl").exists():
            raise RunError(
                f"{folder}: holds predictions.jsonl but no run.yaml, so nobody knows what was asked; "
                "bring run.yaml back, or give this run another folder"
            )
        write_run(folder, info, requests)
        return
    before = load_run_info(folder)
    if before.model is None and not (folder / "predictions.jsonl").exists():
        before = before.model_copy(update={"model": info.model, "options": info.options})
    changes = differences(_identity(before), _identity(info))
    if changes:
        raise RunError(
            f"{folder}: was begun otherwise: {'; '.join(changes)}. Rerun with what it was begun with to go on, "
            "or give the changed run a folder of its own"
        )
    known = {request.id: request for request in load_run(folder).requests}
    asked = {request.id: request for request in requests}
    for name, old in known.items():
        if name not in asked:
            raise RunError(
                f"{folder}: has already asked for {name!r} ({len(known)} requests), which is not among the "
                f"{len(asked)} asked for now; rerun with at least the attempts it was begun with"
            )
        if old.hash != asked[name].hash:
            changes = differences(old.model_dump(mode="json"), asked[name].model_dump(mode="json"))
            raise RunError(
                f"{folder}: the request {name!r} has changed: {'; '.join(changes)}. Give the changed run a folder "
                "of its own; answers to different questions do not mix"
            )
    if info != load_run_info(folder) or list(known) != list(asked):
        write_run(folder, info, requests)


def differences(before: Mapping[str, Any], now: Mapping[str, Any], *, prefix: str = "") -> list[str]:
    """Every value that differs, as `place was this, is now that`.

    >>> differences({"options": {"seed": 1}, "model": "a"}, {"options": {"seed": 2}, "model": "a"})
    ['options.seed was 1, is now 2']
    """
    found: list[str] = []
    for name in dict.fromkeys([*before, *now]):
        old, new = before.get(name), now.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, prefix=f"{prefix}{name}.")
        elif old != new:
            found.append(f"{prefix}{name} was {_short(old)}, is now {_short(new)}")
    return found


def _identity(info: RunInfo) -> dict[str, Any]:
    plain = info.model_dump(mode="json")
    return {name: plain[name] for name in IDENTITY}


def _refuse_twins(folder: Path, requests: Sequence[Request]) -> None:
    seen: set[str] = set()
    for request in requests:
        if request.id in seen:
            raise RunError(f"{folder}: two requests are called {request.id!r}; an answer could not be told to which")
        seen.add(request.id)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
