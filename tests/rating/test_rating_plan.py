"""Assignment plans: who rates what, balanced, linked, repeatable; and what the ratings will be able to say."""

from __future__ import annotations

import json
import math
import re
import time
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from siming.cli import app
from siming.errors import SheetError, TaskError
from siming.metrics.planning import plan_from_table, plan_icc, plan_link_videos, power_of_correlation, table_with_kappa
from siming.metrics.rasch import connectivity
from siming.rating.plan import (
    REPEAT_AFTER_DAYS,
    Assignment,
    AssignmentPlan,
    Assumptions,
    PlanAttempt,
    PlanRater,
    plan_assignments,
    replan,
)
from siming.rating.plan.files import read_assignments, read_attempts, read_raters, write_assignments
from siming.rating.plan.forecast import icc_half_widths, qwk_half_width, severity_errors, smallest_correlation
from siming.rating.plan.words import assumptions_in, reason_in, sentences_in
from siming.rating.texts import texts
from siming.simulate import simulate_dataset

SKILLS = ("cpr-adult-single", "aed-adult", "bmv-adult")


def exam(
    n: int, *, minutes: float | tuple[float, float] = (6.0, 12.0), sites: int = 1, seed: int = 0
) -> list[PlanAttempt]:
    rng = np.random.default_rng(seed)
    low, high = minutes if isinstance(minutes, tuple) else (minutes, minutes)
    return [
        PlanAttempt(f"A-{i:05d}", round(float(rng.uniform(low, high)), 1), SKILLS, site=f"site{i % sites}")
        for i in range(n)
    ]


def people(n: int, **more: object) -> list[PlanRater]:
    return [PlanRater(f"rater{i:03d}", **more) for i in range(n)]  # type: ignore[arg-type]


def seats(plan: AssignmentPlan) -> dict[str, dict[int, str]]:
    """Attempt to slot to rater, for compared ratings that count."""
    out: dict[str, dict[int, str]] = defaultdict(dict)
    for a in plan.assignments:
        if a.purpose == "score" and not a.reassigned:
            assert out[a.attempt].setdefault(a.slot, a.rater) == a.rater  # one rater per slot, whatever the rubrics
    return out


def views(plan: AssignmentPlan) -> set[tuple[str, str]]:
    return {(a.attempt, a.rater) for a in plan.assignments if a.purpose != "repeat"}


# ---------------------------------------------------------------- what always holds


@st.composite
def wishes(draw):
    n_raters = draw(st.integers(2, 7))
    k = draw(st.integers(1, min(3, n_raters)))
    n = draw(st.integers(1, 24))
    lengths = draw(st.lists(st.floats(1, 30), min_size=n, max_size=n))
    sites = draw(st.integers(1, 3))
    attempts = [
        PlanAttempt(f"A{i:02d}", lengths[i], SKILLS[: 1 + i % 3], site=f"s{i % sites}", candidate=f"c{i // 2}")
        for i in range(n)
    ]
    raters = [PlanRater(f"r{i}") for i in range(n_raters)]
    options = {
        "raters_per_attempt": k,
        "double_share": draw(st.sampled_from([0.0, 0.3, 1.0])),
        "link_attempts": draw(st.integers(0, min(3, n))),
        "repeat_share": draw(st.sampled_from([0.0, 0.05, 0.5])),
        "seed": draw(st.integers(0, 2**31)),
    }
    return attempts, raters, options


@settings(max_examples=60, deadline=None)
@given(wishes())
def test_every_attempt_gets_its_raters_and_nobody_the_same_attempt_twice(given_):
    attempts, raters, options = given_
    plan = plan_assignments(attempts, raters, **options)
    found = seats(plan)
    linked = set(plan.link_attempts)
    widths = [len(found[a.id]) for a in attempts]
    assert set(widths) <= {1, options["raters_per_attempt"]}
    if options["raters_per_attempt"] > 1:
        doubles = round(options["double_share"] * len(attempts))
        assert doubles <= widths.count(options["raters_per_attempt"]) <= doubles + len(linked)
    for attempt in attempts:
        own = [a for a in plan.assignments if a.attempt == attempt.id and a.purpose != "repeat"]
        assert len({(a.rater, a.rubric) for a in own}) == len(own)
        assert Counter(a.rubric for a in own) == dict.fromkeys(attempt.rubrics, len({a.rater for a in own}))
        if attempt.id in linked:
            assert {a.rater for a in own} == {r.id for r in raters}


@settings(max_examples=60, deadline=None)
@given(wishes())
def test_repeats_are_the_raters_own_marked_for_two_weeks_later_and_last_in_the_queue(given_):
    attempts, raters, options = given_
    plan = plan_assignments(attempts, raters, **options)
    first = {(a.attempt, a.rater): a for a in plan.assignments if a.purpose == "score"}
    n_seats = sum(map(len, seats(plan).values()))
    repeats = {(a.attempt, a.rater) for a in plan.assignments if a.purpose == "repeat"}
    assert len(repeats) == round(options["repeat_share"] * n_seats)
    for a in plan.assignments:
        if a.purpose == "repeat":
            assert a.not_before_days == REPEAT_AFTER_DAYS == 14
            assert a.order > first[a.attempt, a.rater].order
            assert a.slot == first[a.attempt, a.rater].slot
        else:
            assert a.not_before_days == 0


@settings(max_examples=60, deadline=None)
@given(wishes())
def test_minutes_lie_within_one_video_of_even_where_nobody_is_in_conflict(given_):
    attempts, raters, options = given_
    plan = plan_assignments(attempts, raters, **{**options, "repeat_share": 0})
    minutes = [w.minutes for w in plan.workload]
    assert max(abs(m - np.mean(minutes)) for m in minutes) <= max(a.minutes for a in attempts) + 1e-6


@settings(max_examples=40, deadline=None)
@given(wishes(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_means_nothing_and_a_seed_is_a_plan(given_, random):
    attempts, raters, options = given_
    plan = plan_assignments(attempts, raters, **options)
    random.shuffle(attempts)
    random.shuffle(raters)
    assert plan_assignments(attempts, raters, **options) == plan


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 9), st.integers(2, 5), st.integers(0, 1000))
def test_pairs_differ_by_at_most_one_or_two_and_all_raters_are_joined(n_raters, times, seed):
    n = math.comb(n_raters, 2) * times
    plan = plan_assignments(exam(n, seed=seed), people(n_raters), repeat_share=0, seed=seed)
    scored = [pair.scored for pair in plan.pairs]
    assert sum(scored) == n
    assert max(scored) - min(scored) <= 2
    assert plan.connections.connected


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 10), st.integers(0, 6), st.integers(0, 1000))
def test_the_design_hangs_together_as_soon_as_arithmetic_allows(n_raters, more, seed):
    attempts = exam(n_raters - 1 + more, seed=seed)  # a tree over the raters has one edge less than raters
    plan = plan_assignments(attempts, people(n_raters), seed=seed)
    assert plan.connections.connected
    rows = sorted(views(plan))
    witness = connectivity(video=[a for a, _ in rows], step=["x"] * len(rows), rater=[r for _, r in rows])
    assert witness.connected


@st.composite
def conflicted(draw):
    n = draw(st.integers(2, 16))
    attempts = [
        PlanAttempt(f"A{i:02d}", 8.0 + i % 3, SKILLS, site=f"s{i % 3}", candidate=f"c{i % 5}") for i in range(n)
    ]
    raters = [
        PlanRater(
            f"r{i}",
            site=draw(st.sampled_from([None, "s0", "s1", "s2"])),
            conflicts=frozenset(
                draw(st.sets(st.sampled_from([a.id for a in attempts] + ["c0", "c1", "c2"]), max_size=2))
            ),
            same_site_allowed=draw(st.booleans()),
        )
        for i in range(draw(st.integers(3, 8)))
    ]
    return attempts, raters, draw(st.integers(0, 2)), draw(st.integers(0, 999))


@settings(max_examples=80, deadline=None)
@given(conflicted())
def test_conflicts_are_never_broken_and_a_refusal_is_right(given_):
    attempts, raters, links, seed = given_

    def may(rater: PlanRater, attempt: PlanAttempt) -> bool:
        own_site = rater.site is not None and rater.site == attempt.site and not rater.same_site_allowed
        return not own_site and not rater.conflicts & {attempt.id, attempt.candidate}

    possible = all(sum(may(r, a) for r in raters) >= 2 for a in attempts)
    if not possible:
        with pytest.raises(TaskError, match="could rate it"):
            plan_assignments(attempts, raters, link_attempts=links, seed=seed)
        return
    plan = plan_assignments(attempts, raters, link_attempts=links, seed=seed)
    by_id = {r.id: r for r in raters}
    for attempt in attempts:
        for _, rater in filter(lambda view: view[0] == attempt.id, views(plan)):
            assert may(by_id[rater], attempt)
    # what the plan says about groups is what the estimability of severities says
    rows = sorted(views(plan))
    witness = connectivity(video=[a for a, _ in rows], step=["x"] * len(rows), rater=[r for _, r in rows])
    active = {r for _, r in rows}
    theirs = {tuple(sorted(group)) for group in witness.raters}
    ours = {group for group in plan.connections.groups if set(group) & active}
    assert ours == theirs


# ---------------------------------------------------------------- size, seeds, order


def test_two_hundred_attempts_and_twelve_raters_are_balanced_at_once():
    start = time.perf_counter()
    plan = plan_assignments(exam(200, sites=3), people(12), link_attempts=5, seed=1)
    assert time.perf_counter() - start < 2
    scored = [pair.scored for pair in plan.pairs]  # 200 attempts over 66 pairs: 3 each and 2 more
    assert (min(scored), max(scored)) == (3, 4)
    minutes = [w.minutes for w in plan.workload]
    assert max(minutes) - min(minutes) <= 12
    assert sum(w.repeats for w in plan.workload) == 20
    for site in ("site0", "site1", "site2"):
        here = [w.sites[site] for w in plan.workload]
        assert max(here) - min(here) <= 4
    firsts = Counter(row[0] for row in seats(plan).values())
    assert max(firsts.values()) - min(firsts.values()) <= 3  # nobody sits first more often than he must


@pytest.mark.slow
def test_ten_thousand_attempts_and_a_hundred_raters_take_less_than_half_a_minute():
    start = time.perf_counter()
    plan = plan_assignments(exam(10_000), people(100), link_attempts=5, seed=1)
    assert time.perf_counter() - start < 30
    scored = [pair.scored for pair in plan.pairs]
    assert max(scored) - min(scored) <= 2
    assert max(w.minutes for w in plan.workload) - min(w.minutes for w in plan.workload) <= 12


def test_each_rater_has_an_order_of_his_own_with_sites_and_links_spread_over_it():
    plan = plan_assignments(exam(120, sites=3), people(4), link_attempts=12, seed=5)
    assert len(set(plan.rater_seeds.values())) == 4
    links = set(plan.link_attempts)
    queues = {}
    for rater in plan.rater_seeds:
        queue = list(dict.fromkeys(a.attempt for a in plan.of_rater(rater) if a.purpose != "repeat"))
        orders = [a.order for a in plan.of_rater(rater)]
        assert sorted(set(orders)) == list(range(1, max(orders) + 1))
        halves = queue[: len(queue) // 2], queue[len(queue) // 2 :]
        assert [sum(a in links for a in half) for half in halves] == pytest.approx([6, 6], abs=1)
        queues[rater] = queue
    shared = [a for a in queues["rater000"] if a in queues["rater001"]]
    assert shared != [a for a in queues["rater001"] if a in queues["rater000"]]
    assert plan_assignments(exam(120, sites=3), people(4), link_attempts=12, seed=6).assignments != plan.assignments


def test_two_attempts_of_one_candidate_do_not_follow_each_other():
    attempts = [replace(a, candidate=f"c{n // 4}") for n, a in enumerate(exam(40))]
    plan = plan_assignments(attempts, people(3), repeat_share=0, seed=2)
    candidate = {a.id: a.candidate for a in attempts}
    for rater in plan.rater_seeds:
        queue = [candidate[a] for a in dict.fromkeys(a.attempt for a in plan.of_rater(rater))]
        assert all(one != other for one, other in pairwise(queue))


def test_a_share_of_double_ratings_is_drawn_from_every_site():
    plan = plan_assignments(exam(90, sites=3), people(6), double_share=1 / 3, seed=3)
    doubles = [attempt for attempt, row in seats(plan).items() if len(row) == 2]
    assert plan.n_double == len(doubles) == 30
    assert set(Counter(int(a[2:]) % 3 for a in doubles).values()) == {10}


def test_link_attempts_by_id_are_rated_by_all_who_may():
    raters = [*people(4), PlanRater("teacher", conflicts=frozenset({"A-00001"}))]
    plan = plan_assignments(exam(10), raters, link_attempts=["A-00001", "A-00002"], seed=4)
    viewers = {name: {r for a, r in views(plan) if a == name} for name in plan.link_attempts}
    assert viewers == {"A-00001": {r.id for r in people(4)}, "A-00002": {r.id for r in raters}}
    extra = [a for a in plan.assignments if a.attempt == "A-00002" and a.purpose == "link"]
    assert sorted({a.slot for a in extra}) == [2, 3, 4]


# ---------------------------------------------------------------- limits and refusals


def test_minutes_are_kept_within_what_a_rater_can_give():
    raters = [PlanRater("okafor", max_minutes=40), *people(3)]
    plan = plan_assignments(exam(30), raters, seed=1)
    load = {w.rater: w.minutes for w in plan.workload}
    assert load["okafor"] <= 40
    others = [minutes for rater, minutes in load.items() if rater != "okafor"]
    assert max(others) - min(others) <= 12


def test_too_few_minutes_are_refused_and_the_minutes_offered_will_do():
    raters = people(4, max_minutes=50.0)
    with pytest.raises(TaskError, match=r"raise max_minutes to at least rater000 \d+") as caught:
        plan_assignments(exam(30), raters, seed=1)
    advised = dict(re.findall(r"(rater\d+) (\d+)", str(caught.value)))
    mended = [replace(r, max_minutes=float(advised.get(r.id, 50))) for r in raters]
    plan = plan_assignments(exam(30), mended, seed=1)
    assert all(w.minutes <= float(advised[w.rater]) for w in plan.workload)


def test_raters_of_the_same_site_only_are_refused_and_each_mend_is_accepted():
    attempts = exam(6)
    raters = [PlanRater("wei", site="site0"), PlanRater("okafor", site="site0"), PlanRater("lin", site="elsewhere")]
    with pytest.raises(TaskError) as caught:
        plan_assignments(attempts, raters, seed=0)
    assert str(caught.value) == (
        "attempt 'A-00000' lacks 2 rater(s) and 1 could rate it (there are 3 raters; okafor, wei of its site 'site0' must "
        "not); add 1 rater(s) who may, set same_site_allowed for okafor or wei or ask for raters_per_attempt=1"
    )
    assert plan_assignments(attempts, [*raters, PlanRater("tan")], seed=0)
    assert plan_assignments(attempts, [replace(raters[0], same_site_allowed=True), *raters[1:]], seed=0)
    assert plan_assignments(attempts, raters, raters_per_attempt=1, seed=0)


@pytest.mark.parametrize(
    ("wrong", "mended", "message"),
    [
        ({"double_share": 1.5}, {"double_share": 0.05}, "double_share is 1.5; give a share from 0 to 1, such as 0.05"),
        ({"repeat_share": -1}, {"repeat_share": 0.05}, "repeat_share is -1; give a share from 0 to 1, such as 0.05"),
        ({"raters_per_attempt": 0}, {"raters_per_attempt": 1}, "raters_per_attempt is 0; give 1 or more"),
        ({"raters_per_attempt": 5}, {"raters_per_attempt": 4}, "lacks 5 rater.s. and 4 could rate it"),
        (
            {"link_attempts": 99},
            {"link_attempts": 8},
            "99 link attempts are asked for and there are 8 attempts; give at most 8",
        ),
        ({"link_attempts": ["A-9"]}, {"link_attempts": []}, "link attempt 'A-9' is not among the attempts"),
        ({"not_before_days": -1}, {"not_before_days": 14}, "give 0 or more, such as 14"),
        ({"seed": -1}, {"seed": 0}, "seed is -1; give a whole number of 0 or more"),
    ],
)
def test_an_impossible_wish_is_refused_and_its_mend_accepted(wrong, mended, message):
    with pytest.raises(TaskError, match=message):
        plan_assignments(exam(8), people(4), **{"seed": 1, **wrong})
    assert plan_assignments(exam(8), people(4), **{"seed": 1, **mended})


def test_attempts_and_raters_that_cannot_be_are_refused():
    with pytest.raises(TaskError, match="lasts 0 minutes; give its length"):
        PlanAttempt("A", 0, SKILLS)
    with pytest.raises(TaskError, match="names no rubric"):
        PlanAttempt("A", 5, ())
    with pytest.raises(TaskError, match="max_minutes=-1"):
        PlanRater("wei", max_minutes=-1)
    with pytest.raises(TaskError, match="attempt id 'A-00000' stands twice"):
        plan_assignments([*exam(2), *exam(1)], people(2), seed=0)
    with pytest.raises(TaskError, match="there are no raters"):
        plan_assignments(exam(2), [], seed=0)
    with pytest.raises(TaskError, match="assumption kappa is 1; give a number from 0 to less than 1"):
        Assumptions(kappa=1)


def test_a_design_that_cannot_hang_together_says_so():
    # two sites, everybody barred from his own: raters of one site never meet those of the other
    attempts = exam(20, sites=2)
    raters = [PlanRater(f"{site}-{n}", site=site) for site in ("site0", "site1") for n in range(3)]
    plan = plan_assignments(attempts, raters, seed=1)
    assert not plan.connections.connected
    assert [len(group) for group in plan.connections.groups] == [3, 3]
    assert plan.connections.algebraic.value == 0
    assert plan.forecast.severity_difference_error.reason == "the raters fall into groups that share no attempt"
    assert any("fall into 2 groups" in sentence for sentence in sentences_in(plan, "en"))
    # the mend of the sentence: a link attempt that everybody may rate
    outside = PlanAttempt("gold", 8.0, SKILLS, site="elsewhere")
    assert plan_assignments([*attempts, outside], raters, link_attempts=["gold"], seed=1).connections.connected


# ---------------------------------------------------------------- going on


def begun_half(plan: AssignmentPlan) -> set[tuple[str, str]]:
    return {(a.attempt, a.rater) for a in plan.assignments if a.order <= 3}


def test_a_plan_that_lacks_nothing_is_left_as_it_is():
    plan = plan_assignments(exam(20), people(5), link_attempts=2, seed=7)
    again = replan(plan, exam(20), people(5), link_attempts=2, seed=8)
    assert again.assignments == plan.assignments


def test_attempts_added_later_move_nothing_that_exists():
    attempts = exam(30)
    plan = plan_assignments(attempts[:20], people(5), link_attempts=2, seed=7)
    longer = replan(plan, attempts, people(5), link_attempts=2, seed=7)
    assert set(plan.assignments) <= set(longer.assignments)
    assert {attempt for attempt, row in seats(longer).items() if len(row) == 2} == {a.id for a in attempts}
    for rater in longer.rater_seeds:
        old = max(a.order for a in plan.of_rater(rater))
        assert all(a.order > old for a in set(longer.of_rater(rater)) - set(plan.of_rater(rater)))
    minutes = [w.minutes for w in longer.workload]
    assert max(minutes) - min(minutes) <= 12
    assert sum(w.repeats for w in longer.workload) == round(0.05 * 60)


def test_a_rater_who_leaves_keeps_what_he_began_and_the_rest_goes_to_others():
    plan = plan_assignments(exam(20), people(5), seed=7)
    begun = begun_half(plan)
    left = replan(plan, exam(20), people(4), begun=begun, seed=7)
    mine = {(a.attempt, a.rater) for a in left.assignments if a.rater == "rater004"}
    assert mine == {view for view in begun if view[1] == "rater004"}
    assert {a for a in plan.assignments if a.rater != "rater004"} <= set(left.assignments)
    assert all(len(row) == 2 for row in seats(left).values())


def test_a_released_place_goes_to_somebody_else_and_begun_work_stays_beside_it():
    plan = plan_assignments(exam(20), people(5), seed=7)
    one = next(a for a in plan.assignments if a.rater == "rater001" and a.purpose == "score")
    view = (one.attempt, one.rater)
    after = replan(plan, exam(20), people(5), begun={view}, release={view}, seed=7)
    kept = [a for a in after.assignments if (a.attempt, a.rater) == view and a.purpose == "score"]
    assert kept
    assert all(a.reassigned for a in kept)
    assert seats(after)[one.attempt][one.slot] not in (one.rater, seats(plan)[one.attempt][1 - one.slot])
    assert seats(after)[one.attempt][1 - one.slot] == seats(plan)[one.attempt][1 - one.slot]
    unbegun = replan(plan, exam(20), people(5), release={view}, seed=7)
    assert not [a for a in unbegun.assignments if (a.attempt, a.rater, a.reassigned) == (*view, True)]


def test_a_conflict_found_later_frees_the_place_unless_work_has_begun():
    plan = plan_assignments(exam(20), people(5), seed=7)
    attempt = next(a.attempt for a in plan.assignments if a.rater == "rater001")
    raters = [replace(r, conflicts=frozenset({attempt})) if r.id == "rater001" else r for r in people(5)]
    assert (attempt, "rater001") not in views(replan(plan, exam(20), raters, seed=7))
    assert (attempt, "rater001") in views(replan(plan, exam(20), raters, begun={(attempt, "rater001")}, seed=7))


def test_a_rater_who_joins_rates_the_link_attempts_too():
    plan = plan_assignments(exam(20), people(4), link_attempts=2, seed=7)
    joined = replan(plan, exam(20), people(5), seed=7)
    assert set(plan.assignments) <= set(joined.assignments)
    assert {a.attempt for a in joined.of_rater("rater004")} == set(plan.link_attempts)


def test_begun_work_on_a_withdrawn_attempt_is_kept_and_counted_nowhere():
    plan = plan_assignments(exam(20), people(5), repeat_share=0, seed=7)
    view = next((a.attempt, a.rater) for a in plan.assignments)
    rest = [a for a in exam(20) if a.id != view[0]]
    after = replan(plan, rest, people(5), begun={view}, repeat_share=0, seed=7)
    assert {a.rater for a in after.assignments if a.attempt == view[0]} == {view[1]}
    assert after.n_attempts == 19
    assert sum(w.attempts for w in after.workload) == 38


def test_begun_work_that_nobody_was_given_is_refused():
    plan = plan_assignments(exam(4), people(3), seed=7)
    with pytest.raises(
        TaskError, match="attempt 'A-9' of rater 'wei' is called begun and is not among the assignments"
    ):
        replan(plan, exam(4), people(3), begun={("A-9", "wei")}, seed=7)


@settings(max_examples=40, deadline=None)
@given(wishes(), st.data())
def test_going_on_never_loses_begun_work_and_fills_every_place(given_, data):
    attempts, raters, options = given_
    plan = plan_assignments(attempts, raters, **options)
    there = sorted(views(plan))
    begun = set(data.draw(st.lists(st.sampled_from(there), unique=True)))
    release = set(data.draw(st.lists(st.sampled_from(there), unique=True, max_size=1)))
    newcomers = [PlanRater("z1"), PlanRater("z2"), PlanRater("z3")]
    more = [*attempts, PlanAttempt("Z", 9.0, SKILLS)]
    after = replan(plan, more, [*raters[1:], *newcomers], begun=begun, release=release, **options)
    old = {a for a in plan.assignments if (a.attempt, a.rater) in begun and (a.attempt, a.rater) not in release}
    assert old <= set(after.assignments)
    assert begun <= {(a.attempt, a.rater) for a in after.assignments}
    width = {name: len(row) for name, row in seats(plan).items()}
    for attempt, row in seats(after).items():
        if attempt in width:
            assert len(row) == width[attempt]
        assert len(set(row.values())) == len(row)


# ---------------------------------------------------------------- what it will be able to say


def test_the_half_width_of_kappa_is_that_of_the_planner_the_other_way_round():
    table = table_with_kappa(0.7, [3, 4.5, 7.5, 85])
    planned = plan_from_table(table, cells_per_video=33, design_effect=1.5, width=0.1, replicates=4000)
    assert planned.videos is not None
    half = qwk_half_width(planned.videos, Assumptions(), seed=11).value
    assert half == pytest.approx(0.05, abs=0.003)


def test_the_half_width_of_the_icc_is_bonetts_the_other_way_round():
    # R .8, two raters: 50.79 by the formula and 4 more for two raters; at 54.79 the width is .2
    wide = plan_icc(0.8, width=0.2, raters=2)
    single, mean = icc_half_widths(1000, raters=2, assumptions=Assumptions(icc=0.8))
    assert wide.unrounded is not None
    assert single.value == pytest.approx(0.1 * math.sqrt((wide.unrounded - 5) / (1000 - 5)), rel=1e-6)
    low, high = 0.8 - single.value, 0.8 + single.value  # Spearman and Brown: 2 R / (1 + R)
    assert mean.value == pytest.approx((2 * high / (1 + high) - 2 * low / (1 + low)) / 2)
    three = plan_icc(0.7, width=0.2, raters=3)
    found, _ = icc_half_widths(three.videos or 0, raters=3, assumptions=Assumptions(icc=0.7))
    assert found.value == pytest.approx(0.1, abs=0.001)


def test_two_raters_with_n_common_videos_differ_with_the_planners_standard_error():
    # SD of differences 6, n shared: 6 / sqrt(n); each against the mean of both half of that
    errors, worst, algebraic = severity_errors([["wei", "okafor"]] * 38, ["okafor", "wei"], difference_sd=6)
    assert worst.value == pytest.approx(6 / math.sqrt(38))
    assert errors["wei"].value == pytest.approx(3 / math.sqrt(38))
    assert algebraic.value == pytest.approx(38)  # information n/2 [[1, -1], [-1, 1]]: eigenvalues 0 and n
    assert plan_link_videos(6, width=2 * 2.03 * worst.value).videos == pytest.approx(38, abs=1)


def test_a_chain_of_links_adds_its_errors_and_a_crowd_of_raters_shares_them():
    chain = [["wei", "okafor"]] * 10 + [["okafor", "lin"]] * 10
    _, worst, _ = severity_errors(chain, ["lin", "okafor", "wei"], difference_sd=6)
    assert worst.value == pytest.approx(6 * math.sqrt(2 / 10))  # wei to lin by two hops
    # n videos that all m raters rate: each pair differs with 6 / sqrt(n), whatever m
    _, worst, _ = severity_errors([["a", "b", "c", "d"]] * 9, ["a", "b", "c", "d"], difference_sd=6)
    assert worst.value == pytest.approx(2)


def test_expected_severity_errors_are_what_simulated_ratings_show():
    plan = plan_assignments(exam(60), people(5), repeat_share=0, seed=2)
    rows = [sorted(row.values()) for row in seats(plan).values()]
    names = sorted(plan.rater_seeds)
    rng = np.random.default_rng(0)
    design = np.zeros((sum(map(len, rows)), len(rows) + len(names)))
    for line, (attempt, rater) in enumerate((n, rater) for n, row in enumerate(rows) for rater in row):
        design[line, attempt] = design[line, len(rows) + names.index(rater)] = 1
    solve = np.linalg.pinv(design)
    estimates = (solve @ rng.normal(0, 6 / math.sqrt(2), (len(design), 4000)))[len(rows) :]
    seen = (estimates - estimates.mean(axis=0)).std(axis=1)
    expected = [plan.forecast.severity_error[name].value for name in names]
    assert seen == pytest.approx(expected, rel=0.06)


def test_the_smallest_correlation_is_found_with_the_assumed_power():
    r = smallest_correlation(200, Assumptions()).value
    assert r == pytest.approx(0.197, abs=0.001)
    assert power_of_correlation(r, 200).value == pytest.approx(0.8, abs=0.001)


def test_what_cannot_be_said_has_a_reason_and_no_number():
    small = plan_assignments(exam(3), people(3), seed=0).forecast
    assert small.qwk_half_width.value is None
    assert small.qwk_half_width.reason == "3 clusters are fewer than 5"
    alone = plan_assignments(exam(30), people(1), raters_per_attempt=1, seed=0)
    assert alone.forecast.icc_single_half_width.reason == "attempts are rated by one rater"
    assert alone.forecast.severity_error["rater000"].reason == "shares no attempt with another rater"
    assert alone.forecast.severity_difference_error.reason == "there is one rater"
    assert alone.connections.connected


def test_assumptions_are_shown_and_can_be_changed():
    narrow = plan_assignments(
        exam(50), people(4), seed=0, assumptions=Assumptions(cells_per_attempt=9, difference_sd=3)
    )
    usual = plan_assignments(exam(50), people(4), seed=0)
    assert narrow.assignments == usual.assignments
    assert narrow.forecast.qwk_half_width.value > usual.forecast.qwk_half_width.value
    assert narrow.forecast.severity_difference_error.value == pytest.approx(
        usual.forecast.severity_difference_error.value / 2
    )
    said = assumptions_in(narrow.forecast.assumptions, "en")
    assert "Steps judged in an attempt: 9." in said
    assert "Shares of labels 0 to 3: 3 %, 4.5 %, 7.5 %, 85 %." in said


def test_the_plan_is_told_in_both_languages_and_goes_into_json():
    plan = plan_assignments(exam(200), people(12), seed=1)
    english, chinese = (sentences_in(plan, language) for language in ("en", "zh"))
    assert english[0].startswith("200 attempts for 12 raters: 200 with 2 compared sheets")
    assert "QWK of a typical pair alone: cannot be said, because 3 videos are fewer than 5." in english
    assert "单独一对评分者的QWK：无法给出，因为只有3段视频，少于5段。" in chinese
    assert len(english) == len(chinese)
    assert json.loads(json.dumps(plan.to_plain(), allow_nan=False))["words"]["zh"] == chinese
    for key in ("plan_words", "plan_assumptions", "plan_columns"):
        assert texts("en")[key].keys() == texts("zh")[key].keys()


@pytest.mark.parametrize(
    "reason",
    [
        "attempts are rated by one rater",
        "4 videos are too few for Bonett's formula",
        "kappa is often undefined with 7 cells",
        "shares no attempt with another rater",
        "there is one rater",
        "the raters fall into groups that share no attempt",
        "link attempt 'A-1' keeps a place open: everybody who may rate it does so already",
        "3 repeats found no room in the raters' minutes",
    ],
)
def test_every_reason_is_known_in_chinese(reason):
    assert reason_in("zh", reason) != reason
    assert reason_in("en", reason) == reason


def test_assignments_of_an_earlier_plan_may_come_from_anywhere():
    stored = [Assignment("A-00000", SKILLS[0], "rater000", 0, 1, "score")]
    plan = replan(stored, [replace(exam(1)[0], rubrics=SKILLS[:1])], people(3), seed=0)
    assert [a.rater for a in plan.assignments] == ["rater000"]  # it had one place, so it keeps one


# ---------------------------------------------------------------- files and command


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def tables(tmp_path):
    attempts = write(
        tmp_path / "attempts.csv",
        "录像,时长,rubrics,site,candidate\n"
        + "".join(f"A-{n:03d},{6 + n % 5},cpr-adult-single; aed-adult,s{n % 2},c{n}\n" for n in range(20)),
    )
    raters = write(
        tmp_path / "raters.csv",
        "rater,site,max_minutes,conflicts,same_site_allowed\nwei,s0,,c1;A-003,是\nokafor,,200,,\nlin,,,,no\ntan,,,,\n",
    )
    return attempts, raters


def test_attempts_and_raters_are_read_from_tables(tables):
    attempts, raters = read_attempts(tables[0]), read_raters(tables[1])
    assert attempts[1] == PlanAttempt("A-001", 7, SKILLS[:2], "s1", "c1")
    assert raters[0] == PlanRater("wei", "s0", None, frozenset({"c1", "A-003"}), True)
    assert raters[1] == PlanRater("okafor", None, 200)


def test_a_written_plan_is_read_back_and_written_twice_alike(tables, tmp_path):
    plan = plan_assignments(read_attempts(tables[0]), read_raters(tables[1]), link_attempts=2, seed=3)
    begun = {(plan.assignments[0].attempt, plan.assignments[0].rater)}
    write_assignments(tmp_path / "plan.csv", plan.assignments, begun=begun)
    write_assignments(tmp_path / "again.csv", plan.assignments, begun=begun)
    assert read_assignments(tmp_path / "plan.csv") == (plan.assignments, begun)
    assert (tmp_path / "plan.csv").read_bytes() == (tmp_path / "again.csv").read_bytes()


def test_a_name_that_a_spreadsheet_would_run_is_written_as_text(tmp_path):
    hostile = Assignment("A-1", "aed-adult", "=cmd|' /C calc'!A0", 0, 1, "score")
    write_assignments(tmp_path / "plan.csv", [hostile])
    assert "\n'=cmd" in (tmp_path / "plan.csv").read_text("utf-8-sig")
    assert read_assignments(tmp_path / "plan.csv")[0] == (hostile,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "rater,order,attempt\nwei,1,A\n",
            "a list of assignments needs the columns rater, order, attempt, rubric, slot",
        ),
        (
            "rater,order,attempt,rubric,slot,purpose,not_before_days\nwei,x,A,r,0,score,0\n",
            "found 'x', wanted a number",
        ),
        (
            "rater,order,attempt,rubric,slot,purpose,not_before_days\nwei,1.5,A,r,0,score,0\n",
            "found '1.5', wanted a whole number",
        ),
        (
            "rater,order,attempt,rubric,slot,purpose,not_before_days\nwei,1,A,r,0,fun,0\n",
            "found 'fun', wanted score, link or repeat",
        ),
        (
            "rater,order,attempt,rubric,slot,purpose,not_before_days,begun\nwei,1,A,r,0,link,0,so\n",
            "found 'so', wanted yes or no",
        ),
    ],
)
def test_a_broken_table_is_refused_with_its_place(tmp_path, text, message):
    with pytest.raises(SheetError, match=message):
        read_assignments(write(tmp_path / "plan.csv", text))


def test_a_video_of_unknown_length_is_refused(tmp_path):
    path = write(tmp_path / "attempts.csv", "attempt,minutes,rubrics\nA-1,,aed-adult\n")
    with pytest.raises(TaskError, match="attempt 'A-1' does not say how long its video is; fill in minutes"):
        read_attempts(path)


def test_the_command_prints_the_plan_in_both_languages_and_goes_on_from_its_own_file(tables, tmp_path):
    out = tmp_path / "plan.csv"
    command = ["rating", "plan", *map(str, tables), "--links", "2", "--seed", "3"]
    english = CliRunner().invoke(app, [*command, "--out", str(out), "--lang", "en"], env={"COLUMNS": "120"})
    assert english.exit_code == 0, english.output
    assert "20 attempts for 4 raters" in english.output
    chinese = CliRunner().invoke(app, [*command, "--lang", "zh"], env={"COLUMNS": "120"})
    assert "4 位评分者，20 段视频" in chinese.output
    again = CliRunner().invoke(app, [*command, "--keep", str(out), "--json"])
    plain = json.loads(again.stdout)
    assert [row["attempt"] for row in plain["assignments"]] == [a.attempt for a in read_assignments(out)[0]]
    assert plain["forecast"]["qwk_half_width"]["n"] == 20


def test_the_attempts_of_a_dataset_bring_their_own_lengths_and_rubrics(tmp_path):
    dataset = simulate_dataset(tmp_path / "exams", attempts=3, seed=1, draw=False)
    found = read_attempts(tmp_path / "exams")
    assert [a.id for a in found] == [a.id for a in dataset.attempts]
    assert {a.rubrics for a in found} == {SKILLS}
    assert all(1 < a.minutes < 10 for a in found)
