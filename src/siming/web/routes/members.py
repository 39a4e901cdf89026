"""The members of a project, and the vault of who they and the candidates are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from siming.errors import ConflictError, InputError, NotAllowedError, RoomError
from siming.store.access import ROLES, Role
from siming.store.accounts import invitations, vault
from siming.store.accounts.vault import Identity, Kind, Vault
from siming.store.projects import members, projects
from siming.web.errors_page import status_of
from siming.web.form import Sent, SentForm
from siming.web.once import redirect_showing, shown_once
from siming.web.page import redirect, render
from siming.web.who import SignedIn, database, settings, signed_in

pages = APIRouter(include_in_schema=False)

Who = Annotated[SignedIn, Depends(signed_in)]


@pages.get("/p/{slug}/members")
def show(request: Request, slug: str, who: Who) -> Response:
    """Everybody in the project, and the form that adds one more."""
    return _page(request, slug, who, **shown_once(request, who))


@pages.post("/p/{slug}/members")
def add(request: Request, slug: str, who: Who, form: SentForm) -> Response:
    """Add a person by login; who has no account gets one, and a link to hand over."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    try:
        added, invitation = members.add_member_by_login(
            db,
            who.actor,
            project.id,
            login=form.text("login"),
            name=form.text("name"),
            code=form.text("code") or None,
            **_details(form),
        )
    except (InputError, ConflictError, NotAllowedError) as problem:
        values = {name: form.text(name) for name in ("login", "name", "code", "site", "minutes", "conflicts")}
        return _page(request, slug, who, problem=problem, values={**values, "roles": form.texts("roles")})
    if invitation is None:
        return redirect(f"/p/{slug}/members", flash="members.added", name=added.name)
    return redirect_showing(request, who, f"/p/{slug}/members", invited=added.name, link=link_of(request, invitation))


@pages.get("/p/{slug}/members/{member}")
def edit(request: Request, slug: str, member: str, who: Who) -> Response:
    """One member's roles and details."""
    return _edit(request, slug, member, who)


@pages.post("/p/{slug}/members/{member}")
def change(request: Request, slug: str, member: str, who: Who, form: SentForm) -> Response:
    """Change roles, site, conflicts and minutes."""
    try:
        members.change_member(database(request), who.actor, member, **_details(form))
    except (InputError, ConflictError, NotAllowedError) as problem:
        values = {name: form.text(name) for name in ("site", "minutes", "conflicts")}
        return _edit(request, slug, member, who, problem=problem, values={**values, "roles": form.texts("roles")})
    return redirect(f"/p/{slug}/members", flash="members.changed")


@pages.post("/p/{slug}/members/{member}/end")
def end(request: Request, slug: str, member: str, who: Who) -> Response:
    """Take a person out; the work stays."""
    ended = members.end_membership(database(request), who.actor, member)
    return redirect(f"/p/{slug}/members", flash="members.ended", code=ended.code)


@pages.post("/p/{slug}/members/{member}/invite")
def invite(request: Request, slug: str, member: str, who: Who) -> Response:
    """A new link for somebody who has not come in yet."""
    db = database(request)
    held = members.get_member(db, who.actor, member)
    link = link_of(request, invitations.invite(db, who.actor, held.person))
    return redirect_showing(request, who, f"/p/{slug}/members", invited=held.name, link=link)


@pages.get("/p/{slug}/identities")
def identities(request: Request, slug: str, who: Who) -> Response:
    """Which pseudonyms have somebody behind them; who they are is shown once, after `open_vault`."""
    return _vault_page(request, slug, who, **shown_once(request, who))


@pages.post("/p/{slug}/identities/open")
def open_vault(request: Request, slug: str, who: Who, form: SentForm) -> Response:
    """Look, with a reason; the audit knows before the page does."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    try:
        found = vault.open_identities(db, vault_of(request), who.actor, project.id, reason=form.text("reason"))
    except InputError as problem:
        return _vault_page(request, slug, who, problem=problem)
    return redirect_showing(request, who, f"/p/{slug}/identities", found=found)


@pages.post("/p/{slug}/identities")
def put_identities(request: Request, slug: str, who: Who, form: SentForm) -> Response:
    """Put people behind pseudonyms: a line each, ``code; name; number; note``."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    lines = [(n, line) for n, line in enumerate(form.text("people").splitlines(), 1) if line.strip()]
    rows = [[part.strip() for part in line.replace("；", ";").replace("\t", ";").split(";")] for _, line in lines]
    try:
        for (n, line), row in zip(lines, rows, strict=True):
            if not all([*row, ""][:2]):
                raise InputError(
                    f"line {n} lacks its code or its name: {line.strip()[:60]!r}; write code; name; number; note",
                    field="people",
                    code="identities_line",
                    params={"line": n, "text": line.strip()[:60]},
                )
        people = [Identity(*[*row, "", ""][:2], *[*row, "", "", ""][2:4]) for row in rows]
        kind = cast("Kind", form.text("kind"))
        n = vault.put_identities(db, vault_of(request), who.actor, project.id, kind, people)
    except InputError as problem:
        return _vault_page(request, slug, who, problem=problem, typed=form.text("people"))
    return redirect(f"/p/{slug}/identities", flash="identities.put_done", n=n)


@pages.post("/p/{slug}/identities/erase")
def erase(request: Request, slug: str, who: Who, form: SentForm) -> Response:
    """Deletion by law: the identity goes for ever, the scores stay."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    kind = cast("Kind", form.text("kind"))
    try:
        vault.erase_identity(
            db, vault_of(request), who.actor, project.id, kind, form.text("code"), reason=form.text("reason")
        )
    except InputError as problem:
        return _vault_page(request, slug, who, problem=problem)
    return redirect(f"/p/{slug}/identities", flash="identities.erased", code=form.text("code"))


def link_of(request: Request, invitation: invitations.Invitation) -> str:
    """The address to hand to the person invited."""
    return f"{settings(request).address}/welcome?token={invitation.token}"


def reached_here_only(request: Request) -> bool:
    """Whether the room's address leads nowhere from any other computer."""
    host = urlsplit(settings(request).address).hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")


def vault_of(request: Request) -> Vault:
    """The installation's vault, opened when first needed."""
    app = request.app
    with app.state.vault_line:
        if app.state.vault is None:
            app.state.vault = Vault(settings(request).vault_folder, clock=database(request).now)
        opened: Vault = app.state.vault
    return opened


def _details(form: Sent) -> dict[str, Any]:
    return {
        "roles": cast("list[Role]", form.texts("roles")),
        "site": form.text("site"),
        "conflicts": [part for line in form.lines("conflicts") for part in line.replace(",", " ").split()],
        "minutes": form.number("minutes"),
    }


def _page(
    request: Request,
    slug: str,
    who: SignedIn,
    *,
    problem: RoomError | None = None,
    values: Mapping[str, Any] | None = None,
    invited: str = "",
    link: str | None = None,
) -> Response:
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    return render(
        request,
        "members.html",
        who=who,
        status=200 if problem is None else status_of(problem),
        project=project,
        members=members.members(db, who.actor, project.id),
        roles=ROLES,
        problem=problem,
        values=values or {},
        invited=invited,
        link=link,
        here_only=reached_here_only(request),
        here="members",
    )


def _edit(
    request: Request,
    slug: str,
    member_id: str,
    who: SignedIn,
    *,
    problem: RoomError | None = None,
    values: Mapping[str, Any] | None = None,
) -> Response:
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    member = members.get_member(db, who.actor, member_id)
    if values is None:
        values = {
            "roles": member.roles,
            "site": member.site or "",
            "minutes": "" if member.minutes is None else f"{member.minutes:g}",
            "conflicts": "\n".join(member.conflicts),
        }
    return render(
        request,
        "member.html",
        who=who,
        status=200 if problem is None else status_of(problem),
        project=project,
        member=member,
        roles=ROLES,
        problem=problem,
        values=values,
        here="members",
    )


def _vault_page(
    request: Request,
    slug: str,
    who: SignedIn,
    *,
    found: Mapping[tuple[Kind, str], Identity] | None = None,
    problem: RoomError | None = None,
    typed: str = "",
) -> Response:
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    who.actor.require("see_identities", project.id)
    return render(
        request,
        "identities.html",
        who=who,
        status=200 if problem is None else status_of(problem),
        project=project,
        entries=vault.entries(db, vault_of(request), who.actor, project.id),
        found=found,
        problem=problem,
        typed=typed,
        here="identities",
    )
