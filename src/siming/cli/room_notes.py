"""What the simulated people of the demo room write, each in his own language: from the rubric's words and a few others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from siming.rubric import Entry, Language, Rubric, Step

_WAS_MISSING = " was missing"
_WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "joint": "; ",
        "not_done": "not done",
        "missing": "came too early or was left out before: {what}",
        "otherwise": "not as the rubric asks",
        "other_points": "By the video, neither rater's points are right.",
        "not_to_be_seen": "The step cannot be seen in the video.",
    },
    "zh": {
        "joint": "；",
        "not_done": "未执行",
        "missing": "此前未做到：{what}",
        "otherwise": "与评分标准要求不符",
        "other_points": "以视频所见为准，两位评分者的给分都不对。",
        "not_to_be_seen": "视频中看不到这一步骤。",
    },
}


def note_of(entry: Entry, step: Step, rubric: Rubric, language: Language) -> str:
    """Why a physician took points off: the deductions that he ticked, then what his simulated self remarked."""
    say = _WORDS[language]
    ticked = [found for name in entry.deductions if (found := step.find_deduction(name)) is not None]
    said = [(found.when_zh if language == "zh" else None) or found.when for found in ticked]
    for remark in (entry.note or "").split("; "):
        if remark == "not done":
            said += [] if ticked else [say["not_done"]]  # the deduction says in which way
        elif remark:
            what = _named(remark.removesuffix(_WAS_MISSING), step, rubric, language)
            said.append(say["missing"].format(what=what) if remark.endswith(_WAS_MISSING) else what)
    return say["joint"].join(dict.fromkeys(said)) or say["otherwise"]


def _named(ref: str, step: Step, rubric: Rubric, language: Language) -> str:
    """A state, a rule or a deduction by its title; the simulator speaks of them by id."""
    name = ref.rpartition(".")[2]
    state = rubric.states_by_id.get(name)
    if state is not None:
        return state.title_zh if language == "zh" else state.text
    rule = next((rule for rule in rubric.rules if rule.id == name), None)
    if rule is not None:
        return rule.title_in(language)
    found = step.find_deduction(name)
    return name if found is None else (found.when_zh if language == "zh" else None) or found.when


def blank_reason(entry: Entry) -> str:
    """Why a step was left blank, as one of the reasons that the rating page offers."""
    from siming.store.blind.draft import BLANK_REASONS

    codes = {code for _, code in BLANK_REASONS}
    return entry.reason if entry.reason in codes else "hidden"


def other_points(language: Language) -> str:
    """An adjudicator's reason for points that neither rater gave."""
    return _WORDS[language]["other_points"]


def not_to_be_seen(language: Language) -> str:
    """An adjudicator's reason for leaving a step without points."""
    return _WORDS[language]["not_to_be_seen"]
