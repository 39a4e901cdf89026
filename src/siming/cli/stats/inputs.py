"""From what was typed to the data that a statistic of the catalogue takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siming.cli.stats.columns import (
    Column,
    is_missing,
    level_of,
    number_of,
    read_column,
    read_labels,
    read_matrix,
    read_numbers,
)
from siming.errors import LabelError, TaskError

if TYPE_CHECKING:
    from siming.metrics.registry import Entry

_SAME = {
    "attempt": "video",
    "label": "labels",
    "points": "totals",
    "total": "totals",
    "score": "totals",
    "mark": "totals",
}
"""What a column of a long table may also be called."""


@dataclass(frozen=True)
class Typed:
    """The files and options of `siming stats one`."""

    a: str | None = None
    b: str | None = None
    raters: Sequence[str] = ()
    table: Path | None = None
    levels: Sequence[str] | None = None
    step: str | None = None
    cluster: str | None = None
    weights: str | None = None
    encoding: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def gather(entry: Entry, typed: Typed) -> tuple[tuple[Any, ...], dict[str, Any], list[str]]:
    """The statistic's data, its keywords, and what a reader must know of how they were read."""
    reader = _Reader(entry, typed)
    data = reader.data()
    keywords = reader.keywords()
    reader.fill()
    return data, keywords, reader.notes


class _Reader:
    def __init__(self, entry: Entry, typed: Typed) -> None:
        from siming.metrics.registry import METRICS, get_metric

        self.entry, self.typed, self.notes = entry, typed, list[str]()
        self.options = {**entry.options, **typed.options}
        if "metric" in self.options:
            get_metric(str(self.options["metric"]))
        metric = METRICS.get(str(self.options.get("metric")))
        kinds = {"label": "labels", "binary": "verdicts", "totals": "totals"}
        usual = "totals" if entry.shape in ("two models", "models") else entry.shape.removesuffix(" of many")
        self.kind = kinds[metric.kind] if metric else usual
        self.from_table: dict[str, Any] = {}
        self.columns: list[tuple[list[Any], int, Any]] = []
        """Each column's values, the empty lines at its end, and what a missing value is."""

    def data(self) -> tuple[Any, ...]:
        shape, typed = self.entry.shape, self.typed
        if shape in ("labels", "verdicts", "totals"):
            return self._pair()
        if shape == "labels of many":
            return ([self._values(spec) for spec in self._many()],)
        if shape == "totals of many":
            if typed.table is not None:
                rows = self._matrix()
                return tuple(list(column) for column in zip(*rows, strict=True))
            return tuple(self._values(spec) for spec in self._many())
        if shape == "scores":
            return (self._scores(),)
        if shape in ("steps", "judges"):
            return (self._judged(self._matrix()),)
        if shape == "ratings":
            return self._ratings()
        if shape == "evidence":
            return tuple(self._evidence(spec) for spec in self._two())
        if shape == "grades":
            return tuple(self._any(spec) for spec in self._two())
        if shape in ("marks", "p values"):
            if typed.a is None:
                raise TaskError(f"{self.entry.name} is computed from one column; give --a FILE")
            values = self._numbers(typed.a)
            return (values if shape == "marks" else [None if v != v else v for v in values],)
        if shape in ("two models", "models"):
            if typed.a is None or len(typed.raters) < 2:
                raise TaskError(
                    f"{self.entry.name} compares models: give the reference with --a FILE and each model with --rater FILE"
                )
            columns = [self._values(spec) for spec in (typed.a, *typed.raters)]
            if shape == "models":
                return columns[0], dict(zip(_names(typed.raters), columns[1:], strict=True))
            if len(columns) > 3:
                raise TaskError(
                    f"{self.entry.name} compares two models; give --rater twice, not {len(columns) - 1} times"
                )
            return tuple(columns)
        return ()

    def keywords(self) -> dict[str, Any]:
        entry, typed = self.entry, self.typed
        out: dict[str, Any] = {}
        for name, spec in (("step", typed.step), ("cluster", typed.cluster)):
            if spec is not None:
                if not entry.takes(name):
                    raise TaskError(f"{entry.name} takes no --{name}; leave it out")
                out[name] = list(self._column(spec, "text").cells)
        if entry.by_step and "step" not in out:
            raise TaskError(f"{entry.name} works step by step; give --step FILE, one id per cell")
        if entry.takes("n_labels") and self.kind not in ("verdicts", "totals"):
            out["n_labels"] = len(self._levels())
        if typed.weights is not None:
            if not entry.takes("weights"):
                raise TaskError(f"{entry.name} takes no --weights; leave it out")
            out["weights"] = self._weights(typed.weights)
        out |= self.from_table
        for name, value in typed.options.items():
            out[name] = self._option(name, value)
        return out

    def fill(self) -> None:
        """Empty lines at the end of a column are missing values as far as the longest column reaches."""
        longest = max((len(values) for values, _, _ in self.columns), default=0)
        for values, blank_tail, missing in self.columns:
            values += [missing] * min(blank_tail, longest - len(values))

    def _pair(self) -> tuple[Any, ...]:
        return tuple(self._values(spec) for spec in self._two())

    def _two(self) -> tuple[str, str]:
        typed = self.typed
        specs = [spec for spec in (typed.a, typed.b) if spec is not None] or list(typed.raters)
        if len(specs) != 2:
            raise TaskError(f"{self.entry.name} is computed from two columns; give --a FILE --b FILE")
        return specs[0], specs[1]

    def _many(self) -> list[str]:
        typed = self.typed
        specs = [spec for spec in (typed.a, typed.b, *typed.raters) if spec is not None]
        if len(specs) < 2:
            raise TaskError(f"{self.entry.name} is computed from two or more raters; give --rater FILE for each")
        return specs

    def _values(self, spec: str) -> list[Any]:
        if self.kind == "totals":
            return self._numbers(spec)
        column = self._column(spec, "label")
        return self._kept(read_labels(column, self._levels()), column, -1)

    def _kept(self, values: list[Any], column: Column, missing: Any) -> list[Any]:
        self.columns.append((values, column.blank_tail, missing))
        return values

    def _numbers(self, spec: str) -> list[float]:
        column = self._column(spec, "number")
        return self._kept(read_numbers(column), column, float("nan"))

    def _any(self, spec: str) -> list[Any]:
        column = self._column(spec, "number")
        return self._kept([_plain(cell) for cell in column.cells], column, None)

    def _column(self, spec: str, kind: str) -> Column:
        def is_value(cell: str) -> bool:
            if kind == "label":
                return level_of(cell, self._levels()) is not None or number_of(cell) is not None
            return kind == "text" or number_of(cell) is not None

        column = read_column(spec, is_value=is_value, encoding=self.typed.encoding)
        if kind == "text" and ":" not in spec:
            # Ids may be any text, so that a heading shows only by being one line too many.
            heading = column.cells[0].strip().lower() in {
                "video",
                "step",
                "cluster",
                "candidate",
                "录像",
                "步骤",
                "考生",
            }
            column = Column(column.file, column.cells[heading:], column.lines[heading:], None)
        elif column.heading and ":" not in spec:
            self.notes.append(f"{column.file}: the first line, {column.heading!r}, is taken for a heading")
        return column

    def _levels(self) -> list[str]:
        if self.typed.levels:
            return list(self.typed.levels)
        if self.kind == "verdicts":
            return ["0", "1"]
        raise TaskError(
            f"{self.entry.name} needs the scale: give all legal levels, worst first, such as --levels 0,1,2,3; "
            "a level that nobody used still keeps its neighbours apart"
        )

    def _matrix(self) -> list[list[float]]:
        if self.typed.table is None:
            raise TaskError(f"{self.entry.name} is computed from a table; give --table FILE.csv")
        needs_levels = self.entry.takes("n_labels") and self.entry.shape == "steps"
        rows, _, left = read_matrix(
            self.typed.table, encoding=self.typed.encoding, levels=self._levels() if needs_levels else None
        )
        if left is not None:
            self.notes.append(f"{self.typed.table.name}: the first column, {left!r}, names the rows")
        return rows

    def _judged(self, rows: list[list[float]]) -> Any:
        """Angoff takes (judges, steps); Ebel's boxes lie in a third dimension: relevances, then difficulties."""
        if self.entry.name != "ebel":
            return rows
        n = 1 + max(int(v) for v in self.options.get("difficulty", [0]))
        return [[row[at : at + n] for at in range(0, len(row), n)] for row in rows]

    def _scores(self) -> Any:
        """A matrix, or a long table with a column per facet and one of scores."""
        from siming.metrics.generalizability import read_design

        if "design" not in self.options:
            raise TaskError(f"{self.entry.name} needs the design; give for example --option 'design=p x i x r'")
        facets = read_design(str(self.options["design"])).facets
        if self.typed.table is None:
            raise TaskError(f"{self.entry.name} is computed from a table; give --table FILE.csv")
        long = _long(self.typed.table, self.typed.encoding)
        if {name.lower() for name in facets} <= set(long):
            score = next((name for name in ("score", "points", "label", "分数", "得分") if name in long), None)
            if score is None:
                raise LabelError(
                    f"{self.typed.table.name}: has columns for the facets and none for the scores; name it score"
                )
            self.from_table["facets"] = {name: list(long[name.lower()].cells) for name in facets}
            return read_numbers(long[score])
        if len(facets) > 2:
            raise LabelError(
                f"{self.typed.table.name}: a design with {len(facets)} facets is read from one score per line, in columns "
                f"{', '.join(facets)} and score; found {', '.join(long)}"
            )
        return self._matrix()

    def _ratings(self) -> tuple[Any, ...]:
        """Columns of a long table, each under the name of the parameter it is for."""
        from importlib import import_module

        if self.typed.table is None:
            raise TaskError(f"{self.entry.name} is computed from one rating per line; give --table FILE.csv")
        module, _, name = (self.entry.via or self.entry.path).rpartition(".")
        parameters = list(inspect.signature(getattr(import_module(module), name)).parameters.values())
        positional = [p.name for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD and p.name != "metric"]
        long = _long(self.typed.table, self.typed.encoding)
        named = dict(long)
        for heading, means in _SAME.items():
            if heading in long and means not in named:
                named[means] = long[heading]
        if positional == ["values"]:
            named.setdefault(
                "values", named["labels"] if "labels" in named else named.get("totals", next(iter(long.values())))
            )
        known = {p.name for p in parameters}
        wanted = [p.name for p in parameters if p.default is p.empty and p.name not in ("n_labels", "metric")]
        lacking = [name for name in wanted if name not in named]
        if lacking:
            raise LabelError(
                f"{self.typed.table.name}: lacks {', '.join(lacking)}; wanted a line per rating with columns "
                f"{', '.join(wanted)}, found {', '.join(long)}"
            )
        data: list[Any] = []
        for name in positional:
            if name == "labels" or (name == "values" and self.kind in ("labels", "verdicts")):
                data.append(read_labels(named[name], self._levels()))
            else:
                data.append(read_numbers(named[name]))
        self.from_table = {
            name: [_plain(cell) for cell in column.cells]
            for name, column in named.items()
            if name in known and name not in positional
        }
        if self.entry.takes("n_labels"):
            self.kind = "labels"
        return tuple(data)

    def _evidence(self, spec: str) -> list[Any]:
        """Cells such as ``3-10; 12.5-15``; ``none`` where nothing was marked, empty where the cell is missing."""
        column = read_column(
            spec, is_value=lambda cell: cell[:1].isdigit() or cell == "none", encoding=self.typed.encoding, signs=",\t"
        )
        return self._kept([_intervals(column, at, cell) for at, cell in enumerate(column.cells)], column, None)

    def _weights(self, text: str) -> Any:
        if text in ("nominal", "linear", "quadratic"):
            return text
        if not Path(text).exists():
            raise TaskError(f"--weights {text!r} is neither nominal, linear, quadratic nor a file; give one of them")
        rows, _, _ = read_matrix(Path(text), encoding=self.typed.encoding)
        return rows

    def _option(self, name: str, value: Any) -> Any:
        """``@FILE`` stands for a column; everything else for itself."""
        if not (isinstance(value, str) and value.startswith("@")):
            return value
        if name in ("first_label", "second_label"):
            return read_labels(
                read_column(value[1:], is_value=self._is_level, encoding=self.typed.encoding), self._levels()
            )
        return self._any(value[1:])

    def _is_level(self, cell: str) -> bool:
        return level_of(cell, self._levels()) is not None or number_of(cell) is not None


def _names(specs: Sequence[str]) -> list[str]:
    """A name for each model: the column, or the file without its ending."""
    names = [spec.rpartition(":")[2] if ":" in spec and not Path(spec).exists() else Path(spec).stem for spec in specs]
    return names if len(set(names)) == len(names) else list(specs)


def _long(path: Path, encoding: str | None) -> dict[str, Column]:
    """A table's columns by heading."""
    from siming.rating.spreadsheet.table_file import read_table

    table = read_table(path, encoding=encoding)
    heads = [head.strip() or str(at + 1) for at, head in enumerate(table.rows[0])]
    lower = [head.lower() if head.isascii() else head for head in heads]
    return {
        head: Column(path.name, tuple(row[at] for row in table.rows[1:]), table.numbers[1:], heads[at])
        for at, head in enumerate(lower)
    }


def _plain(cell: str) -> Any:
    """A number, None where missing, else the text."""
    value = number_of(cell)
    if value is not None:
        return int(value) if value == int(value) else value
    return None if is_missing(cell) else cell


def _intervals(column: Column, at: int, cell: str) -> list[tuple[float, float]] | None:
    if is_missing(cell):
        return None
    if cell.strip().lower() in ("none", "无"):
        return []
    out = []
    for part in cell.replace("；", ";").split(";"):
        ends = [number_of(end) for end in part.split("-")]
        if len(ends) != 2 or ends[0] is None or ends[1] is None:
            raise LabelError(
                f"{column.place(at)}: found {part.strip()!r}, wanted START-END in seconds, such as 3-10; 12.5-15, or none"
            )
        out.append((ends[0], ends[1]))
    return out
