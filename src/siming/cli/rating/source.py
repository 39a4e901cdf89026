"""Where a rating command reads from: a dataset folder or a spreadsheet; the options are the same for all of them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from siming.rating.source import Source

PANEL = "Spreadsheets"
"""Under which `--help` lists these options."""


def _option(name: str, kind: Any, help_text: str) -> Any:
    return Annotated[kind, typer.Option(name, help=help_text, rich_help_panel=PANEL)]


SourcePath = Annotated[
    Path, typer.Argument(help="A dataset folder, or a CSV or XLSX file of marks.", metavar="DATASET|SHEETS.csv")
]

OPTIONS: dict[str, tuple[Any, Any]] = {
    "rubric": (
        _option("--rubric", list[str] | None, "Id or file of a rubric whose steps these are. Repeatable."),
        None,
    ),
    "kind": (_option("--kind", str, "What the cells hold: points or labels."), "points"),
    "levels": (_option("--levels", str | None, "With labels: all legal ones, such as 0,1,2,3."), None),
    "maximum": (_option("--max", list[str] | None, "STEP=POINTS, or POINTS for every step. Repeatable."), None),
    "one_rater": (_option("--rater", str | None, "Who filled the table, where it does not say so."), None),
    "raters": (
        _option("--raters", list[str] | None, "A rater's name in the headings, as Wei in Wei_01. Repeatable."),
        None,
    ),
    "column": (
        _option(
            "--column",
            list[str] | None,
            "ROLE=HEADING: attempt, rater, step, skill, points, max, candidate, site, time or global. Repeatable.",
        ),
        None,
    ),
    "ignore": (_option("--ignore", list[str] | None, "A heading to leave out. Repeatable."), None),
    "fill_down": (_option("--fill-down", bool, "An empty attempt is the one above."), False),
    "encoding": (_option("--encoding", str | None, "utf-8, gb18030 ...; found out by default."), None),
    "delimiter": (_option("--delimiter", str | None, "One character; found out by default."), None),
    "worksheet": (_option("--worksheet", str | None, "The one to read of several."), None),
}
"""Parameter to its option and default."""


def from_ratings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes a `Source` first the path and the options of spreadsheets in its place.

    The notes of the reader are told on stderr, so that stdout holds the result alone.
    """

    @wraps(command)
    def opened(*, dataset: Path, **given: Any) -> None:
        typed = {name: given.pop(name) for name in OPTIONS}
        command(open_source(dataset, lang=given.get("lang"), **typed), **given)

    # The source is made here and is no option; its class is imported only to be read by a person.
    hints = get_type_hints(command, localns={"Source": object}, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    source, *own = inspect.signature(command).parameters.values()
    opened.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("dataset", keyword, annotation=SourcePath),
            *(one.replace(kind=keyword, annotation=hints[one.name]) for one in own),
            *(
                inspect.Parameter(name, keyword, default=option[1], annotation=option[0])
                for name, option in OPTIONS.items()
            ),
        ]
    )
    del hints[source.name]
    opened.__annotations__ = {
        **hints,
        "dataset": SourcePath,
        **{name: annotation for name, (annotation, _) in OPTIONS.items()},
    }
    return opened


def open_source(path: Path, *, lang: str | None = None, **typed: Any) -> Source:
    """The ratings at a path, with the options as typed; see `OPTIONS`.

    Args:
        lang: Language of the notes, as typed; the terminal's own by default.

    Raises:
        TaskError: an option that cannot be read.
        SimingError: whatever is wrong with the ratings.
    """
    from siming.cli.arguments import language
    from siming.cli.console import language_of_terminal, talk
    from siming.errors import LabelError, SheetError
    from siming.rating.source import load_ratings
    from siming.rating.spreadsheet.note import note_in

    spoken = language(lang or language_of_terminal())
    try:
        source = load_ratings(path, **_read(**typed))
    except (SheetError, LabelError) as error:
        raise type(error)(as_options(str(error))) from error
    for note in source.notes:
        talk(f"{source.name}: {note_in(spoken, note)}")
    return source


_KEYWORDS = (
    (r"columns=\{'(\w+)': ('[^']*'|HEADING)\}", r"--column \1=\2"),
    (r"raters=\[\.\.\.\]", "--raters NAME (once for each)"),
    (r"rater=('[^']*')", r"--rater \1"),
    (r"ignore=\[('[^']*')\]", r"--ignore \1"),
    (r"levels=\[0, 1, 2, 3\]", "--levels 0,1,2,3"),
    (r"fill_down=True", "--fill-down"),
    (r"\bsheet=", "--worksheet"),
    (r"\b(encoding|delimiter)=(?=')", r"--\1 "),
    (r"\b(encoding|delimiter)=", r"--\1"),
    (r"max_points \((--max [^)]*)\)", r"\1"),
    (r"\bmax_points gives", "--max gives"),
)
"""What the reader of spreadsheets calls its options, and what they are called here."""


def as_options(complaint: str) -> str:
    """A complaint of the reader of spreadsheets with the mend as one types it.

    >>> as_options("nothing names the raters; give rater='NAME' where one rater filled the table")
    "nothing names the raters; give --rater 'NAME' where one rater filled the table"
    """
    for keyword, option in _KEYWORDS:
        complaint = re.sub(keyword, option, complaint)
    return complaint


def _read(
    *,
    rubric: Sequence[str] | None = None,
    kind: str = "points",
    levels: str | None = None,
    maximum: Sequence[str] | None = None,
    one_rater: str | None = None,
    raters: Sequence[str] | None = None,
    column: Sequence[str] | None = None,
    ignore: Sequence[str] | None = None,
    fill_down: bool = False,
    encoding: str | None = None,
    delimiter: str | None = None,
    worksheet: str | None = None,
) -> dict[str, Any]:
    """Keywords of `load_ratings`, those that were given."""
    from siming.cli.arguments import choice
    from siming.rubric import resolve_rubric

    read = {
        "rubrics": [resolve_rubric(name) for name in rubric or ()],
        "kind": "labels" if choice("--kind", kind, ("points", "labels")) == "labels" else None,
        "levels": _levels(levels) if levels else None,
        "max_points": _maxima(maximum or ()),
        "rater": one_rater,
        "raters": tuple(raters or ()),
        "columns": dict(_pair("--column", text, "attempt=座位") for text in column or ()),
        "ignore": tuple(ignore or ()),
        "fill_down": fill_down,
        "encoding": encoding,
        "delimiter": "\t" if delimiter == "\\t" else delimiter,
        "sheet": worksheet,
    }
    return {name: value for name, value in read.items() if value}


def _levels(text: str) -> list[int]:
    from siming.errors import TaskError

    try:
        return [int(level) for level in text.split(",")]
    except ValueError:
        raise TaskError(
            f"--levels {text!r} are not whole numbers with commas; write for example --levels 0,1,2,3"
        ) from None


def _maxima(texts: Sequence[str]) -> float | dict[str, float] | None:
    """One number for all steps, or numbers by step."""
    from siming.errors import TaskError

    if len(texts) == 1 and "=" not in texts[0]:
        return _number(texts[0])
    maxima: dict[str, float] = {}
    for text in texts:
        step, points = _pair("--max", text, "洗手=3")
        if step in maxima:
            raise TaskError(f"--max gives step {step!r} twice; give it once")
        maxima[step] = _number(points)
    return maxima or None


def _number(text: str) -> float:
    from siming.errors import TaskError

    try:
        return float(text)
    except ValueError:
        raise TaskError(f"--max {text!r} is no number of points; write for example --max 10 or --max 洗手=3") from None


def _pair(option: str, text: str, example: str) -> tuple[str, str]:
    from siming.errors import TaskError

    name, equals, value = text.rpartition("=") if option == "--max" else text.partition("=")
    if not equals or not name.strip():
        raise TaskError(f"{option} {text!r} is not NAME=VALUE; write for example {option} {example}")
    return name.strip(), value.strip()
