"""Texts that people typed: checked once, at the door."""

from __future__ import annotations

import unicodedata

from siming.errors import InputError


def one_line(value: str, field: str, *, at_most: int = 200, optional: bool = False) -> str:
    """A text of one line: spaces at the ends and double spaces taken out, in Unicode's composed form.

    Raises:
        InputError: empty, too long, or with characters that cannot be kept or seen.
    """
    text = " ".join(unicodedata.normalize("NFC", _storable(value, field)).split())
    hidden = [c for c in text if unicodedata.category(c) == "Cc" or c in _TURNING]
    if hidden:
        raise InputError(
            f"{field} holds a character that cannot be seen (U+{ord(hidden[0]):04X}); type the text anew",
            field=field,
            code="text_hidden_character",
            params={"character": f"U+{ord(hidden[0]):04X}"},
        )
    return _sized(text, field, at_most=at_most, optional=optional)


def free_text(value: str, field: str, *, at_most: int = 4000, optional: bool = True) -> str:
    """A text of any number of lines, as typed but for its ends and its line breaks.

    Raises:
        InputError: empty where one is wanted, too long, or with characters that cannot be kept.
    """
    text = _storable(value, field).replace("\r\n", "\n").replace("\r", "\n").strip()
    return _sized(text, field, at_most=at_most, optional=optional)


def _storable(value: str, field: str) -> str:
    if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise InputError(
            f"{field} holds a character that no database can keep (NUL or half a character); type the text anew",
            field=field,
            code="text_unstorable",
        )
    return value


def _sized(text: str, field: str, *, at_most: int, optional: bool) -> str:
    if not text and not optional:
        raise InputError(f"{field} is empty; fill it in", field=field, code="text_missing")
    if len(text) > at_most:
        raise InputError(
            f"{field} has {len(text)} characters, at most {at_most} are kept; shorten it",
            field=field,
            code="text_too_long",
            params={"n": len(text), "at_most": at_most},
        )
    return text


_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\ufeff")
"""Marks that turn the direction of writing: a name could look like another one."""
