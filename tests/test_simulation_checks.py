"""The command behind the page on how the intervals hold, in sizes that say nothing but run."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import check_intervals
from simulation_checks import components, coverage, paired, reference, severity
from simulation_checks.outcome import Share, Table

ROOT = Path(__file__).resolve().parents[1]

TINY = {
    coverage: replace(coverage.QUICK, data_sets=3, rival_data_sets=2, videos=(12, 20), population=2_000),
    paired: replace(paired.QUICK, data_sets=2, unlike_data_sets=2, videos=(12,), permutations=100, calibration=400),
    severity: severity.Size(data_sets=2, n_videos=20, n_steps=5),
    components: components.Size(anova=3, henderson=3, reml=2, shape=(8, 4, 3)),
    reference: reference.Size(exams=2, coverage=2, rankings=2, drifts=2),
}


@pytest.mark.parametrize("check", TINY, ids=lambda check: check.__name__.rpartition(".")[2])
def test_every_check_fills_its_tables_and_counts_its_steps(check):
    done = []
    tables = check.run(TINY[check], seed=1, tick=done.append)
    assert len(done) == check.cells(TINY[check])
    for table in tables:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.columns)}


def test_a_seed_repeats_every_number():
    first, again = (components.run(TINY[components], seed=4, tick=str) for _ in range(2))
    assert first == again
    assert components.run(TINY[components], seed=5, tick=str) != first


def test_a_share_is_shown_with_its_own_error_and_in_bold_beyond_the_target():
    # Clopper and Pearson for 9 of 10: beta quantiles .555 and .9975.
    assert Share(9, 10).text() == "90.0 (55.5–99.7)"
    assert Share(9, 10).text((0.92, 0.97)).startswith("**")
    assert Share(0, 10).limits == pytest.approx((0, 1 - 0.025 ** (1 / 10)))
    assert Share(10, 10).limits == pytest.approx((0.025 ** (1 / 10), 1))


def test_tables_are_written_between_the_markers_and_nowhere_else():
    page = f"before\n{check_intervals.START}\nold\n{check_intervals.END}\nafter\n"
    table = Table("Title", "Caption.", ["a", "b"], [["1", "2"]]).markdown()
    written = check_intervals.page_with(page, table)
    assert written.startswith("before\n")
    assert written.endswith("\nafter\n")
    assert "old" not in written
    assert "| 1 | 2 |" in written
    assert check_intervals.page_with(written, table) == written


def test_a_page_without_markers_is_refused_with_the_mend():
    with pytest.raises(SystemExit, match="put the lines"):
        check_intervals.page_with("no markers", "table")


def test_the_tables_say_how_to_make_them_again():
    options = argparse.Namespace(seed=3, quick=True, only=["paired"], date="2026-01-31")
    said = check_intervals.provenance(options, 90)
    assert "check_intervals.py --seed 3 --quick --only paired" in said
    assert "1.5 minutes" in said
    assert "2026-01-31" in said


def test_the_page_in_the_docs_has_its_tables():
    page = (ROOT / "docs" / "explanation" / "how-the-intervals-hold.md").read_text(encoding="utf-8")
    tables = page.partition(check_intervals.START)[2].partition(check_intervals.END)[0]
    for title in ("Coverage of the default intervals", "Two models of equal merit", "Severity", "Variance components"):
        assert title in tables
