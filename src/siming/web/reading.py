"""What a file of sheets holds: read in full or refused, with the reason in words a person can act on.

The server does this in a process of its own, see `incoming`; so nothing here knows of requests or of the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import PurePosixPath
from typing import Any

from siming.errors import InputError, RoomError, SimingError
from siming.exchange import Frames, FrameTables, Imported, import_bytes
from siming.exchange.escape import shown
from siming.rating.spreadsheet import UnreadError
from siming.rubric import Author, Dataset, Sheet
from siming.video import TimeMap

LARGEST_FILE = 32 << 20
"""Bytes of a file with sheets."""

LONGEST_NAME = 200
"""Characters of a file's name that are looked at."""

PANEL = Author(kind="consensus", name="panel")


def panel_sheets(raw: bytes, form: str, room: Dataset, *, attempt: str, name: str = "") -> Sequence[Sheet]:
    """The expert panel's sheets of one attempt out of a file.

    A table of an exam office names nobody, or each examiner: the first is taken for the panel's, the second refused,
    because which of them is gold is not for siming to say.

    Raises:
        InputError: the file cannot be read, or holds no sheet of the attempt, or sheets of several authors.
    """
    try:
        found = _read(raw, form, room, None, name)
    except InputError:
        found = _read(raw, form, room, PANEL, name)
    wanted = [sheet for sheet in found.sheets if sheet.attempt == attempt]
    authors = sorted({f"{sheet.author.kind} {sheet.author.name}" for sheet in wanted})
    if not wanted:
        raise InputError(f"the file holds no sheet of attempt {attempt}", field="file", code="gold_none")
    if len(authors) > 1:
        raise InputError(
            f"the file holds sheets of {', '.join(authors)}; give the panel's only",
            field="file",
            code="gold_authors",
            params={"names": ", ".join(authors)},
        )
    return wanted


def model_sheets(
    raw: bytes,
    form: str,
    room: Dataset,
    *,
    model: str,
    language: str,
    name: str = "",
    time_maps: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[Sequence[Sheet], Sequence[str]]:
    """A model's sheets out of a file, and what was passed over, in words.

    Args:
        model: Its name; empty where the file names it.
        name: What the sender calls the file.
        time_maps: Of the films that attempts show, for formats that count pictures.

    Raises:
        InputError: the file cannot be read, or holds nothing by a model for this project.
    """
    author = Author(kind="model", name=model) if model else None
    found = _read(raw, form, room, author, name, time_maps)
    sheets = [sheet for sheet in found.sheets if sheet.author.kind == "model"]
    told = [remark.text(language) for remark in found.warnings]
    if not sheets:
        why = "; ".join(told)[:600] or ("no sheet is by a model" if found.sheets else "no sheets")
        raise InputError(f"nothing in the file is for this project: {why}", code="import_nothing", params={"why": why})
    return sheets, told


def _frames(time_maps: Mapping[str, Mapping[str, Any]]) -> FrameTables:
    """The pictures of the attempts' films, each table read when a file asks for it and once."""

    @cache
    def frames(code: str) -> Frames | None:
        found = time_maps.get(code)
        if found is None:
            return None
        pictures = TimeMap.from_json(found)
        return Frames(pictures.frame_times(), pictures.duration_s)

    return frames


def _called(name: str) -> str:
    """What messages call a file: as its sender does, on one line."""
    return shown(PurePosixPath(name[-LONGEST_NAME:].replace("\\", "/")).name) or "file"


def _read(
    raw: bytes,
    form: str,
    room: Dataset,
    author: Author | None,
    name: str,
    time_maps: Mapping[str, Mapping[str, Any]] | None = None,
) -> Imported:
    frames = _frames(time_maps or {})
    try:
        return import_bytes(raw, form, room, name=_called(name), author=author, frames=frames, limit=LARGEST_FILE)
    except RoomError:
        raise
    except UnreadError as error:
        refused = InputError(str(error), code=f"file_{error.code}", params=error.facts)
        raise InputError(str(error), field="file", code="import_refused", params={"why": refused}) from error
    except SimingError as error:
        why = str(error)[:2000]
        raise InputError(why, field="file", code="import_unread", params={"why": why}) from error
