"""Hostile input: every route by every role, by ids of another project, by nonsense in every place that takes a text.

No answer is a 500, none takes a second, none tells a path or a line of code of the server, and what a role may not do is
refused before anything is looked at.
"""

from __future__ import annotations

import base64
import io
import json
import re
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from rooms_web import WebRoom, build_web_room
from sqlalchemy import select
from test_web_blinding import (
    ACTS,
    AED,
    CLIENT,
    World,
    act,
    copy_of,
    known_to_him,
    make_world,
)
from walk import UNSAFE, Ask, Walked, ask_all, body_for, routes_of

from siming.store.accounts import invitations, people, sessions
from siming.store.projects import projects
from siming.store.schema import METADATA
from siming.web.app import create_app
from siming.web.settings import Settings

HERE = Path(__file__).parent
TABLE = HERE / "access.txt"
HANGS_S = 10.0
ROLES = ("owner", "coordinator", "wei", "okafor", "lin", "analyst", "auditor", "runner", "tan", "nobody")
"""Wei and Okafor rate, Lin adjudicates, the runner runs models, Tan has an account and no role, nobody is signed in."""


@pytest.fixture(scope="module")
def past(tmp_path_factory) -> World:
    """A room in which much has happened."""
    world = make_world(tmp_path_factory.mktemp("past") / "room", "third", ())
    act(
        world,
        [name for name in ACTS if name not in ("others are planned", "an attempt is excluded", "a film is hidden")],
    )
    world.room.db.close()
    return world


@pytest.fixture
def world(past, tmp_path) -> Iterator[World]:
    """A copy of it that a test may spoil."""
    with copy_of(past, tmp_path / "copy") as made:
        made.room.clock.ticks = True
        yield made


def app_of(world: World) -> Any:
    """The application on it; its log goes nowhere."""
    app = create_app(Settings(media=world.room.media, address="http://testserver"), world.room.db)
    app.state.workers = None
    return app


def as_person(world: World, who: str) -> dict[str, Any]:
    """Cookie and form token of somebody."""
    if who == "nobody":
        return {}
    token, csrf = world.tokens[who]
    return {"cookies": {"siming_session": token}, "headers": {"X-CSRF-Token": csrf}}


def there(world: World) -> dict[str, str]:
    """For each path parameter one thing that is there: of Wei's open attempt, of the case of A-4, the site's rubric."""
    with world.room.db.read() as c:

        def one(table: str, **where: str) -> str:
            found = METADATA.tables[table]
            conditions = [found.c[name] == value for name, value in where.items()]
            return str(c.execute(select(found.c.id).where(*conditions)).scalar_one())

        of_case = one("adjudication_case", attempt=world.ids["A-4"])
        return {
            "slug": "spring", "assignment": world.ids["wei-2"], "assignment_id": world.ids["mbeki-6"], "case": of_case,
            "attempt": "A-4", "code": "A-4", "version": world.room.rubrics[1].id, "member": one("membership", code="R02"),
            "consensus_id": one("consensus_version", attempt=world.ids["A-4"]),
            "person": world.ids["okafor"], "token": one("api_token"), "upload_id": "up_nothing", "number": "0",
            "media_id": one("media", attempt=world.ids["A-4"], kind="derivative"), "release_id": one("release"),
            "aside_client": CLIENT, "client": CLIENT, "rubric": AED, "step": world.ids["wei-2-step"],
            "kind": "agreement", "act": "exclude", "file": "room.css",
        }  # fmt: skip


# --- who gets what --------------------------------------------------------------------------------------------------


def verdict(answer: Any) -> str:
    """What became of a request, in a word."""
    if answer.status_code == 303 and answer.headers["location"].startswith("/sign-in"):
        return "in"
    if answer.status_code in (401, 403, 404):
        return str(answer.status_code)
    return "yes"


LAST = re.compile(r"/sign-out|/account/(sign-out-elsewhere|password)|/api/.*/(erasure|state)")
"""What ends sessions, closes or erases is asked last."""


def matrix(past: World, folder: Path) -> dict[str, dict[str, str]]:
    """Route to role to verdict. Each role has a world of its own to act in."""
    table: dict[str, dict[str, str]] = {}
    for who in ROLES:
        with copy_of(past, folder / who) as world:
            app = app_of(world)
            values = there(world)
            routes = sorted(
                routes_of(app),
                key=lambda r: (
                    LAST.fullmatch(r.path) is not None,
                    r.method in UNSAFE,
                    r.method == "DELETE",
                    r.path,
                    r.method,
                ),
            )
            openapi = app.openapi()
            asks = []
            for route in routes:
                given = dict(values)
                if route.path.startswith("/api/v1/projects/{slug}/consensus/{attempt}/{version}"):
                    given["version"] = given["consensus_id"]
                given["act"] = "release" if "/media/" in route.path else "due" if "/plan/" in route.path else "exclude"
                asks.append(Ask(route.method, route.at(given), sound(route, openapi, values, world)))
            for route, answer in zip(routes, ask_all(app, asks, **as_person(world, who)), strict=True):
                assert answer.status_code < 500, (who, route.name, answer.text[:300])
                table.setdefault(route.name, {})[who] = verdict(answer)
    return table


def sound(route: Walked, openapi: dict[str, Any], values: dict[str, str], world: World) -> dict[str, Any]:
    """What makes a request one that is looked into: its query, or a body that can be read."""
    if route.method not in UNSAFE:
        return {"params": {"project": "spring", "attempt": "A-4", "cell": f"A-4/{AED}/{values['step']}"}}
    also = {"fence": 1, "version": 1, "rater": world.ids["okafor"], "project": "spring", "reason": "because"}
    also |= {"rationale": "because", "choice": "first"}
    body = body_for(route, openapi, {**values, **also})
    if route.path.endswith(("/import", "/hand-over")) and "files" not in body:
        body = {"files": dict.fromkeys(("table", "file"), ("a.csv", b"code\nA-50\n")), "data": body["data"]}
    if route.method == "PATCH" and "/uploads/" in route.path:
        body = {"content": b"", "headers": {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}}
    return body


def printed(table: dict[str, dict[str, str]]) -> str:
    """The table for a reader: equal roles in one column, safe methods first."""
    heads = {"coordinator": "coord", "auditor": "audit", "analyst": "analys"}
    width = max(map(len, table)) + 2
    lines = [" " * width + "".join(f"{heads.get(who, who):>7}" for who in ROLES)]
    names = sorted(table, key=lambda n: (n.split()[0] in UNSAFE, n.split()[1], n))
    lines += [f"{name:<{width}}" + "".join(f"{table[name][who]:>7}" for who in ROLES) for name in names]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def test_every_role_gets_what_the_table_says_and_nothing_else(past, tmp_path, request):
    """`access.txt` is read by people: a route that changes a line there changes who may do what.

    ``SIMING_WRITE_ACCESS=1`` writes it anew, to be looked at before it is kept.
    """
    import os

    found = printed(matrix(past, tmp_path))
    if os.environ.get("SIMING_WRITE_ACCESS"):
        TABLE.write_text(found, "utf-8")
    assert found.splitlines() == TABLE.read_text("utf-8").splitlines()


# --- another project's ids ------------------------------------------------------------------------------------------


def rows_of(world: World) -> dict[str, set[tuple[object, ...]]]:
    """Every row of every table, as text."""
    with world.room.db.read() as c:
        return {
            name: {tuple(str(v) for v in row) for row in c.execute(select(table))}
            for name, table in METADATA.tables.items()
        }


def test_an_owner_of_another_project_reaches_nothing_of_this_one(world):
    """By every route, with ids of this project put beside the name of his own and of this one."""
    made, _ = invitations.create_person(world.room.db, world.room.owner, login="ola", name="Ola", is_owner=True)
    ola = people.actor_of(world.room.db, made.id)
    autumn = projects.create_project(world.room.db, ola, slug="autumn", title="Autumn")
    begun = sessions.begin(world.room.db, made.id)
    app, openapi = app_of(world), None
    openapi = app.openapi()
    known = {name: values[:6] for name, values in known_to_him(world, world).items()}
    known["slug"] = ["autumn", "spring"]
    values = {**there(world), "fence": 1, "rater": world.ids["okafor"], "project": "spring", "to": "closed"}
    secret = secrets_of(world)
    own = {made.id, "autumn", autumn.id}
    before = {name: {row for row in rows if not own & set(row)} for name, rows in rows_of(world).items()}
    asks = []
    installation = (
        "/people", "/rubrics", "/account", "/sign-out", "/projects/new", "/break-glass", "/setup", "/theme",
        "/api/v1/people", "/api/v1/rubrics", "/audit/erase-reason",
    )  # fmt: skip
    for route in routes_of(app):
        if route.path.startswith(installation) and route.method in UNSAFE:
            continue  # an owner of the installation may
        body = body_for(route, openapi, values) if route.method in UNSAFE else {}
        asks += [Ask(route.method, path, body) for path in route.addresses(known, most=24)]
    answers = ask_all(app, asks, cookies={"siming_session": begun.token}, headers={"X-CSRF-Token": begun.csrf})
    for ask, answer in zip(asks, answers, strict=True):
        assert answer.status_code < 500, (ask.name, answer.text[:300])
        if ask.path.removeprefix("/api/v1").startswith(("/people", "/audit", "/rubrics")):
            continue  # accounts, their audit and published rubrics belong to the installation
        told = [
            word for word in secret if word in answer.text and word not in ask.path and word not in str(ask.options)
        ]
        assert not told, (ask.name, told, answer.text[:200])
    after = rows_of(world)
    for name in before:
        assert before[name] <= after[name] or name in ("web_session", "audit_head"), f"rows of {name} were changed"


def secrets_of(world: World) -> set[str]:
    """Ids and names that belong to the project, except the codes that any project may have."""
    found = {"Spring exam", "seen late"}
    with world.room.db.read() as c:
        for table in (
            "assignment",
            "attempt",
            "submission",
            "media",
            "adjudication_case",
            "consensus_version",
            "release",
        ):
            found |= set(c.execute(select(METADATA.tables[table].c.id)).scalars())
    return found


def able(name: str) -> str:
    """Somebody who may ask a route, by the table: nonsense is tried where it is looked into."""
    lines = TABLE.read_text("utf-8").splitlines()[1:]
    words = next((line.split()[2:] for line in lines if line.split()[:2] == name.split()), [])
    allowed = [who for who, word in zip(ROLES, words, strict=False) if word == "yes"]
    return next((who for who in ("coordinator", "wei", "lin", "runner", "owner") if who in allowed), "owner")


def ask_by_the_able(world: World, app: Any, asks: list[tuple[Walked, Ask]]) -> list[tuple[Ask, Any]]:
    """Ask each as somebody who may, and hold every answer to the demands."""
    told: list[tuple[Ask, Any]] = []
    for who in ROLES:
        mine = [ask for route, ask in asks if able(route.name) == who]
        told += zip(mine, ask_checked(world, app, mine, who), strict=True)
    return told


# --- nonsense in addresses ------------------------------------------------------------------------------------------

TRICKS = (
    "..", "%2e%2e", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%2f..%2f..%2fetc%2fpasswd", "%00", "a%00b", "%ff%fe",
    "%ed%a0%80", "%F0%9F%92%A9", "%27%20OR%201%3D1--", "%25s%25n", "%7B%7B7*7%7D%7D", "%0d%0aSet-Cookie:%20a=b", "-1",
    "9" * 40, "1e400", "NaN", "%E2%80%AE", "x" * 3000, "_", "as_", "%", "me_%5c..%5c", "null", "%3Cscript%3E", "as_%C4%B1",
)  # fmt: skip
"""What people try in the place of an id."""

TELLS = re.compile(r"Traceback|File \"|site-packages|sqlalchemy|sqlite3|psycopg|/srv/|/home/|/tmp/|\.py\b")
"""What no answer may hold."""


def check(ask: Ask, answer: Any, seconds: float, folder: Path) -> None:
    """The demands on every answer."""
    assert answer.status_code < 500, (ask.name, str(ask.options)[:300], answer.text[:300])
    assert seconds < HANGS_S, f"{ask.name} {str(ask.options)[:200]}: {seconds:.2f} s"
    if "text" in answer.headers.get("content-type", "") or "json" in answer.headers.get("content-type", ""):
        found = TELLS.search(answer.text)
        assert found is None or ask.path == "/api/v1/openapi.json" or "static" in ask.path, (ask.name, found)
        assert str(folder) not in answer.text, ask.name


def ask_checked(world: World, app: Any, asks: list[Ask], who: str) -> list[Any]:
    """Ask as somebody, by the clock, and hold every answer to the demands."""
    times: list[float] = []
    began = [0.0]

    def start(_: Ask) -> None:
        began[0] = time.process_time()  # other work of the machine is not the server's

    answers = ask_all(
        app, asks, before=start, after=lambda _: times.append(time.process_time() - began[0]), **as_person(world, who)
    )
    for ask, answer, seconds in zip(asks, answers, times, strict=True):
        check(ask, answer, seconds, world.room.folder)
    return answers


def warm(app: Any, world: World) -> None:
    """Templates and rubrics are read once per process; that is no attack's doing."""
    for who in ("owner", "wei", "lin"):
        paths = ("/p/spring", "/p/spring/plan", "/p/spring/compare", "/queue", "/rubrics", "/account", "/nowhere")
        ask_all(app, [Ask("GET", path) for path in paths], **as_person(world, who))


@pytest.mark.slow
def test_no_nonsense_in_an_address_breaks_anything(world):
    app = app_of(world)
    warm(app, world)
    asks, openapi = [], app.openapi()
    for route in routes_of(app):
        values: dict[str, Any] = there(world)
        body = sound(route, openapi, values, world)
        for name in route.parameters:
            asks += [(route, Ask(route.method, route.at({**values, name: trick}), body)) for trick in TRICKS]
    ask_by_the_able(world, app, asks)


QUERY = {
    "nul": "\x00", "half": "\ud800", "long": "x" * 1500, "sql": "' OR 1=1--", "like": "%_\\", "negative": "-1",
    "huge": "9" * 30, "float": "1e400", "nan": "NaN", "digits": "٣", "script": "<script>alert(1)</script>", "line": "a\r\nb: c",
}  # fmt: skip
PLAIN_QUERIES = (
    "q",
    "page",
    "next",
    "look",
    "before",
    "since",
    "rater",
    "videos",
    "raters",
    "minutes",
    "seed",
    "due_days",
)


def queries_of(route: Walked) -> list[str]:
    """Names that a route reads from the query, and some that it may."""
    named = [
        n for n in getattr(route.endpoint, "__annotations__", {}) if n not in ("request", "who", "return", "response")
    ]
    return [name for name in dict.fromkeys([*named, *PLAIN_QUERIES]) if name not in route.parameters]


def encoded(value: str) -> str:
    """A value in a query, half characters and all."""
    from urllib.parse import quote

    return quote(value.encode("utf-8", "surrogatepass"))


def test_no_nonsense_in_a_query_breaks_anything(world):
    app = app_of(world)
    warm(app, world)
    asks = []
    for route in routes_of(app):
        if route.method != "GET":
            continue
        path = route.at(there(world))
        for value in QUERY.values():
            words = "&".join(f"{name}={encoded(value)}" for name in queries_of(route))
            asks.append((route, Ask("GET", f"{path}?{words}")))
        once = encoded(QUERY["script"])  # one name at a time, and twice over
        asks += [(route, Ask("GET", f"{path}?{name}={once}&{name}=1")) for name in queries_of(route)]
    for ask, answer in ask_by_the_able(world, app, asks):
        assert "<script>alert(1)" not in answer.text or "json" in answer.headers["content-type"], ask.name


# --- nonsense in bodies ---------------------------------------------------------------------------------------------

NASTY: tuple[Any, ...] = (
    None, True, -1, 0, 10**400, 2**31, 2**63, 1e308, float("nan"), float("inf"), "", "\x00", "\ud800", "x" * 20000, "٣",
    "../../etc/passwd", "{{7*7}}", "<script>alert(1)</script>", "=cmd|' /C calc'!A0", [], [[]], {}, {"a": {"b": []}},
    [None], ["\ud800"], [[1, 2, 3]], [[0, 1e308]], [[float("nan"), 1]], "9999-12-31T23:59:59.999999Z", [0] * 5000,
)  # fmt: skip
"""Values for fields of JSON."""

WHOLE = (
    b"", b"null", b"[]", b"1e400", b"{", b"[" * 50_000, b'{"a":' * 20_000, b"\xff\xfe", b'"\\ud800"', b'{"a":1,"a":2}',
    b"NaN", b"9" * 5000, b'{"' + b"k" * 100_000 + b'":1}', b"{" + b",".join(b'"%d":1' % n for n in range(20_000)) + b"}",
)  # fmt: skip
"""Whole bodies."""


def spoiled(body: Any) -> Iterator[Any]:
    """Copies of a body with one value replaced, at any depth, and one key too many."""
    if isinstance(body, dict):
        for key in body:
            for value in NASTY:
                yield {**body, key: value}
            for inner in spoiled(body[key]):
                yield {**body, key: inner}
        yield {**body, "__proto__": {"x": 1}, "is_owner": True}
    elif isinstance(body, list) and body:
        for inner in spoiled(body[0]):
            yield [inner]


def full_body(route: Walked, openapi: dict[str, Any], world: World) -> Any:
    """A body with every field that the description knows."""
    schema = openapi["paths"][route.path][route.method.lower()].get("requestBody", {}).get("content", {})
    if "application/json" not in schema:
        return None
    name = schema["application/json"]["schema"].get("$ref", "").rsplit("/", 1)[-1]
    fields = openapi["components"]["schemas"].get(name, {}).get("properties", {})
    values = {
        **there(world),
        "fence": 1,
        "project": "spring",
        "rater": world.ids["okafor"],
        "version": 0,
        "reason": "r",
    }
    body = {key: values.get(key, 1) for key in fields}
    if "changes" in body:
        body["changes"] = [
            {"client_seq": 900, "field": "points", "rubric": AED, "step": values["step"], "value": 1, "media_s": 1.0,
             "at": "2026-03-01T08:00:00.000Z"}
        ]  # fmt: skip
    if "choice" in body:
        body["choice"] = "other"
    return body


def test_no_json_breaks_any_route_of_the_api(world):
    app = app_of(world)
    warm(app, world)
    openapi, asks = app.openapi(), []
    headers = {"Content-Type": "application/json"}
    for route in routes_of(app):
        if route.method not in UNSAFE or not route.path.startswith("/api/") or route.path == "/api/v1/session":
            continue  # a wrong password has to wait; that route's bodies are tried where signing in is
        path, body = route.at(there(world)), full_body(route, openapi, world)
        if body is None:
            continue
        contents = [*(json.dumps(one).encode() for one in spoiled(body)), *WHOLE]
        asks += [(route, Ask(route.method, path, {"content": raw, "headers": headers})) for raw in contents]
    assert len(asks) > 1000
    for ask, answer in ask_by_the_able(world, app, asks):
        if answer.status_code >= 400 and answer.content:
            assert set(answer.json()["error"]) == {"code", "kind", "message", "field", "detail"}, ask.name


def test_every_field_of_a_change_takes_nonsense_without_breaking(world):
    """The rater's own saving, which takes any value by design, field by field."""
    from typing import get_args

    from siming.store.blind.change import Field

    app = app_of(world)
    at = f"/api/v1/assignments/{world.ids['wei-2']}"
    asks = [Ask("POST", f"{at}/open", {"json": {"client": CLIENT, "take_over": True}})]
    number = 1000
    for name in get_args(Field):
        for value in NASTY:
            number += 1
            change = {
                "client_seq": number, "field": name, "rubric": AED, "step": world.ids["wei-2-step"], "value": value,
                "media_s": 1.0, "at": "2026-03-01T08:00:00.000Z",
            }  # fmt: skip
            body = {"client": CLIENT, "fence": 1, "unsent": 0, "changes": [change]}
            asks.append(
                Ask(
                    "POST",
                    f"{at}/changes",
                    {"content": json.dumps(body).encode(), "headers": {"Content-Type": "application/json"}},
                )
            )
    asks += [Ask("GET", at), Ask("GET", f"{at}/summary"), Ask("GET", f"/rate/{world.ids['wei-2']}/summary")]
    answers = ask_checked(world, app, asks, "wei")
    assert [a.status_code for a in answers[-3:]] == [200, 200, 200]
    json.loads(answers[-3].text, parse_constant=lambda word: pytest.fail(f"{word} came back"))


FIELDS = (
    "reason", "rater", "login", "name", "password", "code", "site", "occasion", "candidate_code", "rubric", "roles", "minutes",
    "conflicts", "title", "slug", "description", "mode", "tolerance", "document", "version", "to", "next", "initials",
    "snapshot", "client", "fence", "assignment", "kind", "people", "due", "mark", "form", "format", "licence", "agreements",
    "what", "model", "about", "source", "attempt", "step", "consensus_id", "faces", "sound", "max_side", "offset_s", "days",
    "language", "theme", "token", "session_minutes", "unseen_max_share", "calibration_pass_kappa", "place", "order",
    "raters_per_attempt", "double_percent", "repeat_percent", "seed", "due_days", "person", "note", "confirm",
)  # fmt: skip
"""Names of fields in forms, of all pages together."""

FORM_VALUES = (
    "", "\x00", "x" * 20000, "-1", "9" * 400, "1e400", "NaN", "٣", "<script>alert(1)</script>", "=1+1", "../..", "a\r\nB: c",
    "9999-12-31", "0001-01-01", "\u202e", "{{7*7}}", "on",
)  # fmt: skip


ACTS_IN_PATHS = (
    "exclude", "use", "gold", "release", "quarantine", "again", "offset", "reassign", "withdraw", "reopen", "due", "x",
)  # fmt: skip


@pytest.mark.slow
def test_no_form_breaks_any_page(world):
    app = app_of(world)
    warm(app, world)
    asks = []
    bodies: list[dict[str, Any]] = [{"data": dict.fromkeys(FIELDS, value)} for value in FORM_VALUES]
    bodies += [
        {"files": dict.fromkeys(("file", "table", "document"), ("a\r\nb.txt", b"\xff\x00"))},
        {"content": b"a=1&" * 3000, "headers": URLENCODED},
        {"content": b"reason=%ff%fe%ed%a0%80&name=%00&%ed%a0%80=1", "headers": URLENCODED},
    ]
    for route in routes_of(app):
        if (
            route.method not in UNSAFE
            or route.path.startswith("/api/")
            or LAST.fullmatch(route.path)
            or route.path == "/sign-in"
        ):
            continue
        for name in ACTS_IN_PATHS if "act" in route.parameters else ("",):
            path = route.at({**there(world), "act": name})
            asks += [(route, Ask(route.method, path, body)) for body in bodies]
    ask_by_the_able(world, app, asks)


URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    "charset", ["idna", "punycode", "unicode_escape", "utf-16", "base64", "nonsense", "utf-7", "undefined"]
)
def test_a_form_cannot_choose_an_encoding_that_breaks_things(world, charset):
    app = app_of(world)
    body = (
        b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n\\ud800\xff..\r\n'
        b'--b\r\nContent-Disposition: form-data; name="reason\xff"\r\n\r\n\\ud800\xff\r\n--b--\r\n'
    )
    asks = [
        Ask(
            "POST",
            path,
            {"content": body, "headers": {"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}},
        )
        for path in ("/account", "/p/spring/settings", "/language", "/people")
    ]
    ask_checked(world, app, asks, "owner")
    token, _ = world.tokens["owner"]
    for answer in ask_all(app, asks, cookies={"siming_session": token}):
        assert answer.status_code in (400, 403, 422), answer.text[:200]


@pytest.mark.parametrize(
    "kind",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "x" * 5000, "application/json",
     "application/x-www-form-urlencoded; charset=utf-16", "text/plain", "application/xml", "\u00e4", ""],
)  # fmt: skip
def test_a_body_of_another_kind_than_said_breaks_nothing(world, kind):
    app = app_of(world)
    asks = [
        Ask(method, path, {"content": content, "headers": {"Content-Type": kind.encode("latin-1")}})
        for method, path in (("POST", "/account"), ("POST", "/p/spring/attempts/import"), ("POST", "/api/v1/session"),
                             ("PUT", "/api/v1/me/keys"), ("POST", "/api/v1/projects/spring/hand-over"))
        for content in (b"", b"--x\r\n\r\n", b"\xff" * 100, b"--x--", b"{}")
    ]  # fmt: skip
    ask_checked(world, app, asks, "owner")


@pytest.mark.parametrize(
    "headers",
    [
        {"X-HTTP-Method-Override": "DELETE"},
        {"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "127.0.0.1"},
        {"X-Original-URL": "/audit", "X-Rewrite-URL": "/audit"},
        {"Range": "bytes=0-1," * 500},
        {"If-None-Match": "\x01" * 10},
        {"If-Modified-Since": "nonsense"},
        {"Accept-Language": "zh" * 3000},
        {"Accept": "*/*;q=" + "9" * 500},
        {"Authorization": "Bearer " + "x" * 5000},
        {"Authorization": "Bearer \xff"},
        {"Cookie": "siming_session=" + "x" * 5000},
        {"Cookie": "siming_flash=%5B%22done%22%2C%22rate.script%22%2C%7B%22n%22%3A%7B%7D%7D%5D"},
        {"Cookie": "siming_flash=%5B%22done%22%2C%22members.ended%22%2C%7B%22code%22%3A%22%3Cscript%3E%22%7D%5D"},
        {"Cookie": "siming_flash=" + "%5B" * 3000},
        {"Cookie": "siming_flash=%5B%5B%5D%2C%5B%5D%2C%5B%5D%5D; siming_language=<x>; siming_theme=\"><script>"},
        {"Content-Length": "5"},
        {"Transfer-Encoding": "gzip"},
        {"Expect": "100-continue"},
        {"Upgrade": "websocket", "Connection": "Upgrade"},
    ],
)  # fmt: skip
def test_no_header_breaks_anything_or_opens_anything(world, headers):
    app = app_of(world)
    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    paths = ("/", "/queue", "/static/room.css", "/api/v1/session", "/p/spring/settings", "/sign-in", "/nowhere")
    asks = [Ask("GET", path, {"headers": raw}) for path in paths]
    for who in ("wei", "nobody"):
        for answer in ask_checked(world, app, asks, who):
            assert "evil.example" not in answer.text + str(answer.headers)
            assert "<script>" not in answer.text.replace('<script type="module"', "")
            assert answer.status_code != 200 or "Spring exam" not in answer.text or who == "wei"


# --- forms of other sites, once more by every route -----------------------------------------------------------------


def test_no_unsafe_route_acts_on_another_sites_word(world):
    """With the cookie that a browser would send: without a token, with one of another person, of another origin."""
    app = app_of(world)
    openapi, values = app.openapi(), there(world)
    asks = []
    _, others = world.tokens["okafor"]
    _, own = world.tokens["owner"]
    for route in routes_of(app):
        if route.method not in UNSAFE:
            continue
        body = body_for(route, openapi, {**values, "fence": 1})
        for headers in (
            {},
            {"X-CSRF-Token": others},
            {"X-CSRF-Token": own, "Origin": "https://evil.example"},
            {"X-CSRF-Token": own, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
            {"X-CSRF-Token": own, "Sec-Fetch-Site": "same-site"},
        ):
            if route.path == "/api/v1/session" and not headers.get("Origin") and "Sec-Fetch-Site" not in headers:
                continue  # signing in by JSON needs no token: no other site's page can send it
            asks.append(Ask(route.method, route.at(values), {**body, "headers": headers}))
    before = rows_of(world)
    token, _ = world.tokens["owner"]
    for ask, answer in zip(asks, ask_all(app, asks, cookies={"siming_session": token}), strict=True):
        assert answer.status_code == 403, (ask.name, answer.status_code)
    after = rows_of(world)
    assert {n for n in before if before[n] != after[n]} <= {"web_session"}


@pytest.mark.parametrize(
    "there_",
    ["https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "/%0d%0aSet-Cookie: a=b", "/\r\nX: y",
     "javascript:alert(1)", "///evil.example", "/\t/evil.example", "http:evil.example", "\u2028//evil.example", "/ /evil.example",
     "@evil.example", "/..//evil.example"],
)  # fmt: skip
def test_no_way_back_leads_out_of_the_room(world, there_):
    from urllib.parse import urljoin, urlsplit

    app = app_of(world)
    asks = [Ask("GET", "/sign-in", {"params": {"next": there_}})]
    asks += [Ask("POST", path, {"data": {"to": "en", "next": there_}}) for path in ("/language", "/theme")]
    for answer in ask_checked(world, app, asks, "wei"):
        if "location" in answer.headers:
            went = urljoin("http://testserver/queue", answer.headers["location"])
            assert urlsplit(went).netloc == "testserver", went
            assert "\n" not in answer.headers["location"]


# --- files that are attacks -----------------------------------------------------------------------------------------


def bomb(name: str, size: int = 300 << 20) -> bytes:
    """A zip of one file that is nothing but zeros, of `size` bytes when opened."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made, made.open(name, "w") as inside:
        block = bytes(1 << 20)
        for _ in range(size >> 20):
            inside.write(block)
    return out.getvalue()


LAUGHS = "<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a 'ha'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{('&' + chr(97 + n) + ';') * 10}'>" for n in range(9)
) + "]><ANNOTATION_DOCUMENT>&j;</ANNOTATION_DOCUMENT>"  # fmt: skip
OUTSIDE = "<?xml version='1.0'?><!DOCTYPE l [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><ANNOTATION_DOCUMENT>&x;</ANNOTATION_DOCUMENT>"

FILES = {
    "zip bomb": lambda: bomb("xl/worksheets/sheet1.xml"),
    "zip of a way out": lambda: slip(),
    "not a zip": lambda: b"PK\x03\x04" + b"\xff" * 2000,
    "laughs": lambda: LAUGHS.encode(),
    "outside": lambda: OUTSIDE.encode(),
    "deep json": lambda: b"[" * 200_000,
    "wide json": lambda: b"[" + b"1," * 200_000 + b"1]",
    "numbers": lambda: b'{"a":' + b"9" * 100_000 + b"}",
    "nothing": lambda: b"",
    "one line": lambda: b"a," * 400_000,
    "quote without end": lambda: b'attempt,step,points\n"' + b"x" * 400_000,
    "nul": lambda: b"attempt,step,points\n\x00,\x00,\x00\n",
    "parquet": lambda: b"PAR1" + b"\xff" * 500 + b"PAR1",
}


def slip() -> bytes:
    """A zip whose names lead out of the folder."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("../../../../var/slipped.txt", "x")
        made.writestr("/var/slipped.txt", "x")
    return out.getvalue()


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_sheets_made_to_break_things_is_refused_in_every_format(world, name):
    from siming.exchange import FORMATS

    raw = FILES[name]()
    app = app_of(world)
    asks = []
    for form in FORMATS:
        files = {"file": ("../../a\r\n.xlsx", raw)}
        asks.append(
            Ask(
                "POST",
                "/api/v1/projects/spring/calibration/gold/A-5",
                {"files": files, "data": {"format": form, "source": "panel"}},
            )
        )
    ask_all(app, asks[:1], **as_person(world, "coordinator"))  # readers are imported once
    for answer in ask_checked_slowly(world, app, asks, "coordinator"):
        assert answer.status_code in (413, 422, 400), (name, answer.text[:200])
    asks = [
        Ask(
            "POST",
            "/api/v1/projects/spring/models",
            {"files": {"file": ("a", raw)}, "data": {"format": form, "model": "m"}},
        )
        for form in FORMATS
    ]
    for answer in ask_checked_slowly(world, app, asks, "runner"):
        assert answer.status_code in (413, 422, 400), (name, answer.text[:200])


def ask_checked_slowly(world: World, app: Any, asks: list[Ask], who: str) -> list[Any]:
    """Reading a large file may take its time; it may not take the memory."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answers = ask_all(app, asks, **as_person(world, who))
    for ask, answer in zip(asks, answers, strict=True):
        check(ask, answer, 0, world.room.folder)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    assert grown < 256, f"{grown} MB more"
    return answers


DOCUMENTS = {
    "laughs": "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n",
    "merge": "a: &a {x: 1}\nb:\n  <<: *a\n",
    "python": "!!python/object/apply:os.system ['id']\n",
    "deep": "[" * 20_000,
    "date": "id: 9999-12-31T23:59:59-23:59\n",
    "far date": "id: !!timestamp 0001-01-01T00:00:00+23:59\n",
    "number": f"id: {'9' * 5000}\n",
    "sixty": "id: " + ":".join(["59"] * 30_000) + "\n",
    "sixty point": "id: 1" + ":59" * 30_000 + ".5\n",
    "binary": "id: !!binary " + base64.b64encode(b"\xff" * 99).decode() + "\n",
    "set": "? [a, b]\n: c\n",
    "nan": "id: .nan\npoints: .inf\n",
    "omap": "id: !!omap [a: 1]\n",
    "numbers for names": "1: 2\n3.5: 4\nnull: 5\ntrue: 6\n",
    "many": "\n".join(f"k{n}: v" for n in range(60_000)),
    "nul": "id: a\x00b\n",
    "control": "id: a\x07b\n",
    "half": 'id: "\\ud800"\n',
    "two": "a: 1\n---\nb: 2\n",
    "tag": "!<tag:yaml.org,2002:float> x\n",
    "tab": "\t- a",
    "int of nothing": "id: !!int ''\n",
    "float of a list": "id: !!float [1]\n",
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_rubric_made_to_break_things_is_refused_with_a_reason(world, name):
    app = app_of(world)
    warm(app, world)
    asks = [
        Ask("POST", "/rubrics", {"data": {"document": DOCUMENTS[name]}}),
        Ask("POST", "/rubrics", {"files": {"file": ("a.yaml", DOCUMENTS[name].encode())}}),
        Ask("POST", "/rubrics", {"files": {"document": ("a.yaml", DOCUMENTS[name].encode())}}),
    ]
    for answer in ask_checked(world, app, asks, "owner"):
        assert answer.status_code in (400, 403, 413, 422), answer.text[:300]


@pytest.mark.parametrize("place", ["id", "version"])
@pytest.mark.parametrize(
    "value", ["a\r\nSet-Cookie: x=1", "a\nb", 'a"; filename="b', "../../a", "a\u2028b", "测验", "x" * 3000]
)
def test_a_rubrics_name_gets_into_no_header(world, place, value):
    import yaml

    from siming.store.projects import rubrics

    db = world.room.db
    document = rubrics.document_of(db, world.room.rubrics[1].id)
    plain = yaml.safe_load(document)
    plain[place] = value
    app = app_of(world)
    asks = [Ask("POST", "/rubrics", {"data": {"document": yaml.safe_dump(plain, allow_unicode=True)}})]
    ask_checked(world, app, asks, "owner")
    with db.read() as c:
        ids = list(c.execute(select(METADATA.tables["rubric_version"].c.id)).scalars())
    for answer in ask_checked(world, app, [Ask("GET", f"/rubrics/{one}/document") for one in ids], "owner"):
        assert answer.status_code == 200
        assert re.fullmatch(r'attachment; filename="[^"\r\n\\/]{1,300}"', answer.headers["content-disposition"])


# --- formulas -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "|x"])
def test_no_text_of_a_person_becomes_a_formula_in_a_spreadsheet(world, start):
    from siming.store.accounts import tokens

    db, owner = world.room.db, world.room.owner
    made, _ = invitations.create_person(db, owner, login="mallory", name=start.strip() or "x")
    tokens.make_token(db, people.actor_of(db, made.id), name=start.strip() or "x")
    app = app_of(world)
    for path in ("/audit.csv", "/p/spring/audit.csv"):
        import csv

        (answer,) = ask_all(app, [Ask("GET", path)], **as_person(world, "owner"))
        cells = [cell for row in csv.reader(io.StringIO(answer.text)) for cell in row]
        assert cells
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]


def test_no_text_of_a_person_becomes_a_formula_in_an_export(world):
    """Every text of that room begins like a formula."""
    import csv

    from openpyxl import load_workbook

    app = app_of(world)
    with_all = {"what": ["first", "consensus", "model"]}
    asks = [
        Ask("GET", "/api/v1/projects/spring/export", {"params": {"format": form, **with_all}})
        for form in ("csv", "xlsx")
    ]
    with app_running(app):
        table, book = ask_all(app, asks, **as_person(world, "owner"))
    assert (table.status_code, book.status_code) == (200, 200), table.text[:300]
    text = opened(table.content).decode("utf-8-sig")
    assert "window.hit" in text
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "@", "\t", "\r") or re.match("-[^0-9]", cell)]
    for sheet in load_workbook(io.BytesIO(opened(book.content))):
        assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]


def opened(raw: bytes) -> bytes:
    """The first file of an archive that is no workbook; else what came."""
    if raw[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(raw)) as found:
            names = found.namelist()
            if "[Content_Types].xml" not in names:
                return found.read(next(n for n in names if n.endswith((".csv", ".xlsx"))))
    return raw


@contextmanager
def app_running(app: Any) -> Iterator[None]:
    """What runs beside the server, such as the making of exports, for as long as the block lasts."""
    from siming.web.routes import WORKERS

    with ExitStack() as stack:
        for worker in WORKERS:
            stack.enter_context(worker(app))
        yield


# --- scripts in every text ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("who", ["owner", "coordinator", "wei", "lin", "analyst", "auditor", "runner"])
def test_no_text_of_a_person_runs_on_any_page(world, browser, who):
    """Every page in Chromium, in a room whose every text is a script, a formula and a template."""
    from rooms_web import serving

    seen = 0
    with serving(world.room) as served:
        context = browser.new_context()
        token, _ = world.tokens[who]
        context.add_cookies([{"name": "siming_session", "value": token, "url": served.address}])
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append("a dialog"), dialog.dismiss()))
        values = there(world)
        if who == "lin":
            values["assignment"] = world.ids["wei-2"]
        for route in routes_of(served.app):
            if route.method != "GET" or route.path.startswith(("/api/", "/media", "/static", "/oidc", "/setup")):
                continue
            if route.path.endswith((".csv", "/document", "/report")):
                continue  # files
            for query in (
                "",
                f"?cell=A-4/{AED}/{values['step']}&look=plan&search=%3Cscript%3E&text=%22%3E%3Cscript%3E",
            ):
                answer = page.goto(served.address + route.at(values) + query, wait_until="load")
                page.wait_for_timeout(60)
                assert page.evaluate("window.hit") is None, route.name
                assert answer is None or answer.status < 500, route.name
                seen += "window.hit" in page.content()
        context.close()
    assert seen > 2, "no page showed what people had written"
    bad = [text for text in said if "Content Security" in text or "Refused to" in text or "dialog" in text]
    assert bad == []
    assert not [text for text in said if "Error:" in text], said


def test_the_room_that_is_served_is_the_one_that_was_walked(tmp_path):
    """Every route has a line in the table, and every line a route."""
    made: WebRoom = build_web_room(tmp_path)
    names = {route.name for route in routes_of(made.app)}
    lines = {" ".join(line.split()[:2]) for line in TABLE.read_text("utf-8").splitlines()[1:]}
    made.room.db.close()
    assert names == lines
