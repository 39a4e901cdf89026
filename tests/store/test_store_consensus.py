"""What becomes of two works: a consensus whose every value has an origin, locked, appealed against, never changed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rooms import build_room
from sqlalchemy import select
from test_store_cases import only_case, settle
from works import add_attempt, assign, lock_work, rated_twice

from siming.errors import ConflictError, InputError, NotFoundError
from siming.rating import consensus as joined
from siming.rubric import Entry, Sheet, builtin_rubric, check_sheet, labels_of_sheet
from siming.store import audit
from siming.store.cases.appeal import appeal
from siming.store.cases.case_view import list_cases, view_case
from siming.store.cases.cases import close_case, decide, reopen_agreed, take_case, undo
from siming.store.cases.consensus import accept_single, lock, locked_in, made_of, versions_of
from siming.store.cases.consensus_view import list_results, read_result
from siming.store.schema import consensus_version, submission

AED = "aed-adult"
RUBRIC = builtin_rubric(AED)
BLANK = Entry(status="cannot_judge", reason="view_blocked")


def newest(room, code="A-001"):
    return versions_of(room.db, room.coordinator, room.project, code)[0]


def decided(room, *, steps=("aed02", "aed04")):
    """An attempt with two open steps, decided by Lin; its consensus."""
    rated_twice(room, {"aed02": 8, "aed04": 0}, {"aed02": 10, "aed04": 18})
    return decide_all(room, only_case(room), steps=steps)


def decide_all(room, case, *, steps):
    pen = settle(room, room.lin, case, take_case(room.db, room.lin, case), steps=steps)
    close_case(room.db, room.lin, case, fence=pen.fence, version=pen.version)
    return newest(room)


def test_two_works_that_agree_everywhere_are_a_consensus_at_once(room):
    rated_twice(room, {"aed02": 8}, {"aed02": 8})
    made = newest(room)
    assert (made.state, made.number, made.case, made.made_by) == ("provisional", 1, None, None)
    assert set(made.provenance[AED].values()) == {"agreed"}
    assert made.sheets[AED].steps["aed02"].points == 8
    assert made.sheets[AED].author.kind == "consensus"


def test_a_decided_case_is_a_consensus_that_says_where_each_value_comes_from(room):
    made = decided(room)
    assert {step for step, origin in made.provenance[AED].items() if origin == "adjudicated"} == {"aed02", "aed04"}
    result = read_result(room.db, room.coordinator, made.id)
    (skill,) = result.skills
    by_step = {step.step: step for step in skill.steps}
    assert by_step["aed02"].decision.template == "evidence_clearer"
    assert by_step["aed01"].decision is None
    assert result.made_by == "Lin"
    # whichever side Lin followed, the differences to the two raters are 2 and 18 points apart
    first, second = by_step["aed02"].differences
    assert abs(first - second) == 2
    first, second = by_step["aed04"].differences
    assert abs(first - second) == 18
    assert result.raters == ("R01", "R02")


def test_a_consensus_value_is_agreed_under_policy_or_decided_with_a_rationale_or_marked_single(room):
    """Invariant 4."""
    decided(room)
    rated_twice(room, {}, {}, code="A-002")
    made = add_attempt(room, "A-003")
    lock_work(room, assign(room, room.wei, made, 0), {"aed02": 5})
    accept_single(room.db, room.coordinator, made, reason="the second rater fell ill")
    for code in ("A-001", "A-002", "A-003"):
        version = newest(room, code)
        case = None if version.case is None else view_case(room.db, room.coordinator, version.case)
        with room.db.read() as c:
            rows = c.execute(select(submission.c.sheets).where(submission.c.id.in_(version.submissions))).scalars()
            works = [Sheet.from_plain(row[0]) for row in rows]
        for step, origin in version.provenance[AED].items():
            value = version.sheets[AED].steps[step]
            if origin == "agreed":
                assert {work.steps[step].points for work in works} == {value.points}
                assert len(works) == 2
            elif origin == "adjudicated":
                (standing,) = [s.standing for s in case.steps if s.step == step]
                assert standing.kind == "decide"
                assert standing.template or standing.rationale
                assert standing.entry == value
            else:
                assert origin == "single"
                assert [work.steps[step].points for work in works] == [value.points]


def test_totals_and_labels_are_derived_from_the_sheet_and_stored_nowhere(room):
    """Invariant 5."""
    made = decided(room)
    (skill,) = read_result(room.db, room.coordinator, made.id).skills
    sheet = made.sheets[AED]
    assert skill.points == sum(entry.points for entry in sheet.steps.values())
    assert skill.percent == pytest.approx(100 * skill.points / 100)
    assert {step.step: step.label for step in skill.steps} == labels_of_sheet(sheet, RUBRIC)
    with room.db.read() as c:
        row = c.execute(select(consensus_version)).one()
    stored = {key for plain in row.sheets for key in plain} | {
        k for p in row.sheets for e in p["steps"].values() for k in e
    }
    assert not stored & {"total", "label", "labels", "percent", "level", "max_points"}


def test_blank_steps_leave_numerator_and_denominator_of_a_total(room):
    rated_twice(room, {"aed04": BLANK}, {"aed04": 18})
    case = only_case(room)
    pen = take_case(room.db, room.lin, case)
    pen = decide(
        room.db, room.lin, case, fence=pen.fence, version=0, rubric=AED, step="aed04", choice="other",
        blank="cannot_judge", blank_reason="view_blocked", rationale="nobody can see it",
    )  # fmt: skip
    close_case(room.db, room.lin, case, fence=pen.fence, version=pen.version)
    (skill,) = read_result(room.db, room.coordinator, newest(room).id).skills
    assert (skill.points, skill.max_points, skill.percent) == (82, 82, 100)
    assert skill.differences == (0, 0)  # over the steps that both judged: all full


POINTS = st.sampled_from([0.0, 1.0, 2.0, 5.5, 6.0])
ENTRY = st.one_of(POINTS, st.just(BLANK), st.just(Entry(status="not_applicable", reason="no shock advised")))
STEPS = [step.id for step in RUBRIC.steps]
WORK = st.fixed_dictionaries({}, optional=dict.fromkeys(STEPS, ENTRY))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wei=WORK, okafor=WORK, tolerance=st.sampled_from([0.0, 0.5, 1.0]), again=st.sampled_from(STEPS), data=st.data())
def test_the_consensus_in_the_database_is_the_one_that_the_exported_sheets_give(
    tmp_path_factory, wei, okafor, tolerance, again, data
):
    room = build_room(tmp_path_factory.mktemp("room"))
    room.policy(tolerance=tolerance)
    rated_twice(room, wei, okafor)
    cases = list_cases(room.db, room.lin, room.project).lines
    decisions, also = {}, []
    if cases:
        case = cases[0].id
        pen = take_case(room.db, room.lin, case)
        view = view_case(room.db, room.lin, case)
        if any(step.step == again and step.state == "agreed" for step in view.steps):
            pen = reopen_agreed(
                room.db, room.lin, case, fence=pen.fence, version=0, rubric=AED, step=again, reason="look again"
            )
        for step in view_case(room.db, room.lin, case).steps:
            if step.state != "open":
                continue
            points = data.draw(POINTS)
            pen = decide(
                room.db, room.lin, case, fence=pen.fence, version=pen.version, rubric=AED, step=step.step,
                choice="other", points=points, rationale="so it is",
            )  # fmt: skip
            decisions[step.step] = points
            also.append(step.step)
        close_case(room.db, room.lin, case, fence=pen.fence, version=pen.version)
    made = newest(room)
    with room.db.read() as c:
        exported = [Sheet.from_plain(row[0]) for row in c.execute(select(submission.c.sheets)).scalars()]
    for pair in (exported, exported[::-1]):
        wanted = joined(*pair, decisions, RUBRIC, tolerance=tolerance, also=also)
        assert dict(made.sheets[AED].steps) == dict(wanted.steps)
    check_sheet(made.sheets[AED], RUBRIC)
    assert {step for step, origin in made.provenance[AED].items() if origin == "adjudicated"} == set(decisions)
    room.db.close()


def test_points_within_the_tolerance_become_the_fewer_ones_with_their_deductions(room):
    room.policy(tolerance=1)
    rated_twice(room, {"aed04": Entry(points=17, deductions=("d5",))}, {"aed04": 18})
    made = newest(room)
    entry = made.sheets[AED].steps["aed04"]
    assert (entry.points, entry.deductions, made.provenance[AED]["aed04"]) == (17, ("d5",), "agreed")


# --- locking --------------------------------------------------------------------------------------------------------


def test_a_locked_consensus_is_the_one_in_force(room):
    made = decided(room)
    with room.db.read() as c:
        assert locked_in(c, room.project) == ()
    locked = lock(room.db, room.coordinator, made.id)
    assert (locked.state, locked.locked_by, locked.sha256) == ("locked", room.coordinator.id, made.sha256)
    with room.db.read() as c:
        assert [version.id for version in locked_in(c, room.project)] == [made.id]
    with pytest.raises(ConflictError):
        lock(room.db, room.coordinator, made.id)


def test_where_the_policy_wants_a_second_person_who_decided_does_not_lock(room):
    from siming.store.accounts.people import actor_of
    from siming.store.projects import members

    room.policy(lock_needs_second_person=True)
    members.change_member(room.db, room.owner, room.members["lin"], roles=["adjudicator", "coordinator"])
    room.lin = actor_of(room.db, room.lin.id)
    made = decided(room)
    result = read_result(room.db, room.lin, made.id)
    assert (result.may_lock, result.lock_refused) == (False, "second_person_needed")
    with pytest.raises(ConflictError, match="neither rated nor decided"):
        lock(room.db, room.lin, made.id)
    assert lock(room.db, room.coordinator, made.id).state == "locked"


def test_only_who_may_lock_locks_and_raters_do_not_even_find_it(room):
    made = decided(room)
    for actor in (room.wei, room.okafor, room.lin, room.analyst, room.auditor):
        with pytest.raises(NotFoundError):
            lock(room.db, actor, made.id)
        with pytest.raises(NotFoundError):
            read_result(room.db, actor, made.id)
        with pytest.raises(NotFoundError):
            list_results(room.db, actor, room.project)
        with pytest.raises(NotFoundError):
            versions_of(room.db, actor, room.project, "A-001")


# --- appeal ---------------------------------------------------------------------------------------------------------


def test_an_appeal_makes_a_new_version_and_the_old_one_stays_in_force_until_that_is_locked(room):
    first = decided(room)
    lock(room.db, room.coordinator, first.id)
    case = appeal(
        room.db, room.coordinator, first.id, steps=[(AED, "aed04"), (AED, "aed09")], reason="the candidate objects"
    )
    (line,) = list_cases(room.db, room.lin, room.project).lines
    assert (line.id, line.n_open) == (case, 2)
    assert newest(room).state == "locked"
    second = decide_all(room, case, steps=["aed04", "aed09"])
    assert (second.number, second.supersedes, second.reason) == (2, first.id, "the candidate objects")
    assert second.provenance[AED]["aed09"] == "adjudicated"
    assert second.sheets[AED].steps["aed02"] == first.sheets[AED].steps["aed02"]
    with room.db.read() as c:
        assert [version.id for version in locked_in(c, room.project)] == [first.id]
    lock(room.db, room.coordinator, second.id)
    with room.db.read() as c:
        assert [version.id for version in locked_in(c, room.project)] == [second.id]
        assert made_of(c, room.coordinator, first.id).state == "superseded"
    assert made_of_sheet(room, first.id) == first.sheets[AED]  # the old one can still be read, unchanged
    assert audit.verify(room.db).ok


def test_a_locked_version_keeps_its_own_reasons_whatever_an_appeal_brings(room):
    first = decided(room)
    lock(room.db, room.coordinator, first.id)
    before = reasons(room, first.id)
    assert set(before) == {"aed02", "aed04"}
    case = appeal(room.db, room.coordinator, first.id, steps=[(AED, "aed04")], reason="the candidate objects")
    assert reasons(room, first.id) == before
    second = decide_all(room, case, steps=["aed04"])
    assert reasons(room, first.id) == before
    after = reasons(room, second.id)
    assert after["aed02"] == before["aed02"]
    assert after["aed04"] > before["aed04"]  # the later act is the second version's


def reasons(room, consensus_id):
    """Which act of the case stands behind each adjudicated step, and its words."""
    (skill,) = read_result(room.db, room.coordinator, consensus_id).skills
    steps = [step for step in skill.steps if step.provenance == "adjudicated"]
    return {step.step: (step.decision.version, step.decision.rationale) for step in steps}


def made_of_sheet(room, consensus_id):
    with room.db.read() as c:
        return made_of(c, room.coordinator, consensus_id).sheets[AED]


def test_an_appeal_against_two_works_that_agreed_opens_a_case_for_the_steps_named(room):
    rated_twice(room, {}, {})
    case = appeal(room.db, room.coordinator, newest(room).id, steps=[(AED, "aed08")], reason="both overlooked it")
    view = view_case(room.db, room.lin, case)
    assert [step.step for step in view.steps if step.state == "open"] == ["aed08"]
    with pytest.raises(ConflictError, match="appeal"):
        lock(room.db, room.coordinator, newest(room).id)
    assert decide_all(room, case, steps=["aed08"]).number == 2


def test_nothing_is_locked_or_appealed_against_twice_while_an_appeal_is_open(room):
    made = decided(room)
    appeal(room.db, room.coordinator, made.id, steps=[(AED, "aed04")], reason="once")
    with pytest.raises(ConflictError, match="under appeal"):
        appeal(room.db, room.coordinator, made.id, steps=[(AED, "aed02")], reason="twice")
    with pytest.raises(ConflictError, match="appeal"):
        lock(room.db, room.coordinator, made.id)


def test_an_appeal_itself_and_what_was_decided_before_it_are_not_undone(room):
    made = decided(room)
    case = appeal(room.db, room.coordinator, made.id, steps=[(AED, "aed04")], reason="once")
    pen = take_case(room.db, room.lin, case)
    with pytest.raises(InputError):
        undo(room.db, room.lin, case, fence=pen.fence, version=pen.version)


def test_an_appeal_needs_a_reason_and_steps_that_are_there(room):
    made = decided(room)
    for wrong in (
        {"steps": [(AED, "aed04")], "reason": " "},
        {"steps": [], "reason": "why"},
        {"steps": [(AED, "cpr01")], "reason": "why"},
        {"steps": [("no", "aed04")], "reason": "why"},
    ):
        with pytest.raises(InputError):
            appeal(room.db, room.coordinator, made.id, **wrong)
    with pytest.raises(NotFoundError):
        appeal(room.db, room.lin, made.id, steps=[(AED, "aed04")], reason="mine")


# --- single ratings -------------------------------------------------------------------------------------------------


def test_one_rating_stands_alone_only_by_an_explicit_act_with_a_reason(room):
    made = add_attempt(room)
    lock_work(room, assign(room, room.wei, made, 0), {"aed02": Entry(points=5, note="private thought")})
    assert versions_of(room.db, room.coordinator, room.project, "A-001") == ()
    assert list_results(room.db, room.coordinator, room.project).singles == ((made, "A-001"),)
    with pytest.raises(InputError):
        accept_single(room.db, room.coordinator, made, reason="")
    with pytest.raises(NotFoundError):
        accept_single(room.db, room.wei, made, reason="mine is enough")
    accept_single(room.db, room.coordinator, made, reason="no second rater")
    version = newest(room)
    assert set(version.provenance[AED].values()) == {"single"}
    assert version.reason == "no second rater"
    assert version.sheets[AED].steps["aed02"].note is None
    assert list_results(room.db, room.coordinator, room.project).singles == ()


def test_a_rating_does_not_stand_alone_while_a_second_one_is_under_way(room):
    made = add_attempt(room)
    lock_work(room, assign(room, room.wei, made, 0))
    assign(room, room.okafor, made, 1)
    with pytest.raises(ConflictError):
        accept_single(room.db, room.coordinator, made, reason="why wait")


def test_a_second_rating_that_comes_later_supersedes_the_single_one(room):
    made = add_attempt(room)
    lock_work(room, assign(room, room.wei, made, 0), {"aed02": 8})
    accept_single(room.db, room.coordinator, made, reason="no second rater")
    with pytest.raises(ConflictError, match="second rater"):
        appeal(room.db, room.coordinator, newest(room).id, steps=[(AED, "aed02")], reason="why")
    lock_work(room, assign(room, room.okafor, made, 1), {"aed02": 8})
    versions = versions_of(room.db, room.coordinator, room.project, "A-001")
    assert [(v.number, v.state, set(v.provenance[AED].values())) for v in versions] == [
        (2, "provisional", {"agreed"}), (1, "superseded", {"single"}),
    ]  # fmt: skip


def test_the_list_counts_where_the_values_of_each_attempt_come_from(room):
    made = decided(room)
    rated_twice(room, {}, {}, code="A-002")
    lock(room.db, room.coordinator, made.id)
    page = list_results(room.db, room.coordinator, room.project)
    assert [(line.code, line.state, line.agreed, line.adjudicated, line.single) for line in page.lines] == [
        ("A-001", "locked", 7, 2, 0), ("A-002", "provisional", 9, 0, 0),
    ]  # fmt: skip
    assert [line.code for line in list_results(room.db, room.coordinator, room.project, state="locked").lines] == [
        "A-001"
    ]
