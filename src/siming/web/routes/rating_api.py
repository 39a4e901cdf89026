"""A rater's own work over HTTP: his queue, one assignment, saving, summary, submission; and what planners do to it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from siming.store.blind import assignments, changes, lease, submissions
from siming.store.blind import summary as summaries
from siming.store.blind.queue import queue
from siming.store.projects import projects
from siming.web.browsers import browser_of
from siming.web.routes.rating_answers import (
    AdoptBody,
    AsideAnswer,
    AssignedAnswer,
    ChangesBody,
    OpenAnswer,
    OpenBody,
    QueueAnswer,
    RatingAnswer,
    ReasonBody,
    ReassignAnswer,
    ReassignBody,
    ReceiptAnswer,
    ReopenAnswer,
    SavedAnswer,
    SubmitBody,
    SummaryAnswer,
    card_answer,
    rating_answer,
    receipt_answer,
    saved_answer,
    summary_answer,
)
from siming.web.who import SignedIn, database, signed_in

api = APIRouter(prefix="/api/v1", tags=["rating"])

Who = Annotated[SignedIn, Depends(signed_in)]
AssignmentId = Annotated[str, Path(max_length=60)]


# --- the rater's own ------------------------------------------------------------------------------------------------


@api.get("/assignments")
def get_assignments(
    request: Request,
    who: Who,
    finished: bool = False,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> QueueAnswer:
    """Your own assignments, in your own order."""
    found = queue(database(request), who.actor, finished=finished, page=page)
    return QueueAnswer(
        assignments=[card_answer(card) for card in found.cards],
        total=found.total,
        n_finished=found.n_finished,
        next=found.next_id,
    )


@api.get("/assignments/{assignment}")
def get_assignment(request: Request, assignment: AssignmentId, who: Who) -> RatingAnswer:
    """One of your own assignments; opens nothing."""
    db = database(request)
    return rating_answer(db, who, lease.rating_view(db, who.actor, assignment))


@api.post("/assignments/{assignment}/open")
def open_assignment(request: Request, assignment: AssignmentId, body: OpenBody, who: Who) -> OpenAnswer:
    """Open it for rating. One tab or device writes at a time; another one reads until it takes over."""
    db = database(request)
    opened = lease.open_assignment(
        db,
        who.actor,
        assignment,
        client=body.client,
        take_over=body.take_over,
        browser=browser_of(request.headers.get("user-agent", "")),
    )
    return OpenAnswer(
        view=rating_answer(db, who, opened.view),
        fence=opened.fence,
        writer=opened.writer,
        held_by_other=opened.held_by_other,
        last_client_seq=opened.last_client_seq,
        aside=[AsideAnswer(**asdict(a)) for a in opened.aside],
        ticket=opened.ticket,
    )


@api.post("/assignments/{assignment}/changes")
def post_changes(request: Request, assignment: AssignmentId, body: ChangesBody, who: Who) -> SavedAnswer:
    """Save. What is acknowledged is on the server's disk; a batch that was sent twice changes nothing."""
    saved = changes.save_changes(
        database(request),
        who.actor,
        assignment,
        client=body.client,
        fence=body.fence,
        changes=[change.model_dump() for change in body.changes],
        unsent=body.unsent,
    )
    return saved_answer(saved.acked, saved.seq, saved.saved_at, saved.draft, saved.paper)


@api.post("/assignments/{assignment}/aside/{aside_client}/adopt")
def adopt(
    request: Request,
    assignment: AssignmentId,
    aside_client: Annotated[str, Path(max_length=80)],
    body: AdoptBody,
    who: Who,
) -> SavedAnswer:
    """Merge what another tab or device sent after it had lost the lease."""
    saved = changes.adopt(
        database(request), who.actor, assignment, client=body.client, fence=body.fence, aside_client=aside_client
    )
    return saved_answer(saved.acked, saved.seq, saved.saved_at, saved.draft, saved.paper)


@api.get("/assignments/{assignment}/summary")
def get_summary(request: Request, assignment: AssignmentId, who: Who) -> SummaryAnswer:
    """Every step, and what stands in the way of submission."""
    return summary_answer(summaries.summary(database(request), who.actor, assignment))


@api.post("/assignments/{assignment}/submit")
def submit(request: Request, assignment: AssignmentId, body: SubmitBody, who: Who) -> ReceiptAnswer:
    """Lock your work. Only what device and server agree on is locked."""
    return receipt_answer(
        submissions.submit(
            database(request),
            who.actor,
            assignment,
            client=body.client,
            fence=body.fence,
            snapshot_sha256=body.snapshot_sha256,
            initials=body.initials,
        )
    )


@api.get("/assignments/{assignment}/receipts")
def get_receipts(request: Request, assignment: AssignmentId, who: Who) -> list[ReceiptAnswer]:
    """Proof of what you submitted."""
    return [receipt_answer(receipt) for receipt in submissions.receipts(database(request), who.actor, assignment)]


# --- the planner's --------------------------------------------------------------------------------------------------


@api.get("/projects/{slug}/assignments", tags=["plan"])
def get_project_assignments(
    request: Request,
    slug: Annotated[str, Path(max_length=80)],
    who: Who,
    after: Annotated[str | None, Query(max_length=60)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
) -> list[AssignedAnswer]:
    """Assignments of a project by attempt, for who plans it; go on with the id of the last one until fewer come."""
    db = database(request)
    project = projects.get_project(db, who.actor, slug)
    found = assignments.assignments(db, who.actor, project.id, after=after, limit=limit)
    return [AssignedAnswer(**asdict(a)) for a in found]


@api.post("/assignments/{assignment}/withdraw", status_code=204, tags=["plan"])
def withdraw(request: Request, assignment: AssignmentId, body: ReasonBody, who: Who) -> None:
    """Take an assignment back; what was entered is kept."""
    assignments.withdraw(database(request), who.actor, assignment, reason=body.reason)


@api.post("/assignments/{assignment}/reassign", tags=["plan"])
def reassign(request: Request, assignment: AssignmentId, body: ReassignBody, who: Who) -> ReassignAnswer:
    """Give the attempt to another rater, in the same slot."""
    made = assignments.reassign(
        database(request), who.actor, assignment, body.rater, reason=body.reason, despite=body.despite
    )
    return ReassignAnswer(id=made)


@api.post("/assignments/{assignment}/reopen", tags=["plan"])
def reopen(request: Request, assignment: AssignmentId, body: ReasonBody, who: Who) -> ReopenAnswer:
    """Have submitted work gone over; the first revision stays the one that counts for agreement."""
    return ReopenAnswer(revision=submissions.reopen(database(request), who.actor, assignment, reason=body.reason))
