"""ELAN: one .eaf per attempt, a tier for each step and author, an annotation for each piece of evidence.

A step's deductions are the controlled vocabulary of its tiers. Points, notes and status have no place on a time line;
they stand in the document's properties, one for each sheet, which ELAN keeps but does not show. Written to the public
schema EAFv3.0; read with or without the properties.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from siming.exchange.authors import author_text
from siming.exchange.collect import check_evidence
from siming.exchange.escape import without_controls
from siming.exchange.plain_xml import xml_bytes
from siming.exchange.selection import Selection
from siming.rubric import Attempt, Entry, Rubric, Sheet, Step

PROPERTY = "siming.sheet"
ATTEMPT = "siming.attempt"
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation"
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_MEDIA = {
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "mpg": "video/mpeg",
    "mpeg": "video/mpeg",
    "avi": "video/x-msvideo",
}
_LANGUAGES = {"en": ("eng", "English (eng)"), "zh": ("zho", "中文 (zho)")}
_LATEST_S = 1e9
_JSON_ILLEGAL = re.compile("[\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def shown_word(step: Step) -> str:
    """The entry of a step's vocabulary that names no deduction."""
    word = "evidence"
    while step.find_deduction(word) is not None:
        word += "_"
    return word


def deduction_on_tier(entry: Entry) -> str | None:
    """The deduction that a step's annotations carry: the only one. Of several, none is known to belong to one place."""
    return entry.deductions[0] if len(entry.deductions) == 1 and entry.evidence else None


def write_elan(selection: Selection) -> dict[str, bytes]:
    """One document for each attempt.

    Raises:
        SheetError: evidence that no time line can hold.
    """
    return {f"{selection.stems[attempt.id]}.eaf": _document(selection, attempt) for attempt in selection.attempts}


def _document(selection: Selection, attempt: Attempt) -> bytes:
    rubrics = [selection.dataset.rubrics[ref.id] for ref in attempt.rubrics]
    sheets = selection.sheets_of(attempt.id)
    root = Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "siming",
            "DATE": _date(sheets),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            _XSI: _SCHEMA,
        },
    )
    _header(root, attempt, sheets)
    time_order = SubElement(root, "TIME_ORDER")
    _tiers(root, time_order, sheets, {rubric.id: rubric for rubric in rubrics})
    code, label = _LANGUAGES[selection.language]
    for step in (step for rubric in rubrics for step in rubric.steps):
        _add(
            root, "LINGUISTIC_TYPE", LINGUISTIC_TYPE_ID=step.id, TIME_ALIGNABLE="true", GRAPHIC_REFERENCES="false",
            CONTROLLED_VOCABULARY_REF=step.id,
        )  # fmt: skip
    _add(root, "LANGUAGE", LANG_ID=code, LANG_LABEL=label)
    for number, step in enumerate((step for rubric in rubrics for step in rubric.steps), start=1):
        _vocabulary(root, step, number, selection, code)
    return xml_bytes(root)


def _header(root: Element, attempt: Attempt, sheets: Sequence[Sheet]) -> None:
    header = _add(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    if attempt.video is not None:
        path = f"./{attempt.video.path}"
        kind = _MEDIA.get(path.rsplit(".", 1)[-1].casefold(), "unknown")
        _add(header, "MEDIA_DESCRIPTOR", MEDIA_URL=path, MIME_TYPE=kind, RELATIVE_MEDIA_URL=path)
    properties = [(ATTEMPT, attempt.id)]
    properties += [(f"{PROPERTY}.{at}", _rest(sheet)) for at, sheet in enumerate(sheets, start=1)]
    n_annotations = sum(len(entry.evidence) for sheet in sheets for entry in sheet.steps.values())
    properties.append(("lastUsedAnnotationId", str(n_annotations)))
    for name, text in properties:
        _add(header, "PROPERTY", NAME=name).text = text


def _rest(sheet: Sheet) -> str:
    """Everything of a sheet but what its tiers hold, as JSON without a character that XML refuses."""
    plain: dict[str, Any] = sheet.to_plain()
    for step_id, entry in sheet.steps.items():
        fields = plain["steps"][step_id]
        fields.pop("evidence", None)
        if deduction_on_tier(entry) is not None:
            fields.pop("deductions", None)
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, allow_nan=False)
    return _JSON_ILLEGAL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _tiers(root: Element, time_order: Element, sheets: Sequence[Sheet], rubrics: dict[str, Rubric]) -> None:
    slots: list[tuple[int, Element, str]] = []
    names: set[str] = set()
    number = 0
    for sheet in sheets:
        check_evidence(sheet, _LATEST_S, where=f"attempt {sheet.attempt}")
        for step in rubrics[sheet.rubric].steps:
            entry = sheet.steps.get(step.id)
            if entry is None:
                continue
            value = deduction_on_tier(entry) or shown_word(step)
            numbered = [(number + at, *_ms(*interval)) for at, interval in enumerate(entry.evidence, start=1)]
            number += len(numbered)
            for lane in _lanes(numbered):
                tier = _add(
                    root, "TIER", TIER_ID=_unused(f"{step.id}@{sheet.author.name}", names), LINGUISTIC_TYPE_REF=step.id,
                    ANNOTATOR=author_text(sheet.author), PARTICIPANT=sheet.attempt,
                )  # fmt: skip
                for annotation_id, start_ms, end_ms in lane:
                    made = _add(
                        SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION", ANNOTATION_ID=f"a{annotation_id}"
                    )
                    SubElement(made, "ANNOTATION_VALUE").text = without_controls(value)
                    slots += [(start_ms, made, "TIME_SLOT_REF1"), (end_ms, made, "TIME_SLOT_REF2")]
    for at, (ms, annotation, name) in enumerate(sorted(slots, key=lambda slot: slot[0]), start=1):
        _add(time_order, "TIME_SLOT", TIME_SLOT_ID=f"ts{at}", TIME_VALUE=str(ms))
        annotation.set(name, f"ts{at}")


def _ms(start_s: float, end_s: float) -> tuple[int, int]:
    """An interval in milliseconds; ELAN has none shorter than one."""
    start_ms = round(start_s * 1000)
    return start_ms, max(round(end_s * 1000), start_ms + 1)


def _lanes(intervals: Sequence[tuple[int, int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    """The intervals on as few tiers as hold them, for on one tier they may not overlap. At least one tier."""
    lanes: list[list[tuple[int, int, int]]] = []
    for interval in sorted(intervals, key=lambda each: each[1:]):
        free = next((lane for lane in lanes if lane[-1][2] <= interval[1]), None)
        if free is None:
            lanes.append([interval])
        else:
            free.append(interval)
    yield from lanes or [[]]


def _unused(name: str, names: set[str]) -> str:
    """The name, or the name with a number; no two tiers may share one."""
    found, at = name, 2
    while found in names:
        found, at = f"{name} ({at})", at + 1
    names.add(found)
    return found


def _vocabulary(root: Element, step: Step, number: int, selection: Selection, language_id: str) -> None:
    vocabulary = _add(root, "CONTROLLED_VOCABULARY", CV_ID=step.id)
    _add(vocabulary, "DESCRIPTION", LANG_REF=language_id).text = without_controls(step.title_in(selection.language))
    entries = [(shown_word(step), step.title_in(selection.language))]
    entries += [
        (each.id, each.when_zh if selection.language == "zh" and each.when_zh else each.when)
        for each in step.deductions
    ]
    for at, (value, description) in enumerate(entries):
        entry = _add(vocabulary, "CV_ENTRY_ML", CVE_ID=f"cveid_{number}_{at}")
        _add(entry, "CVE_VALUE", DESCRIPTION=description, LANG_REF=language_id).text = without_controls(value)


def _date(sheets: Sequence[Sheet]) -> str:
    """When the last sheet was submitted, where it is a time that the schema takes."""
    latest = max((sheet.submitted_at for sheet in sheets if sheet.submitted_at), default="")
    is_time = re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?", latest)
    return latest if is_time else "1970-01-01T00:00:00+00:00"


def _add(parent: Element, tag: str, **attributes: str) -> Element:
    return SubElement(parent, tag, {key: without_controls(value) for key, value in attributes.items()})
