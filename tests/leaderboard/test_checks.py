"""What the numbers of a board say about each other."""

from __future__ import annotations

import pytest

from siming.bench.medvid.columns import COLUMNS
from siming.errors import DatasetError
from siming.leaderboard import check_rows, published_rows, read_table

PUBLISHED = {row.name: row.values for row in published_rows()}


def found(check, table, **options):
    return [finding for finding in check_rows(table, **options) if finding.check == check]


def row(**values):
    table = dict.fromkeys(COLUMNS, 0.5) | dict.fromkeys(("DVC_llm", "VS_llm", "RC_llm"), 3.0)
    return {"x": table | {name.replace("_at_", "@0."): value for name, value in values.items()}}


def test_the_published_table_has_one_pair_of_cells_that_cannot_both_be_right():
    impossible = [finding for finding in check_rows(PUBLISHED) if finding.meaning == "impossible"]
    assert [finding.rows for finding in impossible] == [("Qwen2.5VL-7B",)]
    assert impossible[0].numbers == {"at03": 0.006, "at05": 0.068, "least": 0.0204}
    assert ".068" in impossible[0].text["en"]
    assert "不可能都对" in impossible[0].text["zh"]


@pytest.mark.parametrize(("at05", "meaning"), [(0.99, "doubtful"), (0.31, "doubtful"), (0.29, None)])
def test_more_at_the_higher_threshold_is_possible_up_to_its_bound(at05, meaning):
    # 0.3 at IoU 0.3 allows up to 0.3 / 0.3 = 1 at 0.5
    findings = [f for f in check_rows(row(**{"TAG_mIoU@0.3": 0.3, "TAG_mIoU@0.5": at05})) if "threshold" in f.check]
    assert [finding.meaning for finding in findings] == ([meaning] if meaning else [])


def test_rounding_alone_makes_nothing_impossible():
    # 0.0034 / 0.3 = 0.0113: printed as 0.003 and 0.011, which looks like 3.67 times
    assert not found("threshold_impossible", row(**{"TAG_mIoU@0.3": 0.003, "TAG_mIoU@0.5": 0.011}))
    assert found("threshold_impossible", row(**{"TAG_mIoU@0.3": 0.003, "TAG_mIoU@0.5": 0.015}))


def test_small_skill_values_are_recognised_as_counts_with_unread_answers_wrong():
    counts = {finding.rows[0]: finding.numbers["k"] for finding in found("unread_wrong", PUBLISHED)}
    assert counts == {"Qwen2.5VL-7B": 10, "Qwen3VL-4B": 6, "VideoChat-R1.5-7B": 6}  # of 160 rows with 6 aspects


def test_a_critical_view_below_chance_is_told():
    names = {finding.rows[0] for finding in found("below_chance", PUBLISHED)}
    assert names == {"GPT-5.4", "Gemini-3.1-flash-lite", "GPT-4.1", "Qwen2.5VL-7B", "Gemini-2.5-Flash"}


def test_a_share_that_no_count_gives_is_told():
    # 167 / 670 = 0.2493 and 168 / 670 = 0.2507: nothing rounds to 0.250
    assert [finding.rows[0] for finding in found("count", PUBLISHED)] == ["GPT-4.1"]
    assert not found("count", row(NAP_acc=0.251))


def test_values_off_their_scale_cannot_be():
    assert found("outside", row(CVS_acc=1.2))[0].meaning == "impossible"
    assert found("outside", row(RC_llm=0.4))
    assert not found("outside", row(DVC_llm=0.4))  # sources without one matched event count 0


def test_a_judged_zero_is_a_missing_value():
    assert found("judged_zero", row(VS_llm=0.0))
    assert found("missing", {"x": {**row()["x"], "VS_llm": None}})


def test_two_rows_with_the_same_ten_values_are_told():
    assert found("twins", {"a": row()["x"], "b": row()["x"]})[0].rows == ("a", "b")


def test_a_table_is_read_with_its_short_heads_and_dashes(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("Model;CVS;.3;.5;VS\nOurs;0.9;0.4;–;4.1\n", encoding="utf-8")
    assert read_table(path) == {"Ours": {"CVS_acc": 0.9, "TAG_mIoU@0.3": 0.4, "TAG_mIoU@0.5": None, "VS_llm": 4.1}}


def test_all_cells_at_fault_are_told_at_once(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("name,CVS,SA\na,high,0.1\n,0.2,0.3\na,0.2,nan\n", encoding="utf-8")
    with pytest.raises(DatasetError) as caught:
        read_table(path)
    assert all(
        part in str(caught.value) for part in ("'high'", "row 2 has no name", "'a' stands in the table twice", "'nan'")
    )


def test_json_with_values_is_read_too(tmp_path):
    path = tmp_path / "table.json"
    path.write_text('{"rows": [{"name": "a", "values": {"CVS_acc": 0.5, "VS_llm": null}}]}', encoding="utf-8")
    assert read_table(path) == {"a": {"CVS_acc": 0.5, "VS_llm": None}}
