"""Models beside people: a model's sheets enter as author kind ``model`` and are shown to nobody who still judges.

The same scale, the same statistics, the same browser of disagreements; but never in human agreement, never in ground
truth, and never before a rater has locked or an adjudicator has decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from siming.errors import InputError, SheetError
from siming.rubric import Dataset, Sheet, check_sheet
from siming.store import audit
from siming.store.access import Actor
from siming.store.canonical import digest_of_set
from siming.store.database import Database, new_id
from siming.store.figures.dataset import dataset_of, manifest_of, one_version_each
from siming.store.media.media import check_marked
from siming.store.projects.members import open_project
from siming.store.schema import attempt, media, model_run


def add_model_sheets(
    db: Database, actor: Actor, project_id: str, sheets: Sequence[Sheet], *, about: Mapping[str, Any] | None = None
) -> int:
    """Keep a model's sheets; of the same model, attempt and rubric the newest counts. Returns how many there are.

    Args:
        about: How they came about: prompt, settings, run; plain values.

    Raises:
        InputError: a sheet is not by a model, its attempt is not in the project, or its evidence not in the film.
        SheetError: a sheet does not fit its rubric.
    """
    actor.require("run_models", project_id)
    with db.read() as c:
        known = {row.code: row for row in c.execute(select(attempt).where(attempt.c.project == project_id))}
        for sheet in sheets:
            _check(c, sheet, known.get(sheet.attempt))
    batch = new_id("mb")
    rows = [
        {
            "id": new_id("mr"),
            "project": project_id,
            "attempt": known[sheet.attempt].id,
            "model": sheet.author.name,
            "rubric": sheet.rubric,
            "sheet": sheet.to_plain(),
            "about": dict(about or {}),
            "added_by": actor.id,
            "batch": batch,
            "created_at": db.stamp(),
        }
        for sheet in sheets
    ]
    after = digest_of_set([row["sheet"], row["about"]] for row in rows)
    with db.write() as c:
        open_project(c, project_id)
        if rows:
            c.execute(insert(model_run), rows)
        audit.record(
            c, db, actor, "model_run.add", f"project:{project_id}", project=project_id, after=after,
            detail={"batch": batch, "n": len(rows), "models": sorted({sheet.author.name for sheet in sheets})},
        )  # fmt: skip
    return len(rows)


@dataclass(frozen=True, slots=True)
class ModelLine:
    """What is kept of a model."""

    model: str
    attempts: int
    newest_at: str


def models_of(db: Database, actor: Actor, project_id: str) -> tuple[ModelLine, ...]:
    """The models of a project by name; no sheet and no figure of theirs."""
    actor.require("run_models", project_id)
    with db.read() as c:
        rows = c.execute(
            select(model_run.c.model, func.count(model_run.c.attempt.distinct()), func.max(model_run.c.created_at))
            .where(model_run.c.project == project_id)
            .group_by(model_run.c.model)
            .order_by(model_run.c.model)
        )
        return tuple(ModelLine(*row) for row in rows)


def room_for(db: Database, actor: Actor, project_id: str) -> Dataset:
    """The attempts and rubrics of a project without any sheet: what files are read against."""
    if not actor.may("run_models", project_id):
        actor.require("manage_attempts", project_id)
    with db.read() as c:
        manifest = manifest_of(c, project_id, what=())
        return dataset_of(c, manifest, Path(manifest.name))


def time_maps_of(db: Database, project_id: str, room: Dataset) -> dict[str, Mapping[str, Any]]:
    """When the pictures of each attempt's film are on show, by the attempt's code; as `siming.video.TimeMap` reads it."""
    films = {a.id: a.video.sha256 for a in room.attempts if a.video is not None}
    wanted = (
        select(attempt.c.code, media.c.sha256, media.c.time_map)
        .join(attempt, attempt.c.id == media.c.attempt)
        .where(attempt.c.project == project_id, media.c.kind == "derivative")
    )
    with db.read() as c:
        rows = c.execute(wanted).all()
    return {row.code: row.time_map for row in rows if row.time_map and films.get(row.code) == row.sha256}


def _check(c: Connection, sheet: Sheet, row: Row[Any] | None) -> None:
    if sheet.author.kind != "model":
        raise InputError(
            f"the sheet of attempt {sheet.attempt} is by {sheet.author.kind} {sheet.author.name!r}; "
            "only sheets of models come in here",
            code="not_a_model",
        )
    if row is None:
        raise InputError(
            f"there is no attempt {sheet.attempt!r} in this project; correct the code or add the attempt",
            code="no_attempt",
        )
    rubrics = {rubric.id: rubric for rubric in one_version_each(c, row.rubrics).values()}
    if sheet.rubric not in rubrics:
        raise SheetError(f"attempt {sheet.attempt} is judged by {', '.join(rubrics)}, the sheet is for {sheet.rubric}")
    check_sheet(sheet, rubrics[sheet.rubric])
    check_marked(c, row.id, [span for entry in sheet.steps.values() for span in entry.evidence])
