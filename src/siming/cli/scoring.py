"""Run folders scored together, and the frames their models were shown: for the commands that show scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from siming.rubric import Dataset


def scored(runs: Sequence[Path], dataset: Dataset, *, missing: str, replicates: int, seed: int) -> dict[str, Any]:
    """The report of some run folders.

    Raises:
        TaskError: another word for `missing` than strict or drop.
        RunError: a folder that is no run, or belongs to another dataset.
    """
    from siming.bench.folder import load_run
    from siming.bench.score import score
    from siming.cli.arguments import choice

    policy = choice("--missing", missing, ("strict", "drop"))
    return score(
        [load_run(folder) for folder in runs],
        dataset,
        missing="drop" if policy == "drop" else "strict",
        replicates=replicates,
        seed=seed,
    )


def pictures(folder: Path) -> Callable[[str], bytes | None]:
    """Cut frames by their key, from a store's folder; None for a key it does not have."""
    from siming.video import FrameStore

    store = FrameStore(folder)

    def picture(key: str) -> bytes | None:
        path = store.path_of(key).resolve()
        inside = path.is_relative_to(folder.resolve())  # keys come from a predictions file: not to be trusted
        return path.read_bytes() if inside and path.is_file() else None

    return picture
