"""From a model's name to the backend that answers for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from siming.errors import TaskError
from siming.run.backend import Backend
from siming.run.mock import MockBackend, MockOptions
from siming.run.model_name import ModelName
from siming.run.options import Options, read_options
from siming.run.texts import ReplayBackend, TextsBackend


def open_backend(
    name: str | ModelName, options: Mapping[str, Any] | None = None, *, texts: Mapping[str, str] | None = None
) -> Backend:
    """The backend for a model's name.

    Args:
        options: Options of its kind, as values or as the texts a user typed.
        texts: The answers of a ``baseline:`` by request id, from `siming.bench.baselines.baseline_answers`.

    Raises:
        TaskError: A name, option or file that does not fit; a missing key.
        MissingExtraError: The packages this kind needs are not installed.
    """
    model = name if isinstance(name, ModelName) else ModelName.parse(name)
    given = dict(options or {})
    of = f"{model.kind}:"
    if model.kind == "openai":
        from siming.run.openai import OpenAIBackend, OpenAIOptions

        return OpenAIBackend(model, read_options(OpenAIOptions, given, of=of))
    if model.kind == "local":
        from siming.run.local import LocalBackend, LocalOptions

        return LocalBackend(model.name, read_options(LocalOptions, given, of=of))
    if model.kind == "mock":
        return MockBackend(model.name, read_options(MockOptions, given, of=of))
    if model.kind == "replay":
        read_options(Options, given, of=of)
        return ReplayBackend(str(model), Path(model.name))
    if texts is None:
        raise TaskError(
            f"'{model}' needs its answers: texts=baseline_answers({model.name!r}, dataset, requests, setting)"
        )
    return TextsBackend(str(model), texts, options=given)
