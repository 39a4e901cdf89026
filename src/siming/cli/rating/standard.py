"""`siming rating standard`: pass marks, and how the stations behave at them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siming.cli.rating.source import OPTIONS, from_ratings
from siming.cli.rating.tables import finish, print_table, print_words, shown, value
from siming.errors import TaskError

if TYPE_CHECKING:
    from siming.rating.source import Source
    from siming.rating.stations import Stations

EXAMPLES = (
    "Examples: [bold]siming rating standard exams --method borderline-regression[/]   "
    "[bold]siming rating standard results.csv --borderline 2[/]   "
    "[bold]siming rating standard exams --method angoff --judges panel.csv[/]"
)


def results_too(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command that reads ratings read a table of results as well, which has no steps and so is no dataset."""

    @wraps(command)
    def opened(*, dataset: Path, **given: Any) -> None:
        from siming.rating.stations import is_results, read_results

        if is_results(dataset):
            own = {name: each for name, each in given.items() if name not in OPTIONS}
            _set(read_results(dataset, scale=_scale(own["scale"])), **own)
        else:
            command(dataset=dataset, **given)

    return opened


@results_too
@from_ratings
def standard(
    source: Source,
    method: Annotated[
        str,
        typer.Option(
            help="borderline-regression, borderline-group, contrasting-groups (from global ratings); angoff, ebel, hofstee "
            "(from --judges)."
        ),
    ] = "borderline-regression",
    borderline: Annotated[float, typer.Option(help="Global rating of a just acceptable candidate.")] = 2,
    scale: Annotated[
        str | None, typer.Option(help="All global ratings, such as 1,2,3,4,5; the dataset's own by default.")
    ] = None,
    judges: Annotated[
        Path | None,
        typer.Option(
            help="CSV or XLSX of judges. Angoff: judge, a column per step (0.6 or 60%), optional round. Ebel: judge, "
            "relevance, difficulty, share. Hofstee: judge, lowest_cut, highest_cut, lowest_fail, highest_fail.",
            metavar="FILE",
        ),
    ] = None,
    boxes: Annotated[
        Path | None, typer.Option(help="Ebel: CSV or XLSX of step, relevance, difficulty.", metavar="FILE")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    html: Annotated[Path | None, typer.Option("--html", help="Write a self-contained page.", metavar="FILE")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """Pass marks of stations and exam, with fail rates, critical fails and the variance between sites and raters.

    Reads a dataset, a spreadsheet of points, or a table of results: attempt, total, grade, and where there are several
    skill, rater, site.
    """
    from siming.rating.stations import stations_of

    _set(
        stations_of(source.dataset, notes=source.notes),
        method=method,
        borderline=borderline,
        scale=scale,
        judges=judges,
        boxes=boxes,
        seed=seed,
        html=html,
        as_json=as_json,
        lang=lang,
    )


def _set(
    stations: Stations,
    *,
    method: str,
    borderline: float,
    scale: str | None,
    judges: Path | None,
    boxes: Path | None,
    seed: int,
    html: Path | None,
    as_json: bool,
    lang: str | None,
) -> None:
    from siming.cli.arguments import choice
    from siming.rating.standard import METHODS, set_standard

    plain = set_standard(
        stations,
        method=choice("--method", method, METHODS),  # type: ignore[arg-type]
        borderline=borderline,
        scale=_scale(scale),
        judges=judges,
        boxes=boxes,
        seed=seed,
    ).to_plain()
    language = finish(plain, as_json=as_json, page=html, lang=lang, told=stations.notes)
    if language is not None:
        _print(plain, language)


def _scale(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(grade) for grade in text.split(",")]
    except ValueError:
        raise TaskError(
            f"--scale {text!r} are not whole numbers with commas; write for example --scale 1,2,3"
        ) from None


def _print(plain: dict[str, Any], language: str) -> None:
    from siming.rating.texts import texts

    say = texts(language)["standard"]
    heads, names = say["columns"], say["tables"]
    beside = {
        "borderline-regression": ("slope", "r_squared", "standard_error", "bootstrap_rmse"),
        "contrasting-groups": ("false_pass", "false_fail"),
        "angoff": ("standard_error",),
        "ebel": ("standard_error",),
    }.get(plain["method"], ())
    title = names["stations"].format(method=say["methods"][plain["method"]], unit=say["units"][plain["unit"]])
    decimals = {"r_squared": 2, "false_pass": 2, "false_fail": 2}
    print_table(
        title,
        [heads[column] for column in ("skill", "n", "cut", *beside)],
        (
            [
                each["skill"],
                str(each["n"]),
                shown(each["cut"], 1),
                *(value(each[name], decimals.get(name, 1)) for name in beside),
            ]
            for each in plain["stations"]
        ),
        language=language,
    )
    print_words(plain, "stations", language)
    print_table(
        names["quality"],
        [
            heads[column]
            for column in ("skill", "mean", "fail_rate", "critical_fails", "fail_rate_with_critical", "site", "rater")
        ],
        (
            [
                each["skill"],
                "—" if each["mean"] is None else f"{each['mean']:.1f}",
                shown(each["fail_rate"]),
                value(each["critical_fails"], 0),
                shown(each["fail_rate_with_critical"]),
                *(shown(each["between"].get(what)) for what in ("site", "rater")),
            ]
            for each in plain["stations"]
        ),
        language=language,
    )
    print_words(plain, "quality", language)
    exam = plain["exam"]
    print_table(
        names["exam"],
        ["", *(heads[column] for column in ("cut", "fail_rate"))],
        [[f"{heads['exam']} (n = {exam['n']})", shown(exam["cut"], 1), shown(exam["fail_rate"])]],
        language=language,
    )
    print_words(plain, "exam", language)
