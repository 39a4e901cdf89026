from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from recordings import KINDS, record


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes each small recording once: 120 numbered pictures of 160x96, named in `KINDS`."""
    folder = tmp_path_factory.mktemp("recordings")

    def find(name: str) -> Path:
        path = folder / name
        return path if path.exists() else record(path, **KINDS[name])  # type: ignore[arg-type]

    return find
