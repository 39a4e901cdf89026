"""What the tests of rating share: attempts with a film, assignments, and a tab that rates like a person."""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert

from siming.rubric import Rubric
from siming.store import Actor, audit
from siming.store.audit_reasons import reasons_of
from siming.store.blind.assignments import Despite, Planned, assign
from siming.store.blind.changes import Saved, save_changes
from siming.store.blind.lease import Opened, open_assignment
from siming.store.blind.submissions import Receipt, submit
from siming.store.blind.summary import summary
from siming.store.database import new_id
from siming.store.media.attempts import add_attempt
from siming.store.schema import media

FILM_S = 120.0
AT = "2026-03-01T08:00:00.000Z"
"""A device's clock that stands still."""
_numbers = itertools.count(1)


def add_film(
    room, attempt_id: str, *, duration_s: float = FILM_S, camera: str = "main", state: str = "verified"
) -> str:
    """A derivative as an ingest leaves it, without a file. Returns its sha256."""
    common = {
        "attempt": attempt_id, "camera": camera, "bytes": 1, "duration_s": duration_s, "width": 640, "height": 360,
        "rate": "30", "facts": {"has_sound": True}, "clock_offset_s": 0.0, "created_at": room.db.stamp(),
    }  # fmt: skip
    original, sha256 = new_id("me"), f"{next(_numbers):064x}"
    rows = [
        {"id": original, "kind": "original", "sha256": sha256[::-1], "path": f"originals/{sha256}", "state": "verified",
         "made_from": None, "time_map": None},
        {"id": new_id("me"), "kind": "derivative", "sha256": sha256, "path": f"derivatives/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}", "state": state,
         "made_from": original, "time_map": {}},
    ]  # fmt: skip
    with room.db.write() as c:
        for row in rows:
            c.execute(insert(media).values(**common, **row))
    return sha256


def add_rated_attempt(
    room, code: str = "A-031", *, rubrics: tuple[str, ...] | None = ("aed-adult",), **more: Any
) -> str:
    """An attempt with its film. Returns its id."""
    made = add_attempt(room.db, room.coordinator, room.project, code=code, rubrics=rubrics, **more)
    add_film(room, made.id)
    return made.id


def give(
    room, attempt_id: str, rater: Actor, *, despite: Collection[Despite] = (), reason: str = "", **more: Any
) -> str:
    """Assign an attempt to a rater. Returns the assignment's id."""
    planned = [Planned(attempt_id, rater.id, **more)]
    return assign(room.db, room.coordinator, room.project, planned, despite=despite, reason=reason)[0]


@dataclass
class Tab:
    """A tab of a browser in which somebody rates one assignment."""

    room: Any
    actor: Actor
    assignment: str
    client: str = ""
    seq: int = 0
    opened: Opened | None = None
    sent: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = self.client or f"client_{next(_numbers):04d}"

    def open(self, *, take_over: bool = False) -> Opened:
        """Open the assignment."""
        self.opened = open_assignment(
            self.room.db, self.actor, self.assignment, client=self.client, take_over=take_over
        )
        self.seq = max(self.seq, self.opened.last_client_seq)
        return self.opened

    @property
    def fence(self) -> int:
        assert self.opened is not None
        return self.opened.fence

    def change(self, field: str, value: Any, *, step: str | None = None, rubric: str | None = None) -> dict[str, Any]:
        """A change, numbered; nothing is sent."""
        self.seq += 1
        if step is not None and rubric is None:
            rubric = next(r.id for r in self.rubrics if r.find_step(step))
        made = {
            "client_seq": self.seq, "field": field, "rubric": rubric, "step": step, "value": value, "media_s": 1.0,
            "at": AT,
        }  # fmt: skip
        self.sent.append(made)
        return made

    @property
    def rubrics(self) -> tuple[Rubric, ...]:
        assert self.opened is not None
        return self.opened.view.rubrics

    def save(self, *changes: dict[str, Any], unsent: int = 0) -> Saved:
        """Send changes."""
        return save_changes(
            self.room.db,
            self.actor,
            self.assignment,
            client=self.client,
            fence=self.fence,
            changes=changes,
            unsent=unsent,
        )

    def set(self, field: str, value: Any, **place: Any) -> Saved:
        """Change a field and send it."""
        return self.save(self.change(field, value, **place))

    def rate_all(self, *, lost: float = 0.0, played_s: float = FILM_S) -> Saved:
        """Score every step with its maximum, less `lost` on the first step of each rubric (noted and marked), and play
        the film."""
        changes = [self.change("played", [[0, played_s]])]
        for rubric in self.rubrics:
            for number, step in enumerate(rubric.steps):
                points = step.max_points - (lost if number == 0 else 0)
                changes.append(self.change("points", points, step=step.id, rubric=rubric.id))
                if points < step.max_points:
                    changes.append(self.change("note", "seen late", step=step.id, rubric=rubric.id))
                    changes.append(self.change("evidence", [[2.5, 4.0]], step=step.id, rubric=rubric.id))
        return self.save(*changes)

    def submit(self, *, initials: str = "W", snapshot: str | None = None) -> Receipt:
        """Lock it."""
        digest = snapshot or summary(self.room.db, self.actor, self.assignment).snapshot_sha256
        return submit(
            self.room.db,
            self.actor,
            self.assignment,
            client=self.client,
            fence=self.fence,
            snapshot_sha256=digest,
            initials=initials,
        )


def submitted(room, attempt_id: str, rater: Actor, *, lost: float = 0.0, **more: Any) -> tuple[str, Receipt]:
    """Assign, rate and lock. Returns the assignment's id and the receipt."""
    tab = Tab(room, rater, give(room, attempt_id, rater, **more))
    tab.open()
    tab.rate_all(lost=lost)
    return tab.assignment, tab.submit()


def gone_over(room) -> list[dict[str, Any]]:
    """What was gone over when something was assigned, as the audit tells it, with the reason in words."""
    with room.db.read() as c:
        found = [line for line in audit.lines(c) if line["act"] == "assignment.despite"]
        words = reasons_of(c, found)
    return [{**line["detail"], "reason": words[line["detail"][audit.REASON]].words} for line in found]


def unguard(connection: Connection, table: str, trigger: str) -> None:
    """Take a trigger off, as somebody would who holds the database itself."""
    where = "" if connection.dialect.name == "sqlite" else f" ON {table}"
    connection.exec_driver_sql(f"DROP TRIGGER {trigger}{where}")
