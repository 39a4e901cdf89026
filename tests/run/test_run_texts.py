"""Answers that are already there: baselines, replays, mocks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from questions import info, request, requests

from siming.bench.folder import load_run
from siming.bench.request import TextPart
from siming.errors import RunError, TaskError
from siming.run import Backend, RunOutcome, TextsBackend, content_of, open_backend, run


def go(folder: Path, backend: Backend, asked=None) -> RunOutcome:
    return run(folder, info(backend.model, options=backend.options), asked or requests(3), backend, None)


def replayed(path: Path) -> Backend:
    return open_backend(f"replay:{path}")


def test_a_baseline_answers_from_its_table_and_skips_what_it_lacks(tmp_path):
    backend = open_backend("baseline:all-correct", {"seed": 1}, texts={"A-001": "one", "A-003": "three"})
    outcome = go(tmp_path, backend)
    assert outcome.missing == (("A-002", "skipped", "baseline:all-correct has no answer to 'A-002'"),)
    kept = load_run(tmp_path).predictions["A-003"]
    assert (kept.text, kept.model, kept.options) == ("three", "baseline:all-correct", {"seed": 1})


def test_a_replayed_run_holds_the_same_texts_and_statuses(tmp_path):
    go(tmp_path / "first", open_backend("mock:random"))
    assert go(tmp_path / "second", replayed(tmp_path / "first")).complete
    first, second = (load_run(tmp_path / name).predictions for name in ("first", "second"))
    assert [(p.status, p.text) for p in first.values()] == [(p.status, p.text) for p in second.values()]


def test_a_replay_takes_the_lines_of_any_harness_by_request_and_text(tmp_path):
    path = tmp_path / "theirs.jsonl"
    path.write_text('{"request": "A-001", "text": "one", "extra": 5}\n\n{"request": "A-002", "text": null}\n{"requ')
    outcome = go(tmp_path / "run", replayed(path))
    assert outcome.counts == {"ok": 1, "skipped": 2}
    assert [why for _, _, why in outcome.missing] == [
        f"{path} has no answer to 'A-002': failed",
        f"{path} has no line for 'A-003'",
    ]


def test_a_replay_does_not_pass_off_answers_to_another_question(tmp_path):
    go(tmp_path / "first", open_backend("mock:random"))
    other = request(parts=(TextPart(text="another wording"),))
    outcome = go(tmp_path / "second", replayed(tmp_path / "first" / "predictions.jsonl"), [other])
    assert outcome.counts == {"skipped": 1}
    assert "belongs to another wording" in outcome.missing[0][2]


def test_an_answer_counts_before_the_failures_around_it(tmp_path):
    path = tmp_path / "p.jsonl"
    lines = [("failed", None), ("ok", "first"), ("failed", None), ("ok", "second")]
    path.write_text("".join(json.dumps({"request": "A-001", "status": s, "text": t}) + "\n" for s, t in lines))
    go(tmp_path / "run", replayed(path), [request()])
    assert load_run(tmp_path / "run").predictions["A-001"].text == "first"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{broken}", "line 2: not valid JSON"),
        ("[1]", "line 2: has no 'request'"),
        ('{"text": "x"}', "line 2: has no 'request'"),
        ('{"request": "A-001", "text": 5}', "line 2: 'text' is 5"),
        ('{"request": "A-001", "status": "good", "text": "x"}', "line 2: status 'good' is none of ok, refused"),
    ],
)
def test_a_bad_line_of_a_replayed_file_is_named(tmp_path, line, said):
    path = tmp_path / "p.jsonl"
    path.write_text(f'{{"request": "A-002", "text": "x"}}\n{line}\n')
    with pytest.raises(RunError, match=said):
        replayed(path)


def test_a_replay_of_a_file_that_is_not_there_says_so(tmp_path):
    with pytest.raises(TaskError, match=r"there is no file .*gone\.jsonl"):
        replayed(tmp_path / "gone.jsonl")


def test_mocks_answer_in_the_shape_that_was_asked_for_every_step_once(tmp_path):
    go(tmp_path, open_backend("mock:random"))
    for prediction in load_run(tmp_path).predictions.values():
        steps = json.loads(prediction.text)["steps"]
        assert [step["id"] for step in steps] == ["cpr01", "cpr02"]
        assert {step["points"] for step in steps} <= {0, 1}


def test_a_mock_draws_the_same_for_a_request_whatever_else_is_asked(tmp_path):
    go(tmp_path / "all", open_backend("mock:random"), requests(20))
    go(tmp_path / "one", open_backend("mock:random"), requests(20)[12:13])
    together, alone = (load_run(tmp_path / name).predictions["A-013"] for name in ("all", "one"))
    assert content_of(together) == content_of(alone)
    texts = {p.text for p in load_run(tmp_path / "all").predictions.values()}
    assert len(texts) > 1


def test_a_mock_that_refuses_and_one_that_rambles(tmp_path):
    assert go(tmp_path / "refuse", open_backend("mock:refuse")).counts == {"refused": 3}
    assert go(tmp_path / "garbage", open_backend("mock:garbage")).counts == {"ok": 3}


def test_a_table_backend_needs_no_pictures():
    assert TextsBackend("baseline:x", {}).shows(request()) == "nothing"
