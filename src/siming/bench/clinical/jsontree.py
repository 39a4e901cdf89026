"""JSON as models write it: read in one pass, with whatever is broken left out.

Besides correct JSON: text around it, code fences, trailing commas, single or Chinese quotes, full-width commas and
colons, Python's words, bare keys, comments, quotes inside strings that nobody escaped, brackets forgotten,
and an end cut off anywhere. Nothing raises, and time grows with the length of the text only: every token is one
match of an expression without backtracking, and no piece of text is looked at again after a failure.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TypeAlias

Scalar: TypeAlias = str | float | bool | None


@dataclass(slots=True)
class Node:
    """An object or a list, with its pairs as they stood: a key given twice is there twice."""

    kind: str
    """``{`` or ``[``."""
    items: list[tuple[str | None, Node | Scalar]] = field(default_factory=list)
    """Key (None in lists) and value. A value that was left empty is an empty text."""
    closed: bool = False
    """False when the text ended before it did."""


MOST_NESTED = 64
"""Deeper brackets are left out: no answer needs them."""

# A quote ends a string only before something that can follow a string; others are quotes the model forgot to escape.
_AFTER_STRING = r"""(?=
    \s*+ (?: [}\]:\uff1a] | \Z
           | [,\uff0c] \s*+ (?: ["\u201c'{\[\]}\d-] | true | false | null | True | False | None | \w{1,40}+\s*+[:\uff1a] | \Z ) )
  | [\ \t]*+ \r?\n )"""

_OPEN = re.compile(r"[{\[]")
_TOKEN = re.compile(
    rf"""\s*+ (?:
      (?P<open>[{{\[]) | (?P<close>[}}\]]) | (?P<colon>[:\uff1a]) | (?P<comma>[,\uff0c])
    | "(?P<double> (?: [^"\\] | \\(?:.|\Z) | "(?!{_AFTER_STRING}) )*+ ) (?P<double_end>"|\Z)
    | '(?P<single> (?: [^'\\] | \\(?:.|\Z) | '(?!{_AFTER_STRING}) )*+ ) (?P<single_end>'|\Z)
    | \u201c(?P<chinese> [^\u201d]*+ ) (?P<chinese_end>\u201d|\Z)
    | (?P<word> [^{{}}\[\]:\uff1a,\uff0c"\n]++ ) )""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"-?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,4})?")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "none": None}


def find_trees(text: str) -> list[Node]:
    """The outermost objects and lists in a text, in order. Only the last can be unclosed.

    >>> [node.items for node in find_trees('So: {"cpr01": 3, aed01: None,} and [1, 2')]
    [[('cpr01', 3.0), ('aed01', None)], [(None, 1.0)]]
    """
    roots: list[Node] = []
    builder = _Builder()
    position = 0
    while True:
        if not builder.stack:
            opening = _OPEN.search(text, position)
            if opening is None:
                return roots
            roots.append(builder.open(opening[0]))
            position = opening.end()
            continue
        token = _TOKEN.match(text, position)
        if token is None or token.end() == position:
            return roots
        position = token.end()
        builder.take(token, at_end=position == len(text))


@dataclass(slots=True)
class _Open:
    """An object or list still being read."""

    node: Node
    key: str | None = None
    wants_value: bool = False


@dataclass(slots=True)
class _Builder:
    stack: list[_Open] = field(default_factory=list)

    def open(self, bracket: str) -> Node:
        node = Node(bracket)
        if len(self.stack) < MOST_NESTED:
            if self.stack:
                self.add(node)
            self.stack.append(_Open(node))
        return node

    def take(self, token: re.Match[str], *, at_end: bool) -> None:
        kind = token.lastgroup
        if kind == "open":
            self.open(token["open"])
        elif kind == "close":
            self.close("{" if token["close"] == "}" else "[")
        elif kind == "colon":
            top = self.stack[-1]
            top.wants_value = top.key is not None
        elif kind == "comma":
            self.end_pair(self.stack[-1])
        elif kind == "word":
            # At the very end a word may be the first half of a longer one: 1 of 18.
            if not at_end:
                self.add(_scalar(token["word"]))
        elif token[kind or 0]:  # the quote that ends a string; empty where the text ended first
            name = (kind or "").removesuffix("_end")
            self.add(_unescaped(token[name]))

    def add(self, value: Node | Scalar) -> None:
        top = self.stack[-1]
        if top.node.kind == "[":
            top.node.items.append((None, value))
        elif top.wants_value:
            top.node.items.append((top.key, value))
            top.key, top.wants_value = None, False
        elif isinstance(value, Node):
            top.node.items.append((None, value))
        else:
            top.key = f"{value:g}" if isinstance(value, float) else str(value)

    def end_pair(self, top: _Open) -> None:
        if top.wants_value:
            top.node.items.append((top.key, ""))
        top.key, top.wants_value = None, False

    def close(self, bracket: str) -> None:
        """Close the innermost bracket of this kind and those inside it that were forgotten."""
        if all(frame.node.kind != bracket for frame in self.stack):
            return
        while self.stack:
            frame = self.stack.pop()
            self.end_pair(frame)
            frame.node.closed = True
            if frame.node.kind == bracket:
                return


def _scalar(word: str) -> Scalar:
    word = word.partition("//")[0].strip()
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    return float(word) if _NUMBER.fullmatch(word) else word


def _unescaped(inside: str) -> str:
    if "\\" not in inside:
        return inside
    try:
        text = json.loads(f'"{inside}"', strict=False)
    except ValueError:
        return inside
    # Half a surrogate pair could not be written to a file later.
    return str(text).encode("utf-8", "replace").decode()
