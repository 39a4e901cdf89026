"""A rater against himself on videos judged twice."""

from __future__ import annotations

import pytest

from siming.errors import LabelError
from siming.metrics import quadratic_weighted_kappa
from siming.metrics.raters.repeats import intra_rater

VIDEO = ["v1"] * 2 + ["v2"] * 2
STEP = ["a", "b"] * 2


def sittings(first, second):
    return {
        "values": first + second,
        "video": VIDEO * 2,
        "step": STEP * 2,
        "rater": ["Wei"] * 8,
        "occasion": ["2024-03-01"] * 4 + ["2024-04-01"] * 4,
        "n_labels": 4,
    }


def test_repeats_are_compared_by_the_metric_asked_for():
    found = intra_rater("qwk", **sittings([0, 0, 3, 3], [0, 3, 3, 3]))["Wei"]
    assert found.value == quadratic_weighted_kappa([0, 0, 3, 3], [0, 3, 3, 3], n_labels=4).value == 0.5
    assert found.n == 4
    assert found.n_clusters == 2


def test_the_order_of_the_rows_does_not_matter_only_the_occasion():
    data = sittings([0, 1, 2, 3], [1, 1, 3, 3])
    turned = {name: column[::-1] if isinstance(column, list) else column for name, column in data.items()}
    assert intra_rater("kappa", **turned)["Wei"].value == intra_rater("kappa", **data)["Wei"].value


def test_totals_judged_twice_are_compared_without_steps():
    found = intra_rater(
        "mean_difference", [60, 70, 63, 71], video=[1, 2, 1, 2], rater=["Wei"] * 4, occasion=[1, 1, 2, 2]
    )
    assert found["Wei"].value == -2  # (60 - 63 + 70 - 71) / 2


def test_cells_judged_once_and_third_sittings_are_counted_and_left_out():
    found = intra_rater(
        "raw_agreement",
        [1, 1, 0, 2],
        video=["v1", "v1", "v1", "v2"],
        step=["a"] * 4,
        rater=["Wei"] * 4,
        occasion=[1, 2, 3, 1],
        n_labels=3,
    )["Wei"]
    assert found.value == 1
    assert found.left_out["judged_once"] == 1
    assert found.left_out["later"] == 1


def test_a_rater_without_repeats_is_undefined_with_the_reason():
    data = sittings([0, 0, 3, 3], [0, 3, 3, 3])
    data["rater"] = ["Wei"] * 4 + ["Okafor"] * 4
    found = intra_rater("qwk", **data)
    assert found["Wei"].value is None
    assert "no repeats" in found["Wei"].reason


def test_two_judgements_on_one_occasion_are_refused_and_the_mend_works():
    data = sittings([0, 0, 3, 3], [0, 3, 3, 3])
    with pytest.raises(LabelError, match="another occasion"):
        intra_rater("qwk", **{**data, "occasion": [1] * 8})
    assert intra_rater("qwk", **{**data, "occasion": [1] * 4 + [2] * 4})["Wei"].value == 0.5
