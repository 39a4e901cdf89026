"""Merged ranges of a worksheet, counted before openpyxl builds a cell for each place under them."""

from __future__ import annotations

import re

from siming.errors import SheetError

MOST_MERGED = 200_000
"""Cells under merged ranges; a heading over a whole table has a few hundred."""


def check_merged(content: bytes, name: str) -> None:
    """Refuse a worksheet whose merged ranges would cost its reader its memory.

    Args:
        content: The worksheet's XML.
        name: What messages call the file.

    Raises:
        SheetError: more cells than `MOST_MERGED`, or a range that this simple reading cannot see.
    """
    merged = _merged_cells(content)
    if merged is None or merged > MOST_MERGED:
        raise SheetError(f"{name}: merges cells beyond measure; undo the merging and save it again")


def _merged_cells(content: bytes) -> int | None:
    """Cells under the merged ranges of a worksheet; None where a range is hidden from this simple reading."""
    total = 0
    for tag in re.finditer(rb"<(?:\w{1,40}:)?mergeCell\b([^>]{0,1000})(>?)", content):
        ref = re.search(rb"""ref\s*=\s*["']([A-Za-z0-9$:]{1,60})["']""", tag[1])
        if ref is None or not tag[2]:
            return None
        total += _area(ref[1])
    return total


def _area(ref: bytes) -> int:
    """Cells of a range such as ``A1:C3``."""
    found = re.fullmatch(rb"\$?([A-Za-z]+)\$?(\d+):\$?([A-Za-z]+)\$?(\d+)", ref)
    if found is None:
        return 1
    left, right = (_column(found[at]) for at in (1, 3))
    return (abs(right - left) + 1) * (abs(int(found[4][:9]) - int(found[2][:9])) + 1)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters[:4].upper():
        number = number * 26 + letter - 64
    return number
