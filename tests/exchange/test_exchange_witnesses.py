"""Our files in other people's readers, and their files in ours."""

from __future__ import annotations

import csv
import io
import json
import warnings
import zipfile
from dataclasses import replace

import pytest
from drawn_sheets import DURATION_S, dataset_of, simple_sheet

from siming.exchange import export_bytes, export_sheets, import_bytes, import_sheets
from siming.rating import load_ratings
from siming.rubric import Author, DatasetInfo, Entry, builtin_rubric

BMV = builtin_rubric("bmv-adult")
DEDUCTION = BMV.steps[0].deductions[0].id
FAULTY = Entry(
    points=2.5, deductions=(DEDUCTION,), evidence=((1.25, 3.5), (2.0, 9.0)), note='面罩漏气 <b> & "quoted"\n--> end'
)


@pytest.fixture
def exam():
    return dataset_of(
        [
            simple_sheet("wei", bmv01=FAULTY),
            simple_sheet("okafor", bmv02=Entry(status="cannot_judge", reason="视野被遮挡", evidence=((4.0, 5.0),))),
            simple_sheet("lin", kind="consensus"),
            simple_sheet("qwen", kind="model", attempt="A-2"),
        ]
    )


def test_pympi_opens_the_elan_document(exam, tmp_path):
    pympi = pytest.importorskip("pympi")
    export_sheets(exam, "elan", tmp_path, language="zh")
    eaf = pympi.Elan.Eaf(str(tmp_path / "A-1.eaf"))
    # Evidence that overlaps needs a second tier of the same step and rater.
    assert eaf.get_annotation_data_for_tier("bmv01@wei") == [(1250, 3500, DEDUCTION)]
    assert eaf.get_annotation_data_for_tier("bmv01@wei (2)") == [(2000, 9000, DEDUCTION)]
    assert eaf.get_annotation_data_for_tier("bmv02@okafor") == [(4000, 5000, "evidence")]
    assert eaf.get_parameters_for_tier("bmv02@okafor")["ANNOTATOR"] == "okafor"
    assert eaf.get_linked_files()[0]["RELATIVE_MEDIA_URL"] == "./videos/A-1.mp4"
    words = {entry[0][0][0] for entry in eaf.controlled_vocabularies["bmv01"][1].values()}
    assert words == {"evidence", *(each.id for each in BMV.steps[0].deductions)}
    assert list(eaf.timeslots.values()) == sorted(eaf.timeslots.values())


def test_what_pympi_wrote_is_read_and_points_it_cannot_hold_are_not_zero(exam, tmp_path):
    pympi = pytest.importorskip("pympi")
    eaf = pympi.Elan.Eaf(author="okafor")
    eaf.add_linked_file("file:///videos/A-2.mp4", relpath="./A-2.mp4", mimetype="video/mp4")
    eaf.add_tier("bmv01@okafor")
    eaf.add_annotation("bmv01@okafor", 1500, 2750, DEDUCTION)
    eaf.add_annotation("bmv01@okafor", 4000, 4500, "mask slipped")
    eaf.add_tier("gestures")
    eaf.add_annotation("gestures", 0, 10, "x")
    eaf.to_file(str(tmp_path / "hand-made.eaf"))
    okafor = Author(kind="physician", name="okafor")
    found = import_sheets(tmp_path / "hand-made.eaf", "elan", exam, author=okafor)
    [sheet] = found.sheets
    assert sheet.attempt == "A-2"
    first = sheet.steps["bmv01"]
    assert (first.status, first.points, first.deductions) == ("cannot_judge", None, (DEDUCTION,))
    assert first.evidence == ((1.5, 2.75), (4.0, 4.5))
    assert first.note == "mask slipped"
    assert sheet.steps["bmv02"].reason == "the file does not have the step"
    assert found.skipped["unknown_tier"] >= 1


def test_an_elan_document_saved_by_pympi_keeps_points_and_moved_evidence(exam, tmp_path):
    pympi = pytest.importorskip("pympi")
    export_sheets(exam, "elan", tmp_path)
    path = tmp_path / "A-1.eaf"
    eaf = pympi.Elan.Eaf(str(path))
    eaf.remove_annotation("bmv02@okafor", 4500)
    eaf.add_annotation("bmv02@okafor", 6000, 7000, "evidence")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        eaf.to_file(str(path))
    path.with_suffix(".bak").unlink(missing_ok=True)
    found = {sheet.author.name: sheet for sheet in import_sheets(path, "elan", exam).sheets}
    assert found["okafor"].steps["bmv02"].evidence == ((6.0, 7.0),)
    assert found["okafor"].steps["bmv02"].reason == "视野被遮挡"
    assert found["wei"].steps["bmv01"].points == 2.5


@pytest.mark.parametrize(("language", "points"), [("en", "2.5 of 18 points"), ("zh", "2.5/18分")])
def test_webvtt_py_reads_the_captions(exam, tmp_path, language, points):
    webvtt = pytest.importorskip("webvtt")
    both = [Author(kind="physician", name=name) for name in ("wei", "okafor")]
    export_sheets(exam, "webvtt", tmp_path, language=language, attempts=["A-1"], authors=both)
    captions = list(webvtt.read(str(tmp_path / f"A-1.{language}.vtt")))
    assert [(each.start, each.end) for each in captions] == [
        ("00:00:01.250", "00:00:03.500"),
        ("00:00:02.000", "00:00:09.000"),
        ("00:00:04.000", "00:00:06.000"),  # an instant is shown long enough to be read
    ]
    assert points.replace("18", f"{BMV.steps[0].max_points:g}") in captions[0].text
    assert captions[0].voice == "wei"
    assert '面罩漏气 &lt;b&gt; &amp; "quoted" --&gt; end' in captions[0].raw_text


def test_the_release_is_read_by_pyarrow(exam):
    pyarrow = pytest.importorskip("pyarrow.parquet")
    name, kind, raw = export_bytes(exam, "release")
    assert (name, kind) == ("Spring-exam.release.zip", "application/zip")
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        rows = pyarrow.read_table(io.BytesIO(archive.read("data/sheets.parquet"))).to_pylist()
        attempts = pyarrow.read_table(io.BytesIO(archive.read("data/attempts.parquet"))).to_pylist()
        card = archive.read("README.md").decode()
        everything = b"".join(archive.read(each) for each in archive.namelist())
    assert len(rows) == 4 * len(BMV.steps)
    assert (rows[0]["points"], rows[0]["evidence_start_s"], rows[0]["deductions"]) == (2.5, [1.25, 2.0], [DEDUCTION])
    assert [each["duration_s"] for each in attempts] == [DURATION_S] * 2
    assert "okafor × wei: raw agreement 0.750" in card  # of the 4 steps both judged, 1 differs
    assert "Consent of the persons shown: not stated" in card
    assert b"Tan" not in everything


@pytest.mark.filterwarnings("ignore")
def test_mlcroissant_validates_the_metadata_and_reads_the_tables(exam, tmp_path):
    mlcroissant = pytest.importorskip("mlcroissant")
    stated = {"consent": "written, ethics board 2026-17", "published": "2026-05-01", "url": "https://example.org/exam"}
    info = DatasetInfo.model_validate({**exam.info.model_dump(), **stated})
    export_sheets(replace(exam, info=info), "release", tmp_path)
    dataset = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json"))
    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    assert not issues.warnings
    rows = list(dataset.records("sheets"))
    assert len(rows) == 4 * len(BMV.steps)
    assert rows[0]["sheets/author"] == b"wei"
    assert rows[0]["sheets/points"] == 2.5
    plain = json.loads((tmp_path / "croissant.json").read_text("utf-8"))
    assert plain["rai:personalSensitiveInformation"][1].endswith("written, ethics board 2026-17.")
    assert plain["rai:annotationsPerItem"] == "2"
    assert "raw agreement 0.750" in plain["rai:dataAnnotationAnalysis"][0]


def test_a_csv_file_opens_in_excel_with_chinese_and_without_a_formula(exam):
    wei = exam.sheets[0].model_copy(update={"steps": {**exam.sheets[0].steps, "bmv02": Entry(points=1, note="=1+1")}})
    _, _, raw = export_bytes(dataset_of([wei]), "csv", language="zh")
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    assert rows[0][:6] == ["考试编号", "评分标准", "标准版本", "评分者类别", "评分者", "步骤"]
    row = dict(zip(rows[0], rows[1], strict=True))
    assert row["证据（秒）"] == "1.25 to 3.5; 2 to 9"
    assert row["步骤标题"] == BMV.steps[0].title_zh
    assert rows[2][rows[0].index("备注")] == "'=1+1"


def test_a_workbook_says_what_openpyxl_expects(exam):
    openpyxl = pytest.importorskip("openpyxl")
    _, _, raw = export_bytes(exam, "xlsx")
    page = openpyxl.load_workbook(io.BytesIO(raw)).active
    row = dict(zip(*([cell.value for cell in each] for each in page["A1:T2"]), strict=True))
    assert (row["points"], row["max points"], row["rater"]) == (2.5, BMV.steps[0].max_points, "wei")
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"2000-01-01T00:00:00Z" in archive.read("docProps/core.xml")


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_rating_agree_reads_the_long_table_too(exam, tmp_path, suffix):
    [path] = export_sheets(exam, suffix[1:], tmp_path / f"table{suffix}", authors=[s.author for s in exam.sheets[:2]])
    source = load_ratings(path, rubrics=[BMV], ignore=["label", "verdict", "void"])
    points = {(s.author.name, step): e.points for s in source.dataset.sheets for step, e in s.steps.items()}
    assert points["wei", "bmv01"] == 2.5
    assert points["okafor", "bmv02"] is None


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_table_of_an_exam_office_is_read_as_well(exam, separator):
    maxima = {step.id: f"{step.max_points:g}" for step in BMV.steps}
    lines = [["考生", "评委", *maxima], ["A-1", "魏", *maxima.values()], ["A-9", "魏", *maxima.values()]]
    raw = "\n".join(separator.join(line) for line in lines).encode("utf-8-sig")
    found = import_bytes(raw, "csv", exam, name="marks.csv")
    [sheet] = found.sheets
    assert (sheet.author.name, sheet.points) == ("魏", BMV.total_points)
    assert found.skipped == {"unknown_attempt": 1}
    assert found.warnings[0].code == "office_table"
    assert all(each.text("zh") for each in found.warnings)


def test_label_studio_tasks_have_the_documented_shape(exam):
    _, _, raw = export_bytes(exam, "label-studio")
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        tasks = json.loads(archive.read("Spring-exam-1-bmv-adult.json"))
        config = archive.read("Spring-exam-1-bmv-adult.xml").decode()
    first, second = tasks
    assert first["data"]["video"] == "videos/A-1.mp4"
    wei, _, lin = first["annotations"]
    assert wei["created_at"] == "2026-03-01T10:00:00Z"
    assert [each["ground_truth"] for each in first["annotations"]] == [False, False, True]
    assert lin["was_cancelled"] is False
    assert second["predictions"][0]["model_version"] == "model:qwen"
    by_name = {each["from_name"]: each for each in wei["result"]}
    assert by_name["points__bmv01"]["value"] == {"number": 2.5}
    assert by_name["deductions__bmv01"]["value"] == {"choices": [DEDUCTION]}
    regions = [each for each in wei["result"] if each["type"] == "labels"]
    assert regions[0]["value"] == {"start": 1.25, "end": 3.5, "channel": 0, "labels": ["bmv01"]}
    assert len({each["id"] for each in wei["result"]}) == len(wei["result"])
    # Every result names a control of the configuration, and its target is one of the two players.
    for each in wei["result"]:
        assert f'name="{each["from_name"]}"' in config
        assert f'name="{each["to_name"]}"' in config


def test_annotations_made_in_label_studio_are_read(exam):
    def result(from_name, kind, **value):
        return {"from_name": from_name, "to_name": "video", "type": kind, "id": "a", "value": value}

    task = {
        "id": 7,
        "data": {"video": "https://example.org/media/A-2.mp4"},
        "annotations": [
            {
                "id": 1001,
                "completed_by": {"id": 3, "email": "wei@example.org"},
                "lead_time": 61.5,
                "was_cancelled": False,
                "ground_truth": False,
                "created_at": "2026-03-09T22:16:08.728353Z",
                "result": [
                    result("points__bmv01", "number", number=3),
                    result("evidence", "labels", start=1.5, end=2, channel=0, labels=["bmv01"]),
                    result("evidence", "timelinelabels", ranges=[{"start": 3, "end": 90}], timelinelabels=["bmv01"]),
                    result("note__bmv01", "textarea", text=["one", "two"]),
                    result("mood", "rating", rating=4),
                ],
            },
            {"completed_by": 4, "was_cancelled": True, "result": []},
        ],
    }
    found = import_bytes(json.dumps([task]).encode(), "label-studio", exam, name="export.json")
    [sheet] = found.sheets
    assert (sheet.attempt, sheet.author.name, sheet.model_extra) == ("A-2", "wei@example.org", {"lead_time_s": 61.5})
    assert sheet.steps["bmv01"].evidence == ((1.5, 2.0),)
    assert sheet.steps["bmv01"].note == "one\ntwo"
    assert sheet.steps["bmv02"].status == "cannot_judge"
    assert found.skipped == {"cancelled": 1, "frames_need_table": 1, "unknown_result": 1}


def test_a_boris_project_has_the_parts_that_boris_saves(exam):
    name, _, raw = export_bytes(exam, "boris")
    project = json.loads(raw)
    assert name == "Spring-exam.boris"
    assert set(project) >= {
        "time_format", "project_date", "project_name", "project_description", "project_format_version", "subjects_conf",
        "behaviors_conf", "observations", "behavioral_categories", "independent_variables", "coding_map",
        "behaviors_coding_map", "converters",
    }  # fmt: skip
    assert [each["code"] for each in project["behaviors_conf"].values()] == [step.id for step in BMV.steps]
    wei = project["observations"]["A-1 bmv-adult wei"]
    assert wei["file"]["1"] == ["videos/A-1.mp4"]
    assert wei["media_info"]["length"] == {"videos/A-1.mp4": DURATION_S}
    # The two intervals overlap, so the second modifier says which start belongs to which stop.
    assert wei["events"] == [
        [1.25, "wei", "bmv01", f"{DEDUCTION}|1", ""],
        [2.0, "wei", "bmv01", f"{DEDUCTION}|2", ""],
        [3.5, "wei", "bmv01", f"{DEDUCTION}|1", ""],
        [9.0, "wei", "bmv01", f"{DEDUCTION}|2", ""],
    ]
    labels = {each["label"] for each in project["independent_variables"].values()}
    assert {name for each in project["observations"].values() for name in each["independent_variables"]} == labels


def test_a_boris_project_coded_by_hand_is_read(exam):
    project = {
        "observations": {
            "morning": {
                "file": {"1": ["/home/lab/A-2.mp4"], "2": []},
                "type": "MEDIA",
                "independent_variables": {"weather": "fine"},
                "events": [
                    [1.0, "wei", "bmv01", "", "", 25],
                    [2.0, "okafor", "bmv01", f"{DEDUCTION}", ""],
                    [2.5, "wei", "bmv01", "", ""],
                    [3.0, "okafor", "bmv01", f"{DEDUCTION}", ""],
                    [9.0, "wei", "bmv02", "", ""],
                ],
            }
        }
    }
    found = import_bytes(json.dumps(project).encode(), "boris", exam, name="lab.boris")
    sheets = {sheet.author.name: sheet for sheet in found.sheets}
    assert sheets["wei"].steps["bmv01"].evidence == ((1.0, 2.5),)
    assert sheets["okafor"].steps["bmv01"].deductions == (DEDUCTION,)
    assert {sheet.attempt for sheet in found.sheets} == {"A-2"}
    assert found.skipped == {"unpaired_event": 1}
