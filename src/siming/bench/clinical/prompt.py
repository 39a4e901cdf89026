"""The words a model is given: templates in `prompts/`, one folder per language, filled from the rubric.

A change of any wording is a new `PROMPT_VERSION`, since answers to other words are not comparable.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files
from string import Template
from typing import Literal

import yaml

from siming.bench.clinical.setting import Asks, Setting
from siming.bench.request import FramesPart, TextPart
from siming.rubric import Language, Rubric, Step
from siming.rubric.check import vocabulary
from siming.rubric.condition import Truth, read_condition
from siming.rubric.facts import Known
from siming.rubric.labels import exact
from siming.rubric.rubric import Band, Requirement, Rule, Value

PROMPT_VERSION = "2"

TimeForm = Literal["text", "native"]

_FRAMES = "$frames"


def system_text(language: Language) -> str:
    """Who the model is asked to be."""
    return _file(language, "system.txt").strip()


def prompt_parts(
    setting: Setting,
    steps: Sequence[str],
    rubrics: Sequence[Rubric],
    *,
    language: Language = "en",
    time_form: TimeForm = "text",
    stretches_s: Sequence[tuple[float, float]] = (),
) -> tuple[TextPart | FramesPart, ...]:
    """The prompt for some steps: words, the place of the frames, and the closing words.

    Args:
        steps: Ids asked about, in order.
        rubrics: Their rubrics with the params of the exam; a rubric with none of the steps is not shown.
        time_form: ``native`` where the video goes as it is, so the words do not promise times before frames.
        stretches_s: The clip's times on the recording.
    """
    page = _Page(_words(language), language, setting.asks)
    shown = [rubric for rubric in rubrics if any(step.id in steps for step in rubric.steps)]
    text = page.fill_text(
        _file(language, f"{setting.name}.txt").strip(),
        title=" + ".join(rubric.title_in(language) for rubric in shown),
        seeing=page.words[f"seeing_{time_form}"],
        stretches=page.listed(page.fill("span", start=f"{a:.1f}", end=f"{b:.1f}") for a, b in stretches_s),
        rubric="\n\n".join(page.rubric(rubric, steps) for rubric in shown),
        n_steps=len(steps),
        answer=page.fill(f"answer_{setting.asks}", ids=", ".join(steps)),
        frames=_FRAMES,
    )
    before, _, after = text.partition(_FRAMES)
    return TextPart(text=before.strip()), FramesPart(), TextPart(text=after.strip())


def loss_still_right(step: Step, rubric: Rubric) -> tuple[Fraction, bool] | None:
    """The loss of points up to which the rubric's maps still call the step right, and whether a loss of
    exactly that much is. None where no loss makes it wrong.

    >>> from siming.rubric import builtin_rubric
    >>> cpr = builtin_rubric("cpr-adult-single")
    >>> loss_still_right(cpr.get_step("cpr05"), cpr)
    (Fraction(7, 3), True)
    """
    threshold = rubric.binary_map.correct_when_label_at_least
    ordinal = rubric.ordinal_map
    most = exact(step.max_points)
    if threshold <= ordinal.failed_label:
        return None
    if threshold > ordinal.minor.label:
        return Fraction(0), True
    failed_from = most * Fraction(ordinal.deficient.below_ratio)
    minor_to = max(most * Fraction(ordinal.minor.max_ratio), exact(ordinal.minor.floor_points))
    # label_of_points looks at the failed band first, so a slip that reaches it is not minor.
    if threshold == ordinal.minor.label and minor_to < failed_from:
        return minor_to, True
    return failed_from, False


@dataclass(frozen=True)
class _Page:
    """Writes the scoring sheet in one language."""

    words: Mapping[str, str]
    language: Language
    asks: Asks

    def fill(self, key: str, **values: object) -> str:
        return Template(self.words[key]).substitute(values)

    @staticmethod
    def fill_text(text: str, **values: object) -> str:
        return Template(text).substitute(values)

    def listed(self, items: Iterable[str]) -> str:
        return self.words["listing"].join(items)

    def points(self, points: float) -> str:
        return self.fill("points_one" if points == 1 else "points_many", points=f"{points:g}")

    def rubric(self, rubric: Rubric, steps: Sequence[str]) -> str:
        whole = all(step.id in steps for step in rubric.steps)
        head = rubric.title_in(self.language)
        if whole:
            head = self.fill("rubric_head", title=head, n_steps=len(rubric.steps), max=self.points(rubric.total_points))
        lines = [head]
        if rubric.params:
            settings = self.listed(f"{name} = {self.value(value)}" for name, value in rubric.params.items())
            lines.append(self.fill("params", params=settings))
        blocks = [self.step(step, rubric) for step in rubric.steps if step.id in steps]
        return "\n\n".join(["\n".join(lines), *blocks])

    def value(self, value: Value) -> str:
        if isinstance(value, bool):
            return self.words["on" if value else "off"]
        return f"{value:g}" if isinstance(value, float) else str(value)

    def step(self, step: Step, rubric: Rubric) -> str:
        title = self.fill("step", id=step.id, title=step.title_in(self.language), max=self.points(step.max_points))
        if self.asks == "errors":
            title += self.error_limit(step, rubric)
        lines = [title]
        if step.applies_when and _holds(step.applies_when, rubric) is False:
            lines.append(f"  {self.words['not_applicable']}")
        elif undecided := _undecided(step.applies_when, rubric):
            lines.append(f"  {self.fill('applies', condition=undecided)}")
        lines += self.block("criteria", (self.in_language(c.text, c.text_zh) for c in step.criteria))
        lines += self.block(
            "deductions",
            (
                self.fill("deduct", cost=self.points(d.points), text=self.in_language(d.when, d.when_zh))
                + (self.fill("group", group=d.group) if d.group else "")
                for d in step.deductions
            ),
        )
        lines += self.block("context", self.context(step, rubric))
        return "\n".join(lines)

    def block(self, key: str, items: Iterable[str]) -> list[str]:
        lines = [f"  - {item}" for item in items]
        return [f"  {self.words[key]}", *lines] if lines else []

    def in_language(self, text: str, text_zh: str | None) -> str:
        return text_zh if self.language == "zh" and text_zh else text

    def error_limit(self, step: Step, rubric: Rubric) -> str:
        limit = loss_still_right(step, rubric)
        if limit is None:
            return self.words["error_never"]
        loss, inclusive = limit
        shown = self.points(round(float(loss), 2))
        return self.fill("error_beyond" if inclusive else "error_from", limit=shown)

    def context(self, step: Step, rubric: Rubric) -> list[str]:
        """What the step loses through what happened around it: states it needs, and rules across steps."""
        needs = [r for r in step.requires if r.on_missing.effect != "note" and _counts(r.applies_when, rubric)]
        rules = [rule for rule in rubric.rules if _costs(rule, step) and _counts(rule.applies_when, rubric)]
        return [self.requirement(r, step, rubric) for r in needs] + [self.rule(rule, rubric) for rule in rules]

    def requirement(self, need: Requirement, step: Step, rubric: Rubric) -> str:
        state = rubric.states_by_id[need.state]
        text = state.title_zh if self.language == "zh" else state.text
        if need.at_least is not None:
            text += self.fill("at_least", count=self.number(need.at_least, rubric))
        effect = need.on_missing.effect
        key = {"void": "void", "cap": "cap", "deduct": "lose"}[effect]
        cost = self.points(need.on_missing.points or 0)
        line = self.fill(key, cost=cost, moment=self.moment(need, step, rubric), state=text)
        return line + self.only_if(need.applies_when, rubric)

    def moment(self, need: Requirement, step: Step, rubric: Rubric) -> str:
        if need.at == "end":
            return self.words["end_of_step"]
        if need.at is not None:
            event = rubric.events_by_id.get(need.at.removeprefix("event:"))
            title = need.at if event is None else self.in_language(event.title, event.title_zh)
            return self.fill("before_event", event=title)
        if need.hold == "during_step":
            return self.words["during"]
        return self.words["end_of_cycle" if step.scope == "per_cycle" else "begin"]

    def rule(self, rule: Rule, rubric: Rubric) -> str:
        text = rule.title_in(self.language)
        if rule.bands:
            costs = self.listed(self.band(band, rubric) for band in rule.bands)
            return self.fill("rule_bands", costs=costs, text=text) + self.only_if(rule.applies_when, rubric)
        points = rule.charge.points if rule.charge else None
        return self.fill("rule", cost=self.points(points or 0), text=text) + self.only_if(rule.applies_when, rubric)

    def band(self, band: Band, rubric: Rubric) -> str:
        return self.fill("over_seconds", cost=self.points(band.points), seconds=self.number(band.over_s, rubric))

    def only_if(self, condition: str | None, rubric: Rubric) -> str:
        undecided = _undecided(condition, rubric)
        return self.fill("only_if", condition=undecided) if undecided else ""

    def number(self, value: float | str, rubric: Rubric) -> str:
        """A number, or the param that a text names."""
        return self.value(rubric.params.get(value, value) if isinstance(value, str) else value)


def _holds(condition: str, rubric: Rubric) -> Truth:
    """Whether a condition holds by the params and the context of the exam alone; None where that does not decide it."""
    names = vocabulary(rubric)
    return read_condition(condition, names, prose=True).truth(Known(rubric, names.quantities))


def _counts(condition: str | None, rubric: Rubric) -> bool:
    """Whether what has this condition may count in the exam."""
    return condition is None or _holds(condition, rubric) is not False


def _undecided(condition: str | None, rubric: Rubric) -> str:
    """What of a condition only the recording can decide; empty where nothing is."""
    parts = condition.split(" and ") if condition else ()
    return " and ".join(part for part in parts if _holds(part, rubric) is not True)


def _costs(rule: Rule, step: Step) -> bool:
    """Whether the step pays for the rule and the rule is not one of its listed deductions in other words."""
    if rule.charge is None or rule.charge.step != step.id or not (rule.bands or rule.charge.points):
        return False
    return not any(same.partition(".")[0] == step.id for same in rule.same_as)


@cache
def _file(language: Language, name: str) -> str:
    return (files("siming.bench.clinical") / "prompts" / language / name).read_text(encoding="utf-8")


@cache
def _words(language: Language) -> Mapping[str, str]:
    words: Mapping[str, str] = yaml.safe_load(_file(language, "words.yaml"))
    return words
