"""What a statistic returned, part by part: one value, a record of several, or one record per rater or step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from siming.metrics.measured import Measured

Path = tuple[str, ...]

_INNER = {"structure", "resampled", "design", "influence", "draws", "mean_weights"}
"""Fields with which other functions go on; nobody reads them."""

_NAMES = ("name", "rater", "video", "label", "step")
"""Fields that say what a record in a list is about, the first of them that it has."""


def measured_in(result: Any, path: Path = ()) -> Iterator[tuple[Path, Measured]]:
    """Every `Measured` of a result, with the names that lead to it.

    >>> [(path, one.value) for path, one in measured_in({"Wei": Measured(0.5, 4), "Lin": Measured(0.25, 4)})]
    [(('Wei',), 0.5), (('Lin',), 0.25)]
    """
    if isinstance(result, Measured):
        yield path, result
        return
    for name, part in _parts(result):
        yield from measured_in(part, (*path, name))


def to_plain(result: Any) -> Any:
    """The result as plain values for strict JSON.

    >>> to_plain((Measured(1.0, 3), None))
    [{'value': 1.0, 'n': 3}, None]
    """
    if isinstance(result, Measured):
        return result.to_json()
    if hasattr(result, "to_json"):
        return result.to_json()
    if isinstance(result, np.ndarray | np.generic):
        return to_plain(result.tolist())
    if isinstance(result, float):
        return result if np.isfinite(result) else None
    if result is None or isinstance(result, bool | int | str):
        return result
    if isinstance(result, list | tuple):
        return [to_plain(part) for part in result]
    if isinstance(result, set | frozenset):
        return sorted((to_plain(part) for part in result), key=str)
    if is_dataclass(result) or isinstance(result, Mapping):
        return {name: to_plain(part) for name, part in _parts(result)}
    return str(result)


def _parts(result: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(result, Mapping):
        yield from ((str(key), part) for key, part in result.items())
    elif is_dataclass(result):
        yield from ((f.name, getattr(result, f.name)) for f in fields(result) if f.name not in _INNER)
    elif isinstance(result, list | tuple):
        for number, part in enumerate(result, start=1):
            yield next((str(getattr(part, name)) for name in _NAMES if hasattr(part, name)), str(number)), part
