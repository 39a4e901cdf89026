"""Bouts, rates and pauses from times alone."""

from __future__ import annotations

import pytest

from siming.measure import BOUT_GAP_S, bouts, compression_fraction, handsoff_intervals, rate_per_min


def test_a_rate_counts_intervals_and_not_strokes():
    # 31 strokes half a second apart take 15 s: 30 intervals, 120/min; 31 strokes / 15 s would read 124
    assert rate_per_min([10 + 0.5 * i for i in range(31)]) == pytest.approx(120)


@pytest.mark.parametrize("strokes_s", [[], [4.0], [4.0, 4.0]])
def test_there_is_no_rate_without_an_interval(strokes_s):
    assert rate_per_min(strokes_s) is None


def test_a_bout_ends_where_three_seconds_pass_without_a_stroke():
    strokes_s = [1.0, 1.5, 4.49, 7.49, 8.0]
    assert bouts(strokes_s) == [[1.0, 1.5, 4.49], [7.49, 8.0]]
    assert BOUT_GAP_S == 3.0
    assert bouts(strokes_s, gap_s=2.0) == [[1.0, 1.5], [4.49], [7.49, 8.0]]


def test_strokes_may_come_in_any_order_and_may_be_none():
    assert bouts([8.0, 1.0, 1.5]) == [[1.0, 1.5], [8.0]]
    assert bouts([]) == []


def test_hands_are_off_from_the_last_stroke_of_a_bout_to_the_first_of_the_next():
    assert handsoff_intervals([[1.0, 2.0], [9.0, 9.5], [20.0]]) == [(2.0, 9.0), (9.5, 20.0)]
    assert handsoff_intervals([[1.0, 2.0]]) == []


def test_the_compression_fraction_is_time_in_bouts_over_time_from_first_to_last_stroke():
    # 10 s and 20 s of compressions with 10 s between them: 30 of 40 s
    assert compression_fraction([[5.0, 15.0], [25.0, 45.0]]) == pytest.approx(30 / 40)
    assert compression_fraction([]) is None
    assert compression_fraction([[5.0]]) is None
