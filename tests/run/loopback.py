"""A model server of our own on the loopback address: speaks chat completions, keeps what it was asked, and fails
by script. Used by the tests (in a thread) and by benchmarks/bench_run.py (as a process of its own).

It ends with its `with` block, and in any case after `lifetime_s`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

GOOD_TEXT = json.dumps({"steps": [{"id": "cpr01", "points": 1, "reason": "seen"}]})


@dataclass(frozen=True)
class Reply:
    """What the server does with one ask."""

    status: int = 200
    body: Any = None
    """Plain values (sent as JSON), bytes (sent as they are), or None for a good completion."""
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    cut_after: int | None = None
    """Close the connection after this many bytes of the body, though more were announced."""


def completion(text: str | None, *, finish: str = "stop", **message: Any) -> dict[str, Any]:
    """A completion's body."""
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


@dataclass(frozen=True)
class Ask:
    """One call as the server saw it."""

    id: str
    """The attempt named in the prompt."""
    nth: int
    """How often it has been asked for, from 1."""
    key: str
    """The bearer token."""
    fields: dict[str, Any]
    """The body without its messages."""
    times: tuple[str, ...]
    """The texts that stand directly before an image."""
    sizes: tuple[tuple[int, int], ...]
    """Of the images, once decoded."""
    video: bytes | None


class Loopback:
    """The server. `reply` decides what happens to each ask; without it every ask gets a good completion."""

    def __init__(
        self,
        reply: Callable[[Ask], Reply] | None = None,
        *,
        delay_s: float = 0.0,
        lifetime_s: float = 120.0,
        look: bool = True,
    ) -> None:
        self._reply = reply or (lambda ask: Reply(body=completion(f'{GOOD_TEXT[:-1]}, "for": "{ask.id}"}}')))
        self._delay_s, self._lifetime_s, self._look = delay_s, lifetime_s, look
        self.asks: list[Ask] = []
        self.most_at_once = 0
        self._now = 0
        self._counts: Counter[str] = Counter()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Loopback:
        self._thread.start()
        assert self._ready.wait(10), "the loopback server did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def count(self, name: str) -> int:
        """How often a request was asked for."""
        return self._counts[name]

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, limit=2**20)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._ready.set()
        try:
            await asyncio.wait_for(self._end.wait(), self._lifetime_s)
        except TimeoutError:
            print("loopback server: lifetime over", file=sys.stderr)
        server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client left, or the server ends
        finally:
            self._open.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
        body = await reader.readexactly(int(length[1])) if length else b""
        if not head.startswith("POST /v1/chat/completions "):
            return await self._send(writer, Reply(404, {"error": {"message": f"no page for {head.split()[1]}"}}))
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            ask = self._see(head, body)
            del body
            self.asks.append(ask)
            reply = self._reply(ask)
            await asyncio.sleep(reply.delay_s + self._delay_s)
            return await self._send(writer, reply)
        finally:
            self._now -= 1

    def _see(self, head: str, body: bytes) -> Ask:
        key = re.search(r"authorization: bearer (\S+)", head, re.IGNORECASE)
        if not self._look:
            name = re.search(rb"attempt ([\w./-]+)", body)
            assert name is not None
            found = name[1].decode()
            self._counts[found] += 1
            return Ask(found, self._counts[found], key[1] if key else "", {}, (), (), None)
        plain = json.loads(body)
        parts = [part for message in plain.pop("messages") for part in _parts(message)]
        times, sizes, video = [], [], None
        for before, part in zip([None, *parts], parts, strict=False):
            if part["type"] == "image_url":
                assert before is not None
                times.append(before.get("text", ""))
                with Image.open(io.BytesIO(_bytes(part["image_url"]["url"]))) as picture:
                    picture.load()
                    sizes.append(picture.size)
            elif part["type"] == "video_url":
                video = _bytes(part["video_url"]["url"])
        text = " ".join(part.get("text", "") for part in parts)
        name = re.search(r"attempt ([\w./-]+)", text)
        found = name[1] if name else "?"
        self._counts[found] += 1
        return Ask(found, self._counts[found], key[1] if key else "", plain, tuple(times), tuple(sizes), video)

    async def _send(self, writer: asyncio.StreamWriter, reply: Reply) -> bool:
        body = completion(GOOD_TEXT) if reply.body is None else reply.body
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(raw))} | reply.headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {reply.status} X\r\n{lines}\r\n".encode() + raw[: reply.cut_after])
        await writer.drain()
        return reply.cut_after is None


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _bytes(url: str) -> bytes:
    assert url.startswith("data:"), url[:40]
    return base64.b64decode(url.partition(",")[2], validate=True)


def main() -> None:
    """Serve until standard input closes; print the URL first, and write down each ask as it comes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0.0)
    parser.add_argument("--lifetime", type=float, default=600.0)
    parser.add_argument("--log", type=Path, required=True, help="one line for each ask")
    options = parser.parse_args()
    with options.log.open("w", buffering=1) as log:

        def reply(ask: Ask) -> Reply:
            log.write(f"{ask.id}\n")
            return Reply()

        with Loopback(reply, delay_s=options.delay, lifetime_s=options.lifetime, look=False) as server:
            print(server.url, flush=True)
            sys.stdin.read()  # ends when whoever started this process ends


if __name__ == "__main__":
    main()
