"""Which instants are shown: the policies by hand sums, and what holds for all of them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siming.errors import TaskError, VideoError
from siming.video import PRESETS, FramePlan

WHOLE = [(0.0, 60.0)]


def test_middle_takes_the_middle_of_equal_stretches():
    assert FramePlan.parse("middle", n=3).times(WHOLE) == (10.0, 30.0, 50.0)


def test_endpoints_takes_the_first_instant_and_the_last_one_inside():
    times = FramePlan.parse("endpoints:4").times(WHOLE)
    assert times[:3] == (0.0, 20.0, 40.0)
    assert 59.999999 < times[3] < 60.0


def test_endpoints_over_a_constant_rate_are_the_pictures_of_a_linspace_over_their_numbers():
    # 300 pictures at 30 a second; lmms-eval takes numbers int(linspace(0, 299, 4)) = 0, 99, 199, 299
    times = FramePlan.parse("endpoints:4").times([(0.0, 10.0)], last_picture_s=1 / 30)
    assert [int(time * 30 + 1e-6) for time in times] == [0, 99, 199, 299]


def test_fps_takes_one_picture_per_interval_from_the_start():
    assert FramePlan.parse("fps:2").times([(10.0, 12.0)]) == (10.0, 10.5, 11.0, 11.5)


def test_a_length_of_whole_intervals_but_for_float_dust_gains_no_picture_at_its_end():
    assert len(FramePlan.parse("fps:10").times([(0.0, 0.1 + 0.2)])) == 3


def test_a_cap_thins_evenly_and_keeps_first_and_last():
    # ten instants 0..9 thinned to four: numbers 0, 3, 6, 9
    assert FramePlan.parse("fps:1:4").times([(0.0, 10.0)]) == (0.0, 3.0, 6.0, 9.0)


def test_a_cap_that_is_not_reached_changes_nothing():
    assert FramePlan.parse("fps:1:40").times([(0.0, 3.0)]) == (0.0, 1.0, 2.0)


def test_a_broadcast_rate_stays_a_fraction():
    plan = FramePlan.parse("fps:30000/1001")
    assert plan.fps == Fraction(30000, 1001)
    assert plan.times([(0.0, 1.0)])[29] == pytest.approx(29 * 1001 / 30000, abs=1e-12)


def test_a_step_shown_in_two_stretches_shares_its_frames_by_length():
    # 10 s and 30 s: four middles over 40 s lie at 5, 15, 25, 35 of the joined time
    assert FramePlan.parse("middle:4").times([(100.0, 110.0), (200.0, 230.0)]) == (105.0, 205.0, 215.0, 225.0)


def test_stretches_that_overlap_count_their_common_time_once():
    assert FramePlan.parse("middle:2").times([(0.0, 6.0), (4.0, 8.0)]) == (2.0, 6.0)


def test_the_papers_frame_budgets_are_presets():
    assert {plan.n_frames for plan in PRESETS.values()} == {64, 60, 50, 30, 240, 120}
    assert len(FramePlan.parse("paper-240").times(WHOLE)) == 240


@pytest.mark.parametrize("text", ["middle:64", "endpoints:1", "fps:2", "fps:1/2:30", "fps:30000/1001"])
def test_a_plan_reads_back_what_it_writes(text):
    assert str(FramePlan.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "center:4", "middle", "middle:0", "middle:x", "fps", "fps:0", "fps:-1", "fps:1/0", "middle:4:4", "fps:nan"],
)
def test_what_is_no_policy_is_refused_with_one_that_is(text):
    with pytest.raises(TaskError):
        FramePlan.parse(text)


def test_two_different_numbers_of_frames_are_refused():
    with pytest.raises(TaskError, match="drop one"):
        FramePlan.parse("middle:4", n=5)
    with pytest.raises(TaskError, match="drop one"):
        FramePlan.parse("paper-64", n=5)


def test_a_rate_that_would_drown_the_disk_is_refused_unless_capped():
    with pytest.raises(TaskError, match="cap"):
        FramePlan.parse("fps:1000000").times([(0.0, 100.0)])
    assert len(FramePlan.parse("fps:1000000:5").times([(0.0, 100.0)])) == 5


@pytest.mark.parametrize("stretch", [(5.0, 5.0), (5.0, 4.0), (-1.0, 4.0), (0.0, float("inf")), (float("nan"), 1.0)])
def test_a_stretch_that_is_none_is_refused(stretch):
    with pytest.raises(VideoError) as caught:
        FramePlan.parse("middle:4").times([stretch])
    assert caught.value.kind == "bad_time"


stretches = st.lists(
    st.tuples(st.floats(0, 1e4), st.floats(1e-3, 1e3)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    min_size=1,
    max_size=6,
)
plans = st.one_of(
    st.builds(FramePlan, st.sampled_from(["middle", "endpoints"]), st.integers(1, 300)),
    st.builds(lambda n, fps: FramePlan("fps", n, fps), st.integers(1, 300), st.fractions(Fraction(1, 100), 120)),
)


@given(plans, stretches)
def test_every_instant_lies_inside_a_stretch_and_they_ascend(plan, stretches):
    times = plan.times(stretches)
    assert list(times) == sorted(times)
    assert all(any(start <= time < stop for start, stop in stretches) for time in times)
    if plan.policy != "fps":
        assert len(times) == plan.n_frames
    else:
        assert 1 <= len(times) <= plan.n_frames


@given(plans, stretches)
def test_the_order_in_which_stretches_are_named_changes_nothing(plan, stretches):
    assert plan.times(stretches) == plan.times(stretches[::-1])
