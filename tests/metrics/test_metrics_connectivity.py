"""Which raters can be compared: what shared videos join, and what shared steps do not."""

from __future__ import annotations

import pytest

from siming.errors import LabelError
from siming.metrics.rasch.connectivity import connectivity, critical_videos
from siming.metrics.rasch.table import read_rating_table


def design(*blocks):
    """Ratings of every step by every rater on every video of each block (raters, videos, steps)."""
    rows = [(v, s, r) for raters, videos, steps in blocks for r in raters for v in videos for s in steps]
    video, step, rater = map(list, zip(*rows, strict=True))
    return {"video": video, "step": step, "rater": rater}


def test_raters_of_the_same_videos_are_joined():
    found = connectivity(**design(("WO", [1, 2], "ab")))
    assert found.connected
    assert found.raters == (("O", "W"),)
    assert found.graph_pieces == 1


def test_a_chain_of_shared_videos_joins_its_ends():
    assert connectivity(**design(("WO", [1], "ab"), ("OL", [2], "ab"), ("LT", [3], "ab"))).connected


def test_shared_steps_alone_join_nobody_though_the_graph_is_in_one_piece():
    found = connectivity(**design(("W", [1, 2], "ab"), ("O", [3, 4], "ab")))
    assert found.graph_pieces == 1
    assert not found.connected
    assert found.raters == (("O",), ("W",))
    assert "2 groups" in found.explanation


def test_raters_of_different_steps_are_not_comparable_even_on_the_same_videos():
    # Whatever W and O give, steps a and b may be as much harder as W and O differ in severity.
    found = connectivity(**design(("W", [1, 2], "a"), ("O", [1, 2], "b")))
    assert found.graph_pieces == 1
    assert not found.connected
    assert found.steps == (("a",), ("b",))


def test_one_rater_of_both_halves_of_the_rubric_joins_the_raters_of_the_halves():
    assert connectivity(**design(("W", [1, 2], "a"), ("O", [1, 2], "b"), ("L", [1], "ab"))).connected


def test_groups_are_told_apart_and_named():
    found = connectivity(**design(("WO", [1], "ab"), ("LT", [2], "ab")))
    assert found.raters == (("L", "T"), ("O", "W"))
    assert found.refusal("L", "T") is None
    assert "no link between raters 'L' and 'W'" in found.refusal("L", "W")


def test_the_mend_offered_for_unlinked_raters_links_them():
    blocks = [("W", [1, 2], "ab"), ("O", [3, 4], "ab")]
    assert "rate some of the same videos in full" in connectivity(**design(*blocks)).refusal("W", "O")
    assert connectivity(**design(*blocks, ("W", [3], "ab"))).refusal("W", "O") is None


def test_a_rater_who_rated_nothing_is_not_a_contrast():
    with pytest.raises(LabelError, match="gave no rating"):
        connectivity(**design(("WO", [1], "ab"))).refusal("W", "Lin")


def critical(*blocks):
    ids = design(*blocks)
    table = read_rating_table([0] * len(ids["video"]), n_labels=2, **ids)
    return [table.videos[place] for place in critical_videos(table)]


def test_the_one_video_that_joins_two_raters_is_critical_and_two_are_not():
    assert critical(("W", [1, 2], "ab"), ("O", [3, 4], "ab"), ("O", [2], "ab")) == [2]
    assert critical(("W", [1, 2], "ab"), ("O", [3, 4], "ab"), ("O", [1, 2], "ab")) == []


def test_every_link_of_a_chain_is_critical():
    assert critical(("WO", [1], "ab"), ("OL", [2], "ab"), ("LT", [3], "ab")) == [1, 2, 3]


def test_a_video_of_one_rater_is_critical_where_it_alone_joins_the_steps_of_the_others():
    assert critical(("W", [1, 2], "a"), ("O", [1, 2], "b"), ("L", [3, 4], "a"), ("L", [3], "b")) == [3]
    assert critical(("WL", [1, 2], "a"), ("OL", [3, 4], "b"), ("L", [5], "ab")) == []


def test_no_video_is_critical_where_nothing_is_linked():
    assert critical(("W", [1], "ab"), ("O", [2], "ab")) == []
