"""The exam room as people run it: `siming serve` in a process of its own, spoken to over HTTP, killed without warning."""

from __future__ import annotations

import itertools
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rooms import Room

from siming.store import Actor
from siming.store.accounts import invitations, people, sessions
from siming.store.projects import members

AT = "2026-03-01T08:00:00.000Z"
"""A device's clock that stands still."""
_numbers = itertools.count(1)


class RealServer:
    """`siming serve` on one port; starts again there after a kill.

    Args:
        before: What stands before the command line, such as a limit for the process.
    """

    def __init__(self, db_url: str, media: Path, *, home: Path, before: Sequence[str] = ()) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = home / "server.log"
        self._command = [
            *before, sys.executable, "-m", "siming", "serve", "--db", db_url, "--media", str(media), "--no-open", "--json",
            "--port", str(self.port),
        ]  # fmt: skip
        self._home = home
        self.process: subprocess.Popen[str] | None = None
        self.clients: list[httpx.Client] = []

    def start(self) -> dict[str, Any]:
        """Start it and wait until it listens; what it says of itself."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self._command,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "SIMING_HOME": str(self._home)},
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the server did not start:\n{self.log.read_text()[-3000:]}"
        return json.loads(line)

    def kill(self) -> None:
        """SIGKILL: it can finish nothing."""
        assert self.process is not None
        self.process.kill()
        self._gone()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self._gone()

    def _gone(self) -> int:
        assert self.process is not None
        status = self.process.wait(30)
        self.process.stdout.close()
        self.process = None
        return status


@contextmanager
def running(room: Room, *, before: Sequence[str] = ()) -> Iterator[RealServer]:
    """A server on the room's database."""
    server = RealServer(room.db.url.render_as_string(hide_password=False), room.media, home=room.folder, before=before)
    server.start()
    try:
        yield server
    finally:
        for client in server.clients:
            client.close()
        if server.process is not None:
            server.stop()


def browser_of(server: RealServer, room: Room, actor: Actor) -> httpx.Client:
    """A signed-in client, as a browser is after the sign-in form."""
    begun = sessions.begin(room.db, actor.id)
    client = httpx.Client(base_url=server.address, timeout=30, headers={"X-CSRF-Token": begun.csrf}, trust_env=False)
    client.cookies.set("siming_session", begun.token)
    server.clients.append(client)
    return client


def more_people(room: Room, role: str, count: int) -> list[Actor]:
    """Further members of one role."""
    made = []
    for _ in range(count):
        name = f"{role[:2]}{next(_numbers):03d}"
        person, _ = invitations.create_person(room.db, room.owner, login=name, name=name.title())
        members.add_member(room.db, room.owner, room.project, person_id=person.id, roles=[role], code=name.upper())
        made.append(people.actor_of(room.db, person.id))
    return made


@dataclass
class Device:
    """A tab over HTTP: numbers its changes, keeps them until they are acknowledged, and may be told anything."""

    http: httpx.Client
    assignment: str
    client: str = ""
    fence: int = 0
    seq: int = 0
    view: dict[str, Any] = field(default_factory=dict)
    ticket: str = ""
    acknowledged: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = self.client or f"device_{next(_numbers):05d}"

    def open(self, *, take_over: bool = False) -> dict[str, Any]:
        """Open the assignment; what the server said."""
        answer = self.post("open", {"client": self.client, "take_over": take_over})
        assert answer.status_code == 200, answer.text
        opened = answer.json()
        self.fence, self.view, self.ticket = opened["fence"], opened["view"], opened["ticket"]
        self.seq = max(self.seq, opened["last_client_seq"])
        return opened

    def change(self, name: str, value: Any, step: str | None = None, *, at: str = AT) -> dict[str, Any]:
        """A numbered change; nothing is sent."""
        self.seq += 1
        rubric = None if step is None else next(r["id"] for r in self.view["rubrics"] if step in self.steps(r))
        return {
            "client_seq": self.seq, "field": name, "rubric": rubric, "step": step, "value": value, "media_s": 1.0, "at": at,
        }  # fmt: skip

    def send(self, *changes: dict[str, Any], unsent: int = 0) -> httpx.Response:
        """Send changes once."""
        answer = self.post(
            "changes", {"client": self.client, "fence": self.fence, "unsent": unsent, "changes": list(changes)}
        )
        if answer.status_code == 200:
            known = {change["client_seq"] for change in self.acknowledged}
            done = set(answer.json()["acked"]) - known
            self.acknowledged += [change for change in changes if change["client_seq"] in done]
        return answer

    def insist(self, *changes: dict[str, Any], for_s: float = 40) -> httpx.Response:
        """Send until the server answers, as a page does while its server is away."""
        until = time.monotonic() + for_s
        while True:
            try:
                answer = self.send(*changes)
                if answer.status_code != 503:
                    return answer
            except httpx.TransportError:
                pass
            assert time.monotonic() < until, "the server did not come back"
            time.sleep(0.05)

    def post(self, what: str, body: dict[str, Any]) -> httpx.Response:
        """Ask for something about the assignment."""
        return self.http.post(f"/api/v1/assignments/{self.assignment}/{what}", json=body)

    def get(self, what: str = "") -> dict[str, Any]:
        """Read the assignment or what belongs to it."""
        answer = self.http.get(f"/api/v1/assignments/{self.assignment}{what and '/'}{what}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    @staticmethod
    def steps(rubric: dict[str, Any]) -> list[str]:
        return [step["id"] for step in rubric["steps"]]

    def rate_all(self) -> None:
        """Full points on every step, and the film played."""
        changes = [self.change("played", [[0, self.view["media"][0]["duration_s"]]])]
        for rubric in self.view["rubrics"]:
            changes += [self.change("points", step["max_points"], step["id"]) for step in rubric["steps"]]
        assert self.send(*changes).status_code == 200

    def submit(self) -> dict[str, Any]:
        """Lock it; the receipt."""
        answer = self.post("submit", self.signed())
        assert answer.status_code == 200, answer.text
        return answer.json()

    def signed(self) -> dict[str, Any]:
        """What `submit` sends."""
        digest = self.get("summary")["snapshot_sha256"]
        return {"client": self.client, "fence": self.fence, "snapshot_sha256": digest, "initials": "W"}

    def random_changes(self, dice: random.Random) -> list[dict[str, Any]]:
        """One to three changes as a rater makes them."""
        steps = [step for rubric in self.view["rubrics"] for step in rubric["steps"]]
        half_s, made = self.view["media"][0]["duration_s"] / 2, []
        for _ in range(dice.randint(1, 3)):
            step = dice.choice(steps)
            name, value = dice.choice(
                [
                    ("points", dice.randint(0, int(step["max_points"] * 2)) / 2),
                    ("note", f"seen at {dice.random():.6f}, 看到了"),
                    ("evidence", [[round(dice.uniform(0, half_s), 3), round(half_s + dice.uniform(0, half_s), 3)]]),
                    ("unsure", dice.random() < 0.5),
                    ("points", None),
                ]
            )
            made.append(self.change(name, value, step["id"]))
        return made
