"""`siming rubric`: check rubric files, examine events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siming.cli.console import console, language_of_terminal, print_json, talk

if TYPE_CHECKING:
    from siming.rubric import Event, Examination, Language, Rubric

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
    start_s: Annotated[float, typer.Option("--from", help="Only events from this second on.")] = 0.0,
    end_s: Annotated[float, typer.Option("--to", help="Only events up to this second.")] = float("inf"),
    attempt: Annotated[list[str] | None, typer.Option(help="Only this attempt; may be repeated.")] = None,
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
    groups = read_events(events)
    if attempt:
        choice("--attempt", attempt[0], [group[0].attempt for group in groups])
    exams = []
    for group in groups:
        if attempt and group[0].attempt not in attempt:
            continue
        inside = [e for e in group if start_s <= e.start_s and e.end_s <= end_s]
        _warn_of_slips(judged_by, inside)
        exams.append(examine_events(judged_by, inside, absent="unseen" if wanted == "unseen" else "missed"))
    if as_json:
        print_json([exam.to_plain() for exam in exams])
        return
    for exam in exams:
        _print_exam(exam, language(lang or language_of_terminal()))


def _warn_of_slips(rubric: Rubric, events: Sequence[Event]) -> None:
    """An action nobody knows is passed over by the examiner; a slip of the pen must not look like a missing step."""
    import difflib

    from siming.rubric import builtin_rubric, builtin_rubric_ids
    from siming.rubric.quantity import SIGNALS

    known = set(SIGNALS)
    for one in (rubric, *(builtin_rubric(name) for name in builtin_rubric_ids())):
        known |= {step.id for step in one.steps} | {event.id for event in one.events}
    for event in events:
        if event.action not in known:
            near = difflib.get_close_matches(event.action, sorted(known), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            talk(f"event {event.id}: action {event.action!r} is in no rubric siming knows and was passed over{hint}")


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
    from rich.text import Text

    zh = language == "zh"
    table = Table(
        title=Text(f"{exam.attempt} · {exam.rubric.title_in(language)} ({exam.rubric.id} {exam.rubric.version})"),
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
        # Text and not markup: a note in a file may hold anything.
        table.add_row(Text(f"{step_id} {step.title_in(language)}"), points, label, Text("\n".join(why)))
    console().print(table)
    if exam.open_questions:
        n = len(exam.open_questions)
        talk(
            f"{n} 项条件需人工判断（--json 列出全部），得分为上限。"
            if zh
            else f"{n} conditions in words are open and need a judge (--json lists them); the points are an upper bound."
        )
