"""What names a question. Its `id` does not: 6,245 questions of the test set share 3,975 of them."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import NamedTuple


class Key(NamedTuple):
    """Names a question; what still shares a key is a true duplicate, and told apart by its position alone."""

    id: str
    qa_type: str
    question: str
    """SHA-256 of the question's words, hexadecimal."""


def key_of(row_id: str, qa_type: str, question: str) -> Key:
    """The key of a question, as `question_words` reads its text."""
    return Key(row_id, qa_type, hashlib.sha256(question_words(question).encode("utf-8", "surrogatepass")).hexdigest())


def question_words(question: str) -> str:
    """A question without the place of the video and without accidents of spacing and composition.

    >>> question_words("<video>\\nWhat  comes next? ")
    'What comes next?'
    """
    return " ".join(unicodedata.normalize("NFC", question.replace("<video>", " ")).split())
