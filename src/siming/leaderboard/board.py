"""A board is a folder of plain files: what it scores against, and one file per entry.

    board.yaml        name, and the SHA-256 of the references that all entries are scored against
    entries/*.json    what each submission is worth in both modes
    rows/*.json       what each of its rows is worth in strict mode, for comparisons; never shown

Every file is written whole beside its place and put there in one step, so that a process killed at any moment leaves
a board that can be read: an entry is on it or is not.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from siming import __version__
from siming.bench.medvid.columns import COLUMNS
from siming.bench.medvid.score import MODES, Given, MedvidScore, Mode, score_given
from siming.errors import DatasetError, SimingError
from siming.leaderboard.admission import Admission, examine, same_name
from siming.leaderboard.words import said
from siming.rubric.files import read_yaml, write_text

BOARD_SCHEMA: Final = "siming.board/1"
ENTRY_SCHEMA: Final = "siming.board-entry/1"
ROWS_SCHEMA: Final = "siming.board-rows/1"

Kind = Literal["official", "community"]
"""``official``: the maintainers ran the model themselves. ``community``: somebody sent its answers."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One submission on a board."""

    key: str
    """Name of its files."""
    plain: Mapping[str, Any]
    """Everything about it, as it stands in its file."""

    @property
    def name(self) -> str:
        """As it was given: text to be escaped by whoever shows it."""
        return str(self.plain["name"])

    @property
    def kind(self) -> str:
        """``official`` or ``community``."""
        return str(self.plain["board"])

    def value(self, mode: str, column: str) -> float | None:
        """A column in full precision; None where there is none."""
        found = self.plain["modes"][mode]["columns"][column]["value"]
        return None if found is None else float(found)


@dataclass(frozen=True, slots=True)
class Board:
    """A folder that was looked at."""

    folder: Path
    name: str
    truth_sha256: str
    entries: tuple[Entry, ...]
    """By name."""

    def rows_of(self, entry: Entry) -> Mapping[str, Any] | None:
        """What each row of an entry is worth in strict mode; None where the file is not there."""
        path = self.folder / "rows" / f"{entry.plain['submission']['sha256']}.json"
        if not path.is_file():
            return None
        loaded: Mapping[str, Any] = json.loads(path.read_bytes())
        return loaded


class RefusedError(SimingError):
    """A submission is refused; all reasons are told at once."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__(f"refused, for {len(reasons)} reason(s):\n" + "\n".join(f"  - {each}" for each in reasons))
        self.reasons = reasons


def open_board(folder: Path | str) -> Board:
    """A board as it stands now.

    Raises:
        DatasetError: No board there, or a file of it that is not what it must be.
    """
    folder = Path(folder)
    about = read_yaml(folder / "board.yaml", error=DatasetError)
    truth = about.get("truth")
    if about.get("schema") != BOARD_SCHEMA or not isinstance(truth, dict) or not truth.get("sha256"):
        raise DatasetError(f"{folder / 'board.yaml'}: is no {BOARD_SCHEMA}; name a board's folder")
    # Names with a dot are what a killed process left of a file that was never put in its place.
    paths = sorted(path for path in (folder / "entries").glob("*.json") if not path.name.startswith("."))
    entries = sorted((_read_entry(path) for path in paths), key=lambda entry: same_name(entry.name))
    return Board(folder, str(about.get("name") or folder.name), str(truth["sha256"]), tuple(entries))


def add(
    folder: Path | str,
    submission: Path | str,
    truth: Path | str,
    *,
    name: str,
    org: str,
    judged: Path | str | None = None,
    official: bool = False,
    date: datetime.date | None = None,
) -> Entry:
    """Admit a submission, score it in both modes, and put it on a board; the first one begins the board.

    The references are the keeper's: a submission that brings some is refused, and a board scores all its entries
    against one file, known by its digest.

    Args:
        folder: The board's.
        submission, truth, judged: As in `siming.bench.medvid.score.score`.
        official: The maintainers ran the model themselves.
        date: Of the entry; today's by default.

    Raises:
        RefusedError: With all reasons at once.
    """
    folder = Path(folder)
    board = open_board(folder) if (folder / "board.yaml").exists() else None
    kind: Kind = "official" if official else "community"
    entries = [entry for entry in board.entries if entry.kind == kind] if board else []
    found = examine(
        Path(submission),
        Path(truth),
        name=name,
        org=org,
        judged=None if judged is None else Path(judged),
        truth_sha256=board.truth_sha256 if board else None,
        taken={same_name(entry.name): entry.name for entry in entries},
        on_board={entry.plain["submission"]["sha256"]: entry.name for entry in entries},
    )
    if found.reasons or found.given is None:
        raise RefusedError(found.reasons)
    try:
        scores = {mode: score_given(found.given, mode=mode) for mode in MODES}
    except SimingError as error:
        raise RefusedError((str(error),)) from error
    plain = _entry(found, found.given, scores, name=name, org=org, kind=kind, date=date)
    _begin(folder, found.given)
    rows = folder / "rows" / f"{found.given.submission.sha256}.json"
    write_text(rows, json.dumps(_rows(scores["strict"], found.given)) + "\n")
    key = f"{kind}-{hashlib.sha256(same_name(name).encode()).hexdigest()[:16]}"
    _put(folder / "entries" / f"{key}.json", json.dumps(plain, indent=1, allow_nan=False) + "\n", name)
    return Entry(key, plain)


def _entry(
    found: Admission,
    given: Given,
    scores: Mapping[Mode, MedvidScore],
    *,
    name: str,
    org: str,
    kind: Kind,
    date: datetime.date | None,
) -> dict[str, Any]:
    modes = {}
    for mode, score in scores.items():
        plain = score.to_plain_without_rows()
        modes[mode] = {key: plain[key] for key in _KEPT if key in plain}
    lost = scores["leaderboard"].task_errors
    notes = [*found.notes, *(said("note_tasks_lost", task=task, why=why) for task, why in lost.items())]
    return {
        "schema": ENTRY_SCHEMA,
        "siming": __version__,
        "name": name,
        "org": org,
        "date": (date or datetime.date.today()).isoformat(),
        "board": kind,
        "submission": given.submission.to_plain(),
        "truth": given.truth.to_plain(),
        "judged": None if given.judged is None else {"folder": Path(given.judged).name, "by": given.judge},
        "modes": modes,
        "notes": [dict(note) for note in notes],
    }


_KEPT = (
    "columns", "beside", "per_source", "macro", "coverage", "readings", "matched", "stored", "task_errors",
)  # fmt: skip


def _rows(strict: MedvidScore, given: Given) -> dict[str, Any]:
    """What comparisons need: for each column the questions that count and their values, and each question's video."""
    if strict.strict is None:
        raise ValueError("rows are kept of strict mode")
    videos = {row.question.position: row.question.video for row in strict.strict.rows}
    columns: dict[str, Any] = {}
    for name in COLUMNS:
        own = [row for row in strict.strict.rows if name in row.columns]
        if own:
            columns[name] = [[row.question.position for row in own], [row.columns[name] for row in own]]
    return {"schema": ROWS_SCHEMA, "truth": given.truth.sha256, "videos": videos, "columns": columns}


def _begin(folder: Path, given: Given) -> None:
    """Write board.yaml unless it is there; of two who begin at once, one does."""
    path = folder / "board.yaml"
    if path.exists():
        return
    about = {"schema": BOARD_SCHEMA, "name": folder.resolve().name, "truth": given.truth.to_plain()}
    if not _put_new(path, yaml.safe_dump(about, allow_unicode=True, sort_keys=False)):
        found = open_board(folder).truth_sha256
        if found != given.truth.sha256:
            raise RefusedError((f"another board was begun in {folder} at this moment, with other references",))


def _put(path: Path, text: str, name: str) -> None:
    if not _put_new(path, text):
        raise RefusedError((f"the name {name!r} is on the board already; take another, or add a version",))


def _put_new(path: Path, text: str) -> bool:
    """Put a whole file where there is none; False where there is one already, which is left as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    part = Path(temporary)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)
        path.hardlink_to(part)
    except FileExistsError:
        return False
    finally:
        part.unlink(missing_ok=True)
    return True


def _read_entry(path: Path) -> Entry:
    try:
        plain = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as cause:
        raise DatasetError(f"{path}: is no JSON ({cause}); restore it from a copy, or take it away") from cause
    if not isinstance(plain, dict) or plain.get("schema") != ENTRY_SCHEMA:
        raise DatasetError(f"{path}: is no {ENTRY_SCHEMA}; take it away, or use the siming that wrote it")
    return Entry(path.stem, plain)
