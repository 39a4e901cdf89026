"""A long table of ratings: who gave which step of which video which label."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from siming.errors import LabelError
from siming.metrics.cells import MISSING, Floats, Ints, read_labels

Flags = NDArray[np.bool_]
Ids = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class RatingTable:
    """Every rating that carries a label, one entry per rating in each array."""

    label: Ints
    video: Ints
    """Place of the rating's video in `videos`; steps and raters likewise."""
    step: Ints
    rater: Ints
    videos: Ids
    """Ids as the caller gave them, sorted; those without any label included."""
    steps: Ids
    raters: Ids
    cluster: Ints
    """Number of each video's cluster, shape (n_videos,)."""
    n_clusters: int
    n_labels: int
    missing: int
    """Ratings handed in without a label."""

    @property
    def n(self) -> int:
        """Ratings with a label."""
        return len(self.label)

    def only(self, kept: Flags) -> RatingTable:
        """The same table with some of its ratings; ids and their numbers stay."""
        return replace(
            self, label=self.label[kept], video=self.video[kept], step=self.step[kept], rater=self.rater[kept]
        )


def read_rating_table(
    labels: ArrayLike,
    *,
    video: ArrayLike,
    step: ArrayLike,
    rater: ArrayLike,
    n_labels: int,
    cluster: ArrayLike | None = None,
) -> RatingTable:
    """Check a long table of ratings and number its videos, steps and raters.

    Args:
        labels: Labels in [0, n_labels), one per rating, -1 or None where missing.
        video, step, rater: Ids of each rating, in the same order.
        n_labels: Length of the scale.
        cluster: Candidate of each rating where one candidate has several videos; else the video.

    Raises:
        LabelError: A label outside the scale, arrays of different length, one cell rated twice by one rater,
            or one video in two clusters.
    """
    if n_labels < 2:
        raise LabelError(f"n_labels is {n_labels}; a scale has at least 2 labels: give its length")
    label = read_labels(labels, "the raters", n_labels)
    videos, video_ids = numbered(video, len(label), "video ids")
    steps, step_ids = numbered(step, len(label), "step ids")
    raters, rater_ids = numbered(rater, len(label), "rater ids")
    place = (videos * len(step_ids) + steps) * len(rater_ids) + raters
    order = np.argsort(place, kind="stable")
    again = np.flatnonzero(np.diff(place[order]) == 0)
    if len(again):
        at = order[again[0] + 1]
        raise LabelError(
            f"rating {at}: rater {rater_ids[raters[at]]!r} rates step {step_ids[steps[at]]!r} of video "
            f"{video_ids[videos[at]]!r} a second time; keep the first here, and hand repeats to intra_rater"
        )
    of_video, n_clusters = np.arange(len(video_ids)), len(video_ids)
    if cluster is not None:
        of_video, names = one_per_video(cluster, videos, video_ids, "cluster ids")
        n_clusters = len(names)
    used = label != MISSING
    return RatingTable(
        label[used],
        videos[used],
        steps[used],
        raters[used],
        video_ids,
        step_ids,
        rater_ids,
        of_video,
        n_clusters,
        n_labels,
        len(label) - int(used.sum()),
    )


def sums_by(number: Ints, size: int, values: ArrayLike | None = None) -> Floats:
    """Sum of the values, or count, of each element 0 ... size - 1."""
    weights = None if values is None else np.asarray(values, dtype=np.float64)
    return np.bincount(number, weights=weights, minlength=size).astype(np.float64)


def numbered(ids: ArrayLike, length: int, what: str) -> tuple[Ints, Ids]:
    """Numbers from 0 in sorted order of the ids, and the ids themselves."""
    raw = np.asarray(ids)
    if raw.ndim != 1:
        raise LabelError(f"{what} have shape {raw.shape}, wanted one id per rating in a flat row")
    if len(raw) != length:
        raise LabelError(f"found {len(raw)} {what} beside {length} labels; give one for each, in the same order")
    mend = "give ids that are all text or all numbers, and none missing"
    try:
        known, number = np.unique(raw, return_inverse=True)
    except TypeError as error:
        raise LabelError(f"{what} cannot be sorted ({error}); {mend}") from error
    if raw.dtype.kind == "f" and np.isnan(known).any():
        raise LabelError(f"{what}: number {int(np.isnan(raw).argmax())} is missing; {mend}")
    return number.astype(np.int64), tuple(known.tolist())


def one_per_video(values: ArrayLike, video: Ints, videos: Ids, what: str) -> tuple[Ints, Ids]:
    """Numbers, shape (n_videos,), of something that belongs to the video but is given with each rating.

    Raises:
        LabelError: One video carries two values.
    """
    number, names = numbered(values, len(video), what)
    out = np.zeros(len(videos), dtype=np.int64)
    out[video] = number
    split = np.flatnonzero(out[video] != number)
    if len(split):
        raise LabelError(
            f"video {videos[video[split[0]]]!r} carries two different {what}; a video belongs to one: give the "
            "same with each of its ratings"
        )
    return out, names
