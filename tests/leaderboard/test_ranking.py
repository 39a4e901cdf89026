"""Three rules of order, and where they part."""

from __future__ import annotations

import pytest

from siming.bench.medvid.columns import COLUMNS
from siming.errors import TaskError
from siming.leaderboard import RULES, published_rows, rank_rows

OFFICIAL = {row.name: row.values for row in published_rows() if row.source == "official"}


def names(table, **options):
    return [place.name for place in rank_rows(table, **options)]


def row(**values):
    """Ten columns; 0.5 where nothing is said."""
    return {name: values.get(name, 0.5) for name in COLUMNS}


def test_eighteen_rows_were_published_and_each_names_its_source_and_ten_values():
    rows = published_rows()
    assert len(rows) == 18
    assert [row.source for row in rows].count("official") == 14
    assert all(list(row.values) == list(COLUMNS) for row in rows)
    assert all(row.date == "2026-04-15" for row in rows if row.source == "official")
    assert OFFICIAL["GPT-5.4"]["VS_llm"] == 3.976
    assert OFFICIAL["Qwen2.5VL-7B"]["TAG_mIoU@0.5"] == 0.068


def test_on_the_official_table_the_current_rule_puts_the_small_sft_model_third_and_gpt_sixth():
    order = names(OFFICIAL)
    assert order.index("Qwen3VL-4B-SFT") == 2
    assert order.index("GPT-5.4") == 5


def test_the_page_of_april_2026_stood_in_order_of_cvs():
    assert names(OFFICIAL, rule="cvs")[:5] == list(OFFICIAL)[:5]


def test_the_three_rules_do_not_agree():
    assert len({tuple(names(OFFICIAL, rule=rule)) for rule in RULES}) == 3


def test_equal_values_share_a_rank_and_the_next_one_follows_without_a_gap():
    table = {"a": row(CVS_acc=0.9), "b": row(CVS_acc=0.9), "c": row(CVS_acc=0.1)}
    assert {place.name: place.ranks["CVS_acc"] for place in rank_rows(table)} == {"a": 1, "b": 1, "c": 2}


def test_equal_mean_ranks_go_to_the_row_with_more_first_places():
    # ranks: a 1, 1, 4; b 2, 2, 2: both sum to 6, and a leads twice
    table = {
        "b": row(CVS_acc=0.8, NAP_acc=0.8, SA_acc=0.8),
        "a": row(CVS_acc=0.9, NAP_acc=0.9, SA_acc=0.6),
        "c": row(CVS_acc=0.7, NAP_acc=0.7, SA_acc=0.9),
        "d": row(CVS_acc=0.6, NAP_acc=0.6, SA_acc=0.7),
    }
    places = rank_rows(table)
    assert [place.name for place in places[:2]] == ["a", "b"]
    assert places[0].score == places[1].score == pytest.approx((6 + 7) / 10)


def test_then_to_the_larger_sum_of_value_over_the_columns_highest_and_then_to_the_name():
    table = {"b": row(CVS_acc=0.9, NAP_acc=0.1), "a": row(CVS_acc=0.8, NAP_acc=0.9)}
    assert names(table) == ["a", "b"]  # one first place each; shares 0.8/0.9 + 1 against 1 + 0.1/0.9
    assert names({"b": row(), "a": row()}) == ["a", "b"]


def test_a_missing_value_is_last_and_takes_part_as_zero_only_where_that_is_asked_for():
    table = {"a": {**row(), "VS_llm": None}, "b": row(VS_llm=0.0)}
    ranks = {place.name: place.ranks["VS_llm"] for place in rank_rows(table)}
    assert ranks == {"a": 2, "b": 1}
    as_zero = {place.name: place.ranks["VS_llm"] for place in rank_rows(table, missing_as_zero=True)}
    assert as_zero == {"a": 1, "b": 1}


def test_grades_of_the_judge_are_brought_to_the_scale_of_the_others():
    table = {"a": dict.fromkeys(COLUMNS, 0.5) | dict.fromkeys(("DVC_llm", "VS_llm", "RC_llm"), 3.0)}
    assert rank_rows(table, rule="normalised")[0].score == pytest.approx(0.5)


def test_an_unknown_rule_is_refused():
    with pytest.raises(TaskError, match="current, normalised, cvs"):
        rank_rows({}, rule="best")
