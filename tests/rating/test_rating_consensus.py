"""Two blind sheets become one: Wei and Okafor rate Tan's exam, Lin adjudicates."""

from __future__ import annotations

import re

import pytest

from siming.errors import SheetError
from siming.rating import adjudication_rate, consensus, disputes
from siming.rubric import Author, Entry, Rubric, Sheet
from siming.rubric.rubric import Deduction, DeficientBand, MinorBand, OrdinalMap, Step

RUBRIC = Rubric(
    id="tiny",
    version="1",
    title="Tiny",
    title_zh="小",
    skill="CPR",
    ordinal_map=OrdinalMap(
        minor=MinorBand(max_ratio="1/3", floor_points=1), deficient=DeficientBand(below_ratio="3/4")
    ),
    steps=tuple(
        Step(
            id=f"t{n}",
            order=n,
            title=f"Step {n}",
            title_zh=f"步骤{n}",
            max_points=4,
            deductions=tuple(
                Deduction(id=fault, points=1, severity="minor", when=fault) for fault in ("late", "shallow", "slow")
            ),
        )
        for n in (1, 2, 3)
    ),
)


def sheet(author: str, *entries: Entry | float, attempt: str = "tan") -> Sheet:
    return Sheet(
        attempt=attempt,
        rubric="tiny",
        rubric_version="1",
        author=Author(kind="physician", name=author),
        steps={
            f"t{n}": entry if isinstance(entry, Entry) else Entry(points=entry)
            for n, entry in enumerate(entries, start=1)
        },
    )


CANNOT = Entry(status="cannot_judge", reason="the camera was blocked")
NOT_ASKED = Entry(status="not_applicable", reason="no second rescuer")


def test_only_steps_with_unequal_points_go_to_adjudication():
    found = disputes(sheet("wei", 4, 3, 0), sheet("okafor", 4, 2, 0), RUBRIC)
    assert [(d.step, d.kind, d.first.points, d.second.points) for d in found] == [("t2", "points", 3, 2)]


def test_a_step_one_rater_left_blank_goes_to_adjudication_and_is_not_zero():
    wei, okafor = sheet("wei", 4, CANNOT, 0), sheet("okafor", 4, 0, 0)
    assert [(d.step, d.kind) for d in disputes(wei, okafor, RUBRIC)] == [("t2", "blank")]
    joined = consensus(wei, okafor, {"t2": 3}, RUBRIC)
    assert joined.steps["t2"].points == 3


def test_a_step_that_both_left_blank_is_no_agreement():
    found = disputes(sheet("wei", CANNOT, 1, 1), sheet("okafor", CANNOT, 1, 1), RUBRIC)
    assert [d.step for d in found] == ["t1"]


def test_a_step_that_both_call_not_applicable_is_agreed_and_stays_so():
    joined = consensus(sheet("wei", NOT_ASKED, 1, 1), sheet("okafor", NOT_ASKED, 1, 1), {}, RUBRIC)
    assert joined.steps["t1"].status == "not_applicable"
    assert joined.total(RUBRIC) == 100 * 2 / 8


def test_disputes_are_the_same_steps_whoever_is_named_first():
    wei, okafor = sheet("wei", 4, CANNOT, 1), sheet("okafor", 3, 0, 1)
    assert [d.step for d in disputes(wei, okafor, RUBRIC)] == [d.step for d in disputes(okafor, wei, RUBRIC)]


def test_an_agreed_step_keeps_the_deductions_both_took_and_the_evidence_of_both():
    wei = Entry(points=2, deductions=("late", "shallow"), evidence=((3.0, 5.0),))
    okafor = Entry(points=2, deductions=("shallow", "slow"), evidence=((1.0, 2.0),))
    agreed = consensus(sheet("wei", wei, 1, 1), sheet("okafor", okafor, 1, 1), {}, RUBRIC).steps["t1"]
    assert agreed.points == 2
    assert agreed.deductions == ("shallow",)
    assert agreed.evidence == ((1.0, 2.0), (3.0, 5.0))


def test_sentences_for_points_that_both_took_are_kept():
    wei = Entry(points=2, reasons={"en": ("late", "shallow"), "zh": ("晚", "浅")})
    okafor = Entry(points=2, reasons={"en": ("shallow", "slow"), "zh": ("浅", "慢")})
    agreed = consensus(sheet("wei", wei, 1, 1), sheet("okafor", okafor, 1, 1), {}, RUBRIC).steps["t1"]
    assert agreed.reasons == {"en": ("late", "shallow", "slow"), "zh": ("晚", "浅", "慢")}


def test_lin_may_decide_by_a_rule_or_say_that_nobody_can_tell():
    wei, okafor = sheet("wei", 4, 3, CANNOT), sheet("okafor", 4, 1, 2)

    def lin(dispute):
        if dispute.kind == "blank":
            return Entry(status="cannot_judge", reason="out of the picture")
        return min(dispute.first.points, dispute.second.points)

    joined = consensus(wei, okafor, lin, RUBRIC)
    assert joined.author == Author(kind="consensus", name="consensus")
    assert [joined.steps[s].points for s in ("t1", "t2", "t3")] == [4, 1, None]


def test_an_undecided_step_stops_the_consensus_and_the_mend_is_accepted():
    wei, okafor = sheet("wei", 4, 3, 1), sheet("okafor", 4, 1, 2)
    with pytest.raises(SheetError, match="t3 are in dispute and not decided") as caught:
        consensus(wei, okafor, {"t2": 1}, RUBRIC)
    named = re.search(r"steps (\S+) are in dispute", str(caught.value))[1]
    assert consensus(wei, okafor, {"t2": 1, named: 2}, RUBRIC).steps[named].points == 2


@pytest.mark.parametrize(
    ("decisions", "complaint"),
    [
        ({"t2": 9}, "the rubric allows 0–4"),
        ({"t2": -1}, "decide on a number from 0 up"),
        ({"t2": 1, "t1": 4}, "'t1', which is not in dispute"),
    ],
)
def test_a_decision_that_cannot_stand_is_refused(decisions, complaint):
    with pytest.raises(SheetError, match=re.escape(complaint)):
        consensus(sheet("wei", 4, 3, 1), sheet("okafor", 4, 1, 1), decisions, RUBRIC)


@pytest.mark.parametrize(
    ("second", "complaint"),
    [
        (sheet("okafor", 1, 1, 1, attempt="ortiz"), "two sheets of one attempt"),
        (sheet("wei", 1, 1, 1), "needs two authors"),
        (sheet("okafor", Entry(wrong=True), 1, 1), "says only right or wrong"),
        (sheet("okafor", 1, 1), "steps t3 are not named"),
    ],
)
def test_sheets_that_are_no_pair_are_refused(second, complaint):
    with pytest.raises(SheetError, match=re.escape(complaint)):
        disputes(sheet("wei", 1, 1, 1), second, RUBRIC)


def test_the_adjudication_rate_is_the_share_of_disputed_steps():
    pairs = [
        (sheet("wei", 4, 3, 1, attempt=a), sheet("okafor", 4, second, third, attempt=a))
        for a, second, third in (("a", 3, 1), ("b", 2, 1), ("c", 2, 2), ("d", 3, 1), ("e", 3, 1), ("f", 3, 0))
    ]
    # disputed: 0 + 1 + 2 + 0 + 0 + 1 of 6 x 3 steps
    rate = adjudication_rate(pairs, {"tiny": RUBRIC})
    assert rate.value == pytest.approx(4 / 18)
    assert (rate.n, rate.n_clusters) == (18, 6)
    assert rate.interval.low < 4 / 18 < rate.interval.high


def test_without_pairs_there_is_no_rate_and_a_reason():
    assert adjudication_rate([], {}).reason == "no pairs: nobody rated an attempt twice"


def test_within_a_tolerance_two_entries_agree_and_the_fewer_points_stand_with_their_deductions():
    wei = sheet("wei", 4, Entry(points=3, deductions=("late",), evidence=((1, 2),)), 0)
    okafor = sheet("okafor", 4, Entry(points=3.5, evidence=((5, 6),)), 1.5)
    assert [d.step for d in disputes(wei, okafor, RUBRIC, tolerance=0.5)] == ["t3"]
    for pair in ((wei, okafor), (okafor, wei)):
        entry = consensus(*pair, {"t3": 1}, RUBRIC, tolerance=0.5).steps["t2"]
        assert (entry.points, entry.deductions, entry.evidence) == (3, ("late",), ((1, 2), (5, 6)))


def test_a_tolerance_is_exact_to_the_last_fraction():
    # 0.3 - 0.2 is more than 0.1 in binary numbers; as people write them it is not
    wei, okafor = sheet("wei", 0.3, 1, 1), sheet("okafor", 0.2, 1, 1)
    assert disputes(wei, okafor, RUBRIC, tolerance=0.1) == []


def test_a_blank_step_is_within_no_tolerance():
    assert [d.kind for d in disputes(sheet("wei", CANNOT, 1, 1), sheet("okafor", 0, 1, 1), RUBRIC, tolerance=4)] == [
        "blank"
    ]


def test_an_agreed_step_can_be_sent_to_adjudication_after_all_and_then_needs_a_decision():
    wei, okafor = sheet("wei", 4, 3, 0), sheet("okafor", 4, 3, 0)
    assert [(d.step, d.kind) for d in disputes(wei, okafor, RUBRIC, also=["t1"])] == [("t1", "reopened")]
    with pytest.raises(SheetError, match="t1"):
        consensus(wei, okafor, {}, RUBRIC, also=["t1"])
    assert consensus(wei, okafor, {"t1": 2}, RUBRIC, also=["t1"]).steps["t1"].points == 2


def test_a_tolerance_below_nothing_and_a_step_that_is_not_there_are_refused():
    pair = sheet("wei", 4, 3, 0), sheet("okafor", 4, 3, 0)
    for wrong in ({"tolerance": -1}, {"tolerance": float("nan")}, {"also": ["t9"]}):
        with pytest.raises(SheetError):
            disputes(*pair, RUBRIC, **wrong)
