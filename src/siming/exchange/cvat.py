"""CVAT: tracks and tags of an XML file ("CVAT for video 1.1", "CVAT for images 1.1") as evidence. In only.

A label is a step's id. A track shows the step from each picture where its shape is there to the picture where it is outside;
tags and shapes of single pictures are joined where their pictures follow each other. Pictures are numbered from 0 as in the
video, also where the task took every so-manieth of them; in the export of a whole project they are numbered anew, so that
such a file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from siming.errors import SheetError
from siming.exchange.collect import Collector
from siming.exchange.frames import Frames, runs
from siming.exchange.hints import LARGEST_FRAME, add_hint, attempt_of, frames_of
from siming.exchange.plain_xml import read_xml


def read_cvat(raw: bytes, collector: Collector) -> None:
    """Take the evidence out of a task's annotations.

    Raises:
        SheetError: not such a file, a project's, or numbers that cannot be pictures.
    """
    root = read_xml(raw, collector.name)
    if root.tag != "annotations":
        raise SheetError(f"{collector.name}: the root is <{root.tag[:40]}>, wanted CVAT's <annotations>")
    if root.find("meta/project") is not None:
        raise SheetError(
            f"{collector.name}: is the export of a whole project, in which pictures are numbered anew; export each task"
        )
    named = [
        root.findtext(path) or "" for path in ("meta/source", "meta/task/source", "meta/task/name", "meta/job/source")
    ]
    attempt = attempt_of(named, collector)
    if not collector.known.has_attempt(attempt):
        collector.skip("unknown_attempt", name=attempt)
        return
    frames = frames_of(attempt, collector)
    if frames is not None:
        _read_tracks(root, attempt, frames, collector)
        _read_images(root, attempt, frames, collector)


def _read_tracks(root: Element, attempt: str, frames: Frames, collector: Collector) -> None:
    for track in root.iterfind("track"):
        place = f"{collector.name} track {track.get('id', '')[:40]!r}"
        for first, behind in _seen(track, place):
            add_hint(collector, attempt, track.get("label", ""), frames.span(first, behind, place), place)


def _seen(track: Element, place: str) -> Iterator[tuple[int, int]]:
    """From the picture where the shape is there to the first one where it is not."""
    shapes = sorted((_number(shape.get("frame"), place), shape.get("outside") == "1") for shape in track)
    begun = last = None
    for number, outside in shapes:
        if outside and begun is not None:
            yield begun, number
            begun = None
        elif not outside:
            begun = number if begun is None else begun
            last = number
    if begun is not None and last is not None:
        yield begun, last + 1


def _read_images(root: Element, attempt: str, frames: Frames, collector: Collector) -> None:
    found = re.search(r"step\s*=\s*(\d{1,6})", root.findtext("meta/task/frame_filter") or "")
    step = max(1, int(found[1])) if found else 1
    pictures: dict[str, list[int]] = {}
    for image in root.iterfind("image"):
        place = f"{collector.name} image {image.get('name', '')[:60]!r}"
        # Pictures of a video are called after their number in it; `id` counts those of the task.
        named = re.search(r"frame_(\d{1,9})\D*$", image.get("name", ""))
        number = int(named[1]) if named else _number(image.get("id"), place)
        for each in image:
            pictures.setdefault(each.get("label", ""), []).append(number)
    for label, numbers in pictures.items():
        place = f"{collector.name} label {label[:60]!r}"
        for first, last in runs(numbers, lambda number: number + step):
            add_hint(collector, attempt, label, frames.span(first, last + 1, place), place)


def _number(text: str | None, place: str) -> int:
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > len(str(LARGEST_FRAME)):
        raise SheetError(f"{place}: the picture is {(text or '')[:40]!r}, wanted its number, from 0 up")
    return int(text)
