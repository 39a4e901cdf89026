"""No answer, however mad, stops a parser or keeps it busy for long.

SIMING_FUZZ=1000000 runs a million texts per parser; without it a few thousand.
"""

from __future__ import annotations

import os

import pytest
from mutations import long_runs, mutated

from siming.bench.medvid.official import cvs, dvc, sa, stg, tal
from siming.bench.medvid.strict import dvc as strict_dvc
from siming.bench.medvid.strict import stg as strict_stg
from siming.bench.medvid.strict.grades import ASPECTS, COMPONENTS, read_grades
from siming.bench.medvid.strict.nap import said_labels
from siming.bench.medvid.strict.stretches import matched, read_stretches

PARSERS = {
    "official segments": tal.read_segments,
    "official boxes": lambda text: stg.read_boxes(text, ["1.0", "2.0"]),
    "official events": lambda text: dvc.cut_overlaps(dvc.read_events(text)),
    "official components": cvs.read_components,
    "official aspects": lambda text: (sa.read_aspects(text), sa.level_of(text)),
    "strict stretches": lambda text: matched([(1.0, 2.0), (3.0, 9.0)], read_stretches(text), 0.3),
    "strict boxes": lambda text: strict_stg.read_boxes(text, [1.0, 2.0]),
    "strict events": strict_dvc.read_events,
    "strict grades": lambda text: (read_grades(text, COMPONENTS, range(3)), read_grades(text, ASPECTS, range(1, 6))),
    "strict labels": lambda text: said_labels(text, ["cutting", "tying", "check", "check and secure the tubing"]),
}

N = int(os.environ.get("SIMING_FUZZ", "3000"))


@pytest.mark.parametrize("name", PARSERS)
def test_no_mutated_answer_raises(name):
    for text in mutated(N):
        PARSERS[name](text)


@pytest.mark.parametrize("name", PARSERS)
def test_long_runs_are_read_in_linear_time(name):
    # 200,000 characters: a pattern that backtracks over its own length would need hours for one of them.
    for text in long_runs(200_000):
        PARSERS[name](text)
