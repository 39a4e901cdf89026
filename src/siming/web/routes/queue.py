"""My queue: one's own assignments, and nothing about anybody else's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from siming.store.blind import queue as store
from siming.store.cases.joint import joint_cases
from siming.web import texts
from siming.web.page import language_of, render
from siming.web.who import SignedIn, database, signed_in

pages = APIRouter(include_in_schema=False)


@pages.get("/queue")
def queue(
    request: Request,
    who: Annotated[SignedIn, Depends(signed_in)],
    finished: bool = False,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> Response:
    """Cards in the rater's own order; Enter continues with the first."""
    db = database(request)
    found = store.queue(db, who.actor, finished=finished, page=page)
    return render(
        request,
        "queue.html",
        who=who,
        here="queue",
        queue=found,
        finished=finished,
        page=page,
        n_pages=max(1, -(-found.total // store.ON_A_PAGE)),
        joint=joint_cases(db, who.actor),
        now=db.stamp(),
        data={"person": who.actor.id, "texts": texts.group(language_of(request, who), "queue.script")},
    )
