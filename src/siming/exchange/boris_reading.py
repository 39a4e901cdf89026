"""BORIS projects, siming's own and those that people coded from scratch."""

from __future__ import annotations

from collections.abc import Iterator

from siming.exchange.authors import author_of
from siming.exchange.boris import NONE, SHEET_VARIABLES, STEP_VARIABLES
from siming.exchange.collect import Collector, Draft, SheetDraft
from siming.exchange.plain_json import Node, number_of, read_json
from siming.rubric import Author


def read_boris(raw: bytes, collector: Collector) -> None:
    """Take the sheets out of a project.

    Raises:
        SheetError: not a project, or something in it that cannot be read.
    """
    document = read_json(raw, collector.name)
    for name, observation in document.get("observations").members():
        variables = dict(_variables(observation))
        attempt = _attempt(name, observation, variables, collector)
        if attempt is None:
            collector.skip("unknown_attempt", name=name)
        elif not collector.known.has_attempt(attempt):
            collector.skip("unknown_attempt", name=attempt)
        else:
            sheet = _begin(variables, attempt, observation.place, collector)
            if sheet is None and "rubric" in variables:
                continue
            for key, node in variables.items():
                if sheet is not None:
                    _read_variable(key, node, sheet)
            _read_events(observation, attempt, variables, collector)


def _variables(observation: Node) -> Iterator[tuple[str, Node]]:
    found = observation.find("independent_variables")
    for key, node in found.members() if found is not None else ():
        if node.value is not None:
            yield key, node


def _attempt(name: str, observation: Node, variables: dict[str, Node], collector: Collector) -> str | None:
    if "attempt" in variables:
        return variables["attempt"].text()
    media = list(_media(observation))
    if collector.known.attempts is None and media:
        name = ""
    return next((found for each in (name, *media) if each and (found := collector.known.attempt_of_media(each))), None)


def _media(observation: Node) -> Iterator[str]:
    """The files of an observation; one that was coded live has none, and an empty list in place of players."""
    files = observation.find("file")
    if files is not None and isinstance(files.value, dict):
        for _, player in files.members():
            yield from (each.text() for each in player.items())


def _begin(variables: dict[str, Node], attempt: str, place: str, collector: Collector) -> SheetDraft | None:
    """The sheet that an observation of siming's own says it is; None where the observation is somebody else's."""
    if not {"rubric", "author"} <= set(variables):
        return None
    version = variables.get("rubric_version")
    author = author_of(variables["author"].text())
    rubric = variables["rubric"].text()
    return collector.begin(attempt, rubric, None if version is None else version.text(), author, place)


def _read_variable(key: str, node: Node, sheet: SheetDraft) -> None:
    field, _, step_id = key.partition(" ")
    if key == "submitted_at":
        sheet.submitted_at = node.text()
    elif key == "global_rating":
        rating = node.number()
        if rating != int(rating):
            node.refuse(f"is {rating:g}, wanted a whole number")
        sheet.global_rating = int(rating)
    elif field in STEP_VARIABLES and key not in SHEET_VARIABLES and sheet.rubric.find_step(step_id) is not None:
        _read_step_variable(field, node, sheet.step(step_id))


def _read_step_variable(field: str, node: Node, draft: Draft) -> None:
    text = node.text()
    if field in ("note", "reason"):
        setattr(draft, field, text)
    elif not text:
        return
    elif field == "points":
        draft.points = number_of(text, node.place)
    elif field == "status":
        draft.status = text
    elif field == "deductions":
        draft.deductions = _ids(text, node)
    else:
        words = {"void": ("yes", "no"), "verdict": ("wrong", "right")}[field]
        if text not in words:
            node.refuse(f"is {text[:40]!r}, wanted {' or '.join(words)}")
        setattr(draft, field, text == words[0])


def _ids(text: str, node: Node) -> list[str]:
    """A JSON list, or ids with commas between them as a person writes them."""
    if not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    return [each.text() for each in read_json(text.encode("utf-8"), node.place).items()]


def _read_events(observation: Node, attempt: str, variables: dict[str, Node], collector: Collector) -> None:
    """Pair starts and stops of one subject, behaviour and modifiers in turn."""
    begun: dict[tuple[str, str, str], tuple[float, str]] = {}
    found: dict[tuple[str, str, str], list[tuple[int, float, float]]] = {}
    rows = [(event, event.items()) for event in observation.get("events").items()]
    for event, cells in rows:
        if len(cells) < 4:
            event.refuse("has fewer than 4 cells (time, subject, behaviour, modifiers)")
        key = (cells[1].text(), cells[2].text(), cells[3].text())
        time_s = cells[0].number()
        if key not in begun:
            begun[key] = (time_s, event.place)
            continue
        start_s, _ = begun.pop(key)
        number = key[2].partition("|")[2]
        order = int(number) if number.isdecimal() and len(number) < 9 else len(found.get(key, ()))
        found.setdefault(key, []).append((order, start_s, time_s))
    for (subject, code, _), (_, place) in begun.items():
        collector.skip("unpaired_event", name=f"{place} {subject} {code}".strip())
    _take(found, attempt, variables, observation.place, collector)


def _take(
    found: dict[tuple[str, str, str], list[tuple[int, float, float]]],
    attempt: str,
    variables: dict[str, Node],
    place: str,
    collector: Collector,
) -> None:
    rater = author_of(variables["author"].text()) if "author" in variables else None
    by_step: dict[tuple[Author, str], list[tuple[int, float, float]]] = {}
    for (subject, code, modifiers), intervals in found.items():
        author = collector.author_or_given(rater or (author_of(subject) if subject else None), place)
        by_step.setdefault((author, code), []).extend(intervals)
        draft = collector.step(attempt, author, code, place)
        deduction = modifiers.partition("|")[0]
        if draft is not None and deduction not in ("", NONE) and deduction not in draft.deductions:
            draft.deductions.append(deduction)
    for (author, code), intervals in by_step.items():
        draft = collector.step(attempt, author, code, place)
        if draft is not None:
            draft.evidence = [(start_s, end_s) for _, start_s, end_s in sorted(intervals)]
