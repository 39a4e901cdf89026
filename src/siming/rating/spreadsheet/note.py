"""What the reader of spreadsheets says, in the languages of `rating/texts`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from siming.rating.texts import reason_in, texts


class Note(str):
    """A sentence, or a part of one: the English text itself, and the others by `text`."""

    _code: str
    _values: dict[str, Any]

    def __new__(cls, code: str, **values: Any) -> Note:
        """The text under a code with its values filled in; values may be notes themselves."""
        note = super().__new__(cls, _text("en", code, values))
        note._code, note._values = code, values
        return note

    def text(self, language: str) -> str:
        """The same in another language."""
        return _text(language, self._code, self._values)


def note_in(language: str, note: str) -> str:
    """A note in a language; one that is plain text stays as it is."""
    return note.text(language) if isinstance(note, Note) else note


def told_in(language: str, note: str) -> str:
    """A note of the reader or of the statistics in a language, where it is known."""
    return note.text(language) if isinstance(note, Note) else reason_in(language, note)


def in_both(notes: Sequence[str]) -> dict[str, list[str]]:
    """The notes of a report as its plain values have them, in English and in Chinese."""
    return {"notes": [*map(str, notes)], "notes_zh": [told_in("zh", note) for note in notes]}


def _text(language: str, code: str, values: dict[str, Any]) -> str:
    filled = {name: note_in(language, value) if isinstance(value, str) else value for name, value in values.items()}
    sentence: str = texts(language)["reader"][code].format(**filled)
    return sentence
