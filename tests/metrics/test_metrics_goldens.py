"""Published tables and their published coefficients (specification of the statistics, section 4)."""

from __future__ import annotations

import numpy as np
import pytest

from siming import metrics as m

ROUNDED_AT_6 = 5e-6


def cells_of(table: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Two raters' labels that give this table of counts."""
    counts = np.array(table)
    first, second = np.indices(counts.shape)
    return np.repeat(first.ravel(), counts.ravel()), np.repeat(second.ravel(), counts.ravel())


def jackknife_error(measured: m.Measured) -> float:
    """The standard error behind a jackknife t interval."""
    from scipy import stats

    assert measured.interval is not None
    half = measured.interval.high - measured.value
    if "Fisher" in measured.interval.method:
        half = (np.arctanh(measured.interval.high) - np.arctanh(measured.value)) * (1 - measured.value**2)
    return half / stats.t.ppf(0.975, measured.n_clusters - 1)


FLEISS_COHEN_EVERITT = [[106, 10, 4], [22, 28, 10], [2, 12, 6]]
OWN_WEIGHTS = [[1, 0, 4 / 9], [0, 1, 2 / 3], [4 / 9, 2 / 3, 1]]


@pytest.mark.parametrize(
    ("weights", "published"),
    [("nominal", 0.428571), (OWN_WEIGHTS, 0.507060), ("linear", 0.492308), ("quadratic", 0.566667)],
)
def test_kappa_of_fleiss_cohen_and_everitt_with_each_kind_of_weights(weights, published):
    first, second = cells_of(FLEISS_COHEN_EVERITT)
    kappa = m.cohen_kappa(first, second, n_labels=3, weights=weights)
    assert kappa.value == pytest.approx(published, abs=ROUNDED_AT_6)
    assert kappa.n == 200


@pytest.mark.parametrize(
    ("weights", "standard_error"),
    [("nominal", 0.002885**0.5), (OWN_WEIGHTS, 0.003248**0.5), ("linear", 0.050719), ("quadratic", 0.055666)],
)
def test_the_jackknife_over_single_cells_comes_near_the_closed_form_error(weights, standard_error):
    first, second = cells_of(FLEISS_COHEN_EVERITT)
    kappa = m.cohen_kappa(first, second, n_labels=3, weights=weights, cluster=np.arange(200))
    # The closed form is the first-order expansion of what the jackknife does: 3 % apart at n = 200.
    assert jackknife_error(kappa) == pytest.approx(standard_error, rel=0.03)


def test_kappa_of_fleiss_two_diagnosis_table():
    first, second = cells_of([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    kappa = m.cohen_kappa(first, second, n_labels=3)
    assert kappa.value == pytest.approx(0.676471, abs=ROUNDED_AT_6)


PARADOXES = [
    # table, Po, kappa, AC1, its standard error, PABAK, prevalence index, bias index
    ([[40, 9], [6, 45]], 0.850, 0.6995, 0.7007, 0.0717, 0.700, -0.05, 0.03),
    ([[80, 10], [5, 5]], 0.850, 0.3182, 0.8080, 0.0524, 0.700, 0.75, 0.05),
    ([[45, 15], [25, 15]], 0.600, 0.1304, 0.2661, 0.1039, 0.200, 0.30, -0.10),
    ([[25, 35], [5, 35]], 0.600, 0.2593, 0.2079, 0.0995, 0.200, -0.10, 0.30),
    ([[118, 5], [2, 0]], 0.944, -0.0234, 0.9408, 0.0231, 0.888, 0.944, 0.024),
]


@pytest.mark.parametrize(("table", "po", "kappa", "ac1", "ac1_error", "pabak", "prevalence", "bias"), PARADOXES)
def test_the_paradox_tables_of_feinstein_cicchetti_and_gwet(table, po, kappa, ac1, ac1_error, pabak, prevalence, bias):
    first, second = cells_of(table)
    each = np.arange(len(first))
    assert m.raw_agreement(first, second, n_labels=2).value == pytest.approx(po, abs=5e-4)
    assert m.cohen_kappa(first, second, n_labels=2).value == pytest.approx(kappa, abs=5e-5)
    gwet = m.gwet_ac(first, second, n_labels=2, weights="nominal", cluster=each)
    assert gwet.value == pytest.approx(ac1, abs=5e-5)
    assert jackknife_error(gwet) == pytest.approx(ac1_error, rel=0.03)
    assert m.brennan_prediger(first, second, n_labels=2).value == pytest.approx(pabak, abs=5e-4)
    # The tables put the positive category first; siming calls it "wrong".
    assert m.prevalence_index(first == 0, second == 0).value == pytest.approx(prevalence, abs=5e-4)
    assert m.bias_index(first == 0, second == 0).value == pytest.approx(bias, abs=5e-4)


def test_gwets_abstractors():
    first, second = cells_of([[13, 0, 0], [0, 20, 7], [0, 4, 56]])
    each = np.arange(100)
    for measured, value, error in [
        (m.cohen_kappa(first, second, n_labels=3, cluster=each), 0.7964094, 0.05891072),
        (m.gwet_ac(first, second, n_labels=3, weights="nominal", cluster=each), 0.8493305, 0.04321747),
        (m.brennan_prediger(first, second, n_labels=3, cluster=each), 0.835, 0.04693346),
        (m.raw_agreement(first, second, n_labels=3, cluster=each), 0.89, 0.03128898),
    ]:
        assert measured.value == pytest.approx(value, abs=5e-8)
        assert jackknife_error(measured) == pytest.approx(error, rel=0.03)


def test_a_scale_guessed_from_the_labels_in_use_would_change_the_value():
    wei = [0, 0, 3, 3, 3, 1, 3, 3]
    okafor = [0, 3, 3, 3, 3, 3, 3, 1]
    assert m.quadratic_weighted_kappa(wei, okafor, n_labels=4).value == pytest.approx(0.32, abs=1e-12)
    # With 0, 1, 3 squeezed to 0, 1, 2, as a library does that infers the scale:
    squeezed = [[{0: 0, 1: 1, 3: 2}[label] for label in side] for side in (wei, okafor)]
    inferred = m.quadratic_weighted_kappa(*squeezed, n_labels=3).value
    assert inferred == pytest.approx(0.414634, abs=ROUNDED_AT_6)


SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)


def test_intraclass_correlation_of_shrout_and_fleiss():
    icc = m.icc_agreement(*SHROUT_FLEISS.T)
    assert icc.value == pytest.approx(0.28976, abs=5e-6)
    assert icc.n == 6


WRIGHT = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]


def test_peak_flow_of_bland_and_altman():
    flow = m.bland_altman(WRIGHT, MINI, multiplier=2)
    assert flow.mean.value == pytest.approx(-2.1176, abs=5e-5)
    assert flow.sd.value == pytest.approx(38.7651, abs=5e-5)
    assert flow.lower.value == pytest.approx(-79.65, abs=5e-3)
    assert flow.upper.value == pytest.approx(75.41, abs=5e-3)
    for measured, low, high in [
        (flow.mean, -22.05, 17.81),
        (flow.lower, -114.17, -45.13),
        (flow.upper, 40.89, 109.93),
    ]:
        assert (measured.interval.low, measured.interval.high) == pytest.approx((low, high), abs=5.1e-3)


def test_correlation_of_the_two_peak_flow_meters():
    assert m.pearson_correlation(WRIGHT, MINI).value == pytest.approx(0.943279, abs=ROUNDED_AT_6)
