"""Models behind a server, against a real HTTP server that fails in all the ways servers fail."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from loopback import Ask, Loopback, Reply, completion
from questions import SCHEMA, DrawnFrames, info, request, requests

from siming.bench.folder import load_run
from siming.bench.prediction import Prediction
from siming.bench.request import RequestPlan
from siming.errors import TaskError
from siming.run import Pacing, RunOutcome, open_backend, run

pytest.importorskip("openai", reason="needs siming[openai]")

KEY = "sk-test-0123456789abcdef"
QUICK = Pacing(backoff_s=0.001, timeout_s=20)


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    for name in ("OPENAI_API_KEY", "SIMING_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def go(
    tmp_path: Path, server: Loopback, n: int = 1, *, options: dict | None = None, pacing: Pacing = QUICK, asked=None
) -> RunOutcome:
    backend = open_backend(f"openai:m@{server.url}", options)
    return run(
        tmp_path / "run",
        info(backend.model, options=backend.options),
        asked or requests(n),
        backend,
        DrawnFrames(tmp_path / "pictures"),
        pacing=pacing,
    )


def only(tmp_path: Path) -> Prediction:
    (prediction,) = load_run(tmp_path / "run").predictions.values()
    return prediction


def first(fault: Reply) -> Callable[[Ask], Reply]:
    """Fails at the first ask of each request, answers the second."""
    return lambda ask: fault if ask.nth == 1 else Reply()


def test_frames_arrive_as_pictures_each_after_its_time_in_order(tmp_path):
    with Loopback() as server:
        go(tmp_path, server)
    (ask,) = server.asks
    assert ask.times == ("<0.5 seconds>", "<12.5 seconds>", "<30.0 seconds>")
    assert ask.sizes == ((32, 24),) * 3
    assert ask.fields["model"] == "m"
    assert (ask.fields["temperature"], ask.fields["seed"], ask.fields["max_tokens"]) == (0.0, 0, 4096)


def test_times_are_written_in_the_language_of_the_request(tmp_path):
    with Loopback() as server:
        go(tmp_path, server, asked=[request(language="zh")])
    assert server.asks[0].times == ("<0.5 秒>", "<12.5 秒>", "<30.0 秒>")


def test_an_answer_is_kept_word_for_word_with_its_circumstances(tmp_path):
    with Loopback(lambda ask: Reply(body=completion(' {"a":\n 1} 很好\t'))) as server:
        assert go(tmp_path, server).complete
    kept = only(tmp_path)
    assert kept.text == ' {"a":\n 1} 很好\t'
    assert (kept.status, kept.finish_reason, kept.tries) == ("ok", "stop", 1)
    assert kept.usage == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    assert kept.model == f"openai:m@{server.url}"
    assert kept.options["temperature"] == 0
    assert kept.latency_s > 0


def test_a_native_video_travels_whole_and_no_picture_with_it(tmp_path):
    native = request(plan=RequestPlan(policy="fps:2", times_s=(0.0, 0.5), max_side=64, time_form="native"))
    with Loopback() as server:
        assert go(tmp_path, server, asked=[native]).complete
    assert server.asks[0].video == b"\x00\x00\x00\x18ftypmp42"
    assert server.asks[0].sizes == ()


def test_a_native_video_is_not_sent_for_a_step_clip(tmp_path):
    plan = RequestPlan(policy="fps:2", times_s=(3.0,), max_side=64, time_form="native")
    with Loopback() as server:
        outcome = go(tmp_path, server, asked=[request(plan=plan, stretches_s=((3.0, 5.0),))])
    assert server.asks == []
    assert "ask with frames" in outcome.stopped


def test_fields_of_one_servers_own_are_passed_on_and_recorded(tmp_path):
    with Loopback() as server:
        go(tmp_path, server, options={"extra_body": '{"top_k": 1}', "temperature": "none", "max_tokens": "7"})
    fields = server.asks[0].fields
    assert (fields["top_k"], fields["max_tokens"], "temperature" in fields) == (1, 7, False)
    assert only(tmp_path).options["extra_body"] == {"top_k": 1}


# Servers that fail.


@pytest.mark.parametrize(
    "fault",
    [
        Reply(500, {"error": {"message": "oops"}}),
        Reply(502, b"<html>bad gateway</html>", {"Content-Type": "text/html"}),
        Reply(503, {"error": {"message": "loading the model"}}, {"Retry-After": "0"}),
        Reply(429, {"error": {"message": "slow down"}}, {"Retry-After": "0.01"}),
        Reply(200, cut_after=30),
        Reply(200, cut_after=0),
        Reply(200, b"{not json"),
        Reply(200, b"\xff\xfe\x00"),
        Reply(200, b"<html>welcome to the wifi</html>", {"Content-Type": "text/html"}),
        Reply(200, {"choices": []}),
        Reply(200, {"choices": None}),
        Reply(200, []),
        Reply(200, {"choices": ["what"]}),
    ],
    ids=lambda reply: f"{reply.status} {str(reply.body)[:20]} cut={reply.cut_after}",
)
def test_a_passing_fault_costs_one_try_and_no_answer(tmp_path, fault):
    with Loopback(first(fault)) as server:
        assert go(tmp_path, server).counts == {"ok": 1}
    assert server.count("A-001") == 2
    assert only(tmp_path).tries == 2


def test_a_server_that_stays_broken_is_a_failure_with_its_own_words(tmp_path):
    with Loopback(lambda ask: Reply(500, {"error": {"message": "CUDA error: out of cheese"}})) as server:
        outcome = go(tmp_path, server, pacing=Pacing(backoff_s=0.001, retries=2))
    assert server.count("A-001") == 3
    assert outcome.missing[0][1] == "failed"
    assert "out of cheese" in outcome.missing[0][2]


def test_a_body_that_stays_garbage_is_unreadable_and_not_an_answer(tmp_path):
    with Loopback(lambda ask: Reply(200, b"{not json")) as server:
        outcome = go(tmp_path, server, pacing=Pacing(backoff_s=0.001, retries=1))
    assert outcome.counts == {"unreadable": 1}
    assert only(tmp_path).text is None


def test_a_slow_server_is_cut_off_and_asked_again(tmp_path):
    with Loopback(first(Reply(delay_s=30))) as server:
        assert go(tmp_path, server, pacing=Pacing(timeout_s=0.5, backoff_s=0.001)).complete
    assert server.count("A-001") == 2


def test_the_pause_a_server_asks_for_is_kept(tmp_path):
    with Loopback(first(Reply(429, {"error": {"message": "rate"}}, {"Retry-After": "1"}))) as server:
        started = time.monotonic()
        assert go(tmp_path, server).complete
    assert time.monotonic() - started >= 1


def test_a_server_that_is_not_there_is_named_in_the_advice(tmp_path):
    with Loopback() as server:
        pass
    outcome = go(tmp_path, server, pacing=Pacing(backoff_s=0.001, retries=1))
    assert outcome.counts == {"failed": 1}
    assert f"{server.url} broke" in outcome.missing[0][2]
    assert "is the server running?" in outcome.missing[0][2]


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("This model's maximum context length is 32768 tokens. However, you requested 98000 tokens", 400),
        ("The decoder prompt (length 51000) is longer than the maximum model length of 32768.", 400),
        ("At most 16 image(s) may be provided in one prompt.", 400),
        ("Request Entity Too Large", 413),
    ],
)
def test_a_request_too_long_is_asked_once_and_the_advice_is_to_show_less(tmp_path, message, status):
    with Loopback(lambda ask: Reply(status, {"error": {"message": message}})) as server:
        outcome = go(tmp_path, server)
    assert server.count("A-001") == 1
    assert "show fewer frames or smaller ones" in outcome.missing[0][2]


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_not_accepted_stops_the_run_early(tmp_path, status, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Loopback(lambda ask: Reply(status, {"error": {"message": f"no such key: {KEY}"}})) as server:
        outcome = go(tmp_path, server, n=200)
    assert len(server.asks) <= 4
    assert "does not accept the key" in outcome.stopped
    assert outcome.counts["unasked"] >= 196


def test_an_account_without_money_stops_the_run_though_its_status_says_try_later(tmp_path):
    spent = Reply(429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}})
    with Loopback(lambda ask: spent) as server:
        assert "is spent" in go(tmp_path, server, n=50).stopped
    assert len(server.asks) <= 4


def test_an_unknown_model_stops_the_run_and_says_where_to_look(tmp_path):
    with Loopback(lambda ask: Reply(404, {"error": {"message": "The model `m` does not exist."}})) as server:
        assert f"{server.url}/models" in go(tmp_path, server, n=50).stopped


# Replies that are no answers.


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (completion(None, refusal="I cannot judge people."), "refused", "I cannot judge people."),
        (completion("Step one", finish="content_filter"), "refused", "Step one"),
        (completion("", finish="stop"), "unreadable", ""),
        (completion(None), "unreadable", None),
        (completion("  \n"), "unreadable", "  \n"),
        (completion(None, reasoning_content="Let me think"), "unreadable", None),
        (completion('{"steps": [', finish="length"), "truncated", '{"steps": ['),
        (completion(None, finish="length"), "truncated", ""),
        (completion("{}", finish="max_tokens"), "truncated", "{}"),
        (completion("{}", finish="something_new"), "truncated", "{}"),
        (completion(None, finish="something_new"), "unreadable", None),
        (completion("{}", finish="end_turn"), "ok", "{}"),
        (completion("{}", finish="STOP"), "ok", "{}"),
        (completion("{}", finish=None), "ok", "{}"),
        (completion([{"type": "text", "text": "four "}, {"type": "text", "text": "points"}]), "ok", "four points"),
    ],
)
def test_a_reply_is_recorded_as_what_it_is(tmp_path, body, status, text):
    with Loopback(lambda ask: Reply(body=body)) as server:
        go(tmp_path, server)
    assert (only(tmp_path).status, only(tmp_path).text) == (status, text)
    assert server.count("A-001") == 1


@pytest.mark.parametrize("finish", ["abort", "error", "insufficient_system_resource"])
def test_an_answer_the_server_broke_off_is_asked_for_again_and_never_an_answer(tmp_path, finish):
    half = Reply(body=completion('{"steps": [', finish=finish))
    with Loopback(first(half)) as server:
        assert go(tmp_path, server).counts == {"ok": 1}
    with Loopback(lambda ask: half) as server:
        outcome = go(tmp_path / "never", server, pacing=Pacing(backoff_s=0.001, retries=1))
    assert outcome.counts == {"failed": 1}
    assert f"broke the answer off after 11 characters (finish reason '{finish}')" in outcome.missing[0][2]


@pytest.mark.parametrize("code", ["content_policy_violation", "content_filter", "data_inspection_failed"])
def test_a_request_the_servers_filter_turns_away_is_refused_and_not_failed(tmp_path, code):
    with Loopback(lambda ask: Reply(400, {"error": {"message": "not allowed", "code": code}})) as server:
        assert go(tmp_path, server).counts == {"refused": 1}


def test_a_tenth_of_failed_calls_lowers_the_coverage_and_is_listed(tmp_path):
    broken = Reply(500, {"error": {"message": "broken"}})
    with Loopback(lambda ask: broken if ask.id.endswith("7") else Reply()) as server:
        outcome = go(tmp_path, server, n=30, pacing=Pacing(backoff_s=0.001, retries=1, concurrency=8))
    assert (outcome.coverage, outcome.complete) == (0.9, False)
    assert [name for name, _, _ in outcome.missing] == ["A-007", "A-017", "A-027"]


# The answer's schema.


def test_the_answer_schema_is_sent(tmp_path):
    with Loopback() as server:
        go(tmp_path, server)
    assert server.asks[0].fields["response_format"]["json_schema"]["schema"] == SCHEMA


def test_a_server_that_does_not_know_schemas_is_asked_without_and_the_record_says_so(tmp_path):
    def no_schema(ask: Ask) -> Reply:
        if "response_format" in ask.fields:
            return Reply(400, {"error": {"message": "response_format.type json_schema is not supported"}})
        return Reply()

    with Loopback(no_schema) as server:
        assert go(tmp_path, server, n=5, pacing=Pacing(concurrency=1)).complete
    assert len(server.asks) == 6
    kept = load_run(tmp_path / "run").predictions.values()
    assert {p.options["json_schema"] for p in kept} == {"not taken by the server"}
    assert {p.tries for p in kept} == {1}


def test_with_json_schema_on_a_server_that_does_not_know_it_is_not_asked_without(tmp_path):
    refusal = Reply(400, {"error": {"message": "response_format is not supported"}})
    with Loopback(lambda ask: refusal if "response_format" in ask.fields else Reply()) as server:
        assert go(tmp_path, server, options={"json_schema": "on"}).counts == {"failed": 1}


def test_with_json_schema_off_none_is_sent(tmp_path):
    with Loopback() as server:
        go(tmp_path, server, options={"json_schema": "off"})
    assert "response_format" not in server.asks[0].fields


def test_a_server_that_knows_only_the_newer_name_of_the_token_limit_gets_that(tmp_path):
    advice = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    with Loopback(
        lambda ask: Reply(400, {"error": {"message": advice}}) if "max_tokens" in ask.fields else Reply()
    ) as s:
        assert go(tmp_path, s, options={"max_tokens": 9}).complete
    assert s.asks[-1].fields["max_completion_tokens"] == 9


# Keys.


def test_the_key_is_sent_and_occurs_nowhere_else(tmp_path):
    script = f"""
import logging, sys
from pathlib import Path
logging.basicConfig(level=logging.DEBUG)
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_run_openai import *
def leak(ask):
    said = {{"error": {{"message": "Bearer " + ask.key + " is not liked", "code": ask.key}}}}
    kinds = [Reply(400, said), Reply(500, said), Reply(body=completion("your key is " + ask.key, finish=ask.key)),
             Reply(body=completion(None, refusal="never, " + ask.key)), Reply(200, ask.key.encode()), Reply(401, said)]
    return kinds[int(ask.id[2:]) - 1]
with Loopback(leak) as server:
    print(go(Path({str(tmp_path)!r}), server, n=6, pacing=Pacing(concurrency=1, retries=1, backoff_s=0.001)))
    assert {{ask.key for ask in server.asks}} == {{"{KEY}"}}, server.asks
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"SIMING_API_KEY": KEY, "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "stopped=" in done.stdout
    assert KEY not in done.stdout + done.stderr
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"run.yaml", "requests.jsonl", "predictions.jsonl", ".lock"}
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert load_run(tmp_path / "run").predictions["A-003"].text == "your key is [key removed]"


def test_a_server_elsewhere_wants_a_key_and_one_on_this_machine_does_not(monkeypatch):
    with pytest.raises(TaskError, match="SIMING_API_KEY or OPENAI_API_KEY"):
        open_backend("openai:m@https://models.example/v1")
    assert open_backend("openai:m@http://localhost:9/v1").model == "openai:m@http://localhost:9/v1"
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert open_backend("openai:m@https://models.example/v1")


def test_a_key_typed_into_the_options_is_refused_without_repeating_it(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(TaskError, match="written down") as caught:
        open_backend("openai:m@http://127.0.0.1:9/v1", {"extra_body": json.dumps({"api_key": KEY})})
    assert KEY not in str(caught.value)


def test_only_one_file_of_siming_imports_the_client():
    import siming

    root = Path(siming.__file__).parent
    users = [
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if any(line.strip().startswith(("import openai", "from openai")) for line in path.read_text().splitlines())
    ]
    assert users == ["run/openai.py"]
