"""Responses of an endpoint, from a real HTTP server on the loopback interface."""

import json
from dataclasses import replace

import pytest

from sgram.errors import SgramError, UsageError
from sgram.grading.outcome import Problem
from sgram.scoring.endpoint_sampler import MAX_FAILURES, EndpointSampler, make_endpoint
from sgram.scoring.sampled_file import sample_file
from sgram.scoring.sampling import SamplingConfig, make_requests
from sgram.traces import TraceReader
from tests.builders.judge_endpoint import completion, serving

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
KEY = "sk-very-secret-0123456789"
CONFIG = SamplingConfig(n=2, max_tokens=50)
PROBLEMS = [Problem(f"p{number}", f"What is {number} + 1?", str(number + 1)) for number in range(4)]


def reply_with(choice):
    """Return a reply with one choice."""
    return 200, {}, json.dumps({"id": "x", "created": 7, "object": "chat.completion", "choices": [choice]}).encode()


def solve(body, number):
    """Answer the sum of a problem, as vLLM does: with token ids and log-probabilities."""
    problem = int(body["messages"][-1]["content"].split()[2])
    message = {"role": "assistant", "content": f"It is \\boxed{{{problem + 1}}}."}
    content = [{"token": token, "logprob": -0.5, "top_logprobs": []} for token in ("It", " is")]
    choice = {"index": 0, "message": message, "logprobs": {"content": content}, "finish_reason": "stop"}
    return reply_with({**choice, **({"token_ids": [5, 6]} if body.get("return_token_ids") else {})})


def run(reply, path, config=CONFIG, problems=PROBLEMS, chat=True, parallel=1, url=None, **settings):
    """Return (the sampled file, the traces in it, the endpoint, the waits)."""
    waits = []
    with serving(reply) as server:
        endpoint = make_endpoint(url or server.url, chat, **{"retries": 2, "seconds": 20, **settings})
        sampler = EndpointSampler(endpoint, "m", config, parallel, sleep=waits.append)
        try:
            sampled = sample_file(make_requests(problems, config.n), sampler, path, config)
        finally:
            run.server, run.waits = server, waits
    traces = TraceReader([path], runs={str(path): ""})
    return sampled, [replace(trace, id=trace.id.partition("@")[0]) for trace in traces]


def test_responses_are_graded_rows_in_the_order_of_the_problems(tmp_path, monkeypatch):
    monkeypatch.setenv("SGRAM_API_KEY", KEY)
    sampled, traces = run(solve, tmp_path / "out.jsonl", replace(CONFIG, top_p=0.9, top_k=7), parallel=4)
    assert [trace.id for trace in traces] == [f"p{problem}#{number}" for problem in range(4) for number in range(2)]
    first = traces[0]
    assert (first.group, first.model, first.text, first.answer) == ("p0", "m", "It is \\boxed{1}.", "1")
    assert (first.token_ids, first.logprobs, first.entropies) == ((5, 6), (-0.5, -0.5), None)
    assert first.meta["finish_reason"] == "stop"
    assert "created" not in first.meta, "what changes from call to call would change the bytes"
    assert (sampled.counts.n_judged, sampled.counts.n_correct, sampled.n_missing) == (8, 8, 0)
    assert sampled.tokenizer is None
    (body, *others) = run.server.bodies
    assert (body["model"], body["temperature"], body["top_p"], body["top_k"], body["max_tokens"]) == (
        "m",
        1,
        0.9,
        7,
        50,
    )
    assert body["messages"][0]["content"].endswith("Put your final answer in \\boxed{}.")
    assert len({other["seed"] for other in (body, *others)}) == 8, "each sample has a seed of its own"
    assert run.server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in (tmp_path / "out.jsonl").read_text()
    _, traces_again = run(solve, tmp_path / "again.jsonl", replace(CONFIG, top_p=0.9, top_k=7))
    assert traces_again == traces


def test_reasoning_stands_before_the_answer(tmp_path):
    message = {"role": "assistant", "content": "\\boxed{1}", "reasoning_content": "Wait, 0 + 1 is 1."}
    _, traces = run(
        lambda body, number: reply_with({"message": message, "finish_reason": "stop"}), tmp_path / "o.jsonl"
    )
    assert traces[0].text.index("Wait, 0 + 1 is 1.") < traces[0].text.index("\\boxed{1}")
    assert [part["kind"] for part in traces[0].meta["parts"]] == ["reasoning", "answer"]


def test_text_without_a_chat_is_completed(tmp_path):
    _, traces = run(
        lambda body, number: reply_with({"text": " It is 1.", "finish_reason": "length", "logprobs": None}),
        tmp_path / "out.jsonl",
        chat=False,
    )
    assert set(run.server.paths) == {"/v1/completions"}
    assert run.server.bodies[0]["prompt"] == "What is 0 + 1?\n\nPut your final answer in \\boxed{}."
    assert traces[0].text == " It is 1."


def test_fields_that_a_server_does_not_know_are_left_out(tmp_path):
    def refuse(body, number):
        for name in ("return_token_ids", "max_tokens", "logprobs"):
            if name in body:
                hint = "use max_completion_tokens" if name == "max_tokens" else name
                return 400, {}, f"unsupported: {hint}".encode()
        return solve(body, number)

    sampled, traces = run(refuse, tmp_path / "out.jsonl")
    assert len(traces) == 8
    assert traces[0].token_ids is None
    assert sampled.counts.n_unscored == 8
    assert [sorted(body) for body in run.server.bodies[-8:]] == [
        ["max_completion_tokens", "messages", "model", "seed", "temperature"]
    ] * 8, "the form is found once"


def test_busy_servers_are_asked_again(tmp_path):
    def busy_at_first(body, number):
        return (429, {"Retry-After": "3"}, b"slow down") if number < 2 else solve(body, number)

    sampled, _ = run(busy_at_first, tmp_path / "out.jsonl")
    assert run.waits == [3.0, 3.0]
    assert sampled.n_missing == 0


def test_a_refused_key_stops_at_once_and_is_not_repeated(tmp_path, monkeypatch):
    monkeypatch.setenv("SGRAM_API_KEY", KEY)
    with pytest.raises(
        UsageError, match=r"the model at .* refuses the key \(401\); put a valid key into \$SGRAM_API_KEY"
    ):
        run(lambda body, number: (401, {}, f"bad key {KEY}".encode()), tmp_path / "out.jsonl")
    assert len(run.server.bodies) == 1


def test_an_unknown_model_stops_at_once(tmp_path):
    with pytest.raises(UsageError, match=r"cannot be asked \(status 404: no such model\); check --model and --model-n"):
        run(lambda body, number: (404, {}, b"no such model"), tmp_path / "out.jsonl")


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ((500, {}, b"out of memory"), r"gave no reply in 3 tries \(status 500: out of memory\); run the same command"),
        ((200, {}, b"<html>"), "sends no chat completion .*; check its URL"),
        ((200, {}, b'{"error": {"message": "overloaded"}}'), r"sends no completion \(overloaded\); check --model"),
        ((400, {}, b"too long"), "refuses the request .*too long.*; check --max-tokens, --top-k and --model-name"),
    ],
)
def test_a_server_without_replies_is_given_up(tmp_path, reply, message):
    with pytest.raises(SgramError, match=message):
        run(lambda body, number: reply, tmp_path / "out.jsonl")
    assert not (tmp_path / "out.jsonl").exists()
    # MAX_FAILURES requests, 2 a problem, and none after them, however late the outcomes are read
    assert len({json.dumps(body["messages"]) for body in run.server.bodies}) == (MAX_FAILURES + 1) // 2


def test_a_slow_reply_is_given_up_and_its_row_is_left_out(tmp_path):
    from threading import Event

    never = Event()

    def hang_once(body, number):
        if number == 3:
            never.wait(2)
        return solve(body, number)

    sampled, traces = run(hang_once, tmp_path / "out.jsonl", seconds=0.5, retries=0)
    assert (sampled.n_missing, len(traces)) == (1, 7)
    assert "p1#1" not in {trace.id for trace in traces}
    assert "gave no reply in 1 tries (TimeoutError" in sampled.first_fault


def test_a_row_that_failed_is_left_out_and_asked_for_again(tmp_path):
    def fail_once(body, number):
        return (200, {}, b"{}") if number == 5 else solve(body, number)

    sampled, traces = run(fail_once, tmp_path / "out.jsonl")
    assert (sampled.n_missing, sampled.counts.n_samples) == (1, 7)
    assert [trace.id for trace in traces] == ["p0#0", "p0#1", "p1#0", "p1#1", "p2#0", "p3#0", "p3#1"]
    url = run.server.url  # the parts belong to this address
    port = int(url.rsplit(":", 1)[1].split("/")[0])
    assert list((tmp_path / "out.jsonl.parts").iterdir()), "the replies stay"
    with serving(solve, port=port) as server:
        sampler = EndpointSampler(make_endpoint(server.url, chat=True), "m", CONFIG, 1)
        sampled = sample_file(make_requests(PROBLEMS, 2), sampler, tmp_path / "out.jsonl", CONFIG)
    assert len(server.bodies) == 1
    assert (sampled.n_reused, sampled.n_missing, sampled.counts.n_samples) == (7, 0, 8)
    assert not (tmp_path / "out.jsonl.parts").exists()


def test_empty_messages_are_responses_and_stop_the_job_if_most_are_empty(tmp_path):
    def be_silent(body, number):
        return completion("") if number % 3 == 0 else solve(body, number)

    sampled, traces = run(be_silent, tmp_path / "out.jsonl")
    assert sampled.counts.n_empty == 3  # requests 0, 3, 6
    assert [trace.correct for trace in traces].count(False) == 3
    with pytest.raises(
        UsageError, match=r"8 of the first 8 responses are empty or one token; look at the chat template"
    ):
        run(lambda body, number: completion(None), tmp_path / "silent.jsonl")


def test_a_response_that_repeats_the_key_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("SGRAM_API_KEY", KEY)
    _, traces = run(lambda body, number: completion(f"The key is {KEY}."), tmp_path / "out.jsonl")
    assert traces[0].text == "The key is [key]."
    assert KEY not in (tmp_path / "out.jsonl").read_text()


def test_an_endpoint_needs_the_name_of_its_model_and_a_url():
    with pytest.raises(UsageError, match="give --model-name, such as"):
        EndpointSampler(make_endpoint("http://localhost:8000/v1", chat=True), "", CONFIG)
    with pytest.raises(UsageError, match=r"the model's URL contains a user or password; put the key into \$SGRAM_API"):
        make_endpoint("http://me:secret@localhost:8000/v1", chat=True)
