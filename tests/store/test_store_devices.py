"""What every device may still hold, and closing an exam."""

from __future__ import annotations

import pytest
from rating_rooms import Tab, add_rated_attempt, give, submitted

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from siming.store import audit
from siming.store.audit_reasons import reasons_of
from siming.store.blind.devices import devices, n_open_devices, require_settled, write_off
from siming.store.projects import projects


@pytest.fixture
def tab(room):
    """Wei's tab on A-031, open."""
    made = Tab(room, room.wei, give(room, add_rated_attempt(room), room.wei))
    made.open()
    return made


def conditions(room):
    return {d.client: d.condition for d in devices(room.db, room.coordinator, room.project)}


def settled(room):
    with room.db.read() as c:
        require_settled(c, room.db, room.project)


def test_a_device_is_in_contact_then_unknown(room, tab):
    assert conditions(room) == {tab.client: "in_contact"}
    room.clock.pass_by(minutes=3)
    assert conditions(room) == {tab.client: "unknown"}
    tab.save()
    assert conditions(room) == {tab.client: "in_contact"}


def test_what_a_device_said_it_still_held_stands_until_it_says_otherwise(room, tab):
    tab.save(unsent=4)
    room.clock.pass_by(minutes=3)
    (found,) = devices(room.db, room.coordinator, room.project)
    assert (found.condition, found.unsent, found.attempt_code, found.rater_code) == ("unsent", 4, "A-031", "R01")
    tab.open()
    assert conditions(room) == {tab.client: "unsent"}, "opening the page again sends nothing by itself"
    tab.save(unsent=0)
    assert conditions(room) == {tab.client: "in_contact"}


def test_locking_settles_the_device_that_locked(room):
    submitted(room, add_rated_attempt(room), room.wei)
    room.clock.pass_by(days=1)
    assert set(conditions(room).values()) == {"settled"}
    settled(room)


def test_a_device_that_has_not_heard_of_losing_the_lease_stays_unknown_even_when_the_work_is_locked(room, tab):
    second = Tab(room, room.wei, tab.assignment)
    second.open(take_over=True)
    second.rate_all()
    second.submit()
    room.clock.pass_by(days=1)
    assert conditions(room) == {tab.client: "unknown", second.client: "settled"}
    with pytest.raises(ConflictError):
        tab.set("points", 1, step="aed01")
    assert conditions(room) == {tab.client: "settled", second.client: "settled"}


def test_a_tab_that_only_reads_holds_nothing(room, tab):
    second = Tab(room, room.wei, tab.assignment)
    second.open()
    room.clock.pass_by(days=1)
    assert conditions(room)[second.client] == "settled"


def test_a_tab_that_only_looked_never_keeps_an_exam_open_whoever_writes_since(room, tab):
    looked, taking = Tab(room, room.wei, tab.assignment), Tab(room, room.wei, tab.assignment)
    looked.open()
    taking.open(take_over=True)  # the lease moves on, and the tab that looks has not heard of it
    room.clock.pass_by(days=1)
    assert conditions(room) == {tab.client: "unknown", looked.client: "settled", taking.client: "unknown"}
    looked.open(take_over=True)  # now it may hold work
    room.clock.pass_by(days=1)
    assert conditions(room)[looked.client] == "unknown"


def test_an_exam_with_unknown_devices_is_closed_only_by_a_named_and_audited_write_off(room, tab):
    room.clock.pass_by(days=1)
    with pytest.raises(ConflictError) as caught:
        settled(room)
    assert caught.value.code == "devices_unsettled"
    assert caught.value.params == {"n": 1, "rater": "R01", "attempt": "A-031"}
    with pytest.raises(ConflictError):
        projects.set_project_state(room.db, room.owner, room.project, closed=True)
    write_off(room.db, room.coordinator, tab.client, tab.assignment, reason="the tablet was stolen")
    assert conditions(room) == {tab.client: "written_off"}
    settled(room)
    projects.set_project_state(room.db, room.owner, room.project, closed=True)
    with room.db.read() as c:
        (line,) = [line for line in audit.lines(c) if line["act"] == "device.write_off"]
    assert line["actor"] == room.coordinator.id
    with room.db.read() as c:
        assert reasons_of(c, [line])[line["detail"][audit.REASON]].words == "the tablet was stolen"


def test_a_device_that_was_written_off_and_comes_back_is_looked_at_anew(room, tab):
    write_off(room.db, room.coordinator, tab.client, tab.assignment, reason="lost")
    room.clock.pass_by(minutes=1)
    tab.set("points", 5, step="aed01")
    assert conditions(room) == {tab.client: "in_contact"}


def test_writing_off_needs_a_reason_and_a_coordinator(room, tab):
    with pytest.raises(InputError):
        write_off(room.db, room.coordinator, tab.client, tab.assignment, reason=" ")
    with pytest.raises(NotAllowedError):
        write_off(room.db, room.okafor, tab.client, tab.assignment, reason="because")
    for client, assignment in (("no-such-client", tab.assignment), (tab.client, "as_\x00")):
        with pytest.raises(NotFoundError):
            write_off(room.db, room.coordinator, client, assignment, reason="because")


def test_raters_do_not_see_devices(room, tab):
    with pytest.raises(NotAllowedError):
        devices(room.db, room.wei, room.project)


def test_the_list_comes_a_part_at_a_time_those_to_look_after_first(room):
    made = [Tab(room, room.wei, give(room, add_rated_attempt(room, f"A-{n}"), room.wei)) for n in range(5)]
    for n, tab in enumerate(made):
        tab.open()
        tab.save(unsent=1 if n in (1, 3) else 0)
    submitted(room, add_rated_attempt(room, "A-9"), room.wei)
    whole = devices(room.db, room.coordinator, room.project)
    assert [d.attempt_code for d in whole] == ["A-1", "A-3", "A-0", "A-2", "A-4", "A-9"]
    seen, after = [], ""
    while part := devices(room.db, room.coordinator, room.project, after=after, limit=2):
        assert len(part) <= 2
        seen += part
        after = part[-1].cursor
    assert tuple(seen) == whole
    assert n_open_devices(room.db, room.coordinator, room.project) == 5
    for wrong in ("x", "unsent a b c", "gone a b c d", "unsent a b c d e"):
        with pytest.raises(InputError):
            devices(room.db, room.coordinator, room.project, after=wrong)
