"""Backups of a room that is at work: restored elsewhere they hold what was acknowledged before, and every change shows."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from databases import fresh_database, room_on
from films import add_attempt_with_film
from rating_rooms import give
from real_server import Device, browser_of, more_people, running
from rooms_web import LiveClock
from sqlalchemy import select, text
from test_web_reliability import draft_of, kept_busy, log_of, replay

from siming.store import Database, audit, migrate
from siming.store.backup import back_up, check_room
from siming.store.figures.snapshots import recompute, take_snapshot
from siming.store.schema import rating_event


def siming(*arguments, home):
    """The command as people type it; its exit status and what it printed as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "siming", "room", *map(str, arguments), "--json"],
        capture_output=True, text=True, timeout=120, env={**os.environ, "SIMING_HOME": str(home)},
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def handed_in(server, room, rater, given, points):
    """An assignment rated to the end and locked."""
    tab = Device(browser_of(server, room, rater), given)
    tab.open()
    tab.rate_all()
    step = tab.view["rubrics"][0]["steps"][0]
    reasons = [tab.change("note", "seen late", step["id"]), tab.change("evidence", [[1, 2]], step["id"])]
    assert tab.send(tab.change("points", step["max_points"] - points, step["id"]), *reasons).status_code == 200
    return tab.submit()


@pytest.mark.slow
def test_a_backup_of_a_working_room_restores_to_all_that_was_acknowledged_before_it_began(tmp_path):
    trouble, done = [], threading.Event()
    with room_on("sqlite", tmp_path, clock=LiveClock()) as room, running(room) as server:
        attempts = [add_attempt_with_film(room, f"A-{n}", content=b"film %d" % n)[0].id for n in range(3)]
        receipts = {
            handed_in(server, room, rater, give(room, attempt, rater, slot=slot), points)["receipt"]
            for slot, (rater, points) in enumerate(((room.wei, 1), (room.okafor, 0)))
            for attempt in attempts[:2]
        }
        snapshot = take_snapshot(room.db, room.project)
        tabs = []
        for slot, rater in enumerate(more_people(room, "rater", 3)):
            tabs.append(Device(browser_of(server, room, rater), give(room, attempts[2], rater, slot=slot)))
            tabs[-1].open()
        threads = [
            threading.Thread(target=kept_busy, args=(tab, random.Random(n), done.is_set, trouble), daemon=True)
            for n, tab in enumerate(tabs)
        ]
        for thread in threads:
            thread.start()
        while sum(len(tab.acknowledged) for tab in tabs) < 40 and not trouble:
            time.sleep(0.01)
        before = [list(tab.acknowledged) for tab in tabs]
        begun = room.db.stamp()
        address = room.db.url.render_as_string()
        status, told = siming(
            "backup", "--to", tmp_path / "backup", "--db", address, "--media", room.media, home=tmp_path
        )
        after = [len(tab.acknowledged) for tab in tabs]
        done.set()
        for thread in threads:
            thread.join(60)
        assert trouble == []
        assert (status, told["database"]) == (0, True)
        assert sum(after) > sum(map(len, before)), "the raters went on meanwhile"

    status, health = siming(
        "restore", tmp_path / "backup", "--into", tmp_path / "elsewhere", home=tmp_path / "elsewhere"
    )
    assert (status, health["ok"]) == (0, True), health
    assert (health["submissions"]["n"], health["media"]["n"]) == (4, 6)
    back = Database(f"sqlite:///{tmp_path / 'elsewhere' / 'room.db'}")
    try:
        assert recompute(back, snapshot.id)
        with back.read() as c:
            assert receipts == set(c.execute(text("SELECT sha256 FROM submission")).scalars())
        there = room_like(room, back)
        for tab, acknowledged in zip(tabs, before, strict=True):
            stored = {(e["client"], e["client_seq"]): e["new"] for e in log_of(there, tab.assignment)}
            for change in acknowledged:
                value = None if change["value"] is False else change["value"]
                assert stored[(tab.client, change["client_seq"])] == value
            assert replay(there, tab.assignment) == draft_of(there, tab.assignment)
        with back.read() as c:
            assert c.execute(select(rating_event.c.server_at).where(rating_event.c.server_at < begun)).first()
    finally:
        back.close()
    status, health = siming("verify", home=tmp_path / "elsewhere")
    assert (status, health["ok"]) == (0, True)


def room_like(room, db):
    return replace(room, db=db)


# --- what was changed behind the program's back shows ---------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A room with two films and two locked works."""
    folder = tmp_path_factory.mktemp("whole")
    with room_on("sqlite", folder, clock=LiveClock()) as room, running(room) as server:
        attempt = add_attempt_with_film(room)[0].id
        for slot, rater in enumerate((room.wei, room.okafor)):
            handed_in(server, room, rater, give(room, attempt, rater, slot=slot), slot)
        back_up(room.db, room.media, folder / "backup")
        yield room


@pytest.fixture
def copy(whole, tmp_path):
    """A copy of it to damage."""
    shutil.copyfile(whole.folder / "backup" / "room.db", tmp_path / "room.db")
    shutil.copytree(whole.media, tmp_path / "media")
    db = Database(f"sqlite:///{tmp_path / 'room.db'}")
    yield db, tmp_path / "media"
    db.close()


def behind_its_back(db, *statements):
    """What somebody with the file in his hands can do: first take the guards away."""
    with db.engine.connect() as c:
        c.exec_driver_sql("PRAGMA foreign_keys=OFF")
        for name in c.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
            c.exec_driver_sql(f"DROP TRIGGER {name}")
        for statement in statements:
            assert c.exec_driver_sql(statement).rowcount


def test_an_untouched_room_holds(copy):
    health = check_room(*copy)
    assert (health.ok, health.submissions.n, health.media) == (True, 2, 2)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE audit_event SET actor = 'somebody' WHERE seq = 3", "changed"),
        ("DELETE FROM audit_event WHERE seq = 3", "missing"),
        ("DELETE FROM audit_event WHERE seq > (SELECT max(seq) - 2 FROM audit_event)", "cut off"),
    ],
)
def test_a_tampered_or_cut_off_audit_is_found(copy, statement, reason):
    behind_its_back(copy[0], statement)
    health = check_room(*copy)
    assert not health.ok
    assert reason in health.audit.reason


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE submission SET sheets = replace(sheets, 'seen late', 'seen early') WHERE sheets LIKE '%seen late%'",
        "UPDATE submission SET initials = 'X'",
        "UPDATE submission SET locked_at = '2026-03-01T08:00:00.000000Z'",
        """UPDATE rating_event SET new = '0' WHERE field = 'points' AND step = 'aed02'""",
        "DELETE FROM rating_event WHERE seq = 2",
    ],
)
def test_a_submission_or_its_log_that_was_changed_is_found(copy, statement):
    behind_its_back(copy[0], statement)
    health = check_room(*copy)
    assert health.audit.ok
    assert not health.submissions.ok


def test_a_submission_that_was_removed_is_found(copy):
    behind_its_back(copy[0], "DELETE FROM submission WHERE id IN (SELECT id FROM submission LIMIT 1)")
    health = check_room(*copy)
    assert health.audit.ok
    assert "is gone" in health.submissions.problems[0]


@pytest.mark.parametrize("harm", ["changed", "missing"])
def test_a_recording_that_was_changed_or_lost_is_found(copy, harm):
    db, media = copy
    path = next(p for p in (media / "derivatives").rglob("*") if p.is_file())
    path.chmod(0o600)
    path.unlink() if harm == "missing" else path.write_bytes(path.read_bytes()[:-1] + b"!")
    health = check_room(db, media)
    assert len(health.problems) == 1
    assert ("missing" if harm == "missing" else "other bytes") in health.problems[0]


def test_postgresql_comes_back_from_its_own_dump(tmp_path):
    """The dump is PostgreSQL's; what the room promises of itself holds in the copy."""
    pg_dump, pg_restore = shutil.which("pg_dump"), shutil.which("pg_restore")
    if not (pg_dump and pg_restore):
        pytest.skip("needs pg_dump and pg_restore on the PATH")
    with room_on("postgresql", tmp_path, clock=LiveClock()) as room, fresh_database("postgresql", tmp_path) as other:

        def plain(url):
            return str(url).replace("postgresql+psycopg", "postgresql")

        source = plain(room.db.url.render_as_string(hide_password=False))
        subprocess.run([pg_dump, "--format=custom", "--file", tmp_path / "room.dump", source], check=True)
        subprocess.run([pg_restore, "--dbname", plain(other), "--no-owner", tmp_path / "room.dump"], check=True)
        back = Database(other, clock=LiveClock())
        try:
            migrate(back)
            assert check_room(back, room.media).ok
            assert audit.verify(back).n == audit.verify(room.db).n > 0
        finally:
            back.close()
