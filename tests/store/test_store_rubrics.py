"""Rubric versions never change (invariant 3)."""

from __future__ import annotations

import hashlib

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.exc import DatabaseError

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from siming.rubric import builtin_rubric
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
    assert {v.version for v in rubrics.rubric_versions(room.db, room.wei) if v.rubric == "aed-adult"} == {
        "0.1.0",
        "0.2.0",
    }


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
