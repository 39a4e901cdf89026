"""Is a rubric whole? Every name it uses exists, every expression reads, every number can be reached."""

from __future__ import annotations

from siming.errors import RubricError
from siming.rubric.rubric import Rubric, repeated


def check_rubric(rubric: Rubric, *, where: str) -> None:
    """Raise one RubricError that lists everything wrong."""
    complaints: list[str] = []
    for name in repeated(step.id for step in rubric.steps):
        complaints.append(f"step {name} stands twice")
    if complaints:
        raise RubricError(f"{where}: " + "; ".join(complaints))
