"""The small language of conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from siming.errors import RubricError
from siming.rubric.condition import Truth, Vocabulary, read_condition

NAMES = Vocabulary(
    states=frozenset({"bout_complete", "breaths_given"}),
    quantities=frozenset({"rate", "pause"}),
    deductions=frozenset({"d1", "d4"}),
    params=frozenset({"mode", "limit", "advised"}),
    text_params=frozenset({"mode"}),
    context=frozenset({"rescuers"}),
)


@dataclass
class Facts:
    states: Mapping[str, Truth] = field(default_factory=dict)
    measured: Mapping[str, Sequence[float]] = field(default_factory=dict)
    deductions: Mapping[str, Truth] = field(default_factory=dict)
    params: Mapping[str, object] = field(default_factory=dict)
    answers: Mapping[str, bool] = field(default_factory=dict)
    label_now: int | None = None

    def state(self, name):
        return self.states.get(name, False)

    def label(self):
        return self.label_now

    def applied(self, deduction):
        return self.deductions.get(deduction)

    def is_quantity(self, name):
        return name in NAMES.quantities

    def values(self, quantity):
        return self.measured.get(quantity)

    def param(self, name):
        return self.params[name]

    def context(self, name):
        return {"rescuers": 1}[name]

    def answer(self, question):
        return self.answers.get(question)


def truth(text: str, **facts) -> Truth:
    return read_condition(text, NAMES, prose=True).truth(Facts(**facts))


@pytest.mark.parametrize(
    ("text", "facts", "expected"),
    [
        ("always", {}, True),
        ("label >= 1", {"label_now": 1}, True),
        ("label >= 1", {"label_now": 0}, False),
        ("d4 not applied", {"deductions": {"d4": False}}, True),
        ("d4 not applied", {"deductions": {"d4": True}}, False),
        ("d4 not applied and d1 not applied", {"deductions": {"d4": False, "d1": None}}, None),
        ("d4 not applied and d1 not applied", {"deductions": {"d4": True, "d1": None}}, False),
        ("bout_complete and breaths_given", {"states": {"bout_complete": True, "breaths_given": True}}, True),
        ("bout_complete and breaths_given", {"states": {"bout_complete": None, "breaths_given": False}}, False),
        ("params.mode == cpr_30_2", {"params": {"mode": "cpr_30_2"}}, True),
        ("params.mode != cpr_30_2", {"params": {"mode": "cpr_30_2"}}, False),
        ("params.advised", {"params": {"advised": True}}, True),
        ("context.rescuers >= 2", {}, False),
    ],
)
def test_what_a_condition_says(text, facts, expected):
    assert truth(text, **facts) is expected


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("rate < 100", [110, 95], True),  # a bare comparison means: some value
        ("some(90 <= rate < 100)", [91, 94, 102, 105], True),
        ("most(90 <= rate < 100)", [91, 94, 102, 105], False),  # two of four are not most
        ("most(90 <= rate < 100)", [91, 94, 102], True),
        ("every(rate > 90)", [91, 94], True),
        ("at_least(2, rate > 100)", [91, 102, 105], True),
        ("at_least(2, rate > 104)", [91, 102, 105], False),
        ("mean(rate) < 100", [91, 105], True),
        ("spread(rate) > 15", [91, 105], False),
        ("count(rate) == 2", [91, 105], True),
        ("rate < params.limit / 2", [91], False),
        ("rate < 100", [], False),  # measured, and there was none
    ],
)
def test_what_a_condition_says_of_measured_values(text, values, expected):
    assert truth(text, measured={"rate": values}, params={"limit": 100}) is expected


def test_what_nobody_measured_is_unknown_and_not_false():
    assert truth("rate < 100") is None
    assert truth("mean(rate) < 100") is None
    assert truth("rate < 100 or pause > 10", measured={"pause": [11]}) is True


def test_words_are_a_question_and_only_an_answer_decides_them():
    condition = read_condition("d4 not applied and analysis finished", NAMES, prose=True)
    assert condition.questions == ("analysis finished",)
    facts = Facts(deductions={"d4": False})
    assert condition.truth(facts) is None
    facts.answers = {"analysis finished": True}
    assert condition.truth(facts) is True


@pytest.mark.parametrize(
    "text",
    [
        "rate <",
        "speed > 100",
        "rate > pause",
        "some(rate > 1 and pause > 1)",
        "most(3)",
        "d9 applied",
        "params.nothing",
        "__import__('os').system('true')",
        "rate.__class__ == 1",
        "[r for r in rate]",
        "rate > 10 if rate else 3",
        "(" * 500,
        "not " * 5000 + "always",
        "params.mode > 3",
        "at_least(2.5, rate > 1)",
        "at_least('x', rate > 1)",
        "raet == 3",
    ],
)
def test_a_test_that_cannot_be_computed_is_refused(text):
    with pytest.raises(RubricError):
        read_condition(text, NAMES, prose=False)
