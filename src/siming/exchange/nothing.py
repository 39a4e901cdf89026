"""Nothing of a dataset fits what a format shows."""

from __future__ import annotations

from siming.errors import DatasetError


class NothingToShowError(DatasetError):
    """An export would be empty.

    Args:
        code: Why, for the sentence a page shows in the reader's language.
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code
