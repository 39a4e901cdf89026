"""The two doors: sheets out of a dataset into somebody's format, and back in."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from siming.errors import DatasetError, SheetError, TaskError
from siming.exchange.archive import Archive, is_file_name, packed
from siming.exchange.collect import Collector, Imported, Known, merged
from siming.exchange.formats import FORMATS, Format, get_format
from siming.exchange.frames import FrameTables
from siming.exchange.nothing import NothingToShowError
from siming.exchange.remark import remark
from siming.exchange.selection import select
from siming.rating.source import dataset_of_marks
from siming.rating.spreadsheet import UnreadError, read_marks
from siming.rating.spreadsheet.note import note_in
from siming.rubric import Author, Dataset, Language, Rubric, Sheet
from siming.rubric.files import write_whole

LIMIT_BYTES = 64 << 20
"""The largest file that is read unless the caller says otherwise."""


def export_sheets(
    dataset: Dataset,
    format_id: str,
    target: Path,
    *,
    language: Language = "en",
    attempts: Collection[str] | None = None,
    authors: Collection[Author] | None = None,
) -> list[Path]:
    """Write sheets in a format; the same bytes each time.

    Args:
        target: A folder, in which the files get names of their own; or the file itself, where the format makes one file,
            or where it ends with ``.zip``.
        language: Of headings, captions and descriptions.
        attempts, authors: Only these; all by default.

    Returns:
        The files written.

    Raises:
        TaskError: no such format, or one that cannot be written.
        DatasetError: an attempt or author the dataset does not have, or one file named for several.
        SheetError: a sheet that the format cannot hold.
        MissingExtraError: a package the format needs is not installed.
    """
    target = Path(target)
    wanted = get_format(format_id)
    files = _files(dataset, wanted, language, attempts, authors)
    if target.suffix and not target.is_dir():
        if target.suffix.casefold() == ".zip" and wanted.several:
            files = {target.name: packed(files)}
        elif len(files) == 1:
            files = {target.name: next(iter(files.values()))}
        else:
            raise DatasetError(
                f"{target}: {format_id} makes {len(files)} files of this dataset; name a folder, or a file that ends with .zip"
            )
        target = target.parent
    for name, content in files.items():
        _write(target / name, content)
    return [target / name for name in files]


def export_bytes(
    dataset: Dataset,
    format_id: str,
    *,
    language: Language = "en",
    attempts: Collection[str] | None = None,
    authors: Collection[Author] | None = None,
) -> tuple[str, str, bytes]:
    """Like `export_sheets`, for a web page: file name, media type and content; several files as one zip."""
    wanted = get_format(format_id)
    files = _files(dataset, wanted, language, attempts, authors)
    if len(files) == 1:
        name, content = next(iter(files.items()))
        return name, wanted.media_type, content
    stem = select(dataset).stem
    return f"{stem}.{wanted.id}.zip", "application/zip", packed(files)


def import_sheets(
    path: Path,
    format_id: str,
    into: Dataset | Rubric | Sequence[Rubric],
    *,
    author: Author | None = None,
    frames: FrameTables | None = None,
    limit: int = LIMIT_BYTES,
) -> Imported:
    """Read sheets out of a file, or out of every file of a folder that has the format's ending.

    Args:
        into: What the sheets must belong to. A dataset knows attempts and rubrics; rubrics alone take any attempt.
        author: Whose sheets are wanted: those of others are skipped and counted, those of nobody are taken for his.
        frames: When each picture of an attempt's video is on show, for formats that count pictures; what they hold of
            other attempts is passed over and counted.
        limit: Bytes a file may have.

    Raises:
        TaskError: no such format, or one that cannot be read.
        SheetError, LabelError: what cannot be read, with its place, what was wanted and the mend.
        DatasetError: an archive that is damaged, or an attack.
        MissingExtraError: a package the format needs is not installed.
    """
    path = Path(path)
    wanted = get_format(format_id)
    paths = [path]
    if path.is_dir():
        paths = sorted(each for each in path.iterdir() if each.suffix.casefold() == wanted.suffix and each.is_file())
        if not paths:
            raise SheetError(f"{path}: no file in this folder ends with {wanted.suffix}; name the file")
    return merged(
        import_bytes(_read(each, limit), format_id, into, name=each.name, author=author, frames=frames, limit=limit)
        for each in paths
    )


def import_bytes(
    raw: bytes,
    format_id: str,
    into: Dataset | Rubric | Sequence[Rubric],
    *,
    name: str,
    author: Author | None = None,
    frames: FrameTables | None = None,
    limit: int = LIMIT_BYTES,
) -> Imported:
    """Like `import_sheets`, for an upload. A zip file that `export_bytes` made is read file by file.

    Args:
        name: What messages call the file.
    """
    wanted = get_format(format_id)
    if wanted.read is None:
        readable = ", ".join(each.id for each in FORMATS.values() if each.can_read)
        raise TaskError(f"{format_id} can be written and not read; there are {readable}")
    if len(raw) > limit:
        raise UnreadError(
            f"{name}: has {len(raw):,} bytes, and {limit:,} are read; export fewer attempts at a time",
            "large",
            name=name,
            mib=limit >> 20,
        )
    if not raw.strip():
        raise UnreadError(f"{name}: is empty; check that the export finished", "empty", name=name)
    known = Known(into, frames)
    if wanted.several and raw.startswith(b"PK\x03\x04"):
        archive = Archive(raw, name, error=SheetError, most_bytes=4 * limit)
        members = [member for member in archive.names if member.casefold().endswith(wanted.suffix)]
        if not members:
            raise SheetError(f"{name}: holds no file that ends with {wanted.suffix}; give another file, or its format")
        return merged(_imported(archive.read(each), wanted, known, f"{name}: {each}", author) for each in members)
    return _imported(raw, wanted, known, name, author)


def _imported(raw: bytes, wanted: Format, known: Known, name: str, author: Author | None) -> Imported:
    assert wanted.read is not None
    collector = Collector(known, name, author)
    if wanted.read(raw, collector) is False:
        return _from_marks(raw, wanted, known, name, author)
    return collector.finish()


def _from_marks(raw: bytes, wanted: Format, known: Known, name: str, author: Author | None) -> Imported:
    """A table as exam offices keep it, read as `siming rating agree` reads it."""
    rubrics = list(known.rubrics.values())
    with tempfile.TemporaryDirectory() as folder:
        # Messages of the reader call the file as its own folder does.
        path = Path(folder) / (name if is_file_name(name) else f"table{wanted.suffix}")
        path.write_bytes(raw)
        marks = read_marks(path, rubric=rubrics, rater=None if author is None else author.name)
        source = dataset_of_marks(marks, path, rubrics=rubrics)
    collector = Collector(known, name, author)
    for sheet in source.dataset.sheets:
        collector.take(sheet, f"{name}: {sheet.author.name!r}, attempt {sheet.attempt}")
    found = collector.finish()
    told = tuple(remark("as_is", en=str(note), zh=note_in("zh", note)) for note in source.notes)
    return replace(found, warnings=(remark("office_table"), *told, *found.warnings))


def add_sheets(dataset: Dataset, sheets: Collection[Sheet]) -> Dataset:
    """The dataset with more sheets; write it with `write_dataset`.

    Raises:
        SheetError: one of them is there already. Sheets are never replaced silently.
    """
    have = {(s.attempt, s.rubric, s.author.kind, s.author.name) for s in dataset.sheets}
    for sheet in sheets:
        if (sheet.attempt, sheet.rubric, sheet.author.kind, sheet.author.name) in have:
            raise SheetError(
                f"the dataset has a sheet of {sheet.author.kind} {sheet.author.name!r} for attempt {sheet.attempt} and "
                f"rubric {sheet.rubric} already; take it out of sheets.jsonl first if the new one is to stand"
            )
    return replace(dataset, sheets=[*dataset.sheets, *sheets])


def format_of(path: Path) -> str:
    """The format that a file's ending means.

    Raises:
        TaskError: the ending is no format's, or a folder's.
    """
    for each in FORMATS.values():
        if each.suffix == Path(path).suffix.casefold():
            return each.id
    raise TaskError(f"{path}: its ending names no format; say which with --format, one of {', '.join(FORMATS)}")


def _files(
    dataset: Dataset,
    wanted: Format,
    language: Language,
    attempts: Collection[str] | None,
    authors: Collection[Author] | None,
) -> dict[str, bytes]:
    if wanted.write is None:
        raise TaskError(f"{wanted.id} can be read and not written")
    files = wanted.write(select(dataset, attempts=attempts, authors=authors, language=language))
    if not files:
        raise NothingToShowError(
            f"dataset {dataset.info.name!r} has nothing to show in {wanted.id}; it has no sheets", code="no_sheets"
        )
    return files


def _write(path: Path, content: bytes) -> None:
    def fill(part: Path) -> None:
        part.write_bytes(content)

    write_whole(path, fill)


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(limit + 1)
    except OSError as cause:
        raise SheetError(f"{path}: cannot be read ({cause.strerror}); check the name") from cause
