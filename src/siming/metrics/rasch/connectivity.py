"""Which raters can be compared at all: the connections that shared videos and steps make.

A rating is modelled as video - step - rater. Two raters who share no video, directly or through others, can each
be called severe or their videos weak: no arithmetic tells the two apart, however many ratings there are. Being joined
through common *steps* does not help, so counting the pieces of the rater-video-step graph is not enough; what counts
is whether the difference of two raters is estimable in the linear model behind the ratings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.sparse import csgraph

from siming.errors import LabelError
from siming.metrics.cells import Floats, Ints
from siming.metrics.rasch.table import RatingTable, numbered

_ZERO = 1e-8
"""Eigenvalues below this share of the largest count as 0."""


@dataclass(frozen=True, slots=True)
class Connectivity:
    """What the design of a set of ratings allows to be compared."""

    raters: tuple[tuple[Hashable, ...], ...]
    """Raters in groups: severities can be compared inside a group and never between two."""
    steps: tuple[tuple[Hashable, ...], ...]
    """Steps likewise."""
    graph_pieces: int
    """Pieces of the graph that joins raters, videos and steps. One piece is needed, and is not enough."""
    explanation: str
    """One paragraph for people."""

    @property
    def connected(self) -> bool:
        """Whether every rater can be compared with every other."""
        return len(self.raters) <= 1

    def refusal(self, first: Hashable, second: Hashable) -> str | None:
        """Why these two raters cannot be compared, or None where they can.

        Raises:
            LabelError: A rater who gave no rating.
        """
        group = {rater: place for place, members in enumerate(self.raters) for rater in members}
        for rater in (first, second):
            if rater not in group:
                raise LabelError(f"rater {rater!r} gave no rating; raters are {', '.join(map(repr, group))}")
        if group[first] == group[second]:
            return None
        return (
            f"no link between raters {first!r} and {second!r}: no chain of videos and steps that they or others share "
            "leads from one to the other, so a severe rater and weak videos look the same. "
            "Let both rate some of the same videos in full"
        )


def connectivity(*, video: ArrayLike, step: ArrayLike, rater: ArrayLike) -> Connectivity:
    """Groups of raters, and of steps, within which the ratings allow comparison.

    Two raters are in one group when the difference of their severities is estimable: fixed by the design
    video - step - rater, whatever the labels. Sharing videos does that, directly or in a chain.

    Args:
        video, step, rater: Ids, one of each per rating that carries a label.

    Raises:
        LabelError: Arrays of different length.

    Source: estimability of a contrast (Searle 1971); subsets of a many-facet design, Linacre 1989.

    >>> connectivity(video=[1, 1, 2, 2], step=["a"] * 4, rater=["Wei", "Okafor", "Okafor", "Lin"]).connected
    True
    >>> connectivity(video=[1, 2], step=["a", "a"], rater=["Wei", "Okafor"]).raters
    (('Okafor',), ('Wei',))
    """
    length = len(np.asarray(video))
    videos, video_ids = numbered(video, length, "video ids")
    steps, step_ids = numbered(step, length, "step ids")
    raters, rater_ids = numbered(rater, length, "rater ids")
    null = null_space(videos, steps, raters, len(video_ids), len(step_ids), len(rater_ids))
    n_steps = len(step_ids)
    return describe(
        _groups(null[n_steps:], rater_ids),
        _groups(null[:n_steps], step_ids),
        _pieces(videos, steps, raters, len(video_ids), n_steps, len(rater_ids)),
    )


def connectivity_of(ratings: RatingTable, null: Floats) -> Connectivity:
    """The same, of ratings already numbered whose `null_space` is known; elements without a rating are left out."""
    n_steps = len(ratings.steps)
    rated = np.bincount(ratings.rater, minlength=len(ratings.raters)) > 0
    stepped = np.bincount(ratings.step, minlength=n_steps) > 0
    return describe(
        _groups(null[n_steps:][rated], tuple(r for r, there in zip(ratings.raters, rated, strict=True) if there)),
        _groups(
            null[:n_steps][stepped],
            tuple(s for s, there in zip(ratings.steps, stepped, strict=True) if there),
        ),
        _pieces(ratings.video, ratings.step, ratings.rater, len(ratings.videos), n_steps, len(ratings.raters)),
    )


def describe(
    raters: tuple[tuple[Hashable, ...], ...], steps: tuple[tuple[Hashable, ...], ...], pieces: int
) -> Connectivity:
    """Put the groups into words."""
    if len(raters) <= 1:
        text = "Every rater can be compared with every other."
    else:
        members = "; ".join(", ".join(map(str, group)) for group in raters)
        text = (
            f"The raters fall into {len(raters)} groups ({members}) that no shared video links. Inside a group severity "
            "is measured from the group's own mean; between groups neither raters nor videos are comparable. A few videos rated in full by "
            "one rater of each group would join them."
        )
    return Connectivity(raters, steps, pieces, text)


def null_space(video: Ints, step: Ints, rater: Ints, n_videos: int, n_steps: int, n_raters: int) -> Floats:
    """Shifts of steps and raters that no rating can notice once the videos may shift too.

    Returns:
        Orthonormal columns, shape (n_steps + n_raters, n_free). The two that always exist (all steps together, all
        raters together) are among them; an element without ratings has a column of its own.
    """
    crossed, per_video = _crossed(video, step, rater, n_videos, n_steps, n_raters)
    return _kernel(_normal(crossed, per_video, step, rater, n_steps, n_raters))


def critical_videos(table: RatingTable) -> tuple[int, ...]:
    """Videos without any one of which some raters, comparable now, could not be compared.

    Args:
        table: Ratings that tell raters apart: those of extreme videos left out.

    Returns:
        Numbers of the videos. A video whose steps and raters another video repeats is none, so only single ones are
        tried, by taking their part out of the normal equations of video - step - rater.
    """
    n_steps, n_raters = len(table.steps), len(table.raters)
    sizes = len(table.videos), n_steps, n_raters
    crossed, per_video = _crossed(table.video, table.step, table.rater, *sizes)
    normal = _normal(crossed, per_video, table.step, table.rater, n_steps, n_raters)
    whole = len(_groups(_kernel(normal)[n_steps:], table.raters))
    cells = sparse.csr_matrix(
        (np.ones(table.n), (table.video, table.step * n_raters + table.rater)), shape=(sizes[0], n_steps * n_raters)
    )
    cells.sort_indices()
    rows = [
        cells.indices[start:end].astype(np.int64)
        for start, end in zip(cells.indptr[:-1], cells.indptr[1:], strict=True)
    ]
    met = Counter(row.tobytes() for row in rows)
    out = []
    for video, row in enumerate(rows):
        if met[row.tobytes()] == 1 and len(row):
            step, rater = row // n_raters, row % n_raters
            own = _normal(crossed[[video]], per_video[[video]], step, rater, n_steps, n_raters)
            if len(_groups(_kernel(normal - own)[n_steps:], table.raters)) > whole:
                out.append(video)
    return tuple(out)


def _crossed(video: Ints, step: Ints, rater: Ints, n_videos: int, n_steps: int, n_raters: int) -> tuple[Floats, Floats]:
    """Ratings of each video in each step and by each rater, (n_videos, n_steps + n_raters), and in all."""
    by_step = np.bincount(video * n_steps + step, minlength=n_videos * n_steps).reshape(n_videos, n_steps)
    by_rater = np.bincount(video * n_raters + rater, minlength=n_videos * n_raters).reshape(n_videos, n_raters)
    return np.hstack([by_step, by_rater]).astype(np.float64), np.bincount(video, minlength=n_videos).astype(np.float64)


def _normal(crossed: Floats, per_video: Floats, step: Ints, rater: Ints, n_steps: int, n_raters: int) -> Floats:
    """Normal equations of steps and raters, the videos eliminated."""
    together = np.bincount(step * n_raters + rater, minlength=n_steps * n_raters).reshape(n_steps, n_raters)
    out = np.zeros((n_steps + n_raters, n_steps + n_raters))
    out[:n_steps, n_steps:], out[n_steps:, :n_steps] = together, together.T
    np.fill_diagonal(out, crossed.sum(axis=0))
    out -= crossed.T @ (crossed / np.maximum(per_video, 1)[:, None])
    return out


def _kernel(normal: Floats) -> Floats:
    value, vector = np.linalg.eigh(normal)
    out: Floats = vector[:, value <= _ZERO * max(1.0, float(value.max(initial=0)))]
    return out


def _groups(null: Floats, ids: tuple[Hashable, ...]) -> tuple[tuple[Hashable, ...], ...]:
    """Elements that no unnoticed shift moves apart."""
    groups: list[tuple[Floats, list[Hashable]]] = []
    for row, name in zip(null, ids, strict=True):
        for first, members in groups:
            if np.abs(row - first).max(initial=0) < 1e-6:
                members.append(name)
                break
        else:
            groups.append((row, [name]))
    return tuple(tuple(members) for _, members in groups)


def _pieces(video: Ints, step: Ints, rater: Ints, n_videos: int, n_steps: int, n_raters: int) -> int:
    # Elements that rated nothing would be pieces of their own; they are no part of the graph.
    start = np.concatenate([video, video])
    end = np.concatenate([n_videos + step, n_videos + n_steps + rater])
    size = n_videos + n_steps + n_raters
    graph = sparse.coo_matrix((np.ones(len(start)), (start, end)), shape=(size, size))
    _, member = csgraph.connected_components(graph, directed=False)
    return len(np.unique(member[start])) if len(start) else 0
