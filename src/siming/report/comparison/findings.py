"""What a comparison answers, question by question; the page and the terminal say it in the same words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from siming.report.column import Plain, number, p_value

Words = TypeVar("Words")

CERTAIN = 0.05
"""Below it a joint test says no."""


@dataclass(frozen=True, slots=True)
class Findings(Generic[Words]):
    """Writes the findings of one setting in the form that its callables give."""

    say: Callable[..., Words]
    """Key of a text and its fields to words."""
    names: Callable[[Sequence[str]], Words]
    """Names of models, listed."""
    baseline: Callable[[str], Words]
    """What a blind baseline is called."""
    reason: Callable[[str], Words]
    """Why there is no number."""

    def of(self, found: Plain) -> list[tuple[Words, Words]]:
        """Questions and what the data answer."""
        pairs = found["pairs"]
        if pairs:
            lines = [(self.say("comparison.who"), self._apart(pairs))]
            lines += [
                (self.say(f"comparison.{name}"), self._joint(name, found["tests"][name]))
                for name in ("all_equal", "all_zero")
                if found["tests"][name]
            ]
        else:
            lines = [(self.say("comparison.who"), self.say("comparison.apart_one"))]
        luck = found["best_of_nulls"]
        if luck and luck["expected"]["value"] is not None:
            lines.append((self.say("comparison.luck", m=luck["models"]), self._luck(found)))
        if found["blind"]:
            lines.append((self.say("comparison.blind"), self._blind(found)))
        return lines

    def _apart(self, pairs: Sequence[Plain]) -> Words:
        apart = sum(pair["apart"] for pair in pairs)
        return self.say("comparison.apart_some" if apart else "comparison.apart_none", apart=apart, all=len(pairs))

    def _joint(self, name: str, test: Plain) -> Words:
        p = test["p"]["value"]
        if p is None:
            return self.say("comparison.no_test", reason=self.reason(str(test["p"]["reason"])))
        return self.say(f"comparison.{name}_{'no' if p < CERTAIN else 'open'}", p=p_value(p))

    def _luck(self, found: Plain) -> Words:
        luck = found["best_of_nulls"]
        return self.say(
            "comparison.luck_is",
            expected=number(luck["expected"]["value"]),
            exceeded=number(luck["exceeded"]["value"]),
            top=number(max(m["value"]["value"] for m in found["models"] if m["value"]["value"] is not None)),
            p=p_value(luck["p"]["value"]),
        )

    def _blind(self, found: Plain) -> Words:
        blind = found["blind"]
        if blind["best"] is None:
            return self.say("comparison.blind_undefined")
        above = [str(name) for name in blind["beaten_by"]]
        others = [str(model["name"]) for model in found["models"] if model["name"] not in above]
        value = next(b["value"]["value"] for b in blind["baselines"] if b["name"] == blind["best"])
        key = "blind_none" if not above else "blind_some" if others else "blind_all"
        return self.say(
            f"comparison.{key}",
            best=self.baseline(blind["best"]),
            value=number(value),
            names=self.names(above),
            others=self.names(others),
        )
