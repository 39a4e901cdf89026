"""Is one rater stricter, and how high could kappa be: published values, other libraries, hand sums."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from siming.errors import LabelError
from siming.metrics import cohen_kappa
from siming.metrics.attainable import attainable_kappa
from siming.metrics.marginals import bhapkar, mcnemar_by_step, mean_level_difference, stuart_maxwell

HOMOGENEITY = pytest.mark.parametrize("test", [stuart_maxwell, bhapkar], ids=lambda one: one.__name__)


def cells_of(table) -> tuple[np.ndarray, np.ndarray]:
    """Two raters' labels that give this table of counts."""
    counts = np.array(table)
    first, second = np.indices(counts.shape)
    return np.repeat(first.ravel(), counts.ravel()), np.repeat(second.ravel(), counts.ravel())


# Specification of the statistics, G15.
LEANING = [[20, 10, 5], [3, 30, 15], [0, 5, 40]]


def test_stuart_maxwell_and_bhapkar_of_the_three_label_table():
    first, second = cells_of(LEANING)
    stuart = stuart_maxwell(first, second, n_labels=3)
    assert stuart.statistic.value == pytest.approx(13.764706, abs=5e-7)
    assert stuart.p_value.value == pytest.approx(0.00102573, abs=5e-9)
    assert (stuart.degrees, stuart.statistic.n) == (2, 128)
    assert bhapkar(first, second, n_labels=3).statistic.value == pytest.approx(15.423275, abs=5e-7)


@pytest.mark.parametrize(("test", "method"), [(stuart_maxwell, "stuart_maxwell"), (bhapkar, "bhapkar")])
def test_marginal_homogeneity_is_that_of_statsmodels(test, method):
    tables = pytest.importorskip(
        "statsmodels.stats.contingency_tables", reason="pip install statsmodels: the witness of marginal tests"
    )
    for seed in range(50):
        counts = np.random.default_rng(seed).poisson(6, (4, 4)) + 1
        ours = test(*cells_of(counts), n_labels=4)
        theirs = tables.SquareTable(counts, shift_zeros=False).homogeneity(method=method)
        assert ours.statistic.value == pytest.approx(theirs.statistic, rel=1e-9)
        assert ours.p_value.value == pytest.approx(theirs.pvalue, rel=1e-9)
        assert ours.degrees == theirs.df == 3


@HOMOGENEITY
def test_one_cell_per_video_makes_the_clustered_test_the_classical_one(test):
    first, second = cells_of(LEANING)
    alone = test(first, second, n_labels=3)
    clustered = test(first, second, n_labels=3, cluster=np.arange(len(first)))
    assert clustered.statistic.value == pytest.approx(alone.statistic.value, rel=1e-12)
    assert alone.statistic.notes == ("cells taken as independent: no cluster ids were given",)
    assert clustered.statistic.notes == ()


def test_two_labels_in_clusters_give_mcnemars_test_of_durkalski():
    # Only Wei wrong less only Okafor wrong, per video: 2, 1, -1, 0, 2, 1. (sum)^2 / sum of squares = 25 / 11
    per_video = [(2, 0), (1, 0), (0, 1), (1, 1), (3, 1), (1, 0)]
    wei = np.concatenate([[1] * b + [0] * c for b, c in per_video])
    video = np.repeat(np.arange(6), [b + c for b, c in per_video])
    test = stuart_maxwell(wei, 1 - wei, n_labels=2, cluster=video)
    assert test.statistic.value == pytest.approx(25 / 11)
    # X / (1 - X / n) with n = 6 videos
    assert bhapkar(wei, 1 - wei, n_labels=2, cluster=video).statistic.value == pytest.approx(25 / 11 / (1 - 25 / 66))


def exams_without_a_lean(rng) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two equally strict raters, each with moods that last for a whole video: 40 videos x 12 steps."""
    shape = (40, 12)
    sides = [np.digitize(rng.normal(0, 1, (40, 1)) + rng.normal(size=shape), [-1.5, -1, 0]).ravel() for _ in range(2)]
    return *sides, np.repeat(np.arange(40), 12)


@HOMOGENEITY
def test_moods_that_last_a_video_pass_for_strictness_only_when_the_videos_are_ignored(test):
    rng = np.random.default_rng(1)
    found = np.zeros(2)
    for _ in range(400):
        wei, okafor, video = exams_without_a_lean(rng)
        found += [
            test(wei, okafor, n_labels=4, cluster=video).p_value.value < 0.05,
            test(wei, okafor, n_labels=4).p_value.value < 0.05,
        ]
    by_video, by_cell = found / 400
    # Over 4,000 exams (another seed) at the 5 % bound: 4.2 % and 38 % (Stuart-Maxwell), 8.2 % and 39 % (Bhapkar).
    assert 0.02 < by_video < 0.12
    assert by_cell > 0.25


@HOMOGENEITY
def test_a_label_the_raters_never_differ_on_costs_no_degree_of_freedom(test):
    first, second = cells_of(LEANING)
    longer = test(np.append(first, [3] * 9), np.append(second, [3] * 9), n_labels=5)
    assert longer.degrees == 2
    assert stuart_maxwell(np.append(first, [3] * 9), np.append(second, [3] * 9), n_labels=5).statistic.value == (
        pytest.approx(13.764706, abs=5e-7)
    )


@HOMOGENEITY
def test_marginal_tests_do_not_depend_on_order_swap_or_names_of_labels(test):
    wei, okafor, video = exams_without_a_lean(np.random.default_rng(2))
    plain = test(wei, okafor, n_labels=4, cluster=video).statistic.value
    order = np.random.default_rng(3).permutation(len(wei))
    names = np.array([2, 0, 3, 1])
    assert test(wei[order], okafor[order], n_labels=4, cluster=video[order]).statistic.value == pytest.approx(plain)
    assert test(okafor, wei, n_labels=4, cluster=video).statistic.value == pytest.approx(plain)
    assert test(names[wei], names[okafor], n_labels=4, cluster=-video).statistic.value == pytest.approx(plain)


@pytest.mark.parametrize(
    ("first", "second", "cluster", "reason"),
    [
        ([0, 1, 2], [0, 1, 2], None, "no variation"),
        ([0, 1, -1], [-1, -1, 2], None, "no pairs"),
        ([0, 1, 0, 1], [1, 0, 0, 0], [1, 2, 3, 4], "4 clusters are fewer than 5"),
        ([0, 1], [1, 2], None, "2 independent units cannot tell 2 contrasts apart"),
    ],
)
@HOMOGENEITY
def test_a_marginal_test_that_cannot_be_made_says_why(test, first, second, cluster, reason):
    made = test(first, second, n_labels=3, cluster=cluster)
    assert made.statistic.value is made.p_value.value is None
    assert made.statistic.reason.startswith(reason)
    assert made.p_value.reason == made.statistic.reason


def test_bhapkar_is_undefined_when_every_cell_leans_the_same_way():
    made = bhapkar([0] * 6, [1] * 6, n_labels=2)
    assert made.statistic.reason.startswith("every cluster leans the same way")
    assert stuart_maxwell([0] * 6, [1] * 6, n_labels=2).statistic.value == pytest.approx(6)  # 6^2 / 6


def steps_with(split: dict[str, tuple[int, int, int]]) -> tuple[list[int], list[int], list[str]]:
    """Cells per step: only Wei calls it wrong, only Okafor does, neither does."""
    wei, okafor, step = [], [], []
    for name, (only_wei, only_okafor, neither) in split.items():
        wei += [1] * only_wei + [0] * (only_okafor + neither)
        okafor += [0] * only_wei + [1] * only_okafor + [0] * neither
        step += [name] * (only_wei + only_okafor + neither)
    return wei, okafor, step


def test_mcnemar_by_step_with_holm_from_binomial_tails():
    wei, okafor, step = steps_with({"cpr.01": (6, 0, 4), "cpr.02": (1, 4, 5), "cpr.03": (3, 3, 4)})
    tests = mcnemar_by_step(wei, okafor, step=step)
    # 2 / 2^6; 2 (1 + 5) / 2^5; capped at 1
    exact = {"cpr.01": 0.03125, "cpr.02": 0.375, "cpr.03": 1.0}
    assert {name: test.p_value.value for name, test in tests.items()} == pytest.approx(exact)
    # Smallest times 3, next times 2, last times 1.
    corrected = {"cpr.01": 0.09375, "cpr.02": 0.75, "cpr.03": 1.0}
    assert {name: test.p_holm.value for name, test in tests.items()} == pytest.approx(corrected)
    assert (tests["cpr.02"].only_first, tests["cpr.02"].only_second, tests["cpr.02"].p_value.n) == (1, 4, 10)


def test_mid_p_counts_the_observed_split_half():
    wei, okafor, step = steps_with({"a": (1, 4, 0), "b": (0, 6, 0), "c": (3, 3, 0)})
    tests = mcnemar_by_step(wei, okafor, step=step, method="mid-p")
    # 2 (1 + 5) / 32 - 5 / 32; 2 / 64 - 1 / 64; an even split: 2 x 42 / 64 - 20 / 64 = 1
    assert [test.p_value.value for test in tests.values()] == pytest.approx([7 / 32, 1 / 64, 1.0])


def test_exact_mcnemar_is_that_of_statsmodels():
    witness = pytest.importorskip(
        "statsmodels.stats.contingency_tables", reason="pip install statsmodels: the witness of marginal tests"
    )
    for only_wei, only_okafor in itertools.product(range(8), range(1, 8)):
        wei, okafor, step = steps_with({"a": (only_wei, only_okafor, 3)})
        ours = mcnemar_by_step(wei, okafor, step=step)["a"].p_value.value
        theirs = witness.mcnemar([[3, only_okafor], [only_wei, 0]], exact=True).pvalue
        assert ours == pytest.approx(theirs, rel=1e-12)


def test_a_step_without_disagreement_or_without_pairs_has_no_p_but_counts_in_the_family():
    wei, okafor, step = steps_with({"a": (6, 0, 4), "b": (0, 0, 5)})
    tests = mcnemar_by_step([*wei, 1, -1], [*okafor, -1, 0], step=[*step, "c", "c"])
    assert tests["b"].p_value.reason == "the raters differ on no cell of this step"
    assert tests["c"].p_value.reason.startswith("no pairs")
    assert (tests["c"].p_value.n, tests["c"].p_value.left_out) == (0, {"missing": 2})
    assert tests["a"].p_holm.value == pytest.approx(3 * 0.03125)


def test_mean_level_difference_is_the_cluster_robust_regression_on_a_constant():
    api = pytest.importorskip("statsmodels.api", reason="pip install statsmodels: the witness of robust errors")
    rng = np.random.default_rng(5)
    for _ in range(20):
        video = rng.integers(0, 15, 120)  # clusters of unequal size
        wei, okafor = rng.integers(0, 4, (2, 120))
        ours = mean_level_difference(wei, okafor, n_labels=4, cluster=video)
        fit = api.OLS((wei - okafor).astype(float), np.ones(120)).fit(
            cov_type="cluster", cov_kwds={"groups": video}, use_t=True
        )
        assert ours.difference.value == pytest.approx(fit.params[0], abs=1e-12)
        assert ours.z.value == pytest.approx(fit.tvalues[0], rel=1e-9)
        assert ours.p_value.value == pytest.approx(fit.pvalues[0], rel=1e-9)
        interval = ours.difference.interval
        assert (interval.low, interval.high) == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-9)


def test_mean_level_difference_by_hand():
    # Differences by video: (1, 1), (0, 2), (-1, 1), (1, 1), (0, 0). Mean 0.6; sums less 1.2: .8 .8 -1.2 .8 -1.2
    wei, okafor = [3, 3, 2, 3, 1, 3, 2, 2, 0, 1], [2, 2, 2, 1, 2, 2, 1, 1, 0, 1]
    measured = mean_level_difference(wei, okafor, n_labels=4, cluster=np.repeat(np.arange(5), 2))
    error = (5 / 4 * (3 * 0.64 + 2 * 1.44)) ** 0.5 / 10
    assert measured.difference.value == pytest.approx(0.6)
    assert measured.z.value == pytest.approx(0.6 / error)
    assert (measured.z.n, measured.z.n_clusters) == (10, 5)


def test_swapping_the_raters_turns_the_mean_level_difference_round():
    wei, okafor, video = exams_without_a_lean(np.random.default_rng(6))
    one = mean_level_difference(wei, okafor, n_labels=4, cluster=video)
    other = mean_level_difference(okafor, wei, n_labels=4, cluster=video)
    assert other.difference.value == pytest.approx(-one.difference.value)
    assert other.z.value == pytest.approx(-one.z.value)
    assert other.p_value.value == pytest.approx(one.p_value.value)


@pytest.mark.parametrize(
    ("first", "second", "n_videos", "value", "reason"),
    [
        ([3] * 6, [3] * 6, 6, 0.0, "every cluster lies at the mean difference"),
        ([3] * 6, [2] * 6, 6, 1.0, "every cluster lies at the mean difference"),
        ([3, 2, 3], [2, 2, 1], 3, 1.0, "3 clusters are fewer than 5"),
    ],
)
def test_a_mean_level_difference_without_a_width_is_shown_without_a_test(first, second, n_videos, value, reason):
    measured = mean_level_difference(first, second, n_labels=4, cluster=np.arange(n_videos))
    assert measured.difference.value == value
    assert measured.difference.interval_reason.startswith(reason)
    assert measured.z.reason.startswith(reason)
    assert measured.p_value.value is None


def test_raters_without_a_common_cell_have_no_mean_level_difference():
    measured = mean_level_difference([0, -1], [-1, 3], n_labels=4, cluster=[1, 2])
    assert measured.difference.reason.startswith("no pairs")
    assert measured.difference.left_out == {"missing": 2}


def every_table_with_margins(rows, columns):
    """All tables of counts with these margins, one row at a time."""
    if len(rows) == 1:
        yield [list(columns)]
        return
    for row in itertools.product(*(range(min(rows[0], column) + 1) for column in columns)):
        if sum(row) == rows[0]:
            left = [column - taken for column, taken in zip(columns, row, strict=True)]
            for rest in every_table_with_margins(rows[1:], left):
                yield [list(row), *rest]


OWN_WEIGHTS = [[1, 0.9, 0, 0.3], [0.9, 1, 0.2, 0], [0, 0.2, 1, 0.8], [0.3, 0, 0.8, 1]]


@pytest.mark.parametrize("weights", ["nominal", "linear", "quadratic", OWN_WEIGHTS], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_attainable_kappa_is_the_range_over_every_table_with_these_margins(weights, seed):
    wei, okafor = np.random.default_rng(seed).integers(0, 4, (2, 8))
    rows, columns = np.bincount(wei, minlength=4), np.bincount(okafor, minlength=4)
    kappas = [
        cohen_kappa(*cells_of(table), n_labels=4, weights=weights).value
        for table in every_table_with_margins(rows.tolist(), columns.tolist())
    ]
    attainable = attainable_kappa(wei, okafor, n_labels=4, weights=weights)
    assert attainable.lowest.value == pytest.approx(min(kappas), abs=1e-9)
    assert attainable.highest.value == pytest.approx(max(kappas), abs=1e-9)


def test_attainable_kappa_of_a_paradox_table_by_hand():
    # 80 10 / 5 5 (Feinstein and Cicchetti 1990): margins 90 10 and 85 15, chance .9 x .85 + .1 x .15 = .78
    kappa = attainable_kappa(*cells_of([[80, 10], [5, 5]]), n_labels=2)
    assert kappa.highest.value == pytest.approx((0.95 - 0.78) / 0.22)  # 85 + 10 on the diagonal
    assert kappa.lowest.value == pytest.approx((0.75 - 0.78) / 0.22)  # 90 + 85 - 100 on the diagonal
    assert kappa.highest.interval_reason == "not asked for"


@pytest.mark.parametrize("weights", ["nominal", "linear", "quadratic"])
def test_kappa_lies_between_its_bounds_and_equal_margins_can_reach_1(weights):
    for seed in range(30):
        wei, okafor = np.random.default_rng(seed).integers(0, 4, (2, 30))
        attainable = attainable_kappa(wei, okafor, n_labels=4, weights=weights)
        kappa = cohen_kappa(wei, okafor, n_labels=4, weights=weights).value
        assert attainable.lowest.value - 1e-12 <= kappa <= attainable.highest.value + 1e-12
        shuffled = np.random.default_rng(seed).permutation(wei)
        assert attainable_kappa(wei, shuffled, n_labels=4, weights=weights).highest.value == 1


def test_a_constant_rater_leaves_kappa_nowhere_to_go():
    kappa = attainable_kappa([3, 3, 3, 3], [0, 3, 2, 3], n_labels=4, weights="quadratic")
    assert (kappa.lowest.value, kappa.highest.value) == (0, 0)
    assert attainable_kappa([3, 3], [3, 3], n_labels=4).highest.reason.startswith("no variation")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stuart_maxwell([0, 4], [0, 1], n_labels=4), "label 4 of the first rater at cell 1"),
        (lambda: mcnemar_by_step([0], [1], step=["a"], method="chi2"), "unknown method 'chi2'"),
        (lambda: mcnemar_by_step([0, 1], [1, 0], step=["a"]), "found 1 step ids beside 2 cells"),
        (lambda: mean_level_difference([0], [1], n_labels=4, cluster=[1], level=95), "interval level is 95"),
    ],
)
def test_what_cannot_be_read_is_refused_with_place_and_mend(call, message):
    with pytest.raises(LabelError, match=message):
        call()
