"""Adjudication cases: taken with a lease, decided step by step, locked. `case_opening.py` opens them.

One person at a time holds the pen. The lease lasts two minutes from the last sign of life and carries a fencing number;
every act is a compare-and-swap on the case's version. Who writes too late is refused, and what he wrote is kept and given
back to him. Acts are only ever added (`case_acts.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import isfinite
from typing import Any, Literal, NoReturn

from pydantic import ValidationError
from sqlalchemy import Connection, exists, insert, select, update

from siming.errors import ConflictError, InputError, SheetError
from siming.rubric import Entry, Step
from siming.rubric.labels import exact
from siming.rubric.points import check_deductions, legal_points
from siming.store import audit
from siming.store.access import Actor
from siming.store.cases import consensus
from siming.store.cases.case_access import CaseRow, case_for, required_confirmations
from siming.store.cases.case_acts import Act, Choice, Key, act_of, decided_digest, standing, state_of, undoable
from siming.store.cases.compared import compare_pair
from siming.store.cases.comparison import Cell
from siming.store.cases.pairs import works_of
from siming.store.database import Database, moment_of, new_id, time_text
from siming.store.media.media import check_marked
from siming.store.projects.rubrics import rubric_in
from siming.store.schema import (
    adjudication_case,
    confirmation,
    decision,
    late_write,
)
from siming.store.text import free_text, one_line

LEASE_LASTS = timedelta(minutes=2)
"""From the last heartbeat or act."""

TEMPLATES = (
    "evidence_clearer",
    "deduction_seen",
    "deduction_not_met",
    "moment_misread",
    "view_blocked",
    "state_missing",
    "rubric_wording",
)
"""Ids of the ready-made rationales; the language files hold their sentences."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Where a case stands after an act."""

    case: str
    version: int
    fence: int
    state: str
    n_open: int
    n_critical: int
    lease_until: str | None
    consensus: str | None = None
    """Id of the consensus version that this act made."""


def take_case(db: Database, actor: Actor, case_id: str, *, fence: int | None = None, take_over: bool = False) -> Moved:
    """Take the pen: two minutes, prolonged by every heartbeat and act.

    Args:
        fence: The number this window holds already: it goes on with it where nobody else took the pen meanwhile.
        take_over: Take it from one's own other window.

    Raises:
        ConflictError: ``leased``: somebody holds it (or one's own other window); ``state``: nothing is left to decide.
    """
    with db.write() as connection:
        case = case_for(connection, actor, case_id, to_act=True)
        if case.state in ("confirmed", "withdrawn"):
            raise ConflictError(
                f"this case is {case.state}; an appeal opens it again", kind="state", code="case_closed"
            )
        live = case.holder is not None and case.lease_until is not None and moment_of(case.lease_until) > db.now()
        mine = case.holder == actor.id
        if live and not mine:
            raise ConflictError(
                "somebody else holds the pen of this case; wait until it is put down",
                kind="leased",
                detail={"mine": False, "until": case.lease_until},
                code="case_leased",
            )
        if live and mine and fence != case.fence and not take_over:
            raise ConflictError(
                "you hold the pen of this case in another window; take it over here, or go on there",
                kind="leased",
                detail={"mine": True, "until": case.lease_until},
                code="case_leased_here",
            )
        number = case.fence if mine and fence == case.fence else case.fence + 1
        state = "leased" if case.state == "open" else case.state
        until = time_text(db.now() + LEASE_LASTS)
        connection.execute(
            update(adjudication_case)
            .where(adjudication_case.c.id == case_id)
            .values(holder=actor.id, fence=number, lease_until=until, state=state)
        )
        if number != case.fence:
            audit.record(connection, db, actor, "case.take", f"case:{case_id}", project=case.project)
        return Moved(case_id, case.version, number, state, case.n_open, case.n_critical, until)


def heartbeat(db: Database, actor: Actor, case_id: str, *, fence: int) -> Moved:
    """Say that one is still here.

    Raises:
        ConflictError: ``stale_writer``: the pen went to somebody else.
    """
    with db.write() as connection:
        case = case_for(connection, actor, case_id, to_act=True)
        if (case.holder, case.fence) != (actor.id, fence):
            _pen_is_gone(case)
        until = time_text(db.now() + LEASE_LASTS)
        connection.execute(update(adjudication_case).where(adjudication_case.c.id == case_id).values(lease_until=until))
        return Moved(case_id, case.version, fence, case.state, case.n_open, case.n_critical, until)


def release_case(db: Database, actor: Actor, case_id: str, *, fence: int) -> None:
    """Put the pen down; nothing happens where it is gone already."""
    with db.write() as connection:
        case = case_for(connection, actor, case_id, to_act=True)
        if (case.holder, case.fence) != (actor.id, fence):
            return
        state = "open" if case.state == "leased" else case.state
        connection.execute(
            update(adjudication_case)
            .where(adjudication_case.c.id == case_id)
            .values(holder=None, lease_until=None, state=state)
        )


def _pen_is_gone(case: CaseRow) -> NoReturn:
    raise ConflictError(
        "the pen of this case went to somebody else; take it again when it is put down",
        kind="stale_writer",
        detail={"version": case.version},
        code="case_pen_gone",
    )


def decide(
    db: Database,
    actor: Actor,
    case_id: str,
    *,
    fence: int,
    version: int,
    rubric: str,
    step: str,
    choice: Choice,
    rationale: str = "",
    template: str | None = None,
    points: float | None = None,
    blank: Literal["cannot_judge", "not_applicable"] | None = None,
    blank_reason: str = "",
    deductions: Collection[str] = (),
    evidence: Collection[tuple[float, float]] = (),
) -> Moved:
    """Settle a step that is open, or settle anew one that was decided in this case.

    Args:
        fence, version: What the decider saw; another number means that he decided about something else.
        choice: ``first`` and ``second`` are the sides as this case shows them; ``other`` gives its own points.
        rationale: In the decider's words; may be empty beside a template unless the choice is ``other``.
        points, blank, blank_reason, deductions, evidence: Of ``other``: points, or why there are none.

    Raises:
        InputError: no rationale, points the step cannot have, evidence outside the film, a step that is not open.
        ConflictError: ``stale_writer``, ``stale_version`` or ``state``; the decision is kept as a late write and comes
            back in `detail`.
    """
    words = free_text(rationale, "rationale")
    if template is not None and template not in TEMPLATES:
        raise InputError(f"templates are {', '.join(TEMPLATES)}", field="template", code="template_unknown")
    if not words and (template is None or choice == "other"):
        raise InputError(
            "say why: your own words for points of your own, a template or your own words for a rater's",
            field="rationale",
            code="rationale_missing",
        )
    numbers = [n for n in (points, *(n for interval in evidence for n in interval)) if n is not None]
    if not all(isfinite(n) for n in numbers):
        raise InputError("points and seconds are plain numbers", field="points", code="points_illegal")
    rubric, step = one_line(rubric, "rubric"), one_line(step, "step")
    payload = {
        "rubric": rubric,
        "step": step,
        "choice": choice,
        "rationale": words,
        "template": template,
        "points": points,
        "blank": blank,
        "blank_reason": free_text(blank_reason, "blank_reason", at_most=500),
        "deductions": sorted({one_line(name, "deductions") for name in deductions}),
        "evidence": sorted([float(start), float(end)] for start, end in evidence),
        "version": version,
    }

    def make(work: AtWork) -> dict[str, Any]:
        cell = work.cell((rubric, step))
        if state_of(cell, work.standing.get((rubric, step))) == "agreed":
            raise InputError(
                f"step {step!r} is agreed; reopen it with a reason first", field="step", code="step_is_agreed"
            )
        side = work.case.true_side(choice)
        if side == "other":
            entry = _own_entry(payload, work.step((rubric, step)))
        else:
            entry = (cell.first if side == "first" else cell.second).model_copy(update={"note": None})
        return {
            "kind": "decide",
            "rubric": rubric,
            "step": step,
            "choice": side,
            "entry": entry.model_dump(mode="json", exclude_none=True),
            "template": template,
            "rationale": words,
        }

    return _act(db, actor, case_id, fence=fence, version=version, payload=payload, make=make)


def reopen_agreed(
    db: Database, actor: Actor, case_id: str, *, fence: int, version: int, rubric: str, step: str, reason: str
) -> Moved:
    """Send an agreed step to adjudication after all.

    Raises:
        InputError: no reason, or the step is open or decided already.
        ConflictError: as for `decide`.
    """
    words = free_text(reason, "reason", optional=False)
    rubric, step = one_line(rubric, "rubric"), one_line(step, "step")
    payload = {"rubric": rubric, "step": step, "reason": words, "version": version}

    def make(work: AtWork) -> dict[str, Any]:
        if state_of(work.cell((rubric, step)), work.standing.get((rubric, step))) != "agreed":
            raise InputError(f"step {step!r} is not agreed; decide on it", field="step", code="step_not_agreed")
        return {"kind": "reopen_agreed", "rubric": rubric, "step": step, "rationale": words}

    return _act(db, actor, case_id, fence=fence, version=version, payload=payload, make=make)


def undo(db: Database, actor: Actor, case_id: str, *, fence: int, version: int, step: Key | None = None) -> Moved:
    """Take the last act back, of one step or of the whole case; the act and its undoing both stay in the history.

    Raises:
        InputError: there is nothing to take back.
        ConflictError: as for `decide`.
    """
    payload = {"undo": [one_line(part, "step") for part in step] if step else None, "version": version}

    def make(work: AtWork) -> dict[str, Any]:
        taken = undoable(work.acts, step)
        if taken is None:
            raise InputError("there is nothing to undo", code="nothing_to_undo")
        return {
            "kind": "undo",
            "rubric": taken.rubric,
            "step": taken.step,
            "rationale": "",
            "undoes": taken.version,
        }

    return _act(db, actor, case_id, fence=fence, version=version, payload=payload, make=make)


def close_case(db: Database, actor: Actor, case_id: str, *, fence: int, version: int) -> Moved:
    """Lock the case: everything is decided. In joint mode it then waits until all have confirmed this version.

    Raises:
        ConflictError: ``incomplete``: steps are open; otherwise as for `decide`.
    """
    refused: ConflictError | None = None
    with db.write() as connection:
        case = case_for(connection, actor, case_id, to_act=True, for_update=True)
        refused = _refusal(case, actor, fence=fence, version=version)
        if refused is None:
            if case.n_open:
                raise ConflictError(
                    f"{case.n_open} steps wait for a decision; decide on them first",
                    kind="incomplete",
                    detail={"n_open": case.n_open},
                    code="case_incomplete",
                    params={"n": case.n_open},
                )
            return _confirm(connection, db, actor, case)
    raise refused


def confirm(db: Database, actor: Actor, case_id: str, *, version: int) -> Moved:
    """In joint mode: this version is what I agree to. The last one to confirm makes the consensus.

    Raises:
        ConflictError: ``stale_version``: somebody decided since; ``state``: the pen's holder has not locked the case yet.
    """
    with db.write() as connection:
        case = case_to_confirm(connection, actor, case_id, version)
        return _confirm(connection, db, actor, case)


def case_to_confirm(connection: Connection, actor: Actor, case_id: str, version: int) -> CaseRow:
    """The case, held for an act: it waits for confirmations, and stands as the actor read it.

    Raises:
        ConflictError: ``stale_version``: somebody decided since; ``state``: it does not wait for confirmations.
    """
    case = case_for(connection, actor, case_id, to_act=True, for_update=True)
    if case.version != version:
        raise ConflictError(
            "the case has moved on since you read it; read it again and answer to what stands now",
            kind="stale_version",
            detail={"version": case.version},
            code="case_moved_on",
        )
    if case.mode != "joint" or case.state != "decided":
        raise ConflictError("this case does not wait for a confirmation", kind="state", code="case_not_to_confirm")
    return case


def _confirm(connection: Connection, db: Database, actor: Actor, case: CaseRow) -> Moved:
    stamp = db.stamp()
    key = {"case": case.id, "version": case.version, "person": actor.id}
    there = exists().where(*(confirmation.c[name] == value for name, value in key.items()))
    if not connection.execute(select(there)).scalar():
        connection.execute(insert(confirmation).values(**key, confirmed_at=stamp))
        audit.record(
            connection, db, actor, "case.confirm", f"case:{case.id}", project=case.project,
            detail={"version": case.version},
        )  # fmt: skip
    made = None
    done = case.mode == "third" or not required_confirmations(connection, case).lacking
    state = "confirmed" if done else "decided"
    values: dict[str, Any] = {"state": state, "decided_at": stamp}
    if done:
        values |= {"holder": None, "lease_until": None}
    connection.execute(update(adjudication_case).where(adjudication_case.c.id == case.id).values(**values))
    if done:
        made = consensus.build_from_case(connection, db, actor, case)
    return Moved(
        case.id, case.version, case.fence, state, case.n_open, case.n_critical, None if done else case.lease_until, made
    )


@dataclass(frozen=True, slots=True)
class AtWork:
    """A case with everything an act needs to know."""

    case: CaseRow
    cells: Mapping[Key, Cell]
    acts: tuple[Act, ...]
    standing: Mapping[Key, Act]
    steps: Mapping[Key, Step]

    def cell(self, key: Key) -> Cell:
        if key not in self.cells:
            raise InputError(
                f"there is no step {key[1]!r} in rubric {key[0]!r} here", field="step", code="step_unknown"
            )
        return self.cells[key]

    def step(self, key: Key) -> Step:
        return self.steps[key]


def _act(
    db: Database, actor: Actor, case_id: str, *, fence: int, version: int, payload: Mapping[str, Any], make: Any
) -> Moved:
    """Add one act if the pen and the version are what the actor thinks; else keep what he wrote and refuse."""
    with db.write() as connection:
        case = case_for(connection, actor, case_id, to_act=True, for_update=True)
        refused = _refusal(case, actor, fence=fence, version=version)
        if refused is None:
            return append_act(connection, db, actor, case, make)
        row = {
            "id": new_id("lw"),
            "case": case_id,
            "person": actor.id,
            "payload": dict(payload),
            "refused_because": refused.kind,
            "created_at": db.stamp(),
        }
        connection.execute(insert(late_write).values(**row))
        refused.detail |= {"late_write": row["id"], "kept": dict(payload)}
    raise refused


def append_act(connection: Connection, db: Database, actor: Actor, case: CaseRow, make: Any) -> Moved:
    """Inside a writing transaction: one more act, `make` says which, and the case as it stands after it."""
    pair = works_of(connection, case.first, case.second)
    cells = {(cell.rubric, cell.step): cell for cell in compare_pair(connection, pair, tolerance=case.tolerance)}
    acts = acts_of(connection, case.id)
    rubrics = [rubric_in(connection, version_id) for version_id in pair[0].rubrics]
    steps = {(rubric.id, step.id): step for rubric in rubrics for step in rubric.steps}
    row = make(AtWork(case, cells, acts, standing(acts), steps))
    if row.get("choice") == "other":
        check_marked(connection, case.attempt, row["entry"].get("evidence", ()), noted=pair[0].media_sha256)
    stamp, version = db.stamp(), case.version + 1
    row |= {"case": case.id, "version": version, "person": actor.id, "fence": case.fence, "decided_at": stamp}
    connection.execute(insert(decision).values(**row))
    after = standing(acts_of(connection, case.id))
    n_open, n_critical = count_open(cells, after)
    until = time_text(db.now() + LEASE_LASTS)
    connection.execute(
        update(adjudication_case)
        .where(adjudication_case.c.id == case.id, adjudication_case.c.version == case.version)
        .values(version=version, state="leased", n_open=n_open, n_critical=n_critical, lease_until=until)
    )
    audit.record(
        connection, db, actor, f"case.{row['kind']}", f"case:{case.id}", project=case.project, after=decided_digest(row),
        detail={"version": version, "rubric": row["rubric"], "step": row["step"]},
    )  # fmt: skip
    return Moved(case.id, version, case.fence, "leased", n_open, n_critical, until)


def count_open(cells: Mapping[Key, Cell], acts: Mapping[Key, Act]) -> tuple[int, int]:
    """Steps still to decide, and the critical ones among them."""
    waiting = [cell for key, cell in cells.items() if state_of(cell, acts.get(key)) == "open"]
    return len(waiting), sum(cell.kind == "critical_mismatch" for cell in waiting)


def acts_of(connection: Connection, case_id: str) -> tuple[Act, ...]:
    """Everything that was done in a case, in order."""
    rows = connection.execute(select(decision).where(decision.c.case == case_id).order_by(decision.c.version))
    return tuple(act_of(dict(row)) for row in rows.mappings())


def _refusal(case: CaseRow, actor: Actor, *, fence: int, version: int) -> ConflictError | None:
    """Why an act cannot be added, if it cannot."""
    where = {"version": case.version, "fence": case.fence if case.holder == actor.id else None}
    if case.state in ("confirmed", "withdrawn"):
        return ConflictError(
            f"this case is {case.state}; nothing was changed", kind="state", detail=where, code="case_closed"
        )
    if (case.holder, case.fence) != (actor.id, fence):
        return ConflictError(
            "the pen of this case went to somebody else; nothing was changed and your text is kept",
            kind="stale_writer",
            detail=where,
            code="case_pen_gone",
        )
    if case.version != version:
        return ConflictError(
            f"the case stands at version {case.version}, you decided on version {version}; nothing was changed and "
            "your text is kept",
            kind="stale_version",
            detail=where,
            code="case_moved_on",
        )
    return None


def _own_entry(given: Mapping[str, Any], step: Step) -> Entry:
    """The entry of a decider who follows neither rater."""
    try:
        check_deductions(step, given["deductions"])
    except SheetError as error:
        raise InputError(str(error), field="deductions", code="deduction_unknown") from error
    points, blank = given["points"], given["blank"]
    if (points is None) == (blank is None):
        raise InputError("give points, or say why there are none: not both", field="points", code="points_or_blank")
    if points is not None and (not 0 <= points <= step.max_points or exact(points) not in legal_points(step)):
        raise InputError(
            f"step {step.id!r} takes 0 to {step.max_points:g} points in halves, found {points}; correct them",
            field="points",
            code="points_illegal",
            params={"max": f"{step.max_points:g}"},
        )
    if any(not 0 <= start <= end for start, end in given["evidence"]):
        raise InputError("evidence runs from an earlier to a later second", field="evidence", code="evidence_order")
    try:
        return Entry(
            status="judged" if blank is None else blank,
            points=points,
            deductions=tuple(given["deductions"]) if blank is None else (),
            evidence=tuple((start, end) for start, end in given["evidence"]),
            reason=given["blank_reason"] or None if blank is not None else None,
        )
    except ValidationError as error:
        raise InputError(f"this is no entry: {error.errors()[0]['msg']}", code="entry_unsound") from error
