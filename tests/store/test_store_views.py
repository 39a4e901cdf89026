"""Who saw what: a line of the audit for each person, object and session, and no more."""

from __future__ import annotations

import threading

from siming.store import audit
from siming.store.views import note_view


def views(room) -> list[tuple[str, str, str]]:
    """Actor, act and object of every line on something seen."""
    with room.db.read() as c:
        return [
            (line["actor"], line["act"], line["object"]) for line in audit.lines(c) if line["act"].endswith(".view")
        ]


def look(room, who, target: str, session: str) -> None:
    note_view(room.db, who, "case.view", target, project_id=room.project, session=session)


def test_a_look_is_written_down_once_a_session_and_object(room):
    for session in ("morning", "morning", "noon"):
        for target in ("case:ca_1", "case:ca_2"):
            look(room, room.lin, target, session)
    look(room, room.owner, "case:ca_1", "morning")
    assert sorted(views(room)) == sorted(
        [(room.lin.id, "case.view", f"case:ca_{n}") for n in (1, 1, 2, 2)] + [(room.owner.id, "case.view", "case:ca_1")]
    )
    assert audit.verify(room.db).ok


def test_two_requests_of_one_page_leave_one_line(room):
    go = threading.Barrier(4)
    failed = []

    def ask():
        try:
            go.wait(10)
            look(room, room.lin, "case:ca_1", "noon")
        except Exception as error:  # a thread's own would be lost
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failed == []
    assert len(views(room)) == 1


def test_of_a_session_only_a_digest_is_kept(room):
    look(room, room.lin, "case:ca_1", "token-of-the-session")
    assert b"token-of-the-session" not in (b"" if not room.db.is_sqlite else (room.folder / "room.db").read_bytes())
    with room.db.read() as c:
        assert "token-of-the-session" not in repr([dict(line) for line in audit.lines(c)])
