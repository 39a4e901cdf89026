"""The faultless exam: 33 steps, nothing lost, with lengths and rates drawn from the seed.

Order: assessment, two cycles of 30 compressions and 2 breaths, recheck and report; a few compressions until the
device arrives; defibrillation with one shock; bag-mask ventilation with five breaths. Lengths stay within the
typical durations of the rubrics and clear of every limit, so that a fault added to the exam is the only one in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from siming.simulate.script import Act, Breath, Mark, Script, stroke_times

CYCLES = 2
STROKES = 30
BREATHS = 5
BOUT_STEPS = ("cpr09", "cpr10", "cpr11", "cpr12", "cpr13")


def faultless_script(rng: Random) -> Script:
    """A faultless exam of about 170 s."""
    return Script((*_assessment(rng), *_cycles(rng), *_closing(rng), *_defibrillation(rng), *_ventilation(rng)))


def bout(act_id: str, n: int, rate_per_min: float, *, hitch_s: float = 0.0, pause_s: float = 0.1) -> Act:
    """A bout of compressions; the act begins with the first stroke and ends with the last."""
    strokes_s = stroke_times(n, rate_per_min, hitch_s=hitch_s)
    return Act(act_id, lasts_s=strokes_s[-1], steps=BOUT_STEPS, pause_s=pause_s, strokes_s=strokes_s)


def _assessment(rng: Random) -> list[Act]:
    # cpr03 to cpr08 with their pauses take at most 24 s: first compression within 30 s of finding no response.
    return [
        Act("cpr01", _draw(rng, 2.4, 3.4), ("cpr01",)),
        Act("cpr02", _draw(rng, 2.4, 3.4), ("cpr02",)),
        Act("cpr03", _draw(rng, 3.0, 4.0), ("cpr03",)),
        Act("cpr04", _draw(rng, 1.8, 2.6), ("cpr04",)),
        Act("cpr05", _draw(rng, 5.8, 7.6), ("cpr05",)),
        Act("cpr06", _draw(rng, 1.2, 1.9), ("cpr06",)),
        Act("cpr07", _draw(rng, 2.2, 3.2), ("cpr07",)),
    ]


def _cycles(rng: Random) -> list[Act]:
    acts = []
    rate = _draw(rng, 104, 114)
    for k in range(1, CYCLES + 1):
        first = k == 1
        acts.append(Act(f"cpr08.{k}", _draw(rng, 1.1, 1.5) if first else _draw(rng, 0.7, 0.9), ("cpr08",)))
        acts.append(bout(f"bout.{k}", STROKES, rate + _draw(rng, -3, 3)))
        # From last stroke to first stroke: 0.4 + 2.0 + 0.25 + 1.2 + 0.25 + 3.5 + 0.25 + 0.9 + 0.1 = 8.85 s at most.
        acts.append(Act(f"leave.{k}", 0.3, pause_s=0.1, marks=(Mark("ev_hands_leave_chest", 0.15),)))
        if first:
            acts.append(Act("cpr14", _draw(rng, 1.5, 2.0), ("cpr14",), pause_s=0.0))
        acts.append(Act(f"cpr15.{k}", _draw(rng, 0.9, 1.2), ("cpr15",)))
        acts.append(mouth_breaths(f"breaths.{k}", _draw(rng, 0.9, 1.1), _draw(rng, 0.9, 1.1)))
    return acts


def mouth_breaths(act_id: str, breath_s: float, between_s: float, *, n: int = 2) -> Act:
    """Mouth-to-mouth breaths; the head is let go when they are over."""
    breaths = tuple(Breath(round(0.2 + i * (breath_s + between_s), 3), breath_s) for i in range(n))
    lasts_s = round(breaths[-1].start_s + breath_s + 0.15, 3)
    return Act(act_id, lasts_s, ("cpr16",), marks=(Mark("ev_head_released", lasts_s),), breaths=breaths)


def _closing(rng: Random) -> list[Act]:
    rate = _draw(rng, 104, 114)
    strokes_s = stroke_times(8, rate, lead_s=0.8)
    return [
        Act("cpr18", _draw(rng, 5.8, 8.0), ("cpr18",)),
        Act("cpr19", _draw(rng, 3.6, 5.0), ("cpr19",)),
        # Compressions go on until the device is there. They belong to no step, and the pause keeps them more
        # than a second away from the CPR steps, so that they are not taken for a third bout of the cycles.
        Act("bridge", round(strokes_s[-1] + 0.2, 3), pause_s=1.2, strokes_s=strokes_s),
    ]


def _defibrillation(rng: Random) -> list[Act]:
    analysis_s = _draw(rng, 7.0, 8.4)
    strokes_s = stroke_times(rng.randrange(14, 18), _draw(rng, 104, 114), lead_s=1.1)
    return [
        Act("aed01", _draw(rng, 2.8, 3.8), ("aed01",)),
        Act("aed02", _draw(rng, 1.8, 2.4), ("aed02",)),
        Act("aed03", _draw(rng, 2.4, 3.2), ("aed03",)),
        Act("aed04", _draw(rng, 7.0, 9.0), ("aed04",)),
        Act("aed05", _draw(rng, 1.5, 2.0), ("aed05",)),
        Act(
            "aed06",
            analysis_s,
            ("aed06",),
            pause_s=0.1,
            marks=(Mark("ev_prompt_analysing", 0.5), Mark("ev_prompt_shock_advised", round(analysis_s - 0.1, 3))),
        ),
        Act("charging", 1.2, pause_s=0.1, marks=(Mark("ev_prompt_charged", 1.2),)),
        # From charged to the button: 0.1 + 2.2 + 0.1 + 1.4 = 3.8 s at most.
        Act("aed07", _draw(rng, 1.8, 2.2), ("aed07",), pause_s=0.1),
        Act("aed08", 2.0, ("aed08",), pause_s=0.1, marks=(Mark("ev_shock_button", 1.4),)),
        Act("aed09", round(strokes_s[-1] + 0.3, 3), ("aed09",), strokes_s=strokes_s),
    ]


def _ventilation(rng: Random) -> list[Act]:
    return [
        Act("bmv01", _draw(rng, 5.0, 6.5), ("bmv01",), pause_s=0.6),
        Act("bmv02", _draw(rng, 2.2, 3.0), ("bmv02",), pause_s=0.5),
        Act("bmv03", _draw(rng, 1.8, 2.4), ("bmv03",)),
        *squeezes([_draw(rng, 0.95, 1.15) for _ in range(BREATHS)], _draw(rng, 5.2, 5.8)),
        Act("bmv05", _draw(rng, 3.5, 4.5), ("bmv05",), pause_s=1.6),
    ]


def squeezes(lengths_s: Sequence[float], interval_s: float) -> list[Act]:
    """Squeezes of the bag, from start to start `interval_s` apart; the chest is down 1.2 s after each."""
    acts = []
    for k, lasts_s in enumerate(lengths_s, start=1):
        pause_s = 0.5 if k == 1 else round(interval_s - lengths_s[k - 2], 3)
        falls = Mark("ev_chest_falls", round(lasts_s + 1.2, 3))
        acts.append(Act(f"squeeze.{k}", lasts_s, ("bmv04",), pause_s, marks=(falls,), breaths=(Breath(0.0, lasts_s),)))
    return acts


def _draw(rng: Random, low: float, high: float) -> float:
    return round(rng.uniform(low, high), 2)
