"""Before submission: every step in one table; after it: the receipt."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import Response

from siming.errors import ConflictError, InputError, RoomError
from siming.store.blind import lease, submissions
from siming.store.blind.summary import Row, Summary, summary
from siming.store.database import Database
from siming.web import numbers, texts
from siming.web.page import language_of, redirect, render
from siming.web.routes.rating_answers import blank_reason_texts, say_problem
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)

Who = Annotated[SignedIn, Depends(signed_in)]


@pages.get("/rate/{assignment}/summary")
def show_summary(request: Request, assignment: str, who: Who) -> Response:
    """Every step, what stands in the way first."""
    return _page(request, who, assignment)


@pages.post("/rate/{assignment}/summary")
def submit(
    request: Request,
    assignment: str,
    who: Who,
    initials: Annotated[str, Form(max_length=80)] = "",
    snapshot: Annotated[str, Form(max_length=80)] = "",
    client: Annotated[str, Form(max_length=80)] = "",
    fence: Annotated[int, Form(ge=0, lt=2**31)] = 0,
) -> Response:
    """Lock the work. The page's script says which tab this is and what it holds; without script it is what was shown."""
    db = database(request)
    try:
        if not client:
            client, fence = _lease_without_script(db, who, assignment)
        submissions.submit(
            db, who.actor, assignment, client=client, fence=fence, snapshot_sha256=snapshot, initials=initials
        )
    except (InputError, ConflictError) as error:
        return _page(request, who, assignment, problem=error, initials=initials)
    return redirect(f"/rate/{assignment}/receipt", flash="receipt.done")


@pages.get("/rate/{assignment}/receipt")
def show_receipt(request: Request, assignment: str, who: Who) -> Response:
    """What was locked, and the digest that proves it."""
    found = submissions.receipts(database(request), who.actor, assignment)
    if not found:
        return redirect(f"/rate/{assignment}/summary")
    return render(request, "receipt.html", who=who, here="queue", receipts=found, receipt=found[-1])


def _page(
    request: Request, who: SignedIn, assignment: str, *, problem: RoomError | None = None, initials: str = ""
) -> Response:
    db, language = database(request), language_of(request, who)
    found = summary(db, who.actor, assignment)
    view = lease.rating_view(db, who.actor, assignment)
    data = {
        "assignment": assignment,
        "csrf": who.csrf,
        "person": who.actor.id,
        "texts": texts.group(language, "summary.script"),
        "rubrics": [{"id": r.id, "steps": [{"id": s.id} for s in r.steps]} for r in view.rubrics],
    }
    return render(
        request,
        "summary.html",
        who=who,
        here="queue",
        status=200 if problem is None else 409 if isinstance(problem, ConflictError) else 422,
        summary=found,
        rubrics=view.rubrics,
        say_problem=say_problem,
        blank_reasons={reason.code: {"en": reason.en, "zh": reason.zh} for reason in blank_reason_texts()},
        deductions={
            (rubric.id, step.id, deduction.id): {"en": deduction.when, "zh": deduction.when_zh or deduction.when}
            for rubric in view.rubrics
            for step in rubric.steps
            for deduction in step.deductions
        },
        problem=problem,
        initials=initials,
        locked=view.state == "submitted",
        totals={
            rubric.id: _total(found, rubric.id, language, points=found.policy.show_total or view.state == "submitted")
            for rubric in view.rubrics
        },
        data=data,
    )


def _total(found: Summary, rubric: str, language: texts.Language, *, points: bool) -> list[str]:
    """What stands entered for a rubric, what is open and what is left out, in the words of the rating page.

    Args:
        points: Whether points may be told; by policy they are not while a rater still rates.
    """
    rows = [row for row in found.rows if row.rubric == rubric]
    parts = [[row for row in rows if is_part(row)] for is_part in (_is_open, _is_blank)]
    total = found.totals[rubric]
    say = {"points": numbers.points(total.points), "max": numbers.points(total.max)}
    out = [texts.text(language, "rate.script.total", **say)] if points else []
    for key, part in zip(("total_open", "total_blank"), parts, strict=True):
        if part:
            worth = numbers.points(sum(row.max_points for row in part))
            out.append(texts.text(language, f"rate.script.{key}", n=len(part), points=worth))
    return out or [texts.text(language, "rate.script.all_done")]


def _is_open(row: Row) -> bool:
    return row.points is None and not row.blank


def _is_blank(row: Row) -> bool:
    return bool(row.blank)


def _lease_without_script(db: Database, who: SignedIn, assignment: str) -> tuple[str, int]:
    """A lease for this one form; refused where a tab writes that may hold more than the server knows."""
    client = f"form_{secrets.token_hex(8)}"
    opened = lease.open_assignment(db, who.actor, assignment, client=client)
    if not opened.writer and not opened.view.read_only:
        raise ConflictError(
            "a tab or device holds this assignment and may have more to send; submit from there, with script on",
            kind="stale_writer",
            code="submit_elsewhere",
        )
    return client, opened.fence
