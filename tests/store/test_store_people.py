"""Accounts, passwords, invitations, deletion by law."""

from __future__ import annotations

import statistics
import time

import pytest
from argon2 import PasswordHasher
from rooms import CHEAP, PASSWORD
from sqlalchemy import select

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from siming.store import Database, audit, migrate
from siming.store.accounts import invitations, passwords, people, sessions, tokens
from siming.store.projects import members, projects
from siming.store.schema import person

GOOD = "a handful of words"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch, request):
    """The cost of argon2 is not what these tests are about; those that are take the mark away."""
    if "real_argon2" not in request.fixturenames:
        monkeypatch.setattr(passwords, "HASHER", CHEAP)
        passwords._nobody.cache_clear()
    yield
    passwords._nobody.cache_clear()


@pytest.fixture
def real_argon2():
    """Use the parameters that people get."""


@pytest.fixture
def fresh(tmp_path):
    db = Database(f"sqlite:///{tmp_path / 'room.db'}")
    migrate(db)
    yield db
    db.close()


def hash_of(db, login):
    with db.read() as c:
        return c.execute(select(person.c.password_hash).where(person.c.login == login)).scalar()


def test_the_first_owner_is_made_once(fresh):
    assert not people.has_people(fresh)
    made = people.set_up_owner(fresh, login=" Olga@Example.org ", name="Olga", password=GOOD)
    assert (made.login, made.is_owner, people.has_people(fresh)) == ("olga@example.org", True, True)
    with pytest.raises(ConflictError):
        people.set_up_owner(fresh, login="mallory", name="Mallory", password=GOOD)


def test_a_password_is_kept_as_argon2id_with_the_parameters_of_rfc_9106(fresh, real_argon2):
    people.set_up_owner(fresh, login="olga", name="Olga", password=GOOD)
    kept = hash_of(fresh, "olga")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert GOOD not in kept
    assert people.check_password(fresh, "OLGA", GOOD).login == "olga"


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password_short"),
        ("ninechars", "password_short"),
        ("x" * 1001, "password_long"),
        ("olga.owner", "password_easy"),
        ("aaaaaaaaaaaaaa", "password_easy"),
    ],
)
def test_a_password_too_easy_is_refused_with_its_reason(fresh, password, code):
    with pytest.raises(InputError) as caught:
        people.set_up_owner(fresh, login="olga.owner", name="Olga", password=password)
    assert caught.value.code == code
    assert not people.has_people(fresh)


def test_ten_letters_do_and_no_signs_are_asked_for(fresh):
    assert people.set_up_owner(fresh, login="olga", name="Olga", password="lowercases").has_password


def test_a_password_typed_on_another_keyboard_is_the_same_password(fresh):
    people.set_up_owner(fresh, login="olga", name="Olga", password="caf\u00e9 noir fort")
    assert people.check_password(fresh, "olga", "cafe\u0301 noir fort") is not None


@pytest.mark.parametrize(
    "login", ["", "ab", "two words", "<script>", "ünïcode", "a" * 101, "x\x00yz", "-dash", "\ud800ab"]
)
def test_a_login_that_is_none_is_refused(fresh, login):
    with pytest.raises(InputError):
        people.set_up_owner(fresh, login=login, name="Olga", password=GOOD)


@pytest.mark.parametrize("name", ["", "   ", "nul\x00", "half \ud800", "x" * 101, "right\u202eto left", "bell\x07"])
def test_a_name_that_cannot_be_kept_or_seen_is_refused(fresh, name):
    with pytest.raises(InputError):
        people.set_up_owner(fresh, login="olga", name=name, password=GOOD)


def test_wrong_password_unknown_login_and_closed_account_look_alike(room):
    people.disable_person(room.db, room.owner, room.wei.id)
    tries = [("okafor", "not the password"), ("nobody", PASSWORD), ("wei", PASSWORD), ("<b>", PASSWORD), ("", "")]
    assert [people.check_password(room.db, *t) for t in tries] == [None] * 5


def test_an_unknown_login_costs_as_much_as_a_wrong_password(fresh, real_argon2):
    people.set_up_owner(fresh, login="olga", name="Olga", password=GOOD)
    people.check_password(fresh, "nobody", "warm up")

    def median_s(login):
        took = []
        for _ in range(5):
            began = time.perf_counter()
            people.check_password(fresh, login, "not the password")
            took.append(time.perf_counter() - began)
        return statistics.median(took)

    known, unknown = median_s("olga"), median_s("nobody")
    assert 0.4 < unknown / known < 2.5  # without the dummy hash it is below 0.05


def test_older_parameters_are_renewed_when_the_person_signs_in(room, monkeypatch):
    before = hash_of(room.db, "wei")
    monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    passwords._nobody.cache_clear()
    assert people.check_password(room.db, "wei", "wrong") is None
    assert hash_of(room.db, "wei") == before
    assert people.check_password(room.db, "wei", PASSWORD).id == room.wei.id
    after = hash_of(room.db, "wei")
    assert "m=16,t=2" in after
    assert people.check_password(room.db, "wei", PASSWORD) is not None
    assert hash_of(room.db, "wei") == after


def test_an_invitation_lets_its_person_choose_a_password_once(room):
    made, link = invitations.create_person(room.db, room.owner, login="tan", name="Tan")
    assert not made.has_password
    assert people.check_password(room.db, "tan", "") is None
    assert invitations.invited(room.db, link.token).login == "tan"
    invitations.accept_invitation(room.db, link.token, GOOD)
    assert people.check_password(room.db, "tan", GOOD).id == made.id
    for _ in range(2):
        assert invitations.invited(room.db, link.token) is None
        with pytest.raises(NotFoundError):
            invitations.accept_invitation(room.db, link.token, "another password")
    assert people.check_password(room.db, "tan", GOOD) is not None


def test_a_bad_password_leaves_the_invitation_open(room):
    _, link = invitations.create_person(room.db, room.owner, login="tan", name="Tan")
    with pytest.raises(InputError):
        invitations.accept_invitation(room.db, link.token, "short")
    assert invitations.accept_invitation(room.db, link.token, GOOD).login == "tan"


def test_an_invitation_ends_after_seven_days_and_when_a_newer_one_is_made(room):
    made, first = invitations.create_person(room.db, room.owner, login="tan", name="Tan")
    second = invitations.invite(room.db, room.owner, made.id)
    assert invitations.invited(room.db, first.token) is None
    room.clock.pass_by(days=6, hours=23)
    assert invitations.invited(room.db, second.token) is not None
    room.clock.pass_by(hours=2)
    assert invitations.invited(room.db, second.token) is None


def test_the_database_holds_no_token_and_no_password(room):
    _, link = invitations.create_person(room.db, room.owner, login="tan", name="Tan")
    begun = sessions.begin(room.db, room.wei.id)
    _, secret = tokens.make_token(room.db, room.wei, name="script")
    room.db.close()
    content = b"".join(path.read_bytes() for path in room.folder.glob("room.db*"))
    for text in (link.token, begun.token, secret, PASSWORD):
        assert text.encode() not in content


def test_only_an_owner_of_the_installation_gives_a_link_to_who_has_a_password(room):
    """Whoever holds such a link takes the account over."""
    with pytest.raises(NotAllowedError):
        invitations.invite(room.db, room.coordinator, room.owner.id)
    with pytest.raises(NotAllowedError):
        invitations.invite(room.db, room.coordinator, room.wei.id)
    assert invitations.invite(room.db, room.owner, room.wei.id).person == room.wei.id


@pytest.mark.parametrize("who", ["wei", "lin", "analyst", "auditor"])
def test_who_manages_no_members_makes_no_accounts(room, who):
    with pytest.raises(NotAllowedError):
        invitations.create_person(room.db, getattr(room, who), login="tan", name="Tan")


def test_a_coordinator_cannot_make_an_owner_of_the_installation(room):
    with pytest.raises(NotAllowedError):
        invitations.create_person(room.db, room.coordinator, login="tan", name="Tan", is_owner=True)


def test_a_login_taken_is_a_conflict_in_any_spelling(room):
    with pytest.raises(ConflictError):
        invitations.create_person(room.db, room.owner, login="WEI", name="Another Wei")


def test_a_new_password_needs_the_present_one_and_ends_the_other_sessions(room):
    here, there = sessions.begin(room.db, room.wei.id), sessions.begin(room.db, room.wei.id)
    others = sessions.begin(room.db, room.okafor.id)
    keep = sessions.find(room.db, here.token).session.token_hash
    with pytest.raises(InputError) as caught:
        people.change_password(room.db, room.wei, present="wrong", new=GOOD, keep_session=keep)
    assert caught.value.code == "password_wrong"
    people.change_password(room.db, room.wei, present=PASSWORD, new=GOOD, keep_session=keep)
    assert sessions.find(room.db, here.token) is not None
    assert sessions.find(room.db, there.token) is None
    assert sessions.find(room.db, others.token) is not None
    assert people.check_password(room.db, "wei", PASSWORD) is None


def detail_of_last(room, act: str) -> dict[str, int]:
    with room.db.read() as c:
        return [line for line in audit.lines(c) if line["act"] == act][-1]["detail"]


def test_a_new_password_revokes_the_tokens_too_and_the_audit_says_how_many(room):
    _, mine = tokens.make_token(room.db, room.wei, name="script")
    _, others = tokens.make_token(room.db, room.okafor, name="script")
    people.change_password(room.db, room.wei, present=PASSWORD, new=GOOD)
    assert tokens.find_by_token(room.db, mine) is None
    assert tokens.find_by_token(room.db, others) is not None
    assert detail_of_last(room, "person.password") == {"sessions": 0, "tokens": 1}


def test_tokens_go_on_where_their_owner_asks_for_it(room):
    _, mine = tokens.make_token(room.db, room.wei, name="script")
    people.change_password(room.db, room.wei, present=PASSWORD, new=GOOD, keep_tokens=True)
    assert tokens.find_by_token(room.db, mine) is not None
    assert detail_of_last(room, "person.password") == {"sessions": 0, "tokens": 0}


def test_a_password_chosen_anew_by_a_link_ends_every_session_and_token(room):
    begun = sessions.begin(room.db, room.wei.id)
    _, secret = tokens.make_token(room.db, room.wei, name="script")
    invitations.accept_invitation(room.db, invitations.invite(room.db, room.owner, room.wei.id).token, GOOD)
    assert sessions.find(room.db, begun.token) is None
    assert tokens.find_by_token(room.db, secret) is None
    assert detail_of_last(room, "person.accept_invitation") == {"sessions": 1, "tokens": 1}


def test_a_closed_account_loses_sessions_tokens_and_links(room):
    begun = sessions.begin(room.db, room.wei.id)
    _, secret = tokens.make_token(room.db, room.wei, name="script")
    link = invitations.invite(room.db, room.owner, room.wei.id)
    people.disable_person(room.db, room.owner, room.wei.id)
    assert sessions.find(room.db, begun.token) is None
    assert tokens.find_by_token(room.db, secret) is None
    assert invitations.invited(room.db, link.token) is None
    people.disable_person(room.db, room.owner, room.wei.id, disabled=False)
    assert people.check_password(room.db, "wei", PASSWORD) is not None
    assert tokens.find_by_token(room.db, secret) is None


def test_the_last_owner_can_neither_be_closed_nor_erased(room):
    with pytest.raises(ConflictError):
        people.disable_person(room.db, room.owner, room.owner.id)
    with pytest.raises(ConflictError):
        people.erase_person(room.db, room.owner, room.owner.id, reason="asked")


def test_an_erased_person_leaves_no_name_and_the_chain_still_verifies(room):
    """Invariant 8 for raters: the identity goes, the work stays under the code."""
    people.erase_person(room.db, room.owner, room.wei.id, reason="asked to by law")
    gone = people.get_person(room.db, room.wei.id)
    assert (gone.name, gone.has_password, gone.disabled) == ("–", False, True)
    assert "wei" not in gone.login
    assert audit.verify(room.db).ok
    with room.db.read() as c:
        assert "Wei" not in str(list(audit.lines(c)))


def test_settings_are_laid_over_the_ones_there_are(room):
    people.change_person(room.db, room.wei, settings={"theme": "dark"})
    people.change_person(room.db, room.wei, settings={"keys": {"play": "k"}})
    assert people.get_person(room.db, room.wei.id).settings == {"theme": "dark", "keys": {"play": "k"}}


def test_a_provider_ties_only_a_verified_address_and_only_once(room):
    invitations.create_person(room.db, room.owner, login="tan@example.org", name="Tan")
    said = {"issuer": "https://id.example", "login": "tan@example.org"}
    assert people.person_by_oidc(room.db, subject="s1", login_is_verified=False, **said) is None
    assert people.person_by_oidc(room.db, subject="s1", login_is_verified=True, **said).login == "tan@example.org"
    assert people.person_by_oidc(room.db, subject="s2", login_is_verified=True, **said) is None
    assert (
        people.person_by_oidc(
            room.db, issuer="https://other.example", subject="s1", login=None, login_is_verified=False
        )
        is None
    )


def test_tying_an_account_to_a_provider_ends_every_older_way_into_it(room):
    """An invitation that went astray before the tie must not open the account after it."""
    said = {"issuer": "https://id.example", "login": "tan@example.org", "login_is_verified": True}
    tan, link = invitations.create_person(room.db, room.owner, login="tan@example.org", name="Tan")
    invitations.accept_invitation(room.db, link.token, PASSWORD)
    begun = sessions.begin(room.db, tan.id)
    later = invitations.invite(room.db, room.owner, tan.id)
    people.person_by_oidc(room.db, subject="s1", **said)
    assert not people.get_person(room.db, tan.id).has_password
    assert sessions.find(room.db, begun.token) is None
    with pytest.raises(NotFoundError):
        invitations.accept_invitation(room.db, later.token, PASSWORD)


@pytest.mark.parametrize("kind", ["tied", "owner", "of another project", "made by the owner for nobody yet"])
def test_a_coordinator_makes_no_link_for_an_account_that_opens_more_than_his_project(room, kind):
    """Whoever holds the link takes the account over, with all its rights."""
    coordinator = room.coordinator
    login = "boss@example.org"
    if kind == "of another project":
        other = projects.create_project(room.db, room.owner, slug="other", title="Other").id
        owner = people.actor_of(room.db, room.owner.id)
        boss = members.add_member_by_login(room.db, owner, other, login=login, name="B", roles=["rater"])[0].person
    else:
        boss = invitations.create_person(room.db, room.owner, login=login, name="B", is_owner=kind == "owner")[0].id
    if kind == "tied":
        people.person_by_oidc(room.db, issuer="https://id.example", subject="s", login=login, login_is_verified=True)
    members.add_member(room.db, coordinator, room.project, person_id=boss, roles=["auditor"])
    with pytest.raises(NotAllowedError) as refused:
        invitations.invite(room.db, coordinator, boss)
    assert refused.value.code == "invite_owner_only"
    assert invitations.invite(room.db, room.owner, boss).token


def test_a_coordinator_renews_the_link_of_who_was_added_for_his_project(room):
    new, first = members.add_member_by_login(
        room.db, room.coordinator, room.project, login="new@example.org", name="New", roles=["rater"]
    )
    again = invitations.invite(room.db, room.coordinator, new.person)
    assert invitations.invited(room.db, first.token) is None
    assert invitations.invited(room.db, again.token).id == new.person


def test_a_token_holds_until_its_day_and_belongs_to_its_maker(room):
    made, secret = tokens.make_token(room.db, room.wei, name="script", days=30)
    assert secret.startswith("sm_")
    found, actor = tokens.find_by_token(room.db, secret)
    assert (found.id, actor.roles) == (room.wei.id, room.wei.roles)
    with pytest.raises(NotFoundError):
        tokens.revoke_token(room.db, room.okafor, made.id)
    room.clock.pass_by(days=31)
    assert tokens.find_by_token(room.db, secret) is None
