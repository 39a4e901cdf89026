"""Make the reference pages from the code: commands, files, metrics, public names.

python tools/make_reference.py            write docs/reference/
python tools/make_reference.py --check    exit 1 where a page is not what the code says
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

DOCS = Path(__file__).resolve().parents[1] / "docs" / "reference"
ROOMS = (
    "rubric",
    "video",
    "measure",
    "metrics",
    "metrics.rasch",
    "metrics.generalizability",
    "metrics.raters",
    "metrics.standards",
    "metrics.comparison",
    "metrics.planning",
    "metrics.audit",
    "rating",
    "bench",
    "bench.clinical",
    "run",
    "methods",
    "simulate",
    "leaderboard",
    "report",
)
HEAD = "<!-- Made by tools/make_reference.py (make docs); change the code, not this page. -->\n\n"


def commands() -> str:
    """Every command with its arguments, options and examples, as `--help` says them."""
    from typer.main import get_command

    from siming.cli import app

    lines = ["# Commands\n", "Results go to stdout, talk to stderr. Exit status: 0 done; 1 done, but not what was asked "
             "for (coverage not reached, a file that did not pass its check, a damaged frame); 2 a command, file or "
             "recording that could not be used; 130 interrupted.\n"]  # fmt: skip
    for name, command in sorted(_leaves(get_command(app), ("siming",))):
        lines.append(f"## {name}\n")
        lines.append(f"{inspect.cleandoc(command.help or '')}\n")
        rows = [(_usage(p), _help(p), _default(p)) for p in command.params if p.name != "help"]
        lines += ["| argument or option | meaning | default |", "| --- | --- | --- |"]
        lines += [f"| `{usage}` | {text} | {default} |" for usage, text, default in rows]
        examples = re.sub(r"\[/?bold\]|\[/\]", "", command.epilog or "")
        found = re.sub(r"^Examples?: ", "", examples)
        lines += ["", "```text", *[part.strip() for part in re.split(r" {3,}", found) if part.strip()], "```\n"]
    return "\n".join(lines)


def _leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield " ".join(path), command
    else:
        for name, child in children.items():
            yield from _leaves(child, (*path, name))


def _usage(param: Any) -> str:
    if param.param_type_name == "argument":
        return param.metavar or (param.name or "").upper()
    return " / ".join([*param.opts, *param.secondary_opts])


def _help(param: Any) -> str:
    return (getattr(param, "help", None) or "").replace("|", "\\|")


def _default(param: Any) -> str:
    if param.required:
        return "required"
    value = param.default
    return "" if value is None or callable(value) or value is False else f"`{value}`"


def files() -> str:
    """Every file that crosses a room's border, field by field."""
    from siming.bench.folder import RunInfo
    from siming.bench.prediction import Prediction
    from siming.bench.request import Request
    from siming.rubric import Attempt, DatasetInfo, Event, Rubric, Sheet

    places = [
        ("dataset.yaml", DatasetInfo), ("attempts.jsonl", Attempt), ("sheets.jsonl", Sheet), ("events.jsonl", Event),
        ("run.yaml", RunInfo), ("requests.jsonl", Request), ("predictions.jsonl", Prediction), ("a rubric file", Rubric),
    ]  # fmt: skip
    lines = ["# Files\n", "JSON Lines (one record a line, UTF-8) or YAML. Times are seconds, points are numbers. Fields "
             "siming does not know are kept when it rewrites a file; a newer major schema is refused.\n"]  # fmt: skip
    for place, record in places:
        lines += [f"## {place}: `{record.SCHEMA}`\n", f"{inspect.cleandoc(record.__doc__ or '')}\n", *_fields(record)]
        for part in _parts(record):
            lines += [f"### {part.__name__}\n", f"{inspect.cleandoc(part.__doc__ or '')}\n", *_fields(part)]
    return "\n".join(lines)


def _parts(record: Any) -> list[Any]:
    """The records a record is made of, outermost first."""
    from pydantic import BaseModel

    found: list[Any] = []

    def visit(annotation: Any) -> None:
        for inner in get_args(annotation):
            visit(inner)
        if inspect.isclass(annotation) and issubclass(annotation, BaseModel) and annotation not in found:
            found.append(annotation)
            for info in annotation.model_fields.values():
                visit(info.annotation)

    visit(record)
    return found[1:]


def _fields(record: Any) -> list[str]:
    notes = _notes(record)
    rows = ["| field | type | needed | meaning |", "| --- | --- | --- | --- |"]
    for name, info in record.model_fields.items():
        kind = re.sub(r"\b(?:siming|typing|collections\.abc|pathlib)\.(?:\w+\.)*", "", str(info.annotation))
        kind = re.sub(r"<class '([\w.]+)'>", lambda m: m[1].rpartition(".")[2], kind).replace("|", "\\|")
        needed = "yes" if info.is_required() else ""
        rows.append(f"| `{info.alias or name}` | `{kind}` | {needed} | {notes.get(name, '')} |")
    return [*rows, ""]


def _notes(record: Any) -> dict[str, str]:
    """The text under each field, read from the class's source."""
    source = inspect.getsource(record)
    found = re.findall(r'^    (\w+):[^\n]*\n    """(.*?)"""', source, re.M | re.S)
    return {name: " ".join(text.split()).replace("|", "\\|") for name, text in found}


def metrics() -> str:
    """Every statistic of the catalogue by theme, with formula, source and how to reach it."""
    from siming.cli.console import strings
    from siming.metrics import CATALOGUE, METRICS, ClusterBootstrap
    from siming.metrics.registry import measures

    say, words = strings("en"), measures("en")
    lines = ["# Metrics\n", "Labels are 0 failed, 1 clearly deficient, 2 minor deduction, 3 fully correct. Positive means "
             "*step done wrong*. Every value carries n, its interval (resampling whole videos) and what was left out; an "
             "undefined value is a dash with its reason, never 0. `siming stats one NAME` computes a statistic from columns of "
             "numbers; those with a star compare two raters and can be asked for by name in comparisons and plans.\n"]  # fmt: skip
    for theme in dict.fromkeys(entry.theme for entry in CATALOGUE.values()):
        lines += [f"## {say[f'stats_theme_{theme}']}\n", "| name | measures | formula | source | Python | command |",
                  "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
        for entry in CATALOGUE.values():
            if entry.theme == theme:
                star = " *" if entry.name in METRICS else ""
                cells = [f"`{entry.name}`{star}", words[entry.name], entry.formula, entry.source,
                         f"`{entry.path.removeprefix('siming.')}`",
                         ", ".join(f"`{command}`" for command in (entry.reached_by, entry.also) if command)]  # fmt: skip
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    lines += ["## Intervals of the metrics with a star\n", "| name | of | interval unless another is asked for |",
              "| --- | --- | --- |"]  # fmt: skip
    for metric in METRICS.values():
        made = metric.interval
        how = f"cluster bootstrap ({made.limits})" if isinstance(made, ClusterBootstrap) else "jackknife by cluster"
        lines.append(f"| `{metric.name}` | {metric.kind} | {how} |")
    return "\n".join([*lines, ""])


def python() -> str:
    """The public names of every room."""
    lines = ["# Python\n", "What each room offers; `help(siming.rubric.examine)` says more.\n"]
    for room in ROOMS:
        module = importlib.import_module(f"siming.{room}")
        lines += [f"## siming.{room}\n", f"{_first(module)}\n", "| name | what it is |", "| --- | --- |"]
        lines += [f"| `{name}` | {_first(getattr(module, name))} |" for name in getattr(module, "__all__", ())]
        lines.append("")
    return "\n".join(lines)


def _first(thing: Any) -> str:
    doc = inspect.getdoc(thing) if inspect.ismodule(thing) or inspect.isclass(thing) or callable(thing) else None
    return (doc or f"a {type(thing).__name__}").strip().split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def defects() -> str:
    """The defects of MedVidBench's official evaluator, each with the values that both modes give it now."""
    from siming.bench.medvid.defects import table_of_defects

    def shown(value: Any) -> str:
        if value is None:
            return "–"
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    lines = [DEFECTS_HEAD, "| # | defect | small case | column | official | strict | what strict mode does |",
             "| --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for row in table_of_defects("en"):
        column = f"`{row['column']}`" if row["column"] else "–"
        cells = (row["defect"], row["case"], column, shown(row["official"]), shown(row["strict"]), row["repair"])
        lines.append(f"| {row['number']} | " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, DEFECTS_TAIL])


DEFECTS_HEAD = """# What the official evaluator of MedVidBench gets wrong

Leaderboard mode of `siming medvid score` reproduces the official evaluator to the last digit, so that whoever submits sees
the same number before. Strict mode repairs sixteen defects of it. Each line below is a small submission that shows one of
them: what the official board would make of it, and what strict mode makes of it. Nothing here is typed in; both values are
computed by the scorers whenever this page is made, and `siming medvid defects` computes them again.

A dash is a value that does not exist: the task was lost whole, or no number is touched.
"""

DEFECTS_TAIL = """
What to keep in mind:

- Strict values are often lower, because what cannot be read counts as wrong. They can be higher too: an answer laid out
  in another way is read, and a reference of no length can be hit.
- The two modes answer different questions. Compare submissions within a mode, and say which one a number came from.
- Defects 3, 4, 6, 12 and 13 let a submission raise its score without a better model. In strict mode they gain nothing.
- How each value was read is in the rows of `siming medvid score --json`.

See also: [how to submit](../how-to/submit-to-medvidbench.md), [how to keep a board](../how-to/keep-a-board.md).
"""

PAGES = {
    "../explanation/medvidbench-defects.md": defects,
    "commands.md": commands,
    "files.md": files,
    "metrics.md": metrics,
    "python.md": python,
}


def main() -> int:
    """Write or check all pages."""
    stale = []
    for name, make in PAGES.items():
        text = HEAD + make().rstrip() + "\n"
        path = (DOCS / name).resolve()
        if "--check" in sys.argv:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(DOCS.parents[1]))
    if stale:
        print(f"not what the code says: {', '.join(stale)}; run make docs")
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
