"""Turns at a server whose limits nobody told: as fast as it takes calls, and no faster."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Self


class Turns:
    """Who may call when: so many at once, so many a minute, and not while the server wants a pause.

    One call that is turned away waits alone. When many are, the server has a limit that nobody told: then all wait as long
    as it says, and go on at the rate at which it took calls until now. From there the rate grows, for limits change: slowly
    at first, and faster the longer nobody is turned away.
    """

    MANY = 8
    AMONG = 20
    """So many calls turned away among the latest are more than bad luck."""
    LOOKS_BACK_S = 10.0
    CATCHES_UP_S = 0.5
    """Turns that a busy machine missed are made good when they lie no further back."""

    def __init__(self, places: int, per_minute: float | None) -> None:
        self.n_places = places
        self.pause_s = 60.0 / per_minute if per_minute else 0.0
        """Between two beginnings, as the user wants it."""
        self._places = asyncio.Semaphore(places)
        self._opens_at = 0.0
        self._next_at = 0.0
        self._learned: float | None = None
        """Calls a second that the server took when it last turned many away."""
        self._learned_at = float("-inf")
        self._first_at: float | None = None
        self._took: deque[float] = deque()
        self._latest: deque[bool] = deque(maxlen=self.AMONG)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await self._places.acquire()
        try:
            while (wait_s := max(self._opens_at, self._next_at) - loop.time()) > 0:
                await asyncio.sleep(wait_s)
        except BaseException:
            self._places.release()
            raise
        now = loop.time()
        self._next_at = max(self._next_at, now - self.CATCHES_UP_S) + self._pause_at(now)
        if self._first_at is None:
            self._first_at = now
        return self

    async def __aexit__(self, *_: object) -> None:
        self._places.release()

    def _pause_at(self, now: float) -> float:
        if self._learned is None:
            return self.pause_s
        well_s = max(0.0, now - self._learned_at)
        rate = self._learned * (1 + well_s / 100 + (well_s / 15) ** 3)
        return max(self.pause_s, 1.0 / rate)

    def taken(self) -> None:
        """The server took a call, whatever it made of it."""
        self._took.append(asyncio.get_running_loop().time())
        self._latest.append(True)

    def turned_away(self, started_at: float, wait_s: float) -> None:
        """The server took no call, and wants to be left alone so long.

        Args:
            started_at: When the call went out. Calls from before the last cut say nothing about the rate after it.
        """
        if started_at < self._learned_at:
            return
        self._latest.append(False)
        if self._latest.count(False) < self.MANY:
            return
        now = asyncio.get_running_loop().time()
        since = max(self._first_at or now, now - self.LOOKS_BACK_S)
        while self._took and self._took[0] < since:
            self._took.popleft()
        if self._took:
            self._learned = len(self._took) / max(now - since + wait_s, 0.1)
        self._opens_at = self._learned_at = now + wait_s
        self._latest.clear()
