"""Rubric versions never change (invariant 3)."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DatabaseError

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from siming.rubric import builtin_rubric
from siming.store.accounts import invitations, people
from siming.store.media import attempts
from siming.store.projects import rubrics
from siming.store.schema import rubric_version


def test_a_builtin_rubric_is_published_byte_for_byte(room):
    cpr = room.rubrics[0]
    assert (cpr.rubric, cpr.n_steps) == ("cpr-adult-single", len(builtin_rubric("cpr-adult-single").steps))
    document = rubrics.document_of(room.db, cpr.id)
    assert document.encode() == rubrics.builtin_document("cpr-adult-single")
    assert hashlib.sha256(document.encode()).hexdigest() == cpr.sha256
    assert rubrics.get_rubric(room.db, cpr.id) == builtin_rubric("cpr-adult-single")


@pytest.mark.parametrize("changed", ["document", "sha256", "rubric", "version"])
def test_a_published_rubric_never_changes_whoever_opens_the_database(room, changed):
    with pytest.raises(DatabaseError, match=r"never changes|append-only"), room.db.write() as c:
        c.execute(update(rubric_version).where(rubric_version.c.id == room.rubrics[0].id).values({changed: "x"}))
    with pytest.raises(DatabaseError, match=r"never changes|append-only"), room.db.write() as c:
        c.execute(delete(rubric_version).where(rubric_version.c.id == room.rubrics[0].id))
    with pytest.raises(DatabaseError, match=r"never changes|append-only"), room.db.write() as c:
        c.execute(text("UPDATE rubric_version SET state = 'draft'"))


def test_the_same_document_again_is_the_same_version_and_another_is_a_conflict(room):
    document = rubrics.builtin_document("aed-adult")
    assert rubrics.publish_rubric(room.db, room.owner, document).id == room.rubrics[1].id
    with pytest.raises(ConflictError) as caught:
        rubrics.publish_rubric(room.db, room.owner, document + b"\n# one more remark\n")
    assert caught.value.code == "rubric_version_taken"


def test_a_new_version_stands_beside_the_old_one(room):
    document = rubrics.builtin_document("aed-adult").decode().replace("version: 0.1.0", "version: 0.2.0")
    made = rubrics.publish_rubric(room.db, room.owner, document)
    assert made.version == "0.2.0"
    assert {v.version for v in rubrics.rubric_versions(room.db, room.owner) if v.rubric == "aed-adult"} == {
        "0.1.0",
        "0.2.0",
    }


def of_this_site(room) -> rubrics.RubricVersion:
    """A rubric that only this site has, published and not used yet."""
    document = rubrics.builtin_document("aed-adult").decode().replace("version: 0.1.0", "version: 0.1.0-site")
    return rubrics.publish_rubric(room.db, room.owner, document)


def readers(room, version_id: str) -> set[str]:
    stranger, _ = invitations.create_person(
        room.db, room.owner, login=f"str{len(people.people(room.db, room.owner))}", name="Stranger"
    )
    actors = {"stranger": people.actor_of(room.db, stranger.id)}
    actors |= {name: getattr(room, name) for name in ("owner", "coordinator", "wei", "lin", "analyst", "auditor")}
    listed = {
        name
        for name, actor in actors.items()
        if version_id in {version.id for version in rubrics.rubric_versions(room.db, actor)}
    }
    for name, actor in actors.items():  # what is listed can be opened, and nothing else
        if name in listed:
            assert rubrics.read_version(room.db, actor, version_id).id == version_id
        else:
            with pytest.raises(NotFoundError, match="there is no rubric version"):
                rubrics.read_version(room.db, actor, version_id)
    return listed


EVERYBODY = {"stranger", "owner", "coordinator", "wei", "lin", "analyst", "auditor"}


def test_what_comes_with_siming_is_read_by_everybody(room):
    assert readers(room, room.rubrics[0].id) == EVERYBODY


def test_a_sites_own_rubric_is_read_by_members_of_projects_that_rate_with_it_and_by_who_publishes(room):
    own = of_this_site(room)
    assert readers(room, own.id) == {"owner"}
    rubrics.set_project_rubrics(room.db, room.owner, room.project, [own.id])
    assert readers(room, own.id) == EVERYBODY - {"stranger"}


def test_members_go_on_reading_what_an_attempt_of_theirs_came_with(room):
    own = of_this_site(room)
    rubrics.set_project_rubrics(room.db, room.owner, room.project, [own.id])
    attempts.add_attempt(room.db, room.coordinator, room.project, code="A-001")
    rubrics.set_project_rubrics(room.db, room.owner, room.project, [room.rubrics[1].id])
    assert readers(room, own.id) == EVERYBODY - {"stranger"}


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xff\xfe",
        b"just a text",
        b"schema: siming.rubric/9\nid: x",
        b"[" * 100_000,
        b"a: " + b"{a: " * 50_000,
        b"schema: siming.rubric/1\nx: &a [1]\ny: *a",
        b"!!python/object/apply:os.system ['true']",
        b"schema: siming.rubric/1\nid: x\x00y",
        b"# " + b"x" * 1_000_001,
        b"schema: siming.rubric/1\n\t- tab",
    ],
)
def test_a_document_that_is_no_rubric_is_refused_with_a_reason(room, document):
    with pytest.raises(InputError) as caught:
        rubrics.publish_rubric(room.db, room.owner, document)
    assert caught.value.code == "rubric_unsound"
    assert caught.value.params["why"]


def test_a_rubric_that_does_not_add_up_is_refused(room):
    document = (
        rubrics.builtin_document("aed-adult")
        .decode()
        .replace("state: aed_at_side, on_missing", "state: aed_on_mars, on_missing")
    )
    with pytest.raises(InputError, match="aed_on_mars"):
        rubrics.publish_rubric(room.db, room.owner, document.replace("version: 0.1.0", "version: 0.2.0"))


@pytest.mark.parametrize("who", ["coordinator", "wei", "lin", "analyst", "auditor"])
def test_only_owners_publish_and_retire(room, who):
    with pytest.raises(NotAllowedError):
        rubrics.publish_builtin(room.db, getattr(room, who), "aed-adult")
    with pytest.raises(NotAllowedError):
        rubrics.retire_rubric(room.db, getattr(room, who), room.rubrics[0].id)


def test_a_retired_version_stays_where_it_is_and_goes_into_no_new_project(room):
    cpr, aed, bmv = (v.id for v in room.rubrics)
    rubrics.retire_rubric(room.db, room.owner, aed)
    rubrics.set_project_rubrics(room.db, room.owner, room.project, [bmv, aed])
    assert [v.id for v in rubrics.project_rubrics(room.db, room.wei, room.project)] == [bmv, aed]
    rubrics.set_project_rubrics(room.db, room.owner, room.project, [cpr])
    with pytest.raises(InputError):
        rubrics.set_project_rubrics(room.db, room.owner, room.project, [cpr, aed])
    assert rubrics.get_rubric(room.db, aed).id == "aed-adult"


def test_a_project_rates_with_one_version_of_a_rubric(room):
    document = rubrics.builtin_document("aed-adult").decode().replace("version: 0.1.0", "version: 0.2.0")
    newer = rubrics.publish_rubric(room.db, room.owner, document)
    with pytest.raises(InputError):
        rubrics.set_project_rubrics(room.db, room.owner, room.project, [room.rubrics[1].id, newer.id])
    with pytest.raises(NotFoundError):
        rubrics.set_project_rubrics(room.db, room.owner, room.project, ["rv_doesnotexist"])
