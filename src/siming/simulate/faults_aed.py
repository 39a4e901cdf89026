"""What can go wrong with the defibrillator. Sums are worked out beside each fault."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from siming.simulate.fault import Change, Fault, blamed, fault, hesitating, in_turn, skipped
from siming.simulate.script import Act, Mark, Script, stroke_times


def _analysis_again(script: Script, rng: Random) -> Script:
    # Touched 2.5 s into the analysis; the device begins anew and finishes undisturbed.
    act = script.get("aed06")
    marks = (
        Mark("ev_prompt_analysing", 0.5),
        Mark("ev_touch_patient", 2.5),
        Mark("ev_touch_during_analysis", 2.5),
        Mark("ev_prompt_analysing", 4.6),
        Mark("ev_prompt_shock_advised", round(act.lasts_s + 3.9, 3)),
    )
    return script.put(replace(act, lasts_s=round(act.lasts_s + 4.0, 3), marks=marks)).blamed(
        "aed06", "aed06.d3", manner=["touched"]
    )


def _touched_result_used(script: Script, rng: Random) -> Script:
    act = script.get("aed06")
    touches = (Mark("ev_touch_patient", 3.0), Mark("ev_touch_during_analysis", 3.0))
    marks = (act.marks[0], *touches, *act.marks[1:])
    return script.put(replace(act, marks=marks)).blamed("aed06", "aed06.d4", manner=["touched"])


def _clear_before_charge(script: Script, rng: Random) -> Script:
    # Clear at once after the advice, then wait for the charge and press: not cleared again.
    script = script.moved("aed07", before="charging").blamed("aed07", "aed07.d3")
    return script.changed("charging", pause_s=2.0)


def _touched_before_shock(script: Script, rng: Random) -> Script:
    # The rubric charges the contact through the state that it destroys; nothing was wrong with the clearing itself.
    act = script.get("aed08")
    touch = Mark("ev_touch_patient", 0.4)  # one second before the button
    return script.put(replace(act, marks=(touch, *act.marks)))


def _resumed_after(seconds: float) -> Change:
    """The first compression comes `seconds` after the shock."""

    def change(script: Script, rng: Random) -> Script:
        shock, act = script.get("aed08"), script.get("aed09")
        since_s = shock.lasts_s - shock.marks[-1].at_s + act.pause_s + act.strokes_s[0]
        return hesitating("aed09", seconds - since_s)(script, rng)

    return change


def _pulse_first(script: Script, rng: Random) -> Script:
    # 0.6 + 0.25 + 3.6 s after the shock: still under 5 s.
    act = script.get("aed09")
    strokes_s = stroke_times(len(act.strokes_s), 110, lead_s=3.6)
    return script.put(replace(act, strokes_s=strokes_s, lasts_s=round(strokes_s[-1] + 0.3, 3))).blamed(
        "aed09", "aed09.d3", manner=["pulse-first"]
    )


def _pads_first(script: Script, rng: Random) -> Script:
    return script.moved("aed03", "aed04", before="aed02").blamed("aed02", "aed02.d2")


def _never_plugged(script: Script, rng: Random) -> Script:
    # The device waits for its plug and says nothing more; the trainee gives up and compresses again.
    shock = ("aed05", "aed06", "charging", "aed07", "aed08")
    return script.inserted(Act("waiting", 6.0), before="aed05").without(*shock)


AED_FAULTS: tuple[Fault, ...] = (
    # aed01 is worth 8; site_safe_for_shock is missing: aed08 is void, 10 of 10; aed02 and aed09 only note what is missing.
    fault(
        "skip-site-check",
        "device set down by a helper, surroundings not checked",
        "未评估放电环境",
        {"aed01", "aed08"},
        {"aed01": 8, "aed08": 10},
        skipped("aed01"),
    ),
    # d2, 3 of 8; the site still counts as safe (only d4 denies it).
    fault(
        "site-unchecked",
        "surroundings not checked",
        "未检查周围环境",
        {"aed01"},
        {"aed01": 3},
        blamed("aed01", "aed01.d2", manner="silent no-look"),
    ),
    # README, example 4. aed02.d2 5 of 10 (r_power_first is the same fault); aed04 needs aed_on: 3 of 18.
    fault(
        "pads-before-power",
        "pads on before power",
        "先贴片后开机",
        {"aed02", "aed03", "aed04"},
        {"aed02": 5, "aed04": 3},
        _pads_first,
    ),
    # d1, 3 of 10.
    fault(
        "power-searched",
        "searches for the switch",
        "寻找开关超过5秒",
        {"aed02", "aed01"},
        {"aed02": 3},
        blamed("aed02", "aed02.d1", manner="searching", lasts_s=7.5),
    ),
    # aed03 is worth 8; chest_ready is missing: aed04 is capped at 9 of 18.
    fault(
        "skip-chest",
        "chest not prepared",
        "未准备胸部皮肤",
        {"aed03", "aed04"},
        {"aed03": 8, "aed04": 9},
        skipped("aed03"),
    ),
    # d4 is critical, 8 of 8 (d3 is in its group), and leaves chest_ready unset: aed04 is capped at 9 of 18.
    fault(
        "pads-on-clothing",
        "pads stuck on clothing",
        "电极片贴在衣物上",
        {"aed03", "aed04"},
        {"aed03": 8, "aed04": 9},
        blamed("aed03", "aed03.d4", manner="clothed"),
    ),
    # d1 2 and d2 2, of 8.
    fault(
        "chest-unsaid",
        "dryness and implants not mentioned",
        "未口述检查皮肤",
        {"aed03"},
        {"aed03": 4},
        blamed("aed03", "aed03.d1", "aed03.d2", manner="silent no-wipe"),
    ),
    # d1, 3 of 18.
    fault(
        "pad-slightly-off",
        "a pad a few centimetres off",
        "电极片略偏",
        {"aed04"},
        {"aed04": 3},
        blamed("aed04", "aed04.d1", manner="pad-off"),
    ),
    # d5, 9 of 18; pads_on is still set (only d6 denies it).
    fault(
        "pad-wrong-area",
        "one pad in a wrong area",
        "一片电极片位置错误",
        {"aed04"},
        {"aed04": 9},
        blamed("aed04", "aed04.d5", manner="pad-wrong"),
    ),
    # d3, 3 of 18: 22 s; power to shock stays under 60 s (at most 2.4 + 3.5 + 22 + 2.5 + 8.5 + 1.3 + 3.8 s = 44 s).
    fault(
        "pads-slow",
        "22 s to stick the pads",
        "贴片用时22秒",
        {"aed04", "on to shock"},
        {"aed04": 3},
        blamed("aed04", "aed04.d3", lasts_s=22.0),
    ),
    # aed05 is worth 6; without it the device neither analyses nor shocks: aed06 14, aed07 16, aed08 10 are not done.
    fault(
        "never-plugged",
        "pads never plugged in",
        "未连接插头",
        {"aed05", "aed06", "aed07", "aed08", "aed09"},
        {"aed05": 6, "aed06": 14, "aed07": 16, "aed08": 10},
        _never_plugged,
    ),
    # d1, 4 of 14.
    fault(
        "analysis-unwarned",
        "no warning before the analysis",
        "分析前未口头警告",
        {"aed06"},
        {"aed06": 4},
        blamed("aed06", "aed06.d1", manner="silent"),
    ),
    # d2, 4 of 14.
    fault(
        "analysis-unlooked",
        "no look round during the analysis",
        "分析时未环视",
        {"aed06"},
        {"aed06": 4},
        blamed("aed06", "aed06.d2", manner="no-look"),
    ),
    # d3, 9 of 14; the second analysis is undisturbed, so everything after it stands.
    fault(
        "touched-analysis-repeated",
        "patient touched, analysis repeated",
        "分析中被触碰后重新分析",
        {"aed06"},
        {"aed06": 9},
        _analysis_again,
    ),
    # d4 is critical, 14 of 14; rhythm_analysed is missing: aed07 is void (16), so nobody is clear: aed08 is void (10).
    fault(
        "touched-result-used",
        "patient touched, result used",
        "分析中被触碰仍采用结果",
        {"aed06", "aed07", "aed08"},
        {"aed06": 14, "aed07": 16, "aed08": 10},
        _touched_result_used,
    ),
    # aed07 is worth 16; everyone_clear is missing: aed08 is void (10).
    fault(
        "skip-clear",
        "nobody cleared before the shock",
        "放电前未清场",
        {"aed07", "aed08"},
        {"aed07": 16, "aed08": 10},
        skipped("aed07"),
    ),
    # d1, 5 of 16.
    fault(
        "clear-unlooked",
        "clear said but not looked",
        "清场未环视",
        {"aed07"},
        {"aed07": 5},
        blamed("aed07", "aed07.d1", manner="no-look"),
    ),
    # d2, 5 of 16.
    fault(
        "clear-unsaid",
        "clear looked but not said",
        "清场未口述",
        {"aed07"},
        {"aed07": 5},
        blamed("aed07", "aed07.d2", manner="silent"),
    ),
    # d3, 8 of 16, leaves everyone_clear unset: aed08 is void (10).
    fault(
        "clear-too-early",
        "cleared before the charge and not again",
        "充电前清场未再次确认",
        {"aed07", "aed08"},
        {"aed07": 8, "aed08": 10},
        _clear_before_charge,
    ),
    # everyone_clear is good for 5 s; 5.9 s + 1.4 s later it has expired: r_clear_fresh 5 of 16, aed08 void (10).
    fault(
        "clear-expired",
        "7 s from clear to shock",
        "清场后7秒才放电",
        {"aed07", "aed08"},
        {"aed07": 5, "aed08": 10},
        hesitating("aed08", 5.8),
    ),
    # README, example 5. aed07.d4 is critical, 16 of 16; aed08 void (10); aed09 only notes the missing shock.
    fault(
        "touched-before-shock",
        "patient touched one second before the shock",
        "放电前1秒有人接触患者",
        {"aed07", "aed08"},
        {"aed07": 16, "aed08": 10},
        _touched_before_shock,
    ),
    # d1, 2 of 10: 3.4 to 3.8 s and 4 s of hesitation before the clear are 5 to 10 s; the clear itself is fresh.
    fault(
        "shock-late",
        "shock 8 s after ready",
        "准备就绪8秒后放电",
        {"aed07", "aed08"},
        {"aed08": 2},
        in_turn(hesitating("aed07", 4.2), blamed("aed08", "aed08.d1")),
    ),
    # d1, 3 of 10.
    fault(
        "resumed-after-7",
        "compressions resumed after 7 s",
        "放电后7秒恢复按压",
        {"aed09"},
        {"aed09": 3},
        in_turn(_resumed_after(7.0), blamed("aed09", "aed09.d1")),
    ),
    # d2, 6 of 10.
    fault(
        "resumed-after-12",
        "compressions resumed after 12 s",
        "放电后12秒恢复按压",
        {"aed09"},
        {"aed09": 6},
        in_turn(_resumed_after(12.0), blamed("aed09", "aed09.d2")),
    ),
    # d3, 3 of 10.
    fault(
        "pulse-after-shock", "pulse checked after the shock", "放电后先检查脉搏", {"aed09"}, {"aed09": 3}, _pulse_first
    ),
    # d4, 3 of 10.
    fault(
        "pads-off",
        "pads taken off after the shock",
        "放电后取下电极片",
        {"aed09"},
        {"aed09": 3},
        blamed("aed09", "aed09.d4", manner="pads-off"),
    ),
    # aed09 is worth 10.
    fault("not-resumed", "compressions not resumed", "放电后未恢复按压", {"aed09"}, {"aed09": 10}, skipped("aed09")),
)
