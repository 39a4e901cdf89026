"""Deletion by law: the recording goes, its row and its hash stay, and the audit still verifies (invariant 8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, or_, select, update

from siming.errors import InputError, NotFoundError
from siming.store import audit
from siming.store.access import Actor
from siming.store.database import Database
from siming.store.media.attempts import for_coordinator
from siming.store.media.media import Media, check_id, media_of, no_media
from siming.store.media.media_folder import MediaFolder
from siming.store.schema import media, upload

GROUNDS = ("consent_withdrawn", "law", "wrong_upload")
"""Why a recording may be erased."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased."""

    media: tuple[str, ...]
    files: int
    """Files taken from the disk."""
    kept_elsewhere: int
    """Files that stay because another attempt holds the same bytes; erase them there as well."""


def erase_media(db: Database, actor: Actor, folder: MediaFolder, media_id: str, *, ground: str) -> Erasure:
    """Erase a file for good; with an original goes every derivative made from it. Ratings stay: they hold no picture,
    and their evidence keeps its time map.

    The rows change first, so that from then on nobody is shown anything, and then the files go; called again after a
    crash in between, it takes what was left.

    Raises:
        InputError: No ground of the list.
        NotFoundError: There is none that he manages.
    """
    if ground not in GROUNDS:
        raise InputError(
            f"ground {ground[:40]!r}; choose one of {', '.join(GROUNDS)}", field="ground", code="erasure_ground"
        )
    actor.require_somewhere("see_originals")
    with db.write() as c:
        attempt_id = c.scalar(select(media.c.attempt).where(media.c.id == check_id(media_id)))
        if attempt_id is None:
            raise no_media()
        try:
            project_id = for_coordinator(c, actor, attempt_id).project
        except NotFoundError:
            raise no_media() from None  # whose attempt it is, is not his business either
        actor.require("see_originals", project_id)
        wanted = select(media.c.id).where(or_(media.c.id == media_id, media.c.made_from == media_id))
        rows = [media_of(c, found, lock=True) for found in c.scalars(wanted).all()]
        gone = sorted({path for row in rows for path in _paths(row)})
        for row in rows:
            if row.state != "erased":
                _erase_row(c, db, actor, row, project_id, ground)
        shared = {path for path in gone if _still_used(c, path)}
    files = sum(folder.remove(path) for path in gone if path not in shared)
    return Erasure(tuple(row.id for row in rows), files, len(shared))


def _erase_row(c: Connection, db: Database, actor: Actor, row: Media, project_id: str, ground: str) -> None:
    c.execute(update(media).where(media.c.id == row.id).values(state="erased", state_reason=ground))
    # A file's name often is a candidate's.
    named: dict[str, Any] = {"file_name": "(erased)", "fingerprint": None, "problem_text": None}
    c.execute(update(upload).where(or_(upload.c.original == row.id, upload.c.derivative == row.id)).values(**named))
    audit.record(
        c, db, actor, "media.erase", f"media:{row.id}", project=project_id, before=row.sha256, detail={"ground": ground}
    )


def _paths(row: Media) -> list[str]:
    return [row.path, *(str(picture["path"]) for picture in row.facts.get("previews", ()))]


def _still_used(c: Connection, path: str) -> bool:
    """Whether a row that is not erased holds this file: equal bytes are one file."""
    if path.startswith("previews/"):
        return False  # drawn anew from a derivative where they are missing
    return c.execute(select(media.c.id).where(media.c.path == path, media.c.state != "erased")).first() is not None
