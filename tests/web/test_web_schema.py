"""The API does what its OpenAPI document says: requests drawn from it, as each role, and every answer held against it.

``SIMING_SCHEMA_EXAMPLES=100`` draws that many requests per route and role; by default a few, for every run.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    status_code_conformance,
)
from test_web_blinding import ACTS, World, act, copy_of, make_world
from test_web_hostile import TELLS, app_of, as_person, there

from siming.web.security import HEADERS

EXAMPLES = int(os.environ.get("SIMING_SCHEMA_EXAMPLES", "3"))
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
)
ROLES = ("owner", "coordinator", "wei", "lin", "analyst", "runner")


@schemathesis.serializer("application/offset+octet-stream")
def _piece(_: Any, value: Any) -> bytes:
    """A piece of a file is sent as it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[World]:
    """A room in which much has happened; the requests of all roles meet in it."""
    made = make_world(tmp_path_factory.mktemp("past") / "room", "third", ())
    act(made, [name for name in ACTS if name != "a film is hidden"])
    made.room.db.close()
    with copy_of(made, tmp_path_factory.mktemp("copy") / "room") as copy:
        copy.room.clock.ticks = True
        yield copy


@pytest.fixture(scope="module")
def app(world) -> Any:
    return app_of(world)


@pytest.fixture(scope="module")
def document(app) -> dict[str, Any]:
    return app.openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of everything in the document."""
    return [
        (method.upper(), path, about)
        for path, methods in document["paths"].items()
        for method, about in methods.items()
        if method in ("get", "put", "post", "delete", "patch", "head")
    ]


def test_every_route_of_the_api_is_described(document):
    """A summary, words, what comes back, and what comes back when it is refused."""
    for method, path, about in operations(document):
        name = f"{method} {path}"
        assert about["summary"], name
        assert about.get("description", "").strip(), name
        good = [code for code in about["responses"] if code.startswith("2")]
        assert len(good) == 1, name
        if good != ["204"] and method != "HEAD":
            contents = about["responses"][good[0]]["content"].values()
            assert contents, name
            assert all(content.get("schema") for content in contents), name
        for code in ("401", "403", "404", "422", "429", "503"):
            schema = about["responses"][code]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Refused"}, (name, code)


def test_every_list_that_is_asked_for_has_an_end(document):
    """No query asks for an unbounded page."""
    for method, path, about in operations(document):
        for parameter in about.get("parameters", ()):
            if parameter["name"] in ("limit", "per_page"):
                assert parameter["schema"]["maximum"] <= 1000, (method, path)


def holds_to(document: dict[str, Any], case: Any, answer: Any) -> None:
    """The answer's JSON against its schema. By another library: schemathesis cannot yet read `prefixItems`, which pairs
    of numbers are described by."""
    about = document["paths"][case.path][case.method.lower()]["responses"].get(str(answer.status_code), {})
    schema = about.get("content", {}).get("application/json", {}).get("schema")
    if schema is not None and schema.get("format") != "binary" and answer.content:
        jsonschema_rs.Draft202012Validator({**schema, "components": document["components"]}).validate(answer.json())


@pytest.mark.parametrize("who", ROLES)
def test_what_the_document_allows_is_answered_as_it_says(world, app, document, who):
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app)
    signed = as_person(world, who)
    values, drawn_so_far, statuses = there(world), [0], Counter[int]()
    failures: dict[str, str] = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in ("/api/v1/session",) and operation.method.lower() == "post":
            continue  # wrong passwords have to wait: what it answers is for the tests of signing in

        def ask(case: Any) -> None:
            drawn_so_far[0] += 1
            if drawn_so_far[0] % 2:  # by chance alone no id would ever be one that is there
                case.path_parameters.update({k: v for k, v in values.items() if k in case.path_parameters})
            answer = case.call(cookies=signed["cookies"], headers=signed["headers"])
            name = f"{case.method} {case.path}"
            statuses[answer.status_code] += 1
            try:
                case.validate_response(answer, checks=list(CHECKS))
                holds_to(document, case, answer)
                body = answer.text if "json" in answer.headers.get("content-type", [""])[0] else ""
                assert not TELLS.search(body) or "openapi" in case.path, TELLS.search(body)
            except Exception as error:  # all are told at once
                failures.setdefault(name, str(error)[:1500])

        drawn = given(case=operation.as_strategy())(ask)
        seed(7)(
            settings(
                max_examples=EXAMPLES,
                deadline=None,
                database=None,
                verbosity=Verbosity.quiet,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.explicit, Phase.generate],
            )(drawn)
        )()
    assert sum(n for status, n in statuses.items() if status < 300) > 10, statuses
    assert not failures, "\n\n".join(f"{name}: {why}" for name, why in failures.items())


def test_every_answer_of_the_api_is_sealed(world, app):
    from walk import Ask, ask_all

    asks = [Ask("GET", path.replace("{", "").replace("}", "")) for path in app.openapi()["paths"]]
    for answer in ask_all(app, asks, **as_person(world, "owner")):
        for name in HEADERS:
            assert name.lower() in answer.headers
