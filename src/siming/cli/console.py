"""How commands talk: JSON on stdout, tables and progress for people on stderr or stdout as fits."""

from __future__ import annotations

import json
import os
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def print_json(plain: Any) -> None:
    """Strict JSON on stdout, readable."""
    typer.echo(json.dumps(plain, ensure_ascii=False, allow_nan=False, indent=2))


def talk(text: str) -> None:
    """A line for the person at the terminal, on stderr."""
    typer.echo(text, err=True)


def console(*, stderr: bool = False) -> Console:
    """A rich console; plain when not a terminal."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def progress() -> Progress:
    """A progress bar on stderr."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),  # model names and file names may hold brackets
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=console(stderr=True),
        transient=True,
    )


@cache
def strings(language: str) -> dict[str, str]:
    """What commands say to people, in one language."""
    import yaml

    loaded: dict[str, str] = yaml.safe_load(files("siming.cli.texts").joinpath(f"{language}.yaml").read_text("utf-8"))
    return loaded


def language_of_terminal() -> str:
    """``zh`` where the environment speaks Chinese, else ``en``."""
    for name in ("SIMING_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name)
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"
