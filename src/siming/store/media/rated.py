"""Which film was rated: noted when a rating is first opened, and what that rules out from then on (invariant 6).

Evidence is in seconds of one film. Another one may stand in for it only where every second is the same moment: made from
the same original, with the same table of pictures, as one is whose masks were drawn anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from siming.errors import ConflictError
from siming.store.access import Actor
from siming.store.cases.pairs import has_open_work
from siming.store.schema import assignment, attempt, media


def are_one_film(c: Connection, attempt_id: str, hashes: Collection[str]) -> bool:
    """Whether the films of an attempt that these hashes name show the same pictures at the same moments."""
    wanted = set(hashes)
    if len(wanted) < 2:
        return True
    # An erased film counts: its time map stays.
    found = select(media.c.sha256, media.c.time_map).where(
        media.c.attempt == attempt_id, media.c.kind == "derivative", media.c.sha256.in_(wanted)
    )
    tables = {row.sha256: _pictures(row.time_map) for row in c.execute(found)}
    first = next(iter(tables.values()), None)
    return set(tables) == wanted and first is not None and all(table == first for table in tables.values())


def hold_films(c: Connection, attempt_id: str, *, to_release: bool = False) -> None:
    """Inside a writing transaction: whoever notes what an attempt shows and whoever releases another film stand in line."""
    # By the attempt's row: by those of its films the two could each wait for the other.
    row = select(attempt.c.id).where(attempt.c.id == attempt_id)
    c.execute(row.with_for_update(read=not to_release, key_share=to_release))


def refuse_other_film(c: Connection, actor: Actor, attempt_id: str, sha256: str) -> None:
    """Go on if a film that is about to lead on an attempt is the one that its ratings were begun on.

    Raises:
        ConflictError: it is another one.
    """
    begun = c.scalars(
        select(assignment.c.media_sha256)
        .where(
            assignment.c.attempt == attempt_id,
            assignment.c.state != "withdrawn",
            assignment.c.media_sha256.is_not(None),
        )
        .distinct()
    ).all()
    shown_before = and_(
        media.c.attempt == attempt_id,
        media.c.kind == "derivative",
        or_(media.c.state != "review", media.c.state_reason == "replaced"),
    )
    # Who has yet to rate the attempt himself is refused whether others have begun or not: he must not learn it.
    rates = c.execute(select(has_open_work(actor, attempt_id))).scalar()
    others = c.scalars(select(media.c.sha256).where(shown_before)).all() if rates else begun
    if not are_one_film(c, attempt_id, {sha256, *others}):
        raise ConflictError(
            "this is another film than the one that ratings were begun on, and their evidence is in seconds of that one; "
            "withdraw the ratings that are not locked; or erase this recording here and bring it in as another attempt",
            kind="state",
            code="film_of_begun_ratings",
        )


def _pictures(time_map: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
    """When each picture is on show, in the original and in the film; None where nothing is known of it."""
    if not time_map:
        return None
    film = {name: value for name, value in time_map["derivative"].items() if name != "sha256"}
    return time_map["pictures"], time_map["source"], film
