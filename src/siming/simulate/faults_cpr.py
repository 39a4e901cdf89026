"""What can go wrong in cardiopulmonary resuscitation. Sums are worked out beside each fault."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from siming.simulate.fault import Change, Fault, blamed, blamed_in_each, fault, hesitating, in_turn, skipped
from siming.simulate.faultless import STROKES, bout, mouth_breaths
from siming.simulate.script import Mark, Script


def _rates(first: float, second: float) -> Change:
    """Both bouts at given rates, 30 strokes each."""

    def change(script: Script, rng: Random) -> Script:
        return script.put(bout("bout.1", STROKES, first)).put(bout("bout.2", STROKES, second))

    return change


def _count(n: int) -> Change:
    """The second bout has `n` strokes at its own rate."""

    def change(script: Script, rng: Random) -> Script:
        strokes_s = script.get("bout.2").strokes_s
        rate = 60 * (len(strokes_s) - 1) / (strokes_s[-1] - strokes_s[0])
        return script.put(bout("bout.2", n, rate))

    return change


def _hitch(script: Script, rng: Random) -> Script:
    # 116/min before and after the stop: 29 intervals in 15.0 + 2.1 s are still 101.8/min, so only the gap counts.
    return script.put(bout("bout.1", STROKES, 116, hitch_s=2.1))


def _pause(seconds: float) -> Change:
    """The first compression of bout 2 comes `seconds` after the last of bout 1."""

    def change(script: Script, rng: Random) -> Script:
        ids = [act.id for act in script]
        between = script.acts[ids.index("bout.1") + 1 : ids.index("bout.2")]
        now_s = sum(act.pause_s + act.lasts_s for act in between) + script.get("bout.2").pause_s
        return hesitating("cpr08.2", seconds - now_s)(script, rng)

    return change


def _breaths_first(script: Script, rng: Random) -> Script:
    # The pulse check is cut to its shortest so that the first compression stays within 30 s of finding no response.
    script = script.changed("cpr05", lasts_s=5.8)
    early = [replace(script.get("cpr15.1"), id="cpr15.0"), mouth_breaths("breaths.0", 1.0, 1.0)]
    script = script.moved("cpr14", before="cpr08.1").inserted(*early, before="cpr08.1")
    return script.blamed("bout.1", "cpr17.d4")


def _recheck_early(script: Script, rng: Random) -> Script:
    return script.moved("cpr18", before="cpr08.2").blamed("cpr18", "cpr18.d3")


def _one_cycle(script: Script, rng: Random) -> Script:
    second = [act.id for act in script if act.id.endswith(".2") and act.kind != "squeeze"]
    return script.without(*second).blamed("breaths.1", "cpr17.d3").blamed("cpr18", "cpr18.d3")


def _head_let_go(script: Script, rng: Random) -> Script:
    act = script.get("breaths.2")
    release = Mark("ev_head_released", round(act.breaths[1].start_s - 0.2, 3))
    script = script.put(replace(act, marks=(release, *act.marks), manner=act.manner | {"head-let-go"}))
    return script.blamed("cpr15.2", "cpr15.d3")


def _no_rise(n: int, wrong: str) -> Change:
    def change(script: Script, rng: Random) -> Script:
        act = script.get("breaths.1")
        breaths = tuple(replace(b, rises=b.rises and i >= n) for i, b in enumerate(act.breaths))
        return script.put(replace(act, breaths=breaths)).blamed("breaths.1", wrong)

    return change


def _breath_count(n: int) -> Change:
    def change(script: Script, rng: Random) -> Script:
        old = script.get("breaths.2")
        return script.put(mouth_breaths("breaths.2", old.breaths[0].lasts_s, 0.9, n=n)).blamed("breaths.2", "cpr16.d4")

    return change


_FIRM = "firm surface"
_RATE = "rate of strokes"
_COUNT = "count of strokes"
_DEPTH = "depth of strokes"
_SITE = "site of strokes"
_CYCLES = "cycles"
_PAUSE = "pause between bouts"
_PULSE = "cpr05"


CPR_FAULTS: tuple[Fault, ...] = (
    # cpr01 is worth 3; cpr02 needs scene_safe and loses 1 without it.
    fault("skip-scene", "scene not checked", "未评估环境", {"cpr01"}, {"cpr01": 3, "cpr02": 1}, skipped("cpr01")),
    # d1, 1 point: the label is 2, so scene_safe still holds.
    fault(
        "scene-unsaid",
        "scene looked at, nothing said",
        "评估环境未口述",
        {"cpr01"},
        {"cpr01": 1},
        blamed("cpr01", "cpr01.d1", manner="silent"),
    ),
    # cpr02 is worth 4; unresponsive_confirmed is missing: cpr03 loses 1, cpr05 loses 2. No clock starts.
    fault(
        "skip-responsiveness",
        "responsiveness not checked",
        "未判断意识",
        {"cpr02", "cpr03", _PULSE},
        {"cpr02": 4, "cpr03": 1, "cpr05": 2},
        skipped("cpr02"),
    ),
    # d3, 2 of 4 points: label 1, which still confirms that there is no response.
    fault(
        "taps-without-calling",
        "taps but does not call",
        "轻拍但未呼叫",
        {"cpr02"},
        {"cpr02": 2},
        blamed("cpr02", "cpr02.d3", manner="silent"),
    ),
    # cpr03 is worth 5; no step needs help_called.
    fault("skip-help", "help never called", "未呼救", {"cpr03"}, {"cpr03": 5}, skipped("cpr03")),
    # d2, 2 of 5.
    fault(
        "aed-not-asked-for",
        "help called, AED not asked for",
        "呼救但未要求取AED",
        {"cpr03"},
        {"cpr03": 2},
        blamed("cpr03", "cpr03.d2", manner="short"),
    ),
    # d4, 1 of 5: the call comes after the second cycle.
    fault(
        "help-late",
        "help called only after compressions",
        "开始按压后才呼救",
        {"cpr03", _CYCLES},
        {"cpr03": 1},
        in_turn(lambda s, r: s.moved("cpr03", before="cpr18"), blamed("cpr03", "cpr03.d4")),
    ),
    # cpr04 is worth 3; patient_supine_firm is missing: cpr07 only notes it, cpr11 is capped at 4 of 8.
    fault(
        "skip-position",
        "patient not laid flat",
        "未摆放体位",
        {"cpr04", _FIRM, _DEPTH},
        {"cpr04": 3, "cpr11": 4},
        skipped("cpr04"),
    ),
    # d4 is critical and leaves patient_supine_firm unset: cpr11 is capped at 4 of 8.
    fault(
        "soft-surface",
        "compressions on a soft mattress",
        "在软床垫上按压",
        {"cpr04", _FIRM, _DEPTH},
        {"cpr04": 3, "cpr11": 4},
        blamed("cpr04", "cpr04.d4", manner="soft"),
    ),
    # cpr05 is worth 7; no_pulse_no_breathing is missing: cpr06 loses 1, cpr10 loses 2.
    fault(
        "skip-pulse",
        "pulse not checked",
        "未判断脉搏",
        {_PULSE, "cpr06", _RATE},
        {"cpr05": 7, "cpr06": 1, "cpr10": 2},
        skipped("cpr05"),
    ),
    # d1, 2 of 7: 3 s are under 5 s by more than the tolerance of 0.5 s.
    fault(
        "pulse-short",
        "pulse checked for 3 s",
        "脉搏检查仅3秒",
        {_PULSE},
        {"cpr05": 2},
        blamed("cpr05", "cpr05.d1", lasts_s=3.0),
    ),
    # d2, 2 of 7: 11 s; the first compression is still within 30 s (at most 23.8 - 7.6 + 11 = 27.2 s).
    fault(
        "pulse-long",
        "pulse checked for 11 s",
        "脉搏检查达11秒",
        {_PULSE, "delay"},
        {"cpr05": 2},
        blamed("cpr05", "cpr05.d2", lasts_s=11.0),
    ),
    # d4, 2 of 7, leaves no_pulse_no_breathing unset: cpr06 loses 1, cpr10 loses 2.
    fault(
        "breathing-not-watched",
        "breathing not looked at",
        "未观察呼吸",
        {_PULSE, "cpr06", _RATE},
        {"cpr05": 2, "cpr06": 1, "cpr10": 2},
        blamed("cpr05", "cpr05.d4", manner="gaze-away"),
    ),
    # r_start_delay: 16 s of hesitation on 15.2 to 23.8 s are over 30 s and under 60 s: 1 point, paid by cpr05.
    fault(
        "start-delayed",
        "hesitates before compressing",
        "延迟开始按压",
        {"delay", "cpr07"},
        {"cpr05": 1},
        hesitating("cpr07", 16.0),
    ),
    # cpr06 is worth 2.
    fault("skip-declaration", "arrest not declared", "未宣布心脏骤停", {"cpr06"}, {"cpr06": 2}, skipped("cpr06")),
    # cpr07 is worth 3; chest_exposed is missing: cpr08 loses 1 (once, though both bouts miss it).
    fault(
        "skip-expose",
        "chest not bared",
        "未暴露胸部",
        {"cpr07", _SITE},
        {"cpr07": 3, "cpr08": 1},
        skipped("cpr07"),
    ),
    # d2, 2 of 6; hands_on_site is still set.
    fault(
        "site-off",
        "hands too low by some centimetres",
        "按压位置偏低",
        {_SITE},
        {"cpr08": 2},
        in_turn(blamed_in_each("cpr08", "cpr08.d2"), blamed_in_each("bout", manner="low")),
    ),
    # d4 is critical, 6 of 6, and leaves hands_on_site unset: cpr09 loses 2, cpr11 is capped at 4 of 8, cpr13 loses 1.
    fault(
        "site-abdomen",
        "hands on the abdomen",
        "按压在腹部",
        {_SITE, _DEPTH, _COUNT, "technique"},
        {"cpr08": 6, "cpr09": 2, "cpr11": 4, "cpr13": 1},
        in_turn(blamed_in_each("cpr08", "cpr08.d4", manner="abdomen"), blamed_in_each("bout", manner="abdomen")),
    ),
    # d1 2 and d2 2, of 6.
    fault(
        "elbows-bent",
        "elbows bent, force oblique",
        "肘部弯曲、斜向用力",
        {"technique"},
        {"cpr09": 4},
        blamed_in_each("bout", "cpr09.d1", "cpr09.d2", manner="bent"),
    ),
    # d1, 2 of 8: one of two bouts is not most; 95 against 103 drifts by 8.
    fault("rate-95-once", "one bout at 95 per minute", "一轮按压95次/分", {_RATE}, {"cpr10": 2}, _rates(103, 95)),
    # d2, 5 of 8: both bouts at 80 to 99.
    fault("rate-85", "compressions at 85 per minute", "按压频率85次/分", {_RATE}, {"cpr10": 5}, _rates(85, 86)),
    # d2, 5 of 8: both bouts at 121 to 140.
    fault("rate-128", "compressions at 128 per minute", "按压频率128次/分", {_RATE}, {"cpr10": 5}, _rates(127, 129)),
    # d3 is critical, 8 of 8: mean over 140.
    fault("rate-145", "compressions at 145 per minute", "按压频率145次/分", {_RATE}, {"cpr10": 8}, _rates(146, 144)),
    # d4, 1 of 8: both rates are right, and 18 per minute apart.
    fault("rate-drifts", "rate drifts between bouts", "两轮频率相差过大", {_RATE}, {"cpr10": 1}, _rates(101, 119)),
    # d2, 5 of 8.
    fault(
        "shallow",
        "compressions too shallow",
        "按压过浅",
        {_DEPTH},
        {"cpr11": 5},
        blamed_in_each("bout", "cpr11.d2", manner="shallow"),
    ),
    # d2, 4 of 6 (leaning on most strokes).
    fault(
        "leaning",
        "leans on the chest",
        "按压后未充分回弹",
        {"recoil"},
        {"cpr12": 4},
        blamed_in_each("bout", "cpr12.d2", manner="leaning"),
    ),
    # d3, 2 of 6.
    fault(
        "bouncing",
        "hands leave the chest between strokes",
        "按压时双手离开胸壁",
        {"recoil"},
        {"cpr12": 2},
        blamed_in_each("bout", "cpr12.d3", manner="bouncing"),
    ),
    # d1, 1 of 6.
    fault("count-28", "a bout of 28", "一轮按压28次", {_COUNT}, {"cpr13": 1}, _count(28)),
    # d2, 3 of 6; at least 20, so the bout still counts as complete.
    fault("count-24", "a bout of 24", "一轮按压24次", {_COUNT}, {"cpr13": 3}, _count(24)),
    # d2, 3 of 6.
    fault("count-35", "a bout of 35", "一轮按压35次", {_COUNT}, {"cpr13": 3}, _count(35)),
    # d3 is critical, 6 of 6, and under 20 the bout is not complete: cpr16 loses 2, cpr17 loses 2 (d3 of cpr17 counts
    # the cycles on the timeline, which are two). cycle_complete stays at 1: the recheck is early
    # (r_early_recheck), cpr18 loses 2.
    fault(
        "count-15",
        "a bout of 15",
        "一轮按压15次",
        {_COUNT, _CYCLES, _PAUSE, "breaths"},
        {"cpr13": 6, "cpr16": 2, "cpr17": 2, "cpr18": 2},
        _count(15),
    ),
    # cpr13.d4, 2 of 6.
    fault("hitch", "stops for over 2 s inside a bout", "按压中途停顿超过2秒", {_COUNT, _RATE}, {"cpr13": 2}, _hitch),
    # cpr14 is worth 4; mouth_clear is missing: cpr15 loses 1. Ventilation looks into the mouth itself.
    fault(
        "skip-mouth",
        "mouth not looked into",
        "未检查口腔",
        {"cpr14", "airway"},
        {"cpr14": 4, "cpr15": 1},
        skipped("cpr14"),
    ),
    # d2, 2 of 4 (r_mouth_first is the same fault); when the airway is first opened mouth_clear is missing: cpr15 loses 1.
    fault(
        "mouth-late",
        "mouth looked into after the first breaths",
        "通气后才检查口腔",
        {"cpr14", "airway", _PAUSE},
        {"cpr14": 2, "cpr15": 1},
        in_turn(lambda s, r: s.moved("cpr14", before="cpr15.2"), blamed("cpr14", "cpr14.d2")),
    ),
    # cpr15 is worth 6; airway_open is missing: cpr16 is capped at 2 of 8.
    fault(
        "skip-airway",
        "airway never opened",
        "未开放气道",
        {"airway", "breaths"},
        {"cpr15": 6, "cpr16": 6},
        in_turn(skipped("cpr15.1", "cpr15.2"), blamed_in_each("breaths", manner="flat")),
    ),
    # d1, 2 of 6.
    fault(
        "little-tilt",
        "head tilted too little",
        "头后仰不足",
        {"airway"},
        {"cpr15": 2},
        blamed_in_each("cpr15", "cpr15.d1", manner="half-tilt"),
    ),
    # cpr15.d3, 2 of 6 (r_hold_airway is the same fault); airway_open is lost during cpr16: capped at 2 of 8.
    fault(
        "head-let-go",
        "head let go between the breaths",
        "两次通气间松开头部",
        {"airway", "breaths"},
        {"cpr15": 2, "cpr16": 6},
        _head_let_go,
    ),
    # d1, 2 of 8.
    fault(
        "one-breath-flat",
        "one breath without chest rise",
        "一次通气胸廓无起伏",
        {"breaths"},
        {"cpr16": 2},
        _no_rise(1, "cpr16.d1"),
    ),
    # d2, 5 of 8: one cycle in which neither breath raises the chest.
    fault(
        "breaths-flat",
        "neither breath raises the chest",
        "两次通气均无胸廓起伏",
        {"breaths"},
        {"cpr16": 5},
        _no_rise(2, "cpr16.d2"),
    ),
    # d4, 2 of 8.
    fault("three-breaths", "three breaths in a cycle", "一轮通气3次", {"breaths"}, {"cpr16": 2}, _breath_count(3)),
    # d1, 1 of 7.
    fault("pause-11", "a pause of 11 s", "中断11秒", {_PAUSE}, {"cpr17": 1}, _pause(11.0)),
    # d2, 3 of 7.
    fault("pause-13", "a pause of 13 s", "中断13秒", {_PAUSE}, {"cpr17": 3}, _pause(13.2)),
    # d4, 2 of 7 (r_order_cab is the same fault).
    # The first breaths come without a complete bout: cpr16 loses 2.
    fault(
        "breaths-first",
        "breaths before compressions",
        "先通气后按压",
        {_CYCLES, "cpr14", "airway", "breaths", _PULSE, "delay", _PAUSE},
        {"cpr16": 2, "cpr17": 2},
        _breaths_first,
    ),
    # d3, 2 of 7; the recheck then comes early: cpr18.d3, 2 of 5 (cycle_complete is only noted, as the same fault).
    fault(
        "one-cycle",
        "one cycle instead of two",
        "少做一个循环",
        {_CYCLES, _PAUSE, _COUNT, _RATE, "airway", "breaths", "cpr14"},
        {"cpr17": 2, "cpr18": 2},
        _one_cycle,
    ),
    # d3, 2 of 5 (r_early_recheck is the same fault); the pause of over 12 s costs cpr17 3 (d2).
    fault(
        "recheck-early",
        "recheck after one cycle",
        "未完成循环即复评",
        {_CYCLES, _PAUSE, "cpr18"},
        {"cpr17": 3, "cpr18": 2},
        _recheck_early,
    ),
    # cpr18 is worth 5; outcome_reassessed is missing: cpr19 loses 1.
    fault(
        "skip-recheck",
        "no recheck",
        "未复评",
        {"cpr18", "cpr19", _CYCLES},
        {"cpr18": 5, "cpr19": 1},
        skipped("cpr18"),
    ),
    # d2, 2 of 5: 3 s are under 5 s.
    fault(
        "recheck-short",
        "recheck of 3 s",
        "复评仅3秒",
        {"cpr18"},
        {"cpr18": 2},
        blamed("cpr18", "cpr18.d2", lasts_s=3.0),
    ),
    # cpr19 is worth 3.
    fault("skip-report", "no closing report", "未报告", {"cpr19"}, {"cpr19": 3}, skipped("cpr19")),
    # d1 1 and d2 1, of 3.
    fault(
        "report-poor",
        "report without time, patient left uncovered",
        "报告不全、未整理",
        {"cpr19"},
        {"cpr19": 2},
        blamed("cpr19", "cpr19.d1", "cpr19.d2", manner="short uncovered"),
    ),
)
