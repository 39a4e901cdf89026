"""A file that is there whole or not at all: making its rename last, and saying why it could not be written."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from siming.errors import VideoError


def unwritten(target: Path, error: Exception) -> VideoError:
    """Why a file could not be written, in words that help; a want of memory is passed on as such."""
    number = getattr(error, "errno", None)
    if number == errno.ENOMEM:
        raise MemoryError from error
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return VideoError(
            f"{target}: the disk is full, or a file may not grow so large ({error}); make room and ingest again; "
            "nothing was left behind",
            kind="no_space",
        )
    return VideoError(f"{target}: cannot be written ({error}); check the folder and its permissions", kind="missing")


def settle(folder: Path) -> None:
    """Make a rename outlast a power cut."""
    with suppress(OSError):  # some file systems cannot
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
