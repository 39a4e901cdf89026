"""Two adjudicators on one case, against the real server: one pen, no decision overwritten, no word of a late one lost."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from databases import KINDS, room_on
from real_server import browser_of, more_people, running
from rooms_web import LiveClock
from sqlalchemy import select, update
from works import rated_twice

from siming.rubric import Entry
from siming.store import audit
from siming.store.database import new_id, time_text
from siming.store.schema import adjudication_case, decision, late_write

WEI = {"aed02": Entry(points=8, deductions=("d1",), evidence=((0.4, 1.2),)), "aed04": 0}
OKAFOR = {"aed02": 10, "aed04": Entry(points=18, evidence=((1.0, 2.0),))}


@pytest.fixture(scope="module", params=KINDS)
def hall(request, tmp_path_factory):
    """A room, its server, Lin and a second adjudicator."""
    folder = tmp_path_factory.mktemp(request.param)
    with room_on(request.param, folder, clock=LiveClock()) as room, running(room) as server:
        (moreau,) = more_people(room, "adjudicator", 1)
        yield room, server, moreau


@pytest.fixture
def desk(hall):
    """A fresh case of two open steps, as Lin and as Moreau have it before them."""
    room, server, moreau = hall
    attempt = rated_twice(room, WEI, OKAFOR, code=new_id("A"))
    with room.db.read() as c:
        case = c.execute(select(adjudication_case.c.id).where(adjudication_case.c.attempt == attempt)).scalar_one()
    return room, case, Pen(browser_of(server, room, room.lin), case), Pen(browser_of(server, room, moreau), case)


class Pen:
    """Somebody at a case."""

    def __init__(self, http, case):
        self.http, self.case, self.fence = http, case, 0

    def do(self, act, **body):
        return self.http.post(f"/api/v1/cases/{self.case}/{act}", json=body)

    def take(self, **body):
        answer = self.do("take", **body)
        if answer.status_code == 200:
            self.fence = answer.json()["fence"]
        return answer

    def decide(self, step, words, *, version, choice="first"):
        return self.do(
            "decide", fence=self.fence, version=version, rubric="aed-adult", step=step, choice=choice, rationale=words
        )

    def seen(self):
        return self.http.get(f"/api/v1/cases/{self.case}").json()


def minutes_later(room, case):
    """The holder's machine slept: his last sign of life is three minutes old."""
    with room.db.write() as c:
        past = time_text(room.db.now() - timedelta(minutes=1))
        c.execute(update(adjudication_case).where(adjudication_case.c.id == case).values(lease_until=past))


def test_the_pen_is_one_persons_until_it_is_put_down_or_its_holder_falls_silent(desk):
    _, _, lin, moreau = desk
    assert lin.take().status_code == 200
    refused = moreau.take()
    assert (refused.status_code, refused.json()["error"]["kind"]) == (409, "leased")
    assert moreau.take(take_over=True).status_code == 409, "nobody takes it from another's hand"
    first = lin.take(fence=lin.fence).json()["lease_until"]
    assert lin.do("heartbeat", fence=lin.fence).json()["lease_until"] > first
    assert lin.do("release", fence=lin.fence).status_code == 204
    before = lin.fence
    assert moreau.take().status_code == 200
    assert moreau.fence > before


def test_a_decision_that_comes_too_late_is_refused_and_its_words_come_back(desk):
    room, case, lin, moreau = desk
    lin.take()
    minutes_later(room, case)
    assert moreau.take().status_code == 200
    assert moreau.decide("aed02", "the pads were on by 1.2 s", version=0).status_code == 200
    assert lin.do("heartbeat", fence=lin.fence).status_code == 409
    late = lin.decide("aed02", "我看到垫片贴歪了", version=0, choice="second")
    error = late.json()["error"]
    assert (late.status_code, error["kind"]) == (409, "stale_writer")
    assert error["detail"]["kept"]["rationale"] == "我看到垫片贴歪了"
    kept = lin.seen()["late_writes"]
    assert [w["payload"]["rationale"] for w in kept] == ["我看到垫片贴歪了"]
    assert moreau.seen()["late_writes"] == [], "given back to its author alone"
    (line,) = lin.seen()["history"]
    assert (line["rationale"], line["choice"]) == ("the pads were on by 1.2 s", "first")


def test_who_returns_after_silence_goes_on_where_nobody_took_the_pen(desk):
    room, case, lin, _ = desk
    lin.take()
    minutes_later(room, case)
    assert lin.take(fence=lin.fence).status_code == 200
    assert lin.decide("aed04", "seen", version=0).status_code == 200


def test_of_decisions_made_at_once_on_one_version_exactly_one_stands_and_all_words_are_kept(desk):
    """One person in six windows that all hold the same number: the version decides."""
    room, case, lin, _ = desk
    lin.take()
    gate, answers = threading.Barrier(6), []

    def press(n):
        gate.wait(20)
        answers.append((n, lin.decide("aed02", f"words {n}", version=0)))

    threads = [threading.Thread(target=press, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(a.status_code for _, a in answers) == [200, 409, 409, 409, 409, 409]
    (won,) = (n for n, a in answers if a.status_code == 200)
    assert {a.json()["error"]["kind"] for n, a in answers if n != won} == {"stale_version"}
    with room.db.read() as c:
        stands = c.execute(select(decision.c.rationale).where(decision.c.case == case)).scalars().all()
        late = c.execute(select(late_write.c.payload).where(late_write.c.case == case)).scalars().all()
    assert stands == [f"words {won}"]
    assert {w["rationale"] for w in late} == {f"words {n}" for n in range(6) if n != won}


def test_two_who_reach_for_the_pen_at_once_do_not_both_get_it(desk):
    room, _, lin, moreau = desk
    gate, answers = threading.Barrier(2), []

    def reach(pen):
        gate.wait(20)
        answers.append(pen.take().status_code)

    threads = [threading.Thread(target=reach, args=(pen,)) for pen in (lin, moreau)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [200, 409]
    assert audit.verify(room.db).ok
