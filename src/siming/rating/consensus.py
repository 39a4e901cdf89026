"""From two blind sheets to one consensus: compare step by step, adjudicate what differs, keep what is agreed.

Agreed means equal points, to the last fraction, unless a `tolerance` is given; how each author came to them (which
deductions, which evidence) may differ. A step that either author left blank is never agreed and never zero: it goes to
adjudication. The one exception is a step that both call not applicable.

Within a tolerance the consensus holds the entry with the fewer points, whoever gave it. A mean would be points that
nobody gave and no deduction explains; the fewer points come with the fault that somebody saw.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from siming.errors import SheetError
from siming.metrics import METRICS, Measured
from siming.rubric import Author, Entry, Language, Rubric, Sheet, check_sheet
from siming.rubric.labels import exact


@dataclass(frozen=True, slots=True)
class Dispute:
    """A step that two sheets do not agree on."""

    attempt: str
    rubric: str
    step: str
    kind: Literal["points", "blank", "reopened"]
    """points: both judged, differently. blank: at least one could not judge, or called it not applicable. reopened:
    agreed by the points, and sent to adjudication all the same."""
    first: Entry
    second: Entry


Decision = float | Entry
"""What the adjudicator settles on: points, or a whole entry (so that he, too, may say cannot_judge)."""

Resolve = Mapping[str, Decision] | Callable[[Dispute], Decision | None]
"""Decisions by step id, or a rule that makes them."""


def disputes(
    first: Sheet, second: Sheet, rubric: Rubric, *, tolerance: float = 0, also: Collection[str] = ()
) -> list[Dispute]:
    """The steps that go to adjudication, in the rubric's order; the same whoever is named first.

    Args:
        tolerance: Points by which two entries may differ and still agree.
        also: Steps that go there although they agree, such as one that an adjudicator reopened.

    Raises:
        SheetError: sheets of different attempts, one author twice, a sheet that does not fit the rubric, a tolerance
            below 0, or a step in `also` that the rubric does not have.
    """
    _check_pair(first, second, rubric)
    if not tolerance >= 0:
        raise SheetError(f"a tolerance of {tolerance} points cannot be; give 0 or more")
    strange = [step for step in also if rubric.find_step(step) is None]
    if strange:
        raise SheetError(f"step {strange[0]!r} cannot be reopened: rubric {rubric.id} has no such step")
    found = []
    for step in rubric.steps:
        one, other = first.steps[step.id], second.steps[step.id]
        agreed = _agreed(one, other, tolerance)
        if agreed and step.id not in also:
            continue
        blank = one.points is None or other.points is None
        kind: Literal["points", "blank", "reopened"] = "reopened" if agreed else "blank" if blank else "points"
        found.append(Dispute(first.attempt, rubric.id, step.id, kind, one, other))
    return found


def consensus(
    first: Sheet,
    second: Sheet,
    resolve: Resolve,
    rubric: Rubric,
    *,
    name: str = "consensus",
    submitted_at: str | None = None,
    tolerance: float = 0,
    also: Collection[str] = (),
) -> Sheet:
    """The consensus sheet of one attempt and rubric.

    A step with equal points keeps them, the deductions that both authors took, and the evidence of both. One that
    agrees only within the tolerance holds the fewer points with their deductions, and the evidence of both. A disputed
    step holds what the adjudicator decided.

    Args:
        tolerance, also: As in `disputes`.

    Raises:
        SheetError: a disputed step without a decision, a decision nobody asked for, or points over a maximum.
    """
    found = disputes(first, second, rubric, tolerance=tolerance, also=also)
    open_steps = {dispute.step: dispute for dispute in found}
    place = f"consensus of attempt {first.attempt}, rubric {rubric.id}"
    if isinstance(resolve, Mapping):
        strange = [step for step in resolve if step not in open_steps]
        if strange:
            raise SheetError(
                f"{place}: there is a decision for step {strange[0]!r}, which is not in dispute "
                f"(in dispute: {', '.join(open_steps) or 'none'}); take it out"
            )
    decided: dict[str, Entry] = {}
    for step_id, dispute in open_steps.items():
        decision = resolve.get(step_id) if isinstance(resolve, Mapping) else resolve(dispute)
        if decision is not None:
            decided[step_id] = _entry_of(decision, f"{place}, step {step_id}")
    undecided = [step_id for step_id in open_steps if step_id not in decided]
    if undecided:
        raise SheetError(
            f"{place}: steps {', '.join(undecided)} are in dispute and not decided; "
            "give points for each, or an entry cannot_judge with a reason"
        )
    sheet = Sheet(
        attempt=first.attempt,
        rubric=rubric.id,
        rubric_version=rubric.version,
        author=Author(kind="consensus", name=name),
        steps={
            step.id: decided[step.id] if step.id in decided else _joined(first.steps[step.id], second.steps[step.id])
            for step in rubric.steps
        },
        submitted_at=submitted_at,
    )
    check_sheet(sheet, rubric, where=place)
    return sheet


def adjudication_rate(pairs: Iterable[tuple[Sheet, Sheet]], rubrics: Mapping[str, Rubric]) -> Measured:
    """Share of steps that two blind sheets leave to adjudication, with an interval clustered by attempt.

    Args:
        pairs: The two sheets of each attempt and rubric.
        rubrics: Rubrics by id.
    """
    disputed: list[int] = []
    attempts: list[str] = []
    for first, second in pairs:
        rubric = rubrics[first.rubric]
        open_steps = {dispute.step for dispute in disputes(first, second, rubric)}
        disputed += [int(step.id in open_steps) for step in rubric.steps]
        attempts += [first.attempt] * len(rubric.steps)
    if not disputed:
        return Measured(None, 0, 0, reason="no pairs: nobody rated an attempt twice")
    # A share of yes among yes and no is what this metric is, whatever the question.
    return METRICS["reference_prevalence"].function(disputed, disputed, cluster=attempts)


def _entry_of(decision: Decision, place: str) -> Entry:
    if isinstance(decision, Entry):
        return decision
    try:
        return Entry(points=decision)
    except ValidationError as error:
        raise SheetError(f"{place}: {decision} are no points; decide on a number from 0 up") from error


def _agreed(one: Entry, other: Entry, tolerance: float = 0) -> bool:
    if one.points is not None and other.points is not None:
        return abs(exact(one.points) - exact(other.points)) <= exact(tolerance)
    return one.status == other.status == "not_applicable"


def _joined(one: Entry, other: Entry) -> Entry:
    evidence = tuple(sorted({*one.evidence, *other.evidence}))
    if one.points is None:
        return Entry(status="not_applicable", reason=one.reason or other.reason, evidence=evidence)
    if other.points is not None and exact(one.points) != exact(other.points):
        lower = min(one, other, key=lambda entry: entry.points or 0)
        return Entry(
            points=lower.points,
            deductions=lower.deductions,
            void=lower.void,
            evidence=evidence,
            reasons=lower.reasons,
        )
    return Entry(
        points=one.points,
        deductions=tuple(sorted({*one.deductions} & {*other.deductions})),
        void=one.void and other.void,
        evidence=evidence,
        reasons=_reasons(one, other),
    )


def _reasons(one: Entry, other: Entry) -> Mapping[Language, tuple[str, ...]] | None:
    given = [entry.reasons for entry in (one, other) if entry.reasons]
    languages: tuple[Language, ...] = ("en", "zh")
    joined = {
        language: tuple(dict.fromkeys(text for reasons in given for text in reasons.get(language, ())))
        for language in languages
    }
    return joined if given else None


def _check_pair(first: Sheet, second: Sheet, rubric: Rubric) -> None:
    if first.attempt != second.attempt:
        raise SheetError(
            f"a consensus joins two sheets of one attempt, found {first.attempt} and {second.attempt}; "
            "pair the sheets by attempt and rubric"
        )
    if first.author == second.author:
        raise SheetError(
            f"both sheets of attempt {first.attempt} are by {first.author.kind} {first.author.name!r}; "
            "a consensus needs two authors"
        )
    for sheet in (first, second):
        check_sheet(sheet, rubric)
        silent = [
            step_id for step_id, entry in sheet.steps.items() if entry.status == "judged" and entry.points is None
        ]
        if silent:
            raise SheetError(
                f"sheet of {sheet.author.name!r} for attempt {sheet.attempt} says only right or wrong for "
                f"step {silent[0]!r}; a consensus of points needs points"
            )
