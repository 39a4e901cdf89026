"""What the reader of spreadsheets says, in the languages of `rating/texts`."""

from __future__ import annotations

from typing import Any

from siming.rating.texts import texts


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


def _text(language: str, code: str, values: dict[str, Any]) -> str:
    filled = {name: note_in(language, value) if isinstance(value, str) else value for name, value in values.items()}
    sentence: str = texts(language)["reader"][code].format(**filled)
    return sentence
