"""What the trainee does in each act: where hands, head and eyes go, and what becomes of the things on stage."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from siming.simulate.script import Timed
from siming.simulate.stage import (
    ABDOMEN,
    CHEST,
    CHIN,
    COLLARBONE_PAD,
    DEVICE,
    FLANK_PAD,
    FOREHEAD,
    NECK,
    POWER_BUTTON,
    SHOCK_BUTTON,
    SOCKET,
    Body,
    Point,
    Stage,
)


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant inside an act."""

    one: Timed
    since_s: float
    """Seconds after the act began; never beyond its end."""

    @property
    def share(self) -> float:
        """How much of the act is over, 0 to 1."""
        return self.since_s / self.one.act.lasts_s if self.one.act.lasts_s else 1.0

    def within(self, start: float, end: float) -> float:
        """How much of a part of the act is over, 0 to 1, where start and end are shares of it."""
        return min(1.0, max(0.0, (self.share - start) / (end - start)))

    def has(self, manner: str) -> bool:
        """Whether the act is done in that manner."""
        return manner in self.one.act.manner


Move = Callable[[Stage, Moment], Body]


# ------------------------------------------------------------------ positions of the body
def standing(x: float, *, gaze: Point = (0.0, 0.0), left: Point | None = None, right: Point | None = None) -> Body:
    return Body((x, 150), (x, 78), (x, 48), gaze, left or (x - 27, 152), right or (x + 27, 152), 1.0)


def _kneeling(
    x: float, left: Point, right: Point, *, lean: Point = (0.0, 0.0), gaze: Point = (0.0, 0.7), nod: Point = (0.0, 0.0)
) -> Body:
    shoulder = (x + lean[0], 132 + lean[1])
    head = (shoulder[0] + nod[0] + 0.15 * lean[0], shoulder[1] - 27 + nod[1])
    return Body((x, 202), shoulder, head, gaze, left, right, 0.0)


def pressing(hands: Point, *, bent: bool, phase: float = 0.0) -> Body:
    x, y = hands
    lower = 14.0 if bent else -9.0
    side = 26.0 if bent else 0.0
    left, right = (x - 4, y - 3), (x + 4, y - 6)
    return _kneeling(
        x + side, left, right, lean=(0, lower + 5 * phase + (y - CHEST[1]) * 0.4), gaze=(0, 0.9), nod=(0, 4)
    )


def resting(stage: Stage) -> Body:
    x = stage.trainee.hip[0]
    if stage.trainee.standing > 0.5:
        return standing(x)
    return _kneeling(x, (x - 18, 198), (x + 18, 198), gaze=(0, 0.2))


def site(manner: frozenset[str]) -> Point:
    if "abdomen" in manner:
        return ABDOMEN
    return (CHEST[0] - 17, CHEST[1] + 1) if "low" in manner else CHEST


def _sweep(m: Moment, turns: float = 1.0) -> float:
    """Eyes from side to side."""
    return math.sin(2 * math.pi * turns * m.share)


# ------------------------------------------------------------------ the moves
def _look_round(stage: Stage, m: Moment) -> Body:
    return standing(190, gaze=(_sweep(m), 0.1), right=(252, 112))


def _tap(stage: Stage, m: Moment) -> Body:
    beat = 8 * abs(math.sin(2 * math.pi * 1.4 * m.since_s))
    return _kneeling(338, (330, 224 - beat), (356, 232 - beat), lean=(8, 18), gaze=(0.5, 0.8))


def _call_help(stage: Stage, m: Moment) -> Body:
    stage.in_hand = "phone" if m.share < 0.98 else None
    return _kneeling(300, (232, 112), (316, 106), gaze=(-1.0, -0.1))


def _lay_flat(stage: Stage, m: Moment) -> Body:
    stage.patient.soft = stage.patient.soft or m.has("soft")
    stage.patient.arm_spread = 1 - m.within(0.3, 0.95)
    reach = 300 - 60 * m.within(0.3, 0.95)
    return _kneeling(280, (reach - 40, 246), (reach + 20, 268 - 20 * m.share), lean=(0, 26), gaze=(-0.2, 0.9))


def _feel_pulse(stage: Stage, m: Moment) -> Body:
    count = 2 * math.sin(2 * math.pi * m.since_s)
    gaze = (0.8, -0.3) if m.has("gaze-away") else (-0.9, 0.9)
    return _kneeling(334, NECK, FOREHEAD, lean=(6, 22 + count * 0.3), gaze=gaze, nod=(0, count))


def _look_at_watch(stage: Stage, m: Moment) -> Body:
    return _kneeling(308, (304, 148), (336, 196), gaze=(-0.1, 0.9), nod=(-2, 4))


def _bare_chest(stage: Stage, m: Moment) -> Body:
    stage.patient.shirt_open = max(stage.patient.shirt_open, m.within(0.1, 0.75))
    apart = 10 + 34 * m.within(0.1, 0.75)
    if m.share > 0.78:  # the belt
        return _kneeling(282, (214, 230), (226, 226), lean=(-26, 18), gaze=(-0.4, 0.9))
    return _kneeling(296, (296 - apart, 216), (296 + apart, 218), lean=(0, 12))


def _place_hands(stage: Stage, m: Moment) -> Body:
    x, y = site(m.one.act.manner)
    second = (x + 4, y - 4) if m.share > 0.55 else (x + 30, 190)
    return _kneeling(x, (x - 4, y - 2), second, lean=(0, 6), gaze=(0, 0.9))


def _compress(stage: Stage, m: Moment) -> Body:
    return pressing(site(m.one.act.manner), bent=m.has("bent"))


def _leave_chest(stage: Stage, m: Moment) -> Body:
    return _kneeling(316, (326, 196), (356, 206), lean=(4, 8), gaze=(0.6, 0.7))


def _look_into_mouth(stage: Stage, m: Moment) -> Body:
    stage.patient.mouth_open = 0.2 < m.share < 0.95
    return _kneeling(336, (CHIN[0] - 2, CHIN[1]), (FOREHEAD[0] - 8, FOREHEAD[1] + 2), lean=(18, 36), gaze=(0.4, 0.95))


def _tilt_head(stage: Stage, m: Moment) -> Body:
    stage.patient.tilt = (9.0 if m.has("half-tilt") else 26.0) * m.within(0.2, 0.8)
    return _kneeling(336, (CHIN[0], CHIN[1] - 4), FOREHEAD, lean=(12, 20), gaze=(0.4, 0.8))


def _mouth_to_mouth(stage: Stage, m: Moment) -> Body:
    act = m.one.act
    released_s = min((mark.at_s for mark in act.marks if mark.action == "ev_head_released"), default=act.lasts_s)
    if m.has("flat") or m.since_s >= released_s:
        stage.patient.tilt = 0.0
    blowing = any(b.start_s - 0.15 <= m.since_s <= b.start_s + b.lasts_s for b in act.breaths)
    left = (CHIN[0] - 8, CHIN[1] + 8) if stage.patient.tilt else (330, 226)
    body = _kneeling(332, left, (FOREHEAD[0] + 6, FOREHEAD[1]), lean=(18, 30), gaze=(-0.7, 0.8))
    if blowing:
        body.shoulder, body.head, body.gaze = (350, 176), (370, 206), (0.0, 0.95)
    return body


def _close_case(stage: Stage, m: Moment) -> Body:
    if not m.has("uncovered"):
        stage.patient.shirt_open = min(stage.patient.shirt_open, 1 - m.within(0.05, 0.4))
    if m.share < 0.45 and not m.has("uncovered"):
        apart = 44 - 34 * m.within(0.05, 0.4)
        return _kneeling(296, (296 - apart, 216), (296 + apart, 218), lean=(0, 12))
    return _kneeling(296, (270, 190), (326, 150), gaze=(-0.6, 0.0))  # speaks to the examiner


def _bring_device(stage: Stage, m: Moment) -> Body:
    if m.share > 0.3:
        stage.device.place, stage.device.carried = DEVICE, False
    gaze = (0.9, 0.5) if m.has("no-look") or m.share < 0.5 else (_sweep(m, 2.0), 0.4)
    if m.share <= 0.5:
        return _kneeling(296, (314, 170), (378, 164), lean=(20, 6), gaze=gaze)
    return _kneeling(292, (266, 186), (326, 176), gaze=gaze)


def _switch_on(stage: Stage, m: Moment) -> Body:
    device = stage.device
    found = 0.85 if m.has("searching") else 0.6
    device.lid_open = device.lid_open or m.share > 0.3
    device.power = device.power or m.share > found
    if m.has("searching") and m.share < found - 0.1:
        wander = (355 + 22 * math.sin(5 * m.since_s), 170 + 12 * math.cos(3.1 * m.since_s))
        return _kneeling(298, (300, 192), wander, lean=(20, 4), gaze=(0.9, 0.6))
    return _kneeling(298, (300, 192), POWER_BUTTON, lean=(18, 4), gaze=(0.9, 0.7))


def _prepare_chest(stage: Stage, m: Moment) -> Body:
    if not m.has("clothed"):
        stage.patient.shirt_open = max(stage.patient.shirt_open, m.within(0.0, 0.3))
    place = (296 + 34 * math.sin(2 * math.pi * 1.1 * m.since_s), 222.0)
    wipes = not (m.has("no-wipe") or m.has("clothed")) and 0.3 < m.share < 0.97
    stage.towel = (place[0], place[1] + 2) if wipes else None
    hand = place if wipes else (318.0, 198.0)
    return _kneeling(302, (262, 200), hand, lean=(0, 14), gaze=(0, 0.9))


def _stick_pads(stage: Stage, m: Moment) -> Body:
    first, second = COLLARBONE_PAD, FLANK_PAD
    if m.has("pad-off"):
        second = (second[0] + 14, second[1] - 12)
    if m.has("pad-wrong"):
        second = (238.0, 236.0)
    pads = stage.patient.pads
    stage.in_hand = "pad" if 0.12 < m.share < 0.4 or 0.52 < m.share < 0.76 else None
    if m.share > 0.4 and not pads:
        pads.append(first)
    if m.share > 0.76 and len(pads) == 1:
        pads.append(second)
    stage.device.lid_open = True
    if m.share < 0.14:
        return _kneeling(294, (326, 176), (359, 164), lean=(22, 6), gaze=(0.9, 0.7))
    target = first if m.share < 0.46 else second
    if m.share < 0.3 or 0.46 < m.share < 0.62:  # the film comes off
        return _kneeling(304, (290, 176), (312, 176), gaze=(0, 0.9))
    press = 2 * math.sin(8 * m.since_s)
    return _kneeling(
        target[0], (target[0] - 8, target[1] + press), (target[0] + 6, target[1] + press), lean=(0, 20), gaze=(0, 0.9)
    )


def _plug_in(stage: Stage, m: Moment) -> Body:
    stage.in_hand = "plug" if m.share < 0.7 else None
    stage.device.plugged = stage.device.plugged or m.share > 0.7
    return _kneeling(300, (312, 194), SOCKET, lean=(22, 6), gaze=(0.9, 0.7))


def _stand_clear(stage: Stage, m: Moment) -> Body:
    turn = 0.0 if m.has("no-look") else _sweep(m, max(1.0, round(m.one.act.lasts_s / 4)))
    return _kneeling(306, (202, 136), (410, 132), lean=(0, -8), gaze=(turn, 0.0))


def _clear_for_shock(stage: Stage, m: Moment) -> Body:
    turn = 0.0 if m.has("no-look") else _sweep(m)
    palm = 96 if not m.has("silent") else 140  # a raised palm goes with the spoken word
    return _kneeling(306, (230, palm), (382, palm), lean=(0, -10), gaze=(turn, 0.5 if turn else 0.0))


def _wait_clear(stage: Stage, m: Moment) -> Body:
    return _kneeling(288, (256, 176), (322, 174), lean=(0, -6), gaze=(0.9, 0.5))


def _give_shock(stage: Stage, m: Moment) -> Body:
    return _kneeling(298, (256, 160), SHOCK_BUTTON, lean=(24, 2), gaze=(0.9, 0.6))


def _resume(stage: Stage, m: Moment) -> Body:
    if m.has("pads-off") and m.share > 0.02:
        stage.patient.pads.clear()
        stage.device.plugged = False
    if m.has("pulse-first") and m.since_s < m.one.act.strokes_s[0] - 0.6:
        return _feel_pulse(stage, m)
    return pressing(CHEST, bent=False)


def _prepare_bag(stage: Stage, m: Moment) -> Body:
    bag = stage.bag
    bag.place = "hands"
    bag.tube = bag.tube or (m.share > 0.4 and not m.has("no-oxygen"))
    tests = m.share > 0.55 and not m.has("untested")
    bag.squeezed = abs(math.sin(2 * math.pi * 0.8 * m.since_s)) if tests else 0.0
    if 0.12 < m.share < 0.45 and not m.has("no-oxygen"):
        return _kneeling(424, (406, 176), (456, 112), gaze=(0.8, 0.0))
    return _kneeling(424, (402, 168), (430, 166), gaze=(-0.1, 0.7))


def _open_at_head(stage: Stage, m: Moment) -> Body:
    full = 0.0 if m.has("flat") else 9.0 if m.has("half-tilt") else 26.0
    looks = not m.has("no-mouth")
    stage.patient.mouth_open = looks and 0.15 < m.share < 0.5
    stage.patient.tilt = full * m.within(0.5, 0.85)
    stage.bag.place = "away"
    hands = ((358, 222), (384, 222)) if not m.has("flat") else ((376, 224), (392, 226))
    return _kneeling(430, *hands, lean=(-14, 26 if looks and m.share < 0.5 else 16), gaze=(-0.7, 0.9))


def _seal_mask(stage: Stage, m: Moment) -> Body:
    if m.share > 0.35:
        stage.bag.place = "face"
    stage.bag.askew = m.has("leak")
    return _bagging(stage, leak=m.has("leak"))


def _squeeze(stage: Stage, m: Moment) -> Body:
    stage.bag.place = "face"
    stage.bag.squeezed = math.sin(math.pi * min(1.0, m.share)) ** 0.7
    stage.bag.askew = m.has("leak")
    return _bagging(stage, leak=m.has("leak"), gaze=(0.7, -0.2) if m.has("gaze-away") else (-0.9, 0.8))


def holding_mask(stage: Stage, one: Timed) -> Body:
    held = "held" in one.act.manner
    stage.bag.squeezed = 0.8 if held else max(0.0, stage.bag.squeezed - 0.3)
    return _bagging(
        stage, leak="leak" in one.act.manner, gaze=(0.7, -0.2) if "gaze-away" in one.act.manner else (-0.9, 0.8)
    )


def _bagging(stage: Stage, *, leak: bool, gaze: Point = (-0.9, 0.8)) -> Body:
    left = (388, 206) if leak else (368, 222)  # without the grip the hand only rests on the valve
    return _kneeling(440, left, (398, 188), lean=(-10, 18), gaze=gaze)


def _end_ventilation(stage: Stage, m: Moment) -> Body:
    stage.bag.squeezed = 0.0
    if m.share > 0.45:
        stage.bag.place = "away"
        stage.patient.tilt = 0.0
        left = (392, 150) if not m.has("silent") else (412, 198)
        return _kneeling(430, left, (448, 190), gaze=(-0.5, 0.0))
    return _bagging(stage, leak=False)


MOVES: dict[str, Move] = {
    "cpr01": _look_round,
    "cpr02": _tap,
    "cpr03": _call_help,
    "cpr04": _lay_flat,
    "cpr05": _feel_pulse,
    "cpr06": _look_at_watch,
    "cpr07": _bare_chest,
    "cpr08": _place_hands,
    "bout": _compress,
    "leave": _leave_chest,
    "cpr14": _look_into_mouth,
    "cpr15": _tilt_head,
    "breaths": _mouth_to_mouth,
    "cpr18": _feel_pulse,
    "cpr19": _close_case,
    "bridge": _compress,
    "aed01": _bring_device,
    "aed02": _switch_on,
    "aed03": _prepare_chest,
    "aed04": _stick_pads,
    "aed05": _plug_in,
    "aed06": _stand_clear,
    "charging": _wait_clear,
    "aed07": _clear_for_shock,
    "aed08": _give_shock,
    "aed09": _resume,
    "bmv01": _prepare_bag,
    "bmv02": _open_at_head,
    "bmv03": _seal_mask,
    "squeeze": _squeeze,
    "bmv05": _end_ventilation,
}
