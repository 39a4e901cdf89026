"""Invariant 1: before his own work is locked, nothing that a rater can ask of the room depends on what others did.

Two worlds are copies of one: the same people, sessions, secrets and clock. In one of them the others act. Then the same
person asks every route of the application, by every id that he could know, guess or have been told, reads and acts
alike: the answers are the same byte for byte, and so is the number of statements that the database was asked.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rating_rooms import Tab, add_rated_attempt, give, submitted, unguard
from rooms import Room, build_room
from rooms_web import SETUP_TOKEN
from sqlalchemy import event, select, update
from walk import UNSAFE, Ask, ask_all, body_for, routes_of

from siming.errors import InputError, RoomError
from siming.rubric import Author, Entry, Sheet
from siming.store import Actor, Database
from siming.store import database as database_module
from siming.store.accounts import invitations, people, sessions, tokens
from siming.store.blind import assignments, calibration, lease, submissions
from siming.store.cases import case_view, cases, consensus
from siming.store.figures import model_runs, release, snapshots
from siming.store.media import exclusion, media
from siming.store.projects import members, projects
from siming.store.projects.rubrics import builtin_document, publish_rubric, set_project_rubrics
from siming.store.schema import METADATA
from siming.store.schema import media as media_table
from siming.store.secrets_kept import kept_key
from siming.video.timemap import TimeMap
from siming.web import page as page_module
from siming.web.app import create_app
from siming.web.settings import Settings

AED = "aed-adult"
PEOPLE = (
    "owner", "coordinator", "wei", "okafor", "lin", "analyst", "auditor", "mbeki", "moreau", "runner", "tan", "abara",
    "boss",
)  # fmt: skip
CLIENT = "tab_of_wei_01"


EVIL = """=1+1"'><img src=x onerror="window.hit=1"><script>window.hit=1</script>{{7*7}}"""
"""What people write wherever the room takes a text: a formula to a spreadsheet, a script to a page, sums to a template."""


class Still:
    """A clock that is set by hand, or ticks while the world is being made."""

    def __init__(self, at: datetime, *, ticks: bool = True) -> None:
        self.at, self.ticks = at, ticks

    def __call__(self) -> datetime:
        if self.ticks:
            self.at += timedelta(milliseconds=1)
        return self.at


TIMES = TimeMap(
    source_sha256="a" * 64,
    derivative_sha256="b" * 64,
    source_base=Fraction(1, 30),
    derivative_base=Fraction(1, 30),
    source_ticks=tuple(range(10)),
    derivative_ticks=tuple(range(10)),
    source_zero=0,
    source_end=10,
    derivative_end=10,
)
"""Of every film: ten pictures."""

LATER = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
"""When Wei asks, in both worlds."""


class Drawn:
    """Randomness that comes out the same in both worlds."""

    def __init__(self) -> None:
        self.n = 0

    def _next(self) -> int:
        self.n = (self.n * 6364136223846793005 + 1442695040888963407) % 2**64
        return self.n >> 33

    def choice(self, of: Any) -> Any:
        return of[self._next() % len(of)]

    def randbelow(self, n: int) -> int:
        return self._next() % n

    def token_hex(self, n: int = 32) -> str:
        return "".join(self.choice("0123456789abcdef") for _ in range(2 * n))

    def token_urlsafe(self, n: int = 32) -> str:
        return self.token_hex(n)

    def token_bytes(self, n: int = 32) -> bytes:
        return bytes.fromhex(self.token_hex(n))


@dataclass
class World:
    """A room and what of it a person may have been told."""

    room: Room
    ids: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Login to session token and form token."""
    refused: dict[str, str] = field(default_factory=dict)
    """What others tried in vain, and why."""

    def actor(self, name: str) -> Actor:
        """A person with the roles he has now."""
        return people.actor_of(self.room.db, self.ids[name])


def _person(room: Room, login: str, roles: tuple[str, ...], code: str, *, is_owner: bool = False) -> Actor:
    made, _ = invitations.create_person(room.db, room.owner, login=login, name=EVIL, is_owner=is_owner)
    if roles:
        members.add_member(room.db, room.owner, room.project, person_id=made.id, roles=list(roles), code=code)
    return people.actor_of(room.db, made.id)


def made_evil(paper: Any) -> None:
    """Put it into every text of a rubric that a person reads."""
    if isinstance(paper, dict):
        for key, value in paper.items():
            if key in ("title", "title_zh", "text", "text_zh", "when", "when_zh", "skill") and isinstance(value, str):
                paper[key] = f"{EVIL} {value}" if key != "skill" else value
            else:
                made_evil(value)
        if "version" in paper and "id" in paper:
            paper["version"] = "0.6.6"
    elif isinstance(paper, list):
        for value in paper:
            made_evil(value)


def make_world(folder: Path, mode: str, wei_also: tuple[str, ...]) -> World:
    """Wei's work in every state that is not locked, and others beside him.

    - ``A-1`` waits in his queue; Okafor has it too.
    - ``A-2`` is opened and half rated; Okafor and Mbeki stand before him in it, so that the two of them make its case.
    - ``A-3`` he submitted, and must go over again.
    - ``A-4`` is none of his.
    - ``A-5`` is a gold video that he must pass.
    - ``A-8`` he locked, and is to rate once more.

    Abara has a past: adjudicated ``A-7``, and rates nearly all that others can lock. Boss owns the installation, and
    rates ``A-1`` too.
    """
    room = build_room(folder, clock=Still(datetime(2026, 3, 1, 8, 0, tzinfo=UTC)))
    paper = yaml.safe_load(builtin_document(AED))
    made_evil(paper)
    chosen = publish_rubric(room.db, room.owner, yaml.safe_dump(paper, allow_unicode=True))
    room.rubrics = (room.rubrics[0], chosen, room.rubrics[2])
    set_project_rubrics(room.db, room.owner, room.project, [version.id for version in room.rubrics])
    projects.change_project(room.db, room.owner, room.project, title=f"Spring exam {EVIL}")
    room.policy(mode=mode, explain="none", evidence_required=False, unseen_max_share=None)
    if wei_also:
        members.change_member(room.db, room.owner, room.members["wei"], roles=["rater", *wei_also])
        room.wei = room.again(room.wei)
    mbeki = _person(room, "mbeki", ("rater",), "R03")
    _person(room, "moreau", ("adjudicator",), "A02")
    _person(room, "runner", ("model_runner",), "M01")
    _person(room, "tan", (), "")
    evil = {"site": EVIL, "occasion": EVIL, "candidate_code": EVIL}
    abara = _person(room, "abara", ("rater", "adjudicator"), "B01")
    boss = _person(room, "boss", ("rater",), "B02", is_owner=True)
    attempts = {f"A-{n}": add_rated_attempt(room, f"A-{n}", gold=n == 5, **evil) for n in range(1, 9)}
    given = {
        "wei-1": give(room, attempts["A-1"], room.wei, slot=0),
        "okafor-1": give(room, attempts["A-1"], room.okafor, slot=1),
        "okafor-2": give(room, attempts["A-2"], room.okafor, slot=0),
        "mbeki-2": give(room, attempts["A-2"], mbeki, slot=1),
        "wei-2": give(room, attempts["A-2"], room.wei, slot=2),
        "okafor-3": give(room, attempts["A-3"], room.okafor, slot=1),
        "okafor-4": give(room, attempts["A-4"], room.okafor, slot=0),
        "mbeki-4": give(room, attempts["A-4"], mbeki, slot=1),
        "mbeki-6": give(room, attempts["A-6"], mbeki, slot=1),
        "wei-5": give(room, attempts["A-5"], room.wei, slot=0, purpose="calibration"),
        "okafor-5": give(room, attempts["A-5"], room.okafor, slot=1, purpose="calibration"),
    }
    given["wei-3"], _ = submitted(room, attempts["A-3"], room.wei, lost=3, slot=0)
    submissions.reopen(room.db, room.coordinator, given["wei-3"], reason=EVIL)
    submitted(room, attempts["A-7"], room.okafor, lost=1, slot=0)
    submitted(room, attempts["A-7"], mbeki, lost=2, slot=1)
    _adjudicates(room, abara)
    for number, code in enumerate(("A-1", "A-2", "A-3", "A-8"), start=1):
        given[f"abara-{number}"] = give(room, attempts[code], abara, slot=5)
    given["boss-1"] = give(room, attempts["A-1"], boss, slot=6)
    given["wei-8"], _ = submitted(room, attempts["A-8"], room.wei, lost=2, slot=0)
    given["okafor-8"] = give(room, attempts["A-8"], room.okafor, slot=1)
    given["wei-8b"] = give(
        room, attempts["A-8"], room.wei, slot=0, purpose="repeat", wait_days=0, despite=["early_repeat"], reason=EVIL
    )
    tab = Tab(room, room.wei, given["wei-2"], client=CLIENT)
    tab.open()
    step = tab.rubrics[0].steps[0]
    tab.save(tab.change("points", step.max_points, step=step.id), tab.change("note", EVIL, step=step.id))
    lease.open_assignment(room.db, room.wei, given["wei-3"], client=CLIENT)
    with room.db.write() as c:
        c.execute(update(media_table).where(media_table.c.kind == "derivative").values(time_map=TIMES.to_json()))
    for name in ("visitor", "media"):
        kept_key(room.db, name)
    world = World(room)
    world.ids = {**attempts, **given, "wei-2-step": step.id}
    with room.db.read() as c:
        logins = dict(c.execute(select(METADATA.tables["person"].c.login, METADATA.tables["person"].c.id)).all())
    world.ids |= logins
    for name in PEOPLE:
        begun = sessions.begin(room.db, logins[name])
        world.tokens[name] = (begun.token, begun.csrf)
    return world


@contextmanager
def copy_of(world: World, folder: Path) -> Iterator[World]:
    """A world of its own with the same past."""
    shutil.copytree(world.room.folder, folder)
    db = Database(f"sqlite:///{folder / 'room.db'}", clock=Still(world.room.clock.at))
    room = Room(**{**world.room.__dict__, "db": db, "folder": folder, "media": folder / "media", "clock": db._clock})
    try:
        yield World(room, world.ids, world.tokens)
    finally:
        db.close()


# --- what the others do ---------------------------------------------------------------------------------------------


def _tab(world: World, who: str, number: str) -> Tab:
    tab = Tab(world.room, world.actor(who), world.ids[f"{who}-{number}"], client=f"tab_of_{who}_{number}")
    tab.open(take_over=True)
    return tab


def saves(world: World, who: str, number: str, lost: float) -> None:
    """Somebody rates, and has not locked it."""
    _tab(world, who, number).rate_all(lost=lost)


def submits(world: World, who: str, number: str, lost: float) -> None:
    """Somebody rates and locks."""
    tab = _tab(world, who, number)
    tab.rate_all(lost=lost)
    tab.set("note", EVIL, step=tab.rubrics[0].steps[1].id)
    tab.submit(initials=who[:2])


def is_reopened(world: World, who: str, number: str) -> None:
    submissions.reopen(world.room.db, world.room.coordinator, world.ids[f"{who}-{number}"], reason=EVIL)


def adjudicates(world: World) -> None:
    _adjudicates(world.room, world.actor("moreau"))


def _adjudicates(room: Room, who: Actor) -> None:
    """Somebody decides every case he can see, as far as he can."""
    db = room.db
    for line in case_view.list_cases(db, who, room.project).lines:
        if line.state == "decided":
            continue
        pen = cases.take_case(db, who, line.id)
        for step in case_view.view_case(db, who, line.id).steps:
            if step.state == "open":
                pen = cases.decide(
                    db, who, line.id, fence=pen.fence, version=pen.version, rubric=step.rubric, step=step.step,
                    choice="first", rationale=EVIL, template=None,
                )  # fmt: skip
        cases.close_case(db, who, line.id, fence=pen.fence, version=pen.version)


def locks(world: World) -> None:
    """The coordinator locks what can be locked, and accepts single ratings."""
    db, who = world.room.db, world.room.coordinator
    for code in ("A-2", "A-3", "A-4"):
        for made in consensus.versions_of(db, who, world.room.project, code):
            if made.state == "provisional":
                consensus.lock(db, who, made.id)


def sheet(world: World, code: str, author: Author, points: float) -> Sheet:
    """A sheet that gives every step as much of its points."""
    rubric = next(v for v in world.room.rubrics if v.rubric == AED)
    from siming.store.projects.rubrics import get_rubric

    paper = get_rubric(world.room.db, rubric.id)
    return Sheet(
        attempt=code, rubric=paper.id, rubric_version=paper.version, author=author,
        steps={s.id: Entry(points=round(2 * s.max_points * points) / 2) for s in paper.steps},
    )  # fmt: skip


def models_rate(world: World, points: float) -> None:
    sheets = [sheet(world, f"A-{n}", Author(kind="model", name=EVIL), points) for n in (1, 2, 3, 4)]
    model_runs.add_model_sheets(world.room.db, world.actor("runner"), world.room.project, sheets)


def gold_comes(world: World, points: float) -> None:
    panel = sheet(world, "A-5", Author(kind="consensus", name="panel"), points)
    calibration.add_gold(world.room.db, world.room.coordinator, world.ids["A-5"], [panel], source=EVIL)


def counts(world: World) -> None:
    for kind in ("agreement", "severity"):
        try:
            snapshots.take_snapshot(world.room.db, world.room.project, kind=kind)
        except (RoomError, ValueError, KeyError):
            continue


def releases(world: World) -> None:
    release.make_release(
        world.room.db, world.room.coordinator, world.room.project, name=EVIL[:60], licence=EVIL, agreements=[EVIL]
    )


def plans(world: World) -> None:
    """Others get more to do, lose some, and have other days to do it by."""
    room = world.room
    give(room, world.ids["A-6"], world.actor("okafor"), slot=0)
    assignments.set_due(room.db, room.coordinator, world.ids["mbeki-6"], "2026-04-01T08:00:00.000000Z")
    assignments.withdraw(room.db, room.coordinator, world.ids["mbeki-6"], reason=EVIL)


def excludes(world: World) -> None:
    exclusion.exclude(world.room.db, world.room.coordinator, world.ids["A-6"], "video_unusable")


def hides_a_film(world: World) -> None:
    with world.room.db.read() as c:
        shown = c.execute(
            select(media_table.c.id).where(
                media_table.c.attempt == world.ids["A-4"], media_table.c.kind == "derivative"
            )
        ).scalar_one()
    media.quarantine(world.room.db, world.room.coordinator, shown, EVIL)


def hires(world: World) -> None:
    made = _person(world.room, "zhou", ("rater",), "R09")
    members.change_member(world.room.db, world.room.owner, world.room.members["okafor"], roles=["rater", "adjudicator"])
    tokens.make_token(world.room.db, made, name=EVIL)
    sessions.begin(world.room.db, world.ids["okafor"])


ACTS: dict[str, Callable[[World], None]] = {
    "okafor saves A-1": lambda w: saves(w, "okafor", "1", 2),
    "okafor submits A-1": lambda w: submits(w, "okafor", "1", 3),
    "okafor submits A-2": lambda w: submits(w, "okafor", "2", 3),
    "mbeki submits A-2": lambda w: submits(w, "mbeki", "2", 5),
    "okafor submits A-3": lambda w: submits(w, "okafor", "3", 0),
    "okafor submits A-4": lambda w: submits(w, "okafor", "4", 3),
    "mbeki submits A-4": lambda w: submits(w, "mbeki", "4", 5),
    "okafor submits A-5": lambda w: submits(w, "okafor", "5", 1),
    "okafor submits A-8": lambda w: submits(w, "okafor", "8", 4),
    "okafor goes over A-2": lambda w: is_reopened(w, "okafor", "2"),
    "moreau adjudicates": adjudicates,
    "the coordinator locks": locks,
    "models rate": lambda w: models_rate(w, 0.5),
    "gold comes": lambda w: gold_comes(w, 0.8),
    "statistics are counted": counts,
    "a release is made": releases,
    "others are planned": plans,
    "an attempt is excluded": excludes,
    "a film is hidden": hides_a_film,
    "people come": hires,
}
"""What others can do, in an order in which each can be done."""

IN_CASES = {"okafor submits A-4", "mbeki submits A-4"}
"""What an adjudicator may see although he also rates: the others' attempts, once they are locked."""


def act(world: World, names: list[str]) -> list[str]:
    """Do it; what cannot be done as things stand is left. Returns what was done."""
    done = []
    for name in names:
        try:
            ACTS[name](world)
        except RoomError as error:
            world.refused[name] = str(error)
            continue
        done.append(name)
    return done


# --- what the rater asks --------------------------------------------------------------------------------------------


def known_to_him(world: World, also: World) -> dict[str, list[str]]:
    """For every path parameter: what he knows, what he may have been told of the other world, and a guess."""

    def ids(table: str, column: str = "id", most: int = 12) -> list[str]:
        found: list[str] = []
        for one in (world, also):
            with one.room.db.read() as c:
                found += [str(v) for v in c.execute(select(METADATA.tables[table].c[column])).scalars()]
        return list(dict.fromkeys(found))[:most]

    assigned = [value for name, value in world.ids.items() if name.split("-")[0] in PEOPLE and "-" in name]
    assigned = [value for value in assigned if value.startswith("as_")]
    attempts = [f"A-{n}" for n in range(1, 9)] + ["A-99"]
    consensus_ids = [*ids("consensus_version"), "cv_guessed"]
    return {
        "slug": ["spring", "nowhere"],
        "assignment": [*assigned, "as_guessed"],
        "assignment_id": [*assigned, "as_guessed"],
        "case": [*ids("adjudication_case"), "ac_guessed"],
        "attempt": attempts,
        "code": attempts,
        "attempt_id": ids("attempt"),
        "version": [*ids("rubric_version", most=2), *consensus_ids],
        "consensus_id": consensus_ids,
        "member": [*ids("membership"), "me_guessed"],
        "person": [*ids("person"), "pe_guessed"],
        "token": [*ids("api_token"), "tk_guessed"],
        "media_id": [*ids("media"), "me_guessed"],
        "upload_id": [*ids("upload"), "up_guessed"],
        "release_id": [*ids("release"), "re_guessed"],
        "snapshot": [*ids("stat_snapshot"), "st_guessed"],
        "aside_client": [CLIENT, "tab_of_okafor_1"],
        "client": [CLIENT, "tab_of_okafor_1"],
        "rubric": [AED],
        "step": [world.ids["wei-2-step"]],
        "kind": ["agreement", "severity"],
        "act": ["reopen", "withdraw", "due", "exclude", "release"],
        "number": ["0"],
        "file": ["room.css"],
    }


ASKED_WITH = {
    "search": "A-",
    "text": "A-",
    "show": "all",
    "state": "submitted",
    "order": "attempt",
    "finished": "true",
    "page": "1",
    "verify": "1",
    "attempt": "A-4",
    "format": "csv",
    "form": "csv",
    "what": "first",
    "project": "spring",
    "look": "plan",
    "by": "pair",
    "next": "/queue",
}
"""Words for queries, wherever a route takes one of that name."""

NOT_ASKED = {
    "/sign-out": "ends the session that asks",
    "/account/sign-out-elsewhere": "ends the sessions of the others' tests",
}
"""Addresses that are left out of the acts, and why."""


def questions(app: Any, known: Mapping[str, list[str]], *, most: int) -> list[Ask]:
    """Everything that can be read, by everything that is known; plainly, with a query, and only for its header."""
    asks: list[Ask] = []
    for route in routes_of(app):
        if route.method in UNSAFE:
            continue
        for number, path in enumerate(route.addresses(known, most=most)):
            asks.append(Ask(route.method, path))
            if number == 0 and route.method == "GET":
                asks.append(Ask("GET", path, {"params": ASKED_WITH}))
                asks.append(Ask("HEAD", path))
                asks.append(Ask("GET", path, {"headers": {"If-None-Match": '"x"', "Range": "bytes=0-1"}}))
    return asks


def attempts_to_act(app: Any, known: Mapping[str, list[str]], world: World, *, most: int) -> list[Ask]:
    """Everything that can be tried, by everything that is known, with bodies that can be read."""
    openapi = app.openapi()
    values = {"client": CLIENT, "rater": world.ids["okafor"], "project": "spring", "fence": 1, "version": 1}
    values |= {"rubric": AED, "step": world.ids["wei-2-step"], "choice": "first", "reason": "because", "next": "/"}
    asks = []
    for route in routes_of(app):
        if route.method not in UNSAFE or route.path in NOT_ASKED:
            continue
        body = body_for(route, openapi, values)
        asks += [Ask(route.method, path, body) for path in route.addresses(known, most=most)]
    return asks


def own_work(world: World) -> list[Ask]:
    """Wei goes on: opens, saves, looks through it and locks it."""
    asks = []
    for number in ("2", "3", "1", "8", "8b"):
        at = f"/api/v1/assignments/{world.ids[f'wei-{number}']}"
        client = {"client": CLIENT}
        change = {
            "client_seq": 500, "field": "points", "rubric": AED, "step": world.ids["wei-2-step"], "value": 1.0,
            "media_s": 1.0, "at": "2026-03-02T08:00:00.000Z",
        }  # fmt: skip
        asks += [
            Ask("POST", f"{at}/open", {"json": {**client, "take_over": True}}),
            Ask("POST", f"{at}/changes", {"json": {**client, "fence": 1, "unsent": 0, "changes": [change]}}),
            Ask("GET", f"{at}/summary"),
            Ask("GET", f"/rate/{world.ids[f'wei-{number}']}/summary"),
            Ask("POST", f"{at}/submit", {"json": {**client, "fence": 1, "initials": "W", "snapshot_sha256": "0" * 64}}),
        ]
    return asks


@dataclass
class Heard:
    """One answer, as much of it as a browser can tell."""

    name: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    statements: int

    @property
    def bytes(self) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        return self.status, self.headers, self.body


def hear(world: World, who: str | None, asks: list[Ask], monkey: pytest.MonkeyPatch) -> list[Heard]:
    """Ask in a world, at the same time and with the same chance as in the other."""
    world.room.clock.at, world.room.clock.ticks = LATER, False
    drawn = Drawn()
    monkey.setattr(database_module, "secrets", drawn)
    monkey.setattr(page_module, "secrets", drawn)
    from siming.store.cases import case_opening
    from siming.web import once
    from siming.web.routes import oidc, summary

    for module in (case_opening, sessions, tokens, invitations, summary, oidc, once):
        monkey.setattr(module, "secrets", drawn)
    app = create_app(
        Settings(media=world.room.media, address="http://testserver", setup_token=SETUP_TOKEN), world.room.db
    )
    app.state.workers = None
    counted = [0]

    def count(*_: object) -> None:
        counted[0] += 1

    turn = itertools.count(7)

    def before(_: Ask) -> None:
        drawn.n, counted[0] = 1_000_003 * next(turn), 0

    numbers: list[int] = []
    event.listen(world.room.db.engine, "before_cursor_execute", count)
    cookies, headers = {}, {}
    if who is not None:
        token, csrf = world.tokens[who]
        cookies, headers = {"siming_session": token}, {"X-CSRF-Token": csrf}
    try:
        answers = ask_all(
            app, asks, cookies=cookies, headers=headers, before=before, after=lambda _: numbers.append(counted[0])
        )
    finally:
        event.remove(world.room.db.engine, "before_cursor_execute", count)
        monkey.undo()
    return [
        Heard(
            ask.name + str(ask.options.get("params", "")), a.status_code, tuple(sorted(a.headers.items())), a.content, n
        )
        for ask, a, n in zip(asks, answers, numbers, strict=True)
    ]


def app_of(world: World) -> Any:
    """The application, to read its routes from."""
    settings_of = Settings(media=world.room.media, address="http://testserver", setup_token=SETUP_TOKEN)
    return create_app(settings_of, world.room.db)


def assert_the_same(left: list[Heard], right: list[Heard], *, statements: bool = True) -> None:
    """No answer tells the worlds apart."""
    told = [_difference(one, other) for one, other in zip(left, right, strict=True) if one.bytes != other.bytes]
    assert not told, "\n".join(told)
    if statements:
        counted = [
            f"{one.name}: {one.statements} and {other.statements} statements"
            for one, other in zip(left, right, strict=True)
            if one.statements != other.statements
        ]
        assert not counted, "\n".join(counted)


def _difference(one: Heard, other: Heard) -> str:
    """Where two answers begin to differ."""
    if one.status != other.status:
        return f"{one.name}: {one.status} and {other.status}"
    if one.headers != other.headers:
        return f"{one.name}: {set(one.headers) ^ set(other.headers)}"
    at = next((n for n, (a, b) in enumerate(zip(one.body, other.body, strict=False)) if a != b), -1)
    return f"{one.name}: ...{one.body[max(0, at - 80) : at + 80]!r} and ...{other.body[max(0, at - 80) : at + 80]!r}"


@pytest.fixture(scope="module")
def worlds(tmp_path_factory) -> Iterator[Callable[..., World]]:
    """Worlds as they are before anybody acts, made once."""
    made: dict[tuple[str, tuple[str, ...]], World] = {}

    def get(mode: str = "third", also: tuple[str, ...] = ()) -> World:
        if (mode, also) not in made:
            world = make_world(tmp_path_factory.mktemp("before") / "room", mode, also)
            world.room.db.close()
            made[mode, also] = world
        return made[mode, also]

    yield get
    for world in made.values():
        world.room.db.close()


@pytest.fixture
def monkey() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def both(
    world: World,
    names: list[str],
    who: str | None,
    folder: Path,
    monkey: Any,
    *,
    most: int,
    acts: bool,
    but: tuple[str, ...] = (),
) -> int:
    """Let the others act in one of two worlds, and compare what `who` hears. Returns how many answers there were.

    Args:
        but: Ends of addresses at which he does not act.
    """
    with copy_of(world, folder / "quiet") as quiet, copy_of(world, folder / "busy") as busy:
        act(busy, names)
        app = app_of(quiet)
        known = known_to_him(quiet, busy)
        asks = [Ask("GET", "/api/v1/session"), *questions(app, known, most=most)]
        assert_the_same(hear(quiet, who, asks, monkey), hear(busy, who, asks, monkey))
        if acts:
            asks = [ask for ask in attempts_to_act(app, known, quiet, most=most) if not ask.path.endswith(but or "\0")]
            assert_the_same(hear(quiet, who, asks, monkey), hear(busy, who, asks, monkey))
        return len(asks)


@contextmanager
def after(world: World, names: list[str], folder: Path) -> Iterator[World]:
    """The world once some of it has happened, to be copied again."""
    with copy_of(world, folder) as later:
        done = act(later, names)
        assert done == names, later.refused
        later.room.db.close()
        yield later


# --- the property ---------------------------------------------------------------------------------------------------


def test_the_others_can_do_everything_the_worlds_speak_of(worlds, tmp_path):
    """Else the property would hold because nothing happened."""
    with copy_of(worlds(), tmp_path / "busy") as busy:
        assert act(busy, list(ACTS)) == list(ACTS), busy.refused
        with busy.room.db.read() as c:
            made = {name: len(c.execute(select(table)).all()) for name, table in METADATA.tables.items()}
    assert made["adjudication_case"] >= 5
    for table in ("submission", "decision", "consensus_version", "model_run", "gold_sheet", "stat_snapshot", "release"):
        assert made[table] > 0, table


@pytest.mark.parametrize(
    ("mode", "also"), [("third", ()), ("joint", ()), ("third", ("adjudicator",))], ids=["third", "joint", "adjudicator"]
)
def test_what_a_rater_hears_does_not_depend_on_anything_others_did(worlds, tmp_path, monkey, mode, also):
    names = [name for name in ACTS if not (also and name in IN_CASES)]
    assert both(worlds(mode, also), names, "wei", tmp_path, monkey, most=8, acts=True) > 100


@pytest.mark.parametrize("mode", ["third", "joint"])
def test_what_a_rater_does_is_answered_the_same_whatever_others_did(worlds, tmp_path, monkey, mode):
    with copy_of(worlds(mode), tmp_path / "quiet") as quiet, copy_of(worlds(mode), tmp_path / "busy") as busy:
        act(busy, list(ACTS))
        asks = own_work(quiet)
        left, right = hear(quiet, "wei", asks, monkey), hear(busy, "wei", asks, monkey)
        assert_the_same(left, right)
        assert {heard.status for heard in left} >= {200, 409}


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    names=st.lists(st.sampled_from(list(ACTS)), min_size=1, max_size=8, unique=True),
    mode=st.sampled_from(["third", "joint"]),
)
def test_no_sequence_of_others_acts_changes_what_a_rater_hears(worlds, tmp_path_factory, names, mode):
    with pytest.MonkeyPatch.context() as monkey:
        both(worlds(mode), names, "wei", tmp_path_factory.mktemp("run"), monkey, most=4, acts=False)


# --- a repeat, a past, a second office --------------------------------------------------------------------------------


def test_while_he_is_to_rate_it_again_a_rater_hears_nothing_of_what_he_gave_first(worlds, tmp_path, monkey):
    """The others did nothing: in one of the two worlds he himself had given other points."""
    world = worlds()
    with copy_of(world, tmp_path / "quiet") as quiet, copy_of(world, tmp_path / "busy") as busy:
        with busy.room.db.write() as c:
            unguard(c, "submission", "submission_no_update")
            for table, column in (("submission", "sheets"), ("assignment", "draft")):
                found = METADATA.tables[table]
                of = found.c.assignment if table == "submission" else found.c.id
                held = c.execute(select(found.c[column]).where(of == world.ids["wei-8"])).scalar_one()
                c.execute(update(found).where(of == world.ids["wei-8"]).values({column: _otherwise(held)}))
        known = known_to_him(quiet, busy)
        known |= {"assignment": [world.ids["wei-8"]], "assignment_id": [world.ids["wei-8"]]}
        opens = Ask("POST", f"/api/v1/assignments/{world.ids['wei-8']}/open", {"json": {"client": CLIENT}})
        asks = [opens, *questions(app_of(quiet), known, most=3), *own_work(quiet)]
        left, right = hear(quiet, "wei", asks, monkey), hear(busy, "wei", asks, monkey)
        assert_the_same(left, right)
        answers = {(ask.method, ask.path): heard for ask, heard in zip(asks, left, strict=True) if not ask.options}
        at = f"/api/v1/assignments/{world.ids['wei-8']}"
        assert left[0].status == answers["GET", at].status == answers["GET", f"{at}/summary"].status == 409
        assert answers["GET", f"{at}/receipts"].status == 200, "the proof stays his"


def _otherwise(held: Any) -> Any:
    """The same sheet or draft with other points, notes and evidence."""
    if isinstance(held, dict):
        return {
            key: 0.5 if key == "points" else f"not {value}" if key == "note" else _otherwise(value)
            for key, value in held.items()
        }
    return [_otherwise(value) for value in held] if isinstance(held, list) else held


def test_who_adjudicated_an_attempt_earlier_hears_nothing_of_those_he_rates_and_never_rates_that_one(
    worlds, tmp_path, monkey
):
    names = [name for name in ACTS if name not in IN_CASES]
    assert both(worlds(), names, "abara", tmp_path, monkey, most=4, acts=True) > 100
    with copy_of(worlds(), tmp_path / "later") as later:
        with pytest.raises(InputError) as caught:
            give(later.room, later.ids["A-7"], later.actor("abara"), slot=5)
        assert caught.value.code == "plan_seen"


def test_an_owner_of_the_installation_who_rates_hears_no_more_than_any_rater(worlds, tmp_path, monkey):
    """What belongs to his office is who comes in and who is erased; how much the others have done does not."""
    names = [name for name in ACTS if name != "people come"]
    erasing = ("/erasure", "/erase")  # blanks what they said wherever it stands: the more there is, the more it does
    assert both(worlds(), names, "boss", tmp_path, monkey, most=4, acts=True, but=erasing) > 100


# --- those who do not rate ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["tan", None, "runner"], ids=["no role", "signed out", "model runner"])
def test_who_has_no_part_in_it_hears_nothing_of_it(worlds, tmp_path, monkey, who):
    """Whoever runs models learns no label, of no split."""
    names = [name for name in ACTS if name != "models rate"]
    assert both(worlds(), names, who, tmp_path, monkey, most=2, acts=True) > 50


BOTH_DONE = ["okafor submits A-2", "mbeki submits A-2", "okafor submits A-4", "mbeki submits A-4"]


def test_what_an_adjudicator_hears_does_not_depend_on_models_or_figures(worlds, tmp_path, monkey):
    names = ["models rate", "gold comes", "statistics are counted", "a release is made", "okafor saves A-1"]
    with after(worlds(), BOTH_DONE, tmp_path / "later") as later:
        assert both(later, names, "lin", tmp_path, monkey, most=3, acts=False) > 50


def told_to(world: World, who: str, monkey: pytest.MonkeyPatch) -> str:
    """Everything that a person can read, as one text."""
    known = known_to_him(world, world)
    asks = [ask for ask in questions(app_of(world), known, most=3) if "/account" not in ask.path]
    return "\n".join(heard.body.decode("utf-8", "replace") for heard in hear(world, who, asks, monkey))


def test_an_adjudicator_is_not_told_who_the_raters_are(worlds, tmp_path, monkey):
    """Neither name nor login, code nor id, whatever he asks for; nor what a model made of it."""
    done = [*BOTH_DONE, "moreau adjudicates", "models rate"]
    with after(worlds(), done, tmp_path / "later") as later, copy_of(later, tmp_path / "copy") as world:
        told = told_to(world, "lin", monkey)
        assert "A-4" in told
        assert "window.hit" in told, "the case and its texts are there"
        for name in ("okafor", "mbeki"):
            assert world.ids[name] not in told
            assert f">{name.title()}<" not in told
        for hidden in ("R02", "R03", "okafor"):
            assert hidden not in told, told[max(0, told.index(hidden) - 200) : told.index(hidden) + 50]


def test_an_analyst_is_told_codes_and_no_names(worlds, tmp_path, monkey):
    done = [*BOTH_DONE, "statistics are counted"]
    with after(worlds(), done, tmp_path / "later") as later, copy_of(later, tmp_path / "copy") as world:
        told = told_to(world, "analyst", monkey)
        assert "A-" in told
        for name in ("okafor", "mbeki", "wei"):
            assert world.ids[name] not in told
        for hidden in ("Okafor", "okafor", "mbeki"):
            assert hidden not in told, told[max(0, told.index(hidden) - 200) : told.index(hidden) + 50]
