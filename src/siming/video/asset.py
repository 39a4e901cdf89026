"""What ingest gives and what it will not take: the record of a derivative, and the limits of an original."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from siming.errors import VideoError
from siming.video.mask import MaskTrack
from siming.video.picture import fit
from siming.video.recipe import Recipe
from siming.video.timemap import TimeMap

if TYPE_CHECKING:
    from siming.video.index import Index

SCHEMA: Final = "siming.derivative/1"


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest original that is taken in. An upload may be an attack; a few bytes of header can claim anything."""

    max_pixels: int = 36_000_000
    """Of one picture; 8K has 33 million."""
    max_duration_s: float = 4 * 3600.0
    """By the stamps of its pictures."""
    max_pictures: int = 900_000
    """Four hours at 60 a second have 864,000."""

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if not getattr(self, name) > 0:
                raise VideoError(f"limit {name}={getattr(self, name)}: give a number above 0", kind="too_large")

    def check_picture(self, where: Path, width: int, height: int) -> None:
        """Refuse a picture that is too large.

        Raises:
            VideoError: ``too_large``.
        """
        if width * height > self.max_pixels:
            raise VideoError(
                f"{where}: pictures of {width}x{height}, the limit is {self.max_pixels / 10**6:g} million pixels; "
                "scale the recording down or raise max_pixels",
                kind="too_large",
            )

    def check_index(self, where: Path, index: Index) -> None:
        """Refuse a recording that is too large, too long or too full.

        Raises:
            VideoError: ``too_large``.
        """
        self.check_picture(where, index.width, index.height)
        self.check_pictures(where, len(index.pts))
        if index.duration_s > self.max_duration_s:
            raise VideoError(
                f"{where}: lasts {index.duration_s:.0f} s by the stamps of its pictures, the limit is "
                f"{self.max_duration_s:g} s; cut the recording or raise max_duration_s",
                kind="too_large",
            )

    def check_pictures(self, where: Path, n: int) -> None:
        """Refuse a recording with too many pictures.

        Raises:
            VideoError: ``too_large``.
        """
        if n > self.max_pictures:
            raise VideoError(
                f"{where}: holds more than {self.max_pictures} pictures; cut the recording or raise max_pictures",
                kind="too_large",
            )


@dataclass(frozen=True, slots=True)
class Derivative:
    """A file for raters, and everything that says what it is."""

    sha256: str
    size_bytes: int
    width: int
    height: int
    duration_s: float
    pictures: int
    has_sound: bool
    source_sha256: str
    source_bytes: int
    recipe: Recipe
    made_with: Mapping[str, str]
    """Library to version; with these and the recipe the same original gives the same bytes."""
    time_map: TimeMap
    masks: MaskTrack | None
    """Where faces were found; None where none were looked for. It shows nobody, but says where people stand: keep it
    with the original, not with what raters may fetch."""
    left_out: int
    """Pictures of the original that could not be decoded, or that were never on show."""
    damaged: int
    """Pictures that are there but may be garbled."""
    warnings: tuple[str, ...]
    """What a coordinator should know, in plain words."""

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` takes back."""
        plain: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        return (
            {"schema": SCHEMA}
            | plain
            | {
                "recipe": self.recipe.to_json(),
                "made_with": dict(self.made_with),
                "time_map": self.time_map.to_json(),
                "masks": None if self.masks is None else self.masks.to_json(),
                "warnings": list(self.warnings),
            }
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Derivative:
        """The record written by `to_json`.

        Raises:
            VideoError: Another schema, or a part that cannot be read.
        """
        if data.get("schema") != SCHEMA:
            raise VideoError(f"derivative: schema {data.get('schema')!r}, this version reads {SCHEMA}", kind="damaged")
        try:
            plain = {field.name: data[field.name] for field in fields(cls)}
        except KeyError as error:
            raise VideoError(f"derivative: {error} is missing from its record; ingest again", kind="damaged") from error
        masks = plain["masks"]
        return cls(
            **plain
            | {
                "recipe": Recipe.from_json(plain["recipe"]),
                "time_map": TimeMap.from_json(plain["time_map"]),
                "masks": None if masks is None else MaskTrack.from_json(masks),
                "warnings": tuple(plain["warnings"]),
            }
        )


def ticks_per_second(base: Fraction) -> int:
    """The clock of a derivative: the original's own, in finer ticks, or 90,000 where that is too fine.

    Between 10,000 and 120,000 ticks per second, so that no picture moves by more than 6 microseconds and players,
    which count microseconds, still tell neighbours apart.

    >>> ticks_per_second(Fraction(1, 25)), ticks_per_second(Fraction(1001, 60000)), ticks_per_second(Fraction(1, 10**9))
    (10000, 60000, 90000)
    """
    own = base.denominator
    return 90_000 if own > 120_000 else own * max(1, -(-10_000 // own))


def stored_size(index: Index, ratio: Fraction, max_side: int) -> tuple[int, int]:
    """Width and height before turning: pixels made square by stretching, then shrunk, then even."""
    width, height = Fraction(index.width), Fraction(index.height)
    if Fraction(1, 8) <= ratio <= 8:  # no lens is beyond; a header can say anything
        width, height = (width * ratio, height) if ratio > 1 else (width, height / ratio)
    small = fit(round(width), round(height), max_side)
    return max(16, small[0] // 2 * 2), max(16, small[1] // 2 * 2)
