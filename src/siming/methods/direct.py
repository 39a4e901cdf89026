"""The direct method, as in the SiMing-Bench paper: show the frames, ask for every step, take the answer as it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from siming import __version__
from siming.bench.baselines import baseline_answers
from siming.bench.clinical import Asked, build_requests, get_setting
from siming.bench.clinical.prompt import PROMPT_VERSION
from siming.bench.folder import RunInfo
from siming.rubric import Dataset, Language
from siming.run import ModelName, Pacing, Progress, RunOutcome, StoredFrames, open_backend, run
from siming.run.claim import claim_folder
from siming.video import FrameStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What a model is shown and in which words; all of it belongs to the run's identity."""

    policy: str = "middle"
    """Frame policy: ``middle``, ``endpoints``, ``fps:R`` or a preset such as ``paper-64``."""
    n: int | None = None
    """Frames, or the cap of ``fps``; 64 where the policy needs a number."""
    max_side: int = 768
    """Longest side of a frame, pixels."""
    language: Language = "en"
    native_video: bool = False
    """Send the recording itself in place of frames, to servers that take it."""
    clip_padding_s: float = 0.0
    """Seconds added before and after each stretch of a step clip."""


def ask(
    dataset: Dataset, folder: Path, *, setting: str, showing: Showing | None = None, limit: int | None = None
) -> Asked:
    """Write the requests of a run without asking any model.

    Raises:
        TaskError: an unknown setting or policy.
        RunError: the folder holds another run.
    """
    showing = showing or Showing()
    asked = _build(dataset, setting, showing, limit)
    claim_folder(folder, _info(dataset, folder, asked, setting, showing, limit, model=None, options={}), asked.requests)
    return asked


def judge(
    dataset: Dataset,
    folder: Path,
    *,
    setting: str,
    model: str,
    options: Mapping[str, Any] | None = None,
    showing: Showing | None = None,
    limit: int | None = None,
    pacing: Pacing | None = None,
    frames: Path | None = None,
    seed: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
) -> RunOutcome:
    """Ask a model about a dataset under one setting; called again, go on where it ended.

    Args:
        folder: The run's folder, new or its own.
        model: ``openai:NAME@URL``, ``local:PATH_OR_ID``, ``replay:FILE``, ``baseline:NAME`` or ``mock:KIND``.
        options: Options of the model that change answers, such as ``temperature``.
        frames: Where cut frames are kept; beside the dataset's videos unless given, so that pictures of people
            stay under the permissions of the recordings.
        seed: For baselines that draw.

    Returns:
        How far the run came. Requests that could not be made (an attempt without its video, say) stand in `skipped`
        and lower the coverage, as they do in the score.

    Raises:
        TaskError, RunError, DatasetError, MissingExtraError: the call cannot be carried out as given.
    """
    showing = showing or Showing()
    name = ModelName.parse(model)
    asked = _build(dataset, setting, showing, limit)
    texts = (
        baseline_answers(name.name, dataset, asked.requests, setting, seed=seed) if name.kind == "baseline" else None
    )
    backend = open_backend(name, options, texts=texts)
    store = StoredFrames(dataset.folder, FrameStore(frames or frames_folder(dataset, folder)))
    told = {**backend.options, **({"seed": seed} if name.kind == "baseline" else {})}
    info = _info(dataset, folder, asked, setting, showing, limit, model=str(name), options=told)
    outcome = run(folder, info, asked.requests, backend, store, pacing=pacing, on_progress=on_progress)
    return replace(outcome, skipped=asked.skipped, no_clip=_no_clip(dataset, setting, asked.skipped))


def frames_folder(dataset: Dataset, run_folder: Path) -> Path:
    """Where cut frames are kept: inside the dataset's folder where that can be written, else inside the run."""
    return (dataset.folder if os.access(dataset.folder, os.W_OK) else run_folder) / "frames"


def _no_clip(dataset: Dataset, setting: str, skipped: Iterable[str]) -> frozenset[str]:
    """The skipped requests about a step that has no stretch on the video: never a question, as the score sees it too."""
    if get_setting(setting).scope == "full":
        return frozenset()

    def has_stretch(request_id: str) -> bool:
        attempt_id, _, step_id = request_id.partition("/")
        stretches = dataset.attempts_by_id[attempt_id].segments.get(step_id, ())
        return any(start_s < end_s for start_s, end_s in stretches)

    return frozenset(request_id for request_id in skipped if not has_stretch(request_id))


def _build(dataset: Dataset, setting: str, showing: Showing, limit: int | None) -> Asked:
    return build_requests(
        dataset,
        setting,
        policy=showing.policy,
        n=showing.n,
        max_side=showing.max_side,
        language=showing.language,
        limit=limit,
        time_form="native" if showing.native_video else "text",
        clip_padding_s=showing.clip_padding_s,
    )


def _info(
    dataset: Dataset,
    folder: Path,
    asked: Asked,
    setting: str,
    showing: Showing,
    limit: int | None,
    *,
    model: str | None,
    options: Mapping[str, Any],
) -> RunInfo:
    return RunInfo(
        name=folder.resolve().name,
        dataset=dataset.info.name,
        dataset_version=dataset.info.version,
        rubrics=tuple(f"{rubric.id} {rubric.version}" for rubric in dataset.rubrics.values()),
        setting=setting,
        model=model,
        options=options,
        plan={
            "policy": asked.requests[0].plan.policy if asked.requests else showing.policy,
            "max_side": showing.max_side,
            "time_form": "native" if showing.native_video else "text",
            "clip_padding_s": showing.clip_padding_s,
        },
        language=showing.language,
        prompt_version=PROMPT_VERSION,
        limit=limit,
        attempts=asked.attempts,
        skipped=asked.skipped,
        siming=__version__,
    )
