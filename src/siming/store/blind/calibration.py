"""Calibration: a rater scores gold videos and sees, once his own sheet is locked, how it stands against the panel's.

The panel's sheets lie in `gold_sheet`. Nothing of them is told before the rater's own submission is locked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, insert, select, update

from siming.errors import ConflictError, InputError, NotFoundError, SheetError
from siming.metrics import Measured
from siming.rating import column_of, grid_of, measure_pair, pair_of
from siming.rubric import Attempt, Author, Dataset, DatasetInfo, RubricRef, Sheet, check_sheet
from siming.store import audit
from siming.store.access import Actor
from siming.store.canonical import digest_of_set
from siming.store.database import Database, new_id
from siming.store.figures.dataset import one_version_each
from siming.store.media.media import check_marked
from siming.store.projects.projects import policy_in
from siming.store.schema import assignment, attempt, gold_sheet, membership, person, submission
from siming.store.text import one_line

SHOWN = {
    "raw_agreement": "raw_agreement",
    "qwk": "qwk",
    "ac2": "ac2",
    "mean_difference": "mean_difference",
}
"""Name in a result to name in `METRICS`; the mean difference is the rater's total minus the panel's."""


@dataclass(frozen=True, slots=True)
class StepBeside:
    """One step of a gold video: what the rater gave and what the panel gave."""

    attempt: str
    """Code."""
    rubric: str
    step: str
    own: float | None
    panel: float | None
    max_points: float


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """How one rater stands against the expert panel."""

    rater: str
    """Code of the membership."""
    n_videos: int
    n_open: int
    """Gold videos assigned and not yet submitted."""
    metrics: Mapping[str, Measured]
    steps: tuple[StepBeside, ...]
    pass_kappa: float | None
    passed: bool | None
    """None while nothing is asked for, or while gold videos are open, or where kappa is undefined."""


def add_gold(db: Database, actor: Actor, attempt_id: str, sheets: Sequence[Sheet], *, source: str) -> None:
    """Keep the expert panel's sheets of an attempt, one per rubric; newer ones replace older ones, which stay, and are audited.

    Raises:
        SheetError: a sheet does not fit the attempt or its rubric.
        InputError: a rubric of the attempt has no sheet, evidence lies outside the film, or nobody is named as the source.
    """
    actor.require_somewhere("manage_attempts")
    if not source.strip():
        raise InputError(
            "name who made the gold sheets, such as 'panel of 3, May 2026'", field="source", code="gold_source"
        )
    source = one_line(source, "source", at_most=200)
    with db.write() as c:
        row = c.execute(select(attempt).where(attempt.c.id == attempt_id).with_for_update()).first()
        if row is None or not actor.may("manage_attempts", row.project):
            raise NotFoundError(f"there is no attempt {attempt_id!r}", code="no_attempt")
        rubrics = {rubric.id: rubric for rubric in one_version_each(c, row.rubrics).values()}
        for sheet in sheets:
            if sheet.attempt != row.code or sheet.rubric not in rubrics:
                raise SheetError(
                    f"a gold sheet is about attempt {sheet.attempt} and rubric {sheet.rubric}; attempt {row.code} is "
                    f"judged by {', '.join(rubrics)}; give its own sheets"
                )
            check_sheet(sheet, rubrics[sheet.rubric])
            check_marked(c, attempt_id, [span for entry in sheet.steps.values() for span in entry.evidence])
        lacking = sorted(set(rubrics) - {sheet.rubric for sheet in sheets})
        if lacking:
            raise InputError(f"no gold sheet for rubric {', '.join(lacking)}; give one each", code="gold_lacking")
        panel, now = Author(kind="consensus", name="panel"), db.stamp()
        c.execute(
            update(gold_sheet)
            .where(gold_sheet.c.attempt == attempt_id, gold_sheet.c.replaced_at.is_(None))
            .values(replaced_at=now)
        )
        kept = [sheet.model_copy(update={"author": panel}).to_plain() for sheet in sheets]
        for plain in kept:
            c.execute(
                insert(gold_sheet).values(
                    id=new_id("gs"), attempt=attempt_id, sheet=plain, source=source, created_at=now
                )
            )
        c.execute(attempt.update().where(attempt.c.id == attempt_id).values(gold=True))
        audit.record(
            c, db, actor, "calibration.gold", f"attempt:{attempt_id}", project=row.project,
            after=digest_of_set(kept), detail={"source": source},
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class GoldLine:
    """A gold attempt as who brings its sheets in sees it."""

    attempt: str
    """Id."""
    code: str
    source: str | None
    """Who made the sheets; None while there are none."""
    created_at: str | None
    n_sheets: int
    n_given: int
    n_submitted: int


def gold_attempts(db: Database, actor: Actor, project_id: str) -> tuple[GoldLine, ...]:
    """Every gold attempt, by code; no points of anybody."""
    actor.require("manage_attempts", project_id)
    with db.read() as c:
        golden = c.execute(
            select(attempt.c.id, attempt.c.code)
            .where(attempt.c.project == project_id, attempt.c.gold.is_(True))
            .order_by(attempt.c.code)
        ).all()
        ids = [row.id for row in golden]
        sheets = c.execute(
            select(gold_sheet.c.attempt, gold_sheet.c.source, gold_sheet.c.created_at).where(
                gold_sheet.c.attempt.in_(ids), gold_sheet.c.replaced_at.is_(None)
            )
        ).all()
        given = c.execute(
            select(assignment.c.attempt, assignment.c.state).where(
                assignment.c.attempt.in_(ids),
                assignment.c.purpose == "calibration",
                assignment.c.state != "withdrawn",
            )
        ).all()
    return tuple(
        GoldLine(
            attempt=row.id,
            code=row.code,
            source=next((sheet.source for sheet in sheets if sheet.attempt == row.id), None),
            created_at=next((sheet.created_at for sheet in sheets if sheet.attempt == row.id), None),
            n_sheets=sum(sheet.attempt == row.id for sheet in sheets),
            n_given=sum(one.attempt == row.id for one in given),
            n_submitted=sum(one.attempt == row.id and one.state == "submitted" for one in given),
        )
        for row in golden
    )


def own_calibration(db: Database, actor: Actor, project_id: str) -> CalibrationResult:
    """A rater's own result over the gold videos that he has submitted."""
    actor.require("rate", project_id)
    with db.read() as c:
        return result_of(c, actor.id, project_id)


def calibrations(db: Database, actor: Actor, project_id: str) -> tuple[CalibrationResult, ...]:
    """Every rater's result, by code; for who may see raters."""
    actor.require("see_raters", project_id)
    with db.read() as c:
        rows = c.execute(
            select(membership.c.person, membership.c.roles)
            .join(person, person.c.id == membership.c.person)
            .where(membership.c.project == project_id, membership.c.ended_at.is_(None))
            .order_by(membership.c.code)
        )
        return tuple(result_of(c, row.person, project_id) for row in rows if "rater" in row.roles)


def may_start_scoring(connection: Connection, person_id: str, project_id: str) -> bool:
    """Whether a rater has passed what the project's policy asks for before the first assignment."""
    if policy_in(connection, project_id).calibration_pass_kappa is None:
        return True
    return result_of(connection, person_id, project_id).passed is True


def result_of(connection: Connection, person_id: str, project_id: str) -> CalibrationResult:
    """One rater's result; only what he has locked himself goes in."""
    code = connection.execute(
        select(membership.c.code).where(membership.c.project == project_id, membership.c.person == person_id)
    ).scalar_one()
    pass_kappa = policy_in(connection, project_id).calibration_pass_kappa
    mine = connection.execute(
        select(assignment.c.id, assignment.c.attempt, assignment.c.state, submission.c.sheets)
        .join(submission, (submission.c.assignment == assignment.c.id) & (submission.c.revision == 1), isouter=True)
        .where(
            assignment.c.project == project_id,
            assignment.c.rater == person_id,
            assignment.c.purpose == "calibration",
            assignment.c.state != "withdrawn",
        )
        .order_by(assignment.c.position, assignment.c.id)
    ).all()
    done = [row for row in mine if row.sheets is not None]
    own = [Sheet.from_plain(plain) for row in done for plain in row.sheets]
    panel = _gold(connection, [row.attempt for row in done])
    n_open = len(mine) - len(done)
    if not own or not panel:
        return CalibrationResult(code, len(done), n_open, {}, (), pass_kappa, None)
    try:
        metrics, steps = _beside(connection, [row.attempt for row in done], own, panel)
    except (ConflictError, SheetError):
        # Gold videos of two rubric versions: nothing is compared across them, and the queue must open all the same.
        return CalibrationResult(code, len(done), n_open, {}, (), pass_kappa, None)
    kappa = metrics["qwk"].value
    settled = pass_kappa is not None and n_open == 0 and kappa is not None
    passed = kappa >= pass_kappa if settled and kappa is not None and pass_kappa is not None else None
    return CalibrationResult(code, len(done), n_open, metrics, steps, pass_kappa, passed)


def _gold(connection: Connection, attempts: Sequence[str]) -> list[Sheet]:
    wanted = (
        select(gold_sheet.c.sheet)
        .where(gold_sheet.c.attempt.in_(attempts), gold_sheet.c.replaced_at.is_(None))
        .order_by(gold_sheet.c.id)
    )
    return [Sheet.from_plain(row.sheet) for row in connection.execute(wanted)]


def _beside(
    connection: Connection, attempts: Sequence[str], own: Sequence[Sheet], panel: Sequence[Sheet]
) -> tuple[dict[str, Measured], tuple[StepBeside, ...]]:
    rows = connection.execute(select(attempt).where(attempt.c.id.in_(attempts)).order_by(attempt.c.code)).all()
    versions = one_version_each(connection, (version_id for row in rows for version_id in row.rubrics))
    rubrics = {rubric.id: rubric for rubric in versions.values()}
    refs = {key: RubricRef(id=rubric.id, version=rubric.version) for key, rubric in versions.items()}
    dataset = Dataset(
        folder=Path("calibration"),
        info=DatasetInfo(name="calibration", version="1", licence="-", rubrics=tuple(refs.values()), provenance="-"),
        rubrics=rubrics,
        attempts=[
            Attempt(id=row.code, candidate=row.candidate_code, rubrics=tuple(refs[key] for key in row.rubrics))
            for row in rows
        ],
        sheets=[*own, *panel],
    )
    grid = grid_of(dataset)
    gold, mine = column_of(grid, panel, name="panel"), column_of(grid, own, name="own")
    used = gold.has_points & mine.has_points
    pair = pair_of(grid, gold, mine, used=used, whole=gold.has_points | mine.has_points)
    metrics = measure_pair(pair, names=SHOWN)
    steps = tuple(
        StepBeside(
            attempt=code,
            rubric=grid.rubric[place].id,
            step=step_id,
            own=float(mine.points[place]) if mine.has_points[place] else None,
            panel=float(gold.points[place]) if gold.has_points[place] else None,
            max_points=float(grid.max_points[place]),
        )
        for place, (code, step_id) in enumerate(grid.keys)
    )
    return metrics, steps
