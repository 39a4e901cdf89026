"""What is asked for each row of a page goes by an index that leaves a row or two: a large room stays as quick as a small one."""

from __future__ import annotations

import pytest
from rating_rooms import add_rated_attempt, give
from sqlalchemy import event

from siming.store.blind.devices import devices, n_open_devices
from siming.store.blind.queue import queue
from siming.store.cases.case_view import list_cases
from siming.store.cases.consensus_view import list_results
from siming.store.cases.grid import grid
from siming.store.cases.joint import joint_cases
from siming.store.figures.flow import flow

PAGES = {
    "queue": lambda room, who: queue(room.db, who),
    "joint cases": lambda room, who: joint_cases(room.db, who),
    "cases": lambda room, who: list_cases(room.db, room.lin, room.project),
    "results": lambda room, who: list_results(room.db, room.coordinator, room.project),
    "comparisons": lambda room, who: grid(room.db, room.coordinator, room.project),
    "devices": lambda room, who: devices(room.db, room.coordinator, room.project),
    "open devices": lambda room, who: n_open_devices(room.db, room.coordinator, room.project),
    "overview": lambda room, who: flow(room.db, room.coordinator, room.project),
}


LARGE = ("assignment", "attempt", "device", "submission", "adjudication_case", "comparison")
"""Tables that grow with every exam: nothing reads one from end to end for a page."""


def plans_of(room, act) -> list[tuple[str, str, bool]]:
    """Every statement of an act with a line of its plan, and whether that line is gone through for each row of another."""
    said = []

    def note(connection, cursor, statement, parameters, context, executemany):
        if statement.startswith("SELECT"):
            said.append((statement, parameters))

    event.listen(room.db.engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(room.db.engine, "before_cursor_execute", note)
    found = []
    with room.db.read() as c:
        for statement, parameters in said:
            correlated: set[int] = set()
            for number, parent, _, detail in c.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters):
                if "CORRELATED" in detail or parent in correlated:
                    correlated.add(number)
                found.append((statement, detail, number in correlated))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_what_is_asked_for_each_row_takes_no_ones_whole_work(room, page):
    if not room.db.is_sqlite:
        pytest.skip("PostgreSQL chooses by what the tables hold")
    give(room, add_rated_attempt(room), room.wei)
    for statement, detail, for_each_row in plans_of(room, lambda: PAGES[page](room, room.wei)):
        assert not detail.startswith(tuple(f"SCAN {table}" for table in LARGE)), (detail, statement)
        if for_each_row and detail.startswith("SEARCH assignment "):
            assert any(by in detail for by in ("(attempt=? AND rater=?", "(attempt=?)", "(id=?)")), (detail, statement)


def test_the_plans_of_joint_cases_are_seen_at_all(room):
    if not room.db.is_sqlite:
        pytest.skip("PostgreSQL chooses by what the tables hold")
    found = plans_of(room, lambda: joint_cases(room.db, room.wei))
    assert any("SEARCH assignment USING" in detail and "attempt=? AND rater=?" in detail for _, detail, _ in found)
