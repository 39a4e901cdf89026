"""A dataset in a zip file: the same bytes each time, and no way out of the folder for what a stranger packed."""

from __future__ import annotations

import io
import stat
import zipfile
from dataclasses import replace

import pytest
from drawn_sheets import PLAIN_RUBRIC, dataset_of, simple_sheet
from hypothesis import given, settings
from hypothesis import strategies as st

from siming.errors import DatasetError, SimingError
from siming.exchange import export_bytes, import_bytes, read_archive, write_archive
from siming.exchange.archive import Archive, packed
from siming.rubric import builtin_rubric, load_dataset, write_dataset

EXAM = dataset_of(
    [simple_sheet("wei"), simple_sheet("okafor", attempt="A-2")], (PLAIN_RUBRIC, builtin_rubric("bmv-adult"))
)


@pytest.fixture
def on_disk(tmp_path):
    dataset = replace(EXAM, folder=tmp_path / "exam")
    (tmp_path / "exam" / "videos").mkdir(parents=True)
    for attempt in dataset.attempts:
        (tmp_path / "exam" / attempt.video.path).write_bytes(b"\x00video of " + attempt.id.encode())
    return dataset


def test_a_dataset_goes_into_an_archive_and_comes_back(on_disk, tmp_path):
    write_archive(on_disk, tmp_path / "exam.zip")
    found = read_archive(tmp_path / "exam.zip", tmp_path / "copy")
    assert found.folder == tmp_path / "copy"
    assert (found.rubrics, found.attempts, found.sheets) == (on_disk.rubrics, on_disk.attempts, on_disk.sheets)
    assert load_dataset(tmp_path / "copy").sheets == found.sheets
    assert not (tmp_path / "copy" / "videos").exists()
    write_archive(found, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "exam.zip").read_bytes()


def test_videos_go_along_only_where_they_are_asked_for(on_disk, tmp_path):
    write_archive(on_disk, tmp_path / "exam.zip", videos=True)
    found = read_archive(tmp_path / "exam.zip", tmp_path / "copy")
    assert found.video_path(found.attempts[0]).read_bytes() == b"\x00video of A-1"
    write_archive(found, tmp_path / "again.zip", videos=True)
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "exam.zip").read_bytes()


def test_the_archive_names_its_rubrics_in_full_so_that_it_needs_no_siming_of_its_day(tmp_path):
    _, _, raw = export_bytes(EXAM, "siming")
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert archive.namelist() == [
            "attempts.jsonl", "dataset.yaml", "rubrics/1-plain.yaml", "rubrics/2-bmv-adult.yaml", "sheets.jsonl",
        ]  # fmt: skip
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_nothing_is_unpacked_over_what_is_there(tmp_path, on_disk):
    write_archive(on_disk, tmp_path / "exam.zip")
    with pytest.raises(DatasetError, match="not empty"):
        read_archive(tmp_path / "exam.zip", tmp_path / "exam")


def test_a_folder_that_is_no_dataset_leaves_nothing_behind(tmp_path):
    (tmp_path / "bad.zip").write_bytes(packed({"dataset.yaml": b"schema: siming.dataset/1\nname: x\n"}))
    with pytest.raises(DatasetError, match=r"bad\.zip/dataset\.yaml"):
        read_archive(tmp_path / "bad.zip", tmp_path / "copy")
    assert [each.name for each in tmp_path.iterdir()] == ["bad.zip"]


def zipped(*members, **changes) -> bytes:
    """A zip file of names (or ready-made infos) with a little content each."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", changes.pop("method", zipfile.ZIP_DEFLATED)) as archive:
        for each in members:
            is_folder = isinstance(each, str) and each.endswith("/")
            archive.writestr(each, b"" if is_folder else changes.get("content", b"x"))
    return stream.getvalue()


def link(name: str, mode: int = stat.S_IFLNK) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (mode | 0o777) << 16
    return info


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("members", "why"),
    [
        (["../evil"], "leads out"),
        (["a/../../evil"], "leads out"),
        (["/etc/passwd"], "leads out"),
        (["C:/evil"], "leads out"),
        (["a\\..\\..\\evil"], "leads out"),
        (["a//b"], "leads out"),
        (["./a"], "leads out"),
        (["con.txt"], "no name on every system"),
        (["aux/x"], "no name on every system"),
        (["a."], "no name on every system"),
        (["a "], "no name on every system"),
        (["a\nb"], "no name on every system"),
        (["a\u202eb"], "no name on every system"),
        (["x" * 300], "no name on every system"),
        (["a", "A"], "one file on some systems"),
        (["ä", "a\u0308"], "one file on some systems"),
        (["a", "a"], "one file on some systems"),
        (["a", "a/b"], "one on some systems"),
        (["a/b", "a"], "one file on some systems"),
        (["a/b", "A/c"], "one on some systems"),
        ([link("a")], "a link or a device"),
        ([link("a", stat.S_IFIFO)], "a link or a device"),
        ([link("a", stat.S_IFBLK)], "a link or a device"),
        ([f"{n}" for n in range(101)], "holds 101 files"),
    ],
)
def test_an_archive_with_a_trap_in_it_is_refused(members, why, tmp_path):
    with pytest.raises(DatasetError, match=why):
        Archive(zipped(*members), "trap.zip", most_files=100)


@pytest.mark.parametrize("members", [["a/", "a/b"], ["a/b", "a/c"], ["a/b", "a/"], ["数据/标准.yaml"]])
def test_folders_and_names_in_chinese_are_no_trap(members):
    assert Archive(zipped(*members), "fine.zip").names == sorted(each for each in members if not each.endswith("/"))


def test_a_zip_bomb_is_not_unpacked():
    with pytest.raises(DatasetError, match="zip bomb"):
        Archive(zipped("zeros", content=bytes(50 << 20)), "bomb.zip")
    with pytest.raises(DatasetError, match=r"unpacks to 5,000,000 bytes, and 1,000,000 are accepted"):
        Archive(zipped("zeros", content=bytes(5_000_000)), "bomb.zip", most_bytes=1_000_000)


def test_members_that_share_their_bytes_are_a_bomb():
    raw = bytearray(zipped("a", "b", content=bytes(range(256)) * 40, method=zipfile.ZIP_STORED))
    directory = raw.rindex(b"PK\x01\x02")
    raw[directory + 42 : directory + 46] = bytes(4)  # the second entry points to the first one's bytes
    with pytest.raises(DatasetError, match=r"damaged|overlap"):
        Archive(bytes(raw), "bomb.zip").read("b")


def test_a_member_that_is_longer_than_it_says_is_refused():
    raw = bytearray(zipped("a", content=b"y" * 1000))
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = raw.rindex(mark) + at
        raw[place : place + 4] = (10).to_bytes(4, "little")
    with pytest.raises(DatasetError, match=r"damaged|not as long"):
        Archive(bytes(raw), "liar.zip").read("a")


def test_an_encrypted_member_and_an_odd_method_are_refused():
    raw = bytearray(zipped("a"))
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(DatasetError, match="encrypted"):
        Archive(bytes(raw), "secret.zip")
    with pytest.raises(DatasetError, match="method"):
        Archive(zipped("a", method=zipfile.ZIP_LZMA), "odd.zip")


def test_what_is_no_zip_file_is_told():
    with pytest.raises(DatasetError, match="is not a zip file"):
        Archive(b"nothing", "x.zip")
    with pytest.raises(DatasetError, match=r"no dataset\.yaml"):
        import_bytes(zipped("a"), "siming", EXAM, name="x.zip")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_no_damaged_archive_gives_another_error(data):
    raw = bytearray(packed({"a/b.txt": b"hello" * 50, "dataset.yaml": b"x: 1"}))
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        archive = Archive(bytes(raw), "damaged.zip")
        for name in archive.names:
            archive.read(name)
    except SimingError:
        pass


def test_a_dataset_written_from_an_archive_is_a_dataset(tmp_path, on_disk):
    write_archive(on_disk, tmp_path / "exam.zip")
    found = read_archive(tmp_path / "exam.zip", tmp_path / "copy")
    write_dataset(found)
    assert load_dataset(tmp_path / "copy").info == found.info
