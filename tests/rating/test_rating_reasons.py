"""What the statistics say in English is said in Chinese to a Chinese reader, in tables, sentences and notes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from siming.rating.agreement_report import agreement_report
from siming.rating.effects import rater_effects
from siming.rating.gstudy import generalizability
from siming.rating.source import load_ratings
from siming.rating.spreadsheet.note import told_in
from siming.rating.steps import steps_report
from siming.rating.texts import reason_in, reason_patterns

ENGLISH = re.compile(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")
"""Three words of English in a row; names such as Brennan-Prediger and QWK are none."""

TABLES = {
    "two attempts": "video,rater,s1,s2\nv1,A,5,3\nv1,B,4,3\nv2,A,2,1\nv2,B,3,3\n",
    "full marks": "video,rater,s1,s2,s3\n" + "".join(f"v{i},{r},9,9,9\n" for i in range(8) for r in "AB"),
    "one constant rater": "video,rater,s1,s2,s3\n"
    + "".join(f"v{i},A,{i % 10},{(i * 7) % 10},{(i * 3) % 10}\nv{i},B,9,9,9\n" for i in range(12)),
    "two unlinked pairs": "video,rater,s1,s2\n"
    + "".join(f"v{i},{r},{(i * 3 + j) % 10},{(i * 7 + j) % 10}\n" for i in range(16) for j, r in enumerate("AB" if i < 8 else "CD")),
}  # fmt: skip


def said(found: Any) -> Iterator[str]:
    """Every reason, method and note in plain values."""
    if isinstance(found, dict):
        for key, value in found.items():
            if key in ("reason", "interval_reason", "interval_method", "groups_reason") and isinstance(value, str):
                yield value
            elif key == "notes" and "notes_zh" not in found:
                yield from value
            else:
                yield from said(value)
    elif isinstance(found, list):
        for value in found:
            yield from said(value)


def chinese(found: Any) -> Iterator[str]:
    """Every Chinese sentence in plain values."""
    if isinstance(found, dict):
        for key, value in found.items():
            if key in ("zh", "notes_zh"):
                yield from ([value] if isinstance(value, str) else value)
            else:
                yield from chinese(value)
    elif isinstance(found, list):
        for value in found:
            yield from chinese(value)


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_nothing_said_of_poor_data_stays_in_english(table, tmp_path):
    path = tmp_path / "marks.csv"
    path.write_text(table, encoding="utf-8")
    source = load_ratings(path, max_points=9)
    reports = [
        agreement_report(source.dataset, replicates=100, notes=source.notes),
        rater_effects(source.dataset, notes=source.notes),
        generalizability(source.dataset, design="p x i x r"),
        steps_report(source.dataset, notes=source.notes),
    ]
    for report in reports:
        plain = report.to_plain()
        english = {each: told_in("zh", each) for each in said(plain) if ENGLISH.search(told_in("zh", each))}
        assert not english
        assert not [each for each in chinese(plain) if ENGLISH.search(each)]


def test_every_row_of_the_table_is_an_expression_whose_parts_its_chinese_names():
    for pattern, translation in reason_patterns():
        numbers = {int(number) for number in re.findall(r"\\(\d)", translation)}
        assert numbers <= set(range(1, pattern.groups + 1)), pattern.pattern
        assert re.search(r"[一-鿿]", translation) or numbers, pattern.pattern


def test_a_reason_that_holds_reasons_is_chinese_throughout():
    blank = "no pairs: every cell lacks a rater's value"
    assert reason_in("zh", f"no model can be redrawn: a: {blank}; b: {blank}") == (
        "没有模型可以重抽样：a：没有配对：每个单元格都缺少一方的评分；b：没有配对：每个单元格都缺少一方的评分"
    )
    assert reason_in("zh", "no attempt has a 'site'") == "没有考试记录注明考点"
    assert reason_in("en", blank) == blank
