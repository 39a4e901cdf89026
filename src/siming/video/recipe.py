"""How a derivative is made from an original: written down, hashed and kept with the asset."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Literal, get_args

from siming.errors import TaskError

SCHEMA: Final = "siming.recipe/1"
"""The number goes up when the same options come to mean other pixels."""

Faces = Literal["none", "blur", "box"]
SoundChoice = Literal["keep", "off"]


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the upright picture; 0 is its left and upper edge, 1 its right and lower."""

    x1: float
    y1: float
    x2: float
    y2: float

    def __post_init__(self) -> None:
        sides = (self.x1, self.y1, self.x2, self.y2)
        if (
            not all(math.isfinite(side) and 0 <= side <= 1 for side in sides)
            or self.x1 >= self.x2
            or self.y1 >= self.y2
        ):
            raise TaskError(
                f"region {list(sides)}: give left, upper, right and lower edge as shares of the picture, "
                "such as [0.1, 0.8, 0.4, 1.0]"
            )
        for name in self.__dataclass_fields__:
            object.__setattr__(self, name, float(getattr(self, name)))  # 1 and 1.0 are one recipe

    def holds(self, x: float, y: float) -> bool:
        """Whether a point lies inside."""
        return self.x1 <= x <= self.x2 and self.y1 <= y <= self.y2


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything, besides the original and the versions of the libraries, that decides the bytes of a derivative."""

    max_side: int = 1280
    """Longer side in pixels at most; nothing is enlarged."""
    crf: int = 27
    """x264's constant quality, 0 to 40; less is finer."""
    sound: SoundChoice = "keep"
    faces: Faces = "none"
    """What happens to faces that are found: nothing, coarse cells, or black."""
    mask_cells: int = 4
    """With ``blur``, what is left of a masked box: so many cells along its longer side. Fewer hide more."""
    regions: tuple[Region, ...] = ()
    """Always black: burnt-in names, badges on a wall, a door that people look in by."""
    spared: tuple[Region, ...] = ()
    """A face whose middle lies in one of these is left alone: a manikin's, where the airway is scored."""
    detector: Literal["centerface"] = "centerface"
    threshold: float = 0.2
    """Least certainty, 0 to 1, of a face that is masked. Low on purpose: a mask too many is seen in the preview, a face
    too many by the raters."""
    detect_side: int = 640
    """Longer side of the picture that the detector looks at."""
    detect_every_s: float = 0.1
    """Faces are looked for this often; 0 for every picture."""
    hold_s: float = 0.4
    """A face that was found is masked this long before and after too, so that a picture in which it was missed does
    not show it."""
    dilate: float = 1.4
    """A mask is so much wider and higher than the face found; the detector's own box ends at the hairline."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "regions", tuple(self.regions))
        object.__setattr__(self, "spared", tuple(self.spared))
        for name, least, most in _NUMBERS:
            value = getattr(self, name)
            whole = name in _WHOLE
            right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
            if not (right and least <= value <= most):
                kind = "a whole number" if whole else "a number"
                raise TaskError(f"recipe: {name}={value!r}; give {kind} from {least:g} to {most:g}")
            object.__setattr__(self, name, int(value) if whole else float(value))  # 1 and 1.0 are one recipe
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise TaskError(f"recipe: {name}={value!r}; choose one of {', '.join(choices)}")
        for name in ("regions", "spared"):
            if len(getattr(self, name)) > MOST_REGIONS or not all(isinstance(r, Region) for r in getattr(self, name)):
                raise TaskError(f"recipe: {name}: give at most {MOST_REGIONS} regions of four numbers each")
        if self.detect_every_s > self.hold_s:
            raise TaskError(
                f"recipe: faces are looked for every {self.detect_every_s:g} s but held for {self.hold_s:g} s only, "
                "which leaves pictures unguarded; make hold_s at least detect_every_s"
            )

    def to_json(self) -> dict[str, Any]:
        """A plain dict that `from_json` takes back."""
        plain: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("regions", "spared"):
            plain[name] = [[region.x1, region.y1, region.x2, region.y2] for region in plain[name]]
        return {"schema": SCHEMA} | plain

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recipe:
        """The recipe written by `to_json`; what is not given has its default.

        Raises:
            TaskError: Another schema, an option nobody knows, or a value outside its range.
        """
        if data.get("schema", SCHEMA) != SCHEMA:
            raise TaskError(f"recipe: schema {data['schema']!r}, this version reads {SCHEMA}")
        known = {field.name for field in fields(cls)}
        strange = sorted(set(data) - known - {"schema"})
        if strange:
            raise TaskError(f"recipe: unknown options {', '.join(strange)}; known are {', '.join(sorted(known))}")
        plain = {name: data[name] for name in data if name != "schema"}
        for name in {"regions", "spared"} & set(plain):
            try:
                plain[name] = tuple(Region(*map(float, sides)) for sides in plain[name])
            except (TypeError, ValueError) as error:
                raise TaskError(f"recipe: {name}: each region is four numbers, such as [0.1, 0.8, 0.4, 1.0]") from error
        return cls(**plain)

    @property
    def sha256(self) -> str:
        """Of the recipe in its one canonical writing."""
        import hashlib  # not at the top: it loads OpenSSL, which frames on their own do without

        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


MOST_REGIONS: Final = 64

_NUMBERS: Final = (
    ("max_side", 64, 4096), ("crf", 0, 40), ("mask_cells", 1, 8), ("threshold", 0.01, 0.99),
    ("detect_side", 64, 2048), ("detect_every_s", 0, 2), ("hold_s", 0, 5), ("dilate", 1, 4),
)  # fmt: skip
_WHOLE: Final = frozenset({"max_side", "crf", "mask_cells", "detect_side"})
_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "sound": get_args(SoundChoice),
    "faces": get_args(Faces),
    "detector": ("centerface",),
}
