"""Who writes: one tab or device at a time, by a lease with a fencing number.

The lease has no end of its own: a tablet that is offline keeps it, because its rater is working. Another tab opens the
assignment read-only until its rater takes over; that raises the fence, and whatever the former writer still sends is
kept aside and shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, update

from siming.errors import ConflictError
from siming.rubric import Rubric
from siming.store.access import Actor
from siming.store.blind.calibration import may_start_scoring
from siming.store.blind.changes import Aside, aside_of, check_client, last_client_seq, note_device
from siming.store.blind.desk import WRITABLE, Desk, no_assignment, own_desk, refuse_if_closed, refuse_if_shut
from siming.store.blind.draft import Draft
from siming.store.blind.handover import public_key, ticket_for
from siming.store.blind.queue import ShownPurpose, shown_purpose
from siming.store.database import Database
from siming.store.media.media import RatedMedia, films_as_rated
from siming.store.media.rated import hold_films
from siming.store.policy import Policy
from siming.store.projects.projects import code_of
from siming.store.schema import assignment, device


@dataclass(frozen=True, slots=True)
class RatingView:
    """Everything the rating page needs, and nothing that another rater's work could change."""

    id: str
    attempt_code: str
    purpose: ShownPurpose
    state: str
    revision: int
    read_only: bool
    """Whether nobody can write any more: submitted, withdrawn, or the project is closed."""
    reopened_reason: str | None
    policy: Policy
    viewer_code: str
    """Lies over the video."""
    rubrics: tuple[Rubric, ...]
    media: tuple[RatedMedia, ...]
    draft: Draft
    seq: int
    server_time: str
    public_key: str
    """Base64 of the point to which a device seals what it cannot send; see `handover.py`."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a tab knows after it opened an assignment."""

    view: RatingView
    fence: int
    writer: bool
    """Whether this tab may write."""
    held_by_other: bool
    """Whether another tab or device holds the lease; it can be taken over."""
    last_client_seq: int
    """The highest number stored for this tab: it goes on after it."""
    aside: tuple[Aside, ...]
    ticket: str
    """Proves a hand-over file; see `handover.py`."""


def open_assignment(
    db: Database, actor: Actor, assignment_id: str, *, client: str, take_over: bool = False, browser: str | None = None
) -> Opened:
    """Open one's own assignment for rating.

    Args:
        client: The tab's own random name; see `changes.CLIENT`.
        take_over: Take the lease from whoever holds it.
        browser: What the tab runs in, for a coordinator who looks for the device.

    Raises:
        NotFoundError: there is none of that id for him, or its time has not come.
        ConflictError: ``state``: withdrawn, excluded, the project is closed, no video is ready, a calibration must be
            passed first, or it is locked and stays closed for now.
    """
    check_client(client)
    key = public_key(db)
    with db.write() as c:
        desk = own_desk(c, actor, assignment_id, lock=True)
        _refuse_if_early(db, desk)
        refuse_if_shut(c, desk)
        if desk.media_sha256 is None:
            hold_films(c, desk.attempt)
        films = _films(c, desk)
        free = desk.writer in (None, client)
        writes = desk.state != "submitted" and (free or take_over)
        if desk.state != "submitted":
            refuse_if_closed(desk)
            if desk.purpose != "calibration" and not may_start_scoring(c, actor.id, desk.project):
                raise ConflictError(
                    "pass the calibration first; it stands at the top of your queue",
                    kind="state",
                    code="calibration_first",
                )
            if not films:
                raise ConflictError("the video is not ready yet; come back later", kind="state", code="media_not_ready")
        if writes:
            changed = desk.writer != client
            values = {
                "writer": client,
                "fence": desk.fence + 1 if changed else desk.fence,
                "state": "open" if desk.state == "queued" else desk.state,
                "media_sha256": desk.media_sha256 or films[0].sha256,
            }
            if desk.state == "queued":
                values["opened_at"] = db.stamp()
            c.execute(update(assignment).where(assignment.c.id == desk.id).values(**values))
            desk = own_desk(c, actor, assignment_id, lock=True)
        note_device(c, db, desk, client=client, unsent=None, person=actor.id)
        this = (device.c.client == client) & (device.c.assignment == desk.id)
        known = ({"held": True} if writes else {}) | ({"browser": browser} if browser else {})
        if known:
            c.execute(update(device).where(this).values(**known))
        return Opened(
            view=_view(db, desk, films, key, code_of(c, desk.project, actor.id) or ""),
            fence=desk.fence,
            writer=writes,
            held_by_other=not writes and desk.state in WRITABLE,
            last_client_seq=last_client_seq(c, desk.id, client),
            aside=aside_of(c, desk.id),
            ticket=ticket_for(c, desk.id, client),
        )


def rating_view(db: Database, actor: Actor, assignment_id: str) -> RatingView:
    """One's own assignment, to look at: opens nothing and takes no lease.

    Raises:
        NotFoundError: there is none of that id for him, or its time has not come.
        ConflictError: it is locked and stays closed for now; see `desk.is_shut`.
    """
    key = public_key(db)
    with db.read() as c:
        desk = own_desk(c, actor, assignment_id)
        _refuse_if_early(db, desk)
        refuse_if_shut(c, desk)
        return _view(db, desk, _films(c, desk), key, code_of(c, desk.project, actor.id) or "")


def _refuse_if_early(db: Database, desk: Desk) -> None:
    """A repeat that could be seen before its time would be remembered."""
    if desk.not_before is not None and desk.not_before > db.stamp():
        raise no_assignment(desk.id)


def _films(c: Connection, desk: Desk) -> tuple[RatedMedia, ...]:
    """What he is shown: the film that he began on, or one with the same pictures, as long as he may look at it at all."""
    if desk.attempt_state == "excluded" or desk.state == "withdrawn" or not desk.project_open:
        return ()
    return tuple(films_as_rated(c, desk.attempt, [desk.media_sha256]))


def _view(db: Database, desk: Desk, films: tuple[RatedMedia, ...], key: str, viewer_code: str) -> RatingView:
    return RatingView(
        id=desk.id,
        attempt_code=desk.attempt_code,
        purpose=shown_purpose(desk.purpose),
        state=desk.state,
        revision=desk.revision,
        read_only=not desk.takes_changes and desk.state != "queued",
        reopened_reason=desk.reopened_reason,
        policy=desk.policy,
        viewer_code=viewer_code,
        rubrics=desk.paper.rubrics,
        media=films,
        draft=desk.draft,
        seq=desk.seq,
        server_time=db.stamp(),
        public_key=key,
    )
