"""Reasons in a person's own words stand beside the chain, where an erasure can blank them (invariant 8)."""

from __future__ import annotations

import pytest
from rating_rooms import Tab, add_rated_attempt, give
from sqlalchemy import select

from siming.errors import InputError, NotAllowedError, NotFoundError
from siming.store import audit, audit_pages
from siming.store.accounts import people
from siming.store.accounts.vault import Identity, Vault, entries, erase_identity, open_identities, put_identities
from siming.store.audit_reasons import erase_reason, problems_of
from siming.store.blind.assignments import withdraw
from siming.store.blind.devices import devices, write_off
from siming.store.integrity import hold_all
from siming.store.projects import projects
from siming.store.schema import audit_reason

LETTER = "Wei Zhang asked by letter"


@pytest.fixture
def vault(room):
    made = Vault(room.folder / "vault", clock=room.clock)
    yield made
    made.close()


def line_of(room, act: str):
    """The newest line of an act as the auditor's page has it."""
    return audit_pages.audit_page(room.db, room.owner, room.project, act=act).lines[0]


def everything(room) -> bytes:
    """Every byte of the database and of the log beside it."""
    return b"".join(path.read_bytes() for path in room.folder.glob("room.db*"))


def test_the_chain_holds_a_digest_and_the_page_shows_the_words(room):
    given = give(room, add_rated_attempt(room), room.wei)
    withdraw(room.db, room.coordinator, given, reason=LETTER)
    line = line_of(room, "assignment.withdraw")
    assert list(line["detail"]) == ["reason_sha256"]
    assert line["why"].words == LETTER
    with room.db.read() as c:
        assert LETTER not in repr([dict(each) for each in audit.lines(c)])


def test_the_same_words_twice_are_two_digests_so_that_nobody_tries_them_out(room):
    for code in ("A-1", "A-2"):
        withdraw(room.db, room.coordinator, give(room, add_rated_attempt(room, code), room.wei), reason="ill")
    with room.db.read() as c:
        first, second = c.execute(select(audit_reason.c.sha256).where(audit_reason.c.words == "ill")).scalars()
    assert first != second


def test_words_are_erased_for_ever_and_the_chain_still_verifies(room):
    given = give(room, add_rated_attempt(room), room.wei)
    withdraw(room.db, room.coordinator, given, reason=LETTER)
    digest = line_of(room, "assignment.withdraw")["detail"]["reason_sha256"]
    erase_reason(room.db, room.owner, room.project, digest)
    line = line_of(room, "assignment.withdraw")
    assert (line["why"].words, line["why"].erased_at is not None) == (None, True)
    assert line_of(room, "audit.erase_reason")["object"] == f"line:{line['seq']}"
    assert audit.verify(room.db).ok
    with room.db.read() as c:
        assert list(problems_of(c)) == []
        assert c.execute(select(audit_reason.c.salt).where(audit_reason.c.sha256 == digest)).scalar_one() is None
    if room.db.is_sqlite:
        room.db.close()
        assert LETTER.encode() not in everything(room)
    with pytest.raises(NotFoundError):
        erase_reason(room.db, room.owner, room.project, digest)


def test_only_who_may_erase_identities_erases_words_and_only_of_his_own_project(room):
    withdraw(room.db, room.coordinator, give(room, add_rated_attempt(room), room.wei), reason=LETTER)
    digest = line_of(room, "assignment.withdraw")["detail"]["reason_sha256"]
    for who in (room.auditor, room.coordinator, room.wei, room.lin):
        with pytest.raises(NotAllowedError):
            erase_reason(room.db, who, room.project, digest)
    with pytest.raises(NotAllowedError):
        erase_reason(room.db, room.auditor, None, digest)
    for project, what in ((None, digest), (room.project, "0" * 64), (room.project, "%"), (room.project, "")):
        with pytest.raises(NotFoundError):
            erase_reason(room.db, room.owner, project, what)
    assert line_of(room, "assignment.withdraw")["why"].words == LETTER


def test_erasing_a_person_erases_what_was_written_on_his_work(room):
    given = give(room, add_rated_attempt(room), room.wei)
    withdraw(room.db, room.coordinator, given, reason="Wei is in hospital")
    other = give(room, add_rated_attempt(room, "A-2"), room.okafor)
    withdraw(room.db, room.coordinator, other, reason="given twice")
    tab = Tab(room, room.wei, give(room, add_rated_attempt(room, "A-3"), room.wei))
    tab.open()
    write_off(room.db, room.coordinator, tab.client, tab.assignment, reason="Wei has lost his tablet")
    with pytest.raises(InputError) as named:
        people.erase_person(room.db, room.owner, room.wei.id, reason="wei asked by letter")
    assert named.value.code == "reason_names"
    people.erase_person(room.db, room.owner, room.wei.id, reason="asked by letter, weighed and granted")
    words = [
        line["why"].words
        for line in audit_pages.audit_page(room.db, room.owner, room.project, act="assignment.withdraw").lines
    ]
    assert words == ["given twice", None]
    assert line_of(room, "device.write_off")["why"].words is None
    assert [d.written_off_reason for d in devices(room.db, room.coordinator, room.project)] == [None]
    assert audit.verify(room.db).ok


def test_erasing_an_identity_erases_what_was_written_on_looks_and_on_its_attempts(room, vault):
    put_identities(
        room.db,
        vault,
        room.owner,
        room.project,
        "candidate",
        [Identity("T-1", "Tan Wei Ming", "S123"), Identity("T-2", "何淑芬")],
    )
    open_identities(room.db, vault, room.owner, room.project, reason="Tan Wei Ming rang", codes=[("candidate", "T-1")])
    given = give(room, add_rated_attempt(room, candidate_code="T-1"), room.wei)
    withdraw(room.db, room.coordinator, given, reason="Tan limps, as everybody knows")
    for words in ("by request of TAN WEI MING", "student S123"):
        with pytest.raises(InputError):
            erase_identity(room.db, vault, room.owner, room.project, "candidate", "T-1", reason=words)
    with pytest.raises(InputError):
        erase_identity(room.db, vault, room.owner, room.project, "candidate", "T-2", reason="应何淑芬的要求")
    erase_identity(room.db, vault, room.owner, room.project, "candidate", "T-1", reason="by request")
    for act in ("vault.open", "assignment.withdraw"):
        assert line_of(room, act)["why"].words is None
    assert line_of(room, "vault.erase")["why"].words == "by request"
    assert [e.erased_at is None for e in entries(room.db, vault, room.owner, room.project)] == [False, True]
    assert {held.kind: held.problems for held in hold_all(room.db) if held.problems} == {}


def test_a_broken_glass_keeps_its_reason_for_every_auditor_while_it_stands(room):
    projects.break_glass(room.db, room.owner, room.slug, reason="its owner has left")
    page = audit_pages.audit_page(room.db, room.auditor, room.project, act="project.break_glass")
    assert page.lines[0]["why"].words == "its owner has left"
    assert not page.may_erase
