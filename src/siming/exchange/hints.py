"""Evidence without points: where somebody, in a program for marking videos, saw a step.

Such a file says when, and by whose hand it was made is for its importer to say. Its steps stand as not judged.
"""

from __future__ import annotations

from siming.exchange.collect import Collector
from siming.exchange.frames import Frames
from siming.exchange.plain_json import Node
from siming.rating.spreadsheet import UnreadError

LARGEST_FRAME = 10**9


def attempt_of(names: list[str], collector: Collector) -> str:
    """The attempt that one of some names means: of a video, of a task, at last of the file itself.

    Raises:
        SheetError: none does.
    """
    for name in (*names, collector.name):
        found = collector.known.attempt_of_media(name) if name else None
        if found is not None:
            return found
    raise UnreadError(
        f"{collector.name}: neither its name nor what it says of its video ({', '.join(filter(None, names)) or 'nothing'}) "
        "is an attempt; name the file after the attempt",
        "no_attempt",
        name=collector.name,
    )


def frames_of(attempt: str, collector: Collector) -> Frames | None:
    """The pictures of an attempt's video; counted as passed over where nobody knows them."""
    found = collector.known.frames(attempt) if collector.known.has_attempt(attempt) else None
    if found is None and collector.known.has_attempt(attempt):
        collector.skip("frames_need_table", name=attempt)
    return found


def add_hint(collector: Collector, attempt: str, step: str, span: tuple[float, float], place: str) -> None:
    """Put a stretch of time to a step of the one whose file this is."""
    draft = collector.step(attempt, collector.author_or_given(None, place), step, place)
    if draft is not None and span not in draft.evidence:
        draft.evidence.append(span)


def frame_number(node: Node) -> int:
    """A picture's number.

    Raises:
        SheetError: no whole number from 0 up.
    """
    number = node.number()
    if number != int(number) or not 0 <= number < LARGEST_FRAME:
        node.refuse(f"is {number:g}, wanted the number of a picture, from 0 up")
    return int(number)
