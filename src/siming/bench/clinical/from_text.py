"""Answers in tables and in prose: a row or a line per step.

Tables are Markdown's. In prose a line that begins with a step's id, title or number answers that step, with the
value beside it ("cpr01: 3/3") or in a labelled line below ("Score: 3"). A step named elsewhere in a line counts only
when a colon or an equals sign follows its name, as in "cpr01: 3, cpr02: 4": explanations name other steps all the time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from siming.bench.clinical.found import Found
from siming.bench.clinical.setting import Asks
from siming.bench.clinical.stepname import Kind, Mention, StepNames, kind_of_key, plain
from siming.bench.clinical.value import Cause, Outcome, is_bare_verdict, points_in, verdict_in
from siming.rubric import Step

_MOST_CELLS = 40
_MOST_TEXT = 200_000
"""Characters, counted from the end, where answers come. No sheet fills that many; a model gone astray can."""

_RULE_CELL = re.compile(r":?-+:?")
_VALUE_KINDS: dict[Asks, tuple[Kind, ...]] = {
    "points": ("points", "verdict"),
    "errors": ("error", "correct", "verdict", "label"),
}


def answers_in_tables(text: str, names: StepNames, asks: Asks) -> list[Found]:
    """The answers of all rows of all tables in a text."""
    found: list[Found] = []
    heads: list[Kind | None] = []
    before: list[str] = []
    for line in plain(text[-_MOST_TEXT:]).splitlines():
        cells = [cell.strip(" *`_") for cell in line.strip().strip("|").split("|", maxsplit=_MOST_CELLS)]
        if "|" not in line or not 2 <= len(cells) <= _MOST_CELLS:
            heads, before = [], []
            continue
        if all(_RULE_CELL.fullmatch(cell) for cell in cells):
            heads = [kind_of_key(cell) for cell in before]
        else:
            found += _row(cells, heads, names, asks)
        before = cells
    return found


def _row(cells: list[str], heads: Sequence[Kind | None], names: StepNames, asks: Asks) -> Iterator[Found]:
    refs = [names.find(cell) if i < 3 else None for i, cell in enumerate(cells)]
    place = next((i for i, ref in enumerate(refs) if isinstance(ref, str)), None)
    if place is None:
        place = next((i for i, ref in enumerate(refs) if ref is not None), None)
    if place is None:
        return
    ref = refs[place]
    assert ref is not None  # place points at one that is not
    columns = dict(enumerate(heads)) if len(heads) == len(cells) else {}
    valued = [i for kind in _VALUE_KINDS[asks] for i, k in columns.items() if k == kind and i != place]
    if valued:
        kind = columns[valued[0]]
        full = next((cells[i] for i, kind in columns.items() if kind == "max"), "")
        reason = next((cells[i] for i, kind in columns.items() if kind == "reason"), None)
        yield Found(ref, partial(_cell, cells[valued[0]], kind=kind, full=full, reason=reason, asks=asks))
    else:
        # A column that says it holds something else, such as the full points or a rating, is not looked at.
        told = [cell for i, cell in enumerate(cells) if i > place and columns.get(i) is None]
        yield Found(ref, partial(_any_cell, told, asks=asks))


def _cell(text: str, step: Step, *, kind: Kind | None, full: str, reason: str | None, asks: Asks) -> Outcome:
    outcome = _value(text, step, kind, asks) or _nothing(text, asks)
    if outcome.points is not None and _is_number(full) and float(full) != step.max_points:
        outcome = Outcome(cause="other_scale", found=f"{text}, max {full}"[:60])
    return replace(outcome, reason=reason)


def _any_cell(cells: Sequence[str], step: Step, *, asks: Asks) -> Outcome:
    """The one value among the cells of a table that does not say which column it is in."""
    # A cell of several words is a title or a reason, whatever verdict they praise or deny.
    told = cells if asks == "points" else [cell for cell in cells if is_bare_verdict(cell)]
    outcomes = [o for cell in told if (o := _value(cell, step, None, asks)) is not None]
    values = [o for o in outcomes if o.cause != "cannot_judge"]
    if len(values) > 1:
        cause: Cause = "several_numbers" if asks == "points" else "unclear"
        return Outcome(cause=cause, found=" | ".join(cells)[:60])
    return next(iter(values or outcomes), _nothing(" | ".join(cells), asks))


def answers_in_prose(text: str, names: StepNames, asks: Asks) -> list[Found]:
    """The answers of all lines of a text."""
    found: list[Found] = []
    silent: dict[str, Found] = {}
    alone = len(names.asked) == 1
    current = _Heading(names.asked[0]) if alone else None
    for raw in plain(text[-_MOST_TEXT:]).splitlines():
        line = _LINE_DECORATION.sub("", re.sub(r"[*`]+", "", raw))
        head = _head(line, names)
        if head is not None and names.goes_on(line, head):
            current = None
            for mention in (head, *names.mentions(line)):
                if isinstance(mention.ref, str):
                    silent.setdefault(mention.ref, Found(mention.ref, partial(_of_several, line, asks=asks)))
            continue
        if head is not None and head.plain_number:
            # "1." numbers the reasons of an answer as often as the answers.
            said = line[head.end :][:600]
            head = None if alone or not _speaks(said, names, head.ref, asks) else head
        if head is None:
            labelled = _LABEL.match(line)
            if current is not None and not current.answered and labelled is not None:
                kind = kind_of_key(labelled[1])
                if kind in _VALUE_KINDS[asks]:
                    current.answered = True
                    found.append(Found(current.ref, partial(_labelled, labelled[2], line, kind=kind, asks=asks)))
            continue
        for ref, said in _split(line, head, names):
            current = _Heading(ref)
            if _speaks(said, names, ref, asks):
                current.answered = True
                found.append(Found(ref, partial(_said, said, asks=asks)))
            elif isinstance(ref, str) and said.strip(" :=-"):
                silent.setdefault(ref, Found(ref, partial(_said, said, asks=asks)))
    answered = {item.ref for item in found}
    # A step that is only ever spoken of without a value is unreadable, and the reading shows what was said.
    found += [item for ref, item in silent.items() if ref not in answered]
    if not found and alone and len(text) <= 300:
        found.append(Found(names.asked[0], partial(_said, plain(text).strip(), asks=asks)))
    return found


@dataclass(slots=True)
class _Heading:
    """The step that the lines below a line are about."""

    ref: str | int
    answered: bool = False


_LINE_DECORATION = re.compile(r"^[\s>#•·+\-]*(?:[\[(【\"]\s*(?=\w))?")
_ORDINAL = re.compile(
    r"(?:step\s*[:#.]?\s*(\d{1,3})(?!\d)|(?:步骤|第)\s*(\d{1,3})(?!\d)\s*[步项]?|(\d{1,3})(?:[.)](?=\s)|、|:(?=\s)))",
    re.IGNORECASE,
)
_FURTHER = re.compile(r"(?:step|步骤|第)\s*(\d{1,3})\s*[步项]?(?=\s*[:=])", re.IGNORECASE)
_STEP_WORD = re.compile(r"(?:step|步骤)\s*[:#]?\s*", re.IGNORECASE)
_SEPARATORS = re.compile(r"^(?:[\s:=–—→|>.,、)\]】\"]|-(?!\d|\.\d))+")
_HEADING = re.compile(r"([^:=\n]{1,80}?)\s*(?:[:=]|\s-\s|[–—])\s*(\S.*)")
_LABEL = re.compile(r"\W{0,6}([^\W\d_][^:=\n]{0,30}?)\s*[:=]\s*(.*)")
_NOTE = re.compile(
    r"\(\s*(max\.?|maximum|out of|满分|共|worth)?\s*[:=]?\s*(\d{1,4}(?:\.\d+)?)\s*(?:points?|pts?|marks?|分)?\s*(max(?:imum|\.)?|possible)?\s*\)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Head(Mention):
    """The step that a line begins with."""

    plain_number: bool = False
    """Named by nothing but "1." or "1)"."""


def _head(line: str, names: StepNames) -> _Head | None:
    ordinal = _ORDINAL.match(line)
    word = _STEP_WORD.match(line)
    for start in (0, ordinal.end() if ordinal else 0, word.end() if word else 0):
        skipped = _SEPARATORS.match(line[start : start + 8])
        mention = names.at(line, start + (skipped.end() if skipped and start else 0))
        if mention is not None:
            return _Head(mention.ref, mention.start, mention.end)
    if ordinal is None:
        return None
    number = int(ordinal[1] or ordinal[2] or ordinal[3])
    return _Head(number, 0, ordinal.end(), plain_number=ordinal[3] is not None)


def _split(line: str, head: Mention, names: StepNames) -> Iterator[tuple[str | int, str]]:
    """The head and any further "cpr02: ..." of a line, each with what is said of it."""
    marks: list[Mention] = [head]
    several = False
    for mention in names.mentions(line[head.end :]):
        placed = Mention(mention.ref, mention.start + head.end, mention.end + head.end)
        last_of_several, several = several, names.goes_on(line, placed)
        if last_of_several or several or placed.ref == head.ref:
            continue
        if re.match(r"\s*[:=]", line[placed.end : placed.end + 8]):
            marks.append(placed)
    if isinstance(head.ref, int):
        marks += [Mention(int(m[1]), m.start(), m.end()) for m in _FURTHER.finditer(line, head.end)]
        marks.sort(key=lambda mark: mark.start)
    for mark, after in zip(marks, [*marks[1:], None], strict=True):
        yield mark.ref, line[mark.end : after.start if after else len(line)][:600]


def _speaks(said: str, names: StepNames, ref: str | int, asks: Asks) -> bool:
    """Whether what stands beside a step's name is an answer: one that any step could be given."""
    step = names.known.get(ref) if isinstance(ref, str) else names.known[names.asked[0]]
    return step is not None and _beside(said, step, asks) is not None


def _said(said: str, step: Step, *, asks: Asks) -> Outcome:
    outcome = _beside(said, step, asks) or _nothing(said, asks)
    return replace(outcome, reason=said.strip(" :=-") or None)


def _of_several(line: str, step: Step, *, asks: Asks) -> Outcome:
    return _nothing(line, asks)


def _beside(said: str, step: Step, asks: Asks) -> Outcome | None:
    """The value beside a step's name, past its title and a note of its full points."""
    text = _SEPARATORS.sub("", said)
    titled = False
    for title in (plain(step.title), plain(step.title_zh)):
        if text.casefold().startswith(title.casefold()):
            text, titled = _SEPARATORS.sub("", text[len(title) :]), True
    note = _NOTE.match(text)
    if note is not None:
        after = _SEPARATORS.sub("", text[note.end() :])
        value = _value(after, step, None, asks)
        if value is not None:
            return value
        # "Check the scene (3 points)" repeats the sheet; "cpr01 (2)" is an answer.
        if note[1] or note[3] or (titled and float(note[2]) == step.max_points) or asks == "errors":
            return None
        return points_in(note[2], step.max_points)
    labelled = _LABEL.match(text)
    if labelled is not None:
        kind = kind_of_key(labelled[1])
        if kind in _VALUE_KINDS[asks]:
            return _value(labelled[2], step, kind, asks) or _value(text, step, None, asks)
    return _value(text.lstrip("("), step, None, asks) if asks == "points" else _verdict_beside(text)


def _verdict_beside(text: str) -> Outcome | None:
    """A verdict in "heading: verdict" or "verdict: explanation", where the heading may be a title in other words.

    Titles of steps praise what is right ("stick the pads on correctly"), so a heading's own words count only if they
    are nothing but a verdict, or speak of an error.
    """
    parts = _HEADING.match(text)
    if parts is None or is_bare_verdict(parts[1]):
        return verdict_in(text)
    after, head = verdict_in(parts[2]), verdict_in(parts[1])
    return after or (head if head is not None and head.wrong else None)


def _labelled(value: str, line: str, step: Step, *, kind: Kind | None, asks: Asks) -> Outcome:
    return _value(value, step, kind, asks) or _value(line, step, None, asks) or _nothing(value, asks)


def _value(text: str, step: Step, kind: Kind | None, asks: Asks) -> Outcome | None:
    if asks == "points":
        return points_in(text, step.max_points)
    return verdict_in(text, asked="correct" if kind == "correct" else "error")


def _nothing(text: str, asks: Asks) -> Outcome:
    return Outcome(cause="not_a_number" if asks == "points" else "no_verdict", found=text.strip()[:60])


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d{1,6}(?:\.\d{1,6})?", text) is not None
