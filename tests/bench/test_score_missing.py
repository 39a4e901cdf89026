"""A failed call never becomes an answer: strict makes it the worst one, drop leaves it out for everybody."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_exam import CANNOT, GOLD, SAID, dataset, many, row_of, run_of_points, value, worse

from siming.bench.missing import at_worst, farthest_labels
from siming.bench.score import coverage_reached, score
from siming.metrics import Measured

HIGHER_IS_BETTER = (
    *("raw_agreement", "qwk", "qwk_within_step", "ac2"),
    *("mcc", "precision", "recall", "f1", "plcc", "srcc", "icc_a1"),
)


def scored(run, data, policy="strict", **more):
    return row_of(score([run], data, missing=policy, baselines=False, replicates=100, **more), run.info.name)


def test_a_missing_cell_is_as_far_from_the_reference_as_the_scale_allows():
    data = dataset(GOLD)
    row = scored(run_of_points(data, SAID, status={"c": "failed"}), data)
    # c is labels 0 3 3 and counts as 3 0 0: of 9 cells a.t1, b.t2 and b.t3 are equal
    assert value(row, "raw_agreement") == pytest.approx(3 / 9)
    assert row["confusion"] == [[0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 1], [2, 0, 2, 2]]
    # c.t1 is wrong and counts as called right; c.t2 and c.t3 are right and count as called wrong
    assert row["binary"] == {"tp": 1, "fp": 2, "fn": 1, "tn": 5}
    # c earned 20 of 30 and counts as 10, 0, 0; a 27 against 27, b 25 against 22
    assert value(row, "mean_difference") == pytest.approx((0 - 10 - 100 / 3) / 3)


def test_what_is_missing_is_counted_by_its_reason():
    data = dataset({f"v{i}": (10, 7, 5) for i in range(6)})
    said = {f"v{i}": (10, 7, 5) for i in range(6)} | {"v4": (10, CANNOT, None), "v5": (10, 7, 5)}
    run = run_of_points(data, said, status={"v0": "failed", "v1": "refused", "v2": "unreadable", "v3": "skipped"})
    garbled = run.predictions["v5"].model_copy(update={"text": '{"steps": [{"id": "t1", "points": 99}]}'})
    run = replace(run, predictions={**run.predictions, "v5": garbled})
    coverage = scored(run, data)["coverage"]
    assert coverage["by_status"] == {"failed": 1, "ok": 2, "refused": 1, "skipped": 1, "unreadable": 1}
    # v4: t1 answered, t2 cannot judge, t3 null (not on the sheet); v5: t1 99 of 10, t2 and t3 not mentioned
    assert coverage["cells_missing"] == {
        "cannot judge": 2,
        "failed": 3,
        "missing step": 2,
        "refused": 3,
        "skipped": 3,
        "unreadable": 3,
        "unreadable step": 1,
    }
    assert (coverage["cells_asked"], coverage["cells_answered"]) == (18, 1)


def test_ten_per_cent_of_failed_calls_lower_the_coverage_and_are_named():
    gold = many(20)
    data = dataset(gold)
    report = score([run_of_points(data, gold, status={"v03": "failed", "v11": "failed"})], data, baselines=False)
    assert row_of(report)["coverage"]["share"] == pytest.approx(0.9)
    assert row_of(report)["coverage"]["by_status"] == {"failed": 2, "ok": 18}
    assert not coverage_reached(report)
    warning = next(w for w in report["warnings"] if w["code"] == "coverage")
    assert "54 of 60 cells were answered (90.0%)" in warning["en"]
    assert "60 个单元格中回答了 54 个" in warning["zh"]


@pytest.mark.parametrize("status", ["failed", "refused", "unreadable", "skipped"])
def test_under_drop_the_metrics_are_those_without_the_cells(status):
    gold = many(12)
    said = worse(gold, 1, 0.3)
    gone = ("v02", "v07")
    data = dataset(gold)
    row = scored(run_of_points(data, said, status=dict.fromkeys(gone, status)), data, "drop")
    fewer = {attempt: points for attempt, points in gold.items() if attempt not in gone}
    data_without = dataset(fewer)
    row_without = scored(run_of_points(data_without, said), data_without, "drop")
    for name, found in row["metrics"].items():
        other = row_without["metrics"][name]
        assert (found["value"], found.get("interval"), found["n"]) == (
            other["value"],
            other.get("interval"),
            other["n"],
        )
    assert row["metrics"]["qwk"]["left_out"] == {status: 6}


def test_under_drop_all_runs_of_a_setting_stand_on_the_same_cells():
    gold = many(12)
    data = dataset(gold)
    one = run_of_points(data, worse(gold, 1, 0.3), name="one", status={"v02": "failed"})
    two = run_of_points(data, worse(gold, 2, 0.3), name="two", status={"v07": "refused", "v08": "failed"})
    report = score([one, two], data, missing="drop", replicates=100)
    assert {row["metrics"]["qwk"]["n"] for row in report["entries"]} == {27}  # baselines too
    first = row_of(report, "one")
    assert first["metrics"]["qwk"]["left_out"] == {"failed": 3, "not answered by every run": 6}
    assert first["coverage"]["share"] == pytest.approx(11 / 12)


def test_an_attempt_with_a_missing_step_has_no_total_under_drop():
    data = dataset(GOLD)
    row = scored(run_of_points(data, {**SAID, "b": (7, CANNOT, 10)}), data, "drop")
    assert row["metrics"]["plcc"]["n"] == 2
    assert row["metrics"]["plcc"]["left_out"] == {"attempts with an incomplete total": 1}
    assert value(row, "mean_difference") == pytest.approx((0 - 50 / 3) / 2)


def test_a_request_the_run_had_to_skip_is_missing_but_a_clip_that_cannot_exist_is_not():
    data = dataset(GOLD, segments=("t1", "t3"))
    run = run_of_points(data, GOLD, setting="clip-points", skipped={"a/t2": "no segment", "b/t1": "video is gone"})
    run = replace(run, requests=[r for r in run.requests if r.id != "b/t1"])
    coverage = scored(run, data)["coverage"]
    assert coverage["cells_asked"] == 6
    assert coverage["cells_missing"] == {"skipped": 1}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), skill=st.floats(0, 1), share=st.floats(0.05, 0.9), noisy=st.booleans())
def test_silence_never_pays(seed, skill, share, noisy):
    """Strict is never above the same answers without the gaps, whatever the model and whatever it leaves out."""
    gold = many(8, seed, cells=(10, 10, 10, 7, 0) if noisy else (10, 7, 5, 0))
    said = worse(gold, seed + 1, 1 - skill)
    rng = random.Random(seed)
    gaps = {attempt: tuple(CANNOT if rng.random() < share else x for x in row) for attempt, row in said.items()}
    data = dataset(gold)
    run = run_of_points(data, gaps)
    strict, answered = scored(run, data, humans=False), scored(run, data, "drop", humans=False)
    for name in HIGHER_IS_BETTER:
        low, high = value(strict, name), value(answered, name)
        if high is not None:
            assert low is not None
            assert low <= high + 1e-12, name
        elif low is not None:
            assert low <= 0, name
    if value(answered, "mean_difference") is not None:
        assert abs(value(strict, "mean_difference")) >= abs(value(answered, "mean_difference")) - 1e-12


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), share=st.floats(0.05, 0.9))
def test_no_answer_to_a_missing_cell_could_have_scored_lower_on_verdicts(seed, share):
    gold = many(6, seed)
    said = worse(gold, seed + 1, 0.5)
    rng = random.Random(seed)
    gaps = {attempt: tuple(CANNOT if rng.random() < share else x for x in row) for attempt, row in said.items()}
    data = dataset(gold)
    strict, whole = (scored(run_of_points(data, points), data, humans=False) for points in (gaps, said))
    for name in ("raw_agreement", "precision", "recall", "f1", "mcc"):
        if value(whole, name) is not None and value(strict, name) is not None:
            assert value(strict, name) <= value(whole, name) + 1e-12, name


def test_filling_the_gaps_cannot_lift_a_kappa_that_was_poor():
    """Two answers, both upside down: kappa -1. Filled gaps would even out the margins and give -0.6."""
    gold = {"a": (10, 0, 0), "b": (0, CANNOT, CANNOT)}
    said = {"a": (0, 10, CANNOT), "b": (CANNOT, 10, 10)}
    data = dataset(gold)
    row = scored(run_of_points(data, said), data)
    # filled: 3 0 0 0 against 0 3 3 3, disagreement 1, by chance .75 x .75 + .25 x .25 = .625: 1 - 1/.625 = -.6
    assert row["confusion"] == [[0, 0, 0, 3], [0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    assert value(row, "qwk") == pytest.approx(-1)
    assert any("would raise this value" in note for note in row["metrics"]["qwk"]["notes"])


def test_a_failed_call_does_not_lend_a_constant_answer_a_correlation():
    gold = {"a": (10, 10, 10), "b": (10, 10, 7), "c": (7, 5, 5)}
    data = dataset(gold)
    always_full = dict.fromkeys(gold, (10, 10, 10))
    row = scored(run_of_points(data, always_full, status={"c": "failed"}), data)
    assert value(row, "plcc") is None
    assert row["metrics"]["plcc"]["reason"].startswith("undefined on the cells that were answered")


@pytest.mark.parametrize(
    ("name", "filled", "answered", "kept"),
    [
        ("qwk", 0.2, 0.5, 0.2),
        ("qwk", 0.5, 0.2, 0.2),
        ("mean_difference", -1, 4, 4),
        ("mean_difference", -5, 4, -5),
        ("precision", 0.0, None, 0.0),
        ("plcc", 0.4, None, None),
        ("mean_difference", -60, None, -60),
        ("qwk", None, None, None),
    ],
)
def test_the_worse_of_filled_and_answered_is_kept(name, filled, answered, kept):
    one, other = (Measured(v, 5) if v is not None else Measured(None, 5, reason="none") for v in (filled, answered))
    assert at_worst({name: one}, {name: other})[name].value == kept


def test_no_label_lies_farther_than_the_one_filled_in():
    for label, chosen in zip(range(4), farthest_labels(np.arange(4)).tolist(), strict=True):
        assert all(abs(chosen - label) >= abs(other - label) for other in range(4))


def test_every_policy_and_setting_gives_a_report_for_a_run_full_of_holes():
    data = dataset(GOLD)
    holes = {"a": "failed", "a/t1": "failed", "b/t2": "refused"}
    for policy, setting in itertools.product(
        ("strict", "drop"), ("full-points", "full-errors", "clip-points", "clip-errors")
    ):
        report = score([run_of_points(data, SAID, setting=setting, status=holes)], data, missing=policy)
        assert 0 < row_of(report)["coverage"]["share"] < 1
