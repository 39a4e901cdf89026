"""A case from opening to confirmation: the pen, the fence, the version, and what becomes of words that came too late."""

from __future__ import annotations

import threading

import pytest
from rating_rooms import unguard
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from works import add_attempt, assign, lock_work, rated_twice

from siming.errors import ConflictError, InputError, NotFoundError
from siming.rubric import Entry
from siming.store import audit
from siming.store.accounts import invitations, people
from siming.store.cases.case_opening import open_missing_cases
from siming.store.cases.case_view import list_cases, view_case
from siming.store.cases.cases import (
    close_case,
    confirm,
    decide,
    heartbeat,
    release_case,
    reopen_agreed,
    take_case,
    undo,
)
from siming.store.projects import members
from siming.store.schema import adjudication_case, assignment, decision, late_write

AED = "aed-adult"
BLANK = Entry(status="cannot_judge", reason="view_blocked")
WEI = {"aed02": 8, "aed04": 0, "aed07": BLANK}
OKAFOR = {"aed02": 10, "aed04": 18, "aed07": 16}
"""Three steps differ: aed02 by points, aed04 critically, aed07 was blank to Wei."""


@pytest.fixture
def case(room):
    rated_twice(room, WEI, OKAFOR)
    return only_case(room)


def only_case(room):
    with room.db.read() as c:
        return c.execute(select(adjudication_case.c.id)).scalar_one()


def second_adjudicator(room, *, login="moreau", roles=("adjudicator",), code="A02"):
    made, _ = invitations.create_person(room.db, room.owner, login=login, name=login.title())
    members.add_member(room.db, room.owner, room.project, person_id=made.id, roles=list(roles), code=code)
    return people.actor_of(room.db, made.id)


def settle(room, who, case, pen, *, steps=("aed02", "aed04", "aed07"), **options):
    """Decide on steps for the rater on the left."""
    for step in steps:
        pen = decide(
            room.db, who, case, fence=pen.fence, version=pen.version, rubric=AED, step=step, choice="first",
            **{"template": "evidence_clearer", **options},
        )  # fmt: skip
    return pen


# --- opening --------------------------------------------------------------------------------------------------------


def test_a_case_opens_by_itself_when_the_second_work_is_locked(room):
    made = add_attempt(room)
    first, second = assign(room, room.wei, made, 0), assign(room, room.okafor, made, 1)
    lock_work(room, first, WEI)
    assert list_cases(room.db, room.lin, room.project).lines == ()
    lock_work(room, second, OKAFOR)
    (line,) = list_cases(room.db, room.lin, room.project).lines
    assert (line.code, line.state, line.n_open, line.n_critical) == ("A-001", "open", 3, 1)


def test_two_works_without_a_difference_open_no_case(room):
    rated_twice(room, {"aed02": 8}, {"aed02": 8})
    assert list_cases(room.db, room.lin, room.project, state="all").lines == ()


def test_works_from_before_siming_opened_cases_by_itself_are_caught_up_with(room):
    made = add_attempt(room)
    lock_work(room, assign(room, room.wei, made, 0), WEI, tell=False)
    lock_work(room, assign(room, room.okafor, made, 1), OKAFOR, tell=False)
    assert open_missing_cases(room.db, room.coordinator, room.project) == 1
    assert open_missing_cases(room.db, room.coordinator, room.project) == 0
    with pytest.raises(NotFoundError):
        open_missing_cases(room.db, room.wei, room.project)


def test_cases_with_critical_steps_come_first_then_those_with_most_open_steps(room):
    rated_twice(room, {"aed09": 9}, {}, code="A-001")
    rated_twice(room, {"aed09": 9, "aed05": 5}, {}, code="A-002")
    rated_twice(room, {"aed04": 0}, {}, code="A-003")
    assert [line.code for line in list_cases(room.db, room.lin, room.project).lines] == ["A-003", "A-002", "A-001"]


def test_within_a_case_critical_steps_come_first_and_agreed_ones_last(room, case):
    view = view_case(room.db, room.lin, case)
    assert [(s.step, s.state) for s in view.steps[:4]] == [
        ("aed04", "open"), ("aed02", "open"), ("aed07", "open"), ("aed01", "agreed"),
    ]  # fmt: skip


# --- the pen --------------------------------------------------------------------------------------------------------


def test_one_person_holds_the_pen_and_the_next_gets_it_when_the_lease_runs_out(room, case):
    moreau = second_adjudicator(room)
    pen = take_case(room.db, room.lin, case)
    with pytest.raises(ConflictError) as refused:
        take_case(room.db, moreau, case)
    assert (refused.value.kind, refused.value.detail["mine"]) == ("leased", False)
    room.clock.pass_by(seconds=100)
    heartbeat(room.db, room.lin, case, fence=pen.fence)
    room.clock.pass_by(seconds=100)
    with pytest.raises(ConflictError):
        take_case(room.db, moreau, case)
    room.clock.pass_by(seconds=30)
    taken = take_case(room.db, moreau, case)
    assert taken.fence > pen.fence
    with pytest.raises(ConflictError) as late:
        heartbeat(room.db, room.lin, case, fence=pen.fence)
    assert late.value.kind == "stale_writer"


def test_a_pen_put_down_can_be_taken_at_once(room, case):
    moreau = second_adjudicator(room)
    pen = take_case(room.db, room.lin, case)
    release_case(room.db, room.lin, case, fence=pen.fence)
    assert take_case(room.db, moreau, case).fence == pen.fence + 1
    release_case(room.db, room.lin, case, fence=pen.fence)  # too late: not his pen any more
    assert view_case(room.db, room.lin, case).holder.name == "Moreau"


def test_ones_own_second_window_asks_before_it_takes_the_pen(room, case):
    pen = take_case(room.db, room.lin, case)
    with pytest.raises(ConflictError) as refused:
        take_case(room.db, room.lin, case)
    assert refused.value.detail["mine"] is True
    assert take_case(room.db, room.lin, case, fence=pen.fence).fence == pen.fence  # the same window, loaded again
    assert take_case(room.db, room.lin, case, take_over=True).fence == pen.fence + 1


def test_a_lease_that_ran_out_with_nobody_waiting_still_decides(room, case):
    pen = take_case(room.db, room.lin, case)
    room.clock.pass_by(minutes=30)
    assert settle(room, room.lin, case, pen, steps=["aed02"]).n_open == 2


# --- deciding -------------------------------------------------------------------------------------------------------


def test_a_decision_takes_a_raters_entry_whole_but_for_his_note(room):
    wei = {"aed02": Entry(points=7, deductions=("d1",), evidence=((1, 2),), note="I was there")}
    rated_twice(room, wei, {})
    case = only_case(room)
    view = view_case(room.db, room.lin, case)
    side = "first" if view.steps[0].first.points == 7 else "second"
    pen = take_case(room.db, room.lin, case)
    decide(room.db, room.lin, case, fence=pen.fence, version=0, rubric=AED, step="aed02", choice=side, rationale="seen")
    (line,) = view_case(room.db, room.lin, case).history
    assert (line.entry.points, line.entry.deductions, line.entry.evidence) == (7, ("d1",), ((1.0, 2.0),))
    assert line.entry.note is None
    assert (line.choice, line.rationale, line.by.name) == (side, "seen", "Lin")


@pytest.mark.parametrize("n", range(6))
def test_what_is_chosen_is_the_side_that_was_shown_however_the_sides_were_shuffled(room, n):
    rated_twice(room, {"aed02": 8}, {"aed02": 10})
    case = only_case(room)
    with room.db.write() as c:
        unguard(c, "adjudication_case", "adjudication_case_kept")
        c.execute(update(adjudication_case).values(swapped=bool(n % 2)))
    shown = view_case(room.db, room.lin, case).steps[0]
    assert (shown.first.points, shown.second.points) == ((10, 8) if n % 2 else (8, 10))
    pen = take_case(room.db, room.lin, case)
    settle(room, room.lin, case, pen, steps=["aed02"])
    with room.db.read() as c:
        row = c.execute(select(decision)).one()
    assert (row.choice, row.entry["points"]) == (("second", 10) if n % 2 else ("first", 8))


def test_sides_are_shuffled(room):
    for n in range(24):
        rated_twice(room, {"aed02": 8}, {"aed02": 10}, code=f"A-{n}")
    with room.db.read() as c:
        assert set(c.execute(select(adjudication_case.c.swapped)).scalars()) == {True, False}  # else: 1 in 8 million


def test_a_rationale_is_mandatory_and_points_of_ones_own_need_ones_own_words(room, case):
    pen = take_case(room.db, room.lin, case)

    def attempt_(**options):
        return decide(
            room.db, room.lin, case, fence=pen.fence, version=0, rubric=AED, step="aed02",
            **{"choice": "first", **options},
        )  # fmt: skip

    for wrong in (
        {},
        {"rationale": "  \n "},
        {"template": "made_up"},
        {"choice": "other", "points": 9, "template": "evidence_clearer"},
        {"choice": "other", "points": 11, "rationale": "why"},
        {"choice": "other", "points": 9.3, "rationale": "why"},
        {"choice": "other", "points": float("nan"), "rationale": "why"},
        {"choice": "other", "rationale": "why"},
        {"choice": "other", "points": 9, "blank": "cannot_judge", "rationale": "why"},
        {"choice": "other", "points": 9, "rationale": "why", "deductions": ["nope"]},
        {"choice": "other", "points": 9, "rationale": "why", "evidence": [(4, 3)]},
        {"rationale": "half a character \ud800"},
    ):
        with pytest.raises(InputError):
            attempt_(**wrong)
    moved = attempt_(choice="other", points=9, rationale="the lid was opened first", deductions=["d1"])
    assert (moved.version, moved.n_open) == (1, 2)


def test_an_agreed_step_is_not_decided_on_before_it_is_reopened_with_a_reason(room, case):
    pen = take_case(room.db, room.lin, case)
    with pytest.raises(InputError, match="reopen it with a reason"):
        settle(room, room.lin, case, pen, steps=["aed01"])
    with pytest.raises(InputError):
        reopen_agreed(room.db, room.lin, case, fence=pen.fence, version=0, rubric=AED, step="aed01", reason="")
    with pytest.raises(InputError):
        reopen_agreed(room.db, room.lin, case, fence=pen.fence, version=0, rubric=AED, step="aed02", reason="why")
    pen = reopen_agreed(
        room.db, room.lin, case, fence=pen.fence, version=0, rubric=AED, step="aed01", reason="both missed the puddle"
    )
    assert pen.n_open == 4
    assert settle(room, room.lin, case, pen, steps=["aed01"]).n_open == 3


def test_undo_takes_back_the_last_act_and_keeps_both_in_the_history(room, case):
    pen = settle(room, room.lin, case, take_case(room.db, room.lin, case), steps=["aed02", "aed04"])
    pen = undo(room.db, room.lin, case, fence=pen.fence, version=pen.version)
    view = view_case(room.db, room.lin, case)
    assert {s.step: s.state for s in view.steps if s.state != "agreed"} == {
        "aed02": "decided", "aed04": "open", "aed07": "open",
    }  # fmt: skip
    pen = undo(room.db, room.lin, case, fence=pen.fence, version=pen.version)
    assert [(line.kind, line.step, line.undoes) for line in view_case(room.db, room.lin, case).history] == [
        ("decide", "aed02", None), ("decide", "aed04", None), ("undo", "aed04", 2), ("undo", "aed02", 1),
    ]  # fmt: skip
    with pytest.raises(InputError):
        undo(room.db, room.lin, case, fence=pen.fence, version=pen.version)


def test_an_undone_second_thought_brings_the_first_one_back(room, case):
    pen = settle(room, room.lin, case, take_case(room.db, room.lin, case), steps=["aed02"], rationale="first")
    pen = settle(room, room.lin, case, pen, steps=["aed02"], rationale="second thought")
    undo(room.db, room.lin, case, fence=pen.fence, version=pen.version, step=(AED, "aed02"))
    (step,) = [s for s in view_case(room.db, room.lin, case).steps if s.step == "aed02"]
    assert (step.state, step.standing.rationale) == ("decided", "first")


def test_history_cannot_be_changed_even_by_who_opens_the_database(room, case):
    settle(room, room.lin, case, take_case(room.db, room.lin, case), steps=["aed02"])
    with pytest.raises(DBAPIError), room.db.write() as c:
        c.execute(update(decision).values(rationale="other"))


# --- writing too late -----------------------------------------------------------------------------------------------


def test_a_decision_on_a_version_that_has_passed_is_refused_and_its_words_are_given_back(room, case):
    pen = take_case(room.db, room.lin, case)
    settle(room, room.lin, case, pen, steps=["aed02"])
    with pytest.raises(ConflictError) as late:
        settle(room, room.lin, case, pen, steps=["aed04"], rationale="a long thought")
    assert late.value.kind == "stale_version"
    assert late.value.detail["version"] == 1
    assert late.value.detail["kept"]["rationale"] == "a long thought"
    (kept,) = view_case(room.db, room.lin, case).late_writes
    assert (kept.id, kept.payload["step"], kept.because) == (late.value.detail["late_write"], "aed04", "stale_version")


def test_two_adjudicators_at_once_the_one_without_the_pen_keeps_his_words(room, case):
    moreau = second_adjudicator(room)
    old = take_case(room.db, room.lin, case)
    room.clock.pass_by(minutes=3)
    new = take_case(room.db, moreau, case)
    settle(room, moreau, case, new, steps=["aed02"])
    with pytest.raises(ConflictError) as late:
        settle(room, room.lin, case, old, steps=["aed02"], rationale="mine")
    assert late.value.kind == "stale_writer"
    assert [w.payload["rationale"] for w in view_case(room.db, room.lin, case).late_writes] == ["mine"]
    assert view_case(room.db, moreau, case).late_writes == ()  # another person's unsaved words are his own


def test_six_people_decide_at_once_and_exactly_one_wins_each_version(room, case):
    pen = take_case(room.db, room.lin, case)
    barrier, won, refused = threading.Barrier(6), [], []

    def one(n):
        for version in range(5):
            barrier.wait()
            try:
                decide(
                    room.db, room.lin, case, fence=pen.fence, version=version, rubric=AED, step="aed02", choice="other",
                    points=n, rationale=f"thread {n} at {version}",
                )  # fmt: skip
                won.append((version, n))
            except ConflictError as error:
                refused.append((version, n, error.detail["kept"]["rationale"]))
            barrier.wait()

    threads = [threading.Thread(target=one, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(version for version, _ in won) == [0, 1, 2, 3, 4]
    with room.db.read() as c:
        kept = set(c.execute(select(decision.c.rationale)).scalars())
        late = {row["rationale"] for row in c.execute(select(late_write.c.payload)).scalars()}
    assert kept == {f"thread {n} at {version}" for version, n in won}
    assert len(late) == 25
    assert late == {text for _, _, text in refused}
    assert kept | late == {f"thread {n} at {version}" for n in range(6) for version in range(5)}
    assert audit.verify(room.db).ok


# --- locking --------------------------------------------------------------------------------------------------------


def test_a_case_is_locked_when_everything_is_decided_and_not_before(room, case):
    pen = take_case(room.db, room.lin, case)
    with pytest.raises(ConflictError) as early:
        close_case(room.db, room.lin, case, fence=pen.fence, version=pen.version)
    assert (early.value.kind, early.value.detail["n_open"]) == ("incomplete", 3)
    pen = settle(room, room.lin, case, pen)
    done = close_case(room.db, room.lin, case, fence=pen.fence, version=pen.version)
    assert done.state == "confirmed"
    assert done.consensus is not None
    for late in (lambda: take_case(room.db, room.lin, case), lambda: settle(room, room.lin, case, pen)):
        with pytest.raises(ConflictError) as closed:
            late()
        assert closed.value.kind == "state"
    assert list_cases(room.db, room.lin, room.project).lines == ()
    assert [line.state for line in list_cases(room.db, room.lin, room.project, state="done").lines] == ["confirmed"]


def test_in_joint_mode_all_three_confirm_the_same_version(room):
    room.policy(mode="joint")
    rated_twice(room, WEI, OKAFOR)
    case = only_case(room)
    pen = settle(room, room.wei, case, take_case(room.db, room.wei, case))
    with pytest.raises(ConflictError):  # nobody confirms what is still being written
        confirm(room.db, room.okafor, case, version=pen.version)
    closed = close_case(room.db, room.wei, case, fence=pen.fence, version=pen.version)
    assert (closed.state, closed.consensus) == ("decided", None)
    with pytest.raises(ConflictError) as stale:
        confirm(room.db, room.okafor, case, version=pen.version - 1)
    assert stale.value.kind == "stale_version"
    assert confirm(room.db, room.okafor, case, version=pen.version).state == "decided"
    assert view_case(room.db, room.okafor, case).lacking == ("adjudicator",)
    done = confirm(room.db, room.lin, case, version=pen.version)
    assert done.state == "confirmed"
    assert done.consensus is not None


def test_a_change_after_a_confirmation_needs_everybodys_word_again(room):
    room.policy(mode="joint")
    rated_twice(room, WEI, OKAFOR)
    case = only_case(room)
    pen = settle(room, room.lin, case, take_case(room.db, room.lin, case))
    close_case(room.db, room.lin, case, fence=pen.fence, version=pen.version)
    confirm(room.db, room.wei, case, version=pen.version)
    pen = settle(room, room.lin, case, pen, steps=["aed02"], rationale="on second thoughts")
    assert pen.state == "leased"
    close_case(room.db, room.lin, case, fence=pen.fence, version=pen.version)
    view = view_case(room.db, room.okafor, case)
    assert (len(view.confirmed), set(view.lacking)) == (1, {"first", "second"})


# --- who may ----------------------------------------------------------------------------------------------------------


def test_nobody_who_rated_an_attempt_is_its_only_adjudicator(room):
    """Invariant 7."""
    both = second_adjudicator(room, login="both", roles=("rater", "adjudicator"), code="B01")
    made = add_attempt(room)
    lock_work(room, assign(room, room.wei, made, 0), WEI)
    lock_work(room, assign(room, both, made, 1), OKAFOR)
    case = only_case(room)
    for act in (
        lambda: view_case(room.db, both, case),
        lambda: take_case(room.db, both, case),
        lambda: decide(
            room.db, both, case, fence=0, version=0, rubric=AED, step="aed02", choice="first", rationale="mine"
        ),
        lambda: confirm(room.db, both, case, version=0),
    ):
        with pytest.raises(NotFoundError):
            act()
    assert list_cases(room.db, both, room.project).lines == ()
    assert settle(room, room.lin, case, take_case(room.db, room.lin, case)).n_open == 0


def test_who_rated_in_a_third_slot_does_not_adjudicate_either(room):
    both = second_adjudicator(room, login="both", roles=("rater", "adjudicator"), code="B01")
    made = add_attempt(room)
    third = assign(room, both, made, 2)
    lock_work(room, assign(room, room.wei, made, 0), WEI)
    lock_work(room, assign(room, room.okafor, made, 1), OKAFOR)
    case = only_case(room)
    for state in ("queued", "open", "submitted"):
        with room.db.write() as c:
            c.execute(update(assignment).where(assignment.c.id == third).values(state=state, opened_at="2026"))
        with pytest.raises(NotFoundError):
            view_case(room.db, both, case)
    with room.db.write() as c:  # he had opened it before it was taken from him
        c.execute(update(assignment).where(assignment.c.id == third).values(state="withdrawn"))
    with pytest.raises(NotFoundError):
        view_case(room.db, both, case)
    with room.db.write() as c:  # it was taken from him unopened
        c.execute(update(assignment).where(assignment.c.id == third).values(opened_at=None))
    assert view_case(room.db, both, case).part == "adjudicator"


def test_raters_see_a_case_only_in_joint_mode_and_only_while_nothing_of_the_attempt_is_left_to_them(room):
    made = rated_twice(room, WEI, OKAFOR)
    case = only_case(room)
    for rater in (room.wei, room.okafor):
        with pytest.raises(NotFoundError):
            view_case(room.db, rater, case)
        with pytest.raises(NotFoundError):
            list_cases(room.db, rater, room.project)
    room.policy(mode="joint")
    with pytest.raises(NotFoundError):  # this case was opened under the other protocol
        view_case(room.db, room.wei, case)
    rated_twice(room, WEI, OKAFOR, code="A-002")
    (line,) = list_cases(room.db, room.wei, room.project).lines
    assert view_case(room.db, room.wei, line.id).mine in ("first", "second")
    again = assign(room, room.wei, view_case(room.db, room.wei, line.id).attempt, 5, purpose="repeat")
    with pytest.raises(NotFoundError):  # he is to rate it once more: what the other gave is hidden until he has
        view_case(room.db, room.wei, line.id)
    with pytest.raises(NotFoundError):
        list_cases(room.db, room.wei, room.project)
    lock_work(room, again)
    assert view_case(room.db, room.wei, line.id).part == "rater"
    assert made


def test_raters_are_two_places_without_names_where_the_policy_hides_them(room, case):
    pen = take_case(room.db, room.lin, case)
    settle(room, room.lin, case, pen)
    told = repr(view_case(room.db, room.lin, case))
    for secret in ("Wei", "Okafor", "R01", "R02", room.wei.id, room.okafor.id):
        assert secret not in told
    assert sorted(view_case(room.db, room.coordinator, case).raters) == ["R01", "R02"]


def test_in_joint_mode_nobody_is_told_whose_side_is_whose_before_they_have_agreed(room):
    """Inspection of 2026-11-21, gap 13: the coordinator saw ('R01', 'R02') while the two were still at it."""
    room.policy(mode="joint")
    rated_twice(room, WEI, OKAFOR)
    case = only_case(room)
    pen = take_case(room.db, room.wei, case)
    settled = settle(room, room.wei, case, pen)
    for who in (room.coordinator, room.owner, room.lin):
        seen = view_case(room.db, who, case)
        assert (seen.raters, seen.hide_raters) == ((None, None), True)
        told = repr((seen, list_cases(room.db, who, room.project)))
        for secret in ("Wei", "Okafor", "R01", "R02", room.wei.id, room.okafor.id):
            assert secret not in told
    closed = close_case(room.db, room.wei, case, fence=settled.fence, version=settled.version)
    assert view_case(room.db, room.coordinator, case).raters == (None, None)
    for who in (room.okafor, room.lin):
        confirm(room.db, who, case, version=closed.version)
    assert sorted(view_case(room.db, room.coordinator, case).raters) == ["R01", "R02"]
    assert view_case(room.db, room.lin, case).raters == (None, None)


def test_raters_are_named_where_the_policy_says_so(room):
    room.policy(hide_raters_in_adjudication=False)
    rated_twice(room, WEI, OKAFOR)
    assert sorted(view_case(room.db, room.lin, only_case(room)).raters) == ["R01", "R02"]


def test_a_coordinator_reads_a_case_and_acts_in_none(room, case):
    assert view_case(room.db, room.coordinator, case).part == "reader"
    with pytest.raises(NotFoundError):
        take_case(room.db, room.coordinator, case)


def test_strangers_learn_no_more_of_a_case_than_of_one_that_does_not_exist(room, case):
    answers = set()
    for actor in (room.wei, room.analyst, room.auditor):
        for name in (case, "ca_000000000000"):
            with pytest.raises(NotFoundError) as hidden:
                view_case(room.db, actor, name)
            answers.add(str(hidden.value))
    assert len(answers) == 1
