"""Attempts: pseudonyms, lists, exclusion by two people, conflicts."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from siming.store import audit
from siming.store.media import attempt_editing, attempts, exclusion
from siming.store.media.attempt_table import read_attempt_table
from siming.store.media.attempts import NewAttempt
from siming.store.projects import members
from siming.store.schema import attempt, audit_event


@pytest.fixture
def code(room):
    """An attempt that is there."""
    return attempts.add_attempt(room.db, room.coordinator, room.project, code="A-031", site="north")


def second_coordinator(room):
    """Olga, who owns the project, looks again."""
    return room.owner


def test_an_attempt_is_rated_with_every_rubric_of_the_project_unless_told_otherwise(room):
    made = attempts.add_attempt(room.db, room.coordinator, room.project, code="A-031")
    assert made.rubrics == tuple(version.id for version in room.rubrics)
    aed = room.rubrics[1]
    only = attempts.add_attempt(room.db, room.coordinator, room.project, code="A-032", rubrics=[aed.rubric])
    assert only.rubrics == (aed.id,)
    assert attempts.get_attempt(room.db, room.coordinator, room.project, "A-032") == only


@pytest.mark.parametrize("bad", ["", " A", "../etc", "A/1", "-a", ".hidden", "a" * 65, "A\n", "考1", "A\u202e1"])
def test_a_code_that_no_file_could_carry_is_refused(room, bad):
    with pytest.raises(InputError) as refused:
        attempts.add_attempt(room.db, room.coordinator, room.project, code=bad)
    assert refused.value.field == "code"


def test_a_code_is_taken_once(room, code):
    with pytest.raises(ConflictError):
        attempts.add_attempt(room.db, room.coordinator, room.project, code="A-031")


def test_only_who_manages_attempts_sees_or_adds_them(room, code):
    for actor in (room.wei, room.lin, room.analyst, room.auditor):
        with pytest.raises(NotAllowedError):
            attempts.add_attempt(room.db, actor, room.project, code="A-1")
        with pytest.raises(NotAllowedError):
            attempts.list_attempts(room.db, actor, room.project)
        with pytest.raises(NotAllowedError):
            exclusion.exclude(room.db, actor, code.id, "duplicate")


def test_a_param_must_be_one_of_the_rubric_and_of_its_kind(room):
    from siming.store.projects.rubrics import get_rubric

    rubric = get_rubric(room.db, room.rubrics[0].id)
    name, value = next((n, v) for n, v in rubric.params.items() if isinstance(v, int | float) and v is not True)
    made = attempts.add_attempt(room.db, room.coordinator, room.project, code="A-1", params={name: value + 1})
    assert made.params == {name: value + 1}
    for wrong in ({"no_such_param": 1}, {name: "word"}):
        with pytest.raises(InputError) as refused:
            attempts.add_attempt(room.db, room.coordinator, room.project, code="A-2", params=wrong)
        assert refused.value.field == "params"


def test_many_are_added_or_none(room, code):
    wanted = [NewAttempt("A-1"), NewAttempt("A-031")]
    with pytest.raises(ConflictError):
        attempts.add_attempts(room.db, room.coordinator, room.project, wanted)
    assert [line.attempt.code for line in everything(room)] == ["A-031"]


def everything(room, **filters):
    return attempts.list_attempts(room.db, room.coordinator, room.project, **filters).lines


def test_the_table_is_filtered_and_searched_without_minding_letters_and_wildcards(room):
    for made in (
        NewAttempt("A-001", site="north", candidate_code="K17"),
        NewAttempt("A-002", site="south", gold=True),
        NewAttempt("B_003", site="north", occasion="morning"),
    ):
        attempts.add_attempts(room.db, room.coordinator, room.project, [made])
    codes = lambda **filters: [line.attempt.code for line in everything(room, **filters)]  # noqa: E731
    assert codes() == ["A-001", "A-002", "B_003"]
    assert codes(text="a-0") == ["A-001", "A-002"]
    assert codes(text="k17") == ["A-001"]
    assert codes(text="MORN") == ["B_003"]
    assert codes(text="_") == ["B_003"]
    assert codes(text="%") == []
    assert codes(site="north") == ["A-001", "B_003"]
    assert codes(gold=True) == ["A-002"]
    assert codes(media_state="none") == ["A-001", "A-002", "B_003"]
    assert codes(media_state="verified") == []
    assert attempts.list_attempts(room.db, room.coordinator, room.project).sites == ("north", "south")


def test_ten_thousand_attempts_come_a_page_at_a_time(room):
    ids = [version.id for version in room.rubrics]
    rows = [
        {
            "id": f"at_{n:012d}", "project": room.project, "code": f"A-{n:05d}", "site": f"site {n % 7}",
            "candidate_code": f"K{n}", "rubrics": ids, "params": {}, "state": "usable", "gold": False,
            "created_at": room.db.stamp(),
        }
        for n in range(10_000)
    ]  # fmt: skip
    with room.db.write() as c:
        c.execute(insert(attempt), rows)
    totals = [
        attempts.list_attempts(room.db, room.coordinator, room.project, **filters).total
        for filters in ({"text": "K99"}, {"media_state": "none"}, {"media_state": "verified"})
    ]
    assert totals == [111, 10_000, 0]
    page = attempts.list_attempts(room.db, room.coordinator, room.project, page=199)
    assert (page.total, page.pages, page.lines[0].attempt.code) == (10_000, 200, "A-09900")


# --- exclusion ------------------------------------------------------------------------------------------------------


def test_an_attempt_is_left_out_only_when_a_second_person_agrees(room, code):
    asked = exclusion.exclude(room.db, room.coordinator, code.id, "view_blocked")
    assert (asked.state, asked.excluded_by) == ("exclusion_asked", room.coordinator.id)
    with pytest.raises(NotAllowedError) as refused:
        exclusion.confirm_exclusion(room.db, room.coordinator, code.id)
    assert refused.value.code == "exclusion_second"
    done = exclusion.confirm_exclusion(room.db, second_coordinator(room), code.id)
    assert (done.state, done.excluded_reason) == ("excluded", "view_blocked")
    assert done.exclusion_confirmed_by == second_coordinator(room).id


def test_an_exclusion_is_taken_back_before_it_is_confirmed_and_never_after(room, code):
    exclusion.exclude(room.db, room.coordinator, code.id, "duplicate")
    assert exclusion.take_back_exclusion(room.db, room.coordinator, code.id).state == "usable"
    exclusion.exclude(room.db, room.coordinator, code.id, "duplicate")
    exclusion.confirm_exclusion(room.db, second_coordinator(room), code.id)
    with pytest.raises(ConflictError):
        exclusion.take_back_exclusion(room.db, room.coordinator, code.id)


def test_a_policy_without_a_second_person_leaves_out_at_once(room, code):
    room.policy(exclusion_needs_second_person=False)
    assert exclusion.exclude(room.db, room.coordinator, code.id, "duplicate").state == "excluded"
    assert exclusion.take_back_exclusion(room.db, room.coordinator, code.id).state == "usable"


@pytest.mark.parametrize("reason", ["", "candidate did badly", "other"])
def test_an_exclusion_needs_a_reason_of_the_list(room, code, reason):
    with pytest.raises(InputError):
        exclusion.exclude(room.db, room.coordinator, code.id, reason)
    assert "performance" not in " ".join(exclusion.REASONS)


def test_each_act_stands_in_the_audit_and_the_chain_holds(room, code):
    exclusion.exclude(room.db, room.coordinator, code.id, "duplicate")
    exclusion.confirm_exclusion(room.db, second_coordinator(room), code.id)
    with room.db.read() as c:
        acts = c.scalars(select(audit_event.c.act).where(audit_event.c.object == f"attempt:{code.id}")).all()
    assert acts == ["attempt.add", "attempt.exclude", "attempt.exclusion_confirm"]
    assert audit.verify(room.db).ok


# --- conflicts ------------------------------------------------------------------------------------------------------


def test_who_taught_the_candidate_or_works_at_the_site_may_not_rate(room, code):
    members.change_member(room.db, room.coordinator, room.members["okafor"], roles=["rater"], site="north")
    attempts.set_conflict(room.db, room.coordinator, code.id, room.wei.id, conflict=True)
    with room.db.read() as c:
        found = attempts.conflicts_of(c, code.id)
    assert found == {room.wei.id: ("named",), room.okafor.id: ("site",)}
    attempts.set_conflict(room.db, room.coordinator, code.id, room.wei.id, conflict=False)
    with room.db.read() as c:
        assert room.wei.id not in attempts.conflicts_of(c, code.id)


def test_a_stranger_has_no_conflict_and_an_unknown_attempt_reads_like_a_foreign_one(room, code):
    with pytest.raises(NotFoundError):
        attempts.set_conflict(room.db, room.coordinator, code.id, "pe_nobody00000", conflict=True)
    with pytest.raises(NotFoundError):
        attempts.set_conflict(room.db, room.coordinator, "at_nothing0000", room.wei.id, conflict=True)


# --- lists ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        "code,site,gold\nA-1,北院,yes\nA-2,,\n".encode(),
        "\ufeffcode;site;gold\r\nA-1;北院;是\r\nA-2;;0\r\n".encode(),
        "code\tsite\tgold\nA-1\t北院\ttrue\nA-2\t\tno\n".encode("gb18030"),
    ],
)
def test_a_list_is_read_as_spreadsheet_programs_of_both_languages_write_it(raw):
    first, second = read_attempt_table(raw)
    assert first == NewAttempt("A-1", site="北院", gold=True)
    assert second in (NewAttempt("A-2"), NewAttempt("A-2", gold=False))


def test_rubrics_and_params_of_a_list_have_semicolons_between_them():
    (made,) = read_attempt_table(b'code,rubrics,params\nA-1,cpr;aed@1,"cycles=5;mode=x;late=true;rate=1.5"\n')
    assert made.rubrics == ("cpr", "aed@1")
    assert made.params == {"cycles": 5, "mode": "x", "late": True, "rate": 1.5}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "give `code`"),
        (b"code\n", "no attempt"),
        (b"site\nnorth\n", "give `code`"),
        (b"code,code\nA,B\n", "each once"),
        (b"code,name\nA-1,Tan\n", "vault"),
        (b"code\nA-1\nA 2\n../x\n", "line 3"),
        (b"code,site\nA-1\n", "line 2"),
        (b"code\nA-1\nA-1\n", "line 3: code A-1 stands in line 2"),
        (b'code\n"A-1\n', "line"),
        (b"code,gold\nA-1,maybe\n", "gold"),
        (b"code,params\nA-1,x\n", "name=value"),
        (b"\xff\xff\xff\xff", "neither UTF-8"),
        (b"PK\x03\x04" + bytes(40), "give `code`"),
        (b"code\n" + b"A" * (6 << 20), "split it"),
    ],
)
def test_a_list_with_something_wrong_is_refused_whole_and_says_where(raw, said):
    with pytest.raises(InputError) as refused:
        read_attempt_table(raw)
    assert said in str(refused.value)
    assert refused.value.code == "attempt_table_wrong"


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda t: ("code,site\n" + t).encode("utf-8", "ignore")))
def test_any_bytes_are_a_list_or_refused(raw):
    with suppress(InputError):
        assert read_attempt_table(raw)


def edited(room, found, **wanted):
    return attempt_editing.change_attempt(room.db, room.coordinator, found.id, wanted)


def test_what_an_upload_left_empty_is_filled_in_later_and_the_audit_tells_what_changed(room, code):
    made = edited(room, code, site="south", occasion="spring", candidate_code="K17", code="A-032")
    assert (made.code, made.site, made.occasion, made.candidate_code) == ("A-032", "south", "spring", "K17")
    assert attempts.get_attempt(room.db, room.coordinator, room.project, "A-032") == made
    with room.db.read() as c:
        line = c.execute(select(audit_event).order_by(audit_event.c.seq.desc()).limit(1)).one()
    assert line.act == "attempt.change"
    assert line.detail == {
        "fields": ["code", "site", "occasion", "candidate_code"],
        "code": {"before": "A-031", "after": "A-032"},
    }  # no word that may name a person stands in the chain for ever
    assert edited(room, made, site="").site is None
    before = made.id
    assert edited(room, made).id == before


def test_a_renamed_attempt_keeps_those_who_may_not_rate_it(room, code):
    attempts.set_conflict(room.db, room.coordinator, code.id, room.wei.id, conflict=True)
    edited(room, code, code="B-1")
    with room.db.read() as c:
        assert attempts.conflicts_of(c, code.id) == {room.wei.id: ("named",)}


def test_a_code_taken_or_impossible_is_refused_and_so_is_everybody_who_manages_no_attempts(room, code):
    attempts.add_attempt(room.db, room.coordinator, room.project, code="A-040")
    with pytest.raises(ConflictError):
        edited(room, code, code="A-040")
    with pytest.raises(InputError):
        edited(room, code, code="../etc")
    for actor in (room.wei, room.analyst):
        with pytest.raises((NotAllowedError, NotFoundError)):
            attempt_editing.change_attempt(room.db, actor, code.id, {"site": "x"})


def test_a_list_updates_codes_that_are_there_once_what_changes_was_agreed_to(room, code):
    wanted = [NewAttempt("A-031", site="south", candidate_code="K1"), NewAttempt("A-050", gold=True)]
    asked = attempt_editing.import_attempts(room.db, room.coordinator, room.project, wanted)
    assert not asked.done
    assert asked.added == ("A-050",)
    assert [(e.code, dict(e.changes)) for e in asked.edits] == [
        ("A-031", {"site": ("north", "south"), "candidate_code": (None, "K1")})
    ]
    found = attempts.list_attempts(room.db, room.coordinator, room.project)
    assert [(line.attempt.code, line.attempt.site) for line in found.lines] == [("A-031", "north")]
    edited(room, code, site="west")  # somebody else meanwhile
    again = attempt_editing.import_attempts(room.db, room.coordinator, room.project, wanted, agreed=asked.sha256)
    assert not again.done
    done = attempt_editing.import_attempts(room.db, room.coordinator, room.project, wanted, agreed=again.sha256)
    assert done.done
    found = attempts.list_attempts(room.db, room.coordinator, room.project)
    assert [(line.attempt.code, line.attempt.site) for line in found.lines] == [("A-031", "south"), ("A-050", None)]
    same = attempt_editing.import_attempts(room.db, room.coordinator, room.project, wanted)
    assert (same.done, same.same, same.added, same.edits) == (True, 2, (), ())


def test_an_empty_cell_of_a_list_changes_nothing_and_one_bad_line_stops_all(room, code):
    kept = attempt_editing.import_attempts(room.db, room.coordinator, room.project, [NewAttempt("A-031")])
    assert kept.same == 1
    wanted = [NewAttempt("A-060"), NewAttempt("A-031", rubrics=("nothing",))]
    with pytest.raises(InputError):
        attempt_editing.import_attempts(room.db, room.coordinator, room.project, wanted)
    assert attempts.list_attempts(room.db, room.coordinator, room.project).total == 1
