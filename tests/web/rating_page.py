"""What a rater sees and does on the rating page, in words of the page."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import threading
import time

from PIL import Image
from recordings import number_in
from sqlalchemy import select

from siming.store.blind import lease
from siming.store.blind.draft import folded
from siming.store.schema import assignment, rating_event

STEPS = 33
CPR, AED, BMV = "cpr-adult-single", "aed-adult", "bmv-adult"


class Rater:
    """A rater at his page."""

    def __init__(self, page, exam):
        self.page = page
        self.exam = exam

    def keys(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def until(self, true: str, timeout: float = 10) -> None:
        """Wait until an expression is true in the page. (Playwright's own way needs `eval`, which the page forbids.)"""
        end = time.monotonic() + timeout
        while not self.page.evaluate(true):
            if time.monotonic() > end:
                raise TimeoutError(f"not true after {timeout} s: {true}")
            self.page.wait_for_timeout(20)

    def ready(self):
        """Wait until the page takes keys and the first picture is there."""
        self.page.wait_for_selector("html[data-ready=yes]", timeout=20_000)
        self.until("document.querySelector('video').readyState >= 2")
        return self

    @property
    def step(self) -> str:
        """Id of the open step."""
        return self.page.get_attribute(".steps > .current", "data-step")

    def on(self, step: str) -> None:
        """Wait until a step is the open one."""
        self.until(f"document.querySelector('.steps > .current').dataset.step === '{step}'")

    @property
    def save(self) -> tuple[str, int, int]:
        """State word's kind, last change on the device's disk, last change on the server's."""
        return tuple(
            self.page.evaluate(
                "(() => { const s = document.getElementById('save-state').dataset;"
                " return [s.state, Number(s.device), Number(s.server)] })()"
            )
        )

    def saved(self, timeout: float = 10) -> None:
        """Wait until everything is on the server."""
        self.until("document.getElementById('save-state').dataset.state === 'server'", timeout)

    @property
    def drafted(self) -> dict:
        """The draft that the server holds."""
        with self.exam.room.db.read() as c:
            return c.execute(select(assignment.c.draft).where(assignment.c.id == self.exam.assignment)).scalar_one()

    def entry(self, step: str, rubric: str = CPR) -> dict:
        """What the server holds of a step, once everything has arrived."""
        self.saved()
        return self.drafted.get("steps", {}).get(rubric, {}).get(step, {})

    @property
    def events(self) -> list:
        """Every event of the assignment in the server's order."""
        with self.exam.room.db.read() as c:
            return c.execute(
                select(rating_event)
                .where(rating_event.c.assignment == self.exam.assignment)
                .order_by(rating_event.c.seq)
            ).all()

    # --- the video ---------------------------------------------------------------------------------------------------

    def picture(self) -> int:
        """Number of the picture that is on the screen, read from the picture itself."""
        data = self.page.evaluate(
            """async () => {
              const video = document.querySelector('video')
              const canvas = document.createElement('canvas')
              canvas.width = video.videoWidth; canvas.height = video.videoHeight
              canvas.getContext('2d').drawImage(video, 0, 0)
              const blob = await new Promise((done) => canvas.toBlob(done, 'image/png'))
              return [...new Uint8Array(await blob.arrayBuffer())]
            }"""
        )
        return number_in(Image.open(io.BytesIO(bytes(data))))

    def still(self) -> None:
        """Wait until the video has come to rest on a picture."""
        self.until(
            "(() => { const v = document.querySelector('video'); return v.paused && !v.seeking && v.readyState >= 2 })()"
        )
        self.page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        self.page.wait_for_timeout(60)

    def go(self, text: str) -> None:
        """Go to a time, typed."""
        self.keys("Shift+G")
        self.page.fill("#go-to input", text)
        self.keys("Enter")
        self.still()


def at(visit, exam, actor=None, **options) -> Rater:
    """Wei's (or somebody's) page on an exam, ready."""
    return Rater(visit.page(actor or exam.room.wei, exam.path, **options), exam).ready()


def refolded(rater: Rater) -> dict:
    """The draft that the log gives."""
    return folded([dict(event._mapping) for event in rater.events])


class Wire:
    """A wire between browser and server that can be cut and mended."""

    def __init__(self, target: str) -> None:
        host, port = target.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: set[socket.socket] = set()
        self.whole = True
        threading.Thread(target=self._serve, daemon=True).start()

    def cut(self) -> None:
        """From now on nothing gets through, and what was under way breaks off."""
        self.whole = False
        for end in list(self._open):
            end.close() if end.fileno() < 0 else _break(end)

    def mend(self) -> None:
        """Let everything through again."""
        self.whole = True

    def close(self) -> None:
        """End it."""
        self.cut()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self.whole:
                near.close()
                continue
            try:
                far = socket.create_connection(self._target)
            except OSError:
                near.close()
                continue
            self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if not self.whole:
                    break
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            _break(end)
            self._open.discard(end)


def _break(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()


__all__ = ["AED", "BMV", "CPR", "STEPS", "Rater", "Wire", "at", "json", "lease", "refolded", "time"]
