"""What the catalogue says about one statistic."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from siming.errors import LabelError
from siming.metrics.registry.metric import Change, Metric

Theme = Literal["agreement", "totals", "generalizability", "raters", "standards", "comparison", "planning"]

Shape = Literal[
    "labels",
    "verdicts",
    "totals",
    "labels of many",
    "totals of many",
    "steps",
    "scores",
    "ratings",
    "evidence",
    "grades",
    "judges",
    "marks",
    "p values",
    "two models",
    "models",
    "numbers",
    "printed table",
    "sheets",
]
"""What a statistic is computed from:

- labels, verdicts, totals: two raters, one entry per cell (per video for totals);
- labels of many, totals of many: the same of two or more raters;
- steps: points, a row per video and a column per step; scores: the same under any design of a G study;
- ratings: a long table, a line per video, step and rater; evidence: stretches of time that two raters marked;
- grades: marks and a global grade (or group) per video; judges: a row per judge and a column per step;
- marks: one number per video; p values: one number per comparison;
- two models, models: a reference and models, one entry per cell each;
- numbers: a few numbers, as a paper prints them; printed table: rows of text; sheets: sheets of a dataset.
"""

ONE = "siming stats one"


@dataclass(frozen=True, slots=True)
class Entry:
    """One statistic of the catalogue."""

    name: str
    """Stable; commands and files carry it."""
    theme: Theme
    shape: Shape
    path: str
    """Where Python finds the function, such as ``siming.metrics.kappa.cohen_kappa``."""
    formula: str
    source: str
    command: str = ONE
    """The command that reaches it; where `ONE`, followed by the name."""
    also: str | None = None
    """A command that shows it for a whole dataset, among others."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What this statistic fixes among the function's keywords."""
    needs: tuple[str, ...] = ()
    """Keywords without a default that nobody can guess, such as ``pass_mark``."""
    via: str | None = None
    """A function that is called on the data first; `path` then takes its result."""
    metric: Metric | None = None
    """The metric of two raters, where it is one."""
    symmetric: bool = True
    """Whether the order of the raters changes nothing."""
    by_step: bool = False
    """Whether it needs ``step`` as well."""
    unmoved_by: frozenset[Change] = frozenset()

    def __str__(self) -> str:
        return self.name

    @property
    def reached_by(self) -> str:
        """The command, whole."""
        return f"{ONE} {self.name}" if self.command == ONE else self.command

    @property
    def function(self) -> Callable[..., Any]:
        """The function, imported now: the catalogue itself loads none of them."""
        return _find(self.path)

    def compute(self, *data: Any, **options: Any) -> Any:
        """The statistic of data of its shape.

        Args:
            data: As the shape says, in the order of the function's own arguments.
            options: Everything else by name; what `via` knows goes there.

        Raises:
            LabelError: An unknown keyword, or one of `needs` not given.
        """
        options = {**self.options, **options}
        lacking = [name for name in self.needs if name not in options]
        if lacking:
            raise LabelError(f"{self.name} needs {', '.join(lacking)}; give a value, such as {lacking[0]}=VALUE")
        steps = [_find(path) for path in (self.via, self.path) if path is not None]
        known = [_keywords(step, len(data) if number == 0 else 1) for number, step in enumerate(steps)]
        strange = [name for name in options if not any(name in names for names in known)]
        if strange:
            offered = ", ".join(sorted({name for names in known for name in names}))
            raise LabelError(f"{self.name} knows no {', '.join(strange)}; it takes {offered}")
        for step, names in zip(steps, known, strict=True):
            chosen = {name: value for name, value in options.items() if name in names}
            # A few functions are told the metric first; everywhere else the data come first.
            leading = [chosen.pop("metric")] if names[:1] == ["metric"] and "metric" in chosen else []
            data = (step(*leading, *data, **chosen),)
        return data[0]

    def takes(self, name: str) -> bool:
        """Whether the function, or the one before it, has such an option."""
        paths = [path for path in (self.via, self.path) if path is not None]
        # What the first function made is no option of the second, whatever its name.
        return any(name in _keywords(_find(path), number) for number, path in enumerate(paths))


def of_metric(metric: Metric, path: str, theme: Theme, **options: Any) -> Entry:
    """The entry of a metric of two raters."""
    shapes: Mapping[str, Shape] = {"label": "labels", "binary": "verdicts", "totals": "totals"}
    return Entry(
        metric.name,
        theme,
        shapes[metric.kind],
        path,
        metric.formula,
        metric.source,
        options=options,
        metric=metric,
        symmetric=metric.symmetric,
        by_step=metric.by_step,
        unmoved_by=metric.unmoved_by,
    )


def _find(path: str) -> Callable[..., Any]:
    module, _, name = path.rpartition(".")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _keywords(function: Callable[..., Any], n_data: int) -> list[str]:
    """Parameters other than the data, which are the first so many; ``metric``, where it leads, is none of them."""
    names = [one.name for one in inspect.signature(function).parameters.values() if one.kind != one.VAR_POSITIONAL]
    leads = names[:1] == ["metric"]
    positional = [
        one.name for one in inspect.signature(function).parameters.values() if one.kind == one.POSITIONAL_OR_KEYWORD
    ]
    data = positional[leads : leads + n_data]
    return [name for name in names if name not in data]
