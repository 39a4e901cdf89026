"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
"""Recordings and figures that are not part of the project; tests that use them skip where they are absent."""


@pytest.fixture(scope="session")
def shared_video() -> Path:
    folder = SHARED / "video"
    if not folder.is_dir():
        pytest.skip("the shared recordings are not here (../shared/video)")
    return folder
