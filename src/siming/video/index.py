"""What pictures a recording holds and what must be decoded to see some of them; no decoder, no file.

An `Index` is the packet table of a video stream in decode order. A time maps to the last picture whose time is not
after it: never to `time x average rate`, which is off by seconds on phones that vary their rate.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

from siming.errors import VideoError

SLACK_S = Fraction(1, 10**6)
"""A time this little before a picture still means that picture: times are written with six decimals in many files."""

KEY, HIDDEN, CORRUPT = 1, 2, 4
"""Flags of a packet: decoding can start here; decoded but never shown (edit list); known to be incomplete."""


@dataclass(frozen=True, slots=True)
class Span:
    """Packets decoded in one go."""

    start: int
    """Packet (in decode order) of the key picture to begin with."""
    wanted: tuple[int, ...]
    """Packets whose pictures are wanted, in decode order."""


@dataclass(frozen=True, slots=True)
class Index:
    """The packet table of one recording."""

    pts: tuple[int, ...]
    """Presentation stamps in decode order, in units of `time_base`."""
    flags: bytes
    """One byte per packet: KEY | HIDDEN | CORRUPT."""
    time_base: Fraction
    last_ticks: int
    """How long the last picture stays on show, in units of `time_base`."""
    container: str
    codec: str
    width: int
    """Of the stored picture, before it is turned upright."""
    height: int
    rotation: int
    """Degrees the stored picture is turned counter-clockwise to be upright: 0, 90, 180 or 270."""
    header_duration_s: float | None
    """What the container claims; None where it says nothing."""
    header_frames: int
    """Frames the container claims; 0 where it says nothing."""
    sound_hz: int | None = None
    """Sample rate of the first sound track; None where there is no sound."""
    square_pixels: bool = True
    in_order: bool = False
    """The container stores no presentation stamps (AVI, raw streams): `pts` were dealt out in the order of showing,
    and pictures can only be told apart by decoding all before them."""
    shown: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """Packets that become pictures, in the order of showing."""

    def __post_init__(self) -> None:
        visible = (k for k in range(len(self.pts)) if not self.flags[k] & HIDDEN)
        object.__setattr__(self, "shown", tuple(sorted(visible, key=self.pts.__getitem__)))
        if not self.shown:
            raise VideoError("the recording holds no picture that would be shown; export it again", kind="damaged")

    @property
    def start_s(self) -> Fraction:
        """The container's own time of the first shown picture; times given to siming count from it."""
        return self.pts[self.shown[0]] * self.time_base

    @property
    def duration_s(self) -> float:
        """From the first shown picture to the end of the last one."""
        ticks = self.pts[self.shown[-1]] - self.pts[self.shown[0]] + self.last_ticks
        return float(ticks * self.time_base)

    @property
    def last_picture_s(self) -> float:
        """How long the last picture stays on show."""
        return float(self.last_ticks * self.time_base)

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height as a player shows them."""
        return (self.height, self.width) if self.rotation in (90, 270) else (self.width, self.height)

    @property
    def intervals(self) -> list[int]:
        """Ticks from each shown picture to the next."""
        return [b - a for a, b in pairwise(self.pts[k] for k in self.shown)]

    @property
    def variable_rate(self) -> bool:
        """Whether pictures come at uneven times, beyond the rounding of their stamps."""
        steps = self.intervals
        if len(steps) < 2:
            return False
        usual = sorted(steps)[len(steps) // 2]
        return any(abs(step - usual) > max(1.5, usual / 10) for step in steps)

    @property
    def average_fps(self) -> Fraction:
        """Shown pictures per second; the broadcast rate (30, 30000/1001 ...) where the stamps are that rate rounded."""
        if len(self.shown) < 2:
            return 1 / (self.last_ticks * self.time_base)
        ticks = self.pts[self.shown[-1]] - self.pts[self.shown[0]]
        measured = Fraction(len(self.shown) - 1) / (max(1, ticks) * self.time_base)
        for rate in (Fraction(round(measured)), Fraction(round(measured * 1001 / 1000) * 1000, 1001)):
            if abs(rate - measured) * ticks <= measured * Fraction(3, 2):  # one and a half ticks over the whole length
                return rate
        return measured.limit_denominator(1001)

    @property
    def stops_early(self) -> bool:
        """Whether the recording ends clearly before its header says."""
        missing_frames = self.header_frames - len(self.pts)
        if self.header_duration_s is None:
            return missing_frames > 0
        return self.header_duration_s - self.duration_s > (0.05 if missing_frames > 0 else 1.0)

    def shown_s(self, packet: int) -> float:
        """The time of a packet's picture, in seconds from the first shown one."""
        return float((self.pts[packet] - self.pts[self.shown[0]]) * self.time_base)

    def packets_at(self, times: Iterable[float], *, clamp: bool = False) -> list[int]:
        """For each time the packet of the picture on show then: the last one that is not later.

        Args:
            clamp: Take the first or last picture for a time outside the recording, in place of an error.

        Raises:
            VideoError: A time before 0 or after the end (``bad_time``; ``truncated`` where the header promised more).
        """
        first = self.pts[self.shown[0]]
        stamps = [self.pts[k] - first for k in self.shown]
        end = stamps[-1] + self.last_ticks
        found = []
        for time_s in times:
            if not math.isfinite(time_s):
                raise VideoError(f"{time_s} is not a time in seconds", kind="bad_time")
            ticks = math.floor((Fraction(time_s) + SLACK_S) / self.time_base)
            if not clamp and (time_s < 0 or ticks > end):
                raise self._outside(time_s)
            found.append(self.shown[max(0, bisect_right(stamps, ticks) - 1)])
        return found

    def _outside(self, time_s: float) -> VideoError:
        if self.stops_early and self.header_duration_s is not None and 0 <= time_s <= self.header_duration_s:
            return VideoError(
                f"{time_s:.3f} s was asked for, but the recording stops at {self.duration_s:.1f} s of "
                f"{self.header_duration_s:.1f} s; copy it again from the camera, or allow clamping to its last picture",
                kind="truncated",
            )
        return VideoError(
            f"{time_s:.3f} s lies outside the recording, which lasts from 0 to {self.duration_s:.3f} s; "
            "ask for times inside it, or allow clamping",
            kind="bad_time",
        )

    def broken(self, packet: int) -> bool:
        """Whether the packet itself is known to be incomplete."""
        return bool(self.flags[packet] & CORRUPT)

    @property
    def keys(self) -> list[int]:
        """Packets that decoding can start with."""
        return [k for k, flag in enumerate(self.flags) if flag & KEY]

    def nearest_keys(self, packets: Sequence[int]) -> list[int]:
        """For each packet the shown key picture nearest to it in time: the approximate mode."""
        shown_keys = sorted((self.pts[k], k) for k in self.shown if self.flags[k] & KEY)
        if not shown_keys:
            raise VideoError("no key picture is shown in this recording; take exact frames", kind="damaged")
        stamps = [stamp for stamp, _ in shown_keys]
        found = []
        for packet in packets:
            after = bisect_right(stamps, self.pts[packet])
            near = shown_keys[max(0, after - 1) : after + 1]
            found.append(min(near, key=lambda key: abs(key[0] - self.pts[packet]))[1])
        return found

    def base_of(self, packet: int, keys: Sequence[int]) -> int:
        """The key packet to start from so that this packet's picture comes out whole.

        A picture stored after a key picture but shown before it (open GOP) leans on pictures before that key
        picture too, so it needs the key picture before.
        """
        at = max(0, bisect_right(keys, packet) - 1)
        while at > 0 and self.pts[packet] < self.pts[keys[at]]:
            at -= 1
        return keys[at]

    def spans(self, packets: Iterable[int]) -> list[Span]:
        """The spans of packets to decode for these pictures, in file order, none touching another."""
        keys = [self.keys[0]] if self.in_order else self.keys
        found: list[tuple[int, list[int]]] = []
        for packet in sorted(set(packets)):
            base = self.base_of(packet, keys)
            if found and base <= found[-1][1][-1]:
                found[-1] = (min(base, found[-1][0]), [*found[-1][1], packet])
            else:
                found.append((base, [packet]))
        return [Span(base, tuple(wanted)) for base, wanted in found]

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` takes back."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        return plain | {"pts": list(self.pts), "flags": self.flags.hex(), "time_base": str(self.time_base)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Index:
        """The index written by `to_json`."""
        plain = {name: data[name] for name in _PLAIN}
        flags = bytes.fromhex(data["flags"])
        if len(flags) != len(data["pts"]):
            raise ValueError("an index needs one flag byte per packet")
        return cls(pts=tuple(data["pts"]), flags=flags, time_base=Fraction(data["time_base"]), **plain)


_PLAIN = (
    "last_ticks", "container", "codec", "width", "height", "rotation",
    "header_duration_s", "header_frames", "sound_hz", "square_pixels", "in_order",
)  # fmt: skip
