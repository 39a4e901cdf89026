"""Reading a design such as ``p x (i:s) x r``: which facets there are, what nests in what, which effects follow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from siming.errors import LabelError

_WORD = re.compile(r"\s*(?:([^\W\d]\w*)|([:()×*]))")


@dataclass(frozen=True, slots=True)
class Effect:
    """One source of variance, such as ``pi:s``: persons by steps, the steps within their skills."""

    name: str
    primary: frozenset[str]
    """Before the colon: the facets that interact."""
    within: frozenset[str]
    """After the colon: the facets inside whose levels they do."""

    @property
    def facets(self) -> frozenset[str]:
        """All facets whose levels tell two values of the effect apart."""
        return self.primary | self.within


@dataclass(frozen=True, slots=True)
class Design:
    """Facets and effects of a study. The object of measurement (the videos, or persons) is always a facet."""

    text: str
    facets: tuple[str, ...]
    """In the order of the text."""
    within: Mapping[str, frozenset[str]]
    """Facet to all facets that it is nested in, near and far."""
    object: str
    """The facet whose differences are wanted; all others are conditions of measurement."""
    effects: tuple[Effect, ...]
    """Fewer facets first, then in the order of the text; the last one is the residual."""

    def get_effect(self, name: str) -> Effect:
        """The effect of that name.

        Raises:
            LabelError: The design has no such effect; the message lists those there are.
        """
        for effect in self.effects:
            if effect.name == name:
                return effect
        raise LabelError(f"design {self.text!r} has no effect {name!r}; it has {', '.join(map(str, self.names))}")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the effects, in order."""
        return tuple(effect.name for effect in self.effects)

    def above(self, effect: Effect) -> tuple[Effect, ...]:
        """Effects that hold all facets of this one and more: they are part of its expected mean square."""
        return tuple(other for other in self.effects if other.facets > effect.facets)


def read_design(text: str, *, object: str | None = None) -> Design:
    """Read a design: facets joined by ``x`` where crossed and by ``:`` where the left nests in the right.

    ``:`` binds tighter than ``x``; brackets group. ``i:s`` reads "steps within skills"; ``r:(p x t)`` gives every
    person on every station raters of his own. A facet is any word but ``x``.

    Args:
        text: Such as ``p x i x r``.
        object: The object of measurement; the first facet of the text unless named.

    Raises:
        LabelError: The text is not a design, a facet stands in it twice, or the object is unknown or nested.

    >>> read_design("p x (i:s) x r").names
    ('p', 's', 'r', 'ps', 'pr', 'i:s', 'sr', 'pi:s', 'psr', 'ir:s', 'pir:s')
    """
    within = _Reader(text).read()
    facets = tuple(within)
    chosen = facets[0] if object is None else object
    if chosen not in within:
        raise LabelError(f"design {text!r} has no facet {chosen!r} to measure; it has {', '.join(facets)}")
    if within[chosen]:
        outer = ", ".join(sorted(within[chosen]))
        raise LabelError(
            f"in design {text!r} the object of measurement {chosen!r} is nested in {outer}; "
            f"write it crossed, or study each {outer} by itself"
        )
    if len(facets) < 2:
        raise LabelError(f"design {text!r} has the facet {facets[0]!r} only; name another, as in 'p x r'")
    return Design(text, facets, within, chosen, _effects(facets, within))


def _effects(facets: tuple[str, ...], within: Mapping[str, frozenset[str]]) -> tuple[Effect, ...]:
    """Every set of facets that holds, with a facet, all it nests in."""
    effects = []
    for size in range(1, len(facets) + 1):
        for chosen in combinations(facets, size):
            outer = frozenset[str]().union(*(within[facet] for facet in chosen))
            if outer <= set(chosen):
                primary = frozenset(chosen) - outer
                effects.append(Effect(_name(facets, primary, outer), primary, outer))
    return tuple(effects)


def _name(facets: tuple[str, ...], primary: frozenset[str], within: frozenset[str]) -> str:
    glue = "" if all(len(facet) == 1 for facet in facets) else " x "
    halves = (glue.join(facet for facet in facets if facet in part) for part in (primary, within) if part)
    return ":".join(halves)


class _Reader:
    """Recursive descent over ``crossed := nested (x nested)*``, ``nested := unit (: unit)*``."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words: list[str] = []
        at = 0
        while text[at:].strip():
            found = _WORD.match(text, at)
            if found is None:
                raise self._error(f"{text[at:].strip()[0]!r} means nothing in it")
            word = found[1] or found[2]
            self.words.append("x" if word in ("×", "*", "X") else word)
            at = found.end()
        self.at = 0

    def read(self) -> dict[str, frozenset[str]]:
        design = self._crossed()
        if self._next() is not None:
            raise self._error(f"{self._next()!r} stands where 'x', ':' or the end should")
        return design

    def _crossed(self) -> dict[str, frozenset[str]]:
        design = self._nested()
        while self._next() == "x":
            self.at += 1
            design = self._joined(design, self._nested())
        return design

    def _nested(self) -> dict[str, frozenset[str]]:
        design = self._unit()
        while self._next() == ":":
            self.at += 1
            outer = self._unit()
            design = self._joined({facet: known | set(outer) for facet, known in design.items()}, outer)
        return design

    def _unit(self) -> dict[str, frozenset[str]]:
        word = self._next()
        self.at += 1
        if word == "(":
            design = self._crossed()
            if self._next() != ")":
                raise self._error("a bracket is not closed")
            self.at += 1
            return design
        if word is None or word in ("x", ":", ")"):
            raise self._error(f"a facet is missing {'at the end' if word is None else f'before {word!r}'}")
        return {word: frozenset()}

    def _joined(self, first: dict[str, frozenset[str]], second: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        twice = sorted(set(first) & set(second))
        if twice:
            raise self._error(f"the facet {twice[0]!r} stands in it twice")
        return first | second

    def _next(self) -> str | None:
        return self.words[self.at] if self.at < len(self.words) else None

    def _error(self, found: str) -> LabelError:
        return LabelError(
            f"design {self.text!r} cannot be read: {found}; write facets joined by 'x' (crossed) or ':' (the left "
            "nested in the right), such as 'p x i x r' or 'p x (i:s) x r'"
        )
