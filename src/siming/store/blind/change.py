"""A rater's change of one field, as a device sends it: read with distrust, and put into its normal form."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeGuard, get_args

from siming.errors import InputError
from siming.rubric import Rubric, Step
from siming.rubric.labels import exact
from siming.rubric.points import legal_points

StepField = Literal["points", "blank", "deductions", "evidence", "note", "unsure"]
Field = Literal["points", "blank", "deductions", "evidence", "note", "unsure", "global_rating", "bookmarks", "played"]

STEP_FIELDS: tuple[StepField, ...] = get_args(StepField)
FIELDS: tuple[Field, ...] = get_args(Field)
CLEARED: Mapping[Field, Any] = {
    "points": None,
    "blank": None,
    "deductions": [],
    "evidence": [],
    "note": "",
    "unsure": False,
    "global_rating": None,
    "bookmarks": [],
    "played": [],
}
"""The value of each field that was not entered; a change may also say null for it."""

MOST_CHARACTERS: Mapping[str, int] = {"note": 10_000, "reason": 500, "bookmark": 500}
MOST_EVIDENCE = 200
MOST_BOOKMARKS = 200
MOST_PLAYED = 5_000
SLACK_S = 5e-6
"""Browsers cut times off at whole microseconds; a time this little after the end is the end. As in `media.py`."""
SAME_STRETCH_S = 0.05
"""Played stretches closer than this are one: players tell where they are only now and then."""


@dataclass(frozen=True, slots=True)
class Paper:
    """What a draft is about: its rubrics in their order, and how long the video lasts."""

    rubrics: tuple[Rubric, ...]
    duration_s: float | None
    """None where there is no video: then no time can be named either."""

    def find(self, rubric: str | None) -> Rubric | None:
        """The rubric of that id, or None."""
        return next((r for r in self.rubrics if r.id == rubric), None)


@dataclass(frozen=True, slots=True)
class Change:
    """One field's new value, checked and in its normal form."""

    client_seq: int
    """Rising per client."""
    field: Field
    rubric: str | None
    step: str | None
    value: Any
    """None where the field was cleared."""
    media_s: float | None
    """Where the video stood."""
    at: str
    """The device's clock, as it was."""


def read_change(plain: Mapping[str, Any], paper: Paper) -> Change:
    """A change as a device sent it, held against the rubrics and the video.

    Raises:
        InputError: naming the change, the field, what was found and what is allowed.
    """
    number = plain.get("client_seq")
    if not _is_int(number) or not 1 <= number < 2**31:
        raise _wrong(None, "client_seq", f"client_seq is {_shown(number)}, wanted a whole number from 1 on")
    field = plain.get("field")
    if field not in FIELDS:
        raise _wrong(number, "field", f"field is {_shown(field)}, wanted one of {', '.join(FIELDS)}")
    rubric_id, step_id = plain.get("rubric"), plain.get("step")
    rubric, step = _place(number, field, rubric_id, step_id, paper)
    value = plain.get("value")
    if value is not None:
        value = _READERS[field](value, _About(number, paper, rubric, step))
        if is_cleared(field, value):
            value = None
    return Change(
        client_seq=number,
        field=field,
        rubric=rubric.id if rubric else None,
        step=step.id if step else None,
        value=value,
        media_s=_media_time(number, plain.get("media_s")),
        at=_device_time(number, plain.get("at")),
    )


def merged(stretches: Iterable[Sequence[float]]) -> list[list[float]]:
    """Stretches in order, those that touch made one.

    >>> merged([[5, 7], [0, 2], [1, 3]])
    [[0, 3], [5, 7]]
    """
    out: list[list[float]] = []
    for start, end in sorted((s[0], s[1]) for s in stretches):
        if out and start <= out[-1][1] + SAME_STRETCH_S:
            out[-1][1] = max(out[-1][1], end)
        else:
            out.append([start, end])
    return out


@dataclass(frozen=True, slots=True)
class _About:
    number: int
    paper: Paper
    rubric: Rubric | None
    step: Step | None

    def wrong(self, field: str, message: str, why: str = "form", **facts: object) -> InputError:
        place = f"step {self.step.id}: " if self.step else ""
        return _wrong(self.number, field, place + message, why, **facts)


def _place(
    number: int, field: Field, rubric_id: object, step_id: object, paper: Paper
) -> tuple[Rubric | None, Step | None]:
    """The rubric and step that a field belongs to; fields of the whole attempt have neither."""
    needs_rubric, needs_step = field in STEP_FIELDS or field == "global_rating", field in STEP_FIELDS
    if (rubric_id is not None) != needs_rubric or (step_id is not None) != needs_step:
        wanted = (
            "rubric and step" if needs_step else "a rubric and no step" if needs_rubric else "no rubric and no step"
        )
        raise _wrong(
            number, "step", f"{field} needs {wanted}, found rubric {_shown(rubric_id)}, step {_shown(step_id)}", "place"
        )
    if not needs_rubric:
        return None, None
    rubric = paper.find(rubric_id) if isinstance(rubric_id, str) else None
    if rubric is None:
        raise _wrong(
            number,
            "rubric",
            f"no rubric {_shown(rubric_id)} here; there are {', '.join(r.id for r in paper.rubrics)}",
            "place",
        )
    if not needs_step:
        return rubric, None
    step = rubric.find_step(step_id) if isinstance(step_id, str) else None
    if step is None:
        raise _wrong(number, "step", f"rubric {rubric.id} has no step {_shown(step_id)}", "place")
    return rubric, step


def _read_points(value: Any, about: _About) -> float:
    assert about.step is not None
    if not _is_number(value) or not 0 <= value <= about.step.max_points or exact(value) not in legal_points(about.step):
        raise about.wrong(
            "points",
            f"points are {_shown(value)}; allowed are half points from 0 to {about.step.max_points:g}",
            "points",
            step=about.step.id,
            found=_shown(value),
            max=f"{about.step.max_points:g}",
        )
    return value


def _read_blank(value: Any, about: _About) -> dict[str, str]:
    if not isinstance(value, Mapping) or set(value) - {"status", "reason"}:
        raise about.wrong("blank", f"blank is {_shown(value)}, wanted status and reason")
    if value.get("status") not in ("cannot_judge", "not_applicable"):
        raise about.wrong("blank", f"status is {_shown(value.get('status'))}, wanted cannot_judge or not_applicable")
    reason = value.get("reason")
    return {"status": value["status"], "reason": "" if reason is None else _text(reason, "reason", about)}


def _read_deductions(value: Any, about: _About) -> list[str]:
    assert about.step is not None
    if not isinstance(value, list) or not all(isinstance(d, str) for d in value) or len(set(value)) != len(value):
        raise about.wrong("deductions", "deductions are not a list of different ids")
    for name in value:
        if about.step.find_deduction(name) is None:
            known = ", ".join(d.id for d in about.step.deductions) or "none"
            raise about.wrong("deductions", f"there is no deduction {_shown(name)}; there are {known}", "deduction")
    return list(value)


def _read_evidence(value: Any, about: _About) -> list[list[float]]:
    return _spans(value, "evidence", about, at_most=MOST_EVIDENCE, latest_s=_end_of_video(about))


def _read_note(value: Any, about: _About) -> str:
    return _text(value, "note", about)


def _read_unsure(value: Any, about: _About) -> bool:
    if not isinstance(value, bool):
        raise about.wrong("unsure", f"unsure is {_shown(value)}, wanted true or false")
    return value


def _read_global_rating(value: Any, about: _About) -> int:
    if not _is_int(value) or not 1 <= value <= 5:
        raise about.wrong(
            "global_rating", f"the global rating is {_shown(value)}, wanted a whole number from 1 to 5", "global_rating"
        )
    return value


def _read_bookmarks(value: Any, about: _About) -> list[list[Any]]:
    if not isinstance(value, list) or len(value) > MOST_BOOKMARKS:
        raise about.wrong(
            "bookmarks", f"bookmarks are not a list of at most {MOST_BOOKMARKS}", "too_many", at_most=MOST_BOOKMARKS
        )
    latest_s = _end_of_video(about)
    out = []
    for mark in value:
        if not isinstance(mark, list) or len(mark) != 2 or not _is_number(mark[0]) or not 0 <= mark[0] <= latest_s:
            raise about.wrong("bookmarks", f"a bookmark is {_shown(mark)}, wanted [second of the video, text]")
        out.append([mark[0], _text(mark[1], "bookmark", about)])
    return out


def _read_played(value: Any, about: _About) -> list[list[float]]:
    # A player's own idea of the duration may be a picture longer than ours; what lies beyond is cut, not refused.
    end_s = about.paper.duration_s or 0.0
    spans = _spans(value, "played", about, at_most=MOST_PLAYED, latest_s=math.inf)
    return merged([min(s, end_s), min(e, end_s)] for s, e in spans if s < end_s)


_READERS: Mapping[Field, Any] = {
    "points": _read_points,
    "blank": _read_blank,
    "deductions": _read_deductions,
    "evidence": _read_evidence,
    "note": _read_note,
    "unsure": _read_unsure,
    "global_rating": _read_global_rating,
    "bookmarks": _read_bookmarks,
    "played": _read_played,
}


def _end_of_video(about: _About) -> float:
    return -1.0 if about.paper.duration_s is None else about.paper.duration_s + SLACK_S


def _spans(value: Any, field: str, about: _About, *, at_most: int, latest_s: float) -> list[list[float]]:
    if not isinstance(value, list) or len(value) > at_most:
        raise about.wrong(field, f"{field} is not a list of at most {at_most} intervals", "too_many", at_most=at_most)
    for span in value:
        if not isinstance(span, list) or len(span) != 2 or not all(_is_number(t) for t in span):
            raise about.wrong(field, f"an interval of {field} is {_shown(span)}, wanted [start, end] in seconds")
        if not 0 <= span[0] <= span[1] <= latest_s:
            raise about.wrong(
                field,
                f"an interval of {field} is {_shown(span)}; it must run forward inside the video, 0 to {latest_s:g}",
                "outside",
                end=f"{max(0.0, latest_s):.1f}",
            )
    return [list(span) for span in value]


def _text(value: Any, what: str, about: _About) -> str:
    """Kept to the last character, because the device hashes the very text it showed."""
    most = MOST_CHARACTERS[what]
    wanted = f"wanted a text of at most {most}"
    if not isinstance(value, str):
        raise about.wrong(what, f"the {what} is no text, {wanted}")
    if len(value) > most:
        said = f"the {what} has {len(value)} characters, {wanted}"
        raise about.wrong(what, said, "text_long", n=len(value), at_most=most)
    if "\x00" in value or not _is_whole(value):
        raise about.wrong(
            what, f"the {what} holds a character that cannot be kept (NUL or half a character)", "text_character"
        )
    return value


def _is_whole(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _media_time(number: int, value: object) -> float | None:
    if value is None or (_is_number(value) and 0 <= value <= 10**6):
        return value
    raise _wrong(number, "media_s", f"media_s is {_shown(value)}, wanted seconds of the video or null")


def _device_time(number: int, value: object) -> str:
    try:
        if isinstance(value, str) and len(value) <= 40:
            datetime.fromisoformat(value)
            return value
    except ValueError:
        pass
    raise _wrong(number, "at", f"at is {_shown(value)}, wanted the device's time in ISO 8601")


def is_cleared(field: Field, value: Any) -> bool:
    """Whether a value is that of a field that was not entered."""
    # Not `==`: 0 points are points, and False == 0.
    return value is None or (CLEARED[field] is not None and value == CLEARED[field])


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[float]:
    # A bound instead of `isfinite`, which fails on whole numbers too large for a float.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e12 < value < 1e12


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _wrong(number: int | None, field: str, message: str, why: str = "form", **facts: object) -> InputError:
    """A refusal; `why` and `facts` are for the sentence in the reader's language."""
    place = "a change" if number is None else f"change {number}"
    return InputError(
        f"{place}: {message}; nothing of this batch was saved",
        field=field,
        code="change_refused",
        params={"client_seq": number, "reason": f"change_{why}", **facts},
    )
