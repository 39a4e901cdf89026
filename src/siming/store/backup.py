"""Backups: the whole room in a folder that can be checked and restored while the server goes on working.

    manifest.json        written last: what lies here, with sizes and sha256, and the head of the audit
    room.db              the database as it was at one moment (SQLite; PostgreSQL is dumped with its own tool)
    media/...            the recordings under the names of the media folder; under uploads/ those that wait to be worked on
    vault/vault.db       identities, sealed; the master key is kept elsewhere on purpose

The database is copied first and the recordings after it: a recording never changes and is there before its row, so the
copy holds at least what the database names.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import func, select

from siming.errors import StoreError
from siming.store import audit
from siming.store.audit import Verdict
from siming.store.blind.submissions import Verified, verify_submissions
from siming.store.database import Database
from siming.store.figures.recount import Note, Recounted, recount_all
from siming.store.integrity import Held, hold_all
from siming.store.migrate import migrate, present_version
from siming.store.schema import audit_event, audit_head, media, upload

SCHEMA = "siming.backup/1"
MANIFEST = "manifest.json"
SHELVES = ("originals", "derivatives", "previews")
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds."""

    folder: Path
    files: int
    bytes: int
    audit_lines: int
    """Lines of the audit at that moment."""
    database: bool
    """False on PostgreSQL: its own dump belongs beside this."""
    arriving: int
    """Uploads that were still being received and are not in here: after a restore their senders begin anew."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether a room is what it says of itself."""

    audit: Verdict
    submissions: Verified
    media: int
    """Recordings looked at."""
    problems: tuple[str, ...]
    """Of recordings: missing, or with other bytes."""
    figures: Recounted
    """Statistics, counted again."""
    held: tuple[Held, ...]
    """Consensus, decisions, rubrics, gold and model sheets, releases, reasons and drafts, against their digests."""

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        parts = (self.audit.ok, self.submissions.ok, self.figures.ok, not self.problems)
        return all(parts) and not any(kind.problems for kind in self.held)


def back_up(db: Database, media_folder: Path, to: Path, *, vault: Path | None = None, link: bool = False) -> Backup:
    """Copy a room into a fresh folder; the server may be running.

    Args:
        to: A folder that is not there yet, or empty.
        vault: The vault's folder; its database goes along, its master key does not.
        link: Give recordings a second name in place of a second copy: quick and small on the same disk, and no help
            when that disk fails.

    Raises:
        StoreError: the folder is not empty, the disk is full, or a recording is not what its name says.
    """
    if to.exists() and any(to.iterdir()):
        raise StoreError(f"{to}: not empty; name a fresh folder for each backup", kind="read_only")
    to.mkdir(parents=True, exist_ok=True, mode=0o700)
    files: dict[str, dict[str, Any]] = {}
    if db.is_sqlite:
        _copy_sqlite(Path(str(db.url.database)), to / "room.db")
        files["room.db"] = _described(to / "room.db")
    with db.read() as c:
        head = c.execute(select(audit_head.c.seq, audit_head.c.hash)).one()
    if db.is_sqlite:  # of the copy, not of the room that has gone on meanwhile
        with closing(sqlite3.connect(to / "room.db")) as copy:
            seq, hash_ = copy.execute("SELECT seq, hash FROM audit_head").fetchone()
    else:
        seq, hash_ = head.seq, head.hash
    with db.read() as c:
        room = c.scalar(select(audit_event.c.hash).where(audit_event.c.seq == 1))
        waiting = c.scalars(select(upload.c.id).where(upload.c.state.in_(("queued", "working")))).all()
        n_arriving = c.scalar(select(func.count()).where(upload.c.state == "receiving")) or 0
    for path in _parts(media_folder, waiting):
        name = PurePosixPath("media", "uploads", path.name)
        try:
            _bring(path, to / name, link=link)
        except StoreError:
            if path.is_file():
                raise
            continue  # worked on meanwhile: its bytes lie with the originals now, which are copied next
        files[str(name)] = _described(to / name)
    for path in _kept(media_folder):
        name = PurePosixPath("media", *path.relative_to(media_folder).parts)
        _bring(path, to / name, link=link)
        files[str(name)] = _described(to / name)
        if files[str(name)]["sha256"] != path.name:
            raise StoreError(
                f"{path}: its bytes are not those of its name; restore it from an older backup", kind="damaged"
            )
    if vault is not None and (vault / "vault.db").is_file():
        (to / "vault").mkdir(mode=0o700)
        _copy_sqlite(vault / "vault.db", to / "vault" / "vault.db")
        files["vault/vault.db"] = _described(to / "vault" / "vault.db")
    manifest = {
        "schema": SCHEMA,
        "room": room,
        "made_at": db.stamp(),
        "database": db.url.get_backend_name(),
        "database_version": present_version(db),
        "audit": {"seq": seq, "hash": hash_},
        "uploads_arriving": n_arriving,
        "files": files,
    }
    _sync_folders(to)
    _write(to / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode())
    return Backup(to, len(files), sum(f["bytes"] for f in files.values()), seq, db.is_sqlite, n_arriving)


def check_backup(folder: Path) -> dict[str, Any]:
    """The manifest of a backup whose every file is as it was written.

    Raises:
        StoreError: ``damaged``, naming the first file that is missing or changed.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
        files = manifest["files"].items()
        if manifest["schema"] != SCHEMA:
            raise StoreError(
                f"{folder}: a backup of form {manifest['schema']!r}, this siming reads {SCHEMA}", kind="newer"
            )
    except FileNotFoundError as error:
        raise StoreError(
            f"{folder}: no {MANIFEST}; the backup was not finished, or this is none", kind="damaged"
        ) from error
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise StoreError(f"{folder / MANIFEST}: cannot be read ({error})", kind="damaged") from error
    for name, wanted in files:
        parts = PurePosixPath(name).parts
        if PurePosixPath(name).is_absolute() or ".." in parts:
            raise StoreError(f"{folder / MANIFEST}: {name!r} leads out of the backup", kind="damaged")
        path = folder.joinpath(*parts)
        if not path.is_file() or path.is_symlink():
            raise StoreError(f"{path}: missing from the backup", kind="damaged")
        if _described(path) != wanted:
            raise StoreError(f"{path}: not what it was when the backup was made", kind="damaged")
    return manifest


def keep_newest(made: Path, n: int) -> tuple[Path, ...]:
    """Remove older backups of the same room that lie beside a new one, once that is checked; which ones went.

    What is no finished backup of this room stays, whatever it is.

    Args:
        made: The new backup.
        n: How many to keep, the new one among them.

    Raises:
        StoreError: the new one is damaged; then nothing is removed.
    """
    own = check_backup(made)
    beside = []
    for folder in made.resolve().parent.iterdir():
        if folder == made.resolve() or folder.is_symlink() or not (folder / MANIFEST).is_file():
            continue
        try:
            other = json.loads((folder / MANIFEST).read_text("utf-8"))
            alike = (other["schema"], other["room"]) == (SCHEMA, own["room"])
            made_at = str(other["made_at"])
        except (ValueError, KeyError, TypeError):
            continue
        if alike and own["room"] is not None and made_at < own["made_at"]:
            beside.append((made_at, folder))
    gone = [folder for _, folder in sorted(beside, reverse=True)[max(n, 1) - 1 :]]
    for folder in gone:
        (folder / MANIFEST).unlink()  # first: what is half gone must not look finished
        shutil.rmtree(folder)
    return tuple(gone)


def restore(
    folder: Path,
    *,
    database: Path,
    media_folder: Path,
    vault: Path | None = None,
    note: Note = lambda done, of: None,
    note_draft: Note = lambda done, of: None,
) -> Health:
    """Bring a backup back to where there is nothing yet, and check what came back, as `check_room` does.

    Raises:
        StoreError: the backup is damaged, the place is taken, or the audit is not the one that was backed up.
    """
    manifest = check_backup(folder)
    if "room.db" not in manifest["files"]:
        raise StoreError(
            f"{folder}: holds no database; restore PostgreSQL with pg_restore and copy the media folder", kind="damaged"
        )
    for place in (database, media_folder, *([] if vault is None else [vault / "vault.db"])):
        if place.exists() and not (place.is_dir() and not any(place.iterdir())):
            raise StoreError(f"{place}: something is there already; restore to another place", kind="read_only")
    for name in manifest["files"]:
        head, *rest = PurePosixPath(name).parts
        if head == "media":
            _bring(folder / name, media_folder.joinpath(*rest), link=False)
        elif head == "vault" and vault is not None:
            vault.mkdir(parents=True, exist_ok=True, mode=0o700)
            _bring(folder / name, vault.joinpath(*rest), link=False)
    for place in (media_folder, *([] if vault is None else [vault])):
        if place.is_dir():
            _sync_folders(place)
    _bring(folder / "room.db", database, link=False)  # last: a room without its recordings must not look whole
    _sync_folder(database.parent)
    db = Database(f"sqlite:///{database}")
    try:
        with db.read() as c:
            head_row = c.execute(select(audit_head.c.seq, audit_head.c.hash)).one()
        if (head_row.seq, head_row.hash) != (manifest["audit"]["seq"], manifest["audit"]["hash"]):
            raise StoreError(f"{database}: its audit is not the one that was backed up", kind="damaged")
        migrate(db)
        return check_room(db, media_folder, note=note, note_draft=note_draft)
    finally:
        db.close()


def check_room(
    db: Database,
    media_folder: Path,
    *,
    drafts: int | None = None,
    note: Note = lambda done, of: None,
    note_draft: Note = lambda done, of: None,
) -> Health:
    """Read everything: the audit's chain, every submission's receipt, every recording's bytes, whatever else has a digest;
    build drafts again from their changes, and count every kept figure again.

    Args:
        drafts: How many drafts to build again, drawn at random; all of them by default.
        note: Told how many snapshots are counted again, of how many: with many sheets that is what takes time.
        note_draft: The same of drafts.
    """
    with db.read() as c:
        rows = c.execute(
            select(media.c.id, media.c.path, media.c.sha256, media.c.bytes).where(media.c.state != "erased")
        ).all()
    problems, looked = [], {}
    for row in rows:
        path = media_folder / row.path
        if not path.is_file():
            problems.append(f"recording {row.id}: {row.path} is missing")
            continue
        if path not in looked:
            looked[path] = _described(path)["sha256"]
        if looked[path] != row.sha256:
            problems.append(f"recording {row.id}: {row.path} has other bytes than when it came in")
    return Health(
        audit=audit.verify(db),
        submissions=verify_submissions(db),
        media=len(rows),
        problems=tuple(problems),
        held=hold_all(db, drafts=drafts, note=note_draft),
        figures=recount_all(db, note=note),
    )


def _kept(folder: Path) -> Iterator[Path]:
    for shelf in SHELVES:
        for path in sorted((folder / shelf).rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path


def _parts(folder: Path, waiting: Collection[str]) -> Iterator[Path]:
    """What was received of complete uploads that nobody has worked on yet."""
    for path in sorted((folder / "uploads").glob("up_*.part")):
        if path.stem in waiting and not path.is_symlink():
            yield path


def _bring(source: Path, to: Path, *, link: bool) -> None:
    to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        if link:
            try:
                os.link(source, to)
                return
            except OSError:
                pass  # another disk: copy
        shutil.copyfile(source, to)
        to.chmod(0o600)
        with to.open("rb") as copied:
            os.fsync(copied.fileno())
    except OSError as error:
        raise StoreError(
            f"{to}: cannot be written ({error.strerror}); free some space, or name another folder", kind="full"
        ) from error


def _copy_sqlite(source: Path, to: Path) -> None:
    """The database as it is at one moment, by SQLite's own online backup; one file, checked."""
    try:
        with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(to)) as copy:
            live.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")
            found = copy.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as error:
        raise StoreError(f"{to}: the database cannot be copied ({error})", kind="full") from error
    if found != "ok":
        raise StoreError(f"{source}: not a sound database ({found}); restore the last backup", kind="damaged")
    to.chmod(0o600)
    with to.open("rb") as copied:
        os.fsync(copied.fileno())


def _described(path: Path) -> dict[str, Any]:
    digest, size = sha256(), 0
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
            size += len(block)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _write(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)
    _sync_folder(path.parent)


def _sync_folders(top: Path) -> None:
    """Make the names of everything below a folder durable, and its own."""
    for folder in (top.parent, top, *(path for path in top.rglob("*") if path.is_dir())):
        _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
