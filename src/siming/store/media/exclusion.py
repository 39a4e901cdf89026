"""Attempts that cannot be used: a reason from a short list, and by policy a second person who looks again."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, update

from siming.errors import ConflictError, InputError, NotAllowedError
from siming.store import audit
from siming.store.access import Actor
from siming.store.database import Database
from siming.store.media.attempts import Attempt, attempt_of, for_coordinator
from siming.store.projects.projects import policy_in
from siming.store.schema import attempt

REASONS: Final = (
    "video_unusable",
    "video_incomplete",
    "view_blocked",
    "wrong_procedure",
    "exam_interrupted",
    "identity_shown",
    "consent_withdrawn",
    "duplicate",
)
"""Why an attempt may be left out. None depends on how well the candidate did."""


def exclude(db: Database, actor: Actor, attempt_id: str, reason: str) -> Attempt:
    """Ask that an attempt be left out; at once where the policy wants no second person.

    Raises:
        InputError: No reason of the list.
        ConflictError: It is left out already, or somebody has asked for it.
    """
    if reason not in REASONS:
        raise InputError(
            f"reason {reason[:40]!r}; choose one of {', '.join(REASONS)}", field="reason", code="exclusion_reason"
        )
    with db.write() as c:
        found = for_coordinator(c, actor, attempt_id)
        if found.state != "usable":
            raise _moved_on(found)
        state = "exclusion_asked" if policy_in(c, found.project).exclusion_needs_second_person else "excluded"
        return _set(c, db, actor, found, "attempt.exclude", state=state, excluded_reason=reason, excluded_by=actor.id)


def confirm_exclusion(db: Database, actor: Actor, attempt_id: str) -> Attempt:
    """Agree, as a second person, that an attempt is left out. There is no way back from here.

    Raises:
        NotAllowedError: It is the same person who asked.
        ConflictError: Nobody has asked.
    """
    with db.write() as c:
        found = for_coordinator(c, actor, attempt_id)
        if found.state != "exclusion_asked":
            raise _moved_on(found)
        if found.excluded_by == actor.id:
            raise NotAllowedError(
                "you asked for this exclusion yourself; a second person has to confirm it", code="exclusion_second"
            )
        return _set(c, db, actor, found, "attempt.exclusion_confirm", state="excluded", exclusion_confirmed_by=actor.id)


def take_back_exclusion(db: Database, actor: Actor, attempt_id: str) -> Attempt:
    """Use an attempt after all, as long as no second person has confirmed that it is left out.

    Raises:
        ConflictError: It is in use, or its exclusion was confirmed.
    """
    with db.write() as c:
        found = for_coordinator(c, actor, attempt_id)
        if found.state == "usable" or found.exclusion_confirmed_by is not None:
            raise _moved_on(found)
        return _set(
            c, db, actor, found, "attempt.exclusion_take_back", state="usable", excluded_reason=None, excluded_by=None
        )


def _set(c: Connection, db: Database, actor: Actor, found: Attempt, act: str, **values: str | None) -> Attempt:
    c.execute(update(attempt).where(attempt.c.id == found.id).values(**values))
    reason = values.get("excluded_reason") or found.excluded_reason
    audit.record(
        c, db, actor, act, f"attempt:{found.id}", project=found.project,
        detail={"reason": reason, "state": values["state"]},
    )  # fmt: skip
    return attempt_of(c, found.id)


def _moved_on(found: Attempt) -> ConflictError:
    said = {
        "usable": "is in use",
        "exclusion_asked": "waits for a second person to confirm its exclusion",
        "excluded": "was left out, which was confirmed" if found.exclusion_confirmed_by else "was left out already",
    }[found.state]
    return ConflictError(
        f"attempt {found.code} {said}; look at its page again",
        kind="state",
        detail={"state": found.state},
        code=f"attempt_is_{found.state}",
        params={"code": found.code},
    )
