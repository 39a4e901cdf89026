"""What a panel says in sentences: who is stricter, where, and how much goes to adjudication.

Works on the panel's plain values, so that terminal, page and JSON say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from siming.rating.texts import MINUS, reason_in, texts

Plain = Mapping[str, Any]

MOST_STEPS = 5
"""So many steps are named; the others are counted."""


def panel_words(panel: Plain, language: str) -> list[str]:
    """The sentences of one panel in one language."""
    say = texts(language)["agreement"]["words"]
    out = [*_limits(panel, say), *_level(panel, say, language), *_labels(panel, say)]
    if len(panel["steps"]) > 1:
        out += _steps(panel, say)
    return [*out, *_adjudication(panel, say)]


def _limits(panel: Plain, say: Plain) -> list[str]:
    limits = panel["limits_of_agreement"]
    if limits is None or limits["lower"]["value"] is None or limits["upper"]["value"] is None:
        return []
    low, high = (_number(limits[end]["value"], 1) for end in ("lower", "upper"))
    return [say["limits"].format(first=panel["first"], second=panel["second"], low=low, high=high)]


def _level(panel: Plain, say: Plain, language: str) -> list[str]:
    marginals = panel["marginals"]
    found = marginals["mean_level_difference"]
    difference, p = found["difference"], found["p_value"]["value"]
    if difference["value"] is None:
        return []
    names = {"first": panel["first"], "second": panel["second"]}
    if p is None:
        why = reason_in(language, found["p_value"]["reason"])
        return [say["level_untested"].format(**names, value=_signed(difference["value"]), reason=why)]
    stricter = marginals["stricter"]
    if stricter is None:
        interval = _bracket(difference["interval"])
        return [say["level_undecided"].format(**names, value=_signed(difference["value"]), interval=interval, p=_p(p))]
    milder = names["second"] if stricter == names["first"] else names["first"]
    low, high = sorted(abs(end) for end in difference["interval"])
    return [
        say["level"].format(
            stricter=stricter,
            milder=milder,
            value=_number(abs(difference["value"]), 2),
            interval=_bracket([low, high]),
            p=_p(p),
        )
    ]


def _labels(panel: Plain, say: Plain) -> list[str]:
    test = panel["marginals"]["stuart_maxwell"]
    if test["p_value"]["value"] is None:
        return []
    which = "labels_differ" if test["p_value"]["value"] < 0.05 else "labels_alike"
    return [
        say[which].format(
            statistic=_number(test["statistic"]["value"], 1), degrees=test["degrees"], p=_p(test["p_value"]["value"])
        )
    ]


def _steps(panel: Plain, say: Plain) -> list[str]:
    told = [each for each in panel["marginals"]["mcnemar"] if each["stricter"]]
    n = len(panel["marginals"]["mcnemar"])
    if not told:
        return [say["steps_none"].format(n=n)] if n else []
    told.sort(key=lambda each: each["p_holm"]["value"])
    parts = [
        say["one_step"].format(
            step=each["step"],
            stricter=each["stricter"],
            more=max(each["only_first"], each["only_second"]),
            fewer=min(each["only_first"], each["only_second"]),
            p=_p(each["p_holm"]["value"]),
        )
        for each in told[:MOST_STEPS]
    ]
    rest = say["more_steps"].format(n=len(told) - MOST_STEPS) if len(told) > MOST_STEPS else ""
    return [say["steps"].format(n=n, told=len(told), list=say["semicolon"].join(parts) + rest)]


def _adjudication(panel: Plain, say: Plain) -> list[str]:
    rate = panel["adjudication_rate"]
    if rate["value"] is None:
        return []
    interval = rate.get("interval")
    told = f" {_bracket([100 * end for end in interval], 1)}" if interval else ""
    return [say["adjudication"].format(share=_number(100 * rate["value"], 1), interval=told, n=rate["n"])]


def _number(value: float, decimals: int) -> str:
    return f"{round(value, decimals) + 0.0:.{decimals}f}".replace("-", MINUS)  # + 0.0: no negative zero


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", MINUS)


def _bracket(interval: list[float], decimals: int = 2) -> str:
    return f"[{_number(interval[0], decimals)}, {_number(interval[1], decimals)}]"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
