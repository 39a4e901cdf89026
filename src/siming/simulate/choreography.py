"""From a timed script to what can be seen, frame by frame.

Every act has a move (`moves.py`); here the body follows its goal, strokes press the chest, and what does not wait for
the trainee's hands happens by itself: the device, the helper, the chest that rises and falls. Faults that can be seen
are seen; those that can only be heard are in `soundtrack.py`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from siming.simulate.moves import MOVES, Moment, holding_mask, pressing, resting, site, standing
from siming.simulate.script import Timed
from siming.simulate.stage import DEVICE, Body, Stage

SETTLE_S = 0.16
"""Time constant with which the body follows its goal."""
FULL_DEPTH = 11.0
"""Picture points of a stroke of 5 to 6 cm."""


def stages(timed: Sequence[Timed], *, fps: float, duration_s: float) -> Iterator[Stage]:
    """The stage at every 1/`fps` s, the same object each time."""
    stage = Stage()
    starts = [one.start_s for one in timed]
    follow = 1 - math.exp(-1 / (fps * SETTLE_S))
    for number in range(math.ceil(duration_s * fps)):
        now_s = number / fps
        index = bisect_right(starts, now_s) - 1
        stage.patient.mouth_open = False
        goal = _goal(stage, timed, index, now_s)
        _things(stage, timed, now_s)
        stage.trainee.approach(goal, follow)
        stage.helper.x += max(-70 / fps, min(70 / fps, stage.helper.goal_x - stage.helper.x))
        strokes = _press(stage, timed[index], now_s) if index >= 0 else None
        if strokes is not None:
            stage.trainee = strokes
        yield stage


def _goal(stage: Stage, timed: Sequence[Timed], index: int, now_s: float) -> Body:
    if index < 0:
        return standing(190)
    one = timed[index]
    coming = timed[index + 1] if index + 1 < len(timed) else None
    if now_s <= one.end_s or coming is None:
        return _move(stage, one, min(now_s, one.end_s))
    if one.act.kind == "squeeze":
        return holding_mask(stage, one)
    if coming.start_s - now_s > 1.0:  # nothing is done: hands on the thighs
        return resting(stage)
    return stage.trainee


def _move(stage: Stage, one: Timed, now_s: float) -> Body:
    move = MOVES.get(one.act.kind)  # none for waiting and idling
    return resting(stage) if move is None else move(stage, Moment(one, now_s - one.start_s))


# ------------------------------------------------------------------ what happens by itself
def _things(stage: Stage, timed: Sequence[Timed], now_s: float) -> None:
    """Device prompts, the helper, breathing: all that does not wait for the trainee's hands."""
    stage.device.flash = 0.0
    stage.patient.jerk = 0.0
    stage.helper.pose = "stand"
    for one in timed:
        if one.start_s - 5 > now_s:
            break
        _helper_acts(stage, one, now_s)
        for mark in one.act.marks:
            since_s = now_s - one.at(mark.at_s)
            if since_s >= 0:
                _prompt(stage, mark.action, since_s)
            if mark.action == "ev_touch_patient" and -0.4 <= since_s <= 1.3:
                stage.helper.pose = "touch"
    stage.patient.rise = _rise(timed, now_s)


def _helper_acts(stage: Stage, one: Timed, now_s: float) -> None:
    helper = stage.helper
    inside = one.start_s <= now_s <= one.end_s
    match one.act.kind:
        case "cpr05" if now_s >= one.start_s:
            helper.goal_x = -60.0  # off to fetch the device
        case "bridge" if now_s >= one.start_s:
            stage.device.carried = stage.device.place is None
            helper.goal_x = 110.0
        case "aed01" if inside:
            helper.goal_x = 210.0
        case "aed02" if now_s >= one.start_s - 0.3:
            helper.goal_x = 92.0
            stage.device.carried = False
            stage.device.place = stage.device.place or DEVICE
        case "aed06" | "aed07" | "aed08" if inside:
            helper.pose = "back"


def _prompt(stage: Stage, action: str, since_s: float) -> None:
    device = stage.device
    match action:
        case "ev_prompt_analysing":
            device.lamp = "analysing" if int(since_s * 2.5) % 2 == 0 else "idle"
        case "ev_prompt_shock_advised":
            device.lamp = "advised"
        case "ev_prompt_charged":
            device.lamp = "charged"
        case "ev_shock_button":
            device.lamp = "idle"
            device.flash = 1.0 if since_s < 0.3 else 0.0
            stage.patient.jerk = 7.0 if since_s < 0.3 else 0.0


def _rise(timed: Sequence[Timed], now_s: float) -> float:
    """How far the chest is up: it follows each breath and falls within 1.2 s."""
    rise = 0.0
    for one in timed:
        for breath in one.act.breaths:
            since_s = now_s - one.at(breath.start_s)
            if not since_s >= 0 or not breath.rises or "leak" in one.act.manner:
                continue
            if since_s <= breath.lasts_s:
                rise = max(rise, 9 * since_s / breath.lasts_s)
            elif "held" in one.act.manner:
                rise = max(rise, 9.0 if since_s < 6.5 else 0.0)
            else:
                rise = max(rise, 9 * (1 - (since_s - breath.lasts_s) / 1.1))
    return rise


def _press(stage: Stage, one: Timed, now_s: float) -> Body | None:
    """The trainee while strokes go on; the chest follows the hands."""
    strokes_s = one.act.strokes_s
    since_s = now_s - one.start_s
    patient = stage.patient
    if len(strokes_s) < 2 or not strokes_s[0] - 0.3 <= since_s <= strokes_s[-1] + 0.3:
        patient.sink = 0.0
        return None
    manner = one.act.manner
    half_s = 0.47 * (strokes_s[-1] - strokes_s[0]) / (len(strokes_s) - 1)
    nearest_s = min(abs(since_s - stroke_s) for stroke_s in strokes_s)
    down = 0.5 * (1 + math.cos(math.pi * min(1.0, nearest_s / half_s)))
    depth = 4.0 if "shallow" in manner else FULL_DEPTH
    patient.sink = depth * (0.62 + 0.38 * down) if "leaning" in manner else depth * down
    lifted = 13.0 * (1 - down) ** 2 if "bouncing" in manner else 0.0
    x, y = site(manner)
    patient.sink_x = x
    return pressing((x, y + patient.sink - lifted), bent="bent" in manner, phase=down)
