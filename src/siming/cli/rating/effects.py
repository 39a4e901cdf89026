"""`siming rating effects`: severity, habits and drift of raters, and what hangs on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siming.cli.rating.source import from_ratings
from siming.cli.rating.tables import finish, print_table, print_words, probability, shown, value

if TYPE_CHECKING:
    from siming.rating.source import Source

EXAMPLES = (
    "Examples: [bold]siming rating effects exams[/]   [bold]siming rating effects exams --pass-mark 60 --html effects.html[/]   "
    "[bold]siming rating effects marks.csv --max 10 --json[/]"
)

MOST_ROWS = 15
"""Attempts and doubtful steps printed; JSON and the page have all."""


@from_ratings
def effects(
    source: Source,
    pass_mark: Annotated[
        float | None, typer.Option(help="Points of 100 from which an attempt passes, to see decisions change.")
    ] = None,
    block: Annotated[int, typer.Option(help="Attempts per stretch of a rater's own order, for drift.", min=5)] = 50,
    by: Annotated[
        str, typer.Option(help="Field of the attempts whose groups are compared: site, occasion ...")
    ] = "site",
    seed: Annotated[int, typer.Option(help="Seed of the random orders behind CUSUM.")] = 0,
    html: Annotated[Path | None, typer.Option("--html", help="Write a self-contained page.", metavar="FILE")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """Rater effects by many-facet Rasch (partial credit): who is stricter and by how many points, halo, drift, groups.

    Raters whom no shared attempts link are not compared. Adjusted totals are advice; no sheet is changed.
    """
    from siming.rating.effects import rater_effects

    plain = rater_effects(
        source.dataset, pass_mark=pass_mark, block=block, by=by, notes=source.notes, seed=seed
    ).to_plain()
    language = finish(plain, as_json=as_json, page=html, lang=lang, told=source.notes)
    if language is not None:
        _print(plain, language)


def _print(plain: dict[str, Any], language: str) -> None:
    from siming.rating.texts import texts

    say = texts(language)["effects"]
    print_words(plain, "connectivity", language)
    _severity(plain, say, language)
    print_words(plain, "severity", language)
    print_words(plain, "fit", language)
    _habits(plain, say, language)
    print_words(plain, "habits", language)
    _drift(plain, say, language)
    print_words(plain, "drift", language)
    _groups(plain, say, language)
    print_words(plain, "groups", language)
    _repeats(plain, say, language)
    print_words(plain, "repeats", language)
    _links(plain, say, language)
    print_words(plain, "links", language)
    _latent(plain, say, language)
    print_words(plain, "latent", language)


def _severity(plain: Any, say: Any, language: str) -> None:
    heads, names = say["columns"], say["tables"]
    columns = ("rater", "n", "severity", "marks", "fair_average", "infit", "outfit")
    print_table(
        names["raters"],
        [heads[column] for column in columns],
        (
            [
                each["rater"],
                str(each["n_ratings"]),
                shown(each["severity"]),
                shown(each["marks"], 1),
                value(each["fair_average"]),
                value(each["infit"]),
                value(each["outfit"]),
            ]
            for each in plain["raters"]
        ),
        language=language,
    )
    print_table(
        names["contrasts"],
        [heads[column] for column in ("first", "second", "difference", "less")],
        ([c["first"], c["second"], shown(c["difference"]), shown(c["marks"], 1)] for c in plain["contrasts"]),
        language=language,
    )
    print_table(
        names["separation"],
        [heads[column] for column in ("what", "separation", "reliability", "homogeneity")],
        (
            [heads[what], value(each["separation"]), value(each["reliability"]), probability(each["homogeneity"])]
            for what, each in plain["separation"].items()
        ),
        language=language,
    )
    print_table(
        names["steps"],
        [heads[column] for column in ("step", "difficulty", "infit", "outfit")],
        ([s["step"], shown(s["difficulty"]), value(s["infit"]), value(s["outfit"])] for s in plain["steps"]),
        language=language,
    )


def _habits(plain: Any, say: Any, language: str) -> None:
    columns = ("residual_correlation", "across_raters", "halo", "entropy", "threshold_spread")
    print_table(
        say["tables"]["habits"],
        [say["columns"][column] for column in ("rater", *columns)],
        (
            [each["rater"], *(shown(each["habits"][column], 2 if column in columns[3:] else 3) for column in columns)]
            for each in plain["raters"]
        ),
        language=language,
    )


def _drift(plain: Any, say: Any, language: str) -> None:
    if "reason" in plain["drift"]:
        return
    heads = say["columns"]
    raters = plain["drift"]["raters"]
    print_table(
        say["tables"]["drift"],
        [heads[column] for column in ("rater", "block", "severity")],
        (
            [each["rater"], f"{block['from']}–{block['to']}", shown(block["severity"])]
            for each in raters
            for block in each["blocks"]
        ),
        language=language,
    )
    columns = ("trend", "per_100_attempts", "per_hour", "per_day")
    print_table(
        say["tables"]["drift"],
        [heads[column] for column in ("rater", *columns, "p_value")],
        (
            [each["rater"], *(shown(each[column]) for column in columns), probability(each["p_value"])]
            for each in raters
        ),
        language=language,
    )


def _groups(plain: Any, say: Any, language: str) -> None:
    groups = plain["groups"]
    print_table(
        say["tables"]["groups"].format(by=groups[0]["group"] if groups else ""),
        [say["columns"][column] for column in ("rater", "value", "other", "severity")],
        ([each["rater"], each["value"], each["other"], shown(each["contrast"])] for each in groups),
        language=language,
    )


def _repeats(plain: Any, say: Any, language: str) -> None:
    columns = ("raw_agreement", "qwk", "ac2")
    print_table(
        say["tables"]["repeats"],
        [say["columns"][column] for column in ("rater", *columns)],
        ([each["rater"], *(shown(each["metrics"][column]) for column in columns)] for each in plain["repeats"]),
        language=language,
    )


def _links(plain: Any, say: Any, language: str) -> None:
    if "reason" in plain["links"]:
        return
    told = [each for each in plain["links"]["attempts"] if each["adjusted"]["value"] is not None]
    told.sort(key=lambda each: -abs(each["adjusted"]["value"] - each["total"]))
    columns = ("attempt", "total", "adjusted", "rank", "adjusted_rank", "decision")
    decided = {True: say["yes"], False: say["no"], None: "—"}
    print_table(
        say["tables"]["links"],
        [say["columns"][column] for column in columns],
        (
            [
                each["attempt"],
                f"{each['total']:.1f}",
                shown(each["adjusted"], 1),
                str(each["rank"]),
                str(each["adjusted_rank"]),
                decided[each["decision_changed"]],
            ]
            for each in told[:MOST_ROWS]
        ),
        language=language,
    )


def _latent(plain: Any, say: Any, language: str) -> None:
    heads = say["columns"]
    print_table(
        say["tables"]["latent"],
        [heads["rater"], heads["accuracy"]],
        ([rater, shown(measured)] for rater, measured in plain["latent"]["accuracy"].items()),
        language=language,
    )
    print_table(
        say["tables"]["latent"],
        [heads[column] for column in ("attempt", "step", "consensus", "likeliest", "probability")],
        (
            [
                each["attempt"],
                each["step"],
                str(each["consensus"]),
                str(each["likeliest"]),
                f"{each['probability']:.3f}",
            ]
            for each in plain["latent"]["doubtful"][:MOST_ROWS]
        ),
        language=language,
    )
