"""The sealed file by which a device without network hands its changes over."""

from __future__ import annotations

import base64
import json

import pytest
from rating_rooms import Tab, add_rated_attempt, give
from rooms import build_room

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from siming.store.blind.changes import aside_of
from siming.store.blind.devices import devices
from siming.store.blind.handover import bring_in, public_key, seal
from siming.store.blind.lease import rating_view


@pytest.fixture
def tab(room):
    """Wei's tab on A-031, open, with two changes that were never sent."""
    made = Tab(room, room.wei, give(room, add_rated_attempt(room), room.wei))
    made.open()
    made.change("points", 5, step="aed01")
    made.change("note", "seen late", step="aed01")
    return made


def file_of(tab, **changed):
    payload = {
        "assignment": tab.assignment,
        "client": tab.client,
        "fence": tab.fence,
        "ticket": tab.opened.ticket,
        "changes": tab.sent,
    }
    return json.dumps(seal(tab.opened.view.public_key, payload | changed)).encode()


def entered(tab):
    return rating_view(tab.room.db, tab.room.wei, tab.assignment).draft.get("steps")


def test_a_file_brings_in_what_the_device_could_not_send(room, tab):
    done = bring_in(room.db, room.coordinator, room.project, file_of(tab))
    assert (done.n_changes, done.n_aside) == (2, 0)
    assert entered(tab) == {"aed-adult": {"aed01": {"points": 5, "note": "seen late"}}}


def test_the_same_file_twice_or_after_the_network_came_back_changes_nothing(room, tab):
    file = file_of(tab)
    tab.save(*tab.sent)
    tab.set("points", 7, step="aed01")
    bring_in(room.db, room.coordinator, room.project, file)
    bring_in(room.db, room.coordinator, room.project, file)
    assert entered(tab)["aed-adult"]["aed01"]["points"] == 7


def test_changes_of_a_writer_who_lost_the_lease_are_kept_aside(room, tab):
    file = file_of(tab)
    Tab(room, room.wei, tab.assignment).open(take_over=True)
    assert bring_in(room.db, room.coordinator, room.project, file).n_aside == 2
    assert entered(tab) is None
    with room.db.read() as c:
        assert [a.client_seq for a in aside_of(c, tab.assignment)] == [1, 2]


def test_a_file_settles_what_the_device_was_known_to_hold(room, tab):
    tab.save(unsent=2)
    bring_in(room.db, room.coordinator, room.project, file_of(tab))
    (found,) = devices(room.db, room.coordinator, room.project)
    assert found.unsent == 0


def test_who_carries_the_file_cannot_read_it(room, tab):
    file = file_of(tab)
    for part in (b"aed01", b"seen late", tab.client.encode(), tab.assignment.encode()):
        assert part not in file
    sealed = base64.b64decode(json.loads(file)["sealed"])
    assert b"seen late" not in sealed


def test_a_bent_file_is_refused(room, tab):
    envelope = json.loads(file_of(tab))
    for name in ("sealed", "iv", "salt", "ephemeral"):
        raw = bytearray(base64.b64decode(envelope[name]))
        raw[-1] ^= 1
        bent = envelope | {name: base64.b64encode(bytes(raw)).decode()}
        with pytest.raises(InputError) as caught:
            bring_in(room.db, room.coordinator, room.project, json.dumps(bent).encode())
        assert caught.value.code == "handover_unreadable"


@pytest.mark.parametrize(
    "file",
    [b"", b"\xff\xfe", b"[]", b"{}", b"null", b'{"schema": "siming.handover/1"}', b"[" * 100_000, b"x" * 8_000_001],
)
def test_any_other_file_is_refused(room, file):
    with pytest.raises((InputError, ConflictError)):
        bring_in(room.db, room.coordinator, room.project, file)


@pytest.mark.parametrize(
    "changed",
    [
        {"ticket": "0" * 64},
        {"client": "client_other"},
        {"assignment": "as_000000000000"},
        {"ticket": 5},
        {"fence": "1"},
        {"changes": [1]},
        {"changes": None},
        {"assignment": "\ud800"},
        {"ticket": "\u00e9"},
    ],
)
def test_nobody_forges_another_raters_changes(room, tab, changed):
    with pytest.raises(InputError):
        bring_in(room.db, room.coordinator, room.project, file_of(tab, **changed))
    assert entered(tab) is None


def test_a_file_for_another_server_is_told_apart(room, tab, tmp_path):
    other = build_room(tmp_path / "other")
    payload = {"assignment": tab.assignment}
    with pytest.raises(ConflictError) as caught:
        bring_in(room.db, room.coordinator, room.project, json.dumps(seal(public_key(other.db), payload)).encode())
    assert caught.value.code == "handover_other_server"
    other.db.close()


def test_only_coordinators_bring_files_in_and_only_for_their_project(room, tab):
    with pytest.raises(NotAllowedError):
        bring_in(room.db, room.okafor, room.project, file_of(tab))
    with pytest.raises(NotFoundError):
        bring_in(room.db, room.coordinator, "pr_000000000000", file_of(tab))


def test_the_servers_key_stays_the_same(room):
    assert public_key(room.db) == public_key(room.db)
    assert len(base64.b64decode(public_key(room.db))) == 65
