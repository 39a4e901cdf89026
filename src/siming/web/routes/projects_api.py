"""Projects, their members, rubrics and audit for programs: what the coordinator's pages do, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from siming.errors import NotFoundError
from siming.store.access import Role
from siming.store.accounts import invitations
from siming.store.accounts.invitations import Invitation
from siming.store.audit_pages import audit_page
from siming.store.policy import Policy
from siming.store.projects import members, projects, rubrics
from siming.store.projects.members import Member
from siming.store.projects.projects import Project
from siming.web.routes.members import link_of
from siming.web.who import SignedIn, database, signed_in

api = APIRouter(prefix="/api/v1/projects", tags=["projects"])

Who = Annotated[SignedIn, Depends(signed_in)]
Slug = Annotated[str, Path(max_length=80)]
Text = Annotated[str, Field(max_length=400)]


class Body(BaseModel):
    """What a request brings."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class NewProject(Body):
    """A project to make; who makes it is its owner."""

    slug: Text = Field(description="Its name in addresses: a to z, digits and hyphens.")
    title: Text
    policy: Policy | None = Field(default=None, description="Its rules; those of the paper's protocol by default.")


class ProjectChange(Body):
    """What to change; what is left out stays."""

    title: Text | None = None
    policy: Policy | None = Field(default=None, description="All rules, not only those that change.")


class ProjectState(Body):
    """Whether the project is closed."""

    closed: bool


class ProjectView(BaseModel):
    """A project."""

    id: str
    slug: str
    title: str
    policy: Policy
    state: str
    created_at: str
    closed_at: str | None
    roles: list[Role] = Field(description="Your own roles in it.")


class MemberDetails(Body):
    """Roles and details of a member."""

    roles: list[Role] = Field(max_length=10)
    site: Text | None = None
    conflicts: list[Text] = Field(default_factory=list, max_length=10_000, description="Attempts he may not rate.")
    minutes: float | None = Field(default=None, description="Minutes of video he has time for.")


class NewMember(MemberDetails):
    """A person to add; who has no account gets one, and a link that opens it."""

    login: Text
    name: Text = ""
    code: Text | None = Field(default=None, description="The name that sheets carry; the next free one by default.")


class MemberView(BaseModel):
    """A person in a project."""

    id: str
    person: str
    login: str
    name: str
    code: str
    roles: list[Role]
    site: str | None
    conflicts: list[str]
    minutes: float | None
    ended_at: str | None
    has_password: bool


class LinkView(BaseModel):
    """A link that lets a person choose a password, once. It is not shown again."""

    person: str
    address: str
    expires_at: str


class AddedView(BaseModel):
    """The new member, and the link where an account was made."""

    member: MemberView
    link: LinkView | None


class RubricChoice(Body):
    """Rubric versions that a project rates with, in the order in which they are rated."""

    versions: list[Text] = Field(max_length=50)


class AuditLine(BaseModel):
    """One act."""

    seq: int
    at: str
    actor: str
    act: str
    object: str
    before: str | None
    after: str | None
    detail: dict[str, Any]
    previous: str
    hash: str


class AuditAnswer(BaseModel):
    """Some lines, newest first."""

    lines: list[AuditLine]
    older: int | None = Field(description="What to give as `before` for the next part; null at the end.")


@api.get("")
def get_projects(request: Request, who: Who) -> list[ProjectView]:
    """The projects you belong to."""
    return [_project(who, project) for project in projects.projects_of(database(request), who.actor)]


@api.post("", status_code=201)
def post_project(request: Request, body: NewProject, who: Who) -> ProjectView:
    """Make a project. Only owners of the installation may."""
    db = database(request)
    made = projects.create_project(db, who.actor, slug=body.slug, title=body.title, policy=body.policy)
    return _project(who, made)


@api.get("/{slug}")
def get_project(request: Request, slug: Slug, who: Who) -> ProjectView:
    """One project with its rules."""
    return _project(who, projects.get_project(database(request), who.actor, slug))


@api.patch("/{slug}")
def patch_project(request: Request, slug: Slug, body: ProjectChange, who: Who) -> ProjectView:
    """Change title or rules; what was decided keeps the rules it was decided under."""
    db = database(request)
    found = projects.get_project(db, who.actor, slug)
    return _project(who, projects.change_project(db, who.actor, found.id, title=body.title, policy=body.policy))


@api.put("/{slug}/state")
def put_state(request: Request, slug: Slug, body: ProjectState, who: Who) -> ProjectView:
    """Close the project, or open it again. It does not close while a device may hold work."""
    db = database(request)
    found = projects.get_project(db, who.actor, slug)
    return _project(who, projects.set_project_state(db, who.actor, found.id, closed=body.closed))


@api.get("/{slug}/members", tags=["members"])
def get_members(request: Request, slug: Slug, who: Who) -> list[MemberView]:
    """Everybody in the project; those who left come last."""
    db = database(request)
    found = projects.get_project(db, who.actor, slug)
    return [member_view(member) for member in members.members(db, who.actor, found.id)]


@api.post("/{slug}/members", status_code=201, tags=["members"])
def post_member(request: Request, slug: Slug, body: NewMember, who: Who) -> AddedView:
    """Add a person by login."""
    db = database(request)
    found = projects.get_project(db, who.actor, slug)
    seat = body.model_dump(include={"roles", "site", "conflicts", "minutes", "code"})
    added, link = members.add_member_by_login(
        db, who.actor, found.id, login=body.login, name=body.name or body.login, **seat
    )
    return AddedView(member=member_view(added), link=None if link is None else link_view(request, link))


@api.put("/{slug}/members/{member}", tags=["members"])
def put_member(request: Request, slug: Slug, member: Slug, body: MemberDetails, who: Who) -> MemberView:
    """Change a member's roles and details; the code stays, because sheets carry it."""
    held = _member_of(request, slug, member, who)
    seat = body.model_dump()
    return member_view(members.change_member(database(request), who.actor, held.id, **seat))


@api.delete("/{slug}/members/{member}", tags=["members"])
def delete_member(request: Request, slug: Slug, member: Slug, who: Who) -> MemberView:
    """End a membership; the work stays."""
    held = _member_of(request, slug, member, who)
    return member_view(members.end_membership(database(request), who.actor, held.id))


@api.post("/{slug}/members/{member}/link", tags=["members"])
def post_link(request: Request, slug: Slug, member: Slug, who: Who) -> LinkView:
    """A new link for a member who has not opened the account yet; earlier links end."""
    held = _member_of(request, slug, member, who)
    return link_view(request, invitations.invite(database(request), who.actor, held.person))


@api.get("/{slug}/rubrics", tags=["rubrics"])
def get_rubrics(request: Request, slug: Slug, who: Who) -> RubricChoice:
    """Versions that the project rates with."""
    db = database(request)
    found = projects.get_project(db, who.actor, slug)
    return RubricChoice(versions=[version.id for version in rubrics.project_rubrics(db, who.actor, found.id)])


@api.put("/{slug}/rubrics", tags=["rubrics"])
def put_rubrics(request: Request, slug: Slug, body: RubricChoice, who: Who) -> RubricChoice:
    """Choose the versions for attempts from now on."""
    db = database(request)
    found = projects.get_project(db, who.actor, slug)
    rubrics.set_project_rubrics(db, who.actor, found.id, body.versions)
    return get_rubrics(request, slug, who)


@api.get("/{slug}/audit", tags=["audit"])
def get_audit(
    request: Request,
    slug: Slug,
    who: Who,
    act: Annotated[str | None, Query(max_length=60)] = None,
    before: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> AuditAnswer:
    """Who did and saw what in the project, newest first."""
    db = database(request)
    found = projects.get_project(db, who.actor, slug)
    return audit_answer(request, who, found.id, act=act, before=before)


def audit_answer(
    request: Request, who: SignedIn, project: str | None, *, act: str | None, before: int | None
) -> AuditAnswer:
    """A part of the audit of a project; of the installation with None."""
    page = audit_page(database(request), who.actor, project, act=act, before=before)
    return AuditAnswer(lines=[_line(line) for line in page.lines], older=page.older)


def member_view(member: Member) -> MemberView:
    """A member as the API tells it."""
    return MemberView.model_validate(member, from_attributes=True)


def link_view(request: Request, link: Invitation) -> LinkView:
    """A link as the API tells it."""
    return LinkView(person=link.person, address=link_of(request, link), expires_at=link.expires_at)


def _line(line: Mapping[str, Any]) -> AuditLine:
    return AuditLine(**{name: line[name] for name in AuditLine.model_fields})


def _project(who: SignedIn, project: Project) -> ProjectView:
    roles = sorted(who.actor.roles.get(project.id, frozenset({"owner"})))
    plain = {name: getattr(project, name) for name in ProjectView.model_fields if name != "roles"}
    return ProjectView(**plain, roles=roles)


def _member_of(request: Request, slug: str, member: str, who: SignedIn) -> Member:
    db = database(request)
    found = projects.get_project(db, who.actor, slug)
    held = members.get_member(db, who.actor, member)
    if held.project != found.id:
        raise NotFoundError("there is no such member of this project", code="member_missing")
    return held
