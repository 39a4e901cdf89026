"""What a reader must be warned of before he believes a table, in both languages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml

from siming.bench.contest import BlindTest, Contest
from siming.metrics import Measured
from siming.metrics.comparison.nulls import BestOfNulls, best_of_nulls
from siming.metrics.resample import FEWEST_CLUSTERS
from siming.rubric import Language

Plain = Mapping[str, Any]

MOST_OF_ONE_LABEL = 0.8
"""Share of one label above which kappa and raw agreement contradict each other."""
STEP_GAP = 0.1
"""How far pooled kappa may lie above within-step kappa without a word."""
IMPORTANCE = (
    "few-videos",
    "coverage",
    "common-cells",
    "blind-ahead",
    "blind-level",
    "best-of-nulls",
    "unranked",
    "not-ranked",
    "step-difficulty",
    "skew",
    "wide-interval",
    "design-effect",
    "no-interval",
)
"""Codes of all warnings, in the order in which a reader needs them."""

WIDEST_INTERVAL = 0.2
LARGEST_DESIGN_EFFECT = 1.5


@cache
def texts(language: Language) -> Mapping[str, Any]:
    """All sentences of this room in one language."""
    loaded: Mapping[str, Any] = yaml.safe_load(
        files("siming.bench").joinpath("texts", f"{language}.yaml").read_text(encoding="utf-8")
    )
    return loaded


def setting_cautions(
    titles: Mapping[Language, str],
    entries: Sequence[Plain],
    measured: Sequence[Mapping[str, Measured]],
    *,
    label_counts: Sequence[int],
    n_videos: int,
    ranking: str,
    policy: str,
) -> list[dict[str, str]]:
    """Warnings about one setting.

    Args:
        titles: The setting's name by language.
        entries: Rows of the report in this setting.
        measured: Their metrics, in the same order.
        label_counts: Cells per label of the reference; empty where only verdicts are compared.
        ranking: The metric that models are ranked by.
    """
    out: list[dict[str, str]] = []

    def warn(code: str, **parts: object) -> None:
        out.append(_in_both(code, titles, parts))

    labels = sum(label_counts)
    if labels and max(label_counts) > MOST_OF_ONE_LABEL * labels:
        label = int(np.argmax(label_counts))
        warn("skew", share=f"{max(label_counts) / labels:.0%}", label=label)
    if 0 < n_videos < FEWEST_CLUSTERS:
        warn("few-videos", n=n_videos)
    runs = [(e, m) for e, m in zip(entries, measured, strict=True) if e["kind"] == "run"]
    for entry, metrics in runs:
        name = entry["name"]
        coverage = entry["coverage"]
        if coverage["cells_answered"] < coverage["cells_asked"]:
            warn(
                "coverage",
                name=name,
                answered=coverage["cells_answered"],
                asked=coverage["cells_asked"],
                share=f"{coverage['share']:.1%}",
                policy=f"coverage-{policy}",
            )
        pooled, within = _value(metrics, "qwk"), _value(metrics, "qwk_within_step")
        if pooled is not None and within is not None and pooled - within > STEP_GAP:
            gap = f"{pooled - within:.2f}"
            warn("step-difficulty", name=name, pooled=f"{pooled:.2f}", within=f"{within:.2f}", gap=gap)
        for correlation in ("plcc", "srcc"):
            if correlation in metrics and lacks_needed_interval(metrics[correlation]):
                warn("no-interval", name=name, metric=correlation)
    widths = {e["name"]: width for e, m in runs if (width := _width(m.get(ranking))) is not None}
    wide = [name for name, width in widths.items() if width > WIDEST_INTERVAL]
    if wide:
        warn("wide-interval", names=", ".join(wide), metric=ranking, width=f"{max(widths.values()):.2f}", n=n_videos)
    totals = [m["plcc"] for _, m in runs if _value(m, "plcc") is not None]
    if len(totals) > 1:
        top = max(totals, key=lambda found: found.value or 0.0)
        _warn_of_luck(warn, "plcc", best_of_nulls(len(totals), top.n, observed=top.value), top.value)
    return out


def contest_cautions(titles: Mapping[Language, str], contest: Contest) -> list[dict[str, str]]:
    """Warnings about how the models of one setting compare."""
    out: list[dict[str, str]] = []
    metric = contest.metric.name

    def warn(code: str, **parts: object) -> None:
        out.append(_in_both(code, titles, parts))

    if contest.metric.kind == "totals":
        warn("unranked", metric=metric)
    if 0 < contest.n_cells < contest.n_cells_of_any and contest.metric.kind != "totals":
        warn("common-cells", n=contest.n_cells, any=contest.n_cells_of_any, videos=contest.n_videos)
    for place in contest.ranking.places:
        if place.group is None and place.value.value is not None:
            warn("not-ranked", name=place.name, metric=metric)
    for name, effect in contest.effects.items():
        if effect.value is not None and effect.value > LARGEST_DESIGN_EFFECT:
            warn("design-effect", name=name, metric=metric, effect=f"{effect.value:.1f}")
    if contest.luck is not None:
        _warn_of_luck(warn, metric, contest.luck, max(_values(contest)))
    blind = contest.blind or BlindTest({}, None, (), 1)
    for pair in blind.pairs:
        if pair.difference.value is None or pair.first in blind.beaten_by:
            continue
        code = "blind-level" if blind.sign * pair.difference.value > 0 else "blind-ahead"
        warn(code, name=pair.first, metric=metric, baseline=pair.second, difference=_signed(pair.difference.value))
    return out


def most_important_first(found: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """What undoes a conclusion before what only qualifies it: a page may fold the end of the list away."""
    return sorted(found, key=lambda caution: IMPORTANCE.index(caution["code"]))


def lacks_needed_interval(found: Measured) -> bool:
    """Whether a correlation must be held back: it has a value and no width, and is not simply perfect."""
    perfect = found.value is not None and abs(found.value) == 1 and (found.n_clusters or 0) >= FEWEST_CLUSTERS
    return found.value is not None and found.interval is None and not perfect


def _signed(value: float) -> str:
    rounded = round(value, 2)
    return f"{rounded:+.2f}".replace("-", "\u2212") if rounded else "0.00"


def _unsigned(value: float) -> str:
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "\u2212")  # + 0.0: no negative zero


def _values(contest: Contest) -> list[float]:
    return [place.value.value for place in contest.ranking.places if place.value.value is not None]


def _warn_of_luck(warn: Callable[..., None], metric: str, luck: BestOfNulls, top: float | None) -> None:
    """Where the top of a table is no higher than the luckiest of as many guessers once in twenty times."""
    expected, exceeded = luck.expected.value, luck.exceeded.value
    if top is None or expected is None or exceeded is None or top > exceeded:
        return
    warn(
        "best-of-nulls",
        metric=metric,
        m=luck.models,
        n=luck.expected.n,
        value=_unsigned(top),
        expected=_unsigned(expected),
        exceeded=_unsigned(exceeded),
    )


def _in_both(code: str, titles: Mapping[Language, str], parts: Mapping[str, object]) -> dict[str, str]:
    said: dict[str, str] = {"code": code}
    languages: tuple[Language, ...] = ("en", "zh")
    for language in languages:
        sentences = texts(language)["warnings"]
        names = {
            **{key: text for key, text in sentences.items() if key.startswith("coverage-")},
            **texts(language)["names"],
        }
        filled = {key: names.get(str(value), value) for key, value in parts.items()}
        said[language] = sentences[code].format(setting=titles[language], **filled)
    return said


def _value(metrics: Mapping[str, Measured], name: str) -> float | None:
    return metrics[name].value if name in metrics else None


def _width(found: Measured | None) -> float | None:
    return None if found is None or found.interval is None else found.interval.high - found.interval.low
