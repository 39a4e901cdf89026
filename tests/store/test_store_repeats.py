"""Re-rating: a rater rates an attempt once more, without what he gave first, and is held against himself alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rating_rooms import Tab, add_rated_attempt, give, gone_over, submitted

from siming.errors import ConflictError, InputError
from siming.rating import agreement_report
from siming.rating.ratings import read_ratings
from siming.store.blind.assignments import AFTER_THE_FIRST, assignments, withdraw
from siming.store.blind.lease import open_assignment, rating_view
from siming.store.blind.planning import PlanOptions, give_out, propose
from siming.store.blind.queue import queue
from siming.store.blind.submissions import receipts, reopen
from siming.store.blind.summary import summary
from siming.store.cases.pairs import INDEPENDENT
from siming.store.figures.release import export_dataset
from siming.store.figures.snapshots import recompute, take_snapshot
from siming.store.schema import attempt as attempt_table


def rates(room, who, assignment: str, *, lost: float) -> None:
    tab = Tab(room, who, assignment)
    tab.open(take_over=True)
    tab.rate_all(lost=lost)
    tab.submit()


@pytest.fixture
def planned(room) -> tuple[str, str, str]:
    """Wei locked A-031 and A-032; a repeat of A-031 is planned. The first assignment, the other one, the repeat."""
    attempt = add_rated_attempt(room)
    first, _ = submitted(room, attempt, room.wei, lost=2.0)
    other, _ = submitted(room, add_rated_attempt(room, "A-032"), room.wei, lost=1.0)
    return first, other, give(room, attempt, room.wei, purpose="repeat")


def codes(room, *, finished: bool) -> list[str]:
    return [card.attempt_code for card in queue(room.db, room.wei, finished=finished).cards]


def test_what_he_gave_first_is_closed_to_a_rater_while_a_repeat_of_it_waits_or_is_open(room, planned):
    """Inspection of 2026-11-21, gap 9: the first sheet could be read whole beside the repeat."""
    first, _, repeat = planned
    for turn in ("waits", "may be opened", "is open"):
        for look in (rating_view, summary):
            with pytest.raises(ConflictError) as caught:
                look(room.db, room.wei, first)
            assert caught.value.code == "finished_shut", turn
        with pytest.raises(ConflictError):
            open_assignment(room.db, room.wei, first, client="weis-tab")
        (receipt,) = receipts(room.db, room.wei, first)
        assert receipt.sha256  # the proof stays his
        assert set(receipt.points.values()) == {None}
        assert codes(room, finished=True) == [], "what comes again stands nowhere else by its name"
        if turn == "waits":
            room.clock.pass_by(days=15)
        elif turn == "may be opened":
            assert codes(room, finished=False) == ["A-031"]
            Tab(room, room.wei, repeat).open()
    rates(room, room.wei, repeat, lost=3.0)
    assert set(summary(room.db, room.wei, first).totals) == {"aed-adult"}
    assert all(points is not None for points in receipts(room.db, room.wei, first)[0].points.values())
    assert sorted(codes(room, finished=True)) == ["A-031", "A-031", "A-032"]


def test_what_is_closed_does_not_tell_which_attempt_comes_again(room, planned):
    first, other, repeat = planned
    told = []
    for assignment in (first, other):
        with pytest.raises(ConflictError) as caught:
            rating_view(room.db, room.wei, assignment)
        told.append((caught.value.code, str(caught.value)))
    assert told[0] == told[1]
    found = queue(room.db, room.wei, finished=True)
    assert (found.cards, found.n_finished, found.n_shut) == ((), 2, 2)
    withdraw(room.db, room.coordinator, repeat, reason="not wanted any more")
    assert rating_view(room.db, room.wei, other).state == "submitted"


def test_another_project_and_another_rater_are_not_closed(room, planned):
    attempt = next(a.attempt for a in assignments(room.db, room.coordinator, room.project) if a.attempt_code == "A-032")
    own, _ = submitted(room, attempt, room.okafor, slot=1)
    assert rating_view(room.db, room.okafor, own).draft


def test_a_repeat_of_an_excluded_attempt_closes_nothing(room, planned):
    with room.db.write() as c:
        c.execute(attempt_table.update().where(attempt_table.c.code == "A-031").values(state="excluded"))
    assert rating_view(room.db, room.wei, planned[1]).draft


def test_no_sign_of_life_or_second_sending_tells_anything_of_what_is_closed(room):
    attempt = add_rated_attempt(room)
    tab = Tab(room, room.wei, give(room, attempt, room.wei))
    tab.open()
    tab.rate_all(lost=2.0)
    tab.submit()
    sent = tab.sent[-3:]
    give(room, attempt, room.wei, purpose="repeat")
    for batch in ((), sent):
        with pytest.raises(ConflictError) as caught:
            tab.save(*batch)
        assert caught.value.kind in ("locked", "stale_writer")


def test_work_with_a_repeat_ahead_is_not_reopened_and_reopened_work_is_not_repeated(room, planned):
    first, other, _ = planned
    with pytest.raises(ConflictError) as caught:
        reopen(room.db, room.coordinator, first, reason="the sound was off")
    assert caught.value.code == "repeat_waits"
    reopen(room.db, room.coordinator, other, reason="the sound was off")
    attempt = next(a.attempt for a in assignments(room.db, room.coordinator, room.project) if a.id == other)
    with pytest.raises(InputError) as refused:
        give(room, attempt, room.wei, purpose="repeat")
    assert refused.value.code == "plan_repeat_open"
    found = propose(room.db, room.coordinator, room.project, PlanOptions(repeat_share=1.0, raters_per_attempt=1))
    assert attempt not in {one.attempt for one in found.new if one.purpose == "repeat" and one.rater == room.wei.id}


# --- when -----------------------------------------------------------------------------------------------------------


def test_a_repeat_waits_two_weeks_whoever_plans_it_and_however(room):
    attempt = add_rated_attempt(room)
    submitted(room, attempt, room.wei)
    give(room, attempt, room.wei, purpose="repeat", not_before="2026-03-02T00:00:00.000000Z")
    (repeat,) = [a for a in assignments(room.db, room.coordinator, room.project) if a.purpose == "repeat"]
    assert repeat.not_before.startswith("2026-03-15")


@pytest.mark.parametrize("days", [0, 13])
def test_fewer_days_need_a_reason_that_the_audit_keeps(room, days):
    attempt = add_rated_attempt(room)
    submitted(room, attempt, room.wei)
    with pytest.raises(InputError) as caught:
        give(room, attempt, room.wei, purpose="repeat", wait_days=days)
    assert caught.value.code == "plan_repeat_early"
    give(room, attempt, room.wei, purpose="repeat", wait_days=days, despite=["early_repeat"], reason="a dry run")
    (line,) = gone_over(room)
    assert (line["despite"], line["reason"]) == ("early_repeat", "a dry run")


def test_the_planner_refuses_fewer_days_without_a_reason(room):
    for n in range(4):
        add_rated_attempt(room, f"A-{n}", candidate_code=f"T{n}")
    with pytest.raises(InputError) as caught:
        propose(room.db, room.coordinator, room.project, PlanOptions(repeat_share=0.5, not_before_days=0))
    assert caught.value.code == "plan_repeat_early"
    assert propose(room.db, room.coordinator, room.project, PlanOptions(repeat_share=0, not_before_days=0)).new
    options = PlanOptions(repeat_share=0.5, not_before_days=3, early_because="the exam ends on Friday")
    found = propose(room.db, room.coordinator, room.project, options)
    give_out(room.db, room.coordinator, room.project, options, mark=found.mark)
    repeats = [a for a in assignments(room.db, room.coordinator, room.project) if a.purpose == "repeat"]
    assert {a.not_before for a in repeats} == {AFTER_THE_FIRST}
    (line,) = gone_over(room)
    assert (line["reason"], line["n"]) == ("the exam ends on Friday", len(repeats))


# --- what becomes of it ---------------------------------------------------------------------------------------------


@pytest.fixture
def repeated(room):
    """Four attempts that Wei and Okafor rated; Wei rated two of them again."""
    for n in range(4):
        attempt = add_rated_attempt(room, f"A-{n}", candidate_code=f"T{n}", site="north")
        submitted(room, attempt, room.wei, lost=float(n), slot=0)
        submitted(room, attempt, room.okafor, lost=float(n // 2), slot=1)
        if n < 2:
            again = give(room, attempt, room.wei, purpose="repeat")
            room.clock.pass_by(days=15)
            rates(room, room.wei, again, lost=float(n + 1))
    return room


def test_repeats_enter_the_effects_as_repeats_and_nothing_else(repeated):
    room = repeated
    effects = take_snapshot(room.db, room.project, kind="effects")
    found = {one["rater"]: one["metrics"] for one in effects.figures["repeats"]}
    assert {n["n"] for n in found["R01"].values()} == {18}  # 2 attempts of 9 steps, twice
    assert all(not metric["n"] for metric in found["R02"].values())
    assert effects.configuration["purposes"] == [*INDEPENDENT, "repeat"]
    assert effects.n_submissions == 10
    assert recompute(room.db, effects.id)
    agreement = take_snapshot(room.db, room.project, kind="agreement")
    assert (agreement.n_submissions, agreement.configuration["purposes"]) == (8, list(INDEPENDENT))


def test_effects_other_than_repeats_are_the_same_as_without_them(room):
    """Severity, drift and all the rest stand on first sheets, whatever was rated again."""
    ids = []
    for n in range(4):
        attempt = add_rated_attempt(room, f"A-{n}", candidate_code=f"T{n}", site="north")
        submitted(room, attempt, room.wei, lost=float(n), slot=0)
        submitted(room, attempt, room.okafor, lost=float(n // 2), slot=1)
        ids.append(attempt)
    before = dict(take_snapshot(room.db, room.project, kind="effects").figures)
    again = give(room, ids[0], room.wei, purpose="repeat")
    room.clock.pass_by(days=15)
    rates(room, room.wei, again, lost=5.0)
    after = dict(take_snapshot(room.db, room.project, kind="effects").figures)
    assert after["repeats"]
    assert not before["repeats"]
    for figures in (before, after):
        for name in ("repeats", "repeats_reason", "words"):
            figures.pop(name)
    assert after == before


def test_an_export_holds_repeats_where_they_are_asked_for_and_marks_them(repeated):
    room = repeated
    usual = export_dataset(room.db, room.coordinator, room.project, form="siming")
    assert not any(sheet.is_repeat for sheet in usual.sheets)
    whole = export_dataset(room.db, room.coordinator, room.project, what=("first", "repeat"), form="siming")
    marked = [sheet for sheet in whole.sheets if sheet.is_repeat]
    assert [(s.attempt, s.author.name, s.to_plain()["purpose"]) for s in marked] == [
        ("A-0", "R01", "repeat"),
        ("A-1", "R01", "repeat"),
    ]
    # Whoever reads the file has them as repeats too, and agreement does not move.
    assert len(read_ratings(whole).repeats) == 2
    assert (
        agreement_report(whole, by="pair", seed=0).to_plain() == agreement_report(usual, by="pair", seed=0).to_plain()
    )
    assert not any(s.is_repeat for s in export_dataset(
        room.db, room.coordinator, room.project, what=("first", "repeat"), form="csv"
    ).sheets)  # fmt: skip


def test_a_repeat_is_a_repeat_whatever_its_clock_says(repeated):
    room = repeated
    whole = export_dataset(room.db, room.coordinator, room.project, what=("first", "repeat"), form="siming")
    turned = [
        sheet.model_copy(update={"submitted_at": "2020-01-01T00:00:00Z"}) if sheet.is_repeat else sheet
        for sheet in whole.sheets
    ]
    found = read_ratings(replace(whole, sheets=turned)).repeats
    assert [sheet.is_repeat for sheet in found] == [True, True]
