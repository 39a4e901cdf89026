"""The vault: sealed, apart, audited, erasable (invariant 8)."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import select, update

from siming.errors import InputError, NotAllowedError, NotFoundError, StoreError
from siming.store import audit
from siming.store.accounts.vault import (
    Identity,
    Vault,
    entries,
    erase_identity,
    identity,
    open_identities,
    put_identities,
)

TAN = Identity("K01", "Tan Wei Ming", "S-4711", "left-handed")


@pytest.fixture
def vault(room):
    made = Vault(room.folder / "vault", clock=room.clock)
    yield made
    made.close()


def files_of(room):
    return b"".join(p.read_bytes() for p in [*room.folder.glob("room.db*"), *(room.folder / "vault").glob("vault.db*")])


def acts(room):
    with room.db.read() as c:
        return [(line["act"], line["object"]) for line in audit.lines(c, project=room.project)]


def test_what_goes_in_comes_out_for_who_may_see_it_and_the_audit_knows_first(room, vault):
    put_identities(room.db, vault, room.owner, room.project, "candidate", [TAN])
    found = open_identities(room.db, vault, room.owner, room.project, reason="complaint 7")
    assert found == {("candidate", "K01"): TAN}
    assert acts(room)[-2:] == [("vault.put", "candidate:K01"), ("vault.open", f"project:{room.project}")]


@pytest.mark.parametrize("who", ["coordinator", "wei", "lin", "analyst", "auditor"])
def test_nobody_else_sees_identities_or_that_there_are_any(room, vault, who):
    put_identities(room.db, vault, room.owner, room.project, "candidate", [TAN])
    actor, before = getattr(room, who), acts(room)
    for act in (
        lambda: entries(room.db, vault, actor, room.project),
        lambda: open_identities(room.db, vault, actor, room.project, reason="curious"),
        lambda: put_identities(room.db, vault, actor, room.project, "candidate", [TAN]),
        lambda: erase_identity(room.db, vault, actor, room.project, "candidate", "K01", reason="curious"),
    ):
        with pytest.raises(NotAllowedError):
            act()
    assert acts(room) == before


def test_looking_needs_a_reason(room, vault):
    with pytest.raises(InputError):
        open_identities(room.db, vault, room.owner, room.project, reason=" ")


def test_no_file_and_no_line_of_the_audit_holds_a_name(room, vault):
    put_identities(room.db, vault, room.owner, room.project, "candidate", [TAN])
    open_identities(room.db, vault, room.owner, room.project, reason="complaint 7")
    content = files_of(room)
    for text in (TAN.name, TAN.number, TAN.note):
        assert text.encode() not in content
    assert b"K01" in content


def test_erasing_destroys_the_key_and_the_chain_still_verifies(room, vault):
    """Invariant 8."""
    put_identities(room.db, vault, room.owner, room.project, "candidate", [TAN, Identity("K02", "Ng Siew Hoon")])
    with vault.database.read() as c:
        row = c.execute(select(identity).where(identity.c.code == "K01")).one()
    erase_identity(room.db, vault, room.owner, room.project, "candidate", "K01", reason="asked to by law")
    assert open_identities(room.db, vault, room.owner, room.project, reason="check") == {
        ("candidate", "K02"): Identity("K02", "Ng Siew Hoon")
    }
    content = files_of(room)
    assert row.key not in content
    assert row.sealed not in content
    assert audit.verify(room.db).ok
    assert acts(room)[-2] == ("vault.erase", "candidate:K01")
    gone = next(e for e in entries(room.db, vault, room.owner, room.project) if e.code == "K01")
    assert gone.erased_at is not None
    with pytest.raises(NotFoundError):
        erase_identity(room.db, vault, room.owner, room.project, "candidate", "K01", reason="again")


def test_a_sealed_identity_moved_to_another_code_does_not_open(room, vault):
    put_identities(room.db, vault, room.owner, room.project, "candidate", [TAN, Identity("K02", "Ng Siew Hoon")])
    with vault.database.write() as c:
        first = c.execute(select(identity).where(identity.c.code == "K01")).one()
        c.execute(update(identity).where(identity.c.code == "K02").values(sealed=first.sealed))
    with pytest.raises(StoreError, match="does not open"):
        vault.open(room.project, "candidate", "K02")


def test_the_master_key_is_for_the_servers_user_alone_and_nothing_opens_without_it(room, vault):
    put_identities(room.db, vault, room.owner, room.project, "candidate", [TAN])
    key = room.folder / "vault" / "master.key"
    assert key.stat().st_mode & 0o077 == 0
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(StoreError, match="put the key file back"):
        Vault(room.folder / "vault")
    key.write_bytes(os.urandom(32))
    other = Vault(room.folder / "vault")
    with pytest.raises(StoreError, match="does not open"):
        other.open(room.project, "candidate", "K01")
    other.close()
    key.write_bytes(kept)
    again = Vault(room.folder / "vault")
    assert again.open(room.project, "candidate", "K01") == TAN
    again.close()


def test_a_code_belongs_to_one_project_and_one_kind(room, vault):
    put_identities(room.db, vault, room.owner, room.project, "candidate", [TAN])
    assert vault.open("pr_another", "candidate", "K01") is None
    assert vault.open(room.project, "rater", "K01") is None


def test_a_code_gets_a_new_person_in_place_of_the_old_one(room, vault):
    put_identities(room.db, vault, room.owner, room.project, "candidate", [TAN])
    put_identities(room.db, vault, room.owner, room.project, "candidate", [Identity("K01", "Ng Siew Hoon")])
    assert vault.open(room.project, "candidate", "K01").name == "Ng Siew Hoon"
    assert len(vault.entries(room.project)) == 1


@pytest.mark.parametrize(
    "wrong", [Identity("", "Tan"), Identity("K01", ""), Identity("K01", "x" * 201), Identity("K\x00", "T")]
)
def test_one_wrong_line_keeps_all_out(room, vault, wrong):
    with pytest.raises(InputError):
        put_identities(room.db, vault, room.owner, room.project, "candidate", [TAN, wrong])
    assert vault.entries(room.project) == ()
