"""Every route of the application, with addresses to ask it by: what the blinding and the hostile tests walk over.

Nothing here lists routes. They are read from the application, so that a new one is walked from its first day; a path
parameter that the walk cannot fill fails the test that meets it.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import BaseModel

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Walked:
    """One method of one route."""

    method: str
    path: str
    endpoint: Any = field(compare=False, default=None)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names in the path."""
        return tuple(re.findall(r"\{(\w+)(?::\w+)?\}", self.path))

    @property
    def name(self) -> str:
        """Such as ``GET /queue``."""
        return f"{self.method} {self.path}"

    def at(self, values: Mapping[str, object]) -> str:
        """The address with its parameters put in."""
        return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: str(values[found[1]]), self.path)

    def addresses(self, known: Mapping[str, Sequence[str]], *, most: int = 60) -> list[str]:
        """The addresses with every combination of what is known put in.

        Raises:
            KeyError: the walk knows nothing to put into a parameter; teach it.
        """
        choices = [known[name] for name in self.parameters]
        return [self.at(dict(zip(self.parameters, c, strict=True))) for c in itertools.islice(_mixed(choices), most)]


def _mixed(choices: Sequence[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """All combinations, those that differ in the last part first."""
    return itertools.product(*choices)


def routes_of(app: FastAPI) -> list[Walked]:
    """Every method of every route, and one of each folder of files."""
    found = [Walked(method, path, endpoint) for method, path, endpoint in _routes(app.routes)]
    assert len(found) > 100, "the application keeps its routes where the walk does not look"
    return sorted(set(found), key=lambda r: (r.path, r.method))


def _routes(routes: Iterable[Any]) -> Iterator[tuple[str, str, Any]]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _routes(inner.routes)
        elif getattr(route, "methods", None):
            for method in route.methods:
                yield method, route.path, getattr(route, "endpoint", None)
        else:
            yield "GET", f"{route.path}/{{file}}", None


@dataclass(frozen=True)
class Ask:
    """One request."""

    method: str
    path: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Such as ``GET /queue``."""
        return f"{self.method} {self.path}"


def ask_all(
    app: FastAPI,
    asks: Sequence[Ask],
    *,
    cookies: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    before: Any = None,
    after: Any = None,
) -> list[httpx.Response]:
    """Send requests one after the other, without a server between; a session's pace is no subject here.

    `before` and `after` are called around each.
    """

    async def run() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app, client=("203.0.113.7", 40000))
        answers = []
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver", timeout=60) as client:
            for one in asks:
                client.cookies.clear()  # each request is asked with what the browser came with, and with nothing else
                for name, value in (cookies or {}).items():
                    client.cookies.set(name, value)
                if before:
                    before(one)
                options = dict(one.options)
                options["headers"] = {**(headers or {}), **options.get("headers", {})}
                answers.append(await client.request(one.method, one.path, **options))
                if after:
                    after(one)
        return answers

    return asyncio.run(run())


def body_for(route: Walked, openapi: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A body that a route of the API can read: what is `given` by name, and the least that its description allows."""
    described = openapi["paths"].get(route.path, {}).get(route.method.lower(), {})
    content = described.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        return {"json": least(content["application/json"]["schema"], openapi, given)}
    if "multipart/form-data" in content:
        whole = least(content["multipart/form-data"]["schema"], openapi, given)
        return {"files": {"file": ("a.json", b"{}", "application/json")}, "data": {k: str(v) for k, v in whole.items()}}
    return {"data": {"reason": "because", **{k: str(v) for k, v in given.items()}}}


def least(schema: Mapping[str, Any], openapi: Mapping[str, Any], given: Mapping[str, Any], name: str = "") -> Any:
    """The smallest value that a JSON schema allows."""
    if "$ref" in schema:
        return least(openapi["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]], openapi, given, name)
    if name in given:
        return given[name]
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return least(schema[choice][0], openapi, given, name)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "object":
            return {
                key: least(value, openapi, given, key)
                for key, value in schema.get("properties", {}).items()
                if key in schema.get("required", ()) or key in given
            }
        case "array":
            return [least(schema.get("items", {}), openapi, given)] * schema.get("minItems", 0)
        case "string":
            if schema.get("pattern", "").startswith("^[0-9a-f]{64}"):
                return "0" * 64
            return "x" * max(1, schema.get("minLength", 0))
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
    return None


def body_models(route: Walked) -> list[type[BaseModel]]:
    """The pydantic models that a route reads."""
    hints = getattr(route.endpoint, "__annotations__", {})
    return [kind for kind in hints.values() if isinstance(kind, type) and issubclass(kind, BaseModel)]
