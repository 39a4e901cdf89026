"""Critical view of safety (CVS): three components, each 0, 1 or 2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from siming.bench.medvid.official.row import Row, RowValue

COMPONENTS: Final = ("two_structures", "cystic_plate", "hepatocystic_triangle")
_PATTERNS: Final = {name: re.compile(rf"{name.replace('_', ' ')}:\s*(\d+)") for name in COMPONENTS}


def read_components(answer: str) -> dict[str, int]:
    """Grades by component. Only a colon separates, only a comma parts; a later mention wins.

    >>> read_components("Two structures: 2, Cystic plate = 1, Hepatocystic triangle: 12.5")
    {'two_structures': 2, 'hepatocystic_triangle': 12}
    """
    found: dict[str, int] = {}
    for part in answer.split(","):
        said = part.lower()
        name = next((name for name in COMPONENTS if name.replace("_", " ") in said), None)
        if name and (grade := _PATTERNS[name].search(said)):
            found[name] = int(grade[1])
    return found


def reference_components(row: Row) -> Mapping[str, Any]:
    """Grades of the reference, from its structure or else from its text."""
    first = row.structure[0] if isinstance(row.structure, list) and row.structure else None
    if isinstance(first, Mapping) and isinstance(first.get("cvs_scores"), Mapping):
        return {name: grade for name, grade in first["cvs_scores"].items() if name in COMPONENTS}
    return read_components(row.reference)


def score_row(row: Row) -> RowValue:
    """Which of the components that were read are right; those that were not read are in no denominator."""
    read = read_components(row.answer)
    wanted = reference_components(row)
    correct = {name: int(read[name] == wanted[name]) for name in COMPONENTS if name in read and name in wanted}
    return RowValue(row.position, "cvs_assessment", row.source, True, {"parsed": read, "correct": correct})
