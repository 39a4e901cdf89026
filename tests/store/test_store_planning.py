"""Plans: looked at first, given out exactly so, and what a project will be able to say before its first video."""

from __future__ import annotations

import pytest
from exams import new_member
from rating_rooms import Tab, add_rated_attempt, submitted

from siming.errors import ConflictError, InputError, NotAllowedError
from siming.store.blind.assignments import AFTER_THE_FIRST, assignments, set_due, withdraw
from siming.store.blind.planning import (
    MOST_VIDEOS,
    PlanOptions,
    forecast,
    give_out,
    given_out,
    propose,
    raters_of,
)
from siming.store.blind.queue import queue
from siming.store.media import attempts
from siming.store.projects import members


def exam_of(room, n: int) -> list[str]:
    return [add_rated_attempt(room, f"A-{k:03d}", candidate_code=f"T{k}") for k in range(n)]


def give_all(room, **options) -> int:
    wanted = PlanOptions(**options)
    found = propose(room.db, room.coordinator, room.project, wanted)
    return give_out(room.db, room.coordinator, room.project, wanted, mark=found.mark)


def test_two_hundred_videos_say_what_they_will_be_able_to_say_before_the_first_one_is_there(room):
    plan = forecast(room.db, room.coordinator, room.project, PlanOptions(), videos=200, raters=6)
    assert (plan.n_attempts, plan.n_double) == (200, 200)
    assert plan.connections.connected
    # 33 steps of three rubrics, as the assumptions of the planner have it: QWK to about 0.04
    assert plan.forecast.assumptions.cells_per_attempt == 33
    assert plan.forecast.qwk_half_width.value == pytest.approx(0.04, abs=0.01)
    assert plan.forecast.qwk_half_width.n == 200
    assert all(line.attempts == pytest.approx(70, abs=2) for line in plan.workload)  # 2 x 200 / 6, and 5 % repeats


@pytest.mark.parametrize("wrong", [{"videos": 0}, {"videos": MOST_VIDEOS + 1}, {"raters": 0}, {"raters": 10_000}])
def test_a_forecast_refuses_numbers_that_cannot_be(room, wrong):
    with pytest.raises(InputError) as caught:
        forecast(room.db, room.coordinator, room.project, PlanOptions(), **{"videos": 10, "raters": 2, **wrong})
    assert caught.value.code == "forecast_range"


def test_a_project_without_a_ready_video_is_told_what_to_do(room):
    attempts.add_attempt(room.db, room.coordinator, room.project, code="A-000")
    with pytest.raises(InputError) as caught:
        propose(room.db, room.coordinator, room.project, PlanOptions())
    assert caught.value.code == "plan_no_attempts"


def test_what_was_looked_at_is_what_is_given_out(room):
    exam_of(room, 6)
    found = propose(room.db, room.coordinator, room.project, PlanOptions(repeat_share=0))
    assert give_out(room.db, room.coordinator, room.project, PlanOptions(repeat_share=0), mark=found.mark) == 12
    made = {(a.attempt, a.rater, a.slot, a.position) for a in assignments(room.db, room.coordinator, room.project)}
    assert made == {(p.attempt, p.rater, p.slot, p.position) for p in found.new}
    assert propose(room.db, room.coordinator, room.project, PlanOptions(repeat_share=0)).new == ()


def test_what_has_moved_on_is_not_given_out_unseen(room):
    exam_of(room, 4)
    found = propose(room.db, room.coordinator, room.project, PlanOptions())
    add_rated_attempt(room, "A-900")
    with pytest.raises(ConflictError) as caught:
        give_out(room.db, room.coordinator, room.project, PlanOptions(), mark=found.mark)
    assert caught.value.code == "plan_changed"
    assert assignments(room.db, room.coordinator, room.project) == ()


def test_new_videos_are_added_and_nothing_that_stands_is_moved(room):
    exam_of(room, 4)
    give_all(room, repeat_share=0)
    before = assignments(room.db, room.coordinator, room.project)
    add_rated_attempt(room, "A-900")
    assert give_all(room, repeat_share=0) == 2
    after = assignments(room.db, room.coordinator, room.project)
    assert [a for a in after if a.attempt_code != "A-900"] == list(before)


def test_attempts_that_are_not_ready_are_named_and_not_planned(room):
    exam_of(room, 2)
    attempts.add_attempt(room.db, room.coordinator, room.project, code="A-900")
    found = propose(room.db, room.coordinator, room.project, PlanOptions())
    assert found.not_ready == ("A-900",)
    assert found.plan.n_attempts == 2


def test_the_forecast_of_a_plan_counts_the_steps_of_its_own_rubrics(room):
    exam_of(room, 2)  # AED alone: 9 steps
    found = propose(room.db, room.coordinator, room.project, PlanOptions())
    assert found.plan.forecast.assumptions.cells_per_attempt == 9


def test_who_left_is_replaced_where_he_had_not_begun_and_kept_where_he_had(room):
    exam_of(room, 4)
    new_member(room, "bea", "Bea", "rater", "R03")
    give_all(room, repeat_share=0)
    given = [a for a in assignments(room.db, room.coordinator, room.project) if a.rater == room.wei.id]
    begun = given[0]
    Tab(room, room.wei, begun.id).open()
    members.end_membership(room.db, room.owner, room.members["wei"])
    found = propose(room.db, room.coordinator, room.project, PlanOptions(repeat_share=0))
    assert {one.id for one in found.replaced} == {one.id for one in given[1:]}
    give_out(room.db, room.coordinator, room.project, PlanOptions(repeat_share=0), mark=found.mark)
    now = assignments(room.db, room.coordinator, room.project)
    assert [a.state for a in now if a.rater == room.wei.id].count("withdrawn") == len(given) - 1
    seated = {a.attempt: 0 for a in now}
    for a in now:
        seated[a.attempt] += a.state != "withdrawn"
    assert set(seated.values()) == {2}


def test_a_repeat_waits_two_weeks_from_the_first_rating_and_not_from_the_plan(room):
    exam_of(room, 4)
    give_all(room, repeat_share=1.0, not_before_days=14)
    repeats = [a for a in assignments(room.db, room.coordinator, room.project) if a.purpose == "repeat"]
    assert repeats
    assert {a.not_before for a in repeats} == {AFTER_THE_FIRST}
    one = repeats[0]
    rater = room.wei if one.rater == room.wei.id else room.okafor
    first = next(
        a for a in assignments(room.db, room.coordinator, room.project)
        if a.attempt == one.attempt and a.rater == one.rater and a.purpose == "score"
    )  # fmt: skip
    room.clock.pass_by(days=20)  # the plan is old by now, the first rating is not there yet
    assert one.id not in {card.id for card in queue(room.db, rater).cards}
    tab = Tab(room, rater, first.id)
    tab.open()
    tab.rate_all()
    tab.submit()
    room.clock.pass_by(days=13.9)
    assert one.id not in {card.id for card in queue(room.db, rater).cards}
    room.clock.pass_by(days=0.2)
    (card,) = [card for card in queue(room.db, rater).cards if card.id == one.id]
    assert card.purpose == "score"  # a repeat that is named as one is none


def test_a_repeat_that_is_planned_after_its_first_rating_counts_from_that(room):
    attempt = exam_of(room, 1)[0]
    submitted(room, attempt, room.wei)
    room.clock.pass_by(days=10)
    give_all(room, repeat_share=1.0)
    (repeat,) = [
        a for a in assignments(room.db, room.coordinator, room.project)
        if a.purpose == "repeat" and a.rater == room.wei.id
    ]  # fmt: skip
    assert repeat.not_before.startswith("2026-03-15")


def test_a_repeat_is_due_as_many_days_after_it_opens_as_a_first_rating_after_the_plan(room):
    exam_of(room, 4)
    give_all(room, repeat_share=1.0, not_before_days=14, due_days=14)
    repeat = next(a for a in assignments(room.db, room.coordinator, room.project) if a.purpose == "repeat")
    assert repeat.due_at.startswith("2026-03-29")  # 14 days of waiting and 14 to do it, were the first rated today
    rater = room.wei if repeat.rater == room.wei.id else room.okafor
    first = next(
        a for a in assignments(room.db, room.coordinator, room.project)
        if a.attempt == repeat.attempt and a.rater == repeat.rater and a.purpose == "score"
    )  # fmt: skip
    assert first.due_at.startswith("2026-03-15")
    room.clock.pass_by(days=20)
    tab = Tab(room, rater, first.id)
    tab.open()
    tab.rate_all()
    tab.submit()
    opened = next(a for a in assignments(room.db, room.coordinator, room.project) if a.id == repeat.id)
    assert (opened.not_before[:10], opened.due_at[:10]) == ("2026-04-04", "2026-04-18")


def test_the_list_of_what_is_given_out_is_read_a_page_at_a_time(room):
    exam_of(room, 5)
    give_all(room, repeat_share=0)
    found = given_out(room.db, room.coordinator, room.project, per_page=4, page=3)
    assert (found.total, found.page, found.pages, len(found.lines)) == (10, 3, 3, 2)
    assert found.counts == (("score", "queued", 10),)
    mine = given_out(room.db, room.coordinator, room.project, rater=room.wei.id, text="a-003")
    assert [(line.attempt_code, line.rater) for line in mine.lines] == [("A-003", room.wei.id)]
    withdraw(room.db, room.coordinator, mine.lines[0].id, reason="ill")
    assert given_out(room.db, room.coordinator, room.project).total == 9
    assert given_out(room.db, room.coordinator, room.project, state="withdrawn").total == 1
    wei, okafor = raters_of(room.db, room.coordinator, room.project)
    assert (wei.code, wei.given, wei.submitted, okafor.given) == ("R01", 4, 0, 5)


def test_a_due_date_is_set_moved_and_taken_away(room):
    exam_of(room, 1)
    give_all(room, repeat_share=0, due_days=10)
    one = assignments(room.db, room.coordinator, room.project)[0]
    assert one.due_at.startswith("2026-03-11")
    set_due(room.db, room.coordinator, one.id, "2026-04-01T08:00:00.000000Z")
    set_due(room.db, room.coordinator, assignments(room.db, room.coordinator, room.project)[1].id, None)
    dues = [a.due_at for a in assignments(room.db, room.coordinator, room.project)]
    assert dues == ["2026-04-01T08:00:00.000000Z", None]
    with pytest.raises(InputError):
        set_due(room.db, room.coordinator, one.id, "tomorrow")


def test_a_rater_sees_nothing_of_the_plan(room):
    exam_of(room, 2)
    for actor in (room.wei, room.lin, room.analyst, room.auditor):
        for look in (
            lambda a: propose(room.db, a, room.project, PlanOptions()),
            lambda a: forecast(room.db, a, room.project, PlanOptions(), videos=5, raters=2),
            lambda a: given_out(room.db, a, room.project),
            lambda a: raters_of(room.db, a, room.project),
        ):
            with pytest.raises(NotAllowedError):
                look(actor)
