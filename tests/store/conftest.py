"""Fixtures of the store's tests."""

import pytest
from databases import KINDS, any_room, any_url, room_on

__all__ = ["any_room", "any_url"]

ON_BOTH = {
    "test_store_audit",
    "test_store_audit_reasons",
    "test_store_cases",
    "test_store_changes",
    "test_store_consensus",
    "test_store_devices",
    "test_store_handover",
    "test_store_media",
    "test_store_people",
    "test_store_projects",
    "test_store_rated_film",
    "test_store_rubrics",
    "test_store_sessions",
    "test_store_submissions",
    "test_store_uploads",
    "test_store_vault",
    "test_store_views",
}
"""Files whose tests run on PostgreSQL too: those that lock, race, hash or replay."""


def pytest_generate_tests(metafunc):
    if metafunc.module.__name__ in ON_BOTH and "room" in metafunc.fixturenames:
        metafunc.parametrize("room", KINDS, indirect=True)


@pytest.fixture
def room(request, tmp_path):
    """A room with nobody's work in it; on SQLite unless its file is `ON_BOTH`."""
    with room_on(getattr(request, "param", "sqlite"), tmp_path) as made:
        yield made
