"""Figures on pages: never without their interval or the reason why there is none, and as exact as they are known."""

from __future__ import annotations

import pytest

from siming.metrics import Measured
from siming.metrics.measured import Interval
from siming.rating.texts import reason_in
from siming.web.figures import figure_of


def shown(name: str, value: float | None, low: float | None = None, high: float | None = None, **more):
    interval = None if low is None else Interval(low=low, high=high, level=0.95, method="test")
    return figure_of(name, Measured(value, 5, 4, interval=interval, **more).to_json(), lambda why: reason_in("zh", why))


@pytest.mark.parametrize(
    ("name", "value", "low", "high", "said"),
    [
        ("qwk", 0.79049, 0.74, 0.83, "[0.740, 0.830]"),
        ("qwk", 0.79049, 0.521, 1.0, "[0.52, 1.00]"),  # nobody knows the third place of an end that far away
        ("icc_a1", 0.6, -3.5, 0.98, "[−1.00, 0.98]"),  # no coefficient lies below −1
        ("raw_agreement", 0.6, -0.2, 0.9, "[0.00, 0.90]"),
        ("mean_difference", 0.0, -29.266, 29.266, "[−29, 29]"),
        ("mean_difference", -1.17, -3.0, 0.66, "[−3.0, 0.7]"),
        ("mean_difference", 20.0, -140.0, 70.0, "[−100, 70]"),
    ],
)
def test_an_interval_is_as_exact_as_it_is_narrow_and_ends_where_values_do(name, value, low, high, said):
    assert shown(name, value, low, high).interval == said


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("qwk", -1.0, 1.0), ("icc_a1", -0.99999, 0.998), ("raw_agreement", 0.0, 1.0), ("mean_difference", -250.0, 250.0)],
)
def test_an_interval_that_holds_every_value_is_said_to_and_not_written_as_if_it_told_something(name, low, high):
    found = shown(name, 0.5, low, high)
    assert (found.spans_all, found.interval) == (True, None)
    assert not shown(name, 0.5, low, 0.5).spans_all


def test_what_is_lacking_has_its_reason_in_the_readers_language():
    without = shown("icc_a1", 0.93, interval_reason="4 clusters are fewer than 5")
    assert (without.value, without.interval) == ("0.930", None)
    assert "4" in without.why
    assert "clusters" not in without.why
    undefined = shown("qwk", None, reason="no pairs: no cell is compared")
    assert undefined.value is None
    assert undefined.why
    assert shown("qwk", 0.5, 0.4, 0.6).why is None


def test_differences_are_in_points_with_their_sign_and_coefficients_are_not():
    assert (shown("mean_difference", -1.16).value, shown("mean_difference", 2.0).value) == ("−1.2", "+2.0")
    assert (shown("mean_difference", 0.0).value, shown("mean_difference", -0.01).value) == ("0.0", "0.0")
    assert shown("qwk", -0.05).value == "−0.050"
