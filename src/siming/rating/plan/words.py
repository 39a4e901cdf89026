"""A plan in sentences, English or Chinese."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from siming.metrics import Measured
from siming.rating.plan.forecast import Assumptions
from siming.rating.texts import texts, translated

if TYPE_CHECKING:
    from siming.rating.plan.assignment import AssignmentPlan


def sentences_in(plan: AssignmentPlan, language: str) -> list[str]:
    """What the plan is, whether it holds together, and what its videos will be able to say."""
    say = texts(language)["plan_words"]
    return [*_design(plan, say), *_forecast(plan, say, language), *(reason_in(language, note) for note in plan.notes)]


def assumptions_in(assumptions: Assumptions, language: str) -> list[str]:
    """Everything the forecast takes for granted, one sentence each."""
    say = texts(language)["plan_assumptions"]
    shown: dict[str, str] = {}
    for each in fields(assumptions):
        value = getattr(assumptions, each.name)
        if each.name == "label_shares":
            percent = [f"{100 * share / sum(value):.3g}" for share in value]
            shown[each.name] = "、".join(f"{p}%" for p in percent) if language == "zh" else " %, ".join(percent) + " %"
        else:
            shown[each.name] = f"{100 * value:g}" if each.name in ("level", "power") else f"{value:g}"
    out = [say[name].format(value=text) for name, text in shown.items() if name in say]
    return [*out, say["method"].format(replicates=assumptions.replicates)]


def reason_in(language: str, reason: str) -> str:
    """Why a figure of the forecast cannot be had, or a note of the plan, in the reader's language."""
    patterns = [(re.compile(row["en"]), row["say"]) for row in texts(language)["plan_reasons"]]
    return translated(reason, patterns)


def _design(plan: AssignmentPlan, say: Mapping[str, Any]) -> list[str]:
    work = [w for w in plan.workload if w.attempts]
    views = {(a.attempt, a.rater, a.purpose) for a in plan.assignments}
    out = [
        say["summary"].format(
            attempts=plan.n_attempts,
            raters=len(plan.workload),
            double=plan.n_double,
            k=plan.raters_per_attempt,
            links=len(plan.link_attempts),
            repeats=sum(w.repeats for w in plan.workload),
            days=plan.not_before_days,
            ratings=len(views),
        )
    ]
    if work:
        counts, minutes = [w.attempts for w in work], [w.minutes for w in work]
        out.append(
            say["load"].format(
                low=min(counts), high=max(counts), least=f"{min(minutes):.0f}", most=f"{max(minutes):.0f}"
            )
        )
    if plan.pairs:
        scored = [pair.scored for pair in plan.pairs]
        out.append(say["pairs"].format(low=min(scored), high=max(scored), none=scored.count(0), n=len(scored)))
    net = plan.connections
    if net.connected:
        out.append(say["connected"].format(links=net.links, value=_number(net.algebraic, 1)))
    else:
        groups = "; ".join(", ".join(group) for group in net.groups)
        out.append(say["apart"].format(n=len(net.groups), groups=groups, fewest=net.fewest_links))
    return out


def _forecast(plan: AssignmentPlan, say: Mapping[str, Any], language: str) -> list[str]:
    found = plan.forecast
    figures = {
        "qwk": (found.qwk_half_width, 2),
        "pair_qwk": (found.pair_qwk_half_width, 2),
        "icc_single": (found.icc_single_half_width, 2),
        "icc_mean": (found.icc_mean_half_width, 2),
        "repeat_qwk": (found.repeat_qwk_half_width, 2),
        "severity_difference": (found.severity_difference_error, 1),
        "correlation": (found.smallest_correlation, 2),
    }
    out = []
    for name, (measured, decimals) in figures.items():
        if measured.value is None:
            what = say["what"][name]
            out.append(say["undefined"].format(what=what, reason=reason_in(language, measured.reason or "")))
        else:
            out.append(
                say[name].format(
                    value=_number(measured, decimals),
                    n=measured.n,
                    k=plan.raters_per_attempt,
                    power=f"{100 * found.assumptions.power:g}",
                )
            )
    errors = [each.value for each in found.severity_error.values() if each.value is not None]
    if errors and len(found.severity_error) > 1:
        out.append(say["severity"].format(low=f"{min(errors):.1f}", high=f"{max(errors):.1f}"))
    return out


def _number(measured: Measured, decimals: int) -> str:
    return "—" if measured.value is None else f"{measured.value:.{decimals}f}"
