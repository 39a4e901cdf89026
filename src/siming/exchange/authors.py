"""An author in one piece of text, for programs that know only a name."""

from __future__ import annotations

from typing import get_args

from siming.rubric import Author
from siming.rubric.sheet import AuthorKind

_KINDS: dict[str, AuthorKind] = {kind: kind for kind in get_args(AuthorKind)}


def author_text(author: Author) -> str:
    """A physician's name as it is, anyone else's behind his kind; `author_of` reads it.

    >>> author_text(Author(kind="physician", name="wei")), author_text(Author(kind="model", name="qwen"))
    ('wei', 'model:qwen')
    """
    plain = author.kind == "physician" and author.name and author.name.partition(":")[0] not in _KINDS
    return author.name if plain else f"{author.kind}:{author.name}"


def author_of(text: str) -> Author:
    """The author that `author_text` wrote down; a name without a kind is a physician's.

    >>> author_of("wei").kind, author_of("model:qwen").name
    ('physician', 'qwen')
    """
    kind, colon, name = text.partition(":")
    if colon and kind in _KINDS:
        return Author(kind=_KINDS[kind], name=name)
    return Author(kind="physician", name=text)
