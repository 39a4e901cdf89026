"""`siming stats one`: one statistic of a few columns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from siming.cli.console import language_of_terminal, print_json, talk

if TYPE_CHECKING:
    from siming.metrics.registry import Entry

EXAMPLES = (
    "Examples: [bold]siming stats one qwk --a wei.txt --b okafor.txt --levels 0,1,2,3[/]   "
    "[bold]siming stats one fleiss_kappa --rater marks.csv:Wei --rater marks.csv:Okafor --rater marks.csv:Lin "
    "--levels 0,1,2,3 --cluster marks.csv:video[/]   "
    "[bold]siming stats one icc_agreement --table totals.csv[/]   "
    "[bold]siming stats one share_within --a wei.txt --b okafor.txt --option tolerance=5[/]   "
    "[bold]siming stats one zou_interval --option r_first=0.396 --option r_second=0.179 --option r_between=0.088 "
    "--option n=66[/]"
)


def one_statistic(
    name: Annotated[str, typer.Argument(help="A name that `siming stats list` shows, such as qwk.")],
    a: Annotated[
        str | None, typer.Option("--a", help="First rater: FILE of one value per line, or FILE:COLUMN.")
    ] = None,
    b: Annotated[str | None, typer.Option("--b", help="Second rater, in the same order.")] = None,
    rater: Annotated[
        list[str] | None, typer.Option(help="A rater of many, or a model, as FILE or FILE:COLUMN. Repeatable.")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="A CSV or XLSX table: videos down, steps (raters) across; or one rating per line."),
    ] = None,
    levels: Annotated[str | None, typer.Option(help="All legal levels, worst first, such as 0,1,2,3.")] = None,
    step: Annotated[str | None, typer.Option(help="Step of each cell: FILE or FILE:COLUMN.")] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Video of each cell (candidate of each total): FILE or FILE:COLUMN.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="nominal, linear, quadratic, or a file with a square table.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=VALUE for what else the statistic takes, such as pass_mark=60; @FILE is a column. Repeatable."
        ),
    ] = None,
    interval: Annotated[
        str | None, typer.Option(help="jackknife, bootstrap, bca or none; the statistic's own by default.")
    ] = None,
    replicates: Annotated[int, typer.Option(help="Bootstrap replicates.", min=100)] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = 0,
    encoding: Annotated[str | None, typer.Option(help="utf-8, gb18030 ...; found out by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    lang: Annotated[str | None, typer.Option(help="en or zh; the terminal's own by default.")] = None,
) -> None:
    """One statistic with its interval, denominator, formula and source, from columns of numbers."""
    from siming.cli.arguments import language
    from siming.cli.stats.inputs import Typed, gather
    from siming.cli.stats.shown import show
    from siming.metrics.registry import get_statistic

    entry = get_statistic(name)
    typed = Typed(
        a=a,
        b=b,
        raters=tuple(rater or ()),
        table=table,
        levels=None if levels is None else [level.strip() for level in levels.split(",")],
        step=step,
        cluster=cluster,
        weights=weights,
        encoding=encoding,
        options=_options(option or []),
    )
    _refuse_elsewhere(entry)
    data, keywords, notes = gather(entry, typed)
    keywords |= _resampling(entry, interval, replicates, seed)
    for note in notes:
        talk(note)
    _need_all(entry, keywords)
    result = entry.compute(*data, **keywords)
    if as_json:
        print_json(_plain(entry, result))
    else:
        show(entry, result, language(lang or language_of_terminal()))


def _refuse_elsewhere(entry: Entry) -> None:
    from siming.errors import TaskError

    if entry.shape in ("sheets", "printed table"):
        raise TaskError(f"{entry.name} is not computed from columns; use `{entry.command}` (see its --help)")


def _need_all(entry: Entry, keywords: dict[str, Any]) -> None:
    """Refuse a statistic whose function would miss a column or an option."""
    import inspect

    from siming.errors import TaskError

    for name, parameter in inspect.signature(entry.function).parameters.items():
        lacks = (
            parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty and name not in keywords
        )
        if lacks and name in ("cluster", "step"):
            what = "the video (candidate) of each" if name == "cluster" else "the step of each cell"
            raise TaskError(f"{entry.name} needs {what}; give --{name} FILE or FILE:COLUMN, one id per line")


def _options(pairs: list[str]) -> dict[str, Any]:
    """``NAME=VALUE`` with values as YAML reads them: numbers, words, lists."""
    import yaml

    from siming.cli.arguments import options
    from siming.errors import TaskError

    out = {}
    for name, text in options(pairs).items():
        try:
            out[name] = text if text.startswith("@") else yaml.safe_load(text)
        except yaml.YAMLError:
            raise TaskError(
                f"--option {name}={text} cannot be read; write for example pass_mark=60, scale=[1,2,3,4,5] or "
                "critical=@critical.txt"
            ) from None
    return out


def _resampling(entry: Entry, interval: str | None, replicates: int, seed: int) -> dict[str, Any]:
    from siming.cli.arguments import choice
    from siming.errors import TaskError
    from siming.metrics import ClusterBootstrap, Jackknife

    if interval is not None:
        choice("--interval", interval, ("jackknife", "bootstrap", "bca", "none"))
        if not entry.takes("interval"):
            raise TaskError(f"{entry.name} makes its own interval; leave out --interval")
    if interval == "jackknife":
        return {"interval": Jackknife()}
    if interval == "none":
        return {"interval": None}
    if interval == "bootstrap":
        return {"interval": ClusterBootstrap(replicates=replicates, seed=seed)}
    if interval == "bca":
        return {"interval": ClusterBootstrap(replicates=replicates, seed=seed, limits="bca")}
    if entry.takes("interval") and (replicates, seed) != (10_000, 0):
        return _own_bootstrap(entry, replicates, seed)
    return {"seed": seed, "replicates": replicates} if entry.takes("replicates") else {}


def _own_bootstrap(entry: Entry, replicates: int, seed: int) -> dict[str, Any]:
    """The statistic's own interval with another seed or number of replicates, where it is a bootstrap."""
    import inspect
    from dataclasses import replace

    from siming.metrics import ClusterBootstrap

    own = inspect.signature(entry.function).parameters.get("interval")
    if own is not None and isinstance(own.default, ClusterBootstrap):
        return {"interval": replace(own.default, replicates=replicates, seed=seed)}
    return {}


def _plain(entry: Entry, result: Any) -> dict[str, Any]:
    from siming.metrics import Measured
    from siming.metrics.registry.parts import to_plain

    plain = to_plain(result)
    body = plain if isinstance(result, Measured) else {"result": plain}
    if isinstance(result, Measured):
        body = {"value": None, "interval": None, "n": result.n, **body}
    return {"name": entry.name, **body, "formula": entry.formula, "source": entry.source}
