"""Writing a dataset of simulated exams: attempts, events, sheets of every kind of author, and videos."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

import yaml

import siming
from siming.errors import DatasetError, TaskError
from siming.rubric import (
    Attempt,
    Dataset,
    DatasetInfo,
    Event,
    RubricRef,
    Sheet,
    VideoRef,
    examine,
    write_dataset,
)
from siming.rubric.files import read_yaml, write_text
from siming.simulate.exam import Exam, simulate_exam
from siming.simulate.faults import builtin_rubrics
from siming.simulate.film import FPS, draw_exam
from siming.simulate.physicians import GLOBAL_RATING_SCALE, OKAFOR, WEI, adjudicate, rate

Progress = Callable[[int, int], None]
"""Called with how many videos are there and how many there will be."""

SITES = ("north", "south")
"""Where simulated exams take place; the place changes nothing in them."""

_SUMS = "SHA256SUMS"
"""Beside the videos: one line per finished video, in the format of the `sha256sum` program."""


def simulate_dataset(
    folder: Path,
    *,
    attempts: int,
    seed: int,
    physicians: int = 2,
    draw: bool = True,
    fps: int = FPS,
    workers: int | None = None,
    on_progress: Progress | None = None,
) -> Dataset:
    """Simulate exams into a folder and return them as a dataset.

    Attempt A-007 depends on the seed and its own id only, so a larger dataset of the same seed begins with the
    same exams. Called again after an interruption it keeps every video that was finished.

    Args:
        folder: New, empty, or begun by an earlier call with the same seed.
        attempts: How many exams.
        physicians: 0, 1 (Wei) or 2 (Wei and Okafor, and the consensus that Lin makes of their sheets).
        draw: Whether to make videos.
        fps: Pictures per second.
        workers: Processes that draw; None takes one per processor. More than one needs the usual
            ``if __name__ == "__main__":`` around a script that calls this.
        on_progress: Told after every video.

    Raises:
        DatasetError: the folder holds something else.
        TaskError: a number outside its range.
    """
    _check(attempts=attempts, physicians=physicians, fps=fps, workers=workers)
    folder = Path(folder)
    made_at_fps = _claim(folder, seed)
    info = _info(seed, fps if draw else made_at_fps)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "dataset.yaml", yaml.safe_dump(info.to_plain(), sort_keys=False, allow_unicode=True))
    exams = [simulate_exam(seed, attempt=f"A-{number:03d}") for number in range(1, attempts + 1)]
    videos: Mapping[str, VideoRef] = {}
    if draw:
        kept = _finished(folder / "videos") if made_at_fps == fps else {}
        videos = _draw_all(folder, exams, seed, kept, fps, workers or os.cpu_count() or 1, on_progress)
    sheets: list[Sheet] = []
    events: list[Event] = []
    finished: list[Attempt] = []
    for exam in exams:
        site = Random(f"{seed}/{exam.attempt.id}/site").choice(SITES)  # noqa: S311 - simulation, no secret
        finished.append(exam.attempt.model_copy(update={"video": videos.get(exam.attempt.id), "site": site}))
        events += exam.events
        sheets += _sheets(exam, seed, physicians)
    rubrics = {rubric.id: rubric for rubric in builtin_rubrics()}
    dataset = Dataset(folder, info, rubrics, finished, sheets, events)
    write_dataset(dataset)
    return dataset


def _check(*, attempts: int, physicians: int, fps: int, workers: int | None) -> None:
    if attempts < 1:
        raise TaskError(f"attempts is {attempts}; a dataset needs at least 1")
    if physicians not in (0, 1, 2):
        raise TaskError(f"physicians is {physicians}; there are two of them, so give 0, 1 or 2")
    if not 1 <= fps <= 60:
        raise TaskError(f"fps is {fps}; give 1 to 60 pictures per second")
    if workers is not None and workers < 1:
        raise TaskError(f"workers is {workers}; give at least 1, or leave it out")


def _info(seed: int, fps: int | None) -> DatasetInfo:
    how: dict[str, Any] = {"siming": siming.__version__, "seed": seed}
    if fps is not None:
        how["fps"] = fps
    plain = {
        "schema": DatasetInfo.SCHEMA,
        "name": f"siming simulated exams, seed {seed}",
        "version": siming.__version__,
        "licence": "CC0-1.0",
        "rubrics": [RubricRef(id=r.id, version=r.version).model_dump() for r in builtin_rubrics()],
        "provenance": f"simulated by siming {siming.__version__} from seed {seed}; no person was recorded or rated",
        "global_rating_scale": list(GLOBAL_RATING_SCALE),
        "simulated": how,
    }
    return DatasetInfo.from_plain(plain)


def _claim(folder: Path, seed: int) -> int | None:
    """See to it that a folder may be written; at which rate its videos, if any, were drawn.

    Raises:
        DatasetError: it holds something that this call did not make.
    """
    if folder.exists() and not folder.is_dir():
        raise DatasetError(f"{folder}: is a file; give the name of a new folder")
    if not folder.exists() or not any(folder.iterdir()):
        return None
    path = folder / "dataset.yaml"
    if not path.exists():
        raise DatasetError(f"{folder}: is not empty and holds no dataset; give a new or an empty folder")
    how = read_yaml(path, error=DatasetError).get("simulated")
    if not isinstance(how, dict) or (how.get("seed"), how.get("siming")) != (seed, siming.__version__):
        found = f"seed {how.get('seed')}, siming {how.get('siming')}" if isinstance(how, dict) else "not simulated"
        raise DatasetError(
            f"{folder}: holds another dataset ({found}; wanted seed {seed}, siming {siming.__version__}); "
            "give another folder, or delete this one"
        )
    fps = how.get("fps")
    return fps if isinstance(fps, int) else None


# ------------------------------------------------------------------ sheets
def _sheets(exam: Exam, seed: int, physicians: int) -> list[Sheet]:
    """The examiner's sheets, the physicians' and the consensus, rubric by rubric."""
    truth = [examine(rubric, exam.events) for rubric in builtin_rubrics()]
    by_author = [[found.sheet() for found in truth]]
    for physician in (WEI, OKAFOR)[:physicians]:
        rng = Random(f"{seed}/{exam.attempt.id}/{physician.name}")  # noqa: S311 - simulation, no secret
        aside = Random(f"{seed}/{exam.attempt.id}/{physician.name}/aside")  # noqa: S311 - simulation, no secret
        by_author.append(rate(physician, truth, exam.segments, rng, aside=aside))
    if physicians == 2:
        by_author.append([adjudicate(*pair) for pair in zip(by_author[1], by_author[2], truth, strict=True)])
    return [sheet for of_rubric in zip(*by_author, strict=True) for sheet in of_rubric]


# ------------------------------------------------------------------ videos
def _draw_all(
    folder: Path,
    exams: Sequence[Exam],
    seed: int,
    kept: Mapping[str, str],
    fps: int,
    workers: int,
    on_progress: Progress | None,
) -> dict[str, VideoRef]:
    place = folder / "videos"
    place.mkdir(exist_ok=True)
    sums = {exam.attempt.id: kept[exam.attempt.id] for exam in exams if exam.attempt.id in kept}
    missing = [exam for exam in exams if exam.attempt.id not in sums]
    _write_sums(place, {**kept, **sums})
    if on_progress:
        on_progress(len(sums), len(exams))
    for attempt_id, sha256 in _drawn(missing, place, seed, fps, min(workers, len(missing))):
        sums[attempt_id] = sha256
        with (place / _SUMS).open("a", encoding="utf-8") as stream:
            stream.write(_sum_line(attempt_id, sha256))
        if on_progress:
            on_progress(len(sums), len(exams))
    # Processes finish in any order; the finished list is in the order of the attempts.
    _write_sums(place, {**kept, **sums})
    return {
        exam.attempt.id: VideoRef(
            path=f"videos/{exam.attempt.id}.mp4", sha256=sums[exam.attempt.id], duration_s=exam.duration_s
        )
        for exam in exams
    }


def _drawn(exams: Sequence[Exam], place: Path, seed: int, fps: int, workers: int) -> Iterable[tuple[str, str]]:
    """(attempt id, sha256) as videos get finished."""
    one = partial(_draw_one, place=place, seed=seed, fps=fps)
    if workers <= 1:
        yield from (one(exam.attempt.id) for exam in exams)
        return
    # Spawned, not forked: the caller may hold threads and decoders that do not survive a fork.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(one, exam.attempt.id) for exam in exams]
        try:
            for done in as_completed(waiting):
                yield done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _draw_one(attempt_id: str, *, place: Path, seed: int, fps: int) -> tuple[str, str]:
    path = place / f"{attempt_id}.mp4"
    draw_exam(simulate_exam(seed, attempt=attempt_id), path, fps=fps)
    return attempt_id, _sha256(path)


def _finished(place: Path) -> dict[str, str]:
    """Attempts whose video was finished and is unharmed, with its sha256."""
    sums = place / _SUMS
    if not sums.exists():
        return {}
    found = {}
    for line in sums.read_text(encoding="utf-8").splitlines():
        sha256, _, name = line.partition("  ")
        path = place / name
        if name.endswith(".mp4") and path.is_file() and _sha256(path) == sha256:
            found[path.stem] = sha256
    return found


def _write_sums(place: Path, sums: Mapping[str, str]) -> None:
    write_text(place / _SUMS, "".join(_sum_line(attempt_id, sums[attempt_id]) for attempt_id in sorted(sums)))


def _sum_line(attempt_id: str, sha256: str) -> str:
    return f"{sha256}  {attempt_id}.mp4\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
