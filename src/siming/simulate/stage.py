"""What can be seen at one instant: where the trainee, the patient, the helper and the things are."""

from __future__ import annotations

from dataclasses import dataclass, field

Point = tuple[float, float]
"""Picture coordinates in the design size, x to the right and y down."""

CHEST: Point = (300, 213)
"""Lower half of the patient's breastbone."""
ABDOMEN: Point = (252, 218)
NECK: Point = (350, 225)
FOREHEAD: Point = (386, 220)
CHIN: Point = (358, 222)
COLLARBONE_PAD: Point = (334, 220)
FLANK_PAD: Point = (278, 244)
DEVICE: Point = (360, 188)
"""Foot of the defibrillator: beside the head, on the rescuer's side."""
POWER_BUTTON: Point = (337, 179)
SHOCK_BUTTON: Point = (380, 179)
SOCKET: Point = (359, 184)


@dataclass(slots=True)
class Body:
    """Where the trainee's joints are."""

    hip: Point = (190, 150)
    shoulder: Point = (190, 78)
    """The middle of both."""
    head: Point = (190, 50)
    gaze: Point = (0.0, 0.0)
    """Where the face turns, each from -1 to 1: x to the right, y down."""
    left: Point = (168, 140)
    """The hand that is on the left in the picture."""
    right: Point = (212, 140)
    standing: float = 1.0
    """1 upright, 0 on the knees."""

    def approach(self, goal: Body, share: float) -> None:
        """Go a share of the way to another position."""
        for name in ("hip", "shoulder", "head", "gaze", "left", "right"):
            here, there = getattr(self, name), getattr(goal, name)
            setattr(self, name, (here[0] + (there[0] - here[0]) * share, here[1] + (there[1] - here[1]) * share))
        self.standing += (goal.standing - self.standing) * share


@dataclass(slots=True)
class Patient:
    """The manikin."""

    arm_spread: float = 1.0
    """1 the arm lies away from the body, 0 along it."""
    shirt_open: float = 0.0
    tilt: float = 0.0
    """Degrees the head is tilted back."""
    mouth_open: bool = False
    sink: float = 0.0
    """How far the breastbone is pressed down, in picture points."""
    sink_x: float = CHEST[0]
    rise: float = 0.0
    """How far a breath has raised the chest."""
    jerk: float = 0.0
    soft: bool = False
    """Lies on a thick mattress."""
    pads: list[Point] = field(default_factory=list)


@dataclass(slots=True)
class Device:
    """The defibrillator."""

    place: Point | None = None
    """Its foot; None while nobody has brought it."""
    carried: bool = False
    lid_open: bool = False
    power: bool = False
    plugged: bool = False
    lamp: str = "idle"
    """What its display shows: ``idle``, ``analysing``, ``advised``, ``charged``."""
    flash: float = 0.0


@dataclass(slots=True)
class Bag:
    """The bag with its mask."""

    place: str = "away"
    """``away``, ``hands`` (being tested) or ``face``."""
    squeezed: float = 0.0
    tube: bool = False
    """Oxygen tube connected."""
    askew: bool = False


@dataclass(slots=True)
class Helper:
    """The bystander."""

    x: float = 70.0
    pose: str = "stand"
    """``stand``, ``back`` (hands up, away from the patient) or ``touch`` (a hand on the patient)."""
    goal_x: float = 70.0


@dataclass(slots=True)
class Stage:
    """Everything that can be seen at one instant."""

    trainee: Body = field(default_factory=Body)
    patient: Patient = field(default_factory=Patient)
    device: Device = field(default_factory=Device)
    bag: Bag = field(default_factory=Bag)
    helper: Helper = field(default_factory=Helper)
    towel: Point | None = None
    in_hand: str | None = None
    """What the right hand holds: ``phone``, ``pad``, ``plug``."""
