"""The audit: append-only, chained, read by who may."""

from __future__ import annotations

from itertools import pairwise

import pytest
from rating_rooms import Tab, add_rated_attempt, give
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DatabaseError

from siming.errors import NotAllowedError
from siming.store import audit, audit_pages
from siming.store.accounts import invitations, people, sessions
from siming.store.projects import members
from siming.store.schema import APPEND_ONLY, audit_event


def test_what_people_did_is_there_in_order_and_the_chain_holds(room):
    verdict = audit.verify(room.db)
    assert verdict.ok
    with room.db.read() as c:
        lines = list(audit.lines(c))
    assert [line["seq"] for line in lines] == list(range(1, verdict.n + 1))
    assert lines[0]["act"] == "person.set_up"
    assert all(later["previous"] == earlier["hash"] for earlier, later in pairwise(lines))


@pytest.mark.parametrize("act", [update(audit_event).values(act="nothing"), delete(audit_event)])
def test_no_line_can_be_changed_or_taken_out(room, act):
    with pytest.raises(DatabaseError, match="append-only"), room.db.write() as c:
        c.execute(act)


def without_guards(c):
    for name in ("audit_event_no_update", "audit_event_no_delete"):
        c.execute(text(f"DROP TRIGGER {name}" + ("" if c.dialect.name == "sqlite" else " ON audit_event")))


@pytest.mark.parametrize(
    ("statement", "broken_at", "reason"),
    [
        ("UPDATE audit_event SET actor = 'somebody' WHERE seq = 5", 5, "changed"),
        ("UPDATE audit_event SET detail = '[1]' WHERE seq = 5", 5, "changed"),
        ("UPDATE audit_event SET at = '2020-01-01T00:00:00.000000Z' WHERE seq = 5", 5, "changed"),
        ("DELETE FROM audit_event WHERE seq = 5", 5, "missing"),
        ("DELETE FROM audit_event WHERE seq >= 5", 5, "cut off"),
        ("UPDATE audit_event SET previous = 'x' WHERE seq = 5", 5, "does not hold the hash"),
    ],
)
def test_whoever_gets_round_the_guards_leaves_a_break_that_is_found(room, statement, broken_at, reason):
    with room.db.write() as c:
        without_guards(c)
        c.execute(text(statement))
    verdict = audit.verify(room.db)
    assert (verdict.ok, verdict.broken_at) == (False, broken_at)
    assert reason in verdict.reason


def test_every_append_only_table_is_guarded(room):
    with room.db.read() as c:
        listed = "name FROM sqlite_master WHERE type = 'trigger'" if room.db.is_sqlite else "tgname FROM pg_trigger"
        names = set(c.execute(text(f"SELECT {listed}")).scalars())
    assert {f"{table}_no_{act}" for table in APPEND_ONLY for act in ("update", "delete")} <= names


def test_an_act_that_fails_leaves_no_line(room):
    before = audit.verify(room.db).n

    def fail():
        with room.db.write() as c:
            audit.record(c, room.db, room.owner, "nothing.done", "x:1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert audit.verify(room.db).n == before


def test_auditors_and_owners_read_a_project_and_nobody_else(room):
    for actor in (room.owner, room.auditor):
        assert audit_pages.audit_page(room.db, actor, room.project).lines
    for actor in (room.coordinator, room.wei, room.lin, room.analyst):
        with pytest.raises(NotAllowedError):
            audit_pages.audit_page(room.db, actor, room.project)
        with pytest.raises(NotAllowedError):
            audit_pages.every_line(room.db, actor, None)


def test_an_auditor_reads_codes_and_an_owner_names(room):
    mine = {line["who"] for line in audit_pages.audit_page(room.db, room.auditor, room.project).lines}
    theirs = {line["who"] for line in audit_pages.audit_page(room.db, room.owner, room.project).lines}
    assert (mine, theirs) == ({"P01"}, {"P01 Olga Owner"})


def test_a_page_is_filtered_by_act_person_and_day(room):
    found = audit_pages.audit_page(room.db, room.owner, room.project, act="member.add")
    assert {line["act"] for line in found.lines} == {"member.add"}
    assert len(found.lines) == 7
    assert "project.rubrics" in found.acts
    assert audit_pages.audit_page(room.db, room.owner, room.project, by=room.wei.id).lines == ()
    assert audit_pages.audit_page(room.db, room.owner, room.project, until="2026-03-01").lines == ()
    assert audit_pages.audit_page(room.db, room.owner, room.project, since="2026-03-01", until="2026-03-02").lines


def test_a_file_of_all_lines_is_read_a_part_at_a_time_and_ends_where_it_stood_when_it_was_asked_for(room):
    whole = list(audit_pages.every_line(room.db, room.owner, None))
    parts = audit_pages.every_line(room.db, room.owner, None, at_once=3)
    sessions.begin(room.db, room.wei.id)
    assert list(parts) == whole
    assert [line["seq"] for line in whole] == sorted({line["seq"] for line in whole})
    assert len(whole) > 3
    assert list(audit_pages.every_line(room.db, room.owner, None))[: len(whole)] == whole


def test_pages_go_back_without_a_gap_or_a_double(room):
    for _ in range(7):
        sessions.begin(room.db, room.wei.id)
    whole = [line["seq"] for line in reversed(list(audit_pages.every_line(room.db, room.owner, None)))]
    seen, before = [], None
    while True:
        page = audit_pages.audit_page(room.db, room.owner, None, before=before, limit=4)
        seen += [line["seq"] for line in page.lines]
        if page.older is None:
            break
        before = page.older
    assert seen == whole


def test_who_has_something_left_to_rate_reads_lines_that_count_nothing(room):
    """Inspection of 2026-11-21, gap 24: an owner of the installation who rates read how many lines the others had made."""
    made, _ = invitations.create_person(room.db, room.owner, login="boss", name="Boss", is_owner=True)
    members.add_member(room.db, room.owner, room.project, person_id=made.id, roles=["rater"])
    boss = people.actor_of(room.db, made.id)
    attempt = add_rated_attempt(room)
    own = give(room, attempt, boss, slot=0)
    other = give(room, attempt, room.okafor, slot=1)

    def told():
        whole = list(audit_pages.every_line(room.db, boss, None))
        page = audit_pages.audit_page(room.db, boss, None, limit=2)
        return whole, page, audit_pages.audit_page(room.db, boss, None, before=page.older)

    before = told()
    tab = Tab(room, room.okafor, other)
    tab.open()
    tab.rate_all()
    tab.submit()
    invitations.create_person(room.db, room.owner, login="tan", name="Tan")
    whole, page, rest = told()
    assert whole[: len(before[0])] == before[0]
    assert len(whole) > len(before[0])
    assert [line["seq"] for line in whole] == list(range(1, len(whole) + 1))
    assert {(line["previous"], line["hash"]) for line in whole} == {("", "")}
    assert not page.counted
    assert [line["seq"] for line in (*page.lines, *rest.lines)] == [line["seq"] for line in reversed(whole)]
    tab = Tab(room, boss, own)
    tab.open()
    tab.rate_all()
    tab.submit()
    assert audit_pages.audit_page(room.db, boss, None).counted
    assert audit_pages.audit_page(room.db, boss, None).lines[0]["seq"] > len(whole)
    assert audit_pages.audit_page(room.db, room.owner, None).counted
