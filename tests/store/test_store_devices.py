"""What every device may still hold, and closing an exam."""

from __future__ import annotations

import pytest
from rating_rooms import Tab, add_rated_attempt, give, submitted

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from siming.store import audit
from siming.store.blind.devices import devices, require_settled, write_off
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
    assert line["detail"]["reason"] == "the tablet was stolen"


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
