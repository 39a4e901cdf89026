"""An attempt ready to be rated: small numbered recordings made into derivatives, an assignment, a page opened on it."""

from __future__ import annotations

import atexit
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "video"))

import numpy as np
from recordings import picture, record
from rooms import Room

from siming.store.blind import assignments
from siming.store.media import attempts, media
from siming.store.media.media_folder import MediaFolder
from siming.video.derivative import make_derivative
from siming.video.recipe import Recipe

WIDTH, HEIGHT = 320, 192

WANDERING_MS = [17, 50, 33, 34, 90, 21, 45]
FILMS: dict[str, dict[str, object]] = {
    "constant": {"fps": 25},
    "variable": {"stamps_ms": [sum((WANDERING_MS * 40)[:k]) for k in range(150)]},
    "fast": {"stamps_us": [round(k * 1001 / 60000 * 1e6) for k in range(240)]},
    "turned": {"turn": 90},
    "late": {"stamps_ms": [5000 + 40 * k for k in range(150)], "container": "matroska"},
}
"""Constant rate, a phone's wandering rate, 59.94 pictures a second, filmed sideways, a stream that begins at 5 s."""


def film(path: Path, kind: str = "constant", n_frames: int = 150) -> Path:
    """A recording of numbered pictures."""
    options = dict(FILMS[kind])
    stamps = options.pop("stamps_us", None)
    if stamps is not None:
        return record_fast(path, n_frames=min(n_frames, len(stamps)))
    if "stamps_ms" in options:
        options["stamps_ms"] = options["stamps_ms"][:n_frames]
        n_frames = len(options["stamps_ms"])
    return record(path, n_frames=n_frames, options={"preset": "ultrafast", "g": "30", "bf": "2"}, draw=large, **options)


def large(number: int) -> np.ndarray:
    """A numbered picture of twice the size: its blocks survive the browser's colours."""
    return picture(number, width=WIDTH, height=HEIGHT)


def record_fast(path: Path, *, n_frames: int) -> Path:
    """59.94 pictures a second, exactly 60000/1001."""
    from fractions import Fraction

    import av

    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=Fraction(60000, 1001), options={"preset": "ultrafast", "g": "60"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.time_base = video.codec_context.time_base = Fraction(1001, 60000)
        for number in range(n_frames):
            frame = av.VideoFrame.from_ndarray(large(number), format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1001, 60000)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
    return path


@dataclass
class Exam:
    """An attempt with its film, given to Wei."""

    room: Room
    attempt: str
    assignment: str
    time_map: dict[str, object]
    media: str

    @property
    def path(self) -> str:
        """The rating page."""
        return f"/rate/{self.assignment}"

    def assigned_to(self, rater) -> str:
        """The same attempt for another rater; id of his assignment."""
        plan = assignments.Planned(self.attempt, rater.id, slot=1)
        return assignments.assign(self.room.db, self.room.coordinator, self.room.project, [plan])[0]


_MADE: dict[tuple[str, int], tuple[Path, Path, object]] = {}


def _derived(kind: str, n_frames: int) -> tuple[Path, Path, object]:
    """A film, its derivative, and what is known of that; made once per run."""
    key = (kind, n_frames)
    if key not in _MADE:
        folder = Path(tempfile.mkdtemp(prefix="films-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        extension = "mkv" if FILMS[kind].get("container") == "matroska" else "mp4"
        path = film(folder / f"{kind}.{extension}", kind, n_frames)
        target = folder / "derivative.mp4"
        _MADE[key] = (path, target, make_derivative(path, target, recipe=Recipe()))
    return _MADE[key]


def add_film(room: Room, attempt: str, kind: str, *, n_frames: int = 150, camera: str = "main") -> media.Media:
    """Give an attempt a film, looked at and released."""
    path, target, made = _derived(kind, n_frames)
    folder = MediaFolder(room.media)
    inside = room.media / "made"
    inside.mkdir(exist_ok=True)
    kept = {}
    for shelf, source in (("originals", path), ("derivatives", target)):
        copy = inside / f"{camera}-{source.name}"
        copy.write_bytes(source.read_bytes())
        name, sha256, size = folder.keep(copy, shelf)
        kept[shelf] = {"path": name, "sha256": sha256, "bytes": size}
    original = media.add_original(room.db, room.coordinator, attempt, camera=camera, **kept["originals"])
    shown = media.add_derivative(
        room.db,
        room.coordinator,
        original.id,
        media.NewDerivative(
            **kept["derivatives"],
            duration_s=made.duration_s,
            width=made.width,
            height=made.height,
            rate="25/1",
            time_map=made.time_map.to_json(),
            recipe=made.recipe.to_json(),
            facts={"has_sound": made.has_sound},
        ),
    )
    return media.release(room.db, room.coordinator, shown.id)


def exam(room: Room, kind: str = "constant", *, code: str = "A-001", n_frames: int = 150) -> Exam:
    """An attempt with a film of numbered pictures, and Wei's assignment."""
    made = attempts.add_attempt(room.db, room.coordinator, room.project, code=code)
    shown = add_film(room, made.id, kind, n_frames=n_frames)
    plan = assignments.Planned(made.id, room.wei.id)
    given = assignments.assign(room.db, room.coordinator, room.project, [plan])[0]
    return Exam(room, made.id, given, shown.time_map, shown.id)


__all__ = ["FILMS", "Exam", "add_film", "exam", "film"]
