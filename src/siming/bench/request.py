"""Requests: exactly what a model is asked about one attempt, without a single byte of picture."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from siming.rubric.record import Part, Record

ADDED_LATER = ("pictures", "max_tokens")
"""Fields that count in the hash only where they are set, so that requests of older runs keep theirs."""


class TextPart(Part):
    """A stretch of the prompt in words."""

    type: Literal["text"] = "text"
    text: str


class FramesPart(Part):
    """The place in the prompt where the frames of the plan stand, each preceded by its time."""

    type: Literal["frames"] = "frames"


class Picture(Part):
    """An image file that is one frame of a clip which exists as pictures and not as a recording."""

    path: str
    """Relative to the folder of pictures that the run was made for."""
    region: tuple[float, float, float, float] | None = None
    """A box to draw on it: x1, y1, x2, y2 in pixels of the file, before it is made smaller."""


class RequestPlan(Part):
    """Which frames are shown: the policy in words and the exact instants it came to."""

    policy: str
    """Such as ``middle`` or ``fps:2``, with count or cap."""
    times_s: tuple[float, ...]
    """Instants asked for, seconds from the first shown frame, ascending."""
    max_side: int = Field(gt=0)
    """Longest side of a frame, pixels."""
    time_form: Literal["text", "native"] = "text"
    """Whether times reach the model as text before each frame, or the video goes natively."""


class Request(Record):
    """One question to a model about one attempt under one setting."""

    SCHEMA: ClassVar[str] = "siming.request/1"

    id: str
    """``ATTEMPT`` for full video, ``ATTEMPT/STEP`` for a step clip; unique in a run."""
    setting: str
    attempt: str
    rubrics: tuple[str, ...]
    """``ID VERSION`` of each rubric asked about."""
    steps: tuple[str, ...] = Field(min_length=1)
    """Steps asked for, in order."""
    video: str
    """Path relative to the dataset's folder."""
    video_sha256: str | None = None
    stretches_s: tuple[tuple[float, float], ...] = ()
    """The clip's stretches on the video; empty for the full video."""
    plan: RequestPlan
    system: str | None = None
    parts: tuple[TextPart | FramesPart, ...]
    answer_schema: Mapping[str, Any]
    """JSON schema of the answer asked for."""
    language: Literal["en", "zh"] = "en"
    prompt_version: str = "1"
    pictures: tuple[Picture, ...] = ()
    """The frames as image files, one for each of the plan's times; empty where they are cut from `video`."""
    max_tokens: int | None = Field(default=None, gt=0)
    """Room for the answer; None leaves it to the backend's own option, which also wins where a user gives it."""

    @property
    def hash(self) -> str:
        """SHA-256 over everything asked and shown; an answer belongs to a request by this."""
        plain = self.model_dump(mode="json")
        for name in ADDED_LATER:
            if not plain[name]:
                del plain[name]
        text = json.dumps(plain, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()
