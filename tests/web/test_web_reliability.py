"""What the exam room promises about a rater's work, held against the real server: started as people start it, over HTTP,
killed without warning."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from databases import KINDS, fresh_database, room_on
from rating_rooms import add_rated_attempt, give
from real_server import Device, RealServer, browser_of, more_people, running
from rooms import PASSWORD, Room
from rooms_web import LiveClock
from sqlalchemy import create_engine, select, text, update

from siming.errors import StoreError
from siming.store import Database, audit
from siming.store.audit_reasons import reasons_of
from siming.store.blind.changes import replayed
from siming.store.blind.handover import seal
from siming.store.database import make_durable, new_id
from siming.store.schema import assignment, device, rating_event, web_session


@pytest.fixture(params=KINDS)
def live(request, tmp_path):
    """A room in the present time with a server of its own, on SQLite and on PostgreSQL."""
    with room_on(request.param, tmp_path, clock=LiveClock()) as room, running(room) as server:
        yield Live(room, server)


@pytest.fixture(scope="module", params=KINDS)
def shared(request, tmp_path_factory):
    """The same, used by several tests one after the other, each on attempts of its own."""
    folder = tmp_path_factory.mktemp(request.param)
    with room_on(request.param, folder, clock=LiveClock()) as room, running(room) as server:
        yield Live(room, server)


@dataclass
class Live:
    """A room and its server."""

    room: Room
    server: RealServer

    def tab(self, actor=None, assignment=None):
        """A device of Wei's, or of another rater; on a new attempt unless one is named. Not opened yet."""
        actor = actor or self.room.wei
        given = assignment or give(self.room, self.attempt(), actor)
        return Device(self.http(actor), given)

    def attempt(self):
        """A new attempt with a film, judged by AED."""
        return add_rated_attempt(self.room, new_id("A"))

    def http(self, actor):
        """A signed-in client."""
        return browser_of(self.server, self.room, actor)


def log_of(room, assignment_id):
    with room.db.read() as c:
        rows = c.execute(
            select(rating_event).where(rating_event.c.assignment == assignment_id).order_by(rating_event.c.seq)
        )
        return [dict(row._mapping) for row in rows]


def draft_of(room, assignment_id):
    with room.db.read() as c:
        return c.execute(select(assignment.c.draft).where(assignment.c.id == assignment_id)).scalar_one()


def replay(room, assignment_id):
    with room.db.read() as c:
        return replayed(c, assignment_id)


def assert_kept(room, tab):
    """Every acknowledged change stands in the log once and as it was sent; the draft is what the log gives."""
    log = log_of(room, tab.assignment)
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
    stored = {}
    for event in log:
        key = (event["client"], event["client_seq"])
        assert key not in stored, f"{key} is in the log twice"
        stored[key] = event
    for change in tab.acknowledged:
        event = stored[(tab.client, change["client_seq"])]
        sent = (change["field"], change["rubric"], change["step"], change["at"])
        assert (event["field"], event["rubric"], event["step"], event["client_at"]) == sent
        assert event["new"] == (None if change["value"] is False else change["value"])
        assert not event["aside"]
    assert replay(room, tab.assignment) == draft_of(room, tab.assignment)


def kept_busy(tab, dice, enough, trouble):
    """A rater who sends until there is enough, sometimes the same again, and never gives up."""
    try:
        while not enough():
            batch = tab.random_changes(dice)
            answer = tab.insist(*batch)
            assert answer.status_code == 200, answer.text
            assert answer.json()["acked"] == [change["client_seq"] for change in batch]
            if dice.random() < 0.2:
                again = tab.insist(*batch)
                assert (again.status_code, again.json()["seq"]) == (200, answer.json()["seq"]), "stored twice"
    except BaseException as error:
        trouble.append(error)
        raise


def busy_raters(live, count, enough, trouble):
    """Tabs of as many raters, each in a thread."""
    attempt = live.attempt()
    tabs = [
        live.tab(rater, give(live.room, attempt, rater, slot=n))
        for n, rater in enumerate(more_people(live.room, "rater", count))
    ]
    threads = []
    for number, tab in enumerate(tabs):
        tab.open()
        args = (tab, random.Random(number), enough(tabs), trouble)
        threads.append(threading.Thread(target=kept_busy, args=args, daemon=True))
    return tabs, threads


# --- kill -9 --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_kill_9_during_a_thousand_writes_loses_nothing_that_was_acknowledged(live):
    """Four raters send at once; the server dies at random moments and starts again."""
    dice, trouble, n_writes, n_kills = random.Random(7), [], 1000, 6

    def enough(tabs):
        return lambda: bool(trouble) or sum(len(tab.acknowledged) for tab in tabs) >= n_writes

    tabs, threads = busy_raters(live, 4, enough, trouble)
    for thread in threads:
        thread.start()
    kills = 0
    while any(thread.is_alive() for thread in threads):
        if kills < n_kills and sum(len(tab.acknowledged) for tab in tabs) > (kills + 1) * n_writes // (n_kills + 1):
            time.sleep(dice.uniform(0, 0.1))
            live.server.kill()
            kills += 1
            live.server.start()
        time.sleep(0.005)
    assert trouble == []
    assert sum(len(tab.acknowledged) for tab in tabs) >= n_writes
    assert kills == n_kills
    for tab in tabs:
        assert_kept(live.room, tab)
        assert tab.get()["draft"] == draft_of(live.room, tab.assignment)
    assert audit.verify(live.room.db).ok


def test_sqlite_writes_ahead_and_waits_for_the_disk(tmp_path):
    """What survives kill -9 survives a power cut only with this; on every connection, not only the first."""
    with room_on("sqlite", tmp_path) as room, room.db.read() as first, room.db.write() as second:
        for c in (first, second):
            asked = ("journal_mode", "synchronous", "foreign_keys")
            found = {name: c.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in asked}
            assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_postgresql_waits_for_the_disk_even_where_the_role_is_set_up_not_to(tmp_path):
    with fresh_database("postgresql", tmp_path) as url:
        plain = create_engine(url, isolation_level="AUTOCOMMIT")
        with plain.connect() as c:
            c.execute(text(f'ALTER DATABASE "{plain.url.database}" SET synchronous_commit = off'))
        plain.dispose()
        database = Database(url)
        for begin in (database.read, database.write):
            with begin() as c:
                assert c.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
        database.close()


class ServerThatSays:
    """A connection to a PostgreSQL server set up as it is told: the one of the tests serves others at the same time."""

    def __init__(self, fsync: str, full_page_writes: str, synchronous_commit: str) -> None:
        self.settings = (fsync, full_page_writes, synchronous_commit)
        self.said: list[str] = []

    def cursor(self):
        return contextlib.nullcontext(self)

    def execute(self, said: str) -> None:
        self.said.append(said)

    def fetchone(self):
        return self.settings

    def commit(self) -> None:
        pass


def test_a_postgresql_that_never_writes_to_the_disk_is_refused():
    with pytest.raises(StoreError, match="set fsync = on"):
        make_durable(ServerThatSays("off", "on", "on"), None)
    with pytest.raises(StoreError, match="set full_page_writes = on"):
        make_durable(ServerThatSays("on", "off", "on"), None)
    stronger = ServerThatSays("on", "on", "remote_apply")
    make_durable(stronger, None)
    assert not any(said.startswith("SET") for said in stronger.said)


@pytest.mark.slow
def test_connections_to_postgresql_that_break_cost_nothing_that_was_acknowledged(tmp_path):
    """The database's administrator throws everybody out again and again; the server never answers 500."""
    trouble = []

    def enough(tabs):
        return lambda: bool(trouble) or sum(len(tab.acknowledged) for tab in tabs) >= 250

    with room_on("postgresql", tmp_path, clock=LiveClock()) as room, running(room) as server:
        admin = create_engine(room.db.url.set(database="postgres"), isolation_level="AUTOCOMMIT")
        tabs, threads = busy_raters(Live(room, server), 3, enough, trouble)
        for thread in threads:
            thread.start()
        thrown_out = 0
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.2)
            with admin.connect() as c:
                gone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
                thrown_out += len(c.execute(text(gone), {"name": room.db.url.database}).all())
        admin.dispose()
        assert trouble == []
        assert thrown_out > 5
        room.db.engine.dispose()  # this test's own connections were thrown out too
        for tab in tabs:
            assert_kept(room, tab)
        assert " 500 " not in server.log.read_text()


def test_a_server_that_is_stopped_ends_in_order(live):
    tab = live.tab()
    tab.open()
    assert tab.send(tab.change("points", 5, "aed01")).status_code == 200
    assert live.server.stop() == 0
    assert_kept(live.room, tab)


# --- two devices ----------------------------------------------------------------------------------------------------


def test_one_device_writes_the_other_reads_until_it_takes_over_and_nothing_is_merged_silently(shared):
    tablet = shared.tab()
    desktop = shared.tab(assignment=tablet.assignment)
    assert tablet.open()["writer"]
    assert tablet.send(tablet.change("points", 5, "aed01")).status_code == 200

    opened = desktop.open()
    assert (opened["writer"], opened["held_by_other"]) == (False, True)
    assert opened["view"]["draft"]["steps"]["aed-adult"]["aed01"] == {"points": 5}
    assert desktop.send(desktop.change("points", 1, "aed02")).status_code == 409, "a reader cannot write"

    taken = desktop.open(take_over=True)
    assert taken["writer"]
    assert taken["fence"] > tablet.fence

    late = tablet.send(tablet.change("points", 2, "aed01"), tablet.change("note", "from the tablet", "aed01"))
    assert late.status_code == 409
    error = late.json()["error"]
    assert (error["kind"], error["detail"]) == ("stale_writer", {"kept_aside": [2, 3], "fence": taken["fence"]})
    assert desktop.get()["draft"]["steps"]["aed-adult"]["aed01"] == {"points": 5}, "nothing is merged silently"

    shown = {(a["client"], a["client_seq"]): a["value"] for a in desktop.open()["aside"]}
    assert (shown[(tablet.client, 2)], shown[(tablet.client, 3)]) == (2, "from the tablet")
    kept = f"aside/{tablet.client}/adopt"
    refused = tablet.post(kept, {"client": tablet.client, "fence": tablet.fence})
    assert refused.status_code == 409, "only who writes may adopt"
    for _ in range(2):
        assert desktop.post(kept, {"client": desktop.client, "fence": desktop.fence}).status_code == 200
    assert desktop.get()["draft"]["steps"]["aed-adult"]["aed01"] == {"points": 2, "note": "from the tablet"}
    assert replay(shared.room, tablet.assignment) == draft_of(shared.room, tablet.assignment)
    assert len(log_of(shared.room, tablet.assignment)) == 1 + 1 + 2 + 2, "one, a reader's, two aside, adopted once"


def test_tabs_that_wrest_the_work_from_each_other_lose_nothing(shared):
    """Each change ends in the draft's log or aside, never nowhere and never in both."""
    given, fates, trouble = give(shared.room, shared.attempt(), shared.room.wei), {}, []

    def rate(tab):
        try:
            tab.open(take_over=True)
            for n in range(4):
                change = tab.change("points", n, "aed01")
                answer = tab.send(change)
                assert answer.status_code in (200, 409), answer.text
                if answer.status_code == 409:
                    assert answer.json()["error"]["detail"]["kept_aside"] == [change["client_seq"]]
                    tab.open(take_over=True)
                fates[(tab.client, change["client_seq"])] = answer.status_code == 409
        except BaseException as error:
            trouble.append(error)

    together(rate, [(shared.tab(assignment=given),) for _ in range(10)])
    assert trouble == []
    assert {(e["client"], e["client_seq"]): e["aside"] for e in log_of(shared.room, given)} == fates
    assert replay(shared.room, given) == draft_of(shared.room, given)


def together(act, calls):
    """All at once, each in a thread."""
    threads = [threading.Thread(target=act, args=args, daemon=True) for args in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


# --- sessions and clocks --------------------------------------------------------------------------------------------


def test_after_an_expired_session_one_signs_in_in_place_and_the_same_batch_is_stored_once(shared):
    tab = shared.tab()
    tab.open()
    assert tab.send(tab.change("points", 5, "aed01")).status_code == 200
    with shared.room.db.write() as c:
        c.execute(update(web_session).values(expires_at="2026-01-01T00:00:00.000000Z"))
    batch = [tab.change("points", 4, "aed01"), tab.change("note", "typed while signed out", "aed01")]
    refused = tab.send(*batch)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "signed_out")
    assert len(log_of(shared.room, tab.assignment)) == 1

    wrong = tab.http.post("/api/v1/session", json={"login": "wei", "password": "not this"})
    assert wrong.status_code == 422
    back = tab.http.post("/api/v1/session", json={"login": "wei", "password": PASSWORD})
    assert back.status_code == 200
    tab.http.headers["X-CSRF-Token"] = back.json()["csrf"]
    for _ in range(2):
        assert tab.send(*batch).json()["acked"] == [2, 3]
    assert_kept(shared.room, tab)
    assert len(log_of(shared.room, tab.assignment)) == 3


def test_somebody_else_who_signs_in_on_the_device_cannot_send_what_it_holds(shared):
    tab = shared.tab()
    tab.open()
    back = tab.http.post("/api/v1/session", json={"login": "okafor", "password": PASSWORD})
    tab.http.headers["X-CSRF-Token"] = back.json()["csrf"]
    assert tab.send(tab.change("points", 5, "aed01")).status_code == 404
    assert log_of(shared.room, tab.assignment) == []


def test_devices_whose_clocks_are_hours_off_are_ordered_by_the_server_and_both_times_are_kept(shared):
    real = datetime.now(UTC)
    ahead, behind = (real + timedelta(hours=3)).isoformat(), (real - timedelta(hours=3)).isoformat()
    tablet = shared.tab()
    tablet.open()
    assert tablet.send(tablet.change("points", 3, "aed01", at=ahead)).status_code == 200
    desktop = shared.tab(assignment=tablet.assignment)
    desktop.open(take_over=True)
    assert desktop.send(desktop.change("points", 8, "aed01", at=behind)).status_code == 200
    first, second = log_of(shared.room, tablet.assignment)
    assert (first["client_at"], second["client_at"]) == (ahead, behind)
    assert first["server_at"] < second["server_at"]
    for event in (first, second):
        assert abs(datetime.fromisoformat(event["server_at"]) - real) < timedelta(minutes=5)
    assert desktop.get()["draft"]["steps"]["aed-adult"]["aed01"] == {"points": 8}, "the later one to arrive counts"


# --- closing an exam ------------------------------------------------------------------------------------------------


def form(http, path, **fields):
    return http.post(path, data={"csrf": http.headers["X-CSRF-Token"], **fields})


def test_an_exam_with_an_unknown_device_closes_only_after_a_named_and_audited_write_off(live):
    tab, office, owner = live.tab(), live.http(live.room.coordinator), live.http(live.room.owner)
    tab.open()
    assert tab.send(tab.change("points", 5, "aed01")).status_code == 200
    with live.room.db.write() as c:
        c.execute(update(device).values(seen_at="2026-01-01T00:00:00.000000Z"))
    (seen,) = office.get("/api/v1/projects/spring/devices").json()
    assert (seen["condition"], seen["unsent"], seen["rater_code"]) == ("unknown", 0, "R01")
    assert form(owner, "/p/spring/state", to="closed").status_code == 409

    writing_off = "/api/v1/projects/spring/devices/write-off"
    body = {"client": tab.client, "assignment": tab.assignment, "reason": " "}
    assert office.post(writing_off, json=body).status_code == 422
    body["reason"] = "the tablet fell into the pool"
    assert tab.http.post(writing_off, json=body).status_code == 403
    assert form(owner, "/p/spring/state", to="closed").status_code == 409
    assert office.post(writing_off, json=body).status_code == 204
    assert form(owner, "/p/spring/state", to="closed").status_code == 303

    with live.room.db.read() as c:
        lines = [line for line in audit.lines(c, project=live.room.project) if line["act"] == "device.write_off"]
        told = reasons_of(c, lines)
    assert [(line["actor"], told[line["detail"][audit.REASON]].words) for line in lines] == [
        (live.room.coordinator.id, "the tablet fell into the pool")
    ]
    back = tab.send(tab.change("note", "it works again", "aed01"))
    assert (back.status_code, back.json()["error"]["kind"]) == (409, "state")
    assert log_of(live.room, tab.assignment)[-1]["aside"], "what comes all the same is kept"


def test_a_sealed_file_brings_in_what_a_device_could_not_send_and_only_once(shared):
    tab, office = shared.tab(), shared.http(shared.room.coordinator)
    tab.open()
    changes = [tab.change("points", 5, "aed01"), tab.change("note", "没有网络", "aed01")]
    payload = {"assignment": tab.assignment, "client": tab.client, "fence": tab.fence, "changes": changes}

    def bring_in(ticket):
        sealed = json.dumps(seal(tab.view["public_key"], {**payload, "ticket": ticket})).encode()
        return office.post("/api/v1/projects/spring/hand-over", files={"file": ("x.siming-handover.json", sealed)})

    assert bring_in("0" * 64).status_code == 422
    for _ in range(2):
        answer = bring_in(tab.ticket)
        assert (answer.status_code, answer.json()["n_changes"], answer.json()["n_aside"]) == (200, 2, 0)
    # The tablet comes back to the network and sends the same again.
    assert tab.send(*changes).json()["acked"] == [1, 2]
    assert_kept(shared.room, tab)
    assert len(log_of(shared.room, tab.assignment)) == 2


# --- a submission ---------------------------------------------------------------------------------------------------


def test_a_submission_whose_answer_was_lost_gives_the_same_receipt_after_a_restart(shared):
    tab = shared.tab()
    tab.open()
    tab.rate_all()
    refused = tab.post("submit", tab.signed() | {"snapshot_sha256": "0" * 64})
    assert (refused.status_code, refused.json()["error"]["kind"]) == (409, "incomplete")
    signed = tab.signed()
    receipt = tab.post("submit", signed).json()
    shared.server.kill()
    shared.server.start()
    assert tab.post("submit", signed).json() == receipt
    assert [r["receipt"] for r in tab.get("receipts")] == [receipt["receipt"]]


def test_two_raters_who_submit_at_the_same_moment_are_compared_once(shared):
    """Neither transaction sees the other's submission when it begins."""
    attempt, n_before = shared.attempt(), len(cases_of(shared))
    raters = (shared.room.wei, shared.room.okafor)
    tabs = [shared.tab(rater, give(shared.room, attempt, rater, slot=n)) for n, rater in enumerate(raters)]
    for tab, points in zip(tabs, (8, 2), strict=True):
        tab.open()
        tab.rate_all()
        reasons = [tab.change("note", "seen", "aed01"), tab.change("evidence", [[1, 2]], "aed01")]
        assert tab.send(tab.change("points", points, "aed01"), *reasons).status_code == 200
    gate, statuses = threading.Barrier(2), []

    def lock(tab, body):
        gate.wait()
        statuses.append(tab.post("submit", body).status_code)

    together(lock, [(tab, tab.signed()) for tab in tabs])
    assert statuses == [200, 200]
    assert len(cases_of(shared)) == n_before + 1


def cases_of(shared):
    return shared.http(shared.room.lin).get("/api/v1/projects/spring/cases").json()["cases"]
