"""Every simulation check of the statistics, in one table: intervals, paired comparison, severity, components.

    python benchmarks/check_intervals.py [--quick] [--only coverage] [--date 2026-01-31]
                                         [--write docs/explanation/how-the-intervals-hold.md]

Truth is known in all of them, so each says how often siming is right. The tables go to standard output, or with
--write between the two marker lines of that page. Nothing but the seed decides a number; sizes in `--quick` are too
small to judge by and show only that everything runs.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one core, so that minutes can be compared; before numpy starts

import argparse
import platform
import shlex
import sys
import time
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from simulation_checks import components, coverage, paired, reference, severity

CHECKS = {
    "coverage": coverage,
    "paired": paired,
    "severity": severity,
    "components": components,
    "reference": reference,
}
START = "<!-- simulation checks: start -->"
END = "<!-- simulation checks: end -->"


def page_with(page: str, tables: str) -> str:
    """The page with the text between its marker lines replaced.

    Raises:
        SystemExit: The page lacks the marker lines.
    """
    before, start, rest = page.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise SystemExit(f"the page lacks its markers; put the lines {START} and {END} where the tables belong")
    return f"{before}{START}\n\n{tables}\n\n{END}{after}"


def provenance(options: argparse.Namespace, seconds: float) -> str:
    """How the tables below it can be made again."""
    command = ["python", "benchmarks/check_intervals.py", "--seed", str(options.seed)]
    command += ["--quick"] if options.quick else []
    command += ["--only", *options.only] if options.only else []
    facts = [
        f"siming {version('siming')}, Python {platform.python_version()}, numpy {version('numpy')}",
        f"one of {os.cpu_count()} cores, {seconds / 60:.1f} minutes of processor time",
        *([options.date] if options.date else []),
    ]
    return f"`{shlex.join(command)}`: {'; '.join(facts)}."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="sizes that finish within a minute")
    parser.add_argument("--only", nargs="+", choices=list(CHECKS), help="run these checks alone")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--date", help="to be printed with the tables, such as 2026-01-31")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the tables between the page's markers")
    options = parser.parse_args()
    if options.write:
        page_with(options.write.read_text(encoding="utf-8"), "")  # fails now rather than after ten minutes

    chosen = {name: check for name, check in CHECKS.items() if not options.only or name in options.only}
    sizes = {name: check.QUICK if options.quick else check.FULL for name, check in chosen.items()}
    console = Console(stderr=True)
    start = time.process_time()
    tables = []
    with Progress(
        BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"), console=console
    ) as progress:
        task = progress.add_task("starting", total=sum(check.cells(sizes[name]) for name, check in chosen.items()))

        def tick(done: str) -> None:
            progress.update(task, advance=1, description=done)

        for name, check in chosen.items():
            began = time.process_time()
            tables += check.run(sizes[name], seed=options.seed, tick=tick)
            console.print(f"{name}: {time.process_time() - began:.0f} s")
    text = "\n\n".join([provenance(options, time.process_time() - start), *(table.markdown() for table in tables)])
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        options.write.write_text(page_with(page, text), encoding="utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
