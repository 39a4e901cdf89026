"""A project as a siming dataset: what is scored, compared and released.

In two steps, so that a release is the same bytes for ever: a `Manifest` names every locked thing that goes in, and the
dataset is read from what the manifest names. Agreement and ground truth stand on first, independent sheets of people
only: repeats, calibration and AI-assisted ratings stay out unless they are asked for (invariants 2 and 9); models come
in beside people, never among them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Column, Connection, Table, select

from siming.errors import ConflictError
from siming.rubric import Attempt, Dataset, DatasetInfo, Rubric, RubricRef, Sheet, VideoRef
from siming.store.cases.pairs import INDEPENDENT
from siming.store.projects.rubrics import rubric_in
from siming.store.schema import (
    assignment,
    attempt,
    consensus_version,
    media,
    model_run,
    project,
    rubric_version,
    submission,
)

What = Literal["first", "repeat", "consensus", "model"]
PORTION = 500
"""Rows fetched with one statement by their ids."""


class Listed(BaseModel):
    """An attempt as it was when the manifest was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    code: str
    site: str | None
    occasion: str | None
    candidate: str | None
    rubrics: tuple[str, ...]
    """Ids of rubric versions."""
    params: dict[str, bool | int | float | str]
    video_sha256: str | None
    duration_s: float | None


class Manifest(BaseModel):
    """What goes into a dataset, by ids of things that never change, and their digests."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    licence: str
    provenance: str
    agreements: tuple[str, ...] = ()
    """Agreements in force, such as a data use agreement; named in the dataset's provenance."""
    attempts: tuple[Listed, ...]
    submissions: tuple[tuple[str, str], ...] = ()
    """(id, sha256)"""
    consensus: tuple[tuple[str, str], ...] = ()
    models: tuple[str, ...] = ()
    rubrics: tuple[tuple[str, str], ...] = ()
    """(id of the version, sha256 of its document)"""


def manifest_of(
    connection: Connection,
    project_id: str,
    *,
    what: Collection[What] = ("first", "consensus"),
    purposes: Collection[str] = INDEPENDENT,
    attempts: Collection[str] | None = None,
    locked_only: bool = True,
    licence: str = "not released",
    provenance: str = "siming exam room",
    agreements: Sequence[str] = (),
) -> Manifest:
    """Everything that stands locked in a project now, in an order that depends on its content alone.

    Args:
        what: Which sheets: raters' first submissions, their repeats (marked so on the sheet), consensus, model runs.
        purposes: Of the assignments of first submissions; the default leaves out calibration and AI-assisted ratings.
        attempts: Codes to keep; None keeps all that are not excluded.
        locked_only: Whether a consensus must be locked; else the newest provisional one counts too.
    """
    name = connection.execute(select(project.c.slug).where(project.c.id == project_id)).scalar_one()
    wanted = select(attempt).where(attempt.c.project == project_id, attempt.c.state != "excluded")
    rows = list(connection.execute(wanted.order_by(attempt.c.code)).mappings())
    rows = [row for row in rows if attempts is None or row["code"] in attempts]
    videos = _videos(connection, project_id)
    ids = {row["id"] for row in rows}
    named = [*(purposes if "first" in what else ()), *(("repeat",) if "repeat" in what else ())]
    submissions = _submissions(connection, project_id, named, ids) if named else []
    settled = _consensus(connection, project_id, ids, locked_only=locked_only) if "consensus" in what else []
    models = list(_models(connection, project_id, ids)) if "model" in what else []
    if what:
        told = {*(about for _, _, about in submissions), *(about for _, _, about in settled)}
        begun = _begun(connection, project_id) | {about for _, about in models}
        rows = [
            row
            for row in rows
            # Calibration is no part of the exam, nor is what came of a file that was no video.
            if row["id"] in told or (not row["gold"] and row["id"] in begun)
        ]
        ids = {row["id"] for row in rows}
        models = [found for found in models if found[1] in ids]
    rubrics = one_version_each(connection, (version_id for row in rows for version_id in row["rubrics"]))
    return Manifest(
        name=name,
        licence=licence,
        provenance=provenance,
        agreements=tuple(agreements),
        attempts=tuple(
            Listed(
                id=row["id"],
                code=row["code"],
                site=row["site"],
                occasion=row["occasion"],
                candidate=row["candidate_code"],
                rubrics=tuple(row["rubrics"]),
                params=row["params"],
                video_sha256=videos.get(row["id"], (None, None))[0],
                duration_s=videos.get(row["id"], (None, None))[1],
            )
            for row in rows
        ),
        submissions=tuple((name, sha256) for name, sha256, _ in submissions),
        consensus=tuple(sorted((name, sha256) for name, sha256, _ in settled)),
        models=tuple(sorted(name for name, _ in models)),
        rubrics=tuple(_digests(connection, list(rubrics))),
    )


def dataset_of(connection: Connection, manifest: Manifest, folder: Path) -> Dataset:
    """The dataset that a manifest names; the same one whenever it is asked for.

    Args:
        folder: Where it would lie; nothing is written. Rubrics are named as ``rubrics/ID.yaml`` and videos as
            ``videos/CODE.mp4`` below it.
    """
    rubrics = one_version_each(connection, (version_id for row in manifest.attempts for version_id in row.rubrics))
    versions = {rubric.id: rubric for rubric in rubrics.values()}
    sheets = [
        *_sheets(connection, submission, submission.c.sheets, [name for name, _ in manifest.submissions]),
        *_sheets(connection, consensus_version, consensus_version.c.sheets, [name for name, _ in manifest.consensus]),
        *_sheets(connection, model_run, model_run.c.sheet, manifest.models),
    ]
    order = {rubric_id: number for number, rubric_id in enumerate(versions)}
    sheets.sort(key=lambda s: (s.attempt, order[s.rubric], s.author.kind, s.author.name, s.is_repeat))
    return Dataset(
        folder=folder,
        info=DatasetInfo(
            name=manifest.name,
            version="1",
            licence=manifest.licence,
            rubrics=tuple(RubricRef(id=rubric.id, version=rubric.version) for rubric in versions.values()),
            provenance="; ".join((manifest.provenance, *manifest.agreements)),
            rubric_files=tuple(f"rubrics/{rubric_id}.yaml" for rubric_id in versions),
        ),
        rubrics=versions,
        attempts=[
            Attempt(
                id=row.code,
                video=None
                if row.video_sha256 is None
                else VideoRef(path=f"videos/{row.code}.mp4", sha256=row.video_sha256, duration_s=row.duration_s),
                rubrics=tuple(RubricRef(id=rubrics[r].id, version=rubrics[r].version) for r in row.rubrics),
                candidate=row.candidate,
                site=row.site,
                occasion=row.occasion,
                params=row.params,
            )
            for row in manifest.attempts
        ],
        sheets=sheets,
    )


def one_version_each(connection: Connection, ids: Iterable[str]) -> dict[str, Rubric]:
    """Rubrics by the id of their version, in the order met.

    Raises:
        ConflictError: two versions of one rubric; their sheets are not compared without a map of steps (invariant 3).
    """
    found = {version_id: rubric_in(connection, version_id) for version_id in dict.fromkeys(ids)}
    version_of: dict[str, str] = {}
    for rubric in found.values():
        other = version_of.setdefault(rubric.id, rubric.version)
        if other != rubric.version:
            raise ConflictError(
                f"attempts are judged by rubric {rubric.id} in versions {other} and {rubric.version}; "
                "take the attempts of one version at a time",
                kind="state",
                code="two_rubric_versions",
                params={"rubric": rubric.id, "first": other, "second": rubric.version},
            )
    return found


def _begun(connection: Connection, project_id: str) -> set[str]:
    """Attempts with a video, or with somebody who is to rate them."""
    own = select(attempt.c.id).where(attempt.c.project == project_id)
    shown = own.join(media, media.c.attempt == attempt.c.id).where(
        media.c.kind == "derivative", media.c.state != "erased"
    )
    given = own.join(assignment, assignment.c.attempt == attempt.c.id)
    return {id_ for held in (shown, given) for id_ in connection.scalars(held.distinct())}


def _videos(connection: Connection, project_id: str) -> dict[str, tuple[str, float | None]]:
    """The newest verified derivative of each attempt's main camera; originals are never named outside."""
    wanted = (
        select(media.c.attempt, media.c.sha256, media.c.duration_s)
        .join(attempt, attempt.c.id == media.c.attempt)
        .where(
            attempt.c.project == project_id,
            media.c.kind == "derivative",
            media.c.state == "verified",
            media.c.camera == "main",
        )
        .order_by(media.c.created_at, media.c.id)
    )
    return {row.attempt: (row.sha256, row.duration_s) for row in connection.execute(wanted)}


def _submissions(
    connection: Connection, project_id: str, purposes: Collection[str], attempts: Collection[str]
) -> list[tuple[str, str, str]]:
    """(id, sha256, attempt)"""
    wanted = (
        select(submission.c.id, submission.c.sha256, assignment.c.attempt)
        .join(assignment, assignment.c.id == submission.c.assignment)
        .where(
            assignment.c.project == project_id,
            submission.c.purpose.in_(sorted(purposes)),
            submission.c.revision == 1,
        )
        .order_by(submission.c.id)
    )
    return [(row.id, row.sha256, row.attempt) for row in connection.execute(wanted) if row.attempt in attempts]


def _consensus(
    connection: Connection, project_id: str, attempts: Collection[str], *, locked_only: bool
) -> list[tuple[str, str, str]]:
    """(id, sha256, attempt)"""
    states = ("locked",) if locked_only else ("locked", "provisional")
    wanted = (
        select(consensus_version.c.id, consensus_version.c.sha256, consensus_version.c.attempt)
        .join(attempt, attempt.c.id == consensus_version.c.attempt)
        .where(attempt.c.project == project_id, consensus_version.c.state.in_(states))
        .order_by(consensus_version.c.attempt, consensus_version.c.number)
    )
    newest = {row.attempt: row for row in connection.execute(wanted) if row.attempt in attempts}
    return [(row.id, row.sha256, row.attempt) for row in newest.values()]


def _models(connection: Connection, project_id: str, attempts: Collection[str]) -> list[tuple[str, str]]:
    """(id, attempt); of each model, attempt and rubric the newest sheet; older ones stay for the releases that name them."""
    wanted = (
        select(model_run.c.id, model_run.c.attempt, model_run.c.model, model_run.c.rubric)
        .where(model_run.c.project == project_id)
        .order_by(model_run.c.created_at, model_run.c.id)
    )
    newest = {
        (row.attempt, row.model, row.rubric): (row.id, row.attempt)
        for row in connection.execute(wanted)
        if row.attempt in attempts
    }
    return list(newest.values())


def _digests(connection: Connection, versions: Sequence[str]) -> list[tuple[str, str]]:
    wanted = select(rubric_version.c.id, rubric_version.c.sha256).where(rubric_version.c.id.in_(versions))
    return sorted((row.id, row.sha256) for row in connection.execute(wanted))


def _sheets(connection: Connection, table: Table, column: Column[Any], ids: Sequence[str]) -> list[Sheet]:
    found: list[Sheet] = []
    for start in range(0, len(ids), PORTION):
        rows = connection.execute(select(column).where(table.c.id.in_(ids[start : start + PORTION])))
        for (held,) in rows:
            plain: Sequence[Mapping[str, Any]] = held if isinstance(held, list) else [held]
            found += [Sheet.from_plain(dict(one)) for one in plain]
    return found
