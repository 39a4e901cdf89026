"""Which part of the variance of scores is the candidate's, and how precise other numbers of raters would be."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from scipy import optimize

from siming.errors import LabelError
from siming.metrics.generalizability.components import anova_estimator, bootstrap_correction, henderson_estimator
from siming.metrics.generalizability.design import read_design
from siming.metrics.generalizability.dstudy import d_curve, d_study
from siming.metrics.generalizability.study import g_study
from siming.metrics.generalizability.table import read_table
from siming.metrics.icc import intraclass_correlation
from siming.metrics.resample import ClusterBootstrap, Jackknife

LAST_OF_4 = 5e-5
LAST_OF_6 = 5e-7


def digits(text: str, shape: tuple[int, ...]) -> np.ndarray:
    """A printed table of one-digit scores."""
    return np.array([int(c) for c in text if c.isdigit()], dtype=float).reshape(shape)


SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])

# Brennan 2001, synthetic data set 3: persons, occasions, items as printed.
SET_3 = digits(
    "2675 2555; 4567 6757; 5546 5455; 5986 5776; 4356 4564; 4447 6478; 2665 2775; 3445 6664; 0545 5553; 6876 6886",
    (10, 2, 4),
).swapaxes(1, 2)

# Brennan 2001, synthetic data set 4: persons, tasks, raters within task.
SET_4 = digits(
    "5655 5345 6733; 9377 7555 7752; 3433 5335 6516; 7553 3143 5335; 9297 7737 2753; 3435 3363 4512; 7377 7557 5554;"
    "5857 7554 3211; 9988 6665 5811; 4443 3565 5711",
    (10, 3, 4),
)

# Gleser, Cronbach and Rajaratnam 1965: patients, items, judges.
GLESER = digits(
    "002120211112; 002120122121; 001133212112; 202122212141; 001220233333; 202120413331; 013131342223; 000143342333;"
    "122136132321; 012433223531; 342232453355; 112444334666",
    (12, 6, 2),
)


def values(study):
    return {name: component.value for name, component in study.components.items()}


def squares(study):
    return {name: square.value for name, square in study.mean_squares.items()}


# --- published tables ---


def test_brennans_synthetic_data_set_3_persons_by_items_by_occasions():
    study = g_study(SET_3, design="p x i x o", interval=None)
    assert squares(study) == pytest.approx(
        {"p": 6.9111, "i": 12.4833, "o": 3.2, "pi": 2.0852, "po": 1.3389, "io": 2.5, "pio": 0.9352}, abs=LAST_OF_4
    )
    assert values(study) == pytest.approx(
        {"p": 0.5528, "i": 0.4417, "o": 0.0074, "pi": 0.5750, "po": 0.1009, "io": 0.1565, "pio": 0.9352}, abs=LAST_OF_4
    )
    same = d_study(study)
    assert same.relative_error.value == pytest.approx(0.311111, abs=LAST_OF_6)
    assert same.absolute_error.value == pytest.approx(0.444792, abs=LAST_OF_6)
    assert same.e_rho2.value == pytest.approx(0.639871, abs=LAST_OF_6)
    assert same.phi.value == pytest.approx(0.554125, abs=LAST_OF_6)


def test_brennans_synthetic_data_set_4_raters_nested_in_tasks():
    # The text names raters before tasks, so the array's axes are turned.
    study = g_study(SET_4.swapaxes(1, 2), design="p x (r:t)", interval=None)
    assert values(study) == pytest.approx(
        {"p": 0.4731, "t": 0.3252, "r:t": 0.6475, "pt": 0.5596, "pr:t": 2.3802}, abs=LAST_OF_4
    )
    same = d_study(study)
    assert same.e_rho2.value == pytest.approx(0.551439, abs=LAST_OF_6)
    assert same.phi.value == pytest.approx(0.463702, abs=LAST_OF_6)


def test_components_of_gleser_cronbach_and_rajaratnam():
    study = g_study(GLESER, design="p x i x r", interval=None)
    assert squares(study) == pytest.approx(
        {"p": 7.652, "i": 12.933, "r": 1.0, "pi": 1.476, "pr": 1.773, "ir": 0.867, "pir": 0.621}, abs=5e-4
    )
    assert study.degrees == {"p": 11, "i": 5, "r": 1, "pi": 55, "pr": 11, "ir": 5, "pir": 55}
    assert values(study) == pytest.approx(
        {"p": 0.41869, "i": 0.46717, "r": -0.01414, "pi": 0.42727, "pr": 0.19192, "ir": 0.02045, "pir": 0.62121},
        abs=5e-6,
    )


@pytest.mark.parametrize(
    ("fixed", "judges", "e_rho2", "phi"),
    [((), 2, 0.6566, 0.5838), (("i",), 2, 0.7683, 0.7663), ((), 1, 0.5331, 0.4831), (("i",), 1, 0.6238, 0.6211)],
)
def test_coefficients_of_gleser_with_random_and_with_fixed_items(fixed, judges, e_rho2, phi):
    study = g_study(GLESER, design="p x i x r", interval=None)
    found = d_study(study, levels={"r": judges}, fixed=fixed)
    assert found.e_rho2.value == pytest.approx(e_rho2, abs=LAST_OF_4)
    assert found.phi.value == pytest.approx(phi, abs=LAST_OF_4)


def test_fixing_the_steps_moves_their_interaction_into_the_universe_variance():
    study = g_study(GLESER, design="p x i x r", interval=None)
    component = values(study)
    found = d_study(study, fixed=("i",)).universe_variance
    assert found.value == pytest.approx(component["p"] + component["pi"] / 6, rel=1e-12)


def test_components_of_shrout_and_fleiss():
    study = g_study(SHROUT_FLEISS, design="p x r", interval=None)
    assert values(study) == pytest.approx({"p": 2.555556, "r": 5.244444, "pr": 1.019444}, abs=LAST_OF_6)
    assert squares(study) == pytest.approx({"p": 11.241667, "r": 32.486111, "pr": 1.019444}, abs=LAST_OF_6)


@pytest.mark.parametrize(
    ("raters", "consistency", "agreement"), [(1, "ICC(C,1)", "ICC(A,1)"), (4, "ICC(C,k)", "ICC(A,k)")]
)
def test_persons_by_raters_gives_the_intraclass_correlations(raters, consistency, agreement):
    found = d_study(g_study(SHROUT_FLEISS, design="p x r", interval=None), levels={"r": raters})
    judges = SHROUT_FLEISS.T
    assert found.e_rho2.value == pytest.approx(intraclass_correlation(*judges, form=consistency).value, rel=1e-12)
    assert found.phi.value == pytest.approx(intraclass_correlation(*judges, form=agreement).value, rel=1e-12)


def test_raters_of_his_own_for_every_person_give_the_one_way_correlation():
    study = g_study(SHROUT_FLEISS.T, design="r:p", object="p", interval=None)
    found = d_study(study, levels={"r": 1})
    assert found.e_rho2.value == pytest.approx(0.16574, abs=5e-6)  # Shrout and Fleiss 1979, ICC(1,1)
    assert found.phi.value == pytest.approx(found.e_rho2.value, rel=1e-12)


# --- designs ---


@pytest.mark.parametrize(
    ("text", "effects"),
    [
        ("p x r", "p r pr"),
        ("p x i x r", "p i r pi pr ir pir"),
        ("p x (r:t)", "p t pt r:t pr:t"),
        ("p x r:t", "p t pt r:t pr:t"),
        ("p × (i:s) * r", "p s r ps pr i:s sr pi:s psr ir:s pir:s"),
        ("r:p", "p r:p"),
        ("p x (r:t:c)", "p c pc t:c pt:c r:tc pr:tc"),
        ("r:(p x t)", "p t pt r:pt"),
    ],
)
def test_a_design_is_read_from_its_text(text, effects):
    assert sorted(read_design(text, object="p").names) == sorted(effects.split())


def test_facets_with_long_names_give_readable_effects():
    assert read_design("video x (step:skill)").names == (
        "video",
        "skill",
        "video x skill",
        "step:skill",
        "video x step:skill",
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("p x", "missing at the end"),
        ("p r", "'r' stands where"),
        ("p x (r:t", "not closed"),
        ("p x p", "'p' stands in it twice"),
        ("p + r", "'+' means nothing"),
        ("x", "missing before 'x'"),
        ("", "missing at the end"),
        ("p", "name another"),
        ("p:s x r", "nested in s"),
    ],
)
def test_a_text_that_is_no_design_is_refused_with_the_place(text, found):
    with pytest.raises(LabelError, match=found.replace("+", r"\+")):
        read_design(text)


# --- reading scores ---


def lines_of(scores, names):
    """One line per score, with text ids."""
    ids = {
        name: np.array([f"{name}{n}" for n in number.ravel()])
        for name, number in zip(names, np.indices(scores.shape), strict=True)
    }
    return scores.ravel(), ids


def shuffled(scores, ids, seed=5):
    order = np.random.default_rng(seed).permutation(len(scores))
    return scores[order], {name: each[order] for name, each in ids.items()}


def test_flat_scores_in_any_order_are_the_same_study_as_the_array():
    flat, ids = shuffled(*lines_of(GLESER, "pir"))
    array = g_study(GLESER, design="p x i x r")
    listed = g_study(flat, design="p x i x r", facets=ids)
    assert values(listed) == pytest.approx(values(array), rel=1e-12)
    assert listed.components["p"].interval.low == pytest.approx(array.components["p"].interval.low, rel=1e-9)


def test_raters_nested_in_stations_may_share_their_names_or_not():
    flat, ids = lines_of(SET_4, "ptr")
    own_names = {**ids, "r": np.char.add(ids["t"], ids["r"])}
    shared = g_study(flat, design="p x (r:t)", facets=ids, interval=None)
    unlike = g_study(flat, design="p x (r:t)", facets=own_names, interval=None)
    assert shared.method == unlike.method == "anova"
    assert values(shared) == values(unlike)
    assert unlike.levels == {"p": 10, "r": 4, "t": 3}


def test_the_object_of_measurement_need_not_come_first():
    turned = g_study(np.moveaxis(GLESER, 0, 1), design="i x p x r", object="p", interval=None)
    straight = values(g_study(GLESER, design="p x i x r", interval=None))
    assert turned.components["ip"].value == pytest.approx(straight["pi"], rel=1e-12)
    assert turned.components["p"].value == pytest.approx(straight["p"], rel=1e-12)


def test_missing_scores_are_counted_and_not_read_as_zero():
    holed = GLESER.copy()
    holed[3, 2, 1] = np.nan
    study = g_study(holed, design="p x i x r", interval=None)
    assert study.method == "henderson"
    assert study.components["p"].n == 143
    assert study.components["p"].left_out == {"missing": 1}
    assert study.mean.value == pytest.approx(np.nanmean(holed))
    assert study.mean_squares == {} == study.degrees


def test_skills_with_unlike_numbers_of_steps_miss_nothing():
    # 2 steps of the first skill, 3 of the second, 6 of the third
    scores = np.random.default_rng(1).normal(size=(9, 11))
    ids = {
        "p": np.repeat(np.arange(9), 11),
        "s": np.tile(np.repeat([0, 1, 2], [2, 3, 6]), 9),
        "i": np.tile(np.arange(11), 9),
    }
    study = g_study(scores.ravel(), design="p x (i:s)", facets=ids, interval=None)
    assert study.components["p"].left_out == {"missing": 0}
    assert study.levels["i"] == pytest.approx(3.0)  # harmonic mean: 3 / (1/2 + 1/3 + 1/6)
    assert study.method == "henderson"


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        (np.ones((3, 4)), {"design": "p x i x r"}, "2 axes.*3 facets"),
        (np.ones((3, 1)), {"design": "p x r"}, "'r'.*one level"),
        ([[1, 2], [np.inf, 3]], {"design": "p x r"}, "place 2 is infinite"),
        ([[np.nan, np.nan]], {"design": "p x r"}, "no score at all"),
        ([["1", "2"]], {"design": "p x r"}, "wanted numbers"),
        ([1, 2], {"design": "p x r", "facets": {"p": [0, 1]}}, "lacks ids of facet 'r'"),
        ([1, 2], {"design": "p x r", "facets": {"p": [0, 0], "r": [1, 1]}}, r"second score for the cell \(p 0, r 1\)"),
        ([1, 2], {"design": "p x r", "facets": {"p": [0, 0], "r": [1]}}, "found 1 ids of facet 'r'"),
        (np.ones((3, 2)), {"design": "p x r", "cluster": [0, 1]}, r"shape \(2,\) beside 3"),
        ([[1, 2], [3, np.nan]], {"design": "p x r", "method": "anova"}, "1 scores are missing"),
        ([[1, 2], [3, 4]], {"design": "p x r", "method": "magic"}, "unknown method 'magic'"),
        ([[1, 2], [3, 4]], {"design": "p x r", "object": "q"}, "no facet 'q'"),
        ([[1, 2], [3, 4]], {"design": "p x r", "interval": ClusterBootstrap(limits="bca")}, "BCa"),
    ],
)
def test_scores_that_do_not_fit_are_refused(scores, options, message):
    with pytest.raises(LabelError, match=message):
        g_study(scores, **options)


def test_a_person_in_two_clusters_is_refused():
    flat, ids = lines_of(SHROUT_FLEISS, "pr")
    with pytest.raises(LabelError, match="sits in two clusters"):
        g_study(flat, design="p x r", facets=ids, cluster=np.arange(24) // 3)


def test_scores_that_hardly_meet_are_refused_before_the_memory_is_gone():
    n = 20_000
    with pytest.raises(LabelError, match=r"write a facet.*as nested"):
        g_study(np.arange(n), design="p x r", facets={"p": np.arange(n), "r": np.arange(n)})


# --- edges ---


def test_one_person_has_no_components():
    study = g_study([[1, 2, 3]], design="p x r")
    assert {c.value for c in study.components.values()} == {None}
    assert "fewer than 2" in study.components["p"].reason
    assert d_study(study).e_rho2.reason == study.components["p"].reason


def test_four_persons_have_values_without_intervals():
    study = g_study(SHROUT_FLEISS[:4], design="p x r")
    assert study.components["p"].value is not None
    assert study.components["p"].interval is None
    assert study.components["p"].interval_reason == "4 clusters are fewer than 5"


@pytest.mark.parametrize("method", ["anova", "henderson", "reml"])
def test_equal_scores_leave_nothing_to_generalize(method):
    study = g_study(np.full((6, 3), 0.1), design="p x r", method=method)
    assert d_study(study).e_rho2.value is None
    assert "no variation" in d_study(study).e_rho2.reason
    assert study.negative == ()


@pytest.mark.parametrize("missing", [False, True])
def test_reml_gives_no_value_where_scores_leave_no_residual(missing):
    # Person plus rater and nothing else: the likelihood grows without end as the residual vanishes.
    scores = np.arange(7.0)[:, None] + [0, 3, 5]
    assert d_study(g_study(scores, design="p x r")).e_rho2.value == 1
    scores[2, 1] = np.nan if missing else scores[2, 1]
    by_likelihood = g_study(scores, design="p x r", method="reml")
    assert by_likelihood.components["p"].value is None
    assert "leave no residual" in by_likelihood.components["p"].reason


@pytest.mark.parametrize("method", ["henderson", "reml"])
def test_one_rater_per_person_cannot_be_told_from_the_person(method):
    ids = {"p": np.arange(8), "r": np.arange(8) % 2}
    study = g_study(np.arange(8.0) ** 2, design="p x r", facets=ids, method=method)
    assert study.components["p"].value is None
    assert "cannot tell the effects" in study.components["p"].reason


def test_a_variance_below_zero_is_shown_noted_and_used_as_zero():
    study = g_study(GLESER, design="p x i x r", interval=None)
    assert study.negative == ("r",)
    assert study.components["r"].notes == ("estimated below 0: coefficients use 0",)
    assert study.shares["r"] == 0
    found = d_study(study)
    component = values(study)
    assert found.absolute_error.value == pytest.approx(
        sum(component[name] / n for name, n in {"i": 6, "pi": 6, "pr": 2, "ir": 12, "pir": 12}.items())
    )
    assert found.phi.notes == ("variance of r estimated below 0, used as 0",)
    assert found.e_rho2.notes == ()  # judges do not enter it


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": {"q": 2}}, "'q' is no condition"),
        ({"levels": {"p": 2}}, "'p' is no condition"),
        ({"levels": {"r": 0}}, "0 conditions of facet 'r'"),
        ({"fixed": ("r",), "levels": {"r": 3}}, "'r' is fixed"),
        ({"fixed": "r"}, "is a text"),
        ({"fixed": ("r",)}, "nested in 't'"),
        ({"fixed": ("p",)}, "'p' is no condition"),
        ({"cut": float("nan")}, "the cut is nan"),
    ],
)
def test_d_studies_that_make_no_sense_are_refused(options, message):
    study = g_study(SET_4.swapaxes(1, 2), design="p x (r:t)", interval=None)
    if options == {"fixed": ("r",), "levels": {"r": 3}}:
        study = g_study(SHROUT_FLEISS, design="p x r", interval=None)
    with pytest.raises(LabelError, match=message):
        d_study(study, **options)


def test_a_curve_has_a_point_for_every_combination_of_numbers():
    study = g_study(GLESER, design="p x i x r", interval=None)
    points = d_curve(study, levels={"r": [1, 2, 3], "i": [6, 12]})
    assert [(point.levels["r"], point.levels["i"]) for point in points] == list(itertools.product([1, 2, 3], [6, 12]))
    assert points[2].phi == d_study(study, levels={"r": 2, "i": 6}).phi
    phis = [point.phi.value for point in points[::2]]
    assert phis == sorted(phis)


# --- the pass mark ---


def test_phi_at_a_pass_mark_far_from_the_mean_is_higher_by_the_distance():
    study = g_study(SET_3, design="p x i x o", interval=None)
    # Variance of the mean score: each component over its number of levels, 10 persons, 4 items, 2 occasions.
    c = values(study)
    of_mean = c["p"] / 10 + c["i"] / 4 + c["o"] / 2 + c["pi"] / 40 + c["po"] / 20 + c["io"] / 8 + c["pio"] / 80
    distance = (SET_3.mean() - 8) ** 2 - of_mean
    found = d_study(study, cut=8)
    above = found.universe_variance.value + distance
    assert found.phi_cut.value == pytest.approx(above / (above + found.absolute_error.value), rel=1e-12)


def test_phi_at_the_mean_itself_is_phi():
    found = d_study(g_study(SET_3, design="p x i x o", interval=None), cut=SET_3.mean())
    assert found.phi_cut.value == pytest.approx(found.phi.value, rel=1e-12)
    assert "no farther from the cut than chance" in found.phi_cut.notes[0]


# --- scores missing: by the definition, with matrices of the size of the data ---


def holed_study(seed, design="p x i x r", shape=(7, 4, 3)):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=shape) + rng.normal(size=(shape[0], *[1] * (len(shape) - 1))) + rng.normal(size=shape[1:])
    scores[rng.random(shape) < 0.25] = np.nan
    return scores, read_design(design)


def same_level(scores, design):
    """Per effect the matrix of ones where two scores share its level."""
    used = np.flatnonzero(~np.isnan(scores.ravel()))
    ids = {name: number.ravel()[used] for name, number in zip(design.facets, np.indices(scores.shape), strict=True)}
    out = []
    for effect in design.effects:
        level = np.column_stack([ids[facet] for facet in sorted(effect.facets)])
        out.append((level[:, None] == level).all(axis=2).astype(float))
    return scores.ravel()[used], out


@pytest.mark.parametrize(
    ("design", "shape"),
    [("p x i x r", (7, 4, 3)), ("p x (r:t)", (7, 4, 3)), ("p x (i:s) x r", (6, 3, 3, 2)), ("p x r", (9, 4))],
)
def test_henderson_sets_each_sum_of_squares_to_its_expectation(design, shape):
    scores, read = holed_study(3, design, shape)
    y, levels = same_level(scores, read)
    ones = np.ones((len(y), len(y)))
    # T = y' Q y with Q averaging within levels; E T = trace of Q with the covariance of y, and the mean.
    averages = [level / level.sum(axis=1) for level in [*levels, ones]]
    expected = np.array([[np.trace(q @ v) for v in [*levels, ones]] for q in averages])
    by_definition = np.linalg.solve(expected, [y @ q @ y for q in averages])[:-1]
    found = g_study(scores, design=design, interval=None)
    assert list(values(found).values()) == pytest.approx(list(by_definition), rel=1e-9)


@pytest.mark.parametrize(
    ("design", "shape"),
    [("p x i x r", (7, 4, 3)), ("p x (r:t)", (7, 4, 3)), ("p x r", (9, 4)), ("p x (i:s) x r", (6, 3, 3, 2))],
)
def test_reml_stands_on_the_top_of_the_restricted_likelihood(design, shape):
    scores, read = holed_study(4, design, shape)
    y, levels = same_level(scores, read)

    def fall(components):
        covariance = np.tensordot(components, levels, axes=1)
        inverse = np.linalg.inv(covariance)
        of_mean = inverse.sum()
        residual = y - inverse.sum(axis=0) @ y / of_mean
        return np.linalg.slogdet(covariance)[1] + np.log(of_mean) + residual @ inverse @ residual

    found = np.array(list(values(g_study(scores, design=design, method="reml", interval=None)).values()))
    here = fall(np.maximum(found, 0))
    bounds = [(0, None)] * (len(found) - 1) + [(1e-6, None)]
    starts = [np.maximum(found, 0.05), np.full(len(found), 0.5)]
    best = min(optimize.minimize(fall, start, bounds=bounds, method="L-BFGS-B").fun for start in starts)
    assert here <= best + 1e-7
    for place, step in itertools.product(range(len(found)), [-1e-3, 1e-3]):
        beside = found.copy()
        beside[place] += step
        if beside[place] >= 0:
            assert fall(beside) >= here - 1e-9


@pytest.mark.parametrize("method", ["henderson", "reml"])
@pytest.mark.parametrize(
    ("scores", "design"), [(SET_3, "p x i x o"), (SET_4.swapaxes(1, 2), "p x (r:t)"), (SHROUT_FLEISS, "p x r")]
)
def test_on_a_complete_table_every_method_is_analysis_of_variance(method, scores, design):
    expected = values(g_study(scores, design=design, interval=None))
    assert values(g_study(scores, design=design, method=method, interval=None)) == pytest.approx(expected, abs=1e-6)


def test_reml_holds_a_variance_below_zero_at_zero():
    study = g_study(GLESER, design="p x i x r", method="reml", interval=None)
    assert study.components["r"].value == 0
    assert study.components["r"].notes == ("at the limit of 0: the likelihood falls off from there",)


# --- intervals ---


@pytest.mark.parametrize("method", ["anova", "henderson", "reml"])
def test_the_jackknife_is_the_study_without_each_person_in_turn(method):
    scores = SET_3 if method == "anova" else np.where(np.indices(SET_3.shape).sum(axis=0) % 7 == 3, np.nan, SET_3)
    study = g_study(scores, design="p x i x o", method=method, interval=Jackknife())
    without = [
        g_study(np.delete(scores, out, axis=0), design="p x i x o", method=method, interval=None) for out in range(10)
    ]
    parts = np.array([each.components["pi"].value for each in without])
    half = 2.262157 * np.sqrt(9 / 10 * np.square(parts - parts.mean()).sum())  # t with 9 degrees of freedom
    limits = study.components["pi"].interval
    assert limits.high - limits.low == pytest.approx(2 * half, rel=1e-5)
    assert limits.method == "jackknife by cluster (t)"
    errors = np.array([d_study(each).absolute_error.value for each in without])
    half = 2.262157 * np.sqrt(9 / 10 * np.square(errors - errors.mean()).sum())
    found = d_study(study).absolute_error
    assert found.interval.high == pytest.approx(found.value + half, rel=1e-5)


@pytest.mark.parametrize(
    ("scores", "design", "estimator"),
    [
        (GLESER[[0, 3, 8, 10, 11]], "p x i x r", anova_estimator),
        (SET_4[:5].swapaxes(1, 2), "p x (r:t)", anova_estimator),
        (SHROUT_FLEISS[:5], "p x r", anova_estimator),
        (SHROUT_FLEISS[:5], "p x r", henderson_estimator),
        (SHROUT_FLEISS[:5].T, "r:p", anova_estimator),
    ],
)
def test_over_all_possible_draws_of_persons_brennans_correction_takes_the_bias_out(scores, design, estimator):
    """All 5^5 draws: their mean is the expectation itself, so it must be the estimate, to the last digits."""
    table = read_table(scores, read_design(design, object="p"), facets=None, cluster=None)
    estimate = estimator(table)
    weights = np.array([np.bincount(draw, minlength=5) for draw in itertools.product(range(5), repeat=5)], dtype=float)
    # One person drawn five times leaves 0 for every effect with persons; Henderson calls that undefined only if
    # the table itself did not tell the effects apart.
    redrawn = estimate.of_sums(weights @ estimate.units)[:, :-1]
    plain = estimate.plain()[0, :-1]
    assert np.abs(redrawn.mean(axis=0) - plain).max() > 1e-3  # biased before
    assert redrawn.mean(axis=0) @ bootstrap_correction(table).T == pytest.approx(plain, rel=1e-9)


def test_brennans_correction_has_his_formulas_where_persons_are_crossed():
    table = read_table(GLESER, read_design("p x i x r"), facets=None, cluster=None)
    names = table.design.names
    correction = bootstrap_correction(table)
    row = dict(zip(names, correction[names.index("pi")], strict=True))
    assert row == pytest.approx({**dict.fromkeys(names, 0.0), "pi": 12 / 11}, abs=1e-12)
    row = dict(zip(names, correction[names.index("i")], strict=True))
    assert row == pytest.approx({**dict.fromkeys(names, 0.0), "i": 1, "pi": -1 / 11}, abs=1e-12)


def test_the_bootstrap_repeats_itself_by_seed_and_says_what_it_did():
    method = ClusterBootstrap(replicates=500, seed=4)
    first, again = (g_study(SET_3, design="p x i x o", interval=method).components["p"].interval for _ in range(2))
    assert first == again
    assert (first.seed, first.replicates) == (4, 500)
    assert "Brennan" in first.method


def test_videos_of_one_candidate_are_left_out_together():
    # Every video twice under its candidate: the width stays that of single videos' differences, not halved.
    doubled = np.repeat(SET_3, 2, axis=0)
    candidate = np.repeat(np.arange(10), 2)
    apart = g_study(doubled, design="p x i x o")
    together = g_study(doubled, design="p x i x o", cluster=candidate)
    assert together.components["p"].n_clusters == 10
    assert values(together) == pytest.approx(values(apart), rel=1e-12)

    def width(study):
        return study.components["p"].interval.high - study.components["p"].interval.low

    assert width(together) > 1.3 * width(apart)


def test_intervals_of_steps_say_that_they_speak_of_other_persons_only():
    study = g_study(SET_3, design="p x i x o")
    assert study.components["i"].notes == ("the interval is for other levels of p, the conditions being the same",)
    assert study.components["pi"].notes == ()


# --- invariances ---


@pytest.mark.parametrize("method", ["henderson", "reml"])
def test_the_order_of_persons_steps_and_raters_changes_nothing(method):
    scores, _ = holed_study(8, shape=(9, 4, 3))
    rng = np.random.default_rng(0)
    moved = scores[rng.permutation(9)][:, rng.permutation(4)][:, :, rng.permutation(3)]
    before = g_study(scores, design="p x i x r", method=method, interval=None)
    after = g_study(moved, design="p x i x r", method=method, interval=None)
    assert values(after) == pytest.approx(values(before), abs=1e-7)


@pytest.mark.parametrize("method", ["anova", "henderson", "reml"])
def test_variances_are_in_squares_of_the_unit_and_know_no_zero_point(method):
    before = g_study(SET_3, design="p x i x o", method=method, interval=None)
    after = g_study(1000 + 10 * SET_3, design="p x i x o", method=method, interval=None)
    assert values(after) == pytest.approx({name: 100 * value for name, value in values(before).items()}, rel=1e-5)


def test_a_stricter_rater_lowers_phi_and_not_the_generalizability_coefficient():
    before = d_study(g_study(SET_3, design="p x i x o", interval=None))
    after = d_study(g_study(SET_3 + np.array([0, 2]), design="p x i x o", interval=None))
    assert after.e_rho2.value == pytest.approx(before.e_rho2.value, rel=1e-12)
    assert after.phi.value < before.phi.value - 0.05


# --- witnesses ---


@pytest.mark.parametrize(("scores", "design"), [(GLESER, "p x i x r"), (SHROUT_FLEISS, "p x r")])
@pytest.mark.parametrize("holes", [False, True])
def test_components_are_those_of_generalizit(scores, design, holes):
    generalizit = pytest.importorskip("generalizit", reason="witness for variance components: pip install generalizit")
    pandas = pytest.importorskip("pandas", reason="generalizit reads data frames")
    flat, ids = lines_of(np.asarray(scores, dtype=float), [c for c in design if c not in " x"])
    kept = np.random.default_rng(6).random(len(flat)) < 0.85 if holes else np.ones(len(flat), dtype=bool)
    ids = {name: each[kept] for name, each in ids.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        witness = generalizit.GeneralizIT(pandas.DataFrame({**ids, "y": flat[kept]}), design_str=design, response="y")
        witness.calculate_anova()
    theirs = witness.design.anova_table["Variance"]
    found = values(g_study(flat[kept], design=design, facets=ids, interval=None))
    # It rounds to four decimals, and not only at the end.
    assert found == pytest.approx(
        {name.replace(" x ", ""): theirs[name] for name in theirs.index if name != "mean"}, abs=1e-4
    )


def test_reml_is_that_of_statsmodels_where_raters_left_out_persons():
    statsmodels = pytest.importorskip("statsmodels.formula.api", reason="witness for REML: pip install statsmodels")
    pandas = pytest.importorskip("pandas", reason="statsmodels reads data frames")
    flat, ids = lines_of(SHROUT_FLEISS.astype(float), "pr")
    kept = ~np.isin(np.arange(24), [3, 9, 14, 20])
    frame = pandas.DataFrame({"p": ids["p"][kept], "r": ids["r"][kept], "y": flat[kept], "all": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = statsmodels.mixedlm("y ~ 1", frame, groups="all", vc_formula={"p": "0 + C(p)", "r": "0 + C(r)"})
        fit = model.fit(reml=True, method=["powell", "bfgs"])
    theirs = {**dict(zip(model.exog_vc.names, fit.vcomp, strict=True)), "pr": fit.scale}
    ours = values(
        g_study(frame["y"].to_numpy(), design="p x r", facets={"p": frame["p"], "r": frame["r"]}, method="reml")
    )
    assert ours == pytest.approx(theirs, rel=1e-3)


# --- truth known ---

TRUTH = {
    "p": 0.25,
    "s": 0.15,
    "r": 0.10,
    "i:s": 0.30,
    "ps": 0.12,
    "pr": 0.08,
    "sr": 0.05,
    "pi:s": 0.20,
    "psr": 0.06,
    "ir:s": 0.04,
    "pir:s": 0.60,
}


def simulated(rng, design, shape, truth):
    """Normal scores in which each effect has its true variance; axes in the order of the text."""
    read = read_design(design)
    scores = np.zeros(shape)
    for effect in read.effects:
        own = [n if facet in effect.facets else 1 for facet, n in zip(read.facets, shape, strict=True)]
        scores = scores + rng.normal(size=own) * np.sqrt(truth[effect.name])
    return scores


def assert_unbiased(draws, truth):
    draws = np.array(draws)
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    z = (draws.mean(axis=0) - list(truth.values())) / error
    assert np.abs(z).max() < 2, dict(zip(truth, z.round(2), strict=True))


CROSSED = {"p": 0.25, "i": 0.5, "r": 0.1, "pi": 0.3, "pr": 0.1, "ir": 0.05, "pir": 0.6}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("design", "shape", "truth"),
    [
        ("p x i x r", (30, 10, 3), CROSSED),
        ("p x (r:t)", (30, 3, 6), {"p": 0.25, "t": 0.2, "pt": 0.15, "r:t": 0.1, "pr:t": 0.6}),
        ("p x (i:s) x r", (20, 5, 4, 3), TRUTH),
    ],
)
def test_components_are_unbiased_when_nothing_is_missing(design, shape, truth):
    rng = np.random.default_rng(2024)
    names = read_design(design).names
    truth = {name: truth[name] for name in names}
    draws = [
        list(values(g_study(simulated(rng, design, shape, truth), design=design, interval=None)).values())
        for _ in range(1500)
    ]
    assert_unbiased(draws, truth)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "studies"), [("henderson", 1500), ("reml", 200)])
def test_components_are_unbiased_when_a_fifth_is_missing(method, studies):
    rng = np.random.default_rng(7)
    draws = []
    for _ in range(studies):
        scores = simulated(rng, "p x i x r", (30, 8, 4), CROSSED)
        scores[rng.random(scores.shape) < 0.2] = np.nan
        draws.append(list(values(g_study(scores, design="p x i x r", method=method, interval=None)).values()))
    assert_unbiased(draws, CROSSED)


@pytest.mark.slow
@pytest.mark.parametrize("method", [Jackknife(), ClusterBootstrap(replicates=1000)], ids=["jackknife", "bootstrap"])
def test_intervals_of_the_persons_variance_hold_the_truth_about_as_often_as_they_say(method):
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(300):
        study = g_study(simulated(rng, "p x i x r", (100, 10, 2), CROSSED), design="p x i x r", interval=method)
        limits = study.components["p"].interval
        held += limits.low <= CROSSED["p"] <= limits.high
    assert 0.90 <= held / 300 <= 0.98
