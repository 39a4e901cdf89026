"""`siming sheets`: formats, export, import, pack and unpack."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import pytest
from drawn_sheets import dataset_of, simple_sheet
from hint_files import CVAT_VIDEO
from typer.testing import CliRunner

from siming.cli import sheets
from siming.errors import SheetError, TaskError
from siming.exchange import FORMATS
from siming.rubric import Entry, load_dataset, write_dataset


@pytest.fixture
def exam(tmp_path):
    dataset = dataset_of([simple_sheet("wei", bmv01=Entry(points=1, evidence=((1.0, 2.0),))), simple_sheet("okafor")])
    write_dataset(replace(dataset, folder=tmp_path / "exam"))
    return tmp_path / "exam"


def run(*args: object, raises: type[Exception] | None = None):
    done = CliRunner().invoke(sheets.app, list(map(str, args)), env={"COLUMNS": "200", "SIMING_LANG": "en"})
    if raises is None:
        assert done.exit_code == 0, done.output
    else:
        assert isinstance(done.exception, raises)
    return done


@pytest.mark.parametrize("language", ["en", "zh"])
def test_formats_says_what_each_keeps_and_loses(language):
    told = run("formats", "--lang", language).stdout
    assert all(format_id in told for format_id in FORMATS)
    plain = json.loads(run("formats", "--json", "--lang", language).stdout)
    assert [each["id"] for each in plain] == list(FORMATS)
    assert plain[4]["loses_text"][0] == FORMATS["elan"].loses_in(language)[0]


def test_what_is_exported_is_imported_into_a_dataset_that_lacks_it(exam, tmp_path):
    table = tmp_path / "wei.csv"
    assert str(table) in run("export", exam, table, "--author", "physician:wei").stdout
    kept = [sheet for sheet in load_dataset(exam).sheets if sheet.author.name == "okafor"]
    write_dataset(replace(load_dataset(exam), sheets=kept))
    asked = run("import", exam, table)
    assert "1 sheets of 1 attempts by physician:wei" in asked.stdout
    assert "nothing was changed" in asked.stderr
    assert len(load_dataset(exam).sheets) == 1
    assert "has 2 sheets now" in run("import", exam, table, "--add").stdout
    assert {sheet.author.name for sheet in load_dataset(exam).sheets} == {"wei", "okafor"}


def test_a_sheet_that_is_there_already_is_not_replaced(exam, tmp_path):
    run("export", exam, tmp_path / "all.xlsx")
    done = run("import", exam, tmp_path / "all.xlsx", "--add", raises=SheetError)
    assert "already" in str(done.exception)


def test_json_holds_sheets_warnings_and_counts(exam, tmp_path):
    run("export", exam, tmp_path / "elan", "--format", "elan")
    args = ("import", exam, tmp_path / "elan", "--format", "elan", "--author", "wei", "--json", "--lang", "zh")
    plain = json.loads(run(*args).stdout)
    assert [each["author"]["name"] for each in plain["sheets"]] == ["wei"]
    assert plain["skipped"]["other_author"] >= 1
    assert "okafor" in plain["warnings"][0]


def test_an_ending_that_names_no_format_is_told(exam, tmp_path):
    done = run("export", exam, tmp_path / "x.doc", raises=TaskError)
    assert "label-studio" in str(done.exception)


def test_a_dataset_is_packed_and_unpacked(exam, tmp_path):
    run("pack", exam, tmp_path / "exam.zip")
    run("unpack", tmp_path / "exam.zip", tmp_path / "copy")
    assert load_dataset(tmp_path / "copy").sheets == load_dataset(exam).sheets


@pytest.mark.parametrize("command", ["formats", "export", "import", "pack", "unpack"])
def test_every_command_has_examples_in_its_help(command):
    assert f"siming sheets {command}" in run(command, "--help").stdout


def draw_video(path, times_ms):
    """A recording whose pictures come on show at these times, and the last one stays as long as the one before."""
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for at in times_ms:
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), at % 255, dtype=np.uint8), format="rgb24")
            picture.pts, picture.time_base = at, Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def test_pictures_that_somebody_marked_become_times_through_the_datasets_own_video(exam, tmp_path):
    marks = tmp_path / "A-1.xml"
    marks.write_bytes(CVAT_VIDEO)
    asked = ("import", exam, marks, "--format", "cvat", "--author", "physician:lin", "--json")
    assert json.loads(run(*asked).stdout)["skipped"] == {"frames_need_table": 1}  # there is no video yet
    (exam / "videos").mkdir(exist_ok=True)
    # the rate wanders: picture 2 comes at 90 ms, 4 at 250, 6 at 400, 7 at 440
    draw_video(exam / "videos" / "A-1.mp4", [0, 40, 90, 170, 250, 300, 400, 440])
    [sheet] = json.loads(run(*asked).stdout)["sheets"]
    assert sheet["steps"]["bmv01"]["evidence"] == [[0.09, 0.25], [0.4, 0.44]]
    assert "points" not in sheet["steps"]["bmv01"]
