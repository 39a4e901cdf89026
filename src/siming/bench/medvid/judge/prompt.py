"""What a judge is asked: two texts that nobody vouches for, fenced, and five grades."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import yaml

from siming.bench.medvid.judge.reply import defused
from siming.bench.request import Request, RequestPlan, TextPart

if TYPE_CHECKING:
    from siming.bench.medvid.judge.pairs import Wanted

Mode = Literal["quality", "comparative"]
"""quality: how good the text is, with a reference at hand; the board's columns. comparative: how close it comes."""

MODES: Final[tuple[Mode, ...]] = get_args(Mode)

LOWEST, HIGHEST = 1, 5

MOST_CHARACTERS = 20_000
"""Of each text that a judge is shown; what is longer is cut and the judge is told."""

SETTING: Final[Mapping[Mode, str]] = {mode: f"medvid-judge-{mode}" for mode in MODES}
"""What a run of judging is called in its `run.yaml`."""


def codes_of(mode: Mode) -> tuple[str, ...]:
    """The five aspects in the order of asking.

    >>> codes_of("quality")
    ('R2', 'R3', 'R8', 'R5', 'R4')
    """
    return tuple(aspect["code"] for aspect in _texts(mode)["aspects"])


def names_of(mode: Mode) -> dict[str, str]:
    """Code to what it stands for."""
    return {aspect["code"]: aspect["name"] for aspect in _texts(mode)["aspects"]}


def prompt_version(mode: Mode) -> str:
    """Raised with every change of wording: grades under different wordings do not mix."""
    return f"{_texts(mode)['version']}.{_texts('frame')['version']}"


def requests_for(wanted: Iterable[Wanted], mode: Mode) -> list[Request]:
    """One question for each pair, named by its task and its texts."""
    return [_request(each, mode) for each in wanted]


def request_name(task: str, key: str) -> str:
    """A pair's name in a run: equal texts have one name, wherever they stand."""
    return f"{task}/{key}"


def key_in(name: str) -> str:
    """The pair's key in a request's name."""
    return name.rpartition("/")[2]


def _request(wanted: Wanted, mode: Mode) -> Request:
    pair = wanted.pair
    reference, candidate = (_shown(text, mode) for text in (pair.reference, pair.prediction))
    mark = mark_for(pair.key, reference, candidate)
    frame = _texts("frame")
    question = frame["question"].format(
        what=frame["what"][pair.task],
        mark=mark,
        reference=reference,
        candidate=candidate,
        codes=", ".join(codes_of(mode)),
    )
    return Request(
        id=request_name(pair.task, pair.key),
        setting=SETTING[mode],
        attempt=wanted.video,
        rubrics=(),
        steps=codes_of(mode),
        video="",
        plan=RequestPlan(policy="none", times_s=(), max_side=1),
        system=_system(mode),
        parts=(TextPart(text=question),),
        # No schema: five bare lines are what every model can write, and a schema would change the judge.
        answer_schema={},
        prompt_version=prompt_version(mode),
    )


def mark_for(key: str, *texts: str) -> str:
    """What the fences carry: depends on both texts, so that none of them can hold it.

    >>> mark_for("", "no such mark in here") == mark_for("", "nor here")
    True
    """
    while True:
        mark = hashlib.sha256(f"fence {key}".encode()).hexdigest()[:12]
        if not any(mark in text for text in texts):
            return mark
        key = mark + key


def _shown(text: object, mode: Mode) -> str:
    """A text as it may stand in a prompt: as long as a description can be, and nothing in it that reads as a grade."""
    plain = str(text).encode("utf-8", "replace").decode()
    if len(plain) > MOST_CHARACTERS:
        cut = _texts("frame")["cut"].format(n=len(plain) - MOST_CHARACTERS)
        plain = f"{plain[:MOST_CHARACTERS]}\n{cut}"
    return defused(plain, codes_of(mode))


@cache
def _system(mode: Mode) -> str:
    """All that does not depend on the pair: a server that keeps what prompts begin with reads it once."""
    frame, own = _texts("frame"), _texts(mode)
    scale = []
    for aspect in own["aspects"]:
        scale.append(frame["aspect"].format(code=aspect["code"], name=aspect["name"]))
        scale += [f"  {grade} = {words}" for grade, words in aspect["grades"].items()]
    lines = "\n".join(f"{code}: <grade>" for code in codes_of(mode))
    parts = (
        own["system"].strip(),
        frame["trust"].strip(),
        "\n".join([frame["scale"], *scale]),
        frame["reply"].format(lines=lines),
    )
    return "\n\n".join(parts)


@cache
def _texts(name: str) -> Mapping[str, Any]:
    path = files("siming.bench.medvid.judge") / f"{name}.yaml"
    texts: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return texts
