"""What can go wrong with bag and mask. Sums are worked out beside each fault."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from random import Random

from siming.simulate.fault import Change, Fault, blamed, blamed_in_each, fault, in_turn, skipped
from siming.simulate.faultless import squeezes
from siming.simulate.script import Mark, Script


def _interval(seconds: float, *wrong: str) -> Change:
    """Squeezes `seconds` apart from start to start, with their own lengths."""

    def change(script: Script, rng: Random) -> Script:
        lengths_s = [act.lasts_s for act in script.of_kind("squeeze")]
        for act in squeezes(lengths_s, seconds):
            script = script.put(replace(script.get(act.id), pause_s=act.pause_s))
        return script.blamed("squeeze.1", *wrong) if wrong else script

    return change


def _flat(n: int, wrong: str) -> Change:
    """The first `n` squeezes do not raise the chest."""

    def change(script: Script, rng: Random) -> Script:
        for act in script.of_kind("squeeze")[:n]:
            script = script.put(replace(act, breaths=tuple(replace(b, rises=False) for b in act.breaths)))
        return script.blamed("squeeze.1", wrong)

    return change


def _short(script: Script, rng: Random) -> Script:
    # Two squeezes of half a second; the pause after them grows so that the pace stays.
    acts = script.of_kind("squeeze")
    for act, later in pairwise(acts[1:4]):
        script = script.changed(later.id, pause_s=round(script.get(later.id).pause_s + act.lasts_s - 0.5, 3))
        marks = (Mark("ev_chest_falls", 1.7),)
        breaths = tuple(replace(b, lasts_s=0.5) for b in act.breaths)
        script = script.changed(act.id, lasts_s=0.5, marks=marks, breaths=breaths)
    return script.blamed("squeeze.2", "bmv04.d1")


def _stacked(script: Script, rng: Random) -> Script:
    # The chest is held up (bag kept closed), so it has not come down when the next squeeze begins.
    act = script.get("squeeze.2")
    script = script.changed(act.id, marks=(), manner=act.manner | {"held"})
    return script.blamed("squeeze.3", "bmv04.d7")


_PACE = "pace of squeezes"
_SEAL = "seal of the mask"
_RISE = "rise of the chest"
_LENGTH = "length of squeezes"
_TILT = "bmv02"

BMV_FAULTS: tuple[Fault, ...] = (
    # d1, 4 of 18.
    fault(
        "bag-untested",
        "bag not tested",
        "未检查球囊",
        {"bmv01"},
        {"bmv01": 4},
        blamed("bmv01", "bmv01.d1", manner="untested"),
    ),
    # d3, 8 of 18; bmv04 only notes that oxygen_on is missing.
    fault(
        "oxygen-missing",
        "oxygen not connected",
        "未连接氧气",
        {"bmv01"},
        {"bmv01": 8},
        blamed("bmv01", "bmv01.d3", manner="no-oxygen"),
    ),
    # d1, 4 of 18.
    fault(
        "bmv-mouth-unlooked",
        "mouth not looked into before bagging",
        "球囊通气前未检查口腔",
        {_TILT},
        {"bmv02": 4},
        blamed("bmv02", "bmv02.d1", manner="no-mouth"),
    ),
    # d3, 9 of 18; the airway still counts as open.
    fault(
        "bmv-little-tilt",
        "head tilted too little for bagging",
        "球囊通气头后仰不足",
        {_TILT},
        {"bmv02": 9},
        blamed("bmv02", "bmv02.d3", manner="half-tilt"),
    ),
    # README, example 6. d4 is critical, 18 of 18; airway_open is missing: bmv03 capped at 12 of 24, bmv04 at 9 of 28.
    fault(
        "no-head-tilt",
        "no head tilt for bagging",
        "球囊通气未开放气道",
        {_TILT, _SEAL, _RISE, _PACE, _LENGTH},
        {"bmv02": 18, "bmv03": 12, "bmv04": 19},
        blamed("bmv02", "bmv02.d4", manner="flat"),
    ),
    # d2, 6 of 24.
    fault(
        "leak-once",
        "mask leaks with one breath",
        "一次通气漏气",
        {_SEAL},
        {"bmv03": 6},
        in_turn(blamed("bmv03", "bmv03.d2"), blamed("squeeze.3", manner="leak")),
    ),
    # d4, 12 of 24, leaves mask_sealed unset: bmv04 is capped at 9 of 28.
    fault(
        "no-ec-grip",
        "mask leaks with most breaths",
        "无E-C手法、多次漏气",
        {_SEAL, _RISE, _PACE, _LENGTH},
        {"bmv03": 12, "bmv04": 19},
        in_turn(blamed("bmv03", "bmv03.d4", manner="leak"), blamed_in_each("squeeze", manner="leak")),
    ),
    # Every 3.2 s is under 4 s: d3, 14 of 28; 18.75 per minute: bmv05.d3, 6 of 12.
    fault(
        "hyperventilation",
        "a breath every 3 s",
        "通气间隔3秒",
        {_PACE, _LENGTH},
        {"bmv04": 14, "bmv05": 6},
        _interval(3.2),
    ),
    # Every 2.6 s is under 4 s: 14 of 28; 23 per minute is critical: bmv05.d4, 12 of 12.
    fault(
        "hyperventilation-gross",
        "a breath every 2.6 s",
        "通气间隔2.6秒",
        {_PACE, _LENGTH, "bmv05"},
        {"bmv04": 14, "bmv05": 12},
        _interval(2.6),
    ),
    # d2, 9 of 28; 8.6 per minute is no over-ventilation.
    fault("slow-breaths", "a breath every 7 s", "通气间隔7秒", {_PACE}, {"bmv04": 9}, _interval(7.0)),
    # d1, 4 of 28.
    fault("short-squeezes", "two squeezes of half a second", "两次挤压过快", {_LENGTH, _PACE}, {"bmv04": 4}, _short),
    # d7, 6 of 28 (r_exhale is the same fault).
    fault(
        "stacked-breaths",
        "next squeeze before the chest is down",
        "未呼气即再次挤压",
        {_PACE, _RISE},
        {"bmv04": 6},
        _stacked,
    ),
    # d4, 4 of 28.
    fault(
        "one-squeeze-flat",
        "one squeeze without chest rise",
        "一次挤压胸廓无起伏",
        {_RISE},
        {"bmv04": 4},
        _flat(1, "bmv04.d4"),
    ),
    # d5, 14 of 28: three of five; two breaths are delivered, so bmv05 stands.
    fault(
        "most-squeezes-flat",
        "three of five squeezes without chest rise",
        "多数挤压胸廓无起伏",
        {_RISE},
        {"bmv04": 14},
        _flat(3, "bmv04.d5"),
    ),
    # d2, 4 of 12.
    fault(
        "chest-unwatched",
        "does not watch the chest",
        "未观察胸廓",
        {"bmv05"},
        {"bmv05": 4},
        in_turn(blamed("bmv05", "bmv05.d2"), blamed_in_each("squeeze", manner="gaze-away")),
    ),
    # d1 3 and d5 2, of 12.
    fault(
        "effect-unreported",
        "signs not named, leaves without a report",
        "未报告通气效果",
        {"bmv05"},
        {"bmv05": 5},
        blamed("bmv05", "bmv05.d1", "bmv05.d5", manner="silent"),
    ),
    # bmv05 is worth 12.
    fault("skip-bmv-closing", "stops without closing", "通气后直接离开", {"bmv05"}, {"bmv05": 12}, skipped("bmv05")),
)
