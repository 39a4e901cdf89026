"""The labelling configuration of a Label Studio project in which one rubric is rated."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree.ElementTree import Element, SubElement

from siming.exchange.escape import without_controls
from siming.exchange.plain_xml import xml_bytes
from siming.exchange.texts import texts
from siming.rubric import Language, Rubric, Step


def labelling_config(rubric: Rubric, language: Language) -> bytes:
    """The configuration, to be pasted into the project's settings.

    The player of the video and its sound track run together: Label Studio labels time in seconds on sound only.
    """
    words: Mapping[str, str] = texts(language)["labelling"]
    view = Element("View")
    _add(view, "Header", value=f"{rubric.title_in(language)} ({rubric.id} {rubric.version})")
    _add(view, "Video", name="video", value="$video", sync="audio")
    evidence = _add(view, "Labels", name="evidence", toName="audio", choice="multiple")
    for step in rubric.steps:
        _add(evidence, "Label", value=step.id, hint=step.title_in(language))
    _add(view, "Audio", name="audio", value="$video", sync="video")
    for step in rubric.steps:
        _step(view, step, words, language)
    _add(view, "Header", value=words["global_rating"])
    _add(view, "Number", name="global_rating", toName="video")
    _add(view, "TextArea", name="author", toName="video", maxSubmissions="1", placeholder=words["author"])
    return xml_bytes(view)


def _step(view: Element, step: Step, words: Mapping[str, str], language: Language) -> None:
    name = step.id
    _add(view, "Header", value=f"{name} {step.title_in(language)}", size="5")
    _add(view, "Number", name=f"points__{name}", toName="video", min="0", max=f"{step.max_points:g}", step="0.5")
    status = _add(view, "Choices", name=f"status__{name}", toName="video", choice="single", showInline="true")
    for word in ("cannot_judge", "not_applicable"):
        _add(status, "Choice", value=word, hint=words[word])
    if step.deductions:
        taken = _add(view, "Choices", name=f"deductions__{name}", toName="video", choice="multiple")
        for deduction in step.deductions:
            hint = deduction.when_zh if language == "zh" and deduction.when_zh else deduction.when
            _add(taken, "Choice", value=deduction.id, hint=hint)
    void = _add(view, "Choices", name=f"void__{name}", toName="video", choice="multiple", showInline="true")
    _add(void, "Choice", value="void", hint=words["void"])
    verdict = _add(view, "Choices", name=f"verdict__{name}", toName="video", choice="single", showInline="true")
    for word in ("right", "wrong"):
        _add(verdict, "Choice", value=word, hint=words[word])
    for field in ("note", "reason"):
        _add(
            view, "TextArea", name=f"{field}__{name}", toName="video", maxSubmissions="1", rows="2",
            placeholder=words[field],
        )  # fmt: skip


def _add(parent: Element, tag: str, **attributes: str) -> Element:
    return SubElement(parent, tag, {key: without_controls(value) for key, value in attributes.items()})
