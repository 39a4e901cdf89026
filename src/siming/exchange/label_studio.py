"""Label Studio: one project per rubric, a task for each attempt, an annotation for each sheet.

Shapes follow Label Studio's own documentation of its task format and tags: `Number` for points, `Choices` for what is
chosen, `TextArea` for words, and `Labels` on the sound track for evidence, whose results hold seconds. Its video tags
count frames, which are times only beside a frame table; such regions are counted and passed over. Models, baselines and
the examiner are `predictions`; everyone else is an annotation, the consensus marked as ground truth.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from siming.exchange.authors import author_of, author_text
from siming.exchange.collect import Collector, SheetDraft
from siming.exchange.escape import file_word
from siming.exchange.label_studio_config import labelling_config
from siming.exchange.plain_json import Node, read_json
from siming.exchange.selection import Selection
from siming.rubric import Attempt, Author, Entry, Rubric, Sheet

_PREDICTED = ("model", "baseline", "examiner")


def write_label_studio(selection: Selection) -> dict[str, bytes]:
    """Tasks and labelling configuration of each rubric."""
    files = {}
    for at, rubric in enumerate(selection.rubrics, start=1):
        stem = f"{selection.stem}-{at}-{file_word(rubric.id, otherwise='rubric')}"
        tasks = [
            _task(selection, attempt, rubric)
            for attempt in selection.attempts
            if rubric.id in {ref.id for ref in attempt.rubrics}
        ]
        text = json.dumps(tasks, ensure_ascii=False, indent=1, allow_nan=False)
        files[f"{stem}.json"] = (text + "\n").encode("utf-8")
        files[f"{stem}.xml"] = labelling_config(rubric, selection.language)
    return files


def _task(selection: Selection, attempt: Attempt, rubric: Rubric) -> dict[str, Any]:
    sheets = selection.sheets_of(attempt.id, rubric.id)
    duration_s = attempt.video.duration_s if attempt.video else None
    task: dict[str, Any] = {
        "data": {
            "video": attempt.video.path if attempt.video else "",
            "attempt": attempt.id,
            "rubric": rubric.id,
            "rubric_version": rubric.version,
        },
        "annotations": [_annotation(s, duration_s) for s in sheets if s.author.kind not in _PREDICTED],
    }
    predictions = [_prediction(s, duration_s) for s in sheets if s.author.kind in _PREDICTED]
    if predictions:
        task["predictions"] = predictions
    return task


def _annotation(sheet: Sheet, duration_s: float | None) -> dict[str, Any]:
    out: dict[str, Any] = {
        "result": list(_results(sheet, duration_s)),
        "was_cancelled": False,
        "ground_truth": sheet.author.kind == "consensus",
    }
    # Label Studio refuses a whole import for one e-mail that is no member's; names alone go into a result.
    if "@" in sheet.author.name:
        out["completed_by"] = {"email": sheet.author.name}
    if sheet.submitted_at is not None:
        out["created_at"] = sheet.submitted_at
    return out | _lead_time(sheet)


def _prediction(sheet: Sheet, duration_s: float | None) -> dict[str, Any]:
    out: dict[str, Any] = {
        "model_version": author_text(sheet.author),
        "result": list(_results(sheet, duration_s)),
    }
    if sheet.submitted_at is not None:
        out["created_at"] = sheet.submitted_at
    return out | _lead_time(sheet)


def _lead_time(sheet: Sheet) -> dict[str, float]:
    """Seconds spent, which a sheet keeps as a field of Label Studio's."""
    seconds = (sheet.model_extra or {}).get("lead_time_s")
    return {"lead_time": seconds} if isinstance(seconds, int | float) and not isinstance(seconds, bool) else {}


def _results(sheet: Sheet, duration_s: float | None) -> Iterator[dict[str, Any]]:
    yield _result("author", "textarea", {"text": [author_text(sheet.author)]})
    if sheet.global_rating is not None:
        yield _result("global_rating", "number", {"number": sheet.global_rating})
    for step_id, entry in sheet.steps.items():
        yield from _results_of_step(step_id, entry, duration_s)


def _results_of_step(step_id: str, entry: Entry, duration_s: float | None) -> Iterator[dict[str, Any]]:
    if entry.points is not None:
        yield _result(f"points__{step_id}", "number", {"number": entry.points})
    if entry.status != "judged":
        yield _result(f"status__{step_id}", "choices", {"choices": [entry.status]})
    if entry.deductions:
        yield _result(f"deductions__{step_id}", "choices", {"choices": list(entry.deductions)})
    if entry.void:
        yield _result(f"void__{step_id}", "choices", {"choices": ["void"]})
    if entry.wrong is not None:
        yield _result(f"verdict__{step_id}", "choices", {"choices": ["wrong" if entry.wrong else "right"]})
    for name in ("note", "reason"):
        text = getattr(entry, name)
        if text is not None:
            yield _result(f"{name}__{step_id}", "textarea", {"text": [text]})
    for at, (start_s, end_s) in enumerate(entry.evidence):
        value = {"start": start_s, "end": end_s, "channel": 0, "labels": [step_id]}
        region = _result("evidence", "labels", value, to_name="audio", salt=f"{step_id} {at}")
        yield region if duration_s is None else {**region, "original_length": duration_s}


def _result(
    from_name: str, kind: str, value: Mapping[str, Any], *, to_name: str = "video", salt: str = ""
) -> dict[str, Any]:
    """One result; its id must be unique in the annotation and the same on every export."""
    name = hashlib.sha256(f"{from_name} {salt}".encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return {
        "id": name,
        "from_name": from_name,
        "to_name": to_name,
        "type": kind,
        "origin": "manual",
        "value": dict(value),
    }


def read_label_studio(raw: bytes, collector: Collector) -> None:
    """Take the sheets out of a file of tasks.

    Raises:
        SheetError: naming the place of whatever cannot be read.
    """
    document = read_json(raw, collector.name)
    tasks = document.items() if isinstance(document.value, list) else [document]
    for task in tasks:
        for annotation in _listed(task, "annotations", "completions"):
            cancelled = annotation.find("was_cancelled")
            if cancelled is not None and cancelled.flag():
                collector.skip("cancelled")
                continue
            _read_annotation(task, annotation, _author_of_annotation(annotation), collector)
        for prediction in _listed(task, "predictions"):
            version = prediction.find("model_version")
            author = author_of("model:undefined" if version is None else version.text())
            if author.kind not in _PREDICTED:
                author = Author(kind="model", name=author.name)
            _read_annotation(task, prediction, author, collector)


def _listed(task: Node, *names: str) -> list[Node]:
    found = next((node for name in names if (node := task.find(name)) is not None), None)
    return [] if found is None else found.items()


def _author_of_annotation(annotation: Node) -> Author | None:
    truth = annotation.find("ground_truth")
    is_truth = truth is not None and truth.flag()
    by = annotation.find("completed_by")
    if by is None:
        return Author(kind="consensus", name="consensus") if is_truth else None
    email = by.find("email") if isinstance(by.value, dict) else by
    if email is None:
        return None
    return Author(kind="consensus" if is_truth else "physician", name=email.text())


def _read_annotation(task: Node, annotation: Node, author: Author | None, collector: Collector) -> None:
    data = task.get("data")
    video = data.find("video")
    named = data.find("attempt")
    attempt = named.text() if named else collector.known.attempt_of_media(video.text()) if video else None
    if attempt is None:
        collector.skip("unknown_attempt", name=video.text() if video else data.place)
        return
    results = annotation.get("result").items()
    for result in results:
        if (name := result.find("from_name")) is not None and name.text() == "author":
            author = author_of(_first(result.get("value").get("text")).text())
    author = collector.author_or_given(author, annotation.place)
    rubric = data.find("rubric")
    if rubric is None:
        rubric_id, version = _rubric_of_results(results, attempt, collector), None
    else:
        rubric_id, version = rubric.text(), (data.get("rubric_version").text() if data.find("rubric_version") else None)
    sheet = collector.begin(attempt, rubric_id, version, author, annotation.place)
    if sheet is None:
        return
    created = annotation.find("created_at")
    sheet.submitted_at = None if created is None else created.text()
    lead_time = annotation.find("lead_time")
    if lead_time is not None:
        sheet.more["lead_time_s"] = lead_time.number()
    for result in results:
        _read_result(result, sheet, collector)


def _rubric_of_results(results: list[Node], attempt: str, collector: Collector) -> str:
    """The rubric whose steps the results name, where the task does not name it itself."""
    if collector.known.has_attempt(attempt):
        for result in results:
            name = result.find("from_name")
            step = name.text().partition("__")[2] if name else ""
            rubric = collector.known.rubric_of_step(attempt, step)
            if rubric is not None:
                return rubric.id
    return ""


def _read_result(result: Node, sheet: SheetDraft, collector: Collector) -> None:
    name, kind, value = result.find("from_name"), result.get("type").text(), result.get("value")
    field, _, step_id = (name.text() if name else "").partition("__")
    if kind in ("timelinelabels", "videorectangle"):
        collector.skip("frames_need_table", name=collector.name)
    elif kind == "labels" and value.find("start") is not None:
        for label in value.get("labels").items():
            if sheet.rubric.find_step(label.text()) is None:
                collector.skip("unknown_step", name=label.text())
            else:
                interval = (value.get("start").number(), value.get("end").number())
                sheet.step(label.text()).evidence.append(interval)
    elif field == "global_rating":
        rating = value.get("number").number()
        if rating != int(rating):
            value.refuse(f"holds {rating:g}, wanted a whole number")
        sheet.global_rating = int(rating)
    elif field == "author":
        pass
    elif field not in _READERS:
        collector.skip("unknown_result", name=field or kind)
    elif sheet.rubric.find_step(step_id) is None:
        collector.skip("unknown_step", name=step_id)
    else:
        _READERS[field](sheet, step_id, value)


def _points(sheet: SheetDraft, step_id: str, value: Node) -> None:
    sheet.step(step_id).points = value.get("number").number()


def _status(sheet: SheetDraft, step_id: str, value: Node) -> None:
    sheet.step(step_id).status = _first(value.get("choices")).text()


def _deductions(sheet: SheetDraft, step_id: str, value: Node) -> None:
    sheet.step(step_id).deductions = [node.text() for node in value.get("choices").items()]


def _void(sheet: SheetDraft, step_id: str, value: Node) -> None:
    sheet.step(step_id).void = bool(value.get("choices").items())


def _verdict(sheet: SheetDraft, step_id: str, value: Node) -> None:
    word = _first(value.get("choices"))
    if word.text() not in ("wrong", "right"):
        word.refuse(f"is {word.text()[:40]!r}, wanted wrong or right")
    sheet.step(step_id).verdict = word.text() == "wrong"


def _note(sheet: SheetDraft, step_id: str, value: Node) -> None:
    sheet.step(step_id).note = _lines(value)


def _reason(sheet: SheetDraft, step_id: str, value: Node) -> None:
    sheet.step(step_id).reason = _lines(value)


_READERS = {
    "points": _points, "status": _status, "deductions": _deductions, "void": _void, "verdict": _verdict, "note": _note,
    "reason": _reason,
}  # fmt: skip
"""What each control of the labelling configuration says about a step."""


def _lines(value: Node) -> str:
    text = value.get("text")
    return text.text() if isinstance(text.value, str) else "\n".join(node.text() for node in text.items())


def _first(node: Node) -> Node:
    if isinstance(node.value, str):
        return node
    found = node.items()
    if not found:
        node.refuse("is empty")
    return found[0]
