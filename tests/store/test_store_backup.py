"""Backups that can be checked and restored, while the room goes on working."""

from __future__ import annotations

import hashlib
import json
import threading

import pytest
from sqlalchemy import insert, update

from siming.errors import StoreError
from siming.store import Database, audit
from siming.store.accounts import people, sessions
from siming.store.accounts.vault import Identity, Vault, put_identities
from siming.store.backup import back_up, check_backup, check_room, restore
from siming.store.schema import attempt, media

FILM = b"not really a film, but bytes are bytes" * 1000


@pytest.fixture
def filmed(room):
    """The room with a recording and somebody in the vault."""
    digest = hashlib.sha256(FILM).hexdigest()
    path = f"derivatives/sha256/{digest[:2]}/{digest[2:4]}/{digest}"
    (room.media / path).parent.mkdir(parents=True)
    (room.media / path).write_bytes(FILM)
    now = room.db.stamp()
    with room.db.write() as c:
        c.execute(
            insert(attempt).values(
                id="at_1",
                project=room.project,
                code="A-001",
                rubrics=[],
                params={},
                state="usable",
                gold=False,
                created_at=now,
            )
        )
        c.execute(
            insert(media).values(
                id="me_1", attempt="at_1", kind="original", camera="main", sha256=digest, bytes=len(FILM), path=path,
                clock_offset_s=0.0, state="verified", created_at=now,
            )
        )  # fmt: skip
    vault = Vault(room.folder / "vault", clock=room.clock)
    put_identities(room.db, vault, room.owner, room.project, "candidate", [Identity("K01", "Tan Wei Ming")])
    vault.close()
    room.film = room.media / path
    return room


def restored(room, folder):
    into = room.folder / "restored"
    return into, restore(folder, database=into / "room.db", media_folder=into / "media", vault=into / "vault")


@pytest.mark.parametrize("link", [False, True])
def test_what_was_backed_up_comes_back_whole(filmed, link):
    made = back_up(filmed.db, filmed.media, filmed.folder / "backup", vault=filmed.folder / "vault", link=link)
    assert (made.files, made.database) == (3, True)
    lines = audit.verify(filmed.db).n
    assert made.audit_lines == lines
    into, health = restored(filmed, made.folder)
    assert health.ok
    assert (health.audit.n, health.media) == (lines, 1)
    db = Database(f"sqlite:///{into / 'room.db'}")
    assert people.actor_of(db, filmed.wei.id) == filmed.wei
    db.close()
    (into / "vault" / "master.key").write_bytes((filmed.folder / "vault" / "master.key").read_bytes())
    vault = Vault(into / "vault")
    assert vault.open(filmed.project, "candidate", "K01").name == "Tan Wei Ming"
    vault.close()


def test_a_backup_holds_no_master_key_and_opens_no_identity(filmed):
    back_up(filmed.db, filmed.media, filmed.folder / "backup", vault=filmed.folder / "vault")
    names = {p.name for p in (filmed.folder / "backup").rglob("*") if p.is_file()}
    assert "vault.db" in names
    assert "master.key" not in names
    assert b"Tan Wei Ming" not in b"".join(p.read_bytes() for p in (filmed.folder / "backup").rglob("*") if p.is_file())


def test_a_backup_taken_while_others_write_is_one_moment_and_verifies(filmed):
    stop = threading.Event()

    def work():
        while not stop.is_set():
            sessions.begin(filmed.db, filmed.wei.id)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        made = back_up(filmed.db, filmed.media, filmed.folder / "backup")
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    _, health = restored(filmed, made.folder)
    assert health.ok
    assert health.audit.n == made.audit_lines <= audit.verify(filmed.db).n


def test_a_backup_goes_into_a_fresh_folder_only(filmed):
    (filmed.folder / "backup").mkdir()
    (filmed.folder / "backup" / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="not empty"):
        back_up(filmed.db, filmed.media, filmed.folder / "backup")


@pytest.mark.parametrize("harm", ["changed", "cut", "missing", "added to the manifest", "no manifest"])
def test_a_backup_that_was_harmed_is_found_before_anything_is_restored(filmed, harm):
    folder = filmed.folder / "backup"
    back_up(filmed.db, filmed.media, folder)
    film, manifest = folder / "media" / filmed.film.relative_to(filmed.media), folder / "manifest.json"
    match harm:
        case "changed":
            film.write_bytes(FILM[:-1] + b"!")
        case "cut":
            film.write_bytes(FILM[:-1])
        case "missing":
            film.unlink()
        case "added to the manifest":
            plain = json.loads(manifest.read_text())
            plain["files"]["../../outside"] = {"bytes": 0, "sha256": ""}
            manifest.write_text(json.dumps(plain))
        case "no manifest":
            manifest.unlink()
    with pytest.raises(StoreError) as caught:
        restored(filmed, folder)
    assert caught.value.kind == "damaged"
    assert not (filmed.folder / "restored").exists()


def test_nothing_that_is_there_is_overwritten(filmed):
    made = back_up(filmed.db, filmed.media, filmed.folder / "backup")
    with pytest.raises(StoreError, match="something is there already"):
        restore(made.folder, database=filmed.folder / "room.db", media_folder=filmed.folder / "new")


def test_a_database_put_in_the_place_of_the_one_backed_up_is_refused(filmed, tmp_path):
    made = back_up(filmed.db, filmed.media, filmed.folder / "backup")
    sessions.begin(filmed.db, filmed.wei.id)
    later = back_up(filmed.db, filmed.media, filmed.folder / "later")
    first, second = (json.loads((b.folder / "manifest.json").read_text()) for b in (made, later))
    first["files"] = second["files"]
    (made.folder / "room.db").write_bytes((later.folder / "room.db").read_bytes())
    (made.folder / "manifest.json").write_text(json.dumps(first))
    check_backup(made.folder)
    with pytest.raises(StoreError, match="not the one that was backed up"):
        restored(filmed, made.folder)


def test_a_recording_with_other_bytes_is_told_and_not_backed_up(filmed):
    assert check_room(filmed.db, filmed.media).ok
    filmed.film.write_bytes(FILM + b"!")
    health = check_room(filmed.db, filmed.media)
    assert not health.ok
    assert "me_1" in health.problems[0]
    with pytest.raises(StoreError, match="not those of its name"):
        back_up(filmed.db, filmed.media, filmed.folder / "backup")
    filmed.film.unlink()
    assert "missing" in check_room(filmed.db, filmed.media).problems[0]
    with filmed.db.write() as c:
        c.execute(update(media).values(state="erased"))
    assert check_room(filmed.db, filmed.media).ok
