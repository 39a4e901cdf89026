"""VIA 3 (VGG Image Annotator): the temporal segments of a project's JSON as evidence. In only.

Each member of `metadata` has the times ``z`` in seconds (two of a segment, one of an instant) and the values ``av`` of
attributes; `attribute` gives the words that a chosen value stands for; `view` and `file` say which video it is about. A value
is a step where its word is the step's id, or where its attribute is called so.
"""

from __future__ import annotations

from siming.exchange.collect import Collector
from siming.exchange.hints import add_hint, attempt_of
from siming.exchange.plain_json import Node, read_json


def read_via(raw: bytes, collector: Collector) -> None:
    """Take the evidence out of a project.

    Raises:
        SheetError: not such a file, or times that cannot be.
    """
    document = read_json(raw, collector.name)
    metadata = document.get("metadata").members()
    attributes = {key: _Attribute(node) for key, node in _members(document, "attribute")}
    files = {key: _text(node, "fname") for key, node in _members(document, "file")}
    views = {key: [each.text() for each in node.get("fid_list").items()] for key, node in _members(document, "view")}
    for _, node in metadata:
        times = [each.number() for each in node.get("z").items()]
        if not times:  # it is about the whole file
            continue
        if len(times) > 2:
            node.get("z").refuse("has more than two times")
        view = node.get("vid").text()
        named = [files.get(each, "") for each in views.get(view, [view])]
        attempt = _attempt(named, collector, alone=len(files) < 2)
        if attempt is None:
            collector.skip("unknown_attempt", name=", ".join(named))
            continue
        for step in _steps(node, attributes, attempt, collector):
            add_hint(collector, attempt, step, (times[0], times[-1]), node.place)


def _attempt(named: list[str], collector: Collector, *, alone: bool) -> str | None:
    """The attempt that one of a view's files is; of a project with one file, the attempt that the project is called after."""
    found = next((a for name in named if name and (a := collector.known.attempt_of_media(name)) is not None), None)
    return attempt_of([], collector) if found is None and alone else found


class _Attribute:
    """What the annotator could choose."""

    def __init__(self, node: Node) -> None:
        self.name = _text(node, "aname")
        options = node.find("options")
        self.words = {} if options is None else {key: each.text() for key, each in options.members()}


def _steps(node: Node, attributes: dict[str, _Attribute], attempt: str, collector: Collector) -> list[str]:
    """The steps that a segment's values name; a value that names none is given back as it is, to be counted."""
    found = []
    for key, value in _members(node, "av"):
        chosen = value.text().strip()
        attribute = attributes.get(key)
        word = chosen if attribute is None else attribute.words.get(chosen, chosen)
        named = attribute is not None and collector.known.rubric_of_step(attempt, attribute.name) is not None
        if chosen and attribute is not None and named and collector.known.rubric_of_step(attempt, word) is None:
            word = attribute.name
        if word:
            found.append(word)
    return found


def _members(node: Node, key: str) -> list[tuple[str, Node]]:
    found = node.find(key)
    return [] if found is None else found.members()


def _text(node: Node, key: str) -> str:
    found = node.find(key)
    return "" if found is None else found.text()
