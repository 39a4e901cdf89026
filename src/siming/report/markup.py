"""HTML that cannot be broken by what it carries: every text is escaped unless it was built here.

A reply of a model is hostile until shown otherwise: it may hold tags, handlers, ends of scripts, control
characters, or marks that turn the order of the text around it. Elements are therefore built by `tag`, never
by pasting strings, and `plain` makes invisible characters visible.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

_VOID = frozenset({"br", "hr", "img", "meta"})

# Control characters (tab and newline are fine), half surrogates, and the marks that reorder or hide text.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


class Html(str):
    """Markup built by this module; anything else is text and will be escaped."""

    __slots__ = ()


def plain(text: str) -> str:
    """The text with every control, reordering or zero-width character shown by its code point.

    >>> plain("done" + chr(0x202E) + "enod")
    'done⟨U+202E⟩enod'
    """
    text = text.replace("\r\n", "\n")
    return _INVISIBLE.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def html(content: object) -> Html:
    """Content as markup: built markup as it is, None as nothing, anything else as escaped text."""
    if isinstance(content, Html):
        return content
    return Html("") if content is None else Html(escape(plain(str(content))))


def join(contents: Iterable[object], separator: str = "") -> Html:
    """Contents one after the other."""
    return Html(separator.join(html(content) for content in contents))


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """One element. An attribute of None or False is left out, True stands without a value.

    Underscores in names become hyphens and a trailing one is dropped, so `class_` and `aria_label` work.

    >>> tag("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        label = key.rstrip("_").replace("_", "-")
        parts.append(label if value is True else f'{label}="{escape(plain(str(value)))}"')
    opening = " ".join(parts)
    if name in _VOID:
        return Html(f"<{opening}>")
    return Html(f"<{opening}>{join(children)}</{name}>")
