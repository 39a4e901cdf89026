"""`siming rating steps`: how each step of an exam behaves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siming.cli.rating.source import from_ratings
from siming.cli.rating.tables import finish, print_table, print_words, shown, step_name, value

if TYPE_CHECKING:
    from siming.rating.source import Source

EXAMPLES = (
    "Examples: [bold]siming rating steps exams[/]   [bold]siming rating steps exams --author Wei --json[/]   "
    "[bold]siming rating steps marks.csv --max 10[/]"
)


@from_ratings
def steps(
    source: Source,
    author: Annotated[
        str | None,
        typer.Option(help="Whose points: a rater, or consensus. The consensus by default, else the raters' mean."),
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a self-contained page.", metavar="FILE")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """Step analysis: difficulty, step-rest correlation, upper-lower 27 % index, use of the labels, alpha, alpha if deleted."""
    from siming.rating.steps import steps_report

    plain = steps_report(source.dataset, author=author, notes=source.notes).to_plain()
    language = finish(plain, as_json=as_json, page=html, lang=lang, told=source.notes)
    if language is not None:
        _print(plain, language)


def _print(plain: dict[str, Any], language: str) -> None:
    from siming.cli.console import console
    from siming.rating.texts import texts
    from siming.rating.words import skill_words

    whole = texts(language)
    say = whole["steps"]
    columns = ("step", "max_points", "difficulty", "step_rest", "upper_lower", "alpha_without", "levels", "missing")
    for skill in plain["skills"]:
        print_table(
            say["tables"]["skill"].format(skill=skill["skill"], n=skill["n_attempts"], alpha=shown(skill["alpha"])),
            [say["columns"][column] for column in columns],
            (
                [
                    step_name(each, language),
                    f"{each['max_points']:g}",
                    value(each["difficulty"]),
                    shown(each["step_rest"]),
                    value(each["upper_lower"]),
                    value(each["alpha_without"]),
                    "/".join(map(str, each["levels"])),
                    str(each["n_missing"]),
                ]
                for each in skill["steps"]
            ),
            language=language,
            one_line=True,
        )
        for sentence in skill_words(skill, whole):
            console().print(sentence, markup=False)
        console().print()
    print_words(plain, "exam", language)
