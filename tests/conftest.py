"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Recordings and figures that are not part of the project; tests that use them skip where they are absent."""


NEVER_AGAIN = ("test_web_rate_reliable.py", "test_web_rate_shelf.py", "test_web_blinding.py")
"""What is lost or learnt once in a hundred times is lost or learnt: these tests get no second chance."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that open a browser come first: they take longest, and no worker shall be left alone with one at the end.

    A browser on a machine with other work is late now and then. Its test runs once more, and the summary names it.
    """
    in_browser = [item for item in items if item.get_closest_marker("browser")]
    for item in in_browser:
        if item.path.name not in NEVER_AGAIN:
            item.add_marker(pytest.mark.flaky(reruns=1))
    first = {item.path for item in in_browser}
    items.sort(key=lambda item: item.path not in first)


@pytest.fixture(scope="module")
def playwright():
    """The driver of browsers. It holds an event loop as long as it lives, so that neither a second driver nor anything that
    runs a loop of its own could work beside it: it ends with its module."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'siming[test]'")
    with sync_api.sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def shared_video() -> Path:
    folder = SHARED / "video"
    if not folder.is_dir():
        pytest.skip("the shared recordings are not here (../shared/video)")
    return folder
