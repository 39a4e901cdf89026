"""Two locked sheets, held against each other step by step: a pure function of both and of the project's policy.

What goes to adjudication is what `rating.disputes` says, and besides every step that only one of the two called
critically wrong: equal points do not make those two judgements one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from siming.rating import disputes
from siming.rubric import Entry, Rubric, Sheet, Step
from siming.rubric.labels import exact, label_of_entry

Kind = Literal["exact", "evidence_disjoint", "within_tolerance", "discrepant", "blank", "critical_mismatch"]
"""How two entries of one step stand to each other, from the best to the gravest.

exact: equal points (or both say not applicable). evidence_disjoint: equal points, and both point at the video, at
different moments. within_tolerance: points differ by no more than the policy allows. discrepant: they differ by more.
blank: at least one could not judge. critical_mismatch: only one took a critical deduction, or a state that later steps
need is failed to one and not to the other.
"""
KINDS: tuple[Kind, ...] = get_args(Kind)

OPEN: frozenset[Kind] = frozenset({"discrepant", "blank", "critical_mismatch"})
"""Kinds that go to adjudication."""

LETTERS: Mapping[Kind, str] = {
    "exact": "e",
    "evidence_disjoint": "j",
    "within_tolerance": "w",
    "discrepant": "d",
    "blank": "b",
    "critical_mismatch": "c",
}
"""One letter a kind, for the table that keeps comparisons."""
KIND_OF_LETTER: Mapping[str, Kind] = {letter: kind for kind, letter in LETTERS.items()}


@dataclass(frozen=True, slots=True)
class Cell:
    """One step of one attempt in the eyes of two raters."""

    rubric: str
    step: str
    kind: Kind
    first: Entry
    second: Entry

    @property
    def is_open(self) -> bool:
        """Whether somebody must decide."""
        return self.kind in OPEN


def compare(first: Sheet, second: Sheet, rubric: Rubric, *, tolerance: float = 0) -> tuple[Cell, ...]:
    """Every step of the rubric, in its order; the same kinds whoever is named first.

    Raises:
        SheetError: sheets that cannot be compared: other attempts, one author twice, another version of the rubric.
    """
    disputed = {dispute.step: dispute.kind for dispute in disputes(first, second, rubric, tolerance=tolerance)}
    return tuple(
        Cell(
            rubric.id,
            step.id,
            _kind(first.steps[step.id], second.steps[step.id], step, rubric, disputed.get(step.id)),
            first.steps[step.id],
            second.steps[step.id],
        )
        for step in rubric.steps
    )


def also_open(cells: Sequence[Cell]) -> list[str]:
    """Steps that go to adjudication although their points agree within the tolerance (for `rating.consensus`)."""
    return [cell.step for cell in cells if cell.kind == "critical_mismatch"]


def is_state_critical(step: Step, rubric: Rubric) -> bool:
    """Whether another step needs a state that this one sets up: failing here reaches beyond the step."""
    set_up = {change.state for change in step.establishes}
    return any(need.state in set_up for other in rubric.steps if other.id != step.id for need in other.requires)


def _kind(one: Entry, other: Entry, step: Step, rubric: Rubric, disputed: str | None) -> Kind:
    if disputed == "blank":
        return "blank"
    if one.points is None or other.points is None:
        return "exact"  # both not applicable: all other blanks are disputed
    if _took_critical(one, step) != _took_critical(other, step):
        return "critical_mismatch"
    if disputed is not None:
        failed = [label_of_entry(entry, step, rubric.ordinal_map) == 0 for entry in (one, other)]
        return "critical_mismatch" if failed[0] != failed[1] and is_state_critical(step, rubric) else "discrepant"
    if exact(one.points) != exact(other.points):
        return "within_tolerance"
    return "evidence_disjoint" if _apart(one, other) else "exact"


def _took_critical(entry: Entry, step: Step) -> bool:
    return any(d.id in entry.deductions and d.severity == "critical" for d in step.deductions)


def _apart(one: Entry, other: Entry) -> bool:
    """Whether both point at the video and no moment is in both."""
    if not one.evidence or not other.evidence:
        return False
    return all(end < start or stop < begin for begin, end in one.evidence for start, stop in other.evidence)
