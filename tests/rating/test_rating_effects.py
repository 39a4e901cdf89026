"""Rater effects of a dataset: what is known of the raters is found again, and what cannot be told is not told."""

from __future__ import annotations

import json
from random import Random

import numpy as np
import pytest
from exams_of_labels import dataset_of, rasch_labels, rubric_of, sheet_of

from siming.errors import DatasetError, SheetError, TaskError
from siming.rating.effects import rater_effects
from siming.rubric import Sheet, examine
from siming.simulate import simulate_exam
from siming.simulate.faults import builtin_rubrics
from siming.simulate.physicians import Physician, rate
from siming.simulate.write import simulate_dataset

SEVERITY = {"Wei": 0.5, "Okafor": 0.0, "Lin": -0.5}
RUBRIC = rubric_of(8)
NAMES = [f"A-{number:03d}" for number in range(1, 81)]


def crossed(seed: int = 1, *, change: object = None) -> list[Sheet]:
    """80 attempts by all three, each rater in an order of his own; `change` bends a rater's severity."""
    rng = np.random.default_rng(seed)
    ability, difficulty = rng.normal(0, 1, len(NAMES)), np.linspace(-1, 1, 8)
    sheets = []
    for rater, severity in SEVERITY.items():
        order = rng.permutation(len(NAMES))
        for place, name in enumerate(NAMES):
            own = severity + (change(rater, place, order[place]) if callable(change) else 0.0)
            labels = rasch_labels(rng, ability[place], difficulty, np.array(own))
            sheets.append(sheet_of(RUBRIC, name, rater, labels.tolist(), order=int(order[place])))
    return sheets


@pytest.fixture(scope="module")
def found():
    return rater_effects(dataset_of(crossed(), [RUBRIC]), pass_mark=50, block=20)


def test_severities_that_labels_were_drawn_with_are_found_again(found):
    measured = {rater.rater: rater.severity for rater in found.raters}
    for name, severity in SEVERITY.items():
        assert measured[name].value == pytest.approx(severity, abs=0.15)
        assert measured[name].interval.low < severity < measured[name].interval.high


def test_a_contrast_in_marks_is_about_the_difference_of_the_mean_totals(found):
    sheets = crossed()
    mean = {name: np.mean([s.total(RUBRIC) for s in sheets if s.author.name == name]) for name in SEVERITY}
    for contrast in found.contrasts:
        given_less = mean[contrast.second] - mean[contrast.first]
        assert contrast.marks.value == pytest.approx(given_less, abs=1.0)


def test_a_strict_simulated_physician_is_called_stricter_and_by_as_many_points_as_she_takes_off():
    strict, mild = Physician("Wei", lenience=-0.8), Physician("Okafor", lenience=0.8)
    sheets: list[Sheet] = []
    for number in range(1, 41):
        exam = simulate_exam(5, attempt=f"A-{number:03d}")
        truth = [examine(rubric, exam.events) for rubric in builtin_rubrics()]
        for who in (strict, mild):
            sheets += rate(who, truth, exam.segments, Random(f"{number}/{who.name}"))
    rubrics = builtin_rubrics()
    [contrast] = rater_effects(dataset_of(sheets, rubrics)).contrasts
    assert (contrast.first, contrast.second) == ("Okafor", "Wei")
    assert contrast.difference.interval.high < 0
    by_id = {rubric.id: rubric for rubric in rubrics}
    mean = {
        who: np.mean([sheet.total(by_id[sheet.rubric]) for sheet in sheets if sheet.author.name == who])
        for who in ("Wei", "Okafor")
    }
    assert contrast.marks.value == pytest.approx(mean["Wei"] - mean["Okafor"], rel=0.25)


def test_raters_whom_no_shared_attempt_links_are_not_compared_and_no_total_is_adjusted():
    half = set(NAMES[:40])
    kept = [s for s in crossed() if (s.author.name == "Lin") == (s.attempt in half)]
    found = rater_effects(dataset_of(kept, [RUBRIC]))
    assert not found.connectivity.connected
    assert sorted(group.raters for group in found.connectivity.groups) == [("Lin",), ("Okafor", "Wei")]
    by_pair = {(c.first, c.second): c for c in found.contrasts}
    assert by_pair["Okafor", "Wei"].difference.value is not None
    refused = by_pair["Lin", "Wei"]
    assert refused.difference.value is None
    assert "no link" in refused.difference.reason
    assert refused.marks.value is None
    plain = found.to_plain()
    assert "attempts" not in plain["links"]
    assert "not linked" in plain["links"]["reason"]
    assert "Lin" in plain["words"]["connectivity"]["en"][0]


def test_a_rater_who_grows_stricter_along_the_own_order_is_found_out_and_the_others_are_not():
    def tires(rater, _, order):
        return 0.8 * order / len(NAMES) - 0.4 if rater == "Wei" else 0.0

    found = rater_effects(dataset_of(crossed(change=tires), [RUBRIC]), block=20)
    drift = {each.rater: each for each in found.drift.raters}
    assert [(b.first, b.last) for b in drift["Wei"].blocks] == [(1, 20), (21, 40), (41, 60), (61, 80)]
    assert drift["Wei"].trend.interval.low > 0
    assert drift["Wei"].per_100_attempts.interval.high < 0
    assert drift["Okafor"].trend.interval.low < 0 < drift["Okafor"].trend.interval.high
    assert drift["Wei"].per_day.value is None  # one day only
    assert len(drift["Wei"].cumulative) == len(NAMES)


def test_without_times_there_is_no_drift_and_the_reason_names_the_field():
    sheets = [sheet.model_copy(update={"submitted_at": None}) for sheet in crossed()]
    plain = rater_effects(dataset_of(sheets, [RUBRIC])).to_plain()
    assert "submitted_at" in plain["drift"]["reason"]
    assert set(plain["drift"]) == {"reason"}


def test_drift_is_refused_where_all_judged_in_one_order():
    place = {name: number for number, name in enumerate(NAMES)}
    sheets = [
        s.model_copy(update={"submitted_at": f"2026-03-02T08:{place[s.attempt] // 2:02d}:{place[s.attempt] % 2:02d}"})
        for s in crossed()
    ]
    drift = rater_effects(dataset_of(sheets, [RUBRIC])).drift
    for rater in drift.raters:
        assert rater.trend.value is None
        assert "not independent" in rater.trend.reason


def test_a_time_that_is_none_is_refused_with_sheet_and_mend():
    sheets = crossed()
    sheets[0] = sheets[0].model_copy(update={"submitted_at": "Monday"})
    with pytest.raises(SheetError, match=r"A-001: submitted_at is 'Monday'; write it as (\S+),"):
        rater_effects(dataset_of(sheets, [RUBRIC]))


def test_severity_towards_one_site_only_is_told_from_severity():
    site = {name: "north" if number % 2 else "south" for number, name in enumerate(NAMES)}

    def partial(rater, place, _):
        return 1.0 if rater == "Wei" and site[NAMES[place]] == "north" else 0.0

    found = rater_effects(dataset_of(crossed(change=partial), [RUBRIC], sites=site))
    by_rater = {each.rater: each for each in found.groups}
    assert (by_rater["Wei"].value, by_rater["Wei"].other) == ("north", "south")
    # 1 logit for one of three raters is 2/3 beyond their average
    assert by_rater["Wei"].contrast.value == pytest.approx(2 / 3, abs=0.25)
    assert by_rater["Wei"].contrast.interval.low > 0


def test_attempts_without_a_site_have_a_reason_and_no_contrast(found):
    assert found.groups == ()
    assert found.groups_reason == "no attempt has a 'site'"


def test_a_second_sheet_is_a_repeat_and_changes_nothing_else(found):
    sheets = crossed()
    again = [
        sheet_of(RUBRIC, s.attempt, "Wei", [*[e.points for e in s.steps.values()][:6], 0, 0], order=5000 + number)
        for number, s in enumerate(sheet for sheet in sheets if sheet.author.name == "Wei")
        if number < 10
    ]
    first = [[e.points for e in s.steps.values()] for s in sheets if s.author.name == "Wei"][:10]
    same = np.mean([[*row[:6], 0, 0] == np.array(row) for row in first])
    other = rater_effects(dataset_of([*again, *sheets], [RUBRIC]), pass_mark=50, block=20)
    by_rater = {each.rater: each.metrics["raw_agreement"] for each in other.repeats}
    assert (by_rater["Wei"].value, by_rater["Wei"].n) == (pytest.approx(same), 80)
    assert by_rater["Lin"].value is None
    assert [r.severity.value for r in other.raters] == [r.severity.value for r in found.raters]


def test_totals_of_a_strict_raters_attempts_are_moved_up_as_advice_and_no_sheet_is_touched():
    # every attempt by one of Wei and Lin, every fourth by both
    kept = [
        sheet
        for sheet in crossed()
        for number in [NAMES.index(sheet.attempt)]
        if (sheet.author.name == "Wei" and (number % 2 == 0 or number % 4 == 1))
        or (sheet.author.name == "Lin" and number % 2 == 1)
    ]
    before = [sheet.to_line() for sheet in kept]
    found = rater_effects(dataset_of(kept, [RUBRIC]), pass_mark=50)
    assert found.links.n_links == 20
    alone = [each for each in found.links.attempts if each.raters == ("Wei",)]
    milder = [each for each in found.links.attempts if each.raters == ("Lin",)]
    assert np.mean([each.adjusted.value - each.total for each in alone]) > 3
    assert np.mean([each.adjusted.value - each.total for each in milder]) < -3
    total = {s.attempt: s.total(RUBRIC) for s in kept if s.author.name == "Wei"}
    assert all(each.total == pytest.approx(total[each.attempt]) for each in alone)
    for each in found.links.attempts:
        assert each.decision_changed == ((each.adjusted.value >= 50) != (each.total >= 50))
    assert found.links.decisions_changed == sum(each.decision_changed for each in found.links.attempts)
    assert [sheet.to_line() for sheet in kept] == before


def test_a_consensus_against_all_three_raters_is_doubted():
    sheets = crossed()
    by_attempt = {s.attempt: s for s in sheets if s.author.name == "Okafor"}
    unanimous = next(
        (name, step)
        for name in NAMES
        for step in by_attempt[name].steps
        if len({s.steps[step].points for s in sheets if s.attempt == name}) == 1
        and by_attempt[name].steps[step].points == 3
    )
    consensus = []
    for name in NAMES:
        labels = [int(entry.points) for entry in by_attempt[name].steps.values()]
        if name == unanimous[0]:
            labels[[step.id for step in RUBRIC.steps].index(unanimous[1])] = 0
        consensus.append(sheet_of(RUBRIC, name, "Lin", labels, kind="consensus"))
    latent = rater_effects(dataset_of([*sheets, *consensus], [RUBRIC])).latent
    assert (latent.doubtful[0].attempt, latent.doubtful[0].step) == unanimous
    assert latent.doubtful[0].consensus == 0
    assert latent.agreement.n == 640


def test_one_rater_is_refused_because_there_is_nobody_to_compare_with():
    alone = [sheet for sheet in crossed() if sheet.author.name == "Wei"]
    with pytest.raises(DatasetError, match="rated by Wei only, and this needs 2 or more"):
        rater_effects(dataset_of(alone, [RUBRIC]))


@pytest.mark.parametrize("options", [{"block": 4}, {"pass_mark": 101}])
def test_options_off_their_range_are_refused(options):
    with pytest.raises(TaskError, match="give"):
        rater_effects(dataset_of(crossed(), [RUBRIC]), **options)


def test_the_record_is_strict_json_with_the_sections_of_its_schema(found):
    plain = json.loads(json.dumps(found.to_plain(), allow_nan=False))
    assert plain["schema"] == "siming.rater-effects/1"
    assert {
        "source",
        "notes",
        "connectivity",
        "raters",
        "contrasts",
        "separation",
        "steps",
        "attempts",
        "drift",
    } <= set(plain)
    assert {"groups", "repeats", "links", "latent", "words"} <= set(plain)
    assert {"from", "to", "n", "severity"} == set(plain["drift"]["raters"][0]["blocks"][0])
    [first, *_] = plain["words"]["severity"]["en"]
    assert first.startswith(("Wei is", "Okafor is"))
    assert "points of 100" in first
    assert all(len(each["en"]) == len(each["zh"]) for each in plain["words"].values())


def test_every_section_has_something_to_say_of_a_simulated_exam(tmp_path):
    dataset = simulate_dataset(tmp_path / "d", attempts=16, seed=3, draw=False)
    plain = rater_effects(dataset, pass_mark=80, block=8).to_plain()
    assert plain["drift"]["order"] == "submitted_at"
    assert {each["value"] for each in plain["groups"]} == {"north"}
    assert plain["latent"]["reason"] is None
    assert plain["links"]["pass_mark"] == 80
    assert all(sentences["en"] for sentences in plain["words"].values())


def test_a_label_that_one_rater_left_open_is_missing_and_not_failed():
    sheets = crossed()
    opened = sheets[0].model_copy(
        update={"steps": {**sheets[0].steps, "cpr01": sheet_of(RUBRIC, "x", "x", [None] * 8).steps["cpr01"]}}
    )
    other = rater_effects(dataset_of([opened, *sheets[1:]], [RUBRIC]))
    counts = {each.rater: each.n_ratings for each in other.raters}
    assert counts == {"Wei": 639, "Okafor": 640, "Lin": 640}
