"""The source of a row that names none: guessed from the recording's name and the question, by another rule per task.

It decides how rows are averaged, and in next-action prediction which labels there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from siming.bench.medvid.columns import Task

UNKNOWN: Final = "Unknown"

Rule = tuple[str, Callable[[str], bool]]
"""A source, and whether a text in lower case points to it. The first rule that fits decides."""


def source_of(task: Task | None, named: str, video_id: str, question: str) -> str:
    """The source that a row names, or else the one that its task's rules guess.

    >>> source_of("next_action", "Unknown", "VID12", "A nursing task: what comes next?")
    'NurViD'
    """
    if named != UNKNOWN or task is None:
        return named
    by_video = _first(_BY_VIDEO.get(task, ()), video_id.lower())
    by_question = _first(_BY_QUESTION.get(task, ()), question.lower())
    order = (by_question, by_video) if task == "next_action" else (by_video, by_question)
    return next((source for source in order if source != UNKNOWN), UNKNOWN)


def _first(rules: Sequence[Rule], text: str) -> str:
    return next((source for source, fits in rules if fits(text)), UNKNOWN)


def _any(*words: str) -> Callable[[str], bool]:
    return lambda text: any(word in text for word in words)


def _all(*words: str) -> Callable[[str], bool]:
    return lambda text: all(word in text for word in words)


def _has_digit(text: str) -> bool:
    return any(sign.isdigit() for sign in text)


def _like_youtube(text: str) -> bool:
    return len(text) == 11 and any(sign.isalpha() for sign in text)


def _numbered_part(text: str) -> bool:
    return "_part" in text and text.replace("_part", "").split("_")[0].isdigit()


_AVOS: Final[Rule] = ("AVOS", _like_youtube)
_COPESD: Final[Rule] = ("CoPESD", _numbered_part)
_NURVID: Final[Rule] = ("NurViD", _any("nur", "nursing", "medical"))
_CHOLEC: Final[Rule] = ("CholecT50", lambda text: "video" in text and _has_digit(text))
_BENCH: Final = _any("knot_tying", "needle_passing", "suturing")

_BY_VIDEO: Final[Mapping[Task, Sequence[Rule]]] = {
    "dvc": (_AVOS, ("CoPESD", _any("_part")), ("CholecT50", _any("video"))),
    "next_action": (
        _AVOS,
        _COPESD,
        ("CholecTrack20", lambda text: text.startswith("vid") and _has_digit(text)),
        ("JIGSAWS", _BENCH),
        _NURVID,
    ),
    "cvs_assessment": (
        ("Cholec80_CVS", lambda text: text.startswith("video") and text[5:].isdigit()),
        _AVOS,
        _COPESD,
        _CHOLEC,
        _NURVID,
    ),
    "skill_assessment": (("jigsaws", lambda text: _BENCH(text) and "_b" in text), _AVOS, _COPESD, _CHOLEC, _NURVID),
}

_WORDS: Final[Sequence[Rule]] = (
    ("AVOS", _any("avos")),
    ("CoPESD", _any("copesd")),
    ("CholecT50", _any("cholec")),
    ("NurViD", _any("nurvid", "nursing")),
    ("AVOS", _any("cutting", "tying", "suturing")),
    ("CoPESD", _all("forceps", "knife")),
)

_BY_QUESTION: Final[Mapping[Task, Sequence[Rule]]] = {
    "next_action": (
        ("AVOS", _any("avos")),
        ("CoPESD", _any("copesd")),
        ("CholecT50", _any("cholect50", "cholec-t50")),
        ("CholecTrack20", _any("cholectrack20", "cholec-track20")),
        ("Cholec80-CVS", _any("cholec80-cvs", "critical view of safety")),
        ("JIGSAWS", _any("jigsaws", "robotic bench-top")),
        ("NurViD", _any("nurvid", "nursing")),
        ("CholecTrack20", _any("laparoscopic cholecystectomy")),
        ("AVOS", lambda text: _any("cutting", "tying", "suturing")(text) and "open surgery" in text),
        ("CoPESD", _all("forceps", "knife")),
    ),
    "cvs_assessment": (
        ("Cholec80_CVS", _any("strasberg", "critical view", "cvs", "cystic plate", "hepatocystic triangle")),
        *_WORDS,
    ),
    "skill_assessment": (
        ("jigsaws", _any("robotic bench-top", "knot-tying", "needle-passing", "suturing", "surgical technique")),
        *_WORDS,
    ),
}
