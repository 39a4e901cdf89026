"""From points to labels, in exact fractions."""

from __future__ import annotations

import pytest

from siming.rubric import ALTERNATIVE_MAPS, Entry, builtin_rubric, label_of_points, wrong_of_entry

AED = builtin_rubric("aed-adult")


@pytest.mark.parametrize(
    ("points", "maximum", "label"),
    [
        (8, 8, 3),
        (12, 18, 2),  # a third lost is still minor
        (11.9, 18, 1),
        (1, 2, 2),  # one point of two: the floor keeps a one-point slip minor
        (4.5, 18, 0),  # three quarters lost
        (4.6, 18, 1),
        (0, 18, 0),
        (0.7, 0.7, 3),  # 0.7 is seven tenths, whatever binary says
    ],
)
def test_label_of_points(points, maximum, label):
    assert label_of_points(points, maximum, AED.ordinal_map) == label


def test_a_void_step_and_a_critical_fault_are_label_0_even_with_points_left():
    assert label_of_points(16, 18, AED.ordinal_map, void=True) == 0
    assert label_of_points(16, 18, AED.ordinal_map, critical=True) == 0


def test_the_other_readings_of_the_lost_equation_differ_where_their_names_say():
    lost = {m.name: [label_of_points(p, 12, m) for p in (9, 8, 6, 2, 0)] for m in ALTERNATIVE_MAPS}
    assert lost == {
        "zero-only-at-zero": [2, 2, 1, 1, 0],
        "minor-to-a-quarter": [2, 1, 1, 0, 0],
        "minor-to-a-half": [2, 2, 2, 0, 0],
    }


def test_positive_means_wrong():
    step = AED.get_step("aed04")
    assert [wrong_of_entry(Entry(points=p), step, AED) for p in (18, 12, 9, 0)] == [False, False, True, True]
    assert wrong_of_entry(Entry(wrong=True), step, AED) is True
    assert wrong_of_entry(Entry(status="cannot_judge", reason="dark"), step, AED) is None
