"""What every line of a siming file has in common: a schema name, strict values, unknown fields kept."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError


class Record(BaseModel):
    """One line of a JSON Lines file (or one YAML document) that crosses a room's border.

    Frozen once built. Fields siming does not know are kept and written back. The schema name is not a
    field: it belongs to the class, is checked when a record is read and added when it is written.
    """

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False, protected_namespaces=())

    SCHEMA: ClassVar[str] = ""
    """Such as ``siming.sheet/1``."""

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Build from parsed JSON or YAML.

        Raises:
            ValueError: with one sentence that says what is wrong, what was found and the mend.
        """
        found = plain.get("schema")
        if found != cls.SCHEMA:
            raise ValueError(_schema_advice(found, cls.SCHEMA))
        try:
            return cls.model_validate({key: value for key, value in plain.items() if key != "schema"})
        except ValidationError as error:
            raise ValueError(in_one_sentence(error)) from error

    def to_plain(self) -> dict[str, Any]:
        """Plain values, the schema name first, unset optional fields left out."""
        return {"schema": self.SCHEMA, **self.model_dump(mode="json", exclude_none=True, by_alias=True)}

    def to_line(self) -> str:
        """One line of JSON with its line feed; no NaN can occur."""
        return json.dumps(self.to_plain(), ensure_ascii=False, allow_nan=False) + "\n"


class Part(BaseModel):
    """A nested piece of a record."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False, protected_namespaces=())


def _schema_advice(found: object, wanted: str) -> str:
    family, _, major = wanted.partition("/")
    if found is None:
        return f"no schema is named; add 'schema: {wanted}'"
    if isinstance(found, str) and found.startswith(family + "/"):
        number = found.partition("/")[2]
        if number.isdigit() and int(number) > int(major):
            return (
                f"schema {found!r} is newer than this siming reads ({wanted!r}); "
                f"upgrade with: pip install --upgrade siming (the first release that reads {family} {number} will)"
            )
    return f"schema is {found!r}, wanted {wanted!r}; change it, or give the file to the command that reads {found!r}"


def in_one_sentence(error: ValidationError) -> str:
    """All complaints of pydantic about one record as one line: where, what was wanted, what was found."""
    parts = []
    for item in error.errors(include_url=False):
        where = ".".join(str(piece) for piece in item["loc"]) or "the record"
        message = item["msg"].removeprefix("Value error, ")
        found = "" if item["type"] == "missing" else f" (found {_short(item.get('input'))})"
        parts.append(f"{where}: {message}{found}")
    return "; ".join(parts)


def _short(value: object, limit: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
