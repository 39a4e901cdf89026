"""Evidence belongs to the film that was rated: nothing changes that film under a rating, and nothing is marked outside it."""

from __future__ import annotations

import threading
from functools import partial

import pytest
from exams import gold_of, model_runner, model_sheet
from films import add_film as add_real_film
from films import keep, time_map
from rating_rooms import Tab, add_film, give
from sqlalchemy import insert, select, update

from siming.errors import ConflictError, InputError, NotFoundError
from siming.rubric import Entry
from siming.store.blind.assignments import withdraw
from siming.store.blind.calibration import add_gold, gold_attempts
from siming.store.blind.lease import rating_view
from siming.store.cases import grid
from siming.store.cases.case_view import list_cases, view_case
from siming.store.cases.cases import decide, take_case
from siming.store.figures.model_runs import add_model_sheets
from siming.store.media import attempts, exclusion, media, media_access
from siming.store.media.erasure import erase_media
from siming.store.media.media import NewDerivative, films_as_rated
from siming.store.media.media_folder import MediaFolder
from siming.store.projects import members
from siming.store.projects.projects import set_project_state
from siming.store.schema import adjudication_case, assignment, comparison, submission
from siming.store.schema import media as media_table

FILM_S = 10.0


def filmed(room, code: str = "A-031"):
    """An attempt with a released film of ten seconds; its id and the film."""
    made = attempts.add_attempt(room.db, room.coordinator, room.project, code=code, rubrics=("aed-adult",))
    film = add_real_film(room, made.id, content=f"film of {code}".encode(), original=f"take of {code}".encode())
    return made.id, media.release(room.db, room.coordinator, film.id)


def begun(room, attempt: str, who, **more) -> Tab:
    """Somebody has scored everything and marked second 2.5 to 4."""
    tab = Tab(room, who, give(room, attempt, who, **more))
    tab.open()
    tab.rate_all(lost=1.0, played_s=FILM_S)
    return tab


def noted(room, assignment_id: str) -> str | None:
    with room.db.read() as c:
        return c.scalar(select(assignment.c.media_sha256).where(assignment.c.id == assignment_id))


def release(room, film, actor=None):
    return media.release(room.db, actor or room.coordinator, film.id)


def masked_anew(room, film, content: bytes, *, pictures: int = 250):
    """Another derivative of the same original."""
    path, sha256, size = keep(MediaFolder(room.media), "derivatives", content)
    with room.db.read() as c:
        source = media.media_of(c, film.made_from)
    new = NewDerivative(
        sha256=sha256, bytes=size, path=path, duration_s=pictures / 25, width=640, height=360, rate="25",
        time_map=time_map(source.sha256, sha256, pictures), recipe={"faces": "all"},
    )  # fmt: skip
    return media.add_derivative(room.db, room.coordinator, source.id, new)


# --- one film for all ratings of an attempt -------------------------------------------------------------------------


@pytest.mark.parametrize("locked", [False, True])
def test_another_film_is_not_released_under_ratings_that_have_begun(room, locked):
    attempt, film = filmed(room)
    tab = begun(room, attempt, room.wei)
    if locked:
        tab.submit()
    other = add_real_film(room, attempt, content=b"another take")
    with pytest.raises(ConflictError) as refused:
        release(room, other)
    assert refused.value.code == "film_of_begun_ratings"
    with room.db.read() as c:
        assert [shown.id for shown in media.media_for_rating(c, attempt)] == [film.id]


def test_once_the_begun_ratings_are_withdrawn_the_other_film_is_released_and_their_work_is_kept(room):
    attempt, film = filmed(room)
    tab = begun(room, attempt, room.wei)
    draft = rating_view(room.db, room.wei, tab.assignment).draft
    other = add_real_film(room, attempt, content=b"another take")
    withdraw(room.db, room.coordinator, tab.assignment, reason="the wrong recording")
    assert release(room, other).state == "verified"
    kept = rating_view(room.db, room.wei, tab.assignment)
    assert (kept.draft, kept.media, noted(room, tab.assignment)) == (draft, (), film.sha256)


def test_a_recording_that_is_erased_here_can_come_in_as_another_attempt(room):
    attempt, _ = filmed(room)
    begun(room, attempt, room.wei)
    other = add_real_film(room, attempt, content=b"another take")
    erase_media(room.db, room.coordinator, MediaFolder(room.media), other.made_from, ground="wrong_upload")
    elsewhere = attempts.add_attempt(room.db, room.coordinator, room.project, code="A-032")
    assert release(room, add_real_film(room, elsewhere.id, content=b"another take")).state == "verified"


def test_a_queued_assignment_holds_no_film_back(room):
    attempt, _ = filmed(room)
    give(room, attempt, room.wei)
    assert release(room, add_real_film(room, attempt, content=b"another take")).state == "verified"


def test_under_masks_that_were_drawn_anew_ratings_go_on_and_each_keeps_the_film_it_was_begun_on(room):
    attempt, film = filmed(room)
    wei = begun(room, attempt, room.wei)
    again = masked_anew(room, film, b"with other masks")
    release(room, again)
    assert [shown.id for shown in wei.open().view.media] == [again.id]
    assert noted(room, wei.assignment) == film.sha256
    wei.submit()
    okafor = begun(room, attempt, room.okafor, slot=1)
    okafor.rate_all(lost=2.0, played_s=FILM_S)
    okafor.submit()
    with room.db.read() as c:
        rated = c.execute(select(submission.c.media_sha256).join(assignment).order_by(assignment.c.slot)).scalars()
        assert list(rated) == [film.sha256, again.sha256]
        assert c.scalar(select(comparison.c.problem)) is None
    (line,) = list_cases(room.db, room.lin, room.project).lines
    view = view_case(room.db, room.lin, line.id)
    with room.db.read() as c:
        assert [shown.id for shown in films_as_rated(c, attempt, view.media_sha256)] == [again.id]


def test_a_derivative_of_the_same_original_with_other_pictures_is_another_film(room):
    attempt, film = filmed(room)
    begun(room, attempt, room.wei)
    with pytest.raises(ConflictError):
        release(room, masked_anew(room, film, b"one picture less", pictures=249))


def test_a_second_camera_is_released_beside_the_film_that_was_begun_on(room):
    attempt, film = filmed(room)
    begun(room, attempt, room.wei)
    side = add_real_film(room, attempt, content=b"from the side", camera="side")
    release(room, side)
    with room.db.read() as c:
        assert [shown.id for shown in media.media_for_rating(c, attempt)] == [film.id, side.id]


@pytest.mark.parametrize("other_has_begun", [False, True])
def test_a_rater_who_became_coordinator_learns_nothing_of_the_other_rater_by_releasing(room, other_has_begun):
    attempt, _ = filmed(room)
    give(room, attempt, room.wei)
    if other_has_begun:
        begun(room, attempt, room.okafor, slot=1)
    members.change_member(room.db, room.owner, room.members["wei"], roles=["coordinator"])
    other = add_real_film(room, attempt, content=b"another take")
    with pytest.raises(ConflictError) as refused:
        release(room, other, room.again(room.wei))
    assert refused.value.code == "film_of_begun_ratings"


def test_who_opens_and_who_releases_at_the_same_moment_agree_on_one_film(room):
    for number in range(8):
        attempt, film = filmed(room, f"A-{number}")
        other = add_real_film(room, attempt, content=f"another take {number}".encode())
        tab, line, answers = Tab(room, room.wei, give(room, attempt, room.wei)), threading.Barrier(2), []

        def at_once(act, line=line, answers=answers):
            line.wait()
            try:
                act()
                answers.append(True)
            except ConflictError:
                answers.append(False)

        ways = [tab.open, partial(release, room, other)]
        threads = [threading.Thread(target=at_once, args=(way,)) for way in ways]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with room.db.read() as c:
            (shown,) = media.media_for_rating(c, attempt)
        assert len(answers) == 2
        assert noted(room, tab.assignment) in (shown.sha256, None), (number, film.sha256)


def test_the_film_of_a_rating_is_noted_once_and_another_one_is_not_shown_in_its_place(room):
    attempt, film = filmed(room)
    tab = begun(room, attempt, room.wei)
    other = add_real_film(room, attempt, content=b"another take")
    with room.db.write() as c:  # as releases once did it
        c.execute(update(media_table).where(media_table.c.id == film.id).values(state="review"))
        c.execute(update(media_table).where(media_table.c.id == other.id).values(state="verified"))
    with pytest.raises(ConflictError) as refused:
        tab.open()
    assert refused.value.code == "media_not_ready"
    assert noted(room, tab.assignment) == film.sha256
    assert rating_view(room.db, room.wei, tab.assignment).media == ()


def test_two_raters_on_two_films_are_not_compared_and_the_grid_says_why(room):
    attempt, film = filmed(room)
    begun(room, attempt, room.wei).submit()
    # The main camera's film is taken away, and the next one opens on the side camera's.
    media.quarantine(room.db, room.coordinator, film.id, "a badge")
    side = add_film(room, attempt, duration_s=FILM_S, camera="side")
    okafor = begun(room, attempt, room.okafor, slot=1)
    okafor.rate_all(lost=2.0, played_s=FILM_S)
    okafor.submit()
    assert noted(room, okafor.assignment) == side
    with room.db.read() as c:
        assert c.execute(select(adjudication_case)).all() == []
    (row,) = grid.grid(room.db, room.coordinator, room.project).rows
    assert row.kinds == {}
    assert "other films" in row.problem
    with pytest.raises(NotFoundError):
        grid.cell_in_full(room.db, room.coordinator, room.project, "A-031", "aed-adult", "aed01")


def test_beside_ratings_no_film_is_shown_but_theirs(room):
    attempt, film = filmed(room)
    with room.db.read() as c:
        assert [shown.id for shown in films_as_rated(c, attempt, (film.sha256, None))] == [film.id]
        assert films_as_rated(c, attempt, (film.sha256, "f" * 64)) == []


# --- nothing is marked outside it -----------------------------------------------------------------------------------


def test_what_is_submitted_lies_inside_the_film_that_was_noted(room):
    attempt, _ = filmed(room)
    tab = begun(room, attempt, room.wei)
    shorter = add_film(room, attempt, duration_s=3.0, state="review")
    with room.db.write() as c:  # as opening once did it
        c.execute(update(assignment).values(media_sha256=shorter))
    with pytest.raises(InputError) as refused:
        tab.submit()
    assert refused.value.code == "evidence_outside"
    with room.db.read() as c:
        assert c.execute(select(submission)).all() == []


@pytest.mark.parametrize(("span", "inside"), [((9.0, 10.0), True), ((9.0, 10.1), False), ((9999.0, 10000.0), False)])
def test_a_deciders_own_evidence_lies_inside_the_film_that_was_rated(room, span, inside):
    attempt, _ = filmed(room)
    for slot, (who, lost) in enumerate(((room.wei, 1.0), (room.okafor, 2.0))):
        tab = begun(room, attempt, who, slot=slot)
        tab.rate_all(lost=lost, played_s=FILM_S)
        tab.submit()
    (line,) = list_cases(room.db, room.lin, room.project).lines
    pen = take_case(room.db, room.lin, line.id)
    step = next(step for step in view_case(room.db, room.lin, line.id).steps if step.state == "open")
    what = {
        "rubric": step.rubric, "step": step.step, "choice": "other", "rationale": "seen", "points": 0.0,
        "evidence": [span], "fence": pen.fence, "version": pen.version,
    }  # fmt: skip
    if inside:
        assert decide(room.db, room.lin, line.id, **what).n_open == 0
        return
    with pytest.raises(InputError) as refused:
        decide(room.db, room.lin, line.id, **what)
    assert refused.value.code == "evidence_outside"
    assert view_case(room.db, room.lin, line.id).history == ()


def marked(sheet, *spans):
    """The sheet with evidence on its first step."""
    first = next(iter(sheet.steps))
    steps = {**sheet.steps, first: Entry(points=sheet.steps[first].points, evidence=spans)}
    return sheet.model_copy(update={"steps": steps})


def test_a_models_evidence_lies_inside_the_film(room):
    filmed(room, "A-000")
    maud = model_runner(room)
    assert add_model_sheets(room.db, maud, room.project, [marked(model_sheet("A-000"), (0.0, 10.0))]) == 1
    with pytest.raises(InputError) as refused:
        add_model_sheets(room.db, maud, room.project, [marked(model_sheet("A-000"), (9000.0, 9001.0))])
    assert refused.value.code == "evidence_outside"
    attempts.add_attempt(room.db, room.coordinator, room.project, code="A-001", rubrics=("aed-adult",))
    with pytest.raises(InputError) as refused:
        add_model_sheets(room.db, maud, room.project, [marked(model_sheet("A-001"), (0.0, 1.0))])
    assert refused.value.code == "evidence_without_film"


def test_the_panels_evidence_lies_inside_the_film(room):
    attempt, _ = filmed(room, "G-001")
    with pytest.raises(InputError) as refused:
        add_gold(room.db, room.coordinator, attempt, [marked(gold_of("G-001"), (9.0, 10.1))], source="panel")
    assert refused.value.code == "evidence_outside"
    assert gold_attempts(room.db, room.coordinator, room.project) == ()
    add_gold(room.db, room.coordinator, attempt, [marked(gold_of("G-001"), (9.0, 10.0))], source="panel")


# --- who may still look ---------------------------------------------------------------------------------------------


def looks(room, actor, media_id) -> bool:
    try:
        media_access.may_view(room.db, actor, media_id)
    except NotFoundError:
        return False
    return True


def assignments(room):
    with room.db.read() as c:
        return c.execute(select(assignment)).all()


def in_dispute(room, **policy) -> tuple[str, object, str]:
    """An attempt with a case: its id, its film, the case."""
    room.policy(exclusion_needs_second_person=False, **policy)
    attempt, film = filmed(room)
    for slot, (who, lost) in enumerate(((room.wei, 1.0), (room.okafor, 2.0))):
        tab = begun(room, attempt, who, slot=slot)
        tab.rate_all(lost=lost, played_s=FILM_S)
        tab.submit()
    with room.db.read() as c:
        return attempt, film, c.scalar(select(adjudication_case.c.id))


def test_an_excluded_attempt_shows_neither_film_nor_case_to_who_rates_or_adjudicates(room):
    attempt, film, case = in_dispute(room)
    assert (looks(room, room.wei, film.id), looks(room, room.lin, film.id)) == (True, True)
    own = next(row.id for row in assignments(room) if row.rater == room.wei.id)
    exclusion.exclude(room.db, room.coordinator, attempt, "consent_withdrawn")
    assert (looks(room, room.wei, film.id), looks(room, room.lin, film.id)) == (False, False)
    assert looks(room, room.coordinator, film.id)  # who answers for the recordings
    assert rating_view(room.db, room.wei, own).media == ()
    for look in (lambda: view_case(room.db, room.lin, case), lambda: take_case(room.db, room.lin, case)):
        with pytest.raises(NotFoundError):
            look()
    with pytest.raises(NotFoundError):
        grid.cell_in_full(room.db, room.coordinator, room.project, "A-031", "aed-adult", "aed01")


@pytest.mark.parametrize("mode", ["third", "joint"])
def test_after_the_close_films_are_shown_to_who_acts_in_a_case_alone(room, mode):
    _, film, _ = in_dispute(room, mode=mode)
    set_project_state(room.db, room.owner, room.project, closed=True)
    assert looks(room, room.lin, film.id)
    assert looks(room, room.wei, film.id) == (mode == "joint")
    own = next(row.id for row in assignments(room) if row.rater == room.wei.id)
    assert rating_view(room.db, room.wei, own).media == ()


def test_who_rated_an_attempt_sees_no_film_by_way_of_a_case_that_is_hidden_from_him(room):
    members.change_member(room.db, room.owner, room.members["wei"], roles=["rater", "adjudicator"])
    _, film, _ = in_dispute(room)
    set_project_state(room.db, room.owner, room.project, closed=True)
    assert not looks(room, room.again(room.wei), film.id)


def test_a_repeat_whose_day_has_not_come_hides_the_film_of_its_case(room):
    members.change_member(room.db, room.owner, room.members["wei"], roles=["rater", "adjudicator"])
    _, film, _ = in_dispute(room, mode="joint")
    assert looks(room, room.again(room.wei), film.id)
    with room.db.write() as c:  # a plan of before he could have seen the case
        row = dict(c.execute(select(assignment).where(assignment.c.rater == room.wei.id)).mappings().one())
        row |= {"id": "as_repeat", "purpose": "repeat", "state": "queued", "not_before": "2099-01-01T00:00:00.000000Z"}
        c.execute(insert(assignment).values(**row))
    set_project_state(room.db, room.owner, room.project, closed=True)
    assert not looks(room, room.again(room.wei), film.id)
