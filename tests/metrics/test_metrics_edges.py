"""Where a statistic is undefined, what it says then, and what it refuses (specification, section 5.1)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from siming import metrics as m
from siming.errors import LabelError

VIDEOS = np.repeat(np.arange(6), 4)
ALL_FULL = np.full(24, 3)
MIXED = np.tile([3, 3, 2, 0], 6)


def test_two_raters_who_gave_one_and_the_same_label_have_raw_agreement_but_no_kappa():
    raw = m.raw_agreement(ALL_FULL, ALL_FULL, n_labels=4)
    kappa = m.quadratic_weighted_kappa(ALL_FULL, ALL_FULL, n_labels=4)
    assert raw.value == 1
    assert kappa.value is None
    assert kappa.reason == "no variation: both raters gave every cell one and the same label"
    assert m.gwet_ac(ALL_FULL, ALL_FULL, n_labels=4).value == 1
    assert m.brennan_prediger(ALL_FULL, ALL_FULL, n_labels=4).value == 1


def test_one_constant_rater_has_kappa_0_and_a_note_and_no_correlation():
    kappa = m.quadratic_weighted_kappa(MIXED, ALL_FULL, n_labels=4, cluster=VIDEOS)
    assert kappa.value == 0
    assert kappa.notes == ("constant rater: the second gave every cell the label 3",)
    assert kappa.interval is None
    assert m.mcc(MIXED < 3, ALL_FULL < 3).value is None
    totals = [61, 64, 70, 58, 66]
    for correlation in (m.pearson_correlation, m.spearman_correlation):
        undefined = correlation(totals, [61] * 5)
        assert undefined.value is None
        assert undefined.reason == "no variation: rater 2 gave every video the total 61"


def test_totals_that_differ_by_rounding_only_are_constant():
    thirds = [0.1 + 0.2, 0.3, 0.3, 0.1 + 0.2, 0.3]
    assert m.pearson_correlation(thirds, [1, 2, 3, 4, 5]).value is None
    assert m.spearman_correlation(thirds, [1, 2, 3, 4, 5]).value is None


def test_raters_constant_at_different_totals_have_no_intraclass_correlation():
    assert m.icc_agreement([60] * 6, [70] * 6).value is None


def test_one_video_has_no_correlation():
    assert m.pearson_correlation([60], [70]).reason == "fewer than 2 videos"
    assert m.spearman_correlation([60], [70]).reason == "fewer than 2 videos"
    assert m.icc_agreement([60], [70]).reason == "fewer than 2 videos"
    assert m.bland_altman([60], [70]).sd.reason == "fewer than 2 videos"


@pytest.mark.parametrize(
    ("metric", "wrong", "called_wrong", "reason"),
    [
        (m.precision, [1, 0], [0, 0], "no step was called wrong"),
        (m.recall, [0, 0], [1, 0], "no step was done wrong"),
        (m.specificity, [1, 1], [1, 0], "no step was done right"),
        (m.f1, [0, 0], [0, 0], "no step was done wrong and none was called wrong"),
        (m.balanced_accuracy, [0, 0], [1, 0], "the reference holds no wrong step, or no right one"),
    ],
)
def test_a_share_of_nothing_is_undefined_and_says_of_what(metric, wrong, called_wrong, reason):
    measured = metric(wrong, called_wrong)
    assert measured.value is None
    assert measured.reason == reason


def test_f1_is_0_and_not_undefined_when_every_wrong_step_was_missed():
    assert m.f1([1, 0], [0, 0]).value == 0
    assert m.f1([0, 0], [1, 0]).value == 0


def test_within_step_kappa_gives_nothing_for_knowing_which_steps_are_hard():
    # Step 0 is always done well and step 1 always badly; within each, the two raters are independent.
    step = np.tile([0, 1], 8)
    wei = np.column_stack([[3, 3, 2, 2, 3, 3, 2, 2], [0, 0, 1, 1, 0, 0, 1, 1]]).ravel()
    okafor = np.column_stack([[3, 2, 3, 2, 3, 2, 3, 2], [0, 1, 0, 1, 0, 1, 0, 1]]).ravel()
    pooled = m.quadratic_weighted_kappa(wei, okafor, n_labels=4)
    within = m.within_step_kappa(wei, okafor, n_labels=4, step=step)
    # Pooled, in squared distances: half the 16 cells are 1 apart, 8 in all. By chance, each rater has four
    # of each label: 16 * 2 * variance, and the variance of 0 1 2 3 is 1.25, so 40.
    assert pooled.value == pytest.approx(1 - 8 / 40)
    assert within.value == pytest.approx(0)
    assert m.median_step_kappa(wei, okafor, n_labels=4, step=step).value == pytest.approx(0)


def test_within_step_kappa_pools_disagreement_and_leaves_out_steps_without_variation():
    step = ["cpr.01"] * 4 + ["cpr.02"] * 4 + ["cpr.03"] * 4 + ["cpr.04"] * 2
    wei = [*[0, 0, 3, 3], *[0, 3, 0, 3], *[3, 3, 3, 3], *[-1, -1]]
    okafor = [*[0, 3, 3, 3], *[0, 3, 0, 3], *[3, 3, 3, 3], *[3, 0]]
    # Disagreement of extremes is 1. cpr.01: observed 1, by chance (2 * 3 + 2 * 1) / 4 = 2.
    # cpr.02: observed 0, by chance (2 * 2 + 2 * 2) / 4 = 2. cpr.03 has no variation, cpr.04 no pairs.
    within = m.within_step_kappa(wei, okafor, n_labels=4, step=step)
    assert within.value == pytest.approx(1 - (1 + 0) / (2 + 2))
    assert within.left_out == {"missing": 2, "undefined_steps": 2}
    median = m.median_step_kappa(wei, okafor, n_labels=4, step=step)
    assert median.value == pytest.approx((0.5 + 1) / 2)


def test_ac2_of_a_blind_dealer_is_far_above_0_on_skewed_labels():
    wei = np.repeat([3, 0], [85, 15])
    expected = m.gwet_ac_at_chance(wei, wei, n_labels=4).value
    dealt = np.mean(
        [m.gwet_ac(wei, np.random.default_rng(seed).permutation(wei), n_labels=4).value for seed in range(300)]
    )
    assert expected == pytest.approx(dealt, abs=0.01)
    assert expected > 0.6


def test_gwet_and_brennan_prediger_with_weights_by_hand():
    wei, okafor = [0, 0, 3, 3], [0, 3, 3, 3]
    # All weights of the 4 x 4 table: quadratic 4 + 6 * 8/9 + 4 * 5/9 + 0 = 104/9, linear 28/3.
    # Label shares are 3/8 and 5/8, so sum pi (1 - pi) = 15/32 and chance agreement T_w / 12 * 15/32:
    # quadratic 65/144, linear 35/96. Three of four cells agree, the fourth not at all.
    quadratic = m.gwet_ac(wei, okafor, n_labels=4)
    linear = m.gwet_ac(wei, okafor, n_labels=4, weights="linear")
    assert quadratic.value == pytest.approx((3 / 4 - 65 / 144) / (1 - 65 / 144))
    assert linear.value == pytest.approx((3 / 4 - 35 / 96) / (1 - 35 / 96))
    # Dealt blindly, labels meet with share 1/2 * 1/4 + 1/2 * 3/4.
    dealt = m.gwet_ac_at_chance(wei, okafor, n_labels=4)
    assert dealt.value == pytest.approx((1 / 2 - 65 / 144) / (1 - 65 / 144))
    guessed = m.brennan_prediger(wei, okafor, n_labels=4, weights="quadratic")
    assert guessed.value == pytest.approx((3 / 4 - 104 / 144) / (1 - 104 / 144))


@pytest.mark.parametrize("seed", range(20))
def test_totals_that_no_binary_fraction_holds_still_agree_with_themselves_exactly(seed):
    rng = np.random.default_rng(seed)
    totals = rng.normal(60, 10, rng.integers(5, 300))
    for metric in (m.pearson_correlation, m.spearman_correlation, m.icc_agreement):
        assert metric(totals, totals, interval=None).value == 1


def test_without_video_ids_there_is_a_value_and_the_reason_for_no_interval():
    measured = m.quadratic_weighted_kappa(MIXED, MIXED[::-1], n_labels=4)
    assert measured.value is not None
    assert measured.n_clusters is None
    assert measured.interval_reason == "no cluster ids were given"


def test_a_video_that_lost_all_its_cells_is_no_longer_counted_as_a_video():
    okafor = MIXED.astype(float)
    okafor[VIDEOS == 0] = np.nan
    assert m.raw_agreement(MIXED, okafor, n_labels=4, cluster=VIDEOS).n_clusters == 5


def test_several_videos_of_one_candidate_are_left_out_together():
    rng = np.random.default_rng(0)
    wei = np.repeat(rng.normal(60, 8, 10), 3)
    okafor = wei + np.repeat(rng.normal(0, 4, 10), 3)
    candidate = np.repeat(np.arange(10), 3)
    by_video = m.bland_altman(wei, okafor)
    by_candidate = m.bland_altman(wei, okafor, cluster=candidate)
    assert by_candidate.mean.n_clusters == 10
    assert by_candidate.mean.n == 30
    for part in ("mean", "lower"):
        video, person = (getattr(made, part).interval for made in (by_video, by_candidate))
        assert person.high - person.low > 1.4 * (video.high - video.low)
    assert by_video.lower.interval.method == "t, closed form"
    assert by_candidate.lower.interval.method == "jackknife by cluster (t)"


BROKEN = [
    ([0, 4], [0, 1], r"label 4 of the first rater at cell 1 .* 0 to 3"),
    ([0, 1], [0, -2], r"label -2 of the second rater at cell 1"),
    ([0, 1.5], [0, 1], r"label 1.5 of the first rater at cell 1"),
    ([0, math.inf], [0, 1], r"label inf of the first rater at cell 1"),
    ([0, 1], [0], r"found 1 labels of the second rater beside 2 cells of the first"),
    ([], [], r"labels of the first rater: found none"),
    ([[0, 1]], [[0, 1]], r"shape \(1, 2\)"),
    (["0", "1"], [0, 1], r"type <U1, wanted numbers"),
    ([0, {}], [0, 1], r"cannot be read as numbers"),
]


@pytest.mark.parametrize(("first", "second", "message"), BROKEN)
def test_labels_that_cannot_be_used_are_refused_with_place_value_and_mend(first, second, message):
    with pytest.raises(LabelError, match=message):
        m.quadratic_weighted_kappa(first, second, n_labels=4)


def test_the_mend_offered_for_a_label_off_the_scale_is_accepted():
    with pytest.raises(LabelError, match="or -1 where one is missing"):
        m.raw_agreement([0, 7], [0, 1], n_labels=4)
    assert m.raw_agreement([0, -1], [0, 1], n_labels=4).left_out["missing"] == 1


@pytest.mark.parametrize(
    "broken",
    [
        lambda: m.raw_agreement([0], [0], n_labels=1),
        lambda: m.raw_agreement([0, 1], [0, 1], n_labels=4, cluster=[0]),
        lambda: m.within_step_kappa([0, 1], [0, 1], n_labels=4, step=[0]),
        lambda: m.within_step_kappa([0, 1], [0, 1], n_labels=4, step=[[0, 1]]),
        lambda: m.cohen_kappa([0, 1], [0, 1], n_labels=4, weights="cubic"),
        lambda: m.cohen_kappa([0, 1], [0, 1], n_labels=4, weights=np.eye(3)),
        lambda: m.cohen_kappa([0, 1], [0, 1], n_labels=2, weights=[[0, 1], [1, 0]]),
        lambda: m.pearson_correlation([1, math.inf], [1, 2]),
        lambda: m.pearson_correlation([1, 2], [1, 2, 3]),
        lambda: m.pearson_correlation([], []),
        lambda: m.ClusterBootstrap(replicates=10),
        lambda: m.ClusterBootstrap(limits="normal"),
        lambda: m.Jackknife(level=95),
    ],
)
def test_other_broken_input_is_refused(broken):
    with pytest.raises(LabelError):
        broken()


def test_a_result_goes_into_strict_json_with_its_reasons():
    import json

    kappa = m.quadratic_weighted_kappa(MIXED, ALL_FULL, n_labels=4, cluster=VIDEOS).to_json()
    assert json.loads(json.dumps(kappa, allow_nan=False)) == kappa
    assert kappa["notes"] == ["constant rater: the second gave every cell the label 3"]
    assert kappa["interval"] is None
    assert kappa["left_out"] == {"missing": 0}


def test_each_step_alone_has_the_metric_of_its_own_cells():
    rng = np.random.default_rng(0)
    wei, okafor = rng.integers(0, 4, (2, 24))
    step = np.tile(["cpr.02", "cpr.01", "cpr.03", "cpr.04"], 6)
    okafor[step == "cpr.04"] = -1
    each = m.by_step("qwk", wei, okafor, step=step, n_labels=4, cluster=VIDEOS)
    assert list(each) == ["cpr.01", "cpr.02", "cpr.03", "cpr.04"]
    here = step == "cpr.02"
    alone = m.quadratic_weighted_kappa(wei[here], okafor[here], n_labels=4, cluster=VIDEOS[here])
    assert each["cpr.02"] == alone
    assert each["cpr.04"].reason.startswith("no pairs")
    defined = [one.value for one in each.values() if one.value is not None]
    assert m.median_step_kappa(wei, okafor, n_labels=4, step=step).value == pytest.approx(np.median(defined))
    calls = m.by_step("f1", wei < 3, np.ma.masked_array(wei < 3, mask=here), step=step)
    assert calls["cpr.02"].value is None
    assert calls["cpr.01"].value == 1


@pytest.mark.parametrize("metric", ["plcc", "qwk_within_step"])
def test_a_metric_that_has_no_value_for_one_step_is_refused(metric):
    with pytest.raises(LabelError, match="such as 'qwk'"):
        m.by_step(metric, [0, 1], [0, 1], step=[0, 0], n_labels=4)


def test_steps_of_another_length_are_refused():
    with pytest.raises(LabelError, match=r"lengths \[1, 2\]"):
        m.by_step("qwk", [0, 1], [0, 1], step=[0], n_labels=4)
