"""Models beside people: the same scale, and shown to nobody who still judges."""

from __future__ import annotations

import pytest
from exams import exam, model_runner, model_sheet, sheet_of
from rating_rooms import add_rated_attempt
from sqlalchemy import func, select

from siming.errors import InputError, NotAllowedError, SheetError
from siming.rubric import Author
from siming.store.figures.model_runs import add_model_sheets, models_of, room_for
from siming.store.figures.release import export_dataset
from siming.store.schema import model_run


def test_of_a_model_the_newest_sheet_counts_and_the_older_one_stays(room):
    exam(room, 1)
    maud = model_runner(room)
    for lost in (0.0, 2.0):
        add_model_sheets(room.db, maud, room.project, [model_sheet("A-000", lost=lost)], about={"prompt": "full"})
    (sheet,) = export_dataset(room.db, room.coordinator, room.project, what=("model",)).sheets
    assert sheet == model_sheet("A-000", lost=2.0)
    with room.db.read() as c:
        assert c.execute(select(func.count()).select_from(model_run)).scalar() == 2
    (line,) = models_of(room.db, maud, room.project)
    assert (line.model, line.attempts) == ("qwen3-vl", 1)


@pytest.mark.parametrize(
    ("sheet", "error", "code"),
    [
        (sheet_of("A-000", author=Author(kind="physician", name="R01")), InputError, "not_a_model"),
        (sheet_of("A-000", author=Author(kind="consensus", name="panel")), InputError, "not_a_model"),
        (model_sheet("A-999"), InputError, "no_attempt"),
        (model_sheet("A-000").model_copy(update={"rubric": "cpr-adult-single"}), SheetError, None),
    ],
)
def test_one_sheet_that_does_not_fit_keeps_all_of_them_out(room, sheet, error, code):
    add_rated_attempt(room, "A-000")
    with pytest.raises(error) as caught:
        add_model_sheets(room.db, model_runner(room), room.project, [model_sheet("A-000"), sheet])
    assert getattr(caught.value, "code", None) == code
    with room.db.read() as c:
        assert c.execute(select(func.count()).select_from(model_run)).scalar() == 0


def test_only_who_runs_models_brings_them_in(room):
    add_rated_attempt(room, "A-000")
    for actor in (room.owner, room.coordinator, room.wei, room.lin, room.analyst):
        with pytest.raises(NotAllowedError):
            add_model_sheets(room.db, actor, room.project, [model_sheet("A-000")])
        with pytest.raises(NotAllowedError):
            models_of(room.db, actor, room.project)


def test_who_runs_models_reads_no_label_of_a_hidden_split(room):
    exam(room, 2)
    maud = model_runner(room)
    assert room_for(room.db, maud, room.project).sheets == []
    with pytest.raises(NotAllowedError):
        export_dataset(room.db, maud, room.project)
