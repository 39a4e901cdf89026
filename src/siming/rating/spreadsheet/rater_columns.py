"""Headings that name the rater: Wei_cpr01, a merged Wei above cpr01, 评委1."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from siming.rating.spreadsheet.headings import StepNames, bare, is_rater_number, role_of
from siming.rating.spreadsheet.marks import TOTAL

_SKILLS = frozenset(["cpr", "aed", "bmv", "bls", "心肺复苏", "除颤", "球囊面罩通气"])
"""Never a rater, so that CPR_1, AED_1 of a table without raters is not read as two raters."""
_BETWEEN = re.compile(r"[\s_\-.:/|]+")


class RaterStep(NamedTuple):
    """What a heading names."""

    rater: str
    step: str


def rater_and_step(
    headings: Sequence[tuple[str, str]], *, raters: Sequence[str] = (), names: StepNames | None = None
) -> list[RaterStep | None] | None:
    """The rater and the step in each heading, where there is one way only to read them.

    Args:
        headings: Upper heading (or empty) and heading.
        raters: Their names, where the caller knows them.
        names: The steps of the rubrics, where the caller gives some.

    Returns:
        In the order of the headings, None for one that does not fit the others; None for all where nothing
        settles which half is the rater.
    """
    known = list(raters) or _numbered_raters(headings)
    if known:
        return [_with_raters(group, heading, known, names) for group, heading in headings]
    if names is not None:
        found = [_with_steps(group, heading, names) for group, heading in headings]
        return found if any(found) else None
    if all(group for group, _ in headings):
        return _by_product([[(group, heading)] for group, heading in headings])
    return _by_product([list(halves(heading)) for _, heading in headings])


def _numbered_raters(headings: Iterable[tuple[str, str]]) -> list[str]:
    found: dict[str, None] = {}
    for group, heading in headings:
        whole = [text for text in (group, heading) if is_rater_number(text)]
        parts = [part for halves in halves(heading) for part in halves if is_rater_number(part)]
        found |= dict.fromkeys((whole or parts)[:1])
    return list(found)


def _with_raters(group: str, heading: str, raters: Sequence[str], names: StepNames | None) -> RaterStep | None:
    for rater in raters:
        if bare(group) == bare(rater):
            return _step(rater, heading, "", names)
        if bare(heading) == bare(rater):
            return _step(rater, group or TOTAL, "", names)
    for left, right in halves(heading):
        for rater in raters:
            if bare(rater) in (bare(left), bare(right)):
                rest = right if bare(rater) == bare(left) else left
                return _step(rater, rest, group, names)
    return None


def _step(rater: str, text: str, skill: str, names: StepNames | None) -> RaterStep | None:
    if text == TOTAL or role_of(text) in ("sum", "points"):
        return RaterStep(rater, TOTAL)
    if names is None:
        return RaterStep(rater, f"{skill} {text}".strip())
    found = names.find(text, skill or None)
    return RaterStep(rater, found) if found else None


def _with_steps(group: str, heading: str, names: StepNames) -> RaterStep | None:
    """Where one half is a step, the other is the rater."""
    found: set[RaterStep] = set()
    if group and not names.skill(group):
        for rater, step in ((group, heading), (heading, group)):
            step_id = names.find(step)
            if step_id and not names.find(rater):
                found.add(RaterStep(rater, step_id))
    skill = group if group and names.skill(group) else None
    for left, right in halves(heading):
        for rater, step in ((left, right), (right, left)):
            step_id = None if step.isdigit() and not skill and len(names.rubrics) > 1 else names.find(step, skill)
            if step_id and not names.find(rater, skill) and not names.skill(rater):
                found.add(RaterStep(rater, step_id))
    return found.pop() if len(found) == 1 else None


def _by_product(choices: Sequence[Sequence[tuple[str, str]]]) -> list[RaterStep | None] | None:
    """Without names of either: the halves must be all pairs of two sets, and one set must look like steps."""
    for pick in (0, -1):  # the first sign separates, or the last
        if not all(choices):
            return None
        halves = [options[pick] for options in choices]
        left, right = ({pair[side] for pair in halves} for side in (0, 1))
        if len(set(halves)) != len(left) * len(right) or len(left) < 2:
            continue
        steps_left, steps_right = _like_steps(left), _like_steps(right)
        if steps_right and not steps_left and not _SKILLS & {bare(text) for text in left}:
            return [RaterStep(rater, step) for rater, step in halves]
        if steps_left and not steps_right and not _SKILLS & {bare(text) for text in right}:
            return [RaterStep(rater, step) for step, rater in halves]
    return None


def _like_steps(texts: set[str]) -> bool:
    """Whether all are one or more stems with a number, such as cpr01 and aed02, or 步骤1."""
    return all(re.fullmatch(r"\D{0,12}?[0-9]{1,3}", text) for text in texts)


def halves(heading: str) -> Iterator[tuple[str, str]]:
    """The heading cut at each of its signs in turn."""
    for sign in _BETWEEN.finditer(heading):
        left, right = heading[: sign.start()], heading[sign.end() :]
        if left and right:
            yield left, right
