"""Every format that sheets leave or enter by: what it is called, what it keeps, what it loses."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from siming.errors import TaskError
from siming.exchange.boris import write_boris
from siming.exchange.boris_reading import read_boris
from siming.exchange.coco import read_coco
from siming.exchange.collect import Collector
from siming.exchange.csv_file import read_csv, write_csv
from siming.exchange.cvat import read_cvat
from siming.exchange.dataset_zip import read_siming, write_siming
from siming.exchange.datavyu import read_datavyu
from siming.exchange.elan import write_elan
from siming.exchange.elan_reading import read_elan
from siming.exchange.label_studio import read_label_studio, write_label_studio
from siming.exchange.release import write_release
from siming.exchange.selection import Selection
from siming.exchange.texts import texts
from siming.exchange.via import read_via
from siming.exchange.webvtt import write_webvtt
from siming.exchange.workbook import read_table_workbook, write_workbook

Field = Literal[
    "author", "points", "status", "deductions", "void", "verdict", "evidence", "evidence_ms", "evidence_frames", "note", "reason",
    "provenance", "rationale", "submitted_at", "global_rating", "lead_time", "reasons", "unknown_fields",
]  # fmt: skip
"""What a sheet holds, as far as a format may keep or lose it. `evidence` to the last digit, to the millisecond, or
to the picture."""

Write = Callable[[Selection], dict[str, bytes]]
"""From what goes out to files by name."""
Read = Callable[[bytes, Collector], "bool | None"]
"""From a file's bytes into the collector; False where the file is a foreign table."""

_COARSER: Mapping[Field, str] = {"evidence_ms": "below_ms", "evidence_frames": "within_frame"}
"""What of `evidence` is lost where it is kept in another grain."""
_EVERYTHING: tuple[Field, ...] = tuple(field for field in get_args(Field) if field not in _COARSER)


@dataclass(frozen=True, slots=True)
class Format:
    """One format. Its words are in the texts, under its id."""

    id: str
    suffix: str
    """Of the file that holds sheets, with its dot."""
    media_type: str
    keeps: tuple[Field, ...]
    """What comes back equal when a file is read again; of a format that cannot be read, what it shows."""
    write: Write | None = None
    read: Read | None = None
    several: bool = False
    """Whether an export may be more than one file."""
    also_loses: tuple[str, ...] = ()
    """What it holds that no sheet does."""

    @property
    def can_write(self) -> bool:
        """Whether sheets can be exported to it."""
        return self.write is not None

    @property
    def can_read(self) -> bool:
        """Whether sheets can be imported from it."""
        return self.read is not None

    @property
    def loses(self) -> tuple[str, ...]:
        """What does not come back: fields of a sheet, and what no sheet but a dataset holds (`media`, `rubric_text`)."""
        kept = set(self.keeps)
        fields: list[str] = [field for field in _EVERYTHING if field not in kept]
        for grain, lost in _COARSER.items():
            if grain in kept:
                fields = [lost if field == "evidence" else field for field in fields]
        fields += self.also_loses
        return (*fields, "media") if self.id == "siming" else (*fields, "rubric_text", "media")

    def title(self, language: str) -> str:
        """Its name in ``en`` or ``zh``."""
        return str(texts(language)["formats"][self.id]["title"])

    def about(self, language: str) -> str:
        """A sentence on how sheets lie in it."""
        return str(texts(language)["formats"][self.id]["about"])

    def keeps_in(self, language: str) -> list[str]:
        """What it keeps, in words."""
        return [str(texts(language)["fields"][field]) for field in self.keeps]

    def loses_in(self, language: str) -> list[str]:
        """What it loses, in words."""
        return [str(texts(language)["fields"][field]) for field in self.loses]

    def to_plain(self, language: str) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "id": self.id,
            "title": self.title(language),
            "about": self.about(language),
            "suffix": self.suffix,
            "media_type": self.media_type,
            "can_read": self.can_read,
            "can_write": self.can_write,
            "keeps": list(self.keeps),
            "keeps_text": self.keeps_in(language),
            "loses": list(self.loses),
            "loses_text": self.loses_in(language),
        }


def _without(*fields: Field, but: tuple[Field, ...] = ()) -> tuple[Field, ...]:
    return (*(field for field in _EVERYTHING if field not in fields), *but)


_LISTED = (
    Format("siming", ".zip", "application/zip", _EVERYTHING, write_siming, read_siming),
    Format("csv", ".csv", "text/csv; charset=utf-8", _EVERYTHING, write_csv, read_csv),
    Format(
        "xlsx",
        ".xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _EVERYTHING,
        write_workbook,
        read_table_workbook,
    ),
    Format(
        "label-studio",
        ".json",
        "application/json",
        _without("provenance", "rationale", "reasons", "unknown_fields"),
        write_label_studio,
        read_label_studio,
        several=True,
    ),
    Format(
        "elan",
        ".eaf",
        "application/xml",
        _without("evidence", but=("evidence_ms",)),
        write_elan,
        read_elan,
        several=True,
    ),
    Format(
        "boris",
        ".boris",
        "application/json",
        _without("provenance", "rationale", "lead_time", "reasons", "unknown_fields"),
        write_boris,
        read_boris,
    ),
    Format("cvat", ".xml", "application/xml", ("evidence_frames",), read=read_cvat, also_loses=("regions",)),
    Format("coco", ".json", "application/json", ("evidence_frames",), read=read_coco, also_loses=("regions",)),
    Format("datavyu", ".opf", "application/zip", ("evidence_ms",), read=read_datavyu, also_loses=("codes",)),
    Format("via", ".json", "application/json", ("evidence",), read=read_via, also_loses=("regions",)),
    Format(
        "webvtt",
        ".vtt",
        "text/vtt; charset=utf-8",
        ("points", "status", "deductions", "verdict", "evidence_ms", "note"),
        write_webvtt,
        several=True,
    ),
    Format(
        "release",
        ".zip",
        "application/zip",
        _without("lead_time", "reasons", "unknown_fields"),
        write_release,
        several=True,
    ),
)

FORMATS: Mapping[str, Format] = {each.id: each for each in _LISTED}
"""Every format by its id."""


def get_format(format_id: str) -> Format:
    """The format of that id.

    Raises:
        TaskError: there is none; with the nearest one as advice.
    """
    found = FORMATS.get(format_id)
    if found is None:
        near = difflib.get_close_matches(format_id, FORMATS, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise TaskError(f"there is no format {format_id!r}; there are {', '.join(FORMATS)}{hint}")
    return found
