"""Where the frames of the release lie on this disk: some releases write a prefix before the source's folder, some none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from siming.bench.medvid.data import Question

MOST_DROPPED: Final = 6
"""Folders at the front of a path that a copy may lack."""

TRIED: Final = 40
"""Frames of each source that are looked for to learn what a copy lacks."""


def plain_parts(path: str) -> tuple[str, ...] | None:
    """The folders and the name of a path of the release; None where it leads upwards or names nothing.

    >>> plain_parts("/frames//AVOS/./v1/0001.jpg"), plain_parts("../../etc/passwd")
    (('frames', 'AVOS', 'v1', '0001.jpg'), None)
    """
    parts = tuple(part for part in path.replace("\\", "/").split("/") if part not in ("", "."))
    return None if not parts or ".." in parts or "\0" in path or not path.isprintable() else parts


@dataclass(frozen=True)
class FramePlaces:
    """A folder of frames, and how the release's paths lead into it."""

    folder: Path
    dropped: Mapping[tuple[str, str], int]
    """By source and first folder of a path: how many folders at the front this copy lacks."""

    @classmethod
    def learn(cls, folder: Path, questions: Sequence[Question]) -> FramePlaces:
        """Look for some frames of each source with and without the folders before them.

        What is left of a path keeps at least a folder and a file. The source's own folder is only taken off where
        `folder` is called so, or else one source's frames could be taken for another's of the same name.
        """
        samples: dict[tuple[str, str], list[tuple[str, ...]]] = defaultdict(list)
        for question in questions:
            for path in question.frames:
                parts = plain_parts(path)
                if parts and len(own := samples[question.source, parts[0]]) < TRIED:
                    own.append(parts)
        return cls(folder, {name: _folders_lacking(folder, name[0], paths) for name, paths in samples.items()})

    def within(self, path: str, source: str) -> str | None:
        """Where a frame lies, or would lie, below the folder; None where its path leads out of it."""
        parts = plain_parts(path)
        if parts is None:
            return None
        return "/".join(parts[min(self.dropped.get((source, parts[0]), 0), len(parts) - 1) :])


def _folders_lacking(folder: Path, source: str, paths: Iterable[tuple[str, ...]]) -> int:
    found = {
        n: sum(
            len(parts) > max(n + 1, 1)
            and _may_drop(folder, source, parts[:n])
            and folder.joinpath(*parts[n:]).is_file()
            for parts in paths
        )
        for n in range(MOST_DROPPED + 1)
    }
    return max(found, key=lambda n: (found[n], -n))


def _may_drop(folder: Path, source: str, front: tuple[str, ...]) -> bool:
    named = source.lower() in (part.lower() for part in front)
    return not named or folder.resolve().name.lower() == source.lower()
