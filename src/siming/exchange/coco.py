"""COCO with videos: annotations of numbered pictures as evidence. In only.

`categories` are named by step ids. A picture's number stands in ``frame_id`` (CocoVID) or ``frame_index`` (TAO), from 0, or at
the end of its file name. `videos` say which attempt; without them the file's name does. Pictures of one step that follow each
other in the file's list of the video's pictures are one stretch: nobody looked at those between.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import PurePosixPath

from siming.exchange.collect import Collector
from siming.exchange.frames import runs
from siming.exchange.hints import LARGEST_FRAME, add_hint, attempt_of, frame_number, frames_of
from siming.exchange.plain_json import Node, read_json

_OWN = ""
"""The video of pictures that name none: the file's own."""


def read_coco(raw: bytes, collector: Collector) -> None:
    """Take the evidence out of an annotation file.

    Raises:
        SheetError: not such a file, or numbers that cannot be pictures.
    """
    document = read_json(raw, collector.name)
    names = {each.get("id").text(): each.get("name").text() for each in document.get("categories").items()}
    videos = {each.get("id").text(): _name(each) for each in _listed(document, "videos")}
    where: dict[str, tuple[str, int]] = {}
    pictures: dict[str, set[int]] = {}
    for image in document.get("images").items():
        found = image.find("video_id")
        video = _OWN if found is None else found.text()
        if found is not None and video not in videos:
            found.refuse(f"is {video[:40]!r}, and no such video is listed")
        number = _number(image)
        where[image.get("id").text()] = (video, number)
        pictures.setdefault(video, set()).add(number)
    seen: dict[tuple[str, str], list[int]] = {}
    for annotation in document.get("annotations").items():
        image_id, category = annotation.get("image_id"), annotation.get("category_id")
        if image_id.text() not in where:
            image_id.refuse(f"is {image_id.text()[:40]!r}, and no such picture is listed")
        if category.text() not in names:
            category.refuse(f"is {category.text()[:40]!r}, and no such category is listed")
        video, number = where[image_id.text()]
        seen.setdefault((video, names[category.text()]), []).append(number)
    for video in pictures:
        steps = {step: numbers for (of, step), numbers in seen.items() if of == video}
        if steps:
            _add(videos.get(video, ""), steps, sorted(pictures[video]), collector)


def _add(video: str, steps: dict[str, list[int]], pictures: Sequence[int], collector: Collector) -> None:
    attempt = _attempt(video, collector)
    if attempt is None:
        return
    frames = frames_of(attempt, collector)
    if frames is None:
        return

    def following(number: int) -> int:
        at = bisect_right(pictures, number)
        return pictures[at] if at < len(pictures) else -1

    for step, numbers in steps.items():
        place = f"{collector.name} category {step[:60]!r}"
        for first, last in runs(numbers, following):
            add_hint(collector, attempt, step, frames.span(first, last + 1, place), place)


def _attempt(video: str, collector: Collector) -> str | None:
    if not video:
        found = attempt_of([], collector)
    else:
        named = collector.known.attempt_of_media(video)
        found = video if named is None else named
    if not collector.known.has_attempt(found):
        collector.skip("unknown_attempt", name=found)
        return None
    return found


def _listed(document: Node, key: str) -> list[Node]:
    found = document.find(key)
    return [] if found is None else found.items()


def _name(video: Node) -> str:
    found = video.find("name") or video.find("file_name")
    return "" if found is None else found.text()


def _number(image: Node) -> int:
    found = image.find("frame_id") or image.find("frame_index")
    if found is not None:
        return frame_number(found)
    name = image.get("file_name")
    digits = re.search(r"(\d{1,9})$", PurePosixPath(name.text().replace("\\", "/")).stem)
    if digits is None or int(digits[1]) >= LARGEST_FRAME:
        name.refuse(f"is {name.text()[:60]!r}, and neither it nor frame_id says which picture of the video it is")
    return int(digits[1])
