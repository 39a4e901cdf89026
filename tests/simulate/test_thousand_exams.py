"""A thousand simulated exams: what the examiner says of the events on disk is the gold sheet, with every reason."""

from __future__ import annotations

import pytest

from siming.rubric import examine, load_dataset
from siming.simulate import simulate_dataset


@pytest.mark.slow
def test_the_examiner_gives_the_gold_sheets_of_a_thousand_exams_and_a_reason_for_every_point(tmp_path):
    simulate_dataset(tmp_path / "exams", attempts=1000, seed=11, physicians=0, draw=False)
    dataset = load_dataset(tmp_path / "exams")
    gold = {(sheet.attempt, sheet.rubric): sheet for sheet in dataset.sheets_of("examiner")}
    events: dict[str, list] = {}
    for event in dataset.events:
        events.setdefault(event.attempt, []).append(event)
    n_losses = n_voids = 0
    for attempt in dataset.attempts:
        for rubric in dataset.rubrics_of(attempt):
            exam = examine(rubric, events[attempt.id])
            assert exam.sheet() == gold[attempt.id, rubric.id]
            assert exam.open_questions == []
            for result in exam.steps.values():
                if result.points is None:
                    continue
                lost = rubric.get_step(result.step).max_points - result.points
                assert lost == pytest.approx(sum(loss.points for loss in result.losses))
                for loss, sentence in zip(result.losses, exam.reasons(result.step, "en"), strict=False):
                    n_losses += 1
                    n_voids += loss.effect == "void"
                    if loss.kind == "not_done":
                        assert sentence.startswith(f"{result.step} not done")  # what never happened has no time
                    elif loss.kind == "state":
                        assert loss.absence is not None
                        assert loss.absence.cause is not None
                        assert loss.absence.cause in sentence
                        assert loss.at_s is not None
                    else:
                        assert loss.at_s is not None
                        assert f"{loss.at_s:.1f} s" in sentence
                        assert loss.ref in sentence
    assert n_losses > 3000
    assert n_voids > 100
