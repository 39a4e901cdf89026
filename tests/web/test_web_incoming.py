"""Files that are brought in: who may not bring any hears so before the server reads one, and no reader stops a save."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import anyio
import httpx
import pytest
from exams import model_runner, model_sheet
from rating_rooms import add_rated_attempt, give
from real_server import Device
from rooms import Room, build_room
from rooms_web import LiveClock, WebRoom, serving
from sqlalchemy import update

from siming.errors import ConflictError, InputError
from siming.exchange import export_bytes
from siming.store import Actor
from siming.store.accounts import invitations, people, sessions
from siming.store.figures.model_runs import room_for
from siming.store.schema import person
from siming.web.incoming import MOST_WAITING, Reading
from siming.web.reading import model_sheets
from siming.web.texts import LANGUAGES, say_error

WAYS_IN = (
    "/p/spring/import",
    "/api/v1/projects/spring/models",
    "/p/spring/calibration/gold",
    "/api/v1/projects/spring/calibration/gold/A-001",
    "/p/spring/attempts/import",
)
PIECE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n' + b"x" * 65_536


def sent(web: WebRoom, path: str, cookies: str, *, method: str = "POST") -> tuple[int, int]:
    """The status of the answer, and how many pieces of the file the server took before it."""
    taken, statuses = 0, []

    async def receive():
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": PIECE, "more_body": taken < 100}

    async def send(message):
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = {"host": "testserver", "content-type": "multipart/form-data; boundary=b", "cookie": cookies}
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
        "client": ("127.0.0.1", 5000), "server": ("testserver", 80), "state": {},
    }  # fmt: skip
    anyio.run(web.app, scope, receive, send)
    return statuses[0], taken


@pytest.mark.parametrize("path", WAYS_IN)
def test_a_file_of_somebody_without_the_right_is_refused_unread(web, path):
    room = web.room
    stranger, _ = invitations.create_person(room.db, room.owner, login="stranger", name="Stranger")
    for actor, status in ((room.wei, 403), (people.actor_of(room.db, stranger.id), 404)):
        assert sent(web, path, f"siming_session={sessions.begin(room.db, actor.id).token}") == (status, 0)


@pytest.mark.parametrize("path", WAYS_IN)
def test_a_file_of_somebody_who_is_signed_out_is_refused_unread(web, path):
    status, taken = sent(web, path, "siming_session=made-up")
    assert (status, taken) == (401 if path.startswith("/api") else 303, 0)


@pytest.mark.parametrize("path", WAYS_IN)
def test_who_has_the_right_still_needs_the_form_token(web, path):
    room = web.room
    actor = model_runner(room) if path in WAYS_IN[:2] else room.coordinator
    client = web.client(actor)
    client.headers.pop("X-CSRF-Token")
    answer = client.post(path, files={"file": ("a.txt", b"x")}, headers={"Accept": "application/json"})
    assert answer.status_code == 403
    assert "the form is not from this session" in answer.text or answer.json()["error"]["code"] == "csrf"


def test_who_is_signed_out_makes_the_server_read_no_form_at_the_door_of_videos(web):
    status, taken = sent(web, "/api/v1/uploads/up_none", "siming_session=made-up", method="PATCH")
    assert (status, taken) == (401, 0)


@pytest.fixture
def live_room(tmp_path) -> Iterator[Room]:
    made = build_room(tmp_path, clock=LiveClock())
    yield made
    made.db.close()


# --- a process of its own -------------------------------------------------------------------------------------------


def slow_file(mib: int) -> bytes:
    """A workbook's worth of nothing: small to send, and long to read."""
    return b"[" + b"[]," * (mib * 349_525) + b"[]]"


@contextmanager
def import_room(
    room: Room, *, language: str = "en", **limits
) -> Iterator[tuple[httpx.Client, Callable[[bytes], Future[httpx.Response]]]]:
    """A real server with these limits: a rater's client, and how a model's file is sent while he works."""
    runner = model_runner(room)
    with room.db.write() as c:
        c.execute(update(person).where(person.c.id == runner.id).values(language=language))
    with serving(room) as served, ThreadPoolExecutor(1) as beside:
        served.app.state.reading = Reading(**limits)

        def client(actor: Actor) -> httpx.Client:
            begun = sessions.begin(room.db, actor.id)
            made = httpx.Client(base_url=served.address, timeout=120, headers={"X-CSRF-Token": begun.csrf})
            made.cookies.set("siming_session", begun.token)
            return made

        with client(room.wei) as rater, client(runner) as bringer:
            yield (
                rater,
                lambda raw: beside.submit(
                    bringer.post,
                    "/api/v1/projects/spring/models",
                    data={"format": "label-studio"},
                    files={"file": ("f.json", raw)},
                ),
            )


def test_every_save_goes_on_while_a_file_is_read_and_one_that_takes_too_long_is_refused(live_room):
    given = give(live_room, add_rated_attempt(live_room, "A-031"), live_room.wei)
    with import_room(live_room, seconds=6.0) as (rater, bring):
        tab = Device(rater, given)
        tab.open()
        step = tab.steps(tab.view["rubrics"][0])[0]
        answer, saved = bring(slow_file(24)), 0
        while not answer.done():
            assert tab.send(tab.change("note", f"word {saved}", step)).status_code == 200
            saved += 1
            time.sleep(0.02)  # a rater is no faster, and the guard holds who is back
    refused = answer.result()
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "import_slow")
    assert "6 seconds" in refused.json()["error"]["message"]
    assert saved >= 20


@pytest.mark.parametrize(("language", "words"), [("en", "more than 64 MiB of memory"), ("zh", "超过 64 MiB 内存")])
def test_a_file_that_takes_too_much_memory_is_refused_and_the_next_one_is_read(live_room, language, words):
    add_rated_attempt(live_room, "A-031")
    with import_room(live_room, memory=64 << 20, language=language) as (_, bring):
        refused = bring(slow_file(8)).result()
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "import_memory")
        assert words in refused.json()["error"]["message"]
        unread = bring(b"{}").result()
        assert unread.json()["error"]["code"] not in ("import_memory", "import_slow")


def test_what_a_file_holds_comes_whole_out_of_the_other_process(web):
    add_rated_attempt(web.room, "A-031")
    blank = room_for(web.room.db, model_runner(web.room), web.room.project)
    raw = export_bytes(replace(blank, sheets=[model_sheet("A-031", lost=1.0)]), "csv")[2]
    options = {"model": "", "language": "zh", "name": "marks.csv"}
    found = Reading().run(model_sheets, raw, "csv", blank, **options)
    assert found == model_sheets(raw, "csv", blank, **options)
    assert [sheet.attempt for sheet in found[0]] == ["A-031"]


def test_a_refusal_of_the_other_process_keeps_its_code_and_its_field(web):
    blank = room_for(web.room.db, model_runner(web.room), web.room.project)
    said = []
    for act in (partial(Reading().run, model_sheets), model_sheets):
        with pytest.raises(InputError) as caught:
            act(b"{", "label-studio", blank, model="", language="en")
        said.append((caught.value.code, caught.value.field, *(say_error(name, caught.value) for name in LANGUAGES)))
    assert said[0] == said[1]
    assert said[0][1] == "file"


def test_only_a_few_files_wait_and_the_next_one_is_told_so():
    reading, begun = Reading(seconds=1.5), threading.Barrier(MOST_WAITING + 1)

    def one() -> None:
        begun.wait(10)
        with pytest.raises(InputError):
            reading.run(time.sleep, 60.0)

    with ThreadPoolExecutor(MOST_WAITING) as many:
        running = [many.submit(one) for _ in range(MOST_WAITING)]
        begun.wait(10)
        time.sleep(0.3)
        with pytest.raises(ConflictError) as caught:
            reading.run(time.sleep, 0.0)
        assert caught.value.code == "import_busy"
        for each in running:
            each.result(30)
