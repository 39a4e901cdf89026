"""`siming rubric`: check rubric files, examine events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siming.cli.console import console, language_of_terminal, print_json, talk

if TYPE_CHECKING:
    from siming.rubric import Examination, Language, Rubric

app = typer.Typer(help="Rubrics: check files, turn events into points.", no_args_is_help=True)

CHECK_EXAMPLES = "Examples: [bold]siming rubric check my-exam.yaml[/]   [bold]siming rubric check aed-adult[/]"
EXAMINE_EXAMPLES = (
    "Examples: [bold]siming rubric examine aed-adult events.jsonl[/]   "
    "[bold]siming measure compressions exam.mp3 --events | siming rubric examine cpr-adult-single - --absent unseen[/]"
)


@app.command(epilog=CHECK_EXAMPLES)
def check(
    files: Annotated[list[str], typer.Argument(help="Rubric files, or ids of built-in rubrics.", metavar="FILE...")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say whether rubrics are whole: every name, expression and number. Exit status 1 if one is not."""
    from siming.errors import RubricError
    from siming.rubric import resolve_rubric

    results: list[dict[str, Any]] = []
    for name in files:
        try:
            results.append({"file": name, "ok": True, **_summary(resolve_rubric(name))})
        except RubricError as error:
            results.append({"file": name, "ok": False, "error": str(error)})
    if as_json:
        print_json(results)
    else:
        for result in results:
            typer.echo(_check_line(result))
    if not all(result["ok"] for result in results):
        raise typer.Exit(1)


@app.command(epilog=EXAMINE_EXAMPLES)
def examine(
    rubric: Annotated[str, typer.Argument(help="A rubric file, or the id of a built-in rubric.")],
    events: Annotated[Path, typer.Argument(help="events.jsonl of one or more attempts; - reads standard input.")],
    absent: Annotated[
        str,
        typer.Option(
            help="What a step without events means: missed (not done, 0 points) or unseen (nobody watched it)."
        ),
    ] = "missed",
    param: Annotated[
        list[str] | None, typer.Option("--param", help="Change a param for this exam: NAME=VALUE.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """Turn events into points, with a reason for every point lost."""
    from siming.cli.arguments import choice, language, params, read_events
    from siming.rubric import examine as examine_events
    from siming.rubric import resolve_rubric

    judged_by = resolve_rubric(rubric).with_params(**params(param or []))
    wanted = choice("--absent", absent, ("missed", "unseen"))
    exams = [
        examine_events(judged_by, group, absent="unseen" if wanted == "unseen" else "missed")
        for group in read_events(events)
    ]
    if as_json:
        print_json([exam.to_plain() for exam in exams])
        return
    for exam in exams:
        _print_exam(exam, language(lang or language_of_terminal()))


def _summary(rubric: Rubric) -> dict[str, Any]:
    deductions = [d for step in rubric.steps for d in step.deductions]
    return {
        "id": rubric.id,
        "version": rubric.version,
        "status": rubric.status,
        "steps": len(rubric.steps),
        "points": rubric.total_points,
        "states": len(rubric.states),
        "rules": len(rubric.rules),
        "deductions": len(deductions),
        "deductions_measured": sum(1 for d in deductions if d.test is not None),
    }


def _check_line(result: dict[str, Any]) -> str:
    if not result["ok"]:
        return f"✗ {result['error']}"
    return (
        f"✓ {result['file']}: {result['id']} {result['version']} ({result['status']}), {result['steps']} steps, "
        f"{result['points']:g} points, {result['states']} states, {result['rules']} rules; "
        f"{result['deductions_measured']} of {result['deductions']} deductions are measured, the others need a judge"
    )


def _print_exam(exam: Examination, language: Language) -> None:
    from rich.table import Table

    zh = language == "zh"
    table = Table(
        title=f"{exam.attempt} · {exam.rubric.title_in(language)} ({exam.rubric.id} {exam.rubric.version})",
        title_justify="left",
        caption=f"{exam.points:g} / {exam.max_points:g}",
        caption_justify="left",
    )
    for name in ("步骤", "得分", "标签", "依据") if zh else ("step", "points", "label", "why"):
        table.add_column(name, overflow="fold")
    for step_id, result in exam.steps.items():
        step = exam.rubric.get_step(step_id)
        no_points = exam.why_no_points(step_id, language)
        why = [no_points] if no_points else exam.reasons(step_id, language)
        points = "—" if result.points is None else f"{result.points:g}/{step.max_points:g}"
        label = "—" if result.label is None else str(result.label)
        table.add_row(f"{step_id} {step.title_in(language)}", points, label, "\n".join(why))
    console().print(table)
    if exam.open_questions:
        n = len(exam.open_questions)
        talk(
            f"{n} 项条件需人工判断（--json 列出全部），得分为上限。"
            if zh
            else f"{n} conditions in words are open and need a judge (--json lists them); the points are an upper bound."
        )
