"""Rubrics from files and from the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

import yaml

from siming.errors import RubricError
from siming.rubric.check import check_rubric
from siming.rubric.files import read_yaml, write_text
from siming.rubric.rubric import Rubric

_BUILTIN = {"cpr-adult-single": "cpr.yaml", "aed-adult": "aed.yaml", "bmv-adult": "bmv.yaml"}


def load_rubric(path: Path | str) -> Rubric:
    """Read and check a rubric file.

    Raises:
        RubricError: broken YAML (with line and column), another schema, or anything `check_rubric` finds.
    """
    path = Path(path)
    plain = read_yaml(path, error=RubricError)
    try:
        rubric = Rubric.from_plain(plain)
    except ValueError as cause:
        raise RubricError(f"{path}: {cause}") from cause
    check_rubric(rubric, where=str(path))
    return rubric


def write_rubric(rubric: Rubric, path: Path | str) -> None:
    """Write a rubric file; reading it gives an equal rubric, unknown fields included."""
    write_text(Path(path), yaml.safe_dump(rubric.to_plain(), sort_keys=False, allow_unicode=True, width=110))


def builtin_rubric_ids() -> tuple[str, ...]:
    """Ids of the rubrics that come with siming, in the order of an exam."""
    return tuple(_BUILTIN)


@cache
def builtin_rubric(rubric_id: str) -> Rubric:
    """A rubric that comes with siming: ``cpr-adult-single``, ``aed-adult`` or ``bmv-adult``.

    All are drafts in this project's own words; no physician has signed them, and they are not the rubrics
    of the SiMing-Bench paper, whose figures are not public.

    Raises:
        RubricError: another id.
    """
    name = _BUILTIN.get(rubric_id)
    if name is None:
        raise RubricError(f"there is no built-in rubric {rubric_id!r}; there are {', '.join(_BUILTIN)}")
    return load_rubric(Path(str(files("siming.rubric.builtin").joinpath(name))))


def resolve_rubric(name: str) -> Rubric:
    """A rubric by built-in id, or by the path of its file."""
    return builtin_rubric(name) if name in _BUILTIN else load_rubric(name)
