"""The documentation says what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def test_the_reference_pages_are_what_the_code_says():
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "make_reference.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_and_picture_of_a_page_exists(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{page.name} points to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_a_page_shows_exists(page):
    from typer.main import get_command

    from siming.cli import app

    blocks = re.findall(r"```(?:bash|text|console)\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
    for words in re.findall(r"^ *(?:\$ )?siming ([a-z][a-z -]*)", "\n".join(blocks), re.M):
        command = get_command(app)
        for word in words.split():
            children = getattr(command, "commands", None)
            if not children:
                break
            assert word in children, f"{page.name}: there is no `siming {words}`"
            command = children[word]


def test_doctests_of_pure_modules_hold():
    import doctest
    import importlib
    import pkgutil

    import siming

    failed = tried = 0
    for info in pkgutil.walk_packages(siming.__path__, "siming."):
        # The entry of migrations runs as soon as it is imported, on the connection that alembic has by then.
        if info.name.startswith(("siming.run.local", "siming.__main__", "siming.store.migrations.env")):
            continue
        result = doctest.testmod(importlib.import_module(info.name), optionflags=doctest.ELLIPSIS)
        failed, tried = failed + result.failed, tried + result.attempted
    assert tried > 10
    assert failed == 0
