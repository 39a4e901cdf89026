"""JSON Lines and YAML as siming keeps them: read with the place of every mistake, written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import yaml

from siming.errors import DatasetError, SimingError
from siming.rubric.record import Record

R = TypeVar("R", bound=Record)


def read_lines(
    path: Path, kind: type[R], *, error: type[SimingError] = DatasetError, allow_torn_end: bool = False
) -> list[R]:
    """All records of a JSON Lines file.

    Args:
        path: The file.
        kind: The record every line must be.
        error: What to raise.
        allow_torn_end: Leave out a last line that was never finished (no line feed and not valid JSON), as
            a process killed while writing leaves it. Any other bad line is an error.

    Raises:
        error: naming file, line, what was found and the mend.
    """
    return [record for _, record in numbered_lines(path, kind, error=error, allow_torn_end=allow_torn_end)]


def numbered_lines(
    path: Path, kind: type[R], *, error: type[SimingError] = DatasetError, allow_torn_end: bool = False
) -> Iterator[tuple[int, R]]:
    """Like `read_lines`, one at a time and with line numbers from 1."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        raise error(f"{path}: there is no such file; check the folder's name") from None
    except OSError as cause:
        raise error(f"{path}: cannot be read ({cause.strerror})") from cause
    with stream:
        for number, raw in enumerate(stream, start=1):
            if not raw.strip():
                continue
            try:
                plain = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
            except (UnicodeDecodeError, ValueError, RecursionError) as cause:
                if allow_torn_end and not raw.endswith(b"\n"):
                    return
                raise error(
                    f"{path} line {number}: not valid JSON ({cause}); correct the line, or delete it if it is "
                    "the unfinished end of an interrupted write"
                ) from cause
            if b"\\ud" in raw.lower() and not _is_text(plain):
                raise error(
                    f"{path} line {number}: holds half a character (a lone surrogate such as \\ud800), which no text "
                    "file can keep; delete it"
                )
            if not isinstance(plain, dict):
                raise error(f"{path} line {number}: holds {type(plain).__name__}, wanted an object {{...}}")
            try:
                record = kind.from_plain(plain)
            except ValueError as cause:
                raise error(f"{path} line {number}: {cause}") from cause
            yield number, record


def write_lines(path: Path, records: Iterable[Record]) -> None:
    """Write a JSON Lines file whole: a reader sees the old file or the new one, never a part."""
    write_whole(path, lambda stream_path: _dump(stream_path, records))


def _dump(path: Path, records: Iterable[Record]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for record in records:
            stream.write(record.to_line())
        stream.flush()
        os.fsync(stream.fileno())


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a neighbour of `path`, then put it in its place in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    part = Path(name)
    try:
        write(part)
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole, UTF-8."""

    def fill(part: Path) -> None:
        part.write_text(text, encoding="utf-8", newline="\n")

    write_whole(path, fill)


def read_yaml(path: Path, *, error: type[SimingError]) -> dict[str, object]:
    """A YAML document that is one mapping.

    Raises:
        error: missing file, broken YAML (with line and column), or another shape.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise error(f"{path}: there is no such file; check the name") from None
    except IsADirectoryError:
        raise error(f"{path}: is a folder, wanted a YAML file") from None
    except UnicodeDecodeError as cause:
        raise error(f"{path}: is not UTF-8 text ({cause.reason} at byte {cause.start}); save it as UTF-8") from cause
    try:
        plain = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader underneath
    except yaml.YAMLError as cause:
        mark = getattr(cause, "problem_mark", None)
        place = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = getattr(cause, "problem", None) or str(cause)
        raise error(
            f"{path}{place}: broken YAML: {problem}; check indentation, colons and quotes near there"
        ) from cause
    except (ValueError, OverflowError) as cause:
        raise error(f"{path}: a value cannot be read ({cause}); put quotes around it if it is meant as text") from cause
    except RecursionError as cause:
        raise error(f"{path}: nested too deeply to be a document of siming") from cause
    if not isinstance(plain, dict):
        raise error(f"{path}: holds {type(plain).__name__}, wanted a mapping of keys to values")
    return plain


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key given twice (YAML would silently keep the last) and aliases (a way to huge documents)."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.constructor.ConstructorError(None, None, "aliases (*name) are not allowed; write it out", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None,
                    None,
                    f"the key {key!r} is not text (quote words such as on, off, yes, no)",
                    key_node.start_mark,
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice in one mapping; keep one", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _is_text(plain: object) -> bool:
    try:
        json.dumps(plain, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number JSON knows; leave the field out where a value is missing")
