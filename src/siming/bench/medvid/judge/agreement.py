"""Two judges on the same pairs: may one stand for the other? Numbers with intervals by recording, and no verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Final

from siming.bench.medvid.judge.folder import Judged
from siming.bench.medvid.judge.prompt import HIGHEST, LOWEST, Mode, codes_of, names_of
from siming.bench.medvid.means import mean_by_video
from siming.errors import TaskError
from siming.metrics.agreement import raw_agreement
from siming.metrics.kappa import quadratic_weighted_kappa, within_step_kappa
from siming.metrics.measured import Measured
from siming.metrics.totals import pearson_correlation

TASKS: Final = ("vs", "rc", "dvc")

N_GRADES: Final = HIGHEST - LOWEST + 1
SPAN: Final = float(HIGHEST - LOWEST)


@dataclass(frozen=True)
class Agreement:
    """How two judges agree."""

    first: str
    second: str
    mode: Mode
    counts: Mapping[str, int]
    """Pairs that were put to both: graded by ``both``, ``first only``, ``second only``, ``neither``; and pairs that were put
    to one alone."""
    aspects: Mapping[str, Mapping[str, Measured]]
    """Aspect to ``qwk``, ``raw``, ``difference`` (first less second, in grades)."""
    all_aspects: Mapping[str, Measured]
    """The same over all grades; chance is worked out aspect by aspect, so that an aspect on which everything gets the same
    grade helps nobody."""
    columns: Mapping[str, Mapping[str, Measured]]
    """Column to its pairs' means over the five aspects: ``first``, ``second``, ``difference``, ``distance`` (how far apart
    the two are for one pair, in grades) and ``correlation``."""

    def to_plain(self) -> dict[str, Any]:
        """For strict JSON."""
        return {
            "first": self.first,
            "second": self.second,
            "mode": self.mode,
            "pairs": dict(self.counts),
            "aspects": {
                code: {"name": names_of(self.mode)[code], **_plain(found)} for code, found in self.aspects.items()
            },
            "all_aspects": _plain(self.all_aspects),
            "columns": {name: _plain(found) for name, found in self.columns.items()},
        }


def agreement(first: Judged, second: Judged) -> Agreement:
    """How far two judges give the same grades to the pairs that both graded.

    A pair that one of them failed on is in no number, and is counted.

    Raises:
        TaskError: They were asked different things, or no pair was graded by both.
    """
    if first.mode != second.mode:
        raise TaskError(
            f"{first.folder} holds {first.mode} grades and {second.folder} {second.mode} ones; judges agree or "
            "disagree about the same question only"
        )
    both = [key for key in first.videos if key in first.grades and key in second.grades]
    if not both:
        raise TaskError(
            f"{first.folder} and {second.folder} have no graded pair in common; let both judge the same submission "
            "against the same truth"
        )
    codes = codes_of(first.mode)
    videos = [first.videos[key] for key in both]
    aspects = {}
    for code in codes:
        one, other = ([judge.grades[key][code] - LOWEST for key in both] for judge in (first, second))
        aspects[code] = {
            "qwk": quadratic_weighted_kappa(one, other, n_labels=N_GRADES, cluster=videos),
            **_raw_and_difference(one, other, videos),
        }
    one, other = ([judge.grades[key][code] - LOWEST for key in both for code in codes] for judge in (first, second))
    of_cell = [video for video in videos for _ in codes]
    steps = [code for _ in both for code in codes]
    pooled = {
        "qwk": within_step_kappa(one, other, n_labels=N_GRADES, step=steps, cluster=of_cell),
        **_raw_and_difference(one, other, of_cell),
    }
    columns = {}
    for task in TASKS:
        own = [key for key in both if first.tasks[key] == task]
        if own:
            columns[f"{task.upper()}_llm" if first.mode == "quality" else task] = _column(first, second, own)
    return Agreement(first.name, second.name, first.mode, _counts(first, second), aspects, pooled, columns)


def _raw_and_difference(one: Sequence[int], other: Sequence[int], videos: Sequence[str]) -> dict[str, Measured]:
    return {
        "raw": raw_agreement(one, other, n_labels=N_GRADES, cluster=videos),
        "difference": mean_by_video(
            [float(a - b) for a, b in zip(one, other, strict=True)], videos, bounds=(-SPAN, SPAN)
        ),
    }


def _column(first: Judged, second: Judged, keys: Sequence[str]) -> dict[str, Measured]:
    """The means that go into a column; each pair of texts counts once, wherever it stands."""
    videos = [first.videos[key] for key in keys]
    one, other = ([fmean(judge.grades[key].values()) for key in keys] for judge in (first, second))
    apart = [a - b for a, b in zip(one, other, strict=True)]
    return {
        "first": mean_by_video(one, videos, bounds=(LOWEST, HIGHEST)),
        "second": mean_by_video(other, videos, bounds=(LOWEST, HIGHEST)),
        "difference": mean_by_video(apart, videos, bounds=(-SPAN, SPAN)),
        "distance": mean_by_video([abs(each) for each in apart], videos, bounds=(0.0, SPAN)),
        "correlation": pearson_correlation(one, other, cluster=videos),
    }


def _counts(first: Judged, second: Judged) -> dict[str, int]:
    shared = first.videos.keys() & second.videos.keys()
    graded = [(key in first.grades, key in second.grades) for key in shared]
    return {
        "both": graded.count((True, True)),
        "first only": graded.count((True, False)),
        "second only": graded.count((False, True)),
        "neither": graded.count((False, False)),
        "put to the first alone": len(first.videos.keys() - shared),
        "put to the second alone": len(second.videos.keys() - shared),
    }


def _plain(found: Mapping[str, Measured]) -> dict[str, Any]:
    return {name: {"interval": None, **measured.to_json()} for name, measured in found.items()}
