"""Tables of judges for Angoff, Ebel and Hofstee.

Angoff: ``judge``, optional ``round``, and a column per step with the share of its points that a just acceptable candidate
earns (0.6 or 60%). Ebel: ``judge, relevance, difficulty, share``, a row per box, beside a table ``step, relevance,
difficulty`` that sorts every step into one. Hofstee: ``judge, lowest_cut, highest_cut, lowest_fail, highest_fail``, cuts in
the exam's points, fail rates as shares.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from siming.errors import SheetError
from siming.metrics import Measured
from siming.metrics.standards import angoff, ebel, hofstee
from siming.metrics.standards.panel import Hofstee, PanelRound
from siming.rating.cells import Floats
from siming.rating.heading_table import HeadingTable, read_heading_table
from siming.rating.ratings import steps_by_name
from siming.rubric import Dataset

JUDGE: Mapping[str, tuple[str, ...]] = {
    "judge": ("评审", "专家", "评委"),
    "round": ("轮次", "轮"),
    "step": ("步骤", "条目"),
    "relevance": ("相关性", "重要性"),
    "difficulty": ("难度",),
    "share": ("得分比例", "比例"),
    "lowest_cut": ("lowest cut", "最低及格线", "最低及格分"),
    "highest_cut": ("highest cut", "最高及格线", "最高及格分"),
    "lowest_fail": ("lowest fail", "最低不及格率"),
    "highest_fail": ("highest fail", "最高不及格率"),
}
"""Columns, and other headings that mean them."""

Judged = tuple[Measured, dict[str, Any]]
"""A cut in points of 100 and what stands beside it."""


def judged_cuts(dataset: Dataset, judges: Path, boxes: Path | None) -> tuple[dict[str, Judged], Judged]:
    """Cuts of every skill and of the exam, by Ebel where boxes are given and by Angoff else.

    Raises:
        SheetError: columns or steps are lacking, or a cell is no share.
    """
    table = read_heading_table(judges, JUDGE)
    known = steps_by_name(dataset)
    skills = {rubric.skill: rubric for rubric in dataset.rubrics.values()}
    reachable = {skill: sum(step.max_points for step in rubric.steps) for skill, rubric in skills.items()}
    rated = _Ebel(table, boxes, known) if boxes is not None else _Angoff(table, list(known))
    cuts = {}
    for skill in skills:
        own = [name for name, (of, _) in known.items() if of == skill]
        cuts[skill] = rated.cut(own, [100 * known[name][1].max_points / reachable[skill] for name in own])
    weights = [100 * step.max_points / (reachable[skill] * len(skills)) for skill, step in known.values()]
    return cuts, rated.cut(list(known), weights)


def hofstee_of(judges: Path, totals: Floats, cluster: Any) -> Hofstee:
    """The compromise of a table of judges with the exam's totals.

    Raises:
        SheetError: a column is lacking or a cell is no number.
    """
    table = read_heading_table(judges, JUDGE)
    table.need(("judge", "lowest_cut", "highest_cut", "lowest_fail", "highest_fail"), what="Hofstee's method")
    return hofstee(
        totals,
        lowest_cut=table.numbers("lowest_cut"),
        highest_cut=table.numbers("highest_cut"),
        lowest_fail=table.shares("lowest_fail"),
        highest_fail=table.shares("highest_fail"),
        cluster=cluster,
    )


class _Angoff:
    """A panel that spoke step by step, in one or more rounds."""

    def __init__(self, table: HeadingTable, steps: list[str]) -> None:
        table.need(("judge", *steps), what="an Angoff panel")
        rounds = table.numbers("round") if "round" in table else [1.0] * table.n
        self.judges = list(dict.fromkeys(table.texts("judge")))
        self.place = {name: number for number, name in enumerate(steps)}
        row = {name: number for number, name in enumerate(self.judges)}
        self.rounds: list[Floats] = []
        columns = np.array([table.shares(step) for step in steps]).T
        for number in sorted(set(rounds)):
            shares = np.full((len(self.judges), len(steps)), np.nan)
            seen = set()
            for at, judge in enumerate(table.texts("judge")):
                if rounds[at] == number:
                    if judge in seen:
                        raise SheetError(
                            f"{table.table.name} {table.table.line(at + 1)}: judge {judge!r} speaks twice in round "
                            f"{number:g}; number the rounds in a column 'round', or delete one row"
                        )
                    seen.add(judge)
                    shares[row[judge]] = columns[at]
            self.rounds.append(shares)

    def cut(self, steps: list[str], weights: list[float]) -> Judged:
        places = [self.place[step] for step in steps]
        found = angoff(*(shares[:, places] for shares in self.rounds), max_points=weights)
        last = found.rounds[-1]
        return last.cut, {
            "standard_error": last.standard_error,
            "by_judge": dict(zip(self.judges, last.by_judge, strict=True)),
            "rounds": [each.cut for each in found.rounds],
            "shifts": list(found.shifts),
        }


class _Ebel:
    """A panel that spoke box by box."""

    def __init__(self, table: HeadingTable, boxes: Path, known: Mapping[str, Any]) -> None:
        table.need(("judge", "relevance", "difficulty", "share"), what="an Ebel panel")
        sorted_steps = read_heading_table(boxes, JUDGE)
        sorted_steps.need(("step", "relevance", "difficulty"), what="the boxes of Ebel's method")
        rows = zip(
            sorted_steps.texts("step"), sorted_steps.texts("relevance"), sorted_steps.texts("difficulty"), strict=True
        )
        self.box = {step: (relevance, difficulty) for step, relevance, difficulty in rows}
        lacking = [name for name in known if name not in self.box]
        if lacking:
            raise SheetError(
                f"{sorted_steps.table.name}: steps {', '.join(lacking)} are in no box; give each a row with its relevance "
                "and difficulty"
            )
        relevances = list(dict.fromkeys([*table.texts("relevance"), *(box[0] for box in self.box.values())]))
        difficulties = list(dict.fromkeys([*table.texts("difficulty"), *(box[1] for box in self.box.values())]))
        self.relevance = {name: number for number, name in enumerate(relevances)}
        self.difficulty = {name: number for number, name in enumerate(difficulties)}
        self.judges = list(dict.fromkeys(table.texts("judge")))
        self.shares = np.full((len(self.judges), len(relevances), len(difficulties)), np.nan)
        for judge, relevance, difficulty, share in zip(
            table.texts("judge"),
            table.texts("relevance"),
            table.texts("difficulty"),
            table.shares("share"),
            strict=True,
        ):
            self.shares[self.judges.index(judge), self.relevance[relevance], self.difficulty[difficulty]] = share

    def cut(self, steps: list[str], weights: list[float]) -> Judged:
        found: PanelRound = ebel(
            self.shares,
            relevance=[self.relevance[self.box[step][0]] for step in steps],
            difficulty=[self.difficulty[self.box[step][1]] for step in steps],
            max_points=weights,
        )
        return found.cut, {
            "standard_error": found.standard_error,
            "by_judge": dict(zip(self.judges, found.by_judge, strict=True)),
        }
