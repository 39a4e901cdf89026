"""`siming medvid judge`: captions graded by a language model. `siming medvid judges`: whether one may stand for another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from siming.cli.console import console, language_of_terminal, print_json, progress, strings, talk

EXAMPLES = (
    "Examples: [bold]siming medvid judge submission.json --truth test.json "
    "--model openai:NAME@http://127.0.0.1:8000/v1 --out judged --concurrency 16[/]   "
    "[bold]siming medvid judge submission.json --truth test.json --model stub --out judged-stub[/]   then   "
    "[bold]siming medvid score submission.json --truth test.json --judged judged[/]"
)
AGREEMENT_EXAMPLES = (
    "Examples: [bold]siming medvid judges judged-gpt judged-local[/]   "
    "[bold]siming medvid judges judged-gpt judged-gpt-again judged-local --json[/]"
)

SHOWN = 10


def judge(
    submission: Annotated[Path, typer.Argument(help="A submission, JSON.", metavar="SUBMISSION")],
    truth: Annotated[Path, typer.Option(help="The benchmark's questions with their answers, JSON.", metavar="FILE")],
    model: Annotated[
        str,
        typer.Option(
            help="The judge: openai:NAME@URL, local:PATH_OR_ID, replay:FOLDER, or stub (a formula, for trying)."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The judge's folder, new or its own.", metavar="DIR")],
    mode: Annotated[
        str, typer.Option(help="quality (the board's five aspects) or comparative (how close to the reference).")
    ] = "quality",
    purpose: Annotated[str, typer.Option("--for", help="Scores to grade for: leaderboard, strict or both.")] = "both",
    option: Annotated[
        list[str] | None,
        typer.Option("--option", "-o", help="An option of the model: NAME=VALUE, such as temperature=0.2."),
    ] = None,
    concurrency: Annotated[int, typer.Option(help="Calls out at once.", min=1)] = 8,
    rate_per_minute: Annotated[
        float | None, typer.Option(help="Calls that may begin within a minute; no limit by default.")
    ] = None,
    retries: Annotated[int, typer.Option(help="Tries after the first.", min=0)] = 4,
    timeout_s: Annotated[float, typer.Option("--timeout", help="Seconds one call may take.", min=1)] = 120,
    coverage: Annotated[
        float, typer.Option(help="Exit status is not 0 below this share of graded pairs.", min=0, max=1)
    ] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """Have the summaries, region captions and matched events of a submission graded. Run again to go on.

    Texts that were graded are not sent again. A call that fails is counted and never scored.
    """
    from dataclasses import replace

    from siming.bench.medvid.judge.pairs import FOR
    from siming.bench.medvid.judge.prompt import MODES
    from siming.cli.arguments import choice, language, options
    from siming.methods.medvid_judge import PACING
    from siming.methods.medvid_judge import judge as judge_submission

    say = strings(language(lang or language_of_terminal()))
    with progress() as bar:
        task = bar.add_task(model, total=None, note="")
        found = judge_submission(
            submission,
            truth,
            out,
            model=model,
            mode=choice("--mode", mode, MODES),  # type: ignore[arg-type]
            purpose=choice("--for", purpose, FOR),  # type: ignore[arg-type]
            options=options(option or []),
            pacing=replace(PACING, concurrency=concurrency, retries=retries, timeout_s=timeout_s),
            per_minute=rate_per_minute,
            on_progress=lambda at: bar.update(task, completed=at.done, total=at.total, note=at.latest.status),
        )
    if as_json:
        print_json(
            {
                "folder": str(out),
                "pairs": found.n_pairs,
                "graded": found.n_graded,
                "coverage": found.coverage,
                "by_task": {name: {"graded": n, "wanted": of} for name, (n, of) in found.by_task.items()},
                "missing": [{"pair": name, "status": status, "why": why} for name, status, why in found.missing],
                "failed_calls": dict(found.failed_calls),
                "planted": found.planted,
                "stopped": found.stopped,
            }
        )
    else:
        _tell(found, out, say)
    if found.coverage < coverage:
        raise typer.Exit(1)


def _tell(found: Any, out: Path, say: Mapping[str, str]) -> None:
    talk(say["medvid_judge_graded"].format(out=out, graded=found.n_graded, pairs=found.n_pairs))
    for name, (n, of) in found.by_task.items():
        talk(f"  {name}: {n} / {of}")
    if found.failed_calls:
        kinds = ", ".join(f"{say[f'medvid_judge_call_{kind}']} {n}" for kind, n in found.failed_calls.items())
        talk(say["medvid_judge_failed_calls"].format(kinds=kinds))
    for name, status, why in found.missing[:SHOWN]:
        short = name if len(name) <= 20 else name[:20] + "…"
        talk(f"  {say[f'medvid_judge_status_{status}']} {short}: {why}")
    if len(found.missing) > SHOWN:
        talk(say["medvid_judge_more"].format(n=len(found.missing) - SHOWN))
    if found.planted:
        talk(say["medvid_judge_planted"].format(n=found.planted))
    if found.stopped:
        talk(say["medvid_judge_stopped"].format(why=found.stopped))
    elif found.missing:
        talk(say["medvid_judge_again"])
    else:
        talk(say["medvid_judge_next"].format(out=out))


def judges(
    folders: Annotated[list[Path], typer.Argument(help="Two or more folders of judges.", metavar="DIR DIR...")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """How far judges agree on the pairs they all were given: aspect by aspect, and in what goes into the columns.

    Intervals leave out one recording at a time. Every two folders are compared.
    """
    from itertools import combinations

    from siming.bench.medvid.judge.agreement import agreement
    from siming.bench.medvid.judge.folder import load_judged
    from siming.cli.arguments import language
    from siming.errors import TaskError

    if len(folders) < 2:
        raise TaskError("one judge has nobody to agree with; name two folders or more")
    say = strings(language(lang or language_of_terminal()))
    loaded = {folder: load_judged(folder) for folder in folders}
    found = {pair: agreement(loaded[pair[0]], loaded[pair[1]]) for pair in combinations(folders, 2)}
    if as_json:
        print_json([{"folders": [str(one), str(other)], **each.to_plain()} for (one, other), each in found.items()])
        return
    for (one, other), each in found.items():
        _print_agreement(each.to_plain(), one, other, say)


def _print_agreement(plain: Mapping[str, Any], one: Path, other: Path, say: Mapping[str, str]) -> None:
    from rich.markup import escape
    from rich.table import Table

    out = console()
    out.print(say["medvid_judges_first"].format(folder=one, name=plain["first"]), markup=False, style="bold")
    out.print(say["medvid_judges_second"].format(folder=other, name=plain["second"]), markup=False, style="bold")
    counts = {name.replace(" ", "_"): n for name, n in plain["pairs"].items()}
    out.print(say["medvid_judges_pairs"].format(**counts), markup=False)
    if counts["put_to_the_first_alone"] or counts["put_to_the_second_alone"]:
        out.print(say["medvid_judges_alone"].format(**counts), markup=False, style="yellow")
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for head in ("qwk", "raw", "difference"):
        table.add_column(escape(say[f"medvid_judges_{head}"]), justify="right")
    rows = [(f"{code} {say[f'medvid_judges_{code}']}", found) for code, found in plain["aspects"].items()]
    for name, found in [*rows, (say["medvid_judges_all"], plain["all_aspects"])]:
        table.add_row(escape(name), _cell(found["qwk"]), _cell(found["raw"]), _cell(found["difference"], sign="+"))
    out.print(table)
    table = Table(title=escape(say["medvid_judges_columns"]), title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for name in plain["columns"]:
        table.add_column(escape(name), justify="right")
    own = list(plain["columns"].values())
    table.add_row(escape(say["medvid_judges_pairs_head"]), *(str(found["difference"]["n"]) for found in own))
    for name in ("first", "second", "difference", "distance", "correlation"):
        sign = "+" if name == "difference" else ""
        table.add_row(escape(say[f"medvid_judges_mean_{name}"]), *(_cell(found[name], sign=sign) for found in own))
    out.print()
    out.print(table)


def _cell(measured: Mapping[str, Any], *, sign: str = "") -> str:
    value, limits = measured["value"], measured["interval"]
    if value is None:
        return "—"
    shown = f"{value:{sign}.2f}"
    return shown if limits is None else f"{shown} \\[{limits[0]:{sign}.2f}, {limits[1]:{sign}.2f}]"
