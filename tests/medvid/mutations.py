"""Answers as no model should give them: fixtures mutated, alphabets that the patterns like, and long runs."""

from __future__ import annotations

import random
from collections.abc import Iterator

SEEDS = (
    "12.5-18.0, 40.1-44.7 seconds.",
    "from 3s to 9.126 seconds and 00:00:05 to 00:01:12",
    "1.0 seconds: [235.08, 261.2, 561.58, 905.6] 5.0 seconds: [240, 262, 560, 900]",
    "[[1, 2, 3, 4]] [[5, 6, 7, 8]]",
    "12.0-18.5 seconds: cutting: The scissors divide the fold.\n20.0-21 second: tying: The loop closes.",
    "**Start Time:** 25.5 - 47.0 seconds **Description:** The scalpel clamps.",
    "Two structures: 2, Cystic plate: 1, Hepatocystic triangle: 0",
    "Respect for tissue: 3/5, Suture/needle handling: 2 out of 5, Time and motion = 3 / 5",
    "The next step is tying, not cutting.",
)
PIECES = ("-", "–", ":", ",", "/5", "[", "]", "(", ")", " ", "\n", ".", "seconds:", "second", " to ", "0", "7", "١", "nan",
          "1e9", "é", "\u202e", "\ud800", "**", "Cystic plate", "two_structures", "Flow of operation", "tying", "\x00")  # fmt: skip


def mutated(n: int, seed: int = 0) -> Iterator[str]:
    """So many texts: cut, doubled, spliced, and with pieces thrown in."""
    rng = random.Random(seed)
    for _ in range(n):
        text = rng.choice(SEEDS)
        for _ in range(rng.randrange(1, 9)):
            kind, at = rng.randrange(5), rng.randrange(len(text) + 1)
            if kind == 0:
                text = text[:at] + rng.choice(PIECES) * rng.randrange(1, 4) + text[at:]
            elif kind == 1:
                text = text[:at] + text[at + rng.randrange(1, 9) :]
            elif kind == 2:
                text = text[:at] + rng.choice(SEEDS)
            elif kind == 3:
                text = text[at:] + text[:at]
            else:
                text = text[:at] + chr(rng.choice((rng.randrange(32, 127), rng.randrange(0x600, 0x700)))) + text[at:]
            text = text[:400]
        yield text


def long_runs(length: int) -> Iterator[str]:
    """Texts on which a careless pattern takes the square of their length, or its exponential."""
    for piece in (*PIECES, *SEEDS, "1-", "1.", "1:", "1 ", "1 seconds: [", "1-2 seconds: ", "1-2 seconds: \n", "a:", ": 3/",
                  "[[1,", "9", "1,1", "Start Time: 1 - 2 seconds ", "\n1-2", "tying ", "Two structures ", " - ", "0-9, "):  # fmt: skip
        yield piece * (length // len(piece))
        yield "1" + piece * (length // len(piece)) + "x"
