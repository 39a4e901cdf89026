"""Reading what people type: choices with advice, params, events from a file or standard input."""

from __future__ import annotations

import difflib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from siming.errors import EventError, TaskError

if TYPE_CHECKING:
    from siming.rubric import Event, Language


def choice(option: str, value: str, allowed: Sequence[str]) -> str:
    """One of some words.

    Raises:
        TaskError: another word, with the nearest one as advice.
    """
    if value in allowed:
        return value
    near = difflib.get_close_matches(value, allowed, n=1, cutoff=0.4)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    raise TaskError(f"{option} {value!r} is not one of {', '.join(allowed)}{hint}")


def language(value: str) -> Language:
    """``en`` or ``zh``."""
    return "zh" if choice("--lang", value, ("en", "zh")) == "zh" else "en"


def params(pairs: Sequence[str]) -> dict[str, bool | int | float | str]:
    """``--param NAME=VALUE`` pairs; values as YAML reads them.

    Raises:
        TaskError: a pair without ``=``, or a value that is no plain number, word or yes/no.
    """
    out: dict[str, bool | int | float | str] = {}
    for name, text in _pairs("--param", pairs, example="cycles_required=5").items():
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            value = None
        if not isinstance(value, bool | int | float | str):
            raise TaskError(f"--param {name}={text} gives no plain value; write for example --param cycles_required=5")
        out[name] = value
    return out


def options(pairs: Sequence[str]) -> dict[str, str]:
    """``--option NAME=VALUE`` pairs, as typed; the backend reads the values.

    Raises:
        TaskError: a pair without ``=``.
    """
    return _pairs("--option", pairs, example="temperature=0.2")


def _pairs(option: str, pairs: Sequence[str], *, example: str) -> dict[str, str]:
    out = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise TaskError(f"{option} {pair!r} is not NAME=VALUE; write for example {option} {example}")
        out[name.strip()] = text.strip()
    return out


def read_events(path: Path) -> list[list[Event]]:
    """Events of a JSON Lines file (``-``: standard input), one list per attempt in order of appearance.

    Raises:
        EventError: a broken line, or no events at all.
    """
    from siming.rubric import Event, read_lines

    if str(path) == "-":
        # As bytes: what is no UTF-8 is then refused with its line, like that of a file.
        with tempfile.NamedTemporaryFile(suffix=".jsonl") as copy:
            copy.write(sys.stdin.buffer.read())
            copy.flush()
            try:
                events = read_lines(Path(copy.name), Event, error=EventError)
            except EventError as error:
                raise EventError(str(error).replace(copy.name, "standard input")) from error
    else:
        events = read_lines(path, Event, error=EventError)
    if not events:
        where = "standard input" if str(path) == "-" else path
        raise EventError(f"{where}: holds no events; one JSON object per line is wanted")
    groups: dict[str, list[Event]] = {}
    for event in events:
        groups.setdefault(event.attempt, []).append(event)
    return list(groups.values())
