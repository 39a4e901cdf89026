"""Releases: a named list of what leaves, fixed once; exported twice it is the same bytes.

Nothing of the vault leaves, no login, no original video: raters and candidates are the codes of the project.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, FromClause, func, insert, select

from siming.errors import ConflictError, InputError, NotFoundError
from siming.rubric import Dataset
from siming.store import audit
from siming.store.access import Actor
from siming.store.canonical import digest
from siming.store.cases.origins import with_origins
from siming.store.database import Database, new_id
from siming.store.figures.dataset import PORTION, Manifest, What, dataset_of, manifest_of
from siming.store.projects.rubrics import rubric_in
from siming.store.schema import (
    adjudication_case,
    assignment,
    attempt,
    consensus_version,
    media,
    model_run,
    project,
    release,
    submission,
)
from siming.store.text import one_line


@dataclass(frozen=True, slots=True)
class Leaving:
    """What would leave with an export, before it does."""

    n_attempts: int
    n_excluded: int
    n_raters: int
    n_submissions: int
    n_consensus: int
    n_without_consensus: int
    """Attempts that have no locked consensus yet; they go without one."""
    n_open_cases: int
    n_models: int
    n_videos: int
    n_videos_unmasked: int
    """Of them, films whose recipe left faces as they are."""
    rubrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """A release that was made."""

    id: str
    name: str
    project: str
    manifest: Manifest
    manifest_sha256: str
    created_at: str


def preview(db: Database, actor: Actor, project_id: str, *, what: Collection[What] = ("first", "consensus")) -> Leaving:
    """What an export made now would hold."""
    actor.require("export", project_id)
    with db.read() as c:
        manifest = manifest_of(c, project_id, what=what)
        excluded = c.execute(
            select(func.count()).where(attempt.c.project == project_id, attempt.c.state == "excluded")
        ).scalar_one()
        cases = c.execute(
            select(func.count())
            .select_from(adjudication_case.join(attempt, attempt.c.id == adjudication_case.c.attempt))
            .where(attempt.c.project == project_id, adjudication_case.c.state.in_(("open", "leased", "decided")))
        ).scalar_one()
        settled = _counted(c, consensus_version.c.attempt, consensus_version, [name for name, _ in manifest.consensus])
        models = _counted(c, model_run.c.model, model_run, manifest.models)
        raters = _counted(
            c,
            assignment.c.rater,
            submission.join(assignment, assignment.c.id == submission.c.assignment),
            [name for name, _ in manifest.submissions],
            key=submission.c.id,
        )
        rubrics = [rubric_in(c, version_id) for version_id, _ in manifest.rubrics]
        unmasked = _unmasked(c, project_id, manifest)
    return Leaving(
        n_attempts=len(manifest.attempts),
        n_excluded=excluded,
        n_raters=raters,
        n_submissions=len(manifest.submissions),
        n_consensus=len(manifest.consensus),
        n_without_consensus=len(manifest.attempts) - settled,
        n_open_cases=cases,
        n_models=models,
        n_videos=sum(row.video_sha256 is not None for row in manifest.attempts),
        n_videos_unmasked=unmasked,
        rubrics=tuple(sorted(f"{rubric.id} {rubric.version}" for rubric in rubrics)),
    )


def _counted(
    c: Connection, what: Column[Any], source: FromClause, ids: Sequence[str], *, key: Column[Any] | None = None
) -> int:
    """How many different values the rows of these ids have."""
    found: set[str] = set()
    column = source.c.id if key is None else key
    for start in range(0, len(ids), PORTION):
        wanted = select(what).select_from(source).where(column.in_(ids[start : start + PORTION])).distinct()
        found.update(c.execute(wanted).scalars())
    return len(found)


def unmasked_of(db: Database, actor: Actor, found: Sequence[Release]) -> dict[str, int]:
    """By release, how many of its films have faces as they were recorded."""
    for each in found:
        actor.require("export", each.project)
    with db.read() as c:
        return {each.id: _unmasked(c, each.project, each.manifest) for each in found}


def _unmasked(c: Connection, project_id: str, manifest: Manifest) -> int:
    """Films of a manifest that no recipe names as masked: what is not known to be masked is not said to be."""
    wanted = [row.video_sha256 for row in manifest.attempts if row.video_sha256 is not None]
    rows = c.execute(
        select(media.c.sha256, media.c.recipe)
        .join(attempt, attempt.c.id == media.c.attempt)
        .where(attempt.c.project == project_id, media.c.kind == "derivative")
    )
    masked = {row.sha256 for row in rows if (row.recipe or {}).get("faces", "none") != "none"}
    return sum(sha256 not in masked for sha256 in wanted)


def make_release(
    db: Database,
    actor: Actor,
    project_id: str,
    *,
    name: str,
    licence: str,
    agreements: Sequence[str] = (),
    what: Collection[What] = ("first", "consensus"),
) -> Release:
    """Fix what leaves under a name.

    Raises:
        ConflictError: the name is taken; a release never changes, the next one has another name.
        InputError: no licence, or nothing is locked yet.
    """
    actor.require("export", project_id)
    name = one_line(name, "name", at_most=60)
    licence = one_line(licence, "licence", at_most=200)
    agreed = tuple(one_line(text, "agreements", at_most=300) for text in agreements)
    with db.read() as c:
        provenance = f"siming exam room, release {name}"
        manifest = manifest_of(c, project_id, what=what, licence=licence, agreements=agreed, provenance=provenance)
    if not (manifest.submissions or manifest.consensus or manifest.models):
        raise InputError("nothing is locked yet, so there is nothing to release", code="nothing_to_release")
    plain = manifest.model_dump(mode="json")
    with db.write() as c:
        # Of two releases at once by one name the second waits here and is refused. A closed project can be released.
        c.execute(select(project.c.id).where(project.c.id == project_id).with_for_update()).one()
        if c.execute(select(release.c.id).where(release.c.project == project_id, release.c.name == name)).first():
            raise ConflictError(
                f"there is a release {name!r} already, and a release never changes; choose the next name",
                kind="exists",
                code="release_taken",
                params={"name": name},
            )
        row: dict[str, Any] = {
            "id": new_id("re"),
            "project": project_id,
            "name": name,
            "manifest": plain,
            "manifest_sha256": digest(plain),
            "made_by": actor.id,
            "created_at": db.stamp(),
        }
        c.execute(insert(release).values(**row))
        audit.record(
            c, db, actor, "release.make", f"release:{row['id']}", project=project_id, after=row["manifest_sha256"],
            detail={"name": name, "licence": licence, "agreements": list(agreed)},
        )  # fmt: skip
        return _release(c.execute(select(release).where(release.c.id == row["id"])).one())


def releases(db: Database, actor: Actor, project_id: str) -> tuple[Release, ...]:
    """Every release of a project, newest first."""
    actor.require("export", project_id)
    with db.read() as c:
        rows = c.execute(select(release).where(release.c.project == project_id).order_by(release.c.created_at.desc()))
        return tuple(_release(row) for row in rows)


def get_release(db: Database, actor: Actor, release_id: str) -> Release:
    """One release.

    Raises:
        NotFoundError: there is none that he may know of.
    """
    actor.require_somewhere("export")
    with db.read() as c:
        row = c.execute(select(release).where(release.c.id == release_id)).first()
    if row is None or not actor.may("export", row.project):
        raise NotFoundError(f"there is no release {release_id[:40]!r}", code="no_release")
    return _release(row)


def released_dataset(
    db: Database, actor: Actor, release_id: str, *, form: str = "", videos: bool = False
) -> tuple[Release, Dataset]:
    """The dataset of a release, the same whenever it is asked for; that it left is audited.

    Args:
        form: The format it leaves in, for the audit.
        videos: Whether the videos that raters see go along.

    Raises:
        NotFoundError: there is no such release.
        NotAllowedError: no right to export, or to see the videos that are to go along.
    """
    found = get_release(db, actor, release_id)
    if videos:
        actor.require("manage_attempts", found.project)
    with db.write() as c:
        audit.record(
            c, db, actor, "release.export", f"release:{found.id}", project=found.project, after=found.manifest_sha256,
            detail={"form": form, "videos": videos},
        )  # fmt: skip
    # Read after the transaction: the sheets of a large project take seconds, and raters must not wait for the lock.
    with db.read() as c:
        return found, _as_fits(form, _leaving(c, found.manifest))


def export_dataset(
    db: Database,
    actor: Actor,
    project_id: str,
    *,
    what: Collection[What] = ("first", "consensus"),
    form: str = "",
    licence: str = "not released",
    videos: bool = False,
) -> Dataset:
    """The dataset of what is locked now, without a release; audited. Arguments as of `released_dataset`."""
    actor.require("export", project_id)
    if videos:
        actor.require("manage_attempts", project_id)
    with db.read() as c:
        manifest = manifest_of(c, project_id, what=what, licence=licence)
    with db.write() as c:
        audit.record(
            c, db, actor, "project.export", f"project:{project_id}", project=project_id,
            after=digest(manifest.model_dump(mode="json")),
            detail={"form": form, "what": sorted(what), "videos": videos},
        )  # fmt: skip
    with db.read() as c:
        return _as_fits(form, _leaving(c, manifest))


def _leaving(c: Connection, manifest: Manifest) -> Dataset:
    """What a manifest names, each step of a consensus with where it comes from and the adjudicator's rationale."""
    dataset = dataset_of(c, manifest, Path(manifest.name))
    return replace(dataset, sheets=with_origins(c, dataset.sheets, [name for name, _ in manifest.consensus]))


def _as_fits(form: str, dataset: Dataset) -> Dataset:
    """Other programs' formats have one place for an author and an attempt, and none for the word that a sheet is a
    repeat: only siming's own carries them."""
    if form in ("", "siming"):
        return dataset
    return replace(dataset, sheets=[sheet for sheet in dataset.sheets if not sheet.is_repeat])


def film_paths(db: Database, project_id: str, manifest_videos: Collection[str]) -> dict[str, str]:
    """Where the films of these sha256 lie below the media folder; only those that raters may see, and of attempts that
    are not excluded: consent may have been withdrawn since a release named them."""
    with db.read() as c:
        rows = c.execute(
            select(media.c.sha256, media.c.path)
            .join(attempt, attempt.c.id == media.c.attempt)
            .where(
                attempt.c.project == project_id,
                attempt.c.state != "excluded",
                media.c.kind == "derivative",
                media.c.state == "verified",
            )
        )
        return {row.sha256: row.path for row in rows if row.sha256 in manifest_videos}


def _release(row: Any) -> Release:
    return Release(
        id=row.id,
        name=row.name,
        project=row.project,
        manifest=Manifest.model_validate(row.manifest),
        manifest_sha256=row.manifest_sha256,
        created_at=row.created_at,
    )
