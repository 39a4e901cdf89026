"""Pictures of a recording at given times, as JPEG files or bytes: the door of this room for one-off use.

Runs go through `siming.video.store`, which cuts every picture once and remembers it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siming.video.plan import FramePlan, Stretch

if TYPE_CHECKING:
    from siming.video.harvest import Picture
    from siming.video.index import Index


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture that was asked for, and what became of it."""

    number: int
    """Place in the order asked for, from 0; the file is named by it."""
    time_s: float
    """The instant asked for, in seconds from the first shown picture."""
    shown_s: float | None
    """When the picture given came on show; None where there is no picture."""
    width: int
    height: int
    damaged: bool
    """The recording is broken here: the picture may be garbled, or is an earlier one (see `shown_s`)."""
    approximate: bool
    """The nearest key picture, not the one on show at `time_s`; never to feed a score unlabelled."""
    path: Path | None = None
    """The JPEG file; None where no folder was given or there is no picture."""
    jpeg: bytes | None = field(default=None, repr=False)
    """The JPEG itself where no folder was given."""

    def to_json(self) -> dict[str, Any]:
        """A plain dict, without the bytes."""
        return {
            "number": self.number,
            "time_s": round(self.time_s, 6),
            "shown_s": None if self.shown_s is None else round(self.shown_s, 6),
            "width": self.width,
            "height": self.height,
            "damaged": self.damaged,
            "approximate": self.approximate,
            "path": None if self.path is None else str(self.path),
        }


def plan_times(index: Index, plan: FramePlan, within: Sequence[Stretch] | None = None) -> tuple[float, ...]:
    """The instants of a plan over a recording, or over some stretches of it (a step clip)."""
    whole = [(0.0, index.duration_s)]
    return plan.times(whole if within is None else within, last_picture_s=index.last_picture_s)


def cut_frames(
    path: str | Path,
    times: Sequence[float] | FramePlan,
    *,
    within: Sequence[Stretch] | None = None,
    max_side: int | None = 768,
    quality: int = 85,
    out: str | Path | None = None,
    threads: int | None = None,
    clamp: bool = False,
    approx_keyframes: bool = False,
    known_index: Index | None = None,
) -> list[Frame]:
    """The pictures on show at these times, exactly, in the order asked for.

    Args:
        times: Seconds from the first shown picture, or a plan that names them.
        within: With a plan, the stretches of the recording it is laid over; None for all of it.
        max_side: Longest side in pixels; larger pictures are shrunk, none is enlarged; None keeps their size.
        quality: Of the JPEG, 1 to 95.
        out: A folder for files 00000.jpg, 00001.jpg, ... Pictures so numbered that an earlier, longer cut left there
            are removed. Without it the bytes come back in the records.
        threads: Cores to use; None for all.
        clamp: Take the first or last picture for a time outside the recording, in place of an error.
        approx_keyframes: The nearest key picture in place of the exact one: faster, off by up to half the distance
            between key pictures, and said in every record.
        known_index: The recording's packet table, where `siming.video.decode.read_index` has read it already.

    Raises:
        VideoError: The recording cannot be used, or a time lies outside it; `kind` says which.
    """
    from siming.video.decode import decode_pictures, read_index  # the decoder's library is loaded only to decode

    path = Path(path)
    index = known_index or read_index(path)
    asked = plan_times(index, times, within) if isinstance(times, FramePlan) else tuple(times)
    packets = index.packets_at(asked, clamp=clamp)
    if approx_keyframes:
        packets = index.nearest_keys(packets)
    folder = None if out is None else _folder(Path(out), len(packets))
    frames: dict[int, Frame] = {}
    numbers: dict[int, list[int]] = {}
    for number, packet in enumerate(packets):
        numbers.setdefault(packet, []).append(number)

    def keep(picture: Picture) -> None:
        shown_s = None if picture.shown_packet is None else index.shown_s(picture.shown_packet)
        for number in numbers[picture.packet]:
            file = None
            if folder is not None and picture.jpeg is not None:
                file = folder / f"{number:05d}.jpg"
                file.write_bytes(picture.jpeg)
            frames[number] = Frame(
                number,
                asked[number],
                shown_s,
                picture.width,
                picture.height,
                picture.damaged,
                approx_keyframes,
                file,
                picture.jpeg if folder is None else None,
            )

    decode_pictures(path, index, packets, deliver=keep, max_side=max_side, quality=quality, threads=threads)
    return [frames[number] for number in range(len(packets))]


def _folder(folder: Path, n_frames: int) -> Path:
    """The folder, made if needed, without numbered pictures of an earlier cut that had more of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("[0-9][0-9][0-9][0-9][0-9].jpg"):
        if int(old.stem) >= n_frames:
            old.unlink()
    return folder
