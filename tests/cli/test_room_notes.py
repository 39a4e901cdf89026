"""What the demo room's people write: in their own language, from the rubric's own words."""

from __future__ import annotations

import re

import pytest

from siming.cli.room_notes import blank_reason, not_to_be_seen, note_of, other_points
from siming.cli.room_story import LANGUAGE_OF
from siming.rubric import Entry, builtin_rubric, builtin_rubric_ids

LATIN = re.compile(r"[A-Za-z]{2,}")
NAMES = re.compile(r"AED|CPR|E-C")


def rubric_of_bags():
    """The built-in rubric of bag and mask."""
    return builtin_rubric(next(name for name in builtin_rubric_ids() if name.startswith("bmv")))


def test_some_people_of_the_demo_write_chinese_and_some_english():
    assert set(LANGUAGE_OF.values()) == {"en", "zh"}
    assert (LANGUAGE_OF["wei"], LANGUAGE_OF["okafor"]) == ("zh", "en")


def test_a_note_names_the_deductions_in_the_raters_language():
    rubric = rubric_of_bags()
    step = rubric.get_step("bmv03")
    entry = Entry(points=14, deductions=("d1", "d2"), note="mask_sealed was missing")
    assert note_of(entry, step, rubric, "zh") == "面罩放置偏斜，随后纠正；一次通气漏气；此前未做到：面罩密闭"
    assert note_of(entry, step, rubric, "en").startswith("mask placed askew and corrected; leak with one breath; ")


@pytest.mark.parametrize("name", builtin_rubric_ids())
def test_no_note_of_a_chinese_rater_holds_a_code_or_english(name):
    rubric = builtin_rubric(name)
    for step in rubric.steps:
        refs = [
            *rubric.states_by_id,
            *(rule.id for rule in rubric.rules),
            *(f"{step.id}.{d.id}" for d in step.deductions),
        ]
        remarks = "; ".join(["not done", *refs, *(f"{state} was missing" for state in rubric.states_by_id)])
        for deductions in ((), tuple(d.id for d in step.deductions)):
            note = note_of(Entry(points=0, deductions=deductions, note=remarks), step, rubric, "zh")
            assert not LATIN.search(NAMES.sub("", note)), note
    assert note_of(Entry(points=0, note="not done"), rubric.steps[0], rubric, "zh") == "未执行"
    assert note_of(Entry(points=0), rubric.steps[0], rubric, "zh") == "与评分标准要求不符"


def test_a_blank_step_has_one_of_the_reasons_of_the_page():
    pytest.importorskip("sqlalchemy", reason="needs the web extra: pip install 'siming[web]'")
    assert blank_reason(Entry(status="cannot_judge", reason="the hands were hidden from the camera")) == "hidden"
    assert blank_reason(Entry(status="cannot_judge", reason="no_sound")) == "no_sound"


def test_the_adjudicators_reasons_are_chinese_too():
    assert not LATIN.search(other_points("zh") + not_to_be_seen("zh"))
