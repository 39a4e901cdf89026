"""Evidence of two raters: seconds shared and seconds covered, worked out by hand and by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from siming.errors import LabelError
from siming.metrics import ClusterBootstrap, Jackknife
from siming.metrics.evidence import disjoint_evidence, evidence_iou, evidence_iou_by_step, overlap_of


def iou(wei, okafor) -> float | None:
    """IoU of one cell."""
    return evidence_iou([wei], [okafor]).value


@pytest.mark.parametrize(
    ("wei", "okafor", "expected"),
    [
        ([(0, 10)], [(0, 10)], 1),
        ([(0, 10)], [(5, 15)], 5 / 15),
        ([(0, 10)], [(2, 4)], 2 / 10),
        ([(0, 10)], [(20, 30)], 0),
        ([(0, 10)], [(10, 20)], 0),
        ([(0, 4), (6, 10)], [(2, 8)], 4 / 10),  # shared 2-4 and 6-8
        ([(0, 6), (4, 10)], [(0, 10)], 1),  # overlapping intervals of one rater count once
        ([(0, 5), (5, 10)], [(0, 10)], 1),  # a cut changes nothing
        ([(6, 10), (0, 4)], [(2, 8)], 4 / 10),  # nor does the order
        ([(3, 3)], [(0, 10)], 0),  # an instant lasts no time
    ],
)
def test_iou_of_one_cell_by_hand(wei, okafor, expected):
    assert iou(wei, okafor) == pytest.approx(expected, abs=1e-15)
    assert iou(okafor, wei) == iou(wei, okafor)


def random_evidence(rng, n_cells: int) -> list[list[tuple[int, int]]]:
    """Up to four intervals of whole seconds within a minute."""
    cells = []
    for _ in range(n_cells):
        ends = np.sort(rng.integers(0, 60, (int(rng.integers(0, 5)), 2)), axis=1)
        cells.append([(int(start), int(end)) for start, end in ends])
    return cells


def test_the_sweep_over_all_cells_equals_counting_seconds_cell_by_cell():
    rng = np.random.default_rng(0)
    wei, okafor = random_evidence(rng, 500), random_evidence(rng, 500)
    overlap = overlap_of(wei, okafor)
    for cell, (mine, theirs) in enumerate(zip(wei, okafor, strict=True)):
        seconds = [{s for start, end in side for s in range(start, end)} for side in (mine, theirs)]
        assert overlap.shared_s[cell] == len(seconds[0] & seconds[1])
        assert overlap.covered_s[cell] == len(seconds[0] | seconds[1])
        touches = any(a <= d and c <= b for a, b in mine for c, d in theirs)
        assert overlap.meets[cell] == touches


def test_mean_iou_stands_on_the_cells_that_both_marked_and_counts_the_others():
    wei = [[(0, 10)], [(0, 10)], [], [], None, [(5, 5)]]
    okafor = [[(0, 10)], [(5, 15)], [(1, 2)], [], [(0, 9)], [(5, 5)]]
    mean = evidence_iou(wei, okafor)
    assert mean.value == pytest.approx((1 + 5 / 15) / 2)
    assert mean.n == 2
    assert mean.left_out == {"missing": 1, "unmarked": 1, "one_sided": 1, "instants": 1}


def test_strictly_a_cell_that_only_one_rater_marked_counts_0():
    wei = [[(0, 10)], [], [], None]
    okafor = [[(0, 10)], [(1, 2)], [], [(0, 9)]]
    strict = evidence_iou(wei, okafor, strict=True)
    assert (strict.value, strict.n) == (0.5, 2)
    assert strict.left_out == {"missing": 1, "unmarked": 1, "one_sided": 0, "instants": 0}


def test_iou_by_step_is_the_iou_of_each_steps_cells():
    wei = [[(0, 10)], [(0, 10)], [(0, 4)], []]
    okafor = [[(0, 5)], [(0, 10)], [(5, 6)], [(1, 2)]]
    by_step = evidence_iou_by_step(wei, okafor, step=["cpr.02", "cpr.01", "cpr.02", "cpr.03"])
    assert list(by_step) == ["cpr.01", "cpr.02", "cpr.03"]
    assert by_step["cpr.01"].value == 1
    assert by_step["cpr.02"].value == pytest.approx((0.5 + 0) / 2)
    assert by_step["cpr.03"].value is None
    assert by_step["cpr.03"].reason == "no cell in which both raters marked evidence that lasts"
    assert by_step["cpr.03"].left_out["one_sided"] == 1


def test_disjoint_evidence_counts_only_cells_with_equal_labels_and_marks_of_both():
    cells = [  # Wei's evidence and label, Okafor's evidence and label
        ([(0, 10)], 3, [(5, 15)], 3),  # meet
        ([(0, 10)], 0, [(20, 30)], 0),  # disjoint
        ([(0, 10)], 1, [(10, 20)], 1),  # touch, so they meet
        ([(4, 4)], 3, [(0, 10)], 3),  # an instant inside
        ([(0, 10)], 3, [(20, 30)], 1),  # unequal labels
        ([(0, 10)], 3, [], 3),  # one-sided
        ([], 3, [], 3),  # unmarked
        ([(0, 10)], -1, [(0, 10)], 3),  # no label
        (None, 3, [(0, 10)], 3),  # no cell
    ]
    wei, wei_label, okafor, okafor_label = (list(column) for column in zip(*cells, strict=True))
    share = disjoint_evidence(wei, okafor, first_label=wei_label, second_label=okafor_label, n_labels=4)
    assert (share.value, share.n) == (1 / 4, 4)
    assert share.left_out == {"missing": 2, "unequal": 1, "unmarked": 1, "one_sided": 1}


def test_no_cell_with_evidence_of_both_is_undefined_and_not_0():
    assert evidence_iou([[]], [[(0, 1)]]).reason == "no cell in which both raters marked evidence that lasts"
    assert evidence_iou([[]], [[]], strict=True).reason == "no cell in which a rater marked evidence that lasts"
    nowhere = disjoint_evidence([[]], [[(0, 1)]], first_label=[3], second_label=[3], n_labels=4)
    assert nowhere.reason == "no cell with equal labels and evidence of both raters"


def exam(seed: int = 1):
    """12 videos x 5 steps of evidence that often agrees, with labels."""
    rng = np.random.default_rng(seed)
    wei = random_evidence(rng, 60)
    okafor = [mine if rng.random() < 0.5 else other for mine, other in zip(wei, random_evidence(rng, 60), strict=True)]
    labels = rng.integers(0, 2, (2, 60))
    return wei, okafor, labels, np.repeat(np.arange(12), 5)


def test_the_order_of_cells_and_raters_changes_no_evidence_statistic():
    wei, okafor, (mine, theirs), video = exam()
    order = np.random.default_rng(2).permutation(60)
    back = [okafor[at] for at in order], [wei[at] for at in order]
    plain = evidence_iou(wei, okafor, cluster=video)
    turned = evidence_iou(*back, cluster=video[order])
    assert turned.value == pytest.approx(plain.value, abs=1e-12)
    assert (turned.interval.low, turned.interval.high) == pytest.approx((plain.interval.low, plain.interval.high))
    options = {"n_labels": 2, "cluster": video}
    disjoint = disjoint_evidence(wei, okafor, first_label=mine, second_label=theirs, **options)
    options["cluster"] = video[order]
    again = disjoint_evidence(*back, first_label=theirs[order], second_label=mine[order], **options)
    assert (again.value, again.left_out) == (disjoint.value, disjoint.left_out)


def test_a_later_start_of_the_clock_or_another_unit_of_time_changes_no_iou():
    wei, okafor, _, _ = exam()
    plain = evidence_iou(wei, okafor).value
    for scale, shift in [(1, 100), (0.5, 0)]:
        moved = [[[(scale * a + shift, scale * b + shift) for a, b in cell] for cell in side] for side in (wei, okafor)]
        assert evidence_iou(*moved).value == pytest.approx(plain, abs=1e-12)


def test_a_rater_against_himself_scores_exactly_1():
    rng = np.random.default_rng(3)
    thirds = [[(a / 3, b / 3) for a, b in cell] for cell in random_evidence(rng, 200)]
    assert evidence_iou(thirds, thirds).value == 1


def test_intervals_redraw_whole_videos():
    wei, okafor, _, video = exam()
    cells = [
        (video[at], iou(wei[at], okafor[at]))
        for at in range(60)
        if wei[at] and okafor[at] and iou(wei[at], okafor[at]) is not None
    ]
    owner, values = (np.array(column) for column in zip(*cells, strict=True))
    left_out = np.array([values[owner != one].mean() for one in range(12)])
    error = np.sqrt(11 / 12 * np.square(left_out - left_out.mean()).sum())
    jackknife = evidence_iou(wei, okafor, cluster=video, interval=Jackknife())
    # t quantile .975 with 11 degrees of freedom
    assert jackknife.interval.high - jackknife.value == pytest.approx(2.200985 * error, rel=1e-6)
    drawn = evidence_iou(wei, okafor, cluster=video, interval=ClusterBootstrap(replicates=4000, seed=1))
    assert (drawn.interval.high - drawn.interval.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.15)
    assert drawn.interval.method == "cluster bootstrap (percentile)"


def test_evidence_may_come_as_arrays():
    assert evidence_iou([np.array([[0, 10.0]])], [np.array([[5, 15.0]])]).value == pytest.approx(5 / 15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: evidence_iou([[(0, 1)]], []), "evidence for 0 cells of the second rater beside 1 of the first"),
        (lambda: evidence_iou([[], [(2, 1)]], [[], []]), "first rater at cell 1 runs from 2 s to 1 s"),
        (lambda: evidence_iou([[]], [[(0, float("nan"))]]), "second rater at cell 0 runs from 0 s to nan s"),
        (lambda: evidence_iou([[(0, 1, 2)]], [[]]), r"cell 0 holds \(0, 1, 2\); give pairs"),
        (lambda: evidence_iou([[5]], [[]]), "cell 0 holds 5; give pairs"),
        (lambda: evidence_iou([[("a", "b")]], [[]]), "cannot be read as numbers"),
        (lambda: evidence_iou_by_step([[]], [[]], step=[1, 2]), "found 2 step ids beside 1 cells"),
        (
            lambda: disjoint_evidence([[]], [[]], first_label=[1, 2], second_label=[1, 2], n_labels=4),
            "found 2 labels beside evidence for 1 cells",
        ),
    ],
)
def test_evidence_that_cannot_be_read_is_refused_with_place_and_mend(call, message):
    with pytest.raises(LabelError, match=message):
        call()
