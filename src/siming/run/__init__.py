"""Running: every request of a run to a model, and each answer kept the moment it comes."""

from siming.run.backend import Answer, Backend, CallError, Shown
from siming.run.frames import Frame, FrameSource, PictureFrames, StoredFrames
from siming.run.journal import content_of
from siming.run.model_name import ModelName
from siming.run.open import open_backend
from siming.run.runner import Pacing, Progress, RunOutcome, run, run_async
from siming.run.texts import ReplayBackend, TextsBackend

__all__ = [
    "Answer",
    "Backend",
    "CallError",
    "Frame",
    "FrameSource",
    "ModelName",
    "Pacing",
    "PictureFrames",
    "Progress",
    "ReplayBackend",
    "RunOutcome",
    "Shown",
    "StoredFrames",
    "TextsBackend",
    "content_of",
    "open_backend",
    "run",
    "run_async",
]
