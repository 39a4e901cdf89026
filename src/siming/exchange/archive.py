"""Zip files: written the same each time, and read as if an enemy had made them."""

from __future__ import annotations

import io
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO, NoReturn

from siming.errors import DatasetError, SimingError

_DATE = (1980, 1, 1, 0, 0, 0)
"""The first day a zip file can name: no clock, so that the same content gives the same bytes."""
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
_FORBIDDEN = set('<>:"|?*\\/')
_LONGEST_NAME = 240
_PIECE = 1 << 20
_SMALL = 1 << 20
"""Bytes up to which a compression ratio is nobody's concern."""


def packed(parts: Mapping[str, bytes]) -> bytes:
    """A zip file of some parts, sorted by name, without dates or owners."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(parts):
            archive.writestr(fixed_info(name), parts[name])
    return stream.getvalue()


def fixed_info(name: str) -> zipfile.ZipInfo:
    """A member of an archive whose date, owner and rights are always the same."""
    info = zipfile.ZipInfo(name, date_time=_DATE)
    info.create_system = 3
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


class Archive:
    """A stranger's zip file, checked before a byte of it is unpacked, and counted while it is."""

    def __init__(
        self,
        source: bytes | Path,
        name: str,
        *,
        error: type[SimingError] = DatasetError,
        most_files: int = 10_000,
        most_bytes: int = 1 << 30,
        most_ratio: float = 200,
    ) -> None:
        """
        Args:
            source: The file's bytes, or where it is.
            name: What messages call it.
            error: What to raise.
            most_files, most_bytes: Members, and bytes they unpack to, that are accepted.
            most_ratio: How many times its own size the archive may unpack to.

        Raises:
            error: not a zip file; encrypted, linked or doubled members; names that lead out of a folder or clash on
                some file system; more than the limits allow.
        """
        self._name, self._error, self._left = name, error, most_bytes
        try:
            packed_size = len(source) if isinstance(source, bytes) else source.stat().st_size
            self._zip = zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source)
        except (zipfile.BadZipFile, ValueError, struct.error, OverflowError, NotImplementedError, OSError) as cause:
            raise error(f"{name}: is not a zip file, or is damaged ({cause}); export it again") from cause
        infos = self._zip.infolist()
        if len(infos) > most_files:
            self._refuse(f"holds {len(infos):,} files, and {most_files:,} are accepted")
        size = sum(info.file_size for info in infos)
        if size > most_bytes:
            self._refuse(f"unpacks to {size:,} bytes, and {most_bytes:,} are accepted")
        if size > _SMALL and size > most_ratio * packed_size:
            self._refuse(f"unpacks to {size / max(packed_size, 1):,.0f} times its size, which only a zip bomb does")
        if sum(info.compress_size for info in infos) > packed_size:
            self._refuse("holds members that overlap, which only a zip bomb does")
        seen: dict[str, str] = {}
        for info in infos:
            self._check(info, seen)
        self._members = {info.filename: info for info in infos if not info.is_dir()}

    @property
    def names(self) -> list[str]:
        """The files, sorted by name."""
        return sorted(self._members)

    def read(self, member: str) -> bytes:
        """One file's content.

        Raises:
            error: it is damaged, or longer than it says.
        """
        stream = io.BytesIO()
        self.copy(member, stream)
        return stream.getvalue()

    def copy(self, member: str, target: IO[bytes]) -> None:
        """Write one file's content somewhere, a piece at a time.

        Raises:
            error: it is damaged, or longer than it says.
        """
        info = self._members[member]
        size = 0
        try:
            with self._zip.open(info) as stream:
                while piece := stream.read(_PIECE):
                    size += len(piece)
                    self._left -= len(piece)
                    if size > info.file_size or self._left < 0:
                        break
                    target.write(piece)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, struct.error) as cause:
            raise self._error(f"{self._name}: member {member!r} is damaged ({cause}); export it again") from cause
        if size != info.file_size or self._left < 0:
            self._refuse(f"member {member!r} is not as long as it says")

    def _check(self, info: zipfile.ZipInfo, seen: dict[str, str]) -> None:
        name = info.orig_filename
        if info.flag_bits & 0x1:
            self._refuse(f"member {name!r} is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            self._refuse(
                f"member {name!r} is compressed by a method that is not read here; use the usual one (deflate)"
            )
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            self._refuse(f"member {name!r} is a link or a device; only files are accepted")
        bare = name.removesuffix("/")
        pieces = bare.split("/")
        if not bare or len(bare) > _LONGEST_NAME or not all(map(is_file_name, pieces)):
            self._refuse(f"member {name[:120]!r} leads out of the folder, or is no name on every system")
        n_before = len(seen)
        if info.is_dir() and info.file_size:
            self._refuse(f"member {name!r} is a folder with content")
        folders = [f"{parent}/" for parent in PurePosixPath(bare).parents if str(parent) != "."]
        if info.is_dir():
            folders.append(f"{bare}/")
        else:
            first = seen.setdefault(_same(bare), bare)
            if len(seen) == n_before:
                self._refuse(f"members {first!r} and {bare!r} would be one file on some systems")
        for folder in folders:
            first = seen.setdefault(_same(folder[:-1]), folder)
            if first != folder:
                self._refuse(f"members {first!r} and {folder!r} would be one on some systems")

    def _refuse(self, complaint: str) -> NoReturn:
        raise self._error(f"{self._name}: {complaint}; make the archive again from files you trust")


def _same(path: str) -> str:
    """What two paths have in common that some file system takes for one."""
    return unicodedata.normalize("NFC", path).casefold()


def is_file_name(piece: str) -> bool:
    """Whether a text is a plain file name on every system.

    >>> is_file_name("A-031.mp4"), is_file_name(".."), is_file_name("con.txt"), is_file_name("a/b")
    (True, False, False, False)
    """
    return (
        piece not in ("", ".", "..")
        and piece == piece.strip()
        and not piece.endswith(".")
        and piece.split(".", 1)[0].strip().casefold() not in _DEVICES
        and all(c.isprintable() and c not in _FORBIDDEN for c in piece)
    )
