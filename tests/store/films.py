"""Small films and their rows, for tests that need no decoder."""

from __future__ import annotations

import hashlib

from siming.store.media import attempts, media
from siming.store.media.media import NewDerivative
from siming.store.media.media_folder import MediaFolder


def time_map(source_sha256: str, derivative_sha256: str, pictures: int = 250) -> dict:
    """Of a film with 25 pictures a second."""
    return {
        "schema": "siming.time-map/1",
        "pictures": pictures,
        "source": {"sha256": source_sha256, "time_base": "1/25", "first": 0, "zero": 0, "steps": [1, pictures]},
        "derivative": {"sha256": derivative_sha256, "time_base": "1/10000", "ticks_per_source_tick": 400},
    }


def keep(folder: MediaFolder, shelf: str, content: bytes) -> tuple[str, str, int]:
    """Put bytes on a shelf."""
    file = folder.root / "uploads" / "fresh.tmp"
    file.write_bytes(content)
    kept = folder.keep(file, shelf)
    file.unlink()
    return kept


def add_film(room, attempt_id: str, *, content: bytes = b"a film", camera: str = "main", original: bytes | None = None):
    """An original and its derivative, waiting to be looked at; 10 seconds long."""
    folder = MediaFolder(room.media)
    raw = original if original is not None else b"original of " + content
    path, sha256, size = keep(folder, "originals", raw)
    source = media.add_original(
        room.db, room.coordinator, attempt_id, camera=camera, sha256=sha256, bytes=size, path=path
    )
    path, sha256, size = keep(folder, "derivatives", content)
    picture, _, _ = keep(folder, "previews", b"picture of " + content)
    made = NewDerivative(
        sha256=sha256, bytes=size, path=path, duration_s=10.0, width=640, height=360, rate="25",
        time_map=time_map(source.sha256, sha256), recipe={"faces": "none"},
        facts={"has_sound": True, "previews": [{"time_s": 1.0, "path": picture, "masked": 0}]},
    )  # fmt: skip
    return media.add_derivative(room.db, room.coordinator, source.id, made)


def add_attempt_with_film(room, code: str = "A-031", *, released: bool = True, **film):
    """An attempt with a film that raters may see."""
    made = attempts.add_attempt(room.db, room.coordinator, room.project, code=code)
    derivative = add_film(room, made.id, **film)
    if released:
        derivative = media.release(room.db, room.coordinator, derivative.id)
    return made, derivative


def sha256(content: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(content).hexdigest()
