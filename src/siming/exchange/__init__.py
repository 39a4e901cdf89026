"""Sheets in other people's formats: out of a dataset and back, with what each format keeps and loses said beforehand."""

from siming.exchange.collect import Imported
from siming.exchange.dataset_zip import read_archive, write_archive
from siming.exchange.doors import (
    LIMIT_BYTES,
    add_sheets,
    export_bytes,
    export_sheets,
    format_of,
    import_bytes,
    import_sheets,
)
from siming.exchange.formats import FORMATS, Field, Format, get_format
from siming.exchange.frames import Frames, FrameTables
from siming.exchange.nothing import NothingToShowError
from siming.exchange.remark import Remark

__all__ = [
    "FORMATS",
    "LIMIT_BYTES",
    "Field",
    "Format",
    "FrameTables",
    "Frames",
    "Imported",
    "NothingToShowError",
    "Remark",
    "add_sheets",
    "export_bytes",
    "export_sheets",
    "format_of",
    "get_format",
    "import_bytes",
    "import_sheets",
    "read_archive",
    "write_archive",
]
