"""That somebody was shown something: a line of the audit, once for each session."""

from __future__ import annotations

from hashlib import sha256

from fastapi import Request

from siming.store.views import note_view
from siming.web.who import SignedIn, database


def seen(request: Request, who: SignedIn, target: str, *, act: str, project: str) -> None:
    """Write down what this answer shows; before it is shown, so that what cannot be written down is not seen."""
    note_view(database(request), who.actor, act, target, project_id=project, session=session_of(who))


def session_of(who: SignedIn) -> str:
    """What views are counted by; scripts with a token count as one session a token holder."""
    return who.session.token_hash if who.session is not None else f"token {sha256(who.actor.id.encode()).hexdigest()}"
