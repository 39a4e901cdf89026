"""One limit on what a step can earn, and one contradiction of it, as data and as sentences in both languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from siming.rubric.loss import texts
from siming.rubric.rubric import Language, Rubric

Kind = Literal["void", "cap", "deduct", "note", "order"]
Why = Literal[
    "void",
    "void_perhaps",
    "deductions",
    "points",
    "not_set",
    "cleared",
    "not_done",
    "unexplained",
    "after",
    "expired",
    "cleared_at",
    "rule",
]
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing that limits what a step can earn."""

    step: str
    kind: Kind
    """What the rubric does: void, cap, deduct or note for a missing state; ``order`` for a broken rule across steps."""
    points: float | None
    """The most the step can earn (void: 0, cap), or what it costs (deduct, order); None for a note."""
    because_state: str | None
    """The state that is missing; for a rule on a state, that state."""
    because_step: str | None
    """The step that should have set it up, or that ended it."""
    certain: bool
    """Whether the entries leave no other reading; see the head of `limits.py`."""
    why: Why
    rule: str | None = None
    """The broken rule; None where a requirement of the step itself is not met."""
    deductions: tuple[str, ...] = ()
    """Deductions of `because_step` that are, or may be, the reason."""
    event: str | None = None
    """The event that ended the state, or that nothing made happen."""
    unexplained: float | None = None
    """Points that `because_step` lost without a tick."""
    spans: tuple[Span, Span] | None = None
    """First evidence of `because_step` and of `step`."""

    def text(self, rubric: Rubric, language: Language) -> str:
        """The limit as one sentence, such as "aed05 has d3 “...”: state “...” is missing, so aed06 earns nothing (void)."."""
        say = texts(language)
        step = _step_name(rubric, self.step, language)
        points = _points(self.points, language)
        if self.why == "rule":
            rule = next(r for r in rubric.rules if r.id == self.rule)
            return _sentence(
                say["limit_rule"].format(title=rule.title_in(language), rule=rule.id, step=step, points=points),
                language,
            )
        assert self.because_state is not None
        effect = say[f"limit_effect_{self.kind}"].format(step=step, points=points)
        other, own = (_span(span, language) for span in self.spans or ((0.0, 0.0), (0.0, 0.0)))
        because = say[f"limit_because_{self.why}"].format(
            cause=self._cause(rubric, language),
            step=step,
            deductions=self._deductions(rubric, language),
            points=_points(self.unexplained, language),
            max=f"{rubric.get_step(self.because_step).max_points:g}" if self.because_step else "",
            hold=f"{self._hold(rubric):g}",
            other=other,
            own=own,
        )
        perhaps = self.why in ("void_perhaps", "not_done", "unexplained")
        state = _title(rubric, self.because_state, language)
        whole = say["limit_state_perhaps" if perhaps else "limit_state"]
        return _sentence(whole.format(because=because, state=state, effect=effect), language)

    def _cause(self, rubric: Rubric, language: Language) -> str:
        if self.event is not None:
            return _title(rubric, self.event, language)
        return _step_name(rubric, self.because_step, language) if self.because_step else ""

    def _deductions(self, rubric: Rubric, language: Language) -> str:
        if not self.deductions or self.because_step is None:
            return ""
        say = texts(language)
        step = rubric.get_step(self.because_step)
        found = [d for d in step.deductions if d.id in self.deductions]
        parts = [
            say["limit_deduction"].format(id=d.id, when=(d.when_zh if language == "zh" else None) or d.when)
            for d in found
        ]
        return str(say["limit_or" if self.why == "unexplained" else "limit_and"].join(parts))

    def _hold(self, rubric: Rubric) -> float:
        hold = rubric.states_by_id[self.because_state].hold_for_s if self.because_state else None
        value = rubric.params[hold] if isinstance(hold, str) else hold
        return float(value or 0.0)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Points above what a certain limit allows. A warning: the rater's points stand."""

    step: str
    points: float
    allowed: float
    """What the ticked deductions and the certain limits leave."""
    limits: tuple[Limit, ...]

    def text(self, rubric: Rubric, language: Language) -> str:
        """The warning, with the reason of each limit."""
        reason = ("" if language == "zh" else " ").join(limit.text(rubric, language) for limit in self.limits)
        return _sentence(
            texts(language)["limit_contradiction"].format(
                step=_step_name(rubric, self.step, language),
                points=_points(self.points, language),
                allowed=f"{self.allowed:g}",
                reason=reason,
            ),
            language,
        )


def _step_name(rubric: Rubric, step_id: str | None, language: Language) -> str:
    """An id as it is; in Chinese with its title, because an English id alone does not read there."""
    step = rubric.find_step(step_id or "")
    if step is None:
        return step_id or ""
    return f"{step.id}（{step.title_zh}）" if language == "zh" else f"step {step.id}"


def _points(points: float | None, language: Language) -> str:
    if points is None:
        return ""
    return str(texts(language)["limit_one_point" if points == 1 else "limit_points"].format(points=f"{points:g}"))


def _sentence(text: str, language: Language) -> str:
    return text[:1].upper() + text[1:] if language == "en" else text


def _title(rubric: Rubric, name: str, language: Language) -> str:
    found = rubric.states_by_id.get(name) or rubric.events_by_id.get(name)
    if found is None:
        return name
    return found.title_zh if language == "zh" else str(getattr(found, "title", None) or name.replace("_", " "))


def _span(span: Span, language: Language) -> str:
    return str(texts(language)["limit_span"].format(start=f"{span[0]:.1f}", end=f"{span[1]:.1f}"))
