"""Small recordings made on the spot, each picture with its own number drawn in, and the reading of that number.

The number is drawn as blocks (a 1-0 mark, sixteen bits, a parity bit) that survive shrinking and JPEG, so a test can
ask a picture which one it is.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

WIDTH, HEIGHT = 160, 96
COLUMNS, ROWS = 10, 2
BITS = 16
TURNS = {90: (0, -1, 0, 1, 0), 180: (-1, 0, 0, 0, -1), 270: (0, 1, 0, -1, 0)}
"""First five numbers of an MP4 display matrix that turns the stored picture counter-clockwise by so many degrees."""

X264 = {"preset": "veryfast", "g": "30", "bf": "3", "x264-params": "scenecut=0"}
STEPS_MS = [17, 50, 33, 34, 90, 21, 45]  # a phone in poor light: the rate wanders and pictures are dropped

KINDS: dict[str, dict[str, object]] = {
    "closed.mp4": {"options": X264, "sound": True},
    "open.mp4": {"options": X264 | {"x264-params": "open-gop=1:scenecut=0"}},
    "long.mp4": {"options": X264 | {"g": "250"}},
    "hevc.mp4": {
        "codec": "libx265",
        "options": {"preset": "ultrafast", "x265-params": "keyint=30:open-gop=1:bframes=3:log-level=none"},
    },
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"g": "30", "deadline": "realtime", "cpu-used": "8"}},
    # Alternate references of VP8 are packets that are never shown.
    "vp8.webm": {
        "codec": "libvpx",
        "options": {"g": "30", "auto-alt-ref": "1", "lag-in-frames": "16", "b": "200k", "cpu-used": "5"},
    },
    "closed.ts": {"options": X264, "sound": True},
    "open.ts": {"options": X264 | {"x264-params": "open-gop=1:scenecut=0"}},
    "closed.mkv": {"options": X264},
    # A browser's recorder writes no index at the end, so nothing can be sought.
    "live.mkv": {"options": X264, "container": "matroska", "container_options": {"live": "1"}},
    "plain.avi": {"codec": "mpeg4", "options": {"g": "15"}},
    "reordered.avi": {"options": X264},
    "phone.mp4": {"options": X264, "stamps_ms": [sum((STEPS_MS * 20)[:k]) for k in range(120)], "sound": True},
    "late.mkv": {"options": X264, "stamps_ms": [5000 + 40 * k for k in range(120)]},
    "late.mp4": {"options": X264, "stamps_ms": [5000 + 40 * k for k in range(120)]},
    "turned90.mp4": {"options": X264, "turn": 90},
    "turned180.mp4": {"options": X264, "turn": 180},
    "turned270.mp4": {"options": X264, "turn": 270},
}


def marks(number: int) -> list[int]:
    """The blocks of one number, row by row; the spare last one is dark."""
    bits = [number >> shift & 1 for shift in range(BITS - 1, -1, -1)]
    return [1, 0, *bits, sum(bits) & 1, 0]


def picture(number: int, *, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A grey scene with a drifting texture, noise that differs per picture, and the number along the top."""
    noise = np.random.default_rng(number)
    y, x = np.mgrid[0:height, 0:width]
    scene = 120 + 40 * np.sin((x + 2 * number) / 9) * np.cos((y - number) / 7)
    scene = np.clip(scene + noise.normal(0, 6, scene.shape), 30, 220).astype(np.uint8)
    block = width // COLUMNS
    blocks = np.array(marks(number) + [0] * (COLUMNS * ROWS - len(marks(number)))).reshape(ROWS, COLUMNS)
    scene[: ROWS * block, : COLUMNS * block] = np.kron(blocks * 200 + 25, np.ones((block, block))).astype(np.uint8)
    return scene


def number_in(image: Image.Image | bytes | Path) -> int:
    """The number drawn in a picture of any size; -1 where it cannot be read."""
    if isinstance(image, bytes):
        image = Image.open(io.BytesIO(image))
    elif isinstance(image, Path):
        image = Image.open(image)
    grey = np.asarray(image.convert("L")).astype(int)
    block = grey.shape[1] / COLUMNS
    seen = []
    for row in range(ROWS):
        for column in range(COLUMNS):
            y, x = int((row + 0.5) * block), int((column + 0.5) * block)
            reach = max(1, int(block / 5))
            seen.append(int(grey[y - reach : y + reach, x - reach : x + reach].mean() > 125))
    bits = seen[2 : 2 + BITS]
    if seen[:2] != [1, 0] or sum(bits) & 1 != seen[2 + BITS]:
        return -1
    return sum(bit << (BITS - 1 - place) for place, bit in enumerate(bits))


def record(
    path: Path,
    *,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    n_frames: int = 120,
    fps: int = 30,
    stamps_ms: Sequence[int] | None = None,
    container: str | None = None,
    container_options: dict[str, str] | None = None,
    turn: int = 0,
    sound: bool = False,
    pixels: str = "yuv420p",
    draw: Callable[[int], np.ndarray] = picture,
) -> Path:
    """Write `n_frames` numbered pictures; `stamps_ms` gives each its own time, else `fps` does.

    `turn` films them turned and says so in the display matrix, as a phone held sideways does: a player that obeys
    shows them upright.
    """
    step = Fraction(1, 1000) if stamps_ms is not None else Fraction(1, fps)
    with av.open(str(path), "w", format=container, options=container_options or {}) as out:
        video = out.add_stream(codec, rate=1000 if stamps_ms is not None else fps, options=options or {})
        first = np.rot90(draw(0), -turn // 90)
        video.height, video.width = first.shape[:2]
        video.pix_fmt = pixels
        video.time_base = video.codec_context.time_base = step
        if sound:
            tone = out.add_stream("aac", rate=16000, layout="mono")
        for number in range(n_frames):
            grey = np.ascontiguousarray(np.rot90(draw(number), -turn // 90))
            frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format=pixels)
            frame.pts = stamps_ms[number] if stamps_ms is not None else number
            frame.time_base = step
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if sound:
            for k in range(int(n_frames / fps * 16000) // 1024):
                wave = np.sin(np.arange(k * 1024, (k + 1) * 1024) / 20).astype(np.float32)[None]
                chunk = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
                chunk.sample_rate, chunk.pts, chunk.time_base = 16000, k * 1024, Fraction(1, 16000)
                out.mux(tone.encode(chunk))
            out.mux(tone.encode(None))
    if turn:
        data = bytearray(path.read_bytes())
        matrix = data.index(b"tkhd") + 44  # of the first track, which is the picture
        struct.pack_into(">5i", data, matrix, *(65536 * part for part in TURNS[turn]))
        path.write_bytes(data)
    return path


def shown_numbers(path: Path) -> list[tuple[Fraction, int]]:
    """Every picture a plain full decode gives, as (seconds from the first one, number drawn in it)."""
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        stream.thread_type = "NONE"
        pictures = [(frame.pts * stream.time_base, frame.to_image()) for frame in source.decode(stream)]
    return [(time - pictures[0][0], number_in(image)) for time, image in pictures]


def boxes(data: bytes) -> list[tuple[str, int, int]]:
    """The outermost boxes of an MP4 file: (name, first byte, length)."""
    found, at = [], 0
    while at + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[at : at + 8])
        if length == 1:
            length = struct.unpack(">Q", data[at + 8 : at + 16])[0]
        found.append((name.decode("latin1"), at, length))
        at += length or len(data)
    return found
