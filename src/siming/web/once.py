"""What the page after a form shows once, such as a link to hand over: it waits here for the redirect between.

A page that came as the answer to a form would send the form again when it is loaded again; and what must not be read
twice may lie neither in an address nor in a cookie. So it lies in memory for a minute, and the browser carries the claim.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse

from siming.web.page import keep
from siming.web.who import SignedIn

COOKIE = "siming_once"
KEPT_S = 60
MOST = 500
"""Waiting at once; the oldest go first."""


class Counter:
    """Keeps things until they are claimed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._line = threading.Lock()
        self._kept: dict[str, tuple[float, str, Mapping[str, Any]]] = {}

    def leave(self, whose: str, values: Mapping[str, Any], seconds: float = KEPT_S) -> str:
        """Leave something for somebody at some page; the claim."""
        claim = secrets.token_urlsafe(24)
        with self._line:
            self._throw_away()
            self._kept[claim] = (self._clock() + seconds, whose, values)
            while len(self._kept) > MOST:
                del self._kept[next(iter(self._kept))]
        return claim

    def look(self, claim: str, whose: str) -> Mapping[str, Any]:
        """The same, which stays there."""
        with self._line:
            self._throw_away()
            _, owner, values = self._kept.get(claim, (0.0, "", {}))
            return values if owner == whose else {}

    def claim(self, claim: str, whose: str) -> Mapping[str, Any]:
        """What was left there, this once; empty where there is nothing."""
        with self._line:
            self._throw_away()
            if self._kept.get(claim, (0.0, "", {}))[1] != whose:
                return {}
            return self._kept.pop(claim)[2]

    def _throw_away(self) -> None:
        now = self._clock()
        for claim in [claim for claim, (until, _, _) in self._kept.items() if until < now]:
            del self._kept[claim]


def redirect_showing(request: Request, who: SignedIn, to: str, **values: Any) -> RedirectResponse:
    """Send the browser on after a form, to a page that shows these values once (`shown_once`)."""
    response = RedirectResponse(to, status_code=303)
    keep(request, response, COOKIE, _counter(request).leave(f"{who.actor.id} {to}", values), seconds=KEPT_S)
    return response


def shown_once(request: Request, who: SignedIn) -> Mapping[str, Any]:
    """What the form before left for this page; empty when it is loaded again."""
    claim = request.cookies.get(COOKIE)
    return _counter(request).claim(claim, f"{who.actor.id} {request.url.path}") if claim else {}


def left_for(request: Request, person: str, place: str, *, seconds: float, **values: Any) -> str:
    """Keep what a form sent until the person has answered a question about it; the claim for the page's form."""
    return _counter(request).leave(f"{person} {place}", values, seconds)


def looked_at(request: Request, who: SignedIn, claim: str, place: str) -> Mapping[str, Any]:
    """What was left there, and stays; empty where it is gone."""
    return _counter(request).look(claim, f"{who.actor.id} {place}")


def claimed(request: Request, who: SignedIn, claim: str, place: str) -> Mapping[str, Any]:
    """What was left there; empty where it is gone."""
    return _counter(request).claim(claim, f"{who.actor.id} {place}")


def _counter(request: Request) -> Counter:
    found: Counter = request.app.state.once
    return found
