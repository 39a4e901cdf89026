"""The API described on a page of ours: the usual viewers load scripts from elsewhere, which the policy refuses."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from siming.web.page import render
from siming.web.who import SignedIn, signed_in

pages = APIRouter(include_in_schema=False)


@pages.get("/api")
def show(request: Request, who: Annotated[SignedIn, Depends(signed_in)]) -> Response:
    """Every address of the API with what it takes and gives."""
    described = request.app.openapi()
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in described["paths"].items():
        for method, about in methods.items():
            group = (about.get("tags") or [""])[0]
            groups.setdefault(group, []).append(
                {
                    "method": method.upper(),
                    "path": path,
                    "summary": about.get("summary", ""),
                    "text": about.get("description", ""),
                    "parameters": [(p["name"], p["in"], p.get("required", False)) for p in about.get("parameters", [])],
                    "body": _name(about.get("requestBody", {}).get("content", {})),
                    "answer": _name(_good(about.get("responses", {})).get("content", {})),
                }
            )
    return render(request, "api.html", who=who, groups=sorted(groups.items()), here="api")


def _good(responses: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next((about for status, about in responses.items() if status.startswith("2")), {})
    return found


def _name(content: dict[str, Any]) -> str:
    """What a body is called."""
    for kind, about in content.items():
        schema = about.get("schema", {})
        items = schema.get("items", {})
        name = schema.get("$ref") or items.get("$ref") or schema.get("title") or schema.get("type") or kind
        return str(name).rpartition("/")[2] + ("[]" if items else "")
    return ""
