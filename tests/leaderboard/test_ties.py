"""Which entries the data tell apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from siming.bench.medvid.compare import p_of
from siming.leaderboard.ties import OVERALL, difference, find_ties

N = 40


def rows(values, column="CVS_acc"):
    """One question per recording."""
    return {
        "videos": {str(n): f"v{n}" for n in range(N)},
        "columns": {column: [list(range(N)), list(map(float, values))]},
    }


RNG = np.random.default_rng(3)
BASE = RNG.random(N) * 0.5
NEAR = BASE + RNG.normal(0, 0.1, N)
FAR = BASE + 0.3 + RNG.normal(0, 0.05, N)


def test_a_difference_has_the_paired_t_interval_where_each_video_has_one_question():
    found = difference(rows(FAR), rows(BASE), ["CVS_acc"])
    t = stats.ttest_rel(FAR, BASE)
    limits = t.confidence_interval(0.95)
    assert found.value == pytest.approx((FAR - BASE).mean())
    assert (found.interval.low, found.interval.high) == pytest.approx((limits.low, limits.high))
    assert p_of(found) == pytest.approx(t.pvalue, rel=1e-6)


def test_entries_that_differ_by_chance_share_a_group_and_open_ranks():
    ties = find_ties({"far": rows(FAR), "base": rows(BASE), "near": rows(NEAR)})["CVS_acc"]
    assert [set(group) for group in ties.groups] == [{"far"}, {"base", "near"}]
    assert ties.ranges == {"far": (1, 1), "base": (2, 3), "near": (2, 3)}


def test_a_judged_column_counts_by_its_share_of_the_scale():
    one, other = rows(1 + 4 * FAR, "VS_llm"), rows(1 + 4 * BASE, "VS_llm")
    assert difference(one, other, ["VS_llm"]).value == pytest.approx((FAR - BASE).mean())


def test_overall_is_the_mean_over_the_columns_that_all_have():
    one, other = rows(FAR), rows(BASE)
    one["columns"]["SA_acc"], other["columns"]["SA_acc"] = (
        rows(BASE)["columns"]["CVS_acc"],
        rows(FAR)["columns"]["CVS_acc"],
    )
    one["columns"]["VS_llm"] = rows(FAR)["columns"]["CVS_acc"]
    found = find_ties({"one": one, "other": other})
    assert found[OVERALL].differences["one", "other"].value == pytest.approx(0)
    assert found[OVERALL].ranges == {"one": (1, 2), "other": (1, 2)}


def test_entries_that_answer_alike_are_never_told_apart():
    found = find_ties({"a": rows(BASE), "b": rows(BASE)})["CVS_acc"]
    assert found.groups == (("a", "b"),)


def test_many_entries_without_a_difference_are_seldom_told_apart():
    # Holm over 15 pairs: some pair of six equal entries is told apart in about 5 % of boards; 40 boards, at most 6
    wrong = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        base = rng.random(N)
        table = {f"m{i}": rows(base + rng.normal(0, 0.2, N)) for i in range(6)}
        wrong += len(find_ties(table)["CVS_acc"].groups) > 1
    assert wrong <= 6


def test_one_entry_alone_ties_with_nobody():
    assert find_ties({"a": rows(BASE)}) == {}
