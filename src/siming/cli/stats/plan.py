"""`siming stats plan`: how many videos a question needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from siming.cli.console import console, language_of_terminal, print_json, strings
from siming.errors import TaskError

if TYPE_CHECKING:
    from siming.cli.stats.question import Question
    from siming.metrics import Measured
    from siming.metrics.planning import Plan

EXAMPLES = (
    "Examples: [bold]siming stats plan --what plcc --expected 0.158 --power 0.8[/]   "
    "[bold]siming stats plan --what icc --expected 0.8 --raters 2 --width 0.1[/]   "
    "[bold]siming stats plan --what qwk --from exams --width 0.1[/]   "
    "[bold]siming stats plan --what qwk --expected 0.7 --shares 4,6,8,82 --width 0.1 --videos 400[/]   "
    "[bold]siming stats plan --what links --sd 6 --width 4[/]"
)

WIDEST = 2.0
"""No interval of a coefficient is wider."""
WIDTHS = (0.5, 0.75, 1.5, 2.0)
"""Other widths shown beside the one asked for, as multiples of it."""
POWERS = (0.7, 0.8, 0.9, 0.95)


def plan_videos(
    what: Annotated[
        str,
        typer.Option(help="qwk, plcc or icc; with --from any metric of two raters; links: videos raters must share."),
    ],
    width: Annotated[float | None, typer.Option(help="Goal: an interval so wide from limit to limit.")] = None,
    power: Annotated[float | None, typer.Option(help="Goal: chance of telling the value from --null.")] = None,
    expected: Annotated[
        float | None, typer.Option(help="The value expected; the one you would regret to miss.")
    ] = None,
    null: Annotated[float, typer.Option(help="The value to be told from.")] = 0.0,
    raters: Annotated[int, typer.Option(help="Raters per video, for icc.", min=2)] = 2,
    alpha: Annotated[float, typer.Option(help="1 - level of the interval; two-sided error of the test.")] = 0.05,
    pilot: Annotated[
        Path | None,
        typer.Option("--from", help="A pilot: a dataset folder or a spreadsheet with two physicians' marks."),
    ] = None,
    pair: Annotated[str | None, typer.Option(help="Two physicians of the pilot, such as wei,okafor.")] = None,
    counts: Annotated[
        Path | None, typer.Option(help="For qwk: a table of counts, first rater's labels down, second's across.")
    ] = None,
    shares: Annotated[
        str | None, typer.Option(help="For qwk without a pilot: share of each label, worst first, such as 4,6,8,82.")
    ] = None,
    cells_per_video: Annotated[float, typer.Option(help="Steps per video, with --counts or --shares.")] = 33,
    design_effect: Annotated[
        float, typer.Option(help="How many cells of a video are worth one independent cell, with --counts or --shares.")
    ] = 1.5,
    videos: Annotated[int | None, typer.Option(help="Videos there are: the share of them to be rated twice.")] = None,
    sd: Annotated[
        float | None, typer.Option(help="For links: standard deviation of one rater's marks less the other's.")
    ] = None,
    hops: Annotated[int, typer.Option(help="For links: links in the chain between the two raters.", min=1)] = 1,
    replicates: Annotated[int, typer.Option(help="Samples drawn at each number of videos.", min=100)] = 4000,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """How many videos a question needs, for a few goals, and the share of them to be rated twice.

    Correlations and intraclass correlations have closed forms. Kappa is simulated: from a pilot's videos, from a table of
    counts, or from shares of labels and an expected kappa.
    """
    from siming.cli.arguments import language
    from siming.cli.stats.question import read_question
    from siming.metrics.planning import double_rating_share

    if what in ("qwk", "plcc", "icc") and width is not None and width >= WIDEST:
        raise TaskError(f"width is {width:g}; {what} lies between -1 and 1, so give less than {WIDEST:g}, such as 0.1")
    question = read_question(
        what,
        expected=expected,
        null=null,
        raters=raters,
        alpha=alpha,
        pilot=pilot,
        pair=pair,
        counts=counts,
        shares=_shares(shares),
        cells_per_video=cells_per_video,
        design_effect=design_effect,
        sd=sd,
        hops=hops,
        replicates=replicates,
        seed=seed,
    )
    if (width is None) == (power is None):
        raise TaskError("a plan has one goal: give either --width (such as 0.1) or --power (such as 0.8)")
    made = question.plan(width, power)
    others = [question.plan(*goal) for goal in _other_goals(width, power)]
    share = None if videos is None else double_rating_share(made, videos)
    spoken = language(lang or language_of_terminal())
    if as_json:
        print_json(
            {
                "what": what,
                "plan": made.to_json(),
                "alternatives": [
                    {"width": w, "power": p, **other.to_json()}
                    for (w, p), other in zip(_other_goals(width, power), others, strict=True)
                ],
                "double_rating_share": None if share is None else share.to_json(),
                "links": None if question.links is None else question.links.to_json(),
                "assumptions": [text.format(**question.facts) for text in _assumed(question, "en")],
                "sentence": {each: _sentence(question, made, width, power, null, alpha, each) for each in ("en", "zh")},
            }
        )
    else:
        _show(question, made, others, share, (width, power, null, alpha), spoken)
    if made.videos is None:
        raise typer.Exit(1)


def _other_goals(width: float | None, power: float | None) -> list[tuple[float | None, float | None]]:
    if width is not None:
        return [(round(width * by, 6), None) for by in WIDTHS]
    return [(None, other) for other in POWERS if other != power]


def _shares(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        shares = [float(share.strip().rstrip("%")) for share in text.split(",")]
    except ValueError:
        raise TaskError(f"--shares {text!r} are not numbers with commas; write for example --shares 4,6,8,82") from None
    if not any(abs(sum(shares) - whole) <= 0.02 * whole for whole in (1, 100)):
        raise TaskError(
            f"--shares {text} add up to {sum(shares):g}, not to 100 (or 1); give the share of every label, worst first, "
            "such as 4,6,8,82"
        )
    return shares


def _assumed(question: Question, language: str) -> list[str]:
    say = strings(language)
    return [say[key] for key in question.assumed]


def _sentence(
    question: Question, made: Plan, width: float | None, power: float | None, null: float, alpha: float, language: str
) -> str:
    say = strings(language)
    title = say.get(f"stats_plan_of_{question.what}", question.what)
    facts = question.facts | {
        "title": title,
        "videos": f"{made.videos:,}" if made.videos is not None else "",
        "width": f"{width:g}" if width is not None else "",
        "power": f"{100 * power:g}" if power is not None else "",
        "null": f"{null:g}",
        "level": f"{100 * (1 - alpha):g}",
        "reason": made.reason or "",
    }
    if made.videos is None:
        key = "stats_plan_none"
    elif question.what == "links":
        key = "stats_plan_sentence_links"
    else:
        key = "stats_plan_sentence_width" if power is None else "stats_plan_sentence_power"
    return say[key].format(**facts)


def _show(
    question: Question,
    made: Plan,
    others: Sequence[Plan],
    share: Measured | None,
    goal: tuple[float | None, float | None, float, float],
    language: str,
) -> None:
    from rich.table import Table
    from rich.text import Text

    say, out = strings(language), console()
    width, power, null, alpha = goal
    out.print(Text(_sentence(question, made, width, power, null, alpha, language), style="bold"))
    table = Table()
    table.add_column(say["stats_plan_width" if power is None else "stats_plan_power"], justify="right")
    table.add_column(say["stats_plan_videos"], justify="right")
    rows = [((width, power), made), *zip(_other_goals(width, power), others, strict=True)]
    for (w, p), each in sorted(rows, key=lambda row: row[0][0] or row[0][1] or 0.0):
        style = "bold" if each is made else ""
        shown = f"{w:g}" if w is not None else f"{100 * (p or 0):g} %"
        table.add_row(shown, "—" if each.videos is None else f"{each.videos:,}", style=style)
    out.print(table)
    if share is not None:
        text = say["stats_plan_share"] if share.value is not None else "{reason}"
        out.print(text.format(share=f"{100 * (share.value or 0):.3g} %", videos=f"{share.n:,}", reason=share.reason))
    if question.links is not None and question.links.videos is not None:
        out.print(say["stats_plan_pilot_links"].format(videos=question.links.videos, **question.facts))
    for text in _assumed(question, language):
        out.print(Text(text.format(**question.facts)), style="dim")
    method = say.get(f"stats_plan_method_{made.method}", made.method)
    out.print(Text(f"{say['stats_plan_method']}: {method}"), style="dim")
