"""The folder that holds the recordings: originals apart from derivatives, named by their content alone.

    uploads/<upload id>.part              being received
    originals/sha256/ab/cd/<sha256>       0600, in folders 0700; read only by who may see originals
    derivatives/sha256/ab/cd/<sha256>     what raters are shown
    previews/sha256/ab/cd/<sha256>        pictures for the coordinator who releases a derivative

A client's file name is never part of a path, and files with the same bytes are one file.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Literal

from siming.errors import ConflictError, StoreError

Shelf = Literal["originals", "derivatives", "previews"]

KEPT: Final = re.compile(r"(originals|derivatives|previews)/sha256/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{64}")
UPLOAD: Final = re.compile(r"up_[0-9a-z]{12}")
BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class MediaFolder:
    """Where the recordings lie."""

    root: Path

    def __post_init__(self) -> None:
        for name in ("", "uploads", "originals", "derivatives", "previews"):
            folder = self.root / name
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if name:
                folder.chmod(0o700)  # an older folder, or a generous umask

    # --- kept files ---

    def path_of(self, kept: str) -> Path:
        """Where a file named in the database lies.

        Raises:
            StoreError: The name is not one that this folder gives out.
        """
        if not KEPT.fullmatch(kept):
            raise StoreError(f"{kept!r} is no path of the media folder; restore the last backup", kind="damaged")
        return self.root / kept

    def keep(self, source: Path, shelf: Shelf, *, sha256: str | None = None) -> tuple[str, str, int]:
        """Give a finished file its place, durably. A file with the same bytes that is there already stays.

        Args:
            source: A file on the same disk. It stays where it is, as a second name of the same bytes, so that whoever
                is cut off before he has written the place down can begin again.
            sha256: Of its bytes, where the caller has just worked it out.

        Returns:
            Its name for the database, its sha256 and its size.
        """
        size = source.stat().st_size
        sha256 = sha256 or sha256_of(source)
        name = f"{shelf}/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"
        place = self.path_of(name)
        with as_store_error(place):
            for folder in reversed(place.parents[:3]):
                folder.mkdir(exist_ok=True, mode=0o700)
            if not (place.is_file() and place.stat().st_size == size):
                source.chmod(0o600)
                with source.open("rb") as file:
                    os.fsync(file.fileno())
                _second_name(source, place)
                for folder in place.parents[:3]:
                    _sync_folder(folder)
        return name, sha256, size

    def remove(self, kept: str) -> bool:
        """Take a file away, durably; whether there was one."""
        place = self.path_of(kept)
        with as_store_error(place):
            if not place.is_file():
                return False
            place.unlink()
            _sync_folder(place.parent)
        return True

    # --- uploads ---

    def part_of(self, upload_id: str) -> Path:
        """Where an upload is being received."""
        if not UPLOAD.fullmatch(upload_id):
            raise StoreError(f"{upload_id!r} is no upload", kind="damaged")
        return self.root / "uploads" / f"{upload_id}.part"

    def open_part(self, upload_id: str, *, at: int) -> BinaryIO:
        """The part file, open for writing at an offset; nobody else can open it until it is closed.

        Raises:
            ConflictError: ``leased``: somebody else is writing; ``state``: the bytes before the offset are gone.
            StoreError: ``full`` or ``read_only``.
        """
        path = self.part_of(upload_id)
        with as_store_error(path):
            number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            file = os.fdopen(number, "r+b", buffering=0)
            try:
                _lock(file, upload_id)
                if os.fstat(number).st_size < at:
                    raise ConflictError(
                        "what was received of this upload is no longer on the server; begin it anew",
                        kind="state",
                        code="upload_lost",
                    )
                # Bytes beyond what was acknowledged come from a writer that was cut off: they are sent again.
                file.truncate(at)
                file.seek(at)
                if not at:
                    _sync_folder(path.parent)  # or what is acknowledged next could lose its name with the power
            except BaseException:
                file.close()
                raise
            return file

    @contextmanager
    def working(self, upload_id: str) -> Iterator[bool]:
        """Hold the job of an upload; says False where another worker holds it. Let go by a crash, too."""
        path = self.part_of(upload_id).with_suffix(".lock")
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(number, "r+b", buffering=0) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True

    def forget_upload(self, upload_id: str) -> None:
        """Remove whatever was received."""
        for ending in (".part", ".lock"):
            self.part_of(upload_id).with_suffix(ending).unlink(missing_ok=True)

    def parts(self) -> list[str]:
        """Ids of the uploads whose bytes lie here."""
        return sorted(path.stem for path in (self.root / "uploads").glob("up_*.part") if UPLOAD.fullmatch(path.stem))

    def free_bytes(self) -> int:
        """What the disk can still take."""
        return shutil.disk_usage(self.root).free

    @contextmanager
    def workplace(self, upload_id: str) -> Iterator[Path]:
        """An empty folder on the same disk, gone afterwards."""
        folder = self.part_of(upload_id).with_suffix(".work")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def sha256_of(path: Path, *, on_block: Callable[[int], None] | None = None) -> str:
    """SHA-256 of a file, in hexadecimal; tells after each block how many bytes were read."""
    digest, read = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            digest.update(block)
            read += len(block)
            if on_block is not None:
                on_block(read)
    return digest.hexdigest()


def _lock(file: BinaryIO, upload_id: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConflictError(
            f"upload {upload_id} is being written by another window; close that one, or wait until it ends",
            kind="leased",
            code="upload_busy",
        ) from error


def _second_name(source: Path, place: Path) -> None:
    between = place.with_name(f"{place.name}.{os.getpid()}.new")
    between.unlink(missing_ok=True)
    try:
        between.hardlink_to(source)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV):
            raise
        # Some network file systems know one name per file only.
        shutil.copyfile(source, between)
        between.chmod(0o600)
        with between.open("rb") as file:
            os.fsync(file.fileno())
    between.replace(place)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def as_store_error(path: Path) -> Iterator[None]:
    """What the disk says about itself, in siming's words."""
    try:
        yield
    except OSError as error:
        kind = _KINDS.get(error.errno or 0)
        if kind is None:
            raise
        with suppress(IndexError):
            raise StoreError(f"{path.parent}: {_SAID[kind]} ({error.strerror})", kind=kind) from error


_KINDS: Final = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EFBIG: "full",
    errno.EROFS: "read_only",
    errno.EACCES: "read_only",
    errno.EPERM: "read_only",
}
_SAID: Final = {
    "full": "the disk of the media folder is full, nothing more was received; free some space and resume",
    "read_only": "the media folder cannot be written to; give the server's user the right to write",
}
