"""Files with sheets that people bring in: read in full or refused, with the reason in words a person can act on."""

from __future__ import annotations

from collections.abc import Sequence

from siming.errors import InputError, RoomError, SimingError
from siming.exchange import Imported, import_bytes
from siming.rubric import Author, Dataset, Sheet

LARGEST_FILE = 32 << 20
"""Bytes of a file with sheets."""

PANEL = Author(kind="consensus", name="panel")


def panel_sheets(raw: bytes, form: str, room: Dataset, *, attempt: str) -> Sequence[Sheet]:
    """The expert panel's sheets of one attempt out of a file.

    A table of an exam office names nobody, or each examiner: the first is taken for the panel's, the second refused,
    because which of them is gold is not for siming to say.

    Raises:
        InputError: the file cannot be read, or holds no sheet of the attempt, or sheets of several authors.
    """
    try:
        found = _read(raw, form, room, None)
    except InputError:
        found = _read(raw, form, room, PANEL)
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
    raw: bytes, form: str, room: Dataset, *, model: str, language: str
) -> tuple[Sequence[Sheet], Sequence[str]]:
    """A model's sheets out of a file, and what was passed over, in words.

    Args:
        model: Its name; empty where the file names it.

    Raises:
        InputError: the file cannot be read, or holds nothing by a model for this project.
    """
    author = Author(kind="model", name=model) if model else None
    found = _read(raw, form, room, author)
    sheets = [sheet for sheet in found.sheets if sheet.author.kind == "model"]
    told = [remark.text(language) for remark in found.warnings]
    if not sheets:
        why = "; ".join(told)[:600] or ("no sheet is by a model" if found.sheets else "no sheets")
        raise InputError(f"nothing in the file is for this project: {why}", code="import_nothing", params={"why": why})
    return sheets, told


def _read(raw: bytes, form: str, room: Dataset, author: Author | None) -> Imported:
    try:
        return import_bytes(raw, form, room, name="file", author=author, limit=LARGEST_FILE)
    except RoomError:
        raise
    except SimingError as error:
        why = str(error)[:2000]
        raise InputError(why, field="file", code="import_unread", params={"why": why}) from error
