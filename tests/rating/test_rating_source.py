"""One door for ratings: whatever comes in, a dataset folder or a spreadsheet, a dataset comes out."""

from __future__ import annotations

import re

import numpy as np
import pytest

from siming.errors import DatasetError, SheetError
from siming.metrics import quadratic_weighted_kappa
from siming.rating import agreement_report, load_ratings
from siming.rating.spreadsheet import read_marks
from siming.rating.spreadsheet.note import note_in
from siming.rating.texts import texts
from siming.rubric import Dataset, builtin_rubric, labels_of_sheet, write_dataset

AED = builtin_rubric("aed-adult")

WIDE = """考生,考点,评委,洗手(3分),戴手套(2分),评估环境(5分),评分时间,总体评价
张三,东院,魏,3,2,4,2024/3/5 9:00,4
张三,东院,林,2,2,5,2024-03-05 09:10:30,3
李四,西院,魏,1,2,5,2024年3月6日 14:05,2
李四,西院,林,1,NA,4,2024/3/6,2
"""


@pytest.fixture
def table(tmp_path):
    def write(text, name="marks.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_spreadsheet_becomes_a_dataset_with_what_stands_beside_the_marks(table):
    source = load_ratings(table(WIDE))
    data = source.dataset
    assert source.name == "marks.csv"
    # Chinese names cannot be ids; the candidate keeps his
    assert [(a.id, a.candidate, a.site) for a in data.attempts] == [
        ("attempt-001", "张三", "东院"),
        ("attempt-002", "李四", "西院"),
    ]
    sheets = {(s.attempt, s.author.name): s for s in data.sheets}
    assert {key: s.submitted_at for key, s in sheets.items()} == {
        ("attempt-001", "魏"): "2024-03-05T09:00:00",
        ("attempt-001", "林"): "2024-03-05T09:10:30",
        ("attempt-002", "魏"): "2024-03-06T14:05:00",
        ("attempt-002", "林"): "2024-03-06T00:00:00",
    }
    assert [s.global_rating for s in sheets.values()] == [4, 3, 2, 2]
    assert sheets["attempt-002", "林"].steps["戴手套"].status == "cannot_judge"
    [rubric] = data.rubrics.values()
    assert {step.id: step.max_points for step in rubric.steps} == {"洗手": 3, "戴手套": 2, "评估环境": 5}
    # 3 of 3; 2 of 3, a third lost; 1 of 3, two thirds lost; 4 of 5, a fifth lost
    assert labels_of_sheet(sheets["attempt-001", "魏"], rubric) == {"洗手": 3, "戴手套": 3, "评估环境": 2}
    assert labels_of_sheet(sheets["attempt-001", "林"], rubric)["洗手"] == 2
    assert labels_of_sheet(sheets["attempt-002", "林"], rubric)["洗手"] == 1
    for beginning in (
        "sites: column 2",
        "times of rating: column 7",
        "global ratings: column 8",
        "no rubric was given",
    ):
        assert any(note.startswith(beginning) for note in source.notes), beginning


def test_what_a_spreadsheet_became_can_be_written_and_read_again(table, tmp_path):
    data = load_ratings(table(WIDE.replace("张三", "A-1").replace("李四", "A-2")), rubrics=[]).dataset
    plain = [sheet.to_plain() for sheet in data.sheets]
    folder = tmp_path / "exam"
    with_rubric = load_ratings(table("attempt,rater,aed01,aed02\nA-1,Wei,8,10\nA-1,Lin,6,9.5\n"), rubrics=[AED]).dataset
    write_dataset(Dataset(folder, with_rubric.info, with_rubric.rubrics, with_rubric.attempts, with_rubric.sheets))
    again = load_ratings(folder)
    assert again.notes == ()
    assert [s.to_plain() for s in again.dataset.sheets] == [s.to_plain() for s in with_rubric.sheets]
    assert {p["submitted_at"][:4] for p in plain} == {"2024"}


def test_agreement_from_a_spreadsheet_is_that_of_its_labels(table):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, size=(12, 5, 2))
    rows = [
        f"V{video:02d},{rater},{','.join(map(str, labels[video, :, side]))}"
        for video in range(12)
        for side, rater in enumerate(("Okafor", "Wei"))
    ]
    path = table("\n".join(["video,rater,s1,s2,s3,s4,s5", *rows]) + "\n")
    source = load_ratings(path, kind="labels", levels=[0, 1, 2, 3])
    [panel] = agreement_report(source.dataset, replicates=200).panels
    expected = quadratic_weighted_kappa(labels[:, :, 0].ravel(), labels[:, :, 1].ravel(), n_labels=4)
    assert panel.metrics["qwk"].value == pytest.approx(expected.value)
    assert panel.confusion == np.histogram2d(*labels.reshape(-1, 2).T, bins=[range(5)] * 2)[0].tolist()
    # the same through a rubric: its own maxima must not be taken for labels
    steps = ",".join(step.id for step in AED.steps[:5])
    of_aed = load_ratings(
        table(f"video,rater,{steps}\n" + "\n".join(rows) + "\n"), rubrics=[AED], kind="labels"
    ).dataset
    [again] = agreement_report(of_aed, replicates=200).panels
    assert again.metrics["qwk"].value == pytest.approx(expected.value)
    assert again.n_cells == 60
    assert [row.title["zh"] for row in again.steps][:2] == [AED.steps[0].title_zh, AED.steps[1].title_zh]


def test_labels_of_another_scale_are_refused_and_not_squeezed(table):
    path = table("video,rater,s1\nA,Wei,5\nA,Lin,4\n")
    with pytest.raises(SheetError, match="labels are 1, 2, 3, 4, 5, and a report of agreement has 0, 1, 2"):
        load_ratings(path, kind="labels", levels=[1, 2, 3, 4, 5])


def test_a_step_without_a_maximum_is_refused_and_each_mend_offered_is_accepted(table):
    text = "attempt,rater,s1,s2\nA,Wei,3,2\nA,Okafor,2,1\n"
    with pytest.raises(SheetError) as caught:
        load_ratings(table(text))
    message = str(caught.value)
    heading = re.search(r"such as '(.+?)'", message)[1]
    assert heading == "s1 (max 10)"
    assert load_ratings(table(text.replace("s1", heading).replace("s2", "s2 (max 10)"))).dataset.sheets
    assert "--max 's1=10', or --max 10 for all" in message
    for given in (10, {"s1": 10, "s2": 4}):
        [rubric] = load_ratings(table(text), max_points=given).dataset.rubrics.values()
        assert [step.max_points for step in rubric.steps] == [10, given if given == 10 else 4]
    with pytest.raises(SheetError, match=r"max_points names step 's3', the steps are s1, s2"):
        load_ratings(table(text), max_points={"s3": 10})
    with pytest.raises(SheetError, match=r"max_points gives step 's1' 9, line 1 column 3 says 3; correct"):
        load_ratings(table(text.replace("s1", "s1 (max 3)")), max_points={"s1": 9, "s2": 2})


def test_totals_alone_are_refused_with_where_to_take_them(table):
    with pytest.raises(SheetError, match=r"holds totals only.*siming stats one"):
        load_ratings(table("attempt,rater,total\nA,Wei,80\nA,Lin,70\n"))


def test_skills_named_by_a_column_or_a_merged_heading_part_the_report(table):
    long = "考生,评委,科目,步骤,满分,得分\n" + "".join(
        f"甲{i},{rater},{skill},{step},10,{(7 * i + 3 * len(rater) + ord(skill[0]) + step) % 11}\n"
        for i in range(6)
        for rater in ("魏医师", "林")
        for skill in ("心肺复苏", "除颤")
        for step in (1, 2)
    )
    merged = "考生,评委,心肺复苏,,除颤,\n,,1(10分),2(10分),1(10分),2(10分)\nA,魏,1,2,3,4\nA,林,4,3,2,1\n"
    for text in (long, merged):
        report = agreement_report(load_ratings(table(text)).dataset, by="skill", replicates=200)
        assert [(panel.part, len(panel.steps)) for panel in report.panels] == [("心肺复苏", 2), ("除颤", 2)]


def test_a_column_of_persons_beside_one_of_recordings_makes_the_clusters(table):
    rows = [
        f"V{i},P{i // 2},{rater},{(i + shift) % 4},{(i * shift) % 4}"
        for i in range(12)
        for rater, shift in (("Wei", 1), ("Lin", 2))
    ]
    data = load_ratings(table("\n".join(["video,student,rater,s1 (max 3),s2 (max 3)", *rows]) + "\n")).dataset
    assert [a.candidate for a in data.attempts][:3] == ["P0", "P0", "P1"]
    report = agreement_report(data, replicates=200)
    assert (report.n_attempts, report.n_candidates) == (12, 6)
    assert report.panels[0].metrics["raw_agreement"].n_clusters == 6


def test_an_attempt_cannot_have_two_sites_or_a_sheet_two_global_ratings(table):
    long = "考生,评委,考点,总体评价,步骤,得分\nA,魏,东院,3,s1,2\nA,魏,{site},{rating},s2,2\n"
    with pytest.raises(
        SheetError, match=r"line 3 column 考点: found '西院', and '东院' in an earlier row of attempt 'A'"
    ):
        read_marks(table(long.format(site="西院", rating=3)))
    with pytest.raises(SheetError, match=r"line 3 column 总体评价: found '4', and '3' .* by '魏'"):
        read_marks(table(long.format(site="东院", rating=4)))
    assert read_marks(table(long.format(site="", rating=""))).details.site == {"A": "东院"}


def test_of_several_rows_of_one_sheet_the_latest_time_counts(table):
    marks = read_marks(table("考生,评委,评分时间,步骤,得分\nA,魏,2024/3/5 9:00,s1,2\nA,魏,2024/3/5 8:00,s2,2\n"))
    assert marks.details.submitted_at == {("A", "魏"): "2024-03-05T09:00:00"}


@pytest.mark.parametrize(
    ("heading", "cell", "wanted"),
    [
        ("评分时间", "上午", "a date"),
        ("评分时间", "2024/13/5", "a date"),
        ("总体评价", "优", "whole numbers"),
        ("等级", "A", "whole"),
    ],
)
def test_a_time_or_global_rating_in_other_words_is_left_out_and_said(table, heading, cell, wanted):
    marks = read_marks(table(f"考生,评委,{heading},s1\nA,魏,{cell},2\nB,魏,,2\n"))
    assert not marks.details.submitted_at
    assert not marks.details.global_rating
    assert any(re.search(rf"left out: column 3 .*{wanted}.*holds '{cell}'", note) for note in marks.notes)
    assert marks.value.tolist() == [2, 2]


def test_each_raters_own_global_rating_is_found_in_blocks(table):
    marks = read_marks(
        table("考生,Wei_s1,Wei_s2,Wei_总体评价,Okafor_s1,Okafor_s2,Okafor_总体评价\nA,1,2,4,2,2,5\nB,1,1,2,1,1,3\n")
    )
    assert marks.steps == ("s1", "s2")
    assert marks.details.global_rating == {("A", "Wei"): 4, ("A", "Okafor"): 5, ("B", "Wei"): 2, ("B", "Okafor"): 3}


def test_an_attempt_nobody_marked_is_not_in_the_dataset(table):
    data = load_ratings(table("考生,评委,洗手(3分)\nA,魏,缺考\nB,魏,2\nB,林,3\n")).dataset
    assert [attempt.id for attempt in data.attempts] == ["B"]


def test_names_that_are_made_never_take_an_id_that_somebody_has(table):
    data = load_ratings(table("考生,评委,洗手(3分)\n张三,魏,2\nattempt-001,魏,3\n李四,魏,3\n")).dataset
    assert [(a.id, a.candidate) for a in data.attempts] == [
        ("attempt-002", "张三"),
        ("attempt-001", None),
        ("attempt-003", "李四"),
    ]


def test_options_of_spreadsheets_are_refused_for_a_folder_and_a_wrong_path_is_named(tmp_path):
    with pytest.raises(DatasetError, match="is a dataset folder, and rubrics is for spreadsheets; leave it out"):
        load_ratings(tmp_path, rubrics=[AED])
    with pytest.raises(DatasetError, match="no such folder or file"):
        load_ratings(tmp_path / "nowhere")
    with pytest.raises(SheetError, match="no such file"):
        load_ratings(tmp_path / "nowhere.csv")


def test_every_note_is_said_in_both_languages_with_its_numbers(table):
    source = load_ratings(table(WIDE))
    chinese = [note_in("zh", note) for note in source.notes]
    assert "考点：第2列（考点）" in chinese
    assert "分隔符：逗号" in chinese
    assert "2 名考生的姓名不能用作编号，故另行编号：张三为attempt-001" in chinese
    assert not any(re.search(r"[{}]|column|rater", note) for note in chinese)
    assert note_in("zh", "somebody's own words") == "somebody's own words"
    english, other = (texts(language)["reader"] for language in ("en", "zh"))
    fields = [{code: set(re.findall(r"{(\w+)}", text)) for code, text in said.items()} for said in (english, other)]
    assert fields[0] == fields[1]


ROOM_TABLE = """attempt,rubric,rubric version,author kind,rater,step,points,max points,status,more
A-1,aed-adult,1,physician,R01,aed02,8,10,judged,
A-1,aed-adult,1,physician,R01,aed04,18,18,judged,
A-1,aed-adult,1,physician,R02,aed02,10,10,judged,
A-1,aed-adult,1,physician,R02,aed04,0,18,judged,
A-1,aed-adult,1,physician,R02,aed02,9,10,judged,"{""sheet"": {""purpose"": ""repeat""}}"
A-1,aed-adult,1,physician,R02,aed04,18,18,judged,
A-1,aed-adult,1,consensus,consensus,aed02,8,10,judged,
A-1,aed-adult,1,consensus,consensus,aed04,18,18,judged,
A-1,aed-adult,1,model,qwen,aed02,1,10,judged,
"""


def test_of_the_rooms_own_table_only_physicians_first_independent_sheets_are_raters(table):
    source = load_ratings(table(ROOM_TABLE))
    given = {sheet.author.name: {k: e.points for k, e in sheet.steps.items()} for sheet in source.dataset.sheets}
    assert [*given] == ["R01", "R02"]
    assert [[*each.values()] for each in given.values()] == [[8, 18], [10, 0]]
    left_out = [note for note in source.notes if "no physician" in note or "independent" in note]
    assert [re.search(r"left out: (\d+) rows of (\S+) \((\w+)\)", note).groups() for note in left_out] == [
        ("2", "consensus", "consensus"),
        ("1", "qwen", "model"),
        ("2", "R02", "repeat"),
    ]
    assert all("未采用" in note_in("zh", note) for note in left_out)


def test_a_room_table_without_a_physicians_own_sheet_is_refused_with_the_mend(table):
    head, *rows = ROOM_TABLE.splitlines()
    with pytest.raises(SheetError, match=r"consensus only.*export their first sheets too"):
        load_ratings(table("\n".join([head, *(row for row in rows if ",consensus," in row)])))
