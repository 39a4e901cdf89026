"""Where figures that should be the same first differ, to the digit."""

from __future__ import annotations

from itertools import takewhile
from typing import Any


def difference_in_words(kept: Any, counted: Any, place: str = "") -> str | None:
    """Where two plain values first differ, in the order of their keys; None where they are alike.

    >>> difference_in_words({"a": 1, "b": [0.25, 0.7182]}, {"a": 1, "b": [0.25, 0.7192]})
    'b[1] was kept as 0.7182 and comes out as 0.7192: digit 4 differs'
    """
    if isinstance(kept, dict) and isinstance(counted, dict):
        for key in sorted({*kept, *counted}):
            inner = f"{place}.{key}" if place else key
            if key not in kept or key not in counted:
                return f"{inner} is {'not kept' if key in counted else 'kept'} and {_comes(key in counted)}"
            found = difference_in_words(kept[key], counted[key], inner)
            if found:
                return found
        return None
    if isinstance(kept, list) and isinstance(counted, list):
        for number, (one, other) in enumerate(zip(kept, counted, strict=False)):
            found = difference_in_words(one, other, f"{place}[{number}]")
            if found:
                return found
        return (
            None
            if len(kept) == len(counted)
            else f"{place} was kept with {len(kept)} and comes out with {len(counted)}"
        )
    # 1 and 1.0 and True are equal and are not written alike.
    if type(kept) is type(counted) and kept == counted:
        return None
    return f"{place} was kept as {kept!r} and comes out as {counted!r}{_digit(kept, counted)}"


def _comes(out: bool) -> str:
    return "comes out" if out else "does not come out"


def _digit(kept: Any, counted: Any) -> str:
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in (kept, counted)):
        return ""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(repr(kept), repr(counted), strict=False))
    return f": digit {sum(one.isdigit() for one, _ in alike) + 1} differs"
