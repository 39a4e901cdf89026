"""What the top of a table must beat before it means anything."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from siming.errors import LabelError
from siming.metrics.comparison.nulls import best_of_nulls, best_of_shuffled, critical_correlation, p_best_of_nulls


def test_the_critical_correlations_of_the_specification():
    # G15, by Fisher's z; Student's t, which is exact, differs in the fifth decimal.
    assert critical_correlation(200, null="fisher_z").value == pytest.approx(0.138744, abs=5e-6)
    assert critical_correlation(200, comparisons=12, null="fisher_z").value == pytest.approx(0.201352, abs=5e-6)
    assert critical_correlation(200).value == pytest.approx(0.13879, abs=5e-6)


def test_the_critical_correlation_has_a_p_value_of_alpha():
    r = critical_correlation(25, alpha=0.01).value
    t = r * np.sqrt(23 / (1 - r * r))
    assert 2 * stats.t.sf(t, 23) == pytest.approx(0.01)


def test_the_best_of_twelve_guessers_of_the_specification():
    # G15: .1418 one-sided, by Fisher's z.
    assert p_best_of_nulls(0.158, models=12, n=200, null="fisher_z").value == pytest.approx(0.1418, abs=5e-5)
    assert p_best_of_nulls(0.158, models=12, n=200).value == pytest.approx(0.1418, abs=1e-3)


def test_one_guesser_is_expected_at_0_and_three_points_leave_every_correlation_open():
    assert best_of_nulls(1, 200).expected.value == pytest.approx(0, abs=1e-12)
    # n = 4: correlations of unrelated totals are even on [-1, 1], so the largest of m is expected at (m - 1)/(m + 1).
    assert best_of_nulls(3, 4).expected.value == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(("models", "n"), [(2, 10), (12, 200), (40, 1000)])
def test_the_expected_best_is_that_of_simulated_guessers(models, n):
    rng = np.random.default_rng(0)
    t = rng.standard_t(n - 2, size=(20_000, models))
    best = (t / np.sqrt(n - 2 + t * t)).max(axis=1)
    found = best_of_nulls(models, n, observed=float(np.quantile(best, 0.9)))
    error = best.std() / np.sqrt(len(best))
    assert found.expected.value == pytest.approx(best.mean(), abs=4 * error)
    assert found.exceeded.value == pytest.approx(np.quantile(best, 0.95), rel=0.02)
    assert found.p_value.value == pytest.approx(0.1, abs=0.01)


def test_the_expected_best_is_near_bloms_approximation():
    # Blom 1958: normal quantile of (m - 3/8) / (m + 1/4), here in units of 1 / sqrt(n - 1).
    blom = stats.norm.ppf((12 - 0.375) / 12.25) / np.sqrt(199)
    assert best_of_nulls(12, 200).expected.value == pytest.approx(blom, rel=0.03)


def test_shuffled_totals_come_out_like_the_closed_form():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=100)
    models = {f"m{i}": rng.normal(size=100) for i in range(6)}
    shuffled = best_of_shuffled("plcc", truth, models, draws=2000)
    closed = best_of_nulls(6, 100)
    assert shuffled.expected.value == pytest.approx(closed.expected.value, abs=0.006)
    assert shuffled.exceeded.value == pytest.approx(closed.exceeded.value, abs=0.012)


def test_models_that_err_alike_have_fewer_chances():
    rng = np.random.default_rng(2)
    truth, common = rng.normal(size=(2, 100))
    models = {f"m{i}": common + 0.1 * rng.normal(size=100) for i in range(6)}
    assert (
        best_of_shuffled("plcc", truth, models, draws=500).expected.value < 0.5 * best_of_nulls(6, 100).expected.value
    )


def blind_and_seeing(seed):
    rng = np.random.default_rng(seed)
    easiness = np.linspace(-2, 2, 8)
    percept = rng.normal(size=(40, 8)) + easiness
    truth = np.digitize(percept, [-1.5, -0.5, 0.5])
    blind = np.broadcast_to(np.digitize(easiness, [-1.5, -0.5, 0.5]), truth.shape)
    seeing = np.digitize(percept + 0.7 * rng.normal(size=truth.shape), [-1.5, -0.5, 0.5])
    return truth, blind, seeing


def test_shuffling_videos_keeps_what_a_blind_model_earns_by_knowing_the_steps():
    truth, blind, seeing = blind_and_seeing(3)
    alone = best_of_shuffled("qwk", truth, {"blind": blind}, n_labels=4, draws=200)
    assert alone.expected.value > 0.5
    assert alone.p_value.value == 1  # the blind model has the same value whichever video it is laid beside
    both = best_of_shuffled("qwk", truth, {"blind": blind, "seeing": seeing}, n_labels=4, draws=200)
    assert both.p_value.value == 1 / 201


def test_videos_change_places_only_with_those_of_their_kind():
    # Two kinds of exam whose totals lie far apart. A model that only knows the kind earns a correlation near 1 by it,
    # whatever is shuffled within a kind, and nothing where all change places.
    kind = np.repeat([0, 1], 30)
    truth, guess = 50 * kind + np.random.default_rng(6).normal(size=(2, 60))
    free = best_of_shuffled("plcc", truth, {"a": guess}, draws=300)
    kept = best_of_shuffled("plcc", truth, {"a": guess}, within=kind, draws=300)
    assert abs(free.expected.value) < 0.05
    assert kept.expected.value > 0.99
    assert free.p_value.value < 0.01 < 0.05 < kept.p_value.value
    with pytest.raises(LabelError, match="found 59 ids in `within` beside 60 videos"):
        best_of_shuffled("plcc", truth, {"a": guess}, within=kind[1:], draws=300)


def test_shuffles_repeat_with_their_seed_and_say_it():
    truth, blind, seeing = blind_and_seeing(4)
    options = {"n_labels": 4, "draws": 100, "seed": 5}
    here = best_of_shuffled("qwk_within_step", truth, {"a": blind, "b": seeing}, **options)
    assert here == best_of_shuffled("qwk_within_step", truth, {"a": blind, "b": seeing}, **options)
    assert here.expected.notes == ("100 shuffles of the reference's videos, seed 5",)


def test_what_cannot_be_said_is_undefined_and_what_cannot_be_meant_is_refused():
    assert critical_correlation(2).reason == "2 videos are fewer than 3"
    assert best_of_nulls(12, 3, null="fisher_z").expected.reason == "3 videos are fewer than 4"
    constant = best_of_shuffled("plcc", [1.0, 2, 3, 4], {"a": [1.0, 1, 1, 1]}, draws=100)
    assert constant.p_value.reason == "no model has a value"
    with pytest.raises(LabelError, match="wanted at least 1"):
        best_of_nulls(0, 200)
    with pytest.raises(LabelError, match=r"'a' has shape \(3,\)|a has shape \(3,\)"):
        best_of_shuffled("plcc", [1.0, 2, 3, 4], {"a": [1.0, 1, 1]}, draws=100)
    with pytest.raises(LabelError, match="unknown null"):
        critical_correlation(200, null="normal")
