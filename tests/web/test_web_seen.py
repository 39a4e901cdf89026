"""Who saw what stands in the audit, and reasons stand on its page until somebody erases them."""

from __future__ import annotations

import re

import pytest
from exams import exam, gold_of
from rating_rooms import add_rated_attempt, submitted
from sqlalchemy import update
from test_store_cases import only_case
from works import rated_twice

from siming.store import audit
from siming.store.blind.calibration import add_gold
from siming.store.cases.consensus import versions_of
from siming.store.figures.snapshots import take_snapshot
from siming.store.projects import projects
from siming.store.schema import person

SEEN = ("case.view", "attempt.compare", "project.compare", "consensus.view", "project.statistics", "calibration.view")


@pytest.fixture
def full(web):
    """A room with a case, a consensus, statistics and a calibration."""
    room = web.room
    exam(room, 2, lost_wei=lambda n: 0.0, lost_okafor=lambda n: 0.0)
    take_snapshot(room.db, room.project)
    golden = add_rated_attempt(room, "G-001")
    add_gold(room.db, room.coordinator, golden, [gold_of("G-001")], source="panel of 3")
    submitted(room, golden, room.wei, purpose="calibration", lost=1.0)
    rated_twice(room, {"aed02": 8}, {"aed02": 10}, code="B-001")
    return web


def seen(room) -> list[tuple[str, str]]:
    """Act and kind of thing of every line on something seen, in order."""
    with room.db.read() as c:
        return [(line["act"], line["object"]) for line in audit.lines(c) if line["act"] in SEEN]


def test_each_page_that_shows_a_rating_leaves_one_line_a_session(full):
    room = full.room
    case = only_case(room)
    made = versions_of(room.db, room.coordinator, room.project, "A-000")[0]
    project = f"project:{room.project}"
    cell = f"attempt:{made.attempt}/aed-adult/aed02"
    asked = [
        ("lin", (f"/cases/{case}", f"/api/v1/cases/{case}"), ("case.view", f"case:{case}")),
        ("coordinator", ("/p/spring/compare", "/api/v1/projects/spring/comparisons"), ("project.compare", project)),
        (
            "coordinator",
            ("/p/spring/compare/cell?cell=A-000/aed-adult/aed02", "/api/v1/projects/spring/comparisons/A-000/aed-adult/aed02"),
            ("attempt.compare", cell),
        ),
        ("coordinator", ("/p/spring/consensus/A-000", "/api/v1/projects/spring/consensus/A-000"), ("consensus.view", f"consensus:{made.id}")),
        ("analyst", ("/p/spring/agreement", "/p/spring/agreement/report", "/api/v1/projects/spring/statistics/agreement"), ("project.statistics", project)),
        ("wei", ("/p/spring/calibration", "/api/v1/projects/spring/calibration"), ("calibration.view", project)),
        ("coordinator", ("/p/spring/calibration", "/api/v1/projects/spring/calibration/raters"), ("calibration.view", project)),
    ]  # fmt: skip
    for who, addresses, line in asked:
        for address in addresses:  # whichever comes first, in a session of its own
            before = seen(room)
            client = full.client(getattr(room, who))
            for again in (address, *addresses, address):
                assert client.get(again).status_code == 200
            assert seen(room) == [*before, line]


def test_what_was_not_shown_leaves_no_line(full):
    room = full.room
    case = only_case(room)
    for address in (f"/cases/{case}", "/p/spring/compare", "/p/spring/consensus/A-000", "/p/spring/agreement"):
        assert full.client(room.okafor).get(address).status_code in (403, 404)
    full.client(room.okafor).get("/p/spring/calibration")  # he has locked no gold video
    full.client(room.lin).get(f"/api/v1/cases/{case}/state")
    full.client(room.coordinator).get("/p/spring/compare/cell?cell=A-000/aed-adult/none")
    assert seen(room) == []


@pytest.mark.parametrize(
    ("language", "said", "gone"), [("en", "Erase these words", "erased"), ("zh", "删除这些文字", "已删除")]
)
def test_a_reason_stands_on_the_page_until_its_words_are_erased(web, language, said, gone):
    room = web.room
    projects.break_glass(room.db, room.owner, room.slug, reason="Tan <b>Wei</b> Ming rang")
    assert "Tan &lt;b&gt;Wei&lt;/b&gt; Ming rang" in web.client(room.auditor).get("/p/spring/audit").text
    assert said not in web.client(room.auditor).get("/p/spring/audit").text
    client = web.client(room.owner)
    with room.db.write() as c:
        c.execute(update(person).where(person.c.id == room.owner.id).values(language=language))
    page = client.get("/p/spring/audit?act=project.break_glass").text
    assert said in page
    digest = re.search(r'name="digest" value="([0-9a-f]{64})"', page)[1]
    assert web.client(room.auditor).post("/p/spring/audit/erase-reason", data={"digest": digest}).status_code == 403
    assert client.post("/audit/erase-reason", data={"digest": digest}).status_code == 404, "it is no line of the room"
    assert client.post("/p/spring/audit/erase-reason", data={"digest": digest}).status_code == 303
    page = client.get("/p/spring/audit").text
    assert "Ming" not in page
    assert gone in page
    assert "Ming" not in client.get("/p/spring/audit.csv").text
    assert audit.verify(room.db).ok
