"""Sessions: new at every sign-in, idle and absolute ends, ended everywhere."""

from __future__ import annotations

from sqlalchemy import select

from siming.store.accounts import sessions
from siming.store.projects import members
from siming.store.schema import web_session


def test_a_session_finds_its_person_with_his_roles_of_today(room):
    begun = sessions.begin(room.db, room.wei.id)
    assert sessions.find(room.db, begun.token).actor == room.wei
    members.end_membership(room.db, room.owner, room.members["wei"])
    assert sessions.find(room.db, begun.token).actor.roles == {}


def test_every_sign_in_makes_a_new_token_and_ends_the_one_this_browser_had(room):
    first = sessions.begin(room.db, room.wei.id)
    second = sessions.begin(room.db, room.okafor.id, replaces=first.token)
    assert first.token != second.token
    assert first.csrf != second.csrf
    assert sessions.find(room.db, first.token) is None
    assert sessions.find(room.db, second.token).person.login == "okafor"


def test_a_token_that_nobody_gave_out_opens_nothing(room):
    begun = sessions.begin(room.db, room.wei.id)
    with room.db.read() as c:
        kept = c.execute(select(web_session.c.token_hash)).scalar()
    for forged in ("", "x", kept, begun.token + "a", begun.token[:-1], "' OR 1=1 --", "\ud800", "a" * 10_000):
        assert sessions.find(room.db, forged) is None


def test_a_session_ends_when_idle_for_longer_than_the_strictest_policy_allows(room):
    room.policy(session_minutes=30)
    begun, owners = sessions.begin(room.db, room.wei.id), sessions.begin(room.db, room.wei.id)
    for _ in range(10):
        room.clock.pass_by(minutes=29)
        assert sessions.find(room.db, begun.token) is not None
    room.clock.pass_by(minutes=31)
    assert sessions.find(room.db, begun.token) is None
    assert sessions.find(room.db, owners.token) is None


def test_a_session_ends_fourteen_days_after_signing_in_however_busy(room):
    begun = sessions.begin(room.db, room.wei.id)
    for _ in range(14 * 4 - 1):
        room.clock.pass_by(hours=6)
        assert sessions.find(room.db, begun.token) is not None
    room.clock.pass_by(hours=6)
    assert sessions.find(room.db, begun.token) is None


def test_being_seen_is_written_down_at_most_once_a_minute(room):
    begun = sessions.begin(room.db, room.wei.id)

    def seen():
        with room.db.read() as c:
            return c.execute(select(web_session.c.seen_at)).scalar()

    before = seen()
    for _ in range(5):
        room.clock.pass_by(seconds=10)
        sessions.find(room.db, begun.token)
    assert seen() == before
    room.clock.pass_by(seconds=15)
    sessions.find(room.db, begun.token)
    assert seen() > before


def test_signing_out_everywhere_ends_ones_own_sessions_and_nobody_elses(room):
    mine = [sessions.begin(room.db, room.wei.id) for _ in range(3)]
    other = sessions.begin(room.db, room.okafor.id)
    here = sessions.find(room.db, mine[0].token).session
    assert sessions.end_all(room.db, room.wei, keep=here) == 2
    assert [sessions.find(room.db, b.token) is not None for b in (*mine, other)] == [True, False, False, True]
    assert sessions.end_all(room.db, room.wei) == 1
    assert sessions.find(room.db, other.token) is not None


def test_sessions_that_are_over_are_taken_out_of_the_table(room):
    sessions.begin(room.db, room.wei.id)
    room.clock.pass_by(days=15)
    sessions.begin(room.db, room.okafor.id)
    with room.db.read() as c:
        assert c.execute(select(web_session.c.person)).scalars().all() == [room.okafor.id]
