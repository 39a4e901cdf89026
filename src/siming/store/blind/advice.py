"""What the examiner says of a draft while it is being made: limits and contradictions, never points.

A rater saves every two seconds and most changes (notes, played stretches) do not matter here, so answers are kept by
what does: points, ticked deductions, evidence and blanks of one rubric.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from siming.errors import SimingError
from siming.rubric import Language, Rubric
from siming.rubric.limits import contradictions, limits
from siming.store.blind.change import Paper
from siming.store.blind.draft import Draft, entries_of
from siming.store.canonical import canonical_json

LOG = logging.getLogger("siming.store")

Both = Mapping[Language, str]


@dataclass(frozen=True, slots=True)
class Advice:
    """One limit on a step, in words."""

    rubric: str
    step: str
    kind: str
    """As `rubric.limits.Limit.kind`."""
    points: float | None
    certain: bool
    text: Both


@dataclass(frozen=True, slots=True)
class Conflict:
    """A step with more points than a certain limit allows; a warning, the points stand."""

    rubric: str
    step: str
    text: Both


Advised = tuple[tuple[Advice, ...], tuple[Conflict, ...]]


def advice_on(draft: Draft, paper: Paper) -> Advised:
    """Limits and contradictions of all rubrics, in their order."""
    parts = [_KEPT.get(rubric, draft) for rubric in paper.rubrics]
    return tuple(a for part in parts for a in part[0]), tuple(c for part in parts for c in part[1])


class _Kept:
    """The last answers, by rubric and by what of the draft matters."""

    MOST = 2_000

    def __init__(self) -> None:
        self._line = threading.Lock()
        self._answers: OrderedDict[tuple[int, str], tuple[Rubric, Advised]] = OrderedDict()

    def get(self, rubric: Rubric, draft: Draft) -> Advised:
        key = (id(rubric), canonical_json(_what_matters(rubric, draft)))
        with self._line:
            found = self._answers.get(key)
            if found is not None:
                self._answers.move_to_end(key)
                return found[1]
        made = _advised(rubric, draft)
        with self._line:
            self._answers[key] = (rubric, made)  # holds the rubric, so that its id stays its own
            if len(self._answers) > self.MOST:
                self._answers.popitem(last=False)
        return made


_KEPT = _Kept()


def _what_matters(rubric: Rubric, draft: Draft) -> object:
    steps = draft.get("steps", {}).get(rubric.id, {})
    return {
        step: [entered.get(name) for name in ("points", "blank", "deductions", "evidence")]
        for step, entered in steps.items()
    }


def _advised(rubric: Rubric, draft: Draft) -> Advised:
    entries = entries_of(draft, rubric)
    try:
        found = limits(rubric, entries)
    except SimingError:
        LOG.exception("no advice on rubric %s %s", rubric.id, rubric.version)  # what was saved is saved all the same
        return (), ()
    return (
        tuple(
            Advice(
                rubric=rubric.id,
                step=limit.step,
                kind=limit.kind,
                points=limit.points,
                certain=limit.certain,
                text={"en": limit.text(rubric, "en"), "zh": limit.text(rubric, "zh")},
            )
            for limit in found
        ),
        tuple(
            Conflict(rubric.id, c.step, {"en": c.text(rubric, "en"), "zh": c.text(rubric, "zh")})
            for c in contradictions(rubric, entries, found)
        ),
    )
