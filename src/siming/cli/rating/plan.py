"""`siming rating plan`: who rates what, and what that will be able to say before anybody has rated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from siming.cli.console import console, language_of_terminal, print_json, talk

if TYPE_CHECKING:
    from siming.rating.plan import AssignmentPlan

EXAMPLES = (
    "Examples: [bold]siming rating plan exams raters.csv --links 5 --out plan.csv[/]   "
    "[bold]siming rating plan attempts.csv raters.csv --double-share 0.4 --seed 3[/]   "
    "[bold]siming rating plan exams raters.csv --keep plan.csv --out plan-2.csv[/]"
)


def plan(
    attempts: Annotated[
        Path,
        typer.Argument(
            help="A dataset folder, or a table (CSV, XLSX) with attempt, minutes, rubrics and, if known, site, candidate."
        ),
    ],
    raters: Annotated[
        Path,
        typer.Argument(
            help="A table with rater and, if wanted, site, max_minutes, conflicts (attempts or candidates, separated by ;) "
            "and same_site_allowed."
        ),
    ],
    raters_per_attempt: Annotated[int, typer.Option(help="Raters whose sheets of an attempt are compared.")] = 2,
    double_share: Annotated[
        float, typer.Option(help="Share of the attempts that get so many; the others get one.")
    ] = 1.0,
    links: Annotated[int, typer.Option(help="Attempts that every rater rates: they tie all raters together.")] = 0,
    link: Annotated[
        list[str] | None, typer.Option(help="A link attempt by its id, in place of --links; repeat it.")
    ] = None,
    repeat_share: Annotated[float, typer.Option(help="Share of ratings that their rater gives a second time.")] = 0.05,
    not_before_days: Annotated[int, typer.Option(help="Days before a repeat.")] = 14,
    seed: Annotated[int, typer.Option(help="The same inputs and seed give the same plan.")] = 0,
    keep: Annotated[
        Path | None,
        typer.Option(help="An earlier plan: nothing of it moves, only what is open is filled.", metavar="FILE"),
    ] = None,
    kappa: Annotated[float | None, typer.Option(help="Expected QWK of two raters.")] = None,
    icc: Annotated[float | None, typer.Option(help="Expected ICC(A,1) of totals.")] = None,
    sd: Annotated[
        float | None, typer.Option(help="Standard deviation of one rater's total less another's, points of 100.")
    ] = None,
    steps: Annotated[float | None, typer.Option(help="Steps judged in one attempt.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the assignments as CSV.", metavar="FILE")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """Who rates what: balanced for minutes, pairs of raters and sites, linked, in seeded orders, with repeats.

    Says beforehand how wide the intervals of kappa and ICC and how large the errors of severity will be.
    """
    from siming.cli.arguments import language
    from siming.rating.plan import Assumptions, replan
    from siming.rating.plan.files import read_assignments, read_attempts, read_raters, write_assignments

    given = {"kappa": kappa, "icc": icc, "difference_sd": sd, "cells_per_attempt": steps}
    spoken = language(lang or language_of_terminal())
    held, begun = read_assignments(keep) if keep is not None else ((), frozenset())
    made = replan(
        held,
        read_attempts(attempts),
        read_raters(raters),
        begun=begun,
        raters_per_attempt=raters_per_attempt,
        double_share=double_share,
        link_attempts=link or links,
        repeat_share=repeat_share,
        not_before_days=not_before_days,
        seed=seed,
        assumptions=Assumptions(**{name: value for name, value in given.items() if value is not None}),  # type: ignore[arg-type]
    )
    if out is not None:
        write_assignments(out, made.assignments, begun=begun)
        talk(f"assignments: {out}")
    if as_json:
        print_json(made.to_plain())
    else:
        _show(made, spoken)


def _show(made: AssignmentPlan, language: str) -> None:
    from siming.cli.rating.tables import print_table
    from siming.rating.plan.words import assumptions_in, sentences_in
    from siming.rating.texts import texts

    say, out = texts(language)["plan_columns"], console()
    print_table(
        say["title"],
        [say[name] for name in ("rater", "videos", "minutes", "links", "repeats")],
        ([w.rater, str(w.attempts), f"{w.minutes:.0f}", str(w.links), str(w.repeats)] for w in made.workload),
        language=language,
    )
    for sentence in sentences_in(made, language):
        out.print(sentence, markup=False)
    out.print()
    for sentence in assumptions_in(made.forecast.assumptions, language):
        out.print(sentence, style="dim", markup=False)
