"""What was decided, brought in, published or released cannot be changed; whoever gets round the guards is found."""

from __future__ import annotations

import atexit
import json
import shutil
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from databases import KINDS, fresh_database, room_on
from exams import exam, gold_of, model_runner, model_sheet
from rating_rooms import Tab, add_rated_attempt, give
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DatabaseError
from test_store_cases import only_case, settle
from works import rated_twice

from siming.store import Database, audit, backup
from siming.store.blind.calibration import add_gold, gold_attempts
from siming.store.cases import consensus
from siming.store.cases.appeal import appeal
from siming.store.cases.cases import close_case, take_case, undo
from siming.store.figures.model_runs import add_model_sheets
from siming.store.figures.release import make_release
from siming.store.figures.snapshots import take_snapshot
from siming.store.integrity import hold_all
from siming.store.projects import projects
from siming.store.schema import (
    APPEND_ONLY,
    KEPT,
    METADATA,
    adjudication_case,
    assignment,
    audit_event,
    audit_reason,
    confirmation,
    consensus_version,
    decision,
    gold_sheet,
    model_run,
    release,
    rubric_version,
    stat_snapshot,
)


@cache
def _model(kind: str):
    """A room in which one of everything was made; tests copy it."""
    kept = ExitStack()
    atexit.register(kept.close)
    folder = Path(kept.enter_context(TemporaryDirectory(prefix="siming-full-room-")))
    room = kept.enter_context(room_on(kind, folder))
    fill(room)
    if room.db.is_sqlite:
        with room.db.engine.connect() as c:
            c.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    room.db.close()
    return room


@pytest.fixture(params=KINDS)
def full(request, tmp_path):
    """A room in which one of everything was made, on SQLite and on PostgreSQL."""
    model = _model(request.param)
    with fresh_database(request.param, tmp_path, like=model.db.url.database) as url:
        if request.param == "sqlite":
            shutil.copyfile(str(model.db.url.database), tmp_path / "room.db")
        made = replace(model, db=Database(url, clock=model.clock), folder=tmp_path)
        yield made
        made.db.close()


def fill(room) -> None:
    """One of everything."""
    exam(room, 1, lost_wei=lambda n: 0.0, lost_okafor=lambda n: 0.0)
    rated_twice(room, {"aed02": 8, "aed04": 0}, {"aed02": 10, "aed04": 18}, code="B-001")
    case = only_case(room)
    pen = take_case(room.db, room.lin, case)
    pen = settle(room, room.lin, case, pen, steps=("aed02",))
    pen = undo(room.db, room.lin, case, fence=pen.fence, version=pen.version)
    pen = settle(room, room.lin, case, pen, steps=("aed02", "aed04"))
    close_case(room.db, room.lin, case, fence=pen.fence, version=pen.version)
    for code in ("A-000", "B-001"):
        made = consensus.versions_of(room.db, room.coordinator, room.project, code)[0]
        consensus.lock(room.db, room.coordinator, made.id)
    appeal(room.db, room.coordinator, made.id, steps=[("aed-adult", "aed04")], reason="the lamp was on")
    golden = add_rated_attempt(room, "G-001")
    for lost in (0.0, 1.0):
        add_gold(room.db, room.coordinator, golden, [gold_of("G-001", lost=lost)], source="panel of 3")
    maud = model_runner(room)
    for sheets in ([model_sheet("A-000"), model_sheet("G-001", lost=1.0)], [model_sheet("A-000", lost=2.0)]):
        add_model_sheets(room.db, maud, room.project, sheets, about={"prompt": "whole"})
    take_snapshot(room.db, room.project)
    make_release(room.db, room.coordinator, room.project, name="2026-05", licence="CC BY 4.0")
    tab = Tab(room, room.wei, give(room, add_rated_attempt(room, "C-001"), room.wei))
    tab.open()
    tab.rate_all(lost=1.0)
    projects.break_glass(room.db, room.owner, room.slug, reason="the lock is jammed")


def without_guards(c):
    """As somebody does who opens the database with another program."""
    if c.dialect.name == "sqlite":
        for name in c.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
            c.execute(text(f"DROP TRIGGER {name}"))
    else:
        c.execute(text("SET session_replication_role = replica"))


def problems(room) -> dict[str, tuple[str, ...]]:
    """What is found, by kind."""
    return {held.kind: held.problems for held in hold_all(room.db) if held.problems}


def changed_text(c, column, of, old: str, new: str) -> None:
    """Put other words into a column of JSON or text, whatever is in it."""
    c.execute(text(f'UPDATE {of.name} SET "{column}" = replace("{column}", :old, :new)'), {"old": old, "new": new})


def test_a_room_that_nobody_touched_holds(full):
    told = hold_all(full.db)
    assert {held.kind: held.problems for held in told if held.problems} == {}
    n = {held.kind: held.n for held in told}
    assert n == {
        "rubrics": 3, "consensus": 2, "decisions": 6, "gold": 2, "models": 3, "releases": 1, "reasons": 1, "drafts": 3,
    }  # fmt: skip


TAMPERED = {
    "consensus points": (
        "consensus", lambda c, room: changed_text(c, "sheets", consensus_version, '"points":8', '"points":9'),
        "its content is not what its digest was made of",
    ),
    "consensus with a digest to match": (
        "consensus",
        lambda c, room: c.execute(
            update(consensus_version).where(consensus_version.c.number == 1).values(reason="x", sha256="0" * 64)
        ),
        "its digest is 000000000000, audit line",
    ),
    "consensus gone": ("consensus", lambda c, room: c.execute(delete(consensus_version)), "it tells of is gone"),
    "consensus locked by another": (
        "consensus", lambda c, room: c.execute(update(consensus_version).values(locked_by=room.wei.id)), "says that",
    ),
    "decision": (
        "decisions", lambda c, room: c.execute(update(decision).values(choice="first")), "it is not the one that audit line",
    ),
    "decision by another": (
        "decisions", lambda c, room: c.execute(update(decision).values(person=room.wei.id)), "is not the one",
    ),
    "decision gone": (
        "decisions", lambda c, room: c.execute(delete(decision).where(decision.c.version == 2)), "act 2 of case",
    ),
    "appeal gone": (
        "decisions", lambda c, room: c.execute(delete(decision).where(decision.c.kind == "appeal")), "appeals of case",
    ),
    "confirmation gone": ("decisions", lambda c, room: c.execute(delete(confirmation)), "the confirmation of case"),
    "gold": (
        "gold", lambda c, room: changed_text(c, "sheet", gold_sheet, '"points":', '"points":1'), "not those that audit line",
    ),
    "older gold in force": (
        "gold", lambda c, room: c.execute(update(gold_sheet).values(replaced_at=None)), "which of them are in force",
    ),
    "gold gone": ("gold", lambda c, room: c.execute(delete(gold_sheet)), "are gone"),
    "model's sheet": (
        "models", lambda c, room: changed_text(c, "about", model_run, "whole", "short"), "its digest is",
    ),
    "model's sheets gone": ("models", lambda c, room: c.execute(delete(model_run)), "is gone"),
    "release": (
        "releases", lambda c, room: changed_text(c, "manifest", release, "CC BY 4.0", "CC0 1.0"),
        "release 2026-05",
    ),
    "release gone": ("releases", lambda c, room: c.execute(delete(release)), "is gone"),
    "rubric": (
        "rubrics", lambda c, room: changed_text(c, "document", rubric_version, "max_points: 10", "max_points: 11"),
        "its document is not what was published",
    ),
    "draft": (
        "drafts", lambda c, room: changed_text(c, "draft", assignment, '"played":[[0,120.0]]', '"played":[[0,60.0]]'),
        "played is not what its changes lead to",
    ),
    "steps done": (
        "drafts", lambda c, room: c.execute(update(assignment).where(assignment.c.seq > 0).values(done=2)), "9 steps are done, it says 2",
    ),
    "reason": (
        "reasons", lambda c, room: c.execute(update(audit_reason).values(words="nothing")), "not those that were given",
    ),
    "reason gone": ("reasons", lambda c, room: c.execute(delete(audit_reason)), "the reason it points to is gone"),
}  # fmt: skip


@pytest.mark.parametrize("harm", TAMPERED)
def test_whoever_gets_round_the_guards_is_found_and_it_is_said_what_differs(full, harm):
    kind, tamper, said = TAMPERED[harm]
    with full.db.engine.connect() as c:
        if full.db.is_sqlite:
            c.exec_driver_sql("PRAGMA foreign_keys=OFF")
        without_guards(c)
        tamper(c, full)
        c.commit()
        c.invalidate()
    found = problems(full)
    assert set(found) == {kind}
    assert any(said in problem for problem in found[kind]), found
    assert audit.verify(full.db).ok, "the chain alone does not see it"
    assert not backup.check_room(full.db, full.media).ok


def test_a_line_without_its_thing_and_a_thing_without_its_line_are_found(full):
    with full.db.write() as c:
        audit.record(c, full.db, full.owner, "release.make", "release:re_x", project=full.project, after="0" * 64)
    assert "release re_x it tells of is gone" in problems(full)["releases"][0]


def test_drafts_are_drawn_at_random_and_counted_aloud(full):
    heard: list[tuple[int, int]] = []
    told = hold_all(full.db, drafts=2, note=lambda done, of: heard.append((done, of)))
    assert next(held.n for held in told if held.kind == "drafts") == 2
    assert heard == [(0, 2), (1, 2), (2, 2)]


# --- the guards -----------------------------------------------------------------------------------------------------


def test_content_cannot_be_changed_and_nothing_of_it_taken_out(full):
    for name, columns in KEPT.items():
        table = METADATA.tables[name]
        for column in columns:
            with pytest.raises(DatabaseError, match=r"append-only|never changes"), full.db.write() as c:
                c.execute(update(table).values({column: table.c[column]}))
    for name in {*KEPT, *APPEND_ONLY} - {"late_write"}:
        with full.db.read() as c:
            assert c.execute(select(METADATA.tables[name])).first() is not None
        with pytest.raises(DatabaseError, match=r"append-only|stays"), full.db.write() as c:
            c.execute(delete(METADATA.tables[name]))


@pytest.mark.parametrize("table", [release, model_run, stat_snapshot])
def test_what_only_grows_cannot_be_changed(full, table):
    with pytest.raises(DatabaseError, match="append-only"), full.db.write() as c:
        c.execute(update(table).values(created_at="2020"))


def test_how_far_a_thing_has_come_can_be_said(full):
    with full.db.write() as c:
        c.execute(update(adjudication_case).values(state="open", lease_until=None))
        c.execute(update(consensus_version).values(state="superseded"))


def test_older_gold_sheets_stay_and_only_the_newest_count(full):
    (line,) = gold_attempts(full.db, full.coordinator, full.project)
    assert line.n_sheets == 1
    with full.db.read() as c:
        sheets = c.execute(select(gold_sheet.c.sheet, gold_sheet.c.replaced_at).order_by(gold_sheet.c.created_at)).all()
    assert [row.replaced_at is None for row in sheets] == [False, True]


def test_every_act_of_a_case_says_in_the_audit_what_it_was(full):
    with full.db.read() as c:
        lines = c.execute(select(audit_event).where(audit_event.c.act.in_(("case.decide", "case.undo")))).all()
    assert len(lines) == 4
    assert all(len(line.after) == 64 for line in lines)
    assert "the lamp" not in json.dumps([line.detail for line in lines])
