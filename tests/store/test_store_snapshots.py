"""Statistics that are shown can be computed again (invariant 10), on first independent sheets alone (2, 9, 3)."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from exams import exam, model_runner, model_sheet, new_member
from rating_rooms import Tab, add_rated_attempt, give, submitted, unguard
from sqlalchemy import text, update

from siming.errors import ConflictError, NotAllowedError, NotFoundError
from siming.rating import agreement_report
from siming.store.backup import check_room
from siming.store.blind.submissions import reopen
from siming.store.canonical import canonical_json
from siming.store.figures import panels, recount, snapshots
from siming.store.figures.model_runs import add_model_sheets
from siming.store.figures.panels import Kept
from siming.store.figures.snapshots import recompute, standing, take_snapshot
from siming.store.media import exclusion
from siming.store.projects import rubrics
from siming.store.schema import attempt, stat_snapshot


def figures(room, **options):
    return take_snapshot(room.db, room.project, **options).figures


def raw_agreement(room) -> tuple[float, int]:
    (panel,) = figures(room)["panels"]
    found = panel["metrics"]["raw_agreement"]
    return found["value"], found["n"]


def test_the_panel_stands_on_what_two_raters_have_locked(room):
    exam(room, 6, lost_wei=lambda n: 1.0 if n < 3 else 0.0, lost_okafor=lambda n: 0.0)
    # 6 videos x 9 steps; Wei took the first step of three videos down by 1 of its points, Okafor nothing
    value, n = raw_agreement(room)
    assert n == 54
    assert value == pytest.approx(1 - 3 / 54)


@pytest.mark.parametrize(
    ("kind", "by"),
    [
        ("agreement", "pair"),
        ("agreement", "skill"),
        ("agreement", "step"),
        ("agreement", "site"),
        ("agreement", "week"),
        ("effects", "pair"),
    ],
)
def test_invariant_10_a_snapshot_is_computed_again_to_the_last_digit(room, kind, by):
    exam(room, 6)
    taken = take_snapshot(room.db, room.project, kind=kind, by=by, seed=3)
    assert "undefined" not in taken.figures
    assert recompute(room.db, taken.id)


def test_invariant_10_a_snapshot_of_another_code_version_says_so(room, monkeypatch):
    exam(room, 5)
    taken = take_snapshot(room.db, room.project)
    monkeypatch.setattr(snapshots, "__version__", "99.0")
    with pytest.raises(ConflictError) as caught:
        recompute(room.db, taken.id)
    assert caught.value.code == "snapshot_of_other_version"
    assert taken.code_version in str(caught.value)
    assert not standing(room.db, room.coordinator, room.project).up_to_date


def test_invariant_10_a_figure_that_was_changed_by_hand_is_found(room):
    exam(room, 5)
    taken = take_snapshot(room.db, room.project)
    changed = {**taken.figures, "n_attempts": 6}
    with room.db.write() as c:
        unguard(c, "stat_snapshot", "stat_snapshot_no_update")
        c.execute(update(stat_snapshot).where(stat_snapshot.c.id == taken.id).values(figures=changed))
    assert not recompute(room.db, taken.id)


def test_invariant_10_the_first_digit_that_differs_is_named(room):
    exam(room, 6, lost_wei=lambda n: 1.0 if n < 3 else 0.0, lost_okafor=lambda n: 0.0)
    taken = take_snapshot(room.db, room.project)
    changed = json.loads(json.dumps(taken.figures))
    metric = changed["panels"][0]["metrics"]["raw_agreement"]
    assert metric["value"] == 1 - 3 / 54  # 0.9444444444444444
    metric["value"] = 0.9448
    with room.db.write() as c:
        unguard(c, "stat_snapshot", "stat_snapshot_no_update")
        c.execute(update(stat_snapshot).where(stat_snapshot.c.id == taken.id).values(figures=changed))
    told = snapshots.first_difference(room.db, taken.id)
    assert told == (
        "panels[0].metrics.raw_agreement.value was kept as 0.9448 and comes out as 0.9444444444444444: digit 5 differs"
    )


def test_a_room_whose_figures_were_changed_does_not_verify(room):
    exam(room, 5)
    older = take_snapshot(room.db, room.project)
    take_snapshot(room.db, room.project, by="step")
    looked: list[tuple[int, int]] = []
    health = check_room(room.db, room.media, note=lambda done, of: looked.append((done, of)))
    assert (health.figures.ok, health.figures.n, looked) == (True, 2, [(0, 2), (1, 2), (2, 2)])
    with room.db.write() as c:
        unguard(c, "stat_snapshot", "stat_snapshot_no_update")
        figures = {**older.figures, "n_attempts": 6}
        c.execute(update(stat_snapshot).where(stat_snapshot.c.id == older.id).values(figures=figures))
    health = replace(check_room(room.db, room.media), problems=())  # these exams have no recordings
    assert not health.ok
    assert health.audit.ok
    (problem,) = health.figures.problems
    assert older.id in problem
    assert problem.endswith("n_attempts was kept as 6 and comes out as 5: digit 1 differs")


def test_figures_of_another_version_are_left_alone_and_said_to_be(room, monkeypatch):
    exam(room, 5)
    take_snapshot(room.db, room.project)
    monkeypatch.setattr(recount, "__version__", "99.0")
    health = check_room(room.db, room.media)
    assert (health.figures.ok, health.figures.n, health.figures.n_other_version) == (True, 0, 1)


def test_a_panel_that_nothing_was_added_to_is_not_made_again_and_is_the_same(room, monkeypatch):
    exam(room, 6, lost_wei=lambda n: n / 2)
    bea = new_member(room, "bea", "Bea", "rater", "R03")
    for number in range(4):
        attempt_id = add_rated_attempt(room, f"B-{number}", candidate_code=f"T{number:02d}")
        submitted(room, attempt_id, bea, slot=0, lost=number / 2)
        submitted(room, attempt_id, room.okafor, slot=1)
    kept = Kept()
    first = take_snapshot(room.db, room.project, kept=kept)
    made: list[tuple[str, str]] = []
    panel_of = panels.panel_of
    monkeypatch.setattr(
        panels,
        "panel_of",
        lambda grid, pair, **o: made.append((pair.first.name, pair.second.name)) or panel_of(grid, pair, **o),
    )
    # An attempt whose code comes before all others moves the number of every cell.
    early = add_rated_attempt(room, "0-000", candidate_code="A00")
    submitted(room, early, bea, slot=0, lost=1.0)
    submitted(room, early, room.okafor, slot=1)
    second = take_snapshot(room.db, room.project, kept=kept)
    assert made == [("R02", "R03")]
    assert [(p["first"], p["second"]) for p in second.figures["panels"]] == [("R01", "R02"), ("R02", "R03")]
    assert second.figures["panels"][0] == first.figures["panels"][0]
    assert second.figures["panels"][1] != first.figures["panels"][1]
    assert recompute(room.db, first.id)
    assert recompute(room.db, second.id)


def test_panels_made_one_by_one_are_those_of_the_whole_report(room, monkeypatch):
    exam(room, 6, lost_wei=lambda n: n / 2)
    bea = new_member(room, "bea", "Bea", "rater", "R03")
    for number in range(4):
        submitted(room, add_rated_attempt(room, f"B-{number}"), bea, lost=number / 2)
    asked = []
    by_pair = snapshots.agreement_by_pair
    monkeypatch.setattr(
        snapshots, "agreement_by_pair", lambda dataset, *a, **o: asked.append(dataset) or by_pair(dataset, *a, **o)
    )
    taken = take_snapshot(room.db, room.project, seed=3)
    whole = agreement_report(asked[0], seed=3).to_plain()
    assert taken.figures == json.loads(canonical_json(whole))


def test_invariant_10_a_submission_that_was_tampered_with_is_found(room):
    exam(room, 5)
    taken = take_snapshot(room.db, room.project)
    with room.db.write() as c:
        c.execute(text("DROP TRIGGER submission_no_update"))
        c.execute(text("UPDATE submission SET sha256 = 'x' WHERE id = (SELECT min(id) FROM submission)"))
    assert not recompute(room.db, taken.id)


def test_a_snapshot_stays_what_it_was_when_attempts_are_renamed_and_excluded_later(room):
    ids = exam(room, 6)
    taken = take_snapshot(room.db, room.project)
    room.policy(exclusion_needs_second_person=False)
    exclusion.exclude(room.db, room.coordinator, ids[0], "video_unusable")
    with room.db.write() as c:
        c.execute(update(attempt).where(attempt.c.id == ids[1]).values(site="elsewhere"))
    assert recompute(room.db, taken.id)
    now = standing(room.db, room.coordinator, room.project)
    assert (now.n_submissions, now.up_to_date) == (10, False)


def test_the_same_inputs_give_the_snapshot_there_is(room):
    exam(room, 5)
    assert take_snapshot(room.db, room.project).id == take_snapshot(room.db, room.project).id


def test_invariant_2_a_reopened_revision_never_changes_agreement(room):
    exam(room, 4)
    late = add_rated_attempt(room, "A-900", candidate_code="T90")
    given, _ = submitted(room, late, room.wei, lost=2.0)
    submitted(room, late, room.okafor, slot=1)
    before = figures(room)
    reopen(room.db, room.coordinator, given, reason="pressed the wrong key")
    tab = Tab(room, room.wei, given)
    tab.open()
    tab.rate_all(lost=0.0)
    tab.submit()
    assert figures(room) == before
    assert standing(room.db, room.coordinator, room.project).up_to_date


def test_invariant_9_ai_assisted_ratings_and_models_are_never_in_human_agreement(room):
    exam(room, 5)
    before = figures(room)
    sheets = [model_sheet(f"A-{number:03d}", lost=2) for number in range(5)]
    add_model_sheets(room.db, model_runner(room), room.project, sheets)
    helped = add_rated_attempt(room, "A-800")
    for slot, rater in enumerate((room.wei, room.okafor)):
        submitted(room, helped, rater, slot=slot, purpose="ai_assisted", lost=2.0 * slot)
    assert figures(room) == before


def test_repeats_and_calibration_are_not_in_agreement(room):
    exam(room, 5)
    before = figures(room)
    again = add_rated_attempt(room, "G-001", gold=True)
    for rater in (room.wei, room.okafor):
        submitted(room, again, rater, purpose="calibration", lost=1.0)
    assert figures(room) == before


def test_invariant_3_two_versions_of_a_rubric_are_refused_and_not_compared(room):
    exam(room, 3)
    other = rubrics.builtin_document("aed-adult").decode().replace("version: 0.1.0", "version: 0.2.0", 1)
    version = rubrics.publish_rubric(room.db, room.owner, other)
    assert version.version == "0.2.0"
    rubrics.set_project_rubrics(room.db, room.owner, room.project, [version.id])
    of_the_new = add_rated_attempt(room, "B-001", rubrics=None)
    for slot, rater in enumerate((room.wei, room.okafor)):
        submitted(room, of_the_new, rater, slot=slot)
    assert figures(room) == {"undefined": "two_rubric_versions"}


def test_what_cannot_be_said_yet_has_a_reason(room):
    attempt_id = add_rated_attempt(room, "B-001")
    submitted(room, attempt_id, room.wei)
    assert figures(room) == {"undefined": "too_few"}
    exam(room, 5)
    with room.db.write() as c:
        c.execute(update(attempt).values(site=None))
    assert figures(room, by="site") == {"undefined": "no_site"}


def test_standing_counts_nothing_and_says_how_many_sheets_came_since(room):
    exam(room, 5)
    first = standing(room.db, room.coordinator, room.project)
    assert (first.snapshot, first.n_submissions, first.up_to_date) == (None, 10, False)
    taken = take_snapshot(room.db, room.project)
    assert standing(room.db, room.coordinator, room.project).up_to_date
    submitted(room, add_rated_attempt(room, "A-900"), room.wei)
    now = standing(room.db, room.coordinator, room.project)
    assert now.snapshot == taken
    assert (now.n_submissions, now.snapshot.n_submissions, now.up_to_date) == (11, 10, False)


def test_an_attempt_without_ratings_does_not_make_figures_old(room):
    exam(room, 5)
    take_snapshot(room.db, room.project)
    add_rated_attempt(room, "A-900")
    assert standing(room.db, room.coordinator, room.project).up_to_date


def test_sheets_once_read_are_not_read_again(room):
    exam(room, 5)
    kept = Kept()
    first = take_snapshot(room.db, room.project, kept=kept)
    read = dict(kept.sheets._sheets)
    submitted(room, add_rated_attempt(room, "A-900"), room.wei)
    take_snapshot(room.db, room.project, kept=kept)
    assert len(kept.sheets._sheets) == 11
    assert all(kept.sheets._sheets[name] is sheets for name, sheets in read.items())
    assert recompute(room.db, first.id)


def test_statistics_are_for_owner_coordinator_and_analyst(room):
    for actor in (room.owner, room.coordinator, room.analyst):
        standing(room.db, actor, room.project)
    for actor in (room.wei, room.lin, room.auditor):
        with pytest.raises(NotAllowedError):
            standing(room.db, actor, room.project)
    with pytest.raises(NotFoundError):
        recompute(room.db, "st_nothing")


def test_work_that_was_only_begun_is_nowhere(room):
    exam(room, 4)
    before = figures(room)
    tab = Tab(room, room.wei, give(room, add_rated_attempt(room, "A-900"), room.wei))
    tab.open()
    tab.rate_all(lost=2.0)
    assert figures(room) == before


def test_the_third_rater_of_an_attempt_counts_too(room):
    ids = exam(room, 5)
    bea = new_member(room, "bea", "Bea", "rater", "R03")
    for attempt_id in ids:
        submitted(room, attempt_id, bea, slot=2, purpose="link")
    assert [(p["first"], p["second"]) for p in figures(room)["panels"]] == [
        ("R01", "R02"),
        ("R01", "R03"),
        ("R02", "R03"),
    ]
