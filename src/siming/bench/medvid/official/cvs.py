"""Critical view of safety (CVS): three components, each 0, 1 or 2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from siming.bench.medvid.official.row import Row, RowValue

COMPONENTS: Final = ("two_structures", "cystic_plate", "hepatocystic_triangle")
_PATTERNS: Final = {
    "two_structures": re.compile(r"two structures?:\s*(\d+)"),
    "cystic_plate": re.compile(r"cystic plate:\s*(\d+)"),
    "hepatocystic_triangle": re.compile(r"hepatocystic triangle:\s*(\d+)"),
}


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
    """Grades of the reference, from its structure or, where that has none, from its text."""
    given = row.first_block().get("cvs_scores", {})
    return {name: grade for name, grade in given.items() if name in COMPONENTS} or read_components(row.reference)


def score_row(row: Row) -> RowValue:
    """Which of the components that were read are right; those that were not read are in no denominator.

    Raises:
        TypeError: A grade of the reference that is no number, because the evaluator adds the grades up.
    """
    row.video_id()
    read = read_components(row.answer)
    wanted = reference_components(row)
    sum(wanted.values())
    correct = {name: int(read[name] == wanted[name]) for name in COMPONENTS if name in read and name in wanted}
    return RowValue(row.position, "cvs_assessment", row.source, True, {"parsed": read, "correct": correct})
