"""What a recording is, before anything is taken from it: `siming video probe`."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siming.video.file import check_file

if TYPE_CHECKING:
    from siming.video.index import Index


SOUND_SLACK_S = 1.0
"""A sound this much shorter than its header says is whole: encoders pad both ends and containers round."""


@dataclass(frozen=True, slots=True)
class Probe:
    """The facts of one recording, counted from its packets; what its header claims stands apart."""

    path: str
    size_bytes: int
    sha256: str | None
    """Of the whole file; None where it was not asked for."""
    container: str
    codec: str
    width: int
    """As a player shows it: upright."""
    height: int
    rotation: int
    """Degrees the stored picture is turned counter-clockwise to be upright."""
    duration_s: float
    """From the first shown picture to the end of the last one."""
    header_duration_s: float | None
    frames: int
    """Pictures that are really shown."""
    header_frames: int
    """Pictures the header claims; 0 where it says nothing."""
    fps: Fraction
    """Average rate; with `variable_rate` no more than that."""
    variable_rate: bool
    longest_key_interval_s: float
    """Longest way from one key picture to the next, or to the end: what an exact picture may cost to reach."""
    sound_hz: int | None
    """Sample rate of the sound; None where there is none."""
    warnings: tuple[str, ...]
    """What a reader of scores from this recording should know, in plain words."""

    @property
    def has_sound(self) -> bool:
        return self.sound_hz is not None

    def to_json(self) -> dict[str, Any]:
        """A plain dict; the rate as a fraction in text, such as ``30000/1001``."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return plain | {"fps": str(self.fps), "has_sound": self.has_sound, "warnings": list(self.warnings)}


def probe(path: str | Path, *, sha256: bool = False) -> Probe:
    """Read the facts of a recording: its whole packet table, and one picture.

    Raises:
        VideoError: The file cannot be used; `kind` says in what way.
    """
    from siming.video.decode import read_index  # the decoder's library is loaded only to decode

    path = Path(path)
    size = check_file(path).st_size
    index = read_index(path)
    width, height = index.upright
    return Probe(
        path=str(path),
        size_bytes=size,
        sha256=sha256_of(path) if sha256 else None,
        container=index.container,
        codec=index.codec,
        width=width,
        height=height,
        rotation=index.rotation,
        duration_s=index.duration_s,
        header_duration_s=index.header_duration_s,
        frames=len(index.shown),
        header_frames=index.header_frames,
        fps=index.average_fps,
        variable_rate=index.variable_rate,
        longest_key_interval_s=_longest_key_interval_s(index),
        sound_hz=index.sound_hz,
        warnings=tuple(warnings_of(index)),
    )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    import hashlib  # not at the top: it loads OpenSSL, which frames on their own do without

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _longest_key_interval_s(index: Index) -> float:
    stamps = sorted(index.pts[k] for k in index.keys)
    stamps.append(index.pts[index.shown[-1]] + index.last_ticks)
    return float(max((b - a for a, b in pairwise(stamps)), default=0) * index.time_base)


def warnings_of(index: Index) -> list[str]:
    """What a reader of scores from this recording should know, in plain words."""
    found = []
    if index.stops_early:
        promised = "its header says" if index.header_duration_s is None else f"{index.header_duration_s:.1f} s"
        found.append(f"the recording stops at {index.duration_s:.1f} s of {promised}: copy it again from the camera")
    hidden = len(index.pts) - len(index.shown)
    if hidden:
        found.append(
            f"{hidden} of {len(index.pts)} stored pictures are not shown (edit list, or a cut without a key picture); "
            f"counting frames from the header would ask for pictures that do not exist"
        )
    broken = [k for k in index.shown if index.broken(k)]
    if broken:
        first, last = index.shown_s(broken[0]), index.shown_s(broken[-1])
        found.append(f"{len(broken)} pictures are stored incompletely, between {first:.1f} s and {last:.1f} s")
    if not index.square_pixels:
        found.append("its pixels are not square; pictures are given as stored, not stretched")
    if index.in_order:
        found.append("its container stores no times of showing; pictures are counted, and all must be decoded")
    return found


def sound_warnings(path: str | Path, *, sound_s: float) -> list[str]:
    """The same of a recording's sound, as far as its header tells; only the header is read.

    A WAV file cut short is not noticed: what its header claims is not handed on by the decoder's library.

    Args:
        sound_s: Length of the sound that is really there, as `siming.video.read_sound` found it.

    Raises:
        VideoError: The file cannot be opened.
    """
    from siming.video.container import open_container  # the decoder's library is loaded only to decode

    with open_container(Path(path)) as container:
        track = container.streams.audio[0]
        whole_s = container.duration / 10**6 if container.duration else 0.0
        header_s = float(track.duration * track.time_base) if track.duration else whole_s
    if header_s - sound_s <= SOUND_SLACK_S:
        return []
    return [f"the sound stops at {sound_s:.1f} s of {header_s:.1f} s: copy it again from the camera"]
