"""Tables of board values that people type or copy: CSV, or JSON as a list of objects."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from siming.bench.medvid.columns import COLUMNS
from siming.errors import DatasetError

MOST_BYTES: Final = 10_000_000

_SHORT: Final[Mapping[str, str]] = {
    "cvs": "CVS_acc",
    "nap": "NAP_acc",
    "sa": "SA_acc",
    "stg": "STG_mIoU",
    "tag@0.3": "TAG_mIoU@0.3",
    "tag@.3": "TAG_mIoU@0.3",
    ".3": "TAG_mIoU@0.3",
    "0.3": "TAG_mIoU@0.3",
    "tag@0.5": "TAG_mIoU@0.5",
    "tag@.5": "TAG_mIoU@0.5",
    ".5": "TAG_mIoU@0.5",
    "0.5": "TAG_mIoU@0.5",
    "f1": "DVC_F1",
    "dvc": "DVC_llm",
    "vs": "VS_llm",
    "rc": "RC_llm",
    **{column.key: name for name, column in COLUMNS.items()},
    **{name.lower(): name for name in COLUMNS},
}
"""Headings that are understood, in small letters."""

_NAMES: Final = ("name", "model", "submission", "名称", "模型")
_NOTHING: Final = frozenset({"", "-", "–", "—", "n/a", "na", "null", "none"})


def read_table(path: Path) -> dict[str, dict[str, float | None]]:
    """Row to column to value; an empty cell or a dash is no value.

    Raises:
        DatasetError: No such file, neither CSV nor JSON, no column of names or of values, a cell that is no number,
            a name twice; all cells at fault at once.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DatasetError(f"{path}: is larger than {MOST_BYTES} bytes; a board has few rows")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DatasetError(f"{path}: there is no such file; check its name") from None
    except UnicodeDecodeError as cause:
        raise DatasetError(f"{path}: is no UTF-8 text; save the table as CSV in UTF-8") from cause
    rows = _json_rows(path, text) if text.lstrip().startswith(("[", "{")) else _csv_rows(text)
    return _table(path, rows)


def _json_rows(path: Path, text: str) -> list[Mapping[str, Any]]:
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError) as cause:
        raise DatasetError(f"{path}: is no JSON ({cause}); give a list of objects with name and columns") from cause
    rows = loaded.get("rows") if isinstance(loaded, dict) else loaded
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DatasetError(f"{path}: wanted a list of objects, each with name and columns")
    return [{**row, **row["values"]} if isinstance(row.get("values"), dict) else row for row in rows]


def _csv_rows(text: str) -> list[Mapping[str, Any]]:
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def _table(path: Path, rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    out: dict[str, dict[str, float | None]] = {}
    complaints: list[str] = []
    for number, row in enumerate(rows, start=1):
        cells = {str(key).strip().lower(): value for key, value in row.items() if key is not None}
        name = next((str(cells[key]).strip() for key in _NAMES if cells.get(key)), "")
        if not name:
            complaints.append(f"row {number} has no name; give a column called name")
            continue
        if name in out:
            complaints.append(f"row {number}: {name!r} stands in the table twice")
        found: dict[str, float | None] = {}
        for key, value in cells.items():
            if key in _SHORT:
                try:
                    found[_SHORT[key]] = _number(value)
                except ValueError:
                    complaints.append(f"row {number} ({name}): {key} is {str(value)[:40]!r}, wanted a number or a dash")
        out[name] = found
    if not complaints and not any(found for found in out.values()):
        complaints.append(f"holds no values; give columns such as {', '.join(COLUMNS)}")
    if complaints:
        more = f"; and {len(complaints) - 20} more" if len(complaints) > 20 else ""
        raise DatasetError(f"{path}: " + "; ".join(complaints[:20]) + more)
    return out


def _number(value: Any) -> float | None:
    if value is None or str(value).strip().lower() in _NOTHING:
        return None
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"[-+]?\d*\.?\d+(?:[eE][-+]?\d{1,3})?", text):
        raise ValueError(text)
    return float(text)
