"""Gleser, Cronbach and Rajaratnam 1965: 12 patients, 6 items, 2 judges; golden G12 of the statistics' specification."""

from __future__ import annotations

from pathlib import Path

ROWS = (
    "002120211112", "002120122121", "001133212112", "202122212141", "001220233333", "202120413331",
    "013131342223", "000143342333", "122136132321", "012433223531", "342232453355", "112444334666",
)  # fmt: skip
"""A patient each; columns item 1 judge 1, item 1 judge 2, item 2 judge 1 ..."""


def write_gleser(path: Path, *, without: int = 0) -> Path:
    """The table as a spreadsheet in long form, less its last marks."""
    lines = ["attempt,rater,step,points"]
    for patient, row in enumerate(ROWS, start=1):
        for place, digit in enumerate(row):
            lines.append(f"P{patient:02d},judge{place % 2 + 1},item{place // 2 + 1},{digit}")
    path.write_text("\n".join(lines[: len(lines) - without]) + "\n", encoding="utf-8")
    return path
