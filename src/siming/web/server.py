"""Starting and stopping the server: one process, no front needed on one's own machine."""

from __future__ import annotations

import gc
import ipaddress
import json
import logging
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import uvicorn
from fastapi import FastAPI

from siming.errors import TaskError
from siming.store.accounts.people import has_people
from siming.store.database import Database
from siming.store.migrate import migrate
from siming.web.app import create_app
from siming.web.settings import Settings, default_home, oidc_from_environment

PORT = 8470

TURN_S = 0.02
"""How long a thread may compute while others wait for the interpreter. A save computes for a few milliseconds: with
Python's 5 ms, saves that arrive together take turns in the middle of their work, and the last ones wait longer for it
(`docs/benchmarks.md`)."""


@dataclass(frozen=True, slots=True)
class Started:
    """What whoever started the server is told."""

    address: str
    setup: str | None
    """The address that makes the first owner; None when there is one."""
    database: str
    media: str


def serve(
    *,
    db_url: str | None = None,
    media: Path | None = None,
    host: str = "127.0.0.1",
    port: int = PORT,
    certfile: Path | None = None,
    keyfile: Path | None = None,
    address: str | None = None,
    allowed_hosts: Sequence[str] = (),
    behind_proxy: str | None = None,
    on_started: Callable[[Started], None] = lambda started: None,
) -> None:
    """Run the exam room until it is told to stop (Ctrl+C, SIGTERM); requests on their way are answered first.

    Args:
        db_url: SQLite in the data folder by default.
        media: Folder of recordings; in the data folder by default.
        address: Under which browsers see the room, where that is not host and port (behind a proxy).
        behind_proxy: Address of the proxy whose X-Forwarded headers are believed.

    Raises:
        TaskError: the port is taken, or the room would be open to the network without TLS.
        StoreError: the database cannot be used, or a later siming made it.
    """
    _refuse_open_doors(host, certfile, keyfile, behind_proxy, address)
    sys.setswitchinterval(TURN_S)
    os.umask(0o077)  # what the room keeps is for its own user alone
    home = default_home()
    if db_url is None or media is None:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    db_url = db_url or f"sqlite:///{home / 'room.db'}"
    media = (media or home / "media").absolute()
    media.mkdir(parents=True, exist_ok=True, mode=0o700)
    bound = _bind(host, port)
    try:
        db = Database(db_url)
        try:
            migrate(db)
            scheme = "https" if certfile else "http"
            shown = address or f"{scheme}://{_in_url(host)}:{bound.getsockname()[1]}"
            settings = Settings(
                media=media,
                address=shown.rstrip("/"),
                allowed_hosts=_names(shown, host, allowed_hosts),
                behind_proxy=behind_proxy is not None,
                oidc=oidc_from_environment(),
            )
            setup = None
            if not has_people(db):
                setup = f"{settings.address}/setup?token={quote(settings.setup_token)}"
            where = db.url.render_as_string(hide_password=True)
            server = _Server(
                uvicorn.Config(
                    _settled(create_app(settings, db)),
                    log_config=None,
                    access_log=False,  # ours leaves query strings out: they hold signatures
                    server_header=False,
                    ssl_certfile=certfile,
                    ssl_keyfile=keyfile,
                    proxy_headers=behind_proxy is not None,
                    forwarded_allow_ips=behind_proxy,
                    timeout_graceful_shutdown=10,
                    timeout_keep_alive=30,
                ),
                lambda: on_started(Started(settings.address, setup, where, str(media))),
            )
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, _leave)
            server.run(sockets=[bound])
        finally:
            db.close()
    finally:
        bound.close()


def _settled(app: FastAPI) -> FastAPI:
    """Take what is loaded by now out of the garbage collector's rounds: each would hold up every request for longer than a
    save takes."""
    gc.collect()
    gc.freeze()
    return app


def _leave(_number: int, _frame: object) -> None:
    """uvicorn raises SIGTERM again when it has ended; the system's own answer to it would leave the database open."""
    raise SystemExit(0)


def announce(*, as_json: bool, open_browser: bool) -> Callable[[Started], None]:
    """Tell the terminal (or a script) where the room is, and open it in the browser."""

    def tell(started: Started) -> None:
        if as_json:
            plain = {
                "address": started.address,
                "setup": started.setup,
                "database": started.database,
                "media": started.media,
            }
            sys.stdout.write(json.dumps(plain) + "\n")
            sys.stdout.flush()
        else:
            sys.stderr.write(f"The exam room is at {started.address}  (stop it with Ctrl+C)\n")
            sys.stderr.write(f"  database {started.database}\n  media    {started.media}\n")
            if started.setup:
                sys.stderr.write(f"\nNobody has an account yet. Make the first owner here:\n  {started.setup}\n\n")
            sys.stderr.flush()
        if open_browser:
            webbrowser.open(started.setup or started.address)

    return tell


def log_to_stderr() -> None:
    """One line per request and per trouble, without anything secret."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for name in ("siming", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(logging.INFO if name == "siming" else logging.WARNING)
        logger.propagate = False


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_started()


def _refuse_open_doors(
    host: str, certfile: Path | None, keyfile: Path | None, behind_proxy: str | None, address: str | None
) -> None:
    if (certfile is None) != (keyfile is None):
        raise TaskError("TLS needs both --certfile and --keyfile; give the other one too")
    for path in (certfile, keyfile):
        if path is not None and not path.is_file():
            raise TaskError(f"{path}: there is no such file; check --certfile and --keyfile")
    if address is not None and (urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname):
        raise TaskError(f"--address {address!r} is not an address such as https://room.example.org")
    if behind_proxy is not None and address is None:
        raise TaskError(
            "behind a proxy the room must know its own address: add --address https://room.example.org (and end TLS "
            "at the proxy)"
        )
    if not _is_loopback(host) and certfile is None and behind_proxy is None:
        raise TaskError(
            f"{host} opens the room to the network, and passwords would travel in the clear: add --certfile and "
            "--keyfile, or put a proxy with TLS before it and say --behind-proxy and --address"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise TaskError(f"--host {host!r} is no address of this machine ({error.strerror})") from error
    # Its protocol by name: asyncio turns Nagle's delay off only where it reads "TCP", and an answer in two parts then does
    # not wait 40 ms for the browser to acknowledge the first.
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(where)
        bound.listen(256)  # at once: two servers that only bound would both believe the port theirs
    except OSError as error:
        bound.close()
        raise TaskError(
            f"port {port} on {host} cannot be used ({error.strerror}); a room may be running there already, or choose "
            "another with --port (0 takes a free one)"
        ) from error
    return bound


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - compared, not bound


def _names(address: str, host: str, more: Sequence[str]) -> tuple[str, ...]:
    """Every name the Host header may carry."""
    names = {urlsplit(address).hostname or host, *more}
    if _is_loopback(host):
        names |= {"127.0.0.1", "localhost", "::1"}
    elif host not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        names.add(host)
    return tuple(sorted(name.strip("[]").lower() for name in names))
