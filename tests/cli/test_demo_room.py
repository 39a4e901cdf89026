"""`siming demo --room` fills an exam room by the doors that people use, and leaves a filled room as it is."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select

pytest.importorskip("fastapi", reason="needs the web extra: pip install 'siming[web]'")

from siming.cli.room_story import _Story, fill_room
from siming.rubric import builtin_rubric_ids
from siming.store import Database, audit, migrate
from siming.store.accounts import people
from siming.store.blind.submissions import verify_submissions
from siming.store.figures import snapshots
from siming.store.schema import adjudication_case, assignment, consensus_version, media, person, project


@pytest.mark.slow
def test_the_demo_fills_a_room_in_every_state_and_all_of_it_verifies(tmp_path):
    seen: list[str] = []
    password = fill_room(
        tmp_path / "room", attempts=6, seed=7, fps=2, on_progress=lambda what, done, total: seen.append(what)
    )
    assert {"drawing", "ingesting", "wei rates", "Lin adjudicates"} <= set(seen)
    kept = tmp_path / "room" / "password.txt"
    assert kept.read_text().strip() == password
    assert kept.stat().st_mode & 0o077 == 0
    db = Database(f"sqlite:///{tmp_path / 'room' / 'room.db'}")
    with db.read() as c:
        states = {tuple(row) for row in c.execute(select(assignment.c.state, assignment.c.purpose))}
        cases = set(c.execute(select(adjudication_case.c.state)).scalars())
        settled = set(c.execute(select(consensus_version.c.state)).scalars())
        films = c.execute(
            select(func.count()).where(media.c.kind == "derivative", media.c.state == "verified")
        ).scalar()
        owner = c.execute(select(person.c.id).where(person.c.login == "owner")).scalar_one()
        exam = c.execute(select(project.c.id)).scalar_one()
    assert states >= {
        ("submitted", "score"),
        ("in_progress", "score"),
        ("queued", "score"),
        ("submitted", "calibration"),
    }
    assert "confirmed" in cases
    assert cases & {"open", "leased"}
    assert "locked" in settled
    assert films == 7  # six exams and the gold video
    assert audit.verify(db).ok
    assert verify_submissions(db).ok
    taken = snapshots.take_snapshot(db, exam)
    assert taken.figures["panels"][0]["n_videos"] == 3  # of six, three are rated by both
    assert snapshots.recompute(db, taken.id)
    assert people.actor_of(db, owner).is_owner
    before = audit.verify(db).n
    db.close()
    command = [sys.executable, "-m", "siming", "demo", "--room", "--no-serve", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert password in done.stderr
    again = Database(f"sqlite:///{tmp_path / 'room' / 'room.db'}")
    assert audit.verify(again).n == before
    again.close()


@pytest.mark.parametrize(("asked", "spoken"), [("zh", {"zh"}), ("en", {"en"}), (None, {"en", "zh"})])
def test_everybody_in_the_room_speaks_the_language_that_was_asked_for(tmp_path, asked, spoken):
    db = Database(f"sqlite:///{tmp_path / 'room.db'}")
    migrate(db)
    exams = SimpleNamespace(rubrics=builtin_rubric_ids())
    _Story(db, tmp_path, exams, "four-words-to-enter-1", lambda what, done, total: None, asked)._people()
    with db.read() as c:
        assert set(c.execute(select(person.c.language)).scalars()) == spoken
    db.close()
