"""Uploads: what was acknowledged is on the disk, whatever happens in between."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from datetime import timedelta

import pytest
from films import add_attempt_with_film
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rooms import build_room
from sqlalchemy import select, update

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError, StoreError
from siming.store.database import Database
from siming.store.media import attempts, exclusion, uploads
from siming.store.media.media_folder import MediaFolder
from siming.store.media.signatures import looks_like_video
from siming.store.media.uploads import Reception
from siming.store.schema import audit_event
from siming.store.schema import upload as upload_table

HEAD = b"\x00\x00\x00\x18ftypisom" + bytes(12)
"""How an MP4 file begins."""


@pytest.fixture
def folder(room):
    return MediaFolder(room.media)


def film(n: int) -> bytes:
    """`n` bytes that begin like a video and are different everywhere."""
    return (HEAD + bytes((k * 31 + k // 251) % 256 for k in range(n)))[:n]


def begin(room, folder, *, size: int, code: str = "A-031", **more):
    return uploads.begin_upload(
        room.db, room.coordinator, folder, room.project, code=code, file_name="exam.mp4", size=size, recipe={}, **more
    )


def send(room, folder, upload_id, offset, content, *, db=None, actor=None):
    reception = Reception(db or room.db, actor or room.coordinator, folder, upload_id, offset)
    try:
        reception.write(content)
    except BaseException:
        reception.take_back()
        raise
    return reception.end()


def received(folder, upload_id) -> bytes:
    return folder.part_of(upload_id).read_bytes()


def test_a_file_arrives_in_pieces_and_is_queued_when_it_is_whole(room, folder):
    content = film(5000)
    made = begin(room, folder, size=5000)
    assert (made.state, made.received, made.code) == ("receiving", 0, "A-031")
    assert send(room, folder, made.id, 0, content[:2000]).received == 2000
    assert send(room, folder, made.id, 2000, content[2000:4999]).state == "receiving"
    done = send(room, folder, made.id, 4999, content[4999:])
    assert (done.state, done.received) == ("queued", 5000)
    assert received(folder, made.id) == content
    assert folder.part_of(made.id).stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConflictError):
        send(room, folder, made.id, 5000, b"more")


def test_an_attempt_of_a_new_code_is_made_and_one_that_is_left_out_takes_nothing(room, folder):
    begin(room, folder, size=10, code="N-1")
    found = attempts.get_attempt(room.db, room.coordinator, room.project, "N-1")
    exclusion.exclude(room.db, room.coordinator, found.id, "duplicate")
    with pytest.raises(ConflictError):
        begin(room, folder, size=10, code="N-1")


@pytest.mark.parametrize("wrong", [0, 999, 1001, 2**40])
def test_a_chunk_for_another_place_is_refused_with_the_right_one(room, folder, wrong):
    made = begin(room, folder, size=5000)
    send(room, folder, made.id, 0, film(1000))
    with pytest.raises(ConflictError) as refused:
        send(room, folder, made.id, wrong, b"x")
    assert (refused.value.kind, refused.value.detail) == ("offset", {"offset": 1000})
    assert received(folder, made.id) == film(1000)


def test_the_server_may_end_between_two_chunks(room, folder):
    content = film(3000)
    made = begin(room, folder, size=3000)
    send(room, folder, made.id, 0, content[:1234])
    room.db.close()
    again = Database(str(room.db.url), clock=room.clock)
    other = MediaFolder(room.media)
    assert uploads.get_upload(again, room.coordinator, made.id).received == 1234
    assert send(room, other, made.id, 1234, content[1234:], db=again).state == "queued"
    assert received(other, made.id) == content
    again.close()


def test_what_is_acknowledged_first_has_its_name_on_the_disk_too(room, folder, monkeypatch):
    made, synced, fsync = begin(room, folder, size=64), [], os.fsync

    def watched(number):
        synced.append(os.fstat(number).st_ino)
        fsync(number)

    monkeypatch.setattr(os, "fsync", watched)
    send(room, folder, made.id, 0, film(64)[:32])
    place = folder.part_of(made.id)
    assert {place.stat().st_ino, place.parent.stat().st_ino} <= set(synced)


def test_bytes_that_were_written_but_never_acknowledged_are_sent_again(room, folder):
    content = film(3000)
    made = begin(room, folder, size=3000)
    send(room, folder, made.id, 0, content[:1000])
    cut_off = Reception(room.db, room.coordinator, folder, made.id, 1000)
    cut_off.write(b"\xee" * 1500)
    cut_off._file.close()  # the process dies here: nothing was acknowledged
    assert uploads.get_upload(room.db, room.coordinator, made.id).received == 1000
    send(room, folder, made.id, 1000, content[1000:])
    assert received(folder, made.id) == content


def test_two_cannot_write_one_upload_at_once(room, folder):
    made = begin(room, folder, size=3000)
    first = Reception(room.db, room.coordinator, folder, made.id, 0)
    first.write(film(1000))
    with pytest.raises(ConflictError) as refused:
        Reception(room.db, room.coordinator, MediaFolder(room.media), made.id, 0)
    assert refused.value.kind == "leased"
    assert first.end().received == 1000
    assert send(room, folder, made.id, 1000, b"x").received == 1001


def test_more_than_was_announced_is_refused_and_what_was_there_stays(room, folder):
    made = begin(room, folder, size=1000)
    send(room, folder, made.id, 0, film(900))
    with pytest.raises(InputError):
        send(room, folder, made.id, 900, bytes(101))
    assert received(folder, made.id) == film(900)
    assert send(room, folder, made.id, 900, bytes(100)).state == "queued"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 1500)), max_size=12))
def test_whatever_order_chunks_come_in_the_file_is_the_one_that_was_sent(room, folder, sent):
    content = film(4000)
    made = begin(room, folder, size=4000)
    for at, n in sent:
        piece = content[at : at + n]
        try:
            if piece:
                send(room, folder, made.id, at, piece)
        except ConflictError as refused:
            at = refused.detail["offset"]
            if at < 4000:
                send(room, folder, made.id, at, content[at : at + n])
    at = uploads.get_upload(room.db, room.coordinator, made.id).received
    if at < 4000:
        send(room, folder, made.id, at, content[at:])
    assert received(folder, made.id) == content
    folder.forget_upload(made.id)
    with room.db.write() as c:
        c.execute(update(upload_table).where(upload_table.c.id == made.id).values(state="done"))


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, -1, (20 << 30) + 1])
def test_an_empty_or_too_large_file_is_refused_before_anything_is_sent(room, folder, size):
    with pytest.raises(InputError) as refused:
        begin(room, folder, size=size)
    assert refused.value.field == "size"


@pytest.mark.parametrize(
    "head",
    [b"PK\x03\x04", b"\x1f\x8b\x08", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"%PDF-1.7", b"MZ", b"\x7fELF", b"<html>",
     b"#EXTM3U\n", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"", b"ffconcat version 1.0"],
)  # fmt: skip
def test_what_does_not_begin_like_a_video_is_refused_with_its_first_chunk(room, folder, head):
    content = (head + bytes(2000))[:2000]
    made = begin(room, folder, size=2000)
    with pytest.raises(InputError) as refused:
        send(room, folder, made.id, 0, content)
    assert refused.value.code == "upload_not_a_video"
    after = uploads.get_upload(room.db, room.coordinator, made.id)
    assert (after.state, after.problem) == ("failed", "not_a_video")
    assert folder.parts() == []


def test_who_sends_byte_by_byte_is_looked_at_as_soon_as_there_is_enough_to_see(room, folder):
    made = begin(room, folder, size=5000)
    assert send(room, folder, made.id, 0, b"PK").received == 2
    with pytest.raises(InputError):
        send(room, folder, made.id, 2, bytes(1100))


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("mp4", HEAD), ("old mov", b"\0\0\0\x08wide\0\0\0\0mdat"), ("mkv, webm", b"\x1a\x45\xdf\xa3"),
        ("avi", b"RIFF\0\0\0\0AVI LIST"), ("ts", b"".join(b"\x47" + bytes(187) for _ in range(4))),
        ("m2ts", b"".join(bytes(4) + b"\x47" + bytes(187) for _ in range(4))), ("mpg", b"\0\0\x01\xba"),
        ("wmv", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"), ("flv", b"FLV\x01"),
    ],
)  # fmt: skip
def test_what_cameras_write_is_known_by_its_first_bytes(name, head):
    assert looks_like_video(head), name


@given(st.binary(max_size=1024))
def test_any_first_bytes_are_looked_at_without_a_fault(head):
    assert looks_like_video(head) in (True, False)


def test_a_clients_file_name_is_shown_and_never_a_path(room, folder):
    for given_name, shown in (
        ("../../etc/passwd", "passwd"),
        ("C:\\exams\\Tan.mp4", "Tan.mp4"),
        ("a\x00b\n\u202ec.mp4", "abc.mp4"),
        ("", "-"),
        ("x" * 300 + ".mp4", ("x" * 300 + ".mp4")[-120:]),
    ):
        made = uploads.begin_upload(
            room.db, room.coordinator, folder, room.project, code="A-1", file_name=given_name, size=10, recipe={}
        )
        assert made.file_name == shown
        assert folder.part_of(made.id).parent == folder.root / "uploads"


@pytest.mark.parametrize("upload_id", ["../up_000000000000", "up_", "x", "up_00000000000/", "up_0000000000000"])
def test_an_id_that_the_room_did_not_give_out_names_no_file(room, folder, upload_id):
    with pytest.raises(StoreError):
        folder.part_of(upload_id)
    with pytest.raises(NotFoundError):
        uploads.get_upload(room.db, room.coordinator, upload_id)


def test_only_who_manages_attempts_uploads_and_looks(room, folder):
    with pytest.raises(NotAllowedError):
        uploads.begin_upload(room.db, room.wei, folder, room.project, code="A-1", file_name="x.mp4", size=10, recipe={})
    made = begin(room, folder, size=100)
    with pytest.raises(NotAllowedError):
        send(room, folder, made.id, 0, film(10), actor=room.wei)
    with pytest.raises(NotAllowedError):
        uploads.list_uploads(room.db, room.lin, room.project)


# --- the disk -------------------------------------------------------------------------------------------------------


def test_a_full_disk_keeps_the_offset_and_takes_the_chunk_back(room, folder, monkeypatch):
    content = film(4000)
    made = begin(room, folder, size=4000)
    send(room, folder, made.id, 0, content[:1000])
    taken = []

    def full_after_500(file, piece):
        if sum(taken) >= 500:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken.append(os.write(file.fileno(), piece[:500]))
        return taken[-1]

    with monkeypatch.context() as patched:
        patched.setattr(uploads, "write_some", full_after_500)
        with pytest.raises(StoreError) as refused:
            send(room, folder, made.id, 1000, content[1000:])
    assert refused.value.kind == "full"
    assert uploads.get_upload(room.db, room.coordinator, made.id).received == 1000
    assert received(folder, made.id) == content[:1000]
    send(room, folder, made.id, 1000, content[1000:])
    assert received(folder, made.id) == content


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 2 MB, where the system lets us have one."""
    place = tmp_path / "small"
    place.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run([mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True)
    if not made or made.returncode:
        pytest.skip("needs the right to mount a small disk")
    yield place
    subprocess.run([shutil.which("umount"), "-l", str(place)], check=True)


def test_a_really_full_disk_keeps_what_was_acknowledged(room, small_disk, monkeypatch):
    monkeypatch.setattr(uploads, "SPARE_BYTES", -(1 << 40))  # else it is refused before it is full
    folder = MediaFolder(small_disk)
    made = begin(room, folder, size=4 << 20)
    send(room, folder, made.id, 0, film(1 << 20))
    with pytest.raises(StoreError) as refused:
        send(room, folder, made.id, 1 << 20, bytes(3 << 20))
    assert refused.value.kind == "full"
    assert uploads.get_upload(room.db, room.coordinator, made.id).received == 1 << 20
    assert received(folder, made.id) == film(1 << 20)


def test_a_disk_that_cannot_take_the_file_says_so_before_it_is_sent(room, folder, monkeypatch):
    monkeypatch.setattr(MediaFolder, "free_bytes", lambda self: 1 << 30)
    begin(room, folder, size=100 << 20)
    with pytest.raises(StoreError) as refused:
        begin(room, folder, size=900 << 20)
    assert refused.value.kind == "full"


def test_bytes_that_vanished_from_the_disk_are_noticed_and_not_filled_with_zeros(room, folder):
    made = begin(room, folder, size=4000)
    send(room, folder, made.id, 0, film(1000))
    os.truncate(folder.part_of(made.id), 400)
    with pytest.raises(ConflictError) as refused:
        send(room, folder, made.id, 1000, film(10))
    assert refused.value.code == "upload_lost"


def test_offsets_beyond_four_gigabytes_are_exact(room, folder):
    far = (5 << 30) + 12_345
    made = begin(room, folder, size=far + 1000)
    send(room, folder, made.id, 0, film(1100))
    os.truncate(folder.part_of(made.id), far)  # a hole stands for the gigabytes in between
    with room.db.write() as c:
        c.execute(update(upload_table).where(upload_table.c.id == made.id).values(received=far))
    assert send(room, folder, made.id, far, b"\xaa" * 600).received == far + 600
    done = send(room, folder, made.id, far + 600, b"\xbb" * 400)
    assert (done.state, done.received) == ("queued", far + 1000)
    with folder.part_of(made.id).open("rb") as file:
        assert os.fstat(file.fileno()).st_size == far + 1000
        file.seek(far - 1)
        assert file.read() == b"\0" + b"\xaa" * 600 + b"\xbb" * 400


# --- ends -----------------------------------------------------------------------------------------------------------


def test_an_upload_that_is_given_up_leaves_nothing(room, folder):
    made = begin(room, folder, size=4000)
    send(room, folder, made.id, 0, film(1000))
    assert uploads.cancel_upload(room.db, room.coordinator, folder, made.id).state == "cancelled"
    assert folder.parts() == []
    with pytest.raises(ConflictError):
        send(room, folder, made.id, 0, film(10))


def test_uploads_that_nobody_went_on_with_are_cleaned_after_some_days(room, folder):
    old = begin(room, folder, size=4000, code="A-1")
    send(room, folder, old.id, 0, film(1000))
    whole = begin(room, folder, size=1000, code="A-2")
    send(room, folder, whole.id, 0, film(1000))
    room.clock.pass_by(days=6)
    fresh = begin(room, folder, size=4000, code="A-3")
    send(room, folder, fresh.id, 0, film(1000))
    (folder.root / "uploads" / "up_zzzzzzzzzzzz.part").write_bytes(b"of no upload")
    room.clock.pass_by(days=2)
    assert uploads.clean_uploads(room.db, folder, older_than=timedelta(days=7)) == 1
    assert uploads.get_upload(room.db, room.coordinator, old.id).state == "cancelled"
    assert uploads.get_upload(room.db, room.coordinator, whole.id).state == "queued"
    assert sorted(folder.parts()) == sorted([whole.id, fresh.id])


def test_an_original_is_masked_again_without_being_sent_again(room, folder):
    _, derivative = add_attempt_with_film(room)
    again = uploads.make_again(room.db, room.coordinator, derivative.made_from, {"faces": "box"})
    assert (again.state, again.original, again.recipe) == ("queued", derivative.made_from, {"faces": "box"})
    with pytest.raises(ConflictError):
        uploads.make_again(room.db, room.coordinator, derivative.made_from, {})
    with pytest.raises(ConflictError):
        uploads.make_again(room.db, room.coordinator, derivative.id, {})


def test_the_audit_tells_of_begin_and_end_and_never_the_files_name(room, folder):
    made = uploads.begin_upload(
        room.db, room.coordinator, folder, room.project, code="A-1", file_name="Tan Wei Ming.mp4", size=1000, recipe={}
    )
    send(room, folder, made.id, 0, film(1000))
    with room.db.read() as c:
        lines = c.execute(select(audit_event).where(audit_event.c.object == f"upload:{made.id}")).all()
    assert [line.act for line in lines] == ["upload.begin", "upload.complete"]
    assert "Tan" not in str(lines)


def test_a_closed_project_takes_no_upload(tmp_path):
    from siming.store.projects import projects

    room = build_room(tmp_path)
    projects.set_project_state(room.db, room.owner, room.project, closed=True)
    with pytest.raises(ConflictError) as refused:
        begin(room, MediaFolder(room.media), size=10)
    assert refused.value.code == "project_closed"
    room.db.close()
