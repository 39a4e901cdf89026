"""One text for one value: what is hashed here gives the same digest on every machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any


def canonical_json(value: Any) -> str:
    """Sorted keys, no spaces, no NaN, characters as they are.

    >>> canonical_json({"b": 1.5, "a": "一"})
    '{"a":"一","b":1.5}'
    """
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """sha256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(value).encode("utf-8")).hexdigest()


def digest_of_set(values: Iterable[Any]) -> str:
    """The same of several things, in whatever order a database gives them back."""
    return digest(sorted(digest(value) for value in values))


def json_values(value: dict[str, Any]) -> dict[str, Any]:
    """The value as it comes back from JSON, so that what is kept and what is computed again are the same kind of values."""
    found: dict[str, Any] = json.loads(canonical_json(value))
    return found
