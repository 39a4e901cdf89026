"""From pictures and sound to an MP4 file: H.264 and AAC, written whole or not at all.

For pictures that siming made itself; films of recordings are `derivative.py`'s. The same pictures give the same bytes on
one machine and one version of the libraries: one thread per file, no clock time in the container, no macroblock tree
(which reads memory it never wrote).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from siming.errors import VideoError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream

Picture = NDArray[np.uint8]
"""RGB, shape (height, width, 3)."""

AAC_BLOCK = 1024
"""Samples per channel in one AAC packet."""


def write_video(
    path: Path,
    pictures: Iterable[Picture],
    *,
    fps: Fraction | int,
    sound: NDArray[np.float32] | None = None,
    sound_rate_hz: int = 16_000,
    crf: int = 27,
    preset: str = "ultrafast",
) -> None:
    """Write pictures, one every 1/`fps` s, and mono sound from time 0.

    Args:
        path: The file to be; its folder must exist. An interrupted write leaves no file of this name.
        pictures: All of one size with even sides; taken one at a time, so a film of any length needs little memory.
        sound: Samples in [-1, 1]; cut or followed by silence as it comes.
        crf: x264's constant quality, 0 (lossless) to 51.
        preset: x264's speed; ``ultrafast`` costs a third of ``veryfast`` and drawn scenes stay small anyway.

    Raises:
        VideoError: no pictures, pictures of different sizes, or a size H.264 cannot hold; `kind` is ``empty`` or
            ``damaged``.
    """
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        _write(part, pictures, Fraction(fps), sound, sound_rate_hz, {"crf": str(crf), "preset": preset, "mbtree": "0"})
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def _write(
    part: Path,
    pictures: Iterable[Picture],
    fps: Fraction,
    sound: NDArray[np.float32] | None,
    sound_rate_hz: int,
    options: dict[str, str],
) -> None:
    import av

    size: tuple[int, ...] | None = None
    with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as out:
        video: VideoStream = out.add_stream("libx264", rate=fps, options=options)
        video.pix_fmt = "yuv420p"
        video.thread_count = 1
        audio = _AudioWriter(out, sound, sound_rate_hz) if sound is not None else None
        for number, picture in enumerate(pictures):
            if size is None:
                size = picture.shape
                if size[0] % 2 or size[1] % 2 or len(size) != 3:
                    raise VideoError(
                        f"{part.name}: pictures of {size[1]}x{size[0]} cannot be H.264; make both sides even",
                        kind="damaged",
                    )
                video.height, video.width = size[:2]
            elif picture.shape != size:
                raise VideoError(
                    f"{part.name}: picture {number} has shape {picture.shape}, the first had {size}; give all one size",
                    kind="damaged",
                )
            out.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            if audio is not None:
                # A second of sound follows a second of picture, so that the muxer holds little back.
                audio.write_until(float((number + 1) / fps))
        if size is None:
            raise VideoError(f"{part.name}: no pictures were given; a video needs at least one", kind="empty")
        out.mux(video.encode(None))
        if audio is not None:
            audio.finish()


class _AudioWriter:
    """Hands sound to the encoder block by block."""

    def __init__(self, out: OutputContainer, sound: NDArray[np.float32], rate_hz: int) -> None:
        self._out = out
        self._sound = np.ascontiguousarray(sound, dtype=np.float32)
        self._rate_hz = rate_hz
        self._stream: AudioStream = out.add_stream("aac", rate=rate_hz, layout="mono")
        self._stream.bit_rate = 48_000
        self._next = 0

    def write_until(self, time_s: float) -> None:
        """Encode whole blocks that begin before a time."""
        while self._next < min(len(self._sound), time_s * self._rate_hz):
            self._block(self._sound[self._next : self._next + AAC_BLOCK])

    def finish(self) -> None:
        """Encode what is left, and flush."""
        self.write_until(float("inf"))
        self._out.mux(self._stream.encode(None))

    def _block(self, samples: NDArray[np.float32]) -> None:
        import av

        frame = av.AudioFrame.from_ndarray(samples[None, :], format="fltp", layout="mono")
        frame.sample_rate = self._rate_hz
        frame.pts = self._next
        frame.time_base = Fraction(1, self._rate_hz)
        self._next += len(samples)
        self._out.mux(self._stream.encode(frame))
