"""Statistics of a project as snapshots: what was shown can be computed again to the last digit (invariant 10).

A snapshot names the submissions it stands on, what the attempts were called then, the configuration, the seed and the
version of the code. Agreement stands on first independent submissions only (invariant 2); AI-assisted ones and
calibration stay out (invariant 9). Repeats enter the effects of raters, as repeats: each rater against himself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, insert, select

from siming import __version__
from siming.errors import ConflictError, DatasetError, NotFoundError
from siming.rating import agreement_report
from siming.rating.effects import rater_effects
from siming.rubric import Attempt, Dataset, DatasetInfo, RubricRef, Sheet
from siming.store.access import Actor
from siming.store.canonical import digest, json_values
from siming.store.cases.pairs import INDEPENDENT
from siming.store.database import Database, new_id
from siming.store.figures.dataset import one_version_each
from siming.store.figures.difference import difference_in_words
from siming.store.figures.live import PORTION, Input, inputs_of, present_of
from siming.store.figures.panels import Kept, agreement_by_pair
from siming.store.schema import attempt, project, stat_snapshot, submission

Kind = Literal["agreement", "effects"]

_SHOWN = tuple(column for column in stat_snapshot.columns if column.name != "inputs")
"""Everything but the longest: the names of what went in are for who computes again."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Figures, and everything they were made from."""

    id: str
    kind: Kind
    project: str
    inputs_sha256: str
    n_submissions: int
    configuration: Mapping[str, Any]
    code_version: str
    seed: int
    figures: Mapping[str, Any]
    """The record of `siming rating agree` or `effects`; or ``{"undefined": code}`` where nothing can be said yet:
    ``too_few``, ``no_site``, ``two_rubric_versions``."""
    created_at: str


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest snapshot, and how far the project has moved on since."""

    snapshot: Snapshot | None
    n_submissions: int
    """Locked now."""
    up_to_date: bool
    fingerprint: str
    """Of the project now."""


def standing(db: Database, actor: Actor, project_id: str, *, kind: Kind = "agreement", by: str = "pair") -> Standing:
    """What can be shown at once; nothing is computed here, so a page of any project opens quickly.

    Raises:
        NotAllowedError: statistics are for owner, coordinator and analyst; never for who still rates.
    """
    actor.require("see_statistics", project_id)
    with db.read() as c:
        present = present_of(c, project_id, purposes=_purposes(kind))
        newest = c.execute(
            select(*_SHOWN)
            .where(
                stat_snapshot.c.project == project_id,
                stat_snapshot.c.kind == kind,
                stat_snapshot.c.configuration == _configuration(kind, by),
            )
            .order_by(stat_snapshot.c.created_at.desc())
            .limit(1)
        ).first()
    if newest is None:
        return Standing(None, present.n_submissions, False, present.fingerprint)
    up_to_date = newest.fingerprint == present.fingerprint and newest.code_version == __version__
    return Standing(_snapshot(newest), present.n_submissions, up_to_date, present.fingerprint)


def take_snapshot(
    db: Database,
    project_id: str,
    *,
    kind: Kind = "agreement",
    by: str = "pair",
    seed: int = 0,
    kept: Kept | None = None,
) -> Snapshot:
    """Compute the figures of what is locked now and keep them; the same inputs give the snapshot there is.

    Args:
        kept: Sheets already read and panels already made; a server hands in one that lives as long as it does.
    """
    configuration = _configuration(kind, by)
    with db.read() as c:
        present = present_of(c, project_id, purposes=_purposes(kind))
        inputs = inputs_of(c, project_id, purposes=_purposes(kind))
        about = _about(c, inputs)
        sha256 = _inputs_sha256([(item.submission, item.sha256) for item in inputs], about)
        same = c.execute(
            select(*_SHOWN).where(
                stat_snapshot.c.project == project_id,
                stat_snapshot.c.kind == kind,
                stat_snapshot.c.inputs_sha256 == sha256,
                stat_snapshot.c.configuration == configuration,
                stat_snapshot.c.code_version == __version__,
                stat_snapshot.c.seed == seed,
            )
        ).first()
        if same is not None:
            return _snapshot(same)
        named = {"submissions": [item.submission for item in inputs], "attempts": about}
        figures = _figures(c, project_id, kind, named, configuration, seed, kept or Kept())
    row = {
        "id": new_id("st"),
        "project": project_id,
        "kind": kind,
        "inputs_sha256": sha256,
        "inputs": named,
        "n_submissions": len(inputs),
        "fingerprint": present.fingerprint,
        "configuration": configuration,
        "code_version": __version__,
        "seed": seed,
        "figures": figures,
        "created_at": db.stamp(),
    }
    with db.write() as c:
        c.execute(insert(stat_snapshot).values(**row))
        return _snapshot(c.execute(select(*_SHOWN).where(stat_snapshot.c.id == row["id"])).one())


def recompute(db: Database, snapshot_id: str) -> bool:
    """Whether the figures of a snapshot come out the same, digit for digit, from what it names.

    Raises:
        NotFoundError: there is no such snapshot.
        ConflictError: it was made by another version of the code, which may count otherwise.
    """
    return first_difference(db, snapshot_id) is None


def first_difference(db: Database, snapshot_id: str, *, kept: Kept | None = None) -> str | None:
    """The same in words: the first figure that comes out otherwise and from which digit on; None where all do.

    Args:
        kept: Sheets already read, for who looks at many snapshots.

    Raises:
        NotFoundError, ConflictError: as `recompute`.
    """
    with db.read() as c:
        row = c.execute(select(stat_snapshot).where(stat_snapshot.c.id == snapshot_id)).first()
        if row is None:
            raise NotFoundError(f"there is no snapshot {snapshot_id!r}", code="no_snapshot")
        if row.code_version != __version__:
            raise ConflictError(
                f"snapshot {snapshot_id} was made by siming {row.code_version}, this is {__version__}; "
                f"install that version to compute it again",
                kind="state",
                code="snapshot_of_other_version",
                params={"version": row.code_version},
            )
        names = row.inputs["submissions"]
        if _inputs_sha256(_digests(c, names), row.inputs["attempts"]) != row.inputs_sha256:
            return "the submissions or attempts it names are not those it was made from"
        again = _figures(c, row.project, row.kind, row.inputs, row.configuration, row.seed, kept or Kept())
    return difference_in_words(row.figures, again)


def _configuration(kind: Kind, by: str) -> dict[str, Any]:
    return {"by": by, "purposes": list(_purposes(kind))}


def _purposes(kind: Kind) -> tuple[str, ...]:
    """Of the assignments whose first submissions go in. A repeat holds its rater against himself, and nothing else."""
    return (*INDEPENDENT, "repeat") if kind == "effects" else INDEPENDENT


def _inputs_sha256(submissions: Sequence[tuple[str, str]], about: Mapping[str, Any]) -> str:
    """Over the receipts of the submissions, so that one which was tampered with is another input."""
    return digest({"submissions": [list(pair) for pair in submissions], "attempts": about})


def _digests(connection: Connection, names: Sequence[str]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for start in range(0, len(names), PORTION):
        wanted = select(submission.c.id, submission.c.sha256).where(submission.c.id.in_(names[start : start + PORTION]))
        found.update((row.id, row.sha256) for row in connection.execute(wanted))
    return [(name, found.get(name, "")) for name in names]


def _about(connection: Connection, inputs: Sequence[Input]) -> dict[str, Any]:
    """The attempts of a snapshot as they are called now."""
    wanted = sorted({item.attempt for item in inputs})
    about: dict[str, Any] = {}
    for start in range(0, len(wanted), PORTION):
        rows = connection.execute(
            select(
                attempt.c.id,
                attempt.c.code,
                attempt.c.site,
                attempt.c.candidate_code,
                attempt.c.rubrics,
                attempt.c.params,
            ).where(attempt.c.id.in_(wanted[start : start + PORTION]))
        )
        about.update({row.id: [row.code, row.site, row.candidate_code, row.rubrics, row.params] for row in rows})
    return about


def _figures(
    connection: Connection,
    project_id: str,
    kind: str,
    named: Mapping[str, Any],
    configuration: Mapping[str, Any],
    seed: int,
    kept: Kept,
) -> dict[str, Any]:
    sheets = kept.sheets.of(connection, named["submissions"])
    by = configuration["by"]
    try:
        dataset = _dataset(connection, project_id, named, sheets)
        if kind == "agreement" and by == "pair":
            return agreement_by_pair(dataset, project_id, kept.panels, seed=seed)
        report: Any = (
            agreement_report(dataset, by=by, seed=seed) if kind == "agreement" else rater_effects(dataset, seed=seed)
        )
    except ConflictError as error:
        return {"undefined": error.code}
    except DatasetError:
        no_site = by == "site" and not any(row[1] for row in named["attempts"].values())
        return {"undefined": "no_site" if no_site else "too_few"}
    return json_values(report.to_plain())


def _dataset(connection: Connection, project_id: str, named: Mapping[str, Any], sheets: Sequence[Sheet]) -> Dataset:
    name = connection.execute(select(project.c.slug).where(project.c.id == project_id)).scalar_one()
    rows = sorted(named["attempts"].values())
    rubrics = one_version_each(connection, (rubric_id for row in rows for rubric_id in row[3]))
    versions = {rubric.id: rubric for rubric in rubrics.values()}
    return Dataset(
        folder=Path(name),
        info=DatasetInfo(
            name=name,
            version="1",
            licence="not released",
            rubrics=tuple(RubricRef(id=rubric.id, version=rubric.version) for rubric in versions.values()),
            provenance="siming exam room",
        ),
        rubrics=versions,
        attempts=[
            Attempt(
                id=code,
                site=site,
                candidate=candidate,
                rubrics=tuple(RubricRef(id=rubrics[r].id, version=rubrics[r].version) for r in ids),
                params=params,
            )
            for code, site, candidate, ids, params in rows
        ],
        sheets=sheets,
    )


def _snapshot(row: Any) -> Snapshot:
    return Snapshot(
        id=row.id,
        kind=row.kind,
        project=row.project,
        inputs_sha256=row.inputs_sha256,
        n_submissions=row.n_submissions,
        configuration=row.configuration,
        code_version=row.code_version,
        seed=row.seed,
        figures=row.figures,
        created_at=row.created_at,
    )
