"""A judge's folder: a run about pairs of texts. `run.yaml` names judge, options, mode and wording; `requests.jsonl` holds
what was asked, `predictions.jsonl` the reply to each pair, `failures.jsonl` every call that brought no grades."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from siming.bench.folder import RunInfo, load_run_info
from siming.bench.medvid.judge.prompt import SETTING, Mode, codes_of, key_in
from siming.bench.medvid.judge.reply import read_grades
from siming.bench.medvid.official.captions import Grades
from siming.bench.prediction import Prediction
from siming.bench.request import Request
from siming.errors import ReplyError, RunError
from siming.rubric.files import read_lines
from siming.rubric.record import Record

FailureKind = Literal["busy", "failed", "unreadable", "refused"]
"""busy: the server wanted a pause. failed: no reply came. unreadable: a reply without five grades. refused: it declined."""

REPLIED = ("ok", "truncated")


class Failure(Record):
    """A call that brought no grades."""

    SCHEMA: ClassVar[str] = "siming.judge-failure/1"

    request: str
    kind: FailureKind
    why: str
    text: str | None = None
    """The reply, where there was one."""


@dataclass(frozen=True)
class Judged:
    """What a judge's folder holds."""

    folder: Path
    info: RunInfo
    mode: Mode
    grades: Mapping[str, Grades]
    """By the key of the pair; pairs whose calls all failed have none."""
    videos: Mapping[str, str]
    """Every pair that was to be judged, with its recording."""
    tasks: Mapping[str, str]

    @property
    def name(self) -> str:
        """What the judge is called."""
        return self.info.model or self.folder.name


def load_grades(folder: Path | str, *, mode: Mode = "quality") -> dict[str, Grades]:
    """The grades by `JudgedPair.key`, read from the replies as they were kept.

    Raises:
        RunError: No folder of a judge, one of the other mode, or a broken file.
    """
    folder = Path(folder)
    found = mode_of(load_info(folder), folder)
    if found != mode:
        raise RunError(
            f"{folder}: holds {found} grades, wanted {mode} ones: they answer another question; judge again with "
            f"--mode {mode} into a folder of its own"
        )
    return _grades(folder, found)


def load_judged(folder: Path | str) -> Judged:
    """A judge's folder whole, for comparing judges. Errors as in `load_grades`."""
    folder = Path(folder)
    info = load_info(folder)
    mode = mode_of(info, folder)
    requests = read_lines(folder / "requests.jsonl", Request, error=RunError)
    return Judged(
        folder,
        info,
        mode,
        _grades(folder, mode),
        {key_in(request.id): request.attempt for request in requests},
        {key_in(request.id): request.id.partition("/")[0] for request in requests},
    )


def load_info(folder: Path) -> RunInfo:
    """The folder's `run.yaml`.

    Raises:
        RunError: There is none.
    """
    if not (folder / "run.yaml").exists():
        raise RunError(f"{folder}: no judge has written here (it has no run.yaml); run `siming medvid judge` first")
    return load_run_info(folder)


def mode_of(info: RunInfo, folder: Path) -> Mode:
    """What the judge was asked.

    Raises:
        RunError: The folder is a run of another kind.
    """
    for mode, setting in SETTING.items():
        if info.setting == setting:
            return mode
    raise RunError(f"{folder}: is a run of {info.setting!r} and not of a judge; name what `siming medvid judge` wrote")


def count_failures(folder: Path) -> dict[str, int]:
    """Calls that brought no grades by kind, over all sittings."""
    path = folder / "failures.jsonl"
    lines = read_lines(path, Failure, error=RunError, allow_torn_end=True) if path.exists() else []
    return dict(Counter(line.kind for line in lines))


def _grades(folder: Path, mode: Mode) -> dict[str, Grades]:
    path = folder / "predictions.jsonl"
    lines = read_lines(path, Prediction, error=RunError, allow_torn_end=True) if path.exists() else []
    out: dict[str, Grades] = {}
    for line in lines:
        if line.status in REPLIED and key_in(line.request) not in out:
            try:
                out[key_in(line.request)] = read_grades(
                    line.text or "", codes_of(mode), truncated=line.status == "truncated"
                )
            except ReplyError:
                continue  # kept by hand or by an older reader: no grades, and never a guess
    return out
