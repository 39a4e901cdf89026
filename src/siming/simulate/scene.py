"""Drawing a stage: a training room that a stranger recognises at 480 by 352 points.

Side view. The patient lies with the head to the right; the trainee works behind the patient, facing us, so that
hands, chest and face can be seen together. Nothing is written in the picture.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from siming.simulate.stage import CHEST, SOCKET, Bag, Body, Device, Helper, Patient, Point, Stage

SIZE = (480, 352)

Ink = tuple[int, int, int]
Pen = ImageDraw.ImageDraw

_WALL: Ink = (216, 221, 216)
_FLOOR: Ink = (158, 142, 122)
_SCRUBS: Ink = (32, 104, 116)
_SCRUBS_DARK: Ink = (24, 84, 96)
_SKIN: Ink = (214, 164, 128)
_HAIR: Ink = (58, 42, 36)
_GLOVE: Ink = (120, 170, 214)
"""Hands stand out from the manikin's skin."""
_MANIKIN: Ink = (236, 202, 170)
_MANIKIN_LINE: Ink = (190, 150, 120)
_SHIRT: Ink = (142, 156, 182)
_TROUSERS: Ink = (54, 60, 82)
_LINE: Ink = (40, 40, 44)


def draw(stage: Stage) -> NDArray[np.uint8]:
    """The picture of a stage, RGB."""
    image = _room(stage.patient.soft).copy()
    pen = ImageDraw.Draw(image)
    _helper(pen, stage.helper, stage.device)
    if stage.device.place is not None and not stage.device.carried:
        _device(pen, stage.device, stage.device.place)
    _torso(pen, stage.trainee)
    _patient(pen, stage.patient)
    _wires(pen, stage)
    _head(pen, stage.trainee)
    if stage.towel is not None:
        _blob(pen, stage.towel, 11, 5, (246, 246, 240))
    _arms(pen, stage.trainee)
    if stage.bag.place == "face":
        _bag_on_face(pen, stage.bag, stage.patient.tilt)
        for hand in (stage.trainee.left, stage.trainee.right):
            _blob(pen, hand, 7, 6, _GLOVE)
    _held(pen, stage)
    if stage.helper.pose == "touch":
        _touching_arm(pen, stage.helper)
    if stage.device.flash > 0:
        _flash(pen, stage.device.flash)
    return np.asarray(image)


@lru_cache(maxsize=2)
def _room(soft: bool) -> Image.Image:
    image = Image.new("RGB", SIZE, _WALL)
    pen = ImageDraw.Draw(image)
    for y in range(150, SIZE[1]):  # the floor is darker towards the wall
        shade = (y - 150) / 200
        pen.line((0, y, SIZE[0], y), fill=tuple(int(c * (0.86 + 0.2 * shade)) for c in _FLOOR))
    pen.rectangle((0, 144, 480, 151), fill=(186, 188, 182))
    pen.rectangle((18, 18, 116, 92), fill=(150, 152, 150))  # a window
    pen.rectangle((22, 22, 112, 88), fill=(186, 212, 230))
    pen.line((67, 22, 67, 88), fill=(150, 152, 150), width=3)
    pen.polygon([(22, 88), (22, 70), (48, 58), (74, 74), (98, 62), (112, 70), (112, 88)], fill=(142, 172, 140))
    pen.rectangle((250, 18, 330, 62), fill=(240, 240, 236), outline=(160, 160, 160))  # a poster of a heart line
    pen.line([(258, 42), (276, 42), (282, 28), (290, 56), (297, 36), (302, 42), (322, 42)], fill=(196, 60, 60), width=2)
    pen.ellipse((366, 16, 402, 52), fill=(246, 246, 246), outline=(90, 90, 90), width=2)  # a clock
    pen.line((384, 34, 384, 22), fill=_LINE, width=2)
    pen.line((384, 34, 393, 38), fill=_LINE, width=2)
    pen.rounded_rectangle((460, 96, 477, 196), 8, fill=(58, 128, 92))  # an oxygen bottle
    pen.rectangle((464, 86, 473, 97), fill=(150, 150, 150))
    pen.rectangle((456, 90, 464, 94), fill=(190, 190, 190))
    if soft:
        pen.rounded_rectangle((36, 250, 446, 308), 16, fill=(236, 232, 222), outline=(188, 184, 172), width=2)
        for x in range(62, 440, 34):
            pen.line((x, 260, x, 300), fill=(214, 210, 198), width=2)
        pen.rounded_rectangle((340, 238, 424, 268), 12, fill=(248, 248, 248), outline=(200, 200, 200))
    else:
        pen.polygon([(42, 250), (432, 250), (446, 276), (30, 276)], fill=(66, 104, 150))
        pen.polygon([(30, 276), (446, 276), (446, 282), (30, 282)], fill=(46, 78, 118))
    return image


# ------------------------------------------------------------------ patient
def _patient(pen: Pen, p: Patient) -> None:
    y = 6.0 if p.soft and p.sink > 0 else 0.0  # a mattress gives way under the strokes
    up = p.jerk
    pen.polygon([(216, 226), (140, 232), (60, 238), (58, 262), (140, 264), (216, 262)], fill=_TROUSERS)
    pen.ellipse((40, 228, 66, 264), fill=(70, 60, 56))
    pen.line((216, 248, 66, 254), fill=(40, 44, 62), width=2)
    pen.polygon(_torso_outline(p, 0.0, y, up), fill=_MANIKIN)
    pen.line([(236, 236), (262, 240), (292, 238)], fill=_MANIKIN_LINE)  # the border of the ribs
    pen.ellipse((311, 226 - p.rise, 316, 230 - p.rise), fill=_MANIKIN_LINE)
    if p.shirt_open < 1:
        pen.polygon(_torso_outline(p, p.shirt_open, y, up), fill=_SHIRT)
        if p.shirt_open < 0.2:
            for x in (250, 280, 310):
                pen.ellipse((x, 226 - p.rise, x + 4, 230 - p.rise), fill=(236, 236, 236))
    else:
        pen.polygon([(216, 252), (346, 252), (350, 264), (214, 266)], fill=_SHIRT)  # the opened shirt hangs at the side
        pen.polygon([(228, 221), (262, 214), (262, 219), (228, 227)], fill=_SHIRT)
    pen.rectangle((212, 224, 222, 264), fill=(88, 66, 48))  # the belt
    shoulder, hand = (340.0, 240.0), (222.0, 262.0)
    spread = (330.0, 312.0)
    hand = (hand[0] + (spread[0] - hand[0]) * p.arm_spread, hand[1] + (spread[1] - hand[1]) * p.arm_spread)
    elbow = ((shoulder[0] + hand[0]) / 2, (shoulder[1] + hand[1]) / 2 + 4)
    for a, b, ink in ((shoulder, elbow, _SHIRT if p.shirt_open < 1 else _MANIKIN), (elbow, hand, _MANIKIN)):
        _limb(pen, a, b, 15, ink)
    _blob(pen, hand, 8, 7, _MANIKIN)
    _patient_head(pen, p)


def _torso_outline(p: Patient, bare: float, y: float, up: float) -> list[Point]:
    """The trunk from hip to neck; `bare` pulls its upper border down as a shirt is opened."""

    def top(x: float, height: float) -> Point:
        dent = p.sink * math.exp(-(((x - p.sink_x) / 26) ** 2))
        swell = p.rise * math.exp(-(((x - 300) / 44) ** 2))
        return x, (height + dent - swell + y - up) * (1 - bare) + 250 * bare

    upper = [top(x, h) for x, h in ((214, 227), (236, 221), (258, 217), (280, 213), (300, 211), (320, 212), (338, 216))]
    return [*upper, (352, 226), (356, 250), (346, 263), (214, 264)]


def _patient_head(pen: Pen, p: Patient) -> None:
    angle = math.radians(p.tilt)
    pivot = (352.0, 244.0)

    def at(x: float, y: float) -> Point:
        dx, dy = 374 + x - pivot[0], 238 + y - pivot[1]
        return (
            pivot[0] + dx * math.cos(angle) - dy * math.sin(angle),
            pivot[1] + dx * math.sin(angle) + dy * math.cos(angle) - p.jerk,
        )

    pen.polygon([(342, 224), at(-12, -12), at(-8, 14), (346, 258)], fill=_MANIKIN)  # the neck
    outline = [(-15, -11), (-11, -17), (-6, -18), (-3, -24), (2, -18), (9, -17), (16, -11), (20, 0), (16, 12), (6, 18)]
    pen.polygon([at(*q) for q in [*outline, (-6, 16), (-12, 4)]], fill=_MANIKIN, outline=_MANIKIN_LINE)
    pen.polygon([at(*q) for q in [(12, -15), (18, -10), (23, 2), (18, 14), (8, 20), (10, 6), (12, -6)]], fill=_HAIR)
    pen.line([at(5, -15), at(9, -13)], fill=_LINE, width=2)
    _blob(pen, at(2, 3), 3.5, 4.5, _MANIKIN_LINE)  # the ear
    if p.mouth_open:
        _blob(pen, at(-9, -15), 4.5, 4, (130, 40, 44))
    else:
        pen.line([at(-11, -16), at(-7, -15)], fill=(150, 70, 64), width=2)


# ------------------------------------------------------------------ people
def _torso(pen: Pen, b: Body) -> None:
    hip, shoulder = b.hip, b.shoulder
    if b.standing > 0.3:
        for side in (-11, 11):
            _limb(pen, (hip[0] + side, hip[1]), (hip[0] + side * 1.2, 240), 19, _SCRUBS_DARK)
    else:
        _blob(pen, (hip[0], hip[1] + 12), 38, 22, _SCRUBS_DARK)  # the thighs of somebody who kneels
    wide, narrow = 25, 19
    pen.polygon(
        [
            (shoulder[0] - wide, shoulder[1] + 4),
            (shoulder[0] - wide + 8, shoulder[1] - 5),
            (shoulder[0] + wide - 8, shoulder[1] - 5),
            (shoulder[0] + wide, shoulder[1] + 4),
            (hip[0] + narrow, hip[1] + 6),
            (hip[0] - narrow, hip[1] + 6),
        ],
        fill=_SCRUBS,
    )
    neck = (shoulder[0] * 0.6 + b.head[0] * 0.4, shoulder[1] * 0.6 + b.head[1] * 0.4)
    _limb(pen, (shoulder[0], shoulder[1] - 2), neck, 12, _SKIN)


def _head(pen: Pen, b: Body) -> None:
    (x, y), (gx, gy) = b.head, b.gaze
    _limb(pen, (b.shoulder[0], b.shoulder[1] - 2), (x, y + 6), 11, _SKIN)
    pen.ellipse((x - 16, y - 19, x + 16, y + 18), fill=_SKIN)
    pen.chord((x - 17, y - 21, x + 17, y + 15), 180 + 14 * gx, 360 + 14 * gx, fill=_HAIR)
    if gy < -0.5:
        return
    mx, my = x + 7 * gx, y + 5 * gy
    pen.rounded_rectangle((mx - 11, my + 2, mx + 11, my + 15), 5, fill=(150, 200, 226))  # a surgical mask
    pen.line((mx - 11, my + 5, x - 15, y), fill=(230, 240, 246))
    pen.line((mx + 11, my + 5, x + 15, y), fill=(230, 240, 246))
    for side in (-1, 1):
        ex = x + side * 6 + 8 * gx
        ey = y - 2 + 5 * gy
        if abs(ex - x) < 15:
            if gy > 0.55:  # looks down: lids
                pen.line((ex - 3, ey, ex + 3, ey + 1), fill=_LINE, width=2)
            else:
                pen.ellipse((ex - 2, ey - 2, ex + 2, ey + 2), fill=_LINE)


def _arms(pen: Pen, b: Body) -> None:
    for side, hand in ((-1, b.left), (1, b.right)):
        shoulder = (b.shoulder[0] + side * 22, b.shoulder[1] + 4)
        elbow = _elbow(shoulder, hand, side)
        _limb(pen, shoulder, elbow, 15, _SCRUBS_DARK)
        _limb(pen, elbow, hand, 10, _SKIN)
        _blob(pen, hand, 7, 6, _GLOVE)


def _elbow(shoulder: Point, hand: Point, side: int, upper: float = 46, lower: float = 46) -> Point:
    """Where the elbow is when it points outwards."""
    dx, dy = hand[0] - shoulder[0], hand[1] - shoulder[1]
    reach = min(math.hypot(dx, dy) or 1.0, upper + lower - 0.5)
    along = math.acos((upper**2 + reach**2 - lower**2) / (2 * upper * reach))
    angle = math.atan2(dy, dx)
    bends = [
        (shoulder[0] + upper * math.cos(a), shoulder[1] + upper * math.sin(a)) for a in (angle - along, angle + along)
    ]
    return max(bends, key=lambda elbow: side * elbow[0])


def _helper(pen: Pen, h: Helper, device: Device) -> None:
    x = h.x
    if x < -40:
        return
    low = 34.0 if h.pose == "touch" else 0.0
    for side in (-8, 8):
        _limb(pen, (x + side, 158 + low), (x + side, 232), 15, (84, 78, 72))
    pen.rounded_rectangle((x - 22, 88 + low, x + 22, 164 + low), 12, fill=(176, 96, 60))
    _blob(pen, (x, 68 + low), 15, 18, (196, 144, 108))
    pen.chord((x - 16, 48 + low, x + 16, 84 + low), 180, 360, fill=(34, 30, 30))
    for side in (-1, 1):
        _blob(pen, (x + side * 5 + 3, 68 + low), 1.6, 1.6, _LINE)
        if h.pose == "touch" and side == 1:
            continue
        hand = {"stand": (x + side * 25, 154 + low), "back": (x + side * 33, 74)}.get(
            h.pose, (x + side * 25, 150 + low)
        )
        if device.carried:
            hand = (x + side * 16 + 8, 146)
        shoulder = (x + side * 20, 96 + low)
        elbow = _elbow(shoulder, hand, side, 32, 32)
        _limb(pen, shoulder, elbow, 12, (176, 96, 60))
        _limb(pen, elbow, hand, 9, (196, 144, 108))
    if device.carried:
        _device(pen, device, (x + 8, 160))


def _touching_arm(pen: Pen, h: Helper) -> None:
    shoulder, hand = (h.x + 18, 134), (h.x + 66, 232)
    _limb(pen, shoulder, (h.x + 48, 182), 13, (176, 96, 60))
    _limb(pen, (h.x + 48, 182), hand, 10, (196, 144, 108))
    _blob(pen, hand, 9, 6, (196, 144, 108))


# ------------------------------------------------------------------ things
_DISPLAY: dict[str, Ink] = {
    "idle": (70, 110, 84),
    "analysing": (86, 140, 236),
    "advised": (240, 150, 50),
    "charged": (250, 176, 40),
}


def _device(pen: Pen, device: Device, foot: Point) -> None:
    x, y = foot
    if device.lid_open:
        pen.polygon([(x - 28, y - 36), (x + 28, y - 36), (x + 34, y - 52), (x - 22, y - 52)], fill=(150, 30, 34))
    pen.rounded_rectangle((x - 32, y - 36, x + 32, y), 6, fill=(206, 48, 46), outline=(130, 24, 28), width=2)
    screen = _DISPLAY[device.lamp] if device.power else (44, 46, 48)
    pen.rectangle((x - 16, y - 31, x + 10, y - 15), fill=screen, outline=(30, 30, 30))
    if device.power:
        wave = [(x - 14, y - 23), (x - 7, y - 23), (x - 4, y - 28), (x - 1, y - 18), (x + 2, y - 23), (x + 8, y - 23)]
        pen.line(wave, fill=(240, 255, 240))
    _blob(pen, (x - 23, y - 9), 5, 5, (60, 220, 90) if device.power else (70, 90, 74))
    charged = device.lamp == "charged"
    _blob(pen, (x + 20, y - 9), 6, 6, (255, 150, 20) if charged else (120, 70, 50))
    if charged:
        pen.ellipse((x + 11, y - 18, x + 29, y), outline=(255, 214, 120), width=2)
    pen.polygon(
        [(x + 22, y - 33), (x + 15, y - 23), (x + 20, y - 23), (x + 17, y - 16), (x + 27, y - 26), (x + 21, y - 26)],
        fill=(255, 236, 120),
    )
    _blob(pen, (x - 1, y - 4), 5, 3, (236, 236, 236) if device.plugged else (40, 20, 20))


def _wires(pen: Pen, stage: Stage) -> None:
    pads, device = stage.patient.pads, stage.device
    if not pads:
        return
    end = SOCKET if device.plugged else (318, 200)
    for pad in pads:
        pen.line([pad, ((pad[0] + end[0]) / 2, min(pad[1], end[1]) - 4), end], fill=(70, 70, 76), width=2)
    if not device.plugged:
        _blob(pen, end, 4, 4, (236, 236, 236))
    for x, y in pads:
        pen.rounded_rectangle((x - 13, y - 8, x + 13, y + 8), 5, fill=(250, 250, 250), outline=(110, 120, 140))
        _blob(pen, (x, y), 3, 3, (110, 150, 210))


def _bag_on_face(pen: Pen, bag: Bag, tilt: float) -> None:
    x, y = 365 + 0.3 * tilt, 224 + 0.28 * tilt  # the mouth moves with the head
    slip = 7.0 if bag.askew else 0.0
    pen.polygon(
        [(x - 14 - slip, y - slip), (x + 14 - slip, y - 3), (x + 5, y - 14), (x - 3, y - 14)],
        fill=(196, 226, 236),
        outline=(90, 130, 150),
    )
    _bag(pen, (x + 20, y - 40), bag)


def _bag(pen: Pen, centre: Point, bag: Bag) -> None:
    """The bag, from the valve at its lower end to the reservoir above."""
    x, y = centre
    _limb(pen, (x - 17, y + 28), (x - 7, y + 17), 8, (224, 226, 228))
    thick = 32 - 20 * bag.squeezed
    _limb(pen, (x - 4, y + 11), (x + 3, y - 11), thick, (64, 120, 206))
    if bag.tube:
        pen.line([(x + 6, y - 30), (x + 10, 66), (462, 89)], fill=(70, 200, 130), width=3)
        _limb(pen, (x + 6, y - 24), (x + 9, y - 40), 15, (226, 238, 242))  # a full reservoir
    else:
        _limb(pen, (x + 6, y - 22), (x + 7, y - 30), 6, (206, 214, 216))


def _held(pen: Pen, stage: Stage) -> None:
    x, y = stage.trainee.right
    match stage.in_hand:
        case "phone":
            pen.rounded_rectangle((x - 4, y - 12, x + 4, y + 6), 2, fill=(30, 30, 34))
        case "pad":
            pen.rounded_rectangle((x - 13, y - 2, x + 13, y + 12), 5, fill=(250, 250, 250), outline=(110, 120, 140))
        case "plug":
            _blob(pen, (x, y + 6), 5, 5, (236, 236, 236))
    if stage.bag.place == "hands":
        _bag(pen, (stage.trainee.right[0] - 8, stage.trainee.right[1] - 4), stage.bag)


def _flash(pen: Pen, strength: float) -> None:
    ink = (255, 244, 150)
    for dx in (-46, 0, 40):
        x, y = CHEST[0] + dx, 168 - 20 * strength
        pen.polygon(
            [(x + 4, y), (x - 9, y + 22), (x, y + 22), (x - 5, y + 40), (x + 11, y + 15), (x + 2, y + 15)], fill=ink
        )


def _limb(pen: Pen, a: Point, b: Point, width: float, ink: Ink) -> None:
    pen.line((a, b), fill=ink, width=round(width))
    half = width / 2 - 0.5
    for x, y in (a, b):
        pen.ellipse((x - half, y - half, x + half, y + half), fill=ink)


def _blob(pen: Pen, centre: Point, rx: float, ry: float, ink: Ink) -> None:
    pen.ellipse((centre[0] - rx, centre[1] - ry, centre[0] + rx, centre[1] + ry), fill=ink)
