"""`siming medvid score`: a submission in the official evaluator's way, or strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siming.cli.console import console, language_of_terminal, strings, talk

if TYPE_CHECKING:
    from siming.report.texts import Language

EXAMPLES = (
    "Examples: [bold]siming medvid score submission.json --truth test.json[/]   "
    "[bold]siming medvid score submission.json --truth test.json --mode strict --judged judged --json score.json[/]   "
    "[bold]siming medvid score ours.json --truth test.json --mode strict --against theirs.json[/]"
)

MOST_SOURCES = 12
"""Sources printed; JSON has all."""


def score(
    submission: Annotated[Path, typer.Argument(help="A submission, JSON.", metavar="SUBMISSION")],
    truth: Annotated[Path, typer.Option(help="The benchmark's questions with their answers, JSON.", metavar="FILE")],
    mode: Annotated[str, typer.Option(help="leaderboard (the official numbers) or strict.")] = "leaderboard",
    judged: Annotated[
        Path | None,
        typer.Option(help="What `siming medvid judge` wrote; brings the three judged columns.", metavar="DIR"),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Another submission: differences on the same questions, strict.", metavar="FILE")
    ] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write everything, each row too, as JSON; - prints it.", metavar="OUT")
    ] = None,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """Score a submission: ten columns with intervals, coverage and sources, in the official way or strictly.

    Leaderboard mode reproduces the official evaluator to the last digit, its defects among them; strict mode repairs
    them (siming medvid defects tells how).
    """
    import gc

    from siming.cli.arguments import choice, language

    chosen = language(lang or language_of_terminal())
    wanted = choice("--mode", mode, ("leaderboard", "strict"))
    # Millions of small records are read, none in a ring: looking for rings among them takes a quarter of the time.
    gc.disable()
    from siming.bench.medvid.score import read_given, score_given

    given = read_given(submission, truth, judged=judged)
    found = score_given(given, mode=wanted)  # type: ignore[arg-type]
    differences = None
    if against is not None:
        from siming.bench.medvid.compare import compare_given

        differences = compare_given(found, read_given(against, truth, judged=judged))
    if json_out is not None:
        plain = found.to_plain()
        if differences is not None:
            plain["against"] = differences
        _write(json_out, plain)
        if str(json_out) == "-":
            return
        talk(strings(chosen)["medvid_score_written"].format(path=json_out))
    _print(found, differences, strings(chosen), chosen)


def _write(out: Path, plain: Mapping[str, Any]) -> None:
    # A half surrogate from a model's reply cannot be UTF-8; as an escape it is JSON like any other.
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False)
    if str(out) == "-":
        typer.echo(text.encode("utf-8", "backslashreplace"))
        return
    from siming.rubric.files import write_whole

    write_whole(out, lambda part: _fill(part, text.encode("utf-8", "backslashreplace") + b"\n"))


def _fill(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _print(found: Any, differences: Mapping[str, Any] | None, say: Mapping[str, str], lang: Language) -> None:
    from rich.markup import escape
    from rich.table import Table

    out = console()
    out.print(say[f"medvid_score_title_{found.mode}"], markup=False, style="bold")
    out.print(_matched(found, say), markup=False)
    heads = ["", say["medvid_score_value"], say["medvid_score_interval"], "n", say["medvid_score_read"]]
    if found.stored is not None:
        heads.append(say["medvid_score_stored"])
    table = Table(box=None, pad_edge=False)
    for place, head in enumerate(heads):
        table.add_column(escape(head), justify="left" if place == 0 else "right")
    for name, measured in {**found.columns, **found.beside}.items():
        row = [name, _number(measured.value), _interval(measured), str(measured.n), _coverage(found.coverage.get(name))]
        if found.stored is not None:
            stored = found.stored.get(name)
            row.append("nan" if stored is None else f"{stored:.3f}")
        table.add_row(*map(escape, row))
    out.print(table)
    _print_sources(found, say)
    for line in _notes(found, say, lang):
        out.print(line, markup=False, style="yellow")
    if differences is not None:
        _print_differences(differences, say)


def _print_sources(found: Any, say: Mapping[str, str]) -> None:
    from rich.markup import escape
    from rich.table import Table

    names = [name for name in found.columns if found.per_source.get(name)]
    sources = list(dict.fromkeys(source for name in names for source in sorted(found.per_source[name])))
    if not sources:
        return
    table = Table(title=escape(say["medvid_score_sources"]), title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for name in names:
        table.add_column(escape(name.replace("_mIoU", "")), justify="right")
    for source in sources[:MOST_SOURCES]:
        cells = [found.per_source[name].get(source) for name in names]
        table.add_row(escape(source[:40]), *("" if cell is None else _number(cell.value, 3) for cell in cells))
    table.add_row(escape(say["medvid_score_macro"]), *(_number(found.macro.get(name), 3) for name in names))
    out = console()
    out.print()
    out.print(table)
    if len(sources) > MOST_SOURCES:
        out.print(say["medvid_score_more_sources"].format(n=len(sources) - MOST_SOURCES), markup=False)


def _print_differences(differences: Mapping[str, Any], say: Mapping[str, str]) -> None:
    from rich.markup import escape
    from rich.table import Table

    title = say["medvid_score_against"].format(name=differences["submission"]["file"])
    heads = ["", say["medvid_score_difference"], say["medvid_score_interval"], "n", say["medvid_score_p"]]
    table = Table(title=escape(title), title_justify="left", box=None, pad_edge=False)
    for place, head in enumerate(heads):
        table.add_column(escape(head), justify="left" if place == 0 else "right")
    for name, each in differences["columns"].items():
        if each["value"] is None:
            continue
        limits = each["interval"]
        shown = "—" if limits is None else f"[{limits[0]:+.4f}, {limits[1]:+.4f}]"
        p = each["p_holm"]
        table.add_row(
            *map(escape, (name, f"{each['value']:+.4f}", shown, str(each["n"]), "—" if p is None else f"{p:.3f}"))
        )
    console().print(table)


def _matched(found: Any, say: Mapping[str, str]) -> str:
    return say[f"medvid_score_matched_{found.matched['by']}"].format(**{"other_id": 0, "answers": 0, **found.matched})


def _notes(found: Any, say: Mapping[str, str], lang: Language) -> Sequence[str]:
    out = [f"{task}: {words}" for task, words in found.task_errors.items()]
    out += [
        f"{name}: {_reason(measured.reason, lang)}"
        for name, measured in found.columns.items()
        if measured.reason is not None and measured.reason not in found.task_errors.values()
    ]
    if found.matched.get("merged"):
        out.append(say["medvid_score_merged"])
    if found.matched.get("other_id") or found.matched.get("other_qa_type"):
        out.append(say["medvid_score_out_of_place"].format(**found.matched))
    if found.matched.get("by_order"):
        out.append(say["medvid_score_by_order"].format(**found.matched))
    return out


def _reason(reason: str, lang: Language) -> str:
    if lang == "en":
        return reason
    from siming.report.texts import reason_in

    return reason_in(lang, reason)


def _number(value: float | None, decimals: int = 4) -> str:
    return "—" if value is None else f"{value:.{decimals}f}"


def _interval(measured: Any) -> str:
    limits = measured.interval
    return "—" if limits is None else f"[{limits.low:.4f}, {limits.high:.4f}]"


def _coverage(counts: Mapping[str, int] | None) -> str:
    return "—" if counts is None else f"{counts['read']}/{counts['asked']}"
