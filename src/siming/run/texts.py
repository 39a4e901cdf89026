"""Answers that are already there: a baseline's texts, or the predictions of an earlier run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from siming.bench.folder import ANSWERED
from siming.bench.prediction import Status
from siming.bench.request import Request
from siming.errors import RunError, TaskError
from siming.run.backend import Answer, Backend, Shown, Shows


class TextsBackend(Backend):
    """Answers from a table of texts by request id, such as `siming.bench.baselines.baseline_answers` makes."""

    def __init__(self, model: str, texts: Mapping[str, str], *, options: Mapping[str, Any] | None = None) -> None:
        self.model = model
        self.options = dict(options or {})
        self._texts = texts

    def shows(self, request: Request) -> Shows:
        return "nothing"

    async def answer(self, request: Request, shown: Shown) -> Answer:
        text = self._texts.get(request.id)
        if text is None:
            return Answer("skipped", error=f"{self.model} has no answer to {request.id!r}")
        return Answer("ok", text, "stop")


class ReplayBackend(Backend):
    """Answers from a predictions file: of siming, or of any harness that writes `request` and `text` per line."""

    def __init__(self, model: str, path: Path) -> None:
        """
        Raises:
            TaskError: There is no such file.
            RunError: A line that is no prediction.
        """
        path = path / "predictions.jsonl" if path.is_dir() else path
        if not path.is_file():
            raise TaskError(
                f"{model!r}: there is no file {path}; name a predictions.jsonl or the run folder that holds one"
            )
        self.model = model
        self.options: Mapping[str, Any] = {}
        self._path = path
        self._lines = _lines_by_request(path)

    def shows(self, request: Request) -> Shows:
        return "nothing"

    async def answer(self, request: Request, shown: Shown) -> Answer:
        line = self._lines.get(request.id)
        if line is None:
            return Answer("skipped", error=f"{self._path} has no line for {request.id!r}")
        if line.get("request_hash") not in (None, request.hash):
            return Answer(
                "skipped",
                error=f"the answer to {request.id!r} in {self._path} belongs to another wording or frame plan; "
                "replay it in a run made with the same options",
            )
        status, text = line["status"], line.get("text")
        if status in ("failed", "skipped"):
            return Answer(
                "skipped", error=f"{self._path} has no answer to {request.id!r}: {line.get('error') or status}"
            )
        return Answer(status, text, line.get("finish_reason"), line.get("usage") or {}, line.get("error"))


def _lines_by_request(path: Path) -> dict[str, dict[str, Any]]:
    """Each request's answer if any line holds one, else its last line. A torn last line is left out."""
    found: dict[str, dict[str, Any]] = {}
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            if not raw.strip():
                continue
            try:
                line = json.loads(raw)
            except ValueError as cause:
                if not raw.endswith(b"\n"):
                    break
                raise RunError(f"{path} line {number}: not valid JSON ({cause}); correct or delete the line") from cause
            if not isinstance(line, dict) or not isinstance(line.get("request"), str):
                raise RunError(f"{path} line {number}: has no 'request'; each line needs the request's id and its text")
            line.setdefault("status", "ok" if isinstance(line.get("text"), str) else "failed")
            _check(line, f"{path} line {number}")
            if found.get(line["request"], {}).get("status") not in ANSWERED:
                found[line["request"]] = line
    return found


def _check(line: Mapping[str, Any], where: str) -> None:
    status, text = line["status"], line.get("text")
    if status not in get_args(Status):
        raise RunError(f"{where}: status {status!r} is none of {', '.join(get_args(Status))}")
    if not isinstance(text, str | None) or (text is None and status in ("ok", "truncated")):
        raise RunError(f"{where}: 'text' is {text!r}, wanted the model's reply as text")
