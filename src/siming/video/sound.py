"""From a recording to its sound: mono samples that know their time.

Zero is the clock that frames use: the first frame of the picture, or the first sample where a file has sound
only. Sound that begins before the first frame therefore has a negative start. An MP3 begins at its first real
sample (the encoder's padding is dropped), so its times are those an audio editor shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from siming.errors import VideoError

if TYPE_CHECKING:
    from av import AudioFrame
    from av.container import InputContainer

Samples = NDArray[np.float32]

MAX_SECONDS = 4 * 3600.0
"""Longest sound taken in one piece: four hours at 8000 Hz are 460 MB. Exams last minutes."""


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound of one recording as mono samples."""

    samples: Samples
    """float32, full scale is 1; shape (n,)."""
    rate_hz: int
    start_s: float = 0.0
    """Time of the first sample on the recording's clock."""
    damaged: int = 0
    """Packets that could not be decoded; where timestamps allow, their time is kept as silence."""

    @property
    def duration_s(self) -> float:
        """Length of the sound itself, in seconds."""
        return len(self.samples) / self.rate_hz


def read_sound(path: str | Path, *, rate_hz: int = 8000, max_s: float = MAX_SECONDS) -> Sound:
    """The first sound track of a media file (mp3, wav, mp4, mkv ...), mixed to mono and resampled.

    Decodes frame by frame; what stays in memory is the result, 32 kB per second at 8000 Hz. Gaps between
    timestamps become silence, so that a sample's index tells its time.

    Args:
        path: A regular file on this machine. Addresses, devices and playlists are refused.
        rate_hz: Samples per second of the result.
        max_s: Longer sound is refused.

    Raises:
        VideoError: `kind` is ``missing``, ``empty``, ``not_a_video`` (no media file, or one that only names
            others), ``no_audio_stream``, ``damaged`` (nothing could be decoded) or ``too_large``.
    """
    file = Path(path)
    blocks: list[Samples] = []
    n = damaged = 0
    begins_s: float | None = None
    with _open(file) as container:
        picture_s = _picture_start(container)
        for block in _blocks(container, rate_hz):
            if block is None:
                damaged += 1
                continue
            time_s, samples = block
            if begins_s is None:
                begins_s = time_s
            gap = round((time_s - begins_s) * rate_hz) - n
            # Below 50 ms it is the container rounding its timestamps, not a hole.
            if gap > 0.05 * rate_hz:
                _check_length(file, n + gap, rate_hz, max_s)
                blocks.append(np.zeros(gap, np.float32))
                n += gap
            elif gap < -0.05 * rate_hz:
                samples = samples[-gap:]
            blocks.append(samples)
            n += len(samples)
            _check_length(file, n, rate_hz, max_s)
    if begins_s is None:
        raise VideoError(f"{file}: no sound could be decoded; the file is cut off or damaged", kind="damaged")
    start_s = 0.0 if picture_s is None else begins_s - picture_s
    return Sound(np.concatenate(blocks), rate_hz, start_s, damaged)


def _check_length(file: Path, n: int, rate_hz: int, max_s: float) -> None:
    if n > max_s * rate_hz:
        raise VideoError(
            f"{file}: its sound claims {n / rate_hz:.0f} s, the limit is {max_s:g} s; cut the recording or raise max_s",
            kind="too_large",
        )


def _open(file: Path) -> InputContainer:
    # Imported here so that the arithmetic on samples needs no decoder.
    from siming.video.container import open_container

    container: InputContainer = open_container(file)
    if not container.streams.audio:
        container.close()
        raise VideoError(
            f"{file}: has no sound track; record with the microphone on, or give the sound as its own file",
            kind="no_audio_stream",
        )
    return container


def _picture_start(container: InputContainer) -> float | None:
    """Time of the first frame in the container's own time; None for sound only (a cover image is none)."""
    import av

    for stream in container.streams.video:
        if stream.disposition & av.stream.Disposition.attached_pic or stream.time_base is None:
            continue
        return float((stream.start_time or 0) * stream.time_base)
    return None


def _blocks(container: InputContainer, rate_hz: int) -> Iterator[tuple[float, Samples] | None]:
    """Resampled blocks with the time of their first sample; None for a packet that does not decode."""
    import av

    stream = container.streams.audio[0]
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate_hz)
    due_s: float | None = None
    packets = container.demux(stream)
    while True:
        frames: list[AudioFrame] = []
        try:
            packet = next(packets, None)
            if packet is None:
                break
            frames = packet.decode()
        except av.FFmpegError:
            yield None
            continue
        for frame in frames:
            time_s = due_s if frame.time is None else frame.time
            jumped = due_s is not None and time_s is not None and abs(time_s - due_s) > 0.05
            if jumped:
                # The resampler would glue the two sides of the hole together.
                yield from map(_samples, resampler.resample(None))
                resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate_hz)
            due_s = (time_s or 0.0) + frame.samples / frame.sample_rate
            try:
                yield from map(_samples, resampler.resample(frame))
            except (av.FFmpegError, ValueError):
                # Rate or channels changed in the middle of the stream: a new resampler takes the new kind.
                with suppress(av.FFmpegError, ValueError):
                    resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate_hz)
                    yield from map(_samples, resampler.resample(frame))
    with suppress(av.FFmpegError):
        yield from map(_samples, resampler.resample(None))


def _samples(frame: AudioFrame) -> tuple[float, Samples]:
    # A damaged float stream can decode to infinities, and a single one would spoil every filter behind it.
    values = np.nan_to_num(frame.to_ndarray()[0], nan=0.0, posinf=0.0, neginf=0.0)
    return frame.time or 0.0, np.clip(values, -4, 4).astype(np.float32)
