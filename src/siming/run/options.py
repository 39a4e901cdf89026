"""Options of a backend, as a user may write them: `name=value` texts or plain values."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from siming.errors import TaskError


class Options(BaseModel):
    """Options that change answers, with their defaults; all of them are written into the run."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _none_in_words(cls, value: object) -> object:
        return None if isinstance(value, str) and value.strip().lower() in ("none", "null") else value

    def room(self, name: str, asked: int | None) -> int:
        """Tokens that an answer may have: as the user said under this name, else as the request asks, else the default."""
        own: int = getattr(self, name)
        return own if asked is None or name in self.model_fields_set else asked

    def otherwise(self, name: str, asked: int | None) -> dict[str, int]:
        """The limit that an answer had where it was not the option's own, for its prediction."""
        used = self.room(name, asked)
        return {} if used == getattr(self, name) else {name: used}

    def to_plain(self) -> dict[str, Any]:
        """Plain values for run.yaml and the predictions."""
        return self.model_dump(mode="json")


SomeOptions = TypeVar("SomeOptions", bound=Options)


def read_options(kind: type[SomeOptions], given: Mapping[str, Any], *, of: str) -> SomeOptions:
    """The options of one kind of backend.

    Raises:
        TaskError: An unknown name (with the one probably meant) or a value that does not fit.
    """
    for name in given:
        if name not in kind.model_fields:
            near = difflib.get_close_matches(name, kind.model_fields, n=1)
            known = ", ".join(kind.model_fields) or "none"
            advice = f"did you mean '{near[0]}'?" if near else f"it has: {known}"
            raise TaskError(f"{of} has no option {name!r}; {advice}")
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, item['loc']))} = {item['input']!r}: {item['msg']}" for item in error.errors()
        )
        raise TaskError(f"an option of {of} does not fit: {wrong}") from error
