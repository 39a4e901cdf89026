"""What stands before every route: host, origin, size, pace, headers, the request log.

The guard knows no route and no person. Whether a form comes from the session it claims is `who.csrf_ok`; whether the
person may is the store's.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from siming.errors import InputError, NotAllowedError, RoomError
from siming.web.errors_page import refusal, unforeseen
from siming.web.settings import Settings
from siming.web.who import SAFE, session_cookie

LOG = logging.getLogger("siming.web")

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; worker-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)

BY_DIGEST = re.compile(
    r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; script-src 'sha256-[A-Za-z0-9+/]{43}='; "
    r"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The one other policy an answer may set for itself: of a page in one file, whose one script and one style are named by
their digests and which reaches nothing else."""

HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
}

BODY_LIMIT = 1_000_000
"""Bytes of a form or of JSON."""

PER_SESSION = (60.0, 600.0)
"""Requests per second that one session may keep up, and how many it may run ahead: a page with its scripts, a saved
score every keystroke and a video in ranges stay far below."""

PER_ADDRESS = (1000.0, 10000.0)
"""The same for one network address, behind which a whole ward may sit."""


Route = TypeVar("Route", bound=Callable[..., object])


def takes_bodies_up_to(limit: int) -> Callable[[Route], Route]:
    """Mark a route that reads its body in pieces, such as an upload: it takes more than `BODY_LIMIT` bytes."""

    def mark(route: Route) -> Route:
        route.body_limit = limit  # type: ignore[attr-defined]
        return route

    return mark


class Pace:
    """A bucket per key: `rate` drops flow in each second, at most `depth` are kept; each request takes one."""

    def __init__(self, rate: float, depth: float, *, keep: int = 10_000) -> None:
        self._rate, self._depth, self._keep = rate, depth, keep
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, key: str, now: float) -> float:
        """0 when the request may go on, else the seconds to wait."""
        left, at = self._buckets.pop(key, (self._depth, now))
        left = min(self._depth, left + (now - at) * self._rate)
        wait = 0.0 if left >= 1 else (1 - left) / self._rate
        self._buckets[key] = (left - 1 if wait == 0 else left, now)
        if len(self._buckets) > self._keep:
            self._buckets.popitem(last=False)
        return wait


class Guard:
    """Wraps the whole application; refuses what is not meant for it and seals every answer."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._hosts = frozenset(settings.allowed_hosts)
        self._cookie = session_cookie(settings)
        self._sessions, self._addresses = Pace(*PER_SESSION), Pace(*PER_ADDRESS)
        self._headers = dict(HEADERS)
        if settings.https:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, began, status = Request(scope), time.monotonic(), 0

        async def sealed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    if name != "Content-Security-Policy" or not BY_DIGEST.fullmatch(headers.get(name, "")):
                        headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            refused = self._refuse(request)
            if refused is not None:
                await refusal(request, refused)(scope, receive, sealed)
            else:
                await self._app(scope, _measured(scope, request.headers, receive), sealed)
        except ClientDisconnect:
            return  # nobody is there to be answered
        except Exception:
            LOG.exception("%s %s failed", request.method, _path(scope))
            if status:
                raise
            await unforeseen(request)(scope, receive, sealed)
        finally:
            LOG.info("%s %s %d %.0f ms", request.method, _path(scope), status, 1000 * (time.monotonic() - began))

    def _refuse(self, request: Request) -> RoomError | None:
        headers = request.headers
        host = _name_of(headers.get("host", ""))
        if host not in self._hosts:
            return InputError(
                f"this server does not answer to the name {host[:80]!r}; start it with --allowed-host to let it",
                code="host_unknown",
            )
        if not _same_origin(request):
            return NotAllowedError("the request comes from another site", code="csrf")
        if not _plain_form(headers.get("content-type", "")):
            return InputError("forms are read as UTF-8; send it without another charset", code="form_charset")
        now = time.monotonic()
        wait = self._addresses.wait_s(address_of(request), now)
        token = request.cookies.get(self._cookie) or headers.get("authorization")
        if token:
            wait = max(wait, self._sessions.wait_s(sha256(token.encode()).hexdigest(), now))
        if wait:
            seconds = int(wait) + 1
            return NotAllowedError(f"too many requests; wait {seconds} s", code="too_many", params={"seconds": seconds})
        return None


def _same_origin(request: Request) -> bool:
    """Whether the browser says that a page of ours asks. What is no browser says nothing, and has no cookies to lose."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        # From elsewhere one may come by a link, and by nothing else.
        return request.method in SAFE and request.headers.get("sec-fetch-mode") == "navigate"
    origin = request.headers.get("origin")
    if request.method in SAFE or site is not None or origin in (None, "null"):
        return True  # "null" is what forms send under our referrer policy; their token decides
    return urlsplit(origin or "").netloc.lower() == request.headers.get("host", "").lower()


def _plain_form(kind: str) -> bool:
    """Whether a form is written in UTF-8. Others could choose an encoding that makes half characters, or none at all."""
    found = re.search(r"charset\s*=\s*\"?([^\s;\"]*)", kind, re.IGNORECASE)
    return found is None or not kind.lower().startswith("multipart/") or found[1].lower() in ("utf-8", "utf8")


def _measured(scope: Scope, headers: Headers, receive: Receive) -> Receive:
    """`receive`, until more comes than the route takes. By then the router has said which route it is."""
    got = 0

    async def pieces() -> Message:
        nonlocal got
        limit = getattr(scope.get("endpoint"), "body_limit", BODY_LIMIT)
        if got == 0 and _length(headers) > limit:
            raise HTTPException(413, detail=str(limit))
        message = await receive()
        got += len(message.get("body", b""))
        if got > limit:
            raise HTTPException(413, detail=str(limit))
        return message

    return pieces


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _name_of(host: str) -> str:
    """The name in a Host header, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _path(scope: Scope) -> str:
    """The path as it came, still percent-encoded and without the query: that may hold a signature or a token."""
    return bytes(scope.get("raw_path") or b"").partition(b"?")[0].decode("latin-1")[:300]


def address_of(request: Request) -> str:
    """The network address a request comes from."""
    return request.client.host if request.client else ""


class Tries:
    """Wrong passwords, and how long to wait after them.

    The wait doubles with each try past the free ones. A try counts before its password is looked at, so that many at
    once gain nothing; a right password takes its own tries back. Kept in memory: a restart forgets.
    """

    FREE_HERE, LONGEST_HERE_S = 5, 900.0
    """One account from one address."""
    FREE_ACCOUNT, LONGEST_ACCOUNT_S = 40, 60.0
    """One account from everywhere: looser, so that a stranger cannot lock a rater out of a running exam."""
    FREE_ADDRESS, LONGEST_ADDRESS_S = 60, 900.0
    """All accounts from one address: a ward's computers may share it."""
    FORGOTTEN_AFTER_S = 3600.0

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, keep: int = 20_000) -> None:
        self._clock = clock
        self._keep = keep
        self._line = threading.Lock()
        self._tries: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def begin(self, login: str, address: str) -> None:
        """A try begins.

        Raises:
            NotAllowedError: it comes too soon after the last ones.
        """
        kinds, now = self._kinds(login, address), self._clock()
        with self._line:
            wait = max(self._wait(key, free, longest, now) for key, free, longest in kinds)
            if wait > 0:
                seconds = int(wait) + 1
                raise NotAllowedError(
                    f"too many wrong passwords; wait {seconds} s, or ask an owner for a new link",
                    code="locked_out",
                    params={"seconds": seconds},
                )
            for key, _, _ in kinds:
                n, _at = self._tries.pop(key, (0, now))
                self._tries[key] = (n + 1, now)
            while len(self._tries) > self._keep:
                self._tries.popitem(last=False)

    def succeeded(self, login: str, address: str) -> None:
        """The try was right."""
        here, *others = (key for key, _, _ in self._kinds(login, address))
        with self._line:
            self._tries.pop(here, None)
            for key in others:
                n, at = self._tries.get(key, (0, 0.0))
                if n > 1:
                    self._tries[key] = (n - 1, at)
                else:
                    self._tries.pop(key, None)

    def _wait(self, key: str, free: int, longest: float, now: float) -> float:
        n, at = self._tries.get(key, (0, now))
        if now - at > self.FORGOTTEN_AFTER_S:
            del self._tries[key]
            return 0.0
        return 0.0 if n < free else min(longest, 2.0 ** (n - free + 1)) - (now - at)

    def _kinds(self, login: str, address: str) -> tuple[tuple[str, int, float], ...]:
        login = login.strip().lower()[:200]
        return (
            (f"here {address} {login}", self.FREE_HERE, self.LONGEST_HERE_S),
            (f"account {login}", self.FREE_ACCOUNT, self.LONGEST_ACCOUNT_S),
            (f"address {address}", self.FREE_ADDRESS, self.LONGEST_ADDRESS_S),
        )
