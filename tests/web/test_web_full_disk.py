"""A store that cannot be written to: saving stops loudly, nothing is called saved, reading goes on, nothing is lost."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest
from databases import postgres, room_on
from rating_rooms import add_rated_attempt, give
from real_server import Device, RealServer, browser_of, running
from rooms_web import LiveClock
from sqlalchemy import create_engine, text, update
from test_web_reliability import assert_kept, draft_of

from siming.store import audit
from siming.store.database import time_text
from siming.store.media.uploads import SPARE_BYTES
from siming.store.schema import web_session

LONG_NOTE = "看" * 3000


@contextmanager
def tmpfs(folder: Path, *, mib: int, owner: int = 0):
    """A disk of that size; needs root."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder.mkdir(parents=True, exist_ok=True)
    option = f"size={mib}m,uid={owner},mode=0700"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", option, "tmpfs", str(folder)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class FullDisk:
    """A small disk, filled to the brim with one file."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self, server: RealServer) -> None:
        with self._filler.open("wb", buffering=0) as out, suppress(OSError):
            while True:
                for size in (1 << 20, 1 << 12, 1):
                    with suppress(OSError):
                        out.write(b"x" * size)
                        break
                else:
                    raise OSError

    def free(self, server: RealServer) -> None:
        self._filler.unlink()


class NoLongerFile:
    """No file of the server may grow beyond the size of the database's log; needs no root."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fill(self, server: RealServer) -> None:
        size = (self._folder / "room.db-wal").stat().st_size
        _, self._hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, self._hard))

    def free(self, server: RealServer) -> None:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (self._hard, self._hard))


@pytest.fixture(params=["tmpfs", "limit", "postgresql"])
def small(request, tmp_path):
    """A room whose database lies on a disk that can be filled, and how."""
    if request.param == "limit":
        with room_on("sqlite", tmp_path, clock=LiveClock()) as room:
            yield room, NoLongerFile(tmp_path)
    elif request.param == "tmpfs":
        with tmpfs(tmp_path / "disk", mib=12) as folder, room_on("sqlite", folder, clock=LiveClock()) as room:
            room.media = tmp_path / "media"
            yield room, FullDisk(folder)
    else:
        with tablespace(tmp_path) as (name, folder), room_on("postgresql", tmp_path, clock=LiveClock()) as room:
            room.db.close()
            admin_does(f'ALTER DATABASE "{room.db.url.database}" SET TABLESPACE {name}')
            yield room, FullDisk(folder)


@contextmanager
def tablespace(tmp_path):
    """A small disk of PostgreSQL's own, where its server runs on this machine."""
    server = postgres()
    engine = create_engine(server)
    with engine.connect() as c:
        data = Path(c.execute(text("SHOW data_directory")).scalar_one())
    engine.dispose()
    if os.geteuid() != 0 or not data.is_dir():
        pytest.skip("PostgreSQL's disk is out of reach: its server runs elsewhere, or this is not root")
    owner, name = data.stat().st_uid, f"siming_small_{os.getpid()}"
    place = Path(f"/tmp/{name}")  # pytest's own folders are closed to PostgreSQL's user
    with tmpfs(place, mib=40, owner=owner):
        admin_does(f"CREATE TABLESPACE {name} LOCATION '{place}'")
        try:
            yield name, place
        finally:
            admin_does(f"DROP TABLESPACE {name}")
    place.rmdir()


def admin_does(*statements):
    engine = create_engine(postgres(), isolation_level="AUTOCOMMIT")
    with engine.connect() as c:
        for statement in statements:
            c.execute(text(statement))
    engine.dispose()


def wei_on(server, room):
    tab = Device(browser_of(server, room, room.wei), give(room, add_rated_attempt(room), room.wei))
    tab.open()
    return tab


def refused_at_last(tab):
    """Save until a save is refused; the refusal and its batch. What is acknowledged until then is really on the disk:
    the log has some room of its own."""
    for n in range(3000):
        batch = [tab.change("note", f"{n} {LONG_NOTE}", f"aed{1 + n % 8:02d}")]
        answer = tab.send(*batch)
        if answer.status_code != 200:
            return answer, batch
    raise AssertionError("the disk never was full")


@pytest.mark.slow
def test_a_full_disk_stops_saving_loudly_and_nothing_else(small):
    room, disk = small
    with running(room) as server:
        tab = wei_on(server, room)
        assert tab.send(tab.change("points", 5, "aed01")).status_code == 200
        with room.db.write() as c:  # the next request will want to note that this session was seen
            c.execute(update(web_session).values(seen_at=time_text(room.db.now() - timedelta(minutes=5))))
        disk.fill(server)
        answer, batch = refused_at_last(tab)
        said = answer.json()["error"]
        assert (answer.status_code, said["code"], said["kind"]) == (507, "store", "full")
        for _ in range(3):
            assert tab.send(*batch).status_code == 507, "never called saved"
        kept = tab.get()["draft"]
        assert kept == tab.get()["draft"]
        assert tab.http.get("/queue").status_code == 200, "reading goes on"
        assert tab.http.get(f"/rate/{tab.assignment}").status_code == 200

        disk.free(server)
        assert tab.send(*batch).status_code == 200
        assert tab.send(tab.change("points", 6, "aed01")).status_code == 200
        assert_kept(room, tab)
        assert " 500 " not in server.log.read_text()
    assert audit.verify(room.db).ok


@pytest.mark.slow
def test_a_full_disk_of_recordings_refuses_a_chunk_and_takes_it_later(tmp_path):
    with (
        tmpfs(tmp_path / "disk", mib=(SPARE_BYTES >> 20) + 4) as folder,
        room_on("sqlite", tmp_path, clock=LiveClock()) as room,
    ):
        room.media = folder / "media"
        room.media.mkdir()
        disk = FullDisk(folder)
        with running(room) as server:
            office = browser_of(server, room, room.coordinator)
            film = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + os.urandom(2 << 20)
            body = {"project": "spring", "attempt": "A-077", "file_name": "x.mp4", "size": len(film), "recipe": {}}
            begun = office.post("/api/v1/uploads", json=body)
            assert begun.status_code == 201, begun.text
            place, half = f"/api/v1/uploads/{begun.json()['id']}", len(film) // 2
            kind = {"Content-Type": "application/offset+octet-stream"}
            first = office.patch(place, content=film[:half], headers={"Upload-Offset": "0", **kind})
            assert (first.status_code, first.json()["offset"]) == (200, half)
            disk.fill(server)
            full = office.patch(place, content=film[half:], headers={"Upload-Offset": str(half), **kind})
            assert full.status_code == 507, full.text
            status = office.get(place)
            assert status.status_code == 200, status.text
            offset = status.json()["offset"]
            assert half <= offset < len(film)
            disk.free(server)
            rest = office.patch(place, content=film[offset:], headers={"Upload-Offset": str(offset), **kind})
            assert (rest.status_code, rest.json()["offset"]) == (200, len(film))
            assert " 500 " not in server.log.read_text()


def test_a_database_on_a_disk_that_became_read_only_is_not_served_as_if_it_could_be_saved_to(tmp_path):
    with tmpfs(tmp_path / "disk", mib=12) as folder:
        with room_on("sqlite", folder, clock=LiveClock()) as room:
            pass
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        done = subprocess.run(
            ["siming", "serve", "--db", f"sqlite:///{folder}/room.db", "--media", str(tmp_path), "--no-open", "--port", "0"],
            capture_output=True, text=True, timeout=60, env={**os.environ, "PATH": path_of_siming()},
        )  # fmt: skip
        assert done.returncode == 2, done.stderr
        assert str(room.db.url.database) in done.stderr.replace("\n", "")


def test_a_database_that_turns_read_only_refuses_to_save_and_goes_on_reading(tmp_path):
    with room_on("postgresql", tmp_path, clock=LiveClock()) as room, running(room) as server:
        tab = wei_on(server, room)
        assert tab.send(tab.change("points", 5, "aed01")).status_code == 200
        name = room.db.url.database
        throw_out = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        room.db.close()
        admin_does(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on', throw_out)
        until = time.monotonic() + 20
        while time.monotonic() < until:  # PostgreSQL ends its sessions when it gets round to it
            change = tab.change("points", 4, "aed01")
            answer = tab.send(change)
            if answer.status_code == 503 and answer.json()["error"]["kind"] == "read_only":
                break
        assert (answer.status_code, answer.json()["error"]["kind"]) == (503, "read_only")
        assert tab.get()["draft"] == draft_of(room, tab.assignment)
        admin_does(f'ALTER DATABASE "{name}" RESET default_transaction_read_only', throw_out)
        assert tab.insist(change).status_code == 200
        assert_kept(room, tab)


def path_of_siming() -> str:
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"
