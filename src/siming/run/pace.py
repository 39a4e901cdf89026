"""How many calls are out at once, and how long all of them wait when a server asks for it."""

from __future__ import annotations

import asyncio
from typing import Self


class Pace:
    """A gate in front of the calls of one run.

    When the server says "too many", the number of calls out at once is halved and nobody starts a new one
    before the time it named; every full round of calls that went well gives one place back.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.allowed = most
        self._out = 0
        self._well = 0
        self._opens_at = 0.0
        self._halved_at = float("-inf")
        self._left = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        while True:
            wait_s = self._opens_at - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            elif self._out >= self.allowed:
                self._left.clear()
                await self._left.wait()
            else:
                self._out += 1
                return self

    async def __aexit__(self, *_: object) -> None:
        self._out -= 1
        self._left.set()

    def went_well(self) -> None:
        """A call came back with an answer."""
        self._well += 1
        if self._well >= self.allowed and self.allowed < self.most:
            self.allowed += 1
            self._well = 0
            self._left.set()

    def slow_down(self, wait_s: float, *, started_at: float) -> None:
        """The server refused a call for coming too soon.

        Args:
            wait_s: Nobody starts a call before this many seconds have passed.
            started_at: The loop's time when the refused call went out. Calls sent before the last halving say
                nothing about the pace after it.
        """
        now = asyncio.get_running_loop().time()
        self._opens_at = max(self._opens_at, now + wait_s)
        self._well = 0
        if started_at >= self._halved_at:
            self.allowed = max(1, self.allowed // 2)
            self._halved_at = now
