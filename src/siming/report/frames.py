"""Small copies of the frames a model saw, within a budget: a page must stay small enough to send by mail."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PIL import Image, UnidentifiedImageError

FrameSource = Callable[[str], bytes | None]
"""Key of a stored frame to its JPEG, or None where the store has lost it."""

THUMB_WIDTH = 200
THUMB_QUALITY = 62
MOST_PER_REPLY = 12


@dataclass(slots=True)
class Thumbnails:
    """Thumbnails for one attempt, until its share of the page is used up."""

    source: FrameSource | None
    budget_bytes: int
    _first_shown: dict[tuple[str, ...], str] = field(default_factory=dict)

    def seen_before(self, keys: Sequence[str], by: str) -> str | None:
        """The reply under which exactly these frames already stand; remembers `by` where there is none."""
        earlier = self._first_shown.setdefault(tuple(keys), by)
        return None if earlier == by else earlier

    def pick(self, keys: Sequence[str], times_s: Sequence[float]) -> list[tuple[float, str]]:
        """Up to twelve frames spread evenly over what was shown: (time, data address)."""
        if self.source is None or not keys:
            return []
        out: list[tuple[float, str]] = []
        for index in spread(min(len(keys), len(times_s)), MOST_PER_REPLY):
            picture = self.source(keys[index])
            small = None if picture is None else thumbnail(picture)
            if small is None:
                continue
            address = f"data:image/jpeg;base64,{base64.b64encode(small).decode()}"
            if len(address) > self.budget_bytes:
                break
            self.budget_bytes -= len(address)
            out.append((times_s[index], address))
        return out


def spread(n: int, most: int) -> list[int]:
    """At most `most` of `n` places, first and last included.

    >>> spread(64, 4), spread(2, 4)
    ([0, 21, 42, 63], [0, 1])
    """
    if n <= most:
        return list(range(n))
    return [round(i * (n - 1) / (most - 1)) for i in range(most)]


def thumbnail(picture: bytes) -> bytes | None:
    """A small JPEG of a picture; None where the bytes are no picture."""
    try:
        with Image.open(io.BytesIO(picture)) as opened:
            image = opened.convert("RGB")
    except (UnidentifiedImageError, OSError):
        return None
    image.thumbnail((THUMB_WIDTH, THUMB_WIDTH))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=THUMB_QUALITY, optimize=True)
    return out.getvalue()
