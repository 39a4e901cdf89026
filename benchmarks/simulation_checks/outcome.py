"""What a check hands back: tables of text, and shares with their own error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy import special

Tick = Callable[[str], None]
"""Called once per finished cell of a table with its name, for the progress bar."""


@dataclass(frozen=True)
class Share:
    """How often something happened in simulated data sets."""

    hits: int
    n: int

    @property
    def value(self) -> float:
        """The share itself."""
        return self.hits / self.n

    @property
    def limits(self) -> tuple[float, float]:
        """Clopper and Pearson's 95 % limits: the simulation's own error."""
        low = special.betaincinv(self.hits, self.n - self.hits + 1, 0.025) if self.hits else 0.0
        high = special.betaincinv(self.hits + 1, self.n - self.hits, 0.975) if self.hits < self.n else 1.0
        return float(low), float(high)

    def text(self, target: tuple[float, float] | None = None) -> str:
        """Per cent with limits, such as ``94.2 (93.1–95.2)``; in bold where the share itself misses the target."""
        low, high = self.limits
        shown = f"{100 * self.value:.1f} ({100 * low:.1f}–{100 * high:.1f})"
        missed = target is not None and not target[0] <= self.value <= target[1]
        return f"**{shown}**" if missed else shown


@dataclass(frozen=True)
class Table:
    """One table of the page."""

    title: str
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Title, caption and the table."""
        lines = [f"### {self.title}", "", self.caption, "", _line(self.columns), _line(["---"] * len(self.columns))]
        return "\n".join([*lines, *map(_line, self.rows)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
