"""Forms as they come: fields that may be missing, chosen more than once, or a file."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from siming.errors import InputError


class Sent:
    """What a form sent."""

    def __init__(self, data: FormData) -> None:
        self._data = data

    def text(self, name: str) -> str:
        """A field's text; empty when it was not sent."""
        value = self._data.get(name)
        return value if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """Everything chosen under one name."""
        return [value for value in self._data.getlist(name) if isinstance(value, str)]

    def ticked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return bool(self.text(name))

    def lines(self, name: str) -> list[str]:
        """The lines of a field that are not empty."""
        return [line.strip() for line in self.text(name).splitlines() if line.strip()]

    def number(self, name: str) -> float | None:
        """A field's number; None when it is empty.

        Raises:
            InputError: it is something else.
        """
        return number(self.text(name), name)

    def file(self, name: str) -> bytes:
        """The content of a file; empty when none was chosen."""
        value = self._data.get(name)
        return value.file.read() if isinstance(value, UploadFile) else b""

    def file_name(self, name: str) -> str:
        """What the sender calls a file; empty when none was chosen."""
        value = self._data.get(name)
        return (value.filename or "") if isinstance(value, UploadFile) else ""


def number(text: str, name: str) -> float | None:
    """What somebody typed, as a number; None when it is nothing.

    Raises:
        InputError: it is something else.
    """
    text = text.strip().replace(",", ".").replace("−", "-")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e12:
        raise InputError(
            f"{name} is {text[:30]!r}; give a number", field=name, code="number_wanted", params={"text": text[:30]}
        )
    return value


async def _sent(request: Request) -> Sent:
    return Sent(await request.form())


SentForm = Annotated[Sent, Depends(_sent)]
"""For a route's parameter: ``form: SentForm``."""
