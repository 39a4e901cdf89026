"""What comes out of a decoder for one span of packets: which picture is which, and which are hurt. No decoder here.

A picture waits, as JPEG, until all it may lean on has come out: what it leans on may be shown after it, and only
then is it known to be whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from siming.video.index import Index

REORDER = 16
"""Most pictures that H.264 and HEVC let a decoder hold back."""

Shape = Callable[[Any], tuple[bytes, tuple[int, int]]]
"""Makes a decoder's frame into a JPEG, and says its width and height."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One wanted picture as JPEG, or the word that it could not be had."""

    packet: int
    """The packet asked for."""
    shown_packet: int | None
    """The packet whose picture this is: the same, an earlier one after damage, or None."""
    jpeg: bytes | None
    width: int
    height: int
    damaged: bool


class Harvest:
    """What comes out of the decoder for one span of packets, and what is known to be wrong with it."""

    def __init__(
        self,
        index: Index,
        keys: list[int],
        pending: set[int],
        shape: Shape,
        take: Callable[[Picture], None],
    ) -> None:
        self.index, self.keys, self.pending, self.shape, self.take = index, keys, pending, shape, take
        self.fed: dict[int, int] = {}
        """Packets given to the decoder so far, by their stamp."""
        self.faults: list[int] = []
        """Packets that failed to decode, or whose picture had to be patched."""
        self.earlier: tuple[int, Any] | None = None
        self.held: deque[tuple[int, Picture]] = deque()
        """Pictures that wait until all they may lean on has come out, and the count of pictures before them."""
        self.count = 0

    def out(self, frame: Any) -> None:
        """Sort one picture that came out of the decoder."""
        index = self.index
        if index.in_order:
            at = index.shown[min(self.count, len(index.shown) - 1)]
        elif frame.pts in self.fed:
            at = self.fed[frame.pts]
        else:
            return  # a picture with a stamp of no packet was made up by the decoder
        if frame.is_corrupt:
            self.faults.append(at)
        self.count += 1
        for late in self._pending_before(index.pts[at]):
            self._hold_substitute(late)
        if at in self.pending:
            self._hold(at, at, frame, damaged=False)
        self.earlier = (at, frame)
        while self.held and self.held[0][0] + REORDER <= self.count:
            self._release()

    def _pending_before(self, pts: float) -> list[int]:
        late = [k for k in self.pending if self.index.pts[k] < pts]
        return sorted(late, key=self.index.pts.__getitem__)

    def _hold_substitute(self, packet: int) -> None:
        if self.earlier is None:
            self.pending.discard(packet)
            self.held.append((self.count, Picture(packet, None, None, 0, 0, damaged=True)))
        else:
            self._hold(packet, *self.earlier, damaged=True)

    def _hold(self, packet: int, shown: int, frame: Any, *, damaged: bool) -> None:
        jpeg, size = self.shape(frame)
        self.held.append((self.count, Picture(packet, shown, jpeg, *size, damaged=damaged)))
        self.pending.discard(packet)

    def _release(self) -> None:
        picture = self.held.popleft()[1]
        self.take(replace(picture, damaged=picture.damaged or self._hit(picture.packet)))

    def finish(self) -> None:
        """Hand on what still waits; what has not come out by now never will."""
        for packet in self._pending_before(float("inf")):
            self._hold_substitute(packet)
        while self.held:
            self._release()

    def _hit(self, packet: int) -> bool:
        """Whether a fault or an incomplete packet lies between the key picture and this one.

        After a jump the leading pictures of the key picture cannot be decoded, which is as it should be and harms
        nothing shown after it.
        """
        index = self.index
        base = index.base_of(packet, self.keys[:1] if index.in_order else self.keys)
        bad = [*self.faults, *(k for k in range(base, packet + 1) if index.broken(k))]
        return any(base <= k <= packet and (k == packet or index.pts[k] >= index.pts[base]) for k in bad)
