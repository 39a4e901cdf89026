"""Every screen of the exam room with something on it, for the tests that look at all of them: `siming demo --room` fills
the room, and each screen names who looks and what opens before he looks."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rooms_web import serving
from sqlalchemy import select

from siming.cli.room_story import fill_room
from siming.store import Actor, Database
from siming.store.accounts import invitations, people, sessions
from siming.store.figures import snapshots
from siming.store.projects import members
from siming.store.schema import (
    adjudication_case,
    assignment,
    attempt,
    consensus_version,
    media,
    membership,
    person,
    project,
    rubric_version,
)

PEOPLE = ("owner", "cora", "wei", "okafor", "lin")


@dataclass(frozen=True)
class Screen:
    """One screen."""

    name: str
    path: str
    who: str | None = "cora"
    do: Callable[[Any], None] | None = None
    """What is opened before one looks, such as a dialog."""


@dataclass
class Filled:
    """The demo's room behind a real server."""

    db: Database
    address: str
    actors: dict[str, Actor]
    ids: dict[str, str]

    def chosen(self, language: str, theme: str) -> None:
        """Everybody reads in this language and theme."""
        for actor in self.actors.values():
            people.change_person(self.db, actor, language=language, settings={"theme": theme})

    def begin(self, context: Any, who: str | None, language: str, theme: str) -> None:
        """Sign a browser's context in, or give it the choices of somebody who is signed out."""
        cookies = {"siming_language": language, "siming_theme": theme}
        if who is not None:
            cookies["siming_session"] = sessions.begin(self.db, self.actors[who].id).token
        context.add_cookies([{"name": name, "value": value, "url": self.address} for name, value in cookies.items()])

    def show(self, page: Any, screen: Screen) -> None:
        """Open it."""
        page.goto(self.address + screen.path.format(**self.ids))
        if screen.do is not None:
            screen.do(page)


def ready(page: Any) -> None:
    """The rating page and the page of a case say when they are."""
    page.wait_for_selector("html[data-ready=yes]", timeout=30_000)


def until(page: Any, expression: str, *, seconds: float = 30) -> None:
    """Wait for an expression to be true; asked from outside, because the page's policy allows no code of others."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"not so after {seconds} s: {expression}"
        page.wait_for_timeout(50)


def press(*keys: str) -> Callable[[Any], None]:
    """A page that takes keys, after some."""

    def do(page: Any) -> None:
        ready(page)
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_timeout(250)

    return do


def cell(page: Any) -> None:
    """A cell of the grid, opened beside it."""
    page.locator(".c .k-discrepant, .c .k-critical_mismatch").first.click()
    page.wait_for_selector("#cell .pair")


def unfolded(page: Any) -> None:
    """Everything that unfolds."""
    page.evaluate("for (const e of document.querySelectorAll('details')) e.open = true")


PLANNED = "look=plan&raters_per_attempt=2&double_percent=100&repeat_percent=5&link_attempts=0"

SCREENS = (
    Screen("sign-in", "/sign-in", None),
    Screen("welcome", "/welcome?token={token}", None),
    Screen("gone", "/welcome?token=unknown", None),
    Screen("home", "/", "owner"),
    Screen("projects of a rater", "/", "wei"),
    Screen("people", "/people", "owner", unfolded),
    Screen("account", "/account", "wei"),
    Screen("API", "/api", "owner"),
    Screen("new project", "/projects/new", "owner"),
    Screen("project", "/p/demo"),
    Screen("rules", "/p/demo/settings", "owner"),
    Screen("break glass", "/break-glass", "owner"),
    Screen("members", "/p/demo/members"),
    Screen("member", "/p/demo/members/{member}"),
    Screen("identities", "/p/demo/identities", "owner", unfolded),
    Screen("rubrics of the project", "/p/demo/rubrics", "owner", unfolded),
    Screen("rubrics", "/rubrics", "owner", unfolded),
    Screen("rubric", "/rubrics/{rubric}", "wei", unfolded),
    Screen("attempts", "/p/demo/attempts", do=unfolded),
    Screen("attempt", "/p/demo/attempts/A-001", do=unfolded),
    Screen("masks", "/p/demo/attempts/A-001/media/{original}/masks?faces=none"),
    Screen("upload", "/p/demo/upload"),
    Screen("plan", "/p/demo/plan", do=unfolded),
    Screen("proposal", f"/p/demo/plan?{PLANNED}"),
    Screen("forecast", "/p/demo/plan?look=forecast&videos=200&raters=6&minutes=5&raters_per_attempt=2"
           "&double_percent=100&repeat_percent=5&link_attempts=4"),
    Screen("devices", "/p/demo/devices", do=unfolded),
    Screen("compare", "/p/demo/compare"),
    Screen("a cell", "/p/demo/compare", do=cell),
    Screen("cases", "/p/demo/cases", "lin"),
    Screen("case", "/cases/{case}", "lin", press("1")),
    Screen("case, other points", "/cases/{case}", "lin", press("3")),
    Screen("case, what the rubric says", "/cases/{case}", "lin", press("h")),
    Screen("case, keys", "/cases/{case}", "lin", press("?")),
    Screen("case, templates", "/cases/{case}", "lin", press("1", "y")),
    Screen("consensus", "/p/demo/consensus"),
    Screen("result", "/p/demo/consensus/{consensus}", do=unfolded),
    Screen("agreement", "/p/demo/agreement", do=lambda page: page.locator("[data-counting=no]").wait_for()),
    Screen("agreement, whole", "/p/demo/agreement/report?by=pair"),
    Screen("calibration", "/p/demo/calibration"),
    Screen("own calibration", "/calibration", "okafor"),
    Screen("export", "/p/demo/export", do=unfolded),
    Screen("import", "/p/demo/import", "tan"),
    Screen("audit", "/p/demo/audit?verify=1", "owner"),
    Screen("audit of the installation", "/audit", "owner"),
    Screen("queue", "/queue", "okafor"),
    Screen("finished", "/queue?finished=true", "wei"),
    Screen("rate", "/rate/{begun}", "wei", press("2")),
    Screen("rate, cannot judge", "/rate/{begun}", "wei", press("n")),
    Screen("rate, keys", "/rate/{begun}", "wei", press("?")),
    Screen("rate, locked", "/rate/{submitted}", "wei", press()),
    Screen("rate, never opened", "/rate-offline", "wei"),
    Screen("summary", "/rate/{begun}/summary", "wei"),
    Screen("receipt", "/rate/{submitted}/receipt", "wei"),
    Screen("nothing here", "/p/nowhere", "wei"),
)  # fmt: skip

NOT_SCREENS = {
    "/setup": "gone as soon as there is an owner; its form is that of the sign-in page",
    "/again": "only after a session has ended: test_web_refused goes there",
    "/p/{slug}/cases/next": "leads on to a case",
    "/oidc/begin": "leads away",
    "/oidc/back": "leads away",
    "/p/{slug}/compare/cell": "a part of the page with the grid",
    "/rubrics/{version}/document": "a file",
    "/p/{slug}/audit.csv": "a file",
    "/audit.csv": "a file",
    "/media/{media_id}": "a file",
    "/media/{media_id}/preview/{number}": "a file",
}
"""Pages that nobody looks at, and why."""


_MADE: list[Path] = []


def _room() -> Path:
    """A copy of the demo's room; what a test does in it is not there for the next."""
    if not _MADE:
        folder = Path(tempfile.mkdtemp(prefix="screens-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        fill_room(folder / "room", attempts=6, seed=7, fps=2, on_progress=lambda what, done, total: None)
        _count(folder / "room")
        _MADE.append(folder / "room")
    return Path(shutil.copytree(_MADE[0], Path(tempfile.mkdtemp(prefix="screens-")) / "room"))


def _count(room: Path) -> None:
    """The figures, so that no screen has to wait for them."""
    db = Database(f"sqlite:///{room / 'room.db'}")
    with db.read() as c:
        exam = c.execute(select(project.c.id)).scalar_one()
    snapshots.take_snapshot(db, exam)
    db.close()


@contextmanager
def filled() -> Iterator[Filled]:
    """The demo's room behind a server."""
    folder = _room()
    db = Database(f"sqlite:///{folder / 'room.db'}")
    with db.read() as c:
        known = {row.login: row.id for row in c.execute(select(person.c.login, person.c.id))}
    actors = {name: people.actor_of(db, known[name]) for name in PEOPLE}
    try:
        with serving(SimpleNamespace(db=db, media=folder / "media")) as served:
            yield Filled(db, served.address, actors, _ids(db, actors))
    finally:
        db.close()
        shutil.rmtree(folder.parent, ignore_errors=True)


def _ids(db: Database, actors: dict[str, Actor]) -> dict[str, str]:
    """What stands in braces in the paths; Tan comes, who runs models and has not opened his link."""
    given = (
        select(assignment.c.id)
        .join(attempt, attempt.c.id == assignment.c.attempt)
        .where(assignment.c.rater == actors["wei"].id, assignment.c.purpose == "score")
    )
    tan, invitation = invitations.create_person(db, actors["owner"], login="tan", name="Tan")
    with db.read() as c:
        exam = c.execute(select(project.c.id)).scalar_one()
    members.add_member(db, actors["owner"], exam, person_id=tan.id, roles=["model_runner"])
    actors["tan"] = people.actor_of(db, tan.id)
    with db.read() as c:
        return {
            "begun": c.execute(given.where(assignment.c.state == "in_progress")).scalars().first(),
            "submitted": c.execute(given.where(assignment.c.state == "submitted")).scalars().first(),
            "case": c.execute(
                select(adjudication_case.c.id).where(adjudication_case.c.state.in_(("open", "leased")))
            ).scalars().first(),
            "consensus": c.execute(
                select(attempt.c.code).join(consensus_version, consensus_version.c.attempt == attempt.c.id)
            ).scalars().first(),
            "member": c.execute(select(membership.c.id).where(membership.c.person == actors["wei"].id)).scalar_one(),
            "rubric": c.execute(select(rubric_version.c.id).order_by(rubric_version.c.rubric)).scalars().first(),
            "original": c.execute(
                select(media.c.id)
                .join(attempt, attempt.c.id == media.c.attempt)
                .where(media.c.kind == "original", attempt.c.code == "A-001")
            ).scalars().first(),
            "token": invitation.token,
        }  # fmt: skip
