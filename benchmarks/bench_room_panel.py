"""How long a large exam room takes to say something: 10,000 attempts x 40 steps x 3 raters.

    python benchmarks/bench_room_panel.py [--attempts 10000] [--url postgresql+psycopg://user@host/name] [--json]

Fills a database directly with locked sheets, as raters would have locked them, and times the pages a coordinator and a
rater open, and counting: the first snapshot, its reading apart, the next one after one more submission, and the one after
the last. While a sheet is missing the correlation of all raters comes from a mixed model, which takes longer. Pages are asked of the real
application, each once to warm the caches that a server keeps and then five times; the median counts. Counting runs in
a process of its own, as it does beside the server, so its peak memory is its own. `--url` names an empty database.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import yaml
from sqlalchemy import Table, insert
from starlette.testclient import TestClient

from siming.rubric import builtin_rubric
from siming.store import Actor, Database, Policy, migrate
from siming.store.accounts import invitations, people, sessions
from siming.store.cases.case_opening import open_missing_cases
from siming.store.cases.compared import catch_up
from siming.store.cases.pairs import INDEPENDENT
from siming.store.database import new_id
from siming.store.figures.live import inputs_of
from siming.store.figures.panels import Kept
from siming.store.figures.snapshots import standing, take_snapshot
from siming.store.projects import members, projects, rubrics
from siming.store.schema import assignment, attempt, device, media, submission
from siming.web.app import create_app
from siming.web.settings import Settings

N_STEPS, N_RATERS, N_SPARE = 40, 3, 2
PASSWORD = "only for this benchmark"
AT = "2026-03-01T08:00:00.000000Z"
PORTION = 1000
PAGES = ("compare", "cases", "consensus", "attempts", "plan", "devices", "calibration", "members", "audit", "export")


@dataclass(frozen=True)
class Row:
    """One measurement and what it is held against."""

    what: str
    value: float
    unit: str
    target: float | None = None
    cpu_s: float | None = None
    """Processor time of the same run: what it would take on a machine with nothing else to do."""

    @property
    def met(self) -> bool:
        return self.target is None or self.value <= self.target


@dataclass
class Hall:
    """The filled room."""

    db: Database
    project: str
    boss: Actor
    raters: list[Actor]
    spare: list[dict[str, Any]]
    """Of the last attempts: the rows of the third sheets, which the benchmark locks later."""


def rubric_text() -> str:
    """A rubric of 40 steps worth 2 points each; what labels mean is the first builtin rubric's."""
    model = builtin_rubric("cpr-adult-single").to_plain()
    steps = [
        {"id": f"st.{n:02d}", "order": n, "title": f"step {n}", "title_zh": f"第{n}步", "max_points": 2}
        for n in range(1, N_STEPS + 1)
    ]
    plain = {
        "schema": "siming.rubric/1", "id": "long", "version": "1.0.0", "title": "Forty steps", "title_zh": "四十步",
        "skill": "LONG", **{name: model[name] for name in ("ordinal_map", "binary_map")}, "steps": steps,
    }  # fmt: skip
    return yaml.safe_dump(plain, allow_unicode=True, sort_keys=False)


def points_of(n_attempts: int) -> np.ndarray:
    """(rater, attempt, step): points of raters about as alike as two physicians."""
    rng = np.random.default_rng(5)
    shape = (n_attempts, N_STEPS)
    percept = rng.normal(0, 0.5, (n_attempts, 1)) + rng.normal(0, 1, N_STEPS) + rng.normal(size=shape)
    return np.digitize(percept + rng.normal(0, 0.5, (N_RATERS, *shape)), [-2.2, -1.6, -1.0]) * np.array(2 / 3)


def fill(db: Database, n_attempts: int) -> Hall:
    """Write the room."""
    migrate(db)
    boss = people.actor_of(db, people.set_up_owner(db, login="owner", name="Olga", password=PASSWORD).id)
    made = projects.create_project(db, boss, slug="hall", title="Large hall", policy=Policy())
    boss = people.actor_of(db, boss.id)
    version = rubrics.publish_rubric(db, boss, rubric_text())
    rubrics.set_project_rubrics(db, boss, made.id, [version.id])
    raters = []
    for n in range(N_RATERS):
        person, _ = invitations.create_person(db, boss, login=f"rater{n}", name=f"Rater {n}")
        members.add_member(db, boss, made.id, person_id=person.id, roles=["rater"], code=f"R{n:02d}")
        raters.append(people.actor_of(db, person.id))
    refs = [{"id": version.id, "rubric": "long", "version": "1.0.0", "sha256": version.sha256, "steps": N_STEPS}]
    steps = [f"st.{n:02d}" for n in range(1, N_STEPS + 1)]
    points = np.round(points_of(n_attempts) * 2) / 2
    rows: dict[Table, list[dict[str, Any]]] = {attempt: [], media: [], assignment: [], device: [], submission: []}
    spare: list[dict[str, Any]] = []
    for number in range(n_attempts):
        attempt_id, code, film = new_id("at"), f"A-{number:05d}", hashlib.sha256(b"%d" % number).hexdigest()
        rows[attempt].append(
            {"id": attempt_id, "project": made.id, "code": code, "site": f"S{number % 4}", "candidate_code": f"T{number:05d}",
             "rubrics": [version.id], "params": {}, "state": "usable", "gold": False, "created_at": AT}
        )  # fmt: skip
        rows[media] += films(attempt_id, film)
        for slot, rater in enumerate(raters):
            given = new_id("as")
            sheet = {
                "schema": "siming.sheet/1", "attempt": code, "rubric": "long", "rubric_version": "1.0.0",
                "author": {"kind": "physician", "name": f"R{slot:02d}"}, "submitted_at": AT,
                "steps": {step: {"points": float(points[slot, number, n]), "evidence": [[1.5, 4.25]], "note": "seen late"}
                          for n, step in enumerate(steps)},
            }  # fmt: skip
            rows[assignment].append(
                {"id": given, "project": made.id, "attempt": attempt_id, "rater": rater.id, "slot": slot,
                 "position": number, "purpose": "score", "rubrics": refs, "state": "submitted", "revision": 1, "draft": {},
                 "done": N_STEPS, "created_at": AT}
            )  # fmt: skip
            rows[device].append(
                {"client": new_id("tab"), "assignment": given, "person": rater.id, "unsent": 0, "fence": 1, "held": True,
                 "browser": "Chrome, Windows", "seen_at": AT}
            )  # fmt: skip
            row = {"id": new_id("su"), "assignment": given, "revision": 1, "purpose": "score", "rubrics": refs,
                   "sheets": [sheet], "snapshot_sha256": "0" * 64, "sha256": hashlib.sha256(given.encode()).hexdigest(),
                   "initials": "R", "last_seq": 0, "locked_at": AT}  # fmt: skip
            if number >= n_attempts - N_SPARE and slot == N_RATERS - 1:
                spare.append(row)
            else:
                rows[submission].append(row)
        if len(rows[attempt]) == PORTION:
            write(db, rows)
    write(db, rows)
    return Hall(db, made.id, boss, raters, spare)


def films(attempt_id: str, sha256: str) -> Iterator[dict[str, Any]]:
    """An original and its derivative, without files."""
    common = {"attempt": attempt_id, "camera": "main", "bytes": 1, "duration_s": 170.0, "facts": {}, "state": "verified",
              "created_at": AT}  # fmt: skip
    original = new_id("me")
    yield {
        **common,
        "id": original,
        "kind": "original",
        "sha256": sha256[::-1],
        "path": "-",
        "made_from": None,
        "time_map": None,
    }
    yield {
        **common,
        "id": new_id("me"),
        "kind": "derivative",
        "sha256": sha256,
        "path": "-",
        "made_from": original,
        "time_map": {},
    }


def write(db: Database, rows: dict[Table, list[dict[str, Any]]]) -> None:
    with db.write() as c:
        for table, held in rows.items():
            if held:
                c.execute(insert(table), held)
            held.clear()


def timed(what: str, act: Callable[[], object], *, target: float | None = 1.0, times: int = 5) -> Row:
    """Medians, after one run that warms the caches."""
    act()
    walls, works = [], []
    for _ in range(times):
        began, worked = time.perf_counter(), time.process_time()
        act()
        walls.append(time.perf_counter() - began)
        works.append(time.process_time() - worked)
    return Row(what, median(walls), "s", target, median(works))


def client_of(hall: Hall, app: Any, actor: Actor) -> TestClient:
    begun = sessions.begin(hall.db, actor.id)
    client = TestClient(app, base_url="http://testserver", follow_redirects=False)
    client.cookies.set("siming_session", begun.token)
    return client


def opened(client: TestClient, path: str) -> Callable[[], None]:
    def ask() -> None:
        answer = client.get(path)
        if answer.status_code != 200:
            raise SystemExit(f"{path} answers {answer.status_code}: {answer.text[:300]}")

    return ask


_COUNTER: list[Any] = []


@dataclass(frozen=True)
class Counted:
    """What a snapshot took, in seconds of the clock and of the processor."""

    read_s: float
    read_cpu_s: float
    taken_s: float
    taken_cpu_s: float
    peak_mib: float
    n: int
    """Submissions it stands on."""


def count(url: str, project: str) -> Counted:
    """A snapshot in the process that keeps its sheets and panels."""
    if not _COUNTER:
        _COUNTER.extend((Database(url), Kept()))
    db, kept = _COUNTER
    began, worked = time.perf_counter(), time.process_time()
    with db.read() as c:
        kept.sheets.of(c, [item.submission for item in inputs_of(c, project, purposes=INDEPENDENT)])
    read, read_cpu = time.perf_counter(), time.process_time()
    found = take_snapshot(db, project, kept=kept)
    taken, taken_cpu = time.perf_counter() - read, time.process_time() - read_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Counted(read - began, read_cpu - worked, taken, taken_cpu, peak, found.n_submissions)


def measured(hall: Hall, url: str, media_folder: Path, n_attempts: int) -> list[Row]:
    """Everything, in the order in which a project grows."""
    app = create_app(Settings(media=media_folder, address="http://testserver"), hall.db)
    boss, rater = client_of(hall, app, hall.boss), client_of(hall, app, hall.raters[0])
    rows = []
    began, worked = time.perf_counter(), time.process_time()
    catch_up(hall.db, hall.project)
    rows.append(Row("comparing all pairs, once", time.perf_counter() - began, "s", None, time.process_time() - worked))
    began, worked = time.perf_counter(), time.process_time()
    n_cases = open_missing_cases(hall.db, hall.boss, hall.project)
    what = f"opening {n_cases} cases, once"
    rows.append(Row(what, time.perf_counter() - began, "s", None, time.process_time() - worked))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as beside:
        first = beside.submit(count, url, hall.project).result()
        assert first.n == n_attempts * N_RATERS - N_SPARE
        rows.append(Row("first snapshot: reading the sheets", first.read_s, "s", None, first.read_cpu_s))
        rows.append(Row("first snapshot: counting", first.taken_s, "s", 5.0, first.taken_cpu_s))
        rows.append(timed("standing(), nothing new", lambda: standing(hall.db, hall.boss, hall.project)))
        rows.append(timed("agreement page", opened(boss, "/p/hall/agreement")))
        for left, row in zip(range(N_SPARE - 1, -1, -1), hall.spare, strict=True):
            with hall.db.write() as c:
                c.execute(insert(submission).values(**row))
            if left:
                rows.append(timed("agreement page, one sheet newer", opened(boss, "/p/hall/agreement")))
            again = beside.submit(count, url, hall.project).result()
            assert again.n == n_attempts * N_RATERS - left
            what = "next snapshot, one sheet more" if left else "next snapshot, no sheet missing any more"
            rows.append(Row(what, again.read_s + again.taken_s, "s", 5.0, again.read_cpu_s + again.taken_cpu_s))
        rows.append(Row("peak memory of the counting process", again.peak_mib, "MiB"))
    assert standing(hall.db, hall.boss, hall.project).up_to_date
    rows += [
        timed("queue page of a rater", opened(rater, "/queue?finished=true")),
        timed("overview page", opened(boss, "/p/hall")),
        *(timed(f"{name} page", opened(boss, f"/p/hall/{name}")) for name in PAGES),
    ]
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--attempts", type=int, default=10_000)
    parser.add_argument("--url", help="of an empty database; SQLite in a temporary folder by default")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or f"sqlite:///{folder}/room.db"
        db = Database(url)
        began = time.perf_counter()
        hall = fill(db, options.attempts)
        print(f"filled in {time.perf_counter() - began:.0f} s", file=sys.stderr)
        (Path(folder) / "media").mkdir()
        rows = measured(hall, url, Path(folder) / "media", options.attempts)
        db.close()
    if options.json:
        print(json.dumps({"machine": platform.processor() or platform.machine(), "python": platform.python_version(),
                          "database": url.split(":")[0], "attempts": options.attempts,
                          "rows": [{**asdict(row), "met": row.met} for row in rows]}, indent=1))  # fmt: skip
    else:
        for row in rows:
            held = "" if row.target is None else f"  target {row.target:g} {row.unit}: {'met' if row.met else 'MISSED'}"
            work = "" if row.cpu_s is None else f" (processor {row.cpu_s:.3f} s)"
            print(f"{row.what:<40} {row.value:10.3f} {row.unit}{work}{held}")
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
