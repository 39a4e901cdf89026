"""From a dataset to the requests of one setting: which frames of which attempt, and which words.

A request stands on the attempt's recording, its rubrics and the times of its steps; sheets are never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from siming.bench.clinical.answer import answer_schema
from siming.bench.clinical.prompt import PROMPT_VERSION, TimeForm, prompt_parts, system_text
from siming.bench.clinical.setting import Setting, get_setting
from siming.bench.request import Request, RequestPlan
from siming.errors import DatasetError, TaskError, VideoError
from siming.rubric import Attempt, Dataset, Language, Rubric
from siming.video import FramePlan, probe
from siming.video.plan import Stretch, join_stretches

DEFAULT_FRAMES = 64
"""Frames of a policy that needs a count and was given none."""


@dataclass(frozen=True)
class Asked:
    """The requests of a run, and what could not be asked."""

    requests: tuple[Request, ...] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Id of each request that could not be made, and why."""
    attempts: tuple[str, ...] = ()
    """Attempts the run is about, in order, the skipped ones among them."""


def build_requests(
    dataset: Dataset,
    setting: Setting | str,
    *,
    policy: str = "middle",
    n: int | None = None,
    max_side: int = 768,
    language: Language = "en",
    limit: int | None = None,
    time_form: TimeForm = "text",
    clip_padding_s: float = 0.0,
    duration_of: Callable[[Path], float] | None = None,
) -> Asked:
    """The requests of one setting over a dataset, in the dataset's order.

    Full video: one request per attempt over all steps of its rubrics. Step clip: one per attempt and step,
    its frames spread over all stretches of the step.

    Args:
        policy: Frame policy, such as ``middle``, ``endpoints:32`` or ``fps:2`` (see `siming.video.plan`).
        n: Number of frames, or the cap of ``fps``; 64 where the policy needs a number and has none.
        max_side: Longest side of a frame, pixels.
        limit: Ask about the first so many attempts only.
        time_form: ``text`` puts the time before each frame; ``native`` sends the video as it is.
        clip_padding_s: Seconds added before and after each stretch of a clip, inside the recording.
        duration_of: Seconds of a video where the attempt does not say; the recording is probed unless given.

    Raises:
        TaskError: an unknown setting or policy, or an option outside its range.
    """
    setting = get_setting(setting) if isinstance(setting, str) else setting
    _check_options(limit=limit, language=language, time_form=time_form, max_side=max_side, padding_s=clip_padding_s)
    if n is None and policy in ("middle", "endpoints"):
        n = DEFAULT_FRAMES
    plan = FramePlan.parse(policy, n=n)
    requests: list[Request] = []
    skipped: dict[str, str] = {}
    attempts = list(dataset.attempts)[:limit]
    for attempt in attempts:
        rubrics = dataset.rubrics_of(attempt)
        questions = list(_questions(attempt, rubrics, setting))
        try:
            video_end_s = _duration_s(dataset, attempt, duration_of)
        except (DatasetError, VideoError) as cause:
            skipped |= {request_id: str(cause) for request_id, _ in questions}
            continue
        for request_id, steps in questions:
            stretches: Sequence[Stretch] = ()
            if setting.scope == "clip":
                stretches = _clip(attempt, steps[0], video_end_s, clip_padding_s)
                if not stretches:
                    skipped[request_id] = _why_no_clip(attempt, steps[0], video_end_s)
                    continue
            shown = [rubric for rubric in rubrics if any(rubric.find_step(step_id) for step_id in steps)]
            assert attempt.video is not None  # _duration_s has refused attempts without one
            requests.append(
                Request(
                    id=request_id,
                    setting=setting.name,
                    attempt=attempt.id,
                    rubrics=tuple(f"{rubric.id} {rubric.version}" for rubric in shown),
                    steps=steps,
                    video=attempt.video.path,
                    video_sha256=attempt.video.sha256,
                    stretches_s=tuple(stretches),
                    plan=RequestPlan(
                        policy=str(plan),
                        times_s=plan.times(stretches or [(0.0, video_end_s)]),
                        max_side=max_side,
                        time_form=time_form,
                    ),
                    system=system_text(language),
                    parts=prompt_parts(
                        setting, steps, shown, language=language, time_form=time_form, stretches_s=stretches
                    ),
                    answer_schema=answer_schema(steps, setting.asks),
                    language=language,
                    prompt_version=PROMPT_VERSION,
                )
            )
    return Asked(tuple(requests), skipped, tuple(attempt.id for attempt in attempts))


def _questions(attempt: Attempt, rubrics: Sequence[Rubric], setting: Setting) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Id and steps of each request about an attempt."""
    steps = tuple(step.id for rubric in rubrics for step in rubric.steps)
    if setting.scope == "full":
        yield attempt.id, steps
    else:
        for step_id in steps:
            yield f"{attempt.id}/{step_id}", (step_id,)


def _duration_s(dataset: Dataset, attempt: Attempt, duration_of: Callable[[Path], float] | None) -> float:
    if attempt.video is not None and attempt.video.duration_s is not None:
        # The video itself is not opened: a run of answers made elsewhere may be scored without the recordings.
        return attempt.video.duration_s
    path = dataset.video_path(attempt)
    return probe(path).duration_s if duration_of is None else duration_of(path)


def _clip(attempt: Attempt, step_id: str, video_end_s: float, padding_s: float) -> list[Stretch]:
    """The step's stretches inside the recording, widened and joined; empty where nothing is left to show."""
    widened = (
        (max(0.0, start_s - padding_s), min(video_end_s, end_s + padding_s))
        for start_s, end_s in attempt.segments.get(step_id, ())
    )
    stretches = [(start_s, end_s) for start_s, end_s in widened if start_s < end_s]
    return join_stretches(stretches) if stretches else []


def _why_no_clip(attempt: Attempt, step_id: str, video_end_s: float) -> str:
    if not attempt.segments.get(step_id):
        return f"attempt {attempt.id} has no segment for step {step_id}, so there is no clip to show"
    return (
        f"the segments of step {step_id} leave nothing to show: they are empty or lie outside the recording "
        f"(0 to {video_end_s:g} s); correct them, or give the clip some padding"
    )


def _check_options(*, limit: int | None, language: str, time_form: str, max_side: int, padding_s: float) -> None:
    if limit is not None and limit < 1:
        raise TaskError(f"limit={limit} asks about no attempt; give 1 or more, or leave it out for all")
    if language not in get_args(Language):
        raise TaskError(f"there are no prompts in language {language!r}; choose one of {', '.join(get_args(Language))}")
    if time_form not in get_args(TimeForm):
        raise TaskError(f"unknown time form {time_form!r}; choose one of {', '.join(get_args(TimeForm))}")
    if max_side < 1:
        raise TaskError(f"max_side={max_side} leaves no picture; give the longest side in pixels, such as 768")
    if not 0 <= padding_s < float("inf"):
        raise TaskError(f"clip padding is {padding_s} s; give 0 or more seconds")
