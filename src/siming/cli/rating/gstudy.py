"""`siming rating gstudy`: where the differences between marks come from, and what more raters or steps would buy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siming.cli.rating.source import from_ratings
from siming.cli.rating.tables import finish, print_table, print_words, shown, value
from siming.errors import TaskError

if TYPE_CHECKING:
    from siming.rating.source import Source

EXAMPLES = (
    'Examples: [bold]siming rating gstudy exams --design "p x i x r"[/]   '
    '[bold]siming rating gstudy exams --design "p x (i:s) x r" --fixed i --vary r=1,2,3,4[/]   '
    "[bold]siming rating gstudy marks.csv --max 10 --cut 60 --vary r=1,2 --vary i=10,20[/]"
)


@from_ratings
def gstudy(
    source: Source,
    design: Annotated[
        str,
        typer.Option(
            help="Facets joined by x (crossed) and : (nested): p attempts, i steps, r raters, s skills, t stations, "
            "o occasions. Such as 'p x i x r', 'p x i', 'p x r', 'p x (r:t)', 'p x (i:s)'."
        ),
    ] = "p x i x r",
    method: Annotated[
        str, typer.Option(help="auto, anova (complete data), henderson or reml (data with gaps).")
    ] = "auto",
    score: Annotated[
        str,
        typer.Option(
            help="A single score: share (per cent of a step's points), marks (points, scaled to a total of 100), "
            "points, or labels."
        ),
    ] = "share",
    fixed: Annotated[
        list[str] | None, typer.Option(help="A facet whose conditions are all there are, such as i. Repeatable.")
    ] = None,
    cut: Annotated[float | None, typer.Option(help="Pass mark in points of 100, for Φ(λ).")] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(help="FACET=NUMBERS of the D study, such as r=1,2,3,4. Repeatable; raters 1 to 4 by default."),
    ] = None,
    intervals: Annotated[
        bool, typer.Option("--intervals/--no-intervals", help="With reml and gaps they take minutes.")
    ] = True,
    html: Annotated[Path | None, typer.Option("--html", help="Write a self-contained page.", metavar="FILE")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """A generalizability study: variance components, E ρ², Φ, Φ(λ), and the curve over raters, steps and stations.

    What the design does not name is added up (steps) or averaged (raters).
    """
    from siming.cli.arguments import choice
    from siming.rating.gstudy import generalizability

    plain = generalizability(
        source.dataset,
        design=design,
        method=choice("--method", method, ("auto", "anova", "henderson", "reml")),  # type: ignore[arg-type]
        score=choice("--score", score, ("share", "marks", "points", "labels")),  # type: ignore[arg-type]
        fixed=[facet for text in fixed or () for facet in text.replace(" ", "").split(",")],
        cut=cut,
        sizes=_sizes(vary or ()),
        intervals=intervals,
        notes=source.notes,
    ).to_plain()
    language = finish(plain, as_json=as_json, page=html, lang=lang, told=source.notes)
    if language is not None:
        _print(plain, language)


def _sizes(texts: list[str] | tuple[str, ...]) -> dict[str, list[float]]:
    out: dict[str, list[float]] = {}
    for text in texts:
        facet, equals, numbers = text.partition("=")
        try:
            out[facet.strip()] = [float(number) for number in numbers.split(",")]
        except ValueError:
            equals = ""
        if not equals:
            raise TaskError(f"--vary {text!r} is not FACET=NUMBERS; write for example --vary r=1,2,3,4")
    return out


def _print(plain: dict[str, Any], language: str) -> None:
    from siming.rating.texts import texts

    say = texts(language)["gstudy"]
    heads, names = say["columns"], say["tables"]
    print_table(
        names["components"].format(design=plain["design"], method=plain["method"]),
        [heads[column] for column in ("effect", "variance", "share", "df", "mean_square")],
        (
            [
                each["effect"],
                shown(each["variance"], 4),
                "—" if each["share"] is None else f"{100 * each['share']:.1f} %",
                "—" if each["df"] is None else str(each["df"]),
                "—" if each["mean_square"] is None else f"{each['mean_square']:.3f}",
            ]
            for each in plain["components"]
        ),
        language=language,
    )
    print_words(plain, "components", language)
    print_table(
        names["coefficients"],
        [heads["what"], heads["value"]],
        (
            [heads[name], shown(each, 2 if name == "sem" else 4)]
            for name, each in plain["coefficients"].items()
            if each is not None
        ),
        language=language,
    )
    print_words(plain, "coefficients", language)
    facets = [facet for facet in plain["sizes"] if facet != "p"]
    print_table(
        names["curve"],
        [*(say["facets"][facet] for facet in facets), *(heads[name] for name in ("e_rho2", "phi", "sem"))],
        (
            [
                *(f"{point['sizes'][facet]:.3g}" for facet in facets),
                shown(point["e_rho2"]),
                shown(point["phi"]),
                value(point["sem"], 1),
            ]
            for point in plain["curves"]
        ),
        language=language,
    )
    print_words(plain, "curves", language)
