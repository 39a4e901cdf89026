"""Many comparisons at once."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from siming.errors import LabelError
from siming.metrics.comparison.joint import joint_bootstrap
from siming.metrics.comparison.multiplicity import all_at_test, all_equal_test, benjamini_hochberg, holm


def test_holm_by_hand():
    # Sorted 0.01 x 4, 0.02 x 3, 0.03 x 2, 0.5 x 1, never falling.
    assert holm([0.02, 0.01, 0.5, 0.03]) == pytest.approx([0.06, 0.04, 0.5, 0.06])


def test_benjamini_and_hochberg_by_hand():
    # Sorted 0.01 x 4/1, 0.02 x 4/2, 0.03 x 4/3, 0.5 x 4/4; from the end never rising.
    assert benjamini_hochberg([0.02, 0.01, 0.5, 0.03]) == pytest.approx([0.04, 0.04, 0.5, 0.04])


@pytest.mark.parametrize(("ours", "theirs"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_statsmodels_is_of_the_same_opinion(ours, theirs):
    multitest = pytest.importorskip("statsmodels.stats.multitest", reason="witness: pip install statsmodels")
    rng = np.random.default_rng(0)
    for size in (1, 2, 66):
        p = rng.random(size) ** 3
        assert ours(p) == pytest.approx(multitest.multipletests(p, method=theirs)[1])


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_an_undefined_p_stays_undefined_and_counts_in_the_family(correct):
    assert correct([0.01, None]) == [pytest.approx(0.02), None]
    assert correct([]) == []
    with pytest.raises(LabelError, match=r"p value 1\.2 at place 1"):
        correct([0.1, 1.2])


def guessers(n, m, rng, merit=0.0, share=0.5):
    """Reference totals and m models of one merit that err alike to some extent."""
    truth, common = rng.normal(size=(2, n))
    noise = np.sqrt(share) * common + np.sqrt(1 - share) * rng.normal(size=(m, n))
    return truth, {f"m{i}": merit * truth + noise[i] for i in range(m)}


def test_the_joint_test_of_means_is_hotellings():
    # Of mean differences the jackknife covariance is S / n, so F can be worked out from the data.
    rng = np.random.default_rng(3)
    truth, models = guessers(40, 3, rng)
    draws = joint_bootstrap("mean_difference", truth, models, cluster=np.arange(40), replicates=20_000)
    gaps = np.array([truth - model for model in models.values()])
    t2 = 40 * gaps.mean(axis=1) @ np.linalg.inv(np.cov(gaps)) @ gaps.mean(axis=1)
    found = all_at_test(draws)
    assert found.statistic.value == pytest.approx(t2 * (40 - 3) / (3 * 39))
    assert found.degrees == (3, 37)
    # The data are normal, so the bootstrap comes near the F distribution.
    assert found.p_value.value == pytest.approx(stats.f.sf(found.statistic.value, 3, 37), abs=0.05)


def test_models_with_merit_are_not_all_at_0_and_one_better_model_makes_them_unequal():
    rng = np.random.default_rng(4)
    truth, models = guessers(100, 4, rng, merit=0.5)
    draws = joint_bootstrap("plcc", truth, models, cluster=np.arange(100), replicates=2000)
    assert all_at_test(draws).p_value.value < 0.001
    assert all_equal_test(draws).p_value.value > 0.01
    models["m0"] = models["m0"] + 2 * truth
    draws = joint_bootstrap("plcc", truth, models, cluster=np.arange(100), replicates=2000)
    assert all_equal_test(draws).p_value.value < 0.001


def test_two_copies_of_one_model_leave_a_contrast_out_and_say_so():
    rng = np.random.default_rng(5)
    truth, models = guessers(50, 2, rng)
    models["copy"] = models["m0"]
    found = all_equal_test(joint_bootstrap("plcc", truth, models, cluster=np.arange(50), replicates=500))
    assert found.degrees == (1, 49)
    assert found.p_value.notes == ("1 contrasts never vary and were left out",)


def test_too_little_for_a_joint_test_is_undefined_with_its_reason():
    rng = np.random.default_rng(6)
    truth, models = guessers(6, 5, rng)
    draws = joint_bootstrap("mae", truth, models, cluster=np.arange(6), replicates=500)
    assert all_at_test(draws, value=1.0).p_value.reason == "6 clusters are too few for 5 models at once"
    alone = joint_bootstrap("mae", truth, {"m0": models["m0"]}, cluster=np.arange(6), replicates=500)
    assert "one model alone" in all_equal_test(alone).statistic.reason
    few = joint_bootstrap("mae", truth[:4], {"m0": models["m0"][:4]}, cluster=np.arange(4), replicates=500)
    assert all_at_test(few).statistic.reason == "4 clusters are fewer than 5"


def test_models_are_redrawn_together_on_the_cells_that_all_of_them_fill():
    rng = np.random.default_rng(7)
    truth, models = guessers(30, 2, rng)
    models["m1"][3] = np.nan
    models["constant"] = np.ones(30)
    draws = joint_bootstrap("plcc", truth, models, cluster=np.arange(30), replicates=500)
    kept = np.arange(30) != 3
    assert draws.values[0] == pytest.approx(np.corrcoef(truth[kept], models["m0"][kept])[0, 1])
    assert draws.n == 29
    assert draws.left_out == {"missing": 1}
    assert list(draws.set_aside) == ["constant"]
    assert draws.names == ("m0", "m1")
    twin = joint_bootstrap("plcc", truth, {"a": models["m0"], "b": models["m0"]}, cluster=np.arange(30), replicates=200)
    assert (twin.draws[:, 0] == twin.draws[:, 1]).all()


def test_models_of_another_length_or_none_are_refused():
    with pytest.raises(LabelError, match="'a' has 2 cells and the reference 3"):
        joint_bootstrap("mae", [1, 2, 3], {"a": [1, 2]}, cluster=[0, 1, 2])
    with pytest.raises(LabelError, match="found no model"):
        joint_bootstrap("mae", [1, 2, 3], {}, cluster=[0, 1, 2])


@pytest.mark.slow
def test_the_joint_tests_err_as_often_as_they_say():
    rng = np.random.default_rng(8)
    small = []
    for seed in range(400):
        truth, models = guessers(100, 5, rng)
        draws = joint_bootstrap("plcc", truth, models, cluster=np.arange(100), replicates=500, seed=seed)
        small.append([test(draws).p_value.value < 0.05 for test in (all_at_test, all_equal_test)])
    # 400 trials at 5 %: standard error 1.1 %.
    assert np.all(np.abs(np.mean(small, axis=0) - 0.05) < 0.025)
