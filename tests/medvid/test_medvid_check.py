"""What `check` says of a copy of the data."""

from __future__ import annotations

import json

import pytest
from golden import golden
from made_release import make_release, rows_of, write_rows
from PIL import Image

from siming.bench.medvid.check import check
from siming.bench.medvid.checked import BREAKS, NOTES, RELEASE_NAMES, RELEASE_ROWS, RELEASE_TYPES
from siming.cli.console import strings
from siming.errors import DatasetError


@pytest.fixture
def data(tmp_path):
    return make_release(tmp_path)


def changed(data, number, **fields):
    rows = rows_of(data)
    rows[number] |= fields
    return write_rows(data.parent, rows)


def found(data, **options):
    return {each.code: each for each in check(data, data.parent / "frames", **options).findings}


def test_a_whole_copy_breaks_nothing_and_is_counted(data):
    checked = check(data, data.parent / "frames", depth="whole")
    assert not checked.breaks
    assert [finding.code for finding in checked.findings] == ["stride-irregular"]
    assert (checked.n_rows, checked.n_read, checked.n_frames, checked.n_regions) == (14, 14, 98, 2)
    assert checked.types["tal"] == 3
    assert checked.sources["AVOS"] == 5
    assert checked.extents == {"input frames": 12, "seconds": 1, "frames": 1}
    assert checked.fps == {"text": 14}
    assert checked.times == {"median stride": 12, "duration": 1, "folder rate": 1}
    assert checked.names == {"id": 8, "id_and_type": 13, "key": 13}
    assert checked.n_twins == 2
    assert (checked.frames["files_listed"], checked.frames["files_found"]) == (56, 56)


def test_it_is_no_release_for_its_counts_differ(data):
    plain = check(data).to_plain()
    assert not plain["release"]["same_counts"]
    assert plain["release"]["n_rows"] == 6245 == sum(RELEASE_TYPES.values())
    json.dumps(plain, allow_nan=False)


def test_a_file_with_the_counts_of_the_release_is_taken_for_it(tmp_path):
    """As many rows, types, and names as were published: 3,975 ids, 5,644 with the type, 6,216 with the question."""
    types = [name for name, n in RELEASE_TYPES.items() for _ in range(n)]
    assert len(types) == RELEASE_ROWS
    rows = []
    for number, qa_type in enumerate(types):
        name = number if number < RELEASE_NAMES["id"] else number - RELEASE_NAMES["id"]
        rows.append({"id": f"v{name}", "qa_type": qa_type, "metadata": {"fps": "1.0"}, "conversations": _asks(number)})
    # 2,270 ids are now taken twice, some by rows of one type. Rows are moved onto the id of the row before them until
    # 601 share id and type, the last 29 of them the question as well.
    shared = RELEASE_ROWS - len({(row["id"], row["qa_type"]) for row in rows})
    at = RELEASE_ROWS - 1
    while shared < RELEASE_ROWS - RELEASE_NAMES["id_and_type"]:
        if rows[at]["qa_type"] == rows[at - 1]["qa_type"]:
            rows[at]["id"] = rows[at - 1]["id"]
            shared += 1
            if shared > RELEASE_ROWS - RELEASE_NAMES["id_and_type"] - 29:
                rows[at]["conversations"] = rows[at - 1]["conversations"]
        at -= 2
    checked = check(write_rows(tmp_path, rows), depth="none")
    assert checked.names == RELEASE_NAMES
    assert checked.is_release


def _asks(number):
    return [{"from": "human", "value": f"<video>\nQuestion {number}?"}]


def test_the_golden_questions_have_nothing_that_breaks(tmp_path):
    golden("ground_truth")
    write_rows(tmp_path, golden("ground_truth"))
    checked = check(tmp_path, depth="none")
    assert not checked.breaks
    assert checked.extents == {"input frames": 231, "seconds": 38, "frames": 32}


# --- what breaks


def test_rows_that_cannot_be_read_are_named_and_the_others_are_looked_at(data):
    rows = rows_of(data)
    rows[2] = {"id": 5}
    finding = found(write_rows(data.parent, rows))["row-unreadable"]
    assert finding.breaks
    assert finding.examples[0].startswith("row 2: `id` is int")


@pytest.mark.parametrize("fps", ["n/a", "0", [1], "nan"])
def test_an_fps_that_is_no_number_breaks_for_it_loses_a_whole_task(data, fps):
    changed(data, 3, metadata={"video_id": "v", "fps": fps})
    finding = found(data)["fps-not-a-number"]
    assert finding.breaks
    assert "row 3 (dense_captioning_gpt" in finding.examples[0]


def test_a_missing_fps_is_a_note(data):
    changed(data, 3, metadata={"video_id": "v"})
    assert not found(data)["fps-missing"].breaks


def test_a_missing_frame_is_named_once_however_many_questions_show_it(data):
    (data.parent / "frames" / "AVOS" / "xA1" / "frame_0000130.jpg").unlink()
    finding = found(data)["frame-missing"]
    assert (finding.n, finding.breaks) == (1, True)
    assert "frame_0000130.jpg: there is no such picture" in finding.examples[0]


@pytest.mark.parametrize("depth", ["heads", "whole"])
def test_a_frame_cut_short_is_damaged(data, depth):
    file = data.parent / "frames" / "AVOS" / "xA1" / "frame_0000130.jpg"
    file.write_bytes(file.read_bytes()[:-200])
    assert found(data, depth=depth)["frame-damaged"].n == 1


@pytest.mark.parametrize("content", [b"", b"no picture", b"GIF89a" + b"\0" * 50, b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_a_file_that_is_no_picture_is_damaged(data, content):
    (data.parent / "frames" / "AVOS" / "xA1" / "frame_0000130.jpg").write_bytes(content)
    assert found(data)["frame-damaged"].n == 1


def test_only_decoding_finds_damage_inside_a_frame(data):
    file = data.parent / "frames" / "CoPESD" / "000024_part8" / "frame_0000130.jpg"
    Image.effect_noise((320, 180), 60).convert("RGB").save(file, "PNG")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF  # the check sum of the block no longer fits
    file.write_bytes(content)
    assert "frame-damaged" not in found(data)
    assert found(data, depth="whole")["frame-damaged"].n == 1


@pytest.mark.parametrize("path", ["../../etc/passwd", "AVOS/../../secret.jpg", "..\\..\\secret.jpg"])
def test_a_path_that_leads_out_is_found_and_never_opened(data, path):
    rows = rows_of(data)
    rows[0]["video"][0] = path
    finding = found(write_rows(data.parent, rows))["frame-path-outside"]
    assert finding.breaks
    assert repr(path) in finding.examples[0]


def test_a_link_that_leads_out_of_the_frames_counts_as_missing(data):
    file = data.parent / "frames" / "AVOS" / "xA1" / "frame_0000130.jpg"
    file.rename(data.parent / "private.jpg")
    file.symlink_to(data.parent / "private.jpg")
    assert "leads out of" in found(data)["frame-missing"].examples[0]


def test_a_region_on_a_frame_that_is_not_shown_breaks(data):
    changed(data, 10, RC_info={"start_frame": "EgoSurgery/other/1.jpg", "start_frame_bbox": [1, 2, 30, 40]})
    assert found(data)["region-frame-unknown"].breaks


@pytest.mark.parametrize(
    ("box", "code"),
    [
        ([150, 10, 400, 60], "region-cut"),
        ([181, 10, 400, 60], "region-outside"),
        ([60, 10, 50, 60], "region-outside"),
        ([0, 0, 180, 320], None),
    ],
)
def test_regions_are_held_against_the_picture_they_lie_on(data, box, code):
    """The frames of EgoSurgery are upright here: 180 wide, 320 high."""
    start = rows_of(data)[10]["video"][2]
    changed(data, 10, RC_info={"start_frame": start, "start_frame_bbox": box})
    codes = {name for name in found(data) if name.startswith("region")}
    assert codes == ({code} if code else set())


# --- what is only told


def test_frames_and_numbers_of_different_length_are_told(data):
    changed(data, 0, sampled_video_frames=[1, 2])
    changed(data, 1, sampled_video_frames=[9, 8, 7, 6, 5, 4, 3])
    codes = found(data)
    assert codes["frames-not-numbered"].n == 1
    assert codes["frame-numbers-fall"].n == 1
    assert codes["times-by-index"].n == 2


def test_rows_of_unknown_type_without_extent_or_region_are_told(data):
    changed(data, 0, qa_type="phase")
    changed(data, 1, metadata={"video_id": "v", "fps": "1.0"})
    changed(data, 10, RC_info=None)
    codes = found(data)
    assert {"type-unknown", "extent-missing", "region-missing"} <= set(codes)
    assert not any(each.breaks for each in codes.values())


def test_reference_boxes_outside_the_picture_are_told(data):
    changed(data, 2, struc_info=[{"bbox_dict": {"1.0": [300, 10, 330, 40], "3.0": [1, 1, 2, 2], "5.0": None}}])
    finding = found(data)["box-outside"]
    assert (finding.n, finding.breaks) == (1, False)
    assert "at 1.0" in finding.examples[0]


def test_without_a_folder_of_frames_it_says_that_none_were_looked_at(data):
    checked = check(data)
    assert checked.frames["files_found"] is None
    assert not checked.breaks
    assert [each.code for each in checked.findings if "looked" in each.code] == ["frames-not-looked-at"]


def test_frames_beside_the_data_are_looked_at_without_being_named(tmp_path):
    path = make_release(tmp_path, prefix="frames/")
    assert check(path).frames["files_found"] == 56


def test_a_picture_that_would_fill_the_memory_is_not_decoded(data):
    file = data.parent / "frames" / "AVOS" / "xA1" / "frame_0000130.jpg"
    Image.new("L", (16000, 16000)).save(file, "PNG")
    finding = found(data, depth="whole")["frame-damaged"]
    assert "larger than any frame" in finding.examples[0] or "no frame is as large" in finding.examples[0]


def test_no_list_of_rows_is_an_error(tmp_path):
    (tmp_path / "test.json").write_text("{}")
    with pytest.raises(DatasetError):
        check(tmp_path / "test.json")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_finding_has_its_words(language):
    assert {f"medvid_check_{code.replace('-', '_')}" for code in (*BREAKS, *NOTES)} <= strings(language).keys()
