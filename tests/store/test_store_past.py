"""Who has a past with an attempt does not rate it: what he saw, whom he knows, and what is gone over with a reason."""

from __future__ import annotations

import pytest
from exams import new_member
from rating_rooms import Tab, add_rated_attempt, give, gone_over, submitted

from siming.errors import InputError
from siming.rubric import Author, Entry, Sheet
from siming.store import Actor
from siming.store.accounts import people
from siming.store.blind.assignments import Planned, assign, assignments, reassign
from siming.store.blind.calibration import add_gold
from siming.store.blind.past import seen_ratings
from siming.store.blind.planning import PlanOptions, assign_calibration, give_out, propose
from siming.store.cases import case_view, cases
from siming.store.figures.model_runs import add_model_sheets
from siming.store.projects import members
from siming.store.projects.rubrics import get_rubric


def refused(room, attempt: str, who: Actor, **more) -> str | None:
    with pytest.raises(InputError) as caught:
        give(room, attempt, who, **more)
    return caught.value.code


def becomes(room, login: str, *roles: str, **details) -> Actor:
    """The same person with other roles."""
    members.change_member(room.db, room.owner, room.members[login], roles=list(roles), **details)
    return room.again(getattr(room, login))


def sheets(room, code: str, author: Author) -> list[Sheet]:
    paper = next(get_rubric(room.db, v.id) for v in room.rubrics if v.rubric == "aed-adult")
    entries = {step.id: Entry(points=step.max_points) for step in paper.steps}
    return [Sheet(attempt=code, rubric=paper.id, rubric_version=paper.version, author=author, steps=entries)]


def disputed(room, code: str = "A-001") -> str:
    """An attempt that Wei and Okafor have locked and do not agree on."""
    attempt = add_rated_attempt(room, code)
    submitted(room, attempt, room.wei, lost=1.0, slot=0)
    submitted(room, attempt, room.okafor, lost=2.0, slot=1)
    return attempt


def test_who_has_decided_a_step_of_it_cannot_rate_it_any_more(room):
    """Inspection of 2026-11-21, gap 5: Lin decided A-1, was then given it, and stood among the independent ratings."""
    attempt = disputed(room)
    lin = becomes(room, "lin", "rater", "adjudicator")
    (line,) = case_view.list_cases(room.db, lin, room.project).lines
    step = next(s for s in case_view.view_case(room.db, lin, line.id).steps if s.state == "open")
    pen = cases.take_case(room.db, lin, line.id)
    cases.decide(
        room.db, lin, line.id, fence=pen.fence, version=pen.version, rubric=step.rubric, step=step.step, choice="first",
        rationale="seen",
    )  # fmt: skip
    lin = becomes(room, "lin", "rater")
    assert refused(room, attempt, lin, slot=2) == "plan_seen"
    other = give(room, add_rated_attempt(room, "A-002"), room.wei)
    assert reassign(room.db, room.coordinator, other, lin.id, reason="ill")  # of anything else he is free


def test_an_adjudicator_could_read_every_open_case_and_rates_none_of_them(room):
    attempt = disputed(room)
    lin = becomes(room, "lin", "rater", "adjudicator")
    assert refused(room, attempt, lin, slot=2) == "plan_seen"


def test_who_rates_before_there_is_a_case_stays_a_rater_of_it(room):
    attempt = add_rated_attempt(room)
    lin = becomes(room, "lin", "rater", "adjudicator")
    third = give(room, attempt, lin, slot=2)
    submitted(room, attempt, room.wei, lost=1.0, slot=0)
    submitted(room, attempt, room.okafor, lost=2.0, slot=1)
    with room.db.read() as c:
        assert (lin.id, attempt) not in seen_ratings(c, room.project)
    tab = Tab(room, lin, third)
    tab.open()
    tab.rate_all()
    tab.submit()
    room.clock.pass_by(days=1)
    assert give(room, attempt, lin, slot=2, purpose="repeat")


def test_a_rater_of_a_joint_case_does_not_repeat_what_they_spoke_about(room):
    room.policy(mode="joint")
    attempt = disputed(room)
    assert refused(room, attempt, room.wei, purpose="repeat") == "plan_seen"
    found = propose(room.db, room.coordinator, room.project, PlanOptions(repeat_share=1.0))
    assert [one.purpose for one in found.new] == []


def test_who_brought_in_a_models_sheets_or_the_panels_does_not_rate_it(room):
    attempt, gold = add_rated_attempt(room, "A-001"), add_rated_attempt(room, "G-001", gold=True)
    runner = new_member(room, "run", "Run", "model_runner", "M01")
    add_model_sheets(room.db, runner, room.project, sheets(room, "A-001", Author(kind="model", name="m")))
    add_gold(room.db, room.coordinator, gold, sheets(room, "G-001", Author(kind="consensus", name="p")), source="panel")
    with room.db.read() as c:
        assert seen_ratings(c, room.project) == {(runner.id, attempt), (room.coordinator.id, gold)}


@pytest.mark.parametrize("what", ["a model's sheets", "the panel's"])
def test_who_could_see_a_models_sheets_or_the_panels_does_not_become_a_rater(room, what):
    """Nothing of a rater is locked yet; there is something to see all the same."""
    code = "A-001"
    attempt = add_rated_attempt(room, code)
    if what == "the panel's":
        add_gold(room.db, room.coordinator, attempt, sheets(room, code, Author(kind="consensus", name="p")), source="x")
    else:
        runner = new_member(room, "run", "Run", "model_runner", "M01")
        add_model_sheets(room.db, runner, room.project, sheets(room, code, Author(kind="model", name="m")))
    for login in ("analyst", "coordinator"):
        with pytest.raises(InputError) as caught:
            members.change_member(room.db, room.owner, room.members[login], roles=["rater"])
        assert caught.value.code == "has_seen"


def test_the_planner_leaves_out_who_has_seen_it(room):
    attempt = disputed(room)
    lin = becomes(room, "lin", "rater", "adjudicator")
    others = [add_rated_attempt(room, f"A-1{n}") for n in range(3)]
    options = PlanOptions(raters_per_attempt=3, link_attempts=4, repeat_share=0)
    found = propose(room.db, room.coordinator, room.project, options)
    his = {one.attempt for one in found.new if one.rater == lin.id}
    assert his == set(others)
    assert attempt not in his
    assert give_out(room.db, room.coordinator, room.project, options, mark=found.mark) == len(found.new)


def test_the_gold_videos_are_not_given_to_who_is_in_conflict_with_them(room):
    add_rated_attempt(room, "G-001", gold=True)
    becomes(room, "wei", "rater", conflicts=["G-001"])
    assert assign_calibration(room.db, room.coordinator, room.project) == 1
    (given,) = assignments(room.db, room.coordinator, room.project)
    assert given.rater == room.okafor.id


# --- what can be gone over with a reason ----------------------------------------------------------------------------


def test_an_attempt_of_the_raters_own_site_is_refused_as_the_planner_refuses_it(room):
    """Inspection of 2026-11-21, gap 25: only the planner looked."""
    attempt = add_rated_attempt(room, site="north")
    becomes(room, "okafor", "rater", site="north")
    assert refused(room, attempt, room.okafor) == "plan_same_site"
    given = give(room, attempt, room.wei)
    with pytest.raises(InputError) as caught:
        reassign(room.db, room.coordinator, given, room.okafor.id, reason="ill")
    assert caught.value.code == "plan_same_site"
    assert [a.state for a in assignments(room.db, room.coordinator, room.project)] == ["queued"]  # nothing was moved
    made = reassign(room.db, room.coordinator, given, room.okafor.id, reason="nobody else", despite=["same_site"])
    (line,) = gone_over(room)
    assert (line["despite"], line["reason"], line["assignments"]) == ("same_site", "nobody else", [made])


def test_a_candidate_whom_the_rater_knows_is_a_conflict_as_the_planner_has_it(room):
    attempt = add_rated_attempt(room, candidate_code="T-007")
    becomes(room, "wei", "rater", conflicts=["T-007"])
    assert refused(room, attempt, room.wei) == "plan_conflict"
    assert refused(room, attempt, room.wei, despite=["same_site"], reason="for another cause") == "plan_conflict"
    assert refused(room, attempt, room.wei, despite=["conflict"]) == "text_missing"
    assert give(room, attempt, room.wei, despite=["conflict"], reason="taught him once, in 2019")
    assert [line["despite"] for line in gone_over(room)] == ["conflict"]


def test_what_was_not_in_the_way_is_not_written_down_as_gone_over(room):
    give(room, add_rated_attempt(room), room.wei, despite=["conflict", "same_site"], reason="just in case")
    assert gone_over(room) == []


def test_a_plan_that_lets_raters_rate_their_own_site_says_so_in_the_audit(room):
    for n in range(2):
        add_rated_attempt(room, f"A-{n}", site="north", candidate_code=f"T{n}")
    becomes(room, "okafor", "rater", site="north")
    options = PlanOptions(repeat_share=0, same_site_allowed=True)
    found = propose(room.db, room.coordinator, room.project, options)
    assert give_out(room.db, room.coordinator, room.project, options, mark=found.mark) == 4
    assert [(line["despite"], line["n"]) for line in gone_over(room)] == [("same_site", 2)]


def test_nothing_goes_over_what_somebody_has_seen(room):
    attempt = disputed(room)
    lin = becomes(room, "lin", "rater", "adjudicator")
    everything = {"despite": ["same_site", "conflict", "early_repeat"], "reason": "we have nobody else"}
    assert refused(room, attempt, lin, slot=2, **everything) == "plan_seen"
    with pytest.raises(InputError):
        assign(room.db, room.coordinator, room.project, [Planned(attempt, lin.id, 2)], **everything)
    assert people.actor_of(room.db, lin.id).roles[room.project] == {"rater", "adjudicator"}
