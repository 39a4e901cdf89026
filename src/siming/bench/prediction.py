"""Predictions: what came back from a model, word for word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from siming.rubric.record import Record

Status = Literal["ok", "refused", "truncated", "unreadable", "failed", "skipped"]
"""ok: an answer that ended by itself. refused: the model declined. truncated: cut at the token limit (read as far
as it goes, counted). unreadable: an empty or broken response body. failed: no answer after all retries.
skipped: not asked, and `error` says why. Only ok and truncated texts are ever read as answers."""


class Prediction(Record):
    """One answer, or the account of why there is none."""

    SCHEMA: ClassVar[str] = "siming.prediction/1"

    request: str
    """Id of the request."""
    request_hash: str
    model: str
    """As it was named: ``openai:NAME@URL``, ``local:PATH``, ``replay:FILE``, ``baseline:NAME``, ``mock:KIND``."""
    options: Mapping[str, Any] = {}
    """Options that change answers (temperature, token limit, seed). Never a key."""
    status: Status
    text: str | None = None
    """The raw reply; None exactly when nothing came back."""
    finish_reason: str | None = None
    usage: Mapping[str, int] = {}
    """Tokens as the server counted them."""
    latency_s: float | None = None
    tries: int = 1
    error: str | None = None
    """Why there is no answer; secrets removed."""
    frames: tuple[str, ...] = ()
    """Keys of the frames shown, in order (content-addressed)."""
    shown_s: tuple[float, ...] = ()
    """Times of the pictures really shown."""
    damaged_frames: int = 0
    started_at: str | None = None

    @model_validator(mode="after")
    def _text_when_there_is_an_answer(self) -> Prediction:
        if self.status in ("ok", "truncated") and self.text is None:
            raise ValueError(f"status {self.status!r} needs the reply's text")
        if self.status in ("failed", "skipped") and not self.error:
            raise ValueError(f"status {self.status!r} needs an error that says why")
        return self
