"""The rooms of the house and the arrows between them."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "siming"

MAY_IMPORT = {
    "metrics": {"errors"},
    "rubric": {"errors"},
    "video": {"errors"},
    "measure": {"errors", "rubric", "video"},
    "rating": {"errors", "metrics", "rubric"},
    "simulate": {"errors", "rubric", "video"},
    "exchange": {"errors", "rubric", "rating"},
    "bench": {"errors", "metrics", "rubric", "video", "rating"},
    "run": {"errors", "video", "bench"},
    "leaderboard": {"errors", "metrics", "rubric", "bench"},
    "methods": {"errors", "rubric", "video", "measure", "bench", "run"},
    "report": {"errors", "rubric", "metrics", "rating", "bench", "leaderboard"},
    "store": {"errors", "metrics", "rubric", "rating"},
    "web": {"errors", "rubric", "rating", "video", "exchange", "report", "leaderboard", "store"},
}
"""Room to the rooms it may import; every room may import itself. `cli` may import any, inside its commands."""

ONE_PLACE_ONLY = {
    "av": {"video/container.py", "video/decode.py", "video/sound.py", "video/encode.py", "video/derivative.py"},
    "torch": {"run/local.py"},
    "transformers": {"run/local.py"},
    "openai": {"run/openai.py"},
    "pyarrow": {"exchange/release.py"},
    "openpyxl": {"rating/spreadsheet/table_workbook.py", "exchange/workbook.py"},
}
"""Heavy packages and the files that may import them."""

DRAWERS = {"utils", "util", "common", "core", "helpers", "helper", "misc"}


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    """Full names of everything a module imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            if node.module == "siming":
                found |= {f"siming.{alias.name}" for alias in node.names}
    return found


def room_of(path: Path) -> str:
    relative = path.relative_to(SOURCE)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_arrows_between_rooms_point_down(path):
    room = room_of(path)
    if room not in MAY_IMPORT:
        assert room in {"cli", "errors", "__init__", "__main__"}, f"a room the design does not know: {room}"
        return
    wanted = {name.split(".")[1] for name in imports_of(path) if name.startswith("siming.")}
    strange = wanted - MAY_IMPORT[room] - {room, "__version__"}
    assert not strange, f"{room} may not import {sorted(strange)}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(SOURCE)))
def test_heavy_packages_are_imported_in_one_place_only(path):
    relative = path.relative_to(SOURCE).as_posix()
    tops = {name.split(".")[0] for name in imports_of(path)}
    for package, places in ONE_PLACE_ONLY.items():
        assert package not in tops or relative in places, f"{relative} imports {package}"


def test_commands_import_rooms_only_when_they_run():
    for path in sorted((SOURCE / "cli").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        at_top = {node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)}
        rooms = {name.split(".")[1] for name in at_top if name.startswith("siming.")}
        assert rooms <= {"cli", "errors"}, f"{path.name} imports {rooms} before a command runs"


def test_there_are_no_drawers():
    assert not [p for p in modules() if p.stem in DRAWERS or DRAWERS & set(p.relative_to(SOURCE).parts)]


@pytest.mark.parametrize("room", ["metrics", "rubric", "rating", "bench"])
def test_scoring_answers_needs_no_model_network_or_decoder(room):
    """Whoever has only a file of answers can score it with none of these installed."""
    code = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {{"torch", "transformers", "openai", "av", "PIL", "playwright", "httpx", "aiohttp"}}:
            raise ImportError(name + " is refused in this test")
sys.meta_path.insert(0, Refuse())
import siming.{room}
import pkgutil, importlib
for info in pkgutil.walk_packages(siming.{room}.__path__, "siming.{room}."):
    importlib.import_module(info.name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
