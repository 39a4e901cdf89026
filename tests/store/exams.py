"""Locked ratings for the tests of statistics, plans and exports: AED alone, nine steps, points that a sum can be told of."""

from __future__ import annotations

from rating_rooms import add_rated_attempt, give, submitted

from siming.rubric import Author, Entry, Sheet, builtin_rubric
from siming.store.accounts import invitations, people
from siming.store.blind.assignments import Planned, assign
from siming.store.projects import members

AED = builtin_rubric("aed-adult")


def exam(room, n: int, *, lost_wei=lambda n: 0.5 * (n % 3), lost_okafor=lambda n: 0.5 * (n % 2), **more):
    """`n` attempts that Wei and Okafor have locked. Returns the attempts' ids."""
    made = []
    for number in range(n):
        attempt = add_rated_attempt(room, f"A-{number:03d}", candidate_code=f"T{number:02d}", site="north", **more)
        submitted(room, attempt, room.wei, lost=lost_wei(number))
        submitted(room, attempt, room.okafor, slot=1, lost=lost_okafor(number))
        made.append(attempt)
    return made


def sheet_of(code: str, *, author: Author, lost: float = 0.0) -> Sheet:
    """An AED sheet with full points, less `lost` on the first step."""
    steps = {
        step.id: Entry(points=step.max_points - (lost if number == 0 else 0)) for number, step in enumerate(AED.steps)
    }
    return Sheet(attempt=code, rubric=AED.id, rubric_version=AED.version, author=author, steps=steps)


def gold_of(code: str, *, lost: float = 0.0) -> Sheet:
    """The panel's sheet."""
    return sheet_of(code, author=Author(kind="consensus", name="panel"), lost=lost)


def model_sheet(code: str, *, model: str = "qwen3-vl", lost: float = 0.0) -> Sheet:
    """A model's sheet."""
    return sheet_of(code, author=Author(kind="model", name=model), lost=lost)


def new_member(room, login: str, name: str, role: str, code: str):
    """Somebody more in the room."""
    person, _ = invitations.create_person(room.db, room.owner, login=login, name=name)
    members.add_member(room.db, room.owner, room.project, person_id=person.id, roles=[role], code=code)
    return people.actor_of(room.db, person.id)


def model_runner(room):
    """Somebody who brings in models."""
    return new_member(room, "maud", "Maud Runner", "model_runner", "M01")


def assign_calibrated(room, attempt: str, rater) -> str:
    """A calibration of one rater. Returns the assignment's id."""
    return assign(room.db, room.coordinator, room.project, [Planned(attempt, rater.id, 0, 0, "calibration")])[0]


__all__ = [
    "AED",
    "assign_calibrated",
    "exam",
    "give",
    "gold_of",
    "model_runner",
    "model_sheet",
    "new_member",
    "sheet_of",
]
