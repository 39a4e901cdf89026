"""Evidence from programs that mark videos: a step and when it was seen, never points."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from drawn_sheets import dataset_of
from hint_files import CVAT_IMAGES, CVAT_VIDEO, DATAVYU_DB, HINTS, coco, frames_of, opf, via

from siming.errors import SheetError, TaskError
from siming.exchange import FORMATS, export_bytes, import_bytes
from siming.rubric import Author

EXAM = dataset_of([])
WEI = Author(kind="physician", name="wei")


def read(raw: bytes, form: str, *, name: str = "A-1", author: Author | None = WEI, frames=frames_of):
    return import_bytes(raw, form, EXAM, name=name, author=author, frames=frames)


def evidence(found) -> dict[str, tuple[tuple[float, float], ...]]:
    [sheet] = found.sheets
    assert (sheet.attempt, sheet.author) == ("A-1", WEI)
    assert {entry.status for entry in sheet.steps.values()} == {"cannot_judge"}  # seen is not judged
    return {step: entry.evidence for step, entry in sheet.steps.items() if entry.evidence}


@pytest.mark.parametrize(
    ("form", "raw", "wanted"),
    [
        # pictures 2 and 3, gone at 4, which begins at 0.2; then 6 alone, until 7 begins
        ("cvat", CVAT_VIDEO, {"bmv01": ((0.08, 0.2), (0.28, 0.32))}),
        # every second picture was looked at: 2 and 4 follow each other, 8 stands alone
        ("cvat", CVAT_IMAGES, {"bmv01": ((0.08, 0.24), (0.36, 0.4))}),
        ("coco", coco(), {"bmv01": ((0.08, 0.24), (0.36, 0.4))}),
        ("datavyu", opf(), {"bmv01": ((1.25, 3.5), (120.0, 120.0))}),
        ("via", via(), {"bmv01": ((1.25, 3.5),), "bmv02": ((6.5, 6.5),)}),
    ],
    ids=["cvat video", "cvat images", "coco", "datavyu", "via"],
)
def test_what_was_marked_is_evidence_of_the_step(form, raw, wanted):
    assert evidence(read(raw, form)) == wanted


@pytest.mark.parametrize("form", HINTS)
def test_labels_that_are_no_step_are_counted_and_told(form):
    found = read(HINTS[form], form)
    assert found.skipped["unknown_step"] == 1
    assert any("mask" in told.text("zh") for told in found.warnings)


@pytest.mark.parametrize("form", ["cvat", "coco"])
def test_pictures_have_no_time_without_the_videos_own_table(form):
    found = read(HINTS[form], form, frames=None)
    assert found.sheets == ()
    assert found.skipped == {"frames_need_table": 1}


@pytest.mark.parametrize("form", HINTS)
def test_whose_marks_they_are_must_be_said(form):
    with pytest.raises(SheetError, match="nobody is named who rated"):
        read(HINTS[form], form, author=None)


@pytest.mark.parametrize(("form", "raw"), [("datavyu", opf()), ("via", via(file={}, view={}))])
def test_a_file_that_names_no_video_is_taken_for_the_attempt_it_is_called_after(form, raw):
    assert evidence(read(raw, form, name="A-1.opf"))
    with pytest.raises(SheetError, match="name the file after the attempt"):
        read(raw, form, name="tuesday.opf")


def test_videos_that_are_no_attempt_are_skipped_and_the_others_read():
    plain = json.loads(via())
    plain["file"]["2"] = {"fid": "2", "fname": "holiday.mp4"}
    plain["view"]["2"] = {"fid_list": ["2"]}
    plain["metadata"]["2_a"] = {"vid": "2", "z": [1, 2], "av": {"1": "0"}}
    found = read(json.dumps(plain).encode(), "via")
    assert evidence(found)["bmv01"] == ((1.25, 3.5),)
    assert found.skipped["unknown_attempt"] == 1
    other = json.loads(coco())
    other["videos"].append({"id": 4, "name": "holiday.mp4"})
    other["images"].append({"id": 99, "video_id": 4, "frame_id": 0})
    other["annotations"].append({"id": 1, "image_id": 99, "category_id": 1})
    assert read(json.dumps(other).encode(), "coco").skipped["unknown_attempt"] == 1


def test_coco_without_videos_is_numbered_by_its_file_names():
    images = [{"id": n, "file_name": f"frame_{n:06d}.PNG"} for n in range(10)]
    annotations = [{"id": n, "image_id": n, "category_id": 1} for n in (4, 5, 9)]
    raw = coco(videos=[], images=images, annotations=annotations)
    assert evidence(read(raw, "coco", name="A-1.json")) == {"bmv01": ((0.2, 0.28), (0.4, 0.44))}


@pytest.mark.parametrize(
    ("form", "raw", "why"),
    [
        ("cvat", CVAT_VIDEO.replace(b'frame="6"', b'frame="10"'), "the video has 10, from 0 to 9"),
        ("cvat", CVAT_VIDEO.replace(b'frame="6"', b'frame="-1"'), "wanted its number"),
        ("cvat", CVAT_VIDEO.replace(b'frame="6"', b'frame="' + b"9" * 5000 + b'"'), "wanted its number"),
        ("cvat", CVAT_VIDEO.replace(b"<task>", b"<project><name>x</name></project><task>"), "export each task"),
        ("cvat", b"<html></html>", "wanted CVAT's <annotations>"),
        ("cvat", b'<!DOCTYPE x [<!ENTITY e "x">]><annotations>&e;</annotations>', "document type or entities"),
        ("cvat", b"<a>" * 100_000, "nested"),
        ("coco", coco(images=[{"id": 12, "frame_id": 1e300}]), "from 0 up"),
        ("coco", coco(images=[{"id": 12, "frame_id": 2.5}]), "from 0 up"),
        ("coco", coco(images=[{"id": 12, "video_id": 77, "frame_id": 1}]), "no such video is listed"),
        ("coco", coco(images=[{"id": 12, "file_name": "last.jpg"}]), "which picture of the video it is"),
        ("coco", coco(annotations=[{"image_id": 1, "category_id": 1}]), "no such picture is listed"),
        ("coco", coco(annotations=[{"image_id": 12, "category_id": 9}]), "no such category is listed"),
        ("coco", b"[" * 200_000, "nested too deeply"),
        ("datavyu", opf(DATAVYU_DB.split("\n", 2)[2]), "a cell before the first column"),
        ("datavyu", opf(DATAVYU_DB.replace("00:00:03:500", "00:00:00:500")), "count forward from 0"),
        ("datavyu", opf(DATAVYU_DB.replace("00:00:03:500", "99:00:03:500")), "the video lasts 170.5 s"),
        ("datavyu", opf(b"\xff\xfe"), "not UTF-8"),
        ("datavyu", opf(**{"../../etc/passwd": b"x"}), "leads out of the folder"),
        ("datavyu", opf(b"\0" * (80 << 20)), "are accepted"),
        ("datavyu", opf(b"\0" * (40 << 20)), "bomb does"),
        ("datavyu", b"PK\x03\x04 nothing", "is not a zip file"),
        ("via", via(metadata={"a": {"vid": "1", "z": [3, 1], "av": {"1": "0"}}}), "count forward from 0"),
        ("via", via(metadata={"a": {"vid": "1", "z": [1, 2, 3], "av": {"1": "0"}}}), "more than two times"),
        ("via", via(metadata={"a": {"vid": "1", "z": "soon", "av": {"1": "0"}}}), "wanted a list"),
        ("via", via(metadata=[]), "wanted an object"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(form, raw, why):
    with pytest.raises(SheetError) as caught:
        read(raw, form)
    assert why in str(caught.value)


def test_a_project_without_its_cells_is_no_project():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("project", "x")
    with pytest.raises(SheetError, match="give a project that Datavyu saved"):
        read(stream.getvalue(), "datavyu")


@pytest.mark.parametrize("form", HINTS)
def test_they_only_come_in_and_say_what_they_lose(form):
    assert (FORMATS[form].can_read, FORMATS[form].can_write) == (True, False)
    assert "points" in FORMATS[form].loses
    with pytest.raises(TaskError, match="can be read and not written"):
        export_bytes(EXAM, form)
