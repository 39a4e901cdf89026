"""What one check of a printed table found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Status = Literal["pass", "impossible", "needs denominator"]
Language = Literal["en", "zh"]
Fact = str | tuple[float, float]
"""A printed figure, or a range of numbers."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one row, or of all rows of a test set."""

    check: str
    """``f1``, ``mcc``, ``mcc_sign``, ``signs``, ``all_positive``, ``prevalence``, ``kappa_floor``, ``count``, ``share``,
    ``grim``, ``delta`` or ``p_value``."""
    rows: tuple[str, ...]
    status: Status
    said: str
    """Which of the sentences in ``texts`` says it."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """The numbers in that sentence."""
    denominators: tuple[int, int] | None = None
    """Smallest and largest denominator with which the figures agree, where the check has one."""

    @property
    def message(self) -> str:
        """What is printed, what it would have to be, and what was taken for granted, in English."""
        return self.words("en")

    def words(self, language: Language) -> str:
        """The same in a language."""
        say = texts(language)
        facts = {
            name: fact if isinstance(fact, str) else in_words(*fact, to=say["to"]) for name, fact in self.facts.items()
        }
        sentence: str = say["said"][self.said].format(**facts, one_table=say["one_table"])
        return sentence

    def meaning(self, language: Language) -> str:
        """What follows from the finding, for a reader who knows none of the formulas."""
        say = texts(language)["means"]
        sentence: str = say["pass"] if self.status == "pass" else say[self.check][self.status]
        return sentence

    def to_json(self) -> dict[str, Any]:
        """A plain dict for JSON; keys are the field names, and the sentence is in English."""
        out: dict[str, Any] = {
            "check": self.check,
            "rows": list(self.rows),
            "status": self.status,
            "message": self.message,
            "facts": {name: fact if isinstance(fact, str) else list(fact) for name, fact in self.facts.items()},
        }
        if self.denominators is not None:
            out["denominators"] = list(self.denominators)
        return out


@cache
def texts(language: Language) -> Mapping[str, Any]:
    """What the auditor says, in one language."""
    import yaml

    loaded: Mapping[str, Any] = yaml.safe_load(
        files("siming.metrics.audit.texts").joinpath(f"{language}.yaml").read_text(encoding="utf-8")
    )
    return loaded


def in_words(low: float, high: float, *, to: str = " to ") -> str:
    """A range of numbers, or the number where both ends print alike.

    >>> in_words(0.3085, 0.3101), in_words(0.5, 0.5)
    ('0.3085 to 0.3101', '0.5')
    """
    return f"{low:.4g}" if f"{low:.4g}" == f"{high:.4g}" else f"{low:.4g}{to}{high:.4g}"
