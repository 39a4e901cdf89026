"""A large upload that is cut in every way a ward's network and a server's power can cut it; see also `benchmarks/bench_room_upload.py`."""

from __future__ import annotations

import hashlib
import random
import socket
import struct
import time

import httpx
from real_server import browser_of, running
from rooms import build_room
from rooms_web import LiveClock

from siming.store.accounts import sessions
from siming.store.media.media_folder import MediaFolder
from siming.web import ingest
from siming.web.routes import upload

CHUNK = upload.CHUNK
SIZE = 300 << 20


class File:
    """A file of any size of which nothing need lie anywhere; every piece of it is unlike every other."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._stuff = random.Random(7).randbytes(1 << 20)

    def read(self, at: int, n: int) -> bytes:
        out = bytearray()
        while n > 0 and at < self.size:
            number, within = divmod(at, len(self._stuff))
            head = b"\0\0\0\x18ftypisom" if number == 0 else number.to_bytes(12, "big")
            piece = (head + self._stuff[12:])[within : within + min(n, self.size - at)]
            out += piece
            at, n = at + len(piece), n - len(piece)
        return bytes(out)

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for at in range(0, self.size, CHUNK):
            digest.update(self.read(at, CHUNK))
        return digest.hexdigest()


def half_a_chunk(port: int, begun, upload_id: str, at: int, piece: bytes) -> socket.socket:
    """A connection on which half of a chunk has been sent, and nothing more comes."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    head = (
        f"PATCH /api/v1/uploads/{upload_id} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {len(piece)}\r\n"
        f"Upload-Offset: {at}\r\nCookie: siming_session={begun.token}\r\nX-CSRF-Token: {begun.csrf}\r\n\r\n"
    )
    connection.sendall(head.encode() + piece[: len(piece) // 2])
    return connection


def hang_up(connection: socket.socket) -> None:
    """Break the connection off without the usual goodbye."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def offset_of(client: httpx.Client, upload_id: str) -> int:
    return int(client.head(f"/api/v1/uploads/{upload_id}").headers["upload-offset"])


def patch(client: httpx.Client, upload_id: str, at: int, piece: bytes) -> httpx.Response:
    return client.patch(f"/api/v1/uploads/{upload_id}", content=piece, headers={"Upload-Offset": str(at)})


def test_300_megabytes_cut_off_killed_and_resumed_by_a_stranger_arrive_whole_and_nothing_acknowledged_is_sent_again(
    tmp_path,
):
    room, file = build_room(tmp_path, clock=LiveClock()), File(SIZE)
    begun = sessions.begin(room.db, room.coordinator.id)
    with running(room) as server:
        client = browser_of(server, room, room.coordinator)
        body = {"project": "spring", "attempt": "A-9", "file_name": "long.mp4", "size": SIZE, "fingerprint": "f"}
        upload_id = client.post("/api/v1/uploads", json=body).json()["id"]
        sent = acknowledged = 0
        cuts = {SIZE // 4: "cut", SIZE // 2: "kill", SIZE * 3 // 4: "stranger"}
        while acknowledged < SIZE:
            piece = file.read(acknowledged, CHUNK)
            due = next((at for at in cuts if acknowledged >= at), None)
            if due is None:
                answer = patch(client, upload_id, acknowledged, piece)
                sent += len(piece)
            else:
                way = cuts.pop(due)
                connection = half_a_chunk(server.port, begun, upload_id, acknowledged, piece)
                sent += len(piece) // 2
                if way == "kill":
                    server.kill()
                    server.start()
                hang_up(connection)
                if way == "stranger":  # knows the file and the project, nothing else
                    client = browser_of(server, room, room.coordinator)
                    known = client.get("/api/v1/uploads", params={"project": "spring"}).json()
                    (upload_id,) = [one["id"] for one in known if one["fingerprint"] == "f"]
                at = offset_of(client, upload_id)
                assert acknowledged <= at < acknowledged + CHUNK, way
                answer = resumed(client, upload_id, file)
                sent += CHUNK
            assert answer.status_code == 200, answer.text
            acknowledged = answer.json()["offset"]
        assert not cuts
        assert sent - SIZE <= 3 * CHUNK
        until = time.monotonic() + 60
        while client.get(f"/api/v1/uploads/{upload_id}").json()["state"] in ("queued", "working"):
            assert time.monotonic() < until
            time.sleep(0.1)
    (stored,) = MediaFolder(room.media).root.glob("originals/sha256/*/*/*")
    with stored.open("rb") as kept:
        assert hashlib.file_digest(kept, "sha256").hexdigest() == file.sha256() == stored.name
    room.db.close()


def resumed(client: httpx.Client, upload_id: str, file: File) -> httpx.Response:
    """The next chunk, from wherever the server says; asked again while it still ends what was cut off."""
    until = time.monotonic() + 20
    while True:
        at = offset_of(client, upload_id)
        answer = patch(client, upload_id, at, file.read(at, CHUNK))
        if answer.status_code != 409:
            return answer
        assert answer.json()["error"]["kind"] in ("leased", "offset")
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_sender_whose_network_fell_silent_does_not_keep_the_upload_to_himself(served, monkeypatch):
    monkeypatch.setattr(upload, "SILENT_S", 1.0)
    ingest.worker(served.app)._ending.set()
    room, file = served.room, File(2 * CHUNK)
    begun, port = sessions.begin(room.db, room.coordinator.id), int(served.address.rpartition(":")[2])
    with httpx.Client(
        base_url=served.address, cookies={"siming_session": begun.token}, headers={"X-CSRF-Token": begun.csrf}, timeout=20
    ) as client:  # fmt: skip
        body = {"project": "spring", "attempt": "A-9", "file_name": "long.mp4", "size": file.size}
        upload_id = client.post("/api/v1/uploads", json=body).json()["id"]
        assert patch(client, upload_id, 0, file.read(0, CHUNK)).status_code == 200
        silent = half_a_chunk(port, begun, upload_id, CHUNK, file.read(CHUNK, CHUNK))
        part = MediaFolder(room.media).part_of(upload_id)
        until_true(lambda: part.stat().st_size > CHUNK)
        assert patch(client, upload_id, CHUNK, b"x").json()["error"]["kind"] == "leased"
        began = time.monotonic()
        answer = resumed(client, upload_id, file)
        assert answer.json()["state"] == "queued"
        assert time.monotonic() - began < 10
        said = silent.recv(65536)
        assert b"connection: close" in said.lower()
        silent.close()
    assert hashlib.sha256(part.read_bytes()).hexdigest() == file.sha256()


def until_true(condition) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)
