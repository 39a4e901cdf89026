"""Marks from spreadsheets: cells from the file (`table_*`), what the headings say (`header`, `headings`, `layout`),
what the rows say (`mark_*`), and the result (`marks`). `read.py` puts them together."""

from siming.rating.spreadsheet.marks import TOTAL, Beside, Marks
from siming.rating.spreadsheet.read import read_marks
from siming.rating.spreadsheet.refusal import UnreadError

__all__ = ["TOTAL", "Beside", "Marks", "UnreadError", "read_marks"]
