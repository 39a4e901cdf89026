"""Marks from the spreadsheets of exam offices: read right, or refused with the cell and a mend that works."""

from __future__ import annotations

import datetime
import re
import sys
import textwrap
import zipfile
from pathlib import Path

import numpy as np
import pytest

from siming.errors import LabelError, MissingExtraError, SheetError
from siming.metrics import bland_altman, quadratic_weighted_kappa
from siming.rating.spreadsheet import TOTAL, read_marks
from siming.rubric import builtin_rubric, check_sheet, label_of_points

CPR = builtin_rubric("cpr-adult-single")
AED = builtin_rubric("aed-adult")
BMV = builtin_rubric("bmv-adult")


@pytest.fixture
def csv(tmp_path):
    def write(text, encoding="utf-8", name="marks.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return write


@pytest.fixture
def xlsx(tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="the extra 'xlsx' is not installed")

    def write(rows, merged=(), formats=None, sheets=None):
        book = openpyxl.Workbook()
        page = book.active
        for row in rows:
            page.append(row)
        for area in merged:
            page.merge_cells(area)
        for cell, shown_as in (formats or {}).items():
            page[cell].number_format = shown_as
        for title, content in (sheets or {}).items():
            other = book.create_sheet(title)
            for row in content:
                other.append(row)
        path = tmp_path / "marks.xlsx"
        book.save(path)
        return path

    return write


def cells(marks):
    """(attempt, rater, step) to its value, or to the reason why there is none."""
    arrays = (marks.attempt, marks.rater, marks.step, marks.value, marks.missing)
    rows = zip(*(array.tolist() for array in arrays), strict=True)
    return {(attempt, rater, step): why or value for attempt, rater, step, value, why in rows}


def refused(path, error=(SheetError, LabelError), **options):
    with pytest.raises(error) as caught:
        read_marks(path, **options)
    return str(caught.value)


LONG = "考生,评委,步骤,得分\n甲01,魏,洗手,3\n甲01,魏,戴手套,2\n甲01,林,洗手,2.5\n甲01,林,戴手套,2\n"
LONG_CELLS = {
    ("甲01", "魏", "洗手"): 3,
    ("甲01", "魏", "戴手套"): 2,
    ("甲01", "林", "洗手"): 2.5,
    ("甲01", "林", "戴手套"): 2,
}
WIDE = "attempt,rater,s1,s2\nA,Wei,3,2\nA,Okafor,2,1\nB,Wei,1,2\nB,Okafor,1,2\n"


# Encodings and delimiters


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8 with a byte-order mark"),
        ("utf-16", "UTF-16 with a byte-order mark"),
        ("utf-16-le", "UTF-16 (little end first), without a byte-order mark"),
        ("utf-16-be", "UTF-16 (big end first), without a byte-order mark"),
        ("gbk", "GB18030 (GBK)"),
        ("gb18030", "GB18030 (GBK)"),
    ],
)
def test_every_usual_encoding_gives_the_same_marks_and_is_said(csv, encoding, said):
    marks = read_marks(csv(LONG, encoding))
    assert cells(marks) == LONG_CELLS
    assert marks.notes[0].startswith(f"encoding: {said}")


@pytest.mark.parametrize(("delimiter", "said"), [(",", "comma"), (";", "semicolon"), ("\t", "tab")])
def test_the_delimiter_is_found_and_said(csv, delimiter, said):
    marks = read_marks(csv(LONG.replace(",", delimiter)))
    assert cells(marks) == LONG_CELLS
    assert f"delimiter: {said}" in marks.notes


def test_decimal_commas_do_not_win_over_semicolons(csv):
    marks = read_marks(csv("attempt;rater;s1;s2\nA;Wei;2,5;1,5\nA;Okafor;2,0;1,25\nB;Wei;0,125;1,0\n"))
    assert marks.value.tolist() == [2.5, 1.5, 2.0, 1.25, 0.125, 1.0]


def test_excels_own_hint_at_the_delimiter_is_followed_and_lines_are_still_counted_from_the_top(csv):
    assert read_marks(csv("sep=;\nattempt;rater;s1\nA;Wei;2,5\n")).value.tolist() == [2.5]
    assert "line 3 column s1" in refused(csv("sep=;\nattempt;rater;s1\nA;Wei;x\n"))


@pytest.mark.parametrize("line_end", ["\r\n", "\r", "\n"])
def test_line_ends_of_every_system_are_read(csv, line_end):
    assert cells(read_marks(csv(LONG.replace("\n", line_end)))) == LONG_CELLS


def test_lines_are_counted_as_an_editor_does_even_after_a_line_break_in_quotes(csv):
    text = 'attempt,rater,s1,remark\nA,Wei,3,"two\nlines"\n\nB,Wei,x,\n'
    assert "line 5 column s1: found 'x'" in refused(csv(text))


def test_bytes_that_are_no_known_encoding_are_refused_with_the_byte(csv):
    raw = b"attempt,rater,s1\nA,Zo\xeb,3\n"  # cp1252
    message = refused(csv(raw), SheetError)
    assert "byte 21 is 0xEB, line 2" in message
    encoding = re.search(r"encoding='(\w+)'", message)[1]
    assert read_marks(csv(raw), encoding=encoding).raters == ("Zoë",)


def test_western_bytes_that_happen_to_be_gb18030_are_not_taken_for_chinese(csv):
    raw = "attempt,rater,s1\nA,Müller,3\n".encode("cp1252")
    assert raw.decode("gb18030")  # it decodes: no proof
    message = refused(csv(raw), SheetError)
    assert "in doubt" in message
    assert read_marks(csv(raw), encoding=re.search(r"'(cp1252)'", message)[1]).raters == ("Müller",)


def test_traditional_chinese_in_big5_is_not_read_as_gibberish(csv):
    text = "考生編號,評審員,步驟,得分\n王小明,陳醫師,檢查環境,3\n"
    message = refused(csv(text, "big5"), SheetError)
    assert re.search(r"encoding='gb18030' .* 'big5'", message)
    columns = {"attempt": "考生編號", "rater": "評審員", "step": "步驟"}
    assert read_marks(csv(text, "big5"), encoding="big5", columns=columns).raters == ("陳醫師",)


def test_a_rare_character_in_a_name_does_not_make_gbk_doubtful(csv):
    assert read_marks(csv(LONG.replace("魏", "魏喆堃"), "gbk")).raters == ("魏喆堃", "林")


def test_bytes_that_are_words_in_two_encodings_are_refused_until_the_caller_says_which(csv):
    raw = "attempt,rater,s1\nA,魏,3\n".encode("gbk")
    assert raw.decode("utf-8").endswith("A,κ,3\n")  # valid in both
    message = refused(csv(raw), SheetError)
    assert "the bytes from 19 on (byte 19 is 0xCE, line 2) are 'κ' in UTF-8 and '魏' in GB18030" in message
    readings = [read_marks(csv(raw), encoding=name).raters for name in re.findall(r"encoding='([\w-]+)'", message)]
    assert readings == [("κ",), ("魏",)]


def test_an_accent_inside_a_latin_name_leaves_no_doubt(csv):
    assert read_marks(csv("attempt,rater,s1\nA,José,3\n")).raters == ("José",)


def test_a_damaged_file_with_a_byte_order_mark_is_refused_with_the_byte(csv):
    raw = LONG.encode("utf-8-sig")
    assert f"byte {len(raw)} is 0xFF, line 6" in refused(csv(raw + b"\xff\n"), SheetError)
    raw = LONG.encode("utf-16")
    assert f"byte {len(raw)} is 0x00, line 6" in refused(csv(raw + b"\x00\xd8"), SheetError)


def test_an_encoding_that_the_caller_gives_is_held_to(csv):
    assert "is not utf-8: byte" in refused(csv(LONG, "gbk"), SheetError, encoding="utf-8")
    assert "'gb18030'" in refused(csv(LONG), SheetError, encoding="klingon")
    assert cells(read_marks(csv(LONG, "gbk"), encoding="gb18030")) == LONG_CELLS


def test_characters_lost_in_an_earlier_conversion_are_refused_by_cell(csv):
    assert "line 2 column 评委: found 'W\ufffdi', characters lost" in refused(csv("考生,评委,得分\nA,W\ufffdi,3\n"))


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"", "is empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(50), "old Excel workbook"),
        (b"%PDF-1.7", "is a PDF"),
        (b"<html><table></table></html>", "is a web page"),
        (b"PK\x03\x04 broken", "damaged"),
        (b"\x00\x01\x02\x03\x00\x00", "not a text file"),
        ("考生，评委，得分\nA，魏，3\n".encode(), "full-width"),
        (b"attempt\nA\nB\n", "one column only"),
        (b'attempt,rater,s1\nA,"Wei"x,3\n', "line 2: quotes are broken"),
        (b'attempt,rater,s1\nA,"Wei,3\n', "line 2: quotes are broken"),
    ],
)
def test_what_is_no_table_is_refused_for_what_it_is(csv, raw, what):
    assert what in refused(csv(raw), SheetError)


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path):
    assert "there is no such file" in refused(tmp_path / "none.csv", SheetError)
    assert "cannot be read" in refused(tmp_path, SheetError)


# Shapes


def test_a_long_table_is_read_with_its_maxima(csv):
    text = "学号,考官,项目,满分,分数,备注\n007,Wei,洗手,3,2,\n007,Okafor,洗手,3,3,\n"
    marks = read_marks(csv(text))
    assert cells(marks) == {("007", "Wei", "洗手"): 2, ("007", "Okafor", "洗手"): 3}
    assert marks.max_points == {"洗手": 3}
    assert any(note.startswith("shape: long") for note in marks.notes)


def test_a_wide_table_is_read(csv):
    marks = read_marks(csv(WIDE))
    assert cells(marks)["A", "Okafor", "s2"] == 1
    assert (marks.attempts, marks.raters, marks.steps) == (("A", "B"), ("Wei", "Okafor"), ("s1", "s2"))
    assert any(note.startswith("shape: wide") for note in marks.notes)


def test_one_rater_may_fill_a_table_that_does_not_name_him(csv):
    path = csv("attempt,s1,s2\nA,3,2\n")
    message = refused(path, SheetError)
    assert "nothing names the raters" in message
    assert "rater='NAME'" in message
    assert cells(read_marks(path, rater="Wei")) == {("A", "Wei", "s1"): 3, ("A", "Wei", "s2"): 2}


def test_two_rows_of_headings_in_csv_are_filled_forward(csv):
    text = "考生,评委,CPR,,AED,,总分\n,,步骤1,步骤2,步骤1,步骤2,\nA,魏,3,4,8,9,24\nA,林,3,2,8,9,22\n"
    marks = read_marks(csv(text), rubric=[CPR, AED])
    assert marks.steps == ("cpr01", "cpr02", "aed01", "aed02")
    assert cells(marks)["A", "林", "cpr02"] == 2
    assert "two rows of headings: line 1 above line 2" in marks.notes
    without = read_marks(csv(text))
    assert without.steps == ("CPR 步骤1", "CPR 步骤2", "AED 步骤1", "AED 步骤2")


def test_the_second_row_of_headings_may_call_the_attempts_by_another_word(csv):
    text = "考生,王老师,,李老师,\n姓名,评估,按压,评估,按压\n满分,5,5,5,5\n甲,3,4,2,5\n乙,缺考,缺考,缺考,缺考\n"
    marks = read_marks(csv(text), raters=["王老师", "李老师"])
    assert marks.steps == ("评估", "按压")
    assert cells(marks)["甲", "李老师", "按压"] == 5
    assert marks.max_points == {"评估": 5, "按压": 5}


def test_a_column_of_overall_grades_is_no_step(csv):
    marks = read_marks(csv("考生,评委,总评,步骤甲,步骤乙\nA,魏,4,3,4\nA,林,2,3,2\n"))
    assert marks.steps == ("步骤甲", "步骤乙")
    assert marks.details.global_rating == {("A", "魏"): 4, ("A", "林"): 2}


def test_a_merged_heading_above_the_row_that_names_attempts_is_read_too(csv):
    text = "春季技能考核,,,\n,,CPR,\n考生,评委,步骤1,步骤2\nA,魏,3,4\n"
    marks = read_marks(csv(text), rubric=[CPR, AED])
    assert marks.steps == ("cpr01", "cpr02")
    assert "left out: line 1 (above the headings): 春季技能考核" in marks.notes


def test_merged_headings_and_merged_attempts_of_a_workbook_are_filled(xlsx):
    path = xlsx(
        [
            ["春季技能考核成绩表"],
            ["考生", "评委", "CPR", None, "AED", None],
            [None, None, 1, 2, 1, 2],
            ["A", "魏", 3, 4, 8, 9.5],
            [None, "林", 3, None, 8, "—"],
        ],
        merged=["A1:F1", "A2:A3", "B2:B3", "C2:D2", "E2:F2", "A4:A5"],
    )
    marks = read_marks(path, rubric=[CPR, AED])
    assert cells(marks) == {
        ("A", "魏", "cpr01"): 3,
        ("A", "魏", "cpr02"): 4,
        ("A", "魏", "aed01"): 8,
        ("A", "魏", "aed02"): 9.5,
        ("A", "林", "cpr01"): 3,
        ("A", "林", "cpr02"): "empty",
        ("A", "林", "aed01"): 8,
        ("A", "林", "aed02"): "cannot judge",
    }


def test_a_block_of_columns_per_rater_is_read_with_and_without_a_rubric(csv):
    path = csv("attempt,Wei_cpr01,Wei_cpr02,Okafor_cpr01,Okafor_cpr02\nA,3,4,2,1\n")
    expected = {
        ("A", "Wei", "cpr01"): 3,
        ("A", "Wei", "cpr02"): 4,
        ("A", "Okafor", "cpr01"): 2,
        ("A", "Okafor", "cpr02"): 1,
    }
    for options in ({}, {"rubric": CPR}, {"raters": ["Wei", "Okafor"]}):
        marks = read_marks(path, **options)
        assert cells(marks) == expected
        assert "raters: Wei, Okafor" in marks.notes
    turned = csv("attempt,cpr01_Wei,cpr01_Okafor,cpr02_Wei,cpr02_Okafor\nA,3,2,4,1\n")
    assert cells(read_marks(turned)) == cells(read_marks(turned, rubric=CPR)) == expected


def test_blocks_under_merged_raters_are_read(xlsx):
    path = xlsx(
        [["考生", "评委1", None, "评委2", None], [None, "洗手", "手套", "洗手", "手套"], ["A", 3, 2, 1, 0]],
        merged=["A1:A2", "B1:C1", "D1:E1"],
    )
    assert cells(read_marks(path)) == {
        ("A", "评委1", "洗手"): 3,
        ("A", "评委1", "手套"): 2,
        ("A", "评委2", "洗手"): 1,
        ("A", "评委2", "手套"): 0,
    }


def test_headings_that_could_be_raters_or_steps_are_refused_until_raters_are_named(csv):
    path = csv("attempt,Wei_hands,Wei_gloves,Okafor_hands,Okafor_gloves\nA,3,2,1,0\n")
    assert "raters=[...]" in refused(path, SheetError)
    marks = read_marks(path, raters=["Wei", "Okafor"])
    assert cells(marks)["A", "Okafor", "hands"] == 1
    # CPR_1 is a skill and its step, never a rater called CPR.
    assert "nothing names the raters" in refused(csv("attempt,CPR_1,CPR_2,AED_1,AED_2\nA,3,2,1,0\n"))


def test_steps_down_and_raters_across_are_read(csv):
    marks = read_marks(csv("考生,步骤,评委1,评委2\nA,洗手,3,2\nA,手套,1,NA\n"))
    assert cells(marks) == {
        ("A", "评委1", "洗手"): 3,
        ("A", "评委2", "洗手"): 2,
        ("A", "评委1", "手套"): 1,
        ("A", "评委2", "手套"): "cannot judge",
    }


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("考生,评委,总分\nA,Wei,80\nA,Okafor,81.5\n", {}),
        ("candidate;examiner;score\nA;Wei;80\nA;Okafor;81,5\n", {}),
        ("考生,Wei,Okafor\nA,80,81.5\n", {"raters": ["Wei", "Okafor"]}),
        ("考生,Wei_总分,Okafor_总分\nA,80,81.5\n", {"raters": ["Wei", "Okafor"]}),
    ],
)
def test_tables_of_totals_are_read(csv, text, options):
    marks = read_marks(csv(text), **options)
    assert cells(marks) == {("A", "Wei", TOTAL): 80, ("A", "Okafor", TOTAL): 81.5}
    assert marks.are_totals
    assert any(note.startswith("shape: totals") for note in marks.notes)


def test_the_mean_of_numbered_raters_is_left_out_and_said(csv):
    marks = read_marks(csv("考生,评委1,评委2,平均分\nA,80,85,82.5\n"))
    assert marks.raters == ("评委1", "评委2")
    assert "left out: column 4 (平均分) (computed from the marks)" in marks.notes


def test_steps_are_known_by_id_number_and_title_in_both_languages(csv):
    heads = ["cpr01", "CPR-02", "步骤3", f"4. {CPR.steps[3].title_zh}", CPR.steps[4].title, "第6步", "cpr07(3分)"]
    row = ["1"] * len(heads)
    quoted = ",".join(f'"{head}"' for head in heads)
    marks = read_marks(csv(f"attempt,rater,{quoted}\nA,Wei,{','.join(row)}\n"), rubric=CPR)
    assert marks.steps == tuple(f"cpr0{number}" for number in range(1, 8))


def test_a_heading_that_is_no_step_is_refused_with_the_nearest_or_left_out(csv):
    path = csv(f"attempt,rater,{CPR.steps[1].title}s,cpr01\nA,Wei,3,2\n")
    message = refused(path, SheetError, rubric=CPR)
    assert f"did you mean '{CPR.steps[1].title}'" in message
    ignore = re.search(r"ignore=\['(.+?)'\]", message)[1]
    assert read_marks(path, rubric=CPR, ignore=[ignore]).steps == ("cpr01",)


def test_a_heading_siming_does_not_know_can_be_named(csv):
    path = csv("座位标记,rater,s1\nA,Wei,3\n")
    message = refused(path, SheetError)
    assert "columns={'attempt': HEADING}" in message
    assert cells(read_marks(path, columns={"attempt": "座位标记"})) == {("A", "Wei", "s1"): 3}
    assert "no column is called 'x'" in refused(csv(WIDE), SheetError, ignore=["x"])
    assert "it may have attempt, rater" in refused(csv(WIDE), SheetError, columns={"colour": "s1"})


def test_a_code_names_attempts_before_a_name_and_a_name_before_a_running_number(csv):
    marks = read_marks(csv("序号,姓名,学号,评委,洗手\n1,谭,2024007,魏,3\n"))
    assert marks.attempts == ("2024007",)
    assert "attempts: column 3 (学号)" in marks.notes
    assert read_marks(csv("序号,姓名,评委,洗手\n1,谭,魏,3\n")).attempts == ("谭",)
    assert read_marks(csv("序号,评委,洗手\n1,魏,3\n")).attempts == ("1",)


def test_columns_that_are_no_marks_are_left_out_and_said(csv):
    marks = read_marks(csv("考生,评委,日期,考点,洗手,是否合格\nA,魏,2024-05-01,东院,3,合格\n"))
    assert marks.steps == ("洗手",)
    assert {note for note in marks.notes if note.startswith("left out")} == {
        "left out: column 3 (日期) (no mark)",
        "left out: column 6 (是否合格) (no mark)",
    }
    assert marks.details.site == {"A": "东院"}


def test_points_taken_off_are_not_taken_for_points(csv):
    path = csv("考生,评委,步骤,扣分,得分\nA,魏,洗手,1,2\n")
    assert cells(read_marks(path)) == {("A", "魏", "洗手"): 2}
    assert "points taken off" in refused(path, SheetError, columns={"points": "扣分"}, ignore=["得分"])
    wide = csv("考生,评委,洗手,洗手扣分\nA,魏,2,1\n")
    ignore = re.search(r"ignore=\['(.+?)'\]", refused(wide, SheetError))[1]
    assert read_marks(wide, ignore=[ignore]).steps == ("洗手",)


def test_a_merged_heading_written_over_the_wrong_column_is_noticed(csv):
    text = "考生,评委,,CPR,AED,\n,,步骤1,步骤2,步骤1,步骤2\nA,魏,3,4,8,9\n"
    assert "column 3 (步骤1) has no heading above it" in refused(csv(text), SheetError)


def test_two_columns_with_one_heading_are_refused_by_their_places(csv, xlsx):
    assert "column 3 (s1) and column 4 (s1) have one heading" in refused(csv("attempt,rater,s1,s1\nA,Wei,3,2\n"))
    path = xlsx([["attempt", "rater", "s1", "S1 "], ["A", "Wei", 3, 2]])
    assert "column C (s1) and column D (S1) have one heading" in refused(path, SheetError)
    both = csv("attempt,rater,cpr01,步骤1\nA,Wei,3,2\n")
    message = refused(both, SheetError, rubric=CPR)
    assert "are both step 'cpr01'" in message
    assert read_marks(both, rubric=CPR, ignore=[re.search(r"ignore=\['(.+?)'\]", message)[1]]).n == 1


def test_a_column_with_marks_and_no_heading_is_refused(csv):
    assert "column 4 has no heading and holds '2' at line 2 column 4" in refused(csv("attempt,rater,s1,\nA,Wei,3,2\n"))


# Cells


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("2.5", 2.5),
        ('"2,5"', 2.5),
        ("２．５", 2.5),
        ("２", 2),
        (" 2 ", 2),
        ("2分", 2),
        ("2 points", 2),
        ("50%", 1.5),
        ("１００％", 3),
        ("2/3", 2),
        ("2 out of 3", 2),
        ("0", 0),
        ("", "empty"),
        ("nan", "empty"),
        ("缺考", "absent"),
        ("（缺考）", "absent"),
        ("未考", "absent"),
        ("Absent", "absent"),
        ("no show", "absent"),
        ("无法评分", "cannot judge"),
        ("NA", "cannot judge"),
        ("n/a", "cannot judge"),
        ("-", "cannot judge"),
        ("—", "cannot judge"),
        ("不适用", "not applicable"),
    ],
)
def test_a_cell_is_read_for_what_it_says(csv, cell, value):
    marks = read_marks(csv(f"attempt,rater,s1 (max 3),s2\nA,Wei,{cell},\nB,Wei,1,1\n"))
    assert cells(marks)["A", "Wei", "s1"] == value
    assert np.isnan(marks.value[0]) == isinstance(value, str)


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        ("good", "found 'good', not a number"),
        ("3?", "found '3?', not a number"),
        ("2½", "found '2½', not a number"),
        ("2²", "found '2²', not a number"),
        ("٣", "found '٣', not a number"),
        ("O", "found 'O', not a number"),
        ("1e1", "found '1e1', not a number"),
        ("-1", "a number below 0"),
        ("−1", "a number below 0"),
        ("4", "found '4', wanted 0 to 3"),
        ("101%", "wanted 0 to 3"),
        ("2/4", "found 4 as the maximum of step 's1', wanted 3"),
        ('"1,000"', "which is 1.000 or 1000"),
        ("4-Mar", "a date or time, as spreadsheets make of 3/4"),
        ("3月4日", "a date or time"),
        ("2024-03-04", "a date or time"),
        ("#DIV/0!", "an error of the spreadsheet"),
        ("=B2+1", "a formula without a stored result"),
        ("√", "not a number"),
    ],
)
def test_a_cell_that_cannot_be_read_right_is_refused_with_its_place(csv, cell, complaint):
    message = refused(csv(f"attempt,rater,s1 (max 3),s2\nB,Wei,1,1\nA,Wei,{cell},\n", "utf-8-sig"), LabelError)
    assert message.startswith("marks.csv: 1 problem\n")
    assert "line 3 column" in message
    assert complaint in message


def test_a_share_needs_a_maximum_and_the_heading_offered_supplies_it(csv):
    message = refused(csv("attempt,rater,s1\nA,Wei,50%\n"), LabelError)
    heading = re.search(r"such as '(.+?)'", message)[1]
    marks = read_marks(csv(f"attempt,rater,{heading}\nA,Wei,50%\n"))
    assert cells(marks) == {("A", "Wei", "s1"): 5}


def test_the_denominator_is_the_maximum_and_must_not_change(csv):
    marks = read_marks(csv("attempt,rater,s1\nA,Wei,3/4\nB,Wei,4/4\n"))
    assert marks.max_points == {"s1": 4}
    assert marks.value.tolist() == [3, 4]
    assert "line 3 column 3: found 5 as the maximum" in refused(csv("attempt,rater,s1\nA,Wei,3/4\nB,Wei,4/5\n"))
    assert "found '5', wanted 0 to 4" in refused(csv("attempt,rater,s1\nA,Wei,3/4\nB,Wei,5\n"))


def test_a_row_of_maxima_is_held_against_rubric_and_points(csv):
    text = "考生,评委,cpr01,cpr02\n满分,,3,4\nA,魏,3,{}\n"
    marks = read_marks(csv(text.format(4)))
    assert marks.max_points == {"cpr01": 3, "cpr02": 4}
    assert marks.attempts == ("A",)
    assert "wanted 0 to 4" in refused(csv(text.format(5)), LabelError)
    other = csv(text.format(4).replace("满分,,3,4", "满分,,3,5"))
    assert "found 5 as the maximum of step 'cpr02', wanted 4 as rubric cpr-adult-single has it" in refused(
        other, LabelError, rubric=CPR
    )


def test_without_any_maximum_the_reader_is_told_that_points_were_not_held_against_one(csv):
    assert any("no maximum is known for 2 of 2 steps" in note for note in read_marks(csv(WIDE)).notes)
    assert not any("no maximum" in note for note in read_marks(csv(WIDE.replace("s", "cpr0")), rubric=CPR).notes)


def test_all_problems_come_at_once_in_the_sheets_order_and_at_most_twenty(csv):
    rows = "".join(f"A{number},Wei,x{number},9\n" for number in range(30))
    message = refused(csv("attempt,rater,s1,s2(3分)\n" + rows), LabelError)
    lines = message.splitlines()
    assert lines[0] == "marks.csv: 60 problems"
    assert lines[1].startswith("  line 2 column s1: found 'x0'")
    assert lines[2].startswith("  line 2 column s2(3分): found '9', wanted 0 to 3")
    assert len(lines) == 22
    assert lines[-1] == "  and 40 more"


def test_text_in_a_column_that_is_no_step_can_be_left_out_as_the_message_says(csv):
    path = csv("attempt,rater,s1,impression\nA,Wei,3,calm\n")
    ignore = re.search(r"ignore=\['(.+?)'\]", refused(path, LabelError))[1]
    assert read_marks(path, ignore=[ignore]).steps == ("s1",)


# Rows


def test_an_absent_attempt_is_missing_on_every_step_and_named(csv):
    marks = read_marks(csv("考生,评委,洗手,手套\nA,魏,缺考,\nA,林,缺考,缺考\nB,魏,3,2\n"))
    assert marks.absent == ("A",)
    assert marks.n_missing == {"absent": 4}
    assert cells(marks)["A", "魏", "手套"] == "absent"


def test_a_remark_or_a_total_may_say_that_the_attempt_was_absent(csv):
    text = "考生,评委,洗手,总分,备注\nA,魏,,,缺考\nC,魏,,缺考,\nB,魏,3,3,准时\n"
    assert read_marks(csv(text)).absent == ("A", "C")
    nobody = read_marks(csv("考生,评委,步骤,得分\nA,,缺考,\nB,,,缺考\nC,魏,洗手,3\n"))
    assert nobody.absent == ("A", "B")


def test_a_word_for_absent_in_a_column_without_marks_is_not_overlooked(csv):
    message = refused(csv("考生,评委,洗手,等级\nA,魏,3,缺考\n"), SheetError)
    assert "found '3' for attempt 'A', which the row calls absent" in message


def test_an_attempt_cannot_be_absent_and_have_points(csv):
    text = "考生,评委,洗手,备注\nA,魏,{},缺考\n"
    message = refused(csv(text.format(0)), SheetError)
    assert "line 2 column 洗手: found '0' for attempt 'A', which the row calls absent" in message
    assert read_marks(csv(text.format("") + "B,魏,1,\n")).absent == ("A",)  # the mend: empty the cell
    elsewhere = refused(csv("考生,评委,洗手\nA,魏,3\nA,林,缺考\n"), SheetError)
    assert "line 2 column 洗手: holds a mark of attempt 'A', which line 3 calls absent" in elsewhere


def test_an_attempt_that_a_rater_marked_twice_is_refused(csv, xlsx):
    assert "line 4: attempt 'A' has marks of rater 'Wei' already (line 2)" in refused(
        csv("attempt,rater,s1\nA,Wei,3\nB,Wei,3\nA,Wei,3\n"), SheetError
    )
    path = xlsx([["attempt", "rater", "step", "points"], ["A", "Wei", "s1", 3], ["A", "Wei", "s1", 2]])
    assert "row 3: attempt 'A' has marks of rater 'Wei' on step 's1' already (row 2)" in refused(path, SheetError)


def test_names_that_differ_in_case_only_are_refused(csv):
    message = refused(csv("attempt,rater,s1\nA,Wei,3\nB,wei,3\na,Okafor,2\n"), SheetError)
    assert "line 3 column rater: found rater 'wei', and 'Wei' in line 2" in message
    assert "line 4 column attempt: found attempt 'a', and 'A' in line 2" in message


def test_full_width_names_are_the_same_names(csv):
    assert read_marks(csv("attempt,rater,s1\nA,Wei,3\nＢ,Ｗｅｉ,3\nA,Okafor,2\n")).raters == ("Wei", "Okafor")


def test_an_id_that_a_spreadsheet_has_cut_is_refused(csv, xlsx):
    assert "lost digits" in refused(csv("学号,评委,洗手\n1.23457E+17,魏,3\n"), SheetError)
    path = xlsx([["学号", "评委", "洗手"], [123456789012345678, "魏", 3]])
    assert "A2: found '1.23456789012346E+17', a number that lost digits" in refused(path, SheetError)
    kept = xlsx([["学号", "评委", "洗手"], ["123456789012345678", "魏", 3]])
    assert read_marks(kept).attempts == ("123456789012345678",)


def test_an_empty_attempt_is_refused_or_filled_down_on_request(csv):
    path = csv("考生,评委,洗手\nA,魏,3\n,林,2\nB,魏,1\n")
    message = refused(path, SheetError)
    assert "line 3 column 考生: is empty" in message
    assert "fill_down=True" in message
    assert cells(read_marks(path, fill_down=True))["A", "林", "洗手"] == 2


def test_a_row_without_its_rater_or_step_is_refused(csv):
    assert "line 2 column rater: found '', wanted the rater of attempt 'A'" in refused(csv("attempt,rater,s1\nA,,3\n"))
    assert "line 2 column step: is empty" in refused(csv("attempt,rater,step,points\nA,Wei,,3\n"), SheetError)


def test_rows_below_the_table_are_left_out_and_said(csv):
    text = (
        WIDE
        + "平均,,1.75,1.75\n\n注：s1 满分 3 分,,,\n制表人：林,,,\n签字,,,\nFilled in the skills centre,,,\n,,abc,\n"
    )
    marks = read_marks(csv(text))
    assert cells(marks) == cells(read_marks(csv(WIDE)))
    left = [note for note in marks.notes if note.startswith("left out")]
    assert left == [
        "left out: line 6 (computed from the rows above): 平均 1.75 1.75",
        "left out: line 8 (a note): 注:s1 满分 3 分",
        "left out: line 9 (a note): 制表人:林",
        "left out: line 10 (a note): 签字",
        "left out: line 11 (holds no mark): Filled in the skills centre",
        "left out: line 12 (names no attempt and holds no mark): abc",
    ]


def test_headings_repeated_on_every_printed_page_are_left_out(csv):
    marks = read_marks(csv(WIDE.replace("B,Wei", "attempt,rater,s1,s2\nB,Wei")))
    assert cells(marks) == cells(read_marks(csv(WIDE)))
    assert "left out: line 4 (the headings again): attempt rater s1 s2" in marks.notes


def test_a_decimal_comma_that_cuts_a_cell_in_two_is_noticed(csv):
    message = refused(csv("attempt,rater,s1,s2\nA,Wei,2,1\nB,Wei,2,5,1\n"), SheetError)
    assert "line 3 has 5 cells and the headings are 4" in message
    assert read_marks(csv('attempt,rater,s1,s2\nA,Wei,2,1\nB,Wei,"2,5",1\n')).value.tolist() == [2, 1, 2.5, 1]


def test_a_table_without_a_mark_is_refused(csv):
    assert "no row below the headings holds a mark" in refused(csv("attempt,rater,s1\n"), SheetError)


# Sums


def test_sums_are_held_against_the_steps_and_are_no_step(csv):
    text = "考生,评委,洗手,手套,合计\nA,魏,3,2,5\nA,林,2.5,2,{}\nB,魏,NA,2,2\n"
    marks = read_marks(csv(text.format(4.5)))
    assert marks.steps == ("洗手", "手套")
    assert "sums in column 5 (合计): 2 held against the marks, 1 not, because a mark is missing" in marks.notes
    message = refused(csv(text.format(5)), LabelError)
    assert "line 3 column 合计: says 5, and the 2 marks it should be the sum of add up to 4.5" in message
    ignore = re.search(r"ignore=\['(.+?)'\]", message)[1]
    assert read_marks(csv(text.format(5)), ignore=[ignore]).steps == ("洗手", "手套")


def test_subtotals_totals_and_sums_of_a_skill_each_cover_their_own_columns(csv):
    text = "考生,评委,cpr01,cpr02,CPR总分,aed01,aed02,AED总分,总分\nA,魏,3,4,7,8,9,17,{}\nB,魏,2,4,6,8,8,16,22\n"
    assert read_marks(csv(text.format(24)), rubric=[CPR, AED]).n == 8
    assert "says 25, and the 4 marks" in refused(csv(text.format(25)), LabelError, rubric=[CPR, AED])
    plain = "考生,评委,a,b,小计,c,小计,总分\nA,魏,1,2,{},4,4,7\nB,魏,1,1,2,1,1,3\n"
    assert read_marks(csv(plain.format(3))).steps == ("a", "b", "c")
    assert "line 2 column 小计: says 4, and the 2 marks" in refused(csv(plain.format(4)), LabelError)


def test_sums_of_each_raters_block_are_held_against_his_own_marks(csv):
    text = "attempt,Wei_cpr01,Wei_cpr02,Wei_total,Okafor_cpr01,Okafor_cpr02,Okafor_total\nA,3,4,7,2,1,{}\n"
    assert read_marks(csv(text.format(3)), rubric=CPR).n == 4
    assert "column Okafor_total: says 4, and the 2 marks" in refused(csv(text.format(4)), LabelError, rubric=CPR)


def test_a_row_of_sums_in_a_long_table_is_held_against_its_steps(csv):
    marks = read_marks(csv(LONG + "甲01,魏,合计,5\n"))
    assert cells(marks) == LONG_CELLS
    assert "says 6, and the 2 marks it should be the sum of add up to 5" in refused(csv(LONG + "甲01,魏,合计,6\n"))


# Workbooks


def test_a_workbook_gives_the_marks_of_its_csv_and_speaks_in_its_own_coordinates(xlsx, csv):
    rows = [line.split(",") for line in WIDE.splitlines()]
    numbers = [rows[0], *([a, r, float(x), int(y)] for a, r, x, y in rows[1:])]
    assert cells(read_marks(xlsx(numbers))) == cells(read_marks(csv(WIDE)))
    numbers[2][3] = "two"
    assert "\n  D3: found 'two', not a number" in refused(xlsx(numbers), LabelError)


def test_what_a_workbook_shows_by_format_is_read(xlsx):
    path = xlsx(
        [["学号", "评委", "洗手(4分)"], [7, "魏", 0.75], [8, "魏", 2]], formats={"A2": "000", "A3": "000", "C2": "0%"}
    )
    assert cells(read_marks(path)) == {("007", "魏", "洗手"): 3, ("008", "魏", "洗手"): 2}


def test_a_date_that_was_a_share_is_refused_by_cell(xlsx):
    path = xlsx([["attempt", "rater", "s1"], ["A", "Wei", datetime.date(2024, 3, 4)]])
    assert "C2: found '2024-03-04" in refused(path, LabelError)


def test_a_formula_that_was_never_computed_is_refused(xlsx):
    path = xlsx([["attempt", "rater", "s1", "总分"], ["A", "Wei", "=1+1", "=C2"]])
    assert "C2: found '=1+1', a formula without a stored result" in refused(path, LabelError)


def test_a_mark_merged_over_two_cells_is_refused(xlsx):
    path = xlsx([["attempt", "rater", "s1", "s2"], ["A", "Wei", 3, None]], merged=["C2:D2"])
    assert "D2: is merged with C2 ('3'); unmerge" in refused(path, SheetError)
    whole = xlsx([["attempt", "rater", "s1", "s2"], ["A", "Wei", "缺考", None], ["B", "Wei", 1, 1]], merged=["C2:D2"])
    assert read_marks(whole).absent == ("A",)


def test_of_several_worksheets_one_must_be_named(xlsx):
    table = [["attempt", "rater", "s1"], ["A", "Wei", 3]]
    path = xlsx(table, sheets={"复试": [["attempt", "rater", "s1"], ["B", "Okafor", "x"]], "空": []})
    message = refused(path, SheetError)
    assert "2 worksheets hold cells ('Sheet', '复试'); give sheet=" in message
    assert read_marks(path, sheet="Sheet").attempts == ("A",)
    assert "复试!C2: found 'x'" in refused(path, LabelError, sheet="复试")
    assert "there is no worksheet 'x'" in refused(path, SheetError, sheet="x")


def test_hidden_rows_are_read_and_said(tmp_path):
    openpyxl = pytest.importorskip("openpyxl", reason="the extra 'xlsx' is not installed")
    book = openpyxl.Workbook()
    for row in (["attempt", "rater", "s1"], ["A", "Wei", 3], ["B", "Wei", 2]):
        book.active.append(row)
    book.active.row_dimensions[3].hidden = True
    book.save(tmp_path / "marks.xlsx")
    marks = read_marks(tmp_path / "marks.xlsx")
    assert marks.attempts == ("A", "B")
    assert "hidden rows are read like the others: 3" in marks.notes


def test_a_workbook_without_openpyxl_names_the_extra(csv, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'siming\[xlsx\]'") as caught:
        read_marks(csv(b"PK\x03\x04"))
    assert caught.value.extra == "xlsx"


# Labels, and what the marks are for


def test_labels_need_their_scale_and_are_held_to_it(csv):
    path = csv("attempt,rater,s1\nA,Wei,3\nA,Okafor,0\n")
    message = refused(path, LabelError, kind="labels")
    levels = [int(each) for each in re.search(r"levels=\[(.+?)\]", message)[1].split(",")]
    marks = read_marks(path, kind="labels", levels=levels)
    assert marks.levels == (0, 1, 2, 3)
    for cell in ("4", "1.5", "50%", "2/3"):
        text = f"attempt,rater,s1\nA,Wei,{cell}\n"
        assert "wanted a label, one of 0, 1, 2, 3" in refused(csv(text), LabelError, kind="labels", levels=levels)
    assert "give kind='labels' too" in refused(path, LabelError, levels=levels)
    assert "totals are no labels" in refused(csv("attempt,rater,total\nA,Wei,3\n"), kind="labels", levels=levels)


def test_two_raters_side_by_side_go_straight_into_a_statistic(csv):
    rows = [f"A{n},{rater},{(n * k) % 4},{(n + k) % 4}\n" for n in range(8) for rater, k in (("Wei", 1), ("Okafor", 2))]
    text = "attempt,rater,s1,s2\n" + "".join(rows) + "A8,Wei,3,3\nA9,Wei,2,NA\nA9,Okafor,2,1\n"
    marks = read_marks(csv(text), kind="labels", levels=[0, 1, 2, 3])
    both = marks.between("Wei", "Okafor")
    assert len(both.first) == 18  # A8 has one rater only
    kappa = quadratic_weighted_kappa(both.first, both.second, n_labels=4, cluster=both.attempt)
    assert (kappa.n, kappa.n_clusters, kappa.left_out["missing"]) == (17, 9, 1)
    first, second = ([(n * k) % 4 for n in range(8)] + [(n + k) % 4 for n in range(8)] + [2] for k in (1, 2))
    assert kappa.value == pytest.approx(quadratic_weighted_kappa(first, second, n_labels=4).value)
    with pytest.raises(LabelError, match="there are 'Wei', 'Okafor'"):
        marks.between("Wei", "Lin")
    with pytest.raises(LabelError, match="no attempt in common"):
        read_marks(csv("attempt,rater,s1\nA,Wei,3\nB,Okafor,2\n")).between("Wei", "Okafor")


def test_totals_side_by_side_are_compared_in_marks(csv):
    text = "考生,评委1,评委2\n" + "".join(f"{n},{70 + n},{72 + n + n % 2}\n" for n in range(10))
    both = read_marks(csv(text)).between("评委1", "评委2")
    assert bland_altman(both.second, both.first).mean.value == pytest.approx(2.5)


def test_marks_become_sheets_that_fit_their_rubrics(csv):
    heads = [step.id for step in (*CPR.steps, *BMV.steps)]
    full = [f"{step.max_points:g}" for step in (*CPR.steps, *BMV.steps)]
    wei = ["NA", "", *full[2:19], *[""] * 5]
    text = "\n".join(
        ",".join(row)
        for row in (
            ["考生", "评委", *heads],
            ["A", "Wei", *wei],
            ["A", "共识", *full],
            ["B", "Wei", "缺考", *[""] * 23],
        )
    )
    sheets = read_marks(csv(text), rubric=[CPR, BMV]).to_sheets([CPR, BMV], authors={"共识": "consensus"})
    # Wei filled no cell of BMV, and attempt B did not take place.
    assert [(s.attempt, s.author.kind, s.author.name, s.rubric) for s in sheets] == [
        ("A", "physician", "Wei", CPR.id),
        ("A", "consensus", "共识", CPR.id),
        ("A", "consensus", "共识", BMV.id),
    ]
    for sheet in sheets:
        check_sheet(sheet, CPR if sheet.rubric == CPR.id else BMV)
    first = sheets[0].steps
    assert (first["cpr01"].status, first["cpr02"].status) == ("cannot_judge", "cannot_judge")
    assert first["cpr01"].reason != first["cpr02"].reason
    assert first["cpr03"].points == 5
    assert sheets[1].total(CPR) == 100
    assert label_of_points(first["cpr03"].points, 5, CPR.ordinal_map) == 3


def test_sheets_are_made_of_points_per_step_only(csv):
    labels = read_marks(csv("attempt,rater,cpr01\nA,Wei,3\n"), kind="labels", levels=[0, 1, 2, 3])
    with pytest.raises(LabelError, match="kind='points'"):
        labels.to_sheets([CPR])
    with pytest.raises(SheetError, match="totals only"):
        read_marks(csv("attempt,rater,total\nA,Wei,3\n")).to_sheets([CPR])
    strange = csv("attempt,rater,cpr01,smile\nA,Wei,3,1\n")
    with pytest.raises(SheetError, match=r"ignore=\['smile'\]") as caught:
        read_marks(strange).to_sheets([CPR])
    assert "step 'smile' is in none of the rubrics" in str(caught.value)
    assert len(read_marks(strange, ignore=["smile"]).to_sheets([CPR])) == 1
    with pytest.raises(SheetError, match="the rubric allows 0–3"):
        read_marks(csv("attempt,rater,cpr01\nA,Wei,4\n")).to_sheets([CPR])


def test_every_shape_encoding_and_order_of_one_exam_gives_the_same_sheets(csv, xlsx):
    rng = np.random.default_rng(0)
    steps = [step.id for step in AED.steps]
    points = {
        (f"A{n}", rater, step.id): float(rng.integers(0, int(step.max_points) + 1))
        for n in range(4)
        for rater in ("Wei", "Okafor")
        for step in AED.steps
    }
    attempts, raters = ["A0", "A1", "A2", "A3"], ["Wei", "Okafor"]
    long = [["考生", "评委", "步骤", "得分"], *([*key, value] for key, value in points.items())]
    wide = [["考生", "评委", *steps], *([a, r, *(points[a, r, s] for s in steps)] for a in attempts for r in raters)]
    blocks = [["考生", *(f"{r}_{s}" for r in raters for s in steps)]]
    blocks += [[a, *(points[a, r, s] for r in raters for s in steps)] for a in attempts]
    down = [["考生", "步骤", *raters], *([a, s, *(points[a, r, s] for r in raters)] for a in attempts for s in steps)]
    for table, options in ((long, {}), (wide, {}), (blocks, {}), (down, {"raters": raters})):
        text = "\n".join("\t".join(map(str, row)) for row in table)
        for path in (csv(text, "utf-16"), csv(text, "gbk"), xlsx(table)):
            marks = read_marks(path, rubric=AED, **options)
            assert cells(marks) == points
            assert len(marks.to_sheets([AED])) == 8


def test_the_how_to_page_does_what_it_says(tmp_path, monkeypatch, capsys):
    page = Path(__file__).parents[2] / "docs" / "how-to" / "agreement-from-a-spreadsheet.md"
    blocks = re.findall(r"```(csv|python)\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    monkeypatch.chdir(tmp_path)
    names = {}
    for language, block in blocks:
        code = textwrap.dedent(block)
        if language == "csv":
            Path("marks.csv").write_text(code, encoding="gb18030")
        else:
            exec(code, names)
    marks = names["marks"]
    assert marks.n_missing == {"absent": 6, "cannot judge": 1}
    assert marks.max_points == {"洗手": 3, "戴手套": 2, "评估环境": 5}
    assert sum(note.startswith("left out") for note in marks.notes) == 3
    assert any("held against the marks" in note for note in marks.notes)
    assert names["sheets"][1].steps["aed02"].points == 7.5
    assert (names["panel"].n_videos, names["panel"].n_cells, names["panel"].n_missing) == (3, 8, 1)
    assert "('魏', '林')" in capsys.readouterr().out


def test_a_workbook_that_merges_a_whole_worksheet_is_refused_before_it_is_built(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["attempt", "rater", "cpr01"])
    book.active.append(["A-001", "Wei", 3])
    book.save(tmp_path / "honest.xlsx")
    hostile = tmp_path / "hostile.xlsx"
    with zipfile.ZipFile(tmp_path / "honest.xlsx") as old, zipfile.ZipFile(hostile, "w") as new:
        for part in old.namelist():
            content = old.read(part)
            if part == "xl/worksheets/sheet1.xml":
                merged = b'</sheetData><mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>'
                content = content.replace(b"</sheetData>", merged)
            new.writestr(part, content)
    with pytest.raises(SheetError, match="undo the merging"):
        read_marks(hostile)
