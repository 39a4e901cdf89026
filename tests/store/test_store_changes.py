"""Saving a rater's changes: durable, idempotent, one writer at a time, nothing lost and nothing merged silently."""

from __future__ import annotations

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rating_rooms import FILM_S, Tab, add_rated_attempt, give, submitted, unguard
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from siming.store.blind.advice import advice_on
from siming.store.blind.assignments import Planned, assign, reassign, withdraw
from siming.store.blind.change import Paper
from siming.store.blind.changes import adopt, aside_of, replayed, save_changes
from siming.store.blind.lease import open_assignment, rating_view
from siming.store.blind.queue import queue
from siming.store.blind.submissions import reopen
from siming.store.database import new_id
from siming.store.projects import members
from siming.store.schema import assignment, rating_event


@pytest.fixture
def tab(room):
    """Wei's tab on A-031, open."""
    made = Tab(room, room.wei, give(room, add_rated_attempt(room), room.wei))
    made.open()
    return made


def log_of(room, assignment_id):
    with room.db.read() as c:
        rows = c.execute(
            select(rating_event).where(rating_event.c.assignment == assignment_id).order_by(rating_event.c.seq)
        )
        return [dict(row._mapping) for row in rows]


def draft_of(room, assignment_id):
    with room.db.read() as c:
        return c.execute(select(assignment.c.draft).where(assignment.c.id == assignment_id)).scalar_one()


def replay(room, assignment_id):
    with room.db.read() as c:
        return replayed(c, assignment_id)


# --- saving ---------------------------------------------------------------------------------------------------------


def test_what_is_acknowledged_is_in_the_log_and_in_the_draft(room, tab):
    saved = tab.save(tab.change("points", 5, step="aed01"), tab.change("note", "late", step="aed01"))
    assert (saved.acked, saved.seq) == ((1, 2), 2)
    assert draft_of(room, tab.assignment) == {"steps": {"aed-adult": {"aed01": {"points": 5, "note": "late"}}}}
    assert [(e["seq"], e["field"], e["old"], e["new"], e["aside"]) for e in log_of(room, tab.assignment)] == [
        (1, "points", None, 5, False),
        (2, "note", None, "late", False),
    ]


def test_old_values_stand_in_the_log_so_that_every_change_can_be_undone(room, tab):
    tab.set("points", 5, step="aed01")
    tab.set("points", 8, step="aed01")
    last = log_of(room, tab.assignment)[-1]
    tab.set("points", last["old"], step="aed01")
    assert draft_of(room, tab.assignment)["steps"]["aed-adult"]["aed01"]["points"] == 5


def test_a_batch_sent_twice_changes_nothing_and_is_acknowledged_again(room, tab):
    batch = [tab.change("points", 5, step="aed01"), tab.change("points", 6, step="aed01")]
    first = tab.save(*batch)
    again = tab.save(*batch)
    assert again.acked == first.acked
    assert again.seq == first.seq == 2
    assert draft_of(room, tab.assignment)["steps"]["aed-adult"]["aed01"]["points"] == 6


def test_a_batch_that_partly_arrived_is_completed(room, tab):
    one, two, three = (tab.change("points", p, step="aed01") for p in (1, 2, 3))
    tab.save(one, two)
    assert tab.save(two, three).seq == 3


def test_a_wrong_change_is_named_and_nothing_of_its_batch_is_kept(room, tab):
    with pytest.raises(InputError, match=r"change 2.*aed01: points are 9"):
        tab.save(tab.change("points", 8, step="aed01"), tab.change("points", 9, step="aed01"))
    assert log_of(room, tab.assignment) == []
    assert tab.set("points", 7, step="aed01").acked == (3,), "the number of the refused change may be skipped"


def test_another_content_under_a_known_number_is_never_taken_for_a_repetition(room, tab):
    tab.set("points", 5, step="aed01")
    twin = Tab(room, room.wei, tab.assignment, client=tab.client, opened=tab.opened)
    with pytest.raises(ConflictError) as caught:
        twin.set("points", 3, step="aed01")
    assert caught.value.kind == "client_reused"
    assert draft_of(room, tab.assignment)["steps"]["aed-adult"]["aed01"]["points"] == 5


def test_changes_that_come_after_later_ones_are_kept_aside(room, tab):
    early, late = tab.change("points", 1, step="aed01"), tab.change("points", 2, step="aed01")
    tab.save(late)
    with pytest.raises(ConflictError) as caught:
        tab.save(early)
    assert caught.value.kind == "out_of_order"
    assert caught.value.detail["kept_aside"] == [1]
    assert draft_of(room, tab.assignment)["steps"]["aed-adult"]["aed01"]["points"] == 2


def test_an_empty_batch_is_a_sign_of_life(room, tab):
    assert tab.save(unsent=3).acked == ()
    assert log_of(room, tab.assignment) == []


def test_both_clocks_are_kept_and_the_servers_orders(room, tab):
    change = tab.change("points", 5, step="aed01") | {"at": "2031-01-01T00:00:00Z"}
    tab.save(change)
    tab.set("points", 6, step="aed01")
    first, second = log_of(room, tab.assignment)
    assert first["client_at"] == "2031-01-01T00:00:00Z"
    assert first["server_at"] < second["server_at"]


def test_the_log_cannot_be_changed_even_by_hand(room, tab):
    tab.set("points", 5, step="aed01")
    for statement in ("UPDATE rating_event SET new = '8'", "DELETE FROM rating_event"):
        with pytest.raises(DatabaseError, match="append-only"), room.db.write() as c:
            c.execute(text(statement))


def test_limits_and_contradictions_follow_from_what_was_entered(room, tab):
    # aed05 stops the compressions and clears everyone only if it was done; full marks behind it are then questioned
    tab.set("points", 0, step="aed02")
    saved = tab.set("points", 18, step="aed04")
    limits, _ = advice_on(saved.draft, saved.paper)
    assert limits
    assert all(limit.text["en"] and limit.text["zh"] for limit in limits)
    assert advice_on({}, saved.paper) == ((), ())


# --- who writes -----------------------------------------------------------------------------------------------------


def test_a_second_tab_reads_until_it_takes_over(room, tab):
    second = Tab(room, room.wei, tab.assignment)
    opened = second.open()
    assert (opened.writer, opened.held_by_other) == (False, True)
    opened = second.open(take_over=True)
    assert (opened.writer, opened.fence) == (True, tab.fence + 1)
    assert second.set("points", 5, step="aed01").acked == (1,)


def test_a_stale_writers_changes_are_kept_aside_and_shown_never_merged(room, tab):
    tab.set("points", 5, step="aed01")
    second = Tab(room, room.wei, tab.assignment)
    second.open(take_over=True)
    second.set("points", 6, step="aed01")
    with pytest.raises(ConflictError) as caught:
        tab.set("points", 1, step="aed01")
    assert caught.value.kind == "stale_writer"
    assert caught.value.detail == {"kept_aside": [2], "fence": second.fence}
    assert draft_of(room, tab.assignment)["steps"]["aed-adult"]["aed01"]["points"] == 6
    shown = second.open().aside
    assert [(a.client, a.client_seq, a.value) for a in shown] == [(tab.client, 2, 1)]


def test_a_stale_writer_that_sends_again_is_told_the_same(room, tab):
    Tab(room, room.wei, tab.assignment).open(take_over=True)
    change = tab.change("points", 1, step="aed01")
    for _ in range(2):
        with pytest.raises(ConflictError) as caught:
            tab.save(change)
        assert caught.value.detail["kept_aside"] == [1]
    assert len(log_of(room, tab.assignment)) == 1


def test_a_sign_of_life_is_enough_to_learn_that_the_lease_is_lost(room, tab):
    Tab(room, room.wei, tab.assignment).open(take_over=True)
    with pytest.raises(ConflictError) as caught:
        tab.save()
    assert caught.value.kind == "stale_writer"
    assert caught.value.detail["kept_aside"] == []


def test_what_was_kept_aside_is_merged_by_an_explicit_act_and_once(room, tab):
    second = Tab(room, room.wei, tab.assignment)
    second.open(take_over=True)
    second.set("points", 6, step="aed01")
    with pytest.raises(ConflictError):
        tab.save(tab.change("points", 1, step="aed01"), tab.change("note", "first", step="aed02"))
    for _ in range(2):
        adopt(room.db, room.wei, tab.assignment, client=second.client, fence=second.fence, aside_client=tab.client)
    assert draft_of(room, tab.assignment)["steps"]["aed-adult"] == {"aed01": {"points": 1}, "aed02": {"note": "first"}}
    assert len(log_of(room, tab.assignment)) == 5, "one of the second tab, two aside, the two adopted"
    assert second.open().aside == ()
    assert replay(room, tab.assignment) == draft_of(room, tab.assignment)


def test_only_the_writer_adopts(room, tab):
    second = Tab(room, room.wei, tab.assignment)
    second.open()
    with pytest.raises(ConflictError) as caught:
        adopt(room.db, room.wei, tab.assignment, client=second.client, fence=tab.fence, aside_client=tab.client)
    assert caught.value.kind == "stale_writer"


def test_a_reloaded_tab_keeps_its_lease_and_goes_on_counting(room, tab):
    tab.set("points", 5, step="aed01")
    again = tab.open()
    assert (again.writer, again.last_client_seq) == (True, 1)
    assert again.view.draft["steps"]["aed-adult"]["aed01"]["points"] == 5


# --- whose work it is (invariant 1, the store's part) ---------------------------------------------------------------


def test_okafor_cannot_open_save_or_see_weis_assignment(room, tab):
    with pytest.raises(NotFoundError):
        open_assignment(room.db, room.okafor, tab.assignment, client="okafors-tab")
    with pytest.raises(NotFoundError):
        rating_view(room.db, room.okafor, tab.assignment)
    with pytest.raises(NotFoundError):
        save_changes(room.db, room.okafor, tab.assignment, client=tab.client, fence=tab.fence, changes=[])


def test_a_coordinator_cannot_read_a_draft(room, tab):
    with pytest.raises(NotFoundError):
        rating_view(room.db, room.coordinator, tab.assignment)


def test_a_foreign_assignment_reads_the_same_as_one_that_is_not_there(room, tab):
    said = []
    for name in (tab.assignment, "as_000000000000", "as_\x00", "../etc", "x" * 500):
        with pytest.raises(NotFoundError) as caught:
            rating_view(room.db, room.okafor, name)
        said.append((caught.value.code, str(caught.value).replace(repr(name[:40]), "NAME")))
    assert len(set(said)) == 1


def test_invariant_1_what_a_rater_is_shown_does_not_change_with_another_raters_work(room):
    attempt = add_rated_attempt(room)
    own = give(room, attempt, room.wei, slot=0)

    def seen():
        # `server_time` is the clock's; all else is compared to the letter
        view = rating_view(room.db, room.wei, own)
        return repr((queue(room.db, room.wei), view)).replace(view.server_time, "NOW")

    before = seen()
    other, _ = submitted(room, attempt, room.okafor, slot=1, lost=2)
    reopen(room.db, room.coordinator, other, reason="the sound was off")
    assert seen() == before


def test_slot_plan_and_purpose_of_a_repeat_stay_hidden(room):
    attempt = add_rated_attempt(room)
    submitted(room, attempt, room.wei)
    repeat = give(room, attempt, room.wei, purpose="repeat", slot=1)
    room.clock.pass_by(days=15)
    link = give(room, add_rated_attempt(room, "A-032"), room.wei, purpose="link")
    cards = queue(room.db, room.wei).cards
    assert [(card.id, card.purpose) for card in cards] == [(repeat, "score"), (link, "score")]
    assert rating_view(room.db, room.wei, repeat).purpose == "score"
    assert not hasattr(cards[0], "slot")


# --- plans ----------------------------------------------------------------------------------------------------------


def test_the_queue_is_in_the_raters_own_order_and_goes_on_with_what_was_begun(room):
    ids = [give(room, add_rated_attempt(room, f"A-{n}"), room.wei, position=9 - n) for n in range(3)]
    found = queue(room.db, room.wei)
    assert [card.id for card in found.cards] == ids[::-1]
    assert [card.position for card in found.cards] == [1, 2, 3]
    assert found.next_id == ids[2]
    Tab(room, room.wei, ids[1]).open()
    assert queue(room.db, room.wei).next_id == ids[1]


def test_a_card_tells_how_far_one_is(room, tab):
    tab.save(tab.change("points", 5, step="aed01"), tab.change("blank", {"status": "not_applicable"}, step="aed02"))
    (card,) = queue(room.db, room.wei).cards
    assert (card.done, card.steps, card.duration_s, card.state) == (2, 9, FILM_S, "in_progress")


def test_a_repeat_appears_only_when_its_time_has_come(room):
    attempt = add_rated_attempt(room)
    submitted(room, attempt, room.wei)
    later = give(room, attempt, room.wei, purpose="repeat", slot=1, not_before="2026-03-15T08:00:00.000000Z")
    assert queue(room.db, room.wei).cards == ()
    with pytest.raises(NotFoundError):
        open_assignment(room.db, room.wei, later, client="weis-tab")
    room.clock.pass_by(days=15)
    assert [card.id for card in queue(room.db, room.wei).cards] == [later]


def test_calibration_comes_first_and_holds_the_rest_back_until_it_is_passed(room):
    room.policy(calibration_pass_kappa=0.6)
    score = give(room, add_rated_attempt(room), room.wei, position=0)
    gold = give(room, add_rated_attempt(room, "G-1"), room.wei, position=5, purpose="calibration")
    cards = queue(room.db, room.wei).cards
    assert [(card.id, card.waiting_for) for card in cards] == [(gold, None), (score, "calibration")]
    with pytest.raises(ConflictError) as caught:
        open_assignment(room.db, room.wei, score, client="weis-tab")
    assert caught.value.code == "calibration_first"


def test_an_attempt_without_a_verified_film_waits(room):
    attempt = add_rated_attempt(room)
    with room.db.write() as c:
        c.execute(text("UPDATE media SET state = 'quarantined' WHERE kind = 'derivative'"))
    waiting = give(room, attempt, room.wei)
    assert queue(room.db, room.wei).cards[0].waiting_for == "media"
    with pytest.raises(ConflictError) as caught:
        open_assignment(room.db, room.wei, waiting, client="weis-tab")
    assert caught.value.code == "media_not_ready"


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (lambda room, a: Planned("at_nothing", room.wei.id), "plan_attempt"),
        (lambda room, a: Planned(a, room.coordinator.id), "plan_rater"),
        (lambda room, a: Planned(a, room.lin.id), "plan_rater"),
        (lambda room, a: Planned(a, room.okafor.id, slot=0), "plan_slot"),
        (lambda room, a: Planned(a, room.wei.id, slot=1), "plan_twice"),
        (lambda room, a: Planned(a, room.okafor.id, slot=1, purpose="repeat"), "plan_repeat"),
        (lambda room, a: Planned(a, room.okafor.id, slot=-1), "plan_values"),
        (lambda room, a: Planned(a, room.okafor.id, slot=1, due_at="tomorrow"), "plan_values"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_whole(room, plan, code):
    attempt = add_rated_attempt(room)
    give(room, attempt, room.wei, slot=0)
    other = add_rated_attempt(room, "A-032")
    with pytest.raises(InputError) as caught:
        assign(room.db, room.coordinator, room.project, [Planned(other, room.wei.id), plan(room, attempt)])
    assert caught.value.code == code
    assert "line 2" in str(caught.value)
    with room.db.read() as c:
        assert c.execute(select(func.count()).select_from(assignment)).scalar() == 1


def test_a_conflict_of_interest_is_refused(room):
    attempt = add_rated_attempt(room)
    members.change_member(room.db, room.owner, room.members["wei"], roles=["rater"], conflicts=["A-031"])
    with pytest.raises(InputError) as caught:
        give(room, attempt, room.wei)
    assert caught.value.code == "plan_conflict"


def test_a_rubric_that_is_not_what_was_published_is_refused(room):
    attempt = add_rated_attempt(room)
    with room.db.write() as c:
        unguard(c, "rubric_version", "rubric_version_published")
        c.execute(text("UPDATE rubric_version SET state = 'draft'"))
    with pytest.raises(ConflictError) as caught:
        give(room, attempt, room.wei)
    assert caught.value.code == "rubric_not_published"


def test_raters_do_not_plan(room):
    with pytest.raises(NotAllowedError):
        assign(room.db, room.wei, room.project, [])


def test_reassigning_keeps_the_earlier_work_and_hands_none_of_it_on(room, tab):
    tab.set("points", 5, step="aed01")
    made = reassign(room.db, room.coordinator, tab.assignment, room.okafor.id, reason="Wei is ill")
    assert draft_of(room, tab.assignment) != {}
    assert draft_of(room, made) == {}
    assert queue(room.db, room.wei).cards == ()
    assert [card.id for card in queue(room.db, room.okafor).cards] == [made]
    with pytest.raises(ConflictError) as caught:
        tab.set("points", 6, step="aed01")
    assert caught.value.kind == "state"
    assert caught.value.detail["kept_aside"] == [2], "what the first rater still sends is kept"


def test_locked_work_is_never_taken_back(room):
    done, _ = submitted(room, add_rated_attempt(room), room.wei)
    with pytest.raises(ConflictError):
        withdraw(room.db, room.coordinator, done, reason="no longer wanted")
    reopen(room.db, room.coordinator, done, reason="again")
    with pytest.raises(ConflictError):
        withdraw(room.db, room.coordinator, done, reason="no longer wanted")


def test_a_closed_project_keeps_late_changes_aside(room, tab):
    with room.db.write() as c:
        c.execute(text("UPDATE project SET state = 'closed'"))
    with pytest.raises(ConflictError) as caught:
        tab.set("points", 6, step="aed01")
    assert caught.value.detail["kept_aside"] == [1]
    assert queue(room.db, room.wei).cards == ()


# --- under load -----------------------------------------------------------------------------------------------------


@given(st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_repeated_and_reordered_batches_end_in_the_same_draft(room, data):
    """A network repeats requests and delivers a repetition after later ones; what was acknowledged stays as it was."""
    tab = Tab(room, room.wei, give(room, add_rated_attempt(room, new_id("P")), room.wei))
    tab.open()
    values = data.draw(st.lists(st.sampled_from([0, 0.5, 1, 2, 3]), min_size=2, max_size=8))
    batches = [[tab.change("points", p, step="aed01"), tab.change("note", f"{p}", step="aed02")] for p in values]
    for number, batch in enumerate(batches):
        tab.save(*batch)
        for earlier in data.draw(st.lists(st.integers(0, number), max_size=3)):
            tab.save(*batches[earlier])
    steps = draft_of(room, tab.assignment)["steps"]["aed-adult"]
    assert (steps["aed01"]["points"], steps["aed02"]["note"]) == (values[-1], f"{values[-1]}")
    assert replay(room, tab.assignment) == draft_of(room, tab.assignment)
    assert len(log_of(room, tab.assignment)) == 2 * len(values)


def test_eight_threads_lose_no_acknowledged_change(room):
    """Four tabs on their own assignments and four that wrest one from each other."""
    shared = give(room, add_rated_attempt(room, "SHARED"), room.okafor)
    tabs = [Tab(room, room.wei, give(room, add_rated_attempt(room, f"A-{n}"), room.wei)) for n in range(4)]
    tabs += [Tab(room, room.okafor, shared) for _ in range(4)]
    acknowledged: list[tuple[str, str, int]] = []
    kept_aside: list[tuple[str, str, int]] = []
    failures: list[BaseException] = []

    def rate(tab):
        try:
            tab.open(take_over=True)
            for number in range(25):
                change = tab.change("points", number % 9, step="aed01")
                try:
                    done, bucket = tab.save(change, unsent=number % 2).acked, acknowledged
                except ConflictError as error:
                    if error.kind != "stale_writer":
                        raise
                    done, bucket = tuple(error.detail["kept_aside"]), kept_aside
                    tab.open(take_over=True)
                bucket.extend((tab.assignment, tab.client, seq) for seq in done)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=rate, args=(tab,)) for tab in tabs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(acknowledged) + len(kept_aside) == 8 * 25
    for assignment_id in {tab.assignment for tab in tabs}:
        log = log_of(room, assignment_id)
        stored = {(assignment_id, e["client"], e["client_seq"]): e["aside"] for e in log}
        assert [e["seq"] for e in log] == list(range(1, len(log) + 1))
        assert all(stored[key] is False for key in acknowledged if key[0] == assignment_id)
        assert all(stored[key] is True for key in kept_aside if key[0] == assignment_id)
        assert replay(room, assignment_id) == draft_of(room, assignment_id)
    with room.db.read() as c:
        assert len(aside_of(c, shared)) == len(kept_aside)


def test_advice_needs_no_rubric_it_was_not_given():
    assert advice_on({"steps": {"gone": {"x": {"points": 1}}}}, Paper((), None)) == ((), ())
