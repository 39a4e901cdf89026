"""The audit: who saw and did what, whether the chain holds, and the whole of it as a file."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse

from siming.errors import InputError
from siming.store import audit, audit_pages, audit_reasons
from siming.store.projects import projects
from siming.store.projects.projects import Project
from siming.web import texts
from siming.web.form import SentForm
from siming.web.page import language_of, redirect, render
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)

Who = Annotated[SignedIn, Depends(signed_in)]

COLUMNS = ("seq", "at", "actor", "act", "project", "object", "before", "after", "detail", "previous", "hash")


@pages.get("/p/{slug}/audit")
def of_project(
    request: Request,
    slug: str,
    who: Who,
    act: str = "",
    by: str = "",
    since: str = "",
    until: str = "",
    before: str = "",
    verify: bool = False,
) -> Response:
    """Lines of a project."""
    project = projects.get_project(database(request), who.actor, slug)
    return _page(request, who, project, act=act, by=by, since=since, until=until, before=before, verify=verify)


@pages.get("/audit")
def of_installation(
    request: Request,
    who: Who,
    act: str = "",
    by: str = "",
    since: str = "",
    until: str = "",
    before: str = "",
    verify: bool = False,
) -> Response:
    """Lines that belong to no project: signing in, accounts, rubrics."""
    return _page(request, who, None, act=act, by=by, since=since, until=until, before=before, verify=verify)


@pages.get("/p/{slug}/audit.csv")
def project_file(request: Request, slug: str, who: Who) -> Response:
    """All lines of a project as CSV."""
    project = projects.get_project(database(request), who.actor, slug)
    return _file(request, who, project)


@pages.get("/audit.csv")
def installation_file(request: Request, who: Who) -> Response:
    """All lines that belong to no project as CSV."""
    return _file(request, who, None)


@pages.post("/p/{slug}/audit/erase-reason")
def erase_project_reason(request: Request, slug: str, who: Who, form: SentForm) -> Response:
    """Erase the words of a reason, such as those that name somebody; its line stays."""
    project = projects.get_project(database(request), who.actor, slug)
    audit_reasons.erase_reason(database(request), who.actor, project.id, form.text("digest"))
    return redirect(f"/p/{slug}/audit", flash="audit.reason_gone")


@pages.post("/audit/erase-reason")
def erase_installation_reason(request: Request, who: Who, form: SentForm) -> Response:
    """The same for a line that belongs to no project."""
    audit_reasons.erase_reason(database(request), who.actor, None, form.text("digest"))
    return redirect("/audit", flash="audit.reason_gone")


def _page(
    request: Request,
    who: SignedIn,
    project: Project | None,
    *,
    act: str,
    by: str,
    since: str,
    until: str,
    before: str,
    verify: bool,
) -> Response:
    db, language = database(request), language_of(request, who)
    for name, value in (("since", since), ("until", until)):
        if value and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            raise InputError(f"{name} is {value[:20]!r}; give a day such as 2026-03-01", field=name, code="day_form")
    if before and not re.fullmatch(r"\d{1,15}", before):
        raise InputError(f"before is {before[:20]!r}; give a line's number", field="before")
    found = audit_pages.audit_page(
        db,
        who.actor,
        None if project is None else project.id,
        act=act,
        by=by,
        since=since,
        until=until,
        before=int(before) if before else None,
    )
    return render(
        request,
        "audit.html",
        who=who,
        project=project,
        found=found,
        filters={"act": act, "by": by, "since": since, "until": until},
        verdict=audit.verify(db) if verify else None,
        say_act=lambda line_act: act_in(language, line_act),
        say_kind=lambda target: kind_in(language, target),
        base="/audit" if project is None else f"/p/{project.slug}/audit",
        here="audit",
    )


def act_in(language: texts.Language, act: str) -> str:
    """What was done, as a sentence; an act that this version does not know stays as it is written."""
    key = f"audit.acts.{act}"
    return texts.text(language, key) if texts.has_text(key) else act


def kind_in(language: texts.Language, target: str) -> str:
    """The thing acted on, such as ``Assignment as_7k2m``."""
    kind, _, name = target.partition(":")
    key = f"audit.kind.{kind}"
    return f"{texts.text(language, key)} {name}" if texts.has_text(key) else target


def _file(request: Request, who: SignedIn, project: Project | None) -> Response:
    # Refused, if it is to be, before the first byte is sent.
    told = audit_pages.every_line(database(request), who.actor, None if project is None else project.id)
    name = "audit" if project is None else f"audit-{project.slug}"
    return StreamingResponse(
        _rows(told),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _rows(told: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Lines of the file, some hundred at a time."""
    rows: Iterator[Sequence[str]] = chain([COLUMNS], ([_cell(line[name]) for name in COLUMNS] for line in told))
    while part := list(islice(rows, 500)):
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(part)
        yield out.getvalue().encode("utf-8")


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    text = "" if value is None else str(value)
    return (
        "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
    )  # no spreadsheet may take it for a formula
