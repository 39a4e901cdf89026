"""Two simulated physicians who rate from the truth with set quality, and a third who settles their disputes.

A physician overlooks some of what was wrong, sees some things that were not, and grades some faults too high or too
low. Three things bend that: how hard a step is to judge from where they stand, how lenient the physician is, and the
impression that the exam at hand makes on him or her as a whole (halo). With `QUALITY` the agreement of two of them
comes close to the figures of the SiMing-Bench paper; `docs/explanation/simulator.md` has the measured table.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from siming.rubric import Author, Entry, Examination, Sheet, Step
from siming.rubric.examination import StepResult
from siming.rubric.loss import Loss
from siming.rubric.rubric import Deduction

Stretches = Mapping[str, Sequence[tuple[float, float]]]

HARDNESS: Mapping[str, float] = {
    "presence": 0.0,
    "order": 0.1,
    "count": 0.1,
    "duration": 0.3,
    "speech": 0.3,
    "interval": 0.4,
    "rate": 0.4,
    "posture": 0.5,
    "ratio": 0.6,
    "depth": 0.8,
}
"""How much harder than presence a kind of judgement is, in log odds. Ours, ordered by what a camera shows."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How good a rater is. Probabilities hold for an easy step, a middling fault and a neutral impression."""

    notices: float
    """Probability of seeing a fault that was there."""
    notices_cascade: float
    """Probability of charging a step for a state that was missing, such as a shock nobody was cleared for."""
    invents: float
    """Probability of one deduction on a step where nothing of the kind happened."""
    misgrades: float
    """Probability of taking another deduction of the same group than the one that was earned."""
    halo: float
    """Spread of the impression of a whole exam, in log odds; it makes all steps of one exam better or worse."""
    abstains: float
    """Probability of not being able to judge a step."""


QUALITY = Quality(notices=0.89, notices_cascade=0.92, invents=0.088, misgrades=0.2, halo=0.15, abstains=0.003)
"""Tuned on 200 exams to a kappa of about 0.73 (labels, pooled) and a correlation of totals of about 0.87."""


@dataclass(frozen=True, slots=True)
class Physician:
    """One simulated rater."""

    name: str
    lenience: float = 0.0
    """In log odds: above 0 overlooks more and invents less."""
    quality: Quality = QUALITY


GLOBAL_RATING_SCALE = (1, 2, 3, 4, 5)
"""From fail over borderline (2) to excellent."""

_GLOBAL_FROM = (50.0, 65.0, 80.0, 93.0)
"""Points of 100 from which an impression is called 2, 3, 4, 5. Ours."""

FIRST_DAY = datetime(2026, 1, 5, 8)
WORKING_DAYS, WORKING_HOURS = 10, 8

WEI = Physician("Wei", lenience=-0.15)
OKAFOR = Physician("Okafor", lenience=0.15)
ADJUDICATOR = "Lin"


def rate(
    physician: Physician,
    truth: Sequence[Examination],
    segments: Stretches,
    rng: Random,
    *,
    aside: Random | None = None,
) -> list[Sheet]:
    """The sheets of one physician for one attempt, a sheet per rubric.

    Args:
        truth: What the examiner found, per rubric.
        segments: Where the steps lie; evidence is taken from there.
        aside: Draws the impression of the whole and the time of submission; without it the sheets have neither. A
            generator of its own, so that nothing here moves the points that `rng` draws.
    """
    mood = physician.lenience + rng.gauss(0.0, physician.quality.halo)
    sheets = [
        _sheet(
            found,
            Author(kind="physician", name=physician.name),
            {
                step_id: _entry(result, found.rubric.get_step(step_id), physician.quality, mood, segments, rng)
                for step_id, result in found.steps.items()
            },
        )
        for found in truth
    ]
    return sheets if aside is None else _with_impression(sheets, physician, truth, aside)


def _with_impression(
    sheets: Sequence[Sheet], physician: Physician, truth: Sequence[Examination], aside: Random
) -> list[Sheet]:
    """The same sheets with a global rating, near the truth and not worked out from the points, and a time."""
    # Each attempt falls at random into the two weeks, so a physician's order is random and his own.
    day, share = divmod(aside.random() * WORKING_DAYS, 1)
    begun = FIRST_DAY + timedelta(days=int(day) + 2 * (int(day) // 5), hours=share * WORKING_HOURS)
    leaning = 5 * physician.lenience + aside.gauss(0.0, 4.0)
    out = []
    for number, (sheet, found) in enumerate(zip(sheets, truth, strict=True), start=1):
        judged = [result for result in found.steps.values() if result.points is not None]
        earned = sum(result.points or 0.0 for result in judged)
        reachable = sum(found.rubric.get_step(result.step).max_points for result in judged)
        seen = (100 * earned / reachable if reachable else 0.0) + leaning + aside.gauss(0.0, 5.0)
        out.append(
            sheet.model_copy(
                update={
                    "submitted_at": (begun + timedelta(minutes=3 * number)).isoformat(timespec="seconds"),
                    "global_rating": GLOBAL_RATING_SCALE[bisect_right(_GLOBAL_FROM, seen)],
                }
            )
        )
    return out


def adjudicate(first: Sheet, second: Sheet, truth: Examination) -> Sheet:
    """The consensus: steps with the same points keep the first physician's entry; the others get Lin's, who is
    always right."""
    settled = {}
    for step_id, entry in first.steps.items():
        other = second.steps[step_id]
        agreed = entry.status == other.status == "judged" and entry.points == other.points
        settled[step_id] = entry if agreed else _as_seen(truth.steps[step_id])
    return _sheet(truth, Author(kind="consensus", name=ADJUDICATOR), settled)


def _sheet(truth: Examination, author: Author, steps: Mapping[str, Entry]) -> Sheet:
    return Sheet(
        attempt=truth.attempt,
        rubric=truth.rubric.id,
        rubric_version=truth.rubric.version,
        author=author,
        steps=steps,
    )


def _as_seen(result: StepResult) -> Entry:
    if result.points is None:
        return Entry(status="cannot_judge", reason=result.why)
    return Entry(
        points=result.points,
        deductions=tuple(loss.ref for loss in result.losses if loss.kind == "deduction"),
        void=result.void,
        evidence=result.evidence,
        note="settled by adjudication",
    )


@dataclass(slots=True)
class _Tally:
    """What a physician charges one step with."""

    step: Step
    prices: dict[str, float] = field(default_factory=dict)
    """Points by group, or by reference where there is no group: of one group the largest counts."""
    deductions: dict[str, str] = field(default_factory=dict)
    """The rubric's deductions by the same key; rules and states are no deductions and stand in the notes."""
    ceiling: float = math.inf
    void: bool = False
    notes: tuple[str, ...] = ()

    def take(self, deduction: Deduction, price: float) -> None:
        key = deduction.group or deduction.id
        if price > self.prices.get(key, 0.0):
            self.prices[key], self.deductions[key] = price, deduction.id

    def remark(self, ref: str, price: float, note: str) -> None:
        self.prices[ref] = price
        self.notes += (note,)

    def entry(self, evidence: Sequence[tuple[float, float]]) -> Entry:
        left = max(0.0, self.step.max_points - sum(self.prices.values()))
        points = 0.0 if self.void else min(self.ceiling, left)
        return Entry(
            points=points,
            deductions=tuple(sorted(self.deductions.values())),
            void=self.void,
            evidence=tuple(evidence) if points < self.step.max_points else (),
            note="; ".join(self.notes) or None,
        )


def _entry(result: StepResult, step: Step, quality: Quality, mood: float, segments: Stretches, rng: Random) -> Entry:
    if result.points is None or rng.random() < quality.abstains:
        return Entry(status="cannot_judge", reason=result.why or "the hands were hidden from the camera")
    hardness = max((HARDNESS.get(kind, 0.0) for kind in step.judged_by), default=0.0)
    tally = _Tally(step)
    for loss in result.losses:
        if loss.kind != "not_done" and loss.points == 0 and not result.void:
            continue
        base = quality.notices_cascade if loss.kind == "state" else quality.notices
        weight = min(1.0, loss.price / step.max_points)
        if rng.random() < _odds(base, 2 * (weight - 0.5) - hardness - mood):
            _charge(tally, loss, result, quality, rng)
    if result.status != "not_done" and rng.random() < _odds(quality.invents, hardness - mood):
        _invent(tally, rng)
    return tally.entry(segments.get(step.id, ()))


def _charge(tally: _Tally, loss: Loss, result: StepResult, quality: Quality, rng: Random) -> None:
    step = tally.step
    if loss.kind == "not_done":
        whole = next((d for d in step.deductions if d.points >= step.max_points), None)
        tally.remark(loss.ref, step.max_points, "not done")
        if whole is not None:
            tally.deductions[loss.ref] = whole.id
    elif loss.effect == "void":
        tally.void = True
        tally.notes += (f"{loss.ref} was missing",)
    elif loss.effect == "cap":
        tally.ceiling = step.max_points if result.cap is None else result.cap
        tally.notes += (f"{loss.ref} was missing",)
    elif loss.kind == "state":
        tally.remark(loss.ref, loss.price, f"{loss.ref} was missing")
    else:
        _deduct(tally, loss, quality, rng)


def _deduct(tally: _Tally, loss: Loss, quality: Quality, rng: Random) -> None:
    # A rule often describes the same fault as a deduction of the sheet; physicians tick the deduction.
    names = [ref.rpartition(".")[2] for ref in (loss.ref, *loss.same_as)]
    earned = next((d for name in names if (d := tally.step.find_deduction(name))), None)
    if earned is None:
        tally.remark(loss.ref, loss.price, loss.ref)
        return
    others = [d for d in tally.step.deductions if d.group and d.group == earned.group and d is not earned]
    if others and rng.random() < quality.misgrades:
        earned = rng.choice(others)
    tally.take(earned, earned.points)


def _invent(tally: _Tally, rng: Random) -> None:
    """A deduction that was not earned: more often a small one."""
    free = [d for d in tally.step.deductions if d.severity != "critical"]
    if free:
        chosen = rng.choices(free, [1 / d.points for d in free])[0]
        tally.take(chosen, chosen.points)


def _odds(base: float, shift: float) -> float:
    """A probability moved by log odds.

    >>> _odds(0.5, 0.0)
    0.5
    """
    return 1 / (1 + math.exp(-(math.log(base / (1 - base)) + shift)))
