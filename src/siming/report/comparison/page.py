"""The comparison of models as one self-contained page: ranks, differences, what luck and blindness would reach."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from siming.report.bilingual import both, named, reason
from siming.report.column import MISSING, Plain, bracket, number, p_value, percent
from siming.report.comparison.findings import Findings
from siming.report.figures import forest_axis, forest_row
from siming.report.markup import Html, html, join, tag
from siming.report.number_card import how_made, opening
from siming.report.overview import warnings
from siming.report.ranking import places_of, rank_picture
from siming.report.shell import document
from siming.report.texts import LANGUAGES, Language, load_texts

_Namer = Callable[[Plain], Sequence[object]]

MOST_ROWS = 30
"""Pairs drawn in sight; twelve models make 66, and the rest is folded away."""


def write_comparison_page(comparison: Plain, path: Path, *, language: Language = "en") -> None:
    """Write a ``siming.comparison/1`` as one HTML file that needs nothing else; both languages are inside.

    Args:
        comparison: `Comparison.to_plain()`; nothing is computed from it, only drawn.
        language: Shown first; the reader can switch.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_comparison_page(comparison, language=language), encoding="utf-8")


def render_comparison_page(comparison: Plain, *, language: Language = "en") -> str:
    """The page as text. Arguments as in `write_comparison_page`."""
    settings = comparison["settings"]
    links = [
        (f"#setting-{index}", named("setting.short", str(found["setting"]))) for index, found in enumerate(settings)
    ]
    links.append(("#method", both("nav.method")))
    content = [
        _hero(comparison),
        *(_setting(found, index) for index, found in enumerate(settings)),
        _method(comparison),
    ]
    return document(
        titles={
            code: f"{comparison['dataset']['name']} · {load_texts(code)['comparison.title']}" for code in LANGUAGES
        },
        links=links,
        content=[tag("div", *content, id="overview")],
        made_by=both("method.made_by", version=comparison["siming"], schema=comparison["schema"]),
        language=language,
    )


def _hero(comparison: Plain) -> Html:
    dataset = comparison["dataset"]
    models = dict.fromkeys(str(m["name"]) for found in comparison["settings"] for m in found["models"])
    facts = [
        (both("comparison.models"), len(models)),
        (both("hero.attempts"), dataset["n_attempts"]),
        (both("hero.rubrics"), join((tag("span", rubric) for rubric in dataset["rubrics"]), ", ")),
        (both("hero.provenance"), tag("bdi", dataset["provenance"] or MISSING)),
    ]
    return tag(
        "div",
        tag("p", both("comparison.kicker"), class_="kicker"),
        tag("h1", tag("bdi", dataset["name"]), " ", tag("small", dataset["version"])),
        tag("p", both("comparison.lead"), class_="purpose"),
        tag("p", both("hero.purpose"), class_="authors"),
        tag("dl", *(tag("div", tag("dt", term), tag("dd", value)) for term, value in facts), class_="facts"),
        class_="hero",
    )


# ---- one setting ----------------------------------------------------------------------------------------------


def _setting(found: Plain, index: int) -> Html:
    title = f"setting-{index}-title"
    return tag(
        "section",
        tag("h2", named("setting", str(found["setting"])), id=title),
        tag("p", _standing_on(found), class_="lead"),
        warnings(found["cautions"]),
        _findings(found),
        tag("div", rank_picture(found, _model_name), class_="block") if len(found["models"]) > 1 else None,
        _models_table(found, index),
        _pairs(found),
        _against_blind(found),
        id=f"setting-{index}",
        aria_labelledby=title,
    )


def _standing_on(found: Plain) -> Html:
    metric = named("metric", str(found["metric"]))
    return both(f"comparison.on_{found['unit']}", metric=metric, videos=found["n_videos"], n=found["n_cells"])


def _findings(found: Plain) -> Html:
    """What can be said, question by question."""
    findings = Findings(
        say=both,
        names=lambda names: join((_model_name(name) for name in names), ", "),
        baseline=_baseline_name,
        reason=reason,
    )
    body = [tag("div", tag("dt", question), tag("dd", answer)) for question, answer in findings.of(found)]
    return tag("dl", *body, class_="method findings")


# ---- models ---------------------------------------------------------------------------------------------------


def _models_table(found: Plain, index: int) -> Html:
    help_ = [tag("h4", both("comparison.effect")), tag("p", both("comparison.effect_help"))]
    heads = [
        tag("th", both("comparison.models"), scope="col", class_="name"),
        *(
            tag("th", both(key), scope="col")
            for key in (
                "ranking.rank",
                "ranking.places",
                "ranking.came_first",
                "comparison.value",
                "comparison.coverage",
            )
        ),
        tag("th", *opening(f"effect-{index}", [both("comparison.effect")], help_), scope="col"),
    ]
    rows = [_model_row(model, f"value-{index}-{n}", found) for n, model in enumerate(found["models"])]
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows), class_="models")
    return tag("div", table, class_="scroll block", tabindex=0, role="region")


def _model_row(model: Plain, id_: str, found: Plain) -> Html:
    rank, value = model["rank"], model["value"]
    metric = named("metric", str(found["metric"]))
    card = how_made(
        value,
        title=join([metric, " · ", _model_name(str(model["name"]))]),
        n_is=both("how.n_marks" if found["unit"] == "totals" else "how.n"),
    )
    interval = bracket(value["interval"]) if value.get("interval") else both("interval.none")
    return tag(
        "tr",
        tag("th", _model_name(str(model["name"])), scope="row", class_="name"),
        tag("td", MISSING if model["group"] is None else model["group"]),
        tag("td", places_of(rank)),
        tag("td", percent(rank["best_share"])),
        tag("td", *opening(id_, [number(value["value"]), tag("small", interval)], card)),
        tag("td", percent(model["coverage"])),
        tag("td", number(model["design_effect"]["value"], 1)),
    )


# ---- differences ----------------------------------------------------------------------------------------------


def _pairs(found: Plain) -> Html | None:
    if not found["pairs"]:
        return None
    return _differences(
        found["pairs"],
        title=both("comparison.pairs_title"),
        how=both("comparison.pairs_how"),
        names=lambda pair: [_model_name(pair["first"]), tag("span", " − "), _model_name(pair["second"])],
    )


def _against_blind(found: Plain) -> Html | None:
    blind = found["blind"]
    if not blind or blind["best"] is None:
        return None
    best = _baseline_name(blind["best"])
    return _differences(
        blind["pairs"],
        title=both("comparison.blind_title"),
        how=join([both("comparison.blind_how", best=best), both(f"comparison.{found['better']}")], " "),
        names=lambda pair: [_model_name(pair["first"])],
    )


def _differences(pairs: Sequence[Plain], *, title: Html, how: Html, names: _Namer) -> Html:
    """A forest of differences, the farthest from 0 first, and the numbers behind it."""
    ordered = sorted(pairs, key=lambda pair: -abs(pair["difference"]["value"] or 0))
    limits = [limit for pair in pairs for limit in pair["difference"].get("interval") or ()]
    values = [pair["difference"]["value"] for pair in pairs if pair["difference"]["value"] is not None]
    low, high, ticks = difference_scale([*limits, *values])
    axis = tag("div", tag("span"), forest_axis(low, high, ticks=ticks), tag("span"), class_="track-row track-axis")
    rows = [_difference(pair, names(pair), (low, high), ticks) for pair in ordered]
    rest = None
    if len(rows) > MOST_ROWS:
        folded = tag("div", axis, *rows[MOST_ROWS:], class_="tracks forest differences")
        rest = tag(
            "details",
            tag("summary", both("comparison.more", n=len(rows) - MOST_ROWS)),
            folded,
            open=True,
            class_="closes",
        )
    return tag(
        "figure",
        tag("figcaption", tag("h4", title), tag("p", how)),
        tag("div", axis, *rows[:MOST_ROWS], class_="tracks forest differences"),
        rest,
        tag("details", tag("summary", both("comparison.table")), _numbers(ordered, names), open=True, class_="closes"),
        class_="panel",
    )


def _difference(pair: Plain, name: Sequence[object], domain: tuple[float, float], ticks: Sequence[float]) -> Html:
    kind = "run" if pair["apart"] else "baseline"
    difference = pair["difference"]
    value = [tag("b", number(difference["value"], signed=True)), tag("small", "p ", p_value(pair["p_holm"]))]
    if difference["value"] is None:
        value = [html(MISSING)]
    return tag(
        "div",
        tag("span", *name, class_="track-name"),
        forest_row(difference, kind=kind, domain=domain, ticks=ticks),
        tag("span", *value, class_="track-value"),
        class_=f"track-row {kind}",
    )


def _numbers(pairs: Sequence[Plain], names: _Namer) -> Html:
    closed = any(pair["closed_forms"] for pair in pairs)
    keys = ["comparison.difference", "compare.p", "comparison.p_holm", "comparison.p_bh", "comparison.swaps"]
    keys += ["compare.cells", "comparison.apart"]
    keys += ["comparison.zou", "comparison.meng", "comparison.williams"] if closed else []
    heads = [tag("th", both("compare.pair"), scope="col", class_="name")]
    heads += [tag("th", both(key), scope="col") for key in keys]
    rows = [tag("tr", tag("th", *names(pair), scope="row", class_="name"), *_cells(pair, closed)) for pair in pairs]
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows), class_="models")
    foot = tag("p", both("comparison.closed_how"), class_="note") if closed else None
    return join([tag("div", table, class_="scroll", tabindex=0, role="region"), foot])


def _cells(pair: Plain, closed: bool) -> list[Html]:
    difference, swaps = pair["difference"], html(pair["permutations"])
    interval = difference.get("interval")
    under = reason(str(difference.get("reason") or difference.get("interval_reason") or ""))
    cells = [
        tag(
            "td", number(difference["value"], 3, signed=True), tag("small", bracket(interval, 3) if interval else under)
        ),
        *(tag("td", p_value(pair[key])) for key in ("p", "p_holm", "p_bh")),
        tag("td", both("comparison.exact", n=swaps) if pair["exact"] else swaps),
        tag("td", pair["n_cells"]),
        tag("td", both(f"comparison.apart_{'yes' if pair['apart'] else 'no'}")),
    ]
    if closed:
        forms = pair["closed_forms"] or {}
        zou = (forms.get("zou") or {}).get("interval")
        cells.append(tag("td", bracket(zou, 3) if zou else MISSING))
        cells += [tag("td", p_value((forms.get(name) or {"p": {"value": None}})["p"]["value"])) for name in ("meng", "williams")]  # fmt: skip
    return cells


def difference_scale(values: Sequence[float]) -> tuple[float, float, list[float]]:
    """Ends and ticks of an axis that holds these values and 0, with at most seven round ticks.

    >>> difference_scale([-0.12, 0.31])
    (-0.2, 0.4, [-0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4])
    """
    low, high = min([0.0, *values]), max([0.0, *values])
    if high - low < 1e-9:
        low, high = -0.1, 0.1
    size = 10.0 ** math.floor(math.log10(high - low))
    step = next(size * part for part in (0.1, 0.2, 0.5, 1, 2, 5, 10) if math.ceil(high / (size * part) - 1e-9) - math.floor(low / (size * part) + 1e-9) <= 6)  # fmt: skip
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [round(i * step, 10) for i in range(first, last + 1)]
    return ticks[0], ticks[-1], ticks


# ---- method ---------------------------------------------------------------------------------------------------


def _method(comparison: Plain) -> Html:
    fields = {key: comparison[key] for key in ("replicates", "permutations", "seed")}
    notes = [
        (both("method.reference"), named("reference", str(comparison["reference"]))),
        (both("method.missing"), named("method.missing", str(comparison["missing_policy"]))),
        (both("method.intervals"), both("comparison.method_intervals", **fields)),
        (both("comparison.method_family"), both("comparison.method_family_is")),
        (both("comparison.method_ranking"), both("comparison.method_ranking_is")),
        (both("method.baselines"), both("method.baselines_are")),
    ]
    lines = [tag("div", tag("dt", term), tag("dd", words)) for term, words in notes]
    return tag(
        "section",
        tag("h2", both("method.title"), id="method-title"),
        tag("dl", *lines, class_="method"),
        id="method",
        aria_labelledby="method-title",
    )


def _model_name(name: str) -> Html:
    return tag("bdi", name)


def _baseline_name(name: str) -> Html:
    return named("baseline", name.removeprefix("baseline:"))
