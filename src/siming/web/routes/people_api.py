"""Accounts, rubric versions and the installation's audit for programs: what the owner's pages do, as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, Field

from siming.store.accounts import invitations, people
from siming.store.accounts.people import Person
from siming.store.projects import rubrics
from siming.web.routes.projects_api import AuditAnswer, Body, LinkView, Text, audit_answer, link_view
from siming.web.routes.rubrics import RubricVersionView, version_view
from siming.web.who import SignedIn, database, signed_in

api = APIRouter(prefix="/api/v1")

Who = Annotated[SignedIn, Depends(signed_in)]
PersonId = Annotated[str, Path(max_length=40)]
VersionId = Annotated[str, Path(max_length=80)]


class NewPerson(Body):
    """An account to make."""

    login: Text
    name: Text
    language: Literal["en", "zh"] = "en"
    is_owner: bool = Field(default=False, description="Whether the person owns the installation.")


class AccountState(Body):
    """Whether an account is closed."""

    disabled: bool


class Erasure(Body):
    """Why a person's name, login and password go for ever. Names nobody: the audit keeps it."""

    reason: Text


class NewRubric(Body):
    """A rubric to publish."""

    document: str = Field(max_length=2_000_000, description="`siming.rubric/1` as YAML or JSON text.")


class PersonView(BaseModel):
    """An account."""

    id: str
    login: str
    name: str
    language: Literal["en", "zh"]
    is_owner: bool
    created_at: str
    disabled: bool
    has_password: bool


class MadeView(BaseModel):
    """The new account and the link that opens it."""

    person: PersonView
    link: LinkView


@api.get("/people", tags=["people"])
def get_people(request: Request, who: Who) -> list[PersonView]:
    """Every account. Only owners of the installation may."""
    return [_person(person) for person in people.people(database(request), who.actor)]


@api.post("/people", status_code=201, tags=["people"])
def post_person(request: Request, body: NewPerson, who: Who) -> MadeView:
    """Make an account without a password, and the link by which its person chooses one."""
    made, link = invitations.create_person(database(request), who.actor, **body.model_dump())
    return MadeView(person=_person(made), link=link_view(request, link))


@api.post("/people/{person}/link", tags=["people"])
def post_link(request: Request, person: PersonId, who: Who) -> LinkView:
    """A new link for who lost the password; earlier links end."""
    return link_view(request, invitations.invite(database(request), who.actor, person))


@api.put("/people/{person}/state", tags=["people"])
def put_state(request: Request, person: PersonId, body: AccountState, who: Who) -> PersonView:
    """Close an account or open it again; its sessions and tokens end, its work stays."""
    return _person(people.disable_person(database(request), who.actor, person, disabled=body.disabled))


@api.post("/people/{person}/erasure", tags=["people"])
def post_erasure(request: Request, person: PersonId, body: Erasure, who: Who) -> PersonView:
    """Deletion by law: the identity goes, the work stays under the projects' codes."""
    return _person(people.erase_person(database(request), who.actor, person, reason=body.reason))


@api.post("/rubrics", status_code=201, tags=["rubrics"])
def post_rubric(request: Request, body: NewRubric, who: Who) -> RubricVersionView:
    """Publish a rubric version; it never changes again."""
    return version_view(rubrics.publish_rubric(database(request), who.actor, body.document))


@api.post("/rubrics/{version}/retirement", tags=["rubrics"])
def post_retirement(request: Request, version: VersionId, who: Who) -> RubricVersionView:
    """Take a version out of new work."""
    return version_view(rubrics.retire_rubric(database(request), who.actor, version))


@api.get("/audit", tags=["audit"])
def get_audit(
    request: Request,
    who: Who,
    act: Annotated[str | None, Query(max_length=60)] = None,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> AuditAnswer:
    """What belongs to no project, newest first. Only owners of the installation may."""
    return audit_answer(request, who, None, act=act, before=before)


def _person(person: Person) -> PersonView:
    return PersonView.model_validate(person, from_attributes=True)
