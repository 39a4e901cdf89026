"""ELAN documents, siming's own and those that people made by hand."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from siming.errors import SheetError
from siming.exchange.authors import author_of
from siming.exchange.collect import Collector, Draft
from siming.exchange.elan import ATTEMPT, PROPERTY, shown_word
from siming.exchange.escape import with_controls
from siming.exchange.plain_json import Node, number_of, read_json
from siming.exchange.plain_xml import read_xml
from siming.rating.spreadsheet import UnreadError
from siming.rubric import Author, Sheet, Step

_LONGEST_MS = 10**12


def read_elan(raw: bytes, collector: Collector) -> None:
    """Take the sheets out of one document.

    Raises:
        SheetError: not an ELAN document, or something in it that cannot be read.
    """
    root = read_xml(raw, collector.name)
    if root.tag != "ANNOTATION_DOCUMENT":
        raise SheetError(f"{collector.name}: the root is <{root.tag[:40]}>, wanted an ELAN document (.eaf)")
    properties = {each.get("NAME", ""): each.text or "" for each in root.iterfind("HEADER/PROPERTY")}
    attempt = _attempt(root, properties, collector)
    for name, text in properties.items():
        if name.startswith(f"{PROPERTY}."):
            _read_property(read_json(text.encode("utf-8"), f"{collector.name} property {name}"), attempt, collector)
    _read_tiers(root, attempt, collector)


def _attempt(root: Element, properties: dict[str, str], collector: Collector) -> str:
    if ATTEMPT in properties:
        return with_controls(properties[ATTEMPT])
    media = [
        each.get("RELATIVE_MEDIA_URL") or each.get("MEDIA_URL") or ""
        for each in root.iterfind("HEADER/MEDIA_DESCRIPTOR")
    ]
    for name in (*media, collector.name):
        found = collector.known.attempt_of_media(name)
        if found is not None:
            return found
    raise UnreadError(
        f"{collector.name}: neither its name nor its media ({', '.join(media) or 'none'}) is an attempt; "
        "name the file after the attempt",
        "no_attempt",
        name=collector.name,
    )


def _read_property(node: Node, attempt: str, collector: Collector) -> None:
    """A sheet without what its tiers hold."""
    author = node.get("author")
    who = _author(author)
    sheet = collector.begin(attempt, node.get("rubric").text(), node.get("rubric_version").text(), who, node.place)
    if sheet is None:
        return
    submitted, rating = node.find("submitted_at"), node.find("global_rating")
    sheet.submitted_at = None if submitted is None else submitted.text()
    sheet.global_rating = None if rating is None else int(rating.number())
    sheet.author = who
    sheet.more = {key: each.value for key, each in node.members() if key not in Sheet.model_fields and key != "schema"}
    for step_id, entry in node.get("steps").members():
        _read_entry(sheet.step(step_id), entry)


def _author(node: Node) -> Author:
    known = author_of(f"{node.get('kind').text()}:{node.get('name').text()}")
    if known.kind != node.get("kind").text():
        node.refuse(f"names no kind of author: {node.get('kind').text()[:40]!r}")
    more = {key: each.value for key, each in node.members() if key not in Author.model_fields}
    return Author.model_validate({**more, "kind": known.kind, "name": known.name})


def _read_entry(draft: Draft, entry: Node) -> None:
    for key, node in entry.members():
        if node.value is None:
            continue
        if key == "points":
            draft.points = node.number()
        elif key == "wrong":
            draft.verdict = node.flag()
        elif key == "void":
            draft.void = node.flag()
        elif key == "deductions":
            draft.deductions = [each.text() for each in node.items()]
        elif key in ("status", "note", "reason", "provenance", "rationale"):
            setattr(draft, key, node.text())
        elif key != "evidence":
            draft.more[key] = node.value


def _read_tiers(root: Element, attempt: str, collector: Collector) -> None:
    slots = {
        each.get("TIME_SLOT_ID", ""): _time_s(each.get("TIME_VALUE"), collector.name)
        for each in root.iterfind("TIME_ORDER/TIME_SLOT")
    }
    found: dict[tuple[str, str, str], list[tuple[int, tuple[float, float], str]]] = {}
    for tier in root.iterfind("TIER"):
        annotations = tier.findall("ANNOTATION/ALIGNABLE_ANNOTATION")
        place = f"{collector.name} tier {tier.get('TIER_ID', '')[:60]!r}"
        if tier.find("ANNOTATION/REF_ANNOTATION") is not None:
            collector.skip("untimed_tier", name=tier.get("TIER_ID", ""))
        if not annotations:
            continue
        step_id = _step_of(tier, attempt, collector)
        if step_id is None:
            continue
        named = tier.get("ANNOTATOR") or None
        author = collector.author_or_given(None if named is None else author_of(with_controls(named)), place)
        rows = found.setdefault((step_id, author.kind, author.name), [])
        for at, annotation in enumerate(annotations):
            times = tuple(slots.get(annotation.get(f"TIME_SLOT_REF{end}", "")) for end in (1, 2))
            if times[0] is None or times[1] is None:
                raise SheetError(
                    f"{place}: annotation {annotation.get('ANNOTATION_ID')!r} has no time; align it in ELAN"
                )
            number = annotation.get("ANNOTATION_ID", "").lstrip("a")
            order = int(number) if number.isdecimal() and len(number) < 12 else at
            rows.append((order, (times[0], times[1]), with_controls(annotation.findtext("ANNOTATION_VALUE") or "")))
    for (step_id, kind, name), rows in found.items():
        author = author_of(f"{kind}:{name}")
        draft = collector.step(attempt, author, step_id, f"{collector.name} step {step_id}")
        rubric = collector.known.rubric_of_step(attempt, step_id) if draft is not None else None
        if draft is not None and rubric is not None:
            _take(draft, rubric.get_step(step_id), rows, collector)


def _take(draft: Draft, step: Step, rows: list[tuple[int, tuple[float, float], str]], collector: Collector) -> None:
    """Put the annotations of one step into its draft."""
    for _, interval, value in sorted(rows, key=lambda row: row[0]):
        draft.evidence.append(interval)
        if step.find_deduction(value) is not None:
            if value not in draft.deductions:
                draft.deductions.append(value)
        elif value.strip() and value != shown_word(step):
            collector.remark("words_as_note", name=step.id)
            draft.note = value if draft.note is None else f"{draft.note}\n{value}"


def _step_of(tier: Element, attempt: str, collector: Collector) -> str | None:
    """The step that a tier's type, or its name before the ``@``, says."""
    if not collector.known.has_attempt(attempt):
        collector.skip("unknown_attempt", name=attempt)
        return None
    tier_id = with_controls(tier.get("TIER_ID", ""))
    for name in (with_controls(tier.get("LINGUISTIC_TYPE_REF", "")), tier_id, tier_id.partition("@")[0]):
        if collector.known.rubric_of_step(attempt, name) is not None:
            return name
    collector.skip("unknown_tier", name=tier_id)
    return None


def _time_s(text: str | None, name: str) -> float | None:
    if text is None:
        return None
    ms = number_of(text, f"{name}: a time slot")
    if not 0 <= ms <= _LONGEST_MS:
        raise SheetError(f"{name}: a time slot stands at {text[:40]} ms; times count forward from 0")
    return ms / 1000
