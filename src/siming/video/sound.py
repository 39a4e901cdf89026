"""From a recording to its sound: mono samples that know their time.

Zero is the clock that frames use: the first frame of the picture, or the first sample where a file has sound only.
Sound that begins before the first frame therefore has negative times. An MP3 begins at its first real sample (the
encoder's padding is dropped), so its times are those an audio editor shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from siming.errors import VideoError

if TYPE_CHECKING:
    from av.container import InputContainer

Samples = NDArray[np.float32]

MAX_SECONDS = 4 * 3600.0
"""Longest recording taken in one piece: four hours at 8000 Hz are 460 MB. Exams last minutes."""

_PLAYLISTS = {"concat", "hls", "dash", "applehttp", "imf", "tedcaptions", "webm_dash_manifest"}
"""Containers that name other files: reading one would let a recording open files it was never given."""

_LIMITS = {"protocol_whitelist": "file", "format_whitelist": "", "enable_drefs": "0"}


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound of one recording as mono samples."""

    samples: Samples
    """float32, full scale is 1; shape (n,)."""
    rate_hz: int
    start_s: float = 0.0
    """Time of the first sample on the recording's clock; negative where sound starts before the picture."""
    damaged: int = 0
    """Packets that could not be decoded. Their time is kept as silence, so later sound stays in place."""

    @property
    def duration_s(self) -> float:
        """Length of the sound itself, in seconds."""
        return len(self.samples) / self.rate_hz


def read_sound(path: str | Path, *, rate_hz: int = 8000, max_s: float = MAX_SECONDS) -> Sound:
    """The sound of a media file (mp3, wav, mp4, mkv ...), mixed to mono and resampled.

    Decodes frame by frame; what stays in memory is the result, 32 kB per second at 8000 Hz. Gaps in the
    timestamps become silence, so that a sample's index is its time.

    Args:
        path: A regular file on this machine. Addresses, devices and playlists are refused.
        rate_hz: Samples per second of the result.
        max_s: Refuse longer sound.

    Raises:
        VideoError: `kind` is ``missing``, ``empty``, ``not_a_video`` (no media file, or one that only names
            others), ``no_audio_stream``, ``damaged`` (no sample could be decoded) or ``too_large``.
    """
    file = Path(path)
    with _open(file) as container:
        if not container.streams.audio:
            raise VideoError(
                f"{file}: has no sound track, so nothing can be heard in it; "
                "record with the microphone on, or give the sound as its own file",
                kind="no_audio_stream",
            )
        origin = _picture_start(container)
        track = _Track(rate_hz)
        damaged = 0
        for block in _blocks(container, rate_hz):
            if block is None:
                damaged += 1
                continue
            track.add(*block)
            if track.n > max_s * rate_hz:
                raise VideoError(
                    f"{file}: the sound is longer than {max_s:g} s; cut the recording, or raise max_s",
                    kind="too_large",
                )
    if track.start_s is None:
        raise VideoError(f"{file}: no sound could be decoded; the file is cut off or damaged", kind="damaged")
    start_s = 0.0 if origin is None else track.start_s - origin
    return Sound(track.joined(), rate_hz, start_s, damaged)


class _Track:
    """Puts blocks one behind the other at the time they claim."""

    tolerance_s = 0.05
    """Timestamps this close to the running end are jitter of the container, not a gap."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.start_s: float | None = None
        self.n = 0
        self._parts: list[Samples] = []

    def add(self, time_s: float | None, samples: Samples) -> None:
        if self.start_s is None:
            self.start_s = time_s or 0.0
        elif time_s is not None:
            gap = round((time_s - self.start_s) * self.rate_hz) - self.n
            if gap > self.tolerance_s * self.rate_hz:
                # A jump of hours is a broken timestamp, not an hour of silence to hold in memory.
                self._append(np.zeros(min(gap, 600 * self.rate_hz), np.float32))
            elif gap < -self.tolerance_s * self.rate_hz:
                samples = samples[-gap:]
        self._append(samples)

    def _append(self, samples: Samples) -> None:
        self._parts.append(samples)
        self.n += len(samples)

    def joined(self) -> Samples:
        return np.concatenate(self._parts) if self._parts else np.zeros(0, np.float32)


def _blocks(container: InputContainer, rate_hz: int) -> Iterator[tuple[float | None, Samples] | None]:
    """Resampled blocks with the time of their first sample; None for a packet that does not decode."""
    import av

    stream = container.streams.audio[0]
    resampler = _new_resampler(rate_hz)
    pending_time: float | None = None
    expected: float | None = None

    def resampled(frame: Any) -> Iterator[Samples]:
        for out in resampler.resample(frame):
            values = out.to_ndarray()[0]
            # A damaged float stream can hold infinities, and one would spoil every filter after it.
            yield np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0).clip(-4, 4).astype(np.float32)

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
            frames = packet.decode()
        except StopIteration:
            break
        except av.FFmpegError:
            yield None
            if container.size and not _has_more(container):
                break
            continue
        for frame in frames:
            time_s = None if frame.time is None else float(frame.time)
            if expected is not None and time_s is not None and abs(time_s - expected) > _Track.tolerance_s:
                # The resampler would glue the two sides of a gap together: empty it, then start anew behind it.
                for values in resampled(None):
                    yield None if values is None else (pending_time, values)
                    pending_time = None
                resampler = _new_resampler(rate_hz)
                pending_time = time_s
            elif expected is None:
                pending_time = time_s
            start = expected if time_s is None else time_s
            expected = None if start is None else start + frame.samples / frame.sample_rate
            frame.pts = None
            for values in resampled(frame):
                yield pending_time, values
                pending_time = None
    for values in resampled(None):
        yield pending_time, values
