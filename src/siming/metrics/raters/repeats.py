"""A rater against himself: the same videos judged twice."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from siming.errors import LabelError
from siming.metrics.measured import Measured
from siming.metrics.rasch.table import numbered
from siming.metrics.registry import Metric, get_metric
from siming.metrics.resample import IntervalMethod


def intra_rater(
    metric: str | Metric,
    values: ArrayLike,
    *,
    video: ArrayLike,
    rater: ArrayLike,
    occasion: ArrayLike,
    step: ArrayLike | None = None,
    n_labels: int | None = None,
    cluster: ArrayLike | None = None,
    interval: IntervalMethod | None = None,
) -> Mapping[Hashable, Measured]:
    """Any metric of agreement between each rater's first and second judgement of the same cell.

    Args:
        metric: Name in `METRICS`, or one of its metrics.
        values: Labels, wrong/right calls or totals, as the metric's kind wants them; missing as it wants them.
        video, rater, occasion: Of each value. Occasions sort in time: numbers, or dates as text.
        step: Step of each value; None where the values are totals.
        n_labels: Length of the scale, for metrics of labels.
        cluster: Candidate of each value; else the video is the cluster.
        interval: How to make the intervals; None for the metric's own default.

    Returns:
        Rater to agreement with himself. Cells judged once are counted in `left_out["judged_once"]`, third and later
        judgements in `left_out["later"]`; a rater without repeats has None and the reason.

    Raises:
        LabelError: As the metric itself, or a cell judged twice on one occasion.
        TaskError: Unknown metric.

    Source: statistic D7 of the specification.
    """
    chosen = get_metric(metric) if isinstance(metric, str) else metric
    raw = np.ma.filled(values, -1) if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    length = len(raw)
    raters, names = numbered(rater, length, "rater ids")
    videos, video_ids = numbered(video, length, "video ids")
    occasions, _ = numbered(occasion, length, "occasions")
    steps, step_ids = numbered(step if step is not None else np.zeros(length, dtype=np.int64), length, "step ids")
    clusters = np.asarray(cluster) if cluster is not None else videos
    cell = (raters * len(video_ids) + videos) * len(step_ids) + steps
    order = np.lexsort((occasions, cell))
    same = cell[order][1:] == cell[order][:-1]
    twice = np.flatnonzero(same & (occasions[order][1:] == occasions[order][:-1]))
    if len(twice):
        at = order[twice[0] + 1]
        raise LabelError(
            f"value {at}: rater {names[raters[at]]!r} judges a cell of video {video_ids[videos[at]]!r} twice on one "
            "occasion; name the second sitting as another occasion"
        )
    opening = np.concatenate([[True], ~same])
    starts = np.flatnonzero(opening)
    size = np.diff(np.append(starts, length))
    out: dict[Hashable, Measured] = {}
    for number, name in enumerate(names):
        mine = raters[order[starts]] == number
        repeated = starts[mine & (size > 1)]
        left_out = {
            "judged_once": int((mine & (size == 1)).sum()),
            "later": int(np.maximum(size[mine] - 2, 0).sum()),
        }
        if not len(repeated):
            out[name] = Measured(None, 0, 0, left_out=left_out, reason="no repeats: this rater judged every cell once")
            continue
        first, second = order[repeated], order[repeated + 1]
        own_steps = steps[first] if step is not None else None
        found = chosen.function(
            raw[first],
            raw[second],
            cluster=clusters[first],
            interval=interval or chosen.interval,
            **chosen.options(n_labels=n_labels, step=own_steps),
        )
        out[name] = _with_left_out(found, left_out)
    return out


def _with_left_out(measured: Measured, more: Mapping[str, int]) -> Measured:
    return replace(measured, left_out={**measured.left_out, **more})
