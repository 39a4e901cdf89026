"""A release is fixed once and the same for ever; nothing leaves that is not locked, blind and first."""

from __future__ import annotations

import io
import zipfile

import pytest
from exams import exam, gold_of, model_runner, model_sheet
from films import add_attempt_with_film
from pyarrow import parquet
from rating_rooms import Tab, add_rated_attempt, submitted
from test_store_cases import only_case, settle
from works import add_attempt, assign, lock_work, rated_twice

from siming.errors import ConflictError, InputError, NotAllowedError, NotFoundError
from siming.exchange import FORMATS, export_bytes
from siming.store import audit
from siming.store.blind.calibration import add_gold
from siming.store.blind.submissions import reopen
from siming.store.cases import consensus
from siming.store.cases.appeal import appeal
from siming.store.cases.cases import close_case, take_case
from siming.store.cases.consensus_view import list_results
from siming.store.figures.model_runs import add_model_sheets
from siming.store.figures.release import (
    export_dataset,
    get_release,
    make_release,
    preview,
    released_dataset,
    releases,
)
from siming.store.media import attempts, exclusion
from siming.store.projects import projects

AED = "aed-adult"


def lock_all(room) -> int:
    """Lock every consensus that two equal sheets have made."""
    lines = list_results(room.db, room.coordinator, room.project).lines
    for line in lines:
        consensus.lock(room.db, room.coordinator, line.id)
    return len(lines)


def same(room, n: int):
    """Attempts on which the two agree, consensus locked."""
    made = exam(room, n, lost_wei=lambda n: 0.5 * (n % 2), lost_okafor=lambda n: 0.5 * (n % 2))
    assert lock_all(room) == n
    return made


def release_now(room, name: str = "2026-05", **options):
    return make_release(room.db, room.coordinator, room.project, name=name, licence="CC BY 4.0", **options)


def bytes_of(room, found, form: str) -> bytes:
    return export_bytes(released_dataset(room.db, room.coordinator, found.id)[1], form)[2]


@pytest.mark.parametrize("form", [name for name, each in FORMATS.items() if each.can_write])
def test_a_release_exported_twice_is_the_same_bytes_whatever_happened_in_between(room, form):
    same(room, 3)
    maud = model_runner(room)
    add_model_sheets(room.db, maud, room.project, [model_sheet("A-000")])
    found = release_now(room, what=("first", "consensus", "model"))
    before = bytes_of(room, found, form)
    submitted(room, add_rated_attempt(room, "A-900"), room.wei)
    add_model_sheets(room.db, maud, room.project, [model_sheet("A-000", lost=2.0)])  # a newer run of the same model
    room.policy(exclusion_needs_second_person=False, tolerance=1.0)
    exclusion.exclude(room.db, room.coordinator, found.manifest.attempts[0].id, "duplicate")
    room.clock.pass_by(days=400)
    assert bytes_of(room, found, form) == before


def test_a_release_names_its_licence_agreements_and_everything_in_it(room):
    same(room, 2)
    found = release_now(room, agreements=["Ethics 2026/17", "DUA of May"])
    dataset = released_dataset(room.db, room.coordinator, found.id)[1]
    assert dataset.info.licence == "CC BY 4.0"
    assert dataset.info.provenance == "siming exam room, release 2026-05; Ethics 2026/17; DUA of May"
    assert len(found.manifest.submissions) == 4
    assert len(found.manifest.consensus) == 2
    assert len(dataset.sheets_of("physician")) == 4
    assert len(dataset.sheets_of("consensus")) == 2


def test_a_consensus_leaves_with_the_origin_of_each_step_and_the_adjudicators_words(room):
    rated_twice(room, {"aed02": 8, "aed04": 0}, {"aed02": 10, "aed04": 18})
    case = only_case(room)
    pen = take_case(room.db, room.lin, case)
    pen = settle(room, room.lin, case, pen, steps=["aed02"], rationale="at 12 s")
    pen = settle(room, room.lin, case, pen, steps=["aed04"], rationale="不足五次", template=None)
    close_case(room.db, room.lin, case, fence=pen.fence, version=pen.version)
    lock_all(room)
    found = release_now(room)
    before = {form: bytes_of(room, found, form) for form in ("siming", "csv", "xlsx", "release")}
    [sheet] = released_dataset(room.db, room.coordinator, found.id)[1].sheets_of("consensus")
    said = {step: (entry.provenance, entry.rationale) for step, entry in sheet.steps.items()}
    assert said.pop("aed02") == ("adjudicated", "evidence_clearer: at 12 s")
    assert said.pop("aed04") == ("adjudicated", "不足五次")
    assert set(said.values()) == {("agreed", None)}
    rows = before["csv"].decode("utf-8-sig").splitlines()
    assert [row for row in rows if ",aed04," in row and ",adjudicated,不足五次," in row]
    table = parquet.read_table(io.BytesIO(zipfile.ZipFile(io.BytesIO(before["release"])).read("data/sheets.parquet")))
    assert {(r["provenance"], r["rationale"]) for r in table.to_pylist() if r["step"] == "aed04"} == {
        (None, None), ("adjudicated", "不足五次"),
    }  # fmt: skip
    # an appeal belongs to the next version: the release stays what it is
    appeal(
        room.db,
        room.coordinator,
        found.manifest.consensus[0][0],
        steps=[(AED, "aed04")],
        reason="the candidate objects",
    )
    assert {form: bytes_of(room, found, form) for form in before} == before


def test_a_rating_that_stands_alone_says_so_in_an_export(room):
    lock_work(room, assign(room, room.wei, add_attempt(room), 0), {})
    line = room.db, room.coordinator, list_results(room.db, room.coordinator, room.project).singles[0][0]
    consensus.lock(room.db, room.coordinator, consensus.accept_single(*line, reason="nobody else could come"))
    dataset = export_dataset(room.db, room.coordinator, room.project)
    [sheet] = dataset.sheets_of("consensus")
    assert {entry.provenance for entry in sheet.steps.values()} == {"single"}


def test_a_name_is_used_once(room):
    same(room, 1)
    release_now(room)
    with pytest.raises(ConflictError) as caught:
        release_now(room)
    assert caught.value.code == "release_taken"


@pytest.mark.parametrize("wrong", [{"name": ""}, {"licence": " "}])
def test_a_release_without_name_or_licence_is_refused(room, wrong):
    same(room, 1)
    with pytest.raises(InputError):
        make_release(room.db, room.coordinator, room.project, **{"name": "one", "licence": "CC0", **wrong})


def test_nothing_locked_is_nothing_to_release(room):
    tab = Tab(room, room.wei, "")
    assert tab.sent == []
    with pytest.raises(InputError) as caught:
        release_now(room)
    assert caught.value.code == "nothing_to_release"


def test_a_closed_project_can_be_released(room):
    same(room, 1)
    projects.set_project_state(room.db, room.owner, room.project, closed=True)
    assert release_now(room).name == "2026-05"


def test_invariant_9_only_first_blind_sheets_of_people_are_human_in_an_export(room):
    same(room, 2)
    helped = add_rated_attempt(room, "A-800")
    submitted(room, helped, room.wei, purpose="ai_assisted", lost=2.0)
    gold = add_rated_attempt(room, "G-001")
    add_gold(room.db, room.coordinator, gold, [gold_of("G-001")], source="panel")
    submitted(room, gold, room.wei, purpose="calibration", lost=2.0)
    add_model_sheets(room.db, model_runner(room), room.project, [model_sheet("A-000", lost=2.0)])
    dataset = export_dataset(room.db, room.coordinator, room.project, what=("first", "consensus", "model"))
    assert {(s.attempt, s.author.name) for s in dataset.sheets_of("physician")} == {
        ("A-000", "R01"), ("A-000", "R02"), ("A-001", "R01"), ("A-001", "R02"),
    }  # fmt: skip
    assert {s.attempt for s in dataset.sheets_of("consensus")} == {"A-000", "A-001"}
    assert [(s.attempt, s.author.name) for s in dataset.sheets_of("model")] == [("A-000", "qwen3-vl")]
    assert "G-001" not in dataset.attempts_by_id
    assert not export_dataset(room.db, room.coordinator, room.project).sheets_of("model")


def test_invariant_2_an_export_holds_the_first_revision(room):
    attempt = add_rated_attempt(room, "A-001")
    given, _ = submitted(room, attempt, room.wei, lost=2.0)
    before = export_dataset(room.db, room.coordinator, room.project).sheets
    reopen(room.db, room.coordinator, given, reason="wrong key")
    tab = Tab(room, room.wei, given)
    tab.open()
    tab.rate_all()
    tab.submit()
    assert export_dataset(room.db, room.coordinator, room.project).sheets == before


def test_an_attempt_of_which_nothing_came_is_no_part_of_an_export(room):
    same(room, 1)
    add_attempt_with_film(room, "A-100", released=False)  # waits to be looked at
    for code in ("notes", "bad"):  # a file that was no video
        attempts.add_attempt(room.db, room.coordinator, room.project, code=code)
    dataset = export_dataset(room.db, room.coordinator, room.project)
    assert [found.id for found in dataset.attempts] == ["A-000", "A-100"]
    found = preview(room.db, room.coordinator, room.project)
    assert (found.n_attempts, found.n_without_consensus) == (2, 1)


def test_the_preview_tells_what_an_export_holds(room):
    same(room, 2)
    exam_of_one = add_rated_attempt(room, "A-900")
    submitted(room, exam_of_one, room.wei)
    disputed = add_rated_attempt(room, "A-901")
    submitted(room, disputed, room.wei)
    submitted(room, disputed, room.okafor, slot=1, lost=2.0)
    found = preview(room.db, room.analyst, room.project)
    assert (found.n_attempts, found.n_submissions, found.n_raters) == (4, 7, 2)
    assert (found.n_consensus, found.n_without_consensus, found.n_open_cases) == (2, 2, 1)
    assert (found.n_models, found.n_videos, found.n_excluded) == (0, 4, 0)
    assert found.rubrics == ("aed-adult 0.1.0",)


def test_everything_that_left_is_in_the_audit(room):
    same(room, 1)
    found = release_now(room)
    released_dataset(room.db, room.analyst, found.id, form="csv")
    export_dataset(room.db, room.analyst, room.project, form="xlsx")
    with room.db.read() as c:
        acts = [(line["act"], line["actor"], line["detail"].get("form")) for line in audit.lines(c)][-3:]
    assert acts == [
        ("release.make", room.coordinator.id, None),
        ("release.export", room.analyst.id, "csv"),
        ("project.export", room.analyst.id, "xlsx"),
    ]


def test_who_may_export_and_who_may_not(room):
    same(room, 1)
    found = release_now(room)
    for actor in (room.owner, room.coordinator, room.analyst):
        assert releases(room.db, actor, room.project) == (found,)
    for actor in (room.wei, room.lin, room.auditor):
        for act in (
            lambda a: preview(room.db, a, room.project),
            lambda a: export_dataset(room.db, a, room.project),
            lambda a: released_dataset(room.db, a, found.id),
            lambda a: releases(room.db, a, room.project),
            lambda a: make_release(room.db, a, room.project, name="x", licence="y"),
        ):
            with pytest.raises(NotAllowedError):
                act(actor)
    with pytest.raises(NotAllowedError):
        export_dataset(room.db, room.analyst, room.project, videos=True)
    with pytest.raises(NotFoundError):
        get_release(room.db, room.coordinator, "re_nothing")
