"""The exam room under load: 100 raters who save every 2 s, against the real server on loopback.

    python benchmarks/bench_room_load.py [--raters 100] [--seconds 60] [--postgres URL] [--json]

`siming serve` runs in a process of its own. Every rater has a session and a connection of his own, opens an assignment of
33 steps and saves a batch of one to four changes every 2 s (points, deductions, evidence, a note, what was played), with a
sign of life every 15 s; two people upload a recording meanwhile. A save counts from the first byte sent to the last byte
of the acknowledgement, and is on the disk by then. The peer is a FastAPI route that inserts one row and commits, equally
durable, under the same load in the same run. `--postgres` names a server on which databases may be made; without it only
SQLite is measured. Ends with status 1 where p99 of saving is 100 ms or more, or a request fails.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import create_engine, insert, make_url, text

from siming.rubric import builtin_rubric_ids
from siming.store import Database, Policy, migrate
from siming.store.accounts import invitations, people, sessions
from siming.store.blind.assignments import Planned, assign
from siming.store.database import new_id
from siming.store.media.attempts import add_attempt
from siming.store.projects import members, projects, rubrics
from siming.store.schema import media

EVERY_S, HEARTBEAT_S, TARGET_MS = 2.0, 15.0, 100.0
FILM_S = 600.0
CHUNK = 1 << 20
PASSWORD = "only for this benchmark"


@dataclass
class Login:
    """Somebody with a session."""

    token: str
    csrf: str
    assignment: str = ""


@dataclass
class Times:
    """Milliseconds of one kind of request, and what went wrong."""

    what: str
    ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        return sorted(self.ms)[min(len(self.ms) - 1, int(share * len(self.ms)))] if self.ms else float("nan")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    database: str
    what: str
    n: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    errors: int


@dataclass(frozen=True)
class Found:
    """What one database gave."""

    database: str
    rows: list[Row]
    commit_ms: float
    """Median of one bare durable commit on the same disk, measured just before."""
    cpu_s: float
    """Of the server, during the load."""
    cpu_share: float
    """Of one core."""
    peak_mib: float
    load: tuple[float, float]
    """Of the machine in the last minute, before and after."""
    first_errors: list[str]


class Connection:
    """One connection that is kept open, as a browser keeps it."""

    def __init__(self, port: int, login: Login | None = None) -> None:
        self._port, self._login = port, login
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(
        self, method: str, path: str, body: bytes, headers: str = "Content-Type: application/json\r\n"
    ) -> tuple[int, bytes]:
        """Send a request and read the whole answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        if self._login is not None:
            headers += f"Cookie: siming_session={self._login.token}\r\nX-CSRF-Token: {self._login.csrf}\r\n"
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        status, length = 0, 0
        for line in (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n"):
            if not status:
                status = int(line.split()[1])
            elif line.lower().startswith("content-length:"):
                length = int(line.split(":")[1])
        return status, await reader.readexactly(length)

    async def timed(self, times: Times, method: str, path: str, body: bytes, **more: str) -> bytes | None:
        """The answer's body; the time and any failure are noted."""
        began = time.perf_counter()
        try:
            status, answer = await self.ask(method, path, body, **more)
        except (OSError, asyncio.IncompleteReadError) as error:
            times.errors.append(repr(error))
            self._streams = None
            return None
        times.ms.append(1000 * (time.perf_counter() - began))
        if status not in (200, 201):
            times.errors.append(f"{status} {answer[:200].decode('utf-8', 'replace')}")
            return None
        return answer

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


# --- the room -------------------------------------------------------------------------------------------------------


def fill(db: Database, n_raters: int) -> tuple[list[Login], list[Login]]:
    """Raters with an assignment each, ten on one attempt, and two coordinators who upload."""
    migrate(db)
    owner = people.actor_of(db, people.set_up_owner(db, login="owner", name="Olga", password=PASSWORD).id)
    project = projects.create_project(db, owner, slug="hall", title="Large hall", policy=Policy())
    owner = people.actor_of(db, owner.id)
    chosen = [rubrics.publish_builtin(db, owner, name).id for name in builtin_rubric_ids()]
    rubrics.set_project_rubrics(db, owner, project.id, chosen)
    raters, attempts = [], []
    for n in range(n_raters):
        person, _ = invitations.create_person(db, owner, login=f"rater{n:03}", name=f"Rater {n}")
        members.add_member(db, owner, project.id, person_id=person.id, roles=["rater"], code=f"R{n:03}")
        if n % 10 == 0:
            attempts.append(add_attempt(db, owner, project.id, code=f"A-{n:03}").id)
            add_film(db, attempts[-1], n)
        given = assign(db, owner, project.id, [Planned(attempts[-1], person.id, slot=n % 10)])[0]
        begun = sessions.begin(db, person.id)
        raters.append(Login(begun.token, begun.csrf, given))
    office = []
    for n in range(2):
        person, _ = invitations.create_person(db, owner, login=f"office{n}", name=f"Office {n}")
        members.add_member(db, owner, project.id, person_id=person.id, roles=["coordinator"], code=f"C{n}")
        begun = sessions.begin(db, person.id)
        office.append(Login(begun.token, begun.csrf))
    return raters, office


def add_film(db: Database, attempt_id: str, n: int) -> None:
    """An original and its derivative, without files."""
    common = {"attempt": attempt_id, "camera": "main", "bytes": 1, "duration_s": FILM_S, "facts": {}, "state": "verified",
              "created_at": db.stamp()}  # fmt: skip
    original = new_id("me")
    with db.write() as c:
        for row in (
            {
                "id": original,
                "kind": "original",
                "sha256": f"{n:064x}"[::-1],
                "path": "-",
                "made_from": None,
                "time_map": None,
            },
            {
                "id": new_id("me"),
                "kind": "derivative",
                "sha256": f"{n:064x}",
                "path": "-",
                "made_from": original,
                "time_map": {},
            },
        ):
            c.execute(insert(media).values(**common, **row))


@contextmanager
def server(url: str, folder: Path) -> Iterator[tuple[int, int]]:
    """`siming serve`; its port and process id."""
    (folder / "media").mkdir()
    command = [sys.executable, "-m", "siming", "serve", "--db", url, "--media", str(folder / "media"), "--no-open", "--json",
               "--port", "0"]  # fmt: skip
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, "SIMING_HOME": str(folder)}
        )
    assert process.stdout is not None
    try:
        yield int(json.loads(process.stdout.readline())["address"].rpartition(":")[2]), process.pid
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


# --- the load -------------------------------------------------------------------------------------------------------


class Rater:
    """Rates one assignment by the clock."""

    def __init__(self, port: int, login: Login, number: int) -> None:
        self._http, self._login, self._dice = Connection(port, login), login, random.Random(number)
        self._client, self._seq, self._played_s, self._number = f"bench_{number:06}", 0, 0.0, number
        self._fence = 0
        self._steps: list[tuple[str, dict[str, Any]]] = []

    @property
    def _place(self) -> str:
        return f"/api/v1/assignments/{self._login.assignment}"

    async def open(self) -> None:
        status, answer = await self._http.ask(
            "POST", f"{self._place}/open", json.dumps({"client": self._client}).encode()
        )
        assert status == 200, answer
        opened = json.loads(answer)
        self._fence = opened["fence"]
        self._steps = [(rubric["id"], step) for rubric in opened["view"]["rubrics"] for step in rubric["steps"]]

    async def rate(self, until: float, saves: Times, signs: Times) -> None:
        """Save every two seconds, each rater at his own moment."""
        due = time.perf_counter() + self._dice.uniform(0, EVERY_S)
        sign_due = due + self._dice.uniform(0, HEARTBEAT_S)
        while due < until:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            batch = self._batch()
            answer = await self._send(saves, batch)
            if answer is not None and json.loads(answer)["acked"] != [change["client_seq"] for change in batch]:
                saves.errors.append("acknowledged something else than was sent")
            if due >= sign_due:
                sign_due += HEARTBEAT_S
                await self._send(signs, [])
            due += EVERY_S
        self._http.close()

    async def _send(self, times: Times, batch: list[dict[str, Any]]) -> bytes | None:
        body = {"client": self._client, "fence": self._fence, "unsent": 0, "changes": batch}
        return await self._http.timed(times, "POST", f"{self._place}/changes", json.dumps(body).encode())

    def _batch(self) -> list[dict[str, Any]]:
        """What happens in two seconds: mostly one score, at times with its reasons."""
        dice = self._dice
        rubric, step = dice.choice(self._steps)
        now_s = round(self._played_s, 3)
        made = [("points", dice.randint(0, int(2 * step["max_points"])) / 2)]
        if dice.random() < 0.4:
            made.append(("evidence", [[max(0.0, now_s - 2), now_s + 1]]))
        if dice.random() < 0.2 and step["deductions"]:
            made.append(("deductions", [step["deductions"][0]["id"]]))
        if dice.random() < 0.1:
            made.append(("note", "compressions too shallow after the first cycle, see the hands 按压过浅"))
        changes = [self._change(name, value, rubric, step["id"]) for name, value in made]
        self._played_s = min(FILM_S - 2, self._played_s + EVERY_S)
        if dice.random() < 0.2:
            changes.append(self._change("played", [[0, self._played_s]], None, None))
        return changes

    def _change(self, name: str, value: Any, rubric: str | None, step: str | None) -> dict[str, Any]:
        self._seq += 1
        return {"client_seq": self._seq, "field": name, "rubric": rubric, "step": step, "value": value,
                "media_s": round(self._played_s, 3), "at": "2026-03-01T08:00:00.000Z"}  # fmt: skip


async def upload(port: int, login: Login, number: int, until: float, mbit: float, chunks: Times) -> None:
    """One recording, as fast as a ward's network carries it."""
    http, block = Connection(port, login), b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + os.urandom(CHUNK - 24)
    size = int(mbit * 1e6 / 8 * max(1.0, until - time.perf_counter()) * 2)
    body = {"project": "hall", "attempt": f"U-{number}", "file_name": "exam.mp4", "size": size, "recipe": {}}
    status, answer = await http.ask("POST", "/api/v1/uploads", json.dumps(body).encode())
    assert status == 201, answer
    place, offset, began = f"/api/v1/uploads/{json.loads(answer)['id']}", 0, time.perf_counter()
    while time.perf_counter() < until:
        headers = f"Content-Type: application/offset+octet-stream\r\nUpload-Offset: {offset}\r\n"
        if await http.timed(chunks, "PATCH", place, block, headers=headers) is None:
            break
        offset += CHUNK
        await asyncio.sleep(max(0.0, began + offset * 8 / (mbit * 1e6) - time.perf_counter()))
    http.close()


async def load(port: int, raters: list[Login], office: list[Login], seconds: float, mbit: float) -> list[Times]:
    """Everybody at once."""
    saves, signs, chunks = Times("save a batch"), Times("sign of life"), Times("upload 1 MiB")
    people_ = [Rater(port, login, n) for n, login in enumerate(raters)]
    for person in people_:
        await person.open()
    until = time.perf_counter() + seconds
    await asyncio.gather(
        *(person.rate(until, saves, signs) for person in people_),
        *(upload(port, login, n, until, mbit, chunks) for n, login in enumerate(office) if mbit > 0),
    )
    return [saves, signs, chunks]


# --- the peer -------------------------------------------------------------------------------------------------------

PEER = """
import sqlite3, sys, threading
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from typing import Any

app, here = FastAPI(), threading.local()

class Save(BaseModel):
    client: str
    fence: int
    unsent: int
    changes: list[dict[str, Any]]

def commit_sqlite(text):
    if not hasattr(here, "c"):
        here.c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
        here.c.execute("PRAGMA journal_mode=WAL"); here.c.execute("PRAGMA synchronous=FULL")
    here.c.execute("BEGIN IMMEDIATE"); here.c.execute("INSERT INTO kept (body) VALUES (?)", (text,)); here.c.execute("COMMIT")

def commit_postgres(text):
    import psycopg
    if not hasattr(here, "c"):
        here.c = psycopg.connect(sys.argv[1])
    here.c.execute("INSERT INTO kept (body) VALUES (%s)", (text,)); here.c.commit()

commit = commit_postgres if sys.argv[1].startswith("postgresql") else commit_sqlite

@app.post("/save")
def save(body: Save) -> dict[str, Any]:
    commit(body.model_dump_json())
    return {"acked": [change["client_seq"] for change in body.changes]}

uvicorn.run(app, port=int(sys.argv[2]), log_level="warning")
"""


async def load_peer(port: int, n_raters: int, seconds: float) -> Times:
    times = Times("peer: one row, one commit")
    until = time.perf_counter() + seconds

    async def rate(number: int) -> None:
        http, due, seq = Connection(port), time.perf_counter() + random.Random(number).uniform(0, EVERY_S), 0
        while due < until:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            seq += 1
            change = {
                "client_seq": seq,
                "field": "points",
                "rubric": "cpr",
                "step": "cpr01",
                "value": 1.5,
                "media_s": 1.0,
            }
            await http.timed(times, "POST", "/save", json.dumps({"client": f"bench_{number}", "fence": 1, "unsent": 0,
                                                                 "changes": [change, change]}).encode())  # fmt: skip
            due += EVERY_S
        http.close()

    await asyncio.gather(*(rate(n) for n in range(n_raters)))
    return times


def peer(address: str, make_table: Callable[[], None], n_raters: int, seconds: float) -> Times:
    """The minimal endpoint under the same load."""
    make_table()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", PEER, address, str(port)])
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        return asyncio.run(load_peer(port, n_raters, seconds))
    finally:
        process.terminate()
        process.wait(30)


def bare_commit_ms(commit: Callable[[], None], n: int = 200) -> float:
    """Median of a durable commit and nothing else."""
    taken = []
    for _ in range(n):
        began = time.perf_counter()
        commit()
        taken.append(1000 * (time.perf_counter() - began))
    return median(taken)


# --- measuring ------------------------------------------------------------------------------------------------------


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid: int) -> float:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def measured(options: argparse.Namespace, kind: str, url: str, peer_at: str, peer_url: str, folder: Path) -> Found:
    def make_table() -> None:
        with engine.begin() as c:
            c.execute(text("CREATE TABLE IF NOT EXISTS kept (body TEXT)"))

    def commit() -> None:
        with engine.begin() as c:
            c.execute(text("INSERT INTO kept (body) VALUES (:b)"), {"b": "x" * 300})

    engine = create_engine(peer_url)
    make_table()
    if kind == "SQLite":
        with sqlite3.connect(peer_at) as c:
            c.execute("PRAGMA journal_mode=WAL")
    bare = bare_commit_ms(commit)
    engine.dispose()
    other = peer(peer_at, make_table, options.raters, min(20.0, options.seconds))
    engine.dispose()
    db = Database(url)
    raters, office = fill(db, options.raters)
    db.close()
    before = os.getloadavg()[0]
    with server(url, folder) as (port, pid):
        asyncio.run(load(port, raters, office, 3.0, 0.0))  # a server that has just started is not what is measured
        used, began = cpu_s(pid), time.perf_counter()
        found = asyncio.run(load(port, raters, office, options.seconds, options.upload_mbit))
        used, wall = cpu_s(pid) - used, time.perf_counter() - began
        peak = peak_mib(pid)
    return Found(
        database=kind,
        rows=[
            Row(kind, t.what, len(t.ms), *(t.quantile(q) for q in (0.5, 0.95, 0.99, 1.0)), len(t.errors))
            for t in (*found, other)
            if t.ms or t.errors
        ],
        commit_ms=bare,
        cpu_s=used,
        cpu_share=used / wall,
        peak_mib=peak,
        load=(before, os.getloadavg()[0]),
        first_errors=[e for t in (*found, other) for e in t.errors][:5],
    )


@contextmanager
def postgres_database(address: str) -> Iterator[str]:
    """A database of our own, dropped at the end."""
    admin = create_engine(make_url(address), isolation_level="AUTOCOMMIT")
    name = f"siming_load_{os.getpid()}_{new_id('x')}"
    with admin.connect() as c:
        c.execute(text(f'CREATE DATABASE "{name}" ENCODING UTF8 TEMPLATE template0'))
    try:
        yield make_url(address).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as c:
            c.execute(text(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))
        admin.dispose()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--raters", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--upload-mbit", type=float, default=50.0, help="of each of the two uploads; 0 for none")
    parser.add_argument("--postgres", default=os.environ.get("SIMING_TEST_POSTGRES"), metavar="URL")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    parser.add_argument("--folder", type=Path, help="where databases and recordings lie; a temporary folder by default")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="siming-load-", dir=options.folder) as scratch:
        if options.only != "postgresql":
            folder = Path(scratch) / "sqlite"
            folder.mkdir()
            kept = f"{folder}/peer.db"
            found.append(measured(options, "SQLite", f"sqlite:///{folder}/room.db", kept, f"sqlite:///{kept}", folder))
        if options.postgres and options.only != "sqlite":
            folder = Path(scratch) / "postgres"
            folder.mkdir()
            with postgres_database(options.postgres) as url, postgres_database(options.postgres) as other:
                plain = other.replace("postgresql+psycopg", "postgresql")
                found.append(measured(options, "PostgreSQL", url, plain, other, folder))
    if options.json:
        print(json.dumps([asdict(f) for f in found], indent=1))
    else:
        show(found)
    bad = [f for f in found if f.rows[0].p99_ms >= TARGET_MS or any(row.errors for row in f.rows)]
    return 1 if bad else 0


def show(found: list[Found]) -> None:
    print(
        "| database | request | n | p50 ms | p95 ms | p99 ms | max ms | errors |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    for f in found:
        for r in f.rows:
            cells = " | ".join(f"{x:.1f}" for x in (r.p50_ms, r.p95_ms, r.p99_ms, r.max_ms))
            print(f"| {f.database} | {r.what} | {r.n} | {cells} | {r.errors} |")
    for f in found:
        save, other = f.rows[0], f.rows[-1]
        print(
            f"{f.database}: p99 {save.p99_ms:.1f} ms (target under {TARGET_MS:g}); {save.p50_ms / other.p50_ms:.1f} times the peer's "
            f"median, {save.p99_ms / other.p99_ms:.1f} times its p99; one bare commit {f.commit_ms:.2f} ms; server "
            f"{f.cpu_s:.1f} s of processor time ({100 * f.cpu_share:.0f} % of a core), peak {f.peak_mib:.0f} MiB; load of the "
            f"machine {f.load[0]:.1f} before, {f.load[1]:.1f} after"
        )
        for error in f.first_errors:
            print("  ERROR", error)


if __name__ == "__main__":
    sys.exit(main())
