"""A whole dataset in one zip file, and back."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import yaml

from siming.errors import DatasetError, SimingError
from siming.exchange.archive import Archive, fixed_info, packed
from siming.exchange.collect import Collector
from siming.exchange.escape import file_word
from siming.exchange.selection import Selection, select
from siming.rubric import Dataset, load_dataset
from siming.rubric.files import write_whole
from siming.rubric.record import Record

MOST_BYTES = 1 << 40
"""What an archive may unpack to unless the caller says otherwise: room for recordings."""
_MOST_BYTES_OF_SHEETS = 256 << 20
"""Likewise where only its sheets are wanted."""
_MOST_FILES = 200_000


def write_siming(selection: Selection) -> dict[str, bytes]:
    """The dataset's files without videos, as one archive."""
    return {f"{selection.stem}.siming.zip": packed(_parts(selection))}


def write_archive(dataset: Dataset, path: Path, *, videos: bool = False) -> None:
    """Write a dataset as a zip file: the same bytes each time, whole or not at all.

    Every rubric goes along, those that come with siming too, so that the archive means the same in ten years.

    Args:
        videos: Put the recordings in as well; they show people, so this is asked for and not the default.

    Raises:
        DatasetError: a video that is to go along is missing.
    """
    parts = _parts(select(dataset))
    recordings = {a.video.path: dataset.video_path(a) for a in dataset.attempts if videos and a.video is not None}

    def fill(part: Path) -> None:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for name in sorted({*parts, *recordings}):
                info = fixed_info(name)
                if name in parts:
                    archive.writestr(info, parts[name])
                    continue
                info.compress_type = zipfile.ZIP_STORED  # a recording is compressed already
                info.file_size = recordings[name].stat().st_size
                with recordings[name].open("rb") as source, archive.open(info, "w") as target:
                    shutil.copyfileobj(source, target, 1 << 20)

    write_whole(path, fill)


def _parts(selection: Selection) -> dict[str, bytes]:
    dataset = selection.dataset
    files = {}
    names: list[str] = []
    for at, rubric in enumerate(dataset.rubrics.values(), start=1):
        name = f"rubrics/{at}-{file_word(rubric.id, otherwise='rubric')}.yaml"
        names.append(name)
        files[name] = _yaml(rubric.to_plain())
    ids = {attempt.id for attempt in selection.attempts}
    events = [event for event in dataset.events if event.attempt in ids]
    info = dataset.info.model_copy(update={"rubric_files": tuple(names)})
    files["dataset.yaml"] = _yaml(info.to_plain())
    files["attempts.jsonl"] = _lines(selection.attempts)
    files["sheets.jsonl"] = _lines(selection.sheets)
    if events:
        files["events.jsonl"] = _lines(events)
    return files


def _yaml(plain: object) -> bytes:
    text: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=110)
    return text.encode("utf-8")


def _lines(records: Iterable[Record]) -> bytes:
    return "".join(record.to_line() for record in records).encode("utf-8")


def read_archive(path: Path, folder: Path, *, most_bytes: int = MOST_BYTES) -> Dataset:
    """Unpack an archive into a new folder and read the dataset in it.

    Nothing stands in the folder unless all of it was sound: unpacking happens beside it.

    Args:
        folder: Where to; must not exist, or be empty.
        most_bytes: Refuse an archive that unpacks to more.

    Raises:
        DatasetError: the folder is taken, or the archive is damaged, an attack or no dataset.
        SheetError, RubricError, EventError: what `load_dataset` raises.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetError(f"{folder}: exists and is not empty; name a new folder")
    if not Path(path).is_file():
        raise DatasetError(f"{path}: there is no such file; give a dataset's zip file")
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        dataset = _unpack(Path(path), Path(path).name, beside, most_bytes)
        if folder.exists():
            folder.rmdir()
        beside.chmod(0o755)
        beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return replace(dataset, folder=folder)


def _unpack(source: bytes | Path, name: str, folder: Path, most_bytes: int) -> Dataset:
    archive = Archive(source, name, most_bytes=most_bytes, most_files=_MOST_FILES)
    if "dataset.yaml" not in archive.names:
        raise DatasetError(f"{name}: holds no dataset.yaml at its top; zip the files of the dataset, not their folder")
    for member in archive.names:
        target = folder / member
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as stream:
            archive.copy(member, stream)
    try:
        return load_dataset(folder)
    except SimingError as cause:
        raise type(cause)(str(cause).replace(f"{folder}", name)) from cause


def read_siming(raw: bytes, collector: Collector) -> None:
    """Take the sheets out of an archive.

    Raises:
        SheetError: a rubric of another version.
        DatasetError: as `read_archive`.
    """
    with tempfile.TemporaryDirectory() as place:
        dataset = _unpack(raw, collector.name, Path(place), _MOST_BYTES_OF_SHEETS)
    for sheet in dataset.sheets:
        collector.take(sheet, f"{collector.name} sheet of {sheet.author.name!r} for {sheet.attempt}")
