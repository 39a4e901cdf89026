"""Simulated exams: a script drawn from a seed, the faults in it, and everything read off it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from siming.errors import TaskError
from siming.rubric import Attempt, Event, RubricRef
from siming.simulate.fault import Fault, idle_instead
from siming.simulate.faultless import faultless_script
from siming.simulate.faults import builtin_rubrics, compatible, draw_faults, get_fault
from siming.simulate.script import TAIL_S, Script, Timed
from siming.simulate.truth import Segments, events_of, segments_of


@dataclass(frozen=True)
class Exam:
    """One simulated exam whose truth is known."""

    attempt: Attempt
    """Without a video until somebody draws one."""
    timed: tuple[Timed, ...]
    """The acts on the clock; picture and sound are made from these."""
    events: tuple[Event, ...]
    faults: tuple[Fault, ...]

    @property
    def segments(self) -> Segments:
        """Where each step lies."""
        return self.attempt.segments

    @property
    def duration_s(self) -> float:
        """Length of the exam with some stillness at its end."""
        return round(self.timed[-1].end_s + TAIL_S, 1)


@dataclass(frozen=True)
class Pair:
    """Two exams that differ in one early act only, which one of them lacks.

    The trainee stands still for as long as the act would have taken, so everything later happens at the same
    times and looks the same; what the later steps are worth differs through procedural state alone.
    """

    whole: Exam
    lacking: Exam
    act: str
    """The step that the second exam lacks."""
    later: tuple[str, ...]
    """The later steps that lose points by it."""


PAIRS = {
    # act left out: fault that says what it costs
    "cpr01": "skip-scene",
    "cpr02": "skip-responsiveness",
    "cpr04": "skip-position",
    "cpr05": "skip-pulse",
    "cpr07": "skip-expose",
    "cpr14": "skip-mouth",
    "cpr18": "skip-recheck",
    "aed01": "skip-site-check",
    "aed03": "skip-chest",
    "aed07": "skip-clear",
}
"""Acts whose absence only a judge who keeps track of state can charge to later steps."""


def simulate_exam(seed: int, *, attempt: str = "A-001", faults: Iterable[str] | None = None) -> Exam:
    """One exam.

    Args:
        seed: With `attempt` it decides everything; the same two give the same exam.
        attempt: Id of the attempt.
        faults: Ids of the faults to put in; None draws 0 to 6, an empty list gives a faultless exam.

    Raises:
        TaskError: an unknown fault, or two that exclude each other.

    >>> exam = simulate_exam(7, faults=["skip-mouth"])
    >>> "cpr14" in exam.segments, "cpr15" in exam.segments
    (False, True)
    """
    chosen = draw_faults(_rng(seed, attempt, "faults")) if faults is None else tuple(get_fault(f) for f in faults)
    if not compatible(chosen):
        raise TaskError(
            f"the faults {', '.join(fault.id for fault in chosen)} change the same part of the exam; leave one out"
        )
    script = faultless_script(_rng(seed, attempt, "script"))
    for fault in chosen:
        script = fault.apply(script, _rng(seed, attempt, fault.id))
    return _exam(script, chosen, attempt)


def counterfactual_pair(seed: int, *, act: str, attempt: str = "A-001") -> Pair:
    """Two exams that are equal but for one early act (one of `PAIRS`).

    Raises:
        TaskError: no later step leans on that act.
    """
    if act not in PAIRS:
        raise TaskError(f"no pair can be made by leaving out {act!r}; choose one of {', '.join(PAIRS)}")
    fault = get_fault(PAIRS[act])
    script = faultless_script(_rng(seed, attempt, "script"))
    whole = _exam(script, (), f"{attempt}-whole")
    lacking = _exam(idle_instead(script, act), (fault,), f"{attempt}-lacking")
    return Pair(whole, lacking, act, tuple(step for step in fault.expects if step != act))


def _exam(script: Script, faults: tuple[Fault, ...], attempt: str) -> Exam:
    rubrics = builtin_rubrics()
    timed = script.timed()
    events = events_of(timed, rubrics, attempt=attempt)
    segments = segments_of(events, (step.id for rubric in rubrics for step in rubric.steps))
    refs = tuple(RubricRef(id=rubric.id, version=rubric.version) for rubric in rubrics)
    return Exam(Attempt(id=attempt, rubrics=refs, segments=segments), timed, tuple(events), faults)


def _rng(seed: int, *names: str) -> Random:
    # Text seeds are hashed the same way by every Python, and each name gets its own stream: another fault
    # in the exam does not change how long its acts take.
    return Random("/".join((str(seed), *names)))  # noqa: S311 - simulation, no secret
