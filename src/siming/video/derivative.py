"""From an original to the file that raters see: every shown picture at its own time, nothing else of the file.

Nothing is copied. Pictures are decoded, turned upright, masked and encoded anew from bare pixels; sound from bare
samples. So tags, places, times of recording, names of tracks, chapters, attachments, captions and data tracks have no
way into the derivative. It holds no reordered pictures, hence no offsets that a player could read in its own way.

The same original, recipe and versions of the libraries give the same bytes.
"""

from __future__ import annotations

import errno
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from siming.errors import VideoError
from siming.video.asset import Derivative, Limits, stored_size, ticks_per_second
from siming.video.container import open_container
from siming.video.decode import Source, read_index, usable_cores
from siming.video.file import check_file
from siming.video.index import HIDDEN
from siming.video.mask import MaskTrack, Plane, guarded, paint
from siming.video.picture import fit
from siming.video.probe import sha256_of, warnings_of
from siming.video.recipe import Recipe
from siming.video.timemap import TimeMap
from siming.video.whole import settle, unwritten

KEY_EVERY_S: Final = Fraction(1, 2)
"""A key picture at least this often, so that a player shows any picture at once."""

X264: Final = {
    "preset": "veryfast",
    "profile": "high",
    "bf": "0",  # no reordered pictures: stamps of decoding and of showing are the same
    "g": "1000000",  # key pictures come by time, not by count
    "sc_threshold": "0",
    "mbtree": "0",  # it reads memory that it never wrote, and now and then the bytes come out differently
    "forced-idr": "1",
    "flags": "+bitexact",
    "threads": "4",  # whatever the machine has: the number decides the bytes
}

SOUND_HZ: Final = 48_000
BLOCK: Final = 1024
"""Samples in one AAC packet."""

JUMP_S: Final = 0.05
"""Sound stamps that are off by less are a container's rounding, not a hole."""

LARGE: Final = 2_500_000
"""Pictures of more pixels are decoded by several cores."""

MOST_FAULTS: Final = 100_000
"""Sound packets that may fail before the rest is taken for lost: some damage makes the reader fail for ever."""

_BY_TAG: Final = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""Colour matrix of the scaler for each tag of a stream (ITU-T H.273, table 4); untagged pictures as in `picture`."""

_TAG: Final = {1: 1, 4: 4, 5: 6, 7: 7, 9: 9}
"""And the tag that a derivative bears for it."""

_UNKNOWN_TAG: Final = 2
_PRIMARIES: Final = frozenset({1, 4, 5, 6, 7, 8, 9, 10, 11, 12})
_TRANSFERS: Final = frozenset({1, *range(4, 19)})
"""Tags that x264 knows; another one of the original is left out."""

Samples = NDArray[np.float32]
"""Shape (channels, n), full scale is 1."""

Progress = Callable[[float], None]


def make_derivative(
    source: Path,
    target: Path,
    *,
    recipe: Recipe,
    progress: Progress | None = None,
    limits: Limits | None = None,
    part: Path | None = None,
) -> Derivative:
    """Make the file for raters, whole or not at all, and say which of its pictures is which of the original's.

    For uploads take `siming.video.ingest.ingest_apart`, which does this in a process of its own.

    Args:
        source: The original; it is only read.
        target: The MP4 file to be; its folder must exist. A file of this name is replaced.
        progress: Called with the share done, rising from 0 to 1.
        limits: The largest original taken in.
        part: Where the file grows until it is whole; on the file system of `target`.

    Raises:
        VideoError: The original cannot be used, or the target not written (``no_space``); `kind` says in what way.
        MissingExtraError: Faces are to be masked and the detector is not installed.
    """
    source, target = Path(source), Path(target)
    if check_file(source) and target.exists() and target.samefile(source):
        raise VideoError(f"{target} is the original itself; give the derivative another name", kind="damaged")
    part = part or target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        return _made(source, target, part, recipe, limits or Limits(), _Told(progress))
    except MemoryError as error:
        raise VideoError(
            f"{source}: there is not enough memory for it; scale the recording down, or give ingest more",
            kind="too_large",
        ) from error


def _made(source: Path, target: Path, part: Path, recipe: Recipe, limits: Limits, told: _Told) -> Derivative:
    facts = check_file(source)
    sha256 = sha256_of(source)
    film = _Film(source, recipe, limits)
    told.share(0.05)
    masks = None
    versions = {"av": av.__version__, "numpy": np.__version__} | _libraries()
    if recipe.faces != "none":
        masks, versions["detector"] = _find_faces(film, told.within(0.05, 0.7))
    try:
        written = _written(film, part, masks, told.within(0.7 if masks else 0.05, 0.99))
        _check_written(film, part, written)
        now = check_file(source)
        if (now.st_size, now.st_mtime_ns) != (facts.st_size, facts.st_mtime_ns):
            raise VideoError(f"{source} changed while it was read; ingest it again once it is whole", kind="damaged")
        with part.open("rb+") as stream:
            os.fsync(stream.fileno())
        made = _record(film, (sha256, facts.st_size), (sha256_of(part), part.stat().st_size), written, masks, versions)
        part.replace(target)
        settle(target.parent)
    except (OSError, av.FFmpegError) as error:
        raise unwritten(target, error) from error
    finally:
        with suppress(OSError):
            part.unlink()
    told.share(1.0)
    return made


@dataclass(frozen=True, slots=True)
class _Written:
    """What was written: for each picture its place in the original's order of showing, and its stamp."""

    numbers: tuple[int, ...]
    ticks: tuple[int, ...]
    end: int
    damaged: int
    sound: bool
    warnings: tuple[str, ...]


class _Told:
    """Progress that only rises, and is not told a thousand times a second."""

    def __init__(self, progress: Progress | None, low: float = 0.0, high: float = 1.0) -> None:
        self.progress, self.low, self.high, self.last = progress, low, high, -1.0

    def share(self, share: float) -> None:
        if self.progress is not None and (share - self.last >= 0.005 or (share >= 1 and self.last < 1)):
            self.last = share
            self.progress(self.low + share * (self.high - self.low))

    def within(self, low: float, high: float) -> _Told:
        return _Told(self.progress, low, high)


class _Film:
    """An original: its index, its size on show, and its pictures in the order of showing."""

    def __init__(self, path: Path, recipe: Recipe, limits: Limits) -> None:
        self.path, self.recipe, self.limits = path, recipe, limits
        with Source(path) as source:
            limits.check_picture(path, source.codec.width, source.codec.height)
            # The index holds every packet in memory, so they are counted first.
            for count, _ in enumerate(source.packets(), 1):
                limits.check_pictures(path, count)
            ratio = source.stream.sample_aspect_ratio or Fraction(1)
            primaries, transfer = int(source.codec.color_primaries), int(source.codec.color_trc)
            self.tags = (
                primaries if primaries in _PRIMARIES else _UNKNOWN_TAG,
                transfer if transfer in _TRANSFERS else _UNKNOWN_TAG,
            )
        self.index = read_index(path)
        limits.check_index(path, self.index)
        self.stored = stored_size(self.index, ratio, recipe.max_side)
        width, height = self.stored
        self.size = (height, width) if self.index.rotation in (90, 270) else (width, height)
        self.hz = ticks_per_second(self.index.time_base)
        self.matrix: int | None = None

    def time_s(self, number: int) -> Fraction:
        """When a picture came on show, from the first shown one."""
        index = self.index
        return (index.pts[index.shown[number]] - index.pts[index.shown[0]]) * index.time_base

    def pictures(self) -> Iterator[tuple[int, Any]]:
        """Each shown picture once, in order: its number and the decoder's frame. What damage took is left out."""
        index, last, count = self.index, -1, 0
        number_of = {packet: number for number, packet in enumerate(index.shown)}
        fed: dict[int, int] = {}
        with Source(self.path) as source:
            large = index.width * index.height > LARGE and not any(index.broken(k) for k in index.shown)
            source.ready(threads=min(4, usable_cores()) if large else 1)
            for at, packet in enumerate(chain(source.packets(), [None])):
                if packet is not None and at < len(index.pts) and not index.flags[at] & HIDDEN:
                    fed[index.pts[at]] = at
                try:
                    frames = source.codec.decode(packet)
                except av.FFmpegError as error:
                    if error.errno == errno.ENOMEM:  # no fault of this picture's
                        raise MemoryError from error
                    continue
                for frame in frames:
                    if index.in_order:
                        number, count = count, count + 1
                    else:
                        number = number_of.get(fed.pop(frame.pts, -1), -1)  # -1: of no shown packet
                    if last < number < len(index.shown):
                        last = number
                        yield number, frame

    def planes(self, frame: Any) -> list[Plane]:
        """A frame upright, in the size on show, in video range: luma and the two chroma planes."""
        self.limits.check_picture(self.path, frame.width, frame.height)
        width, height = self.stored
        is_rgb = frame.format.is_rgb
        tag = int(frame.colorspace)
        matrix = 1 if is_rgb else _BY_TAG.get(tag, 1 if frame.height >= 720 else 5)
        self.matrix = self.matrix or matrix
        full = is_rgb or frame.format.name.startswith("yuvj") or int(frame.color_range) == 2
        try:
            even = frame.reformat(
                width=width,
                height=height,
                format="yuv420p",
                interpolation="AREA",
                src_colorspace=matrix,
                dst_colorspace=self.matrix,
                src_color_range=2 if full else 1,
                dst_color_range=1,
            )
        except MemoryError:  # one of the library's errors is one
            raise
        except (av.FFmpegError, ValueError) as error:
            raise VideoError(
                f"{self.path}: its pixels ({frame.format.name}) cannot be converted ({error}); "
                "convert the recording to H.264 first",
                kind="damaged",
            ) from error
        flat = np.ascontiguousarray(even.to_ndarray()).reshape(-1)
        luma, chroma = width * height, width * height // 4
        parts = (flat[:luma], flat[luma : luma + chroma], flat[luma + chroma :])
        shapes = ((height, width), (height // 2, width // 2), (height // 2, width // 2))
        turns = self.index.rotation // 90
        return [np.rot90(part.reshape(shape), turns).copy() for part, shape in zip(parts, shapes, strict=True)]


def as_frame(planes: Iterable[Plane], size: tuple[int, int]) -> Any:
    """A new frame with these pixels and nothing else: what a decoder hangs on its frames stays behind."""
    width, height = size
    flat = np.concatenate([plane.reshape(-1) for plane in planes])
    return av.VideoFrame.from_ndarray(flat.reshape(height * 3 // 2, width), format="yuv420p")


def as_rgb(planes: Iterable[Plane], size: tuple[int, int], *, max_side: int, matrix: int | None) -> NDArray[np.uint8]:
    """The same pixels as RGB, for a detector or a person."""
    width, height = fit(*size, max_side)
    frame = as_frame(planes, size).reformat(
        width=width,
        height=height,
        format="rgb24",
        interpolation="AREA",
        src_colorspace=matrix or 5,
        dst_colorspace=5,  # RGB has no matrix, but PyAV 15 sets the source's only where the two differ
        src_color_range=1,
        dst_color_range=2,
    )
    rgb: NDArray[np.uint8] = frame.to_ndarray()
    return rgb


def _find_faces(film: _Film, told: _Told) -> tuple[MaskTrack, str]:
    """First reading: where faces are. Nothing of a picture is kept."""
    from siming.video.faces import installed_finder  # its packages are wanted only where faces are masked

    finder, recipe = installed_finder(), film.recipe
    n = len(film.index.shown)
    times: list[float] = []
    found = []
    for number, frame in film.pictures():
        time_s = round(float(film.time_s(number)), 6)
        if not times or number == n - 1 or time_s - times[-1] >= recipe.detect_every_s - 1e-6:
            rgb = as_rgb(film.planes(frame), film.size, max_side=recipe.detect_side, matrix=film.matrix)
            times.append(time_s)
            found.append(guarded(finder.find(rgb, threshold=recipe.threshold), recipe))
        told.share((number + 1) / n)
    return MaskTrack(tuple(times), tuple(found), recipe.hold_s), finder.version


def _on_show(film: _Film) -> Iterator[tuple[int, int, Any]]:
    """Number, stamp and frame of each picture; of several with one stamp the last, which is the one on show."""
    held: tuple[int, int, Any] | None = None
    first: Fraction | None = None
    for number, frame in film.pictures():
        time_s = film.time_s(number)
        first = time_s if first is None else first
        ticks = round((time_s - first) * film.hz)
        if held is not None and ticks > held[1]:
            yield held
        held = (number, ticks, frame)
    if held is not None:
        yield held


def _written(film: _Film, part: Path, masks: MaskTrack | None, told: _Told) -> _Written:
    """Second reading: decode, mask, encode. A few pictures are in memory at a time."""
    index, recipe, n = film.index, film.recipe, len(film.index.shown)
    pictures = _on_show(film)
    head = next(pictures, None)
    if head is None:
        raise VideoError(f"{film.path}: not one picture could be decoded; copy it again", kind="damaged")
    begins_s = film.time_s(head[0])
    whole_s = (index.pts[index.shown[-1]] - index.pts[index.shown[0]] + index.last_ticks) * index.time_base - begins_s
    numbers: list[int] = []
    ticks: list[int] = []
    damaged = 0
    options = {
        "movflags": "+faststart",
        "fflags": "+bitexact",
        "video_track_timescale": str(film.hz),
    }
    with av.open(str(part), "w", format="mp4", options=options) as out:
        first = film.planes(head[2])
        video = _Pictures(out, film)
        sound = None
        if recipe.sound == "keep" and index.sound_hz is not None:
            sound = _Sound(film.path, out, zero_s=index.start_s + begins_s, length_s=whole_s)
        for number, stamp, frame in chain([head], pictures):
            planes = first if not numbers else film.planes(frame)
            faces = [] if masks is None else masks.boxes_at(float(film.time_s(number)))
            paint(planes, recipe, faces)
            video.write(planes, stamp)
            damaged += frame.is_corrupt or index.broken(index.shown[number])
            numbers.append(number)
            ticks.append(stamp)
            if sound is not None:
                sound.write_until(Fraction(stamp, film.hz))
            told.share((number + 1) / n)
        end = max(round(whole_s * film.hz), ticks[-1] + 1)
        video.finish(end)
        said = [] if sound is None else sound.finish()
    there = sound is not None and sound.there
    return _Written(tuple(numbers), tuple(ticks), end, damaged, there, tuple(said))


class _Pictures:
    """The picture track: stamps as given, a key picture every half second, no word about the encoder."""

    def __init__(self, out: Any, film: _Film) -> None:
        self.out, self.film = out, film
        rate = min(max(film.index.average_fps, Fraction(1)), Fraction(240)).limit_denominator(1001)
        self.stream = out.add_stream("libx264", rate=rate, options=X264 | {"crf": str(film.recipe.crf)})
        self.stream.width, self.stream.height = film.size
        self.stream.pix_fmt = "yuv420p"
        codec = self.stream.codec_context
        self.stream.time_base = codec.time_base = Fraction(1, film.hz)
        codec.color_range, codec.colorspace = 1, _TAG[film.matrix or 1]
        codec.color_primaries, codec.color_trc = film.tags
        self.plain: Any = None
        self.stamps: list[int] = []
        self.packets: deque[Any] = deque()
        self.written = 0
        self.key_at: int | None = None

    def write(self, planes: list[Plane], stamp: int) -> None:
        """Encode one picture."""
        frame = as_frame(planes, self.film.size)
        frame.pts, frame.time_base = stamp, Fraction(1, self.film.hz)
        if self.key_at is None or stamp - self.key_at >= KEY_EVERY_S * self.film.hz:
            self.key_at = stamp
            frame.pict_type = av.video.frame.PictureType.I
        self.stamps.append(stamp)
        self._take(self.stream.encode(frame))

    def finish(self, end: int) -> None:
        """Write what the encoder still holds; the last picture stays until `end`."""
        self.stamps.append(end)
        self._take(self.stream.encode(None))
        self._mux(self.plain.filter(None))

    def _take(self, packets: list[Any]) -> None:
        self.packets += packets
        # A picture lasts until the next one, which must be known before it is written.
        while self.packets and self.written + 1 < len(self.stamps):
            packet = self.packets.popleft()
            packet.duration = self.stamps[self.written + 1] - self.stamps[self.written]
            self.written += 1
            # x264 adds a note of its version and options in a unit of its own (type 6).
            self.plain = self.plain or av.BitStreamFilterContext("filter_units=remove_types=6", in_stream=self.stream)
            self._mux(self.plain.filter(packet))

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            packet.stream = self.stream
            self.out.mux(packet)


class _Sound:
    """The sound track, from the first shown picture to the end of the last; holes are silence; one or two channels."""

    def __init__(self, path: Path, out: Any, *, zero_s: Fraction, length_s: Fraction) -> None:
        self.path, self.out, self.zero_s = path, out, float(zero_s)
        self.end = round(length_s * SOUND_HZ)
        self.container = open_container(path)
        self.source = self.container.streams.audio[0]
        for other in self.container.streams:
            if other is not self.source:
                with suppress(AttributeError):  # PyAV 15 cannot; the packets are then read and dropped
                    other.discard = av.stream.Discard.all
        self.layout = "mono" if self.source.codec_context.channels == 1 else "stereo"
        self.damaged = 0
        self.waiting: Samples = np.zeros((1 if self.layout == "mono" else 2, 0), np.float32)
        self.next = 0
        self.blocks = self._without_holes()
        head = next(self.blocks, None)
        self.there = head is not None
        if head is not None:
            self.waiting = head
            self.stream = out.add_stream("aac", rate=SOUND_HZ, layout=self.layout, options={"flags": "+bitexact"})
            self.stream.bit_rate = 80_000 * len(head)

    def write_until(self, time_s: Fraction) -> None:
        """Encode whole blocks that begin before a time, so that the file holds picture and sound side by side."""
        while self.there and self.next < min(self.end, math.ceil(time_s * SOUND_HZ)):
            while self.waiting.shape[1] < BLOCK:
                more = next(self.blocks, None)
                if more is None:
                    break
                self.waiting = np.concatenate([self.waiting, more], axis=1)
            block, self.waiting = self.waiting[:, :BLOCK], self.waiting[:, BLOCK:]
            if not block.shape[1]:
                return
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=self.layout)
            frame.sample_rate, frame.pts, frame.time_base = SOUND_HZ, self.next, Fraction(1, SOUND_HZ)
            self.next += block.shape[1]
            self.out.mux(self.stream.encode(frame))

    def finish(self) -> list[str]:
        """Write the rest; what a coordinator should know of the sound, in plain words."""
        if self.there:
            self.write_until(Fraction(self.end, SOUND_HZ))
            self.out.mux(self.stream.encode(None))
        self.container.close()
        if not self.there:
            return ["its sound could not be decoded, or lies wholly outside the pictures: the derivative is silent"]
        return [f"{self.damaged} packets of its sound could not be decoded"] if self.damaged else []

    def _without_holes(self) -> Iterator[Samples]:
        """Samples from time 0 to the end of the pictures, in pieces of at most a second."""
        at: int | None = None
        for time_s, block in self._decoded():
            begins = round((time_s - self.zero_s) * SOUND_HZ)
            gap = begins - (at or 0)
            if at is None or abs(gap) > JUMP_S * SOUND_HZ:
                block = block[:, max(0, -gap) :]
                if not block.shape[1] or begins >= self.end:
                    continue
                at = at or 0
                for start in range(at, at + max(0, gap), SOUND_HZ):
                    yield np.zeros((len(block), min(SOUND_HZ, at + gap - start)), np.float32)
                at += max(0, gap)
            block = block[:, : self.end - at]
            if not block.shape[1]:
                return
            at += block.shape[1]
            yield block

    def _decoded(self) -> Iterator[tuple[float, Samples]]:
        """Resampled blocks with the time of their first sample in the container's own time."""
        resampler = self._resampler()
        due_s: float | None = None
        packets = self.container.demux(self.source)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                frames = packet.decode()
            except av.FFmpegError as error:
                if error.errno == errno.ENOMEM:
                    raise MemoryError from error
                self.damaged += 1
                if self.damaged > MOST_FAULTS:
                    break
                continue
            for frame in frames:
                time_s = due_s if frame.time is None else frame.time
                if due_s is not None and time_s is not None and abs(time_s - due_s) > JUMP_S:
                    # The resampler would glue the two sides of the hole together.
                    yield from map(_samples, resampler.resample(None))
                    resampler = self._resampler()
                due_s = (time_s or 0.0) + frame.samples / (frame.sample_rate or SOUND_HZ)
                try:
                    yield from map(_samples, resampler.resample(frame))
                except (av.FFmpegError, ValueError):
                    # Rate or channels changed in the middle of the stream: a new resampler takes the new kind.
                    resampler = self._resampler()
                    with suppress(av.FFmpegError, ValueError):
                        yield from map(_samples, resampler.resample(frame))
        with suppress(av.FFmpegError, ValueError):
            yield from map(_samples, resampler.resample(None))

    def _resampler(self) -> Any:
        return av.AudioResampler(format="fltp", layout=self.layout, rate=SOUND_HZ)


def _samples(frame: Any) -> tuple[float, Samples]:
    # A damaged float stream can decode to infinities, which the encoder refuses.
    values = np.nan_to_num(frame.to_ndarray(), nan=0.0, posinf=0.0, neginf=0.0)
    return frame.time or 0.0, np.clip(values, -1, 1).astype(np.float32)


def _check_written(film: _Film, part: Path, written: _Written) -> None:
    """Read the new file as a player will: its pictures must be those written, each at its own time."""
    index = read_index(part)
    stamps = [index.pts[packet] * index.time_base * film.hz for packet in index.shown]
    if stamps != list(written.ticks) or index.upright != film.size:
        raise VideoError(
            f"{film.path}: the file written from it holds {len(stamps)} pictures, wanted {len(written.ticks)} at their own "
            "times; ingest it again, and if it fails again convert the recording to H.264 first",
            kind="damaged",
        )


def _libraries() -> dict[str, str]:
    """Versions of the codec libraries that decide the bytes."""
    return {name: ".".join(map(str, version)) for name, version in sorted(av.library_versions.items())}


def _record(
    film: _Film,
    source: tuple[str, int],
    target: tuple[str, int],
    written: _Written,
    masks: MaskTrack | None,
    versions: dict[str, str],
) -> Derivative:
    index = film.index
    shown = index.shown
    time_map = TimeMap(
        source_sha256=source[0],
        derivative_sha256=target[0],
        source_base=index.time_base,
        derivative_base=Fraction(1, film.hz),
        source_ticks=tuple(index.pts[shown[number]] for number in written.numbers),
        derivative_ticks=written.ticks,
        source_zero=index.pts[shown[0]],
        source_end=index.pts[shown[-1]] + index.last_ticks,
        derivative_end=written.end,
    )
    left_out = len(shown) - len(written.numbers)
    warnings = [*warnings_of(index), *written.warnings]
    if left_out:
        warnings.append(f"{left_out} of {len(shown)} pictures could not be decoded and are left out")
    return Derivative(
        sha256=target[0],
        size_bytes=target[1],
        width=film.size[0],
        height=film.size[1],
        duration_s=time_map.duration_s,
        pictures=len(time_map),
        has_sound=written.sound,
        source_sha256=source[0],
        source_bytes=source[1],
        recipe=film.recipe,
        made_with=versions,
        time_map=time_map,
        masks=masks,
        left_out=left_out,
        damaged=written.damaged,
        warnings=tuple(warnings),
    )
