"""Who may see a case, and whose word it needs.

- Third-person mode: an adjudicator who was never given the attempt to rate (invariant 7).
- Joint mode: the two raters of the pair once both are locked, and adjudicators.
- Who may compare (coordinators, owners) reads every case and acts in none.
- Nobody, whatever his roles, while he himself still has the attempt before him, or once it was excluded.

To everybody else a case does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, ScalarSelect, exists, select

from siming.store.access import Actor
from siming.store.cases.case_acts import Choice
from siming.store.cases.pairs import has_open_work, has_rated, nothing_there
from siming.store.policy import Policy
from siming.store.schema import adjudication_case, assignment, attempt, confirmation, membership, submission

Part = Literal["adjudicator", "rater", "reader"]
"""What somebody is in a case."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case as its table holds it, with what it belongs to."""

    id: str
    attempt: str
    code: str
    project: str
    first: str
    second: str
    mode: Literal["third", "joint"]
    state: Literal["open", "leased", "decided", "confirmed", "withdrawn"]
    swapped: bool
    policy: Policy
    version: int
    holder: str | None
    fence: int
    lease_until: str | None
    n_open: int
    n_critical: int
    part: Part
    raters: tuple[str, str]
    """Person ids of the first and the second."""

    @property
    def tolerance(self) -> float:
        """Under which the case was opened; a policy that changes later does not change it."""
        return self.policy.tolerance

    def true_side(self, shown: Choice) -> Choice:
        """From a side as shown to the side as kept, and back."""
        if shown == "other" or not self.swapped:
            return shown
        return "second" if shown == "first" else "first"


@dataclass(frozen=True, slots=True)
class Confirmations:
    """Who has agreed to a version of a joint case, and who must."""

    given: frozenset[str]
    """Person ids."""
    lacking: tuple[str, ...]
    """Person ids of raters, and ``adjudicator`` where any one of them is still wanted."""


def case_for(
    connection: Connection, actor: Actor, case_id: str, *, to_act: bool = False, for_update: bool = False
) -> CaseRow:
    """The case for somebody who may see it, or act in it.

    Raises:
        NotFoundError: there is none, or he may not know of it: the two read the same.
    """
    # One statement, whatever the answer: a case that is hidden takes no longer to say no than one that is not there.
    wanted = (
        select(
            adjudication_case,
            attempt.c.code,
            attempt.c.project,
            _rater_of(adjudication_case.c.first).label("first_rater"),
            _rater_of(adjudication_case.c.second).label("second_rater"),
            has_open_work(actor, adjudication_case.c.attempt).label("before_him"),
            has_rated(actor.id, adjudication_case.c.attempt).label("rated_it"),
        )
        .join(attempt, attempt.c.id == adjudication_case.c.attempt)
        .where(adjudication_case.c.id == case_id, attempt.c.state != "excluded")
    )
    if for_update or to_act:
        wanted = wanted.with_for_update(of=adjudication_case)
    row = connection.execute(wanted).one_or_none()
    if row is None:
        raise nothing_there()
    raters = (str(row.first_rater), str(row.second_rater))
    part = _part(actor, row, raters)
    if part is None or (to_act and part == "reader"):
        raise nothing_there()
    return CaseRow(
        id=row.id,
        attempt=row.attempt,
        code=row.code,
        project=row.project,
        first=row.first,
        second=row.second,
        mode=row.mode,
        state=row.state,
        swapped=row.swapped,
        policy=Policy.model_validate(row.policy),
        version=row.version,
        holder=row.holder,
        fence=row.fence,
        lease_until=row.lease_until,
        n_open=row.n_open,
        n_critical=row.n_critical,
        part=part,
        raters=raters,
    )


def required_confirmations(connection: Connection, case: CaseRow) -> Confirmations:
    """Both raters, and one adjudicator who did not rate the attempt wherever the project has one."""
    given = frozenset(
        connection.execute(
            select(confirmation.c.person).where(confirmation.c.case == case.id, confirmation.c.version == case.version)
        ).scalars()
    )
    adjudicators = {
        row.person
        for row in connection.execute(
            select(membership.c.person, membership.c.roles).where(
                membership.c.project == case.project,
                membership.c.ended_at.is_(None),
                ~exists().where(assignment.c.attempt == case.attempt, assignment.c.rater == membership.c.person),
            )
        )
        if "adjudicator" in row.roles
    }
    lacking = [rater for rater in case.raters if rater not in given]
    if adjudicators and not adjudicators & given:
        lacking.append("adjudicator")
    return Confirmations(given, tuple(lacking))


def _part(actor: Actor, row: Row[Any], raters: tuple[str, str]) -> Part | None:
    if not actor.roles.get(row.project) or row.before_him:
        return None
    if actor.id in raters:
        return "rater" if row.mode == "joint" else None
    if actor.may("adjudicate", row.project) and (not row.rated_it or row.mode == "joint"):
        return "adjudicator"
    return "reader" if actor.may("compare", row.project) else None


def _rater_of(submission_id: ColumnElement[str]) -> ScalarSelect[str]:
    return (
        select(assignment.c.rater)
        .join(submission, submission.c.assignment == assignment.c.id)
        .where(submission.c.id == submission_id)
        .scalar_subquery()
    )
