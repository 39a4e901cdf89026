"""Attempts: one candidate's full recording."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import ClassVar

from pydantic import Field, field_validator

from siming.rubric.record import Part, Record


class VideoRef(Part):
    """Where an attempt's video lies inside its dataset, and how to know it again."""

    path: str
    """Relative to the dataset's folder, with forward slashes; may not leave it."""
    sha256: str | None = None
    duration_s: float | None = Field(default=None, gt=0)

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts or "\\" in value or ":" in value.split("/")[0]:
            raise ValueError("a video's path is relative to the dataset and may not leave it; move the file inside")
        return value


class RubricRef(Part):
    """A rubric by id and version."""

    id: str
    version: str


class Attempt(Record):
    """One candidate's recording, the rubrics it is judged by, and where its steps lie if known."""

    SCHEMA: ClassVar[str] = "siming.attempt/1"

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    video: VideoRef | None = None
    """None where only events exist, such as simulated exams that were not drawn."""
    rubrics: tuple[RubricRef, ...] = Field(min_length=1)
    candidate: str | None = None
    segments: Mapping[str, tuple[tuple[float, float], ...]] = Field(default_factory=dict)
    """Step id to its stretches [start_s, end_s) on the video; one per recurrence."""
    site: str | None = None
    occasion: str | None = None
    params: Mapping[str, bool | int | float | str] = Field(default_factory=dict)
    """Params of the rubrics that this exam changed."""

    @field_validator("segments")
    @classmethod
    def _stretches_run_forward(
        cls, value: Mapping[str, tuple[tuple[float, float], ...]]
    ) -> Mapping[str, tuple[tuple[float, float], ...]]:
        for step_id, stretches in value.items():
            for start_s, end_s in stretches:
                if not 0 <= start_s <= end_s:
                    raise ValueError(f"segment of {step_id} runs from {start_s} to {end_s}; times must go forward")
        return value
