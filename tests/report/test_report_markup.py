"""What a model writes can change neither the page nor the order of its text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_reader import read
from sample_report import HOSTILE

from siming.report.markup import Html, html, join, plain, tag


@given(st.text())
def test_any_text_comes_out_as_the_same_text_and_nothing_else(words):
    seen = read(tag("p", words))
    assert seen.tags == ["p"]
    assert seen.words == plain(words)


@given(st.text())
def test_any_text_stays_inside_its_attribute(words):
    seen = read(tag("p", title=words))
    assert seen.attributes == [("title", plain(words))]


def test_a_hostile_reply_is_only_text():
    seen = read(tag("pre", HOSTILE))
    assert seen.tags == ["pre"]
    assert "<script>window.hacked = 1</script>" in seen.words


@pytest.mark.parametrize("mark", [0x00, 0x1B, 0x200B, 0x200F, 0x202E, 0x2028, 0x2066, 0xFEFF, 0xD800])
def test_invisible_characters_are_shown_by_their_code(mark):
    assert plain(f"a{chr(mark)}b") == f"a⟨U+{mark:04X}⟩b"


def test_line_ends_and_chinese_stay_as_they_are():
    assert plain("第一行\r\n\t第二行") == "第一行\n\t第二行"


def test_markup_built_here_is_not_escaped_twice():
    assert join([tag("b", "<"), " & "]) == "<b>&lt;</b> &amp; "
    assert html(Html("<hr>")) == "<hr>"


def test_attributes_that_are_off_are_left_out():
    assert tag("details", "x", open=True, class_=None, hidden=False) == "<details open>x</details>"
