"""Backups that can be checked and restored, while the room goes on working."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time

import pytest
from sqlalchemy import insert, update
from typer.testing import CliRunner

from siming.cli import app as cli
from siming.errors import ConflictError, StoreError
from siming.store import Database, audit, backup
from siming.store.accounts import people, sessions
from siming.store.accounts.vault import Identity, Vault, put_identities
from siming.store.backup import back_up, check_backup, check_room, keep_newest, restore
from siming.store.media import uploads
from siming.store.media.media_folder import MediaFolder
from siming.store.media.uploads import Reception
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


def receive(room, content: bytes, *, size: int):
    """An upload of `size` bytes of which `content` has arrived."""
    folder = MediaFolder(room.media)
    made = uploads.begin_upload(
        room.db, room.coordinator, folder, room.project, code=f"A-{size}", file_name="exam.mp4", size=size, recipe={}
    )
    reception = Reception(room.db, room.coordinator, folder, made.id, 0)
    reception.write(content)
    return reception.end()


@pytest.mark.parametrize("link", [False, True])
def test_a_recording_that_waits_to_be_worked_on_comes_back_and_one_that_is_arriving_is_told(filmed, link):
    head = b"\x00\x00\x00\x18ftypisom" + bytes(52)
    waiting, arriving = receive(filmed, head, size=64), receive(filmed, head, size=99)
    assert (waiting.state, arriving.state) == ("queued", "receiving")
    made = back_up(filmed.db, filmed.media, filmed.folder / "kept", link=link)
    assert made.arriving == 1
    MediaFolder(filmed.media).forget_upload(waiting.id)  # the job goes on here
    into, _ = restored(filmed, filmed.folder / "kept")
    again = MediaFolder(into / "media")
    assert again.parts() == [waiting.id]
    assert again.part_of(waiting.id).read_bytes() == head
    db = Database(f"sqlite:///{into / 'room.db'}")
    assert [upload.id for upload in uploads.waiting_uploads(db)] == [waiting.id]
    with pytest.raises(ConflictError) as lost:
        Reception(db, filmed.coordinator, again, arriving.id, 64)
    assert lost.value.code == "upload_lost"
    db.close()


def test_a_recording_that_is_worked_on_during_the_backup_lies_among_the_originals(filmed, monkeypatch):
    head = b"\x00\x00\x00\x18ftypisom" + bytes(52)
    waiting, folder = receive(filmed, head, size=64), MediaFolder(filmed.media)

    def vanishing(source, to, **how):
        if source.suffix == ".part" and source.is_file():
            folder.keep(source, "originals")
            folder.forget_upload(waiting.id)
        return bring(source, to, **how)

    bring = backup._bring
    monkeypatch.setattr(backup, "_bring", vanishing)
    back_up(filmed.db, filmed.media, filmed.folder / "kept")
    names = [path.name for path in (filmed.folder / "kept" / "media").rglob("*") if path.is_file()]
    assert hashlib.sha256(head).hexdigest() in names
    assert check_backup(filmed.folder / "kept")


def test_the_names_of_what_was_copied_are_on_the_disk_before_the_manifest_says_so(filmed, monkeypatch):
    synced, fsync = [], os.fsync

    def watched(number):
        synced.append(os.fstat(number).st_ino)
        fsync(number)

    monkeypatch.setattr(os, "fsync", watched)
    kept = filmed.folder / "kept"
    back_up(filmed.db, filmed.media, kept)
    folders = {path.stat().st_ino for path in (kept, *kept.rglob("*")) if path.is_dir()}
    manifest = synced.index((kept / "manifest.json").stat().st_ino)
    assert folders <= set(synced[:manifest])
    into, _ = restored(filmed, kept)
    assert {path.stat().st_ino for path in (into, *into.rglob("*")) if path.is_dir()} <= set(synced)


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


# --- one every night ------------------------------------------------------------------------------------------------


def nights(room, n: int) -> list:
    """Backups of `n` nights side by side."""
    made = []
    for night in range(1, n + 1):
        room.clock.pass_by(days=1)
        made.append(back_up(room.db, room.media, room.folder / "nightly" / f"night-{night}").folder)
    return made


def test_of_nightly_backups_the_newest_stay(filmed):
    first, second, third, fourth = nights(filmed, 4)
    assert keep_newest(fourth, 2) == (second, first)
    assert sorted(path.name for path in (filmed.folder / "nightly").iterdir()) == ["night-3", "night-4"]
    assert check_backup(third)
    assert keep_newest(fourth, 2) == ()
    assert keep_newest(fourth, 1) == (third,)
    assert restored(filmed, fourth)[1].ok


def test_nothing_is_removed_when_the_new_backup_does_not_hold(filmed):
    first, second = nights(filmed, 2)
    (second / "room.db").write_bytes(b"torn")
    with pytest.raises(StoreError):
        keep_newest(second, 1)
    assert check_backup(first)


def test_what_is_no_finished_backup_of_this_room_stays(filmed, tmp_path_factory):
    first, second = nights(filmed, 2)
    beside = filmed.folder / "nightly"
    (beside / "notes").mkdir()
    (beside / "unfinished").mkdir()
    (beside / "unfinished" / "room.db").write_bytes(b"")
    (beside / "other").mkdir()
    manifest = json.loads((first / "manifest.json").read_text())
    (beside / "other" / "manifest.json").write_text(json.dumps({**manifest, "room": "of another room"}))
    (beside / "later").mkdir()
    (beside / "later" / "manifest.json").write_text(json.dumps({**manifest, "made_at": "2999"}))
    (beside / "strange").mkdir()
    (beside / "strange" / "manifest.json").write_text("[]")
    away = tmp_path_factory.mktemp("away")
    (away / "manifest.json").write_text((first / "manifest.json").read_text())
    (beside / "elsewhere").symlink_to(away)
    assert keep_newest(second, 1) == (first,)
    assert {path.name for path in beside.iterdir()} == {
        "notes", "unfinished", "other", "later", "strange", "elsewhere", "night-2",
    }  # fmt: skip
    assert (away / "manifest.json").exists()


def test_the_command_of_a_nightly_timer_leaves_as_many_as_it_is_told(filmed, monkeypatch):
    monkeypatch.setenv("SIMING_HOME", str(filmed.folder))
    beside = filmed.folder / "nightly"
    for night in range(1, 4):
        ran = CliRunner().invoke(cli, ["room", "backup", "--to", str(beside / f"n{night}"), "--keep", "2", "--json"])
        assert ran.exit_code == 0, ran.output
        told = json.loads(ran.stdout)["removed"]
        time.sleep(0.002)
    assert told == [str(beside / "n1")]
    assert sorted(path.name for path in beside.iterdir()) == ["n2", "n3"]
    assert CliRunner().invoke(cli, ["room", "backup", "--to", str(beside / "n4"), "--keep", "0"]).exit_code == 2
    ran = CliRunner().invoke(cli, ["room", "verify", "--drafts", "5", "--json"])
    assert (ran.exit_code, json.loads(ran.stdout)["held"]["rubrics"]) == (0, {"n": 3, "problems": []})
