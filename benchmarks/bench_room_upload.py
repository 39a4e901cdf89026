"""A recording of 10 GB on its way into the exam room and a long film on its way out, against the real server on loopback.

    python benchmarks/bench_room_upload.py [--size 10G] [--minutes 25] [--only in|out] [--small] [--folder DIR]

In: a valid MP4 of that size (a long film at 1280x720 with a `free` box before its index, as cameras leave one; no such file
lies anywhere, it is made as it is sent) goes through the protocol that the upload page speaks, in the page's chunks. On
the way the connection is cut in the middle of a chunk, the server is killed with SIGKILL and started again, a sender falls
silent without a goodbye, and a client that knows nothing but the file begins anew. Peers on the same disk in the same run,
with the same bytes: a bare socket that writes and fsyncs every chunk (the floor of receiving), and `sha256sum` (the floor of
what the server does before it keeps them).

Out: the film that the server itself made of it, rated in Chromium by the rating page: from the opening of the page to the
first picture, and seeks to random times until the picture of that time is shown. The film is put out of the disk cache
before every opening. Everything is removed at the end. Status 1 where a promise is broken.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import av
import numpy as np

from siming.rubric import builtin_rubric_ids
from siming.store import Actor, Database, Policy, migrate
from siming.store.accounts import invitations, people, sessions
from siming.store.blind.assignments import Planned, assign
from siming.store.media import media
from siming.store.media.attempts import get_attempt
from siming.store.projects import members, projects, rubrics

FIRST_S, SEEK_S = 2.0, 0.5
MOST_GROWTH_MIB = 64.0
"""Of the server's memory while the second half arrives; the half has thousands."""

CHUNK = 8 << 20
SPARE = 3 << 30
FPS, SCENE_S, WIDTH, HEIGHT = 25, 20, 1280, 720
PASSWORD = "only for this benchmark"


# --- the recording --------------------------------------------------------------------------------------------------


def film(path: Path, minutes: float) -> None:
    """A long film as from a tripod: a grainy room that stands still and somebody who moves in it. One scene is encoded, its
    packets are written again and again."""
    dice = np.random.default_rng(1)
    room = dice.integers(60, 110, (HEIGHT, WIDTH), np.uint8)
    person = dice.integers(120, 200, (240, 160), np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "20", "g": "50", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        out.start_encoding()  # only now the container says in which units it counts time
        packets = []
        for n in range(FPS * SCENE_S):
            grey = room.copy()
            grey[n % 400 : n % 400 + 240, 2 * n : 2 * n + 160] = person
            picture = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
            picture.pts, picture.time_base = n, Fraction(1, FPS)
            packets += stream.encode(picture)
        packets += stream.encode(None)
        written = [(bytes(packet), packet.is_keyframe, packet.pts * Fraction(packet.time_base)) for packet in packets]
        for scene in range(max(1, round(minutes * 60 / SCENE_S))):
            for content, key, at_s in written:
                packet = av.Packet(content)
                packet.stream, packet.time_base, packet.is_keyframe = stream, stream.time_base, key
                packet.pts = packet.dts = int((at_s + scene * SCENE_S) / stream.time_base)
                packet.duration = int(Fraction(1, FPS) / stream.time_base)
                out.mux(packet)


class Recording:
    """The film, grown to `size` bytes by a `free` box before its index; read anywhere, held nowhere."""

    def __init__(self, path: Path, size: int) -> None:
        self._file = path.open("rb")
        self.film_bytes, boxes = path.stat().st_size, dict(_boxes(path))
        self._index_at = boxes[b"moov"]
        self._index = self.film_bytes - self._index_at
        free = size - self.film_bytes
        if free < 16 or boxes[b"mdat"] > self._index_at:
            raise SystemExit(
                f"--size {size}: the film alone has {self.film_bytes} bytes; give more, or fewer --minutes"
            )
        self.size = size
        self._head = struct.pack(">I4sQ", 1, b"free", free)
        self._stuff = random.Random(7).randbytes(1 << 20)

    def sha256(self) -> str:
        """Of all that is sent."""
        digest = hashlib.sha256()
        for at in range(0, self.size, CHUNK):
            digest.update(self.read(at, CHUNK))
        return digest.hexdigest()

    def read(self, at: int, n: int) -> bytes:
        """Up to `n` bytes from `at`."""
        out, stop = bytearray(), min(self.size, at + n)
        free_ends = self.size - self._index
        while at < stop:
            if at < self._index_at:
                piece = os.pread(self._file.fileno(), min(stop, self._index_at) - at, at)
            elif at >= free_ends:
                piece = os.pread(self._file.fileno(), stop - at, at - free_ends + self._index_at)
            else:
                number, within = divmod(at - self._index_at, len(self._stuff))
                # Each stretch bears its number: one in a wrong place changes the sum.
                head = self._head if number == 0 else number.to_bytes(16, "big")
                piece = (head + self._stuff[16:])[within : within + min(stop, free_ends) - at]
            out += piece
            at += len(piece)
        return bytes(out)


def _boxes(path: Path) -> Iterator[tuple[bytes, int]]:
    """The outermost boxes of an MP4 and where they begin."""
    with path.open("rb") as file:
        at, end = 0, path.stat().st_size
        while at < end:
            file.seek(at)
            length, name = struct.unpack(">I4s", file.read(8))
            yield name, at
            at += struct.unpack(">Q", file.read(8))[0] if length == 1 else length


# --- the server -----------------------------------------------------------------------------------------------------


class Server:
    """`siming serve` on one port, watched."""

    def __init__(self, url: str, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._command = [sys.executable, "-m", "siming", "serve", "--db", url, "--media", str(folder / "media"), "--no-open",
                         "--json", "--port", str(self.port)]  # fmt: skip
        self._folder, self.cpu_s, self.peak_mib = folder, 0.0, 0.0
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        with (self._folder / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=log, text=True,
                env={**os.environ, "SIMING_HOME": str(self._folder)},
            )  # fmt: skip
        assert self.process.stdout is not None
        if not self.process.stdout.readline():
            raise SystemExit(f"the server did not start:\n{(self._folder / 'server.log').read_text()[-2000:]}")

    def kill(self) -> None:
        assert self.process is not None
        self._note()
        self.process.kill()
        self._gone()

    def stop(self) -> None:
        if self.process is not None:
            self._note()
            self.process.terminate()
            self._gone()

    def used_s(self) -> float:
        """Processor time of all its lives."""
        assert self.process is not None
        return self.cpu_s + _cpu_s(self.process.pid)

    def peak(self) -> float:
        """Most memory in any of its lives, MiB."""
        assert self.process is not None
        return max(self.peak_mib, _status_mib(self.process.pid, "VmHWM"))

    def now_mib(self) -> float:
        assert self.process is not None
        return _status_mib(self.process.pid, "VmRSS")

    def helper_peak_mib(self) -> float:
        """Most memory of a process that it has started, so far."""
        assert self.process is not None
        children: list[str] = []
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with suppress(OSError):
                children += (task / "children").read_text().split()
        found = [0.0]
        for child in children:
            with suppress(OSError, StopIteration):
                found.append(_status_mib(int(child), "VmHWM"))
        return max(found)

    def _note(self) -> None:
        self.cpu_s, self.peak_mib = self.used_s(), self.peak()

    def _gone(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        self.process.wait(30)
        self.process.stdout.close()
        self.process = None


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status_mib(pid: int, name: str) -> float:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024


@dataclass
class Room:
    """A room with a coordinator who uploads and a rater who looks."""

    db: Database
    owner: Actor
    office: Actor
    rater: Actor
    project: str


def fill(db: Database) -> Room:
    migrate(db)
    owner = people.actor_of(db, people.set_up_owner(db, login="owner", name="Olga", password=PASSWORD).id)
    project = projects.create_project(db, owner, slug="hall", title="Large hall", policy=Policy())
    owner = people.actor_of(db, owner.id)
    chosen = [rubrics.publish_builtin(db, owner, name).id for name in builtin_rubric_ids()]
    rubrics.set_project_rubrics(db, owner, project.id, chosen)
    made = []
    for login, role in (("office", "coordinator"), ("wei", "rater")):
        person, _ = invitations.create_person(db, owner, login=login, name=login.title())
        members.add_member(db, owner, project.id, person_id=person.id, roles=[role], code=login.upper())
        made.append(people.actor_of(db, person.id))
    return Room(db, owner, made[0], made[1], project.id)


# --- sending --------------------------------------------------------------------------------------------------------


class Client:
    """One browser's way of sending: a connection kept open, the server's offset the truth."""

    def __init__(self, server: Server, room: Room) -> None:
        begun = sessions.begin(room.db, room.office.id)
        self._port = server.port
        self._cookies = {"Cookie": f"siming_session={begun.token}", "X-CSRF-Token": begun.csrf}
        self._http = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._http.request(method, f"/api/v1/uploads{path}", body, self._cookies | named)
        answer = self._http.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else dict(answer.getheaders())

    def begin(self, attempt: str, size: int) -> str:
        body = {"project": "hall", "attempt": attempt, "file_name": "exam.mp4", "size": size, "fingerprint": attempt,
                "recipe": {"faces": "none"}}  # fmt: skip
        status, answer = self.ask("POST", "", json.dumps(body).encode(), Content_Type="application/json")
        assert status == 201, answer
        return str(answer["id"])

    def chunk(self, upload: str, at: int, piece: bytes) -> tuple[int, Any]:
        return self.ask(
            "PATCH", f"/{upload}", piece, Upload_Offset=str(at), Content_Type="application/offset+octet-stream"
        )

    def offset(self, upload: str) -> int:
        status, headers = self.ask("HEAD", f"/{upload}")
        assert status == 204, headers
        return int({name.lower(): value for name, value in headers.items()}["upload-offset"])

    def half(self, upload: str, at: int, piece: bytes) -> socket.socket:
        """Half of a chunk on a connection of its own, and nothing more."""
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        head = f"PATCH /api/v1/uploads/{upload} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(piece)}\r\n"
        head += f"Upload-Offset: {at}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in self._cookies.items())
        connection.sendall(head.encode() + b"\r\n" + piece[: len(piece) // 2])
        return connection

    def close(self) -> None:
        self._http.close()


@dataclass
class Cut:
    """One interruption and what it cost."""

    what: str
    at_gb: float
    sent_again: int
    """Bytes on the wire that had been there before."""
    acknowledged_again: int
    """Those of them that the server had acknowledged."""
    back_s: float
    """Until the next chunk was acknowledged."""


@dataclass
class Sent:
    """How the upload went."""

    seconds: float
    cuts: list[Cut]
    server_cpu_s: float
    peak_mib: float
    settled_mib: float
    """Of the server that got the second half, after its first 64 MiB."""
    late_mib: float
    """Of the same server when the last byte had come."""
    upload: str


def send(server: Server, room: Room, recording: Recording, *, cut: bool = True) -> Sent:
    """The whole way, with four interruptions or none."""
    client = Client(server, room)
    upload = client.begin("A-10G", recording.size)
    due = {} if not cut else {0.2: "connection cut in mid-chunk", 0.4: "server killed (SIGKILL) in mid-chunk, started again",
           0.6: "sender falls silent in mid-chunk, another goes on", 0.8: "new client, asks for the offset"}  # fmt: skip
    cuts: list[Cut] = []
    settled, killed_at = 0.0, 0
    used, began, at = server.used_s(), time.perf_counter(), 0
    while at < recording.size:
        piece = recording.read(at, CHUNK)
        share = next((share for share in due if at >= share * recording.size), None)
        if share is None:
            status, answer = client.chunk(upload, at, piece)
            assert status == 200, answer
            at = answer["offset"]
        else:
            what, wrong_at = due.pop(share), at
            since = time.perf_counter()
            wire = client.half(upload, at, piece)
            if "killed" in what:
                server.kill()
                server.start()
                killed_at = at
            if "silent" not in what:
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                wire.close()
            client.close()
            if "killed" in what or "cut" in what:
                client = Client(server, room)
            else:
                client, upload = stranger(server, room)
            at, answer = resume(client, upload, recording)
            cuts.append(Cut(what, wrong_at / 1e9, max(0, wrong_at + len(piece) // 2 - at), max(0, wrong_at - at),
                            time.perf_counter() - since))  # fmt: skip
            if "silent" in what:
                wire.close()
            at = answer["offset"]
        if killed_at and not settled and at > killed_at + (64 << 20):
            settled = server.now_mib()
    took = time.perf_counter() - began
    late = server.now_mib()
    client.close()
    return Sent(took, cuts, server.used_s() - used, server.peak(), settled, late, upload)


def stranger(server: Server, room: Room) -> tuple[Client, str]:
    """A client that has the file and nothing else: it finds the upload by the file's fingerprint."""
    client = Client(server, room)
    status, known = client.ask("GET", "?project=hall")
    assert status == 200, known
    (upload,) = [one["id"] for one in known if one["fingerprint"] == "A-10G"]
    return client, upload


def resume(client: Client, upload: str, recording: Recording) -> tuple[int, Any]:
    """Ask for the offset and send the next chunk, again and again while the server is still busy with the last one."""
    until = time.monotonic() + 120
    while True:
        at = client.offset(upload)
        status, answer = client.chunk(upload, at, recording.read(at, CHUNK))
        if status == 200:
            return at, answer
        assert status == 409, answer
        assert time.monotonic() < until, answer
        time.sleep(0.2)


# --- the peers ------------------------------------------------------------------------------------------------------

FLOOR = """
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0)); print(listener.getsockname()[1], flush=True)
wire, _ = listener.accept(); file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600)
buffer, chunk, got = bytearray(1 << 20), int(sys.argv[2]), 0
while n := wire.recv_into(buffer, min(len(buffer), chunk - got % chunk)):
    os.write(file, memoryview(buffer)[:n]); got += n
    if got % chunk == 0:
        os.fsync(file); wire.sendall(b"k")
os.fsync(file)
"""


def peers_s(recording: Recording, place: Path, size: int) -> tuple[float, float]:
    """The first `size` of the same bytes through a bare socket to the disk, as durable and as much in step; seconds of
    that, and seconds of `sha256sum` over them."""
    process = subprocess.Popen([sys.executable, "-c", FLOOR, str(place), str(CHUNK)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        with socket.create_connection(("127.0.0.1", int(process.stdout.readline()))) as wire:
            began = time.perf_counter()
            for at in range(0, size, CHUNK):
                piece = recording.read(at, min(CHUNK, size - at))
                wire.sendall(piece)
                if len(piece) == CHUNK:
                    wire.recv(1)
            wire.shutdown(socket.SHUT_WR)
            process.wait(600)
            copied = time.perf_counter()
        sum_of(place)
        return copied - began, time.perf_counter() - copied
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        place.unlink(missing_ok=True)


def sum_of(path: Path) -> str:
    """What `sha256sum` says."""
    return subprocess.run(["sha256sum", str(path)], check=True, capture_output=True, text=True).stdout.split()[0]


# --- after the last byte --------------------------------------------------------------------------------------------


@dataclass
class Kept:
    """What the server did once everything had come."""

    hashed_s: float
    derived_s: float
    peak_mib: float
    helper_peak_mib: float
    media: str
    whole: bool
    """Whether stored bytes, sent bytes and the server's word have one sum."""
    derivative: Path
    derivative_mb: float
    duration_s: float


def wait_until_kept(server: Server, room: Room, folder: Path, recording: Recording, upload: str) -> Kept:
    """Until the film waits to be looked at; then it is released to raters. Meanwhile the stored bytes are read and
    compared with what was sent."""
    client, began, hashed, helper = Client(server, room), time.perf_counter(), 0.0, 0.0
    on_disk, whole = "", False
    while True:
        _, now = client.ask("GET", f"/{upload}")
        client.close()  # summing takes longer than the server keeps a silent connection; the next request opens one
        hashed = hashed or (time.perf_counter() - began if now["original"] else 0.0)
        helper = max(helper, server.helper_peak_mib())
        if hashed and not on_disk:
            attempt = get_attempt(room.db, room.office, room.project, "A-10G")
            (original,) = media.media_of_attempt(room.db, room.office, attempt.id)[:1]
            on_disk = sum_of(folder / "media" / original.path)
            whole = on_disk == original.sha256 == recording.sha256()
        if now["state"] == "done" and on_disk:
            break
        assert now["state"] in ("queued", "working", "done"), now
        assert time.perf_counter() - began < 3 * 3600, now
        time.sleep(0.25)
    took = time.perf_counter() - began
    client.close()
    original, derivative = media.media_of_attempt(room.db, room.office, attempt.id)
    media.release(room.db, room.office, derivative.id)
    lies = folder / "media" / derivative.path
    return Kept(hashed, took - hashed, server.peak(), helper, derivative.id,
                whole, lies, lies.stat().st_size / 1e6, float(derivative.duration_s or 0))  # fmt: skip


# --- looking --------------------------------------------------------------------------------------------------------

FIRST = """
addEventListener('DOMContentLoaded', () => {
  document.querySelector('video')?.requestVideoFrameCallback((now) => { window.firstPicture = now })
})
"""
SEEK = """async (to) => {
  const video = document.querySelector('video')
  const asked = performance.now()
  const shown = new Promise((done) => video.requestVideoFrameCallback((now, frame) => done(frame.mediaTime)))
  const over = new Promise((done) => video.addEventListener('seeked', done, { once: true }))
  video.currentTime = to
  const [time] = await Promise.all([shown, over])
  return [(performance.now() - asked) / 1000, time, video.duration]
}"""


@dataclass
class Seen:
    """One network's times in Chromium."""

    network: str
    first_s: list[float]
    seeks_s: list[float]
    wrong: int
    """Seeks that showed another picture than that of the time."""
    ranges: int
    """Answers 206 to the player."""
    errors: list[str] = field(default_factory=list)


def look(
    browser: Any, server: Server, room: Room, kept: Kept, assignment: str, *, network: str, opens: int, seeks: int,
    mbit: float | None = None, delay_ms: float = 0.0,
) -> Seen:  # fmt: skip
    """Open the rating page afresh `opens` times, then seek on the last one."""
    seen, dice = Seen(network, [], [], 0, 0), random.Random(11)
    address = f"http://127.0.0.1:{server.port}"
    for turn in range(opens):
        out_of_cache(kept.derivative)
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies(
            [{"name": "siming_session", "value": sessions.begin(room.db, room.rater.id).token, "url": address}]
        )
        page = context.new_page()
        page.on("response", lambda answer: count(seen, answer))
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.add_init_script(FIRST)
        if mbit is not None:
            bytes_s = mbit * 1e6 / 8
            slow = {"offline": False, "latency": delay_ms, "downloadThroughput": bytes_s, "uploadThroughput": bytes_s}
            context.new_cdp_session(page).send("Network.emulateNetworkConditions", slow)
        page.goto(f"{address}/rate/{assignment}", wait_until="commit")
        until = time.monotonic() + 60
        while (first := page.evaluate("window.firstPicture")) is None:
            assert time.monotonic() < until, "no picture in 60 s"
            page.wait_for_timeout(20)
        seen.first_s.append(first / 1000)
        if turn == opens - 1:
            page.wait_for_selector("html[data-ready=yes]", timeout=60_000)
            for _ in range(seeks):
                to = dice.uniform(0, kept.duration_s - 1)
                took, shown, _ = page.evaluate(SEEK, to)
                seen.seeks_s.append(took)
                seen.wrong += not -1 / FPS < to - shown < 1 / FPS + 0.001
        context.close()
    return seen


def count(seen: Seen, answer: Any) -> None:
    seen.ranges += answer.status == 206 and urlsplit(answer.url).path.startswith("/media/")


def out_of_cache(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(number)


@contextmanager
def uploading(server: Server, room: Room, recording: Recording) -> Iterator[None]:
    """Somebody else sends a large file meanwhile, as fast as it goes."""
    ended = threading.Event()

    def run() -> None:
        client = Client(server, room)
        size = min(recording.size, 4 << 30)
        upload, at = client.begin("A-other", size), 0
        while not ended.is_set() and at + CHUNK < size:
            at = client.chunk(upload, at, recording.read(at, CHUNK))[1]["offset"]
        client.ask("DELETE", f"/{upload}")
        client.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def looks(server: Server, room: Room, recording: Recording, kept: Kept, opens: int, seeks: int) -> list[Seen]:
    """Chromium on loopback, on a slower network, and while somebody uploads."""
    from playwright.sync_api import sync_playwright

    attempt = get_attempt(room.db, room.office, room.project, "A-10G")
    assignment = assign(room.db, room.owner, room.project, [Planned(attempt.id, room.rater.id, slot=0)])[0]
    arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        act: Callable[..., Seen] = lambda **more: look(  # noqa: E731
            browser, server, room, kept, assignment, opens=opens, seeks=seeks, **more
        )
        found = [act(network="loopback"), act(network="100 Mbit/s, 5 ms", mbit=100, delay_ms=5)]
        with uploading(server, room, recording):
            found.append(act(network="loopback, another upload running"))
        browser.close()
    return found


# --- the whole ------------------------------------------------------------------------------------------------------


@dataclass
class Found:
    """Everything that is printed."""

    size: int
    sent: Sent
    kept: Kept
    peer_mb: float = 0.0
    """How much the peers were given; 0 where the way in was not measured."""
    floor_mb_s: float = float("nan")
    sum_mb_s: float = float("nan")
    whole: bool = True
    """Whether the stored bytes are those of the recording."""
    seen: list[Seen] = field(default_factory=list)
    load: dict[str, float] = field(default_factory=dict)
    """Of the machine in the last minute, before each part."""

    def broken(self) -> list[str]:
        """Promises that were not kept."""
        wrong = [] if self.whole else ["the stored bytes are not those that were sent"]
        if any(cut.acknowledged_again > 0 or cut.sent_again > CHUNK for cut in self.sent.cuts):
            wrong.append("acknowledged bytes were sent again")
        if self.sent.cuts and self.sent.late_mib - self.sent.settled_mib > MOST_GROWTH_MIB:
            wrong.append("the server's memory grew")
        for seen in self.seen:
            if max(seen.first_s) > FIRST_S:
                wrong.append(f"{seen.network}: first picture after {max(seen.first_s):.2f} s")
            if quantile(seen.seeks_s, 0.95) > SEEK_S:
                wrong.append(f"{seen.network}: seek p95 {quantile(seen.seeks_s, 0.95):.2f} s")
            if seen.wrong or seen.errors:
                wrong.append(f"{seen.network}: {seen.wrong} wrong pictures, {seen.errors[:2]}")
        return wrong


def measured(folder: Path, options: argparse.Namespace) -> Found:
    """Way in, way out, or both."""
    (folder / "media").mkdir()
    film(folder / "film.mp4", options.minutes)
    size = options.size if options.only != "out" else (folder / "film.mp4").stat().st_size + (64 << 20)
    recording, load = Recording(folder / "film.mp4", size), {}
    peer, floor, summed = min(size, options.peer), float("nan"), float("nan")
    if options.only != "out":
        load["peers"] = say(f"film of {recording.film_bytes / 1e6:.0f} MB; the peers")
        floor, summed = peers_s(recording, folder / "floor", peer)
    url = f"sqlite:///{folder}/room.db"
    room = fill(Database(url))
    server = Server(url, folder)
    server.start()
    try:
        load["upload"] = say("the upload")
        sent = send(server, room, recording, cut=options.only != "out")
        load["film"] = say(f"{sent.seconds:.0f} s; the server sums it and makes the film for raters")
        kept = wait_until_kept(server, room, folder, recording, sent.upload)
        found = Found(size, sent, kept, peer / 1e6, peer / 1e6 / floor, peer / 1e6 / summed, kept.whole, [], load)
        if options.only != "in":
            load["Chromium"] = say("Chromium")
            found.seen = looks(server, room, recording, kept, options.opens, options.seeks)
    finally:
        server.stop()
        room.db.close()
    return found


def say(what: str) -> float:
    """Tell the terminal; how busy the machine is."""
    print(time.strftime("%H:%M:%S"), what, file=sys.stderr, flush=True)
    return os.getloadavg()[0]


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def show(found: Found, only: str | None) -> None:
    if only != "out":
        show_in(found)
    if only != "in":
        show_out(found)
    print("load of the machine before:", ", ".join(f"{part} {load:.1f}" for part, load in found.load.items()))
    for wrong in found.broken():
        print("BROKEN:", wrong)


def show_in(found: Found) -> None:
    sent, kept, mb = found.sent, found.kept, found.size / 1e6
    waits = sum(cut.back_s for cut in sent.cuts)
    sending, summing = mb / (sent.seconds - waits), mb / kept.hashed_s
    lines = [
        (f"upload of {mb / 1000:.1f} GB with {len(sent.cuts)} interruptions", sent.seconds, mb / sent.seconds, None),
        (
            f"the same without the {waits:.1f} s of interruptions",
            sent.seconds - waits,
            sending,
            found.floor_mb_s / sending,
        ),
        (
            f"peer: bare socket to disk, {found.peer_mb / 1000:.1f} GB",
            found.peer_mb / found.floor_mb_s,
            found.floor_mb_s,
            1,
        ),
        ("server: sum and keep the original", kept.hashed_s, summing, found.sum_mb_s / summing),
        (f"peer: sha256sum, {found.peer_mb / 1000:.1f} GB", found.peer_mb / found.sum_mb_s, found.sum_mb_s, 1),
    ]
    print("| what | s | MB/s | times its peer |\n| --- | --- | --- | --- |")
    for what, seconds, rate, ratio in lines:
        print(f"| {what} | {seconds:.1f} | {rate:.0f} | {'' if ratio is None else f'{ratio:.2f}'} |")
    print("\n| interruption | at GB | MB sent again | acknowledged bytes among them | s until the next chunk was in |")
    print("| --- | --- | --- | --- | --- |")
    for cut in sent.cuts:
        cells = f"{cut.at_gb:.1f} | {cut.sent_again / 1e6:.1f} | {cut.acknowledged_again} | {cut.back_s:.1f}"
        print(f"| {cut.what} | {cells} |")
    print(
        f"\nserver: peak {sent.peak_mib:.0f} MiB while receiving, {sent.late_mib - sent.settled_mib:+.1f} MiB from the first 64 MiB "
        f"of its second life to the last byte; {kept.peak_mib:.0f} MiB with summing; {sent.server_cpu_s:.1f} s of processor time "
        f"while receiving; stored sum {'equal to' if found.whole else 'DIFFERENT FROM'} that of the sent bytes"
    )


def show_out(found: Found) -> None:
    kept = found.kept
    print(
        f"\nfilm for raters: {kept.duration_s / 60:.0f} min, {kept.derivative_mb:.0f} MB, made in {kept.derived_s:.0f} s, "
        f"the ingest process at most {kept.helper_peak_mib:.0f} MiB\n"
    )
    print(
        "| Chromium, rating page | first picture s: median, max | n | seek s: median, p95, max | n | wrong pictures | 206 |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for seen in found.seen:
        first = f"{median(seen.first_s):.2f}, {max(seen.first_s):.2f} | {len(seen.first_s)}"
        seek = f"{median(seen.seeks_s):.3f}, {quantile(seen.seeks_s, 0.95):.3f}, {max(seen.seeks_s):.3f} | {len(seen.seeks_s)}"
        print(f"| {seen.network} | {first} | {seek} | {seen.wrong} | {seen.ranges} |")


def bytes_of(text: str) -> int:
    units = {"M": 10**6, "G": 10**9}
    return int(float(text[:-1]) * units[text[-1].upper()]) if text[-1].upper() in units else int(text)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--size", type=bytes_of, default=bytes_of("10G"), help="such as 10G or 500M")
    parser.add_argument("--minutes", type=float, default=25.0, help="length of the film")
    parser.add_argument("--opens", type=int, default=5, help="openings of the page per network")
    parser.add_argument("--seeks", type=int, default=60, help="per network")
    parser.add_argument("--peer", type=bytes_of, default=bytes_of("10G"), help="how much the peers are given")
    parser.add_argument("--only", choices=["in", "out"], help="the way in (uploading), or the way out (looking)")
    parser.add_argument("--small", action="store_true", help="400 MB and half a minute: whether all of it works")
    parser.add_argument("--folder", type=Path, help="where everything lies meanwhile; a temporary folder by default")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.small:
        options.size, options.minutes, options.opens, options.seeks = bytes_of("400M"), 0.5, 2, 10
    place = options.folder or Path(tempfile.gettempdir())
    free, wanted = (
        shutil.disk_usage(place).free,
        (0 if options.only == "out" else options.size + max(options.size, options.peer)) + SPARE,
    )
    if free < wanted:
        print(f"{place} has {free / 1e9:.1f} GB free and {wanted / 1e9:.1f} are needed (the recording twice, for its peer, and {SPARE / 1e9:.1f}); "
              "free some, give another --folder or a smaller --size", file=sys.stderr)  # fmt: skip
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whoever is told to stop removes his 20 GB, too
    with tempfile.TemporaryDirectory(prefix="siming-upload-", dir=options.folder) as scratch:
        found = measured(Path(scratch), options)
    if options.json:
        print(json.dumps(asdict(found), indent=1, default=str))
    else:
        show(found, options.only)
    return 1 if found.broken() else 0


if __name__ == "__main__":
    sys.exit(main())
