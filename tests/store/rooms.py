"""A room with its people: Wei and Okafor rate, Lin adjudicates, Tan is the candidate."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import update

from siming.rubric import builtin_rubric_ids
from siming.store import Actor, Database, Policy, migrate
from siming.store.accounts import invitations, passwords, people
from siming.store.projects import members, projects, rubrics
from siming.store.projects.rubrics import RubricVersion
from siming.store.schema import person

PASSWORD = "three quiet words"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Tests of the room are not tests of argon2; those of signing in set the real one."""
HASHED = CHEAP.hash(PASSWORD)


class Clock:
    """Time that moves when told to; ticks a millisecond at every look, so that stamps differ."""

    def __init__(self, start: datetime = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)) -> None:
        self.present = start

    def __call__(self) -> datetime:
        self.present += timedelta(milliseconds=1)
        return self.present

    def pass_by(self, **parts: float) -> None:
        """Let time pass: ``clock.pass_by(minutes=5)``."""
        self.present += timedelta(**parts)


@dataclass
class Room:
    """A database with a project in it; the people are actors with their roles."""

    db: Database
    folder: Path
    media: Path
    clock: Clock
    project: str
    """Id of the project."""
    slug: str
    rubrics: tuple[RubricVersion, ...]
    """CPR, AED, BMV, as published and chosen for the project."""
    owner: Actor
    coordinator: Actor
    wei: Actor
    okafor: Actor
    lin: Actor
    analyst: Actor
    auditor: Actor
    members: dict[str, str] = field(default_factory=dict)
    """Login to id of the membership."""

    def again(self, actor: Actor) -> Actor:
        """The same person with the roles he has by now."""
        return people.actor_of(self.db, actor.id)

    def policy(self, **changes: object) -> Policy:
        """Change the project's policy."""
        present = projects.get_project_by_id(self.db, self.owner, self.project).policy
        wanted = projects.policy_from({**present.model_dump(), **changes})
        return projects.change_project(self.db, self.owner, self.project, policy=wanted).policy


STAFF = (
    ("coordinator", "Cora Berg", "coordinator", "C01"),
    ("wei", "Wei", "rater", "R01"),
    ("okafor", "Okafor", "rater", "R02"),
    ("lin", "Lin", "adjudicator", "A01"),
    ("analyst", "Ana Lyst", "analyst", "S01"),
    ("auditor", "Audra", "auditor", "U01"),
)


def build_room(folder: Path, *, url: str | None = None, clock: Clock | None = None) -> Room:
    """Make a room; ids are random, everything else is the same each time."""
    clock = clock or Clock()
    db = Database(url or f"sqlite:///{folder / 'room.db'}", clock=clock)
    migrate(db)
    media = folder / "media"
    media.mkdir(parents=True, exist_ok=True)
    patched, passwords.HASHER = passwords.HASHER, CHEAP
    try:
        owner = people.set_up_owner(db, login="owner", name="Olga Owner", password=PASSWORD)
    finally:
        passwords.HASHER = patched
    boss = people.actor_of(db, owner.id)
    project = projects.create_project(db, boss, slug="spring", title="Spring exam", policy=Policy())
    boss = people.actor_of(db, owner.id)
    chosen = tuple(rubrics.publish_builtin(db, boss, name) for name in builtin_rubric_ids())
    rubrics.set_project_rubrics(db, boss, project.id, [version.id for version in chosen])
    actors, memberships = {}, {}
    for login, name, role, code in STAFF:
        made, _ = invitations.create_person(db, boss, login=login, name=name)
        member = members.add_member(db, boss, project.id, person_id=made.id, roles=[role], code=code)
        memberships[login] = member.id
        actors[login] = people.actor_of(db, made.id)
    with db.write() as c:
        c.execute(update(person).values(password_hash=HASHED))
    return Room(
        db=db,
        folder=folder,
        media=media,
        clock=clock,
        project=project.id,
        slug=project.slug,
        rubrics=chosen,
        owner=boss,
        members=memberships,
        **actors,
    )


@pytest.fixture
def room(tmp_path):
    """A room with nobody's work in it."""
    made = build_room(tmp_path)
    yield made
    made.db.close()
