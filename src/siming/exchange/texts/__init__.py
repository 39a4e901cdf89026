"""What this room says to people, one file per language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def texts(language: str) -> Mapping[str, Any]:
    """Everything in one language, ``en`` or ``zh``."""
    loaded: Mapping[str, Any] = yaml.safe_load(files(__package__).joinpath(f"{language}.yaml").read_text("utf-8"))
    return loaded
