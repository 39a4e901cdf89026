"""What was found in a copy of the data, and what the known release holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

RELEASE_ROWS: Final = 6245

RELEASE_TYPES: Final[Mapping[str, int]] = {
    "tal": 1637,
    "stg": 780,
    "dense_captioning_gpt": 751,
    "dense_captioning_gemini": 728,
    "next_action": 670,
    "cvs_assessment": 648,
    "video_summary_gpt": 263,
    "video_summary_gemini": 302,
    "region_caption_gpt": 138,
    "region_caption_gemini": 168,
    "skill_assessment": 160,
}
"""Rows of the test set by question type, as published."""

RELEASE_NAMES: Final[Mapping[str, int]] = {"id": 3975, "id_and_type": 5644, "key": 6216}
"""How many different names its rows have, by what a name is made of; measured by a team of the 2026 challenge."""

BREAKS: Final = (
    "row-unreadable", "fps-not-a-number", "no-frames", "frame-path-outside", "frame-missing", "frame-damaged",
    "region-frame-unknown", "region-outside",
)  # fmt: skip
"""Findings that cost answers, or a whole task its score."""

NOTES: Final = (
    "type-unknown", "fps-missing", "frames-not-numbered", "frame-numbers-fall", "stride-irregular", "extent-missing",
    "times-by-index", "region-missing", "region-cut", "box-outside", "frames-not-looked-at",
)  # fmt: skip
"""Findings that a run survives."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of fault and where it was met."""

    code: str
    """One of `BREAKS` or `NOTES`."""
    n: int
    examples: tuple[str, ...]
    """The first places, each with its row."""

    @property
    def breaks(self) -> bool:
        """Whether it would break a run or its score."""
        return self.code in BREAKS


@dataclass(frozen=True)
class Checked:
    """What a copy of the data holds and what is wrong with it."""

    data: str
    n_rows: int
    n_read: int
    types: Mapping[str, int]
    sources: Mapping[str, int]
    tasks: Mapping[str, int]
    extents: Mapping[str, int]
    fps: Mapping[str, int]
    """How the field is written: ``text``, ``number``, ``missing`` or ``unreadable``."""
    times: Mapping[str, int]
    """Questions by the way that leads to their frames' times."""
    names: Mapping[str, int]
    """Different names by what a name is made of."""
    n_twins: int
    """Rows that share even their key with another: true duplicates."""
    n_references: int
    n_regions: int
    n_frames: int
    frames: Mapping[str, Any]
    """Where frames were looked for, how deeply, and how many files were found."""
    budgets: Mapping[str, int]
    findings: tuple[Finding, ...] = field(default_factory=tuple)

    @property
    def breaks(self) -> bool:
        """Whether something would break a run."""
        return any(finding.breaks for finding in self.findings)

    @property
    def is_release(self) -> bool:
        """Whether rows, types and names are counted as those of the public test set."""
        return self.n_rows == RELEASE_ROWS and dict(self.types) == RELEASE_TYPES and dict(self.names) == RELEASE_NAMES

    def to_plain(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        names = ("data", "n_rows", "n_read", "n_twins", "n_references", "n_regions", "n_frames")
        maps = ("types", "sources", "tasks", "extents", "fps", "times", "names", "frames", "budgets")
        return {
            "schema": "siming.medvid-check/1",
            **{name: getattr(self, name) for name in names},
            **{name: dict(getattr(self, name)) for name in maps},
            "release": {
                "same_counts": self.is_release,
                "n_rows": RELEASE_ROWS,
                "types": dict(RELEASE_TYPES),
                "names": dict(RELEASE_NAMES),
            },
            "breaks": self.breaks,
            "findings": [
                {"code": each.code, "breaks": each.breaks, "n": each.n, "examples": list(each.examples)}
                for each in self.findings
            ],
        }
