"""A file that is no readable table: why, in English and as plain facts, so that a page can say it in its reader's language."""

from __future__ import annotations

from siming.errors import SheetError


class UnreadError(SheetError):
    """A file cannot be read.

    Args:
        code: Stable, such as ``one_column``.
        facts: What a sentence about it needs; the file's `name` always.
    """

    def __init__(self, message: str, code: str, **facts: object) -> None:
        super().__init__(message)
        self.code = code
        self.facts = facts
