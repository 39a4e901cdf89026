"""What a rater who never sees the video says: the blind step prior on labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from siming.metrics.cells import number_ids, read_labels


def step_prior(labels: ArrayLike, *, n_labels: int, step: ArrayLike, cluster: ArrayLike) -> NDArray[np.int64]:
    """For each cell the most frequent label of its step in the other videos; of equally frequent ones the highest.

    The best a deterministic rater can do who knows how hard each step is and nothing else. The own video is left out,
    or the prior would have seen its answer.

    Args:
        labels: Labels of the reference, int in [0, n_labels), -1 where missing; shape (n_cells,).
        n_labels: Length of the scale.
        step, cluster: Step and video of each cell.

    Returns:
        Labels, shape (n_cells,); -1 where no other video has this step.

    Raises:
        LabelError: A label outside the scale, or arrays of different length.

    Source: statistic A12 of the specification (blind baseline, leave one video out).

    >>> step_prior([3, 3, 0, 0], n_labels=4, step=[1, 1, 1, 2], cluster=["a", "b", "c", "c"])
    array([ 3,  3,  3, -1])
    """
    values = read_labels(labels, "the reference", n_labels)
    steps, n_steps = number_ids(step, len(values), "step ids")
    clusters, n_clusters = number_ids(cluster, len(values), "cluster ids")
    there = values >= 0
    place = (clusters[there] * n_steps + steps[there]) * n_labels + values[there]
    size = n_clusters * n_steps * n_labels
    own = np.bincount(place, minlength=size).reshape(n_clusters, n_steps, n_labels)
    others = own.sum(axis=0)[steps] - own[clusters, steps]
    best = n_labels - 1 - np.argmax(others[:, ::-1], axis=1)
    return np.where(others.sum(axis=1) > 0, best, -1)
