"""Files as attacks: each is refused in words, by one of siming's own errors, and quickly."""

from __future__ import annotations

import csv
import io
import json
import sys
import time
import zipfile
from dataclasses import replace

import pytest
from drawn_sheets import DURATION_S, dataset_of, simple_sheet
from hint_files import HINTS, frames_of
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from siming.errors import MissingExtraError, SheetError, SimingError, TaskError
from siming.exchange import FORMATS, export_bytes, export_sheets, import_bytes, import_sheets
from siming.rubric import Entry, builtin_rubric

EXAM = dataset_of(
    [
        simple_sheet("wei", bmv01=Entry(points=2.5, evidence=((1.25, 3.5),), note="漏气")),
        simple_sheet("okafor", attempt="A-2", bmv02=Entry(status="cannot_judge", reason="hidden")),
    ]
)
READABLE = [each.id for each in FORMATS.values() if each.can_read]
FILES = {
    format_id: export_bytes(EXAM, format_id) if FORMATS[format_id].can_write else (format_id, "", HINTS[format_id])
    for format_id in READABLE
}
WEI = EXAM.sheets[0].author
SUFFIXES = {each.id: each.suffix for each in FORMATS.values()}


def member(format_id: str) -> bytes:
    """One file as the format has it, out of the zip file where there are several."""
    raw = FILES[format_id][2]
    if not FORMATS[format_id].several:
        return raw
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return archive.read(next(n for n in archive.namelist() if n.endswith(SUFFIXES[format_id])))


def refused(raw: bytes, format_id: str, **options) -> str:
    began = time.monotonic()
    with pytest.raises(SimingError) as caught:
        import_bytes(raw, format_id, EXAM, name=f"attack{SUFFIXES[format_id]}", **options)
    assert time.monotonic() - began < 30
    return str(caught.value)


BILLION_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
    + b"".join(b'<!ENTITY lol%d "%s">' % (n, b"&lol%d;" % (n - 1) * 10 if n else b"&lol;" * 10) for n in range(10))
    + b"]><ANNOTATION_DOCUMENT>&lol9;</ANNOTATION_DOCUMENT>"
)
EXTERNAL = (
    b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><ANNOTATION_DOCUMENT><P>&e;</P></ANNOTATION_DOCUMENT>'
)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (BILLION_LAUGHS, "document type or entities"),
        (EXTERNAL, "document type or entities"),
        (EXTERNAL.decode().encode("utf-16"), "document type or entities"),
        (b'<!DOCTYPE x SYSTEM "http://example.org/x.dtd"><ANNOTATION_DOCUMENT/>', "document type or entities"),
        (b"<a>" * 100_000, "nested"),
        (b"<html></html>", "wanted an ELAN document"),
        (b"<ANNOTATION_DOCUMENT>", "broken XML"),
        (b"\x00\x01\x02", "broken XML"),
        (b"<ANNOTATION_DOCUMENT/>", "name the file after the attempt"),
    ],
)
def test_hostile_xml_is_refused(raw, why):
    assert why in refused(raw, "elan")


@pytest.mark.parametrize("format_id", ["label-studio", "boris"])
@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b'{"data": NaN}', "NaN is not a number"),
        (b'{"data": -Infinity}', "not a number"),
        (b'{"data": 1e400}', "beyond measure"),
        (b'{"data": ' + b"9" * 10_000 + b"}", "not valid JSON"),
        (b'{"data": 1, "data": 2}', "stands twice"),
        (b'{"data": "\\ud800"}', "half a character"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"{", "not valid JSON"),
        (b"   ", "is empty"),
        (b'"text"', "wanted an object"),
    ],
)
def test_hostile_json_is_refused(format_id, raw, why):
    assert why in refused(raw, format_id)


def changed(format_id: str, old: bytes, new: bytes) -> bytes:
    raw = member(format_id)
    assert old in raw
    return raw.replace(old, new)


@pytest.mark.parametrize(
    ("format_id", "old", "new", "why"),
    [
        ("csv", b"1.25 to 3.5", b"-1 to 3.5", "count forward from 0"),
        ("csv", b"1.25 to 3.5", b"4 to 3.5", "count forward from 0"),
        ("csv", b"1.25 to 3.5", b"1.25 to 171", "the video lasts 170.5 s"),
        ("csv", b"1.25 to 3.5", b"nan to 3.5", "wanted a number"),
        ("csv", b"1.25 to 3.5", b"1.25 to 1e400", "wanted a number"),
        ("csv", b"1.25 to 3.5", b"1-Mar", "not seconds"),
        ("csv", b",2.5,", b",1e999,", "wanted a number"),
        ("csv", b",2.5,", b",-2,", "greater than or equal to 0"),
        ("csv", b",2.5,", b",999,", "the rubric allows 0"),
        ("csv", b",cannot_judge,", b",maybe,", "maybe"),
        ("csv", b",physician,", b",god,", "wanted physician"),
        ("csv", b"bmv02", b"bmv01", "a second time"),
        ("label-studio", b'"start": 1.25', b'"start": -1', "count forward from 0"),
        ("label-studio", b'"end": 3.5', b'"end": 1e300', "the video lasts 170.5 s"),
        ("label-studio", b'"number": 2.5', b'"number": [2]', "is a list, wanted a number"),
        ("label-studio", b'"number": 2.5', b'"number": true', "is true or false, wanted a number"),
        ("label-studio", b'"result": [', b'"result": 3, "x": [', "is a number, wanted a list"),
        ("label-studio", b'"rubric_version": "', b'"rubric_version": "9.', "give the rubric of that version"),
        ("boris", b"   1.25,", b"   -1.25,", "count forward from 0"),
        ("boris", b"   1.25,", b'   "x",', "wanted a number"),
        ("boris", b"   3.5,", b"   1e300,", "the video lasts 170.5 s"),
        ("elan", b'TIME_VALUE="1250"', b'TIME_VALUE="-1250"', "count forward from 0"),
        ("elan", b'TIME_VALUE="3500"', b'TIME_VALUE="99999999"', "the video lasts 170.5 s"),
        ("elan", b'TIME_VALUE="3500"', b'TIME_VALUE="nan"', "wanted a number"),
        ("elan", b' TIME_VALUE="3500"', b"", "has no time"),
    ],
)
def test_times_points_and_kinds_that_cannot_be_are_refused(format_id, old, new, why):
    assert why in refused(changed(format_id, old, new), format_id)


def test_evidence_may_end_a_moment_after_the_video():
    raw = changed("csv", b"1.25 to 3.5", f"1.25 to {DURATION_S + 0.05}".encode())
    assert import_bytes(raw, "csv", EXAM, name="a.csv").sheets[0].steps["bmv01"].evidence[0][1] > DURATION_S


@pytest.mark.parametrize("format_id", READABLE)
def test_a_file_over_the_limit_is_not_read(format_id, tmp_path):
    path = tmp_path / f"large{SUFFIXES[format_id]}"
    path.write_bytes(FILES[format_id][2])
    with pytest.raises(SheetError, match="100 are read"):
        import_sheets(path, format_id, EXAM, limit=100)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SheetError, match="No such file"):
        import_sheets(tmp_path / "none.csv", "csv", EXAM)


def test_a_name_close_to_a_format_is_advised():
    with pytest.raises(TaskError, match="did you mean 'label-studio'"):
        export_bytes(EXAM, "labelstudio")
    with pytest.raises(TaskError, match="can be written and not read"):
        import_bytes(b"x", "webvtt", EXAM, name="x.vtt")


def workbook_with(part: str, change) -> bytes:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(FILES["xlsx"][2])) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, change(content) if name == part else content)
    return stream.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda xml: b'<!DOCTYPE x [<!ENTITY e "ha">]>' + xml, "document type"),
        (lambda xml: xml.replace(b"</sheetData>", b'</sheetData><mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'),
         "merges"),
        (lambda xml: xml.replace(b"</sheetData>", b'</sheetData><mergeCells><mergeCell x=">" ref="A1:XFD9999999"/></mergeCells>'),
         "merges"),
        (lambda xml: xml + b" " * (120 << 20), "unpacks to"),
        (lambda xml: xml + b" " * (40 << 20), "zip bomb"),
        (lambda xml: xml[:200], "cannot be opened"),
        (lambda xml: xml.replace(b"<sheetData>", b'<sheetData><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
         "reaches to"),
    ],
)  # fmt: skip
def test_hostile_workbooks_are_refused(change, why):
    pytest.importorskip("openpyxl")
    assert why in refused(workbook_with(SHEET, change), "xlsx")


@pytest.mark.parametrize(
    "cell", [" " * 130_000 + "x to", '"' + "\\" * 130_000, ";" * 130_000, "a " * 65_000, "'" * 130_000]
)
@pytest.mark.parametrize("column", ["evidence (s)", "deductions", "note"])
def test_no_cell_takes_long_to_read(cell, column):
    rows = list(csv.reader(io.StringIO(member("csv").decode("utf-8-sig"), newline="")))
    rows[1][rows[0].index(column)] = cell
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    began = time.monotonic()
    tried(stream.getvalue().encode(), "csv")
    assert time.monotonic() - began < 15  # quadratic reading would take minutes


@pytest.mark.parametrize("column", ["attempt", "step", "note", "deductions", "more", "rater"])
def test_half_a_character_behind_an_escape_stays_an_escape(column):
    rows = list(csv.reader(io.StringIO(member("csv").decode("utf-8-sig"), newline="")))
    rows[1][rows[0].index(column)] = "_xD800_"
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    tried(stream.getvalue().encode(), "csv")


def test_a_million_complaints_are_counted_and_not_told_one_by_one():
    lines = ["attempt,rubric,rater,step,points,status", *(f"X-{at},r,wei,s,1,judged" for at in range(5000))]
    found = import_bytes("\n".join(lines).encode(), "csv", EXAM, name="a.csv")
    assert found.skipped == {"unknown_attempt": 5000}
    assert len(found.warnings) == 101
    assert found.warnings[-1].code == "more_remarks"


def test_names_in_warnings_are_short_and_turn_no_text_around():
    lines = ["attempt,rubric,rater,step,points,status", f"\u202e{'x' * 900},r,wei,s,1,judged"]
    [told] = import_bytes("\n".join(lines).encode("utf-8-sig"), "csv", EXAM, name="a.csv").warnings
    assert len(told.text("en")) < 250
    assert "\u202e" not in told.text("zh")


@pytest.mark.parametrize(("package", "format_id"), [("openpyxl", "xlsx"), ("pyarrow", "release")])
def test_a_missing_package_is_named_with_the_command_that_brings_it(package, format_id, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"pip install 'siming\[exchange\]'"):
        export_bytes(EXAM, format_id)
    if FORMATS[format_id].can_read:
        with pytest.raises(MissingExtraError, match=r"siming\[exchange\]"):
            import_bytes(FILES[format_id][2], format_id, EXAM, name="x.xlsx")


@pytest.mark.parametrize("format_id", ["elan", "webvtt"])
def test_ids_that_differ_by_case_alone_have_files_of_their_own(format_id):
    names = ["A-1", "a-1", "con", "A-1-2", "B."]
    attempts = [EXAM.attempts[0].model_copy(update={"id": name}) for name in names]
    exam = replace(EXAM, attempts=attempts, sheets=[simple_sheet("wei", attempt=name) for name in names])
    name, _, raw = export_bytes(exam, format_id, authors=[exam.sheets[0].author])
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert len({each.casefold() for each in archive.namelist()}) == len(names)
    if format_id == "elan":
        assert {sheet.attempt for sheet in import_bytes(raw, "elan", exam, name=name).sheets} == set(names)


def test_a_formula_in_a_workbook_is_no_mark():
    pytest.importorskip("openpyxl")
    raw = workbook_with(SHEET, lambda xml: xml.replace(b"<v>2.5</v>", b"<f>1+1</f>"))
    assert "'=1+1'" in refused(raw, "xlsx")


def test_words_of_an_upload_stand_harmless_in_captions():
    note = "\u202eevil --> 00:00\n\n1\n00:00:00.000 --> 00:09:00.000\n<script>x</script>\x00"
    exam = dataset_of([simple_sheet("<v x>", bmv01=Entry(points=1, note=note, evidence=((0.0, 1.0),)))])
    _, _, raw = export_bytes(exam, "webvtt", attempts=["A-1"], authors=[exam.sheets[0].author])
    text = raw.decode()
    assert text.count("-->") == 1
    assert "<script" not in text
    assert "\u202e" not in text
    assert "<v &lt;v x&gt;>" in text


@pytest.mark.parametrize("times", [(-1.0, 2.0), (3.0, 2.0)])
def test_evidence_that_no_time_line_holds_is_refused_on_the_way_out(times):
    exam = dataset_of([simple_sheet("wei", bmv01=Entry(points=1, evidence=(times,)))])
    with pytest.raises(SheetError, match="count forward from 0"):
        export_bytes(exam, "elan")


@pytest.mark.parametrize(("format_id", "length"), [("csv", 140_000), ("xlsx", 33_000)])
def test_a_note_too_long_for_a_cell_is_refused_and_not_cut(format_id, length, tmp_path):
    exam = dataset_of([simple_sheet("wei", bmv01=Entry(points=1, note="长" * length))])
    with pytest.raises(SheetError, match="export to"):
        export_sheets(exam, format_id, tmp_path)
    advised = import_bytes(export_bytes(exam, "siming")[2], "siming", exam, name="x.zip")
    assert advised.sheets == tuple(exam.sheets)


FUZZ = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)


def tried(raw: bytes, format_id: str) -> None:
    """Either sheets that fit, or an error of siming's own."""
    try:
        found = import_bytes(
            raw, format_id, EXAM, name="A-1.fuzz", frames=frames_of, author=WEI if format_id in HINTS else None
        )
    except SimingError as refused_as:
        complaint = str(refused_as)
    else:
        complaint = ""
        assert all(sheet.attempt in EXAM.attempts_by_id for sheet in found.sheets)
        assert all(each.text("zh") for each in found.warnings)
    assert len(complaint) < 20_000


@pytest.mark.parametrize("format_id", READABLE)
@FUZZ
@given(data=st.data())
def test_no_damaged_file_gives_another_error(format_id, data):
    raw = bytearray(member(format_id))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        until = min(len(raw), at + data.draw(st.integers(0, 30)))
        raw[at:until] = data.draw(
            st.binary(max_size=8)
            | st.sampled_from([b"1e999", b'"', b"null", b"[]", b"{}", b"-1", b"<x/>", b"\xff", b"\n"])
        )
    tried(bytes(raw), format_id)


@pytest.mark.parametrize("format_id", READABLE)
@FUZZ
@given(raw=st.binary(max_size=200))
def test_no_bytes_at_all_give_another_error(format_id, raw):
    tried(raw, format_id)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
    | st.sampled_from(["A-1", "bmv-adult", "bmv01", "wei", "points__bmv01", "number", "labels"]),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(
        st.sampled_from(["data", "annotations", "predictions", "result", "value", "type", "from_name", "number", "text",
                         "choices", "labels", "start", "end", "attempt", "rubric", "video", "observations", "events",
                         "independent_variables", "file", "completed_by", "model_version", "lead_time", "categories",
                         "images", "videos", "id", "name", "frame_id", "category_id", "image_id", "metadata", "z", "av",
                         "vid", "view", "attribute", "options", "aname", "fname", "fid_list"]),
        each, max_size=5),
    max_leaves=25,
)  # fmt: skip


@pytest.mark.parametrize("format_id", ["label-studio", "boris", "coco", "via"])
@settings(FUZZ, max_examples=120)
@given(plain=JSON)
def test_no_json_of_another_shape_gives_another_error(format_id, plain):
    wrapped = {"observations": plain} if format_id == "boris" and not isinstance(plain, dict) else plain
    tried(json.dumps(wrapped).encode(), format_id)


WHERE = ["tasks", "annotation", "result", "value"]


@settings(FUZZ, max_examples=150)
@given(where=st.sampled_from(WHERE), key=st.text(max_size=3), plain=JSON, data=st.data())
def test_no_value_in_the_place_of_another_gives_another_error(where, key, plain, data):
    tasks = json.loads(member("label-studio"))
    annotation = tasks[0]["annotations"][0]
    result = data.draw(st.sampled_from(annotation["result"]))
    target = {"tasks": tasks[0], "annotation": annotation, "result": result, "value": result["value"]}[where]
    target[data.draw(st.sampled_from([*target, key]))] = plain
    tried(json.dumps(tasks).encode(), "label-studio")


@settings(FUZZ, max_examples=150)
@given(plain=JSON, data=st.data())
def test_no_value_in_a_boris_project_gives_another_error(plain, data):
    project = json.loads(member("boris"))
    observation = next(iter(project["observations"].values()))
    target = data.draw(st.sampled_from([project, observation, observation["independent_variables"]]))
    observation["events"][0][data.draw(st.integers(0, 4))] = plain if data.draw(st.booleans()) else 1.0
    target[data.draw(st.sampled_from(list(target)))] = plain
    tried(json.dumps(project).encode(), "boris")


@pytest.mark.parametrize("format_id", ["coco", "via"])
@settings(FUZZ, max_examples=150)
@given(plain=JSON, data=st.data())
def test_no_value_among_marks_of_a_video_gives_another_error(format_id, plain, data):
    document = json.loads(HINTS[format_id])
    target = document
    for _ in range(data.draw(st.integers(0, 3))):
        inner = target[data.draw(st.sampled_from(list(target) if isinstance(target, dict) else range(len(target))))]
        if not isinstance(inner, dict | list) or not inner:
            break
        target = inner
    target[data.draw(st.sampled_from(list(target) if isinstance(target, dict) else range(len(target))))] = plain
    tried(json.dumps(document).encode(), format_id)


CELLS = st.sampled_from(
    ["", "1", "-1", "nan", "1e400", "9" * 400, "=1", "'", "judged", "cannot_judge", "wrong", "yes", "0 to 1", "1 to", "A-1",
     '{"step": 1}', '{"reasons": [1]}', '{"sheet": {"steps": 1}}', '{"author": {"x": 1}}', '"', ";", "_xD800_", "_x0000_",
     "bmv01", '{"reasons": {"fr": ["x"]}}']
) | st.text(max_size=6)  # fmt: skip


@settings(FUZZ, max_examples=150)
@given(changes=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 19), CELLS), min_size=1, max_size=4))
def test_no_cell_of_a_table_gives_another_error(changes):
    rows = list(csv.reader(io.StringIO(member("csv").decode("utf-8-sig"), newline="")))
    for row, column, cell in changes:
        if row < len(rows):
            rows[row][column] = cell
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    tried(stream.getvalue().encode("utf-8", "replace"), "csv")


PROPERTY = st.sampled_from(['{"author": 1}', "{}", "[]", '{"author":{"kind":"x","name":"y"}}', "1e400", "", '"'])


@settings(FUZZ, max_examples=100)
@given(plain=JSON | PROPERTY, key=st.sampled_from(["author", "steps", "rubric", "global_rating", "submitted_at", "x"]))
def test_no_property_of_an_elan_document_gives_another_error(plain, key):
    from xml.sax.saxutils import escape

    sheet = EXAM.sheets[0].to_plain() | {key: plain}
    text = plain if isinstance(plain, str) else json.dumps(sheet)
    raw = (
        f'<ANNOTATION_DOCUMENT><HEADER><PROPERTY NAME="siming.attempt">A-1</PROPERTY><PROPERTY NAME="siming.sheet.1">'
        f"{escape(text.translate(dict.fromkeys(range(32))))}</PROPERTY></HEADER></ANNOTATION_DOCUMENT>"
    )
    tried(raw.encode("utf-8", "replace"), "elan")


def test_the_rubric_of_the_tests_is_the_one_that_comes_with_siming():
    assert EXAM.rubrics["bmv-adult"] == builtin_rubric("bmv-adult")
