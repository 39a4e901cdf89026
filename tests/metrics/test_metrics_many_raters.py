"""Agreement of any number of raters with gaps: published values, other libraries, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from siming.errors import LabelError
from siming.metrics import (
    Jackknife,
    Measured,
    brennan_prediger,
    cohen_kappa,
    f1,
    gwet_ac,
    raw_agreement,
)
from siming.metrics.krippendorff import krippendorff_alpha, krippendorff_statistic
from siming.metrics.many_raters import (
    agreement_of_many,
    brennan_prediger_of_many,
    conger_kappa,
    fleiss_kappa,
    gwet_ac_of_many,
    scott_pi,
)
from siming.metrics.resample import ClusterBootstrap, bootstrap_weights
from siming.metrics.specific import label_agreement, negative_agreement, positive_agreement

COEFFICIENTS = [agreement_of_many, fleiss_kappa, conger_kappa, gwet_ac_of_many, brennan_prediger_of_many]
EVERY_COEFFICIENT = pytest.mark.parametrize("coefficient", COEFFICIENTS, ids=lambda one: one.__name__)
EVERY_SCALE = pytest.mark.parametrize("scale", ["nominal", "ordinal", "interval", "ratio"])


def jackknife_error(measured: Measured) -> float:
    """The standard error behind a jackknife t interval."""
    half = measured.value - measured.interval.low
    if "Fisher" in measured.interval.method:
        half = (np.arctanh(measured.value) - np.arctanh(measured.interval.low)) * (1 - measured.value**2)
    return half / stats.t.ppf(0.975, measured.n_clusters - 1)


def cells_of(table: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Two raters' labels that give this table of counts."""
    counts = np.array(table)
    first, second = np.indices(counts.shape)
    return np.repeat(first.ravel(), counts.ravel()), np.repeat(second.ravel(), counts.ravel())


def raters_of(counts: list[list[int]]) -> list[list[int]]:
    """Labels of raters, in any order, that give these counts per cell and label."""
    by_cell = [[label for label, raters in enumerate(cell) for _ in range(raters)] for cell in counts]
    return [list(rater) for rater in zip(*by_cell, strict=True)]


def labels_from_1(rows: list[str]) -> list[list[int]]:
    """Labels printed from 1, "." where missing."""
    return [[-1 if label == "." else int(label) - 1 for label in row.split()] for row in rows]


# Krippendorff 2011, "Computing Krippendorff's alpha-reliability", section E: observers A to D, units 1 to 12.
KRIPPENDORFF = labels_from_1(
    [
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    ]
)
# The R package irrCAC (data set cac.raw4raters) hands the lone label of unit 12 to the third rater. Only
# Conger's kappa asks who gave a label.
IRRCAC = [list(row) for row in KRIPPENDORFF]
IRRCAC[1][11], IRRCAC[2][11] = -1, 2


@pytest.mark.parametrize(
    ("scale", "published"),
    [("nominal", 0.743421), ("ordinal", 0.815388), ("interval", 0.849107), ("ratio", 0.797403)],
)
def test_alpha_of_krippendorffs_own_example_on_each_scale(scale, published):
    amounts = [1, 2, 3, 4, 5] if scale in ("interval", "ratio") else None
    alpha = krippendorff_alpha(KRIPPENDORFF, n_labels=5, scale=scale, values=amounts)
    assert alpha.value == pytest.approx(published, abs=5e-6)
    # Unit 12 has one label; of the 11 x 4 places in the others, 4 are empty.
    assert (alpha.n, alpha.left_out) == (11, {"missing": 1, "missing_labels": 4})


@pytest.mark.parametrize(
    ("coefficient", "published"),
    [
        (agreement_of_many, 0.81818),
        (gwet_ac_of_many, 0.77544),
        (fleiss_kappa, 0.76117),
        (brennan_prediger_of_many, 0.77273),
        (conger_kappa, 0.76282),
    ],
)
def test_the_four_raters_with_gaps_of_gwet(coefficient, published):
    assert coefficient(IRRCAC, n_labels=5, weights="nominal").value == pytest.approx(published, abs=5e-6)


def test_chance_of_conger_in_the_four_raters_with_gaps():
    kappa = conger_kappa(IRRCAC, n_labels=5).value
    agreement = agreement_of_many(IRRCAC, n_labels=5).value
    # kappa = (pa - pe) / (1 - pe), so pe = (pa - kappa) / (1 - kappa); irrCAC prints pe = .2334252
    assert (agreement - kappa) / (1 - kappa) == pytest.approx(0.2334252, abs=5e-8)


ORDINAL_WEIGHTS = [[1 - (apart + 1) * apart / 20 for apart in (abs(i - j) for j in range(5))] for i in range(5)]


@pytest.mark.parametrize(
    ("weights", "published"), [("linear", 0.85874), ("quadratic", 0.91400), (ORDINAL_WEIGHTS, 0.89894)]
)
def test_ac2_of_the_four_raters_with_gaps(weights, published):
    assert gwet_ac_of_many(KRIPPENDORFF, n_labels=5, weights=weights).value == pytest.approx(published, abs=5e-6)


def test_scotts_pi_and_the_many_rater_forms_of_gwets_abstractors():
    first, second = cells_of([[13, 0, 0], [0, 20, 7], [0, 4, 56]])
    each = np.arange(100)
    scott = scott_pi(first, second, n_labels=3, cluster=each)
    assert scott.value == pytest.approx(0.7962397, abs=5e-8)
    assert jackknife_error(scott) == pytest.approx(0.05905473, rel=0.03)
    alpha = krippendorff_alpha([first, second], n_labels=3, scale="nominal", cluster=each, interval=Jackknife())
    assert alpha.value == pytest.approx(0.7972585, abs=5e-8)
    assert jackknife_error(alpha) == pytest.approx(0.05905473, rel=0.03)
    for coefficient, published in [
        (agreement_of_many, 0.89),
        (conger_kappa, 0.7964094),
        (fleiss_kappa, 0.7962397),
        (gwet_ac_of_many, 0.8493305),
        (brennan_prediger_of_many, 0.835),
    ]:
        measured = coefficient([first, second], n_labels=3, weights="nominal")
        assert measured.value == pytest.approx(published, abs=5e-8)


# Gwet's 15 subjects x 5 categories, 6 raters (irrCAC, data set distrib.6raters; after Fleiss 1971).
SIX_RATERS = [
    [0, 0, 0, 6, 0], [0, 3, 0, 0, 3], [0, 1, 4, 0, 1], [0, 0, 0, 0, 6], [0, 3, 0, 3, 0],
    [2, 0, 4, 0, 0], [0, 0, 4, 0, 2], [2, 0, 3, 1, 0], [2, 0, 0, 4, 0], [0, 0, 0, 0, 6],
    [1, 0, 0, 5, 0], [1, 1, 0, 4, 0], [0, 3, 3, 0, 0], [1, 0, 0, 5, 0], [0, 2, 0, 3, 1],
]  # fmt: skip


@pytest.mark.parametrize(
    ("coefficient", "options", "published", "error"),
    [
        (gwet_ac_of_many, {"weights": "nominal"}, 0.4448007, 0.08418757),
        (fleiss_kappa, {}, 0.4139265, 0.08119291),
        (krippendorff_alpha, {"scale": "nominal"}, 0.4204384, 0.08243228),
        (brennan_prediger_of_many, {}, 0.4388889, 0.08312142),
    ],
)
def test_gwets_six_raters(coefficient, options, published, error):
    raters = raters_of(SIX_RATERS)
    measured = coefficient(raters, n_labels=5, cluster=np.arange(15), interval=Jackknife(), **options)
    assert measured.value == pytest.approx(published, abs=5e-8)
    # The published error is the first-order expansion of what the jackknife does; with 15 subjects they part a little.
    assert jackknife_error(measured) == pytest.approx(error, rel=0.08)


FOURTEEN_RATERS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def test_fleiss_kappa_of_the_textbook_example_with_fourteen_raters():
    assert fleiss_kappa(raters_of(FOURTEEN_RATERS), n_labels=5).value == pytest.approx(0.209931, abs=5e-7)


# Drawn at random; the values are those of the Python package irrCAC 0.4.4, CAC(..., categories=[0, 1, 2, 3], digits=8).
FOUR_WITH_GAPS = [
    [3, 3, -1, 1, 2, 3, 0, 3, -1, 2, 2, -1, 2, 1, 3, -1, 3, 3, 3, 0, 1, 1, 3, 0, -1, -1, 0, -1, 2, 3],
    [2, 1, 0, 1, -1, 3, -1, 3, 3, 2, 2, 2, -1, -1, 3, 3, -1, 3, 3, 3, -1, 1, -1, -1, -1, -1, 2, 3, 3, 3],
    [3, -1, 3, 1, 2, 3, -1, 3, 3, 2, 3, 2, -1, 2, 2, -1, 2, 3, 3, 0, -1, -1, 3, 3, 0, 3, 2, 3, 3, 2],
    [3, -1, 3, 1, 1, 3, 0, 3, -1, 2, 2, 3, 1, 2, 3, 2, 0, 0, -1, 2, 1, -1, 3, 0, 0, -1, -1, 3, -1, -1],
]


@pytest.mark.parametrize(
    ("weights", "agreement", "fleiss", "conger", "gwet", "even"),
    [
        ("nominal", 0.58045977, 0.38930730, 0.38257648, 0.45585143, 0.44061303),
        ("linear", 0.77586207, 0.42520396, 0.41045320, 0.51868046, 0.46206897),
        ("quadratic", 0.84993614, 0.43852775, 0.41847604, 0.55661880, 0.45977011),
    ],
)
def test_weighted_coefficients_with_gaps_are_those_of_irrcac(weights, agreement, fleiss, conger, gwet, even):
    values = [one(FOUR_WITH_GAPS, n_labels=4, weights=weights).value for one in COEFFICIENTS]
    assert values == pytest.approx([agreement, fleiss, conger, gwet, even], abs=5e-9)


def random_raters(seed: int, *, gaps: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    n_raters, n_cells = int(rng.integers(2, 6)), int(rng.integers(5, 60))
    truth = rng.choice(4, size=n_cells, p=rng.dirichlet(np.ones(4)))
    guess = rng.choice(4, size=(n_raters, n_cells))
    labels = np.where(rng.random((n_raters, n_cells)) < 0.6, truth, guess)
    return np.where(rng.random((n_raters, n_cells)) < gaps, -1, labels)


@EVERY_SCALE
def test_alpha_is_that_of_the_krippendorff_package(scale):
    witness = pytest.importorskip("krippendorff", reason="pip install krippendorff: the witness of alpha")
    compared = 0
    for seed in range(100):
        raters = random_raters(seed, gaps=0.3)
        ours = krippendorff_alpha(raters, n_labels=4, scale=scale, interval=None).value
        if ours is None:
            continue
        compared += 1
        with_gaps = np.where(raters < 0, np.nan, raters)
        theirs = witness.alpha(with_gaps, value_domain=[0, 1, 2, 3], level_of_measurement=scale)
        assert ours == pytest.approx(theirs, abs=1e-12)
    assert compared > 90


def test_fleiss_kappa_is_that_of_statsmodels():
    witness = pytest.importorskip(
        "statsmodels.stats.inter_rater", reason="pip install statsmodels: the witness of Fleiss' kappa"
    )
    for seed in range(100):
        raters = random_raters(seed, gaps=0)
        counts = np.column_stack([(raters == label).sum(axis=0) for label in range(4)])
        ours = fleiss_kappa(raters, n_labels=4, interval=None).value
        assert ours == pytest.approx(witness.fleiss_kappa(counts), abs=1e-12)


@pytest.mark.parametrize("weights", ["nominal", "linear", "quadratic"])
def test_for_two_raters_without_gaps_the_many_rater_forms_are_the_two_rater_ones(weights):
    wei, okafor = np.random.default_rng(3).integers(0, 4, (2, 80))
    video = np.repeat(np.arange(20), 4)
    options = {"n_labels": 4, "weights": weights, "cluster": video}
    for of_many, of_two in [
        (conger_kappa, cohen_kappa),
        (fleiss_kappa, scott_pi),
        (gwet_ac_of_many, gwet_ac),
        (brennan_prediger_of_many, brennan_prediger),
    ]:
        many, two = of_many([wei, okafor], **options), of_two(wei, okafor, **options)
        assert many.value == pytest.approx(two.value, abs=1e-12)
        assert (many.interval.low, many.interval.high) == pytest.approx((two.interval.low, two.interval.high))
    raw = raw_agreement(wei, okafor, n_labels=4)
    assert agreement_of_many([wei, okafor], n_labels=4).value == pytest.approx(raw.value, abs=1e-12)


@pytest.mark.parametrize("n_copies", [1, 10, 100])
def test_nominal_alpha_approaches_fleiss_kappa_as_the_labels_grow_in_number(n_copies):
    raters = np.tile(random_raters(5, gaps=0), n_copies)
    kappa = fleiss_kappa(raters, n_labels=4, interval=None).value
    alpha = krippendorff_alpha(raters, n_labels=4, scale="nominal", interval=None).value
    # Without gaps De differs by the factor (n - 1) / n, n the labels given: alpha = kappa + (1 - kappa) / n.
    assert alpha == pytest.approx(kappa + (1 - kappa) / raters.size, abs=1e-12)


def test_two_labels_make_brennan_prediger_of_many_twice_the_agreement_less_one():
    raters = np.minimum(random_raters(8, gaps=0.2), 1)
    agreement = agreement_of_many(raters, n_labels=2).value
    assert brennan_prediger_of_many(raters, n_labels=2).value == pytest.approx(2 * agreement - 1, abs=1e-12)


def test_interval_alpha_with_equal_steps_does_not_depend_on_where_the_amounts_start_or_their_unit():
    raters = random_raters(6, gaps=0.2)
    plain = krippendorff_alpha(raters, n_labels=4, scale="interval", interval=None)
    assert krippendorff_alpha(
        raters, n_labels=4, scale="interval", values=[10, 12, 14, 16], interval=None
    ).value == pytest.approx(plain.value, abs=1e-12)


def everything(raters, **options) -> list[float | None]:
    """The value of every statistic of this file that takes any number of raters."""
    values = [one(raters, n_labels=4, **options).value for one in COEFFICIENTS]
    values += [
        krippendorff_alpha(raters, n_labels=4, scale=scale, interval=None, **options).value
        for scale in ("nominal", "ordinal", "interval")
    ]
    values += [
        measured.value
        for label in label_agreement(raters, n_labels=4, **options)
        for measured in (label.raw, label.positive, label.negative)
    ]
    return values


def test_the_order_of_cells_and_of_raters_changes_nothing():
    raters = random_raters(11, gaps=0.3)
    rng = np.random.default_rng(0)
    shuffled = raters[rng.permutation(len(raters))][:, rng.permutation(raters.shape[1])]
    assert everything(shuffled) == pytest.approx(everything(raters), abs=1e-12)


def test_reading_the_scale_backwards_changes_nothing_but_the_names_of_the_labels():
    raters = random_raters(12, gaps=0.3)
    backwards = np.where(raters < 0, -1, 3 - raters)
    n_whole = len(COEFFICIENTS) + 3
    ours, theirs = everything(raters), everything(backwards)
    assert theirs[:n_whole] == pytest.approx(ours[:n_whole], abs=1e-12)
    labels = np.array(ours[n_whole:]).reshape(4, 3)
    assert np.array(theirs[n_whole:]).reshape(4, 3) == pytest.approx(labels[::-1], abs=1e-12)


@EVERY_COEFFICIENT
def test_renaming_labels_changes_nothing_where_they_are_names(coefficient):
    raters = random_raters(13, gaps=0.3)
    renamed = np.where(raters < 0, -1, np.array([2, 0, 3, 1])[raters])
    ours = coefficient(raters, n_labels=4, weights="nominal").value
    assert coefficient(renamed, n_labels=4, weights="nominal").value == pytest.approx(ours, abs=1e-12)


def test_renaming_labels_changes_nothing_in_nominal_alpha():
    raters = random_raters(13, gaps=0.3)
    renamed = np.where(raters < 0, -1, np.array([2, 0, 3, 1])[raters])
    alpha = krippendorff_alpha(raters, n_labels=4, scale="nominal", interval=None).value
    again = krippendorff_alpha(renamed, n_labels=4, scale="nominal", interval=None).value
    assert again == pytest.approx(alpha, abs=1e-12)


@EVERY_SCALE
def test_a_label_nobody_used_changes_nothing_in_alpha(scale):
    raters = random_raters(14, gaps=0.2)
    shorter = krippendorff_alpha(raters, n_labels=4, scale=scale, interval=None).value
    assert krippendorff_alpha(raters, n_labels=5, scale=scale, interval=None).value == pytest.approx(shorter, abs=1e-12)


def test_a_label_nobody_used_still_keeps_its_neighbours_apart_in_weighted_fleiss():
    raters = [[0, 0, 3, 3, 1], [0, 3, 3, 3, 3]]
    # Distances over 0-3: observed (9 + 4) / 5; the bag holds three 0, one 1, six 3.
    # Expected 2 (.3 x .1 x 1 + .3 x .6 x 9 + .1 x .6 x 4) = 3.78
    assert fleiss_kappa(raters, n_labels=4, weights="quadratic").value == pytest.approx(1 - 2.6 / 3.78, abs=1e-12)


@EVERY_COEFFICIENT
def test_a_rater_who_labelled_nothing_is_as_good_as_not_there(coefficient):
    raters = random_raters(15, gaps=0.2)
    absent = np.full((1, raters.shape[1]), -1)
    ours = coefficient(raters, n_labels=4).value
    assert coefficient(np.concatenate([raters, absent]), n_labels=4).value == pytest.approx(ours, abs=1e-12)


def test_the_four_spellings_of_missing_are_one():
    plain = [[0, 1, 3, -1], [0, 1, 2, 3], [0, 2, -1, 3]]
    spelled = [
        [0, 1, 3, None],
        np.array([0, 1, 2, 3]),
        np.ma.masked_array([0, 2, 0, 3], mask=[False, False, True, False]),
    ]
    assert everything(spelled) == pytest.approx(everything(plain), nan_ok=True)
    assert everything([[0.0, 1, 3, np.nan], *plain[1:]]) == everything(plain)


def test_duplicating_every_video_leaves_the_error_unchanged_when_the_copies_share_the_cluster():
    raters = random_raters(16, gaps=0.2)
    video = np.arange(raters.shape[1]) // 2
    once = fleiss_kappa(raters, n_labels=4, cluster=video)
    together = fleiss_kappa(np.tile(raters, 2), n_labels=4, cluster=np.tile(video, 2))
    apart = fleiss_kappa(np.tile(raters, 2), n_labels=4, cluster=np.concatenate([video, video + 1000]))
    assert jackknife_error(together) == pytest.approx(jackknife_error(once), rel=1e-9)
    # Taken for new videos they would halve the squared error, up to (n - 1) / n of the jackknife.
    assert jackknife_error(apart) ** 2 == pytest.approx(jackknife_error(once) ** 2 / 2, rel=0.1)


def test_unanimous_raters_who_use_one_label_have_no_kappa_but_agree_in_full():
    raters = [[3] * 6] * 3
    for coefficient in (fleiss_kappa, conger_kappa):
        assert coefficient(raters, n_labels=4).value is None
        assert "no variation" in coefficient(raters, n_labels=4).reason
    assert krippendorff_alpha(raters, n_labels=4).reason == "no variation: every label given is the same"
    assert scott_pi(*raters[:2], n_labels=4).value is None
    for coefficient in (agreement_of_many, gwet_ac_of_many, brennan_prediger_of_many):
        assert coefficient(raters, n_labels=4).value == 1


def test_one_constant_rater_of_two_has_conger_kappa_0_and_a_note():
    kappa = conger_kappa([[3, 3, 3, 3, 3, 3, 3], [0, 3, 2, 3, 1, 3, 3]], n_labels=4, weights="quadratic")
    assert kappa.value == 0
    assert kappa.notes == ("constant rater: rater 1 gave every cell the label 3",)


@EVERY_COEFFICIENT
def test_raters_who_never_met_on_a_cell_have_no_agreement(coefficient):
    measured = coefficient([[0, 1, -1, -1], [-1, -1, 2, 3]], n_labels=4, cluster=[1, 2, 3, 4])
    assert (measured.value, measured.n) == (None, 0)
    assert measured.left_out["missing"] == 4
    assert "no pairs" in measured.reason
    assert krippendorff_alpha([[0, 1, -1, -1], [-1, -1, 2, 3]], n_labels=4).reason == measured.reason


@EVERY_COEFFICIENT
def test_cells_without_a_pair_and_gaps_in_the_others_are_counted_apart(coefficient):
    measured = coefficient(KRIPPENDORFF, n_labels=5)
    assert (measured.n, measured.left_out) == (11, {"missing": 1, "missing_labels": 4})


@EVERY_COEFFICIENT
def test_a_video_that_nobody_labelled_is_no_cluster(coefficient):
    raters = random_raters(21, gaps=0)
    video = np.arange(raters.shape[1]) % 6
    empty = np.where(video == 2, -1, raters)
    there = video != 2
    ours = coefficient(empty, n_labels=4, cluster=video)
    assert ours.n_clusters == 5
    assert ours.interval == coefficient(raters[:, there], n_labels=4, cluster=video[there]).interval


@EVERY_COEFFICIENT
def test_fewer_than_five_videos_give_a_value_without_an_interval(coefficient):
    raters = random_raters(17, gaps=0.1)
    measured = coefficient(raters, n_labels=4, cluster=np.arange(raters.shape[1]) % 4)
    assert measured.value is not None
    assert measured.interval is None
    assert measured.interval_reason == "4 clusters are fewer than 5"


@EVERY_COEFFICIENT
def test_the_jackknife_from_sums_equals_leaving_out_each_video_in_a_plain_loop(coefficient):
    raters = random_raters(18, gaps=0.3)
    video = np.arange(raters.shape[1]) % 8
    left_out = np.array([coefficient(raters[:, video != one], n_labels=4).value for one in range(8)])
    error = np.sqrt(7 / 8 * np.square(left_out - left_out.mean()).sum())
    measured = coefficient(raters, n_labels=4, cluster=video)
    assert jackknife_error(measured) == pytest.approx(error, rel=1e-9)


@EVERY_SCALE
def test_the_bootstrap_of_alpha_equals_a_plain_loop_over_the_redrawn_videos(scale):
    raters = random_raters(19, gaps=0.3)
    video = np.arange(raters.shape[1]) % 9
    statistic = krippendorff_statistic(raters, n_labels=4, scale=scale, cluster=video)
    (weights,) = bootstrap_weights(9, replicates=20, seed=4, batch=20)
    loop = []
    for times in weights.astype(int):
        cells = np.concatenate([np.flatnonzero(video == one) for one, n in enumerate(times) for _ in range(n)])
        loop.append(krippendorff_alpha(raters[:, cells], n_labels=4, scale=scale, interval=None).value)
    assert statistic.of(weights) == pytest.approx(loop, abs=1e-12)


def test_alpha_states_how_its_interval_was_made():
    raters = random_raters(20, gaps=0.2)
    alpha = krippendorff_alpha(
        raters, n_labels=4, cluster=np.arange(raters.shape[1]), interval=ClusterBootstrap(replicates=500, seed=3)
    )
    assert alpha.interval.low < alpha.value < alpha.interval.high
    assert (alpha.interval.method, alpha.interval.seed) == ("cluster bootstrap (percentile)", 3)


def test_specific_agreement_of_two_raters_from_the_four_counts():
    # Step wrong: both 4, only Wei 2, only Okafor 1, neither 13.
    wei, okafor = (np.array(side) == 0 for side in cells_of([[4, 2], [1, 13]]))
    assert positive_agreement(wei, okafor).value == pytest.approx(8 / 11)
    assert negative_agreement(wei, okafor).value == pytest.approx(26 / 29)
    assert positive_agreement(wei, okafor).value == f1(wei, okafor).value
    right, wrong = label_agreement([wei, okafor], n_labels=2)
    assert wrong.positive.value == right.negative.value == pytest.approx(8 / 11)
    assert right.raw.value == wrong.raw.value == pytest.approx(17 / 20)


def test_agreement_on_one_label_of_four_counts_the_others_as_one():
    wei = [0, 0, 1, 2, 3, 3, 3, -1]
    okafor = [0, 1, 1, 3, 2, 3, 3, 3]
    third = label_agreement([wei, okafor], n_labels=4)[3]
    # On label 3: both twice, one of them twice, neither three times.
    assert (third.raw.value, third.positive.value, third.negative.value) == pytest.approx((5 / 7, 4 / 6, 6 / 8))
    assert (third.raw.n, third.raw.left_out["missing"]) == (7, 1)


def test_specific_agreement_of_three_raters_counts_pairs():
    # Label 1 given by 3, 2, 1, 0 of three raters: pairs 6 + 2 + 0 of the 3x2 + 2x2 + 1x2 possible.
    raters = [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]]
    one = label_agreement(raters, n_labels=2)[1]
    assert one.positive.value == pytest.approx(8 / 12)
    assert one.raw.value == pytest.approx((1 + 1 / 3 + 1 / 3 + 1) / 4)
    assert one.raw.value == pytest.approx(agreement_of_many(raters, n_labels=2).value)


def test_a_label_nobody_gave_has_no_specific_agreement_rather_than_0():
    unused = label_agreement([[0, 3, 3], [0, 3, 0]], n_labels=4)[1]
    assert unused.positive.value is None
    assert unused.positive.reason == "no rater gave the label 1"
    assert unused.negative.value == unused.raw.value == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fleiss_kappa([[0, 1]], n_labels=2), "at least 2 raters, found 1"),
        (lambda: fleiss_kappa([[0, 1], [0]], n_labels=2), "1 labels of rater 2 beside 2 cells of rater 1"),
        (lambda: fleiss_kappa([[0, 1], [0, 4]], n_labels=4), "label 4 of rater 2 at cell 1"),
        (lambda: fleiss_kappa([[0], [0]], n_labels=1), "at least 2 labels"),
        (lambda: krippendorff_alpha([[0], [0]], n_labels=2, scale="ranks"), "unknown scale 'ranks'"),
        (lambda: krippendorff_alpha([[0], [0]], n_labels=2, values=[1, 2]), "ordinal scale knows no amounts"),
        (
            lambda: krippendorff_alpha([[0], [0]], n_labels=2, scale="interval", values=[1]),
            "one finite amount for each of the 2 labels",
        ),
        (
            lambda: krippendorff_alpha([[0], [0]], n_labels=2, scale="ratio", values=[-1, 1]),
            "no amount below 0, found -1",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_place_and_mend(call, message):
    with pytest.raises(LabelError, match=message):
        call()
