"""What `siming stats plan` is asked: from options to a function that makes plans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siming.errors import TaskError

if TYPE_CHECKING:
    from siming.metrics.planning import Plan
    from siming.rating.agreement import PhysicianPair


EXPECTED = 0.7
"""What is planned for where nothing else is said: about what two physicians reach."""

SHARES = (3.0, 4.5, 7.5, 85.0)
"""Labels 0 to 3 in per cent where nothing else is said: most steps are done well."""


@dataclass(frozen=True)
class Question:
    """Something that some number of videos would answer."""

    what: str
    plan: Callable[[float | None, float | None], Plan]
    """Width and power, one of them None, to a plan."""
    facts: dict[str, str]
    assumed: tuple[str, ...] = ()
    """Keys of the sentences that say what was taken for granted."""
    links: Plan | None = None
    """Videos that the pilot's two physicians must share, for an interval of 4 points."""


def read_question(
    what: str, *, expected: float | None, null: float, raters: int, alpha: float, **given: Any
) -> Question:
    """The question that the options ask.

    Raises:
        TaskError: something to plan with is lacking; with the option that gives it.
    """
    from siming.metrics.planning import plan_correlation, plan_icc

    facts = {"what": what, "expected": f"{expected:g}" if expected is not None else ""}
    if what == "links":
        return _links(facts, alpha=alpha, **given)
    if given["pilot"] is not None:
        return _from_pilot(what, facts, null=null, alpha=alpha, **given)
    if what == "qwk":
        return _from_table(facts, expected=expected, null=null, alpha=alpha, **given)
    if what not in ("plcc", "icc"):
        from siming.cli.arguments import choice
        from siming.metrics import METRICS

        choice("--what", what, ("qwk", "plcc", "icc", "links", *METRICS))
        raise TaskError(f"--what {what} has no closed form; give --from DATASET with the marks of two physicians")
    value = EXPECTED if expected is None else expected
    facts |= {"expected": f"{value:g}"}
    assumed = ("stats_plan_expected",) if expected is None else ()
    if what == "plcc":
        return Question(
            what,
            lambda width, power: plan_correlation(value, width=width, power=power, null=null, alpha=alpha),
            facts,
            (*assumed, "stats_plan_normal"),
        )
    return Question(
        what,
        lambda width, power: plan_icc(value, width=width, power=power, null=null, raters=raters, alpha=alpha),
        facts | {"raters": str(raters)},
        (*assumed, "stats_plan_raters"),
    )


def _links(
    facts: dict[str, str], *, alpha: float, sd: float | None, hops: int, pilot: Path | None, **given: Any
) -> Question:
    from siming.metrics import bland_altman
    from siming.metrics.planning import plan_link_videos

    if sd is None and pilot is not None:
        found = _pilot_pair(pilot, given["pair"]).pair
        sd = bland_altman(found.first_totals, found.second_totals).sd.value
    _need(
        sd is not None,
        "--what links",
        "--sd 6, the standard deviation of one rater's marks less the other's, or --from",
    )
    spread = float(sd or 0.0)

    def make(width: float | None, power: float | None) -> Plan:
        if width is None:
            raise TaskError("links are planned for a width in marks; give --width 4 instead of --power")
        return plan_link_videos(spread, width=width, hops=hops, alpha=alpha)

    return Question("links", make, facts | {"sd": f"{spread:.3g}", "hops": str(hops)}, ("stats_plan_links",))


def _from_pilot(
    what: str,
    facts: dict[str, str],
    *,
    pilot: Path,
    pair: str | None,
    null: float,
    alpha: float,
    replicates: int,
    seed: int,
    **_: Any,
) -> Question:
    from siming.metrics import bland_altman, get_metric
    from siming.metrics.planning import plan_from_pilot, plan_link_videos
    from siming.rubric import N_LABELS

    metric = get_metric("icc_agreement" if what == "icc" else what)
    found = _pilot_pair(pilot, pair)
    sides, grid = found.pair, found.pair.grid
    columns = {
        "label": (sides.first_labels, sides.second_labels),
        "binary": (sides.first_wrong, sides.second_wrong),
        "totals": (sides.first_totals, sides.second_totals),
    }[metric.kind]
    options: dict[str, Any] = {"cluster": grid.attempt_cluster if metric.kind == "totals" else grid.cluster}
    if metric.kind == "label":
        options["n_labels"] = N_LABELS
    if metric.by_step:
        options["step"] = grid.step

    def make(width: float | None, power: float | None) -> Plan:
        return plan_from_pilot(
            metric,
            *columns,
            width=width,
            power=power,
            null=null,
            alpha=alpha,
            replicates=replicates,
            seed=seed,
            **options,
        )

    value = metric.function(*columns, interval=None, **options)
    spread = bland_altman(sides.first_totals, sides.second_totals).sd.value
    links = None if not spread else plan_link_videos(spread, width=4.0, alpha=alpha)
    told = facts | {
        "first": found.first,
        "second": found.second,
        "expected": "—" if value.value is None else f"{value.value:.3g}",
        "sd": "—" if spread is None else f"{spread:.3g}",
    }
    return Question(what, make, told, ("stats_plan_pilot",), links)


def _from_table(
    facts: dict[str, str],
    *,
    expected: float | None,
    null: float,
    alpha: float,
    counts: Path | None,
    shares: Sequence[float] | None,
    cells_per_video: float,
    design_effect: float,
    replicates: int,
    seed: int,
    **_: Any,
) -> Question:
    import numpy as np

    from siming.metrics.planning import plan_from_table, table_with_kappa

    assumed = ["stats_plan_cells"]
    if counts is not None:
        from siming.cli.stats.columns import read_matrix

        table = np.array(read_matrix(counts)[0])
    else:
        if expected is None:
            assumed.insert(0, "stats_plan_expected")
        planned = EXPECTED if expected is None else expected
        shares = SHARES if shares is None else shares
        facts = facts | {"expected": f"{planned:g}"}
        table = table_with_kappa(planned, list(shares))
        assumed.insert(0, "stats_plan_shares")

    def make(width: float | None, power: float | None) -> Plan:
        return plan_from_table(
            table,
            cells_per_video=cells_per_video,
            design_effect=design_effect,
            width=width,
            power=power,
            null=null,
            alpha=alpha,
            replicates=replicates,
            seed=seed,
        )

    if counts is not None:
        first, second = np.indices(table.shape)
        from siming.metrics import quadratic_weighted_kappa

        whole = np.rint(table).astype(int).ravel()
        value = quadratic_weighted_kappa(
            np.repeat(first.ravel(), whole), np.repeat(second.ravel(), whole), n_labels=len(table)
        ).value
        facts = facts | {"expected": "—" if value is None else f"{value:.3g}"}
    told = facts | {
        "shares": ", ".join(f"{share:.3g}" for share in shares or ()),
        "cells": f"{cells_per_video:g}",
        "effect": f"{design_effect:g}",
    }
    return Question("qwk", make, told, tuple(assumed))


def _pilot_pair(path: Path, names: str | None) -> PhysicianPair:
    """The two physicians of a pilot."""
    from siming.rating.agreement import physician_pairs
    from siming.rating.source import load_ratings

    found = list(physician_pairs(load_ratings(path).dataset))
    wanted = None if names is None else {name.strip() for name in names.split(",")}
    fitting = [one for one in found if wanted in (None, {one.first, one.second})]
    if len(fitting) == 1:
        return fitting[0]
    there = "; ".join(f"{one.first},{one.second}" for one in found) or "none"
    raise TaskError(f"{path}: pairs of physicians who rated the same attempts are {there}; name one with --pair")


def _need(given: bool, what: str, mend: str) -> None:
    if not given:
        raise TaskError(f"{what} needs something to plan with; give {mend}")
