"""The four settings and their names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from siming.bench.clinical import SETTINGS, get_setting
from siming.bench.clinical.value import Cause
from siming.errors import TaskError


def test_there_are_four_settings_two_scopes_times_two_questions():
    assert [(s.name, s.scope, s.asks) for s in SETTINGS] == [
        ("full-points", "full", "points"),
        ("full-errors", "full", "errors"),
        ("clip-points", "clip", "points"),
        ("clip-errors", "clip", "errors"),
    ]


@pytest.mark.parametrize("slip", ["full-ponits", "clip_errors", "FULL-ERRORS", "clip", "", "step clip scoring", "评分"])
def test_the_mend_offered_for_an_unknown_setting_is_accepted(slip):
    with pytest.raises(TaskError) as caught:
        get_setting(slip)
    advice = re.search(r"did you mean '(.+?)'", str(caught.value))[1]
    assert get_setting(advice).name == advice


def test_a_slip_of_the_keyboard_is_offered_the_setting_that_was_meant():
    with pytest.raises(TaskError, match="did you mean 'clip-errors'"):
        get_setting("clip_erors")


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_has_a_title_in_both_languages(setting):
    assert setting.title_in("en").isascii()
    assert not setting.title_in("zh").isascii()


PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "settings.md"


def test_the_page_on_settings_names_every_setting_and_every_cause_and_its_example_runs(capsys):
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_-]+)`", text))
    assert {setting.name for setting in SETTINGS} | set(get_args(Cause)) <= named
    (example,) = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
    exec(example, {})
    assert capsys.readouterr().out.startswith("[('aed01', 8.0, None), ('aed02', None, 'the reply gives")
