"""How numbers are shown: an interval beside each, a dash with its reason, never a bare 0."""

from __future__ import annotations

import pytest
from sample_report import around, measured, sample_report, undefined

from siming.report.column import (
    COLUMNS,
    bracket,
    ceiling,
    columns_of,
    entries_of,
    groups_of,
    main_column,
    n_missing,
    number,
    percent,
    settings_of,
    shown,
)

BY_KEY = {column.key: column for column in COLUMNS}


def test_the_columns_stand_in_the_order_of_the_design():
    keys = list(BY_KEY)
    assert keys[:5] == ["raw_agreement", "qwk", "qwk_within_step", "ac2", "ac2_at_chance"]
    assert keys[5:9] == ["mcc", "precision", "recall", "f1"]
    assert keys[9:] == ["plcc", "srcc", "mean_difference", "icc_a1", "bias_index"]


def test_a_value_stands_with_its_interval():
    seen = shown(BY_KEY["qwk"], measured(0.7349, 0.688, 0.7751))
    assert (seen.value, seen.interval, seen.reason) == ("0.73", "[0.69, 0.78]", None)


def test_an_undefined_value_is_a_dash_with_its_reason():
    seen = shown(BY_KEY["mcc"], undefined("no step was called wrong"))
    assert (seen.value, seen.reason) == ("–", "no step was called wrong")


@pytest.mark.parametrize("key", ["plcc", "srcc"])
def test_a_correlation_of_totals_is_refused_without_its_interval(key):
    few = {"value": 0.99, "n": 3, "interval": None, "interval_reason": "3 clusters are fewer than 5"}
    seen = shown(BY_KEY[key], few)
    assert (seen.value, seen.reason, seen.refused) == ("–", "3 clusters are fewer than 5", True)


@pytest.mark.parametrize(("n_videos", "value"), [(24, "1.00"), (4, "–")])
def test_a_perfect_correlation_needs_no_interval_if_the_videos_are_enough(n_videos, value):
    exact = {"value": 1.0, "n": n_videos, "n_clusters": n_videos, "interval_reason": "redrawing changes nothing"}
    assert shown(BY_KEY["plcc"], exact).value == value


def test_an_agreement_without_an_interval_is_still_shown():
    few = {"value": 0.5, "n": 99, "interval": None, "interval_reason": "3 clusters are fewer than 5"}
    assert shown(BY_KEY["qwk"], few).value == "0.50"


def test_a_difference_in_marks_has_a_sign_and_its_limits():
    seen = shown(BY_KEY["mean_difference"], measured(1.24, -0.9, 3.3, limits=[-10.6, 13.0]))
    assert (seen.value, seen.interval, seen.limits) == ("+1.2", "[−0.9, 3.3]", "[−10.6, 13.0]")


def test_a_value_that_rounds_to_zero_has_no_minus():
    assert number(-0.0001) == "0.00"
    assert bracket([-0.004, 0.004]) == "[0.00, 0.00]"


def test_coverage_that_is_not_complete_never_reads_a_hundred_percent():
    assert percent(6599 / 6600) == "99.9 %"
    assert percent(1) == "100 %"


def test_rows_are_physicians_then_models_then_blind_baselines():
    kinds = [entry["kind"] for entry in entries_of(sample_report(1), "full-points")]
    assert kinds == ["human"] * 2 + ["run"] * 3 + ["baseline"] * 4


def test_settings_stand_in_one_order_whatever_the_order_of_the_runs():
    report = sample_report(1)
    report["entries"].reverse()
    assert settings_of(report) == ["full-points", "full-errors", "clip-points", "clip-errors"]


def test_a_metric_that_a_setting_cannot_define_has_no_column():
    errors = entries_of(sample_report(1), "full-errors")
    assert "qwk" not in {column.key for column in columns_of(errors)}
    assert main_column(errors).key == "mcc"
    assert main_column(entries_of(sample_report(1), "full-points")).key == "qwk_within_step"


def test_models_are_held_against_physicians_who_did_not_make_the_reference():
    entries = entries_of(sample_report(1), "full-points")
    assert ceiling(entries, BY_KEY["qwk_within_step"])["name"] == "wei – okafor"  # not wei, who stands higher


def test_groups_stand_by_setting_in_the_order_of_the_tables():
    assert [setting for setting, _ in groups_of(sample_report(1))] == ["full-points", "clip-points"]


def test_missing_cells_are_those_asked_and_not_answered():
    assert n_missing({"cells_asked": 792, "cells_answered": 743}) == 49
    assert n_missing({}) is None


def test_an_interval_never_hides_behind_a_rounded_value():
    assert shown(BY_KEY["qwk"], around(0.3, 0.05)).interval == "[0.25, 0.35]"
