"""The exam room over HTTP: a client signed in per person, a real server on loopback, a real browser."""

from __future__ import annotations

import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "store"))

pytest.importorskip("fastapi", reason="needs the web extra: pip install 'siming[web]'")

import uvicorn
from fastapi import FastAPI
from rooms import Clock, Room, build_room
from starlette.testclient import TestClient

from siming.store import Actor
from siming.store.accounts import sessions
from siming.web.app import create_app
from siming.web.settings import Settings

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

SETUP_TOKEN = "set-up-token-of-the-tests"


@dataclass
class WebRoom:
    """A room and its application."""

    room: Room
    settings: Settings
    app: FastAPI
    _open: list[TestClient] = field(default_factory=list)

    def visitor(self) -> TestClient:
        """A client that nobody is signed in on."""
        client = TestClient(self.app, base_url="http://testserver", follow_redirects=False)
        self._open.append(client)
        return client

    def client(self, actor: Actor) -> TestClient:
        """A client that a person is signed in on; sends the form token by header unless a test takes it out."""
        begun = sessions.begin(self.room.db, actor.id)
        client = self.visitor()
        client.cookies.set("siming_session", begun.token)
        client.headers["X-CSRF-Token"] = begun.csrf
        return client

    def close(self) -> None:
        """Close every client."""
        for client in self._open:
            client.close()


def build_web_room(folder: Path, **changes: object) -> WebRoom:
    """A room and its application; `changes` are settings."""
    made = build_room(folder)
    settings = Settings(media=made.media, address="http://testserver", setup_token=SETUP_TOKEN, **changes)
    return WebRoom(room=made, settings=settings, app=create_app(settings, made.db))


@pytest.fixture
def web(tmp_path) -> Iterator[WebRoom]:
    """The room of `rooms.py` with its application: ``web.client(web.room.wei).get("/queue")``."""
    made = build_web_room(tmp_path)
    yield made
    made.close()
    made.room.db.close()


@dataclass
class Served:
    """A real server on loopback."""

    room: Room
    address: str
    app: FastAPI


@contextmanager
def serving(room: Room, **changes: object) -> Iterator[Served]:
    """Run uvicorn in a thread on a free port until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    app = create_app(Settings(media=room.media, address=address, setup_token=SETUP_TOKEN, **changes), room.db)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started:
        if time.monotonic() > until:
            raise TimeoutError("the server did not start in 20 s")
        time.sleep(0.01)
    try:
        yield Served(room=room, address=address, app=app)
    finally:
        server.should_exit = True
        thread.join(20)


class LiveClock(Clock):
    """The real time: browsers and cookies live in it."""

    def __call__(self):
        from datetime import UTC, datetime

        return datetime.now(UTC)


@pytest.fixture
def served(tmp_path) -> Iterator[Served]:
    """The room of `rooms.py` behind a real server; its clock is the real one."""
    room = build_room(tmp_path, clock=LiveClock())
    with serving(room) as made:
        yield made
    room.db.close()


@pytest.fixture(scope="module")
def browser(playwright):
    """Chromium, once per file of tests."""
    if CHROMIUM is None:
        pytest.skip("needs chromium on the PATH")
    opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
    yield opened
    opened.close()


@dataclass
class Visits:
    """Opens pages in Chromium and keeps what the browser complains about."""

    browser: object
    served: Served
    contexts: list = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def page(self, actor: Actor | None = None, path: str | None = "/", **options):
        """A page at `path` (none is opened for None), signed in as `actor`."""
        context = self.browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.contexts.append(context)
        if actor is not None:
            begun = sessions.begin(self.served.room.db, actor.id)
            context.add_cookies([{"name": "siming_session", "value": begun.token, "url": self.served.address}])
        page = context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        if path is not None:
            page.goto(self.served.address + path)
        return page


@pytest.fixture
def visit(browser, served) -> Iterator[Visits]:
    """``visit.page(served.room.wei, "/queue")``; complaints of the browser (CSP among them) and requests to anywhere
    else fail the test. A test that expects a complaint takes it out of ``visit.complaints``."""
    made = Visits(browser=browser, served=served)
    yield made
    for context in made.contexts:
        context.close()
    assert made.complaints == []
    assert [u for u in made.requests if not u.startswith((served.address, "data:", "blob:"))] == []
