"""The time map: whatever a player says of the derivative, it names one picture and one instant of the original."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siming.errors import VideoError
from siming.video import TimeMap
from siming.video.asset import ticks_per_second

ORIGINAL, DERIVATIVE = "a" * 64, "b" * 64


def mapped(source_ticks, end, base=Fraction(1, 1000), *, zero=None) -> TimeMap:
    """The map that ingest makes of these stamps."""
    hz = ticks_per_second(base)
    first = source_ticks[0]
    ours = [round((tick - first) * base * hz) for tick in (*source_ticks, end)]
    return TimeMap(
        source_sha256=ORIGINAL,
        derivative_sha256=DERIVATIVE,
        source_base=base,
        derivative_base=Fraction(1, hz),
        source_ticks=tuple(source_ticks),
        derivative_ticks=tuple(ours[:-1]),
        source_zero=first if zero is None else zero,
        source_end=end,
        derivative_end=ours[-1],
    )


@st.composite
def maps(draw) -> TimeMap:
    base = Fraction(1, draw(st.sampled_from([25, 1000, 12800, 15360, 30000, 90000, 600, 10**6, 10**9])))
    least = max(1, round(Fraction(1, 500) / base))  # 500 pictures per second
    steps = draw(st.lists(st.integers(least, 40 * least), min_size=1, max_size=40))
    stamps = [draw(st.integers(-(10**6), 10**9))]
    for step in steps:
        stamps.append(stamps[-1] + step)
    return mapped(stamps[:-1], stamps[-1], base)


PHONE = mapped([5000, 5017, 5067, 5100, 5134], 5224)
"""A phone that began at 5 s of its own clock and varies its rate, in milliseconds."""


def test_the_time_of_a_picture_maps_to_that_picture_in_the_original():
    assert PHONE.frame_times() == pytest.approx((0.0, 0.017, 0.067, 0.1, 0.134))
    assert PHONE.original_times() == pytest.approx((0.0, 0.017, 0.067, 0.1, 0.134))
    assert [PHONE.source_ticks[PHONE.frame_at(time)] for time in PHONE.frame_times()] == [5000, 5017, 5067, 5100, 5134]


def test_between_two_pictures_the_earlier_one_is_on_show():
    assert [PHONE.frame_at(time) for time in (0.0, 0.0169, 0.017, 0.0669, 0.2239)] == [0, 0, 1, 1, 4]
    assert PHONE.original_s(0.042) == pytest.approx(0.042)


def test_evidence_counts_from_the_first_picture_of_the_original_even_where_damage_took_it():
    # the original's first picture stood at 5.000 s and is lost; the derivative begins with the one at 5.067 s
    headless = mapped([5067, 5100, 5134], 5224, zero=5000)
    assert headless.frame_times()[0] == 0
    assert headless.original_s(0.0) == pytest.approx(0.067)
    assert headless.original_s(0.033) == pytest.approx(0.100)


@pytest.mark.parametrize("time_s", [-0.001, 0.2241, 1e9, float("nan"), float("inf"), float("-inf")])
def test_evidence_outside_the_derivative_is_refused(time_s):
    for ask in (PHONE.frame_at, PHONE.original_s):
        with pytest.raises(VideoError, match="mark a time inside") as caught:
            ask(time_s)
        assert caught.value.kind == "bad_time"


@given(maps())
def test_what_a_browser_reports_of_a_picture_names_that_picture(time_map):
    for number, tick in enumerate(time_map.derivative_ticks):
        exact = tick * time_map.derivative_base
        cut_off = int(exact * 10**6) / 1e6  # Chromium counts whole microseconds
        for said in (cut_off, round(float(exact), 6), float(exact), float(exact) + 1e-6):
            assert time_map.frame_at(said) == number
            assert time_map.original_s(said) == pytest.approx(time_map.original_times()[number], abs=2e-5)


@given(maps(), st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_what_is_later_in_the_derivative_is_never_earlier_in_the_original(time_map, shares):
    times = sorted(share * time_map.duration_s for share in shares)
    mapped_times = [time_map.original_s(time) for time in times]
    assert mapped_times == sorted(mapped_times)
    frames = [time_map.frame_at(time) for time in times]
    assert frames == sorted(frames)


@given(maps())
def test_no_picture_moves_by_a_tenth_of_its_time_on_show(time_map):
    steps = [
        b - a for a, b in zip(time_map.source_ticks, (*time_map.source_ticks[1:], time_map.source_end), strict=True)
    ]
    assert time_map.largest_error_s < float(min(steps) * time_map.source_base) / 10


@given(maps())
def test_a_map_written_and_read_is_the_same_map_with_the_same_hash(time_map):
    again = TimeMap.from_json(json.loads(json.dumps(time_map.to_json())))
    assert again == time_map
    assert again.sha256 == time_map.sha256


def test_a_steady_hour_is_written_in_a_few_numbers():
    hour = mapped([1001 * k for k in range(215_784)], 1001 * 215_784, Fraction(1, 60000))
    assert len(json.dumps(hour.to_json())) < 500
    assert hour.duration_s == pytest.approx(3600, abs=0.1)


def test_the_hash_changes_with_any_stamp_and_with_either_file():
    plain = PHONE.to_json()
    plain["source"]["sha256"] = "c" * 64
    moved = mapped([5000, 5017, 5067, 5101, 5134], 5224)
    assert len({PHONE.sha256, TimeMap.from_json(plain).sha256, moved.sha256}) == 3


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"source_ticks": (0, 40, 40)}, "do not rise"),
        ({"source_ticks": (0, 40)}, "as many"),
        ({"derivative_ticks": (10, 400, 800)}, "wanted 0"),
        ({"derivative_ticks": (0, 400, 1300)}, "do not rise"),
        ({"source_base": Fraction(0)}, "above 0"),
        ({"source_sha256": "A-031.mp4"}, "hexadecimal"),
    ],
)
def test_a_map_that_cannot_be_is_refused(change, word):
    right = {
        "source_sha256": ORIGINAL,
        "derivative_sha256": DERIVATIVE,
        "source_base": Fraction(1, 1000),
        "derivative_base": Fraction(1, 10000),
        "source_ticks": (0, 40, 80),
        "derivative_ticks": (0, 400, 800),
        "source_zero": 0,
        "source_end": 120,
        "derivative_end": 1200,
    }
    assert len(TimeMap(**right)) == 3
    with pytest.raises(VideoError, match=word):
        TimeMap(**right | change)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda plain: plain.update(schema="siming.time-map/9"),
        lambda plain: plain.update(pictures=7),
        lambda plain: plain.pop("source"),
        lambda plain: plain["source"].update(steps=[40]),
        lambda plain: plain["source"].update(time_base="1/0"),
        lambda plain: plain["source"].update(steps=[0, 5]),
        lambda plain: plain["source"].update(steps=["x", 5]),
        lambda plain: plain["source"].update(steps=[40, 10**15]),
    ],
)
def test_a_spoilt_file_of_a_map_is_refused(spoil):
    plain = json.loads(json.dumps(PHONE.to_json()))
    spoil(plain)
    with pytest.raises(VideoError, match="time map"):
        TimeMap.from_json(plain)
