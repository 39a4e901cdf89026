"""The page's arithmetic is the server's: points, levels, pictures, digests, drafts; run in Chromium, held against Python."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from rooms_web import Served

from siming.rubric import builtin_rubric, builtin_rubric_ids
from siming.rubric.labels import label_of_points
from siming.rubric.points import deduction_points, legal_points, point_ranges
from siming.store import Policy
from siming.store.blind.change import Paper
from siming.store.blind.draft import snapshot_sha256
from siming.store.blind.summary import problems_of

pytestmark = pytest.mark.browser


@pytest.fixture
def run(visit, served: Served):
    """Run a script with some of the page's modules: ``run(["points"], "({ points }) => points.levelOf(...)", data)``."""
    page = visit.page(served.room.wei, "/rate-offline")

    def call(names, script, data=None):
        return page.evaluate(
            f"""async ([names, data]) => {{
              const found = await Promise.all(names.map((name) => import(`/static/rate/${{name}}.js`)))
              return ({script})(Object.fromEntries(names.map((name, at) => [name, found[at]])), data)
            }}""",
            [names, data],
        )

    return call


def as_view(rubric) -> dict:
    """A rubric as the page gets it."""
    return {
        "id": rubric.id,
        "steps": [
            {
                "id": step.id,
                "max_points": step.max_points,
                "point_step": 0.5,
                "deductions": [
                    {"id": d.id, "points": d.points, "severity": d.severity, "group": d.group} for d in step.deductions
                ],
                "ranges": {
                    str(label): found and [float(found[0]), float(found[1])]
                    for label, found in point_ranges(step, rubric).items()
                },
            }
            for step in rubric.steps
        ],
    }


def subsets(ids: list[str]) -> list[list[str]]:
    """Every choice of deductions."""
    return [[name for bit, name in enumerate(ids) if number >> bit & 1] for number in range(2 ** len(ids))]


@pytest.mark.parametrize("name", builtin_rubric_ids())
def test_every_choice_of_deductions_leaves_the_same_points_on_the_page_and_in_the_examiner(run, name):
    rubric = builtin_rubric(name)
    asked = [[subsets([d.id for d in step.deductions])] for step in rubric.steps]
    answered = run(
        ["points"],
        """({ points }, [rubric, asked]) => rubric.steps.map((step, at) => asked[at][0].map((ticked) =>
             [points.pointsAfter(step, ticked), Object.fromEntries(points.charges(step, ticked))]))""",
        [as_view(rubric), asked],
    )
    for step, [choices], answers in zip(rubric.steps, asked, answered, strict=True):
        for ticked, (left, charged) in zip(choices, answers, strict=True):
            running = deduction_points(step, ticked)
            assert left == float(running.points), (step.id, ticked)
            assert charged == {key: float(cost) for key, cost in running.charged.items()}, (step.id, ticked)


@pytest.mark.parametrize("name", builtin_rubric_ids())
def test_every_legal_number_of_points_has_the_rubrics_level(run, name):
    rubric = builtin_rubric(name)
    asked = [[float(p) for p in legal_points(step)] for step in rubric.steps]
    levels, given, wrong = run(
        ["points"],
        """({ points }, [rubric, asked]) => [
             rubric.steps.map((step, at) => asked[at].map((p) => points.levelOf(step, p))),
             rubric.steps.map((step) => [3, 2, 1, 0].map((level) => points.pointsOfLevel(step, level))),
             rubric.steps.map((step) => [String(step.max_points), String(step.max_points + 0.5), '0.3', '-1', '1e0', '0,5'].map((text) => points.wrongPoints(step, text)))]""",
        [as_view(rubric), asked],
    )
    for step, points, found, keys, refusals in zip(rubric.steps, asked, levels, given, wrong, strict=True):
        assert found == [label_of_points(p, step.max_points, rubric.ordinal_map) for p in points]
        for level, value in zip((3, 2, 1, 0), keys, strict=True):
            if value is not None:
                assert value in points
                assert label_of_points(value, step.max_points, rubric.ordinal_map) == level
        assert refusals == [None, "range", "grain", "number", "number", None]


ASKED = {"unexplained": "explained", "overexplained": "exact", "evidence_missing": "evidence"}


def test_the_page_says_of_a_scored_step_what_the_summary_will_ask_for(run):
    rubric = builtin_rubric("cpr-adult-single")
    chance = random.Random(5)
    policies = [Policy(explain=e, evidence_required=v) for e in ("exact", "some", "none") for v in (True, False)]
    asked, expected = [], []
    for number in range(600):
        step = chance.choice(rubric.steps)
        entered = {
            "points": chance.choice([None, step.max_points, *map(float, legal_points(step))]),
            "deductions": [d.id for d in step.deductions if chance.random() < 0.4],
            "evidence": [[1, 2]] if chance.random() < 0.5 else [],
            "note": chance.choice(["", "", "  ", "why"]),
        }
        policy = policies[number % len(policies)]
        paper = Paper(rubrics=(rubric,), duration_s=10.0)
        draft = {"steps": {rubric.id: {step.id: {key: value for key, value in entered.items() if value}}}}
        if entered["points"] == 0:
            draft["steps"][rubric.id][step.id]["points"] = 0.0
        problems = [p.code for p in problems_of(draft, paper, policy) if p.step == step.id]
        asked.append([rubric.steps.index(step), entered | {"blank": None}, policy.model_dump()])
        expected.append(sorted(ASKED[code] for code in problems if code in ASKED))
    answered = run(
        ["points"],
        """({ points }, [rubric, asked]) => asked.map(([at, entry, policy]) => points.lacking(rubric.steps[at], entry, policy))""",
        [as_view(rubric), asked],
    )
    assert [sorted(found) for found in answered] == expected
    assert {what for found in expected for what in found} == set(ASKED.values())


def test_page_and_server_come_to_the_same_digest(run):
    rubrics = [builtin_rubric(name) for name in builtin_rubric_ids()]
    step = rubrics[0].steps[3]
    drafts = [
        {},
        {"steps": {rubrics[0].id: {step.id: {"points": 0.5, "deductions": ["d2", "d1"], "evidence": [[10.1, 12.000001], [2, 3.3333335]], "note": 'é "胸外" \\ \n\t\u2028 😀 </script>', "unsure": True}}}},
        {"steps": {rubrics[1].id: {rubrics[1].steps[0].id: {"blank": {"status": "cannot_judge", "reason": ""}}}}, "global_rating": {rubrics[1].id: 4}},
        {"steps": {r.id: {s.id: {"points": s.max_points} for s in r.steps} for r in rubrics}, "bookmarks": [[1, "x"]], "played": [[0, 9]]},
    ]  # fmt: skip
    found = run(
        ["snapshot"],
        "async ({ snapshot }, [drafts, rubrics]) => Promise.all(drafts.map((draft) => snapshot.snapshotSha256(draft, rubrics)))",
        [drafts, [as_view(rubric) for rubric in rubrics]],
    )
    assert found == [snapshot_sha256(draft, rubrics) for draft in drafts]


def test_the_page_comes_to_the_digests_that_were_written_down(run):
    written = json.loads(Path(__file__).with_name("snapshot_vectors.json").read_text("utf-8"))
    drafts = [case["draft"] for case in written["cases"]]
    found = run(
        ["snapshot"],
        "async ({ snapshot }, [drafts, rubrics]) => Promise.all(drafts.map((draft) => snapshot.snapshotSha256(draft, rubrics)))",
        [drafts, written["rubrics"]],
    )
    assert len(found) >= 8
    assert found == [case["sha256"] for case in written["cases"]]


def test_the_middle_of_a_picture_is_inside_it_and_its_start_names_it(run):
    table = {"time_base": [1, 90000], "ticks": [0, 1530, 6030, 9000, 12060, 20160], "end": 22050}
    numbers, starts, edges = run(
        ["frames"],
        """({ frames }, table) => {
          const film = new frames.FrameTable(table, 0.245)
          const all = table.ticks.map((_, number) => number)
          return [all.map((n) => film.at(film.middle(n))), all.map((n) => film.at(film.start(n) - 4e-6)), [film.at(-1), film.at(99), film.stop(5)]]
        }""",
        table,
    )
    assert numbers == starts == [0, 1, 2, 3, 4, 5]
    assert edges == [0, 5, 0.245]


def test_times_are_written_and_read_as_people_do(run):
    assert run(
        ["words"],
        """({ words: { Words, secondsOf } }) => {
          const words = new Words({ n: { one: '1 step', other: '{n} steps' } }, 'en')
          return [words.time(83.04), words.time(0), words.time(3661.5), words.time(59.995), words.say('n', { n: 1 }), words.say('n', { n: 2 }),
            secondsOf('1:23.4'), secondsOf('83'), secondsOf('1:00:01'), secondsOf('x'), secondsOf('')]
        }""",
    ) == ["1:23.04", "0:00.00", "1:01:01.50", "0:59.99", "1 step", "2 steps", 83.4, 83, 3601, None, None]


def test_a_change_that_comes_while_a_sign_of_life_is_on_its_way_is_sent_right_after_it(run):
    sent = run(
        ["sender"],
        """async ({ sender: { Sender } }) => {
          const sent = []
          let answer
          const record = { client_seq: 1, fence: 1, field: 'points', value: 3, state: 'unsent' }
          const journal = { client: 'c', ready: [], unsent: [], mark: async (seqs) => { if (seqs.length) journal.ready = journal.unsent = [] } }
          const api = { send: (body) => new Promise((resolve) => {
            sent.push(body.changes.length)
            answer = () => resolve({ acked: body.changes.map(({ client_seq }) => client_seq), seq: 1, saved_at: 'now' })
            if (body.changes.length) answer()
          }) }
          const sender = new Sender(journal, api, { heartbeat_ms: 60 })
          sender.start(1)
          while (!sent.length) await new Promise((done) => setTimeout(done, 5))
          journal.ready = journal.unsent = [record]
          sender.kick()
          await new Promise((done) => setTimeout(done, 200)) // its turn comes, and the line is taken
          answer()
          await new Promise((done) => setTimeout(done, 300))
          sender.pause()
          return sent
        }""",
    )
    assert sent[:2] == [0, 1]
