"""Before submission: every step in one table, and what stands in the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from siming.rubric import Language, Rubric, Step
from siming.rubric.labels import exact, label_of_entry
from siming.rubric.points import deduction_points
from siming.store.access import Actor
from siming.store.blind.advice import advice_on
from siming.store.blind.change import Paper
from siming.store.blind.changes import aside_of
from siming.store.blind.desk import Desk, own_desk, refuse_if_shut
from siming.store.blind.draft import Draft, Total, entries_of, is_open, played_share, snapshot_sha256, step_of, totals
from siming.store.database import Database
from siming.store.policy import Policy

Both = Mapping[Language, str]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to look at again. Its sentence is the text ``problem.<code>`` with `params`, unless `text` gives one."""

    code: str
    blocking: bool
    rubric: str | None = None
    step: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    text: Both | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A step as it was entered."""

    rubric: str
    step: str
    order: int
    title: Both
    points: float | None
    max_points: float
    label: int | None
    """0 to 3; None where there are no points."""
    blank: Mapping[str, str] | None
    deductions: tuple[str, ...]
    evidence: tuple[tuple[float, float], ...]
    note: str
    unsure: bool
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """All of a draft, and whether it can be submitted."""

    assignment: str
    attempt_code: str
    state: str
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    """Blocking ones first, then in the order of the steps."""
    totals: Mapping[str, Total]
    played_share: float | None
    policy: Policy
    snapshot_sha256: str
    n_aside: int

    @property
    def unseen_share(self) -> float | None:
        """Share of the video that was not played; None where there is no video."""
        return None if self.played_share is None else 1.0 - self.played_share

    @property
    def ready(self) -> bool:
        """Whether nothing stands in the way of submission."""
        return not any(problem.blocking for problem in self.problems)


def summary(db: Database, actor: Actor, assignment_id: str) -> Summary:
    """One's own draft before submission.

    Raises:
        NotFoundError: there is none of that id for him.
        ConflictError: it is locked and stays closed for now; see `desk.is_shut`.
    """
    with db.read() as c:
        desk = own_desk(c, actor, assignment_id)
        refuse_if_shut(c, desk)
        return summary_of(desk, n_aside=len(aside_of(c, desk.id)))


def summary_of(desk: Desk, *, n_aside: int = 0) -> Summary:
    """The summary of a draft at hand."""
    share = played_share(desk.draft, desk.paper.duration_s)
    problems = [*problems_of(desk.draft, desk.paper, desk.policy, share=share)]
    if n_aside:
        problems.append(Problem("aside_waiting", blocking=False, params={"n": n_aside}))
    rows = [
        _row(desk.draft, rubric, step, [p for p in problems if (p.rubric, p.step) == (rubric.id, step.id)])
        for rubric in desk.paper.rubrics
        for step in rubric.steps
    ]
    return Summary(
        assignment=desk.id,
        attempt_code=desk.attempt_code,
        state=desk.state,
        rows=tuple(rows),
        problems=tuple(sorted(problems, key=lambda p: not p.blocking)),
        totals=totals(desk.draft, desk.paper),
        played_share=share,
        policy=desk.policy,
        snapshot_sha256=snapshot_sha256(desk.draft, desk.paper.rubrics),
        n_aside=n_aside,
    )


def problems_of(draft: Draft, paper: Paper, policy: Policy, *, share: float | None = None) -> list[Problem]:
    """What stands in the way of submitting a draft, then what its rater may want to look at again.

    Args:
        share: Share of the video that was played.
    """
    found: list[Problem] = []
    for rubric in paper.rubrics:
        for step in rubric.steps:
            entered = step_of(draft, rubric.id, step.id)
            found += [
                Problem(code, blocking=True, rubric=rubric.id, step=step.id, params=params)
                for code, params in _in_the_way(step, entered, policy)
            ]
        if policy.global_rating and draft.get("global_rating", {}).get(rubric.id) is None:
            found.append(Problem("global_rating_missing", blocking=True, rubric=rubric.id))
    if policy.unseen_max_share is not None and share is not None and 1.0 - share > policy.unseen_max_share + 1e-9:
        params = {"unseen": _percent(1.0 - share), "allowed": _percent(policy.unseen_max_share)}
        found.append(Problem("unseen", blocking=True, params=params))
    found += [
        Problem("contradiction", blocking=False, rubric=c.rubric, step=c.step, text=c.text)
        for c in advice_on(draft, paper)[1]
    ]
    found += [
        Problem("unsure", blocking=False, rubric=rubric.id, step=step.id)
        for rubric in paper.rubrics
        for step in rubric.steps
        if step_of(draft, rubric.id, step.id).get("unsure")
    ]
    return found


def _in_the_way(step: Step, entered: Mapping[str, Any], policy: Policy) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Codes and values of what keeps a step from being submitted."""
    points, blank = entered.get("points"), entered.get("blank")
    note = (entered.get("note") or "").strip()
    if is_open(entered):
        yield "unscored", {}
    elif points is not None and blank is not None:
        yield "points_and_blank", {"points": f"{points:g}"}
    elif blank is not None:
        reason = blank["reason"].strip()
        if blank["status"] == "cannot_judge" and not reason:
            yield "reason_missing", {}
        elif reason == "another" and not note:
            yield "another_unexplained", {}
    else:
        given = entered["points"]
        yield from _unexplained(step, entered, given, note, policy)
        if policy.evidence_required and exact(given) < exact(step.max_points) and not entered.get("evidence"):
            yield "evidence_missing", {}


def _unexplained(
    step: Step, entered: Mapping[str, Any], points: float, note: str, policy: Policy
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if policy.explain == "none" or note:
        return
    ticked = entered.get("deductions", [])
    lost = exact(step.max_points) - exact(points)
    if policy.explain == "some":
        if lost > 0 and not ticked:
            yield "unexplained", {"lost": f"{float(lost):g}"}
        return
    explained = deduction_points(step, ticked).lost
    if explained < lost:
        yield "unexplained", {"lost": f"{float(lost - explained):g}"}
    elif explained > lost:
        yield "overexplained", {"explained": f"{float(explained):g}", "lost": f"{float(lost):g}"}


def _row(draft: Draft, rubric: Rubric, step: Step, problems: Sequence[Problem]) -> Row:
    entered = step_of(draft, rubric.id, step.id)
    entry = entries_of({"steps": {rubric.id: {step.id: entered}}}, rubric).get(step.id)
    return Row(
        rubric=rubric.id,
        step=step.id,
        order=step.order,
        title={"en": step.title, "zh": step.title_zh},
        points=entered.get("points"),
        max_points=step.max_points,
        label=None if entry is None else label_of_entry(entry, step, rubric.ordinal_map),
        blank=entered.get("blank"),
        deductions=tuple(entered.get("deductions", ())),
        evidence=tuple((start, end) for start, end in entered.get("evidence", ())),
        note=entered.get("note", ""),
        unsure=bool(entered.get("unsure")),
        problems=tuple(problems),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"
