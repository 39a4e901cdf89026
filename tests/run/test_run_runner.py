"""What a run promises: every answer kept, nothing asked twice, nothing mixed, a clear end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from questions import DrawnFrames, info, request, requests

from siming.bench.folder import load_run
from siming.bench.prediction import Prediction
from siming.bench.request import Request, RequestPlan, TextPart
from siming.errors import MissingExtraError, RunError, VideoError
from siming.run import Answer, Backend, CallError, Frame, Pacing, RunOutcome, Shown, content_of, open_backend, run
from siming.run.backend import Shows
from siming.run.journal import Lock, mend_torn_end

QUICK = Pacing(backoff_s=0.001, timeout_s=5)


class Scripted(Backend):
    """A backend that does what a function says, and keeps what it was asked."""

    def __init__(self, script: Callable[[Request, int], Answer], *, shows: Shows = "nothing") -> None:
        self.model, self.options = "mock:random", {}
        self.asked: list[str] = []
        self._script, self._shows = script, shows

    def shows(self, request: Request) -> Shows:
        return self._shows

    async def answer(self, request: Request, shown: Shown) -> Answer:
        self.asked.append(request.id)
        return self._script(request, self.asked.count(request.id))


def good(request: Request, nth: int) -> Answer:
    return Answer("ok", f"answer to {request.id}", "stop", {"total_tokens": 7})


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]


def go(folder: Path, backend: Backend, n: int = 6, **options) -> RunOutcome:
    return run(folder, info(), requests(n), backend, None, pacing=options.pop("pacing", QUICK), **options)


def test_a_run_keeps_one_line_per_request_in_the_order_asked(tmp_path):
    outcome = go(tmp_path, Scripted(good))
    assert [line["request"] for line in lines(tmp_path)] == [f"A-00{k}" for k in range(1, 7)]
    assert (outcome.counts, outcome.coverage, outcome.complete) == ({"ok": 6}, 1.0, True)
    assert load_run(tmp_path).predictions["A-003"].text == "answer to A-003"


def test_a_rerun_of_a_complete_run_asks_nothing_and_changes_no_byte(tmp_path):
    go(tmp_path, Scripted(good))
    before = (tmp_path / "predictions.jsonl").read_bytes()
    again = Scripted(good)
    assert go(tmp_path, again).complete
    assert again.asked == []
    assert (tmp_path / "predictions.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("status", "asked_again"),
    [
        ("ok", False),
        ("truncated", False),
        ("refused", False),
        ("unreadable", True),
        ("failed", True),
        ("skipped", True),
    ],
)
def test_a_rerun_asks_again_only_where_the_model_has_not_spoken(tmp_path, status, asked_again):
    go(tmp_path, Scripted(lambda r, nth: Answer(status, "" if status == "truncated" else "x", error="why")), n=1)
    again = Scripted(good)
    go(tmp_path, again, n=1)
    assert bool(again.asked) == asked_again
    assert lines(tmp_path)[0]["status"] == ("ok" if asked_again else status)


def test_a_failed_call_is_made_again_and_its_tries_are_counted(tmp_path):
    def third_time_lucky(request: Request, nth: int) -> Answer:
        if nth < 3:
            raise CallError("server has hiccups", retryable=True)
        return good(request, nth)

    assert go(tmp_path, Scripted(third_time_lucky), n=2).complete
    assert [line["tries"] for line in lines(tmp_path)] == [3, 3]


def test_a_call_that_cannot_succeed_is_not_made_again(tmp_path):
    def too_long(request: Request, nth: int) -> Answer:
        raise CallError("the request is longer than the model takes")

    backend = Scripted(too_long)
    outcome = go(tmp_path, backend, n=1)
    assert backend.asked == ["A-001"]
    assert outcome.missing == (("A-001", "failed", "the request is longer than the model takes"),)


def test_failed_calls_lower_the_coverage_and_are_listed(tmp_path):
    def every_tenth_fails(request: Request, nth: int) -> Answer:
        if request.id.endswith("0"):
            raise CallError("server failed", retryable=True)
        return good(request, nth)

    outcome = go(tmp_path, Scripted(every_tenth_fails), n=40)
    assert outcome.coverage == 0.9
    assert not outcome.complete
    assert [name for name, _, _ in outcome.missing] == ["A-010", "A-020", "A-030", "A-040"]
    assert "text" not in lines(tmp_path)[9]


def test_a_refusal_is_an_answer_of_the_model_but_not_one_that_can_be_read(tmp_path):
    outcome = go(tmp_path, Scripted(lambda r, nth: Answer("refused", error="declined")), n=2)
    assert (outcome.complete, outcome.coverage) == (True, 0.0)


def test_a_bug_in_a_backend_costs_its_own_request_and_no_other(tmp_path):
    outcome = go(tmp_path, Scripted(lambda r, nth: 1 / 0 if r.id == "A-002" else good(r, nth)), n=3)
    assert outcome.counts == {"ok": 2, "failed": 1}
    assert "ZeroDivisionError" in outcome.missing[0][2]


def test_half_a_surrogate_pair_in_a_reply_does_not_stop_the_run(tmp_path):
    assert go(tmp_path, Scripted(lambda r, nth: Answer("ok", "half \ud83d")), n=1).complete
    assert lines(tmp_path)[0]["text"] == "half ?"


def test_a_wrong_key_stops_the_run_at_once_and_keeps_what_came_before(tmp_path):
    def revoked_after_two(request: Request, nth: int) -> Answer:
        if request.id > "A-002":
            raise CallError("the key is not accepted; set OPENAI_API_KEY", stops_run=True)
        return good(request, nth)

    backend = Scripted(revoked_after_two)
    outcome = go(tmp_path, backend, n=50, pacing=Pacing(concurrency=1))
    assert outcome.counts == {"ok": 2, "failed": 1, "unasked": 47}
    assert len(backend.asked) == 3
    assert "OPENAI_API_KEY" in outcome.stopped


def test_a_server_that_is_down_is_given_up_after_some_requests(tmp_path):
    def down(request: Request, nth: int) -> Answer:
        raise CallError("connection refused", retryable=True)

    outcome = go(tmp_path, Scripted(down), n=50, pacing=Pacing(backoff_s=0, retries=1, give_up_after=5, concurrency=1))
    assert outcome.counts == {"failed": 5, "unasked": 45}
    assert "connection refused" in outcome.stopped
    assert go(tmp_path, Scripted(good), n=50).complete


def test_a_call_without_end_is_cut_off_and_recorded(tmp_path):
    class Silent(Scripted):
        async def answer(self, request: Request, shown: Shown) -> Answer:
            import asyncio

            await asyncio.sleep(60)
            raise AssertionError

    outcome = go(tmp_path, Silent(good), n=1, pacing=Pacing(timeout_s=0.02, retries=1, backoff_s=0))
    assert outcome.missing == (("A-001", "failed", "no answer within 0.02 s"),)


def test_a_video_that_cannot_be_shown_skips_its_request_and_says_why(tmp_path):
    class Broken(DrawnFrames):
        def frames(self, request: Request) -> list[Frame]:
            if request.id == "A-002":
                raise VideoError("A-002.mp4 is empty", kind="empty")
            return super().frames(request)

    outcome = run(
        tmp_path / "run", info(), requests(3), Scripted(good, shows="frames"), Broken(tmp_path / "p"), pacing=QUICK
    )
    assert outcome.counts == {"ok": 2, "skipped": 1}
    assert outcome.missing[0][2].endswith("A-002.mp4 is empty")


def test_a_prediction_says_which_pictures_were_shown(tmp_path):
    run(
        tmp_path / "run", info(), [request()], Scripted(good, shows="frames"), DrawnFrames(tmp_path / "p"), pacing=QUICK
    )
    shown = load_run(tmp_path / "run").predictions["A-001"]
    assert shown.frames == ("drawn/0.jpg", "drawn/1.jpg", "drawn/2.jpg")
    assert shown.shown_s == pytest.approx([0.49, 12.45, 29.99])


def test_frames_that_damage_left_nothing_of_are_counted_as_damaged(tmp_path):
    class Hurt(DrawnFrames):
        def frames(self, request: Request) -> list[Frame]:
            first, second, _ = super().frames(request)
            return [first, Frame(second.time_s, second.shown_s, second.path, second.key, damaged=True)]

    run(tmp_path / "run", info(), [request()], Scripted(good, shows="frames"), Hurt(tmp_path / "p"), pacing=QUICK)
    assert load_run(tmp_path / "run").predictions["A-001"].damaged_frames == 2


def test_an_error_of_the_whole_run_reaches_the_caller_and_not_the_predictions(tmp_path):
    def lacks(request: Request, nth: int) -> Answer:
        raise MissingExtraError("a local model", "local")

    with pytest.raises(MissingExtraError):
        go(tmp_path, Scripted(lacks))
    assert lines(tmp_path) == []


# Resuming.


def test_a_torn_last_line_is_taken_off_and_asked_again(tmp_path):
    go(tmp_path, Scripted(good))
    whole = (tmp_path / "predictions.jsonl").read_bytes()
    (tmp_path / "predictions.jsonl").write_bytes(whole[:-40])
    again = Scripted(good)
    go(tmp_path, again)
    assert again.asked == ["A-006"]
    assert [content_of(Prediction.from_plain(line)) for line in lines(tmp_path)] == [
        content_of(Prediction.from_plain(json.loads(line))) for line in whole.splitlines()
    ]


def test_every_cut_through_a_line_leaves_a_file_that_can_grow(tmp_path):
    first, second = '{"a": "é"}\n'.encode(), b'{"b": 2}\n'
    for cut in range(len(second) + 1):
        path = tmp_path / "x.jsonl"
        path.write_bytes(first + second[:cut])
        torn = mend_torn_end(path)
        with path.open("ab") as stream:
            stream.write(b'{"c": 3}\n')
        kept = path.read_bytes().splitlines()
        assert [json.loads(line) for line in kept][-1] == {"c": 3}
        assert len(kept) == (3 if cut >= len(second) - 1 else 2)
        assert torn == (b"" if cut >= len(second) - 1 else second[:cut])


def test_a_broken_line_in_the_middle_is_named_and_nothing_is_thrown_away(tmp_path):
    go(tmp_path, Scripted(good))
    path = tmp_path / "predictions.jsonl"
    path.write_text("not json\n" + path.read_text())
    before = path.read_bytes()
    with pytest.raises(RunError, match="line 1"):
        go(tmp_path, Scripted(good))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"options": {"temperature": 0.7}}, r"options\.temperature was None, is now 0\.7"),
        ({"model": "mock:zero"}, "model was 'mock:random', is now 'mock:zero'"),
        ({"plan": {"max_side": 512}}, r"plan\.max_side was None, is now 512"),
        ({"dataset_version": "2"}, "dataset_version was '1', is now '2'"),
    ],
)
def test_changed_options_are_refused_by_name_and_those_it_began_with_are_accepted(tmp_path, changes, named):
    go(tmp_path, Scripted(good))
    with pytest.raises(RunError, match=named):
        run(tmp_path, info(**changes), requests(6), Scripted(good), None)
    assert go(tmp_path, Scripted(good)).complete


def test_a_changed_wording_is_refused_by_name(tmp_path):
    go(tmp_path, Scripted(good), n=1)
    other = request(parts=(TextPart(text="another question"),))
    with pytest.raises(RunError, match=r"'A-001' has changed: parts was .* own"):
        run(tmp_path, info(), [other], Scripted(good), None)
    thinner = request(plan=RequestPlan(policy="middle:1", times_s=(1.0,), max_side=64))
    with pytest.raises(RunError, match=r"plan\.policy was 'middle:3', is now 'middle:1'"):
        run(tmp_path, info(), [thinner], Scripted(good), None)


def test_a_larger_limit_goes_on_and_a_smaller_one_is_refused(tmp_path):
    go(tmp_path, Scripted(good), n=3)
    more = Scripted(good)
    assert go(tmp_path, more, n=5).complete
    assert sorted(more.asked) == ["A-004", "A-005"]
    with pytest.raises(RunError, match="has already asked for 'A-005'"):
        go(tmp_path, Scripted(good), n=4)


def test_a_run_that_was_only_asked_takes_its_model_when_it_runs(tmp_path):
    from siming.bench.folder import load_run_info, write_run

    write_run(tmp_path, info(model=None), requests(2))
    assert go(tmp_path, Scripted(good), n=2).complete
    assert load_run_info(tmp_path).model == "mock:random"


def test_answers_without_their_run_yaml_are_not_overwritten(tmp_path):
    go(tmp_path, Scripted(good))
    (tmp_path / "run.yaml").unlink()
    with pytest.raises(RunError, match="nobody knows what was asked"):
        go(tmp_path, Scripted(good))
    assert len(lines(tmp_path)) == 6


def test_two_requests_of_one_name_are_refused(tmp_path):
    with pytest.raises(RunError, match="two requests are called 'A-001'"):
        run(tmp_path, info(), [request(), request()], Scripted(good), None)


def test_a_second_process_is_kept_out_and_let_in_when_the_first_has_ended(tmp_path):
    hold = "import sys; from pathlib import Path; from siming.run.journal import Lock\n"
    hold += f"with Lock(Path({str(tmp_path)!r})): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(RunError, match=f"another process \\(id {other.pid}\\)"):
            go(tmp_path, Scripted(good))
        other.kill()
    assert go(tmp_path, Scripted(good)).complete


def test_a_lock_is_free_again_after_its_block(tmp_path):
    with Lock(tmp_path), pytest.raises(RunError), Lock(tmp_path):
        pass
    with Lock(tmp_path):
        pass


# Speed and order.


def test_no_more_calls_are_out_than_allowed(tmp_path):
    import asyncio

    class Counting(Scripted):
        now = most = 0

        async def answer(self, request: Request, shown: Shown) -> Answer:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.002)
            self.now -= 1
            return good(request, 1)

    backend = Counting(good)
    go(tmp_path / "three", backend, n=20, pacing=Pacing(concurrency=3))
    assert backend.most == 3
    alone = Counting(good)
    alone.most_at_once = 1
    go(tmp_path / "alone", alone, n=5, pacing=Pacing(concurrency=3))
    assert alone.most == 1


def test_after_too_many_requests_all_wait_and_fewer_go_out_at_once(tmp_path):
    import asyncio
    import time

    class Limited(Scripted):
        sent: list[float] = []  # noqa: RUF012
        now = most_later = 0

        async def answer(self, request: Request, shown: Shown) -> Answer:
            first = not self.sent
            self.sent.append(time.monotonic())
            if first:
                raise CallError("429", retryable=True, slow_down=True, retry_after_s=0.3)
            self.now += 1
            self.most_later = max(self.most_later, self.now)
            await asyncio.sleep(0.01)
            self.now -= 1
            return good(request, 1)

    backend = Limited(good)
    assert go(tmp_path, backend, n=3, pacing=Pacing(concurrency=2, backoff_s=0.001)).complete
    early = [at for at in backend.sent[1:] if at - backend.sent[0] < 0.29]
    # Only a call that went out together with the refused one may be that early.
    assert len(early) <= 1
    assert len(backend.sent) == 4


def test_a_server_that_wants_a_pause_of_an_hour_is_not_waited_for(tmp_path):
    def later(request: Request, nth: int) -> Answer:
        raise CallError("come back in an hour", retryable=True, retry_after_s=3600)

    backend = Scripted(later)
    assert go(tmp_path, backend, n=1).counts == {"failed": 1}
    assert len(backend.asked) == 1


def test_progress_counts_the_answers_of_earlier_runs(tmp_path):
    go(tmp_path, Scripted(good), n=3)
    seen = []
    go(tmp_path, Scripted(good), n=5, on_progress=lambda p: seen.append((p.done, p.total, p.latest.status)))
    assert seen == [(4, 5, "ok"), (5, 5, "ok")]


def test_the_order_of_arrival_does_not_show_in_the_final_file(tmp_path):
    mocks = [open_backend("mock:random", {"seed": 3}) for _ in range(2)]
    at_once, one_by_one = tmp_path / "a", tmp_path / "b"
    same = info(options=mocks[0].options)
    run(at_once, same, requests(20), mocks[0], None, pacing=Pacing(concurrency=16))
    run(one_by_one, same, requests(20), mocks[1], None, pacing=Pacing(concurrency=1))
    contents = [[content_of(Prediction.from_plain(line)) for line in lines(folder)] for folder in (at_once, one_by_one)]
    assert contents[0] == contents[1]


# Interruption of a real process. Its children's script is the whole story a shell would run.

CHILD = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from questions import DrawnFrames, info, requests
    from siming.run import Pacing, open_backend, run
    backend = open_backend({model!r})
    outcome = run(Path({folder!r}), info(backend.model, options=backend.options), requests({n}), backend,
                  DrawnFrames(Path({pictures!r})), pacing=Pacing(concurrency=4, backoff_s=0.01))
    print(outcome.stopped or "done", dict(outcome.counts))
    sys.exit(0 if outcome.complete else 1)
    """
)


def child(tmp_path: Path, url: str, folder: Path, n: int) -> subprocess.Popen[str]:
    script = CHILD.format(
        tests=str(Path(__file__).parent),
        model=f"openai:m@{url}",
        folder=str(folder),
        pictures=str(tmp_path / "pictures"),
        n=n,
    )
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
    # A test started in the background has SIGINT ignored, and its children with it: here it must be heard.
    script = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + script
    return subprocess.Popen(
        [sys.executable, "-c", script], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def answered(folder: Path) -> set[str]:
    path = folder / "predictions.jsonl"
    if not path.exists():
        return set()
    whole = path.read_bytes()
    return {json.loads(line)["request"] for line in whole[: whole.rfind(b"\n") + 1].splitlines()}


@pytest.mark.slow
def test_kill_9_at_any_moment_loses_nothing_asks_nothing_twice_and_ends_the_same(tmp_path):
    import random

    from loopback import Loopback

    n, rounds, rng = 60, 3, random.Random(20)
    with Loopback(delay_s=0.05) as server:
        undisturbed = child(tmp_path, server.url, tmp_path / "calm", n)
        assert undisturbed.communicate(timeout=60)[0].startswith("done")
        asked_before = len(server.asks)
        assert asked_before == n
        folder = tmp_path / "killed"
        for _ in range(rounds):
            process = child(tmp_path, server.url, folder, n)
            already, wait = answered(folder), rng.randint(1, 8)
            while len(answered(folder)) < len(already) + wait and process.poll() is None:
                threading.Event().wait(rng.random() * 0.02)
            process.kill()
            process.communicate()
            kept, mark = answered(folder), len(server.asks)
            assert already <= kept
            process = child(tmp_path, server.url, folder, n)
            while len(server.asks) < mark + 6 and process.poll() is None:
                threading.Event().wait(0.005)
            # Up to four of these are what the dead process still had on its way, none of them answered before.
            assert not {ask.id for ask in server.asks[mark:]} & kept
            process.kill()
            process.communicate()
        last = child(tmp_path, server.url, folder, n)
        _, err = last.communicate(timeout=60)
        assert last.returncode == 0, err
        assert len(server.asks) - asked_before <= n + 2 * rounds * 4
    calm, killed = (load_run(tmp_path / name).predictions for name in ("calm", "killed"))
    assert [content_of(p) for p in calm.values()] == [content_of(p) for p in killed.values()]
    assert [line["request"] for line in lines(folder)] == [r.id for r in requests(n)]


def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(tmp_path):
    from loopback import Loopback, Reply

    folder = tmp_path / "run"
    with Loopback(lambda ask: Reply(delay_s=0 if ask.id < "A-005" else 30)) as server:
        process = child(tmp_path, server.url, folder, 12)
        while len(answered(folder)) < 4 and process.poll() is None:
            threading.Event().wait(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 1, err
    assert re.match(r"interrupted; run the same command again .*'ok': 4, 'unasked': 8", out)
    assert err == ""
    assert load_run(folder).predictions.keys() == {"A-001", "A-002", "A-003", "A-004"}
    assert go_on(folder, tmp_path) == {"ok": 12}


def go_on(folder: Path, tmp_path: Path) -> dict[str, int]:
    """Finish a run with a server that came back under another address: what counts is what was kept."""
    kept = load_run(folder)
    backend = Scripted(good)
    backend.model, backend.options = kept.info.model, kept.info.options
    outcome = run(folder, kept.info, requests(12), backend, None, pacing=QUICK)
    assert len(backend.asked) == 8
    return dict(outcome.counts)
