"""Pages from templates: the reader's language and theme, who he is, and the form token."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, unquote

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup

from siming.store.cases.joint import joint_cases
from siming.store.database import moment_of
from siming.web import texts
from siming.web.nav import project_pages, rates
from siming.web.numbers import formatted
from siming.web.texts import LANGUAGES, Language
from siming.web.who import SignedIn, database, maybe_signed_in, settings, visitor_cookie, visitor_token

STATIC = Path(str(files("siming.web").joinpath("static")))
SHARED = "siming.report", "shared"
"""Package and folder of the style that reports have too; served beside `STATIC`."""
TEMPLATES = Path(str(files("siming.web").joinpath("templates")))
THEMES = ("auto", "light", "dark")

Flash = Literal["done", "problem"]


def render(
    request: Request, template: str, *, who: SignedIn | None = None, status: int = 200, **values: Any
) -> HTMLResponse:
    """The page of a template in the reader's language.

    Templates extend ``base.html`` and have ``t("key", n=3)``, ``who``, ``csrf``, ``language``, ``static("room.css")``,
    ``when(stamp)`` and the filter ``say`` for values in both languages (`{en: ..., zh: ...}`).
    """
    who = who or maybe_signed_in(request)
    language = language_of(request, who)
    visitor = None
    if who is None:
        visitor = request.cookies.get(visitor_cookie(settings(request))) or secrets.token_urlsafe(24)
        csrf = visitor_token(database(request), visitor)
    else:
        csrf = who.csrf
    context: dict[str, Any] = {
        "request": request,
        "path": request.url.path,
        "who": who,
        "csrf": csrf,
        "language": language,
        "theme": theme_of(request, who),
        "flash": _read_flash(request),
        "say_error": lambda error: texts.say_error(language, error),
        "t": _teller(language),
        "project": None,
        "rights": frozenset(),
        "in_cases": frozenset(),
        "here": "",
        **values,
    }
    if who is not None and context["project"] is not None:
        context["rights"] = rights = who.actor.rights_in(context["project"].id)
        joint = joint_cases(database(request), who.actor) if "rate" in rights else ()
        context["in_cases"] = {found.project for found in joint}
    html = _environment().get_template(template).render(context)
    response = HTMLResponse(html, status_code=status)
    response.headers["Content-Language"] = "zh-CN" if language == "zh" else "en"
    if visitor is not None:
        keep(request, response, visitor_cookie(settings(request)), visitor)
    if context["flash"] is not None:
        response.delete_cookie(FLASH)
    return response


FLASH = "siming_flash"
LONGEST_FLASH = 4096
"""Characters; browsers keep no longer cookies."""


def redirect(to: str, *, flash: str | None = None, kind: Flash = "done", **params: object) -> RedirectResponse:
    """Send the browser on after a form; `flash` is the key of a text that the next page shows once."""
    response = RedirectResponse(to, status_code=303)
    if flash is not None:
        plain = json.dumps([kind, flash, {k: str(v)[:200] for k, v in params.items()}], ensure_ascii=False)
        response.set_cookie(FLASH, quote(plain), max_age=60, httponly=True, samesite="lax")
    return response


def keep(request: Request, response: Response, name: str, value: str, *, seconds: int | None = None) -> None:
    """Set a cookie that scripts cannot read and other sites do not send."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", httponly=True, samesite="lax", secure=settings(request).https
    )


def language_of(request: Request, who: SignedIn | None) -> Language:
    """The person's language, else the cookie's, else the browser's."""
    if who is not None:
        return who.person.language
    chosen = request.cookies.get("siming_language")
    if chosen in LANGUAGES:
        return "zh" if chosen == "zh" else "en"
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


def theme_of(request: Request, who: SignedIn | None) -> str:
    """``auto``, ``light`` or ``dark``."""
    chosen = who.person.settings.get("theme") if who is not None else request.cookies.get("siming_theme")
    return chosen if chosen in THEMES else "auto"


def when(stamp: str | None, *, seconds: bool = False) -> str:
    """A stored time for people: ``2026-03-01 08:00 UTC`` in an element by which `room.js` tells the reader's own time."""
    if stamp is None:
        return "–"
    moment = moment_of(stamp)
    told = moment.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")
    return Markup('<time datetime="{}">{} UTC</time>').format(moment.strftime("%Y-%m-%dT%H:%M:%SZ"), told)


def _teller(language: Language) -> Any:
    def t(key: str, **values: object) -> str:
        if not any(isinstance(value, Markup) for value in values.values()):
            return texts.text(language, key, **values)
        # An element among the values stays one, and everything else is escaped here, the text itself too.
        return Markup.escape(texts.pattern(language, key, values.get("n"))).format(**values)

    return t


def _read_flash(request: Request) -> tuple[str, str, Mapping[str, str]] | None:
    raw = request.cookies.get(FLASH)
    if not raw or len(raw) > LONGEST_FLASH:
        return None
    try:
        kind, key, params = json.loads(unquote(raw))
        if kind not in ("done", "problem") or not texts.has_text(key):
            return None
        texts.text("en", key, **params)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return None  # anybody can write a cookie
    return kind, key, params


@jinja2.pass_context
def _say(context: jinja2.runtime.Context, both: Any) -> str:
    """A value in both languages, in the reader's."""
    if isinstance(both, Mapping):
        return str(both.get(context["language"]) or both.get("en") or "")
    return str(both)


@cache
def _static_address(name: str) -> str:
    package, folder = SHARED
    file = STATIC / name if (STATIC / name).is_file() else files(package).joinpath(folder, name)
    mark = sha256(file.read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={mark}"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["static"] = _static_address
    environment.globals["when"] = when
    environment.globals["project_pages"] = project_pages
    environment.globals["rates"] = rates
    environment.filters["say"] = _say
    environment.filters["format"] = formatted
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "sort_keys": False}
    return environment
