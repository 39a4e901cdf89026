"""Every text a reader sees exists in both languages."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import string

import pytest

from siming import report as room
from siming.report.column import COLUMNS, MAIN_METRICS, SETTINGS
from siming.report.texts import find_text, load_texts, reason_in, text

ENGLISH, CHINESE = load_texts("en"), load_texts("zh")
MODULES = [module.name for module in pkgutil.walk_packages(room.__path__, "siming.report.")]


def fields_of(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_each_english_text_has_a_chinese_twin_and_the_other_way_round():
    assert set(ENGLISH) == set(CHINESE)


@pytest.mark.parametrize("key", sorted(ENGLISH))
def test_both_languages_are_given_the_same_facts(key):
    assert fields_of(ENGLISH[key]) == fields_of(CHINESE[key])


def test_a_chinese_text_is_chinese_unless_it_is_a_name():
    names = re.compile(r"metric\.|baseline\.|how\.|compare\.p$|method\.made_by$|map\.")
    latin = [k for k, v in CHINESE.items() if not names.match(k) and not re.search(r"[\u4e00-\u9fff（）]", v)]
    assert latin == []


def test_every_column_and_setting_has_its_words():
    for column in COLUMNS:
        for prefix in ("metric", "metric.brief", "metric.help"):
            assert find_text(f"{prefix}.{column.key}", "en"), column.key
    for setting in SETTINGS:
        for prefix in ("setting", "setting.short", "setting.about"):
            assert find_text(f"{prefix}.{setting}", "zh"), setting
    assert set(MAIN_METRICS) <= {column.key for column in COLUMNS}


def test_fields_are_filled_in():
    assert text("attempt.title", "zh", id="A-001") == "考试记录 A-001"


def test_a_reason_of_the_statistics_is_read_in_chinese_with_its_numbers_in_the_right_place():
    assert reason_in("zh", "3 clusters are fewer than 5") == "3段视频，少于5段"
    assert reason_in("zh", "undefined when 2 of the 24 clusters is left out alone") == "24段视频中有2段单独剔除后无定义"


def test_a_reason_inside_a_reason_is_read_in_chinese_too():
    nested = "undefined on the cells that were answered (no step was called wrong)"
    assert reason_in("zh", nested) == "在已回答的单元格上无定义（没有步骤被判为做错）"
    assert reason_in("zh", "cannot judge (reference)") == "参考：无法评判"


def test_a_reason_nobody_has_translated_is_shown_in_english_rather_than_not_at_all():
    assert reason_in("zh", "the moon was full") == "the moon was full"


@pytest.mark.parametrize("phrase", ["substantial", "moderate agreement", "excellent", "almost perfect"])
def test_no_word_grades_a_coefficient(phrase):
    assert not [key for key, words in ENGLISH.items() if phrase in words.lower()]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_hold(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
