"""The frame of every page: one file with its own style and script, a bar with both switches, and a footer.

A page needs no server, no network and no build. Only the style and the script written here may run: the policy in the
head names them by their digests.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources

from siming.report.bilingual import both, hidden
from siming.report.markup import Html, html, tag
from siming.report.texts import LANGUAGE_TAGS, LANGUAGES, Language

SWITCH: Mapping[Language, str] = {"en": "EN", "zh": "中文"}
"""Each language is named in itself, so that whoever needs it can read it."""


def document(
    *,
    titles: Mapping[Language, str],
    links: Sequence[tuple[str, Html]],
    content: Sequence[Html],
    made_by: Html,
    language: Language,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
) -> str:
    """A whole page as text.

    Args:
        titles: What the window is called, in each language.
        links: Of the bar: (target, words). The first is where the brand leads, too.
        content: What stands in the main part.
        made_by: The footer's last line.
        language: Shown first, and shown without script; the reader can switch.
        styles: Further rules after those that all pages share.
        scripts: What the page does beyond what all pages do.
    """
    body = tag(
        "body",
        tag("a", both("page.skip"), href="#main", class_="skip"),
        _bar(links),
        tag("main", *content, id="main", tabindex=-1),
        tag("footer", tag("p", both("hero.purpose")), tag("p", made_by)),
    )
    style, script = (
        "\n".join([read_asset("shared/tokens.css"), read_asset("style.css"), *styles]),
        "\n".join([read_asset("page.js"), *scripts]),
    )
    head = _head(titles, style, script, language)
    root = tag("html", head, body, lang=LANGUAGE_TAGS[language], data_lang=language)
    return f"<!doctype html>\n{root}\n"


def read_asset(name: str, package: str = "siming.report") -> str:
    """A file that stands beside the modules of a package, such as a style sheet."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


def _head(titles: Mapping[Language, str], style: str, script: str, language: Language) -> Html:
    policy = "; ".join(
        [
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", titles[language], data_en=titles["en"], data_zh=titles["zh"]),
        tag("style", Html(style)),
        tag("script", Html(script)),
    )


def _bar(links: Sequence[tuple[str, Html]]) -> Html:
    languages = [
        tag("button", SWITCH[code], type="button", data_set_lang=code, lang=LANGUAGE_TAGS[code], aria_pressed="false")
        for code in LANGUAGES
    ]
    schemes = [
        tag("button", tag("span", sign, aria_hidden="true"), hidden(f"scheme.{scheme}"), type="button", data_set_theme=scheme, aria_pressed="false")
        for scheme, sign in (("light", "☀"), ("dark", "☾"))
    ]  # fmt: skip
    return tag(
        "header",
        tag("a", tag("b", "siming"), html(" 司命"), href=links[0][0], class_="brand"),
        tag("nav", *(tag("a", words, href=target) for target, words in links), class_="sections"),
        tag("div", *languages, class_="switch", role="group"),
        tag("div", *schemes, class_="switch", role="group"),
        class_="bar",
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
