"""Uploads that survive a lost connection, a closed browser and a restarted server.

The protocol is small: begin, then send chunks in order, each with the offset at which it belongs. `received` in the
table is what lies on the disk for certain; a chunk at any other offset is refused with the right one. A complete upload
is queued for the worker (`web.ingest`)::

    receiving -> queued -> working -> done | failed          receiving -> cancelled
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any, BinaryIO, Final, Literal

from sqlalchemy import Connection, insert, select, update

from siming.errors import ConflictError, InputError, NotFoundError, StoreError
from siming.store import audit
from siming.store.access import Actor
from siming.store.database import Database, new_id, time_text
from siming.store.media.attempts import NewAttempt, attempt_of, check_code, check_open, new_rows
from siming.store.media.media import media_of, no_media
from siming.store.media.media_folder import UPLOAD, MediaFolder, as_store_error
from siming.store.media.signatures import HEAD_BYTES, looks_like_video
from siming.store.schema import attempt, upload
from siming.store.text import one_line

UploadState = Literal["receiving", "queued", "working", "done", "failed", "cancelled"]

MOST_BYTES: Final = 20 << 30
SPARE_BYTES: Final = 256 << 20
"""Room on the disk that an upload leaves, for the database among others."""

MOST_OPEN: Final = 200
"""Unfinished uploads of one person."""

PROBLEMS: Final = (
    "not_a_video", "empty", "no_video_stream", "index_missing", "truncated", "damaged", "too_large", "too_slow",
    "no_space", "faces_missing", "same_recording", "lost", "interrupted", "attempt_gone", "unforeseen",
)  # fmt: skip
"""Why an upload failed; pages have a sentence for each."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file on its way."""

    id: str
    project: str
    attempt: str
    person: str
    file_name: str
    fingerprint: str | None
    size: int
    received: int
    camera: str
    recipe: Mapping[str, Any]
    state: UploadState
    progress: float
    problem: str | None
    problem_text: str | None
    original: str | None
    derivative: str | None
    created_at: str
    changed_at: str
    code: str
    """Of the attempt."""


def begin_upload(
    db: Database,
    actor: Actor,
    folder: MediaFolder,
    project_id: str,
    *,
    code: str,
    file_name: str,
    size: int,
    recipe: Mapping[str, Any],
    camera: str = "main",
    fingerprint: str | None = None,
    most_bytes: int = MOST_BYTES,
) -> Upload:
    """Make ready to receive a file. An attempt of a code that is not there yet is made, with all rubrics of the project.

    Args:
        recipe: What is masked and removed; checked by `web.ingest`.
        fingerprint: By which the browser knows the file again after a reload.

    Raises:
        InputError: An empty or too large file, or a code that cannot be.
        ConflictError: The attempt is left out of the project, or there are too many unfinished uploads.
        StoreError: ``full``: the disk cannot take it.
    """
    actor.require("manage_attempts", project_id)
    if not 0 < size <= most_bytes:
        raise InputError(
            f"the file has {size} bytes; give one with at least 1 and at most {most_bytes}, or start the server with "
            f"--largest-upload {_size_text(size, up=True)}",
            field="size",
            code="upload_empty" if size <= 0 else "upload_too_large",
            params={"most": _size_text(most_bytes) + "B", "wanted": _size_text(size, up=True)},
        )
    if folder.free_bytes() < size + SPARE_BYTES:
        raise StoreError("the disk of the media folder cannot take this file; free some space first", kind="full")
    row: dict[str, Any] = {
        "id": new_id("up"), "project": project_id, "person": actor.id,
        "file_name": _shown_name(file_name), "size": size, "received": 0,
        "fingerprint": one_line(fingerprint, "fingerprint", at_most=200, optional=True) if fingerprint else None,
        "camera": one_line(camera, "camera", at_most=40), "recipe": dict(recipe), "state": "receiving",
        "progress": 0.0, "created_at": db.stamp(), "changed_at": db.stamp(),
    }  # fmt: skip
    with db.write() as c:
        check_open(c, project_id)
        open_now = c.execute(
            select(upload.c.id).where(upload.c.person == actor.id, upload.c.state == "receiving").limit(MOST_OPEN)
        ).all()
        if len(open_now) >= MOST_OPEN:
            raise ConflictError(
                f"you have {MOST_OPEN} unfinished uploads; end or cancel some first",
                kind="state",
                code="upload_too_many",
                params={"n": MOST_OPEN},
            )
        row["attempt"] = _attempt_for(c, db, actor, project_id, check_code(code))
        c.execute(insert(upload).values(**row))
        audit.record(
            c, db, actor, "upload.begin", f"upload:{row['id']}", project=project_id,
            detail={"attempt": row["attempt"], "bytes": size},
        )  # fmt: skip
        return upload_of(c, row["id"])


def get_upload(db: Database, actor: Actor, upload_id: str) -> Upload:
    """One upload, for who manages attempts in its project.

    Raises:
        NotFoundError: There is none that he may know of.
    """
    with db.read() as c:
        return _for_manager(c, actor, upload_id)


def list_uploads(db: Database, actor: Actor, project_id: str, *, most: int = 200) -> list[Upload]:
    """The last uploads of a project, newest first."""
    actor.require("manage_attempts", project_id)
    with db.read() as c:
        rows = c.execute(
            _WITH_CODE.where(upload.c.project == project_id)
            .order_by(upload.c.created_at.desc(), upload.c.id)
            .limit(most)
        ).all()
    return [_upload(row._mapping) for row in rows]


class Reception:
    """One chunk being received: opened at an offset, written piece by piece, acknowledged at the end.

    Nobody else writes to this upload in between.

    Raises:
        NotFoundError, ConflictError: No such upload; it is complete; somebody else writes; or ``offset`` with the right
            one in `detail`.
    """

    def __init__(self, db: Database, actor: Actor, folder: MediaFolder, upload_id: str, offset: int) -> None:
        self.db, self.actor, self.folder = db, actor, folder
        with db.read() as c:
            _receiving(_for_manager(c, actor, upload_id))
        if offset < 0:
            raise InputError("Upload-Offset is below 0", field="Upload-Offset", code="upload_offset")
        # Where another chunk has just ended, the table is read again behind the lock.
        with db.read() as c:
            at = upload_of(c, upload_id).received
        if offset != at:
            raise wrong_offset(at)
        self._file: BinaryIO = folder.open_part(upload_id, at=at)
        with db.read() as c:
            self.upload = upload_of(c, upload_id)
        if self.upload.received != at or self.upload.state != "receiving":
            self._file.close()
            raise wrong_offset(self.upload.received)
        self.at = at

    def write(self, piece: bytes) -> None:
        """Append to what was received.

        Raises:
            InputError: More than the file was said to have.
            StoreError: ``full``: what this chunk wrote is taken back, what was acknowledged before stays.
        """
        if self.at + len(piece) > self.upload.size:
            raise InputError(
                f"the upload was begun with {self.upload.size} bytes and this chunk goes beyond; begin it anew",
                field="Upload-Offset",
                code="upload_beyond",
            )
        with as_store_error(self.folder.part_of(self.upload.id)):
            left = memoryview(piece)
            while left:
                left = left[write_some(self._file, left) :]
        self.at += len(piece)

    def end(self, *, queue: bool = True) -> Upload:
        """Acknowledge what was written: it is on the disk, and the table says so.

        Raises:
            InputError: The first bytes are not those of a video; the upload has failed.
        """
        before = self.upload.received
        try:
            with as_store_error(self.folder.part_of(self.upload.id)):
                os.fsync(self._file.fileno())
            enough = min(HEAD_BYTES, self.upload.size)
            if before < enough <= self.at and not looks_like_video(self._head()):
                self._refuse()
            complete = self.at == self.upload.size
            values: dict[str, Any] = {"received": self.at, "changed_at": self.db.stamp()}
            if complete and queue:
                values["state"] = "queued"
            with self.db.write() as c:
                c.execute(update(upload).where(upload.c.id == self.upload.id).values(**values))
                if complete:
                    audit.record(
                        c,
                        self.db,
                        self.actor,
                        "upload.complete",
                        f"upload:{self.upload.id}",
                        project=self.upload.project,
                    )
                return upload_of(c, self.upload.id)
        finally:
            self._file.close()

    def take_back(self) -> None:
        """Forget what this chunk wrote; the offset stays as it was."""
        try:
            self._file.truncate(self.upload.received)
        finally:
            self._file.close()

    def _head(self) -> bytes:
        return os.pread(self._file.fileno(), HEAD_BYTES, 0)

    def _refuse(self) -> None:
        fail_upload(self.db, self.upload.id, "not_a_video", "its first bytes are not those of a video")
        self.folder.forget_upload(self.upload.id)
        raise InputError(
            f"{self.upload.file_name} is not a video; give an MP4, MOV, MKV, WebM, AVI or TS file",
            field="file",
            code="upload_not_a_video",
            params={"name": self.upload.file_name},
        )


def write_some(file: BinaryIO, piece: memoryview) -> int:
    """Write as much as the disk takes in one go; how much that was."""
    return os.write(file.fileno(), piece)


def cancel_upload(db: Database, actor: Actor, folder: MediaFolder, upload_id: str) -> Upload:
    """Give up an upload that is not complete; what was received is removed.

    Raises:
        ConflictError: It is complete, or somebody is writing.
    """
    with db.read() as c:
        found = _receiving(_for_manager(c, actor, upload_id))
    folder.open_part(upload_id, at=0).close()
    with db.write() as c:
        found = _receiving(upload_of(c, upload_id, lock=True))
        c.execute(
            update(upload).where(upload.c.id == upload_id).values(state="cancelled", changed_at=db.stamp(), received=0)
        )
        audit.record(c, db, actor, "upload.cancel", f"upload:{upload_id}", project=found.project)
    folder.forget_upload(upload_id)
    return get_upload(db, actor, upload_id)


def make_again(db: Database, actor: Actor, original_id: str, recipe: Mapping[str, Any]) -> Upload:
    """Queue an original that is here already, to be masked in another way.

    Raises:
        NotFoundError, ConflictError: There is none, it was erased, or it is being worked on.
    """
    actor.require_somewhere("manage_attempts")
    with db.write() as c:
        row = media_of(c, original_id, lock=True)
        project_id = attempt_of(c, row.attempt).project
        if not actor.may("manage_attempts", project_id):
            raise no_media()
        check_open(c, project_id)
        busy = c.scalar(
            select(upload.c.id).where(upload.c.original == original_id, upload.c.state.in_(("queued", "working")))
        )
        if row.kind != "original" or row.state == "erased" or busy is not None:
            raise ConflictError(
                "only an original that is not being worked on can be masked again; wait until it is done",
                kind="state",
                code="media_busy",
            )
        name = c.scalar(select(upload.c.file_name).where(upload.c.original == original_id).limit(1))
        made = {
            "id": new_id("up"), "project": project_id, "attempt": row.attempt, "person": actor.id,
            "file_name": name or "-", "size": row.bytes, "received": row.bytes, "camera": row.camera,
            "recipe": dict(recipe), "state": "queued", "progress": 0.0, "original": original_id,
            "created_at": db.stamp(), "changed_at": db.stamp(),
        }  # fmt: skip
        c.execute(insert(upload).values(**made))
        audit.record(c, db, actor, "upload.again", f"upload:{made['id']}", project=project_id)
        return upload_of(c, str(made["id"]))


def clean_uploads(db: Database, folder: MediaFolder, *, older_than: timedelta) -> int:
    """Cancel uploads that nobody went on with, and remove bytes that belong to none; how many were cancelled."""
    before = time_text(db.now() - older_than)
    with db.write() as c:
        stale = c.scalars(
            select(upload.c.id).where(upload.c.state == "receiving", upload.c.changed_at < before).with_for_update()
        ).all()
        if stale:
            values = {"state": "cancelled", "changed_at": db.stamp(), "received": 0}
            c.execute(update(upload).where(upload.c.id.in_(stale)).values(**values))
        live = set(c.scalars(select(upload.c.id).where(upload.c.state.in_(("receiving", "queued", "working")))))
    for upload_id in folder.parts():
        if upload_id not in live:
            folder.forget_upload(upload_id)
    return len(stale)


# --- for the worker -------------------------------------------------------------------------------------------------


def waiting_uploads(db: Database) -> list[Upload]:
    """Complete uploads that wait for a worker, or whose worker may have died, oldest first."""
    with db.read() as c:
        rows = c.execute(
            _WITH_CODE.where(upload.c.state.in_(("queued", "working"))).order_by(upload.c.created_at, upload.c.id)
        ).all()
    return [_upload(row._mapping) for row in rows]


def set_working(db: Database, upload_id: str) -> Upload | None:
    """Take a job whose lock the caller holds; None where it has ended meanwhile."""
    with db.write() as c:
        found = upload_of(c, upload_id, lock=True)
        if found.received != found.size or found.state not in ("receiving", "queued", "working"):
            return None
        values = {"state": "working", "progress": 0.0, "problem": None, "problem_text": None, "changed_at": db.stamp()}
        c.execute(update(upload).where(upload.c.id == upload_id).values(**values))
        return upload_of(c, upload_id)


def put_back(db: Database, upload_id: str) -> None:
    """Queue a job again that was interrupted by the end of the server."""
    _set(db, upload_id, state="queued", progress=0.0)


def set_progress(db: Database, upload_id: str, progress: float) -> None:
    """Say how far the ingest is, 0 to 1."""
    _set(db, upload_id, progress=min(1.0, max(0.0, progress)))


def set_original(db: Database, upload_id: str, media_id: str) -> None:
    """Say which original came of an upload."""
    _set(db, upload_id, original=media_id)


def finish_upload(db: Database, upload_id: str, derivative_id: str) -> None:
    """The derivative is there."""
    _set(db, upload_id, state="done", progress=1.0, derivative=derivative_id)


def fail_upload(db: Database, upload_id: str, problem: str, text: str) -> None:
    """It came to nothing, for a reason of `PROBLEMS`."""
    known = problem if problem in PROBLEMS else "unforeseen"
    clean = text.replace("\0", "").encode("utf-8", "replace").decode()[:1000]
    _set(db, upload_id, state="failed", problem=known, problem_text=clean)


def upload_of(c: Connection, upload_id: str, *, lock: bool = False) -> Upload:
    """Inside a transaction: the upload of that id.

    Raises:
        NotFoundError: There is none.
    """
    if not UPLOAD.fullmatch(upload_id):
        raise no_upload()
    if lock:
        c.execute(select(upload.c.id).where(upload.c.id == upload_id).with_for_update())
    row = c.execute(_WITH_CODE.where(upload.c.id == upload_id)).first()
    if row is None:
        raise no_upload()
    return _upload(row._mapping)


def no_upload() -> NotFoundError:
    """The one sentence for an upload that is not there and for one that the asker may not know of."""
    return NotFoundError("there is no such upload; begin it anew", code="upload_missing")


def wrong_offset(right: int) -> ConflictError:
    """A chunk came for another place than the next one."""
    return ConflictError(
        f"the next chunk belongs at offset {right}; send it from there",
        kind="offset",
        detail={"offset": right},
        code="upload_offset",
        params={"offset": right},
    )


_WITH_CODE = select(upload, attempt.c.code).join(attempt, attempt.c.id == upload.c.attempt)


def _upload(row: Mapping[str, Any] | Any) -> Upload:
    return Upload(**{name: row[name] for name in Upload.__dataclass_fields__})


def _set(db: Database, upload_id: str, **values: Any) -> None:
    with db.write() as c:
        c.execute(update(upload).where(upload.c.id == upload_id).values(**values, changed_at=db.stamp()))


def _for_manager(c: Connection, actor: Actor, upload_id: str) -> Upload:
    actor.require_somewhere("manage_attempts")
    found = upload_of(c, upload_id)
    if not actor.may("manage_attempts", found.project):
        raise no_upload()
    return found


def _receiving(found: Upload) -> Upload:
    if found.state != "receiving" or found.received >= found.size:
        raise ConflictError(
            f"this upload is {found.state}; nothing more can be sent to it",
            kind="state",
            detail={"state": found.state, "offset": found.received},
            code="upload_ended",
        )
    return found


def _attempt_for(c: Connection, db: Database, actor: Actor, project_id: str, code: str) -> str:
    found = c.execute(
        select(attempt.c.id, attempt.c.state).where(attempt.c.project == project_id, attempt.c.code == code)
    ).first()
    if found is None:
        row = new_rows(c, db, project_id, [NewAttempt(code)])[0]
        c.execute(insert(attempt).values(**row))
        audit.record(c, db, actor, "attempt.add", f"attempt:{row['id']}", project=project_id)
        return str(row["id"])
    if found.state != "usable":
        raise ConflictError(
            f"attempt {code} is left out of the project, or is about to be; use another code",
            kind="state",
            code="attempt_is_excluded",
            params={"code": code},
        )
    return str(found.id)


def _shown_name(name: str) -> str:
    """A client's file name, for the eye only: its last part, whatever kind of slashes it has."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(ch for ch in last if ch.isprintable())
    return printable.strip()[-120:] or "-"


def _size_text(size: int, *, up: bool = False) -> str:
    """A size as ``siming serve --largest-upload`` takes it; rounded up, it lets a file of that size in.

    >>> _size_text(20 << 30), _size_text((20 << 30) + 1, up=True), _size_text(512)
    ('20G', '21G', '512')
    """
    power = min(max(size.bit_length() - 1, 0) // 10, 4)
    number = size / 1024**power
    return f"{ceil(number) if up else round(number, 1):g}{' KMGT'[power].strip()}"
