"""The small language of conditions in a rubric.

    always                                   d4 not applied and d3 not applied
    label >= 1                               compressions_in_bout >= 20
    bout_complete and breaths_given          params.mode != cpr_30_2
    most(80 <= compression_rate < 100)       at_least(2, handsoff_interval > params.handsoff_max_s)

Names are states, quantities, ``params.NAME``, ``context.NAME``, ``label`` and deductions (``d4 applied``,
``d4 not applied``). A quantity is measured once per recurrence: ``some``, ``most`` (more than half), ``every``
and ``at_least(n, ...)`` say how many of its values must meet a condition; a bare comparison means ``some``;
``mean``, ``smallest``, ``largest``, ``spread`` and ``count`` make one number of them.

Truth has three values: what nobody measured, saw or answered is None, and None stays None unless the rest of
the condition decides it (``None and False`` is False). Whatever does not read as this language is prose: a
question put to a judge. In a text joined by ``and`` each part is read by itself, so prose and formula mix.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from siming.errors import RubricError

Truth = bool | None
Number = int | float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names a condition of one rubric may use."""

    states: frozenset[str]
    quantities: frozenset[str]
    deductions: frozenset[str]
    params: frozenset[str]
    text_params: frozenset[str]
    """Params that are words: they can be equal to a word, and nothing else."""
    context: frozenset[str]


class Facts(Protocol):
    """What is known when a condition is looked at."""

    def state(self, name: str) -> Truth: ...
    def label(self) -> int | None: ...
    def applied(self, deduction: str) -> Truth: ...
    def is_quantity(self, name: str) -> bool: ...
    def values(self, quantity: str) -> Sequence[float] | None:
        """Its values, None when it was not measured (or is no quantity)."""

    def param(self, name: str) -> object: ...
    def context(self, name: str) -> object: ...
    def answer(self, question: str) -> Truth:
        """What a judge said to a condition in words."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was read: formulas and questions, all of which must hold."""

    text: str
    formulas: tuple[ast.expr, ...]
    questions: tuple[str, ...]

    def truth(self, facts: Facts) -> Truth:
        """Whether it holds, None when that is not known."""
        parts = [_truth(formula, facts) for formula in self.formulas]
        parts += [facts.answer(question) for question in self.questions]
        return all_of(parts)


@lru_cache(maxsize=4096)
def read_condition(text: str, names: Vocabulary, *, prose: bool) -> Condition:
    """Read a condition.

    Args:
        prose: Whether parts in plain words are allowed (they become questions).

    Raises:
        RubricError: the text is no formula of this language and prose is not allowed.
    """
    formula, why = _formula(text, names)
    if formula is not None:
        return Condition(text, (formula,), ())
    if not prose:
        raise RubricError(f"{text!r} is not a condition: {why}")
    formulas, questions = [], []
    for part in text.split(" and "):
        formula, _ = _formula(part, names)
        if formula is None:
            questions.append(part.strip())
        else:
            formulas.append(formula)
    return Condition(text, tuple(formulas), tuple(questions))


def all_of(parts: Sequence[Truth]) -> Truth:
    """Three-valued and.

    >>> all_of([True, None]), all_of([None, False]), all_of([])
    (None, False, True)
    """
    if False in parts:
        return False
    return None if None in parts else True


def any_of(parts: Sequence[Truth]) -> Truth:
    """Three-valued or."""
    if True in parts:
        return True
    return None if None in parts else False


def negation(part: Truth) -> Truth:
    """Three-valued not."""
    return None if part is None else not part


_APPLIED = re.compile(r"\b([A-Za-z]\w*)\s+(not\s+)?applied\b")
_QUANTIFIERS = ("some", "most", "every", "at_least")
_AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "mean": lambda values: sum(values) / len(values),
    "smallest": min,
    "largest": max,
    "spread": lambda values: max(values) - min(values),
    "count": len,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def _formula(text: str, names: Vocabulary) -> tuple[ast.expr | None, str]:
    """The syntax tree, or None and why the text is none."""

    def call(match: re.Match[str]) -> str:
        return f"{'not ' if match[2] else ''}applied({match[1]})"

    try:
        tree = ast.parse(_APPLIED.sub(call, text.strip()), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None, "it does not read as one; see the examples in the rubric format's page"
    try:
        _check(tree, names)
    except _NotOurs as strange:
        return None, str(strange)
    except RecursionError:
        return None, "it is nested too deeply"
    return tree, ""


class _NotOurs(Exception):
    """The tree is Python, but not this language."""


def _check(node: ast.expr, names: Vocabulary) -> None:
    """Allow only what `_truth` knows; says what is strange."""
    match node:
        case ast.BoolOp():
            for value in node.values:
                _check(value, names)
        case ast.UnaryOp(op=ast.Not()):
            _check(node.operand, names)
        case ast.Compare():
            if any(type(op) not in _COMPARE for op in node.ops):
                raise _NotOurs("only < <= > >= == != compare")
            sides = (node.left, *node.comparators)
            equality = all(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops)
            # A word may stand for itself only beside a param or the context: anywhere else it is a slip of the pen.
            words = equality and any(isinstance(side, ast.Attribute) for side in sides)
            for side in sides:
                _check_value(side, names, words=words)
            if len(_quantities(node, names)) > 1:
                raise _NotOurs("two quantities in one comparison have no common recurrences")
        case ast.Call(func=ast.Name(id="applied"), args=[ast.Name(id=name)]):
            if name not in names.deductions:
                raise _NotOurs(f"there is no deduction {name!r} here")
        case ast.Call(func=ast.Name(id=name)) if name in _QUANTIFIERS:
            *number, inner = node.args or [ast.Constant(None)]
            counts = [isinstance(n, ast.Constant) and type(n.value) is int and n.value > 0 for n in number]
            if len(number) != (name == "at_least") or not all(counts):
                raise _NotOurs(f"{name} takes {'a whole number above 0 and ' if name == 'at_least' else ''}a condition")
            _check(inner, names)
            if len(_quantities(inner, names)) != 1:
                raise _NotOurs(f"{name}(...) needs exactly one quantity inside")
        case ast.Name(id=name):
            if name != "always" and name not in names.states:
                raise _NotOurs(f"there is no state {name!r}")
        case ast.Attribute(value=ast.Name(id="params"), attr=name):
            if name not in names.params:
                raise _NotOurs(f"there is no param {name!r}")
        case _:
            raise _NotOurs("it does not read as one")


def _check_value(node: ast.expr, names: Vocabulary, *, words: bool) -> None:
    match node:
        case ast.Constant(value=int() | float()):
            return
        case ast.Constant(value=str()) if words:
            return
        case ast.Attribute(value=ast.Name(id="params"), attr=name) if name in names.params:
            if name in names.text_params and not words:
                raise _NotOurs(f"param {name!r} is a word; it can only be == or != another word")
            return
        case ast.Attribute(value=ast.Name(id="context"), attr=name) if name in names.context:
            return
        case ast.Name(id=name) if name == "label" or name in names.quantities or words:
            return  # beside == and != an unknown word stands for itself: params.mode == cpr_30_2
        case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div()):
            _check_value(node.left, names, words=False)
            _check_value(node.right, names, words=False)
        case ast.Call(func=ast.Name(id=name), args=[ast.Name(id=quantity)]) if name in _AGGREGATES:
            if quantity not in names.quantities:
                raise _NotOurs(f"there is no quantity {quantity!r}")
        case _:
            raise _NotOurs(f"{ast.unparse(node)!r} is not a name or number of this rubric")


def _quantities(node: ast.AST, names: Vocabulary) -> set[str]:
    """Quantities used one value at a time (not inside mean, count and the like)."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _AGGREGATES:
        return set()
    if isinstance(node, ast.Name):
        return {node.id} & names.quantities
    return {name for child in ast.iter_child_nodes(node) for name in _quantities(child, names)}


@lru_cache(maxsize=4096)
def quantities_in(text: str, names: Vocabulary) -> frozenset[str]:
    """All quantities a condition looks at."""
    formula, _ = _formula(text, names)
    found = () if formula is None else (n.id for n in ast.walk(formula) if isinstance(n, ast.Name))
    return names.quantities.intersection(found)


def _truth(node: ast.expr, facts: Facts) -> Truth:
    match node:
        case ast.BoolOp(op=ast.And()):
            return all_of([_truth(value, facts) for value in node.values])
        case ast.BoolOp():
            return any_of([_truth(value, facts) for value in node.values])
        case ast.UnaryOp():
            return negation(_truth(node.operand, facts))
        case ast.Call(func=ast.Name(id="applied"), args=[ast.Name(id=name)]):
            return facts.applied(name)
        case ast.Call(func=ast.Name(id=name)):
            return _quantified(name, node.args, facts)
        case ast.Compare():
            return _quantified("some", [node], facts)
        case ast.Name(id="always"):
            return True
        case ast.Name(id=name):
            return facts.state(name)
        case ast.Attribute(attr=name):
            return bool(facts.param(name))
    raise AssertionError(f"unchecked node {ast.dump(node)}")


def _quantified(how: str, args: Sequence[ast.expr], facts: Facts) -> Truth:
    """`some`, `most`, `every`, `at_least` over the values of the one quantity inside."""
    inner = args[-1]
    for name in _names_one_by_one(inner):
        values = facts.values(name)
        if values is not None:
            hits = [_holds(inner, facts, {name: value}) for value in values]
            if any(hit is None for hit in hits):
                return None
            n_hits = sum(1 for hit in hits if hit)
            match how:
                case "most":
                    return 2 * n_hits > len(hits)
                case "every":
                    return n_hits == len(hits)
                case "at_least":
                    number = args[0]
                    assert isinstance(number, ast.Constant)
                    return n_hits >= int(str(number.value))
            return n_hits > 0
    return _holds(inner, facts, {})


@lru_cache(maxsize=4096)
def _names_one_by_one(node: ast.expr) -> tuple[str, ...]:
    """Names whose values are looked at singly, not inside mean, count and the like."""
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - set(_AGGREGATES) - {"label"}
    aggregated = {
        child.id
        for n in ast.walk(node)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in _AGGREGATES
        for child in n.args
        if isinstance(child, ast.Name)
    }
    return tuple(sorted(names - aggregated))


def _holds(node: ast.expr, facts: Facts, value_of: Mapping[str, float]) -> Truth:
    """Truth of a condition for one value of its quantity."""
    match node:
        case ast.BoolOp(op=ast.And()):
            return all_of([_holds(value, facts, value_of) for value in node.values])
        case ast.BoolOp():
            return any_of([_holds(value, facts, value_of) for value in node.values])
        case ast.UnaryOp():
            return negation(_holds(node.operand, facts, value_of))
        case ast.Compare():
            sides = [_value(side, facts, value_of) for side in (node.left, *node.comparators)]
            if any(side is None for side in sides):
                return None
            pairs = zip(sides, sides[1:], node.ops, strict=False)
            return all(_COMPARE[type(op)](left, right) for left, right, op in pairs)
    return _truth(node, facts)


def _value(node: ast.expr, facts: Facts, value_of: Mapping[str, float]) -> object:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Attribute(value=ast.Name(id="params"), attr=name):
            return facts.param(name)
        case ast.Attribute(attr=name):
            return facts.context(name)
        case ast.Name(id="label"):
            return facts.label()
        case ast.BinOp():
            left, right = _value(node.left, facts, value_of), _value(node.right, facts, value_of)
            if not isinstance(left, int | float) or not isinstance(right, int | float):
                return None
            if isinstance(node.op, ast.Div) and right == 0:
                return None
            return _ARITHMETIC[type(node.op)](left, right)
        case ast.Call(func=ast.Name(id=name), args=[ast.Name(id=quantity)]):
            values = facts.values(quantity)
            if values is None or (not values and name != "count"):
                return None
            return _AGGREGATES[name](values)
        case ast.Name(id=name) if name in value_of:
            return value_of[name]
        case ast.Name(id=name):
            # A quantity nobody measured is unknown; any other word stands for itself beside == and !=.
            return None if facts.values(name) is None and facts.is_quantity(name) else name
    raise AssertionError(f"unchecked node {ast.dump(node)}")
