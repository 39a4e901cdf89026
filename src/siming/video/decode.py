"""The one file that touches the decoder: opening a recording safely, its packet table, exact pictures from it.

Decoding is planned. Of a long recording only the packets between a key picture and the wanted picture after it
are decoded, pictures that nothing else leans on are dropped unless wanted, every core has its own decoder and
takes spans of packets from one queue, and pictures are shrunk inside the scaler and handed on at once.

Damage: a picture is `damaged` when a decoding fault, a picture the decoder had to patch, or an incomplete packet
lies between its key picture and itself. One that never comes out is replaced by the nearest earlier one of its
span, damaged too and with its own time, or by nothing where there is none. What the decoder cannot notice is not
flagged: H.264 notices nearly every hole, VP9 and HEVC carry no checks and notice only what breaks their headers.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av

from siming.errors import TaskError, VideoError
from siming.video.container import MAX_PIXELS, open_container
from siming.video.harvest import Harvest, Picture, Shape
from siming.video.index import CORRUPT, HIDDEN, KEY, Index, Span
from siming.video.picture import to_jpeg, upright

DROPPING = ("h264", "hevc", "vp9", "vp8")
"""Decoders that drop a picture nothing leans on when told so between packets; checked to leave the others exact.
dav1d (AV1) reads the setting once, when it is opened."""


class Source:
    """An open recording: its container and its one video stream."""

    def __init__(self, path: Path) -> None:
        self.container = open_container(path)
        try:
            self.stream = self._video_stream(path)
        except BaseException:
            self.container.close()
            raise
        self.codec = self.stream.codec_context

    def _video_stream(self, path: Path) -> Any:
        cover = av.stream.Disposition.attached_pic
        streams = [stream for stream in self.container.streams.video if not stream.disposition & cover]
        if not streams:
            held = ", ".join(sorted({stream.type for stream in self.container.streams})) or "nothing"
            raise VideoError(
                f"{path} has no video stream (it holds: {held}); give the recording itself",
                kind="no_video_stream",
            )
        stream = streams[0]
        codec = stream.codec_context
        if codec is None:
            raise VideoError(f"{path}: no decoder for its video; convert it to H.264", kind="not_a_video")
        if codec.width * codec.height > MAX_PIXELS:
            raise VideoError(
                f"{path} claims pictures of {codec.width}x{codec.height}; more than {MAX_PIXELS // 10**6} million "
                "pixels are refused; scale the recording down",
                kind="too_large",
            )
        for other in self.container.streams:
            if other is not stream:
                with suppress(AttributeError):  # PyAV 15 cannot; the packets are then read and dropped
                    other.discard = av.stream.Discard.all
        return stream

    def ready(self, *, threads: int) -> None:
        """Set the decoder up; before its first packet only."""
        self.codec.thread_type = "FRAME" if threads > 1 else "SLICE"
        self.codec.thread_count = threads
        self.codec.options = {"max_pixels": str(MAX_PIXELS)}

    def packets(self) -> Iterator[Any]:
        """Packets from here on. The end is the empty packet, not a missing dts: Matroska starts with some of those."""
        try:
            for packet in self.container.demux(self.stream):
                if packet.size:
                    yield packet
        except av.FFmpegError:
            return  # what was read stands; the index says that the recording stops here

    def close(self) -> None:
        self.container.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_index(path: Path) -> Index:
    """The packet table of a recording, which names exactly the pictures that a full decode shows.

    Raises:
        VideoError: The file cannot be used; `kind` says in what way.
    """
    pts: list[int | None] = []
    dts: list[int | None] = []
    flags = bytearray()
    last_ticks = 0
    first = None
    with Source(path) as source:
        source.ready(threads=1)
        stream, is_vp8 = source.stream, source.codec.name == "vp8"
        unit_bytes = _unit_bytes(source.codec)
        for packet in source.packets():
            flag = (KEY if packet.is_keyframe else 0) | (CORRUPT if packet.is_corrupt else 0)
            # VP8 keeps pictures that are only leaned on in packets of their own: bit 4 says whether one is shown.
            if packet.is_discard or (is_vp8 and not bytes(memoryview(packet)[:1])[0] & 0x10):
                flag |= HIDDEN
            if unit_bytes and not _is_whole(memoryview(packet), unit_bytes):
                flag |= CORRUPT
                if flags:  # a hole that ends here may begin in the tail of the packet before, unnoticed by the decoder
                    flags[-1] |= CORRUPT
            pts.append(packet.pts)
            dts.append(packet.dts)
            flags.append(flag)
            if first is None:
                with suppress(av.FFmpegError):
                    first = next(iter(source.codec.decode(packet)), None)
            if packet.pts is not None and packet.duration and packet.pts >= max(p for p in pts[-32:] if p is not None):
                last_ticks = packet.duration
        if first is None:
            with suppress(av.FFmpegError):
                first = next(iter(source.codec.decode(None)), None)
        if first is None:
            raise VideoError(f"{path}: not one picture could be decoded; copy it again from the camera", kind="damaged")
        container = source.container
        base = stream.time_base
        rate = stream.average_rate or stream.base_rate or Fraction(25)
        in_order = pts.count(None) > len(pts) / 2 or (container.format.name == "avi" and source.codec.name != "mjpeg")
        if in_order:
            stamps = _dealt_out(dts, rate, base)
        else:
            stamps = _without_gaps(pts, flags)
            _hide_headless(path, stamps, flags)
        claimed = stream.duration * base if stream.duration else Fraction(container.duration or 0, av.time_base)
        ratio = stream.sample_aspect_ratio
        return Index(
            pts=tuple(stamps),
            flags=bytes(flags),
            time_base=base,
            last_ticks=_last_ticks(stamps, last_ticks) or max(1, round(1 / rate / base)),
            container=container.format.name,
            codec=source.codec.codec.canonical_name,
            width=first.width,
            height=first.height,
            rotation=first.rotation % 360 // 90 * 90,
            header_duration_s=float(claimed) if claimed > 0 else None,
            header_frames=stream.frames,
            sound_hz=next((sound.codec_context.sample_rate for sound in container.streams.audio), None),
            square_pixels=ratio in (None, 0, 1),
            in_order=in_order,
        )


def _unit_bytes(codec: Any) -> int:
    """Bytes of the length before every unit inside a packet; 0 where units are not counted out like that."""
    setup = codec.extradata or b""
    if codec.codec.canonical_name == "h264" and len(setup) > 6 and setup[0] == 1:
        return (setup[4] & 3) + 1
    if codec.codec.canonical_name == "hevc" and len(setup) > 22 and setup[0] == 1:
        return (setup[21] & 3) + 1
    return 0


def _is_whole(packet: memoryview, unit_bytes: int) -> bool:
    """Whether the units of a packet fill it. Noise does not: their lengths come first and add up no more."""
    at, end = 0, len(packet)
    while end - at >= 4:
        length = int.from_bytes(packet[at : at + unit_bytes])
        at += unit_bytes + length
        if length == 0 or at > end:
            return False
    return True


def _last_ticks(stamps: list[int], stored: int) -> int:
    """How long the last picture stays: what is stored, unless that is no more than a placeholder."""
    steps = sorted(b - a for a, b in pairwise(sorted(stamps)))
    usual = steps[len(steps) // 2] if steps else 0
    return stored if 2 * stored >= usual else usual


def _dealt_out(dts: list[int | None], rate: Fraction, base: Fraction) -> list[int]:
    """Presentation stamps where the container stores none: its decode stamps, or the rate, in the order of showing."""
    known = [stamp for stamp in dts if stamp is not None]
    if len(set(known)) == len(dts):
        return sorted(known)
    return [round(k / rate / base) for k in range(len(dts))]


def _without_gaps(pts: list[int | None], flags: bytearray) -> list[int]:
    """The stamps, where a few packets lost theirs to damage: those are hidden, for nobody knows when they show."""
    stamps: list[int] = []
    for k, stamp in enumerate(pts):
        if stamp is None:
            flags[k] |= HIDDEN | CORRUPT
        stamps.append(stamp if stamp is not None else stamps[-1] if stamps else 0)
    return stamps


def _hide_headless(path: Path, pts: list[int], flags: bytearray) -> None:
    """Hide the pictures at the start that lean on something the file no longer holds.

    A recording cut out of a longer one may begin between key pictures, or with a key picture whose leading pictures
    need the one before. What the decoder makes of those is found out by asking it.
    """
    first = next((k for k, flag in enumerate(flags) if flag & KEY), 0)
    for k in range(first):
        flags[k] |= HIDDEN
    next_key = next((k for k in range(first + 1, len(flags)) if flags[k] & KEY), len(flags))
    leading = [k for k in range(first + 1, next_key) if pts[k] < pts[first] and not flags[k] & HIDDEN]
    if not leading:
        return
    out: set[int | None] = set()
    with Source(path) as source:
        source.ready(threads=1)
        for k, packet in enumerate(source.packets()):
            with suppress(av.FFmpegError):
                out.update(frame.pts for frame in source.codec.decode(packet))
            if k >= leading[-1]:
                break
        with suppress(av.FFmpegError):
            out.update(frame.pts for frame in source.codec.decode(None))
    for k in leading:
        if pts[k] not in out:
            flags[k] |= HIDDEN


def decode_pictures(
    path: Path,
    index: Index,
    packets: Iterable[int],
    *,
    deliver: Callable[[Picture], None],
    max_side: int | None = 768,
    quality: int = 85,
    threads: int | None = None,
) -> None:
    """Decode the pictures of these packets, each exactly once, and hand every one on as soon as it is there.

    Args:
        packets: Packets of `index`; what `Index.packets_at` gives for times.
        deliver: Called once per distinct packet, from the worker threads, in no set order, several at a time.
        max_side: Pictures with a longer side are shrunk to it; None keeps every size. Nothing is enlarged.
        threads: Cores to use; None for all this process may use.

    Raises:
        VideoError: The file is not the one that was indexed, or cannot be read any more.
    """
    if not (max_side is None or max_side >= 16) or not 1 <= quality <= 95:
        raise TaskError(f"max_side={max_side} and quality={quality}: take a side from 16 and a quality from 1 to 95")
    todo = deque(index.spans(packets))
    threads = threads or usable_cores()
    # Two spans per worker keep all busy to the end; with fewer the cores go into the decoder itself.
    lanes = max(1, min(threads, len(todo) // 2))
    failures: list[BaseException] = []

    def shape(frame: Any) -> tuple[bytes, tuple[int, int]]:
        image = upright(frame, max_side)
        return to_jpeg(image, quality), image.size

    def work() -> None:
        try:
            with _Worker(path, index, threads // lanes, shape, deliver) as worker:
                while not failures:
                    try:
                        span = todo.popleft()
                    except IndexError:  # another worker took the last one
                        return
                    worker.decode(span)
        except BaseException as error:
            failures.append(error)

    helpers = [threading.Thread(target=work, daemon=True) for _ in range(lanes - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if failures:
        error = failures[0]
        if isinstance(error, av.FFmpegError):
            raise VideoError(
                f"{path}: decoding failed ({error}); copy it again from the camera", kind="damaged"
            ) from error
        raise error


def usable_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _LostPlace(Exception):
    """The packets that came are not those of the index; read from the start of the file, counting."""


class _Unclear(Exception):
    """A fault under frame threads, which do not say whose it is."""


class _Worker:
    """One worker's own container and decoder; takes spans of packets in file order."""

    def __init__(
        self,
        path: Path,
        index: Index,
        threads: int,
        shape: Shape,
        take: Callable[[Picture], None],
    ) -> None:
        self.path, self.index, self.threads, self.shape, self.take = path, index, threads, shape, take
        self.keys = index.keys
        self.key_at = {index.pts[k]: k for k in reversed(self.keys)}
        self.seeks = not index.in_order
        self._open()

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()

    def _open(self) -> None:
        self.source = Source(self.path)
        self.source.ready(threads=self.threads)
        self.incoming = self.source.packets()
        self.at = 0  # the packet that comes next

    def _reopen(self, *, seeks: bool | None = None) -> None:
        self.source.close()
        self.seeks = self.seeks if seeks is None else seeks
        self._open()

    def decode(self, span: Span) -> None:
        """Decode one span; every wanted picture of it is taken exactly once."""
        undelivered = set(span.wanted)
        while True:
            try:
                return self._decode(span, undelivered)
            except _LostPlace:
                if not self.seeks:
                    raise VideoError(
                        f"{self.path} has changed since it was indexed; run the command again", kind="damaged"
                    ) from None
                self._reopen(seeks=False)
            except _Unclear:
                self.threads = 1
                self._reopen()

    def _go_to(self, start: int) -> Any:
        """The key packet `start`; the packets after it come next."""
        if self.seeks and start != self.at:
            try:
                self.source.container.seek(self.index.pts[start], stream=self.source.stream, backward=True)
            except av.FFmpegError:
                raise _LostPlace from None
            self.incoming = self.source.packets()
            for packet in self.incoming:
                at = self.key_at.get(packet.pts) if packet.is_keyframe else None
                if at is not None and at >= start:
                    break
            else:
                at = None
            if at != start:  # MPEG-TS lands late
                raise _LostPlace
            self.at = start + 1
            return packet
        if self.at > start:
            self._reopen()
        for packet in self.incoming:
            self.at += 1
            if self.at > start:
                return packet
        raise _LostPlace

    def _packets(self, start: int, last: int) -> Iterator[tuple[int, Any]]:
        """The packets start..last with their places in the index."""
        packet = self._go_to(start)
        for at in range(start, last + 1):
            if at > start:
                packet = next(self.incoming, None)
                self.at += 1
            stamped = not self.index.in_order and packet is not None and packet.pts is not None
            if packet is None or (stamped and packet.pts != self.index.pts[at]):
                raise _LostPlace
            yield at, packet

    def _decode(self, span: Span, undelivered: set[int]) -> None:
        index, codec = self.index, self.source.codec

        def take(picture: Picture) -> None:
            undelivered.discard(picture.packet)
            self.take(picture)

        if codec.is_open:
            codec.flush_buffers()
        harvest = Harvest(index, self.keys, set(undelivered), self.shape, take)
        drops = codec.name in DROPPING and not index.in_order
        last = len(index.pts) - 1 if index.in_order else span.wanted[-1]
        for at, packet in self._packets(span.start, last):
            codec.skip_frame = "NONREF" if drops and at not in harvest.pending else "DEFAULT"
            if not index.flags[at] & HIDDEN:  # a hidden one may bear the stamp of a shown one
                harvest.fed[index.pts[at]] = at
            self._feed(harvest, at, packet)
            if index.in_order and not harvest.pending:
                break
        self._feed(harvest, last, None)
        harvest.finish()

    def _feed(self, harvest: Harvest, at: int, packet: Any) -> None:
        try:
            frames = self.source.codec.decode(packet)
        except av.FFmpegError:
            if self.threads > 1:
                raise _Unclear from None
            harvest.faults += (at - 1, at)  # what spoilt this packet may have begun in the one before
            return
        for frame in frames:
            harvest.out(frame)
