"""Records as plain values: what `to_plain` of every result of this room hands to JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from siming.metrics import Measured


def plain(value: Any) -> Any:
    """Nested records, `Measured` and numpy's numbers as dicts, lists and Python's own numbers.

    >>> plain({"level": np.int64(3), "values": (1.0, None)})
    {'level': 3, 'values': [1.0, None]}
    """
    if isinstance(value, Measured):
        return value.to_json()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value
