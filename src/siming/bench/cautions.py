"""What a reader must be warned of before he believes a table, in both languages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml
from scipy import special

from siming.metrics import Measured
from siming.rubric import Language

Plain = Mapping[str, Any]

MOST_OF_ONE_LABEL = 0.8
"""Share of one label above which kappa and raw agreement contradict each other."""
STEP_GAP = 0.1
"""How far pooled kappa may lie above within-step kappa without a word."""
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
    setting: str,
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
    if 0 < n_videos < 5:
        warn("few-videos", n=n_videos)
    runs = [(e, m) for e, m in zip(entries, measured, strict=True) if e["kind"] == "run"]
    blind = [(e, m) for e, m in zip(entries, measured, strict=True) if e["kind"] == "baseline"]
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
        width = _width(metrics.get(ranking))
        if width is not None and width > WIDEST_INTERVAL:
            warn("wide-interval", name=name, metric=ranking, width=f"{width:.2f}", n=n_videos)
        effect = design_effect(metrics)
        if effect is not None and effect > LARGEST_DESIGN_EFFECT:
            warn("design-effect", name=name, effect=f"{effect:.1f}")
        own = _value(metrics, ranking)
        ahead = [(v, e["name"]) for e, m in blind if (v := _value(m, ranking)) is not None]
        if own is not None and ahead and max(ahead)[0] >= own:
            value, baseline = max(ahead)
            warn("blind-ahead", name=name, metric=ranking, value=f"{own:.2f}", baseline=baseline, other=f"{value:.2f}")
    best = [v for _, m in runs if (v := _value(m, "plcc")) is not None]
    if len(best) > 1 and n_videos > 2:
        expected = best_of_nulls(len(best), n_videos)
        if max(best) <= expected:
            warn("best-of-nulls", m=len(best), n=n_videos, value=f"{max(best):.2f}", expected=f"{expected:.2f}")
    return out


def best_of_nulls(models: int, videos: int) -> float:
    """Largest correlation to be expected of so many guessers on so many videos.

    A guesser's correlation has standard deviation 1 / sqrt(videos - 1); the expected largest of m normal
    values is taken from Blom's approximation, good to a few per cent.

    Source: Blom 1958.
    """
    return float(special.ndtri((models - 0.375) / (models + 0.25))) / math.sqrt(videos - 1)


def design_effect(metrics: Mapping[str, Measured]) -> float | None:
    """(standard error by video / standard error of independent cells) squared, for raw agreement.

    None where there is no interval to take it from, or agreement is total.
    """
    found = metrics.get("raw_agreement")
    if found is None or found.value is None or found.interval is None or not found.n_clusters:
        return None
    independent = found.value * (1 - found.value) / found.n
    if independent == 0:
        return None
    # The upper or lower limit may be cut off at the scale's end; the longer side is whole.
    half = max(found.interval.high - found.value, found.value - found.interval.low)
    quantile = float(special.stdtrit(found.n_clusters - 1, (1 + found.interval.level) / 2))
    return (half / quantile) ** 2 / independent


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
